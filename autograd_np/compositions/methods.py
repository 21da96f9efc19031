"""Methods of ufuncs: `np.maximum.accumulate`, `np.subtract.outer` and their kin; `reduce` has rules."""

from typing import Any

import numpy as np

from autograd_np.compositions.formulas import formula_of
from autograd_np.primitives import implementations, refuse
from autograd_np.rules.arguments import numbered
from autograd_np.rules.reductions import REDUCTIONS
from autograd_np.tensor import Tensor, plain

_OTHERS = (
    np.subtract, np.divide, np.floor_divide, np.remainder, np.fmod, np.power, np.float_power, np.logaddexp,
    np.logaddexp2, np.arctan2, np.hypot, np.copysign, np.heaviside, np.fmax, np.fmin,
)  # fmt: skip


def _accumulated(running: Any) -> Any:
    """Return the formula of what is accumulated as NumPy's function of that purpose does, but along the first axis."""

    def formula(array: Any, axis: int | None = 0, dtype: Any = None, out: None = None) -> Any:
        return running(array if dtype is None else array.astype(dtype), axis=axis or 0)

    return formula


def _running_extreme(ufunc: np.ufunc) -> Any:
    """Gather each running extreme from where it stands: the first of equal ones, and the first NaN."""

    def running(array: Any, axis: int) -> Any:
        extremes: Any = np.moveaxis(ufunc.accumulate(plain(array), axis=axis), axis, -1)
        before, after = extremes[..., :-1], extremes[..., 1:]
        new = np.concatenate([np.ones_like(extremes[..., :1], bool), (after != before) & (before == before)], axis=-1)
        steps = np.maximum.accumulate(np.where(new, numbered(extremes.shape[-1:]), 0), axis=-1)
        places = np.take_along_axis(np.moveaxis(numbered(array.shape), axis, -1), steps, axis=-1)
        return array.reshape(-1)[np.moveaxis(places, -1, axis)]

    return running


def _define_outer(ufunc: np.ufunc) -> None:
    """Pair every element of one array with every element of the other."""

    def outer(A: Any, B: Any, **options: Any) -> Any:
        a, b = (x if isinstance(x, Tensor) else np.asarray(x) for x in (A, B))
        return ufunc(a.reshape(a.shape + (1,) * b.ndim), b, **options)

    implementations[ufunc, "outer"] = outer


for _ufunc, _running in (
    (np.add, np.cumsum),
    (np.multiply, np.cumprod),
    (np.maximum, _running_extreme(np.maximum)),
    (np.minimum, _running_extreme(np.minimum)),
):
    formula_of((_ufunc, "accumulate"))(_accumulated(_running))

_instead = "np.add, np.multiply, np.maximum and np.minimum have it"
for _ufunc in _OTHERS:
    refuse(f"{_instead}, and autograd_np.neural.logsumexp is np.logaddexp's", (_ufunc, "reduce"))
    refuse(_instead, (_ufunc, "accumulate"))

for _ufunc in (*REDUCTIONS, *_OTHERS):
    _define_outer(_ufunc)
    refuse("it writes into an array behind the tape; use t[index] = value, with each index once", (_ufunc, "at"))
    refuse("reduce the slices one by one and join them with np.stack", (_ufunc, "reduceat"))
