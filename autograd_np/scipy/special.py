"""Functions of `scipy.special` for arrays and tensors: its ufuncs as they stand, and others under their own names."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special  # pyright: ignore[reportMissingTypeStubs]

from autograd_np import neural
from autograd_np.primitives import defvjp, primitives
from autograd_np.rules.special import polygamma
from autograd_np.tensor import Operand, plain, primitive

__all__ = ["log_softmax", "logsumexp", "multigammaln", "polygamma", "softmax", "softplus"]

Axis = int | tuple[int, ...] | None
sp: Any = scipy.special


def __getattr__(name: str) -> Any:
    """Return a ufunc of `scipy.special` that can be differentiated."""
    function = getattr(sp, name, None)
    if callable(function) and function in primitives:
        return function
    raise AttributeError(
        f"autograd_np.scipy.special has no {name}: it has the functions of scipy.special that can be differentiated, "
        f"which dir() lists"
    )


def __dir__() -> Sequence[str]:
    return sorted({*__all__, *(name for name in sp.__all__ if getattr(sp, name) in primitives)})


def softmax(x: Operand, axis: Axis = None) -> Any:
    """Return exp(x) over its sum, without overflow; see `scipy.special.softmax`.

    Parameters
    ----------
    x : array_like or Tensor
        Real numbers of any shape.
    axis : int or tuple of int, optional
        Along what the result sums to 1; by default over all axes.

    Returns
    -------
    array or Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers.

    Examples
    --------
    >>> from autograd_np.scipy.special import softmax
    >>> softmax([[1000.0, 1000.0], [0.0, 0.0]], axis=1)
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    return neural.softmax(x, axis=axis)


def log_softmax(x: Operand, axis: Axis = None) -> Any:
    """Return the logarithm of the softmax, also where that is too small for a number; see `scipy.special.log_softmax`.

    Parameters
    ----------
    x : array_like or Tensor
        Real numbers of any shape.
    axis : int or tuple of int, optional
        Along what the softmax sums to 1; by default over all axes.

    Returns
    -------
    array or Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers.

    Examples
    --------
    >>> from autograd_np.scipy.special import log_softmax
    >>> log_softmax([1000.0, 0.0])
    array([    0., -1000.])
    """
    return neural.log_softmax(x, axis=axis)


def logsumexp(
    a: Operand, axis: Axis = None, b: Operand | None = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """Return the logarithm of the sum of b exp(a), without overflow; see `scipy.special.logsumexp`.

    Where the sum is 0, the result is -inf and its gradient 0.

    Parameters
    ----------
    a : array_like or Tensor
        Real numbers of any shape.
    axis : int or tuple of int, optional
        Along what to sum; by default over all elements.
    b : array_like or Tensor, optional
        Factors of exp(a), which broadcast against `a` and may be negative.
    keepdims : bool
        Keep the summed axes, with length 1.
    return_sign : bool
        Return the logarithm of the sum's absolute value, and its sign; else the logarithm of a negative sum is NaN.

    Returns
    -------
    array or Tensor
        Of the shape of `a` without the summed axes; with `return_sign` a pair of it and the signs, which have no
        gradient and are a plain array.

    Raises
    ------
    TypeError
        If `a` or `b` is not made of real numbers.

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from autograd_np.scipy.special import logsumexp
    >>> a = Tensor([1000.0, 1000.0], requires_grad=True)
    >>> logsumexp(a, b=[3.0, 1.0]).backward()
    >>> a.grad
    array([0.75, 0.25])
    """
    if np.iscomplexobj(a) or (b is not None and np.iscomplexobj(b)):
        raise TypeError("logsumexp: complex numbers are not supported; use np.log(np.sum(b * np.exp(a)))")
    if b is not None:
        shape = np.broadcast_shapes(np.shape(plain(a)), np.shape(plain(b)))
        a, b = np.broadcast_to(a, shape), np.broadcast_to(b, shape)  # pyright: ignore (they dispatch)
    y, sign = _logsumexp(a, b, axis=axis)
    sign = plain(sign)
    if not return_sign and (sign < 0).any():
        y = np.where(sign < 0, math.nan, y)
    if not keepdims:
        y, sign = np.squeeze(y, axis=axis)[()], np.squeeze(sign, axis=axis)[()]
    return (y, sign) if return_sign else y


@primitive
def _logsumexp(a: Any, b: Any, axis: Any = None) -> Any:
    if np.size(a) == 0:  # of which SciPy sums one axis alone
        total = np.sum(a, axis=axis, keepdims=True)
        return np.full_like(total, -math.inf), total
    y, sign = sp.logsumexp(a, axis=axis, b=b, keepdims=True, return_sign=True)
    return (y, sign) if np.ndim(a) else (y[0], sign[0])  # SciPy makes a vector of a number


defvjp(
    _logsumexp,
    lambda g, y, a, b, axis=None: g[0] * _shares(y, a) * (1 if b is None else b),
    lambda g, y, a, _b, axis=None: g[0] * _shares(y, a),
)


def _shares(y: Any, a: Any) -> Any:
    """Return exp(a) over the sum."""
    logarithm, sign = y
    return sign * np.exp(a - np.where(logarithm == -np.inf, 0, logarithm))


def softplus(x: Operand) -> Any:
    """Return log(1 + exp(x)), without overflow; see `scipy.special.softplus`.

    Parameters
    ----------
    x : array_like or Tensor
        Real numbers of any shape.

    Returns
    -------
    array or Tensor of the shape of `x`

    Examples
    --------
    >>> from autograd_np.scipy.special import softplus
    >>> softplus([-1000.0, 1000.0])
    array([   0., 1000.])
    """
    return np.logaddexp(0, x)  # pyright: ignore[reportArgumentType, reportCallIssue] (it dispatches)


def multigammaln(a: Operand, d: int) -> Any:
    """Return the logarithm of the multivariate gamma function; see `scipy.special.multigammaln`.

    Parameters
    ----------
    a : array_like or Tensor
        Real numbers greater than (d - 1) / 2, of any shape.
    d : int
        The dimension of the space of integration.

    Returns
    -------
    array or Tensor of the shape of `a`

    Raises
    ------
    ValueError
        If `d` is not a positive integer, or an `a` is too small.

    Examples
    --------
    >>> from autograd_np.scipy.special import multigammaln
    >>> print(f"{multigammaln(3.0, 2):.4f}")
    1.5502
    """
    if d < 1 or d != int(d):
        raise ValueError(f"multigammaln: d={d!r} is not a positive integer")
    if not np.all(plain(a) > (d - 1) / 2):
        raise ValueError(
            f"multigammaln: a must be greater than (d - 1) / 2 = {(d - 1) / 2}; its least is {np.min(plain(a))}"
        )
    return sum((sp.gammaln(np.subtract(a, j / 2)) for j in range(d)), d * (d - 1) / 4 * math.log(math.pi))
