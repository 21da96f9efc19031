"""Roots and fixed points: their values, and their derivatives by the implicit function theorem.

They are held against functions that are known in closed form, against systems that NumPy solves, and against
differences. The kinds of what is asked here: every shape, also none and empty ones; arguments in nested containers,
constants among them, of float32; every kind of solver; few unknowns, whose Jacobian is made, and many, where GMRES
multiplies by it; derivatives of second and third order; and where there is no derivative, or no root: solvers that stop
before it, singular Jacobians, functions that would lose a gradient.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

import autograd_np.implicit
from autograd_np import Tensor, compile, grad, hessian, hvp, jacobian, jvp
from autograd_np.compiling import Uncapturable
from autograd_np.implicit import fixed_point, root
from autograd_np.testing import check_grads

A = np.array([[2.0, 0.3], [0.1, 1.5]])
B = np.array([0.5, -0.2])
SOLVERS: dict[str, Any] = {
    "default": None,
    "newton_krylov": lambda g, x0: scipy.optimize.newton_krylov(g, x0, f_tol=1e-10),
    "anderson": lambda g, x0: scipy.optimize.anderson(g, x0, f_tol=1e-8),
    "fsolve": scipy.optimize.fsolve,
    "root": lambda g, x0: scipy.optimize.root(g, x0, method="lm").x,
}


def equation(x: Any, p: Any) -> Any:
    return p["A"] @ x + 0.1 * x**3 - p["b"][0]


def cube_root(a: Any) -> Any:
    return root(lambda x, a: x**3 - a, 1.0, a)


def iterated_cosine(a: Any) -> Any:
    return fixed_point(lambda x, a: np.cos(a * x), 0.5, a, tol=1e-14)


class TestRoot:
    def test_in_closed_form(self) -> None:
        np.testing.assert_allclose(cube_root(8.0), 2.0, rtol=1e-12)
        np.testing.assert_allclose(grad(cube_root)(8.0), 1 / 12, rtol=1e-12)
        np.testing.assert_allclose(hessian(cube_root)(8.0), -2 / 9 * 8 ** (-5 / 3), rtol=1e-12)
        np.testing.assert_allclose(grad(grad(grad(cube_root)))(8.0), 10 / 27 * 8 ** (-8 / 3), rtol=1e-12)
        np.testing.assert_allclose(jvp(cube_root, (8.0,), (3.0,))[1], 0.25, rtol=1e-12)

    @pytest.mark.parametrize("i", [0, 1])
    @pytest.mark.parametrize("j", [0, 1])
    def test_of_a_linear_equation_are_numpys(self, i: int, j: int) -> None:
        def solve(a: Any, b: Any) -> Any:
            return root(lambda x, a, b: a @ x - b, np.zeros(2), a, b)

        np.testing.assert_allclose(jacobian(solve, i)(A, B), jacobian(np.linalg.solve, i)(A, B), atol=1e-13)
        found, expected = (jacobian(jacobian(f, i), j)(A, B) for f in (solve, np.linalg.solve))
        np.testing.assert_allclose(found, expected, atol=1e-13)

    @pytest.mark.parametrize("solver", SOLVERS)
    def test_every_solver_by_differences(self, solver: str) -> None:
        def solve(a: Any, b: Any) -> Any:
            return root(equation, np.zeros(2), {"A": a, "b": (b, "a word")}, solver=SOLVERS[solver], tol=1e-7)

        np.testing.assert_allclose(equation(solve(A, B), {"A": A, "b": (B,)}), 0, atol=1e-7)
        check_grads(solve, (A, B), atol=1e-4, rtol=1e-4)

    def test_between_two_places(self) -> None:
        def square_root(a: Any) -> Any:
            return root(lambda x, a: x * x - a, 1.0, a, solver=lambda g, _: scipy.optimize.brentq(g, 0, 9))

        np.testing.assert_allclose(grad(square_root)(4.0), 0.25, rtol=1e-9)

    def test_of_the_gradient_is_a_minimum(self) -> None:
        def loss(x: Any, a: Any) -> Any:
            return np.sum((x**2 - a) ** 2) + np.sum(np.cosh(x))

        def lowest(a: Any) -> Any:
            def minimised(_: Any, x0: Any) -> Any:
                constant = a.data if isinstance(a, Tensor) else a
                return scipy.optimize.minimize(loss, x0, constant, jac=grad(loss), options={"gtol": 1e-10}).x

            return root(grad(loss), np.full(2, 2.0), a, solver=minimised, tol=1e-6)

        check_grads(lowest, (np.array([4.0, 5.0]),), atol=1e-5, rtol=1e-5)

    @given(seed=st.integers(0, 2**32 - 1), shape=st.sampled_from([(), (1,), (3,), (2, 2), (2, 1, 2)]))
    def test_of_every_shape(self, seed: int, shape: tuple[int, ...]) -> None:
        rng = np.random.default_rng(seed)
        x, c = rng.uniform(-1, 1, shape), rng.uniform(-1, 1, shape)

        def f(x: Any, c: Any, shift: Any) -> Any:
            return 3 * x + np.tanh(np.roll(x, 1) * shift) - c

        found = root(f, np.zeros(shape), f(x, 0.0, 0.7), 0.7)
        np.testing.assert_allclose(found, x, atol=1e-9)
        assert found.shape == shape
        check_grads(lambda c, shift: root(f, np.zeros(shape), c, shift), (c, 0.7), order=1, atol=1e-6, rtol=1e-5)

    def test_tensors_give_tensors(self) -> None:
        assert isinstance(root(equation, np.zeros(2), {"A": A, "b": (B,)}), np.ndarray)
        constant = root(equation, np.zeros(2), {"A": Tensor(A), "b": (B,)})
        assert isinstance(constant, Tensor)
        assert not constant.requires_grad
        start = Tensor(np.zeros(2), requires_grad=True)
        assert not root(equation, start, {"A": Tensor(A), "b": (B,)}).requires_grad

    def test_float32_stays_float32(self) -> None:
        a = Tensor(np.float32(8.0), requires_grad=True)
        for x0 in (np.float32(1.0), np.float16(1.0)):
            x = root(lambda x, a: x**3 - a, x0, a)
            assert x.dtype == np.float32
            x.backward()
        assert a.grad is not None
        assert a.grad.dtype == np.float32
        np.testing.assert_allclose(a.grad, 2 / 12, rtol=1e-5)

    def test_a_constant_that_is_changed_before_the_backward_pass(self) -> None:
        constant, b = A.copy(), Tensor(B, requires_grad=True)
        x = root(lambda x, a, b: a @ x - b, np.zeros(2), constant, b).sum()
        constant[:] = 0
        x.backward()
        np.testing.assert_allclose(b.grad, np.linalg.solve(A.T, np.ones(2)), rtol=1e-12)


class TestFixedPoint:
    def test_in_closed_form(self) -> None:
        x = iterated_cosine(0.8)
        np.testing.assert_allclose(x, np.cos(0.8 * x), rtol=1e-13)
        s = np.sin(0.8 * x)
        np.testing.assert_allclose(grad(iterated_cosine)(0.8), -s * x / (1 + 0.8 * s), rtol=1e-12)
        check_grads(iterated_cosine, (0.8,), atol=1e-8, rtol=1e-7)

    def test_which_is_newtons_own(self) -> None:
        """The Jacobian of Newton's iteration is 0 at the root."""

        def f(a: Any) -> Any:
            return fixed_point(lambda x, a: (x + a / x) / 2, 1.0, a)

        np.testing.assert_allclose(grad(f)(4.0), 0.25, rtol=1e-12)
        np.testing.assert_allclose(hessian(f)(4.0), -1 / 32, rtol=1e-12)

    def test_lists_of_numbers(self) -> None:
        def f(a: Any) -> Any:
            return fixed_point(lambda x, a: [np.cos(x[1]) * a, x[0] / 2], np.zeros(2), a, tol=1e-13)

        check_grads(f, (0.7,), atol=1e-8, rtol=1e-7)

    def test_is_given_up(self) -> None:
        with pytest.raises(RuntimeError, match=r"differs from x by 2\.0e\+00 after maxiter=7.*solver="):
            fixed_point(lambda x: -x, 1.0, maxiter=7)


