"""Arithmetic, powers, exponentials and choices, broadcast in every way."""

import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_np import Tensor
from autograd_np.primitives import primitive_of
from tests.autograd_np.checks import check_float32, check_gradients, recorded
from tests.autograd_np.strategies import BETWEEN, GRID, NONZERO, POSITIVE, Call, arrays, broadcastable
from tests.families import of_family

HALVES = [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]
POWERS = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0]
QUARTERS = [n / 2 + 0.25 for n in range(-6, 6)]


def calls(function: Any, *values: Sequence[float], symbol: Callable[..., Any] | None = None) -> SearchStrategy[Call]:
    """Draw a ufunc's or an operator's call; one of two operands may be a Python number."""
    name = function.__name__
    spellings = [(name, function)] + ([(symbol.__name__, symbol)] if symbol else [])

    @st.composite
    def draw_call(draw: st.DrawFn) -> Call:
        spelling, f = draw(st.sampled_from(spellings))
        number = draw(st.sampled_from([None, *range(len(values))])) if len(values) == 2 else None
        if number is None:
            return Call(spelling, f, draw(broadcastable(*values)))
        value = draw(st.sampled_from(values[number]))
        x = draw(arrays(values=values[1 - number]))
        if number:
            return Call(f"{spelling}(x, {value})", lambda x: f(x, value), (x,))
        return Call(f"{spelling}({value}, x)", lambda x: f(value, x), (x,))

    return draw_call()


def integer_powers() -> SearchStrategy[Call]:
    """Draw x**n with Python integers, and at 0 where the power is smooth there."""
    powers = [(n, values) for n in range(4) for values in (GRID, NONZERO)] + [(n, NONZERO) for n in (-3, -2, -1)]
    return st.sampled_from(powers).flatmap(
        lambda power: st.builds(
            lambda x: Call(f"x**{power[0]}", lambda x: x ** power[0], (x,)), arrays(values=power[1])
        )
    )


@st.composite
def clips(draw: st.DrawFn) -> Call:
    xs = draw(broadcastable(GRID, BETWEEN, [x + 1 / 32 for x in GRID]))
    spellings: list[tuple[Callable[..., Any], int]] = [
        (np.clip, 3),
        (lambda x, a, b: np.clip(x, a_min=a, a_max=b), 3),
        (lambda x, a, b: np.clip(a=x, min=a, max=b), 3),
        (lambda x, a: np.clip(x, None, a), 2),
        (lambda x, a: np.clip(x, a, None), 2),
        (lambda x, a: x.clip(max=a), 2),
        (lambda x, a: np.clip(np.float32(0.25), x, a), 2),
        (lambda x: np.clip(x, -1.0625, 1.0625), 1),
        (lambda x: x.clip(-1.0625, 1.0625), 1),
        (lambda x: np.clip(x, None, None), 1),
    ]
    f, count = draw(st.sampled_from(spellings))
    return Call("clip", f, xs[:count])


CASES: dict[Any, SearchStrategy[Call]] = {
    np.clip: clips(),
    np.add: calls(np.add, GRID, GRID, symbol=operator.add),
    np.subtract: calls(np.subtract, GRID, GRID, symbol=operator.sub),
    np.multiply: calls(np.multiply, GRID, GRID, symbol=operator.mul),
    np.divide: calls(np.divide, GRID, NONZERO, symbol=operator.truediv),
    np.negative: calls(np.negative, GRID, symbol=operator.neg),
    np.positive: calls(np.positive, GRID, symbol=operator.pos),
    np.floor_divide: calls(np.floor_divide, QUARTERS, HALVES, symbol=operator.floordiv),
    np.remainder: calls(np.remainder, QUARTERS, HALVES, symbol=operator.mod),
    np.absolute: calls(np.absolute, BETWEEN, symbol=abs),
    np.sign: calls(np.sign, BETWEEN),
    np.power: st.one_of(calls(np.power, POSITIVE, POWERS, symbol=operator.pow), integer_powers()),
    np.square: calls(np.square, GRID),
    np.sqrt: calls(np.sqrt, POSITIVE),
    np.reciprocal: calls(np.reciprocal, NONZERO),
    np.exp: calls(np.exp, GRID),
    np.log: calls(np.log, POSITIVE),
    np.tanh: calls(np.tanh, GRID),
    scipy.special.expit: calls(scipy.special.expit, GRID),
    np.maximum: calls(np.maximum, GRID, BETWEEN),
    np.minimum: calls(np.minimum, GRID, BETWEEN),
    np.where: st.builds(
        lambda condition, xs: Call(f"where({condition}, x, x)", partial(np.where, condition), xs),
        st.sampled_from([True, False, np.array([True, False, True]), np.array([[True], [False]])]),
        st.tuples(
            arrays(st.sampled_from([(), (1,), (3,), (2, 1), (2, 3)])), arrays(st.sampled_from([(), (1, 3), (2, 3)]))
        ),
    ),
}
"""Calls of each function that this file tests."""

