"""Convolution as a module."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.neural.arguments import pair
from nn.init import RNG
from nn.layers.parameters import Operand, Sizes, size, taken, weight_and_bias
from nn.module import Module

__all__ = ["Conv2d"]


class Conv2d(Module):
    """A convolution layer; as everywhere in deep learning, it computes a cross-correlation.

    Parameters
    ----------
    in_channels, out_channels : int
        C and O below.
    kernel_size : int or (int, int)
        Height and width of the kernel, (kh, kw).
    stride, padding : int or (int, int)
        How far the kernel moves, and how many zeros are put around the image, for height and width.
    bias : bool
        Whether there is a bias.
    dtype : dtype
        Of the parameters.
    rng : numpy.random.Generator, int or None
        Where the initial values come from.

    Attributes
    ----------
    weight : Tensor, shape (O, C, kh, kw)
        Initially uniform on [-1/√n, 1/√n] with n = C kh kw.
    bias : Tensor, shape (O,), or None
        Initially likewise.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive integer (padding: not a natural number), or `dtype` not floating. When called: if
        the input does not have shape (N, C, H, W), is smaller than the kernel, or is a Tensor of another dtype.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Conv2d(1, 8, 3, padding=1, rng=0)(np.ones((5, 1, 28, 28))).shape
    (5, 8, 28, 28)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        *,
        bias: bool = True,
        dtype: DTypeLike = np.float32,
        rng: RNG = None,
    ) -> None:
        self.in_channels = size("Conv2d", "in_channels", in_channels)
        self.out_channels = size("Conv2d", "out_channels", out_channels)
        self.kernel_size = pair("Conv2d", "kernel_size", kernel_size)
        self.stride = pair("Conv2d", "stride", stride)
        self.padding = pair("Conv2d", "padding", padding, least=0)
        shape = (self.out_channels, self.in_channels, *self.kernel_size)
        self.weight, self.bias = weight_and_bias(shape, bias, dtype, rng)

    def forward(self, x: Operand) -> Tensor:
        """Apply the layer to images of shape (N, C, H, W); the output has shape (N, O, H', W')."""
        x = taken(self, x, self.weight.dtype)
        return F.conv2d(x, self.weight, self.bias, stride=self.stride, padding=self.padding)

    def extra_repr(self) -> str:
        """Return the sizes, and what is not at its default."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        text += f", padding={self.padding}" if self.padding != (0, 0) else ""
        return text + (", bias=False" if self.bias is None else "")
