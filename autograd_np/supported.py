"""The functions that take tensors: the printed list, and the errors for calls that are not supported."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from autograd_np.primitives import (
    Primitive,
    constants,
    implementations,
    name_of,
    primitives,
    refusals,
    unsupported_keyword,
)

__all__ = ["check_fit", "supported", "unsupported"]


def supported() -> None:
    """Print every function that takes tensors: how it is differentiated, and with which keyword arguments.

    A rule is a vector-Jacobian product of its own; a composition is made of functions that have rules (NumPy may
    compute its value, and its signature is NumPy's); a constant has no gradient, and returns plain arrays.

    Examples
    --------
    >>> from autograd_np import supported
    >>> supported()
    function  differentiated by  keywords
    np.abs...
    """
    rows = [("function", "differentiated by", "keywords")]
    for name, entry in sorted(_supported().items()):
        if isinstance(entry, Primitive):
            rows.append((name, "rule", " ".join(f"{keyword}=" for keyword in sorted(entry.keywords))))
        else:
            rows.append((name, "nothing: constant" if entry in constants else "composition", ""))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def unsupported(key: Any) -> TypeError:
    """Return the error for a function, or a ufunc's method, that takes no tensors."""
    name = name_of(key)
    if key in refusals:
        return TypeError(
            f"{name} is not supported on tensors: {refusals[key]}; or pass `.data` where no gradient is needed"
        )
    return TypeError(
        f"{name} has no derivative rule: add one with defvjp({name}, ...), write it with supported functions, or "
        f"pass `.data` where no gradient is needed{_nearest(key)}"
    )


def check_fit(key: Any, implementation: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise if a call does not fit a function's implementation, and name things as the caller wrote them.

    Raises
    ------
    TypeError
        Naming the function that was called, and the keyword that it does not take.
    """
    signature = inspect.signature(implementation)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        name, known = name_of(key), signature.parameters
        unknown = [word for word in kwargs if word not in known]
        if unknown:
            raise unsupported_keyword(name, unknown[0], kwargs, known) from None
        raise TypeError(f"{name}: on tensors {error}") from None


def _nearest(function: Any) -> str:
    """Name the supported functions whose names are most like that of another."""
    name = name_of(function)
    last = {full.rpartition(".")[2]: full for full in _supported()}
    names = get_close_matches(name.rpartition(".")[2], last, n=3, cutoff=0.7)
    return f"; the nearest that have one are {', '.join(last[match] for match in names)}" if names else ""


def _supported() -> dict[str, Primitive | Callable[..., Any]]:
    """Return the tables' entries for functions of NumPy and SciPy, by the name people write."""
    named: dict[str, Primitive | Callable[..., Any]] = {}
    for function, entry in (primitives | implementations).items():
        name = entry.name if isinstance(entry, Primitive) else name_of(function)
        if name.startswith(("np.", "scipy.")) and not (isinstance(entry, Primitive) and not entry.defined):
            named[name] = entry
    return named
