"""The transforms, held against differences and against one another.

Also nested containers, transforms of transforms, and what they do when something outside is on a tape.
"""

import gc
from typing import Any, NamedTuple

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, rosen, rosen_der

from autograd_np import (
    IndependentWarning,
    Tensor,
    elementwise_grad,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    value_and_grad,
    vjp,
)
from autograd_np.tensor import plain
from tests.autograd_np.strategies import GRID, shapes
from tests.calls import python_calls


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
    with pytest.warns(IndependentWarning, match=r"grad\(<lambda>\).*does not depend on"):
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


# -- every transform against differences and against one another -------------------------------------------------------


def numerical_jvp(f: Any, primals: Any, tangents: Any) -> Any:
    """Return the derivative of a function along a direction by central differences, extrapolated twice to step 0."""

    def difference(step: float) -> Any:
        above, below = (f(*(x + s * v for x, v in zip(primals, tangents, strict=True))) for s in (step, -step))
        return (above - below) / (2 * step)

    coarse, middle, fine = map(difference, (2.0**-6, 2.0**-7, 2.0**-8))
    return (16 * (4 * fine - middle) - (4 * middle - coarse)) / 45


def numerical_jacobian(f: Any, x: Any) -> Any:
    """Return the derivatives of a function by each element of a real array, the output's axes first."""
    units = np.eye(x.size).reshape(x.size, *x.shape)
    columns = [numerical_jvp(f, (x,), (unit,)) for unit in units]
    return np.stack(columns, axis=-1).reshape(np.shape(f(x)) + x.shape)


W = np.random.default_rng(1).normal(size=(4, 3))

