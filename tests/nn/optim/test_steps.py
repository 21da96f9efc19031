"""Optimisers that are held step by step against PyTorch's: recorded steps everywhere, random ones where it is there.

Each option has a case of its own that is not what it would be without. Besides: state dicts there and here, options
that are turned on or off between steps, compiled steps, and what is refused.
"""

import json
import math
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import Tensor
from nn import optim
from tests.nn.optim.steps import (
    CASES,
    OPTIONS,
    STEPS,
    VALUES,
    Steps,
    advance,
    double_precision,
    numbers,
    ours,
    pytorchs,
    random_cases,
    remembered,
)  # fmt: skip

DIGITS = {"float64": 1e-12, "float32": 2e-5}

LEAF = Tensor([1.0], requires_grad=True)

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each_in_double = pytest.mark.parametrize(("name", "options"), OPTIONS)


@cache
def recorded():
    return json.loads(VALUES.read_text())


def check_close(found, expected, dtype):
    np.testing.assert_allclose(found, expected, rtol=DIGITS[dtype], atol=DIGITS[dtype] / 10)


def check_remembered(found, expected, dtype):
    assert found.keys() == expected.keys()
    for number, entries in expected.items():
        assert [*found[number]] == [*entries]
        for key, value in entries.items():
            check_close(found[number][key], value, dtype)


@each_case
def test_steps_and_what_is_remembered_are_pytorchs(case):
    parameters, optimizer = ours(case)
    memory = [p.data for p in parameters]
    check_close(advance(case, parameters, optimizer), recorded()[case.name]["steps"], case.dtype)
    check_remembered(remembered(optimizer), recorded()[case.name]["remembered"], case.dtype)
    for p, array in zip(parameters, memory, strict=True):
        assert p.data is array  # in place
        assert array.dtype == case.dtype
        for value in optimizer.state[p].values():
            assert type(value) in (int, float) or value.dtype == case.dtype


def test_every_option_changes_the_steps():
    ends = {case.name: recorded()[case.name]["steps"][-1] for case in CASES if case.dtype == "float64"}
    assert len({tuple(end) for end in ends.values()}) == len(ends)
    for name in ("RMSprop", "Adagrad", "NAdam"):
        given = {key for other, options in OPTIONS for key in options if other == name}
        assert given == {*getattr(optim, name)([LEAF]).defaults}


@each_in_double
def test_a_state_dict_of_pytorch_goes_on(name, options):
    case = Steps(name, options)
    parameters, optimizer = ours(case)
    found = recorded()[case.name]
    for p, x in zip(parameters, (found["steps"][2][:3], found["steps"][2][3]), strict=True):
        p.data = np.array(x)
    own = optimizer.state_dict()["param_groups"]
    state = {int(number): entries for number, entries in found["saved"]["state"].items()}
    optimizer.load_state_dict({**found["saved"], "state": state})
    check_close(advance(case, parameters, optimizer, 3), found["steps"][3:], case.dtype)
    assert optimizer.state_dict()["param_groups"] == own


@each_in_double
def test_a_state_dict_goes_on(name, options):
    case = Steps(name, options)
    parameters, optimizer = ours(case)
    advance(case, parameters, optimizer, 0, 3)
    others = [Tensor(p.data, requires_grad=True) for p in parameters]
    other = getattr(optim, name)([{"params": p} for p in others])
    other.load_state_dict(optimizer.state_dict())
    assert advance(case, others, other, 3) == advance(case, parameters, optimizer, 3)
    assert remembered(other) == remembered(optimizer)


