"""Refusals: what cannot be written down as a program, why, and what to write instead."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_np.frames import doing

__all__ = ["INSTEAD", "WAYS_OUT", "Uncapturable", "by_values", "refused", "way_out"]


class Uncapturable(RuntimeError):
    """What a captured function does cannot be written down as a program of NumPy."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        refused.latest = self


class _Refused(threading.local):
    """The latest refusal in a thread: whoever catches it cannot go on as if nothing was."""

    latest: Uncapturable | None = None


refused = _Refused()


INSTEAD = "write it with arrays alone (np.where, a product with a mask), or compute it outside of what is compiled"


def way_out() -> str:
    """Say what to write instead of what asks an array for plain numbers."""
    instruction, source = doing()
    function = source.partition("(")[0]
    if instruction in ("STORE_SUBSCR", "STORE_SLICE"):
        return "an array that takes others is made by np.zeros_like(x, shape=shape), and not by np.zeros(shape)"
    if source.endswith("]") or re.search(r"\btake$", function):
        return (
            "rows of a table from outside are looked up by np.take_along_axis(table, y[:, None], axis=0); as table[y] "
            "and np.take(table, y, axis=0), if the table is an argument too"
        )
    if re.search(r"\b(as\w*array|array)$", function):
        return "arrays in a list are joined by np.stack([x, y]), and np.asarray(x) of an array is x"
    return INSTEAD


def by_values(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any],
    values_in: Callable[[Any], Iterable[Any]],
) -> str:  # fmt: skip
    """Say what depends on values of that which a function gives, "" if nothing does."""
    if function in (np.histogram, np.histogram_bin_edges):
        bins = args[1] if len(args) > 1 else kwargs.get("bins", 10)
        return "" if type(bins) is int else "the shape of what"
    if function in _DTYPE_BY_VALUES:
        return "the dtype of what"
    shaped = function in _SHAPE_BY_VALUES or (function is np.where and len(args) == 1)
    return (
        "the shape of what"
        if shaped or _shaped_by_values(function, args, kwargs, values_in)
        else _PARTS_BY_VALUES.get(function, "")
    )


def _shaped_by_values(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any],
    values_in: Callable[[Any], Iterable[Any]],
) -> bool:  # fmt: skip
    """Tell whether an argument that decides the shape of the result is an array that may hold other numbers."""
    if function is np.ix_:
        return any(value.content.dtype == bool for value in values_in(args))
    if function not in _SHAPED_BY:
        return False
    return bool([*values_in(args[1] if len(args) > 1 else kwargs.get(_SHAPED_BY[function]))])


_SHAPE_BY_VALUES = {
    np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.compress, np.extract, np.trim_zeros, np.roots, np.setdiff1d,
    np.intersect1d, np.union1d, np.delete, np.setxor1d, np.unique_all, np.unique_counts, np.unique_inverse,
    np.unique_values, np.bincount, np.polydiv,
}  # fmt: skip
_DTYPE_BY_VALUES = {
    np.linalg.eig, np.linalg.eigvals, np.poly, np.real_if_close, np.emath.sqrt, np.emath.log, np.emath.log2,
    np.emath.log10, np.emath.logn, np.emath.power, np.emath.arccos, np.emath.arcsin, np.emath.arctanh,
}  # fmt: skip
_PARTS_BY_VALUES: dict[Any, str] = {
    np.linalg.lstsq: "the shape of the residuals that",
    **dict.fromkeys([np.histogram2d, np.histogramdd], "what stands in the list of edges that"),
}
WAYS_OUT: dict[Any, str] = {
    np.linalg.eig: "np.linalg.eigh is for symmetric matrices",
    np.linalg.eigvals: "np.linalg.eigvalsh is for symmetric matrices",
    np.linalg.lstsq: "np.linalg.pinv(a) @ b gives the solution alone",
}
_SHAPED_BY: dict[Any, str] = {
    np.repeat: "repeats", np.tile: "reps", np.pad: "pad_width", np.insert: "obj", np.resize: "new_shape",
    **dict.fromkeys([np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit], "indices_or_sections"),
}  # fmt: skip
"""Functions whose results have a shape by the values of their second argument, and what that is called."""
