"""Binary cross-entropy as modules."""

from typing import Any

from numpy.typing import NDArray

from autograd_np import Tensor
from autograd_np import neural as F
from nn.losses.reductions import Loss, Operand

__all__ = ["BCELoss", "BCEWithLogitsLoss"]


class BCELoss(Loss):
    """Binary cross-entropy of probabilities: -(t log p + (1 - t) log(1 - p)).

    `BCEWithLogitsLoss` is more exact, and takes what comes before the sigmoid.

    Parameters
    ----------
    weight : array_like, optional
        How much each element counts; it is broadcast to the shape of what the loss is called with.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Attributes
    ----------
    weight : ndarray or None
        A buffer.

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

    weight: NDArray[Any] | None

    def __init__(self, weight: Operand | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)

    def forward(self, p: Operand, targets: Operand) -> Tensor:
        """Return the loss of probabilities for targets in [0, 1], of one shape."""
        return F.binary_cross_entropy(p, targets, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """Sigmoid and binary cross-entropy in one, stable also for large logits.

    Parameters
    ----------
    weight : array_like, optional
        How much each element counts; it is broadcast to the shape of what the loss is called with.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.
    pos_weight : array_like, optional
        How much a "yes" counts beside a "no", broadcast likewise.

    Attributes
    ----------
    weight, pos_weight : ndarray or None
        Buffers.

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

    weight: NDArray[Any] | None
    pos_weight: NDArray[Any] | None

    def __init__(
        self, weight: Operand | None = None, *, reduction: str = "mean", pos_weight: Operand | None = None
    ) -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, logits: Operand, targets: Operand) -> Tensor:
        """Return the loss of logits for targets in [0, 1], of one shape."""
        return F.binary_cross_entropy_with_logits(
            logits, targets, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )
