"""Batch normalisation, held against a plain formula and against numerical derivatives."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autograd_np import Tensor, gradients
from autograd_np.neural import batch_norm
from tests.autograd_np.checks import check_gradients
from tests.autograd_np.neural.checks import check, check_message
from tests.autograd_np.strategies import GRID, POSITIVE, arrays

Array = NDArray[Any]


@st.composite
def batches(draw: st.DrawFn) -> list[Array]:
    """Draw a batch of at least two values a channel, with weight and bias."""
    shape = draw(st.sampled_from([(2, 1), (3, 2), (2, 2, 2), (1, 2, 3), (2, 1, 2, 2)]))
    return [draw(arrays(shape)), *(draw(arrays((shape[1],), POSITIVE)) for _ in range(2))]


def normalised(x: Any, weight: Any, bias: Any) -> Any:
    """Normalise a batch by its own statistics."""
    return batch_norm(x, None, None, weight, bias, eps=0.5)


class TestBatchNorm:
    @given(batches())
    def test_training(self, given: list[Array]) -> None:
        x, weight, bias = given
        check_gradients(normalised, *given)
        leaves = [Tensor(a, requires_grad=True, dtype=np.float32) for a in given]
        for create_graph in (True, False):
            outputs = normalised(*leaves)
            found = gradients(outputs, leaves, [np.ones(y.shape) for y in outputs], create_graph=create_graph)
            assert {a.dtype for a in (*outputs, *found)} == {np.dtype(np.float32)}
        axes = (0, *range(2, x.ndim))
        channels = (-1, *(1,) * (x.ndim - 2))
        mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
        y = (x - mean) / np.sqrt(var + 0.5) * weight.reshape(channels) + bias.reshape(channels)
        for found, expected in zip(normalised(*given), (y, mean.ravel(), var.ravel()), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)

    @given(batches(), st.data())
    def test_evaluation(self, given: list[Array], data: st.DataObject) -> None:
        x, weight, bias = given
        mean, var = (data.draw(arrays(weight.shape, values)) for values in (GRID, POSITIVE))
        check(lambda *given: batch_norm(*given)[0], x, mean, var, weight, bias)
        channels = (-1, *(1,) * (x.ndim - 2))
        wide = [v.reshape(channels) for v in (weight, bias, mean, var)]
        expected = (x - wide[2]) / np.sqrt(wide[3] + 1e-5) * wide[0] + wide[1]
        y, used_mean, used_var = batch_norm(x, mean, var, weight, bias)
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
        assert used_mean is mean
        assert used_var is var

    def test_third_derivative(self) -> None:
        rng = np.random.default_rng(0)
        given = rng.normal(size=(3, 2, 2)), rng.normal(size=2), rng.normal(size=2)
        check_gradients(lambda *given: normalised(*given)[0], *given, order=3)

    def test_without_weight_and_bias(self) -> None:
        x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
        y, mean, var = batch_norm(x)
        assert y.dtype == mean.dtype == var.dtype == np.float32
        np.testing.assert_allclose(np.mean(y, axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(np.var(y, axis=0), 1, atol=1e-4)

    def test_precision_is_that_of_the_batch_with_its_weight_and_bias(self) -> None:
        x = Tensor(np.random.default_rng(0).normal(size=(8, 3)), requires_grad=True, dtype=np.float32)
        weight, bias = (Tensor(np.ones(3), requires_grad=True) for _ in range(2))
        for statistics in ((None, None), (np.zeros(3, np.float32), np.ones(3, np.float32))):
            y, _, _ = batch_norm(x, *statistics, weight, bias)
            assert y.dtype == np.float64
            found = gradients(y.sum(), [x, weight, bias])
            assert [g.dtype for g in found] == [np.float32, np.float64, np.float64]

    def test_float16_stays_float16(self) -> None:
        x, weight, bias = (Tensor(v, dtype=np.float16) for v in ([[1.0], [3.0], [5.0]], [1.0], [0.0]))
        y, mean, var = batch_norm(x, None, None, weight, bias)
        assert y.dtype == mean.dtype == var.dtype == np.float16
        np.testing.assert_allclose(y.data, [[-1.2247], [0], [1.2247]], rtol=1e-3)

    def test_evaluation_stays_float32(self) -> None:
        leaf = Tensor(np.ones((4, 2)), requires_grad=True, dtype=np.float32)
        y, _, _ = batch_norm(leaf, np.zeros(2, np.float32), np.ones(2, np.float32))
        assert y.dtype == np.float32

    @pytest.mark.parametrize(
        ("shape", "settings", "error", "words"),
        [
            ((3,), {}, ValueError, ["(3,)", "(N, C)"]),
            ((1, 3), {}, ValueError, ["(1, 3)", "two values", "mean and var"]),
            ((2, 3), {"weight": np.ones(2)}, ValueError, ["weight of shape (2,)", "(2, 3)", "(3,)"]),
            ((2, 3), {"bias": np.ones((1, 3))}, ValueError, ["bias of shape (1, 3)", "(3,)"]),
            ((2, 3), {"mean": np.ones(3), "var": 1.0}, ValueError, ["var of shape ()", "(3,)"]),
            ((2, 3), {"mean": np.ones(3)}, TypeError, ["both mean and var"]),
            ((2, 3), {"eps": -1.0}, ValueError, ["eps=-1.0"]),
        ],
    )
    def test_wrong_arguments(
        self, shape: tuple[int, ...], settings: dict[str, Any], error: type[Exception], words: list[str]
    ) -> None:
        check_message(error, ["batch_norm", *words], lambda: batch_norm(np.ones(shape), **settings))
