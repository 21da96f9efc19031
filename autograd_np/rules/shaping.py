"""Functions that move elements without changing them."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autograd_np.primitives import defvjp, implements, primitives
from autograd_np.rules.arguments import no_out
from autograd_np.rules.indexing import scatter_add
from autograd_np.tape import unbroadcast
from autograd_np.tensor import argument, astype, plain, primitive, record

# The same elements in another shape or order of axes

defvjp(np.reshape, lambda g, _y, _x, shape=None, order="C", copy=None: np.reshape(g, _x.shape, order=order))
defvjp(np.ravel, lambda g, _y, _x, order="C": np.reshape(g, _x.shape, order=order))
defvjp(np.transpose, lambda g, _y, _x, axes=None: np.transpose(g, _inverse_permutation(axes)))
defvjp(np.swapaxes, lambda g, _y, _x, axis1=0, axis2=1: np.swapaxes(g, axis1, axis2))
defvjp(np.moveaxis, lambda g, _y, _x, source=None, destination=None: np.moveaxis(g, destination, source))
defvjp(np.squeeze, lambda g, _y, _x, axis=None: g.reshape(_x.shape))
defvjp(np.expand_dims, lambda g, _y, _x, axis=None: g.reshape(_x.shape))
defvjp(np.broadcast_to, lambda g, _y, _x, shape=None: unbroadcast(g, _x.shape))
defvjp(astype, lambda g, _y, _x, dtype=None: g)
defvjp(argument, lambda g, _y, _x: g)
defvjp(np.copy, lambda g, _y, _x: g)

# Turned round, or in part 0

defvjp(np.flip, lambda g, _y, _m, axis=None: np.flip(g, axis))
defvjp(np.fliplr, lambda g, _y, _m: np.fliplr(g))
defvjp(np.flipud, lambda g, _y, _m: np.flipud(g))
defvjp(np.rot90, lambda g, _y, _m, k=1, axes=(0, 1): np.rot90(g, -k, axes))
defvjp(np.roll, lambda g, _y, _a, shift=0, axis=None: np.roll(g, np.negative(shift), axis))
defvjp(np.tril, lambda g, _y, _m, k=0: np.tril(g, k), broadcasts=True)  # a vector is broadcast to a matrix
defvjp(np.triu, lambda g, _y, _m, k=0: np.triu(g, k), broadcasts=True)


def _inverse_permutation(axes: Sequence[int] | None) -> tuple[int, ...] | None:
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


# ---------------------------------------------------------------------------------------------------------------------
# Repeated
# ---------------------------------------------------------------------------------------------------------------------


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


# ---------------------------------------------------------------------------------------------------------------------
# Joined
# ---------------------------------------------------------------------------------------------------------------------


OR_CAST = ", which dtype= and casting= bring to another dtype"
"""What else out= could be meant by, where arrays are joined."""


@primitive(name="np.concatenate")
def concatenate(*arrays: Any, axis: int | None = 0, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """Join arrays along an axis that they have; see `numpy.concatenate`."""
    return np.concatenate(arrays, axis=axis, dtype=dtype, casting=casting)


def _split(g: Any, _y: Any, *_arrays: Any, axis: int | None = 0, dtype: Any = None, casting: Any = None) -> list[Any]:
    """Cut a gradient into pieces of the arrays' lengths."""
    if axis is None:
        stops = [0, *itertools.accumulate(math.prod(array.shape) for array in _arrays)]
        return [np.reshape(g[i:j], x.shape) for (i, j), x in zip(itertools.pairwise(stops), _arrays, strict=True)]
    before = (slice(None),) * (axis % g.ndim)
    stops = [0, *itertools.accumulate(array.shape[axis] for array in _arrays)]
    return [g[(*before, slice(start, stop))] for start, stop in itertools.pairwise(stops)]


defvjp(concatenate, joint=_split)


@implements(np.concatenate)
def _concatenate(
    arrays: Sequence[Any], /, axis: int | None = 0, out: None = None, *, dtype: Any = None, casting: Any = "same_kind"
) -> Any:
    no_out("np.concatenate", out, OR_CAST)
    return concatenate(*arrays, axis=axis, **cast_options(dtype, casting))


def cast_options(dtype: Any, casting: Any) -> dict[str, Any]:
    """Return what is passed on of these two: nothing, where they are NumPy's own choices."""
    return {} if dtype is None and casting == "same_kind" else {"dtype": dtype, "casting": casting}


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
