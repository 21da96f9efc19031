"""Products of vectors, matrices and stacks of matrices, in every combination."""

from functools import partial
from operator import matmul, methodcaller
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor
from autograd_np.primitives import primitive_of
from tests.autograd_np.checks import check_float32, check_gradients, recorded
from tests.autograd_np.strategies import Call, arrays, shapes

side = st.integers(0, 3)


@st.composite
def matrix_products(draw: st.DrawFn) -> Call:
    m, k, n = draw(side), draw(side), draw(side)
    left, right = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, min_side=0, max_side=2)).input_shapes
    a = draw(st.one_of(arrays((k,)), arrays((m, k)), arrays((*left, m, k))))
    b = draw(st.one_of(arrays((k,)), arrays((k, n)), arrays((*right, k, n))))
    return Call("matmul", draw(st.sampled_from([np.matmul, matmul])), (a, b))


@st.composite
def dots(draw: st.DrawFn) -> Call:
    a = draw(arrays())
    before, after = draw(shapes(max_dims=1)), draw(side)
    length = a.shape[-1] if a.ndim else 1
    b = draw(st.one_of(arrays(()), arrays((length,)), arrays((*before, length, after))))
    f = draw(st.sampled_from([np.dot, lambda a, b: np.dot(a, b=b), lambda a, b: as_tensor(a).dot(b)]))
    return Call("dot", f, (a, b))


def as_tensor(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) else Tensor(x)


CASES = {np.matmul: matrix_products(), np.dot: dots()}
"""Calls of each function that this file tests."""


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@given(data=st.data())
def test_products(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    check_gradients(call.function, *call.arrays, order=3)
    check_float32(call.function, *call.arrays)
    y = call.function(*(Tensor(x, requires_grad=True) for x in call.arrays))
    assert primitive_of(function) in recorded(y)


@pytest.mark.parametrize("number", [2, 0.5, 1j, np.float64(3), True], ids=repr)
@pytest.mark.parametrize(
    "multiply", [np.dot, np.inner, partial(np.tensordot, axes=0), np.outer, np.kron, np.multiply.outer]
)
def test_products_with_numbers(multiply: Any, number: Any) -> None:
    x = np.array([[1.0, 2.0], [0.5, -1.0]])
    check_gradients(lambda x: multiply(x, number), x)
    check_gradients(lambda x: multiply(number, x), x)
    for left, right in ((x.astype(np.float32), number), (number, x.astype(np.float32))):
        y = multiply(*(Tensor(a) if a is not number else a for a in (left, right)))
        assert y.dtype == multiply(left, right).dtype


LEFT = [(3,), (2, 3), (1, 3), (4, 2, 3), (1, 2, 3), (5, 4, 2, 3), (5, 1, 2, 3)]
RIGHT = [(3,), (3, 2), (3, 1), (4, 3, 2), (1, 3, 2), (5, 4, 3, 2), (4, 3, 1)]


@pytest.mark.parametrize("left", LEFT, ids=str)
@pytest.mark.parametrize("right", RIGHT, ids=str)
def test_matmul_of_every_rank(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    check_gradients(np.matmul, rng.standard_normal(left), rng.standard_normal(right))


@pytest.mark.parametrize("left", [(0,), (2, 0), (0, 2), (3, 2, 0), (0, 2, 3), (3, 0, 2)], ids=str)
def test_matmul_of_nothing(left: tuple[int, ...]) -> None:
    for right in ((left[-1],), (left[-1], 2), (left[-1], 0), (1, left[-1], 2)):
        check_gradients(np.matmul, np.ones(left), np.ones(right))


@pytest.mark.parametrize("left", LEFT[:5], ids=str)
@pytest.mark.parametrize("right", RIGHT, ids=str)
def test_dot_of_every_rank(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    rng = np.random.default_rng(4)
    check_gradients(np.dot, rng.standard_normal(left), rng.standard_normal(right))


@pytest.mark.parametrize("multiply", [np.matmul, np.dot], ids=lambda f: f.__name__)
@pytest.mark.parametrize("other", [[1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]], [[[1.0, 2.0], [3.0, 4.0]]]], ids=str)
def test_lists_are_operands_too(multiply: Any, other: Any) -> None:
    check_gradients(lambda x: multiply(x, other), np.array([[1.0, 2.0], [0.5, -1.0]]))
    check_gradients(lambda x: multiply(other, x), np.array([[1.0, 2.0], [0.5, -1.0]]))


@pytest.mark.parametrize("multiply", [np.matmul, methodcaller("__matmul__", np.ones((2, 2)))])
def test_shapes_that_do_not_fit_are_named(multiply: Any) -> None:
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises(ValueError, match=r"np.matmul of float64 \(2, 3\) and float64 \(2, [23]\)"):
        multiply(x, np.ones((2, 3))) if multiply is np.matmul else multiply(x)
