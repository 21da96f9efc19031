"""What an estimator is made of: its module, its loss and its optimiser, from parameters that are names or classes."""

from __future__ import annotations

import copy
import inspect
import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import numpy as np

from nn.layers import BatchNorm1d, Dropout, Identity, Linear, ReLU, Sequential, Sigmoid, Tanh
from nn.losses.reductions import Loss
from nn.module import Module
from nn.optim import SGD, Adagrad, Adam, AdamW, NAdam, Optimizer, RMSprop
from nn.training.generators import generators_in, states_of

__all__ = [
    "called",
    "layer_sizes",
    "loss_of",
    "module_of",
    "optimizer_of",
    "perceptron",
    "warn_of_other_randomness",
]

ACTIVATIONS: dict[str, Callable[[], Module]] = {
    "identity": Identity, "logistic": Sigmoid, "tanh": Tanh, "relu": ReLU,
}  # fmt: skip
OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adam": Adam, "adamw": AdamW, "nadam": NAdam, "rmsprop": RMSprop, "adagrad": Adagrad, "sgd": SGD,
}  # fmt: skip


def called(what: str, factory: Callable[..., Any], given: Mapping[str, Any], offered: Mapping[str, Any]) -> Any:
    """Call a class or a function with what was given for it, and with what it asks for by name of what is offered.

    Parameters
    ----------
    what : str
        The parameter that is being made, which begins the names of what was given: ``module``.
    factory : callable
        Makes it.
    given, offered : mapping of str to object
        Arguments; those that are offered are left out where there is no parameter of that name.

    Raises
    ------
    TypeError
        If something was given for which there is no parameter.
    """
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):  # written in C, say
        return factory(**given)
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        unknown = [name for name in given if name not in parameters]
        if unknown:
            name = getattr(factory, "__qualname__", repr(factory))
            own = ", ".join(parameters) or "none"
            raise TypeError(f"{what}__{unknown[0]}: {name} has no parameter {unknown[0]!r}; it has {own}")
    return factory(**{name: value for name, value in offered.items() if name in parameters} | dict(given))


def layer_sizes(name: str, given: Any) -> list[int]:
    """Return the widths of hidden layers, which are given one by one, or as one number."""
    others: Any = (str, bytes, bytearray, Mapping, set, frozenset)
    sizes: Any = list(given) if np.iterable(given) and not isinstance(given, others) else [given]
    integers: Any = (int, np.integer)
    if not all(isinstance(size, integers) and not isinstance(size, bool) and size > 0 for size in sizes):
        raise ValueError(f"{name}: hidden_layer_sizes={given!r}; give the width of each layer, such as (100,)")
    return [int(size) for size in sizes]


def perceptron(
    name: str, in_features: int, out_features: int, sizes: Iterable[int], activation: Any, dropout: float,
    batch_norm: bool, rng: np.random.Generator,
) -> Sequential:  # fmt: skip
    """Return linear layers with an activation after each but the last.

    Weights and biases begin uniform on ±√(6 / (fan in + fan out)), with 2 in place of 6 for the logistic function.
    """
    act = _activation(name, activation)
    layers: list[Module] = []
    for size in sizes:
        layers.append(_linear(in_features, size, 2 if activation == "logistic" else 6, rng))
        layers += [BatchNorm1d(size)] if batch_norm else []
        layers += [act()]
        layers += [Dropout(dropout, rng=rng)] if dropout else []
        in_features = size
    return Sequential(*layers, _linear(in_features, out_features, 2 if activation == "logistic" else 6, rng))


def _activation(name: str, activation: Any) -> Callable[[], Module]:
    """Return what makes an activation."""
    make: Any = ACTIVATIONS.get(activation) if isinstance(activation, str) else activation
    advice = f"give one of {', '.join(ACTIVATIONS)}, or a class, such as nn.GELU"
    if not callable(make):
        raise ValueError(f"{name}: activation={activation!r}; {advice}")
    if isinstance(make, Module):
        raise TypeError(f"{name}: activation={activation!r} is made already, and each layer has its own; {advice}")
    try:
        made: Any = make()
    except TypeError as error:
        raise TypeError(f"{name}: activation={activation!r} cannot be called with nothing; {advice}") from error
    if not isinstance(made, Module):
        raise TypeError(f"{name}: activation={activation!r} made a {type(made).__name__}, no nn.Module; {advice}")
    return cast(Callable[[], Module], make)


