"""What rounding leaves uncertain is no mistake: in what cancels, in units that are saturated, at kinks and at ties.

A right pass may compute the same in another order, in another form, or in float32. Where most digits of a gradient are
lost, each of them loses others. To the same kind belong batches of equal or nearly equal examples before a
normalisation, examples far from 0 beside how they differ, saturated units and probabilities, inputs of a ReLU that are
rounding, maxima that tie, and numbers at the ends of what a dtype holds. A wrong pass at ordinary numbers stays wrong.
"""

from typing import Any

import numpy as np
import pytest

import nn
from nn.compare import compare_backprop, compare_gradients
from nn.doctor.evidence import agreeing_digits, length
from nn.reference import backward_batch_norm, forward_batch_norm, sigmoid, softmax
from tests.nn.doctor.test_accidents import linear, names


def normalised(p: Any, x: Any, y: Any) -> Any:
    """Return the gradients of Linear-BatchNorm1d-Sigmoid-Linear, by the textbook."""
    W1, b1, gamma, beta, W2, b2 = p.values()
    out, normal, _, var = forward_batch_norm(x @ W1.T + b1, gamma, beta)
    A = sigmoid(out)
    delta = (softmax(A @ W2.T + b2) - np.eye(3)[y]) / len(x)
    back, g_gamma, g_beta = backward_batch_norm((delta @ W2) * A * (1 - A), normal, var, gamma)
    found = (back.T @ x, back.sum(axis=0), g_gamma[0], g_beta[0], delta.T @ A, delta.sum(axis=0))
    return dict(zip(p, found, strict=True))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("equal", "scale"), [(True, 100), (True, 1e4), (False, 1e-3), (False, 1e3)])
