"""Programs: what was captured, as a text in NumPy that a person reads, and that runs.

The order of the calls is never changed. What nobody reads is left out, and every array has its place in memory.
"""

from __future__ import annotations

import itertools
import linecache
import math
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FunctionType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from autograd_np.capture import PARTS, WRITERS, Call, Value
from autograd_np.compiling.flow import Flow, is_stand_in
from autograd_np.compiling.folding import folded
from autograd_np.compiling.names import Names
from autograd_np.compiling.places import COPYING, FILLING, RESHAPING, Places
from autograd_np.primitives import name_of
from autograd_np.refusals import Uncapturable

__all__ = ["Changed", "Program"]

Array = NDArray[Any]

_programs = itertools.count()


class Changed(Exception):
    """A guard came out otherwise than in the capture: the program does not stand for these inputs."""


class Program:
    """A captured function as a text, and as what runs.

    Parameters
    ----------
    calls : sequence of Call
        What was captured.
    inputs, outputs : sequence of Value
        What it takes, and what it returns.
    state : sequence of StandIn
        The arrays from outside that it may write into.
    exact : bool
        Whether it computes the same bits as what was captured; if not, BLAS adds products of matrices.

    Attributes
    ----------
    source : str
        The text.
    run : callable
        Takes the inputs, and returns the outputs as a tuple.
    written : list of ndarray
        The arrays of its state that it writes into.
    written_inputs : list of int
        The inputs that it writes into, by their places.
    namespace : dict
        What the text refers to by name: arrays, functions and settings.
    constants : list of str
        The names of the arrays from outside.
    inputs : list of str
        The names of the inputs.
    forms : list of tuple or None
        Of each input that is an array or a number of NumPy's: whether it is an array, shape, dtype and strides.
    memory : ndarray of uint8
        The bytes in which its arrays lie.

    Raises
    ------
    Uncapturable
        If it would write into other arrays from outside, or check a value after a write.
    """

    def __init__(
        self, calls: Sequence[Call], inputs: Sequence[Any], outputs: Sequence[Any], state: Sequence[Any] = (),
        exact: bool = True,
    ) -> None:  # fmt: skip
        constants = _constants(calls, inputs, outputs)
        self._flow = flow = Flow(calls, [*inputs, *constants], outputs)
        if not exact:
            flow.take(folded(flow))
        written = _written(flow, [*inputs, *state])
        self.written = [array for memory, array in written.items() if memory in map(flow.memory, state)]
        self.written_inputs = [i for i, value in enumerate(inputs) if flow.memory(value) in written]
        self._places, self._names = Places(flow), Names(flow, [*inputs, *constants])
        self._fixed: dict[int, Array] = {}  # the arrays that are the same in each run, by the values' ids
        self._twins: dict[Any, Array] = {}
        memory = np.empty(self._places.size + 64, np.uint8)
        first = -memory.__array_interface__["data"][0] % 64  # whole lines of a cache
        self.memory = memory[first : first + self._places.size]
        self.namespace: dict[str, Any] = {"np": np, "Changed": Changed}
        self._numbers: dict[Any, str] = {}
        for value in constants:
            self._fix(value, value.content)
        self.constants = [self._names.of(value) for value in constants]
        self.inputs = [self._names.of(value) for value in inputs]
        self.forms = [_form(value.content) for value in inputs]
        uses = Counter(id(flow.original(value)) for call in flow.calls for value in call.operands())
        uses.update(2 * [id(flow.original(value)) for value in outputs])
        # Only what is checked at once: later, something else may have taken the place of what it was computed from.
        checked = {
            id(guard.args[0])
            for call, guard in itertools.pairwise(flow.calls)
            if guard.function == "guard" and id(guard.args[0]) in map(id, call.results)
        }
        self._inlined = {
            id(call.results[0]): call
            for call in flow.calls
            if len(call.results) == 1 and uses[id(call.results[0])] == 1
            if (call.function == "number" and not call.results[0].name) or id(call.results[0]) in checked
        }
        sections = itertools.groupby(flow.calls, lambda call: call.section)
        lines = [line for section, part in sections for line in self._section(section, part)]
        results = ", ".join(map(self._result, outputs)) + ("," if len(outputs) == 1 else "") or "()"
        head = _wrapped("def step(", self.inputs, "):")
        self.source = "\n".join([head, *(f"    {line}" for line in [*lines, f"return {results}"])]) + "\n"
        filename = f"<program {next(_programs)}>"
        linecache.cache[filename] = len(self.source), None, self.source.splitlines(True), filename
        exec(compile(self.source, filename, "exec"), self.namespace)
        self.run: Callable[..., tuple[Any, ...]] = self.namespace["step"]

    def _fix(self, value: Any, array: Array) -> None:
        """Note that a value is the same array in each run. Equal views are one object: NumPy is faster with one."""
        array = self._twins.setdefault(_layout(array), array)
        self._fixed[id(self._flow.original(value))] = self.namespace[self._names.of(value)] = array

    # -- lines --------------------------------------------------------------------------------------------------------

    def _section(self, section: str, calls: Iterable[Call]) -> Iterator[str]:
        """Write a part of the program, with its title."""
        lines = list(self._silenced(calls))
        if lines and section:
            yield f"# {section}"
        yield from lines

    def _silenced(self, calls: Iterable[Call]) -> Iterator[str]:
        """Write calls, within np.errstate those that were made there."""
        for errors, part in itertools.groupby(calls, lambda call: call.errors):
            lines = [line for call in part for line in self._lines(call)]
            if lines and errors:
                yield f"with np.errstate({', '.join(f'{name}={value!r}' for name, value in errors)}):"
            yield from (f"    {line}" if errors else line for line in lines)

    def _lines(self, call: Call) -> list[str]:
        """Write a call; a view of what stays in its place is taken once, and needs no line."""
        if call.results and id(call.results[0]) in self._inlined:
            return []
        if call.function == "guard":
            condition, outcome = call.args
            return [f"if {'not ' if outcome else ''}{self._text(condition)}: raise Changed"]
        if call.written is not None:
            return self._write(call)
        if self._flow.is_view(call):
            return self._view(call)
        if self._places.has(call):
            return self._into_place(call)
        text = self._call(call)
        names = ["_" if result in self._names else self._names.give_result(call, result) for result in call.results]
        shapes = ", ".join(filter(None, map(_shape, call.results)))
        note = f"  # {shapes}" if shapes else ""
        return [f"{', '.join(names)}{',' if call.several and len(names) == 1 else ''} = {text}{note}"]

    def _view(self, call: Call) -> list[str]:
        (value,), operand = call.results, self._flow.original(call.args[0])
        array = self._fixed.get(id(operand))
        if array is None:
            text = self._call(call)
            return [f"{self._names.give_result(call, value)} = {text}"]
        view = _taken(call, array)
        if _layout(view) == _layout(array):
            self._names.share(value, operand)
        else:
            self._names.give_result(call, value)
        self._fix(value, view)
        return []

    def _into_place(self, call: Call) -> list[str]:
        """Compute a result into its place."""
        (value,), function = call.results, call.function
        if function in FILLING:
            line = "" if FILLING[function] is None else f"{{}}.fill({FILLING[function]})"
        elif function in COPYING:
            casting = ", casting='unsafe'" if function == "astype" else ""
            line = f"np.copyto({{}}, {self._text(call.args[0])}{casting})"
        elif function in RESHAPING:
            line = f"np.copyto({{}}.reshape({call.args[0].content.shape}), {self._text(call.args[0])})"
        else:
            line = self._call(call, out="{}")
        array, start = value.content, self._places.start[self._flow.memory(value)]
        name = self._names.give_result(call, value)
        self._fix(value, np.ndarray(array.shape, array.dtype, self.memory.data, start, array.strides))
        operand = self._places.taken_over.get(id(value))
        notes = [_shape(value), "" if operand is None else f"in the memory of {self._names.of(operand)}"]
        note = ", ".join(filter(None, notes))
        return [line.replace("{}", name) + (f"  # {note}" if note else "")] if line else []

    def _write(self, call: Call) -> list[str]:
        """Write a call that writes into what is there already."""
        function = call.function
        if function == "setitem":
            target, index, value = call.args
            return [f"{self._text(target)}[{self._index(index)}] = {self._text(value)}"]
        if function == "fill" or function in WRITERS or (isinstance(function, tuple) and function[1] == "at"):
            return [self._call(call)]
        if isinstance(function, FunctionType):  # a product that BLAS adds
            return [f"# {self._sum(*call.args, sign='-' if 'subtract' in call.name else '+')}", self._call(call)]
        return [self._call(call, out=self._text(call.written))]

    def _sum(self, c: Any, scale: Any, a: Any, b: Any, keep: Any = 1.0, sign: str = "+") -> str:
        """Write a sum with a product, as one writes it in NumPy."""
        target, product = self._text(c), f"{self._text(a)} @ {self._text(b)}"
        term = product if type(scale) is float and scale == 1.0 else f"{self._text(scale)} * ({product})"
        return f"{target} {sign}= {term}" if keep == 1.0 else f"{target} = {keep} * {target} {sign} {term}"

    # -- words --------------------------------------------------------------------------------------------------------

    def _call(self, call: Call, out: str | None = None) -> str:
        """Write a call as an expression."""
        function, args, kwargs = call.function, list(call.args), dict(call.kwargs)
        if function == "abs":
            return f"abs({self._text(args[0])})"
        if function in ("number", "*", "**"):
            sign, *numbers = args if function == "number" else (function, *args)
            texts = [self._text(x) for x in numbers]
            if len(texts) == 1:  # float
                return f"{sign}({texts[0]})"
            # In brackets what is computed here, and -2.0, which would be -(2.0 ** x).
            bare = (text[0] != "-" and id(x) not in self._inlined for x, text in zip(numbers, texts, strict=True))
            return f" {sign} ".join(text if alone else f"({text})" for text, alone in zip(texts, bare, strict=True))
        if function == "getitem":
            return f"{self._text(args[0])}[{self._index(args[1])}]"
        if function in PARTS:
            return f"{self._text(args[0])}.{function}"
        if function in _COMPARISONS and not kwargs and not any(map(is_stand_in, call.operands())):
            return f"{self._text(args[0])} {_COMPARISONS[function]} {self._text(args[1])}"
        if function == (np.logical_and, "reduce") and kwargs == {"axis": None}:
            return f"{self._text(args[0])}.all()"
        if function == "random" and out is not None:
            args = args[:1]  # the shape is that of the array which is filled
        if function in (np.sum, "sum") and len(args) <= 2:  # the same, without the words around it
            function, kwargs = (np.add, "reduce"), {"axis": None, **kwargs} if len(args) == 1 else kwargs
        texts = [self._operand(call, arg) for arg in args]
        texts += [f"{name}={self._text(value)}" for name, value in kwargs.items()]
        if out is not None:
            # By position it takes less time; of some functions NumPy wants a word.
            usual = isinstance(function, np.ufunc) and function not in (np.maximum, np.minimum) and not kwargs
            texts.append(out if usual and len(args) == call.function.nin else f"out={out}")
        if isinstance(function, str):
            return f"{texts[0]}.{function}({', '.join(texts[1:])})"
        return f"{self._function(function)}({', '.join(texts)})"

    def _function(self, function: Any) -> str:
        """Write a function: as people do, if it is NumPy's."""
        name = name_of(function)
        if name.startswith("np."):
            return name
        return self._setting(function, name.rpartition(".")[2])

    def _setting(self, thing: Any, hint: str) -> str:
        """Return a name for something that the program uses as it is."""
        known = (name for name, value in self.namespace.items() if value is thing)
        name = next(known, None) or self._names.new(hint)
        self.namespace[name] = thing
        return name

    def _operand(self, call: Call, value: Any) -> str:
        """Write an operand: a number beside a small array as an array, which NumPy need not make in each run."""
        if type(value) not in (int, float) or call.function not in _WITH_NUMBERS or call.kwargs:  # such as dtype
            return self._text(value)
        arrays = [other.content for other in call.operands() if is_stand_in(other)]
        if len(arrays) != 1 or arrays[0].dtype.kind != "f" or arrays[0].size > _SMALL:
            return self._text(value)
        return self._setting_of(np.array(value, arrays[0].dtype), "_" + repr(value).replace("-", "minus_"))

    def _setting_of(self, array: Array, hint: str) -> str:
        """Return the name of a constant array; of equal ones the same."""
        key = array.dtype, repr(array.item())  # 0.0 and -0.0 are equal, and not the same
        name = self._numbers.get(key)
        if name is None:
            name = self._numbers[key] = self._names.new(hint)
            self.namespace[name] = array
        return name

    def _index(self, index: Any) -> str:
        if isinstance(index, tuple) and index:
            return ", ".join(map(self._part, index)) + ("," if len(index) == 1 else "")  # pyright: ignore
        return self._part(index)

    def _part(self, part: Any) -> str:
        """Write an index along an axis."""
        if not isinstance(part, slice):
            return self._text(part)
        bounds = cast(Any, part)
        bounds = bounds.start, bounds.stop, bounds.step
        start, stop, step = ("" if bound is None else self._text(bound) for bound in bounds)
        return f"{start}:{stop}" + (f":{step}" if step else "")

    def _text(self, value: Any) -> str:
        """Write an operand."""
        kind = _type(value)
        if id(value) in self._inlined:
            return self._call(self._inlined[id(value)])
        if issubclass(kind, Value):
            return self._names.of(value)
        if issubclass(kind, tuple | list):
            parts = ", ".join(map(self._text, value))
            return f"[{parts}]" if issubclass(kind, list) else f"({parts}{',' if len(value) == 1 else ''})"
        if kind is float and not math.isfinite(value):
            return {"inf": "np.inf", "-inf": "-np.inf"}.get(str(value), "np.nan")
        if kind is complex:  # whose repr has no sign of zero
            return f"complex({self._text(value.real)}, {self._text(value.imag)})"
        if value is None or kind in (bool, int, float, str):
            return repr(value)
        if value is ...:
            return "..."
        if issubclass(kind, np.dtype) and np.dtype(value.str) == value:  # not one of several fields
            return f"np.dtype({value.str!r})"
        if kind in _PRINTED and np.isfinite(value):
            return repr(value)
        if isinstance(value, type) and issubclass(value, np.generic):
            return f"np.{value.__name__}"
        return self._setting(value, "rng" if isinstance(value, np.random.Generator) else "setting")

    def _result(self, value: Any) -> str:
        """Write an output: what lasts is copied, so that the result is the caller's own."""
        lasts = is_stand_in(value) and self._flow.memory(value) in self._flow.lasting
        return f"{self._text(value)}.copy()" if lasts else self._text(value)


