"""Pooling as a module."""

from __future__ import annotations

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.neural.arguments import pair
from nn.layers.parameters import Operand, Sizes
from nn.module import Module

__all__ = ["MaxPool2d"]


class MaxPool2d(Module):
    """The largest value of each window of an image; the first one takes the gradient where several are largest.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), optional
        How far the window moves; by default its own size.
    padding : int or (int, int)
        How many cells, smaller than everything, are put around the image.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        self.kernel_size = pair("MaxPool2d", "kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else pair("MaxPool2d", "stride", stride)
        self.padding = pair("MaxPool2d", "padding", padding, least=0)

    def forward(self, x: Operand) -> Tensor:
        """Pool images of shape (N, C, H, W)."""
        return F.max_pool2d(x, self.kernel_size, stride=self.stride, padding=self.padding)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
