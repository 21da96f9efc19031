"""What a training is, in words: by them one that goes on tells whether the checkpoints are its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from nn.module import Module
from nn.optim import Optimizer
from nn.training.run import Callback

__all__ = [
    "callbacks_described",
    "differences",
    "groups_described",
    "loss_described",
    "module_described",
    "named",
    "parameters_described",
    "transform_described",
]

# Hyperparameters that schedules set, by the notes that tell so.
_SCHEDULED = {"initial_lr": ("lr",), "max_momentum": ("momentum", "betas"), "base_momentum": ("momentum", "betas")}
_SHOWN = 2
_SIMPLE = (str, int, float, complex, type(None))


def named(thing: Any) -> str:
    """Return what a function or an object is called."""
    return getattr(thing, "__qualname__", type(thing).__qualname__)


def module_described(module: Module) -> str:
    """Return the parts of a module with their settings, and the shapes and dtypes of its parameters."""
    parts = [f"{path}: {_arguments(part)}" if path else _arguments(part) for path, part in module.named_modules()]
    parameters = [
        f"{name}: {parameter.dtype} {parameter.shape}{'' if parameter.requires_grad else ', frozen'}"
        for name, parameter in module.named_parameters()
    ]
    return "\n".join([*parts, *parameters])


def loss_described(loss: Any) -> str:
    """Return what a loss is called; of a module its parts, and its buffers, such as weights of classes."""
    if not isinstance(loss, Module):
        return named(loss)
    buffers = [f"{name}: {buffer.tolist()}" for name, buffer in loss.named_buffers()]
    return "\n".join([module_described(loss), *buffers])


def parameters_described(model: Module, groups: Iterable[Mapping[str, Any]]) -> str:
    """Return the names of each group's parameters, in the order in which the optimiser has them."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return "; ".join(", ".join(names.get(id(p), f"of shape {p.shape}") for p in group["params"]) for group in groups)


def groups_described(groups: Iterable[Mapping[str, Any]]) -> str:
    """Return an optimiser's hyperparameters, in place of those that a schedule sets what it sets them from."""
    texts: list[str] = []
    for group in groups:
        left_out = {"params"}.union(*(names for note, names in _SCHEDULED.items() if note in group))
        texts.append(", ".join(f"{name}={group[name]}" for name in sorted(group) if name not in left_out))
    return "; ".join(texts)


def transform_described(transform: Any) -> str:
    """Return what a transform is called; of this package's with the settings, and what it is composed of."""
    return _arguments(transform) if type(transform).__module__.startswith("nn.") else named(transform)


def callbacks_described(callbacks: Sequence[Callback]) -> str:
    """Return the callbacks' names; of this package's also those of their arguments that are numbers or text."""
    return ", ".join(map(_described, callbacks))


def _described(callback: Callback) -> str:
    return _arguments(callback) if type(callback).__module__.startswith("nn.") else type(callback).__name__


def _arguments(thing: Any) -> str:
    """Return an object's class, and those arguments that it was made with that are numbers or text."""
    parameters: Any = inspect.signature(thing.__class__).parameters
    # A path says where something is written, and no more; last_epoch is how far a schedule has come.
    names: list[str] = [name for name in parameters if name not in ("path", "last_epoch")]
    values: dict[str, Any] = {}
    for name in names:  # schedules keep some in private, and one for each group
        place = next((place for place in (name, f"_{name}", f"{name}s") if place in vars(thing)), None)
        if place is not None:
            values[name] = vars(thing)[place]
    texts = {name: _text(value) for name, value in values.items()}
    return f"{type(thing).__name__.lstrip('_')}({', '.join(f'{name}={text}' for name, text in texts.items() if text)})"


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, map(_text, value)))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, Mapping):
        return _text(sorted(value.items()))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType, reportUnknownMemberType]
    if type(value).__module__.startswith("nn.") and not isinstance(value, Optimizer):
        return _arguments(value)
    return repr(value) if isinstance(value, _SIMPLE) else named(value) if inspect.isfunction(value) else ""


def differences(old: Mapping[str, Any], new: Mapping[str, Any], same: Callable[[str], bool]) -> list[str]:
    """Return what differs between two trainings, of long texts the first lines that do."""
    found: list[str] = []
    for name in dict.fromkeys((*old, *new)):
        before, after = str(old.get(name)), str(new.get(name))
        if before != after and not same(name):
            lines = zip_longest(before.splitlines(), after.splitlines(), fillvalue="nothing")
            was, is_now = zip(*[pair for pair in lines if pair[0] != pair[1]][:_SHOWN], strict=True)
            found.append(f"{name} was {', '.join(was)} and is {', '.join(is_now)}")
    return found