def test_what_cancels_in_a_normalisation(equal: bool, scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = nn.Sequential(linear(3, 3, seed), nn.BatchNorm1d(3, dtype="float64"), nn.Sigmoid(), linear(3, 3, seed + 1))
    x = scale * (np.tile(rng.normal(size=(1, 3)), (4, 1)) if equal else rng.normal(size=(8, 3)))
    y = rng.integers(3, size=len(x))
    found = compare_backprop(model, x, y, backward=normalised, directions=1, entries=1)
    assert found.agrees, found
    assert not found.diagnoses

    def wrong(p: Any, x: Any, y: Any) -> Any:
        g = normalised(p, x, y)
        return {**g, "3.weight": g["3.weight"][:, ::-1]}

    assert not compare_backprop(model, x, y, backward=wrong, directions=1, entries=1).agrees


@pytest.mark.parametrize("seed", [5, 48, 19, 31])
@pytest.mark.parametrize("hidden", [1, 2, 3])
def test_a_mean_that_is_off_by_rounding(hidden: int, seed: int) -> None:
    """What goes into the normalisation is far from 0 beside how much it differs."""
    rng = np.random.default_rng(seed)
    model = nn.Sequential(
        linear(4, hidden, seed), nn.Sigmoid(), linear(hidden, 3, seed + 1), nn.BatchNorm1d(3, dtype="float64"),
        nn.Sigmoid(), linear(3, 3, seed + 2),
    )  # fmt: skip

    def backward(p: Any, x: Any, y: Any) -> Any:
        W, b, *_ = p.values()
        A = sigmoid(x @ W.T + b)
        g = normalised(dict(list(p.items())[2:]), A, y)
        out, normal, _, var = forward_batch_norm(A @ p["2.weight"].T + p["2.bias"], p["3.weight"], p["3.bias"])
        out = sigmoid(out)
        delta = (softmax(out @ p["5.weight"].T + p["5.bias"]) - np.eye(3)[y]) / len(x)
        back, _, _ = backward_batch_norm((delta @ p["5.weight"]) * out * (1 - out), normal, var, p["3.weight"])
        back = (back @ p["2.weight"]) * A * (1 - A)
        return {"0.weight": back.T @ x, "0.bias": back.sum(axis=0), **g}

    x, y = 0.05 * rng.normal(size=(8, 4)), rng.integers(3, size=8)
    found = compare_backprop(model, x, y, backward=backward, directions=1, entries=1)
    assert found.agrees, found


def slope_of(kind: str, Z: Any, A: Any) -> Any:
    """Return an activation's derivative, as a formula in its output or in the form that keeps all digits."""
    match kind:
        case "tanh":
            return 1 - A**2
        case "stable tanh":
            return 1 / np.cosh(Z) ** 2
        case "sigmoid":
            return A * (1 - A)
        case _:
            return sigmoid(Z) * sigmoid(-Z)


def two_layers(slope: str, dtype: str, factor: float = 1.0) -> Any:
    """Return the gradients of Linear-Tanh-Linear or Linear-Sigmoid-Linear, computed in a dtype."""

    def backward(p: Any, x: Any, y: Any) -> Any:
        W1, b1, W2, b2 = (v.astype(dtype) for v in p.values())
        x = x.astype(dtype)
        Z = x @ W1.T + b1
        A = np.tanh(Z) if "tanh" in slope else sigmoid(Z)
        delta = ((softmax(A @ W2.T + b2) - np.eye(3, dtype=dtype)[y]) / len(x)).astype(dtype)
        back = ((delta @ W2) * slope_of(slope, Z, A) * factor).astype(dtype)
        return dict(zip(p, (back.T @ x, back.sum(axis=0), delta.T @ A, delta.sum(axis=0)), strict=True))

    return backward


@pytest.mark.parametrize("seed", range(5, 13))
@pytest.mark.parametrize(
    ("slope", "dtype"),
    [("tanh", "float32"), ("sigmoid", "float32"), ("stable tanh", "float64"), ("stable sigmoid", "float64")],
)
def test_units_that_are_saturated(slope: str, dtype: str, seed: int) -> None:
    """Pixels from 0 to 255, as they are."""
    rng = np.random.default_rng(seed)
    kind = nn.Tanh() if "tanh" in slope else nn.Sigmoid()
    model = nn.Sequential(linear(4, 3, seed), kind, linear(3, 3, seed + 1))
    x, y = rng.uniform(0, 255, size=(4, 4)), rng.integers(3, size=4)
    found = compare_backprop(model, x, y, backward=two_layers(slope, dtype), directions=1, entries=0)
    assert found.agrees, found
    assert not found.diagnoses
    # The same pass is judged to its digits where they are not saturated.
    wrong = two_layers(slope, dtype, 1.001)
    found = compare_backprop(model, x / 255, y, backward=wrong, directions=1, entries=0)
    assert [row.agrees for row in found.rows] == [False, False, True, True]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("factor", [1.0, 40.0, 300.0])
def test_probabilities_that_are_nearly_certain(factor: float, seed: int) -> None:
    """Little is left of P - T in float32, or nothing."""
    rng = np.random.default_rng(seed)
    model: Any = nn.Sequential(linear(4, 3, seed), nn.Tanh(), linear(3, 3, seed + 1))
    for p in model[2].parameters():
        p.data *= factor
    x = rng.normal(size=(6, 4))
    y = np.argmax(model(x).data, axis=1)  # each of them right
    found = compare_backprop(model, x, y, backward=two_layers("tanh", "float32"), directions=1, entries=0)
    assert found.agrees, found


# ---------------------------------------------------------------------------------------------------------------------
# Kinks and ties
# ---------------------------------------------------------------------------------------------------------------------

NEAR = [0.0, 1e-15, -1e-14, 1e-13, -1e-12]


def at_zero(off: float) -> tuple[Any, Any, Any]:
    """Return a network of which one unit is so far off its kink for one example."""
    model: Any = nn.Sequential(linear(3, 2, 0), nn.ReLU(), linear(2, 2, 1))
    model[0].weight.data = np.array([[0.25, 0.25, -0.5], [0.3, 0.1, 0.2]])
    model[0].bias.data = np.array([off, 0.1])
    return model, np.array([[1.0, 1, 1], [0.5, 0.2, 0.1]]), np.array([0, 1])


def tied(off: float) -> tuple[Any, Any, Any]:
    """Return a network whose pooling has two maxima that are so far from one another."""
    model: Any = nn.Sequential(
        nn.Conv2d(1, 1, 2, rng=0, dtype="float64"), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), linear(1, 2, 1)
    )
    model[0].weight.data = np.ones((1, 1, 2, 2))
    return model, np.array([[1, 2, 1.0], [2, 1, 3], [1, 2, 1 + off]])[None, None], np.array([0])


