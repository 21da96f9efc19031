"""Primitives: the functions that can be recorded, each with the rules that differentiate it."""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "Plan", "Primitive", "Rule", "Spec", "constants", "defvjp", "implementations", "implements", "name_of",
    "primitive_of", "primitives", "refusals", "refuse", "unsupported_keyword",
]  # fmt: skip

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
"""The table: from a function (or ufunc method, as `(np.add, "reduce")`) to its primitive."""

constants: set[Callable[..., Any]] = set()
"""Those of the implementations that carry no gradient."""

implementations: dict[Any, Callable[..., Any]] = {}
"""Functions that are made of primitives, or carry no gradient: from a function to what is called instead."""

refusals: dict[Any, str] = {}
"""Functions that tensors are kept from: to what can be used instead."""


class Spec(NamedTuple):
    """The shape and dtype of an array: what is left of one that no rule reads."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


class Plan:
    """How calls of one form are recorded: which arguments need a gradient, and what the rules for these read.

    Parameters
    ----------
    primitive : Primitive
        What is called.
    needed : int
        A bit for each argument, 1 where it needs a gradient, the first argument highest, after a leading 1.

    Attributes
    ----------
    argnums : tuple of int
        Which arguments need a gradient.
    keeps_output : bool
        Whether a rule reads the output.
    stand_ins : tuple of (int, int)
        The unread ones among `argnums`: their positions among the arguments and among the parents.
    specs : tuple of int
        The positions of the other unread arguments: a node keeps a `Spec` of each array there.
    keeps_no_argument : bool
        Whether every argument is a stand-in: the node then keeps its parents in place of the arguments.
    pair : tuple of two rules, or empty
        The rules, where there are two arguments and both need a gradient.
    hooks : mapping or None
        What sees the gradients of one node: such a node has a plan of its own.
    """

    __slots__ = (
        "__weakref__", "argnums", "hooks", "keeps_no_argument", "keeps_output", "pair", "primitive", "specs",
        "stand_ins",
    )  # fmt: skip

    def __init__(self, primitive: Primitive, needed: int) -> None:
        count = needed.bit_length() - 1
        argnums = tuple(i for i in range(count) if needed >> (count - 1 - i) & 1)
        no_output, unread = primitive.unread(argnums, count)
        self.primitive, self.argnums, self.hooks = primitive, argnums, None
        self.keeps_output = not no_output
        self.stand_ins = tuple((i, argnums.index(i)) for i in unread if i in argnums)
        self.specs = tuple(i for i in unread if i not in argnums)
        self.keeps_no_argument = len(self.stand_ins) == count
        self.pair = primitive.vjps if len(argnums) == count == len(primitive.vjps) == 2 else ()

    def for_one_node(self) -> Plan:
        """Return a plan that can have hooks."""
        plan = copy.copy(self)
        plan.hooks = {}
        return plan


class _Plans(dict[int, Plan]):
    """The plans of a primitive, made when they are first asked for."""

    def __init__(self, primitive: Primitive) -> None:
        super().__init__()
        self._primitive = primitive

    def __missing__(self, needed: int) -> Plan:
        plan = self[needed] = Plan(self._primitive, needed)
        return plan


class Primitive:
    """A function that can be recorded on the tape, and its vector-Jacobian products.

    Parameters
    ----------
    function : callable
        Takes and returns plain arrays. It may return a tuple or a list of arrays.
    name : str, optional
        What messages call it; by default as people write it: `np.sum`, `my_function`.
    residuals : bool
        Whether it returns a pair: its result, and what it saves for its rules' parameter `residuals`. That is None
        where the rules are differentiated again, since what was saved is no function of the arguments there.
    fresh : bool
        Whether its results are known to share no memory with its arguments.
    moves : bool
        Whether its result holds the argument's elements and nothing else, so that it may be a view of the argument.

    Attributes
    ----------
    vjps, joint
        The rules: one for each argument, or one for all.
    defined : bool
        Whether it has rules.
    broadcasts : bool
        Whether gradients are summed over the axes that broadcasting added.
    batched : bool
        Whether the rules also take a batch of gradients, along a leading axis.
    arrays : int or None
        How many array arguments it takes; None for any number.
    keywords : frozenset of str
        The keyword arguments that the rules know.
    plans : dict
        From the bits of `Plan` to the plan.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None = None,
        *,
        residuals: bool = False,
        fresh: bool = False,
        moves: bool = False,
    ) -> None:
        self.function = function
        self.name = name or name_of(function)
        self.residuals, self.fresh, self.moves = residuals, fresh, moves
        self.vjps: tuple[Rule | None, ...] = ()
        self.joint: Callable[..., Sequence[Any]] | None = None
        self.defined = False
        self.broadcasts = False
        self.batched = False
        self.arrays: int | None = None
        self.keywords: frozenset[str] = frozenset()
        self._parameters: tuple[tuple[str, ...], ...] = ()  # of each rule, those without a default: g, y, arguments
        self.plans = _Plans(self)

    def __repr__(self) -> str:
        return f"Primitive({self.name})"

    def define(
        self, vjps: tuple[Rule | None, ...], joint: Callable[..., Sequence[Any]] | None, broadcasts: bool
    ) -> None:
        """Set the rules; see `defvjp`."""
        named: list[tuple[str, ...]] = []
        keywords: list[frozenset[str]] = []
        variadic = False
        for rule in (joint,) if joint else vjps:
            if rule is None:
                named.append(())
                continue
            parameters = inspect.signature(rule).parameters.values()
            names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty]
            stars = [p.name for p in parameters if p.kind is p.VAR_POSITIONAL]
            if joint is None and len(names) != 2 + len(vjps):
                raise TypeError(
                    f"defvjp({self.name}): with {len(vjps)} rules each takes the gradient, the output and "
                    f"{len(vjps)} arguments without a default, `lambda g, y, x: ...` and not HIPS autograd's "
                    f"`lambda y, x: lambda g: ...`; this one takes ({', '.join(names)})"
                )
            named.append(tuple(names + stars))
            variadic = bool(stars)
            keywords.append(
                frozenset(p.name for p in parameters if p.default is not p.empty or p.kind is p.KEYWORD_ONLY)
                - {"residuals"}
            )
        if not keywords or any(names != keywords[0] for names in keywords):
            raise TypeError(f"defvjp({self.name}): needs at least one rule, all with the same keyword arguments")
        self.vjps, self.joint, self.defined, self.broadcasts = vjps, joint, True, broadcasts
        self.arrays = None if variadic else max(map(len, named)) - 2
        self.keywords = keywords[0]
        # Those of a ufunc act on each element, or on the last axes: one more axis in front makes no difference.
        self.batched = isinstance(self.function, np.ufunc)
        self._parameters = tuple(named)
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
        rules = [self._parameters[0]] if self.joint else [self._parameters[i] for i in argnums]
        # A parameter *arrays speaks for every argument from its position on.
        flags = [
            [not name.startswith("_") for name in names + names[-1:] * (2 + count - len(names))] for names in rules
        ]
        output, *args = [any(column) for column in zip(*flags, strict=True)][1:]
        return not output, tuple(i for i, read in enumerate(args) if not read)

    def argument(self, i: int) -> str:
        """Name an argument, for messages, as its rules name it."""
        names = next((names[2:] for names in self._parameters if names), ())
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
                raise unsupported_keyword(self.name, next(iter(kwargs.keys() - self.keywords)), kwargs, self.keywords)
            return args, kwargs
        try:
            given = self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{self.name}: {error}") from None
        parameters = self._signature.parameters
        names = list(parameters)[: self.arrays]
        keywords: dict[str, Any] = {}
        for name, value in given.items():
            if name in names or value is parameters[name].default:
                continue
            if name not in self.keywords:
                raise unsupported_keyword(self.name, name, given, self.keywords)
            keywords[name] = value
        missing = [name for name in names if name not in given]
        if missing:
            raise TypeError(f"{self.name}: on tensors it needs {' and '.join(missing)} too")
        return [given[name] for name in names], keywords

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.function)


