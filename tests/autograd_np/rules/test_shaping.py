"""Reshaping, moving axes, joining and padding: every element keeps its value and finds its gradient."""

import itertools
from functools import partial
from operator import attrgetter, methodcaller
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
from autograd_np.tensor import argument, astype
from tests.autograd_np.checks import check_float32, check_gradients, recorded
from tests.autograd_np.strategies import Call, arrays, shapes
from tests.families import of_family


def choose(x: Any, *functions: Any) -> SearchStrategy[Call]:
    """Draw one of several functions of the array."""
    return st.sampled_from(functions).map(lambda f: Call(repr(f), f, (x,)))


@st.composite
def reshapes(draw: st.DrawFn) -> Call:
    x = draw(arrays())
    shape = draw(st.sampled_from([(x.size,), x.shape[::-1], (1, *x.shape), (*x.shape[1:], *x.shape[:1], 1)]))
    if x.size and draw(st.booleans()):
        place = draw(st.integers(0, len(shape) - 1)) if shape else 0
        shape = (*shape[:place], -1, *shape[place + 1 :])
    shapes = [shape, list(shape), *([shape[0]] if len(shape) == 1 else [])]
    given_shape, order = draw(st.sampled_from(shapes)), draw(st.sampled_from("CF"))
    return draw(
        choose(
            x,
            lambda x: np.reshape(x, given_shape),
            lambda x: np.reshape(x, given_shape, order),
            partial(np.reshape, shape=given_shape, order=order),
            methodcaller("reshape", given_shape),
            *([methodcaller("reshape", *shape)] if shape else []),
        )
    )


@st.composite
def ravels(draw: st.DrawFn) -> Call:
    x, order = draw(arrays()), draw(st.sampled_from("CF"))
    return draw(choose(x, np.ravel, lambda x: np.ravel(x, order), partial(np.ravel, order=order)))


@st.composite
def transposes(draw: st.DrawFn) -> Call:
    x = draw(arrays())
    axes = [a - draw(st.sampled_from([0, x.ndim])) for a in draw(st.permutations(range(x.ndim)))]
    return draw(
        choose(
            x,
            np.transpose,
            lambda x: np.transpose(x, axes),
            partial(np.transpose, axes=tuple(axes)),
            methodcaller("transpose"),
            methodcaller("transpose", axes),
            *([methodcaller("transpose", *axes)] if axes else []),
            attrgetter("T"),
        )
    )


@st.composite
def swaps(draw: st.DrawFn) -> Call:
    x = draw(arrays(shapes(min_dims=1)))
    i, j = (draw(st.integers(-x.ndim, x.ndim - 1)) for _ in range(2))
    return draw(
        choose(
            x,
            lambda x: np.swapaxes(x, i, j),
            partial(np.swapaxes, axis1=i, axis2=j),
            methodcaller("swapaxes", i, j),
            *([attrgetter("mT")] if x.ndim > 1 else []),
        )
    )


@st.composite
def moves(draw: st.DrawFn) -> Call:
    x = draw(arrays(shapes(min_dims=1)))
    count = draw(st.integers(1, x.ndim))
    source, target = (
        [a - draw(st.sampled_from([0, x.ndim])) for a in draw(st.permutations(range(x.ndim)))[:count]] for _ in range(2)
    )
    if count == 1 and draw(st.booleans()):
        source, target = source[0], target[0]
    return draw(
        choose(x, lambda x: np.moveaxis(x, source, target), partial(np.moveaxis, source=source, destination=target))
    )


@st.composite
def squeezes(draw: st.DrawFn) -> Call:
    x = draw(arrays(hnp.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=2)))
    ones = [a - draw(st.sampled_from([0, x.ndim])) for a, n in enumerate(x.shape) if n == 1]
    axis = draw(st.sampled_from([None, *ones, tuple(ones)]))
    return draw(choose(x, lambda x: np.squeeze(x, axis), partial(np.squeeze, axis=axis), methodcaller("squeeze", axis)))


@st.composite
def expansions(draw: st.DrawFn) -> Call:
    x = draw(arrays())
    axis = draw(st.one_of(st.integers(-x.ndim - 1, x.ndim), hnp.valid_tuple_axes(x.ndim + 2, min_size=2, max_size=2)))
    return draw(choose(x, lambda x: np.expand_dims(x, axis), partial(np.expand_dims, axis=axis)))


@st.composite
def broadcasts(draw: st.DrawFn) -> Call:
    shape = draw(shapes())
    start = draw(st.integers(0, len(shape)))
    x = draw(arrays(tuple(draw(st.sampled_from([1, n])) for n in shape[start:])))
    return draw(choose(x, lambda x: np.broadcast_to(x, shape), partial(np.broadcast_to, shape=shape)))


