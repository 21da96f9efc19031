"""Implicit functions: roots and fixed points, however they were found, with gradients by what they depend on.

Where f(x, a) = 0 defines x as a function of a, its derivative follows from that equation alone: dx/da = -(df/dx)^-1
df/da, the implicit function theorem. So nothing of the search for x is recorded or kept in memory. The gradient takes
one linear system with the transposed Jacobian; its solution is the root of a linear equation again, and so there are
derivatives of any order.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize
import scipy.sparse.linalg

from autograd_np.parameters import constant, set_apart
from autograd_np.primitives import defvjp
from autograd_np.tensor import Operand, Tensor, as_array, plain, primitive
from autograd_np.transforms import jacobian, may_be_constant, vjp
from autograd_np.trees import leaves_of

__all__ = ["fixed_point", "root"]

_numpy: Any = np.linalg
_optimize: Any = scipy.optimize
_sparse: Any = scipy.sparse.linalg

_DENSE = 300
"""Up to how many unknowns the Jacobian is made; above, GMRES multiplies by it."""


def root(
    f: Callable[..., Any],
    x0: Operand,
    *args: Any,
    solver: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    tol: float | None = None,
) -> Any:
    """Return an x where f(x, *args) = 0, with gradients by the arguments.

    Parameters
    ----------
    f : callable
        `f(x, *args)`, written with NumPy, returns an array of the shape of `x`. For the solution of an optimisation it
        is the gradient of what is minimised: `grad(loss)`. It is called with arrays, and for gradients with tensors.
        What is to be differentiated by comes to it by `args`.
    x0 : array_like or Tensor
        Where the search begins, of any shape. The root does not depend on it, and it gets no gradient.
    *args
        Further arguments: arrays and tensors, also in nested dicts, lists and tuples, and anything else.
    solver : callable, optional
        Finds the root: called as `solver(g, x0)`, with `g(x) = f(x, *args)` for arrays. Many of SciPy's are such, as
        `scipy.optimize.newton_krylov`; others become one, `lambda g, x0: scipy.optimize.brentq(g, 0, 1)`. By default
        `scipy.optimize.root` with the Jacobian of `f`.
    tol : float, optional
        How far any element of f may be from 0 at the root that the solver returns. By default the square root of the
        dtype's precision (1.5e-8 for float64), times the largest element of the root if that is above 1.

    Returns
    -------
    array or Tensor of the shape of `x0`
        A Tensor if there is one among `args`.

    Raises
    ------
    RuntimeError
        If the solver fails, or ends above `tol`; in the backward pass if the Jacobian of `f` is singular at the root,
        which has no derivative then.
    TypeError
        If `f` closes over a tensor that requires a gradient, or a number is complex.
    ValueError
        If `f` returns another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import grad, hessian
    >>> from autograd_np.implicit import root
    >>> def cube_root(a):
    ...     return root(lambda x, a: x**3 - a, 1.0, a)
    >>> print(f"{cube_root(8.0):.6f} {grad(cube_root)(8.0):.6f} {hessian(cube_root)(8.0):.6f}")
    2.000000 0.083333 -0.006944
    """
    return _implicit("root", f, x0, args, solver, tol)


def fixed_point(f: Callable[..., Any], x0: Operand, *args: Any, tol: float | None = None, maxiter: int = 1000) -> Any:
    """Return an x where f(x, *args) = x, found by iterating f, with gradients by the arguments.

    Where that converges too slowly, or not at all, `root` of `f(x, *args) - x` takes other solvers, such as
    `scipy.optimize.anderson`.

    Parameters
    ----------
    f : callable
        `f(x, *args)`, written with NumPy, returns an array of the shape of `x`; see `root`.
    x0 : array_like or Tensor
        Where the iteration begins, of any shape; it gets no gradient.
    *args
        Further arguments; see `root`.
    tol : float, optional
        How far any element of f(x) may be from that of x; by default as for `root`.
    maxiter : int
        After how many iterations to give up.

    Returns
    -------
    array or Tensor of the shape of `x0`
        A Tensor if there is one among `args`.

    Raises
    ------
    RuntimeError
        If the iteration does not converge; in the backward pass if 1 is an eigenvalue of the Jacobian of `f`.
    TypeError, ValueError
        As `root`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import grad
    >>> from autograd_np.implicit import fixed_point
    >>> def square_root(a):  # Heron's method
    ...     return fixed_point(lambda x, a: (x + a / x) / 2, 1.0, a)
    >>> print(f"{square_root(4.0):.6f} {grad(square_root)(4.0):.6f}")
    2.000000 0.250000
    """

    def difference(x: Any, *args: Any) -> Any:
        return as_array(f(x, *args), "fixed_point: f(x)") - x

    def iterate(step: Callable[[Any], Any], x: Any) -> Any:
        for _ in range(maxiter):
            found = step(x)
            x = x + found
            if _largest(found) <= _bound(tol, x):
                return x
        raise RuntimeError(
            f"fixed_point: f(x) still differs from x by {_largest(step(x)):.1e} after maxiter={maxiter} iterations; "
            f"begin closer, or take root(lambda x, *args: f(x, *args) - x, x0, *args, solver=...)"
        )

    return _implicit("fixed_point", difference, x0, args, iterate, tol)


# ---------------------------------------------------------------------------------------------------------------------
# Finding the root
# ---------------------------------------------------------------------------------------------------------------------


def _implicit(
    call: str, f: Callable[..., Any], x0: Operand, args: tuple[Any, ...], solver: Any, tol: float | None
) -> Any:
    start = plain(as_array(x0, f"{call}: x0"))
    if start.dtype.kind == "c":
        raise TypeError(f"{call}: x0 is complex; solve for the real and the imaginary part")
    dtype = np.dtype(np.float32 if start.dtype in (np.float16, np.float32) else float)
    start = np.array(start, dtype)
    params, filled = set_apart(args)

    def residual(x: Any, *params: Any) -> Any:
        y = as_array(f(x, *filled(params)), f"{call}: f(x)")
        if y.shape != start.shape:
            raise ValueError(f"{call}: f returned shape {y.shape} for x of shape {start.shape}; they must agree")
        if y.dtype.kind == "c":
            raise TypeError(f"{call}: f returned complex numbers; solve for the real and the imaginary part")
        return y

    arrays = [plain(param) for param in params]

    def of_arrays(x: Any) -> Any:
        return constant(residual(np.asarray(x).reshape(start.shape), *arrays), call)

    def flat(x: Any) -> Any:
        return residual(x.reshape(start.shape), *arrays).reshape(-1)

    def flat_of_arrays(x: Any) -> Any:
        return of_arrays(x).reshape(-1)

    np.asarray(of_arrays(start))  # for its own errors, which a solver might make others of
    if solver is None:
        # What it says of its success is not asked: at an exact root it reports that it makes no progress.
        x = _optimize.root(flat_of_arrays, start.reshape(-1), jac=jacobian(may_be_constant(flat))).x
    else:
        x = np.asarray(plain(solver(of_arrays, start.copy())))
    if x.size != start.size or x.dtype.kind not in "iuf":
        raise ValueError(f"{call}: the solver returned {x.dtype} {x.shape} for x0 of shape {start.shape}")
    x = np.array(x, dtype).reshape(start.shape)
    left = _largest(of_arrays(x))
    if not left <= _bound(tol, x):  # nor is NaN
        raise RuntimeError(
            f"{call}: the solver ended where an element of f is {left:.1e}, more than tol={_bound(tol, x):.1e}: it is "
            f"no root, and its gradient would be another one; begin closer, let it go on, or give a larger tol"
        )
    if not params:
        return Tensor(x) if any(isinstance(arg, Tensor) for arg in leaves_of(args)) else x
    return _root(*params, values=x, residual=residual)


def _largest(x: Any) -> float:
    return float(np.max(np.abs(x), initial=0.0))


def _bound(tol: float | None, x: Any) -> float:
    """Return how far the elements of f may be from 0."""
    return float(np.finfo(x.dtype).eps) ** 0.5 * max(1.0, _largest(x)) if tol is None else tol


# ---------------------------------------------------------------------------------------------------------------------
# Its gradient
# ---------------------------------------------------------------------------------------------------------------------


@primitive(name="implicit", fresh=True)
def _root(*params: Any, values: Any = None, residual: Any = None) -> Any:
    return values


def _root_vjps(g: Any, y: Any, *params: Any, values: Any = None, residual: Any = None) -> list[Any]:
    u = _root(g, y, *params, values=_weights(residual, *map(plain, (g, y, *params))), residual=_weighted(residual))

    def at_root(*params: Any) -> Any:
        return residual(y, *params)

    return [*vjp(may_be_constant(at_root), *params)[1](-u)]


defvjp(_root, joint=_root_vjps)


def _weighted(residual: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function of u, g, y and the parameters that is 0 where u J = g, with J the Jacobian at y."""

    def difference(u: Any, g: Any, y: Any, *params: Any) -> Any:
        def at_params(y: Any) -> Any:
            return residual(y, *params)

        return vjp(may_be_constant(at_params), y)[1](u)[0] - g

    return difference


