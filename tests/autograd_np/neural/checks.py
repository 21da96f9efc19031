"""What the tests of neural operations share."""

from collections.abc import Callable
from typing import Any

import pytest
from numpy.typing import NDArray

from tests.autograd_np.checks import check_float32, check_gradients


def check(f: Callable[..., Any], *given: NDArray[Any]) -> None:
    """Check values and derivatives, and that float32 stays float32."""
    check_gradients(f, *given)
    check_float32(f, *given)


def check_message(error: type[Exception], words: list[str], call: Callable[[], Any]) -> None:
    with pytest.raises(error) as caught:
        call()
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)
