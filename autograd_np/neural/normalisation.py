"""Batch normalisation, one recorded function with one joint rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_np.neural.arguments import check_eps, check_variance, real
from autograd_np.primitives import defvjp
from autograd_np.rules.ranges import widened
from autograd_np.tensor import Operand, Tensor, as_array, primitive

__all__ = ["batch_norm"]


def batch_norm(
    x: Operand,
    mean: Operand | None = None,
    var: Operand | None = None,
    weight: Operand | None = None,
    bias: Operand | None = None,
    *,
    eps: float = 1e-5,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return weight (x - mean) / √(var + ε) + bias for each channel, and the mean and the variance.

    In training they are the batch's own, and the gradient goes through them. In evaluation they are given, as the
    running averages of those that training returned.

    Parameters
    ----------
    x : array_like, shape (N, C) or (N, C, ...)
        Real numbers, for each of C channels.
    mean, var : array_like, shape (C,), optional
        By default those of `x` over all axes but the channels', the variance with the divisor N.
    weight, bias : array_like, shape (C,), optional
        By default 1 and 0.
    eps : float
        What keeps the divisor from 0.

    Returns
    -------
    y : Tensor of the shape of `x`
    mean, var : Tensor, shape (C,)
        Those that were used.

    Raises
    ------
    TypeError
        If `x` is not made of real numbers, or only one of mean and variance is given.
    ValueError
        If the shapes do not fit, `eps` is negative, or a channel has less than two values to take a variance of.

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import batch_norm
    >>> y, mean, var = batch_norm(np.array([[1.0], [3.0], [5.0]]), eps=0)
    >>> y.round(4), mean, var.round(4)
    (array([[-1.2247], [ 0.    ], [ 1.2247]]), array([3.]), array([2.6667]))
    """
    values = real("batch_norm", x)
    if values.ndim < 2:
        raise ValueError(f"batch_norm: x of shape {values.shape}; it needs at least the axes (N, C)")
    channels = values.shape[1]
    given = {"mean": mean, "var": var, "weight": weight, "bias": bias}
    arrays = {name: as_array(array) for name, array in given.items() if array is not None}
    for name, array in arrays.items():
        if array.shape != (channels,):
            raise ValueError(
                f"batch_norm: {name} of shape {array.shape} with x of shape {values.shape}; it needs one number for "
                f"each of the {channels} channels, shape {(channels,)}"
            )
    check_eps("batch_norm", eps)
    w = arrays.get("weight", np.ones(channels, values.dtype))
    b = arrays.get("bias", np.zeros(channels, values.dtype))
    if ("mean" in arrays) != ("var" in arrays):
        raise TypeError("batch_norm: give both mean and var, to normalise by them, or neither, for those of x")
    if "mean" not in arrays:
        check_variance("batch_norm: x", values.shape, "mean and var")
        return _batch_norm(values, w, b, eps=eps)
    scale = w / np.sqrt(arrays["var"] + eps)
    shift = b - arrays["mean"] * scale
    return values * _beside(scale, values) + _beside(shift, values), arrays["mean"], arrays["var"]


@primitive(name="batch_norm", residuals=True, fresh=True)
def _batch_norm(x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    values = widened(x)
    mean = values.mean(axis=_all_but_channels(x))
    deviation = values - _beside(mean, x)
    var = np.square(deviation).mean(axis=_all_but_channels(x))
    y = deviation * _beside(weight / np.sqrt(var + eps), x) + _beside(bias, x)
    y = y if values is x else y.astype(x.dtype)
    return (y, mean.astype(x.dtype), var.astype(x.dtype)), (mean, var)


def _batch_norm_vjps(
    g: Any, _y: Any, x: Any, weight: Any, _bias: Any, eps: float = 1e-5, residuals: Any = None
) -> list[Any]:
    """Return the three gradients; the formula is the paper's, with those of the returned mean and variance added.

    It does not read the output, so that a residual block may add to that in place.
    """
    g, g_mean, g_var = map(widened, g)
    x, weight, axes, n = widened(x), widened(weight), _all_but_channels(x), x.size // x.shape[1]
    if residuals is not None:
        mean, var = residuals
    else:
        mean, var = x.mean(axis=axes), x.var(axis=axes)
    deviation = x - _beside(mean, x)
    inverse = 1 / np.sqrt(var + eps)
    scale = weight * inverse
    g_weight = (g * deviation).sum(axis=axes) * inverse
    g_bias = g.sum(axis=axes)
    slope = (2 * g_var - scale * g_weight * inverse) / n
    shift = (g_mean - scale * g_bias) / n
    return [g * _beside(scale, x) + deviation * _beside(slope, x) + _beside(shift, x), g_weight, g_bias]


defvjp(_batch_norm, joint=_batch_norm_vjps)


def _all_but_channels(x: Any) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _beside(v: Any, x: Any) -> Any:
    """Shape a number for each channel so that it broadcasts against (N, C, ...)."""
    return v.reshape(v.shape + (1,) * (x.ndim - 2))
