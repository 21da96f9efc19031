"""Convolution of images: a family of recorded functions, closed under differentiation.

Images are (N, C, H, W) to the caller, in any memory layout. The fast ways to compute are in `kernels`.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from autograd_np.neural.arguments import Array, Pair, pair
from autograd_np.neural.images import as_images, check_fits, check_floating, enlarged, inner
from autograd_np.neural.kernels import bias_gradient, correlate, image_gradient, kernel_gradient, pad, steps
from autograd_np.primitives import defvjp
from autograd_np.tensor import Operand, Tensor, as_array, primitive

__all__ = ["Method", "conv2d"]

Method: TypeAlias = Literal["auto", "direct", "fft", "gemm"]


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
    images = as_images("conv2d", "x", x, "(N, C, H, W)")
    filters = as_images("conv2d", "weight", weight, "(O, C, kh, kw)")
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
        check_floating("conv2d", "bias", offsets)
    if method not in ("auto", "direct", "fft", "gemm"):
        raise ValueError(f"conv2d: unknown method {method!r}; choose auto, direct, fft or gemm")
    plan = _Plan(
        images.shape[2:],
        filters.shape[2:],
        pair("conv2d", "stride", stride),
        pair("conv2d", "padding", padding, least=0),
        method,
    )
    check_fits("conv2d", plan.image, plan.kernel, plan.padding)
    if method == "auto":
        plan = plan._replace(method=_cheapest(plan))
    return _convolution(images, filters, offsets, plan=plan)


class _Plan(NamedTuple):
    """What the three functions of a convolution's family share."""

    image: Pair
    kernel: Pair
    stride: Pair
    padding: Pair
    method: str


# With the convolution y = x * w and any g of its shape, <g, x * w> is linear in each of x, w and g. Its derivatives
# are the three functions below, and the derivatives of each of them are the other two.


@primitive(name="conv2d", fresh=True)
def _convolution(x: Any, w: Any, b: Any, plan: Any = None) -> Any:
    """Return the convolution of images with filters, and add b to each output channel."""
    if plan.method == "gemm":
        return correlate(x, w, b, plan.stride, plan.padding)
    y = _correlate(pad(x, plan.padding), w, plan.method)[:, :, :: plan.stride[0], :: plan.stride[1]]
    return y if b is None else y + b[:, None, None]


@primitive(name="conv2d's image gradient", fresh=True)
def _image_gradient(g: Any, w: Any, plan: Any = None) -> Any:
    """Return the gradient of the images: `g` times the weights, added where the filters were."""
    if plan.method == "gemm":
        return image_gradient(g, w, plan.image, plan.stride, plan.padding)
    margin = (plan.kernel[0] - 1, plan.kernel[1] - 1)
    spread = pad(_with_gaps(g, *plan.stride), margin)
    full = _correlate(spread, np.flip(w, (2, 3)).swapaxes(0, 1), plan.method)
    # The last rows and columns may have met no filter.
    height, width = enlarged(plan.image, plan.padding)
    total = np.zeros((*full.shape[:2], height, width), full.dtype)
    total[:, :, : full.shape[2], : full.shape[3]] = full
    return inner(total, plan.image, plan.padding)


@primitive(name="conv2d's weight gradient", fresh=True)
def _kernel_gradient(x: Any, g: Any, plan: Any = None) -> Any:
    """Return the gradient of the weights: a correlation of the images with `g`, over the whole batch."""
    if plan.method == "gemm":
        return kernel_gradient(x, g, plan.kernel, plan.stride, plan.padding)
    images = pad(x, plan.padding).swapaxes(0, 1)
    total = _correlate(images, _with_gaps(g, *plan.stride).swapaxes(0, 1), plan.method)
    return total[:, :, : plan.kernel[0], : plan.kernel[1]].swapaxes(0, 1)


def _with_gaps(g: Array, s: int, t: int) -> Array:
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

    Measured on two cores in float32: "gemm" takes 15 ps (for 32 filters) to 45 ps (for few) for a multiplication and
    addition, and "fft" 1 to 2 ns for a pixel of the full correlation, times log2 of the side. So "fft" pays for a pixel
    what "gemm" pays for about 25 log2(pixels) multiplications. It never pays off for images of 28 x 28; for 512 x 512
    it does from kernels of about 25 x 25 on.
    """
    (h, w), (kh, kw) = (enlarged(plan.image, plan.padding), plan.kernel)
    multiplications = kh * kw * math.prod(steps((h, w), plan.kernel, plan.stride))
    pixels = (h + kh - 1) * (w + kw - 1)
    return "fft" if multiplications > 25 * pixels * math.log2(pixels) else "gemm"
