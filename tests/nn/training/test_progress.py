"""What is shown of a training: a bar in a terminal, a line an epoch elsewhere, nothing on request.

The terminal is a real one, of the operating system's pairs of pseudo-terminals. In every case standard output stays as
it was, and after an error nothing is left behind.
"""

import io
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from tqdm import tqdm

import nn
from nn.training import progress
from nn.training.callbacks import Callback, PrintLog, ProgressBar
from tests.nn.training.runs import Again, fitted, problem

pty = pytest.importorskip("pty", reason="pseudo-terminals are of Unix")

RATE = r"[\d,]+ examples/s"


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, columns: int = 200) -> Iterator[list[str]]:
    """Make standard error a terminal; afterwards the list holds all that was written to it."""
    import termios

    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, columns))
    parts: list[bytes] = []

    def read() -> None:
        try:
            while part := os.read(master, 4096):
                parts.append(part)
        except OSError:  # what Linux answers when the other side is closed
            return

    reader = threading.Thread(target=read)
    reader.start()
    written: list[str] = []
    try:
        with monkeypatch.context() as patch, os.fdopen(slave, "w") as file:
            patch.setattr(sys, "stderr", file)
            yield written
    finally:
        reader.join()
        os.close(master)
        written.extend(b"".join(parts).decode().replace("\r\n", "\n").split("\r"))


@pytest.fixture(name="every_batch")
def _every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProgressBar, "_shortest", 0.0)


