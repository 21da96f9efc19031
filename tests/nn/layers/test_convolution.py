"""Convolution layers, against the formula."""

import numpy as np
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

import nn
from tests.nn.layers.networks import seeds, sizes


@given(sizes, sizes, sizes, st.tuples(sizes, sizes), st.tuples(sizes, sizes), st.tuples(sizes, sizes), seeds)
def test_conv2d(n, c, o, kernel, stride, padding, seed):
    rng = np.random.default_rng(seed)
    padding = tuple(p - 1 for p in padding)
    layer = nn.Conv2d(c, o, kernel, stride, padding, dtype=np.float64, rng=rng)
    x = rng.normal(size=(n, c, 4 + rng.integers(3), 4 + rng.integers(3)))
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    full = [[scipy.signal.correlate(image, w, "valid")[0] for w in layer.weight.data] for image in padded]
    expected = np.array(full)[:, :, :: stride[0], :: stride[1]] + layer.bias.data[:, None, None]
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-10, atol=1e-12)
