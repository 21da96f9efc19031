"""Mistakes tried out: the gradients that come out of a model when one is made in its backward pass.

A missing mask leaves no pattern in the arrays by which it could be known. But whoever has the model can make the same
mistake, and see whether the same gradients come out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn.doctor.evidence import FITTED, Hypothesis, largest, listed, telling_numbers
from nn.doctor.layers import NORMALISING, ORDERS, WEIGHTED, in_layers
from nn.doctor.losses import in_the_loss
from nn.doctor.trials import Call, Gradients, Rule, Trial
from nn.layers import (
    Dropout,
    Flatten,
    Linear,
    ReLU,
    Sigmoid,
    Tanh,
)
from nn.module import Module

__all__ = ["hypotheses"]

Array = NDArray[Any]

_ACTIVATIONS = (ReLU, Sigmoid, Tanh)


# Below this share of the largest gradient of the layers in question, a change is rounding and tells no rate.
_ROUNDING = 1e-12

_Z_FOR_A = "Z was written where A belongs: the weight was multiplied by A, and so is the delta in its gradient"
_OTHER_VARIABLE = "a variable of another layer was used, as lines that were copied and not changed throughout do"


def _other_inputs(trial: Trial, _manual: Gradients) -> Iterator[Hypothesis]:
    """Give a weight's gradient the input of an earlier layer, before an activation, say."""
    before: dict[str, Rule] = {}
    for i, call in enumerate(trial.calls):
        if not issubclass(call.kind, WEIGHTED) or "weight" not in call.parameters:
            continue
        own = True  # no other layer with a weight lies between
        for other in reversed(trial.calls[:i]):
            own = own and not issubclass(other.kind, WEIGHTED)
            if other.x.size != call.x.size or np.array_equal(other.x.ravel(), call.x.ravel()):
                continue
            rule = _with_input(other.x.reshape(call.x.shape))
            thought = _OTHER_VARIABLE
            name, z = "input of another layer", ""
            if own and issubclass(other.kind, _ACTIVATIONS) and call.path not in before:
                before[call.path] = rule
                name, z, thought = "values before the activation", ", the values before the activation,", _Z_FOR_A
            made = (
                f"the gradient of {call.path}.weight is computed with what goes into the {other.kind.__name__} "
                f"{other.path}{z} in place of what goes into {call.path}"
            )
            yield Hypothesis(name, trial.gradients({call.path: rule}), made, thought)
    if len(before) > 1:
        yield Hypothesis(
            "values before the activation",
            trial.gradients(before),
            f"the gradients of {listed(f'{path}.weight' for path in before)} are computed with what goes into the "
            f"activation before each layer, in place of what comes out",
            _Z_FOR_A,
        )


def _with_input(x: Array) -> Rule:
    def rule(call: Call, g: Array) -> Mapping[str, Array]:
        return {"weight": call.vjp(g, x=x)["weight"]}

    return rule


def _updated_first(trial: Trial, manual: Gradients) -> Iterator[Hypothesis]:
    """Change the parameters of all layers, of those with weights or of one by a step, before the gradient goes back."""
    calls = {call.path: call for call in trial.calls if call.parameters}
    layers = list(calls)
    later = layers[1:]  # nothing that is compared goes back through the first one
    weighted = [path for path in later if issubclass(calls[path].kind, WEIGHTED)]
    ways = {
        **{(path,): f"of the {calls[path].kind.__name__} {path} alone " for path in later},
        tuple(weighted): f"of {listed(weighted)} " if weighted else "",
        tuple(later): "",
    }
    for places in reversed(ways):
        rate = _rate(trial, manual, calls, places)
        if rate is None:
            continue
        found = trial.gradients(dict.fromkeys(places, _after_step(rate)))
        if not _is_multiple(found, trial.right):
            yield Hypothesis(
                "weights updated too early",
                found,
                f"the gradient goes back through the parameters {ways[places]}after their update, a step with a "
                f"learning rate of {rate:.6g}",
                "W2 -= lr * dW2 stands before delta1 = delta2 @ W2.T, which needs the weights of the forward pass: "
                "first all gradients, then all updates",
            )


