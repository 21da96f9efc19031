"""Max pooling, held against plain loops and against numerical derivatives."""

import itertools
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autograd_np import Tensor
from autograd_np.neural import max_pool2d
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.neural.checks import check_message
from tests.autograd_np.strategies import GRID, arrays, pairs

Array = NDArray[Any]


@st.composite
def poolings(draw: st.DrawFn) -> dict[str, Any]:
    """Draw settings, and the shape of images that they fit."""
    kernel = draw(pairs(1, 4))
    stride = draw(st.none() | pairs(1, 3))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    image = [draw(st.integers(max(1, k - 2 * p), 5)) for k, p in zip(kernel, padding, strict=True)]
    shape = [draw(st.integers(1, 2)), draw(st.integers(1, 2)), *image]
    return {"shape": tuple(shape), "settings": {"kernel_size": kernel, "stride": stride, "padding": padding}}


def looped_max_pool2d(
    x: Array, g: Array | None, kernel_size: tuple[int, int], stride: tuple[int, int] | None, padding: tuple[int, int]
) -> tuple[Array, Array]:
    """Return the maxima, and what `g` (by default ones) gives each element: the first of the largest has all."""
    (n, c, h, w), (kh, kw), (s, t), (above, left) = x.shape, kernel_size, stride or kernel_size, padding
    y = np.empty((n, c, (h + 2 * above - kh) // s + 1, (w + 2 * left - kw) // t + 1))
    gradient = np.zeros_like(x)
    for i, j, p, q in np.ndindex(*y.shape):
        rows = range(max(0, p * s - above), min(h, p * s - above + kh))
        columns = range(max(0, q * t - left), min(w, q * t - left + kw))
        places = list(itertools.product(rows, columns))
        winner = max(places, key=lambda place, i=i, j=j: _rank(x[i, j, *place]))
        y[i, j, p, q] = x[i, j, *winner]
        gradient[i, j, *winner] += 1 if g is None else g[i, j, p, q]
    return y, gradient


def _rank(value: float) -> tuple[bool, float]:
    return (bool(np.isnan(value)), 0 if np.isnan(value) else value)


class TestMaxPool2d:
    @given(poolings(), st.data())
    def test_derivatives(self, problem: dict[str, Any], data: st.DataObject) -> None:
        # No two elements are equal: at ties there is no derivative.
        steps = np.arange(np.prod(problem["shape"]))
        x = np.array(data.draw(st.permutations(steps.tolist()))).reshape(problem["shape"]) / 8
        x = data.draw(st.sampled_from([np.ascontiguousarray, np.asfortranarray, _reversed]))(x)
        f = partial(max_pool2d, **problem["settings"])
        check_gradients(lambda x: f(x) ** 2, x)
        check_float32(f, x)

    @given(poolings(), st.data())
    def test_values_and_ties(self, problem: dict[str, Any], data: st.DataObject) -> None:
        x = data.draw(arrays(problem["shape"], [-np.inf, -1.0, 0.0, 1.0, np.nan]))
        settings = problem["settings"]
        expected, _ = looped_max_pool2d(x, None, **settings)
        leaf = Tensor(x, requires_grad=True)
        y = max_pool2d(leaf, **settings)
        np.testing.assert_array_equal(y.data, expected)
        g = np.random.default_rng(0).normal(size=y.shape)
        _, expected = looped_max_pool2d(x, g, **settings)
        y.backward(g)
        np.testing.assert_allclose(leaf.grad, expected, rtol=1e-15, atol=1e-15)

    @pytest.mark.parametrize("stride", [1, 2])
    @pytest.mark.parametrize("padding", [(1, 0), (0, 1), (1, 1)])
    def test_padding_never_wins(self, padding: tuple[int, int], stride: int) -> None:
        x = np.full((1, 1, 2, 3), -np.inf)
        leaf = Tensor(x, requires_grad=True)
        y = max_pool2d(leaf, 2, stride, padding)
        y.backward(np.ones(y.shape))
        np.testing.assert_array_equal(leaf.grad, looped_max_pool2d(x, None, (2, 2), (stride, stride), padding)[1])

    @pytest.mark.parametrize("stride", [1, 2])
    def test_windows_of_one_pixel_share_no_memory(self, stride: int) -> None:
        x = np.arange(9.0).reshape(1, 1, 3, 3)
        y = max_pool2d(x, 1, stride)
        np.testing.assert_array_equal(y, x[:, :, ::stride, ::stride])
        assert not np.shares_memory(x, y)

    def test_small_images_in_much_padding(self) -> None:
        check_gradients(lambda x: max_pool2d(x, 4, stride=1, padding=2), np.array([[[[1.0]]], [[[2.0]]]]))

    @given(arrays((1, 2, 3, 4), GRID))
    def test_result_has_its_own_memory(self, x: Array) -> None:
        for kernel in [(1, 1), (1, 2), (2, 1)]:
            assert not np.shares_memory(max_pool2d(x, kernel, stride=1), x)

    def test_empty_batch(self) -> None:
        x = Tensor(np.ones((0, 2, 4, 4)), requires_grad=True)
        y = max_pool2d(x, 2)
        assert y.shape == (0, 2, 2, 2)
        y.sum().backward()
        assert x.grad is not None
        assert x.grad.shape == x.shape

    @pytest.mark.parametrize(
        ("shape", "settings", "error", "words"),
        [
            ((2, 4, 4), {"kernel_size": 2}, ValueError, ["(2, 4, 4)", "(N, C, H, W)"]),
            ((1, 1, 4, 2), {"kernel_size": 3}, ValueError, ["kernel of shape (3, 3)", "(4, 2)"]),
            ((1, 1, 4, 4), {"kernel_size": 0}, ValueError, ["kernel_size=0", "at least 1"]),
            ((1, 1, 4, 4), {"kernel_size": 2.0}, TypeError, ["kernel_size=2.0", "integer"]),
            ((1, 1, 4, 4), {"kernel_size": 2, "stride": 0}, ValueError, ["stride=0", "at least 1"]),
            ((1, 1, 4, 4), {"kernel_size": 2, "padding": -1}, ValueError, ["padding=-1", "at least 0"]),
            ((1, 1, 4, 4), {"kernel_size": (2, 3), "padding": 2}, ValueError, ["padding (2, 2)", "half", "(2, 3)"]),
        ],
    )
    def test_wrong_arguments(
        self, shape: tuple[int, ...], settings: dict[str, Any], error: type[Exception], words: list[str]
    ) -> None:
        check_message(error, ["max_pool2d", *words], lambda: max_pool2d(np.ones(shape), **settings))

    def test_numbers_that_are_not_floating(self) -> None:
        images = np.ones((1, 1, 4, 4), np.int64)
        check_message(TypeError, ["max_pool2d", "int64", "astype"], lambda: max_pool2d(images, 2))


def _reversed(x: Array) -> Array:
    return np.flip(np.array(np.flip(x)))
