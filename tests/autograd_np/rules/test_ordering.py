"""Sorted elements, medians and quantiles: the gradient goes back to where the elements came from."""

from functools import partial
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_np import Tensor
from autograd_np.primitives import primitive_of
from tests.autograd_np.checks import check_float32, check_gradients, recorded
from tests.autograd_np.strategies import Array, Call, arrays, axes, shapes

METHODS = [
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull",
    "linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest",
]  # fmt: skip
QUANTILES = (np.quantile, np.percentile, np.nanquantile, np.nanpercentile)


@st.composite
def sorts(draw: st.DrawFn) -> Call:
    x = draw(arrays(shapes(min_dims=1), unique=True))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    kind = draw(st.sampled_from([{}, {"kind": "quicksort"}, {"kind": "stable"}, {"stable": True}]))
    return Call(f"sort, {axis=}, {kind}", partial(np.sort, axis=axis, **kind), (x,))


@st.composite
def partitions(draw: st.DrawFn) -> Call:
    x = draw(arrays(shapes(1, min_dims=1), unique=True))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    n = x.size if axis is None else x.shape[axis]
    place = st.integers(-n, n - 1)
    kth = draw(place | st.lists(place, min_size=1, max_size=2))
    return Call(f"partition {kth}, {axis=}", partial(np.partition, kth=kth, axis=axis), (x,))


@st.composite
def between(draw: st.DrawFn, f: Any, nan: bool = False) -> Call:
    """Draw a median or a quantile; if wished, with NaN in some of the black squares of a chequerboard."""
    x = draw(arrays(shapes(2 if nan else 1), unique=True))
    missing = draw(hnp.arrays(bool, x.shape)) & (np.indices(x.shape).sum(0) % 2 == 1)
    several = axes(x.ndim).filter(lambda axis: not nan or axis != ())
    options: dict[str, Any] = {"axis": draw(several), "keepdims": draw(st.booleans())}
    if f in QUANTILES:
        # Exact in binary, so that a place between elements is told from one at an element.
        top = 100 if "percentile" in f.__name__ else 1
        q = st.integers(0, 8).map(lambda k: top * k / 8)
        options["q"] = draw(q | hnp.arrays(float, shapes(1, max_dims=1 if nan else 2), elements=q))
        options["method"] = draw(st.sampled_from(METHODS))
    g = partial(f, **options)
    return Call(f"{g} without {missing.tolist() * nan}", lambda x: g(_without(x, missing) if nan else x), (x,))


def _without(x: Any, missing: Array) -> Any:
    return np.where(missing, np.float32(np.nan), x) if isinstance(x, Tensor) else np.where(missing, np.nan, x)


CASES: dict[Any, SearchStrategy[Call]] = {
    np.sort: sorts(),
    np.partition: partitions(),
    np.median: between(np.median),
    np.quantile: between(np.quantile),
    np.percentile: between(np.percentile),
    np.nanmedian: between(np.nanmedian, nan=True),
    np.nanquantile: between(np.nanquantile, nan=True),
    np.nanpercentile: between(np.nanpercentile, nan=True),
}
"""Calls of each primitive that this file tests."""


@pytest.mark.parametrize("function", [np.nanquantile, np.nanpercentile])
def test_table_of_quantiles_among_nans_is_refused(function: Any) -> None:
    with pytest.raises(TypeError, match=r"q of shape \(2, 1\) is not supported on tensors"):
        function(Tensor(np.ones((2, 2)), requires_grad=True), [[0.5], [0.25]])


IMPLEMENTED = {np.nanquantile, np.nanpercentile}


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    check_gradients(call.function, *call.arrays)
    if function not in QUANTILES:
        check_float32(call.function, *call.arrays)
    assert primitive_of(function) in recorded(call.function(Tensor(call.arrays[0], requires_grad=True)))


@pytest.mark.parametrize("function", [np.median, np.quantile, np.percentile], ids=lambda f: f.__name__)
@pytest.mark.parametrize("method", METHODS)
def test_every_method(function: Any, method: str) -> None:
    x = np.random.default_rng(3).permutation(np.arange(24.0) ** 1.5).reshape(2, 3, 4)
    options = {} if function is np.median else {"q": [0.25, 0.5, 0.9], "method": method}
    for axis in (None, 0, 1, -1, (0, 2), (2, 0), (0, 1, 2)):
        check_gradients(partial(function, axis=axis, **options), x)


@pytest.mark.parametrize("function", QUANTILES, ids=lambda f: f.__name__)
def test_quantiles_of_float32(function: Any) -> None:
    """With a Python number, since an array of float64 promotes the result."""
    check_float32(partial(function, q=0.3), np.array([3.0, 1.0, 2.0, 5.0]))
    x = Tensor([3.0, 1.0, 2.0, 5.0], requires_grad=True, dtype=np.float32)
    y = function(x, np.array([0.25, 0.5]))
    assert y.dtype == function(x.data, np.array([0.25, 0.5])).dtype
    y.backward(np.ones(2))
    assert x.grad is not None
    assert x.grad.dtype == np.float32


# -- ties, NaN, infinities --------------------------------------------------------------------------------------------


def leaf(*values: Any) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


def slopes(y: Tensor, x: Tensor, weights: Any) -> Any:
    y.backward(np.asarray(weights, float))
    return x.grad