# Smooth functions of an array of shape (2, 3): elementwise, contracted, moved about, decomposed, several uses of one
# value, outputs of every number of axes.
FUNCTIONS: dict[str, Any] = {
    "elementwise": lambda x: np.tanh(x) * np.exp(x) + x,
    "broadcast": lambda x: x * x[:, :1] - x[0],
    "layer": lambda x: np.tanh(x @ W.T + W[:, 0]),
    "product with itself": lambda x: x @ x.T,
    "vectors": lambda x: (x @ W[0]) * (W @ x[1])[:2],
    "matrix of a vector": lambda x: np.outer(x[0], np.sin(x[1])),
    "stack of products": lambda x: np.reshape(np.stack([x, np.cos(x)]), (2, 3, 2)) @ x,
    "moved": lambda x: np.transpose(x * x)[::-1][[0, 2, 0]],
    "moved further": lambda x: np.moveaxis(np.swapaxes(x * x, 0, 1)[:, None], 1, 2),
    "masked": lambda x: (x * x)[np.array([True, False])] + x[(0, 1), (2, 0)][:, None],
    "reduced": lambda x: np.mean(np.sin(x), axis=1) / (1 + np.sum(x * x, axis=(0,))[:2]),
    "kept axes": lambda x: x - np.log(np.sum(np.exp(x), axis=-1, keepdims=True)),
    "joined": lambda x: np.concatenate([np.sin(x), x * x], axis=1)[..., ::2],
    "chosen": lambda x: np.where(W[:2] > 0, np.sin(x), x**3),
    "sorted": lambda x: np.cumsum(np.sort(np.sin(x), axis=-1), axis=0),
    "several outputs": lambda x: np.linalg.eigh(np.eye(2) * [1.0, 3.0] + 0.1 * x @ x.T)[0],
    "solved": lambda x: np.linalg.solve(np.eye(3) * 9 + x.T @ x, x.T),
    "einsum": lambda x: np.einsum("ij,kj,kl->il", x, W, W),
    "spectrum": lambda x: np.real(np.exp(0.25j * np.fft.rfft(x, axis=1))),
    "scalar": lambda x: np.prod(np.cos(x)),
    "constant beside": lambda x: np.stack([np.sin(x), np.ones((2, 3))]),
    "nothing": lambda x: np.exp(x)[:0],
    "as it is": lambda x: x,
}
smooth = pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
few = settings(max_examples=max(1, settings.default.max_examples // 10))  # for there are many functions
points = hnp.arrays(np.float64, (2, 3), elements=st.sampled_from(GRID), unique=True)


def random_like(x: Any, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    v = rng.normal(size=np.shape(x))
    return v + 1j * rng.normal(size=np.shape(x)) if np.iscomplexobj(x) else v


def close(actual: Any, desired: Any) -> None:
    """Hold against differences of values up to a few hundred."""
    assert np.shape(actual) == np.shape(desired)
    np.testing.assert_allclose(actual, desired, rtol=1e-6, atol=1e-6)


@smooth
@few
@given(x=points)
def test_jvp_is_the_numerical_derivative(f: Any, x: Any) -> None:
    v = random_like(x)
    out, tangent = jvp(f, (x,), (v,))
    assert type(out) is type(tangent) is np.ndarray
    np.testing.assert_array_equal(out, f(x))
    close(tangent, numerical_jvp(f, (x,), (v,)))


@smooth
@few
@given(x=points)
def test_jacobian_is_the_numerical_one(f: Any, x: Any) -> None:
    found = jacobian(f)(x)
    assert type(found) is np.ndarray
    assert found.flags.writeable
    close(found, numerical_jacobian(f, x))


@smooth
@few
@given(x=points)
def test_hessian_is_numerical_and_symmetric(f: Any, x: Any) -> None:
    def scalar(x: Any) -> Any:
        return np.sum(np.sin(f(x)))

    found = hessian(scalar)(x)
    close(found, numerical_jacobian(grad(scalar), x))
    flat = found.reshape(6, 6)
    np.testing.assert_allclose(flat, flat.T, rtol=1e-9, atol=1e-9)
    v = random_like(x)
    np.testing.assert_allclose(hvp(scalar, (x,), (v,)), np.tensordot(found, v), rtol=1e-9, atol=1e-9)


@smooth
@few
@given(x=points)
def test_vjp_is_adjoint_to_jvp(f: Any, x: Any) -> None:
    """<u, J v> is <u J, v>."""
    v = random_like(x, 1)
    out, pullback = vjp(f, x)
    u = random_like(out, 2)
    (pulled,) = pullback(u)
    np.testing.assert_array_equal(out, f(x))
    np.testing.assert_allclose(np.sum(u * jvp(f, (x,), (v,))[1]), np.sum(pulled * v), rtol=1e-9, atol=1e-9)


@smooth
@few
@given(x=points)
def test_jacobian_of_a_jacobian(f: Any, x: Any) -> None:
    """Where derivatives are themselves recorded."""
    close(jacobian(jacobian(f))(x), numerical_jacobian(jacobian(f), x))


@given(x=points)
def test_derivative_of_each_element(x: Any) -> None:
    np.testing.assert_allclose(elementwise_grad(np.sin)(x), np.cos(x))
    np.testing.assert_allclose(elementwise_grad(elementwise_grad(np.sin))(x), -np.sin(x))
    close(elementwise_grad(np.multiply, (0, 1))(x, 2 * x), (2 * x, x))


# -- several arguments and containers ----------------------------------------------------------------------------------


def mixed(p: Any, y: Any) -> Any:
    return {"sum": p["a"] * y, "rest": [np.exp(p["b"][0]), (p["b"][1] @ y, 2.0 * p["a"])]}


def nested_example() -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    p = {"a": rng.normal(size=3), "b": (0.5, rng.normal(size=(2, 3)))}
    return (p, rng.normal(size=3)), ({"a": rng.normal(size=3), "b": (2.0, rng.normal(size=(2, 3)))}, rng.normal(size=3))


def flat(tree: Any) -> Any:
    """Return the numbers of nested containers in one vector."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    return np.concatenate([flat(branch) for branch in tree]) if isinstance(tree, list | tuple) else np.ravel(tree)


def test_containers_in_and_out() -> None:
    (p, y), (dp, dy) = nested_example()
    out, tangent = jvp(mixed, (p, y), (dp, dy))
    assert type(out["rest"]) is type(tangent["rest"]) is list
    assert type(tangent["rest"][1]) is tuple
    assert list(tangent) == ["sum", "rest"]

    def moved(t: float) -> Any:
        a, (b, c) = p["a"] + t * dp["a"], (p["b"][0] + t * dp["b"][0], p["b"][1] + t * dp["b"][1])
        return flat(mixed({"a": a, "b": (b, c)}, y + t * dy))

    np.testing.assert_array_equal(flat(out), moved(0))
    close(flat(tangent), numerical_jvp(moved, (0.0,), (1.0,)))

    same, pullback = vjp(mixed, p, y)
    gp, gy = pullback(tangent)
    np.testing.assert_array_equal(flat(same), flat(out))
    assert type(gp["b"]) is tuple
    assert np.shape(gp["b"][0]) == ()
    assert gp["b"][1].shape == (2, 3)
    np.testing.assert_allclose(flat((gp, gy)) @ flat((dp, dy)), flat(tangent) @ flat(tangent))


def test_jacobian_of_containers_and_several_arguments() -> None:
    (p, y), _ = nested_example()

    def f(p: Any, y: Any) -> Any:
        return p["b"][1] @ (y * p["a"]) * p["b"][0]

    for_p, for_y = jacobian(f, (0, 1))(p, y)
    close(for_y, numerical_jacobian(lambda y: f(p, y), y))
    close(for_p["a"], numerical_jacobian(lambda a: f({**p, "a": a}, y), p["a"]))
    close(for_p["b"][1], numerical_jacobian(lambda b: f({**p, "b": (0.5, b)}, y), p["b"][1]))
    close(for_p["b"][0], numerical_jacobian(lambda b: f({**p, "b": (b, p["b"][1])}, y), np.array(0.5)))
    np.testing.assert_array_equal(jacobian(f, -1)(p, y), for_y)
    np.testing.assert_array_equal(jacobian(f, (1,))(p, y)[0], for_y)


def test_hessian_of_one_argument_of_several() -> None:
    def f(x: Any, y: Any, *, scale: float) -> Any:
        return np.sum(np.sin(x) * y**3) * scale

    x, y = np.random.default_rng(0).normal(size=(2, 3))
    np.testing.assert_allclose(hessian(f, 1)(x, y, scale=2.0), np.diag(12 * y * np.sin(x)))
    np.testing.assert_allclose(hessian(f)(x, y, scale=2.0), np.diag(-2 * y**3 * np.sin(x)))


def test_hvp_of_several_arguments_has_the_mixed_derivatives() -> None:
    def f(p: Any, y: Any) -> Any:
        return np.sum(np.sin(p["x"]) * y**2) * p["s"]

    rng = np.random.default_rng(4)
    (x, y, vx, vy), s, vs = rng.normal(size=(4, 3)), 1.5, -0.5
    found = hvp(f, ({"x": x, "s": s}, y), ({"x": vx, "s": vs}, vy))
    whole = hessian(lambda z: f({"x": z[:3], "s": z[6]}, z[3:6]))(np.concatenate([x, y, [s]]))
    product = whole @ np.concatenate([vx, vy, [vs]])
    np.testing.assert_allclose(flat((found[0]["x"], found[1], found[0]["s"])), product)
    assert type(found) is tuple
    assert type(hvp(lambda x: x**3, (2.0,), (1.0,))) is np.ndarray


# -- in one another ----------------------------------------------------------------------------------------------------


@few
@given(x=points)
def test_transforms_of_transforms(x: Any) -> None:
    f, v, u = FUNCTIONS["layer"], random_like(x, 1), random_like(FUNCTIONS["layer"](x), 2)

    def scalar(x: Any) -> Any:
        return np.sum(f(x) ** 2)

    both_ways = jvp(lambda x: vjp(f, x)[1](u)[0], (x,), (v,))[1]
    np.testing.assert_allclose(both_ways, hvp(lambda x: np.sum(u * f(x)), (x,), (v,)))
    close(both_ways, numerical_jvp(lambda x: vjp(f, x)[1](u)[0], (x,), (v,)))
    np.testing.assert_allclose(vjp(lambda x: jvp(f, (x,), (v,))[1], x)[1](u)[0], both_ways, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(jacobian(grad(scalar))(x), hessian(scalar)(x))
    np.testing.assert_allclose(
        jvp(lambda x: jvp(f, (x,), (v,))[1], (x,), (v,))[1],
        numerical_jvp(lambda x: jvp(f, (x,), (v,))[1], (x,), (v,)), rtol=1e-6, atol=1e-6,
    )  # fmt: skip
    close(hvp(lambda x: np.sum(grad(scalar)(x) ** 2), (x,), (v,)), numerical_jvp(
        grad(lambda x: np.sum(grad(scalar)(x) ** 2)), (x,), (v,)
    ))  # fmt: skip


def test_hessian_of_a_function_that_differentiates() -> None:
    """The energy of a gradient: f = |grad g|^2 / 2 for g = sum x^3, so that f = 9/2 sum x^4."""
    x = np.array([0.5, -1.0, 2.0])
    found = hessian(lambda x: np.sum(grad(lambda y: np.sum(y**3))(x) ** 2) / 2)(x)
    np.testing.assert_allclose(found, np.diag(54 * x**2), atol=1e-12)
    inner = hessian(lambda x: np.sum(x * grad(lambda y: np.sum(x * y**2))(x)))(x)  # f = 2 sum x^3
    np.testing.assert_allclose(inner, np.diag(12 * x), atol=1e-12)


def test_a_pullback_can_be_differentiated_by_its_cotangent() -> None:
    x, u = np.array([0.5, 1.0]), np.array([2.0, -1.0])
    _, pullback = vjp(lambda x: np.array([1.0, 2.0]) * x**2, x)
    np.testing.assert_allclose(plain(jacobian(lambda u: pullback(u)[0])(u)), np.diag([1.0, 4.0]))
    np.testing.assert_allclose(plain(grad(lambda u: np.sum(pullback(u)[0] ** 2))(u)), 2 * u * [1, 16])


def test_a_pullback_can_be_called_again() -> None:
    _, pullback = vjp(np.sin, np.array([0.5, 1.0]))
    units = [pullback(unit)[0] for unit in np.eye(2)]
    np.testing.assert_array_equal(units, np.diag(np.cos([0.5, 1.0])))
    np.testing.assert_array_equal(pullback(np.eye(2)[0])[0], units[0])
    first = pullback(np.ones(2))[0]
    first[...] = 7  # nobody else's array
    np.testing.assert_array_equal(pullback(np.ones(2))[0], np.cos([0.5, 1.0]))


def test_a_pullback_belongs_to_the_point_where_it_was_taken() -> None:
    x = np.array([0.5, 1.0])
    _, pullback = vjp(np.sin, x)
    x[...] = 0  # afterwards
    np.testing.assert_array_equal(pullback(np.ones(2))[0], np.cos([0.5, 1.0]))


def test_arguments_are_left_as_they_are() -> None:
    """They are not copied where the tape ends with the call."""
    x, before = np.array([0.5, 1.0]), np.array([0.5, 1.0])
    value, g = value_and_grad(lambda x: np.sum(x * x) + np.sum(x[:1] * 1.0))(x)
    assert not np.shares_memory(value, x)
    assert not np.shares_memory(g, x)
    g[...] = 7
    np.testing.assert_array_equal(x, before)
    x[...] = 2  # nothing keeps it from being written afterwards
    np.testing.assert_array_equal(grad(lambda x: np.sum(x * x))(x), [4.0, 4.0])


def test_a_parameter_stays_guarded_when_its_array_is_an_argument() -> None:
    """Its array is not copied either, but it is the parameter's that must not be written while recording."""
    p = Tensor([0.5, 1.0], requires_grad=True)
    np.testing.assert_array_equal(grad(lambda x: np.sum(x * x))(p.data), [1.0, 2.0])
    with pytest.raises(RuntimeError, match="leaf"):
        p[:1][0] = 7.0  # a view


# -- beside other tapes ------------------------------------------------------------------------------------------------


def closures() -> dict[str, Any]:
    """Return functions of w that differentiate something that closes over w, by each transform: values by w sin w."""
    x, v = np.array([0.5, -1.0]), np.array([2.0, 3.0])
    return {
        "vjp": lambda w: vjp(lambda x: np.sin(w) * x**3, x)[1](v)[0],
        "jvp": lambda w: jvp(lambda x: np.sin(w) * x**3, (x,), (v,))[1],
        "jvp along it": lambda w: jvp(lambda x: x**3, (x,), (np.sin(w) * v,))[1],
        "pulled back": lambda w: vjp(lambda x: x**3, x)[1](np.sin(w) * v)[0],
        "jacobian": lambda w: jacobian(lambda x: np.sin(w) * x**3)(x) @ v,
        "hessian": lambda w: hessian(lambda x: np.sum(np.sin(w) * x**4 / 4))(x) @ v,
        "hvp": lambda w: hvp(lambda x: np.sum(np.sin(w) * x**4 / 4), (x,), (v,)),
        "elementwise": lambda w: elementwise_grad(lambda x: np.sin(w) * x**3)(x) * v,
    }


@pytest.mark.parametrize("name", closures())
def test_closing_over_a_tape(name: str) -> None:
    x, v = np.array([0.5, -1.0]), np.array([2.0, 3.0])
    w = Tensor(0.5, requires_grad=True)
    out = closures()[name](w)
    assert isinstance(out, Tensor)
    np.testing.assert_allclose(out.data, np.sin(0.5) * 3 * x**2 * v)
    np.sum(out).backward()
    np.testing.assert_allclose(w.grad, np.cos(0.5) * np.sum(3 * x**2 * v))
    with no_grad():
        untracked = closures()[name](w)
    np.testing.assert_array_equal(untracked.data if isinstance(untracked, Tensor) else untracked, out.data)
    assert not isinstance(untracked, Tensor) or not untracked.requires_grad


def test_tensors_give_tensors() -> None:
    x, v = Tensor([0.5, -1.0]), np.array([1.0, 0.0])
    out, pullback = vjp(np.sin, x)
    results = [out, pullback(v)[0], *jvp(np.sin, (x,), (v,)), jacobian(np.sin)(x), elementwise_grad(np.sin)(x)]
    results += [hvp(lambda x: np.sum(x**3), (x,), (v,)), hessian(lambda x: np.sum(x**3))(x)]
    for result in results:
        assert isinstance(result, Tensor)
        assert not result.requires_grad


def test_tensors_on_a_tape_stay_on_it() -> None:
    x = Tensor([0.5, -1.0], requires_grad=True)
    np.sum(hessian(lambda x: np.sum(x**3))(x)).backward()
    np.testing.assert_allclose(x.grad, [6.0, 6.0])
    x.grad = None
    np.sum(jvp(lambda x: x**3, (x,), (np.ones(2),))[1]).backward()
    np.testing.assert_allclose(x.grad, 6 * x.data)


def every_transform(x: Any) -> list[Any]:
    v = np.ones(np.shape(x), x.dtype)
    out, pullback = vjp(np.sin, x)
    value, gradient = value_and_grad(lambda x: np.sum(np.sin(x)))(x)
    return [
        out, *pullback(v), *jvp(np.sin, (x,), (v,)), value, gradient, jacobian(np.sin)(x),
        hessian(lambda x: np.sum(np.sin(x)))(x), hvp(lambda x: np.sum(np.sin(x)), (x,), (v,)),
        elementwise_grad(np.sin)(x), grad(lambda x: np.sum(np.sin(x)))(x),
    ]  # fmt: skip


@given(x=hnp.arrays(np.float64, shapes(0, 2), elements=st.sampled_from(GRID)))
def test_everything_works_inside_no_grad(x: Any) -> None:
    outside = every_transform(x)
    with no_grad():
        inside = every_transform(x)
    for a, b in zip(outside, inside, strict=True):
        assert type(b) is np.ndarray
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
@given(shape=shapes(0, 2))
def test_dtype_and_shape_stay(dtype: Any, shape: Any) -> None:
    results = every_transform(np.full(shape, 0.5, dtype))
    assert {r.dtype for r in results} == {np.dtype(dtype)}
    square = shape + shape
    wanted = [shape, shape, shape, shape, (), shape, square, square, shape, shape, shape]
    assert [r.shape for r in results] == wanted


def test_no_cycles() -> None:
    """Memory is freed as soon as a result is dropped, without the garbage collector."""
    x = np.array([0.5, 1.0])

    def use() -> None:
        every_transform(x)
        jacobian(jacobian(FUNCTIONS["product with itself"]))(np.ones((2, 3)))
        jvp(lambda p: {"a": [p["x"] * 2.0, 1]}, ({"x": x},), ({"x": x},))
        w = Tensor(2.0, requires_grad=True)
        hessian(lambda x: np.sum(w * x**3))(x)

    use()
    gc.collect()
    gc.disable()
    try:
        use()
        assert gc.collect() == 0
    finally:
        gc.enable()


# -- constants ---------------------------------------------------------------------------------------------------------


def test_results_that_do_not_depend_on_the_argument() -> None:
    x = np.ones(3)
    out, pullback = vjp(lambda x: np.arange(2.0), x)
    np.testing.assert_array_equal(out, [0, 1])
    np.testing.assert_array_equal(pullback(np.ones(2))[0], np.zeros(3))
    np.testing.assert_array_equal(jvp(lambda x: np.arange(2.0), (x,), (x,))[1], np.zeros(2))
    with pytest.warns(IndependentWarning, match=r"jacobian\(<lambda>\)"):
        np.testing.assert_array_equal(jacobian(lambda x: np.arange(2.0))(x), np.zeros((2, 3)))
    with pytest.warns(IndependentWarning):
        np.testing.assert_array_equal(jacobian(lambda x: 1.5)(x), np.zeros(3))
    with pytest.warns(IndependentWarning):
        np.testing.assert_array_equal(hessian(lambda x: 3.0)(x), np.zeros((3, 3)))
    with pytest.warns(IndependentWarning):
        np.testing.assert_array_equal(elementwise_grad(lambda x: 2.0)(x), np.zeros(3))


def test_a_constant_derivative_is_nothing_to_warn_of() -> None:
    x = np.ones(3)
    np.testing.assert_array_equal(hessian(np.sum)(x), np.zeros((3, 3)))
    np.testing.assert_array_equal(hvp(np.sum, (x,), (x,)), np.zeros(3))
    np.testing.assert_array_equal(jacobian(grad(np.sum))(x), np.zeros((3, 3)))
    assert grad(elementwise_grad(lambda x: 2 * x))(1.0) == 0.0


def test_the_warning_names_the_line_that_asked() -> None:
    with pytest.warns(IndependentWarning) as caught:
        grad(lambda x, y: y, 0)(1.0, 2.0)
    assert caught[0].filename == __file__


def test_functions_that_return_an_argument() -> None:
    """What is returned is older than other arguments, and their gradients are 0."""
    assert grad(lambda p: p["a"])({"a": 1.0, "b": 2.0}) == {"a": 1.0, "b": 0.0}
    assert grad(lambda x, y: x, (0, 1))(1.0, 2.0) == (1.0, 0.0)
    assert jvp(lambda x, y: x, (1.0, 2.0), (3.0, 4.0)) == (1.0, 3.0)
    assert jvp(lambda x, y: (y, x), (1.0, 2.0), (3.0, 4.0)) == ((2.0, 1.0), (4.0, 3.0))
    assert vjp(lambda x, y: (x, x), 1.0, 2.0)[1]((1.0, 10.0)) == (11.0, 0.0)
    np.testing.assert_array_equal(jacobian(lambda x: x)(np.ones(2)), np.eye(2))
    assert hessian(lambda x: x)(2.0) == 0.0
    assert hvp(lambda x, y: x, (1.0, 2.0), (1.0, 1.0)) == (0.0, 0.0)
    with pytest.warns(IndependentWarning):
        assert grad(lambda x: x + grad(lambda y: x)(1.0))(3.0) == 1.0
    assert grad(lambda x: grad(lambda y, z: y, (0, 1))(x, x)[0] * x)(3.0) == 1.0


class TestResultsAreNobodyElses:
    """Changing what a transform returns changes neither the arguments, nor another result, nor what it returns next."""

    def test_value_of_vjp(self) -> None:
        x = np.array([0.5, -1.0])
        out, pullback = vjp(np.tanh, x)
        out -= 1.0
        np.testing.assert_allclose(pullback(np.ones(2))[0], 1 - np.tanh(x) ** 2)

    @pytest.mark.parametrize("f", [lambda x: x, lambda x: x[::-1], lambda x: x.T, np.positive, lambda x: x.reshape(-1)])
    def test_values_that_are_the_argument(self, f: Any) -> None:
        x = np.array([0.5, -1.0])
        values = [vjp(f, x)[0], jvp(f, (x,), (x,))[0], value_and_grad(lambda x: f(x)[:1])(x)[0]]
        for value in values:
            assert not np.shares_memory(value, x)
            value += 1.0
        np.testing.assert_array_equal(x, [0.5, -1.0])

    @pytest.mark.parametrize("create_graph", [False, True])
    def test_gradients_that_are_one_array(self, create_graph: bool) -> None:
        x, y = (Tensor(np.ones(2), requires_grad=True) for _ in range(2))
        seed = Tensor(np.array([1.0, 2.0]))
        found = gradients(x + y, [x, y, x], seed, create_graph=create_graph)
        for g in found:
            assert not np.shares_memory(g.data, seed.data)
        found[0].data += 5.0
        np.testing.assert_array_equal(found[1].data, [1.0, 2.0])
        np.testing.assert_array_equal(found[2].data, [1.0, 2.0])

    @pytest.mark.parametrize("how", ["assign", "in place", "data", "out", "view", "no_grad"])
    @pytest.mark.parametrize("kind", ["array", "tensor", "on a tape"])
    def test_functions_cannot_write_into_their_arguments(self, how: str, kind: str) -> None:
        array = np.ones(3)
        x = array if kind == "array" else Tensor(array, requires_grad=kind == "on a tape")

        def f(x: Any) -> Any:
            if how == "assign":
                x[0] = 5.0
            elif how == "in place":
                x += 5.0
            elif how == "data":
                x.data -= 5.0
            elif how == "out":
                np.add(x, 5.0, out=x)
            elif how == "view":
                x[1:].reshape(-1)[0] = 5.0
            else:
                with no_grad():
                    x *= 5.0
            return np.sum(x)

        with pytest.raises(RuntimeError, match=r"argument of a function that is being differentiated.*t\.copy\(\)"):
            grad(f)(x)
        if how != "data":  # `x.data -= 5` has written before anything can be said
            np.testing.assert_array_equal(x if kind == "array" else x.data, np.ones(3))


class TestComplexResults:
    def test_jacobian_by_real_arguments_is_complex(self) -> None:
        x, d = np.array([0.1, 0.2]), np.array([1.0, -2.0])
        expected = np.diag(1j * np.exp(1j * x))
        np.testing.assert_allclose(jacobian(lambda x: np.exp(1j * x))(x), expected)
        np.testing.assert_allclose(
            jacobian(lambda x: np.exp(1j * x))(x) @ d, jvp(lambda x: np.exp(1j * x), (x,), (d,))[1]
        )
        by_both = jacobian(lambda x, z: x * z, (0, 1))(x, np.array([1 + 2j, 3j]))
        np.testing.assert_allclose(by_both[0], np.diag([1 + 2j, 3j]))
        np.testing.assert_allclose(by_both[1], np.diag(x))
        many = np.linspace(0, 1, 70)  # more rows than one sweep takes
        np.testing.assert_allclose(jacobian(lambda x: x * (2 + 1j))(many), np.eye(70) * (2 + 1j))
        assert jacobian(lambda x: (x * (1 + 1j)).astype(np.complex64))(x.astype(np.float32)).dtype == np.complex64

    def test_jacobian_is_differentiated_again(self) -> None:
        second = jacobian(jacobian(lambda x: np.exp(1j * x)))(np.array([0.1, 0.2]))
        expected = np.zeros((2, 2, 2), complex)
        expected[[0, 1], [0, 1], [0, 1]] = -np.exp(1j * np.array([0.1, 0.2]))
        np.testing.assert_allclose(second, expected)

    @pytest.mark.parametrize("transform", [grad, value_and_grad, hessian, elementwise_grad])
    def test_gradient_of_a_complex_scalar_by_a_real_argument(self, transform: Any) -> None:
        with pytest.raises(TypeError, match=r"complex and an argument is real.*jacobian"):
            transform(lambda x: np.exp(1j * x))(0.1)
        np.testing.assert_allclose(grad(lambda z: np.exp(1j * z))(0.1 + 0j), 1j * np.exp(0.1j))


@pytest.mark.parametrize("result", [True, 3, np.int64(3), np.array(2), np.array(True)])
@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian])
def test_results_that_have_no_derivative(transform: Any, result: Any) -> None:
    with pytest.raises(TypeError, match=r"has no derivative: only floating and complex numbers have"):
        transform(lambda x: result)(1.0)
    with pytest.raises(TypeError, match="has no derivative"):
        transform(lambda x: np.sum(x) > 2)(np.ones(3))


def test_several_arguments_by_a_list() -> None:
    assert grad(lambda x, y: x * y, [0, 1])(2.0, 3.0) == (3.0, 2.0)
    with pytest.raises(TypeError, match="argnum"):
        grad(lambda x: x, argnum=0)  # type: ignore[call-arg]


@pytest.mark.parametrize("transform", [grad, value_and_grad, elementwise_grad, jacobian, hessian])
def test_tensors_are_no_functions(transform: Any) -> None:
    x = Tensor(1.0, requires_grad=True)
    with pytest.raises(TypeError, match=r"takes a function.*gradients\(y, x\)"):
        transform(x * 2, 0)
    with pytest.raises(TypeError, match=r"takes a function.*gradients\(y, x\)"):
        vjp(x * 2, x)  # type: ignore[arg-type]


def test_nothing_to_differentiate_by() -> None:
    """No arguments, no argnums, or containers without arrays: derivatives are as empty, and no error or warning."""

    def f(*_args: Any) -> Any:
        return np.float64(3.0)

    assert hvp(f, (), ()) == vjp(f)[1](1.0) == grad(f, ())(1.0) == jacobian(f, ())(1.0) == ()
    assert jvp(f, (), ()) == (3.0, 0.0)
    for nothing in ((), [], {}):
        assert hvp(f, (nothing,), (nothing,)) == vjp(f, nothing)[1](1.0)[0] == grad(f)(nothing) == nothing
        assert jvp(f, (nothing,), (nothing,)) == (3.0, 0.0)


def test_hvp_does_no_more_than_a_gradient_of_a_gradient() -> None:
    def f(x: Any) -> Any:
        for _ in range(20):
            x = np.tanh(x) + 0.1
        return np.sum(x)

    x, v = np.linspace(-1, 1, 20), np.ones(20)
    by_hand = grad(lambda x: np.sum(grad(f)(x) * v))
    np.testing.assert_allclose(hvp(f, (x,), (v,)), by_hand(x))
    assert python_calls(lambda: hvp(f, (x,), (v,))) < 1.1 * python_calls(lambda: by_hand(x))


def test_tuples_with_constants() -> None:
    def f(x: Any) -> Any:
        return np.sin(x), 3, {"n": np.arange(2), "y": x * 2}

    x, v = np.array([0.5, 1.0]), np.array([1.0, -1.0])
    out, tangent = jvp(f, (x,), (v,))
    assert out[1] == 3
    np.testing.assert_allclose(tangent[0], np.cos(x) * v)
    np.testing.assert_array_equal(tangent[1], 0)
    np.testing.assert_array_equal(tangent[2]["n"], [0, 0])
    np.testing.assert_array_equal(tangent[2]["y"], 2 * v)
    _, pullback = vjp(f, x)
    np.testing.assert_allclose(pullback((v, 100, {"n": np.ones(2), "y": v}))[0], (np.cos(x) + 2) * v)


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3)])
def test_arrays_without_elements(shape: Any) -> None:
    x = np.zeros(shape)
    assert jacobian(lambda x: x * 2)(x).shape == shape + shape
    assert jacobian(lambda x: np.sum(x) + np.ones(2))(x).shape == (2, *shape)
    assert jacobian(lambda y: y[:0])(np.ones(2)).shape == (0, 2)
    assert hessian(lambda x: np.sum(x**2))(x).shape == shape + shape
    assert jvp(np.sin, (x,), (x,))[1].shape == shape
    assert vjp(np.sin, x)[1](x)[0].shape == shape