SMOOTH = [np.multiply, np.divide, np.power, np.sqrt, np.reciprocal, np.exp, np.log, np.tanh, scipy.special.expit]


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@of_family(len(CASES))
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    check_gradients(call.function, *call.arrays)
    check_float32(call.function, *call.arrays)
    y = call.function(*(Tensor(x, requires_grad=True) for x in call.arrays))
    assert primitive_of(function) in recorded(y)


@pytest.mark.parametrize("function", SMOOTH, ids=lambda f: f.__name__)
@given(data=st.data())
def test_third_order(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    check_gradients(call.function, *call.arrays, order=3)


def leaf(*values: float) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


@pytest.mark.parametrize("infinite", [np.inf, np.nan])
def test_what_is_not_chosen_has_no_gradient_of_any_size(infinite: float) -> None:
    a, b = Tensor([1.0, 2.0, 3.0], requires_grad=True), Tensor([2.0, 1.0, 3.0], requires_grad=True)
    np.maximum(a, b).backward(gradient=[infinite, infinite, 4.0])
    np.testing.assert_array_equal(a.grad, [0.0, infinite, 2.0])
    np.testing.assert_array_equal(b.grad, [infinite, 0.0, 2.0])


@pytest.mark.parametrize("function", [np.maximum, np.minimum])
def test_ties_share_equally(function: Any) -> None:
    a, b = leaf(1.0, 2.0, 0.0), leaf(1.0, 1.0, 0.0)
    function(a, b).backward([1.0, 1.0, 4.0])
    first = [0.5, float(function is np.maximum), 2.0]
    np.testing.assert_array_equal(a.grad, first)
    np.testing.assert_array_equal(b.grad, [0.5, 1 - first[1], 2.0])


def test_clip_gives_half_at_its_bounds() -> None:
    x = leaf(-2.0, -1.0, 0.0, 1.0, 2.0)
    np.clip(x, -1, 1).backward(np.ones(5))
    np.testing.assert_array_equal(x.grad, [0, 0.5, 1, 0.5, 0])


def test_absolute_has_slope_0_at_0() -> None:
    x = leaf(0.0, -0.0)
    abs(x).backward([1.0, 1.0])
    np.testing.assert_array_equal(x.grad, [0, 0])


@pytest.mark.parametrize("exponent", [0, 0.0, np.array(0.0), np.zeros(2)], ids=repr)
def test_zero_to_the_zero(exponent: Any) -> None:
    x = leaf(0.0, 2.0)
    y = x**exponent
    y.backward(np.ones(2))
    np.testing.assert_array_equal(y.data, [1, 1])
    np.testing.assert_array_equal(x.grad, [0, 0])


@pytest.mark.parametrize("exponent", [1, 1.0, np.ones(2)], ids=repr)
def test_first_power_at_zero(exponent: Any) -> None:
    x = leaf(0.0, 2.0)
    (x**exponent).backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, [1, 1])


def test_power_of_zero_does_not_change_with_the_exponent() -> None:
    x, exponent = leaf(0.0, 0.0), leaf(0.0, 2.0)
    (x**exponent).backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, [0, 0])
    np.testing.assert_array_equal(exponent.grad, [0, 0])
    (zero,) = np.zeros(1)
    exponent.grad = None
    (zero**exponent).backward(np.ones(2))
    np.testing.assert_array_equal(exponent.grad, [0, 0])


