"""Functions that reduce axes, or accumulate along them: sums, means, spreads, extremes, products."""

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_np.primitives import defvjp, implementations, primitive_of, primitives
from autograd_np.rules.arguments import conjugated, no_out
from autograd_np.rules.kinks import kinked
from autograd_np.rules.ranges import logarithms, scaled_along, times_power_of_2, too_small, widened
from autograd_np.tensor import Tensor, plain, record

# Sums, means, spreads, extremes, products; what `where` leaves out gets the gradient 0

defvjp(
    np.sum,
    lambda g, _y, _x, axis=None, dtype=None, keepdims=False, initial=0, where=True: _broadcast_like(
        _x, where, _with_reduced_axes(g, _x, axis)
    ),
)
defvjp(
    np.mean,
    lambda g, _y, _x, axis=None, dtype=None, keepdims=False, where=True: _broadcast_like(
        _x,
        where,
        _over_count(_with_reduced_axes(widened(g), _x, axis), _chosen_count(_x, axis, where)),
    ),
)
defvjp(
    np.var,
    lambda g, _y, x, axis=None, dtype=None, ddof=0, keepdims=False, correction=0, where=True: _var_vjp(
        g, x, axis, ddof + correction, where, dtype
    ),
)
defvjp(
    np.std,
    lambda g, y, x, axis=None, dtype=None, ddof=0, keepdims=False, correction=0, where=True: _std_vjp(
        g, y, x, axis, ddof + correction, where, dtype
    ),
)
for _function in (np.max, np.amax, np.min, np.amin):
    defvjp(
        _function,
        lambda g, y, x, axis=None, keepdims=False, initial=None, where=True: _shared_by_extremes(
            g, y, x, axis, initial, where, _is_nan(x)
        ),
    )
defvjp(
    np.prod,
    lambda g, y, x, axis=None, dtype=None, keepdims=False, initial=1, where=True: _broadcast_like(
        x, where, _product_vjp(g, y, _in_dtype(dtype, np.where(where, x, 1)), axis, initial)
    ),
)

REDUCTIONS: dict[np.ufunc, Any] = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}
"""The functions that are reductions by a ufunc."""

# The same from the start of an axis to each element

defvjp(np.cumsum, lambda g, _y, _x, axis=None, dtype=None: _sums_to_the_end(g, axis).reshape(_x.shape))
defvjp(np.cumprod, lambda g, y, x, axis=None, dtype=None: _cumprod_vjp(g, y, _in_dtype(dtype, x), axis))

# The same for what is not NaN: a NaN gets the gradient 0, also where there is nothing else and the result is NaN

defvjp(
    np.nansum,
    lambda g, _y, x, axis=None, dtype=None, keepdims=False, initial=0, where=True: _broadcast_like(
        x, _not_nan(x, where), _with_reduced_axes(g, x, axis)
    ),
)
defvjp(
    np.nanmean,
    lambda g, _y, x, axis=None, dtype=None, keepdims=False, where=True: _broadcast_like(
        x,
        _not_nan(x, where),
        _over_count(_with_reduced_axes(widened(g), x, axis), _how_many(_not_nan(x, where), axis)),
    ),
)
defvjp(
    np.nanvar,
    lambda g, _y, x, axis=None, dtype=None, ddof=0, keepdims=False, correction=0, where=True: _var_vjp(
        g, x, axis, ddof + correction, _not_nan(x, where), dtype
    ),
)
defvjp(
    np.nanstd,
    lambda g, y, x, axis=None, dtype=None, ddof=0, keepdims=False, correction=0, where=True: _std_vjp(
        g, y, x, axis, ddof + correction, _not_nan(x, where), dtype
    ),
)
for _function in (np.nanmax, np.nanmin):
    defvjp(
        _function,
        lambda g, y, x, axis=None, keepdims=False, initial=None, where=True: _shared_by_extremes(
            g, y, x, axis, initial, where
        ),
    )
