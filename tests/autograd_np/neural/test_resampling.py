"""Interpolation against its formula, and pixels that are moved against loops; and numerical derivatives of all.

Of one kind are sizes that grow, shrink, stay, and are 1, along each axis by itself; what comes back to an element is
added up wherever several were taken of it, and is 0 where none was.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autograd_np import Tensor
from autograd_np.neural import conv2d, interpolate, pixel_shuffle, unfold
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.neural.checks import check_message
from tests.autograd_np.strategies import arrays, pairs

Array = NDArray[Any]


def lines(x: Array, size: int, align_corners: bool) -> Array:
    """Return what lies on lines between the elements along the last axis, which go on as they end."""
    n = x.shape[-1]
    if align_corners:
        at = np.linspace(0, n - 1, size) if size > 1 else np.zeros(1)
    else:
        at = (np.arange(size) + 0.5) * n / size - 0.5
    return np.apply_along_axis(lambda values: np.interp(at, np.arange(n), values), -1, x)


class TestInterpolate:
    @given(pairs(1, 5), pairs(1, 9))
    def test_nearest_takes_the_element_at_the_upper_left(self, image: tuple[int, int], size: tuple[int, int]) -> None:
        x = np.random.default_rng(0).normal(size=(2, 2, *image))
        rows, columns = ([i * n // new for i in range(new)] for n, new in zip(image, size, strict=True))
        np.testing.assert_array_equal(interpolate(x, size), x[:, :, rows][..., columns])
        np.testing.assert_array_equal(interpolate(x[:, 0], size[1]), x[:, 0][..., columns])

    @given(pairs(1, 5), pairs(1, 9), st.booleans())
    def test_bilinear_lies_on_lines_along_both_axes(
        self, image: tuple[int, int], size: tuple[int, int], align_corners: bool
    ) -> None:
        x = np.random.default_rng(0).normal(size=(2, 2, *image))
        expected = lines(lines(x, size[1], align_corners).mT, size[0], align_corners).mT
        y = interpolate(x, size, mode="bilinear", align_corners=align_corners)
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
        y = interpolate(x[:, 0], size[1], mode="linear", align_corners=align_corners)
        np.testing.assert_allclose(y, lines(x[:, 0], size[1], align_corners), rtol=1e-12, atol=1e-12)

    @given(pairs(1, 4), pairs(1, 6), st.sampled_from([("nearest", None), ("bilinear", True), ("bilinear", False)]))
    def test_derivatives(self, image: tuple[int, int], size: tuple[int, int], how: tuple[Any, bool | None]) -> None:
        x = np.random.default_rng(0).normal(size=(1, 2, *image))
        check_gradients(lambda x: interpolate(x, size, None, *how) ** 2, x, order=2)
        check_float32(lambda x: interpolate(x, size, None, *how), x)

    @pytest.mark.parametrize(("factor", "size"), [(2, (6, 8)), (0.5, (1, 2)), ((1.5, 0.3), (4, 1)), (1, (3, 4))])
    def test_a_factor_gives_sizes_that_are_rounded_down(self, factor: Any, size: tuple[int, int]) -> None:
        x = np.random.default_rng(0).normal(size=(1, 2, 3, 4))
        assert interpolate(x, scale_factor=factor).shape == (1, 2, *size)
        assert interpolate(x, scale_factor=factor, mode="bilinear").shape == (1, 2, *size)

    def test_nearest_elements_are_those_of_the_factor_and_not_of_the_rounded_size(self) -> None:
        x = np.array([[[1.0, 2.0]]])
        np.testing.assert_array_equal(interpolate(x, scale_factor=1.01), [[[1, 1]]])
        np.testing.assert_array_equal(interpolate(x, scale_factor=2.01), [[[1, 1, 1, 2]]])
        check_gradients(lambda x: interpolate(x, scale_factor=2.01) ** 2, x, order=2)

    def test_a_pixel_that_is_not_finite_reaches_its_neighbours_alone(self) -> None:
        x = np.ones((1, 1, 4, 4))
        x[0, 0, 0, 0] = np.nan
        for settings in ({}, {"mode": "bilinear"}, {"mode": "bilinear", "align_corners": True}):
            y = interpolate(x, 8, **settings)
            assert np.isfinite(y[0, 0, 4:]).all()
            assert np.isfinite(y[0, 0, :, 4:]).all()
        leaf = Tensor(np.ones((1, 1, 2, 2)), requires_grad=True)
        y = interpolate(leaf, 3)
        y.backward(np.where(np.arange(3) == 2, np.inf, np.ones((1, 1, 3, 3))))
        np.testing.assert_array_equal(leaf.grad, [[[[4, np.inf], [2, np.inf]]]])

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
    @pytest.mark.parametrize("mode", ["nearest", "bilinear"])
    def test_the_dtype_stays(self, dtype: Any, mode: Any) -> None:
        x = Tensor(np.full((1, 1, 3, 3), 6e4), requires_grad=True, dtype=dtype)
        y = interpolate(x, 5, mode=mode)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y.data, np.full((1, 1, 5, 5), x.data[0, 0, 0, 0]))
        y.backward(np.ones(y.shape))
        assert x.grad.dtype == dtype
        g = Tensor(np.ones((1, 1, 1, 1)), requires_grad=True, dtype=dtype)
        # Half of these add up to more than float16 can hold.
        interpolate(g, 20, mode=mode).backward(np.where(np.arange(400).reshape(1, 1, 20, 20) < 200, 1e3, -1e3))
        assert abs(g.grad.item()) <= 2e5 * float(np.finfo(dtype).eps)

    @pytest.mark.parametrize(
        ("shape", "settings", "error", "words"),
        [
            ((3, 4), {"size": 2}, ValueError, ["(3, 4)", "(N, C, H, W)", "(N, C, L)"]),
            ((1, 1, 1, 3, 4), {"size": 2}, ValueError, ["(1, 1, 1, 3, 4)", "(N, C, H, W)"]),
            ((1, 1, 3, 4), {}, ValueError, ["size=None", "scale_factor=None", "one of the two"]),
            ((1, 1, 3, 4), {"size": 2, "scale_factor": 2}, ValueError, ["size=2", "scale_factor=2", "one of the two"]),
            ((1, 1, 3, 4), {"size": 0}, ValueError, ["size=0", "at least 1"]),
            ((1, 1, 3, 4), {"size": (2, 2, 2)}, ValueError, ["size=(2, 2, 2)", "height and width"]),
            ((1, 1, 3), {"size": (2, 2)}, ValueError, ["size=(2, 2)"]),
            ((1, 1, 3, 4), {"size": 2.0}, TypeError, ["size=2.0", "integer"]),
            ((1, 1, 3, 4), {"scale_factor": 0}, ValueError, ["scale_factor=0", "positive"]),
            ((1, 1, 3, 4), {"scale_factor": np.nan}, ValueError, ["scale_factor=nan", "positive"]),
            ((1, 1, 3, 4), {"scale_factor": "2"}, ValueError, ["scale_factor='2'", "positive"]),
            ((1, 1, 3, 4), {"scale_factor": (2.0,)}, ValueError, ["scale_factor=(2.0,)", "2 axes"]),
            ((1, 1, 3, 4), {"scale_factor": 0.2}, ValueError, ["scale_factor=0.2", "leaves nothing", "(3, 4)"]),
            ((1, 1, 3, 4), {"size": 2, "mode": "bicubic"}, ValueError, ["'bicubic'", "nearest", "bilinear"]),
            ((1, 1, 3, 4), {"size": 2, "mode": "linear"}, ValueError, ["'linear'", "(1, 1, 3, 4)", "bilinear"]),
            ((1, 1, 3), {"size": 2, "mode": "bilinear"}, ValueError, ["'bilinear'", "(1, 1, 3)", "or linear"]),
            ((1, 1, 3), {"size": 2, "align_corners": False}, ValueError, ["align_corners", "'nearest'"]),
            ((1, 1, 0, 4), {"size": 2}, ValueError, ["(1, 1, 0, 4)", "nothing"]),
        ],
    )
    def test_wrong_arguments(
        self, shape: tuple[int, ...], settings: dict[str, Any], error: type[Exception], words: list[str]
    ) -> None:
        check_message(error, ["interpolate", *words], lambda: interpolate(np.ones(shape), **settings))

    def test_numbers_that_are_not_floating(self) -> None:
        check_message(TypeError, ["interpolate", "int64"], lambda: interpolate(np.ones((1, 1, 2, 2), np.int64), 3))

    def test_an_empty_batch(self) -> None:
        assert interpolate(np.ones((0, 2, 3, 4)), 5, mode="bilinear").shape == (0, 2, 5, 5)


class TestPixelShuffle:
    @given(st.integers(1, 3), st.sampled_from([(), (2,), (2, 1)]), st.integers(1, 2), pairs(1, 3))
    def test_each_pixel_of_a_tile_is_of_another_channel(
        self, r: int, batch: tuple[int, ...], c: int, image: tuple[int, int]
    ) -> None:
        x = np.random.default_rng(0).normal(size=(*batch, c * r * r, *image))
        y = pixel_shuffle(x, r)
        assert y.shape == (*batch, c, image[0] * r, image[1] * r)
        for k, i, j in np.ndindex(c, r, r):
            np.testing.assert_array_equal(y[..., k, i::r, j::r], x[..., k * r * r + i * r + j, :, :])
        check_gradients(lambda x: pixel_shuffle(x, r) ** 2, x, order=2)

    def test_wrong_arguments(self) -> None:
        check_message(ValueError, ["pixel_shuffle", "(6, 2, 2)", "C 2 2"], lambda: pixel_shuffle(np.ones((6, 2, 2)), 2))
        check_message(ValueError, ["pixel_shuffle", "(4, 2)"], lambda: pixel_shuffle(np.ones((4, 2)), 2))
        check_message(ValueError, ["pixel_shuffle", "upscale_factor=0"], lambda: pixel_shuffle(np.ones((4, 2, 2)), 0))
        check_message(TypeError, ["pixel_shuffle", "2.0"], lambda: pixel_shuffle(np.ones((4, 2, 2)), 2.0))


class TestUnfold:
    @given(st.data(), pairs(1, 3), pairs(1, 3), pairs(1, 3), pairs(0, 2))
    def test_a_convolution_is_a_product_with_it(
        self, data: st.DataObject, kernel: Any, stride: Any, dilation: Any, padding: Any
    ) -> None:
        fields = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
        image = [max(1, f - 2 * p) + data.draw(st.integers(0, 2)) for f, p in zip(fields, padding, strict=True)]
        x, w = data.draw(arrays((2, 2, *image))), data.draw(arrays((3, 2, *kernel)))
        columns = unfold(x, kernel, dilation, padding, stride)
        expected = conv2d(x, w, None, stride, padding, dilation)
        np.testing.assert_allclose(w.reshape(3, -1) @ columns, expected.reshape(2, 3, -1), rtol=0, atol=1e-12)
        np.testing.assert_array_equal(unfold(x[0], kernel, dilation, padding, stride), columns[0])
        check_gradients(lambda x: unfold(x, kernel, dilation, padding, stride) ** 2, x)

    @pytest.mark.parametrize(
        ("shape", "settings", "error", "words"),
        [
            ((3, 4), {"kernel_size": 2}, ValueError, ["(3, 4)", "(N, C, H, W)"]),
            ((1, 3, 4), {"kernel_size": 4}, ValueError, ["(4, 4)", "(3, 4)"]),
            ((1, 3, 4), {"kernel_size": 2, "stride": 0}, ValueError, ["stride=0", "at least 1"]),
            ((1, 3, 4), {"kernel_size": 2, "padding": -1}, ValueError, ["padding=-1", "at least 0"]),
            ((1, 3, 4), {"kernel_size": 2.5}, TypeError, ["kernel_size=2.5", "integer"]),
        ],
    )
    def test_wrong_arguments(
        self, shape: tuple[int, ...], settings: dict[str, Any], error: type[Exception], words: list[str]
    ) -> None:
        check_message(error, ["unfold", *words], lambda: unfold(np.ones(shape), **settings))
