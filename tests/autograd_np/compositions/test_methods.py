"""Methods of ufuncs: reduce, accumulate and outer, over every axis and in every spelling; the others are refused."""

import itertools
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor
from autograd_np.primitives import implementations, refusals
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.strategies import BETWEEN, GRID, NONZERO, POSITIVE, arrays, shapes
from tests.families import of_family

REDUCING = [np.add, np.multiply, np.maximum, np.minimum]
EXTREMES = [np.maximum, np.minimum]

OUTER: dict[np.ufunc, tuple[Any, Any]] = {
    **dict.fromkeys((np.add, np.subtract, np.multiply, np.logaddexp, np.logaddexp2), (GRID, GRID)),
    **dict.fromkeys((np.divide, np.hypot), (GRID, NONZERO)),
    np.arctan2: (NONZERO, GRID),  # off the cut, which is where the first is 0 and the second negative
    **dict.fromkeys((np.maximum, np.minimum, np.fmax, np.fmin), (GRID, BETWEEN)),
    **dict.fromkeys((np.floor_divide, np.remainder, np.fmod), ([-1.25, 0.25, 2.75], [-2.0, 0.5, 1.0])),
    **dict.fromkeys((np.power, np.float_power), (POSITIVE, [-1.0, 0.5, 2.0])),
    **dict.fromkeys((np.copysign, np.heaviside), (BETWEEN, BETWEEN)),
}
"""Ufuncs of two arguments, and the values that they are tested with."""

REFUSED = {
    *itertools.product(OUTER, ["at", "reduceat"]),
    *itertools.product(OUTER.keys() - set(REDUCING), ["reduce", "accumulate"]),
}

IMPLEMENTED = {*itertools.product(REDUCING, ["reduce", "accumulate"]), *((f, "outer") for f in OUTER), *REFUSED}
"""Methods that this file tests."""


def name(value: Any) -> str:
    return getattr(value, "__name__", str(value))


def leaf(values: Any) -> Tensor:
    return Tensor(np.array(values, float), requires_grad=True)


@pytest.mark.parametrize("ufunc", REDUCING, ids=name)
@given(data=st.data())
def test_accumulate(ufunc: Any, data: st.DataObject) -> None:
    x = data.draw(arrays(shapes(min_dims=1), unique=True))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    f = data.draw(
        st.sampled_from(
            [ufunc.accumulate, lambda x: ufunc.accumulate(x, axis), partial(ufunc.accumulate, axis=axis, out=None)]
        )
    )
    check_gradients(f, x)
    check_float32(f, x)


@pytest.mark.parametrize("ufunc", REDUCING, ids=name)
def test_accumulate_along_the_only_axis(ufunc: Any) -> None:
    check_gradients(lambda x: ufunc.accumulate(x, axis=None), np.array([1.0, -2.0, 3.0]))


@pytest.mark.parametrize("ufunc", OUTER, ids=name)
@of_family(len(OUTER))
@given(data=st.data())
def test_outer(ufunc: Any, data: st.DataObject) -> None:
    a, b = (data.draw(arrays(shapes(max_dims=2), values)) for values in OUTER[ufunc])
    check_gradients(ufunc.outer, a, b)
    if ufunc is not np.float_power:
        check_float32(ufunc.outer, a, b)


@pytest.mark.parametrize("other", [2, 2.0, [1.0, 2.0], [[3]], np.float64(2), np.array([1, 2])], ids=repr)
def test_outer_with_numbers_and_lists(other: Any) -> None:
    x = np.array([1.25, 2.75])
    check_gradients(lambda x: np.divide.outer(x, other), x)
    check_gradients(lambda x: np.divide.outer(other, x), x)


@pytest.mark.parametrize("other", [2, 2.0, [1.0, 2.0], np.float32(2)], ids=repr)
def test_outer_has_the_dtype_that_numpy_gives_it(other: Any) -> None:
    x = np.ones(2, np.float32)
    assert np.add.outer(Tensor(x), other).dtype == np.add.outer(x, other).dtype
    assert np.add.outer(other, Tensor(x)).dtype == np.add.outer(other, x).dtype


