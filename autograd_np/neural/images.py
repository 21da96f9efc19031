"""Batches of images (N, C, H, W): their checks, and their padding."""

from __future__ import annotations

from typing import Any

from autograd_np.neural.arguments import Array, Pair
from autograd_np.tensor import Operand, as_array

__all__ = ["as_batch", "as_floating", "as_images", "check_fits", "enlarged", "inner", "spread"]


def enlarged(image: Pair, padding: Pair) -> Pair:
    """Return height and width of padded images."""
    return image[0] + 2 * padding[0], image[1] + 2 * padding[1]


def spread(kernel: Pair, dilation: Pair = (1, 1)) -> Pair:
    """Return how much of an image a kernel covers whose rows and columns are so far apart."""
    return dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1


def inner(padded: Array, image: Pair, padding: Pair) -> Array:
    """Return the view of images without their padding."""
    (h, w), (above, left) = image, padding
    return padded[:, :, above : above + h, left : left + w]


def as_images(operation: str, name: str, x: Operand, axes: str) -> Any:
    """Return a Tensor or an array of four axes and of floating-point numbers."""
    images = as_array(x)
    if images.ndim != 4:
        raise ValueError(f"{operation}: {name} of shape {images.shape}; it needs the four axes {axes}")
    return as_floating(operation, name, images)


def as_batch(operation: str, x: Operand, axes: int = 2) -> tuple[Any, tuple[Any, ...] | None]:
    """Return what lies on two axes, or on one, as images (N, C, H, W).

    Beside it stands the index that takes from such images what `x` was, if they are not `x` itself.
    """
    values = as_array(x)
    extra = values.ndim - axes
    if extra == 2:
        index, undo = ((), None) if axes == 2 else ((..., None, slice(None)), (..., 0, slice(None)))
    elif extra == 1:
        index = (None,) if axes == 2 else (None, slice(None), None)
        undo = (0,) if axes == 2 else (0, slice(None), 0)
    else:
        layout = "(N, C, H, W), or (C, H, W) for one image" if axes == 2 else "(N, C, L), or (C, L) for one sequence"
        raise ValueError(f"{operation}: x of shape {values.shape}; it needs the axes {layout}")
    images = as_floating(operation, "x", values)
    return (images[index] if index else images), undo


def as_floating(operation: str, name: str, x: Any) -> Any:
    """Raise unless an argument is made of floating-point numbers; return them in the machine's own order of bytes."""
    dtype = x.dtype
    if dtype.kind != "f":
        raise TypeError(
            f"{operation}: {name} of dtype {dtype}; it needs floating-point numbers: {name}.astype(np.float32)"
        )
    # SciPy's Fourier transforms take some dtypes in that order alone.
    return x if dtype.isnative else x.astype(dtype.newbyteorder("="))


def check_fits(operation: str, image: Pair, kernel: Pair, padding: Pair, dilation: Pair = (1, 1)) -> None:
    """Raise unless a kernel has a place in padded images."""
    padded, field = enlarged(image, padding), kernel if dilation == (1, 1) else spread(kernel, dilation)
    if min(kernel) < 1 or field[0] > padded[0] or field[1] > padded[1]:
        covers = "" if dilation == (1, 1) else f", which covers {field} with dilation {dilation},"
        raise ValueError(
            f"{operation}: a kernel of shape {kernel}{covers} does not fit into images of shape {image} with padding "
            f"{padding}; it can {'cover' if covers else 'be of shape'} (1, 1) to {padded}"
        )
