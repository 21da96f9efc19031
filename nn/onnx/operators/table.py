"""The table: from an operator of ONNX to what computes it with NumPy, on arrays and tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from autograd_np.tensor import plain
from nn.onnx.errors import OnnxError

__all__ = ["DTYPES", "OPERATORS", "dtype_of", "modest", "numbers", "operator", "supported", "text"]

OPERATORS: dict[str, Callable[..., Any]] = {}
"""A function takes an operator's inputs by position, None where one is left out, and its attributes by keyword. It
returns a result, or a tuple of several."""

DTYPES: Mapping[int, type[Any]] = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_,
    10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64,
}  # fmt: skip
"""By ONNX's numbers for them."""

MOST = 2**31
"""How many elements an array may have that is made larger than what it is made of."""


def operator(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate what computes operators."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return register


def numbers(x: Any) -> list[int]:
    """Return whole numbers from an attribute or an array."""
    return [int(n) for n in np.asarray(plain(x)).ravel()]


def dtype_of(number: int) -> type[Any]:
    """Return the dtype with a number.

    Raises
    ------
    OnnxError
        If NumPy has none.
    """
    if number not in DTYPES:
        raise OnnxError(f"numbers of ONNX's type {number} are not supported")
    return DTYPES[number]


def modest(shape: Iterable[int]) -> tuple[int, ...]:
    """Return the shape of what is to be made.

    Raises
    ------
    OnnxError
        If that is too large to be meant.
    """
    shape = tuple(shape)
    if math.prod(shape) > MOST:
        raise OnnxError(f"an array of shape {shape} is to be made; at most {MOST:,} elements are")
    return shape


def supported(holds: bool, what: str) -> None:
    """Raise if a variant of an operator is not supported."""
    if not holds:
        raise OnnxError(f"{what} is not supported")


def text(value: Any) -> str:
    """Return a word of an attribute."""
    return value.decode() if isinstance(value, bytes) else str(value)
