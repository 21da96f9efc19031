"""Functions of `scipy.integrate` for differential equations whose solutions are differentiated.

Gradients come from the adjoint equation: R. Chen et al., "Neural ordinary differential equations" (2018), appendix B.
SciPy integrates both ways, with the same method and the same tolerances: gradients are as exact as these make them.
Backwards, the solution is taken anew from each of the given times, so that it does not drift away. The adjoint is
integrated by the same recorded function as the solution, and so there are derivatives of any order.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.integrate

from autograd_np.parameters import constant, set_apart
from autograd_np.primitives import defvjp
from autograd_np.tensor import Operand, Tensor, as_array, plain, primitive
from autograd_np.transforms import may_be_constant, vjp
from autograd_np.trees import leaves_of

__all__ = ["odeint", "solve_ivp"]

_scipy: Any = scipy.integrate


def odeint(
    func: Callable[..., Any],
    y0: Operand,
    t: Operand,
    args: Any = (),
    *,
    tfirst: bool = False,
    rtol: Any = None,
    atol: Any = None,
    hmax: float = 0.0,
    mxstep: int = 0,
) -> Any:
    """Integrate a system of ordinary differential equations by LSODA; see `scipy.integrate.odeint`.

    Parameters
    ----------
    func : callable
        `func(y, t, *args)`, written with NumPy, returns dy/dt of shape (N,). It is called with arrays, with float64 in
        place of float32, and for gradients with tensors. What is to be differentiated by comes to it by `args`.
    y0 : array_like or Tensor, shape (N,) or ()
        The solution at `t[0]`.
    t : array_like or Tensor, shape (T,)
        The times, in order; times may repeat.
    args : tuple
        Further arguments: arrays and tensors, also in nested dicts, lists and tuples, and anything else.
    tfirst : bool
        Whether it is `func(t, y, *args)`.
    rtol, atol : float or array_like, shape (N,), optional
        The relative and absolute tolerance, 1.5e-8 by default. For the adjoint the smallest of them holds.
    hmax : float
        The longest step; 0 for no limit.
    mxstep : int
        The most steps between two times; 0 for 500.

    Returns
    -------
    array or Tensor, shape (T, N)
        The solution at all times, float64. It has gradients by `y0`, `t` and the tensors in `args`.

    Raises
    ------
    RuntimeError
        If the integration fails, forwards or in the backward pass.
    TypeError
        If `func` closes over a tensor that requires a gradient, or a number is complex.
    ValueError
        If the shapes do not fit, or the times are not in order.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import grad
    >>> from autograd_np.scipy.integrate import odeint
    >>> def decay(y, t, rate):
    ...     return -rate * y
    >>> def last(rate):
    ...     return odeint(decay, [1.0], [0.0, 1.0], (rate,))[-1, 0]
    >>> print(f"{last(2.0):.5f} {grad(last)(2.0):.5f}")  # exp(-rate), and its derivative
    0.13534 -0.13534
    """
    field = _Field("odeint", func, _tuple(args), tfirst)
    begin, times = field.on_tape(_floats("odeint: y0", y0).reshape(-1)), _floats("odeint: t", t)
    if times.ndim != 1 or not times.size:
        raise ValueError(f"odeint: t of shape {times.shape}; give times (T,), of which the first is that of y0")

    def solve(f: _Slope, start: Any, times: Any) -> Any:
        of_all = start.size != begin.size
        options = {"rtol": _tolerance(rtol, of_all), "atol": _tolerance(atol, of_all), "hmax": hmax, "mxstep": mxstep}
        y, facts = _scipy.odeint(f, start, times, tfirst=True, full_output=True, **options)
        if facts["message"] not in _SUCCESS:
            what = "odeint of the adjoint" if of_all else "odeint"
            raise RuntimeError(f"{what} from {times[0]} to {times[-1]}: {facts['message']}")
        return y[1:]

    return np.concatenate([begin[None], _solution(field, begin, times, field.params, solve)])


# What odeint says of itself, the latter after equal times.
_SUCCESS = {"Integration successful.", "Nothing was done; the integration time was 0."}


def solve_ivp(
    fun: Callable[..., Any],
    t_span: Any,
    y0: Operand,
    method: Any = "RK45",
    t_eval: Operand | None = None,
    dense_output: bool = False,
    events: None = None,
    vectorized: bool = False,
    args: Any = None,
    *,
    rtol: Any = 1e-3,
    atol: Any = 1e-6,
    max_step: float = np.inf,
) -> Any:
    """Integrate a system of ordinary differential equations; see `scipy.integrate.solve_ivp`.

    Parameters
    ----------
    fun : callable
        `fun(t, y, *args)`, written with NumPy, returns dy/dt of shape (N,); see `odeint`.
    t_span : sequence of two numbers or Tensors, or a Tensor of shape (2,)
        The time of `y0`, and that at which to end.
    y0 : array_like or Tensor, shape (N,)
        The solution at `t_span[0]`.
    method : str or class
        A method of SciPy's.
    t_eval : array_like or Tensor, shape (T,), optional
        The times of the result, in order; by default those of the solver's steps, of which the first and the last are
        `t_span` and the others constants.
    dense_output, events, vectorized
        Not supported.
    args : tuple, optional
        Further arguments; see `odeint`.
    rtol, atol : float or array_like, shape (N,)
        The relative and absolute tolerance. For the adjoint the smallest of them holds. The defaults are SciPy's, and
        give gradients about three digits.
    max_step : float
        The longest step.

    Returns
    -------
    OdeResult
        As SciPy's; `y`, of shape (N, T), is a Tensor with gradients by `y0`, `t_span`, `t_eval` and the tensors in
        `args`, if one of these is a Tensor.

    Raises
    ------
    RuntimeError
        If the integration fails, forwards or in the backward pass.
    TypeError
        If `fun` closes over a tensor that requires a gradient, a number is complex, or something is not supported.
    ValueError
        If the shapes do not fit, or the times are not in order.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import jacobian
    >>> from autograd_np.scipy.integrate import solve_ivp
    >>> def swing(t, y, frequency):
    ...     return np.stack([y[1], -frequency**2 * y[0]])
    >>> def place(frequency):
    ...     return solve_ivp(swing, (0, 1), [1.0, 0.0], args=(frequency,), rtol=1e-9, atol=1e-9).y[0, -1]
    >>> print(f"{place(2.0):.5f} {jacobian(place)(2.0):.5f}")  # cos(frequency), and its derivative
    -0.41615 -0.90930
    """
    for name, given in (("dense_output", dense_output), ("events", events), ("vectorized", vectorized)):
        if given:
            instead = {"dense_output": "; give the times in t_eval", "events": "; give the time of the event in t_span"}
            raise TypeError(f"solve_ivp: {name}= is not supported{instead.get(name, '')}")
    if not isinstance(args, tuple | list | None):
        raise TypeError(f"solve_ivp: args={args!r} is no tuple; give (args,)")
    field = _Field("solve_ivp", fun, args or (), tfirst=True)
    begin, span = field.on_tape(_floats("solve_ivp: y0", y0)), [_floats("solve_ivp: t_span", time) for time in t_span]
    if begin.ndim != 1 or [time.ndim for time in span] != [0, 0]:
        raise ValueError(
            f"solve_ivp: y0 of shape {begin.shape}, t_span of shapes {[time.shape for time in span]}; give y0 (N,) and "
            f"two numbers"
        )

    def solved(f: _Slope, start: Any, ends: Any, at: Any = None) -> Any:
        of_all = start.size != begin.size
        options = {"rtol": _tolerance(rtol, of_all), "atol": _tolerance(atol, of_all), "max_step": max_step}
        result = _scipy.solve_ivp(f, ends, start, method=method, t_eval=at, **options)
        if not result.success:
            what = "solve_ivp of the adjoint" if of_all else "solve_ivp"
            raise RuntimeError(f"{what} from {ends[0]} to {ends[1]}: {result.message}")
        return result

    def solve(f: _Slope, start: Any, times: Any) -> Any:
        return solved(f, start, times).y[:, -1:].T

    result = solved(_of_arrays(field, field.params), plain(begin), [plain(time) for time in span], plain(t_eval))
    start, end = (time[None] for time in span)
    rows = np.asarray(result.y).T
    if t_eval is None:
        times = np.concatenate([start, result.t[1:-1], end])
        y = _trajectory(begin, times, *field.params, values=rows[1:], field=field, solve=solve)
        result.t, result.y = times, np.concatenate([begin[None], y]).T
    else:
        result.t = _floats("solve_ivp: t_eval", t_eval)
        times, rows = np.concatenate([start, result.t]), rows.reshape(result.t.size, begin.size)
        result.y = _trajectory(begin, times, *field.params, values=rows, field=field, solve=solve).T
    return result


# ---------------------------------------------------------------------------------------------------------------------
# The solution and its adjoint
# ---------------------------------------------------------------------------------------------------------------------


class _Field:
    """The right-hand side of a differential equation, as a function of the solution, the time and the tensors."""

    def __init__(self, call: str, func: Callable[..., Any], args: Any, tfirst: bool) -> None:
        self._call, self._func, self._tfirst = call, func, tfirst
        given, self._filled = set_apart(args)
        self.params = [_floats(f"{call}: args", x) for x in given]
        self._any = any(isinstance(x, Tensor) for x in leaves_of(args))

    def __call__(self, y: Any, t: Any, *params: Any) -> Any:
        args = self._filled(params)
        slope = as_array(self._func(t, y, *args) if self._tfirst else self._func(y, t, *args), f"{self._call}: dy/dt")
        if slope.size != y.size:
            raise ValueError(f"{self._call}: the function returned shape {slope.shape} for y of shape {y.shape}")
        if slope.dtype.kind == "c":
            raise TypeError(f"{self._call}: the function returned complex numbers; integrate both their parts")
        return slope.reshape(y.shape)

    def on_tape(self, y0: Any) -> Any:
        """Return a tensor for an array if there are tensors among the arguments, as the result is to be one."""
        return Tensor(y0) if self._any and not isinstance(y0, Tensor) else y0


_Slope = Callable[[float, Any], Any]
_Solve = Callable[[_Slope, Any, Any], Any]
"""Integrates dy/dt = f(t, y) from times[0] on, and returns y at the other times, one row for each."""


def _of_arrays(field: Callable[..., Any], params: Sequence[Any]) -> _Slope:
    """Return the right-hand side as SciPy calls it."""
    arrays = [plain(param) for param in params]
    return lambda t, y: constant(field(y, t, *arrays), "a differential equation")


def _solution(field: Callable[..., Any], y0: Any, times: Any, params: Sequence[Any], solve: _Solve) -> Any:
    """Integrate, and return the solution at all times but the first, one row for each."""
    values = solve(_of_arrays(field, params), plain(y0), plain(times))
    return _trajectory(y0, times, *params, values=values, field=field, solve=solve)


@primitive(name="the solution of a differential equation", fresh=True)
def _trajectory(y0: Any, times: Any, *params: Any, values: Any = None, field: Any = None, solve: Any = None) -> Any:
    return values


def _trajectory_vjps(
    g: Any, y: Any, y0: Any, times: Any, *params: Any, values: Any = None, field: Any = None, solve: Any = None
) -> list[Any]:
    n, ends = y0.shape[0], np.cumsum([2 * y0.shape[0], *(param.size for param in params)])
    adjoint = _adjoint(field, n)
    pulled, sums = np.zeros(n), np.zeros(ends[-1] - ends[0])
    by_time: list[Any] = []
    for i in range(len(y), 0, -1):
        here = y[i - 1]
        by_time.append(np.sum(g[i - 1] * field(here, times[i], *params)))
        state = np.concatenate([here, pulled + g[i - 1], sums])
        before = _solution(adjoint, state, times[[i, i - 1]], params, solve)[0]
        pulled, sums = before[n : 2 * n], before[2 * n :]
    by_time.append(-np.sum(pulled * field(y0, times[0], *params)))
    parts = [sums[i - ends[0] : j - ends[0]] for i, j in itertools.pairwise(ends)]
    of_params = [part.reshape(param.shape) for part, param in zip(parts, params, strict=True)]
    return [pulled, np.stack(by_time[::-1]), *of_params]


defvjp(_trajectory, joint=_trajectory_vjps)


def _adjoint(field: Callable[..., Any], n: int) -> Callable[..., Any]:
    """Return the right-hand side for the solution, its gradient, and the integral that is the parameters' gradient."""

    def slope(state: Any, t: Any, *params: Any) -> Any:
        def at_this_time(y: Any, *params: Any) -> Any:
            return field(y, t, *params)

        value, pull = vjp(may_be_constant(at_this_time), state[:n], *params)
        return np.concatenate([value, *(part.reshape(-1) for part in pull(-state[n : 2 * n]))])

    return slope


# ---------------------------------------------------------------------------------------------------------------------
# Arguments
# ---------------------------------------------------------------------------------------------------------------------


def _floats(what: str, x: Operand) -> Any:
    """Return a tensor or an array of float64, in which SciPy integrates."""
    array = as_array(x, what)
    if array.dtype.kind == "c":
        raise TypeError(f"{what} is complex; integrate the real and the imaginary part as two variables")
    return array if array.dtype == float else array.astype(float)


def _tuple(args: Any) -> tuple[Any, ...]:
    return args if isinstance(args, tuple) else (args,)  # pyright: ignore[reportUnknownVariableType]


def _tolerance(given: Any, adjoint: bool) -> Any:
    """Return a tolerance for the solution, or for all variables that are integrated for the adjoint."""
    return np.min(given) if adjoint and given is not None else given
