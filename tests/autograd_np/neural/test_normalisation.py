"""Normalisation, held against plain formulas and against numerical derivatives.

What all of them share: values far from 0 with little between them keep their digits, sums are not taken in half
precision, and what has no variance, no place for a weight or no groups that come out even is refused.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autograd_np import Tensor, gradients
from autograd_np.neural import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from tests.autograd_np.checks import check_gradients
from tests.autograd_np.neural.checks import check, check_message
from tests.autograd_np.strategies import GRID, POSITIVE, arrays, shapes

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


def by(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    """Normalise over axes."""
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


class TestLayerNorm:
    @given(arrays(shapes(min_dims=1, max_dims=3, min_side=1)), st.data())
    def test_it_normalises_over_the_last_axes(self, x: Array, data: st.DataObject) -> None:
        lengths = x.shape[data.draw(st.integers(0, x.ndim - 1)) :]
        weight, bias = (data.draw(arrays(lengths, POSITIVE)) for _ in range(2))
        check(lambda x, weight, bias: layer_norm(x, lengths, weight, bias, 0.5), x, weight, bias)
        expected = by(x, tuple(range(-len(lengths), 0)), 0.5)
        np.testing.assert_allclose(
            layer_norm(x, lengths, weight, bias, 0.5), expected * weight + bias, rtol=1e-12, atol=1e-12
        )
        np.testing.assert_allclose(layer_norm(x, list(lengths), eps=0.5), expected, rtol=1e-12, atol=1e-12)

    def test_one_length_is_a_number(self) -> None:
        x = np.random.default_rng(0).normal(size=(2, 3))
        np.testing.assert_array_equal(layer_norm(x, 3), layer_norm(x, (3,)))

    @pytest.mark.parametrize("parameters", [{"weight": np.ones(3)}, {"bias": np.ones(3)}, {}])
    def test_each_parameter_may_be_missing(self, parameters: dict[str, Array]) -> None:
        check(lambda x, *given: layer_norm(x, 3, **dict(zip(parameters, given, strict=True))), X, *parameters.values())

    def test_third_derivative(self) -> None:
        check_gradients(lambda *given: layer_norm(given[0], 3, *given[1:]), X, X[0], X[1], order=3)

    def test_no_samples(self) -> None:
        assert layer_norm(np.ones((0, 3)), 3).shape == (0, 3)


class TestRMSNorm:
    @given(arrays(shapes(min_dims=1, max_dims=3, min_side=1)), st.data())
    def test_it_divides_by_the_root_mean_square(self, x: Array, data: st.DataObject) -> None:
        lengths = x.shape[data.draw(st.integers(0, x.ndim - 1)) :]
        weight = data.draw(arrays(lengths, POSITIVE))
        check(lambda x, weight: rms_norm(x, lengths, weight, 0.5), x, weight)
        axes = tuple(range(-len(lengths), 0))
        expected = x / np.sqrt((x**2).mean(axes, keepdims=True) + 0.5) * weight
        np.testing.assert_allclose(rms_norm(x, lengths, weight, 0.5), expected, rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
    def test_eps_is_the_machines_of_the_dtype(self, dtype: Any) -> None:
        y = rms_norm(np.zeros(2, dtype) + dtype(2) ** -8, 2)
        assert y.dtype == dtype
        np.testing.assert_allclose(y, 1 / np.sqrt(1 + 2**16 * float(np.finfo(dtype).eps)), rtol=1e-3)

    def test_of_nothing_but_zeros(self) -> None:
        x = Tensor(np.zeros((2, 3)), requires_grad=True)
        rms_norm(x, 3).sum().backward()
        np.testing.assert_allclose(x.grad, 2.0**26)


class TestGroupNorm:
    @given(st.integers(1, 3), st.integers(1, 2), st.sampled_from([(), (2,), (2, 1)]), st.data())
    def test_it_normalises_over_groups_of_channels(
        self, groups: int, each: int, rest: tuple[int, ...], data: st.DataObject
    ) -> None:
        channels = groups * (each if rest else 2 * each)
        x = data.draw(arrays((2, channels, *rest)))
        weight, bias = (data.draw(arrays((channels,), POSITIVE)) for _ in range(2))
        check(lambda x, weight, bias: group_norm(x, groups, weight, bias, 0.5), x, weight, bias)
        grouped = x.reshape(2, groups, -1)
        places = (-1, *(1 for _ in rest))
        expected = by(grouped, (2,), 0.5).reshape(x.shape) * weight.reshape(places) + bias.reshape(places)
        np.testing.assert_allclose(group_norm(x, groups, weight, bias, 0.5), expected, rtol=1e-12, atol=1e-12)

    def test_of_each_channel_it_is_instance_norm(self) -> None:
        x, weight = np.random.default_rng(0).normal(size=(2, 3, 4, 2)), np.arange(3.0)
        check(lambda x, weight: instance_norm(x, weight=weight, bias=2 * weight), x, weight)
        np.testing.assert_array_equal(
            instance_norm(x, weight=weight, bias=2 * weight), group_norm(x, 3, weight, 2 * weight)
        )
        expected = by(x, (2, 3), 1e-5) * weight[:, None, None] + 2 * weight[:, None, None]
        np.testing.assert_allclose(instance_norm(x, weight=weight, bias=2 * weight), expected, atol=1e-12)

    def test_third_derivative(self) -> None:
        x = np.random.default_rng(0).normal(size=(2, 4, 2))
        check_gradients(lambda *given: group_norm(given[0], 2, *given[1:]), x, x[0, :, 0], x[1, :, 0], order=3)


X = np.random.default_rng(0).normal(size=(4, 3))
KINDS: dict[str, Callable[[Any], Any]] = {
    "batch_norm": lambda x: batch_norm(x)[0],
    "layer_norm": lambda x: layer_norm(x, x.shape[1:]),
    "group_norm": lambda x: group_norm(x, 2),
    "instance_norm": instance_norm,
    "rms_norm": lambda x: rms_norm(x, x.shape[1:]),
}


@pytest.mark.parametrize("f", KINDS.values(), ids=KINDS)
class TestEachKind:
    def test_values_far_from_zero_keep_their_digits(self, f: Callable[[Any], Any]) -> None:
        x = (1e4 + np.random.default_rng(0).normal(size=(8, 4, 50))).astype(np.float32)
        assert f(x).dtype == np.float32
        np.testing.assert_allclose(f(x), f(x.astype(np.float64)), atol=2e-3)

    def test_sums_do_not_overflow_in_half_precision(self, f: Callable[[Any], Any]) -> None:
        largest = 200 if f is KINDS["batch_norm"] else 2000  # it returns the variance, too
        x = np.random.default_rng(0).uniform(-largest, largest, size=(8, 4, 50)).astype(np.float16)
        leaf = Tensor(x, requires_grad=True)
        y = f(leaf)
        (g,) = gradients((y * y * y).sum(), leaf)
        wide = Tensor(x, requires_grad=True, dtype=np.float64)
        (expected,) = gradients((f(wide) ** 3).sum(), wide)
        assert y.dtype == g.dtype == np.float16
        np.testing.assert_allclose(y.data, f(x.astype(np.float64)), rtol=2e-3, atol=1e-3)
        np.testing.assert_allclose(g, expected.data, rtol=2e-2, atol=1e-4)

    def test_long_double_stays(self, f: Callable[[Any], Any]) -> None:
        x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.longdouble)
        assert f(x).dtype == np.longdouble
        again = f(x + x * np.finfo(np.longdouble).eps * 100)
        assert not np.array_equal(f(x), again)

    def test_any_memory_and_integers(self, f: Callable[[Any], Any]) -> None:
        x = np.random.default_rng(0).integers(-9, 9, (3, 4, 5))
        expected = f(x.astype(float))
        np.testing.assert_array_equal(f(x), expected)
        for y in (np.asfortranarray(x.astype(float)), np.moveaxis(np.moveaxis(x.astype(float), 0, -1).copy(), -1, 0)):
            y.flags.writeable = False
            np.testing.assert_allclose(f(y), expected, rtol=1e-12)

    def test_complex_numbers_are_refused(self, f: Callable[[Any], Any]) -> None:
        with pytest.raises(TypeError, match="complex128; give real numbers"):
            f(np.ones((2, 4, 2)) * 1j)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: layer_norm(X, 4), ValueError, ["layer_norm", "(4, 3)", "(4,)", "last axes"]),
        (lambda: layer_norm(X, (2, 4, 3)), ValueError, ["layer_norm", "(2, 4, 3)"]),
        (lambda: layer_norm(X, ()), ValueError, ["layer_norm", "normalized_shape=()"]),
        (lambda: layer_norm(X, 0), ValueError, ["layer_norm", "normalized_shape=0"]),
        (lambda: layer_norm(X, 3.0), TypeError, ["layer_norm", "normalized_shape=3.0", "float"]),
        (lambda: layer_norm(X, True), TypeError, ["layer_norm", "normalized_shape=True", "bool"]),
        (lambda: layer_norm(X, 3, np.ones(2)), ValueError, ["layer_norm", "weight of shape (2,)", "(3,)"]),
        (lambda: layer_norm(X, 3, None, np.ones((1, 3))), ValueError, ["bias of shape (1, 3)"]),
        (lambda: layer_norm(X, 3, eps=-1), ValueError, ["layer_norm", "eps=-1"]),
        (lambda: layer_norm(X, 3, eps=np.nan), ValueError, ["layer_norm", "eps=nan"]),
        (lambda: rms_norm(X, 4), ValueError, ["rms_norm", "(4, 3)", "(4,)"]),
        (lambda: rms_norm(X, 3, X), ValueError, ["rms_norm", "weight of shape (4, 3)"]),
        (lambda: rms_norm(X, 3, eps=-1.0), ValueError, ["rms_norm", "eps=-1.0"]),
        (lambda: group_norm(X, 2), ValueError, ["group_norm", "3 channels in 2 groups"]),
        (lambda: group_norm(X, 3), ValueError, ["group_norm", "less than two values", "fewer groups"]),
        (lambda: group_norm(X, 0), ValueError, ["group_norm", "num_groups=0"]),
        (lambda: group_norm(X, 1.0), TypeError, ["group_norm", "num_groups=1.0", "float"]),
        (lambda: group_norm(X[0], 1), ValueError, ["group_norm", "(3,)", "(N, C)"]),
        (lambda: group_norm(X, 1, np.ones(4)), ValueError, ["group_norm", "weight of shape (4,)", "(3,)"]),
        (lambda: instance_norm(X), ValueError, ["instance_norm", "(4, 3)", "(N, C, L)"]),
        (lambda: instance_norm(X[:, :, None]), ValueError, ["instance_norm", "less than two values"]),
        (lambda: instance_norm(X[None], bias=np.ones(3)), ValueError, ["instance_norm", "bias of shape (3,)", "(4,)"]),
    ],
)
def test_wrong_arguments_of_the_others(call: Callable[[], Any], error: type[Exception], words: list[str]) -> None:
    check_message(error, words, call)