@pytest.mark.parametrize("ufunc", REDUCING, ids=name)
@pytest.mark.parametrize("method", ["reduce", "accumulate"])
def test_dtype_is_that_of_the_computation(ufunc: Any, method: str) -> None:
    x = np.array([1.1, 1.3, 1.7])
    f = partial(getattr(ufunc, method), dtype=np.float32)
    t = leaf(x)
    y = f(t)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.data, f(x))
    np.sum(y).backward()
    assert t.grad is not None
    assert t.grad.dtype == np.float64


@pytest.mark.parametrize("sign", [1, -1], ids=["maximum", "minimum"])
def test_running_extreme_stays_with_the_first_of_equal_ones(sign: float) -> None:
    x = leaf(np.array([1.0, 1.0, 0.0, 2.0, 2.0, 1.0]) * sign)
    y = (np.maximum if sign > 0 else np.minimum).accumulate(x)
    np.testing.assert_array_equal(y.data * sign, [1, 1, 1, 2, 2, 2])
    y.backward([1, 10, 100, 1000, 10000, 100000])
    np.testing.assert_array_equal(x.grad, [111, 0, 0, 111000, 0, 0])


@pytest.mark.parametrize("ufunc", EXTREMES, ids=name)
def test_running_extreme_stays_with_the_first_nan(ufunc: Any) -> None:
    x = leaf([[1.0, np.nan, 2.0, np.nan], [1.0, 1.0, 1.0, np.nan]])
    y = ufunc.accumulate(x, axis=1)
    np.testing.assert_array_equal(y.data, ufunc.accumulate(x.data, axis=1))
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [[1, 3, 0, 0], [3, 0, 0, 1]])


@pytest.mark.parametrize("ufunc", REDUCING, ids=name)
def test_accumulate_needs_one_axis(ufunc: Any) -> None:
    call = f"np.{ufunc.__name__}.accumulate of float64"
    with pytest.raises(TypeError, match=f"{call} .*cannot accumulate on a scalar"):
        ufunc.accumulate(leaf(1.0))
    with pytest.raises(ValueError, match=rf"{call} \(2, 3\): accumulate does not allow multiple axes"):
        ufunc.accumulate(leaf(np.ones((2, 3))), axis=None)
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        ufunc.accumulate(leaf(np.ones((2, 3))), axis=2)


@pytest.mark.parametrize(("ufunc", "method"), sorted(REFUSED, key=str), ids=name)
def test_other_methods_are_refused(ufunc: Any, method: str) -> None:
    x = leaf([1.0, 2.0])
    args = {"at": [x, [0], 1.0], "reduceat": [x, [0]]}.get(method, [x])
    with pytest.raises(TypeError, match=rf"np\.{ufunc.__name__}\.{method} is not supported on tensors: .*`.data`"):
        getattr(ufunc, method)(*args)
    np.testing.assert_array_equal(x.data, [1, 2])


def test_adding_a_tensor_into_an_array_is_refused() -> None:
    total = np.zeros(2)
    with pytest.raises(TypeError, match="writes into an array behind the tape"):
        np.add.at(total, [0, 0], leaf([1.0, 2.0]))
    np.testing.assert_array_equal(total, [0, 0])


@pytest.mark.parametrize("ufunc", REDUCING, ids=name)
def test_out_and_where_are_refused(ufunc: Any) -> None:
    x = leaf([1.0, 2.0])
    calls = {
        "out": [partial(f, x, out=np.zeros(2)) for f in (partial(ufunc.outer, x), ufunc.accumulate, ufunc.reduce)],
        "where": [partial(ufunc.outer, x, x, where=np.array([True, False]))],
    }
    for option, called in calls.items():
        for call in called:
            with pytest.raises(TypeError, match=f": {option}="):
                call()


def test_every_method_stands_in_the_table() -> None:
    assert {key for key in implementations | refusals if isinstance(key, tuple)} == IMPLEMENTED
