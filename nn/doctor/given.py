"""What was given to be compared, arrays and numbers of them: taken as it is, or refused by name."""

from __future__ import annotations

import operator
from collections.abc import Container, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_np import Tensor

__all__ = ["given_array", "given_arrays", "given_number"]

Array = NDArray[Any]


def given_arrays(what: str, given: Any, omitted: Container[str] = ()) -> dict[str, Array]:
    """Return a mapping's values as arrays of real numbers."""
    if not isinstance(given, Mapping):
        raise TypeError(
            f"compare: {what} is a {type(given).__name__}; give a dict from the parameters' names to arrays, as by "
            f"dict(zip(names, gradients))"
        )
    arrays: dict[str, Array] = {}
    for name, value in given.items():  # pyright: ignore[reportUnknownVariableType]
        if name in omitted:
            continue
        array = given_array(f"{what}, for {name},", value)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"compare: {what} holds a {array.dtype} for {name}; give real numbers")
        arrays[str(name)] = array if array.dtype.kind == "f" else array.astype(float)  # pyright: ignore
    return arrays


def given_array(what: str, value: Any) -> Array:
    """Return a value as an array of its own, in which no mask and no shape is lost."""
    if _is_masked(value):
        raise TypeError(f"compare: {what} is a masked array, whose mask would be lost; give its filled(0), or its data")
    try:
        return np.array(value.data if isinstance(value, Tensor) else value)
    except ValueError:  # of rows that have several lengths
        raise TypeError(
            f"compare: {what} is no array, its rows have several lengths; give rows of one length"
        ) from None


def given_number(what: str, value: Any, least: int) -> int:
    """Return a number of things as an int, of which there are so many at least."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{what}={value!r} is a {type(value).__name__}; give a whole number, an int") from None
    if number < least:
        raise ValueError(f"{what}={value!r} is less than {least}; give a whole number from {least} on")
    return number


def _is_masked(value: Any) -> bool:
    """Return whether a value is a masked array, or a list that holds one."""
    if isinstance(value, list | tuple):
        return any(_is_masked(part) for part in value)  # pyright: ignore[reportUnknownVariableType]
    return isinstance(value, np.ma.MaskedArray)
