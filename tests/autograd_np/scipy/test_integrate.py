"""Solutions of differential equations: SciPy's values, and derivatives by the start, the times and the parameters.

They are held against closed forms (matrix exponentials, the logistic function), against differences at tight
tolerances, and against classical Runge-Kutta steps that are written out. The kinds of what is asked here: equations
that depend on the time; parameters in nested containers, of float32, beside constants; times that run backwards,
repeat, or are one alone; every method; derivatives of second and third order; functions that would lose a gradient, and
solvers that fail.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.integrate
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_np import Tensor, compile, grad, hessian, jacobian, jvp, value_and_grad
from autograd_np.compiling import Uncapturable
from autograd_np.scipy import integrate, linalg
from autograd_np.testing import check_grads
from tests.families import WHILE_WRITING

TIGHT = {"rtol": 1e-10, "atol": 1e-10}
A = np.array([[0.0, 1.0], [-2.0, -0.3]])
Y0 = np.array([1.0, 0.5])
T = np.array([0.1, 0.5, 1.2, 2.0])
METHODS = ["RK45", "RK23", "DOP853", "Radau", "BDF", "LSODA"]


def linear(y: Any, _t: Any, a: Any) -> Any:
    return a @ y


def driven(t: Any, y: Any, a: Any, p: Any) -> Any:
    """An equation that is not linear, and depends on the time."""
    return np.tanh(a @ y) * p["gain"] + np.sin(p["rates"][0] * t)


def by_odeint(y0: Any, t: Any, a: Any) -> Any:
    return integrate.odeint(linear, y0, t, (a,), **TIGHT)


def by_solve_ivp(y0: Any, t: Any, a: Any) -> Any:
    return integrate.solve_ivp(
        lambda t, y, a: linear(y, t, a), (t[0], t[-1]), y0, "DOP853", t, args=(a,), rtol=1e-11, atol=1e-11
    ).y.T


def by_expm(y0: Any, t: Any, a: Any) -> Any:
    return np.stack([linalg.expm(a * (t[i] - t[0])) @ y0 for i in range(len(t))])


@pytest.mark.parametrize("f", [by_odeint, by_solve_ivp])
class TestLinear:
    """A linear equation is solved by the exponential of its matrix."""

    @pytest.mark.parametrize("t", [T, T[::-1], np.array([0.0, 3.0])])
    def test_values_and_gradients(self, f: Callable[..., Any], t: Any) -> None:
        weights = np.random.default_rng(0).standard_normal((len(t), 2))

        def loss(solve: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *args: np.sum(weights * solve(*args) ** 2)

        value, found = value_and_grad(loss(f), (0, 1, 2))(Y0, t, A)
        expected, gradients = value_and_grad(loss(by_expm), (0, 1, 2))(Y0, t, A)
        np.testing.assert_allclose(value, expected, rtol=1e-8)
        for g, e in zip(found, gradients, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-6, atol=1e-7)

    @pytest.mark.parametrize("i", range(3))
    @pytest.mark.parametrize("j", range(3))
    def test_second_derivatives(self, f: Callable[..., Any], i: int, j: int) -> None:
        def twice(solve: Callable[..., Any]) -> Any:
            return jacobian(grad(lambda *args: np.sum(np.array([[1.0, 2.0], [0.5, -1.0]]) * solve(*args) ** 2), i), j)(
                Y0, T[1:3], A
            )

        np.testing.assert_allclose(twice(f), twice(by_expm), rtol=1e-6, atol=1e-7)


def test_third_derivative_and_forward_mode() -> None:
    def last(rate: Any) -> Any:
        return integrate.odeint(lambda y, _t, rate: -rate * y, 1.0, [0.0, 1.0], (rate,), **TIGHT)[-1, 0]

    np.testing.assert_allclose(grad(grad(grad(last)))(2.0), -np.exp(-2), rtol=1e-7)
    np.testing.assert_allclose(jvp(last, (2.0,), (3.0,))[1], -3 * np.exp(-2), rtol=1e-7)
    np.testing.assert_allclose(hessian(last)(2.0), np.exp(-2), rtol=1e-7)


def test_logistic_growth() -> None:
    """In closed form: y(t) = K / (1 + (K / y0 - 1) exp(-r t))."""
    t = np.linspace(0.0, 3.0, 5)

    def grown(y0: Any, r: Any, k: Any) -> Any:
        return integrate.odeint(lambda y, _t, r, k: r * y * (1 - y / k), y0, t, (r, k), **TIGHT)[:, 0]

    def exact(y0: Any, r: Any, k: Any) -> Any:
        return k / (1 + (k / y0 - 1) * np.exp(-r * t))

    for argnum in range(3):
        found, expected = (jacobian(f, argnum)(0.5, 1.3, 2.0) for f in (grown, exact))
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_by_differences(method: str) -> None:
    tolerance = 1e-7 if method in ("RK23", "BDF") else 1e-9  # of low order, which take many steps

    def end(y0: Any, ends: Any, a: Any, gain: Any, rate: Any) -> Any:
        args = (a, {"gain": gain, "rates": [rate]})
        return integrate.solve_ivp(driven, ends, y0, method, args=args, rtol=tolerance, atol=tolerance).y[:, -1]

    arguments = [Y0, np.array([0.2, 1.1]), A, np.array([0.7, 1.1]), 1.5]
    for argnum, argument in enumerate(arguments):
        rng = np.random.default_rng(argnum)
        direction = rng.standard_normal(np.shape(argument))

        def along(h: float, argnum: int = argnum, direction: Any = direction) -> Any:
            return end(*[x + h * direction if i == argnum else x for i, x in enumerate(arguments)])

        expected = (8 * (along(0.02) - along(-0.02)) - along(0.04) + along(-0.04)) / 0.24
        found = np.tensordot(jacobian(end, argnum)(*arguments), direction, np.ndim(argument))
        np.testing.assert_allclose(found, expected, rtol=1e-3 if tolerance > 1e-8 else 2e-5, atol=1e-5)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 3))
def test_against_steps_that_are_written_out(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    a, y0, gain = 0.7 * rng.standard_normal((n, n)), rng.standard_normal(n), rng.standard_normal(n)
    ends = np.sort(rng.uniform(-1, 1, 2))

    def stepped(y0: Any, ends: Any, a: Any, gain: Any, steps: int = 40) -> Any:
        h, y, p = (ends[1] - ends[0]) / steps, y0, {"gain": gain, "rates": [1.0]}
        for k in range(steps):
            t = ends[0] + k * h
            k1 = driven(t, y, a, p)
            k2 = driven(t + h / 2, y + h / 2 * k1, a, p)
            k3 = driven(t + h / 2, y + h / 2 * k2, a, p)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + driven(t + h, y + h * k3, a, p))
        return np.sum(y**2)

    def solved(y0: Any, ends: Any, a: Any, gain: Any) -> Any:
        args = (a, {"gain": gain, "rates": [1.0]})
        return np.sum(integrate.odeint(driven, y0, ends, args, tfirst=True, **TIGHT)[-1] ** 2)

    found, expected = (grad(f, (0, 1, 2, 3))(y0, ends, a, gain) for f in (solved, stepped))
    for g, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-5, atol=1e-6)


def test_second_derivatives_by_differences_of_an_equation_that_depends_on_the_time() -> None:
    def f(y0: Any, t: Any, gain: Any) -> Any:
        args = (A, {"gain": gain, "rates": (1.5,)})
        return np.sum(integrate.odeint(driven, y0, t, args, tfirst=True, rtol=1e-12, atol=1e-12) ** 2)

    # Forwards over the adjoint equation takes six times as long as all that goes backwards.
    modes = ("rev",) if settings().max_examples <= WHILE_WRITING else ("rev", "fwd")
    check_grads(f, (Y0, T[:3], np.array([0.7, 1.1])), modes=modes, atol=1e-5, rtol=1e-4)


class TestValues:
    @pytest.mark.parametrize("t_eval", [None, T, T[1:2]])
    @pytest.mark.parametrize("method", METHODS)
    def test_are_scipys(self, method: str, t_eval: Any) -> None:
        given = {"method": method, "t_eval": t_eval, "args": (A, {"gain": 1.0, "rates": (2.0,)})}
        found, expected = (f(driven, (0.1, 2.0), Y0, **given) for f in (integrate.solve_ivp, scipy.integrate.solve_ivp))
        np.testing.assert_array_equal(found.y, expected.y)
        np.testing.assert_array_equal(found.t, expected.t)
        assert found.nfev == expected.nfev
        recorded = integrate.solve_ivp(driven, (0.1, 2.0), Tensor(Y0, requires_grad=True), **given)
        np.testing.assert_array_equal(recorded.y.data, expected.y)

    def test_of_odeint_are_scipys(self) -> None:
        for y0 in (Y0, 1.0):
            for t in (T, [0.0], [0.0, 0.0, 1.0, 1.0]):
                found, expected = (f(lambda y, t: -y * t, y0, t) for f in (integrate.odeint, scipy.integrate.odeint))
                np.testing.assert_array_equal(found, expected)

    def test_tensors_give_tensors(self) -> None:
        assert isinstance(integrate.odeint(linear, Y0, T, A), np.ndarray)
        for arguments in ((Tensor(Y0), T, A), (Y0, Tensor(T), A), (Y0, T, (Tensor(A),))):
            found = integrate.odeint(linear, *arguments)
            assert isinstance(found, Tensor)
            assert not found.requires_grad

    def test_float32_is_integrated_in_float64(self) -> None:
        y0, a = (Tensor(x.astype(np.float32), requires_grad=True) for x in (Y0, A))
        y = integrate.odeint(linear, y0, T, (a,))
        assert y.dtype == float
        y.sum().backward()
        for x, expected in zip(
            (y0, a), grad(lambda *args: by_odeint(args[0], T, args[1]).sum(), (0, 1))(Y0, A), strict=True
        ):
            assert x.grad is not None
            assert x.grad.dtype == np.float32
            np.testing.assert_allclose(x.grad, expected, rtol=1e-5, atol=1e-6)

    def test_times_that_repeat(self) -> None:
        t = np.array([0.0, 0.0, 1.0, 1.0])
        np.testing.assert_allclose(jacobian(by_odeint)(Y0, t, A), jacobian(by_expm)(Y0, t, A), rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(
            jacobian(by_odeint, 1)(Y0, t, A), jacobian(by_expm, 1)(Y0, t, A), rtol=1e-7, atol=1e-8
        )

    def test_steps_of_the_solver_are_constants_between_the_ends(self) -> None:
        def times(ends: Any) -> Any:
            return integrate.solve_ivp(lambda t, y: -y, ends, Y0).t

        derivative = jacobian(times)(np.array([0.0, 1.0]))
        assert len(derivative) > 2
        np.testing.assert_array_equal(derivative[[0, -1]], np.eye(2))
        assert not derivative[1:-1].any()

    def test_a_constant_that_is_changed_before_the_backward_pass(self) -> None:
        constant, rate = np.array([2.0, 3.0]), Tensor(1.0, requires_grad=True)
        y = integrate.odeint(lambda y, _t, c, rate: -rate * c * y, Y0, [0.0, 1.0], (constant, rate), **TIGHT)[-1].sum()
        constant[:] = 0
        y.backward()
        np.testing.assert_allclose(rate.grad, -np.sum([2.0, 3.0] * Y0 * np.exp([-2.0, -3.0])), rtol=1e-7)

    def test_lists_of_numbers_are_slopes(self) -> None:
        def end(k: Any) -> Any:
            return integrate.odeint(lambda y, _t, k: [-k * y[1], y[0]], Y0, [0.0, 1.0], (k,), **TIGHT)[-1]

        def same(k: Any) -> Any:
            return by_odeint(Y0, [0.0, 1.0], np.stack([np.stack([0 * k, -k]), np.array([1.0, 0.0])]))[-1]

        np.testing.assert_allclose(jacobian(end)(2.0), jacobian(same)(2.0), rtol=1e-7)


class TestRefused:
    @pytest.mark.parametrize(
        "solve",
        [
            lambda w: integrate.odeint(lambda y, _t: -w * y, Y0, T),
            lambda w: integrate.odeint(lambda y, _t, _a: -w * y, Y0, T, (Tensor(A, requires_grad=True),)),
            lambda w: integrate.solve_ivp(lambda _t, y: -w * y, (0, 1), Y0).y,
            lambda w: integrate.solve_ivp(lambda _t, y: [-w, y[0]], (0, 1), Y0, "LSODA").y,
        ],
    )
    def test_what_a_function_closes_over(self, solve: Callable[[Any], Any]) -> None:
        with pytest.raises(TypeError, match=r"closes over a tensor .* hand the tensor over as an argument"):
            solve(Tensor(2.0, requires_grad=True))
        with pytest.raises(TypeError, match="closes over"):
            grad(lambda w: np.sum(solve(w)))(2.0)
        assert np.isfinite(solve(2.0).data).all()
        assert np.isfinite(solve(Tensor(2.0)).data).all()

    @pytest.mark.parametrize("word", ["events", "dense_output", "vectorized"])
    def test_options(self, word: str) -> None:
        with pytest.raises(TypeError, match=f"{word}= is not supported"):
            integrate.solve_ivp(lambda _t, y: -y, (0, 1), Y0, **{word: True})  # pyright: ignore

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            (lambda: integrate.odeint(lambda y, _t: y, Y0 * 1j, T), "y0 is complex"),
            (lambda: integrate.odeint(lambda y, _t: y * 1j, Y0, T), "returned complex numbers"),
            (lambda: integrate.solve_ivp(lambda _t, y: y, (0, 1), Y0, args=2), r"give \(args,\)"),
            (lambda: integrate.odeint(lambda y, _t: y[:1], Y0, T), r"shape \(1,\) for y of shape \(2,\)"),
            (lambda: integrate.odeint(lambda y, _t: y, Y0, 2.0), r"t of shape \(\)"),
            (lambda: integrate.odeint(lambda y, _t: y, Y0, []), r"t of shape \(0,\)"),
            (lambda: integrate.odeint(lambda y, _t: y, Y0, [0.0, 2.0, 1.0]), "monotonically"),
            (lambda: integrate.solve_ivp(lambda _t, y: y, (0, 1), Y0[0]), r"y0 of shape \(\)"),
            (lambda: integrate.solve_ivp(lambda _t, y: y, (0, Y0), Y0), r"t_span of shapes \[\(\), \(2,\)\]"),
            (lambda: integrate.solve_ivp(lambda _t, y: y, (0, 1), Y0, t_eval=[2.0]), "not within"),
        ],
    )
    def test_other_arguments(self, call: Callable[[], Any], words: str) -> None:
        with pytest.raises((TypeError, ValueError), match=words):
            call()

    def test_a_compiled_function(self) -> None:
        with pytest.raises(Uncapturable):
            compile(grad(lambda y0: np.sum(integrate.odeint(lambda y, _t: -y, y0, T))))(Y0)


class TestFailures:
    def test_of_solve_ivp(self) -> None:
        with pytest.raises(RuntimeError, match=r"solve_ivp from 0.* to 2.*step size"):
            integrate.solve_ivp(lambda _t, y: y**2, (0, 2), [1.0])

    @pytest.mark.filterwarnings("ignore::scipy.integrate.ODEintWarning")
    def test_of_odeint(self) -> None:
        with pytest.raises(RuntimeError, match=r"odeint from 0.* to 2.*work"):
            integrate.odeint(lambda y, _t: y**2, 1.0, [0.0, 2.0])

    @pytest.mark.filterwarnings("ignore::scipy.integrate.ODEintWarning")
    def test_of_the_adjoint(self) -> None:
        y0 = Tensor([1.0], requires_grad=True)
        y = integrate.odeint(lambda y, t: -np.where(isinstance(y, Tensor), 1e9, 1.0) * np.sin(1e5 * y), y0, [0, 1e-5])
        with pytest.raises(RuntimeError, match="odeint of the adjoint"):
            y.sum().backward()
        assert y0.grad is None

    def test_of_the_function(self) -> None:
        def broken(*_: Any) -> Any:
            raise KeyError("rate")

        for call in (lambda: integrate.odeint(broken, Y0, T), lambda: integrate.solve_ivp(broken, (0, 1), Y0)):
            with pytest.raises(KeyError, match="rate"):
                call()