def _linear(in_features: int, out_features: int, factor: int, rng: np.random.Generator) -> Linear:
    layer = Linear(in_features, out_features, rng=rng)
    bound = math.sqrt(factor / (in_features + out_features))
    for parameter in layer.parameters():
        parameter.data = rng.uniform(-bound, bound, parameter.shape).astype(np.float32)
    return layer


def module_of(name: str, module: Any, given: Mapping[str, Any], offered: Mapping[str, Any]) -> Module:
    """Return a new module of a class or a function that makes one, or a copy of one."""
    if isinstance(module, Module):
        if given:
            raise TypeError(f"{name}: module__{next(iter(given))} with a module that is made already; give its class")
        return copy.deepcopy(module)
    if not callable(module):
        raise TypeError(
            f"{name}: module is a {type(module).__name__}; give a class of nn.Module, a function that makes one, or a "
            f"module; the widths of layers are hidden_layer_sizes"
        )
    if inspect.isclass(module) and issubclass(module, Optimizer | Loss):
        raise TypeError(f"{name}: module is the class {module.__name__}, which is no model; give a class of nn.Module")
    made = called("module", module, given, offered)
    if not isinstance(made, Module):
        raise TypeError(f"{name}: module made a {type(made).__name__}; it is to make an nn.Module")
    return made


def warn_of_other_randomness(
    name: str, module: Any, given: Mapping[str, Any], offered: Mapping[str, Any], made: Module
) -> None:
    """Warn if what makes a module asks for no generator, and makes another one each time."""
    if isinstance(module, Module) or "rng" in given or "rng" in _names_of_parameters(module):
        return
    other = called("module", module, given, offered)
    pair = [(m.state_dict(), states_of(generators_in({"module": m}))) for m in (made, other)]
    (state, drawn), (others, others_drawn) = pair
    if (
        state.keys() == others.keys()
        and all(np.array_equal(state[key], others[key], equal_nan=True) for key in state)
        and repr(drawn) == repr(others_drawn)
    ):
        return
    warnings.warn(
        f"{name}: random_state does not reach module, {getattr(module, '__qualname__', repr(module))}, which draws "
        f"other numbers each time it is called; give it a parameter rng, and what it makes the same: "
        f"nn.Linear(..., rng=rng)",
        UserWarning, stacklevel=6,
    )  # fmt: skip


def _names_of_parameters(factory: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(factory).parameters)
    except (TypeError, ValueError):  # written in C, say
        return []


def loss_of(name: str, loss: Any, given: Mapping[str, Any], default: type[Loss]) -> Callable[..., Any]:
    """Return a loss: one of a class, a function as it is, or one of the default's class."""
    loss = default if loss is None else loss
    advice = "give a class, such as nn.CrossEntropyLoss, or a function"
    is_class = inspect.isclass(loss)
    kind: Any = loss if is_class else cast(Any, type(loss))
    strange = issubclass(kind, Optimizer) or (kind.__module__.startswith("nn.layers") and issubclass(kind, Module))
    if strange:
        raise TypeError(f"{name}: loss is {kind.__name__}, which is no loss; {advice}")
    if inspect.isclass(loss):
        made = called("loss", loss, given, {})
        if not callable(made):
            raise TypeError(f"{name}: loss made a {type(made).__name__}, which cannot be called; {advice}")
        return made
    if given:
        raise TypeError(f"{name}: loss__{next(iter(given))} with a loss that is made already; give its class")
    if not callable(loss):
        raise TypeError(f"{name}: loss is a {type(loss).__name__}; {advice}")
    return copy.deepcopy(loss) if isinstance(loss, Module) else loss


def optimizer_of(
    name: str, optimizer: Any, given: Mapping[str, Any], parameters: Iterable[Any], lr: float, momentum: float
) -> Optimizer:
    """Return an optimiser by its name or class."""
    make: Any = OPTIMIZERS.get(optimizer) if isinstance(optimizer, str) else optimizer
    advice = f"give one of {', '.join(OPTIMIZERS)}, or a class, such as nn.optim.Adam"
    if not callable(make) or isinstance(make, Module):
        raise ValueError(f"{name}: optimizer={optimizer!r}; {advice}")
    if inspect.isclass(make) and not issubclass(make, Optimizer):
        raise TypeError(f"{name}: optimizer is the class {make.__name__}, which is no optimiser; {advice}")
    offered = {"params": list(parameters), "lr": lr}
    if make is SGD:
        offered |= {"momentum": momentum, "nesterov": momentum > 0}
    made = called("optimizer", make, given, offered)
    if not isinstance(made, Optimizer):
        raise TypeError(f"{name}: optimizer made a {type(made).__name__}, which is no optimiser; {advice}")
    return made
