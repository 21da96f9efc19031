"""Functions that reduce axes: sums, means, extremes, products."""

import math
from typing import Any

import numpy as np

from autograd_np.primitives import defvjp

defvjp(np.sum, lambda g, _y, _x, axis=None, keepdims=False: np.broadcast_to(_spread(g, _x, axis), _x.shape))
defvjp(
    np.mean,
    lambda g, _y, _x, axis=None, keepdims=False: np.broadcast_to(_spread(g, _x, axis) / _count(_x, axis), _x.shape),
)
defvjp(
    np.var,
    lambda g, _y, x, axis=None, ddof=0, keepdims=False: _spread(g, x, axis) * _deviation(x, axis, ddof) * 2,
)
defvjp(
    np.std,  # of a constant it is 0, and so is the gradient then, as in PyTorch
    lambda g, y, x, axis=None, ddof=0, keepdims=False: (
        _spread(g / np.where(y == 0, 1, y), x, axis) * _deviation(x, axis, ddof)
    ),
)
defvjp(np.max, lambda g, y, x, axis=None, keepdims=False: _share(g, y, x, axis))
defvjp(np.min, lambda g, y, x, axis=None, keepdims=False: _share(g, y, x, axis))
defvjp(np.prod, lambda g, y, x, axis=None, keepdims=False: _spread(g, x, axis) * _product_of_others(y, x, axis))


def _axes(x: Any, axis: Any) -> tuple[int, ...]:
    """Return the reduced axes, counted from the front."""
    if axis is None:
        return tuple(range(x.ndim))
    return tuple(a % x.ndim for a in np.atleast_1d(axis).tolist())


def _spread(g: Any, x: Any, axis: Any) -> Any:
    """Give back the reduced axes, with length 1, so that it broadcasts against `x`."""
    axes = _axes(x, axis)
    return g.reshape(tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def _count(x: Any, axis: Any) -> int:
    """Return how many elements are reduced to one."""
    return math.prod(x.shape[a] for a in _axes(x, axis)) or 1


def _deviation(x: Any, axis: Any, ddof: float) -> Any:
    return (x - x.mean(axis=axis, keepdims=True)) / (_count(x, axis) - ddof)


def _share(g: Any, y: Any, x: Any, axis: Any) -> Any:
    """Share the gradient evenly among the elements that are equal to the extreme."""
    ties = (x == _spread(y, x, axis)) | (x != x)  # a NaN is the extreme where there is one
    count = ties.sum(axis=axis, keepdims=True).astype(g.dtype)
    return np.where(ties, _spread(g, x, axis) / count, 0)


def _product_of_others(y: Any, x: Any, axis: Any) -> Any:
    """Return, for each element, the product of the others."""
    if np.all(x != 0):
        return _spread(y, x, axis) / x
    axes = _axes(x, axis)
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    rows = np.transpose(x, kept + axes).reshape(*(x.shape[i] for i in kept), -1)
    itself = np.eye(rows.shape[-1], dtype=bool)
    others = np.prod(np.where(itself, 1, rows[..., None, :]), axis=-1)
    moved = others.reshape(tuple(x.shape[i] for i in kept + axes))
    return np.transpose(moved, tuple(int(i) for i in np.argsort(kept + axes)))
