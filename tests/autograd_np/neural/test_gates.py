"""Smooth activations, held against plain formulas and numerical derivatives.

What all of them share: no number overflows on the way to a result, however large; half precision loses no more than its
own rounding; settings are finite numbers.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from autograd_np import Tensor, gradients
from autograd_np.neural import gelu, glu, logsigmoid, mish, silu, softmin, softplus, softsign, tanh, tanhshrink
from tests.autograd_np.checks import check_gradients
from tests.autograd_np.neural.checks import check, check_message
from tests.autograd_np.strategies import arrays, shapes

Array = NDArray[Any]
Function = Callable[..., Any]
VALUES = [-30.0, -7.0, -2.5, -1.0, -0.25, 0.125, 0.5, 1.5, 3.0, 25.0]


@given(arrays(values=VALUES), st.sampled_from([0.25, 1, 3]), st.sampled_from([-1.1, 2.2, 20]))
def test_values_and_derivatives(x: Array, beta: float, limit: float) -> None:
    bent = np.log1p(np.exp(beta * x)) / beta
    cubic = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    for f, expected in (
        (gelu, x * ndtr(x)),
        (partial(gelu, approximate="tanh"), x * (1 + np.tanh(cubic)) / 2),
        (silu, x * expit(x)),
        (mish, x * np.tanh(np.log1p(np.exp(x)))),
        (softplus, np.log1p(np.exp(x))),
        (partial(softplus, beta=beta, threshold=limit), np.where(beta * x > limit, x, bent)),
        (logsigmoid, -np.log1p(np.exp(-x))),
        (softsign, x / (1 + abs(x))),
        (tanh, np.tanh(x)),
        (tanhshrink, x - np.tanh(x)),
    ):
        check(f, x)
        np.testing.assert_allclose(f(x), expected, rtol=1e-8, atol=1e-13)


@given(arrays(shapes(min_dims=1, min_side=1), VALUES), st.data())
def test_softmin(x: Array, data: st.DataObject) -> None:
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    check(partial(softmin, dim=axis), x)
    e = np.exp(x.min(axis=axis, keepdims=True) - x)
    np.testing.assert_allclose(softmin(x, axis), e / e.sum(axis=axis, keepdims=True), rtol=1e-12)


@given(shapes(max_dims=3, min_dims=1), st.data())
def test_glu(shape: tuple[int, ...], data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    half = data.draw(arrays(shape, VALUES)), data.draw(arrays(shape, VALUES))
    x = np.concatenate(half, axis=axis)
    check(partial(glu, dim=axis), x)
    np.testing.assert_allclose(glu(x, axis), half[0] * expit(half[1]), rtol=1e-12)


@pytest.mark.parametrize("f", [gelu, silu, mish, softplus, softsign, logsigmoid])
def test_third_derivative(f: Function) -> None:
    check_gradients(f, np.array([-2.0, -0.5, 0.75, 3.0]), order=3)


# What each goes towards: below, above.
LIMITS: dict[str, tuple[Function, Function, Function]] = {
    "gelu": (gelu, np.zeros_like, np.asarray),
    "gelu by tanh": (partial(gelu, approximate="tanh"), np.zeros_like, np.asarray),
    "silu": (silu, np.zeros_like, np.asarray),
    "mish": (mish, np.zeros_like, np.asarray),
    "softplus": (softplus, np.zeros_like, np.asarray),
    "softplus, sharp": (partial(softplus, beta=8, threshold=100), np.zeros_like, np.asarray),
    "logsigmoid": (logsigmoid, np.asarray, np.zeros_like),
    "softsign": (softsign, lambda x: -np.ones_like(x), np.ones_like),
    "tanh": (tanh, lambda x: -np.ones_like(x), np.ones_like),
    "tanhshrink": (tanhshrink, lambda x: x + 1, lambda x: x - 1),
}


@pytest.mark.parametrize("name", LIMITS)
class TestEachKind:
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
    def test_large_numbers(self, name: str, dtype: Any) -> None:
        f, below, above = LIMITS[name]
        if name == "gelu" and dtype is np.longdouble:
            return
        sizes = [1e3, 3e4] if dtype is np.float16 else [1e3, 1e4, 1e18, 1e30, 1e37]
        x = np.array(sizes, dtype)
        for sign, limit in ((-1, below), (1, above)):
            leaf = Tensor(sign * x, requires_grad=True)
            y = f(leaf)
            (g,) = gradients(y, leaf, np.ones(x.shape, dtype), create_graph=True)
            (h,) = gradients(g, leaf, np.ones(x.shape, dtype))
            assert y.dtype == g.dtype == h.dtype == dtype
            np.testing.assert_allclose(y.data, limit(sign * x), rtol=2e-3, atol=1e-30)
            np.testing.assert_allclose(g.data, (limit(sign * x) == sign * x) | (name == "tanhshrink"), atol=1e-5)
            np.testing.assert_allclose(h.data, 0, atol=1e-5)

    def test_half_precision_is_rounded_once(self, name: str) -> None:
        f, _, _ = LIMITS[name]
        x = np.array([-6.5, -3.5, -1.25, -0.1, 0.1, 0.7, 2.3, 5.5], np.float16)
        leaf, wide = Tensor(x, requires_grad=True), Tensor(x, requires_grad=True, dtype=np.float64)
        rtol = 3e-3 if "sh" in name or name == "logsigmoid" else 1e-3  # NumPy's own functions round, too
        np.testing.assert_allclose(f(leaf).data, f(wide).data, rtol=rtol, atol=1e-6)
        (g,) = gradients(f(leaf), leaf, np.ones(8, np.float16))
        (expected,) = gradients(f(wide).sum(), wide)
        np.testing.assert_allclose(g.data, expected.data, rtol=5e-3, atol=2e-3)

    def test_integers_and_any_memory(self, name: str) -> None:
        f, _, _ = LIMITS[name]
        x = np.arange(-6, 6).reshape(3, 4)
        expected = f(x.astype(float))
        for same in (x, x.astype(np.int8), x.astype(float).T.copy().T, Tensor(x)):
            np.testing.assert_allclose(f(same), expected, rtol=1e-14)
        assert f(np.array(2.0)).shape == ()
        assert f(np.ones((0, 3))).shape == (0, 3)
        with np.errstate(invalid="ignore"):  # as np.logaddexp says of a NaN itself
            assert np.isnan(f(np.array([np.nan, 1.0]))).tolist() == [True, False]

    def test_complex_numbers_are_refused(self, name: str) -> None:
        with pytest.raises(TypeError, match=r"complex128; give real numbers"):
            LIMITS[name][0](np.array([1j]))


def test_softsigns_slope_keeps_its_digits() -> None:
    x = Tensor(np.array([1e6, -1e7], np.float32), requires_grad=True)
    softsign(x).sum().backward()
    np.testing.assert_allclose(x.grad, [1e-12, 1e-14], rtol=1e-5)


def test_softplus_is_straight_above_its_threshold() -> None:
    x = Tensor([0.5, 0.5000001], requires_grad=True)
    y = softplus(x, 2, 1)
    np.testing.assert_allclose(y.data, [np.log1p(np.e) / 2, 0.5], atol=1e-6)
    y.sum().backward()
    np.testing.assert_allclose(x.grad, [expit(1), 1])


X = np.ones((2, 3))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: gelu(X, approximate="erf"), ValueError, ["gelu", "approximate='erf'", "none or tanh"]),
        (lambda: gelu(X.astype(np.longdouble)), TypeError, ["gelu", "double precision", "x.astype(np.float64)"]),
        (lambda: softplus(X, 0), ValueError, ["softplus", "beta=0", "positive"]),
        (lambda: softplus(X, -1), ValueError, ["softplus", "beta=-1", "positive"]),
        (lambda: softplus(X, np.nan), ValueError, ["softplus", "beta=nan"]),
        (lambda: softplus(X, 1, np.inf), ValueError, ["softplus", "threshold=inf"]),
        (lambda: softplus(X, True), TypeError, ["softplus", "beta=True is a bool"]),
        (lambda: glu(X), ValueError, ["glu", "(2, 3)", "axis -1"]),
        (lambda: glu(X, 2), ValueError, ["glu", "(2, 3)", "axis 2"]),
        (lambda: glu(1.0), ValueError, ["glu", "()"]),
        (lambda: softmin(X, 2), ValueError, ["axis 2"]),
        (lambda: softmin([1j]), TypeError, ["softmin", "complex128"]),
        (lambda: glu([1j, 1j]), TypeError, ["glu", "complex128"]),
    ],
)
def test_wrong_arguments(call: Callable[[], Any], error: type[Exception], words: list[str]) -> None:
    check_message(error, words, call)
