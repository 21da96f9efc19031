"""What implementations do with the arguments of a call."""

from typing import Any

import numpy as np

from autograd_np.tensor import Tensor


def as_array(x: Any) -> Any:
    """Make an array of a number or a list, a tensor of a list with tensors in it, and leave tensors alone."""
    return joined(x) if holds_a_tensor(x) else np.asarray(x)


def joined(part: Any) -> Tensor:
    """Stack what holds a tensor at any depth, and make a tensor of everything else."""
    if isinstance(part, Tensor):
        return part
    stack: Any = np.stack  # it dispatches
    return stack([joined(item) for item in part]) if holds_a_tensor(part) else Tensor(part)


def holds_a_tensor(part: Any) -> bool:
    """Tell whether something is a tensor, or a list or tuple with one at any depth."""
    return isinstance(part, Tensor) or (type(part) in (list, tuple) and any(map(holds_a_tensor, part)))


def no_out(name: str, out: Any) -> None:
    """Refuse to write a result into an array."""
    if out is not None:
        raise TypeError(f"{name}: out= is not supported on tensors, since it writes behind the tape; use the result")
