"""Activations: recorded functions of each element, and those of the softmax family."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special  # pyright: ignore[reportMissingTypeStubs]

from autograd_np.neural.arguments import Array, Axis, narrowed, real
from autograd_np.primitives import defvjp
from autograd_np.rules.ranges import widened
from autograd_np.tensor import Operand, Tensor, as_array, plain, primitive

__all__ = ["log_softmax", "logsumexp", "relu", "shifted", "sigmoid", "softmax"]


@primitive(fresh=True)
def relu(x: Operand) -> Tensor:
    """Return max(0, x), of each element; its derivative at 0 is 0.

    Parameters
    ----------
    x : array_like
        Of any shape.

    Returns
    -------
    Tensor of the shape of `x`

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from autograd_np.neural import relu
    >>> x = Tensor([-1.0, 0.0, 2.0], requires_grad=True)
    >>> relu(x)
    Tensor([0., 0., 2.], origin=relu)
    >>> relu(x).sum().backward()
    >>> x.grad
    array([0., 0., 1.])
    """
    return np.maximum(as_array(x), 0)


defvjp(relu, lambda g, y, _x: g * (y > 0))


def sigmoid(x: Operand) -> Tensor:
    """Return 1 / (1 + exp(-x)), of each element, without overflow: `scipy.special.expit`.

    Parameters
    ----------
    x : array_like
        Of any shape.

    Returns
    -------
    Tensor of the shape of `x`

    Examples
    --------
    >>> from autograd_np.neural import sigmoid
    >>> sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    values = as_array(x)
    y: Any = scipy.special.expit(values)  # pyright: ignore[reportUnknownMemberType]
    half = values.dtype.kind == "f" and values.dtype.itemsize == 2  # in any order of bytes: SciPy has none for it
    return narrowed(y, np.dtype(np.float16)) if half else y


@primitive(fresh=True)
def softmax(x: Operand, axis: Axis = -1) -> Tensor:
    """Return exp(x) over its sum along an axis, without overflow.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    axis : int or tuple of int, optional
        Along what the result sums to 1; None for all axes.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers.

    Examples
    --------
    >>> from autograd_np.neural import softmax
    >>> softmax([[0.0, 0.0], [1000.0, 1000.0]])
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    values = real("softmax", x)
    exponents, _ = shifted(widened(values), axis)
    e = np.exp(exponents)
    return (e / e.sum(axis=axis, keepdims=True)).astype(values.dtype, copy=False)


defvjp(softmax, lambda g, y, _x, axis=-1: _softmax_vjp(g, y, axis))


def _softmax_vjp(g: Any, p: Any, axis: Axis) -> Any:
    """Return p (g - Σ g p): the gradient of what a softmax p was taken of."""
    g, p = widened(g), widened(p)
    return p * (g - (g * p).sum(axis=axis, keepdims=True))


@primitive(fresh=True)
def log_softmax(x: Operand, axis: Axis = -1) -> Tensor:
    """Return the logarithm of the softmax along an axis, exact also where the softmax is too small for a number.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    axis : int or tuple of int, optional
        Along what the softmax sums to 1; None for all axes.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers.

    Examples
    --------
    >>> from autograd_np.neural import log_softmax
    >>> log_softmax([1000.0, 0.0])
    array([    0., -1000.])
    """
    values = real("log_softmax", x)
    exponents, _ = shifted(widened(values), axis)
    return (exponents - np.log(np.exp(exponents).sum(axis=axis, keepdims=True))).astype(values.dtype, copy=False)


defvjp(
    log_softmax,
    lambda g, y, _x, axis=-1: widened(g) - np.exp(widened(y)) * widened(g).sum(axis=axis, keepdims=True),
)


def logsumexp(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the logarithm of the sum of exp(x) along an axis, without overflow.

    Where all elements are -inf, the result is -inf and its gradient 0.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    axis : int or tuple of int, optional
        Along what to sum; by default over all elements.
    keepdims : bool
        Keep the summed axes, with length 1.

    Returns
    -------
    Tensor of the shape of `x` without the summed axes

    Raises
    ------
    TypeError
        If `x` is not made of real numbers.

    Examples
    --------
    >>> from autograd_np.neural import logsumexp
    >>> print(f"{logsumexp([1000.0, 1000.0]):.4f}")
    1000.6931
    """
    y = _logsumexp(real("logsumexp", x), axis=axis)
    return y if keepdims else np.squeeze(y, axis=axis)[()]


@primitive(name="logsumexp")
def _logsumexp(x: Any, axis: Any = None) -> Any:
    exponents, shift = shifted(widened(x), axis)
    with np.errstate(divide="ignore"):  # the logarithm of a sum of nothing but exp(-inf)
        return (np.log(np.exp(exponents).sum(axis=axis, keepdims=True)) + shift).astype(x.dtype, copy=False)


def _logsumexp_vjp(g: Any, x: Any, axis: Any) -> Any:
    """Return g times the softmax of x, and 0 where all of x is -inf."""
    nothing = np.all(plain(x) == -np.inf, axis=axis, keepdims=True)  # has no share in anything
    shares = softmax(np.where(nothing, 0, x) if np.any(nothing) else x, axis=axis)
    return g * np.logical_not(nothing) * shares


defvjp(_logsumexp, lambda g, _y, x, axis=None: _logsumexp_vjp(g, x, axis))


def shifted(x: Array, axis: Axis) -> tuple[Array, Array]:
    """Return `x` less its maximum, and the maximum, of which only finite ones count: inf - inf is no number."""
    shift = np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    finite = np.isfinite(shift)
    if not np.logical_and.reduce(finite, axis=None):
        shift = np.where(finite, shift, 0)
    exponents = x - shift
    return exponents, shift
