"""Checkpoints: the same values and gradients, for less memory; what is computed again is what was computed."""

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import Tensor, checkpoint, compile, grad, gradients, hessian, hvp, jacobian, no_grad, value_and_grad
from autograd_np.compiling import Uncapturable
from autograd_np.testing import check_grads


def layers(x: Any, w: Any, depth: int = 3) -> Any:
    for _ in range(depth):
        x = np.tanh(x @ w)
    return x


@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans(), st.integers(1, 3))
def test_values_and_gradients_are_the_same(seed: int, closes_over: bool, on_a_tape: bool, segments: int) -> None:
    rng = np.random.default_rng(seed)
    data, weights = rng.normal(size=(4, 3)), rng.normal(size=(3, 3))

    def pull(wrapped: Any) -> list[Any]:
        x, w = Tensor(data, requires_grad=True), Tensor(weights, requires_grad=True)
        v = w * 2 if on_a_tape else w
        y = x
        for _ in range(segments):
            y = wrapped(lambda a: layers(a, v))(y) if closes_over else wrapped(layers)(y, w=v)
        (y * y).sum().backward()
        return [y.data, x.grad, w.grad]

    for a, b in zip(pull(checkpoint), pull(lambda f: f), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)


def test_nested_results_and_several_of_them() -> None:
    def function(p: Any) -> Any:
        return {"a": [p["x"] * 2, 5], "b": (p["x"] @ p["y"], p["y"])}

    x, y = Tensor([1.0, 2.0], True), Tensor([3.0, 4.0], True)
    out = checkpoint(function)({"x": x, "y": y})
    assert out["a"][1] == 5
    (out["a"][0].sum() * 3 + out["b"][0] + out["b"][1].sum() * 7).backward()
    assert x.grad.tolist() == [9, 10]
    assert y.grad.tolist() == [8, 9]


def test_any_order() -> None:
    w = np.random.default_rng(0).normal(size=(3, 3))
    block = checkpoint(lambda x, w: layers(x, w))
    check_grads(lambda x, w: np.sum(block(x, w) ** 2), (np.ones((2, 3)), w), order=2)

    def f(x: Any) -> Any:
        return np.sum(checkpoint(lambda a: a**3)(x))

    x, v = np.array([1.0, 2.0]), np.array([1.0, 0.5])
    assert hvp(f, (x,), (v,)).tolist() == [6, 6]
    assert grad(lambda x: np.sum(grad(lambda x: np.sum(grad(f)(x)))(x)))(x).tolist() == [6, 6]
    assert jacobian(checkpoint(lambda a: a**2))(x).tolist() == [[2, 0], [0, 4]]


def test_nothing_of_the_run_is_kept() -> None:
    kept: list[Any] = []

    def function(x: Any) -> Any:
        hidden = np.exp(x)
        kept.append(weakref.ref(hidden.data))
        return np.sin(hidden)

    x = Tensor(np.ones(3), True)
    y = checkpoint(function)(x)
    gc.collect()
    assert [reference() for reference in kept] == [None]
    y.sum().backward()
    gc.collect()
    assert [reference() for reference in kept] == [None, None]
    np.testing.assert_allclose(x.grad, np.cos(np.e) * np.e)


