"""Other numbers for the parameters, where mistakes show that the parameters as they are hide."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import NamedTuple

import numpy as np

from nn.doctor.differences import moved
from nn.doctor.evidence import listed
from nn.doctor.trials import Trial
from nn.layers import ReLU

__all__ = ["MOVED", "Elsewhere", "places", "zero_gradients"]

# How far parameters that hide factors are moved, as a share of their size: far enough that one shows.
MOVED = 0.1
# So often signs are drawn, until units are on for some examples and off for others.
_DRAWS = 16


class Elsewhere(NamedTuple):
    """A model with other numbers for some of its parameters.

    Attributes
    ----------
    trial : Trial
        With them.
    names : tuple of str
        Which parameters they are.
    why : str
        What the parameters as they are hide, as it continues "but ...".
    """

    trial: Trial
    names: tuple[str, ...]
    why: str


def places(trial: Trial) -> Iterator[Elsewhere]:
    """Yield where more may show: parameters that are not 0 or 1, and units that are on for some and off for others.

    Parameters
    ----------
    trial : Trial
        A model with a batch and a loss.

    Yields
    ------
    Elsewhere

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> from nn.doctor.elsewhere import places
    >>> from nn.doctor.trials import Trial
    >>> model = nn.Sequential(nn.Linear(2, 1, rng=0), nn.ReLU()).astype(np.float64)
    >>> model[0].bias.data[:] = -9
    >>> [found] = places(Trial(model, nn.MSELoss(), np.eye(2), np.ones((2, 1))))
    >>> found.why
    'with these parameters the gradients of 0.weight and 0.bias are 0, and tell nothing'
    """
    hiding = [
        name for name, p in trial.model.named_parameters() if p.size and (not p.data.any() or bool(np.all(p.data == 1)))
    ]
    if hiding:
        are = "is" if len(hiding) == 1 else "are"
        why = f"{listed(hiding)} {are} 0 or 1 throughout, which hides what is multiplied by them or added"
        other = moved(trial.model, hiding, MOVED)
        yield Elsewhere(Trial(other, trial.loss, trial.x, trial.y), tuple(hiding), why)
    silent, on = zero_gradients(trial), _always_on(trial)
    if silent or on:
        why = [f"with these parameters the gradients of {listed(silent)} are 0, and tell nothing"] if silent else []
        why += [f"with these parameters no unit is off in {listed(on)}, and no mask shows"] if on else []
        rng = np.random.default_rng(0)
        drawn = [_turned(trial, hiding, rng) for _ in range(_DRAWS)]
        with np.errstate(all="ignore"):  # other numbers may be too large for a model
            best = min(drawn, key=_hidden)
            shows = _hidden(best) < len(silent) + len(on)
        if shows:
            yield Elsewhere(best, tuple(name for name, _ in trial.model.named_parameters()), "; and ".join(why))


def zero_gradients(trial: Trial) -> list[str]:
    """Return of which parameters all gradients are exactly 0."""
    return [name for name, g in trial.right.items() if g.size and not g.any()]


def _always_on(trial: Trial) -> list[str]:
    """Return the ReLUs that let everything through that goes back."""
    through: dict[str, bool] = {}
    for call in trial.calls:
        if issubclass(call.kind, ReLU) and call.g is not None and call.g.any():
            through[call.path] = through.get(call.path, True) and bool(np.all(call.x > 0))
    return [f"the ReLU {path}".rstrip() for path, on in through.items() if on]


def _hidden(trial: Trial) -> float:
    """Return how much is hidden: as good as everything where a loss refuses the outputs, or something is not finite."""
    try:
        if not all(np.isfinite(g).all() for g in trial.right.values()):
            return np.inf
        return len(zero_gradients(trial)) + len(_always_on(trial))
    except ValueError:
        return np.inf


def _turned(trial: Trial, hiding: list[str], rng: np.random.Generator) -> Trial:
    """Return a trial with the signs of parameters turned at random, which keeps their sizes."""
    model = deepcopy(moved(trial.model, hiding, MOVED))
    for p in model.parameters():
        p.data = p.data * rng.choice([-1.0, 1.0], size=p.shape)
    return Trial(model, trial.loss, trial.x, trial.y)
