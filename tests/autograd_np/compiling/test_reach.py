"""What a function reads besides its arguments: followed, or refused, and never what it was once.

Where it may lie: in cells of closures, in globals, in defaults, in containers of every kind and the attributes of
objects, with slots as well, and of their classes, in what a method is bound to, in functions that are called, be they
methods, properties, wrappers, compiled ones or primitives, in arguments of partials, and in arguments that are
functions or objects. What it may be: a number, an array that is written into, exchanged or given another form, a
tensor, a generator. What a run may do with it: read it, compute of it alone, ask whether two are one, exchange it,
draw. What may happen between two calls: a number at the address of one that is gone, another key, another class, other
code.
"""

from __future__ import annotations

import collections
import contextvars
import functools
import itertools
import random
import subprocess
import sys
import threading
import types
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import Tensor, compile, defvjp, primitive, value_and_grad
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


# -- wherever it lies -------------------------------------------------------------------------------------------------


class Pair(NamedTuple):
    first: Any
    second: Any


class Slotted:
    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: Any) -> None:
        self._value = value

    @property
    def value(self) -> Any:
        return self._value


class Settings(dict[str, Any]):
    """A dict of a user's own."""


def _class_with(value: Any) -> Any:
    class Base:
        setting = value

    return type("Derived", (Base,), {})


def _put(holder: Any, name: str) -> Callable[[Any], None]:
    return lambda value: setattr(holder, name, value)


