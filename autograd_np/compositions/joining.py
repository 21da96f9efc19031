"""Arrays joined, and cut."""

import itertools
import operator
from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np

from autograd_np.compositions.arguments import atleast
from autograd_np.primitives import implements
from autograd_np.rules.arguments import no_out
from autograd_np.rules.shaping import OR_CAST, cast_options, concatenate
from autograd_np.tensor import plain


@implements(np.stack)
def _stack(
    arrays: Sequence[Any], axis: int = 0, out: None = None, *, dtype: Any = None, casting: Any = "same_kind"
) -> Any:
    no_out("np.stack", out, OR_CAST)
    return concatenate(*(np.expand_dims(a, axis) for a in arrays), axis=axis, **cast_options(dtype, casting))


@implements(np.hstack)
def hstack(tup: Sequence[Any], *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """Join arrays side by side; see `numpy.hstack`."""
    parts = [atleast(x, 1) for x in tup]
    return concatenate(*parts, axis=0 if parts[0].ndim == 1 else 1, **cast_options(dtype, casting))


@implements(np.vstack)
def vstack(tup: Sequence[Any], *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """Join arrays one below the other; see `numpy.vstack`."""
    return concatenate(*(atleast(x, 2) for x in tup), axis=0, **cast_options(dtype, casting))


@implements(np.dstack)
def dstack(tup: Sequence[Any]) -> Any:
    """Join arrays along a third axis; see `numpy.dstack`."""
    return concatenate(*(atleast(x, 3) for x in tup), axis=2)


@implements(np.column_stack)
def column_stack(tup: Sequence[Any]) -> Any:
    """Join vectors, as columns, and matrices side by side; see `numpy.column_stack`."""
    return concatenate(*(atleast(x, 2) if np.ndim(x) > 1 else np.reshape(x, (-1, 1)) for x in tup), axis=1)


@implements(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """Join values to the end; see `numpy.append`."""
    return concatenate(*((arr, values) if axis is not None else [np.reshape(x, -1) for x in (arr, values)]), axis=axis)


@implements(np.block)
def block(arrays: Any) -> Any:
    """Join nested lists of blocks, the innermost along the last axis; see `numpy.block`."""

    def leaves(part: Any, depth: int = 0) -> Iterable[tuple[Any, int]]:
        if not isinstance(part, list):
            return [(part, depth)]
        if not part:
            raise ValueError("np.block: one of its lists is empty")
        return itertools.chain.from_iterable(leaves(item, depth + 1) for item in cast(list[Any], part))

    def joined(part: Any, axis: int) -> Any:
        if axis < 0:
            return concatenate(*(joined(item, axis + 1) for item in part), axis=axis)
        return np.reshape(part, (1,) * (ndim - np.ndim(part)) + np.shape(part))

    blocks, depths = zip(*leaves(arrays), strict=True)
    if len(set(depths)) > 1:
        raise ValueError(f"np.block: its lists are nested {sorted(set(depths))} deep; nest all of them equally deep")
    ndim = max(depths[0], *map(np.ndim, blocks), 0)
    return joined(arrays, -depths[0]) if depths[0] else np.copy(arrays)


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut an array into nearly equal parts, or at given places; see `numpy.array_split`."""
    n, sections = ary.shape[axis], plain(indices_or_sections)
    if np.ndim(sections):
        stops = [0, *(operator.index(i) for i in sections), n]
    elif (count := operator.index(sections)) > 0:
        each, longer = divmod(n, count)
        stops = [0, *itertools.accumulate(each + (i < longer) for i in range(count))]
    else:
        raise ValueError(f"np.array_split: {count} sections; give at least 1")
    before = (slice(None),) * (axis % ary.ndim)
    return [ary[(*before, slice(start, stop))] for start, stop in itertools.pairwise(stops)]


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut an array into equal parts, or at given places; see `numpy.split`."""
    if not np.ndim(indices_or_sections) and ary.shape[axis] % operator.index(plain(indices_or_sections)):
        raise ValueError(
            f"np.split: axis {axis} of shape {ary.shape} cannot be cut into {indices_or_sections} equal parts; "
            f"np.array_split makes nearly equal ones"
        )
    return array_split(ary, indices_or_sections, axis)


def _split_along(axis: int, name: str, ary: Any, indices_or_sections: Any) -> list[Any]:
    if ary.ndim <= axis:
        raise ValueError(f"{name}: needs at least {axis + 1} axes, got shape {ary.shape}")
    return split(ary, indices_or_sections, axis)


@implements(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut along the first of two or more axes; see `numpy.vsplit`."""
    if ary.ndim == 1:
        raise ValueError(f"np.vsplit: needs at least 2 axes, got shape {ary.shape}")
    return _split_along(0, "np.vsplit", ary, indices_or_sections)


@implements(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut along the second axis, or that of a vector; see `numpy.hsplit`."""
    return _split_along(int(ary.ndim > 1), "np.hsplit", ary, indices_or_sections)


@implements(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut along the third axis; see `numpy.dsplit`."""
    return _split_along(2, "np.dsplit", ary, indices_or_sections)


@implements(np.unstack)
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """Give the parts along an axis, without it; see `numpy.unstack`."""
    return tuple(part for part in np.moveaxis(x, axis, 0))
