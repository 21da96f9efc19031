"""The table: from the name of an operation to its formula in ONNX's operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nn.onnx.errors import OnnxError
from nn.onnx.graph import Handle, cast, op, weak_dtype

__all__ = ["FORMULAS", "elementwise", "formula", "of", "refuse_unless"]

FORMULAS: dict[str, Callable[..., Any]] = {}
"""A formula takes what is known of the result, its shape and dtype, and then the operation's own arguments, handles in
place of arrays. It returns a handle, or of several results a list."""


def formula(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate the formula of operations."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        FORMULAS.update(dict.fromkeys(names, function))
        return function

    return register


def elementwise(formulas: Mapping[str, Callable[..., Any]]) -> None:
    """Add formulas of operations that act on each element: operands are cast as NumPy casts them."""
    for name, function in formulas.items():
        FORMULAS[name] = _cast_first(function)


def _cast_first(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(y: Any, *operands: Any, dtype: Any = None, casting: Any = None) -> Any:
        made: np.dtype[Any] = _first(y).dtype
        common = made if made.kind != "b" or dtype is not None else weak_dtype(*operands)
        like = next(x for x in operands if isinstance(x, Handle))
        return function(*(cast(x, like, common) for x in operands))

    return call


def _first(y: Any) -> Any:
    return y[0] if isinstance(y, tuple) else y  # pyright: ignore[reportUnknownVariableType]


def of(kind: str) -> Callable[..., Any]:
    """Return the formula that is one operator."""
    return lambda *operands: op(kind, *operands)


def refuse_unless(holds: bool, what: str) -> None:
    """Raise if a case has no counterpart."""
    if not holds:
        raise OnnxError(what)
