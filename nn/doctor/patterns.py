"""Mistakes that pairs of arrays show, without a model: factors, transposes, swaps, single rows, NaNs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nn.doctor.evidence import Case, Diagnosis, agreeing_digits, distance, finite, largest, listed

__all__ = ["exact", "fitted", "lone_parts", "not_finite"]

Array = NDArray[Any]

# What has no exact prediction, a lone row or a factor of no known origin, must change the gradient by this share.
_GROSS = 1e-2
# So many numbers must obey a factor that was fitted to them.
_FITTED = 3


# ---------------------------------------------------------------------------------------------------------------------
# Mistakes that predict every number
# ---------------------------------------------------------------------------------------------------------------------


def exact(case: Case) -> Iterator[Diagnosis]:
    """Find mistakes that predict every number."""
    yield from _not_summed(case)
    yield from _rearranged(case)
    yield from _of_another(case)
    yield from _known_factors(case)


def _not_summed(case: Case) -> Iterator[Diagnosis]:
    for name, found, expected in case.pairs:
        if found.size <= expected.size:
            continue
        axes = itertools.chain.from_iterable(
            itertools.combinations(range(found.ndim), n) for n in range(1, found.ndim + 1)
        )
        for over, (verb, reduce) in itertools.product(axes, (("summed", np.sum), ("averaged", np.mean))):
            total = np.asarray(reduce(found, axis=over))
            if total.size == expected.size and case.tolerance.agrees(total.reshape(expected.shape), expected):
                yield Diagnosis(
                    f"gradient not {verb} over {'the batch' if 0 in over else 'all axes'}",
                    (name,),
                    f"the {case.names[0]} gradient of {name} has shape {found.shape}, and the parameter "
                    f"{expected.shape}; {verb} over {'axis' if len(over) == 1 else 'axes'} {listed(map(str, over))} "
                    f"it is the {case.names[1]} one, to {agreeing_digits(total.reshape(expected.shape), expected)} "
                    f"digits",
                    "the parameter is broadcast in the forward pass, to each example or each place, so that the "
                    "gradients of all of them add up; what was returned is the gradient of the layer's output",
                )
                break


def _rearranged(case: Case) -> Iterator[Diagnosis]:
    """Find gradients whose numbers are right, and stand in other places."""
    for name, found, expected in case.pairs:
        for mistake, how, predicted, thought in _arrangements(expected, found.shape):
            if case.explains(name, predicted):
                yield Diagnosis(
                    mistake,
                    (name,),
                    f"the {case.names[0]} gradient of {name} is the {case.names[1]} one {how}, "
                    f"{case.digits({name: predicted})}",
                    thought,
                )


def _arrangements(g: Array, shape: tuple[int, ...]) -> Iterator[tuple[str, str, Array, str]]:
    """Yield what mistakes make of a gradient, with the mistake's name, what it does, and the thought behind it."""
    n = g.ndim
    if n == 2:
        factors = (
            "the factors of the matrix product stand in the wrong order, or as for weights that are stored the other "
            "way round: X.T @ delta for X @ W, delta.T @ X for X @ W.T"
        )
        yield "transposed gradient", "transposed", g.T, factors
    elif n > 2:
        for order in (tuple(range(n))[::-1], (*range(n - 2), n - 1, n - 2), (1, 0, *range(2, n))):
            how = f"with its axes in the order {order}"
            yield "transposed gradient", how, g.transpose(order), "the axes of the gradient were mixed up"
    # A column is no kernel: of two classes, it is its own negative turned round.
    if n > 2 or (n == 2 and min(g.shape) > 1):
        convolution = (
            "convolution, which flips the kernel, in place of cross-correlation, which does not: as "
            "scipy.signal.convolve2d in place of correlate2d"
        )
        yield "flipped kernel", "turned by 180 degrees in its last two axes", g[..., ::-1, ::-1], convolution
    if shape != g.shape and math.prod(shape) == g.size:
        kept = "an axis of length 1 was kept or lost (keepdims), or the gradient was not brought back into shape"
        yield "another shape", f"in shape {shape}, and not in the parameter's {g.shape}", g.reshape(shape), kept


