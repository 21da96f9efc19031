"""The elementary functions, and what they give where they are not smooth."""

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_np import Tensor, grad, jacobian, jvp, vjp
from autograd_np.primitives import primitive_of
from autograd_np.rules.elementwise import logistic, one_less_square, sinc_derivative
from tests.autograd_np.checks import check_float32, check_gradients, recorded
from tests.autograd_np.rules.test_elementwise import HALVES, POWERS, QUARTERS, calls
from tests.autograd_np.strategies import BETWEEN, GRID, NONZERO, POSITIVE, Call, arrays, shapes
from tests.families import of_family

INSIDE = [k / 8 for k in range(-6, 7)]
SMALL = [k / 8 for k in range(-10, 11)]
nan, inf = np.nan, np.inf


def rounded(function: Any) -> SearchStrategy[Call]:
    """Draw calls of np.round, in every spelling."""
    return st.builds(
        lambda call, x: Call(call[0], call[1], (x,)),
        st.sampled_from(
            [
                ("round(x)", function),
                ("round(x, 1)", lambda x: function(x, 1)),
                ("round(x, decimals=-1)", partial(function, decimals=-1)),
            ]
        ),
        arrays(values=BETWEEN),
    )


CASES: dict[Any, SearchStrategy[Call]] = {
    # One argument
    **{
        f: calls(f, GRID) for f in (np.sin, np.cos, np.sinh, np.cosh, np.arcsinh, np.arctan, np.exp2, np.expm1, np.sinc)
    },
    **{f: calls(f, GRID) for f in (np.deg2rad, np.radians, np.rad2deg, np.degrees)},
    **{f: calls(f, GRID) for f in (np.conjugate, np.real)},
    **{f: calls(f, POSITIVE) for f in (np.log2, np.log10)},
    **{f: calls(f, INSIDE) for f in (np.arcsin, np.arccos, np.arctanh)},
    **{f: calls(f, BETWEEN) for f in (np.fabs, np.floor, np.ceil, np.trunc, np.rint, np.fix, np.modf)},
    np.tan: calls(np.tan, SMALL),
    np.i0: calls(np.i0, GRID),
    np.log1p: calls(np.log1p, [x for x in GRID if x > -0.75]),
    np.arccosh: calls(np.arccosh, [x for x in GRID if x > 1.125]),
    np.cbrt: calls(np.cbrt, NONZERO),
    np.round: rounded(np.round),
    np.around: rounded(np.around),
    np.imag: arrays().map(lambda x: Call("imag(x + 1j x)", lambda x: np.imag(x + 1j * x), (x,))),
    np.nan_to_num: st.builds(
        lambda options, x: Call(f"nan_to_num(x, {options})", partial(np.nan_to_num, **options), (x,)),
        st.sampled_from([{"posinf": 2.0, "neginf": -3.0}, {"nan": 1.0, "posinf": 0.5, "neginf": 0}]),
        arrays(values=[*INSIDE, nan, inf, -inf]),
    ),
    np.ldexp: st.builds(
        lambda x, n: Call(f"ldexp(x, {n})", lambda x: np.ldexp(x, n), (x,)),
        arrays(shapes(min_side=1)),
        st.sampled_from([0, 3, -2, np.array([1, -1]).reshape(2, 1, 1, 1)]),
    ),
    # Two arguments
    np.arctan2: calls(np.arctan2, NONZERO, GRID),
    np.hypot: calls(np.hypot, NONZERO, GRID),
    np.logaddexp: calls(np.logaddexp, GRID, GRID),
    np.logaddexp2: calls(np.logaddexp2, GRID, GRID),
    np.fmax: calls(np.fmax, GRID, BETWEEN),
    np.fmin: calls(np.fmin, GRID, BETWEEN),
    np.fmod: calls(np.fmod, QUARTERS, HALVES),
    np.divmod: calls(np.divmod, QUARTERS, HALVES),
    np.float_power: calls(np.float_power, POSITIVE, POWERS),
    np.copysign: calls(np.copysign, BETWEEN, BETWEEN),
    np.heaviside: st.one_of(
        calls(np.heaviside, BETWEEN, GRID),
        st.builds(
            lambda x, h: Call(f"heaviside({x}, h)", partial(np.heaviside, x), (h,)),
            st.sampled_from([0.0, 1.0, np.array([0, 1], np.float16).reshape(2, 1, 1, 1)]),
            arrays(shapes(min_side=1)),
        ),
    ),
    np.i0: calls(np.i0, [-9.0, -1.5, 0.0, 0.25, 3.0, 10.0]),
    sinc_derivative: st.builds(
        lambda n, x: Call(f"sinc's derivative {n}", partial(sinc_derivative, n=n), (x,)), st.integers(0, 3), arrays()
    ),
    **{f: calls(f, GRID) for f in (one_less_square, logistic)},
}
"""Calls of each primitive that this file tests."""


