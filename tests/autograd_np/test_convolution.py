"""Convolution and max pooling, held against plain loops, against one another, and against numerical derivatives."""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import correlate2d

from autograd_np import Tensor, gradients
from autograd_np.neural import conv2d, max_pool2d
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.strategies import GRID, arrays

Array = NDArray[Any]
Method = Literal["direct", "fft", "gemm"]
METHODS: list[Method] = ["direct", "fft", "gemm"]


def pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[tuple[Array, ...], dict[str, Any]]:
    """Draw images, filters, sometimes a bias, and the settings."""
    kernel, stride, padding = draw(pairs(1, 3)), draw(pairs(1, 3)), draw(pairs(0, 2))
    image = [draw(st.integers(max(1, k - 2 * p), 5)) for k, p in zip(kernel, padding, strict=True)]
    n, c, o = (draw(st.integers(1, 2)) for _ in range(3))
    given = [draw(arrays((n, c, *image))), draw(arrays((o, c, *kernel)))]
    if draw(st.booleans()):
        given.append(draw(arrays((o,))))
    return tuple(given), {"stride": stride, "padding": padding}


def looped_conv2d(
    x: Array, weight: Array, bias: Array | None = None, *, stride: tuple[int, int], padding: tuple[int, int]
) -> Array:
    padded = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    y = np.array([[sum(map(partial(correlate2d, mode="valid"), image, f)) for f in weight] for image in padded])
    y = y[:, :, :: stride[0], :: stride[1]]
    return y if bias is None else y + bias[:, None, None]


