"""The tape: nodes in the order of creation, and the reverse sweep over them.

There is no tape object: the tape is all nodes, linked by their parents. What leads to one result is its *graph*. The
tape keeps plain arrays. It does not import Tensor: a leaf only points to its own.

The words that one backward pass takes:

- a *primitive* is a function that can be recorded, together with its rules;
- a *rule* is the vector-Jacobian product for one argument: `lambda g, y, x: ...` returns the gradient of `x`, given
  `g`, the gradient of the output `y`; a *joint* rule returns those of all arguments at once;
- a *plan* says for calls of one form which arguments need a gradient, and what their rules read;
- where no rule reads an array, its shape and dtype are left: its parent node *stands in* for it, or else a *spec*;
- a *node* stands for one result on the tape; its *parents* are the nodes of the arguments that need a gradient. A call
  of several results has a node, and each of them one more, whose parent that is;
- a *leaf* is a node that no call made: of a Tensor made by hand, or of an argument of a function that is being
  differentiated;
- the *number* of a node says when it was recorded: nodes and writes into memory are counted together. The order of the
  numbers is the order of the tape, and an array that was written after its node was recorded is *stale*: the sweep
  refuses it;
- the *sweep* visits the nodes from the youngest to the oldest, and calls the rules of each with its total;
- the *total* of a node is the sum of the gradients that have reached it; the sweep writes into it only if it is
  *owned*, an array that the sweep made and nobody else has seen;
- a *contribution* is a gradient that covers only a part of an argument, and adds itself to the total;
- *fitting* undoes broadcasting by sums, casts to the argument's dtype, and takes the real part for a real argument;
- in a *batch*, gradients have one axis more in front; `lead` counts such axes;
- a node is *spent* once the sweep has let go of what it kept.

The gradient g of a real loss L with respect to a complex x means dL = Re(g dx): it is the conjugate of PyTorch's.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter, length_hint
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from autograd_np.hooks import Hooks, totals_for
from autograd_np.primitives import Plan, Primitive, Spec
from autograd_np.versions import check_unchanged, is_array, tick

__all__ = [
    "NOTHING", "Array", "CallRules", "Contribution", "Leaf", "Node", "call_rules", "record_node", "sweep",
    "unbroadcast",
]  # fmt: skip

CallRules: TypeAlias = Callable[..., Sequence[Any]]
Array = Any  # an ndarray, or in a sweep that is itself recorded a Tensor; a rule cannot tell them apart


# ---------------------------------------------------------------------------------------------------------------------
# Nodes
# ---------------------------------------------------------------------------------------------------------------------

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
        Of the result; of several results () and the dtype of the first.
    tensor : weak reference or None
        The Tensor that owns a leaf. The node does not keep it alive.
    is_argument : bool
        Whether it is the leaf of an argument of a function that is being differentiated.
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
    tensor: Any = None
    is_argument: bool = False
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

    def parent_of(self) -> dict[int, Node]:
        """Return the parent of each argument that needs a gradient, by the argument's position.

        Raises
        ------
        RuntimeError
            If another thread has released the node meanwhile.
        """
        parents = self.parents
        if self.args is None:
            raise spent(self)
        return dict(zip(self.argnums, parents, strict=True))

    def release(self) -> None:
        """Let go of everything that the sweep needed: `args` first, since a node without them is a spent one."""
        self.args = None
        self.output = None
        self.kwargs, self.parents = NOTHING, ()


class Leaf(Node):
    """The start of a tape: a Tensor made by hand, or for an argument of a function that is being differentiated."""

    __slots__ = ("__weakref__", "hooks", "is_argument", "tensor")

    tensor: weakref.ref[Any]
    hooks: Hooks

    def __init__(self, tensor: Any, data: NDArray[Any], is_argument: bool = False) -> None:
        self.number, self.tensor, self.is_argument, self.hooks = tick(), weakref.ref(tensor), is_argument, {}
        self.plan, self.parents, self.args, self.kwargs, self.output = None, (), (), NOTHING, None
        self.shape, self.dtype = data.shape, data.dtype

    def release(self) -> None:
        """Keep what there is: a leaf is never spent."""


def record_node(
    plan: Plan,
    parents: tuple[Node, ...],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    output: NDArray[Any] | list[NDArray[Any]],
    kind: type[Node] = Node,
) -> Node:
    """Put an operation on the tape: faster than a class's `__init__` would."""
    if plan.keeps_no_argument:
        args = parents
    elif plan.stand_ins or plan.specs:
        args = [*args]
        for position, i in plan.stand_ins:
            args[position] = parents[i]
        for position in plan.specs:
            if is_array(args[position]):
                args[position] = Spec(args[position].shape, args[position].dtype)
    else:
        args = tuple(args)  # the garbage collector stops tracking a tuple of arrays, but never a list
    node = _new(kind)
    node.number = tick()
    node.plan, node.parents, node.args, node.kwargs = plan, parents, args, kwargs
    if not isinstance(output, list):
        node.shape, node.dtype = output.shape, output.dtype
        node.output = output if plan.keeps_output else None
    else:  # an output that nobody uses gets zeros of its shape as its gradient
        node.shape, node.dtype = (), output[0].dtype
        node.output = tuple(output if plan.keeps_output else [Spec(y.shape, y.dtype) for y in output])
    return node


