"""Functions that put elements in order: the gradient of each place goes back to the element that has come there."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_np.primitives import defvjp, implements, primitives
from autograd_np.rules.arguments import numbered
from autograd_np.rules.indexing import scatter_add
from autograd_np.tensor import plain, record

# The same elements in another order

defvjp(np.sort, lambda g, _y, x, axis=-1, kind=None, stable=None: _unsorted(g, x, axis))
defvjp(np.partition, lambda g, y, x, kth=0, axis=-1, kind="introselect": _unpartitioned(g, y, x, axis))

# A place between two neighbours in order

defvjp(
    np.median,
    lambda g, y, x, axis=None, keepdims=False: _to_neighbours(
        g, y, x, axis, lambda ranks: np.median(ranks, axis, keepdims=keepdims)
    ),
)
defvjp(
    np.quantile,
    lambda g, y, x, q, axis=None, method="linear", keepdims=False: _to_neighbours(
        g, y, x, axis, lambda ranks: np.quantile(ranks, q, axis, method=method, keepdims=keepdims)
    ),
    None,
)
defvjp(
    np.percentile,
    lambda g, y, x, q, axis=None, method="linear", keepdims=False: _to_neighbours(
        g, y, x, axis, lambda ranks: np.percentile(ranks, q, axis, method=method, keepdims=keepdims)
    ),
    None,
)

# The same without NaN, which get the gradient 0, even where there is nothing else

defvjp(
    np.nanmedian,
    lambda g, y, x, axis=None, keepdims=False: _to_neighbours(
        np.where(y != y, 0, g), y, x, axis, lambda ranks: np.nanmedian(_of_numbers(ranks, x), axis, keepdims=keepdims)
    ),
)
defvjp(
    np.nanquantile,
    lambda g, y, x, q, axis=None, method="linear", keepdims=False: _to_neighbours(
        np.where(y != y, 0, g), y, x, axis,
        lambda ranks: np.nanquantile(_of_numbers(ranks, x), q, axis, method=method, keepdims=keepdims),
    ),
    None,
)  # fmt: skip
defvjp(
    np.nanpercentile,
    lambda g, y, x, q, axis=None, method="linear", keepdims=False: _to_neighbours(
        np.where(y != y, 0, g), y, x, axis,
        lambda ranks: np.nanpercentile(_of_numbers(ranks, x), q, axis, method=method, keepdims=keepdims),
    ),
    None,
)  # fmt: skip


@implements(np.nanquantile)
def _nanquantile(a: Any, q: Any, axis: Any = None, **kwargs: Any) -> Any:
    return _of_numbers_alone(np.nanquantile, a, q, {"axis": axis, **kwargs})


@implements(np.nanpercentile)
def _nanpercentile(a: Any, q: Any, axis: Any = None, **kwargs: Any) -> Any:
    return _of_numbers_alone(np.nanpercentile, a, q, {"axis": axis, **kwargs})


def _of_numbers_alone(function: Callable[..., Any], a: Any, q: Any, options: Any) -> Any:
    # NumPy itself puts the axes of q elsewhere than np.quantile does, once there are two of them.
    entry = primitives[function]
    if np.ndim(q) > 1:
        raise TypeError(f"{entry.name}: q of shape {np.shape(q)} is not supported on tensors; give a number or a row")
    return record(entry, *entry.bind((a, q), options))


def _order(x: Any, axis: int) -> Any:
    """Return where the elements of each row are found in ascending order; of equal ones, the first comes first."""
    return np.argsort(plain(x), axis=axis, kind="stable")


def _unsorted(g: Any, x: Any, axis: int | None) -> Any:
    """Bring the gradient of sorted rows into the order of `x`: that of the least element comes first."""
    if axis is None:
        return _unsorted(g, x.reshape(-1), 0).reshape(x.shape)
    return np.take_along_axis(g, np.argsort(_order(x, axis), axis=axis), axis)


def _unpartitioned(g: Any, y: Any, x: Any, axis: int | None) -> Any:
    """Bring the gradient of each row of `y` into the order of `x`: the least element of one is that of the other."""
    if axis is None:
        return _unpartitioned(g, y, x.reshape(-1), 0).reshape(x.shape)
    return _unsorted(np.take_along_axis(g, _order(y, axis), axis), x, axis)


def _to_neighbours(g: Any, y: Any, x: Any, axis: Any, interpolated: Callable[[Any], Any]) -> Any:
    """Give the gradient of an interpolation to the two elements between which it lies.

    The ranks 0, 1, 2, ..., interpolated in place of the elements, tell where in their order it lies: the whole part
    names the lower neighbour, and the fraction is the weight of the upper one.
    """
    if not x.size:
        return np.zeros(x.shape, g.dtype)
    axes = range(x.ndim) if axis is None else [i % x.ndim for i in np.atleast_1d(axis).tolist()]
    kept = [i for i in range(x.ndim) if i not in axes]

    def rows(array: Any) -> Any:
        return array.transpose(*kept, *axes).reshape(*(array.shape[i] for i in kept), -1)

    def columns(array: Any) -> Any:  # q's axes come first, as one, and go last
        return np.moveaxis(array.reshape(-1, *(x.shape[i] for i in kept)), 0, -1)

    places = np.take_along_axis(rows(numbered(x.shape)), _order(rows(plain(x)), -1), -1)
    last = places.shape[-1] - 1
    ranks = np.empty(x.shape)
    ranks.reshape(-1)[places] = np.arange(last + 1)
    position = columns(np.where(plain(y != y), last, interpolated(ranks)))  # a NaN is the result where there is one
    lower = np.floor(position).astype(np.intp)
    fraction = (position - lower).astype(g.dtype)
    below, above = (np.take_along_axis(places, np.minimum(rank, last), -1) for rank in (lower, lower + 1))
    g, elements = columns(g), (x.size,)
    return (
        scatter_add(g * (1 - fraction), index=below, shape=elements)
        + scatter_add(g * fraction, index=above, shape=elements)
    ).reshape(x.shape)


def _of_numbers(ranks: Any, x: Any) -> Any:
    """Leave out the ranks of NaN, but keep the first of them, so that at least one rank is left."""
    return np.where(plain(x != x) & (ranks > 0), np.nan, ranks)
