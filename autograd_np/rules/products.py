"""Products of vectors, matrices and stacks of matrices, and convolution."""

import math
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_np.primitives import defvjp, implements, primitives
from autograd_np.rules.arguments import conjugated, no_out
from autograd_np.rules.shaping import pad
from autograd_np.tensor import Tensor, as_array, primitive, record

defvjp(np.matmul, lambda g, _y, _a, b: _matmul_left(g, _a, b), lambda g, _y, a, _b: _matmul_right(g, a, _b))
defvjp(
    np.tensordot,
    lambda g, _y, _a, b, axes=2: _tensordot_left(g, _a, b, *_contracted(_a, b, axes)),
    lambda g, _y, a, _b, axes=2: _tensordot_right(g, a, _b, *_contracted(a, _b, axes)),
)
defvjp(
    np.dot,
    lambda g, _y, _a, b: _dot_left(g, _a, b),
    lambda g, _y, a, _b: _dot_right(g, a, _b),
    broadcasts=True,  # a number with an array
)
defvjp(
    np.inner,
    lambda g, _y, _a, b: g * b if 0 in (_a.ndim, b.ndim) else _tensordot_left(g, _a, b, [_a.ndim - 1], [b.ndim - 1]),
    lambda g, _y, a, _b: g * a if 0 in (a.ndim, _b.ndim) else _tensordot_right(g, a, _b, [a.ndim - 1], [_b.ndim - 1]),
    broadcasts=True,
)
defvjp(
    np.vdot,
    lambda g, _y, _a, b: conjugated(g * b).reshape(_a.shape),
    lambda g, _y, a, _b: (g * conjugated(a)).reshape(_b.shape),
)
defvjp(
    np.vecdot,
    lambda g, _y, _x1, x2, axis=-1, keepdims=False: conjugated(_vecdot_vjp(g, _y, _x1, x2, axis, keepdims)),
    lambda g, _y, x1, _x2, axis=-1, keepdims=False: _vecdot_vjp(g, _y, _x2, conjugated(x1), axis, keepdims),
)
defvjp(
    np.matvec,
    lambda g, _y, _x1, x2: g[..., None] * x2[..., None, :],
    lambda g, _y, x1, _x2: (np.swapaxes(x1, -1, -2) @ g[..., None])[..., 0],
)
defvjp(
    np.vecmat,
    lambda g, _y, _x1, x2: conjugated((x2 @ g[..., None])[..., 0]),
    lambda g, _y, x1, _x2: conjugated(x1)[..., None] * g[..., None, :],
)


# ---------------------------------------------------------------------------------------------------------------------
# Matrices
# ---------------------------------------------------------------------------------------------------------------------


