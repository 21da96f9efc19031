"""Functions of `scipy.linalg` for arrays and tensors, under their own names and signatures.

Stacks of matrices are taken where SciPy takes them. Formulas are written for gradients without conjugates: with M^T for
the transpose, the adjoint of X -> A X B is G -> A^T G B^T, for complex matrices too.
"""

from typing import Any, Literal

import numpy as np
import scipy.linalg  # pyright: ignore[reportMissingTypeStubs]

from autograd_np.primitives import defvjp
from autograd_np.tensor import Operand, Tensor, plain, primitive

__all__ = [
    "cho_factor",
    "cho_solve",
    "cholesky",
    "det",
    "expm",
    "inv",
    "solve",
    "solve_banded",
    "solve_sylvester",
    "solve_triangular",
    "sqrtm",
]

_scipy: Any = scipy.linalg
_numpy: Any = np.linalg  # whose functions dispatch

# ---------------------------------------------------------------------------------------------------------------------
# Systems of equations
# ---------------------------------------------------------------------------------------------------------------------


def solve(
    a: Operand,
    b: Operand,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Any:
    """Solve a x = b for a square matrix; see `scipy.linalg.solve`.

    Parameters
    ----------
    a : array_like or Tensor, shape (..., N, N)
        The matrix, of which every element is read.
    b : array_like or Tensor, shape (N,) or (..., N, K)
        The right-hand sides.
    lower : bool
        Without a meaning for a general matrix.
    overwrite_a, overwrite_b : bool
        A permission of which no use is made.
    check_finite : bool
        Refuse NaN and infinity.
    assume_a : {None, "gen"}
        A general matrix.
    transposed : bool
        Solve a^T x = b instead.

    Returns
    -------
    array or Tensor of the shape of `b`

    Raises
    ------
    TypeError
        If `assume_a` promises more than a general matrix.
    ValueError
        If the matrix is singular (a LinAlgError where there is no tensor), the shapes do not fit, or an element is not
        finite.

    Examples
    --------
    >>> from autograd_np.scipy.linalg import solve
    >>> solve([[2.0, 1.0], [0.0, 4.0]], [4.0, 8.0])
    array([1., 2.])
    """
    if assume_a not in (None, "gen", "general"):
        raise TypeError(
            f"solve: assume_a={assume_a!r} is not supported, only 'gen' is; for a positive definite matrix use "
            f"cho_solve(cho_factor(a), b), for a triangular one solve_triangular, for a banded one solve_banded"
        )
    matrix, right = _operands("solve", check_finite, a=a, b=b)
    return _numpy.solve(_transpose(matrix) if transposed else matrix, right)


def inv(a: Operand, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Invert a matrix; see `scipy.linalg.inv`.

    Parameters
    ----------
    a : array_like or Tensor, shape (..., N, N)
        The matrix.
    overwrite_a : bool
        A permission of which no use is made.
    check_finite : bool
        Refuse NaN and infinity.

    Returns
    -------
    array or Tensor, shape (..., N, N)

    Raises
    ------
    ValueError
        If the matrix is singular (a LinAlgError where there is no tensor) or not square, or an element is not finite.

    Examples
    --------
    >>> from autograd_np.scipy.linalg import inv
    >>> inv([[2.0, 0.0], [0.0, 4.0]])
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    return _numpy.inv(*_operands("inv", check_finite, a=a))


def det(a: Operand, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Return the determinant of a matrix; see `scipy.linalg.det`.

    Parameters
    ----------
    a : array_like or Tensor, shape (..., N, N)
        The matrix.
    overwrite_a : bool
        A permission of which no use is made.
    check_finite : bool
        Refuse NaN and infinity.

    Returns
    -------
    array or Tensor, shape (...)

    Raises
    ------
    ValueError
        If the matrix is not square (a LinAlgError where there is no tensor), or an element is not finite.

    Examples
    --------
    >>> from autograd_np.scipy.linalg import det
    >>> print(f"{det([[2.0, 0.0], [0.0, 4.0]]):.1f}")
    8.0
    """
    return _numpy.det(*_operands("det", check_finite, a=a))


def solve_triangular(
    a: Operand,
    b: Operand,
    trans: Literal[0, 1, 2, "N", "T", "C"] = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """Solve a x = b for a triangular matrix; see `scipy.linalg.solve_triangular`.

    Parameters
    ----------
    a : array_like or Tensor, shape (..., N, N)
        The matrix, of which only the triangle is read.
    b : array_like or Tensor, shape (N,) or (..., N, K)
        The right-hand sides.
    trans : {0, 1, 2, "N", "T", "C"}
        Whether to solve with the matrix itself, its transpose, or its conjugate transpose.
    lower : bool
        Whether the matrix is its lower triangle.
    unit_diagonal : bool
        Take the diagonal to be 1 and do not read it.
    overwrite_b : bool
        A permission of which no use is made.
    check_finite : bool
        Refuse NaN and infinity.

    Returns
    -------
    array or Tensor of the shape of `b`

    Raises
    ------
    ValueError
        If the matrix is singular (a LinAlgError where there is no tensor), the shapes do not fit, `trans` is unknown,
        or an element is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from autograd_np.scipy.linalg import solve_triangular
    >>> b = Tensor([4.0, 8.0], requires_grad=True)
    >>> solve_triangular([[2.0, 1.0], [0.0, 4.0]], b)[0].backward()
    >>> b.grad
    array([ 0.5  , -0.125])
    """
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(f"solve_triangular: trans={trans!r} is none of 0, 1, 2, 'N', 'T' and 'C'")
    matrix, right = _operands("solve_triangular", check_finite, a=a, b=b)
    if trans in (2, "C") and np.iscomplexobj(matrix):
        matrix = np.conjugate(matrix)
    options = {"transposed": trans not in (0, "N"), "lower": bool(lower), "unit_diagonal": bool(unit_diagonal)}
    if right.ndim == 1:
        return _triangular(matrix, right[:, None], **options)[..., 0]
    return _triangular(matrix, right, **options)


@primitive
def _triangular(a: Any, b: Any, transposed: bool = False, lower: bool = False, unit_diagonal: bool = False) -> Any:
    return _scipy.solve_triangular(
        a, b, trans=int(transposed), lower=lower, unit_diagonal=unit_diagonal, check_finite=False
    )


def _triangular_vjps(
    g: Any, x: Any, a: Any, _b: Any, transposed: bool = False, lower: bool = False, unit_diagonal: bool = False
) -> list[Any]:
    s = _triangular(a, g, transposed=not transposed, lower=lower, unit_diagonal=unit_diagonal)
    triangle = np.tri(a.shape[-1], k=-1 if unit_diagonal else 0, dtype=bool)
    outer = x @ _transpose(s) if transposed else s @ _transpose(x)
    return [-outer * (triangle if lower else triangle.T), s]


defvjp(_triangular, joint=_triangular_vjps, broadcasts=True)


def cho_factor(
    a: Operand, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Any, bool]:
    """Factorise a positive definite matrix, for `cho_solve`; see `scipy.linalg.cho_factor`.

    Parameters
    ----------
    a : array_like or Tensor, shape (..., N, N)
        A Hermitian positive definite matrix.
    lower : bool
        Whether the factor is the lower triangle.
    overwrite_a : bool
        A permission of which no use is made.
    check_finite : bool
        Refuse NaN and infinity.

    Returns
    -------
    tuple of an array or Tensor, shape (..., N, N), and bool
        The factor, as `cholesky` gives it, and `lower`.

    Raises
    ------
    ValueError
        As `cholesky`.

    Examples
    --------
    >>> from autograd_np.scipy.linalg import cho_factor, cho_solve
    >>> cho_solve(cho_factor([[4.0, 0.0], [0.0, 16.0]]), [8.0, 16.0])
    array([2., 1.])
    """
    return cholesky(a, lower, overwrite_a, check_finite), lower


def cho_solve(
    c_and_lower: tuple[Operand, bool], b: Operand, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """Solve a x = b by the Cholesky factor of a positive definite matrix; see `scipy.linalg.cho_solve`.

    Parameters
    ----------
    c_and_lower : tuple of an array_like or Tensor, shape (..., N, N), and bool
        The factor, of which only the triangle is read, and whether that is the lower one: see `cho_factor`.
    b : array_like or Tensor, shape (N,) or (..., N, K)
        The right-hand sides.
    overwrite_b : bool
        A permission of which no use is made.
    check_finite : bool
        Refuse NaN and infinity.

    Returns
    -------
    array or Tensor of the shape of `b`

    Raises
    ------
    ValueError
        As `solve_triangular`.

    Examples
    --------
    >>> from autograd_np.scipy.linalg import cho_solve
    >>> cho_solve(([[2.0, 0.0], [0.0, 4.0]], True), [8.0, 16.0])
    array([2., 1.])
    """
    c, lower = c_and_lower
    first, second = (0, 2) if lower else (2, 0)
    half = solve_triangular(c, b, trans=first, lower=lower, check_finite=check_finite)
    return solve_triangular(c, half, trans=second, lower=lower, check_finite=check_finite)


def solve_banded(
    l_and_u: tuple[int, int],
    ab: Operand,
    b: Operand,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """Solve a x = b for a banded matrix; see `scipy.linalg.solve_banded`.

    Parameters
    ----------
    l_and_u : tuple of int
        The number of diagonals below the main one, and of those above it.
    ab : array_like or Tensor, shape (l + u + 1, N)
        The diagonals: `ab[u + i - j, j]` is `a[i, j]`. Elements that are outside the matrix have gradient 0.
    b : array_like or Tensor, shape (N,) or (N, K)
        The right-hand sides.
    overwrite_ab, overwrite_b : bool
        A permission of which no use is made.
    check_finite : bool
        Refuse NaN and infinity.

    Returns
    -------
    array or Tensor of the shape of `b`

    Raises
    ------
    ValueError
        If the matrix is singular (a LinAlgError where there is no tensor), the shapes do not fit, or an element is not
        finite.

    Examples
    --------
    >>> from autograd_np.scipy.linalg import solve_banded
    >>> solve_banded((0, 1), [[0.0, 1.0], [2.0, 4.0]], [4.0, 8.0])
    array([1., 2.])
    """
    band, right = _operands("solve_banded", check_finite, ab=ab, b=b)
    below, above = (int(n) for n in l_and_u)
    if right.ndim == 1:
        return _banded(band, right[:, None], below=below, above=above)[..., 0]
    return _banded(band, right, below=below, above=above)


@primitive
def _banded(ab: Any, b: Any, below: int = 0, above: int = 0) -> Any:
    return _scipy.solve_banded((below, above), ab, b, check_finite=False)


def _banded_vjps(g: Any, x: Any, ab: Any, _b: Any, below: int = 0, above: int = 0) -> list[Any]:
    n = ab.shape[-1]
    diagonals, columns, _ = _band(above, below, n)  # of the transpose
    s = _banded(ab[..., below + above - diagonals, columns], g, below=above, above=below)
    _, rows, inside = _band(below, above, n)
    return [-(s[..., rows, :] * x[..., None, :, :]).sum(axis=-1) * inside, s]


def _band(below: int, above: int, n: int) -> tuple[Any, Any, Any]:
    """Return, for each place in a stored band, its diagonal and the matrix's row, and whether the matrix has it."""
    diagonals = np.arange(below + above + 1)[:, None]
    rows = diagonals - above + np.arange(n)
    inside = (rows >= 0) & (rows < n)
    return diagonals, rows * inside, inside


defvjp(_banded, joint=_banded_vjps, broadcasts=True)


@primitive
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """Solve a x + x b = q; see `scipy.linalg.solve_sylvester`.

    Parameters
    ----------
    a : array_like or Tensor, shape (..., M, M)
        The matrix on the left.
    b : array_like or Tensor, shape (..., N, N)
        The matrix on the right, of which no eigenvalue may be that of `a` with the other sign.
    q : array_like or Tensor, shape (..., M, N)
        The right-hand side.

    Returns
    -------
    array or Tensor, shape (..., M, N)

    Raises
    ------
    ValueError
        If there is no single solution (a LinAlgError where there is no tensor), or the shapes do not fit.

    Examples
    --------
    >>> from autograd_np.scipy.linalg import solve_sylvester
    >>> solve_sylvester([[1.0]], [[3.0]], [[8.0]])
    array([[2.]])
    """
    return _scipy.solve_sylvester(a, b, q)


def _sylvester_vjps(g: Any, x: Any, a: Any, b: Any, _q: Any) -> list[Any]:
    s = solve_sylvester(_transpose(a), _transpose(b), g)
    return [-s @ _transpose(x), -_transpose(x) @ s, s]


defvjp(solve_sylvester, joint=_sylvester_vjps, broadcasts=True)

# ---------------------------------------------------------------------------------------------------------------------
# Factors and functions of matrices
# ---------------------------------------------------------------------------------------------------------------------


def cholesky(a: Operand, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Return the Cholesky factor of a positive definite matrix; see `scipy.linalg.cholesky`.

    Parameters
    ----------
    a : array_like or Tensor, shape (..., N, N)
        A Hermitian positive definite matrix. Only one triangle is read; the gradient is that of a Hermitian matrix, and
        Hermitian itself.
    lower : bool
        Return the lower triangle L, with a = L L^H, instead of the upper one U, with a = U^H U.
    overwrite_a : bool
        A permission of which no use is made.
    check_finite : bool
        Refuse NaN and infinity.

    Returns
    -------
    array or Tensor, shape (..., N, N)

    Raises
    ------
    ValueError
        If the matrix is not square or not positive definite (a LinAlgError where there is no tensor), or an element is
        not finite.

    Examples
    --------
    >>> from autograd_np.scipy.linalg import cholesky
    >>> cholesky([[4.0, 2.0], [2.0, 5.0]])
    array([[2., 1.],
           [0., 2.]])
    """
    (matrix,) = _operands("cholesky", check_finite, a=a)
    # A Hermitian matrix's transpose has the factor conj(L) = U^T, and its lower triangle is the upper one.
    return _numpy.cholesky(matrix) if lower else _transpose(_numpy.cholesky(_transpose(matrix)))


@primitive
def sqrtm(A: Any) -> Any:
    """Return the principal square root of a matrix; see `scipy.linalg.sqrtm`.

    Parameters
    ----------
    A : array_like or Tensor, shape (..., N, N)
        A matrix without an eigenvalue 0, where the root has no derivative. With a negative eigenvalue the root is
        complex.

    Returns
    -------
    array or Tensor, shape (..., N, N)

    Raises
    ------
    ValueError
        If the matrix is not square, or in the backward pass if it is singular.

    Examples
    --------
    >>> from autograd_np.scipy.linalg import sqrtm
    >>> sqrtm([[4.0, 0.0], [0.0, 9.0]])
    array([[2., 0.],
           [0., 3.]])
    """
    return _scipy.sqrtm(A)


# X X = A, so that dA = dX X + X dX
defvjp(sqrtm, lambda g, y, _A: solve_sylvester(_transpose(y), _transpose(y), g))


@primitive
def expm(A: Any) -> Any:
    """Return the exponential of a matrix; see `scipy.linalg.expm`.

    Parameters
    ----------
    A : array_like or Tensor, shape (..., N, N)
        A square matrix.

    Returns
    -------
    array or Tensor, shape (..., N, N)

    Raises
    ------
    ValueError
        If the matrix is not square (a LinAlgError where there is no tensor).

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from autograd_np.scipy.linalg import expm
    >>> A = Tensor([[0.0, 1.0], [0.0, 0.0]], requires_grad=True)
    >>> expm(A).sum().backward()
    >>> A.grad
    array([[1.5       , 1.        ],
           [2.16666667, 1.5       ]])
    """
    return _scipy.expm(A)


defvjp(expm, lambda g, _y, A: _expm_slope(_transpose(A), g))


def _expm_slope(a: Any, e: Any) -> Any:
    """Return the derivative of expm at `a` in the direction `e`.

    It is the upper right block of the exponential of [[a, e], [0, a]]: N. Higham, "Functions of matrices" (2008), eq.
    (3.16).
    """
    n = a.shape[-1]
    size = np.max(np.abs(plain(e)), initial=1)  # of a large `e` the exponential would lose digits
    blocks = [[a, e / size], [np.zeros_like(a), a]]
    return expm(np.concatenate([np.concatenate(row, axis=-1) for row in blocks], axis=-2))[..., :n, n:] * size


# ---------------------------------------------------------------------------------------------------------------------
# Arguments
# ---------------------------------------------------------------------------------------------------------------------


def _transpose(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def _operands(call: str, check_finite: bool, **arguments: Operand) -> Any:
    """Return arrays and tensors for whatever can be made into them.

    Raises
    ------
    ValueError
        If an element is not finite, and that is to be checked.
    """
    for name, value in arguments.items():
        if check_finite and not np.isfinite(plain(value)).all():
            raise ValueError(f"{call}: {name} holds NaN or infinity, with which no system is solved; clean it before")
    return [value if isinstance(value, Tensor) else np.asarray(value) for value in arguments.values()]
