"""Sums, means, spreads, extremes and products over every choice of axes, in every spelling."""

from functools import partial
from operator import methodcaller
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_np import Tensor, grad, gradients, hessian
from autograd_np.primitives import primitive_of
from tests.autograd_np.checks import check_float32, check_gradients, recorded
from tests.autograd_np.strategies import GRID, Call, arrays, axes, shapes
from tests.families import of_family


@st.composite
def calls(draw: st.DrawFn, function: Any, min_side: int = 1, unique: bool = False) -> Call:
    """Draw a reduction by position, by keyword or as a method."""
    x = draw(arrays(draw(shapes(min_side)), unique=unique))
    name, axis, keepdims = function.__name__, draw(axes(x.ndim)), draw(st.booleans())
    options: dict[str, Any] = {"axis": axis, "keepdims": keepdims}
    spelling = draw(st.sampled_from(["positions", "keywords", "method", "names"]))
    if name in ("var", "std"):
        reduced = x.size if axis is None else int(np.prod([x.shape[i] for i in np.atleast_1d(axis).astype(int)]))
        options["ddof"] = draw(st.sampled_from([0, 1, 0.5])) if reduced > 1 else 0
    if spelling == "positions":
        return Call(f"{name}(x, {axis})", lambda x: function(x, axis), (x,))
    if spelling == "names":
        return Call(f"{name}(a=x, {options})", lambda x: function(a=x, **options), (x,))
    f = methodcaller(name, **options) if spelling == "method" else partial(function, **options)
    return Call(f"{name} as {spelling}, {options}", f, (x,))


CASES: dict[Any, SearchStrategy[Call]] = {
    np.sum: calls(np.sum, min_side=0),
    np.mean: calls(np.mean),
    np.var: calls(np.var),
    np.std: calls(np.std, unique=True),
    np.max: calls(np.max, unique=True),
    np.min: calls(np.min, unique=True),
    np.prod: calls(np.prod, min_side=0),
}
"""Calls of each function that this file tests."""


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    check_gradients(call.function, *call.arrays)
    check_float32(call.function, *call.arrays)
    assert primitive_of(function) in recorded(call.function(Tensor(call.arrays[0], requires_grad=True)))


