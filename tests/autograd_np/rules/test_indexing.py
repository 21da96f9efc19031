"""Reading and writing elements by every kind of index."""

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_np import Tensor, gradients
from autograd_np.primitives import primitive_of
from autograd_np.rules.indexing import Scattered, cleared, scatter_add
from autograd_np.tensor import assign, getitem
from tests.autograd_np.checks import check_float32, check_gradients, recorded
from tests.autograd_np.strategies import Array, Call, Shape, arrays, shapes


@st.composite
def indices(draw: st.DrawFn, shape: Shape) -> Any:
    """Draw an index of an array of a shape: slices, integers, None, masks, arrays of integers, and mixtures."""
    basic = hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True)
    kinds: list[SearchStrategy[Any]] = [basic, hnp.arrays(bool, shape)]
    if shape:
        n = shape[0]
        kinds += [hnp.arrays(bool, (n,)), st.slices(n), st.just(slice(None, None, -1))]
        if n:
            repeated = hnp.arrays(np.intp, shapes(max_dims=2), elements=st.integers(-n, n - 1))
            kinds += [repeated, st.lists(st.integers(-n, n - 1), min_size=1, max_size=4), st.integers(-n, n - 1)]
            if len(shape) > 1:
                kinds += [
                    st.tuples(repeated, st.slices(shape[1])),
                    st.tuples(repeated, st.none(), st.just(Ellipsis)),
                    st.tuples(st.slices(n), hnp.arrays(bool, (shape[1],))),
                    st.tuples(st.just(Ellipsis), repeated.map(lambda i: i % shape[-1])) if shape[-1] else st.just(()),
                ]
        if 0 not in shape:
            kinds.append(hnp.integer_array_indices(shape, result_shape=shapes(1, max_dims=2), dtype=np.intp))
    return draw(st.one_of(kinds))


@st.composite
def readings(draw: st.DrawFn) -> Call:
    x = draw(arrays())
    index = draw(indices(x.shape))
    return Call(f"x[{index!r}]", lambda x: x[index], (x,))


@st.composite
def scatterings(draw: st.DrawFn) -> Call:
    shape = draw(shapes())
    index = draw(indices(shape))
    values = draw(arrays(np.shape(np.zeros(shape)[index])))
    return Call(f"{index!r}", lambda x: scatter_add(x, index=index, shape=shape), (values,))


@st.composite
def assignments(draw: st.DrawFn) -> Call:
    x = draw(arrays())
    index = draw(indices(x.shape))
    place = np.shape(x[index])
    start = draw(st.integers(0, len(place)))
    shape = tuple(draw(st.sampled_from([1, n])) for n in place[start:])
    if start == 0 and place and not is_mask(index) and draw(st.booleans()):
        shape = (1, *shape)  # NumPy takes axes of length 1 in front, too, but not at a mask
    value = draw(arrays(shape))
    return Call(f"x[{index!r}] = x", lambda x, v: assigned(x, index, v), (x, value))


@st.composite
def clearings(draw: st.DrawFn) -> Call:
    x = draw(arrays())
    index = draw(indices(x.shape))
    return Call(f"0 at {index!r}", lambda x: cleared(x, index=index), (x,))


def is_mask(index: Any) -> bool:
    return isinstance(index, np.ndarray) and index.dtype == bool


def assigned(x: Any, index: Any, value: Any) -> Any:
    """Return a copy of x with the value written into it; the square shows whose value is read."""
    copy = x.copy() if isinstance(x, Tensor) else Tensor(x)
    copy[index] = value
    return copy * copy


CASES = {getitem: readings(), scatter_add: scatterings(), assign: assignments(), cleared: clearings()}
"""Calls of each function that this file tests."""


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    check_gradients(call.function, *call.arrays)
    check_float32(call.function, *call.arrays)
    y = call.function(*(Tensor(x, requires_grad=True) for x in call.arrays))
    assert primitive_of(function) in recorded(y)


@given(call=CASES[assign])
def test_assignment_writes_what_numpy_writes(call: Call) -> None:
    x, value = call.arrays
    y = call.function(Tensor(x, requires_grad=True), Tensor(value, requires_grad=True))
    np.testing.assert_array_equal(y.data, call.function(x, value).data)


