"""Convolution of vectors: of any lengths, in every mode, real and complex."""

from functools import partial
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_np import Tensor
from autograd_np.primitives import primitive_of
from tests.autograd_np.checks import check_float32, check_gradients, recorded
from tests.autograd_np.strategies import Call, arrays

Z = np.array([1 + 2j, -1j, 0.5, 2 - 1j])


@st.composite
def convolutions(draw: st.DrawFn, f: Any) -> Call:
    sizes = hnp.array_shapes(max_dims=1, max_side=6) | (st.just(()) if f is np.convolve else st.nothing())
    a, v = draw(arrays(sizes)), draw(arrays(sizes))
    mode = draw(st.sampled_from(["full", "same", "valid"]))
    return Call(f"{f.__name__}, {mode}", partial(f, mode=mode), (a, v))


CASES: dict[Any, SearchStrategy[Call]] = {np.convolve: convolutions(np.convolve)}
"""Calls of each primitive that this file tests."""

IMPLEMENTED = {np.convolve}


@given(data=st.data())
def test_derivatives(data: st.DataObject) -> None:
    call = data.draw(CASES[np.convolve])
    check_gradients(call.function, *call.arrays)
    check_float32(call.function, *call.arrays)
    leaves = [Tensor(x, requires_grad=True) for x in call.arrays]
    assert primitive_of(np.convolve) in recorded(call.function(*leaves))


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("lengths", [(4, 2), (2, 4), (4, 3), (3, 4), (4, 4)])
def test_complex_convolution(lengths: tuple[int, int], mode: str) -> None:
    check_gradients(partial(np.convolve, mode=mode), Z[: lengths[0]], Z[::-1][: lengths[1]] * 2)
    check_gradients(partial(np.convolve, mode=mode), Z[: lengths[0]], np.arange(1.0, 1 + lengths[1]))


x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: np.convolve(x, x[0]), ValueError, "np.convolve of float64"),
        (lambda: np.convolve(x[0], x[0], "circular"), ValueError, "np.convolve"),
    ],
)
def test_bad_calls(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
