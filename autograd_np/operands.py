"""Operands: what may be computed with a tensor, and the errors where a tensor would lose its tape.

Numbers and arrays of numbers are operands as they stand. Arrays with rules of their own (masked arrays, matrices,
sparse arrays, arrays with units) and arrays of anything but numbers are refused by name: NumPy would compute something
else, or make a result that is on no tape.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Sequence
from itertools import takewhile
from types import FrameType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from autograd_np.frames import expression
from autograd_np.versions import as_ndarray, is_array

__all__ = [
    "admitted", "array_of", "described", "is_sparse", "knows_better", "losing_call", "refuse_subclasses",
]  # fmt: skip

_NUMBERS = "biufc"  # NumPy's letters for booleans, integers, and floating and complex numbers


def admitted(value: Any, what: str) -> Any:
    """Return an operand as a number, or as an array of numbers.

    Arrays of objects become arrays of floats if each object is a real number, whatever its type.

    Parameters
    ----------
    value
        Anything but a tensor.
    what : str
        What messages call it: ``np.add: argument 1``.

    Raises
    ------
    TypeError
        If it is no array of numbers, or of a kind that computes by rules of its own.
    """
    if value is None or type(value) in (bool, float, complex):
        return value
    if type(value) is int:
        return value if -(2**63) <= value < 2**64 else _float(value, what)
    return array_of(value, what)


def array_of(value: Any, what: str) -> NDArray[Any]:
    """Return what was given as an array of numbers; see `admitted`."""
    if is_array(value) and value.__class__ not in (np.ndarray, np.memmap):
        raise TypeError(f"{what} is a {_type(value)}; {_way_out(value)}")
    if is_sparse(value):
        raise TypeError(
            f"{what} is a sparse {_type(value)}, of which tensors know the product of matrices alone, written S @ t or "
            f"t @ S (also for the * of scipy.sparse's matrices); for anything else give S.toarray()"
        )
    array = as_ndarray(value)
    if array.dtype.kind == "O":
        return np.array([_float(item, what) for item in array.flat], float).reshape(array.shape)
    if array.dtype.kind not in _NUMBERS:
        raise TypeError(f"{what} is an array of dtype {array.dtype}; a tensor computes with numbers alone")
    return array


def is_sparse(value: object) -> bool:
    """Tell whether something is a sparse array or matrix of SciPy's, without importing that."""
    module = sys.modules.get("scipy.sparse")
    return module is not None and module.issparse(value)


def refuse_subclasses(what: str, values: Iterable[Any]) -> None:
    """Raise for masked arrays and their kin, which a function's implementation might take for plain arrays."""
    for value in values:
        if isinstance(value, tuple | list):
            refuse_subclasses(what, cast(Iterable[Any], value))
        elif is_array(value):
            array_of(value, what)


def knows_better(value: object) -> bool:
    """Tell whether an operand belongs to another array library, which decides itself what a ufunc does with it.

    Series and frames of pandas leave operators with a tensor to the tensor.
    """
    protocol = getattr(value.__class__, "__array_ufunc__", None)
    return protocol not in (None, np.ndarray.__array_ufunc__) and not type(value).__module__.startswith("pandas")


def _float(item: Any, what: str) -> float:
    """Return a real number of any type as a float."""
    text, kind = str(item)[:60], type(item).__name__
    if not isinstance(item, str | bytes | bytearray | np.ndarray | np.datetime64 | np.timedelta64):
        try:
            return float(item)
        except (TypeError, ValueError, OverflowError):
            pass
    raise TypeError(
        f"{what} holds objects that are not all real numbers, like {text!r} of type {kind}, or one too large for a "
        f"float; choose those that are and convert them with .astype(float)"
    )


def _type(value: object) -> str:
    kind: Any = type(value)
    return f"{kind.__module__.partition('.')[0].replace('numpy', 'np')}.{kind.__name__}"


def _way_out(array: NDArray[Any]) -> str:
    """Say what to give instead of an array that computes by rules of its own."""
    if isinstance(array, np.ma.MaskedArray):
        return (
            "its mask would be lost: give m.filled(value), or multiply m.data by np.logical_not(np.ma.getmaskarray(m))"
        )
    if isinstance(array, np.matrix):
        return "its * is a product of matrices: give np.asarray(m), and write @ for that product"
    return "it computes by rules of its own, which would be lost: give np.asarray(a)"