def in_(kind: str, value: Any) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    """Return how code reads a value that lies in something of a kind, and how another one is put there."""
    holder: Any
    match kind:
        case "cell":

            def put(other: Any) -> None:
                nonlocal value
                value = other

            return lambda: value, put
        case "attribute" | "instance dict":
            holder = type("Owner", (), {})()
            holder.value = value
            if kind == "attribute":
                return lambda: holder.value, _put(holder, "value")
            return lambda: holder.value, lambda other: setattr(holder, "__dict__", {"value": other})
        case "slot":
            holder = Slotted(value)
            return lambda: holder.value, _put(holder, "_value")
        case "class" | "class exchanged":
            holder = _class_with(value)()
            if kind == "class":
                return lambda: holder.setting, _put(type(holder).__base__, "setting")
            return lambda: holder.setting, lambda other: setattr(holder, "__class__", _class_with(other))
        case "dict" | "OrderedDict" | "defaultdict" | "UserDict" | "own dict" | "keys":
            makes: dict[str, Any] = {
                "dict": dict, "keys": dict, "OrderedDict": collections.OrderedDict, "UserDict": collections.UserDict,
                "own dict": Settings, "defaultdict": lambda d: collections.defaultdict(list, d),
            }  # fmt: skip
            holder = makes[kind]({"value": value})
            if kind == "keys":
                holder["other"] = None

                def exchange(other: Any) -> None:
                    holder.clear()
                    holder.update({"other": None, "value": other})

                return lambda: holder["value"], exchange
            return lambda: holder["value"], lambda other: holder.update(value=other)
        case "list" | "deque" | "UserList":
            holder = {"list": list, "deque": collections.deque, "UserList": collections.UserList}[kind]([value])
            return lambda: holder[0], lambda other: holder.__setitem__(0, other)
        case "tuple" | "namedtuple" | "nested tuple":
            makes = {"tuple": lambda v: (0, v), "namedtuple": lambda v: Pair(0, v), "nested tuple": lambda v: (0, (v,))}
            holder = SimpleNamespace(held=makes[kind](value))
            reads = {"tuple": lambda: holder.held[1], "namedtuple": lambda: holder.held.second}
            read = reads.get(kind, lambda: holder.held[1][0])
            return read, lambda other: setattr(holder, "held", makes[kind](other))
        case "default":

            def read_default(_: int = 0, held: Any = value) -> Any:
                return held

            return read_default, lambda other: setattr(read_default, "__defaults__", (0, other))
        case "keyword default":

            def read_keyword(*, held: Any = value) -> Any:
                return held

            return read_keyword, lambda other: read_keyword.__kwdefaults__.update(held=other)
        case "function attribute":

            def read_own() -> Any:
                return read_own.held  # type: ignore[attr-defined]

            read_own.held = value  # type: ignore[attr-defined]
            return read_own, _put(read_own, "held")
        case "partial":
            holder = SimpleNamespace(held=value)
            held = functools.partial(lambda s: s.held, holder)
            return held, _put(holder, "held")
        case "context variable":
            variable = contextvars.ContextVar("variable", default=value)
            return variable.get, lambda other: (variable.set(other), None)[1]
        case "object array":
            holder = np.array([None, None], object)
            holder[0] = value
            return lambda: holder[0], lambda other: holder.__setitem__(0, other)
        case "mapping proxy":
            inner = {"value": value}
            holder = types.MappingProxyType(inner)
            return lambda: holder["value"], lambda other: inner.update(value=other)
        case "module":
            holder = types.ModuleType("settings_of_a_user")
            holder.value = value  # type: ignore[attr-defined]
            return lambda: holder.value, _put(holder, "value")
        case "module by text":
            holder = types.ModuleType("settings_of_a_user")
            holder.value = value  # type: ignore[attr-defined]
            return lambda: getattr(holder, "val" + "ue"), _put(holder, "value")
        case "namespace":
            holder = SimpleNamespace(value=value)
            return lambda: vars(holder)["value"], _put(holder, "value")
        case "tuple with attributes":
            holder = type("Point", (Pair,), {})(1.0, 2.0)
            holder.value = value
            return lambda: holder.value, _put(holder, "value")
        case "array with attributes":
            holder = np.ones(2).view(type("Array", (np.ndarray,), {}))
            holder.value = value
            return lambda: holder.value, _put(holder, "value")
        case "weak dict":
            kept = type("Owner", (), {})()
            kept.value = value
            holder = weakref.WeakValueDictionary({"a": kept})
            return lambda: holder["a"].value, _put(kept, "value")
        case "thread's own":
            holder = threading.local()
            holder.value = value
            return lambda: holder.value, _put(holder, "value")
        case "class by text":
            namespace: dict[str, Any] = {}
            exec("class Made: pass", {"__name__": "builtins"}, namespace)
            holder = namespace["Made"]
            holder.value = value
            made = holder()
            return lambda: made.value, _put(holder, "value")
        case "default factory":
            holder = collections.defaultdict(lambda: value)
            return lambda: (holder.pop(0, None), holder[0], holder.pop(0))[1], lambda other: setattr(
                holder, "default_factory", lambda: other
            )
        case "event":
            event, both = threading.Event(), {False: value, True: value}

            def exchange_by_event(other: Any) -> None:
                both[not event.is_set()] = other
                (event.clear if event.is_set() else event.set)()

            return lambda: both[event.is_set()], exchange_by_event
        case _:
            raise AssertionError(kind)


