"""Fourier transforms along several axes: of real and complex numbers, cropped, padded and scaled."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_np import Tensor
from tests.autograd_np.checks import check_gradients
from tests.autograd_np.rules.test_fourier import TO_REAL, norms, signals
from tests.autograd_np.strategies import Call


@st.composite
def along_several_axes(draw: st.DrawFn, f: Any) -> Call:
    x = draw(signals(f, min_dims=2))
    axis = st.integers(-x.ndim, x.ndim - 1)
    along = draw(st.lists(axis, min_size=1, max_size=3))  # NumPy lets them repeat
    s: Any = draw(st.none() | st.lists(st.integers(1, 4) | st.just(-1), min_size=len(along), max_size=len(along)))
    if f in TO_REAL:
        s = [2 if n == -1 else n for n in s or [-1] * len(along)]
    options: dict[str, Any] = {"s": s, "axes": along, "norm": draw(norms)}
    if draw(st.booleans()) and not (f in TO_REAL and 1 in x.shape):
        options = {"norm": options["norm"]}
    return Call(f"{f.__name__} {options} of {x.dtype} {x.shape}", partial(f, **options), (x,))


COMPOSED: dict[Any, SearchStrategy[Call]] = {
    f: along_several_axes(f)
    for f in (np.fft.fftn, np.fft.fft2, np.fft.ifftn, np.fft.ifft2, np.fft.rfftn, np.fft.rfft2, np.fft.irfftn,
              np.fft.irfft2)
}  # fmt: skip
"""Calls of each function that this file tests."""

IMPLEMENTED = set(COMPOSED)


@pytest.mark.parametrize("function", COMPOSED, ids=lambda f: f.__name__)
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(COMPOSED[function])
    check_gradients(call.function, *call.arrays)


def test_every_argument_by_position() -> None:
    x = np.random.default_rng(0).standard_normal((3, 4))
    check_gradients(lambda x: np.fft.fftn(x, (2, -1), (1, 0), "ortho", None), x)
    check_gradients(lambda x: np.fft.irfft2(x, (2, 3), (1, 0), "ortho"), x + 1j * x[::-1])


x = Tensor(np.ones((2, 3)), requires_grad=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: np.fft.fft2(x, out=np.empty((2, 3), complex)), TypeError, "np.fft.fft2: out= is not supported"),
        (lambda: np.fft.fftn(x, (2, 2)), TypeError, r"np.fft.fftn: s=\(2, 2\) without axes="),
        (lambda: np.fft.rfftn(x, (2, 2), (0,)), ValueError, r"np.fft.rfftn: s=\(2, 2\) and axes=\(0,\) differ"),
    ],
)
def test_bad_calls(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