def _matmul_left(g: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return g[..., None] * b
    if a.ndim == 1:
        return (b @ g[..., None])[..., 0]
    return g @ np.swapaxes(b, -1, -2)


def _matmul_right(g: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1:
        return g[..., None] * a if b.ndim == 1 else a[:, None] * g[..., None, :]
    if b.ndim == 1:
        return (np.swapaxes(a, -1, -2) @ g[..., None])[..., 0]
    if (
        b.ndim == 2 and 2 < a.ndim == g.ndim
    ):  # one matrix for the whole stack: one product instead of a stack and its sum
        return _rows(a).T @ _rows(g)
    return np.swapaxes(a, -1, -2) @ g


def _rows(a: Any) -> Any:
    return np.reshape(a, (math.prod(a.shape[:-1]), a.shape[-1]))


@implements(np.dot)
def dot(a: Any, b: Any, out: None = None) -> Any:
    """Multiply vectors, matrices, or the last axis of `a` with the last but one of `b`; see `numpy.dot`."""
    no_out("np.dot", out)
    return _record(np.dot, a, b)


def _record(function: Any, a: Any, b: Any, **options: Any) -> Any:
    """Record a product of arrays, of which NumPy makes numbers and lists, too: a number promotes float32 here."""
    return record(primitives[function], (as_array(a), as_array(b)), options)


def _dot_left(g: Any, a: Any, b: Any) -> Any:
    if 0 in (a.ndim, b.ndim):
        return g * b
    return _matmul_left(g, a, b) if b.ndim <= 2 else _tensordot_left(g, a, b, [a.ndim - 1], [b.ndim - 2])


def _dot_right(g: Any, a: Any, b: Any) -> Any:
    if 0 in (a.ndim, b.ndim):
        return g * a
    return _matmul_right(g, a, b) if b.ndim <= 2 else _tensordot_right(g, a, b, [a.ndim - 1], [b.ndim - 2])


# ---------------------------------------------------------------------------------------------------------------------
# Vectors
# ---------------------------------------------------------------------------------------------------------------------


def _vecdot_vjp(g: Any, y: Any, x: Any, other: Any, axis: int, keepdims: bool) -> Any:
    """Multiply each gradient with a whole vector. Positions count from the end, before which arrays may differ."""
    g = np.moveaxis(g, _from_the_end(axis, y), -1) if keepdims else g[..., None]
    return np.moveaxis(g * np.moveaxis(other, axis, -1), -1, _from_the_end(axis, x))


def _from_the_end(axis: int, x: Any) -> int:
    return axis if axis < 0 else axis - x.ndim


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """Multiply all elements, of `a` conjugated, and sum; see `numpy.vdot`."""
    return _record(np.vdot, a, b)


@implements(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """Sum products over the last axes; see `numpy.inner`."""
    return _record(np.inner, a, b)


# ---------------------------------------------------------------------------------------------------------------------
# Tensors: along any axes
# ---------------------------------------------------------------------------------------------------------------------


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum products over any axes; see `numpy.tensordot`."""
    return _record(np.tensordot, a, b, axes=axes)


def _contracted(a: Any, b: Any, axes: Any) -> tuple[list[int], list[int]]:
    """Return the axes of each that are summed over, in corresponding order."""
    if np.ndim(axes) == 0:
        n = int(axes)
        return list(range(a.ndim - n, a.ndim)), list(range(n))
    of_a, of_b = (np.atleast_1d(part).tolist() for part in axes)
    return [i % a.ndim for i in of_a], [i % b.ndim for i in of_b]


def _tensordot_left(g: Any, a: Any, b: Any, of_a: list[int], of_b: list[int]) -> Any:
    kept_a, kept_b = _others(of_a, a), _others(of_b, b)
    product = np.tensordot(g, b, axes=(range(len(kept_a), g.ndim), kept_b))
    return np.transpose(product, _places(kept_a + [i for _, i in sorted(zip(of_b, of_a, strict=True))]))


def _tensordot_right(g: Any, a: Any, b: Any, of_a: list[int], of_b: list[int]) -> Any:
    kept_a, kept_b = _others(of_a, a), _others(of_b, b)
    product = np.tensordot(a, g, axes=(kept_a, range(len(kept_a))))
    return np.transpose(product, _places([i for _, i in sorted(zip(of_a, of_b, strict=True))] + kept_b))


def _others(axes: list[int], x: Any) -> list[int]:
    return [i for i in range(x.ndim) if i not in axes]


def _places(axes: list[int]) -> list[int]:
    """Return where each axis stands: the inverse permutation."""
    return [axes.index(i) for i in range(len(axes))]


@primitive(name="np.einsum", fresh=True)
def einsum(*arrays: Any, subscripts: str = "", optimize: bool | str = False, needed: tuple[bool, ...] = ()) -> Any:
    """Sum products of elements over indices; see `numpy.einsum`. `needed` tells which arrays need a gradient."""
    return np.einsum(subscripts, *arrays, optimize=optimize)


def _einsum_vjps(
    g: Any,
    _y: Any,
    *arrays: Any,
    subscripts: str = "",
    optimize: bool | str = False,
    needed: tuple[bool, ...] = (),
) -> list[Any]:
    terms, result = _indices(subscripts, arrays)
    return [_einsum_vjp(g, arrays, i, terms, result, optimize) if need else None for i, need in enumerate(needed)]


defvjp(einsum, joint=_einsum_vjps)


@primitive(name="np.einsum", fresh=True, moves=True)
def einsum_of_one(x: Any, subscripts: str = "", optimize: bool = False) -> Any:
    """Sum the elements of one array over indices; a view of it where none is summed over, as in NumPy."""
    return np.einsum(subscripts, x, optimize=optimize)


def _einsum_of_one_vjp(g: Any, _y: Any, _x: Any, subscripts: str = "", optimize: bool = False) -> Any:
    terms, result = _indices(subscripts, [_x])
    return _einsum_vjp(g, [_x], 0, terms, result, optimize)


defvjp(einsum_of_one, _einsum_of_one_vjp)


@implements(np.einsum)
def _einsum(*operands: Any, out: Any = None, optimize: Any = False) -> Any:
    no_out("np.einsum", out)
    if isinstance(operands[0], str):
        subscripts, *arrays = operands
    else:
        subscripts, arrays = _in_letters(operands)
    arrays = [as_array(a) for a in arrays]
    if len(arrays) == 1:
        return einsum_of_one(arrays[0], subscripts=subscripts, optimize=bool(optimize))
    return einsum(
        *arrays,
        subscripts=subscripts,
        optimize=optimize if isinstance(optimize, bool | str) else True,  # a path fits this call alone
        needed=tuple(isinstance(a, Tensor) and a.requires_grad for a in arrays),
    )


_LETTERS = string.ascii_uppercase + string.ascii_lowercase  # einsum sorts indices by the codes of their letters


def _in_letters(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """Turn `a, [0, 1], b, [1, 2], [0, 2]` into `"AB,BC->AC"` and the arrays."""

    def letters(indices: Sequence[Any]) -> str:
        return "".join("..." if i is Ellipsis else _LETTERS[i] for i in indices)

    paired = len(operands) // 2 * 2
    subscripts = ",".join(map(letters, operands[1:paired:2]))
    if paired < len(operands):
        subscripts += "->" + letters(operands[-1])
    return subscripts, list(operands[:paired:2])


def _indices(subscripts: str, arrays: Sequence[Any]) -> tuple[list[str], str]:
    """Return the indices of each array and of the result, with letters in place of ellipses."""
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow:
        letters = left.replace(".", "").replace(",", "")
        right = "..." + "".join(sorted(c for c in letters if letters.count(c) == 1))
    covered = [a.ndim - len(term.replace("...", "")) for term, a in zip(terms, arrays, strict=True)]
    free = [c for c in _LETTERS if c not in subscripts][: max(covered)]
    ellipses = ["".join(free[len(free) - n :]) for n in covered]  # they are aligned at their ends
    return [t.replace("...", e) for t, e in zip(terms, ellipses, strict=True)], right.replace("...", "".join(free))


def _einsum_vjp(g: Any, arrays: Sequence[Any], i: int, terms: list[str], result: str, optimize: bool | str) -> Any:
    """Sum the products of the gradient and the other arrays over the indices that array `i` does not have."""
    term, shape = terms[i], arrays[i].shape
    others = [*terms[:i], *terms[i + 1 :]]
    lengths = dict(zip(term, shape, strict=True))
    # An index that no other array has was summed alone: each element gets the same. One of length 1 was broadcast.
    kept = [c for c, n in lengths.items() if n != 1 and c in "".join((result, *others))]
    subscripts = ",".join((result, *others)) + "->" + "".join(kept)
    part = np.einsum(subscripts, g, *arrays[:i], *arrays[i + 1 :], optimize=optimize)
    sizes = dict(zip(kept, part.shape, strict=True))
    first = [term.index(c) for c in term]
    part = part.reshape([sizes.get(c, 1) if first[k] == k else 1 for k, c in enumerate(term)])
    for k, n in enumerate(shape):
        if first[k] < k:  # an index that repeats runs along the diagonal
            part = part * np.eye(n, dtype=bool).reshape(
                [n if axis in (first[k], k) else 1 for axis in range(len(shape))]
            )
    return part if part.shape == shape else np.broadcast_to(part, shape)


# ---------------------------------------------------------------------------------------------------------------------
# Convolution
# ---------------------------------------------------------------------------------------------------------------------


defvjp(
    np.convolve,
    lambda g, _y, _a, v, mode="full": np.convolve(_in_full(g, _a, v, mode), v[::-1], "valid"),
    lambda g, _y, a, _v, mode="full": np.convolve(_in_full(g, a, _v, mode), a[::-1], "valid"),
)


def _in_full(g: Any, a: Any, v: Any, mode: str) -> Any:
    """Put the gradient of a part of the full convolution in its place, among zeros."""
    shorter, length = min(a.shape[0], v.shape[0]), a.shape[0] + v.shape[0] - 1
    before = {"full": 0, "same": (shorter - 1) // 2, "valid": shorter - 1}[mode]
    return pad(g, width=((before, length - before - g.shape[0]),))


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """Convolve two vectors; see `numpy.convolve`."""
    return record(primitives[np.convolve], (np.atleast_1d(a), np.atleast_1d(v)), {"mode": mode})
