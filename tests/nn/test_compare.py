"""The three ways side by side: they agree on right networks, and part where a pass is wrong."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from nn.compare import compare_backprop, hand_written

sizes = st.integers(1, 6)
seeds = st.integers(0, 2**32 - 1)


def perceptron(widths: list[int], seed: int) -> nn.Sequential:
    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Flatten())
    for i, (fan_in, fan_out) in enumerate(itertools.pairwise(widths)):
        if i:
            model.append(nn.ReLU())
        model.append(nn.Linear(fan_in, fan_out, rng=rng))
    return model


def cnn(filters: int, kernel: int, height: int, width: int, classes: int, seed: int) -> nn.Sequential:
    rng = np.random.default_rng(seed)
    flat = filters * ((height - kernel + 1) // 2) * ((width - kernel + 1) // 2)
    return nn.Sequential(
        nn.Conv2d(1, filters, kernel, rng=rng),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(flat, classes, rng=rng),
    )


def batch(n: int, shape: tuple[int, ...], classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(n, *shape)), rng.integers(classes, size=n)


@given(st.lists(sizes, min_size=3, max_size=4), st.integers(2, 5), sizes, seeds)
def test_perceptrons_agree_to_rounding(widths: list[int], classes: int, n: int, seed: int) -> None:
    """backward_mlp and backward_mlp_3layer, against automatic and numerical gradients."""
    widths = [*widths[:-1], classes]
    comparison = compare_backprop(perceptron(widths, seed), *batch(n, (widths[0],), classes, seed))
    assert comparison.agrees, str(comparison)
    assert all(row.relative is not None and row.relative < 1e-12 for row in comparison.rows)
    assert len(comparison.rows) == 2 * (len(widths) - 1)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(4, 8), st.integers(4, 8), st.integers(2, 4), sizes, seeds)
def test_cnns_agree_to_rounding(f: int, k: int, height: int, width: int, classes: int, n: int, seed: int) -> None:
    """backward_cnn, against automatic and numerical gradients."""
    comparison = compare_backprop(cnn(f, k, height, width, classes, seed), *batch(n, (1, height, width), classes, seed))
    assert comparison.agrees, str(comparison)
    assert all(row.relative is not None and row.relative < 1e-12 for row in comparison.rows)


def scaled(name: str, factor: float) -> Any:
    """Return a hand-written pass of a 4-3-2 perceptron whose gradient of one parameter is wrong."""
    own = hand_written(perceptron([4, 3, 2], 0))
    assert own is not None

    def backward(p: Mapping[str, Any], x: Any, y: Any) -> Any:
        return {key: g * factor if key == name else g for key, g in own(p, x, y).items()}

    return backward


@pytest.mark.parametrize("name", ["1.weight", "1.bias", "3.weight", "3.bias"])
@pytest.mark.parametrize("factor", [2.0, -1.0, 1 + 1e-8])
def test_wrong_hand_written_gradient_is_found(name: str, factor: float) -> None:
    comparison = compare_backprop(perceptron([4, 3, 2], 0), *batch(5, (4,), 2, 0), backward=scaled(name, factor))
    assert not comparison.agrees
    assert [row.name for row in comparison.rows if not row.agrees] == [name]
    assert f"They differ in {name}." in str(comparison)


def test_wrong_automatic_gradient_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numerical way does not take the automatic one's word for it."""
    from autograd_np.primitives import primitives

    relu = next(p for p in primitives.values() if p.name == "relu")
    monkeypatch.setattr(relu, "vjps", (lambda g, y, x: g,))
    model = nn.Sequential(nn.Linear(4, 8, rng=0), nn.ReLU(), nn.ReLU(), nn.Linear(8, 3, rng=1))
    comparison = compare_backprop(model, *batch(5, (4,), 3, 0))
    assert hand_written(model) is None
    assert [row.agrees for row in comparison.rows] == [False, False, True, True]


def test_leaves_the_model_as_it_is() -> None:
    model = nn.Sequential(nn.Linear(4, 3, rng=0), nn.BatchNorm1d(3), nn.Dropout(0.5, rng=0), nn.Linear(3, 2, rng=0))
    before = model.state_dict()
    x, y = batch(6, (4,), 2, 0)
    comparison = compare_backprop(model, x, y)
    assert comparison.agrees
    assert model.training
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert all(p.grad is None for p in model.parameters())


def test_other_losses_have_two_ways() -> None:
    model = nn.Sequential(nn.Linear(4, 3, rng=0), nn.ReLU(), nn.Linear(3, 2, rng=0))
    x, _ = batch(6, (4,), 2, 0)
    comparison = compare_backprop(model, x, np.zeros((6, 2)), loss=nn.MSELoss())
    assert comparison.agrees
    assert "no hand-written pass" in str(comparison)


def test_table_has_a_line_for_each_parameter() -> None:
    comparison = compare_backprop(perceptron([4, 3, 2], 0), *batch(5, (4,), 2, 0))
    title, header, *lines, verdict = str(comparison).splitlines()
    assert "Manual gradients beside automatic ones" in title
    assert header.split() == [
        "parameter",
        "shape",
        "|automatic|",
        "|manual|",
        "difference",
        "relative",
        "at",
        "digits",
        "numerical",
    ]
    assert [line.split()[0] for line in lines] == ["1.weight", "1.bias", "3.weight", "3.bias"]
    assert all(line.endswith("agrees") for line in lines)
    assert verdict == "All three ways agree."


def test_wrong_names_are_named() -> None:
    model, (x, y) = perceptron([4, 3, 2], 0), batch(5, (4,), 2, 0)
    with pytest.raises(ValueError, match=r"returned gradients for \['w'\], but the parameters are"):
        compare_backprop(model, x, y, backward=lambda p, x, y: {"w": np.zeros(1)})
    with pytest.raises(TypeError, match=r"the hand-written pass is a tuple; give a dict"):
        compare_backprop(model, x, y, backward=lambda p, x, y: tuple(p.values()))  # pyright: ignore


def convolutional(conv: nn.Conv2d, pool: nn.MaxPool2d) -> nn.Sequential:
    return nn.Sequential(conv, nn.ReLU(), pool, nn.Flatten(), nn.Linear(8, 2, rng=0))


@pytest.mark.parametrize(
    "model",
    [
        nn.Linear(4, 3, rng=0),
        nn.Sequential(nn.Linear(4, 3, rng=0)),
        nn.Sequential(nn.Linear(4, 3, bias=False, rng=0), nn.ReLU(), nn.Linear(3, 2, rng=0)),
        nn.Sequential(nn.Linear(4, 3, rng=0), nn.Tanh(), nn.Linear(3, 2, rng=0)),
        convolutional(nn.Conv2d(1, 2, 3, padding=1, rng=0), nn.MaxPool2d(2)),
        convolutional(nn.Conv2d(1, 2, 3, rng=0), nn.MaxPool2d(3)),
        convolutional(nn.Conv2d(2, 2, 3, rng=0), nn.MaxPool2d(2)),
    ],
)
def test_other_models_have_no_hand_written_pass(model: nn.Module) -> None:
    assert hand_written(model) is None
