"""Other shapes: axes moved and added, arrays broadcast, repeated and padded, diagonals."""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from autograd_np.compositions.arguments import atleast
from autograd_np.compositions.formulas import formula_of
from autograd_np.primitives import implements
from autograd_np.rules.arguments import no_out, numbered
from autograd_np.rules.shaping import pad
from autograd_np.tensor import Tensor, plain


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """Move an axis back to before another one; see `numpy.rollaxis`."""
    if not (-a.ndim <= axis < a.ndim and -a.ndim <= start <= a.ndim):
        raise ValueError(f"np.rollaxis: axis={axis} and start={start} for an array of shape {a.shape}")
    axis, start = axis % a.ndim, start + a.ndim if start < 0 else start
    return np.moveaxis(a, axis, start - (axis < start))


@implements(np.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """Swap the last two axes; see `numpy.matrix_transpose`."""
    if x.ndim < 2:
        raise ValueError(f"np.matrix_transpose: needs at least two axes, got shape {x.shape}")
    return np.swapaxes(x, -1, -2)


@implements(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    """Make vectors of numbers; see `numpy.atleast_1d`."""
    results = tuple(atleast(x, 1) for x in arys)
    return results if len(arys) > 1 else results[0]


@implements(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    """Make rows of vectors; see `numpy.atleast_2d`."""
    results = tuple(atleast(x, 2) for x in arys)
    return results if len(arys) > 1 else results[0]


@implements(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    """Make stacks of matrices and vectors; see `numpy.atleast_3d`."""
    results = tuple(atleast(x, 3) for x in arys)
    return results if len(arys) > 1 else results[0]


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any) -> tuple[Any, ...]:
    """Broadcast arrays against one another; see `numpy.broadcast_arrays`."""
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(x, shape) for x in args)


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Sequence[Any]:
    """Make the coordinates of a grid of those along its axes; see `numpy.meshgrid`."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"np.meshgrid: indexing={indexing!r}; it is 'xy' or 'ij'")
    axes = [1, 0, *range(2, len(xi))] if indexing == "xy" and len(xi) > 1 else range(len(xi))
    grid: Sequence[Any] = [
        np.reshape(x, [-1 if i == axis else 1 for i in range(len(xi))]) for x, axis in zip(xi, axes, strict=True)
    ]
    grid = grid if sparse else broadcast_arrays(*grid)
    return tuple(map(np.copy, grid)) if copy else grid


@formula_of(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """Repeat or cut the elements until they fill a shape; see `numpy.resize`."""
    places = np.resize(numbered(a.shape), new_shape)
    return a.reshape(-1)[places] if a.size else places  # zeros


@implements(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """Take the diagonal of a matrix, or make a matrix of a diagonal; see `numpy.diag`."""
    if v.ndim not in (1, 2):
        raise ValueError(f"np.diag: takes a vector or a matrix, got shape {v.shape}; see np.diagonal and np.diagflat")
    return np.diagonal(v, k) if v.ndim == 2 else np.diagflat(v, k)


@implements(np.trace)
def trace(
    a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: DTypeLike | None = None, out: None = None
) -> Any:
    """Sum along a diagonal; see `numpy.trace`."""
    no_out("np.trace", out)
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@implements(np.pad)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    if isinstance(pad_width, dict):
        pairs: Any = [(0, 0)] * array.ndim
        for axis, pair in pad_width.items():  # pyright: ignore[reportUnknownVariableType]
            pairs[axis] = np.broadcast_to(pair, 2)  # pyright: ignore[reportUnknownArgumentType]
    else:
        pairs = np.broadcast_to(pad_width, (array.ndim, 2))
    width = tuple((operator.index(before), operator.index(after)) for before, after in pairs)
    if mode == "constant" and kwargs.keys() <= {"constant_values"}:
        value = kwargs.get("constant_values", 0)
        if isinstance(value, Tensor) and value.requires_grad:
            raise TypeError(
                "np.pad: constant_values= cannot be a Tensor that requires a gradient; join it with np.concatenate"
            )
        return pad(array, width=width, value=plain(value))
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise TypeError(
            f"np.pad: mode={mode!r} is not supported on tensors; constant, edge, reflect, symmetric and wrap are"
        )
    if kwargs.pop("reflect_type", "even") != "even":
        raise TypeError("np.pad: reflect_type='odd' is not supported on tensors; subtract the reflection from 2 edges")
    # Every padded element is an element of the array: pad the places instead, and gather.
    places: Any = np.pad(numbered(array.shape), width or 0, mode, **kwargs)
    return array.reshape(-1)[places] if array.ndim else np.copy(array)
