"""What a training shows of its progress: a bar, or a line for each epoch."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, TextIO

from nn.training.arguments import kind_of
from nn.training.run import Callback, Run
from nn.training.weights import length

__all__ = ["PrintLog", "Progress", "ProgressBar", "shown"]


def shown() -> Callback:
    """Return what shows progress here: a bar in a terminal and in a notebook, lines elsewhere."""
    is_terminal = getattr(sys.stderr, "isatty", bool)  # programs without a console have no standard error
    return ProgressBar() if is_terminal() or _in_notebook() else PrintLog()


def _in_notebook() -> bool:
    # A notebook's kernel has loaded it; whoever has not is in none.
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


class Progress(Callback):
    """Counts an epoch's examples, and says how many there were in a second."""

    def __init__(self) -> None:
        self._examples = 0
        self._begun = self._ended = 0.0

    def on_epoch_begin(self, run: Run) -> None:
        """Begin to count."""
        self._examples, self._begun = 0, time.perf_counter()

    def on_batch_end(self, run: Run, x: Any, y: Any, loss: float, outputs: Any) -> None:
        """Count."""
        self._examples += length(y)
        self._ended = time.perf_counter()

    def line(self, run: Run) -> str:
        """Return the epoch's figures, and the examples per second, those of the validation left out."""
        figures = "".join(f"{name} {value:.4f}, " for name, value in run.figures.items())
        return f"{figures}{self._examples / max(self._ended - self._begun, 1e-9):,.0f} examples/s"


class ProgressBar(Progress):
    """A bar on standard error, a widget in a notebook: figures, examples per second, and the remaining time.

    Where a terminal is too narrow for all of that, figures come first: what else there is is left out.

    It has all epochs in one. Where it is not known how many batches an epoch has, it has an end from the second one on.
    """

    _shortest = 0.1  # seconds between two looks: more could not be read, and would take time from the training

    def __init__(self) -> None:
        super().__init__()
        self._bar: Any = None
        self._shown = 0.0
        self._before = 0  # batches of the epochs before the present one

    def on_train_begin(self, run: Run) -> None:
        """Show the bar, with what has been done already."""
        from tqdm.auto import tqdm

        self._before = (run.batches or 0) * len(run.history.get("loss", ()))
        bar: Any = tqdm
        self._bar = bar(
            total=None if run.batches is None else run.batches * run.epochs, initial=self._before + run.batch,
            unit="batch", ncols=_width(), dynamic_ncols=_in_notebook(), disable=sys.stderr is None,  # pyright: ignore[reportUnnecessaryComparison]
        )  # fmt: skip

    def on_epoch_begin(self, run: Run) -> None:
        """Show which epoch it is."""
        super().on_epoch_begin(run)
        self._bar.set_description(f"epoch {run.epoch}/{run.epochs}")

    def on_batch_end(self, run: Run, x: Any, y: Any, loss: float, outputs: Any) -> None:
        """Move on, if it is time for another look."""
        super().on_batch_end(run, x, y, loss, outputs)
        self._bar.n = self._before + run.batch
        if self._ended - self._shown >= self._shortest:
            self._show(run)

    def on_epoch_end(self, run: Run) -> None:
        """Show the epoch's figures."""
        self._show(run)
        self._before += run.batch
        if self._bar.total is None:
            total = run.epochs * run.batch
            self._bar.reset(total)
            self._bar.initial = self._bar.n = self._before

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()

    def _show(self, run: Run) -> None:
        self._shown = self._ended
        self._bar.n = self._before + run.batch
        width = _width()
        if width is None:
            self._bar.set_postfix_str(self.line(run))
        else:
            self._bar.ncols = width
            self._bar.bar_format, text = self._that_fits(run, width)
            self._bar.set_postfix_str(text)

    def _that_fits(self, run: Run, width: int) -> tuple[str | None, str]:
        """Return a format and the figures: as much as has room, of the bar at least one column."""
        line = self.line(run)
        joined = _joined(run)
        share = "" if self._bar.total is None else "{percentage:3.0f}% "
        short = "{desc}" + share + "[{elapsed}<{remaining}{postfix}]"
        for form, measured, text in (
            (None, "{l_bar} {r_bar}", line), (short, short, line.rpartition(", ")[0]), (short, short, joined),
        ):  # fmt: skip
            known = self._bar.format_dict | {"bar_format": measured, "postfix": text, "ncols": None}
            if len(self._bar.format_meter(**known)) <= width:
                return form, text
        return f"{run.epoch}/{run.epochs}: {joined}".replace("{", "{{").replace("}", "}}"), ""


def _joined(run: Run) -> str:
    """Return the figures, each with that of the validation, without repeating its name."""
    own = {name: value for name, value in run.figures.items() if not name.startswith("val_")}
    pairs = [(name, value, run.figures.get(f"val_{name}")) for name, value in own.items()]
    return ", ".join(f"{name} {value:.4f}" + ("" if val is None else f" val {val:.4f}") for name, value, val in pairs)


def _width() -> int | None:
    """Return how many columns the terminal has, 80 if it does not say so; None if there is none."""
    if _in_notebook():
        return None
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (AttributeError, OSError, ValueError):
        return None


class PrintLog(Progress):
    """A line for each epoch: its figures, examples per second, and the remaining time.

    Parameters
    ----------
    file : text file, optional
        Where to write; by default standard error.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        super().__init__()
        if file is not None and not hasattr(file, "write"):
            raise TypeError(f"PrintLog: file is {kind_of(file)}; give an open text file, such as sys.stdout")
        self._file = file

    def on_epoch_end(self, run: Run) -> None:
        """Write the line."""
        left = (time.perf_counter() - self._begun) * (run.epochs - run.epoch)
        number = f"{run.epoch:{len(str(run.epochs))}}/{run.epochs}"
        file: TextIO | None = self._file or sys.stderr
        if file is not None:
            print(f"epoch {number}: {self.line(run)}, {left:.0f} s left", file=file, flush=True)
