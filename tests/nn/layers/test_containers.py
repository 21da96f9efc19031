"""Sequential, and lists and dicts of modules and of parameters."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import Tensor, grad


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
        with pytest.raises(ValueError, match="cannot name an entry"):
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


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, (2, 3)]), st.sampled_from([None, 1]), st.booleans())
def test_relu_before_a_pooling_gives_the_same_bits_after_it(
    seed: int, kernel: int | tuple[int, int], stride: int | None, parts: bool
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, (2, 3, 6, 6)).astype(np.float32)  # with ties, also among what the ReLU sets to 0
    relu, pool = nn.ReLU(), nn.MaxPool2d(kernel, stride, dilation=1 + parts, ceil_mode=parts)
    results = []
    for forward in (nn.Sequential(relu, pool), lambda t: pool(relu(t))):
        t = Tensor(x, requires_grad=True)
        y = forward(t)
        weights = np.random.default_rng(0).normal(size=y.shape).astype(np.float32)
        (y * weights).sum().backward()
        results.append((y.data, t.grad))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_module_dict_is_a_dict():
    first, second = nn.Linear(2, 3, rng=0), nn.Linear(3, 1, rng=1)
    layers = nn.ModuleDict({"a": first, "b": second})
    assert len(layers) == 2
    assert list(layers) == list(layers.keys()) == ["a", "b"]
    assert list(layers.values()) == [first, second]
    assert list(layers.items()) == [("a", first), ("b", second)]
    assert layers["b"] is layers.b is second
    assert "a" in layers
    assert "c" not in layers
    assert 0 not in layers
    assert list(layers.state_dict()) == ["a.weight", "a.bias", "b.weight", "b.bias"]
    layers["c"] = nn.ReLU()
    layers["a"] = nn.Tanh()
    assert list(layers) == ["a", "b", "c"]
    assert repr(layers).startswith("ModuleDict(\n  (a): Tanh()\n  (b): Linear(")
    assert layers.pop("b") is second
    del layers["a"]
    layers.update([("d", nn.Tanh())])
    assert list(layers) == ["c", "d"]
    layers.clear()
    assert len(layers) == len(nn.ModuleDict()) == 0
    for use in (layers.__getitem__, layers.__delitem__, layers.pop):
        with pytest.raises(KeyError, match="ModuleDict has no entry 'a'; its keys are"):
            use("a")


def test_module_dict_is_trained_inside_a_model():
    class Model(nn.Module):
        def __init__(self):
            self.parts = nn.ModuleDict([["first", nn.Linear(2, 3, rng=0)], ["last", nn.Linear(3, 1, rng=1)]])

        def forward(self, x):
            for part in self.parts.values():
                x = part(x)
            return x

    model = Model()
    model(np.ones((4, 2))).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is not None] == list(model.state_dict())
    assert next(iter(model.state_dict())) == "parts.first.weight"


@pytest.mark.parametrize(
    ("entries", "error", "message"),
    [
        ({"a": nn.ReLU}, TypeError, "ModuleDict: entry a is the class ReLU; give instances"),
        ({"a": [nn.ReLU()]}, TypeError, "ModuleDict: entry a is a list"),
        ({1: nn.ReLU()}, TypeError, "ModuleDict: the key 1 is a int; give a string"),
        ({"a.b": nn.ReLU()}, ValueError, "ModuleDict: 'a.b' cannot name an entry"),
        ({"": nn.ReLU()}, ValueError, "ModuleDict: '' cannot name an entry"),
        ({"keys": nn.ReLU()}, ValueError, "ModuleDict: 'keys' cannot name an entry"),
        ({"training": nn.ReLU()}, ValueError, "ModuleDict: 'training' cannot name an entry"),
    ],
)
def test_module_dict_refuses_an_entry_and_stays_as_it_was(entries, error, message):
    layers = nn.ModuleDict({"kept": nn.Tanh()})
    for use in (nn.ModuleDict, layers.update, lambda entries: layers.update({"kept": nn.ReLU(), **entries})):
        with pytest.raises(error, match=message):
            use(entries)
    assert list(layers) == ["kept"]
    assert isinstance(layers["kept"], nn.Tanh)


def leaf(*shape):
    return Tensor(np.ones(shape), requires_grad=True)


def test_parameter_list_is_a_list():
    first, second, frozen = leaf(2), leaf(3), Tensor(np.ones(4))
    weights = nn.ParameterList([first, second])
    assert weights.append(frozen) is weights
    assert len(weights) == 3
    assert [id(p) for p in weights] == [id(p) for p in (first, second, frozen)]
    assert weights[-1] is frozen
    assert [id(p) for p in weights[1:]] == [id(second), id(frozen)]
    assert weights.extend(leaf(1) for _ in range(9)) is weights
    assert list(weights.state_dict()) == [str(i) for i in range(12)]
    weights[0] = leaf(5)
    assert [p.shape for p in weights][:2] == [(5,), (3,)]
    assert repr(nn.ParameterList([first, frozen])) == (
        "ParameterList(\n  (0): float64 of shape (2,)\n  (1): float64 of shape (4,)\n)  # 6 parameters (4 frozen)"
    )
    assert repr(nn.ParameterList()) == "ParameterList()"
    with pytest.raises(IndexError):
        weights[12]


def test_parameter_dict_is_a_dict():
    first, second = leaf(2), leaf(3)
    weights = nn.ParameterDict({"a": first})
    weights["b"] = second
    assert list(weights) == ["a", "b"]
    assert weights["b"] is weights.b is second
    assert [(key, id(p)) for key, p in weights.items()] == [("a", id(first)), ("b", id(second))]
    assert {key: array.shape for key, array in weights.state_dict().items()} == {"a": (2,), "b": (3,)}
    assert weights.pop("a") is first
    assert [id(p) for p in weights.parameters()] == [id(second)]
    weights.clear()
    assert list(weights.parameters()) == []


def test_parameters_in_containers_are_replaced_in_a_functional_call():
    class Model(nn.Module):
        def __init__(self):
            self.weights = nn.ParameterList([leaf(2), leaf(2)])
            self.named = nn.ParameterDict({"scale": leaf(2)})

        def forward(self, x):
            for w in self.weights[0:2]:
                x = x * w
            return x * self.named["scale"] + len(self.weights) + sum(p.size for p in self.named.values())

    model = Model()
    assert list(model.state_dict()) == ["weights.0", "weights.1", "named.scale"]
    params = {key: p.data * 2 for key, p in model.named_parameters()}
    gradients = grad(lambda params: nn.functional_call(model, params, np.ones(2)).sum())(params)
    assert {key: g.tolist() for key, g in gradients.items()} == {key: [4, 4] for key in params}
    assert [p.data.tolist() for p in model.parameters()] == [[1, 1]] * 3
    assert repr(copy.deepcopy(model)) == repr(model)
    assert "(weights): ParameterList(\n    (0): float64 of shape (2,)\n    (1): float64" in repr(model)


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (np.ones(2), "a ndarray"),
        (leaf(2) * 2, "the result of an operation"),
        (nn.ReLU(), "a ReLU"),
        (None, "a NoneType"),
        ([leaf(2)], "a list"),
    ],
)
def test_lists_and_dicts_of_parameters_take_parameters_alone(entry, what):
    weights, named = nn.ParameterList([leaf(1)]), nn.ParameterDict({"a": leaf(1)})
    for use in (
        lambda: weights.extend([leaf(2), entry]),
        lambda: weights.append(entry),
        lambda: weights.__setitem__(0, entry),
        lambda: named.update({"b": leaf(2), "c": entry}),
        lambda: named.__setitem__("a", entry),
        lambda: nn.ParameterDict({"a": entry}),
    ):
        with pytest.raises(TypeError, match=rf"Parameter(List|Dict): entry [012ac] is {what}; .*nn\.Parameter"):
            use()
    assert len(weights) == len(named) == 1


def test_state_keys_are_pytorchs():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.ModuleDict({"a": torch.nn.Linear(2, 3), "b": torch.nn.ModuleList([torch.nn.Linear(1, 1)])})
    ours = nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.ModuleList([nn.Linear(1, 1)])})
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs["w"] = torch.nn.ParameterDict({"x": torch.ones(2)})
    ours["w"] = nn.ParameterDict({"x": leaf(2)})
    assert list(ours.state_dict()) == list(theirs.state_dict())
