"""The tape as text for tests."""

from typing import Any

import numpy as np
import pytest

from autograd_np import Tensor, print_tape


def leaf(*values: float) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


def listing(capsys: pytest.CaptureFixture[str], tensor: Tensor, names: Any = None) -> tuple[list[str], list[str]]:
    """The lines of both parts, without their headings and without indentation."""
    print_tape(tensor, names)
    forward, backward, *_ = capsys.readouterr().out.split("\n\n")
    return [line.strip() for line in forward.splitlines()[1:]], [line.strip() for line in backward.splitlines()[1:]]


def explained(capsys: pytest.CaptureFixture[str], tensor: Tensor) -> list[str]:
    print_tape(tensor)
    return capsys.readouterr().out.partition("\nwhere\n")[2].splitlines()
