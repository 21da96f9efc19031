"""Losses of numbers that are predicted, as modules."""

from autograd_np import Tensor
from autograd_np import neural as F
from nn.losses.reductions import Loss, Operand

__all__ = ["HuberLoss", "L1Loss", "MSELoss", "SmoothL1Loss"]


class MSELoss(Loss):
    """The mean squared error: the mean of (x - y)² over all elements.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Raises
    ------
    ValueError
        If the reduction is unknown. When called: see `nn.functional.mse_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> print(f"{nn.MSELoss()(np.array([1.0, 2.0]), np.array([1.0, 4.0])):.1f}")
    2.0
    """

    def forward(self, x: Operand, y: Operand) -> Tensor:
        """Return the loss of predictions and targets of one shape."""
        return F.mse_loss(x, y, reduction=self.reduction)


class L1Loss(Loss):
    """The mean absolute error: the mean of |x - y| over all elements.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Raises
    ------
    ValueError
        If the reduction is unknown. When called: see `nn.functional.l1_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> print(f"{nn.L1Loss()(np.array([1.0, 2.0]), np.array([1.0, 4.0])):.1f}")
    1.0
    """

    def forward(self, x: Operand, y: Operand) -> Tensor:
        """Return the loss of predictions and targets of one shape."""
        return F.l1_loss(x, y, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """The mean of d² / 2β for differences d of less than β, and of |d| - β / 2 for larger ones.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.
    beta : float
        β above; 0 for the absolute error.

    Raises
    ------
    ValueError
        If the reduction is unknown. When called: see `nn.functional.smooth_l1_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> print(nn.SmoothL1Loss()(np.array([0.5, 3.0]), np.zeros(2)))
    1.3125
    """

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.beta = beta

    def forward(self, x: Operand, y: Operand) -> Tensor:
        """Return the loss of predictions and targets of one shape."""
        return F.smooth_l1_loss(x, y, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """The mean of d² / 2 for differences d of up to δ, and of δ (|d| - δ / 2) for larger ones.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.
    delta : float
        δ above.

    Raises
    ------
    ValueError
        If the reduction is unknown. When called: see `nn.functional.huber_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> print(nn.HuberLoss(delta=2.0)(np.array([1.0, 3.0]), np.zeros(2)))
    2.25
    """

    def __init__(self, *, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, x: Operand, y: Operand) -> Tensor:
        """Return the loss of predictions and targets of one shape."""
        return F.huber_loss(x, y, reduction=self.reduction, delta=self.delta)
