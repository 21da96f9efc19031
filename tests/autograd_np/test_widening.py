"""Which operation is named that makes a tensor wider than what it is computed from.

The kinds of widening: by a NumPy scalar or 0-d array on either side, by a constant array, by a float64 leaf, by an
integer array, and by complex numbers. Python numbers and numbers of the tensor's own dtype widen nothing; astype says
so itself.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from autograd_np import Tensor, detect_widening, no_grad


def leaf(*shape: int, dtype: Any = np.float32) -> Tensor:
    return Tensor(np.full(shape, 0.5), requires_grad=True, dtype=dtype)


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        (
            lambda x: x / np.sqrt(8),
            "np.divide makes it float64, of float32 (2, 3) and a float64 number; make the number one of Python's",
        ),
        (
            lambda x: x * np.float64(2),
            "np.multiply makes it float64, of float32 (2, 3) and a float64 number; make the number one of Python's",
        ),
        (lambda x: np.float64(3) - x, "np.subtract makes it float64, of a float64 number and float32 (2, 3); make"),
        (
            lambda x: x + np.array(1.0),
            "np.add makes it float64, of float32 (2, 3) and a float64 number; make the number one of Python's",
        ),
        (lambda x: x + np.ones(3), "np.add makes it float64, of float32 (2, 3) and float64 (3,)"),
        (lambda x: x @ np.ones((3, 1)), "np.matmul makes it float64, of float32 (2, 3) and float64 (3, 1)"),
        (lambda x: x @ leaf(3, 1, dtype=float), "np.matmul makes it float64, of float32 (2, 3) and float64 (3, 1)"),
        (
            lambda x: np.ones(3, np.float32) * leaf(3, dtype=float) + x,
            "np.multiply makes it float64, of float32 (3,) and float64 (3,)",
        ),
        (lambda x: np.arange(3) * x, "np.multiply makes it float64, of int64 (3,) and float32 (2, 3)"),
        (lambda x: np.where(x.data > 0, x, np.zeros(3)), "np.where makes it float64, of "),
        (lambda x: np.concatenate([x, np.ones((1, 3))]), "concatenate makes it float64, of float32 (2, 3) and float64"),
        (lambda x: x * np.longdouble(1), f"np.multiply makes it {np.dtype(np.longdouble)}, of float32 (2, 3) and a"),
        (lambda x: x * np.complex64(1j), "np.multiply makes it complex64, of float32 (2, 3) and a complex64 number"),
    ],
)
def test_the_operation_and_the_line_are_named(compute: Callable[[Tensor], Any], expected: str) -> None:
    x = leaf(2, 3) * 3.0
    with detect_widening(), pytest.raises(TypeError, match=re.escape(expected)) as error:
        compute(x)
    assert "test_widening.py" in str(error.value)
    assert compute(x).dtype.itemsize > 4


def test_inside_a_model() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            self.linear = nn.Linear(3, 2, rng=0)

        def forward(self, x: Any) -> Any:
            return self.linear(x) / np.sqrt(8)

    model = nn.Sequential(Scaled(), nn.ReLU())
    with detect_widening(), pytest.raises(TypeError, match=r"in forward: np\.divide makes it float64"):
        model(np.ones((4, 3)))
    assert model(np.ones((4, 3))).dtype == np.float64


def test_where_nothing_is_widened_nothing_is_raised() -> None:
    x, wide = leaf(2), leaf(2, dtype=float)
    with detect_widening():
        for compute in (
            lambda: x * 2.0,
            lambda: x * np.float32(2),
            lambda: np.sqrt(x) / 3,
            lambda: x * True,
            lambda: wide * 2.0,
            lambda: np.arange(2) * wide,
            lambda: x.astype(np.float64),
            lambda: Tensor(np.ones(2, np.float32)) * np.ones(2),  # not on a tape
            lambda: nn.Linear(2, 1)(wide),
        ):
            compute()
        with no_grad():
            x * np.ones(2)


@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.Linear(3, 1), (2, 3)), (nn.Conv2d(1, 1, 2), (1, 1, 3, 3)), (nn.BatchNorm1d(3), (2, 3))]
)
def test_a_layer_takes_what_is_wide_into_its_own_dtype(layer: nn.Module, shape: tuple[int, ...]) -> None:
    x = leaf(*shape)
    out = layer(np.tanh(x / np.sqrt(8)))
    assert out.dtype == np.float32
    out.sum().backward()
    assert x.grad.dtype == np.float32
