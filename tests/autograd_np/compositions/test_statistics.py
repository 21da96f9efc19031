"""Averages and covariances, ranges, and running sums and products from an initial value on."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_np import Tensor
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.rules.test_cumulative import ZEROS, reductions, running
from tests.autograd_np.strategies import POSITIVE, Array, Call, arrays, axes, shapes


@st.composite
def averages(draw: st.DrawFn) -> Call:
    x = draw(arrays(shapes(1)))
    axis, keepdims = draw(axes(x.ndim)), draw(st.booleans())
    along = tuple(range(x.ndim)) if axis is None else tuple(i % x.ndim for i in np.atleast_1d(axis).astype(int))
    shape = draw(st.sampled_from([x.shape, tuple(x.shape[i] for i in along)])) if axis is not None else x.shape
    weights = draw(arrays(shape, POSITIVE))

    def f(x: Any, weights: Any) -> Any:
        mean, total = np.average(x, axis, weights, returned=True, keepdims=keepdims)
        return mean, total * x.dtype.type(1) if isinstance(x, Tensor) else total

    return Call(f"average, {axis=}, {keepdims=}", lambda *xs: both(*f(*xs)), (x, weights))


def both(mean: Any, total: Any) -> Any:
    return np.concatenate([np.ravel(mean), np.ravel(total)])


COMPOSED: dict[Any, SearchStrategy[Call]] = {
    np.cumulative_sum: running(np.cumulative_sum, min_dims=1, include_initial=st.booleans()),
    np.cumulative_prod: running(np.cumulative_prod, min_dims=1, include_initial=st.booleans()),
    np.ptp: reductions(np.ptp, min_side=1, unique=True),
    np.average: averages(),
}
"""Calls of each function that this file tests."""

IMPLEMENTED = {*COMPOSED, np.cov, np.corrcoef}


@pytest.mark.parametrize("function", COMPOSED, ids=lambda f: f.__name__)
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(COMPOSED[function])
    check_gradients(call.function, *call.arrays)
    check_float32(call.function, *call.arrays)


@given(x=arrays(st.integers(1, 6).map(lambda n: (n,)), ZEROS))
def test_products_with_zeros_to_third_order(x: Array) -> None:
    check_gradients(np.cumulative_prod, x, order=3)


def test_every_argument_by_position() -> None:
    x = np.array([[1.0, 2.5, -1.0], [0.5, -1.0, 2.0]])
    check_gradients(lambda x: np.ptp(x, 0, None, True), x)
    check_gradients(lambda x: np.average(x, 1, [1.0, 2.0, 3.0]), x)


def test_average_without_weights() -> None:
    x = np.array([[1.0, 2.5, -1.0], [0.5, -1.0, 2.0]])
    check_gradients(lambda x: np.average(x, axis=1), x)
    mean, count = np.average(Tensor(x, requires_grad=True), axis=1, returned=True)
    np.testing.assert_array_equal(np.asarray(count), [3, 3])
    assert mean.requires_grad


def test_average_over_some_axes_in_another_order() -> None:
    rng = np.random.default_rng(0)
    x, weights = rng.uniform(1, 2, (2, 3, 4)), rng.uniform(1, 2, (4, 2))
    check_gradients(lambda x, weights: np.average(x, axis=(2, 0), weights=weights), x, weights)


@pytest.mark.parametrize(
    "options",
    [{}, {"rowvar": False}, {"bias": True}, {"ddof": 0}, {"ddof": 2}, {"fweights": [1, 2, 0, 3]},
     {"aweights": [0.5, 1.0, 2.0, 0.25]}, {"fweights": [1, 2, 1, 3], "aweights": [0.5, 1.0, 2.0, 0.25]},
     {"aweights": [0.5, 1.0, 2.0, 0.25], "ddof": 0}],
)  # fmt: skip
@pytest.mark.parametrize("numbers", ["float", "complex"])
def test_covariance(options: Any, numbers: str) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 3, 4)) + (1j * rng.standard_normal((2, 3, 4)) if numbers == "complex" else 0)
    if options.get("rowvar") is False:
        x, y = x.T, y.T
    check_gradients(partial(np.cov, **options), x)
    check_gradients(partial(np.cov, **options), x, y)
    check_gradients(
        lambda x: np.cov(x, **{k: v for k, v in options.items() if k != "rowvar"}), y[:4, 0] if len(y) == 4 else y[0]
    )


@pytest.mark.parametrize("rowvar", [True, False])
def test_correlation(rowvar: bool) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((2, 4, 4))
    check_gradients(partial(np.corrcoef, rowvar=rowvar), x)
    check_gradients(partial(np.corrcoef, rowvar=rowvar), x, y)
    check_gradients(np.corrcoef, x[0])
    check_gradients(np.corrcoef, x + 1j * y)


def test_covariance_in_float32() -> None:
    x = Tensor(np.eye(3), requires_grad=True, dtype=np.float32)
    assert np.cov(x).dtype == np.cov(x.data).dtype == np.float64
    assert np.cov(x, dtype=np.float32).dtype == np.float32
    check_float32(partial(np.cov, dtype=np.float32), np.eye(3))
    check_float32(partial(np.corrcoef, dtype=np.float32), np.eye(3) + 0.5)


x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: np.ptp(x, out=np.empty(())), TypeError, "np.ptp: out= is not supported on tensors"),
        (lambda: np.cumulative_sum(x), ValueError, r"np.cumulative_sum of float64 \(2, 2\): .*axis"),
        (lambda: np.cumulative_prod(x, axis=0, out=np.empty(1)), TypeError, "out"),
        (lambda: np.average(x, 0, [1.0, 2.0, 3.0]), ValueError, "np.average of float64 .*weights"),
        (lambda: np.average(x, weights=[1.0, 2.0]), TypeError, "np.average of float64 .*Axis must be specified"),
        (lambda: np.average(x, 0, [1.0, -1.0]), ZeroDivisionError, "sum to zero"),
    ],
)  # fmt: skip
def test_bad_calls(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