def _of_another(case: Case) -> Iterator[Diagnosis]:
    """Find gradients that stand at another parameter's name."""
    gradients = {name: g for name, g in case.reference.items() if largest(g) > case.tolerance.absolute}
    at = {name: [o for o, g in gradients.items() if o != name and case.explains(name, g)] for name in case.wrong}
    for a, b in itertools.combinations(at, 2):
        if b in at[a] and a in at[b]:
            yield Diagnosis(
                "swapped gradients",
                (a, b),
                f"the {case.names[0]} gradient of {a} is the {case.names[1]} one of {b}, and the other way round, "
                f"{case.digits({a: gradients[b], b: gradients[a]})}",
                "the gradients are returned or unpacked in another order than the parameters",
            )
    for name, others in at.items():
        if others and case.manual[name].size > 1:
            yield Diagnosis(
                "gradient of another parameter",
                (name,),
                f"the {case.names[0]} gradient of {name} is the {case.names[1]} one of {others[0]}, "
                f"{case.digits({name: gradients[others[0]]})}",
                "a variable of another layer was used, as lines that were copied and not changed throughout do, or the "
                "gradients are returned in another order than the parameters",
            )


def _known_factors(case: Case) -> Iterator[Diagnosis]:
    for factor, thought in _usual_factors(case.batch_size or 1).items():
        predicted = {name: factor * g for name, _, g in case.alike if case.explains(name, factor * g)}
        if predicted:
            yield _times(case, factor, predicted, thought)


def _usual_factors(n: int) -> dict[float, str]:
    """Return the factors that mistakes make, of a sign, a square and a mean over n examples, and their products."""
    signs = {
        1.0: "",
        -1.0: "the sign is turned: target - output stands for output - target, or the step for the gradient",
    }
    squares = {
        1.0: "",
        2.0: "the 2 from differentiating a square is there twice, or the loss has a half before the square",
        0.5: "the 2 from differentiating a square is missing, as if the loss had a half before the square",
    }
    means = {1.0: ""}
    if n > 1:
        means[1.0 / n] = f"the division by the batch size {n} is done twice, or the loss is a sum and not a mean"
        means[float(n)] = f"the loss is a mean over the batch of {n}, and the division by {n} is missing"
    readings: dict[float, list[list[str]]] = {}
    for parts in itertools.product(signs.items(), squares.items(), means.items()):
        factor = math.prod(part for part, _ in parts)
        readings.setdefault(factor, []).append([thought for _, thought in parts if thought])
    # A 2 that may be the batch's is read as one mistake, not as three that cancel in part.
    fewest = {factor: min(map(len, several)) for factor, several in readings.items()}
    return {
        factor: "; or ".join("; and ".join(thoughts) for thoughts in several if len(thoughts) == fewest[factor])
        for factor, several in readings.items()
    }


# ---------------------------------------------------------------------------------------------------------------------
# Mistakes with a number that is fitted, and what fits many
# ---------------------------------------------------------------------------------------------------------------------


def fitted(case: Case) -> Iterator[Diagnosis]:
    """Find mistakes with a number in them that only the gradients tell."""
    yield from _regularised(case)
    yield from _unknown_factors(case)
    yield from _zero(case)


