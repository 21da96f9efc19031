"""Pooling layers, against the formula."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import nn
from tests.nn.layers.networks import seeds, sizes


@given(sizes, st.integers(1, 3), st.none() | st.integers(1, 3), seeds)
def test_max_pool2d(n, size, stride, seed):
    x = np.random.default_rng(seed).normal(size=(n, 2, 5, 6))
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))
    step = stride or size
    expected = windows.max(axis=(-1, -2))[:, :, ::step, ::step]
    np.testing.assert_array_equal(nn.MaxPool2d(size, stride)(x), expected)


def test_max_pool2d_pads_with_what_never_wins():
    x = -np.arange(1.0, 17).reshape(1, 1, 4, 4)
    np.testing.assert_array_equal(nn.MaxPool2d(2, padding=1)(x)[0, 0], [[-1, -2, -4], [-5, -6, -8], [-13, -14, -16]])
