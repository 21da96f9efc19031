"""Functions of `scipy.sparse.linalg` for sparse arrays, which are constants, and tensors."""

from typing import Any

import numpy as np
import scipy.sparse
from scipy.sparse import linalg

from autograd_np.primitives import defvjp
from autograd_np.tensor import Operand, as_array, primitive

__all__ = ["spsolve"]

_sparse: Any = scipy.sparse
_linalg: Any = linalg


def spsolve(A: Any, b: Operand, permc_spec: str | None = None) -> Any:
    """Solve A x = b for a sparse matrix; see `scipy.sparse.linalg.spsolve`.

    Parameters
    ----------
    A : sparse array or matrix, shape (N, N)
        The matrix, a constant. Formats other than CSR and CSC are converted to CSC.
    b : array_like or Tensor, shape (N,) or (N, K)
        The right-hand sides.
    permc_spec : str, optional
        How columns are permuted.

    Returns
    -------
    array or Tensor of the shape of `b`, or (N,) for (N, 1)

    Raises
    ------
    TypeError
        If `A` is not sparse.
    ValueError
        If the matrix is singular, or the shapes do not fit.

    Examples
    --------
    >>> import scipy.sparse
    >>> from autograd_np import Tensor
    >>> from autograd_np.scipy.sparse.linalg import spsolve
    >>> A = scipy.sparse.csc_array([[2.0, 1.0], [0.0, 4.0]])
    >>> b = Tensor([4.0, 8.0], requires_grad=True)
    >>> spsolve(A, b)[0].backward()
    >>> b.grad
    array([ 0.5  , -0.125])
    """
    if not _sparse.issparse(A):
        raise TypeError(f"spsolve: A is a {type(A).__name__} and not sparse; np.linalg.solve(A, b) is for arrays")
    matrix, right = A if A.format in ("csr", "csc") else A.tocsc(), as_array(b, "spsolve: b")
    if matrix.ndim != 2 or matrix.shape != right.shape[:1] * 2 or right.ndim > 2:
        raise ValueError(f"spsolve: shapes {matrix.shape} and {right.shape}; give (N, N), and (N,) or (N, K)")
    kind = f"{matrix.format}_array"
    return _solve(right, matrix.data, matrix.indices, matrix.indptr, kind=kind, permc_spec=permc_spec)


@primitive(name="spsolve")
def _solve(
    b: Any,
    data: Any,
    indices: Any,
    indptr: Any,
    kind: str = "",
    permc_spec: str | None = None,
    transposed: bool = False,
) -> Any:
    matrix = getattr(_sparse, kind)((data, indices, indptr), shape=(b.shape[0], b.shape[0]))
    x = _linalg.spsolve(matrix.T if transposed else matrix, b, permc_spec)
    if not np.isfinite(x).all() and np.isfinite(b).all():  # SciPy warns
        raise ValueError("the matrix is singular, or so nearly that the solution is not finite")
    return x


def _solve_vjp(
    g: Any,
    _x: Any,
    _b: Any,
    data: Any,
    indices: Any,
    indptr: Any,
    kind: str = "",
    permc_spec: str | None = None,
    transposed: bool = False,
) -> Any:
    found = _solve(g, data, indices, indptr, kind=kind, permc_spec=permc_spec, transposed=not transposed)
    return found.reshape(_b.shape)


defvjp(_solve, _solve_vjp, None, None, None)