_SMALL = 1024
"""Up to how many elements it takes more than a tenth of the time of a call to make an array of a number."""
_WITH_NUMBERS: set[Any] = {
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.greater, np.greater_equal, np.less,
    np.less_equal,
}  # fmt: skip
_COMPARISONS: dict[Any, str] = {
    np.greater: ">", np.greater_equal: ">=", np.less: "<", np.less_equal: "<=", np.equal: "==", np.not_equal: "!=",
}  # fmt: skip
_type: Any = type  # so named, it does not narrow types
_PRINTED = {np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, np.float16,
            np.float32, np.float64}  # fmt: skip


def _constants(calls: Sequence[Call], inputs: Sequence[Any], outputs: Sequence[Any]) -> list[Any]:
    """Return the arrays from outside."""
    made = {id(value) for call in calls for value in call.results} | {id(value) for value in inputs}
    used = {id(value): value for call in calls for value in call.operands()} | {id(value): value for value in outputs}
    return [value for key, value in used.items() if key not in made and is_stand_in(value)]


def _written(flow: Flow, state: Sequence[Any]) -> dict[int, Array]:
    """Return the arrays from outside that are written, by their memory.

    Raises
    ------
    Uncapturable
        If one of them is not known to be changed: what it holds at first would count once, and not in each run. If a
        value is checked after a write, so that a run could not be taken back.
    """
    known = {flow.memory(value) for value in state}
    written: dict[int, Array] = {}
    for call in flow.calls:
        if call.written is not None and (memory := flow.memory(call.written)) in flow.lasting:
            if memory not in known:
                raise Uncapturable(f"{call.line}: {call.name} writes into an array from outside of what is compiled")
            written[memory] = call.written.content
        if call.function == "guard" and written:
            raise Uncapturable(f"{call.line}: a value is checked after something was changed; compile the parts")
    return written


def _wrapped(start: str, words: Sequence[str], end: str) -> str:
    """Join words by commas, on several lines if there are many."""
    line = start + ", ".join(words) + end
    if len(line) <= 120:
        return line
    lines = textwrap.wrap(", ".join(words) + ",", 112, break_long_words=False)
    return "\n".join([start, *(f"        {line}" for line in lines), end])


def _shape(value: Any) -> str:
    """Write the shape of an array, for a comment."""
    return str(value.content.shape) if is_stand_in(value) and value.content.ndim else ""


def _form(value: Any) -> Any:
    kind = _type(value)
    if not issubclass(kind, np.ndarray | np.generic):
        return None
    return issubclass(kind, np.ndarray), value.shape, value.dtype, value.strides


def _layout(array: Array) -> Any:
    """Return what two arrays have in common that are one in all but name."""
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype, array.flags.writeable


def _taken(call: Call, array: Array) -> Any:
    """Take a view again, of another array."""
    function, args = call.function, call.args[1:]
    if function == "getitem":
        return array[args[0]]
    if function in PARTS:
        return getattr(array, function)
    if isinstance(function, str):
        return getattr(array, function)(*args, **call.kwargs)
    return function(array, *args, **call.kwargs)
