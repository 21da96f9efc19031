"""The arguments of check_grads: what there is to differentiate by among them, and how they are copied."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_np.operands import array_of
from autograd_np.tensor import Tensor, plain
from autograd_np.testing.layouts import lay_out, own_elements
from autograd_np.trees import leaves_of

__all__ = [
    "Parts",
    "as_module",
    "as_tensor",
    "called",
    "copied",
    "has_variables",
    "in_double",
    "is_floating",
    "is_module",
    "is_python",
    "parameters_of",
    "paths",
    "refuse_subclass",
]

Array = NDArray[Any]


def called(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function, as a function of itself too."""
    return function(*args)


def is_floating(leaf: Any) -> bool:
    """Tell whether something is a number or an array with a derivative."""
    return (
        isinstance(leaf, Tensor | np.ndarray | np.generic | float | complex)
        and np.result_type(plain(leaf)).kind in "fc"
    )


def refuse_subclass(leaf: Any, what: str) -> None:
    """Raise if something is an array with rules of its own, such as a masked one, whose mask would be lost."""
    if isinstance(leaf, np.ndarray) and type(leaf) is not np.ndarray:  # pyright: ignore[reportUnknownArgumentType]
        array_of(leaf, what)


def has_variables(tree: Any) -> bool:
    """Tell whether there is anything to differentiate by in nested containers."""
    return any(is_module(leaf) or is_floating(leaf) for leaf in leaves_of(tree))


def copied(leaf: Any) -> Any:
    """Return what is held constant in memory of its own: what the function writes is no one else's."""
    if isinstance(leaf, Tensor):
        return Tensor(copied(leaf.data))
    if not isinstance(leaf, np.ndarray):
        return leaf
    array: Array = leaf  # pyright: ignore[reportUnknownVariableType]
    return copy.deepcopy(array) if array.dtype.hasobject else lay_out(own_elements(array), array)


def is_python(leaf: Any) -> bool:
    """Tell whether something is a number of Python's own, which takes the dtype of what it meets."""
    return type(leaf) in (bool, int, float, complex)


def is_module(leaf: Any) -> bool:
    """Tell whether something has parameters of its own."""
    return hasattr(leaf, "named_parameters") and not isinstance(leaf, type)


def parameters_of(module: Any) -> list[tuple[str, Tensor]]:
    """Return the parameters of a module to differentiate by, with their names."""
    return [(name, p) for name, p in module.named_parameters() if p.requires_grad]


class Parts:
    """The parameters and buffers of a module, which are found once and replaced in every call.

    Attributes
    ----------
    trained : list of Tensor
        The parameters to differentiate by.
    """

    def __init__(self, module: Any) -> None:
        self.module = module
        self.trained = [p for _, p in parameters_of(module)]
        self._parameters: list[Tensor] = [p for _, p in module.named_parameters()]
        self._buffers: list[Array] = [b for _, b in module.named_buffers()] if hasattr(module, "named_buffers") else []

    def holding(self, tensors: Iterable[Tensor]) -> Any:
        """Return a deep copy of the module that holds these in place of `trained`, wherever they are shared.

        Random generators are copied with it, and so draw the same in each call.
        """
        memo: dict[int, Any] = {id(p): x for p, x in zip(self.trained, tensors, strict=True)}
        dtypes = {x.dtype for x in memo.values()}
        if len(dtypes) == 1:  # the whole module computes in the precision of its parameters
            (dtype,) = dtypes
            memo = {id(p): Tensor(p.data, dtype=dtype) for p in self._parameters if p.dtype.kind == "f"} | memo
            memo = {id(b): b.astype(dtype) for b in self._buffers if b.dtype.kind == "f"} | memo
        return copy.deepcopy(self.module, memo)


def as_module(module: Any, x: Array) -> Array:
    """Return an array in the dtype of a module's parameters, as modules take it."""
    dtype = next((p.dtype for _, p in parameters_of(module)), x.dtype)
    return lay_out(own_elements(x).astype(dtype), x) if x.dtype.kind == dtype.kind else x


def as_tensor(x: Any) -> Tensor:
    """Return an array as a tensor."""
    return x if isinstance(x, Tensor) else Tensor(x)


def in_double(x: Array) -> Array:
    """Return an array in double precision."""
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def paths(tree: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested containers with the expressions that reach them."""
    if isinstance(tree, dict):
        items: Any = tree.items()  # pyright: ignore
        for key, branch in items:
            yield from paths(branch, f"{name}[{key!r}]")
    elif isinstance(tree, tuple | list):
        keys = [f".{field}" for field in getattr(tree, "_fields", ())] or [f"[{i}]" for i in range(len(tree))]  # pyright: ignore
        for key, branch in zip(keys, tree, strict=True):  # pyright: ignore
            yield from paths(branch, name + key)
    else:
        yield name, tree