def described(arrays: Sequence[Any]) -> str:
    """Say what an operation was given: `float64 (2, 3) and float64 (4, 5)`."""
    return " and ".join(f"{a.dtype} {a.shape}" if is_array(a) else type(a).__name__ for a in arrays)


# ---------------------------------------------------------------------------------------------------------------------
# Where a tensor would become a plain array
# ---------------------------------------------------------------------------------------------------------------------

_OURS = {"autograd_np", "nn"}
_LIBRARIES = {"numpy", "scipy", "pandas", "sklearn", "matplotlib", "xarray", "sympy", "numba", "statsmodels"}


def losing_call() -> tuple[str, str]:
    """Return the call in the user's own code by which a tensor would become a plain array, and the way out for it."""
    inner = None
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame and _package(frame) in _OURS:
        frame = frame.f_back
    while frame and (_package(frame) in _LIBRARIES or "site-packages" in frame.f_code.co_filename):
        inner, frame = frame, frame.f_back
    text = expression(frame) if frame else ""
    if inner is not None:
        name = _public_name(inner)
        unnamed = not name.rpartition(".")[2].isidentifier() or "__" in name or name.endswith(".wrapper")
        return text if text and unnamed else name, _instead_of(name)
    return text or "np.asarray(t), float(t), a.dot(t) or a[i] = t", _INTO_AN_ARRAY


_INTO_AN_ARRAY = (
    "np.stack and autograd_np.array join tensors, np.dot(a, t) or a @ t stands for a.dot(t), and a Tensor, like "
    "np.zeros_like(t), takes what a[i] = t assigns; where no gradient is to flow, say so with t.data or t.item()"
)


def _package(frame: FrameType) -> str:
    return frame.f_globals.get("__name__", "").partition(".")[0]


def _public_name(frame: FrameType) -> str:
    """Return what people write for a library's function that is being called: `scipy.stats.norm.logpdf`."""
    parts = [*takewhile(lambda part: not part.startswith("_"), frame.f_globals.get("__name__", "").split("."))]
    if parts[0] == "numpy":
        parts = ["np", *(part for part in parts[1:] if part in ("linalg", "ma", "fft", "random"))]
    owner = frame.f_locals.get("self")
    function = frame.f_code.co_name
    if function == "__call__":
        return ".".join([*parts, getattr(owner, "__name__", type(owner).__name__)])
    of = getattr(owner, "name", None)
    if owner is not None:
        parts.append(of if isinstance(of, str) and of.isidentifier() else type(owner).__name__)
    return ".".join([*parts, function])


def _instead_of(name: str) -> str:
    """Say what to write instead of a library's function that would make a plain array of a tensor."""
    package, *path = name.split(".")
    if package == "scipy":
        own = _own(path)
        if own:
            return f"{own} is the same for tensors"
    if name.startswith("np.ma."):
        return "masked arrays have no tape: compute with all numbers, and multiply by a mask of zeros and ones"
    if name.startswith("scipy.sparse."):
        return "of sparse arrays, tensors know S @ t and t @ S alone: for anything else give S.toarray()"
    if package in ("matplotlib", "mpl_toolkits", "seaborn"):
        return "a picture needs no gradient: give t.data"
    if package == "pandas":
        return "pandas knows no tensors: give .to_numpy() of its side"
    if name in ("np.RClass.__getitem__", "np.CClass.__getitem__"):
        return "np.concatenate((a, b)) or np.column_stack((a, b))"
    if name.startswith("np.full"):
        return "np.full(shape, t, like=t), or np.broadcast_to(t, shape)"
    if package == "np":
        return (
            "it computes with plain arrays here, as with whatever stands inside a list: join tensors first, with "
            "np.stack(ts), and write it with supported functions (autograd_np.supported() lists them)"
        )
    return (
        "it computes with plain arrays: write it with supported functions (autograd_np.supported() lists them), or "
        "make it a primitive with a rule of its own"
    )


def _own(path: Sequence[str]) -> str:
    """Return the name of the project's own function in place of one of SciPy's, "" if there is none."""
    try:
        module: Any = importlib.import_module(f"autograd_np.scipy.{path[0]}")
    except ImportError:
        return ""
    value = module
    for part in path[1:]:
        value = getattr(value, part, None)
    return ".".join(["autograd_np.scipy", *path]) if value is not None else ""
