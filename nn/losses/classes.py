"""Losses of classes as modules."""

from typing import Any

from numpy.typing import NDArray

from autograd_np import Tensor
from autograd_np import neural as F
from nn.losses.reductions import Loss, Operand

__all__ = ["CrossEntropyLoss", "NLLLoss"]


class CrossEntropyLoss(Loss):
    """Softmax and cross-entropy in one: -Σ t log softmax(logits), stable also for large logits.

    Parameters
    ----------
    weight : array_like, shape (C,), optional
        How much each class counts; the mean over labels is over the weights of the labels.
    ignore_index : int
        Samples of this label have no share in the loss. It need not be one of the classes.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the samples, their sum, or one loss for each.
    label_smoothing : float
        What share, from 0 to 1, of each target is spread evenly over all classes.

    Attributes
    ----------
    weight : ndarray, shape (C,), or None
        A buffer.

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

    weight: NDArray[Any] | None

    def __init__(
        self,
        weight: Operand | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, logits: Operand, targets: Operand) -> Tensor:
        """Return the loss of logits (N, C, ...) for labels (N, ...) or probabilities (N, C, ...)."""
        return F.cross_entropy(
            logits,
            targets,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(Loss):
    """The negative log-likelihood of labels, for a model that ends in a log-softmax.

    `CrossEntropyLoss` is both in one step.

    Parameters
    ----------
    weight : array_like, shape (C,), optional
        How much each class counts; the mean is over the weights of the labels.
    ignore_index : int
        Samples of this label have no share in the loss. It need not be one of the classes.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the samples, their sum, or one loss for each.

    Attributes
    ----------
    weight : ndarray, shape (C,), or None
        A buffer.

    Raises
    ------
    ValueError
        If the reduction is unknown. When called: see `nn.functional.nll_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> print(f"{nn.NLLLoss()(np.log([[0.5, 0.5]]), np.array([1])):.4f}")  # ln 2
    0.6931
    """

    weight: NDArray[Any] | None

    def __init__(self, weight: Operand | None = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, log_probabilities: Operand, targets: Operand) -> Tensor:
        """Return the loss of log-probabilities (N, C, ...) for labels (N, ...)."""
        return F.nll_loss(
            log_probabilities, targets, self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )
