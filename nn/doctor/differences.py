"""Numerical derivatives of a loss along directions: how far they are from a gradient's, and how well they are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograd_np import Tensor
from autograd_np.testing.numerical import derivative
from nn.doctor.evidence import CLEAR, finite, largest, length
from nn.doctor.trials import Trial
from nn.module import Module

__all__ = ["NUMERICAL", "Apart", "Differences", "moved"]

Array = NDArray[Any]

# Two ways of computing the same sums differ by rounding, differences by the curvature within their step as well.
NUMERICAL = 1e-5


class Apart(NamedTuple):
    """How far a numerical derivative is from a gradient's, relatively, and how far it may itself be off."""

    distance: float
    error: float = 0.0

    def contradicts(self, limit: float) -> bool:
        """Return whether the two differ by more than a limit, and clearly more than the differences may be off."""
        return not self.distance <= max(limit, CLEAR * self.error)


class Differences:
    """Numerical derivatives of a trial's loss along random directions, and by some entries.

    Parameters
    ----------
    trial : Trial
        A model with a batch and a loss.
    directions, entries : int
        How many derivatives to take for each parameter.
    rng : numpy.random.Generator
        Draws them.
    """

    def __init__(self, trial: Trial, directions: int, entries: int, rng: np.random.Generator) -> None:
        self.trial, self.directions, self.entries, self.rng = trial, directions, entries, rng
        self.parameters = {name: p for name, p in trial.model.named_parameters() if p.requires_grad}

    @cached_property
    def known(self) -> bool:
        """Whether the loss is finite, without which there are no differences."""
        return finite(self.trial.result())

    def apart(self, name: str, gradient: Array) -> Apart:
        """Return how far the derivatives by a parameter are from a gradient's, at most."""
        right = self.trial.right[name]
        if gradient.shape != right.shape or not (finite(gradient) and finite(right)) or not self.known:
            return Apart(math.inf)
        worst = Apart(0.0)
        for direction, scale in self._directions(right):
            found = self._along(self.parameters[name], gradient, direction, scale)
            if found.contradicts(NUMERICAL):
                return found
            worst = Apart(max(worst.distance, found.distance), max(worst.error, found.error))
        return worst

    def _directions(self, gradient: Array) -> Iterator[tuple[Array, float]]:
        """Draw directions of length 1, and the size that a derivative along each is expected to have."""
        if not gradient.size:
            return
        norm = length(gradient)
        for _ in range(self.directions):
            direction = self.rng.normal(size=gradient.shape)
            yield direction / np.linalg.norm(direction), norm / math.sqrt(gradient.size)
        # The largest entry, since the smallest say little, and others at random.
        drawn = self.rng.integers(gradient.size, size=max(0, self.entries - 1))
        places = [int(np.abs(gradient).argmax()), *drawn.tolist()]
        for place in places[: self.entries]:
            direction = np.zeros(gradient.size)
            direction[place] = 1.0
            yield direction.reshape(gradient.shape), float(np.abs(gradient).max())

    def _along(self, p: Tensor, gradient: Array, direction: Array, scale: float) -> Apart:
        """Return how far the derivative along a direction is from the gradient's, relative to `scale`."""
        original, expected = p.data.copy(), float(np.sum(gradient * direction))

        def at(step: float) -> Array:
            try:
                p.data = original + step * direction
                return self.trial.result()
            except ValueError:  # what a loss refuses, a probability above 1, is no value of it
                return np.array(math.nan)
            finally:
                p.data = original

        here = float(at(0.0))
        # Rounding of the loss limits what can be seen: gradients far below it are judged absolutely.
        size = max(scale, abs(expected), 1e-5 * max(1.0, abs(here)))
        # A kink of a ReLU or a maximum inside the step spoils it, and a smaller step avoids it; wrong gradients stay
        # wrong.
        found = math.inf
        for h in (1e-5, 1e-6, 1e-7):
            found = min(found, abs((float(at(h)) - float(at(-h))) / (2 * h) - expected) / size)
            if found <= NUMERICAL / 10:
                break
        if found <= NUMERICAL:
            return Apart(found)
        # All steps may have been too large, as for a parameter that is multiplied by a million. What it takes to find
        # one tells how well the derivative is known, too.
        norm = length(original)
        reach = self._reach(at, max(1.0, norm), size)
        # What rounding of the parameters does to the loss is no slope of it, nor is it seen in the loss's own digits.
        noise = float(np.finfo(float).eps) * norm * size
        estimate = derivative(at, reach, reach, norm, noise=noise)
        return Apart(min(found, abs(float(estimate.value) - expected) / size), float(estimate.error) / size)

    @staticmethod
    def _reach(at: Callable[[float], Array], widest: float, slope: float) -> float:
        """Return a step on which a loss changes by no more than a tenth of its size, and should not by its slope.

        Farther away many losses are lines again, of another slope, as of units that are saturated.
        """
        here = float(at(0.0))
        enough = 0.1 * max(1.0, abs(here))
        reach = min(widest, enough / slope)
        with np.errstate(all="ignore"):  # where steps are far too large
            while reach > 1e-15 * widest and not abs(at(reach) - here) + abs(at(-reach) - here) <= enough:
                reach /= 10
        return reach


def moved(model: Module, names: Iterable[str], share: float) -> Module:
    """Return a copy of a model with random numbers added to some parameters, up to a share of their size."""
    rng, model, chosen = np.random.default_rng(0), deepcopy(model), set(names)
    for name, p in model.named_parameters():
        if name in chosen:
            p.data = p.data + share * (largest(p.data) or 1.0) * rng.uniform(-1, 1, size=p.shape)
    return model
