"""Places: where in memory the results of a program lie, chosen once."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_np.capture import Call
from autograd_np.compiling.flow import Flow, is_stand_in
from autograd_np.versions import owner

__all__ = ["COPYING", "FILLING", "RESHAPING", "WITH_OUT", "Places"]

COPYING: set[Any] = {"copy", "astype", np.copy}
"""What makes a copy."""
FILLING: dict[Any, int | None] = {np.empty_like: None, np.zeros_like: 0, np.ones_like: 1}
"""What makes a new array, and the number that it is filled with."""
RESHAPING: set[Any] = {"reshape", "ravel", np.reshape, np.ravel}
"""What makes a copy if the elements do not lie in order."""

WITH_OUT: set[Any] = {
    np.sum, np.mean, np.prod, np.max, np.amax, np.min, np.amin, np.var, np.std, np.cumsum, np.cumprod, np.dot, np.clip,
    np.concatenate, np.stack, np.einsum, np.round, np.outer,
    "sum", "mean", "prod", "max", "min", "var", "std", "cumsum", "cumprod", "dot", "clip", "round", "random",
}  # fmt: skip
"""What takes `out`, besides ufuncs."""


class Places:
    """The place of every result that can be told where to go, in one stretch of bytes.

    A place that is no longer needed is taken again: by a result that can be computed element by element where one of
    its operands ends, else by one of about the same size.

    Attributes
    ----------
    start : dict of int to int
        Where each memory of the capture lies.
    size : int
        How many bytes there are.
    taken_over : dict of int to StandIn
        The operands whose place a result takes, by the ids of the results.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self.start: dict[int, int] = {}
        self.size = 0
        self.taken_over: dict[int, Any] = {}
        free: list[tuple[int, int]] = []  # sizes and starts
        taken: dict[int, tuple[int, int]] = {}
        for i, call in enumerate(flow.calls):
            touched = {flow.memory(value) for value in call.operands()}
            ending = {memory for memory in touched if flow.last[memory] == i and memory in taken}
            if self.has(call):
                (result,) = call.results
                memory = flow.memory(result)
                operand = self._ending_operand(call, ending)
                if operand is not None:
                    self.taken_over[id(result)] = operand
                    taken[memory] = taken[flow.memory(operand)]
                    ending.discard(flow.memory(operand))
                else:
                    taken[memory] = self._take(free, result.content.nbytes)
                self.start[memory] = taken[memory][1]
            free += {taken[memory] for memory in ending}

    def has(self, call: Call) -> bool:
        """Tell whether a call's result is put into a place that was chosen."""
        flow, function = self._flow, call.function
        if not call.results or not is_stand_in(call.results[0]):
            return False
        if _cannot_take_out(call, call.results[0].content.dtype):
            return False
        if flow.is_view(call) or flow.memory(call.results[0]) in flow.returned:
            return False
        if function in RESHAPING:  # in the order of the elements that an array of the new shape has
            return call.kwargs.get("order", "C") == "C" and not any(isinstance(arg, str) for arg in call.args)
        return _takes_out(function) or function in COPYING or function in FILLING

    def _ending_operand(self, call: Call, ending: set[int]) -> Any:
        """Return an operand that ends here and whose place the result can take, element by element."""
        if not isinstance(call.function, np.ufunc) or call.function.signature is not None:
            return None
        flow, result = self._flow, call.results[0].content
        if result.dtype.kind == "c":  # NumPy rounds products of one element otherwise in an operand's place
            return None
        operands = [flow.original(value) for value in call.operands() if is_stand_in(value)]
        for value in operands:
            memory, array = flow.memory(value), value.content
            same = (array.shape, array.strides, array.dtype) == (result.shape, result.strides, result.dtype)
            alone = all(other is value for other in operands if flow.memory(other) == memory)
            if memory in ending and same and alone and array.nbytes == owner(array).nbytes:
                return value
        return None

    def _take(self, free: list[tuple[int, int]], size: int) -> tuple[int, int]:
        """Return free bytes of about the right size, or new ones."""
        fitting = [part for part in free if size <= part[0] <= 2 * size + 4096]
        if fitting:
            best = min(fitting)
            free.remove(best)
            return best
        start, self.size = self.size, self.size + size + -size % 64
        return size, start


def _takes_out(function: Any) -> bool:
    """Tell whether a call can put its result into an array that is given."""
    if isinstance(function, np.ufunc):
        return function.nout == 1
    if isinstance(function, tuple):
        return function[1] in ("reduce", "accumulate")
    return function in WITH_OUT


def _cannot_take_out(call: Call, dtype: Any) -> bool:
    """Tell what a function of those that take `out` does otherwise with it, or not at all."""
    if call.function in (np.mean, "mean") and dtype == np.float16:  # it sums in more digits
        return True
    return dtype.hasobject or (call.function in (np.concatenate, np.stack) and "dtype" in call.kwargs)
