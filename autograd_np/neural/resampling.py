"""Images and sequences of another size: interpolation, and pixels moved between channels and places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any, Literal, TypeAlias

import numpy as np

from autograd_np.neural.arguments import Array, Pair, pair, single
from autograd_np.neural.images import as_batch, as_floating, check_fits, enlarged, spread
from autograd_np.neural.kernels import steps
from autograd_np.primitives import defvjp
from autograd_np.rules.ranges import widened
from autograd_np.tensor import Operand, Tensor, as_array, primitive

__all__ = ["Interpolation", "Scale", "interpolate", "pixel_shuffle", "unfold"]

Interpolation: TypeAlias = Literal["nearest", "linear", "bilinear"]
Scale: TypeAlias = float | tuple[float, ...]


def interpolate(
    x: Operand,
    size: int | tuple[int, ...] | None = None,
    scale_factor: Scale | None = None,
    mode: Interpolation = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Make images or sequences larger or smaller.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W) or (N, C, L)
        Images or sequences, of floating-point numbers.
    size : int or tuple of int, optional
        Height and width of the output, or its length. Either this or `scale_factor` is given.
    scale_factor : float or tuple of float, optional
        By how much they grow; the size is rounded down.
    mode : {"nearest", "linear", "bilinear"}
        Whether an element of the output is the one that lies at its upper left, or of sequences before it; or what
        lies on a line through its two neighbours, for images along both axes ("bilinear").
    align_corners : bool, optional
        For "linear" and "bilinear", whether the centres of the outermost elements stay where they are, in place of
        their outer edges. By default they do not.

    Returns
    -------
    Tensor, shape (N, C, H', W') or (N, C, L')
        An array if `x` is no Tensor.

    Raises
    ------
    TypeError
        If `x` is not made of floating-point numbers, or a size or a factor is no number of its kind.
    ValueError
        If `x` does not have these axes, a size or a factor is out of range, both or none of them is given, or the mode
        is unknown or not for these axes.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import interpolate
    >>> interpolate(np.array([[[1.0, 2.0]]]), scale_factor=2)
    array([[[1., 1., 2., 2.]]])
    >>> interpolate(np.array([[[1.0, 2.0]]]), 3, mode="linear", align_corners=True)
    array([[[1. , 1.5, 2. ]]])
    """
    values: Any = as_array(x)
    axes = values.ndim - 2
    if axes not in (1, 2):
        raise ValueError(f"interpolate: x of shape {values.shape}; it needs the axes (N, C, H, W) or (N, C, L)")
    values = as_floating("interpolate", "x", values)
    if min(values.shape[2:]) < 1:
        raise ValueError(f"interpolate: x of shape {values.shape} has nothing to make anything of")
    if mode not in ("nearest", "linear", "bilinear"):
        raise ValueError(
            f"interpolate: unknown mode {mode!r}; choose nearest, or linear (sequences), bilinear (images)"
        )
    if mode == ("bilinear" if axes == 1 else "linear"):
        raise ValueError(
            f"interpolate: mode={mode!r} is not for x of shape {values.shape}; choose nearest or {_LINES[axes]}"
        )
    if mode == "nearest" and align_corners is not None:
        raise ValueError("interpolate: align_corners is for linear and bilinear; leave it out with mode='nearest'")
    dtype = values.dtype
    sizes, factors = _sizes(values.shape[2:], size, scale_factor)
    number = np.result_type(dtype, np.float32).type
    values = widened(values)
    for axis, (n, new, factor) in enumerate(zip(values.shape[2:], sizes, factors, strict=True), start=2):
        # As in PyTorch, the step is that of the factor and not of the size that was rounded down from it.
        if n == new and (factor is None or mode != "nearest"):
            continue
        step = number(n) / number(new) if factor is None else number(1 / factor)
        if mode == "nearest":
            values = _gather(values, np.minimum(np.floor(np.arange(new) * step).astype(int), n - 1), axis)
        else:
            values = _between(values, n, new, step, bool(align_corners), axis)
    return values if values.dtype == dtype else values.astype(dtype)


_LINES = {1: "linear", 2: "bilinear"}


