"""Losses of numbers that are predicted."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_np.neural.arguments import Reduction
from autograd_np.neural.losses.parts import check_options, paired, reduced
from autograd_np.primitives import defvjp
from autograd_np.rules.ranges import widened
from autograd_np.tensor import Operand, Tensor, primitive

__all__ = ["huber_loss", "l1_loss", "mse_loss", "smooth_l1_loss"]


def mse_loss(predictions: Operand, targets: Operand, *, reduction: Reduction = "mean") -> Tensor:
    """Return the mean squared error: the mean of (y - t)² over all elements.

    Parameters
    ----------
    predictions : array_like
        Real numbers of any shape.
    targets : array_like of the shape of `predictions`
        What they should be; it may require a gradient.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Returns
    -------
    Tensor, of shape (), or of the shape of `predictions`

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If the shapes differ (nothing is broadcast), the reduction is unknown, or there is nothing to average.

    Examples
    --------
    >>> from autograd_np.neural import mse_loss
    >>> print(mse_loss([1.0, 2.0], [1.0, 4.0]))
    2.0
    """
    y, t = paired("mse_loss", predictions, targets)
    return reduced("mse_loss", np.square(y - t), reduction)


def l1_loss(predictions: Operand, targets: Operand, *, reduction: Reduction = "mean") -> Tensor:
    """Return the mean absolute error: the mean of |y - t| over all elements; its derivative is 0 where y = t.

    Parameters
    ----------
    predictions : array_like
        Real numbers of any shape.
    targets : array_like of the shape of `predictions`
        What they should be; it may require a gradient.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Returns
    -------
    Tensor, of shape (), or of the shape of `predictions`

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If the shapes differ (nothing is broadcast), the reduction is unknown, or there is nothing to average.

    Examples
    --------
    >>> from autograd_np.neural import l1_loss
    >>> print(l1_loss([1.0, 2.0], [1.0, 4.0]))
    1.0
    """
    y, t = paired("l1_loss", predictions, targets)
    return reduced("l1_loss", np.abs(y - t), reduction)


def smooth_l1_loss(
    predictions: Operand, targets: Operand, *, reduction: Reduction = "mean", beta: float = 1.0
) -> Tensor:
    """Return the mean of d² / 2β for differences d of less than β, and of |d| - β / 2 for larger ones.

    Parameters
    ----------
    predictions : array_like
        Real numbers of any shape.
    targets : array_like of the shape of `predictions`
        What they should be; it may require a gradient.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.
    beta : float
        β, where the parabola ends; 0 for the absolute error.

    Returns
    -------
    Tensor, of shape (), or of the shape of `predictions`

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If the shapes differ (nothing is broadcast), β is negative or infinite, the reduction is unknown, or there is
        nothing to average.

    References
    ----------
    R. Girshick, "Fast R-CNN", ICCV 2015, equation 3.

    Examples
    --------
    >>> from autograd_np.neural import smooth_l1_loss
    >>> smooth_l1_loss([0.5, 3.0], [0.0, 0.0], reduction="none")
    array([0.125, 2.5  ])
    """
    y, t = paired("smooth_l1_loss", predictions, targets)
    check_options("smooth_l1_loss", beta=beta)
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta={beta}; give a size, not a negative one")
    difference = y - t
    wide = widened(difference)
    losses = _smooth_l1_loss(wide, beta=float(beta)) if beta else np.abs(wide)
    return reduced("smooth_l1_loss", losses, reduction, difference)


def huber_loss(predictions: Operand, targets: Operand, *, reduction: Reduction = "mean", delta: float = 1.0) -> Tensor:
    """Return the mean of d² / 2 for differences d of up to δ, and of δ (|d| - δ / 2) for larger ones.

    It is δ times `smooth_l1_loss` with β = δ.

    Parameters
    ----------
    predictions, targets, reduction
        As for `smooth_l1_loss`.
    delta : float
        δ, where the parabola ends.

    Returns
    -------
    Tensor, of shape (), or of the shape of `predictions`

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If the shapes differ (nothing is broadcast), δ is not positive or infinite, the reduction is unknown, or there
        is nothing to average.

    References
    ----------
    P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35 (1964).

    Examples
    --------
    >>> from autograd_np.neural import huber_loss
    >>> huber_loss([0.5, 3.0], [0.0, 0.0], reduction="none", delta=2.0)
    array([0.125, 4.   ])
    """
    y, t = paired("huber_loss", predictions, targets)
    check_options("huber_loss", delta=delta)
    if delta <= 0:
        raise ValueError(f"huber_loss: delta={delta}; give a positive number")
    difference = y - t
    losses = _smooth_l1_loss(widened(difference), beta=float(delta)) * float(delta)
    return reduced("huber_loss", losses, reduction, difference)


# Of one piece: the product rule would make inf * 0 of an infinite difference, whose derivative is 1.
@primitive(name="smooth_l1_loss")
def _smooth_l1_loss(d: Any, beta: float = 1.0) -> Any:
    slope = np.clip(d, -beta, beta) / beta
    return slope * (d - slope * (beta / 2))


defvjp(_smooth_l1_loss, lambda g, _y, d, beta=1.0: g * (np.clip(d, -beta, beta) / beta))
