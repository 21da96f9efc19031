"""Functions of scipy.special under their own names: SciPy's values, and derivatives where it has none."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor
from autograd_np.primitives import primitives
from autograd_np.scipy import special
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.strategies import GRID, NONZERO, POSITIVE, arrays, axes, broadcastable, shapes


def leaf(*values: float) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


def test_every_ufunc_with_a_rule_is_here() -> None:
    ufuncs = {f for f in primitives if isinstance(f, np.ufunc) and getattr(scipy.special, f.__name__, None) is f}
    assert {scipy.special.erf, scipy.special.expit, scipy.special.jv} <= ufuncs
    assert ufuncs <= {getattr(special, name) for name in dir(special)}
    assert set(special.__all__) <= set(dir(special))
    assert {"airy", "test"}.isdisjoint(dir(special))


@pytest.mark.parametrize("name", ["airy", "nothing"])
def test_name_that_is_not_here(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"autograd_np\.scipy\.special has no {name}"):
        getattr(special, name)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
@given(data=st.data())
def test_along_axes(name: str, data: st.DataObject) -> None:
    x = data.draw(arrays(shapes(min_side=1)))
    f = partial(getattr(special, name), axis=data.draw(axes(x.ndim).filter(lambda axis: axis != ())))
    np.testing.assert_allclose(f(x), getattr(scipy.special, name)(x, **f.keywords), rtol=1e-14, atol=1e-15)
    check_gradients(f, x)
    check_float32(f, x)


def test_defaults_are_scipys() -> None:
    x = np.array([[1.0, 2.0], [3.0, 5.0]])
    for name in ("softmax", "log_softmax", "logsumexp"):
        np.testing.assert_allclose(getattr(special, name)(x), getattr(scipy.special, name)(x), rtol=1e-14)
        np.testing.assert_allclose(getattr(special, name)(x.tolist()), getattr(scipy.special, name)(x), rtol=1e-14)


@given(xs=broadcastable(GRID, NONZERO), keepdims=st.booleans(), data=st.data())
def test_logsumexp_with_factors(xs: Any, keepdims: bool, data: st.DataObject) -> None:
    a, b = xs
    ndim = max(a.ndim, b.ndim)
    axis = data.draw(st.one_of(st.none(), st.integers(-ndim, ndim - 1)) if ndim else st.none())
    total = np.sum(b * np.exp(a), axis=axis, keepdims=keepdims)
    if (np.abs(total) < 0.25).any():
        b, total = np.abs(b), np.sum(np.abs(b) * np.exp(a), axis=axis, keepdims=keepdims)
    f = partial(special.logsumexp, axis=axis, keepdims=keepdims, return_sign=True)
    y, sign = f(a, b=b)
    np.testing.assert_array_equal(sign, np.sign(total))
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(y, np.log(np.abs(total)), rtol=1e-13, atol=1e-13)
    if np.isfinite(y).all():
        check_gradients(lambda a, b: f(a, b=b)[0], a, b)
        check_float32(lambda a, b: f(a, b=b)[0], a, b)
    else:
        check_nothing_summed(f, a, b)


def check_nothing_summed(f: Any, a: Any, b: Any) -> None:
    """Of an axis of length 0 the sum is 0."""
    leaves = [Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)]
    y, _ = f(leaves[0], b=leaves[1])
    assert (y.data == -np.inf).all()
    y.sum().backward()
    assert all(np.all(x.grad == 0) for x in leaves)


def test_logsumexp_of_a_negative_sum() -> None:
    a = leaf(0.0, 1.0)
    y, sign = special.logsumexp(a, b=[1.0, -1.0], return_sign=True)
    np.testing.assert_allclose(y.data, np.log(np.e - 1))
    assert type(sign) is not Tensor
    assert sign == -1
    assert np.isnan(special.logsumexp(a, b=[1.0, -1.0]).data)


def test_logsumexp_where_nothing_is_summed() -> None:
    a, b = leaf(-np.inf, -np.inf), leaf(1.0, 2.0)
    y = special.logsumexp(a, b=b)
    y.backward()
    assert y.data == -np.inf
    np.testing.assert_array_equal(a.grad, [0, 0])
    np.testing.assert_array_equal(b.grad, [0, 0])


@pytest.mark.parametrize("x", [[1e4, 1e4], [-1e4, -1e4], [0.0, 1e4], [-1e4, 0.0, 1e4]])
def test_large_numbers(x: list[float]) -> None:
    for name in ("softmax", "log_softmax", "logsumexp", "softplus"):
        np.testing.assert_allclose(getattr(special, name)(leaf(*x)).data, getattr(scipy.special, name)(np.array(x)))


def test_logsumexp_of_complex_numbers_is_refused() -> None:
    with pytest.raises(TypeError, match="logsumexp: complex numbers are not supported"):
        special.logsumexp(np.array([1j]))


@given(x=arrays())
def test_softplus(x: Any) -> None:
    np.testing.assert_allclose(special.softplus(x), np.logaddexp(0, x), rtol=1e-15)
    check_gradients(special.softplus, x)
    check_float32(special.softplus, x)


@given(x=arrays(values=POSITIVE), d=st.integers(1, 4))
def test_multigammaln(x: Any, d: int) -> None:
    a = x + (d - 1) / 2
    if a.size:
        np.testing.assert_allclose(special.multigammaln(a, d), scipy.special.multigammaln(a, d), rtol=1e-13, atol=1e-13)
    check_gradients(partial(special.multigammaln, d=d), a)
    check_float32(partial(special.multigammaln, d=d), a)


@pytest.mark.parametrize(
    ("a", "d", "message"), [(3.0, 0, "positive integer"), (3.0, 1.5, "positive integer"), (1.0, 3, "greater")]
)
def test_multigammaln_of_what_it_does_not_take(a: float, d: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        special.multigammaln(a, d)


@pytest.mark.parametrize("n", [0, 1, 4, [0, 2, 3]])
def test_polygamma_is_scipys(n: Any) -> None:
    x = np.array([0.5, 1.0, 2.5])
    np.testing.assert_allclose(special.polygamma(n, x), scipy.special.polygamma(n, x), rtol=1e-15)
    check_gradients(partial(special.polygamma, n), x)
