"""Linear layers and flattening, against the formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import Tensor
from tests.nn.layers.networks import seeds, sizes


@given(sizes, sizes, st.lists(sizes, max_size=2), st.booleans(), seeds)
def test_linear(d, k, batch, bias, seed):
    rng = np.random.default_rng(seed)
    layer, x = nn.Linear(d, k, bias=bias, dtype=np.float64, rng=rng), rng.normal(size=(*batch, d))
    assert layer.weight.shape == (k, d)
    expected = x @ layer.weight.data.T + (layer.bias.data if bias else 0)
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-12)


def test_flatten():
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(nn.Flatten()(x), x.reshape(2, 12))
    np.testing.assert_array_equal(nn.Flatten(0)(Tensor(x)).data, x.ravel())
    assert nn.Flatten(-2)(x).shape == (2, 12)
    assert nn.Flatten()(np.zeros((0, 3, 4))).shape == (0, 12)
    assert nn.Flatten()(np.zeros((2, 0, 4))).shape == (2, 0)
    with pytest.raises(ValueError, match=r"flatten: an input of shape \(3,\) has no axis 1"):
        nn.Flatten()(np.zeros(3))
