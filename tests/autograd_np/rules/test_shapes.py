"""Turning, repeating, padding and diagonals: every element keeps its value and finds its gradient."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_np import Tensor
from autograd_np.primitives import primitive_of
from autograd_np.rules import shaping
from tests.autograd_np.checks import check_float32, check_gradients, recorded
from tests.autograd_np.strategies import Array, Call, Shape, arrays, axes, shapes
from tests.families import of_family

Draw = Callable[[SearchStrategy[Any]], Any]


@st.composite
def calls(draw: st.DrawFn, build: Callable[[Draw, Shape], Any], min_dims: int = 0, max_dims: int = 3) -> Call:
    """Draw an array, and a function for its shape."""
    x = draw(arrays(shapes(min_dims=min_dims, max_dims=max_dims)))
    f = build(draw, x.shape)
    return Call(repr(f), f, (x,))


def axis(draw: Draw, shape: Shape) -> int:
    return draw(st.integers(-len(shape), len(shape) - 1))


def axis_and_length(draw: Draw, shape: Shape) -> tuple[int | None, int]:
    along = draw(st.none() | st.integers(-len(shape), len(shape) - 1)) if shape else None
    return along, math.prod(shape) if along is None else shape[along]


def two_axes(draw: Draw, shape: Shape) -> tuple[int, int]:
    i, j = draw(st.permutations(range(len(shape))))[:2]
    return i - draw(st.sampled_from([0, len(shape)])), j


def flip(draw: Draw, shape: Shape) -> Any:
    return partial(np.flip, axis=draw(axes(len(shape))))


def rot90(draw: Draw, shape: Shape) -> Any:
    return partial(np.rot90, k=draw(st.integers(-3, 5)), axes=two_axes(draw, shape))


def roll(draw: Draw, shape: Shape) -> Any:
    along, shift = draw(axes(len(shape)).filter(lambda axis: axis != ())), st.integers(-4, 4)
    several = st.tuples(*[shift] * len(along)) if isinstance(along, tuple) else st.nothing()
    return partial(np.roll, shift=draw(shift | several), axis=along)


def triangle(f: Any) -> Any:
    return lambda draw, shape: partial(f, k=draw(st.integers(-3, 3)))


def repeat(draw: Draw, shape: Shape) -> Any:
    along, n = axis_and_length(draw, shape)
    count = st.integers(0, 3)
    each = st.lists(count, min_size=n, max_size=n) if n else st.nothing()
    return partial(np.repeat, repeats=draw(count | each), axis=along)


def tile(draw: Draw, shape: Shape) -> Any:
    return partial(np.tile, reps=draw(st.integers(0, 3) | st.lists(st.integers(0, 2), max_size=4).map(tuple)))


def on_diagonal(f: Any) -> Any:
    def build(draw: Draw, shape: Shape) -> Any:
        i, j = two_axes(draw, shape)
        return partial(f, offset=draw(st.integers(-3, 3)), axis1=i, axis2=j)

    return build


def pad(draw: Draw, shape: Shape) -> Any:
    pair = st.tuples(st.integers(0, 2), st.integers(0, 2))
    width = [draw(pair) for _ in shape]
    value = st.sampled_from([0, 0.5, -2])
    values = draw(value | st.tuples(value, value) | st.tuples(*[st.tuples(value, value)] * len(shape)))
    return partial(np.pad, pad_width=width, constant_values=values)


def always(f: Any) -> Any:
    return lambda draw, shape: f


# -- functions of several arrays --------------------------------------------------------------------------------------

CASES: dict[Any, SearchStrategy[Call]] = {
    np.flip: calls(flip),
    np.fliplr: calls(always(np.fliplr), min_dims=2),
    np.flipud: calls(always(np.flipud), min_dims=1),
    np.rot90: calls(rot90, min_dims=2),
    np.roll: calls(roll, min_dims=1),
    np.tril: calls(triangle(np.tril), min_dims=1),
    np.triu: calls(triangle(np.triu), min_dims=1),
    np.tile: calls(tile),
    np.repeat: calls(repeat),
    np.diagflat: calls(triangle(np.diagflat)),
    shaping.pad: calls(pad, min_dims=1),
    np.diagonal: calls(on_diagonal(np.diagonal), min_dims=2),
}
"""Calls of each primitive that this file tests."""

IMPLEMENTED = {np.reshape, np.ravel, np.tile, np.repeat, np.concatenate}


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@of_family(len(CASES))
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    check_gradients(call.function, *call.arrays)
    check_float32(call.function, *call.arrays)
    leaves = [Tensor(x, requires_grad=True) for x in call.arrays]
    assert primitive_of(function) in recorded(call.function(*leaves))


@given(x=arrays(shapes(min_dims=2)), k=st.integers(-3, 3), axis=st.sampled_from([0, 1, -1, -2]))
def test_every_argument_by_position(x: Array, k: int, axis: int) -> None:
    check_gradients(lambda x: np.diagonal(x, k, 1, 0), x)
    check_gradients(lambda x: np.roll(x, k, axis), x)
    check_gradients(lambda x: np.rot90(x, k, (1, 0)), x)
    check_gradients(lambda x: np.repeat(x, 2, axis), x)
    check_gradients(lambda x: np.flip(x, axis), x)


@pytest.mark.parametrize("axis", [None, 0, -1])
def test_repeated_number(axis: int | None) -> None:
    check_gradients(lambda x: np.repeat(x, 3, axis), np.array(2.0))


@pytest.mark.parametrize("counts", [2, [2], [2, 1], [0, 3], [0, 0]], ids=str)
def test_repeats_of_each_of_two(counts: Any) -> None:
    check_gradients(lambda x: np.repeat(x, counts, axis=0), np.array([[1.0, 2.0], [3.0, 4.0]]))
    check_gradients(lambda x: np.repeat(x, counts), np.array([1.0, 2.0]))


# -- bad input --------------------------------------------------------------------------------------------------------


x = Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: np.concatenate([x, x.data.astype(int)], casting="no"), TypeError, "np.concatenate of .*'no'"),
        (lambda: np.concatenate([x, x], 0, np.empty((4, 3))), TypeError, "np.concatenate: out= is not supported"),
        (lambda: np.reshape(x, (6,), order="A"), ValueError, "np.reshape: order='A' depends on the layout in memory"),
        (lambda: np.ravel(x, "K"), ValueError, "np.ravel: order='K' depends on the layout in memory"),
        (lambda: np.copy(x, order="F"), TypeError, "order='F' is not supported"),
    ],
)  # fmt: skip
def test_bad_calls(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