def unsupported_keyword(name: str, keyword: str, given: Mapping[str, Any], known: Iterable[str]) -> TypeError:
    """Return the error for a keyword that a function is not supported with."""
    return TypeError(
        f"{name}: {keyword}={given[keyword]!r} is not supported on tensors (supported keywords: "
        f"{', '.join(f'{word}=' for word in sorted(known)) or 'none'}); compute it from supported functions, or pass "
        f"`.data` where no gradient is needed"
    )


def primitive_of(function: Callable[..., Any], method: str | None = None) -> Primitive:
    """Return the table's entry for a function, made now if there is none yet."""
    key = (function, method) if method else function
    if key not in primitives:
        function, is_ufunc = getattr(function, method) if method else function, isinstance(function, np.ufunc)
        primitives[key] = Primitive(function, name_of(key), fresh=is_ufunc)
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
    have that argument's shape; with `broadcasts` it may have the output's, and is summed. Its dtype is converted. A
    parameter whose name begins with an underscore is not read: only its shape and dtype are kept until the backward
    pass (`_x.shape`, `_x.dtype`, `_x.ndim`). Rules are written with operators and NumPy functions, so that they can be
    differentiated again; they must not write into arrays.

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
        itself, or on the last axes: it may be given a batch of gradients, with one axis more in front.

    Raises
    ------
    TypeError
        If a rule does not have one parameter for the gradient, one for the output, and one for each array argument;
        if neither or both of `vjps` and `joint` are given, or no rule at all; if the rules differ in their keywords.

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
        special, public = sys.modules.get("scipy.special"), "zeta" if name == "_riemann_zeta" else name
        return f"scipy.special.{public}" if hasattr(special, public) else name
    if module.split(".")[0] in ("numpy", "scipy"):
        return f"{module.replace('numpy', 'np', 1)}.{name}"
    return name