@pytest.mark.parametrize("function", [np.var, np.std, np.prod], ids=lambda f: f.__name__)
@given(data=st.data())
def test_third_order(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    check_gradients(call.function, *call.arrays, order=3)


@pytest.mark.parametrize(
    ("function", "options"),
    [
        *((f, (0, None, None, True)) for f in (np.sum, np.mean, np.prod)),
        *((f, (0, None, None, 1, True)) for f in (np.var, np.std)),
        *((f, (0, None, True)) for f in (np.max, np.min)),
    ],
)
def test_every_argument_by_position(function: Any, options: tuple[Any, ...]) -> None:
    check_gradients(lambda x: function(x, *options), np.array([[1.0, 2.5], [0.5, -1.0]]))


def leaf(values: Any) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


@pytest.mark.parametrize("sign", [1, -1], ids=["max", "min"])
@pytest.mark.parametrize(
    ("axis", "shares"),
    [(None, [[1, 0, 1], [0, 0, 1]]), (0, [[1, 0, 0.5], [0, 1, 0.5]]), (1, [[0.5, 0, 0.5], [0, 0, 1]])],
)
def test_ties_share_evenly(sign: float, axis: int | None, shares: Any) -> None:
    x = leaf(sign * np.array([[3.0, 1.0, 3.0], [0.0, 2.0, 3.0]]))
    y = x.max(axis=axis) if sign > 0 else x.min(axis=axis)
    y.backward(np.ones(y.shape))
    np.testing.assert_allclose(x.grad, shares if axis is not None else np.array(shares) / 3)


@pytest.mark.parametrize("function", [np.max, np.min])
def test_extreme_that_is_nan_takes_the_gradient(function: Any) -> None:
    x = leaf([[1.0, np.nan, 3.0], [1.0, 2.0, 4.0]])
    function(x, axis=1).sum().backward()
    np.testing.assert_array_equal(x.grad, [[0, 1, 0], [0, 0, 1] if function is np.max else [1, 0, 0]])


@pytest.mark.parametrize(
    ("values", "slopes"),
    [
        ([2.0, 3.0, -4.0], [-12, -8, 6]),
        ([2.0, 0.0, -4.0], [0, -8, 0]),
        ([0.0, 3.0, 0.0], [0, 0, 0]),
        ([0.0], [1]),
    ],
)
def test_product_of_zeros(values: list[float], slopes: list[float]) -> None:
    x = leaf(values)
    np.prod(x).backward()
    np.testing.assert_array_equal(x.grad, slopes)


@given(data=st.data())
def test_product_with_many_zeros(data: st.DataObject) -> None:
    x = data.draw(arrays(values=[0.0, 0.0, 1.0, -0.5, 2.0]))
    axis = data.draw(axes(x.ndim))
    check_gradients(lambda x: np.prod(x, axis=axis), x, order=3)
    check_float32(lambda x: np.prod(x, axis=axis), x)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_deviation_of_a_constant_has_slope_0(axis: Any, dtype: Any) -> None:
    x = Tensor(np.full((2, 3), 0.25), requires_grad=True, dtype=dtype)
    y = np.std(x, axis=axis)
    y.backward(np.ones(y.shape))
    np.testing.assert_array_equal(x.grad, np.zeros((2, 3)))


def test_mean_of_nothing_has_a_gradient_of_nothing() -> None:
    x = leaf(np.ones((0, 3)))
    with pytest.warns(RuntimeWarning):
        y = np.mean(x, axis=0)
    y.backward(np.ones(3))
    assert x.grad is not None
    assert x.grad.shape == (0, 3)


@pytest.mark.parametrize("function", [np.sum, np.prod, np.max, np.min])
@pytest.mark.parametrize("axis", [0, -1])
def test_axis_of_a_number(function: Any, axis: int) -> None:
    """These functions of NumPy let a number have an axis 0, or -1."""
    check_gradients(lambda x: function(x, axis=axis), np.array(2.0))


@given(x=arrays(shapes(1, min_dims=1), GRID))
def test_numpy_integers_as_axis_and_ddof(x: Any) -> None:
    check_float32(lambda x: np.var(x, axis=np.int64(0), ddof=np.int64(0)), x)
    check_gradients(lambda x: np.var(x, axis=np.int64(0), ddof=np.int64(0)), x)


@pytest.mark.parametrize("axis", [None, 0, 1, 2, (0, 1), (2, 0), (1, 2), (2, 1, 0)], ids=str)
@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_every_choice_of_axes_of_a_box(function: Any, axis: Any) -> None:
    x = np.random.default_rng(5).permutation(np.arange(24.0) / 8 - 1).reshape(2, 3, 4)  # the 0 is for the product
    check_gradients(lambda x: function(x, axis=axis), x)


# -- where ------------------------------------------------------------------------------------------------------------

LARGEST = [np.max, np.amax, np.nanmax, np.maximum.reduce]
EXTREME = [*LARGEST, np.min, np.amin, np.nanmin, np.minimum.reduce]
SPREAD = [np.var, np.std, np.nanvar, np.nanstd]
SELECTING = [
    np.sum, np.mean, np.prod, np.nansum, np.nanmean, np.nanprod, np.add.reduce, np.multiply.reduce, *SPREAD, *EXTREME
]  # fmt: skip


@st.composite
def selections(draw: st.DrawFn, function: Any) -> Call:
    """Draw a reduction of some elements, by a mask that broadcasts; of those left out, some are NaN or infinite."""
    x = draw(arrays(draw(shapes(1)), unique=True))
    axis, keepdims = draw(axes(x.ndim)), draw(st.booleans())
    shape = tuple(draw(st.sampled_from([1, n])) for n in x.shape[draw(st.integers(0, x.ndim)) :])
    mask = draw(hnp.arrays(bool, shape))
    if function in (np.mean, np.nanmean, *SPREAD):  # of which there are none of nothing
        mask[...] |= not np.all(np.any(np.broadcast_to(mask, x.shape), axis=axis))
    options: dict[str, Any] = {"axis": axis, "keepdims": keepdims, "where": mask}
    if function in EXTREME:
        options["initial"] = draw(st.sampled_from([-9.0, 9.0, 0.0625]))
    bad = draw(st.sampled_from([0.0, np.nan, np.inf]))

    def f(x: Any) -> Any:
        return function(np.where(mask, x, x * 0 + x.dtype.type(bad)), **options)

    return Call(f"{function} of {mask.tolist()}, {options}, {bad} elsewhere", f, (x,))


def named(function: Any) -> str:
    ufunc = getattr(function, "__self__", None)
    return f"{ufunc.__name__}.{function.__name__}" if isinstance(ufunc, np.ufunc) else function.__name__


@pytest.mark.parametrize("function", SELECTING, ids=named)
@of_family(len(SELECTING))
@given(data=st.data())
def test_selected_elements(function: Any, data: st.DataObject) -> None:
    call = data.draw(selections(function))
    check_gradients(call.function, *call.arrays)
    check_float32(call.function, *call.arrays)


@pytest.mark.parametrize("function", [f for f in SELECTING if f not in EXTREME], ids=named)
def test_selected_complex_elements(function: Any) -> None:
    z = np.array([[1 + 2j, -1j, 0.5], [2 - 1j, 1 + 1j, -2 + 0.25j]])
    for mask in (np.array([True, False, True]), np.array([[True], [True]]), True):
        check_gradients(partial(function, axis=1, where=mask), z)


@pytest.mark.parametrize("function", [np.mean, np.var, np.std, np.nanmean, np.nanvar, np.nanstd])
@pytest.mark.parametrize("mask", [False, [[False, False], [True, True]]], ids=str)
def test_nothing_selected_has_slope_0(function: Any, mask: Any) -> None:
    x = leaf([[1.0, 2.0], [3.0, 5.0]])
    with pytest.warns(RuntimeWarning):
        y = function(x, axis=1, where=mask)
    (g,) = gradients(y, x, np.ones(2), create_graph=True)
    y.backward(np.ones(2))
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad[0], [0, 0])
    assert np.isfinite(x.grad).all()
    np.testing.assert_array_equal(g.data, x.grad)


