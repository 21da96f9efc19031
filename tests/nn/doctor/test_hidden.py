"""Parameters that are 0 or 1 throughout hide what multiplies by them or adds them, and are moved to see it.

A new normalisation has the weight 1 and the bias 0, and many networks begin with biases of 0. To the same kind belong
weights that are 0, as logistic regression begins with, and parameters that require no gradient. A pass that does not
compute with what it is given, that draws anew, or that overflows elsewhere is judged by the parameters as they are.
"""

from typing import Any

import numpy as np
import pytest

import nn
from nn.compare import compare_backprop
from tests.nn.doctor.test_accidents import linear, names
from tests.nn.passes import HandWritten

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(8, 5)), RNG.integers(0, 3, 8)


def new() -> Any:
    return nn.Sequential(linear(5, 6, 0), nn.BatchNorm1d(6, dtype="float64"), nn.Tanh(), linear(6, 3, 1))


def test_a_weight_that_is_one_hides_no_factor() -> None:
    model = new()
    found = compare_backprop(model, X, Y, backward=HandWritten(model, unscaled=["1"]))
    assert not found.agrees
    assert found.moved == ("1.weight", "1.bias")
    assert names(found) == {"normalisation's weight missing on the way back"}
    assert "With the parameters as they are all ways agree. But 1.weight and 1.bias are 0 or 1 throughout" in str(found)
    assert (model[1].weight.data == 1).all()


def without(key: str) -> Any:
    """Return a pass that computes as if a parameter were not there."""

    def backward(p: Any, x: Any, y: Any) -> Any:
        W1, b1, W2, b2 = ({**p, key: 0 * p[key]}).values()
        A = np.tanh(x @ W1.T + b1)
        P = np.exp(A @ W2.T + b2)
        delta = (P / P.sum(axis=1, keepdims=True) - np.eye(3)[y]) / len(x)
        back = (delta @ W2) * (1 - A**2)
        return dict(zip(p, (back.T @ x, back.sum(axis=0), delta.T @ A, delta.sum(axis=0)), strict=True))

    return backward


@pytest.mark.parametrize("key", ["0.weight", "0.bias", "2.weight", "2.bias"])
@pytest.mark.parametrize("frozen", [True, False])
def test_a_parameter_that_is_zero_hides_nothing(key: str, frozen: bool) -> None:
    model: Any = nn.Sequential(linear(5, 6, 0), nn.Tanh(), linear(6, 3, 1))
    p = dict(model.named_parameters())[key]
    p.data[...] = 0
    p.requires_grad = not frozen
    found = compare_backprop(model, X, Y, backward=without(key))
    assert not found.agrees
    assert found.moved == (key,)
    assert f"But {key} is 0 or 1 throughout" in str(found)


@pytest.mark.parametrize("seed", range(3))
def test_right_passes_are_right_everywhere(seed: int) -> None:
    model: Any = new()
    model[3].weight.data[:] = seed % 2
    found = compare_backprop(model, X, Y, backward=HandWritten(model))
    assert found.agrees
    assert not found.moved


def test_a_pass_that_does_not_compute_with_what_it_is_given() -> None:
    model = new()
    right = compare_backprop(model, X, Y).reference
    assert compare_backprop(model, X, Y, backward=lambda p, x, y: dict(right)).agrees


def test_a_pass_that_overflows_elsewhere() -> None:
    model: Any = nn.Sequential(linear(3, 1, 0))
    for p in model.parameters():
        p.data[...] = 0
    x, y = 1e6 * RNG.normal(size=(8, 3)), RNG.integers(0, 2, (8, 1)).astype(float)

    def backward(p: Any, x: Any, y: Any) -> Any:
        e = np.exp(x @ p["0.weight"].T + p["0.bias"])
        delta = (e / (1 + e) - y) / len(x)
        return {"0.weight": delta.T @ x, "0.bias": delta.sum(axis=0)}

    assert compare_backprop(model, x, y, loss=nn.BCEWithLogitsLoss(), backward=backward).agrees


def test_a_pass_that_draws_on() -> None:
    """Its generator goes on from call to call: the masks are the model's in the first one alone."""
    model: Any = nn.Sequential(linear(5, 6, 0), nn.Dropout(0.5, rng=7), linear(6, 3, 1))
    model[0].bias.data[:] = 0
    rng = np.random.default_rng(7)

    def backward(p: Any, x: Any, y: Any) -> Any:
        W1, b1, W2, b2 = p.values()
        mask = np.asarray(nn.functional.dropout(np.ones((8, 6)), 0.5, rng=rng))
        A = (x @ W1.T + b1) * mask
        P = np.exp(A @ W2.T + b2)
        delta = (P / P.sum(axis=1, keepdims=True) - np.eye(3)[y]) / len(x)
        back = (delta @ W2) * mask
        return dict(zip(p, (back.T @ x, back.sum(axis=0), delta.T @ A, delta.sum(axis=0)), strict=True))

    assert compare_backprop(model, X, Y, backward=backward).agrees