# -- complex numbers ---------------------------------------------------------------------------------------------------

Z = np.array([0.5 + 1j, -1.0 + 0.25j, 0.75 - 0.5j])

OF_COMPLEX: dict[str, Any] = {
    "holomorphic": lambda z: np.exp(z) * z[::-1],
    "conjugate": lambda z: np.conjugate(z) * z[0] + 2 * z,
    "modulus": np.abs,
    "parts": lambda z: np.real(z) * np.imag(z) ** 2,
}


@pytest.mark.parametrize("f", OF_COMPLEX.values(), ids=OF_COMPLEX)
def test_complex_jvp_and_vjp(f: Any) -> None:
    """A small change dz of the argument changes the output by the tangent; cotangents pair as Re(sum(u * dy))."""
    v = random_like(Z)
    out, tangent = jvp(f, (Z,), (v,))
    close(tangent, numerical_jvp(f, (Z,), (v,)))
    u = random_like(out, 1)
    (pulled,) = vjp(f, Z)[1](u)
    np.testing.assert_allclose(np.sum(u * tangent).real, np.sum(pulled * v).real)


def test_complex_result_of_real_argument() -> None:
    x, v = np.array([0.5, -1.0]), np.array([1.0, 2.0])
    np.testing.assert_allclose(jvp(lambda x: np.exp(1j * x), (x,), (v,))[1], 1j * np.exp(1j * x) * v)
    (pulled,) = vjp(lambda x: np.exp(1j * x), x)[1](np.array([1j, 1.0]))
    np.testing.assert_allclose(pulled, [-np.cos(0.5), -np.sin(-1.0)])
    assert pulled.dtype == np.float64


