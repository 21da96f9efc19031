"""What calls something, and what the result is called."""

import sys
from typing import Any

from autograd_np.frames import stored, user_line


def line_of_result(*_: Any) -> str:
    return user_line()


class Holder:
    kept: str


top: str = ""


def test_variables() -> None:
    """A variable that takes the result has its name, whatever its scope; what is a part of something has none."""
    global top
    names: list[str] = []

    def note() -> str:
        names.append(stored(sys._getframe(1)))
        return ""

    local = note()
    in_a_cell = note()
    top = note()
    local = note() + local
    holder = Holder()
    holder.kept = note()
    assert (lambda: in_a_cell)() == ""
    assert names == ["local", "in_a_cell", "top", "", ""]


def test_lines() -> None:
    line = line_of_result()
    assert line.endswith(", in line_of_result")
    assert "test_frames.py:" in line
