"""Ctrl-C: the first one ends after the present step, the second one at once; handlers are as they were.

It may come at any time: before a batch, in the midst of a step, when an epoch begins, in the last step of all, while
standard error is written to; in a process of its own, and in this one; in another thread none comes at all.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from tests.nn.training.processes import Program, result
from tests.nn.training.trainings import EVENTS, Failing, Options, Training, bits


class Interrupting(Failing):
    """Presses Ctrl-C when a method is called for the so manyth time."""

    def __init__(self, event: str, number: int, twice: bool = False) -> None:
        super().__init__(event, number)
        self.twice = twice

    def _count(self, event: str) -> None:
        try:
            super()._count(event)
        except ZeroDivisionError:
            for _ in range(1 + self.twice):
                signal.raise_signal(signal.SIGINT)


OPTIONS = Options(epochs=2)


def undisturbed(folder: Path, callbacks: tuple[Any, ...] = ()) -> Any:
    whole = Training(OPTIONS, folder, callbacks)
    whole.run()
    return bits(whole.outcome())


def test_a_process_that_is_interrupted_goes_on_with_the_same_bits(tmp_path: Path, program: Program) -> None:
    assert program.run(OPTIONS, tmp_path / "whole") == 0
    expected = result(tmp_path / "whole")["outcome"]
    program.order(OPTIONS, tmp_path / "parts", pause=2)
    os.kill(program.receive(), signal.SIGINT)
    program.send("")
    assert program.receive() == 0
    found = result(tmp_path / "parts")
    assert found["default_handler"]
    assert found["outcome"]["stopped"] == "interrupted"
    assert found["outcome"]["history"] == {}  # of no whole epoch
    assert program.run(OPTIONS, tmp_path / "parts") == 0
    assert result(tmp_path / "parts")["outcome"] == expected


def test_a_process_that_is_interrupted_twice_ends_at_once(tmp_path: Path, program: Program) -> None:
    program.order(OPTIONS, tmp_path / "parts", pause=5)
    child = program.receive()
    os.kill(child, signal.SIGINT)
    # Sent together they would be one.
    program.send("again")
    assert program.receive() == child
    os.kill(child, signal.SIGINT)
    program.send("")
    assert program.receive() == 130
    assert program.run(OPTIONS, tmp_path / "whole") == 0
    expected = result(tmp_path / "whole")["outcome"]
    assert program.run(OPTIONS, tmp_path / "parts") == 0
    assert result(tmp_path / "parts")["outcome"] == expected


@pytest.mark.parametrize("event", EVENTS[1:-1])
@pytest.mark.parametrize("number", [1, 2])
def test_it_goes_on_with_the_same_bits(event: str, number: int, tmp_path: Path, capsys: Any) -> None:
    expected = undisturbed(tmp_path / "whole", (Failing("", 0),))
    training = Training(OPTIONS, tmp_path / "parts", [Interrupting(event, number)])
    history = training.run()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    at_end = event == "on_epoch_end" and number == 2
    assert history.stopped == (None if at_end else "interrupted")
    assert "ending after this batch" in capsys.readouterr().err
    begun = {"on_epoch_begin": 0, "on_epoch_end": 1}.get(event, 0) + (number - 1 if "epoch" in event else 0)
    assert [len(figures) for figures in history.values()] == [begun] * len(history)
    assert bool(history) == (begun > 0)
    training = Training(OPTIONS, tmp_path / "parts", [Interrupting("", 0)])
    training.run()
    assert bits(training.outcome()) == expected


def test_without_a_checkpoint_the_history_so_far_is_returned(capsys: Any) -> None:
    model = nn.Linear(3, 2, rng=0)
    x, y = np.ones((20, 3), np.float32), np.arange(20) % 2
    interrupting = Interrupting("on_batch_begin", 4)
    history = nn.fit(
        model, x, y, optimizer=nn.optim.SGD(model.parameters(), lr=0.1), batch_size=10, rng=0, progress=False,
        callbacks=[interrupting],
    )  # fmt: skip
    assert len(history["loss"]) == 2
    assert history.stopped == "interrupted"
    capsys.readouterr()


def test_a_second_one_ends_at_once(tmp_path: Path, capsys: Any) -> None:
    expected = undisturbed(tmp_path / "whole", (Interrupting("", 0),))
    training = Training(OPTIONS, tmp_path / "parts", [Interrupting("on_batch_begin", 5, twice=True)])
    with pytest.raises(KeyboardInterrupt):
        training.run()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    capsys.readouterr()
    training = Training(OPTIONS, tmp_path / "parts", [Interrupting("", 0)])
    training.run()
    assert bits(training.outcome()) == expected


def test_a_handler_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    heard: list[int] = []

    def own(number: int, frame: Any) -> None:
        heard.append(number)

    before = signal.signal(signal.SIGINT, own)
    try:
        history = Training(OPTIONS, tmp_path / "parts", [Interrupting("on_batch_begin", 2)]).run()
        assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]
    assert history.stopped is None


def test_one_that_a_callback_installs_stays(tmp_path: Path) -> None:
    class Installing(nn.callbacks.Callback):
        def on_epoch_begin(self, run: Any) -> None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    try:
        Training(OPTIONS, tmp_path / "parts", [Installing()]).run()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_another_thread_installs_nothing(tmp_path: Path) -> None:
    seen: list[Any] = []

    class Looking(nn.callbacks.Callback):
        def on_batch_begin(self, run: Any, x: Any, y: Any) -> None:
            seen.append(signal.getsignal(signal.SIGINT))

    training = Training(OPTIONS, tmp_path / "parts", [Looking()])
    thread = threading.Thread(target=training.run)
    thread.start()
    thread.join()
    assert {*seen} == {signal.default_int_handler}
    assert training.history.stopped is None


def test_it_is_restored_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        Training(OPTIONS, tmp_path / "parts", [Failing("on_step_end", 2)]).run()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_standard_error_that_is_being_written_to_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        """A stream on which a signal arrives in the midst of a write."""

        def write(self, text: str) -> int:
            raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

        flush = write

    monkeypatch.setattr(sys, "stderr", Interrupted())
    assert Training(OPTIONS, tmp_path / "parts", [Interrupting("on_step_end", 1)]).run().stopped
