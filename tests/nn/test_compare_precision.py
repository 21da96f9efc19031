"""How near is near enough: a gradient is held to its own precision at its own size.

A gradient that is tiny because many slopes below 1 were multiplied keeps all its digits, and is wrong if its sign is;
one that is tiny because it cancels keeps none, and nothing can be told of it. To the same kind belong a layer that is
scaled down, a loss that hardly knows of a parameter, and coarse arrays beside fine ones.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from nn.compare import Comparison, compare_backprop, compare_gradients
from tests.nn.passes import HandWritten

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(6, 4)), RNG.integers(3, size=6)


def deep(layers: int) -> Any:
    """Return a network in which the gradient becomes some ten times smaller with each layer."""
    parts: list[Any] = []
    for i in range(layers):
        parts += [nn.Linear(4, 4, dtype="float64", rng=i), nn.Sigmoid()]
    return nn.Sequential(*parts, nn.Linear(4, 3, dtype="float64", rng=99))


def with_own(model: Any, alter: Any, dtype: str = "float64") -> Any:
    own = HandWritten(model)

    def backward(p: Mapping[str, Any], x: Any, y: Any) -> Any:
        return {name: np.asarray(g, dtype) for name, g in alter(own(p, x, y)).items()}

    return backward


def wrong_first(g: dict[str, Any]) -> dict[str, Any]:
    return {**g, "0.weight": -g["0.weight"], "0.bias": 0 * g["0.bias"]}


def words(comparison: Comparison) -> dict[str, str]:
    """Return the last word of each line of the table."""
    lines = str(comparison).splitlines()[2 : 2 + len(comparison.rows)]
    return {line.split()[0]: line.split()[-1] for line in lines}


@pytest.mark.parametrize(("layers", "dtype"), [(12, "float32"), (18, "float64"), (3, "float32"), (6, "float64")])
def test_a_tiny_gradient_with_the_wrong_sign_is_wrong(layers: int, dtype: str) -> None:
    model = deep(layers)
    right = compare_backprop(model, X, Y, backward=with_own(model, dict, dtype), directions=1, entries=1)
    assert set(words(right).values()) == {"agrees"}, right
    comparison = compare_backprop(model, X, Y, backward=with_own(model, wrong_first, dtype), directions=1, entries=1)
    assert [row.name for row in comparison.rows if not row.agrees] == ["0.weight", "0.bias"]
    assert {name for name, word in words(comparison).items() if word != "agrees"} == {"0.weight", "0.bias"}
    named = {(name, d.mistake) for d in comparison.diagnoses for name in d.parameters}
    assert named >= {("0.weight", "constant factor"), ("0.bias", "zero gradient")}


@given(st.floats(1e-12, 1e-6), st.integers(0, 99))
def test_a_gradient_is_wrong_at_any_size(size: float, seed: int) -> None:
    """A last layer that is scaled down makes what goes back through it small."""
    model = nn.Sequential(
        nn.Linear(4, 5, dtype="float64", rng=seed), nn.Tanh(), nn.Linear(5, 3, dtype="float64", rng=seed)
    )
    last: Any = model[2]
    last.weight.data = size * last.weight.data
    assert compare_backprop(model, X, Y, backward=with_own(model, dict), directions=1, entries=0).agrees
    comparison = compare_backprop(model, X, Y, backward=with_own(model, wrong_first), directions=1, entries=0)
    assert [row.name for row in comparison.rows if not row.agrees] == ["0.weight", "0.bias"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_cancels_is_not_wrong(dtype: str) -> None:
    """A bias before a normalisation has no part in the loss."""
    model = nn.Sequential(
        nn.Linear(4, 5, dtype="float64", rng=0),
        nn.BatchNorm1d(5, dtype="float64"),
        nn.Tanh(),
        nn.Linear(5, 3, dtype="float64", rng=1),
    )

    def alter(g: dict[str, Any]) -> dict[str, Any]:
        return {**g, "0.bias": np.array([1e-17, 0, -3e-17, 0, 1e-18])}

    comparison = compare_backprop(model, X, Y, backward=with_own(model, alter, dtype))
    assert comparison.agrees
    assert comparison.diagnoses == ()
    assert words(comparison)["0.bias"] == "cancels"
    assert "but nothing can be told of 0.bias, which rounding may have left beside the others." in str(comparison)


def test_without_the_model_nothing_is_told_of_what_may_cancel() -> None:
    right = {"w": np.ones(3), "b": np.array([1e-17, 2e-17])}
    comparison = compare_gradients({"w": right["w"], "b": -right["b"]}, right)
    assert words(comparison) == {"w": "agrees", "b": "cancels"}
    assert str(comparison).endswith("but nothing can be told of b, which rounding may have left beside the others.")
    assert set(words(compare_gradients(right, right)).values()) == {"agrees"}


TINY = 1e-18 * np.array([1.0, -2.3, 3.1, 0.7])


ALTERED: list[Any] = [np.negative, lambda g: 2 * g, np.flip, np.zeros_like]  # pyright: ignore


@pytest.mark.parametrize("alter", ALTERED)
@pytest.mark.parametrize("depth", [0, 1])
def test_without_the_model_what_is_tiny_in_its_neighbours_is_wrong(alter: Any, depth: int) -> None:
    """What vanishes does so from layer to layer, and what cancels stands beside what does not."""
    right = {f"{i}.{part}": 1e2**i * TINY for i in range(9) for part in ("weight", "bias")}
    name = f"{depth}.bias"
    comparison = compare_gradients({**right, name: alter(right[name])}, right)
    assert [row.name for row in comparison.rows if not row.agrees] == [name]
    beside = {**right, f"{depth}.weight": np.ones((4, 2)), name: TINY}
    assert words(compare_gradients({**beside, name: TINY[::-1]}, beside))[name] == "cancels"


@pytest.mark.parametrize("factor", [-1.0, 2.0, 0.25])
def test_without_the_model_a_multiple_is_no_rounding(factor: float) -> None:
    right = {"W": np.ones((3, 4)), "b": TINY}
    comparison = compare_gradients({**right, "b": factor * TINY}, right)
    assert words(comparison) == {"W": "agrees", "b": "DIFFERS"}
    assert {d.mistake for d in comparison.diagnoses} == {"constant factor"}
    # Of few different numbers rounding may make multiples.
    few = {"W": np.ones((3, 4)), "b": 1e-17 * np.array([1.0, -2.0, 1.0, 1.0])}
    assert words(compare_gradients({**few, "b": factor * few["b"]}, few))["b"] == "cancels"


@pytest.mark.parametrize("coarse", ["float16", "float32"])
@pytest.mark.parametrize("where", ["manual", "automatic"])
def test_coarse_arrays_do_not_loosen_others(coarse: str, where: str) -> None:
    rng = np.random.default_rng(0)
    fine = {"w": rng.normal(size=(3, 4)), "b": rng.normal(size=3)}
    mixed = {**fine, "b": fine["b"].astype(coarse)}
    other = {**fine, "w": fine["w"] * (1 + 1e-8)}
    right, wrong = ((mixed, fine), (mixed, other)) if where == "manual" else ((fine, mixed), (other, mixed))
    assert compare_gradients(*right).agrees
    assert [row.name for row in compare_gradients(*wrong).rows if not row.agrees] == ["w"]


def test_coarse_arrays_do_not_loosen_others_beside_a_model() -> None:
    model = deep(1)
    own = HandWritten(model)

    def backward(p: Mapping[str, Any], x: Any, y: Any) -> Any:
        g = dict(own(p, x, y))
        return {**g, "0.weight": g["0.weight"] * 1.009, "2.bias": np.asarray(g["2.bias"], np.float16)}

    comparison = compare_backprop(model, X, Y, backward=backward)
    assert [row.name for row in comparison.rows if not row.agrees] == ["0.weight"]