# -- what is refused ---------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: vjp(np.sin, np.ones(2))[1](np.ones(3)), ValueError, r"vjp\(sin\): the cotangent .*\(2,\).*\(3,\)"),
        (lambda: vjp(np.sin, np.ones(2))[1]([np.ones(2)]), ValueError, r"vjp\(sin\): the cotangent must have the str"),
        (lambda: vjp(np.sin, np.arange(2)), TypeError, r"vjp\(sin\): cannot differentiate by array\(\[0, 1\]\)"),
        (lambda: jvp(np.sin, (np.ones(2),), (1.0,)), ValueError, r"jvp\(sin\): the tangents .*\(2,\).*not.*array \(\)"),
        (lambda: jvp(np.sin, (np.ones(2),), ()), ValueError, r"jvp\(sin\): the tangents must have the structure"),
        (lambda: jvp(np.sin, (1,), (1.0,)), TypeError, r"jvp\(sin\): cannot differentiate by 1 \(a int\)"),
        (lambda: jvp(np.sin, np.ones(1), np.ones(1)), TypeError, r"jvp\(sin\): .*tuple.*\(x,\).*ndarray"),
        (lambda: jvp(np.sin, (1.0,), 1.0), TypeError, r"jvp\(sin\): .*tuple.*float"),
        (lambda: hvp(np.sum, (np.ones(2),), (np.ones(3),)), ValueError, r"the tangents .*\(2,\).*\(3,\)"),
        (lambda: hvp(np.sum, np.ones(1), (np.ones(1),)), TypeError, r"hvp\(sum\): .*tuple.*ndarray"),
        (lambda: hvp(np.sin, (np.ones(2),), (np.ones(2),)), ValueError, r"must return a scalar.*\(2,\)"),
        (lambda: hessian(np.sin)(np.ones(2)), ValueError, r"must return a scalar.*\(2,\)"),
        (lambda: jacobian(np.sin, 1)(np.ones(2)), TypeError, r"jacobian\(sin\): argnums=1.*1 positional"),
        (lambda: jacobian(np.sin, (0, -2))(1.0), TypeError, r"jacobian\(sin\): argnums=-2.*1 positional"),
        (lambda: jacobian(lambda x: (x, None))(1.0), TypeError, r"must return arrays, not a NoneType"),
        (lambda: jacobian(lambda x: (x, {"n": 3}))(1.0), TypeError, r"returned 3 of dtype int64.*no derivative"),
        (lambda: hessian(lambda x: (x, x))(1.0), ValueError, r"a scalar, not.* type tuple.*has_aux=True"),
        (lambda: grad(np.sin, True)(1.0), TypeError, r"argnums=True; they are the places"),
        (lambda: grad(np.multiply, (0, 0))(1.0, 2.0), ValueError, r"grad\(multiply\): argnums=\(0, 0\).*twice"),
        (lambda: jacobian(np.multiply, (1, -1))(1.0, 2.0), ValueError, r"jacobian\(multiply\): argnums=\(1, -1\).*twi"),
        (lambda: grad(np.sin, has_aux=True)(1.0), TypeError, r"grad\(sin\): .*has_aux=True.*a pair.*not a Tensor"),
        (lambda: vjp(lambda x: (x, x, x), 1.0, has_aux=True), TypeError, r"a pair.*not a tuple of 3"),
        (lambda: jacobian(np.sin)(3), TypeError, r"jacobian\(sin\): cannot differentiate by 3"),
        (lambda: elementwise_grad(np.sin)(3), TypeError, r"cannot differentiate by 3"),
    ],
)  # fmt: skip
def test_wrong_calls_say_what_is_wrong(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_dicts_are_paired_by_their_keys() -> None:
    """Tangents and cotangents, in whatever order, bare or nested in sequences; of hvp as well."""
    p = {"a": np.array(2.0), "b": [np.array(3.0), {"c": np.array(5.0), "d": np.array(7.0)}]}
    v = {"b": [np.array(0.5), {"d": np.array(0.1), "c": np.array(20.0)}], "a": np.array(1.0)}

    def f(p: Any) -> Any:
        return p["a"] ** 3 * p["b"][0] + p["b"][1]["c"] ** 2 * p["b"][1]["d"]

    assert np.isclose(jvp(f, (p,), (v,))[1], 36.0 + 4.0 + 1400.0 + 2.5)
    found = hvp(f, (p,), (v,))
    assert np.isclose(found["a"], 2 * 3 * 2 * 3 * 1 + 3 * 4 * 0.5)
    assert np.isclose(found["b"][1]["d"], 2 * 5 * 20)
    _, pullback = vjp(lambda x: {"x": x, "y": 10 * x}, np.array(1.0))
    assert pullback({"y": np.array(1.0), "x": np.array(0.0)})[0] == 10


def test_errors_name_the_transform_that_was_called() -> None:
    def vector(x: Any) -> Any:
        return 2 * x

    for transform, name in ((grad, "grad"), (value_and_grad, "value_and_grad")):
        with pytest.raises(ValueError, match=rf"^{name}\(vector\): the function must return a scalar"):
            transform(vector)(np.ones(3))


# -- what a function computes besides ----------------------------------------------------------------------------------


class TestHasAux:
    """The second of the pair that a function returns comes back as values do, and is not differentiated.

    Of one kind: with each transform that takes `has_aux`, within another transform, beside a tape, and where it shares
    memory with the argument.
    """

    @staticmethod
    def loss(w: Any, x: Any = 2.0) -> Any:
        residuals = w * x - 1.0
        return np.sum(residuals**2), {"residuals": residuals, "n": [w.size, "words", None], "argmax": np.argmax(w)}

    def test_each_transform(self) -> None:
        w = np.array([1.0, 3.0])
        residuals, gradient = w * 2 - 1, 4 * (w * 2 - 1)
        (value, aux), found = value_and_grad(self.loss, has_aux=True)(w)
        results = [
            (aux, found, gradient),
            (*grad(self.loss, has_aux=True)(w)[::-1], gradient),
            (*jacobian(self.loss, has_aux=True)(w)[::-1], gradient),
            (*hessian(self.loss, has_aux=True)(w)[::-1], 8 * np.eye(2)),
        ]
        out, pullback, besides = vjp(self.loss, w, 2.0, has_aux=True)
        results.append((besides, pullback(1.0)[0], gradient))
        assert value == out == np.sum(residuals**2)
        for more, derivative, expected in results:
            assert type(more["residuals"]) is np.ndarray
            np.testing.assert_array_equal(more["residuals"], residuals)
            assert more["n"] == [2, "words", None]
            assert more["argmax"] == 1
            np.testing.assert_allclose(derivative, expected)

    def test_several_arguments(self) -> None:
        found, _ = grad(self.loss, [1, 0], has_aux=True)(np.array([1.0]), 3.0)
        assert found == (4.0, 12.0)

    def test_a_list_of_two_is_a_pair(self) -> None:
        assert grad(lambda x: [x * x, "more"], has_aux=True)(3.0) == (6.0, "more")

    def test_within_another_transform(self) -> None:
        def inner(x: Any) -> Any:
            g, aux = grad(lambda y: (y**3, y**2), has_aux=True)(x)
            return g + aux, aux

        assert grad(inner, has_aux=True)(2.0) == (6 * 2.0 + 2 * 2.0, 4.0)

    def test_what_only_the_aux_has_from_a_tape_stays_on_it(self) -> None:
        w = Tensor(2.0, requires_grad=True)
        g, aux = grad(lambda x: (x**2, w * x), has_aux=True)(3.0)
        assert isinstance(aux, Tensor)
        (aux + g).backward()
        assert w.grad == 3.0

    def test_tensors_in_tensors_out(self) -> None:
        g, aux = grad(lambda x: (x**2, 3 * x), has_aux=True)(Tensor(3.0))
        assert isinstance(g, Tensor)
        assert isinstance(aux, Tensor)
        assert not aux.requires_grad

    def test_it_is_nobody_elses(self) -> None:
        x, buffer = np.array([0.5, -1.0]), Tensor(np.ones(2))
        for _, aux in (
            grad(lambda x: (np.sum(x), x[::-1]), has_aux=True)(x),
            grad(lambda x: (x @ x, buffer), has_aux=True)(x),
        ):
            aux += 1.0
        out, pullback, aux = vjp(lambda x: (np.exp(x),) * 2, x, has_aux=True)
        aux += 1.0
        out += 1.0
        np.testing.assert_allclose(pullback(np.ones(2))[0], np.exp(x))
        np.testing.assert_array_equal(x, [0.5, -1.0])
        np.testing.assert_array_equal(buffer.data, np.ones(2))


# -- Jacobians and Hessians of nested containers -----------------------------------------------------------------------


class TestNestedDerivatives:
    """The structure of the outputs stands outside, that of the arguments inside.

    Of one kind: dicts, lists, tuples and their kin on either side, one argument and several, outputs that depend on
    nothing, and the Hessian, which has the arguments' structure on both sides.
    """

    @given(data=st.data())
    def test_each_part_is_the_jacobian_of_an_output_by_an_input(self, data: Any) -> None:
        arrays = hnp.arrays(np.float64, shapes(0, 2, 2), elements=st.sampled_from(GRID))
        tree = st.recursive(
            arrays, lambda t: st.lists(t, max_size=2) | st.dictionaries(st.sampled_from("ab"), t) | st.tuples(t, t),
            max_leaves=3,
        )  # fmt: skip
        p, q, weights = (data.draw(tree) for _ in range(3))

        def f(p: Any, q: Any) -> Any:
            total = sum(np.sum(np.sin(x) * (i + 1)) for i, x in enumerate(flat_leaves((p, q))))
            return tree_like(weights, [w * total for w in flat_leaves(weights)])

        found = jacobian(f, (0, 1))(p, q)
        parts = flat_leaves(found)
        inputs = flat_leaves((p, q))
        expected = [
            np.multiply.outer(w, np.cos(x) * (i + 1)) for w in flat_leaves(weights) for i, x in enumerate(inputs)
        ]
        for part, wanted in zip(parts, expected, strict=True):
            assert type(part) is np.ndarray
            np.testing.assert_allclose(part, wanted, rtol=1e-12, atol=1e-12)
        assert structure(found) == structure(tree_like(weights, [(p, q)] * len(flat_leaves(weights))))
        assert structure(jacobian(f, 1)(p, q)) == structure(tree_like(weights, [q] * len(flat_leaves(weights))))

    def test_nested_as_jax_nests_it(self) -> None:
        p, y = {"a": np.ones(2), "b": (1.5,)}, np.ones(2)

        def f(p: Any, y: Any) -> Any:
            return {"s": p["a"] * y, "l": [p["b"][0] * 2.0, (y,)]}

        found = jacobian(f, (0, 1))(p, y)
        np.testing.assert_array_equal(found["s"][0]["a"], np.eye(2))
        np.testing.assert_array_equal(found["s"][0]["b"][0], np.zeros(2))
        np.testing.assert_array_equal(found["s"][1], np.eye(2))
        assert found["l"][0][0]["b"] == (2.0,)
        np.testing.assert_array_equal(found["l"][1][0][0]["a"], np.zeros((2, 2)))
        np.testing.assert_array_equal(found["l"][1][0][1], np.eye(2))
        assert type(jacobian(lambda p: Layer(p["a"], p["a"]))(p)) is Layer

    def test_hessian_of_several_nested_arguments(self) -> None:
        p, y = {"a": np.array([1.0, 2.0]), "b": (1.5,)}, np.array([3.0, 4.0])

        def f(p: Any, y: Any) -> Any:
            return np.sum(p["a"] ** 2 * y) * p["b"][0]

        of_p, (of_y_p, of_y) = hessian(f, (0, 1))(p, y)
        np.testing.assert_allclose(of_p["a"][0]["a"], np.diag(2 * y * 1.5))
        np.testing.assert_allclose(of_p["a"][0]["b"][0], 2 * p["a"] * y)
        np.testing.assert_allclose(of_p["a"][1], np.diag(2 * p["a"] * 1.5))
        np.testing.assert_allclose(of_p["b"][0][0]["a"], 2 * p["a"] * y)
        assert of_p["b"][0][0]["b"][0] == 0.0
        np.testing.assert_allclose(of_p["b"][0][1], p["a"] ** 2)
        np.testing.assert_allclose(of_y_p["a"], np.diag(2 * p["a"] * 1.5))
        np.testing.assert_allclose(of_y_p["b"][0], p["a"] ** 2)
        np.testing.assert_array_equal(of_y, np.zeros((2, 2)))
        np.testing.assert_allclose(hessian(f)(p, y)["a"]["a"], of_p["a"][0]["a"])
        np.testing.assert_allclose(hessian(f, -1)(p, y), of_y)
        np.testing.assert_allclose(hessian(f, [1])(p, y)[0][0], of_y)

    def test_an_output_that_depends_on_nothing_is_no_slip_beside_one_that_does(self) -> None:
        found = jacobian(lambda x: (np.ones(2), x, 1j))(np.ones(3, np.float32))
        np.testing.assert_array_equal(found[0], np.zeros((2, 3)))
        np.testing.assert_array_equal(found[1], np.eye(3))
        assert found[1].dtype == np.float32
        assert found[2].dtype.kind == "c"
        with pytest.warns(IndependentWarning):
            jacobian(lambda x: (np.ones(2), [1.0]))(np.ones(3))

    def test_tensors_on_a_tape(self) -> None:
        w = Tensor(2.0, requires_grad=True)
        found = jacobian(lambda x: {"y": w * x})(np.ones(2))
        np.sum(found["y"]).backward()
        assert w.grad == 2.0


def flat_leaves(tree: Any) -> list[Any]:
    """Return the arrays of nested containers."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [leaf for branch in tree for leaf in flat_leaves(branch)] if isinstance(tree, list | tuple) else [tree]


def tree_like(model: Any, leaves: list[Any]) -> Any:
    """Return containers nested like a model, with other leaves."""
    rest = iter(leaves)

    def filled(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: filled(value) for key, value in part.items()}
        return type(part)(filled(branch) for branch in part) if isinstance(part, list | tuple) else next(rest)

    return filled(model)


def structure(tree: Any) -> Any:
    """Return nested containers without their arrays."""
    return tree_like(tree, [None] * len(flat_leaves(tree)))
