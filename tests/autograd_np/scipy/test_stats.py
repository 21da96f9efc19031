"""Distributions: SciPy's values and spellings, and derivatives in every parameter that has one."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_np import Tensor, no_grad
from autograd_np.scipy import stats
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.strategies import BETWEEN, POSITIVE, Array, arrays, broadcastable

SHAPES = {"norm": [], "t": ["df"], "gamma": ["a"], "beta": ["a", "b"], "chi2": ["df"]}
METHODS = ["pdf", "logpdf", "cdf", "logcdf", "sf", "logsf"]
PARAMETERS = [0.75, 1.0, 1.5, 2.0, 3.0]
SCALES = [4.5, 6.0, 8.0]


def points(name: str) -> Sequence[float]:
    """Return values that lie inside the support when they are scaled, and at times outside it."""
    return [x for x in BETWEEN if name in ("norm", "t") or x < 0 or x > 0.5]


def inside(name: str) -> Sequence[float]:
    return BETWEEN if name in ("norm", "t") else [x + 0.5 for x in POSITIVE]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=settings().max_examples // 5)
@given(data=st.data())
def test_values_are_scipys(name: str, method: str, data: st.DataObject) -> None:
    xs = data.draw(broadcastable(points(name), *[PARAMETERS] * len(SHAPES[name]), [0.0, 0.5], SCALES))
    x, *shapes, loc, scale = xs
    found = getattr(getattr(stats, name), method)
    expected = getattr(getattr(scipy.stats, name), method)(*xs)
    np.testing.assert_allclose(found(*xs), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found(*map(Tensor, xs)).data, expected, rtol=1e-12, atol=1e-13)
    named = dict(zip(SHAPES[name], shapes, strict=True))
    np.testing.assert_allclose(found(x, scale=scale, **named, loc=loc), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=settings().max_examples // 5)
@given(data=st.data())
def test_derivatives(name: str, method: str, data: st.DataObject) -> None:
    xs = data.draw(broadcastable(inside(name), *[PARAMETERS] * len(SHAPES[name]), [0.0, 0.25], SCALES))
    x, *shapes, loc, scale = xs
    function = getattr(getattr(stats, name), method)
    if "pdf" in method:
        check_gradients(function, *xs)
        check_float32(function, *xs)
    else:
        check_gradients(lambda x, loc, scale: function(x, *shapes, loc, scale), x, loc, scale)
        parameters = [shape.astype(np.float32) for shape in shapes]
        check_float32(lambda x, loc, scale: function(x, *parameters, loc, scale), x, loc, scale)


@pytest.mark.parametrize("method", ["pmf", "logpmf", "cdf", "logcdf", "sf", "logsf"])
@settings(max_examples=settings().max_examples // 2)
@given(data=st.data())
def test_poisson(method: str, data: st.DataObject) -> None:
    k, mu, loc = data.draw(broadcastable([-1.0, 0.0, 1.0, 2.0, 2.5, 5.0], POSITIVE, [0.0, 1.0]))
    function = getattr(stats.poisson, method)
    expected = getattr(scipy.stats.poisson, method)(k, mu, loc)
    np.testing.assert_allclose(function(k, mu, loc), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(function(k, loc=loc, mu=Tensor(mu)).data, expected, rtol=1e-12, atol=1e-13)
    if np.isfinite(expected).all():
        check_gradients(lambda mu: function(k, mu, loc), mu)
        check_float32(lambda mu: function(k.astype(np.float32), mu, loc.astype(np.float32)), mu)


@pytest.mark.parametrize("name", SHAPES)
def test_numbers_are_scipys(name: str) -> None:
    arguments = [2.0] * len(SHAPES[name])
    for method in METHODS:
        found = getattr(getattr(stats, name), method)(0.25, *arguments)
        assert isinstance(found, np.float64)
        np.testing.assert_allclose(found, getattr(getattr(scipy.stats, name), method)(0.25, *arguments), rtol=1e-13)
    np.testing.assert_allclose(
        getattr(stats, name).logpdf([0.25, 0.5], *arguments), getattr(scipy.stats, name).logpdf([0.25, 0.5], *arguments)
    )


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("method", METHODS)
def test_edges_and_parameters_out_of_range_are_scipys(name: str, method: str) -> None:
    function, expected = (getattr(getattr(s, name), method) for s in (stats, scipy.stats))
    for x, scale, parameter in itertools.product([-0.5, 0.0, 1.0, 1.5, np.nan], [1.0, 0.0, -1.0], [1.0, -1.0]):
        arguments = (x, *[parameter] * len(SHAPES[name]), 0.0, scale)
        with np.errstate(all="ignore"):
            y = expected(*arguments)
        np.testing.assert_allclose(function(*arguments), y, rtol=1e-13, atol=1e-15, err_msg=str(arguments))


@pytest.mark.parametrize("method", ["pmf", "logpmf", "cdf", "sf"])
def test_edges_of_poisson(method: str) -> None:
    function, expected = (getattr(s.poisson, method) for s in (stats, scipy.stats))
    for arguments in itertools.product([-1, 0, 1, 2.5, np.nan], [0.0, -1.0, np.nan, 2.0]):
        np.testing.assert_allclose(function(*arguments), expected(*arguments), rtol=1e-13, err_msg=str(arguments))


@pytest.mark.parametrize("name", ["gamma", "beta", "chi2"])
def test_outside_the_support_nothing_changes(name: str) -> None:
    x = Tensor([-1.0, -0.5], requires_grad=True)
    shapes = [Tensor(2.0, requires_grad=True) for _ in SHAPES[name]]
    for method in METHODS:
        parameters = shapes if "pdf" in method else [s.data for s in shapes]
        y = getattr(getattr(stats, name), method)(x, *parameters)
        if y.requires_grad:
            y.backward(np.ones(2))
    assert all(leaf.grad is None or np.all(leaf.grad == 0) for leaf in (x, *shapes))


def slope(f: Any, x: float) -> Any:
    leaf = Tensor(x, requires_grad=True)
    f(leaf).backward()
    return leaf.grad


def test_awkward_points() -> None:
    np.testing.assert_allclose(slope(lambda x: stats.gamma.logpdf(x, 1.0), 0.0), -1)
    np.testing.assert_allclose(slope(lambda x: stats.beta.logpdf(x, 1.0, 1.0), 0.0), 0)
    np.testing.assert_allclose(slope(lambda x: stats.norm.logcdf(x), -1e8), 1e8)
    np.testing.assert_allclose(slope(lambda x: stats.gamma.logsf(x, 2.0), 1e4), 0)  # where sf is too small for a number
    np.testing.assert_allclose(slope(lambda mu: stats.poisson.pmf(0, mu), 0.0), -1)
    for method in ("pdf", "logpdf", "cdf"):
        normal = slope(getattr(stats.norm, method), 0.5)
        np.testing.assert_allclose(slope(lambda x, m=method: getattr(stats.t, m)(x, np.inf), 0.5), normal, rtol=1e-12)
    assert slope(lambda df: stats.t.logpdf(0.5, df), np.inf) == 0


def test_third_order() -> None:
    x = np.array([0.5, 1.25])
    check_gradients(stats.norm.pdf, x, np.array(0.25), np.array(2.0), order=3)
    check_gradients(lambda x: stats.norm.logcdf(x), x, order=3)
    check_gradients(stats.gamma.logpdf, x, np.array(2.5), order=3)


def test_python_numbers_keep_float32() -> None:
    x = np.array([0.25, 0.5], np.float32)
    for name, shapes in SHAPES.items():
        for method in METHODS:
            assert getattr(getattr(stats, name), method)(x, *[2.0] * len(shapes), loc=0, scale=2).dtype == np.float32


# -- of several variables ---------------------------------------------------------------------------------------------


def simplex(x: Any) -> Any:
    """Map real numbers to points of the simplex."""
    e = np.exp(x)
    return e / e.sum(axis=0)


@st.composite
def concentrations(draw: st.DrawFn) -> tuple[Array, Array]:
    k = draw(st.integers(2, 3))
    x = draw(arrays(draw(st.sampled_from([(k,), (k, 1), (k, 3)])))) / 4
    return x, draw(arrays((k,), values=PARAMETERS))


@given(drawn=concentrations(), last=st.booleans(), method=st.sampled_from(["pdf", "logpdf"]))
def test_dirichlet(method: str, drawn: Any, last: bool) -> None:
    x, alpha = drawn

    def f(x: Any, alpha: Any) -> Any:
        return getattr(stats.dirichlet, method)(simplex(x) if last else simplex(x)[:-1], alpha)

    expected = getattr(scipy.stats.dirichlet, method)(simplex(x) if last else simplex(x)[:-1], alpha)
    np.testing.assert_allclose(f(x, alpha), expected, rtol=1e-12, atol=1e-13)
    assert np.shape(f(x, alpha)) == np.shape(expected)
    check_gradients(f, x, alpha)
    check_float32(f, x, alpha)


@st.composite
def normals(draw: st.DrawFn) -> tuple[Array, Array, Array]:
    k = draw(st.integers(1, 3))
    x = draw(arrays(draw(st.sampled_from([(k,), (1, k), (3, k), (2, 2, k)]))))
    return x, draw(arrays((k,))), draw(arrays((k, k)))


def covariance(c: Any) -> Any:
    return c @ c.T / 8 + np.eye(c.shape[0], dtype=c.dtype)


@given(drawn=normals(), method=st.sampled_from(["pdf", "logpdf"]))
def test_multivariate_normal(method: str, drawn: Any) -> None:
    def f(x: Any, mean: Any, c: Any) -> Any:
        return getattr(stats.multivariate_normal, method)(x, mean, covariance(c))

    x, mean, c = drawn
    expected = getattr(scipy.stats.multivariate_normal, method)(x, mean, covariance(c))
    np.testing.assert_allclose(f(x, mean, c), expected, rtol=1e-11, atol=1e-13)
    assert np.shape(f(x, mean, c)) == np.shape(expected)
    check_gradients(f, x, mean, c)
    check_float32(f, x, mean, c)


@pytest.mark.parametrize(
    ("x", "mean", "cov"),
    [
        (0.5, None, 1),
        (0.5, 1.0, 2.0),
        ([0.5, 1.0, 2.0], None, 1),
        ([0.5, 1.0], [1.0, 2.0], 2.0),
        ([[0.5, 1.0]] * 3, [1.0, 2.0], [2.0, 3.0]),
        ([0.5, 1.0], None, [[2.0, 0.5], [0.5, 1.0]]),
        ([[0.5, 1.0]], [0.0, 1.0], np.eye(2)),
    ],
)
def test_spellings_of_multivariate_normal(x: Any, mean: Any, cov: Any) -> None:
    for method in ("pdf", "logpdf"):
        expected = getattr(scipy.stats.multivariate_normal, method)(x, mean, cov)
        found = getattr(stats.multivariate_normal, method)(x, mean, cov)
        np.testing.assert_allclose(found, expected, rtol=1e-13)
        assert np.shape(found) == np.shape(expected)


@given(drawn=normals())
def test_entropy_of_multivariate_normal(drawn: Any) -> None:
    _, mean, c = drawn
    expected = scipy.stats.multivariate_normal.entropy(mean, covariance(c))
    np.testing.assert_allclose(stats.multivariate_normal.entropy(mean, covariance(c)), expected, rtol=1e-12)
    check_gradients(lambda c: stats.multivariate_normal.entropy(mean, covariance(c)), c)
    check_float32(lambda c: stats.multivariate_normal.entropy(cov=covariance(c)), c)


def test_gradient_in_the_covariance_is_that_of_the_formula() -> None:
    rng = np.random.default_rng(0)
    c, d = rng.standard_normal((3, 3)), rng.standard_normal(3)
    cov = Tensor(c @ c.T + np.eye(3), requires_grad=True)
    stats.multivariate_normal.logpdf(d, cov=cov, mean=np.zeros(3)).backward()
    inverse = np.linalg.inv(cov.data)
    np.testing.assert_allclose(cov.grad, (inverse @ np.outer(d, d) @ inverse - inverse) / 2, rtol=1e-9)


# -- wrong use --------------------------------------------------------------------------------------------------------


def leaf(value: Any) -> Tensor:
    return Tensor(value, requires_grad=True)


@pytest.mark.parametrize("method", ["cdf", "logcdf", "sf", "logsf"])
@pytest.mark.parametrize(("name", "shape"), [(name, shape) for name, shapes in SHAPES.items() for shape in shapes])
def test_shape_without_a_derivative_is_named(name: str, shape: str, method: str) -> None:
    function = getattr(getattr(stats, name), method)
    parameters = dict.fromkeys(SHAPES[name], 2.0)
    message = rf"scipy\.stats\.{name}\.{method}: it has no derivative with respect to {shape}"
    with pytest.raises(TypeError, match=message):
        function(0.5, **parameters | {shape: leaf(2.0)})
    function(0.5, **parameters | {shape: leaf(2.0).detach()})
    with no_grad():
        function(0.5, **parameters | {shape: leaf(2.0)})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: stats.poisson.pmf(leaf(1.0), 2.0), TypeError, r"poisson\.pmf: .* with respect to k"),
        (lambda: stats.poisson.cdf(1, 2.0, leaf(0.0)), TypeError, r"poisson\.cdf: .* with respect to loc"),
        (lambda: stats.gamma.pdf(1.0), TypeError, r"gamma\.pdf\(x, a, loc=0, scale=1\): missing .* 'a'"),
        (lambda: stats.norm.pdf(1.0, 0, 1, 2), TypeError, r"norm\.pdf\(x, loc=0, scale=1\): too many"),
        (lambda: stats.norm.pdf(1.0, sigma=2), TypeError, r"norm\.pdf.*'sigma'"),
        (lambda: stats.norm.pdf(leaf(1j)), TypeError, r"norm\.pdf: needs real numbers, not complex128"),
        (lambda: stats.dirichlet.pdf(leaf([0.5, 0.5]), [1.0] * 4), ValueError, r"x of shape \(2,\) with alpha of"),
        (lambda: stats.dirichlet.pdf(leaf([0.5, 0.5]), [1.0, 0.0]), ValueError, "alpha must be positive"),
        (lambda: stats.dirichlet.pdf(leaf([0.5, 0.6]), [1.0, 1.0]), ValueError, "their sum is 1"),
        (lambda: stats.dirichlet.pdf(leaf([-0.5, 1.5]), [1.0, 1.0]), ValueError, "from 0 to 1"),
        (lambda: stats.dirichlet.pdf([0.0, 1.0], leaf([0.5, 1.0])), ValueError, "infinite"),
        (
            lambda: stats.multivariate_normal.pdf(leaf([0.0, 0.0]), [0.0] * 3, np.eye(3)),
            ValueError,
            r"x of shape \(2,\)",
        ),
        (lambda: stats.multivariate_normal.pdf(leaf([0.0, 0.0]), [0.0] * 2, np.eye(3)), ValueError, r"\(3, 3\)"),
        (lambda: stats.multivariate_normal.pdf([0.0, 0.0], cov=leaf(-np.eye(2))), ValueError, "positive definite"),
        (lambda: stats.multivariate_normal.pdf(0.0, allow_singular=True), TypeError, "allow_singular=True is not"),
        (lambda: stats.multivariate_normal.pdf([1j, 0]), TypeError, "needs real numbers"),
    ],
)
def test_wrong_arguments_are_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
