"""The tape: nodes in the order of creation, and the reverse sweep over them.

The tape holds plain arrays and knows nothing of Tensor. Its numbers are a clock, which `versions` shares: a node's
number is the moment it was recorded, and a value that was written afterwards is told by comparing two numbers.
"""

from __future__ import annotations

import sys
import weakref
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ContextDecorator, nullcontext
from contextvars import ContextVar
from inspect import currentframe, isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray

from autograd_np.primitives import Primitive
from autograd_np.versions import tick, versions

__all__ = [
    "NOTHING", "ORDINARY", "Contribution", "Leaf", "Node", "Part", "Plan", "Spec", "TracedNode", "check_finite",
    "detect_anomaly", "is_array", "mode", "no_grad", "output_node", "plan_of", "reached_leaves", "reaches_before",
    "record_node", "recording", "sweep", "unbroadcast", "user_line",
]  # fmt: skip

Array = Any  # an ndarray, or in a sweep that is itself recorded a Tensor; a rule cannot tell them apart


def is_array(value: object) -> TypeGuard[NDArray[Any]]:
    """Tell an array from everything else, type checkers included: the elements' type is left open."""
    return isinstance(value, np.ndarray)


# ---------------------------------------------------------------------------------------------------------------------
# What is on the tape
# ---------------------------------------------------------------------------------------------------------------------


class Spec(NamedTuple):
    """What is left of an array that no rule reads."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


class Plan:
    """How calls of one form are recorded: which arguments need a gradient, and what the rules for these read.

    Attributes
    ----------
    primitive : Primitive
        What is called.
    argnums : tuple of int
        Which arguments need a gradient.
    keeps_output : bool
        Whether a rule reads the output.
    stand_ins : tuple of (int, int)
        The unread ones among `argnums`: their places among the arguments and among the parents.
    constants : tuple of int
        The places of all other unread arguments.
    keeps_no_array : bool
        Whether every argument is a stand-in: its parents then are all that a node keeps of the call.
    """

    __slots__ = ("argnums", "constants", "keeps_no_array", "keeps_output", "primitive", "stand_ins")

    def __init__(self, primitive: Primitive, needed: int) -> None:
        count = needed.bit_length() - 1
        argnums = tuple(i for i in range(count) if needed >> (count - 1 - i) & 1)
        no_output, unread = primitive.unread(argnums, count)
        self.primitive, self.argnums = primitive, argnums
        self.keeps_output = not no_output
        self.stand_ins = tuple((place, argnums.index(place)) for place in unread if place in argnums)
        self.constants = tuple(place for place in unread if place not in argnums)
        self.keeps_no_array = len(self.stand_ins) == count


def plan_of(primitive: Primitive, needed: int) -> Plan:
    """Return the plan for calls of one form.

    `needed` has a bit for each argument, 1 where it needs a gradient, the first one highest, after a leading 1: that is
    built while the arguments are looked at, and told from others faster than a tuple is.
    """
    plan = primitive.plans.get(needed)
    if plan is None:
        plan = primitive.plans[needed] = Plan(primitive, needed)
    return plan


NOTHING: Mapping[str, Any] = {}


class Node:
    """One recorded operation, or a leaf.

    Attributes
    ----------
    number : int
        When it was recorded.
    plan : Plan or None
        What was called, with which arguments on the tape; None for a leaf.
    parents : tuple of Node
        The nodes of those arguments that need a gradient.
    args, kwargs
        The call, with plain arrays for tensors. An argument that no rule reads is replaced by its node (or a `Spec`),
        which has its shape and dtype. `args` is None once the node is spent.
    output
        The result, if a rule reads it. Several results are a tuple, each an array or a `Spec`.
    shape, dtype
        Of the result.
    leaf : weak reference or None
        A leaf's Tensor, which owns the node and not the other way round.
    trace : Trace or None
        Recorded in anomaly mode only.
    """

    # Several million of them may be alive: what few nodes have is a slot of a subclass.
    __slots__ = ("args", "dtype", "kwargs", "number", "output", "parents", "plan", "shape")

    number: int
    plan: Plan | None
    parents: tuple[Node, ...]
    args: Sequence[Any] | None
    kwargs: Mapping[str, Any]
    output: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    leaf: Any = None
    trace: Any = None

    @property
    def ndim(self) -> int:
        """Number of axes of the result."""
        return len(self.shape)

    @property
    def primitive(self) -> Primitive | None:
        """What was called; None for a leaf."""
        return self.plan and self.plan.primitive

    @property
    def argnums(self) -> tuple[int, ...]:
        """Which arguments the parents are."""
        return self.plan.argnums if self.plan else ()

    @property
    def several(self) -> bool:
        """Whether it has several results."""
        return type(self.output) is tuple

    @property
    def name(self) -> str:
        """What was called, for messages."""
        return self.plan.primitive.name if self.plan else "a leaf"

    def release(self) -> None:
        """Let go of everything that the sweep needed: `args` first, by which a spent node is told."""
        self.args = None
        self.output = None
        self.kwargs, self.parents = NOTHING, ()


class Leaf(Node):
    """The start of a tape: a Tensor made by hand, or for an argument of a function that is being differentiated."""

    __slots__ = ("__weakref__", "is_argument", "leaf")

    leaf: weakref.ref[Any]

    def __init__(self, tensor: Any, data: NDArray[Any], is_argument: bool = False) -> None:
        self.number, self.leaf, self.is_argument = tick(), weakref.ref(tensor), is_argument
        self.plan, self.parents, self.args, self.kwargs, self.output = None, (), (), NOTHING, None
        self.shape, self.dtype = data.shape, data.dtype


class TracedNode(Node):
    """A node of anomaly mode, which knows where it was recorded and what its arrays held."""

    __slots__ = ("trace",)

    trace: Trace


def record_node(
    plan: Plan,
    parents: tuple[Node, ...],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    output: NDArray[Any] | list[NDArray[Any]],
    traced: bool = False,
) -> Node:
    """Put an operation on the tape. A chain of them takes 0.96 of the time that it takes with a class's `__init__`."""
    if plan.keeps_no_array:
        args = parents
    elif plan.stand_ins or plan.constants:
        args = [*args]
        for place, i in plan.stand_ins:
            args[place] = parents[i]
        for place in plan.constants:
            if is_array(args[place]):
                args[place] = Spec(args[place].shape, args[place].dtype)
    else:
        args = tuple(args)  # of arrays alone: no work for the garbage collector, which a list would be
    node = _new(TracedNode if traced else Node)
    node.number = tick()
    node.plan, node.parents, node.args, node.kwargs = plan, parents, args, kwargs
    if not isinstance(output, list):
        node.shape, node.dtype = output.shape, output.dtype
        node.output = output if plan.keeps_output else None
    else:  # their sizes are needed for those that nobody uses
        node.shape, node.dtype = (), output[0].dtype
        node.output = tuple(output if plan.keeps_output else [Spec(y.shape, y.dtype) for y in output])
    if traced:
        node.trace = Trace(node)
    return node