def test_second_derivatives_of_a_power_where_the_exponent_is_zero() -> None:
    """The slope in a is b a^(b-1); where b = 0 it is 0, but its own slope in b is 1/a."""
    check_gradients(np.power, np.array([0.5, 2.0, 3.0]), np.array([0.0, 0.0, 1.0]), order=3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_where_keeps_the_other_branch_out(bad: float) -> None:
    x, other = leaf(1.0, 2.0), leaf(bad, 3.0)
    np.where([True, False], x, other).backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, [1, 0])
    np.testing.assert_array_equal(other.grad, [0, 1])


def test_where_twice_is_safe_where_once_is_not() -> None:
    x = leaf(0.0, 4.0)
    positive = x > 0
    np.where(positive, np.sqrt(np.where(positive, x, 1.0)), 0.0).backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, [0, 0.25])


def test_where_with_a_condition_alone_lists_where_it_holds() -> None:
    (places,) = np.where(leaf(1.0, 0.0, 2.0))
    np.testing.assert_array_equal(places, [0, 2])
    assert type(places) is np.ndarray


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * [1.0, 2.0],
        lambda x: [1.0, 2.0] - x,
        lambda x: x / [1.0, 2.0],
        lambda x: [1.0, 2.0] / x,
        lambda x: x ** [1.0, 2.0],
        lambda x: [1.0, 2.0] ** x,
        lambda x: np.maximum(x, [1.0, 2.5]),
        lambda x: np.minimum([1.0, 2.5], x),
        lambda x: np.where([[True], [False]], x, [1.0, 2.0]),
        lambda x: np.clip(x, [0.0, 0.5], [1.0, 1.5]),
        lambda x: x % [1.0, 2.0],
    ],
)
def test_lists_are_operands_too(f: Callable[..., Any]) -> None:
    check_gradients(f, np.array([1.25, 2.25]))


@pytest.mark.parametrize(
    "number", [2, 2.0, np.float64(2), np.float32(2), np.int64(2), np.array(2), np.array(2.0)], ids=repr
)
@pytest.mark.parametrize(
    "symbol", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod, np.maximum]
)
def test_numbers_of_every_type_on_either_side(symbol: Callable[..., Any], number: Any) -> None:
    check_gradients(lambda x: symbol(x, number), np.array([1.25, 2.75]))
    check_gradients(lambda x: symbol(number, x), np.array([1.25, 2.75]))


@pytest.mark.parametrize("update", [operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow])
def test_in_place_operators(update: Callable[..., Any]) -> None:
    def f(x: Any, y: Any) -> Any:
        return update(x.copy() if isinstance(x, Tensor) else Tensor(x), y)

    check_gradients(f, np.array([[1.25, 2.75], [0.5, 1.0]]), np.array([0.5, 1.5]))


COMPLEX = np.array([0.5 + 1j, -1.25 + 0.5j, 1.5 - 0.75j])


@pytest.mark.parametrize(
    "function", [np.negative, np.square, np.sqrt, np.reciprocal, np.exp, np.log, np.tanh, np.absolute]
)
def test_complex_functions(function: Any) -> None:
    check_gradients(function, COMPLEX)


@pytest.mark.parametrize("function", [np.add, np.subtract, np.multiply, np.divide, np.power])
def test_complex_arithmetic(function: Any) -> None:
    check_gradients(function, COMPLEX, COMPLEX[::-1] + 1)
    check_gradients(function, COMPLEX, np.array([0.5, 2.0, 1.5]))
    check_gradients(function, np.array([0.5, 2.0, 1.5]), COMPLEX)


@pytest.mark.parametrize("part", ["real", "imag"])
def test_parts_of_complex_numbers(part: str) -> None:
    check_gradients(operator.attrgetter(part), COMPLEX)


def test_conjugate() -> None:
    check_gradients(lambda z: z.conj(), COMPLEX)
