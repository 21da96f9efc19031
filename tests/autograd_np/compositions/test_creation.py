"""New tensors: of nested lists with tensors, of one value, of another's shape or dtype."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor, array
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.strategies import arrays, shapes

X = np.array([[1.5, -2.0, 0.0], [0.5, 3.0, -1.0]])

LIKE = (np.array, np.asarray, np.asanyarray, np.full, np.full_like)

CREATORS = (np.zeros, np.ones, np.empty, np.eye, np.identity, np.tri, np.arange)

LIKE_ANOTHER = {np.zeros_like: (X,), np.ones_like: (X,), np.empty_like: (X,)}
"""Arguments of the functions that make an array of another one's shape."""

IMPLEMENTED = {np.astype, *LIKE, *CREATORS, *LIKE_ANOTHER}


def leaf(*values: Any) -> Tensor:
    return Tensor(np.array(values if len(values) > 1 else values[0]), requires_grad=True)


@given(x=arrays(), copy=st.booleans())
def test_astype(x: Any, copy: bool) -> None:
    check_gradients(lambda x: np.astype(x, x.dtype, copy=copy), x)
    check_float32(lambda x: np.astype(x, x.dtype, copy=copy), x)


def test_astype_without_need_is_the_tensor_itself() -> None:
    x = Tensor([1.0], requires_grad=True)
    assert np.astype(x, float, copy=False) is x
    assert np.astype(x, np.float32).dtype == np.float32


@given(data=st.data())
def test_nested_lists_of_tensors(data: st.DataObject) -> None:
    shape = data.draw(shapes(max_dims=1))
    x, y = data.draw(arrays(shape)), data.draw(arrays(shape))
    zeros = np.zeros(shape, np.float16)
    layouts = [lambda x, y: (x, y), lambda x, y: [[x, zeros], [zeros, y]], lambda x, y: [[(x, y, x)]]]
    layout = data.draw(st.sampled_from(layouts))
    like = Tensor(0.0)
    for make in (partial(np.array, like=like), partial(np.asarray, like=like), array):

        def f(x: Any, y: Any, make: Any = make) -> Any:
            plain = not isinstance(x, Tensor) and not isinstance(y, Tensor)
            return np.array(layout(x, y)) if plain else make(layout(x, y))

        check_gradients(f, x, y)
        check_float32(f, x, y)


def test_array_options() -> None:
    x = leaf(1.0, 2.0)
    assert array([x, x], dtype=np.float32, ndmin=4).shape == (1, 1, 2, 2)
    assert array([x, x], dtype=np.float32).dtype == np.float32
    assert np.array(x, like=x) is not x
    assert array(x, copy=False) is x
    assert np.asarray(x, like=x) is x
    assert not np.array([1, 2], like=x).requires_grad
    with pytest.raises(ValueError, match="concatenate"):
        array([x, leaf(1.0, 2.0, 3.0)])


@pytest.mark.parametrize(
    ("function", "arguments"),
    [(np.zeros, ((2, 3),)), (np.ones, (2,)), (np.empty, (0,)), (np.eye, (2, 3, 1)), (np.identity, (2,)),
     (np.tri, (3, 2)), (np.arange, (1.0, 5.0, 2.0))],
)  # fmt: skip
def test_creation_like_a_tensor(function: Any, arguments: Any) -> None:
    y = function(*arguments, dtype=np.float32, like=leaf(1.0))
    assert type(y) is Tensor
    assert not y.requires_grad
    expected = function(*arguments, dtype=np.float32)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.data, expected)


def test_full_of_a_tensor() -> None:
    x = leaf(2.0)
    y = np.full((2, 3), x, like=x)
    y.backward(np.ones((2, 3)))
    np.testing.assert_array_equal(y.data, np.full((2, 3), 2.0))
    np.testing.assert_array_equal(x.grad, 6)
    assert np.full(2, 1.5, np.float32, like=x).dtype == np.float32


@pytest.mark.parametrize(
    "options", [{}, {"dtype": np.float32}, {"shape": (2, 3)}, {"dtype": "c8", "shape": 4}], ids=str
)
def test_fill_values_are_recorded(options: Any) -> None:
    """Not only where they are all that is given, and in lists, too; what is filled gives its shape and dtype alone."""
    x = leaf(1.0, 2.0)
    y = np.full_like(x, x[0] * 3, **options)
    expected = np.full_like(x.data, 3.0, **options)
    assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(y.data, expected)
    y.backward(np.ones(y.shape))
    np.testing.assert_array_equal(x.grad, [3 * y.size, 0])


def test_fill_values_in_a_list_are_recorded() -> None:
    x = leaf(1.0, 2.0)
    np.full_like(np.ones((3, 2)) * x, [x[1], 5.0]).backward(np.ones((3, 2)))
    np.testing.assert_array_equal(x.grad, [0, 3])
    assert type(np.full_like(x, 7, dtype=int)) is Tensor
    assert not np.full_like(x, x[0], dtype=int).requires_grad


@pytest.mark.parametrize("function", LIKE_ANOTHER, ids=lambda f: f.__name__)
def test_creators_give_tensors_off_the_tape(function: Any) -> None:
    given_array, *rest = LIKE_ANOTHER[function]
    t = leaf(given_array)
    y = function(t, *rest)
    assert type(y) is Tensor
    assert not y.requires_grad
    assert not np.shares_memory(y.data, t.data)
    expected = function(given_array, *rest)
    assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
    if function is not np.empty_like:
        np.testing.assert_array_equal(y.data, expected)


@pytest.mark.parametrize("function", LIKE_ANOTHER, ids=lambda f: f.__name__)
def test_creators_take_keywords(function: Any) -> None:
    given_array, *rest = LIKE_ANOTHER[function]
    y = function(leaf(given_array), *rest, dtype=np.float32, shape=(4,))
    assert (y.shape, y.dtype) == ((4,), np.float32)


@pytest.mark.parametrize("prototype", [np.ones(3), np.ones((2, 1), np.float32), [1.0, 2.0]])
def test_filling_a_plain_array_names_the_call_and_the_way_out(prototype):
    """NumPy fills by `np.copyto`, which nobody has called."""
    for x in (Tensor(2.0, requires_grad=True), Tensor([2.0], requires_grad=True) * 1):
        with pytest.raises(TypeError, match=r"^np\.full_like: .* np\.full\(shape, t, like=t\)"):
            np.full_like(prototype, x)
    with pytest.raises(TypeError, match=r"^np\.copyto: .* copy into a Tensor"):
        np.copyto(np.ones(3), Tensor(2.0, requires_grad=True))
