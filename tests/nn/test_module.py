import contextlib
import copy
import gc
import pickle
import re
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import Tensor, grad, no_grad, value_and_grad
from nn import functional as F
from nn import parameter


class Affine(nn.Module):
    """A module with parameters of its own, a child, a frozen parameter and a buffer."""

    def __init__(self, rng=0, dtype=np.float32):
        rng = np.random.default_rng(rng)
        self.scale = Tensor(rng.normal(size=3), requires_grad=True, dtype=dtype)
        self.linear = nn.Linear(3, 2, rng=rng, dtype=dtype)
        self.shift = nn.Parameter(rng.normal(size=3), requires_grad=False, dtype=dtype)
        self.register_buffer("calls", 0)

    def forward(self, x, mask=None):
        self.calls += 1
        self.hidden = np.tanh(x * self.scale + self.shift)
        return self.linear(self.hidden)


class Tied(nn.Module):
    def __init__(self):
        self.encoder = nn.Linear(3, 3, rng=0)
        self.decoder = nn.Linear(3, 3, rng=1)
        self.decoder.weight = self.encoder.weight

    def forward(self, x):
        return self.decoder(np.tanh(self.encoder(x)))


@st.composite
def models(draw):
    """Draw a Sequential for inputs (N, 4), nested, with and without biases and batch normalisation."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    layers, width = [], 4
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["linear", "norm", "nested", "plain"]))
        if kind == "linear":
            new = draw(st.integers(1, 5))
            layers.append(nn.Linear(width, new, bias=draw(st.booleans()), rng=rng))
            width = new
        elif kind == "norm":
            layers.append(nn.BatchNorm1d(width, affine=draw(st.booleans())))
        elif kind == "nested":
            layers.append(nn.Sequential({"body": nn.Linear(width, width, rng=rng), "tanh": nn.Tanh()}))
        else:
            layers.append(nn.Sigmoid())
    return nn.Sequential(*layers)


def snapshot(module):
    return {key: array.tobytes() for key, array in module.state_dict().items()}


# -- what is registered -----------------------------------------------------------------------------------------------


def test_what_is_assigned_decides_what_it_is():
    model = Affine()
    assert [name for name, _ in model.named_parameters()] == ["scale", "shift", "linear.weight", "linear.bias"]
    assert [name for name, _ in model.named_buffers()] == ["calls"]
    assert [name for name, _ in model.named_children()] == ["linear"]
    assert [name for name, _ in model.named_modules()] == ["", "linear"]
    assert list(model.children()) == [model.linear]
    assert list(model.modules()) == [model, model.linear]
    assert all(p is q for p, (_, q) in zip(model.parameters(), model.named_parameters(), strict=True))
    assert list(model.state_dict()) == ["scale", "shift", "calls", "linear.weight", "linear.bias"]
    assert not model.shift.requires_grad


@pytest.mark.parametrize("context", [contextlib.nullcontext, no_grad])
def test_what_forward_keeps_is_not_registered(context):
    model, keys = Affine(), list(Affine().state_dict())
    with context():
        model(np.ones((2, 3)))
    assert isinstance(model.hidden, Tensor)
    assert list(model.state_dict()) == keys


def test_a_frozen_models_results_are_not_registered_either():
    model = Affine().requires_grad_(False)
    model(np.ones((2, 3)))
    assert model.hidden.is_leaf
    assert "hidden" not in model.state_dict()


def test_a_parameter_made_by_the_first_call_is_registered():
    class Lazy(nn.Module):
        def forward(self, x):
            if not hasattr(self, "weight"):
                self.weight = Tensor(np.ones(x.shape[1]), requires_grad=True)
            return x * self.weight

    model = Lazy()
    model(np.ones((2, 3)))
    assert [p.shape for p in model.parameters()] == [(3,)]


def test_a_plain_tensor_is_a_constant_and_a_frozen_parameter_none():
    model = nn.Module()
    model.constant = Tensor([1.0])
    model.frozen = nn.Parameter([2.0], requires_grad=False)
    model.trained = Tensor([3.0], requires_grad=True)
    assert list(model.state_dict()) == ["frozen", "trained"]
    assert [isinstance(x, nn.Parameter) for x in (model.constant, model.frozen, model.trained)] == [False, True, True]
    assert not isinstance(model.trained * 2, nn.Parameter)
    assert not isinstance(np.ones(2), nn.Parameter)
    model.frozen.requires_grad = True
    model.trained.requires_grad = False
    assert list(model.state_dict()) == list(copy.deepcopy(model).state_dict()) == ["frozen", "trained"]
    with pytest.raises(
        TypeError, match=r"Module\.trained is a parameter, .*\(a constant\) cannot be one; .*nn\.Parameter"
    ):
        model.trained = Tensor([4.0])
    assert model.trained.data == [3.0]


def test_what_a_parameter_is_made_of_is_copied():
    array, tensor = np.ones(2, np.float32), Tensor(np.ones(2), requires_grad=True)
    for data, dtype in ((array, np.float32), (tensor, np.float64), (tensor * 2, np.float64), ([1, 2.0], np.float64)):
        made = nn.Parameter(data)
        assert made.is_leaf
        assert made.requires_grad
        assert made.dtype == dtype
        made.data += 1
    assert array.tolist() == tensor.data.tolist() == [1, 1]
    assert nn.Parameter([1.0], dtype=np.float16).dtype == np.float16
    with pytest.raises(TypeError, match="int64 cannot require a gradient"):
        nn.Parameter([1, 2])


def test_parameters_that_are_gone_are_forgotten():
    gc.collect()  # those that other tests have left in cycles
    before = len(parameter._made)
    made = [nn.Parameter([1.0]) for _ in range(50)]
    assert len(parameter._made) == before + 50
    del made
    assert len(parameter._made) == before


def test_results_of_operations_are_no_parameters():
    model = nn.Module()
    model.result = Tensor(np.ones(2), requires_grad=True) * 2
    assert not model.state_dict()
    layer = nn.Linear(2, 2)
    before = layer.weight
    for value in (layer.weight * 2, np.ones((2, 2)), nn.ReLU(), [1.0]):
        with pytest.raises(TypeError, match=r"Linear\.weight is a parameter"):
            layer.weight = value
    assert layer.weight is before


def test_a_parameter_can_be_replaced_dropped_and_deleted():
    layer = nn.Linear(2, 2)
    layer.weight = Tensor(np.ones((2, 2), np.float32), requires_grad=True)
    assert list(layer.state_dict()) == ["weight", "bias"]
    layer.bias = None
    assert list(layer.state_dict()) == ["weight"]
    np.testing.assert_array_equal(layer(np.ones((1, 2))).data, [[2, 2]])
    del layer.weight
    assert not layer.state_dict()
    layer.weight = "anything"


def test_freezing_keeps_a_parameter():
    layer = nn.Linear(2, 2)
    layer.weight.requires_grad = False
    assert list(layer.state_dict()) == ["weight", "bias"]
    layer(np.ones((3, 2))).sum().backward()
    assert layer.weight.grad is None
    assert layer.bias.grad is not None
    assert "(4 frozen)" in repr(layer)


@pytest.mark.parametrize(
    "container",
    [
        [nn.ReLU()],
        (nn.ReLU(), 1),
        {"a": nn.ReLU()},
        [Tensor([1.0], requires_grad=True)],
        {"a": [(nn.ReLU(),)]},
    ],
)
def test_a_plain_container_of_modules_or_parameters_is_refused(container):
    model = nn.Module()
    with pytest.raises(TypeError, match=r"Module\.parts is a .* neither trained nor saved; use nn\.ModuleList"):
        model.parts = container
    assert not hasattr(model, "parts")


def test_a_list_that_is_filled_later_is_refused_when_the_parameters_are_listed():
    model = nn.Module()
    model.parts = []
    model.parts.append(nn.Linear(2, 2))
    for listing in (lambda: list(model.parameters()), model.state_dict, lambda: nn.optim.SGD(model.parameters())):
        with pytest.raises(TypeError, match="ModuleList"):
            listing()


def test_containers_of_anything_else_are_fine():
    model = nn.Module()
    model.sizes, model.names, model.results = (1, 2), {"a": "b"}, [Tensor([1.0]), np.ones(2)]
    assert not model.state_dict()


def test_a_module_cannot_be_part_of_itself():
    model = nn.Sequential(nn.Sequential())
    with pytest.raises(ValueError, match="part of itself"):
        model[0].parent = model
    with pytest.raises(ValueError, match="part of itself"):
        model.me = model
    assert repr(model)


def test_buffers():
    module = nn.Module()
    given = np.arange(3.0)
    module.register_buffer("mean", given)
    given[:] = 7
    assert module.mean.tolist() == [0, 1, 2]
    module.mean = [1, 2, 3]
    assert isinstance(module.mean, np.ndarray)
    assert [b.tolist() for b in module.buffers()] == [[1, 2, 3]]
    module.register_buffer("nothing", None)
    assert list(module.state_dict()) == ["mean"]
    assert not list(module.parameters())
    for name in ("mean", "forward", "a.b", ""):
        with pytest.raises(ValueError, match="register_buffer"):
            module.register_buffer(name, 1.0)
    module.tracked = Tensor([1.0], requires_grad=True)
    assert [n for n, _ in module.named_parameters()] == ["tracked"]
    del module.mean, module.tracked
    assert not module.state_dict()


NO_NUMBERS = [nn.ReLU(), nn.Sequential(nn.ReLU()), nn.ReLU, "text", b"text", ["a"], {"a": 1}, [[1.0], [2.0, 3.0]]]
NO_NUMBERS += [np.array([1, None]), np.array(["a"]), np.array(["2020-01-01"], "M8[D]"), print]


@pytest.mark.parametrize("value", [*NO_NUMBERS, Tensor([1.0], True), Tensor([1.0], True) * 2])
def test_what_holds_no_numbers_is_refused_as_a_buffer(value):
    module = nn.Module()
    with pytest.raises(TypeError, match=r"Module\.mean is a buffer, .* no array of numbers"):
        module.register_buffer("mean", value)
    assert not hasattr(module, "mean")
    module.register_buffer("mean", np.zeros(2))
    before = module.mean
    with pytest.raises(TypeError, match=r"Module\.mean is a buffer, .* del module\.mean"):
        module.mean = value
    assert module.mean is before
    del module.mean
    module.mean = 1.0
    assert not module.state_dict()


@pytest.mark.parametrize("value", [1, 2.5, True, 1j, [1, 2], np.float32(3), np.arange(3), Tensor([1.0]), None])
def test_numbers_are_taken_as_a_buffer(value):
    module = nn.Module()
    module.register_buffer("mean", value)
    module.mean = value
    assert list(module.state_dict()) == ([] if value is None else ["mean"])


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_tensor_is_refused_as_a_parameter(value):
    layer = nn.Linear(2, 2)
    before = layer.weight
    with pytest.raises(TypeError, match=r"Linear\.weight is a parameter"):
        layer.weight = value
    assert layer.weight is before


@pytest.mark.parametrize("value", ["text", 1.0, np.ones(2), Tensor([1.0], True) * 2, [1], print])
def test_a_part_is_not_lost_to_what_takes_its_name(value):
    model = nn.Module()
    model.part = before = nn.Linear(2, 2)
    with pytest.raises(TypeError, match=r"Module\.part is a module, .* neither trained nor saved"):
        model.part = value
    assert model.part is before
    model.part = nn.ReLU()
    model.part = None
    assert not list(model.modules())[1:]
    model.part = "anything"


class Bare(nn.Module):
    pass


class Described:
    def __init__(self, text):
        self.text = text


class Mixed(nn.Module, Described):
    pass


@pytest.mark.parametrize(
    ("kind", "args", "kwargs", "error"),
    [
        (nn.CrossEntropyLoss, (), {"weights": [1, 2]}, r"CrossEntropyLoss(weights=[1, 2]): got an unexpected keyword"),
        (nn.MSELoss, (False,), {}, "MSELoss(False): too many positional arguments"),
        (nn.Linear, (2, 3, True, "cpu"), {}, "Linear(2, 3, True, 'cpu'): too many positional arguments"),
        (nn.Linear, (2,), {}, "Linear(2): missing a required argument: 'out_features'"),
        (nn.Dropout, (0.5,), {"rate": True}, "Dropout(0.5, rate=True): got an unexpected keyword"),
    ],
)
def test_arguments_that_a_class_does_not_take_are_named(kind, args, kwargs, error):
    """The class that was called is named, also where a base class defines `__init__`, with what it takes instead."""
    with pytest.raises(TypeError, match=rf"^{re.escape(error)}.*; {kind.__name__} takes \(\*?"):
        kind(*args, **kwargs)


@pytest.mark.parametrize("kind", [Bare, nn.Module, nn.Sigmoid, nn.Tanh])
def test_a_class_without_init_takes_no_arguments(kind):
    name = kind.__name__
    for args, kwargs in (((5,), {}), ((np.zeros(9999), 1), {}), ((), {"size": 5}), ((1,), {"inplace": True})):
        with pytest.raises(
            TypeError, match=rf"^{name}\(.*\): {name} takes no arguments, .*; write {name}\(\)"
        ) as error:
            kind(*args, **kwargs)
        assert len(str(error.value)) < 200
    with pytest.raises(TypeError, match=rf"{name}\(inplace=True\): .* returns a new tensor"):
        kind(inplace=True)
    assert isinstance(kind(), kind)


def test_an_init_that_another_base_brings_takes_its_arguments():
    assert Mixed("a").text == Mixed(text="a").text == "a"
    assert copy.deepcopy(Mixed("a")).text == pickle.loads(pickle.dumps(Mixed("a"))).text == "a"


def test_a_subclass_has_private_names_for_itself():
    class Private(Affine):
        def __init__(self):
            super().__init__()
            for name in ("take", "taken", "dtype", "tree", "entries", "buffer", "refuse_container", "count", "kind"):
                setattr(self, f"_{name}", np.float64)

    model, plain = Private(), Affine()
    np.testing.assert_array_equal(model(np.ones((2, 3))).data, plain(np.ones((2, 3))).data)
    assert list(model.state_dict()) == list(plain.state_dict())
    assert model.hidden.dtype == np.float32


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        nn.Module()(1)


# -- shared parameters ------------------------------------------------------------------------------------------------


def test_a_shared_parameter_is_listed_once_and_saved_under_each_name():
    model = Tied()
    assert [n for n, _ in model.named_parameters()] == ["encoder.weight", "encoder.bias", "decoder.bias"]
    assert len(model.state_dict()) == 4
    assert repr(model).endswith(")  # 15 parameters")
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), model.astype(np.float64)):
        assert other.encoder.weight is other.decoder.weight
        assert other.encoder.weight is not model.encoder.weight


def test_a_shared_parameter_gathers_both_gradients():
    model, x = Tied().astype(np.float64), np.random.default_rng(0).normal(size=(4, 3))
    model(x).sum().backward()

    untied = nn.Sequential(copy.deepcopy(model.encoder), nn.Tanh(), copy.deepcopy(model.decoder))
    untied(x).sum().backward()
    np.testing.assert_allclose(model.encoder.weight.grad, untied[0].weight.grad + untied[2].weight.grad)


def test_a_shared_module_is_listed_once():
    layer = nn.Linear(3, 3)
    model = nn.Sequential(layer, nn.Tanh(), layer)
    assert [n for n, _ in model.named_modules()] == ["", "0", "1"]
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert len(list(model.parameters())) == 2
    assert len(nn.optim.SGD(model.parameters()).param_groups[0]["params"]) == 2


# -- state dicts ------------------------------------------------------------------------------------------------------


@given(models(), st.integers(0, 2**32 - 1))
def test_state_dicts_go_round(model, seed):
    x = np.random.default_rng(seed).normal(size=(5, 4))
    other = copy.deepcopy(model)
    model(x)  # moves running statistics
    for p in model.parameters():
        p.data += np.float32(1)
    state = model.state_dict()
    assert other.load_state_dict(state) == ([], [])
    assert snapshot(other) == snapshot(model)
    np.testing.assert_array_equal(_data(other.eval()(x)), _data(model.eval()(x)))
    for array in state.values():  # copies, both ways
        array[...] = 99
    assert snapshot(other) == snapshot(model)
    assert all((array != 99).all() for array in model.state_dict().values())


def _data(value):
    return value.data if isinstance(value, Tensor) else value


@given(models(), st.data())
def test_a_state_dict_that_does_not_fit_changes_nothing(model, data):
    model = nn.Sequential(nn.Linear(4, 4), model)
    before, state = snapshot(model), {key: array + 1 for key, array in model.state_dict().items()}
    key = data.draw(st.sampled_from(sorted(state)))
    fault = data.draw(st.sampled_from(["missing", "unexpected", "shape", "kind"]))
    if fault == "missing":
        del state[key]
    elif fault == "unexpected":
        state[f"{key}.x"] = np.ones(1)
    elif fault == "shape":
        state[key] = np.ones((*state[key].shape, 2), state[key].dtype)
    else:
        state[key] = state[key].astype(complex)
    with pytest.raises(ValueError, match=r"Sequential\.load_state_dict: .*" + key.replace(".", r"\.")):
        model.load_state_dict(state)
    assert snapshot(model) == before


def test_all_that_does_not_fit_is_listed():
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    state = {"0.weight": np.ones((2, 4)), "2.weight": np.ones((1, 2), int), "2.bias": np.ones(2), "3.x": 1, "3.y": 2}
    with pytest.raises(ValueError, match="missing keys") as error:
        model.load_state_dict(state)
    text = str(error.value)
    assert "missing keys: 0.bias;" in text
    assert "unexpected keys: 3.x, 3.y;" in text
    assert "0.weight is (2, 3) here and (2, 4) there, 2.bias is (1,) here and (2,) there" in text
    assert "2.weight is float32 here and int64 there" in text


def test_load_state_dict_not_strict():
    model = nn.Sequential(nn.Linear(3, 2, rng=0), nn.Linear(2, 1, rng=0))
    before = model.state_dict()
    keys = model.load_state_dict({"0.weight": np.ones((2, 3)), "head": np.ones(1)}, strict=False)
    assert keys.missing_keys == ["0.bias", "1.weight", "1.bias"]
    assert keys.unexpected_keys == ["head"]
    assert (model[0].weight.data == 1).all()
    assert model[0].weight.dtype == np.float32
    np.testing.assert_array_equal(model[1].weight.data, before["1.weight"])
    with pytest.raises(ValueError, match="shapes differ"):
        model.load_state_dict({"0.weight": np.ones((3, 2))}, strict=False)


def test_load_state_dict_takes_tensors_and_the_modules_own_memory():
    model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=1))
    before = model.state_dict()
    swapped = {f"{1 - int(key[0])}{key[1:]}": p for key, p in model.named_parameters()}
    model.load_state_dict(swapped)
    for key, array in before.items():
        np.testing.assert_array_equal(model.state_dict()[f"{1 - int(key[0])}{key[1:]}"], array)


def test_load_state_dict_between_forward_and_backward_is_noticed():
    model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Linear(2, 1, rng=0))
    loss = model(np.ones((3, 2))).sum()
    model.load_state_dict(model.state_dict())
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_a_buffer_loaded_between_forward_and_backward_leaves_the_gradient_right():
    class Factor(nn.Module):
        def __init__(self):
            self.register_buffer("factor", np.array([2.0, 3.0]))

        def forward(self, x):
            return x * self.factor

    model, x = Factor(), Tensor([1.0, 1.0], requires_grad=True)
    y = model(x).sum()
    model.load_state_dict({"factor": np.array([100.0, 100.0])})
    y.backward()
    assert x.grad.tolist() == [2, 3]
    assert model.factor.tolist() == [100, 100]


def test_deepcopy_and_pickle_give_independent_models():
    model = Affine()
    model(np.ones((2, 3)))
    del model.hidden
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert snapshot(other) == snapshot(model)
        assert [p.requires_grad for p in other.parameters()] == [p.requires_grad for p in model.parameters()]
        other.scale.data += np.float32(1)
        other(np.ones((2, 3)))
        assert model.scale.data[0] != other.scale.data[0]
        assert model.calls == 1
        other.extra = Tensor(1.0)
        assert "extra" not in model.state_dict()


def test_astype_copies_into_another_dtype():
    model = nn.Sequential(nn.Linear(3, 2, rng=0), nn.BatchNorm1d(2))
    model[0].bias.requires_grad = False
    other = model.astype(np.float64)
    assert {a.dtype.name for a in other.state_dict().values()} == {"float64", "int64"}
    assert [p.requires_grad for p in other.parameters()] == [True, False, True, True]
    assert other(np.ones((4, 3))).dtype == np.float64
    assert {p.dtype.name for p in model.parameters()} == {"float32"}
    for key, array in model[0].state_dict().items():
        np.testing.assert_array_equal(array, other[0].state_dict()[key])
    with pytest.raises(TypeError, match="astype: int64 is not floating"):
        model.astype(np.int64)


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_to_changes_the_dtype_in_place(dtype):
    model = nn.Sequential(nn.Linear(3, 2, rng=0), nn.BatchNorm1d(2))
    model[0].bias.requires_grad = False
    optimizer = nn.optim.SGD(model.parameters(), lr=0.5)
    parameters, before = list(model.parameters()), model.state_dict()
    model(np.ones((4, 3))).sum().backward()
    gradient = model[0].weight.grad
    assert model.to(dtype) is model
    assert all(p is q for p, q in zip(model.parameters(), parameters, strict=True))
    assert [p.requires_grad for p in parameters] == [True, False, True, True]
    assert {a.dtype.name for a in model.state_dict().values()} == {np.dtype(dtype).name, "int64"}
    assert model[0].weight.grad.dtype == dtype
    np.testing.assert_array_equal(model[0].weight.grad, gradient.astype(dtype))
    np.testing.assert_array_equal(model[0].weight.data, before["0.weight"].astype(dtype))
    optimizer.zero_grad()
    model(np.eye(4, 3)).sum().backward()
    assert model[0].weight.grad.dtype == dtype
    optimizer.step()
    model[0].bias.requires_grad = True
    out = model(np.ones((4, 3)))
    out.sum().backward()
    assert out.dtype == model[0].bias.grad.dtype == dtype


def test_a_parameter_whose_dtype_has_changed_is_the_leaf_of_what_was_recorded_and_keeps_its_hooks():
    layer, calls = nn.Linear(3, 2, rng=0), []
    layer.weight.register_hook(lambda g: (calls.append(g.dtype), g * 2)[1])
    out, twice = layer(np.ones((4, 3))), layer.weight * 2
    frozen = layer.bias
    frozen.requires_grad = False
    layer.double()
    frozen.requires_grad = True
    (out.sum() + (twice * layer.weight).sum()).backward()
    np.testing.assert_allclose(layer.weight.grad, 2 * (4 + 4 * layer.weight.data), rtol=1e-6)
    assert frozen.grad.tolist() == [4, 4]
    assert layer.weight.grad.dtype == frozen.grad.dtype == calls[0] == np.float64


def test_a_frozen_parameter_is_one_in_another_module_too():
    encoder = nn.Linear(2, 2).requires_grad_(False)
    for copied in (lambda m: m, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), copy.copy):  # made in turn
        model, other = copied(encoder), nn.Module()
        other.w = model.weight
        assert list(other.state_dict()) == ["w"]
        assert list(nn.ParameterList([model.weight]).state_dict()) == ["0"]
        assert isinstance(model.weight, nn.Parameter)


def test_the_only_device_is_the_cpu():
    model = nn.Linear(3, 2)

    class Device:
        type = "cpu"

    for same in (
        model.to("cpu"),
        model.to(Device()),
        model.to(device="cpu"),
        model.to(dtype=np.float32),
        model.float(),
    ):
        assert same is model
        assert model.weight.dtype == np.float32
    assert model.to("cpu", dtype="float64").weight.dtype == np.float64
    assert model.half().weight.dtype == np.float16
    for device in ("cuda", "cuda:0", "mps"):
        with pytest.raises(ValueError, match=rf"Linear\.to: there is no device '{device}'"):
            model.to(device)
    with pytest.raises(TypeError, match=r"Linear\.to: int64 is not floating"):
        model.to(np.int64)


# -- parts by their paths ---------------------------------------------------------------------------------------------


def test_parts_are_found_by_their_paths():
    model = nn.Sequential(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)), nn.ReLU())
    assert model.get_submodule("") is model
    assert model.get_submodule("0.1") is model[0][1]
    assert model.get_parameter("0.0.weight") is model[0][0].weight
    assert model.get_buffer("0.1.running_mean") is model[0][1].running_mean
    for call, target in ((model.get_submodule, "2"), (model.get_parameter, "0.0"), (model.get_buffer, "0.0.weight")):
        with pytest.raises(AttributeError, match=re.escape(f"({target!r}): there is no such ")):
            call(target)


def test_parts_and_parameters_are_added_under_names():
    model = nn.Module()
    model.add_module("0", nn.Linear(2, 1))
    model.register_module("head", None)
    model.register_parameter("scale", nn.Parameter([1.0]))
    model.register_parameter("shift", None)
    assert list(model.state_dict()) == ["scale", "0.weight", "0.bias"]
    assert model.head is None
    assert model.shift is None
    for name in ("0", "a.b", "", "forward"):
        with pytest.raises(ValueError, match="add_module"):
            model.add_module(name, nn.ReLU())
    with pytest.raises(TypeError, match="is no module"):
        model.add_module("x", [nn.ReLU()])
    for wrong in (np.ones(2), Tensor([1.0]), nn.Parameter([1.0]) * 2):
        with pytest.raises(TypeError, match="is no parameter"):
            model.register_parameter("x", wrong)
    with pytest.raises(ValueError, match="register_parameter"):
        model.register_parameter("scale", nn.Parameter([1.0]))


def test_a_buffer_that_passes_is_not_saved():
    model = nn.Module()
    model.register_buffer("mask", np.ones(2), persistent=False)
    model.register_buffer("mean", np.zeros(2))
    assert list(model.state_dict()) == ["mean"]
    assert [name for name, _ in model.named_buffers()] == ["mask", "mean"]
    assert model.load_state_dict({"mean": np.ones(2)}) == ([], [])
    assert copy.deepcopy(model).astype(np.float32).mask.dtype == np.float32
    with pytest.raises(TypeError, match="buffer"):
        model.mask = "text"
    del model.mask
    model.register_buffer("mask", np.ones(3))
    assert list(model.state_dict()) == ["mean", "mask"]


# -- hooks ------------------------------------------------------------------------------------------------------------


def test_hooks_see_and_change_what_goes_in_and_comes_out():
    model, seen = nn.Sequential(nn.Linear(3, 2, rng=0), nn.ReLU()), []
    x = np.ones((4, 3))
    plain = model(x).data
    pre = model[0].register_forward_pre_hook(lambda module, args: seen.append((module, args[0].dtype)))
    post = model[0].register_forward_hook(lambda module, args, out: seen.append((module, args[0] is x, out.shape)))
    np.testing.assert_array_equal(model(x).data, plain)
    assert seen == [(model[0], np.float32), (model[0], False, (4, 2))]
    pre.remove()
    post.remove()
    post.remove()
    del seen[:]
    model(x)
    assert not seen
    with model[0].register_forward_pre_hook(lambda module, args: args[0] * 0):
        np.testing.assert_array_equal(model(x).data, model(x * 0).data)
    with model.register_forward_pre_hook(lambda module, args: (args[0] * 2,)):
        doubled = model(x).data
    np.testing.assert_array_equal(doubled, model(x * 2).data)
    with model.register_forward_hook(lambda *_: "something else"):
        assert model(x) == "something else"
    with model.register_forward_hook(lambda m, a, y: y + 1), model.register_forward_hook(lambda m, a, y: y * 2):
        np.testing.assert_array_equal(model(x).data, (plain + 1) * 2)
    with pytest.raises(TypeError, match="a hook is a function"):
        model.register_forward_hook(None)


def test_hooks_are_copied_and_do_not_change_a_module_otherwise():
    model, seen = nn.Linear(3, 2, rng=0), []
    keys = list(model.state_dict())
    handle = model.register_forward_hook(lambda *_: seen.append(1))
    other = copy.deepcopy(model)
    other(np.ones(3))
    handle.remove()
    model(np.ones(3))
    assert seen == [1]
    other(np.ones(3))
    assert seen == [1, 1]
    assert list(other.state_dict()) == keys


def test_a_compiled_step_notices_hooks():
    model = nn.Linear(3, 2, rng=0)
    step = nn.compile_step(model, nn.MSELoss(), nn.optim.SGD(model.parameters(), lr=0.0))
    x, y = np.ones((4, 3), np.float32), np.zeros((4, 2), np.float32)
    losses = [step(x, y) for _ in range(4)]
    with model.register_forward_hook(lambda module, args, out: out * 2):
        hooked = [step(x, y) for _ in range(4)]
    assert {float(v) for v in hooked} == {float(losses[0] * 4)}
    assert float(step(x, y)) == float(losses[0])


# -- modes ------------------------------------------------------------------------------------------------------------


def test_train_and_eval_reach_every_part():
    model = nn.Sequential(nn.Dropout(), nn.ModuleList([nn.Dropout()]))
    assert all(m.training for m in model.modules())
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    assert all(m.training for m in model.train().modules())


def test_zero_grad_and_requires_grad_():
    model = Affine()
    model(np.ones((2, 3))).sum().backward()
    assert model.scale.grad is not None
    model.zero_grad(set_to_none=False)
    assert [None if p.grad is None else abs(p.grad).max() for p in model.parameters()] == [0, None, 0, 0]
    assert model.scale.grad.dtype == np.float32
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    assert model.requires_grad_(False) is model
    assert not any(p.requires_grad for p in model.parameters())
    assert all(p.requires_grad for p in model.requires_grad_().parameters())


@pytest.mark.parametrize("value", [True, False])
def test_freezing_by_an_attribute_is_refused(value):
    model = Affine()
    with pytest.raises(AttributeError, match=rf"Affine\.requires_grad = {value} .*; call requires_grad_\({value}\)"):
        model.requires_grad = value
    assert not hasattr(model, "requires_grad")


def test_apply_visits_parts_before_the_whole():
    model, seen = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU())), []
    assert model.apply(lambda m: seen.append(type(m).__name__)) is model
    assert seen == ["Linear", "ReLU", "Sequential", "Sequential"]


def test_repr_shows_the_structure_and_counts():
    assert repr(Affine()) == (
        "Affine(\n  (linear): Linear(in_features=3, out_features=2, bias=True)  # 8 parameters\n"
        ")  # 14 parameters (3 frozen)"
    )
    assert repr(nn.Sequential(nn.Sequential(nn.Linear(1, 1, bias=False)), nn.Dropout(0.2))) == (
        "Sequential(\n  (0): Sequential(\n"
        "    (0): Linear(in_features=1, out_features=1, bias=False)  # 1 parameter\n  )  # 1 parameter\n"
        "  (1): Dropout(p=0.2, inplace=False)\n)  # 1 parameter"
    )
    assert repr(nn.ReLU()) == "ReLU()"
    assert "784, 256" not in repr(nn.Linear(784, 256))
    assert "200,960" in repr(nn.Linear(784, 256))


# -- what it is called with -------------------------------------------------------------------------------------------


def test_a_floating_array_is_taken_into_the_models_dtype():
    class Echo(nn.Module):
        def __init__(self):
            self.inner = nn.Linear(1, 1)

        def forward(self, *args, **kwargs):
            return args, kwargs

    given, labels, tensor = np.ones(2), np.array([1, 2]), Tensor(np.ones(2))
    args, kwargs = Echo()(given, labels, tensor, "text", mask=given)
    assert args[0].dtype == args[2].dtype == kwargs["mask"].dtype == np.float32
    assert args[1] is labels
    assert isinstance(args[2], Tensor)
    assert args[3] == "text"
    single = np.ones(2, np.float32)
    assert Echo()(single)[0][0] is single


def test_a_float64_array_trains_a_float32_model_in_float32():
    model = Affine()
    x = np.random.default_rng(0).normal(size=(4, 3))
    out = model(x)
    out.sum().backward()
    assert out.dtype == model.hidden.dtype == model.scale.grad.dtype == np.float32


# -- functional_call --------------------------------------------------------------------------------------------------


@given(models(), st.integers(0, 2**32 - 1))
def test_functional_call_is_a_call(model, seed):
    rng = np.random.default_rng(seed)
    model, x = nn.Sequential(nn.Linear(4, 4, rng=rng), model), rng.normal(size=(5, 4))
    other = copy.deepcopy(model)
    for p in other.parameters():
        p.data = rng.normal(size=p.shape)
    before = snapshot(model)
    expected = other(x)
    for params in (dict(other.named_parameters()), {key: p.data for key, p in other.named_parameters()}):
        np.testing.assert_array_equal(nn.functional_call(model, params, x).data, expected.data)
        assert snapshot(model) == before

    def loss(params):
        return np.sum(nn.functional_call(model, params, x) ** 2)

    value, gradient = value_and_grad(loss)(dict(other.named_parameters()))
    total = np.sum(other(x) ** 2)
    total.backward()
    assert value.item() == total.item()
    assert list(gradient) == [name for name, _ in other.named_parameters()]
    for key, p in other.named_parameters():
        np.testing.assert_array_equal(gradient[key].data, p.grad)
    assert snapshot(model) == before
    assert all(p.grad is None for p in model.parameters())


def test_functional_call_takes_some_parameters_buffers_and_keywords():
    model, x = Affine(), np.ones((2, 3))
    expected = model(x).data
    assert model.calls == 1
    np.testing.assert_array_equal(nn.functional_call(model, {}, x=x, mask=None).data, expected)
    changed = nn.functional_call(model, {"scale": np.zeros(3, np.float32), "calls": 7}, x).data
    assert not np.array_equal(changed, expected)
    assert model.calls == 1


def test_functional_call_leaves_nothing_behind_also_when_it_fails():
    class Failing(Affine):
        def forward(self, x, mask=None):
            super().forward(x)
            self.extra = Tensor([1.0], requires_grad=True)
            raise KeyError("inside")

    model = Failing()
    before, values = snapshot(model), list(vars(model).items())
    with pytest.raises(KeyError, match="inside"):
        nn.functional_call(model, {"scale": np.ones(3, np.float32)}, np.ones((2, 3)))
    assert snapshot(model) == before
    assert [(k, id(v)) for k, v in vars(model).items()] == [(k, id(v)) for k, v in values]


def test_functional_call_replaces_a_shared_parameter_everywhere():
    model, x = Tied(), np.random.default_rng(0).normal(size=(4, 3))
    w = np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32)
    other = copy.deepcopy(model)
    other.encoder.weight.data = w
    for key in ("encoder.weight", "decoder.weight"):
        np.testing.assert_array_equal(nn.functional_call(model, {key: w}, x).data, other(x).data)
    np.testing.assert_array_equal(nn.functional_call(model, other.state_dict(), x).data, other(x).data)
    with pytest.raises(ValueError, match=r"decoder\.weight is shared"):
        nn.functional_call(model, {"encoder.weight": w, "decoder.weight": w + 1}, x)
    with pytest.raises(ValueError, match="is shared"):
        grad(lambda p: np.sum(nn.functional_call(model, p, x)))({"encoder.weight": w, "decoder.weight": w})
    gradient = grad(lambda p: np.sum(nn.functional_call(other, p, x)))(dict(other.named_parameters()))
    other(x).sum().backward()
    np.testing.assert_array_equal(gradient["encoder.weight"].data, other.encoder.weight.grad)


def test_functional_call_refuses_what_does_not_fit():
    model, x = nn.Linear(3, 2), np.ones((1, 3))
    with pytest.raises(
        KeyError, match=r"functional_call\(Linear\): unexpected keys: w; the module's are: weight, bias"
    ):
        nn.functional_call(model, {"w": np.ones((2, 3))}, x)
    with pytest.raises(ValueError, match=r"weight has shape \(2, 3\), and was given shape \(3, 2\)"):
        nn.functional_call(model, {"weight": np.ones((3, 2))}, x)
    with pytest.raises(TypeError, match=r"functional_call\(Linear\): the first argument for the module is a tuple;"):
        nn.functional_call(model, {}, (x,))


def test_functional_call_is_differentiable_twice():
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Tanh(), nn.Linear(3, 1, rng=1)).astype(np.float64)
    params, x = dict(model.named_parameters()), np.ones((4, 2))

    def loss(params):
        return F.mse_loss(nn.functional_call(model, params, x), np.zeros((4, 1)))

    def squared_norm(params):
        return sum(np.sum(g**2) for g in grad(loss)(params).values())

    second, step = grad(squared_norm)(params)["0.weight"].data, 1e-6
    for i in np.ndindex(3, 2):
        ends = []
        for sign in (1, -1):
            moved = {key: p.data.copy() for key, p in params.items()}
            moved["0.weight"][i] += sign * step
            ends.append(float(squared_norm(moved)))
        np.testing.assert_allclose(second[i], (ends[0] - ends[1]) / (2 * step), rtol=1e-6, atol=1e-9)


# -- memory and threads -----------------------------------------------------------------------------------------------


def test_a_model_is_freed_without_the_garbage_collector():
    gc.disable()
    try:
        model = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5, rng=0))
        model(np.ones((4, 3))).sum().backward()
        nn.functional_call(model, dict(model.named_parameters()), np.ones((4, 3)))
        gone = [weakref.ref(model), weakref.ref(model[0]), weakref.ref(model[0].weight)]
        del model
        assert [ref() for ref in gone] == [None] * 3
    finally:
        gc.enable()
