"""Functions that move elements without changing them."""

import itertools
import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.typing import DTypeLike

from autograd_np.primitives import defvjp, implements, primitives, refuse
from autograd_np.rules.arguments import no_out
from autograd_np.rules.formulas import formula_of
from autograd_np.rules.indexing import numbered, scatter_add
from autograd_np.tape import is_array, unbroadcast
from autograd_np.tensor import Tensor, as_array, astype, identity, plain, primitive, record

# The same elements in another shape or order of axes

defvjp(np.reshape, lambda g, _y, _x, shape=None, order="C", copy=None: np.reshape(g, _x.shape, order=order))
defvjp(np.ravel, lambda g, _y, _x, order="C": np.reshape(g, _x.shape, order=order))
defvjp(np.transpose, lambda g, _y, _x, axes=None: np.transpose(g, _inverse(axes)))
defvjp(np.swapaxes, lambda g, _y, _x, axis1=0, axis2=1: np.swapaxes(g, axis1, axis2))
defvjp(np.moveaxis, lambda g, _y, _x, source=None, destination=None: np.moveaxis(g, destination, source))
defvjp(np.squeeze, lambda g, _y, _x, axis=None: g.reshape(_x.shape))
defvjp(np.expand_dims, lambda g, _y, _x, axis=None: g.reshape(_x.shape))
defvjp(np.broadcast_to, lambda g, _y, _x, shape=None: unbroadcast(g, _x.shape))
defvjp(astype, lambda g, _y, _x, dtype=None: g)
defvjp(identity, lambda g, _y, _x: g)
defvjp(np.copy, lambda g, _y, _x: g)

# Turned round, or in part 0

defvjp(np.flip, lambda g, _y, _m, axis=None: np.flip(g, axis))
defvjp(np.fliplr, lambda g, _y, _m: np.fliplr(g))
defvjp(np.flipud, lambda g, _y, _m: np.flipud(g))
defvjp(np.rot90, lambda g, _y, _m, k=1, axes=(0, 1): np.rot90(g, -k, axes))
defvjp(np.roll, lambda g, _y, _a, shift=0, axis=None: np.roll(g, np.negative(shift), axis))
defvjp(np.tril, lambda g, _y, _m, k=0: np.tril(g, k), broadcasts=True)  # a vector is broadcast to a matrix
defvjp(np.triu, lambda g, _y, _m, k=0: np.triu(g, k), broadcasts=True)


