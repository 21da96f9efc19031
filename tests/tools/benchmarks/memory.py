"""How memory is measured: what a training adds to a process, at its peak and between two steps.

The peak is the kernel's own account of the process, since each library allocates in its own way. The memory of one
operation of a chain is Python's account, to the byte.
"""

from __future__ import annotations

import ctypes
import gc
import platform
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.tools.benchmarks.measure import Process
from tests.tools.benchmarks.works import WORKS, Contender

STEPS = 3


@dataclass(frozen=True)
class Memory:
    """What a contender adds to its process, in bytes: data, model, optimiser and whatever its steps need.

    Attributes
    ----------
    peak : int
        At most, during a step.
    retained : int
        Between steps.
    """

    peak: int
    retained: int


def available() -> bool:
    """Tell whether the system keeps the account that is needed: Linux with glibc does."""
    return platform.libc_ver()[0] == "glibc"


def step_memory(work: str, name: str, size: int, threads: int) -> Memory:
    """Measure a contender in a process of its own.

    What the library takes once and for all, code that it loads late and threads, does not count: a first contender, of
    size 1, takes that before.
    """
    with Process(work, name, 1, threads) as process:
        process.ready.result()
        return process.call(_measure, make=partial(_contender, work, name, size))


def bytes_per_operation(name: str, length: int, threads: int) -> float:
    """Return the peak of what Python and NumPy have allocated for a chain, for each of its operations."""
    with Process("chain", name, length, threads) as process:
        return process.call(_traced_peak) / length


def _contender(work: str, name: str, size: int) -> Contender:
    return WORKS[work].contenders[name](size)


def _measure(small: Contender, make: Callable[[], Contender]) -> Memory:
    small.figures()
    before = _settle()
    contender = make()
    contender.figures()  # the first steps compile, and fill caches
    _settle()
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    for _ in range(STEPS):
        contender.step()
    peak = _kilobytes("VmHWM")
    return Memory(1024 * (peak - before), 1024 * (_settle() - before))


def _settle() -> int:
    """Free what is free, and return what the process then has, in kilobytes."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return _kilobytes("VmRSS")


def _kilobytes(field: str) -> int:
    found = re.search(rf"{field}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])


def _traced_peak(contender: Contender) -> int:
    contender.step()
    gc.collect()
    tracemalloc.start()
    try:
        contender.step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
