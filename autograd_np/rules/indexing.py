"""Gathering and scattering: each is the other's derivative."""

import math
from typing import Any

import numpy as np

from autograd_np.primitives import defvjp
from autograd_np.rules.arguments import numbered
from autograd_np.tape import Contribution, Node, unbroadcast
from autograd_np.tensor import Tensor, assign, getitem, primitive
from autograd_np.versions import as_ndarray


@primitive
def scatter_add(values: Any, index: Any = None, shape: tuple[int, ...] = ()) -> Any:
    """Add `values` into zeros of the given shape, at `index`: the adjoint of `x[index]`."""
    total = np.zeros_like(values, shape=shape, order="K" if _is_unique(index) else "C")
    _add_at(total, index, values)
    return total


class Scattered(Contribution):
    """The gradient of `x[index]`, added into the total of `x` without an array of zeros for each index."""

    def __init__(self, values: Any, index: Any) -> None:
        self.values, self.index = values, index

    def added_to(self, total: Any, owned: bool, node: Node) -> Any:
        """Add the values at their index."""
        if total is None:
            order = "K" if _is_unique(self.index) else "C"
            total = np.zeros_like(self.values, shape=node.shape, dtype=node.dtype, order=order)
        elif not owned or type(total) is not type(self.values):  # captured values are not written into a constant
            given, total = total, np.empty_like(self.values, shape=node.shape, dtype=node.dtype)
            np.copyto(total, given)
        _add_at(total, self.index, self.values)
        return total


@primitive
def cleared(g: Any, index: Any = None) -> Any:
    """Return a gradient with 0 at an index, where something else was written."""
    rest = np.copy(g)  # NumPy makes numbers of arrays without axes
    rest[index] = 0
    return rest


defvjp(cleared, lambda h, _y, _g, index=None: cleared(h, index=index))
defvjp(getitem, lambda g, _y, _x, index=None: _scatter(g, index, _x.shape))
defvjp(scatter_add, lambda g, _y, _values, index=None, shape=(): g[index])
defvjp(
    assign,
    lambda g, _y, _x, _value, index=None: cleared(g, index=index),
    lambda g, _y, _x, _value, index=None: _assigned(g, index, _value.shape),
)


def _scatter(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    return scatter_add(g, index=index, shape=shape) if isinstance(g, Tensor) else Scattered(g, index)


def _add_at(total: Any, index: Any, values: Any) -> None:
    if _is_unique(index):
        total[index] += values
    elif _names_rows(index) and total.ndim > 1 and total.flags.c_contiguous:
        # Number by number and not row by row: of the same sums in the same order, in 0.2 to 0.4 of the time.
        width = math.prod(total.shape[1:])
        places = as_ndarray(index).astype(np.intp)[..., None] * width + np.arange(width)
        np.add.at(total.reshape(-1), places.reshape(-1), values.reshape(-1))
    else:
        np.add.at(total, index, values)


def _is_unique(index: Any) -> bool:
    """Tell whether an index cannot name an element twice: anything but arrays of integers."""
    return all(
        part is None or part is Ellipsis or isinstance(part, int | np.integer | slice) or _is_mask(part)
        for part in (index if type(index) is tuple else (index,))  # pyright: ignore[reportUnknownVariableType]
    )


def _names_rows(index: Any) -> bool:
    """Tell whether an index is one array of integers, for the first axis."""
    return type(index) is not tuple and as_ndarray(index).dtype.kind in "iu"


def _is_mask(part: Any) -> bool:
    return as_ndarray(part).dtype == bool


def _assigned(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Return the gradient of the values assigned to `x[index]`; where an element is named twice, the last one stays."""
    part = g[index]
    if not _is_unique(index):
        order = numbered(part.shape)
        last = np.empty(g.shape, order.dtype)
        last[index] = order
        part = np.where(last[index] == order, part, 0)
    # NumPy lets the values have further axes of length 1 on the left.
    return unbroadcast(part, shape[max(0, len(shape) - part.ndim) :]).reshape(shape)
