"""A training on its way: where it is, what it has seen, and who is told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autograd_np.rich import table
from nn.module import Module
from nn.optim import Optimizer

__all__ = ["Callback", "Figures", "History", "Run"]

Figures = dict[str, float]


class History(dict[str, list[float]]):
    """One figure an epoch: `"loss"`, each metric, and the same with `"val_"` before it for the validation examples.

    All lists have the same length, so that ``pandas.DataFrame(history)`` has a row for each epoch.

    Attributes
    ----------
    stopped : str or None
        Why the training ended before its last epoch: who asked for it, or ``"interrupted"``.
    """

    stopped: str | None = None

    def add(self, figures: Mapping[str, float]) -> None:
        """Append the figures of an epoch."""
        for name, value in figures.items():
            self.setdefault(name, []).append(value)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: a row for each epoch."""
        rows = (
            [str(i), *(f"{value:.4g}" for value in row)] for i, row in enumerate(zip(*self.values(), strict=True), 1)
        )
        return table(["epoch", *self], rows, after=f"stopped: {self.stopped}" if self.stopped else "")


class Callback:
    """Is told of what happens in a training: define those of the methods that are wanted.

    The methods have skorch's names. They are given a `Run`, which holds the model, in place of skorch's net. Those of
    batches are given examples and targets, and called for training alone, not for the validation; computed gradients
    are those of ``run.model``. `on_step_end`, `close` and the two of the state are this package's own.

    What a callback remembers goes on after a training was resumed if it has `state_dict` and `load_state_dict`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> class Watch(nn.callbacks.Callback):
    ...     def on_epoch_end(self, run):
    ...         print(f"{run.epoch} of {run.epochs}: {run.figures['loss']:.3f}")
    ...         if run.figures["loss"] < 0.25:
    ...             run.stop("good enough")
    >>> model = nn.Linear(1, 1, rng=0)
    >>> optimizer = nn.optim.SGD(model.parameters(), lr=0.4)
    >>> x = np.linspace(-1, 1, 8)[:, None]
    >>> options = {"loss": nn.MSELoss(), "callbacks": [Watch()], "progress": False, "rng": 0}
    >>> nn.fit(model, x, 2 * x, optimizer=optimizer, batch_size=8, **options).stopped
    1 of 10: 1.489
    2 of 10: 0.560
    3 of 10: 0.238
    'good enough'
    """

    def on_train_begin(self, run: Run) -> None:
        """Act when training begins, or goes on."""

    def on_train_end(self, run: Run) -> None:
        """Act when training has ended by itself, was stopped or interrupted; not after an error."""

    def on_epoch_begin(self, run: Run) -> None:
        """Act when an epoch begins, or goes on."""

    def on_epoch_end(self, run: Run) -> None:
        """Act when an epoch has ended: its figures are in `run.figures`, and the last ones of `run.history`."""

    def on_batch_begin(self, run: Run, x: Any, y: Any) -> None:
        """Act before a batch is trained with."""

    def on_batch_end(self, run: Run, x: Any, y: Any, loss: float, outputs: Any) -> None:
        """Act when a step has been taken with this batch and those accumulated with it."""

    def on_grad_computed(self, run: Run) -> None:
        """Act when a step's gradients are in the parameters' `grad`; they have not been clipped yet."""

    def on_step_end(self, run: Run) -> None:
        """Act when the optimiser has taken a step."""

    def close(self) -> None:
        """Tidy up when the training is over, by an error or otherwise."""

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` goes on from: arrays, numbers, text, and dicts and lists of them."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""


class Run:
    """A training on its way, as callbacks see it.

    Attributes
    ----------
    model, loss, optimizer
        What `fit` was given.
    epochs : int
        How many there will be.
    epoch : int
        The number of the present one, from 1.
    batch : int
        How many batches of the epoch have been trained with.
    batches : int or None
        How many an epoch has, if that is known.
    figures : dict of str to float
        The means so far in this epoch; after its last batch, those of the validation as well.
    history : History
        Of the epochs that have ended.
    names : tuple of str
        Those of an epoch's figures.
    """

    def __init__(
        self, model: Module, loss: Callable[..., Any], optimizer: Optimizer, epochs: int, callbacks: Sequence[Callback],
        *, batches: int | None = None,
    ) -> None:  # fmt: skip
        self.model, self.loss, self.optimizer, self.epochs = model, loss, optimizer, epochs
        self.callbacks, self.batches = callbacks, batches
        self.epoch = self.batch = 0
        self.figures: Figures = {}
        self.names: tuple[str, ...] = ("loss",)
        self.history = History()

    def stop(self, reason: str = "stopped") -> None:
        """End the training after the present epoch, or as soon as it has been validated."""
        self.history.stopped = reason

    def tell(self, event: str, *args: Any) -> None:
        """Call a method of all callbacks."""
        for callback in self.callbacks:
            getattr(callback, event)(self, *args)
