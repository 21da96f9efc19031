"""Versions: when each stretch of memory was last written.

The numbers of nodes and of writes come from one clock, so that a value that was changed after it was recorded is told
by comparing two numbers. Memory is known by its addresses: every view of it, whoever made it, is the same memory.
Addresses that are used again raise no false alarm, since a node keeps its arrays alive: what was written at their
addresses before they were made has a smaller number than the node.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import weakref
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, TypeAlias, TypeGuard

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

from autograd_np.memory import Lent

__all__ = [
    "Versions",
    "arrays_of",
    "as_ndarray",
    "behind",
    "check_unchanged",
    "is_array",
    "own",
    "owner",
    "tick",
    "versions",
]

Stretch: TypeAlias = tuple[int, int, int]
"""The first address, the first one after the last, and the number of the write."""

tick = itertools.count(1).__next__

# Up to this many notes of writes are searched one by one; more are put in order first.
_MANY = 32


def is_array(value: object) -> TypeGuard[NDArray[Any]]:
    """Tell an array from everything else, type checkers included: the elements' type is left open."""
    return isinstance(value, np.ndarray)


def as_ndarray(value: Any) -> NDArray[Any]:
    """Return a value as a plain array, as np.asarray does; what stands for one in a capture, as it is."""
    if value.__class__ is np.ndarray:
        return value
    return value[...] if _is_number(value) else np.asarray(value)


def behind(array: Any) -> NDArray[Any]:
    """Return the array that something stands for in a capture; an array itself."""
    return getattr(array, "content", array)


def owner(array: Any) -> Any:
    """Return the array that owns the memory of a view; of any other array itself."""
    while is_array(base := array.base) or is_array(base := getattr(base, "base", None)):  # between, for sliding windows
        array = base
    return array


def _is_number(value: Any) -> bool:
    return isinstance(value, np.generic)


class Versions:
    """The writes into memory.

    Signal handlers, finalizers and other threads write, too, at any moment. So threads take turns at noting a write, by
    a lock that a signal handler in the same thread passes; putting notes in order makes a new list, and is left to
    whoever else is at it.

    Attributes
    ----------
    latest : int
        No less than the number of any write: what was recorded after it cannot be stale.
    """

    def __init__(self) -> None:
        self.latest = 0
        self._notes: deque[Stretch] = deque()
        self._ordered: list[Stretch] = []  # disjoint, in the order of addresses: all writes older than the notes
        self.unlock()
        # The arrays that own what was written, and their bounds, by their ids; weak, since an id may be used again.
        self._owners: dict[int, tuple[weakref.ref[NDArray[Any]], tuple[int, int]]] = {}

    def unlock(self) -> None:
        """Take new locks: in a forked process, nobody is left to release the old ones."""
        self._ordering, self._noting = threading.Lock(), threading.RLock()

    def note(self, array: NDArray[Any]) -> None:
        """Note a write into an array's memory, just before it happens: one that fails halfway is a write, too."""
        array = behind(array)
        start, stop = self._bounds(array) or self._watched(array)
        with self._noting:
            number = tick()
            self._notes.append((start, stop, number))
            self.latest = number
            while tick() != number + 1:  # a signal handler has counted meanwhile, and may have set a higher number
                self.latest = number = tick()
        if len(self._notes) > _MANY:
            self._put_in_order()

    def last(self, array: NDArray[Any]) -> int:
        """Return the number of the last write into an array's memory, 0 if there was none."""
        array = behind(array)
        start, stop = self._bounds(array) or _bounds(array)
        if start == stop:
            return 0
        # The notes first: what is put in order meanwhile is then found in both, never in neither.
        noted = self._noted()
        ordered = self._ordered  # read once: another thread may put another list there
        first, end = _between(ordered, start, stop)
        latest = [n for a, b, n in noted if a < stop and start < b]
        return max(latest + [n for _, _, n in ordered[first:end]], default=0)

    def _noted(self) -> tuple[Stretch, ...]:
        while True:
            try:
                return tuple(self._notes)
            except RuntimeError:  # a note came between
                continue

    def _put_in_order(self) -> None:
        if not self._ordering.acquire(blocking=False):
            return
        try:
            noted, ordered = self._noted(), self._ordered
            for stretch in noted:
                ordered = _written(ordered, stretch)
            self._ordered = ordered
            for _ in noted:
                self._notes.popleft()
        finally:
            self._ordering.release()

    def _watched(self, array: NDArray[Any]) -> tuple[int, int]:
        """Return an array's bounds; what was written there is forgotten once the memory is given back."""
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        if owner.flags.owndata and self._bounds(owner) is None:
            bounds = _bounds(owner)
            self._owners[id(owner)] = weakref.ref(owner, partial(self._forget, id(owner), bounds)), bounds
        return _bounds(array)

    def _bounds(self, array: NDArray[Any]) -> tuple[int, int] | None:
        """Return the bounds of an array whose memory was written and that owns it."""
        entry = self._owners.get(id(array))
        return entry[1] if entry is not None and entry[0]() is array else None

    def _forget(self, owner: int, bounds: tuple[int, int], reference: Any) -> None:
        self._notes.append((*bounds, 0))
        entry = self._owners.get(owner)
        if entry is not None and entry[0] is reference:
            self._owners.pop(owner, None)