@pytest.mark.parametrize("off", NEAR)
@pytest.mark.parametrize("network", [at_zero, tied])
def test_differences_do_not_judge_near_a_kink(network: Any, off: float) -> None:
    model, x, y = network(off)
    found = compare_backprop(model, x, y)
    assert found.agrees, found
    assert "0.weight" in found.kinked
    how = "tie" if network is tied else "of a ReLU is"
    assert f"{how} {'nearly' if off else 'exactly'}" in str(found)
    assert "a little beside it they agree" in str(found)


def test_inputs_that_are_the_rounding_of_their_sum_are_at_the_kink() -> None:
    model, x, y = at_zero(0)
    model[0].weight.data[0] = [0.1, 0.2, -0.3]
    model[0].bias.data[:] = 0
    found = compare_backprop(model, x, y)
    assert found.agrees
    assert "the input of a ReLU is nearly 0, where it has its kink: that of 1 in unit 0, of 1 of 2 samples" in str(
        found
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scale", [1e-6, 1e-8])
def test_inputs_that_are_small_beside_the_steps_are_at_the_kink(scale: float, seed: int) -> None:
    """With biases of 0 all of them cross it within a step, and smaller steps are lost in rounding."""
    rng = np.random.default_rng(seed)
    model: Any = nn.Sequential(linear(3, 3, seed), nn.ReLU(), linear(3, 2, seed + 1), nn.ReLU(), linear(2, 2, seed + 2))
    for p in model.parameters():
        p.data *= 0.1 if p.ndim == 2 else 0
    x, y = scale * rng.normal(size=(8, 3)), rng.integers(2, size=8)
    found = compare_backprop(model, x, y, directions=1, entries=1)
    assert found.agrees, found


@pytest.mark.parametrize("network", [at_zero, tied])
def test_a_wrong_pass_is_wrong_near_a_kink(network: Any) -> None:
    model, x, y = network(1e-15)
    right = compare_backprop(model, x, y).reference
    found = compare_backprop(model, x, y, backward=lambda p, x, y: {**right, "0.weight": -right["0.weight"]})
    assert not found.agrees
    assert names(found) == {"constant factor"}


@pytest.mark.parametrize("network", [at_zero, tied])
def test_far_from_kinks_nothing_is_said(network: Any) -> None:
    model, x, y = network(1e-3)
    found = compare_backprop(model, x, y)
    assert found.agrees
    assert not found.kinked
    assert "kink" not in str(found)


# ---------------------------------------------------------------------------------------------------------------------
# The ends of all numbers
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("least", [5e-324, 1e-320, -5e-324])
@pytest.mark.parametrize("size", [3.0, 1e300])
def test_a_difference_of_the_least_numbers(size: float, least: float) -> None:
    found = compare_gradients({"w": np.array([size, least])}, {"w": np.array([size, 0.0])})
    assert found.rows[0].digits == 15
    assert found.agrees
    assert agreeing_digits(np.array([least]), np.array([0.0])) == 0


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
@pytest.mark.parametrize("size", [1e-30, 1e-25, 1.0, 1e25, 1e30])
def test_norms_neither_overflow_nor_vanish(size: float, dtype: str) -> None:
    g = size * np.array([3.0, 4.0])
    [row] = compare_gradients({"w": g.astype(dtype)}, {"w": g}).rows
    assert np.allclose([row.norm, row.manual_norm or 0.0], 5 * size, rtol=1e-6, atol=0)
    assert np.isclose(length(1e200 * g), 5e200 * size, rtol=1e-12)


@pytest.mark.parametrize("size", [1e-200, 1e-310, 1e200])
def test_factors_of_numbers_whose_squares_are_none(size: float) -> None:
    g = size * np.array([3.0, 4.0, -7.0, 2.0])
    [found] = compare_gradients({"w": 1.37 * g}, {"w": g}).diagnoses
    assert "1.3700 times" in found.evidence
    assert length(np.array([np.nan])) != length(np.array([np.nan]))
