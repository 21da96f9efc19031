"""Losses as modules; the functions that they call are in `nn.functional`."""

from typing import Any, TypeAlias

from numpy.typing import ArrayLike

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.neural.arguments import check_reduction
from nn.module import Module

__all__ = ["BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "L1Loss", "MSELoss"]

Operand: TypeAlias = Tensor | ArrayLike


class _Loss(Module):
    """A loss, with what is made of the losses of a batch: their mean, their sum, or nothing."""

    def __init__(self, *, reduction: str = "mean") -> None:
        check_reduction(type(self).__name__, reduction)
        self.reduction: Any = reduction

    def extra_repr(self) -> str:
        """Return the reduction, where it is not the mean."""
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


class CrossEntropyLoss(_Loss):
    """Softmax and cross-entropy in one: -Σ t log softmax(logits), stable also for large logits.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the samples, their sum, or one loss for each.

    Raises
    ------
    ValueError
        If the reduction is unknown. When called: see `nn.functional.cross_entropy`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> loss = nn.CrossEntropyLoss()(np.zeros((3, 10)), np.array([0, 5, 9]))
    >>> print(f"{loss:.4f}")  # ln 10
    2.3026
    """

    def forward(self, logits: Operand, targets: Operand) -> Tensor:
        """Return the loss of logits of shape (N, K) for labels of shape (N,) or probabilities of shape (N, K)."""
        return F.cross_entropy(logits, targets, reduction=self.reduction)


class MSELoss(_Loss):
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


class L1Loss(_Loss):
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


class BCELoss(_Loss):
    """Binary cross-entropy of probabilities: -(t log p + (1 - t) log(1 - p)).

    `BCEWithLogitsLoss` is more exact, and takes what comes before the sigmoid.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Raises
    ------
    ValueError
        If the reduction is unknown. When called: see `nn.functional.binary_cross_entropy`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> print(f"{nn.BCELoss()(np.array([0.5, 0.5]), np.array([0.0, 1.0])):.4f}")  # ln 2
    0.6931
    """

    def forward(self, p: Operand, targets: Operand) -> Tensor:
        """Return the loss of probabilities for targets in [0, 1], of one shape."""
        return F.binary_cross_entropy(p, targets, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Sigmoid and binary cross-entropy in one, stable also for large logits.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Raises
    ------
    ValueError
        If the reduction is unknown. When called: see `nn.functional.binary_cross_entropy_with_logits`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> print(f"{nn.BCEWithLogitsLoss()(np.array([0.0, 0.0]), np.array([0.0, 1.0])):.4f}")  # ln 2
    0.6931
    """

    def forward(self, logits: Operand, targets: Operand) -> Tensor:
        """Return the loss of logits for targets in [0, 1], of one shape."""
        return F.binary_cross_entropy_with_logits(logits, targets, reduction=self.reduction)
