"""Moving and adding axes, broadcasting, repeating, padding and diagonals: every element finds its gradient."""

from functools import partial
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_np import Tensor
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.rules.test_shapes import Draw, always, axis, calls, on_diagonal, triangle
from tests.autograd_np.rules.test_shaping import widths
from tests.autograd_np.strategies import Array, Call, Shape, arrays, shapes


def rollaxis(draw: Draw, shape: Shape) -> Any:
    return partial(np.rollaxis, axis=axis(draw, shape), start=draw(st.integers(-len(shape), len(shape))))


def resize(draw: Draw, shape: Shape) -> Any:
    return partial(np.resize, new_shape=draw(shapes() | st.integers(0, 5)))


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
}
"""Calls of each function that this file tests."""

IMPLEMENTED = {*COMPOSED, np.pad}


@pytest.mark.parametrize("function", COMPOSED, ids=lambda f: f.__name__)
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(COMPOSED[function])
    check_gradients(call.function, *call.arrays)
    check_float32(call.function, *call.arrays)


BOX = np.arange(24.0).reshape(2, 3, 4)


@given(x=arrays(shapes(min_dims=2)), k=st.integers(-3, 3), along=st.sampled_from([0, 1, -1, -2]))
def test_every_argument_by_position(x: Array, k: int, along: int) -> None:
    check_gradients(lambda x: np.trace(x, k, -1, 0), x)
    check_gradients(lambda x: np.rollaxis(x, along, 1), x)


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap"])
@given(data=st.data())
def test_pad_with_elements_of_the_array(mode: str, data: st.DataObject) -> None:
    x = data.draw(arrays(shapes(min_side=1, min_dims=1)))
    width = data.draw(widths(x.ndim))
    f = data.draw(st.sampled_from([lambda x: np.pad(x, width, mode), partial(np.pad, pad_width=width, mode=mode)]))
    check_gradients(f, x)
    check_float32(f, x)


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
def test_odd_reflection_is_right_or_refused(mode: str) -> None:
    x = np.array([1.0, 3.0, 8.0])
    f = partial(np.pad, pad_width=(2, 0), mode=mode, reflect_type="odd")
    try:
        y = f(Tensor(x, requires_grad=True))
    except TypeError:
        return
    np.testing.assert_array_equal(y.data, f(x))


@pytest.mark.parametrize("mode", ["linear_ramp", "mean", "empty", "nonsense"])
def test_other_modes_of_pad_are_refused(mode: str) -> None:
    with pytest.raises(TypeError, match=f"np.pad: mode='{mode}' is not supported"):
        np.pad(Tensor([1.0], requires_grad=True), 1, mode)


def test_pad_widths_by_axis() -> None:
    check_gradients(lambda x: np.pad(x, {-1: (1, 2), 0: 1}, constant_values=((1, 2), (3, 4), (5, 6))), BOX)
    check_gradients(lambda x: np.pad(x, {1: (1, 2)}, "wrap"), BOX)


@pytest.mark.parametrize("copy", [True, False])
def test_a_grids_copies_can_be_assigned_to(copy: bool) -> None:
    a, b = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0, 5.0], requires_grad=True)
    first, _ = np.meshgrid(a, b, copy=copy)
    assert first.data.flags.writeable == copy


x, number = Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True), Tensor(1.0, requires_grad=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: np.diag(number), ValueError, r"np.diag: takes a vector or a matrix, got shape \(\)"),
        (lambda: np.matrix_transpose(x[0]), ValueError, "np.matrix_transpose: needs at least two axes"),
        (lambda: np.meshgrid(x[0], indexing="ab"), ValueError, "np.meshgrid: indexing='ab'"),
        (lambda: np.rollaxis(x, 2), ValueError, "np.rollaxis: axis=2 and start=0"),
        (lambda: np.rollaxis(x, 0, 3), ValueError, "np.rollaxis: axis=0 and start=3"),
        (lambda: np.trace(x, out=np.empty(())), TypeError, "np.trace: out= is not supported"),
        (lambda: np.pad(x, 1.5), TypeError, "integer"),
        (lambda: np.pad(x, -1), ValueError, "negative"),
        (lambda: np.pad(x, 1, "reflect", reflect_type="odd"), TypeError, "np.pad: reflect_type='odd' is not supported"),
        (lambda: np.pad(x, 1, constant_values=number), TypeError, "np.pad: constant_values= cannot be a Tensor"),
    ],
)  # fmt: skip
def test_bad_calls(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
