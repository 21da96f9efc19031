"""How arrays lie in memory: with gaps, backwards, in Fortran order, or with one element for many."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_np.primitives import defvjp
from autograd_np.tensor import primitive

__all__ = ["LAYOUTS", "broadcast", "lay_out", "own_elements"]

Array = NDArray[Any]


def own_elements(x: Array) -> Array:
    """Return one element of those that share their memory, by stride 0: the length of such an axis becomes 1."""
    if not x.size:
        return x
    # The ellipsis keeps an array without axes an array.
    return x[(*(slice(1) if stride == 0 else slice(None) for stride in x.strides), ...)]


def lay_out(elements: Any, like: Array) -> Any:
    """Lay the own elements of an array, or a tensor of them, in memory as those of `like`; on the tape."""
    laid_out = _copy(elements, like=own_elements(like))
    return laid_out if laid_out.shape == like.shape else np.broadcast_to(laid_out, like.shape)


@primitive
def _copy(x: Array, like: Any = None) -> Array:
    """Copy an array into memory that is laid out as that of `like`: its order, gaps and directions."""
    steps = [stride // like.itemsize * x.itemsize for stride in like.strides]
    ends = [step * (n - 1) for step, n in zip(steps, like.shape, strict=True) if n]
    memory = np.empty(sum(map(abs, ends)) + x.itemsize, np.uint8)
    copy: Array = np.ndarray(x.shape, x.dtype, memory, -sum(end for end in ends if end < 0), steps)
    if not _apart(copy):
        return np.array(x)
    copy[...] = x
    copy.flags.writeable = like.flags.writeable
    return copy


defvjp(_copy, lambda g, _y, _x, like=None: g)


def _apart(x: Array) -> bool:
    """Tell whether every element has memory of its own, and lies where its dtype may."""
    reach = x.itemsize
    for stride, n in sorted((abs(stride), n) for stride, n in zip(x.strides, x.shape, strict=True) if n > 1):
        if stride < reach:
            return False
        reach = stride * n
    return x.flags.aligned


# -- the layouts that are drawn ---------------------------------------------------------------------------------------


def c_order(x: Array) -> Array:
    """Return the array as it is."""
    return x


def fortran_order(x: Array) -> Array:
    """Lay columns one after the other."""
    return np.array(x, order="F")


def strided(x: Array) -> Array:
    """Leave a gap after each element."""
    return np.repeat(x[..., np.newaxis], 2, axis=-1)[..., 0]


def reversed_order(x: Array) -> Array:
    """Lay the last element first: negative strides."""
    return np.flip(np.array(np.flip(x))) if x.ndim else x


def read_only(x: Array) -> Array:
    """Forbid writing."""
    x = np.array(x)
    x.flags.writeable = False
    return x


def broadcast(x: Array) -> Array:
    """Take the first along the first axis for all: stride 0, and read-only."""
    return np.broadcast_to(np.array(x[:1]), x.shape) if x.ndim and x.size else read_only(x)


LAYOUTS = {
    "C": c_order,
    "F": fortran_order,
    "strided": strided,
    "reversed": reversed_order,
    "read-only": read_only,
    "broadcast": broadcast,
}
