"""The linear layer, and what lays images out for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.neural.arguments import lengths_of
from autograd_np.versions import as_ndarray
from nn.init import RNG
from nn.layers.parameters import Operand, size, taken, weight_and_bias
from nn.module import Module

__all__ = ["Flatten", "Linear", "Unflatten"]


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
    """Lay the axes from `start_dim` to `end_dim` into one: images (N, C, H, W) become rows (N, C H W).

    Parameters
    ----------
    start_dim, end_dim : int
        The first and the last of these axes; negative ones count from the end.

    Raises
    ------
    ValueError
        When called: if the input has no such axes.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Flatten()(np.zeros((5, 8, 13, 13))).shape
    (5, 1352)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Operand) -> Tensor:
        """Flatten the input."""
        return F.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Return the axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Lay out one axis as several: rows (N, C H W) become images (N, C, H, W).

    Parameters
    ----------
    dim : int
        The axis; negative ones count from the end.
    unflattened_size : sequence of int
        The lengths of the axes in its place; -1 for one of them stands for what is left.

    Raises
    ------
    TypeError, ValueError
        If a length is no integer. When called: if there is no such axis, or the lengths do not fit into it.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Unflatten(1, (8, 13, 13))(np.zeros((5, 1352))).shape
    (5, 8, 13, 13)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        self.dim = dim
        self.unflattened_size = lengths_of("Unflatten", "unflattened_size", unflattened_size, least=-1)

    def forward(self, x: Operand) -> Tensor:
        """Lay out the axis."""
        values: Any = x if isinstance(x, Tensor) else as_ndarray(x)
        shape, sizes = values.shape, self.unflattened_size
        if not -len(shape) <= self.dim < len(shape):
            raise ValueError(f"Unflatten: an input of shape {shape} has no axis {self.dim}")
        axis = self.dim % len(shape)
        known = math.prod(n for n in sizes if n >= 0)
        rest = shape[axis] // known if known else 0
        parts = [rest if n < 0 else n for n in sizes]
        if sizes.count(-1) > (known > 0) or math.prod(parts) != shape[axis]:
            raise ValueError(f"Unflatten: the {shape[axis]} elements of axis {self.dim} of {shape} do not fit {sizes}")
        return values.reshape(*shape[:axis], *parts, *shape[axis + 1 :])

    def extra_repr(self) -> str:
        """Return the axis and the lengths."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