_new = object.__new__


# ---------------------------------------------------------------------------------------------------------------------
# Whether to record
# ---------------------------------------------------------------------------------------------------------------------


class Mode(NamedTuple):
    """Whether operations are recorded, and whether every value is checked.

    What is left with a mode stands in the mode itself, and not in the object that changed it: that may serve several
    threads and tasks at once.
    """

    recording: bool = True
    anomaly: bool = False
    outer: Mode | None = None
    silence: AbstractContextManager[Any] = nullcontext()


ORDINARY = Mode()

# A ContextVar, so that threads and tasks do not see one another.
mode: ContextVar[Mode] = ContextVar("autograd_np.mode", default=ORDINARY)


class _Switch(ContextDecorator):
    """Change the mode inside a `with` block or a decorated function."""

    _change: ClassVar[dict[str, bool]]

    def __enter__(self) -> None:
        outer = mode.get()
        silence = self._silence()
        silence.__enter__()
        mode.set(outer._replace(**self._change, outer=outer, silence=silence))

    def __exit__(self, *error: Any) -> None:
        inner = mode.get()
        mode.set(inner.outer or ORDINARY)
        inner.silence.__exit__(*error)

    def _silence(self) -> AbstractContextManager[Any]:
        """Return what is entered along with the mode."""
        return nullcontext()

    def __call__(self, func: Any) -> Any:
        if isgeneratorfunction(func) or iscoroutinefunction(func) or isasyncgenfunction(func):
            raise TypeError(
                f"{type(self).__name__}() cannot decorate {func.__qualname__}: a generator or coroutine would leak the "
                f"mode into its caller at each yield or await; write `with {type(self).__name__}():` around the parts "
                f"that do not yield"
            )
        return super().__call__(func)