def _rate(trial: Trial, manual: Gradients, calls: Mapping[str, Call], places: Sequence[str]) -> float | None:
    """Return the rate of the step that explains best what its first effect is; None if too few numbers tell it.

    From the last layer that is changed to the next one before it, the change is proportional to the rate. What changes
    before that is held against the rate once it is fitted, and tells it as well.
    """
    layers = list(calls)
    for i in range(len(places) - 1, -1, -1):
        last = layers.index(places[i])
        first = layers.index(places[i - 1]) if i else 0
        changed = trial.gradients({places[i]: _after_step(1.0)})
        near = [g for name, g in trial.right.items() if _layer_of(name) in layers[first : last + 1]]
        least = _ROUNDING * max(map(largest, near), default=0.0)
        changes = {
            name: change
            for name, value in changed.items()
            if _layer_of(name) in layers[:last]
            and value.shape == manual[name].shape
            and largest(change := value - trial.right[name]) > least
        }
        fitted = {name: change for name, change in changes.items() if _layer_of(name) in layers[first:last]}
        square = sum(float(np.vdot(change, change)) for change in fitted.values())
        if not square:
            continue
        rate = sum(float(np.vdot(change, manual[name] - trial.right[name])) for name, change in fitted.items()) / square
        # A mistake in a gradient of one number is any rate's. A layer's gradients, and all before it, follow from what
        # arrives there.
        arriving = [telling_numbers([] if (g := calls[layer].g) is None else [g]) for layer in layers[:last]]
        own = [
            telling_numbers(change for name, change in changes.items() if _layer_of(name) == layer)
            for layer in layers[:last]
        ]
        enough = min(arriving[-1], sum(map(min, arriving, own))) >= FITTED
        return rate if enough and 0 < rate < math.inf else None
    return None


def _layer_of(name: str) -> str:
    return name.rpartition(".")[0]


def _after_step(rate: float) -> Rule:
    def rule(call: Call, g: Array) -> Mapping[str, Array]:
        right = call.vjp(g)
        changed = {name: p.data - rate * right[name] for name, p in call.parameters.items()}
        return {"x": call.vjp(g, **changed)["x"]}

    return rule


def _is_multiple(found: Gradients, right: Gradients) -> bool:
    """Return whether all that changes does so by one factor, as a rate that is free can make it of any."""
    changed = [name for name, g in right.items() if not np.allclose(found[name], g, rtol=1e-9, atol=0)]
    a, b = (np.concatenate([np.ravel(of[name]) for name in changed] or [np.zeros(1)]) for of in (found, right))
    return float(np.vdot(a, b)) ** 2 >= (1 - 1e-9) * float(np.vdot(a, a)) * float(np.vdot(b, b))


def _other_mode(trial: Trial, _manual: Gradients) -> Iterator[Hypothesis]:
    """Put layers that behave differently in training into the other mode."""
    kinds = [kind for kind in (Dropout, NORMALISING) if any(issubclass(call.kind, kind) for call in trial.calls)]
    for chosen in [*kinds, (Dropout, *NORMALISING)] if len(kinds) > 1 else kinds:
        model = deepcopy(trial.model)
        places: list[str] = []
        for path, module in model.named_modules():
            if isinstance(module, chosen):
                module.train(not module.training)
                places.append(path)
        modes = [module.training for path, module in model.named_modules() if path in places]
        try:
            found = trial.gradients(model=model)
        except ValueError:  # of one example there is no variance
            continue
        if all(modes):
            mode, own, change = "training", "evaluation", "call model.train() before, or leave {} out of it"
        else:
            mode, own, change = "evaluation", "training", "call model.eval() before, or put {} into it"
        who, do = (f"layer {places[0]}", "does") if len(places) == 1 else (f"layers {listed(places)}", "do")
        yield Hypothesis(
            f"pass in {mode} mode",
            found,
            f"{who} {do} what belongs to {mode} mode, and the model is in {own} mode",
            f"the pass was written for {mode}: {change.format('masks and the statistics of the batch')}",
        )