def _inverse(axes: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if axes is None else tuple(int(i) for i in np.argsort([a % len(axes) for a in axes]))


def _fixed(order: str, name: str) -> dict[str, str]:
    if order not in ("C", "F"):
        raise ValueError(f"{name}: order={order!r} depends on the layout in memory; on tensors use 'C' or 'F'")
    return {"order": order}


@implements(np.reshape)
def reshape(a: Any, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Any:
    """Give the same elements another shape; see `numpy.reshape`."""
    options = {} if copy is None else {"copy": copy}
    return record(primitives[np.reshape], (a,), {"shape": shape, **_fixed(order, "np.reshape"), **options})


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    """Lay the elements out in one dimension; see `numpy.ravel`."""
    return record(primitives[np.ravel], (a,), _fixed(order, "np.ravel"))


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """Move an axis back to before another one; see `numpy.rollaxis`."""
    if not (-a.ndim <= axis < a.ndim and -a.ndim <= start <= a.ndim):
        raise ValueError(f"np.rollaxis: axis={axis} and start={start} for an array of shape {a.shape}")
    axis, start = axis % a.ndim, start + a.ndim if start < 0 else start
    return np.moveaxis(a, axis, start - (axis < start))


@implements(np.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """Swap the last two axes; see `numpy.matrix_transpose`."""
    if x.ndim < 2:
        raise ValueError(f"np.matrix_transpose: needs at least two axes, got shape {x.shape}")
    return np.swapaxes(x, -1, -2)


def _atleast(x: Any, ndim: int) -> Any:
    """Give an array axes of length 1, where `numpy.atleast_3d` and its kin put them."""
    x = as_array(x)
    shape = x.shape
    if ndim == 3 and len(shape) in (1, 2):
        return np.reshape(x, (*(1, *shape)[-2:], 1))
    return np.reshape(x, (*(1,) * (ndim - len(shape)), *shape)) if len(shape) < ndim else x


@implements(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    """Make vectors of numbers; see `numpy.atleast_1d`."""
    results = tuple(_atleast(x, 1) for x in arys)
    return results if len(arys) > 1 else results[0]


@implements(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    """Make rows of vectors; see `numpy.atleast_2d`."""
    results = tuple(_atleast(x, 2) for x in arys)
    return results if len(arys) > 1 else results[0]


@implements(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    """Make stacks of matrices and vectors; see `numpy.atleast_3d`."""
    results = tuple(_atleast(x, 3) for x in arys)
    return results if len(arys) > 1 else results[0]


# ---------------------------------------------------------------------------------------------------------------------
# Repeated
# ---------------------------------------------------------------------------------------------------------------------


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any) -> tuple[Any, ...]:
    """Broadcast arrays against one another; see `numpy.broadcast_arrays`."""
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(x, shape) for x in args)


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Sequence[Any]:
    """Make the coordinates of a grid of those along its axes; see `numpy.meshgrid`."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"np.meshgrid: indexing={indexing!r}; it is 'xy' or 'ij'")
    axes = [1, 0, *range(2, len(xi))] if indexing == "xy" and len(xi) > 1 else range(len(xi))
    grid: Sequence[Any] = [
        np.reshape(x, [-1 if i == axis else 1 for i in range(len(xi))]) for x, axis in zip(xi, axes, strict=True)
    ]
    grid = grid if sparse else broadcast_arrays(*grid)
    return tuple(map(np.copy, grid)) if copy else grid


defvjp(np.tile, lambda g, _y, _A, reps=1: _untiled(g, _A, np.atleast_1d(reps).tolist()))
defvjp(np.repeat, lambda g, _y, _a, repeats=1, axis=None: _unrepeated(g, _a, np.asarray(repeats), axis))


def _untiled(g: Any, x: Any, counts: list[int]) -> Any:
    ndim = max(x.ndim, len(counts))
    shape, counts = (1,) * (ndim - x.ndim) + x.shape, [1] * (ndim - len(counts)) + counts
    tiles = np.reshape(g, list(itertools.chain.from_iterable(zip(counts, shape, strict=True))))
    return np.reshape(np.sum(tiles, axis=tuple(range(0, 2 * ndim, 2))), x.shape)


def _unrepeated(g: Any, x: Any, counts: Any, axis: int | None) -> Any:
    if axis is None or not x.ndim:
        shape, place = (math.prod(x.shape),), 0
    else:
        shape, place = x.shape, axis % x.ndim
    if counts.size == 1:
        groups = np.reshape(g, (*shape[: place + 1], counts.item(), *shape[place + 1 :]))
        return np.reshape(np.sum(groups, axis=place + 1), x.shape)
    places = np.repeat(np.arange(shape[place], dtype=np.intp), counts)
    return np.reshape(scatter_add(g, index=(*(slice(None),) * place, places), shape=shape), x.shape)


@implements(np.tile)
def tile(A: Any, reps: Any) -> Any:
    """Repeat an array like a tile; see `numpy.tile`."""
    return record(primitives[np.tile], (A,), {"reps": plain(reps)})


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """Repeat each element, all the same number of times or each its own; see `numpy.repeat`."""
    return record(primitives[np.repeat], (a,), {"repeats": plain(repeats), "axis": axis})


def _along(a: Any, axis: int | None) -> tuple[Any, int]:
    """Return an array, in one row if no axis is given, with the axis counted from the front; a number is a row, too."""
    if axis is None:
        return a.reshape(-1), 0
    a = a if a.ndim else a.reshape(-1)
    return a, normalize_axis_index(axis, a.ndim)


@formula_of(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """Repeat or cut the elements until they fill a shape; see `numpy.resize`."""
    places = np.resize(numbered(a.shape), new_shape)
    return a.reshape(-1)[places] if a.size else places  # zeros


# ---------------------------------------------------------------------------------------------------------------------
# On the diagonal
# ---------------------------------------------------------------------------------------------------------------------


def _on_diagonal(g: Any, _y: Any, _a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Put a gradient on the diagonal that was taken, with 0 around it."""
    axis1, axis2 = (normalize_axis_index(axis, _a.ndim) for axis in (axis1, axis2))
    others = [n for axis, n in enumerate(_a.shape) if axis not in (axis1, axis2)]
    i = np.arange(g.shape[-1], dtype=np.intp)
    index = (..., i + max(-offset, 0), i + max(offset, 0))
    matrices = scatter_add(g, index=index, shape=(*others, _a.shape[axis1], _a.shape[axis2]))
    return np.moveaxis(matrices, (-2, -1), (axis1, axis2))


defvjp(np.diagonal, _on_diagonal)
defvjp(np.diagflat, lambda g, _y, _v, k=0: np.reshape(np.diagonal(g, k), _v.shape))


@implements(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """Take the diagonal of a matrix, or make a matrix of a diagonal; see `numpy.diag`."""
    if v.ndim not in (1, 2):
        raise ValueError(f"np.diag: takes a vector or a matrix, got shape {v.shape}; see np.diagonal and np.diagflat")
    return np.diagonal(v, k) if v.ndim == 2 else np.diagflat(v, k)


@implements(np.trace)
def trace(
    a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: DTypeLike | None = None, out: None = None
) -> Any:
    """Sum along a diagonal; see `numpy.trace`."""
    no_out("np.trace", out)
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


# ---------------------------------------------------------------------------------------------------------------------
# Joined
# ---------------------------------------------------------------------------------------------------------------------


_CAST = ", which dtype= and casting= bring to another dtype"


@primitive(name="np.concatenate")
def concatenate(*arrays: Any, axis: int | None = 0, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """Join arrays along an axis that they have; see `numpy.concatenate`."""
    return np.concatenate(arrays, axis=axis, dtype=dtype, casting=casting)


def _cut(g: Any, _y: Any, *_arrays: Any, axis: int | None = 0, dtype: Any = None, casting: Any = None) -> list[Any]:
    """Cut a gradient into pieces of the arrays' lengths."""
    if axis is None:
        stops = [0, *itertools.accumulate(math.prod(array.shape) for array in _arrays)]
        return [np.reshape(g[i:j], x.shape) for (i, j), x in zip(itertools.pairwise(stops), _arrays, strict=True)]
    before = (slice(None),) * (axis % g.ndim)
    stops = [0, *itertools.accumulate(array.shape[axis] for array in _arrays)]
    return [g[(*before, slice(start, stop))] for start, stop in itertools.pairwise(stops)]


defvjp(concatenate, joint=_cut)


@implements(np.concatenate)
def _concatenate(
    arrays: Sequence[Any], /, axis: int | None = 0, out: None = None, *, dtype: Any = None, casting: Any = "same_kind"
) -> Any:
    no_out("np.concatenate", out, _CAST)
    return concatenate(*arrays, axis=axis, **_given(dtype, casting))


def _given(dtype: Any, casting: Any) -> dict[str, Any]:
    return {} if dtype is None and casting == "same_kind" else {"dtype": dtype, "casting": casting}


@implements(np.stack)
def _stack(
    arrays: Sequence[Any], axis: int = 0, out: None = None, *, dtype: Any = None, casting: Any = "same_kind"
) -> Any:
    no_out("np.stack", out, _CAST)
    return concatenate(*(np.expand_dims(a, axis) for a in arrays), axis=axis, **_given(dtype, casting))


@implements(np.hstack)
def hstack(tup: Sequence[Any], *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """Join arrays side by side; see `numpy.hstack`."""
    parts = [_atleast(x, 1) for x in tup]
    return concatenate(*parts, axis=0 if parts[0].ndim == 1 else 1, **_given(dtype, casting))


@implements(np.vstack)
def vstack(tup: Sequence[Any], *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """Join arrays one below the other; see `numpy.vstack`."""
    return concatenate(*(_atleast(x, 2) for x in tup), axis=0, **_given(dtype, casting))


@implements(np.dstack)
def dstack(tup: Sequence[Any]) -> Any:
    """Join arrays one behind the other; see `numpy.dstack`."""
    return concatenate(*(_atleast(x, 3) for x in tup), axis=2)


@implements(np.column_stack)
def column_stack(tup: Sequence[Any]) -> Any:
    """Join vectors, as columns, and matrices side by side; see `numpy.column_stack`."""
    return concatenate(*(_atleast(x, 2) if np.ndim(x) > 1 else np.reshape(x, (-1, 1)) for x in tup), axis=1)


@implements(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """Join values to the end; see `numpy.append`."""
    return _concatenate((arr, values) if axis is not None else [np.reshape(x, -1) for x in (arr, values)], axis)


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


@primitive(name="np.pad")
def pad(x: Any, width: tuple[tuple[int, int], ...] = (), value: Any = 0) -> Any:
    """Surround an array with constants: `width` has a pair (before, after) for each axis, `value` may have them too."""
    return np.pad(x, width or 0, constant_values=value)


defvjp(
    pad,
    lambda g, _y, _x, width=(), value=0: g[
        tuple(slice(before, before + n) for (before, _), n in zip(width, _x.shape, strict=True))
    ],
)


@implements(np.pad)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    if isinstance(pad_width, dict):
        pairs: Any = [(0, 0)] * array.ndim
        for axis, pair in pad_width.items():  # pyright: ignore[reportUnknownVariableType]
            pairs[axis] = np.broadcast_to(pair, 2)  # pyright: ignore[reportUnknownArgumentType]
    else:
        pairs = np.broadcast_to(pad_width, (array.ndim, 2))
    width = tuple((operator.index(before), operator.index(after)) for before, after in pairs)
    if mode == "constant" and kwargs.keys() <= {"constant_values"}:
        value = kwargs.get("constant_values", 0)
        if isinstance(value, Tensor) and value.requires_grad:
            raise TypeError(
                "np.pad: constant_values= cannot be a Tensor that requires a gradient; join it with np.concatenate"
            )
        return pad(array, width=width, value=plain(value))
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise TypeError(
            f"np.pad: mode={mode!r} is not supported on tensors; constant, edge, reflect, symmetric and wrap are"
        )
    if kwargs.pop("reflect_type", "even") != "even":
        raise TypeError("np.pad: reflect_type='odd' is not supported on tensors; subtract the reflection from 2 edges")
    # Every padded element is an element of the array: pad the places instead, and gather.
    places: Any = np.pad(numbered(array.shape), width or 0, mode, **kwargs)
    return array.reshape(-1)[places] if array.ndim else np.copy(array)


# ---------------------------------------------------------------------------------------------------------------------
# Cut
# ---------------------------------------------------------------------------------------------------------------------


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


# ---------------------------------------------------------------------------------------------------------------------
# Chosen
# ---------------------------------------------------------------------------------------------------------------------


@implements(np.take)
def take(a: Any, indices: Any, axis: int | None = None, out: None = None, mode: str = "raise") -> Any:
    """Take elements along an axis; see `numpy.take`."""
    no_out("np.take", out)
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"np.take: mode={mode!r}; it is 'raise', 'wrap' or 'clip'")
    a, places = as_array(a), plain(indices)
    if not a.size:  # where nothing is taken, NumPy takes it from anywhere
        return np.reshape(a, np.take(plain(a), places, axis, mode=mode).shape)
    if is_array(places) and not np.can_cast(places.dtype, np.intp):
        raise TypeError(f"np.take: indices of dtype {places.dtype} are not integers")
    a, axis = _along(a, axis)
    n, places = a.shape[axis], np.asarray(places, dtype=np.intp)
    if mode != "raise":
        places = places % n if mode == "wrap" else places.clip(0, n - 1)
    return a[(*(slice(None),) * axis, places)]


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """Take elements along an axis, at each place of the others its own; see `numpy.take_along_axis`."""
    arr, axis = (np.reshape(arr, -1), 0) if axis is None else (arr, normalize_axis_index(axis, arr.ndim))
    places = plain(indices)
    if places.ndim != arr.ndim:
        raise ValueError(
            f"np.take_along_axis: indices of shape {places.shape} for an array of shape {arr.shape}; they need as many "
            f"axes"
        )
    index: list[Any] = [
        numbered((n,)).reshape([-1 if i == j else 1 for j in range(arr.ndim)]) for i, n in enumerate(arr.shape)
    ]
    index[axis] = places
    return arr[tuple(index)]


@implements(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None, out: None = None) -> Any:
    """Take the slices for which a condition holds; see `numpy.compress`."""
    no_out("np.compress", out)
    if np.ndim(condition) != 1:
        raise ValueError(f"np.compress: the condition has shape {np.shape(condition)}; it takes a vector")
    return take(a, np.flatnonzero(plain(condition)), axis)


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """Take the elements for which a condition holds; see `numpy.extract`."""
    return take(arr, np.flatnonzero(plain(condition)))


@formula_of(np.choose)
def choose(a: Any, choices: Any, out: None = None, mode: str = "raise") -> Any:
    """Take each element from one of several arrays; see `numpy.choose`."""
    arrays, places = _numbered_together(choices)
    return arrays[np.choose(plain(a), places, mode=mode)]  # pyright: ignore[reportArgumentType, reportCallIssue]


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """Leave out slices along an axis; see `numpy.delete`."""
    n = arr.size if axis is None else arr.shape[normalize_axis_index(axis, arr.ndim)]
    places = np.arange(n, dtype=np.intp)
    return take(arr, np.delete(places, plain(obj)), axis)


@formula_of(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """Put values between the slices along an axis; see `numpy.insert`."""
    elements, (places, inserted) = _numbered_together([arr, values])
    return elements[np.insert(places, plain(obj), inserted, axis)]


def _numbered_together(arrays: Iterable[Any]) -> tuple[Any, list[Any]]:
    """Return the elements of all arrays in one row, and for each array the places of its elements there."""
    parts = list(map(as_array, arrays))
    starts = itertools.accumulate((np.size(part) for part in parts), initial=0)
    places = [start + numbered(np.shape(part)) for start, part in zip(starts, parts, strict=False)]
    return concatenate(*(np.reshape(part, -1) for part in parts)), places


# ---------------------------------------------------------------------------------------------------------------------
# Refused
# ---------------------------------------------------------------------------------------------------------------------

refuse(
    "it writes into its argument behind the tape; assign (t[index] = value), or choose with np.where",
    np.fill_diagonal, np.put, np.put_along_axis, np.place, np.putmask,
)  # fmt: skip
