"""Where NaN or infinity enters a forward pass: with the batch, a parameter, or what a layer makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn.doctor.evidence import Diagnosis, finite
from nn.doctor.trials import Trial

__all__ = ["entrance"]

Array = NDArray[Any]

_GIVEN = "what was given holds it already: an example, a label or a parameter that is missing, or that has overflowed"
_MADE = "it overflows in this layer, divides by 0 or takes a root or logarithm of what has none; what goes in is finite"
_LOSS = "the loss takes the logarithm of 0, divides by 0, or overflows; the outputs are finite"


def entrance(trial: Trial) -> Diagnosis | None:
    """Return the first place of a forward pass that is NaN or infinite; None if it ends in a finite loss and gradients.

    Parameters
    ----------
    trial : Trial
        A model with a batch and a loss.

    Returns
    -------
    Diagnosis or None
        Of all gradients: none of them means anything.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> from nn.doctor.forward import entrance
    >>> from nn.doctor.trials import Trial
    >>> model = nn.Sequential(nn.Linear(2, 1, rng=0))
    >>> x = np.array([[1.0, 2.0], [np.nan, 3.0]])
    >>> found = entrance(Trial(model, nn.MSELoss(), x, np.ones((2, 1))))
    >>> found.evidence
    'the first that is not finite on the way to the loss, which is nan, is x: 1 of its 4 elements, nan at (1, 0)'
    """
    value = trial.value()
    if np.isfinite(value) and all(map(finite, trial.right.values())):
        return None
    for what, a, thought in _places(trial, value):
        if finite(a):
            continue
        evidence = f"the first that is not finite on the way to the loss, which is {value}, is {what}"
        if a.ndim:
            bad = np.argwhere(~np.isfinite(a))
            first = tuple(bad[0].tolist())
            number = "all" if len(bad) == a.size else f"{len(bad)}"
            evidence += f": {number} of its {a.size} elements, {a[first]} at {first}"
        return Diagnosis("NaN or infinity", tuple(trial.right), evidence, thought)
    return None  # it begins on the way back


def _places(trial: Trial, value: float) -> Iterator[tuple[str, Array, str]]:
    """Yield what goes into the loss, in order, with what it is called and the thought if it is not finite."""
    given = {
        "x": trial.x,
        "y": trial.y,
        **{f"the parameter {name}": p.data for name, p in trial.model.named_parameters()},
        **{f"the buffer {name}": buffer for name, buffer in trial.model.named_buffers()},
    }
    for what, a in given.items():
        if np.asarray(a).dtype.kind in "fc":
            yield what, np.asarray(a), _GIVEN
    for call in trial.calls:
        yield f"the output of the {call.kind.__name__} {call.path}".rstrip(), call.y, _MADE
    if trial.outputs is not None:
        yield "the output of the model", trial.outputs, _MADE
    yield "the loss", np.asarray(value), _LOSS
