"""Operations that move elements: shapes, orders of axes, joining, splitting, padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nn.onnx.formulas.reductions import axes_of, moved
from nn.onnx.formulas.table import FORMULAS, formula, refuse_unless
from nn.onnx.graph import Handle, cast, constant, ints, op, ops
from nn.onnx.recording import Size

__all__ = ["joined", "padded", "reshaped", "sliced", "squeezed", "transposed", "unsqueezed"]

FIRST, LAST = np.iinfo(np.int64).min + 1, np.iinfo(np.int64).max
"""Bounds of a slice that goes on to an end."""


def reshaped(x: Handle, shape: Sequence[Any]) -> Handle:
    """Give an array another form; one axis that depends on the batch size needs no number."""
    sizes = [n for n in shape if isinstance(n, Size)]
    if len(sizes) == 1 and all(isinstance(n, Size) or n > 0 for n in shape):
        shape = [-1 if isinstance(n, Size) else n for n in shape]
    empty = any(not isinstance(n, Size) and n == 0 for n in shape)
    return op("Reshape", x, ints(x, *shape), allowzero=1 if empty else None)


def transposed(x: Handle, order: Sequence[int]) -> Handle:
    """Put axes into an order."""
    order = [int(i) for i in order]
    return x if order == sorted(order) else op("Transpose", x, perm=order)


def unsqueezed(x: Handle, *axes: int) -> Handle:
    """Add axes of length 1, numbered as in the result."""
    return op("Unsqueeze", x, ints(x, *axes)) if axes else x


def squeezed(x: Handle, *axes: int) -> Handle:
    """Take axes of length 1 away."""
    return op("Squeeze", x, ints(x, *axes)) if axes else x


def sliced(x: Handle, axis: int, start: Any, stop: Any, step: int = 1) -> Handle:
    """Take a part along an axis."""
    return op("Slice", x, ints(x, start), ints(x, stop), ints(x, axis), ints(x, step))


def joined(parts: Sequence[Any], axis: int, dtype: Any) -> Handle:
    """Join arrays along an axis."""
    like = next(x for x in parts if isinstance(x, Handle))
    return op("Concat", *(cast(x, like, dtype) for x in parts), axis=axis)


def padded(x: Handle, before: Sequence[int], after: Sequence[int], value: Any = 0, mode: str | None = None) -> Handle:
    """Add elements on both sides of each axis."""
    return op("Pad", x, ints(x, *before, *after), cast(value, x) if mode is None else None, mode=mode)


@formula("np.reshape", "np.ravel", "flatten", "np.atleast_1d", "np.atleast_2d", "np.atleast_3d")
def _reshape(y: Any, x: Handle, *_: Any, order: str = "C", **__: Any) -> Handle:
    refuse_unless(order in ("C", "A", "K"), f"order={order!r}")
    return reshaped(x, y.shape)


@formula("np.squeeze")
def _squeeze(_y: Any, a: Handle, axis: Any = None) -> Handle:
    axes = [i for i, n in enumerate(a.shape) if n == 1] if axis is None else axes_of(a, axis)
    return op("Squeeze", a, ints(a, *axes)) if axes else op("Identity", a)


@formula("np.expand_dims")
def _expand_dims(y: Any, a: Handle, axis: Any = 0) -> Handle:
    axes: Any = np.atleast_1d(axis).tolist()
    axes = sorted(int(i) % len(y.shape) for i in axes)
    return op("Unsqueeze", a, ints(a, *axes)) if axes else op("Identity", a)


@formula("np.transpose")
def _transpose(_y: Any, a: Handle, *axes: Any, **words: Any) -> Handle:
    given: Any = words.get("axes", axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None)
    order = [*reversed(range(a.ndim))] if given is None else [int(i) % a.ndim for i in given]
    return op("Transpose", a, perm=order) if order else op("Identity", a)


@formula("T", "np.matrix_transpose", "mT", "np.linalg.matrix_transpose")
def _turned(y: Any, a: Handle) -> Handle:
    return op("Transpose", a, perm=[*range(a.ndim - 2), a.ndim - 1, a.ndim - 2]) if a.ndim > 1 else op("Identity", a)


FORMULAS["T"] = _transpose


@formula("np.swapaxes")
def _swapaxes(_y: Any, a: Handle, axis1: int = 0, axis2: int = 0) -> Handle:
    order = [*range(a.ndim)]
    i, j = axis1 % a.ndim, axis2 % a.ndim
    order[i], order[j] = order[j], order[i]
    return op("Transpose", a, perm=order)


@formula("np.moveaxis")
def _moveaxis(_y: Any, a: Handle, source: Any = (), destination: Any = ()) -> Handle:
    if not a.ndim:
        return op("Identity", a)
    places = dict(zip(axes_of(a, destination), axes_of(a, source), strict=True))
    rest = iter(i for i in range(a.ndim) if i not in places.values())
    return op("Transpose", a, perm=[places[i] if i in places else next(rest) for i in range(a.ndim)])


@formula("np.broadcast_to")
def _broadcast_to(y: Any, x: Handle, shape: Any = ()) -> Handle:
    return op("Expand", x, ints(x, *y.shape))


@formula("np.concatenate")
def _concatenate(y: Any, *arrays: Any, axis: Any = 0, dtype: Any = None, casting: Any = None) -> Handle:
    parts: Any = arrays
    if isinstance(arrays[0], tuple | list):
        parts, axis = arrays[0], arrays[1] if len(arrays) > 1 else axis  # pyright: ignore
    if axis is None:
        parts, axis = [op("Reshape", x, ints(x, -1)) for x in parts], 0
    return joined(parts, int(axis) % y.ndim, y.dtype)


@formula("np.stack")
def _stack(y: Any, arrays: Any, axis: int = 0) -> Handle:
    axis = axis % y.ndim
    return joined([unsqueezed(x, axis) for x in arrays], axis, y.dtype)


@formula("np.split", "np.array_split")
def _split(y: Any, x: Handle, indices_or_sections: Any, axis: int = 0) -> list[Handle]:
    axis = axis % x.ndim
    lengths = [part.shape[axis] for part in y]
    return ops("Split", x, ints(x, *lengths), axis=axis, dtypes=[None] * len(lengths))


@formula("np.repeat")
def _repeat(y: Any, x: Handle, repeats: Any, axis: Any = None) -> Handle:
    x, along = moved(x, axis)
    refuse_unless(isinstance(repeats, int), "repeats that are not one number")
    count = x.shape[along]
    if not isinstance(count, Size):
        return op("Gather", x, constant([i for i in range(count) for _ in range(repeats)], x, np.int64), axis=along)
    wide = unsqueezed(x, along + 1)
    tiled = op("Tile", wide, ints(x, *(repeats if i == along + 1 else 1 for i in range(len(x.shape) + 1))))
    return reshaped(tiled, y.shape)


@formula("np.tile")
def _tile(y: Any, x: Handle, reps: Any) -> Handle:
    times: Any = [*reps] if isinstance(reps, tuple | list) else [reps]
    more = len(times) - x.ndim
    x = unsqueezed(x, *range(more)) if more > 0 else x
    return op("Tile", x, ints(x, *[1] * max(0, -more), *times))


@formula("np.flip")
def _flip(_y: Any, m: Handle, axis: Any = None) -> Handle:
    return _reversed(m, axes_of(m, axis))


def _reversed(x: Handle, axes: Sequence[int]) -> Handle:
    if not axes:
        return op("Identity", x)
    count = len(axes)
    return op("Slice", x, ints(x, *[-1] * count), ints(x, *[FIRST] * count), ints(x, *axes), ints(x, *[-1] * count))


@formula("np.flipud")
def _flipud(_y: Any, m: Handle) -> Handle:
    return _reversed(m, [0])


@formula("np.fliplr")
def _fliplr(_y: Any, m: Handle) -> Handle:
    return _reversed(m, [1])


@formula("np.rot90")
def _rot90(_y: Any, m: Handle, k: int = 1, axes: Any = (0, 1)) -> Handle:
    first, second = axes_of(m, axes)
    order = [*range(m.ndim)]
    order[first], order[second] = second, first
    if k % 4 == 0:
        return op("Identity", m)
    if k % 4 == 2:
        return _reversed(m, [first, second])
    if k % 4 == 1:
        return transposed(_reversed(m, [second]), order)
    return _reversed(transposed(m, order), [second])


@formula("np.roll")
def _roll(y: Any, a: Handle, shift: Any = 0, axis: Any = None) -> Handle:
    whole = axis is None
    x, _ = moved(a, None) if whole else (a, 0)
    axes = [0] if whole else axes_of(a, axis)
    shifts: Any = [*shift] if isinstance(shift, tuple | list) else [shift] * len(axes)
    shape, x = x.shape, op("Identity", x)
    for along, by in zip(axes, shifts * (len(axes) // len(shifts)), strict=True):
        length = shape[along]
        refuse_unless(isinstance(length, int) and isinstance(by, int), "a roll along the batch")
        by = by % length if length else 0
        if by:
            x = op("Concat", sliced(x, along, length - by, LAST), sliced(x, along, 0, length - by), axis=along)
    return reshaped(x, y.shape) if whole else x


@formula("np.diff")
def _diff(_y: Any, a: Handle, n: int = 1, axis: int = -1) -> Handle:
    (along,), x = axes_of(a, axis), op("Identity", a)
    for _ in range(n):
        x = sliced(x, along, 1, LAST) - sliced(x, along, 0, -1)
    return x


@formula("np.diagonal")
def _diagonal(_y: Any, a: Handle, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Handle:
    i, j = axes_of(a, (axis1, axis2))
    rows, columns = a.shape[i], a.shape[j]
    refuse_unless(isinstance(rows, int) and isinstance(columns, int), "a diagonal across the batch")
    rest = [k for k in range(a.ndim) if k not in (i, j)]
    flat = op("Reshape", transposed(a, [*rest, i, j]), ints(a, *(a.shape[k] for k in rest), rows * columns))
    places = np.diagonal(np.arange(rows * columns).reshape(rows, columns), offset)
    return op("Gather", flat, constant(places, a, np.int64), axis=len(rest))


def _triangle(upper: int) -> Any:
    def call(_y: Any, m: Handle, k: int = 0) -> Handle:
        refuse_unless(m.ndim > 1, "a triangle of a vector")
        x = cast(m, m, np.int64) if m.dtype.kind in "bui" else m
        return cast(op("Trilu", x, constant(k, m, np.int64), upper=upper), m)

    return call


FORMULAS |= {"np.tril": _triangle(0), "np.triu": _triangle(1)}


@formula("np.pad")
def _pad(_y: Any, x: Handle, pad_width: Any = (), mode: str = "constant", constant_values: Any = 0, width: Any = None,
         value: Any = None) -> Handle:  # fmt: skip
    width = pad_width if width is None else width
    value = constant_values if value is None else value
    refuse_unless(mode in ("constant", "edge", "reflect"), f"mode={mode!r}")
    refuse_unless(not isinstance(value, tuple | list), "several constant values")
    if isinstance(width, int):
        pairs: Any = [(width, width)] * x.ndim
    elif isinstance(width[0], int):
        pairs = [width if len(width) == 2 else width * 2] * x.ndim
    else:
        pairs = [(p[0], p[-1]) for p in width] * (x.ndim if len(width) == 1 else 1)
    before, after = zip(*pairs, strict=True)
    return padded(x, before, after, value, None if mode == "constant" else mode)


@formula("into")
def _into(y: Any, old: Handle, name: str, *args: Any, **kwargs: Any) -> Handle:
    """Compute what is written into an array: it has the array's dtype and shape then."""
    result = FORMULAS[name](y, *args, **kwargs) if name in FORMULAS else None
    refuse_unless(result is not None, name)
    return op("Expand", cast(result, old), ints(old, *y.shape))


@formula("fill", "np.copyto")
def _fill(y: Any, old: Handle, value: Any) -> Handle:
    return op("Expand", cast(value, old), ints(old, *y.shape))


@formula("np.zeros_like", "np.empty_like", "np.imag")
def _zeros(y: Any, like: Handle, *_: Any, **__: Any) -> Handle:
    return op("Expand", constant(0, like, y.dtype), ints(like, *y.shape))


@formula("np.ones_like")
def _ones(y: Any, like: Handle, *_: Any, **__: Any) -> Handle:
    return op("Expand", constant(1, like, y.dtype), ints(like, *y.shape))


@formula("np.full_like")
def _full(y: Any, like: Handle, fill_value: Any, *_: Any, **__: Any) -> Handle:
    return op("Expand", cast(fill_value, like, y.dtype), ints(like, *y.shape))
