"""Arguments of the operations and layers of neural networks: their types, and their checks."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autograd_np.tensor import Operand, as_array

__all__ = [
    "Array", "Axis", "OutputSize", "Pair", "Reduction", "check_eps", "check_max_norm", "check_number", "check_p",
    "check_reduction", "check_variance", "first_place", "lengths_of", "narrowed", "number", "padding_row", "pair",
    "real", "single",
]  # fmt: skip

Array: TypeAlias = NDArray[Any]
Axis: TypeAlias = int | tuple[int, ...] | None
Pair: TypeAlias = tuple[int, int]
OutputSize: TypeAlias = int | tuple[int | None, int | None] | None
Reduction: TypeAlias = Literal["mean", "sum", "none"]


def real(operation: str, x: Operand) -> Any:
    """Return a Tensor or an array of floating-point numbers."""
    values = as_array(x)
    if values.dtype.kind == "f":
        return values
    if values.dtype.kind not in "biu":
        raise TypeError(f"{operation}: an argument of dtype {values.dtype}; give real numbers")
    return values.astype(float)


def narrowed(y: Any, dtype: np.dtype[Any]) -> Any:
    """Return a Tensor or an array in a dtype; as it is, if it has it already."""
    return y if y.dtype == dtype else y.astype(dtype)


def number(operation: str, name: str, value: float, positive: bool = False) -> float:
    """Return a setting as a Python number, which leaves float32 what it is."""
    check_number(operation, name, value)
    if not math.isfinite(value) or (positive and value <= 0):
        raise ValueError(f"{operation}: {name}={value!r}; give a finite{' and positive' * positive} number")
    return float(value)


def pair(operation: str, name: str, value: int | Sequence[int], least: int = 1) -> Pair:
    """Return one integer for each of height and width."""
    if type(value) is int and value >= least:
        return value, value
    try:
        # A tuple is known for one without asking the abstract class, which takes most of the time.
        sizes = tuple(map(operator.index, value if isinstance(value, tuple | Sequence) else (value, value)))
    except TypeError:
        raise TypeError(
            f"{operation}: {name}={value!r} is a {type(value).__name__}; give an integer, or two for height and width"
        ) from None
    if len(sizes) != 2 or min(sizes) < least:
        raise ValueError(
            f"{operation}: {name}={value!r}; give an integer of at least {least}, or two for height and width"
        )
    return sizes


def lengths_of(operation: str, name: str, value: int | Sequence[int], least: int = 1) -> tuple[int, ...]:
    """Return lengths of axes, of which one may be given as a number."""
    given = tuple(value) if isinstance(value, Sequence) else (value,)
    try:
        lengths = tuple(map(operator.index, given))
    except TypeError:
        lengths = None
    if lengths is None or bool in map(type, given):
        raise TypeError(
            f"{operation}: {name}={value!r} is a {type(value).__name__}; give an integer, or a tuple of integers"
        )
    if min(lengths, default=least - 1) < least:
        raise ValueError(f"{operation}: {name}={value!r}; give one integer of at least {least}, or more")
    return lengths


def single(operation: str, name: str, value: int | Sequence[int], least: int = 1) -> int:
    """Return one integer, given as it is or as the only one of a sequence."""
    if type(value) is int and value >= least:
        return value
    try:
        sizes = tuple(map(operator.index, value if isinstance(value, Sequence) else (value,)))
    except TypeError:
        raise TypeError(f"{operation}: {name}={value!r} is a {type(value).__name__}; give an integer") from None
    if len(sizes) != 1 or sizes[0] < least:
        raise ValueError(f"{operation}: {name}={value!r}; give an integer of at least {least}")
    return sizes[0]


def check_reduction(operation: str, reduction: str) -> None:
    """Raise unless the reduction of a batch's losses is known."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{operation}: unknown reduction {reduction!r}; choose mean, sum or none")


def check_number(operation: str, name: str, value: object, integral: bool = False) -> None:
    """Raise unless an option is a number, or an integer; a bool stands for neither."""
    kinds = (int, np.integer) if integral else (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, kinds):
        wanted = "an integer" if integral else "a number"
        raise TypeError(f"{operation}: {name}={value!r} is a {type(value).__name__}; give {wanted}")


def check_p(operation: str, p: float) -> None:
    """Raise unless p is a probability."""
    if not 0 <= p <= 1:
        raise ValueError(f"{operation}: p={p!r}; give the probability of dropping an element, from 0 to 1")


def check_eps(operation: str, eps: float) -> None:
    """Raise unless eps, which is added to a divisor, is a number that is not negative."""
    if not eps >= 0:
        raise ValueError(f"{operation}: eps={eps!r}; give a small number, not a negative one")


def check_variance(given: str, shape: tuple[int, ...], instead: str) -> None:
    """Raise if the channels of a batch (N, C, ...) have no variance; the other two are words to say so."""
    if math.prod(shape) < 2 * shape[1]:
        raise ValueError(
            f"{given} of shape {shape} has less than two values for each channel, which have no variance; give larger "
            f"batches, or {instead}"
        )


def first_place(wrong: Array) -> tuple[int, ...]:
    """Return the index of the first element that is true."""
    return tuple(np.argwhere(wrong)[0].tolist())


def padding_row(operation: str, padding_idx: int, rows: int) -> int:
    """Return the number of the row for padding, counted from the front."""
    try:
        row = operator.index(padding_idx)
    except TypeError:
        row = None
    if row is None or isinstance(padding_idx, bool):
        raise TypeError(
            f"{operation}: padding_idx={padding_idx!r} is a {type(padding_idx).__name__}; give the number of a row"
        )
    if not -rows <= row < rows:
        raise ValueError(f"{operation}: padding_idx={padding_idx} names none of the {rows} rows of the table")
    return row % rows


def check_max_norm(operation: str, max_norm: object) -> None:
    """Refuse to change a table while it is read."""
    if max_norm is not None:
        raise ValueError(
            f"{operation}: max_norm={max_norm!r} is not supported, since it would change the table while it is read; "
            f"shorten the rows after each step of the optimiser: weight.data *= {max_norm!r} / "
            f"np.maximum({max_norm!r}, np.linalg.norm(weight.data, axis=1, keepdims=True))"
        )
