"""Elementary functions of complex numbers: holomorphic ones, those of the parts, and the sides of branch cuts."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor, gradients
from tests.autograd_np.checks import check_gradients
from tests.autograd_np.strategies import POSITIVE, arrays, broadcastable
from tests.families import of_family

PARTS = [-1.5, -1.0, -0.5, -0.25, 0.25, 0.5, 1.0, 1.5]

HOLOMORPHIC = [
    np.negative, np.positive, np.square, np.sqrt, np.reciprocal, np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10,
    np.log1p, np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh,
    np.arccosh, np.arctanh, np.sinc,
]  # fmt: skip
OF_PARTS = [np.absolute, np.sign, np.conjugate, np.real, np.imag, np.nan_to_num, np.angle, partial(np.angle, deg=True)]
OF_TWO = [np.add, np.subtract, np.multiply, np.divide, np.power, np.float_power]


def name(function: Any) -> str:
    return getattr(function, "__name__", "angle in degrees")


@st.composite
def complex_arrays(draw: st.DrawFn, shape: Any = None) -> Any:
    """Draw arrays of complex numbers, off the axes."""
    x = draw(arrays(shape, PARTS))
    return x + 1j * draw(arrays(x.shape, PARTS))


@pytest.mark.parametrize("function", HOLOMORPHIC + OF_PARTS, ids=name)
@of_family(len(HOLOMORPHIC + OF_PARTS))
@given(z=complex_arrays())
def test_complex_functions(function: Any, z: Any) -> None:
    check_gradients(function, z)


@pytest.mark.parametrize("function", OF_TWO, ids=name)
@given(xs=broadcastable(POSITIVE, PARTS, PARTS))
def test_complex_arithmetic(function: Any, xs: Any) -> None:
    x, real, imaginary = xs
    z = real + 1j * imaginary
    check_gradients(function, z, np.conjugate(z) * 0.5)
    check_gradients(function, z, x)
    check_gradients(function, x, z)
    check_gradients(lambda z: function(1.5 + 0.5j, z), z)
    check_gradients(lambda z: function(z, 1.5 + 0.5j), z)


@pytest.mark.parametrize("function", HOLOMORPHIC + OF_PARTS, ids=name)
def test_single_precision(function: Any) -> None:
    z = np.array([0.5 + 1j, -1.25 + 0.5j, 1.5 - 0.75j], np.complex64)
    t = Tensor(z, requires_grad=True)
    y = function(t)
    assert y.dtype == function(z).dtype
    (g,) = gradients(y, t, np.ones(3), create_graph=True)
    assert g.dtype == np.complex64
    double = Tensor(z, requires_grad=True, dtype=np.complex128)
    function(double).backward(np.ones(3))
    np.testing.assert_allclose(g.data, double.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("function", [np.arcsin, np.arccos, np.arccosh, np.sqrt, np.log, np.arctanh])
@pytest.mark.parametrize("part", [2.0, -2.0])
@pytest.mark.parametrize("side", [0.0, -0.0], ids=["above", "below"])
def test_derivatives_on_a_branch_cut_are_those_of_its_side(function: Any, part: float, side: float) -> None:
    """The slope along the cut, between two points on the same side of it."""
    z = np.array(complex(part, side))
    step = 1e-6
    above, below = (function(np.array(complex(part + h, side))) for h in (step, -step))
    t = Tensor(z, requires_grad=True)
    function(t).backward()
    np.testing.assert_allclose(t.grad, (above - below) / (2 * step), rtol=1e-8)


@pytest.mark.parametrize("function", [np.sin, np.exp, np.absolute, np.angle, np.conjugate], ids=name)
@given(x=arrays(values=PARTS))
def test_real_arguments_take_the_real_part(function: Any, x: Any) -> None:
    check_gradients(lambda x: function(x * (0.5 + 0.25j) + 1j), x)


def test_parts_of_a_complex_number_are_replaced_one_by_one() -> None:
    def f(z: Any) -> Any:
        return np.nan_to_num(z, posinf=2.0) * (3 + 4j)

    z = Tensor(np.array([complex(np.nan, 1), complex(1, np.inf), 1 + 1j, complex(np.inf, np.nan)]), requires_grad=True)
    f(z).real.backward(np.ones(4))
    np.testing.assert_array_equal(z.grad, [4j, 3, 3 + 4j, 0])
