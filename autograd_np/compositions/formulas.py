"""Functions whose value NumPy computes, and whose derivative is that of a formula for them.

Their values are NumPy's to the last digit, with its dtypes, warnings and errors, whatever the arguments are. The
formula is made of recorded functions, and evaluated in the backward pass alone, where only its derivatives matter.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np

from autograd_np.gradients import as_argument, gradients
from autograd_np.modes import recording
from autograd_np.primitives import Primitive, implementations, name_of
from autograd_np.rules.arguments import no_out
from autograd_np.tensor import Tensor, record

F = TypeVar("F", bound=Callable[..., Any])


def formula_of(*functions: Any) -> Callable[[F], F]:
    """Decorate a formula by which NumPy functions (or ufunc methods, as in the table) are differentiated.

    It takes what the function takes, with tensors for the arrays that need a gradient, and returns what the function
    does. A call that it does not fit is refused.
    """

    def register(formula: F) -> F:
        for function in functions:
            implementations[function] = recorded(function, formula)
        return formula

    return register


def itself_where(function: Any, itself: int, fits: Callable[[Any], bool] = lambda _x: True) -> None:
    """Let a function return its first argument itself, and not a copy, for the number `n` for which NumPy does.

    `fits` says of an argument whether the function takes it at all.
    """
    otherwise = implementations[function]

    @functools.wraps(otherwise)
    def call(*args: Any, **kwargs: Any) -> Any:
        n = args[1] if len(args) > 1 else kwargs.get("n")
        if args and isinstance(args[0], Tensor | np.ndarray) and type(n) is int and n == itself and fits(args[0]):
            return cast(Any, args[0])
        return otherwise(*args, **kwargs)

    implementations[function] = call


def recorded(function: Any, formula: Callable[..., Any]) -> Callable[..., Any]:
    """Return what `formula_of` puts into the table: it computes a function, and records that as one operation."""
    compute: Callable[..., Any] = getattr(*cast("tuple[Any, str]", function)) if type(function) is tuple else function
    signature = inspect.signature(formula)

    def value(*arrays: Any, call: _Call, **options: Any) -> Any:
        return call.with_arrays(compute, arrays, options)

    def vjps(g: Any, _y: Any, *arrays: Any, call: Any = None, **options: Any) -> list[Any]:
        tensors = isinstance(g, Tensor) or any(isinstance(x, Tensor) for x in arrays)
        with recording():
            # With a node of its own for each: one argument may have been computed from another.
            own = [as_argument(x) if need else x for x, need in zip(arrays, call.needed, strict=True)]
            results = _sequence(call.with_arrays(formula, own, options))
            inputs = [x for x, need in zip(own, call.needed, strict=True) if need]
            found = _pulled_back(results, _sequence(g), inputs, tensors)
        return [next(found) if need else None for need in call.needed]

    vjps.__name__ = f"vjps_of_{formula.__name__.strip('_')}"
    vjps.__doc__ = f"Differentiate the formula {formula.__module__}.{formula.__name__}."
    entry = Primitive(value, name_of(function))  # NumPy may return an argument
    entry.define((), vjps, broadcasts=False)

    @functools.wraps(formula)
    def call(*args: Any, **kwargs: Any) -> Any:
        no_out(entry.name, signature.bind(*args, **kwargs).arguments.get("out"))
        arrays: list[Any] = []
        positional, named = _taken(args, arrays), dict[str, Any]()
        options: dict[str, Any] = {}
        for name, value in kwargs.items():
            count = len(arrays)
            taken = _taken(value, arrays)
            (options if len(arrays) == count else named)[name] = taken
        needed = tuple(map(_on_tape, arrays))
        return record(entry, arrays, {**options, "call": _Call(positional, named, needed)})

    return call


@dataclass(frozen=True)
class _Call:
    """The arguments of a call, with holes in place of its arrays, and without its options.

    Those are the keyword arguments without arrays, which stand on the tape under their own names.
    """

    args: Any
    kwargs: Any
    needed: Sequence[bool]

    def with_arrays(self, function: Callable[..., Any], arrays: Sequence[Any], options: Any) -> Any:
        """Make the call, of any function, with arrays or tensors in the holes."""
        numbered = iter(arrays)
        args, kwargs = _filled(self.args, numbered), _filled(self.kwargs, numbered)
        return function(*args, **kwargs, **options)


def _pulled_back(results: Sequence[Any], g: Sequence[Any], inputs: Sequence[Tensor], tensors: bool) -> Iterator[Any]:
    """Yield the gradient of each input: a Tensor, or the array of one."""
    pairs = [(y, w) for y, w in zip(results, g, strict=True) if _on_tape(y)]
    if not pairs:
        return iter([None] * len(inputs))
    outputs, weights = map(list, zip(*pairs, strict=True))
    return iter(x if tensors else x.data for x in gradients(outputs, inputs, weights, create_graph=tensors))


def _on_tape(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad


def _sequence(results: Any) -> Sequence[Any]:
    return results if isinstance(results, tuple | list) else [results]  # pyright: ignore[reportUnknownVariableType]


# Arrays in nested containers: taken out, they are the operation's arguments like any other's

_HOLE = object()


def _taken(value: Any, arrays: list[Any]) -> Any:
    """Append the arrays and tensors in a value to a list, and return a copy of it with holes in their place."""
    if isinstance(value, Tensor | np.ndarray):
        arrays.append(value)
        return _HOLE
    if type(value) in (list, tuple):
        return type(value)(_taken(item, arrays) for item in value)
    if type(value) is dict:
        return {name: _taken(item, arrays) for name, item in value.items()}  # pyright: ignore
    return value


def _filled(value: Any, arrays: Iterator[Any]) -> Any:
    """Return the value with its arrays, or others, in the holes."""
    if value is _HOLE:
        return next(arrays)
    if type(value) in (list, tuple):
        return type(value)(_filled(item, arrays) for item in value)
    if type(value) is dict:
        return {name: _filled(item, arrays) for name, item in value.items()}  # pyright: ignore
    return value
