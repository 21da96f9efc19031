"""Functions that move elements without changing them."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_np.primitives import defvjp, implements
from autograd_np.rules.indexing import numbered
from autograd_np.tape import unbroadcast
from autograd_np.tensor import astype, primitive

defvjp(np.reshape, lambda g, _y, _x, shape=None, order="C": np.reshape(g, _x.shape, order=_fixed(order)))
defvjp(np.ravel, lambda g, _y, _x, order="C": np.reshape(g, _x.shape, order=_fixed(order)))
defvjp(np.transpose, lambda g, _y, _x, axes=None: np.transpose(g, _inverse(axes)))
defvjp(np.swapaxes, lambda g, _y, _x, axis1=0, axis2=1: np.swapaxes(g, axis1, axis2))
defvjp(np.moveaxis, lambda g, _y, _x, source=None, destination=None: np.moveaxis(g, destination, source))
defvjp(np.squeeze, lambda g, _y, _x, axis=None: g.reshape(_x.shape))
defvjp(np.expand_dims, lambda g, _y, _x, axis=None: g.reshape(_x.shape))
defvjp(np.broadcast_to, lambda g, _y, _x, shape=None: unbroadcast(g, _x.shape))
defvjp(astype, lambda g, _y, _x, dtype=None: g)
defvjp(np.copy, lambda g, _y, _x: g)


def _fixed(order: str) -> Any:
    if order not in ("C", "F"):
        raise ValueError(f"np.reshape: order={order!r} depends on the layout in memory; on tensors use 'C' or 'F'")
    return order


def _inverse(axes: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if axes is None else tuple(int(i) for i in np.argsort([a % len(axes) for a in axes]))


@primitive
def concatenate(*arrays: Any, axis: int | None = 0) -> Any:
    """Join arrays along an axis that they have; see `numpy.concatenate`."""
    return np.concatenate(arrays, axis=axis)


def _cut(g: Any, _y: Any, *_arrays: Any, axis: int = 0) -> list[Any]:
    """Cut a gradient into pieces of the arrays' lengths."""
    before = (slice(None),) * (axis % g.ndim)
    stops = [0, *itertools.accumulate(array.shape[axis] for array in _arrays)]
    return [g[(*before, slice(start, stop))] for start, stop in itertools.pairwise(stops)]


defvjp(concatenate, joint=_cut)


@implements(np.concatenate)
def _concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    if axis is None:
        return concatenate(*(np.reshape(a, -1) for a in arrays), axis=0)
    return concatenate(*arrays, axis=axis)


@implements(np.stack)
def _stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    return concatenate(*(np.expand_dims(a, axis) for a in arrays), axis=axis)


@primitive
def pad(x: Any, width: tuple[tuple[int, int], ...] = (), value: float = 0) -> Any:
    """Surround an array with a constant: `width` has a pair (before, after) for each axis."""
    return np.pad(x, width, constant_values=value)


defvjp(
    pad,
    lambda g, _y, _x, width=(), value=0: g[
        tuple(slice(before, before + n) for (before, _), n in zip(width, _x.shape, strict=True))
    ],
)


@implements(np.pad)
def _pad(array: Any, pad_width: Any, mode: str = "constant", *, constant_values: float = 0, **kwargs: Any) -> Any:
    if mode == "constant":
        pairs = np.broadcast_to(np.asarray(pad_width), (array.ndim, 2))
        return pad(array, width=tuple((int(before), int(after)) for before, after in pairs), value=constant_values)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise TypeError(
            f"np.pad: mode={mode!r} is not supported on tensors; constant, edge, reflect, symmetric and wrap are"
        )
    # Every padded element is an element of the array: pad the places instead, and gather.
    places: Any = np.pad(numbered(array.shape), pad_width, mode, **kwargs)
    return array.reshape(-1)[places]