KINDS = [
    "cell", "attribute", "instance dict", "slot", "class", "class exchanged", "dict", "OrderedDict", "defaultdict",
    "UserDict", "own dict", "keys", "list", "deque", "UserList", "tuple", "namedtuple", "nested tuple", "default",
    "keyword default", "function attribute", "partial", "context variable", "object array", "mapping proxy", "module",
    "module by text", "namespace", "tuple with attributes", "array with attributes", "weak dict", "thread's own",
    "class by text", "default factory", "event",
]  # fmt: skip
USES: dict[str, Callable[[Any, Any], Any]] = {
    "read": lambda x, v: x * v,
    "computed of alone": lambda x, v: x + np.exp(v * 0.25),
    "in Python": lambda x, v: x * (1 - v),
    "in a view": lambda x, v: x + np.reshape(v, -1)[:1],
}
CALLS: dict[str, Callable[[Callable[[Any], Any]], Callable[[Any], Any]]] = {
    "itself": lambda f: f,
    "a function that it calls": lambda f: lambda x: f(x),
    "a method": lambda f: type("Owner", (), {"call": lambda self, x: f(x)})().call,
    "an object that is called": lambda f: type("Owner", (), {"__call__": lambda self, x: f(x)})(),
    "a property": lambda f: lambda x: type("Owner", (), {"made": property(lambda self: f(x))})().made,
    "a static method": lambda f: type("Owner", (), {"call": staticmethod(f)}).call,
    "one that is compiled itself": lambda f: (lambda inner: lambda x: inner(x))(compile(f)),
    "a wrapper named as a library's": lambda f: functools.wraps(np.linalg.norm)(lambda x: f(x)),
    "a method that lies in a dict": lambda f: (lambda d: lambda x: d["f"](x))({"f": f}),
}


@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from([*USES])), min_size=1, max_size=3),
    st.sampled_from([*CALLS]),
    st.booleans(),
    st.lists(st.sampled_from(["put", "write", "toggle", "twice", "form", "nothing"]), min_size=1, max_size=6),
    st.integers(0, 2**32 - 1),
)
def test_wherever_it_lies_it_is_followed(
    places: list[tuple[str, str]], call: str, arrays: bool, changes: list[str], seed: int
) -> None:
    rng = np.random.default_rng(seed)

    def drawn() -> Any:
        return rng.normal(size=3) if arrays else float(rng.normal())

    first = [drawn() for _ in places]
    held = [in_(kind, value) for (kind, _), value in zip(places, first, strict=True)]

    def function(x: Any) -> Any:
        for (_, use), (read, _) in zip(places, held, strict=True):
            x = USES[use](x, read())
        return x

    function = CALLS[call](function)
    compiled = compile(function)

    def hold() -> None:
        for _ in range(3):
            x = rng.normal(size=3)
            got, expected = compiled(x), function(x)
            assert np.asarray(got).tobytes() == np.asarray(expected).tobytes()

    hold()
    for change in changes:
        i = int(rng.integers(len(places)))
        read, put = held[i]
        match change:
            case "put":
                put(drawn())
            case "twice":  # another number may be where the first one was
                put(read() * 0.5)
                put(read() * 0.5)
            case "write" if arrays and read().flags.writeable:
                read()[...] = rng.normal(size=3)
            case "toggle":
                put(first[i])
            case "form" if arrays:
                array = rng.normal(size=(3, 3))[0]
                put(array)
                hold()
                array.flags.writeable = False
            case _:
                pass
        hold()


def test_an_array_whose_form_is_changed_in_place() -> None:
    a, b = np.arange(4.0).reshape(2, 2).copy(), np.arange(4)
    compiled = compile(lambda x: x @ a.T + b.reshape(2, 2))

    def hold() -> None:
        for _ in range(4):
            x = np.ones((1, 2))
            np.testing.assert_array_equal(compiled(x), x @ a.T + b.reshape(2, 2))

    hold()
    b.dtype = np.float64
    hold()
    a.resize((2, 2), refcheck=False)
    hold()


def test_an_array_that_has_grown() -> None:
    a = np.ones(2)
    compiled = compile(lambda x: x * a.sum())
    for _ in range(4):
        compiled(np.ones(2))
    a.resize(100_000, refcheck=False)
    np.testing.assert_array_equal(compiled(np.ones(2)), np.full(2, a.sum()))


