"""Convolution, held against plain loops, against one another, and against numerical derivatives."""

from functools import partial
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import correlate2d

from autograd_np import Tensor, gradients
from autograd_np.neural import conv2d
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.neural.checks import check_message
from tests.autograd_np.strategies import arrays, pairs

Array = NDArray[Any]
Method = Literal["direct", "fft", "gemm"]
METHODS: list[Method] = ["direct", "fft", "gemm"]


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
