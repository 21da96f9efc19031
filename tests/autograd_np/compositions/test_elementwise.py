"""Mantissas and exponents, angles, real parts, and choices of several arrays."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.rules.test_complex import complex_arrays
from tests.autograd_np.strategies import BETWEEN, GRID, NONZERO, POSITIVE, arrays, broadcastable

IMPLEMENTED = {np.angle, np.real_if_close, np.select, np.frexp}
"""Functions that this file tests."""


@given(x=arrays(values=NONZERO), z=complex_arrays(), deg=st.booleans())
def test_angle(x: Any, z: Any, deg: bool) -> None:
    for f in (lambda z: np.angle(z, deg), partial(np.angle, deg=deg)):
        check_gradients(f, x)
        check_gradients(f, z)
        check_float32(f, x)


@given(x=arrays())
def test_real_if_close(x: Any) -> None:
    check_gradients(np.real_if_close, x)
    check_gradients(np.real_if_close, x + 0j)
    check_gradients(lambda x: np.real_if_close(x * 1j * 1j), x)
    check_gradients(lambda z: np.real_if_close(z, tol=2), x + 1j)
    check_float32(np.real_if_close, x)


def test_real_if_close_goes_by_all_values_and_the_tolerance() -> None:
    z = Tensor(np.array([1 + 1e-13j, 2]), requires_grad=True)
    assert np.real_if_close(z).dtype == np.complex128
    assert np.real_if_close(z, tol=1000).dtype == np.float64
    assert np.real_if_close(z, 1000).dtype == np.float64


@given(x=arrays(values=NONZERO))
def test_frexp(x: Any) -> None:
    safe = np.where(np.isin(abs(x), [0.25, 0.5, 1.0, 2.0]), 0.75, x)  # the exponent changes at powers of 2
    check_gradients(lambda x: np.frexp(x)[0], safe)
    check_float32(lambda x: np.frexp(x)[0], safe)
    mantissa, exponent = np.frexp(Tensor(x, requires_grad=True))
    np.testing.assert_equal((mantissa.data, exponent), np.frexp(x))
    assert not isinstance(exponent, Tensor)


@given(xs=broadcastable(GRID, BETWEEN, POSITIVE), data=st.data())
def test_select(xs: Any, data: st.DataObject) -> None:
    conditions = [data.draw(arrays(x.shape)) > 0 for x in xs[:2]]
    default = data.draw(st.sampled_from([0, 1.5]))
    f, count = data.draw(
        st.sampled_from(
            [
                (lambda a, b, c: np.select([*conditions, True], [a, b, c]), 3),
                (lambda a, b: np.select(conditions, [a, b], default), 2),
                (lambda a, b: np.select(condlist=tuple(conditions), choicelist=(a, b), default=default), 2),
                (lambda a, b: np.select([Tensor(c) for c in conditions], [a, b]), 2),
                (lambda a: np.select(conditions, [a, -1.0], default=default), 1),
            ]
        )
    )
    check_gradients(f, *xs[:count])
    check_float32(f, *xs[:count])


def test_select_takes_the_first_that_holds() -> None:
    x = Tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    np.select([x > 3, x > 1], [x * 10, x * 100], x).backward(np.ones(4))
    np.testing.assert_array_equal(x.grad, [1, 100, 100, 10])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t: np.select([t > 1], [t, t]), ValueError, r"np\.select: 1 conditions and 2 choices"),
        (lambda t: np.select([], [], t), (ValueError, TypeError), "select"),
        (lambda t: np.select([[1, 0]], [t]), TypeError, r"np\.select: condition 0 is not an array of booleans"),
    ],
)
def test_refusals(call: Callable[..., Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call(Tensor([1.0, 2.0], requires_grad=True))
