"""Sums, means, extremes, products and orders along axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nn.onnx.formulas.elementwise import nan, where
from nn.onnx.formulas.table import FORMULAS, formula, refuse_unless
from nn.onnx.graph import Handle, cast, constant, ints, op, ops
from nn.onnx.recording import Size

__all__ = ["axes_of", "length_of", "mean", "moved", "reduce"]


def axes_of(x: Handle, axis: Any) -> list[int]:
    """Return axes as numbers from 0; None stands for all."""
    axes: Any = range(x.ndim) if axis is None else np.atleast_1d(axis).tolist()
    return [int(axis) % x.ndim for axis in axes]


def reduce(kind: str, x: Handle, axis: Any, keepdims: Any) -> Handle:
    """Reduce along axes; of an array without axes, or along none, there is nothing to do."""
    axes = axes_of(x, axis)
    if not axes:
        return op("Identity", x)
    keep = int(keepdims is True)
    if kind == "ReduceSum":  # whose axes are an input since opset 13
        return op(kind, x, ints(x, *axes), keepdims=keep)
    return op(kind, x, axes=axes, keepdims=keep)


def length_of(x: Handle, axis: Any) -> Any:
    """Return how many elements there are along axes, as a number or a size."""
    sides = [x.shape[i] for i in axes_of(x, axis)]
    sizes = [n for n in sides if isinstance(n, Size)]
    whole = math.prod(n for n in sides if not isinstance(n, Size))
    refuse_unless(len(sizes) <= 1, "two axes depend on the batch size")
    return Size(sizes[0].factor * whole, sizes[0].offset * whole) if sizes else whole


def mean(x: Handle, axis: Any, keepdims: Any) -> Handle:
    """Average."""
    return reduce("ReduceMean", x, axis, keepdims)


def _reduction(kind: str, default: Any = None) -> Any:
    def call(y: Any, a: Handle, axis: Any = default, dtype: Any = None, keepdims: Any = False) -> Handle:
        x = cast(a, a, y.dtype)
        x.shape = a.shape
        return reduce(kind, x, axis, keepdims)

    return call


for _name, _kind in {
    "sum": "ReduceSum", "mean": "ReduceMean", "prod": "ReduceProd", "max": "ReduceMax", "min": "ReduceMin",
    "amax": "ReduceMax", "amin": "ReduceMin",
}.items():  # fmt: skip
    FORMULAS[f"np.{_name}"] = _reduction(_kind)
for _name, _kind in {
    "add": "ReduceSum", "multiply": "ReduceProd", "maximum": "ReduceMax", "minimum": "ReduceMin",
}.items():  # fmt: skip
    FORMULAS[f"np.{_name}.reduce"] = _reduction(_kind, 0)


def _truth(kind: str, default: Any) -> Any:
    def call(_y: Any, a: Handle, axis: Any = default, keepdims: Any = False) -> Handle:
        x = cast(cast(a, a, bool), a, np.int32)
        x.shape = a.shape
        return cast(reduce(kind, x, axis, keepdims), a, bool)

    return call


FORMULAS |= {
    "np.any": _truth("ReduceMax", None), "np.all": _truth("ReduceMin", None),
    "np.logical_or.reduce": _truth("ReduceMax", 0), "np.logical_and.reduce": _truth("ReduceMin", 0),
}  # fmt: skip


@formula("np.count_nonzero")
def _count_nonzero(_y: Any, a: Handle, axis: Any = None, keepdims: Any = False) -> Handle:
    x = cast(cast(a, a, bool), a, np.int64)
    x.shape = a.shape
    return reduce("ReduceSum", x, axis, keepdims)


def _spread(square_root: bool, ignore: bool = False) -> Any:
    def call(
        y: Any, a: Handle, axis: Any = None, dtype: Any = None, ddof: Any = 0, keepdims: Any = False,
        correction: Any = None,
    ) -> Handle:  # fmt: skip
        x = cast(a, a, y.dtype)
        x.shape = a.shape
        lost = ddof if correction is None else correction
        known = op("Not", nan(x)) if ignore else None
        centred = x - (mean(x, axis, True) if known is None else _nanmean(x, known, axis, True))
        squares = centred * centred
        if known is not None:
            squares = where(known, squares, 0)
        squares.shape = x.shape
        total = reduce("ReduceSum", squares, axis, keepdims)
        count = cast(length_of(x, axis), x) if known is None else _known(x, known, axis, keepdims)
        var = total / (count - lost if lost else count)
        return op("Sqrt", var) if square_root else var

    return call


def _known(x: Handle, known: Handle, axis: Any, keepdims: Any) -> Handle:
    ones = cast(known, x)
    ones.shape = x.shape
    return reduce("ReduceSum", ones, axis, keepdims)


def _nanmean(x: Handle, known: Handle, axis: Any, keepdims: Any) -> Handle:
    filled = where(known, x, 0)
    filled.shape = x.shape
    return reduce("ReduceSum", filled, axis, keepdims) / _known(x, known, axis, keepdims)


FORMULAS |= {"np.var": _spread(False), "np.std": _spread(True)}
FORMULAS |= {"np.nanvar": _spread(False, True), "np.nanstd": _spread(True, True)}


@formula("np.nanmean")
def _mean_of_known(y: Any, a: Handle, axis: Any = None, dtype: Any = None, keepdims: Any = False) -> Handle:
    x = cast(a, a, y.dtype)
    x.shape = a.shape
    return _nanmean(x, op("Not", nan(x)), axis, keepdims)


@formula("np.average")
def _average(y: Any, a: Handle, axis: Any = None, weights: Any = None, keepdims: Any = False) -> Handle:
    x = cast(a, a, y.dtype)
    x.shape = a.shape
    if weights is None:
        return mean(x, axis, keepdims)
    weights = weights if isinstance(weights, Handle) else constant(weights, x)
    refuse_unless(weights.shape == a.shape or (a.ndim > 0 and weights.ndim == 1 and axis is not None), "such weights")
    share = cast(weights, x)
    if weights.shape != a.shape:
        (along,) = axes_of(a, axis)
        share = op("Reshape", share, ints(x, *(-1 if i == along else 1 for i in range(a.ndim))))
    ones = op("Expand", share, op("Shape", x, dtype=np.int64))
    product = x * share
    product.shape = ones.shape = a.shape
    return reduce("ReduceSum", product, axis, keepdims) / reduce("ReduceSum", ones, axis, keepdims)


def _filled(kind: str, filling: float) -> Any:
    def call(y: Any, a: Handle, axis: Any = None, dtype: Any = None, keepdims: Any = False) -> Handle:
        x = cast(a, a, y.dtype)
        x = where(nan(x), filling, x) if x.dtype.kind == "f" else x
        x.shape = a.shape
        return reduce(kind, x, axis, keepdims)

    return call


FORMULAS |= {
    "np.nansum": _filled("ReduceSum", 0), "np.nanprod": _filled("ReduceProd", 1),
    "np.nanmax": _filled("ReduceMax", -np.inf), "np.nanmin": _filled("ReduceMin", np.inf),
}  # fmt: skip


def _winner(kind: str, instead: float | None = None) -> Any:
    def call(_y: Any, a: Handle, axis: Any = None, keepdims: Any = False) -> Handle:
        keep, shape = int(keepdims is True), a.shape
        a = a if instead is None else where(nan(a), instead, a)
        a.shape = shape
        if axis is None:
            refuse_unless(not keep, "keepdims without an axis")
            flat = op("Reshape", a, ints(a, -1))
            return op(kind, flat, axis=0, keepdims=0, dtype=np.int64)
        return op(kind, a, axis=axes_of(a, axis)[0], keepdims=keep, dtype=np.int64)

    return call


FORMULAS |= {
    "np.argmax": _winner("ArgMax"), "np.argmin": _winner("ArgMin"),
    "np.nanargmax": _winner("ArgMax", -np.inf), "np.nanargmin": _winner("ArgMin", np.inf),
}  # fmt: skip


def moved(x: Handle, axis: Any) -> tuple[Handle, int]:
    """Return an array and the number of an axis; for None the array is laid flat first."""
    if axis is not None:
        return x, axes_of(x, axis)[0]
    flat = op("Reshape", x, ints(x, -1))
    flat.shape = (length_of(x, None),)
    return flat, 0


@formula("np.cumsum", "np.add.accumulate")
def _cumsum(y: Any, a: Handle, axis: Any = None, dtype: Any = None) -> Handle:
    x, along = moved(a, axis)
    return op("CumSum", cast(x, x, y.dtype), constant(along, x, np.int64))


@formula("np.nancumsum")
def _nancumsum(y: Any, a: Handle, axis: Any = None, dtype: Any = None) -> Handle:
    x, along = moved(a, axis)
    return op("CumSum", where(nan(x), 0, x), constant(along, x, np.int64))


def _order(x: Handle, axis: Any) -> tuple[list[Handle], int]:
    x, along = moved(x, axis)
    refuse_unless(x.dtype.kind in "fi", f"an order of {x.dtype}")
    count = ints(x, x.shape[along])
    return ops("TopK", x, count, axis=along, largest=0, sorted=1, dtypes=[None, np.int64]), along


@formula("np.sort")
def _sort(_y: Any, a: Handle, axis: Any = -1, kind: Any = None, stable: Any = None) -> Handle:
    return _order(a, axis)[0][0]


@formula("np.argsort")
def _argsort(_y: Any, a: Handle, axis: Any = -1, kind: Any = None, stable: Any = None) -> Handle:
    return _order(a, axis)[0][1]


@formula("np.median")
def _median(_y: Any, a: Handle, axis: Any = None, keepdims: bool = False) -> Handle:
    axes = axes_of(a, axis)
    refuse_unless(axis is None or len(axes) == 1, "a median along several axes")
    refuse_unless(axis is not None or not keepdims, "keepdims without an axis")
    (values, _), along = _order(a, axis)
    count = length_of(a, axis)
    refuse_unless(isinstance(count, int), "a median along the batch")
    middle = [count // 2] if count % 2 else [count // 2 - 1, count // 2]
    taken = op("Gather", values, ints(a, *middle), axis=along)
    taken.shape = tuple(len(middle) if i == along else 1 for i in range(1 if axis is None else a.ndim))
    found = reduce("ReduceMean", taken, along, keepdims)
    return where(nan(mean(a, axis, keepdims)), np.nan, found)


@formula("softmax")
def _softmax(_y: Any, x: Handle, axis: Any = -1) -> Handle:
    if isinstance(axis, int):
        return op("Softmax", x, axis=axis)
    powers = op("Exp", x - reduce("ReduceMax", x, axis, True))
    powers.shape = x.shape
    return powers / reduce("ReduceSum", powers, axis, True)


@formula("log_softmax")
def _log_softmax(_y: Any, x: Handle, axis: Any = -1) -> Handle:
    if isinstance(axis, int):
        return op("LogSoftmax", x, axis=axis)
    return x - reduce("ReduceLogSumExp", x, axis, True)


@formula("logsumexp")
def _logsumexp(_y: Any, x: Handle, axis: Any = None) -> Handle:
    """Subtract the largest first, which the operator need not."""
    top = reduce("ReduceMax", x, axis, True)
    top = where(top > -np.inf, top, 0)
    powers = op("Exp", x - top)
    powers.shape = x.shape
    kept = op("Log", reduce("ReduceSum", powers, axis, True)) + top
    return op("Squeeze", kept, ints(x, *axes_of(x, axis))) if axes_of(x, axis) else kept


@formula("np.linalg.norm", "np.linalg.vector_norm")
def _norm(y: Any, x: Handle, ord: Any = None, axis: Any = None, keepdims: bool = False, order: Any = None) -> Handle:
    """Return a norm of vectors; of matrices that of all their elements."""
    ord = order if ord is None else ord
    whole = axis is None and x.ndim != 1
    refuse_unless(ord is None or not whole, "a norm of matrices")
    refuse_unless(axis is None or len(axes_of(x, axis)) == 1 or ord is None, "a norm of matrices")
    size = op("Abs", cast(x, x, y.dtype))
    if ord in (np.inf, -np.inf):
        size.shape = x.shape
        return reduce("ReduceMax" if ord > 0 else "ReduceMin", size, axis, keepdims)
    if ord == 1:
        size.shape = x.shape
        return reduce("ReduceSum", size, axis, keepdims)
    power = 2 if ord is None else ord
    refuse_unless(power != 0, "a count as a norm")
    powers = size * size if power == 2 else op("Pow", size, cast(power, size))
    powers.shape = x.shape
    total = reduce("ReduceSum", powers, axis, keepdims)
    return op("Sqrt", total) if power == 2 else op("Pow", total, cast(1 / power, total))
