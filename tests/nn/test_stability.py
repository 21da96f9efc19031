"""explain_divergence: known spectra, and whether gradient descent does what is said of it."""

import itertools
import math
from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import nn
from autograd_np import Tensor, grad, hvp
from nn import explain_divergence, reference

Array = NDArray[Any]
Pair = namedtuple("Pair", "a b")

# Eigenvalues of every kind: repeated, 0, of both signs, far apart; from matrices that are taken whole to larger ones.
spectra = st.lists(st.sampled_from([-3.0, -1.0, 0.0, 0.5, 1.0, 2.0, 40.0]) | st.floats(-5, 5), min_size=1, max_size=60)
seeds = st.integers(0, 1000)


def with_spectrum(values: list[float], seed: int) -> Array:
    """Return a symmetric matrix with given eigenvalues."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values), len(values))))
    return (q * values) @ q.T


def quadratic(matrix: Array) -> Any:
    return lambda x: 0.5 * x @ (matrix @ x) + np.sum(x)


@given(spectra, seeds)
def test_ends_of_the_spectrum_are_found(values: list[float], seed: int) -> None:
    n, size = len(values), max(map(abs, values))
    calls = 0

    def loss(x: Any) -> Any:
        nonlocal calls
        calls += 1
        return quadratic(with_spectrum(values, seed))(x)

    found = explain_divergence(loss, np.ones(n), 0.1, rng=seed)
    assert found.curvature == pytest.approx(max(values), abs=1e-7 * size)
    assert found.lowest == pytest.approx(min(values), abs=1e-7 * size)
    assert found.residual <= 1e-6 * size
    assert calls == found.products + 1  # and one for the loss itself
    assert found.stable_below == (pytest.approx(2 / found.curvature) if found.curvature > 0 else math.inf)
    assert found.stable == (found.lr < found.stable_below)
    assert "a saddle" in str(found) or not found.lowest < 0 < found.curvature


@pytest.mark.parametrize("n", [1, 2, 20, 21, 50])
@pytest.mark.parametrize("sign", [-1, 0, 1])
def test_all_eigenvalues_alike(n: int, sign: int) -> None:
    found = explain_divergence(lambda x: 1.5 * sign * np.sum(x**2) + np.sum(x), np.ones(n), 0.1)
    assert (found.curvature, found.lowest) == pytest.approx((3 * sign, 3 * sign))


@given(st.lists(st.floats(0.1, 50), min_size=1, max_size=40), seeds)
def test_gradient_descent_converges_just_below_and_diverges_just_above(values: list[float], seed: int) -> None:
    loss = quadratic(with_spectrum(values, seed))
    n, rng = len(values), np.random.default_rng(seed)
    bound = explain_divergence(loss, rng.standard_normal(n), 0.1).stable_below
    bottom = np.linalg.solve(with_spectrum(values, seed), -np.ones(n))
    slope = grad(loss)

    def distances(lr: float) -> list[float]:
        x, found = bottom + rng.standard_normal(n), []
        for _ in range(150):
            found.append(float(np.linalg.norm(x - bottom)))
            x = x - lr * slope(x)
        return found

    below, above = distances(0.95 * bound), distances(1.05 * bound)
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(below))
    assert below[-1] < 0.9 * below[0]
    assert above[-1] > 100 * above[0]


X = np.arange(1.0, 9.0)


def squared_error(p: dict[str, Any]) -> Any:
    return np.mean((p["w"] * X + p["b"] - 2 * X) ** 2)


@pytest.mark.parametrize(("factor", "bound"), [(1.0, 0.038), (0.5, 0.076)])
def test_line_whose_loss_grows(factor: float, bound: float) -> None:
    """y = 2x with x up to 8: 0.1 is too much, for the mean squared error and for half of it."""
    found = explain_divergence(lambda p: factor * squared_error(p), {"w": 0.0, "b": 0.0}, 0.1)
    assert not found.stable
    assert found.stable_below == pytest.approx(bound, abs=1e-4)
    assert f"= {found.stable_below:.4g}. Yours, 0.1, is not:" in str(found)


@pytest.mark.parametrize(("share", "grows"), [(0.95, False), (1.05, True)])
def test_bound_is_that_of_the_series(share: float, grows: bool) -> None:
    """The hand-written descent steps along half the gradient of the mean squared error."""
    found = explain_divergence(lambda p: 0.5 * squared_error(p), {"w": 0.0, "b": 0.0}, 0.1)
    column, zero = X[:, None], np.zeros((1, 1))
    _, _, losses = reference.gradient_descent(
        column,
        2 * column,
        zero,
        zero,
        share * found.stable_below,
        300,
        len(X),
        reference.mse_loss,
        verbose=False,
        rng=0,
    )
    assert (losses[-1] > 100 * losses[0]) == grows
    assert (losses[-1] < losses[0]) != grows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nested_parameters_keep_their_structure(dtype: Any) -> None:
    matrix = with_spectrum([7.0, 4.0, 3.0, 2.0, 1.0, 0.5, 0.1], 0).astype(dtype)
    params = {"a": [np.ones((2, 2), dtype), (Tensor(np.ones(1, dtype)),)], "b": Pair(dtype(1), np.ones((1, 1), dtype))}

    def loss(p: Any) -> Any:
        (m, (v,)), (s, t) = p["a"], p["b"]
        assert isinstance(p["b"], Pair)
        assert [x.shape for x in (m, v, s, t)] == [(2, 2), (1,), (), (1, 1)]
        assert {x.dtype for x in (m, v, s, t)} == {np.dtype(dtype)}
        return quadratic(matrix)(np.concatenate([np.ravel(x) for x in (m, v, s, t)]))

    found = explain_divergence(loss, params, 0.25)
    assert found.curvature == pytest.approx(7, rel=1e-5)
    assert found.stable
    assert "is: along" in str(found)


def test_curvature_of_a_network() -> None:
    """The whole Hessian of a network, against the ends that were found from products."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(4, 5, rng=rng), nn.Tanh(), nn.Linear(5, 3, rng=rng)).astype(np.float64)
    x, y = rng.standard_normal((20, 4)), rng.integers(0, 3, 20)

    def loss(p: Any) -> Any:
        return nn.CrossEntropyLoss()(nn.functional_call(model, p, x), y)

    params = {name: p.data for name, p in model.named_parameters()}
    found = explain_divergence(loss, params, 0.1)
    rows = []
    for name, p in params.items():
        for i in range(p.size):
            unit = {other: np.zeros_like(q) for other, q in params.items()}
            unit[name].flat[i] = 1
            rows.append(np.concatenate([h.ravel() for h in hvp(loss, (params,), (unit,)).values()]))
    eigenvalues = np.linalg.eigvalsh(np.stack(rows))
    assert (found.lowest, found.curvature) == pytest.approx((eigenvalues[0], eigenvalues[-1]))
    assert found.products < 3 * len(rows)

    for p in model.parameters():
        p.data = np.float64(0) + p.data  # as training does; the tensors themselves are given now
    again = explain_divergence(loss, dict(model.named_parameters()), 0.1)
    assert (again.curvature, again.lowest) == pytest.approx((found.curvature, found.lowest))
    assert all(p.grad is None for p in model.parameters())


