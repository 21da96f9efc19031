"""Stand-ins: what a function of one example computes with in place of each of a batch of examples."""

from __future__ import annotations

import itertools
import math
import opcode
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from autograd_np.primitives import name_of
from autograd_np.trees import leaves_of

__all__ = ["RULES", "Batched", "NoRule", "Rule", "Run", "elementwise"]

Rule = Callable[..., Any]

RULES: dict[Any, Rule] = {}
"""The batching rules: from a function of NumPy, a kind of index or a transform to what is called for all examples.

A rule takes the run, and then what the function takes. It names the arguments that it knows: others make it fail, and
there is a loop.
"""


class Run:
    """One run on stand-ins: how many examples there are, and why it came to nothing if it did."""

    numbers = itertools.count()

    def __init__(self, count: int) -> None:
        self.count, self.number = count, next(self.numbers)  # an inner run has a higher number than those around it
        self.refused: str | None = None
        self.over = False

    def refuse(self, reason: str) -> NoRule:
        """Note why there is to be a loop, which holds even if `fun` catches the error, and return that."""
        self.refused = self.refused or reason
        return NoRule(self, reason)

    def wrap(self, value: Any) -> Any:
        """Return the stand-in for a batch, or those for several."""
        if isinstance(value, tuple | list):
            parts: Any = map(self.wrap, value)  # pyright: ignore
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)  # pyright: ignore
        return Batched(self, value)

    def owns(self, value: Any) -> bool:
        """Tell whether something is a batch for this run, and not the same for all examples."""
        return isinstance(value, Batched) and value.run is self

    def whole(self, value: Any, ndim: int | None = None) -> Any:
        """Return a batch with its axis in front and so many axes besides, and what is the same for all as it is."""
        if not self.owns(value):
            return value
        missing = 0 if ndim is None else ndim - value.ndim
        return np.expand_dims(value.content, tuple(range(1, missing + 1))) if missing > 0 else value.content

    def spread(self, value: Any) -> Any:
        """Return a batch with its axis in front, if need be by copies of what is the same for all."""
        whole: Any = self.whole(value)
        return whole if self.owns(value) else np.broadcast_to(whole, (self.count, *np.shape(whole)))


class NoRule(Exception):
    """Raised on stand-ins where there is no batching rule."""

    def __init__(self, run: Run, reason: str) -> None:
        super().__init__(reason)
        self.run = run


_ASKING = {"isinstance", "__class__"}


