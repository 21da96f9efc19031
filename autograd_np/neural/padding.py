"""Padding, in PyTorch's order: the last axis first."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from autograd_np.tensor import Operand, Tensor, as_array

__all__ = ["PaddingMode", "pad"]

PaddingMode: TypeAlias = Literal["constant", "reflect", "replicate", "circular"]


def pad(x: Operand, pad: Sequence[int], mode: PaddingMode = "constant", value: float = 0.0) -> Tensor:
    """Put elements before and after those of an array, along its last axes.

    Parameters
    ----------
    x : array_like
        An array of any shape.
    pad : sequence of int
        How many elements come before and after those of the last axis, then of the last but one, and so on:
        (left, right, top, bottom) for images. Negative numbers take elements away.
    mode : {"constant", "reflect", "replicate", "circular"}
        What they are: the `value`; the array's own elements in reverse, without the one at the edge; the one at the
        edge; or those at the other end.
    value : float
        See `mode`.

    Returns
    -------
    Tensor
        An array if `x` is no Tensor.

    Raises
    ------
    TypeError
        If `pad` is not made of integers.
    ValueError
        If the mode is unknown, `pad` does not have two numbers for each of some axes, it takes away more elements than
        there are, or needs more than there are; or a `value` is given that `x` cannot hold, or that is not used.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import pad
    >>> pad(np.array([[1.0, 2.0, 3.0]]), (2, 1))
    array([[0., 0., 1., 2., 3., 0.]])
    >>> pad(np.array([[1.0, 2.0, 3.0]]), (2, -1), mode="reflect")
    array([[3., 2., 1., 2.]])
    """
    values: Any = as_array(x)
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise ValueError(f"pad: unknown mode {mode!r}; choose constant, reflect, replicate or circular")
    widths = _widths(values.shape, pad)
    if mode != "constant":
        if value != 0:
            raise ValueError(f"pad: value={value!r} with mode={mode!r}, which takes elements of x; leave it out")
        for axis, (before, after) in widths.items():
            values = _extended(values, axis, before, after, mode)
        return values
    if values.dtype.kind in "biu" and not _holds(values.dtype, value):
        raise ValueError(f"pad: value={value!r} is nothing that x of dtype {values.dtype} can hold; convert x first")
    values = values[_cropping(values.ndim, widths)]
    widened = [tuple(max(n, 0) for n in widths.get(axis, (0, 0))) for axis in range(values.ndim)]
    y: Any = np.pad(values, widened, constant_values=value)
    return y


def _holds(dtype: np.dtype[Any], value: float) -> bool:
    """Tell whether an array of integers or booleans can hold a number."""
    try:
        return bool(dtype.type(value) == value)
    except (OverflowError, ValueError):
        return False


def _widths(shape: tuple[int, ...], pad: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return how many elements come before and after those of each axis."""
    try:
        numbers = [operator.index(n) for n in pad]
    except TypeError:
        raise TypeError(f"pad: pad={pad!r}; give integers, two for each axis, the last axis first") from None
    if len(numbers) % 2 or len(numbers) > 2 * len(shape):
        raise ValueError(
            f"pad: pad={pad!r} for x of shape {shape}; give two numbers for each axis, the last axis first"
        )
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    widths = {len(shape) - 1 - i: pair for i, pair in enumerate(pairs)}
    for axis, pair in widths.items():
        if shape[axis] + min(pair[0], 0) + min(pair[1], 0) < 0:
            raise ValueError(f"pad: {pair} takes more than the {shape[axis]} elements of axis {axis} away")
    return widths


def _cropping(ndim: int, widths: dict[int, tuple[int, int]]) -> tuple[slice, ...]:
    """Return the index of what negative widths leave."""
    pairs = (widths.get(axis, (0, 0)) for axis in range(ndim))
    return tuple(slice(max(-before, 0), min(after, 0) or None) for before, after in pairs)


def _extended(x: Any, axis: int, before: int, after: int, mode: str) -> Any:
    """Put elements of an axis before and after them."""
    if mode == "circular":  # of what is left
        x = x[_cropping(x.ndim, {axis: (before, after)})]
    n, most = x.shape[axis], max(before, after)
    if most > 0 and (n == 0 or most > {"reflect": n - 1, "replicate": most, "circular": n}[mode]):
        raise ValueError(f"pad: mode={mode!r} cannot make {most} more elements of the {n} along axis {axis}")

    def at(start: int, stop: int | None, step: int = 1) -> Any:
        return x[(*(slice(None),) * axis, slice(start, stop, step))]

    parts = [x]
    if before > 0:
        if mode == "replicate":
            parts.insert(0, np.repeat(at(0, 1), before, axis))
        else:
            parts.insert(0, at(before, 0, -1) if mode == "reflect" else at(n - before, n))
    if after > 0:
        if mode == "replicate":
            parts.append(np.repeat(at(n - 1, n), after, axis))
        else:
            parts.append(at(n - 2, n - 2 - after if after < n - 1 else None, -1) if mode == "reflect" else at(0, after))
    if len(parts) > 1:
        x = np.concatenate(parts, axis)
    return x if mode == "circular" else x[_cropping(x.ndim, {axis: (before, after)})]
