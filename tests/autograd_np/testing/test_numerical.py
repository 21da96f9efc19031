"""Numerical derivatives: how exact they are, and whether they know it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor, grad, jacobian
from autograd_np.testing import Program, arrays, numerical_gradient, numerical_jacobian, programs

Array = np.ndarray[Any, np.dtype[Any]]
Function = Callable[..., Any]

# Functions with their derivatives, elementwise; all smooth, and each with values of its own size.
SMOOTH: dict[str, tuple[Function, Function]] = {
    "exp": (np.exp, np.exp),
    "sin": (lambda x: np.sin(3 * x), lambda x: 3 * np.cos(3 * x)),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "cube": (lambda x: x**3, lambda x: 3 * x**2),
    "root": (lambda x: np.sqrt(1 + x * x), lambda x: x / np.sqrt(1 + x * x)),
    "rational": (lambda x: 1 / (1 + x**2), lambda x: -2 * x / (1 + x**2) ** 2),
    "logarithm": (lambda x: np.log(4 + x), lambda x: 1 / (4 + x)),
    "line": (lambda x: 2.5 * x - 1, lambda x: np.full_like(x, 2.5)),
}
values = arrays(dtype=np.float64, elements=st.floats(-3, 3))
powers = st.integers(-6, 6).map(lambda k: 10.0**k)


@pytest.mark.parametrize("name", SMOOTH)
@given(x=values, factor=powers)
def test_gradient_is_exact_to_1e_9_at_every_scale(name: str, x: Array, factor: float) -> None:
    f, df = SMOOTH[name]
    x = np.append(x, 1.5)  # of zeros alone, nobody can tell the scale
    found, error = numerical_gradient(lambda z: np.sum(f(z / factor)), factor * x, return_error=True)
    exact = df(np.array(factor * x) / factor) / factor
    # Relative to the gradient as a whole: where a derivative is 0, nothing is relative to it.
    size = max(np.max(abs(exact), initial=0), np.max(abs(f(x)), initial=0) / (10 * factor), 1e-6 / factor)
    assert found.shape == x.shape
    np.testing.assert_array_less(abs(found - exact), 1e-9 * size + 1e-300)
    np.testing.assert_array_less(abs(found - exact), error + 1e-11 * size + 1e-300)


@given(programs(), st.integers(0, 1000))
def test_gradient_of_programs_is_the_automatic_one(program: Program, seed: int) -> None:
    rng = np.random.default_rng(seed)
    args = [rng.uniform(-2, 2, shape) for shape in program.shapes]
    f: Function = lambda args: np.sum(program(*args))  # noqa: E731
    found, errors = numerical_gradient(f, args, return_error=True)
    for g, error, exact in zip(found, errors, grad(f)(args), strict=True):
        np.testing.assert_array_less(abs(g - exact), error + 1e-9 * np.max(abs(exact)) + 1e-12)


@given(arrays((2, 3), np.float64))
def test_jacobian_is_the_automatic_one(x: Array) -> None:
    f: Function = lambda z: np.tanh(z @ z.T)[0] * z[1, 2]  # noqa: E731
    np.testing.assert_allclose(numerical_jacobian(f, x), jacobian(f)(np.array(x)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (2, 3)])
def test_shapes(shape: tuple[int, ...]) -> None:
    x = np.ones(shape)
    assert numerical_gradient(np.sum, x).shape == shape
    assert numerical_jacobian(lambda z: np.ones((4, 1)) * np.sum(z), x).shape == (4, 1, *shape)


def test_nested_containers_and_lower_precision() -> None:
    tree = {"w": np.array([1.0, 2.0], np.float32), "b": (np.float32(3.0), 2)}
    found = numerical_gradient(lambda t: np.sum(t["w"] ** 2) * t["b"][0] ** t["b"][1], tree)
    np.testing.assert_allclose(found["w"], [18, 36], rtol=1e-12)
    np.testing.assert_allclose(found["b"], (30, 45 * np.log(3)), rtol=1e-12)


def test_complex_gradient_follows_the_engine() -> None:
    z = np.array([1 + 2j, -0.5j])
    for f in (lambda z: np.sum(np.abs(z) ** 2), lambda z: np.real(np.sum(np.exp(z))), lambda z: np.sum(np.exp(z))):
        found = numerical_gradient(f, z)
        np.testing.assert_allclose(found, grad(f)(z), rtol=1e-9)


def test_steps_reach_a_far_smaller_scale() -> None:
    x = np.array([1e-8, 1e-3, 1.0, 1e3])
    np.testing.assert_allclose(numerical_gradient(lambda z: np.sum(np.log(z)), x), 1 / x, rtol=1e-7)


def test_error_is_large_where_there_is_no_derivative() -> None:
    for f in (np.sign, lambda x: np.sqrt(np.abs(x)) * np.sign(x), lambda x: np.log(x)):
        _, error = numerical_gradient(lambda x, f=f: np.sum(f(x)), np.array([0.0]), return_error=True)
        assert not error[0] < 1


def test_extrapolation_takes_few_calls() -> None:
    calls: list[Any] = []

    def f(x: Any) -> Any:
        calls.append(x)
        return np.sin(x)

    assert abs(numerical_gradient(f, 1.0) - np.cos(1.0)) < 1e-12
    assert len(calls) <= 32


def test_argument_is_unchanged_and_may_be_a_tensor() -> None:
    x = np.array([1.0, 2.0])

    def careless(z: Array) -> Any:
        z *= 2
        return np.sum(z)

    np.testing.assert_allclose(numerical_gradient(careless, x), [2, 2])
    np.testing.assert_array_equal(x, [1, 2])
    np.testing.assert_allclose(numerical_gradient(np.sum, Tensor(x, requires_grad=True)), [1, 1])


def test_errors_say_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"scalar, not a result of shape \(2,\).*numerical_jacobian"):
        numerical_gradient(np.exp, np.ones(2))
    with pytest.raises(TypeError, match="cannot differentiate by 'a'"):
        numerical_gradient(np.sum, ["a"])
    with pytest.raises(TypeError, match="must return numbers"):
        numerical_gradient(lambda x: "no", np.ones(2))