@pytest.mark.parametrize(
    ("name", "option", "value", "key"),
    [
        ("RMSprop", "momentum", 0.9, "momentum_buffer"),
        ("RMSprop", "centered", True, "grad_avg"),
        ("Adam", "amsgrad", True, "max_exp_avg_sq"),
        ("AdamW", "amsgrad", True, "max_exp_avg_sq"),
    ],
)
def test_an_option_between_steps(name, option, value, key):
    """Turned on, it begins with zeros; turned off, what it remembered stays, and makes no difference."""
    case = Steps(name, {"lr": 0.1, "eps": 0.1})
    parameters, optimizer = ours(case)
    advance(case, parameters, optimizer, 0, 2)
    start = numbers(parameters)
    state = optimizer.state_dict()
    for group in optimizer.param_groups:
        group[option] = value
    for entries in state["state"].values():
        entries[key] = np.zeros_like(entries[next(name for name in entries if name != "step")])
    for group in state["param_groups"]:
        group[option] = value
    others, other = ours(case)
    for p, x in zip(others, (start[:3], start[3]), strict=True):
        p.data = np.array(x)
    other.load_state_dict(state)
    assert advance(case, parameters, optimizer, 2, 4) == advance(case, others, other, 2, 4)
    for group in (*optimizer.param_groups, *other.param_groups):
        group[option] = type(value)()
    for entries in other.state.values():
        del entries[key]
    assert advance(case, parameters, optimizer, 4) == advance(case, others, other, 4)
    fresh = ours(case)[1]
    fresh.load_state_dict(optimizer.state_dict())
    assert key in remembered(fresh)["0"]


def test_a_variance_that_rounding_makes_negative_counts_as_zero():
    """After many equal gradients there is nothing but rounding left of it."""
    p = Tensor(np.full(50, 0.3), requires_grad=True, dtype=np.float32)
    optimizer = optim.RMSprop([p], lr=1e-3, alpha=0.5, eps=1.0, centered=True)
    for _ in range(60):
        p.grad = np.linspace(0.1, 3.0, 50)
        optimizer.step()
        assert np.isfinite(p.data).all()


def test_state_dicts_from_before_an_option_was_there():
    for name, option in (("Adam", "amsgrad"), ("AdamW", "amsgrad"), ("NAdam", "decoupled_weight_decay")):
        optimizer = ours(Steps(name))[1]
        state = optimizer.state_dict()
        for group in state["param_groups"]:
            del group[option]
        optimizer.load_state_dict(state)
        assert [group[option] for group in optimizer.param_groups] == [False, False]


def test_adagrad_remembers_before_its_first_step():
    """PyTorch's takes no state dict without; and a parameter that never has a gradient stays at this."""
    p, q, r = (Tensor(np.ones(2), requires_grad=True, dtype=np.float32) for _ in range(3))
    optimizer = optim.Adagrad([p, q], initial_accumulator_value=0.25)
    optimizer.add_param_group({"params": [r], "initial_accumulator_value": 4.0})
    p.grad = [1.0, 2.0]
    optimizer.step()
    expected = {"0": {"step": 1, "sum": [1.25, 4.25]}, "1": {"step": 0, "sum": [0.25, 0.25]}}
    assert remembered(optimizer) == {**expected, "2": {"step": 0, "sum": [4.0, 4.0]}}
    assert all(entries["sum"].dtype == np.float32 for entries in optimizer.state.values())


