"""grad and value_and_grad: nested containers, nesting, and what they do when something outside is on a tape."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from autograd_np import Tensor, grad, no_grad, value_and_grad


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def test_arrays_in_arrays_out() -> None:
    x = np.random.default_rng(0).normal(size=7)
    value, gradient = value_and_grad(rosenbrock)(x)
    assert type(value) is np.ndarray
    assert type(gradient) is np.ndarray
    np.testing.assert_allclose(value, rosen(x))
    np.testing.assert_allclose(gradient, rosen_der(x))


def test_serves_scipy_as_it_stands() -> None:
    found = minimize(value_and_grad(rosenbrock), np.zeros(5), jac=True, method="BFGS")
    np.testing.assert_allclose(found.x, np.ones(5), atol=1e-4)


def test_float32_stays() -> None:
    assert grad(rosenbrock)(np.ones(3, np.float32)).dtype == np.float32


class Layer(NamedTuple):
    w: Any
    b: Any


def test_nested_containers_keep_their_structure() -> None:
    p = {"a": [np.ones(2), (2.0, np.float32(3.0))], "layer": Layer(np.eye(2), np.zeros(2))}

    def f(p: Any) -> Any:
        return np.sum(p["a"][0]) * p["a"][1][0] * p["a"][1][1] + np.sum(p["layer"].w * 2 + p["layer"].b)

    g = grad(f)(p)
    np.testing.assert_array_equal(g["a"][0], [6.0, 6.0])
    assert isinstance(g["a"][1], tuple)
    assert g["a"][1][0] == 6.0
    assert g["a"][1][1].dtype == np.float32
    assert isinstance(g["layer"], Layer)
    np.testing.assert_array_equal(g["layer"].w, np.full((2, 2), 2.0))
    np.testing.assert_array_equal(g["layer"].b, [2.0, 2.0])


def test_argnums() -> None:
    def f(a: Any, b: Any, *, c: float) -> Any:
        return a * b * b * c

    assert grad(f, 1)(2.0, 3.0, c=10.0) == 120.0
    assert grad(f, (0, 1))(2.0, 3.0, c=10.0) == (90.0, 120.0)
    assert grad(f, -1)(2.0, 3.0, c=10.0) == 120.0
    with pytest.raises(TypeError, match=r"grad\(f\): argnums=2.*2 positional"):
        grad(f, 2)(2.0, 3.0, c=1.0)


@pytest.mark.parametrize("order", range(1, 6))
def test_nests_to_any_order(order: int) -> None:
    f: Any = np.sin
    f = lambda x: np.exp(2 * x)  # noqa: E731
    for _ in range(order):
        f = grad(f)
    np.testing.assert_allclose(f(0.3), 2.0**order * np.exp(0.6))


def test_constant_functions_have_zero_gradient() -> None:
    assert grad(lambda x: 3.0)(1.0) == 0.0
    assert grad(grad(lambda x: 3.0 * x))(1.0) == 0.0
    np.testing.assert_array_equal(grad(lambda p: p["a"] * 2)({"a": 1.0, "b": np.ones(2)})["b"], np.zeros(2))


def test_perturbations_are_not_confused() -> None:
    """The inner derivative takes what it closes over as a constant, the outer one does not."""
    assert grad(lambda x: x * grad(lambda y: x + y)(2.0))(3.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(x))(3.0) == 6.0
    assert grad(lambda x: grad(lambda y: x * y**2)(x))(3.0) == 12.0
    np.testing.assert_allclose(grad(lambda w: grad(lambda x: w * x**2)(3.0) ** 2)(2.0), 2 * 2 * 36.0)


def test_closure_over_a_tape_gives_tensors() -> None:
    w = Tensor(2.0, requires_grad=True)
    value, g = value_and_grad(lambda x: w * x**2)(3.0)
    assert isinstance(g, Tensor)
    assert isinstance(value, Tensor)
    (g * value).backward()  # 6w * 9w
    np.testing.assert_allclose(w.grad, 2 * 54 * 2.0)
    with no_grad():
        assert type(grad(lambda x: w * x**2)(3.0)) is np.ndarray


def test_tensors_in_tensors_out() -> None:
    x = Tensor([1.0, 2.0])
    value, g = value_and_grad(lambda x: np.sum(x**3))(x)
    assert isinstance(g, Tensor)
    assert isinstance(value, Tensor)
    assert not g.requires_grad
    on_tape = Tensor([1.0, 2.0], requires_grad=True)
    np.sum(grad(lambda x: np.sum(x**3))(on_tape)).backward()
    np.testing.assert_array_equal(on_tape.grad, [6.0, 12.0])


def test_touches_no_grad() -> None:
    w = Tensor(2.0, requires_grad=True)
    grad(lambda x: w * x)(1.0)
    assert w.grad is None


def test_works_inside_no_grad() -> None:
    with no_grad():
        assert grad(lambda x: x * x)(3.0) == 6.0
        assert grad(grad(lambda x: x**3))(3.0) == 18.0


@pytest.mark.parametrize("bad", [1, np.arange(3), True, "text", None, [1.0, 2]])
def test_refuses_what_cannot_be_differentiated_by(bad: Any) -> None:
    def f(x: Any) -> Any:
        return x

    with pytest.raises(TypeError, match=r"grad\(f\): cannot differentiate by .*floating or complex"):
        grad(f)(bad)


@pytest.mark.parametrize("result", [np.ones(2), None, "text", (1.0, 2.0)])
def test_refuses_what_is_no_scalar(result: Any) -> None:
    with pytest.raises(ValueError, match=r"grad\(.*\): the function must return a scalar"):
        grad(lambda x: result)(1.0)
    with pytest.raises(ValueError, match=r"shape \(3,\).*np\.sum"):
        grad(lambda x: x * 2)(np.ones(3))