def test_loss_may_hold_tensors_that_require_gradients() -> None:
    scale = Tensor(3.0, requires_grad=True)
    assert explain_divergence(lambda x: scale * np.sum(x**2), np.ones(2), 0.1).curvature == pytest.approx(6)
    assert scale.grad is None


def test_seed_makes_it_repeatable() -> None:
    loss = quadratic(with_spectrum(list(np.linspace(1, 2, 50)), 0))
    first, second = (explain_divergence(loss, np.ones(50), 0.1, rng=3) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("loss", "params", "lr", "error", "message"),
    [
        (np.sum, np.ones(2), "0.1", TypeError, "lr='0.1' is no number"),
        (np.sum, np.ones(2), True, TypeError, "lr=True is no number"),
        *((np.sum, np.ones(2), lr, ValueError, "positive and finite") for lr in (0.0, -0.1, math.inf, math.nan)),
        *((np.sum, p, 0.1, ValueError, "params hold no numbers") for p in ({}, [], np.ones(0), {"a": [()]})),
        (np.sum, np.arange(3), 0.1, TypeError, "ndarray of dtype int64; give floating"),
        (np.sum, np.ones(3) * 1j, 0.1, TypeError, "complex128"),
        (np.sum, {"w": "x"}, 0.1, TypeError, "str of dtype"),
        (np.sum, nn.Linear(2, 2), 0.1, TypeError, "named_parameters"),
        (np.exp, np.ones(2), 0.1, ValueError, r"a scalar, not a ndarray of shape \(2,\)"),
        (lambda x: [x], np.ones(1), 0.1, ValueError, "a scalar, not a list"),
        (lambda x: None, np.ones(1), 0.1, ValueError, "a scalar, not a NoneType"),
        (lambda x: np.sum(np.exp(1000 * x)), np.ones(2), 0.1, ValueError, "the loss is inf at this point"),
        (lambda x: np.sum(x) * np.nan, np.ones(2), 0.1, ValueError, "the loss is nan at this point"),
        (lambda x: np.sum(np.sqrt(x)), np.zeros(2), 0.1, ValueError, "curvature of the loss is not finite"),
    ],
)
def test_errors_say_what_is_wrong(loss: Any, params: Any, lr: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        explain_divergence(loss, params, lr)


def test_eigenvalues_that_crowd_at_zero_do_not_hold_it_up() -> None:
    """As those of a linear layer on images, most of whose pixels hardly differ."""
    rng = np.random.default_rng(0)
    vectors = np.linalg.qr(rng.normal(size=(400, 400)))[0]
    eigenvalues = np.concatenate([np.zeros(300), np.geomspace(1e-6, 5.0, 100)])
    hessian = (vectors * eigenvalues) @ vectors.T
    found = explain_divergence(lambda w: w @ hessian @ w / 2, np.ones(400), 0.1, rng=1)
    assert found.curvature == pytest.approx(5.0)
    assert found.lowest == pytest.approx(0.0, abs=1e-3)
    assert found.products < 1000
