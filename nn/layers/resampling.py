"""Images of another size, as modules."""

from __future__ import annotations

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.neural.arguments import single
from autograd_np.neural.resampling import Interpolation, Scale
from nn.layers.parameters import Operand, Sizes
from nn.module import Module

__all__ = ["PixelShuffle", "Unfold", "Upsample"]


class Upsample(Module):
    """Images (N, C, H, W) or sequences (N, C, L) of another size.

    Parameters
    ----------
    size, scale_factor, mode, align_corners
        What `nn.functional.interpolate` is called with.

    Raises
    ------
    TypeError, ValueError
        When called: see `nn.functional.interpolate`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Upsample(scale_factor=2)(np.ones((5, 8, 7, 7))).shape
    (5, 8, 14, 14)
    """

    def __init__(
        self,
        size: int | tuple[int, ...] | None = None,
        scale_factor: Scale | None = None,
        mode: Interpolation = "nearest",
        align_corners: bool | None = None,
    ) -> None:
        self.size, self.align_corners = size, align_corners
        self.mode: Interpolation = mode
        given = scale_factor
        self.scale_factor = tuple(map(float, given)) if isinstance(given, tuple) else given and float(given)

    def forward(self, x: Operand) -> Tensor:
        """Resize images or sequences."""
        return F.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        """Return the size and the mode."""
        size = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{size}, mode={self.mode!r}"


class PixelShuffle(Module):
    """Larger images of channels: those of r r channels become tiles of r x r pixels of one.

    Parameters
    ----------
    upscale_factor : int
        r above.

    Raises
    ------
    TypeError, ValueError
        If the factor is not a positive integer. When called: see `nn.functional.pixel_shuffle`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.PixelShuffle(2)(np.ones((5, 8, 7, 7))).shape
    (5, 2, 14, 14)
    """

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = single("PixelShuffle", "upscale_factor", upscale_factor)

    def forward(self, x: Operand) -> Tensor:
        """Rearrange images of shape (..., C r r, H, W)."""
        return F.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        """Return the factor."""
        return f"upscale_factor={self.upscale_factor}"


class Unfold(Module):
    """The windows of images as columns.

    Parameters
    ----------
    kernel_size, dilation, padding, stride : int or (int, int)
        What `nn.functional.unfold` is called with.

    Raises
    ------
    TypeError, ValueError
        When called: see `nn.functional.unfold`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Unfold(3)(np.ones((5, 2, 6, 6))).shape
    (5, 18, 16)
    """

    def __init__(self, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1) -> None:
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, x: Operand) -> Tensor:
        """Lay out images of shape (N, C, H, W), or one of shape (C, H, W)."""
        return F.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """Return the sizes."""
        names = ("kernel_size", "dilation", "padding", "stride")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)
