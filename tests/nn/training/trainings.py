"""Trainings that draw on everything a checkpoint has to keep; and a program that runs them, and dies when told to.

``python -m tests.nn.training.trainings`` reads orders from standard input, one a line, and answers each with a line. It
runs each in a process of its own, which it forks: that takes milliseconds, where a new one takes half a second.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import random
import signal
import stat
import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

import nn

BIT_GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")


@dataclasses.dataclass(frozen=True)
class Options:
    """Of which kind a training is."""

    data: str = "arrays"  # memmap, loader, drawing
    optimizer: str = "adam"  # momentum, adamw, adagrad
    schedule: str = "one-cycle"  # plateau, sequential, step, none
    generator: str = "PCG64"  # of the transform; RandomState, random, everybody
    shared: bool = False  # whether the model and the order draw from one generator
    accumulate: int = 1
    every: int | None = None
    compiled: bool = False
    dtype: str = "float32"
    validation: str = "arrays"  # split, loader, none
    spoilt: bool = False  # whether a batch is NaN, and left out
    patience: int | None = 2
    epochs: int = 3


class Counting(nn.Module):
    """Adds the number of batches seen, which state dicts leave out."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", np.zeros((), np.float32), persistent=False)

    def forward(self, x: Any) -> Any:
        """Return the batch and a bit more."""
        if self.training:
            self.seen = self.seen + np.float32(1)
        return x + self.seen * np.float32(0.01)