def test_arrays_that_are_one_are_one_in_the_capture_too() -> None:
    owner = SimpleNamespace()
    owner.a = owner.b = np.ones(2)

    def function(x: Any, y: Any) -> Any:
        return (x * 2 if owner.a is owner.b else x * 3) + (x * 5 if x is y else x * 7) + (11 if x is owner.a else 13)

    compiled = compile(function)

    def hold(same: bool, reached: bool) -> None:
        for _ in range(4):
            x = owner.a if reached else np.ones(2)
            y = x if same else np.ones(2)
            np.testing.assert_array_equal(compiled(x, y), function(x, y))

    for same, reached in itertools.product([True, False], repeat=2):
        hold(same, reached)
    assert compiled.programs == 4
    owner.b = np.ones(2)
    for same, reached in itertools.product([True, False], repeat=2):
        hold(same, reached)


def test_an_array_that_two_functions_read() -> None:
    w = np.ones((2, 3))
    one, other = lambda x: x * w, lambda x: x + w
    compiled = compile(lambda x: one(x) + other(x))
    for i in range(5):
        w[...] = i
        np.testing.assert_array_equal(compiled(np.ones((2, 3))), np.full((2, 3), 1.0 + 2 * i))
    assert compiled.programs == 1


def test_arguments_that_are_functions_and_objects_are_followed() -> None:
    settings = SimpleNamespace(scale=2.0)

    class Owner:
        def __init__(self) -> None:
            self.scale = 2.0

        def method(self, x: Any) -> Any:
            return x * self.scale

    owner = Owner()
    compiled = compile(lambda x, f: f(x))
    for f, holder in (
        (lambda x: x * settings.scale, settings),
        (owner.method, owner),
        (functools.partial(lambda s, x: x * s.scale, settings), settings),
    ):
        for scale in (2.0, 3.0, 2.0):
            holder.scale = scale
            for _ in range(4):
                np.testing.assert_array_equal(compiled(np.ones(2), f), np.full(2, scale))
    with_object = compile(lambda x, o: x * o.scale)
    for scale in (2.0, 3.0):
        owner.scale = scale
        for _ in range(4):
            np.testing.assert_array_equal(with_object(np.ones(2), owner), np.full(2, scale))


def test_what_primitives_and_rules_read_is_followed() -> None:
    settings = SimpleNamespace(scale=2.0)

    @primitive
    def scaled(x: Any) -> Any:
        return x * settings.scale

    defvjp(scaled, lambda g, _y, _x: g * settings.scale)
    function = value_and_grad(lambda x: np.sum(scaled(x)))
    compiled = compile(function)
    for scale in (2.0, 3.0):
        settings.scale = scale
        for _ in range(4):
            value, gradient = compiled(np.ones(2))
            assert (value, gradient.tolist()) == (2 * scale, [scale, scale])


def test_bases_that_are_exchanged() -> None:
    class One:
        def scaled(self, x: Any) -> Any:
            return x * 1

    class Other:
        def scaled(self, x: Any) -> Any:
            return x * 2

    class Derived(One):
        pass

    owner = Derived()
    compiled = compile(lambda x: owner.scaled(x))
    for _ in range(4):
        compiled(np.ones(2))
    Derived.__bases__ = (Other,)
    np.testing.assert_array_equal(compiled(np.ones(2)), np.full(2, 2.0))


def test_code_that_is_exchanged() -> None:
    def helper(x: Any) -> Any:
        return x * 2

    compiled = compile(lambda x: helper(x))
    for _ in range(4):
        compiled(np.ones(2))
    helper.__code__ = (lambda x: x * 3).__code__
    np.testing.assert_array_equal(compiled(np.ones(2)), np.full(2, 3.0))


def test_a_name_of_an_attribute_is_no_global() -> None:
    log: list[Any] = []
    namespace: dict[str, Any] = {"np": np, "data": log, "Tensor": Tensor, "__name__": "of_a_user"}
    exec("def f(x): return Tensor(x).data * 2", namespace)
    compiled = compile(namespace["f"])
    for i in range(5):
        np.testing.assert_array_equal(compiled(np.full(2, float(i))), np.full(2, 2.0 * i))
        log.append(i)
    assert compiled.programs == 1


