"""Padding, held against NumPy's and against numerical derivatives.

Of one kind are all modes, along all axes and at both ends, with more and with fewer elements: whatever an element is
taken from has its gradient.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autograd_np import Tensor
from autograd_np.neural import pad
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.neural.checks import check_message
from tests.autograd_np.strategies import arrays

Array = NDArray[Any]
NUMPYS = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@st.composite
def paddings(draw: st.DrawFn) -> tuple[Array, tuple[int, ...], str]:
    """Draw an array, as many widths as two times some of its axes, and a mode that they fit."""
    shape = tuple(draw(st.integers(1, 4)) for _ in range(draw(st.integers(1, 3))))
    mode = draw(st.sampled_from(sorted(NUMPYS)))
    widths: list[int] = []
    for n in shape[: -1 - draw(st.integers(0, len(shape))) : -1]:
        most = {"constant": 3, "reflect": n - 1, "replicate": 6, "circular": n}[mode]
        widths += [draw(st.integers(0, most)) for _ in range(2)]
    return draw(arrays(shape)), tuple(widths), mode


def pairs_of(ndim: int, widths: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the widths as NumPy takes them."""
    pairs = list(zip(widths[::2], widths[1::2], strict=True))[::-1]
    return [(0, 0)] * (ndim - len(pairs)) + pairs


@given(paddings())
def test_it_is_numpys(problem: tuple[Array, tuple[int, ...], str]) -> None:
    x, widths, mode = problem
    expected = np.pad(x, pairs_of(x.ndim, widths), NUMPYS[mode])
    np.testing.assert_array_equal(pad(x, widths, mode), expected)


@given(paddings())
def test_derivatives(problem: tuple[Array, tuple[int, ...], str]) -> None:
    x, widths, mode = problem
    check_gradients(lambda x: pad(x, widths, mode) ** 2, x, order=2)
    check_float32(lambda x: pad(x, widths, mode), x)


@pytest.mark.parametrize(
    ("mode", "widths", "expected"),
    [
        ("constant", (-1, 2), [1, 2, 3, 9, 9]),
        ("constant", (-4, 0), []),
        ("reflect", (-1, 2), [1, 2, 3, 2, 1]),
        ("reflect", (3, -2), [3, 2, 1, 0, 1]),
        ("replicate", (-3, 2), [3, 3, 3]),
        ("circular", (-1, 2), [1, 2, 3, 1, 2]),
        ("circular", (2, -2), [0, 1, 0, 1]),
    ],
)
def test_negative_widths_take_elements_away(mode: str, widths: tuple[int, int], expected: list[float]) -> None:
    x = np.arange(4.0)
    np.testing.assert_array_equal(pad(x, widths, mode, **({"value": 9} if mode == "constant" else {})), expected)
    check_gradients(lambda x: pad(x, widths, mode) ** 2, x)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool, np.float16, np.longdouble, np.complex128])
@pytest.mark.parametrize("mode", sorted(NUMPYS))
def test_the_dtype_stays(dtype: Any, mode: str) -> None:
    x = np.array([[1, 0, 1]]).astype(dtype)
    y = pad(x, (1, 2), mode)
    assert type(y) is np.ndarray
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, np.pad(x, ((0, 0), (1, 2)), NUMPYS[mode]))
    assert pad(Tensor(x), (1, 2), mode).dtype == dtype


def test_values_that_are_not_finite_stay_where_they_are() -> None:
    x = np.array([np.inf, 1.0, np.nan])
    np.testing.assert_array_equal(pad(x, (1, 1), value=-np.inf), [-np.inf, np.inf, 1, np.nan, -np.inf])
    np.testing.assert_array_equal(pad(x, (1, 0), "reflect"), [1, np.inf, 1, np.nan])


@pytest.mark.parametrize(
    ("shape", "given", "error", "words"),
    [
        ((2, 3), {"pad": (1,)}, ValueError, ["pad=(1,)", "(2, 3)", "two numbers", "last axis first"]),
        ((2, 3), {"pad": (1,) * 6}, ValueError, ["(2, 3)", "two numbers"]),
        ((2, 3), {"pad": 1}, TypeError, ["pad=1", "integers"]),
        ((2, 3), {"pad": (1.0, 1.0)}, TypeError, ["pad=(1.0, 1.0)", "integers"]),
        ((2, 3), {"pad": (1, 1), "mode": "wrap"}, ValueError, ["'wrap'", "circular"]),
        ((2, 3), {"pad": (3, 0), "mode": "reflect"}, ValueError, ["'reflect'", "3 more", "the 3 along axis 1"]),
        ((2, 3), {"pad": (0, 4), "mode": "circular"}, ValueError, ["'circular'", "4 more", "the 3 along axis 1"]),
        ((2, 3), {"pad": (-2, 2), "mode": "circular"}, ValueError, ["2 more", "the 1 along axis 1"]),
        ((2, 0), {"pad": (1, 0), "mode": "replicate"}, ValueError, ["1 more", "the 0 along axis 1"]),
        ((2, 3), {"pad": (-2, -2)}, ValueError, ["(-2, -2)", "the 3 elements of axis 1"]),
        ((2, 3), {"pad": (1, 1), "mode": "reflect", "value": 1.0}, ValueError, ["value=1.0", "'reflect'"]),
    ],
)
def test_wrong_arguments(shape: Any, given: dict[str, Any], error: type[Exception], words: list[str]) -> None:
    check_message(error, ["pad:", *words], lambda: pad(np.ones(shape), **given))


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf, 300, -1])
def test_a_value_that_integers_cannot_hold(value: float) -> None:
    check_message(
        ValueError, ["pad", f"value={value!r}", "uint8"], lambda: pad(np.ones(2, np.uint8), (1, 1), value=value)
    )
