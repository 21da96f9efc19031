"""Activations, held against SciPy, against plain formulas, and against numerical derivatives."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autograd_np import Tensor
from autograd_np.neural import log_softmax, logsumexp, relu, sigmoid, softmax
from tests.autograd_np.checks import check_gradients
from tests.autograd_np.neural.checks import check, check_message
from tests.autograd_np.strategies import BETWEEN, arrays, axes, shapes

Array = NDArray[Any]


class TestActivations:
    @given(arrays(values=BETWEEN))
    def test_relu(self, x: Array) -> None:
        check(relu, x)
        np.testing.assert_array_equal(relu(x), np.where(x > 0, x, 0))

    def test_relu_at_zero_and_nan(self) -> None:
        x = Tensor([-0.0, 0.0, np.nan], requires_grad=True)
        y = relu(x)
        np.testing.assert_array_equal(y.data, [0, 0, np.nan])
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, [0, 0, 0])

    @given(arrays())
    def test_sigmoid(self, x: Array) -> None:
        check(sigmoid, x)
        np.testing.assert_allclose(sigmoid(x), 1 / (1 + np.exp(-x)))

    def test_sigmoid_of_large_numbers(self) -> None:
        np.testing.assert_array_equal(sigmoid([-1e4, 1e4]), [0, 1])

    @pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
    @given(st.data())
    def test_softmax_family(self, name: str, data: st.DataObject) -> None:
        f, theirs = {"softmax": softmax, "log_softmax": log_softmax, "logsumexp": logsumexp}[name], scipy.special
        x = data.draw(arrays(shapes(min_side=1)))
        settings = {"axis": data.draw(axes(x.ndim))}
        if name == "logsumexp":
            settings["keepdims"] = data.draw(st.booleans())
        check(partial(f, **settings), x)
        np.testing.assert_allclose(f(x, **settings), getattr(theirs, name)(x, **settings), rtol=1e-14, atol=1e-14)

    @pytest.mark.parametrize("f", [softmax, log_softmax, logsumexp])
    def test_third_derivative(self, f: Callable[..., Any]) -> None:
        check_gradients(partial(f, axis=1), np.random.default_rng(0).normal(size=(2, 3)), order=3)

    @pytest.mark.parametrize("scale", [1e4, 1e300])
    def test_softmax_of_large_numbers(self, scale: float) -> None:
        x = scale * np.array([[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0], [1.0, 0.0, -1.0]])
        np.testing.assert_array_equal(softmax(x), [[1 / 3] * 3, [1 / 3] * 3, [1, 0, 0]])
        np.testing.assert_allclose(log_softmax(x), [[-np.log(3)] * 3, [-np.log(3)] * 3, [0, -scale, -2 * scale]])
        np.testing.assert_allclose(logsumexp(x, axis=1), [scale + np.log(3), -scale + np.log(3), scale], rtol=1e-15)

    def test_a_row_of_infinities_leaves_large_numbers_beside_it_alone(self) -> None:
        x = np.array([[1e4, 1e4], [-np.inf, -np.inf]])
        np.testing.assert_allclose(logsumexp(x, axis=1), [1e4 + np.log(2), -np.inf])

    def test_logsumexp_of_infinities(self) -> None:
        x = Tensor([[-np.inf, -np.inf], [-np.inf, 2.0]], requires_grad=True)
        y = logsumexp(x, axis=1)
        np.testing.assert_array_equal(y.data, [-np.inf, 2])
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, [[0, 0], [0, 1]])
        assert logsumexp([np.inf, 2.0]) == np.inf
        assert logsumexp(np.zeros((2, 0)), axis=1).tolist() == [-np.inf, -np.inf]
        np.testing.assert_array_equal(softmax([-np.inf, 0.0, 0.0]), [0, 0.5, 0.5])
        np.testing.assert_array_equal(log_softmax([-np.inf, 0.0]), [-np.inf, 0])

    def test_integers_and_other_numbers(self) -> None:
        np.testing.assert_allclose(softmax([1, 1]), [0.5, 0.5])
        assert relu(Tensor([-1, 2])).tolist() == [0, 2]
        for f in (softmax, log_softmax, logsumexp):
            check_message(TypeError, [f.__name__, "complex128", "real"], lambda f=f: f([1j]))
            with pytest.raises(ValueError, match="axis 3"):
                f(np.ones((2, 2)), axis=3)