class no_grad(_Switch):
    """Record nothing inside: results need no gradient, and leaves may be changed in place.

    Use it as a context manager or to decorate a function. It holds for the current thread or task alone. Do not
    `yield` inside it: the caller of the generator would run under it too (decorating a generator is refused).

    Raises
    ------
    TypeError
        If it decorates a generator or a coroutine function.

    Examples
    --------
    >>> from autograd_np import Tensor, no_grad
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """

    _change: ClassVar[dict[str, bool]] = {"recording": False}


class recording(_Switch):
    """Record inside, even within `no_grad`: what a transform needs for its own leaves."""

    _change: ClassVar[dict[str, bool]] = {"recording": True}


class detect_anomaly(_Switch):
    """Check every value, forwards and backwards, and name the operation and the line that made a bad one.

    Inside, an operation whose result holds a NaN or an infinity raises at once, and NumPy's own warnings are silent; so
    does the backward pass, with the line that recorded the operation. It also takes a checksum of every array on the
    tape, so that one that was changed in place through plain NumPy between the forward and the backward pass is found.
    It is slow: use it to find a fault.

    Raises
    ------
    FloatingPointError
        Inside the block, when a value or a gradient is not finite.
    RuntimeError
        In a backward pass, when an array was changed in place.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor, detect_anomaly
    >>> x = Tensor(0.0, requires_grad=True)
    >>> with detect_anomaly():
    ...     np.sqrt(x).backward()
    Traceback (most recent call last):
    FloatingPointError: np.sqrt: the gradient of argument 0 holds inf (recorded at ...
    """

    _change: ClassVar[dict[str, bool]] = {"anomaly": True}

    def _silence(self) -> AbstractContextManager[Any]:
        return np.errstate(all="ignore")


class Trace:
    """Where a node was recorded and what its arrays held: kept in anomaly mode."""

    def __init__(self, node: Node) -> None:
        self.line = user_line()
        self.checksums = [_checksum(array) for array in _arrays(node)]

    def unchanged(self, node: Node) -> bool:
        """Tell whether the arrays still hold what they held."""
        return self.checksums == [_checksum(array) for array in _arrays(node)]


def user_line() -> str:
    """Return the innermost line of the stack that is not in a library."""
    frame = currentframe()
    assert frame is not None
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in _LIBRARIES:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}, in {frame.f_code.co_name}"


_LIBRARIES = {"autograd_np", "nn", "numpy", "scipy", "contextlib"}


def check_finite(array: Array, what: str, line: str) -> None:
    """Raise if an array of anomaly mode holds a NaN or an infinity."""
    plain: Any = np.asarray(array) if np.isscalar(array) or is_array(array) else array.data
    if not np.isfinite(plain).all():
        found = " and ".join(name for name, test in (("NaN", np.isnan), ("inf", np.isinf)) if test(plain).any())
        raise FloatingPointError(f"{what} holds {found} ({line})")


def _checksum(array: NDArray[Any]) -> int:
    return zlib.crc32(array.tobytes())


# ---------------------------------------------------------------------------------------------------------------------
# What a node keeps
# ---------------------------------------------------------------------------------------------------------------------


def _arrays(node: Node) -> list[NDArray[Any]]:
    """Return the arrays that a node keeps for its rules."""
    kept = (*(node.args or ()), node.output)
    return list(_arrays_in((*kept, *node.kwargs.values()) if node.kwargs else kept))


def _arrays_in(values: Iterable[Any]) -> Iterator[NDArray[Any]]:
    for value in values:
        if is_array(value):
            yield value
        elif type(value) in (tuple, list):
            yield from _arrays_in(value)
        elif type(value) is dict:
            yield from _arrays_in(value.values())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def _check_unchanged(order: Sequence[Node]) -> None:
    """Raise if an array was written after it was recorded.

    Raises
    ------
    RuntimeError
        Naming the operation whose gradient would have been wrong.
    """
    for node in order:
        if node.plan and (node.number < versions.latest or node.trace):
            late = [array for array in _arrays(node) if versions.last(array) > node.number]
            if late or (node.trace and not node.trace.unchanged(node)):
                shape = f" of shape {late[0].shape}" if late else ""
                line = f" (recorded at {node.trace.line})" if node.trace else ""
                raise RuntimeError(
                    f"{node.name}{line}: an array{shape} that its gradient needs was changed in place after the "
                    f"forward pass; change it after backward(), or compute with a copy of it"
                )


