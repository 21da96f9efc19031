"""Reach: what a function reads besides its arguments, by the names that it has for it.

That is looked for in the cells of its closure, in the globals that it names, in its defaults, in what it is bound to,
and in what all of these hold: containers, attributes of objects and of their classes, other functions, classes and
modules of a user's. A program holds as long as all of it is what it was: numbers, and which arrays there are. What is
in the arrays is read in each run.
"""

from __future__ import annotations

import builtins
import collections
import collections.abc
import contextvars
import functools
import operator
import random
import sys
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from autograd_np.capture import StandIn
from autograd_np.compiling.code import names_in
from autograd_np.compiling.things import (
    ARRAYS,
    CLOSED,
    MADE_BY_PYTHON,
    MISSING,
    NUMBERS,
    OF_C,
    OPEN,
    bytes_of,
    checksum,
    content_of,
    has_bytes,
    holds_arrays,
    is_closed,
    is_there,
    memory_of,
    package_of,
    parts_of,
    referents_of,
    slots_of,
    value_of,
)
from autograd_np.hooks import hooks_of, latest
from autograd_np.operands import is_sparse
from autograd_np.primitives import Primitive
from autograd_np.tensor import Tensor, plain
from autograd_np.versions import behind
from autograd_np.views import node_of, put_array

__all__ = ["Place", "Reach"]

_MANY = 2000
"""A container of more entries is not looked into, as a list of examples."""

_TOO_MANY = 100_000
"""Of more entries in all, a function is refused."""

_REMEMBERED = 16
"""How many states of what is reached have a number of their own: those that were seen last."""

_LARGE = 2**20
"""Up to how many bytes the contents of what cannot be exchanged are compared."""


class Place(NamedTuple):
    """Where something can be read, and something else be put."""

    name: str
    get: Callable[[], Any]
    set: Callable[[Any], None]


