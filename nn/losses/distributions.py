"""Losses of distributions as modules."""

from autograd_np import Tensor
from autograd_np import neural as F
from nn.losses.reductions import Loss, Operand

__all__ = ["GaussianNLLLoss", "KLDivLoss"]


class KLDivLoss(Loss):
    """The Kullback-Leibler divergence of targets from predictions: the terms t (log t - log p).

    Parameters
    ----------
    reduction : {"mean", "batchmean", "sum", "none"}
        Whether to return the mean over all elements; the sum over the number of samples, which is the mean divergence;
        the sum; or the terms.
    log_target : bool
        Whether the targets are logarithms of probabilities, too.

    Raises
    ------
    ValueError
        If the reduction is unknown. When called: see `nn.functional.kl_div`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> loss = nn.KLDivLoss(reduction="batchmean")(np.log([[0.5, 0.5]]), np.array([[1.0, 0.0]]))
    >>> print(f"{loss:.4f}")  # ln 2
    0.6931
    """

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction="sum" if reduction == "batchmean" else reduction)
        self.reduction, self.log_target = reduction, log_target

    def forward(self, log_probabilities: Operand, targets: Operand) -> Tensor:
        """Return the divergence of targets from predictions of one shape."""
        return F.kl_div(log_probabilities, targets, reduction=self.reduction, log_target=self.log_target)


class GaussianNLLLoss(Loss):
    """The negative log-likelihood of targets by normal distributions: the mean of (log σ² + (y - t)² / σ²) / 2.

    Parameters
    ----------
    full : bool
        Whether to add the constant, log(2π) / 2.
    eps : float
        The least variance: smaller ones count as it.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Raises
    ------
    ValueError
        If the reduction is unknown. When called: see `nn.functional.gaussian_nll_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> print(nn.GaussianNLLLoss()(np.array([0.0, 0.0]), np.array([0.0, 2.0]), np.array([1.0, 1.0])))
    1.0
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full, self.eps = full, eps

    def forward(self, x: Operand, y: Operand, var: Operand) -> Tensor:
        """Return the loss of means, targets of their shape, and variances."""
        return F.gaussian_nll_loss(x, y, var, self.full, self.eps, self.reduction)