@pytest.mark.usefixtures("every_batch")
class TestBar:
    """In a terminal."""

    def test_shows_all_there_is(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        options = {"metrics": {"accuracy": nn.accuracy}, "validation": problem(1), "batch_size": 40, "epochs": 2}
        with terminal(monkeypatch) as written:
            _, history = fitted(progress=True, **options)
        last = {name: f"{name} {values[-1]:.4f}" for name, values in history.items()}
        line = rf"epoch 2/2: 100%\|.*\| 6/6 \[\d\d:\d\d<00:00, .*batch/s, {', '.join(last.values())}, {RATE}\]"
        assert re.fullmatch(line, written[-1].strip())
        assert written[-1].endswith("\n")  # what is written next has a line of its own
        # after the first batch: the figures so far, and when it will be over
        first = [text for text in written if re.match(r"epoch 1/2:.* 1/6 ", text)]
        assert re.search(
            rf"1/6 \[\d\d:\d\d<\d\d:\d\d, .*batch/s, loss \d\.\d{{4}}, accuracy 0\.\d{{4}}, {RATE}\]", first[-1]
        )
        assert capsys.readouterr() == ("", "")

    def test_has_an_end_from_the_second_epoch_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where nobody knows how many batches there are."""
        x, y = problem()
        model = nn.Linear(3, 2, rng=0)
        optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
        with terminal(monkeypatch) as written:
            bar = ProgressBar()
            batches = Again([(x, y), (x, y), (x, y)])
            nn.fit(model, batches, optimizer=optimizer, epochs=3, callbacks=[bar], progress=False)
        assert re.match(
            r"epoch 1/3: : 2batch \[\d\d:\d\d, .*batch/s, loss ", [t for t in written if " 2batch" in t][-1]
        )
        assert re.search(r"epoch 2/3:.* 4/9 \[\d\d:\d\d<\d\d:\d\d, ", "".join(written))
        assert re.search(r"epoch 3/3: 100%.* 9/9 \[\d\d:\d\d<00:00, ", written[-1])
        assert bar._bar.format_dict["initial"] == 3  # the rate, and the remaining time, are of what came since

    def test_goes_on_where_a_training_is_resumed(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
        fitted(epochs=2, batch_size=40, checkpoint=tmp_path)
        with terminal(monkeypatch) as written:
            fitted(epochs=3, batch_size=40, checkpoint=tmp_path, progress=True)
        assert re.findall(r" \d/9 ", "".join(written))[0] == " 6/9 "
        assert re.search(r"epoch 3/3: 100%.* 9/9 ", written[-1])

    def test_passes_over_what_was_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Steps that are not finite are a part of the way, too."""
        x, y = problem()
        x[5] = np.nan
        with terminal(monkeypatch) as written, pytest.warns(RuntimeWarning, match="left out"):
            fitted(data=(x, y), batch_size=40, epochs=1, nonfinite="skip", progress=True)
        assert re.search(r"100%.* 3/3 ", written[-1])

    @pytest.mark.parametrize("event", ["on_train_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end"])
    def test_leaves_nothing_behind(self, event: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*args: Any) -> None:
            raise ZeroDivisionError

        failing = type("Failing", (Callback,), {event: fail})()
        with terminal(monkeypatch) as written, pytest.raises(ZeroDivisionError):
            fitted(callbacks=[failing], progress=True)
        assert not [*getattr(tqdm, "_instances", ())]
        assert written[-1].endswith("\n") == (event != "on_train_begin")


def test_a_bar_looks_up_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look takes time: however short the batches are, there are few."""
    lines: list[str] = []
    line = ProgressBar.line
    monkeypatch.setattr(ProgressBar, "line", lambda self, run: lines.append("") or line(self, run))
    monkeypatch.setattr(ProgressBar, "_shortest", 1e9)
    with terminal(monkeypatch):
        fitted(epochs=2, batch_size=1, progress=True)
    assert len(lines) == 2


def test_a_bar_says_where_an_error_ended_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if it has not looked for a while."""
    monkeypatch.setattr(ProgressBar, "_shortest", 1e9)

    class Fails(Callback):
        def on_epoch_end(self, run: Any) -> None:
            raise ZeroDivisionError

    with terminal(monkeypatch) as written, pytest.raises(ZeroDivisionError):
        fitted(epochs=2, batch_size=40, callbacks=[Fails()], progress=True)
    assert re.match(r"epoch 1/2:  50%.* 3/6 ", written[-1])


LINE = rf"epoch 1/2: loss \d\.\d{{4}}, val_loss \d\.\d{{4}}, {RATE}, \d+ s left\n"


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    fitted(epochs=2, validation=problem(1), progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(LINE + LINE.replace("1/2", "2/2"), err)


def test_silence_on_request(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    fitted(epochs=2)
    with terminal(monkeypatch) as written:
        fitted(epochs=2)
    assert capsys.readouterr() == ("", "")
    assert written == [""]


def test_lines_go_to_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    file = io.StringIO()
    history = fitted(epochs=12, callbacks=[PrintLog(file)])[1]
    lines = file.getvalue().splitlines()
    assert len(lines) == 12
    assert lines[0].startswith(f"epoch  1/12: loss {history['loss'][0]:.4f}, ")
    assert lines[-1].endswith(" 0 s left")
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    """Also where there is no terminal, such as in a log that is looked at later."""
    fitted(epochs=2, callbacks=[ProgressBar()])
    assert "epoch 2/2: 100%" in capsys.readouterr().err


@pytest.mark.parametrize("show", [PrintLog, ProgressBar])
def test_rate_is_of_training_alone(show: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples of the epoch by the seconds from its beginning to its last batch: by a clock that each reading moves."""
    times = iter(range(1000))
    monkeypatch.setattr(progress.time, "perf_counter", lambda: float(next(times)))
    shower = show()
    fitted(epochs=1, batch_size=40, callbacks=[shower], validation=problem(1))
    run = type("Run", (), {"figures": {"loss": 0.5}})()
    assert shower.line(run) == "loss 0.5000, 40 examples/s"


def _two_metrics() -> dict[str, Any]:
    metrics = {"accuracy": nn.accuracy, "f1": lambda outputs, y: 0.25}
    return {"metrics": metrics, "validation": problem(1), "batch_size": 40, "epochs": 2, "progress": True}


@pytest.mark.parametrize("columns", [0, 60, 80, 100, 120, 160])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.usefixtures("every_batch")
def test_figures_come_first_where_there_is_little_room(
    columns: int, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal that does not say how wide it is, as some that are made by programs, has 80 columns."""
    options = {name: value for name, value in _two_metrics().items() if name != "batch_size"}
    model = nn.Linear(3, 2, rng=0)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
    x, y = problem()
    batches = [(x, y), (x, y)]
    with terminal(monkeypatch, columns) as written:
        history = nn.fit(model, batches if known else Again(batches), optimizer=optimizer, **options)
    last = written[-1].rstrip()
    assert re.match("epoch 2/2: " if columns > 100 else "2/2: ", last)
    assert all(len(text.strip("\n")) <= (columns or 80) for text in written)
    if columns != 60:
        for name, values in history.items():
            assert f"{'val' if name.startswith('val_') and columns < 160 else name} {values[-1]:.4f}" in last
    else:
        assert f"loss {history['loss'][-1]:.4f} val {history['val_loss'][-1]:.4f}, accuracy " in last


@pytest.mark.parametrize("own", [None, PrintLog, ProgressBar])
def test_silence_without_a_standard_error(
    own: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in programs without a console."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", None)
        fitted(epochs=2, progress=True, callbacks=[] if own is None else [own()])
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("own", [PrintLog, ProgressBar])
def test_ones_own_wins(own: Any, capsys: pytest.CaptureFixture[str]) -> None:
    fitted(epochs=1, progress=True, callbacks=[own()])
    err = capsys.readouterr().err
    assert ("examples/s, 0 s left" in err) == (own is PrintLog)
    assert ("%|" in err) == (own is ProgressBar)