# ---------------------------------------------------------------------------------------------------------------------
# The reverse sweep
# ---------------------------------------------------------------------------------------------------------------------


class Contribution:
    """A gradient that does not cover its whole argument, and knows how to add itself to what has been gathered."""

    def added_to(self, total: Any, owned: bool, node: Node) -> Any:
        """Return the new total; `owned` says whether it may be written into."""
        raise NotImplementedError


class Part(Contribution):
    """The gradient of one of several outputs."""

    def __init__(self, g: Array, index: int) -> None:
        self.g, self.index = g, index

    def added_to(self, total: list[Any] | None, owned: bool, node: Node) -> list[Any]:
        """Put the gradient in its place."""
        total = [None] * len(node.output) if total is None else total
        total[self.index] = self.g if total[self.index] is None else total[self.index] + self.g
        return total


def _pick(outputs: Sequence[Any], index: int = 0) -> Any:
    return outputs[index]


_output = Primitive(_pick, "one of several outputs")
_output.define((lambda g, _y, _outputs, index=0: Part(g, index),), None, broadcasts=False)
_output.stacks = True
_output_plan = Plan(_output, 0b11)


def output_node(node: Node, outputs: Sequence[Any], index: int) -> Node:
    """Return a node for one of the several outputs of another."""
    return record_node(_output_plan, (node,), (outputs,), {"index": index}, outputs[index])


def sweep(
    outputs: Sequence[Node],
    gradients: Sequence[Array],
    inputs: Collection[Node] | None = None,
    *,
    lift: Callable[[Any, Node | None], Any] | None = None,
    retain: bool = False,
    stacked: int = 0,
) -> dict[Node, Array]:
    """Walk back over the tape and return the gradient of each input that was reached.

    Parameters
    ----------
    outputs, gradients
        The nodes to start from, and the gradient of each.
    inputs : collection of Node, optional
        Where to stop; by default at the leaves.
    lift : callable, optional
        Makes a Tensor of an array and its node. With it the rules are called with Tensors, so that the sweep itself is
        recorded.
    retain : bool
        Keep the graph for another sweep.
    stacked : int
        If not 0, the gradients have an axis of this length before their own axes, and so have the results: as many
        sweeps in one, in which each rule that can is called once.

    Raises
    ------
    RuntimeError
        If a part of the graph is spent, or an array on it was changed in place. No sweep has then begun.
    """
    order, wanted = _order(outputs, inputs)
    _check_unchanged(order)
    anomaly = mode.get().anomaly
    ordinary = lift is None and not stacked and not anomaly
    totals: dict[Node, Any] = {}
    gathered, take = totals.get, totals.pop
    owned: set[Node] = set()  # nodes whose total is an array made here, seen by nobody else: the only ones written into

    def add(node: Node, g: Any) -> None:
        total = totals.get(node)
        if isinstance(g, Contribution):
            totals[node] = g.added_to(total, node in owned, node)
            owned.add(node)
        elif total is None:
            totals[node] = g
        elif node in owned and type(total) is np.ndarray:
            np.add(total, g, total)
        else:
            totals[node] = total + g
            if lift is None:
                owned.add(node)

    for node, g in zip(outputs, gradients, strict=True):
        add(node, g)
    found: dict[Node, Any] = {}
    node = None
    try:
        for node in order:
            g = take(node, None)
            if g is None:
                continue
            plan = node.plan
            if inputs is None and plan is None:
                found[node] = g
                continue
            parents, kwargs, y = node.parents, node.kwargs, node.output
            args = node.args  # last, since another thread that releases the node takes it away first
            if inputs is not None and node in inputs:
                found[node] = g
                if node is order[-1]:  # which may be spent, as what it was computed from is not asked for
                    continue
            if args is None:
                raise _spent(node)
            if inputs is not None and wanted.isdisjoint(parents):
                continue
            assert plan is not None
            rules: Any = plan.primitive.vjps
            if ordinary and rules and type(y) is not tuple:
                # As below, without what takes its time: a small operation would spend half of its own there.
                if y is None:
                    y = node
                for argnum, parent in zip(plan.argnums, parents):  # noqa: B905 (strict takes time, too)
                    if inputs is not None and parent not in wanted:
                        continue
                    if len(args) == 2 and not kwargs:  # spelt out, a call takes half as long as with stars
                        part = rules[argnum](g, y, args[0], args[1])
                    else:
                        part = rules[argnum](g, y, *args, **kwargs)
                    if type(part) is np.ndarray and part.shape == parent.shape and part.dtype is parent.dtype:
                        total = gathered(parent)
                        if total is None:
                            totals[parent] = part
                            continue
                        if parent in owned and type(total) is np.ndarray:
                            np.add(total, part, total)
                            continue
                    elif part is None:
                        continue
                    add(parent, _settled(part, parent, plan.primitive, argnum, 0))
            else:
                kept: Any = args, kwargs, y, parents
                for parent, part in _vjps(node, kept, g, wanted, lift, anomaly, stacked):
                    add(parent, part)
            if not retain:
                node.release()
    except BaseException as error:
        if not retain:
            for rest in order:
                if rest.plan is not None:
                    rest.release()
        if node is not None and isinstance(error, Exception):
            line = f", recorded at {node.trace.line}" if node.trace else ""
            error.add_note(f"in the backward pass of {node.name}{line}; no gradient was changed")
        raise
    return found


