"""Operators that move elements, look them up, or tell and make shapes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_np.tensor import plain
from nn.onnx.operators.table import OPERATORS, modest, numbers, operator, supported, text

__all__: list[str] = []

UNARY: dict[str, Callable[[Any], Any]] = {
    "Size": lambda x: np.array(math.prod(x.shape), np.int64),
    "Det": lambda x: np.linalg.det(x),
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "Expand": lambda x, shape: _expanded(x, numbers(shape)),
    "Tile": lambda x, repeats: _tiled(x, numbers(repeats)),
    "MatMul": lambda a, b: np.matmul(a, b),
}
OPERATORS.update(UNARY)
OPERATORS.update(BINARY)


@operator("Shape")
def _shape(x: Any, start: int = 0, end: Any = None) -> Any:
    return np.array(x.shape[start:end], np.int64)


@operator("Transpose")
def _transpose(x: Any, perm: Any = None) -> Any:
    return np.transpose(x, perm)


@operator("Concat")
def _concat(*arrays: Any, axis: Any) -> Any:
    return np.concatenate(arrays, axis=axis)


@operator("Gather")
def _gather(x: Any, indices: Any, axis: int = 0) -> Any:
    return np.take(x, _whole(indices), axis=axis)


@operator("GatherElements")
def _gather_elements(x: Any, indices: Any, axis: int = 0) -> Any:
    return np.take_along_axis(x, _whole(indices), axis=axis)


@operator("Trilu")
def _trilu(x: Any, k: Any = None, upper: int = 1) -> Any:
    return (np.triu if upper else np.tril)(x, 0 if k is None else int(plain(k)))


def _whole(indices: Any) -> Any:
    return plain(indices)


def _tiled(x: Any, repeats: list[int]) -> Any:
    modest(n * times for n, times in zip(x.shape, repeats, strict=True))
    return np.tile(x, repeats)


def _expanded(x: Any, shape: list[int]) -> Any:
    modest(shape)
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(shape)))


@operator("Reshape")
def _reshape(x: Any, shape: Any, allowzero: int = 0) -> Any:
    sides = numbers(shape)
    if not allowzero:
        sides = [x.shape[i] if n == 0 else n for i, n in enumerate(sides)]
    return np.reshape(x, tuple(sides))


@operator("Flatten")
def _flatten(x: Any, axis: int = 1) -> Any:
    axis = axis if axis >= 0 else axis + x.ndim
    return np.reshape(x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


@operator("Squeeze")
def _squeeze(x: Any, axes: Any = None) -> Any:
    return np.squeeze(x, axis=None if axes is None else tuple(numbers(axes)))


@operator("Unsqueeze")
def _unsqueeze(x: Any, axes: Any) -> Any:
    return np.expand_dims(x, axis=tuple(numbers(axes)))


@operator("Split")
def _split(x: Any, split: Any = None, axis: int = 0, num_outputs: int | None = None, outputs: int = 1) -> Any:
    if split is not None:
        places = np.cumsum(numbers(split))
        supported(bool(places[-1] == x.shape[axis]), "a split into parts of another length in all")
        return tuple(np.split(x, [int(n) for n in places[:-1]], axis=axis))
    count = num_outputs or outputs
    length = -(-x.shape[axis] // count)
    return tuple(np.split(x, [length * i for i in range(1, count)], axis=axis))


@operator("Slice")
def _slice(x: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    first, last = numbers(starts), numbers(ends)
    along = [*range(len(first))] if axes is None else numbers(axes)
    by = [1] * len(first) if steps is None else numbers(steps)
    index = [slice(None)] * x.ndim
    for axis, start, end, step in zip(along, first, last, by, strict=True):
        # Counting down, an end before the first element is no number that Python has.
        before = step < 0 and end < -x.shape[axis]
        index[axis] = slice(start, None if before else end, step)
    return x[tuple(index)]


@operator("GatherND")
def _gather_nd(x: Any, indices: Any, batch_dims: int = 0) -> Any:
    supported(batch_dims == 0, "GatherND with batch_dims")
    return x[tuple(np.moveaxis(_whole(indices), -1, 0))]


@operator("Pad")
def _pad(x: Any, pads: Any, value: Any = None, axes: Any = None, mode: Any = b"constant") -> Any:
    given, mode = numbers(pads), text(mode)
    along = [*range(x.ndim)] if axes is None else [n % x.ndim for n in numbers(axes)]
    width = [(0, 0)] * x.ndim
    for axis, before, after in zip(along, given[: len(along)], given[len(along) :], strict=True):
        width[axis] = before, after
    modest(max(0, n + sum(pair)) for n, pair in zip(x.shape, width, strict=True))
    cut = tuple(slice(max(0, -a), n - max(0, -b)) for n, (a, b) in zip(x.shape, width, strict=True))
    x, width = x[cut], [(max(0, a), max(0, b)) for a, b in width]
    if mode == "constant":
        return np.pad(x, width, constant_values=0 if value is None else plain(value).item())
    supported(mode in ("reflect", "edge", "wrap"), f"Pad with mode {mode!r}")
    for axis, pair in enumerate(width):
        x = _padded(x, axis, pair, mode) if any(pair) else x
    return x


def _padded(x: Any, axis: int, pair: tuple[int, int], mode: str) -> Any:
    """Pad by looking up."""
    return np.take(x, np.pad(np.arange(x.shape[axis]), pair, mode=mode), axis=axis)  # pyright: ignore


@operator("ConstantOfShape")
def _constant_of_shape(shape: Any, value: Any = None) -> Any:
    value = np.zeros(1, np.float32) if value is None else value
    return np.full(modest(numbers(shape)), value.ravel()[0], value.dtype)


@operator("Range")
def _range(start: Any, limit: Any, delta: Any) -> Any:
    start, limit, delta = (plain(x) for x in (start, limit, delta))
    count = max(0, int(np.ceil((limit - start) / delta)))
    modest([count])
    return (start + np.arange(count) * delta).astype(start.dtype)


@operator("DepthToSpace")
def _depth_to_space(x: Any, blocksize: int = 1, mode: Any = b"DCR") -> Any:
    n, c, h, w = x.shape
    b = blocksize
    if text(mode) == "CRD":
        return x.reshape(n, c // b**2, b, b, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // b**2, h * b, w * b)
    return x.reshape(n, b, b, c // b**2, h, w).transpose(0, 3, 4, 1, 5, 2).reshape(n, c // b**2, h * b, w * b)


@operator("SpaceToDepth")
def _space_to_depth(x: Any, blocksize: int = 1) -> Any:
    n, c, h, w = x.shape
    b = blocksize
    return x.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4).reshape(n, c * b**2, h // b, w // b)


@operator("Einsum")
def _einsum(*arrays: Any, equation: Any) -> Any:
    return np.einsum(text(equation), *arrays)


@operator("Gemm")
def _gemm(
    a: Any, b: Any, c: Any = None, alpha: float = 1.0, beta: float = 1.0, transA: int = 0, transB: int = 0
) -> Any:
    product = np.matmul(a.T if transA else a, b.T if transB else b)
    product = product if alpha == 1 else product * alpha
    return product if c is None else product + (c if beta == 1 else c * beta)
