"""Convolutions as modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.neural.arguments import pair, single
from nn.init import RNG
from nn.layers.parameters import Operand, Sizes, size, taken, weight_and_bias
from nn.module import Module

__all__ = ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d"]


_Mode: TypeAlias = Literal["zeros", "reflect", "replicate", "circular"]


class _OfAxes(Module):
    """What moves over one or two axes: the checks of its sizes."""

    _axes: ClassVar[int]
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    bias: Tensor | None

    def _sizes(self, name: str, value: Any, least: int = 1) -> Any:
        """Return an integer for each axis."""
        kind = type(self).__name__
        return (single(kind, name, value, least),) if self._axes == 1 else pair(kind, name, value, least)

    def _divided(self, groups: int) -> int:
        """Return the number of groups, checked: the channels of both sides are in so many parts."""
        groups = size(type(self).__name__, "groups", groups)
        channels = {"in_channels": self.in_channels, "out_channels": self.out_channels}
        for name, number in channels.items():
            if number % groups:
                raise ValueError(f"{type(self).__name__}: {name}={number} cannot be cut into groups={groups} parts")
        return groups

    def extra_repr(self) -> str:
        """Return the sizes, and what is not the default."""
        zeros, ones = (0,) * self._axes, (1,) * self._axes
        parts = [str(self.in_channels), str(self.out_channels)]
        parts += [f"kernel_size={self.kernel_size}", f"stride={self.stride}"]
        usual = {"padding": zeros, "dilation": ones, "output_padding": zeros, "groups": 1}
        own = vars(self)
        parts += [f"{name}={own[name]}" for name, default in usual.items() if own.get(name, default) != default]
        if self.bias is None:
            parts.append("bias=False")
        if own.get("padding_mode", "zeros") != "zeros":
            parts.append(f"padding_mode={own['padding_mode']}")
        return ", ".join(parts)


class _Convolution(_OfAxes):
    """A convolution layer over one or two axes."""

    _function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | Literal["same", "valid"] = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: _Mode = "zeros",
        *,
        dtype: DTypeLike = np.float32,
        rng: RNG = None,
    ) -> None:
        name = type(self).__name__
        self.in_channels = size(name, "in_channels", in_channels)
        self.out_channels = size(name, "out_channels", out_channels)
        self.kernel_size = self._sizes("kernel_size", kernel_size)
        self.stride = self._sizes("stride", stride)
        self.dilation = self._sizes("dilation", dilation)
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise TypeError(f"{name}: padding={padding!r} is a str; give integers, or choose same or valid")
        self.padding: Any = padding if isinstance(padding, str) else self._sizes("padding", padding, 0)
        if padding == "same" and max(self.stride) > 1:
            raise ValueError(f"{name}: padding='same' with stride={stride}; it is for a stride of 1")
        self.groups = self._divided(groups)
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(
                f"{name}: unknown padding_mode {padding_mode!r}; choose zeros, reflect, replicate or circular"
            )
        self.padding_mode: _Mode = padding_mode
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        self.weight, self.bias = weight_and_bias(shape, bias, dtype, rng)

    def forward(self, x: Operand) -> Tensor:
        """Apply the layer to a batch, or to one element of it."""
        x = taken(self, x, self.weight.dtype)
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            x, padding = F.pad(x, self._around(), self.padding_mode), 0
        elif self._axes == 1 and not isinstance(padding, str):
            (padding,) = padding
        stride, dilation = (n if self._axes == 2 else n[0] for n in (self.stride, self.dilation))
        return type(self)._function(x, self.weight, self.bias, stride, padding, dilation, self.groups)

    def _around(self) -> list[int]:
        """Return the padding as `F.pad` takes it: before and after, the last axis first."""
        if self.padding == "valid":
            return []
        if self.padding != "same":
            return [n for p in reversed(self.padding) for n in (p, p)]
        totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
        return [n for total in reversed(totals) for n in (total // 2, total - total // 2)]


class Conv2d(_Convolution):
    """A convolution layer; as everywhere in deep learning, it computes a cross-correlation.

    Parameters
    ----------
    in_channels, out_channels : int
        C and O below.
    kernel_size : int or (int, int)
        Height and width of the kernel, (kh, kw).
    stride : int or (int, int)
        How far the kernel moves, down and to the right.
    padding : int or (int, int), or {"same", "valid"}
        How many rows and columns are put around the image; "same" as many as keep its size, "valid" none.
    dilation : int or (int, int)
        How far the rows and columns of the kernel are apart.
    groups : int
        In how many equal parts the channels of both sides are; each part of the outputs sees its part of the inputs.
    bias : bool
        Whether there is a bias.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What is put around the image: see `nn.functional.pad`.
    dtype : dtype
        Of the parameters.
    rng : numpy.random.Generator, int or None
        Where the initial values come from.

    Attributes
    ----------
    weight : Tensor, shape (O, C / groups, kh, kw)
        Initially uniform on [-1/√n, 1/√n] with n = C kh kw / groups.
    bias : Tensor, shape (O,), or None
        Initially likewise.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive integer (padding: not a natural number), `groups` does not divide the channels, a
        word is unknown, or `dtype` not floating. When called: if the input does not have shape (N, C, H, W) or
        (C, H, W), is smaller than the kernel, or is a Tensor of another dtype.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Conv2d(1, 8, 3, padding=1, rng=0)(np.ones((5, 1, 28, 28))).shape
    (5, 8, 28, 28)
    """

    _axes: ClassVar[int] = 2
    _function: ClassVar[Callable[..., Tensor]] = staticmethod(F.conv2d)


class Conv1d(_Convolution):
    """A convolution layer for sequences (N, C, L) or (C, L).

    Parameters, attributes and errors are those of `Conv2d`, with one integer for each size.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Conv1d(3, 4, 5, padding="same", rng=0)(np.ones((2, 3, 16))).shape
    (2, 4, 16)
    """

    _axes: ClassVar[int] = 1
    _function: ClassVar[Callable[..., Tensor]] = staticmethod(F.conv1d)


class _Transposed(_OfAxes):
    """A transposed convolution layer over one or two axes."""

    _function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        *,
        dtype: DTypeLike = np.float32,
        rng: RNG = None,
    ) -> None:
        name = type(self).__name__
        self.in_channels = size(name, "in_channels", in_channels)
        self.out_channels = size(name, "out_channels", out_channels)
        self.kernel_size = self._sizes("kernel_size", kernel_size)
        self.stride = self._sizes("stride", stride)
        self.padding = self._sizes("padding", padding, 0)
        self.output_padding = self._sizes("output_padding", output_padding, 0)
        self.dilation = self._sizes("dilation", dilation)
        self.groups = self._divided(groups)
        shape = (self.in_channels, self.out_channels // self.groups, *self.kernel_size)
        self.weight, self.bias = weight_and_bias(shape, bias, dtype, rng, self.out_channels)

    def forward(self, x: Operand) -> Tensor:
        """Apply the layer to a batch, or to one element of it."""
        x = taken(self, x, self.weight.dtype)
        sizes = (self.stride, self.padding, self.output_padding, self.dilation)
        stride, padding, more, dilation = sizes if self._axes == 2 else (n[0] for n in sizes)
        return type(self)._function(x, self.weight, self.bias, stride, padding, more, self.groups, dilation)


class ConvTranspose2d(_Transposed):
    """A transposed convolution layer, which makes images larger where a stride makes them smaller.

    Parameters
    ----------
    in_channels, out_channels : int
        I and O below.
    kernel_size : int or (int, int)
        Height and width of the kernel, (kh, kw).
    stride : int or (int, int)
        How far apart the rows and columns of the image are spread.
    padding : int or (int, int)
        How many rows and columns are taken away at each end.
    output_padding : int or (int, int)
        How many rows and columns more there are at the bottom and on the right: less than stride or dilation.
    groups : int
        In how many equal parts the channels of both sides are.
    bias : bool
        Whether there is a bias.
    dilation : int or (int, int)
        How far the rows and columns of the kernel are apart.
    dtype : dtype
        Of the parameters.
    rng : numpy.random.Generator, int or None
        Where the initial values come from.

    Attributes
    ----------
    weight : Tensor, shape (I, O / groups, kh, kw)
        Initially uniform on [-1/√n, 1/√n] with n = O kh kw / groups.
    bias : Tensor, shape (O,), or None
        Initially likewise.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive integer (the paddings: not natural numbers), `groups` does not divide the channels,
        or `dtype` is not floating. When called: if the input does not have shape (N, I, H, W) or (I, H, W), nothing
        would be left of it, `output_padding` is too large, or it is a Tensor of another dtype.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.ConvTranspose2d(8, 1, 2, stride=2, rng=0)(np.ones((5, 8, 14, 14))).shape
    (5, 1, 28, 28)
    """

    _axes: ClassVar[int] = 2
    _function: ClassVar[Callable[..., Tensor]] = staticmethod(F.conv_transpose2d)


class ConvTranspose1d(_Transposed):
    """A transposed convolution layer for sequences (N, I, L) or (I, L).

    Parameters, attributes and errors are those of `ConvTranspose2d`, with one integer for each size.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.ConvTranspose1d(8, 1, 2, stride=2, rng=0)(np.ones((5, 8, 14))).shape
    (5, 1, 28)
    """

    _axes: ClassVar[int] = 1
    _function: ClassVar[Callable[..., Tensor]] = staticmethod(F.conv_transpose1d)
