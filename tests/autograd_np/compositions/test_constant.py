"""Functions without a gradient take tensors, and return what NumPy returns for their arrays."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from autograd_np import Tensor
from autograd_np.primitives import implementations
from tests.autograd_np.strategies import arrays, shapes

x = np.array([[1.5, -2.0, 0.0], [0.5, 3.0, -1.0]])
bad = np.array([np.nan, np.inf, -np.inf, 1.0])

CASES: dict[Any, tuple[Any, ...]] = {
    **dict.fromkeys(
        (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal, np.isclose, np.allclose,
         np.array_equal, np.array_equiv, np.logical_and, np.logical_or, np.logical_xor, np.common_type,
         np.result_type, np.shares_memory, np.may_share_memory),
        (x, np.abs(x)),
    ),
    **dict.fromkeys((np.isnan, np.isinf, np.isfinite, np.signbit), (bad,)),
    **dict.fromkeys(
        (np.logical_not, np.any, np.all, np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.nonzero,
         np.flatnonzero, np.argwhere, np.count_nonzero, np.shape, np.ndim, np.size, np.iscomplex, np.isreal,
         np.iscomplexobj, np.isrealobj, np.array2string, np.array_repr, np.array_str),
        (x,),
    ),
    np.argpartition: (x, 1),
    np.lexsort: ((x[0], x[1]),),
    np.searchsorted: (np.sort(x[0]), x[1]),
    np.digitize: (x, np.sort(x[0])),
    np.can_cast: (np.float32, np.float64),
}  # fmt: skip
"""Arguments of each function that this file tests."""


def tensors(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(tensors, value))
    return Tensor(value, requires_grad=True) if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_tensors_give_what_arrays_give(function: Any) -> None:
    expected = function(*CASES[function])
    result = function(*tensors(CASES[function]))
    assert type(result) is type(expected)
    np.testing.assert_equal(result, expected)


@pytest.mark.parametrize("function", [f for f in CASES if len(CASES[f]) == 2 and f is not np.can_cast])
def test_one_tensor_among_arrays_is_enough(function: Any) -> None:
    a, b = CASES[function]
    np.testing.assert_equal(function(tensors(a), b), function(a, b))
    np.testing.assert_equal(function(a, tensors(b)), function(a, b))


def test_shared_memory_is_seen() -> None:
    t = Tensor(x)
    assert np.shares_memory(t, t[0])


@pytest.mark.parametrize("function", [np.argmax, np.argmin, np.any, np.all, np.count_nonzero, np.argsort])
def test_keywords_are_passed_on(function: Any) -> None:
    np.testing.assert_array_equal(function(tensors(x), axis=0), function(x, axis=0))
    np.testing.assert_array_equal(function(a=tensors(x), axis=-1), function(a=x, axis=-1))


@pytest.mark.parametrize("method", ["argmax", "argmin", "any", "all"])
@given(x=arrays(shapes(min_side=1)))
def test_methods(method: str, x: Any) -> None:
    result = getattr(Tensor(x, requires_grad=True), method)()
    assert not isinstance(result, Tensor)
    np.testing.assert_array_equal(result, getattr(x, method)())


@pytest.mark.parametrize("method", ["argmax", "argmin", "any", "all"])
@pytest.mark.parametrize("axis", [0, -1, None])
@pytest.mark.parametrize("keepdims", [False, True])
def test_methods_keep_axes_as_those_of_arrays(method: str, axis: Any, keepdims: bool) -> None:
    a = np.arange(6.0).reshape(2, 3) % 4
    result = getattr(Tensor(a, requires_grad=True), method)(axis=axis, keepdims=keepdims)
    np.testing.assert_array_equal(result, expected := getattr(a, method)(axis=axis, keepdims=keepdims))
    assert result.shape == expected.shape


@pytest.mark.parametrize("values", [(1.0, 3.0), (3.0, 1.0), (2.0, 2.0)])
def test_comparisons_are_plain_booleans(values: tuple[float, float]) -> None:
    a, b = values
    s, t = tensors(np.array([a])), tensors(np.array([b]))
    for left, right in ((s, t), (s, b), (a, t), (s, np.array([b])), (np.array([a]), t)):
        results = [left < right, left <= right, left == right, left != right, left > right, left >= right]
        assert [type(r) for r in results] == [np.ndarray] * 6
        assert [bool(r[0]) for r in results] == [a < b, a <= b, a == b, a != b, a > b, a >= b]


def test_every_constant_function_is_tested() -> None:
    constants = {f for f, call in implementations.items() if call.__module__ == "autograd_np.compositions.constant"}
    assert constants == CASES.keys()
