"""Parameters: the tensors among the arguments of a function that a solver calls, and what it must not close over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_np.tensor import Tensor, plain
from autograd_np.trees import leaves_of, tree_of
from autograd_np.versions import is_array

__all__ = ["constant", "set_apart"]


def set_apart(args: tuple[Any, ...]) -> tuple[list[Tensor], Callable[[Sequence[Any]], Any]]:
    """Return the tensors on a tape among nested arguments, and a function that puts others in their places.

    All else is constant. Arrays are copied, since a backward pass calls the function again, and nobody may have changed
    them by then.
    """
    given = list(leaves_of(args))
    places = [i for i, x in enumerate(given) if isinstance(x, Tensor) and x.requires_grad]
    leaves = [np.copy(x) if is_array(x) else x for x in map(plain, given)]

    def filled(params: Sequence[Any]) -> Any:
        others = leaves.copy()
        for i, param in zip(places, params, strict=True):
            others[i] = param
        return tree_of(args, others)

    return [given[i] for i in places], filled


def constant(found: Any, call: str) -> Any:
    """Return what a function gave for arrays, as an array.

    Raises
    ------
    TypeError
        If it is on a tape, by a tensor that the function closes over.
    """
    if isinstance(found, Tensor) and found.requires_grad:
        raise TypeError(
            f"{call}: the function closes over a tensor that requires a gradient, which would be lost; hand the tensor "
            f"over as an argument of the function"
        )
    return plain(found)
