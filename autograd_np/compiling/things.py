"""Things that code can reach: of which kind they are, whose they are, and what they are made of."""

from __future__ import annotations

import functools
import gc
import sys
import sysconfig
import zlib
from types import ModuleType
from typing import Any

import numpy as np

from autograd_np.tensor import Tensor

__all__ = [
    "ARRAYS", "CLOSED", "MADE_BY_PYTHON", "MISSING", "NUMBERS", "OF_C", "OPEN", "bytes_of", "checksum", "content_of",
    "has_bytes", "holds_arrays", "is_closed", "is_followed", "is_there", "memory_of", "package_of", "parts_of",
    "referents_of", "slots_of", "value_of",
]  # fmt: skip

CLOSED = {*sys.stdlib_module_names, "numpy", "scipy", "autograd_np", "nn"} - {"__main__"}
"""Packages whose globals, classes and objects are no settings of a user's."""

OF_C = {"builtins", "functools", "itertools", "_io", "_queue", "_weakref"}
"""Packages of objects of C code, which are known by what they refer to."""

OPEN = {
    "argparse", "collections", "configparser", "nn", "os", "queue", "threading", "types", "weakref", "_thread", *OF_C,
}  # fmt: skip
"""Packages whose objects hold settings all the same."""

MISSING: Any = object()
"""What stands for nothing."""

NUMBERS = {bool, int, float, complex, str, bytes, type(None), type(Ellipsis)}
"""What is told by its value."""

ARRAYS = {np.ndarray, np.memmap}
"""Arrays without rules of their own."""

MADE_BY_PYTHON = 1 << 9
"""The flag of classes that are made by Python code, Py_TPFLAGS_HEAPTYPE."""

_LIBRARY = sysconfig.get_paths()["stdlib"]
_type: Any = type  # so named, these do not narrow types
_is: Any = isinstance
_vars: Any = vars


def memory_of(array: Any) -> int:
    """Return what tells the memory that an array lies in from others."""
    while (base := getattr(array, "base", None)) is not None:
        array = base
    return id(array)


def is_followed(value: Any) -> bool:
    """Tell whether an argument is followed as what is reached is, since it may change and stay the same object."""
    return not (value is None or type(value) in NUMBERS or _is(value, np.ndarray | np.generic | slice | Tensor))


def content_of(cell: Any) -> Any:
    """Return what a cell of a closure holds; a mark if nothing yet."""
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet, as a function's own name before its definition has ended
        return MISSING


def parts_of(function: Any) -> tuple[Any, ...]:
    """Return what a function is made of, and may be given others of."""
    defaults = function.__kwdefaults__
    return function.__code__, function.__defaults__, defaults


def slots_of(cls: Any) -> list[str]:
    """Return the names of the slots that a class adds."""
    given = _vars(cls).get("__slots__", ())
    names: list[str] = [given] if _is(given, str) else [*given]
    names = [f"_{cls.__name__.lstrip('_')}{n}" if n.startswith("__") and not n.endswith("__") else n for n in names]
    return [name for name in names if name not in ("__dict__", "__weakref__")]


def referents_of(thing: Any) -> list[Any]:
    """Return what an object of C code refers to, its class left out."""
    own = getattr(thing, "__dict__", None)
    parts = (part for part in gc.get_referents(thing) if part is not type(thing) and part is not own)
    return [part for part in parts if not _is(part, ModuleType)]


def holds_arrays(value: Any) -> bool:
    """Tell whether a tuple holds arrays, in a tuple inside as well."""
    if _is(value, tuple):
        return any(map(holds_arrays, value))  # pyright: ignore[reportUnknownArgumentType]
    return _type(value) in ARRAYS


def bytes_of(thing: Any) -> bytes:
    """Return the contents of what has some, as bytes."""
    return thing.tobytes() if _is(thing, np.ndarray | np.void) else bytes(thing)


def checksum(thing: Any) -> Any:
    """Return what tells contents from others."""
    data = bytes_of(thing)
    return len(data), zlib.crc32(data)


@functools.cache
def is_closed(module: str | None) -> bool:
    """Tell code that reads no settings of a user's: of the packages above, and of all that are installed."""
    package = package_of(module)
    file = getattr(sys.modules.get(package), "__file__", None) or ""
    installed = "site-packages" in file or "dist-packages" in file
    if package in sys.stdlib_module_names:  # or a file of a user's with such a name
        return installed or not file or file.startswith(_LIBRARY)
    return package in CLOSED or installed


def package_of(name: Any) -> str:
    """Return the package of a module."""
    return str(name or "").partition(".")[0]


def is_there(cls: Any) -> bool:
    """Tell a class that its module has, from one that was made elsewhere and says so."""
    found: Any = sys.modules.get(cls.__module__)
    if "<locals>" in cls.__qualname__:
        return True
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is cls or not cls.__flags__ & MADE_BY_PYTHON


def has_bytes(thing: Any) -> bool:
    """Tell what lends its memory, as arrays of the standard library do."""
    try:
        return memoryview(thing).nbytes >= 0
    except TypeError:
        return False


def value_of(variable: Any) -> Any:
    """Return what a context variable is here, or is by default."""
    try:
        return variable.get()
    except LookupError:
        return MISSING