def _regularised(case: Case) -> Iterator[Diagnosis]:
    """Find differences that are a multiple of the parameter, or of its sign."""
    own = {
        name: case.parameters[name].astype(float)
        for name, found, _ in case.alike
        if name in case.parameters and case.parameters[name].shape == found.shape
    }
    for what, bases in (
        ("the parameter", own),
        ("the parameter's sign", {name: np.sign(parameter) for name, parameter in own.items()}),
    ):
        differences = {name: case.manual[name] - case.reference[name] for name in bases}
        for strength, names in _multiples(case, differences, bases, case.reference):
            if np.ptp(np.concatenate([bases[name].ravel() for name in names])) == 0:
                continue  # a constant, which needs no parameter to explain it
            missing = strength < 0
            predicted = {name: case.reference[name] + strength * bases[name] for name in names}
            yield Diagnosis(
                "regularisation term missing" if missing else "regularisation term doubled",
                tuple(names),
                f"in {listed(names)} the {case.names[0]} gradient is everywhere the {case.names[1]} one "
                f"{'minus' if missing else 'plus'} {abs(strength):.6g} times {what}, {case.digits(predicted)}",
                "the penalty is in the loss that was differentiated, and its derivative was left out, or is too small "
                "by a factor such as the 2 of a square"
                if missing
                else "the derivative of the penalty was added twice: to the gradient, and again as weight decay, say; "
                "or it was added although the loss that was differentiated has no penalty",
            )


def _unknown_factors(case: Case) -> Iterator[Diagnosis]:
    found = {name: found for name, found, _ in case.alike}
    expected = {name: expected for name, _, expected in case.alike}
    for factor, names in _multiples(case, found, expected, {}):
        if abs(factor - 1) < _GROSS:
            continue
        whole = next(
            (round(f) for f in (factor, 1 / factor) if abs(f) > 2.5 and math.isclose(f, round(f), rel_tol=1e-6)), 0
        )
        thought = "a constant of the loss or of a layer was left out, or counted twice"
        if whole:
            verb = "forgotten" if abs(factor) > 1 else "taken once too often"
            thought = f"a whole number: a mean over {abs(whole)} numbers was {verb}, perhaps"
        yield _times(case, factor, {name: factor * expected[name] for name in names}, thought)


def _zero(case: Case) -> Iterator[Diagnosis]:
    names = tuple(name for name, found, _ in case.alike if not found.any())
    if names:
        yield Diagnosis(
            "zero gradient",
            names,
            f"the {case.names[0]} gradient of {listed(names)} is zero throughout, and the {case.names[1]} one is not",
            "it was never computed or never written back, or the chain of derivatives is cut behind it",
        )


def _multiples(
    case: Case, found: Mapping[str, Array], bases: Mapping[str, Array], offsets: Mapping[str, Array]
) -> Iterator[tuple[float, list[str]]]:
    """Fit a multiple of each array's base, and yield those that hold for enough numbers, with the names."""

    def fits(name: str, multiple: float) -> bool:
        return multiple != 0 and case.explains(name, offsets.get(name, 0.0) + multiple * bases[name])

    groups: dict[float, list[str]] = {}
    for name, base in bases.items():
        if norm := float(np.vdot(base, base)):
            own = float(np.vdot(base, found[name])) / norm
            multiple = next((m for m in groups if fits(name, m)), own)
            if fits(name, multiple):
                groups.setdefault(multiple, []).append(name)
    for multiple, names in groups.items():
        if sum(int(np.sum(np.abs(bases[name]) > _GROSS * largest(bases[name]))) for name in names) >= _FITTED:
            yield multiple, names


def _times(case: Case, factor: float, predicted: Mapping[str, Array], thought: str) -> Diagnosis:
    number = f"{factor:.4f}" if 0.0999 < abs(factor) < 1000 else f"{factor:.6g}"
    parameters = {name for name, g in case.reference.items() if g.any()}
    where = "every parameter" if len(parameters) > 1 and parameters == set(predicted) else listed(predicted)
    return Diagnosis(
        "constant factor",
        tuple(predicted),
        f"{case.names[0]} is {number} times the {case.names[1]} gradient everywhere in {where}, "
        f"{case.digits(predicted)}",
        thought,
    )


