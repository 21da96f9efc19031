"""Gradients that are numbers although something on the way to them is too large or too small for one.

Of this kind are products of some elements of `prod`, `cumprod` and their kin, the squares and powers in norms and
standard deviations, the ratio in `rel_entr` and `kl_div`, and the argument of `log2` and `log10` times a constant.
Second derivatives are right or NaN.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.special as sp
from hypothesis import example, given
from hypothesis import strategies as st

from autograd_np import Tensor, grad, gradients, hessian

Array = np.ndarray[Any, np.dtype[Any]]
la: Any = np.linalg

numbers = st.builds(
    lambda digits, exponent: digits * 10.0**exponent,
    st.sampled_from([-1.5, -1.0, 0.75, 1.0, 2.0]),
    st.sampled_from([-300, -200, -160, -8, 0, 0, 8, 160, 200, 300]),
)
factor = st.one_of(numbers, numbers, numbers, st.sampled_from([0.0, 5e-324, 1e308]))
factors = st.lists(factor, min_size=1, max_size=7)
weight = st.sampled_from([0.0, 1.0, -2.0, 1e100, 1e-100, 1e300, 1e-300])


def as_float(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def product(x: Any, *without: int) -> Fraction:
    return math.prod((Fraction(v) for i, v in enumerate(x) if i not in without), start=Fraction(1))


@given(x=factors)
def test_product(x: list[float]) -> None:
    exact = [as_float(product(x, i)) for i in range(len(x))]
    with np.errstate(all="ignore"):
        for f in (np.prod, np.nanprod, lambda x: np.prod(np.stack([x, np.ones(x.shape)]), axis=1)[0]):
            np.testing.assert_allclose(grad(f)(np.array(x)), exact, rtol=1e-12)
        curvature = hessian(np.prod)(np.array(x))
    for i, j in np.ndindex(curvature.shape):
        mixed = as_float(product(x, i, j)) if i != j else 0.0
        assert not np.isfinite(curvature[i, j]) or np.isclose(curvature[i, j], mixed, rtol=1e-12, atol=1e-320)


@given(pairs=st.lists(st.tuples(factor, weight), min_size=1, max_size=7))
@example([(1e10, 1e-305)])
@example([(1.0, 1.0), (1e300, 0.0), (1e300, 0.0), (1e300, 0.0)])
@example([(1.0, 1.0), (0.0, 1.0), (1e300, 1.0), (1e300, 1.0), (1e300, 1.0)])
@example([(1e-300, 0.0), (1e-300, 1.0), (1.0, 0.0), (0.0, 1e300), (1e300, 1e300)])
def test_cumulative_product(pairs: list[tuple[float, float]]) -> None:
    """The slope of y_k in x_i is the product of the other x up to k."""
    x, weights, n = [v for v, _ in pairs], [w for _, w in pairs], len(pairs)
    exact = [derivative_of_running_products(x, weights, i) for i in range(n)]
    with np.errstate(all="ignore"):
        leaf = Tensor(x, requires_grad=True)
        (g,) = gradients(np.cumprod(leaf), leaf, weights, create_graph=True)
        (h,) = gradients(g.sum(), leaf)
    sizes = [sum(abs(Fraction(weights[k]) * product(x[: k + 1], i)) for k in range(i, n)) for i in range(n)]
    for found, expected, size in zip(g.data, exact, sizes, strict=True):
        assert found == expected or abs(found - expected) <= 1e-12 * as_float(size) + 1e-320
    if any(np.isfinite(h.data)):
        assert not any(abs(math.log2(abs(v))) > 1022 for v in x if v)


@pytest.mark.parametrize(
    "x", [np.ones(5000), np.full(3000, 2.0), np.repeat([2.0, 0.5], 3000), np.repeat([4.0, 0.5], 900)]
)
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_product_of_many(x: Array) -> None:
    exact = [as_float(product(x, i)) for i in (0, len(x) - 1)]
    found = grad(np.prod)(x)
    np.testing.assert_allclose(found[[0, -1]], exact, rtol=1e-12)
    summed = grad(lambda x: np.cumprod(x)[-1])(x)
    np.testing.assert_allclose(summed[[0, -1]], exact, rtol=1e-12)


def test_product_with_an_infinite_factor() -> None:
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(grad(np.prod)(np.array([2.0, np.inf, 3.0])), [np.inf, 6, np.inf])
        np.testing.assert_array_equal(grad(np.prod)(np.array([2.0, np.inf, np.nan])), [np.nan, np.nan, np.inf])
        found = grad(np.prod)(np.array([1e200, np.inf, 1e200, 4e-300, 0.5, 1e-200]))
        np.testing.assert_allclose(found, [np.inf, 2e-100, np.inf, np.inf, np.inf, np.inf], rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_product_in_other_precisions(dtype: Any) -> None:
    limits = np.finfo(dtype)
    tiny, huge = limits.smallest_normal, 2 / limits.smallest_normal / 4
    x = np.array([tiny, huge, tiny, huge, 3.0], dtype)
    exact = np.array([3 / tiny, 3 / huge, 3 / tiny, 3 / huge, 1]) * (tiny * huge) ** 2
    np.testing.assert_allclose(grad(np.prod)(x), exact.astype(dtype), rtol=8 * limits.eps)
    np.testing.assert_allclose(grad(lambda x: np.cumprod(x)[-1])(x), exact.astype(dtype), rtol=8 * limits.eps)


@pytest.mark.parametrize("ddof", [2, 3, 5])
@pytest.mark.parametrize("f", [np.var, np.std, np.nanvar, np.nanstd])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_more_degrees_of_freedom_than_elements(f: Any, ddof: float) -> None:
    """NumPy divides by 0, never by less: the value is infinite or no number, and so is the gradient."""
    for x in ([1.0, 3.0], [2.0, 2.0]):
        assert not np.isfinite(f(np.array(x), ddof=ddof))
        assert not np.isfinite(grad(lambda x: f(x, ddof=ddof))(np.array(x))).any()


@pytest.mark.parametrize("size", [1e-200, 1e-160, 1e160, 1e200])
@pytest.mark.parametrize("f", [np.std, np.nanstd, np.linalg.norm, lambda x: np.linalg.norm(x, 3)])
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_slopes_that_no_scale_changes(f: Any, size: float) -> None:
    x = np.array([1.0, 3.0, -5.0])
    np.testing.assert_allclose(grad(f)(size * x), grad(f)(x), rtol=1e-12)


@pytest.mark.parametrize("f", [np.std, np.nanstd, la.norm, lambda x, axis: la.norm(x, 3, axis)])
@pytest.mark.parametrize("other", [[0.0, 0.0, 0.0], [1e-200, 0.0, 3e-200], [1e200, 0.0, 3e200], [7.0, 7.0, 7.0]])
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_rows_out_of_range_leave_others_alone(f: Any, other: list[float]) -> None:
    x = np.array([[1.0, 3.0, -5.0], other, [2.0, 0.5, 1.0]])
    slopes = grad(lambda x: np.sum(f(x, axis=1)))(x)
    alone = [grad(lambda row: f(row, axis=0))(row) for row in x]
    np.testing.assert_allclose(slopes, alone, rtol=1e-12)
    for i in (0, 2):
        curvature = hessian(lambda x: np.sum(f(x, axis=1)))(x)[i, :, i]
        np.testing.assert_allclose(curvature, hessian(lambda row: f(row, axis=0))(x[i]), rtol=1e-12)


@pytest.mark.parametrize(
    "running",
    [
        lambda x: np.cumprod(x, axis=1),
        lambda x: np.cumprod(x.T, axis=0).T,
        lambda x: np.nancumprod(x, axis=-1),
        lambda x: np.multiply.outer(np.prod(x, axis=1), [0.0, 0.0, 0.0, 1.0]),
    ],
    ids=["along rows", "along columns", "without NaN", "the last alone"],
)
@pytest.mark.parametrize("other", [[1e-300, 1e300, 1e300, 4.0], [1e-300, 0.0, 1e-300, 1.0], [0.0, 0.0, 1.0, 1e308]])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_products_out_of_range_leave_other_rows_alone(running: Any, other: list[float]) -> None:
    x = np.array([[2.0, -3.0, 0.5, 1.5], other, [1e4, 1e4, 0.25, 3.0], [2.0, 0.0, 3.0, 0.0]])
    weights = np.array([[1.0, 3.0, -2.0, 0.5], [1.0, 1e-300, 1e300, 2.0], [0.5, 0.0, 2.0, 1.0], [0.0, 0.0, 2.0, 5.0]])
    weights = weights * (running(np.ones((4, 4))) != 0)
    slopes = grad(lambda x: np.sum(weights * running(x)))(x)
    curvature = hessian(lambda x: np.sum(weights * running(x)))(x)
    for i in range(4):
        exact = [derivative_of_running_products(x[i], weights[i], j) for j in range(4)]
        np.testing.assert_allclose(slopes[i], exact, rtol=1e-12)
    for i in (0, 2, 3):
        assert not np.any(np.delete(curvature[i], i, axis=1))
        exact = [
            [derivative_of_running_products(x[i], weights[i], j, k) if j != k else 0.0 for k in range(4)]
            for j in range(4)
        ]
        np.testing.assert_allclose(curvature[i, :, i], exact, rtol=1e-12)


def derivative_of_running_products(x: Any, weights: Any, *places: int) -> float:
    """Return the derivative of their weighted sum in the elements at some places, one after the other."""
    terms = [Fraction(weights[k]) * product(x[: k + 1], *places) for k in range(max(places), len(x))]
    return as_float(sum(terms, Fraction(0)))


def test_products_in_range_have_second_derivatives() -> None:
    x = np.array([2.0**510, 2.0**511])
    for f in (np.prod, lambda x: np.cumprod(x)[1]):
        np.testing.assert_array_equal(hessian(f)(x), [[0, 1], [1, 0]])


@pytest.mark.parametrize(("x", "y"), [(1e-160, 1e160), (1e-200, 1e200), (1e200, 1e-200), (3.0, 1e-310), (1e-310, 3.0)])
@pytest.mark.parametrize("f", [sp.rel_entr, sp.kl_div])
def test_logarithm_of_a_ratio(f: Any, x: float, y: float) -> None:
    found = grad(f)(x, y)
    np.testing.assert_allclose(found, math.log(x) - math.log(y) + (f is sp.rel_entr), rtol=1e-13)


def test_logarithm_of_a_ratio_close_to_1_keeps_its_digits() -> None:
    x = 1 + 1e-9
    np.testing.assert_allclose(grad(sp.kl_div)(x, 1.0), math.log1p(x - 1), rtol=1e-6)


@pytest.mark.parametrize("f", [np.log2, np.log10])
@pytest.mark.parametrize("x", [1e308, 9e-309])
def test_logarithms_at_the_ends_of_the_range(f: Any, x: float) -> None:
    base = 2 if f is np.log2 else 10
    np.testing.assert_allclose(grad(f)(x), as_float(1 / Fraction(x) / Fraction(math.log(base))), rtol=1e-14)