@st.composite
def joins(draw: st.DrawFn) -> Call:
    shape = draw(shapes(min_dims=1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    place = axis % len(shape)
    xs = [
        draw(arrays((*shape[:place], n, *shape[place + 1 :])))
        for n in draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    ]
    f = draw(
        st.sampled_from(
            [
                lambda *xs: np.concatenate(xs, axis),
                lambda *xs: np.concatenate(list(xs), axis=axis),
                lambda *xs: np.concatenate(xs, axis=None),
            ]
        )
    )
    return Call(f"concatenate, {axis=}", f, tuple(xs))


@st.composite
def paddings(draw: st.DrawFn) -> Call:
    x = draw(arrays())
    width = draw(widths(x.ndim))
    value = draw(st.sampled_from([0, 0.5, -2]))
    return draw(
        choose(
            x,
            lambda x: np.pad(x, width),
            lambda x: np.pad(x, width, "constant"),
            partial(np.pad, pad_width=width, mode="constant", constant_values=value),
        )
    )


def widths(ndim: int) -> SearchStrategy[Any]:
    """Draw what np.pad takes: a number, a pair, or a pair for each axis."""
    n = st.integers(0, 3)
    return st.one_of(n, st.tuples(n, n), *([st.tuples(*[st.tuples(n, n)] * ndim)] if ndim else []))


CASES: dict[Any, SearchStrategy[Call]] = {
    np.reshape: reshapes(),
    np.ravel: ravels(),
    np.transpose: transposes(),
    np.swapaxes: swaps(),
    np.moveaxis: moves(),
    np.squeeze: squeezes(),
    np.expand_dims: expansions(),
    np.broadcast_to: broadcasts(),
    np.copy: arrays().map(lambda x: Call("copy", np.copy, (x,))),
    argument: arrays().flatmap(lambda x: choose(x, argument)),
    astype: arrays().flatmap(lambda x: choose(x, methodcaller("copy"), methodcaller("flatten"))),
    shaping.concatenate: joins(),
    shaping.pad: paddings(),
}
"""Calls of each function that this file tests."""


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@of_family(len(CASES))
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    check_gradients(call.function, *call.arrays)
    check_float32(call.function, *call.arrays)
    y = call.function(*(Tensor(x, requires_grad=True) for x in call.arrays))
    assert primitive_of(function) in recorded(y)


BOX = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize("axes", [*itertools.permutations(range(3))], ids=str)
def test_transpose_of_a_box(axes: tuple[int, ...]) -> None:
    check_gradients(lambda x: np.transpose(x, axes), BOX)


def test_pad_of_a_box() -> None:
    check_gradients(lambda x: np.pad(x, ((1, 2), (0, 3), (2, 0)), constant_values=1.5), BOX)


@pytest.mark.parametrize("join", [np.concatenate, np.stack])
def test_lists_are_joined_too(join: Any) -> None:
    check_gradients(lambda x: join([x, [5.0, 6.0]]), np.array([1.0, 2.0]))
    check_gradients(lambda x: join([[5.0, 6.0], x], axis=-1), np.array([1.0, 2.0]))


@pytest.mark.parametrize("join", [np.concatenate, np.stack])
def test_a_tensor_is_a_sequence_of_its_rows(join: Any) -> None:
    check_gradients(join, np.arange(6.0).reshape(3, 2))


def test_concatenate_promotes_as_numpy_does() -> None:
    single = Tensor(np.ones(2, np.float32), requires_grad=True)
    double = Tensor(np.ones(3), requires_grad=True)
    y = np.concatenate([single, double])
    y.backward(np.arange(5.0))
    assert y.dtype == np.float64
    assert single.grad is not None
    assert single.grad.dtype == np.float32
    np.testing.assert_array_equal(double.grad, [2, 3, 4])


@pytest.mark.parametrize("function", [np.reshape, np.ravel])
def test_order_that_depends_on_memory_is_refused(function: Any) -> None:
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    options = {"shape": (6,)} if function is np.reshape else {}
    with pytest.raises(ValueError, match="depends on the layout in memory"):
        function(x, order="A", **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, "float32"])
def test_astype_gives_the_gradient_back_in_its_own_dtype(dtype: Any) -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x.astype(dtype)
    assert y.dtype == np.dtype(dtype)
    (y * y).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float64
    np.testing.assert_array_equal(x.grad, [2, 4])


def test_astype_to_integers_leaves_the_tape() -> None:
    assert not Tensor([1.5], requires_grad=True).astype(int).requires_grad


def test_broadcasting_nothing_sums_to_zero() -> None:
    x = Tensor(np.ones((2, 1)), requires_grad=True)
    np.broadcast_to(x, (3, 2, 0)).backward(np.zeros((3, 2, 0)))
    np.testing.assert_array_equal(x.grad, np.zeros((2, 1)))
