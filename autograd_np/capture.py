"""Capture: the calls of NumPy that a function makes, written down in order while it runs.

The function runs on *stand-ins* in place of arrays. A stand-in holds an array and answers as the array would, by
NumPy's two protocols, by operators and by an array's methods; besides, it writes down each call, with what was given
and what came out. So everything that is computed with NumPy is captured, and nothing in it needs to know: models, the
rules of the backward pass, optimisers.

What is written down is to hold for other numbers. Whatever makes a Python value of a stand-in's elements, on which the
program would depend for good, is refused. A condition that this project checks itself (is a label out of range?) is
written down as a *guard* instead: a program runs only as long as its guards come out as they did here.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TypeGuard, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from autograd_np.frames import calling_package, doing, user_line, variable
from autograd_np.generators import state_of
from autograd_np.primitives import name_of
from autograd_np.refusals import INSTEAD, WAYS_OUT, Uncapturable, by_values, refused, way_out
from autograd_np.versions import is_array, owner

__all__ = [
    "Call",
    "Log",
    "Number",
    "StandIn",
    "Value",
    "as_constant",
    "as_number",
    "capturable",
    "kernel",
    "random",
    "values_in",
]


class Call:
    """A call that was written down.

    Attributes
    ----------
    function : callable, tuple or str
        What was called: a function of NumPy, a ufunc, a ufunc's method as `(np.add, "reduce")`, a kernel; a method or
        an attribute of arrays by its name; or one of the words `getitem`, `setitem`, `number` and `guard`;
        or an operator, `*` or `**`, of numbers of NumPy's.
    args, kwargs
        What was given, values in place of arrays; without `out`.
    written : StandIn or None
        Whose memory it writes into.
    results : list of Value
        What came out.
    several : bool
        Whether that came in a tuple or a list.
    section : str
        To which part of the program it belongs.
    line : str
        Where the user's code called it.
    errors : tuple of (str, str)
        `np.errstate`'s arguments, where they are not what they are outside.
    """

    __slots__ = ("args", "errors", "function", "kwargs", "line", "results", "section", "several", "written")

    def __init__(self, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], written: StandIn | None) -> None:
        self.function, self.args, self.kwargs, self.written = function, tuple(args), dict(kwargs), written
        self.results: list[Any] = []
        self.several = False
        self.section, self.line = "", user_line()
        self.errors: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """What was called, for messages and texts."""
        return self.function if isinstance(self.function, str) else name_of(self.function)

    def operands(self) -> Iterator[Any]:
        """Yield the values among what was given, and the one whose memory is written."""
        yield from (value for part in (*self.args, *self.kwargs.values()) for value in values_in(part))
        if self.written is not None:
            yield self.written


class Log:
    """The calls of one run, in order.

    Attributes
    ----------
    calls : list of Call
    section : str
        To which part of the program the next call belongs.
    draws : list of (Generator, bytes, bytes)
        The draws of random numbers that were written down, with the generator's states on both sides.
    outside : set of int
        The ids of the arrays that own memory from outside, into which a run may not write.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.section = ""
        self._errors = cast("dict[str, str]", np.geterr()).items()
        self._guarded: list[Value] = []
        self._closed = False
        self.draws: list[tuple[Any, bytes, bytes]] = []
        self.outside: set[int] = set()
        self._known: dict[int, StandIn] = {}  # by the arrays' ids, which name them as long as they are alive

    def close(self) -> None:
        """Write nothing down any more: from now on, a stand-in that is still about is an error."""
        self._closed = True

    def stand_in(self, array: Any, name: str = "") -> StandIn:
        """Return what stands for an array or a number of NumPy's: always the same for the same array."""
        if not is_array(array):  # some numbers of NumPy's, such as np.True_, are one object everywhere
            return StandIn(array, self, name)
        if id(array) not in self._known:
            self._known[id(array)] = StandIn(array, self, name)
        return self._known[id(array)]

    def known(self, array: Any) -> Any:
        """Return what stands for an array, if something does, else the array."""
        return self._known.get(id(array), array)

    def lifted(self, value: Any) -> Any:
        """Return a value with stand-ins in place of arrays, also of those from outside."""
        if type(value) is not StandIn and is_array(value):
            return self.stand_in(value)
        return _mapped(self.lifted, value)

    def constant(self, output: Any) -> Any:
        """Return what stands for arrays and numbers that are the same in each run, in a tuple too."""
        if _is_numeric(output):
            result = self.stand_in(output)
            result.constant = True
            return result
        if _is_sequence(output):
            parts, kind = map(self.constant, output), _type(output)
            return kind(*parts) if hasattr(kind, "_fields") else kind(parts)
        return output

    def call(
        self, function: Any, compute: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any],
        written: Any = None,
    ) -> Any:  # fmt: skip
        """Compute something with the arrays in place of the stand-ins, write it down, and return what stands for it."""
        if self._closed:
            raise Uncapturable(
                f"{user_line()}: an array that was kept from a run that was captured; what a compiled function "
                f"computes leaves it by its result alone"
            )
        call = Call(function, self.lifted(tuple(args)), {k: self.lifted(v) for k, v in kwargs.items()}, None)
        if written is not None:
            if type(written) is not StandIn:
                raise Uncapturable(
                    f"{call.line}: {call.name} writes into an array of shape {np.shape(written)} from outside of what "
                    f"is compiled, or made by np.zeros(shape); make it by np.zeros_like(x, shape=shape) there"
                )
            if id(owner(written.content)) in self.outside:
                raise Uncapturable(
                    f"{call.line}: {call.name} writes into an array of shape {np.shape(written)} from outside of what "
                    f"is compiled; hand it over as an argument, or return what is to be there"
                )
            if written.constant:
                self._make_anew(written)
            call.written = written
            compute(*concrete(args), **concrete(kwargs))
            self._write_down(call)
            return call.written
        values = [*call.operands()]
        if values and function not in _MEMORY and all(value.constant for value in values):
            return self.constant(self._compute(call, compute, args, kwargs))
        call.args, call.kwargs = _numbers_as_they_are(call.args), _numbers_as_they_are(call.kwargs)
        output = self._compute(call, compute, args, kwargs)
        if _is_numeric(output):
            if is_array(output) and id(output) in self._known:  # an argument, as it came
                return self._known[id(output)]
            result = self.stand_in(output)
            result.name = result.name or variable()
            self._write_down(call, result)
            return result
        if _is_sequence(output) and output and all(map(_is_numeric, output)):
            parts = [self.stand_in(part) for part in output]
            call.several = True
            self._write_down(call, *parts)
            kind = _type(output)
            return kind(*parts) if hasattr(kind, "_fields") else kind(parts)
        if function in _FACTS_OF_ARRAYS:
            return output
        raise Uncapturable(
            f"{user_line()}: {call.name} gives {output!r}, which would be a constant from then on; {INSTEAD}"
        )

    def _make_anew(self, constant: StandIn) -> None:
        """Write down that each run makes an array which is written into, and would be a constant otherwise.

        Raises
        ------
        Uncapturable
            If something else lies in its memory.
        """
        memory = owner(constant.content)
        if any(
            s is not constant and owner(s.content) is memory for s in [*self._known.values()] if is_array(s.content)
        ):
            raise Uncapturable(f"{user_line()}: an array is written into that is computed from no input")
        constant.constant = False
        self._write_down(Call(np.copy, (self.constant(np.copy(constant.content, order="K")),), {}, None), constant)

    def _compute(self, call: Call, compute: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Compute what is a result, and no write into what was given.

        Raises
        ------
        Uncapturable
            If an array that was given is another one then, as after ``np.dot(a, b, out)``. It is put back.
        """
        safe = isinstance(call.function, np.ufunc | tuple) or call.function == "getitem" or call.function in PARTS
        given = [] if safe else [value.content for value in call.operands() if is_array(value.content)]
        before = [np.copy(array) for array in given]
        output = compute(*concrete(args), **concrete(kwargs))
        for array, copy in zip(given, before, strict=True):
            if array.tobytes() != copy.tobytes():
                np.copyto(array, copy)
                raise Uncapturable(
                    f"{call.line}: {call.name} writes into an array of shape {array.shape} that it was given; write "
                    f"into it by out=, by its name, or by x[...] = value"
                )
        return output

    def attempt(self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call a function without side effects: part by part if these can be written down, else as one call."""
        count, before = len(self.calls), refused.latest
        args = self.lifted(tuple(args))  # what is computed of them alone is written down, too
        try:
            return function(*args, **kwargs)
        except Uncapturable:
            refused.latest = before
            del self.calls[count:]
            return self.call(function, function, args, kwargs)

    def number(self, sign: str, compute: Callable[[Any, Any], Any], a: Any, b: Any) -> Number:
        """Compute with Python numbers, and write it down."""
        result = Number(compute(concrete(a), concrete(b)), self, variable(letters=True))
        self._write_down(Call("number", (sign, a, b), {}, None), result)
        return result

    def as_float(self, value: Any) -> Number:
        """Make a number of NumPy's, or of another kind, one of Python's floats, and write it down."""
        result = Number(float(value.content), self, value.name)
        self._write_down(Call("number", ("float", value), {}, None), result)
        return result

    @contextmanager
    def drawing(self, rng: np.random.Generator) -> Generator[None]:
        """Note that a generator draws what is written down."""
        before = state_of(rng)
        yield
        self.draws.append((rng, before, state_of(rng)))

    def guard(self, condition: Value) -> bool:
        """Write down that a condition came out as it does; for a number, which stays what it is, once."""
        outcome = bool(condition.content)
        if condition.constant or any(number is condition for number in self._guarded):
            return outcome
        self._write_down(Call("guard", (condition, outcome), {}, None))
        if _type(condition) is Number:
            self._guarded.append(condition)
            if not any(result is condition for call in self.calls for result in call.results):
                self.calls.insert(0, self.calls.pop())  # one that is looked up can be checked before anything changes
        return outcome

    def _write_down(self, call: Call, *results: Any) -> None:
        call.results.extend(results)
        call.section = self.section
        call.errors = tuple(item for item in cast("dict[str, str]", np.geterr()).items() if item not in self._errors)
        self.calls.append(call)


class Value:
    """What stands for something in a log.

    Attributes
    ----------
    content
        What it stands for: an array, a number of NumPy's or one of Python's.
    name : str
        What the code calls it, "" if nothing.
    names_part : bool
        Whether that is the name of the part of a model that returned it.
    gradient_of : Value or None
        What it is the gradient of, with respect to a final scalar.
    constant : bool
        Whether it is the same in every run, since it is computed from nothing but such: the ones that a backward pass
        starts with, and what they are multiplied by numbers.
    """

    __slots__ = ("constant", "content", "gradient_of", "log", "name", "names_part")

    def __init__(self, content: Any, log: Log, name: str = "") -> None:
        self.content, self.log, self.name = content, log, name
        self.gradient_of: Value | None = None
        self.names_part = self.constant = False

    def __bool__(self) -> bool:
        if calling_package(__name__) in _OURS:
            return self.log.guard(self)
        raise Uncapturable(f"{user_line()}: {self.name or 'a value'} decides what is computed; {INSTEAD}")


# ---------------------------------------------------------------------------------------------------------------------
# Numbers
# ---------------------------------------------------------------------------------------------------------------------


def _operators(sign: str, compute: Callable[[Any, Any], Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return an operator of numbers, and the same with its operands swapped."""

    def forward(self: Number, other: Any) -> Any:
        if isinstance(other, int | float | Number):
            return self.log.number(sign, compute, self, other)
        return NotImplemented

    def swapped(self: Number, other: Any) -> Any:
        return self.log.number(sign, compute, other, self) if isinstance(other, int | float) else NotImplemented

    return forward, swapped


class Number(Value):
    """What stands for a Python number that each run of a program looks up anew, such as a learning rate.

    Sums, differences, products, quotients, remainders and powers of it are written down; anything else, such as a
    comparison, would make a constant of it.
    """

    __slots__ = ()

    __add__, __radd__ = _operators("+", operator.add)
    __sub__, __rsub__ = _operators("-", operator.sub)
    __mul__, __rmul__ = _operators("*", operator.mul)
    __truediv__, __rtruediv__ = _operators("/", lambda a, b: a / b)
    __floordiv__, __rfloordiv__ = _operators("//", lambda a, b: a // b)
    __mod__, __rmod__ = _operators("%", operator.mod)
    __pow__, __rpow__ = _operators("**", lambda a, b: a**b)

    def __neg__(self) -> Any:
        return self * -1

    def __repr__(self) -> str:
        return f"<stands for {self.name or 'a number'}>"

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return record_ufunc(self.log, ufunc, method, inputs, kwargs)

    def _refuse(self, *_: Any) -> NoReturn:
        raise Uncapturable(
            f"{user_line()}: {self.name or 'a number'} may change from run to run; it can be added, multiplied and so "
            f"on, also with arrays, and no more"
        )

    __float__ = __int__ = __index__ = __lt__ = __le__ = __gt__ = __ge__ = __array__ = _refuse
    __eq__ = __ne__ = __hash__ = __abs__ = __round__ = __format__ = _refuse  # pyright: ignore[reportAssignmentType]


def as_number(value: Any) -> Any:
    """Return a number as one of Python's floats; while a function is captured, what stands for one."""
    kind = _type(value)
    if kind is Number and type(value.content) in (int, float):
        return value
    return value.log.as_float(value) if kind in (Number, StandIn) else float(value)


# ---------------------------------------------------------------------------------------------------------------------
# Arrays
# ---------------------------------------------------------------------------------------------------------------------


class StandIn(Value, NDArrayOperatorsMixin):
    """What stands for an array, or for a number of NumPy's, while a function is captured.

    `isinstance(s, np.ndarray)` is true where it stands for an array, as whoever asks that expects.
    """

    __slots__ = ()

    @property
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _type(self.content)

    def __repr__(self) -> str:
        return f"<stands for {self.content.dtype} {self.content.shape}>"

    # -- what it is, apart from its elements --------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.content)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getattr__(self, name: str) -> Any:
        if name in _FACTS:
            return getattr(self.content, name)
        if name == "base":
            base = self.log.known(self.content.base)
            if type(base) is not StandIn and base is not None and calling_package(__name__) not in _OURS:
                raise Uncapturable(f"{user_line()}: the base of an array that was given may be another one in each run")
            return base
        if name in PARTS:
            return self.log.call(name, operator.attrgetter(name), (self,), {})
        if name in _METHODS:
            return _method(self, name)
        if hasattr(np.ndarray, name) and not name.startswith("__"):
            raise Uncapturable(f"{user_line()}: an array's {name} cannot be written down; {INSTEAD}")
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(np.ndarray, name):
            raise Uncapturable(
                f"{user_line()}: x.{name} = value cannot be written down; x[...] = value writes into an array, and "
                f"x.reshape(shape) and x.view(dtype) give it another form"
            )
        object.__setattr__(self, name, value)

    # -- NumPy's protocols --------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return record_ufunc(self.log, ufunc, method, inputs, kwargs)

    def __array_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        if not all(issubclass(t, Value | np.ndarray) for t in types):
            return NotImplemented
        args, kwargs = _first_by_position(func, args, kwargs)
        depends = by_values(func, args, kwargs, values_in)
        if depends:
            way = WAYS_OUT.get(func, INSTEAD)
            raise Uncapturable(f"{user_line()}: {depends} {name_of(func)} gives depends on values; {way}")
        if func in _FACTS_OF_MEMORY and calling_package(__name__) not in _OURS:
            raise Uncapturable(f"{user_line()}: which arrays share memory may be another thing in each run")
        if func in WRITERS:
            return self.log.call(func, func, args, kwargs, written=args[0])
        given = dict(kwargs)
        out = given.pop("out", None)
        if out is None:
            return self.log.call(func, func, args, given)
        return self.log.call(func, functools.partial(func, out=concrete(out)), args, given, written=out)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise Uncapturable(f"{user_line()}: plain numbers are asked of an array, which would be constants; {way_out()}")

    # -- what is no call of a ufunc -----------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        if _holds_booleans(index):
            raise Uncapturable(f"{user_line()}: an index of booleans gives a shape that depends on values; {INSTEAD}")
        return self.log.call("getitem", operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        self.log.call("setitem", operator.setitem, (self, index, value), {}, written=self)

    def __copy__(self) -> Any:
        return self.copy(order="K") if is_array(self) else self

    def __deepcopy__(self, _: Any) -> Any:
        return self.__copy__()

    def __pow__(self, other: Any) -> Any:
        if _are_numbers(self, other):
            return self.log.call("**", _power, (self, other), {})
        # As for NumPy's arrays, where it takes less time than np.power and rounds otherwise.
        usual = isinstance(other, int | float) and self.content.dtype.kind in "fc"
        function = _POWERS.get(other) if usual else None
        return np.power(self, other) if function is None else function(self)

    def __rpow__(self, other: Any) -> Any:
        return self.log.call("**", _power, (other, self), {}) if _are_numbers(self, other) else np.power(other, self)

    def __mul__(self, other: Any) -> Any:
        numbers = _are_numbers(self, other)
        return self.log.call("*", _product, (self, other), {}) if numbers else np.multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        numbers = _are_numbers(self, other)
        return self.log.call("*", _product, (other, self), {}) if numbers else np.multiply(other, self)

    def __abs__(self) -> Any:
        return np.absolute(self) if is_array(self) else self.log.call("abs", abs, (self,), {})

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        way = way_out() if doing()[0].startswith("STORE") else INSTEAD
        raise Uncapturable(f"{user_line()}: a Python number is made of an array, which would be a constant; {way}")

    __str__ = __float__ = __int__ = __complex__ = __index__ = __round__ = __contains__ = __format__ = __reduce_ex__ = (
        _refuse
    )
    __hash__ = object.__hash__  # pyright: ignore[reportAssignmentType]


_product: Any = operator.mul


def _power(a: Any, b: Any) -> Any:
    return a**b


def _are_numbers(a: Any, b: Any) -> bool:
    """Tell whether NumPy leaves an operator to its numbers: they round some otherwise than the ufunc does."""
    return not any(is_array(x) or type(x) is Number or _has_rules(x) for x in (a, b))


def record_ufunc(log: Log, ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Write down the call of a ufunc; leave it to an operand of another library, such as a Tensor."""
    if any(_has_rules(x) for x in inputs):
        return NotImplemented
    first = inputs[0]
    rounded = ufunc is np.power or (
        ufunc is np.multiply and getattr(first, "dtype", None) in (np.complex64, np.complex128)
    )
    if rounded and issubclass(_type(first), np.generic) and not is_array(inputs[1]):
        # NumPy calls the ufunc for a * b only where b is a stand-in: which of both is meant cannot be told.
        raise Uncapturable(
            f"{user_line()}: a number of NumPy's with another one is rounded otherwise by an operator than by "
            f"{name_of(ufunc)}; make it one of Python's, such as float(a)"
        )
    out = kwargs.pop("out", (None,))
    key: Any = ufunc if method == "__call__" else (ufunc, method)
    compute = getattr(ufunc, method)
    if method == "at":
        return log.call(key, compute, inputs, kwargs, written=inputs[0])
    if len(out) > 1 and any(part is not None for part in out):
        raise Uncapturable(f"{user_line()}: out= of several arrays cannot be written down; use the results")
    target = concrete(out[0])
    if not is_array(target):  # none is given, or `s += 1` of a number, which makes another one
        return log.call(key, compute, inputs, kwargs)
    return log.call(key, functools.partial(compute, out=target), inputs, kwargs, written=out[0])


def _has_rules(operand: Any) -> bool:
    """Tell whether an operand belongs to another array library, which decides itself what a ufunc does with it."""
    kind = _type(operand)
    return hasattr(kind, "__array_ufunc__") and not issubclass(kind, np.ndarray | np.generic | Value)


def _method(of: StandIn, name: str) -> Callable[..., Any]:
    """Return a method of arrays that is written down."""

    def compute(array: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(array, name)(*args, **kwargs)

    def call(*args: Any, **kwargs: Any) -> Any:
        if name == "astype" and kwargs.get("copy") is False and np.dtype(args[0]) == of.content.dtype:
            return of
        if name == "repeat" and [*values_in((args, kwargs))]:
            raise Uncapturable(f"{user_line()}: the shape of what repeat gives depends on values; {INSTEAD}")
        if kwargs.get("out") is not None:
            out = kwargs.pop("out")
            return of.log.call(name, functools.partial(compute, out=concrete(out)), (of, *args), kwargs, out)
        written = of if name == "fill" else None
        return of.log.call(name, compute, (of, *args), kwargs, written)

    return call


def _first_by_position(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Put a first argument that was given by its name where everything else looks for it."""
    try:
        first = None if args else next(iter(inspect.signature(function).parameters))
    except ValueError:  # of some functions that are written in C it is not known
        return args, kwargs
    if first is None or first not in kwargs:
        return args, kwargs
    return (kwargs[first],), {name: value for name, value in kwargs.items() if name != first}


def _holds_booleans(index: Any) -> bool:
    return any(part.content.dtype == bool for part in values_in(index) if type(part) is StandIn)


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function of arrays that is written down as one call: its parts are nothing that a reader looks for."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for arg in args:
            if type(arg) is StandIn:
                return arg.log.call(call, function, args, kwargs)
        return function(*args, **kwargs)

    return call


def capturable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function of arrays without side effects: what it does beyond NumPy is written down as one call."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for arg in args:
            if type(arg) is StandIn:
                return arg.log.attempt(function, args, kwargs)
        return function(*args, **kwargs)

    return call


def random(rng: np.random.Generator, shape: tuple[int, ...], like: Any) -> Any:
    """Draw float32 numbers from 0 to 1; anew in each run of a program, if `like` is captured."""

    def draw(rng: Any, shape: tuple[int, ...], dtype: Any) -> Any:
        return rng.random(shape, dtype=dtype)

    if type(like) is StandIn:
        with like.log.drawing(rng):
            return like.log.call("random", draw, (rng, shape), {"dtype": np.float32})
    return draw(rng, shape, np.float32)


def as_constant(array: Any, like: Any) -> Any:
    """Return an array; if `like` is captured, what stands for one that is the same in each run."""
    return like.log.constant(array) if type(like) is StandIn else array


def values_in(part: Any) -> Iterator[Any]:
    """Yield what stands for something in tuples, lists and dicts."""
    if isinstance(part, Value):
        yield part
    elif type(part) is dict:
        yield from values_in(list(cast(Any, part).values()))
    elif _is_sequence(part):
        for item in part:
            yield from values_in(item)


def concrete(part: Any) -> Any:
    """Put what values stand for in their place, in tuples, lists and dicts."""
    if type(part) is StandIn or type(part) is Number:
        return part.content
    if type(part) is dict:
        return {name: concrete(item) for name, item in cast(Any, part).items()}
    return _mapped(concrete, part)


def _numbers_as_they_are(part: Any) -> Any:
    """Put constant numbers in the place of what stands for them, to be written out."""
    if type(part) is StandIn:
        return part.content if part.constant and not is_array(part.content) else part
    if type(part) is dict:
        return {name: _numbers_as_they_are(item) for name, item in cast(Any, part).items()}
    return _mapped(_numbers_as_they_are, part)


def _mapped(function: Callable[[Any], Any], part: Any) -> Any:
    """Call a function on what a tuple or a list holds; leave everything else as it is."""
    if not _is_sequence(part):
        return part
    kind, parts = _type(part), map(function, part)
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


_type: Any = type  # so named, it does not narrow types


def _is_sequence(output: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(output, tuple | list)


def _is_numeric(output: Any) -> bool:
    return is_array(output) or isinstance(output, np.generic)


_MEMORY: set[Any] = {
    "copy", "astype", "random", np.copy, np.empty_like, np.zeros_like, np.ones_like, np.full_like,
}  # fmt: skip
"""What makes memory that may be written into, and is not the same in each run for that."""
_FACTS = {"shape", "dtype", "ndim", "size", "strides", "itemsize", "nbytes", "flags"}
PARTS = {"T", "mT", "real", "imag"}
"""Attributes of arrays that are arrays."""
_METHODS = {
    "all", "any", "argmax", "argmin", "argsort", "astype", "clip", "conj", "conjugate", "copy", "cumprod", "cumsum",
    "diagonal", "dot", "fill", "flatten", "max", "mean", "min", "prod", "ravel", "repeat", "reshape", "round",
    "squeeze", "std", "sum", "swapaxes", "take", "trace", "transpose", "var", "view",
}  # fmt: skip
_POWERS: dict[float, np.ufunc] = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal, 1: np.positive}
WRITERS: set[Any] = {np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis}
"""Functions that write into their first argument."""
_OURS = ("autograd_np", "nn")
_FACTS_OF_ARRAYS = {
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.may_share_memory, np.shares_memory, np.iscomplexobj,
    np.isrealobj, np.common_type,
}  # fmt: skip
_FACTS_OF_MEMORY = {np.may_share_memory, np.shares_memory}
