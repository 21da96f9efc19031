"""Runs: what two runs of a function have in common, and in what they differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_np.capture import Number, StandIn
from autograd_np.compiling.capturing import Run
from autograd_np.refusals import INSTEAD
from autograd_np.tensor import Tensor

__all__ = ["difference"]


def difference(first: Run, second: Run) -> str | None:
    """Say in what two runs differ that a program would have for a constant; None if they do the same."""
    places = _places(first), _places(second)
    for one, other in zip(first.log.calls, second.log.calls, strict=False):
        if one.function is not other.function and one.function != other.function:
            return f"two runs did not do the same: {one.line} called {one.name}, {other.line} called {other.name}"
        if not _same((one.args, one.kwargs, one.written), (other.args, other.kwargs, other.written), *places):
            return (
                f"{other.line}: {other.name} was given something else in another run, which does not come from the "
                f"inputs, such as random numbers or a counter; hand it over as an argument"
            )
        if list(map(_form, one.results)) != list(map(_form, other.results)):
            return f"{other.line}: {other.name} gave an array of another shape or dtype in another run; {INSTEAD}"
    if len(first.log.calls) != len(second.log.calls):
        return "one run did more than another; what is done must not depend on anything but the inputs' shapes"
    one, other = ((run.result, [value for _, value in run.changed]) for run in (first, second))
    if not _same(one, other, *places):
        return "two runs returned something different that was not computed from the inputs"
    return None


def _form(value: Any) -> Any:
    return (value.shape, value.dtype) if type(value) is StandIn else None


def _places(run: Run) -> Mapping[int, Any]:
    """Return where each value comes from."""
    places: dict[int, Any] = {id(value): ("input", i) for i, value in enumerate(run.inputs)}
    for i, call in enumerate(run.log.calls):
        places.update({id(value): (i, j) for j, value in enumerate(call.results)})
    return places


_type: Any = type  # so named, it does not narrow types


def _same(one: Any, other: Any, places: Mapping[int, Any], others: Mapping[int, Any]) -> bool:
    """Tell whether two things come from the same place, or are the same constants."""
    kind = _type(one)
    if kind is not type(other):
        return False
    if kind in (StandIn, Number):
        if id(one) in places or id(other) in others:
            return places.get(id(one)) == others.get(id(other))
        return kind is StandIn and (one.content is other.content or _same(one.content, other.content, places, others))
    if kind is Tensor:
        return _same(one.data, other.data, places, others)
    if issubclass(kind, np.ndarray | np.generic):
        alike = one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")
        return alike and _same_signs(one, other)
    if kind is dict:
        return list(one) == list(other) and _same([*one.values()], [*other.values()], places, others)
    if issubclass(kind, tuple | list):
        return len(one) == len(other) and all(_same(a, b, places, others) for a, b in zip(one, other, strict=True))
    if isinstance(one, float | complex):
        return repr(one) == repr(other)  # 0.0 and -0.0 are equal, and not the same
    return one is other or bool(one == other)


def _same_signs(one: Any, other: Any) -> bool:
    """Tell whether equal arrays have the same signs, also where they are 0 or NaN."""
    if one.dtype.kind == "c":
        return _same_signs(one.real, other.real) and _same_signs(one.imag, other.imag)
    return one.dtype.kind != "f" or np.array_equal(np.signbit(one), np.signbit(other))
