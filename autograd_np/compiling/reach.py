"""Reach: what a function reads besides its arguments, by the names that it has for it.

That is looked for in the cells of its closure, in the globals that it names, in what it is bound to, and in what these
hold: dicts, lists, tuples, attributes of objects, and functions that it calls. A program holds as long as all of it is
what it was: numbers, and which arrays there are. What is in the arrays is read in each run.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple, cast

import numpy as np

from autograd_np.capture import StandIn
from autograd_np.tensor import Tensor, plain

__all__ = ["Place", "Reach"]

_MANY = 2000
"""How many entries are looked at. Of more, as in a list of examples, it is not noticed if one is exchanged."""

_REMEMBERED = 16
"""How many states of what is reached have a number of their own: those that were seen last."""

_OTHERS = {*sys.stdlib_module_names, "numpy", "scipy", "autograd_np", "nn"} - {"__main__"}
"""Packages whose globals and objects are no settings of a user's."""

_OPEN = {"nn", "argparse", "types"}
"""Packages whose objects hold settings all the same: modules and optimisers, and namespaces."""


class Place(NamedTuple):
    """Where something can be read, and something else be put."""

    name: str
    get: Callable[[], Any]
    set: Callable[[Any], None]


class Reach:
    """What functions and objects reach.

    Parameters
    ----------
    *roots
        Where to begin.
    passed_over : callable, optional
        From an object to the names of those of its attributes that are seen to elsewhere.

    Attributes
    ----------
    arrays : list of Place
        The places with arrays.
    tensors : dict of Tensor to str
        The leaves, and what they are called.
    generators : list of Generator
        Those of random numbers.
    changed : str
        What was another one when the state changed last.
    """

    def __init__(self, *roots: Any, passed_over: Callable[[Any], Iterable[str]] = lambda _: ()) -> None:
        self._roots, self._passed_over = roots, passed_over
        self._numbers: dict[Any, tuple[int, Any]] = {}  # of each state, and what it tells by where it is
        self._count = 0
        self._state, self.changed = 0, ""

    def state(self) -> int:
        """Return a number that tells a state of all that is reached from others."""
        if self._state:
            changed = next((name for values, before, name in self._holders if [*map(id, values())] != before), None)
            if changed is None:
                return self._state
            self.changed = changed
        return self._look()

    def kept(self) -> list[Place]:
        """Return the places where something is kept of a run that was captured."""
        now = Reach(*self._roots, passed_over=self._passed_over)
        now._walk()
        return now._leaks

    def _look(self) -> int:
        """Go through all that is reached, and number its state."""
        self._walk()
        key = tuple(self._print)
        number, _ = self._numbers.pop(key, (0, None))
        if not number:
            self._count = number = self._count + 1
        self._numbers[key] = number, self._alive  # as long as they are, nothing else has their addresses
        if len(self._numbers) > _REMEMBERED:
            del self._numbers[next(iter(self._numbers))]
        self._state = number
        return number

    def _walk(self) -> None:
        """Go through all that is reached."""
        self.arrays: list[Place] = []
        self.tensors: dict[Tensor, str] = {}
        self._leaks: list[Place] = []
        self.generators: list[np.random.Generator] = []
        self._holders: list[tuple[Callable[[], Any], list[int], str]] = []
        self._seen: set[int] = set()
        self._left = _MANY
        self._alive: list[Any] = []
        self._print: list[Any] = []  # the finger print of the state
        for root in self._roots:
            self._visit(root, "")

    def _visit(self, thing: Any, name: str) -> None:
        """Note what something is, and go on to what it holds."""
        kind = _type(thing)
        if kind in _NUMBERS or issubclass(kind, np.generic):
            self._print.append((kind, repr(thing)))
            return
        if kind is weakref.ReferenceType:  # of an instance, which must not be kept alive
            if (target := thing()) is not None and id(target) not in self._seen:
                self._seen.add(id(target))
                if _is_object(target):
                    self._visit_object(target, name or "self")
            return
        if kind in (tuple, frozenset):
            self._print.append((kind, len(thing)))
            self._left -= len(thing)
            for part in thing if self._left > 0 else ():
                self._visit(part, name)
            return
        self._print.append(id(thing))
        self._alive.append(thing)
        if id(thing) in self._seen or self._left <= 0:
            return
        self._seen.add(id(thing))
        if kind is Tensor:
            self._hold(lambda: [plain(thing), thing.requires_grad], [], thing, name)
            if thing.is_leaf:
                self.tensors[thing] = name
        elif isinstance(thing, np.random.Generator):
            self.generators.append(thing)
        elif kind is list:
            self._hold(lambda: thing, [(i, f"{name}[{i}]") for i in range(len(thing))], thing, name)
        elif kind is dict:
            self._hold(thing.values, [(key, _entry(name, key)) for key in thing], thing, name)
        elif kind is FunctionType:
            self._visit_function(thing)
        elif kind is MethodType:
            self._visit(thing.__func__, name)
            self._visit(thing.__self__, name or "self")
        elif isinstance(thing, functools.partial):
            partial = cast("functools.partial[Any]", thing)
            self._visit((partial.func, partial.args, partial.keywords), name)
        elif _is_object(thing):
            self._visit_object(thing, name)

    def _visit_function(self, function: FunctionType) -> None:
        for free, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self._hold(lambda cell=cell: _contents(cell), [("cell_contents", free)], cell, free)
        self._visit((function.__defaults__, function.__kwdefaults__), "")
        if (function.__module__ or "").partition(".")[0] not in _OTHERS:
            around = function.__globals__
            names = [name for name in sorted(set(_names_in(function.__code__))) if _is_setting(around, name)]
            if names:
                self._hold(
                    lambda: [around.get(name) for name in names],
                    [(name, name) for name in names],
                    around,
                    ", ".join(names),
                )

    def _visit_object(self, thing: Any, name: str) -> None:
        attributes = cast("dict[str, Any]", vars(thing))
        over = frozenset(self._passed_over(thing))
        names = [key for key in attributes if key not in over]

        def values() -> Iterable[Any]:
            return [value for key, value in attributes.items() if key not in over] if over else attributes.values()

        self._hold(
            values,
            [(key, f"{name}.{key}" if name else key) for key in names],
            attributes,
            name or _type(thing).__name__,
        )

    def _hold(self, values: Callable[[], Any], keys: list[tuple[Any, str]], holder: Any, what: str) -> None:
        """Note what a holder holds, and where an array is to be put there."""
        found = [*values()]
        self._left -= len(found)
        self._holders.append((values, [*map(id, found)], what))
        self._print.append((len(found), *(key for key, _ in keys if isinstance(key, str))))
        if not keys:
            self._visit(tuple(found), "")
        for (key, name), value in zip(keys, found, strict=False):
            if _type(value) is np.ndarray:
                self.arrays.append(_place(holder, key, name))
            if _type(plain(value)) is StandIn:
                self._leaks.append(_place(holder, key, name))
            self._visit(value, name)


