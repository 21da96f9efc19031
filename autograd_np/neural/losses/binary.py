"""Binary cross-entropy: losses of yes and no."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_np.neural.activations import sigmoid
from autograd_np.neural.arguments import Array, Reduction
from autograd_np.neural.losses.parts import check_probabilities, paired, reduced, weighted
from autograd_np.primitives import defvjp
from autograd_np.tensor import Operand, Tensor, primitive

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits"]


def binary_cross_entropy_with_logits(
    logits: Operand,
    targets: Operand,
    weight: Operand | None = None,
    *,
    reduction: Reduction = "mean",
    pos_weight: Operand | None = None,
) -> Tensor:
    """Return the binary cross-entropy of p = sigmoid(logits): -(t log p + (1 - t) log(1 - p)).

    Sigmoid and logarithm are computed as one, so that logits of any size are safe.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape.
    targets : array_like of the shape of `logits`
        The probability of each "yes", from 0 to 1, which may require a gradient.
    weight : array_like, optional
        How much each element counts; it is broadcast to the shape of `logits`. The mean is over the number of elements.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.
    pos_weight : array_like, optional
        How much a "yes" counts beside a "no", broadcast likewise: the factor of t log p.

    Returns
    -------
    Tensor, of shape (), or of the shape of `logits`

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If the shapes differ or a weight's does not fit, a target is not from 0 to 1, the reduction is unknown, or there
        is nothing to average.

    Examples
    --------
    >>> from autograd_np.neural import binary_cross_entropy_with_logits
    >>> binary_cross_entropy_with_logits([0.0, 1000.0, -1000.0], [1, 1, 1], reduction="none").round(4)
    array([6.931e-01, 0.000e+00, 1.000e+03])
    """
    operation = "binary_cross_entropy_with_logits"
    x, t = paired(operation, logits, targets)
    check_probabilities(operation, "target", t)
    if pos_weight is None:
        losses = _logit_cross_entropy(x, t)
    else:
        yes = weighted(operation, t * _logit_cross_entropy(x, 1), pos_weight, "pos_weight")
        losses = yes + (1 - t) * _logit_cross_entropy(x, 0)
    return reduced(operation, weighted(operation, losses, weight), reduction)


@primitive(name="binary_cross_entropy_with_logits")
def _logit_cross_entropy(x: Any, t: Any) -> Any:
    return np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))


defvjp(
    _logit_cross_entropy,
    lambda g, _y, x, t: g * (sigmoid(x) - t),
    lambda g, _y, x, _t: -g * x,
)


def binary_cross_entropy(
    p: Operand, targets: Operand, weight: Operand | None = None, *, reduction: Reduction = "mean"
) -> Tensor:
    """Return the binary cross-entropy of probabilities: -(t log p + (1 - t) log(1 - p)).

    As in PyTorch, the logarithms are no less than -100, and in the derivative p (1 - p) is no less than 1e-12. With
    logits at hand, `binary_cross_entropy_with_logits` is exact.

    Parameters
    ----------
    p : array_like
        Probabilities of any shape, from 0 to 1.
    targets : array_like of the shape of `p`
        The probability of each "yes", from 0 to 1, which may require a gradient.
    weight : array_like, optional
        How much each element counts; it is broadcast to the shape of `p`. The mean is over the number of elements.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Returns
    -------
    Tensor, of shape (), or of the shape of `p`

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If the shapes differ or the weight's does not fit, a probability or a target is not from 0 to 1, the reduction
        is unknown, or there is nothing to average.

    Examples
    --------
    >>> from autograd_np.neural import binary_cross_entropy
    >>> binary_cross_entropy([0.5, 0.0], [1, 1], reduction="none").round(4)
    array([  0.6931, 100.    ])
    """
    q, t = paired("binary_cross_entropy", p, targets)
    check_probabilities("binary_cross_entropy", "probability", q)
    check_probabilities("binary_cross_entropy", "target", t)
    losses = weighted("binary_cross_entropy", _probability_cross_entropy(q, t), weight)
    return reduced("binary_cross_entropy", losses, reduction)


@primitive(name="binary_cross_entropy")
def _probability_cross_entropy(p: Any, t: Any) -> Any:
    yes, no = _clamped_logs(p)
    return -(t * yes + (1 - t) * no)


@primitive(name="binary_cross_entropy's gradient")
def _log_odds(p: Any) -> Any:
    """Return log p - log(1 - p), of which neither is less than -100."""
    yes, no = _clamped_logs(p)
    return yes - no


def _clamped_logs(p: Array) -> tuple[Array, Array]:
    """Return log p and log(1 - p), neither less than -100."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(p), -100), np.maximum(np.log1p(-p), -100)


defvjp(
    _probability_cross_entropy,
    lambda g, _y, p, t: g * (p - t) / np.maximum(p * (1 - p), 1e-12),
    lambda g, _y, p, _t: -g * _log_odds(p),
)
defvjp(_log_odds, lambda g, _y, p: g / np.maximum(p * (1 - p), 1e-12))
