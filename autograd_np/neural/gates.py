"""Smooth activations, most of which let through a part of what they are given."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special  # pyright: ignore[reportMissingTypeStubs]

from autograd_np.neural.activations import sigmoid, softmax
from autograd_np.neural.arguments import Array, narrowed, number, real
from autograd_np.neural.rectifiers import hardtanh
from autograd_np.primitives import defvjp
from autograd_np.rules.elementwise import logistic
from autograd_np.rules.ranges import widened
from autograd_np.tensor import Operand, Tensor, plain, primitive

__all__ = ["gelu", "glu", "logsigmoid", "mish", "silu", "softmin", "softplus", "softsign", "tanh", "tanhshrink"]


def gelu(x: Operand, *, approximate: str = "none") -> Tensor:
    """Return x Φ(x), where Φ is the standard normal distribution's cumulative one.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    approximate : {"none", "tanh"}
        With "tanh", Φ(x) is taken as (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers, or of more than double precision and Φ is not approximated.
    ValueError
        If the approximation is another one.

    References
    ----------
    D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016.

    Examples
    --------
    >>> from autograd_np.neural import gelu
    >>> gelu([-1000.0, 0.0, 1.0, 1000.0]).round(4)
    array([-0.000e+00,  0.000e+00,  8.413e-01,  1.000e+03])
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate={approximate!r}; choose none or tanh")
    values = real("gelu", x)
    wide = widened(values)
    near = hardtanh(wide, -50, 50)  # beyond, it is 0 or x; squares could overflow
    if approximate == "tanh":
        share = sigmoid(2 * math.sqrt(2 / math.pi) * near * (1 + 0.044715 * np.square(near)))  # (1 + tanh(z)) / 2
    elif values.dtype.type is np.longdouble:
        raise TypeError(
            "gelu: the normal distribution is known in double precision only; convert x, x.astype(np.float64), or give "
            "approximate='tanh'"
        )
    else:
        share: Any = scipy.special.ndtr(near)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return narrowed(wide * share, values.dtype)


def silu(x: Operand) -> Tensor:
    """Return x sigmoid(x), also called swish.

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
    S. Elfwing et al., "Sigmoid-weighted linear units for neural network function approximation", 2018.

    Examples
    --------
    >>> from autograd_np.neural import silu
    >>> silu([-1000.0, 0.0, 1.0]).round(4)
    array([-0.    ,  0.    ,  0.7311])
    """
    values = real("silu", x)
    wide = widened(values)
    return narrowed(wide * sigmoid(wide), values.dtype)


def mish(x: Operand) -> Tensor:
    """Return x tanh(log(1 + exp(x))).

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
    D. Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.

    Examples
    --------
    >>> from autograd_np.neural import mish
    >>> mish([-1000.0, 0.0, 1.0]).round(4)
    array([-0.    ,  0.    ,  0.8651])
    """
    values = real("mish", x)
    wide = widened(values)
    return narrowed(wide * np.tanh(np.logaddexp(wide, 0)), values.dtype)


def softplus(x: Operand, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return log(1 + exp(β x)) / β, without overflow.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    beta : float
        β above.
    threshold : float
        Where β x is above it, x itself is returned.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers, or a setting is no number.
    ValueError
        If `beta` is not finite and positive, or the threshold not finite.

    References
    ----------
    C. Dugas et al., "Incorporating second-order functional knowledge for better option pricing", NIPS 2000.

    Examples
    --------
    >>> from autograd_np.neural import softplus
    >>> softplus([-1000.0, 0.0, 1000.0]).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+03])
    """
    values = real("softplus", x)
    rate, limit = number("softplus", "beta", beta, positive=True), number("softplus", "threshold", threshold)
    return _softplus(values, rate=rate, limit=limit)


@primitive(name="softplus", fresh=True)
def _softplus(x: Array, rate: float = 1.0, limit: float = 20.0) -> Any:
    scaled: Array = widened(x) * rate
    y: Array = np.where(scaled > limit, x, np.logaddexp(scaled, 0) / rate)
    return y.astype(x.dtype, copy=False)


def _softplus_slope(scaled: Any, limit: float) -> Any:
    straight = plain(scaled) > limit
    return straight + logistic(scaled) * np.logical_not(straight)


defvjp(_softplus, lambda g, _y, x, rate=1.0, limit=20.0: widened(g) * _softplus_slope(widened(x) * rate, limit))


def logsigmoid(x: Operand) -> Tensor:
    """Return log(sigmoid(x)), without overflow.

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

    Examples
    --------
    >>> from autograd_np.neural import logsigmoid
    >>> logsigmoid([-1000.0, 0.0, 1000.0]).round(4)
    array([-1.000e+03, -6.931e-01, -0.000e+00])
    """
    return -np.logaddexp(-real("logsigmoid", x), 0)


def softsign(x: Operand) -> Tensor:
    """Return x / (1 + |x|).

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
    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.

    Examples
    --------
    >>> from autograd_np.neural import softsign
    >>> softsign([-3.0, 0.0, 1.0])
    array([-0.75,  0.  ,  0.5 ])
    """
    return _softsign(real("softsign", x))


@primitive(name="softsign", fresh=True)
def _softsign(x: Any) -> Any:
    return x / (np.abs(x) + 1)


# As an operation of its own: the quotient's rule is a difference, which has no digits left for a large x.
defvjp(_softsign, lambda g, _y, x: g / (np.abs(x) + 1) / (np.abs(x) + 1))


def tanh(x: Operand) -> Tensor:
    """Return the hyperbolic tangent: `numpy.tanh`.

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

    Examples
    --------
    >>> from autograd_np.neural import tanh
    >>> tanh([-1000.0, 0.0, 1000.0])
    array([-1.,  0.,  1.])
    """
    return np.tanh(real("tanh", x))


def tanhshrink(x: Operand) -> Tensor:
    """Return x - tanh(x).

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

    Examples
    --------
    >>> from autograd_np.neural import tanhshrink
    >>> tanhshrink([-1000.0, 0.0, 1000.0])
    array([-999.,    0.,  999.])
    """
    values = real("tanhshrink", x)
    wide = widened(values)
    return narrowed(wide - np.tanh(wide), values.dtype)


def softmin(x: Operand, dim: int = -1) -> Tensor:
    """Return the softmax of -x along an axis: the least element has the largest share.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    dim : int
        Along what the result sums to 1.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers.

    Examples
    --------
    >>> from autograd_np.neural import softmin
    >>> softmin([[0.0, 0.0], [1000.0, 0.0]])
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    return softmax(-real("softmin", x), axis=dim)


def glu(x: Operand, dim: int = -1) -> Tensor:
    """Return a sigmoid(b), where a and b are the halves of x along an axis.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    dim : int
        The axis, of even length.

    Returns
    -------
    Tensor of the shape of `x`, but half as long along the axis

    Raises
    ------
    TypeError
        If `x` is not made of real numbers.
    ValueError
        If there is no such axis, or its length is odd.

    References
    ----------
    Y. N. Dauphin et al., "Language modeling with gated convolutional networks", ICML 2017.

    Examples
    --------
    >>> from autograd_np.neural import glu
    >>> glu([3.0, 4.0, 0.0, 1000.0])
    array([1.5, 4. ])
    """
    values = real("glu", x)
    if not -values.ndim <= dim < values.ndim or values.shape[dim] % 2:
        raise ValueError(f"glu: x of shape {values.shape} has no halves along axis {dim}")
    a, b = np.split(values, 2, axis=dim)
    return a * narrowed(sigmoid(widened(b)), values.dtype)
