"""What implementations do with the arguments of a call."""

from typing import Any


def no_out(name: str, out: Any, besides: str = "") -> None:
    """Refuse to write a result into an array; `besides` says what else could be meant by it."""
    if out is not None:
        raise TypeError(
            f"{name}: out= is not supported on tensors, since it writes behind the tape; use the result{besides}"
        )
