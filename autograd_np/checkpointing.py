"""Checkpoints: functions whose intermediate results are computed again in the backward pass, and not kept."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograd_np import views
from autograd_np.compiling.reach import Reach
from autograd_np.compiling.things import checksum
from autograd_np.frames import user_line
from autograd_np.generators import put_state, state_of
from autograd_np.gradients import as_argument, pulled
from autograd_np.modes import mode, recording
from autograd_np.primitives import defvjp
from autograd_np.refusals import Uncapturable
from autograd_np.tape import Node
from autograd_np.tensor import Tensor, primitive, wrap
from autograd_np.trees import leaves_of, tree_of
from autograd_np.versions import behind, tick

__all__ = ["checkpoint"]


def checkpoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that keeps its arguments alone, and computes the rest again when its gradient is asked for.

    A long chain of layers then takes the memory of its longest link, for one more forward pass.

    Parameters
    ----------
    function : callable
        Computes with tensors and NumPy; it returns a tensor, or nested dicts, lists and tuples of such. Tensors that it
        closes over, such as a model's parameters, get their gradients as well. What it draws at random by generators
        that it reaches, as dropout does, it draws once more, the same.

    Returns
    -------
    callable
        The same function. Where nothing is recorded, it runs as it is.

    Raises
    ------
    TypeError
        If `function` is no function.
    RuntimeError
        In the backward pass: if the function computes something else than before, since what it reads has changed.

    Notes
    -----
    What it does besides computing, it does twice: the running statistics of batch normalisation move two steps.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import checkpoint, grad
    >>> block = checkpoint(lambda x: np.tanh(np.tanh(x)))
    >>> grad(lambda x: np.sum(block(x) ** 2))(np.array([0.0, 1.0])).round(3)
    array([0.   , 0.317])
    """
    if not callable(function):
        raise TypeError(f"checkpoint: takes a function and returns one, and was given a {type(function).__name__}")

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return _Segment(function, (args, kwargs)).result() if mode.get().recording else function(*args, **kwargs)

    return call


class _Segment:
    """A call of a function that is computed again in the backward pass."""

    def __init__(self, function: Callable[..., Any], given: Any) -> None:
        self._function = function
        self._leaves = [*leaves_of(given)]
        self._given = tree_of(given, [None] * len(self._leaves))
        self._places = [i for i, x in enumerate(self._leaves) if _is_on_tape(x)]
        reach = Reach(function, self._leaves)
        reach.state()
        self._generators = reach.generators
        self._states = [*map(state_of, self._generators)]
        self._checksums: list[Any] = []
        self._others: list[Node] = []  # what the function reads besides its arguments, on the tape
        self.outputs: tuple[Any, ...] = ()

    def result(self) -> Any:
        """Compute the function, and put it on the tape as one operation."""
        arguments, start = [self._leaves[i] for i in self._places], tick()
        with recording():
            tree = self._run([views.as_leaf(wrap(x.data, None), is_argument=True) for x in arguments])
        leaves = [*leaves_of(tree)]
        made = [i for i, y in enumerate(leaves) if _is_on_tape(y)]
        if not made:
            return tree
        self.outputs = tuple(leaves[i].data for i in made)
        self._checksums = [checksum(behind(y)) for y in self.outputs]
        self._others, _ = _outside([views.node_of(leaves[i]) for i in made], start)
        results: Any = _segment(*arguments, *map(_tensor_of, self._others), segment=self)
        self.outputs = ()  # nothing of the run is kept
        for i, y in zip(made, results, strict=True):
            leaves[i] = y
        return tree_of(tree, leaves)

    def pull(self, gradients: Sequence[Any], arrays: Sequence[Any]) -> list[Any]:
        """Compute the function again, and return the gradients of what it was computed from."""
        create, start = any(isinstance(x, Tensor) for x in (*gradients, *arrays)), tick()
        with recording():
            # Nodes of their own for all that it is computed from: the sweep ends there, and calls no hooks of theirs.
            arguments = [as_argument(x) for x in arrays[: len(self._places)]]
            others = [as_argument(_tensor_of(node)) for node in self._others]
        with recording(), _drawing_as_then(self._generators, self._states) as has_drawn:
            outputs = [y for y in leaves_of(self._run(arguments)) if _is_on_tape(y)]
            if has_drawn() and outputs and behind(outputs[0].data) is not outputs[0].data:
                raise Uncapturable(
                    f"{user_line()}: a checkpoint draws at random once more in the backward pass, which a program "
                    f"would do from where the generator is by then; compile the function without the checkpoint"
                )
        read, inside = _outside([views.node_of(y) for y in outputs], start, {*map(views.node_of, arguments)})
        if [checksum(behind(y.data)) for y in outputs] != self._checksums or {*read} != {*self._others}:
            raise RuntimeError(
                f"checkpoint({getattr(self._function, '__name__', 'function')}): in the backward pass it computes "
                f"something else than before: what it reads has changed, or it draws at random by a generator that is "
                f"not found in what it reaches"
            )
        instead: dict[Any, Any] = dict(zip(self._others, map(views.node_of, others), strict=True))
        for node in inside:
            node.parents = tuple(instead.get(parent, parent) for parent in node.parents)
        outputs = [wrap(y.data, instead.get(node := views.node_of(y), node)) for y in outputs]
        found = pulled(outputs, [*arguments, *others], gradients, create=create, retain=create)
        return found if create else [None if g is None else g.data for g in found]

    def _run(self, arguments: Sequence[Any]) -> Any:
        leaves = [*self._leaves]
        for i, x in zip(self._places, arguments, strict=True):
            leaves[i] = x
        args, kwargs = tree_of(self._given, leaves)
        return self._function(*args, **kwargs)

    def __deepcopy__(self, memo: Any) -> _Segment:
        return self  # a keyword argument of an operation is copied, lest somebody change it


@primitive(name="checkpoint", fresh=True)
def _segment(*_: Any, segment: Any = None) -> Any:
    return segment.outputs


def _pull(g: Any, _y: Any, *arrays: Any, segment: Any = None) -> Any:
    return segment.pull(g, arrays)


defvjp(_segment, joint=_pull)


def _outside(nodes: Sequence[Any], start: int, ends: Collection[Any] = ()) -> tuple[list[Node], list[Any]]:
    """Return the nodes from before a moment that others are computed from at once, and those that are made since.

    Nothing that the `ends` are computed from is looked at.
    """
    found: dict[Node, None] = {}
    inside: list[Any] = []
    seen, stack = {*nodes}, [*nodes]
    while stack:
        node = stack.pop()
        if node.number < start:
            found[node] = None
            continue
        if node in ends:
            continue
        inside.append(node)
        fresh = {*node.parents} - seen
        seen |= fresh
        stack += fresh
    return [*found], inside


def _tensor_of(node: Node) -> Tensor:
    """Return a tensor for a node, to say that it is one of the parents: nobody reads its elements."""
    return wrap(np.broadcast_to(np.zeros((), node.dtype), node.shape), node)


def _is_on_tape(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


@contextmanager
def _drawing_as_then(generators: Sequence[Any], states: Sequence[Any]) -> Generator[Callable[[], bool]]:
    """Let generators draw what they drew from the states that they had, and go on afterwards from where they are.

    What is yielded tells whether they have drawn.
    """
    now = [*map(state_of, generators)]
    try:
        for rng, state in zip(generators, states, strict=True):
            put_state(rng, state)
        before = [*map(state_of, generators)]
        yield lambda: [*map(state_of, generators)] != before
    finally:
        for rng, state in zip(generators, now, strict=True):
            put_state(rng, state)
