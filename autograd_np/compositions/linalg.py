"""Functions of matrices and of stacks of matrices: systems, singular values, norms, products, the array API's names."""

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from autograd_np.compositions.arguments import inexact
from autograd_np.compositions.formulas import formula_of, itself_where, recorded
from autograd_np.primitives import constants, implements
from autograd_np.rules.arguments import no_out
from autograd_np.rules.linalg import cutoff, eig, eigh, least_squares, p_norm, rounding, svd, without_derivative
from autograd_np.tensor import as_array, plain

linalg: Any = np.linalg  # whose stubs do not know tensors


# ---------------------------------------------------------------------------------------------------------------------
# Systems of equations
# ---------------------------------------------------------------------------------------------------------------------


def _lstsq(a: Any, b: Any, rcond: float | None = None) -> tuple[Any, Any, Any, Any]:
    a, b = as_array(a), as_array(b)
    x, s = least_squares(a, b, rcond=rcond), svdvals(a)
    values = plain(s)
    rank = int(np.sum(values > cutoff(a, rcond) * values.max(initial=0)))
    rows, columns = a.shape
    if rank < columns or rows <= columns:
        return x, np.empty(0, values.dtype), rank, s
    residuals = np.sum(np.square(np.abs(b - a @ x)), axis=0)
    return x, np.reshape(residuals, (-1,)) if b.ndim == 1 else residuals, rank, s


_recorded_lstsq = recorded(linalg.lstsq, _lstsq)


@implements(linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: float | None = None) -> tuple[Any, Any, Any, Any]:
    """Return the solution, sums of squared residuals, the rank and the singular values; see `numpy.linalg.lstsq`."""
    x, residuals, rank, s = _recorded_lstsq(a, b, rcond)
    return x, residuals, plain(rank)[()], s


@implements(linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Sequence[int] | None = None) -> Any:
    """Solve `tensordot(a, x, x.ndim) = b`; see `numpy.linalg.tensorsolve`."""
    a, b = as_array(a), as_array(b)
    if axes is not None:
        order = list(range(a.ndim))
        for axis in axes:
            order.remove(axis)
            order.append(axis)
        a = np.transpose(a, order)
    shape = a.shape[b.ndim :]
    n = math.prod(shape)
    if a.size != n * n or b.size != n:
        raise LinAlgError(
            f"np.linalg.tensorsolve of shapes {a.shape} and {b.shape}: the first axes of `a`, as many as `b` has, must "
            f"hold as many elements as the rest of its axes, and as `b`"
        )
    return linalg.solve(np.reshape(a, (n, n)), np.ravel(b)).reshape(shape)


