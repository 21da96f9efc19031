"""Diagnoses: which mistake made one gradient out of another, and what shows it.

A mistake is named only if it accounts for the whole difference: the gradient that comes out when it is made must be the
wrong one, to rounding. Plain NumPy on pairs of arrays; what cannot be seen in them, such as a missing mask, is tried
out by whoever has the model, and given as a `Hypothesis`.
"""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Diagnosis", "Hypothesis", "Tolerance", "agreeing_digits", "diagnose", "listed"]

Array = NDArray[Any]

# A difference must be so many times what rounding explains before anything is said about its cause.
_CLEAR = 10.0
# A mistake must leave no more than this share of the difference: tolerances are wide, and much would fit into them.
_LEFT = 1e-3
# What has no exact prediction, a lone row or a factor of no known origin, must change the gradient by this share.
_GROSS = 1e-2
# So many numbers must obey a factor that was fitted to them.
_FITTED = 3
# Below this share of the largest gradient, what rounding leaves of a gradient that cancels is no difference.
_CANCELLED = 1e-3


@dataclass(frozen=True)
class Diagnosis:
    """A mistake that accounts for the difference between two gradients.

    Attributes
    ----------
    mistake : str
        Its name: "constant factor", "transposed gradient", "missing ReLU mask", ...
    parameters : tuple of str
        Whose gradients it accounts for.
    evidence : str
        What was found, with the number of digits to which it holds.
    thought : str
        The line of thought that probably led to it.
    alternatives : tuple of str
        Other mistakes that account for these gradients just as well.
    """

    mistake: str
    parameters: tuple[str, ...]
    evidence: str
    thought: str
    alternatives: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"Evidence: {self.evidence}.", f"Likely thought: {self.thought}."]
        if self.alternatives:
            lines.append(f"Not to be told apart here from: {', '.join(self.alternatives)}.")
        name = f"{self.mistake[0].upper()}{self.mistake[1:]} ({listed(self.parameters)})"
        return "\n".join(
            [name, *(textwrap.fill(line, 100, initial_indent="  ", subsequent_indent="  ") for line in lines)]
        )


class Hypothesis(NamedTuple):
    """A mistake, and the gradients that come out when it is made.

    Attributes
    ----------
    mistake : str
        Its name.
    gradients : mapping of str to ndarray
        The gradients of all parameters.
    made : str
        How they come about, as it continues "the one that comes out when ...".
    thought : str
        The line of thought behind it.
    """

    mistake: str
    gradients: Mapping[str, Array]
    made: str
    thought: str


class Tolerance(NamedTuple):
    """How far apart two correct computations of a gradient may be.

    Attributes
    ----------
    relative : float
        A share of the gradient's largest element.
    absolute : float
        What rounding leaves where a gradient cancels.
    """

    relative: float
    absolute: float = 0.0

    @classmethod
    def of(cls, relative: float, gradients: Mapping[str, Array]) -> Tolerance:
        """Return the tolerance for gradients of one loss, the largest of which says how much may be left of others."""
        size = max((_largest(g) for g in gradients.values() if np.isfinite(g).all()), default=0.0)
        return cls(relative, _CANCELLED * relative * size)

    def around(self, expected: Array) -> float:
        """Return how far from a gradient's elements a correct one's may be."""
        return max(self.relative * _largest(expected), self.absolute)

    def agrees(self, found: Array, expected: Array) -> bool:
        """Return whether a gradient is the expected one; False for another shape, and for NaN and infinity."""
        return found.shape == expected.shape and _largest(_distance(found, expected)) <= self.around(expected) < np.inf


def agreeing_digits(found: Array, expected: Array) -> int:
    """Return to how many digits two gradients of one shape agree, relative to the largest element.

    Parameters
    ----------
    found, expected : ndarray
        Of one shape.

    Returns
    -------
    int
        From 0 to 15; 0 if an element is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.diagnosis import agreeing_digits
    >>> agreeing_digits(np.array([1.0, 2.0]), np.array([1.0, 2.001]))
    3
    """
    furthest, size = _largest(_distance(found, expected)), _largest(expected)
    if furthest == 0:
        return 15
    return min(math.floor(-math.log10(furthest / size)), 15) if furthest < size < np.inf else 0


