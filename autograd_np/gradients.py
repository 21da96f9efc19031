"""Gradients of tensors with respect to tensors, and what stands for an argument that is differentiated by."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_np import views
from autograd_np.modes import mode
from autograd_np.operands import array_of
from autograd_np.sweeps import swept
from autograd_np.tape import NOTHING, Node
from autograd_np.tensor import Operand, Tensor, seed, wrap
from autograd_np.versions import is_array, own, owner
from autograd_np.watch import check_found, record_in_mode

__all__ = ["as_argument", "batched_gradients", "depends_on_others", "gradients", "pulled"]


def gradients(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Operand | Sequence[Operand | None] | None = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
) -> tuple[Tensor, ...]:
    """Return the gradients of tensors with respect to tensors, and leave every `.grad` alone.

    Parameters
    ----------
    outputs : Tensor or sequence of Tensor
        What is differentiated; several are summed, each weighted by its entry of `grad_outputs`.
    inputs : Tensor or sequence of Tensor
        With respect to what: leaves, or results on the way.
    grad_outputs : array_like or sequence of array_like or None, optional
        The gradient of some final scalar with respect to each output, of its shape; 1 for scalars.
    create_graph : bool
        Record the sweep itself, so that the gradients can be differentiated again.
    retain_graph : bool, optional
        Keep the graph for another sweep; by default as `create_graph`.

    Returns
    -------
    tuple of Tensor
        One for each input, of its shape and dtype; zeros where no output depends on it.

    Raises
    ------
    RuntimeError
        If an output or an input is not on a tape, an output is no scalar and has no gradient, the graph is spent, or an
        array on it was changed in place.
    TypeError
        If an output is complex, an input real, and no gradient is given for the output.
    ValueError
        If there are no outputs, not as many `grad_outputs` as outputs, or a gradient has another shape than its output.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor, gradients
    >>> x = Tensor(2.0, requires_grad=True)
    >>> (dy,) = gradients(x**3, x, create_graph=True)
    >>> (ddy,) = gradients(dy, x)
    >>> dy.item(), ddy.item()
    (12.0, 12.0)
    """
    if isinstance(outputs, Tensor):
        outputs, grad_outputs = [outputs], [grad_outputs]  # pyright: ignore[reportAssignmentType]
    inputs = [inputs] if isinstance(inputs, Tensor) else inputs
    weights: list[Any] = [None] * len(outputs) if grad_outputs is None else list(grad_outputs)  # pyright: ignore
    if len(weights) != len(outputs):
        raise ValueError(
            f"gradients: {len(outputs)} outputs with {len(weights)} grad_outputs; give one for each, or None"
        )
    if not outputs:
        raise ValueError("gradients: there are no outputs; give at least one")
    missing = [i for i, x in enumerate(inputs) if not x.requires_grad]
    if missing:
        raise RuntimeError(
            f"gradients: input {missing[0]} does not require a gradient; make it with requires_grad=True, and only "
            f"then compute with it"
        )
    nodes = [views.current(y, "gradients") for y in outputs]
    youngest = max((node.number for node in nodes if node is not None), default=0)
    for i, x in enumerate(inputs):
        node = views.current(x, "gradients")
        assert node is not None
        if node.dtype.kind != "c" and any(
            y.dtype.kind == "c" for y, g in zip(outputs, weights, strict=True) if g is None
        ):
            raise views.complex_by_real(f"gradients: input {i}")
        if node.number > youngest and node.plan is not None and node.primitive is not views.argument:
            raise RuntimeError(
                f"gradients: input {i} was made, or changed in place, after the outputs, so that they cannot depend on "
                f"it; keep the tensor that they were computed from"
            )
    if not create_graph and mode.get().differentiating:
        for node in filter(None, nodes):
            views.check_constant(node, "gradients")
    retain = create_graph if retain_graph is None else retain_graph
    found = pulled(outputs, inputs, weights, create=create_graph, retain=retain)
    return tuple(wrap(np.zeros(x.shape, x.dtype), None) if g is None else g for g, x in zip(found, inputs, strict=True))


def pulled(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], grad_outputs: Sequence[Any], *, create: bool, retain: bool
) -> list[Tensor | None]:
    """Return the gradients of outputs by inputs that are on the tape; None where no output depends on an input."""
    nodes, seeds = zip(*(seed(y, g, "gradients") for y, g in zip(outputs, grad_outputs, strict=True)), strict=True)
    return _swept(nodes, seeds, [views.node_of(x) for x in inputs], create, retain)


def batched_gradients(
    output: Tensor, inputs: Sequence[Tensor], grad_outputs: NDArray[Any], *, create_graph: bool
) -> tuple[Tensor, ...]:
    """Return the gradients of one output for a batch of its gradients, in one sweep; the graph is retained.

    `grad_outputs` and every result have a leading axis of length N: `grad_outputs` is of shape (N,) + output.shape.
    """
    count = len(grad_outputs)
    node, start = views.current(output, "jacobian"), wrap(grad_outputs, None)
    assert node is not None
    found = _swept([node], [start], [views.node_of(x) for x in inputs], create_graph, retain=True, batched=True)
    return tuple(
        wrap(np.zeros((count, *x.shape), x.dtype), None) if g is None else g for g, x in zip(found, inputs, strict=True)
    )


def _swept(
    nodes: Sequence[Node],
    starts: Sequence[Tensor],
    wanted: Sequence[Any],
    create: bool,
    retain: bool,
    batched: bool = False,
) -> list[Tensor | None]:
    """Return what a sweep finds for the wanted nodes, as Tensors; None where it finds nothing."""
    found = swept(nodes, starts, set(wanted), wrap, create=create, retain=retain, batched=batched)
    check_found(found)
    results: list[Tensor | None] = []
    take = found.pop if len(set(wanted)) == len(wanted) else found.get  # two inputs may be one node: each gets a copy
    given = {id(owner(start.data)) for start in starts}  # the caller's memory, of which results are copies
    for node in wanted:
        g = take(node, None)
        if isinstance(g, Tensor):
            g = g.copy() if id(owner(g.data)) in given else g
            given.add(id(owner(g.data)))
            results.append(g)
        else:
            results.append(None if g is None else wrap(own(g), None))
    return results


def depends_on_others(output: Tensor, inputs: Sequence[Tensor]) -> bool:
    """Tell whether an output depends on anything that was recorded earlier than its inputs."""
    oldest = min((node.number for node in map(views.node_of, inputs) if node is not None), default=0)
    node = views.place_of(output)
    if node is None:
        return False
    return min(map(attrgetter("number"), views.ancestors(node))) < oldest


def as_argument(data: Operand) -> Tensor:
    """Return what stands for an argument of a function that is being differentiated: it shares the argument's memory.

    A tensor on a tape is given another node here: the function may also close over the tensor itself, and uses it as a
    constant there.
    """
    if isinstance(data, Tensor):
        array, node, is_number = data.data, views.current(data, "a transform"), views.is_number(data)
    else:
        array, node, is_number = array_of(data, "an argument"), None, not is_array(data) and not np.ndim(data)
    view = views.NUMBER if is_number else None
    if node is None:
        return views.as_leaf(wrap(array, None, view), is_argument=True)
    return wrap(array, record_in_mode(views.argument.plans[0b11], (node,), (array,), NOTHING, array), view)
