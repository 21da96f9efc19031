"""Flattening: any nested floating or complex arrays, whole, and with their gradients.

What must not happen, of one kind each: a number that is lost on the way (integers and booleans, imaginary parts, a
vector of another length, what is no number), a gradient that is lost (tensors on either way, in part of the tree), and
memory that is shared.
"""

from typing import Any, NamedTuple

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from autograd_np import Tensor, compile, flatten, grad, gradients, hessian, jacobian, value_and_grad
from tests.autograd_np.strategies import GRID, shapes


class Layer(NamedTuple):
    w: Any
    b: Any


def arrays(dtypes: Any) -> Any:
    values = st.sampled_from(GRID)
    return st.sampled_from(dtypes).flatmap(lambda dtype: hnp.arrays(dtype, shapes(0, 3), elements=values, fill=values))


def trees(leaves: Any) -> Any:
    return st.recursive(
        leaves,
        lambda t: (
            st.lists(t, max_size=3)
            | st.dictionaries(st.sampled_from("abc"), t)
            | st.tuples(t, t)
            | st.builds(Layer, t, t)
        ),
        max_leaves=5,
    )


FLOATING = [np.float16, np.float32, np.float64, np.longdouble]
floating, complexes = trees(arrays(FLOATING)), trees(arrays([np.complex64, np.complex128]))


def same(actual: Any, desired: Any) -> None:
    """Hold two trees against one another: types of containers, and dtypes, shapes and values of arrays."""
    assert type(actual) is type(desired)
    if isinstance(desired, dict):
        assert list(actual) == list(desired)
        actual, desired = list(actual.values()), list(desired.values())
    if isinstance(desired, list | tuple):
        assert len(actual) == len(desired)
        for pair in zip(actual, desired, strict=True):
            same(*pair)
    else:
        assert actual.dtype == desired.dtype
        np.testing.assert_array_equal(np.asarray(actual), np.asarray(desired), strict=True)


@given(tree=floating | complexes)
def test_there_and_back(tree: Any) -> None:
    vector, unflatten = flatten(tree)
    assert type(vector) is np.ndarray
    assert vector.ndim == 1
    same(unflatten(vector), tree)
    np.testing.assert_array_equal(flatten(unflatten(vector))[0], vector)


def test_order_and_dtype() -> None:
    tree = {"b": np.array([[1, 2], [3, 4]], np.float32), "a": (5.0, [np.float16(6)]), "none": []}
    vector, unflatten = flatten(tree)
    np.testing.assert_array_equal(vector, [1, 2, 3, 4, 5, 6], strict=False)
    assert vector.dtype == np.float64
    assert flatten({"a": np.float32([1]), "b": np.float16([2])})[0].dtype == np.float32
    again = unflatten(np.arange(6))  # integers are taken for floats
    assert again["b"].dtype == np.float32
    assert again["a"][0] == 4.0
    assert type(again["a"][0]) is np.ndarray
    assert again["a"][1][0].dtype == np.float16
    assert again["none"] == []
    vector, unflatten = flatten({})
    assert vector.shape == (0,)
    assert unflatten(vector) == {}


@given(tree=floating)
def test_memory_is_its_own(tree: Any) -> None:
    vector, unflatten = flatten(tree)
    again = unflatten(vector)
    before = vector.copy()
    vector += 1.0
    same(unflatten(before), again)
    same(tree, again)


def test_recorded_both_ways() -> None:
    a, b = Tensor(np.ones((2, 2), np.float32), requires_grad=True), Tensor(2.0, requires_grad=True)
    vector, unflatten = flatten({"a": a, "b": [b, np.zeros(1)]})
    assert isinstance(vector, Tensor)
    tree = unflatten(vector * np.arange(6.0))
    assert isinstance(tree["b"][1], Tensor)
    assert tree["a"].dtype == np.float32
    of_a, of_b = gradients(np.sum(tree["a"] ** 2) + tree["b"][0] ** 2, [a, b])
    np.testing.assert_array_equal(of_a.data, 2 * np.arange(4.0).reshape(2, 2) ** 2)
    assert of_a.dtype == np.float32
    assert of_b.item() == 2 * 4**2 * 2


def test_derivatives_by_the_vector_are_those_by_the_tree() -> None:
    p = {"w": np.array([[0.5, -1.0], [2.0, 0.25]]), "b": (0.75,)}

    def f(p: Any) -> Any:
        return np.sum(np.sin(p["w"]) * p["b"][0] ** 2)

    vector, unflatten = flatten(p)
    np.testing.assert_allclose(grad(lambda v: f(unflatten(v)))(vector), flatten(grad(f)(p))[0])
    whole, nested = hessian(lambda v: f(unflatten(v)))(vector), hessian(f)(p)
    np.testing.assert_allclose(whole[:4, :4], nested["w"]["w"].reshape(4, 4))
    np.testing.assert_allclose(whole[4, 4], nested["b"][0]["b"][0])
    np.testing.assert_allclose(whole[4, :4], nested["b"][0]["w"].reshape(4))
    of_tree = jacobian(lambda p: flatten(p)[0])(p)
    np.testing.assert_array_equal(np.concatenate([of_tree["w"].reshape(5, 4), of_tree["b"][0][:, None]], 1), np.eye(5))


def test_serves_scipy() -> None:
    start, unflatten = flatten({"x": np.zeros(2), "y": 0.5})

    def f(vector: Any) -> Any:
        p = unflatten(vector)
        return np.sum((p["x"] - 1.0) ** 2) + (p["y"] - p["x"][0]) ** 2

    found = unflatten(minimize(value_and_grad(f), start, jac=True).x)
    np.testing.assert_allclose(found["x"], np.ones(2), atol=1e-5)
    np.testing.assert_allclose(found["y"], 1.0, atol=1e-5)


def test_in_a_compiled_function() -> None:
    start, unflatten = flatten({"x": np.array([[0.5, 1.0]]), "y": np.float32(2.0)})
    slopes = compile(grad(lambda v: np.sum(np.sin(unflatten(v)["x"])) * unflatten(v)["y"]))
    for step in range(4):
        v = start + step
        np.testing.assert_allclose(slopes(v), [*(np.cos(v[:2]) * v[2]), np.sum(np.sin(v[:2]))], rtol=1e-6)


@pytest.mark.parametrize(
    "leaf", [1, True, np.arange(3), np.array([True]), None, "text", np.array(["a"]), object(), Tensor([1, 2])]
)
def test_what_cannot_be_moved_by_fractions_is_refused(leaf: Any) -> None:
    with pytest.raises(TypeError, match=r"^flatten: "):
        flatten({"a": np.ones(2), "b": [leaf]})


@pytest.mark.parametrize("other", [1j, np.ones(2, np.complex64), Tensor(1j)])
def test_real_and_complex_do_not_mix(other: Any) -> None:
    with pytest.raises(TypeError, match=r"^flatten: real and complex.*imaginary parts"):
        flatten([1.0, other])
    _, unflatten = flatten([1.0])
    with pytest.raises(TypeError, match=r"^unflatten: a complex vector for real arrays"):
        unflatten(np.ravel(np.array([1j])))


@pytest.mark.parametrize("vector", [np.ones(3), np.ones(5), np.ones((4, 1)), 1.0, [], Tensor(np.ones(3))])
def test_vectors_of_another_length_are_refused(vector: Any) -> None:
    _, unflatten = flatten((np.ones((3, 1)), 2.0))
    with pytest.raises(ValueError, match=r"^unflatten: takes a vector of shape \(4,\), not \("):
        unflatten(vector)