def diagnose(
    manual: Mapping[str, Array],
    reference: Mapping[str, Array],
    tolerance: Tolerance,
    *,
    names: tuple[str, str] = ("manual", "automatic"),
    parameters: Mapping[str, Array] | None = None,
    batch_size: int | None = None,
    hypotheses: Iterable[Hypothesis] = (),
    observed: Iterable[Diagnosis] = (),
) -> tuple[Diagnosis, ...]:
    """Name the mistakes that account for the difference between gradients.

    A mistake that is fully known predicts the gradients it makes; it is named if they are the manual ones to rounding,
    wherever it changes anything. One with an unknown number in it (a factor, the strength of a regularisation) must
    hold for several elements at once. Only what neither accounts for is described, as a single row, say. Where two
    mistakes account for the same gradients, both are named.

    Parameters
    ----------
    manual : mapping of str to ndarray
        The gradients in question.
    reference : mapping of str to ndarray
        What they should be, for the same names in the order of the forward pass.
    tolerance : Tolerance
        How far correct ones may be from those.
    names : tuple of str
        What to call the two; beside "numerical" ones no lone row is named, which may be their own.
    parameters : mapping of str to ndarray, optional
        The parameters themselves, without which regularisation cannot be recognised.
    batch_size : int, optional
        Number of examples, without which no factor can be traced to it.
    hypotheses : iterable of Hypothesis
        Mistakes that were tried out; they are used up only if something differs.
    observed : iterable of Diagnosis
        What was found in other ways, for gradients that no known mistake predicts; likewise.

    Returns
    -------
    tuple of Diagnosis
        Empty if nothing differs, or no known mistake accounts for it.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.diagnosis import Tolerance, diagnose
    >>> gradient = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> [diagnosis] = diagnose({"W": gradient.T}, {"W": gradient}, Tolerance(1e-10))
    >>> print(diagnosis)
    Transposed gradient (W)
      Evidence: the manual gradient of W is the automatic one transposed, to 15 digits.
      Likely thought: the factors of the matrix product stand in the wrong order, or as for weights that
      are stored the other way round: X.T @ delta for X @ W, delta.T @ X for X @ W.T.
    """
    clear = Tolerance(_CLEAR * tolerance.relative, _CLEAR * tolerance.absolute)
    wrong = [name for name in reference if not clear.agrees(manual[name], reference[name])]
    endless = [name for name in wrong if not (_finite(manual[name]) and _finite(reference[name]))]
    finite = [name for name in wrong if name not in endless]
    case = _Case(manual, reference, finite, tolerance, names, parameters or {}, batch_size)
    found = list(_not_finite(case, endless))
    if finite:
        # From what predicts every number, over what was fitted or merely observed, to what only describes.
        found += _simplest(
            [
                [*_tried_out(case, hypotheses), *_exact(case)],
                [*_fitted(case), *observed],
                [*_lone_parts(case)],
            ],
            finite,
        )
    return tuple(found)


class _Case(NamedTuple):
    """Gradients, those of them that are clearly wrong, and what is known besides."""

    manual: Mapping[str, Array]
    reference: Mapping[str, Array]
    wrong: Sequence[str]
    tolerance: Tolerance
    names: tuple[str, str]
    parameters: Mapping[str, Array]
    batch_size: int | None

    @property
    def pairs(self) -> Iterator[tuple[str, Array, Array]]:
        """The wrong gradients with what they should be."""
        return ((name, self.manual[name], self.reference[name]) for name in self.wrong)

    @property
    def alike(self) -> list[tuple[str, Array, Array]]:
        """Those of them that have the right shape."""
        return [pair for pair in self.pairs if pair[1].shape == pair[2].shape]

    def explains(self, name: str, predicted: Array) -> bool:
        """Return whether a manual gradient is the predicted one, and hardly anything of the difference is left."""
        found, expected = self.manual[name], self.reference[name]
        if not self.tolerance.agrees(found, predicted):
            return False
        return found.shape != expected.shape or (_largest(found - predicted) <= _LEFT * _largest(found - expected))

    def digits(self, predicted: Mapping[str, Array]) -> str:
        """Say to how many digits manual gradients are what a mistake makes of them."""
        return f"to {min(agreeing_digits(self.manual[name], value) for name, value in predicted.items())} digits"


def _simplest(ranks: Iterable[Sequence[Diagnosis]], wrong: Iterable[str]) -> Iterator[Diagnosis]:
    """Choose diagnoses, those first that account for most, and together those that account for the same."""
    left = set(wrong)
    for rank in ranks:
        while candidates := [d for d in rank if left.issuperset(d.parameters)]:
            most = set(max(candidates, key=lambda d: len(d.parameters)).parameters)
            rivals: dict[str, Diagnosis] = {}
            for rival in candidates:
                if set(rival.parameters) == most:
                    rivals.setdefault(rival.mistake, rival)
            for rival in rivals.values():
                yield replace(rival, alternatives=tuple(name for name in rivals if name != rival.mistake))
            left -= most