@pytest.mark.parametrize("name", ["RMSprop", "Adagrad", "NAdam"])
@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_a_model_may_be_taken_into_another_dtype_before_the_first_step(name, dtype):
    models = nn.Linear(3, 2, rng=0), nn.Linear(3, 2, rng=0).to(dtype)
    options = {"initial_accumulator_value": 0.1} if name == "Adagrad" else {}
    optimizers = [getattr(optim, name)(model.parameters(), eps=0.1, **options) for model in models]
    models[0].to(dtype)
    for model, optimizer in zip(models, optimizers, strict=True):
        for p in model.parameters():
            p.grad = np.linspace(0, 1, p.size).reshape(p.shape)
        optimizer.step()
    first, second = (numbers([*model.parameters()]) for model in models)
    np.testing.assert_allclose(first, second, rtol=1e-6 if dtype == np.float64 else 1e-3)  # 0.1 was rounded before
    arrays = (x for state in optimizers[0].state.values() for x in state.values() if isinstance(x, np.ndarray))
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("RMSprop", {"lr": -1}, ValueError, "RMSprop: lr=-1"),
        ("RMSprop", {"alpha": 1.0}, ValueError, "RMSprop: alpha=1.0; give a finite number of at least 0 and below 1"),
        ("RMSprop", {"alpha": math.nan}, ValueError, "RMSprop: alpha=nan"),
        ("RMSprop", {"alpha": "0.9"}, TypeError, "RMSprop: alpha is a str"),
        ("RMSprop", {"eps": -1e-8}, ValueError, "RMSprop: eps=-1e-08"),
        ("RMSprop", {"momentum": 1}, ValueError, "RMSprop: momentum=1"),
        ("RMSprop", {"weight_decay": math.inf}, ValueError, "RMSprop: weight_decay=inf"),
        ("RMSprop", {"centered": 1}, TypeError, "RMSprop: centered=1 is a int; give a bool"),
        ("Adagrad", {"lr_decay": -0.1}, ValueError, "Adagrad: lr_decay=-0.1"),
        ("Adagrad", {"weight_decay": -1}, ValueError, "Adagrad: weight_decay=-1"),
        ("Adagrad", {"initial_accumulator_value": math.nan}, ValueError, "Adagrad: initial_accumulator_value=nan"),
        ("Adagrad", {"eps": None}, TypeError, "Adagrad: eps is a NoneType"),
        ("NAdam", {"betas": (1.0, 0.9)}, ValueError, r"NAdam: betas\[0\]=1.0"),
        ("NAdam", {"betas": 0.9}, ValueError, "NAdam: betas=0.9; give two numbers"),
        ("NAdam", {"eps": -1}, ValueError, "NAdam: eps=-1"),
        ("NAdam", {"weight_decay": -1}, ValueError, "NAdam: weight_decay=-1"),
        ("NAdam", {"momentum_decay": -1}, ValueError, "NAdam: momentum_decay=-1"),
        ("NAdam", {"decoupled_weight_decay": None}, TypeError, "NAdam: decoupled_weight_decay=None is a NoneType"),
        ("Adam", {"amsgrad": "yes"}, TypeError, "Adam: amsgrad='yes' is a str"),
        ("AdamW", {"amsgrad": 0}, TypeError, "AdamW: amsgrad=0 is a int"),
    ],
)
def test_options_that_make_no_sense(name, options, error, message):
    with pytest.raises(error, match=message):
        getattr(optim, name)([LEAF], **options)
    with pytest.raises(error, match=message):
        getattr(optim, name)([{"params": [LEAF], **options}])


@pytest.mark.parametrize(
    ("name", "options", "change", "message"),
    [
        ("RMSprop", {"momentum": 0.5}, {"momentum_buffer": None}, "and RMSprop has step, square_avg, momentum_buffer"),
        ("RMSprop", {"centered": True}, {"grad_avg": None}, "and RMSprop has step, square_avg, grad_avg"),
        ("RMSprop", {}, {"square_avg": None}, "and RMSprop has step, square_avg"),
        ("RMSprop", {}, {"exp_avg": np.ones(3)}, "step, square_avg, exp_avg, and RMSprop has step, square_avg"),
        ("Adam", {"amsgrad": True}, {"max_exp_avg_sq": None}, "and Adam has step, exp_avg, exp_avg_sq, max_exp_avg_sq"),
        ("Adagrad", {}, {"sum": np.ones(2)}, r"sum of parameter 0 has shape \(2,\)"),
        ("Adagrad", {}, {"step": 0.5}, "step of parameter 0 is 0.5"),
        ("NAdam", {}, {"mu_product": None}, "and NAdam has step, mu_product, exp_avg, exp_avg_sq"),
        ("NAdam", {}, {"mu_product": 1.5}, "mu_product of parameter 0 is 1.5; it is to be a number from 0 to 1"),
        ("NAdam", {}, {"mu_product": np.array(math.nan)}, "mu_product of parameter 0 is"),
        ("NAdam", {}, {"mu_product": np.ones(2)}, "mu_product of parameter 0 is"),
        ("NAdam", {}, {"mu_product": True}, "mu_product of parameter 0 is True"),
    ],
)
def test_what_cannot_be_remembered_is_refused(name, options, change, message):
    parameters, optimizer = ours(Steps(name, options))
    advance(Steps(name), parameters, optimizer, 0, 1)
    state, before = optimizer.state_dict(), remembered(optimizer)
    state["state"][0].update(change)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    assert remembered(optimizer) == before


