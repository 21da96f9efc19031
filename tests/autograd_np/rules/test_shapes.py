"""Turning, repeating, joining, cutting and choosing: every element keeps its value and finds its gradient."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import hypothesis.extra.numpy as hnp
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

Draw = Callable[[SearchStrategy[Any]], Any]


# -- functions of one array -------------------------------------------------------------------------------------------


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


def rollaxis(draw: Draw, shape: Shape) -> Any:
    return partial(np.rollaxis, axis=axis(draw, shape), start=draw(st.integers(-len(shape), len(shape))))


def repeat(draw: Draw, shape: Shape) -> Any:
    along, n = axis_and_length(draw, shape)
    count = st.integers(0, 3)
    each = st.lists(count, min_size=n, max_size=n) if n else st.nothing()
    return partial(np.repeat, repeats=draw(count | each), axis=along)


def tile(draw: Draw, shape: Shape) -> Any:
    return partial(np.tile, reps=draw(st.integers(0, 3) | st.lists(st.integers(0, 2), max_size=4).map(tuple)))


def resize(draw: Draw, shape: Shape) -> Any:
    return partial(np.resize, new_shape=draw(shapes() | st.integers(0, 5)))


def on_diagonal(f: Any) -> Any:
    def build(draw: Draw, shape: Shape) -> Any:
        i, j = two_axes(draw, shape)
        return partial(f, offset=draw(st.integers(-3, 3)), axis1=i, axis2=j)

    return build


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


def take(draw: Draw, shape: Shape) -> Any:
    along, n = axis_and_length(draw, shape)
    mode = draw(st.sampled_from(["raise", "wrap", "clip"])) if n else "raise"
    places = st.integers(-n, n - 1) if mode == "raise" else st.integers(-5, 5)
    few = hnp.arrays(np.intp, shapes(max_dims=2), elements=places) | places | st.lists(places, min_size=1, max_size=3)
    return partial(np.take, indices=draw(few) if n else np.empty((2, 0), int), axis=along, mode=mode)


def take_along_axis(draw: Draw, shape: Shape) -> Any:
    along, n = axis_and_length(draw, shape)
    size = [draw(st.sampled_from([1, k])) for k in shape] if along is not None else [2]
    size[along or 0] = 2 if n else 0
    indices = draw(hnp.arrays(np.intp, tuple(size), elements=st.integers(-n, n - 1) if n else st.nothing()))
    return partial(np.take_along_axis, indices=indices, axis=along)


def delete(draw: Draw, shape: Shape) -> Any:
    along, n = axis_and_length(draw, shape)
    places = st.integers(-n, n - 1) if n else st.nothing()
    few = st.lists(places, min_size=1, max_size=3) if n else st.just(np.empty(0, int))
    return partial(np.delete, obj=draw(places | few | st.slices(n) | hnp.arrays(bool, n)), axis=along)


def compress(draw: Draw, shape: Shape) -> Any:
    along, n = axis_and_length(draw, shape)
    condition = draw(st.lists(st.booleans(), max_size=n))
    return lambda x: np.compress(condition, x, axis=along)


def extract(draw: Draw, shape: Shape) -> Any:
    condition = draw(hnp.arrays(bool, shape))
    return lambda x: np.extract(condition, x)


def pad(draw: Draw, shape: Shape) -> Any:
    pair = st.tuples(st.integers(0, 2), st.integers(0, 2))
    width = [draw(pair) for _ in shape]
    value = st.sampled_from([0, 0.5, -2])
    values = draw(value | st.tuples(value, value) | st.tuples(*[st.tuples(value, value)] * len(shape)))
    return partial(np.pad, pad_width=width, constant_values=values)


def always(f: Any) -> Any:
    return lambda draw, shape: f


# -- functions of several arrays --------------------------------------------------------------------------------------


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
def insertions(draw: st.DrawFn) -> Call:
    x = draw(arrays(shapes(min_dims=1)))
    along, n = axis_and_length(draw, x.shape)
    obj = draw(st.integers(-n, n) | st.lists(st.integers(0, n), min_size=1, max_size=2))
    place = None if along is None else along % x.ndim
    before, after = (x.shape[:place], x.shape[place + 1 :]) if place is not None else ((), ())
    slices = (*before, *after) if isinstance(obj, int) else (*before, 1, *after)
    values = draw(arrays(draw(st.sampled_from([(), slices]))))
    return Call(f"insert {obj}, {along=}", lambda x, values: np.insert(x, obj, values, axis=along), (x, values))


@st.composite
def choices(draw: st.DrawFn) -> Call:
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    which = draw(hnp.arrays(np.intp, (2,), elements=st.integers(0, 1) if mode == "raise" else st.integers(-3, 3)))
    xs = draw(arrays((3, 1))), draw(arrays((2,)))
    return Call(f"choose {which} {mode}", lambda *xs: np.choose(which, xs, mode=mode), xs)


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


@st.composite
def broadcasts(draw: st.DrawFn) -> Call:
    drawn = draw(hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3, min_side=0, max_side=3))
    xs = tuple(draw(arrays(shape)) for shape in drawn.input_shapes)
    return Call("broadcast_arrays", together(np.broadcast_arrays), xs)


@st.composite
def grids(draw: st.DrawFn) -> Call:
    options = {"indexing": draw(st.sampled_from(["xy", "ij"])), "copy": draw(st.booleans())}
    xs = tuple(draw(arrays(shapes(max_dims=1))) for _ in range(draw(st.integers(1, 3))))
    return Call(f"meshgrid {options}", together(partial(np.meshgrid, sparse=draw(st.booleans()), **options)), xs)


@st.composite
def promotions(draw: st.DrawFn, f: Any) -> Call:
    return Call(
        f.__name__, together(f), tuple(draw(arrays(shapes(max_dims=4))) for _ in range(draw(st.integers(1, 2))))
    )


def together(f: Any) -> Any:
    """Return a function that joins several results, of which some may not be on the tape, in one row."""

    def call(*xs: Any) -> Any:
        results = f(*xs)
        return np.concatenate([np.ravel(y) for y in (results if isinstance(results, tuple | list) else [results])])

    return call


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

COMPOSED: dict[Any, SearchStrategy[Call]] = {
    np.rollaxis: calls(rollaxis, min_dims=1),
    np.matrix_transpose: calls(always(np.matrix_transpose), min_dims=2),
    np.atleast_1d: promotions(np.atleast_1d),
    np.atleast_2d: promotions(np.atleast_2d),
    np.atleast_3d: promotions(np.atleast_3d),
    np.broadcast_arrays: broadcasts(),
    np.meshgrid: grids(),
    np.resize: calls(resize),
    np.trace: calls(on_diagonal(np.trace), min_dims=2),
    np.diag: calls(triangle(np.diag), min_dims=1, max_dims=2),
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
    np.take: calls(take),
    np.take_along_axis: calls(take_along_axis),
    np.compress: calls(compress),
    np.extract: calls(extract),
    np.choose: choices(),
    np.delete: calls(delete),
    np.insert: insertions(),
}
"""Calls of each function made of primitives that this file tests."""

REFUSED = (np.fill_diagonal, np.put, np.put_along_axis, np.place, np.putmask)
IMPLEMENTED = {*COMPOSED, *REFUSED, np.reshape, np.ravel, np.concatenate, np.stack, np.pad}
IMPLEMENTED |= {np.tile, np.repeat}


@pytest.mark.parametrize("function", [*CASES, *COMPOSED], ids=lambda f: f.__name__)
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw((CASES | COMPOSED)[function])
    check_gradients(call.function, *call.arrays)
    check_float32(call.function, *call.arrays)
    if function in CASES:
        leaves = [Tensor(x, requires_grad=True) for x in call.arrays]
        assert primitive_of(function) in recorded(call.function(*leaves))


# -- what the strategies do not draw ----------------------------------------------------------------------------------

BOX = np.arange(24.0).reshape(2, 3, 4)


@given(x=arrays(shapes(min_dims=2)), k=st.integers(-3, 3), axis=st.sampled_from([0, 1, -1, -2]))
def test_every_argument_by_position(x: Array, k: int, axis: int) -> None:
    check_gradients(lambda x: np.diagonal(x, k, 1, 0), x)
    check_gradients(lambda x: np.trace(x, k, -1, 0), x)
    check_gradients(lambda x: np.roll(x, k, axis), x)
    check_gradients(lambda x: np.rot90(x, k, (1, 0)), x)
    check_gradients(lambda x: np.repeat(x, 2, axis), x)
    check_gradients(lambda x: np.flip(x, axis), x)
    check_gradients(lambda x: np.rollaxis(x, axis, 1), x)
    check_gradients(lambda x: np.array_split(x, 2, axis), x)


def test_take_by_position() -> None:
    check_gradients(lambda x: np.take(x, [5, -1], 1, None, "wrap"), BOX)
    check_gradients(lambda x: np.choose([0, 3], x, None, "clip"), np.array([[1.0, 2.0], [3.0, 4.0]]))


def test_choices_may_be_the_rows_of_a_tensor() -> None:
    check_gradients(lambda x: np.choose([2, 0, 1], x), np.arange(9.0).reshape(3, 3))


@pytest.mark.parametrize("function", [np.hstack, np.vstack, np.dstack, np.column_stack, np.block])
def test_plain_arrays_and_lists_are_joined_too(function: Any) -> None:
    check_gradients(lambda x: function([x, np.array([5.0, 6.0])]), np.array([1.0, 2.0]))
    check_gradients(lambda x: function([np.array([5.0, 6.0]), x]), np.array([1.0, 2.0]))


def test_lists_in_a_stack() -> None:
    check_gradients(lambda x: np.vstack([[3.0, 4.0], x]), np.array([1.0, 2.0]))
    check_gradients(lambda x: np.append([3.0, 4.0], x), np.array([1.0, 2.0]))


def test_inserted_values_take_the_arrays_dtype() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True, dtype=np.float32)
    values = Tensor(5.0, requires_grad=True)
    y = np.insert(x, [0, 2], values)
    assert y.dtype == np.float32
    y.backward([1, 2, 3, 4])
    assert values.grad is not None
    assert values.grad.dtype == np.float64
    np.testing.assert_array_equal(values.grad, 5)
    np.testing.assert_array_equal(x.grad, [2, 3])


def test_pad_widths_by_axis() -> None:
    check_gradients(lambda x: np.pad(x, {-1: (1, 2), 0: 1}, constant_values=((1, 2), (3, 4), (5, 6))), BOX)
    check_gradients(lambda x: np.pad(x, {1: (1, 2)}, "wrap"), BOX)


@pytest.mark.parametrize("copy", [True, False])
def test_a_grids_copies_can_be_assigned_to(copy: bool) -> None:
    a, b = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0, 5.0], requires_grad=True)
    first, _ = np.meshgrid(a, b, copy=copy)
    assert first.data.flags.writeable == copy


def leaf(*values: Any) -> Tensor:
    return Tensor(np.array(values if len(values) > 1 else values[0]), requires_grad=True)


# -- copies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.tile(x, 1), lambda x: np.tile(x, (1, 1)), lambda x: np.repeat(x, 1), lambda x: np.repeat(x, 1, 0),
        lambda x: np.repeat(x[0], 2), lambda x: np.repeat(x[:1, :1], 2), lambda x: np.tile(x[:1, :1], 3), np.block,
        lambda x: np.resize(x, x.shape), lambda x: np.clip(x, None, None), lambda x: np.pad(x, 0),
        lambda x: np.concatenate([x]), lambda x: np.stack([x]), lambda x: np.roll(x, 0), lambda x: np.take(x, [0, 1]),
        lambda x: np.choose(np.zeros((2, 2), int), [x]), lambda x: np.insert(x, [], []), lambda x: np.delete(x, []),
        np.round, np.nan_to_num, np.fix, np.copy, lambda x: np.full_like(x, x),
        lambda x: np.average(x, axis=()), lambda x: np.sum(x, axis=()), lambda x: np.reshape(x, (2, 2), copy=True),
    ],
)  # fmt: skip
def test_results_that_are_numpys_copies(function: Any) -> None:
    """Writing into one changes neither the argument nor what was computed from it."""
    for x in (np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])[::-1]):
        assert not np.shares_memory(function(x), x)
        t = Tensor(x, requires_grad=True)
        assert not np.shares_memory(function(t).data, t.data)


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", REFUSED, ids=lambda f: f.__name__)
def test_writing_functions_are_refused(function: Any) -> None:
    x = leaf([1.0, 2.0])
    arguments = {np.fill_diagonal: (x, 0), np.put_along_axis: (x, np.array([0]), x, 0)}.get(function, (x, [0, 1], x))
    with pytest.raises(TypeError, match=f"np.{function.__name__} is not supported on tensors: it writes"):
        function(*arguments)
    np.testing.assert_array_equal(x.data, [1, 2])


x = leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: np.split(x, 2, axis=1), ValueError, r"np.split: axis 1 of shape \(2, 3\) cannot be cut into 2"),
        (lambda: np.array_split(x, 0), ValueError, "np.array_split: 0 sections"),
        (lambda: np.vsplit(x[0], 1), ValueError, r"np.vsplit: needs at least 2 axes, got shape \(3,\)"),
        (lambda: np.hsplit(leaf(1.0), 1), ValueError, r"np.hsplit: needs at least 1 axes, got shape \(\)"),
        (lambda: np.dsplit(x, 1), ValueError, r"np.dsplit: needs at least 3 axes"),
        (lambda: np.diag(leaf(1.0)), ValueError, r"np.diag: takes a vector or a matrix, got shape \(\)"),
        (lambda: np.matrix_transpose(x[0]), ValueError, "np.matrix_transpose: needs at least two axes"),
        (lambda: np.meshgrid(x[0], indexing="ab"), ValueError, "np.meshgrid: indexing='ab'"),
        (lambda: np.rollaxis(x, 2), ValueError, "np.rollaxis: axis=2 and start=0"),
        (lambda: np.rollaxis(x, 0, 3), ValueError, "np.rollaxis: axis=0 and start=3"),
        (lambda: np.take(x, 0, mode="nearest"), ValueError, "np.take: mode='nearest'"),
        (lambda: np.take(x, np.array(0.5)), TypeError, "np.take: indices of dtype float64 are not integers"),
        (lambda: np.take(x, 7), IndexError, "out of bounds"),
        (lambda: np.take(x, 0, out=np.empty(())), TypeError, "np.take: out= is not supported on tensors"),
        (lambda: np.compress([True], x, out=np.empty(1)), TypeError, "np.compress: out= is not supported"),
        (lambda: np.choose([0], x, out=np.empty(1)), TypeError, "np.choose: out= is not supported"),
        (lambda: np.trace(x, out=np.empty(())), TypeError, "np.trace: out= is not supported"),
        (lambda: np.compress([[True]], x), ValueError, r"np.compress: the condition has shape \(1, 1\)"),
        (lambda: np.take_along_axis(x, np.array([0]), 1), ValueError, r"np.take_along_axis: indices of shape \(1,\)"),
        (lambda: np.block([[x], x]), ValueError, r"np.block: its lists are nested \[1, 2\] deep"),
        (lambda: np.block([x, []]), ValueError, "np.block: one of its lists is empty"),
        (lambda: np.hstack([x, x], dtype=int), TypeError, "np.concatenate of float64 .*'same_kind'"),
        (lambda: np.concatenate([x, x.data.astype(int)], casting="no"), TypeError, "np.concatenate of .*'no'"),
        (lambda: np.concatenate([x, x], 0, np.empty((4, 3))), TypeError, "np.concatenate: out= is not supported"),
        (lambda: np.stack([x, x], out=np.empty((2, 2, 3))), TypeError, "np.stack: out= is not supported"),
        (lambda: np.reshape(x, (6,), order="A"), ValueError, "np.reshape: order='A' depends on the layout in memory"),
        (lambda: np.ravel(x, "K"), ValueError, "np.ravel: order='K' depends on the layout in memory"),
        (lambda: np.copy(x, order="F"), TypeError, "order='F' is not supported"),
        (lambda: np.pad(x, 1.5), TypeError, "integer"),
        (lambda: np.pad(x, -1), ValueError, "negative"),
        (lambda: np.pad(x, 1, "reflect", reflect_type="odd"), TypeError, "np.pad: reflect_type='odd' is not supported"),
        (lambda: np.pad(x, 1, constant_values=leaf(1.0)), TypeError, "np.pad: constant_values= cannot be a Tensor"),
    ],
)  # fmt: skip
def test_bad_calls(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
