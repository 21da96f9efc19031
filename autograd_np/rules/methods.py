"""Methods of ufuncs: `np.add.reduce`, `np.maximum.accumulate`, `np.subtract.outer` and their kin."""

from typing import Any

import numpy as np

from autograd_np.primitives import implementations, refuse
from autograd_np.rules.indexing import numbered
from autograd_np.tensor import Tensor, plain

_REDUCTIONS: dict[np.ufunc, Any] = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}

_OTHERS = (
    np.subtract, np.divide, np.floor_divide, np.remainder, np.fmod, np.power, np.float_power, np.logaddexp,
    np.logaddexp2, np.arctan2, np.hypot, np.copysign, np.heaviside, np.fmax, np.fmin,
)  # fmt: skip


def _define_reduce(ufunc: np.ufunc, reduction: Any) -> None:
    """Reduce as NumPy's function of that purpose, but along the first axis if none is given."""

    def reduce(array: Any, axis: Any = 0, dtype: Any = None, **options: Any) -> Any:
        return reduction(_cast(array, dtype), axis=axis, **options)

    implementations[ufunc, "reduce"] = reduce


def _define_accumulate(ufunc: np.ufunc, running: Any) -> None:
    def accumulate(array: Any, axis: int | None = 0, dtype: Any = None) -> Any:
        if array.ndim == 0:
            raise TypeError(f"np.{ufunc.__name__}.accumulate: a number has no axis; reshape it to shape (1,)")
        if axis is None and array.ndim > 1:
            raise ValueError(f"np.{ufunc.__name__}.accumulate: shape {array.shape} has several axes; choose one")
        return running(_cast(array, dtype), axis=axis or 0)

    implementations[ufunc, "accumulate"] = accumulate


def _define_running_extreme(ufunc: np.ufunc) -> None:
    """Gather each running extreme from where it stands: the first of equal ones, and the first NaN."""

    def running(array: Any, axis: int) -> Any:
        extremes: Any = np.moveaxis(ufunc.accumulate(plain(array), axis=axis), axis, -1)
        before, after = extremes[..., :-1], extremes[..., 1:]
        new = np.concatenate([np.ones_like(extremes[..., :1], bool), (after != before) & (before == before)], axis=-1)
        steps = np.maximum.accumulate(np.where(new, numbered(extremes.shape[-1:]), 0), axis=-1)
        places = np.take_along_axis(np.moveaxis(numbered(array.shape), axis, -1), steps, axis=-1)
        return array.reshape(-1)[np.moveaxis(places, -1, axis)]

    _define_accumulate(ufunc, running)


def _define_outer(ufunc: np.ufunc) -> None:
    """Pair every element of one array with every element of the other."""

    def outer(A: Any, B: Any, **options: Any) -> Any:
        a, b = (x if isinstance(x, Tensor) else np.asarray(x) for x in (A, B))
        return ufunc(a.reshape(a.shape + (1,) * b.ndim), b, **options)

    implementations[ufunc, "outer"] = outer


def _cast(array: Any, dtype: Any) -> Any:
    return array if dtype is None else array.astype(dtype)


for _ufunc, _reduction in _REDUCTIONS.items():
    _define_reduce(_ufunc, _reduction)
_define_accumulate(np.add, np.cumsum)
_define_accumulate(np.multiply, np.cumprod)
_define_running_extreme(np.maximum)
_define_running_extreme(np.minimum)

_instead = "np.add, np.multiply, np.maximum and np.minimum have it"
for _ufunc in _OTHERS:
    refuse(f"{_instead}, and autograd_np.neural.logsumexp is np.logaddexp's", (_ufunc, "reduce"))
    refuse(_instead, (_ufunc, "accumulate"))

for _ufunc in (*_REDUCTIONS, *_OTHERS):
    _define_outer(_ufunc)
    refuse("it writes into an array behind the tape; use t[index] = value, with each index once", (_ufunc, "at"))
    refuse("reduce the slices one by one and join them with np.stack", (_ufunc, "reduceat"))
