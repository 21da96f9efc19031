"""Sequential and ModuleList."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import Tensor


def test_sequential_is_a_sequence():
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.ReLU(), nn.Linear(3, 1, rng=1))
    assert len(model) == 3
    assert list(model) == [model[0], model[1], model[2]]
    assert model[-1] is model[2]
    assert model.append(nn.Tanh()) is model
    assert isinstance(model[3], nn.Tanh)
    part = model[1:3]
    assert isinstance(part, nn.Sequential)
    assert list(part.state_dict()) == ["2.weight", "2.bias"]
    assert part[1] is model[2]
    assert list(part.append(nn.Linear(1, 1)).state_dict())[2:] == ["3.weight", "3.bias"]
    assert len(model) == 4
    model[2] = nn.Linear(3, 5)
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert model(np.ones((1, 2))).shape == (1, 5)
    with pytest.raises(IndexError):
        model[4]


def test_sequential_of_nothing_returns_its_input():
    x = np.ones(3)
    assert nn.Sequential()(x) is x


def test_sequential_takes_names():
    model = nn.Sequential({"first": nn.Linear(2, 3, rng=0), "act": nn.ReLU()})
    assert list(model.state_dict()) == ["first.weight", "first.bias"]
    assert model.first is model[0]
    assert "(act): ReLU()" in repr(model)
    for name in ("forward", "training", "", "a.b"):
        with pytest.raises(ValueError, match="cannot name a module"):
            nn.Sequential({name: nn.ReLU()})


@pytest.mark.parametrize(
    ("entry", "what"),
    [(nn.ReLU, "the class ReLU"), (np.tanh, "a ufunc"), ([nn.ReLU()], "a list"), (None, "a NoneType")],
)
def test_containers_take_modules_alone(entry, what):
    for make in (
        lambda: nn.Sequential(nn.Tanh(), entry),
        lambda: nn.ModuleList([nn.Tanh(), entry]),
        lambda: nn.Sequential(nn.Tanh()).append(entry),
        lambda: nn.Sequential(nn.Tanh()).__setitem__(0, entry),
    ):
        with pytest.raises(TypeError, match=rf"(Sequential|ModuleList): entry [01] is {what}; give instances"):
            make()


def test_module_list_is_a_list():
    layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    assert len(layers) == 3
    assert layers.append(nn.ReLU()) is layers
    assert layers.extend([nn.Tanh()]) is layers
    assert isinstance(layers[-1], nn.Tanh)
    assert next(iter(layers[1:])) is layers[1]
    assert list(layers[1:].state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert len(list(layers.parameters())) == 6
    layers[0] = nn.ReLU()
    assert len(list(layers.parameters())) == 4
    with pytest.raises(NotImplementedError, match="ModuleList"):
        layers(np.ones(2))


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, (2, 3)]), st.sampled_from([None, 1]))
def test_relu_before_a_pooling_gives_the_same_bits_after_it(
    seed: int, kernel: int | tuple[int, int], stride: int | None
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, (2, 3, 6, 6)).astype(np.float32)  # with ties, also among what the ReLU sets to 0
    relu, pool = nn.ReLU(), nn.MaxPool2d(kernel, stride)
    results = []
    for forward in (nn.Sequential(relu, pool), lambda t: pool(relu(t))):
        t = Tensor(x, requires_grad=True)
        y = forward(t)
        weights = np.random.default_rng(0).normal(size=y.shape).astype(np.float32)
        (y * weights).sum().backward()
        results.append((y.data, t.grad))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])