# -- compiled ---------------------------------------------------------------------------------------------------------


class Scaled(nn.Module):
    """A network whose outputs are multiplied by a parameter without axes."""

    def __init__(self):
        self.layers = nn.Sequential(nn.Linear(3, 5, rng=0), nn.Tanh(), nn.Linear(5, 2, rng=1))
        self.scale = Tensor(1.5, requires_grad=True, dtype=np.float32)

    def forward(self, x):
        return self.layers(x) * self.scale


@each_in_double
def test_a_compiled_step_gives_the_same_bits(name, options):
    """With two groups, a parameter without axes, a frozen one, and a schedule."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)).astype(np.float32), rng.integers(0, 2, 4)
    losses, states = [], []
    for compiled in (False, True):
        model = Scaled()
        model.layers[0].bias.requires_grad = False
        first, *others = model.parameters()
        optimizer = getattr(optim, name)([{"params": first, "lr": 0.03}, {"params": others}], **options)
        schedule = optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        step = nn.compile_step(model, nn.CrossEntropyLoss(), optimizer)
        found = []
        for _ in range(6):
            found.append(float(step(x, y) if compiled else eagerly(model, optimizer, x, y)))
            schedule.step()
        losses.append(found)
        states.append((numbers([*model.parameters()]), remembered(optimizer)))
        assert step.programs == compiled
    assert losses[0] == losses[1]
    assert states[0] == states[1]


def eagerly(model, optimizer, x, y):
    optimizer.zero_grad()
    value = nn.functional.cross_entropy(model(x), y)
    value.backward()
    optimizer.step()
    return value.data


@each_in_double
def test_a_large_parameter_is_updated_like_small_ones(name, options):
    """It is cut in two."""
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=2**16 + 2), rng.normal(size=(2, 2**16 + 2))
    large = [Tensor(start, requires_grad=True)]
    small = [Tensor(part, requires_grad=True) for part in np.split(start, 2)]
    for parameters in (large, small):
        optimizer = getattr(optim, name)(parameters, **options)
        for gradient in gradients:
            for p, g in zip(parameters, np.split(gradient, len(parameters)), strict=True):
                p.grad = g
            optimizer.step()
    np.testing.assert_array_equal(large[0].data, np.concatenate([p.data for p in small]))


@pytest.mark.parametrize("name", ["RMSprop", "Adagrad", "NAdam"])
def test_fit_compiled_is_fit(name):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 3)).astype(np.float32), rng.integers(0, 2, 24)
    histories = []
    for compiled in (False, True):
        model = nn.Linear(3, 2, rng=0)
        optimizer = getattr(optim, name)(model.parameters(), lr=0.05)
        histories.append(
            nn.fit(model, x, y, optimizer=optimizer, epochs=3, batch_size=8, rng=0, progress=False, compiled=compiled)
        )
    assert histories[0] == histories[1]
    assert histories[0]["loss"][-1] < histories[0]["loss"][0]


if find_spec("torch"):

    @given(random_cases(), st.integers(0, STEPS))
    def test_random_ones_are_pytorchs(case, stop):
        """Step by step; and from a state dict of the other one on."""
        import torch

        with double_precision():
            (parameters, optimizer), (theirs, their_optimizer) = ours(case), pytorchs(case)
            for start, end in ((0, stop), (stop, STEPS)):
                found = advance(case, parameters, optimizer, start, end)
                check_close(found, advance(case, theirs, their_optimizer, start, end), case.dtype)
                check_remembered(remembered(optimizer), remembered(their_optimizer), case.dtype)
                state, their_state = optimizer.state_dict(), their_optimizer.state_dict()
                for group, other in zip(state["param_groups"], their_state["param_groups"], strict=True):
                    assert all(other[key] == value for key, value in group.items())
                    group.update({key: value for key, value in other.items() if key not in group})
                optimizer.load_state_dict(their_state)
                for entries in state["state"].values():
                    entries.update({key: torch.tensor(value) for key, value in entries.items()})
                their_optimizer.load_state_dict(state)
