"""Names: what the values of a program are called."""

from __future__ import annotations

import itertools
import keyword
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_np.capture import Call
from autograd_np.compiling.flow import Flow, is_stand_in
from autograd_np.primitives import name_of

__all__ = ["Names"]

# What the results of some functions are called, where the code has no name for them.
_RESULTS = {
    "matmul": "product", "add": "total", "subtract": "difference", "multiply": "product", "divide": "quotient",
    "getitem": "part", "sum": "total", "greater": "mask", "greater_equal": "mask", "less": "mask", "equal": "mask",
    "less_equal": "mask", "not_equal": "mask", "logical_not": "mask", "isfinite": "finite", "any": "found",
    "all": "holds", "logical_and": "holds", "logical_or": "found", "empty_like": "work", "copy": "copied",
    "astype": "converted", "reshape": "reshaped", "maximum": "largest", "minimum": "smallest", "abs": "absolute",
    "max": "largest", "min": "smallest", "round": "rounded", "*": "product", "**": "power",
}  # fmt: skip

# What is added to the name of an array for a view of it.
_VIEWS = {
    "T": "T", "transpose": "T", "swapaxes": "T", "moveaxis": "T", "reshape": "reshaped", "getitem": "part",
    "broadcast_to": "spread", "expand_dims": "spread", "real": "real", "imag": "imag", "view": "bits",
}  # fmt: skip

# What the text of a program uses itself, in a file too.
_TAKEN = {
    "np", "Changed", "Path", "arrays", "file", "memory", "placed", "seen", "state", "step", "train", "check",
    "check_apart", "call", "abs", "any", "dict", "enumerate", "float", "isinstance", "type", "zip", *keyword.kwlist,
}  # fmt: skip


class Names:
    """The names of values: those that the captured code has for them, else what they are.

    The gradient of something is called after it, with `d_` in front.
    """

    def __init__(self, flow: Flow, given: Iterable[Any]) -> None:
        self._flow = flow
        self._used = set(_TAKEN)
        self._names: dict[int, str] = {}
        self._turned: set[int] = set()
        for call in reversed(flow.calls):  # what is known of a view tells what it is a view of
            if flow.is_view(call) and is_stand_in(call.args[0]):
                operand, result = flow.original(call.args[0]), call.results[0]
                if not operand.name and operand.gradient_of is None:
                    operand.name, operand.gradient_of = result.name, result.gradient_of
                    if call.function == "T" and operand.content.ndim > 1:
                        self._turned.add(id(operand))
        for value in given:
            self.give(value, value.name or ("rows" if _counts(value) else "constant"))

    def __contains__(self, value: Any) -> bool:
        return id(self._flow.original(value)) in self._names

    def of(self, value: Any) -> str:
        """Return the name that a value was given."""
        return self._names[id(self._flow.original(value))]

    def give(self, value: Any, hint: str) -> str:
        """Give a value a name that no other one has."""
        name = self._names[id(self._flow.original(value))] = self.new(hint)
        return name

    def give_result(self, call: Call, value: Any) -> str:
        """Give a result its name."""
        if known := self._known(value):
            return self.give(value, known)
        if self._flow.is_view(call) and is_stand_in(call.args[0]):
            suffix = "flat" if value.content.ndim == 1 < call.args[0].content.ndim else _VIEWS.get(_last(call.function))
            return self.give(value, f"{self.of(call.args[0])}_{suffix or 'view'}")
        return self.give(value, _described(call.function))

    def share(self, value: Any, other: Any) -> None:
        """Call a value what another one is called."""
        self._names[id(self._flow.original(value))] = self.of(other)

    def new(self, hint: str) -> str:
        """Return a name that nothing has."""
        hint = "".join(c if c.isalnum() else "_" for c in hint)
        name = hint = hint if hint.isidentifier() else f"_{hint}"
        for number in itertools.count(2):
            if name not in self._used:
                break
            name = f"{hint}_{number}" if hint[-1].isdigit() else f"{hint}{number}"
        self._used.add(name)
        return name

    def _known(self, value: Any, seen: tuple[int, ...] = ()) -> str:
        """Return what is known of a value's name."""
        value = self._flow.original(value)
        if id(value) in seen:  # a result may be its own gradient
            return ""
        turned = "_T" if id(value) in self._turned else ""
        of = value.gradient_of
        if value.name and (of is None or value.names_part):
            return value.name + turned
        if of is not None:
            base = self._names.get(id(self._flow.original(of))) or self._known(of, (*seen, id(value)))
            return f"d_{base}{turned}" if base else ""
        return ""


def _counts(value: Any) -> bool:
    """Tell whether an array holds 0, 1, 2, ...: the numbers of rows, beside those of columns in an index."""
    array = value.content
    return (
        is_stand_in(value) and array.dtype.kind == "i" and array.ndim == 1 and np.array_equal(array, range(len(array)))
    )


def _described(function: Any) -> str:
    """Return what the results of a function are called where the code has no name for them."""
    name = _last(function)
    return _RESULTS.get(name, name)


def _last(function: Any) -> str:
    """Return the last word of a function's name that says what it does."""
    parts = (function if isinstance(function, str) else name_of(function)).split(".")  # np.add.reduce
    return parts[-1] if parts[-1] not in ("reduce", "accumulate", "outer") else parts[-2]
