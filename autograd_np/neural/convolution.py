"""Convolution of images: a family of recorded functions, closed under differentiation.

Images are (N, C, H, W) to the caller, in any memory layout. The fast ways to compute are in `kernels`.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from autograd_np.neural.arguments import Array, Pair, pair, single
from autograd_np.neural.groups import correlate_groups, image_gradient_of_groups, kernel_gradient_of_groups
from autograd_np.neural.images import as_batch, as_floating, as_images, check_fits, enlarged, inner, spread
from autograd_np.neural.kernels import bias_gradient, correlate, image_gradient, kernel_gradient, pad, steps
from autograd_np.primitives import defvjp
from autograd_np.tensor import Operand, Tensor, as_array, primitive

__all__ = ["Method", "Padding", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"]

Method: TypeAlias = Literal["auto", "direct", "fft", "gemm"]
Padding: TypeAlias = int | Pair | Literal["same", "valid"]


def conv2d(
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: int | Pair = 1,
    padding: Padding = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
    *,
    method: Method = "auto",
) -> Tensor:
    """Slide filters over images: convolution as deep learning means it, which is cross-correlation.

    ``y[n, o, i, j] = bias[o] + Σ x[n, c, i s + m d, j t + l e] weight[o, c, m, l]``, summed over c, m and l, with
    stride (s, t), dilation (d, e), and zeros around the images. With groups, each of so many equal parts of the filters
    sees its own part of the channels.

    Parameters
    ----------
    x : array_like, shape (N, groups C, H, W) or (groups C, H, W)
        Images, or one, of floating-point numbers.
    weight : array_like, shape (O, C, kh, kw)
        One filter for each output channel.
    bias : array_like, shape (O,), optional
        What is added to each output channel.
    stride : int or (int, int)
        The step of the filters, down and to the right.
    padding : int or (int, int), or {"same", "valid"}
        How many rows of zeros to add above and below, and columns on the left and on the right. "same" keeps the size
        of the images, with one more row or column at the end where their number is odd; "valid" is 0.
    dilation : int or (int, int)
        How far the rows and columns of a filter are apart.
    groups : int
        In how many groups the channels and the filters are.
    method : {"auto", "direct", "fft", "gemm"}
        How to compute it, and its derivatives: "direct" and "fft" by `scipy.signal.correlate`, "gemm" by laying out
        patches and multiplying matrices. "auto" takes "fft" for large kernels and "gemm" for all others, and for
        groups.

    Returns
    -------
    Tensor, shape (N, O, H', W') or (O, H', W')
        With H' = (H + 2 padding - dilation (kh - 1) - 1) // stride + 1, and W' likewise; an array if no argument is a
        Tensor.

    Raises
    ------
    TypeError
        If images or filters are not floating-point numbers, or a stride, a padding or a dilation is not made of
        integers.
    ValueError
        If the shapes do not fit, the kernel is larger than the padded images, an argument is out of range, "same" has
        a stride, or the method is unknown or not for groups.

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
    images, undo = as_batch("conv2d", x)
    filters = as_images("conv2d", "weight", weight, "(O, C, kh, kw)")
    offsets = None if bias is None else as_array(bias)
    _check_channels("conv2d", (x, weight), images, filters, offsets, groups)
    sizes = pair("conv2d", "stride", stride), pair("conv2d", "dilation", dilation)
    images, zeros = _padded("conv2d", images, filters, padding, *sizes)
    y = _convolved("conv2d", images, filters, offsets, sizes[0], zeros, sizes[1], groups, method)
    return y if undo is None else y[undo]