@implements(linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """Invert with respect to the first `ind` axes; see `numpy.linalg.tensorinv`."""
    if ind <= 0:
        raise ValueError(f"np.linalg.tensorinv: ind={ind!r} is no positive number of axes")
    left, right = a.shape[:ind], a.shape[ind:]
    n = math.prod(left)
    if n != math.prod(right):
        raise LinAlgError(
            f"np.linalg.tensorinv of shape {a.shape}: the first ind={ind} axes must hold as many elements as the rest"
        )
    return linalg.inv(np.reshape(a, (n, n))).reshape(right + left)


# ---------------------------------------------------------------------------------------------------------------------
# Eigenvalues and singular values
# ---------------------------------------------------------------------------------------------------------------------


@implements(linalg.eigvals)
def eigvals(a: Any) -> Any:
    """Return eigenvalues; see `numpy.linalg.eigvals`."""
    return eig(a).eigenvalues


@formula_of(linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """Return eigenvalues of Hermitian matrices, by which they change; see `numpy.linalg.eigvalsh`."""
    return eigh(a, UPLO).eigenvalues


@formula_of(linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    """Return singular values; see `numpy.linalg.svdvals`."""
    return svd(x, full_matrices=False).S


@implements(linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """Count the singular values that are not 0, in a plain array; see `numpy.linalg.matrix_rank`."""
    return linalg.matrix_rank(plain(A), tol, hermitian, rtol=rtol)


constants.add(matrix_rank)


# ---------------------------------------------------------------------------------------------------------------------
# Norms
# ---------------------------------------------------------------------------------------------------------------------


@implements(linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Any:
    """Return norms of vectors, along any axes; see `numpy.linalg.vector_norm`."""
    if isinstance(ord, str):
        raise ValueError(f"np.linalg.vector_norm: ord={ord!r} is no order of a vector's norm; it is a number")
    x = inexact(x)
    if ord == 2:
        return p_norm(x, axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == math.inf:
        return _largest(np.abs(x), axis, keepdims)
    if ord == -math.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:  # the number of elements that are not 0: constant but for jumps
        return np.sum(np.sign(np.abs(x)), axis=axis, keepdims=keepdims)
    return p_norm(x, order=float(ord), axis=axis, keepdims=keepdims)


@formula_of(linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: float | str | None = "fro") -> Any:
    """Return norms of matrices; see `numpy.linalg.matrix_norm`."""
    x = inexact(x)
    if ord is None or ord in ("fro", "f"):
        return p_norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord in ("nuc", 2, -2):
        values = svdvals(x)
    elif ord in (1, -1):
        values = np.sum(np.abs(x), axis=-2)
    else:
        values = np.sum(np.abs(x), axis=-1)
    if ord == "nuc":
        result = np.sum(values, axis=-1)
    else:
        result = _largest(values, -1) if float(ord) > 0 else np.min(values, axis=-1)
    return result[..., None, None] if keepdims else result


def _largest(x: Any, axis: Any, keepdims: bool = False) -> Any:
    """Return the maximum, and 0 of nothing."""
    initial: Any = {} if x.size else {"initial": 0}
    return np.max(x, axis=axis, keepdims=keepdims, **initial)


@formula_of(linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return norms of vectors or of matrices; see `numpy.linalg.norm`."""
    if axis is None and ord is None:
        return vector_norm(x, keepdims=keepdims)
    axes: list[int] = list(range(x.ndim)) if axis is None else np.atleast_1d(axis).tolist()
    if len(axes) == 1:
        return vector_norm(x, axis=axes[0], keepdims=keepdims, ord=2 if ord is None else ord)
    result = matrix_norm(np.moveaxis(x, axes, (-2, -1)), ord=ord)
    return np.expand_dims(result, tuple(i % x.ndim for i in axes)) if keepdims else result


@formula_of(linalg.cond)
def cond(x: Any, p: float | str | None = None) -> Any:
    """Return the condition number; see `numpy.linalg.cond`."""
    if p is None or p in (2, -2):
        s = svdvals(x)
        largest, smallest = s[..., 0], s[..., -1]
        with np.errstate(all="ignore"):
            ratio = smallest / largest if p == -2 else largest / smallest
        if p != -2 and np.any(plain(smallest) <= rounding(s, max(x.shape[-2:]))[..., 0]):
            why = "np.linalg.cond: of a matrix that is singular, but for rounding, it has no derivative; p=-2 has one"
            ratio = without_derivative(ratio, why=why)
        return np.where(plain(largest) == 0, math.inf, ratio)
    return matrix_norm(x, ord=p) * matrix_norm(linalg.inv(x), ord=p)


# ---------------------------------------------------------------------------------------------------------------------
# Products
# ---------------------------------------------------------------------------------------------------------------------


@formula_of(linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """Multiply a matrix with itself, or its inverse; see `numpy.linalg.matrix_power`."""
    n = operator.index(n)
    if n == 0:
        return np.eye(a.shape[-1])
    square, n = (linalg.inv(a), -n) if n < 0 else (a, n)
    power: Any = None
    while n:
        if n % 2:
            power = square if power is None else power @ square
        n //= 2
        square = square @ square if n else square
    return power


itself_where(linalg.matrix_power, 1, lambda a: a.ndim > 1 and a.shape[-1] == a.shape[-2])


@implements(linalg.multi_dot)
def multi_dot(arrays: Sequence[Any], *, out: Any = None) -> Any:
    """Multiply matrices in the order that takes the fewest operations; see `numpy.linalg.multi_dot`."""
    no_out("np.linalg.multi_dot", out)
    factors = [as_array(a) for a in arrays]
    if len(factors) < 2:
        raise ValueError(f"np.linalg.multi_dot: needs at least two arrays, got {len(factors)}")
    row, column = factors[0].ndim == 1, factors[-1].ndim == 1
    factors[0] = factors[0][None] if row else factors[0]
    factors[-1] = factors[-1][:, None] if column else factors[-1]
    if any(factor.ndim != 2 for factor in factors):
        raise LinAlgError(
            f"np.linalg.multi_dot: takes matrices, and vectors at the ends, got shapes {[np.shape(a) for a in arrays]}"
        )
    splits = _splits([*(factor.shape[0] for factor in factors), factors[-1].shape[1]])
    product = _product(factors, splits, 0, len(factors) - 1)
    return product.reshape(product.shape[row : 2 - column]) if row or column else product


def _product(factors: Sequence[Any], splits: dict[tuple[int, int], int], first: int, last: int) -> Any:
    if first == last:
        return factors[first]
    k = splits[first, last]
    return _product(factors, splits, first, k) @ _product(factors, splits, k + 1, last)


def _splits(lengths: Sequence[int]) -> dict[tuple[int, int], int]:
    """Return after which factor to cut each run of a matrix chain.

    T. H. Cormen et al., "Introduction to algorithms", section 15.2.
    """
    count = len(lengths) - 1
    cost = {(i, i): 0 for i in range(count)}
    splits: dict[tuple[int, int], int] = {}
    for run in range(1, count):
        for i in range(count - run):
            j = i + run
            cost[i, j], splits[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + lengths[i] * lengths[k + 1] * lengths[j + 1], k) for k in range(i, j)
            )
    return splits


# ---------------------------------------------------------------------------------------------------------------------
# The array API's names for functions elsewhere
# ---------------------------------------------------------------------------------------------------------------------


@implements(linalg.matmul)
def matmul(x1: Any, x2: Any, /) -> Any:
    """See `numpy.matmul`."""
    return np.matmul(x1, x2)


@implements(linalg.tensordot)
def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """See `numpy.tensordot`."""
    return np.tensordot(x1, x2, axes)


@implements(linalg.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """See `numpy.vecdot`."""
    return np.vecdot(x1, x2, axis=axis)  # pyright: ignore[reportCallIssue, reportUnknownVariableType] (it dispatches)


@implements(linalg.outer)
def outer(x1: Any, x2: Any, /) -> Any:
    """Multiply every element of one vector with every element of another; see `numpy.linalg.outer`."""
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError(f"np.linalg.outer: takes two vectors, got shapes {np.shape(x1)} and {np.shape(x2)}")
    return np.outer(x1, x2)


@implements(linalg.cross)
def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Multiply vectors in space; see `numpy.linalg.cross`."""
    if np.shape(x1)[axis] != 3 or np.shape(x2)[axis] != 3:
        raise ValueError(
            f"np.linalg.cross: takes vectors of length 3 along axis {axis}, got {np.shape(x1)} and {np.shape(x2)}"
        )
    return np.cross(x1, x2, axis=axis)


@implements(linalg.trace)
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """Sum along the diagonals of matrices; see `numpy.linalg.trace`."""
    return np.trace(x, offset, axis1=-2, axis2=-1, dtype=dtype)


@implements(linalg.diagonal)
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """Take the diagonals of matrices; see `numpy.linalg.diagonal`."""
    return np.diagonal(x, offset, axis1=-2, axis2=-1)


@implements(linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """See `numpy.matrix_transpose`."""
    return np.matrix_transpose(x)
