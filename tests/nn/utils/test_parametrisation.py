"""Weights that are computed from other parameters.

Whatever is done to a layer is to reach what it is computed from: copies, pickles, states, dtypes, replaced parameters,
compiled steps, and the removal. Values and gradients are held against PyTorch's in tests/nn/pytorch.
"""

import copy
import pickle

import numpy as np
import pytest

import nn
from autograd_np import Tensor
from autograd_np.testing import check_grads
from nn.utils import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm

X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=(5, 2)).astype(np.float32)
NORMS = {"weight": (weight_norm, remove_weight_norm), "spectral": (spectral_norm, remove_spectral_norm)}
each = pytest.mark.parametrize("norm", NORMS)


def linear(norm, **options):
    more = {"rng": 1} if norm == "spectral" else {}
    return NORMS[norm][0](nn.Linear(3, 2, rng=0), **options, **more)


def trained(layer, steps=3):
    optimizer = nn.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(layer(X), Y).backward()
        optimizer.step()
    return layer


def test_lengths_are_those_of_the_parameter():
    layer = trained(linear("weight"))
    np.testing.assert_allclose(np.linalg.norm(layer.weight.data, axis=1), abs(layer.weight_g.data[:, 0]), rtol=1e-6)
    np.testing.assert_allclose(linear("weight").weight.data, nn.Linear(3, 2, rng=0).weight.data, rtol=1e-6)


def test_the_largest_singular_value_becomes_one():
    layer = linear("spectral")
    for _ in range(200):
        layer(X)
    assert np.linalg.svd(layer.weight.data)[1][0] == pytest.approx(1, rel=1e-5)


def test_only_calls_in_training_mode_improve_the_estimate():
    layer = linear("spectral").eval()
    before = layer.weight_u
    layer(X)
    _ = layer.weight, layer.train().weight
    assert layer.weight_u is before
    layer(X)
    assert not np.array_equal(layer.weight_u, before)


@each
def test_a_layer_is_what_it_was(norm):
    layer = linear(norm)
    assert isinstance(layer, nn.Linear)
    assert repr(layer).startswith("Linear(in_features=3, out_features=2, bias=True)")
    assert "weight" not in dict(layer.named_parameters())
    assert isinstance(layer.weight, Tensor)
    assert layer.weight.requires_grad
    assert not layer.weight.is_leaf


@each
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_a_copy_stands_alone(norm, duplicate):
    layer = trained(linear(norm))
    twin = duplicate(layer)
    assert type(twin) is type(layer)
    np.testing.assert_array_equal(twin.eval()(X).data, layer.eval()(X).data)
    before = layer.state_dict()
    trained(twin.train())
    for key, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[key])
    assert not np.array_equal(twin(X).data, layer(X).data)


@each
def test_states_are_saved_and_loaded(norm, tmp_path):
    layer, other = trained(linear(norm)).eval(), linear(norm).eval()
    nn.save(layer.state_dict(), tmp_path / "layer.safetensors")
    other.load_state_dict(nn.load(tmp_path / "layer.safetensors"))
    np.testing.assert_array_equal(other(X).data, layer(X).data)


@each
def test_dtypes_go_along(norm):
    layer = linear(norm)
    assert layer(X).dtype == layer.weight.dtype == np.float32
    layer.double()
    assert layer(X).dtype == layer.weight.dtype == np.float64
    assert {array.dtype for array in layer.state_dict().values()} == {np.dtype(np.float64)}


@each
def test_removed_it_is_a_parameter_with_its_last_values(norm):
    layer = trained(linear(norm)).eval()
    expected, weight = layer(X).data, layer.weight.data
    assert NORMS[norm][1](layer) is layer
    assert type(layer) is nn.Linear
    assert list(layer.state_dict()) == ["bias", "weight"]
    np.testing.assert_array_equal(layer.weight.data, weight)
    np.testing.assert_array_equal(layer.train()(X).data, expected)
    trained(layer)
    again = NORMS[norm][0](layer)
    assert "weight" not in again.state_dict()


