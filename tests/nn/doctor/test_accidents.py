"""What holds by accident is not named: a factor of one number, a neighbour's gradient, a limit that all are at.

One example has one gradient of its output, whatever the number of weights, and any other number there is a factor of
it; so has one unit that is alive. To the same kind belong a normalisation that is new, whose weight is 1 and bias 0,
and a gradient that is zero, as several mistakes make it. Where a mistake fits, it is named.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import nn
from nn.compare import Comparison, compare_backprop
from nn.doctor.diagnosis import diagnose
from nn.doctor.evidence import KnownLoss, Tolerance
from nn.doctor.trials import Call, Trial


def linear(fan_in: int, fan_out: int, seed: int) -> Any:
    return nn.Linear(fan_in, fan_out, dtype="float64", rng=seed)


def compared(model: Any, x: Any, y: Any, gradients: Mapping[str, Any], loss: Any = None) -> Comparison:
    given: dict[str, Any] = dict(gradients)
    return compare_backprop(model, x, y, loss=loss, backward=lambda p, x, y: given, directions=1, entries=0)


def names(comparison: Comparison) -> set[str]:
    return {d.mistake for d in comparison.diagnoses}


def slope(other: Callable[[Call], Any]) -> Any:
    return lambda call, g: {"x": g * other(call)}  # pyright: ignore


@pytest.mark.parametrize("hidden", [[], [5]])
@pytest.mark.parametrize("delta", [0.3, -0.3, -2.7])
@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.BCELoss()])
def test_one_example_and_one_output_have_no_factor_of_their_own(hidden: list[int], delta: float, loss: Any) -> None:
    parts: list[Any] = [linear(4, 5, 0), nn.Tanh(), linear(5, 1, 1)] if hidden else [linear(4, 1, 0)]
    model = nn.Sequential(*parts, nn.Sigmoid())
    x, y = np.random.default_rng(0).normal(size=(1, 4)), np.array([[1.0]])
    trial = Trial(model, loss, x, y)
    comparison = compared(model, x, y, trial.gradients(delta=np.array([[delta]])), loss)
    assert not comparison.agrees
    assert not names(comparison) & {"constant factor", "step in place of the gradient"}


@pytest.mark.parametrize("examples", [1, 6])
@pytest.mark.parametrize("loss", [nn.BCELoss(), nn.BCEWithLogitsLoss(), nn.BCELoss(reduction="sum")])
def test_turned_labels_are_named(examples: int, loss: Any) -> None:
    rng = np.random.default_rng(0)
    model = nn.Sequential(linear(4, 1, 0), *([nn.Sigmoid()] if isinstance(loss, nn.BCELoss) else []))
    x, y = rng.normal(size=(examples, 4)), rng.integers(2, size=(examples, 1)).astype(float)
    found = compared(model, x, y, Trial(model, loss, x, 1 - y).right, loss)
    assert names(found) >= {"labels turned"}
    assert "step in place of the gradient" not in names(found)


def one_alive() -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(1)
    model = nn.Sequential(linear(4, 4, 0), nn.ReLU(), linear(4, 4, 1), nn.ReLU(), linear(4, 4, 2))
    return model, rng.normal(size=(7, 4)), rng.integers(0, 4, 7)


def test_one_unit_that_is_alive_has_no_factor_of_its_own() -> None:
    model, x, y = one_alive()
    trial = Trial(model, nn.CrossEntropyLoss(), x, y)
    wrong = {path: slope(lambda call: (call.y > 0) * 0.0425) for path in ("3",)}
    assert np.linalg.matrix_rank(trial.right["2.weight"]) == 1
    assert "constant factor" not in names(compared(model, x, y, trial.gradients(wrong)))


@pytest.mark.parametrize("kind", [nn.ReLU, nn.Sigmoid, nn.Tanh])
def test_an_activation_in_place_of_its_derivative(kind: Any) -> None:
    rng = np.random.default_rng(0)
    model = nn.Sequential(linear(4, 5, 0), kind(), linear(5, 4, 1), kind(), linear(4, 3, 2))
    x, y = rng.normal(size=(7, 4)), rng.integers(3, size=7)
    trial = Trial(model, nn.CrossEntropyLoss(), x, y)
    for places in (["1"], ["3"], ["1", "3"]):
        found = compared(model, x, y, trial.gradients({path: slope(lambda call: call.y) for path in places}))
        assert names(found) == {"activation in place of its derivative"}


def test_a_gradient_that_is_zero_may_never_have_been_computed() -> None:
    model, x, y = one_alive()
    trial = Trial(model, nn.CrossEntropyLoss(), x, y)
    zero = {name: 0 * g if name[0] == "0" else g for name, g in trial.right.items()}
    found = compared(model, x, y, zero)
    assert "zero gradient" in names(found)
    assert all("zero gradient" in (d.mistake, *d.alternatives) for d in found.diagnoses)


def normalised() -> tuple[Any, Any, Any, Trial]:
    rng = np.random.default_rng(0)
    model = nn.Sequential(linear(4, 5, 0), nn.BatchNorm1d(5, dtype="float64"), nn.ReLU(), linear(5, 3, 1))
    x, y = rng.normal(size=(7, 4)), rng.integers(3, size=7)
    return model, x, y, Trial(model, nn.CrossEntropyLoss(), x, y)


def test_a_new_normalisation_does_not_look_like_a_neighbour() -> None:
    """Of what it returns, the ReLU passes on what the weight was multiplied by: delta * A sums up to its gradient."""
    model, x, y, trial = normalised()
    found = compared(model, x, y, trial.gradients({"2": slope(lambda call: call.y)}))
    assert names(found) == {"activation in place of its derivative"}
    found = compared(model, x, y, trial.gradients({"2": slope(lambda call: call.y * (1 + 1e-3 * call.y))}))
    assert "gradient of another parameter" not in names(found)
    wrong = {**trial.right, "1.bias": trial.right["1.weight"], "1.weight": trial.right["1.weight"] ** 2}
    assert "gradient of another parameter" not in names(compared(model, x, y, wrong))


def test_what_cancels_can_be_swapped() -> None:
    model, x, y, trial = normalised()
    right = trial.right
    found = compared(model, x, y, {**right, "0.bias": right["1.weight"], "1.weight": right["0.bias"]})
    assert names(found) == {"swapped gradients"}
    assert "No single mistake" not in str(found)
    assert "softmax" not in str(found)


@pytest.mark.parametrize("name", ["1.weight", "0.bias"])
@pytest.mark.parametrize(
    ("loss", "said"), [(KnownLoss(), True), (KnownLoss(softmax=False), False), (KnownLoss(square=False), True)]
)
def test_a_softmax_is_blamed_where_one_may_be(name: str, loss: KnownLoss, said: bool) -> None:
    right = {name: np.array([1.0, 2.0, -4.0]), "w": np.ones((2, 2))}
    wrong = {**right, name: np.array([1e-17, 0.0, -1e-17])}
    [found] = diagnose(wrong, right, Tolerance.of(1e-10, right), loss=loss)
    assert found.mistake == "zero gradient"
    assert ("softmax" in found.thought) == (said and name == "0.bias")


def test_signs_with_a_size_are_not_clipped() -> None:
    right = {"w": np.array([[1.0, 2.0], [-3.0, 4.0]]), "b": np.array([0.3, -0.5, 0.7])}
    wrong = {**right, "b": 0.01 * np.sign(right["b"])}
    assert "clipped gradient" not in {d.mistake for d in diagnose(wrong, right, Tolerance(1e-10))}
