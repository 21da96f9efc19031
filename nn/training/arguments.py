"""What `fit`, `evaluate` and `predict` can be given, looked at before anything is changed."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any, cast

import numpy as np

from autograd_np import Tensor
from autograd_np.tensor import plain
from nn.losses import CrossEntropyLoss
from nn.losses.reductions import Loss
from nn.module import Module
from nn.optim import LBFGS, Optimizer

__all__ = [
    "check_choice",
    "check_flag",
    "check_function",
    "check_limit",
    "check_loss",
    "check_metrics",
    "check_model",
    "check_optimizer",
    "checked_generator",
    "kind_of",
    "loss_or_default",
]


def kind_of(thing: Any) -> str:
    """Return what something is, in a few words."""
    if isinstance(thing, type):
        return f"the class {thing.__name__}"
    if thing is None or isinstance(thing, str | bytes | Real):
        return repr(thing)
    name = type(thing).__name__.removeprefix("nd")  # of arrays
    shape = f" of shape {thing.shape}" if hasattr(thing, "shape") else ""
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}{shape}"


def check_model(name: str, model: Any) -> None:
    """Raise unless it is a module."""
    if not isinstance(model, Module):
        raise TypeError(f"{name}: model is {kind_of(model)}; give a Module, such as nn.Linear(4, 3)")


def check_flag(name: str, argument: str, value: Any) -> None:
    """Raise unless it is true or false."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: {argument} is {kind_of(value)}; give True or False")


def check_choice(name: str, argument: str, value: Any, *choices: str) -> None:
    """Raise unless it is one of a few words."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}: {argument}={value!r}; give {' or '.join(map(repr, choices))}")


def check_limit(name: str, argument: str, value: Any, *, above: bool = True) -> None:
    """Raise unless it is a number above 0, or from 0 on."""
    number = float(value) if isinstance(value, Real) and value is not True else math.nan
    if not (number > 0 if above else number >= 0):
        raise ValueError(f"{name}: {argument}={value!r}; give a number {'above' if above else 'of at least'} 0")


def check_function(name: str, argument: str, function: Any, *operands: str) -> None:
    """Raise unless it can be called with these operands."""
    wanted = f"a function of {' and '.join(operands)}"
    if isinstance(function, type):
        raise TypeError(f"{name}: {argument} is {kind_of(function)}; give {wanted}: {function.__name__}(...) makes one")
    if not callable(function):
        raise TypeError(f"{name}: {argument} is {kind_of(function)}; give {wanted}")
    try:
        signature = inspect.signature(function.forward if isinstance(function, Module) else function)
    except (TypeError, ValueError):  # not every function that is written in C has one
        return
    try:
        signature.bind(*operands)
    except TypeError as error:
        called = getattr(function, "__name__", type(function).__name__)
        raise TypeError(f"{name}: {argument} is {called}{signature}; give {wanted} ({error})") from None


def check_loss(name: str, loss: Any) -> None:
    """Raise unless it makes a scalar of outputs and targets."""
    check_function(name, "loss", loss, "outputs", "targets")
    if isinstance(loss, Loss) and loss.reduction == "none":
        raise ValueError(f"{name}: loss has reduction='none'; give one whose reduction is 'mean' or 'sum'")


class _CrossEntropyLoss(CrossEntropyLoss):
    """The loss where none was given: it takes classes and their probabilities, and nothing else for such."""

    def forward(self, logits: Any, targets: Any) -> Tensor:
        """Return the loss, or raise if what is to be learned are numbers, or answers of yes or no."""
        goals: Any = plain(targets)
        goals = goals if hasattr(goals, "dtype") else np.asarray(goals)
        outputs = tuple(logits.shape)
        if len(outputs) > 1 and outputs[1] == 1:
            raise ValueError(
                f"loss is left out, which is CrossEntropyLoss(), and outputs of shape {outputs} are of one class: "
                f"{_OTHERS}"
            )
        if goals.shape == outputs and goals.dtype.kind == "f":
            sums: Any = np.sum(goals, axis=min(1, len(outputs) - 1))
            if (goals < 0).any() or (np.abs(sums - 1) > 1e-3).any():
                raise ValueError(
                    f"loss is left out, which is CrossEntropyLoss(), and y of shape {outputs} holds numbers that are "
                    f"no probabilities of classes: {_OTHERS}"
                )
        return super().forward(logits, targets)


_OTHERS = "give loss=nn.MSELoss() for numbers, or loss=nn.BCEWithLogitsLoss() for answers of yes (1) or no (0)"


def loss_or_default(name: str, loss: Callable[..., Tensor] | None) -> Callable[..., Tensor]:
    """Return the loss, or the one where there is none."""
    if loss is None:
        return _CrossEntropyLoss()
    check_loss(name, loss)
    return loss


def check_metrics(name: str, metrics: Any) -> None:
    """Raise unless it is None or holds functions, by names that mean nothing else."""
    if metrics is not None and not isinstance(metrics, Mapping):
        raise TypeError(f"{name}: metrics is {kind_of(metrics)}; give a dict, such as {{'accuracy': nn.accuracy}}")
    found = cast(Mapping[Any, Any], metrics or {})
    for called, metric in found.items():
        if not isinstance(called, str) or called == "loss" or called.startswith("val_"):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(
                f"{name}: metrics has the name {called!r}; give a text other than 'loss', the loss itself, and not one "
                f"that begins with 'val_', which are figures of the validation"
            )
        check_function(name, f"metrics[{called!r}]", metric, "outputs", "targets")


def checked_generator(name: str, rng: Any) -> np.random.Generator:
    """Return the generator, or one of a seed."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{name}: rng is {kind_of(rng)}; give a numpy.random.Generator, or as its seed an integer of at least 0"
        ) from None


def check_optimizer(model: Module, optimizer: Any) -> None:
    """Raise if no step of the optimiser can change the model."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"fit: optimizer is {kind_of(optimizer)}; give one of nn.optim, such as nn.optim.Adam(model.parameters())"
        )
    if isinstance(optimizer, LBFGS):
        raise TypeError(
            "fit: optimizer is an LBFGS, which computes the loss many times in a step; give another one, or call "
            "optimizer.step(closure) in a loop of your own"
        )
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    shared = {name: parameter for name, parameter in model.named_parameters() if id(parameter) in held}
    if any(parameter.requires_grad for parameter in shared.values()):
        return
    kind, name = type(optimizer).__name__, type(model).__name__
    if shared:
        raise ValueError(
            f"fit: the optimizer, {kind}, holds nothing of the {name} that is not frozen: {', '.join(shared)}; thaw "
            f"them, requires_grad_(), or make the optimizer of what is to change"
        )
    own = ", ".join(f"{key} {parameter.shape}" for key, parameter in model.named_parameters())
    raise ValueError(
        f"fit: the optimizer, {kind} of {len(held)} parameters, holds none of the {name}'s ({own or 'it has none'}); "
        f"make it of the model that is trained, {kind}(model.parameters(), ...), and after whatever makes a new model, "
        f"such as model.astype or copy.deepcopy"
    )
