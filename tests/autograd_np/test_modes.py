"""Whether operations are recorded: by blocks, by decorators with and without brackets, and until further notice."""

import threading
from typing import Any

import numpy as np
import pytest

from autograd_np import Tensor, enable_grad, inference_mode, no_grad, set_grad_enabled

W = Tensor([1.0, 2.0], requires_grad=True)


def is_recorded() -> bool:
    return (W * 2).requires_grad


@pytest.mark.parametrize(
    ("make", "inside"),
    [
        (no_grad, False),
        (enable_grad, True),
        (inference_mode, False),
        (lambda: inference_mode(False), True),
        (lambda: set_grad_enabled(False), False),
        (lambda: set_grad_enabled(True), True),
    ],
)
@pytest.mark.parametrize("outside", [True, False])
def test_blocks_and_decorators(make: Any, inside: bool, outside: bool) -> None:
    with set_grad_enabled(outside):
        with make():
            assert is_recorded() == inside
        assert is_recorded() == outside
        decorated = make()(is_recorded)
        assert is_recorded() == outside
        assert decorated() == inside
        assert is_recorded() == outside
        with pytest.raises(ZeroDivisionError), make():
            _ = 1 / 0
        assert is_recorded() == outside
    assert is_recorded()


@pytest.mark.parametrize(("mode", "inside"), [(no_grad, False), (enable_grad, True), (inference_mode, False)])
def test_decorators_without_brackets(mode: Any, inside: bool) -> None:
    @mode
    def decorated(x: float, y: float = 1.0) -> tuple[bool, float]:
        return is_recorded(), x + y

    assert decorated(1.0, y=2.0) == (inside, 3.0)
    assert decorated.__name__ == "decorated"
    assert is_recorded()


def test_until_further_notice() -> None:
    try:
        set_grad_enabled(False)
        assert not is_recorded()
        with no_grad():
            set_grad_enabled(True)
            assert is_recorded()
        assert not is_recorded()
        seen: list[bool] = []
        thread = threading.Thread(target=lambda: seen.append(is_recorded()))
        thread.start()
        thread.join()
        assert seen == [True]
    finally:
        set_grad_enabled(True)
    assert is_recorded()


def test_what_is_no_function_is_refused() -> None:
    for mode in (no_grad, enable_grad):
        with pytest.raises(TypeError, match=rf"{mode.__name__}\(True\): it takes no arguments; .*set_grad_enabled"):
            mode(True)
    np.testing.assert_array_equal(W.data, [1, 2])
