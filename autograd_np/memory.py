"""Memory for large arrays: that of earlier ones, once nobody has a view of them any more.

What NumPy asks of the system for a large array are pages that must be found and cleared, some of which it has just
given back: for a small network that takes longer than computing what is written there.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lent", "empty", "empty_like"]

Array = NDArray[Any]

# In bytes. Smaller arrays come out of memory that the process has, in less time than it takes to lend them some.
_LARGE = 2**18

# How many bytes are kept that nobody uses. With more than that, all of them are given back when new ones are made; a
# single array of more than a quarter is not kept at all.
_KEPT = 2**27


class Lent:
    """Memory on loan: it can be lent again when the last array in it is gone.

    Threads may lend and return at any moment: each step of it is one operation of a list or a dict.
    """

    free: ClassVar[dict[int, list[Array]]] = {}

    def __init__(self, size: int) -> None:
        try:
            self.memory = Lent.free[size].pop()
        except (KeyError, IndexError):
            if sum(size * len(parts) for size, parts in list(Lent.free.items())) > _KEPT:
                Lent.free.clear()
            self.memory = np.empty(size, np.uint8)

    def array(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an array that lies here, and keeps this alive."""
        address = self.memory.__array_interface__["data"]
        self.__array_interface__ = {"shape": shape, "typestr": dtype.str, "data": address, "version": 3}
        return np.asarray(self)

    def __del__(self) -> None:
        size = self.memory.size
        if 4 * size <= _KEPT:
            Lent.free.setdefault(size, []).append(self.memory)


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array of any content, as np.empty does."""
    size = math.prod(shape) * dtype.itemsize
    return np.empty(shape, dtype) if size < _LARGE or dtype.kind not in "bfc" else Lent(size).array(shape, dtype)


def empty_like(x: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array of any content, whose axes lie in memory in the order of another one's, as np.empty_like does."""
    if math.prod(shape) * dtype.itemsize < _LARGE:
        return np.empty_like(x, dtype, shape=shape)
    order = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    lying = empty(tuple(shape[axis] for axis in order), dtype)
    return lying.transpose([order.index(axis) for axis in range(x.ndim)])
