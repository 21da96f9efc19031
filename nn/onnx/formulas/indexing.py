"""Indices: slices, numbers, new axes, arrays of whole numbers; and writes by an index."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from autograd_np.versions import as_ndarray
from nn.onnx.formulas.elementwise import where
from nn.onnx.formulas.reductions import moved
from nn.onnx.formulas.shaping import FIRST, LAST, padded, squeezed, transposed, unsqueezed
from nn.onnx.formulas.table import formula, refuse_unless
from nn.onnx.graph import Handle, cast, constant, ints, op
from nn.onnx.recording import Repeated, Size

__all__: list[str] = []


class _Plan(NamedTuple):
    """An index, sorted: what is done along each axis."""

    slices: list[tuple[int, Any, Any, int]]  # axis, start, stop, step
    numbers: list[int]  # the axes that a number takes away
    arrays: list[tuple[int, Handle]]  # axis, whole numbers
    tokens: str  # what the axes of the result are: "k" kept, "n" new, "a" of arrays


def _plan(x: Handle, index: Any) -> _Plan:
    parts: list[Any] = [part for given in _listed(index) for part in _as_numbers(x, given)]
    consumed = sum(part is not None and part is not Ellipsis for part in parts)
    rest = [slice(None)] * (x.ndim - consumed)
    at = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    parts[at : at + 1] = rest
    plan, axis = _Plan([], [], [], ""), 0
    tokens = ""
    for part in parts:
        if part is None:
            tokens += "n"
            continue
        if isinstance(part, slice):
            plan.slices.extend(_slice(axis, part))  # pyright: ignore
            tokens += "k"
        elif isinstance(part, Handle):
            plan.arrays.append((axis, part))
            tokens += "a"
        else:
            plan.slices.append((axis, part, _next(part), 1))
            plan.numbers.append(axis)
            tokens += "i"
        axis += 1
    return plan._replace(tokens=tokens)


def _listed(index: Any) -> list[Any]:
    """Return the parts of an index; sizes are tuples, but no indices of several parts."""
    return [*index] if isinstance(index, tuple) and not isinstance(index, Size | Repeated) else [index]  # pyright: ignore


def _as_numbers(x: Handle, part: Any) -> list[Any]:
    """Return a constant mask as the places where it is true, and everything else as it is."""
    if isinstance(part, Handle) and part.dtype == bool:
        refuse_unless(part.array is not None, "an index of booleans")
        return [constant(places, x, np.int64) for places in _true(part.array)]
    if isinstance(part, bool | np.bool_):
        refuse_unless(False, "a boolean as an index")
    if isinstance(part, Repeated):
        places = op("Expand", constant(part.number, x, np.int64), ints(x, part.count))
        places.shape = (part.count,)
        return [places]
    if isinstance(part, list):
        places: Any = as_ndarray(part)
        found: list[Any] = _true(places) if places.dtype == bool else [places]
        return [constant(p, x, np.int64) for p in found]
    return [part.item() if isinstance(part, np.generic) else part]


def _true(mask: Any) -> list[Any]:
    return [*np.nonzero(mask)]


def _next(number: Any) -> Any:
    if isinstance(number, Size):
        return Size(number.factor, number.offset + 1)
    return number + 1 if number != -1 else LAST


def _slice(axis: int, part: slice) -> list[tuple[int, Any, Any, int]]:
    step = 1 if part.step is None else int(part.step)
    if part.start is None and part.stop is None and step == 1:
        return []
    start = (0 if step > 0 else LAST) if part.start is None else part.start
    stop = (LAST if step > 0 else FIRST) if part.stop is None else part.stop
    return [(axis, start, stop, step)]


@formula("getitem", "t[index]")
def _getitem(y: Any, x: Handle, index: Any = None) -> Handle:
    plan = _plan(x, index)
    refuse_unless(_are_together(plan.tokens), "arrays in an index that stand apart")
    part = x
    if plan.slices:
        axes, starts, stops, steps = zip(*plan.slices, strict=True)
        part = op("Slice", x, ints(x, *starts), ints(x, *stops), ints(x, *axes), ints(x, *steps))
    part = squeezed(part, *plan.numbers)
    places = [(axis - sum(n < axis for n in plan.numbers), array) for axis, array in plan.arrays]
    tokens = plan.tokens.replace("i", "")
    if places:
        part, block = _looked_up(part, tokens.count("k") + tokens.count("a"), places)
        first = tokens.index("a")
        tokens = tokens[:first] + "b" * block + tokens[first:].replace("a", "")
    part = unsqueezed(part, *(i for i, token in enumerate(tokens) if token == "n"))
    return op("Identity", part) if part is x else part


def _are_together(tokens: str) -> bool:
    """Tell whether arrays, and numbers beside them, are neighbours: else NumPy puts their axes first."""
    return "a" not in tokens or not ({*tokens.replace("i", "a").strip("kn")} - {"a"})


def _looked_up(x: Handle, ndim: int, places: list[tuple[int, Handle]]) -> tuple[Handle, int]:
    """Return what arrays of whole numbers look up, and how many axes these have together."""
    if len(places) == 1:
        ((axis, array),) = places
        return op("Gather", x, cast(array, x, np.int64), axis=axis), _ndim(array)
    block = max(_ndim(array) for _, array in places)
    shape = _together([_shape(array) for _, array in places])
    arrays = [op("Expand", cast(array, x, np.int64), ints(x, *shape)) for _, array in places]
    rows = op("Concat", *(unsqueezed(array, block) for array in arrays), axis=block)
    axes = [axis for axis, _ in places]
    rest = [i for i in range(ndim) if i not in axes]
    found = op("GatherND", transposed(x, axes + rest), rows)
    first = axes[0]
    order = [*range(block, block + first), *range(block), *range(block + first, block + len(rest))]
    return transposed(found, order), block


def _shape(array: Handle) -> tuple[Any, ...]:
    return np.shape(array.array) if array.array is not None and not array.shape else array.shape


def _ndim(array: Handle) -> int:
    return len(_shape(array))


def _together(shapes: list[tuple[Any, ...]]) -> list[Any]:
    """Return the shape to which shapes broadcast."""
    length = max(map(len, shapes))
    sides = zip(*((1,) * (length - len(shape)) + shape for shape in shapes), strict=True)
    return [next((n for n in side if n != 1), 1) for side in sides]


@formula("np.take", "interpolate")
def _take(_y: Any, a: Handle, indices: Any = None, axis: Any = None, mode: str = "raise", places: Any = None) -> Handle:
    refuse_unless(mode == "raise", f"mode={mode!r}")
    given = indices if places is None else places
    x, along = moved(a, axis)
    return op("Gather", x, cast(given, x, np.int64), axis=along)


@formula("np.take_along_axis")
def _take_along_axis(y: Any, arr: Handle, indices: Handle, axis: Any = -1) -> Handle:
    x, along = moved(arr, axis)
    own = [x.shape[i] if i == along else n for i, n in enumerate(y.shape)]
    wide = op("Expand", x, ints(x, *own))
    places = op("Expand", cast(indices, x, np.int64), ints(x, *y.shape))
    return op("GatherElements", wide, places, axis=along)


@formula("setitem", "t[index] = value")
def _setitem(y: Any, x: Handle, index: Any, value: Any) -> Handle:
    """Put a value in its place by zeros around it, and choose by a mask."""
    plan = _plan(x, index)
    refuse_unless("a" not in plan.tokens and "n" not in plan.tokens, "a write by an index of arrays or new axes")
    new = cast(value, x)
    touched = {axis: (start, stop, step) for axis, start, stop, step in plan.slices}
    fixed = all(isinstance(x.shape[i], int) and step == 1 for i, (_, _, step) in touched.items())
    refuse_unless(
        fixed and not any(isinstance(b, Size) for t in touched.values() for b in t), "a write along the batch"
    )
    ranges = {i: range(x.shape[i])[start : min(stop, x.shape[i])] for i, (start, stop, _) in touched.items()}
    lengths = [len(ranges[i]) if i in ranges else n for i, n in enumerate(x.shape)]
    shown = [n for i, n in enumerate(lengths) if i not in plan.numbers]
    new = unsqueezed(op("Expand", new, ints(x, *shown)), *plan.numbers)
    before = [ranges[i].start if ranges.get(i) else 0 for i in range(x.ndim)]
    after = [x.shape[i] - ranges[i].stop if ranges.get(i) else 0 for i in range(x.ndim)]
    refuse_unless(all(ranges.values()), "a write of no elements")
    if not ranges:
        return new
    mask = np.ones([x.shape[i] if i in ranges else 1 for i in range(x.ndim)], bool)
    for i, places in ranges.items():
        along = np.array([place in places for place in range(x.shape[i])])
        mask &= along.reshape([-1 if j == i else 1 for j in range(x.ndim)])
    return where(constant(mask, x, bool), padded(new, before, after), x)
