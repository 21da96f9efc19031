"""Which operation is named for a tensor that became wider than what it was computed from.

The kinds of widening: by a NumPy scalar or 0-d array on either side, by a constant array, by a float64 leaf, by an
integer array, and by astype. Python numbers and numbers of the tensor's own dtype widen nothing.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from autograd_np import Tensor, no_grad
from autograd_np.widening import widened_by


def leaf(*shape: int, dtype: Any = np.float32) -> Tensor:
    return Tensor(np.full(shape, 0.5), requires_grad=True, dtype=dtype)


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        (lambda x: x / np.sqrt(8), "np.divide made it float64, of float32 (2, 3) and a float64 number: Python numbers"),
        (lambda x: x * np.float64(2), "np.multiply made it float64, of float32 (2, 3) and a float64 number: Python"),
        (lambda x: np.float64(3) - x, "np.subtract made it float64, of a float64 number and float32 (2, 3): Python"),
        (lambda x: x + np.array(1.0), "np.add made it float64, of float32 (2, 3) and a float64 number: Python"),
        (lambda x: x + np.ones(3), "np.add made it float64, of float32 (2, 3) and float64 (3,)"),
        (lambda x: x @ np.ones((3, 1)), "np.matmul made it float64, of float32 (2, 3) and float64 (3, 1)"),
        (lambda x: x @ leaf(3, 1, dtype=float), "np.matmul made it float64, of float32 (2, 3) and float64 (3, 1)"),
        (lambda x: np.ones(3, np.float32) * leaf(3, dtype=float) + x, "np.add made it float64, of float64 (3,) and "),
        (lambda x: np.arange(3) * x, "np.multiply made it float64, of int64 (3,) and float32 (2, 3)"),
        (lambda x: x.astype(np.float64), "astype made it float64, of float32 (2, 3)"),
        (lambda x: np.where(x.data > 0, x, np.zeros(3)), "np.where made it float64, of "),
        (lambda x: np.concatenate([x, np.ones((1, 3))]), "concatenate made it float64, of float32 (2, 3) and float64"),
        (lambda x: x * np.longdouble(1), f"np.multiply made it {np.dtype(np.longdouble)}, of float32 (2, 3) and a"),
        (lambda x: x * np.complex64(1j), "np.multiply made it complex64, of float32 (2, 3) and a complex64 number"),
    ],
)
@pytest.mark.parametrize("later", [lambda y: y, lambda y: np.exp(y * 2.0), lambda y: (y[0] + y).sum()])
def test_the_operation_is_named(
    compute: Callable[[Tensor], Any], expected: str, later: Callable[[Tensor], Any]
) -> None:
    found = widened_by(later(compute(leaf(2, 3) * 3.0)))
    assert found is not None
    assert expected in found


def test_the_youngest_of_several_is_named() -> None:
    x = leaf(2) / np.sqrt(8)
    found = widened_by((x + 1.0) * (leaf(2) ** np.float64(2)))
    assert found is not None
    assert found.startswith("np.power made it float64")


def test_what_was_narrowed_in_between_is_not_named() -> None:
    found = widened_by((leaf(2) / np.sqrt(8)).astype(np.float32) * np.ones(2))
    assert found is not None
    assert found.startswith("np.multiply made it float64")


def test_where_nothing_was_widened_nothing_is_named() -> None:
    x, wide = leaf(2), leaf(2, dtype=float)
    for y in (
        x,
        x * 2.0,
        x * np.float32(2),
        np.sqrt(x) / 3,
        x * True,
        wide,
        wide * 2.0,
        np.arange(2) * wide,
        Tensor([1.0]),
    ):
        assert widened_by(y) is None
    with no_grad():
        assert widened_by(x * np.ones(2)) is None
    y = x / np.sqrt(8)
    y.sum().backward()  # the graph is released
    assert widened_by(y) is None


def test_a_long_chain_is_no_recursion() -> None:
    y: Any = leaf(2) / np.sqrt(8)
    for _ in range(20_000):
        y = y + 1.0
    found = widened_by(y)
    assert found is not None
    assert found.startswith("np.divide")


@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.Linear(3, 1), (2, 3)), (nn.Conv2d(1, 1, 2), (1, 1, 3, 3)), (nn.BatchNorm1d(3), (2, 3))]
)
def test_a_layer_says_what_made_its_input_wide(layer: nn.Module, shape: tuple[int, ...]) -> None:
    hidden = np.tanh(leaf(*shape) / np.sqrt(8))
    name = type(layer).__name__
    with pytest.raises(TypeError, match=rf"{name}: .* of dtype float64 .* are float32; np\.divide made it .*; convert"):
        layer(hidden)
    with pytest.raises(TypeError, match=r"are float32; convert the input"):
        layer(leaf(*shape, dtype=float))
