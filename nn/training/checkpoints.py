"""Checkpoints of a training: files from which it goes on as if it had never stopped."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Generator, Mapping
from typing import Any

from nn.checkpoint import load, save
from nn.data.batches import check_count
from nn.training.arguments import check_choice, kind_of
from nn.training.callbacks import SaveBest, check_monitor
from nn.training.run import Run

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ["Checkpoints"]

State = dict[str, Any]

_NAME = re.compile(r"step-(\d{9})\.safetensors")
_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.tmp")


class Checkpoints:
    """A folder of checkpoints, which a training writes, and goes on from when it is started again.

    A checkpoint has all that decides how the training goes on: the model, the optimiser, callbacks with their
    schedules, the position in the epoch, the history, and the generators of random numbers that the model, the loss,
    the examples and their order, the transform, the metrics and the callbacks draw from; also those of everybody, in
    `random`, `numpy.random` and PyTorch. A training that was killed and started again ends with the same bits as one
    that was not.

    One training at a time writes into the folder, and a checkpoint of another training is refused. One that is damaged
    is passed over with a warning, for the one before, and kept as ``.damaged``.

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
        self._damaged: list[str] = []
        self._place = (0, 0)
        self.best = SaveBest(os.path.join(self.folder, "best.safetensors"), monitor, mode)

    @contextlib.contextmanager
    def held(self) -> Generator[None]:
        """Make the folder if it is not there, and keep other processes from writing into it.

        Raises
        ------
        RuntimeError
            If another training writes into it now.
        """
        is_new = not os.path.isdir(self.folder)
        try:
            os.makedirs(self.folder, exist_ok=True)
        except OSError as error:
            error.add_note(f"fit: the folder {self.folder} for checkpoints could not be made; nothing was trained")
            raise
        self._place = self._where()
        with contextlib.ExitStack() as stack:
            if is_new:
                stack.callback(self._remove_if_empty)  # nothing has been written: the call was wrong
            self._lock(stack)
            for name in os.listdir(self.folder):  # what a process that was killed while it wrote has left
                if _TEMPORARY.fullmatch(name):
                    with self._explained(os.path.join(self.folder, name), "removed", 0):
                        os.unlink(os.path.join(self.folder, name))
            yield

    def _remove_if_empty(self) -> None:
        with contextlib.suppress(OSError):
            if self._where() == self._place:  # and no other in its place
                os.rmdir(self.folder)

    def _lock(self, stack: contextlib.ExitStack) -> None:
        """Lock the folder until the stack is left; the lock of a process that is killed goes with it."""
        if fcntl is None:
            return
        folder = os.open(self.folder, os.O_RDONLY)
        stack.callback(os.close, folder)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(
                f"fit: another training writes its checkpoints into {self.folder} now; wait for its end, or give "
                f"another folder"
            ) from None
        except OSError:
            pass  # a file system without locks

    def newest(self) -> State | None:
        """Return the newest checkpoint that is whole, if there is one.

        Raises
        ------
        ValueError
            If there are checkpoints, and none of them is whole.
        """
        faults: list[str] = []
        self._damaged = []
        for path in reversed(self._paths()):
            try:
                state = load(path)
                if not isinstance(state.get("setup"), dict):
                    raise ValueError(f"{path} is the checkpoint of no training")
            except (IsADirectoryError, FileNotFoundError, ValueError) as error:
                faults.append(str(error))
                self._damaged.append(path)
                continue
            except OSError as error:
                error.add_note(f"fit: the checkpoint {path} could not be read; nothing was changed")
                raise
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
        with self._explained(path, "written", steps):
            while self._damaged:  # kept under another name, for they may be needed, and are in the way
                os.replace(self._damaged[-1], f"{self._damaged[-1]}.damaged")
                self._damaged.pop()
            save(state, path)
        for old in self._paths()[: -self.keep]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(old)

    def epoch_ended(self, run: Run, steps: int) -> None:
        """Save the model, if it is the best so far."""
        with self._explained(self.best.path, "written", steps):
            self.best.on_epoch_end(run)

    def _where(self) -> tuple[int, int]:
        """Return what tells the folder from others of its name."""
        found = os.stat(self.folder)
        return found.st_dev, found.st_ino

    def _check_place(self) -> None:
        """Raise if the folder has gone, as with a disk that is unmounted, even if another one is in its place."""
        if not os.path.isdir(self.folder) or self._where() != self._place:
            raise FileNotFoundError(f"fit: the folder {self.folder} is gone since the training began")

    @contextlib.contextmanager
    def _explained(self, path: str, done: str, steps: int) -> Generator[None]:
        """Say which file could not be written, and what that means."""
        try:
            self._check_place()
            yield
        except OSError as error:
            error.add_note(
                f"fit: the checkpoint {path} could not be {done}. Earlier ones are as they were, and so is the model: "
                f"it is in the state after step {steps}"
            )
            raise

    def _paths(self) -> list[str]:
        names = sorted(os.listdir(self.folder)) if os.path.isdir(self.folder) else []
        return [os.path.join(self.folder, name) for name in names if _NAME.fullmatch(name)]
