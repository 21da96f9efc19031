"""The helper thread: what it does, what it leaves alone, and what goes wrong in it."""

import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import threadpoolctl

from autograd_np import Tensor, tune_process
from autograd_np.neural import linear
from autograd_np.neural.threads import in_halves, over_halves, tuned

LARGE = 2**20


@pytest.fixture
def _tuned() -> Iterator[None]:
    tune_process()
    yield
    tune_process(False)


def cut(length: int, size: int) -> tuple[list[slice], set[int]]:
    """Return the parts an operation is cut into, in order, and the threads that did them."""
    parts: list[slice] = []
    threads: set[int] = set()
    second = threading.Event()

    def work(part: slice) -> None:
        if part.start:
            second.set()
        elif tuned() and part.stop < length:
            second.wait(30)  # without it, whoever has done the first half may be first at the second one, too
        parts.append(part)
        threads.add(threading.get_ident())

    in_halves(work, length, size)
    return sorted(parts, key=lambda part: part.start), threads


@pytest.mark.usefixtures("_tuned")
def test_large_operations_are_cut_in_two_for_two_threads() -> None:
    parts, threads = cut(5, LARGE)
    assert parts == [slice(0, 2), slice(2, 5)]
    assert len(threads) == 2
    assert threading.get_ident() in threads


@pytest.mark.usefixtures("_tuned")
@pytest.mark.parametrize(("length", "size"), [(5, 100), (1, LARGE), (0, LARGE)])
def test_others_are_not(length: int, size: int) -> None:
    assert cut(length, size) == ([slice(0, length)], {threading.get_ident()})


def test_without_it_one_thread_does_both_halves() -> None:
    assert not tuned()
    parts, threads = cut(4, LARGE)
    assert parts == [slice(0, 2), slice(2, 4)]
    assert threads == {threading.get_ident()}


@pytest.mark.usefixtures("_tuned")
@pytest.mark.parametrize("half", [0, 1])
def test_an_error_in_either_half_is_raised_and_the_helper_goes_on(half: int) -> None:
    def fail(part: slice) -> None:
        if bool(part.start) == bool(half):
            raise ValueError(f"half {half}")

    with pytest.raises(ValueError, match=f"half {half}"):
        in_halves(fail, 4, LARGE)
    assert len(cut(4, LARGE)[1]) == 2


@pytest.mark.usefixtures("_tuned")
@pytest.mark.parametrize("slow", [0, 1])
def test_an_interrupt_at_any_moment_leaves_nothing_behind(slow: int) -> None:
    """Ctrl-C raises between any two lines; here it does so at the first one, the second one, and so on.

    Neither the half that is being computed then nor one that nobody has begun may be written later, when others read
    the array; and the next operations are right, and have the helper.
    """

    def interrupted(moment: int) -> bool:
        """Tell whether there was such a moment."""
        count = 0

        def trace(frame: Any, event: str, arg: Any) -> Any:
            nonlocal count
            if not frame.f_code.co_filename.endswith("threads.py") or threading.current_thread() is not caller:
                return None
            if event == "line":
                count += 1
                if count == moment:
                    raise KeyboardInterrupt
            return trace

        x = np.zeros((4, 2**13))

        def work(rows: slice) -> None:
            for _ in range(100 if bool(rows.start) == bool(slow) else 1):
                np.add(x[rows], 1, out=x[rows])

        sys.settrace(trace)
        try:
            in_halves(work, 4, LARGE)
        except KeyboardInterrupt:
            sys.settrace(None)
            after = x.copy()
            assert len(cut(4, LARGE)[1]) == 2  # the helper has come to something else
            np.testing.assert_array_equal(x, after)
            return True
        finally:
            sys.settrace(None)
        assert x[0, 0] * x[-1, 0] == 100
        return False

    caller, before = threading.current_thread(), sys.gettrace()
    try:
        moments = 0
        while interrupted(moments + 1):
            moments += 1
    finally:
        sys.settrace(before)
    assert moments > 20


@pytest.mark.usefixtures("_tuned")
def test_error_state_of_numpy_holds_in_the_helper() -> None:
    x = np.zeros((2, LARGE))

    def divide(a: Any) -> None:
        np.divide(1, a, out=a)

    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        over_halves(divide, x)
    with np.errstate(divide="ignore"):
        over_halves(divide, np.zeros((2, LARGE)))


@pytest.mark.usefixtures("_tuned")
def test_threads_of_a_user_share_the_helper() -> None:
    totals = np.zeros(8)

    def user(i: int) -> None:
        x = np.zeros((2, LARGE // 8))
        for _ in range(20):
            over_halves(lambda a: np.add(a, i, out=a), x)
        totals[i] = x.sum() / x.size

    users = [threading.Thread(target=user, args=(i,)) for i in range(8)]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join()
    np.testing.assert_array_equal(totals, 20.0 * np.arange(8))


@pytest.mark.usefixtures("_tuned")
def test_a_half_may_cut_in_two_itself() -> None:
    found: list[int] = []
    in_halves(lambda part: in_halves(lambda inner: found.append(inner.stop - inner.start), 4, LARGE), 4, LARGE)
    assert found == [2, 2, 2, 2]


def test_blas_has_its_threads_back_afterwards() -> None:
    def threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = threads()
        assert set(before) == {2}
        tune_process()
        tune_process()
        assert tuned()
        assert set(threads()) == {1}
        tune_process(False)
        assert threads() == before
        assert not tuned()
    assert not any(thread.name == "autograd_np helper" and not thread.daemon for thread in threading.enumerate())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
@pytest.mark.usefixtures("_tuned")
def test_a_forked_process_has_no_helper_and_works() -> None:
    child = os.fork()
    if child == 0:
        os._exit(int(tuned() or len(cut(4, LARGE)[1]) != 1))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_linear_gives_the_same() -> None:
    rng = np.random.default_rng(0)
    x, w, b = (rng.normal(size=shape) for shape in ((64, 784), (256, 784), (256,)))

    def step() -> list[Any]:
        leaves = [Tensor(a, requires_grad=True) for a in (x, w, b)]
        y = linear(*leaves)
        (y * y).sum().backward()
        return [y.data, *(leaf.grad for leaf in leaves)]

    plain = step()
    tune_process()
    try:
        for here, there in zip(step(), plain, strict=True):
            np.testing.assert_allclose(here, there, rtol=1e-10, atol=1e-10)
    finally:
        tune_process(False)
