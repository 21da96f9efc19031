"""What a training shows of its progress: a bar, or a line for each epoch."""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO

from nn.training.run import Callback, Figures, Run

__all__ = ["PrintLog", "ProgressBar", "shown"]


def shown() -> Callback:
    """Return what shows progress here: a bar in a terminal and in a notebook, lines elsewhere."""
    return ProgressBar() if sys.stderr.isatty() or _in_notebook() else PrintLog()


def _in_notebook() -> bool:
    # A notebook's kernel has loaded it; whoever has not is in none.
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


class ProgressBar(Callback):
    """A bar on standard error, a widget in a notebook: figures, examples per second, and the remaining time."""

    def on_train_begin(self, run: Run) -> None:
        """Show the bar, with what has been done already."""
        from tqdm.auto import tqdm

        self._unit = run.examples or run.batches  # per epoch; batches are counted where examples are not known
        self._by_examples = bool(run.examples)
        bar: Any = tqdm
        self._bar = bar(
            total=None if self._unit is None else self._unit * run.epochs,
            initial=0 if self._unit is None else self._unit * (run.epoch - 1) + (0 if self._by_examples else run.batch),
            unit="ex" if self._by_examples else "batch", unit_scale=self._by_examples, dynamic_ncols=True,
        )  # fmt: skip

    def on_epoch_begin(self, run: Run) -> None:
        """Show which epoch it is."""
        self._bar.set_description(f"epoch {run.epoch}/{run.epochs}")

    def on_batch_end(self, run: Run, x: Any, y: Any, loss: float, outputs: Any) -> None:
        """Move on."""
        self._bar.set_postfix_str(_line(run.figures), refresh=False)
        self._bar.update(len(y) if self._by_examples else 1)

    def on_epoch_end(self, run: Run) -> None:
        """Show the epoch's figures."""
        self._bar.set_postfix_str(_line(run.figures))

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


class PrintLog(Callback):
    """A line for each epoch: its figures, examples per second, and the remaining time.

    Parameters
    ----------
    file : text file, optional
        Where to write; by default standard error.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file
        self._seen = 0
        self._start = 0.0

    def on_epoch_begin(self, run: Run) -> None:
        """Begin to count."""
        self._seen, self._start = 0, time.perf_counter()

    def on_batch_end(self, run: Run, x: Any, y: Any, loss: float, outputs: Any) -> None:
        """Count."""
        self._seen += len(y)

    def on_epoch_end(self, run: Run) -> None:
        """Write the line."""
        seconds = time.perf_counter() - self._start
        left = seconds * (run.epochs - run.epoch)
        width = len(str(run.epochs))
        print(
            f"epoch {run.epoch:{width}}/{run.epochs}: {_line(run.figures)}; {self._seen / seconds:,.0f} examples/s, "
            f"{left:.0f} s left",
            file=self._file or sys.stderr, flush=True,
        )  # fmt: skip


def _line(figures: Figures) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
