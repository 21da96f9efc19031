"""What layers share: the values that their parameters start with, and what they take."""

from __future__ import annotations

import math
import operator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autograd_np import Tensor
from autograd_np.versions import as_ndarray
from nn import init
from nn.init import RNG
from nn.module import Module

__all__ = ["Operand", "Sizes", "flag", "size", "taken", "weight_and_bias"]


Operand: TypeAlias = Tensor | ArrayLike
Sizes: TypeAlias = int | tuple[int, int]


def weight_and_bias(
    shape: tuple[int, ...], bias: bool, dtype: DTypeLike, rng: RNG, outputs: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """Draw the parameters of a linear layer or a convolution, with a row of the weight for each output, or so many."""
    rng = np.random.default_rng(rng)
    weight = Tensor(np.zeros(shape), requires_grad=True, dtype=dtype)
    init.kaiming_uniform_(weight, a=math.sqrt(5), rng=rng)  # the bound is then 1/√fan_in, as for the bias
    if not bias:
        return weight, None
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    offsets = np.zeros(shape[0] if outputs is None else outputs)
    return weight, init.uniform_(Tensor(offsets, requires_grad=True, dtype=dtype), -bound, bound, rng)


def taken(layer: Module, x: Operand, dtype: np.dtype[Any]) -> Tensor | NDArray[Any]:
    """Take real numbers into a layer's dtype; those of a Tensor must be floating."""
    if not isinstance(x, Tensor):
        numbers = as_ndarray(x)
        if numbers.dtype.kind not in "biuf":
            raise TypeError(f"{type(layer).__name__}: the input is of dtype {numbers.dtype}; give real numbers")
        return numbers.astype(dtype, copy=False)
    if x.dtype.kind != "f":
        raise TypeError(
            f"{type(layer).__name__}: the input is a Tensor of dtype {x.dtype} and the parameters are {dtype}; convert "
            f"it: t.astype(np.{dtype})"
        )
    return x if x.dtype == dtype else x.astype(dtype)


def flag(layer: str, name: str, value: bool) -> bool:
    """Return what is yes or no, checked."""
    if not isinstance(value, bool | np.bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{layer}: {name}={value!r} is a {type(value).__name__}; give True or False")
    return bool(value)


def size(layer: str, name: str, value: int) -> int:
    """Return a size as an int, checked."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{layer}: {name}={value!r} is a {type(value).__name__}; give an integer") from None
    if number < 1:
        raise ValueError(f"{layer}: {name}={number}; give an integer of at least 1")
    return number
