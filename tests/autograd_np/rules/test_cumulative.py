"""Running sums and products, what leaves out NaN, and the rarer options of reductions."""

from functools import partial
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_np import Tensor, hessian, jacobian
from autograd_np.primitives import primitive_of
from tests.autograd_np.checks import check_float32, check_gradients, recorded
from tests.autograd_np.strategies import POSITIVE, Array, Call, arrays, axes, shapes
from tests.families import of_family

ZEROS = [0.0, 0.0, 0.0, 1.0, -0.5, 2.0]
"""Mostly zeros: one, two and more of them in a row."""


@st.composite
def running(draw: st.DrawFn, f: Any, min_dims: int = 0, **options: Any) -> Call:
    x = draw(arrays(shapes(min_dims=min_dims), draw(st.sampled_from([ZEROS, [*POSITIVE, -1.0]]))))
    numbers = st.integers(-x.ndim, x.ndim - 1) if x.ndim else st.nothing()
    axis = draw(numbers if options and x.ndim != 1 else st.none() | numbers)
    drawn = {name: draw(strategy) for name, strategy in options.items()}
    return Call(f"{f.__name__}, {axis=}, {drawn}", partial(f, axis=axis, **drawn), (x,))


@st.composite
def reductions(draw: st.DrawFn, f: Any, min_side: int = 0, unique: bool = False, **options: Any) -> Call:
    x = draw(arrays(shapes(min_side), unique=unique))
    drawn = {name: draw(strategy) for name, strategy in options.items()}
    f = partial(f, axis=draw(axes(x.ndim)), keepdims=draw(st.booleans()), **drawn)
    return Call(repr(f), f, (x,))


@st.composite
def with_nan(draw: st.DrawFn, f: Any, unique: bool = False, **options: Any) -> Call:
    """Put NaN into some of the black squares of a chequerboard, so that there are numbers along every axis."""
    x = draw(arrays(shapes(2, min_dims=1), unique=unique))
    nan = draw(hnp.arrays(bool, x.shape)) & (np.indices(x.shape).sum(0) % 2 == 1)
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1) | st.just(tuple(range(x.ndim))))
    if f in (np.nancumsum, np.nancumprod):
        axis = axis if isinstance(axis, int) else None
    drawn = {name: draw(strategy) for name, strategy in options.items()}
    masked = partial(f, axis=axis, **drawn)
    return Call(f"{masked} with NaN at {nan.tolist()}", lambda x: masked(_with_nan(x, nan)), (x,))


def _with_nan(x: Any, nan: Array) -> Any:
    return np.where(nan, np.float32(np.nan), x) if isinstance(x, Tensor) else np.where(nan, np.nan, x)


some = st.sampled_from
keepdims = st.booleans()

CASES: dict[Any, SearchStrategy[Call]] = {
    np.sum: reductions(np.sum, initial=some([0, 1.5])),
    np.prod: reductions(np.prod, initial=some([1, 1.5, 0, -2])),
    **{f: reductions(f, unique=True, initial=some([-9.0, 0.0625])) for f in (np.max, np.amax)},
    **{f: reductions(f, unique=True, initial=some([9.0, 0.0625])) for f in (np.min, np.amin)},
    np.var: reductions(np.var, min_side=2, correction=some([0, 0.5])),
    np.std: reductions(np.std, min_side=2, unique=True, correction=some([0, 0.5])),
    np.cumsum: running(np.cumsum),
    np.cumprod: running(np.cumprod),
    np.nansum: with_nan(np.nansum, keepdims=keepdims, initial=some([0, 1.5])),
    np.nanmean: with_nan(np.nanmean, keepdims=keepdims),
    np.nanprod: with_nan(np.nanprod, keepdims=keepdims, initial=some([1, -1.5])),
    np.nanmax: with_nan(np.nanmax, unique=True, keepdims=keepdims, initial=some([-9.0, 0.0625])),
    np.nanmin: with_nan(np.nanmin, unique=True, keepdims=keepdims, initial=some([9.0, 0.0625])),
    np.nanvar: with_nan(np.nanvar, keepdims=keepdims, ddof=some([0, 0.5])),
    np.nanstd: with_nan(np.nanstd, unique=True, keepdims=keepdims, correction=some([0, 0.5])),
    np.nancumsum: with_nan(np.nancumsum),
    np.nancumprod: with_nan(np.nancumprod),
}
"""Calls of each primitive that this file tests."""


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@of_family(len(CASES))
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    check_gradients(call.function, *call.arrays)
    check_float32(call.function, *call.arrays)
    assert primitive_of(function) in recorded(call.function(Tensor(call.arrays[0], requires_grad=True)))