# ---------------------------------------------------------------------------------------------------------------------
# Mistakes that predict every number
# ---------------------------------------------------------------------------------------------------------------------


def _tried_out(case: _Case, hypotheses: Iterable[Hypothesis]) -> Iterator[Diagnosis]:
    """Accept a hypothesis whose gradients are the manual ones wherever they are not the reference."""
    for mistake, gradients, made, thought in hypotheses:
        changed = {
            name: value
            for name, value in gradients.items()
            if name in case.reference and not case.tolerance.agrees(value, case.reference[name])
        }
        explained = tuple(name for name in changed if name in case.wrong)
        if explained and all(case.explains(name, value) for name, value in changed.items()):
            evidence = f"the {case.names[0]} gradient of {listed(explained)} is, {case.digits(changed)}, the one that "
            yield Diagnosis(mistake, explained, f"{evidence}comes out when {made}", thought)


def _exact(case: _Case) -> Iterator[Diagnosis]:
    yield from _not_summed(case)
    yield from _rearranged(case)
    yield from _of_another(case)
    yield from _known_factors(case)


def _not_summed(case: _Case) -> Iterator[Diagnosis]:
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


def _rearranged(case: _Case) -> Iterator[Diagnosis]:
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


def _of_another(case: _Case) -> Iterator[Diagnosis]:
    """Find gradients that stand at another parameter's name."""
    gradients = {name: g for name, g in case.reference.items() if _largest(g) > case.tolerance.absolute}
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


def _known_factors(case: _Case) -> Iterator[Diagnosis]:
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


def _fitted(case: _Case) -> Iterator[Diagnosis]:
    yield from _regularised(case)
    yield from _unknown_factors(case)
    yield from _zero(case)


def _regularised(case: _Case) -> Iterator[Diagnosis]:
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


def _unknown_factors(case: _Case) -> Iterator[Diagnosis]:
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


def _zero(case: _Case) -> Iterator[Diagnosis]:
    names = tuple(name for name, found, _ in case.alike if not found.any())
    if names:
        yield Diagnosis(
            "zero gradient",
            names,
            f"the {case.names[0]} gradient of {listed(names)} is zero throughout, and the {case.names[1]} one is not",
            "it was never computed or never written back, or the chain of derivatives is cut behind it",
        )


def _multiples(
    case: _Case, found: Mapping[str, Array], bases: Mapping[str, Array], offsets: Mapping[str, Array]
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
        if sum(int(np.sum(np.abs(bases[name]) > _GROSS * _largest(bases[name]))) for name in names) >= _FITTED:
            yield multiple, names


def _times(case: _Case, factor: float, predicted: Mapping[str, Array], thought: str) -> Diagnosis:
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


def _lone_parts(case: _Case) -> Iterator[Diagnosis]:
    """Find gradients that are wrong in one row, column, filter, channel or element alone."""
    if case.names[1] == "numerical":
        return  # a step across a kink of one unit makes its row of the numerical gradient wrong, not of the manual one
    # A unit's row of the weight and its element of the bias are one.
    units: dict[Any, list[tuple[str, _Part]]] = {}
    for name, found, expected in case.alike:
        if part := _lone_part(_distance(found, expected) > case.tolerance.around(expected), expected):
            size = _largest(_distance(found, expected))
            if size > _GROSS * _largest(expected):
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


def _not_finite(case: _Case, names: Sequence[str]) -> Iterator[Diagnosis]:
    """Tell where NaN and infinity begin, going back from the loss."""
    if not names:
        return
    blamed = any(not _finite(case.manual[name]) for name in names)
    who, gradients = (case.names[0], case.manual) if blamed else (case.names[1], case.reference)
    first = [name for name in names if not _finite(gradients[name])][-1]
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
    if blamed and any(not _finite(case.reference[name]) for name in names):
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


# ---------------------------------------------------------------------------------------------------------------------


def listed(names: Iterable[str]) -> str:
    """Return names as a list in words: "a, b and c"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _distance(a: Array, b: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.abs(a - b)


def _largest(a: Array) -> float:
    return float(np.abs(a).max(initial=0.0))


def _finite(a: Array) -> bool:
    return bool(np.isfinite(a).all())