# ---------------------------------------------------------------------------------------------------------------------
# What can only be described
# ---------------------------------------------------------------------------------------------------------------------

# What the parts along an array's first axes are called, by its number of axes.
_KINDS = {1: ("element",), 2: ("row", "column"), 3: ("filter",), 4: ("filter", "channel")}


class _Part(NamedTuple):
    """A part of an array: what it is called, along which axis it is counted (None for an element), and which it is."""

    kind: str
    axis: int | None
    place: Any


def lone_parts(case: Case) -> Iterator[Diagnosis]:
    """Find gradients that are wrong in one row, column, filter, channel or element alone."""
    if case.names[1] == "numerical":
        return  # a step across a kink of one unit makes its row of the numerical gradient wrong, not of the manual one
    # A unit's row of the weight and its element of the bias are one.
    units: dict[Any, list[tuple[str, _Part]]] = {}
    for name, found, expected in case.alike:
        if part := _lone_part(distance(found, expected) > case.tolerance.around(expected), expected):
            size = largest(distance(found, expected))
            if size > _GROSS * largest(expected):
                unit = (expected.shape[0], part.place) if part.axis == 0 else name
                units.setdefault(unit, []).append((name, part))
    for parts in units.values():
        where = [f"{part.kind} {part.place} of {name}" for name, part in parts]
        thought = (
            "one unit, input or class is treated apart: an index that is off by one, a loop that begins late or ends "
            "early, or a value that is overwritten in place of added to"
        )
        yield Diagnosis(
            f"single wrong {parts[0][1].kind}",
            tuple(name for name, _ in parts),
            f"{case.names[0]} and {case.names[1]} gradient differ only in {listed(where)} (counted from 0); everything "
            f"else there agrees",
            thought,
        )


def _lone_part(wrong: Array, expected: Array) -> _Part | None:
    """Return the only part of a gradient that is wrong, if there is just one and anything right beside it."""
    if wrong.sum() == 1 and wrong.ndim > 1 and min(wrong.shape[:2]) > 1 and expected[~wrong].any():
        return _Part("element", None, tuple(int(i) for i in np.argwhere(wrong)[0]))
    for axis, kind in enumerate(_KINDS.get(wrong.ndim, ())):
        places = np.flatnonzero(wrong.any(axis=tuple(i for i in range(wrong.ndim) if i != axis)))
        if len(places) == 1 and np.delete(expected, places, axis=axis).any():
            return _Part(kind, axis, int(places[0]))
    return None


def not_finite(case: Case, names: Sequence[str]) -> Iterator[Diagnosis]:
    """Tell where NaN and infinity begin, going back from the loss."""
    if not names:
        return
    blamed = any(not finite(case.manual[name]) for name in names)
    who, gradients = (case.names[0], case.manual) if blamed else (case.names[1], case.reference)
    first = [name for name in names if not finite(gradients[name])][-1]
    bad = np.argwhere(~np.isfinite(gradients[first]))
    order = list(case.reference)
    behind = order[order.index(first) + 1 :]
    evidence = (
        f"of the {who} gradient of {first}, {len(bad)} of {gradients[first].size} elements "
        f"{'is' if len(bad) == 1 else 'are'} NaN or infinite, first at {tuple(bad[0].tolist())}; going back from the "
        f"loss, they begin there"
    )
    if behind:
        evidence += f": {listed(behind)} {'is' if len(behind) == 1 else 'are'} finite"
    if blamed and any(not finite(case.reference[name]) for name in names):
        evidence += f"; the {case.names[1]} gradient is not finite either"
    yield Diagnosis(
        "NaN or infinity",
        tuple(names),
        evidence,
        "something between these layers divides by 0, multiplies 0 by infinity, or overflows"
        if behind
        else "the loss or the last layer takes the logarithm of 0, divides by a sum that is 0, or overflows in exp, as "
        "a softmax does whose maximum is not taken off",
    )
