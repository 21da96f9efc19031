"""Mistakes with a number in them: constant factors, penalties, clipping, steps in place of gradients."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn.doctor.evidence import (
    CLEAR,
    FITTED,
    GROSS,
    LEFT,
    Case,
    Diagnosis,
    KnownLoss,
    largest,
    length,
    listed,
    telling_numbers,
)

__all__ = ["exact", "fitted"]

Array = NDArray[Any]

# So many numbers are no accident where the factor is known before.
_ACCIDENT = 2
# Beyond that no mean is told by its factor: among so large numbers every one is near a whole one.
_COUNTED = 1e4

_SIGN = "the sign is turned: target - output stands for output - target, or the step for the gradient"


# ---------------------------------------------------------------------------------------------------------------------
# Numbers that are known before
# ---------------------------------------------------------------------------------------------------------------------


def exact(case: Case) -> Iterator[Diagnosis]:
    """Find the factors that are known before, and the limits that only clipping makes."""
    for factor, thought in _usual_factors(case.loss).items():
        predicted = {name: factor * g for name, _, g in case.alike if _is_multiple(case, name, factor)}
        # One number is a whole multiple of another by accident, too.
        if telling_numbers(case.reference[name] for name in predicted) >= _ACCIDENT:
            yield _times(case, factor, predicted, thought if _from_the_loss(case) else _within(case, factor))
            if _may_be_a_step(case, factor, predicted):
                yield _step(case, factor, predicted)
    yield from _clipped_by_value(case)
    yield from _clipped_by_norm(case)


def _from_the_loss(case: Case) -> bool:
    """Return whether a mistake may lie in the loss: the gradients nearest to it are all wrong."""
    seen = [name for name, g in case.reference.items() if largest(g) > case.tolerance.at(name).absolute]
    nearest = seen[-1].rpartition(".") if seen else ("", "", "")
    return all(
        name in case.wrong for name in seen if name == seen[-1] or (nearest[1] and name.startswith(f"{nearest[0]}."))
    )


def _within(case: Case, factor: float) -> str:
    """Return what may be thought of a factor that is not there nearer to the loss."""
    n, parts = case.loss.examples, list[str]()
    if factor < 0:
        parts.append("the sign is turned here, and nearer to the loss it is right")
    if n > 1 and _is_near(abs(factor), 1 / n):
        parts.append(
            f"the sum over the examples is divided by their number {n} here, as by mean(axis=0) in place of "
            f"sum(axis=0), and what arrives from the loss is right without that"
        )
    return "; and ".join(parts)


def _usual_factors(loss: KnownLoss) -> dict[float, str]:
    """Return the factors that mistakes make, of a sign, a square and means, and their products."""
    signs = {1.0: "", -1.0: _SIGN}
    squares = {1.0: ""}
    if loss.square:
        squares[2.0] = "the 2 from differentiating a square is there twice, or the loss has a half before the square"
        squares[0.5] = "the 2 from differentiating a square is missing, as if the loss had a half before the square"
    else:
        squares[2.0] = "a 2 was put in that the derivative of this loss does not have"
        squares[0.5] = "a half was put in that the derivative of this loss does not have"
    means = {1.0: ""}
    n = loss.examples
    if n > 1 and loss.reduction == "sum":
        means[1.0 / n] = f"the loss is a sum over the batch, and the pass divides by its size {n}, as for a mean"
    elif n > 1:
        or_sum = "" if loss.reduction else ", or the loss is a sum and not a mean"
        means[1.0 / n] = f"the division by the batch size {n} is done twice{or_sum}"
        means[float(n)] = f"the loss is a mean over the batch of {n}, and the division by {n} is missing"
    outputs, k = {1.0: ""}, loss.outputs
    if k > 1 and loss.reduction == "mean":
        outputs[1.0 / k] = f"the division by the {k} outputs of an example is done twice"
        outputs[float(k)] = (
            f"the loss is a mean over the {k} outputs of an example too, and the division by {k} is missing"
        )
    readings: dict[float, list[list[str]]] = {}
    for parts in itertools.product(*(kind.items() for kind in (signs, squares, means, outputs))):
        factor = math.prod(part for part, _ in parts)
        readings.setdefault(factor, []).append([thought for _, thought in parts if thought])
    # A 2 that may be the batch's is read as one mistake, not as three that cancel in part. But output - target for the
    # gradient of a mean of squares is one thought, of which the 2 and the means are all left out.
    bare = [squares[0.5], *(thought for size, thought in (*means.items(), *outputs.items()) if size > 1)]
    thoughts: dict[float, str] = {}
    for factor, several in readings.items():
        fewest = min(map(len, several))
        first = [parts for parts in several if loss.square and [part for part in parts if part != _SIGN] == bare]
        chosen = first + [parts for parts in several if len(parts) == fewest and parts not in first]
        thoughts[factor] = "; or ".join("; and ".join(parts) for parts in chosen)
    return thoughts


def _clipped_by_value(case: Case) -> Iterator[Diagnosis]:
    """Find gradients that are right up to a limit, and that limit where they should be larger."""
    groups: dict[float, dict[str, Array]] = {}
    for name, found, expected in case.alike:
        limit = largest(found)
        limit = next((other for other in groups if math.isclose(limit, other, rel_tol=1e-12)), limit)
        clipped = np.clip(expected, -limit, limit)
        if limit > case.tolerance.at(name).around(expected) and case.explains(name, clipped):
            groups.setdefault(limit, {})[name] = clipped
    for limit, predicted in groups.items():
        beyond = np.abs(np.concatenate([case.reference[name].ravel() for name in predicted]))
        if not np.any((beyond < limit) & (beyond > GROSS * limit)):
            continue  # signs with a size, of which nothing shows that it is a limit
        # What stands in several places says no more than once.
        distinct = len(np.unique(np.float32(beyond[beyond > limit])))
        if distinct >= (2 if _is_round(limit) else FITTED):
            yield Diagnosis(
                "clipped gradient",
                tuple(predicted),
                f"the {case.names[0]} gradient of {listed(predicted)} is the {case.names[1]} one wherever that is at "
                f"most {limit:.6g} in size, and {limit:.6g} with its sign elsewhere, {case.digits(predicted)}",
                "the gradients were clipped, as before a step of training, and what was returned is no gradient any "
                "more",
            )


def _clipped_by_norm(case: Case) -> Iterator[Diagnosis]:
    """Find gradients that were made shorter, to a length that nothing but clipping explains."""
    shorter = {name: m for name, found, expected in case.alike if 0 < (m := _multiple(found, expected)) < 1}
    shorter = {name: m for name, m in shorter.items() if _is_multiple(case, name, m)}
    together = math.hypot(*(length(case.manual[name]) for name in shorter))
    found: dict[float, list[str]] = {}
    for name in shorter:
        own = length(case.manual[name])
        found.setdefault(next((other for other in found if math.isclose(own, other, rel_tol=1e-9)), own), []).append(
            name
        )
    if case.are_all(shorter) and _is_round(together) and np.ptp(list(shorter.values())) < 1e-9:
        found, what = {together: list(shorter)}, "all gradients together have"
    else:
        what = "each of them has"
    for norm, names in found.items():
        telling = _is_round(norm) or len({round(shorter[name], 6) for name in names}) > 1
        if telling and telling_numbers(case.reference[name] for name in names) >= FITTED:
            yield Diagnosis(
                "clipped gradient",
                tuple(names),
                f"{case.names[0]} is a multiple of the {case.names[1]} gradient in {listed(names)}, "
                f"{case.digits({name: shorter[name] * case.reference[name] for name in names})}, and {what} the norm "
                f"{norm:.6g}",
                "the gradients were clipped to that norm, as before a step of training, and what was returned is no "
                "gradient any more",
            )


def _is_near(number: float, other: float) -> bool:
    return math.isclose(number, other, rel_tol=1e-9)


def _is_round(number: float) -> bool:
    """Return whether a number is one that people choose, of two digits at most."""
    return _is_near(number, float(f"{number:.1e}"))


# ---------------------------------------------------------------------------------------------------------------------
# Numbers that only the gradients tell
# ---------------------------------------------------------------------------------------------------------------------


def fitted(case: Case) -> Iterator[Diagnosis]:
    """Find mistakes with a number in them that is fitted to the gradients."""
    yield from _regularised(case)
    yield from _updated(case)
    yield from _unknown_factors(case)
    yield from _zero(case)


def _regularised(case: Case) -> Iterator[Diagnosis]:
    """Find differences that are a multiple of the parameter, or of its sign."""
    own = _parameters(case)
    for what, bases in (
        ("the parameter", own),
        ("the parameter's sign", {name: np.sign(parameter) for name, parameter in own.items()}),
    ):
        for strength, names in _multiples(case, bases, case.reference):
            if np.ptp(np.concatenate([bases[name].ravel() for name in names])) == 0:
                continue  # a constant, which needs no parameter to explain it
            missing = strength < 0
            predicted = {name: case.reference[name] + strength * bases[name] for name in names}
            yield Diagnosis(
                "regularisation term missing" if missing else "regularisation term added twice, or not in the loss",
                tuple(names),
                f"in {listed(names)} the {case.names[0]} gradient is everywhere the {case.names[1]} one "
                f"{'minus' if missing else 'plus'} {abs(strength):.6g} times {what}, {case.digits(predicted)}",
                "the penalty is in the loss that was differentiated, and its derivative was left out, or is too small "
                "by a factor such as the 2 of a square"
                if missing
                else "the derivative of the penalty was added twice: to the gradient, and again as weight decay, say; "
                "or it was added although the loss that was differentiated has no penalty",
            )


def _updated(case: Case) -> Iterator[Diagnosis]:
    """Find parameters after a step of gradient descent."""
    own = {name: parameter for name, parameter in _parameters(case).items() if case.manual[name].any()}
    for step, names in _multiples(case, {name: case.reference[name] for name in own}, own):
        if step < 0:
            predicted = {name: own[name] + step * case.reference[name] for name in names}
            yield Diagnosis(
                "updated parameter in place of the gradient",
                tuple(names),
                f"what was returned for {listed(names)} is the parameter minus {-step:.6g} times the {case.names[1]} "
                f"gradient, {case.digits(predicted)}",
                f"the parameters after a step with a learning rate of {-step:.6g} were returned, where the gradients "
                f"belong",
            )


def _unknown_factors(case: Case) -> Iterator[Diagnosis]:
    references = {name: expected for name, _, expected in case.alike}
    for factor, names in _multiples(case, references, {}):
        # A factor of 1.01 is one, on whichever side of it rounding leaves it.
        if round(abs(factor - 1), 9) < GROSS:
            continue
        predicted = {name: factor * references[name] for name in names}
        if _may_be_a_step(case, factor, names):
            yield _step(case, factor, predicted)
            continue
        size = abs(factor)
        whole = next((round(f) for f in (size, 1 / size) if 2.5 < f < _COUNTED and _is_near(f, round(f))), 0)
        thought = "a constant of the loss or of a layer was left out, or counted twice"
        if size < 0.11 and _is_round(size) and case.are_all(names):
            thought = f"the gradient was multiplied by a learning rate of {size:.6g}, as for a step"
            thought += f", or a mean over {whole} numbers was taken once too often" if whole else ""
        elif whole:
            verb = "forgotten" if size > 1 else "taken once too often"
            thought = f"a whole number: a mean over {whole} numbers was {verb}, perhaps"
        elif not 1 / _COUNTED < size < _COUNTED:
            thought = ""
        sign = _SIGN if _from_the_loss(case) else _within(case, factor)
        parts = [part for part in (sign if factor < 0 else "", thought) if part]
        yield _times(case, factor, predicted, "; and ".join(parts))


def _zero(case: Case) -> Iterator[Diagnosis]:
    zero = {
        name: found for name, found, _ in case.alike if case.tolerance.at(name).agrees(found, np.zeros(found.shape))
    }
    if zero:
        how = "to rounding" if any(found.any() for found in zero.values()) else "throughout"
        thought = (
            "it was never computed or never written back, or the chain of derivatives is cut behind it"
            if how == "throughout"
            else "it was computed, and its terms cancel: what should keep them from that is left out, as the eps of a "
            "normalisation"
        )
        biases = all(found.ndim == 1 and not name.endswith("weight") for name, found in zero.items())
        if biases and how == "to rounding" and case.loss.softmax:
            thought = (
                "it was summed over the wrong axis: over the outputs of each example, along which the gradient of a "
                "softmax adds up to 0, and not over the examples"
            )
        yield Diagnosis(
            "zero gradient",
            tuple(zero),
            f"the {case.names[0]} gradient of {listed(zero)} is zero {how}, and the {case.names[1]} one is not",
            thought,
        )


def _parameters(case: Case) -> dict[str, Array]:
    """Return the parameters of gradients that are wrong and have the right shape."""
    return {
        name: case.parameters[name].astype(float)
        for name, found, _ in case.alike
        if name in case.parameters and case.parameters[name].shape == found.shape
    }


def _multiples(
    case: Case, bases: Mapping[str, Array], offsets: Mapping[str, Array]
) -> Iterator[tuple[float, list[str]]]:
    """Fit manual gradients by an offset and a multiple of a base, and yield those that hold for enough numbers."""

    def fits(name: str, multiple: float) -> bool:
        if name not in offsets:
            return _is_multiple(case, name, multiple)
        step = multiple * bases[name]
        left = largest(case.manual[name] - offsets[name] - step)
        return case.explains(name, offsets[name] + step) and left <= LEFT * largest(step)

    groups: dict[float, list[str]] = {}
    for name, base in bases.items():
        if base.any():
            own = _multiple(case.manual[name] - offsets.get(name, 0.0), base)
            multiple = next((m for m in groups if fits(name, m)), own)
            if fits(name, multiple):
                groups.setdefault(multiple, []).append(name)
    for multiple, names in groups.items():
        # Gradients follow from one another, and an offset from nothing.
        count = _independent(case, names) if not offsets else telling_numbers(bases[name] for name in names)
        if count >= FITTED:
            yield multiple, names


def _independent(case: Case, names: Iterable[str]) -> int:
    """Return how many numbers of right gradients a factor at their root is held against.

    All of them follow from what arrives at the last of the layers, of which no more numbers are told than it has. Where
    that is not known, the last layer's gradients alone count. A weight's gradient is a sum of outer products, the
    inputs of which are right: of one example, a number for each row.
    """
    layers = [name.rpartition(".")[0] for name in names]
    if layers[-1] in case.loss.numbers:
        return min(case.loss.numbers[layers[-1]], telling_numbers(case.reference[name] for name in names))
    rows: dict[int, int] = {}
    for name, layer in zip(names, layers, strict=True):
        if layer != layers[-1]:
            continue
        g = case.reference[name]
        count = telling_numbers([g])
        if g.ndim > 1:
            flat = g.reshape(len(g), -1)
            rank = int(np.linalg.matrix_rank(flat, rtol=LEFT))
            if rank < min(flat.shape):
                count = min(count, rank * int(np.sum(np.abs(flat).max(axis=1) > GROSS * largest(flat))))
        units = g.shape[0] if g.ndim else 1
        rows[units] = max(count, rows.get(units, 0))
    return sum(rows.values())


def _multiple(found: Array, base: Array) -> float:
    """Return the factor with which an array comes nearest to another."""
    size = largest(base)
    if not 0 < size < math.inf:
        return 0.0
    unit = base.astype(float) / size
    return float(np.vdot(unit, found.astype(float) / size)) / float(np.vdot(unit, unit))


def _is_multiple(case: Case, name: str, factor: float) -> bool:
    """Return whether a manual gradient is so many times the right one, to rounding of the latter."""
    found, expected = case.manual[name], case.reference[name]
    near = CLEAR * case.tolerance.at(name).around(expected)
    return bool(factor) and case.explains(name, factor * expected) and largest(found / factor - expected) <= near


def _may_be_a_step(case: Case, factor: float, names: Iterable[str]) -> bool:
    """Return whether a factor may be that of a step: in all gradients, or, of a rate that people choose, in a layer."""
    if case.are_all(names) or not _is_round(factor):
        return -1 < factor < 0 and case.are_all(names)
    layers = {name.rpartition(".")[0] for name in names}
    seen = [name for name, g in case.reference.items() if largest(g) > case.tolerance.at(name).absolute]
    there = [name for name in seen if name.rpartition(".")[0] in layers]
    return -1 < factor < 0 and len(there) > 1 and set(there) <= set(names)


def _step(case: Case, factor: float, predicted: Mapping[str, Array]) -> Diagnosis:
    thought = (
        f"the step of gradient descent, -lr * grad with a learning rate of {-factor:.6g}, was returned, where the "
        f"gradient itself belongs"
    )
    return _times(case, factor, predicted, thought, "step in place of the gradient")


def _times(
    case: Case, factor: float, predicted: Mapping[str, Array], thought: str, mistake: str = "constant factor"
) -> Diagnosis:
    number = f"{factor:.4f}" if 0.0999 < abs(factor) < 1000 else f"{factor:.6g}"
    where = "every parameter" if case.are_all(predicted) else listed(predicted)
    return Diagnosis(
        mistake,
        tuple(predicted),
        f"{case.names[0]} is {number} times the {case.names[1]} gradient everywhere in {where}, "
        f"{case.digits(predicted)}",
        thought,
    )
