"""Dropout: its share, its seed and its two modes."""

import math

import numpy as np
import pytest

import nn
from autograd_np import Tensor
from tests.nn.layers.networks import mlp


def test_dropout_drops_a_share_p_and_keeps_the_mean():
    y = nn.Dropout(0.3, rng=0)(np.ones(100_000))
    assert abs(np.mean(y == 0) - 0.3) < 0.01
    np.testing.assert_allclose(y[y != 0], 1 / 0.7)
    assert abs(y.mean() - 1) < 0.01


def test_dropout_is_seeded_and_its_gradient_has_the_outputs_mask():
    x = Tensor(np.ones((50, 4), np.float32), requires_grad=True)
    first, second = nn.Dropout(0.5, rng=7), nn.Dropout(0.5, rng=7)
    y = first(x)
    np.testing.assert_array_equal(y.data, second(x).data)
    assert not np.array_equal(y.data, first(x).data)  # the next mask is another
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.data)
    assert y.dtype == x.grad.dtype == np.float32


def test_dropout_does_nothing_in_evaluation_mode_and_draws_nothing():
    layer, x = nn.Dropout(0.5, rng=0), np.ones((4, 4))
    state = layer.rng.bit_generator.state
    np.testing.assert_array_equal(layer.eval()(x), x)
    assert layer.rng.bit_generator.state == state


def test_dropout_of_nothing_and_of_everything():
    x = np.arange(1.0, 5)
    np.testing.assert_array_equal(nn.Dropout(0.0)(x), x)
    np.testing.assert_array_equal(nn.Dropout(1.0)(x), np.zeros(4))
    for p in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match=r"Dropout: p="):
            nn.Dropout(p)


def test_seeds_leave_the_global_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (it is what must not change)
    model = mlp(0)
    nn.Dropout(0.5, rng=0)(model(np.ones((2, 64))))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
