"""Memory that is lent again: never while anybody can still see what is written there.

Who may see it: the array itself, any view of it, a view of a view, what other libraries and buffers hold of it, and
other threads.
"""

import gc
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import memory, value_and_grad
from autograd_np.memory import empty, empty_like
from autograd_np.neural import conv2d, max_pool2d

LARGE = (256, 256)
F4, F8 = np.dtype(np.float32), np.dtype(np.float64)


@pytest.fixture(autouse=True)
def nothing_lent_before() -> None:
    gc.collect()
    memory.Lent.free.clear()


def address(x: Any) -> int:
    return x.__array_interface__["data"][0]


def test_memory_of_an_array_that_is_gone_is_lent_again() -> None:
    first = empty(LARGE, F4)
    place = address(first)
    del first
    assert address(empty((2, 32768), F4)) == place
    assert address(empty((256, 128), F8)) == place


@pytest.mark.parametrize(
    "hold",
    [
        lambda x: x,
        lambda x: x.T[3:],
        lambda x: x[1:].reshape(-1).view(np.uint8)[::2],
        lambda x: memoryview(x),
        lambda x: np.frombuffer(x, np.uint8),
        lambda x: np.lib.stride_tricks.as_strided(x, (3,), (4,)),
        lambda x: x.flat,
        lambda x: np.asarray(x).data,
    ],
)
def test_what_is_still_seen_is_not_lent_again(hold: Any) -> None:
    x = empty(LARGE, F4)
    place, held = address(x), hold(x)
    del x
    assert address(empty(LARGE, F4)) != place
    del held
    gc.collect()
    assert address(empty(LARGE, F4)) == place


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([2**18, 2**18 + 8, 2**19]), st.booleans()), max_size=40))
def test_no_array_loses_what_was_written_into_it(steps: list[tuple[int, int, bool]]) -> None:
    """Whatever is made, kept as a view, and let go."""
    held: dict[int, tuple[int, Any]] = {}
    for number, (name, size, as_view) in enumerate(steps):
        x = empty((size // 8,), F8)
        x.fill(number)
        held[name] = number, x[1:][::3] if as_view else x
        del x
        for written, array in held.values():
            assert np.all(array == written)


def test_threads_have_memory_of_their_own() -> None:
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(300):
            x = empty(LARGE, F4)
            x.fill(number)
            y = empty(LARGE, F4)
            y.fill(-number)
            if np.any(x != number) or np.any(y != -number):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_small_arrays_and_those_of_objects_are_numpy_s_own() -> None:
    assert empty((4, 4), F4).base is None
    assert empty((10_000,), np.dtype(object)).base is None


def test_no_more_is_kept_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def kept() -> int:
        return sum(size * len(parts) for size, parts in memory.Lent.free.items())

    monkeypatch.setattr(memory, "_KEPT", 4 * 2**18)
    arrays = [empty(LARGE, F4) for _ in range(6)]
    del arrays
    assert kept() == 6 * 2**18  # as many as there were at once
    empty((2**19,), F4)  # another size: what was kept is given back, and of this nothing is
    assert kept() == 0


@given(st.permutations(range(4)), st.sampled_from([1, 160]), st.integers(1, 3), st.sampled_from("fd?"))
def test_axes_lie_in_the_order_of_another_array_s(axes: list[int], long: int, by: int, dtype: str) -> None:
    x = np.empty((6, 9, long, 12), F4).transpose(axes)
    for shape in (x.shape, tuple(-(-length // by) for length in x.shape)):
        expected = np.empty_like(x, dtype=dtype, shape=shape)
        found = empty_like(x, shape, np.dtype(dtype))
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        order = [axis for axis in np.argsort(found.strides, kind="stable") if shape[axis] > 1]
        assert order == [axis for axis in np.argsort(expected.strides, kind="stable") if shape[axis] > 1]


@pytest.mark.parametrize("channels", [1, 16])
@pytest.mark.parametrize("stride", [1, 2])
def test_kernels_write_all_that_they_read(channels: int, stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lent memory holds is no part of any result. With all bits set, floating-point numbers are NaN."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(64, channels, 33, 31)), rng.normal(size=(8, channels, 5, 3))
    lend = memory.Lent.array
    content = lent = 0

    def lend_filled(self: Any, *form: Any) -> Any:
        nonlocal lent
        self.memory.fill(content)
        lent += 1
        return lend(self, *form)

    def f(x: Any, w: Any) -> Any:
        return np.sum(np.cos(max_pool2d(conv2d(x, w, np.ones(8), stride, (2, 1)), 2)))

    monkeypatch.setattr(memory.Lent, "array", lend_filled)
    value, gradients = value_and_grad(f, argnums=(0, 1))(x, w)
    content = 255
    value_again, gradients_again = value_and_grad(f, argnums=(0, 1))(x, w)
    assert lent > 10
    for one, other in zip((value, *gradients), (value_again, *gradients_again), strict=True):
        np.testing.assert_array_equal(one, other)
