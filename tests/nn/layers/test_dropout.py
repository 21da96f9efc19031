"""Dropout: its share, its seed and its two modes."""

import math

import numpy as np
import pytest

import nn
from autograd_np import Tensor
from nn import functional as F
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


@pytest.mark.parametrize(
    ("kind", "shape", "channels"),
    [(nn.Dropout1d, (500, 20, 3), 2), (nn.Dropout1d, (10_000, 3), 1), (nn.Dropout2d, (500, 20, 2, 3), 2)],
)
def test_whole_channels_are_dropped(kind, shape, channels):
    x = Tensor(np.ones(shape, np.float32), requires_grad=True)
    y = kind(0.3, rng=0)(x)
    of_channels = y.data.reshape(*shape[:channels], -1)
    assert (of_channels == of_channels[..., :1]).all()
    assert abs(np.mean(of_channels[..., 0] == 0) - 0.3) < 0.02
    np.testing.assert_allclose(y.data[y.data != 0], 1 / 0.7, rtol=1e-6)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.data)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(kind(0.3).eval()(x.data), x.data)
    np.testing.assert_array_equal(kind(1.0)(x.data), np.zeros(shape))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_alpha_dropout_keeps_mean_and_variance(dtype):
    values = np.random.default_rng(0).normal(size=100_000).astype(dtype)
    x = Tensor(values, requires_grad=True)
    y = nn.AlphaDropout(0.3, rng=0)(x)
    assert y.dtype == dtype
    assert abs(y.data.astype(float).mean()) < 0.02
    assert abs(y.data.astype(float).std() - 1) < 0.02
    y.backward(np.ones(100_000, dtype))
    dropped = x.grad == 0
    assert abs(dropped.mean() - 0.3) < 0.01
    assert len(set(y.data[dropped].tolist())) == 1
    np.testing.assert_array_equal(nn.AlphaDropout(0.3).eval()(values), values)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.Dropout1d(0.5)(np.ones((1, 2, 3, 4))), ValueError, r"dropout1d: x of shape \(1, 2, 3, 4\)"),
        (lambda: nn.Dropout1d(0.5)(np.ones(2)), ValueError, r"dropout1d: x of shape \(2,\); give \(N, C, L\)"),
        (lambda: nn.Dropout2d(0.5)(np.ones((2, 3, 4))), ValueError, r"dropout2d: .*sequences to dropout1d"),
        (lambda: nn.Dropout2d(0.5).eval()(np.ones((2, 3, 4))), ValueError, r"dropout2d: .*\(N, C, H, W\)"),
        (lambda: nn.Dropout2d(-0.5), ValueError, r"Dropout2d: p=-0.5"),
        (lambda: nn.AlphaDropout(math.nan), ValueError, r"AlphaDropout: p=nan"),
        (lambda: nn.Dropout(0.5, 1), TypeError, r"Dropout: inplace=1 is a int; give True or False"),
        (lambda: F.dropout1d(np.ones((2, 3))), TypeError, r"dropout1d: rng=None; .*default_rng"),
        (lambda: F.dropout2d(np.ones((2, 3, 1, 1)), rng=0), TypeError, r"dropout2d: rng=0"),
        (lambda: F.alpha_dropout(np.ones(2), 0.5, True), TypeError, r"alpha_dropout: rng=None"),
        (lambda: F.alpha_dropout(np.ones(2), 1.5), ValueError, r"alpha_dropout: p=1.5"),
        (lambda: F.dropout2d(np.ones((2, 3, 1, 1)) * 1j), TypeError, r"dropout2d: .*complex128"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_in_place_is_taken_and_changes_nothing():
    x = np.ones((4, 4))
    y = nn.Dropout(0.5, inplace=True, rng=0)(Tensor(x))
    np.testing.assert_array_equal(x, 1)
    np.testing.assert_array_equal(y.data, nn.Dropout(0.5, rng=0)(x))


def test_seeds_leave_the_global_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (it is what must not change)
    model = mlp(0)
    nn.Dropout(0.5, rng=0)(model(np.ones((2, 64))))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
