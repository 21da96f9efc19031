"""The generators of random numbers that a training draws from: which there are, and where they are."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autograd_np import Tensor

__all__ = ["generators_in", "put_states", "states_of"]

States = dict[str, Any]

_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)
# Neither these nor what is in them holds a generator, or they hold those of everybody.
_LEAVES = (Tensor, np.ndarray, np.generic, str, bytes, int, float, complex, type, ModuleType, type(None))


def generators_in(roots: Mapping[str, Any]) -> dict[str, Any]:
    """Return the generators that things hold, each once, by where they are.

    They are looked for in attributes, in lists, tuples and dicts, and in what functions have closed over.
    """
    found: dict[int, tuple[str, Any]] = {}
    seen: dict[int, Any] = {}  # with the objects, so that no address is used twice

    def visit(path: str, thing: Any) -> None:
        if isinstance(thing, _LEAVES) or id(thing) in seen:
            return
        seen[id(thing)] = thing
        if isinstance(thing, _GENERATORS):
            found[id(thing)] = path, thing
            return
        for name, part in _parts(thing):
            visit(f"{path}.{name}", part)

    for name, root in roots.items():
        visit(name, root)
    return dict(found.values())


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, Mapping):
        yield from ((str(key), part) for key, part in thing.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    elif isinstance(thing, list | tuple):
        yield from ((str(i), part) for i, part in enumerate(thing))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    elif isinstance(thing, MethodType):
        yield "self", thing.__self__
        yield "function", thing.__func__
    elif isinstance(thing, functools.partial):
        yield from enumerated(thing.func, *thing.args, *thing.keywords.values())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    elif isinstance(thing, FunctionType):
        cells = zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True)
        yield from ((name, cell.cell_contents) for name, cell in cells if _filled(cell))
        yield from enumerated(*(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values())
    else:
        yield from getattr(thing, "__dict__", {}).items()


def enumerated(*parts: Any) -> Iterator[tuple[str, Any]]:
    """Yield things with their numbers."""
    yield from ((str(i), part) for i, part in enumerate(parts))


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  (an empty cell raises)
    except ValueError:
        return False
    return True


def states_of(generators: Mapping[str, Any]) -> States:
    """Return what the generators' next numbers depend on, as dicts and tuples of numbers and arrays."""
    return {name: _state(rng) for name, rng in generators.items()}


def _state(rng: Any) -> Any:
    if isinstance(rng, np.random.Generator):
        return rng.bit_generator.state
    return rng.getstate() if isinstance(rng, random.Random) else rng.get_state(legacy=False)


def put_states(generators: Mapping[str, Any], states: States) -> None:
    """Put generators where they were."""
    for name, rng in generators.items():
        if isinstance(rng, np.random.Generator):
            rng.bit_generator.state = states[name]
        elif isinstance(rng, random.Random):
            rng.setstate(states[name])
        else:
            rng.set_state(states[name])
