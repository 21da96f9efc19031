"""Inverses, determinants, decompositions and norms of matrices and of stacks of matrices.

The formulas are those of M. Giles, "An extended collection of matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008), of M. Seeger et al., "Auto-differentiating linear algebra" (2017), and for complex
matrices of C. Boeddeker et al., "On the computation of complex-valued gradients with application to statistically
optimum beamforming" (2017). The last conjugates gradients, so that a scalar changes by Re sum(conj(g) dz): where a
formula is of that kind, the gradient is conjugated on its way in, and the result on its way out.
"""

from typing import Any, NoReturn

import numpy as np
from numpy.linalg import LinAlgError

from autograd_np.primitives import defvjp, implements, primitives
from autograd_np.rules.arguments import conjugated
from autograd_np.rules.kinks import kinked
from autograd_np.rules.ranges import scaled_along, too_small
from autograd_np.tensor import plain, primitive, record

linalg: Any = np.linalg  # whose stubs do not know tensors


def _transposed(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


def _adjoint(x: Any) -> Any:
    return conjugated(_transposed(x))


def _hermitian(x: Any) -> Any:
    """Return the Hermitian part: the gradient with respect to a matrix that is Hermitian."""
    return (x + _adjoint(x)) / 2


def _diagonal(x: Any) -> Any:
    """Put the last axis on the diagonal of matrices."""
    return x[..., None] * np.eye(x.shape[-1], dtype=bool)


# ---------------------------------------------------------------------------------------------------------------------
# Systems of equations
# ---------------------------------------------------------------------------------------------------------------------

defvjp(linalg.inv, lambda g, y, a: _inv_vjp(g, y, a))


def _inv_vjp(g: Any, y: Any, a: Any) -> Any:
    if _is_singular(a, y):
        _refuse(_singular("np.linalg.inv"))
    return -(_transposed(y) @ g @ _transposed(y))


def _solve_vjps(g: Any, y: Any, a: Any, _b: Any) -> list[Any]:
    if _b.ndim == 1:
        g, y = g[..., None], y[..., None]
    # One more right side, which depends on nothing, tells how much the inverse enlarges what it meets.
    probe = np.sin(np.arange(1.0, 1 + a.shape[-1]))[:, None]
    probe = np.broadcast_to(probe / _frobenius(probe), (*g.shape[:-1], 1)).astype(g.dtype)
    try:
        solutions = linalg.solve(_transposed(a), np.concatenate((g, probe), axis=-1))
    except ValueError:  # LinAlgError among them
        _refuse(_singular("np.linalg.solve"))
    if _is_singular(a, plain(solutions)[..., -1:]):
        _refuse(_singular("np.linalg.solve"))
    right = solutions[..., :-1]
    of_a = -(right @ _transposed(y))
    return [of_a, right[..., 0] if _b.ndim == 1 else right]


def _is_singular(a: Any, inverse: Any) -> bool:
    """Tell whether the inverse is so large that the matrix is singular, but for rounding."""
    return bool(np.any(_condition(a, inverse) > 1 / np.finfo(a.dtype).eps))


def _condition(a: Any, inverse: Any) -> Any:
    """Return the product of the sizes of a matrix and of its inverse."""
    largest = _largest(a)
    with np.errstate(over="ignore", invalid="ignore"):  # of inverses of what is singular, or infinite
        return _frobenius(plain(a) / largest) * _frobenius(plain(inverse) * largest)


def _largest(a: Any) -> Any:
    """Return what brings the elements of matrices into a range in which they have squares: their largest sizes."""
    return np.max(np.abs(plain(a)), axis=(-2, -1), keepdims=True, initial=np.finfo(a.dtype).tiny)


def _singular(name: str) -> str:
    return (
        f"{name}: a matrix is singular, but for rounding, and so the gradient would be rounding; np.linalg.pinv and "
        f"np.linalg.lstsq take singular values up to a ratio for 0"
    )


def _refuse(why: str) -> NoReturn:
    raise LinAlgError(why)


def _frobenius(a: Any) -> Any:
    return linalg.norm(a, axis=(-2, -1))


defvjp(linalg.solve, joint=_solve_vjps, broadcasts=True)

defvjp(linalg.pinv, lambda g, y, a, rcond=None, rtol=None: _pinv_vjp(g, y, a, "np.linalg.pinv", "rtol="))


def _pinv_vjp(g: Any, y: Any, a: Any, name: str, option: str) -> Any:
    """Return the adjoint of the pseudo-inverse at a matrix whose rank stays.

    G. H. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose
    variables separate" (1973), equation 4.12.
    """
    if _is_singular(a, y):
        _refuse(
            f"{name}: a singular value that is no more than rounding was not taken for 0, and so the gradient would be "
            f"rounding, too; say up to which ratio to the largest one they are 0, by {option}"
        )
    y_adjoint, g_adjoint = _adjoint(y), _transposed(g)
    columns = g_adjoint @ y @ y_adjoint
    rows = y_adjoint @ y @ g_adjoint
    total = columns - a @ (y @ columns) + rows - (rows @ y) @ a - y_adjoint @ conjugated(g) @ y_adjoint
    return conjugated(total)


@primitive(name="np.linalg.lstsq")
def least_squares(a: Any, b: Any, rcond: float | None = None) -> Any:
    """Return the shortest x that brings `a @ x` closest to `b`: the first result of `numpy.linalg.lstsq`."""
    return linalg.lstsq(a, b, rcond)[0]


def _least_squares_vjps(g: Any, _y: Any, a: Any, b: Any, rcond: float | None = None) -> list[Any]:
    inverse = linalg.pinv(a, rcond=cutoff(a, rcond))  # the solution is inverse @ b
    if b.ndim == 1:
        g, b = g[:, None], b[:, None]
    of_b = _transposed(inverse) @ g
    return [
        _pinv_vjp(g @ _transposed(b), inverse, a, "np.linalg.lstsq", "rcond="),
        of_b[:, 0] if _y.ndim == 1 else of_b,
    ]


defvjp(least_squares, joint=_least_squares_vjps)


def cutoff(a: Any, rcond: float | None) -> float:
    """Return the ratio to the largest singular value up to which LAPACK, in double precision, takes one for 0.

    What is not between 0 and 1 it replaces by its own precision, that of rounding to the nearest number.
    """
    eps = float(np.finfo(float).eps)
    if rcond is None:
        return eps * max(a.shape)
    return float(rcond) if 0 < rcond < 1 else eps / 2


# ---------------------------------------------------------------------------------------------------------------------
# Determinants
# ---------------------------------------------------------------------------------------------------------------------

defvjp(linalg.det, lambda g, y, a: g[..., None, None] * _slope_of_det(y, a))
defvjp(linalg.slogdet, lambda g, y, a: _slogdet_vjp(g, y, a))


def _slope_of_det(y: Any, a: Any) -> Any:
    """Return the cofactors: by the inverse, or where a matrix is close to singular, in a way that needs none."""
    try:
        inverse = linalg.inv(a)
    except ValueError:  # LinAlgError among them
        return cofactors(a)
    # The products of inverses in the second derivative lose twice the digits that the inverse does.
    if np.any(_condition(a, inverse) > np.finfo(a.dtype).eps ** -0.5):
        return cofactors(a)
    return y[..., None, None] * _transposed(inverse)


@primitive
def cofactors(a: Any) -> Any:
    """Return the cofactors of a matrix, which need not have an inverse.

    Those of a product are the product of the factors' cofactors. With `a = u diag(s) vh`, those of a unitary matrix are
    its conjugate times its determinant, and those of a diagonal one the products of the other elements.
    """
    u, s, vh = linalg.svd(a)
    n = s.shape[-1]
    products = np.prod(np.where(np.eye(n, dtype=bool), 1, s[..., None, :]), axis=-1)
    return _turned(u, products[..., None] * np.eye(n, dtype=bool), vh)


def _turned(u: Any, middle: Any, vh: Any) -> Any:
    sign = linalg.det(u) * linalg.det(vh)
    return sign[..., None, None] * (conjugated(u) @ middle @ conjugated(vh))


def _cofactors_vjp(g: Any, a: Any) -> Any:
    """Return the adjoint of the cofactors, in the basis of the singular vectors.

    At a diagonal matrix, the cofactor at (i, i) grows with the element at (j, j), and the one at (i, j) falls with that
    at (j, i), by the product of the elements other than i and j.
    """
    u, s, vh = linalg.svd(a)
    same = np.eye(s.shape[-1], dtype=bool)
    products = np.prod(np.where(same[:, None] | same, 1, s[..., None, None, :]), axis=-1) * ~same
    turned = _adjoint(u) @ g @ _adjoint(vh)
    diagonal = np.sum(turned * same, axis=-1)
    along = (products.astype(diagonal.dtype) @ diagonal[..., None]) * same
    return _turned(u, along - products * _transposed(turned), vh)


defvjp(cofactors, lambda g, _y, a: _cofactors_vjp(g, a))


def _slogdet_vjp(g: Any, y: Any, a: Any) -> Any:
    (g_sign, g_logarithm), (sign, _) = g, y
    why = (
        "np.linalg.slogdet: a matrix is singular, but for rounding, and the logarithm of its determinant, minus "
        "infinity, has no derivative; np.linalg.det has one"
    )
    try:
        slope = _transposed(linalg.inv(a))
    except ValueError:  # LinAlgError among them
        _refuse(why)
    if _is_singular(a, slope):
        _refuse(why)
    if sign.dtype.kind == "c":  # the sign turns with the imaginary part of d(log det); a real one is constant
        g_logarithm = g_logarithm + 1j * np.imag(g_sign * sign)
    return g_logarithm[..., None, None] * slope


# ---------------------------------------------------------------------------------------------------------------------
# Decompositions
# ---------------------------------------------------------------------------------------------------------------------

# Functions of Hermitian matrices (cholesky, eigh, eigvalsh) read one triangle only. The gradient is nevertheless that
# with respect to the whole matrix, kept Hermitian: Hermitian itself, so that descent along it stays among such
# matrices. JAX has it so, too. Differences of one element alone are those of a matrix that is not Hermitian: off the
# diagonal they are twice the gradient in the triangle that is read, and 0 in the other.

defvjp(
    linalg.cholesky,
    lambda g, y, _a, upper=False: _cholesky_vjp(_adjoint(g), _adjoint(y)) if upper else _cholesky_vjp(g, y),
)
defvjp(linalg.eigh, lambda g, y, _a, UPLO="L": _eigh_vjp(*g, *y))
defvjp(linalg.eig, lambda g, y, a: _eig_vjp(g, y, a))
defvjp(linalg.svd, lambda g, y, _a, full_matrices=True: _svd_vjp(*g, *y))
defvjp(linalg.qr, lambda g, y, _a: _qr_vjp(*g, *y))


def _cholesky_vjp(g: Any, y: Any) -> Any:
    """I. Murray, "Differentiation of the Cholesky decomposition" (2016)."""
    inverse = linalg.inv(y)
    middle = _adjoint(y) @ conjugated(g)
    lower = np.tril(middle) + np.tril(middle, -1)
    return conjugated(_adjoint(inverse) @ _hermitian(lower) @ inverse) / 2


# The vectors of a value that repeats can be turned at will and have no derivative. Where they are used all the same,
# the gradient is refused, since it would depend on how they happened to come out: PyTorch and JAX give NaN, or large
# numbers where the values differ by rounding. Functions of the values alone keep their gradients.


@primitive
def without_derivative(x: Any, why: str = "") -> Any:
    """Pass on what has no derivative."""
    return x


defvjp(without_derivative, lambda g, _y, _x, why="": _refuse(why))


def _separable(vectors: Any, values: Any, name: str, nonzero: bool = False) -> Any:
    """Return vectors through which gradients pass only if no two values are exactly equal (or, if asked, 0)."""
    ordered = np.sort(plain(values), axis=-1)
    if np.all(np.diff(ordered) != 0) and not (nonzero and np.any(ordered == 0)):
        return vectors
    return without_derivative(vectors, why=_why(name))


def _why(name: str) -> str:
    return (
        f"{name}: a gradient passes through the vectors of a value that repeats, or is 0, which have no derivative; "
        f"use the values alone, or part them by a small random matrix added to the argument"
    )


def _quotient(numerators: Any, denominators: Any, vanishing: Any, name: str) -> Any:
    """Divide; where the denominator is rounding only, there must be nothing to divide: these vectors are not used."""
    if np.any(vanishing & (plain(numerators) != 0) & ~np.isnan(plain(numerators))):
        _refuse(_why(name))
    return np.where(vanishing, 0, numerators) / np.where(vanishing, 1, denominators)


def rounding(values: Any, size: int) -> Any:
    """Return how far the rounding of a decomposition moves the values."""
    largest = np.max(np.abs(plain(values)), axis=-1, initial=0, keepdims=True)
    return largest * (size * float(np.finfo(values.dtype).eps))


def _gaps(values: Any, size: int) -> tuple[Any, Any]:
    """Return the differences `values[j] - values[i]`, and where they are no more than rounding."""
    gaps = values[..., None, :] - values[..., None]
    return gaps, np.abs(plain(gaps)) <= rounding(values, size)[..., None]


def _off_diagonal(x: Any) -> Any:
    return x * ~np.eye(x.shape[-1], dtype=bool)


def _eigh_vjp(g_w: Any, g_v: Any, w: Any, v: Any) -> Any:
    """Giles, section 3.1."""
    v = _separable(v, w, "np.linalg.eigh")
    inner = _off_diagonal(_adjoint(v) @ conjugated(g_v))
    turn = _quotient(inner, *_gaps(w, w.shape[-1]), "np.linalg.eigh")
    return conjugated(_hermitian(v @ (turn + _diagonal(g_w)) @ _adjoint(v)))


def _eig_vjp(g: Any, y: Any, a: Any) -> Any:
    """Boeddeker et al., for eigenvectors that keep the length 1."""
    (g_w, g_v), (w, v) = g, y
    _refuse_defective(plain(w), plain(v), plain(a))
    v = _separable(v, w, "np.linalg.eig")
    gaps, equal = _gaps(w, w.shape[-1])
    adjoint = _adjoint(v)
    inner = adjoint @ conjugated(g_v)
    stretch = np.real(np.sum(inner * np.eye(w.shape[-1], dtype=bool), axis=-1))
    inner = _off_diagonal(inner - adjoint @ v * stretch[..., None, :])
    turn = _quotient(inner, conjugated(gaps), equal, "np.linalg.eig")
    return conjugated(linalg.solve(adjoint, (turn + _diagonal(conjugated(g_w))) @ adjoint))


def _refuse_defective(w: Any, v: Any, a: Any) -> None:
    """Raise if the rounding of `a` is enough to make two of its eigenvalues one, and their eigenvectors parallel.

    An eigenvalue moves by up to `sensitivity` times a change of the matrix: G. H. Golub and C. F. Van Loan, "Matrix
    computations", section 7.2.2.
    """
    eps = float(np.finfo(w.dtype).eps)
    try:
        inverse = linalg.inv(v)
    except LinAlgError:
        inverse = np.full(v.shape, np.inf)
    largest = _largest(a)
    with np.errstate(over="ignore", invalid="ignore"):  # of inverses of what is singular
        sensitivity = linalg.norm(inverse, axis=-1)  # the columns of v have length 1
        larger = np.maximum(sensitivity[..., None], sensitivity[..., None, :])
        gaps = np.abs(w[..., None] - w[..., None, :]) / largest
        moves = 10 * eps * _frobenius(a / largest)[..., None, None] * larger
    others = ~np.eye(w.shape[-1], dtype=bool)
    if np.any(others & ~(larger <= eps**-0.25) & ~(gaps > moves)):  # also if a sensitivity is not a number
        _refuse(
            "np.linalg.eig: a matrix has fewer eigenvectors than eigenvalues, but for rounding, and these have no "
            "derivative; functions of the matrix itself, such as the trace of a power, have one"
        )


def _svd_vjp(g_u: Any, g_s: Any, g_vh: Any, u: Any, s: Any, vh: Any) -> Any:
    """Return the adjoint of the singular value decomposition.

    J. Townsend, "Differentiating the singular value decomposition" (2016), and for the phases, of which each pair of
    vectors has one that is free, Z.-Q. Wan and S.-X. Zhang, "Automatic differentiation for complex valued SVD" (2019).
    """
    k, rows, columns = s.shape[-1], u.shape[-2], vh.shape[-1]
    if np.any(plain(g_u)[..., k:]) or np.any(plain(g_vh)[..., k:, :]):
        raise LinAlgError(
            f"np.linalg.svd: a gradient passes through the singular vectors beyond the {k} that have a singular value, "
            f"which have no derivative; use full_matrices=False (they project onto what the others leave: I - u @ uH)"
        )
    u, vh = _separable_pairs(u, s, vh)
    u, v, g_u, g_v = u[..., :k], _adjoint(vh)[..., :k], conjugated(g_u)[..., :k], _transposed(g_vh)[..., :k]
    inner_u, inner_v = _adjoint(u) @ g_u, _adjoint(v) @ g_v
    gaps, equal = _gaps(s, max(rows, columns))
    gaps = gaps * (s[..., None, :] + s[..., None])
    zero = np.less_equal(s, rounding(s, max(rows, columns)))

    def turn(inner: Any) -> Any:
        part = _quotient(_off_diagonal(inner), gaps, equal, "np.linalg.svd")
        return part + _adjoint(part)

    def over_s(numerators: Any, denominators: Any, vanishing: Any) -> Any:
        return _quotient(numerators, denominators, vanishing, "np.linalg.svd")

    middle = turn(inner_u) * s[..., None, :] + s[..., None] * turn(inner_v) + _diagonal(g_s)
    if middle.dtype.kind == "c":
        phases = np.imag(np.sum((inner_u - inner_v) * np.eye(k, dtype=bool), axis=-1))
        middle = middle + _diagonal(over_s(phases, 2 * s, zero)) * 1j
    gradient = u @ middle @ _adjoint(v)
    if rows > k:
        gradient = gradient + over_s(g_u - u @ inner_u, s[..., None, :], zero[..., None, :]) @ _adjoint(v)
    if columns > k:
        gradient = gradient + u @ _adjoint(over_s(g_v - v @ inner_v, s[..., None, :], zero[..., None, :]))
    return conjugated(gradient)


def _separable_pairs(u: Any, s: Any, vh: Any) -> tuple[Any, Any]:
    """Return singular vectors through which gradients pass only if they have a derivative.

    Those of 0 have none if the other side has room to turn: unless the matrix is square and real.
    """
    nonzero = u.shape[-2] != vh.shape[-1] or u.dtype.kind == "c"
    return _separable(u, s, "np.linalg.svd", nonzero), _separable(vh, s, "np.linalg.svd", nonzero)


def _qr_vjp(g_q: Any, g_r: Any, q: Any, r: Any) -> Any:
    """Seeger et al., turned round; of a wide matrix the columns beyond the square part are `q` times those of `r`."""
    k = q.shape[-1]
    diagonal = np.abs(np.diagonal(plain(r)[..., :k], axis1=-2, axis2=-1))
    if np.any(diagonal <= rounding(diagonal, q.shape[-2])):
        _refuse(
            f"np.linalg.qr: the first {k} columns of a matrix are linearly dependent, but for rounding, and their "
            f"orthonormal basis has no derivative; leave columns out, or add a small random matrix"
        )
    g_q, g_r = conjugated(g_q), conjugated(g_r)
    square, wide, g_square, g_wide = r[..., :k], r[..., k:], g_r[..., :k], g_r[..., k:]
    g_q = g_q + q @ wide @ _adjoint(g_wide)
    upper = g_square @ _adjoint(square) - _adjoint(q) @ g_q
    total = g_q + q @ _hermitian(np.triu(upper) + np.triu(upper, 1))
    left = _adjoint(linalg.solve(square, _adjoint(total)))
    return conjugated(np.concatenate((left, q @ g_wide), axis=-1))


EigResult: Any = linalg.eig(np.eye(1)).__class__
EighResult: Any = linalg.eigh(np.eye(1)).__class__
QRResult: Any = linalg.qr(np.eye(1)).__class__
SlogdetResult: Any = linalg.slogdet(np.eye(1)).__class__
SVDResult: Any = linalg.svd(np.eye(1)).__class__


@implements(linalg.slogdet)
def slogdet(a: Any) -> Any:
    """Return the sign and the logarithm of the absolute value of the determinant; see `numpy.linalg.slogdet`."""
    return SlogdetResult(*record(primitives[linalg.slogdet], (a,), {}))


@implements(linalg.eig)
def eig(a: Any) -> Any:
    """Return eigenvalues and eigenvectors; see `numpy.linalg.eig`."""
    w, v = record(primitives[linalg.eig], (a,), {})
    return EigResult(w, _separable(v, w, "np.linalg.eig"))


@implements(linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    """Return eigenvalues and eigenvectors of Hermitian matrices, by which they change; see `numpy.linalg.eigh`."""
    w, v = record(primitives[linalg.eigh], (a,), {"UPLO": UPLO})
    return EighResult(w, _separable(v, w, "np.linalg.eigh"))


@implements(linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Return the singular value decomposition; see `numpy.linalg.svd`."""
    if hermitian:
        raise TypeError(
            "np.linalg.svd: hermitian=True is not supported on tensors; leave it out, or use np.linalg.eigh, whose "
            "eigenvalues have the singular values as their absolute values"
        )
    if not compute_uv:
        return linalg.svdvals(a)
    u, s, vh = record(primitives[linalg.svd], (a,), {"full_matrices": full_matrices})
    u, vh = _separable_pairs(u, s, vh)
    return SVDResult(u, s, vh)


@implements(linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """Return orthonormal columns and an upper triangle; see `numpy.linalg.qr`."""
    if mode not in ("reduced", "r") and not (mode == "complete" and a.shape[-2] <= a.shape[-1]):
        raise TypeError(
            f"np.linalg.qr: mode={mode!r} for shape {a.shape} is not supported on tensors, since what it adds has no "
            f"derivative; use 'reduced' or 'r'"
        )
    q, r = record(primitives[linalg.qr], (a,), {})
    return r if mode == "r" else QRResult(q, r)


# ---------------------------------------------------------------------------------------------------------------------
# Norms
# ---------------------------------------------------------------------------------------------------------------------


@primitive(name="np.linalg.vector_norm")
def p_norm(x: Any, order: float = 2, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the p-norm of vectors: the root of order p of the sum of absolute values to the power p."""
    return linalg.vector_norm(x, ord=order, axis=axis, keepdims=keepdims)


def _p_norm_vjp(g: Any, y: Any, x: Any, order: float, axis: Any) -> Any:
    shape = np.sum(plain(x), axis=axis, keepdims=True).shape
    g, y = g.reshape(shape), y.reshape(shape)
    lost = (y == 0) | np.isinf(y)  # all elements 0, or powers too small or too large
    inexact = lost | too_small(y, order)
    if np.any(inexact):
        x = scaled_along(x, axis)
        y = p_norm(x, order=order, axis=axis, keepdims=True)
    # The norm has a kink at 0, and of its subgradients 0 is the smallest: PyTorch's choice. Elements that are 0 in a
    # norm of another order have no slope either, or for orders below 1 an infinite one, for which PyTorch takes 0 too.
    positive = y != 0
    y = np.where(positive, y, 1)
    if order == 2:
        part = g * conjugated(x) / y
    else:
        size = np.where(x == 0, 1, np.abs(x))
        part = g * (positive & (x != 0)) * conjugated(x) / size * (size / y) ** (order - 1)
        if order < 2:
            part = kinked(part, lambda: x == 0, x)
    reduced = tuple(i - x.ndim for i in range(x.ndim) if x.shape[i] != shape[i])
    return kinked(part, lambda: lost, x, axis=reduced)


defvjp(p_norm, lambda g, y, x, order=2, axis=None, keepdims=False: _p_norm_vjp(g, y, x, order, axis))
