"""What an estimator minimises, and when it has converged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from autograd_np import Tensor, defvjp, primitive
from nn.module import Module
from nn.training.run import Callback, Run
from nn.training.weights import heeding

__all__ = ["Convergence", "Objective", "Seed"]


class Objective(Module):
    """A loss, and half of alpha times the squared weights, divided by the batch's size.

    Parameters
    ----------
    name : str
        Of the estimator.
    loss : callable
        From outputs and targets to a scalar.
    scale : float
        What the loss is multiplied by.
    alpha : float
        How much weights count.
    parameters : iterable of Tensor
        Of the model; those with several axes are weights, and the others, biases and scales, do not count.
    """

    def __init__(
        self, name: str, loss: Callable[..., Tensor], scale: float, alpha: float, parameters: Iterable[Tensor]
    ) -> None:
        self.loss, self.scale = loss, scale
        self._heeding = heeding(name, loss)
        self._alpha = alpha
        weights = [p for p in parameters if p.ndim > 1 and alpha]
        self._weights = lambda: weights  # a module's attribute is no list of parameters

    def forward(self, outputs: Any, targets: Any, weight: Any = None) -> Tensor:
        """Return the loss of a batch, whose examples may have weights."""
        value = self._heeding(outputs, targets, weight)
        if self.scale != 1:
            value = value * self.scale
        weights = self._weights()
        if not weights:
            return value
        count = len(targets) if weight is None else weight.sum()
        return _penalised(value, 0.5 * self._alpha / (count + (count == 0)), *weights)


@primitive
def _penalised(loss: Any, factor: Any, *weights: Any) -> Any:
    """Add squared weights to a loss: one operation, since there are as many steps as batches."""
    return loss + factor * sum(np.dot(w.reshape(-1), w.reshape(-1)) for w in weights)


def _of_penalised(g: Any, _y: Any, _loss: Any, factor: Any, *weights: Any) -> list[Any]:
    return [g, None, *(g * (2 * factor) * w for w in weights)]


defvjp(_penalised, joint=_of_penalised)


class Convergence(Callback):
    """Ends a training when a figure has not become better by `tol` for more than so many epochs.

    It is counted as scikit-learn does it: any better figure is the best one, and one that is better by less than `tol`
    counts as none.

    Parameters
    ----------
    tol : float
        How much better is better.
    patience : float
        For how many epochs in a row it is waited.
    score : callable, optional
        Returns the figure, of which more is better, and the best model is gone back to. By default it is the loss.
    """

    def __init__(self, tol: float, patience: float, score: Callable[[], float] | None = None) -> None:
        self.tol, self.patience, self.score = tol, patience, score
        self.best = -np.inf
        self.waited = 0
        self.scores: list[float] = []
        self._state: dict[str, Any] = {}

    @property
    def converged(self) -> bool:
        """Whether it has been waited for long enough."""
        return self.waited > self.patience

    def on_epoch_end(self, run: Run) -> None:
        """Note the figure, and stop the training if it has converged."""
        if self.score is None:
            figure = -run.figures["loss"]
        else:
            figure = self.score()
            self.scores.append(figure)
        self.waited = 0 if figure >= self.best + self.tol else self.waited + 1
        if figure > self.best:
            self.best = figure
            self._state = {} if self.score is None else run.model.state_dict()
        if self.converged:
            what = "the training loss" if self.score is None else "the validation score"
            run.stop(f"{what} was not better by {self.tol} for {self.patience} epochs")

    def state_dict(self) -> dict[str, Any]:
        """Return the best figure and state, and how long it has been waited."""
        return {"best": self.best, "waited": self.waited, "scores": self.scores, "state": self._state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.best, self.waited = state["best"], state["waited"]
        self.scores, self._state = list(state["scores"]), dict(state["state"])

    def restore(self, model: Module) -> None:
        """Put a model into its best state."""
        if self._state:
            model.load_state_dict(self._state)


class Seed(Callback):
    """Tells trainings of other seeds apart: a checkpoint is compared with what callbacks are made with.

    Parameters
    ----------
    seed : int, optional
        What the estimator's generator was made with; None where it was not asked for one.
    """

    def __init__(self, seed: int | None) -> None:
        self.seed = seed
