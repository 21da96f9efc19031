"""Second derivatives where a rule picks one slope of several: they are right or NaN, never a number that is wrong.

The rules that pick a slope, and where:

- `absolute`, `fabs`, `copysign` at 0, real and complex, and `sign` of a complex 0: the slope 0;
- `hypot`, `arctan2` and `angle` at the origin: 0;
- `maximum`, `minimum`, `fmax`, `fmin`, and `clip`, which is made of them, at ties: one half each; `maximum(x, -x)` is
  |x|, and tells by the signs of its zeros;
- `max`, `min`, `nanmax`, `nanmin` and `ptp` at ties: even shares;
- `std` and `nanstd` of a constant: 0;
- the norms: of order 2 and others at 0, of orders below 2 also at each element that is 0; those of orders 1, inf, -inf
  and 0 are made of `absolute`; the nuclear norm and that of order 2 of matrices whose singular values repeat or are 0;
- `i0e` and `i1e` at 0;
- `power` at 0 to powers up to 1, in which the exponent is differentiated by;
- `xlogy`, `xlog1py`, `rel_entr`, `kl_div` where their first argument is 0: 0, in place of 0 times infinity;
- `relu`, and `maximum` of a variable and a constant: 0, and one half.

What is made of them can be smooth there all the same, such as a square or a product of two, and then its second
derivative is right or NaN. By convention, the shares at all other ties, and the slope of relu, are constants to every
order: of two that are equal because they are the same, as |x| and x are, and of a maximum that is taken off before
exponentials, the second derivatives are right only so. Of `maximum(x, y) * minimum(x, y)` they are not.
"""

from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.special as sp
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor, grad, gradients, hessian, hvp, jacobian, jvp
from autograd_np.neural import l1_loss, relu
from autograd_np.primitives import primitive_of
from autograd_np.rules.kinks import unknown, without_slope
from tests.autograd_np.checks import check_float32, check_gradients, recorded
from tests.autograd_np.strategies import Call, arrays

CASES = {
    without_slope: arrays().map(lambda x: Call("without_slope(x, x)", without_slope, (x, x.copy()))),
    unknown: arrays().map(lambda x: Call("unknown(x, at=nothing)", partial(unknown, at=np.zeros(x.shape, bool)), (x,))),
}
"""Calls of each primitive that this file tests."""

linalg: Any = np.linalg  # its stubs do not know tensors
INF = np.inf
TWICE = np.array([[2.0, 0.0], [0.0, 2.0]])
MIXED = np.array([[0.0, 1.0], [1.0, 0.0]])
CENTRED = np.array([[0.5, -0.5], [-0.5, 0.5]])

