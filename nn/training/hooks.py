"""The methods by which callbacks are told: those that nobody would call, or that cannot be called, are refused."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any

from nn.training.run import Callback

__all__ = ["check_hooks"]

_OPERANDS = {
    name: [*inspect.signature(method).parameters][1:]
    for name, method in vars(Callback).items()
    if inspect.isfunction(method)
}
_HOOKS = [name for name in _OPERANDS if name.startswith("on_")]


def check_hooks(callback: Callback) -> None:
    """Raise if a callback has a method that is named like a hook and is none, or one that cannot be called."""
    kind = type(callback)
    for name in dir(kind):
        if name.startswith("on_") and name not in _OPERANDS and callable(getattr(kind, name)):
            near = _nearest(name)
            raise TypeError(
                f"fit: {kind.__name__}.{name} would never be called: it is no hook of nn.callbacks.Callback"
                f"{f', {near} is' if near else ''}; they are {', '.join(_HOOKS)}; give a method of your own a name "
                f"that does not begin with 'on_'"
            )
    for name, operands in _OPERANDS.items():
        _check_call(kind.__name__, name, getattr(callback, name), operands)


def _nearest(name: str) -> str | None:
    """Return the hook that is probably meant: Keras and Lightning have on_train_batch_end, and Lightning a start."""
    ours = name.replace("start", "begin").replace("_fit_", "_train_")
    ours = ours.replace("_train_batch_", "_batch_").replace("_train_epoch_", "_epoch_")
    return next(iter(difflib.get_close_matches(ours, _HOOKS, 1)), None)


def _check_call(kind: str, name: str, method: Callable[..., Any], operands: list[str]) -> None:
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):  # not every function that is written in C has one
        return
    try:
        signature.bind(*operands)
    except TypeError as error:
        raise TypeError(
            f"fit: {kind}.{name}{signature} cannot be called as it is, with ({', '.join(operands)}): {error}; write "
            f"{name}({', '.join(['self', *operands])})"
        ) from None
