"""A thought fits the place, the loss and the size of what was found, or is not said.

Where the gradients nearest to the loss are right, no mistake in the loss is thought of; among large numbers each is
near a whole one, and says nothing of a mean. A loss is known by what it computes, not only by its name: within a
lambda, or as a function of one's own.
"""

from typing import Any

import numpy as np
import pytest

import nn
from nn.compare import Comparison, compare_backprop
from nn.doctor.diagnosis import diagnose
from nn.doctor.evidence import Diagnosis, KnownLoss
from nn.doctor.trials import Trial
from tests.nn.doctor.test_diagnosis import TOLERANCE, network, only


def layers() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    shapes = {"0.weight": (4, 3), "0.bias": (4,), "2.weight": (5, 4), "2.bias": (5,)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("factor", [-1.0, 1 / 8, 8.0, 2.0, 0.5, -8.0, -3.7])
@pytest.mark.parametrize("where", ["0", "0.weight", "2.weight"])
def test_what_is_right_nearer_to_the_loss_rules_the_loss_out(factor: float, where: str) -> None:
    right = layers()
    wrong = {name: factor * g if name.startswith(where) else g for name, g in right.items()}
    for found in diagnose(wrong, right, TOLERANCE, loss=KnownLoss(8, reduction="mean")):
        assert found.mistake == "constant factor"
        assert "target - output" not in found.thought
        assert "batch" not in found.thought
        assert ("the sum over the examples is divided by their number 8 here" in found.thought) == (factor == 1 / 8)
        assert "square" not in found.thought
        assert ("sign is turned" in found.thought) == (factor < 0)
    assert (
        "the batch"
        in only({name: g / 8 for name, g in right.items()}, right, loss=KnownLoss(8, reduction="mean")).thought
    )


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("where", ["0", "0.bias", "2.bias"])
def test_a_mean_over_the_examples_in_place_of_their_sum(where: str, sign: int) -> None:
    right = layers()
    wrong = {name: sign * g / 6 if name.startswith(where) else g for name, g in right.items()}
    [thought] = [d.thought for d in diagnose(wrong, right, TOLERANCE, loss=KnownLoss(6, reduction="mean"))]
    assert "the sum over the examples is divided by their number 6 here, as by mean(axis=0)" in thought
    assert ("the sign is turned here" in thought) == (sign < 0)


@pytest.mark.parametrize("factor", [1.01, 0.99, 1.02])
@pytest.mark.parametrize("seed", range(8))
def test_a_factor_is_named_from_a_hundredth_on(factor: float, seed: int) -> None:
    """Whichever side of it rounding leaves the factor on."""
    right = {name: (1 + seed) / 7 * g for name, g in network(seed).items()}
    assert only({name: factor * g for name, g in right.items()}, right).mistake == "constant factor"
    nearer = 1 + 0.9 * (factor - 1) if abs(factor - 1) < 0.015 else 1.001
    assert not diagnose({name: nearer * g for name, g in right.items()}, right, TOLERANCE)


def test_a_zero_that_rounding_is_left_of_was_computed() -> None:
    """Only one that is zero throughout was never computed."""
    right = network()
    found = only({**right, "W1": np.zeros((4, 5))}, right)
    assert "never computed" in found.thought
    found = only({**right, "W1": 1e-17 * np.random.default_rng(9).normal(size=(4, 5))}, right)
    assert "zero to rounding" in found.evidence
    assert "never computed" not in found.thought
    assert "its terms cancel" in found.thought


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.001, 0.05])
def test_a_learning_rate_is_thought_of(rate: float) -> None:
    right = network()
    found = only({name: rate * g for name, g in right.items()}, right)
    assert f"a learning rate of {rate:g}" in found.thought


@pytest.mark.parametrize("factor", [1234567.8, 1e300, 1 / 1234567.8, 12345.0, 1e-7, 7.000001])
def test_large_numbers_are_no_means(factor: float) -> None:
    right = network()
    found = only({name: factor * g for name, g in right.items()}, right)
    assert "mean over" not in found.thought
    assert len(str(found)) < 600


def test_no_thought_is_no_line() -> None:
    assert "thought" not in str(Diagnosis("constant factor", ("w",), "it is", ""))


def compared(loss: Any, y: Any, alter: Any) -> Comparison:
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(4, 5, rng=0), nn.ReLU(), nn.Linear(5, 3, rng=1)).astype(np.float64)
    x = rng.normal(size=(6, 4))
    found = alter(Trial(model, loss, x, y))
    return compare_backprop(model, x, y, loss=loss, backward=lambda p, x, y: found, directions=1, entries=0)


def times(factor: float) -> Any:
    def alter(trial: Trial) -> Any:
        return {name: factor * g for name, g in trial.right.items()}

    return alter


def one_off(trial: Trial) -> Any:
    return Trial(trial.model, trial.loss, trial.x, (trial.y + 1) % 3).right


def square(outputs: Any, targets: Any) -> Any:
    return ((outputs - targets) ** 2).mean()


LABELS = np.array([0, 2, 1, 0, 1, 2])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_loss_is_known_by_what_it_computes(reduction: Any) -> None:
    def loss(o: Any, t: Any) -> Any:
        return nn.functional.cross_entropy(o, t, reduction=reduction)

    found = compared(loss, LABELS, times(2.0))
    assert all("a 2 was put in that the derivative of this loss" in d.thought for d in found.diagnoses)
    found = compared(loss, LABELS, one_off)
    assert [d.mistake for d in found.diagnoses] == ["labels off by one"]


def test_a_square_is_known_by_what_it_computes() -> None:
    y = np.random.default_rng(1).normal(size=(6, 3))
    found = compared(square, y, times(0.5))
    assert all("the 2 from differentiating a square is missing" in d.thought for d in found.diagnoses)