def conv1d(
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: int = 1,
    padding: int | Literal["same", "valid"] = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    """Slide filters over sequences: `conv2d` for images of one row, whose parameters and errors it has.

    Parameters
    ----------
    x : array_like, shape (N, groups C, L) or (groups C, L)
        Sequences, or one, of floating-point numbers.
    weight : array_like, shape (O, C, k)
        One filter for each output channel.
    bias : array_like, shape (O,), optional
        What is added to each output channel.
    stride, dilation, groups : int
        As for `conv2d`.
    padding : int or {"same", "valid"}
        How many zeros to add on both sides.

    Returns
    -------
    Tensor, shape (N, O, L') or (O, L')

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import conv1d
    >>> conv1d(np.array([[1.0, 2.0, 4.0]]), np.array([[[-1.0, 1.0]]]))
    array([[1., 2.]])
    """
    images, undo = as_batch("conv1d", x, 1)
    filters = _as_rows("conv1d", weight, "(O, C, k)")
    offsets = None if bias is None else as_array(bias)
    _check_channels("conv1d", (x, weight), images, filters, offsets, groups)
    sizes = (1, single("conv1d", "stride", stride)), (1, single("conv1d", "dilation", dilation))
    around = padding if isinstance(padding, str) else (0, single("conv1d", "padding", padding, least=0))
    images, zeros = _padded("conv1d", images, filters, around, *sizes)
    y = _convolved("conv1d", images, filters, offsets, sizes[0], zeros, sizes[1], groups, "auto")
    return y[undo]


def conv_transpose2d(
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    output_padding: int | Pair = 0,
    groups: int = 1,
    dilation: int | Pair = 1,
) -> Tensor:
    """Spread images by filters: what `conv2d` with these filters makes of gradients, for images that grow.

    Parameters
    ----------
    x : array_like, shape (N, I, H, W) or (I, H, W)
        Images, or one, of floating-point numbers.
    weight : array_like, shape (I, O / groups, kh, kw)
        The filters of a convolution from O channels to I.
    bias : array_like, shape (O,), optional
        What is added to each output channel.
    stride : int or (int, int)
        How far apart rows and columns of `x` are spread.
    padding : int or (int, int)
        How many rows and columns are taken away at each end.
    output_padding : int or (int, int)
        How many rows are left at the bottom, and columns on the right, of those that a convolution with this stride
        does not reach: less than stride or dilation.
    groups : int
        In how many groups the channels of both sides are.
    dilation : int or (int, int)
        How far the rows and columns of a filter are apart.

    Returns
    -------
    Tensor, shape (N, O, H', W') or (O, H', W')
        With H' = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1, and W' likewise; an array if no
        argument is a Tensor.

    Raises
    ------
    TypeError
        If images or filters are not floating-point numbers, or another argument is not made of integers.
    ValueError
        If the shapes do not fit, an argument is out of range, or nothing would be left.

    References
    ----------
    V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", 2016, arXiv:1603.07285.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import conv_transpose2d
    >>> conv_transpose2d(np.array([[[1.0, 2.0]]]), np.ones((1, 1, 1, 2)), stride=2)
    array([[[1., 1., 2., 2.]]])
    """
    images, undo = as_batch("conv_transpose2d", x)
    filters = as_images("conv_transpose2d", "weight", weight, "(I, O / groups, kh, kw)")
    y = _transposed(
        "conv_transpose2d",
        (x, weight),
        images,
        filters,
        bias,
        pair("conv_transpose2d", "stride", stride),
        pair("conv_transpose2d", "padding", padding, least=0),
        pair("conv_transpose2d", "output_padding", output_padding, least=0),
        groups,
        pair("conv_transpose2d", "dilation", dilation),
    )
    return y if undo is None else y[undo]


def conv_transpose1d(
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    groups: int = 1,
    dilation: int = 1,
) -> Tensor:
    """Spread sequences (N, I, L) or (I, L) by filters (I, O / groups, k): `conv_transpose2d` for images of one row.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import conv_transpose1d
    >>> conv_transpose1d(np.array([[1.0, 2.0]]), np.ones((1, 1, 2)), stride=2)
    array([[1., 1., 2., 2.]])
    """
    images, undo = as_batch("conv_transpose1d", x, 1)
    filters = _as_rows("conv_transpose1d", weight, "(I, O / groups, k)")
    y = _transposed(
        "conv_transpose1d",
        (x, weight),
        images,
        filters,
        bias,
        (1, single("conv_transpose1d", "stride", stride)),
        (0, single("conv_transpose1d", "padding", padding, least=0)),
        (0, single("conv_transpose1d", "output_padding", output_padding, least=0)),
        groups,
        (1, single("conv_transpose1d", "dilation", dilation)),
    )
    return y[undo]


def _as_rows(operation: str, weight: Operand, axes: str) -> Any:
    """Return filters for sequences as filters for images of one row."""
    filters = as_array(weight)
    if filters.ndim != 3:
        raise ValueError(f"{operation}: weight of shape {filters.shape}; it needs the three axes {axes}")
    return as_images(operation, "weight", filters[:, :, None], axes)


def _check_channels(
    operation: str, given: tuple[Operand, Operand], images: Any, filters: Any, offsets: Any, groups: int
) -> None:
    """Raise unless images, filters and a bias fit together."""
    channels, (filters_there, each) = images.shape[1], filters.shape[:2]
    if groups != 1 and filters_there % single(operation, "groups", groups):
        raise ValueError(f"{operation}: groups={groups} is no divisor of the {filters_there} filters of weight")
    if channels != each * groups:
        of_groups = "" if groups == 1 else f" in each of {groups} groups"
        x, weight = map(np.shape, given)
        raise ValueError(
            f"{operation}: x of shape {x} has {channels} channels, but weight of shape {weight} is for "
            f"{each}{of_groups}; axis {len(x) - len(weight) + 1} of x and axis 1 of weight must agree"
        )
    if offsets is not None:
        _check_bias(operation, offsets, filters_there, given[1])


def _check_bias(operation: str, offsets: Any, channels: int, weight: Operand) -> None:
    if offsets.shape != (channels,):
        raise ValueError(
            f"{operation}: bias of shape {offsets.shape} with weight of shape {np.shape(weight)}; it needs one number "
            f"for each output channel, shape {(channels,)}"
        )
    as_floating(operation, "bias", offsets)


def _padded(
    operation: str, images: Any, filters: Any, padding: Padding, stride: Pair, dilation: Pair
) -> tuple[Any, Pair]:
    """Return the images and how many zeros to put around them; what there is more of at the end they have already."""
    if not isinstance(padding, str):
        return images, pair(operation, "padding", padding, least=0)
    if padding not in ("same", "valid"):
        raise ValueError(f"{operation}: unknown padding {padding!r}; give integers, or choose same or valid")
    if padding == "valid":
        return images, (0, 0)
    if stride != (1, 1):
        raise ValueError(f"{operation}: padding='same' is for a stride of 1, not {stride}; give the padding in numbers")
    height, width = (size - 1 for size in spread(filters.shape[2:], dilation))
    if height % 2 or width % 2:
        images = np.pad(images, ((0, 0), (0, 0), (0, height % 2), (0, width % 2)))
    return images, (height // 2, width // 2)


def _convolved(
    operation: str,
    images: Any,
    filters: Any,
    offsets: Any,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    method: Method,
) -> Any:
    if method not in ("auto", "direct", "fft", "gemm"):
        raise ValueError(f"{operation}: unknown method {method!r}; choose auto, direct, fft or gemm")
    if groups != 1 and method in ("direct", "fft"):
        raise ValueError(f"{operation}: method={method!r} is not for groups={groups}; choose auto or gemm")
    plan = _Plan(images.shape[2:], filters.shape[2:], stride, padding, method, _unless_1(dilation), groups)
    check_fits(operation, plan.image, plan.kernel, padding, dilation)
    if method == "auto":
        plan = plan._replace(method="gemm" if groups != 1 else _cheapest(plan))
    return _convolution(images, filters, offsets, plan=plan)


def _unless_1(dilation: Pair) -> tuple[()] | tuple[Pair]:
    return () if dilation == (1, 1) else (dilation,)


def _transposed(
    operation: str,
    given: tuple[Operand, Operand],
    images: Any,
    filters: Any,
    bias: Operand | None,
    stride: Pair,
    padding: Pair,
    output_padding: Pair,
    groups: int,
    dilation: Pair,
) -> Any:
    if single(operation, "groups", groups) != 1 and len(filters) % groups:
        raise ValueError(f"{operation}: groups={groups} is no divisor of the {len(filters)} input channels of weight")
    if images.shape[1] != len(filters):
        x, weight = map(np.shape, given)
        raise ValueError(
            f"{operation}: x of shape {x} has {images.shape[1]} channels, but weight of shape {weight} is for "
            f"{len(filters)}; axis {len(x) - len(weight) + 1} of x and axis 0 of weight must agree"
        )
    if any(p >= max(s, d) for p, s, d in zip(output_padding, stride, dilation, strict=True)):
        raise ValueError(
            f"{operation}: output_padding {output_padding} with stride {stride} and dilation {dilation}; it needs to "
            f"be less than one of them"
        )
    field = spread(filters.shape[2:], dilation)
    if min(filters.shape[2:]) < 1:
        raise ValueError(f"{operation}: weight of shape {np.shape(given[1])} has no elements in a filter")
    sizes = zip(images.shape[2:], stride, padding, field, output_padding, strict=True)
    image = tuple((n - 1) * s - 2 * p + k + more for n, s, p, k, more in sizes)
    if min(images.shape[2:]) < 1 or min(image) < 1:
        raise ValueError(
            f"{operation}: of images of shape {images.shape[2:]}, a kernel that covers {field} and padding {padding} "
            f"leave nothing; make the padding smaller"
        )
    # A convolution comes back to the images' own size from fewer rows than a stride, not from more.
    fits = all(more < s for more, s in zip(output_padding, stride, strict=True))
    whole = tuple(n + 2 * p - more for n, p, more in zip(image, padding, output_padding, strict=True))
    plan = _Plan(
        image if fits else whole,
        filters.shape[2:],
        stride,
        padding if fits else (0, 0),
        "gemm",
        _unless_1(dilation),
        groups,
    )
    y = _image_gradient(images, filters, plan=plan)
    if not fits:
        down, right = (max(0, more - p) for more, p in zip(output_padding, padding, strict=True))
        y = inner(np.pad(y, ((0, 0), (0, 0), (0, down), (0, right))), image, padding)
    if bias is None:
        return y
    offsets = as_array(bias)
    _check_bias(operation, offsets, groups * filters.shape[1], given[1])
    return y + offsets[:, None, None]


class _Plan(NamedTuple):
    """What the three functions of a convolution's family share."""

    image: Pair
    kernel: Pair
    stride: Pair
    padding: Pair
    method: str
    apart: tuple[()] | tuple[Pair] = ()
    groups: int = 1

    @property
    def dilation(self) -> Pair:
        """How far the rows and columns of a filter are apart, for which there is nothing in `apart` if it is 1."""
        return self.apart[0] if self.apart else (1, 1)

    @property
    def field(self) -> Pair:
        """How many rows and columns of an image a filter covers."""
        return spread(self.kernel, *self.apart)


# With the convolution y = x * w and any g of its shape, <g, x * w> is linear in each of x, w and g. Its derivatives
# are the three functions below, and the derivatives of each of them are the other two.


@primitive(name="conv2d", fresh=True)
def _convolution(x: Any, w: Any, b: Any, plan: Any = None) -> Any:
    """Return the convolution of images with filters, and add b to each output channel."""
    if plan.groups != 1:
        return correlate_groups(x, w, b, plan.groups, plan.stride, plan.padding, plan.dilation)
    if plan.method == "gemm":
        return correlate(x, w, b, plan.stride, plan.padding, *plan.apart)
    y = _correlate(pad(x, plan.padding), _with_gaps(w, *plan.dilation), plan.method)[
        :, :, :: plan.stride[0], :: plan.stride[1]
    ]
    return y if b is None else y + b[:, None, None]


@primitive(name="conv2d's image gradient", fresh=True)
def _image_gradient(g: Any, w: Any, plan: Any = None) -> Any:
    """Return the gradient of the images: `g` times the weights, added where the filters were."""
    if plan.groups != 1:
        return image_gradient_of_groups(g, w, plan.image, plan.groups, plan.stride, plan.padding, plan.dilation)
    if plan.method == "gemm":
        return image_gradient(g, w, plan.image, plan.stride, plan.padding, *plan.apart)
    margin = (plan.field[0] - 1, plan.field[1] - 1)
    filters = np.flip(_with_gaps(w, *plan.dilation), (2, 3)).swapaxes(0, 1)
    full = _correlate(pad(_with_gaps(g, *plan.stride), margin), filters, plan.method)
    # The last rows and columns may have met no filter.
    height, width = enlarged(plan.image, plan.padding)
    total = np.zeros((*full.shape[:2], height, width), full.dtype)
    total[:, :, : full.shape[2], : full.shape[3]] = full
    return inner(total, plan.image, plan.padding)


@primitive(name="conv2d's weight gradient", fresh=True)
def _kernel_gradient(x: Any, g: Any, plan: Any = None) -> Any:
    """Return the gradient of the weights: a correlation of the images with `g`, over the whole batch."""
    if plan.groups != 1:
        return kernel_gradient_of_groups(x, g, plan.kernel, plan.groups, plan.stride, plan.padding, plan.dilation)
    if plan.method == "gemm":
        return kernel_gradient(x, g, plan.kernel, plan.stride, plan.padding, *plan.apart)
    images = pad(x, plan.padding).swapaxes(0, 1)
    total = _correlate(images, _with_gaps(g, *plan.stride).swapaxes(0, 1), plan.method)
    (height, width), (down, right) = plan.field, plan.dilation
    return total[:, :, :height:down, :width:right].swapaxes(0, 1)


def _with_gaps(g: Array, s: int, t: int) -> Array:
    """Put zeros between rows and columns, where a stride or a dilation leaves out what a correlation takes."""
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
    (h, w), (kh, kw), field = enlarged(plan.image, plan.padding), plan.kernel, plan.field
    multiplications = kh * kw * math.prod(steps((h, w), field, plan.stride))
    pixels = (h + field[0] - 1) * (w + field[1] - 1)
    return "fft" if multiplications > 25 * pixels * math.log2(pixels) else "gemm"
