"""Averages, spreads, covariances, and running sums and products."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from autograd_np.compositions.formulas import formula_of, recorded
from autograd_np.primitives import implements
from autograd_np.rules.arguments import conjugated, no_out
from autograd_np.rules.reductions import reduced_count
from autograd_np.tensor import Tensor, as_array


def _cumulative(
    function: Any, start: float, x: Any, axis: int | None, dtype: DTypeLike | None, include_initial: bool
) -> Any:
    x, axis = np.atleast_1d(x), axis or 0
    y = function(x, axis=axis, dtype=dtype)
    shape = [1 if i == axis % x.ndim else n for i, n in enumerate(x.shape)]
    return np.concatenate([np.full(shape, start, y.dtype), y], axis=axis) if include_initial else y


@formula_of(np.cumulative_sum)
def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: DTypeLike | None = None, include_initial: bool = False
) -> Any:
    """Sum from the start to each element; see `numpy.cumulative_sum`."""
    return _cumulative(np.cumsum, 0, x, axis, dtype, include_initial)


@formula_of(np.cumulative_prod)
def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: DTypeLike | None = None, include_initial: bool = False
) -> Any:
    """Multiply from the start to each element; see `numpy.cumulative_prod`."""
    return _cumulative(np.cumprod, 1, x, axis, dtype, include_initial)


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: None = None, keepdims: bool = False) -> Any:
    """Return the distance between the least and the greatest; see `numpy.ptp`."""
    no_out("np.ptp", out)
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


def _average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    a = as_array(a)
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keepdims)
        total: Any = np.full(mean.shape, reduced_count(a, axis), mean.dtype)
    else:
        weights = _weights_along(a, axis, weights)
        total = np.sum(weights, axis=axis, keepdims=keepdims)
        mean = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (mean, np.broadcast_to(total, mean.shape)) if returned else mean


_recorded_average = recorded(np.average, _average)


@implements(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """Average with weights; see `numpy.average`. With `returned`, also the sum of the weights."""
    if not returned:
        return _recorded_average(a, axis=axis, weights=weights, keepdims=keepdims)
    mean, total = _recorded_average(a, axis=axis, weights=weights, returned=True, keepdims=keepdims)
    depends = isinstance(weights, Tensor) and weights.requires_grad
    return mean, total if depends else total.detach()


def _weights_along(a: Any, axis: Any, weights: Any) -> Any:
    """Shape weights that are given for some axes only so that they broadcast against `a`."""
    shape, weights = np.shape(a), as_array(weights)
    if weights.shape == shape:
        return weights
    axes = tuple(i % len(shape) for i in np.atleast_1d(axis).tolist())
    in_order = np.transpose(weights, tuple(int(i) for i in np.argsort(axes)))
    return np.reshape(in_order, tuple(n if i in axes else 1 for i, n in enumerate(shape)))


@formula_of(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None,
    fweights: Any = None, aweights: Any = None, *, dtype: DTypeLike | None = None,
) -> Any:  # fmt: skip
    """Estimate the covariance of variables; see `numpy.cov`."""
    m = as_array(m)
    x: Any = np.atleast_2d(m).T if not rowvar and m.ndim > 1 else np.atleast_2d(m)
    if y is not None:
        rows = np.atleast_2d(as_array(y))
        x = np.concatenate([x, rows if rowvar or len(rows) == 1 else rows.T], axis=0)
    x = x.astype(np.result_type(x.dtype, np.float64) if dtype is None else dtype)
    if not x.shape[0]:
        return np.empty((0, 0))
    ddof = int(not bias) if ddof is None else ddof
    frequencies, precisions = (1 if w is None else as_array(w).astype(x.real.dtype) for w in (fweights, aweights))
    weights = np.ones(x.shape[1], x.real.dtype) * frequencies * precisions
    total = np.sum(weights)
    # Weights that measure precision, rather than repeat observations, lower the degrees of freedom by their own mean.
    freedom = total - ddof * np.sum(weights * precisions) / total
    deviation = x - np.sum(x * (weights / total), axis=1, keepdims=True)
    return np.squeeze((deviation * (weights / np.maximum(freedom, 0))) @ conjugated(deviation).T)


@formula_of(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: DTypeLike | None = None) -> Any:
    """Estimate the correlation of variables; see `numpy.corrcoef`."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    variances: Any = np.diag(c)
    deviation = np.sqrt(variances.real if c.dtype.kind == "c" else variances)
    return c / deviation[:, None] / deviation