def _bounds(array: NDArray[Any]) -> tuple[int, int]:
    """Return the first address of an array's memory, and the first one after it."""
    if array.flags.forc:
        start = array.__array_interface__["data"][0]
        return start, start + array.nbytes
    return byte_bounds(array)


def _between(ordered: list[Stretch], start: int, stop: int) -> tuple[int, int]:
    """Return the range of stretches that overlap some addresses: the first, and the one after the last."""
    first = bisect_left(ordered, (start,))
    if first and ordered[first - 1][1] > start:
        first -= 1
    return first, bisect_left(ordered, (stop,))


def _written(ordered: list[Stretch], stretch: Stretch) -> list[Stretch]:
    """Return the stretches after a write, which takes the place of what was there; number 0 leaves nothing there."""
    start, stop, number = stretch
    first, end = _between(ordered, start, stop)
    touched = ordered[first:end]
    parts = [stretch] if number and start < stop else []
    if touched and touched[0][0] < start:
        parts.insert(0, (touched[0][0], start, touched[0][2]))
    if touched and touched[-1][1] > stop:
        parts.append((stop, touched[-1][1], touched[-1][2]))
    return [*ordered[:first], *parts, *ordered[end:]]


versions = Versions()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=versions.unlock)


def check_unchanged(order: Iterable[Any]) -> None:
    """Raise if an array was written after it was recorded.

    Raises
    ------
    RuntimeError
        Naming the operation whose gradient would have been wrong.
    """
    latest = versions.latest
    for node in order:
        if (node.number < latest or node.trace) and node.plan:
            late = [array for array in arrays_of(node) if versions.last(array) > node.number]
            if late or (node.trace and not node.trace.unchanged(node)):
                shape = f" of shape {late[0].shape}" if late else ""
                line = f" (recorded at {node.trace.line})" if node.trace else ""
                raise RuntimeError(
                    f"{node.name}{line}: an array{shape} that its gradient needs was changed in place after the "
                    f"forward pass; change it after backward(), or compute with a copy of it"
                )


def arrays_of(node: Any) -> list[NDArray[Any]]:
    """Return the arrays that a node keeps for its rules."""
    kept = (*(node.args or ()), node.output)
    return list(_arrays_in((*kept, *node.kwargs.values()) if node.kwargs else kept))


def _arrays_in(values: Iterable[Any]) -> Iterator[NDArray[Any]]:
    for value in values:
        if is_array(value):
            yield value
        elif type(value) in (tuple, list):
            yield from _arrays_in(value)
        elif isinstance(value, dict):
            yield from _arrays_in(value.values())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def own(array: Any) -> NDArray[Any]:
    """Return the array if nobody else can see its memory, else a copy."""
    base: Any = array.base
    whole = type(array) is np.ndarray and (base is None or type(base) is Lent)
    return array if whole and sys.getrefcount(array) <= _ALONE else np.copy(array)


def _references_inside() -> int:
    def inside(array: Any) -> int:
        return sys.getrefcount(array)

    array = np.empty(0)
    return inside(array)


_ALONE = _references_inside()  # what getrefcount says of an array with one name outside, which differs between Pythons
