"""The notes of writes, held against an array that holds the number of the last write into each of its elements.

Which memory is the same: views by slices, steps and axes, arrays of Fortran order, `as_strided` and windows, memory
seen through `memoryview`, DLPack or `ctypes`; which is not: neighbours in one allocation, and new arrays at old
addresses.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from autograd_np.versions import Versions
from autograd_np.versions import versions as global_versions

ALIASES: dict[str, Callable[[np.ndarray], Any]] = {
    "a slice": lambda x: x[2:4],
    "a reversed view": lambda x: x[::-1],
    "a transposed view": lambda x: x.reshape(2, 4).T,
    "as_strided": lambda x: as_strided(x, (3, 2), (16, 8)),
    "windows": lambda x: sliding_window_view(x, 3),
    "a memoryview": lambda x: np.frombuffer(memoryview(x)),
    "DLPack": np.from_dlpack,
    "ctypes": lambda x: np.ctypeslib.as_array((np.ctypeslib.ctypes.c_double * 8).from_address(x.ctypes.data)),
}


@pytest.mark.parametrize("name", ALIASES)
def test_one_memory_by_any_name(name: str) -> None:
    versions, x = Versions(), np.zeros(8)
    alias = ALIASES[name](x)
    versions.note(alias)
    assert versions.last(x) == versions.latest
    versions.note(x[2:3])
    assert versions.last(alias) == versions.latest


def test_neighbours_are_not_the_same() -> None:
    versions, x = Versions(), np.zeros((4, 3))
    versions.note(x[1])
    assert versions.last(x[0]) == versions.last(x[2:]) == 0
    assert versions.last(x) == versions.last(x[1, 2:]) == versions.latest


def test_no_memory_is_not_written() -> None:
    versions = Versions()
    versions.note(np.zeros((0, 3)))
    assert versions.last(np.zeros((3, 0))) == 0


@given(
    writes=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 3)), min_size=1, max_size=120),
    reads=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=20),
)
def test_last_write_of_each_element(writes: list[tuple[int, int, int]], reads: list[tuple[int, int]]) -> None:
    versions, x, model = Versions(), np.zeros(40), np.zeros(40, int)
    for start, stop, step in writes:
        part = x[start:stop:step]
        versions.note(part)
        if part.size:
            model[start : stop - (stop - 1 - start) % step] = versions.latest  # from the first element to the last
    for start, stop in reads:
        assert versions.last(x[start:stop]) == max(model[start:stop], default=0)


@pytest.mark.parametrize("at_once", [1, 1000], ids=["at one address", "at many"])
def test_memory_that_is_gone_is_forgotten(at_once: int) -> None:
    versions, kept = Versions(), np.zeros(10)
    for _ in range(1000 // at_once):
        arrays = [np.zeros(10) for _ in range(at_once)]
        for array in arrays:
            versions.note(array[2:5])
    del arrays, array
    versions.note(kept)
    assert len(versions._ordered) + len(versions._notes) < 100
    assert len(versions._owners) < 10


def test_writes_from_many_threads_are_all_noted() -> None:
    versions, rows = Versions(), np.zeros((8, 50, 2))
    start = threading.Barrier(8)

    def work(i: int) -> None:
        start.wait()
        for row in rows[i]:
            versions.note(row)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = [versions.last(row) for row in rows.reshape(-1, 2)]
    assert len(set(last)) == 400
    assert max(last) == versions.latest


def test_a_write_in_the_middle_of_putting_writes_in_order() -> None:
    """As by a signal handler or a finalizer: it neither waits for ever nor is lost."""
    versions, x = Versions(), np.zeros(200)
    noted = versions._noted

    def interrupted() -> Any:
        found = noted()
        if not nested:
            nested.append(True)
            versions.note(x[100:101])
            nested.append(versions.latest)
        return found

    nested: list[Any] = []
    versions._noted = interrupted  # type: ignore[method-assign]
    for i in range(40):
        versions.note(x[i : i + 1])
    assert versions.last(x[100:101]) == nested[1]
    assert versions.last(x) == versions.latest > nested[1]


def test_writes_put_in_order_in_the_middle_of_looking_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by another thread: those at lower addresses move all others on, in the list that is being read."""
    versions, x = Versions(), np.zeros(200)
    for i in range(100, 200):
        versions.note(x[i : i + 1])
    number = versions.last(x[100:101])
    between = sys.modules["autograd_np.versions"]._between

    def interrupted(ordered: Any, start: int, stop: int) -> Any:
        found = between(ordered, start, stop)
        monkeypatch.undo()
        for i in range(100):
            versions.note(x[i : i + 1])
        return found

    monkeypatch.setattr("autograd_np.versions._between", interrupted)
    assert versions.last(x[100:101]) == number > 0


def test_no_write_is_younger_than_the_latest() -> None:
    """Whatever comes between: other threads that write, and arrays that are given back while they do."""
    versions, missed = Versions(), list[int]()

    def work() -> None:
        kept = np.zeros(2)
        for _ in range(5000):
            versions.note(kept)
            if versions.latest < versions.last(kept):
                missed.append(versions.last(kept))
            versions.note(np.zeros(2))  # which is given back at once

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not missed


def test_a_signal_handler_writes_between_any_two_steps_of_a_write() -> None:
    """The handler's write has the higher number, which the interrupted one must not hide."""
    kept = np.zeros(2)

    class Interrupted(Versions):
        armed = False

        def __setattr__(self, name: str, value: Any) -> None:
            if name == "latest" and self.armed:
                self.armed = False
                self.note(kept)
            super().__setattr__(name, value)

    versions = Interrupted()
    versions.armed = True
    versions.note(np.zeros(3))
    assert versions.latest >= versions.last(kept) > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_writes_though_another_thread_was_noting() -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with global_versions._noting:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # ends a process that waits for ever
        global_versions.note(np.zeros(2))
        os._exit(0)
    done.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
