"""Losses of distances and of order: what belongs together is to be close, and what does not is to be apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_np.neural.activations import relu
from autograd_np.neural.arguments import Reduction, real
from autograd_np.neural.losses.parts import check_options, check_signs, constant_like, paired, reduced
from autograd_np.rules.ranges import widened
from autograd_np.tensor import Operand, Tensor, plain

__all__ = ["cosine_embedding_loss", "hinge_embedding_loss", "margin_ranking_loss", "triplet_margin_loss"]


def cosine_embedding_loss(
    x1: Operand, x2: Operand, targets: Operand, margin: float = 0.0, *, reduction: Reduction = "mean"
) -> Tensor:
    """Return the mean of 1 - cos(x1, x2) for pairs that belong together, and of max(0, cos - margin) for others.

    Parameters
    ----------
    x1, x2 : array_like, shape (N, D) or (D,)
        Pairs of vectors, of one shape.
    targets : array_like, shape (N,) or ()
        1 for pairs that belong together, -1 for others.
    margin : float
        Up to which cosine vectors are apart. At the margin the derivative is 0.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the pairs, their sum, or one loss for each.

    Returns
    -------
    Tensor, of shape (), or (N,)

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If the shapes do not fit, a target is neither 1 nor -1, the margin is no finite number, the reduction is
        unknown, or there is nothing to average.

    Examples
    --------
    >>> from autograd_np.neural import cosine_embedding_loss
    >>> cosine_embedding_loss([[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]], [1, -1], reduction="none")
    array([1., 1.])
    """
    operation = "cosine_embedding_loss"
    a, b = paired(operation, x1, x2)
    signs = _signs(operation, targets)
    if a.ndim not in (1, 2) or signs.shape != a.shape[:-1]:
        raise ValueError(
            f"{operation}: vectors of shape {a.shape} with targets of shape {signs.shape}; give vectors (N, D) and "
            f"targets (N,), or one pair"
        )
    check_options(operation, margin=margin)
    like, a, b = a, widened(a), widened(b)
    squares = (a * a).sum(axis=-1) + 1e-12, (b * b).sum(axis=-1) + 1e-12
    cosines = (a * b).sum(axis=-1) / np.sqrt(squares[0] * squares[1])
    losses = np.where(signs == 1, 1 - cosines, relu(cosines - margin))
    return reduced(operation, losses, reduction, like)


def margin_ranking_loss(
    x1: Operand, x2: Operand, targets: Operand, margin: float = 0.0, *, reduction: Reduction = "mean"
) -> Tensor:
    """Return the mean of max(0, margin - t (x1 - x2)): what ranks higher is to be larger by the margin.

    Parameters
    ----------
    x1, x2 : array_like
        Real numbers, of one shape.
    targets : array_like of the same shape
        1 where `x1` is to rank higher, -1 where `x2` is.
    margin : float
        By how much. Where numbers differ by just that, the derivative is 0.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Returns
    -------
    Tensor, of shape (), or of the shape of `x1`

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If the shapes differ (nothing is broadcast), a target is neither 1 nor -1, the margin is no finite number, the
        reduction is unknown, or there is nothing to average.

    Examples
    --------
    >>> from autograd_np.neural import margin_ranking_loss
    >>> margin_ranking_loss([3.0, 3.0], [1.0, 1.0], [1, -1], margin=0.5, reduction="none")
    array([0. , 2.5])
    """
    a, b = paired("margin_ranking_loss", x1, x2)
    signs = _signs("margin_ranking_loss", targets, a)
    check_options("margin_ranking_loss", margin=margin)
    difference = a - b
    return reduced("margin_ranking_loss", relu(margin - signs * widened(difference)), reduction, difference)


def triplet_margin_loss(
    anchor: Operand,
    positive: Operand,
    negative: Operand,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the mean of max(0, d(a, p) - d(a, n) + margin): anchors are to be closer to positives than to negatives.

    Parameters
    ----------
    anchor, positive, negative : array_like, shape (..., D)
        Vectors, of one shape.
    margin : float
        By how much closer. Where it is just that, the derivative is 0.
    p : float
        The order of the norm that d is.
    eps : float
        Added to each difference of which a norm is taken.
    swap : bool
        Whether the distance of positive and negative counts in place of d(a, n) where it is smaller.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the triplets, their sum, or one loss for each.

    Returns
    -------
    Tensor, of shape (), or (...,)

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If the shapes differ (nothing is broadcast) or are (), the margin or the order is not positive, an option is no
        finite number, the reduction is unknown, or there is nothing to average.

    References
    ----------
    V. Balntas et al., "Learning local feature descriptors with triplets and shallow convolutional neural networks",
    BMVC 2016.

    Examples
    --------
    >>> from autograd_np.neural import triplet_margin_loss
    >>> print(triplet_margin_loss([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 2.0]]).round(3))
    4.0
    """
    a, close = paired("triplet_margin_loss", anchor, positive)
    _, far = paired("triplet_margin_loss", a, negative)
    check_options("triplet_margin_loss", margin=margin, p=p, eps=eps)
    if margin <= 0 or p <= 0:
        raise ValueError(f"triplet_margin_loss: margin={margin}, p={p}; give positive numbers")
    if a.ndim == 0:
        raise ValueError("triplet_margin_loss: numbers of shape (); give vectors (..., D)")
    like, a, close, far = a, widened(a), widened(close), widened(far)

    def distance(x: Any, y: Any) -> Any:
        return np.linalg.vector_norm(x - y + eps, ord=float(p), axis=-1)

    apart = distance(a, far)
    if swap:
        apart = np.minimum(apart, distance(close, far))
    return reduced("triplet_margin_loss", relu(margin + distance(a, close) - apart), reduction, like)


def hinge_embedding_loss(x: Operand, targets: Operand, margin: float = 1.0, *, reduction: Reduction = "mean") -> Tensor:
    """Return the mean of distances x of what belongs together, and of max(0, margin - x) of what does not.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    targets : array_like of the shape of `x`
        1 for what belongs together, -1 for the rest.
    margin : float
        From which distance on the rest is apart. At the margin the derivative is 0.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Returns
    -------
    Tensor, of shape (), or of the shape of `x`

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If the shapes differ (nothing is broadcast), a target is neither 1 nor -1, the margin is no finite number, the
        reduction is unknown, or there is nothing to average.

    Examples
    --------
    >>> from autograd_np.neural import hinge_embedding_loss
    >>> hinge_embedding_loss([0.25, 0.25], [1, -1], reduction="none")
    array([0.25, 0.75])
    """
    distances = real("hinge_embedding_loss", x)
    signs = _signs("hinge_embedding_loss", targets, distances)
    check_options("hinge_embedding_loss", margin=margin)
    like, distances = distances, widened(distances)
    losses = np.where(signs == 1, distances, relu(margin - distances))
    return reduced("hinge_embedding_loss", losses, reduction, like)


def _signs(operation: str, targets: Operand, x: Any = None) -> Any:
    """Return targets that are 1 or -1 as a plain array; of the shape of `x`, if it is given."""
    signs = plain(real(operation, targets) if x is None else paired(operation, x, targets)[1])
    check_signs(operation, signs)
    return signs if x is None else constant_like(x, signs)
