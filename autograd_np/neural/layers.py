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

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "flatten", "linear"]


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


def linear_by_rows(x: Any, weight: Any, bias: Any) -> Any:
    """Return what `linear` does, of a matrix; each row of outputs is one stretch of memory."""
    return _linear(x, weight, bias, by_rows=True)


@primitive(name="linear", fresh=True)
def _linear(x: Any, weight: Any, bias: Any, by_rows: bool = False) -> Any:
    y = matmul(x, weight.T) if by_rows else matmul(weight, _as_matrix(x).T).T
    if bias is not None:
        y = np.add(y, bias, out=y if bias.dtype == y.dtype else None)
    return y.reshape(*x.shape[:-1], len(weight))


defvjp(
    _linear,
    # As y does, this lies in memory with the batch last: adding arrays of one layout is ten times as fast.
    lambda g, _y, _x, weight, _bias, by_rows=False: matmul(weight.T, _as_matrix(g).T).T.reshape(_x.shape),
    lambda g, _y, x, _weight, _bias, by_rows=False: matmul(_as_matrix(g).T, _as_matrix(x)),
    lambda g, _y, _x, _weight, _bias, by_rows=False: _as_matrix(g).sum(axis=0),
)


def _as_matrix(x: Any) -> Any:
    """Lay all rows into one matrix, for which there is one product."""
    if x.ndim == 2:
        return x
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def flatten(x: Operand, start_dim: int = 1, end_dim: int = -1) -> Tensor:
    """Lay the axes from `start_dim` to `end_dim` into one: images (N, C, H, W) become rows (N, C H W).

    Parameters
    ----------
    x : array_like
        Of at least one axis.
    start_dim, end_dim : int
        The first and the last axis of those that become one; negative ones count from the end.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If there is no such axis, or the last one comes before the first one.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import flatten
    >>> flatten(np.zeros((5, 8, 13, 13))).shape
    (5, 1352)
    >>> flatten(np.zeros((5, 8, 13, 13)), 0, 1).shape
    (40, 13, 13)
    """
    values = as_array(x)
    for axis, use in ((start_dim, "flatten from"), (end_dim, "flatten to")):
        if not -values.ndim <= axis < values.ndim:
            raise ValueError(f"flatten: an input of shape {values.shape} has no axis {axis} to {use}")
    start, stop = start_dim % values.ndim, end_dim % values.ndim + 1
    if start >= stop:
        raise ValueError(f"flatten: end_dim={end_dim} comes before start_dim={start_dim} of the shape {values.shape}")
    return _flatten(values, start=start, stop=stop)


@primitive(name="flatten", moves=True)
def _flatten(x: Any, start: int = 1, stop: int = 1) -> Any:
    if start == 1 and stop == x.ndim and x.strides[0] == x.itemsize:
        # With the batch last in memory, whole stretches are copied if it stays there: in 0.2 of the time.
        return np.moveaxis(x, 0, -1).reshape(math.prod(x.shape[1:]), len(x)).T
    return x.reshape(*x.shape[:start], math.prod(x.shape[start:stop]), *x.shape[stop:])


defvjp(_flatten, lambda g, _y, _x, start=1, stop=1: g.reshape(_x.shape))


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
    values = real("dropout", x)
    return _dropped("dropout", values, values.shape, p, training, rng)


def dropout1d(x: Operand, p: float = 0.5, training: bool = True, *, rng: np.random.Generator | None = None) -> Tensor:
    """Set whole channels of sequences to 0, each with probability p, and divide the others by 1 - p.

    Parameters
    ----------
    x : array_like, shape (N, C, L) or (C, L)
        Real numbers.
    p : float
        The probability of dropping a channel.
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
        If `p` is not from 0 to 1, or `x` has other axes.

    References
    ----------
    J. Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import dropout1d
    >>> dropout1d(np.ones((3, 2)), p=0.5, rng=np.random.default_rng(1))
    array([[0., 0.],
           [2., 2.],
           [2., 2.]])
    """
    values = real("dropout1d", x)
    if values.ndim not in (2, 3):
        raise ValueError(f"dropout1d: x of shape {values.shape}; give (N, C, L) or (C, L)")
    return _dropped("dropout1d", values, (*values.shape[:-1], 1), p, training, rng)


def dropout2d(x: Operand, p: float = 0.5, training: bool = True, *, rng: np.random.Generator | None = None) -> Tensor:
    """Set whole channels of images to 0, each with probability p, and divide the others by 1 - p.

    Parameters, errors and references are those of `dropout1d`, but for the shape of `x`.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
        Real numbers.
    p, training, rng
        See `dropout1d`.

    Returns
    -------
    Tensor of the shape of `x`

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import dropout2d
    >>> dropout2d(np.ones((1, 3, 1, 2)), p=0.5, rng=np.random.default_rng(1))[0, :, 0]
    array([[0., 0.],
           [2., 2.],
           [2., 2.]])
    """
    values = real("dropout2d", x)
    if values.ndim != 4:
        raise ValueError(f"dropout2d: x of shape {values.shape}; give (N, C, H, W), or sequences to dropout1d")
    return _dropped("dropout2d", values, (*values.shape[:2], 1, 1), p, training, rng)


def alpha_dropout(
    x: Operand, p: float = 0.5, training: bool = False, *, rng: np.random.Generator | None = None
) -> Tensor:
    """Set elements to the least value of `selu`, each with probability p, so that mean 0 and variance 1 stay.

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
    G. Klambauer et al., "Self-normalizing neural networks", NIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import alpha_dropout
    >>> alpha_dropout(np.zeros(4), p=0.5, training=True, rng=np.random.default_rng(0)).round(4)
    array([ 0.7792,  0.7792,  0.7792, -0.7792])
    """
    check_p("alpha_dropout", p)
    values = real("alpha_dropout", x)
    if not training or p == 0:
        return values
    kept = _kept("alpha_dropout", values, values.shape, p, rng)
    lowest = -1.0507009873554805 * 1.6732632423543772
    scale = ((1 - p) * (1 + p * lowest**2)) ** -0.5 if p < 1 else 0.0
    shift = np.multiply(~kept, scale * lowest, dtype=values.dtype.type) - values.dtype.type(scale * lowest * p)
    return values * np.multiply(kept, scale, dtype=values.dtype.type) + shift


def _dropped(
    operation: str,
    values: Any,
    shape: tuple[int, ...],
    p: float,
    training: bool,
    rng: np.random.Generator | None,
) -> Any:
    """Drop what has one chance, of which there are as many as `shape` says."""
    check_p(operation, p)
    if not training or p == 0:
        return values
    kept = _kept(operation, values, shape, p, rng)
    return values * np.multiply(kept, 1 / (1 - p) if p < 1 else 0, dtype=values.dtype.type)


def _kept(operation: str, values: Any, shape: tuple[int, ...], p: float, rng: np.random.Generator | None) -> Any:
    """Choose what is kept."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"{operation}: rng={rng!r}; in training it needs a generator: rng=np.random.default_rng(seed)")
    return random(rng, shape, plain(values)) >= p