def _without_eps(trial: Trial, _manual: Gradients) -> Iterator[Hypothesis]:
    """Leave the eps of normalisations out, forwards and backwards."""
    layers = list(dict.fromkeys(call.path for call in trial.calls if issubclass(call.kind, NORMALISING)))
    for places in [*([path] for path in layers), *([layers] if len(layers) > 1 else [])]:
        model = deepcopy(trial.model)
        for path, module in model.named_modules():
            if path in places:
                vars(module)["eps"] = 0.0
        try:
            with np.errstate(all="ignore"):  # where a variance is 0
                found = trial.gradients(model=model)
        except ValueError:  # which may be refused
            continue
        who = f"layers {listed(places)} divide" if len(places) > 1 else f"layer {places[0]} divides"
        yield Hypothesis(
            "normalisation without its eps",
            found,
            f"{who} by the root of the variance alone, and not of the variance plus eps, forwards and backwards",
            "eps was thought to be there for variances of 0 only; it is part of the function, and where the variance "
            "is small, or the batch is, it decides the gradient: of two examples without it, nothing goes back",
        )


def _flattened(trial: Trial, _manual: Gradients) -> Iterator[Hypothesis]:
    """Flatten in another order, forwards and backwards, or for the gradient of the weight alone."""
    for call, following in zip(trial.calls, [*trial.calls[1:], None], strict=False):
        if not issubclass(call.kind, Flatten) or call.x.ndim != 4 or call.y.ndim != 2:
            continue
        for how, order in ORDERS.items():
            thought = "as the images are flattened forwards, by reshape(len(x), -1), they are everywhere in the pass"
            model = deepcopy(trial.model)
            for path, module in model.named_modules():
                if path == call.path:
                    module.__class__ = _flattening(order)
            made = f"the Flatten {call.path} lays the cells out with {how}, forwards and backwards"
            yield Hypothesis("flattened in another order", trial.gradients(model=model), made, thought)
            if following is not None and issubclass(following.kind, Linear) and "weight" in following.parameters:
                rule = _with_input(_laid_out(call.x, order))
                made = f"the gradient of {following.path}.weight is computed with cells that are laid out with {how}"
                yield Hypothesis("flattened in another order", trial.gradients({following.path: rule}), made, thought)


def _laid_out(x: Array, order: tuple[int, ...]) -> Array:
    return x.transpose(0, *order).reshape(len(x), -1)


def _flattening(order: tuple[int, ...]) -> type[Module]:
    def forward(_self: Module, x: Any) -> Any:
        return np.reshape(np.transpose(x, (0, *order)), (len(x), -1))

    return type("Flatten", (Flatten,), {"forward": forward})


_OF_MODELS = (_other_inputs, _updated_first, _other_mode, _without_eps, _flattened)


def hypotheses(trial: Trial, manual: Gradients) -> Iterator[Hypothesis]:
    """Try out mistakes on a model: in its layers, in the gradient of its loss, and in the order of the pass.

    Only layers that are modules can be made to err: a model that calls ``nn.functional.relu`` in its `forward` is left
    alone.

    Parameters
    ----------
    trial : Trial
        A model with a loss and a batch.
    manual : mapping of str to ndarray
        Gradients to which the number in a mistake is fitted, where it has one.

    Yields
    ------
    Hypothesis
        One for each mistake and choice of layers, computed when it is asked for.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> from nn.doctor.mistakes import hypotheses
    >>> from nn.doctor.trials import Trial
    >>> model = nn.Sequential(nn.Linear(1, 1, rng=0), nn.ReLU()).astype(np.float64)
    >>> trial = Trial(model, nn.MSELoss(), np.array([[-9.0]]), np.array([[1.0]]))
    >>> hypothesis = next(hypotheses(trial, trial.right))
    >>> hypothesis.mistake, trial.right["0.bias"], hypothesis.gradients["0.bias"]
    ('missing ReLU mask', array([0.]), array([-2.]))
    """
    yield from in_layers(trial)
    yield from in_the_loss(trial)
    for mistake in _OF_MODELS:
        yield from mistake(trial, manual)
