"""Recording: what a model computes, for batches of any size.

The model runs on stand-ins (`autograd_np.capture`), once with a batch of two and once with a batch of three. The two
lists of calls are laid side by side. A number that differs is a multiple of the batch size and a number beside it, a
`Size`; an array from outside that differs holds one number, or counts 0, 1, 2, ... Whatever else differs would be a
constant of this one batch, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_np import Tensor, no_grad
from autograd_np.capture import WRITERS, Call, Log, StandIn, concrete
from autograd_np.compiling import Slot, State, Uncapturable
from autograd_np.compiling.capturing import captured
from autograd_np.frames import user_line
from autograd_np.primitives import Primitive, constants, implementations, name_of, primitives
from autograd_np.trees import leaves_of, tree_of
from autograd_np.versions import is_array, owner
from nn.module import Module, buffer_names
from nn.onnx.errors import OnnxError

__all__ = ["BATCHES", "Recording", "Repeated", "Size", "Step", "Value", "record"]

BATCHES = 2, 3
"""How many examples the two runs have."""


class Size(NamedTuple):
    """A number that depends on the batch size N: N * factor + offset."""

    factor: int
    offset: int = 0


class Value:
    """An array of a recording.

    Attributes
    ----------
    name : str
        What the code calls it, "" if nothing; of a parameter or a buffer its key in the state dict.
    dtype
    shape : tuple of int or Size
    array : ndarray or None
        What it holds, if it is no result.
    series : Series or None
        Of a constant that depends on the batch size, how.
    kind : {"input", "parameter", "constant", "result"}
    """

    def __init__(self, kind: str, name: str, dtype: np.dtype[Any], shape: tuple[Any, ...], array: Any = None) -> None:
        self.kind, self.name, self.dtype, self.shape, self.array = kind, name, dtype, shape, array
        self.series: Series | None = None

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


class Series(NamedTuple):
    """A constant that depends on the batch size N: first + N grow + i step, for the i-th part along the batch axis."""

    first: Any
    grow: Any
    step: Any

    def of(self, batch: int, shape: tuple[int, ...], axes: Sequence[int]) -> Any:
        """Return the constant for one batch size."""
        if not self.step.any():
            return np.broadcast_to(self.first + self.grow * batch if self.grow.any() else self.first, shape)
        along = [-1 if i in axes else 1 for i in range(len(shape))]
        return self.first + self.grow * batch + self.step * np.arange(shape[axes[0]]).reshape(along)


class Step(NamedTuple):
    """A call: what was called, values and numbers that it was given, what came out, and the line that called it."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    results: tuple[Value, ...]
    line: str
    several: bool


class Recording(NamedTuple):
    """What a model computes.

    Attributes
    ----------
    inputs, outputs : list of Value
    steps : list of Step
        In order, those alone on which an output depends.
    """

    inputs: list[Value]
    outputs: list[Value]
    steps: list[Step]


def record(
    model: Callable[..., Any], batches: Sequence[Sequence[Any]], names: Sequence[str], known: Callable[[str], bool]
) -> Recording:
    """Record a model with two batches; `known` tells which operations are to be one call."""
    state = _Read(model)
    runs = [_Run(model, batch, names, state, known) for batch in batches]
    return _Merge(*runs).recording()


