"""Mistakes with a number in them: a factor holds to rounding, is read by what the loss is, and never loses its sign.

A factor that was fitted to numbers made of rounding is none: a gradient that cancels is zero, whatever its numbers. To
the same kind belong a limit that one number reaches, a norm that happens to be a number, and a step that is so small
that nothing of the parameter is missing.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import nn
from autograd_np import grad
from nn.compare import compare_backprop
from nn.doctor.diagnosis import diagnose
from nn.doctor.evidence import Diagnosis, KnownLoss
from nn.doctor.losses import known_loss
from tests.nn.doctor.test_diagnosis import TOLERANCE, Arrays, named, network, only, seeds


def factor_of_all(factor: float, loss: KnownLoss) -> Diagnosis:
    right = network()
    return only({name: factor * g for name, g in right.items()}, right, loss=loss)


@pytest.mark.parametrize(
    ("factor", "loss", "words", "never"),
    [
        (2.0, KnownLoss(8, square=False, reduction="mean"), "a 2 was put in", "square"),
        (0.5, KnownLoss(8, square=False, reduction="mean"), "a half was put in", "square"),
        (0.5, KnownLoss(8, 1, True, "mean"), "the 2 from differentiating a square is missing", "put in"),
        (1 / 8, KnownLoss(8, square=False, reduction="mean"), "the batch size 8 is done twice", "a sum"),
        (1 / 8, KnownLoss(8, square=False, reduction="sum"), "the loss is a sum over the batch", "twice"),
        (8.0, KnownLoss(8, square=False, reduction="sum"), "a whole number", "the division by 8 is missing"),
        (3.0, KnownLoss(8, 3, True, "mean"), "a mean over the 3 outputs of an example too", "whole number"),
        (1 / 3, KnownLoss(8, 3, True, "mean"), "the division by the 3 outputs of an example is done twice", "whole"),
        (24.0, KnownLoss(8, 3, True, "mean"), "the batch of 8, and the division by 8 is missing; and the", "whole"),
    ],
)
def test_a_factor_is_read_by_what_the_loss_is(factor: float, loss: KnownLoss, words: str, never: str) -> None:
    found = factor_of_all(factor, loss)
    assert found.mistake == "constant factor"
    assert words in found.thought
    assert never not in found.thought


@pytest.mark.parametrize("factor", [-3.0, -1.5, -2.0, -8.0, -0.5, -0.25, -1 / 8])
@pytest.mark.parametrize("every", [True, False])
def test_a_sign_is_never_dropped(factor: float, every: bool) -> None:
    right = network()
    names = list(right) if every else ["W1", "b1"]
    loss = KnownLoss(8, square=False, reduction="mean")
    wrong = {name: factor * g if name in names else g for name, g in right.items()}
    found = {d.mistake: d.thought for d in diagnose(wrong, right, TOLERANCE, loss=loss)}
    assert "the sign is turned" in found.get("constant factor", "the sign is turned")
    assert ("step in place of the gradient" in found) == (every and factor > -1)
    assert found


@given(seeds, st.floats(1e-6, 0.99))
def test_step_in_place_of_the_gradient(seed: int, rate: float) -> None:
    right = network(seed)
    *_, found = diagnose({name: -rate * g for name, g in right.items()}, right, TOLERANCE)
    assert found.mistake == "step in place of the gradient"
    assert f"a learning rate of {rate:.6g}" in found.thought
    assert "a mean over" not in found.thought


@given(seeds, st.floats(1e-4, 2))
def test_updated_parameters_in_place_of_gradients(seed: int, rate: float) -> None:
    right, own = network(seed), network(seed + 1)
    found = only({name: own[name] - rate * g for name, g in right.items()}, right, parameters=own)
    assert found.mistake == "updated parameter in place of the gradient"
    assert found.parameters == tuple(right)
    assert f"a learning rate of {rate:.6g} " in found.thought
    assert named({name: own[name] + rate * g for name, g in right.items()}, right, parameters=own).keys() <= {
        "regularisation term added twice, or not in the loss"  # at a rate of 1 it is the gradient and the parameter
    }


@given(seeds, st.floats(0.3, 0.9))
def test_clipped_by_value(seed: int, limit: float) -> None:
    right = network(seed)
    found = only({name: np.clip(g, -limit, limit) for name, g in right.items()}, right)
    assert found.mistake == "clipped gradient"
    assert f"at most {limit:.6g} in size" in found.evidence
    assert set(found.parameters) == {name for name, g in right.items() if np.abs(g).max() > limit}


@given(seeds, st.sampled_from([1.0, 0.5, 0.25]))
def test_clipped_by_the_norm_of_all(seed: int, length: float) -> None:
    right = network(seed)
    norm = np.sqrt(sum(np.sum(g**2) for g in right.values()))
    found = only({name: g * length / norm for name, g in right.items()}, right)
    assert found.mistake == "clipped gradient"
    assert f"all gradients together have the norm {length:g}" in found.evidence


@given(seeds, st.floats(0.1, 1))
def test_clipped_by_the_norm_of_each(seed: int, length: float) -> None:
    right = network(seed)
    clipped = {name: g * min(1, length / np.linalg.norm(g)) for name, g in right.items()}
    assume(sum(np.linalg.norm(g) > 1.01 * length for g in right.values()) > 1)
    assume(not any(0.99 < np.linalg.norm(g) / length < 1.01 for g in right.values()))
    found = only(clipped, right)
    assert found.mistake == "clipped gradient"
    assert f"each of them has the norm {length:.6g}" in found.evidence


def test_one_number_at_a_limit_is_not_clipped() -> None:
    right = {"w": np.array([[1.0, 2.0, 0.5], [0.1, 0.2, 0.3]])}
    assert "clipped gradient" not in named({"w": np.minimum(right["w"], 1.5)}, right)
    # And what is one number in several places is one.
    right = {"w": np.array([[2.0, 2.0, 2.0], [0.1, 0.2, 0.3]])}
    assert "clipped gradient" not in named({"w": np.minimum(right["w"], 1.234567)}, right)


@given(seeds, st.floats(0.1, 0.9))
def test_shorter_by_chance_is_not_clipped(seed: int, factor: float) -> None:
    right = network(seed)
    assume(factor != 0.5)
    found = only({name: g * factor for name, g in right.items()}, right)
    assert found.mistake == "constant factor"


@given(seeds)
def test_zero_to_rounding_is_no_factor(seed: int) -> None:
    right = network(seed)
    rng = np.random.default_rng([seed, 1])
    for name in ("b1", "W1"):
        found = only({**right, name: 1e-17 * rng.normal(size=right[name].shape)}, right)
        assert (found.mistake, found.parameters) == ("zero gradient", (name,))
        assert f"gradient of {name} is zero to rounding" in found.evidence
        assert ("summed over the wrong axis" in found.thought) == (name == "b1")


@given(seeds, st.floats(1e-12, 1e-8))
def test_small_factors_hold_to_rounding(seed: int, factor: float) -> None:
    """What is small in all its numbers alike is a multiple; what is small and something else is not."""
    right = network(seed)
    assert named({**right, "W1": factor * right["W1"]}, right) == {"constant factor": ("W1",)}
    other = network(seed + 1)
    assert named({**right, "W1": factor * other["W1"]}, right) == {}


def steps(right: Arrays, own: Arrays, rate: float) -> dict[str, Any]:
    return {name: own[name] - rate * g for name, g in right.items()}


def test_parameters_that_hardly_moved_are_no_step() -> None:
    """Of a step of rounding's size nothing can be told."""
    right, own = network(0), network(1)
    found = diagnose(steps(right, own, 1e-16), right, TOLERANCE, parameters=own)
    assert "updated parameter in place of the gradient" not in {d.mistake for d in found}


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss([1.0, 2.0, 3.0]),
        nn.CrossEntropyLoss(ignore_index=0),
        nn.CrossEntropyLoss(label_smoothing=0.1),
        nn.BCELoss([1.0, 2.0, 3.0]),
        nn.BCEWithLogitsLoss(pos_weight=[1.0, 2.0, 3.0]),
    ],
)
def test_of_a_loss_with_options_nothing_is_known(loss: Any) -> None:
    """Its mean is one of other numbers, and (P - T) / n is not its gradient."""
    assert known_loss(loss, np.zeros((4, 3)), 4) == KnownLoss(4)
    assert known_loss(type(loss)(), np.zeros((4, 3)), 4) != KnownLoss(4)


def test_labels_that_are_ignored_are_no_classes() -> None:
    rng = np.random.default_rng(0)
    model, x, y = nn.Linear(2, 3, rng=0).astype(np.float64), rng.normal(size=(4, 2)), np.array([0, 2, -100, 1])

    def backward(factor: float) -> Any:
        def loss(params: Any, x: Any, y: Any) -> Any:
            return factor * nn.functional.cross_entropy(nn.functional_call(model, params, x), y)

        return grad(loss)

    assert compare_backprop(model, x, y, backward=backward(1.0)).agrees
    assert not compare_backprop(model, x, y, backward=backward(3.0)).agrees