@each
def test_a_frozen_weight_stays_frozen(norm):
    layer = nn.Linear(3, 2, rng=0)
    layer.weight.requires_grad = False
    NORMS[norm][0](layer)
    assert not layer.weight.requires_grad
    assert not NORMS[norm][1](layer).weight.requires_grad
    assert "weight" in layer.state_dict()


def test_two_weights_of_a_layer():
    layer = weight_norm(linear("spectral"), "bias")
    assert set(layer.state_dict()) == {"weight_orig", "weight_u", "weight_v", "bias_g", "bias_v"}
    twin = copy.deepcopy(layer)
    np.testing.assert_array_equal(remove_spectral_norm(twin.eval())(X).data, layer.eval()(X).data)
    assert set(twin.state_dict()) == {"weight", "bias_g", "bias_v"}
    assert type(remove_weight_norm(twin, "bias")) is nn.Linear


@each
def test_a_compiled_step_computes_the_same_bits(norm):
    models = [nn.Sequential(linear(norm), nn.Tanh()) for _ in range(2)]
    optimizers = [nn.optim.SGD(model.parameters(), lr=0.1, momentum=0.5) for model in models]
    step, loss = nn.compile_step(models[0], nn.MSELoss(), optimizers[0]), nn.MSELoss()
    for _ in range(7):
        optimizers[1].zero_grad()
        value = loss(models[1](X), Y)
        value.backward()
        optimizers[1].step()
        assert step(X, Y) == value.data
    for a, b in zip(models[0].state_dict().values(), models[1].state_dict().values(), strict=True):
        assert a.tobytes() == b.tobytes()
    assert step.programs == 1


@each
def test_gradients_of_first_and_second_order(norm):
    layer = linear(norm).double().eval()
    names = [name for name, _ in layer.named_parameters()]

    def loss(*values):
        return np.sum(nn.functional_call(layer, dict(zip(names, values, strict=True)), X.astype(float)) ** 3)

    check_grads(loss, [p.data for _, p in layer.named_parameters()], order=2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda layer: weight_norm(layer), ValueError, "weight_norm: Linear.weight is no parameter of its own"),
        (lambda layer: spectral_norm(layer), ValueError, "spectral_norm: Linear.weight is no parameter of its own"),
        (lambda layer: weight_norm(layer, "wieght"), ValueError, "weight_norm: Linear.wieght is no parameter"),
        (lambda layer: weight_norm(layer, "bias", 1), ValueError, "weight_norm: dim=1 of a Linear.bias"),
        (lambda layer: weight_norm(layer, "bias", -1), ValueError, "weight_norm: dim=-1 of a Linear.bias"),
        (lambda layer: weight_norm(layer, "bias", "0"), TypeError, "str"),
        (lambda layer: weight_norm([layer]), TypeError, "weight_norm: module is a list"),
        (lambda layer: spectral_norm(layer, "bias", 0), ValueError, "spectral_norm: n_power_iterations=0"),
        (lambda layer: spectral_norm(layer, "bias", eps=-1.0), ValueError, "spectral_norm: eps=-1"),
        (lambda layer: remove_spectral_norm(layer), ValueError, "spectral_norm does not compute Linear.weight"),
        (lambda layer: remove_weight_norm(layer, "bias"), ValueError, "weight_norm does not compute Linear.bias"),
        (lambda layer: setattr(layer, "weight", nn.Parameter(Y)), AttributeError, "from weight_g and weight_v; write"),
        (lambda layer: setattr(layer, "weight", None), AttributeError, "or call remove_weight_norm first"),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(call, error, message):
    layer = trained(linear("weight"))
    before, names = layer(X).data, [*layer.state_dict()]
    with pytest.raises(error, match=message):
        call(layer)
    np.testing.assert_array_equal(layer(X).data, before)
    assert [*layer.state_dict()] == names
    with pytest.raises(ValueError, match=r"its parameters are: bias, weight_g, weight_v$"):
        weight_norm(layer, "nothing")