def _order(outputs: Sequence[Node], inputs: Collection[Node] | None) -> tuple[list[Node], set[Node]]:
    """Return the nodes between outputs and inputs, youngest first, in a list and as a set."""
    # Nothing older than the oldest input can lead to one.
    oldest = min((node.number for node in inputs), default=sys.maxsize) if inputs is not None else 0
    seen = {node for node in outputs if node.number >= oldest}
    stack = list(seen)
    order: list[Node] = []
    parents_of: dict[Node, tuple[Node, ...]] = {}
    while stack:
        node = stack.pop()
        order.append(node)
        # Once, and before looking whether it is spent: another thread may be releasing it.
        parents = node.parents
        if inputs is not None:
            parents_of[node] = parents
        if node.args is None and not (inputs and node in inputs and node.number == oldest):
            raise _spent(node)
        for parent in parents:
            if parent not in seen and parent.number >= oldest:
                seen.add(parent)
                stack.append(parent)
    order.sort(key=attrgetter("number"), reverse=True)
    if inputs is None:
        return order, seen
    wanted = set(inputs)
    for node in reversed(order):
        if not wanted.isdisjoint(parents_of[node]):
            wanted.add(node)
    return [node for node in order if node in wanted], wanted


def _spent(node: Node) -> RuntimeError:
    return RuntimeError(
        f"{node.name}: this part of the graph is spent: a backward pass (or one that failed, or one in another thread) "
        f"has released it; compute the forward pass again, or pass retain_graph=True to the first backward pass"
    )


