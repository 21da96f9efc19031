"""Pooling as modules."""

from __future__ import annotations

from typing import Any

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.neural.arguments import OutputSize, pair, single
from nn.layers.parameters import Operand, Sizes
from nn.module import Module

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AvgPool1d", "AvgPool2d",
    "MaxPool1d", "MaxPool2d",
]  # fmt: skip


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
    dilation : int or (int, int)
        How far the rows and columns of a window are apart.
    ceil_mode : bool
        Whether windows that begin in the image are taken too where only a part of them fits.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive integer (padding: not a natural number). When called: see
        `nn.functional.max_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        *,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = pair("MaxPool2d", "kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else pair("MaxPool2d", "stride", stride)
        self.padding = pair("MaxPool2d", "padding", padding, least=0)
        self.dilation = pair("MaxPool2d", "dilation", dilation)
        self.ceil_mode = ceil_mode

    def forward(self, x: Operand) -> Tensor:
        """Pool images of shape (N, C, H, W), or one of shape (C, H, W)."""
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)

    def extra_repr(self) -> str:
        """Return the sizes."""
        sizes = _told(self, "kernel_size", "stride", "padding", "dilation")
        return f"{sizes}, ceil_mode={self.ceil_mode}"


class MaxPool1d(Module):
    """The largest value of each window of a sequence (N, C, L) or (C, L).

    Parameters and errors are those of `MaxPool2d`, with one integer for each size.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.MaxPool1d(2)(np.array([[1.0, 3.0, 2.0, 0.0]]))
    array([[3., 2.]])
    """

    def __init__(
        self,
        kernel_size: int,
        stride: int | None = None,
        padding: int = 0,
        dilation: int = 1,
        *,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = single("MaxPool1d", "kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else single("MaxPool1d", "stride", stride)
        self.padding = single("MaxPool1d", "padding", padding, least=0)
        self.dilation = single("MaxPool1d", "dilation", dilation)
        self.ceil_mode = ceil_mode

    def forward(self, x: Operand) -> Tensor:
        """Pool sequences of shape (N, C, L), or one of shape (C, L)."""
        return F.max_pool1d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)

    def extra_repr(self) -> str:
        """Return the sizes."""
        sizes = _told(self, "kernel_size", "stride", "padding", "dilation")
        return f"{sizes}, ceil_mode={self.ceil_mode}"


class AvgPool2d(Module):
    """The mean of each window of an image.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), optional
        How far the window moves; by default its own size.
    padding : int or (int, int)
        How many zeros are put around the image.
    ceil_mode : bool
        Whether windows that begin in the image are taken too where only a part of them fits.
    count_include_pad : bool
        Whether the zeros around the image count as elements.
    divisor_override : int, optional
        By what to divide the sums instead of the number of elements.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive integer (padding: not a natural number). When called: see
        `nn.functional.avg_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.AvgPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size = pair("AvgPool2d", "kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else pair("AvgPool2d", "stride", stride)
        self.padding = pair("AvgPool2d", "padding", padding, least=0)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        given = divisor_override
        self.divisor_override = None if given is None else single("AvgPool2d", "divisor_override", given)

    def forward(self, x: Operand) -> Tensor:
        """Pool images of shape (N, C, H, W), or one of shape (C, H, W)."""
        sizes = self.kernel_size, self.stride, self.padding
        return F.avg_pool2d(x, *sizes, self.ceil_mode, self.count_include_pad, self.divisor_override)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return _told(self, "kernel_size", "stride", "padding")


class AvgPool1d(Module):
    """The mean of each window of a sequence (N, C, L) or (C, L).

    Parameters and errors are those of `AvgPool2d`, with one integer for each size and without `divisor_override`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.AvgPool1d(2)(np.array([[1.0, 3.0, 2.0, 0.0]]))
    array([[2., 1.]])
    """

    def __init__(
        self,
        kernel_size: int,
        stride: int | None = None,
        padding: int = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size = single("AvgPool1d", "kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else single("AvgPool1d", "stride", stride)
        self.padding = single("AvgPool1d", "padding", padding, least=0)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x: Operand) -> Tensor:
        """Pool sequences of shape (N, C, L), or one of shape (C, L)."""
        return F.avg_pool1d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        """Return the sizes."""
        sizes = ((name, (getattr(self, name),)) for name in ("kernel_size", "stride", "padding"))
        return ", ".join(f"{name}={value}" for name, value in sizes)


class _Adaptive(Module):
    """What pools to a given size."""

    output_size: Any

    def extra_repr(self) -> str:
        """Return the size."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool2d(_Adaptive):
    """Means of windows that are placed so that the output has a given size.

    Parameters
    ----------
    output_size : int or (int, int)
        Height and width of the output; None where it is the input's.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive integer. When called: see `nn.functional.adaptive_avg_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.AdaptiveAvgPool2d((2, None))(np.ones((5, 8, 13, 13))).shape
    (5, 8, 2, 13)
    """

    def __init__(self, output_size: OutputSize) -> None:
        self.output_size: OutputSize = _wanted("AdaptiveAvgPool2d", output_size)

    def forward(self, x: Operand) -> Tensor:
        """Pool images of shape (N, C, H, W), or one of shape (C, H, W)."""
        return F.adaptive_avg_pool2d(x, self.output_size)


class AdaptiveAvgPool1d(_Adaptive):
    """Means of windows of a sequence (N, C, L) or (C, L), as many as are asked for: see `AdaptiveAvgPool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.AdaptiveAvgPool1d(2)(np.array([[1.0, 2.0, 3.0]]))
    array([[1.5, 2.5]])
    """

    def __init__(self, output_size: int) -> None:
        self.output_size: int = single("AdaptiveAvgPool1d", "output_size", output_size)

    def forward(self, x: Operand) -> Tensor:
        """Pool sequences of shape (N, C, L), or one of shape (C, L)."""
        return F.adaptive_avg_pool1d(x, self.output_size)


class AdaptiveMaxPool2d(_Adaptive):
    """Maxima of windows that are placed as those of `AdaptiveAvgPool2d`, whose parameters and errors it has.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.AdaptiveMaxPool2d((2, None))(np.ones((5, 8, 13, 13))).shape
    (5, 8, 2, 13)
    """

    def __init__(self, output_size: OutputSize) -> None:
        self.output_size: OutputSize = _wanted("AdaptiveMaxPool2d", output_size)

    def forward(self, x: Operand) -> Tensor:
        """Pool images of shape (N, C, H, W), or one of shape (C, H, W)."""
        return F.adaptive_max_pool2d(x, self.output_size)


class AdaptiveMaxPool1d(_Adaptive):
    """Maxima of windows of a sequence (N, C, L) or (C, L), as many as are asked for: see `AdaptiveMaxPool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.AdaptiveMaxPool1d(2)(np.array([[1.0, 2.0, 3.0]]))
    array([[2., 3.]])
    """

    def __init__(self, output_size: int) -> None:
        self.output_size: int = single("AdaptiveMaxPool1d", "output_size", output_size)

    def forward(self, x: Operand) -> Tensor:
        """Pool sequences of shape (N, C, L), or one of shape (C, L)."""
        return F.adaptive_max_pool1d(x, self.output_size)


def _wanted(layer: str, size: OutputSize) -> OutputSize:
    """Return the size of an output, checked; None stands for the input's own."""
    sizes = size if isinstance(size, tuple) else (size, size)
    pair(layer, "output_size", tuple(1 if n is None else n for n in sizes))
    return size


def _told(layer: Module, *names: str) -> str:
    """Write the sizes down, those that are the same for height and width once."""
    return ", ".join(f"{name}={_short(getattr(layer, name))}" for name in names)


def _short(size: Sizes) -> Sizes:
    return size[0] if isinstance(size, tuple) and size[0] == size[1] else size