@given(data=st.data())
def test_several_readings_add_up(data: st.DataObject) -> None:
    """Contributions of different places and kinds, gathered into one total."""
    x = data.draw(arrays(shapes(min_side=1, min_dims=1)))
    picked = [data.draw(indices(x.shape)) for _ in range(3)]

    def f(x: Any) -> Any:
        total = x * x
        for index in picked:
            total = total + np.sum(x[index] * x[index]) + np.sum(x)
        return total

    check_gradients(f, x)


def leaf(*values: float) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


def test_repeated_indices_add() -> None:
    x = leaf(1.0, 2.0, 3.0)
    x[[0, 2, 0, 0]].backward([1.0, 10.0, 2.0, 4.0])
    np.testing.assert_array_equal(x.grad, [7, 0, 10])


def test_readings_add_into_one_total_without_an_array_of_zeros_each() -> None:
    """Else the gradient of a loop over rows would grow with their number squared."""
    x, total = leaf(1.0, 2.0, 3.0), np.ones(3)
    (rule,) = primitive_of(getitem).vjps
    assert rule is not None
    part = rule(np.array([5.0]), None, x, index=[1])
    assert isinstance(part, Scattered)
    assert x._node is not None
    assert part.added_to(total, True, x._node) is total
    np.testing.assert_array_equal(total, [1, 6, 1])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
@pytest.mark.parametrize("shape", [(100, 3), (100, 2, 0), (100, 2, 2), (100,)])
@pytest.mark.parametrize("index_shape", [(), (40,), (8, 5), (0,)])
def test_rows_are_added_one_after_the_other(dtype: Any, shape: Shape, index_shape: Shape) -> None:
    """Whatever the integers, and however gradient and total lie in memory: 99 rows of 3 do not fit into 8 bits."""
    rng = np.random.default_rng(0)
    index = rng.integers(-100 if np.dtype(dtype).kind == "i" else 0, 100, index_shape).astype(dtype)
    values = np.array(rng.normal(size=(*index_shape, *shape[1:])), np.float32)
    expected = np.zeros(shape, np.float32)
    for place in np.ndindex(index_shape):
        expected[index[place]] += values[place]
    for g in (values, np.array(values, order="F")):
        x = Tensor(np.ones(shape, np.float32), requires_grad=True)
        x[index].backward(g)
        np.testing.assert_array_equal(x.grad, expected)
        np.testing.assert_array_equal(scatter_add(g, index=index, shape=shape), expected)
        for order in ("C", "F"):
            total = np.ones(shape, np.float32, order=order)
            assert Scattered(g, index).added_to(total, True, x._node) is total
            np.testing.assert_allclose(total, 1 + expected, atol=1e-5)


def test_reading_of_a_number_adds_to_a_total_of_numbers() -> None:
    x = Tensor(3.0, requires_grad=True)
    y = x[()]  # read first, so that its gradient comes last
    (y + 2 * x + 4 * x).backward()
    assert x.grad == 7


def test_complex_gradient_of_a_reading_of_real_numbers() -> None:
    x = leaf(1.0, 2.0, 3.0)
    np.real(x[[0, 0, 2]] * np.array([1 + 2j, 4 - 1j, 1j])).sum().backward()
    np.testing.assert_array_equal(x.grad, [5, 0, 0])


def test_last_of_repeated_assignments_stays() -> None:
    x, value = leaf(1.0, 2.0, 3.0), leaf(4.0, 5.0, 6.0)
    y = x.copy()
    y[[0, 2, 0]] = value
    np.testing.assert_array_equal(y.data, [6, 2, 5])
    y.backward([1.0, 10.0, 100.0])
    np.testing.assert_array_equal(x.grad, [0, 10, 0])
    np.testing.assert_array_equal(value.grad, [0, 100, 1])


