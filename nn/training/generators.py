"""The generators of random numbers that a training draws from: which there are, and where they are."""

from __future__ import annotations

import functools
import random
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from types import BuiltinMethodType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autograd_np import Tensor
from nn.training.run import Run

__all__ = ["everybodys", "generators_in", "kinds_of", "put_states", "states_of", "unrepeatable"]

States = dict[str, Any]

_GENERATORS = (np.random.Generator, np.random.BitGenerator, np.random.RandomState, random.Random)
# Neither these nor what is in them holds a generator, or they hold those of everybody.
_LEAVES = (Tensor, np.ndarray, np.generic, str, bytes, int, float, complex, type, ModuleType, type(None), Run)
# What these draw from is given to them, or everybody's.
_WITHOUT_OWN = {"autograd_np", "nn", "numpy", "scipy", "torch", *sys.stdlib_module_names} - {"__main__"}


def everybodys() -> dict[str, Any]:
    """Return the generators behind the functions of `numpy.random` and of `random`."""
    functions: dict[str, Any] = {"numpy.random": np.random.get_state, "random": random.getstate}
    return {name: function.__self__ for name, function in functions.items()}


def generators_in(roots: Mapping[str, Any]) -> dict[str, Any]:
    """Return the generators that things hold, each once, by where they are.

    They are looked for in attributes, also those of classes, in lists, tuples and dicts, and in what functions and
    methods have closed over or name of their module.
    """
    found: dict[str, Any] = {}
    seen: dict[int, Any] = {}  # with the objects, so that no address is used twice
    waiting: list[tuple[str, Any]] = [*roots.items()][::-1]
    while waiting:
        path, thing = waiting.pop()
        if isinstance(thing, _LEAVES) or id(thing) in seen:
            continue
        seen[id(thing)] = thing
        if isinstance(thing, _GENERATORS) or _is_torchs(thing):
            while path in found:  # {"a.b": ...} and {"a": {"b": ...}}
                path += "_"
            found[path] = thing
            continue
        parts = [(f"{path}.{name}", part) for name, part in _parts(thing) if not isinstance(part, _LEAVES)]
        waiting.extend(reversed(parts))
    return found


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, dict):  # other mappings may read files
        yield from ((str(key), part) for key, part in thing.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    elif isinstance(thing, list | tuple | deque):
        yield from enumerated(*thing)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(thing, MethodType):
        yield "self", thing.__self__
        yield "function", thing.__func__
    elif isinstance(thing, functools.partial):
        yield from enumerated(thing.func, *thing.args, *thing.keywords.values())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    elif isinstance(thing, FunctionType):
        yield from _parts_of_function(thing)
    elif isinstance(thing, BuiltinMethodType):  # rng.permutation
        yield "self", thing.__self__
    else:
        yield from getattr(thing, "__dict__", {}).items()
        yield from _parts_of_class(thing)


def enumerated(*parts: Any) -> Iterator[tuple[str, Any]]:
    """Yield things with their numbers."""
    yield from ((str(i), part) for i, part in enumerate(parts))


def _parts_of_function(function: FunctionType) -> Iterator[tuple[str, Any]]:
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    yield from ((name, cell.cell_contents) for name, cell in cells if _filled(cell))
    yield from enumerated(*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    if _has_own(function.__module__):
        names = function.__globals__
        yield from ((name, names[name]) for name in dict.fromkeys(_names(function.__code__)) if name in names)


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names of globals, and of attributes, in a function and in those that are written inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _parts_of_class(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield what the objects of a class have in common, and what they hold in slots."""
    if _is_torchs(thing, "DataLoader", "Sampler"):
        yield "torch", sys.modules["torch"].default_generator  # drawn from where it is given none
    for part in type(thing).__mro__:
        slots = vars(part).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            yield name, getattr(thing, name, None)
        if _has_own(part.__module__):
            for name, value in vars(part).items():
                if not name.startswith("__") or isinstance(value, FunctionType):
                    yield name, value.fget if isinstance(value, property) else getattr(value, "__func__", value)


def _has_own(module: str | None) -> bool:
    return (module or "").partition(".")[0] not in _WITHOUT_OWN


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  (an empty cell raises)
    except ValueError:
        return False
    return True


def _is_torchs(thing: Any, *names: str) -> bool:
    """Tell a generator of PyTorch, or an object of one of its classes, without importing it."""
    wanted = names or ("Generator",)
    return any(c.__name__ in wanted and c.__module__.partition(".")[0] == "torch" for c in type(thing).__mro__)


def unrepeatable(generators: Mapping[str, Any]) -> list[str]:
    """Return which of the generators cannot be put where they were."""
    return [name for name, rng in generators.items() if isinstance(rng, random.SystemRandom)]


def states_of(generators: Mapping[str, Any]) -> States:
    """Return what the generators' next numbers depend on, as dicts and tuples of numbers and arrays."""
    return {name: _state(rng) for name, rng in generators.items()}


def _state(rng: Any) -> Any:
    if isinstance(rng, np.random.Generator):
        return rng.bit_generator.state
    if isinstance(rng, np.random.BitGenerator):
        return rng.state
    if isinstance(rng, np.random.RandomState):
        return rng.get_state(legacy=False)
    if isinstance(rng, random.Random):
        return None if isinstance(rng, random.SystemRandom) else rng.getstate()
    return rng.get_state().numpy().copy()


def kinds_of(states: Mapping[str, Any]) -> dict[str, str]:
    """Return of which kind the generators are that had such states."""
    return {
        name: state["bit_generator"] if isinstance(state, Mapping) else type(state).__name__  # pyright: ignore[reportUnknownArgumentType]
        for name, state in states.items()
    }


def put_states(generators: Mapping[str, Any], states: States) -> None:
    """Put generators where they were."""
    for name, rng in generators.items():
        state = states[name]
        if isinstance(rng, np.random.Generator):
            rng.bit_generator.state = state
        elif isinstance(rng, np.random.BitGenerator):
            rng.state = state
        elif isinstance(rng, np.random.RandomState):
            rng.set_state(state)
        elif isinstance(rng, random.Random):
            if state is not None:
                rng.setstate(state)
        else:
            rng.set_state(sys.modules["torch"].from_numpy(state))
