"""What a function reads besides its arguments: followed, or refused, and never what it was once.

Where it may lie: in cells of closures, in globals, in attributes, in dicts and lists inside of these, in what a method
is bound to, in functions that are called, in arguments of partials. What it may be: a number, an array that is written
into or exchanged, a tensor, a generator. What a run may do with it: read it, compute of it alone, exchange it, draw.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nn
from autograd_np import Tensor, compile, value_and_grad
from autograd_np.compiling import Uncapturable

SETTING = 1.0
WEIGHTS = np.array([1.0, 2.0, 3.0])


class Owner:
    """An object with a number, an array, and more inside."""

    scale: float

    def __init__(self) -> None:
        self.scale, self.w, self.inner = 1.0, np.ones(3), {"w": np.ones(3), "n": [1.0, 2.0]}

    def method(self, x: Any) -> Any:
        return x * self.scale + self.w


def of_globals(x: Any) -> Any:
    return x * SETTING + 2 * WEIGHTS


def set_globals(value: float) -> None:
    global SETTING, WEIGHTS
    SETTING, WEIGHTS = value, np.full(3, value)


def cells() -> tuple[Callable[[Any], Any], Callable[[float], None]]:
    scale, w = 1.0, np.ones(3)

    def function(x: Any) -> Any:
        return x * scale + w / 2

    def change(value: float) -> None:
        nonlocal scale, w
        scale, w = value, np.full(3, value)

    return function, change


def objects() -> tuple[Callable[[Any], Any], Callable[[float], None]]:
    owner = Owner()

    def change(value: float) -> None:
        owner.scale, owner.w = value, np.full(3, value)

    return owner.method, change


def nested() -> tuple[Callable[[Any], Any], Callable[[float], None]]:
    owner = Owner()

    def change(value: float) -> None:
        owner.inner["w"] = np.full(3, value)
        owner.inner["n"][1] = value

    return lambda x: x * owner.inner["n"][1] + owner.inner["w"] * 0.5, change


def callees() -> tuple[Callable[[Any], Any], Callable[[float], None]]:
    inner, change = cells()
    return lambda x: np.sin(inner(x)), change


def partials() -> tuple[Callable[[Any], Any], Callable[[float], None]]:
    settings = SimpleNamespace(scale=1.0)
    return functools.partial(lambda s, x: x * s.scale, settings), lambda value: setattr(settings, "scale", value)


def written() -> tuple[Callable[[Any], Any], Callable[[float], None]]:
    w = np.ones(3)

    def change(value: float) -> None:
        w[:] = value

    return lambda x: x * (1 + w / 2).sum(), change


def tensors() -> tuple[Callable[[Any], Any], Callable[[float], None]]:
    w = Tensor(np.ones(3), requires_grad=True)

    def change(value: float) -> None:
        w.data[:] = value

    return lambda x: np.sum(x * np.exp(w.detach() * 0.5)).data, change


def models() -> tuple[Callable[[Any], Any], Callable[[float], None]]:
    model = nn.Sequential(nn.Linear(3, 3, rng=0), nn.Dropout(0.5, rng=0))

    def change(value: float) -> None:
        model.eval()
        model[0].bias.data[:] = value

    return lambda x: (model(x[None].astype(np.float32)) if not model.training else Tensor(x)).detach(), change


@pytest.mark.parametrize(
    "make", [cells, objects, nested, callees, partials, written, tensors, models, lambda: (of_globals, set_globals)]
)
def test_what_changes_is_followed(make: Callable[[], Any]) -> None:
    function, change = make()
    compiled = compile(function)
    for value in (1.0, 2.0, 3.0, 2.0):
        change(value)
        for _ in range(4):
            x = np.random.default_rng(int(value)).normal(size=3)
            np.testing.assert_array_equal(np.asarray(compiled(x)), np.asarray(function(x)))
    assert compiled.programs >= 1


def test_gradients_with_respect_to_what_is_reached_leave_none_there() -> None:
    w = Tensor(np.ones(3), requires_grad=True)
    w.grad = np.full(3, 7.0)
    compiled = compile(value_and_grad(lambda x: np.sum(x * w.detach() ** 2)))
    for _ in range(4):
        compiled(np.arange(3.0))
    np.testing.assert_array_equal(w.grad, np.full(3, 7.0))
    w.data[:] = 3
    np.testing.assert_array_equal(compiled(np.arange(3.0))[1], np.full(3, 9.0))


def puts_into_a_cell() -> Callable[[Any], Any]:
    w = np.ones(3)

    def function(x: Any) -> Any:
        nonlocal w
        w = w + x
        return w * 2

    return function


def puts_into_an_attribute() -> Callable[[Any], Any]:
    owner = SimpleNamespace()

    def function(x: Any) -> Any:
        owner.last = x * 2
        return owner.last

    return function


def puts_into_a_list() -> Callable[[Any], Any]:
    found: list[Any] = []

    def function(x: Any) -> Any:
        found.append(x * 2)
        return x

    return function


@pytest.mark.parametrize(
    ("make", "name"),
    [(puts_into_a_cell, "w"), (puts_into_an_attribute, r"owner\.last"), (puts_into_a_list, r"found\[0\]")],
)
def test_what_a_run_puts_somewhere_is_refused(make: Callable[[], Any], name: str) -> None:
    function = make()
    with pytest.raises(Uncapturable, match=f"the function puts another array into {name}, which"):
        compile(function)(np.ones(3))


def test_a_counter_is_refused() -> None:
    owner = SimpleNamespace(calls=0)

    def function(x: Any) -> Any:
        owner.calls += 1
        return x * 2

    compiled = compile(function)

    def run_often() -> None:
        for _ in range(4):
            compiled(np.ones(3))

    with pytest.raises(Uncapturable, match="each run changes owner, which a program does not repeat"):
        run_often()


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "draw",
    [lambda: RNG.random(), lambda: np.random.random(), lambda: random.random()],  # noqa: NPY002
)
def test_decisions_by_random_numbers_are_refused(draw: Callable[[], float]) -> None:
    def function(x: Any) -> Any:
        return x * 2 if draw() < 2 else x

    with pytest.raises(Uncapturable, match="numbers are drawn at random"):
        compile(function)(np.ones(3))


def test_dropout_is_no_such_decision() -> None:
    model, loss = nn.Sequential(nn.Linear(3, 3, rng=0), nn.Dropout(0.5, rng=0)), nn.MSELoss()
    step = nn.compile_step(model, loss, nn.optim.SGD(model.parameters(), lr=0.1))
    for _ in range(4):
        step(np.ones((2, 3), np.float32), np.ones((2, 3), np.float32))
    assert step.programs == 1


@pytest.mark.parametrize(
    "change", [lambda p: p.update(w=p["w"] * 2), lambda p: p.update(v=p["w"]), lambda p: p.pop("w")]
)
def test_entries_of_arguments_that_are_exchanged_are_refused(change: Callable[[Any], Any]) -> None:
    def function(p: Any) -> Any:
        result = p["w"] * 2
        change(p)
        return result

    with pytest.raises(Uncapturable, match="something was put into a dict or a list that was given"):
        compile(function)({"w": np.ones(3)})


def test_a_refusal_that_is_caught_is_a_refusal() -> None:
    def function(x: Any) -> Any:
        try:
            scale = float(np.max(x))
        except Exception:
            scale = 1.0
        return x * scale

    with pytest.raises(Uncapturable, match="a Python number is made of an array"):
        compile(function)(np.ones(3))


def test_errors_that_the_function_waits_for() -> None:
    def function(a: Any) -> Any:
        try:
            return np.linalg.cholesky(a).sum()
        except np.linalg.LinAlgError:
            return np.float64(np.inf)

    compiled = compile(function)
    for _ in range(3):
        compiled(2 * np.eye(2))
    assert compiled(-np.eye(2)) == np.inf
    assert compiled(np.eye(2)) == 2


def test_calls_that_are_captured_again_and_again_are_left_to_the_function() -> None:
    compiled = compile(lambda x, rate: x * rate)
    for i in range(23):
        compiled(np.ones(3), 1.0 / (1 + i))
    with pytest.warns(RuntimeWarning, match="24 calls in a row were captured"):
        compiled(np.ones(3), 9.0)
    for i in range(5):
        np.testing.assert_array_equal(compiled(np.ones(3), 2.0 + i), np.full(3, 2.0 + i))
    assert compiled.programs == 0


def test_states_that_come_again_have_their_programs() -> None:
    settings = {"scale": 1.0}
    compiled = compile(lambda x: x * settings["scale"])
    for scale in (1.0, 2.0, 1.0, 2.0, 1.0):
        settings["scale"] = scale
        for _ in range(3):
            np.testing.assert_array_equal(compiled(np.ones(3)), np.full(3, scale))
    assert compiled.programs == 2


class Decorated:
    def __init__(self, scale: float) -> None:
        self.scale, self.w = scale, np.ones(3)

    @compile
    def method(self, x: Any) -> Any:
        return x * self.scale + self.w / 2


def test_attributes_that_a_compiled_method_reads_are_followed() -> None:
    one, other = Decorated(1.0), Decorated(2.0)
    for i in range(8):
        for owner in (one, other):
            np.testing.assert_array_equal(owner.method(np.ones(3)), np.ones(3) * owner.scale + owner.w / 2)
        one.w[:] = i
        if i == 4:
            one.scale, other.w = 5.0, np.full(3, 7.0)