def reached_leaves(output: Node) -> list[Node]:
    """Return the leaves that an output was computed from."""
    seen, stack = {output}, [output]
    while stack:
        fresh = [parent for parent in stack.pop().parents if parent not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return [node for node in seen if node.plan is None]


def reaches_before(output: Node, inputs: Sequence[Node]) -> bool:
    """Tell whether an output also depends on nodes that are older than all inputs."""
    oldest = min((node.number for node in inputs), default=0)
    seen, stack = {output}, [output]
    while stack:
        node = stack.pop()
        if node.number < oldest:
            return True
        fresh = [parent for parent in node.parents if parent not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return False


_Call = tuple[Sequence[Any], Mapping[str, Any], Any, tuple[Node, ...]]
"""What a node has kept of its call: the arguments, the keyword arguments, the result, and the parents."""


def _vjps(
    node: Node,
    call: _Call,
    g: Any,
    wanted: set[Node],
    lift: Callable[[Any, Node | None], Any] | None,
    anomaly: bool,
    stacked: int,
) -> Iterable[tuple[Node, Any]]:
    """Yield each parent with its part of the gradient."""
    args, kwargs, y, parents = call
    plan = node.plan
    assert plan is not None
    several = bool(type(y) is tuple)  # no narrowing of what has no type
    if several:
        lead = (stacked,) if stacked else ()
        g = tuple(np.zeros(lead + s.shape, s.dtype) if part is None else part for part, s in zip(g, y, strict=True))
    if lift is not None:
        nodes = dict(zip(plan.argnums, parents, strict=True))
        args = [lift(arg, nodes[i]) if i in nodes and is_array(arg) else arg for i, arg in enumerate(args)]
        if several:
            y = tuple(lift(part, output_node(node, y, i)) if is_array(part) else part for i, part in enumerate(y))
        elif y is not None:
            y = lift(y, node)
    call = args, kwargs, node if y is None else y, parents
    if stacked and not plan.primitive.stacks:
        return _row_by_row(node, call, g, wanted, anomaly, stacked)
    return _parts(node, call, g, wanted, anomaly, 1 if stacked else 0)


def _parts(
    node: Node, call: _Call, g: Any, wanted: set[Node], anomaly: bool, lead: int = 0
) -> Iterable[tuple[Node, Any]]:
    """Call the rules of a node; `lead` is the number of axes that the gradients have before their own."""
    args, kwargs, y, parents = call
    plan = node.plan
    assert plan is not None
    primitive = plan.primitive
    joint = primitive.joint(g, y, *args, **kwargs) if primitive.joint else None
    for argnum, parent in zip(plan.argnums, parents, strict=True):
        if parent not in wanted:
            continue
        if joint is not None:
            part = joint[argnum]
        else:
            rule = primitive.vjps[argnum]
            part = rule(g, y, *args, **kwargs) if rule is not None else None
        if part is None:
            continue
        if anomaly and not isinstance(part, Contribution):
            line = f"recorded at {node.trace.line}" if node.trace else "recorded outside detect_anomaly()"
            check_finite(part, f"{node.name}: the gradient of argument {argnum}", line)
        yield parent, _settled(part, parent, primitive, argnum, lead)


def _row_by_row(
    node: Node, call: _Call, g: Any, wanted: set[Node], anomaly: bool, stacked: int
) -> Iterable[tuple[Node, Any]]:
    """Call rules that take one gradient only with one after the other of a stack, and stack what they return."""

    def row(i: int) -> list[tuple[Node, Any]]:
        row_of_g = tuple(part[i] for part in g) if node.several else g[i]
        return list(_parts(node, call, row_of_g, wanted, anomaly))

    for parts in zip(*map(row, range(stacked)), strict=True):
        parent = parts[0][0]
        yield (
            parent,
            np.stack([g.added_to(None, False, parent) if isinstance(g, Contribution) else g for _, g in parts]),
        )


def _settled(g: Any, parent: Node, primitive: Primitive, argnum: int, lead: int) -> Any:
    """Give a rule's result the shape and dtype of its argument, where the function's kind allows for it."""
    if g is None or isinstance(g, Contribution):
        return g
    if g.shape[lead:] != parent.shape:
        if primitive.broadcasts:
            g = unbroadcast(g, parent.shape, lead)
        if g.shape[lead:] != parent.shape:
            raise ValueError(
                f"{primitive.name}: its rule for argument {argnum} returned a gradient of shape {g.shape} for an "
                f"argument of shape {parent.shape}; correct the rule given to defvjp, or declare broadcasts=True if "
                f"the function broadcasts its arguments"
            )
    if g.dtype != parent.dtype:
        if g.dtype.kind == "c" and parent.dtype.kind != "c":
            g = g.real
        g = g.astype(parent.dtype)
    return g


def unbroadcast(g: Array, shape: tuple[int, ...], lead: int = 0) -> Array:
    """Sum a gradient over the axes that broadcasting from `shape` added (after the first `lead`) or stretched."""
    first = g.ndim - len(shape)  # the axis of g that is the first one of the shape
    stretched = [first + i for i, n in enumerate(shape) if n == 1 and g.shape[first + i] != 1] if first >= lead else []
    axes = (*range(lead, first), *stretched)
    if not axes:
        return g
    total = g.sum(axis=axes, keepdims=True)
    return total.reshape(total.shape[:lead] + total.shape[first:])
