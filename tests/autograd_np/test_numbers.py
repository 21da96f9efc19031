"""What NumPy has a number for cannot be changed: `s += 1` gives another one, and every other name keeps the old.

Of this kind are an element (`t[0]`, and what a loop over a tensor gives), what is reduced to one number, and arithmetic
with these; kept in a list, under a second name, or handed to a function; with every operator; as the argument of a
function that is being differentiated. Arrays without axes are not: `np.zeros_like(s)`, a leaf, `t[0, ...]`.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd_np import Tensor, grad, no_grad, value_and_grad
from tests.autograd_np.checks import check_gradients

X = np.array([1.5, 2.0, 0.5])
IN_PLACE = [
    operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow, operator.ifloordiv, operator.imod,
]  # fmt: skip


def walk(t: Any) -> Any:
    place, places = t[0], []
    for step in t[1:]:
        place += step
        places.append(place)
    return sum(p * p for p in places)


def running_total(t: Any) -> Any:
    total, totals = 0.0, []
    for x in t:
        total += x * x
        totals.append(total)
    return sum(total * i for i, total in enumerate(totals))


def two_names(t: Any) -> Any:
    total = np.sum(t**2)
    before = total
    total += np.sum(t)
    return total - before * 3


def in_a_function(t: Any) -> Any:
    def doubled(x: Any) -> Any:
        x *= 2
        return x

    x = t @ t
    return x * doubled(x)


@pytest.mark.parametrize("f", [walk, running_total, two_names, in_a_function])
def test_another_name_keeps_the_number(f: Callable[[Any], Any]) -> None:
    assert value_and_grad(f)(X)[0] == f(X)
    check_gradients(lambda t: np.asarray(f(t)) if isinstance(t, np.ndarray) else f(t), X)


@pytest.mark.parametrize("operate", IN_PLACE)
@pytest.mark.parametrize("number", [lambda t: t[1], np.mean, lambda t: t @ t, lambda t: np.max(t) * 2])
def test_every_operator_gives_another_number(operate: Any, number: Callable[[Any], Any]) -> None:
    t = Tensor(X, requires_grad=True)
    s = number(t)
    before = s
    s = operate(s, 0.75)
    assert s is not before
    assert before.item() == number(X)
    assert s.item() == operate(number(X), 0.75)


def test_an_argument_that_is_a_number() -> None:
    def f(x: Any) -> Any:
        before = x
        x += 1.0
        return before * x

    assert grad(f)(2.0) == 5.0
    assert grad(f)(np.float64(2.0)) == 5.0
    with pytest.raises(RuntimeError, match="cannot be changed in place"):
        grad(f)(np.array(2.0))


def test_arrays_without_axes_are_changed() -> None:
    t = Tensor(X, requires_grad=True)
    for array in (np.zeros_like(np.sum(t)), Tensor(0.0), t.copy()[0, ...]):
        same = array
        array += t[1]
        assert same is array


def test_a_parameter_made_of_a_number_is_updated() -> None:
    w = np.sum(Tensor([1.0, 2.0]))
    w.requires_grad = True
    (w * w).backward()
    same = w
    with no_grad():
        w -= 0.5 * w.grad
    assert w is same
    assert w.item() == 0.0
