"""Products of matrices by BLAS, which it can add to what is there already. SciPy is imported here alone.

NumPy and SciPy have a BLAS each, and each one's threads wait for work by spinning: where both take turns, they keep the
cores from one another, and a step takes twenty times as long. So in a program all products are by one of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas  # pyright: ignore[reportMissingTypeStubs]

__all__ = ["add_product", "product", "subtract_product"]

Array = NDArray[Any]


def product(a: Array, b: Array, out: Array | None = None) -> Array:
    """Return ``a @ b``.

    Parameters
    ----------
    a, b : ndarray, shapes (M, K) and (K, N)
        Of single or double precision, both of one.
    out : ndarray, shape (M, N), optional
        Where to put it: contiguous by rows or by columns.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.compiling.blas import product
    >>> product(np.ones((2, 3)), np.ones((3, 2)))
    array([[3., 3.],
           [3., 3.]])
    """
    y = np.empty((len(a), b.shape[1]), a.dtype) if out is None else out
    if a.shape[1] == 1:
        return np.multiply(a, b, out=y)
    _multiply(y, 1.0, a, b, 0.0)
    return y


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
    least = 1.2e-38 if c.itemsize == 4 else 2.3e-308  # the smallest normal numbers
    if not (abs(scale) >= least and abs(keep) >= least):  # what is 0 to BLAS is passed over, and NaN in it
        c *= keep
        c += scale * (a @ b)
    elif a.shape[1] == 1 and keep == 1:
        _add_outer(c, scale, a[:, 0], b[0])
    else:
        _multiply(c, scale, a, b, keep)


def subtract_product(c: Array, scale: float, a: Array, b: Array) -> None:
    """Subtract ``scale * (a @ b)`` from c; see `add_product`."""
    add_product(c, -scale, a, b)


def _multiply(c: Array, scale: float, a: Array, b: Array, keep: float) -> None:
    """Let c be ``keep * c + scale * (a @ b)``; with keep 0, whatever c holds."""
    if not c.flags.f_contiguous:  # BLAS computes with columns
        c, a, b = c.T, b.T, a.T
    multiply = blas.sgemm if c.dtype == np.float32 else blas.dgemm  # pyright: ignore
    by_rows = not a.flags.f_contiguous, not b.flags.f_contiguous
    left, right = a.T if by_rows[0] else a, b.T if by_rows[1] else b
    _check_place(c, multiply(scale, left, right, keep, c, *by_rows, overwrite_c=True))


def _add_outer(c: Array, scale: float, column: Array, row: Array) -> None:
    if not c.flags.f_contiguous:
        c, column, row = c.T, row, column
    add = blas.sger if c.dtype == np.float32 else blas.dger  # pyright: ignore
    _check_place(c, add(scale, column, row, a=c, overwrite_a=True))


def _check_place(c: Array, result: Any) -> None:
    if result is not c:
        raise RuntimeError(f"add_product: BLAS did not take c of shape {c.shape}, dtype {c.dtype} as it lies in memory")
