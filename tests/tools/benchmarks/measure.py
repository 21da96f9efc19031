"""How time is measured: every contender in a process of its own, in turn, and never two at once.

A process each, because idle threads of one library's pool spin for a while and would take the cores from another's, and
because each can then have the same number of threads, set before anything is imported.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from tqdm import tqdm

from tests.tools.benchmarks.works import LIBRARIES, OURS, TITLES, WORKS, Contender, Unavailable

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# How long a contender is run before the next has its turn, and how long the cores are left alone before it: OpenBLAS's
# workers spin for 27 ms after their last product.
BLOCK = 0.05
PAUSE = 0.05

# A work whose steps are long is run in fewer rounds, so that none takes longer than about a minute.
LONGEST = 60.0
FEWEST = 3

# To how many digits contenders must agree: what float32 leaves after five steps.
TOLERANCE = 2e-5


# ---------------------------------------------------------------------------------------------------------------------
# A contender's process
# ---------------------------------------------------------------------------------------------------------------------


def set_up(name: str, threads: int, tuned: bool) -> None:
    """Set up the process of a contender, before its library is first used.

    The environment that `environment` describes is already in force.
    """
    if hasattr(os, "sched_setaffinity"):  # JAX asks how many processors it may use, and takes them all
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    if LIBRARIES.get(name) == "torch":
        import torch

        torch.set_num_threads(threads)
    if name == OURS and threads > 1 and tuned:
        from autograd_np import tune_process

        tune_process()


def environment(threads: int) -> dict[str, str]:
    """Return the variables that set the threads of NumPy's, PyTorch's and SciPy's libraries when these are loaded."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    return {**dict.fromkeys(names, str(threads)), "JAX_PLATFORMS": "cpu"}


class Process:
    """A new process that holds one contender and calls functions on it.

    Use it as a context manager.

    Parameters
    ----------
    work, name : str
        Which contender of which work.
    size : int
        The work's size.
    threads : int
        How many threads each library may use; a work that has a number of its own is done with that.
    """

    def __init__(self, work: str, name: str, size: int, threads: int) -> None:
        threads = WORKS[work].threads or threads
        self._executor = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        with _variables(environment(threads)):  # the process starts with the first call, and inherits them
            self.ready: Future[None] = self._executor.submit(_make, work, name, size, threads)

    def call(
        self,
        function: Callable[Concatenate[Contender, Arguments], Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Return what `function(contender, *args, **kwargs)` returns over there, or raise what it raises."""
        return self._executor.submit(_call, function, args, kwargs).result()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(cancel_futures=True)


_contender: Contender


def _make(work: str, name: str, size: int, threads: int) -> None:
    global _contender
    set_up(name, threads, WORKS[work].tuned)
    _contender = WORKS[work].contenders[name](size)


def _call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    return function(_contender, *args, **kwargs)


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


# ---------------------------------------------------------------------------------------------------------------------
# What happens in it
# ---------------------------------------------------------------------------------------------------------------------


def figures(contender: Contender) -> list[float]:
    """Return the numbers in which contenders must agree."""
    return contender.figures()


def block(contender: Contender, steps: int) -> float:
    """Return the median time of a number of steps, in seconds."""
    times: list[float] = []
    for _ in range(steps):
        start = time.perf_counter()
        contender.step()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def shortest(contender: Contender) -> float:
    """Return the shortest time of three steps, in seconds; where steps are long, of the first."""
    first = block(contender, 1)
    return first if first > BLOCK else min(first, block(contender, 1), block(contender, 1))


# ---------------------------------------------------------------------------------------------------------------------
# Races
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """A contender at a size."""

    name: str
    size: int


@dataclass(frozen=True)
class Race:
    """The times of some entries of one work, in seconds a step: the median of each round's block.

    `left_out` says why others have none.
    """

    work: str
    times: Mapping[Entry, Sequence[float]]
    left_out: Mapping[Entry, str] = field(default_factory=dict[Entry, str])

    def time(self, entry: Entry) -> float:
        """Return the median over the rounds."""
        return statistics.median(self.times[entry])

    def ratio(self, entry: Entry, peer: Entry) -> tuple[float, float, float]:
        """Return the quartiles of an entry's time as a part of another's in the same round: lower, median, upper."""
        ratios = np.array(self.times[entry]) / np.array(self.times[peer])
        lower, median, upper = np.quantile(ratios, [0.25, 0.5, 0.75])
        return float(lower), float(median), float(upper)


def race(work: str, entries: Sequence[Entry], rounds: int, threads: int, block_seconds: float = BLOCK) -> Race:
    """Run blocks of steps of the entries in turn, forwards and backwards alternately.

    What is slow once, such as compiling, is done before: when a contender is made, or in the steps that show that all
    compute the same. One that turns out to be unavailable is left out.

    Parameters
    ----------
    work : str
        The work's name.
    entries : sequence of Entry
        Who takes part.
    rounds : int
        How many blocks each runs; fewer if that would take long.
    threads : int
        How many threads each library may use; a work that has a number of its own is done with that.
    block_seconds : float
        How long a block is; at least one step. With 0 nothing is waited for either.

    Raises
    ------
    ValueError
        If entries of the same size do not compute the same.
    """
    with ExitStack() as stack:
        processes = {entry: stack.enter_context(Process(work, entry.name, entry.size, threads)) for entry in entries}
        left_out: dict[Entry, str] = {}
        for entry, process in processes.items():
            try:
                process.ready.result()
            except Unavailable as error:
                left_out[entry] = str(error)
        entries = [entry for entry in entries if entry not in left_out]
        processes = {entry: processes[entry] for entry in entries}
        check_agreement(work, {entry: process.call(figures) for entry, process in processes.items()})
        seconds = {entry: process.call(shortest) for entry, process in processes.items()}
        steps = {entry: max(1, round(block_seconds / seconds[entry])) for entry in entries}
        rounds = min(rounds, max(FEWEST, int(LONGEST / sum(steps[entry] * seconds[entry] for entry in entries))))
        times: dict[Entry, list[float]] = {entry: [] for entry in entries}
        for i in tqdm(range(rounds), desc=f"{work} {entries[0].size}", unit="round", leave=False):
            for entry in entries if i % 2 == 0 else reversed(entries):
                time.sleep(PAUSE if block_seconds else 0)
                times[entry].append(processes[entry].call(block, steps=steps[entry]))
    return Race(work, times, left_out)


def check_agreement(work: str, found: Mapping[Entry, Sequence[float]]) -> None:
    """Raise if entries of the same size differ in their figures; one that has none has nothing to differ in.

    Raises
    ------
    ValueError
        Naming the two that differ.
    """
    for entry, numbers in found.items():
        ours = found.get(Entry(OURS, entry.size))
        if ours and numbers and not np.allclose(numbers, ours, rtol=TOLERANCE, atol=0):
            raise ValueError(
                f"{work}: {TITLES[entry.name]} computes {numbers}, {TITLES[OURS]} {ours}; they must agree to "
                f"{TOLERANCE:g}, for otherwise their times cannot be compared"
            )
