"""Embedding: held against reading rows, and what it refuses.

The faults of its kind are those of any look-up: numbers that are out of range, negative, not integers or no numbers at
all; rows that are named several times or never; a row that takes no gradient, in every order of differentiation.
"""

from collections.abc import Callable
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autograd_np import Tensor, gradients
from autograd_np.neural import embedding
from tests.allocations import allocated
from tests.autograd_np.neural.checks import check, check_message
from tests.autograd_np.strategies import arrays, shapes

Array = NDArray[Any]
TABLE = np.arange(12.0).reshape(4, 3)


@given(st.data())
def test_it_reads_rows(data: st.DataObject) -> None:
    table = data.draw(arrays(shapes(min_dims=2, max_dims=2, min_side=1)))
    index = data.draw(hnp.arrays(np.intp, shapes(max_dims=3), elements=st.integers(0, len(table) - 1)))
    check(lambda table: embedding(index, table), table)
    np.testing.assert_array_equal(embedding(index, table), table[index])


@given(st.data())
def test_a_row_for_padding_takes_no_gradient(data: st.DataObject) -> None:
    table = data.draw(arrays(shapes(min_dims=2, max_dims=2, min_side=1)))
    index = data.draw(hnp.arrays(np.intp, shapes(max_dims=2), elements=st.integers(0, len(table) - 1)))
    padding = data.draw(st.integers(-len(table), len(table) - 1))
    weights = np.random.default_rng(0).normal(size=(*index.shape, table.shape[1]))
    leaf, other = (Tensor(table, requires_grad=True) for _ in range(2))
    y = embedding(index, leaf, padding)
    np.testing.assert_array_equal(y.data, table[index])
    (expected,) = gradients(embedding(index, other), other, weights)
    expected.data[padding] = 0
    for create_graph in (False, True):
        (g,) = gradients(y, leaf, weights, create_graph=create_graph, retain_graph=True)
        np.testing.assert_allclose(g.data, expected.data, atol=1e-12)


def test_second_derivatives_of_padding_are_zero() -> None:
    table = Tensor(TABLE, requires_grad=True)
    (g,) = gradients(np.sum(embedding([0, 1, 1, 2], table, 1) ** 2), table, create_graph=True)
    (h,) = gradients(np.sum(g**2), table)
    np.testing.assert_array_equal(h.data, 8 * TABLE * np.array([[1], [0], [1], [0]]))


def test_padding_keeps_an_infinite_gradient_out() -> None:
    table = Tensor(TABLE, requires_grad=True)
    embedding([0, 1], table, 0).backward(np.full((2, 3), np.inf))
    np.testing.assert_array_equal(table.grad, [[0] * 3, [np.inf] * 3, [0] * 3, [0] * 3])


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.uint64, ">i4"])
def test_any_integers(dtype: Any) -> None:
    index = np.array([[3, 0], [1, 3]], dtype)
    index.flags.writeable = False
    for x in (index, Tensor(index)):
        np.testing.assert_array_equal(embedding(x, TABLE), TABLE[[[3, 0], [1, 3]]])
    assert embedding(index.tolist(), TABLE.astype(np.float16)).dtype == np.float16


def test_a_tables_gradient_is_one_array_however_often_it_is_used() -> None:
    table = Tensor(np.zeros((20_000, 32), np.float32), requires_grad=True)  # 2.6 MB
    index = np.random.default_rng(0).integers(0, 20_000, (20, 8))
    loss = sum(embedding(rows, table, 0).sum() for rows in index)
    assert isinstance(loss, Tensor)
    assert allocated(loss.backward, at_least=table.data.nbytes // 2) == [table.data.nbytes]
    assert table.grad is not None
    assert table.grad.sum() == 32 * np.sum(index != 0)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: embedding([[0, 4]], TABLE), ValueError, ["index 4 at (0, 1)", "4 rows", "0 to 3"]),
        (lambda: embedding([0, -1], TABLE), ValueError, ["index -1 at (1,)", "0 to 3"]),
        (lambda: embedding(7, TABLE), ValueError, ["index 7 names none"]),
        (lambda: embedding(np.uint64(2**63), TABLE), ValueError, ["index 9223372036854775808 names none"]),
        (lambda: embedding([0.0], TABLE), TypeError, ["float64", "x.astype(int)"]),
        (lambda: embedding(Tensor([0.0]), TABLE), TypeError, ["float64", "integers"]),
        (lambda: embedding([], TABLE), TypeError, ["float64", "integers"]),
        (lambda: embedding([True, False], TABLE), TypeError, ["bool", "integers"]),
        (lambda: embedding([0], TABLE[0]), ValueError, ["weight of shape (3,)", "(V, D)"]),
        (lambda: embedding([0], TABLE * 1j), TypeError, ["complex128"]),
        (lambda: embedding([0], Tensor(TABLE, True), 4), ValueError, ["padding_idx=4", "4 rows"]),
        (lambda: embedding([0], Tensor(TABLE, True), -5), ValueError, ["padding_idx=-5"]),
        (lambda: embedding([0], TABLE, 4), ValueError, ["padding_idx=4", "4 rows"]),
        (lambda: embedding([0], TABLE, True), TypeError, ["padding_idx=True is a bool"]),
        (lambda: embedding([0], TABLE, 1.0), TypeError, ["padding_idx=1.0 is a float"]),
        (lambda: embedding([0], TABLE, None, 2.0), ValueError, ["max_norm=2.0", "weight.data *= 2.0 / np.maximum(2.0"]),
    ],
)
def test_wrong_arguments(call: Callable[[], Any], error: type[Exception], words: list[str]) -> None:
    check_message(error, ["embedding", *words], call)