defvjp(
    np.nanprod,
    lambda g, y, x, axis=None, dtype=None, keepdims=False, initial=1, where=True: _broadcast_like(
        x, _not_nan(x, where), _product_vjp(g, y, _in_dtype(dtype, np.where(_not_nan(x, where), x, 1)), axis, initial)
    ),
)
defvjp(
    np.nancumsum,
    lambda g, _y, x, axis=None, dtype=None: np.where(_is_nan(x), 0, _sums_to_the_end(g, axis).reshape(x.shape)),
)
defvjp(
    np.nancumprod,
    lambda g, y, x, axis=None, dtype=None: np.where(
        _is_nan(x), 0, _cumprod_vjp(g, y, _in_dtype(dtype, np.where(_is_nan(x), 1, x)), axis)
    ),
)


def _axes(x: Any, axis: Any) -> tuple[int, ...]:
    """Return the reduced axes, counted from the front."""
    if axis is None or x.ndim == 0:  # NumPy lets a number have an axis 0
        return tuple(range(x.ndim))
    return tuple(operator.index(a) % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,)))  # pyright: ignore


def _with_reduced_axes(g: Any, x: Any, axis: Any) -> Any:
    """Give back the reduced axes, with length 1, so that it broadcasts against `x`."""
    axes = _axes(x, axis)
    return g.reshape(tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def reduced_count(x: Any, axis: Any) -> int:
    """Return how many elements are reduced to one."""
    return max(1, math.prod(x.shape[a] for a in _axes(x, axis)))


def _broadcast_like(x: Any, where: Any, g: Any) -> Any:
    """Broadcast a gradient to the shape of `x`, with 0 for what is left out."""
    return np.broadcast_to(g if where is True else np.where(where, g, 0), x.shape)


def _included(x: Any, where: Any) -> Any:
    """Return a mask of the shape of `x`: which of its elements are reduced."""
    return np.broadcast_to(where, x.shape)


def _not_nan(x: Any, where: Any) -> Any:
    """Return which of the included elements are not NaN."""
    return ~_is_nan(x) & where


def _how_many(chosen: Any, axis: Any) -> Any:
    return np.sum(chosen, axis=axis, keepdims=True)


def _over_count(g: Any, count: Any) -> Any:
    """Divide by a count, in the precision of `g`; where nothing is counted, leave it as it is."""
    return g / (count if isinstance(count, int) else np.maximum(count, 1).astype(g.dtype))


def _is_nan(x: Any) -> Any:
    return x != x


def _var_vjp(g: Any, x: Any, axis: Any, ddof: Any, where: Any, dtype: Any) -> Any:
    """Return the gradient of the variance of what is chosen."""
    _check_dtype(x, dtype)
    deviation = _deviation(widened(x), axis, where)
    return _with_reduced_axes(g, x, axis) * _over_freedom(deviation, _chosen_count(x, axis, where) - ddof, where) * 2


def _std_vjp(g: Any, y: Any, x: Any, axis: Any, ddof: Any, where: Any, dtype: Any) -> Any:
    """Return the gradient of the standard deviation; of equal numbers both are 0, as in PyTorch."""
    _check_dtype(x, dtype)
    size: Any = _with_reduced_axes(widened(y), x, axis)
    count = _chosen_count(x, axis, where)
    # The mean of equal numbers may round to their neighbour. The deviations are then equal, and taking off their mean
    # leaves 0.
    deviation: Any = _deviation(_deviation(widened(x), axis, where), axis, where)
    lost: Any = (size == 0) | ~np.isfinite(size)  # a constant, or squares too small or too large
    if np.any(lost | too_small(size)):
        deviation = scaled_along(deviation, axis)
        squares: Any = np.sum(_over_freedom(deviation, count - ddof, where) * deviation, axis=axis, keepdims=True).real
        size = np.sqrt(np.where(squares > 0, squares, 1))
    part = _with_reduced_axes(widened(g), x, axis) / size * _over_freedom(deviation, count - ddof, where)
    return kinked(part, lambda: lost & (count > 1) & _not_nan(x, where), x, axis=_from_the_back(x, axis))


def _check_dtype(x: Any, dtype: Any) -> None:
    """Raise where NumPy takes the mean of complex numbers without their imaginary parts."""
    if dtype is not None and x.dtype.kind == "c" and np.dtype(dtype).kind != "c":
        raise TypeError(
            f"np.var or np.std: of {x.dtype} with dtype={np.dtype(dtype)} NumPy loses the imaginary part of the mean; "
            f"leave dtype= out, or take it of the real part"
        )


def _chosen_count(x: Any, axis: Any, where: Any) -> Any:
    return reduced_count(x, axis) if where is True else _how_many(_included(x, where), axis)


def _deviation(x: Any, axis: Any, where: Any) -> Any:
    """Return the deviations from the mean of what is chosen, and 0 for the rest."""
    if where is True:
        return x - x.mean(axis=axis, keepdims=True)
    chosen = _included(x, where)
    x = np.where(chosen, x, 0)
    return np.where(chosen, x - _over_count(np.sum(x, axis=axis, keepdims=True), _how_many(chosen, axis)), 0)


def _over_freedom(deviation: Any, freedom: Any, where: Any) -> Any:
    """Divide by the degrees of freedom; where there are none, NumPy divides by 0 too, and has a NaN among NaNs."""
    if where is True:
        return conjugated(deviation) / float(max(freedom, 0))
    factor: Any = 1 / np.where(freedom > 0, freedom, np.nan).astype(deviation.dtype)
    return conjugated(deviation) * np.where(where, factor, 0)


def _from_the_back(x: Any, axis: Any) -> tuple[int, ...]:
    return tuple(a - x.ndim for a in _axes(x, axis))


def _in_dtype(dtype: Any, x: Any) -> Any:
    """Return what is multiplied: the real part alone, say, if that is the dtype of the product."""
    return x if dtype is None else x.astype(dtype)


def _shared_by_extremes(g: Any, y: Any, x: Any, axis: Any, initial: Any, where: Any, nan: Any = False) -> Any:
    """Share the gradient evenly among the elements that are the extreme; if `initial` is too, it has half of it."""
    extreme = _with_reduced_axes(y, x, axis)
    ties = ((x == extreme) | nan) & where  # where NaN counts, it is the extreme
    count = ties.sum(axis=axis, keepdims=True)
    if initial is not None:
        count = count * (1 + (extreme == initial))
    return np.where(ties, _over_count(_with_reduced_axes(widened(g), x, axis), count), 0)


def _product_vjp(g: Any, y: Any, x: Any, axis: Any, initial: Any) -> Any:
    """Return g times the product of the others, for each element."""
    g = _with_reduced_axes(g, x, axis)
    initial = 1 if initial is None else initial
    leaves_range = _leaves_range(x, axis, np.abs(logarithms(initial)))
    if _divides(x, leaves_range):
        return g * (_with_reduced_axes(y, x, axis) / x)
    axes = _axes(x, axis)
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    rows = np.transpose(x, kept + axes).reshape(*(x.shape[i] for i in kept), -1)
    scaled, powers, totals = _scaled(rows)
    both_sides = _product_before(scaled) * np.flip(_product_before(np.flip(scaled, -1)), -1)
    others = times_power_of_2(both_sides * x.dtype.type(initial), totals[..., -1:] - powers)
    others = others.reshape(tuple(x.shape[i] for i in kept + axes))
    part = g * np.transpose(others, tuple(int(i) for i in np.argsort(kept + axes)))
    return kinked(part, lambda: leaves_range, x, axis=_from_the_back(x, axis))


def _leaves_range(x: Any, axis: Any, more: Any) -> Any:
    """Tell which products of some of the elements, and 2 to the `more`, could be too large or small for a number."""
    return np.sum(np.abs(logarithms(x)), axis=axis, keepdims=True) + more >= -np.finfo(x.dtype).minexp


def _divides(x: Any, leaves_range: Any) -> bool:
    """Tell whether a product without x may be computed as y / x: derivatives of that lose their digits near a zero."""
    if isinstance(x, Tensor) or np.any(leaves_range):
        return x.size == 0  # only where there is nothing to divide
    return bool(np.all((x != 0) & np.isfinite(x)))


def _scaled(rows: Any) -> tuple[Any, Any, Any]:
    """Return rows over powers of 2 that keep the products of elements from the first on close to 1.

    Returns
    -------
    scaled : array
        The rows over 2 to the `powers`.
    powers, totals : array of int
        What was taken off each element, and the sums from the first on.
    """
    totals = np.rint(np.cumsum(logarithms(rows), axis=-1)).astype(int)
    powers: Any = np.diff(totals, axis=-1, prepend=0)
    return times_power_of_2(rows, -powers), powers, totals


def _product_before(rows: Any) -> Any:
    return _cumprod(_after_ones(rows), axis=-1)


_cumprod: Callable[..., Any] = np.cumprod  # NumPy's type is unknown where that of the array is


def _after_ones(rows: Any) -> Any:
    """Move each row on by one place, and put a 1 in front."""
    return np.concatenate([np.ones_like(rows[..., :1]), rows[..., :-1]], axis=-1)


def _sums_to_the_end(g: Any, axis: int | None) -> Any:
    return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


def _cumprod_vjp(g: Any, y: Any, x: Any, axis: int | None) -> Any:
    r"""Return sum_{k>=i} g_k prod_{j<=k, j!=i} x_j.

    Where x can be divided by, that is sum_{k>=i} g_k y_k / x_i. Else it is the product of all x before i, times s_i,
    where s_i = g_i + x_{i+1} s_{i+1}: a recurrence that is solved by doubling, with sums over 1, 2, 4, ... elements
    from i on, and products of as many after i. Nothing is divided, so that it holds at any zeros and near them. Powers
    of 2 are kept apart, so that nothing on the way is too large or too small: of s_i, that of its largest term.
    """
    if axis is None or x.ndim == 0:
        return _cumprod_vjp(g, y, x.reshape(-1), 0).reshape(x.shape)
    leaves_range = _leaves_range(x, axis, np.max(np.abs(logarithms(g)), axis=axis, keepdims=True, initial=0))
    if _divides(x, leaves_range):
        return _sums_to_the_end(g * y, axis) / x
    g, x, leaves_range = (np.moveaxis(a, axis, -1) for a in (g, x, leaves_range))
    scaled, powers, totals = _scaled(x)
    terms: Any = totals + np.rint(logarithms(g)).astype(int)
    terms = terms - np.ptp(terms) * (plain(g) == 0)  # where there is no term, no more than the smallest one
    after_zeros = np.ptp(terms) * np.cumsum(plain(x) == 0, axis=-1)  # what comes after a zero is none of those before
    largest = np.flip(np.maximum.accumulate(np.flip(terms - after_zeros, -1), axis=-1), -1) + after_zeros
    largest = np.where(leaves_range, largest, 0)
    steps = times_power_of_2(scaled, np.diff(largest, axis=-1, prepend=largest[..., :1]))
    sums, products, length = times_power_of_2(g, totals - largest), _ahead(steps, 1), 1
    while length < x.shape[-1]:
        sums = sums + products * _ahead(sums, length)
        products = products * _ahead(products, length)
        length *= 2
    part = times_power_of_2(_product_before(scaled) * sums, largest - powers)
    return np.moveaxis(kinked(part, lambda: leaves_range, x, axis=-1), -1, axis)


def _ahead(x: Any, places: int) -> Any:
    """Return what lies some places ahead in each row, and 0 where the row has ended."""
    return np.concatenate([x[..., places:], np.zeros_like(x[..., :places])], axis=-1)


# ---------------------------------------------------------------------------------------------------------------------
# Methods of ufuncs
# ---------------------------------------------------------------------------------------------------------------------


_NOT_GIVEN = object()


def _define_reduce(ufunc: np.ufunc, reduction: Any) -> None:
    """Reduce by the rule of NumPy's function of that purpose, but along the first axis if none is given."""
    entry = primitive_of(ufunc, "reduce")
    entry.define(primitives[reduction].vjps, None, broadcasts=False)

    def reduce(
        array: Any, axis: Any = 0, dtype: Any = None, out: None = None, keepdims: bool = False,
        initial: Any = _NOT_GIVEN, where: Any = True,
    ) -> Any:  # fmt: skip
        no_out(entry.name, out)
        options: dict[str, Any] = {"axis": axis, "keepdims": keepdims, "where": plain(where)}
        if initial is not _NOT_GIVEN:
            options["initial"] = initial
        if dtype is not None and "dtype" in entry.keywords:
            options["dtype"] = dtype
        elif dtype is not None:  # an extreme is found among the elements in that dtype
            array = array.astype(dtype)
        return record(entry, (array,), options)

    implementations[ufunc, "reduce"] = reduce


for _ufunc, _function in REDUCTIONS.items():
    _define_reduce(_ufunc, _function)
