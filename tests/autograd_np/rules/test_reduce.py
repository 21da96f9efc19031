"""Reductions by ufuncs (`np.add.reduce` and its kin), over every axis and in every spelling."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.strategies import arrays, axes, shapes

REDUCING = [np.add, np.multiply, np.maximum, np.minimum]

CASES = [(ufunc, "reduce") for ufunc in REDUCING]
"""Methods that this file tests."""


@pytest.mark.parametrize("ufunc", REDUCING, ids=lambda f: f.__name__)
@given(data=st.data())
def test_reduce(ufunc: Any, data: st.DataObject) -> None:
    x = data.draw(arrays(shapes(min_side=1), unique=True))
    axis, keepdims = data.draw(axes(x.ndim)), data.draw(st.booleans())
    f = data.draw(
        st.sampled_from(
            [
                ufunc.reduce,
                lambda x: ufunc.reduce(x, axis),
                partial(ufunc.reduce, axis=axis, keepdims=keepdims),
                lambda x: ufunc.reduce(x, axis, None, None, keepdims),
                lambda x: ufunc.reduce(x, axis, initial=0.3125),
            ]
        )
    )
    check_gradients(f, x)
    check_float32(f, x)