def _place(holder: Any, key: Any, name: str) -> Place:
    def put(value: Any) -> None:
        if isinstance(holder, CellType):
            holder.cell_contents = value
        else:
            holder[key] = value

    return Place(name, lambda: holder.cell_contents if isinstance(holder, CellType) else holder[key], put)


def _contents(cell: Any) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # not assigned yet, as a function's own name before its definition has ended
        return []


def _names_in(code: CodeType) -> Iterator[str]:
    """Yield the names that a function and those inside of it have for something."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def _is_setting(around: Mapping[str, Any], name: str) -> bool:
    """Tell whether a global may be another one later: no module and no class."""
    return name in around and not isinstance(around[name], ModuleType | type)


def _is_object(thing: Any) -> bool:
    """Tell an object that holds settings by names: no class, and none of NumPy's, the standard library's and such."""
    kind = _type(thing)
    package = (kind.__module__ or "").partition(".")[0]
    return hasattr(thing, "__dict__") and not isinstance(thing, type | ModuleType) and package not in _OTHERS - _OPEN


def _entry(name: str, key: Any) -> str:
    return str(key) if isinstance(key, str) and key.isidentifier() else f"{name}[{key!r}]"


_type: Any = type  # so named, it does not narrow types
_NUMBERS = {bool, int, float, complex, str, bytes, type(None)}
