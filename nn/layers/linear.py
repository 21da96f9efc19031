"""The linear layer, and what lays images out for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from autograd_np import Tensor
from autograd_np import neural as F
from nn.init import RNG
from nn.layers.parameters import Operand, size, taken, weight_and_bias
from nn.module import Module

__all__ = ["Flatten", "Linear"]


class Linear(Module):
    """A linear layer: ``x @ weight.T + bias``.

    Parameters
    ----------
    in_features, out_features : int
        D and K below.
    bias : bool
        Whether there is a bias.
    dtype : dtype
        Of the parameters.
    rng : numpy.random.Generator, int or None
        Where the initial values come from.

    Attributes
    ----------
    weight : Tensor, shape (K, D)
        Initially uniform on [-1/√D, 1/√D].
    bias : Tensor, shape (K,), or None
        Initially likewise.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive integer, or `dtype` not floating. When called: if the input's last axis is not of
        length D, or it is a Tensor of another dtype.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Linear(3, 2, rng=0)(np.ones((5, 3))).shape  # (N, D) -> (N, K)
    (5, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float32,
        rng: RNG = None,
    ) -> None:
        self.in_features = size("Linear", "in_features", in_features)
        self.out_features = size("Linear", "out_features", out_features)
        self.weight, self.bias = weight_and_bias((self.out_features, self.in_features), bias, dtype, rng)

    def forward(self, x: Operand) -> Tensor:
        """Apply the layer to an input of shape (..., D); the output has shape (..., K)."""
        return F.linear(taken(self, x, self.weight.dtype), self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Flatten(Module):
    """Lay all axes from `start_dim` on into one: images (N, C, H, W) become rows (N, C H W).

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Flatten()(np.zeros((5, 8, 13, 13))).shape
    (5, 1352)
    """

    def __init__(self, start_dim: int = 1) -> None:
        self.start_dim = start_dim

    def forward(self, x: Operand) -> Tensor:
        """Flatten the input."""
        return F.flatten(x, self.start_dim)

    def extra_repr(self) -> str:
        """Return the first axis."""
        return f"start_dim={self.start_dim}"
