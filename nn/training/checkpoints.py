"""Checkpoints of a training: files from which it goes on as if it had never stopped."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from typing import Any

from nn.checkpoint import load, save
from nn.data.batches import check_count
from nn.training.arguments import check_choice, kind_of
from nn.training.callbacks import SaveBest, check_monitor
from nn.training.run import Run

__all__ = ["Checkpoints"]

State = dict[str, Any]

_NAME = re.compile(r"step-(\d{9})\.safetensors")
_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.tmp")


class Checkpoints:
    """A folder of checkpoints, which a training writes, and goes on from when it is started again.

    A checkpoint has all that decides how the training goes on: the model, the optimiser, callbacks with their
    schedules, the position in the epoch, the history, and the generators of random numbers that the model, the loss,
    the transform, the callbacks and the order of the examples draw from. A training that was killed and started again
    ends with the same bits as one that was not.

    Parameters
    ----------
    folder : path-like
        Made if it is not there. Files are written whole or not at all; the older ones stay until the new one is safely
        on disk.
    every : int, optional
        After how many steps of the optimiser one is written, besides after each epoch.
    keep : int
        How many of the last ones are kept.
    monitor : str, optional
        The figure by which the best model is told, see `nn.callbacks.SaveBest`; its state dict is in
        ``best.safetensors``.
    mode : {"min", "max"}, optional
        Whether less of it is better, or more.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import nn
    >>> def train(folder, epochs):
    ...     model = nn.Linear(2, 2, rng=0)
    ...     optimizer = nn.optim.Adam(model.parameters(), lr=0.1)
    ...     return nn.fit(model, np.eye(2), np.arange(2), optimizer=optimizer, epochs=epochs, rng=0, progress=False,
    ...                   checkpoint=nn.Checkpoints(folder, keep=2))
    >>> with tempfile.TemporaryDirectory() as once, tempfile.TemporaryDirectory() as twice:
    ...     history = train(once, epochs=4)
    ...     _ = train(twice, epochs=2)
    ...     train(twice, epochs=4) == history, sorted(os.listdir(once))
    (True, ['best.safetensors', 'step-000000003.safetensors', 'step-000000004.safetensors'])
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, every: int | None = None, keep: int = 3, monitor: str | None = None,
        mode: str | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(folder, str | os.PathLike) or not os.fspath(folder):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"Checkpoints: folder is {kind_of(folder)}; give the path of a folder")
        check_monitor("Checkpoints", monitor)
        if mode is not None:
            check_choice("Checkpoints", "mode", mode, "min", "max")
        if every is not None:
            check_count("Checkpoints", "every", every, least=1)
        check_count("Checkpoints", "keep", keep, least=1)
        self.folder, self.every, self.keep = os.fspath(folder), every, keep
        self.best = SaveBest(os.path.join(self.folder, "best.safetensors"), monitor, mode)

    def newest(self) -> State | None:
        """Return the newest checkpoint that is whole, if there is one.

        Raises
        ------
        ValueError
            If there are checkpoints, and none of them is whole.
        """
        faults: list[str] = []
        for path in reversed(self._paths()):
            try:
                state = load(path)
            except (OSError, ValueError) as error:
                faults.append(str(error))
                continue
            if faults:
                warnings.warn(
                    f"fit: going on from {path}, for a later one is damaged. {faults[0]}", RuntimeWarning, stacklevel=5
                )
            return state
        if faults:
            raise ValueError(
                f"Checkpoints: none of the checkpoints in {self.folder} can be read; give another folder, or remove "
                f"them to begin anew. {faults[0]}"
            )
        return None

    def write(self, state: Mapping[str, Any], steps: int) -> None:
        """Write a checkpoint after so many steps, and remove those that are too old."""
        path = os.path.join(self.folder, f"step-{steps:09d}.safetensors")
        try:
            os.makedirs(self.folder, exist_ok=True)
            save(state, path)
        except OSError as error:
            error.add_note(
                f"fit: the checkpoint {path} could not be written. Earlier ones are as they were, and so is the model: "
                f"it is in the state after step {steps}"
            )
            raise
        paths = self._paths()
        place = paths.index(path) + 1  # later ones are damaged: the training has gone on from an earlier one
        for old in (*paths[: max(place - self.keep, 0)], *paths[place:]):
            os.unlink(old)
        for name in os.listdir(self.folder):  # what a process that was killed while it wrote has left
            if _TEMPORARY.fullmatch(name):
                os.unlink(os.path.join(self.folder, name))

    def epoch_ended(self, run: Run) -> None:
        """Save the model, if it is the best so far."""
        os.makedirs(self.folder, exist_ok=True)
        self.best.on_epoch_end(run)

    def _paths(self) -> list[str]:
        names = sorted(os.listdir(self.folder)) if os.path.isdir(self.folder) else []
        return [os.path.join(self.folder, name) for name in names if _NAME.fullmatch(name)]