def _weights(residual: Callable[..., Any], g: Any, y: Any, *params: Any) -> Any:
    """Return the u where u J = g, all of them arrays.

    Raises
    ------
    RuntimeError
        If there is no single one.
    """

    def at_params(y: Any) -> Any:
        return residual(y, *params)

    n = g.size
    if n <= _DENSE:
        matrix = jacobian(may_be_constant(at_params))(y).reshape(n, n)
        condition = np.linalg.cond(matrix, 1) if n else 1.0
        if not condition * np.finfo(matrix.dtype).eps < 1:
            raise RuntimeError(
                f"implicit: the Jacobian of f is singular at the root (of condition {condition:.1e}), which has no "
                f"derivative there: another root may lie beside it, or an argument has none close by"
            )
        return _numpy.solve(matrix.T, g.reshape(n)).reshape(g.shape)
    pull: Any = vjp(may_be_constant(at_params), y)[1]

    def times(u: Any) -> Any:
        (product,) = pull(u.reshape(y.shape))
        return product.reshape(n)

    operator = _sparse.LinearOperator((n, n), times, dtype=g.dtype)
    u, failed = _sparse.gmres(
        operator, g.reshape(n), rtol=float(np.finfo(g.dtype).eps) ** (2 / 3), restart=50, maxiter=40
    )
    if failed:
        raise RuntimeError(
            f"implicit: GMRES finds no solution of the linear system with the Jacobian of f at the root in {failed} "
            f"iterations; the Jacobian may be singular, where the root has no derivative, or f needs other scales"
        )
    return u.reshape(g.shape)
