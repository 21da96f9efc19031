"""Activations of straight pieces, and those that bend below 0 alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_np.neural.activations import relu
from autograd_np.neural.arguments import Array, number, real
from autograd_np.primitives import defvjp
from autograd_np.tensor import Operand, Tensor, plain, primitive

__all__ = [
    "celu",
    "elu",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "prelu",
    "relu6",
    "selu",
    "threshold",
]


def leaky_relu(x: Operand, negative_slope: float = 0.01) -> Tensor:
    """Return x where it is positive, and else `negative_slope` x, whose slope is taken at 0, too.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    negative_slope : float
        The slope below 0.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers, or the slope is no number.
    ValueError
        If it is not finite.

    References
    ----------
    A. L. Maas et al., "Rectifier nonlinearities improve neural network acoustic models", ICML 2013.

    Examples
    --------
    >>> from autograd_np.neural import leaky_relu
    >>> leaky_relu([-1.0, 2.0], 0.25)
    array([-0.25,  2.  ])
    """
    values, slope = real("leaky_relu", x), number("leaky_relu", "negative_slope", negative_slope)
    positive = plain(values) > 0
    # Choosing between two arrays, and between their gradients, takes 8 times as long.
    return values * (positive + values.dtype.type(slope) * np.logical_not(positive))


def prelu(x: Operand, weight: Operand) -> Tensor:
    """Return x where it is positive, and else `weight` x, whose slope is taken at 0, too.

    Parameters
    ----------
    x : array_like, shape (N, C, ...)
        Real numbers; of any shape for a single slope.
    weight : array_like, shape (C,), (1,) or ()
        The slope below 0, of each channel or of all.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If there is neither a single slope nor one for each channel.

    References
    ----------
    K. He et al., "Delving deep into rectifiers", ICCV 2015.

    Examples
    --------
    >>> from autograd_np.neural import prelu
    >>> prelu([[-1.0, -1.0], [2.0, -2.0]], [0.5, 0.25])
    array([[-0.5 , -0.25],
           [ 2.  , -0.5 ]])
    """
    values, slopes = real("prelu", x), real("prelu", weight)
    channels = values.shape[1] if values.ndim > 1 else 1
    if slopes.ndim > 1 or slopes.size not in (1, channels):
        raise ValueError(
            f"prelu: weight of shape {slopes.shape} with x of shape {values.shape}; give a single slope, or one for "
            f"each of the {channels} channels, axis 1"
        )
    beside = slopes.reshape(()) if slopes.size == 1 else slopes.reshape(-1, *(1,) * (values.ndim - 2))
    return relu(values) + beside * _lower(values)


def elu(x: Operand, alpha: float = 1.0) -> Tensor:
    """Return x where it is positive, and else alpha (exp(x) - 1), whose slope is taken at 0, too.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    alpha : float
        The limit below, but for its sign.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers, or `alpha` is no number.
    ValueError
        If it is not finite.

    References
    ----------
    D.-A. Clevert et al., "Fast and accurate deep network learning by exponential linear units", ICLR 2016.

    Examples
    --------
    >>> from autograd_np.neural import elu
    >>> elu([-1000.0, 0.0, 2.0], 0.5)
    array([-0.5,  0. ,  2. ])
    """
    values, scale = real("elu", x), number("elu", "alpha", alpha)
    return relu(values) + scale * np.expm1(_lower(values))


def celu(x: Operand, alpha: float = 1.0) -> Tensor:
    """Return x where it is positive, and else alpha (exp(x / alpha) - 1), with the slope 1 at 0.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    alpha : float
        The limit below, but for its sign.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers, or `alpha` is no number.
    ValueError
        If it is not finite and positive.

    References
    ----------
    J. T. Barron, "Continuously differentiable exponential linear units", 2017.

    Examples
    --------
    >>> from autograd_np.neural import celu
    >>> celu([-1000.0, 0.0, 2.0], 0.5)
    array([-0.5,  0. ,  2. ])
    """
    values, scale = real("celu", x), number("celu", "alpha", alpha, positive=True)
    return relu(values) + scale * np.expm1(_lower(values) / scale)


def selu(x: Operand) -> Tensor:
    """Return scale elu(x, alpha), with which a deep network keeps mean 0 and variance 1 of what it is given.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers.

    References
    ----------
    G. Klambauer et al., "Self-normalizing neural networks", NIPS 2017, with both constants.

    Examples
    --------
    >>> from autograd_np.neural import selu
    >>> selu([-1000.0, 0.0, 1.0]).round(4)
    array([-1.7581,  0.    ,  1.0507])
    """
    values = real("selu", x)
    return 1.0507009873554804934193349852946 * elu(values, 1.6732632423543772848170429916717)


def hardtanh(x: Operand, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Return x, but no less than `min_val` and no more than `max_val`, with the slope 0 at both.

    `numpy.clip` has the slope 1/2 there.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    min_val, max_val : float
        The bounds.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers, or a bound is no number.
    ValueError
        If a bound is not finite, or the lower one is above the upper one.

    Examples
    --------
    >>> from autograd_np.neural import hardtanh
    >>> hardtanh([-3.0, 0.5, 3.0])
    array([-1. ,  0.5,  1. ])
    """
    values = real("hardtanh", x)
    low, high = number("hardtanh", "min_val", min_val), number("hardtanh", "max_val", max_val)
    if low > high:
        raise ValueError(f"hardtanh: min_val={min_val!r} is above max_val={max_val!r}")
    return _between(values, low=low, high=high)


