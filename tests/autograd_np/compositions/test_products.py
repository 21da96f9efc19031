"""Outer, Kronecker's and cross products, real and complex."""

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_np import Tensor
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.strategies import Call, arrays


@st.composite
def crosses(draw: st.DrawFn) -> Call:
    stacks = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, min_side=0, max_side=2)).input_shapes
    length = draw(st.tuples(*[st.sampled_from([2, 3, 3])] * 2))
    axisa, axisb = (draw(st.integers(-len(stack) - 1, len(stack))) for stack in stacks)
    ndim = 1 + max(map(len, stacks))
    axisc = draw(st.integers(-ndim, ndim - 1))
    a, b = (
        np.moveaxis(draw(arrays((*stack, n))), -1, axis)
        for stack, n, axis in zip(stacks, length, (axisa, axisb), strict=True)
    )
    if axisa == axisb and axisa < 0 and draw(st.booleans()):
        return Call(f"cross(x, x, axis={axisa})", lambda a, b: np.cross(a, b, axis=axisa), (a, b))
    return Call(f"cross(x, x, {axisa}, {axisb}, {axisc})", lambda a, b: np.cross(a, b, axisa, axisb, axisc), (a, b))


@st.composite
def pairs(draw: st.DrawFn, f: Any) -> Call:
    return Call(f.__name__, f, (draw(arrays()), draw(arrays())))


COMPOSED = {np.outer: pairs(np.outer), np.kron: pairs(np.kron), np.cross: crosses()}
"""Calls of each function that this file tests."""

IMPLEMENTED = {*COMPOSED, np.einsum_path}


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
@pytest.mark.parametrize("function", COMPOSED, ids=lambda f: f.__name__)
@given(data=st.data())
def test_products(function: Any, data: st.DataObject) -> None:
    call = data.draw(COMPOSED[function])
    check_gradients(call.function, *call.arrays)
    check_float32(call.function, *call.arrays)


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
@pytest.mark.parametrize("function", COMPOSED, ids=lambda f: f.__name__)
@settings(max_examples=max(1, settings().max_examples // 5))
@given(data=st.data())
def test_products_of_complex_arrays(function: Any, data: st.DataObject) -> None:
    call = data.draw(COMPOSED[function])
    xs = [x * (1 + 0.5j) if data.draw(st.booleans()) else x for x in call.arrays]
    check_gradients(call.function, *xs)


def test_einsum_along_a_path() -> None:
    rng = np.random.default_rng(5)
    xs = [rng.standard_normal(shape) for shape in ((2, 3), (3, 4), (4,))]
    path = np.einsum_path("ij,jk,k", *map(Tensor, xs), optimize="optimal")[0]
    assert path == np.einsum_path("ij,jk,k", *xs, optimize="optimal")[0]
    check_gradients(lambda *xs: np.einsum("ij,jk,k", *xs, optimize=path), *xs)


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda x: np.outer(x, x, out=np.empty((6, 6))), TypeError, "np.outer: out="),
        (lambda x: np.cross(x, x, axis=0)[0] + np.cross(x[:1], x, axis=0), ValueError, r"np\.cross of float64"),
    ],
)
@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
def test_what_does_not_fit_is_refused(f: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        f(Tensor(np.ones((2, 3)), requires_grad=True))
