"""Hooks: functions that see a gradient on its way, and may put another one in its place.

A node is shown to its hooks when a sweep has its whole gradient, just before that goes on. A sweep without any takes no
notice of them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

import numpy as np

from autograd_np.versions import as_ndarray

__all__ = ["Handle", "Hooks", "add_hook", "hooks_of", "latest", "totals_for"]

Hooks: TypeAlias = MutableMapping["Handle", Callable[..., Any]]


class _Latest:
    """The last change of any hooks, as an object."""

    change: object = None


latest = _Latest()


class Handle:
    """Stands for a hook that was registered, and takes it away: by `remove()`, or at the end of a `with` block."""

    def __init__(self, hooks: Hooks, hook: Callable[..., Any]) -> None:
        self._hooks = hooks
        hooks[self] = hook
        latest.change = object()

    def remove(self) -> None:
        """Take the hook away; it is not called any more."""
        self._hooks.pop(self, None)
        latest.change = object()

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


# Whatever holds hooks, by its id, as long as it is there: a sweep looks for hooks only then.
_holders: dict[int, weakref.ref[Any]] = {}


def add_hook(node: Any, hook: Callable[[Any], Any]) -> Handle:
    """Let a function see the gradients of a node.

    Raises
    ------
    TypeError
        If it is no function.
    """
    if not callable(hook):
        raise TypeError(f"register_hook: a hook is a function of a gradient, and was given {hook!r}")
    if node.plan is not None and node.plan.hooks is None:
        node.plan = node.plan.for_one_node()
    holder = node if node.plan is None else node.plan
    key = id(holder)
    _holders[key] = weakref.ref(holder, lambda _: _holders.pop(key, None))
    return Handle(holder.hooks, hook)


def hooks_of(node: Any) -> Any:
    """Return the hooks of a node, which stand in the plan of an operation."""
    return node.hooks if node.plan is None else node.plan.hooks


def totals_for(order: Iterable[Any]) -> dict[Any, Any]:
    """Return what holds the totals of a sweep over some nodes: a dict, or one that shows them to hooks."""
    return _Totals() if _holders and any(map(hooks_of, order)) else {}


class _Totals(dict[Any, Any]):
    """Totals that are shown to hooks when they are taken."""

    def pop(self, node: Any, default: Any = None) -> Any:
        """Take the gradient of a node, or what hooks have put in its place."""
        g: Any = super().pop(node, default)
        return g if g is None or not hooks_of(node) else _shown(node, g)


def _shown(node: Any, g: Any) -> Any:
    """Show a gradient, or each one of a batch, to the hooks of its node, one after the other."""
    if g.ndim > node.ndim:
        stack: Any = np.stack  # it dispatches
        return stack([_shown(node, row) for row in g])
    for hook in [*hooks_of(node).values()]:
        g = _after(hook, node, g)
    return g


def _after(hook: Callable[[Any], Any], node: Any, g: Any) -> Any:
    """Return the gradient that goes on after a hook has seen one; it must not write into that."""
    seen = g
    if type(g) is np.ndarray:
        seen = g.view()
        seen.flags.writeable = False
    changed: Any = hook(seen)
    if changed is None:
        return g
    changed = changed if type(changed) is type(g) else as_ndarray(changed)
    if not np.can_cast(changed.dtype, node.dtype, "same_kind"):
        raise TypeError(
            f"a hook of {node.name} returned a gradient of dtype {changed.dtype} for one of dtype {node.dtype}; return "
            f"real numbers for real ones"
        )
    if changed.shape != node.shape:
        raise ValueError(
            f"a hook of {node.name} returned a gradient of shape {changed.shape} for one of shape {node.shape}; return "
            f"one of that shape, or None to leave it as it is"
        )
    return changed if changed.dtype == node.dtype else changed.astype(node.dtype)
