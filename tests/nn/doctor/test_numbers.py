"""How many numbers a gradient is made of decides what may be fitted to it: a factor, a rate.

All gradients of a layer and of those before it follow from what arrives at its output. One number there is any factor
of the right one, and any rate's; several are not, whatever few parameters the layer has. To the same kind belong units
that are dead, one example, one output, and a layer whose parameters are few: a normalisation.
"""

from typing import Any

import numpy as np
import pytest

import nn
from nn.doctor.mistakes import hypotheses
from nn.doctor.trials import Call, Trial
from tests.nn.doctor.test_accidents import compared, linear, names

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 4)), RNG.integers(0, 3, 6)


def network(*between: Any, hidden: int = 5) -> Any:
    return nn.Sequential(linear(4, hidden, 0), *between, linear(hidden, 3, 1))


def normal(features: int) -> Any:
    return nn.BatchNorm1d(features, dtype="float64")


def early(call: Call, g: Any, rate: float = 0.37) -> Any:
    """Send a gradient back through a weight after its step."""
    right, weight = call.vjp(g), call.parameters["weight"].data
    return {"x": call.vjp(g, weight=weight - rate * right["weight"])["x"]}


def rates(trial: Trial, wrong: Any) -> list[str]:
    return [h.made for h in hypotheses(trial, wrong) if h.mistake == "weights updated too early"]


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


@pytest.mark.parametrize(
    ("places", "who"),
    [
        (["3"], "of the Linear 3 alone after"),
        (["1"], "of the BatchNorm1d 1 alone after"),
        (["3", "5"], "of 3 and 5 after"),
        (["1", "3", "5"], "parameters after"),
    ],
)
def test_whose_weights_were_updated_too_early_is_said(places: list[str], who: str) -> None:
    model = nn.Sequential(linear(4, 5, 0), normal(5), nn.Tanh(), linear(5, 4, 1), nn.Tanh(), linear(4, 3, 2))
    trial = Trial(model, nn.CrossEntropyLoss(), X, Y)
    found = compared(model, X, Y, trial.gradients(dict.fromkeys(places, early)))
    assert names(found) == {"weights updated too early"}
    assert who in found.diagnoses[0].evidence
    assert "a learning rate of 0.37" in found.diagnoses[0].evidence


def test_rounding_tells_no_rate() -> None:
    """A bias before a normalisation cancels, whatever the normalisation's weight."""
    model: Any = network(normal(5), nn.Tanh())
    model[0].weight.requires_grad = False
    trial = Trial(model, nn.CrossEntropyLoss(), X, Y)
    noise = trial.gradients({"1": lambda call, g: early(call, g, 1.0)})["0.bias"] - trial.right["0.bias"]
    assert noise.any()
    wrong = {**trial.right, "0.bias": trial.right["0.bias"] + 1e-3 * np.sign(noise)}
    assert not any("BatchNorm1d 1 alone" in made for made in rates(trial, wrong))


@pytest.mark.parametrize(("units", "told"), [(1, False), (2, False), (3, True), (5, True)])
def test_several_numbers_tell_a_rate(units: int, told: bool) -> None:
    trial = Trial(network(nn.Tanh(), hidden=units), nn.CrossEntropyLoss(), X[:1], Y[:1])
    assert bool(rates(trial, trial.gradients({"2": early}))) == told
    # Nor do five units before them, to which no more goes back.
    model = nn.Sequential(linear(4, 5, 0), nn.Tanh(), linear(5, units, 1), nn.Tanh(), linear(units, 3, 2))
    trial = Trial(model, nn.CrossEntropyLoss(), X[:1], Y[:1])
    assert any("Linear 4 alone" in made for made in rates(trial, trial.gradients({"4": early}))) == told


@pytest.mark.parametrize("units", [1, 2, 5])
def test_a_rate_is_told_by_what_lies_before_a_layer_of_few_parameters(units: int) -> None:
    """The first effect of a step in all layers is on a normalisation, which has two numbers for each unit."""
    model = network(normal(units), nn.Tanh(), hidden=units)
    wrong = Trial(model, nn.CrossEntropyLoss(), X, Y).gradients({"1": early, "3": early})
    found = compared(model, X, Y, wrong)
    assert names(found) == {"weights updated too early"}
    assert "parameters after" in found.diagnoses[0].evidence


@pytest.mark.parametrize(("on", "told"), [(1, False), (2, True)])
def test_what_follows_from_one_number_tells_no_more_than_it_does(on: int, told: bool) -> None:
    """Five gradients before a unit that is on for one example are one number, and the bias behind it is another."""
    model: Any = nn.Sequential(linear(4, 1, 0), nn.ReLU(), linear(1, 1, 1), linear(1, 3, 2))
    model[2].weight.requires_grad = False
    off = -np.sort((X @ model[0].weight.data.T).ravel())[::-1]
    model[0].bias.data[:] = (off[on - 1] + off[on]) / 2
    trial = Trial(model, nn.CrossEntropyLoss(), X, Y)
    assert bool(rates(trial, trial.gradients({"3": early}))) == told


@pytest.mark.parametrize("part", ["weight", "bias"])
@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("path", ["0", "1", "3"])
def test_a_sample_left_out_of_one_parameter_s_gradient_is_named(part: str, place: int, path: str) -> None:
    def rule(call: Call, g: Any) -> Any:
        g = g.copy()
        g[place] = 0
        return {part: call.vjp(g)[part]}

    model = network(normal(5), nn.Tanh())
    found = compared(model, X, Y, Trial(model, nn.CrossEntropyLoss(), X, Y).gradients({path: rule}))
    assert names(found) == {f"{'last' if place else 'first'} sample dropped"}
    assert f"the {part}'s gradient of the" in found.diagnoses[0].evidence
