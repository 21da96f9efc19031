"""Special functions, in the arguments in which they have a derivative, and where others give NaN."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.special as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_np import Tensor, gradients
from autograd_np.primitives import primitive_of
from autograd_np.rules.special import dawsn_derivative, erfcx_integral, hazard, k0e_derivative, polygamma
from tests.autograd_np.checks import check_float32, check_gradients, recorded
from tests.autograd_np.rules.test_elementwise import calls
from tests.autograd_np.strategies import GRID, NONZERO, POSITIVE, Call, arrays

UNIT = [k / 16 for k in range(3, 14)]
INSIDE = [2 * p - 1 for p in UNIT]
BETWEEN_POLES = [k + f for k in range(-3, 3) for f in (0.25, 0.5, 0.75)]
WHOLE, ORDERS = [-1.0, 0.0, 1.0, 2.0], [-0.5, 0.0, 0.5, 1.0, 2.5]


def in_last(function: Any, values: Sequence[float], *parameters: Sequence[float]) -> SearchStrategy[Call]:
    """Draw calls with fixed parameters, as numbers or arrays: the function has no derivative in them."""

    def call(ps: tuple[float, ...], many: bool, x: Any) -> Call:
        fixed = [np.array([p, p + 1], x.dtype).reshape(2, 1, 1, 1) for p in ps] if many else ps
        return Call(f"{function.__name__}({fixed}, x)", lambda x: function(*(_like(p, x) for p in fixed), x), (x,))

    return st.builds(call, st.tuples(*map(st.sampled_from, parameters)), st.booleans(), arrays(values=values))


def _like(parameter: Any, x: Any) -> Any:
    return parameter.astype(x.dtype) if isinstance(parameter, np.ndarray) else parameter


def of_order(function: Any, values: Sequence[float]) -> SearchStrategy[Call]:
    """Draw calls with an order `n`."""
    return st.builds(
        lambda n, x: Call(f"{function.__name__}(x, n={n})", partial(function, n=n), (x,)),
        st.integers(0, 2),
        arrays(values=values),
    )


CASES: dict[Any, SearchStrategy[Call]] = {
    **{f: calls(f, GRID) for f in (sp.log_expit, sp.expm1, sp.exp2, sp.exp10, sp.cosm1, sp.exprel)},
    **{f: calls(f, POSITIVE) for f in (sp.log1p, sp.entr, sp.gamma, sp.gammaln, sp.loggamma, sp.psi)},
    **{f: calls(f, NONZERO) for f in (sp.cbrt, sp.expi, sp.i0e, sp.i1e)},
    **{f: calls(f, GRID) for f in (sp.erf, sp.erfc, sp.erfi, sp.erfcx, sp.dawsn, sp.ndtr, sp.log_ndtr)},
    **{f: calls(f, GRID) for f in (sp.rgamma, sp.j0, sp.j1, sp.i0, sp.i1)},
    **{f: calls(f, POSITIVE) for f in (sp.exp1, sp.y0, sp.y1, sp.k0, sp.k1, sp.k0e, sp.k1e)},
    **{f: calls(f, UNIT) for f in (sp.logit, sp.ndtri, sp.erfcinv)},
    sp.erfinv: calls(sp.erfinv, INSIDE),
    sp.gammasgn: calls(sp.gammasgn, BETWEEN_POLES),
    hazard: calls(hazard, GRID),
    erfcx_integral: of_order(erfcx_integral, [*GRID, 7.5, 8.5, 50.0]),
    dawsn_derivative: of_order(dawsn_derivative, [*GRID, 7.5, -8.5, 50.0]),
    k0e_derivative: of_order(k0e_derivative, [*POSITIVE, 19.5, 20.5, 50.0]),
    **{f: calls(f, GRID, POSITIVE) for f in (sp.xlogy, sp.xlog1py)},
    **{f: calls(f, POSITIVE, POSITIVE) for f in (sp.rel_entr, sp.kl_div, sp.poch, sp.beta, sp.betaln)},
    polygamma: st.builds(
        lambda n, x: Call(f"polygamma({n}, x)", lambda x: polygamma(n, x), (x,)),
        st.sampled_from([0, 1, 2, np.array([1, 3]).reshape(2, 1, 1, 1)]),
        arrays(values=POSITIVE),
    ),
    sp.hyp0f1: in_last(sp.hyp0f1, GRID, [1.0, 2.5]),
    sp.hyp1f1: in_last(sp.hyp1f1, GRID, [1.0, 2.5], [1.5, 3.0]),
    **{f: in_last(f, POSITIVE, [0.5, 1.0, 2.5]) for f in (sp.gammainc, sp.gammaincc, sp.chdtr, sp.chdtrc)},
    **{f: in_last(f, UNIT, [0.5, 1.0, 2.5]) for f in (sp.gammaincinv, sp.gammainccinv, sp.stdtrit)},
    **{f: in_last(f, POSITIVE, [0.0, 2.0, 2.5]) for f in (sp.pdtr, sp.pdtrc)},
    **{
        f: in_last(f, UNIT, [0.5, 1.0, 2.5], [1.0, 1.5])
        for f in (sp.betainc, sp.betaincc, sp.betaincinv, sp.betainccinv)
    },
    sp.stdtr: in_last(sp.stdtr, GRID, [0.5, 1.0, 2.5]),
    **{f: st.one_of(in_last(f, POSITIVE, ORDERS), in_last(f, GRID, WHOLE)) for f in (sp.jv, sp.iv)},
    **{f: in_last(f, POSITIVE, ORDERS) for f in (sp.yv, sp.kv, sp.kve)},
    **{f: in_last(f, POSITIVE, WHOLE) for f in (sp.yn, sp.kn)},
    sp.ive: st.one_of(in_last(sp.ive, POSITIVE, ORDERS), in_last(sp.ive, NONZERO, WHOLE)),
}
"""Calls of each function that this file tests."""


def scipy_keeps_float32(call: Call) -> bool:
    """Tell whether SciPy does: of an array and a Python number, some functions return float64."""
    return call.function(*(x.astype(np.float32) for x in call.arrays)).dtype == np.float32


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@settings(max_examples=settings().max_examples // 5)  # the functions are many, and differ in their formulas only
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    check_gradients(call.function, *call.arrays)
    if scipy_keeps_float32(call):
        check_float32(call.function, *call.arrays)
    y = call.function(*(Tensor(x, requires_grad=True) for x in call.arrays))
    assert primitive_of(function) in recorded(y)


COMPLEX = np.array([0.5 + 1j, -1.25 + 0.5j, 1.5 - 0.75j])


@pytest.mark.parametrize(
    "function",
    [sp.expm1, sp.log1p, sp.erf, sp.erfc, sp.erfi, sp.erfcx, sp.dawsn, sp.ndtr, sp.log_ndtr, sp.expi, sp.exp1],
)
def test_complex_functions(function: Any) -> None:
    check_gradients(function, COMPLEX)


@pytest.mark.parametrize("function", [sp.gamma, sp.loggamma, sp.rgamma])
def test_complex_gamma(function: Any) -> None:
    """SciPy has the derivatives of psi for real numbers only."""
    check_gradients(function, COMPLEX, order=1)
    z = Tensor(COMPLEX, requires_grad=True)
    with pytest.raises(TypeError, match=r"polygamma.*complex gamma"):
        sp.psi(z).sum().backward()


@pytest.mark.parametrize("function", [sp.jv, sp.yv, sp.iv, sp.ive, sp.kv, sp.kve])
def test_complex_bessel_functions(function: Any) -> None:
    check_gradients(lambda z: function(1.5, z), COMPLEX)


@pytest.mark.parametrize("function", [sp.xlogy, sp.xlog1py])
def test_complex_products_with_a_logarithm(function: Any) -> None:
    check_gradients(function, COMPLEX, COMPLEX[::-1] + 1)
    check_gradients(function, COMPLEX, np.array([0.5, 2.0, 1.5]))
    check_gradients(function, np.array([0.0, 2.0, 1.5]), COMPLEX + 1)
    check_gradients(function, np.array([0.0, 2.0, 1.5]), COMPLEX - 2)


def slopes(f: Any, *points: float) -> list[float]:
    """Return the derivatives at a point, in each argument, and the second ones too."""
    leaves = [Tensor(x, requires_grad=True) for x in points]
    f(*leaves).backward()
    return [float(x.grad) for x in leaves if x.grad is not None]


@pytest.mark.parametrize(
    ("function", "point", "expected"),
    [
        (sp.xlogy, (0.0, 0.0), [0, 0]),
        (sp.xlogy, (0.0, -1.0), [0, 0]),
        (sp.xlogy, (0.0, 2.0), [np.log(2), 0]),
        (sp.xlog1py, (0.0, -1.0), [0, 0]),
        (sp.xlog1py, (0.0, -3.0), [0, 0]),
        (sp.xlog1py, (0.0, 1.0), [np.log(2), 0]),
        (sp.rel_entr, (0.0, 0.0), [0, 0]),
        (sp.rel_entr, (0.0, 2.0), [0, 0]),
        (sp.kl_div, (0.0, 0.0), [-1, 1]),
        (sp.kl_div, (0.0, 2.0), [-1, 1]),
        (sp.log_expit, (-1e4,), [1]),
        (sp.log_expit, (1e4,), [0]),
        (sp.log_ndtr, (-1e8,), [1e8]),
        (sp.log_ndtr, (1e4,), [0]),
        (sp.exprel, (0.0,), [0.5]),
        (sp.dawsn, (0.0,), [1]),
        (sp.erfcx, (0.0,), [-2 / np.sqrt(np.pi)]),
        (sp.i0e, (0.0,), [0]),
        (sp.i1e, (0.0,), [0.5]),
        (sp.rgamma, (0.0,), [1]),
        (sp.rgamma, (-1.0,), [-1]),
        (sp.rgamma, (-3.0,), [-6]),
        (sp.rgamma, (3.0,), [-sp.psi(3.0) / 2]),
        (lambda x: sp.gammainc(1.0, x), (0.0,), [1]),
        (lambda x: sp.gammainc(2.0, x), (0.0,), [0]),
        (lambda x: sp.betainc(1.0, 1.0, x), (0.0,), [1]),
        (lambda x: sp.betainc(1.0, 1.0, x), (1.0,), [1]),
        (lambda m: sp.pdtr(0, m), (0.0,), [-1]),
        (lambda t: sp.stdtr(np.inf, t), (1.0,), [np.exp(-0.5) / np.sqrt(2 * np.pi)]),
        (sp.j1, (0.0,), [0.5]),
        (sp.i1, (0.0,), [0.5]),
    ],
)
def test_awkward_points(function: Any, point: tuple[float, ...], expected: list[float]) -> None:
    np.testing.assert_allclose(slopes(function, *point), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("function", "point", "sign"),
    [(sp.logit, 0.0, 1), (sp.logit, 1.0, 1), (sp.entr, 0.0, 1), (sp.ndtri, 0.0, 1), (sp.erfinv, 1.0, 1)],
)
def test_infinite_slopes_are_infinite(function: Any, point: float, sign: float) -> None:
    with np.errstate(divide="ignore"):
        assert slopes(function, point) == [sign * np.inf]


def test_slopes_at_the_end_of_a_logarithm_are_0_only_where_the_factor_is() -> None:
    with np.errstate(divide="ignore"):
        assert slopes(sp.xlogy, 2.0, 0.0) == slopes(sp.xlog1py, 2.0, -1.0) == [-np.inf, np.inf]


@pytest.mark.parametrize("function", [sp.rel_entr, sp.kl_div])
def test_mixed_derivative_of_an_entropy_at_0(function: Any) -> None:
    """The slope in y is -x / y, or 1 less than that, and changes with x by -1 / y."""
    x, y = Tensor(0.0, requires_grad=True), Tensor(0.5, requires_grad=True)
    (slope,) = gradients(function(x, y), y, create_graph=True)
    (mixed,) = gradients(slope, x)
    assert mixed.item() == -2


def test_shape_parameters_keep_their_digits() -> None:
    """Where the variable has fewer: the exponents of the density are large."""
    shape, x = np.array(1e6 + 0.3), np.float32(1e6)
    single, double = Tensor(x, requires_grad=True), Tensor(float(x), requires_grad=True)
    sp.gammainc(shape, single).backward()
    sp.gammainc(shape, double).backward()
    np.testing.assert_allclose(single.grad, double.grad, rtol=1e-6)


def test_second_derivatives_where_a_factor_is_zero() -> None:
    """The slope of x log y in y is x / y: 0 where x = 0, but its own slope in x is 1 / y."""
    check_gradients(sp.xlogy, np.array([0.0, 0.0]), np.array([0.5, 2.0]), order=3)
    check_gradients(sp.xlog1py, np.array([0.0, 0.0]), np.array([-0.5, 2.0]), order=3)


@pytest.mark.parametrize(
    ("x", "exact"),
    [
        (-1e200, [1e200, -1, 0]),
        (-1e8, [1e8, -1, 0]),
        (-1e4, [10000.000099999998, -0.9999999900000006, 1.99999976000003e-12]),
        (-40.0, [40.024968847207264, -0.99937733162140861, 3.1017440396486248e-5]),
        (0.0, [0.79788456080286536, -0.63661977236758134, 0.21801361414499016]),
        (0.5, [0.50916043383703349, -0.5138245643036329, 0.27099012446870783]),
        (1.0, [0.28759997093917836, -0.3703137142233946, 0.29571817018227121]),
        (40.0, [0, 0, 0]),
        (1e200, [0, 0, 0]),
    ],
)
def test_logarithm_of_the_normal_distribution_to_third_order(x: float, exact: list[float]) -> None:
    """Against 400 digits of mpmath."""
    leaf = Tensor(x, requires_grad=True)
    found, y = [], sp.log_ndtr(leaf)
    for _ in exact:
        (y,) = gradients(y, leaf, create_graph=True)
        found.append(y.item())
    np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-15)


def test_reciprocal_of_gamma_at_its_poles() -> None:
    check_gradients(sp.rgamma, np.array([0.0, -1.0, -2.0, -3.0]), order=3)


@pytest.mark.parametrize("function", [sp.jv, sp.yv, sp.yn, sp.iv, sp.ive, sp.kv, sp.kn, sp.kve, sp.gammainc, polygamma])
def test_order_without_a_derivative(function: Any) -> None:
    order = Tensor(1.0, requires_grad=True)
    with pytest.raises(TypeError, match=f"{function.__name__}: it has no derivative with respect to"):
        function(order, 2.0)
    function(order.data, Tensor(2.0, requires_grad=True)).backward()


@pytest.mark.parametrize("number", [2, 2.0, np.float64(2), np.array(2)], ids=repr)
@pytest.mark.parametrize("function", [sp.xlogy, sp.xlog1py, sp.rel_entr, sp.kl_div, sp.beta])
def test_numbers_of_every_type_on_either_side(function: Any, number: Any) -> None:
    check_gradients(lambda x: function(x, number), np.array([1.25, 2.75]))
    check_gradients(lambda x: function(number, x), np.array([1.25, 2.75]))


def test_function_without_a_rule_is_named() -> None:
    with pytest.raises(TypeError, match=r"scipy\.special\.spence has no derivative rule"):
        sp.spence(Tensor(1.0, requires_grad=True))
