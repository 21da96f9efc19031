"""Which generators of random numbers a training draws from: those in whatever it is given, wherever they are.

They are in attributes, slots, classes, containers, in what functions have closed over, have as defaults or name of
their module, behind bound methods, in what is nested deeply, and behind the functions of `random` and `numpy.random`.
"""

from __future__ import annotations

import collections
import functools
import random
import sys
import types
from typing import Any

import numpy as np
import pytest

import nn
from nn.training.generators import everybodys, generators_in, kinds_of, put_states, states_of, unrepeatable

GLOBAL = np.random.default_rng(0)


def uses_global(x: Any) -> Any:
    def inside() -> float:
        return GLOBAL.random()

    return x + inside()


def uses_other(x: Any) -> Any:
    return uses_global(x)


class InClass:
    """Has one in common with all of its kind."""

    shared = GLOBAL


class InMethod:
    """Names one in a method."""

    def __call__(self, x: Any) -> Any:
        return x + GLOBAL.random()


class InProperty:
    """Names one in a property."""

    @property
    def noise(self) -> float:
        """A number."""
        return GLOBAL.random()


class InStatic:
    """Names one in a static method."""

    @staticmethod
    def noise() -> float:
        """Return a number."""
        return GLOBAL.random()


class InSlot:
    """Has no dict."""

    __slots__ = ("rng", "unset")

    def __init__(self) -> None:
        self.rng = GLOBAL


def closing(rng: np.random.Generator = GLOBAL) -> Any:
    return lambda x: x + rng.random()


def deep() -> Any:
    thing: Any = GLOBAL
    for _ in range(5000):
        thing = [thing]
    return thing


PLACES = {
    "function": uses_global,
    "a function that it calls": uses_other,
    "class": InClass(),
    "method": InMethod(),
    "bound method": InMethod().__call__,
    "property": InProperty(),
    "static method": InStatic(),
    "slot": InSlot(),
    "closure": closing(),
    "default": closing,
    "keyword": types.FunctionType(closing.__code__, {}, "f", closing.__defaults__),
    "partial": functools.partial(np.add, GLOBAL),
    "partial's function": functools.partial(GLOBAL.normal, 0.0),
    "method of its own": GLOBAL.permutation,
    "cached": functools.lru_cache(uses_global),
    "dict": {"a": {1: [(GLOBAL,)]}},
    "deque": collections.deque([GLOBAL]),
    "namespace": types.SimpleNamespace(rng=GLOBAL),
    "deep": deep(),
    "layer": nn.Sequential(nn.Linear(2, 2), nn.Dropout(rng=GLOBAL)),
    "hook": (lambda m: (m.register_forward_hook(lambda *_: GLOBAL.random()), m)[1])(nn.Linear(2, 2)),
}


@pytest.mark.parametrize("place", PLACES)
def test_it_is_found_once_wherever_it_is(place: str) -> None:
    assert [*generators_in({"it": PLACES[place]}).values()] == [GLOBAL]
    assert [*generators_in({"it": PLACES[place], "again": GLOBAL}).values()] == [GLOBAL]


def test_names_that_clash_hide_nothing() -> None:
    kept = [np.random.default_rng(i) for i in range(4)]
    found = generators_in({"a": {"b": {"c": kept[0]}, "b.c": kept[1], 1: kept[2], "1": kept[3]}})
    assert len(found) == 4
    assert {*map(id, found.values())} == {*map(id, kept)}


def test_it_is_found_behind_what_is_built_in() -> None:
    rng = random.Random(1)
    assert [*generators_in({"it": rng.random}).values()] == [rng]


def test_what_holds_itself_has_an_end() -> None:
    loop: list[Any] = [GLOBAL]
    loop.append(loop)
    assert [*generators_in({"it": loop}).values()] == [GLOBAL]


def test_libraries_hold_none() -> None:
    """Nothing of theirs is looked through: what they draw from is given to them."""
    assert not generators_in({"it": [nn.functional.dropout, np.linalg.norm, nn.CrossEntropyLoss(), functools.reduce]})


KINDS = {
    **{name: getattr(np.random, name) for name in ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")},
    "RandomState": np.random.RandomState,
    "random": random.Random,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_state_leads_to_the_same_numbers(kind: str, wrapped: bool) -> None:
    made = KINDS[kind](3)
    if wrapped and isinstance(made, np.random.BitGenerator):
        made = np.random.Generator(made)

    def numbers() -> list[Any]:
        if isinstance(made, np.random.BitGenerator):
            return made.random_raw(9).tolist()
        if isinstance(made, random.Random):
            return [made.gauss(0, 1) for _ in range(3)]
        drawn = [made.standard_normal(3).tolist()]  # of an odd number of them, one is kept for later by some
        return drawn if isinstance(made, np.random.RandomState) else [*drawn, made.random(3, dtype=np.float32).tolist()]

    numbers()
    generators = generators_in({"it": made})
    states = states_of(generators)
    expected = numbers()
    assert numbers() != expected
    put_states(generators, states)
    assert numbers() == expected
    assert {*kinds_of(states)} == {"it"}


def test_everybodys_are_those_that_functions_draw_from() -> None:
    generators = everybodys()
    states = states_of(generators)
    expected = np.random.rand(), random.random()  # noqa: NPY002  (what is old is used)
    put_states(generators, states)
    assert (np.random.rand(), random.random()) == expected  # noqa: NPY002
    put_states(generators, states)


def test_those_of_the_system_are_told() -> None:
    generators = generators_in({"it": [random.SystemRandom(), random.Random(1)]})
    assert unrepeatable(generators) == ["it.0"]
    put_states(generators, states_of(generators))


class TestPyTorch:
    """Its generators, and its loaders that draw from everybody's, told by their names: it is not imported here."""

    @pytest.fixture
    def torch(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        class State(np.ndarray):
            def numpy(self) -> np.ndarray:
                return self.view(np.ndarray)

        class Generator:
            def __init__(self) -> None:
                self.state = np.arange(3, dtype=np.uint8)

            def get_state(self) -> Any:
                return self.state.view(State)

            def set_state(self, state: Any) -> None:
                self.state = state.copy()

        class DataLoader:
            def __init__(self) -> None:
                self.generator = None

        Generator.__module__, DataLoader.__module__ = "torch._C", "torch.utils.data.dataloader"
        module: Any = types.ModuleType("torch")
        module.default_generator, module.Generator, module.DataLoader = Generator(), Generator, DataLoader
        module.from_numpy = lambda array: array
        monkeypatch.setitem(sys.modules, "torch", module)
        return module

    def test_they_are_found_and_go_on(self, torch: Any) -> None:
        own = torch.Generator()
        found = generators_in({"it": [torch.DataLoader(), own]})
        assert found == {"it.0.torch": torch.default_generator, "it.1": own}
        states = states_of(found)
        own.state[:] = 7
        put_states(found, states)
        assert own.state.tolist() == [0, 1, 2]
