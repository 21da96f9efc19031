"""What can be told of a training's progress, and act on it: `fit(..., callbacks=[...])`."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping
from typing import Any

from nn.checkpoint import save
from nn.data.batches import check_count
from nn.optim.lr_scheduler import LRScheduler as Schedule
from nn.optim.lr_scheduler import ReduceLROnPlateau
from nn.training.arguments import check_choice, check_flag, check_limit, kind_of
from nn.training.progress import PrintLog, ProgressBar
from nn.training.run import Callback, Run

__all__ = ["Callback", "EarlyStopping", "LRScheduler", "PrintLog", "ProgressBar", "SaveBest"]


class Monitor(Callback):
    """Watches one of the figures of each epoch.

    Parameters
    ----------
    monitor : str, optional
        Which one; by default `"val_loss"`, or `"loss"` where there is no validation.
    mode : {"min", "max"}, optional
        Whether less is better, or more. It need not be given for losses and for accuracies and their like.
    min_delta : float
        By how much a figure has to be better than the best one so far to count as better.
    """

    def __init__(self, monitor: str | None = None, mode: str | None = None, min_delta: float = 0.0) -> None:
        name = type(self).__name__
        check_monitor(name, monitor)
        if mode is not None:
            check_choice(name, "mode", mode, "min", "max")
        check_limit(name, "min_delta", min_delta, above=False)
        self.monitor, self.mode, self.min_delta = monitor, mode, min_delta
        self.best: float | None = None

    def on_train_begin(self, run: Run) -> None:
        """Look whether there is such a figure, and forget those of an earlier training."""
        self._watched(run)
        if not run.epoch:
            self.best = None

    def _watched(self, run: Run) -> tuple[str, bool]:
        """Return which figure is watched, and whether less of it is better."""
        name = watched(type(self).__name__, self.monitor, run)
        return name, (self.mode or _mode_of(type(self).__name__, name)) == "min"

    def improved(self, run: Run) -> bool:
        """Tell whether the epoch's figure is the best so far, and note it."""
        name, less = self._watched(run)
        figure = run.figures[name]
        gain = math.inf if self.best is None else (self.best - figure if less else figure - self.best)
        if math.isnan(figure) or not gain > self.min_delta:
            return False
        self.best = figure
        return True


def _mode_of(callback: str, figure: str) -> str:
    """Return whether less or more of a figure is better, if its name says so."""
    if figure.endswith("loss"):
        return "min"
    if figure.endswith(("acc", "accuracy", "f1", "auc", "score", "precision", "recall", "r2")):
        return "max"
    raise ValueError(f"{callback}: is less of monitor={figure!r} better, or more? Give mode='min' or mode='max'")


def check_monitor(callback: str, monitor: Any) -> None:
    """Raise unless it can be the name of a figure."""
    if monitor is not None and not isinstance(monitor, str):
        raise TypeError(f"{callback}: monitor is {kind_of(monitor)}; give the name of a figure, such as 'val_loss'")


def watched(callback: str, monitor: str | None, run: Run) -> str:
    """Return which of an epoch's figures is watched."""
    name = monitor or ("val_loss" if "val_loss" in run.names else "loss")
    if name not in run.names:
        raise ValueError(f"{callback}: monitor={name!r} is none of the figures; give one of {', '.join(run.names)}")
    return name


