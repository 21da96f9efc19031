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
from autograd_np.neural import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.neural.checks import check_message
from tests.autograd_np.strategies import arrays, pairs

Array = NDArray[Any]
Method = Literal["direct", "fft", "gemm"]
METHODS: list[Method] = ["direct", "fft", "gemm"]


@st.composite
def convolutions(draw: st.DrawFn, most_groups: int = 1) -> tuple[tuple[Array, ...], dict[str, Any]]:
    """Draw images, filters, sometimes a bias, and the settings."""
    kernel, stride, padding = draw(pairs(1, 3)), draw(pairs(1, 3)), draw(pairs(0, 2))
    dilation = draw(st.just((1, 1)) | pairs(1, 3))
    fields = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    image = [draw(st.integers(least := max(1, f - 2 * p), max(5, least))) for f, p in zip(fields, padding, strict=True)]
    n, c, o = (draw(st.integers(1, 2)) for _ in range(3))
    groups = draw(st.integers(1, most_groups))
    given = [draw(arrays((n, groups * c, *image))), draw(arrays((groups * o, c, *kernel)))]
    if draw(st.booleans()):
        given.append(draw(arrays((groups * o,))))
    return tuple(given), {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


def looped_conv2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> Array:
    padded = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    spread = np.zeros((*weight.shape[:2], *(d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:], strict=True))))
    spread[:, :, :: dilation[0], :: dilation[1]] = weight
    parts = zip(np.split(padded, groups, axis=1), np.split(spread, groups), strict=True)
    correlate = partial(correlate2d, mode="valid")
    y = np.concatenate(
        [[[sum(map(correlate, image, f)) for f in filters] for image in images] for images, filters in parts], axis=1
    )
    y = y[:, :, :: stride[0], :: stride[1]]
    return y if bias is None else y + bias[:, None, None]


class TestConv2d:
    @given(convolutions(), st.sampled_from(METHODS))
    def test_derivatives(self, problem: tuple[tuple[Array, ...], dict[str, Any]], method: Method) -> None:
        given, settings = problem
        f = partial(conv2d, **settings, method=method)
        check_gradients(f, *given)
        check_float32(f, *given)

    @given(convolutions(most_groups=3))
    def test_derivatives_of_groups(self, problem: tuple[tuple[Array, ...], dict[str, Any]]) -> None:
        given, settings = problem
        f = partial(conv2d, **settings)
        np.testing.assert_allclose(f(*given), looped_conv2d(*given, **settings), rtol=0, atol=1e-12)
        check_gradients(f, *given)
        check_float32(f, *given)

    @pytest.mark.parametrize("method", METHODS)
    def test_third_derivative(self, method: Method) -> None:
        rng = np.random.default_rng(0)
        x, w = rng.normal(size=(1, 2, 4, 3)), rng.normal(size=(2, 2, 2, 2))
        check_gradients(lambda x, w: conv2d(x, w, stride=(2, 1), padding=1, method=method) ** 2, x, w, order=3)
        x = rng.normal(size=(1, 2, 3, 3))
        check_gradients(lambda x, w: conv2d(x, w, padding=1, dilation=(2, 1), method=method) ** 2, x, w, order=3)

    @pytest.mark.parametrize("c", [1, 2])
    def test_third_derivative_of_groups(self, c: int) -> None:
        rng = np.random.default_rng(0)
        x, w = rng.normal(size=(1, 2 * c, 3, 3)), rng.normal(size=(2, c, 2, 2))
        check_gradients(lambda x, w: conv2d(x, w, padding=1, dilation=(2, 1), groups=2) ** 2, x, w, order=3)

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

    @pytest.mark.parametrize("dilation", [(1, 2), (2, 1), (2, 3)])
    def test_many_channels_with_dilation(self, dilation: tuple[int, int]) -> None:
        """From so many on, the gradient of the images is a correlation with the flipped filters."""
        rng = np.random.default_rng(0)
        x, w = rng.normal(size=(2, 17, 8, 9)), rng.normal(size=(18, 17, 3, 2))
        found = []
        for method in METHODS:
            leaves = [Tensor(a, requires_grad=True) for a in (x, w)]
            y = conv2d(*leaves, stride=1, padding=1, dilation=dilation, method=method)
            found.append([y.data, *(g.data for g in gradients(y, leaves, np.cos(np.arange(y.size)).reshape(y.shape)))])
        for results in found[1:]:
            for a, b in zip(results, found[0], strict=True):
                np.testing.assert_allclose(a, b, rtol=0, atol=1e-11)

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
            ([(5, 5), (2, 1, 3, 3)], {}, ValueError, ["x of shape (5, 5)", "(N, C, H, W)", "(C, H, W)"]),
            ([(1, 1, 1, 5, 5), (2, 1, 3, 3)], {}, ValueError, ["x of shape (1, 1, 1, 5, 5)", "(N, C, H, W)"]),
            ([(3, 5, 5), (2, 1, 3, 3)], {}, ValueError, ["(3, 5, 5)", "(2, 1, 3, 3)", "3 channels", "axis 0 of x"]),
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
            ([(1, 1, 5, 5), (2, 1, 3, 3)], {"padding": "full"}, ValueError, ["padding 'full'", "same", "valid"]),
            (
                [(1, 1, 5, 5), (2, 1, 3, 3)],
                {"padding": "same", "stride": 2},
                ValueError,
                ["'same'", "stride", "(2, 2)"],
            ),
            ([(1, 1, 5, 5), (2, 1, 3, 3)], {"dilation": 0}, ValueError, ["dilation=0", "at least 1"]),
            (
                [(1, 1, 5, 5), (2, 1, 3, 3)],
                {"dilation": 3},
                ValueError,
                ["kernel of shape (3, 3)", "covers (7, 7)", "(5, 5)"],
            ),
            ([(1, 4, 5, 5), (3, 2, 3, 3)], {"groups": 2}, ValueError, ["groups=2", "divisor", "3 filters"]),
            ([(1, 3, 5, 5), (2, 2, 3, 3)], {"groups": 2}, ValueError, ["3 channels", "2 in each of 2 groups"]),
            ([(1, 2, 5, 5), (2, 1, 3, 3)], {"groups": 0}, ValueError, ["groups=0", "at least 1"]),
            ([(1, 2, 5, 5), (2, 1, 3, 3)], {"groups": 2.0}, TypeError, ["groups=2.0", "integer"]),
            ([(1, 2, 5, 5), (2, 1, 3, 3)], {"groups": 2, "method": "fft"}, ValueError, ["'fft'", "groups=2", "gemm"]),
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


