"""Products of every pair of elements, and of vectors in space."""

from typing import Any

import numpy as np

from autograd_np.compositions.formulas import formula_of
from autograd_np.primitives import constants, implements
from autograd_np.rules.arguments import no_out
from autograd_np.tensor import as_array, plain


@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """Multiply every element with every element; see `numpy.outer`."""
    no_out("np.outer", out)
    return np.ravel(a)[:, None] * np.ravel(b)[None, :]


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Put a multiple of `b` in place of every element of `a`; see `numpy.kron`."""
    a, b = as_array(a), as_array(b)
    ndim = max(a.ndim, b.ndim)
    blocks = (1,) * (ndim - a.ndim) + a.shape
    within = (1,) * (ndim - b.ndim) + b.shape
    products = a.reshape([n for block in blocks for n in (block, 1)]) * b.reshape([n for m in within for n in (1, m)])
    return products.reshape([n * m for n, m in zip(blocks, within, strict=True)])


@formula_of(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """Multiply vectors in space, or in the plane, whose third element is 0; see `numpy.cross`."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(as_array(a), axisa, -1), np.moveaxis(as_array(b), axisb, -1)
    in_plane = a.shape[-1] == b.shape[-1] == 2
    a, b = _in_space(a), _in_space(b)
    products = a[..., [1, 2, 0]] * b[..., [2, 0, 1]] - a[..., [2, 0, 1]] * b[..., [1, 2, 0]]
    return products[..., 2] if in_plane else np.moveaxis(products, -1, axisc)


def _in_space(a: Any) -> Any:
    return np.concatenate((a, np.zeros((*a.shape[:-1], 1), a.dtype)), axis=-1) if a.shape[-1] == 2 else a


@implements(np.einsum_path)
def einsum_path(*operands: Any, **kwargs: Any) -> Any:
    """Find a good order of contraction, which depends on shapes alone; see `numpy.einsum_path`."""
    return np.einsum_path(*plain(operands), **kwargs)


constants.add(einsum_path)