# In 0.25 of the time of choosing between arrays, forwards and backwards.
@primitive(name="hardtanh", fresh=True)
def _between(x: Any, low: float = -1.0, high: float = 1.0) -> Any:
    return np.minimum(np.maximum(x, low), high)


defvjp(_between, lambda g, y, _x, low=-1.0, high=1.0: g * ((y > low) & (y < high)))


@primitive(name="minimum with 0", fresh=True)
def _lower(x: Any) -> Any:
    """Return the part below 0, whose slope at 0 is 1, that of the upper part being 0."""
    return np.minimum(x, 0)


defvjp(_lower, lambda g, _y, x: g * (x <= 0))


def relu6(x: Operand) -> Tensor:
    """Return x, but no less than 0 and no more than 6, with the slope 0 at both.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers.

    References
    ----------
    A. Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.

    Examples
    --------
    >>> from autograd_np.neural import relu6
    >>> relu6([-3.0, 0.5, 7.0])
    array([0. , 0.5, 6. ])
    """
    return _between(real("relu6", x), low=0.0, high=6.0)


def hardsigmoid(x: Operand) -> Tensor:
    """Return relu6(x + 3) / 6, which is close to the logistic function and straight.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers.

    References
    ----------
    A. Howard et al., "Searching for MobileNetV3", ICCV 2019.

    Examples
    --------
    >>> from autograd_np.neural import hardsigmoid
    >>> hardsigmoid([-3.0, 0.0, 3.0])
    array([0. , 0.5, 1. ])
    """
    return relu6(real("hardsigmoid", x) + 3) / 6


def hardswish(x: Operand) -> Tensor:
    """Return x hardsigmoid(x).

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers.

    References
    ----------
    A. Howard et al., "Searching for MobileNetV3", ICCV 2019.

    Examples
    --------
    >>> from autograd_np.neural import hardswish
    >>> hardswish([-4.0, 0.0, 4.0])
    array([-0.,  0.,  4.])
    """
    values = real("hardswish", x)
    return values * hardsigmoid(values)


def threshold(x: Operand, threshold: float, value: float) -> Tensor:
    """Return x where it is above a threshold, and a constant elsewhere.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    threshold : float
        Where it begins.
    value : float
        What stands in the other places.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers, or a setting is no number.
    ValueError
        If it is not finite.

    Examples
    --------
    >>> from autograd_np.neural import threshold
    >>> threshold([0.5, 1.0, 2.0], 1, -7)
    array([-7., -7.,  2.])
    """
    values = real("threshold", x)
    limit, constant = number("threshold", "threshold", threshold), number("threshold", "value", value)
    return _above(values, limit=limit, value=constant)


@primitive(name="threshold", fresh=True)
def _above(x: Array, limit: float = 0.0, value: float = 0.0) -> Any:
    y: Array = np.where(x <= limit, x.dtype.type(value), x)
    return y


defvjp(_above, lambda g, _y, x, limit=0.0, value=0.0: g * np.logical_not(x <= limit))
