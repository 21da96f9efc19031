"""Parameters: the tensors that a module trains, saves and loads."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from autograd_np.tensor import Operand, Tensor

__all__ = ["Parameter", "as_parameter", "is_parameter", "zero_grad"]

# Tensors that are parameters though they are frozen, by their ids: == of tensors compares elements.
_made: dict[int, weakref.ref[Tensor]] = {}


class _Kind(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return is_parameter(instance)


class Parameter(metaclass=_Kind):
    """Return a Tensor that a module takes for a parameter when it is assigned to an attribute.

    Parameters
    ----------
    data : array_like
        Real numbers of any shape; they are copied.
    requires_grad : bool
        Whether it is trained. A frozen parameter stands in the state dict as well, a plain frozen Tensor does not.
    dtype : dtype, optional
        By default that of `data`.

    Returns
    -------
    Tensor
        ``isinstance(tensor, nn.Parameter)`` holds for it, and for every leaf that requires a gradient.

    Raises
    ------
    TypeError
        If `data` is not numeric, or gradients are asked of integers.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> class Shift(nn.Module):
    ...     def __init__(self):
    ...         self.shift = nn.Parameter(np.zeros(3))
    ...
    ...     def forward(self, x):
    ...         return x + self.shift
    >>> list(Shift().state_dict())
    ['shift']
    """

    def __new__(cls, data: Operand, requires_grad: bool = True, *, dtype: DTypeLike | None = None) -> Any:
        """Make the tensor."""
        if isinstance(data, Tensor):
            data = data.detach()
        return as_parameter(Tensor(data, requires_grad, dtype))


def as_parameter(tensor: Tensor) -> Tensor:
    """Return a tensor, a leaf, that modules take for a parameter from now on, also if it is frozen."""
    key = id(tensor)
    _made[key] = weakref.ref(tensor, lambda _: _made.pop(key, None))
    return tensor


def is_parameter(value: object) -> bool:
    """Tell what a module takes for a parameter: what was made as one, and any leaf that requires a gradient."""
    if not isinstance(value, Tensor):
        return False
    reference = _made.get(id(value))
    return (reference is not None and reference() is value) or (value.requires_grad and value.is_leaf)


def zero_grad(parameters: Iterable[Tensor], set_to_none: bool) -> None:
    """Forget gradients: set `.grad` to None, or those that are there to zeros."""
    for parameter in parameters:
        parameter.grad = None if set_to_none or parameter.grad is None else np.zeros(parameter.shape)