# Functions that are smooth, made of others that are not where they are taken; and their second derivatives there.
SMOOTH: dict[str, tuple[Any, Any, Any]] = {
    "abs squared": (lambda x: np.sum(np.abs(x) ** 2), [0.0, 1.5], TWICE),
    "abs of -0, squared": (lambda x: np.sum(np.abs(x) ** 2), [-0.0, 1.5], TWICE),
    "product of abs": (lambda x: np.sum(np.abs(x) * np.abs(3 * x)), [0.0, -1.0], 3 * TWICE),
    "a logarithm of abs": (lambda x: np.sum(np.log1p(np.exp(-np.abs(x))) + np.abs(x) / 2), [0.0, 0.0], TWICE / 8),
    "fabs squared": (lambda x: np.sum(np.fabs(x) ** 2), [0.0, 1.0], TWICE),
    "abs of a complex number, squared": (lambda x: np.sum(np.abs(x * (3 + 4j)) ** 2), [0.0, 1.0], 25 * TWICE),
    "phase of a complex number": (lambda x: np.sum(np.real(np.sign(x * 1j) * x * -1j) ** 2), [0.0, 1.0], TWICE),
    "copysign squared": (lambda x: np.sum(np.copysign(x, [-1.0, 1.0]) ** 2), [0.0, 1.0], TWICE),
    "hypot squared": (lambda x: np.hypot(x[0], x[1]) ** 2, [0.0, 0.0], TWICE),
    "hypot of one, squared": (lambda x: np.sum(np.hypot(x, 0.0) ** 2), [0.0, -2.0], TWICE),
    "polar coordinates": (
        lambda x: np.hypot(x[0], x[1]) ** 2 * np.sin(2 * np.arctan2(x[1], x[0])), [0.0, 0.0], 2 * MIXED
    ),
    "angle": (lambda x: np.abs(x[0] + 1j * x[1]) ** 2 * np.sin(2 * np.angle(x[0] + 1j * x[1])), [0.0, 0.0], 2 * MIXED),
    "maximum squared": (lambda x: np.sum(np.maximum(x, -x) ** 2), [0.0, 1.0], TWICE),
    "minimum squared": (lambda x: np.sum(np.minimum(x, -x) ** 2), [0.0, 1.0], TWICE),
    "fmax squared": (lambda x: np.sum(np.fmax(x, -x) ** 2), [0.0, 1.0], TWICE),
    "fmin squared": (lambda x: np.sum(np.fmin(x, -x) ** 2), [0.0, 1.0], TWICE),
    "clip squared": (lambda x: np.sum(np.clip(x, -x, None) ** 2), [0.0, 1.0], TWICE),
    "std squared": (lambda x: np.std(x) ** 2, [1.0, 1.0], CENTRED),
    "std of what the mean is no element of, squared": (lambda x: np.std(x) ** 2, [0.1] * 3, np.eye(3) * 2 / 3 - 2 / 9),
    "std with ddof, squared": (lambda x: np.std(x, ddof=1) ** 2, [1.0, 1.0], 2 * CENTRED),
    "product of std": (lambda x: np.std(x) * np.std(2 * x), [1.0, 1.0], 2 * CENTRED),
    "nanstd squared": (lambda x: np.nanstd(np.append(x, np.nan)) ** 2, [1.0, 1.0], CENTRED),
    **{
        f"norm of order {ord}, squared": (lambda x, ord=ord: np.sum(linalg.norm(x[:, None], ord, axis=1) ** 2),
                                          [0.0, 1.0], TWICE)
        for ord in (2, 1, INF, -INF, 3, 1.5, 0.5, -1)
    },
    "norm squared": (lambda x: linalg.norm(x) ** 2, [0.0, 0.0], TWICE),
    "norm squared, of what has no square": (lambda x: linalg.norm(x) ** 2, [3e-200, 4e-200], TWICE),
    "product of norms": (lambda x: linalg.norm(x) * linalg.norm(3 * x), [0.0, 0.0], 3 * TWICE),
    "norm of order 3, to its power": (lambda x: linalg.norm(x, 3) ** 3, [0.0, 2.0], np.diag([0.0, 12.0])),
    "norm of order 1.5, to its power": (lambda x: linalg.norm(x, 1.5) ** 1.5, [0.0, 1.0], np.diag([INF, 0.75])),
    "Frobenius norm squared": (lambda x: linalg.norm(x[None]) ** 2, [0.0, 0.0], TWICE),
    "matrix norm squared": (lambda x: linalg.matrix_norm(x[None]) ** 2, [0.0, 0.0], TWICE),
    "vector norm squared": (lambda x: linalg.vector_norm(x) ** 2, [0.0, 0.0], TWICE),
    **{
        f"{ord} norm of a number, squared": (lambda x, ord=ord: linalg.norm(x[:, None], ord) ** 2, [0.0], [[2.0]])
        for ord in ("nuc", 2, -2, 1, -1, INF, -INF)
    },
    "i0e and what is left of it": (lambda x: np.sum(sp.i0e(x) * np.exp(np.abs(x))), [0.0, 1.0],
                                   np.diag([0.5, (sp.i0(1) + sp.iv(2, 1)) / 2])),
    "i1e and what is left of it": (lambda x: np.sum(sp.i1e(x) * np.exp(np.abs(x))), [0.0, 1.0],
                                   np.diag([0.0, (sp.iv(3, 1) + 3 * sp.i1(1)) / 4])),
    "power of two variables": (lambda x: x[0] ** x[1] * x[0], [0.0, 1.0], [[2.0, 0.0], [0.0, 0.0]]),
    "power 0 of two variables": (lambda x: x[0] ** x[1] * x[0] ** 2, [0.0, 0.0], [[2.0, 0.0], [0.0, 0.0]]),
    "xlogy": (lambda x: np.exp(sp.xlogy(2.0, x[0])) + x[1], [0.0, 0.0], [[2.0, 0.0], [0.0, 0.0]]),
}  # fmt: skip


@pytest.mark.parametrize(("f", "point", "exact"), SMOOTH.values(), ids=SMOOTH)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_second_derivative_is_right_or_nan(f: Any, point: Any, exact: Any) -> None:
    found = hessian(f)(np.array(point))
    assert found.shape == np.shape(exact)
    assert np.all(np.isnan(found) | np.isclose(found, exact, rtol=1e-12, atol=1e-12)), found


ELEMENTWISE = ["abs squared", "product of abs", "fabs squared", "copysign squared", "maximum squared"]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_other_elements_keep_their_second_derivatives(name: str) -> None:
    f, point, exact = SMOOTH[name]
    np.testing.assert_allclose(hessian(f)(np.array(point)), np.where([[True, False], [False, False]], np.nan, exact))
    np.testing.assert_allclose(hvp(f, (np.array(point),), (np.array([0.0, 1.0]),)), exact[1])