@pytest.mark.parametrize("function", [np.cumprod, np.prod, np.nancumprod, np.nanprod])
@given(x=arrays(st.integers(1, 6).map(lambda n: (n,)), ZEROS))
def test_products_with_zeros_to_third_order(function: Any, x: Array) -> None:
    check_gradients(function, x, order=3)


@pytest.mark.parametrize("length", [7, 8, 9, 33])
def test_long_running_products(length: int) -> None:
    x = np.random.default_rng(length).choice([0.0, 1.0, -0.5, 1.5], (2, length), p=[0.1, 0.3, 0.3, 0.3])
    check_gradients(lambda x: np.cumprod(x, axis=1), x)
    check_gradients(lambda x: np.cumprod(x, axis=0), x)


def test_a_zero_in_a_long_product_needs_no_matrix() -> None:
    x = np.ones(200_000)
    x[[5, 70_000]] = [0, 3]
    t = Tensor(x, requires_grad=True)
    np.prod(t).backward()
    np.testing.assert_array_equal(t.grad, np.where(np.arange(x.size) == 5, 3, 0))


@pytest.mark.parametrize(("function", "row"), [(np.prod, [2.1, 0, 1.4, 6]), (np.cumprod, [6.1, 0, 3.4, 6])])
def test_higher_derivatives_close_to_a_zero(function: Any, row: list[float]) -> None:
    """They keep their digits, where quotients by the small number would not cancel."""
    curvature = hessian(lambda x: np.sum(function(x)))
    x = np.array([2.0, 3.7e-9, 3.0, 0.7])
    np.testing.assert_allclose(curvature(x)[1], row, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(jacobian(curvature)(x)[1, 1], [0, 0, 0, 0], atol=1e-14)


# -- awkward points ---------------------------------------------------------------------------------------------------


def leaf(*values: Any) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


@pytest.mark.parametrize("function", [np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin, np.nansum, np.nanprod])
@pytest.mark.parametrize("create_graph", [False, True])
def test_nothing_but_nan_has_slope_0(function: Any, create_graph: bool) -> None:
    x = leaf([1.0, 2.0], [np.nan, np.nan])
    if function in (np.nansum, np.nanprod):
        y = function(x, axis=1)
    else:
        with pytest.warns(RuntimeWarning):
            y = function(x, axis=1)
    np.testing.assert_array_equal(np.isnan(y.data), [False, function not in (np.nansum, np.nanprod)])
    y.backward(np.ones(2), retain_graph=True)
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad[1], [0, 0])
    assert np.isfinite(x.grad[0]).all()
    assert np.any(x.grad[0])


@pytest.mark.parametrize("function", [f for f in CASES if f.__name__.startswith("nan")])
def test_nan_among_numbers_has_slope_0(function: Any) -> None:
    x = leaf([1.0, 2.0, np.nan, 4.0], [np.nan, 3.0, 1.0, np.nan])
    y = function(x, axis=1)
    y.backward(np.ones(y.shape))
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad[np.isnan(x.data)], [0, 0, 0])
    assert np.isfinite(x.grad).all()


@pytest.mark.parametrize("function", [np.nanvar, np.nanstd])
@pytest.mark.parametrize("options", [{"ddof": 1}, {"ddof": 2.5}, {"correction": 1}])
def test_degrees_of_freedom_of_numbers_among_nan(function: Any, options: Any) -> None:
    nan = np.array([False, True, False, False])
    check_gradients(lambda x: function(_with_nan(x, nan), **options), np.array([1.0, 9.0, 2.5, 4.0]))


@pytest.mark.parametrize("function", [np.nanvar, np.nanstd])
def test_too_few_numbers_for_the_degrees_of_freedom(function: Any) -> None:
    x = leaf([1.0, 3.0, np.nan], [1.0, 2.0, 4.0])
    with pytest.warns(RuntimeWarning, match="Degrees of freedom"):
        y = function(x, axis=1, ddof=2)
    y.backward(np.ones(2))
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad[0], [np.nan, np.nan, 0])
    assert np.isfinite(x.grad[1]).all()


def test_nan_leaves_numbers_their_shares() -> None:
    x = leaf(np.nan, 3.0, 3.0, 1.0)
    np.nanmax(x).backward()
    np.testing.assert_array_equal(x.grad, [0, 0.5, 0.5, 0])


