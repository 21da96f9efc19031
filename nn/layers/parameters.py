"""What layers share: the values that their parameters start with, and what they take."""

from __future__ import annotations

import math
import operator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autograd_np import Tensor
from autograd_np.versions import as_ndarray
from autograd_np.widening import widened_by
from nn import init
from nn.init import RNG
from nn.module import Module

__all__ = ["Operand", "Sizes", "size", "taken", "weight_and_bias"]


Operand: TypeAlias = Tensor | ArrayLike
Sizes: TypeAlias = int | tuple[int, int]


def weight_and_bias(shape: tuple[int, ...], bias: bool, dtype: DTypeLike, rng: RNG) -> tuple[Tensor, Tensor | None]:
    """Draw the parameters of a linear layer or a convolution."""
    rng = np.random.default_rng(rng)
    weight = Tensor(np.zeros(shape), requires_grad=True, dtype=dtype)
    init.kaiming_uniform_(weight, a=math.sqrt(5), rng=rng)  # the bound is then 1/√fan_in, as for the bias
    if not bias:
        return weight, None
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    return weight, init.uniform_(Tensor(np.zeros(shape[0]), requires_grad=True, dtype=dtype), -bound, bound, rng)


def taken(layer: Module, x: Operand, dtype: np.dtype[Any]) -> Tensor | NDArray[Any]:
    """Take numbers into a layer's dtype; a Tensor must have it already."""
    if not isinstance(x, Tensor):
        numbers = as_ndarray(x)
        if numbers.dtype.kind not in "biuf":
            raise TypeError(f"{type(layer).__name__}: the input is of dtype {numbers.dtype}; give real numbers")
        return numbers.astype(dtype, copy=False)
    if x.dtype != dtype:
        reason = widened_by(x)
        raise TypeError(
            f"{type(layer).__name__}: the input is a Tensor of dtype {x.dtype} and the parameters are {dtype}; "
            f"{f'{reason}; ' if reason else ''}convert the input (t.astype(np.{dtype})), or make the layer with "
            f"dtype=np.{x.dtype}"
        )
    return x


def size(layer: str, name: str, value: int) -> int:
    """Return a size as an int, checked."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{layer}: {name}={value!r} is a {type(value).__name__}; give an integer") from None
    if number < 1:
        raise ValueError(f"{layer}: {name}={number}; give an integer of at least 1")
    return number
