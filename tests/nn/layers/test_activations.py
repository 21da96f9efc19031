"""Activations, against the formulas."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

import nn
from autograd_np import Tensor
from tests.nn.layers.networks import seeds, sizes


@given(st.lists(sizes, min_size=1, max_size=3), seeds)
def test_activations(shape, seed):
    x = np.random.default_rng(seed).normal(size=shape) * 3
    for layer, expected in [
        (nn.ReLU(), np.maximum(x, 0)),
        (nn.Sigmoid(), expit(x)),
        (nn.Tanh(), np.tanh(x)),
        (nn.Softmax(), np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)),
        (nn.Softmax(dim=0), np.exp(x) / np.exp(x).sum(axis=0, keepdims=True)),
    ]:
        np.testing.assert_allclose(layer(x), expected, rtol=1e-12)
        np.testing.assert_allclose(layer(Tensor(x)).data, expected, rtol=1e-12)


def test_softmax_of_large_numbers():
    np.testing.assert_array_equal(nn.Softmax()(np.array([[1000.0] * 4, [-1000.0] * 4])), np.full((2, 4), 0.25))
