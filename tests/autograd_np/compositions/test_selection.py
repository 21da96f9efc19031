"""Taking, leaving out, putting between: every element keeps its value and finds its gradient."""

from functools import partial
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_np import Tensor
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.rules.test_shapes import Draw, axis_and_length, calls
from tests.autograd_np.strategies import Call, Shape, arrays, shapes


def take(draw: Draw, shape: Shape) -> Any:
    along, n = axis_and_length(draw, shape)
    mode = draw(st.sampled_from(["raise", "wrap", "clip"])) if n else "raise"
    places = st.integers(-n, n - 1) if mode == "raise" else st.integers(-5, 5)
    few = hnp.arrays(np.intp, shapes(max_dims=2), elements=places) | places | st.lists(places, min_size=1, max_size=3)
    return partial(np.take, indices=draw(few) if n else np.empty((2, 0), int), axis=along, mode=mode)


def take_along_axis(draw: Draw, shape: Shape) -> Any:
    along, n = axis_and_length(draw, shape)
    size = [draw(st.sampled_from([1, k])) for k in shape] if along is not None else [2]
    size[along or 0] = 2 if n else 0
    indices = draw(hnp.arrays(np.intp, tuple(size), elements=st.integers(-n, n - 1) if n else st.nothing()))
    return partial(np.take_along_axis, indices=indices, axis=along)


def delete(draw: Draw, shape: Shape) -> Any:
    along, n = axis_and_length(draw, shape)
    places = st.integers(-n, n - 1) if n else st.nothing()
    few = st.lists(places, min_size=1, max_size=3) if n else st.just(np.empty(0, int))
    return partial(np.delete, obj=draw(places | few | st.slices(n) | hnp.arrays(bool, n)), axis=along)


def compress(draw: Draw, shape: Shape) -> Any:
    along, n = axis_and_length(draw, shape)
    condition = draw(st.lists(st.booleans(), max_size=n))
    return lambda x: np.compress(condition, x, axis=along)


def extract(draw: Draw, shape: Shape) -> Any:
    condition = draw(hnp.arrays(bool, shape))
    return lambda x: np.extract(condition, x)


@st.composite
def insertions(draw: st.DrawFn) -> Call:
    x = draw(arrays(shapes(min_dims=1)))
    along, n = axis_and_length(draw, x.shape)
    obj = draw(st.integers(-n, n) | st.lists(st.integers(0, n), min_size=1, max_size=2))
    place = None if along is None else along % x.ndim
    before, after = (x.shape[:place], x.shape[place + 1 :]) if place is not None else ((), ())
    slices = (*before, *after) if isinstance(obj, int) else (*before, 1, *after)
    values = draw(arrays(draw(st.sampled_from([(), slices]))))
    return Call(f"insert {obj}, {along=}", lambda x, values: np.insert(x, obj, values, axis=along), (x, values))


@st.composite
def choices(draw: st.DrawFn) -> Call:
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    which = draw(hnp.arrays(np.intp, (2,), elements=st.integers(0, 1) if mode == "raise" else st.integers(-3, 3)))
    xs = draw(arrays((3, 1))), draw(arrays((2,)))
    return Call(f"choose {which} {mode}", lambda *xs: np.choose(which, xs, mode=mode), xs)


COMPOSED: dict[Any, SearchStrategy[Call]] = {
    np.take: calls(take),
    np.take_along_axis: calls(take_along_axis),
    np.compress: calls(compress),
    np.extract: calls(extract),
    np.choose: choices(),
    np.delete: calls(delete),
    np.insert: insertions(),
}
"""Calls of each function that this file tests."""

REFUSED = (np.fill_diagonal, np.put, np.put_along_axis, np.place, np.putmask)

UNIQUE = (np.unique, np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values)
IMPLEMENTED = {*COMPOSED, *REFUSED, *UNIQUE, np.sort_complex, np.copyto}


@pytest.mark.parametrize("function", COMPOSED, ids=lambda f: f.__name__)
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(COMPOSED[function])
    check_gradients(call.function, *call.arrays)
    check_float32(call.function, *call.arrays)


BOX = np.arange(24.0).reshape(2, 3, 4)


def test_take_by_position() -> None:
    check_gradients(lambda x: np.take(x, [5, -1], 1, None, "wrap"), BOX)
    check_gradients(lambda x: np.choose([0, 3], x, None, "clip"), np.array([[1.0, 2.0], [3.0, 4.0]]))


def test_choices_may_be_the_rows_of_a_tensor() -> None:
    check_gradients(lambda x: np.choose([2, 0, 1], x), np.arange(9.0).reshape(3, 3))


def test_inserted_values_take_the_arrays_dtype() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True, dtype=np.float32)
    values = Tensor(5.0, requires_grad=True)
    y = np.insert(x, [0, 2], values)
    assert y.dtype == np.float32
    y.backward([1, 2, 3, 4])
    assert values.grad is not None
    assert values.grad.dtype == np.float64
    np.testing.assert_array_equal(values.grad, 5)
    np.testing.assert_array_equal(x.grad, [2, 3])


@pytest.mark.parametrize("function", REFUSED, ids=lambda f: f.__name__)
def test_writing_functions_are_refused(function: Any) -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    arguments = {np.fill_diagonal: (x, 0), np.put_along_axis: (x, np.array([0]), x, 0)}.get(function, (x, [0, 1], x))
    with pytest.raises(TypeError, match=f"np.{function.__name__} is not supported on tensors: it writes"):
        function(*arguments)
    np.testing.assert_array_equal(x.data, [1, 2])


x = Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: np.take(x, 0, mode="nearest"), ValueError, "np.take: mode='nearest'"),
        (lambda: np.take(x, np.array(0.5)), TypeError, "np.take: indices of dtype float64 are not integers"),
        (lambda: np.take(x, 7), IndexError, "out of bounds"),
        (lambda: np.take(x, 0, out=np.empty(())), TypeError, "np.take: out= is not supported on tensors"),
        (lambda: np.compress([True], x, out=np.empty(1)), TypeError, "np.compress: out= is not supported"),
        (lambda: np.choose([0], x, out=np.empty(1)), TypeError, "np.choose: out= is not supported"),
        (lambda: np.compress([[True]], x), ValueError, r"np.compress: the condition has shape \(1, 1\)"),
        (lambda: np.take_along_axis(x, np.array([0]), 1), ValueError, r"np.take_along_axis: indices of shape \(1,\)"),
    ],
)  # fmt: skip
def test_bad_calls(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: np.unique(x), r"np.unique is not supported on tensors: .*t.ravel\(\)\[np.unique"),
        (lambda: np.unique(x, return_counts=True), "np.unique is not supported on tensors"),
        *((lambda f=f: f(x), f"np.{f.__name__} is not supported on tensors") for f in UNIQUE),
        (lambda: np.sort_complex(x), "np.sort_complex is not supported on tensors"),
    ],
)  # fmt: skip
def test_refused(call: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


def test_the_way_out_for_distinct_elements() -> None:
    x = Tensor([[3.0, 1.0], [1.0, 2.0]], requires_grad=True)
    distinct = x.ravel()[np.unique(x.data, return_index=True)[1]]
    np.testing.assert_array_equal(distinct.data, [1, 2, 3])
    distinct.backward([10, 20, 30])
    np.testing.assert_array_equal(x.grad, [[30, 10], [0, 20]])