class Batched(NDArrayOperatorsMixin):
    """What stands for each example of a batch: its shape is that of one example.

    Attributes
    ----------
    run : Run
        To which vmap it belongs.
    content : ndarray, Tensor, or stand-in of an outer vmap
        All examples, along the first axis.
    """

    def __init__(self, run: Run, content: Any) -> None:
        if not np.ndim(content) or np.shape(content)[0] != run.count:
            raise run.refuse(f"a result has no axis of {run.count} examples")
        self.run, self.content = run, content

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis of an example."""
        return np.shape(self.content)[1:]

    @property
    def ndim(self) -> int:
        """Number of axes of an example."""
        return np.ndim(self.content) - 1

    @property
    def size(self) -> int:
        """Number of elements of an example."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return self.content.dtype

    @property
    def T(self) -> Any:
        """The example with its axes in reverse order."""
        return np.transpose(self)  # pyright: ignore

    @property
    def mT(self) -> Any:
        """The example with its last two axes swapped."""
        if self.ndim < 2:
            raise self.run.refuse("mT is for matrices")
        return np.swapaxes(self, -1, -2)  # pyright: ignore

    @property
    def real(self) -> Any:
        """The real part."""
        return np.real(self)  # pyright: ignore

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return np.imag(self)  # pyright: ignore

    def astype(self, dtype: Any) -> Batched:
        """Return the example with another type of elements."""
        return self.run.wrap(self.content.astype(dtype))

    def reshape(self, *shape: Any) -> Any:
        """Return the example with its elements in another shape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)  # pyright: ignore

    def transpose(self, *axes: Any) -> Any:
        """Return the example with its axes in another order."""
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)  # pyright: ignore

    def __repr__(self) -> str:
        return f"<each of {self.run.count} examples: {self.dtype} {self.shape}>"

    @property
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Say what it is, but not where the function asks by `isinstance`: one example is an array or a tensor."""
        asking = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        package, code = asking.f_globals.get("__name__", "").partition(".")[0], asking.f_code
        # NumPy's functions ask as well, from the frame that calls them.
        asks = not _ASKING.isdisjoint(code.co_names) or opcode.opname[code.co_code[asking.f_lasti]] == "MATCH_CLASS"
        if asks and package not in ("autograd_np", "numpy"):
            raise self.run.refuse("isinstance(x, ...) asks of what type an example is")
        return Batched

    def __copy__(self) -> Batched:
        return self.run.wrap(self.content.copy())

    def __deepcopy__(self, memo: Any) -> Batched:
        return self.__copy__()

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        return self._answer("x[index]", RULES["getitem"], (self, index), {})

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self.run.refuse(f"an example is asked for .{name}")
        raise AttributeError(f"{name}: a stand-in of vmap has no such attribute", name=name, obj=self)

    def _ask(self, what: str) -> NoReturn:
        raise self.run.refuse(f"{what} asks an example for its numbers")

    def __bool__(self) -> bool:
        self._ask("bool(x), or `if` and `while` with x,")

    def __float__(self) -> float:
        self._ask("float(x)")

    def __int__(self) -> int:
        self._ask("int(x)")

    def __complex__(self) -> complex:
        self._ask("complex(x)")

    def __index__(self) -> int:
        self._ask("an index, or a count,")

    def __contains__(self, value: object) -> bool:
        self._ask("`in`")

    def __array__(self, *_: Any, **__: Any) -> Any:
        self._ask("np.asarray(x), or what takes plain arrays or indices alone,")

    def __setitem__(self, index: Any, value: Any) -> None:
        raise self.run.refuse("it writes into an example")

    def __reduce__(self) -> Any:
        self._ask("pickling")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            return self._answer(name_of((ufunc, method)), None, inputs, kwargs)
        if kwargs.keys() - {"dtype"}:  # out=, where=
            return self._answer(
                f"{name_of(ufunc)} with {', '.join(f'{name}=' for name in kwargs)}", None, inputs, kwargs
            )
        rule = elementwise(ufunc) if ufunc.signature is None else RULES.get(ufunc)
        return self._answer(name_of(ufunc), rule, inputs, kwargs)

    def refuse_call(self, name: str) -> NoReturn:
        """Refuse to be given to a primitive, whose own rules would be passed over."""
        self._answer(name, None, (self,), {})
        raise AssertionError

    def derivative(self, transform: str, *args: Any) -> Any:
        """Return what a transform gives for each example; see `RULES`."""
        return self._answer(transform, RULES[transform], args, {})

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self._answer(name_of(func), RULES.get(func), args, kwargs)

    @staticmethod
    def _answer(name: str, rule: Any, args: Any, kwargs: Any) -> Any:
        """Call a batching rule, for the innermost of the runs whose stand-ins are among the arguments."""
        run = max((x.run for x in leaves_of((args, kwargs)) if isinstance(x, Batched)), key=lambda run: run.number)
        if run.over:
            raise RuntimeError("a stand-in was kept from a run of vmap that is over; let the function return it")
        if rule is None:
            raise run.refuse(f"{name} has no batching rule")
        try:
            return rule(run, *args, **kwargs)
        except NoRule:
            raise
        except Exception as error:
            raise run.refuse(f"{name} has no batching rule for this call ({type(error).__name__}: {error})") from error


_CHOICES = {"dtype", "decimals", "rtol", "atol", "equal_nan", "nan", "posinf", "neginf", "deg", "copy"}


def elementwise(function: Any) -> Rule:
    """Return the rule of what acts on each element, and broadcasts its arguments."""

    def rule(run: Run, *args: Any, **kwargs: Any) -> Any:
        if kwargs.keys() - _CHOICES or any(map(run.owns, kwargs.values())):
            raise TypeError(f"keywords {', '.join(kwargs)}")
        ndim = max(map(np.ndim, args))
        return run.wrap(function(*(run.whole(x, ndim) for x in args), **kwargs))

    return rule