class _Recorder(Log):
    """A log in which an operation that is known is one call, however it is computed."""

    def __init__(self, known: Callable[[str], bool], state: State) -> None:
        super().__init__()
        arrays = [t.data for t in state.tensors()] + [slot.get() for slot in state.slots()]
        self._kept = {id(owner(array)) for array in arrays}
        self._entries = {
            getattr(entry.function, "__wrapped__", entry.function): entry
            for entry in primitives.values()
            if getattr(entry.function, "__module__", None) and _is_ours(entry)
        }
        self._is_known = known
        self._inside: set[Any] = set()

    def attempt(self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Write a call down, and not what it is made of."""
        entry = self._entries.get(function)
        if entry is None or not self._is_known(entry.name):
            return super().attempt(function, args, kwargs)

        def compute(*args: Any, **kwargs: Any) -> Any:
            output = function(*args, **kwargs)
            return output[0] if entry.residuals else output

        count = len(self.calls)
        output = self.call(function, compute, self.lifted(tuple(args)), kwargs)
        for call in self.calls[count:]:  # none, where nothing depends on the input
            call.function = entry.name
        return (output, None) if entry.residuals else output

    def call(
        self, function: Any, compute: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any],
        written: Any = None,
    ) -> Any:  # fmt: skip
        """Write a call down; a function that is made of others, as these.

        Raises
        ------
        Uncapturable
            If it writes into a parameter or a buffer.
        """
        if written is not None and id(owner(concrete(written))) in self._kept:
            raise Uncapturable(f"{user_line()}: the model writes into its own parameters or buffers, as no file can")
        formula = _formula_of(function)
        if formula is None or written is not None or self._is_known(name_of(function)) or function in self._inside:
            return super().call(function, compute, args, kwargs, written)
        self._inside.add(function)
        try:
            result = formula(*_as_tensors(tuple(args)), **_as_tensors(dict(kwargs)))
        finally:
            self._inside.discard(function)
        arrays = [x.data if type(x) is Tensor else x for x in leaves_of(result)]
        meant = [*leaves_of(compute(*concrete(args), **concrete(kwargs)))]  # whose dtypes are NumPy's
        return tree_of(result, map(_in_dtype, arrays, meant))


def _formula_of(function: Any) -> Callable[..., Any] | None:
    """Return what makes a function of NumPy's of others, for tensors."""
    made = None if isinstance(function, str) or function in constants else implementations.get(function)
    return getattr(made, "__wrapped__", made)


def _in_dtype(x: Any, meant: Any) -> Any:
    return x if not hasattr(meant, "dtype") or x.dtype == meant.dtype else x.astype(meant.dtype)


def _as_tensors(part: Any) -> Any:
    """Put tensors in place of arrays."""
    return tree_of(part, [Tensor(x) if is_array(x) else x for x in leaves_of(part)])


def _is_ours(entry: Primitive) -> bool:
    return entry.function.__module__.partition(".")[0] == "autograd_np"


class _Buffer(NamedTuple):
    """A buffer of a module, as a slot."""

    module: Module
    key: str
    name: str

    def get(self) -> Any:
        """Return what is there now."""
        return vars(self.module)[self.key]

    def set(self, value: Any) -> None:
        """Put something else there."""
        vars(self.module)[self.key] = value


class _Read(State):
    """What a model reads: its parameters and buffers by the names of its state dict, and what else it reaches."""

    def __init__(self, model: Callable[..., Any]) -> None:
        self._modules = [*model.named_modules()] if isinstance(model, Module) else []
        self._tensors = {p: key for key, p in model.named_parameters()} if isinstance(model, Module) else {}
        super().__init__(model)
        self.key()

    def passed_over(self, thing: Any) -> Any:
        """Return the buffers, which are looked at by themselves."""
        return buffer_names(thing) if isinstance(thing, Module) else ()

    def tensors(self) -> Mapping[Tensor, str]:
        """Return the parameters."""
        return self._tensors

    def slots(self) -> Sequence[Slot]:
        """Return the buffers."""
        return [
            _Buffer(module, key, f"{path}.{key}" if path else key)
            for path, module in self._modules
            for key in sorted(buffer_names(module))
            if vars(module)[key] is not None
        ]


class _Run:
    """One run: its calls, its inputs, what it reads, and its outputs."""

    def __init__(
        self, model: Callable[..., Any], batch: Sequence[Any], names: Sequence[str], state: State,
        known: Callable[[str], bool],
    ) -> None:  # fmt: skip
        log = _Recorder(known, state)
        before = [(slot, slot.get()) for slot in state.slots()]
        with no_grad():
            run, _ = captured(model, tuple(map(Tensor, batch)), {}, names, state, log)
        if run.changed:
            for slot, content in before:
                slot.set(content)
            raise OnnxError(f"export_onnx: calling the model changes {run.changed[0][0].name}, which a file cannot do")
        count = len(batch)
        self.calls = [call for call in log.calls if call.function != "guard"]
        self.inputs, self.read = run.inputs[:count], run.inputs[count:] + run.state
        outside = {id(tensor.data) for tensor in state.reach.tensors}
        self.is_parameter = {id(x) for x in self.read} | outside
        self.outputs = [x.data if type(x) is Tensor else x for x in leaves_of(run.result) if x is not None]


class _Merge:
    """Two runs, laid side by side."""

    def __init__(self, first: _Run, second: _Run) -> None:
        self._first, self._second = first, second
        self._values: dict[int, Value] = {}
        self._pairs: dict[int, Any] = {}
        self._stale: dict[int, str] = {}
        self._taken_from: dict[int, tuple[Call, Call]] = {}
        self._line = ""

    def recording(self) -> Recording:
        """Return what both have in common."""
        first, second = self._first, self._second
        inputs = [self._pair(a, b, "input") for a, b in zip(first.inputs, second.inputs, strict=True)]
        for a, b in zip(first.read, second.read, strict=True):
            self._pair(a, b, "parameter")
        steps: list[Step] = []
        for a, b in _aligned(first.calls, second.calls):
            self._line = a.line
            steps += self._steps(a, b)
        self._line = "the result"
        outputs = [self._merged(a, b) for a, b in zip(first.outputs, second.outputs, strict=True)]
        for output in outputs:
            if not isinstance(output, Value):
                raise OnnxError(f"export_onnx: the model returns {output!r}, which is no array")
        return Recording(inputs, outputs, _needed(steps, outputs))

    def _steps(self, a: Call, b: Call) -> list[Step]:
        args, kwargs = self._merged(a.args, b.args), self._merged(a.kwargs, b.kwargs)
        name = f"np.{a.function}" if isinstance(a.function, str) and a.function in _METHODS else a.name
        if a.written is not None:
            return self._write(name, a, b, args, kwargs)
        results = tuple(self._pair(x, y, "result") for x, y in zip(a.results, b.results, strict=True))
        if name == "getitem" and owner(a.results[0].content) is owner(a.args[0].content):
            self._taken_from[id(a.results[0])] = a, b
        return [Step(name, args, kwargs, results, a.line, a.several)]

    def _write(self, name: str, a: Call, b: Call, args: Any, kwargs: Any) -> list[Step]:
        """Take a write into an array for a new array; what else lies in that memory is not to be read any more."""
        own = isinstance(a.function, str) or a.function in WRITERS
        old = self._merged(a.written, b.written)
        result = Value("result", old.name, old.dtype, old.shape)
        steps = [Step(name if own else "into", args if own else (old, name, *args), kwargs, (result,), a.line, False)]
        current = {id(a.written): result}
        target: Any = a.written
        while id(target) in self._taken_from:  # the array of which it is a part is another one, too
            first, second = self._taken_from[id(target)]
            whole, index = first.args[0], self._merged(first.args[1], second.args[1])
            if any(values_of(index)) or not isinstance(self._values.get(id(whole)), Value):
                break
            old, part, target = self._values[id(whole)], result, whole
            result = Value("result", old.name, old.dtype, old.shape)
            steps.append(Step("setitem", (old, index, part), {}, (result,), a.line, False))
            current[id(whole)] = result
        memory = owner(target.content)
        for key, (x, _) in self._pairs.items():
            if is_array(x.content) and owner(x.content) is memory:
                self._stale[key] = a.line
        for key, value in current.items():
            self._values[key] = value
            self._stale.pop(key, None)
        return steps

    def _pair(self, a: Any, b: Any, kind: str) -> Value:
        """Return the value of two stand-ins, made now."""
        dtype, shape = a.content.dtype, np.shape(a.content)
        if len(shape) != np.ndim(b.content):
            raise self._differ(shape, np.shape(b.content))
        shape = tuple(map(self._number, shape, np.shape(b.content)))
        kind = "parameter" if id(a) in self._first.is_parameter or id(a.content) in self._first.is_parameter else kind
        array = a.content if kind in ("parameter", "constant") else None
        name = a.name if kind != "constant" or a.content.dtype.kind == "f" else ""
        value = self._values[id(a)] = Value(kind, name, dtype, shape, array)
        if kind == "constant":
            value.series = self._series(a, b)
        self._pairs[id(a)] = a, b
        return value

    def _series(self, a: Any, b: Any) -> Series | None:
        """Return how a constant depends on the batch, None if it does not."""
        x, y = np.asarray(a.content), np.asarray(b.content)
        if x is y or (x.shape == y.shape and x.dtype == y.dtype and x.tobytes() == y.tobytes()):
            return None
        series = _series(x, y)
        if series is not None:
            return series
        raise OnnxError(
            f"export_onnx: {self._line}: an array of shape {x.shape} that the model does not compute from its input, "
            f"and that is another one for another batch; compute it with NumPy from the input"
        )

    def _merged(self, a: Any, b: Any) -> Any:
        """Return what two arguments have in common, with values for arrays."""
        kind = _type(a)
        if kind is StandIn:
            if id(a) in self._stale:
                raise OnnxError(
                    f"export_onnx: {self._line}: an array is read whose memory was written into by another name "
                    f"({self._stale[id(a)]}); write t = t + x in place of a write"
                )
            known = self._values.get(id(a))
            if known is None:
                return self._pair(a, b, "constant")
            if self._pairs.get(id(a), (a, b))[1] is not b:
                raise self._differ(a, b)
            return known
        if kind is not type(b):
            raise self._differ(a, b)
        if isinstance(a, tuple | list):
            parts = _parts(a, b, self._merged) if len(a) == len(b) else None  # pyright: ignore
            return self._repeated(a, b) if parts is None else parts
        if kind is slice:
            return slice(*(self._merged(getattr(a, x), getattr(b, x)) for x in ("start", "stop", "step")))
        if kind is dict:
            return {key: self._merged(value, b[key]) for key, value in a.items()}
        return self._number(a, b)

    def _repeated(self, a: Any, b: Any) -> Any:
        """Return a list of one number, as often as there are steps, where that depends on the batch."""
        if len({*a}) == 1 and {*a} == {*b}:
            return Repeated(a[0], self._number(len(a), len(b)))
        raise self._differ(a, b)

    def _number(self, a: Any, b: Any) -> Any:
        if a is b or (type(a) is not np.ndarray and (a == b or (a != a and b != b))):
            return a
        if isinstance(a, int | float) and float(a).is_integer() and float(b).is_integer():
            step = BATCHES[1] - BATCHES[0]
            factor = int(b - a) // step
            return Size(factor, int(a) - factor * BATCHES[0])
        raise self._differ(a, b)

    def _differ(self, a: Any, b: Any) -> OnnxError:
        return OnnxError(
            f"export_onnx: {self._line}: {a!r} for a batch of {BATCHES[0]} and {b!r} for one of {BATCHES[1]}: what "
            f"depends on the batch size is to be a sum of products of it with whole numbers"
        )


_type: Any = type  # so named, it does not narrow types


class Repeated(NamedTuple):
    """One number, as often as `count` says."""

    number: Any
    count: Any


_METHODS = {
    "all", "any", "argmax", "argmin", "argsort", "clip", "conj", "conjugate", "copy", "cumprod", "cumsum", "diagonal",
    "dot", "max", "mean", "min", "prod", "ravel", "repeat", "reshape", "round", "squeeze", "std", "sum", "swapaxes",
    "take", "trace", "transpose", "var", "real", "imag", "abs",
}  # fmt: skip


def _parts(a: Any, b: Any, merged: Callable[[Any, Any], Any]) -> Any:
    kind, parts = _type(a), [merged(x, y) for x, y in zip(a, b, strict=True)]
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


def _aligned(first: Sequence[Call], second: Sequence[Call]) -> Any:
    """Yield pairs of calls.

    Raises
    ------
    OnnxError
        If the model does something else for another batch.
    """
    for a, b in zip(first, second, strict=False):
        if a.name != b.name or a.line != b.line:
            break
        yield a, b
    else:
        if len(first) == len(second):
            return
    at = next((a for a, b in zip(first, second, strict=False) if a.name != b.name or a.line != b.line), None)
    longer = max(first, second, key=len)
    at = at or longer[min(len(first), len(second))]
    raise OnnxError(
        f"export_onnx: {at.line}: {at.name} is not called alike for a batch of {BATCHES[0]} and for one of "
        f"{BATCHES[1]}; a file holds one list of operations for batches of any size"
    )


def _needed(steps: Sequence[Step], outputs: Sequence[Value]) -> list[Step]:
    """Return the steps on which outputs depend."""
    wanted, kept = {id(x) for x in outputs}, list[Step]()
    for step in reversed(steps):
        if any(id(result) in wanted for result in step.results):
            kept.append(step)
            wanted.update(id(x) for x in values_of((step.args, step.kwargs)))
    return kept[::-1]


def values_of(part: Any) -> Any:
    """Yield the values in tuples, lists and dicts."""
    if isinstance(part, Value):
        yield part
    elif isinstance(part, dict | tuple | list):
        for item in part.values() if isinstance(part, dict) else part:  # pyright: ignore
            yield from values_of(item)


def _series(x: Any, y: Any) -> Series | None:
    """Return how an array goes on from one batch to the next, if that can be told."""
    if x.ndim != y.ndim or x.dtype != y.dtype:
        return None
    axes = [i for i, (m, n) in enumerate(zip(x.shape, y.shape, strict=True)) if m != n]
    begin = tuple(slice(0, 1) if i in axes else slice(None) for i in range(x.ndim))
    first, later = x[begin], y[begin]
    if not first.size or first.shape != later.shape:
        return None
    whole = x.dtype.kind in "iu"
    grow = (later - first) // (BATCHES[1] - BATCHES[0]) if whole else np.zeros_like(first)
    step = np.zeros_like(first)
    if whole and len(axes) == 1 and x.shape[axes[0]] > 1:
        step = np.take(x, [1], axis=axes[0]) - first
    found = Series(first - grow * BATCHES[0] if whole else first, grow, step)
    alike = [
        np.array_equal(found.of(n, z.shape, axes), z, equal_nan=not whole and x.dtype.kind == "f")
        for n, z in zip(BATCHES, (x, y), strict=True)
    ]
    return found if all(alike) else None
