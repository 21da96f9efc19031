"""Trials: another backward rule changes nothing but the gradients, and only those that it returns."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import nn
from nn.doctor.mistakes import hypotheses
from nn.doctor.trials import Call, Trial, unchanged
from tests.nn.doctor.networks import Network
from tests.nn.doctor.test_mistakes import drawn


def trial_of(network: Network) -> Trial:
    return Trial(network.model, network.criterion, network.x, network.y)


@given(drawn)
def test_a_rule_that_changes_nothing_gives_the_right_gradients(network: Network) -> None:
    trial = trial_of(network)
    found = trial.gradients({path: lambda _call, _g: {} for path, _ in network.model.named_children()})
    assert found.keys() == trial.right.keys()
    size = max(np.abs(g).max() for g in trial.right.values())
    for name, g in trial.right.items():
        np.testing.assert_allclose(found[name], g, rtol=1e-9, atol=1e-12 * size)
    assert trial.outputs is not None
    delta = trial.gradients(delta=trial.delta(trial.outputs))
    for name, g in trial.right.items():
        np.testing.assert_allclose(delta[name], g, rtol=1e-9, atol=1e-12 * size)


@given(drawn)
def test_the_model_is_left_as_it_is(network: Network) -> None:
    """Its parameters, its buffers, and the masks that it draws next."""
    before = {name: value.copy() for name, value in network.model.state_dict().items()}
    states = [layer.rng.bit_generator.state for layer in network.model if isinstance(layer, nn.Dropout)]
    trial = trial_of(network)
    assert trial.value() == trial.value()
    assert trial.right.keys() == trial.gradients({"0": lambda call, _g: {"x": 0 * call.x}}).keys()
    assert trial.outputs is not None
    assert trial.outputs.shape == trial.delta(trial.outputs).shape
    assert trial.calls
    for name, value in network.model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert [layer.rng.bit_generator.state for layer in network.model if isinstance(layer, nn.Dropout)] == states
    assert all(p.grad is None for p in network.model.parameters())
    assert {type(layer) for layer in network.model} <= {getattr(nn, type(layer).__name__) for layer in network.model}


def test_calls_are_those_of_the_layers_as_they_are_written() -> None:
    """A ReLU comes before the pooling behind it, whatever is computed first."""
    model = nn.Sequential(nn.Conv2d(1, 1, 1, rng=0), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1, 2, rng=0))
    x = np.random.default_rng(0).normal(size=(3, 1, 2, 2))
    calls = Trial(model.astype(float), nn.CrossEntropyLoss(), x, np.array([0, 1, 0])).calls
    assert [call.path for call in calls] == ["0", "1", "2", "3", "4"]
    np.testing.assert_array_equal(calls[1].y, np.maximum(calls[1].x, 0))
    np.testing.assert_array_equal(calls[2].x, calls[1].y)
    assert list(calls[0].parameters) == ["weight", "bias"]
    assert not calls[1].parameters


def test_gradients_of_a_changed_layer() -> None:
    layer = nn.Linear(2, 3, rng=0, dtype=np.float64)
    x, g = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0, -1.0]])
    call = Call("", layer, nn.Linear, x)
    np.testing.assert_array_equal(call.vjp(g)["x"], g @ layer.weight.data)
    np.testing.assert_array_equal(call.vjp(g)["weight"], g.T @ x)
    np.testing.assert_array_equal(call.vjp(g, weight=np.ones((3, 2)))["x"], g @ np.ones((3, 2)))
    np.testing.assert_array_equal(call.vjp(g, x=3 * x)["weight"], 3 * g.T @ x)
    np.testing.assert_array_equal(call.vjp(g)["weight"], g.T @ x)  # as often as it is asked for


def test_a_gradient_of_another_shape_is_handed_on() -> None:
    """As a pass returns it: the engine would refuse it."""
    model, y = nn.Linear(2, 3, rng=0, dtype=np.float64), np.array([0, 1, 2, 0])
    trial = Trial(model, nn.CrossEntropyLoss(), np.ones((4, 2)), y)
    found = trial.gradients({"": lambda _call, g: {"bias": g}})
    assert found["bias"].shape == (4, 3)
    np.testing.assert_array_equal(found["weight"], trial.right["weight"])


def test_layers_without_a_module_are_left_alone() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            self.shared = nn.Linear(2, 2, rng=0, dtype=np.float64)

        def forward(self, x: Any) -> Any:
            return self.shared(nn.functional.relu(self.shared(x)))

    trial = Trial(Model(), nn.CrossEntropyLoss(), np.ones((3, 2)), np.array([0, 1, 0]))
    assert [call.path for call in trial.calls] == ["shared", "shared"]
    found = trial.gradients({"shared": lambda _call, _g: {}})
    np.testing.assert_allclose(found["shared.weight"], trial.right["shared.weight"], rtol=1e-12)


class Other(nn.Module):
    """A layer that takes two inputs, in a model that returns two outputs."""

    def __init__(self) -> None:
        self.linear, self.join = nn.Linear(2, 3, rng=0, dtype=np.float64), Join()

    def forward(self, x: Any) -> Any:
        z = self.linear(x)
        return z, self.join(z, z)


class Join(nn.Module):
    def forward(self, a: Any, b: Any) -> Any:
        return a * b


def test_layers_and_models_of_other_kinds_are_left_alone() -> None:
    """What fits no layer of the package is not tried out, and does not fail."""
    model, x, y = Other(), np.ones((4, 2)), np.zeros((4, 3))

    def loss(outputs: Any, y: Any) -> Any:
        return nn.functional.mse_loss(outputs[0], y) + np.sum(outputs[1])

    trial = Trial(model, loss, x, y)
    assert [call.path for call in trial.calls] == ["linear"]
    assert trial.outputs is None
    assert {h.mistake for h in hypotheses(trial, trial.right)} == {
        "bias summed over the wrong axis", "first sample dropped", "last sample dropped",
        "transposed weight in the delta",
    }  # fmt: skip
    zeros = {name: np.zeros(p.shape) for name, p in model.named_parameters()}
    found = nn.compare.compare_backprop(model, x, y, loss=loss, backward=lambda p, x, y: zeros)
    assert [d.mistake for d in found.diagnoses] == ["zero gradient"]


def test_unchanged_also_after_an_error() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5, rng=0))
    state, mean = model[1].rng.bit_generator.state, model[0].running_mean
    with pytest.raises(ValueError, match="less than two values"), unchanged(model):
        model(model(np.arange(6.0).reshape(3, 2))[:1])
    assert model[1].rng.bit_generator.state == state
    np.testing.assert_array_equal(model[0].running_mean, mean)
