"""Frames: the user's line of code that is being run, and what it calls the result."""

from __future__ import annotations

import dis
import functools
import linecache
import sys
from bisect import bisect_right
from collections.abc import Callable
from types import CodeType, FrameType

__all__ = [
    "asked_by_sparse_product",
    "calling_package",
    "doing",
    "expression",
    "package",
    "stored",
    "user_line",
    "variable",
]

_OURS = {"autograd_np", "nn"}
_LIBRARIES = {*_OURS, "numpy", "scipy", "contextlib"}

# Of this project, what has names of its own for what it computes; everything else hands results on.
_TELLING = ("autograd_np.neural", "autograd_np.rules", "autograd_np.compositions", "autograd_np.scipy", "nn")
_HANDING_ON = {"nn.module", "autograd_np.compositions.methods"}


def package(frame: FrameType) -> str:
    """Return the name of the package whose code a frame runs."""
    return _package_of(frame.f_globals.get("__name__", ""))


@functools.cache
def _package_of(module: str) -> str:
    return module.partition(".")[0]


def user_line() -> str:
    """Return the innermost line of the stack that is not in a library."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame.f_back and _package_of(frame.f_globals.get("__name__", "")) in _LIBRARIES:  # each call asks for it
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}, in {frame.f_code.co_name}"


def doing() -> tuple[str, str]:
    """Return the name of the instruction at which the innermost code that is not in a library is, and its source."""
    frame = _outwards(lambda frame: package(frame) not in _LIBRARIES)
    return dis.opname[frame.f_code.co_code[frame.f_lasti]], expression(frame)


def expression(frame: FrameType) -> str:
    """Return the source of the call that a frame is making; "" if it is not at hand or takes several lines."""
    line, end_line, column, end_column = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    if line is None or line != end_line:
        return ""
    text = linecache.getline(frame.f_code.co_filename, line, frame.f_globals).encode()
    return text[column:end_column].decode(errors="replace")


def calling_package(asked: str) -> str:
    """Return the package of the code that calls a module's, NumPy's own code left out."""
    frame = _outwards(lambda frame: frame.f_globals.get("__name__") != asked and package(frame) != "numpy")
    return package(frame)


def variable(letters: bool = False) -> str:
    """Return the name of the variable that takes what is being computed, "" if it goes on to be a part of something.

    Of this project's own code the letters say nothing, unless they are asked for.
    """
    frame = _outwards(_has_names)
    name = stored(frame).strip("_")
    return "" if package(frame) in _OURS and len(name) == 1 and not letters else name


def _outwards(found: Callable[[FrameType], bool]) -> FrameType:
    """Return the innermost frame outside of this file for which a condition holds, else the outermost one."""
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    while frame.f_back and not found(frame):
        frame = frame.f_back
    return frame


def _has_names(frame: FrameType) -> bool:
    module = frame.f_globals.get("__name__", "")
    if package(frame) in _OURS:
        return module.startswith(_TELLING) and module not in _HANDING_ON
    return package(frame) not in _LIBRARIES


def stored(frame: FrameType) -> str:
    """Return the variable that takes what a frame is waiting for, "" if that goes elsewhere."""
    offsets, names = _instructions(frame.f_code)
    following = bisect_right(offsets, frame.f_lasti)  # f_lasti may point to what an instruction keeps behind it
    return names[following] if following < len(names) else ""


@functools.cache
def _instructions(code: CodeType) -> tuple[list[int], list[str]]:
    """Return where a function's instructions are, and which variable each one stores, "" if none."""
    instructions = [instruction for instruction in dis.get_instructions(code) if instruction.opname != "CACHE"]
    return [instruction.offset for instruction in instructions], [
        str(instruction.argval) if instruction.opname in _STORING else "" for instruction in instructions
    ]


_STORING = {"STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF"}


def asked_by_sparse_product() -> bool:
    """Tell whether an array is asked of a tensor by the product of a sparse array of SciPy's with it.

    An array of one object tells that product to leave it to the tensor: it is what NumPy makes of a stranger.
    """
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    return frame.f_code.co_name == "_matmul_dispatch" and frame.f_globals["__name__"].startswith("scipy.sparse.")
