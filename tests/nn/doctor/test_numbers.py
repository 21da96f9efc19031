"""How many numbers a gradient is made of decides what may be fitted to it: a factor, a rate.

All gradients of a layer and of those before it follow from what arrives at its output. One number there is any factor
of the right one, and any rate's; several are not, whatever few parameters the layer has. To the same kind belong units
that are dead, one example, one output, and a layer whose parameters are few: a normalisation.
"""

from typing import Any

import numpy as np
import pytest

import nn
from nn.doctor.trials import Trial
from tests.nn.doctor.test_accidents import compared, linear, names

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 4)), RNG.integers(0, 3, 6)


def network(*between: Any, hidden: int = 5) -> Any:
    return nn.Sequential(linear(4, hidden, 0), *between, linear(hidden, 3, 1))


def normal(features: int) -> Any:
    return nn.BatchNorm1d(features, dtype="float64")


def scaled(model: Any, path: str, x: Any, y: Any) -> Any:
    """Return the gradients of a pass that multiplies what a layer sends back by a number."""
    trial = Trial(model, nn.CrossEntropyLoss(), x, y)
    return trial.gradients({path: lambda call, g: {"x": 1.37 * call.vjp(g)["x"]}})


@pytest.mark.parametrize("units", [1, 2, 5])
def test_a_factor_is_told_by_several_examples(units: int) -> None:
    model = network(normal(units), nn.Tanh(), hidden=units)
    assert names(compared(model, X, Y, scaled(model, "2", X, Y))) == {"constant factor"}


@pytest.mark.parametrize(("units", "told"), [(1, False), (2, False), (3, True), (5, True)])
def test_of_one_example_each_unit_is_a_number(units: int, told: bool) -> None:
    model = network(nn.Tanh(), hidden=units)
    assert names(compared(model, X[:1], Y[:1], scaled(model, "1", X[:1], Y[:1]))) == (
        {"constant factor"} if told else set()
    )


@pytest.mark.parametrize("kind", [nn.Linear, nn.BatchNorm1d])
def test_calls_tell_what_arrives_at_them(kind: Any) -> None:
    trial = Trial(network(normal(5), nn.ReLU()), nn.CrossEntropyLoss(), X, Y)
    for call in trial.calls:
        if call.kind is kind:
            assert call.g is not None
            assert np.allclose(call.g.sum(axis=0), trial.right[f"{call.path}.bias"], atol=1e-15)
