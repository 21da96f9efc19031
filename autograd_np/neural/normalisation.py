"""Normalisation: over the batch, over features, over groups of channels; one recorded function with one joint rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_np.neural.arguments import check_eps, check_variance, lengths_of, narrowed, real
from autograd_np.primitives import defvjp
from autograd_np.rules.ranges import widened
from autograd_np.tape import unbroadcast
from autograd_np.tensor import Operand, Tensor, as_array, primitive

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"]


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
    place = (channels, *(1,) * (values.ndim - 2))
    if "mean" not in arrays:
        check_variance("batch_norm: x", values.shape, "mean and var")
        y, *own = _normalised["batch_norm"](values, w, b, axes=(0, *range(2, values.ndim)), place=place, eps=eps)
        return y, *(narrowed(v, values.dtype) for v in own)
    scale = w / np.sqrt(arrays["var"] + eps)
    shift = b - arrays["mean"] * scale
    return values * scale.reshape(place) + shift.reshape(place), arrays["mean"], arrays["var"]


def layer_norm(
    x: Operand,
    normalized_shape: int | Sequence[int],
    weight: Operand | None = None,
    bias: Operand | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return weight (x - mean) / √(var + ε) + bias, with mean and variance over the last axes of each sample.

    Parameters
    ----------
    x : array_like, shape (..., *normalized_shape)
        Real numbers.
    normalized_shape : int or sequence of int
        The lengths of the last axes, over which the mean and the variance (with the divisor N) are taken.
    weight, bias : array_like, shape normalized_shape, optional
        By default 1 and 0.
    eps : float
        What keeps the divisor from 0.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers, or a length is no integer.
    ValueError
        If the shapes do not fit, there is nothing to take a mean of, or `eps` is negative.

    References
    ----------
    J. L. Ba et al., "Layer normalization", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import layer_norm
    >>> layer_norm(np.array([[1.0, 3.0, 5.0], [0.0, 0.0, 0.0]]), 3, eps=0.5).round(4)
    array([[-1.1239,  0.    ,  1.1239],
           [ 0.    ,  0.    ,  0.    ]])
    """
    values, axes = _of_last_axes("layer_norm", x, normalized_shape, {"weight": weight, "bias": bias})
    check_eps("layer_norm", eps)
    w, b = (v if v is None else as_array(v) for v in (weight, bias))
    return _normalised["layer_norm"](values, w, b, axes=axes, place=values.shape[axes[0] :], eps=eps)[0]


def rms_norm(
    x: Operand, normalized_shape: int | Sequence[int], weight: Operand | None = None, eps: float | None = None
) -> Tensor:
    """Return weight x / √(mean of x² + ε), with the mean over the last axes of each sample.

    Parameters
    ----------
    x : array_like, shape (..., *normalized_shape)
        Real numbers.
    normalized_shape : int or sequence of int
        The lengths of the last axes, over which the mean is taken.
    weight : array_like, shape normalized_shape, optional
        By default 1.
    eps : float, optional
        What keeps the divisor from 0; by default the machine's epsilon of the dtype of `x`.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers, or a length is no integer.
    ValueError
        If the shapes do not fit, there is nothing to take a mean of, or `eps` is negative.

    References
    ----------
    B. Zhang, R. Sennrich, "Root mean square layer normalization", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import rms_norm
    >>> rms_norm(np.array([3.0, 4.0, 5.0, 5.0, 5.0]), 5, eps=0).round(4)
    array([0.6708, 0.8944, 1.118 , 1.118 , 1.118 ])
    """
    values, axes = _of_last_axes("rms_norm", x, normalized_shape, {"weight": weight})
    if eps is None:
        eps = float(np.finfo(values.dtype).eps)
    check_eps("rms_norm", eps)
    wide = widened(values)
    mean = np.mean(np.square(wide), axis=axes, keepdims=True)
    y = narrowed(wide / np.sqrt(mean + eps), values.dtype)
    return y if weight is None else y * as_array(weight)


