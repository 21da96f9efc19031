"""Widening: NumPy takes float32 with float64 to float64 in silence; a mode names the operation and the line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from autograd_np.frames import user_line
from autograd_np.modes import Switch
from autograd_np.tape import Node
from autograd_np.watch import Watch

__all__ = ["detect_widening"]


class _Widening(Watch):
    """Raises where a recorded operation is wider than what went into it."""

    def recorded(self, node: Any, output: Any) -> None:
        """Compare the dtype of a result with those of its operands."""
        operands = list(node.args or ())
        if node.name == "astype" or not any(_is_narrower(operand, node) for operand in operands):
            return
        number = any(_is_number(operand) and operand.dtype == node.dtype for operand in operands)
        raise TypeError(
            f"{user_line()}: {node.name} makes it {node.dtype}, of {' and '.join(map(_described, operands))}; "
            + ("make the number one of Python's, float(...), which widens nothing" if number else "")
            + ("" if number else f"convert the wide operand, or write t.astype(np.{node.dtype}) where it is meant")
        )


class detect_widening(Switch):
    """Raise where a float32 tensor becomes float64, or any other a wider one, and name the operation and the line.

    `astype` is allowed: it says so itself. What is not on a tape is not looked at.

    Raises
    ------
    TypeError
        Inside the block, at such an operation.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor, detect_widening
    >>> x = Tensor(np.ones((2, 3)), requires_grad=True, dtype=np.float32)
    >>> with detect_widening():
    ...     y = x / np.sqrt(8)
    Traceback (most recent call last):
    TypeError: ...: np.divide makes it float64, of float32 (2, 3) and a float64 number; make the number one of ...
    """

    change: ClassVar[Mapping[str, Any]] = {"watch": _Widening()}


def _is_narrower(operand: Any, node: Node) -> bool:
    """Tell whether an operand holds floating-point numbers of fewer bytes than the result."""
    dtype = getattr(operand, "dtype", None)
    return dtype is not None and dtype.kind in "fc" and dtype.itemsize < node.dtype.itemsize


def _is_number(operand: Any) -> bool:
    return not isinstance(operand, Node) and getattr(operand, "shape", None) == ()


def _described(operand: Any) -> str:
    if _is_number(operand):
        return f"a {operand.dtype} number"
    return f"{operand.dtype} {operand.shape}" if hasattr(operand, "dtype") else repr(operand)
