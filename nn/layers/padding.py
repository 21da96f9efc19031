"""Padding of images as modules."""

from __future__ import annotations

import operator
from typing import ClassVar, TypeAlias

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.neural.padding import PaddingMode
from nn.layers.parameters import Operand
from nn.module import Module

__all__ = ["ConstantPad2d", "ReflectionPad2d", "ReplicationPad2d", "ZeroPad2d"]

_Margins: TypeAlias = int | tuple[int, int, int, int]


class _Pad2d(Module):
    """Padding of images (N, C, H, W) or (C, H, W)."""

    _mode: ClassVar[PaddingMode] = "constant"
    value: float = 0.0

    def __init__(self, padding: _Margins) -> None:
        try:
            margins = tuple(map(operator.index, padding if isinstance(padding, tuple) else (padding,) * 4))
        except TypeError:
            raise TypeError(f"{type(self).__name__}: padding={padding!r}; give an integer, or four") from None
        if len(margins) != 4:
            raise ValueError(f"{type(self).__name__}: padding={padding!r}; give an integer, or four")
        self.padding = margins

    def forward(self, x: Operand) -> Tensor:
        """Pad images."""
        return F.pad(x, self.padding, self._mode, self.value)

    def extra_repr(self) -> str:
        """Return the margins."""
        return str(self.padding)


class ZeroPad2d(_Pad2d):
    """Zeros around images (..., H, W).

    Parameters
    ----------
    padding : int or (int, int, int, int)
        How many columns on the left and on the right, and how many rows above and below. Negative numbers take some
        away.

    Raises
    ------
    TypeError, ValueError
        If the padding is not one integer or four. When called: see `nn.functional.pad`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.ZeroPad2d((1, 0, 0, 1))(np.ones((1, 1, 2)))
    array([[[0., 1., 1.],
            [0., 0., 0.]]])
    """


class ConstantPad2d(_Pad2d):
    """A constant around images (..., H, W); the other parameters are those of `ZeroPad2d`.

    Parameters
    ----------
    padding : int or (int, int, int, int)
        See `ZeroPad2d`.
    value : float
        The constant.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.ConstantPad2d((1, 0, 0, 0), 7.0)(np.ones((1, 1, 2)))
    array([[[7., 1., 1.]]])
    """

    def __init__(self, padding: _Margins, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        """Return the margins and the constant."""
        return f"padding={self.padding}, value={self.value}"


class ReflectionPad2d(_Pad2d):
    """The reverse of images (..., H, W) around them, without the rows and columns at the edge: see `ZeroPad2d`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.ReflectionPad2d((2, 0, 0, 0))(np.array([[[1.0, 2.0, 3.0]]]))
    array([[[3., 2., 1., 2., 3.]]])
    """

    _mode: ClassVar[PaddingMode] = "reflect"


class ReplicationPad2d(_Pad2d):
    """The rows and columns at the edge of images (..., H, W) around them, again and again: see `ZeroPad2d`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.ReplicationPad2d((2, 0, 0, 0))(np.array([[[1.0, 2.0, 3.0]]]))
    array([[[1., 1., 1., 2., 3.]]])
    """

    _mode: ClassVar[PaddingMode] = "replicate"
