"""Primitives: the functions that can be recorded, each with the rules that differentiate it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np

__all__ = [
    "Primitive",
    "Rule",
    "check_fit",
    "constants",
    "defvjp",
    "implementations",
    "implements",
    "name_of",
    "nearest",
    "primitive_of",
    "primitives",
    "refusals",
    "refuse",
    "supported",
]

# A rule takes the gradient of the output, the output, and the function's own arguments. Spelt out by the number of
# arguments, because a type checker infers the parameters of a lambda from this and not from Callable[..., Any].
Rule = (
    Callable[[Any, Any], Any]
    | Callable[[Any, Any, Any], Any]
    | Callable[[Any, Any, Any, Any], Any]
    | Callable[[Any, Any, Any, Any, Any], Any]
    | Callable[..., Any]
)

primitives: dict[Any, Primitive] = {}
"""The table: from a function (or ufunc method, as `(np.add, "accumulate")`) to its primitive."""

constants: set[Callable[..., Any]] = set()
"""Those of the implementations that carry no gradient."""

implementations: dict[Any, Callable[..., Any]] = {}
"""Functions that are made of primitives, or carry no gradient: from a function to what is called instead."""

refusals: dict[Any, str] = {}
"""Functions that tensors are kept from: to what can be used instead."""


class Primitive:
    """A function that can be recorded on the tape, and its vector-Jacobian products.

    Parameters
    ----------
    function : callable
        Takes and returns plain arrays. It may return a tuple or a list of arrays.
    name : str, optional
        What messages call it; by default its qualified name.
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        self.function = function
        self.name = name or name_of(function)
        self.vjps: tuple[Rule | None, ...] = ()
        self.joint: Callable[..., Sequence[Any]] | None = None
        self.broadcasts = False
        self.foreign = (
            False  # whether it may return one of its arguments or a view of one, unlike what is known to make arrays
        )
        self.moves = False  # whether its result holds the argument's elements and nothing else: then it may be a view
        self.stacks = False  # whether the rules also take a stack of gradients, along an axis before the others
        self.arrays: int | None = None
        self.keywords: frozenset[str] = frozenset()
        self._reads: tuple[tuple[str, ...], ...] = ()
        self.plans: dict[Any, Any] = {}  # for the tape: what it may let go of, by the arguments that need a gradient

    @property
    def defined(self) -> bool:
        """Whether it has rules."""
        return bool(self.vjps or self.joint)

    def __repr__(self) -> str:
        return f"Primitive({self.name})"

    def define(
        self, vjps: tuple[Rule | None, ...], joint: Callable[..., Sequence[Any]] | None, broadcasts: bool
    ) -> None:
        """Set the rules; see `defvjp`."""
        reads: list[tuple[str, ...]] = []
        keywords: list[frozenset[str]] = []
        variadic = False
        for rule in (joint,) if joint else vjps:
            if rule is None:
                reads.append(())
                continue
            parameters = inspect.signature(rule).parameters.values()
            names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty]
            stars = [p.name for p in parameters if p.kind is p.VAR_POSITIONAL]
            if joint is None and len(names) != 2 + len(vjps):
                raise TypeError(
                    f"defvjp({self.name}): with {len(vjps)} rules each takes the gradient, the output and "
                    f"{len(vjps)} arguments without a default; this one takes ({', '.join(names)})"
                )
            reads.append(tuple(names + stars))
            variadic = bool(stars)
            keywords.append(
                frozenset(p.name for p in parameters if p.default is not p.empty or p.kind is p.KEYWORD_ONLY)
            )
        if not keywords or any(names != keywords[0] for names in keywords):
            raise TypeError(f"defvjp({self.name}): needs at least one rule, all with the same keyword arguments")
        self.vjps, self.joint, self.broadcasts = vjps, joint, broadcasts
        self.arrays = None if variadic else max(map(len, reads)) - 2
        self.keywords = keywords[0]
        # Those of a ufunc act on each element by itself, so that one more axis makes no difference to them.
        self.stacks = isinstance(self.function, np.ufunc)
        self._reads = tuple(reads)
        self.plans.clear()

    def unread(self, argnums: tuple[int, ...], count: int) -> tuple[bool, tuple[int, ...]]:
        """Tell what the rules for `argnums` do not read: whether the output, and which of the `count` arguments.

        Raises
        ------
        TypeError
            If there is no rule for one of them.
        """
        undefined = [i for i in argnums if not self.joint and (i >= len(self.vjps) or self.vjps[i] is None)]
        if undefined:
            raise TypeError(
                f"{self.name}: it has no derivative with respect to {self.argument(undefined[0])}; pass `.data` there "
                f"if no gradient is needed, or define one with defvjp"
            )
        rules = [self._reads[0]] if self.joint else [self._reads[i] for i in argnums]
        # A parameter *arrays speaks for every argument from its place on.
        flags = [
            [not name.startswith("_") for name in names + names[-1:] * (2 + count - len(names))] for names in rules
        ]
        output, *args = [any(column) for column in zip(*flags, strict=True)][1:]
        return not output, tuple(i for i, read in enumerate(args) if not read)

    def argument(self, i: int) -> str:
        """Name an argument, for messages, as its rules name it."""
        names = next((names[2:] for names in self._reads if names), ())
        return f"argument {i}" + (f" ({names[i].lstrip('_')})" if i < len(names) and self.vjps else "")

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Sort a call into arrays by position and everything else by keyword, so that a rule meets one form only.

        Raises
        ------
        TypeError
            If the call does not fit the function, or uses a keyword that its rules do not know.
        """
        if self.arrays is None or (len(args) == self.arrays and kwargs.keys() <= self.keywords):
            if not kwargs.keys() <= self.keywords:
                raise self._unsupported(next(iter(kwargs.keys() - self.keywords)), kwargs)
            return args, kwargs
        given = self._signature.bind(*args, **kwargs).arguments
        parameters = self._signature.parameters
        names = list(parameters)[: self.arrays]
        keywords: dict[str, Any] = {}
        for name, value in given.items():
            if name in names or value is parameters[name].default:
                continue
            if name not in self.keywords:
                raise self._unsupported(name, given)
            keywords[name] = value
        missing = [name for name in names if name not in given]
        if missing:
            raise TypeError(f"{self.name}: on tensors it needs {' and '.join(missing)} too")
        return [given[name] for name in names], keywords

    def _unsupported(self, keyword: str, given: Mapping[str, Any]) -> TypeError:
        return _unsupported(self.name, keyword, given, sorted(self.keywords))

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.function)


def _unsupported(name: str, keyword: str, given: Mapping[str, Any], known: Sequence[str]) -> TypeError:
    return TypeError(
        f"{name}: {keyword}={given[keyword]!r} is not supported on tensors (supported keywords: "
        f"{', '.join(f'{word}=' for word in known) or 'none'}); compute it from supported functions, or pass `.data` "
        f"where no gradient is needed"
    )


def check_fit(key: Any, implementation: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise if a call does not fit what stands for a function, in the words of whoever wrote the call.

    Raises
    ------
    TypeError
        Naming the function that was called, and the keyword that it does not take.
    """
    signature = inspect.signature(implementation)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        name, known = name_of(key), signature.parameters
        unknown = [word for word in kwargs if word not in known]
        if unknown:
            raise _unsupported(name, unknown[0], kwargs, list(known)) from None
        raise TypeError(f"{name}: on tensors {error}") from None


