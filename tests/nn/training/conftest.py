"""The program that trains in processes of their own; and Ctrl-C, which is heeded."""

import signal
from collections.abc import Iterator

import pytest

from tests.nn.training.processes import Program


@pytest.fixture(scope="session")
def program() -> Iterator[Program]:
    made = Program()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _heeds_interrupts() -> Iterator[None]:
    """Let Ctrl-C mean what it does in a terminal: in the background, processes are started to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
