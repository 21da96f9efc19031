"""What rounding leaves of gradients: how much they change with small errors in all that they are computed from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nn.doctor.evidence import distance, finite, largest
from nn.doctor.layers import NORMALISING
from nn.doctor.losses import subtracted_from
from nn.doctor.trials import Call, Trial
from nn.layers import MaxPool2d, ReLU, Sigmoid, Tanh

__all__ = ["ROUNDINGS", "Rounding", "rounding"]

Array = NDArray[Any]

# A result is off by so many last digits at most, beside what one error in each number makes of it.
ROUNDINGS = 32
# The relative errors that are put in: far more than rounding, and far less than what would bend anything.
_ERROR = 1e-14
# So often, for errors that happen to cancel do not do so every time.
_TIMES = 4

_SLOPES: dict[type, Callable[[Array], Array]] = {Sigmoid: lambda y: y * (1 - y), Tanh: lambda y: 1 - y * y}


class Rounding(NamedTuple):
    """How much numbers change at most, for a relative error of 1 in what they are computed from.

    Attributes
    ----------
    gradients : mapping of str to float
        The gradients of the parameters. One that cancels changes much, for its size, and one that is merely small does
        not.
    inputs : list of ndarray
        The inputs of a trial's calls.
    """

    gradients: Mapping[str, float]
    inputs: list[Array]

    def at_inputs(self, call: int) -> Array:
        """Return how far from 0, or from one another, the inputs of a call may be by rounding alone."""
        return ROUNDINGS * float(np.finfo(float).eps) * self.inputs[call]


def rounding(trial: Trial) -> Rounding:
    """Measure what rounding does: put errors into the parameters, what the layers return, and on the way back.

    Masks and places of maxima are held. What a unit at a kink does is another question, and no small error.

    Parameters
    ----------
    trial : Trial
        A model with a batch and a loss.

    Returns
    -------
    Rounding

    Examples
    --------
    A bias before a normalisation has no part in the loss, and its gradient is what rounding leaves of a sum:

    >>> import numpy as np
    >>> import nn
    >>> from nn.doctor.rounding import rounding
    >>> from nn.doctor.trials import Trial
    >>> model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.BatchNorm1d(3), nn.Linear(3, 2, rng=1)).astype(np.float64)
    >>> trial = Trial(model, nn.CrossEntropyLoss(), np.random.default_rng(0).normal(size=(6, 2)), np.arange(6) % 2)
    >>> changes = rounding(trial).gradients
    >>> bool(np.abs(trial.right["0.bias"]).max() < 1e-15), bool(changes["0.bias"] > 0.01)
    (True, True)
    """
    rng = np.random.default_rng(0)
    gradients = dict.fromkeys(trial.right, 0.0)
    inputs = [np.zeros(call.x.shape) for call in trial.calls]
    for _ in range(_TIMES):
        with np.errstate(all="ignore"):  # where the model overflows, or nearly
            try:
                found, calls = _shaken(trial, rng)
            except ValueError:  # what a loss refuses
                continue
        for name, g in found.items():
            if finite(g):
                gradients[name] = max(gradients[name], largest(distance(g, trial.right[name])) / _ERROR)
        for most, call, own in zip(inputs, calls, trial.calls, strict=False):
            if call.x.shape == own.x.shape:
                change = distance(call.x, own.x) / _ERROR
                np.maximum(most, change, out=most, where=np.isfinite(change))
    return Rounding(gradients, inputs)


def _off_centre(call: Call, g: Array, right: Mapping[str, Array], rng: np.random.Generator) -> dict[str, Array]:
    """Return the gradients of a normalisation whose mean is off by an error, which all that is normalised shares.

    Sums over the batch that should be 0 are not, then: far off where the numbers differ by less than they are.
    """
    layer: Any = call.layer
    axes = (0, *range(2, call.x.ndim))
    mean = call.x.mean(axis=axes, keepdims=True)
    root = np.sqrt(call.x.var(axis=axes, keepdims=True) + layer.eps)
    normal, shift = (call.x - mean) / root, _ERROR * rng.choice([-1.0, 1.0], size=mean.shape) * mean / root
    scaled = g if layer.weight is None else g * layer.weight.data.reshape(mean.shape)
    change = shift * (scaled * normal).mean(axis=axes, keepdims=True)
    change = (change + normal * shift * scaled.mean(axis=axes, keepdims=True)) / root
    found = {**right, "x": right["x"] - change}
    if "weight" in found:
        found["weight"] = found["weight"] + (shift * g).sum(axis=axes)
    return found


def _shaken(trial: Trial, rng: np.random.Generator) -> tuple[dict[str, Array], list[Call]]:
    """Return the gradients that come out with errors in everything, and the calls."""

    def shaken(a: Array) -> Array:
        return a * (1 + _ERROR * rng.choice([-1.0, 1.0], size=a.shape))

    def lessened(a: Array) -> Array:
        # A probability, or what a tanh returns, stays within its bounds.
        return a * (1 - 2 * _ERROR * rng.choice([0.0, 1.0], size=a.shape))

    model = deepcopy(trial.model)
    for p in model.parameters():
        p.data = shaken(p.data)
    calls: list[Call] = []
    returned: dict[int, Array] = {}

    def output(call: Call) -> Array:
        calls.append(call)
        returned[id(call)] = y = lessened(call.y)
        return y

    def rule(call: Call, g: Array) -> Mapping[str, Array]:
        if slope := next((slope for kind, slope in _SLOPES.items() if issubclass(call.kind, kind)), None):
            # Of a unit that is saturated no more is left than the last digits of its output.
            return {"x": shaken(g * slope(returned[id(call)]))}
        own = call
        if issubclass(call.kind, ReLU | MaxPool2d):
            place = next(i for i, other in enumerate(calls) if other is call)
            if place < len(trial.calls) and trial.calls[place].x.shape == call.x.shape:
                own = trial.calls[place]
        right = own.vjp(g)
        if issubclass(call.kind, NORMALISING) and call.layer.training:
            right = _off_centre(call, g, right, rng)
        return {**right, "x": shaken(right["x"])}

    places = Trial(model, trial.loss, trial.x, trial.y)
    rules, outputs = dict.fromkeys((call.path for call in trial.calls), rule), places.outputs
    delta = None
    if outputs is not None and trial.outputs is not None and outputs.shape == trial.outputs.shape:
        right = trial.delta(lessened(outputs))
        delta = shaken(right) + _ERROR * rng.choice([-1.0, 1.0], size=right.shape) * subtracted_from(trial)
    return places.gradients(rules, delta=delta, output=output), calls