def primitive_of(function: Callable[..., Any], method: str | None = None) -> Primitive:
    """Return the table's entry for a function, made now if there is none yet."""
    key = (function, method) if method else function
    if key not in primitives:
        primitives[key] = Primitive(getattr(function, method) if method else function, name_of(key))
    return primitives[key]


def defvjp(
    function: Callable[..., Any],
    *vjps: Rule | None,
    joint: Callable[..., Sequence[Any]] | None = None,
    broadcasts: bool | None = None,
) -> None:
    """Define how a function is differentiated: one vector-Jacobian product for each of its array arguments.

    A rule is `lambda g, y, x, ..., axis=None: ...`: `g` is the gradient of the output, `y` the output, and then come
    the function's own arguments, keywords under their own names. It returns the gradient of its argument, which must
    have that argument's shape. A parameter whose name begins with an underscore is not read: only its shape and dtype
    are kept until the backward pass (`_x.shape`, `_x.dtype`, `_x.ndim`). Rules are written with operators and NumPy
    functions, so that they can be differentiated again; they must not write into arrays.

    Parameters
    ----------
    function : callable
        A NumPy or SciPy function, or one made with `primitive`.
    *vjps : callable or None
        One rule for each array argument; `None` for an argument that has no gradient (an index, a condition).
    joint : callable, optional
        Instead of `vjps`, one rule for all arguments, `lambda g, y, *arrays: [...]`, which returns a gradient for each
        of them (or None). For functions of any number of arrays, and where the gradients share work.
    broadcasts : bool, optional
        Whether the function broadcasts its arguments, so that gradients are to be summed over the axes that
        broadcasting added. By default true for ufuncs only. The rule of a ufunc must act on each element of `g` by
        itself: it may be given a stack of gradients, with an axis more.

    Raises
    ------
    TypeError
        If a rule does not have one parameter for the gradient, one for the output, and one for each array argument.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor, defvjp, primitive
    >>> @primitive
    ... def softplus(x):
    ...     return np.logaddexp(0, x)
    >>> defvjp(softplus, lambda g, y, _x: g * (1 - np.exp(-y)))
    >>> x = Tensor(0.0, requires_grad=True)
    >>> softplus(x).backward()
    >>> x.grad
    array(0.5)
    """
    if (joint is None) == (not vjps):
        raise TypeError(f"defvjp({name_of(function)}): give either one rule for each argument, or joint=")
    primitive_of(function).define(vjps, joint, isinstance(function, np.ufunc) if broadcasts is None else broadcasts)


