"""Convolution and pooling of images: families of recorded functions, closed under differentiation.

Images are (N, C, H, W) to the caller, in any memory layout. The fast ways to compute are in `kernels`.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autograd_np.kernels import (
    as_in_memory,
    bias_gradient,
    correlate,
    image_gradient,
    kernel_gradient,
    max_of_tiles,
    max_of_tiles_gradient,
    pad,
    steps,
)
from autograd_np.primitives import defvjp
from autograd_np.tensor import Operand, Tensor, as_array, plain, primitive

__all__ = ["conv2d", "max_pool2d"]

Array: TypeAlias = NDArray[Any]
Pair: TypeAlias = tuple[int, int]
Method: TypeAlias = Literal["auto", "direct", "fft", "gemm"]


# ---------------------------------------------------------------------------------------------------------------------
# Convolution
# ---------------------------------------------------------------------------------------------------------------------


def conv2d(
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    *,
    method: Method = "auto",
) -> Tensor:
    """Slide filters over images: convolution as deep learning means it, which is cross-correlation.

    ``y[n, o, i, j] = bias[o] + Σ x[n, c, i s + m, j t + l] weight[o, c, m, l]``, summed over c, m and l, with stride
    (s, t), and zeros around the images.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
        Images, of floating-point numbers.
    weight : array_like, shape (O, C, kh, kw)
        One filter for each output channel.
    bias : array_like, shape (O,), optional
        What is added to each output channel.
    stride : int or (int, int)
        The step of the filters, down and to the right.
    padding : int or (int, int)
        How many rows of zeros to add above and below, and columns on the left and on the right.
    method : {"auto", "direct", "fft", "gemm"}
        How to compute it, and its derivatives: "direct" and "fft" by `scipy.signal.correlate`, "gemm" by laying out
        patches and multiplying matrices. "auto" takes "fft" for large kernels and "gemm" for all others.

    Returns
    -------
    Tensor, shape (N, O, H', W')
        With H' = (H + 2 padding - kh) // stride + 1, and W' likewise; an array if no argument is a Tensor.

    Raises
    ------
    TypeError
        If images or filters are not floating-point numbers, or a stride or a padding is not made of integers.
    ValueError
        If the shapes do not fit, the kernel is larger than the padded images, stride or padding is out of range, or the
        method is unknown.

    References
    ----------
    V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", 2016, arXiv:1603.07285.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import conv2d
    >>> image = np.array([[1.0, 2.0, 4.0], [1.0, 2.0, 4.0]])
    >>> conv2d(image[None, None], np.array([[[[-1.0, 1.0]]]]))
    array([[[[1., 2.],
             [1., 2.]]]])
    """
    images = _images("conv2d", "x", x, "(N, C, H, W)")
    filters = _images("conv2d", "weight", weight, "(O, C, kh, kw)")
    offsets = None if bias is None else as_array(bias)
    if images.shape[1] != filters.shape[1]:
        raise ValueError(
            f"conv2d: x of shape {images.shape} has {images.shape[1]} channels, but weight of shape {filters.shape} "
            f"is for {filters.shape[1]}; axis 1 of both must agree"
        )
    if offsets is not None:
        if offsets.shape != filters.shape[:1]:
            raise ValueError(
                f"conv2d: bias of shape {offsets.shape} with weight of shape {filters.shape}; it needs one number "
                f"for each filter, shape {filters.shape[:1]}"
            )
        _check_floating("conv2d", "bias", offsets)
    if method not in ("auto", "direct", "fft", "gemm"):
        raise ValueError(f"conv2d: unknown method {method!r}; choose auto, direct, fft or gemm")
    plan = _Plan(
        images.shape[2:],
        filters.shape[2:],
        _pair("conv2d", "stride", stride, least=1),
        _pair("conv2d", "padding", padding, least=0),
        method,
    )
    _check_fits("conv2d", plan.image, plan.kernel, plan.padding)
    if method == "auto":
        plan = plan._replace(method=_cheapest(plan))
    return _convolution(images, filters, offsets, plan=plan)


class _Plan(NamedTuple):
    """What all three functions of a convolution's family need to know."""

    image: Pair
    kernel: Pair
    stride: Pair
    padding: Pair
    method: str


# With the convolution y = x * w and any g of its shape, <g, x * w> is linear in each of x, w and g. Its derivatives
# are the three functions below, and the derivatives of each of them are the other two.


