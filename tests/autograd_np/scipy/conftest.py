"""What the tests of this folder share."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread: NumPy and SciPy each bring a pool, and on small matrices they wait for one another."""
    with threadpool_limits(1):
        yield