class Drawing(nn.data.Dataset):
    """Examples to which noise is added when they are asked for."""

    def __init__(self, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> None:
        self.x, self.y, self.rng = x, y, rng

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        noise = self.rng.normal(size=self.x.shape[1:]).astype(self.x.dtype)
        return self.x[index] + noise / 10, self.y[index]


def _transform(kind: str) -> Callable[[Any], Any]:
    if kind == "everybody":
        np.random.seed(7)  # noqa: NPY002  (what is old is used)
        random.seed(8)
        return lambda x: x * np.asarray(1 + np.random.rand() / 10 + random.random() / 10, x.dtype)  # noqa: NPY002
    if kind == "random":
        rng: Any = random.Random(7)
        return lambda x: x * np.asarray(1 + rng.gauss(0, 0.1), x.dtype)
    rng = np.random.RandomState(7) if kind == "RandomState" else np.random.Generator(getattr(np.random, kind)(7))
    return lambda x: x + rng.normal(size=x.shape).astype(x.dtype) / 10


def problem(options: Options) -> tuple[np.ndarray, np.ndarray]:
    """Return examples and their classes, which are partly noise."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(26, 3)).astype(options.dtype)
    y = ((x[:, 0] > 0) ^ (rng.random(26) < 0.2)).astype(int)
    if options.spoilt:
        x[5] = np.nan
    return x, y


class Training:
    """A training, ready to be run."""

    def __init__(self, options: Options, folder: Path, callbacks: Iterable[Any] = ()) -> None:
        self.options, self.folder = options, folder
        rng = np.random.default_rng(5)
        dropout, order = (rng, rng) if options.shared else (np.random.default_rng(1), np.random.default_rng(2))
        self.model = nn.Sequential(
            nn.Linear(3, 4, rng=0), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.3, rng=dropout), Counting(),
            nn.Linear(4, 2, rng=1),
        ).astype(options.dtype)  # fmt: skip
        self.model[3].rng = dropout  # astype has copied it
        self.model[0].bias.requires_grad = False
        first, last = self.model[0].parameters(), [*self.model[1].parameters(), *self.model[5].parameters()]
        groups = [{"params": first, "lr": 0.02}, {"params": last}]
        self.optimizer = {
            "adam": lambda: nn.optim.Adam(groups, lr=0.05),
            "adamw": lambda: nn.optim.AdamW(groups, lr=0.05, weight_decay=0.1),
            "momentum": lambda: nn.optim.SGD(groups, lr=0.05, momentum=0.9, nesterov=True),
            "adagrad": lambda: nn.optim.Adagrad(groups, lr=0.05),
        }[options.optimizer]()
        self.callbacks = [*callbacks, *self._schedule()]
        self.transform = _transform(options.generator)
        self.x, self.y = self._data(order)
        self.rng = order

    def _schedule(self) -> list[nn.callbacks.Callback]:
        rates, optimizer = nn.optim.lr_scheduler, self.optimizer
        schedule: Any = {
            "one-cycle": lambda: rates.OneCycleLR(optimizer, max_lr=0.1, total_steps=60, cycle_momentum=False),
            "plateau": lambda: rates.ReduceLROnPlateau(optimizer, patience=0, factor=0.5),
            "sequential": lambda: rates.SequentialLR(
                optimizer, [rates.LinearLR(optimizer, 0.1, total_iters=3), rates.CosineAnnealingLR(optimizer, 5)], [3]
            ),
            "step": lambda: rates.StepLR(optimizer, 2, 0.5),
            "none": lambda: None,
        }[self.options.schedule]()
        every = "step" if self.options.schedule in ("one-cycle", "sequential") else "epoch"
        return [] if schedule is None else [nn.callbacks.LRScheduler(schedule, every=every)]

    def _data(self, order: np.random.Generator) -> tuple[Any, Any]:
        x, y = problem(self.options)
        if self.options.data == "memmap":
            path = self.folder.parent / "x.npy"
            if not path.exists():
                np.save(path, x)
            x = np.load(path, mmap_mode="r")
        if self.options.data == "loader":
            return nn.data.DataLoader(nn.data.TensorDataset(x, y), batch_size=8, shuffle=True, rng=order), None
        if self.options.data == "drawing":
            noisy = Drawing(x, y, order if self.options.shared else np.random.default_rng(6))
            return nn.data.DataLoader(noisy, batch_size=8, shuffle=True, rng=order), None
        return x, y

    def run(self) -> nn.History:
        """Train, or go on."""
        options = self.options
        x, y = problem(dataclasses.replace(options, spoilt=False))
        validation: dict[str, Any] = {
            "arrays": {"validation": (x[:10], y[:10])},
            "loader": {
                "validation": nn.data.DataLoader(nn.data.TensorDataset(x, y), batch_size=5, shuffle=True, rng=9)
            },
            "split": {"validation_split": 0.2},
            "none": {},
        }[options.validation]
        drawn: dict[str, Any] = {} if self.y is None else {"batch_size": 8, "rng": self.rng}
        self.history = nn.fit(
            self.model, self.x, self.y, optimizer=self.optimizer, epochs=options.epochs, **drawn,
            metrics={"accuracy": nn.accuracy}, transform=self.transform, accumulate=options.accumulate,
            patience=options.patience, callbacks=self.callbacks, compiled=options.compiled, progress=False,
            checkpoint=nn.Checkpoints(self.folder, every=options.every, keep=2),
            nonfinite="skip" if options.spoilt else "raise", clip_grad_norm=1.0, **validation,
        )  # fmt: skip
        return self.history

    def outcome(self) -> dict[str, Any]:
        """Return all that is to be the same, however often the training was stopped."""
        x, _ = problem(dataclasses.replace(self.options, spoilt=False))
        best = self.folder / "best.safetensors"
        return {
            "model": self.model.state_dict(), "seen": self.model[4].seen, "optimizer": self.optimizer.state_dict(),
            "history": dict(self.history), "stopped": self.history.stopped, "predictions": nn.predict(self.model, x),
            "drawn": [self.model[3].rng.random(), self.rng.random(), self.transform(x)],
            "best": nn.load(best) if best.exists() else {},
        }  # fmt: skip


def bits(thing: Any) -> Any:
    """Return what is equal only if two things have the same bits, and types."""
    if isinstance(thing, dict):
        return {key: bits(part) for key, part in thing.items()}
    if isinstance(thing, list | tuple):
        return [bits(part) for part in thing]
    if isinstance(thing, np.ndarray | np.generic):
        return str(thing.dtype), thing.shape, thing.tobytes().hex()
    return (type(thing).__name__, struct.pack("d", thing).hex()) if isinstance(thing, float) else thing


def assert_no_litter(folder: Path, keep: int = 2) -> None:
    names = sorted(path.name for path in folder.iterdir())
    assert names[0] == "best.safetensors"
    assert len(names) <= keep + 1
    assert all(name.startswith("step-") for name in names[1:])


class Failing(nn.callbacks.Callback):
    """Raises when a method is called for the so manyth time."""

    def __init__(self, event: str, number: int) -> None:
        self.event, self.left = event, number

    def _count(self, event: str) -> None:
        if event == self.event:
            self.left -= 1
            if not self.left:
                raise ZeroDivisionError

    def on_train_begin(self, run: Any) -> None:
        self._count("on_train_begin")

    def on_epoch_begin(self, run: Any) -> None:
        self._count("on_epoch_begin")

    def on_batch_begin(self, run: Any, x: Any, y: Any) -> None:
        self._count("on_batch_begin")

    def on_batch_end(self, run: Any, x: Any, y: Any, loss: float, outputs: Any) -> None:
        self._count("on_batch_end")

    def on_step_end(self, run: Any) -> None:
        self._count("on_step_end")

    def on_epoch_end(self, run: Any) -> None:
        self._count("on_epoch_end")

    def on_train_end(self, run: Any) -> None:
        self._count("on_train_end")


EVENTS = [name for name in vars(Failing) if name.startswith("on_")]


# -- the program ------------------------------------------------------------------------------------------------------


def die() -> None:
    """End at once, as by a power failure."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_event(number: int) -> Callable[[], int]:
    """Die when Python calls a function, or returns from one, for the so manyth time; return how often it has."""
    count = itertools.count(1)

    def watch(frame: Any, event: str, arg: Any) -> None:
        if next(count) == number:
            die()

    sys.setprofile(watch)
    return lambda: next(count)


def die_in_write(number: int, moment: str) -> None:
    """Die when the so manyth checkpoint is written."""
    count = itertools.count(1)
    fsync, replace = os.fsync, os.replace

    def dying_fsync(handle: int) -> None:
        # The folder is waited for, too.
        if stat.S_ISREG(os.fstat(handle).st_mode) and next(count) == number:
            if moment == "half":  # as if the end had never been written
                os.truncate(handle, os.fstat(handle).st_size // 2)
            die()
        fsync(handle)

    def dying_replace(source: str, target: str) -> None:
        if moment == "before" and next(count) == number:
            die()
        replace(source, target)
        if moment == "after" and next(count) == number:
            die()

    os.fsync, os.replace = dying_fsync if moment in ("half", "fsync") else fsync, dying_replace


class Pausing(nn.callbacks.Callback):
    """Says so when a batch begins, and waits for a line."""

    def __init__(self, batch: int) -> None:
        self.left = batch

    def on_batch_begin(self, run: Any, x: Any, y: Any) -> None:
        """Wait, if it is the batch."""
        self.left -= 1
        if self.left == 0:
            again = True
            while again:
                print(os.getpid(), flush=True)
                again = sys.stdin.readline() == "again\n"


def obey(order: dict[str, Any]) -> None:
    """Train as it was ordered, and write down the outcome."""
    training = Training(Options(**order["options"]), Path(order["folder"]), [Pausing(order.get("pause", 0))])
    events: Callable[[], int] = lambda: 0  # noqa: E731
    if "write" in order:
        die_in_write(order["write"], order["moment"])
    elif "event" in order:
        events = die_at_event(order["event"])
    training.run()
    sys.setprofile(None)
    now = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    result = {"outcome": bits(training.outcome()), "events": events(), "default_handler": now}
    Path(order["result"]).write_text(json.dumps(result))


def main() -> None:
    """Obey orders until there are no more."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a program in the background has not
    for line in iter(sys.stdin.readline, ""):
        if not line.strip():  # for a process that no longer is
            continue
        child = os.fork()
        if not child:
            code = 1
            try:
                obey(json.loads(line))
                code = 0
            except KeyboardInterrupt:
                code = 130
            finally:
                if code == 1:
                    sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
