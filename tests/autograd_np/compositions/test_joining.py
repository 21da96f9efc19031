"""Joining and cutting: every element keeps its value and finds its gradient."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_np import Tensor
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.rules.test_shapes import Draw, axis, calls
from tests.autograd_np.strategies import Array, Call, Shape, arrays, shapes
from tests.families import of_family


def sections(draw: Draw, n: int, equal: bool) -> Any:
    counts = st.sampled_from([k for k in range(1, 5) if n % k == 0 or not equal])
    return draw(counts | st.lists(st.integers(-n, n + 1), max_size=3))


def split_somewhere(f: Any) -> Any:
    def build(draw: Draw, shape: Shape) -> Any:
        along = axis(draw, shape)
        return partial(f, indices_or_sections=sections(draw, shape[along], f is np.split), axis=along)

    return build


def split_along(f: Any, place: int) -> Any:
    return lambda draw, shape: partial(
        f, indices_or_sections=sections(draw, shape[min(place, len(shape) - 1)], equal=True)
    )


def unstack(draw: Draw, shape: Shape) -> Any:
    along = draw(st.sampled_from([i for i, n in enumerate(shape) if n] or [None]))
    return partial(np.ravel) if along is None else partial(np.unstack, axis=along)


@st.composite
def joins(draw: st.DrawFn, join: Any, kinds: Callable[[int, int], tuple[Shape, ...]]) -> Call:
    """Draw arrays of shapes that go together."""
    several = draw(
        st.lists(st.sampled_from(kinds(draw(st.integers(0, 2)), draw(st.integers(0, 2)))), min_size=1, max_size=3)
    )
    sequence = draw(st.sampled_from([list, tuple]))
    return Call(f"{join.__name__} {several}", lambda *xs: join(sequence(xs)), tuple(draw(arrays(s)) for s in several))


@st.composite
def appends(draw: st.DrawFn) -> Call:
    shape = draw(shapes(min_dims=1))
    along = draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    return Call(f"append, {along=}", lambda a, b: np.append(a, b, along), (draw(arrays(shape)), draw(arrays(shape))))


@st.composite
def blocks(draw: st.DrawFn) -> Call:
    n, m, k = (draw(st.integers(0, 2)) for _ in range(3))
    a, b, c, d = (n, m), (n, k), (1, m), (k,)
    layouts: list[tuple[Any, tuple[Shape, ...]]] = [
        (lambda a, b, c, d: [[a, b], [c, d]], (a, b, c, d)),
        (lambda a, b: [a, b, a], (a, b)),
        (lambda a, b: [[[a, b]], [[b, a]]], (a, b)),
        (lambda a, c: [[c], [a], [np.full(m, 5, np.float16)]], (a, c)),
        (lambda d: d, (d,)),
    ]
    layout, used = draw(st.sampled_from(layouts))
    return Call(f"block {used}", lambda *xs: np.block(layout(*xs)), tuple(draw(arrays(shape)) for shape in used))


COMPOSED: dict[Any, SearchStrategy[Call]] = {
    np.hstack: joins(np.hstack, lambda n, m: ((), (n,), (m,))) | joins(np.hstack, lambda n, m: ((n, m), (n, 2))),
    np.vstack: joins(np.vstack, lambda n, m: ((n, m), (1, m), (m,))),
    np.dstack: joins(np.dstack, lambda n, m: ((1, n, m), (1, n), (n,)) if m == 1 else ((n, m), (n, m, 2))),
    np.column_stack: joins(np.column_stack, lambda n, m: ((n,), (n, m))),
    np.append: appends(),
    np.block: blocks(),
    np.array_split: calls(split_somewhere(np.array_split), min_dims=1),
    np.split: calls(split_somewhere(np.split), min_dims=1),
    np.hsplit: calls(split_along(np.hsplit, 1), min_dims=1),
    np.vsplit: calls(split_along(np.vsplit, 0), min_dims=2),
    np.dsplit: calls(split_along(np.dsplit, 2), min_dims=3),
    np.unstack: calls(unstack, min_dims=1),
}
"""Calls of each function that this file tests."""

IMPLEMENTED = {*COMPOSED, np.stack}


@pytest.mark.parametrize("function", COMPOSED, ids=lambda f: f.__name__)
@of_family(len(COMPOSED))
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(COMPOSED[function])
    check_gradients(call.function, *call.arrays)
    check_float32(call.function, *call.arrays)


@given(data=st.data())
def test_stack(data: st.DataObject) -> None:
    shape = data.draw(shapes())
    xs = data.draw(st.lists(arrays(shape), min_size=1, max_size=3))
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    f = data.draw(
        st.sampled_from([lambda *xs: np.stack(xs, axis), lambda *xs: np.stack(list(xs), axis=axis)]),
    )
    check_gradients(f, *xs)
    check_float32(f, *xs)


@given(x=arrays(shapes(min_dims=2)), along=st.sampled_from([0, 1, -1, -2]))
def test_every_argument_by_position(x: Array, along: int) -> None:
    check_gradients(lambda x: np.array_split(x, 2, along), x)


@pytest.mark.parametrize("function", [np.hstack, np.vstack, np.dstack, np.column_stack, np.block])
def test_plain_arrays_and_lists_are_joined_too(function: Any) -> None:
    check_gradients(lambda x: function([x, np.array([5.0, 6.0])]), np.array([1.0, 2.0]))
    check_gradients(lambda x: function([np.array([5.0, 6.0]), x]), np.array([1.0, 2.0]))


def test_lists_in_a_stack() -> None:
    check_gradients(lambda x: np.vstack([[3.0, 4.0], x]), np.array([1.0, 2.0]))
    check_gradients(lambda x: np.append([3.0, 4.0], x), np.array([1.0, 2.0]))


x, number = Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True), Tensor(1.0, requires_grad=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: np.split(x, 2, axis=1), ValueError, r"np.split: axis 1 of shape \(2, 3\) cannot be cut into 2"),
        (lambda: np.array_split(x, 0), ValueError, "np.array_split: 0 sections"),
        (lambda: np.vsplit(x[0], 1), ValueError, r"np.vsplit: needs at least 2 axes, got shape \(3,\)"),
        (lambda: np.hsplit(number, 1), ValueError, r"np.hsplit: needs at least 1 axes, got shape \(\)"),
        (lambda: np.dsplit(x, 1), ValueError, r"np.dsplit: needs at least 3 axes"),
        (lambda: np.block([[x], x]), ValueError, r"np.block: its lists are nested \[1, 2\] deep"),
        (lambda: np.block([x, []]), ValueError, "np.block: one of its lists is empty"),
        (lambda: np.hstack([x, x], dtype=int), TypeError, "np.concatenate of float64 .*'same_kind'"),
        (lambda: np.stack([x, x], out=np.empty((2, 2, 3))), TypeError, "np.stack: out= is not supported"),
    ],
)  # fmt: skip
def test_bad_calls(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
