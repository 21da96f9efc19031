"""Products of matrices that BLAS adds to what is there already. SciPy is imported with this room, and saved with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas  # pyright: ignore[reportMissingTypeStubs]

__all__ = ["add_product", "subtract_product"]

Array = NDArray[Any]


def add_product(c: Array, scale: float, a: Array, b: Array, keep: float = 1.0) -> None:
    """Let c be ``keep * c + scale * (a @ b)``, which differs from that in the last digits.

    Parameters
    ----------
    c : ndarray, shape (M, N)
        Of single or double precision, contiguous by rows or by columns.
    scale, keep : float
        What the product and `c` are multiplied by.
    a, b : ndarray, shapes (M, K) and (K, N)
        Of the same dtype, in other memory.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.compiling.blas import add_product
    >>> c = np.ones((2, 2))
    >>> add_product(c, 0.5, np.ones((2, 3)), np.ones((3, 2)))
    >>> c
    array([[2.5, 2.5],
           [2.5, 2.5]])
    """
    if scale == 0:  # BLAS would pass over the product, and NaN in it
        c *= keep
        c += scale * (a @ b)
    elif c.flags.c_contiguous and not c.flags.f_contiguous:  # BLAS computes with columns
        add_product(c.T, scale, b.T, a.T, keep)
    elif a.shape[1] == 1 and keep == 1:
        add = blas.sger if c.dtype == np.float32 else blas.dger  # pyright: ignore
        _check_place(c, add(scale, a[:, 0], b[0], a=c, overwrite_a=True))
    else:
        add = blas.sgemm if c.dtype == np.float32 else blas.dgemm  # pyright: ignore
        by_rows = not a.flags.f_contiguous, not b.flags.f_contiguous
        left, right = a.T if by_rows[0] else a, b.T if by_rows[1] else b
        _check_place(c, add(scale, left, right, keep, c, *by_rows, overwrite_c=True))


def subtract_product(c: Array, scale: float, a: Array, b: Array) -> None:
    """Subtract ``scale * (a @ b)`` from c; see `add_product`."""
    add_product(c, -scale, a, b)


def _check_place(c: Array, result: Any) -> None:
    if result is not c:
        raise RuntimeError(f"add_product: BLAS did not take c of shape {c.shape}, dtype {c.dtype} as it lies in memory")