def test_dropout_drops_the_same_and_the_generator_goes_on() -> None:
    def pull(wrapped: Any) -> list[Any]:
        model = nn.Sequential(nn.Linear(3, 8, rng=0), nn.Dropout(0.5, rng=1), nn.Linear(8, 2, rng=2))
        results = []
        for _ in range(2):
            y = wrapped(model)(np.ones((4, 3), np.float32))
            y.sum().backward()
            results += [y.data, *(p.grad.copy() for p in model.parameters())]
        return results

    for a, b in zip(pull(checkpoint), pull(lambda f: f), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_no_longer_so_is_refused() -> None:
    w = np.ones(3)
    x = Tensor(np.ones(3), True)
    y = checkpoint(lambda x: x * w)(x)
    w[0] = 2
    with pytest.raises(RuntimeError, match="in the backward pass it computes something else than before"):
        y.sum().backward()
    assert x.grad is None
    layer = nn.Linear(3, 2, rng=0)
    y = checkpoint(layer)(Tensor(np.ones((4, 3)), True))
    layer.weight.data += 1
    with pytest.raises(RuntimeError, match="something else than before"):
        y.sum().backward()


def test_where_nothing_is_recorded_it_runs_as_it_is() -> None:
    with no_grad():
        assert not checkpoint(np.tanh)(Tensor([1.0], True)).requires_grad
    assert checkpoint(lambda x: (x, "text"))(np.ones(2))[1] == "text"
    assert isinstance(checkpoint(np.tanh)(np.ones(2)), np.ndarray)
    with pytest.raises(TypeError, match="checkpoint: takes a function"):
        checkpoint(1)


def test_results_that_are_arguments_and_results_from_outside() -> None:
    x, w = Tensor([1.0, 2.0], True), Tensor([3.0, 4.0], True)
    same, outer = checkpoint(lambda x: (x, w))(x)
    (same.sum() * 2 + outer.sum() * 5).backward()
    assert x.grad.tolist() == [2, 2]
    assert w.grad.tolist() == [5, 5]
    z = x * 3
    (of_x,) = gradients(checkpoint(lambda: z * z)().sum(), x)
    assert of_x.tolist() == [18, 36]


def test_compiled() -> None:
    w = np.random.default_rng(0).normal(size=(3, 3))
    eager = value_and_grad(lambda x, w: np.sum(checkpoint(layers)(x, w) ** 2), argnums=(0, 1))
    compiled = compile(eager)
    for i in range(4):
        x = np.ones((2, 3)) * i
        for a, b in zip([compiled(x, w)[0], *compiled(x, w)[1]], [eager(x, w)[0], *eager(x, w)[1]], strict=True):
            assert a.tobytes() == b.tobytes()


@given(st.integers(0, 2**32 - 1), st.sampled_from(["argument", "closure", "both"]))
def test_tensors_of_which_one_comes_from_another(seed: int, where: str) -> None:
    """By argument, by closure, by both: each path counts once, to first and to second order."""
    rng = np.random.default_rng(seed)
    data = rng.normal(size=3)

    def function(wrapped: Any) -> Any:
        def f(w: Any) -> Any:
            h = np.sin(w) * 2
            v = h[::-1] * w
            calls = {
                "argument": lambda: wrapped(lambda a, b, c: a * b * b + np.exp(c) * a)(w, h, v),
                "closure": lambda: wrapped(lambda: w * h * h + np.exp(v) * w)(),
                "both": lambda: wrapped(lambda b: w * b * h + np.exp(v) * w)(h),
            }
            return np.sum(calls[where]())

        return f

    for transform in (grad, hessian):
        found, expected = (transform(function(wrapped))(data) for wrapped in (checkpoint, lambda f: f))
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    x = Tensor(data, requires_grad=True)
    function(checkpoint)(x).backward()
    np.testing.assert_allclose(x.grad, grad(function(lambda f: f))(data), rtol=1e-10, atol=1e-12)


def test_both_results_of_an_earlier_one() -> None:
    def pull(wrapped: Any) -> list[float]:
        w = Tensor([1.0, 2.0], True)
        a, b = wrapped(lambda: (w * 2, w * w))()
        wrapped(lambda: a * b * w)().sum().backward()
        return w.grad.tolist()

    assert pull(checkpoint) == pull(lambda f: f)


def test_hooks_are_called_once() -> None:
    w, calls = Tensor([1.0, 2.0], True), []
    h = w * 3
    w.register_hook(lambda g: (calls.append("w"), g * 2)[1])
    h.register_hook(lambda g: (calls.append("h"), g * 5)[1])
    checkpoint(lambda: w * h)().sum().backward()
    assert sorted(calls) == ["h", "w"]
    assert w.grad.tolist() == [2 * (3 + 15 * 1), 2 * (6 + 15 * 2)]


def test_compiled_with_dropout_it_is_refused() -> None:
    dropout = nn.Dropout(0.5, rng=0)
    compiled = compile(lambda x: grad(lambda v: np.sum(checkpoint(lambda q: dropout(q) * q)(v)))(x))
    with pytest.raises(Uncapturable, match="a checkpoint draws at random once more"):
        compiled(np.ones(3))


def test_another_tensor_of_the_same_numbers_is_refused() -> None:
    """Its gradient would be lost, and the first one's be 0."""
    w, held = Tensor([1.0, 2.0], True), {}
    held["w"] = w
    y = checkpoint(lambda: held["w"] * 3)()
    held["w"] = Tensor([1.0, 2.0], True)
    with pytest.raises(RuntimeError, match="something else than before"):
        y.sum().backward()
    assert w.grad is None
