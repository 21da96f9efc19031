"""Trees: arrays in nested dicts, lists and tuples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

__all__ = ["in_order_of", "leaves_like", "leaves_of", "nested_alike", "tree_of"]


def leaves_of(tree: Any) -> Iterator[Any]:
    """Yield the arrays of nested containers, and whatever else is in them."""
    if isinstance(tree, dict):
        tree = tree.values()  # pyright: ignore
    elif not isinstance(tree, tuple | list):
        yield tree
        return
    for branch in tree:  # pyright: ignore
        yield from leaves_of(branch)


def tree_of(model: Any, leaves: Iterable[Any]) -> Any:
    """Return containers nested like a model, with other leaves."""
    return _filled(model, iter(leaves))


def _filled(tree: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(tree, dict):
        return {key: _filled(value, leaves) for key, value in tree.items()}  # pyright: ignore
    if isinstance(tree, tuple | list):
        items = [_filled(branch, leaves) for branch in tree]  # pyright: ignore
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)  # pyright: ignore
    return next(leaves)


def leaves_like(tree: Any, model: Any, what: str) -> list[Any]:
    """Return the arrays of a tree, if it is nested like a model and has its shapes.

    Raises
    ------
    ValueError
        Naming both structures.
    """
    if _shapes(tree) != _shapes(model):
        raise ValueError(f"{what} must have the structure and shapes {_shapes(model)}, not {_shapes(tree)}")
    return list(leaves_of(in_order_of(tree, model)))


def in_order_of(tree: Any, model: Any) -> Any:
    """Return a tree with its leaves in the order of a model's: entries of dicts are matched by their keys."""
    if not nested_alike(tree, model):
        return tree
    if isinstance(tree, dict):
        return {key: in_order_of(tree[key], model[key]) for key in model if key in tree}
    if isinstance(tree, tuple | list):
        return [in_order_of(*pair) for pair in zip(tree, model, strict=True)]  # pyright: ignore
    return tree


def nested_alike(tree: Any, model: Any) -> bool:
    """Tell whether a tree is nested like a model; None stands for what is left out, and its dicts may lack keys."""
    if isinstance(tree, dict):
        items: Any = tree.items()  # pyright: ignore
        return isinstance(model, dict) and all(key in model and nested_alike(x, model[key]) for key, x in items)
    if isinstance(tree, tuple | list):
        same = isinstance(model, tuple | list) and len(tree) == len(model)  # pyright: ignore
        return same and all(map(nested_alike, tree, model))  # pyright: ignore
    return tree is None or not isinstance(model, dict | tuple | list)


def _shapes(tree: Any) -> Any:
    """Return the structure of nested containers, with shapes for arrays, to compare and to print."""
    return tree_of(tree, [f"array {np.shape(x)}" for x in leaves_of(tree)])
