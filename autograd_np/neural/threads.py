"""One switch that makes a process faster at training: a helper thread for large operations, and memory that is kept."""

from __future__ import annotations

import contextvars
import ctypes
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["in_halves", "over_halves", "tune_process", "tuned"]

Work = Callable[[slice], None]

# Waking a thread takes 5 to 10 microseconds: an operation on fewer numbers is over by then.
_LARGE = 2**16


def tune_process(enabled: bool = True) -> None:
    """Give this process to training: large operations on two threads, freed memory kept.

    By default NumPy's BLAS alone uses several threads, for matrix products. Tuned, large convolutions, poolings, linear
    layers and updates are cut in two, for a helper thread and the calling one, and BLAS is held to one thread (through
    ``threadpoolctl``), since its own would stand in the way. With glibc, memory that is freed is kept by the process
    instead of given back to the system, which large arrays otherwise pay for with thousands of page faults in each
    step.

    It is for large convolutional networks: a step of LeNet takes 0.7 of the time. Where products of matrices are most
    of the work, BLAS's own threads do better: a step of a perceptron takes 1.4 of the time. It holds for the whole
    process: other products of matrices, also those written with @, have one thread then.

    A convolution gives the same bits as without. A matrix product may differ in the last bit, as it does between
    different numbers of BLAS threads.

    It is off by default. Leave it off where there is one core for the process, as for workers that share a machine: a
    process made by `os.fork` starts without.

    Parameters
    ----------
    enabled : bool
        False gives BLAS its threads back and ends the helper.

    Examples
    --------
    >>> from autograd_np import tune_process
    >>> tune_process()
    >>> tune_process(False)
    """
    global _helper, _limits
    if enabled and _helper is None:
        from threadpoolctl import threadpool_limits  # pyright: ignore

        _keep_freed_memory()
        _helper = _Helper()
        _limits = threadpool_limits(limits=1, user_api="blas")
    elif not enabled and _helper is not None:
        if _limits is not None:
            _limits.restore_original_limits()
        _limits, helper, _helper = None, _helper, None
        helper.end()


def tuned() -> bool:
    """Tell whether `tune_process` is in force."""
    return _helper is not None


def in_halves(work: Work, length: int, size: int = 0, multiplications: int = 0) -> None:
    """Call `work` with slices that cover `range(length)`: two for a large operation, on two threads if there are.

    A large operation is cut in the same place with and without threads, so that its results are the same.

    Parameters
    ----------
    work : callable
        Does a part of the operation; parts must not write what others read or write.
    length : int
        Of the axis that is cut.
    size : int
        How many numbers the operation goes over.
    multiplications : int
        How many multiplications its products of matrices take: 50 of them take as long as one number of `size`.
    """
    if size + multiplications // 50 < _LARGE or length < 2:
        work(slice(0, length))
        return
    first, second = slice(0, length // 2), slice(length // 2, length)
    helper = _helper
    if helper is None or helper.busy:
        work(first)
        work(second)
        return
    task = _Task(work, second)
    # Wherever Ctrl-C comes in between, the helper must not write any more when others read: twice, for it may be there.
    try:
        try:
            helper.tasks.put(task)
            work(first)
            if task.taken_by(_CALLER):  # before the helper has woken up
                work(second)
        finally:
            task.settle()
    finally:
        task.settle()
    if task.error is not None:
        raise task.error


def over_halves(work: Callable[..., None], *arrays: NDArray[Any]) -> None:
    """Call `work` with arrays of one shape, or with their halves if they are large, as `in_halves` does.

    Parameters
    ----------
    work : callable
        Takes as many arrays, and acts on each element by itself.
    *arrays : ndarray
        Of one shape.
    """
    first = arrays[0]
    if first.size < _LARGE or type(first) is not np.ndarray:  # captured as one operation
        work(*arrays)
    else:
        in_halves(lambda rows: work(*[array[rows] for array in arrays]), len(first), first.size)


_CALLER, _HELPER = "caller", "helper"


class _Task:
    """A piece of work for whoever comes first. What an interrupt leaves behind belongs to this task alone."""

    def __init__(self, work: Work, part: slice) -> None:
        self._work, self._part = work, part
        # NumPy's error state, among others, is the caller's.
        self._context = contextvars.copy_context()
        self._taken: dict[str, str] = {}
        self._done = threading.Lock()
        self._done.acquire()
        self._finished = False
        self.error: BaseException | None = None

    def taken_by(self, who: str) -> bool:
        """Take the task, if nobody has; tell whether it is one's own."""
        return self._taken.setdefault("by", who) is who

    def run(self) -> None:
        """Do the work."""
        try:
            self._context.run(self._work, self._part)
        except BaseException as error:
            self.error = error
        self._finished = True
        self._done.release()

    def settle(self) -> None:
        """Let nobody begin the task any more, and wait for the helper if it has."""
        while not (self.taken_by(_CALLER) or self._finished):
            self._done.acquire()


class _Helper:
    """A thread that does what it finds in a queue.

    Attributes
    ----------
    busy : bool
        Whether it is at work; who is then in a hurry works alone.
    """

    def __init__(self) -> None:
        self.busy = False
        self.tasks: SimpleQueue[_Task | None] = SimpleQueue()
        threading.Thread(target=self._run, name="autograd_np helper", daemon=True).start()

    def end(self) -> None:
        self.tasks.put(None)

    def _run(self) -> None:
        while (task := self.tasks.get()) is not None:
            if task.taken_by(_HELPER):
                self.busy = True
                task.run()
                self.busy = False
            del task


_helper: _Helper | None = None
_limits: Any = None


def _forget_helper() -> None:
    """Start a forked process without a helper: it has one thread."""
    global _helper
    _helper = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_helper)


def _keep_freed_memory() -> None:
    """Let glibc take large arrays from the heap, and not trim it; elsewhere do nothing."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or none
        return
    largest = 2**30
    for option in (-1, -3):  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
        mallopt(option, largest)
