"""Vectors: of length 1, the angles between them, and those that stand for classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_np.neural.arguments import check_eps, check_number, first_place, real
from autograd_np.rules.ranges import widened
from autograd_np.tensor import Operand, Tensor, as_array, plain

__all__ = ["cosine_similarity", "normalize", "one_hot"]


def one_hot(labels: Operand, num_classes: int = -1) -> NDArray[np.int64]:
    """Return a vector for each label that is 1 at it and 0 elsewhere.

    Parameters
    ----------
    labels : array_like of int
        Of any shape, from 0 to C - 1.
    num_classes : int
        C; -1 for one more than the largest label.

    Returns
    -------
    ndarray of int64, of the shape of `labels`, with one more axis of length C

    Raises
    ------
    TypeError
        If the labels or the number of classes are not integers.
    ValueError
        If a label is out of range, or C is less than 1.

    Examples
    --------
    >>> from autograd_np.neural import one_hot
    >>> one_hot([2, 0])
    array([[0, 0, 1],
           [1, 0, 0]])
    """
    places = plain(as_array(labels))
    if places.dtype.kind not in "iu":
        raise TypeError(f"one_hot: labels of dtype {places.dtype}; they are integers that name classes")
    check_number("one_hot", "num_classes", num_classes, integral=True)
    if num_classes < -1 or num_classes == 0 or (num_classes == -1 and not places.size):
        raise ValueError(
            f"one_hot: num_classes={num_classes} for labels of shape {places.shape}; say how many there are"
        )
    classes = num_classes if num_classes != -1 else int(places.max()) + 1
    wrong = (places < 0) | (places >= classes)
    if wrong.any():
        place = first_place(wrong)
        raise ValueError(
            f"one_hot: the label {places[place]} at {place} names none of the {classes} classes, which are 0 to "
            f"{classes - 1}"
        )
    return (np.expand_dims(places, -1) == np.arange(classes)).astype(np.int64)


def normalize(x: Operand, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Return vectors divided by their lengths, or by ε where that is larger.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    p : float
        The order of the norm that is the length.
    dim : int
        The axis along which the vectors are.
    eps : float
        ε above.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers, or the order is no number.
    ValueError
        If there is no such axis, or `eps` is negative.

    Examples
    --------
    >>> from autograd_np.neural import normalize
    >>> normalize([[3.0, 4.0], [0.0, 0.0]])
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    values = real("normalize", x)
    check_eps("normalize", eps)
    check_number("normalize", "p", p)
    wide = widened(values)
    lengths = np.linalg.vector_norm(wide, ord=p, axis=_axis("normalize", dim, wide.ndim), keepdims=True)
    return _as(values, wide / np.maximum(lengths, eps))


def cosine_similarity(x1: Operand, x2: Operand, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return the cosines of the angles between vectors: x1 · x2 / (|x1| |x2|), where no length counts less than ε.

    Parameters
    ----------
    x1, x2 : array_like
        Real numbers, of shapes that are broadcast against each other.
    dim : int
        The axis along which the vectors are, once the shapes are broadcast.
    eps : float
        ε above. A shorter vector has the gradient that it would have with the length ε.

    Returns
    -------
    Tensor, of the shape that both have together, without the axis `dim`

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If the shapes do not fit, there is no such axis, or `eps` is negative.

    Examples
    --------
    >>> from autograd_np.neural import cosine_similarity
    >>> cosine_similarity([[1.0, 0.0], [1.0, 1.0]], [[0.0, 2.0], [3.0, 3.0]]).round(4)
    array([0., 1.])
    """
    a, b = real("cosine_similarity", x1), real("cosine_similarity", x2)
    check_eps("cosine_similarity", eps)
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ValueError(f"cosine_similarity: vectors of shapes {a.shape} and {b.shape}, which do not fit") from None
    axis = _axis("cosine_similarity", dim, len(shape))
    units = [_unit(np.broadcast_to(widened(v), shape), axis, eps) for v in (a, b)]
    return _as(a if a.dtype == b.dtype else a + b, (units[0] * units[1]).sum(axis=axis))


def _unit(x: Any, axis: int, eps: float) -> Any:
    lengths = np.linalg.vector_norm(x, axis=axis, keepdims=True)
    short = plain(lengths) < eps
    return x / (lengths + np.where(short, eps - plain(lengths), 0))


def _axis(operation: str, dim: int, ndim: int) -> int:
    if not -ndim <= dim < ndim:
        raise ValueError(f"{operation}: dim={dim} of {ndim} axes; give one that is there")
    return dim


def _as(like: Any, result: Any) -> Any:
    return result if result.dtype == like.dtype else result.astype(like.dtype)
