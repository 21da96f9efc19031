"""Losses of distributions: how far they are apart, and how likely numbers are by them."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import scipy.special  # pyright: ignore[reportMissingTypeStubs]

from autograd_np.neural.arguments import Reduction, first_place, real
from autograd_np.neural.losses.parts import check_options, constant_like, paired, reduced
from autograd_np.rules.ranges import widened
from autograd_np.tensor import Operand, Tensor, plain

__all__ = ["gaussian_nll_loss", "kl_div"]


def kl_div(
    log_probabilities: Operand,
    targets: Operand,
    *,
    reduction: Reduction | Literal["batchmean"] = "mean",
    log_target: bool = False,
) -> Tensor:
    """Return the Kullback-Leibler divergence of targets from predictions: the terms t (log t - log p).

    Parameters
    ----------
    log_probabilities : array_like, shape (N, ...)
        Logarithms of what is predicted, from `log_softmax` say.
    targets : array_like of the shape of `log_probabilities`
        Probabilities; they may require a gradient. Where one is 0, its term is 0.
    reduction : {"mean", "batchmean", "sum", "none"}
        Whether to return the mean over all elements, as elsewhere; the sum over N, which is the mean divergence of a
        sample; the sum; or the terms.
    log_target : bool
        Whether the targets are logarithms of probabilities, too.

    Returns
    -------
    Tensor, of shape (), or of the shape of `log_probabilities`

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If the shapes differ (nothing is broadcast), a target is negative and no logarithm, the reduction is unknown, or
        there is nothing to average.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import kl_div
    >>> print(kl_div(np.log([[0.5, 0.5]]), [[1.0, 0.0]], reduction="batchmean").round(4))
    0.6931
    """
    y, t = paired("kl_div", log_probabilities, targets)
    if reduction == "batchmean" and (y.ndim == 0 or 0 in y.shape):
        raise ValueError(f"kl_div: the mean over no samples, of shape {y.shape}, is not defined")
    like, y, t = y, widened(y), widened(t)
    if log_target:
        terms = np.exp(t) * (t - y)
    else:
        _check_not_negative("kl_div", "target", t, "; with logarithms of probabilities, log_target=True")
        terms: Any = scipy.special.xlogy(t, t) - t * y  # pyright: ignore[reportUnknownMemberType]
    if reduction == "batchmean":
        return reduced("kl_div", terms.sum() / len(y), "none", like)
    return reduced("kl_div", terms, reduction, like)


def gaussian_nll_loss(
    predictions: Operand,
    targets: Operand,
    var: Operand,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the negative log-likelihood of targets by normal distributions: the mean of (log σ² + (y - t)² / σ²) / 2.

    Parameters
    ----------
    predictions : array_like
        The means y, of any shape.
    targets : array_like of the shape of `predictions`
        The numbers t whose likelihood it is; they may require a gradient.
    var : array_like, of the shape of `predictions`, of the same with one axis of length 1, without the last axis, or ()
        The variances σ². Smaller ones than `eps` count as `eps`, and have the gradient that they would have there.
    full : bool
        Whether to add the constant, log(2π) / 2.
    eps : float
        The least variance.
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
        If the shapes do not fit, a variance is negative, `eps` is not positive, the reduction is unknown, or there is
        nothing to average.

    References
    ----------
    D. A. Nix, A. S. Weigend, "Estimating the mean and variance of the target probability distribution", ICNN 1994.

    Examples
    --------
    >>> from autograd_np.neural import gaussian_nll_loss
    >>> gaussian_nll_loss([0.0, 0.0], [0.0, 2.0], [1.0, 1.0], reduction="none")
    array([0., 2.])
    """
    y, t = paired("gaussian_nll_loss", predictions, targets)
    check_options("gaussian_nll_loss", eps=eps)
    if eps <= 0:
        raise ValueError(f"gaussian_nll_loss: eps={eps}; give the least variance, a positive number")
    variances = constant_like(y, real("gaussian_nll_loss", var))
    _check_not_negative("gaussian_nll_loss", "variance", variances, "")
    if y.ndim and variances.shape == y.shape[:-1]:
        variances = np.expand_dims(variances, -1)
    lengths = zip(variances.shape, y.shape, strict=False)
    unlike = [n for n, m in lengths if n != m]
    if variances.ndim not in (0, y.ndim) or unlike not in ([], [1]):
        raise ValueError(
            f"gaussian_nll_loss: var of shape {np.shape(var)} with predictions of shape {y.shape}; give a variance for "
            f"each, for each row, or one"
        )
    like, y, t, variances = y, widened(y), widened(t), widened(variances)
    short = plain(variances) < eps
    variances = variances + np.where(short, eps - plain(variances), 0)
    losses = (np.log(variances) + np.square(y - t) / variances) / 2 + (math.log(2 * math.pi) / 2 if full else 0.0)
    return reduced("gaussian_nll_loss", losses, reduction, like)


def _check_not_negative(operation: str, name: str, x: Any, remark: str) -> None:
    values = plain(x)
    wrong = values < 0
    if wrong.any():
        place = first_place(wrong)
        raise ValueError(f"{operation}: the {name} {values[place]} at {place} is negative{remark}")