@pytest.mark.parametrize("few", [False, True])
def test_many_unknowns(few: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many unknowns no Jacobian is made; the gradient is the same."""
    n = 20 if few else 400
    if few:
        monkeypatch.setattr(autograd_np.implicit, "_DENSE", 3)
    rng = np.random.default_rng(0)
    m, c = rng.standard_normal((n, n)) / (3 * n**0.5), rng.standard_normal(n)

    def settled(c: Any) -> Any:
        return fixed_point(lambda x, c: np.tanh(m @ x) + c, np.zeros(n), c, tol=1e-13)

    def loss(c: Any) -> Any:
        return np.sum(settled(c) ** 2)

    x = settled(c)
    j = np.eye(n) - (1 - np.tanh(m @ x) ** 2)[:, None] * m
    np.testing.assert_allclose(grad(loss)(c), np.linalg.solve(j.T, 2 * x), rtol=1e-7, atol=1e-8)
    h = 1e-4 * rng.standard_normal(n)
    difference = grad(loss)(c + h) - grad(loss)(c - h)
    np.testing.assert_allclose(2 * hvp(loss, (c,), (h,)), difference, rtol=1e-4, atol=1e-9)


class TestRefused:
    def test_what_a_function_closes_over(self) -> None:
        for solve in (lambda a: root(lambda x: x - a, 1.0), lambda a: fixed_point(lambda x: x / 2 + a, 1.0)):
            with pytest.raises(TypeError, match="closes over a tensor"):
                solve(Tensor(2.0, requires_grad=True))
            with pytest.raises(TypeError, match="closes over a tensor"):
                grad(solve)(2.0)

    def test_a_solver_that_stops_before_it(self) -> None:
        words = r"f is 1\.0e\+00, more than tol=1\.5e-08"
        with pytest.raises(RuntimeError, match=words):
            root(lambda x: x**2 + 1, 1.0)
        with pytest.raises(RuntimeError, match=words):
            root(lambda x: x - 2.0, 1.0, solver=lambda _, x0: x0)
        with pytest.raises(RuntimeError, match="f is nan"):
            root(lambda x: x - 2.0, 1.0, solver=lambda _, x0: x0 * np.nan)

    @pytest.mark.parametrize(
        ("f", "a"),
        [
            (lambda x, a: (x - a) ** 2, 1.0),
            (lambda x, a: 0 * x + 0 * a, 1.0),
            (lambda x, a: np.stack([x[0] - a, x[0] - a]), 1.0),
            (lambda x, a: np.stack([x[0] - a, (1 + 1e-17) * x[0] + 1e-17 * x[1] - a]), 1.0),
        ],
    )
    def test_a_singular_jacobian(self, f: Callable[..., Any], a: float) -> None:
        with pytest.raises(RuntimeError, match="Jacobian of f is singular"):
            grad(lambda a: np.sum(root(f, np.ones(2), a, solver=lambda _, x0: x0)))(a)

    def test_a_singular_jacobian_of_many_unknowns(self) -> None:
        def first(a: Any) -> Any:
            return root(lambda x, a: np.sum(x) - 400 * a + 0 * x, np.ones(400), a, solver=lambda _, x0: x0)[0]

        with pytest.raises(RuntimeError, match="GMRES"):
            grad(first)(1.0)

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            (lambda: root(lambda x: x[:1], np.ones(2)), r"shape \(1,\) for x of shape \(2,\)"),
            (lambda: root(lambda x: x * 1j, 1.0), "returned complex numbers"),
            (lambda: root(lambda x: x, 1j), "x0 is complex"),
            (lambda: root(lambda x: x, np.ones(2), solver=lambda _g, _x: 0.0), r"solver returned float64 \(\)"),
            (lambda: root(lambda x: x, 1.0, solver=lambda _g, _x: 0j), "solver returned complex"),
        ],
    )
    def test_other_arguments(self, call: Callable[[], Any], words: str) -> None:
        with pytest.raises((TypeError, ValueError), match=words):
            call()

    @pytest.mark.parametrize("f", [cube_root, iterated_cosine])
    def test_a_compiled_function(self, f: Callable[[Any], Any]) -> None:
        with pytest.raises(Uncapturable):
            compile(grad(f))(np.array(0.8))