def _sizes(
    lengths: tuple[int, ...], size: int | tuple[int, ...] | None, scale: Scale | None
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """Return the length of the output along each axis, and the factors, where such were given."""
    if (size is None) == (scale is None):
        raise ValueError(f"interpolate: size={size!r} and scale_factor={scale!r}; give one of the two")
    if size is not None:
        if len(lengths) == 1:
            return (single("interpolate", "size", size),), (None,)
        return pair("interpolate", "size", size), (None, None)  # pyright: ignore
    factors: Any = tuple(scale) if isinstance(scale, Sequence) else (scale,) * len(lengths)
    if not all(isinstance(factor, int | float) and 0 < factor < math.inf for factor in factors):
        raise ValueError(f"interpolate: scale_factor={scale!r}; give positive numbers")
    if len(factors) != len(lengths):
        raise ValueError(f"interpolate: scale_factor={scale!r} for {len(lengths)} axes; give one number for each")
    sizes = tuple(math.floor(n * factor) for n, factor in zip(lengths, factors, strict=True))
    if min(sizes) < 1:
        raise ValueError(
            f"interpolate: scale_factor={scale!r} leaves nothing of the {lengths} elements; give a larger one"
        )
    return sizes, factors


def _between(x: Any, n: int, new: int, step: Any, align_corners: bool, axis: int) -> Any:
    """Return, for each new place along an axis, what lies on a line through its two neighbours."""
    at: Array = np.arange(new).astype(step.dtype)
    if align_corners:
        at = at * step.dtype.type((n - 1) / (new - 1) if new > 1 else 0)
    else:
        at = np.maximum(step * (at + 0.5) - 0.5, 0)
    before = np.minimum(at.astype(int), n - 1)
    share = np.clip(at - before, 0, 1).astype(x.dtype).reshape(-1, *(1,) * (x.ndim - 1 - axis))
    after = np.minimum(before + 1, n - 1)
    return _gather(x, before, axis) * (1 - share) + _gather(x, after, axis) * share


def _gather(x: Any, places: Array, axis: int) -> Any:
    return _at(x, places=places, axis=axis)


# The places are in order: what goes back to each element is a sum of neighbours, so few that it is taken apart into
# what np.take, which is fast, gives.


@primitive(name="interpolate", fresh=True)
def _at(x: Any, places: Any = (), axis: int = 0) -> Any:
    """Take elements along an axis."""
    return np.take(x, places, axis)


@primitive(name="interpolate's gradient", fresh=True)
def _back(g: Any, places: Any = (), axis: int = 0, length: int = 0) -> Any:
    """Add what was taken to the elements it was taken from."""
    counts = np.bincount(places, minlength=length)
    order = np.arange(int(counts.max()))[:, None]
    # For each element where its first, second, ... one is in g; where it has no more, after the end.
    table = np.where(order < counts, np.cumsum(counts) - counts + order, len(places))
    if (table == len(places)).any():
        nothing = np.zeros_like(g, shape=(*g.shape[:axis], 1, *g.shape[axis + 1 :]))
        g = np.concatenate((g, nothing), axis)
    return reduce(np.add, [np.take(g, row, axis) for row in table])


defvjp(_at, lambda g, _y, _x, places=(), axis=0: _back(g, places=places, axis=axis, length=_x.shape[axis]))
defvjp(_back, lambda h, _y, _g, places=(), axis=0, length=0: _at(h, places=places, axis=axis))


def pixel_shuffle(x: Operand, upscale_factor: int) -> Tensor:
    """Make larger images of channels: those of r r channels become tiles of r x r pixels of one.

    Parameters
    ----------
    x : array_like, shape (..., C r r, H, W)
        Images.
    upscale_factor : int
        r above.

    Returns
    -------
    Tensor, shape (..., C, H r, W r)
        An array if `x` is no Tensor.

    Raises
    ------
    TypeError
        If `upscale_factor` is no integer.
    ValueError
        If there are less than three axes, or the number of channels is not divisible by r r.

    References
    ----------
    W. Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
    network", CVPR 2016, arXiv:1609.05158.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import pixel_shuffle
    >>> pixel_shuffle(np.arange(8.0).reshape(4, 1, 2), 2)
    array([[[0., 2., 1., 3.],
            [4., 6., 5., 7.]]])
    """
    values: Any = as_array(x)
    r = single("pixel_shuffle", "upscale_factor", upscale_factor)
    if values.ndim < 3 or values.shape[-3] % (r * r):
        raise ValueError(f"pixel_shuffle: x of shape {values.shape}; it needs the axes (..., C {r} {r}, H, W)")
    *batch, c, h, w = values.shape
    first = len(batch)
    tiles = values.reshape(*batch, c // (r * r), r, r, h, w)
    order = (*range(first + 1), first + 3, first + 1, first + 4, first + 2)
    return tiles.transpose(order).reshape(*batch, c // (r * r), h * r, w * r)


def unfold(
    x: Operand,
    kernel_size: int | Pair,
    dilation: int | Pair = 1,
    padding: int | Pair = 0,
    stride: int | Pair = 1,
) -> Tensor:
    """Lay out the windows of images as columns: with them, a convolution is a product of matrices.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W) or (C, H, W)
        Images, or one, of floating-point numbers.
    kernel_size : int or (int, int)
        Height and width of the windows, (kh, kw).
    dilation : int or (int, int)
        How far the rows and columns of a window are apart.
    padding : int or (int, int)
        How many rows and columns of zeros to add around the images.
    stride : int or (int, int)
        The step of the windows, down and to the right.

    Returns
    -------
    Tensor, shape (N, C kh kw, L) or (C kh kw, L)
        With a column for each of L windows, in reading order; an array if `x` is no Tensor.

    Raises
    ------
    TypeError
        If the images are not floating-point numbers, or the other arguments not integers.
    ValueError
        If `x` does not have these axes, a window is larger than the padded images, or an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import unfold
    >>> unfold(np.arange(6.0).reshape(1, 2, 3), 2)
    array([[0., 1.],
           [1., 2.],
           [3., 4.],
           [4., 5.]])
    """
    images, undo = as_batch("unfold", x)
    (kh, kw), (d, e) = pair("unfold", "kernel_size", kernel_size), pair("unfold", "dilation", dilation)
    (s, t), (top, left) = pair("unfold", "stride", stride), pair("unfold", "padding", padding, least=0)
    n, c, h, w = images.shape
    check_fits("unfold", (h, w), (kh, kw), (top, left), (d, e))
    if top or left:
        images = np.pad(images, ((0, 0), (0, 0), (top, top), (left, left)))
    rows, columns = steps(enlarged((h, w), (top, left)), spread((kh, kw), (d, e)), (s, t))
    cells = [
        images[:, :, d * i : d * i + s * (rows - 1) + 1 : s, e * j : e * j + t * (columns - 1) + 1 : t]
        for i, j in np.ndindex(kh, kw)
    ]
    y: Any = np.stack(cells, axis=2).reshape(n, c * kh * kw, rows * columns)
    return y if undo is None else y[undo]
