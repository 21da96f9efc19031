"""Gradients of single numbers, without an axis: of `grad` of a function of numbers, or of a parameter `()`.

To the same kind belong a wrong one and a right one, alone and beside arrays, and parameters that have no element.
"""

from typing import Any

import numpy as np
import pytest

import nn
from autograd_np import Tensor
from nn.compare import compare_backprop, compare_gradients


class Line(nn.Module):
    """A line through points, of a slope and a height that are numbers."""

    def __init__(self, size: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.slope = Tensor(np.full(size, 0.3), requires_grad=True)
        self.height = Tensor(-0.2, requires_grad=True)

    def forward(self, x: Any) -> Any:
        return np.sum(self.slope) * x + self.height


@pytest.mark.parametrize("kind", [float, np.asarray, np.float32, Tensor])
@pytest.mark.parametrize("factor", [2.0, -1.0, 1.37, 0.0])
@pytest.mark.parametrize("beside", [{}, {"w": np.arange(1.0, 4.0)}])
def test_a_wrong_number_is_found(kind: Any, factor: float, beside: Any) -> None:
    found = compare_gradients({"b": kind(factor * 0.5), **beside}, {"b": kind(0.5), **beside})
    assert not found.agrees
    assert found.rows[0].shape == ()
    assert "They differ in b." in str(found)


@pytest.mark.parametrize("factor", [2.0, -1.0, 0.5])
def test_several_numbers_have_a_factor(factor: float) -> None:
    right = dict(zip("abcd", (0.5, -0.3, 0.2, 0.9), strict=True))
    [found] = compare_gradients({name: factor * g for name, g in right.items()}, right).diagnoses[:1]
    assert found.mistake == "constant factor"


@pytest.mark.parametrize("factor", [1.0, 2.0, 1.37])
@pytest.mark.parametrize("size", [(), (2,), (0,)])
def test_parameters_that_are_numbers(factor: float, size: tuple[int, ...]) -> None:
    x, y = np.arange(1.0, 9.0), np.ones(8)

    def backward(p: Any, x: Any, y: Any) -> Any:
        delta = 2 * (p["slope"].sum() * x + p["height"] - y) / len(x)
        return {"slope": np.full(p["slope"].shape, (delta * x).sum()), "height": factor * delta.sum()}

    found = compare_backprop(Line(size), x, y, loss=nn.MSELoss(), backward=backward)
    assert [row.agrees for row in found.rows] == [True, factor == 1]
    assert compare_backprop(Line(size), x, y, loss=nn.MSELoss()).agrees