OTHER_DTYPES = (np.float_power, np.imag)
"""The one is always of float64, the other is reached through complex numbers."""

CURVED = [np.tan, np.arcsin, np.arccosh, np.sinc, np.arctan2, np.hypot, np.logaddexp, np.float_power, sinc_derivative]
"""Those whose rules are more than one step."""

STRAIGHT = [
    np.deg2rad, np.radians, np.rad2deg, np.degrees, np.conjugate, np.real, np.imag, np.fabs, np.nan_to_num, np.ldexp,
    np.fmax, np.fmin, np.fmod, np.copysign, np.heaviside,
]  # fmt: skip
"""Those whose own second derivative is 0."""


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@of_family(len(CASES))
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    check_gradients(call.function, *call.arrays, order=1 if function in STRAIGHT else 2)
    if function not in OTHER_DTYPES:
        check_float32(call.function, *call.arrays)
    y = call.function(*(Tensor(x, requires_grad=True) for x in call.arrays))
    assert primitive_of(function) in recorded(*(y if isinstance(y, tuple) else [y]))


@pytest.mark.parametrize("function", CURVED, ids=lambda f: f.__name__)
@given(data=st.data())
def test_third_order(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    check_gradients(call.function, *call.arrays, order=3)


@pytest.mark.parametrize("function", STRAIGHT, ids=lambda f: f.__name__)
@of_family(len(STRAIGHT))
@given(data=st.data())
def test_second_derivative_of_the_square_of_a_straight_function(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    check_gradients(lambda *xs: np.square(call.function(*xs)), *call.arrays)


@given(x=arrays(values=QUARTERS), b=st.sampled_from(HALVES))
def test_second_derivative_of_the_square_of_one_of_two_outputs(x: Any, b: float) -> None:
    check_gradients(lambda x: np.square(np.modf(x)[0]), x)
    check_gradients(lambda x, b: np.square(np.divmod(x, b)[1]), x, np.full_like(x, b))


# -- awkward points ---------------------------------------------------------------------------------------------------


def slopes(f: Callable[..., Any], *points: complex) -> list[Any]:
    """Return the gradient of f with respect to each of its arguments."""
    leaves = [Tensor(x, requires_grad=True) for x in points]
    with np.errstate(divide="ignore", invalid="ignore"):
        np.real(f(*leaves)).backward()
    return [complex(t.grad) if isinstance(x, complex) else float(t.grad) for t, x in zip(leaves, points, strict=True)]


@pytest.mark.parametrize(
    ("function", "point", "expected"),
    [
        # Where the slope is infinite it says so
        (np.sqrt, [0.0], [inf]),
        (np.cbrt, [0.0], [inf]),
        (np.log, [0.0], [inf]),
        (np.log2, [0.0], [inf]),
        (np.log10, [0.0], [inf]),
        (np.log1p, [-1.0], [inf]),
        (np.arcsin, [1.0], [inf]),
        (np.arcsin, [-1.0], [inf]),
        (np.arccos, [1.0], [-inf]),
        (np.arccos, [-1.0], [-inf]),
        (np.arccosh, [1.0], [inf]),
        (np.arctanh, [1.0], [inf]),
        (np.arctanh, [-1.0], [inf]),
        (np.reciprocal, [0.0], [-inf]),
        # Powers
        (np.power, [0.0, 0.0], [0, 0]),
        (np.power, [0.0, 0.5], [inf, 0]),
        (np.power, [0.0, 1.0], [1, 0]),
        (np.power, [0.0, 2.0], [0, 0]),
        (np.power, [0.0, -1.0], [-inf, -inf]),
        (np.power, [-2.0, 3.0], [12, nan]),
        (np.power, [-2.0, 0.0], [0, nan]),
        (np.power, [inf, 0.0], [0, inf]),
        (np.float_power, [0.0, 0.0], [0, 0]),
        (np.float_power, [-2.0, 3.0], [12, nan]),
        # Kinks: 0, which lies between the slopes of both sides
        (np.absolute, [0.0], [0]),
        (np.absolute, [-0.0], [0]),
        (np.absolute, [0j], [0]),
        (np.fabs, [0.0], [0]),
        (np.hypot, [0.0, 0.0], [0, 0]),
        (np.copysign, [0.0, 1.0], [0, 0]),
        (np.copysign, [2.0, -0.0], [-1, 0]),
        (np.sign, [0.0], [0]),
        (np.sign, [0j], [0]),
        # A number at 0 has no direction to turn in
        (np.arctan2, [0.0, 0.0], [0, 0]),
        (np.arctan2, [0.0, -0.0], [0, 0]),
        (np.angle, [0j], [0]),
        (np.angle, [0.0], [0]),
        (np.angle, [-1.0], [0]),
        # Choices
        (np.heaviside, [0.0, 0.25], [0, 1]),
        (np.heaviside, [1.0, 0.25], [0, 0]),
        (np.fmax, [1.0, 1.0], [0.5, 0.5]),
        (np.fmin, [1.0, 1.0], [0.5, 0.5]),
        (np.fmax, [nan, 1.0], [0, 1]),
        (np.fmax, [1.0, nan], [1, 0]),
        (np.fmin, [nan, 1.0], [0, 1]),
        (np.fmin, [1.0, nan], [1, 0]),
        (np.fmax, [nan, nan], [1, 1]),
        (np.maximum, [nan, 1.0], [1, 1]),
        (np.minimum, [1.0, nan], [1, 1]),
        # Logarithms of sums: what is 0 has no share in one, and nothing has in a sum of nothing
        (np.logaddexp, [-inf, 0.0], [0, 1]),
        (np.logaddexp, [0.0, -inf], [1, 0]),
        (np.logaddexp, [-inf, -inf], [0, 0]),
        (np.logaddexp, [inf, 0.0], [1, 0]),
        (np.logaddexp, [1e4, -1e4], [1, 0]),
        (np.logaddexp2, [-inf, 0.0], [0, 1]),
        (np.logaddexp2, [-inf, -inf], [0, 0]),
        (np.logaddexp2, [inf, 0.0], [1, 0]),
        # Smooth, but given by a quotient
        (np.sinc, [0.0], [0]),
        (np.sinc, [1e-300], [-(np.pi**2) / 3 * 1e-300]),
        (np.arctan2, [1e200, 1e200], [5e-201, -5e-201]),
        (np.arctan2, [1e-200, 1e-200], [5e199, -5e199]),
        (np.arcsinh, [1e200], [1e-200]),
        (np.i0, [0.0], [0]),
        (np.nan_to_num, [nan], [0]),
        (np.nan_to_num, [inf], [0]),
        (np.nan_to_num, [complex(nan, 1)], [0]),
    ],
)
def test_awkward_points(function: Any, point: Any, expected: Any) -> None:
    np.testing.assert_allclose(slopes(function, *point), expected, rtol=1e-12)


def test_sinc_is_smooth_at_0() -> None:
    """Its series is 1 - (pi x)^2 / 3! + (pi x)^4 / 5! - ..."""
    f, found = np.sinc, []
    for _ in range(6):
        f = grad(f)
        found.append(float(f(np.array(0.0))))
    np.testing.assert_allclose(found, [0, -(np.pi**2) / 3, 0, np.pi**4 / 5, 0, -(np.pi**6) / 7], atol=1e-12)


@pytest.mark.parametrize("x", [1e-16, 1e-8, 1e-4, 1e-2])
def test_sinc_is_precise_near_0(x: float) -> None:
    expected = -(np.pi**2) * x / 3 + np.pi**4 * x**3 / 30 - np.pi**6 * x**5 / 840
    np.testing.assert_allclose(slopes(np.sinc, x), [expected], rtol=1e-12)


@pytest.mark.parametrize("n", range(10))
def test_derivatives_of_sinc_keep_their_digits(n: int) -> None:
    """That of order n is pi^n times the mean of t^n cos(pi x t + n pi / 2) for t from 0 to 1, here by Gauss' rule."""
    z = np.linspace(0, n + 4, 200)
    nodes, weights = scipy.special.roots_legendre(24)
    t = (1 + nodes[:, None]) / 2
    wave = [np.cos(z * t), -np.sin(z * t), -np.cos(z * t), np.sin(z * t)][n % 4]
    found = sinc_derivative(z / np.pi, n=n) / np.pi**n
    errors = np.abs(found - weights / 2 @ (t**n * wave)) * np.maximum(z, n + 1)  # over about how large it can be
    np.testing.assert_array_less(errors, 28 * np.finfo(float).eps)


@pytest.mark.parametrize("angle", [0.25, -0.375 + 0.5j])
def test_slope_of_sinc_keeps_its_digits_far_from_0(angle: complex) -> None:
    x = angle + 2**20  # an even number of half turns
    exact = np.cos(np.pi * angle) / x - np.sin(np.pi * angle) / (np.pi * x) / x
    np.testing.assert_allclose(slopes(np.sinc, x), [exact], rtol=1e-14)


@pytest.mark.parametrize("x", [1e8, -1e200, np.finfo(float).max])
def test_inverse_hyperbolic_sine_is_precise_far_from_0(x: float) -> None:
    np.testing.assert_allclose(slopes(np.arcsinh, x), [1 / abs(x)], rtol=1e-15)


@pytest.mark.parametrize("x", [1 - 1e-12, -1 + 1e-12])
def test_arcsine_is_precise_near_its_ends(x: float) -> None:
    expected = 1 / np.sqrt((1 - abs(x)) * (1 + abs(x)))
    np.testing.assert_allclose(slopes(np.arcsin, x), [expected], rtol=1e-14)
    np.testing.assert_allclose(slopes(np.arccos, x), [-expected], rtol=1e-14)


@pytest.mark.parametrize(("a", "b"), [(5.0, 2.0), (-5.0, 3.0), (5.0, -3.0), (-5.0, -0.7), (0.3, 0.1), (4.0, 2.0)])
def test_remainders_change_by_the_quotient(a: float, b: float) -> None:
    assert slopes(np.fmod, a, b) == [1, -round((a - np.fmod(a, b)) / b)]
    assert slopes(np.remainder, a, b) == [1, -(a // b)]
    assert slopes(lambda a, b: np.divmod(a, b)[1], a, b) == [1, -(a // b)]
    assert slopes(lambda a, b: np.divmod(a, b)[0], a, b) == [0, 0]


LARGE = 10**25
"""More than a 64-bit integer holds; Python has no largest one."""


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: np.power(LARGE, x), 10**12.5 * np.log(1e25)),
        (lambda x: np.float_power(LARGE, x), 10**12.5 * np.log(1e25)),
        (lambda x: np.power(x, LARGE), 0.0),
        (lambda x: np.multiply(x, LARGE), 1e25),
        (lambda x: np.divide(LARGE, x), -4e25),
        (lambda x: np.clip(x, -LARGE, LARGE), 1.0),
        (lambda x: np.where(True, x, LARGE), 1.0),
        (lambda x: np.maximum(x, -LARGE), 1.0),
        (lambda x: np.select([x > 0], [x], LARGE), 1.0),
        (lambda x: np.linspace(x, LARGE, 3)[1], 0.5),
        (lambda x: scipy.special.xlogy(x, LARGE), np.log(1e25)),
        (lambda x: scipy.special.xlog1py(x, LARGE), np.log(1e25)),
        (lambda x: scipy.special.rel_entr(x, LARGE), np.log(0.5e-25) + 1),
        (lambda x: scipy.special.kl_div(x, LARGE), np.log(0.5e-25)),
    ],
)
def test_integers_of_any_size(f: Callable[..., Any], expected: float) -> None:
    np.testing.assert_allclose(slopes(f, 0.5), [expected], rtol=1e-9)


@given(x=arrays(values=BETWEEN))
def test_negative_numbers_have_integer_powers(x: Any) -> None:
    for n in (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0):
        check_gradients(lambda x, n=n: np.power(x, np.full(x.shape, n)), np.where(abs(x) < 0.25, -0.5, x))


@pytest.mark.parametrize(
    ("f", "slopes_of_parts"),
    [
        (np.modf, ([1.0, 1.0], [0.0, 0.0])),
        (np.frexp, ([0.5, 0.25], [0.0, 0.0])),
        (lambda x: np.divmod(x, 0.75), ([0.0, 0.0], [1.0, 1.0])),
        (lambda x: np.divmod(5.0, x), ([0.0, 0.0], [-4.0, 2.0])),
    ],
    ids=["modf", "frexp", "divmod", "divmod by x"],
)
def test_each_of_two_outputs_has_its_own_derivative(f: Any, slopes_of_parts: Any) -> None:
    x, v = np.array([1.25, -2.5]), np.array([1.0, 10.0])
    for part, slope in zip((lambda x: f(x)[0], lambda x: f(x)[1]), slopes_of_parts, strict=True):
        if part(x).dtype.kind == "f":
            np.testing.assert_array_equal(jacobian(part)(x), np.diag(slope))
        else:  # the exponents of frexp
            with pytest.raises(TypeError, match="of dtype int32, which has no derivative"):
                jacobian(part)(x)
        np.testing.assert_array_equal(jvp(part, (x,), (v,))[1], slope * v)
    _, pullback = vjp(f, x)
    (found,) = pullback((v, 100 * v))
    np.testing.assert_array_equal(found, slopes_of_parts[0] * v + np.multiply(slopes_of_parts[1], 100 * v))


def test_constants_of_rules_have_the_precision_of_the_numbers() -> None:
    x, ln2, ln10 = (np.longdouble(3), np.log(np.longdouble(2)), np.log(np.longdouble(10)))
    pi = np.arccos(np.longdouble(-1))
    exact = {
        np.log2: 1 / (x * ln2),
        np.log10: 1 / (x * ln10),
        np.exp2: 8 * ln2,
        np.deg2rad: pi / 180,
        np.rad2deg: 180 / pi,
        lambda x: np.sinc(x + 0.5): -np.sin(pi * 3.5) / (pi * np.longdouble(3.5) ** 2),
        lambda x: np.logaddexp2(x, 2): 1 / (1 + np.exp2(2 - x)),
    }
    for f, slope in exact.items():
        found = grad(f)(x)
        assert found.dtype == np.longdouble
        np.testing.assert_allclose(found, slope, rtol=4 * np.finfo(np.longdouble).eps)


def test_derivative_of_i0_is_refused_in_extended_precision() -> None:
    x = Tensor(np.ones(2, np.longdouble), requires_grad=True)
    with pytest.raises(TypeError, match=r"np\.i0: its derivative is known in double precision only.*astype"):
        np.i0(x).sum().backward()


def test_i0_keeps_the_precision_of_numpy() -> None:
    for dtype in (np.float16, np.float32, np.float64):
        x = Tensor(np.array([0.5, 3.0]), requires_grad=True, dtype=dtype)
        y = np.i0(x)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y.data, np.i0(x.data))
        y.sum().backward()
        np.testing.assert_allclose(x.grad, scipy.special.i1([0.5, 3.0]), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("base", [10**20, 2**70, 10**300])
def test_large_python_integers_to_the_power_of_a_tensor(base: int) -> None:
    np.testing.assert_allclose(slopes(lambda x: base**x, 0.5), [float(base) ** 0.5 * np.log(float(base))], rtol=1e-14)


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t: np.exp(t, where=[True, False]), TypeError, r"np\.exp: where=.* is not supported on tensors"),
        (lambda t: np.add(t, 1, dtype=np.float32), TypeError, r"np\.add: dtype=.* is not supported on tensors"),
        (lambda t: np.sin(t, casting="unsafe"), TypeError, r"np\.sin: casting='unsafe' is not supported"),
        (lambda t: np.cos(t, out=np.zeros(2)), TypeError, r"np\.cos: out="),
        (lambda t: np.cos(t, np.zeros(2)), TypeError, r"np\.cos: out="),
        (lambda t: np.add(np.zeros(2), t, out=np.zeros(2)), TypeError, r"np\.add: out="),
        (lambda t: np.round(t, out=np.zeros(2)), TypeError, "out="),
        (np.nextafter, TypeError, r"np\.nextafter has no derivative rule"),
        (np.spacing, TypeError, r"np\.spacing has no derivative rule"),
        (lambda t: np.nan_to_num(t, copy=False), TypeError, "copy=False is not supported on tensors"),
        (lambda t: np.nan_to_num(t, nan=t[0]), TypeError, "nan= cannot be a Tensor"),
        (lambda t: np.ldexp(t, 1.5), TypeError, r"np\.ldexp of float64 \(2,\) and float"),
        (lambda t: np.clip(t, 0, 1, max=2), ValueError, r"np\.clip: give the bounds either as a_min and a_max"),
        (lambda t: np.clip(t, 0, 1, np.zeros(2)), TypeError, r"np\.clip: out= is not supported on tensors"),
        (lambda t: np.arctan2(t * 1j, t), TypeError, r"np\.arctan2 of complex128 \(2,\) and float64 \(2,\)"),
    ],
)
def test_refusals(call: Callable[..., Any], error: Any, message: str) -> None:
    t = Tensor([1.0, 2.0], requires_grad=True)
    args = (t, t) if call is np.nextafter else (t,)
    with pytest.raises(error, match=message):
        call(*args)


@pytest.mark.parametrize("symbol", [operator.mod, np.mod, np.remainder])
def test_aliases_are_the_same_functions(symbol: Any) -> None:
    assert slopes(symbol, 5.0, 2.0) == [1, -2]
