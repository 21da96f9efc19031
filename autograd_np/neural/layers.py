"""The operations of linear, flattening and dropout layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_np.capture import random
from autograd_np.neural.arguments import check_p, real
from autograd_np.neural.kernels import matmul
from autograd_np.primitives import defvjp
from autograd_np.tensor import Operand, Tensor, as_array, plain, primitive

__all__ = ["dropout", "flatten", "linear"]


def linear(x: Operand, weight: Operand, bias: Operand | None = None) -> Tensor:
    """Return x Wᵀ + b: each row of features becomes a row of outputs.

    Parameters
    ----------
    x : array_like, shape (..., I)
        Rows of I features.
    weight : array_like, shape (O, I)
        A row of weights for each of O outputs.
    bias : array_like, shape (O,), optional
        What is added to each output.

    Returns
    -------
    Tensor, shape (..., O)

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import linear
    >>> linear(np.array([1.0, 2.0]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([0.0, 0.0, 10.0]))
    array([ 1.,  2., 13.])
    """
    features, w, b = as_array(x), as_array(weight), None if bias is None else as_array(bias)
    fits = w.ndim == 2 and features.ndim > 0 and features.shape[-1] == w.shape[1]
    if not fits or (b is not None and b.shape != w.shape[:1]):
        raise ValueError(
            f"linear: x of shape {features.shape} with weight of shape {w.shape} and bias of shape "
            f"{None if b is None else b.shape}; for I inputs and O outputs they need to be (..., I), (O, I) and (O,)"
        )
    return _linear(features, w, b)


@primitive(name="linear", fresh=True)
def _linear(x: Any, weight: Any, bias: Any) -> Any:
    y = matmul(weight, _as_matrix(x).T).T
    if bias is not None:
        y = np.add(y, bias, out=y if bias.dtype == y.dtype else None)
    return y.reshape(*x.shape[:-1], len(weight))


defvjp(
    _linear,
    # As y does, this lies in memory with the batch last: adding arrays of one layout is ten times as fast.
    lambda g, _y, _x, weight, _bias: matmul(weight.T, _as_matrix(g).T).T.reshape(_x.shape),
    lambda g, _y, x, _weight, _bias: matmul(_as_matrix(g).T, _as_matrix(x)),
    lambda g, _y, _x, _weight, _bias: _as_matrix(g).sum(axis=0),
)


def _as_matrix(x: Any) -> Any:
    """Lay all rows into one matrix, for which there is one product."""
    if x.ndim == 2:
        return x
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def flatten(x: Operand, start_dim: int = 1) -> Tensor:
    """Lay all axes from `start_dim` on into one: images (N, C, H, W) become rows (N, C H W).

    Parameters
    ----------
    x : array_like
        Of at least one axis.
    start_dim : int
        The first axis of those that become one, up to the last; negative ones count from the end.

    Returns
    -------
    Tensor, of `start_dim` + 1 axes

    Raises
    ------
    ValueError
        If there is no such axis.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import flatten
    >>> flatten(np.zeros((5, 8, 13, 13))).shape
    (5, 1352)
    """
    values = as_array(x)
    if not -values.ndim <= start_dim < values.ndim:
        raise ValueError(f"flatten: an input of shape {values.shape} has no axis {start_dim} to flatten from")
    return _flatten(values, start=start_dim % values.ndim)


@primitive(name="flatten", moves=True)
def _flatten(x: Any, start: int = 1) -> Any:
    if start == 1 and x.strides[0] == x.itemsize:
        # With the batch last in memory, whole stretches are copied if it stays there: in 0.2 of the time.
        return np.moveaxis(x, 0, -1).reshape(math.prod(x.shape[1:]), len(x)).T
    return x.reshape(*x.shape[:start], math.prod(x.shape[start:]))


defvjp(_flatten, lambda g, _y, _x, start=1: g.reshape(_x.shape))


def dropout(x: Operand, p: float = 0.5, training: bool = True, *, rng: np.random.Generator | None = None) -> Tensor:
    """Set elements to 0, each with probability p, and divide the others by 1 - p, so that the mean stays.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    p : float
        The probability of dropping an element.
    training : bool
        Outside training, `x` is returned as it is.
    rng : numpy.random.Generator
        Where the choice comes from. It is needed where there is one: in training, with p > 0.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If a generator is needed and `rng` is none, or `x` is not made of real numbers.
    ValueError
        If `p` is not from 0 to 1.

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15 (2014).

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import dropout
    >>> dropout(np.ones(8), p=0.5, rng=np.random.default_rng(0))
    array([2., 2., 2., 0., 0., 0., 0., 0.])
    """
    check_p("dropout", p)
    values = real("dropout", x)
    if not training or p == 0:
        return values
    if not isinstance(rng, np.random.Generator):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"dropout: rng={rng!r}; in training it needs a generator: rng=np.random.default_rng(seed)")
    shape: tuple[int, ...] = values.shape
    chances = random(rng, shape, plain(values))
    return values * np.multiply(chances >= p, 1 / (1 - p) if p < 1 else 0, dtype=values.dtype.type)