def group_norm(
    x: Operand, num_groups: int, weight: Operand | None = None, bias: Operand | None = None, eps: float = 1e-5
) -> Tensor:
    """Return weight (x - mean) / √(var + ε) + bias, with mean and variance over groups of channels of each sample.

    Parameters
    ----------
    x : array_like, shape (N, C) or (N, C, ...)
        Real numbers.
    num_groups : int
        Into how many groups the C channels are parted; it divides C.
    weight, bias : array_like, shape (C,), optional
        By default 1 and 0.
    eps : float
        What keeps the divisor from 0.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers, or the number of groups is no integer.
    ValueError
        If the shapes do not fit, the groups do not come out even or have less than two values, or `eps` is negative.

    References
    ----------
    Y. Wu, K. He, "Group normalization", ECCV 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import group_norm
    >>> group_norm(np.array([[1.0, 3.0, 10.0, 30.0]]), 2, eps=0)
    array([[-1.,  1., -1.,  1.]])
    """
    return _over_groups("group_norm", x, num_groups, weight, bias, eps)


def instance_norm(
    x: Operand, *, weight: Operand | None = None, bias: Operand | None = None, eps: float = 1e-5
) -> Tensor:
    """Return weight (x - mean) / √(var + ε) + bias, with mean and variance of each channel of each sample.

    By running statistics, `batch_norm` normalises.

    Parameters
    ----------
    x : array_like, shape (N, C, L, ...)
        Real numbers.
    weight, bias : array_like, shape (C,), optional
        By default 1 and 0.
    eps : float
        What keeps the divisor from 0.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers.
    ValueError
        If the shapes do not fit, a channel of a sample has less than two values, or `eps` is negative.

    References
    ----------
    D. Ulyanov et al., "Instance normalization: the missing ingredient for fast stylization", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import instance_norm
    >>> instance_norm(np.array([[[1.0, 3.0], [10.0, 30.0]]]), eps=0)
    array([[[-1.,  1.],
            [-1.,  1.]]])
    """
    values = real("instance_norm", x)
    if values.ndim < 3:
        raise ValueError(f"instance_norm: x of shape {values.shape}; it needs at least the axes (N, C, L)")
    return _over_groups("instance_norm", values, values.shape[1], weight, bias, eps)


def _of_last_axes(
    operation: str, x: Operand, normalized_shape: int | Sequence[int], parameters: dict[str, Operand | None]
) -> tuple[Any, tuple[int, ...]]:
    """Return the numbers, and their last axes, which need to have the given lengths, as the parameters do."""
    values, lengths = real(operation, x), lengths_of(operation, "normalized_shape", normalized_shape)
    if values.shape[-len(lengths) :] != lengths:
        raise ValueError(
            f"{operation}: x of shape {values.shape} with normalized_shape {lengths}; these need to be its last axes"
        )
    _check_shapes(operation, parameters, lengths, values)
    return values, tuple(range(-len(lengths), 0))


