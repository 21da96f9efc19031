"""Convolutions and correlations: SciPy's values in every mode, and their derivatives."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor
from autograd_np.scipy import signal
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.strategies import Array, arrays

MODES, METHODS = ["full", "same", "valid"], ["auto", "direct", "fft"]


@st.composite
def pairs(draw: st.DrawFn, mode: str, ndim: int | None = None) -> tuple[Array, Array]:
    """Draw two arrays, of which either may be the larger one; for "valid" it holds the other."""
    ndim = draw(st.integers(0, 3)) if ndim is None else ndim
    side = st.integers(1, 4 if ndim < 3 else 3)
    first, second = (tuple(draw(side) for _ in range(ndim)) for _ in range(2))
    if mode == "valid":
        first, second = tuple(map(max, first, second)), tuple(map(min, first, second))
        if draw(st.booleans()):
            first, second = second, first
    return draw(arrays(first)), draw(arrays(second))


@pytest.mark.parametrize("name", ["convolve", "correlate"])
@pytest.mark.parametrize("mode", MODES)
@given(data=st.data(), method=st.sampled_from(METHODS))
def test_in_every_mode(name: str, mode: str, method: str, data: st.DataObject) -> None:
    a, v = data.draw(pairs(mode))
    f = partial(getattr(signal, name), mode=mode, method=method)
    np.testing.assert_allclose(f(a, v), getattr(scipy.signal, name)(a, v, mode, method), rtol=1e-12, atol=1e-12)
    check_gradients(f, a, v)
    check_float32(f, a, v)


@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
@pytest.mark.parametrize("mode", MODES)
@given(data=st.data(), boundary=st.sampled_from(["fill", "wrap", "symm"]), fillvalue=st.sampled_from([0, 1.5]))
def test_matrices(name: str, mode: str, boundary: Any, fillvalue: float, data: st.DataObject) -> None:
    a, v = data.draw(pairs(mode, ndim=2))
    f = partial(getattr(signal, name), mode=mode, boundary=boundary, fillvalue=fillvalue)
    expected = getattr(scipy.signal, name)(a, v, mode, boundary, fillvalue)
    np.testing.assert_allclose(f(a, v), expected, rtol=1e-12, atol=1e-12)
    check_gradients(f, a, v)
    check_float32(f, a, v)


@given(data=st.data(), mode=st.sampled_from(MODES))
def test_fftconvolve(mode: Any, data: st.DataObject) -> None:
    a, v = data.draw(pairs(mode, ndim=2))
    f = partial(signal.fftconvolve, mode=mode)
    np.testing.assert_allclose(f(a, v), scipy.signal.fftconvolve(a, v, mode), rtol=1e-12, atol=1e-12)
    check_gradients(f, a, v)


@pytest.mark.parametrize("name", ["convolve", "correlate", "convolve2d", "correlate2d"])
@pytest.mark.parametrize("mode", MODES)
def test_complex_numbers(name: str, mode: Any) -> None:
    rng = np.random.default_rng(0)
    a, v = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape) for shape in ((4, 3), (2, 2)))
    f = partial(getattr(signal, name), mode=mode)
    np.testing.assert_allclose(f(a, v), getattr(scipy.signal, name)(a, v, mode), rtol=1e-12)
    check_gradients(f, a, v)
    check_gradients(f, a.real, v)
    check_gradients(f, a, v.real)


def test_third_order() -> None:
    rng = np.random.default_rng(1)
    a, v = rng.standard_normal((5, 4)), rng.standard_normal((2, 3))
    check_gradients(lambda a, v: np.sin(signal.convolve(a, v, "valid")), a, v, order=3)


def test_lists_and_integers() -> None:
    np.testing.assert_array_equal(signal.convolve([1, 2], [1, 10]), scipy.signal.convolve([1, 2], [1, 10]))
    assert signal.convolve([1, 2], [1, 10]).dtype.kind == "i"
    check_gradients(lambda x: signal.correlate(x, [1, 2]), np.array([1.0, 2.0, 3.0]))


def leaf(*shape: int) -> Tensor:
    return Tensor(np.ones(shape), requires_grad=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: signal.convolve(leaf(3), leaf(2, 2)), r"convolve: in1 of shape \(3,\) and in2 of shape \(2, 2\)"),
        (lambda: signal.correlate(leaf(0), leaf(2)), r"correlate: in1 of shape \(0,\).* has no elements"),
        (lambda: signal.convolve(leaf(3), leaf(2), mode="wrong"), "convolve: mode='wrong' is none of"),
        (lambda: signal.correlate(leaf(3), leaf(2), mode="wrong"), "correlate: mode='wrong' is none of"),
        (lambda: signal.convolve(leaf(3), leaf(2), method="wrong"), "method"),
        (lambda: signal.convolve(leaf(3, 1), leaf(1, 3), mode="valid"), r"float64 \(3, 1\) and float64 \(1, 3\)"),
        (lambda: signal.convolve2d(leaf(3), leaf(2)), r"convolve2d: .* 2 axes each"),
        (lambda: signal.convolve2d(leaf(3, 3), leaf(2, 2), boundary="edge"), "convolve2d: boundary='edge' is none of"),
    ],
)
def test_wrong_arguments_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