class TestConv2d:
    @given(convolutions(), st.sampled_from(METHODS))
    def test_derivatives(self, problem: tuple[tuple[Array, ...], dict[str, Any]], method: Method) -> None:
        given, settings = problem
        f = partial(conv2d, **settings, method=method)
        check_gradients(f, *given)
        check_float32(f, *given)

    @pytest.mark.parametrize("method", METHODS)
    def test_third_derivative(self, method: Method) -> None:
        rng = np.random.default_rng(0)
        x, w = rng.normal(size=(1, 2, 4, 3)), rng.normal(size=(2, 2, 2, 2))
        check_gradients(lambda x, w: conv2d(x, w, stride=(2, 1), padding=1, method=method) ** 2, x, w, order=3)

    @given(convolutions(), st.sampled_from([np.float32, np.float64]))
    def test_methods_agree_with_loops_and_one_another(
        self, problem: tuple[tuple[Array, ...], dict[str, Any]], dtype: type[np.floating[Any]]
    ) -> None:
        given, settings = problem
        expected = looped_conv2d(*given, **settings)
        weights = np.random.default_rng(0).normal(size=expected.shape)
        tolerance = 1e-12 if dtype is np.float64 else 1e-4
        first = None
        for method in METHODS:
            leaves = [Tensor(a, requires_grad=True, dtype=dtype) for a in given]
            y = conv2d(*leaves, **settings, method=method)
            assert y.dtype == dtype
            np.testing.assert_allclose(y.data, expected, rtol=0, atol=tolerance)
            found = [g.data for g in gradients(y, leaves, weights)]
            assert all(g.dtype == dtype for g in found)
            first = first or found
            for g, other in zip(found, first, strict=True):
                np.testing.assert_allclose(g, other, rtol=0, atol=10 * tolerance)

    def test_many_channels_and_images(self) -> None:
        rng = np.random.default_rng(0)
        x, w, b = rng.normal(size=(5, 7, 11, 9)), rng.normal(size=(6, 7, 4, 3)), rng.normal(size=6)
        expected = looped_conv2d(x, w, b, stride=(2, 1), padding=(1, 2))
        for method in METHODS:
            y = conv2d(x, w, b, stride=(2, 1), padding=(1, 2), method=method)
            np.testing.assert_allclose(y, expected, rtol=0, atol=1e-11)

    def test_auto_chooses_by_the_work(self) -> None:
        rng = np.random.default_rng(0)
        small, large = rng.normal(size=(1, 1, 28, 28)), rng.normal(size=(1, 1, 256, 256))
        for x, k, chosen in [(small, 3, "gemm"), (large, 3, "gemm"), (large, 33, "fft")]:
            w = rng.normal(size=(1, 1, k, k))
            # The methods differ in rounding, which tells them apart.
            assert [m for m in ("gemm", "fft") if np.array_equal(conv2d(x, w), conv2d(x, w, method=m))] == [chosen]

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize(("n", "c", "o"), [(0, 2, 3), (2, 0, 3), (2, 2, 0)])
    def test_nothing_to_do(self, n: int, c: int, o: int, method: Method) -> None:
        x, w = (Tensor(np.ones(shape), requires_grad=True) for shape in [(n, c, 5, 4), (o, c, 3, 2)])
        y = conv2d(x, w, stride=2, padding=1, method=method)
        assert y.shape == (n, o, 3, 3)
        assert not y.data.any()
        y.backward(np.ones(y.shape))
        np.testing.assert_array_equal(x.grad, np.zeros(x.shape))
        np.testing.assert_array_equal(w.grad, np.zeros(w.shape))

    def test_arrays_in_arrays_out(self) -> None:
        x, w = np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2))
        assert type(conv2d(x, w)) is np.ndarray
        assert conv2d(x.tolist(), Tensor(w)).item() == 4
        assert "origin=conv2d" in repr(conv2d(x, Tensor(w, requires_grad=True)))

    @pytest.mark.parametrize(
        ("shapes", "settings", "error", "words"),
        [
            ([(1, 5, 5), (2, 1, 3, 3)], {}, ValueError, ["x of shape (1, 5, 5)", "(N, C, H, W)", "x[None]"]),
            ([(5, 5), (2, 1, 3, 3)], {}, ValueError, ["x of shape (5, 5)", "(N, C, H, W)"]),
            ([(1, 1, 5, 5), (2, 3, 3)], {}, ValueError, ["weight of shape (2, 3, 3)", "(O, C, kh, kw)"]),
            ([(1, 3, 5, 5), (2, 1, 3, 3)], {}, ValueError, ["(1, 3, 5, 5)", "(2, 1, 3, 3)", "3 channels", "axis 1"]),
            ([(1, 1, 5, 5), (2, 1, 3, 3), (3,)], {}, ValueError, ["bias of shape (3,)", "(2, 1, 3, 3)", "(2,)"]),
            ([(1, 1, 5, 2), (2, 1, 3, 3)], {}, ValueError, ["kernel of shape (3, 3)", "(5, 2)", "(0, 0)"]),
            ([(1, 1, 2, 9), (2, 1, 5, 3)], {"padding": 1}, ValueError, ["kernel of shape (5, 3)", "(1, 1)", "(4, 11)"]),
            ([(1, 1, 5, 5), (2, 1, 0, 3)], {}, ValueError, ["kernel of shape (0, 3)"]),
            ([(1, 1, 5, 5), (2, 1, 3, 3)], {"stride": 0}, ValueError, ["stride=0", "at least 1"]),
            ([(1, 1, 5, 5), (2, 1, 3, 3)], {"stride": (1, 2, 3)}, ValueError, ["stride=(1, 2, 3)", "height and width"]),
            ([(1, 1, 5, 5), (2, 1, 3, 3)], {"stride": 1.5}, TypeError, ["stride=1.5", "integer"]),
            ([(1, 1, 5, 5), (2, 1, 3, 3)], {"padding": (0, -1)}, ValueError, ["padding=(0, -1)", "at least 0"]),
            ([(1, 1, 5, 5), (2, 1, 3, 3)], {"padding": "same"}, TypeError, ["padding='same'", "integer"]),
            ([(1, 1, 5, 5), (2, 1, 3, 3)], {"method": "winograd"}, ValueError, ["'winograd'", "direct", "fft", "gemm"]),
        ],
    )
    def test_wrong_arguments(
        self, shapes: list[tuple[int, ...]], settings: dict[str, Any], error: type[Exception], words: list[str]
    ) -> None:
        given = [np.ones(shape) for shape in shapes]
        for kind in (np.asarray, partial(Tensor, requires_grad=True)):
            check_message(error, ["conv2d", *words], lambda kind=kind: conv2d(*map(kind, given), **settings))

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_numbers_that_are_not_floating(self, place: int) -> None:
        given: list[Any] = [np.ones((1, 1, 5, 5)), np.ones((2, 1, 3, 3)), np.ones(2)]
        given[place] = given[place].astype(np.uint8)
        check_message(TypeError, ["conv2d", ("x", "weight", "bias")[place], "uint8", "astype"], lambda: conv2d(*given))


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
            ((2, 4, 4), {"kernel_size": 2}, ValueError, ["(2, 4, 4)", "(N, C, H, W)", "x[None]"]),
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


def check_message(error: type[Exception], words: list[str], call: Callable[[], Any]) -> None:
    with pytest.raises(error) as caught:
        call()
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)
