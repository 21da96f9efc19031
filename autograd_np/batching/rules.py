"""Batching rules: for a function of NumPy, what to call on the whole batch.

A batch has the axis of its examples in front. No rule lets one example see another: axes are counted from the first
that is an example's own, and are within its bounds.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autograd_np.batching.stand_ins import RULES, Batched, Rule, Run, elementwise
from autograd_np.trees import leaves_of

__all__: list[str] = []


def _for(*functions: Any) -> Callable[[Rule], Rule]:
    """Decorate the rule of some functions."""

    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(functions, rule))
        return rule

    return register


# -- element by element ------------------------------------------------------------------------------------------------

for _function in (
    np.real, np.imag, np.angle, np.sinc, np.nan_to_num, np.round, np.around, np.isclose, np.zeros_like, np.ones_like,
    np.full_like, np.copy, np.i0, np.fix, np.iscomplex, np.isreal, np.isposinf, np.isneginf,
):  # fmt: skip
    RULES[_function] = elementwise(_function)


@_for(np.where)
def _where(run: Run, condition: Any, x: Any, y: Any) -> Any:
    return elementwise(np.where)(run, condition, x, y)


@_for(np.clip)
def _clip(run: Run, a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low, high = (a_min, a_max) if min is max is None else (min, max)
    if (low, high) != (a_min, a_max) and not a_min is a_max is None:
        raise TypeError("bounds twice")
    return elementwise(np.clip)(run, a, low, high)


# -- facts -------------------------------------------------------------------------------------------------------------


@_for(np.shape)
def _shape(_run: Run, a: Any) -> tuple[int, ...]:
    return a.shape


@_for(np.ndim)
def _ndim(_run: Run, a: Any) -> int:
    return a.ndim


@_for(np.size)
def _size(_run: Run, a: Any) -> int:
    return a.size


@_for(np.iscomplexobj)
def _iscomplexobj(_run: Run, x: Any) -> bool:
    return x.dtype.kind == "c"


@_for(np.result_type)
def _result_type(run: Run, *values: Any) -> Any:
    return np.result_type(*map(run.whole, values))


# -- along axes --------------------------------------------------------------------------------------------------------


def _axes(a: Batched, axis: Any) -> tuple[int, ...]:
    """Return axes of an example as axes of the batch; None are all of them."""
    axes = range(a.ndim) if axis is None else normalize_axis_tuple(axis, a.ndim)
    return tuple(i + 1 for i in axes)


def _axis(a: Batched, axis: int) -> int:
    return normalize_axis_index(axis, a.ndim) + 1


def _reduction(function: Any) -> Rule:
    def rule(run: Run, a: Any, axis: Any = None, *, keepdims: bool = False, **kwargs: Any) -> Any:
        if kwargs.keys() - {"dtype", "ddof", "correction"}:
            raise TypeError(f"keywords {', '.join(kwargs)}")
        return run.wrap(function(run.whole(a), axis=_axes(a, axis), keepdims=keepdims, **kwargs))

    return rule


for _function in (
    np.sum, np.prod, np.mean, np.max, np.min, np.amax, np.amin, np.std, np.var, np.any, np.all, np.count_nonzero,
    np.nansum, np.nanmean, np.nanmax, np.nanmin, np.median, np.ptp,
):  # fmt: skip
    RULES[_function] = _reduction(_function)


def _along(function: Any, default: Any) -> Rule:
    """Return the rule of what works along one axis, or on all elements in a row."""

    def rule(run: Run, a: Any, axis: Any = default, **kwargs: Any) -> Any:
        if kwargs.keys() - {"dtype", "kind", "stable"}:
            raise TypeError(f"keywords {', '.join(kwargs)}")
        if axis is None:
            a, axis = _ravel(run, a), 0
        return run.wrap(function(run.whole(a), axis=_axis(a, axis), **kwargs))

    return rule


for _function in (np.argmax, np.argmin, np.cumsum, np.cumprod):
    RULES[_function] = _along(_function, None)
for _function in (np.sort, np.argsort):
    RULES[_function] = _along(_function, -1)


@_for(np.diff)
def _diff(run: Run, a: Any, n: int = 1, axis: int = -1) -> Any:
    return run.wrap(np.diff(run.whole(a), n, _axis(a, axis)))


@_for(np.flip)
def _flip(run: Run, m: Any, axis: Any = None) -> Any:
    return run.wrap(np.flip(run.whole(m), _axes(m, axis)))


@_for(np.roll)
def _roll(run: Run, a: Any, shift: Any, axis: Any = None) -> Any:
    if axis is None:
        return _reshape(run, _roll(run, _ravel(run, a), shift, 0), a.shape)
    return run.wrap(np.roll(run.whole(a), shift, _axes(a, axis) if isinstance(axis, tuple) else _axis(a, axis)))


@_for(np.repeat)
def _repeat(run: Run, a: Any, repeats: Any, axis: Any = None) -> Any:
    if axis is None:
        a, axis = _ravel(run, a), 0
    return run.wrap(np.repeat(run.whole(a), repeats, _axis(a, axis)))


# -- shapes ------------------------------------------------------------------------------------------------------------


def _lengths(shape: Any) -> tuple[int, ...]:
    return (shape,) if np.ndim(shape) == 0 else tuple(shape)


@_for(np.reshape)
def _reshape(run: Run, a: Any, /, shape: Any) -> Any:
    return run.wrap(np.reshape(run.whole(a), (run.count, *_lengths(shape))))


@_for(np.ravel)
def _ravel(run: Run, a: Any) -> Any:
    return run.wrap(np.reshape(run.whole(a), (run.count, a.size)))


@_for(np.transpose, np.permute_dims)
def _transpose(run: Run, a: Any, axes: Any = None) -> Any:
    order = range(a.ndim)[::-1] if axes is None else normalize_axis_tuple(axes, a.ndim)
    return run.wrap(np.transpose(run.whole(a), (0, *(i + 1 for i in order))))


@_for(np.swapaxes)
def _swapaxes(run: Run, a: Any, axis1: int, axis2: int) -> Any:
    return run.wrap(np.swapaxes(run.whole(a), _axis(a, axis1), _axis(a, axis2)))


@_for(np.moveaxis)
def _moveaxis(run: Run, a: Any, source: Any, destination: Any) -> Any:
    return run.wrap(np.moveaxis(run.whole(a), _axes(a, source), _axes(a, destination)))


@_for(np.matrix_transpose)
def _matrix_transpose(run: Run, x: Any, /) -> Any:
    return _swapaxes(run, x, -1, -2)


@_for(np.expand_dims)
def _expand_dims(run: Run, a: Any, axis: Any) -> Any:
    axes = normalize_axis_tuple(axis, a.ndim + np.size(axis))
    return run.wrap(np.expand_dims(run.whole(a), tuple(i + 1 for i in axes)))


@_for(np.squeeze)
def _squeeze(run: Run, a: Any, axis: Any = None) -> Any:
    axes = _axes(a, [i for i, length in enumerate(a.shape) if length == 1] if axis is None else axis)
    return run.wrap(np.squeeze(run.whole(a), axes))


@_for(np.broadcast_to)
def _broadcast_to(run: Run, array: Any, shape: Any) -> Any:
    lengths = _lengths(shape)
    return run.wrap(np.broadcast_to(run.whole(array, len(lengths)), (run.count, *lengths)))


@_for(np.diagonal)
def _diagonal(run: Run, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return run.wrap(np.diagonal(run.whole(a), offset, _axis(a, axis1), _axis(a, axis2)))


@_for(np.trace)
def _trace(run: Run, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return run.wrap(np.trace(run.whole(a), offset, _axis(a, axis1), _axis(a, axis2)))


def _of_matrices(function: Any) -> Rule:
    """Return the rule of what works on the last two axes, whatever is in front of them."""

    def rule(run: Run, a: Any, *args: Any) -> Any:
        if a.ndim < 2 or any(map(run.owns, args)):
            raise TypeError("no matrix")
        return run.wrap(function(run.whole(a), *args))

    return rule


for _function in (
    np.tril, np.triu, np.linalg.det, np.linalg.inv, np.linalg.slogdet, np.linalg.cholesky, np.linalg.eigh,
    np.linalg.eigvalsh,
):  # fmt: skip
    RULES[_function] = _of_matrices(_function)


# -- joining -----------------------------------------------------------------------------------------------------------


@_for(np.concatenate, np.concat)
def _concatenate(run: Run, arrays: Any, axis: Any = 0) -> Any:
    parts = list(arrays)
    if axis is None:
        return _concatenate(run, [_ravel(run, run.wrap(run.spread(part))) for part in parts])
    (ndim,) = {np.ndim(part) for part in parts}
    return run.wrap(np.concatenate([run.spread(part) for part in parts], normalize_axis_index(axis, ndim) + 1))


@_for(np.stack)
def _stack(run: Run, arrays: Any, axis: int = 0) -> Any:
    parts = list(arrays)
    (ndim,) = {np.ndim(part) for part in parts}
    return run.wrap(np.stack([run.spread(part) for part in parts], normalize_axis_index(axis, ndim + 1) + 1))


@_for(np.hstack)
def _hstack(run: Run, tup: Any) -> Any:
    parts = [run.wrap(run.spread(part)) for part in tup]
    parts = [part if part.ndim else _reshape(run, part, 1) for part in parts]
    return _concatenate(run, parts, min(parts[0].ndim - 1, 1))


@_for(np.vstack)
def _vstack(run: Run, tup: Any) -> Any:
    parts = [run.wrap(run.spread(part)) for part in tup]
    return _concatenate(run, [part if part.ndim > 1 else _reshape(run, part, (1, part.size)) for part in parts])


# -- products ----------------------------------------------------------------------------------------------------------


@_for(np.matmul)
def _matmul(run: Run, a: Any, b: Any) -> Any:
    m, n = np.ndim(a), np.ndim(b)
    if not m or not n:
        raise ValueError("numbers")
    if m == 2 and n == 1 and not run.owns(a):  # one product of matrices instead of many of vectors
        return run.wrap(np.matmul(run.whole(b), np.swapaxes(a, 0, 1)))
    if m == 1 and n == 2 and not run.owns(b):
        return run.wrap(np.matmul(run.whole(a), b))
    left = a if m > 1 else _matrix_of(run, a, 0)
    right = b if n > 1 else _matrix_of(run, b, 1)
    ndim = max(m, n, 2)
    product = np.matmul(run.whole(left, ndim), run.whole(right, ndim))
    dropped = tuple(([-2] if m == 1 else []) + ([-1] if n == 1 else []))
    return run.wrap(np.squeeze(product, dropped) if dropped else product)


def _matrix_of(run: Run, vector: Any, axis: int) -> Any:
    """Return a vector as a matrix of one row (axis 0), or of one column (axis 1)."""
    return _expand_dims(run, vector, axis) if run.owns(vector) else np.expand_dims(vector, axis)


@_for(np.dot)
def _dot(run: Run, a: Any, b: Any) -> Any:
    m, n = np.ndim(a), np.ndim(b)
    if not m or not n:
        return elementwise(np.multiply)(run, a, b)
    if n > 2:
        raise ValueError("more than two axes")
    return _matmul(run, a, b)


@_for(np.inner)
def _inner(run: Run, a: Any, b: Any) -> Any:
    if not np.ndim(a) or not np.ndim(b):
        return elementwise(np.multiply)(run, a, b)
    if np.ndim(b) > 2:
        raise ValueError("more than two axes")
    return _matmul(run, a, b if np.ndim(b) == 1 else np.swapaxes(b, 0, 1))


@_for(np.outer)
def _outer(run: Run, a: Any, b: Any) -> Any:
    return np.multiply(np.ravel(a)[:, None], np.ravel(b)[None, :])


@_for(np.einsum)
def _einsum(run: Run, subscripts: Any, *operands: Any, optimize: Any = False) -> Any:
    text = str(subscripts).replace(" ", "")
    if not isinstance(subscripts, str) or ("." in text and "->" not in text):
        raise TypeError("its output is not spelt out")
    terms, _, output = text.partition("->")
    if "->" not in text:
        output = "".join(sorted(letter for letter in set(terms) - {","} if terms.count(letter) == 1))
    batch = next(letter for letter in string.ascii_letters if letter not in text)
    pairs = zip(terms.split(","), operands, strict=True)
    terms = ",".join(batch + term if run.owns(x) else term for term, x in pairs)
    return run.wrap(np.einsum(f"{terms}->{batch}{output}", *map(run.whole, operands), optimize=optimize))


@_for(np.linalg.solve)
def _solve(run: Run, a: Any, b: Any) -> Any:
    if np.ndim(a) != 2 or np.ndim(b) not in (1, 2):
        raise ValueError("more than two axes")
    right = b if np.ndim(b) == 2 else _matrix_of(run, b, 1)
    linalg: Any = np.linalg
    solved = linalg.solve(run.whole(a), run.whole(right))
    return run.wrap(solved if np.ndim(b) == 2 else solved[..., 0])


@_for(np.linalg.norm)
def _norm(run: Run, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if axis is None and (ord is None or x.ndim == 1):
        if keepdims:
            raise TypeError("keepdims=")
        x, axis = _ravel(run, x), 0
    axes: Any = _axes(x, axis)
    return run.wrap(np.linalg.norm(run.whole(x), ord, axes if len(axes) > 1 else axes[0], keepdims))


# -- indexing ----------------------------------------------------------------------------------------------------------


@_for("getitem")
def _getitem(run: Run, x: Any, index: Any) -> Any:
    if run.owns(index) and run.owns(x) and index.dtype.kind in "iu":
        examples = np.arange(run.count).reshape(run.count, *[1] * index.ndim)
        return run.wrap(run.whole(x)[examples, run.whole(index)])
    parts: tuple[Any, ...] = index if isinstance(index, tuple) else (index,)  # pyright: ignore
    if not run.owns(x) or any(isinstance(leaf, Batched) for leaf in leaves_of(parts)):
        raise TypeError("an index that is another for each example")
    kinds = [_kind_of_index(part) for part in parts]
    if "array" in kinds:  # arrays and integers apart from one another would move the axis of the batch
        places = [i for i, kind in enumerate(kinds) if kind in ("array", "integer")]
        if places[-1] - places[0] >= len(places):
            raise TypeError("arrays that are apart from one another")
    return run.wrap(run.whole(x)[(slice(None), *parts)])


def _kind_of_index(part: Any) -> str:
    if part is None or part is ... or isinstance(part, slice):
        return "basic"
    if isinstance(part, int | np.integer) and not isinstance(part, bool):
        return "integer"
    if np.ndim(part) == 0:
        raise TypeError("an index of no axes")
    return "array"


@_for(np.take)
def _take(run: Run, a: Any, indices: Any, axis: Any = None) -> Any:
    if axis is None:
        a, axis = _ravel(run, a), 0
    if run.owns(indices):
        if axis:
            raise TypeError("indices of each example along another axis than the first")
        return _getitem(run, a, indices)
    return run.wrap(np.take(run.whole(a), indices, axis=_axis(a, axis)))


@_for(np.take_along_axis)
def _take_along_axis(run: Run, arr: Any, indices: Any, axis: Any = -1) -> Any:
    if axis is None:
        raise TypeError("axis=None")
    place = normalize_axis_index(axis, np.ndim(arr)) + 1
    return run.wrap(np.take_along_axis(run.spread(arr), run.spread(indices), axis=place))


# -- methods, which do what the functions do ---------------------------------------------------------------------------


def _method(function: Any) -> Any:
    def method(self: Batched, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    return method


_METHODS = "all any argmax argmin argsort clip copy cumprod cumsum diagonal dot max mean min prod ravel repeat round"
_METHODS += " squeeze std sum swapaxes take trace var"
for _name in _METHODS.split():
    setattr(Batched, _name, _method(getattr(np, _name)))
for _name, _function in {"conj": np.conjugate, "conjugate": np.conjugate, "flatten": np.ravel}.items():
    setattr(Batched, _name, _method(_function))
