"""What implementations do with the arguments of a call."""

from typing import Any

import numpy as np

from autograd_np.tensor import Tensor


def as_array(x: Any) -> Any:
    """Make an array of a number or a list, and leave tensors alone."""
    return x if isinstance(x, Tensor) else np.asarray(x)


def no_out(name: str, out: Any) -> None:
    """Refuse to write a result into an array."""
    if out is not None:
        raise TypeError(f"{name}: out= is not supported on tensors, since it writes behind the tape; use the result")
