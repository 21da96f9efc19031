"""Which operation made a tensor's dtype wider: NumPy widens in silence, and it shows where the dtype is refused."""

from __future__ import annotations

from typing import Any

from autograd_np.tape import Node
from autograd_np.tensor import Tensor
from autograd_np.views import node_of

__all__ = ["widened_by"]


def widened_by(tensor: Tensor) -> str | None:
    """Say at which operation a tensor came to its dtype, though something narrower went into it.

    Parameters
    ----------
    tensor : Tensor
        Whatever was computed, before `backward()` has released its graph.

    Returns
    -------
    str or None
        The youngest such operation, with its operands; None if there is none on the tape.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from autograd_np.widening import widened_by
    >>> x = Tensor(np.ones((2, 3)), requires_grad=True, dtype=np.float32)
    >>> widened_by(np.exp(x / np.sqrt(8)))
    'np.divide made it float64, of float32 (2, 3) and a float64 number: Python numbers, float(...), widen nothing'
    """
    node = node_of(tensor)
    if node is None:
        return None
    seen, stack = {node}, [node]
    youngest: Node | None = None
    while stack:
        node = stack.pop()
        if any(_narrower(operand, node) for operand in node.args or ()):
            youngest = node if youngest is None or node.number > youngest.number else youngest
        fresh = [parent for parent in node.parents if parent.dtype == node.dtype and parent not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    if youngest is None:
        return None
    operands = list(youngest.args or ())
    number = any(_is_number(operand) and operand.dtype == youngest.dtype for operand in operands)
    return f"{youngest.name} made it {youngest.dtype}, of {' and '.join(map(_described, operands))}" + (
        ": Python numbers, float(...), widen nothing" if number else ""
    )


def _narrower(operand: Any, node: Node) -> bool:
    """Tell whether an operand holds floating-point numbers of fewer bytes than the result."""
    dtype = getattr(operand, "dtype", None)
    return dtype is not None and dtype.kind in "fc" and dtype.itemsize < node.dtype.itemsize


def _is_number(operand: Any) -> bool:
    return not isinstance(operand, Node) and getattr(operand, "shape", None) == ()


def _described(operand: Any) -> str:
    if _is_number(operand):
        return f"a {operand.dtype} number"
    return f"{operand.dtype} {operand.shape}" if hasattr(operand, "dtype") else repr(operand)
