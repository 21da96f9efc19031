"""Fourier transforms of real and complex numbers: cropped, padded, scaled, along one axis."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_np import Tensor
from autograd_np.primitives import primitive_of
from tests.autograd_np.checks import check_gradients, recorded
from tests.autograd_np.strategies import Array, Call, arrays, axes, shapes

norms = st.sampled_from([None, "backward", "ortho", "forward"])
TO_REAL = (np.fft.irfft, np.fft.irfftn, np.fft.irfft2, np.fft.hfft)
FROM_REAL = (np.fft.rfft, np.fft.rfftn, np.fft.rfft2, np.fft.ihfft)


@st.composite
def signals(draw: st.DrawFn, f: Any, min_dims: int = 1) -> Array:
    """Draw real numbers for the transforms that take only these, and else complex ones too."""
    x = draw(arrays(shapes(1, min_dims=min_dims)))
    if f in FROM_REAL or (f not in TO_REAL and draw(st.booleans())):
        return x
    return x + 1j * draw(arrays(x.shape))


@st.composite
def along_one_axis(draw: st.DrawFn, f: Any) -> Call:
    x = draw(signals(f))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    n = draw(st.integers(1, 6) | (st.nothing() if f in TO_REAL and x.shape[axis] == 1 else st.none()))
    options = {"n": n, "axis": axis, "norm": draw(norms)}
    return Call(f"{f.__name__} {options} of {x.dtype}", partial(f, **options), (x,))


@st.composite
def shifts(draw: st.DrawFn, f: Any) -> Call:
    x = draw(arrays(shapes(min_dims=1)))
    along = draw(axes(x.ndim).filter(lambda axis: axis != ()))
    return Call(f"{f.__name__}, axes={along}", partial(f, axes=along), (x,))


CASES: dict[Any, SearchStrategy[Call]] = {
    **{f: along_one_axis(f) for f in (np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft, np.fft.ihfft)},
    np.fft.fftshift: shifts(np.fft.fftshift),
    np.fft.ifftshift: shifts(np.fft.ifftshift),
}
"""Calls of each primitive that this file tests."""


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    check_gradients(call.function, *call.arrays)
    assert primitive_of(function) in recorded(call.function(Tensor(call.arrays[0], requires_grad=True)))


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@given(data=st.data())
def test_single_precision_stays(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    single = [np.float32, np.complex64]
    x = call.arrays[0].astype(single[call.arrays[0].dtype == complex])
    y = call.function(Tensor(x, requires_grad=True))
    assert y.dtype == call.function(x).dtype
    assert y.dtype in single
    (rule,) = primitive_of(function).vjps
    assert rule is not None
    assert rule(y.data, y.data, x, **call.function.keywords).dtype in single


# -- what a transform means -------------------------------------------------------------------------------------------


@given(n=st.integers(1, 9), norm=norms)
@pytest.mark.parametrize("pair", [(np.fft.fft, np.fft.ifft), (np.fft.rfft, np.fft.irfft), (np.fft.ihfft, np.fft.hfft)])
def test_there_and_back_is_the_identity(pair: Any, n: int, norm: str | None) -> None:
    """Its Jacobian is then the identity, too: the gradient comes back as it was."""
    there, back = pair
    x = Tensor(np.arange(n) - 1.5, requires_grad=True)
    g = np.random.default_rng(n).standard_normal(n)
    y = back(there(x, norm=norm), n, norm=norm)
    y.backward(g.astype(y.dtype))
    np.testing.assert_allclose(x.grad, g, atol=1e-12)


def test_the_energy_of_a_spectrum() -> None:
    """Parseval: sum |X|^2 = n sum x^2, so that its gradient is 2 n x."""
    x = Tensor([1.0, -2.0, 0.5, 3.0, 0.25], requires_grad=True)
    np.sum(np.absolute(np.fft.fft(x)) ** 2).backward()
    np.testing.assert_allclose(x.grad, 10 * x.data)


def test_imaginary_parts_that_a_real_transform_ignores_have_slope_0() -> None:
    x = Tensor([1 + 1j, 2 - 1j, 3 + 2j], requires_grad=True)
    np.fft.irfft(x).backward([1.0, 2.0, -1.0, 0.5])
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.imag[[0, 2]], [0, 0])
    assert x.grad.imag[1] != 0


# -- spellings, bad input ---------------------------------------------------------------------------------------------


def test_every_argument_by_position() -> None:
    x = np.random.default_rng(0).standard_normal((3, 4))
    check_gradients(lambda x: np.fft.fft(x, 5, 0, "ortho"), x)
    check_gradients(lambda x: np.fft.rfft(x, 3, 1, "forward"), x)
    check_gradients(lambda x: np.fft.fftshift(x, 1), x)


x = Tensor(np.ones((2, 3)), requires_grad=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: np.fft.fft(x, out=np.empty((2, 3), complex)), TypeError, r"np.fft.fft: out=[\s\S]* is not supported"),
        (lambda: np.fft.fft(x, 0), ValueError, "np.fft.fft of float64"),
        (lambda: np.fft.fft(x, norm="unitary"), ValueError, "unitary"),
        (lambda: np.fft.rfft(x * 1j), TypeError, "np.fft.rfft of complex128"),
    ],
)
def test_bad_calls(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
