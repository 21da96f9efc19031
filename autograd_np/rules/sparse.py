"""Products of matrices with SciPy's sparse arrays, which are constants."""

from typing import Any

import numpy as np

from autograd_np.capture import StandIn
from autograd_np.frames import user_line
from autograd_np.operands import is_sparse
from autograd_np.primitives import defvjp, implements, primitives
from autograd_np.refusals import Uncapturable
from autograd_np.tensor import plain, primitive, record

# The arrays of which a sparse array is made, by its format: its elements first, then where they are.
_ARRAYS = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"),
    "coo": ("data", "row", "col"),
    "dia": ("data", "offsets"),
}


@implements(np.matmul)
def matmul(x1: Any, x2: Any, /) -> Any:
    """Multiply matrices, of which one may be sparse where the operator `@` is written; see `numpy.matmul`."""
    if is_sparse(x1):
        return _times(x2, x1, left=False)
    if is_sparse(x2):
        return _times(x1, x2, left=True)
    return record(primitives[np.matmul], (x1, x2), {})


def _times(x: Any, matrix: Any, left: bool) -> Any:
    """Multiply a tensor with a sparse matrix."""
    fits = matrix.ndim == 2 and x.ndim in (1, 2) and (x.shape[-1], x.shape[0])[not left] == matrix.shape[not left]
    if not fits:
        raise ValueError(
            f"@ with a sparse array: shapes {x.shape if left else matrix.shape} and {matrix.shape if left else x.shape}"
            f"; it takes a matrix and a tensor of one or two axes whose lengths fit, and S.toarray() all else"
        )
    if matrix.format not in _ARRAYS:
        if type(plain(x)) is StandIn:
            raise Uncapturable(
                f"{user_line()}: a {type(matrix).__name__} is made a csr_array for each product; hand over S.tocsr()"
            )
        matrix = matrix.tocsr()  # as SciPy does
    data, *places = (getattr(matrix, name) for name in _ARRAYS[matrix.format])
    kind = f"{matrix.format}_{'matrix' if _scipy().isspmatrix(matrix) else 'array'}"
    return product(x, data, *places, *[None] * (2 - len(places)), kind=kind, shape=matrix.shape, left=left)


def _scipy() -> Any:
    import scipy.sparse as sparse  # whoever has a sparse array has loaded it; others need not wait for it

    return sparse


@primitive(name="@ with a sparse array", fresh=True)
def product(
    x: Any,
    data: Any,
    places: Any,
    starts: Any,
    kind: str = "csr_array",
    shape: tuple[int, int] = (0, 0),
    transposed: bool = False,
    left: bool = False,
) -> Any:
    """Multiply the sparse matrix that arrays make up, or its transpose, with `x`; `left` says that `x` is on the left.

    The arrays are arguments as every constant is: a compiled function reads them anew in each run, and the matrix that
    they are taken from may get others.
    """
    parts = {"coo": (data, (places, starts)), "dia": (data, places)}.get(kind[:3], (data, places, starts))
    matrix = getattr(_scipy(), kind)(parts, shape=shape)
    matrix = matrix.T if transposed else matrix
    return x @ matrix if left else matrix @ x


def _product_vjp(
    g: Any,
    _y: Any,
    _x: Any,
    data: Any,
    places: Any,
    starts: Any,
    kind: str = "csr_array",
    shape: tuple[int, int] = (0, 0),
    transposed: bool = False,
    left: bool = False,
) -> Any:
    if g.ndim < _x.ndim:  # of a matrix with one row, SciPy's coo_array gives a number for a vector of one
        g = g.reshape(1)
    found = product(g, data, places, starts, kind=kind, shape=shape, transposed=not transposed, left=left)
    return found.reshape(_x.shape)


defvjp(product, _product_vjp, None, None, None)
