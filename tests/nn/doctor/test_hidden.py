"""Parameters that are 0 or 1 throughout hide what multiplies by them or adds them, and are moved to see it.

A new normalisation has the weight 1 and the bias 0, and many networks begin with biases of 0. To the same kind belong
weights that are 0, as logistic regression begins with, and parameters that require no gradient. A pass that does not
compute with what it is given, that draws anew, or that overflows elsewhere is judged by the parameters as they are.
Nor does anything show in units that are off for all examples, behind which gradients are 0, or a mask in units that are
on for all; where no other numbers can be found it is said that zeros tell nothing.
"""

from typing import Any

import numpy as np
import pytest

import nn
from nn.compare import compare_backprop, compare_gradients
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


# ---------------------------------------------------------------------------------------------------------------------
# Units that are all off, or all on
# ---------------------------------------------------------------------------------------------------------------------


def rectified(bias: float, place: int = 0) -> Any:
    """Return a network with a bias before one of its ReLUs that decides which units are on."""
    model: Any = nn.Sequential(linear(5, 6, 0), nn.ReLU(), linear(6, 6, 1), nn.ReLU(), linear(6, 3, 2))
    model[place].bias.data[:] = bias
    return model


def three_layers(masks: bool = True, transposed: bool = False, other: bool = False) -> Any:
    """Return a pass through it, without its masks, with the weight transposed, or with another layer's input."""

    def backward(p: Any, x: Any, y: Any) -> Any:
        W1, b1, W2, b2, W3, b3 = p.values()
        Z1 = x @ W1.T + b1
        A1 = np.maximum(Z1, 0)
        Z2 = A1 @ W2.T + b2
        A2 = np.maximum(Z2, 0)
        P = np.exp(A2 @ W3.T + b3 - (A2 @ W3.T + b3).max(axis=1, keepdims=True))
        d3 = (P / P.sum(axis=1, keepdims=True) - np.eye(3)[y]) / len(x)
        d2 = (d3 @ W3) * ((Z2 > 0) if masks else 1)
        d1 = (d2 @ (W2.T if transposed else W2)) * ((Z1 > 0) if masks else 1)
        into = (A1 > 0) * 1.0 if other else A1
        found = (d1.T @ x, d1.sum(axis=0), d2.T @ into, d2.sum(axis=0), d3.T @ A2, d3.sum(axis=0))
        return dict(zip(p, found, strict=True))

    return backward


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize("bias", [-100.0, 100.0])
@pytest.mark.parametrize("wrong", [{"masks": False}, {"transposed": True}, {"other": True}])
def test_units_that_are_all_off_or_on_hide_nothing(wrong: Any, bias: float, place: int) -> None:
    model = rectified(bias, place)
    right = compare_backprop(model, X, Y, backward=three_layers())
    assert right.agrees
    assert not right.moved
    assert str(right).endswith("agree.")  # nothing is left to say
    found = compare_backprop(model, X, Y, backward=three_layers(**wrong))
    assert not found.agrees
    if bias < 0 and wrong != {"masks": False}:
        assert "are 0, and tell nothing; with other numbers for them" in str(found)


def test_a_missing_mask_shows_where_units_are_off() -> None:
    model = rectified(100.0)
    model[2].bias.data[:] = 100.0
    found = compare_backprop(model, X, Y, backward=three_layers(masks=False))
    assert not found.agrees
    assert names(found) == {"missing ReLU mask"}
    assert "But with these parameters no unit is off in the ReLU 1 and the ReLU 3, and no mask shows" in str(found)


def test_zeros_that_cannot_be_had_otherwise_tell_nothing() -> None:
    """Nothing arrives at the layer with any numbers, or the pass does not compute with what it is given."""
    model = rectified(-100.0)
    right = compare_backprop(model, X, Y).reference
    found = compare_backprop(model, X, Y, backward=lambda p, x, y: dict(right))
    assert found.agrees
    assert "The gradients of 0.weight, 0.bias and 2.weight are 0 throughout, by hand as well" in str(found)
    model: Any = nn.Sequential(linear(5, 6, 0), nn.ReLU(), linear(6, 3, 1))
    found = compare_backprop(model, 0 * X, Y, backward=HandWritten(model))
    assert found.agrees
    assert "The gradient of 0.weight is 0 throughout, by hand as well, which tells nothing" in str(found)
    assert "is 0 throughout" in str(compare_gradients({"a": np.zeros(2), "b": 1.0}, {"a": np.zeros(2), "b": 1.0}))
    assert "0 throughout" not in str(compare_gradients({"a": np.zeros(0), "b": 1.0}, {"a": np.zeros(0), "b": 1.0}))


@pytest.mark.parametrize("error", [ValueError, ZeroDivisionError, AssertionError, IndexError])
def test_a_pass_that_fails_elsewhere(error: type[Exception]) -> None:
    model = rectified(-100.0)
    right = three_layers()

    def backward(p: Any, x: Any, y: Any) -> Any:
        if (p["0.bias"] != -100).any():
            raise error
        return right(p, x, y)

    found = compare_backprop(model, X, Y, backward=backward)
    assert found.agrees
    assert "are 0 throughout, by hand as well" in str(found)
