"""Mistakes that pairs of arrays show, without a model: transposes, swaps, single rows, NaNs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nn.doctor.evidence import GROSS, Case, Diagnosis, agreeing_digits, distance, finite, largest, listed

__all__ = ["LONE", "OF_ANOTHER", "exact", "lone_parts", "not_finite"]

OF_ANOTHER = "gradient of another parameter"
LONE = "single wrong"

Array = NDArray[Any]


# ---------------------------------------------------------------------------------------------------------------------
# Mistakes that predict every number
# ---------------------------------------------------------------------------------------------------------------------


def exact(case: Case) -> Iterator[Diagnosis]:
    """Find mistakes that predict every number."""
    yield from _not_summed(case)
    yield from _rearranged(case)
    yield from _of_another(case)


def _not_summed(case: Case) -> Iterator[Diagnosis]:
    for name, found, expected in case.pairs:
        if found.size <= expected.size:
            continue
        axes = itertools.chain.from_iterable(
            itertools.combinations(range(found.ndim), n) for n in range(1, found.ndim + 1)
        )
        for over, (verb, reduce) in itertools.product(axes, (("summed", np.sum), ("averaged", np.mean))):
            total = np.asarray(reduce(found, axis=over))
            if total.size == expected.size and case.tolerance.at(name).agrees(total.reshape(expected.shape), expected):
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
    cancelled = {name for name, g in case.reference.items() if largest(g) <= case.tolerance.at(name).absolute}
    gradients = {name: g for name, g in case.reference.items() if name not in cancelled}
    at = {name: [o for o, g in gradients.items() if o != name and case.explains(name, g)] for name in case.wrong}

    def stands_at(a: str, b: str) -> bool:
        """Return whether the gradient of `a` is found at `b`; of one that cancels, rounding is."""
        found, near = case.manual[b], case.tolerance.at(a)
        return a in at[b] or (
            a in cancelled and found.shape == case.reference[a].shape and largest(found) <= near.absolute
        )

    for a, b in itertools.combinations(at, 2):
        if stands_at(a, b) and stands_at(b, a) and not cancelled.issuperset((a, b)):
            yield Diagnosis(
                "swapped gradients",
                (a, b),
                f"the {case.names[0]} gradient of {a} is the {case.names[1]} one of {b}, and the other way round, "
                f"{case.digits({p: gradients[q] for p, q in ((a, b), (b, a)) if q in gradients})}",
                "the gradients are returned or unpacked in another order than the parameters",
            )
    for name, others in at.items():
        if others and case.manual[name].size > 1:
            yield Diagnosis(
                OF_ANOTHER,
                (name,),
                f"the {case.names[0]} gradient of {name} is the {case.names[1]} one of {others[0]}, "
                f"{case.digits({name: gradients[others[0]]})}",
                "a variable of another layer was used, as lines that were copied and not changed throughout do, or the "
                "gradients are returned in another order than the parameters",
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
        wrong = distance(found, expected) > case.tolerance.at(name).around(expected)
        if part := _lone_part(wrong, np.abs(expected) > case.tolerance.at(name).absolute):
            size = largest(distance(found, expected))
            if size > GROSS * largest(expected):
                unit = (expected.shape[0], part.place) if part.axis == 0 else name
                units.setdefault(unit, []).append((name, part))
    for parts in units.values():
        where = [f"{part.kind} {part.place} of {name}" for name, part in parts]
        thought = (
            "one unit, input or class is treated apart: an index that is off by one, a loop that begins late or ends "
            "early, or a value that is overwritten in place of added to"
        )
        yield Diagnosis(
            f"{LONE} {parts[0][1].kind}",
            tuple(name for name, _ in parts),
            f"{case.names[0]} and {case.names[1]} gradient differ only in {listed(where)} (counted from 0); everything "
            f"else there agrees",
            thought,
        )


def _lone_part(wrong: Array, clear: Array) -> _Part | None:
    """Return the only part of a gradient that is wrong, if there is just one and something clear beside it."""
    if wrong.sum() == 1 and wrong.ndim > 1 and min(wrong.shape[:2]) > 1 and clear[~wrong].any():
        return _Part("element", None, tuple(int(i) for i in np.argwhere(wrong)[0]))
    for axis, kind in enumerate(_KINDS.get(wrong.ndim, ())):
        places = np.flatnonzero(wrong.any(axis=tuple(i for i in range(wrong.ndim) if i != axis)))
        if len(places) == 1 and np.delete(clear, places, axis=axis).any():
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
