"""Flow: which of the calls that were captured are needed, and which memory they read and write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from autograd_np.capture import Call, StandIn
from autograd_np.versions import owner

__all__ = ["Flow", "is_stand_in"]


class Flow:
    """The calls on which an output, a guard, or memory that outlives a run depends.

    Memory is told by the array that owns it in the capture: two values in the same memory are views of one another.

    Parameters
    ----------
    calls : sequence of Call
        What was captured.
    given : iterable of Value
        What is there before: the inputs, and the arrays from outside.
    outputs : sequence of Value
        What is returned.

    Attributes
    ----------
    calls : list of Call
        Those that are needed, in order.
    lasting : set of int
        The memory that outlives a run: of what is given.
    returned : set of int
        The memory of the outputs.
    last : dict of int to int
        The last call that touches each memory.
    """

    def __init__(self, calls: Sequence[Call], given: Iterable[Any], outputs: Sequence[Any]) -> None:
        self._originals: dict[int, Any] = {}
        self._merged: dict[int, int] = {}  # from the memory of a copy that was left out to that of the original
        self._outputs = outputs
        self.lasting = {self.memory(value) for value in given}
        self.take(self._without_copies(self._living(calls)))
        self.returned = {self.memory(value) for value in outputs}

    def take(self, calls: Sequence[Call]) -> None:
        """Take other calls that do the same in the place of these; those that are not needed are left out."""
        self.calls = self._living(calls)
        self.last = self._last_touches(self.calls)

    def memory(self, value: Any) -> int:
        """Return what tells the memory of a value from that of others."""
        memory = id(owner(value.content)) if is_stand_in(value) else id(self.original(value))
        while memory in self._merged:
            memory = self._merged[memory]
        return memory

    def original(self, value: Any) -> Any:
        """Return what a value is a copy of, if the copy was left out."""
        while id(value) in self._originals:
            value = self._originals[id(value)]
        return value

    def is_view(self, call: Call) -> bool:
        """Tell whether a call's one result lies in the memory of what was given."""
        if call.several or len(call.results) != 1 or not is_stand_in(call.results[0]):
            return False
        memory = self.memory(call.results[0])
        return any(self.memory(value) == memory for value in call.operands())

    def _living(self, calls: Sequence[Call]) -> list[Call]:
        """Leave out the calls on which nothing depends."""
        needed = {id(self.original(value)) for value in self._outputs}
        read = self.lasting | {self.memory(value) for value in self._outputs}
        kept: list[Call] = []
        for call in reversed(calls):
            writes = call.written is not None and self.memory(call.written) in read
            # What is drawn changes the generator, whoever reads it.
            if call.function in ("guard", "random") or writes or any(id(result) in needed for result in call.results):
                kept.append(call)
                for value in call.operands():
                    needed.add(id(self.original(value)))
                    read.add(self.memory(value))
        return kept[::-1]

    def _without_copies(self, calls: Sequence[Call]) -> list[Call]:
        """Leave out the copies of what nobody touches any more, and those that nobody can tell from the original."""
        last = self._last_touches(calls)
        last |= {self.memory(value): len(calls) for value in self._outputs}
        written = {self.memory(call.written): i for i, call in enumerate(calls) if call.written is not None}
        numbers: dict[int, Any] = {}  # what arrays without axes were made of
        kept: list[Call] = []
        for i, call in enumerate(calls):
            if call.function == "getitem" and call.args[1] is ... and self._is_unwritten_number(call, written):
                numbers[id(call.results[0])] = call.args[0]
            elif call.function == "getitem" and id(call.args[0]) in numbers and call.args[1:] == ((),):
                self._originals[id(call.results[0])] = numbers[id(call.args[0])]
                _hand_on_names(call.args[0], numbers[id(call.args[0])])
                continue
            if _is_copy(call):
                source, (result,) = self.original(call.args[0]), call.results
                of, own = self.memory(source), self.memory(result)
                dies = of not in self.lasting and last[of] == i
                unwritten = max(written.get(of, -1), written.get(own, -1)) < i and last[own] < len(calls)
                if (dies or unwritten) and source.content.strides == result.content.strides:
                    last[of] = max(last[of], last[own])
                    written[of] = max(written.get(of, -1), written.get(own, -1))
                    self._originals[id(result)], self._merged[own] = source, of
                    _hand_on_names(result, source)
                    continue
            kept.append(call)
        return kept

    def _is_unwritten_number(self, call: Call, written: dict[int, int]) -> bool:
        """Tell whether a number is made an array without axes into which nobody writes."""
        return not is_stand_in(call.args[0]) and self.memory(call.results[0]) not in written

    def _last_touches(self, calls: Sequence[Call]) -> dict[int, int]:
        return {self.memory(value): i for i, call in enumerate(calls) for value in (*call.operands(), *call.results)}


def is_stand_in(value: Any) -> bool:
    """Tell what stands for an array from what stands for a number, and from everything else."""
    return type(value) is StandIn and isinstance(value.content, np.ndarray)


def _is_copy(call: Call) -> bool:
    """Tell whether a call's result is what it was given, in memory of its own."""
    if call.function not in ("copy", "astype", np.copy) or not is_stand_in(call.args[0]):
        return False
    return call.args[0].content.dtype == call.results[0].content.dtype


def _hand_on_names(copy: Any, original: Any) -> None:
    original.name = original.name or copy.name
    if original.gradient_of is None:
        original.gradient_of = copy.gradient_of
