"""Activations of straight pieces, held against plain formulas and numerical derivatives.

What all of them share: at a kink the slope is PyTorch's, that of the lower side unless that is a constant; a NaN comes
through; infinities and numbers near the limits of their dtype overflow nowhere; settings are finite numbers.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autograd_np import Tensor, gradients
from autograd_np.neural import (
    celu,
    elu,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    prelu,
    relu6,
    selu,
    threshold,
)
from tests.autograd_np.neural.checks import check, check_message
from tests.autograd_np.strategies import POSITIVE, arrays, shapes

Array = NDArray[Any]
Function = Callable[..., Any]
# Away from the kinks below, which are integers and halves.
VALUES = [-7.25, -3.25, -2.75, -1.25, -0.75, -0.25, 0.25, 0.75, 1.25, 2.75, 3.25, 5.75, 6.25]


@given(arrays(values=VALUES), st.sampled_from([-1.5, 0.0, 0.01, 0.5, 2]))
def test_values_and_derivatives(x: Array, a: float) -> None:
    above, below = np.maximum(x, 0), np.minimum(x, 0)
    for f, expected in (
        (partial(leaky_relu, negative_slope=a), above + a * below),
        (lambda x: prelu(x, np.asarray(a, x.dtype)), above + a * below),
        (partial(elu, alpha=a), above + a * np.expm1(below)),
        (partial(celu, alpha=a + 2), above + (a + 2) * np.expm1(below / (a + 2))),
        (selu, 1.0507009873554805 * (above + 1.6732632423543772 * np.expm1(below))),
        (partial(hardtanh, min_val=a - 2, max_val=a), np.clip(x, a - 2, a)),
        (relu6, np.clip(x, 0, 6)),
        (hardsigmoid, np.clip(x + 3, 0, 6) / 6),
        (hardswish, x * np.clip(x + 3, 0, 6) / 6),
        (partial(threshold, threshold=a, value=-4.0), np.where(x > a, x, -4)),
    ):
        check(f, x)
        np.testing.assert_allclose(f(x), expected, rtol=1e-12)


@given(st.integers(1, 3), shapes(max_dims=2), st.data())
def test_prelu_learns_a_slope_for_each_channel(channels: int, rest: tuple[int, ...], data: st.DataObject) -> None:
    x = data.draw(arrays((2, channels, *rest), VALUES))
    slopes = data.draw(arrays((channels,), POSITIVE))
    check(prelu, x, slopes)
    expected = np.where(x > 0, x, x * slopes.reshape(-1, *(1 for _ in rest)))
    np.testing.assert_allclose(prelu(x, slopes), expected)
    check(prelu, x, slopes[:1])
    check(prelu, x[0], slopes[:1])
    np.testing.assert_array_equal(prelu(x[0], slopes[:1]), prelu(x, slopes[:1])[0])


@pytest.mark.parametrize(
    ("f", "kinks", "slopes"),
    [
        (leaky_relu, [-0.0, 0.0], [0.01, 0.01]),
        (partial(prelu, weight=np.array([0.5])), [-0.0, 0.0], [0.5, 0.5]),
        (partial(elu, alpha=0.5), [-0.0, 0.0], [0.5, 0.5]),
        (partial(celu, alpha=0.5), [-0.0, 0.0], [1, 1]),
        (hardtanh, [-1.0, 1.0], [0, 0]),
        (relu6, [-0.0, 0.0, 6.0], [0, 0, 0]),
        (hardsigmoid, [-3.0, 3.0], [0, 0]),
        (hardswish, [-3.0, 3.0], [0, 1]),
        (partial(threshold, threshold=2, value=3), [2.0], [0]),
    ],
)
def test_slopes_at_kinks(f: Function, kinks: list[float], slopes: list[float]) -> None:
    x = Tensor(kinks, requires_grad=True)
    for create_graph in (False, True):
        (g,) = gradients(f(x).sum(), x, create_graph=create_graph)
        np.testing.assert_allclose(g.data, slopes)
    if len(slopes) == 1 or f is not hardswish:
        (h,) = gradients(g.sum(), x) if g.requires_grad else (np.zeros(len(kinks)),)
        assert np.isfinite(np.asarray(h)).all()


def test_the_slope_of_prelu_takes_no_gradient_from_what_is_positive() -> None:
    weight = Tensor([0.5], requires_grad=True)
    prelu(np.array([-2.0, 0.0, np.inf, 3.0]), weight).sum().backward()
    np.testing.assert_array_equal(weight.grad, [-2])


KINDS: dict[str, Function] = {
    "leaky_relu": leaky_relu,
    "prelu": lambda x: prelu(x, np.asarray(0.25, x.dtype if x.dtype.kind == "f" else float)),
    "elu": elu,
    "celu": celu,
    "selu": selu,
    "hardtanh": hardtanh,
    "relu6": relu6,
    "hardsigmoid": hardsigmoid,
    "hardswish": hardswish,
    "threshold": lambda x: threshold(x, 0.5, 2),
}


@pytest.mark.parametrize("f", KINDS.values(), ids=KINDS)
class TestEachKind:
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
    def test_no_number_overflows(self, f: Function, dtype: Any) -> None:
        largest = np.finfo(dtype).max / (16 if f is KINDS["hardswish"] else 2)
        x = Tensor([-largest, -1e3, -1e-3, 0, 1e-3, 1e3, largest], requires_grad=True, dtype=dtype)
        y = f(x)
        (g,) = gradients(y.sum() if dtype != np.float16 else y, x, None if dtype != np.float16 else np.ones(7, dtype))
        assert y.dtype == g.dtype == dtype
        assert np.isfinite(y.data).all()
        assert np.isfinite(g.data).all()

    def test_infinities_are_limits(self, f: Function) -> None:
        if f is not KINDS["hardswish"]:  # whose -inf times 0 is NaN in PyTorch, too
            far = f(np.array([-1e307, 1e307]))
            expected = np.where(np.abs(far) > 1e300, np.copysign(np.inf, far), far)
            np.testing.assert_array_equal(f(np.array([-np.inf, np.inf])), expected)

    def test_a_nan_comes_through(self, f: Function) -> None:
        assert np.isnan(f(np.array([np.nan, 1.0]))).tolist() == [True, False]

    def test_integers_and_any_memory(self, f: Function) -> None:
        x = np.arange(-6, 6).reshape(3, 4)
        expected = f(x.astype(float))
        for same in (x, x.astype(np.int8), x.astype(float).T.copy().T, Tensor(x)):
            np.testing.assert_array_equal(f(same), expected)
        assert f(np.array(2.0)).shape == ()
        assert f(np.ones((0, 3))).shape == (0, 3)
        assert f(np.array([True, False])).dtype == np.float64

    def test_complex_numbers_are_refused(self, f: Function) -> None:
        with pytest.raises(TypeError, match=r"complex128; give real numbers"):
            f(np.array([1j]))


X = np.ones((2, 3))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: leaky_relu(X, np.nan), ValueError, ["leaky_relu", "negative_slope=nan", "finite"]),
        (lambda: leaky_relu(X, True), TypeError, ["leaky_relu", "negative_slope=True is a bool"]),
        (lambda: leaky_relu(X, "0.1"), TypeError, ["leaky_relu", "negative_slope='0.1' is a str"]),
        (lambda: elu(X, np.inf), ValueError, ["elu", "alpha=inf"]),
        (lambda: celu(X, 0), ValueError, ["celu", "alpha=0", "positive"]),
        (lambda: celu(X, -1.0), ValueError, ["celu", "alpha=-1.0", "positive"]),
        (lambda: hardtanh(X, 2, 1), ValueError, ["hardtanh", "min_val=2 is above max_val=1"]),
        (lambda: hardtanh(X, np.nan), ValueError, ["hardtanh", "min_val=nan"]),
        (lambda: hardtanh(X, 0, None), TypeError, ["hardtanh", "max_val=None is a NoneType"]),
        (lambda: threshold(X, np.nan, 1), ValueError, ["threshold", "threshold=nan"]),
        (lambda: threshold(X, 1, X), TypeError, ["threshold", "value=", "ndarray"]),
        (lambda: prelu(X, np.ones(2)), ValueError, ["prelu", "(2,)", "(2, 3)", "3 channels"]),
        (lambda: prelu(X, np.ones((1, 3))), ValueError, ["prelu", "(1, 3)"]),
        (lambda: prelu(X[0], np.ones(3)), ValueError, ["prelu", "(3,)", "1 channels"]),
    ],
)
def test_wrong_arguments(call: Callable[[], Any], error: type[Exception], words: list[str]) -> None:
    check_message(error, words, call)
