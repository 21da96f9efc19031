"""Pooling, held against plain loops and against numerical derivatives."""

import itertools
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autograd_np import Tensor
from autograd_np.neural import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.neural.checks import check_message
from tests.autograd_np.strategies import GRID, arrays, pairs

Array = NDArray[Any]


@st.composite
def poolings(draw: st.DrawFn) -> dict[str, Any]:
    """Draw settings, and the shape of images that they fit."""
    kernel = draw(pairs(1, 4))
    stride = draw(st.none() | pairs(1, 3))
    dilation = draw(st.just((1, 1)) | pairs(1, 3))
    fields = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    padding = tuple(draw(st.integers(0, f // 2)) for f in fields)
    least = [max(d, f - 2 * p) for d, f, p in zip(dilation, fields, padding, strict=True)]
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *(draw(st.integers(n, max(n, 5))) for n in least))
    settings = {"kernel_size": kernel, "stride": stride, "padding": padding}
    return {"shape": shape, "settings": settings | {"dilation": dilation, "ceil_mode": draw(st.booleans())}}


def windows_along(
    n: int, k: int, stride: int, padding: int, dilation: int = 1, ceil_mode: bool = False
) -> list[list[int]]:
    """Return the places in each window along an axis, those in the padding too."""
    starts = range(-padding, n + padding, stride)
    found = [[start + i * dilation for i in range(k)] for start in starts]
    if ceil_mode:  # those that begin in the images or before them, as many as it takes to cover what is there
        last = next((i for i, window in enumerate(found) if window[-1] >= n + padding - 1), len(found) - 1)
        return [window for window in found[: last + 1] if window[0] < n]
    return [window for window in found if window[-1] < n + padding]


def looped_max_pool2d(
    x: Array,
    g: Array | None,
    kernel_size: tuple[int, int],
    stride: tuple[int, int] | None,
    padding: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
    ceil_mode: bool = False,
) -> tuple[Array, Array]:
    """Return the maxima, and what `g` (by default ones) gives each element: the first of the largest has all."""
    parts = zip(x.shape[2:], kernel_size, stride or kernel_size, padding, dilation, strict=True)
    down, right = (windows_along(*sizes, ceil_mode) for sizes in parts)
    y = np.empty((*x.shape[:2], len(down), len(right)))
    gradient = np.zeros_like(x)
    for i, j, p, q in np.ndindex(*y.shape):
        rows = [row for row in down[p] if 0 <= row < x.shape[2]]
        columns = [column for column in right[q] if 0 <= column < x.shape[3]]
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

    def test_an_element_that_is_largest_in_two_dilated_windows(self) -> None:
        x = Tensor(np.arange(5.0).reshape(1, 1, 1, 5) * [1, 1, 9, 1, 1], requires_grad=True)
        y = max_pool2d(x, (1, 2), (1, 2), dilation=2)
        np.testing.assert_array_equal(y.data, [[[[18, 18]]]])
        y.backward(np.array([[[[1.0, 2.0]]]]))
        np.testing.assert_array_equal(x.grad, [[[[0, 0, 3, 0, 0]]]])

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
            ((4, 4), {"kernel_size": 2}, ValueError, ["(4, 4)", "(N, C, H, W)", "(C, H, W)"]),
            ((1, 1, 4, 4), {"kernel_size": 3, "dilation": 2}, ValueError, ["(3, 3)", "covers (5, 5)", "(4, 4)"]),
            ((1, 1, 4, 4), {"kernel_size": 9, "stride": 2, "ceil_mode": True}, ValueError, ["(9, 9)", "(4, 4)"]),
            ((1, 1, 4, 4), {"kernel_size": 2, "dilation": 0}, ValueError, ["dilation=0", "at least 1"]),
            ((1, 1, 1, 4), {"kernel_size": 2, "dilation": 2, "padding": 1}, ValueError, ["dilation (2, 2)", "(1, 4)"]),
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


class TestMaxPool1d:
    @given(poolings(), st.data())
    def test_it_is_max_pool2d_with_one_row(self, problem: dict[str, Any], data: st.DataObject) -> None:
        x = data.draw(arrays(problem["shape"], [-np.inf, -1.0, 0.0, 1.0, np.nan]))[:, :, 0]
        given = problem["settings"]
        settings = {name: given[name][1] for name in ("kernel_size", "padding", "dilation")}
        settings |= {"stride": given["stride"] and given["stride"][1], "ceil_mode": given["ceil_mode"]}
        rows = {"kernel_size": (1, settings["kernel_size"]), "stride": given["stride"] and (1, given["stride"][1])}
        rows |= {"padding": (0, settings["padding"]), "dilation": (1, settings["dilation"])}
        expected, of_x = looped_max_pool2d(x[:, :, None], None, **rows, ceil_mode=given["ceil_mode"])
        leaf = Tensor(x, requires_grad=True)
        y = max_pool1d(leaf, **settings)
        np.testing.assert_array_equal(y.data, expected[:, :, 0])
        np.testing.assert_array_equal(max_pool1d(x[0], **settings), expected[0, :, 0])
        y.backward(np.ones(y.shape))
        np.testing.assert_array_equal(leaf.grad, of_x[:, :, 0])

    def test_wrong_arguments(self) -> None:
        check_message(
            ValueError, ["max_pool1d", "(1, 1, 1, 4)", "(N, C, L)"], lambda: max_pool1d(np.ones((1, 1, 1, 4)), 2)
        )
        check_message(ValueError, ["max_pool1d", "kernel_size=(2, 2)"], lambda: max_pool1d(np.ones((1, 4)), (2, 2)))


@st.composite
def means(draw: st.DrawFn) -> tuple[Array, dict[str, Any]]:
    """Draw images and the settings of their means."""
    problem = draw(poolings())
    settings = problem["settings"]
    del settings["dilation"]
    settings["padding"] = tuple(
        min(p, k // 2) for p, k in zip(settings["padding"], settings["kernel_size"], strict=True)
    )
    smallest = (max(n, k) for n, k in zip(problem["shape"][2:], settings["kernel_size"], strict=True))
    settings |= {"count_include_pad": draw(st.booleans()), "divisor_override": draw(st.none() | st.integers(1, 5))}
    return draw(arrays((*problem["shape"][:2], *smallest))), settings


class TestAvgPool2d:
    @given(means())
    def test_it_is_the_mean_of_each_window(self, problem: tuple[Array, dict[str, Any]]) -> None:
        x, settings = problem
        (top, left), kernel = settings["padding"], settings["kernel_size"]
        parts = zip(x.shape[2:], kernel, settings["stride"] or kernel, (top, left), strict=True)
        down, right = (windows_along(*sizes, 1, settings["ceil_mode"]) for sizes in parts)
        y = np.empty((*x.shape[:2], len(down), len(right)))
        for p, q in np.ndindex(*y.shape[2:]):
            rows, columns = (
                [i for i in w if 0 <= i < n] for w, n in zip((down[p], right[q]), x.shape[2:], strict=True)
            )
            around = [i for i in down[p] if i < x.shape[2] + top], [i for i in right[q] if i < x.shape[3] + left]
            counted = around if settings["count_include_pad"] else (rows, columns)
            divisor = settings["divisor_override"] or len(counted[0]) * len(counted[1])
            y[:, :, p, q] = x[:, :, rows][..., columns].sum(axis=(2, 3)) / divisor
        np.testing.assert_allclose(avg_pool2d(x, **settings), y, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(avg_pool2d(x[0], **settings), y[0], rtol=1e-12, atol=1e-12)

    @given(means())
    def test_derivatives(self, problem: tuple[Array, dict[str, Any]]) -> None:
        x, settings = problem
        check_gradients(lambda x: avg_pool2d(x, **settings) ** 2, x, order=2)
        check_float32(lambda x: avg_pool2d(x, **settings), x)

    def test_one_dimension_is_one_row(self) -> None:
        x = np.random.default_rng(0).normal(size=(2, 3, 7))
        for settings in [(3,), (3, 2, 1), (2, 3, 1, True), (3, 2, 1, True, False)]:
            expected = avg_pool2d(x[:, :, None], (1, settings[0]), *_rows(settings[1:]))
            np.testing.assert_array_equal(avg_pool1d(x, *settings), expected[:, :, 0])
            np.testing.assert_array_equal(avg_pool1d(x[0], *settings), expected[0, :, 0])
            check_gradients(lambda x, settings=settings: avg_pool1d(x, *settings) ** 2, x, order=2)

    def test_sums_that_float16_cannot_hold(self) -> None:
        x = Tensor(np.full((1, 1, 4, 4), 3e4, np.float16), requires_grad=True)
        for y in (avg_pool2d(x, 4), adaptive_avg_pool2d(x, 1)):
            assert y.dtype == np.float16
            np.testing.assert_array_equal(y.data, np.full((1, 1, 1, 1), 3e4, np.float16))
        y.backward()
        np.testing.assert_array_equal(x.grad, np.full((1, 1, 4, 4), 1 / 16, np.float16))

    def test_an_infinite_pixel_is_in_its_windows_alone(self) -> None:
        x = np.ones((1, 1, 4, 4))
        x[0, 0, 0, 0] = np.inf
        for y in (avg_pool2d(x, 2), adaptive_avg_pool2d(x, 2)):
            np.testing.assert_array_equal(y, [[[[np.inf, 1], [1, 1]]]])
        np.testing.assert_array_equal(adaptive_avg_pool2d(x, 3)[0, 0, 1:], np.ones((2, 3)))

    def test_result_has_its_own_memory(self) -> None:
        x = np.ones((1, 2, 3, 4))
        assert not np.shares_memory(avg_pool2d(x, 1), x)
        assert not np.shares_memory(adaptive_avg_pool2d(x, (3, 4)), x)
        assert not np.shares_memory(adaptive_max_pool2d(x, (3, 4)), x)

    @pytest.mark.parametrize(
        ("shape", "settings", "error", "words"),
        [
            ((4, 4), {"kernel_size": 2}, ValueError, ["(4, 4)", "(N, C, H, W)"]),
            ((1, 1, 4, 2), {"kernel_size": 3}, ValueError, ["kernel of shape (3, 3)", "(4, 2)"]),
            ((1, 1, 4, 4), {"kernel_size": 2, "padding": 2}, ValueError, ["padding (2, 2)", "half", "(2, 2)"]),
            ((1, 1, 4, 4), {"kernel_size": 2, "divisor_override": 0}, ValueError, ["divisor_override=0", "at least 1"]),
            ((1, 1, 4, 4), {"kernel_size": 2, "stride": 1.0}, TypeError, ["stride=1.0", "integer"]),
        ],
    )
    def test_wrong_arguments(
        self, shape: tuple[int, ...], settings: dict[str, Any], error: type[Exception], words: list[str]
    ) -> None:
        check_message(error, ["avg_pool2d", *words], lambda: avg_pool2d(np.ones(shape), **settings))

    def test_numbers_that_are_not_floating(self) -> None:
        images = np.ones((1, 1, 4, 4), np.int64)
        check_message(TypeError, ["avg_pool2d", "int64", "astype"], lambda: avg_pool2d(images, 2))


def _rows(settings: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return stride and padding along one row for those of a sequence, and the rest as it is."""
    return tuple((1 - i, n) if i < 2 else n for i, n in enumerate(settings))


class TestAdaptivePools:
    """All sizes: those that divide the images', those that do not, and larger ones."""

    @given(st.integers(1, 6), st.integers(1, 6), pairs(1, 7), st.integers(0, 2**32 - 1))
    def test_windows_cover_their_parts_of_the_images(self, h: int, w: int, size: tuple[int, int], seed: int) -> None:
        x = np.random.default_rng(seed).integers(-3, 3, (2, 1, h, w)).astype(float)
        rows, columns = (
            [slice(int(np.floor(i * n / parts)), int(np.ceil((i + 1) * n / parts))) for i in range(parts)]
            for n, parts in zip((h, w), size, strict=True)
        )
        for pool, reduced in ((adaptive_avg_pool2d, np.mean), (adaptive_max_pool2d, np.max)):
            expected = [[reduced(x[:, :, row, column], axis=(2, 3)) for column in columns] for row in rows]
            expected = np.moveaxis(expected, (0, 1), (2, 3))
            np.testing.assert_allclose(pool(x, size), expected, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(pool(x[0], size), expected[0], rtol=1e-12, atol=1e-12)

    @given(pairs(1, 5), st.integers(0, 2**32 - 1))
    def test_derivatives(self, size: tuple[int, int], seed: int) -> None:
        x = np.random.default_rng(seed).permutation(24).reshape(1, 2, 3, 4) / 8
        for pool in (adaptive_avg_pool2d, adaptive_max_pool2d):
            check_gradients(lambda x, pool=pool: pool(x, size) ** 2, x, order=2)
            check_float32(lambda x, pool=pool: pool(x, size), x)

    def test_the_first_of_the_largest_has_the_gradient(self) -> None:
        for size in (1, 2, 3):
            x = Tensor(np.ones((1, 1, 4, 4)), requires_grad=True)
            adaptive_max_pool2d(x, size).sum().backward()
            firsts = [i * 4 // size for i in range(size)]
            expected = np.zeros((4, 4))
            expected[np.ix_(firsts, firsts)] = 1
            np.testing.assert_array_equal(x.grad, expected[None, None])

    def test_one_dimension_is_one_row(self) -> None:
        x = np.random.default_rng(0).normal(size=(2, 3, 7))
        for one, two in ((adaptive_avg_pool1d, adaptive_avg_pool2d), (adaptive_max_pool1d, adaptive_max_pool2d)):
            for n in (1, 3, 7, 9):
                np.testing.assert_array_equal(one(x, n), two(x[:, :, None], (1, n))[:, :, 0])
                np.testing.assert_array_equal(one(x[0], n), one(x, n)[0])

    def test_none_is_the_inputs_own_size(self) -> None:
        x = np.random.default_rng(0).normal(size=(2, 3, 5, 4))
        for pool in (adaptive_avg_pool2d, adaptive_max_pool2d):
            np.testing.assert_array_equal(pool(x, (None, 2)), pool(x, (5, 2)))
            np.testing.assert_array_equal(pool(x, None), x)

    @pytest.mark.parametrize(
        ("shape", "size", "error", "words"),
        [
            ((4, 4), 2, ValueError, ["(4, 4)", "(N, C, H, W)"]),
            ((1, 1, 4, 4), 0, ValueError, ["output_size=(0, 0)", "at least 1"]),
            ((1, 1, 4, 4), (1, 2, 3), ValueError, ["output_size=(1, 2, 3)", "height and width"]),
            ((1, 1, 4, 4), 2.0, TypeError, ["output_size=(2.0, 2.0)", "integer"]),
            ((1, 1, 0, 4), 2, ValueError, ["(0, 4)", "nothing"]),
        ],
    )
    def test_wrong_arguments(self, shape: tuple[int, ...], size: Any, error: type[Exception], words: list[str]) -> None:
        for pool in (adaptive_avg_pool2d, adaptive_max_pool2d):
            check_message(error, [pool.__name__, *words], lambda pool=pool: pool(np.ones(shape), size))


def _reversed(x: Array) -> Array:
    return np.flip(np.array(np.flip(x)))


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
@pytest.mark.parametrize("shape", [(1, 1, 2, 70), (1, 1, 70, 2)])
def test_no_window_along_one_axis(ceil_mode, pool, shape):
    with pytest.raises(ValueError, match="does not fit"):
        pool(np.ones(shape), 10, 4, ceil_mode=ceil_mode)
