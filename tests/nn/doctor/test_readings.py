"""What a number or a lone element may mean: several readings are all given, and what one number shows is nothing.

A factor of 2 is a square's, or a batch's of 2, or what is left of a batch of 4 without either; one number is twice
another by accident. To the same kind belong means over outputs, signs, layers of one unit, steps in a part of a
network, and one element that differs clearly where more differs that is not accounted for.
"""

from typing import Any

import numpy as np
import pytest

import nn
from nn.compare import compare_backprop, compare_gradients
from tests.nn.doctor.test_accidents import linear, names

RNG = np.random.default_rng(0)
BARE = "the 2 from differentiating a square is missing"


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("n", "outputs"), [(4, 1), (2, 2), (8, 1), (4, 2), (6, 1), (5, 3), (1, 4)])
def test_output_minus_target_without_the_rest(n: int, outputs: int, sign: int) -> None:
    """The 2 of a square and the division by how many there are, both left out."""
    x, y = RNG.normal(size=(n, 3)), RNG.normal(size=(n, outputs))

    def backward(p: Any, x: Any, y: Any) -> Any:
        W1, b1, W2, b2 = p.values()
        A = np.tanh(x @ W1.T + b1)
        delta = sign * (A @ W2.T + b2 - y)
        back = (delta @ W2) * (1 - A * A)
        return dict(zip(p, (back.T @ x, back.sum(axis=0), delta.T @ A, delta.sum(axis=0)), strict=True))

    model = nn.Sequential(linear(3, 4, 0), nn.Tanh(), linear(4, outputs, 1))
    found = compare_backprop(model, x, y, loss=nn.MSELoss(), backward=backward, directions=1, entries=0)
    [diagnosis] = [d for d in found.diagnoses if d.mistake == "constant factor"]
    thought = diagnosis.thought.removeprefix("the sign is turned: ")
    first, *others = thought.split("; or ")
    assert BARE in first
    assert n == 1 or f"the division by {n} is missing" in first
    assert outputs == 1 or f"the division by {outputs} is missing" in first
    assert ("turned" in diagnosis.thought) == (sign < 0)
    if n * outputs == 4:
        assert any("there twice" in other for other in others)


def test_a_two_alone_stays_one_reading() -> None:
    g = {"a": RNG.normal(size=3), "b": RNG.normal(size=3)}
    [found] = compare_gradients({name: 2 * v for name, v in g.items()}, g, batch_size=5).diagnoses
    assert "; or " not in found.thought
    assert "there twice" in found.thought


@pytest.mark.parametrize("factor", [2.0, 0.5, -1.0, 4.0, -0.25])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_one_number_tells_none(factor: float, shape: tuple[int, ...]) -> None:
    right = {"a": np.full(shape, 1.5), "b": np.ones(2)}
    found = compare_gradients({**right, "a": factor * right["a"]}, right, batch_size=4)
    assert not found.agrees
    assert not found.diagnoses
    assert not compare_gradients({"a": factor}, {"a": 1.0}).diagnoses
    # And nothing beside it that is too small to tell.
    small = {"a": np.array([1.5, 1e-9])}
    assert not compare_gradients({"a": factor * small["a"]}, small).diagnoses


def test_two_numbers_tell_a_factor_that_is_known_before() -> None:
    right = {"weight": np.array([[1.5]]), "bias": np.array([0.7])}
    found = compare_gradients({name: g / 2 for name, g in right.items()}, right)
    assert BARE in found.diagnoses[0].thought


@pytest.mark.parametrize("size", [1, 2, 5])
def test_one_element_is_not_named_where_more_is_unaccounted_for(size: int) -> None:
    right = {"0.weight": RNG.normal(size=(4, 3)), "0.bias": RNG.normal(size=4), "2.weight": RNG.normal(size=(2, 4))}
    lone = right["0.bias"].copy()
    lone[2] += 1
    assert names(compare_gradients({**right, "0.bias": lone}, right)) == {"single wrong element"}
    wrong = right["0.weight"].copy()
    wrong[:size] += RNG.normal(size=wrong[:size].shape)
    found = compare_gradients({**right, "0.bias": lone, "0.weight": wrong}, right)
    assert names(found) == ({"single wrong row", "single wrong element"} if size == 1 else set())
    # What is accounted for is no reason against it, nor is another layer.
    assert "single wrong element" in names(compare_gradients({**right, "0.bias": lone, "0.weight": -wrong * 0}, right))
    other = {**right, "0.bias": lone, "2.weight": RNG.normal(size=(2, 4))}
    assert names(compare_gradients(other, right)) == {"single wrong element"}


@pytest.mark.parametrize("rate", [0.1, 0.01, 0.003])
@pytest.mark.parametrize("stepped", [("0.weight", "0.bias"), ("2.weight", "2.bias"), ("0.weight",)])
def test_a_step_in_one_layer(stepped: tuple[str, ...], rate: float) -> None:
    right = {
        "0.weight": RNG.normal(size=(4, 3)), "0.bias": RNG.normal(size=4),
        "2.weight": RNG.normal(size=(5, 4)), "2.bias": RNG.normal(size=5),
    }  # fmt: skip
    found = compare_gradients({**right, **{name: -rate * right[name] for name in stepped}}, right)
    assert names(found) == {"step in place of the gradient" if len(stepped) == 2 else "constant factor"}
    # What cancels beside it says nothing against it.
    cancels = {**right, "0.bias": 1e-17 * right["0.bias"]}
    wrong = {name: -rate * g for name, g in cancels.items()} | {"0.bias": np.zeros(4)}
    assert names(compare_gradients(wrong, cancels)) == {"step in place of the gradient"}


@pytest.mark.parametrize("kind", [int, float, bool])
@pytest.mark.parametrize("images", [False, True])
def test_labels_may_be_rows(images: bool, kind: Any) -> None:
    """The series' own passes take them as the loss does: with a one in each, or probabilities."""
    layers: list[Any] = [linear(12, 4, 0), nn.ReLU(), linear(4, 3, 1)]
    if images:
        layers = [nn.Conv2d(1, 2, 2, rng=0, dtype="float64"), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), linear(2, 3, 1)]
    x, y = RNG.normal(size=(6, 1, 3, 4) if images else (6, 12)), RNG.integers(3, size=6)
    numbers = compare_backprop(nn.Sequential(*layers), x, y)
    one_hot: Any = np.eye(3)[y].astype(kind)
    rows = compare_backprop(nn.Sequential(*layers), x, one_hot)
    assert numbers.agrees
    assert rows.agrees, rows
    assert rows.manual is not None
    assert numbers.manual is not None
    for name, g in numbers.manual.items():
        np.testing.assert_allclose(rows.manual[name], g)