def implements(*functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate what is to be called for NumPy functions when a Tensor is among their arguments."""

    def register(implementation: Callable[..., Any]) -> Callable[..., Any]:
        implementations.update(dict.fromkeys(functions, implementation))
        return implementation

    return register


def refuse(instead: str, *functions: Any) -> None:
    """Let functions (or ufunc methods, as in the table) raise a TypeError that says what can be used instead."""
    refusals.update(dict.fromkeys(functions, instead))


def supported() -> None:
    """Print every function that takes tensors: how it is differentiated, and with which keyword arguments.

    A rule is a vector-Jacobian product of its own; a composition is made of functions that have rules (NumPy may
    compute its value, and its signature is NumPy's); a constant has no gradient, and returns plain arrays.

    Examples
    --------
    >>> from autograd_np import supported
    >>> supported()
    function  differentiated by  keywords
    np.abs...
    """
    rows = [("function", "differentiated by", "keywords")]
    for name, entry in sorted(_supported().items()):
        if isinstance(entry, Primitive):
            rows.append((name, "rule", " ".join(f"{keyword}=" for keyword in sorted(entry.keywords))))
        else:
            rows.append((name, "nothing: constant" if entry in constants else "composition", ""))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def nearest(function: Any) -> str:
    """Name the supported functions whose names are most like that of another, for messages."""
    name = name_of(function)
    last = {full.rpartition(".")[2]: full for full in _supported()}
    names = get_close_matches(name.rpartition(".")[2], last, n=3, cutoff=0.7)
    return f"; the nearest that have one are {', '.join(last[match] for match in names)}" if names else ""


def _supported() -> dict[str, Primitive | Callable[..., Any]]:
    """Return what stands in the tables for functions of NumPy and SciPy, by the name people write."""
    named: dict[str, Primitive | Callable[..., Any]] = {}
    for function, entry in (primitives | implementations).items():
        name = entry.name if isinstance(entry, Primitive) else name_of(function)
        if name.startswith(("np.", "scipy.")) and not (isinstance(entry, Primitive) and not entry.defined):
            named[name] = entry
    return named


def name_of(function: Any) -> str:
    """Return the name people write: `np.sum`, `np.add.reduce`, `scipy.special.expit`, `my_function`."""
    if type(function) is tuple:
        return ".".join(map(name_of, function))  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(function, str):
        return function
    name = getattr(function, "__name__", repr(function))
    module = getattr(function, "__module__", None) or ""
    if isinstance(function, np.ufunc):
        if getattr(np, name, None) is function:
            return f"np.{name}"
        special = sys.modules.get("scipy.special")
        return f"scipy.special.{name}" if getattr(special, name, None) is function else name
    if module.split(".")[0] in ("numpy", "scipy"):
        return f"{module.replace('numpy', 'np', 1)}.{name}"
    return name
