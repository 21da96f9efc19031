"""Numerical derivatives: central differences, extrapolated to step 0, with an estimate of their error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from autograd_np.operands import array_of
from autograd_np.tensor import plain
from autograd_np.trees import leaves_of, tree_of
from autograd_np.versions import is_array

__all__ = [
    "FAR",
    "Estimate",
    "derivative",
    "is_flat",
    "numerical_gradient",
    "numerical_jacobian",
    "one_sided",
    "scale",
    "staircase",
]

Array = NDArray[Any]
Function = Callable[..., Any]


# How wide the steps of a staircase may be, to be taken for what rounding leaves of a slope. Or they may have any width,
# if the function rises by more than so many of them (by more than a few, if they are as high as its last digits): up to
# this distance, in units of the point's size, or by so many for each such distance up to several of them.
_STAIR = 0.1
_TALL = 1e7
FAR = 4096.0
_FARTHEST = 256.0
# How far from the first step, relative to its distance, there are only few others yet.
_CLOSE = 1e-3
# What part of a change happens at once where a function jumps, at least.
_SUDDEN = 1e-6
# Steps that must agree with an estimate, which rests on longer ones; and how many times shorter they are at least.
_WITNESSES = (1e-6, 1e-8, 1e-10)
_SHORTER = 16.0
# How many roundings of its values a smooth function is off by at most, before its noise has been measured.
_ORDINARY = 64.0


class Estimate(NamedTuple):
    """A derivative, how far each of its elements may be off, and the step and the noise of the values that tell it.

    And `start`: steps longer than an eighth of it tell nothing, since the function changes on a smaller scale.
    """

    value: Array
    error: Array
    step: Array
    noise: Array
    start: Array


@overload
def numerical_gradient(f: Function, x: Any, *, return_error: Literal[False] = False) -> Any: ...
@overload
def numerical_gradient(f: Function, x: Any, *, return_error: Literal[True]) -> tuple[Any, Any]: ...
def numerical_gradient(f: Function, x: Any, *, return_error: bool = False) -> Any:
    """Estimate the gradient of a scalar function by differences alone.

    Parameters
    ----------
    f : callable
        Takes `x` and returns a scalar. It need not know of this package.
    x : array_like, or nested dicts, lists and tuples of them
        Where. The function is called with copies in double precision, whatever the dtype, since differences need it.
    return_error : bool
        Also return how far the result may be off.

    Returns
    -------
    gradient : array or container
        Of the structure and shapes of `x`. For a complex `x` it is such that ``Re(f)`` changes by ``Re(sum(g * dx))``,
        which is the convention of `grad`. Where differences do not settle, because the function is not finite or not
        continuous, the error is large or infinite.
    error : array or container
        Only with `return_error`: the estimated absolute error of each element, of the same structure.

    Raises
    ------
    TypeError
        If `x` holds something that is no number.
    ValueError
        If `f` does not return a scalar.

    Notes
    -----
    Central differences at steps from an eighth of the largest element downwards, each 0.6 of the one before, are
    extrapolated to step 0 by Richardson's method (Romberg's table; Richardson 1911). Of all entries the one is taken
    that agrees best with its neighbours, their disagreement being the estimated error (Ridders 1982). It counts only if
    far smaller steps agree with it as well as rounding permits: a function that changes on a far smaller scale than the
    largest element, such as a narrow peak far from 0, looks constant from afar. If they do not, smaller steps are
    extrapolated, until those agree that are smaller still. Smooth functions
    come out with a relative error below 1e-9, and mostly about 1e-13. Where the values of `f` are known to fewer digits
    than they have, as after a cancellation, they scatter about a smooth curve; that is measured (Moré and Wild 2011),
    and the step and the error follow from it. Between two steps of a staircase or a saw, which rounding makes of a
    function, its slope is no evidence: jumps on both sides, nearer than an eighth of the largest element, add to the
    error by as much as they may hide. It takes some thirty to a hundred calls of `f` for each element of `x`, and a few
    hundred where it jumps or is finer than the steps.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.testing import numerical_gradient
    >>> numerical_gradient(lambda x: np.sum(np.exp(x)), np.array([0.0, 1.0]))
    array([1.        , 2.71828183])
    """

    def scalar(tree: Any) -> Array:
        y = _value(f, tree)
        if y.size != 1:
            raise ValueError(
                f"numerical_gradient: the function must return a scalar, not a result of shape {y.shape}; reduce it "
                f"(np.sum), or take its numerical_jacobian"
            )
        return y.reshape(())

    return _partials("numerical_gradient", scalar, x, return_error)


@overload
def numerical_jacobian(f: Function, x: Any, *, return_error: Literal[False] = False) -> Any: ...
@overload
def numerical_jacobian(f: Function, x: Any, *, return_error: Literal[True]) -> tuple[Any, Any]: ...
def numerical_jacobian(f: Function, x: Any, *, return_error: bool = False) -> Any:
    """Estimate the Jacobian of a function by differences alone: the derivatives of all outputs by all inputs.

    Parameters
    ----------
    f : callable
        Takes `x` and returns an array of shape `r`. It need not know of this package.
    x, return_error
        As in `numerical_gradient`, whose method it shares.

    Returns
    -------
    jacobian : array or container
        For each array of `x`, of shape `s`, an array of shape `r + s`.
    error : array or container
        Only with `return_error`: the estimated absolute error of each element, of the same structure.

    Raises
    ------
    TypeError
        If `x` holds something that is no number.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.testing import numerical_jacobian
    >>> numerical_jacobian(lambda x: x[:2] * x[2], np.array([1.0, 2.0, 3.0])).round(9)
    array([[3., 0., 1.],
           [0., 3., 2.]])
    """
    return _partials("numerical_jacobian", lambda tree: _value(f, tree), x, return_error)


def _partials(call: str, f: Callable[[Any], Array], x: Any, return_error: bool) -> Any:
    """Differentiate by each element of each array of a tree."""
    leaves = [_double(call, leaf) for leaf in leaves_of(x)]
    estimates = [_by_array(f, x, leaves, i) for i in range(len(leaves))]
    values = tree_of(x, [estimate.value for estimate in estimates])
    return (values, tree_of(x, [estimate.error for estimate in estimates])) if return_error else values


def _by_array(f: Callable[[Any], Array], tree: Any, leaves: list[Array], which: int) -> Estimate:
    """Differentiate by each element of one array."""
    x, start = leaves[which], scale(leaves[which])

    def along(place: int, unit: complex) -> Estimate:
        def moved(t: float) -> Array:
            copies = [np.array(leaf) for leaf in leaves]
            copies[which].flat[place] += t * unit
            y = f(tree_of(tree, copies))
            return np.real(y) if x.dtype.kind == "c" else y

        estimate = derivative(moved, start, 1.0, float(abs(x.flat[place])))
        return estimate._replace(error=np.maximum(estimate.error, _hidden_by_jumps(cache(moved), estimate, start)))

    columns = [along(place, 1.0) for place in range(x.size)]
    if x.dtype.kind == "c":  # g with Re(df) = Re(g dx): the derivatives are Re(g) along 1, and -Im(g) along i
        turned = [along(place, 1.0j) for place in range(x.size)]
        columns = [
            a._replace(value=a.value - 1j * b.value, error=a.error + b.error)
            for a, b in zip(columns, turned, strict=True)
        ]
    shape = np.shape(columns[0].value) if columns else np.shape(f(tree_of(tree, leaves)))
    parts = zip(*columns, strict=True) if columns else [[np.zeros((0, *shape))]] * 5
    return Estimate(*(np.stack(part, axis=-1).reshape(shape + x.shape) for part in parts))


def derivative(
    f: Callable[[float], Array],
    start: float,
    wide: float,
    place: float = 1.0,
    *,
    noise: Array | float = 0.0,
    rounds: int = 4,
) -> Estimate:
    """Estimate the derivative at 0 of a function of one number, for each element of its result.

    `start` is the scale on which the function is expected to change. It may be far too large: if steps far smaller
    contradict the result, it is made smaller. And it may be too small: if rounding spoils the result, steps from `wide`
    on are tried as well. `place` is the size of the numbers that steps are added to, which bounds how exactly they are
    taken.

    The values are taken to be exact to the last digit at first, or to `noise`. If they scatter by more than that on the
    interval that the result rests on, then the step is chosen anew for values that are known no better; at most
    `rounds` times.
    """
    f = cache(f)

    def quotient(h: float, noise: Array | float) -> tuple[Array, Array]:
        above, below = f(h), f(-h)
        slope = (above - below) / (2 * h)
        uncertain = np.maximum(np.maximum(_rounding(above), _rounding(below)), noise)
        return slope, uncertain / h + abs(slope) * (_EPS * place / h)

    def limit(noise: Array | float) -> Estimate:
        near = _limit(lambda h: quotient(h, noise), start, power=2)
        if start >= wide or np.all(near.error <= 1e-11 * np.max(abs(near.value), initial=0)):
            return near
        return _better(near, _limit(lambda h: quotient(h, noise), wide, power=2))

    with np.errstate(all="ignore"):
        estimate, unit, longest = limit(noise), start, wide
        if _is_doubtful(f, estimate, noise, place, unit):
            while start > _FINEST * unit and (wrong := _contradicted(f, quotient, estimate, noise, unit)).any():
                start = wide = start / _FINER
                estimate = Estimate(*(np.where(wrong, b, a) for a, b in zip(estimate, limit(noise), strict=True)))
        stairs = _stairs_of_flat(f, estimate, FAR * max(unit, longest))
        if np.any(stairs > noise):
            start, wide, noise = unit, longest, np.maximum(stairs, noise)
            honest = limit(noise)._replace(noise=noise)
            estimate = Estimate(*(np.where(stairs > 0, b, a) for a, b in zip(estimate, honest, strict=True)))
        for _ in range(rounds):
            measured = _noise_at(f, estimate.step)
            if not np.any(measured > noise):
                break
            noise = np.where(measured > noise, 2 * measured, noise)
            # The step in use is known to be small enough; others may be better, but only if they agree with it.
            error = np.where(noise > 0, estimate.error + _GAIN * noise / estimate.step, estimate.error)
            careful = estimate._replace(error=error, noise=noise)
            estimate = _better(careful, limit(noise)._replace(noise=noise))
    return estimate


def _hidden_by_jumps(f: Callable[[float], Array], estimate: Estimate, start: float) -> Array:
    """Return the slopes that may hide in jumps on both sides, for elements that are told by far smaller steps alone.

    Where these are those of rounding, the slope between two of them tells nothing.
    """
    hidden = np.zeros(np.shape(estimate.value))
    with np.errstate(all="ignore"):
        for i, element, of_it in _elements(f, estimate):
            reach = start / 8
            suspect = is_flat(element, of_it) or of_it.step < _CLOSE * start
            while suspect and reach > of_it.step:
                slope, here = float(of_it.value), element(0.0)
                off = max(abs(element(t) - here - slope * t) for t in (reach, -reach))
                jump = min(_jumps_within(element, reach, slope))
                if not jump > max(_SUDDEN * off, _ORDINARY * float(_rounding(here)), float(of_it.noise)):
                    break
                hidden.flat[i] = _GAIN * jump / reach
                reach /= 8
    return hidden


def _is_doubtful(
    f: Callable[[float], Array], estimate: Estimate, noise: Array | float, place: float, unit: float
) -> bool:
    """Tell whether three values close together are off the parabola that the function seems to be from afar."""
    far = float(np.min(estimate.step, initial=np.inf, where=np.isfinite(estimate.step)))
    h = min(_WITNESSES[0] * unit, far / _SHORTER)
    if not 0 < h < np.inf:
        return False
    above, here, below = f(h), f(0.0), f(-h)
    far_above, far_below, part = f(far), f(-far), h / far
    rounding = _ORDINARY * np.maximum(_rounding(np.maximum(abs(above), abs(below))), noise)
    known = rounding + 2 * (abs(estimate.value) * (_EPS * place) + estimate.error * h)
    # The remainders of higher degree are no larger than they are at the longer step.
    twist = abs(far_above - far_below - (2 * far) * estimate.value) * (8 * part**3)
    bend = abs(far_above - 2 * here + far_below) * (8 * part**2)
    off_slope = abs(above - below - (2 * h) * estimate.value) > known + twist
    return bool(np.any(off_slope | (abs(above - 2 * here + below) > known + bend)))


def _contradicted(
    f: Callable[[float], Array],
    quotient: Callable[[float, Array | float], tuple[Array, Array]],
    estimate: Estimate,
    noise: Array | float,
    unit: float,
) -> NDArray[np.bool_]:
    """Tell, for each element, whether differences of far smaller steps contradict an estimate.

    Only by more than their noise. To a step on which the function is not yet smooth, its structure is noise; to a
    smaller one it is not. And the jumps of a staircase, which is what rounding makes of every function, are its noise
    even where it is flat between two of them.
    """
    found = np.zeros(np.shape(estimate.value), dtype=bool)
    for h in (unit * witness for witness in _WITNESSES):
        slope, rounding = quotient(h, noise)
        off = abs(slope - estimate.value) - estimate.error - _ORDINARY * rounding
        suspects = ~found & (h < estimate.step / _SHORTER) & (off > 0)
        if not suspects.any():
            continue
        suspects &= off > _ORDINARY * noise_level(f, h) / h
        for i in np.flatnonzero(suspects):

            def element(t: float, i: int = int(i)) -> Array:
                return f(t).flat[i]

            value, longest = estimate.value.flat[i], float(estimate.step.flat[i])
            # A search may pass jumps by, several hardly do.
            reaches = (longest, longest / 3, longest / 50, _ORDINARY * h)
            found.flat[i] = not any(off.flat[i] <= _GAIN * jump_within(element, r, value) / h for r in reaches)
    return found


def _noise_at(f: Callable[[float], Array], steps: Array) -> Array:
    """Return the noise level of each element up to its own step, or 0 where the last digits account for it."""
    noise = np.zeros(np.shape(steps))
    for step in np.unique(steps[np.isfinite(steps)]):
        least = 2 * _rounding(f(float(step)))
        measured = noise_level(f, step, least)
        noise = np.where((steps == step) & (measured > least), measured, noise)
    return noise


def noise_level(f: Callable[[float], Array], step: float, least: Array | float = 0.0) -> Array:
    """Estimate how far values of a function of one number scatter about a smooth curve near 0, if more than `least`.

    On a short interval a smooth function is a polynomial of low degree to the last digit, whereas the errors with which
    it is computed go into all degrees alike. What a polynomial of degree 8 leaves of sixteen values is therefore the
    size of these errors. Those of intermediate results are among them, which after a cancellation are far larger than
    the last digit of the result. This is the noise of a computed function of Moré and Wild ("Estimating computational
    noise", SIAM J. Sci. Comput. 33, 2011); they take differences of high order for the residue of polynomials.

    Kinks and jumps are no noise: next to these at least one side is smooth. Each side leaves out 0, and of the two the
    smaller residue counts.
    """

    def residue(reach: float) -> Array:
        values = np.stack([f(float(reach * node)) for node in _NODES], axis=-1)
        return np.max(abs(values @ _REMAINDER), axis=-1)

    right = residue(step)
    return right if np.all(right <= least) else np.minimum(right, residue(-step))


def is_flat(f: Callable[[float], Array], estimate: Estimate) -> bool:
    """Tell whether a function of one number with one value seems constant around 0, rather than to have an extremum."""
    if estimate.value != 0:
        return False
    step, here = float(estimate.step), f(0.0)
    return not (f(step) == f(-step) and 0 < abs(f(step / 2) - here) < abs(f(step) - here))


def _elements(
    f: Callable[[float], Array], estimate: Estimate
) -> Iterator[tuple[int, Callable[[float], Array], Estimate]]:
    """Yield the elements of a function's value and of its derivative, with their numbers."""
    for i in range(estimate.value.size):
        yield i, lambda t, i=i: f(t).flat[i], Estimate(*(part.flat[i] for part in estimate))


def _stairs_of_flat(f: Callable[[float], Array], estimate: Estimate, far: float) -> Array:
    """Return, for each element that seems constant, the height of the steps of its `staircase`; or 0."""
    stairs = np.zeros(np.shape(estimate.value))
    for i, element, of_it in _elements(f, estimate):
        if is_flat(element, of_it):
            stairs.flat[i] = staircase(element, float(of_it.step), far)
    return stairs


def staircase(f: Callable[[float], Array], reach: float, far: float, least: float = 0.0) -> float:
    """Return the height of the steps in which a function of one number with one value rises, if rounding makes them.

    Then it is constant around 0 only because terms are rounded that are larger than its changes. What is constant by
    nature is so up to a kink, next to which there is no step, or up to steps of which a walk meets far fewer. Steps
    count from `least` on, relative to all that the function rises by.
    """

    def rise(t: float) -> float:
        try:
            return float(abs(f(t) - here))
        except Exception:  # far away the function may not be defined
            return np.nan

    here, height, last_digit = f(0.0), 0.0, float(_rounding(f(0.0)))
    # The last may be infinite, if the point is that small; none is more than enough, if there was no finite step.
    reaches = [reach] if reach > 0 else []
    while reaches and reaches[-1] < _FARTHEST * far:
        reaches.append(4 * reaches[-1])
    if not any(rise(side * t) > 0 for t in reaches[::3] for side in (1, -1)):
        return 0.0
    rises = np.array([[rise(side * t) for t in reaches] for side in (1, -1)])
    tall = np.nan_to_num(rises / np.maximum(1, np.divide(reaches, far)), nan=0.0, posinf=0.0).max()
    for side, risen in zip((1, -1), rises > 0, strict=True):
        if risen.any():
            edge = _edge(rise, side * reaches[int(risen.argmax())], 30, settled=6)
            step, close = rise(edge), rise(edge * (1 + _CLOSE))
            many = _ORDINARY if step <= 2 * last_digit else _TALL
            # Denormal numbers are what becomes of small ones, and no rounding of large ones.
            if close <= _ORDINARY * step and max(np.finfo(float).tiny, least * tall) <= step < tall / many:
                height = max(height, step)
    return height


def jump_beside(f: Callable[[float], Array], reach: float = _STAIR) -> float:
    """Return by how much a function of one number with one value jumps where it stops to be constant around 0.

    It is what the values of a staircase are known to. Where the function goes on without a jump, it is next to nothing.
    """
    here = f(0.0)
    return min(float(abs(f(_edge(lambda t: f(t) - here, side)) - here)) for side in (reach, -reach))


def _edge(change: Callable[[float], Any], outside: float, halves: int = 50, settled: int = 50) -> float:
    """Return a number closest to 0 for which a function is not 0 any more, between 0 and one for which it is not.

    At a step, it stays the same when the number comes closer; after so many times the step may be taken for found.
    """
    inside, same, there = 0.0, 0, change(outside)
    for _ in range(halves):
        middle = (inside + outside) / 2
        changed = change(middle)
        inside, outside = (inside, middle) if changed else (middle, outside)
        if changed:
            same, there = same + 1 if changed == there else 0, changed
        if same >= settled:
            break
    return outside


def jump_within(f: Callable[[float], Array], reach: float, slope: float) -> float:
    """Return by how much a function of one number jumps at some place on a side of 0, up to a reach: the larger."""
    return max(_jumps_within(f, reach, slope))


def _jumps_within(f: Callable[[float], Array], reach: float, slope: float) -> list[float]:
    """Return by how much a function of one number jumps at some place on each side of 0, up to a reach.

    Each half of an interval is taken in which the function is farther off its slope. Without a jump, that ends with
    next to nothing.
    """

    def off(a: float, b: float) -> Array:
        try:
            return abs(f(b) - f(a) - slope * (b - a))
        except np.linalg.LinAlgError:  # the halves may close in on a matrix that has no inverse
            return np.asarray(np.nan)

    jumps = list[float]()
    for outside in (reach, -reach):
        inside = 0.0
        for _ in range(50 if off(0.0, outside) else 0):
            middle = (inside + outside) / 2
            first = off(inside, middle) > off(middle, outside)
            inside, outside = (inside, middle) if first else (middle, outside)
        jumps.append(float(off(inside, outside)))
    return jumps


def _better(one: Estimate, other: Estimate) -> Estimate:
    """Take, for each element, the other estimate where it is more certain and does not contradict the one."""
    better = (other.error < one.error) & (abs(other.value - one.value) <= other.error + one.error)
    return Estimate(*(np.where(better, b, a) for a, b in zip(one, other, strict=True)))


def one_sided(f: Callable[[float], Array], noise: float = 0.0, start: float = 1.0) -> tuple[Estimate, Estimate]:
    """Estimate the derivatives at 0 from the left and from the right, of a function whose values have some noise."""
    middle = f(0.0)

    def quotient(h: float) -> tuple[Array, Array]:
        y = f(h)
        uncertain = np.maximum(np.maximum(_rounding(y), _rounding(middle)), noise)
        return (y - middle) / h, 2 * uncertain / abs(h)

    return _limit(quotient, -start, power=1), _limit(quotient, start, power=1)


def _limit(quotient: Callable[[float], tuple[Array, Array]], start: float, power: int) -> Estimate:
    """Extrapolate a quotient, which comes with its rounding error, to step 0: its error is a series in h**power."""
    best, error, step = np.zeros(()), np.full((), np.inf), np.full((), np.nan)
    row, idle = list[Array](), 0
    for k, h in enumerate(start * _RATIO ** np.arange(4.0, 84.0)):
        if h == 0:
            break
        with np.errstate(all="ignore"):
            first, rounding = quotient(float(h))
            previous, row, before, gain = row, [np.asarray(first)], error, 1.0
            for j, coarse in enumerate(previous[:_COLUMNS]):
                fine, weight = row[j], _RATIO ** (-power * (j + 1))
                row.append(fine + (fine - coarse) / (weight - 1))
                gain *= (weight + 1) / (weight - 1)
                disagreement = np.maximum(abs(row[j + 1] - fine), abs(row[j + 1] - coarse))
                uncertain = 2 * (disagreement + gain * rounding)
                better = uncertain < error  # never for a NaN
                best, error = np.where(better, row[j + 1], best), np.where(better, uncertain, error)
                step = np.where(better, h, step)
            idle = 0 if np.any(error < before) else idle + 1
            exhausted = (error <= 16 * rounding) & np.isfinite(rounding)  # smaller steps would only round more
            settled = (error <= 1e-6 * abs(best)) & (idle >= 4)
        if k >= 5 and np.all(exhausted | settled):
            break
    shape = np.shape(best)
    return Estimate(best, error, step, np.zeros(shape), np.full(shape, abs(start)))


_EPS = float(np.finfo(float).eps)
# By how much steps start smaller after a contradiction, and the least start.
_FINER = 8.0
_FINEST = 1e-10
# Each step is this much smaller than the one before. Halves would look the same to an oscillation again and again.
_RATIO = 0.6
_COLUMNS = 8  # further columns of the table gain nothing in double precision
# By how much extrapolation magnifies what the values are off by, with the factor that makes it certain.
_GAIN = 8.0
# Chebyshev's sixteen nodes from 0 to 1, and the orthonormal polynomials on them from degree 9 on. (The rounding errors
# of a line at equidistant nodes may form a line themselves.)
_NODES: Array = 0.5 - 0.5 * np.cos(np.pi * (np.arange(16) + 0.5) / 16)
_REMAINDER: Array = np.linalg.qr(np.vander(2 * _NODES - 1, increasing=True))[0][:, 9:]


def scale(x: Array) -> float:
    """Return the size of an array's largest element, on which steps are measured; 1 if there is none but 0."""
    largest = float(np.max(abs(x), initial=0.0, where=np.isfinite(x)))
    return largest or 1.0


def _rounding(y: Array) -> Array:
    """Return by how much numbers may be off that are exact to the last digit."""
    info = np.finfo(y.dtype if y.dtype.kind in "fc" else float)
    # Denormal numbers have few digits, and half of their last one is no number.
    return np.maximum(abs(y) * float(info.eps), np.where(y != 0, float(info.smallest_subnormal), 0.0))


def _value(f: Function, tree: Any) -> Array:
    y = np.array(plain(f(tree)))  # a copy: the function may use its memory again
    if y.dtype.kind not in "biufc":
        raise TypeError(f"numerical derivatives: the function must return numbers, not {y.dtype} {y.shape}")
    return y if y.dtype.kind in "fc" else y.astype(float)


def _double(call: str, leaf: Any) -> Array:
    value: Any = plain(leaf)
    x = array_of(value, f"{call}: x") if is_array(leaf) else np.asarray(value)
    if x.dtype.kind not in "biufc":
        raise TypeError(f"{call}: cannot differentiate by {leaf!r} (a {type(leaf).__name__}); give numbers")
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)
