"""The program that trains in processes of their own."""

from collections.abc import Iterator

import pytest

from tests.nn.training.processes import Program


@pytest.fixture(scope="session")
def program() -> Iterator[Program]:
    made = Program()
    yield made
    made.close()
