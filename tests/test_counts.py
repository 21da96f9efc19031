"""What a step costs, in counts that are the same on every machine: no change may raise them unnoticed.

Each bound is the count at the time of writing. Where a change lowers a count, lower its bound.
"""

import gc

import numpy as np
import pytest

from autograd_np import Tensor
from autograd_np.tape import Node
from tests.allocations import allocated
from tests.calls import python_calls
from tests.tools.benchmarks.works import OURS, WORKS, Eager


def training(work: str, batch: int) -> Eager:
    """Return a training whose caches are filled."""
    contender = WORKS[work].contenders[OURS](batch)
    assert isinstance(contender, Eager)
    for _ in range(5):
        contender.step()
    return contender


def living_nodes() -> int:
    return sum(type(thing) is Node for thing in gc.get_objects())


def powers(x: Tensor, count: int) -> Tensor:
    y = x
    for _ in range(count):
        y = y * x
    return y.sum()


@pytest.fixture
def x() -> Tensor:
    x = Tensor(np.linspace(0.5, 1.5, 10, dtype=np.float32), requires_grad=True)
    powers(x, 3).backward()  # what is made once is made
    return x


class TestHelpers:
    def test_python_calls(self) -> None:
        def inner() -> None:
            abs(-1)

        assert python_calls(inner) == 1
        assert python_calls(lambda: [inner(), inner()]) == 3

    def test_allocated(self) -> None:
        assert allocated(lambda: np.empty(16384, np.float32)) == [65536]
        assert allocated(lambda: np.zeros(16384, np.float32)) == [65536]
        assert allocated(lambda: np.empty(16383, np.float32)) == []
        large = np.ones((256, 256))
        assert allocated(lambda: [large.T, large[1:], np.add(large, 1, out=large)]) == []
        assert allocated(lambda: large + large) == [large.nbytes]


@pytest.mark.parametrize(("work", "most"), [("mlp", 4), ("mlp3-adam", 6), ("cnn", 9), ("lenet", 14)])
def test_nodes_of_a_model(work: str, most: int) -> None:
    """One for each layer that computes, and one for the loss."""
    step = training(work, batch=2)
    gc.collect()  # of what other tests have left
    before = living_nodes()
    loss = step.criterion(step.model(step.x), step.y)
    assert 0 < living_nodes() - before <= most
    assert loss.requires_grad


def test_python_calls_of_an_operation(x: Tensor) -> None:
    assert 1 < python_calls(lambda: x * x) <= 1 + 4


def test_python_calls_of_a_node_in_the_sweep(x: Tensor) -> None:
    """Two of the three are the rules, one for each factor, and one calls them."""
    short, long = powers(x, 100), powers(x, 200)
    assert 100 < python_calls(long.backward) - python_calls(short.backward) <= 100 * 3


@pytest.mark.parametrize(
    ("work", "most"), [("mlp", 5), ("mlp3-momentum", 6), ("mlp3-adam", 6), ("cnn", 9), ("lenet", 14)]
)
def test_large_arrays_of_a_training_step(work: str, most: int) -> None:
    """Arrays of 64 KiB or more, which the system hands out page by page."""
    assert 0 < len(allocated(training(work, batch=64).step)) <= most


@pytest.mark.parametrize("work", ["mlp", "cnn"])
def test_a_step_allocates_the_same_every_time(work: str) -> None:
    step = training(work, batch=64).step
    assert allocated(step) == allocated(step)


@pytest.mark.parametrize(
    "work", ["compiled-mlp", "compiled-momentum", "compiled-adam", "compiled-block", "compiled-lstm"]
)
def test_a_compiled_step_makes_no_large_arrays(work: str) -> None:
    assert allocated(training(work, batch=64).step) == []


@pytest.mark.parametrize("work", ["compiled-cnn", "compiled-lenet"])
def test_kernels_lend_what_would_be_large_arrays(work: str) -> None:
    """From where on it takes less time: at 256 KiB, where pages are what an array costs."""
    assert [size for size in allocated(training(work, batch=64).step) if size >= 2**18] == []