@primitive(name="conv2d", fresh=True)
def _convolution(x: Any, w: Any, b: Any, plan: Any = None) -> Any:
    if plan.method == "gemm":
        return correlate(x, w, b, plan.stride, plan.padding)
    y = _correlate(pad(x, plan.padding), w, plan.method)[:, :, :: plan.stride[0], :: plan.stride[1]]
    return y if b is None else y + b[:, None, None]


@primitive(name="conv2d's image gradient", fresh=True)
def _image_gradient(g: Any, w: Any, plan: Any = None) -> Any:
    """Return what each pixel meets: `g` times the weights, added where the filters were."""
    if plan.method == "gemm":
        return image_gradient(g, w, plan.image, plan.stride, plan.padding)
    margin = (plan.kernel[0] - 1, plan.kernel[1] - 1)
    spread = pad(_spread(g, *plan.stride), margin)
    full = _correlate(spread, np.flip(w, (2, 3)).swapaxes(0, 1), plan.method)
    # The last rows and columns may have met no filter.
    height, width = _enlarged(plan.image, plan.padding)
    total = np.zeros((*full.shape[:2], height, width), full.dtype)
    total[:, :, : full.shape[2], : full.shape[3]] = full
    return _inner(total, plan.image, plan.padding)


@primitive(name="conv2d's weight gradient", fresh=True)
def _kernel_gradient(x: Any, g: Any, plan: Any = None) -> Any:
    """Return what each weight meets: a correlation of the images with `g`, over the whole batch."""
    if plan.method == "gemm":
        return kernel_gradient(x, g, plan.kernel, plan.stride, plan.padding)
    images = pad(x, plan.padding).swapaxes(0, 1)
    total = _correlate(images, _spread(g, *plan.stride).swapaxes(0, 1), plan.method)
    return total[:, :, : plan.kernel[0], : plan.kernel[1]].swapaxes(0, 1)


def _spread(g: Array, s: int, t: int) -> Array:
    """Put zeros between rows and columns, where a stride has left out what a correlation takes."""
    n, o, rows, columns = g.shape
    spread = np.zeros((n, o, s * (rows - 1) + 1, t * (columns - 1) + 1), g.dtype)
    spread[:, :, ::s, ::t] = g
    return spread


defvjp(
    _convolution,
    lambda g, _y, _x, w, _b, plan=None: _image_gradient(g, w, plan=plan),
    lambda g, _y, x, _w, _b, plan=None: _kernel_gradient(x, g, plan=plan),
    lambda g, _y, _x, _w, _b, plan=None: bias_gradient(g),
)
defvjp(
    _image_gradient,
    lambda h, _y, _g, w, plan=None: _convolution(h, w, None, plan=plan),
    lambda h, _y, g, _w, plan=None: _kernel_gradient(h, g, plan=plan),
)
defvjp(
    _kernel_gradient,
    lambda h, _y, _x, g, plan=None: _image_gradient(g, h, plan=plan),
    lambda h, _y, x, _g, plan=None: _convolution(x, h, None, plan=plan),
)


def _correlate(x: Array, w: Array, method: str) -> Array:
    """Correlate images (N, C, H, W) with filters (O, C, kh, kw), where the filters lie inside the images."""
    if not x.size or not w.size:  # of an empty array, SciPy loses the shape
        return correlate(x, w, None, (1, 1), (0, 0))
    from scipy import signal  # pyright: ignore  # half a second, for a method that few ask for

    filters: list[Array] = [signal.correlate(x, f[None], mode="valid", method=method) for f in w]  # pyright: ignore
    return np.concatenate(filters, axis=1)


def _cheapest(plan: _Plan) -> Literal["fft", "gemm"]:
    """Estimate the work of each method for one image, channel and filter.

    Measured on two cores in float32: a multiplication and addition takes gemm 15 ps (for 32 filters) to 45 ps (for
    few), and a pixel of the full correlation takes scipy's fft 1 to 2 ns, times log2 of the side. So a pixel costs
    about 25 log2(pixels) multiplications. Images of 28 x 28 never pay for it; 512 x 512 do from kernels of about
    25 x 25 on.
    """
    (h, w), (kh, kw) = (_enlarged(plan.image, plan.padding), plan.kernel)
    multiplications = kh * kw * math.prod(steps((h, w), plan.kernel, plan.stride))
    pixels = (h + kh - 1) * (w + kw - 1)
    return "fft" if multiplications > 25 * pixels * math.log2(pixels) else "gemm"


