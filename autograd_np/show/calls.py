"""Operations as they are called: `np.sum(x2, axis=0)`, `x3[1:] = 5.0`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from autograd_np.outputs import one_output
from autograd_np.tape import Node
from autograd_np.views import assign, getitem

__all__ = ["call_text", "item_text", "keyword_texts", "short"]


def short(value: Any) -> str | None:
    """Return the text of a number, a word, or a few of them; None for anything longer."""
    if not all(isinstance(part, _SHORT) for part in _parts(value)):
        return None
    text = repr(value).replace("Ellipsis", "...")
    return text if len(text) <= 24 else None


_SHORT = (bool, int, float, complex, str, type(None), type(...), slice, np.generic, np.dtype)


def _parts(value: Any) -> Sequence[Any]:
    return value if type(value) is tuple else (value,)  # pyright: ignore[reportUnknownVariableType]


def call_text(node: Node, arguments: Sequence[str]) -> str:
    """Write an operation as a call."""
    return item_text(node, arguments) or f"{node.name}({', '.join([*arguments, *keyword_texts(node).values()])})"


def item_text(node: Node, arguments: Sequence[str]) -> str | None:
    """Write what takes an item, or assigns one, with brackets; None of other operations."""
    if node.primitive not in (getitem, assign, one_output):
        return None
    target, *value = arguments
    return f"{target}[{_subscript(node.kwargs['index'])}]" + (f" = {value[0]}" if value else "")


def keyword_texts(node: Node) -> dict[str, str]:
    """Return the short ones of an operation's keyword arguments; what is None or False is seldom worth a word."""
    texts = {name: short(value) for name, value in node.kwargs.items() if value is not None and value is not False}
    return {name: f"{name}={text}" for name, text in texts.items() if text is not None}


def _subscript(index: Any) -> str:
    """Write an index as it stands in brackets."""
    parts: list[str] = []
    for part in _parts(index):
        if isinstance(part, slice):
            bounds = cast("slice[Any, Any, Any]", part)
            start, stop, step = ("" if x is None else str(x) for x in (bounds.start, bounds.stop, bounds.step))
            parts.append(f"{start}:{stop}" + (f":{step}" if step else ""))
        else:
            parts.append(short(part) or "index")
    text = ", ".join(parts)
    return text if len(text) <= 24 else "index"
