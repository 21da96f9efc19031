"""Watches: who looks on while operations are recorded and differentiated, as anomaly mode does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from autograd_np.modes import mode
from autograd_np.primitives import Plan
from autograd_np.tape import Array, CallRules, Node, call_rules, record_node

__all__ = ["Watch", "check_found", "record_in_mode", "rules_in_mode"]


class Watch:
    """Is told what is computed, recorded, written and found; by itself it does nothing with that."""

    kind: ClassVar[type[Node]] = Node
    """What is recorded: nodes with further slots, perhaps."""

    def computed(self, name: str, arrays: Sequence[Array]) -> None:
        """Take note of an operation's results."""

    def written(self, call: str, array: Array) -> None:
        """Take note of what is about to be written into a tensor."""

    def recorded(self, node: Any, output: Any) -> None:
        """Take note of a node, and of the array or the list of arrays that it made."""

    def call_rules(
        self, node: Node, argnums: Sequence[int], g: Any, y: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Sequence[Any]:
        """Call the rules of a node."""
        return call_rules(node, argnums, g, y, args, kwargs)

    def found(self, gradients: Mapping[Node, Any], kept: bool) -> None:
        """Take note of the gradients that a sweep found, and whether leaves are to keep them in `.grad`."""

    def enter(self, part: object) -> Any:
        """Take note that a part of a training step begins, a module or an optimiser; `leave` is given the result."""

    def leave(self, part: object, outer: Any, output: Any) -> None:
        """Take note that a part ends, and what it has returned."""


def record_in_mode(
    plan: Plan, parents: tuple[Node, ...], args: Sequence[Any], kwargs: Mapping[str, Any], output: Any
) -> Node:
    """Put an operation on the tape, and tell who looks on."""
    watch = mode.get().watch
    if watch is None:
        return record_node(plan, parents, args, kwargs, output)
    node = record_node(plan, parents, args, kwargs, output, watch.kind)
    watch.recorded(node, output)
    return node


def rules_in_mode() -> CallRules:
    """Return how a sweep calls rules: as who looks on wants it, or plainly."""
    watch = mode.get().watch
    return call_rules if watch is None else watch.call_rules


def check_found(found: Mapping[Node, Any], kept: bool = False) -> None:
    """Tell who looks on what a sweep found, and whether leaves are to keep it in `.grad`."""
    watch = mode.get().watch
    if watch is not None:
        watch.found(found, kept)