# ---------------------------------------------------------------------------------------------------------------------
# Max pooling
# ---------------------------------------------------------------------------------------------------------------------


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
    images = _images("max_pool2d", "x", x, "(N, C, H, W)")
    kernel = _pair("max_pool2d", "kernel_size", kernel_size, least=1)
    windows = _Windows(
        images.shape[2:],
        kernel,
        kernel if stride is None else _pair("max_pool2d", "stride", stride, least=1),
        _pair("max_pool2d", "padding", padding, least=0),
    )
    if any(2 * p > k for p, k in zip(windows.padding, kernel, strict=True)):
        raise ValueError(
            f"max_pool2d: padding {windows.padding} is more than half of the window {kernel}, so that a window could "
            f"hold nothing but padding; make it smaller"
        )
    _check_fits("max_pool2d", windows.image, kernel, windows.padding)
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
        """Return where along an axis the i-th row or column of every window is."""
        places = steps(_enlarged(self.image, self.padding), self.kernel, self.stride)[axis]
        return slice(i, i + self.stride[axis] * (places - 1) + 1, self.stride[axis])

    def cells(self, padded: Array) -> Iterator[Array]:
        """Yield, for each place in a window in reading order, what all windows have there: a view (..., H', W')."""
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
    v = as_in_memory(v, winners[0])
    total = np.zeros_like(v, shape=(*v.shape[:2], *_enlarged(windows.image, windows.padding)))
    overlap = any(s < k for s, k in zip(windows.stride, windows.kernel, strict=True))
    for cell, wins in zip(windows.cells(total), winners, strict=True):
        if overlap:
            cell += v * wins
        else:
            np.multiply(v, wins, out=cell)
    return _inner(total, windows.image, windows.padding)


@primitive(name="max_pool2d's second gradient", fresh=True)
def _from_winners(v: Any, winners: Any = (), windows: Any = None) -> Any:
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
# Shapes, padding and their errors
# ---------------------------------------------------------------------------------------------------------------------


def _enlarged(image: Pair, padding: Pair) -> Pair:
    return image[0] + 2 * padding[0], image[1] + 2 * padding[1]


def _inner(padded: Array, image: Pair, padding: Pair) -> Array:
    """Return the view of images without their padding."""
    (h, w), (above, left) = image, padding
    return padded[:, :, above : above + h, left : left + w]


def _images(operation: str, name: str, x: Operand, axes: str) -> Any:
    """Return a Tensor or an array of four axes and of floating-point numbers."""
    images = as_array(x)
    if images.ndim != 4:
        hint = "; x[None] adds the batch axis to a single image" if name == "x" and images.ndim == 3 else ""
        raise ValueError(f"{operation}: {name} of shape {images.shape}; it needs the four axes {axes}{hint}")
    _check_floating(operation, name, images)
    # SciPy's Fourier transforms take some dtypes in the machine's own order of bytes alone.
    return images if images.dtype.isnative else images.astype(images.dtype.newbyteorder("="))


def _check_floating(operation: str, name: str, x: Any) -> None:
    if x.dtype.kind != "f":
        raise TypeError(
            f"{operation}: {name} of dtype {x.dtype}; it needs floating-point numbers: {name}.astype(np.float32)"
        )


def _pair(operation: str, name: str, value: int | Pair, least: int) -> Pair:
    """Return one number for each of height and width."""
    try:
        pair = tuple(map(operator.index, value if isinstance(value, Sequence) else (value, value)))
    except TypeError:
        raise TypeError(f"{operation}: {name}={value!r}; give an integer, or two for height and width") from None
    if len(pair) != 2 or min(pair) < least:
        raise ValueError(
            f"{operation}: {name}={value!r}; give an integer of at least {least}, or two for height and width"
        )
    return pair


def _check_fits(operation: str, image: Pair, kernel: Pair, padding: Pair) -> None:
    padded = _enlarged(image, padding)
    if min(kernel) < 1 or kernel[0] > padded[0] or kernel[1] > padded[1]:
        raise ValueError(
            f"{operation}: a kernel of shape {kernel} does not fit into images of shape {image} with padding "
            f"{padding}; it can be of shape (1, 1) to {padded}"
        )
