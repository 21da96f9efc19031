"""NaN and infinity are named where they enter the forward pass: what all gradients hold then says nothing.

To the same kind belong both of them in examples, targets, parameters and buffers, what a layer makes of finite numbers,
and a loss that is infinite of finite outputs; with a hand-written pass or without.
"""

from typing import Any

import numpy as np
import pytest

import nn
from nn.compare import Comparison, compare_backprop
from tests.nn.doctor.test_accidents import linear

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def network(kind: Any = nn.Tanh) -> Any:
    return nn.Sequential(linear(3, 4, 0), nn.BatchNorm1d(4, dtype="float64"), kind(), linear(4, 2, 1))


def batch() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(6, 3)), rng.normal(size=(6, 2))


def found_first(comparison: Comparison, words: str) -> None:
    assert not comparison.agrees
    assert any(said in str(comparison) for said in ("and nothing can be told of the gradients", "are not finite"))
    assert "kink" not in str(comparison)
    [found] = comparison.diagnoses
    assert found.mistake == "NaN or infinity"
    assert found.evidence.endswith(words)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [nn.Tanh, nn.ReLU])
@pytest.mark.parametrize("by_hand", [True, False])
def test_in_the_examples(value: float, kind: Any, by_hand: bool) -> None:
    x, _ = batch()
    x[2, 1] = x[4, 0] = value
    model = nn.Sequential(linear(3, 4, 0), kind(), linear(4, 2, 1)) if by_hand else network(kind)
    found_first(compare_backprop(model, x, np.array([0, 1, 0, 1, 1, 0])), f"x: 2 of its 18 elements, {value} at (2, 1)")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_in_the_targets(value: float) -> None:
    x, y = batch()
    y[5, 1] = value
    found_first(compare_backprop(network(), x, y, loss=nn.MSELoss()), f"y: 1 of its 12 elements, {value} at (5, 1)")


@pytest.mark.parametrize("name", ["0.weight", "1.bias", "3.weight"])
def test_in_a_parameter(name: str) -> None:
    model, (x, y) = network(), batch()
    dict(model.named_parameters())[name].data.flat[1] = np.nan
    found = compare_backprop(model, x, y, loss=nn.MSELoss())
    assert f"is the parameter {name}: 1 of its" in found.diagnoses[0].evidence


def test_in_a_buffer() -> None:
    model, (x, y) = network().eval(), batch()
    model[1].running_var[:] = np.inf
    model[1].running_mean[2] = np.inf
    found_first(
        compare_backprop(model, x, y, loss=nn.MSELoss()), "the buffer 1.running_mean: 1 of its 4 elements, inf at (2,)"
    )


def test_made_by_a_layer() -> None:
    model, (x, y) = network(), batch()
    model[0].weight.data[:] = 1e308
    found = compare_backprop(model, 1e3 * x, y, loss=nn.MSELoss())
    assert "is the output of the Linear 0: " in found.diagnoses[0].evidence
    assert "what goes in is finite" in found.diagnoses[0].thought


class Root(nn.Module):
    """A model of one's own, of which no layer is known."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = linear(3, 2, 0)

    def forward(self, x: Any) -> Any:
        return np.sqrt(self.linear(x))


def test_made_by_the_model() -> None:
    x, y = batch()
    found = compare_backprop(Root(), x, y, loss=nn.MSELoss())
    assert "is the output of the model: " in found.diagnoses[0].evidence


def test_made_by_the_loss() -> None:
    x, y = batch()
    found = compare_backprop(network(), x, y, loss=lambda o, t: np.log(0 * o.sum()))
    found_first(found, "is the loss")


def test_a_loss_that_is_infinite_where_all_gradients_are_equal() -> None:
    """Nothing is said to agree there."""

    def backward(p: Any, x: Any, y: Any) -> Any:
        return {name: np.zeros(a.shape) for name, a in p.items()}

    x, y = batch()
    found_first(
        compare_backprop(network(), x, y, loss=lambda o, t: 0 * o.sum() + np.inf, backward=backward), "the loss"
    )


def test_a_finite_loss_has_none() -> None:
    x, y = batch()
    assert compare_backprop(network(), x, y, loss=nn.MSELoss()).diagnoses == ()
