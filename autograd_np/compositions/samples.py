"""Functions of sampled curves: differences, slopes, grids, areas, interpolation, polynomials and correlation."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autograd_np.compositions.arguments import inexact
from autograd_np.compositions.formulas import formula_of, itself_where
from autograd_np.primitives import implements
from autograd_np.rules.products import convolve
from autograd_np.tensor import Tensor, as_array, plain

# NumPy's types are unknown where those of the arrays are.
_searchsorted: Callable[..., Any] = np.searchsorted
_where: Callable[..., Any] = np.where

# Differences


@formula_of(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Return the n-th differences along an axis; see `numpy.diff`."""
    a = as_array(a)
    if n == 0:
        return a
    axis = normalize_axis_index(axis, np.ndim(a))
    edge = [1 if i == axis else length for i, length in enumerate(np.shape(a))]
    ends = ([] if x is None else [as_array(x)] for x in (prepend, append))
    before, after = ([x if x.ndim else np.broadcast_to(x, edge) for x in end] for end in ends)
    a = np.concatenate([*before, a, *after], axis=axis) if before or after else a
    for _ in range(n):
        later, earlier = _neighbours(a, axis)
        a = later - earlier
    return a


itself_where(np.diff, 0)


def _neighbours(a: Any, axis: int) -> tuple[Any, Any]:
    """Return all but the first, and all but the last, along an axis counted from the front."""
    before = (slice(None),) * axis
    return a[(*before, slice(1, None))], a[(*before, slice(None, -1))]