@pytest.mark.parametrize("needed", ["target", "value", "both"])
def test_assignment_where_only_one_side_needs_a_gradient(needed: str) -> None:
    x = Tensor([1.0, 2.0, 3.0], requires_grad=needed != "value")
    value = Tensor(5.0, requires_grad=needed != "target")
    y = x * 1.0
    y[1:] = value
    (y * y).sum().backward()
    np.testing.assert_array_equal(x.grad, [2, 0, 0]) if needed != "value" else assert_untouched(x)
    np.testing.assert_array_equal(value.grad, 20) if needed != "target" else assert_untouched(value)


def assert_untouched(x: Tensor) -> None:
    assert x.grad is None


@pytest.mark.parametrize("shape", [(), (3,), (1, 3), (2, 1), (2, 3), (1, 2, 3), (1, 1, 1, 3), (1, 1, 1, 1)], ids=str)
def test_assigned_values_of_every_shape_that_the_place_takes(shape: tuple[int, ...]) -> None:
    check_gradients(lambda x, v: assigned(x, slice(None), v), np.arange(6.0).reshape(2, 3), np.full(shape, 0.5))


@pytest.mark.parametrize("value", [7, 7.0, np.float32(7), np.array(7.0), [7.0, 7.0], np.full((1, 2), 7)], ids=repr)
def test_assigning_constants(value: Any) -> None:
    x = leaf(1.0, 2.0, 3.0)
    y = x * x
    y[1:] = value
    np.testing.assert_array_equal(y.data, [1, 7, 7])
    y.backward(np.ones(3))
    np.testing.assert_array_equal(x.grad, [2, 0, 0])


def test_assigning_a_tensors_own_elements() -> None:
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1.0
    y[:2] = y[1:]
    np.testing.assert_array_equal(y.data, [2, 3, 3])
    y.backward([1.0, 10.0, 100.0])
    np.testing.assert_array_equal(x.grad, [0, 1, 110])


def test_filling_zeros_element_by_element() -> None:
    x = leaf(1.0, 2.0, 3.0)
    y = np.zeros_like(x)
    for i in range(3):
        y[2 - i] = x[i] ** 2
    y.backward([1.0, 10.0, 100.0])
    np.testing.assert_array_equal(x.grad, [200, 40, 6])


def test_a_double_value_assigned_to_a_single_target_keeps_both_dtypes() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True, dtype=np.float32)
    value = leaf(3.0)
    y = x * 1.0
    y[:1] = value
    y.backward([1.0, 1.0])
    assert x.grad is not None
    assert value.grad is not None
    assert (x.grad.dtype, value.grad.dtype) == (np.float32, np.float64)


def test_index_may_be_a_tensor_of_integers_or_booleans() -> None:
    x = leaf(1.0, 2.0, 3.0)
    (x[Tensor([0, 0])].sum() + x[Tensor([True, False, True])].sum()).backward()
    np.testing.assert_array_equal(x.grad, [3, 0, 1])


@pytest.mark.parametrize("index", [3, (0, 0), [5], "a", np.array([True]), 1.5], ids=repr)
def test_bad_indices_raise_what_numpy_raises_and_change_nothing(index: Any) -> None:
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1.0
    with pytest.raises((IndexError, TypeError)):
        y[index]
    with pytest.raises((IndexError, TypeError)):
        y[index] = 1.0
    y.backward(np.ones(3))
    np.testing.assert_array_equal(x.grad, [1, 1, 1])


@given(data=st.data())
def test_getitem_and_scatter_add_are_adjoint(data: st.DataObject) -> None:
    shape = data.draw(shapes())
    index = data.draw(indices(shape))
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    x: Array = rng.standard_normal(shape)
    v = np.asarray(rng.standard_normal(np.shape(x[index])))
    np.testing.assert_allclose(np.sum(x[index] * v), np.sum(x * scatter_add(v, index=index, shape=shape)))


def test_gradient_of_an_index_in_a_recorded_sweep_is_recorded() -> None:
    x = leaf(1.0, 2.0, 3.0)
    (g,) = gradients((x[[0, 0, 2]] ** 3).sum(), x, create_graph=True)
    (h,) = gradients(g.sum(), x)
    np.testing.assert_allclose(h.data, [12, 0, 18])