class _Check(NamedTuple):
    """What is compared in each call, part by part."""

    read: Callable[[], Sequence[Any]]
    what: str


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
        The places with arrays, or with tuples of such.
    tensors : dict of Tensor to str
        The tensors, and what they are called.
    generators : list
        Those of random numbers.
    caches : list
        Functions that keep their results.
    refusal : str
        Why what is reached cannot be followed; "" if it can.
    changed : str
        What was another one when the state changed last.
    """

    def __init__(self, *roots: Any, passed_over: Callable[[Any], Iterable[str]] = lambda _: ()) -> None:
        self._roots, self._passed_over = roots, passed_over
        self._more: Sequence[Any] = ()
        self._numbers: dict[Any, tuple[int, Any]] = {}  # of each state, and what it tells by where it is
        self._count = 0
        self._state, self.changed = 0, ""

    def state(self, more: Sequence[Any] = ()) -> int:
        """Return a number that tells a state of all that is reached from others; `more` are further roots."""
        if self._state:
            now = self._now(more)
            if _are_same(now, self._before) and self._forms() == self._formed:
                return self._state
            self.changed = self._what_changed(now)
        self._more = more
        return self._look()

    def _now(self, more: Sequence[Any]) -> list[Any]:
        """Return everything that is compared, with a mark after each holder's part."""
        now = [*more, _END]
        for read, _ in self._checks:
            now += read()
            now.append(_END)
        return now

    def _what_changed(self, now: Sequence[Any]) -> str:
        parts = zip(
            _split(now), _split(self._before), ("an argument", *(what for _, what in self._checks)), strict=False
        )
        return next((what for a, b, what in parts if not _are_same(a, b)), "the form of an array")

    def forget(self) -> None:
        """Go through all of it the next time, also if nothing has changed."""
        self._state = 0

    def is_reached(self, array: Any) -> int | None:
        """Return the number of an array if it is one of those that are reached."""
        return self._seen.get(id(array))

    def found(self, without: Iterable[Any]) -> list[Any]:
        """Return the arrays that are reached, without those of some tensors or stand-ins."""
        own = {id(behind(plain(value))) for value in without}
        return [array for array in self._found if id(array) not in own]

    def memory(self) -> set[int]:
        """Return what tells the memory of the arrays that are reached."""
        if not self._memory:
            self._memory = {*map(memory_of, self._found)}
        return self._memory

    def left(self) -> list[Place]:
        """Return the places where something is left of a run that was captured."""
        now = Reach(*self._roots, passed_over=self._passed_over)
        now._more = self._more
        now._walk()
        return now._leaks

    def _look(self) -> int:
        """Go through all that is reached, and number its state."""
        self._walk()
        self._before, self._formed = self._now(self._more), self._forms()
        key = (*self._print, *self._formed)
        number, _ = self._numbers.pop(key, (0, None))
        if not number:
            self._count = number = self._count + 1
        self._numbers[key] = number, self._alive  # as long as they are, nothing else has their addresses
        if len(self._numbers) > _REMEMBERED:
            del self._numbers[next(iter(self._numbers))]
        self._state = number
        return number

    def _forms(self) -> list[Any]:
        """Return what arrays are apart from their elements; of what cannot be exchanged, the elements as well."""
        return [*map(_FORM, self._found), *map(checksum, self._fixed)]

    # -- the walk -----------------------------------------------------------------------------------------------------

    def _walk(self) -> None:
        """Go through all that is reached."""
        self.arrays: list[Place] = []
        self.tensors: dict[Tensor, str] = {}
        self.generators: list[Any] = []
        self.refusal = ""
        self._leaks: list[Place] = []
        self._checks: list[_Check] = []
        self._found: list[Any] = []  # the arrays
        self._fixed: list[Any] = []  # what holds numbers and lies where nothing else can be put
        self._functions: list[FunctionType] = []
        self._cells: list[CellType] = []
        self._globals: dict[int, tuple[Mapping[str, Any], dict[str, None]]] = {}
        self._attributes: dict[str, None] = {}  # the names that code has for some
        self._named: dict[str, None] = {}  # and those of globals
        self._modules: dict[int, ModuleType] = {}
        self._seen: dict[int, int] = {}
        self.caches: list[Any] = []
        self._count_left = _TOO_MANY
        self._alive: list[Any] = []
        self._print: list[Any] = []  # the finger print of the state
        for root in (*self._roots, *self._more):
            self._visit(root, "")
        self._visit_modules()
        functions, cells, tensors = self._functions, self._cells, [*self.tensors]
        if tensors:
            self._check(lambda: [latest.change], "a hook")
            self._check(lambda: [*map(plain, tensors), *map(_REQUIRES_GRAD, tensors)], "a tensor")
        self._memory: set[int] = set()
        if functions:
            self._check(lambda: [part for f in functions for part in parts_of(f)], "a function's code or defaults")
        if cells:
            self._check(lambda: [*map(content_of, cells)], "a variable of an enclosing function")
        for around, names in self._globals.values():
            self._check(
                lambda around=around, names=names: [around.get(n, _BUILTINS.get(n, MISSING)) for n in names],
                ", ".join(name for name in names if name in around),
            )

    def _check(self, read: Callable[[], Sequence[Any]], what: str) -> None:
        self._checks.append(_Check(read, what))

    def _visit(self, thing: Any, name: str, place: Place | None = None, whole: bool = False) -> None:
        """Note what something is, and go on to what it holds.

        `place` is where it lies, if something else can be put there; `whole` is true of a part of what can be.
        """
        kind = _type(thing)
        if kind in NUMBERS or (_is_kind(kind, np.generic) and kind is not np.void):
            self._print.append((kind, repr(thing)))
            return
        if kind is StandIn:
            self._leaks.append(place or Place(name, lambda: thing, _refuse_to_put))
            return
        if _is_kind(kind, weakref.ReferenceType):  # of an instance, which must not be kept alive
            target = thing()
            self._print.append(None if target is None else id(target))
            if target is not None and self._is_new(target):
                self._visit_object(target, name or "self", thing)
            return
        if kind in (tuple, frozenset) or (_is_kind(kind, tuple) and hasattr(kind, "_fields")):
            self._print.append((kind, len(thing)))
            if place is not None and kind is not frozenset and holds_arrays(thing):
                self.arrays.append(place)
                whole = True
            for i, part in enumerate(thing):
                self._visit(part, f"{name}[{i}]" if name else "", whole=whole)
            if not getattr(thing, "__dict__", None):
                return
        self._print.append(id(thing))
        self._alive.append(thing)
        if _is_kind(kind, np.ndarray):
            self._visit_array(thing, place, whole)
            if kind not in ARRAYS:
                self._visit(getattr(thing, "__dict__", None), name)
        elif self._is_new(thing):
            self._visit_parts(thing, name)

    def _is_new(self, thing: Any) -> bool:
        if id(thing) in self._seen:
            return False
        self._seen[id(thing)] = len(self._seen)
        return True

    def _visit_array(self, array: Any, place: Place | None, whole: bool) -> None:
        if self._is_new(array):
            self._found.append(array)
            if array.dtype.hasobject and array.size <= _MANY:
                self._hold(lambda: [*array.flat], [(None, "")] * array.size, "an array of objects", _nowhere)
        if array.dtype.hasobject:
            return
        if place is not None and type(array) in ARRAYS:
            self.arrays.append(place)
        elif not whole:
            self._fix(array)

    def _fix(self, thing: Any) -> None:
        """Note what holds numbers and lies where nothing else can be put: they are compared."""
        if len(bytes_of(thing)) > _LARGE:
            self.refusal = (
                f"a {type(thing).__name__} of more than {_LARGE:,} bytes lies where it cannot be followed; keep it in "
                f"a list, a dict or an attribute, or hand it over as an argument"
            )
            return
        self._fixed.append(thing)

    def _visit_parts(self, thing: Any, name: str) -> None:
        """Go on to what something holds."""
        kind = _type(thing)
        if kind is Tensor:
            self._visit_tensor(thing, name)
        elif kind is FunctionType:
            self._visit_function(thing)
        elif kind is ModuleType or _is_kind(kind, ModuleType):
            if not is_closed(thing.__name__):
                self._modules[id(thing)] = thing
        elif kind is MethodType:
            self._visit(thing.__func__, name)
            self._visit(thing.__self__, name or "self")
        elif kind is CellType:
            self._visit_cell(thing, name)
        elif _is(thing, functools.partial):
            self._visit_partial(thing, name)
        elif _is(thing, Primitive):  # a user's has functions of theirs
            self._visit((thing.function, *thing.vjps, thing.joint), "")
        elif _is(thing, type):
            self._visit_class(thing)
        elif _is(thing, _GENERATORS):
            self.generators.append(thing)
        elif _is(thing, contextvars.ContextVar):
            self._hold(lambda: [value_of(thing)], [(None, name)], name, _nowhere)
        elif _is(thing, _BYTES):
            self._fix(thing)
        else:
            if _is_kind(kind, dict):
                self._visit_entries(thing, name)
            elif _is_kind(kind, list | collections.deque):
                self._visit_items(thing, name)
            if kind not in (dict, list):
                self._visit_object(thing, name)

    def _visit_tensor(self, tensor: Any, name: str) -> None:
        self.tensors[tensor] = name
        array: Any = plain(tensor)
        if (node := node_of(tensor)) is not None and hooks_of(node):
            self._visit((*hooks_of(node).values(),), name)
        self._alive.append(array)
        self._print.append((id(array), tensor.requires_grad))
        if type(array) is StandIn:
            self._leaks.append(Place(name, lambda: plain(tensor), functools.partial(put_array, tensor)))
        elif self._is_new(array):
            self._found.append(array)

    def _visit_function(self, function: FunctionType) -> None:
        self._functions.append(function)
        code = function.__code__
        for free, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            self._visit(cell, free)
        self._print.append(id(code))
        self._alive.append(code)
        at = Place(function.__name__, lambda: function.__defaults__, _setter(function, "__defaults__"))
        self._visit(function.__defaults__, "", at)
        self._visit(function.__kwdefaults__, "")
        if function.__dict__:
            self._visit(function.__dict__, function.__name__)
        around = function.__globals__
        if is_closed(around.get("__name__")):
            return
        names, attributes, imports = names_in(code)
        self._attributes.update(dict.fromkeys(attributes))
        _, known = self._globals.setdefault(id(around), (around, {}))
        for name in names:
            if name not in known:
                known[name] = self._named[name] = None
                value = around.get(name, MISSING)
                if name in _UNSEEN:
                    self.refusal = f"{function.__name__} calls {name}(), through which anything can be reached"
                self._print.append(name)
                if value is not MISSING:
                    self._visit(value, name, _entry_of(around, name, name))
                elif name in _BUILTINS:
                    self._visit(_BUILTINS[name], name, _entry_of(_BUILTINS, name, name))
        for name in imports:
            self._visit(sys.modules.get(name), name)
        if not _UNSEEN.isdisjoint(attributes):
            self.refusal = f"{function.__name__} imports or reads by text, through which anything can be reached"

    def _visit_modules(self) -> None:
        """Go on to what code reads of modules: attributes that it names."""
        done: set[tuple[int, str]] = set()
        while True:
            by_text = not _BY_TEXT.isdisjoint(self._attributes) or not _BY_TEXT.isdisjoint(self._named)
            pairs = [
                (m, name)
                for m in [*self._modules.values()]
                for name in ([*_vars(m)] if by_text else [*self._attributes])
                if name in _vars(m) and (id(m), name) not in done
            ]
            if not pairs:
                return
            for module, name in pairs:
                done.add((id(module), name))
                around = _vars(module)
                _, known = self._globals.setdefault(id(around), (around, {}))
                known[name] = None
                self._print.append(name)
                self._visit(around[name], name, _entry_of(around, name, name))

    def _visit_partial(self, partial: Any, name: str) -> None:
        def put(args: Any) -> None:
            partial.__setstate__((partial.func, args, partial.keywords, partial.__dict__))

        self._check(lambda: (partial.func, partial.args, partial.keywords), name or "a partial")
        self._visit(partial.func, name)
        self._visit(partial.args, name, Place(name, lambda: partial.args, put))
        self._visit(partial.keywords, name)

    def _visit_cell(self, cell: Any, name: str) -> None:
        self._cells.append(cell)
        content = content_of(cell)
        if content is not MISSING:
            self._visit(content, name, Place(name, lambda: content_of(cell), _setter(cell, "cell_contents")))

    def _visit_class(self, cls: Any) -> None:
        if is_closed(cls.__module__) and is_there(cls):
            return
        for base in (*cls.__bases__, _type(cls)):
            self._visit(base, "")
        self._hold(
            lambda: [cls.__bases__, *_vars(cls), *_vars(cls).values()],
            [(name, f"{cls.__name__}.{name}") for name in _vars(cls)],
            cls.__name__,
            lambda name: (lambda: _vars(cls)[name], lambda value: type.__setattr__(cls, name, value)),
        )

    def _visit_entries(self, thing: Any, name: str) -> None:
        """Go on to the keys and the entries of a dict."""
        if len(thing) > _MANY:
            return
        for key in _dict.keys(thing):
            self._visit(key, "")
        self._visit(getattr(thing, "default_factory", None), name)
        self._hold(
            lambda: [getattr(thing, "default_factory", None), *_dict.keys(thing), *_dict.values(thing)],
            [(key, _entry(name, key)) for key in _dict.keys(thing)],
            name or "a dict",
            lambda key: (lambda: _dict.__getitem__(thing, key), lambda value: _dict.__setitem__(thing, key, value)),
        )

    def _visit_items(self, thing: Any, name: str) -> None:
        """Go on to what a list holds."""
        if len(thing) > _MANY:
            return
        kind: Any = list if _is(thing, list) else collections.deque
        self._hold(
            lambda: [*kind.__iter__(thing)],
            [(i, f"{name}[{i}]") for i in range(len(thing))],
            name or "a list",
            lambda i: (lambda: kind.__getitem__(thing, i), lambda value: kind.__setitem__(thing, i, value)),
        )

    def _visit_object(self, thing: Any, name: str, reference: Callable[[], Any] | None = None) -> None:
        """Go on to the attributes of an object, and to its class; of one of C code, to all that it refers to.

        With a weak reference to it, nothing that is kept keeps it alive.
        """
        kind: Any = _type(thing)
        package, of = package_of(kind.__module__), reference or (lambda: thing)
        if package in CLOSED - OPEN and not is_sparse(thing):
            self._visit(getattr(thing, "__wrapped__", None), name)  # what is compiled itself, for one
            if has_bytes(thing):
                self._fix(thing)
            return
        if kind in weakref.ProxyTypes:
            self.refusal = f"{name or 'what it reaches'} is a weak proxy; reach the object itself"
            return
        if _is(thing, collections.abc.Iterator) and package in CLOSED:
            self.refusal = f"{name or 'what it reaches'} is a {kind.__name__}, which a program does not go on with"
            return
        self._visit(kind, "")
        attributes: Any = getattr(thing, "__dict__", None)
        if _is(attributes, dict):
            over = frozenset(self._passed_over(thing))
            self._hold(
                (lambda: [_type(of()), *_vars(of()), *(value for key, value in _vars(of()).items() if key not in over)])
                if over
                else (lambda: [_type(of()), *_vars(of()), *_vars(of()).values()]),
                [(key, f"{name}.{key}" if name else key) for key in attributes if key not in over],
                name or kind.__name__,
                lambda key: (lambda: _vars(of())[key], lambda value: operator.setitem(_vars(of()), key, value)),
            )
        slots = [slot for base in kind.__mro__ if not is_closed(base.__module__) for slot in slots_of(base)]
        if slots:
            self._hold(
                lambda: [_type(of()), *(getattr(of(), slot, MISSING) for slot in slots)],
                [(slot, f"{name}.{slot}" if name else slot) for slot in slots],
                name or kind.__name__,
                lambda key: (lambda: getattr(of(), key), lambda value: object.__setattr__(of(), key, value)),
            )
        contained = _is_kind(kind, dict | list | collections.deque)
        of_c = package in OF_C or (
            package != "_thread" and any(not base.__flags__ & MADE_BY_PYTHON for base in kind.__mro__[:-1])
        )
        if not contained and not _is_kind(kind, tuple) and (of_c or (attributes is None and not slots)):
            self._hold(lambda: referents_of(of()), [(None, name)] * len(referents_of(thing)), name, _nowhere)
            if hasattr(thing, "cache_clear"):
                self.caches.append(thing)

    def _hold(
        self,
        read: Callable[[], Sequence[Any]],
        keys: Sequence[tuple[Any, str]],
        what: str,
        place: Callable[[Any], tuple[Callable[[], Any], Callable[[Any], None]] | None],
    ) -> None:
        """Note what a holder holds, the entries of `keys` last, and where something else is put in the place of one."""
        before = read()
        self._check(read, what)
        self._count_left -= len(keys)
        if self._count_left < 0:
            self.refusal = f"more than {_TOO_MANY:,} things are reached; hand over what is needed as arguments"
            return
        self._print.append((len(keys), *(key for key, _ in keys if _is(key, str))))
        for (key, name), value in zip(keys, before[len(before) - len(keys) :], strict=True):
            if value is not MISSING:
                at = place(key)
                self._visit(value, name, None if at is None else Place(name, *at))