def test_a_global_that_hides_a_builtin_later() -> None:
    namespace: dict[str, Any] = {"__name__": "of_a_user"}
    exec("def f(x): return x * abs(-2.0)", namespace)
    compiled = compile(namespace["f"])
    for _ in range(4):
        compiled(np.ones(2))
    namespace["abs"] = lambda v: 7.0
    np.testing.assert_array_equal(compiled(np.ones(2)), np.full(2, 7.0))


def test_a_builtin_of_a_users(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = compile(lambda x: x * knob)  # type: ignore[name-defined]  # noqa: F821
    for value in (2.0, 5.0):
        monkeypatch.setattr("builtins.knob", value, raising=False)
        for _ in range(4):
            np.testing.assert_array_equal(compiled(np.ones(2)), np.full(2, value))


def test_a_global_that_a_forward_method_reads() -> None:
    class Net(nn.Module):
        gain = 1.0

        def __init__(self) -> None:
            self.linear = nn.Linear(2, 2, rng=0)

        def forward(self, x: Any) -> Any:
            return self.linear(x) * (SETTING * self.gain)

    model = Net()
    x, y = np.ones((1, 2), np.float32), np.zeros((1, 2), np.float32)
    step = nn.compile_step(model, nn.MSELoss(), nn.optim.SGD(model.parameters(), lr=0.0))
    for setting, gain in ((1.0, 1.0), (3.0, 1.0), (3.0, 5.0), (1.0, 1.0)):
        set_globals(setting)
        Net.gain = gain
        for _ in range(4):
            expected = np.mean(np.square(model(x).data))
            assert step(x, y) == pytest.approx(float(expected), rel=1e-6)
    set_globals(1.0)


@pytest.mark.parametrize("exchange", [False, True])
def test_buffers_of_a_module_that_is_no_part_of_the_model(exchange: bool) -> None:
    model, teacher = nn.Linear(3, 3, rng=0), nn.BatchNorm1d(3).eval().requires_grad_(False)

    def loss(out: Any, y: Any) -> Any:
        return nn.functional.mse_loss(out, teacher(y))

    step = nn.compile_step(model, loss, nn.optim.SGD(model.parameters(), lr=0.0))
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    for i in range(1, 4):
        if exchange:
            teacher.running_var = np.full(3, float(i), np.float32)
        else:
            teacher.running_var[...] = i
        for _ in range(4):
            assert step(x, x) == loss(model(x), x).data


# -- what is refused, and leaves all as it was ------------------------------------------------------------------------


def test_a_teacher_in_training_mode_is_as_it_was() -> None:
    model, teacher = nn.Linear(3, 3, rng=0), nn.BatchNorm1d(3).requires_grad_(False)
    before = teacher.state_dict()
    step = nn.compile_step(
        model, lambda out, y: nn.functional.mse_loss(out, teacher(y)), nn.optim.SGD(model.parameters(), lr=0.1)
    )
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    with pytest.raises(Uncapturable, match=r"another array into .*running_mean"):
        step(x, x)
    assert {type(value) for value in teacher.buffers()} == {np.ndarray}
    assert list(teacher.state_dict()) == list(before)


@pytest.mark.parametrize("make", [list, collections.deque])
def test_what_is_taken_out_of_a_container_leaves_arrays_there(make: Any) -> None:
    held = make([np.ones(2), np.full(2, 2.0), np.full(2, 3.0)])

    def function(x: Any) -> Any:
        return x * held.pop()

    with pytest.raises(Uncapturable, match="puts another array into"):
        compile(function)(np.ones(2))
    assert [type(a) for a in held] == [np.ndarray, np.ndarray]
    assert [a[0] for a in held] == [1, 2]


def test_a_cache_keeps_nothing_of_a_capture() -> None:
    w = np.ones(2)

    @functools.lru_cache
    def table(n: int) -> Any:
        return np.exp(w * n)

    def function(x: Any) -> Any:
        return x * table(3)

    with pytest.raises(Uncapturable, match="puts another array into"):
        compile(function)(np.ones(2))
    np.testing.assert_array_equal(function(np.ones(2)), np.exp(w * 3))


def test_a_cache_of_constants_is_none() -> None:
    @functools.lru_cache
    def mask(n: int) -> Any:
        return np.tril(np.ones((n, n)))

    compiled = compile(lambda x: x * mask(3))
    for _ in range(5):
        np.testing.assert_array_equal(compiled(np.ones((3, 3))), np.tril(np.ones((3, 3))))
    assert compiled.programs == 1


ITERATORS: list[tuple[str, Callable[[], Any]]] = [
    ("cycle", lambda: itertools.cycle([1.0, 2.0])),
    ("generator", lambda: (float(i) for i in range(99))),
    ("list_iterator", lambda: iter([1.0, 2.0, 3.0])),
    ("count", lambda: itertools.count(1)),
]


@pytest.mark.parametrize(("name", "make"), ITERATORS)
def test_what_goes_on_in_each_run_is_refused(name: str, make: Callable[[], Any]) -> None:
    turns = make()
    with pytest.raises(Uncapturable, match=rf"turns is a {name}, which a program does not go on with"):
        compile(lambda x: x * next(turns))(np.ones(2))


@pytest.mark.parametrize("make", [random.Random, np.random.RandomState, np.random.default_rng, np.random.PCG64])
def test_decisions_by_generators_that_are_reached_are_refused(make: Any) -> None:
    owner = SimpleNamespace(rng=make(0))
    draws: dict[Any, Callable[[], float]] = {
        random.Random: lambda: owner.rng.random(),
        np.random.RandomState: lambda: owner.rng.rand(),
        np.random.PCG64: lambda: owner.rng.random_raw(),
    }
    draw = draws.get(make, lambda: owner.rng.random())
    with pytest.raises(Uncapturable, match="numbers are drawn at random"):
        compile(lambda x: x * 2 if draw() >= 0 else x)(np.ones(2))


def test_writes_into_an_array_in_a_tuple_are_refused() -> None:
    held = (np.zeros(2),)

    def function(x: Any) -> Any:
        held[0][...] += 1
        return x * held[0]

    with pytest.raises(Uncapturable, match="writes into an array"):
        compile(function)(np.ones(2))


def test_what_cannot_be_exchanged_and_is_large_is_refused() -> None:
    variable: contextvars.ContextVar[Any] = contextvars.ContextVar("variable")
    compiled = compile(lambda x: x * variable.get()[0])
    variable.set(np.ones(100))
    for _ in range(4):
        variable.get()[0] += 1
        np.testing.assert_array_equal(compiled(np.ones(2)), np.full(2, variable.get()[0]))
    variable.set(np.ones(200_000))
    with pytest.raises(Uncapturable, match="lies where it cannot be followed"):
        compiled(np.ones(2))


@pytest.mark.parametrize("code", ["globals()['k']", "eval('k')"])
def test_what_reaches_anything_is_refused(code: str) -> None:
    namespace: dict[str, Any] = {"k": 2.0, "__name__": "of_a_user"}
    exec(f"def f(x): return x * {code}", namespace)
    with pytest.raises(Uncapturable, match="through which anything can be reached"):
        compile(namespace["f"])(np.ones(2))


def test_an_argument_that_is_written_and_reached() -> None:
    a = np.arange(4.0)

    def function(w: Any) -> Any:
        old = a.copy()
        w -= 1.0
        return old * 2

    compiled = compile(function)
    for _ in range(4):
        compiled(np.arange(4.0))
    for same in (a, a[:], a[::1]):
        for _ in range(3):
            a[...] = np.arange(4.0)
            np.testing.assert_array_equal(compiled(same), 2 * np.arange(4.0))
            np.testing.assert_array_equal(a, np.arange(4.0) - 1)


@pytest.mark.parametrize("exact", [True, False])
def test_a_batch_that_is_a_view_of_a_parameter(exact: bool) -> None:
    def made() -> Any:
        model = nn.Linear(4, 4, rng=0)
        return model, nn.optim.SGD(model.parameters(), lr=0.5)

    (model, optimizer), (other, others) = made(), made()
    step, y = nn.compile_step(model, nn.MSELoss(), optimizer, exact=exact), np.ones((1, 4), np.float32)
    for _ in range(4):
        step(model.weight.data[:1], y)
        others.zero_grad()
        nn.functional.mse_loss(other(other.weight.data[:1]), y).backward()
        others.step()
        np.testing.assert_allclose(model.weight.data, other.weight.data, rtol=0 if exact else 1e-5)


def test_threads_that_call_while_it_is_captured() -> None:
    owner, faults = SimpleNamespace(w=np.ones(3)), []
    compiled = compile(lambda x: x * np.exp(owner.w))

    def run() -> None:
        try:
            for _ in range(20):
                np.testing.assert_array_equal(compiled(np.ones(3)), np.exp(owner.w))
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_an_array_that_is_not_aligned_is_left_to_the_function() -> None:
    def function(w: Any, g: Any, x: Any) -> Any:
        w -= 0.5 * (g.T @ x)

    compiled = compile(function, exact=False)
    buffer = np.zeros(8 * 4 * 4 + 1, np.uint8)
    for odd in (False, False, False, True, True):
        w = buffer[odd:][: 4 * 8 * 2].view(np.float64).reshape(2, 4)
        w[...] = 0
        compiled(w, np.ones((1, 2)), np.ones((1, 4)))
        np.testing.assert_array_equal(w, np.full((2, 4), -0.5))


def test_hooks_of_tensors_are_followed() -> None:
    def made() -> Any:
        model = nn.Linear(3, 2, rng=0)
        return model, nn.optim.SGD(model.parameters(), lr=0.1)

    (model, optimizer), (other, others) = made(), made()
    step, settings = nn.compile_step(model, nn.MSELoss(), optimizer), SimpleNamespace(scale=0.0)
    x, y = np.ones((4, 3), np.float32), np.zeros((4, 2), np.float32)

    def hold(times: int) -> None:
        for _ in range(times):
            loss = nn.functional.mse_loss(other(x), y)
            others.zero_grad()
            loss.backward()
            others.step()
            assert step(x, y) == loss.data
            assert model.weight.data.tobytes() == other.weight.data.tobytes()

    hold(4)
    handles = [m.weight.register_hook(lambda g: g * settings.scale) for m in (model, other)]
    hold(4)
    settings.scale = 2.0
    hold(4)
    for handle in handles:
        handle.remove()
    hold(4)


def test_a_file_with_a_name_of_the_standard_librarys_is_a_users(tmp_path: Any) -> None:
    (tmp_path / "sched.py").write_text("rate = 2.0\n")
    code = f"""
import sys; sys.path.insert(0, {str(tmp_path)!r})
import sched, numpy as np
from autograd_np import compile
c = compile(lambda x: x * sched.rate)
for _ in range(4): c(np.ones(1))
sched.rate = 5.0
print(c(np.ones(1))[0])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["5.0"]


@pytest.mark.parametrize("text", ["str(x)", "'{}'.format(x)", "f'{x}'"])
def test_texts_of_arrays_are_refused(text: str) -> None:
    function = eval(f"lambda x: x * len({text})")
    with pytest.raises(Uncapturable, match=r"text is made of an array|a Python number is made"):
        compile(function)(np.ones(2))


def test_a_weak_proxy_is_refused() -> None:
    owner = Owner()
    proxy = weakref.proxy(owner)
    with pytest.raises(Uncapturable, match="proxy is a weak proxy"):
        compile(lambda x: x * proxy.scale)(np.ones(3))