@formula_of(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Return the differences of the elements in one row, between given ends; see `numpy.ediff1d`."""
    row = np.reshape(as_array(ary), -1)
    begin, end = ([] if x is None else [np.reshape(as_array(x), -1)] for x in (to_begin, to_end))
    return np.concatenate([*begin, row[1:] - row[:-1], *end])


@formula_of(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Return the slopes of samples along each axis; see `numpy.gradient`."""
    f = inexact(f)
    axes = range(f.ndim) if axis is None else [int(i) for i in np.atleast_1d(axis)]
    spacings = tuple(map(inexact, varargs or (1.0,)))
    if len(spacings) == 1 and spacings[0].ndim == 0:
        spacings = spacings * len(axes)
    slopes = tuple(_slopes(f, h, i, edge_order) for h, i in zip(spacings, axes, strict=True))
    return slopes[0] if len(slopes) == 1 else slopes


def _slopes(f: Any, spacing: Any, axis: int, edge_order: int) -> Any:
    """Return the slopes of the parabolas through three neighbours, by Newton's divided differences."""
    f = np.moveaxis(f, axis, -1)
    step = np.diff(spacing) if spacing.ndim else np.broadcast_to(spacing, (f.shape[-1] - 1,))
    step = step.astype(f.dtype)
    secant = np.diff(f) / step
    bend = np.diff(secant) / (step[:-1] + step[1:])
    inner = secant[..., :-1] + step[:-1] * bend
    first, last = secant[..., :1], secant[..., -1:]
    if edge_order == 2:
        first, last = first - step[:1] * bend[..., :1], last + step[-1:] * bend[..., -1:]
    return np.moveaxis(np.concatenate([first, inner, last], axis=-1), -1, axis)


# Grids between two ends


@formula_of(np.linspace)
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    """Return numbers at even distances; see `numpy.linspace`."""
    start, stop = _end(start), _end(stop)
    y = _between(start, stop, _fractions(num, endpoint, start, stop), axis)
    steps = num - 1 if endpoint else num
    return (y, (stop - start) / steps if steps > 0 else np.nan) if retstep else y


@formula_of(np.logspace)
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    """Return powers whose exponents are at even distances; see `numpy.logspace`."""
    start, stop = _end(start), _end(stop)
    exponents = _between(start, stop, _fractions(num, endpoint, start, stop, base), 0)
    return np.moveaxis(base**exponents, 0, axis)


@formula_of(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Return a geometric sequence between two ends; see `numpy.geomspace`."""
    start, stop = inexact(start), inexact(stop)
    wide = np.result_type(start.dtype, stop.dtype, float if dtype is None else dtype, np.float64)
    start, stop = start.astype(wide), stop.astype(wide)
    return np.moveaxis(start * (stop / start) ** _fractions(num, endpoint, start, stop), 0, axis)


def _end(x: Any) -> Any:
    """Leave a Python number as it is, since it has no precision of its own."""
    return x if isinstance(x, int | float | complex) else inexact(x)


def _fractions(num: int, endpoint: bool, *ends: Any) -> Any:
    """Return the share of the way from one end to the other that each sample has gone; its axis comes first."""
    steps = np.arange(num) / max(num - 1 if endpoint else num, 1)
    dtypes = (x.dtype for x in ends if hasattr(x, "dtype"))
    return steps.reshape(-1, *(1,) * max(map(np.ndim, ends))).astype(np.result_type(*dtypes, np.float16))


def _between(start: Any, stop: Any, fractions: Any, axis: int) -> Any:
    return np.moveaxis(start * (1 - fractions) + stop * fractions, 0, axis)


# Areas and values between


@formula_of(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Integrate by the trapezoidal rule; see `numpy.trapezoid`."""
    y = as_array(y)
    axis = normalize_axis_index(axis, y.ndim)
    if x is not None:
        x = as_array(x)
        dx = np.diff(x, axis=axis if np.ndim(x) > 1 else -1)
        dx = np.reshape(dx, [-1 if i == axis else 1 for i in range(y.ndim)]) if np.ndim(x) == 1 else dx
    later, earlier = _neighbours(y, axis)
    return np.sum(dx * (later + earlier) / 2.0, axis=axis)


@formula_of(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Interpolate linearly between samples; see `numpy.interp`. At a sample, the slope is that of the right side."""
    x, xp, fp = map(inexact, (x, xp, fp))  # unsigned differences would wrap around
    if period is not None:
        x, xp, left, right = x % abs(period), xp % abs(period), None, None
        order = np.argsort(plain(xp))
        xp = np.concatenate([xp[order[-1:]] - abs(period), xp[order], xp[order[:1]] + abs(period)])
        fp = np.concatenate([fp[order[-1:]], fp[order], fp[order[:1]]])
    places, samples = plain(x), plain(xp)
    before, after = places < samples[0], places > samples[-1]
    lower = _searchsorted(samples[1:-1], places, side="right")
    upper = np.minimum(lower + 1, len(samples) - 1)
    width = xp[upper] - xp[lower]
    at_the_end = plain(width) == 0  # there is one sample, or the last two are at one place
    fraction = (_where(before | after, xp[lower], x) - xp[lower]) / _where(at_the_end, 1, width)
    y = fp[lower] + (fp[upper] - fp[lower]) * _where(at_the_end, 1, fraction)
    y = _where(before, fp[0] if left is None else left, y)
    return _where(after, fp[-1] if right is None else right, y)


# Polynomials


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """Evaluate a polynomial, its highest coefficient first, by Horner's rule; see `numpy.polyval`."""
    y = np.zeros_like(x)
    for coefficient in p if isinstance(p, Tensor) else np.asarray(p):
        y = y * x + coefficient
    return y


@implements(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Lay out the powers of the elements in columns; see `numpy.vander`."""
    if x.ndim != 1:
        raise ValueError(f"np.vander: takes a vector, got shape {x.shape}")
    powers = np.arange(len(x) if N is None else N)
    return x[:, None] ** (powers if increasing else powers[::-1])


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """Correlate two vectors; see `numpy.correlate`."""
    a, v = as_array(a), as_array(v)
    if not a.ndim or not v.ndim:
        raise ValueError(f"np.correlate: takes vectors, got shapes {a.shape} and {v.shape}")
    v = np.conjugate(v) if v.dtype.kind == "c" else v
    if len(a) >= len(v):
        return convolve(a, v[::-1], mode)
    return convolve(v, a[::-1], mode)[::-1]  # the middle part is then counted from the other end
