"""The fast kernels against plain definitions, with the results of many calls alive at once."""

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.signal
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograd_np import tune_process
from autograd_np.neural import kernels
from autograd_np.neural.arguments import Pair

Array = np.ndarray

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
layouts = st.permutations(range(4))


@pytest.fixture(params=[False, True], ids=["plain", "tuned"])
def process(request: pytest.FixtureRequest) -> Any:
    tune_process(request.param)
    yield
    tune_process(False)


def lying(x: Array, axes: list[int]) -> Array:
    """Return an equal array with its axes in another order in memory."""
    return np.ascontiguousarray(x.transpose(axes)).transpose(np.argsort(axes))


def correlation(x: Array, w: Array, b: Array, stride: Pair, padding: Pair) -> Array:
    (p, q), (s, t) = padding, stride
    x = np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)))
    full = [[scipy.signal.correlate(image, f, "valid", "direct")[0] for f in w] for image in x]
    return np.array(full)[:, :, ::s, ::t] + b[:, None, None]


@st.composite
def problems(draw: st.DrawFn) -> Any:
    """Draw convolutions on both sides of where the way to compute them changes."""
    c, o = draw(st.sampled_from([1, 2, 16])), draw(st.sampled_from([1, 3, 16]))
    kernel, stride = draw(pairs), draw(st.just((1, 1)) | pairs)
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    image = [draw(st.integers(max(1, k - 2 * p), 7)) for k, p in zip(kernel, padding, strict=True)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.normal(size=(draw(st.integers(1, 3)), c, *image))
    return lying(x, draw(layouts)), rng.normal(size=(o, c, *kernel)), rng.normal(size=o), stride, padding, rng


def thick(channels: int, filters: int, stride: Pair, padding: Pair) -> Any:
    """Return a convolution with a kernel of 3 x 2 and many channels or filters, where other ways to compute begin."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, channels, 7, 8)), rng.normal(size=(filters, channels, 3, 2))
    return x, w, rng.normal(size=filters), stride, padding, rng


@given(problems(), layouts, st.sampled_from([1, 100, 2**17]))
@example(thick(16, 2, (1, 1), (0, 0)), [0, 1, 2, 3], 2**17)
@example(thick(16, 2, (2, 1), (1, 0)), [2, 3, 1, 0], 1)
@example(thick(16, 2, (1, 2), (0, 1)), [1, 0, 3, 2], 40)
@example(thick(2, 16, (1, 1), (1, 0)), [0, 1, 2, 3], 40)
@example(thick(2, 16, (1, 1), (2, 1)), [0, 1, 2, 3], 2**17)
@example(thick(2, 16, (1, 1), (0, 1)), [0, 1, 2, 3], 1)
@example(thick(2, 16, (2, 1), (0, 0)), [0, 1, 2, 3], 40)
def test_convolutions_are_their_definition_and_its_adjoints(problem: Any, layout: list[int], cached: int) -> None:
    x, w, b, stride, padding, rng = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "_CACHED", cached)  # small images would fit whole
        y = kernels.correlate(x, w, b, stride, padding)
    np.testing.assert_allclose(y, correlation(x, w, b, stride, padding), rtol=1e-12, atol=1e-12)
    g = lying(rng.normal(size=y.shape), layout)
    # <g, x * w> is linear in x and in w, and its gradients are what it meets there.
    product = np.sum(g * (y - b[:, None, None]))
    by_image = kernels.image_gradient(g, w, x.shape[2:], stride, padding)
    by_kernel = kernels.kernel_gradient(x, g, w.shape[2:], stride, padding)
    assert (by_image.shape, by_kernel.shape) == (x.shape, w.shape)
    np.testing.assert_allclose([np.sum(by_image * x), np.sum(by_kernel * w)], product, rtol=1e-9, atol=1e-8)
    # Elsewhere, too: the gradients do not depend on the point.
    x2, w2 = rng.normal(size=x.shape), rng.normal(size=w.shape)
    products = [np.sum(g * kernels.correlate(*args, None, stride, padding)) for args in ((x2, w), (x, w2))]
    np.testing.assert_allclose([np.sum(by_image * x2), np.sum(by_kernel * w2)], products, rtol=1e-9, atol=1e-8)


@given(hnp.arrays(float, hnp.array_shapes(min_dims=4, max_dims=4, min_side=0), elements=st.integers(-9, 9)), layouts)
def test_a_bias_meets_every_pixel(g: Array, layout: list[int]) -> None:
    np.testing.assert_array_equal(kernels.bias_gradient(lying(g, layout)), g.sum(axis=(0, 2, 3)))


@pytest.mark.usefixtures("process")
@pytest.mark.parametrize(
    "shape", [(3, 4, 2), (3, 1, 2), (400, 30, 300), (400, 1, 300), (1, 1, 2**17), (2, 0, 2), (0, 1, 2)]
)
def test_products_are_those_of_numpy(shape: tuple[int, int, int]) -> None:
    """Those of columns and rows, large ones, and empty ones, in any order in memory."""
    m, k, n = shape
    rng = np.random.default_rng(0)
    for a, b in itertools.product(
        (rng.normal(size=(m, k)), rng.normal(size=(k, m)).T), (rng.normal(size=(k, n)), rng.normal(size=(n, k)).T)
    ):
        np.testing.assert_allclose(kernels.matmul(a, b), a @ b, rtol=1e-13, atol=1e-13)


def first_maxima(x: Array, g: Array, kernel: Pair) -> tuple[Array, Array]:
    (kh, kw), y, total = kernel, np.empty_like(g), np.zeros_like(x)
    for n, c, i, j in np.ndindex(*g.shape):
        tile = x[n, c, i * kh : (i + 1) * kh, j * kw : (j + 1) * kw]
        place = np.unravel_index(tile.argmax(), tile.shape)
        y[n, c, i, j] = tile[place]
        total[n, c, i * kh + place[0], j * kw + place[1]] = g[n, c, i, j]
    return y, total


@given(
    st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    pairs,
    layouts,
    layouts,
    st.integers(0, 2**32),
)
def test_the_first_maximum_of_a_tile_has_the_gradient(
    shape: Any, kernel: Pair, layout: list[int], other: list[int], seed: int
) -> None:
    kernel = min(kernel[0], shape[2]), min(kernel[1], shape[3])
    rng = np.random.default_rng(seed)
    x = lying(rng.integers(0, 3, shape).astype(float), layout)  # with many ties
    y, across = kernels.max_of_tiles(x, kernel)
    assert y.shape == (*shape[:2], shape[2] // kernel[0], shape[3] // kernel[1])
    g = lying(rng.normal(size=y.shape), other)
    expected, total = first_maxima(x, g, kernel)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(kernels.max_of_tiles_gradient(g, y, across, x, kernel), total)


@pytest.mark.usefixtures("process")
def test_large_ones_keep_the_results_of_many_calls() -> None:
    """No result shares memory with a later one's: as if every call had been the only one."""
    rng = np.random.default_rng(0)
    found, expected = [], []
    for channels, _ in itertools.product((1, 8), range(4)):
        x = rng.normal(size=(16, channels, 20, 20)).astype(np.float32)
        w = rng.normal(size=(8, channels, 5, 5)).astype(np.float32)
        y = kernels.correlate(x, w, None, (1, 1), (2, 2))
        best, across = kernels.max_of_tiles(y, (2, 2))
        results = [
            y,
            best,
            kernels.max_of_tiles_gradient(best, best, across, y, (2, 2)),
            kernels.image_gradient(y, w, (20, 20), (1, 1), (2, 2)),
            kernels.kernel_gradient(x, y, (5, 5), (1, 1), (2, 2)),
        ]
        assert all(result.dtype == np.float32 for result in results)
        found.append(results)
        expected.append([result.copy() for result in results])
    for results, copies in zip(found, expected, strict=True):
        for result, copy in zip(results, copies, strict=True):
            np.testing.assert_array_equal(result, copy)
    arrays = [result for results in found for result in results]
    assert not any(np.shares_memory(a, b) for a, b in itertools.combinations(arrays, 2))
    x = rng.normal(size=(16, 8, 20, 20))
    w = rng.normal(size=(8, 8, 5, 5))
    y = kernels.correlate(x, w, None, (1, 1), (2, 2))
    np.testing.assert_allclose(y, correlation(x, w, np.zeros(8), (1, 1), (2, 2)), rtol=1e-11, atol=1e-11)


def test_a_tuned_process_has_the_same_bits() -> None:
    rng = np.random.default_rng(1)

    def results() -> list[Array]:
        y = kernels.correlate(x, w, b, (1, 1), (2, 2))
        best, across = kernels.max_of_tiles(y, (2, 2))
        back = kernels.max_of_tiles_gradient(best, best, across, y, (2, 2))
        return [y, back, kernels.image_gradient(back, w, (20, 20), (1, 1), (2, 2))]

    for channels in (1, 16):
        x = rng.normal(size=(32, channels, 20, 20)).astype(np.float32)
        w, b = rng.normal(size=(16, channels, 5, 5)).astype(np.float32), rng.normal(size=16).astype(np.float32)
        plain = results()
        tune_process()
        try:
            for _ in range(5):
                for here, there in zip(results(), plain, strict=True):
                    np.testing.assert_array_equal(here, there)
        finally:
            tune_process(False)


@pytest.mark.parametrize("channels", [1, 16])
@pytest.mark.parametrize("doubled", [0, 1, 2])
def test_one_operand_of_double_precision_makes_the_result_double(channels: int, doubled: int) -> None:
    rng = np.random.default_rng(0)
    operands = [rng.normal(size=shape).astype("f") for shape in ((2, channels, 7, 8), (3, channels, 3, 2), (3,))]
    operands[doubled] = operands[doubled].astype(float)
    y = kernels.correlate(*operands, (1, 1), (0, 0))
    assert y.dtype == float
    np.testing.assert_allclose(y, correlation(*operands, (1, 1), (0, 0)), rtol=1e-5, atol=1e-5)
