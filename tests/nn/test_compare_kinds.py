"""What a comparison is made of: a copy of the model, and of its parameters those that are trained.

A loss that computes with the model's own parameters stands for every way to reach them past the copy: a penalty in the
loss, another call of the model in it, an array made of them before. What is trained and no parameter of the model, as a
temperature of the loss, is a constant here, and keeps its gradient.
"""

from typing import Any

import numpy as np
import pytest

import nn
from autograd_np import Tensor, no_grad
from nn.compare import compare_backprop
from tests.nn.passes import HandWritten

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(6, 4)), RNG.integers(3, size=6)


def perceptron(dtype: str = "float64") -> Any:
    return nn.Sequential(nn.Linear(4, 5, dtype=dtype, rng=0), nn.ReLU(), nn.Linear(5, 3, dtype=dtype, rng=1))


class TestLossesThatReachTheModelItself:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("way", ["penalty", "one weight", "another call", "before"])
    def test_they_are_refused(self, dtype: str, way: str) -> None:
        model = perceptron(dtype)
        before: Any = {"sum": (model[0].weight ** 2).sum()}

        def loss(o: Any, t: Any) -> Any:
            ways: dict[str, Any] = {
                "penalty": lambda: 0.1 * sum(((p**2).sum() for p in model.parameters()), Tensor(0.0)),
                "one weight": lambda: (model[2].weight ** 2).sum(),
                "another call": lambda: (model(X.astype(dtype)) ** 2).mean(),
                "before": lambda: before["sum"],
            }
            return nn.functional.cross_entropy(o, t) + ways[way]()

        with pytest.raises(ValueError, match=r"the loss computes with .*weight.* of the model itself.*penalty out"):
            compare_backprop(model, X, Y, loss=loss)
        assert all(p.grad is None for p in model.parameters())

    def test_a_model_that_returns_its_penalty_is_compared(self) -> None:
        class Penalised(nn.Sequential):
            def forward(self, x: Any) -> Any:
                return super().forward(x), sum((p**2).sum() for p in self.parameters())

        plain = perceptron()
        own = HandWritten(plain)

        def loss(o: Any, t: Any) -> Any:
            return nn.functional.cross_entropy(o[0], t) + 0.1 * o[1]

        def backward(p: Any, x: Any, y: Any) -> Any:
            return {name: g + 0.2 * p[name] for name, g in own(p, x, y).items()}

        model = Penalised(*plain)
        assert compare_backprop(model, X, Y, loss=loss, backward=backward).agrees
        found = compare_backprop(model, X, Y, loss=loss, backward=own)
        assert not found.agrees
        assert {d.mistake for d in found.diagnoses} == {"regularisation term missing"}

    def test_what_else_is_trained_is_a_constant(self) -> None:
        model, temperature = perceptron(), Tensor(2.0, requires_grad=True)

        def loss(o: Any, t: Any) -> Any:
            return nn.functional.cross_entropy(o / temperature, t) + sum((p.data**2).sum() for p in model.parameters())

        assert compare_backprop(model, X, Y, loss=loss).agrees
        assert temperature.grad is None


class TestFrozenParameters:
    """What requires no gradient has none: not in the table, nor needed of a pass, nor blamed."""

    @pytest.mark.parametrize("frozen", [["0.weight", "0.bias"], ["0.weight"], ["2.weight"], ["2.bias"]])
    @pytest.mark.parametrize("way", ["right", "zeros", "none", "omitted", "built-in"])
    def test_they_are_not_compared(self, frozen: list[str], way: str) -> None:
        model = perceptron()
        own = HandWritten(model)
        for name in frozen:
            getattr(model[int(name[0])], name[2:]).requires_grad = False

        def backward(p: Any, x: Any, y: Any) -> Any:
            found: dict[str, Any] = dict(own(p, x, y))
            for name in frozen:
                found[name] = {"right": found[name], "zeros": 0 * found[name], "none": None}.get(way)
                if way == "omitted":
                    del found[name]
            return found

        comparison = compare_backprop(model, X, Y, backward=None if way == "built-in" else backward)
        assert comparison.agrees, comparison
        assert [row.name for row in comparison.rows] == [
            name for name in ("0.weight", "0.bias", "2.weight", "2.bias") if name not in frozen
        ]

    @pytest.mark.parametrize("frozen", ["0.weight", "2.weight", "2.bias"])
    def test_mistakes_beside_them_are_named(self, frozen: str) -> None:
        model = perceptron()
        getattr(model[int(frozen[0])], frozen[2:]).requires_grad = False
        comparison = compare_backprop(model, X, Y, backward=HandWritten(model, unmasked=["1"]))
        assert [d.mistake for d in comparison.diagnoses] == ["missing ReLU mask"]

    def test_names_that_are_missing_are_named_with_them(self) -> None:
        model = perceptron()
        model[0].bias.requires_grad = False
        with pytest.raises(ValueError, match=r"the parameters are \['0.weight', .*\(and \['0.bias'\], which require"):
            compare_backprop(model, X, Y, backward=lambda p, x, y: {"0.weight": p["0.weight"]})

    def test_nothing_is_left_to_compare(self) -> None:
        model = perceptron()
        for p in model.parameters():
            p.requires_grad = False
        with pytest.raises(ValueError, match="no parameter of the model requires a gradient; set"):
            compare_backprop(model, X, Y)


def test_it_records_within_no_grad() -> None:
    model = perceptron()
    with no_grad():
        assert compare_backprop(model, X, Y).agrees
        found = compare_backprop(model, X, Y, backward=HandWritten(model, unmasked=["1"]))
    assert [d.mistake for d in found.diagnoses] == ["missing ReLU mask"]
