"""Products, shapes and choices of elements, held against plain formulas and numerical derivatives."""

import itertools
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autograd_np import Tensor
from autograd_np.neural import dropout, flatten, linear
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.neural.checks import check, check_message
from tests.autograd_np.strategies import BETWEEN, arrays, shapes

Array = NDArray[Any]


@st.composite
def layers(draw: st.DrawFn) -> list[Array]:
    """Draw rows of features, weights, and sometimes a bias."""
    inputs, outputs = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    given = [draw(arrays((*draw(shapes(max_dims=2)), inputs))), draw(arrays((outputs, inputs)))]
    return [*given, draw(arrays((outputs,)))] if draw(st.booleans()) else given


class TestLinear:
    @given(layers())
    def test_values_and_derivatives(self, given: list[Array]) -> None:
        check(linear, *given)
        x, w, *b = given
        np.testing.assert_allclose(linear(*given), x @ w.T + (b[0] if b else 0), rtol=1e-14, atol=1e-14)

    def test_third_derivative(self) -> None:
        rng = np.random.default_rng(0)
        x, w, b = rng.normal(size=(3, 2)), rng.normal(size=(4, 2)), rng.normal(size=4)
        check_gradients(lambda x, w, b: linear(x, w, b) ** 2, x, w, b, order=3)

    def test_dtypes_promote_as_in_numpy(self) -> None:
        x, w = np.ones((1, 2), np.float32), np.ones((3, 2), np.float32)
        assert linear(x, w, np.ones(3)).dtype == np.float64
        assert linear(x.astype(int), w.astype(float), np.ones(3, np.float32)).dtype == np.float64
        assert linear([[1, 2]], [[3, 4]], [5]).tolist() == [[16]]

    @pytest.mark.parametrize(
        "given", [[(2, 3), (4, 2)], [(), (4, 2)], [(2, 3), (3,)], [(2, 3), (4, 3), (3,)], [(2, 3), (4, 3), (1, 4)]]
    )
    def test_wrong_shapes(self, given: list[tuple[int, ...]]) -> None:
        for kind in (np.asarray, partial(Tensor, requires_grad=True)):
            arguments = [kind(np.ones(shape)) for shape in given]
            check_message(ValueError, ["linear", "(..., I)", *map(str, given)], lambda given=arguments: linear(*given))


class TestFlatten:
    @given(arrays(shapes(min_dims=1, max_dims=4)), st.data())
    def test_lays_axes_into_one(self, x: Array, data: st.DataObject) -> None:
        order = data.draw(st.permutations(range(x.ndim)))
        x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
        start = data.draw(st.integers(-x.ndim, x.ndim - 1))
        check(partial(flatten, start_dim=start), x)
        first = start % x.ndim
        size = int(np.prod(x.shape[first:]))
        np.testing.assert_array_equal(flatten(x, start), x.reshape((*x.shape[:first], size)))

    @pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
    def test_any_order_in_memory(self, order: tuple[int, ...]) -> None:
        x = np.arange(120.0).reshape(2, 3, 4, 5)
        lying = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
        np.testing.assert_array_equal(flatten(lying), x.reshape(2, 60))

    def test_batch_stays_last_in_memory(self) -> None:
        x = np.zeros((4, 5, 3, 2)).transpose(3, 1, 0, 2)
        assert flatten(x).strides[0] == x.strides[0] == x.itemsize

    @pytest.mark.parametrize(("shape", "start"), [((), 0), ((3,), 1), ((3, 2), -3)])
    def test_no_such_axis(self, shape: tuple[int, ...], start: int) -> None:
        check_message(ValueError, ["flatten", str(shape), f"axis {start}"], lambda: flatten(np.zeros(shape), start))


class TestDropout:
    @given(arrays(values=BETWEEN), st.sampled_from([0.125, 0.5, 0.9]), st.integers(0, 9))
    def test_drops_and_scales(self, x: Array, p: float, seed: int) -> None:
        f = partial(dropout, p=p)
        check_gradients(lambda x: f(x, rng=np.random.default_rng(seed)), x)
        check_float32(lambda x: f(x, rng=np.random.default_rng(seed)), x)
        y = dropout(x, p, rng=np.random.default_rng(seed))
        np.testing.assert_allclose(y, np.where(y == 0, 0, x / (1 - p)), rtol=1e-15)

    @pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
    def test_share_and_mean(self, p: float) -> None:
        y = dropout(np.ones(100_000, np.float32), p, rng=np.random.default_rng(0))
        assert abs(np.mean(y == 0) - p) < 0.01
        assert abs(np.mean(y) - 1) < 0.02

    def test_one_drops_all_and_zero_none(self) -> None:
        x = Tensor([1.0, 2.0], requires_grad=True)
        assert dropout(x, 1, rng=np.random.default_rng(0)).tolist() == [0, 0]
        assert dropout(x, 0) is x

    def test_outside_training_nothing_happens(self) -> None:
        x, rng = Tensor([1.0, 2.0]), np.random.default_rng(0)
        before = rng.bit_generator.state
        assert dropout(x, 0.5, training=False, rng=rng) is x
        assert rng.bit_generator.state == before

    def test_a_new_choice_each_time(self) -> None:
        rng = np.random.default_rng(0)
        first, second = (dropout(np.ones(64), rng=rng) for _ in range(2))
        assert not np.array_equal(first, second)

    @pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
    def test_wrong_probability(self, p: float) -> None:
        check_message(ValueError, ["dropout", f"p={p}", "0 to 1"], lambda: dropout([1.0], p, training=False))

    @pytest.mark.parametrize("rng", [None, 0, np.random.RandomState(0)])
    def test_needs_a_generator(self, rng: Any) -> None:
        check_message(TypeError, ["dropout", "rng=", "default_rng"], lambda: dropout([1.0], rng=rng))
