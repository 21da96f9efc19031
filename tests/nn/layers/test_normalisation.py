"""Normalisation: statistics, modes, and what cannot be normalised."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import no_grad
from tests.nn.layers.networks import plain, seeds


@given(
    st.sampled_from([(5, 3), (2, 3, 4), (2, 3, 2, 3)]),
    st.floats(0, 1) | st.none(),
    st.integers(1, 4),
    st.booleans(),
    seeds,
)
def test_batch_norm(shape, momentum, steps, affine, seed):
    rng = np.random.default_rng(seed)
    kind = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
    layer = kind(3, momentum=momentum, affine=affine, dtype=np.float64)
    scale, shift = np.ones(3), np.zeros(3)
    if affine:
        layer.weight.data, layer.bias.data = scale, shift = rng.normal(size=(2, 3))
    axes = (0, *range(2, len(shape)))
    mean, var, count = np.zeros(3), np.ones(3), math.prod(shape) // 3

    def expected(x, mean, var):
        columns = np.moveaxis(x, 1, -1)
        return np.moveaxis((columns - mean) / np.sqrt(var + layer.eps) * scale + shift, -1, 1)

    for step in range(1, steps + 1):
        x = rng.normal(2, 3, shape)
        np.testing.assert_allclose(plain(layer(x)), expected(x, x.mean(axes), x.var(axes)), rtol=1e-9)
        share = 1 / step if momentum is None else momentum
        mean = (1 - share) * mean + share * x.mean(axes)
        var = (1 - share) * var + share * x.var(axes) * count / (count - 1)
    np.testing.assert_allclose(layer.running_mean, mean)
    np.testing.assert_allclose(layer.running_var, var)
    x = rng.normal(size=shape)
    before = layer.state_dict()
    np.testing.assert_allclose(plain(layer.eval()(x)), expected(x, mean, var))
    assert all(np.array_equal(before[key], array) for key, array in layer.state_dict().items())


def test_batch_norm_without_running_statistics_uses_the_batch_always():
    layer, x = nn.BatchNorm1d(2, track_running_stats=False), np.random.default_rng(0).normal(size=(6, 2))
    assert list(layer.state_dict()) == ["weight", "bias"]
    np.testing.assert_array_equal(layer(x).data, layer.eval()(x).data)


def test_batch_norm_runs_under_no_grad_and_on_plain_numbers():
    layer = nn.BatchNorm1d(2)
    with no_grad():
        layer(np.ones((3, 2)))
    assert layer.num_batches_tracked == 1
    assert layer.num_batches_tracked.dtype == np.int64
    assert layer.running_mean.dtype == np.float32
    assert list(layer.state_dict()) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.BatchNorm1d(3), (4, 2)),
        (nn.BatchNorm1d(3), (4, 3, 2, 2)),
        (nn.BatchNorm1d(3), (3,)),
        (nn.BatchNorm2d(3), (4, 3)),
        (nn.BatchNorm2d(3), (3, 4, 4, 3)),
        (nn.BatchNorm1d(3), (1, 3)),
        (nn.BatchNorm2d(3), (0, 3, 2, 2)),
    ],
)
def test_batch_norm_refuses_what_it_cannot_normalise(layer, shape):
    before = layer.state_dict()
    with pytest.raises(ValueError, match=rf"{type(layer).__name__}: an input of shape .*{shape[0]}"):
        layer(np.ones(shape))
    assert all(np.array_equal(before[key], array) for key, array in layer.state_dict().items())


def test_one_sample_is_fine_in_evaluation_mode():
    assert nn.BatchNorm1d(3).eval()(np.ones((1, 3))).shape == (1, 3)


def test_instance_norm_is_the_same_in_both_modes_without_running_statistics():
    layer, x = nn.InstanceNorm2d(3), np.random.default_rng(0).normal(3, 2, (2, 3, 4, 4)).astype(np.float32)
    assert layer.state_dict() == {}
    y = layer(x)
    np.testing.assert_array_equal(y, layer.eval()(x))
    np.testing.assert_array_equal(y[1], layer(x[1]))
    np.testing.assert_allclose(y.std(axis=(2, 3)), 1, rtol=1e-4)


def test_instance_norms_running_statistics_are_the_means_of_the_samples_own():
    layer = nn.InstanceNorm1d(2, momentum=0.25, track_running_stats=True, dtype=np.float64)
    x = np.random.default_rng(0).normal(3, 2, (5, 2, 4))
    layer(x)
    np.testing.assert_allclose(layer.running_mean, 0.25 * x.mean(axis=(0, 2)))
    np.testing.assert_allclose(layer.running_var, 0.75 + 0.25 * x.var(axis=2, ddof=1).mean(axis=0))
    before = layer.state_dict()
    assert before["num_batches_tracked"] == 0
    expected = (x - layer.running_mean[:, None]) / np.sqrt(layer.running_var[:, None] + layer.eps)
    np.testing.assert_allclose(layer.eval()(x), expected)
    assert layer(x[:, :, :1]).shape == (5, 2, 1)
    assert all(np.array_equal(before[key], array) for key, array in layer.state_dict().items())


def test_layer_norms_parameters():
    assert list(nn.LayerNorm((2, 3)).state_dict()) == ["weight", "bias"]
    assert nn.LayerNorm((2, 3)).bias.shape == (2, 3)
    assert list(nn.LayerNorm(3, bias=False).state_dict()) == ["weight"]
    assert list(nn.LayerNorm(3, elementwise_affine=False).state_dict()) == []
    assert nn.LayerNorm(3, elementwise_affine=False)(np.ones((2, 3))).dtype == np.float64
    assert nn.LayerNorm(3, dtype=np.float64).weight.dtype == np.float64