def _are_same(a: Sequence[Any], b: Sequence[Any]) -> bool:
    """Tell whether two sequences hold the same objects."""
    return len(a) == len(b) and all(map(operator.is_, a, b))


def _split(parts: Sequence[Any]) -> list[list[Any]]:
    """Return what lies between the marks."""
    found: list[list[Any]] = [[]]
    for part in parts:
        found.append([]) if part is _END else found[-1].append(part)
    return found


def _setter(holder: Any, name: str) -> Callable[[Any], None]:
    def put(value: Any) -> None:
        setattr(holder, name, value)

    return put


def _entry_of(holder: Any, key: Any, name: str) -> Place:
    return Place(name, lambda: holder[key], functools.partial(operator.setitem, holder, key))


def _refuse_to_put(value: Any) -> None:
    """Do nothing: what was put there cannot be taken away."""


def _nowhere(key: Any) -> None:
    """Say that nothing can be put in the place of an entry."""


def _entry(name: str, key: Any) -> str:
    return str(key) if _is(key, str) and key.isidentifier() else f"{name}[{key!r}]"


_type: Any = type  # so named, these do not narrow types
_is: Any = isinstance
_is_kind: Any = issubclass
_vars: Any = vars
_dict: Any = dict
_END: Any = object()
_GENERATORS = np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random
_BYTES = bytearray, memoryview, np.void
_UNSEEN = {"globals", "eval", "exec", "__import__", "import_module", "_getframe"}
_BY_TEXT = {"getattr", "vars", "attrgetter", "methodcaller", "__dict__", "__getattribute__"}
_BUILTINS = vars(builtins)
_REQUIRES_GRAD = operator.attrgetter("requires_grad")
_FORM = operator.attrgetter("shape", "strides", "dtype", "flags.writeable")
