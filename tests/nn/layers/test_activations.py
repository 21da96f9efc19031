"""Activations, against the formulas."""

import math

import numpy as np
import pytest
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


IN_PLACE = [nn.ReLU, nn.ReLU6, nn.SELU, nn.SiLU, nn.Mish, nn.Hardsigmoid, nn.Hardswish]
IN_PLACE += [nn.LeakyReLU, nn.ELU, nn.CELU, nn.Hardtanh, lambda inplace: nn.Threshold(0, 1, inplace)]


@pytest.mark.parametrize("make", IN_PLACE)
def test_in_place_is_taken_and_changes_nothing(make):
    layer, x = make(inplace=True), np.linspace(-4, 4, 9)
    kept, t = x.copy(), Tensor(x, requires_grad=True)
    y = layer(t)
    assert y is not t
    assert not np.shares_memory(y.data, t.data)
    np.testing.assert_array_equal(t.data, kept)
    np.testing.assert_array_equal(layer(x), make(inplace=False)(x))
    np.testing.assert_array_equal(x, kept)
    assert "inplace=True" in repr(layer) or type(layer) in (nn.Hardsigmoid, nn.Hardswish)
    assert "inplace" not in repr(make(inplace=False))
    with pytest.raises(TypeError, match=rf"{type(layer).__name__}: inplace=0.5 is a float; give True or False"):
        make(inplace=0.5)


def test_prelus_slope_is_a_parameter():
    layer = nn.PReLU(3, 0.5)
    assert list(layer.state_dict()) == ["weight"]
    assert layer.weight.dtype == np.float32
    np.testing.assert_array_equal(layer.weight.data, [0.5] * 3)
    layer(-np.ones((2, 3))).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad, [-2] * 3)
    assert nn.PReLU(dtype=np.float64).weight.dtype == np.float64
    with pytest.raises(ValueError, match=r"prelu: weight of shape \(3,\) with x of shape \(2, 4\)"):
        layer(np.ones((2, 4)))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.LeakyReLU(math.nan), ValueError, "LeakyReLU: negative_slope=nan"),
        (lambda: nn.ELU(math.inf), ValueError, "ELU: alpha=inf"),
        (lambda: nn.CELU(0), ValueError, "CELU: alpha=0; give a finite and positive number"),
        (lambda: nn.Softplus(beta=-1), ValueError, "Softplus: beta=-1"),
        (lambda: nn.Softplus(threshold="1"), TypeError, "Softplus: threshold='1' is a str"),
        (lambda: nn.Hardtanh(1, -1), ValueError, "hardtanh: min_val=1 is above max_val=-1"),
        (lambda: nn.Threshold(0.5, None), TypeError, "Threshold: value=None"),
        (lambda: nn.PReLU(0), ValueError, "PReLU: num_parameters=0"),
        (lambda: nn.PReLU(1, math.nan), ValueError, "PReLU: init=nan"),
        (lambda: nn.GELU("erf"), ValueError, "gelu: approximate='erf'; choose none or tanh"),
        (lambda: nn.GLU()(np.ones(3)), ValueError, r"glu: x of shape \(3,\) has no halves"),
        (lambda: nn.Softmax2d()(np.ones((2, 2))), ValueError, r"Softmax2d: an input of shape \(2, 2\)"),
        (lambda: nn.LogSoftmax(2)(np.ones((2, 2))), ValueError, "axis 2"),
    ],
)
def test_what_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_identity_returns_its_input():
    x, t = [1, 2], Tensor([1.0])
    assert nn.Identity()(x) is x
    assert nn.Identity(3, of=4)(t) is t
    assert repr(nn.Identity(3)) == "Identity()"