def _over_groups(
    operation: str, x: Operand, groups: int, weight: Operand | None, bias: Operand | None, eps: float
) -> Tensor:
    values, (count,) = real(operation, x), lengths_of(operation, "num_groups", groups)
    if values.ndim < 2:
        raise ValueError(f"{operation}: x of shape {values.shape}; it needs at least the axes (N, C)")
    n, channels, *rest = values.shape
    if channels % count:
        raise ValueError(f"{operation}: {channels} channels in {count} groups; give a number that divides them")
    _check_shapes(operation, {"weight": weight, "bias": bias}, (channels,), values)
    check_eps(operation, eps)
    if channels // count * math.prod(rest) < 2:
        raise ValueError(
            f"{operation}: x of shape {values.shape} has less than two values to take a variance of in each of "
            f"{count} groups; give larger inputs, or fewer groups"
        )
    grouped = values.reshape(n, count, channels // count, *rest)
    w, b = (v if v is None else as_array(v) for v in (weight, bias))
    axes, place = tuple(range(2, grouped.ndim)), (count, channels // count, *(1 for _ in rest))
    return _normalised[operation](grouped, w, b, axes=axes, place=place, eps=eps)[0].reshape(values.shape)


def _check_shapes(operation: str, parameters: dict[str, Operand | None], shape: tuple[int, ...], values: Any) -> None:
    for name, array in parameters.items():
        if array is not None and as_array(array).shape != shape:
            raise ValueError(
                f"{operation}: {name} of shape {as_array(array).shape} with x of shape {values.shape}; it needs shape "
                f"{shape}"
            )


def _normalise(
    x: Any, weight: Any, bias: Any, axes: tuple[int, ...] = (), place: tuple[int, ...] = (), eps: float = 1e-5
) -> Any:
    """Normalise over axes; weight and bias broadcast against x in the shape `place`."""
    values = widened(x)
    mean = values.mean(axis=axes, keepdims=True)
    deviation = values - mean
    var = np.square(deviation).mean(axis=axes, keepdims=True)
    inverse = 1 / np.sqrt(var + eps)
    if weight is None:
        y = deviation * inverse
    elif _is_constant(axes, place, x):
        y = deviation * (inverse * weight.reshape(place))
    else:
        y = deviation * inverse * weight.reshape(place)
    y = y if bias is None else y + bias.reshape(place)
    y = y if values is x else y.astype(x.dtype)
    # The moments that are returned are the caller's, who may average them in place.
    return (y, *(np.squeeze(v, axis=axes).copy() for v in (mean, var))), (mean, var)


def _normalise_vjps(
    g: Any,
    _y: Any,
    x: Any,
    weight: Any,
    _bias: Any,
    axes: tuple[int, ...] = (),
    place: tuple[int, ...] = (),
    eps: float = 1e-5,
    residuals: Any = None,
) -> list[Any]:
    """Return the three gradients; the formula is batch normalisation's, with those of mean and variance added.

    It does not read the output, so that a residual block may add to that in place.
    """
    g, g_mean, g_var = map(widened, g)
    x, n = widened(x), math.prod(x.shape[axis] for axis in axes)
    if residuals is not None:
        mean, var = residuals
    else:
        mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    deviation = x - mean
    inverse = 1 / np.sqrt(var + eps)
    # A weight that is constant along the axes is taken out of the sums over them.
    constant = _is_constant(axes, place, x)
    w = 1 if weight is None else widened(weight).reshape(place)
    weighted, factor = (g, w) if constant else (g * w, 1)
    product = (weighted * deviation).sum(axis=axes, keepdims=True) * inverse
    total = weighted.sum(axis=axes, keepdims=True)
    scale = factor * inverse
    slope = (2 * np.expand_dims(g_var, axes) - scale * product * inverse) / n
    shift = (np.expand_dims(g_mean, axes) - scale * total) / n
    g_x = weighted * scale + deviation * slope + shift
    if not constant:
        product, total = g * (deviation * inverse), g
    of_weight, of_bias = (
        None if own is None else unbroadcast(part, place).reshape(own.shape)
        for own, part in ((weight, product), (_bias, total))
    )
    return [g_x, of_weight, of_bias]


def _is_constant(axes: tuple[int, ...], place: tuple[int, ...], x: Any) -> bool:
    """Tell whether what broadcasts against x in the shape `place` is the same along axes."""
    lengths = (1,) * (x.ndim - len(place)) + place
    return all(lengths[axis] == 1 for axis in axes)


# One function under the names that its callers are known by.
_normalised = {
    name: primitive(name=name, residuals=True, fresh=True)(_normalise)
    for name in ("batch_norm", "layer_norm", "group_norm", "instance_norm")
}
for _function in _normalised.values():
    defvjp(_function, joint=_normalise_vjps)
