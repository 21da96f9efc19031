"""Max pooling of images: a family of recorded functions, closed under differentiation.

Images are (N, C, H, W) to the caller, in any memory layout. The fast way to compute it, for tiles, is in `kernels`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from autograd_np.neural.arguments import Array, Pair, pair
from autograd_np.neural.images import as_images, check_fits, enlarged, inner
from autograd_np.neural.kernels import as_in_memory, max_of_tiles, max_of_tiles_gradient, pad, steps
from autograd_np.primitives import defvjp
from autograd_np.tensor import Operand, Tensor, plain, primitive

__all__ = ["max_pool2d"]


def max_pool2d(
    x: Operand, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0
) -> Tensor:
    """Take the maximum of each window of images.

    Where several elements of a window are the largest, the first one in reading order has the whole gradient. A NaN is
    larger than any number. Windows that do not fit on the right and below are left out.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
        Images, of floating-point numbers.
    kernel_size : int or (int, int)
        Height and width of the windows.
    stride : int or (int, int), optional
        The step of the windows, down and to the right; by default their size. Smaller ones make windows overlap.
    padding : int or (int, int)
        How many rows and columns of -inf to add around the images: at most half of the window's.

    Returns
    -------
    Tensor, shape (N, C, H', W')
        With H' = (H + 2 padding - kernel_size) // stride + 1, and W' likewise; an array if `x` is no Tensor.

    Raises
    ------
    TypeError
        If the images are not floating-point numbers, or the other arguments not integers.
    ValueError
        If `x` does not have four axes, a window is larger than the padded images, or an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import max_pool2d
    >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    images = as_images("max_pool2d", "x", x, "(N, C, H, W)")
    kernel = pair("max_pool2d", "kernel_size", kernel_size)
    windows = _Windows(
        images.shape[2:],
        kernel,
        kernel if stride is None else pair("max_pool2d", "stride", stride),
        pair("max_pool2d", "padding", padding, least=0),
    )
    if any(2 * p > k for p, k in zip(windows.padding, kernel, strict=True)):
        raise ValueError(
            f"max_pool2d: padding {windows.padding} is more than half of the window {kernel}, so that a window could "
            f"hold nothing but padding; make it smaller"
        )
    check_fits("max_pool2d", windows.image, kernel, windows.padding)
    return _max_pool(images, windows=windows)


class _Windows(NamedTuple):
    """Where the windows of a pooling lie."""

    image: Pair
    kernel: Pair
    stride: Pair
    padding: Pair

    @property
    def are_tiles(self) -> bool:
        """Whether they lie side by side, and there is no padding."""
        return self.stride == self.kernel and self.padding == (0, 0)

    def at(self, axis: int, i: int) -> slice:
        """Return the slice of an axis where the i-th row or column of every window is."""
        places = steps(enlarged(self.image, self.padding), self.kernel, self.stride)[axis]
        return slice(i, i + self.stride[axis] * (places - 1) + 1, self.stride[axis])

    def cells(self, padded: Array) -> Iterator[Array]:
        """Yield, for each place in a window in reading order, the windows' elements there: a view (..., H', W')."""
        places = itertools.product(range(self.kernel[0]), range(self.kernel[1]))
        return (padded[..., self.at(0, i), self.at(1, j)] for i, j in places)


@primitive(name="max_pool2d", residuals=True, fresh=True)
def _max_pool(x: Any, windows: Any = None) -> Any:
    if windows.are_tiles:
        return max_of_tiles(x, windows.kernel)
    x = pad(x, windows.padding, -np.inf)
    rows, columns = map(range, windows.kernel)
    tops = reduce(np.maximum, (x[:, :, windows.at(0, i)] for i in rows))
    y = reduce(np.maximum, (tops[..., windows.at(1, j)] for j in columns))
    return (y if y.base is None else y.copy()), None  # a window of one pixel compares nothing: the result is a copy


# Which element wins is a constant for the derivatives: `_from_winners` gathers what stands in the winners' places,
# `_to_winners` adds to the winners' places, and each is the derivative of the other.


@primitive(name="max_pool2d's gradient", fresh=True)
def _to_winners(v: Any, winners: Any = (), windows: Any = None) -> Any:
    """Add each window's number to the element that was its maximum."""
    v = as_in_memory(v, winners[0])
    total = np.zeros_like(v, shape=(*v.shape[:2], *enlarged(windows.image, windows.padding)))
    overlap = any(s < k for s, k in zip(windows.stride, windows.kernel, strict=True))
    for cell, wins in zip(windows.cells(total), winners, strict=True):
        if overlap:
            cell += v * wins
        else:
            np.multiply(v, wins, out=cell)
    return inner(total, windows.image, windows.padding)


@primitive(name="max_pool2d's second gradient", fresh=True)
def _from_winners(v: Any, winners: Any = (), windows: Any = None) -> Any:
    """Return for each window the element in the place of its maximum."""
    v = pad(v, windows.padding)
    return sum(cell * wins for cell, wins in zip(windows.cells(v), winners, strict=True))


def _to_the_maxima(g: Any, y: Any, x: Any, windows: Any = None, residuals: Any = None) -> Any:
    """Add the gradient of each maximum to the element that it is; the first one, where several are equal."""
    if residuals is not None and not np.isnan(y).any():
        return max_of_tiles_gradient(g, y, residuals, x, windows.kernel)
    return _to_winners(g, winners=_winners(plain(x), plain(y), windows), windows=windows)


defvjp(_max_pool, _to_the_maxima)
defvjp(_to_winners, lambda g, _y, _v, winners=(), windows=None: _from_winners(g, winners=winners, windows=windows))
defvjp(_from_winners, lambda g, _y, _v, winners=(), windows=None: _to_winners(g, winners=winners, windows=windows))


def _winners(x: Array, y: Array, windows: _Windows) -> Sequence[Array]:
    """Tell, for each place in a window in reading order, in which windows it holds the first maximum."""
    found: list[Array] = []
    nan = bool(np.isnan(y).any())
    real = pad(np.ones((1, 1, *windows.image), bool), windows.padding)
    free = np.ones_like(y, bool)
    for cell, exists in zip(windows.cells(pad(x, windows.padding, -np.inf)), windows.cells(real), strict=True):
        wins = cell == y
        if nan:
            wins |= np.isnan(cell)
        if windows.padding != (0, 0):
            wins &= exists
        wins &= free
        free ^= wins
        found.append(wins)
    return found