class TestSamePadding:
    @given(pairs(1, 4), pairs(1, 3), st.integers(0, 2**32 - 1))
    def test_the_size_stays_and_what_is_odd_comes_at_the_end(
        self, kernel: tuple[int, int], dilation: tuple[int, int], seed: int
    ) -> None:
        rng = np.random.default_rng(seed)
        x, w = rng.normal(size=(2, 2, 5, 4)), rng.normal(size=(3, 2, *kernel))
        y = conv2d(x, w, padding="same", dilation=dilation)
        assert y.shape == (2, 3, 5, 4)
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        around = np.pad(x, [(0, 0), (0, 0), *((total // 2, total - total // 2) for total in totals)])
        np.testing.assert_allclose(y, conv2d(around, w, dilation=dilation), rtol=0, atol=1e-12)

    def test_valid_is_none(self) -> None:
        x, w = np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3))
        np.testing.assert_array_equal(conv2d(x, w, padding="valid"), conv2d(x, w))

    def test_derivatives(self) -> None:
        rng = np.random.default_rng(0)
        x, w = rng.normal(size=(1, 2, 3, 4)), rng.normal(size=(2, 2, 2, 4))
        check_gradients(lambda x, w: conv2d(x, w, padding="same") ** 2, x, w, order=2)


def test_one_image_is_a_batch_of_one() -> None:
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(2, 5, 4)), rng.normal(size=(3, 2, 3, 2)), rng.normal(size=3)
    np.testing.assert_array_equal(conv2d(x, w, b, 2, 1), conv2d(x[None], w, b, 2, 1)[0])
    check_gradients(lambda x, w, b: conv2d(x, w, b, 2, 1) ** 2, x, w, b, order=2)


@pytest.mark.parametrize("settings", [{"dilation": 2}, {"dilation": 2, "groups": 2}, {"groups": 2}])
def test_no_filter_meets_what_lies_between_its_rows(settings: dict[str, Any]) -> None:
    """Zeros there would make NaN of infinite pixels."""
    x = Tensor(np.ones((1, 2, 3, 4)), requires_grad=True)
    x.data[:, :, 1] = np.inf
    dilation = settings.get("dilation", 1)
    w = Tensor(np.ones((2, 2 // settings.get("groups", 1), 2, 1)), requires_grad=True)
    y = conv2d(x[:, :, ::2] if dilation == 1 else x, w, **settings)
    assert np.isfinite(y.data).all()
    y.backward(np.ones(y.shape))
    assert np.isfinite(x.grad).all()
    assert np.isfinite(w.grad).all()


class TestConv1d:
    @given(convolutions(most_groups=2))
    def test_it_is_conv2d_with_one_row(self, problem: tuple[tuple[Array, ...], dict[str, Any]]) -> None:
        (x, w, *b), settings = problem
        settings = {name: value if name == "groups" else value[1] for name, value in settings.items()}
        rows = {
            name: value if name == "groups" else (int(name != "padding"), value) for name, value in settings.items()
        }
        x, w = x[:, :, :1], w[:, :, :1]
        expected = conv2d(x, w, *b, **(rows | {"padding": (0, settings["padding"])}))
        x, w = x[:, :, 0], w[:, :, 0]
        np.testing.assert_array_equal(conv1d(x, w, *b, **settings), expected[:, :, 0])
        np.testing.assert_array_equal(conv1d(x[0], w, *b, **settings), conv1d(x, w, *b, **settings)[0])
        check_gradients(lambda *given: conv1d(*given, **settings), x, w, *b)

    @pytest.mark.parametrize(
        ("shapes", "settings", "error", "words"),
        [
            ([(5,), (2, 1, 3)], {}, ValueError, ["x of shape (5,)", "(N, C, L)", "(C, L)"]),
            ([(1, 1, 5, 5), (2, 1, 3)], {}, ValueError, ["x of shape (1, 1, 5, 5)", "(N, C, L)"]),
            ([(1, 1, 5), (2, 1, 3, 3)], {}, ValueError, ["weight of shape (2, 1, 3, 3)", "(O, C, k)"]),
            ([(3, 5), (2, 1, 3)], {}, ValueError, ["(3, 5)", "(2, 1, 3)", "3 channels", "axis 0 of x"]),
            ([(1, 1, 5), (2, 1, 3)], {"stride": (1, 1)}, ValueError, ["stride=(1, 1)", "at least 1"]),
            ([(1, 1, 5), (2, 1, 3)], {"padding": -1}, ValueError, ["padding=-1", "at least 0"]),
            ([(1, 1, 5), (2, 1, 3)], {"dilation": 1.5}, TypeError, ["dilation=1.5", "integer"]),
            ([(1, 1, 2), (2, 1, 3)], {}, ValueError, ["(1, 3)", "(1, 2)"]),
            ([(1, 1, 5), (2, 1, 3), (3,)], {}, ValueError, ["bias of shape (3,)", "(2, 1, 3)", "(2,)"]),
        ],
    )
    def test_wrong_arguments(
        self, shapes: list[tuple[int, ...]], settings: dict[str, Any], error: type[Exception], words: list[str]
    ) -> None:
        check_message(error, ["conv1d", *words], lambda: conv1d(*map(np.ones, shapes), **settings))


@st.composite
def transposed(draw: st.DrawFn) -> tuple[tuple[Array, ...], dict[str, Any]]:
    """Draw images, filters, sometimes a bias, and the settings of a transposed convolution."""
    kernel, stride, dilation = draw(pairs(1, 3)), draw(pairs(1, 3)), draw(pairs(1, 3))
    fields = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    padding = tuple(draw(st.integers(0, (f - 1) // 2)) for f in fields)
    more = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    n, i, o, groups = (draw(st.integers(1, 2)) for _ in range(4))
    given = [draw(arrays((n, groups * i, *draw(pairs(1, 3))))), draw(arrays((groups * i, o, *kernel)))]
    if draw(st.booleans()):
        given.append(draw(arrays((groups * o,))))
    names = {"stride": stride, "padding": padding, "output_padding": more, "dilation": dilation}
    return tuple(given), names | {"groups": groups}


class TestConvTranspose2d:
    @given(transposed())
    def test_it_adds_each_pixel_times_the_filters(self, problem: tuple[tuple[Array, ...], dict[str, Any]]) -> None:
        (x, w, *b), settings = problem
        y = conv_transpose2d(x, w, *b, **settings)
        (s, t), (d, e), (top, left) = (settings[name] for name in ("stride", "dilation", "padding"))
        (kh, kw), (n, _, h, width), groups = w.shape[2:], x.shape, settings["groups"]
        total = np.zeros((n, groups * w.shape[1], *(np.array(y.shape[2:]) + 2 * np.array(settings["padding"]))))
        for i, j, k, m in np.ndindex(h, width, kh, kw):
            parts = zip(np.split(x[:, :, i, j], groups, axis=1), np.split(w[:, :, k, m], groups), strict=True)
            total[:, :, i * s + k * d, j * t + m * e] += np.concatenate([a @ f for a, f in parts], axis=1)
        total = total[:, :, top : top + y.shape[2], left : left + y.shape[3]]
        np.testing.assert_allclose(y, total + (b[0][:, None, None] if b else 0), rtol=0, atol=1e-12)

    @given(transposed())
    def test_derivatives(self, problem: tuple[tuple[Array, ...], dict[str, Any]]) -> None:
        given, settings = problem
        f = partial(conv_transpose2d, **settings)
        check_gradients(f, *given)
        check_float32(f, *given)

    def test_third_derivative(self) -> None:
        rng = np.random.default_rng(0)
        x, w, b = rng.normal(size=(1, 2, 2, 2)), rng.normal(size=(2, 1, 2, 2)), rng.normal(size=2)
        settings = {"stride": (2, 1), "padding": 1, "dilation": (1, 3), "output_padding": (1, 2), "groups": 2}
        check_gradients(lambda *given: conv_transpose2d(*given, **settings) ** 2, x, w, b, order=3)

    def test_it_is_the_gradient_of_a_convolution(self) -> None:
        rng = np.random.default_rng(0)
        x, w = Tensor(rng.normal(size=(2, 3, 5, 6)), requires_grad=True), rng.normal(size=(4, 3, 3, 2))
        y = conv2d(x, w, stride=2, padding=1)
        g = rng.normal(size=y.shape)
        y.backward(g)
        np.testing.assert_allclose(conv_transpose2d(g, w, None, 2, 1, (0, 0)), x.grad, rtol=0, atol=1e-12)

    @given(transposed())
    def test_one_dimension_is_one_row(self, problem: tuple[tuple[Array, ...], dict[str, Any]]) -> None:
        (x, w, *b), settings = problem
        settings = {name: value if name == "groups" else value[1] for name, value in settings.items()}
        rows = {name: (int(name in ("stride", "dilation")), settings[name]) for name in settings if name != "groups"}
        x, w = x[:, :, :1], w[:, :, :1]
        expected = conv_transpose2d(x, w, *b, **rows, groups=settings["groups"])[:, :, 0]
        x, w = x[:, :, 0], w[:, :, 0]
        np.testing.assert_array_equal(conv_transpose1d(x, w, *b, **settings), expected)
        np.testing.assert_array_equal(conv_transpose1d(x[0], w, *b, **settings), expected[0])
        check_gradients(lambda *given: conv_transpose1d(*given, **settings), x, w, *b)

    @pytest.mark.parametrize(
        ("shapes", "settings", "error", "words"),
        [
            ([(5, 5), (1, 2, 3, 3)], {}, ValueError, ["x of shape (5, 5)", "(N, C, H, W)"]),
            ([(1, 1, 5, 5), (2, 3, 3)], {}, ValueError, ["weight of shape (2, 3, 3)", "(I, O / groups, kh, kw)"]),
            ([(3, 5, 5), (2, 1, 3, 3)], {}, ValueError, ["(3, 5, 5)", "(2, 1, 3, 3)", "3 channels", "axis 0 of x"]),
            ([(1, 3, 5, 5), (3, 1, 3, 3)], {"groups": 2}, ValueError, ["groups=2", "divisor", "3 input channels"]),
            ([(1, 1, 5, 5), (1, 2, 3, 3)], {"output_padding": 1}, ValueError, ["output_padding (1, 1)", "less than"]),
            ([(1, 1, 5, 5), (1, 2, 3, 3)], {"output_padding": -1}, ValueError, ["output_padding=-1", "at least 0"]),
            ([(1, 1, 1, 1), (1, 2, 2, 2)], {"padding": 1}, ValueError, ["(1, 1)", "(2, 2)", "leave nothing"]),
            ([(1, 1, 0, 3), (1, 2, 2, 2)], {}, ValueError, ["(0, 3)", "leave nothing"]),
            ([(1, 1, 5, 5), (1, 2, 0, 3)], {}, ValueError, ["(1, 2, 0, 3)", "no elements"]),
            ([(1, 1, 5, 5), (1, 2, 3, 3), (1,)], {}, ValueError, ["bias of shape (1,)", "(1, 2, 3, 3)", "(2,)"]),
            ([(1, 1, 5, 5), (1, 2, 3, 3)], {"stride": 2.0}, TypeError, ["stride=2.0", "integer"]),
        ],
    )
    def test_wrong_arguments(
        self, shapes: list[tuple[int, ...]], settings: dict[str, Any], error: type[Exception], words: list[str]
    ) -> None:
        check_message(error, ["conv_transpose2d", *words], lambda: conv_transpose2d(*map(np.ones, shapes), **settings))

    @pytest.mark.parametrize(("n", "i", "o"), [(0, 2, 3), (2, 0, 3), (2, 2, 0)])
    def test_nothing_to_do(self, n: int, i: int, o: int) -> None:
        y = conv_transpose2d(np.ones((n, i, 3, 2)), np.ones((i, o, 2, 2)), stride=2)
        assert y.shape == (n, o, 6, 4)
        assert not y.any()
