"""What was recorded on the way to a tensor, and what it is called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from autograd_np.primitives import Spec
from autograd_np.show.calls import short
from autograd_np.tape import Node
from autograd_np.tensor import Tensor
from autograd_np.versions import is_array
from autograd_np.views import node_of

__all__ = ["Constant", "Names", "Recorded"]

Names: TypeAlias = Mapping[str, Tensor | NDArray[Any]]


class Constant(NamedTuple):
    """An array among the arguments of an operation that needs no gradient."""

    key: object  # two arguments are one array if they are the same memory, seen in the same way
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    name: str | None


class Recorded:
    """The part of the tape that leads to a tensor, and what it is called.

    Attributes
    ----------
    nodes : list of Node
        In the order of creation; the last one is the tensor's own.
    names : dict of Node to str
        Of those that have one.
    """

    def __init__(self, call: str, tensor: Tensor, names: Names | None) -> None:
        if not isinstance(tensor, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{call}: takes a Tensor, usually a loss, not {type(tensor).__name__}")
        last = node_of(tensor)
        if last is None:
            raise RuntimeError(
                f"{call}: nothing was recorded that leads to the tensor of shape {tensor.shape}; make the leaves with "
                f"requires_grad=True, and do not compute it under no_grad() or from detached values"
            )
        self.nodes = _reachable(call, last)
        self.names: dict[Node, str] = {}
        self._constants: dict[object, str] = {}
        for name, value in _checked(call, names):
            node = node_of(value) if isinstance(value, Tensor) else None
            if node is not None:
                self.names.setdefault(node, name)
            else:
                self._constants.setdefault(_memory(value.data if isinstance(value, Tensor) else value), name)

    def arguments(self, node: Node) -> Iterator[Node | Constant | str]:
        """Yield the arguments of an operation: a node, an array that needs no gradient, or a number as text."""
        parents = dict(zip(node.argnums, node.parents, strict=True))
        for i, arg in enumerate(node.args or ()):
            if i in parents:
                yield parents[i]
            elif (constant := self._constant(arg)) is not None:
                yield constant
            else:
                yield "constant" if isinstance(arg, Spec) else short(arg.item() if is_array(arg) else arg) or "..."

    def sources(self, node: Node) -> Iterator[Node | Constant]:
        """Yield those arguments of an operation that no other one computed: leaves and constant arrays."""
        yield from (parent for parent in node.parents if parent.primitive is None)
        for i, arg in enumerate(node.args or ()):
            if i not in node.argnums and (constant := self._constant(arg)) is not None:
                yield constant

    def _constant(self, arg: object) -> Constant | None:
        if is_array(arg) and arg.ndim:
            memory = _memory(arg)
            return Constant((memory, arg.shape, arg.strides), arg.shape, arg.dtype, self._constants.get(memory))
        if isinstance(arg, Spec) and arg.shape:
            return Constant(id(arg), arg.shape, arg.dtype, None)
        return None


def _reachable(call: str, last: Node) -> list[Node]:
    """Return what leads to a node, in the order of creation."""
    seen, stack = {last}, [last]
    while stack:
        node = stack.pop()
        if node.args is None:
            raise RuntimeError(
                f"{call}: a backward pass has released this graph (at {node.name}); call {call} before backward(), or "
                f"pass retain_graph=True to backward()"
            )
        fresh = [parent for parent in node.parents if parent not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return sorted(seen, key=attrgetter("number"))


def _checked(call: str, names: object) -> Iterable[tuple[str, Any]]:
    """Return the pairs of a mapping from names to tensors or arrays."""
    if names is None:
        return ()
    if not isinstance(names, Mapping):
        raise TypeError(
            f"{call}: names maps names to tensors, as dict(model.named_parameters()) does; it is no mapping but "
            f"{type(names).__name__}"
        )
    pairs = list(cast(Mapping[Any, Any], names).items())
    for name, value in pairs:
        if not isinstance(name, str) or not (isinstance(value, Tensor) or is_array(value)):
            raise TypeError(
                f"{call}: names maps names to tensors, as dict(model.named_parameters()) does; it has "
                f"{type(value).__name__} for {name!r}"
            )
    return pairs


def _memory(array: NDArray[Any]) -> object:
    """Tell whether two arrays hold the same elements, though perhaps in another shape: flattened images, say."""
    return array.__array_interface__["data"][0], array.size, array.dtype