@pytest.mark.parametrize("bad", [[np.nan, 1.0], [np.inf, 1.0], [np.inf, -np.inf], [1.7e308, 1.7e308]], ids=str)
@pytest.mark.parametrize("function", SELECTING, ids=named)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_selected_leaves_the_rest_at_slope_0(function: Any, bad: list[float]) -> None:
    """Also where it is not finite, and the value with it."""
    x = leaf([[*bad, 5.0], [2.0, 3.0, 4.0]])
    mask = np.array([[True, True, False], [True, False, True]])
    options = {"initial": -9.0 if function in LARGEST else 9.0} if function in EXTREME else {}
    y = function(x, axis=1, where=mask, **options)
    (g,) = gradients(y, x, np.ones(2), create_graph=True)
    y.backward(np.ones(2))
    for found in (g.data, x.grad):
        np.testing.assert_array_equal(found[~mask], [0, 0])
        assert np.isfinite(found[1]).all()


@pytest.mark.parametrize("function", [np.mean, *SPREAD, np.nanmean], ids=named)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_selected_elements_have_the_slopes_of_their_own(function: Any, dtype: Any) -> None:
    """To the last digits of every precision: the numbers of elements are exact in all."""
    x = np.array([1.25, 3.0, -0.5, 7.0, 2.0], dtype)
    for mask in (x > 2, x < 3, x < 9):
        exact = grad(function)(x[mask])
        found = grad(lambda x: function(x, where=mask))(x)  # noqa: B023
        assert found.dtype == dtype
        np.testing.assert_allclose(found[mask], exact, rtol=4 * np.finfo(dtype).eps)
        np.testing.assert_array_equal(found[~mask], 0)


def test_what_is_left_out_has_no_share_in_a_kink() -> None:
    """The deviation of equal numbers has no slope of its own, but what is not among them changes nothing."""
    curvature = hessian(lambda x: np.std(x, where=[True, True, False]))(np.array([2.0, 2.0, 5.0]))
    assert np.isnan(curvature[:2, :2]).all()
    np.testing.assert_array_equal(curvature[2], [0, 0, 0])


@pytest.mark.parametrize("function", EXTREME, ids=named)
def test_selected_ties_share(function: Any) -> None:
    x = leaf([2.0, 2.0, 2.0])
    function(x, where=[True, False, True], initial=-9.0 if function in LARGEST else 9.0).backward()
    np.testing.assert_array_equal(x.grad, [0.5, 0, 0.5])


def test_mask_that_is_a_list_or_a_number() -> None:
    check_gradients(lambda x: np.sum(x, where=[True, False]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    check_gradients(lambda x: np.add.reduce(x, where=False), np.array([1.0, 2.0]))
    check_gradients(lambda x: np.add.reduce(x, where=Tensor([True, False])), np.array([1.0, 2.0]))


@pytest.mark.parametrize("function", [np.any, np.all])
def test_selected_booleans(function: Any) -> None:
    x = np.array([[1.0, 0.0], [0.0, 0.0]])
    mask = [[True, False], [True, True]]
    np.testing.assert_array_equal(function(Tensor(x), axis=1, where=mask), function(x, axis=1, where=mask))


@pytest.mark.parametrize("function", [np.prod, np.multiply.reduce], ids=named)
def test_product_without_a_start(function: Any) -> None:
    """`initial=None` says that there is none."""
    check_gradients(partial(function, initial=None), np.array([2.0, 0.0, 3.0]))
