"""Pooling of images and sequences; of maxima, a family of recorded functions that is closed under differentiation.

Images are (N, C, H, W) to the caller, in any memory layout. The fast way to compute maxima, for tiles, is in `kernels`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from autograd_np.neural.arguments import Array, OutputSize, Pair, pair, single
from autograd_np.neural.images import as_batch, check_fits, enlarged, inner, spread
from autograd_np.neural.kernels import as_in_memory, max_of_tiles, max_of_tiles_gradient, pad, steps
from autograd_np.primitives import defvjp
from autograd_np.rules.ranges import widened
from autograd_np.tensor import Operand, Tensor, plain, primitive

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "avg_pool1d", "avg_pool2d", "max_pool1d", "max_pool2d",
]  # fmt: skip


def max_pool2d(
    x: Operand,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """Take the maximum of each window of images.

    Where several elements of a window are the largest, the first one in reading order has the whole gradient. A NaN is
    larger than any number. Windows that do not fit on the right and below are left out.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W) or (C, H, W)
        Images, or one, of floating-point numbers.
    kernel_size : int or (int, int)
        Height and width of the windows.
    stride : int or (int, int), optional
        The step of the windows, down and to the right; by default their size. Smaller ones make windows overlap.
    padding : int or (int, int)
        How many rows and columns of -inf to add around the images: at most half of the window's.
    dilation : int or (int, int)
        How far the rows and columns of a window are apart.
    ceil_mode : bool
        Whether windows that begin in the images are taken too where only a part of them fits.

    Returns
    -------
    Tensor, shape (N, C, H', W') or (C, H', W')
        With H' = (H + 2 padding - dilation (kernel_size - 1) - 1) // stride + 1, and W' likewise; an array if `x` is no
        Tensor.

    Raises
    ------
    TypeError
        If the images are not floating-point numbers, or the other arguments not integers.
    ValueError
        If `x` does not have these axes, a window is larger than the padded images, or an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import max_pool2d
    >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    images, undo = as_batch("max_pool2d", x)
    kernel = pair("max_pool2d", "kernel_size", kernel_size)
    y = _maxima(
        "max_pool2d",
        images,
        kernel,
        kernel if stride is None else pair("max_pool2d", "stride", stride),
        pair("max_pool2d", "padding", padding, least=0),
        pair("max_pool2d", "dilation", dilation),
        ceil_mode,
    )
    return y if undo is None else y[undo]