@pytest.mark.parametrize("f", [np.std, linalg.norm, lambda x: linalg.norm(x, 3)])
def test_other_rows_keep_their_second_derivatives(f: Any) -> None:
    x = np.array([[1.0, 3.0, 4.0], [0.0, 0.0, 0.0], [2.0, 0.0, 1.0]])
    found = hessian(lambda x: np.sum(np.stack([f(row) for row in x]) ** 2))(x)
    assert np.isnan(found[1, :, 1]).all()
    for i in (0, 2):
        np.testing.assert_allclose(found[i, :, i], hessian(lambda row: f(row) ** 2)(x[i]))
        assert not np.any(np.delete(found[i], i, axis=1))


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@given(data=st.data())
def test_derivatives_beside_kinks(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    leaves = [Tensor(x, requires_grad=True) for x in call.arrays]
    assert primitive_of(function) in recorded(call.function(*leaves))
    if function is without_slope:  # elsewhere it is its first argument
        check_gradients(call.function, *call.arrays, order=1)


KINKS: list[tuple[Any, Any]] = [
    (np.abs, [0.0, 1.0]),
    (np.fabs, [0.0]),
    (lambda x: np.copysign(x, 1.0), [0.0]),
    (lambda x: np.hypot(x[0], x[1]), [0.0, 0.0]),
    (lambda x: np.arctan2(x[0], x[1]), [0.0, 0.0]),
    (lambda x: np.maximum(x, -x), [0.0]),
    (np.std, [1.0, 1.0]),
    (np.nanstd, [1.0, 1.0, np.nan]),
    (linalg.norm, [0.0, 0.0]),
    (lambda x: linalg.norm(x, 1.5), [0.0, 0.0]),
    (lambda x: sp.xlogy(x, x), [0.0]),
]


@pytest.mark.parametrize(("f", "point"), KINKS)
def test_first_derivatives_are_those_that_are_picked(f: Any, point: Any) -> None:
    """Forwards and backwards, in a stack, in float32, and where the sweep is recorded."""
    x = np.array(point)
    backwards = jacobian(f)(x)
    assert np.isfinite(backwards).all()
    v = np.arange(1.0, 1 + x.size)
    np.testing.assert_array_equal(jvp(f, (x,), (v,))[1], backwards @ v)
    np.testing.assert_array_equal(
        grad(lambda x: np.sum(f(x)))(Tensor(x)).data, np.reshape(backwards, (-1, x.size)).sum(0)
    )
    if f is not np.nanstd:
        check_float32(f, x)


@pytest.mark.parametrize(("f", "point"), KINKS)
def test_there_is_no_derivative_of_higher_order_either(f: Any, point: Any) -> None:
    slope = grad(lambda x: np.sum(f(x)))
    curvature = grad(lambda x: np.sum(slope(x)))
    for g in (curvature, grad(lambda x: np.sum(curvature(x)))):
        assert np.isnan(g(np.array(point))[0])


def test_a_number_alone_has_no_deviation() -> None:
    assert hessian(lambda x: np.std(x))(np.array([3.0])) == 0


@pytest.mark.parametrize("x", [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
@pytest.mark.parametrize("largest", [np.max, np.amax, np.nanmax, lambda x: -np.min(-x)])
def test_maximum_that_is_taken_off_before_exponentials_leaves_no_trace(largest: Any, x: list[float]) -> None:
    def logsumexp(x: Any) -> Any:
        return np.log(np.sum(np.exp(x - largest(x)))) + largest(x)

    p = np.exp(x) / np.sum(np.exp(x))
    np.testing.assert_allclose(hessian(logsumexp)(np.array(x)), np.diag(p) - np.outer(p, p), atol=1e-15)


def test_equal_numbers_that_are_the_same_keep_their_second_derivatives() -> None:
    x = np.array([0.5, 2.0])
    for f in (lambda x: np.maximum(x, x), lambda x: np.maximum(np.abs(x), x), lambda x: np.minimum(x[::-1][::-1], x)):
        np.testing.assert_allclose(hessian(lambda x: np.sum(f(x) ** 3))(x), np.diag(6 * x))  # noqa: B023


def test_maximum_of_complex_numbers_has_second_derivatives() -> None:
    z = np.array([1 + 2j, -1 + 1j])
    leaf = Tensor(z, requires_grad=True)
    (g,) = gradients(np.real(np.maximum(leaf, leaf * 2) ** 2).sum(), leaf, create_graph=True)
    (h,) = gradients(np.real(g).sum(), leaf)
    np.testing.assert_allclose(h.data, [8, 2])


def test_shares_are_constants_to_every_order() -> None:
    np.testing.assert_array_equal(hessian(lambda x: np.max(x) ** 2)(np.zeros(2)), np.full((2, 2), 0.5))
    for zero in (0.0, -0.0):
        for f in (lambda x: np.maximum(x, 0), lambda x: np.maximum(0, x), lambda x: np.clip(x, 0, None)):
            np.testing.assert_array_equal(hessian(lambda x: np.sum(f(x) ** 2))(np.array([zero])), [[0.5]])  # noqa: B023
    np.testing.assert_array_equal(hessian(lambda x: np.sum(relu(x) ** 2))(np.zeros(1)), [[0]])


def test_absolute_error_of_what_is_right_has_no_second_derivative() -> None:
    x = np.array([1.0, 2.0])
    found = hessian(lambda y: l1_loss(y, np.array([1.0, 3.0])) ** 2)(x)
    np.testing.assert_allclose(found, [[np.nan, 0], [0, 0.5]])
