"""Operators that reduce along axes, or order what is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from autograd_np import neural as F
from autograd_np.tensor import plain
from nn.onnx.operators.table import OPERATORS, modest, numbers, operator, supported

__all__: list[str] = []


def _reduction(function: Callable[[Any, Any, bool], Any]) -> Callable[..., Any]:
    """Take axes as an attribute, or as an input as later versions do."""

    def call(x: Any, given: Any = None, axes: Any = None, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Any:
        along = axes if given is None else given
        chosen = None if along is None or not numbers(along) else tuple(numbers(along))
        if chosen is None and noop_with_empty_axes:
            return x
        return function(x, chosen, bool(keepdims))

    return call


def _sum(x: Any, axis: Any, keep: bool) -> Any:
    return np.sum(x, axis=axis, keepdims=keep).astype(x.dtype)


REDUCTIONS: dict[str, Callable[[Any, Any, bool], Any]] = {
    "ReduceSum": _sum,
    "ReduceMean": lambda x, axis, keep: np.mean(x, axis=axis, keepdims=keep),
    "ReduceMax": lambda x, axis, keep: np.max(x, axis=axis, keepdims=keep),
    "ReduceMin": lambda x, axis, keep: np.min(x, axis=axis, keepdims=keep),
    "ReduceProd": lambda x, axis, keep: np.prod(x, axis=axis, keepdims=keep).astype(x.dtype),
    "ReduceL1": lambda x, axis, keep: _sum(np.abs(x), axis, keep),
    "ReduceL2": lambda x, axis, keep: np.sqrt(_sum(np.square(x), axis, keep)),
    "ReduceSumSquare": lambda x, axis, keep: _sum(np.square(x), axis, keep),
    "ReduceLogSum": lambda x, axis, keep: np.log(_sum(x, axis, keep)),
    "ReduceLogSumExp": lambda x, axis, keep: F.logsumexp(x, axis=axis, keepdims=keep),
}
OPERATORS.update({kind: _reduction(function) for kind, function in REDUCTIONS.items()})


@operator("Softmax")
def _softmax(x: Any, axis: int = -1) -> Any:
    return F.softmax(x, axis)


@operator("LogSoftmax")
def _log_softmax(x: Any, axis: int = -1) -> Any:
    return F.log_softmax(x, axis)


def _winner(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Any, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Any:
        supported(not select_last_index, "select_last_index")
        return function(plain(x), axis=axis, keepdims=bool(keepdims)).astype(np.int64)

    return call


OPERATORS.update({"ArgMax": _winner(np.argmax), "ArgMin": _winner(np.argmin)})


@operator("CumSum")
def _cumsum(x: Any, axis: Any, exclusive: int = 0, reverse: int = 0) -> Any:
    along = int(plain(axis).item())
    x = np.flip(x, axis=along) if reverse else x
    total = np.cumsum(x, axis=along, dtype=x.dtype)
    total = total - x if exclusive else total
    return np.flip(total, axis=along) if reverse else total


@operator("TopK")
def _top_k(x: Any, k: Any, axis: int = -1, largest: int = 1, sorted: int = 1) -> Any:
    array, (count,) = plain(x), numbers(k)
    if largest:  # of equal ones, the first comes first
        order = np.flip(np.argsort(np.flip(array, axis=axis), axis=axis, kind="stable"), axis=axis)
        order = array.shape[axis] - 1 - order
    else:
        order = np.argsort(array, axis=axis, kind="stable")
    places = np.take(order, np.arange(count), axis=axis)
    return np.take_along_axis(x, places, axis=axis), places.astype(np.int64)


@operator("OneHot")
def _one_hot(indices: Any, depth: Any, values: Any, axis: int = -1) -> Any:
    (count,) = numbers(depth)
    given = plain(indices)
    axis %= given.ndim + 1
    modest([*given.shape, count])
    kinds = np.arange(count).reshape([-1 if i == axis else 1 for i in range(given.ndim + 1)])
    off, on = plain(values)
    return cast(Any, np.where(np.expand_dims(given % count, axis) == kinds, on, off))