def max_pool1d(
    x: Operand,
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """Take the maximum of each window of sequences (N, C, L) or (C, L): `max_pool2d` for images of one row.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import max_pool1d
    >>> max_pool1d(np.array([[1.0, 3.0, 2.0, 0.0]]), 2)
    array([[3., 2.]])
    """
    images, undo = as_batch("max_pool1d", x, 1)
    kernel = single("max_pool1d", "kernel_size", kernel_size)
    y = _maxima(
        "max_pool1d",
        images,
        (1, kernel),
        (1, kernel if stride is None else single("max_pool1d", "stride", stride)),
        (0, single("max_pool1d", "padding", padding, least=0)),
        (1, single("max_pool1d", "dilation", dilation)),
        ceil_mode,
    )
    return y[undo]


def avg_pool2d(
    x: Operand,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Take the mean of each window of images.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W) or (C, H, W)
        Images, or one, of floating-point numbers.
    kernel_size : int or (int, int)
        Height and width of the windows.
    stride : int or (int, int), optional
        The step of the windows, down and to the right; by default their size.
    padding : int or (int, int)
        How many rows and columns of zeros to add around the images: at most half of the window's.
    ceil_mode : bool
        Whether windows that begin in the images are taken too where only a part of them fits; the means are then of
        that part.
    count_include_pad : bool
        Whether the zeros around the images count as elements.
    divisor_override : int, optional
        By what to divide the sums instead of the number of elements.

    Returns
    -------
    Tensor, shape (N, C, H', W') or (C, H', W')
        With H' = (H + 2 padding - kernel_size) // stride + 1, and W' likewise; an array if `x` is no Tensor.

    Raises
    ------
    TypeError
        If the images are not floating-point numbers, or the other arguments not integers.
    ValueError
        If `x` does not have these axes, a window is larger than the padded images, or an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import avg_pool2d
    >>> avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """
    images, undo = as_batch("avg_pool2d", x)
    kernel = pair("avg_pool2d", "kernel_size", kernel_size)
    y = _means(
        "avg_pool2d",
        images,
        kernel,
        kernel if stride is None else pair("avg_pool2d", "stride", stride),
        pair("avg_pool2d", "padding", padding, least=0),
        ceil_mode,
        count_include_pad,
        None if divisor_override is None else single("avg_pool2d", "divisor_override", divisor_override),
    )
    return y if undo is None else y[undo]


def avg_pool1d(
    x: Operand,
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Take the mean of each window of sequences (N, C, L) or (C, L): `avg_pool2d` for images of one row.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import avg_pool1d
    >>> avg_pool1d(np.array([[1.0, 3.0, 2.0, 0.0]]), 2)
    array([[2., 1.]])
    """
    images, undo = as_batch("avg_pool1d", x, 1)
    kernel = single("avg_pool1d", "kernel_size", kernel_size)
    y = _means(
        "avg_pool1d",
        images,
        (1, kernel),
        (1, kernel if stride is None else single("avg_pool1d", "stride", stride)),
        (0, single("avg_pool1d", "padding", padding, least=0)),
        ceil_mode,
        count_include_pad,
        None,
    )
    return y[undo]


def adaptive_avg_pool2d(x: Operand, output_size: OutputSize) -> Tensor:
    """Take means of windows that are placed so that the output has a given size.

    The i-th of n windows along H rows begins in row ⌊i H / n⌋ and ends before row ⌈(i + 1) H / n⌉: where n does not
    divide H, windows overlap or differ in size.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W) or (C, H, W)
        Images, or one, of floating-point numbers.
    output_size : int or (int, int)
        Height and width of the output; None where it is the input's.

    Returns
    -------
    Tensor, shape (N, C, H', W') or (C, H', W')
        An array if `x` is no Tensor.

    Raises
    ------
    TypeError
        If the images are not floating-point numbers, or a size is no integer.
    ValueError
        If `x` does not have these axes, the images are empty, or a size is less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import adaptive_avg_pool2d
    >>> adaptive_avg_pool2d(np.arange(12.0).reshape(1, 1, 3, 4), (2, 1))
    array([[[[3.5],
             [7.5]]]])
    """
    images, undo = as_batch("adaptive_avg_pool2d", x)
    y = _adapted("adaptive_avg_pool2d", images, output_size, _mean_of)
    return y if undo is None else y[undo]


def adaptive_avg_pool1d(x: Operand, output_size: int) -> Tensor:
    """Take means of windows of sequences (N, C, L) or (C, L), as many as are asked for: see `adaptive_avg_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import adaptive_avg_pool1d
    >>> adaptive_avg_pool1d(np.array([[1.0, 2.0, 3.0]]), 2)
    array([[1.5, 2.5]])
    """
    images, undo = as_batch("adaptive_avg_pool1d", x, 1)
    size = single("adaptive_avg_pool1d", "output_size", output_size)
    return _adapted("adaptive_avg_pool1d", images, (1, size), _mean_of)[undo]


def adaptive_max_pool2d(x: Operand, output_size: OutputSize) -> Tensor:
    """Take maxima of windows that are placed as those of `adaptive_avg_pool2d`, whose parameters and errors it has.

    Where several elements of a window are the largest, the first one in reading order has the whole gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import adaptive_max_pool2d
    >>> adaptive_max_pool2d(np.arange(12.0).reshape(1, 1, 3, 4), (2, 1))
    array([[[[ 7.],
             [11.]]]])
    """
    images, undo = as_batch("adaptive_max_pool2d", x)
    y = _adapted("adaptive_max_pool2d", images, output_size, _max_of)
    return y if undo is None else y[undo]


def adaptive_max_pool1d(x: Operand, output_size: int) -> Tensor:
    """Take maxima of windows of sequences (N, C, L) or (C, L), as many as are asked for: see `adaptive_max_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import adaptive_max_pool1d
    >>> adaptive_max_pool1d(np.array([[1.0, 2.0, 3.0]]), 2)
    array([[2., 3.]])
    """
    images, undo = as_batch("adaptive_max_pool1d", x, 1)
    size = single("adaptive_max_pool1d", "output_size", output_size)
    return _adapted("adaptive_max_pool1d", images, (1, size), _max_of)[undo]


class _Windows(NamedTuple):
    """Where the windows of a pooling lie."""

    image: Pair
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair = (1, 1)

    @property
    def are_tiles(self) -> bool:
        """Whether they lie side by side, and there is no padding."""
        return self.stride == self.kernel and self.padding == (0, 0) and self.dilation == (1, 1)

    @property
    def overlap(self) -> bool:
        """Whether an element can be in several windows."""
        return any(s < k for s, k in zip(self.stride, self.kernel, strict=True)) or self.dilation != (1, 1)

    @property
    def places(self) -> Pair:
        """How many windows there are, one below the other and side by side."""
        return steps(enlarged(self.image, self.padding), spread(self.kernel, self.dilation), self.stride)

    def at(self, axis: int, i: int) -> slice:
        """Return the slice of an axis where the i-th row or column of every window is."""
        first = i * self.dilation[axis]
        return slice(first, first + self.stride[axis] * (self.places[axis] - 1) + 1, self.stride[axis])

    def cells(self, padded: Array) -> Iterator[Array]:
        """Yield, for each place in a window in reading order, the windows' elements there: a view (..., H', W')."""
        places = itertools.product(range(self.kernel[0]), range(self.kernel[1]))
        return (padded[..., self.at(0, i), self.at(1, j)] for i, j in places)


def _checked(operation: str, windows: _Windows, beyond: Pair) -> None:
    """Raise unless there is a window, and each holds a pixel."""
    if beyond == (0, 0):
        check_fits(operation, windows.image, windows.kernel, windows.padding, windows.dilation)
    if windows.padding == (0, 0):
        return
    field = spread(windows.kernel, windows.dilation)
    if any(2 * p > k for p, k in zip(windows.padding, field, strict=True)):
        raise ValueError(
            f"{operation}: padding {windows.padding} is more than half of the window {field}, so that a window could "
            f"hold nothing but padding; make it smaller"
        )
    for axis, n in enumerate(windows.image):
        p, d, s = windows.padding[axis], windows.dilation[axis], windows.stride[axis]
        starts = range(-p, s * windows.places[axis] - p, s) if p and d > 1 else ()
        if any((start % d if start < 0 else start) >= n for start in starts):
            raise ValueError(
                f"{operation}: with dilation {windows.dilation}, a window can lie around images of shape "
                f"{windows.image} and hold nothing but padding {windows.padding}; make one of the two smaller"
            )


def _beyond(windows: _Windows) -> Pair:
    """Return by how many rows and columns the last windows reach out that begin in the images or in their padding."""
    found: list[int] = []
    fields = spread(windows.kernel, windows.dilation)
    for n, p, k, s in zip(windows.image, windows.padding, fields, windows.stride, strict=True):
        places = -(-(n + 2 * p - k) // s) + 1
        if (places - 1) * s >= n + p:  # the last one would begin in the padding at the end
            places -= 1
        if places < 1:  # no window at all, whatever there is along the other axis
            return 0, 0
        found.append(max(0, (places - 1) * s + k - n - 2 * p))
    return found[0], found[1]


# ---------------------------------------------------------------------------------------------------------------------
# Maxima
# ---------------------------------------------------------------------------------------------------------------------


def _maxima(
    operation: str, images: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> Any:
    windows = _Windows(images.shape[2:], kernel, stride, padding, dilation)
    down, right = _beyond(windows) if ceil_mode else (0, 0)
    _checked(operation, windows, (down, right))
    if down or right:
        # In a window, an element of the image comes before all of these.
        images = np.pad(images, ((0, 0), (0, 0), (0, down), (0, right)), constant_values=-np.inf)
        windows = windows._replace(image=images.shape[2:])
    return _max_pool(images, windows=windows)


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
    for cell, wins in zip(windows.cells(total), winners, strict=True):
        if windows.overlap:
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


# ---------------------------------------------------------------------------------------------------------------------
# Means
# ---------------------------------------------------------------------------------------------------------------------


def _means(
    operation: str,
    images: Any,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Any:
    windows = _Windows(images.shape[2:], kernel, stride, padding)
    beyond = _beyond(windows) if ceil_mode else (0, 0)
    _checked(operation, windows, beyond)
    dtype = images.dtype
    values = widened(images)
    if beyond != (0, 0):
        values = np.pad(values, ((0, 0), (0, 0), (0, beyond[0]), (0, beyond[1])))
    sums = _sums(values, windows._replace(image=values.shape[2:]))
    if divisor is not None:
        means = sums / divisor
    elif not any(beyond) and (count_include_pad or not any(padding)):
        means = sums / (kernel[0] * kernel[1])
    else:
        margins = padding if count_include_pad else (0, 0)
        lengths = [_lengths(windows, beyond, margins, axis) for axis in (0, 1)]
        means = sums / (lengths[0][:, None] * lengths[1]).astype(values.dtype)
    return means if means.dtype == dtype else means.astype(dtype)


def _lengths(windows: _Windows, beyond: Pair, margins: Pair, axis: int) -> Array:
    """Return how many rows, or columns, of each window count: those of the image and of such margins."""
    n, k, s, p, m = (part[axis] for part in (*windows[:4], margins))
    starts = s * np.arange((n + 2 * p + beyond[axis] - k) // s + 1) - p
    return np.minimum(starts + k, n + m) - np.maximum(starts, -m)


def _sums(x: Any, windows: _Windows) -> Any:
    """Add up each window: its rows, then its columns."""
    top, left = windows.padding
    x = np.pad(x, ((0, 0), (0, 0), (top, top), (left, left))) if top or left else x
    rows, columns = map(range, windows.kernel)
    sums = reduce(np.add, (x[:, :, windows.at(0, i)] for i in rows))
    return reduce(np.add, (sums[..., windows.at(1, j)] for j in columns))


# ---------------------------------------------------------------------------------------------------------------------
# Windows for a size of the output
# ---------------------------------------------------------------------------------------------------------------------


def _mean_of(x: Any, windows: _Windows) -> Any:
    (n, c, h, w), (kh, kw) = x.shape, windows.kernel
    return x.reshape(n, c, h // kh, kh, w // kw, kw).mean(axis=(3, 5))


def _max_of(x: Any, windows: _Windows) -> Any:
    return _max_pool(x, windows=windows)


def _adapted(operation: str, images: Any, output_size: OutputSize, pooled: Callable[[Any, _Windows], Any]) -> Any:
    """Pool windows of which each begins in its part of the images, and ends where that ends, in whole pixels."""
    image: Pair = images.shape[2:]
    sizes: Any = output_size if isinstance(output_size, Sequence) else (output_size, output_size)
    if len(sizes) == 2:
        sizes = tuple(n if size is None else size for n, size in zip(image, sizes, strict=True))
    rows, columns = pair(operation, "output_size", sizes)
    if min(image) < 1:
        raise ValueError(f"{operation}: images of shape {image} have nothing to take windows of")
    dtype = images.dtype
    values = widened(images) if pooled is _mean_of else images
    if image[0] % rows == 0 and image[1] % columns == 0:
        kernel = (image[0] // rows, image[1] // columns)
        y = pooled(values, _Windows(image, kernel, kernel, (0, 0)))
    else:

        def window(*bounds: Pair) -> Any:
            part = values[(..., *(slice(*bound) for bound in bounds))]
            size: Pair = part.shape[2:]
            return pooled(part, _Windows(size, size, size, (0, 0)))

        down, right = (_bounds(n, parts) for n, parts in zip(image, (rows, columns), strict=True))
        y = np.concatenate([np.concatenate([window(a, b) for b in right], axis=3) for a in down], axis=2)
    return y if y.dtype == dtype else y.astype(dtype)


def _bounds(length: int, parts: int) -> list[Pair]:
    """Cut a length into parts that are as equal as they can be, and overlap where they are not whole."""
    return [(i * length // parts, -(-(i + 1) * length // parts)) for i in range(parts)]