class EarlyStopping(Monitor):
    """Ends a training when a figure has not become better for so many epochs, and goes back to the best state.

    Parameters
    ----------
    patience : int
        How many epochs without a better figure are waited for.
    monitor, mode, min_delta
        Which figure is watched; see `SaveBest`.
    restore_best : bool
        Whether the model has its state after the best epoch in the end, however the training ended.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> model = nn.Linear(2, 2, rng=0)
    >>> optimizer = nn.optim.SGD(model.parameters(), lr=1.0)
    >>> x, noise = np.random.default_rng(0).normal(size=(20, 2)), np.random.default_rng(1).integers(2, size=20)
    >>> stopping = nn.callbacks.EarlyStopping(patience=2)
    >>> history = nn.fit(model, x, noise, optimizer=optimizer, epochs=50, validation=(x, 1 - noise),
    ...                  callbacks=[stopping], progress=False, rng=0)
    >>> history.stopped
    'val_loss was not better for 2 epochs'
    """

    def __init__(
        self, patience: int = 5, monitor: str | None = None, mode: str | None = None, min_delta: float = 0.0,
        restore_best: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, min_delta)
        check_count("EarlyStopping", "patience", patience, least=1)
        check_flag("EarlyStopping", "restore_best", restore_best)
        self.patience, self.restore_best = patience, restore_best
        self.waited = 0
        self._state: dict[str, Any] = {}

    def on_train_begin(self, run: Run) -> None:
        """Look whether there is such a figure, and forget an earlier training."""
        super().on_train_begin(run)
        if not run.epoch:
            self.waited, self._state = 0, {}

    def on_epoch_end(self, run: Run) -> None:
        """Note whether the figure is better, and stop the training if it has not been for too long."""
        self.waited += 1
        if self.improved(run):
            self.waited = 0
            self._state = run.model.state_dict() if self.restore_best else {}
        if self.waited >= self.patience:
            run.stop(f"{watched('', self.monitor, run)} was not better for {self.patience} epochs")

    def on_train_end(self, run: Run) -> None:
        """Go back to the best state."""
        if self._state:
            run.model.load_state_dict(self._state)

    def state_dict(self) -> dict[str, Any]:
        """Return the best figure and state, and how long it has been waited."""
        return {"best": self.best, "waited": self.waited, "state": self._state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.best, self.waited, self._state = state["best"], state["waited"], dict(state["state"])


class SaveBest(Monitor):
    """Writes the model's state dict to a file whenever a figure is the best so far.

    Parameters
    ----------
    path : path-like
        The file, whole or not there at any time; `nn.load` reads it.
    monitor : str, optional
        Which figure is watched; by default `"val_loss"`, or `"loss"` where there is no validation.
    mode : {"min", "max"}, optional
        Whether less is better, or more. It need not be given for losses and for accuracies and their like.
    min_delta : float
        By how much a figure has to be better than the best one so far to count as better.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import nn
    >>> model = nn.Linear(2, 2, rng=0)
    >>> optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
    >>> x, y = np.eye(2), np.arange(2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     best = nn.callbacks.SaveBest(os.path.join(folder, "best.safetensors"), "accuracy")
    ...     _ = nn.fit(model, x, y, optimizer=optimizer, metrics={"accuracy": nn.accuracy}, callbacks=[best],
    ...                progress=False, rng=0)
    ...     sorted(nn.load(best.path))
    ['bias', 'weight']
    """

    def __init__(
        self, path: str | os.PathLike[str], monitor: str | None = None, mode: str | None = None, min_delta: float = 0.0
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"SaveBest: path is {kind_of(path)}; give the path of a file, such as 'best.safetensors'")
        self.path = os.fspath(path)

    def on_train_begin(self, run: Run) -> None:
        """Look whether there is such a figure, and a folder for the file."""
        super().on_train_begin(run)
        folder = os.path.dirname(self.path) or "."
        if not os.path.isdir(folder):
            raise FileNotFoundError(
                f"SaveBest: path is {self.path!r}, and there is no folder {folder!r}; make it, or give another path"
            )
        if os.path.isdir(self.path):
            raise IsADirectoryError(f"SaveBest: path is {self.path!r}, which is a folder; give the path of a file")

    def on_epoch_end(self, run: Run) -> None:
        """Save the model if the figure is the best one."""
        before = self.best
        if self.improved(run):
            try:
                save(run.model.state_dict(), self.path)
            except BaseException:
                self.best = before
                raise

    def state_dict(self) -> dict[str, Any]:
        """Return the best figure."""
        return {"best": self.best}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.best = state["best"]


class LRScheduler(Callback):
    """Steps a schedule of learning rates after each epoch, or after each step of the optimiser.

    skorch's makes the schedule itself, and calls `every` ``step_every``; a step of the optimiser is ``"batch"`` there.

    Parameters
    ----------
    schedule : nn.optim.lr_scheduler.LRScheduler
        Of the optimiser that trains.
    every : {"epoch", "step"}
        When.
    monitor : str, optional
        The figure that `ReduceLROnPlateau` is given; by default `"val_loss"`, or `"loss"` where there is no validation.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> model = nn.Linear(2, 2, rng=0)
    >>> optimizer = nn.optim.SGD(model.parameters(), lr=1.0)
    >>> halving = nn.callbacks.LRScheduler(nn.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5))
    >>> options = {"epochs": 4, "callbacks": [halving], "progress": False, "rng": 0}
    >>> _ = nn.fit(model, np.eye(2), np.arange(2), optimizer=optimizer, **options)
    >>> optimizer.lr
    0.25
    """

    def __init__(self, schedule: Schedule, every: str = "epoch", monitor: str | None = None) -> None:
        if not isinstance(schedule, Schedule):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"LRScheduler: schedule is {kind_of(schedule)}; give one of nn.optim.lr_scheduler, made of the "
                f"optimizer: LRScheduler(StepLR(optimizer, 10))"
            )
        check_choice("LRScheduler", "every", every, "epoch", "step")
        check_monitor("LRScheduler", monitor)
        self._plateau = isinstance(schedule, ReduceLROnPlateau)
        if self._plateau and every == "step":
            raise ValueError(
                "LRScheduler: every='step' with ReduceLROnPlateau, which is given a figure of each epoch; give 'epoch'"
            )
        if monitor is not None and not self._plateau:
            raise ValueError(
                f"LRScheduler: monitor={monitor!r} with {type(schedule).__name__}, which heeds no figure; leave it out"
            )
        self.schedule, self.every, self.monitor = schedule, every, monitor

    def on_train_begin(self, run: Run) -> None:
        """Look whether the schedule is of the optimiser that trains, and there is a figure for it."""
        watched("LRScheduler", self.monitor, run)
        if self.schedule.optimizer is not run.optimizer:
            theirs, ours = (type(optimizer).__name__ for optimizer in (self.schedule.optimizer, run.optimizer))
            raise ValueError(
                f"LRScheduler: schedule is of another optimizer, {theirs}, than the {ours} that trains; give one that "
                f"is made of the latter"
            )
        total: int | None = getattr(self.schedule, "total_steps", None)
        taken = self.schedule.last_epoch + run.epochs - run.epoch
        if self.every == "epoch" and total is not None and taken < total:
            warnings.warn(
                f"LRScheduler: with every='epoch' only {taken} of the {type(self.schedule).__name__}'s "
                f"total_steps={total} will be taken, one after each epoch; give every='step' if they are steps of the "
                f"optimizer",
                RuntimeWarning,
                stacklevel=2,
            )

    def on_step_end(self, run: Run) -> None:
        """Step, if it is time."""
        if self.every == "step":
            self.schedule.step()

    def on_epoch_end(self, run: Run) -> None:
        """Step, if it is time."""
        if self.every == "epoch":
            schedule: Any = self.schedule
            schedule.step(*([run.figures[watched("LRScheduler", self.monitor, run)]] if self._plateau else []))

    def state_dict(self) -> dict[str, Any]:
        """Return the schedule's state."""
        return self.schedule.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.schedule.load_state_dict(state)
