"""What families share: what they do with arrays and with the arguments of a call."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def no_out(name: str, out: Any, besides: str = "") -> None:
    """Refuse to write a result into an array; `besides` says what else could be meant by it."""
    if out is not None:
        raise TypeError(
            f"{name}: out= is not supported on tensors, since it writes behind the tape; use the result{besides}"
        )


def numbered(shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Return the places of an array's elements in C order, in an array of its shape."""
    return np.arange(math.prod(shape), dtype=np.intp).reshape(shape)


def conjugated(x: Any) -> Any:
    """Conjugate what is complex, and leave the rest without an operation."""
    return np.conjugate(x) if x.dtype.kind == "c" else x
