"""Activations as modules."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_np import Tensor
from autograd_np import neural as F
from nn.layers.parameters import Operand
from nn.module import Module

__all__ = ["ReLU", "Sigmoid", "Softmax", "Tanh"]


class ReLU(Module):
    """The rectifier: max(0, x).

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.ReLU()(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.relu(x)


class Sigmoid(Module):
    """The logistic function: 1 / (1 + exp(-x)).

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Sigmoid()(np.array([0.0]))
    array([0.5])
    """

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Tanh()(np.array([0.0]))
    array([0.])
    """

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        values: Any = x
        return np.tanh(values)


class Softmax(Module):
    """Softmax along an axis: exp(x) over its sum.

    `CrossEntropyLoss` takes logits and applies it itself.

    Parameters
    ----------
    dim : int
        The axis along which the output adds up to 1.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Softmax()(np.zeros((1, 4)))
    array([[0.25, 0.25, 0.25, 0.25]])
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Operand) -> Tensor:
        """Apply it along the axis."""
        return F.softmax(x, axis=self.dim)

    def extra_repr(self) -> str:
        """Return the axis."""
        return f"dim={self.dim}"
