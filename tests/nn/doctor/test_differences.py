"""Differences count for as much as they are known: where that is little, they blame nothing, and it is said.

A parameter that is multiplied by a million bends the loss a million times sooner than the step, and a loss in float32
has few digits to take differences of; at a kink they are the mean of two slopes. To the same kind belong steep models,
features that are off by a large number, and losses of few digits. A wrong rule stays wrong in all of them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from autograd_np import Tensor, defvjp, primitive
from nn.compare import compare_backprop
from nn.doctor.differences import Apart, Differences, moved
from nn.doctor.kinks import at_a_kink
from nn.doctor.trials import Trial
from tests.nn.doctor.test_accidents import linear

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 3))
Y = RNG.integers(0, 2, (64, 1)).astype(float)


def logistic(p: Any, x: Any, y: Any) -> Any:
    delta = (1 / (1 + np.exp(-(x @ p["0.weight"].T + p["0.bias"]))) - y) / len(x)
    return {"0.weight": delta.T @ x, "0.bias": delta.sum(axis=0)}


def off_by(number: float) -> tuple[Any, Any]:
    """Return a model and a batch of which one feature is off by a number, which the bias takes off again."""
    model: Any = nn.Sequential(linear(3, 1, 0))
    model[0].bias.data -= model[0].weight.data[0, 2] * number
    return model, X + np.array([0, 0, number])


@pytest.mark.parametrize("number", [1e2, 1e4, 1e6, 1e8, 1.7e9, 1e13])
@pytest.mark.parametrize("by_hand", [True, False])
def test_a_feature_that_is_off_by_a_large_number_is_blamed_on_nobody(number: float, by_hand: bool) -> None:
    model, x = off_by(number)
    found = compare_backprop(
        model, x, Y, loss=nn.BCEWithLogitsLoss(), backward=logistic if by_hand else None, entries=3
    )
    assert found.agrees
    assert "wrong" not in str(found)


@pytest.mark.parametrize("factor", [1e3, 1e6, 1e8])
def test_a_feature_of_large_numbers(factor: float) -> None:
    model: Any = nn.Sequential(linear(3, 4, 0), nn.Tanh(), linear(4, 2, 1))
    model[0].weight.data[:, 2] /= factor
    assert compare_backprop(model, X * [1, 1, factor], Y[:, 0].astype(int)).agrees


@pytest.mark.parametrize("factor", [10, 100])
@pytest.mark.parametrize("kind", [nn.Tanh, nn.ReLU])
def test_a_steep_model(kind: Any, factor: float) -> None:
    model: Any = nn.Sequential(linear(3, 4, 0), kind(), linear(4, 2, 1))
    for p in model.parameters():
        p.data *= factor
    assert compare_backprop(model, X, Y[:, 0].astype(int)).agrees


@primitive
def swish(x: Any) -> Any:
    return x / (1 + np.exp(-x))


defvjp(swish, lambda g, _y, x: 1.05 * g * (1 + np.exp(-x) * (1 + x)) / (1 + np.exp(-x)) ** 2)


class Swish(nn.Module):
    def forward(self, x: Any) -> Any:
        return swish(x)


@pytest.mark.parametrize("number", [0.0, 1e3, 1e6])
def test_a_wrong_rule_is_found_there(number: float) -> None:
    """By one that is off by a twentieth."""
    model: Any = nn.Sequential(*off_by(number)[0], Swish(), linear(1, 1, 1))
    found = compare_backprop(model, off_by(number)[1], Y, loss=nn.MSELoss())
    assert [row.agrees for row in found.rows] == [False, False, True, True]
    assert "elsewhere the automatic ones are wrong" in str(found)


def rounded(dtype: str) -> Callable[[Any, Any], Tensor]:
    """Return a loss that is computed in another dtype."""
    return lambda outputs, targets: nn.MSELoss()(outputs.astype(dtype), targets.astype(dtype))


def square(wrong: float = 1.0) -> Any:
    def backward(p: Any, x: Any, y: Any) -> Any:
        delta = wrong * 2 * (x @ p["0.weight"].T + p["0.bias"] - y) / len(x)
        return {"0.weight": delta.T @ x, "0.bias": delta.sum(axis=0)}

    return backward


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_loss_of_few_digits(dtype: str) -> None:
    model = nn.Sequential(linear(3, 1, 0))
    found = compare_backprop(model, X, Y, loss=rounded(dtype))
    assert found.agrees
    assert set(found.roughly) <= {"0.weight", "0.bias"}
    assert found.roughly
    text = f"are known to {min(found.roughly.values())} digit"
    assert text in str(found)
    assert "the automatic gradients stand alone there" in str(found)
    assert "three ways" not in str(found)


def test_manual_gradients_decide_where_differences_are_rough() -> None:
    model = nn.Sequential(linear(3, 1, 0))
    found = compare_backprop(model, X, Y, loss=rounded("float32"), backward=square(1.01))
    assert [row.agrees for row in found.rows] == [False, False]
    assert not found.confirmed


def test_how_well_they_are_known_is_part_of_the_verdict() -> None:
    assert not Apart(1e-3, 1e-3).contradicts(1e-5)
    assert Apart(1e-3, 1e-5).contradicts(1e-5)
    assert not Apart(1e-6).contradicts(1e-5)
    assert Apart(np.nan).contradicts(1e-5)
    assert Apart(np.inf).contradicts(1e-5)


# ---------------------------------------------------------------------------------------------------------------------
# Kinks
# ---------------------------------------------------------------------------------------------------------------------


def at_zero(kind: Any = nn.ReLU) -> tuple[Any, Any, Any]:
    """Return a model without biases, in number, and a batch whose first sample is all zeros."""
    x, y = RNG.normal(size=(16, 4)), RNG.integers(0, 3, 16)
    x[0] = 0
    model: Any = nn.Sequential(linear(4, 5, 0), kind(), linear(5, 3, 1))
    model[0].bias.data[:] = 0
    return model, x, y


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_relu_at_exactly_zero_is_named(by_hand: bool) -> None:
    model, x, y = at_zero()
    if not by_hand:
        model = nn.Sequential(*model, nn.Flatten())
    found = compare_backprop(model, x, y)
    assert (found.manual is not None) == by_hand
    assert found.agrees
    assert found.kinked == ("0.bias",)
    assert "0.bias cannot judge, for the input of a ReLU is exactly 0, where it has its kink" in str(found)
    assert "that of 1 in units 0, 1, 2, 3 and 4, of 1 of 16 samples" in str(found)
    assert "are wrong" not in str(found)


def test_of_many_units_the_number_is_said() -> None:
    model: Any = nn.Sequential(nn.Conv2d(1, 7, 3, dtype="float64", rng=0), nn.ReLU(), nn.Flatten(), linear(63, 2, 1))
    model[0].bias.data[:] = 0
    x = RNG.normal(size=(6, 1, 5, 5))
    x[:2] = 0
    found = compare_backprop(model, x, np.array([0, 1, 1, 0, 1, 0]))
    assert found.agrees
    assert "that of 1 in 7 of 7 channels, of 2 of 6 samples" in str(found)


def test_a_wrong_pass_is_wrong_at_a_kink_too() -> None:
    """Also one that multiplies by a half there, which differences confirm."""
    model, x, y = at_zero()

    def backward(p: Any, x: Any, y: Any) -> Any:
        W1, b1, W2, b2 = p.values()
        Z = x @ W1.T + b1
        A = np.maximum(Z, 0)
        P = np.exp(A @ W2.T + b2)
        delta = (P / P.sum(axis=1, keepdims=True) - np.eye(3)[y]) / len(x)
        back = (delta @ W2) * np.where(Z == 0, 0.5, Z > 0)
        return dict(zip(p, (back.T @ x, back.sum(axis=0), delta.T @ A, delta.sum(axis=0)), strict=True))

    found = compare_backprop(model, x, y, backward=backward)
    assert [row.agrees for row in found.rows] == [True, False, True, True]
    assert not found.confirmed


def test_a_wrong_rule_is_not_excused_by_a_kink(monkeypatch: pytest.MonkeyPatch) -> None:
    from autograd_np.primitives import primitives

    model, x, y = at_zero()

    def wrong(g: Any, y: Any, _x: Any) -> Any:
        return 1.1 * g * (y > 0)

    relu = next(p for p in primitives.values() if p.name == "relu")
    monkeypatch.setattr(relu, "vjps", (wrong,))
    found = compare_backprop(nn.Sequential(*model, nn.Flatten()), x, y)
    assert not found.agrees
    assert not found.kinked
    assert "are wrong" in str(found)


def test_kinks_where_no_gradient_arrives_are_none() -> None:
    model, x, y = at_zero()
    model[2].weight.data[:] = 0
    trial = Trial(model, nn.CrossEntropyLoss(), x, y)
    assert at_a_kink(trial, ["0.bias"], Differences(trial, 1, 1, np.random.default_rng(0))) == ([], "")


def test_parameters_are_moved_in_a_copy() -> None:
    model, _, _ = at_zero()
    other = dict(moved(model, ["0.bias"], 0.1).named_parameters())
    assert not model[0].bias.data.any()
    assert 0 < np.abs(other["0.bias"].data).max() <= 0.1
    assert np.array_equal(other["0.weight"].data, model[0].weight.data)
