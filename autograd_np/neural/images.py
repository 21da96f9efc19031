"""Batches of images (N, C, H, W): their checks, and their padding."""

from __future__ import annotations

from typing import Any

from autograd_np.neural.arguments import Array, Pair
from autograd_np.tensor import Operand, as_array

__all__ = ["as_images", "check_fits", "check_floating", "enlarged", "inner"]


def enlarged(image: Pair, padding: Pair) -> Pair:
    """Return height and width of padded images."""
    return image[0] + 2 * padding[0], image[1] + 2 * padding[1]


def inner(padded: Array, image: Pair, padding: Pair) -> Array:
    """Return the view of images without their padding."""
    (h, w), (above, left) = image, padding
    return padded[:, :, above : above + h, left : left + w]


def as_images(operation: str, name: str, x: Operand, axes: str) -> Any:
    """Return a Tensor or an array of four axes and of floating-point numbers."""
    images = as_array(x)
    if images.ndim != 4:
        hint = "; x[None] adds the batch axis to a single image" if name == "x" and images.ndim == 3 else ""
        raise ValueError(f"{operation}: {name} of shape {images.shape}; it needs the four axes {axes}{hint}")
    check_floating(operation, name, images)
    # SciPy's Fourier transforms take some dtypes in the machine's own order of bytes alone.
    return images if images.dtype.isnative else images.astype(images.dtype.newbyteorder("="))


def check_floating(operation: str, name: str, x: Any) -> None:
    """Raise unless an argument is made of floating-point numbers."""
    if x.dtype.kind != "f":
        raise TypeError(
            f"{operation}: {name} of dtype {x.dtype}; it needs floating-point numbers: {name}.astype(np.float32)"
        )


def check_fits(operation: str, image: Pair, kernel: Pair, padding: Pair) -> None:
    """Raise unless a kernel has a place in padded images."""
    padded = enlarged(image, padding)
    if min(kernel) < 1 or kernel[0] > padded[0] or kernel[1] > padded[1]:
        raise ValueError(
            f"{operation}: a kernel of shape {kernel} does not fit into images of shape {image} with padding "
            f"{padding}; it can be of shape (1, 1) to {padded}"
        )