def test_ties_are_sorted_stably() -> None:
    x = leaf(2.0, 1.0, 2.0, 1.0)
    np.testing.assert_array_equal(slopes(np.sort(x), x, [1, 2, 3, 4]), [3, 1, 4, 2])


@given(x=arrays(shapes(1, min_dims=1), [0.0, 1.0]), data=st.data())
def test_ties_share_no_gradient_but_lose_none(x: Array, data: st.DataObject) -> None:
    """Each place has one element to give its gradient to, of the right value."""
    t = Tensor(x, requires_grad=True)
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    weights = np.random.default_rng(0).uniform(1, 2, x.shape)
    y = data.draw(st.sampled_from([np.sort(t, axis=axis), np.partition(t, 0, axis=axis)]))
    g = slopes(y, t, weights)
    np.testing.assert_array_equal(np.sort(g, axis=axis), np.sort(weights, axis=axis))
    np.testing.assert_allclose(np.sum(g * x, axis=axis), np.sum(weights * y.data, axis=axis))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2.0, 2.0, 3.0], [0, 0.5, 0.5, 0]),
        ([2.0, 2.0, 2.0], [0, 1, 0]),
        ([4.0, 1.0, 3.0, 2.0], [0, 0, 0.5, 0.5]),
        ([4.0, 1.0, 3.0], [0, 0, 1]),
        ([7.0], [1]),
        ([1.0, np.nan, 3.0], [0, 1, 0]),
    ],
)
@pytest.mark.parametrize("function", [np.median, partial(np.quantile, q=0.5), partial(np.percentile, q=50)])
def test_the_middle(function: Any, values: list[float], expected: list[float]) -> None:
    x = leaf(*values)
    np.testing.assert_array_equal(slopes(function(x), x, 1), expected)


@pytest.mark.parametrize("function", [np.nanmedian, partial(np.nanquantile, q=0.25), partial(np.nanpercentile, q=99)])
@pytest.mark.parametrize("create_graph", [False, True])
def test_nothing_but_nan_has_slope_0(function: Any, create_graph: bool) -> None:
    x = leaf([1.0, 2.0, np.nan], [np.nan, np.nan, np.nan])
    with pytest.warns(RuntimeWarning, match="All-NaN slice"):
        y = function(x, axis=1)
    g = slopes(y, x, [1, 1])
    np.testing.assert_array_equal(g[1], [0, 0, 0])
    np.testing.assert_allclose(g[0].sum(), 1)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_nan_is_sorted_last(axis: int) -> None:
    x = leaf([np.nan, 1.0], [2.0, np.nan])
    weights = np.array([[1.0, 2.0], [3.0, 4.0]])
    expected = [[3, 2], [1, 4]] if axis == 0 else [[2, 1], [3, 4]]
    np.testing.assert_array_equal(slopes(np.sort(x, axis=axis), x, weights), expected)


def test_of_nothing() -> None:
    check_gradients(lambda x: np.median(x, axis=0), np.empty((2, 0)))
    check_gradients(np.sort, np.empty((2, 0)))
    x = Tensor(np.empty(0), requires_grad=True)
    with pytest.warns(RuntimeWarning):
        y = np.median(x)
    assert slopes(y, x, 1).shape == (0,)


def test_complex_numbers() -> None:
    x = np.array([[1 + 2j, 1.5 - 1j, 0.5], [2 - 1j, -1 + 1j, 2.5 + 0.25j]])  # their real parts decide
    for axis in (None, 0, 1):
        check_gradients(partial(np.sort, axis=axis), x)
        check_gradients(partial(np.median, axis=axis), x)


# -- spellings, bad input ---------------------------------------------------------------------------------------------


def test_every_argument_by_position() -> None:
    x = np.array([[3.0, 1.0, 2.0], [0.5, 4.0, -1.0]])
    check_gradients(lambda x: np.sort(x, 0, "stable"), x)
    check_gradients(lambda x: np.partition(x, 1, 1), x)
    check_gradients(lambda x: np.median(x, 1, None, False, True), x)
    check_gradients(lambda x: np.quantile(x, 0.3, 1, None, False, "higher", True), x)
    check_gradients(lambda x: np.percentile(x, [20, 70], (0, 1), None, False, "linear", True), x)
    check_gradients(lambda x: np.nanpercentile(x, q=[20, 70], axis=0), x)


def test_no_quantiles() -> None:
    x = leaf(1.0, 2.0, 4.0)
    np.testing.assert_array_equal(slopes(np.quantile(x, []), x, []), [0, 0, 0])


def test_quantiles_may_be_a_tensor_without_gradient() -> None:
    x = leaf(1.0, 2.0, 4.0)
    np.testing.assert_array_equal(slopes(np.quantile(x, Tensor(0.25)), x, 1), [0.5, 0.5, 0])


x = leaf([1.0, 2.0], [3.0, 4.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: np.sort(x, order="a"), "np.sort: order='a' is not supported on tensors"),
        (lambda: np.median(x, out=np.empty(())), "np.median: out=.* is not supported on tensors"),
        (lambda: np.median(x, overwrite_input=True), "np.median: overwrite_input=True is not supported"),
        (lambda: np.quantile(x, 0.5, weights=[1, 2], method="lower"), "np.quantile: weights=.* is not supported"),
        (lambda: np.quantile(x, leaf(0.5)), "np.quantile: it has no derivative with respect to argument 1"),
    ],
)  # fmt: skip
def test_refused(call: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()
