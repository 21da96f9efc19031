"""What losses as modules share: what is made of the losses of a batch."""

from typing import Any, TypeAlias

from numpy.typing import ArrayLike

from autograd_np import Tensor
from autograd_np.neural.arguments import check_reduction
from nn.module import Module

__all__ = ["Loss", "Operand"]

Operand: TypeAlias = Tensor | ArrayLike


class Loss(Module):
    """A loss, with what is made of the losses of a batch: their mean, their sum, or nothing."""

    def __init__(self, *, reduction: str = "mean") -> None:
        check_reduction(type(self).__name__, reduction)
        self.reduction: Any = reduction

    def extra_repr(self) -> str:
        """Return the reduction, where it is not the mean."""
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"
