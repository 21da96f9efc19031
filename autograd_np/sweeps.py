"""Sweeps of all kinds: recorded ones, those for a batch of gradients, and those to some tensors alone."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from autograd_np import rich, views
from autograd_np.hooks import Handle, add_hook
from autograd_np.methods import NumpyMethods
from autograd_np.modes import recording
from autograd_np.outputs import output_node
from autograd_np.tape import CallRules, Contribution, Node, sweep
from autograd_np.versions import is_array
from autograd_np.watch import rules_in_mode

__all__ = ["Differentiable", "receivers", "retained", "swept"]

retained: dict[int, weakref.ref[Any]] = {}
"""The results whose gradients `backward` keeps as well, by the tensors' ids."""


class Differentiable(NumpyMethods):
    """The methods of an array, and those that look at gradients on their way."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the text, and what it leaves out."""
        t: Any = self
        gradient = f"of norm {np.linalg.norm(t.grad):.3g}" if t.grad is not None else "none so far"
        row = [str(t.shape), str(t.dtype), gradient if t.requires_grad else "not asked for"]
        return rich.preformatted(repr(t)) + rich.table(["shape", "dtype", "gradient"], [row])

    def register_hook(self, hook: Callable[[Any], Any]) -> Handle:
        """Let a function see the gradient of this tensor in each sweep, and change it.

        Parameters
        ----------
        hook : callable
            Takes the gradient, an array that must not be written into (a Tensor in a sweep that is recorded), and
            returns another one of its shape, or None to leave it as it is.

        Returns
        -------
        Handle
            Its `remove()` takes the hook away.

        Raises
        ------
        RuntimeError
            If the tensor does not require a gradient.

        Examples
        --------
        >>> from autograd_np import Tensor
        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> y = x * 3
        >>> handle = y.register_hook(lambda g: g * 10)
        >>> y.sum().backward()
        >>> x.grad
        array([30., 30.])
        """
        node = views.current(self, "register_hook")
        if node is None:
            raise RuntimeError("register_hook: the tensor does not require a gradient, so that no sweep comes to it")
        return add_hook(node, hook)

    def retain_grad(self) -> None:
        """Let `backward` keep the gradient of this result in `.grad`, as it does for leaves.

        Raises
        ------
        RuntimeError
            If the tensor does not require a gradient.

        Examples
        --------
        >>> from autograd_np import Tensor
        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> y = x * 3
        >>> y.retain_grad()
        >>> (y * y).sum().backward()
        >>> y.grad
        array([ 6., 12.])
        """
        node, key = views.current(self, "retain_grad"), id(self)
        if node is None:
            raise RuntimeError("retain_grad: the tensor does not require a gradient")
        if node.plan is not None:
            retained[key] = weakref.ref(self, lambda _: retained.pop(key, None))

    @property
    def retains_grad(self) -> bool:
        """Whether this is a result whose gradient `backward` keeps."""
        reference = retained.get(id(self))
        return reference is not None and reference() is self


def receivers(node: Node, inputs: Any) -> dict[Node, Any]:
    """Return which tensors get a gradient in `.grad`, by their nodes: all leaves and retained results, or `inputs`.

    Raises
    ------
    RuntimeError
        If one of the inputs does not require a gradient.
    ValueError
        If there are none.
    """
    if inputs is None:
        found = views.ancestors(node)
        leaves = (part.tensor() for part in found if part.plan is None)
        results = [y for y in (reference() for reference in [*retained.values()]) if y is not None]
        return {
            **{x._node: x for x in leaves if x is not None},
            **{at: y for y in results if (at := views.current(y, "backward()")) in found},
        }
    tensors: list[Any] = [inputs] if isinstance(inputs, Differentiable) else [*inputs]
    if not tensors:
        raise ValueError("backward(): there are no inputs; give at least one, or None for all leaves")
    for i, x in enumerate(tensors):
        if not getattr(x, "requires_grad", False):
            raise RuntimeError(f"backward(): input {i} is nothing that requires a gradient")
    return {cast(Node, views.current(x, "backward()")): x for x in tensors}


def swept(
    nodes: Sequence[Node], starts: Sequence[Any], inputs: Any, wrap: Callable[..., Any], *, create: bool, retain: bool,
    batched: bool = False,
) -> dict[Node, Any]:  # fmt: skip
    """Return what a sweep from some nodes finds: arrays, or if it is itself recorded, tensors.

    Parameters
    ----------
    nodes, starts
        Where it begins, and with which gradients, as tensors.
    inputs : collection of Node or None
        What it leads to; None for all leaves.
    wrap : callable
        Makes a tensor of an array and its node.
    create, retain : bool
        Whether it is recorded, and whether the graph is kept.
    batched : bool
        Whether there is a batch of gradients.
    """
    call = _one_by_one(rules_in_mode()) if batched else rules_in_mode()
    if create:
        with recording():
            return sweep(nodes, starts, inputs, call=_recorded(call, wrap), retain=retain)
    return sweep(nodes, [start.data for start in starts], inputs, call=call, retain=retain)


def _recorded(rules: CallRules, wrap: Callable[..., Any]) -> CallRules:
    """Return how rules are called so that the sweep itself is recorded: with tensors in place of arrays."""

    def call(
        node: Node, argnums: Sequence[int], g: Any, y: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Sequence[Any]:
        parents = node.parent_of()
        args = [wrap(arg, parents[i]) if i in parents and is_array(arg) else arg for i, arg in enumerate(args)]
        if type(y) is tuple:
            outputs: Any = y  # pyright: ignore[reportUnknownVariableType]
            y = tuple(
                wrap(part, output_node(node, outputs, i)) if is_array(part) else part for i, part in enumerate(outputs)
            )
        elif is_array(y):
            y = wrap(y, node)
        # The rules compute it from the arguments here, since what the forward pass saved is a constant.
        kwargs = {name: value for name, value in kwargs.items() if name != "residuals"}
        return rules(node, argnums, g, y, args, kwargs)

    return call


def _one_by_one(rules: CallRules) -> CallRules:
    """Return how rules are called with a batch of gradients: those that take one gradient only, once for each."""

    def call(
        node: Node, argnums: Sequence[int], g: Any, y: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Sequence[Any]:
        plan: Any = node.plan
        if plan.primitive.batched:
            return rules(node, argnums, g, y, args, kwargs)
        several = type(g) is tuple
        count = len(cast(Any, g[0] if several else g))
        gs = [tuple(part[i] for part in g) if several else g[i] for i in range(count)]
        columns = zip(*(rules(node, argnums, one, y, args, kwargs) for one in gs), strict=True)
        parents = node.parent_of()
        return [_stacked(parts, parents[i]) for i, parts in zip(argnums, columns, strict=True)]

    return call


def _stacked(parts: Sequence[Any], parent: Node) -> Any:
    """Stack what a rule returned for the gradients of a batch."""
    if parts[0] is None:
        return None
    stack: Any = np.stack  # it dispatches
    return stack([g.added_to(None, False, parent) if isinstance(g, Contribution) else g for g in parts])