_new = object.__new__


# ---------------------------------------------------------------------------------------------------------------------
# The reverse sweep
# ---------------------------------------------------------------------------------------------------------------------


class Contribution:
    """A gradient that covers a part of its argument, and knows how to add itself to the total."""

    def added_to(self, total: Any, owned: bool, node: Node) -> Any:
        """Return the new total; `owned` says whether it may be written into."""
        raise NotImplementedError


Inputs: TypeAlias = Collection[Node] | None


def call_rules(
    node: Node, argnums: Sequence[int], g: Any, y: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Sequence[Any]:
    """Return what the rules of a node give for some of its arguments."""
    plan: Any = node.plan
    if plan.pair and argnums is plan.argnums and not kwargs:  # spelt out, a call takes half as long as with stars
        left, right = plan.pair
        a, b = args
        return left(g, y, a, b), right(g, y, a, b)
    primitive = plan.primitive
    if primitive.joint is not None:
        parts = primitive.joint(g, y, *args, **kwargs)
        return [parts[i] for i in argnums]
    rules = primitive.vjps
    if len(argnums) == 1:
        return (rules[argnums[0]](g, y, *args, **kwargs),)
    return [rules[i](g, y, *args, **kwargs) for i in argnums]


def sweep(
    outputs: Sequence[Node], gradients: Sequence[Array], inputs: Inputs = None, *, call: CallRules = call_rules,
    retain: bool = False,
) -> dict[Node, Array]:  # fmt: skip
    """Walk back over the tape and return the gradient of each input that was reached.

    Parameters
    ----------
    outputs, gradients
        The nodes to start from, and the gradient of each: an array of its shape, or a batch of such arrays, along a
        leading axis. The gradients of the inputs are batches then, too.
    inputs : collection of Node, optional
        The nodes whose gradients are wanted, by default the leaves. Nothing older than the oldest is visited.
    call : callable
        How the rules of a node are called: `call_rules`, or what wraps it.
    retain : bool
        Keep the graph for another sweep.

    Raises
    ------
    RuntimeError
        If a part of the graph is spent, or an array on it was changed in place. No sweep has then begun, except where
        another thread releases the graph meanwhile.
    """
    order, wanted = _order(outputs, inputs)
    check_unchanged(order)
    lead = gradients[0].ndim - outputs[0].ndim
    totals = totals_for(order)
    owned: set[Node] = set()
    for node, g in zip(outputs, gradients, strict=True):
        _add(totals, owned, node, g)
    nodes = iter(order)
    try:
        return _visited(nodes, order[-1:], wanted, inputs, totals, owned, lead, call, retain)
    except BaseException as error:
        # What the iterator has not given out was not visited: the last one before it is where the error came from.
        _give_up(error, order[: len(order) - length_hint(nodes)][-1:], () if retain else order)
        raise


def _visited(
    nodes: Iterator[Node], last: Sequence[Node], wanted: set[Node] | None, inputs: Inputs, totals: dict[Node, Any],
    owned: set[Node], lead: int, call: CallRules, retain: bool,
) -> dict[Node, Array]:  # fmt: skip
    """Visit nodes in order, each with its total, and return the totals of the inputs."""
    gathered, take = totals.get, totals.pop
    found: dict[Node, Any] = {}
    for node in nodes:
        g: Any = take(node, None)
        if g is None:
            continue
        plan, parents, kwargs, y = node.plan, node.parents, node.kwargs, node.output
        # Read last: whoever releases a node clears its args first, so if they are still there, all else was read whole.
        args = node.args
        if plan is None or (inputs is not None and node in inputs):
            found[node] = g
            if plan is None or node in last:  # it may be spent: the sweep needs nothing that it was computed from
                continue
        if args is None:
            raise spent(node)
        argnums = plan.argnums
        if wanted is not None and not wanted.issuperset(parents):
            argnums, parents = _asked(argnums, parents, wanted)
        if type(g) is list:
            g = _of_every_output(cast(Any, g), y)
        # A node stands in for an output that no rule reads.
        parts: Sequence[Any] = call(node, argnums, g, node if y is None else y, args, kwargs)
        for parent, part in zip(parents, parts):  # noqa: B905 (strict takes time)
            if part.__class__ is np.ndarray and part.shape == parent.shape and part.dtype is parent.dtype:
                total = gathered(parent)
                if total is None:
                    totals[parent] = part
                    continue
                if parent in owned and type(part) is type(total):  # a captured part is not written into a constant
                    np.add(total, part, total)
                    continue
            else:
                part = _fitted(part, parent, plan.primitive, zip(argnums, parts, strict=True), lead)
            _add(totals, owned, parent, part)
        if not retain:  # as Node.release does: one call less
            node.args = node.output = None
            node.kwargs, node.parents = NOTHING, ()
    return found


def _add(totals: dict[Node, Any], owned: set[Node], node: Node, g: Any) -> None:
    """Add a gradient to the total of a node."""
    total = totals.get(node)
    if g is None:
        return
    if isinstance(g, Contribution):
        total = g.added_to(total, node in owned, node)
    elif total is None:
        totals[node] = g
        return
    else:
        total = total + g
    totals[node] = total
    (owned.add if total.__class__ is np.ndarray else owned.discard)(node)  # NumPy makes numbers of arrays without axes


def _asked(argnums: Sequence[int], parents: Sequence[Node], wanted: set[Node]) -> tuple[Sequence[int], Sequence[Node]]:
    """Return those arguments that lead to the inputs of a sweep."""
    pairs = [(i, parent) for i, parent in zip(argnums, parents, strict=True) if parent in wanted]
    return [i for i, _ in pairs], [parent for _, parent in pairs]


def _give_up(error: BaseException, at: Sequence[Node], order: Iterable[Node]) -> None:
    """Let go of the graph after an error, and say at which node it was raised."""
    for rest in order:
        rest.release()
    for node in at if isinstance(error, Exception) else ():
        line = f", recorded at {node.trace.line}" if node.trace else ""
        error.add_note(f"in the backward pass of {node.name}{line}; no gradient was changed")
        if isinstance(error, TypeError | AttributeError):
            error.add_note(
                "a rule's parameter whose name begins with an underscore has a shape and a dtype, no elements"
            )


def _of_every_output(parts: Sequence[Any], outputs: Sequence[Any]) -> tuple[Any, ...]:
    """Return the gradients of several outputs, zeros for those that nobody used."""
    g, y = next((g, y) for g, y in zip(parts, outputs, strict=True) if g is not None)
    batch = g.shape[: g.ndim - y.ndim]
    return tuple(np.zeros(batch + y.shape, y.dtype) if g is None else g for g, y in zip(parts, outputs, strict=True))


def _order(outputs: Sequence[Node], inputs: Inputs) -> tuple[list[Node], set[Node] | None]:
    """Return the nodes to visit, youngest first, and the inputs with all that leads to them; None if all of it does."""
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
            raise spent(node)
        for parent in parents:
            if parent not in seen and parent.number >= oldest:
                seen.add(parent)
                stack.append(parent)
    order.sort(key=attrgetter("number"), reverse=True)
    if inputs is None:
        return order, None
    wanted = set(inputs)
    for node in reversed(order):
        if not wanted.isdisjoint(parents_of[node]):
            wanted.add(node)
    return [node for node in order if node in wanted], wanted


def spent(node: Node) -> RuntimeError:
    """Return the error for a node that has been released."""
    return RuntimeError(
        f"{node.name}: this part of the graph is spent: a backward pass (or one that failed, or one in another thread) "
        f"has released it; compute the forward pass again, or pass retain_graph=True to the first backward pass"
    )


def _fitted(g: Array, parent: Node, primitive: Primitive, parts: Iterable[tuple[int, Any]], lead: int) -> Array:
    """Give a rule's result its argument's shape and dtype; refuse a shape that broadcasting does not explain."""
    if g is None or isinstance(g, Contribution):
        return g
    given, g = g, g if hasattr(g, "shape") else np.asarray(g)
    if g.shape[lead:] != parent.shape:
        g = unbroadcast(g, parent.shape, lead) if primitive.broadcasts else g
        if g.shape[lead:] != parent.shape:
            argnum = next((i for i, part in parts if part is given), None)
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
    # With fewer axes than the shape, broadcasting explains nothing: leave it for _fitted to refuse.
    stretched = [first + i for i, n in enumerate(shape) if n == 1 and g.shape[first + i] != 1] if first >= lead else []
    axes = (*range(lead, first), *stretched)
    if not axes:
        return g
    total = g.sum(axis=axes, keepdims=True)
    return total.reshape(total.shape[:lead] + total.shape[first:])
