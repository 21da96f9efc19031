"""What a training is, in words: by them one that goes on tells whether the checkpoints are its own."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from nn.module import Module
from nn.optim.lr_scheduler import LRScheduler as Schedule
from nn.training.run import Callback

__all__ = ["callbacks_described", "differences", "groups_described", "model_described", "named"]

# Hyperparameters that schedules set, by the notes that tell so.
_SCHEDULED = {"initial_lr": ("lr",), "max_momentum": ("momentum", "betas"), "base_momentum": ("momentum", "betas")}
_SIMPLE = (str, int, float, complex, type(None))


def named(thing: Any) -> str:
    """Return what a function or a module is called."""
    if not isinstance(thing, Module):
        return getattr(thing, "__qualname__", type(thing).__qualname__)
    return re.sub(r" at 0x[0-9a-f]+", "", repr(thing))


def model_described(model: Module) -> str:
    """Return a model's text, and the shapes and dtypes of its parameters."""
    parameters = [
        f"{name}: {parameter.dtype} {parameter.shape}{'' if parameter.requires_grad else ', frozen'}"
        for name, parameter in model.named_parameters()
    ]
    return "\n".join([named(model), *parameters])


def groups_described(groups: Iterable[Mapping[str, Any]]) -> str:
    """Return an optimiser's hyperparameters, in place of those that a schedule sets what it sets them from."""
    texts: list[str] = []
    for group in groups:
        left_out = {"params"}.union(*(names for note, names in _SCHEDULED.items() if note in group))
        texts.append(", ".join(f"{name}={group[name]}" for name in sorted(group) if name not in left_out))
    return "; ".join(texts)


def callbacks_described(callbacks: Sequence[Callback]) -> str:
    """Return the callbacks' names; of this package's also those of their arguments that are numbers or text."""
    return ", ".join(map(_described, callbacks))


def _described(thing: Any) -> str:
    if not type(thing).__module__.startswith("nn."):
        return type(thing).__name__
    # A path says where something is written, and no more; last_epoch is how far a schedule has come.
    parameters: Any = inspect.signature(thing.__class__).parameters
    names: list[str] = [name for name in parameters if name not in ("path", "last_epoch")]
    values: dict[str, Any] = {name: vars(thing)[name] for name in names if name in vars(thing)}
    if isinstance(thing, Schedule):
        values["schedulers"] = vars(thing).get("_schedulers", ())
    texts = {name: _text(value) for name, value in values.items()}
    return f"{type(thing).__name__}({', '.join(f'{name}={text}' for name, text in texts.items() if text)})"


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, map(_text, value)))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, Schedule):
        return _described(value)
    return repr(value) if isinstance(value, _SIMPLE) else named(value) if inspect.isfunction(value) else ""


def differences(old: Mapping[str, Any], new: Mapping[str, Any], same: Callable[[str], bool]) -> list[str]:
    """Return what differs between two trainings, of long texts the first line that does."""
    found: list[str] = []
    for name in dict.fromkeys((*old, *new)):
        before, after = str(old.get(name)), str(new.get(name))
        if before != after and not same(name):
            lines = zip_longest(before.splitlines(), after.splitlines(), fillvalue="nothing")
            was, is_now = next(pair for pair in lines if pair[0] != pair[1])
            found.append(f"{name} was {was.strip()} and is {is_now.strip()}")
    return found