@pytest.mark.parametrize(("initial", "shares"), [(2.0, [0, 0.5, 0.5]), (3.0, [0, 0.25, 0.25]), (4.0, [0, 0, 0])])
def test_initial_takes_part_in_a_tie(initial: float, shares: list[float]) -> None:
    x = leaf(1.0, 3.0, 3.0)
    np.max(x, initial=initial).backward()
    np.testing.assert_allclose(x.grad, shares)
    x.grad = None
    np.min(-x, initial=-initial).backward()
    np.testing.assert_allclose(x.grad, -np.array(shares))


@pytest.mark.parametrize("function", [np.cumsum, np.cumprod, np.nansum, np.nanprod, np.nancumsum, np.nancumprod])
def test_nothing_and_a_number(function: Any) -> None:
    check_gradients(function, np.empty((0, 2)))
    check_gradients(function, np.array(2.0))
    check_gradients(lambda x: function(x, axis=0), np.array(2.0))


@pytest.mark.parametrize("function", [np.max, np.min, np.sum, np.prod])
def test_nothing_but_initial(function: Any) -> None:
    check_gradients(partial(function, initial=2.0, axis=0), np.empty((0, 2)))


# -- complex numbers, dtypes, spellings -------------------------------------------------------------------------------

COMPLEX = np.array([[1 + 2j, -1j, 0.5], [2 - 1j, 1 + 1j, -2 + 0.25j]])


@pytest.mark.parametrize(
    "function",
    [np.sum, np.mean, np.prod, np.var, np.std, np.cumsum, np.cumprod, np.nansum, np.nanmean, np.nanvar, np.nanstd,
     np.nanprod, np.nancumsum, np.nancumprod],
)  # fmt: skip
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_complex_numbers(function: Any, axis: int | None) -> None:
    check_gradients(partial(function, axis=axis), COMPLEX)


@pytest.mark.filterwarnings("ignore:Casting complex values:numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("function", [np.prod, np.cumprod, np.nanprod, np.nancumprod])
@pytest.mark.parametrize("zero", [0, 1])
def test_products_of_the_real_parts(function: Any, zero: int) -> None:
    z = Tensor(COMPLEX * [[zero, 1, 1], [1, 1, 1]], requires_grad=True)
    x = Tensor(z.data.real, requires_grad=True)
    for y in (function(z, axis=1, dtype=float), function(x, axis=1)):
        y.backward(np.ones(y.shape))
    assert z.grad is not None
    assert x.grad is not None
    np.testing.assert_allclose(z.grad, x.grad)


@pytest.mark.parametrize("function", [np.prod, np.cumprod])
def test_complex_products_with_zeros(function: Any) -> None:
    check_gradients(function, COMPLEX * [[0, 1, 1], [1, 0, 1]])


@pytest.mark.parametrize("function", [f for f in CASES if not f.__name__.endswith(("max", "min"))])
def test_dtype_of_the_result(function: Any) -> None:
    x = Tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True, dtype=np.float32)
    y = function(x, axis=0, dtype=np.float64)
    assert y.dtype == np.float64
    y.backward(np.ones(y.shape))
    assert x.grad is not None
    assert x.grad.dtype == np.float32
    z = Tensor(x.data, requires_grad=True, dtype=np.float64)
    function(z, axis=0).backward(np.ones(y.shape))
    np.testing.assert_allclose(x.grad, z.grad)


def test_every_argument_by_position() -> None:
    x = np.array([[1.0, 2.5, -1.0], [0.5, -1.0, 2.0]])
    check_gradients(lambda x: np.cumsum(x, 1, None), x)
    check_gradients(lambda x: np.nansum(x, 0, None, None, True, 2.0), x)
    check_gradients(lambda x: np.nanvar(x, 0, None, None, 1, True), x)


# -- bad input --------------------------------------------------------------------------------------------------------

x = leaf([1.0, 2.0], [3.0, 4.0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: np.sum(x, out=np.empty(())), TypeError, r"np.sum: out=.* is not supported on tensors"),
        (lambda: np.cumsum(x, 0, out=np.empty((2, 2))), TypeError, "np.cumsum: out="),
        (lambda: np.var(x, mean=1.0), TypeError, "np.var: mean=1.0 is not supported"),
        (lambda: np.max(x, initial=leaf(1.0)), TypeError, "np.max: initial= cannot be a Tensor"),
    ],
)  # fmt: skip
def test_bad_calls(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
