import copy
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import Tensor, no_grad
from nn import optim

rates = st.floats(1e-4, 0.5)
decays = st.just(0.0) | st.floats(1e-4, 0.5)
seeds = st.integers(0, 2**32 - 1)
shapes = st.lists(st.integers(1, 4), max_size=3).map(tuple)


# The formulas once more, as their papers have them: each takes the parameter and all gradients so far.


def sgd(p, gradients, lr, momentum, dampening, weight_decay, nesterov):
    velocity = None
    for g in gradients:
        g = g + weight_decay * p
        velocity = g if velocity is None else momentum * velocity + (1 - dampening) * g
        p = p - lr * ((g + momentum * velocity) if nesterov else (velocity if momentum else g))
    return p


def adam(p, gradients, lr, betas, eps, weight_decay, decoupled):
    m = v = np.zeros_like(p)
    for t, g in enumerate(gradients, start=1):
        if decoupled:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        p = p - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    return p


def run(optimizer, parameters, gradients):
    for step in zip(*gradients, strict=True):
        for p, g in zip(parameters, step, strict=True):
            p.grad = g
        optimizer.step()


def drawn(shapes, seed, steps=5, dtype=np.float64):
    """Draw parameters, and a few gradients for each."""
    rng = np.random.default_rng(seed)
    parameters = [Tensor(rng.normal(size=shape), requires_grad=True, dtype=dtype) for shape in shapes]
    return parameters, [[rng.normal(size=shape) for _ in range(steps)] for shape in shapes]


def check(make, formula, shapes, seed):
    parameters, gradients = drawn(shapes, seed)
    expected = [formula(p.data.copy(), g) for p, g in zip(parameters, gradients, strict=True)]
    memory = [p.data for p in parameters]
    run(make(parameters), parameters, gradients)
    for p, want, array in zip(parameters, expected, memory, strict=True):
        assert p.data is array  # in place
        np.testing.assert_allclose(p.data, want, rtol=1e-10, atol=1e-12)


# -- against the formulas ---------------------------------------------------------------------------------------------


@given(st.lists(shapes, min_size=1, max_size=3), seeds, rates, st.just(0.0) | st.floats(0, 0.99), decays, decays)
def test_sgd(shapes, seed, lr, momentum, dampening, weight_decay):
    options = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
    check(lambda p: optim.SGD(p, **options), lambda p, g: sgd(p, g, **options, nesterov=False), shapes, seed)


@given(st.lists(shapes, min_size=1, max_size=3), seeds, rates, st.floats(0.01, 0.99), decays)
def test_nesterov(shapes, seed, lr, momentum, weight_decay):
    options = {"lr": lr, "momentum": momentum, "dampening": 0.0, "weight_decay": weight_decay, "nesterov": True}
    check(lambda p: optim.SGD(p, **options), lambda p, g: sgd(p, g, **options), shapes, seed)


@pytest.mark.parametrize(("kind", "decoupled"), [(optim.Adam, False), (optim.AdamW, True)])
@given(
    shapes=st.lists(shapes, min_size=1, max_size=3),
    seed=seeds,
    lr=rates,
    betas=st.tuples(st.floats(0, 0.99), st.floats(0, 0.9999)),
    eps=st.sampled_from([1e-8, 1e-3]),
    weight_decay=decays,
)
def test_adam_and_adamw(kind, decoupled, shapes, seed, lr, betas, eps, weight_decay):
    options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
    check(lambda p: kind(p, **options), lambda p, g: adam(p, g, **options, decoupled=decoupled), shapes, seed)


def test_momentum_takes_the_steps_of_the_other_formulation():
    (p,), (gradients,) = drawn([(3, 2)], 0, steps=6)
    w, v = p.data.copy(), np.zeros((3, 2))
    for g in gradients:
        v = nn.reference.momentum_update(v, g, 0.9, 0.1)
        w += v
    run(optim.SGD([p], lr=0.1, momentum=0.9), [p], [gradients])
    np.testing.assert_allclose(p.data, w, rtol=1e-12)


OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.9), "weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.3}),
    ("AdamW", {"lr": 0.1, "betas": (0.9, 0.5), "amsgrad": True}),
]
# These are held against PyTorch in optim/test_steps.py.
OTHERS = [
    ("RMSprop", {"lr": 0.1}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.1, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1}),
]


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_against_pytorch(name, options):
    torch = pytest.importorskip("torch")
    parameters, gradients = drawn([(4, 3), (3,), ()], 0, steps=10)
    theirs = [torch.from_numpy(p.data.copy()).requires_grad_() for p in parameters]
    ours, their_optimizer = getattr(optim, name)(parameters, **options), getattr(torch.optim, name)(theirs, **options)
    for step in zip(*gradients, strict=True):
        for p, q, g in zip(parameters, theirs, step, strict=True):
            p.grad, q.grad = g, torch.from_numpy(np.array(g))
        ours.step()
        their_optimizer.step()
    for p, q in zip(parameters, theirs, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-10, atol=1e-13)
    state, their_state = ours.state_dict(), their_optimizer.state_dict()
    assert state["state"].keys() >= their_state["state"].keys()
    for number, entries in their_state["state"].items():
        for key, value in entries.items():
            if value is not None:
                np.testing.assert_allclose(state["state"][number][key], value.numpy(), rtol=1e-10)
    for group, their_group in zip(state["param_groups"], their_state["param_groups"], strict=True):
        assert all(their_group[key] == value for key, value in group.items())


# -- what all of them do ----------------------------------------------------------------------------------------------

each = pytest.mark.parametrize(("name", "options"), OPTIMIZERS + OTHERS)


@each
def test_float32_stays_float32_and_gradients_stay_what_they_are(name, options):
    parameters, gradients = drawn([(4, 3), ()], 0, dtype=np.float32)
    optimizer = getattr(optim, name)(parameters, **options)
    optimizer.lr = np.float64(0.05)
    for step in zip(*gradients, strict=True):
        for p, g in zip(parameters, step, strict=True):
            p.grad = g
        before = [p.grad.copy() for p in parameters]
        optimizer.step()
        for p, g in zip(parameters, before, strict=True):
            np.testing.assert_array_equal(p.grad, g)
            assert p.dtype == np.float32
    for state in optimizer.state.values():
        assert all(a.dtype == np.float32 for a in state.values() if isinstance(a, np.ndarray))


@each
def test_parameters_without_a_gradient_are_left_alone(name, options):
    (p, q), gradients = drawn([(3,), (3,)], 0)
    before = q.data.copy()
    q.grad = None
    optimizer = getattr(optim, name)([p, q], **options)
    p.grad = gradients[0][0]
    optimizer.step()
    np.testing.assert_array_equal(q.data, before)
    assert optimizer.state.get(q, {}).get("step", 0) == 0


@each
def test_a_fortran_ordered_parameter_is_updated_like_any_other(name, options):
    rng = np.random.default_rng(0)
    values, gradient = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    p, q = Tensor(values, True), Tensor(np.asfortranarray(values), True)
    for parameter in (p, q):
        optimizer = getattr(optim, name)([parameter], **options)
        run(optimizer, [parameter], [[gradient, 2 * gradient]])
    np.testing.assert_array_equal(p.data, q.data)


@each
def test_a_step_between_forward_and_backward_is_noticed(name, options):
    p = Tensor([1.0, 2.0], requires_grad=True)
    loss = (p**2).sum()
    p.grad = [1.0, 1.0]
    getattr(optim, name)([p], **options).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


@each
def test_a_state_dict_continues_where_it_was_taken(name, options):
    parameters, gradients = drawn([(4, 3), (2,)], 0, steps=6)
    first = getattr(optim, name)(parameters, **options)
    run(first, parameters, [g[:3] for g in gradients])
    state = first.state_dict()
    frozen = copy.deepcopy(state)
    resumed = [Tensor(p.data, requires_grad=True) for p in parameters]
    second = getattr(optim, name)(resumed, lr=9.0)
    second.load_state_dict(state)
    run(first, parameters, [g[3:] for g in gradients])
    run(second, resumed, [g[3:] for g in gradients])
    for p, q in zip(parameters, resumed, strict=True):
        np.testing.assert_array_equal(p.data, q.data)
    assert state["param_groups"] == frozen["param_groups"]  # copies, both ways
    for number, entries in frozen["state"].items():
        for key, value in entries.items():
            np.testing.assert_array_equal(state["state"][number][key], value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("state"), r"SGD\.load_state_dict: the state has the entries 'param_groups'"),
        (lambda s: s["param_groups"].append(s["param_groups"][0]), r"groups of \[2, 2\] parameters .* \[2\]"),
        (lambda s: s["param_groups"][0].pop("lr"), "a group lacks lr; it is to have params, lr, momentum"),
        (lambda s: s["param_groups"][0].update(betas=1), "a group has betas, unknown to SGD"),
        (lambda s: s["param_groups"][0].update(params=[1, 1]), r"groups of \[2\] parameters .* that differ"),
        (lambda s: s["state"][1].update(step=1), "of parameter 1 it remembers momentum_buffer, step, and SGD has"),
        (lambda s: s["state"].update({7: {}}), "parameter 7, which no group lists"),
        (
            lambda s: s["state"][1].update(momentum_buffer=np.ones(9)),
            r"momentum_buffer of parameter 1 has shape \(9,\)",
        ),
    ],
)
def test_a_state_dict_that_does_not_fit_changes_nothing(change, message):
    parameters, gradients = drawn([(4, 3), (2,)], 0)
    optimizer = optim.SGD(parameters, lr=0.1, momentum=0.9)
    run(optimizer, parameters, gradients)
    state, before = optimizer.state_dict(), optimizer.state_dict()
    for entries in state["state"].values():
        entries["momentum_buffer"] += 1
    change(state)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for number, entries in before["state"].items():
        np.testing.assert_array_equal(after["state"][number]["momentum_buffer"], entries["momentum_buffer"])


# -- state dicts of PyTorch -------------------------------------------------------------------------------------------

# Of two groups, with the parameters [1.0, -2.0] and 0.5 in float32, after the first three of PyTorch 2.13's steps with
# `pytorch_gradients`: what state_dict() returned, the parameters then, and the parameters after three steps more.
# Tensors stand as lists and numbers.
MORE = {"maximize": False, "foreach": None, "differentiable": False, "fused": None}
SGD_GROUP = {"momentum": 0.9, "dampening": 0, "weight_decay": 0.01, "nesterov": True, **MORE}
ADAM_GROUP = {"eps": 1e-08, "amsgrad": False, "capturable": False, **MORE}
PYTORCH = {
    "SGD": (
        {
            0: {"momentum_buffer": [0.5872151851654053, -0.8651788234710693]},
            1: {"momentum_buffer": -0.2187080979347229},
        },
        [{"lr": 0.1, **SGD_GROUP, "params": [0]}, {"lr": 0.05, **SGD_GROUP, "params": [1]}],
        ([0.8465499877929688, -1.7428768873214722], 0.5535383224487305),
        ([0.324680894613266, -1.298346996307373], 0.3895761966705322),
    ),
    "Adam": (
        {
            0: {
                "step": 3.0,
                "exp_avg": [0.15303969383239746, -0.24344003200531006],
                "exp_avg_sq": [0.0028611377347260714, 0.007395401131361723],
            },
            1: {"step": 3.0, "exp_avg": -0.007440424058586359, "exp_avg_sq": 0.0008847776334732771},
        },
        [
            {"betas": (0.8, 0.99), "weight_decay": 0.1, "decoupled_weight_decay": False, **ADAM_GROUP, **own}
            for own in ({"lr": 0.01, "params": [0]}, {"lr": 0.05, "params": [1]})
        ],
        ([0.9698804020881653, -1.9700039625167847], 0.592395544052124),
        ([0.9386239051818848, -1.9400297403335571], 0.48696327209472656),
    ),
    "AdamW": (
        {
            0: {
                "step": 3.0,
                "exp_avg": [0.05609999969601631, -0.08130000531673431],
                "exp_avg_sq": [0.0001399400207446888, 0.0002697301097214222],
            },
            1: {"step": 3.0, "exp_avg": -0.02330000139772892, "exp_avg_sq": 0.00010981011291733012},
        },
        [
            {"betas": (0.9, 0.999), "weight_decay": 0.01, "decoupled_weight_decay": True, **ADAM_GROUP, **own}
            for own in ({"lr": 0.01, "params": [0]}, {"lr": 0.05, "params": [1]})
        ],
        ([0.9704710841178894, -1.9694030284881592], 0.6151901483535767),
        ([0.9411420822143555, -1.9388152360916138], 0.5518163442611694),
    ),
}


def pytorch_gradients(step):
    return [0.1 * step, -0.3], 0.2 * step - 0.5


def pytorch_state(name, form=np.float32):
    """Return a state dict of PyTorch, with tensors in another form."""
    state, groups, _, _ = PYTORCH[name]
    remembered = {number: {key: form(value) for key, value in entries.items()} for number, entries in state.items()}
    return {"state": remembered, "param_groups": copy.deepcopy(groups)}


def pytorch_optimizer(name):
    """Return parameters as PyTorch had them after three steps, and an optimiser that has not begun."""
    parameters = [Tensor(value, True, np.float32) for value in PYTORCH[name][2]]
    return parameters, getattr(optim, name)([{"params": p} for p in parameters], lr=9.0)


def tensor_of(value):
    return Tensor(value, dtype=np.float32)


class Foreign:
    """A tensor of another library, as NumPy sees it."""

    def __init__(self, value):
        self.array = np.array(value, np.float32)
        self.shape = self.array.shape

    def __array__(self, dtype=None, copy=None):
        return self.array

    def item(self):
        return self.array.item()


@pytest.mark.parametrize("form", [np.float32, np.float64, tensor_of, Foreign, lambda value: value])
@pytest.mark.parametrize("name", PYTORCH)
def test_a_state_dict_of_pytorch_goes_on_as_it_would_there(name, form):
    parameters, optimizer = pytorch_optimizer(name)
    state = pytorch_state(name, form)
    for group in state["param_groups"]:
        group.update({key: form(value) for key, value in group.items() if key in ("lr", "eps", "momentum")})
    optimizer.load_state_dict(state)
    for step in range(4, 7):
        for p, g in zip(parameters, pytorch_gradients(step), strict=True):
            p.grad = g
        optimizer.step()
    for p, expected in zip(parameters, PYTORCH[name][3], strict=True):
        np.testing.assert_allclose(p.data, expected, rtol=5e-7)
        assert p.dtype == np.float32
    assert repr(optimizer.param_groups[0]["lr"]) in (
        "0.1",
        "0.01",
        repr(float(np.float32(optimizer.param_groups[0]["lr"]))),
    )


@pytest.mark.parametrize("name", PYTORCH)
def test_what_was_loaded_is_saved_as_ever(name):
    _, optimizer = pytorch_optimizer(name)
    own = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict(pytorch_state(name))
    saved = optimizer.state_dict()
    assert [group.keys() for group in saved["param_groups"]] == [group.keys() for group in own]
    for number, entries in PYTORCH[name][0].items():
        assert list(saved["state"][number]) == list(entries)
        for key, value in entries.items():
            np.testing.assert_array_equal(saved["state"][number][key], np.float32(value))
    assert all(type(entries.get("step", 3)) is int for entries in saved["state"].values())


@pytest.mark.parametrize("remembered", [{}, {0: {}}, {0: {"momentum_buffer": None}, 1: {"momentum_buffer": None}}])
def test_what_has_not_begun_begins(remembered):
    """PyTorch has such entries for SGD without momentum."""
    parameters, optimizer = pytorch_optimizer("SGD")
    optimizer.load_state_dict({**pytorch_state("SGD"), "state": remembered})
    for p in parameters:
        p.grad = np.ones(p.shape)
    before = parameters[0].data.copy()
    optimizer.step()
    np.testing.assert_allclose(parameters[0].data, before - 0.1 * 1.9 * (1 + 0.01 * before), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "entry", "value", "message"),
    [
        ("SGD", "maximize", True, "a group has maximize=True, and SGD takes its steps as with maximize=False"),
        ("Adam", "maximize", np.True_, "a group has maximize=True"),
        ("Adam", "amsgrad", True, "of parameter 1 it remembers .*, and Adam has .*, max_exp_avg_sq"),
        ("AdamW", "amsgrad", 1, "AdamW: amsgrad=1 is a int; give a bool"),
        ("SGD", "differentiable", True, "a group has differentiable=True"),
        ("Adam", "decoupled_weight_decay", True, "decoupled_weight_decay=True, .*; AdamW decouples weight decay"),
        ("AdamW", "decoupled_weight_decay", False, "decoupled_weight_decay=False, .*; AdamW decouples weight decay"),
        ("Adam", "centered", False, "a group has centered, unknown to Adam"),
        ("Adam", "lr", -0.1, "Adam: lr=-0.1"),
        ("Adam", "lr", np.array(np.nan), "Adam: lr=nan"),
        ("Adam", "lr", "0.1", "Adam: lr is a str"),
        ("Adam", "lr", np.ones(2), "Adam: lr is a ndarray"),
        ("Adam", "betas", [0.9, 1.5], r"Adam: betas\[1\]=1.5"),
        ("Adam", "betas", 0.9, r"Adam: betas=0.9; give two numbers"),
        ("Adam", "eps", -1, "Adam: eps=-1"),
        ("SGD", "momentum", 2.0, "SGD: momentum=2.0"),
        ("SGD", "weight_decay", math.inf, "SGD: weight_decay=inf"),
        ("SGD", "nesterov", "False", "SGD: nesterov='False' is a str"),
        ("SGD", "dampening", 0.5, "nesterov"),
    ],
)
def test_a_group_that_cannot_go_on_is_refused(name, entry, value, message):
    _check_refused(name, lambda state: state["param_groups"][1].update({entry: value}), message)


@pytest.mark.parametrize(
    ("name", "entry", "value", "message"),
    [
        ("Adam", "exp_avg", [1, 2], r"exp_avg of parameter 0 is of dtype int64; it is to be of floating-point numbers"),
        ("Adam", "exp_avg", [1j, 2j], "exp_avg of parameter 0 is of dtype complex128"),
        ("Adam", "exp_avg", [True, False], "exp_avg of parameter 0 is of dtype bool"),
        ("Adam", "exp_avg", ["a", "b"], "exp_avg of parameter 0 is of dtype <U1"),
        ("Adam", "exp_avg", np.array([0.5, None]), "exp_avg of parameter 0 is of dtype object"),
        ("Adam", "exp_avg", [[0.5], [0.5, 0.5]], "exp_avg of parameter 0 is no array"),
        ("Adam", "exp_avg_sq", 0.5, r"exp_avg_sq of parameter 0 has shape \(\), the parameter itself has shape \(2,\)"),
        ("Adam", "exp_avg_sq", Tensor([0.5]), r"exp_avg_sq of parameter 0 has shape \(1,\)"),
        (
            "Adam",
            "exp_avg_sq",
            None,
            "of parameter 0 it remembers step, exp_avg, and Adam has step, exp_avg, exp_avg_sq",
        ),
        ("Adam", "max_exp_avg_sq", [0.5], r"max_exp_avg_sq of parameter 0 has shape \(1,\)"),
        ("Adam", "square_avg", [0.5, 0.5], "exp_avg_sq, square_avg, and Adam has"),
        ("Adam", "step", -1, "step of parameter 0 is -1; it is to be the number of steps taken"),
        ("Adam", "step", 2.5, "step of parameter 0 is 2.5"),
        ("Adam", "step", np.array(np.nan), "step of parameter 0 is"),
        ("Adam", "step", math.inf, "step of parameter 0 is inf"),
        ("Adam", "step", True, "step of parameter 0 is True"),
        ("Adam", "step", "3", "step of parameter 0 is '3'"),
        ("Adam", "step", [3.0, 3.0], "step of parameter 0 is"),
        ("SGD", "momentum_buffer", np.ones(2, int), "momentum_buffer of parameter 0 is of dtype int64"),
        ("SGD", "square_avg", [0.5, 0.5], "it remembers momentum_buffer, square_avg, and SGD has momentum_buffer"),
    ],
)
def test_what_cannot_be_remembered_is_refused(name, entry, value, message):
    _check_refused(name, lambda state: state["state"][0].update({entry: value}), message)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (optim.SGD([Tensor([1.0], True)]), "the state is a SGD; give what state_dict"),
        ([{}, []], "the state is a list; give what state_dict"),
        ({"state": [], "param_groups": []}, "of another type"),
        ({"state": {}, "param_groups": {}}, "of another type"),
        ({"state": {}, "param_groups": [[0], [1]]}, "of another type"),
        ({**pytorch_state("SGD"), "state": {0: [1.0, 2.0]}}, "what is remembered of parameter 0 is no dict: list"),
    ],
)
def test_what_is_no_state_dict_is_refused(state, message):
    _, optimizer = pytorch_optimizer("SGD")
    with pytest.raises(TypeError, match=rf"SGD\.load_state_dict: .*{message}"):
        optimizer.load_state_dict(state)


def _check_refused(name, change, message):
    """Check that a state with one change is refused, and nothing taken over."""
    _, optimizer = pytorch_optimizer(name)
    before, state = repr(optimizer.state_dict()), pytorch_state(name)
    change(state)
    with pytest.raises((TypeError, ValueError), match=message):
        optimizer.load_state_dict(state)
    assert repr(optimizer.state_dict()) == before


def test_the_literals_are_pytorchs():
    torch = pytest.importorskip("torch")
    options = {"SGD": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}, "AdamW": {}}
    options["Adam"] = {"betas": (0.8, 0.99), "weight_decay": 0.1}
    for name, (state, groups, *parameters) in PYTORCH.items():
        theirs = [torch.tensor([1.0, -2.0], requires_grad=True), torch.tensor(0.5, requires_grad=True)]
        given = [{"params": [p], "lr": group["lr"]} for p, group in zip(theirs, groups, strict=True)]
        optimizer = getattr(torch.optim, name)(given, **options[name])
        for first, expected in ((1, parameters[0]), (4, parameters[1])):
            for step in range(first, first + 3):
                for p, g in zip(theirs, pytorch_gradients(step), strict=True):
                    p.grad = torch.tensor(g)
                optimizer.step()
            if first == 1:
                found = optimizer.state_dict()
                assert found["param_groups"] == groups
                for number, entries in state.items():
                    for key, value in entries.items():
                        np.testing.assert_array_equal(found["state"][number][key].numpy(), np.float32(value))
            for p, value in zip(theirs, expected, strict=True):
                np.testing.assert_array_equal(p.detach().numpy(), np.float32(value))
        ours = [Tensor(value, True, np.float32) for value in parameters[0]]
        mine = getattr(optim, name)([{"params": p} for p in ours])
        mine.load_state_dict(optimizer.state_dict())
        optimizer.load_state_dict(_as_tensors(torch, mine.state_dict()))  # and back


def _as_tensors(torch, state):
    remembered = {
        number: {key: torch.tensor(value) for key, value in entries.items()}
        for number, entries in state["state"].items()
    }
    return {**state, "state": remembered}


def test_zero_grad():
    parameters, gradients = drawn([(3,), (2,)], 0)
    optimizer = optim.SGD(parameters, lr=0.1)
    run(optimizer, parameters, gradients)
    optimizer.zero_grad()
    assert [p.grad for p in parameters] == [None, None]


# -- groups and the learning rate -------------------------------------------------------------------------------------


def test_groups_have_hyperparameters_of_their_own():
    (p, q, r), gradients = drawn([(3,), (3,), (3,)], 0, steps=1)
    before = [t.data.copy() for t in (p, q, r)]
    optimizer = optim.SGD([{"params": [p]}, {"params": q, "lr": 0.5, "weight_decay": 0.1}], lr=0.01)
    optimizer.add_param_group({"params": iter([r]), "lr": 0.0})
    run(optimizer, [p, q, r], gradients)
    np.testing.assert_allclose(p.data, before[0] - 0.01 * gradients[0][0])
    np.testing.assert_allclose(q.data, before[1] - 0.5 * (gradients[1][0] + 0.1 * before[1]))
    np.testing.assert_array_equal(r.data, before[2])
    with pytest.raises(ValueError, match=r"SGD\.lr: the groups' learning rates differ"):
        _ = optimizer.lr
    optimizer.lr = 0.2
    assert optimizer.lr == 0.2
    assert [group["lr"] for group in optimizer.param_groups] == [0.2, 0.2, 0.2]
    assert "1 parameters: lr=0.2" in repr(optimizer)


def test_the_learning_rate_counts_from_the_next_step():
    p = Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=1.0)
    p.grad = [0.25]
    optimizer.step()
    optimizer.lr = 0.0
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 2.0
    optimizer.step()
    assert p.item() == 0.25
    for value, error in ((-1, ValueError), (math.nan, ValueError), (math.inf, ValueError), ("1", TypeError)):
        with pytest.raises(error, match="SGD: lr"):
            optimizer.lr = value
    assert optimizer.lr == 2.0


LEAF = Tensor([1.0], requires_grad=True)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.SGD([]), ValueError, "SGD: there are no parameters to optimise"),
        (lambda: optim.Adam(nn.ReLU().parameters()), ValueError, "Adam: there are no parameters"),
        (lambda: optim.SGD([{"params": []}]), ValueError, "SGD: there are no parameters"),
        (lambda: optim.SGD([LEAF * 2]), ValueError, r"shape \(1,\) is the result of an operation"),
        (lambda: optim.SGD([Tensor([1.0])]), ValueError, "none of the parameters requires a gradient"),
        (lambda: optim.SGD([Tensor([1])]), TypeError, "int64 cannot be optimised"),
        (lambda: optim.SGD([LEAF, LEAF]), ValueError, "listed twice"),
        (lambda: optim.SGD([{"params": [LEAF]}, {"params": [LEAF]}]), ValueError, "listed twice"),
        (lambda: optim.SGD(LEAF), TypeError, "params is a Tensor; give an iterable"),
        (lambda: optim.SGD(nn.Linear(1, 1)), TypeError, "params is a Linear; .*model.parameters"),
        (lambda: optim.SGD(nn.Sequential(nn.Linear(1, 1))), TypeError, "params holds a Linear"),
        (lambda: optim.SGD(dict(nn.Linear(1, 1).named_parameters())), TypeError, "params is a dict"),
        (lambda: optim.SGD(nn.Linear(1, 1).named_parameters()), TypeError, "params holds a tuple"),
        (lambda: optim.SGD([np.ones(2)]), TypeError, "params holds a ndarray"),
        (lambda: optim.SGD([{"lr": 0.1}]), ValueError, "the entries 'lr'; it needs 'params'"),
        (lambda: optim.SGD([{"params": [LEAF], "betas": 1}]), ValueError, "may have 'lr', 'momentum'"),
        (lambda: optim.SGD([LEAF], lr=-0.1), ValueError, "SGD: lr=-0.1"),
        (lambda: optim.SGD([LEAF], lr="0.1"), TypeError, "SGD: lr is a str"),
        (lambda: optim.SGD([LEAF], momentum=1.0), ValueError, "SGD: momentum=1.0"),
        (lambda: optim.SGD([LEAF], momentum=-0.1), ValueError, "SGD: momentum=-0.1"),
        (lambda: optim.SGD([LEAF], weight_decay=-1), ValueError, "SGD: weight_decay=-1"),
        (lambda: optim.SGD([LEAF], nesterov=True), ValueError, "nesterov=True with momentum=0.0"),
        (lambda: optim.SGD([LEAF], momentum=0.9, dampening=0.1, nesterov=True), ValueError, "nesterov"),
        (lambda: optim.SGD([{"params": [LEAF], "momentum": 2}]), ValueError, "SGD: momentum=2"),
        (lambda: optim.Adam([LEAF], betas=(0.9, 1.0)), ValueError, r"Adam: betas\[1\]=1.0"),
        (lambda: optim.Adam([LEAF], betas=(0.9,)), ValueError, r"Adam: betas=\(0.9,\); give two"),
        (lambda: optim.AdamW([LEAF], eps=-1), ValueError, "AdamW: eps=-1"),
        (lambda: optim.AdamW([LEAF], weight_decay=math.nan), ValueError, "AdamW: weight_decay=nan"),
    ],
)
def test_what_cannot_be_optimised_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_generator_that_was_used_up_is_told_apart_from_nothing():
    parameters = nn.Linear(2, 2).parameters()
    optim.SGD(parameters)
    with pytest.raises(ValueError, match="the iterator was used up"):
        optim.SGD(parameters)


def test_a_group_that_is_refused_is_not_added():
    p, q = Tensor([1.0], True), Tensor([1.0], True)
    optimizer = optim.SGD([p])
    for group in ({"params": [q, p]}, {"params": [q], "lr": -1}, {"params": [q], "momentum": 2}):
        with pytest.raises(ValueError, match="SGD"):
            optimizer.add_param_group(group)
    assert len(optimizer.param_groups) == 1


def test_frozen_parameters_may_be_listed():
    model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Linear(2, 1, rng=1))
    model[0].requires_grad_(False)
    before = model.state_dict()
    optimizer = optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    model(np.ones((3, 2))).sum().backward()
    optimizer.step()
    np.testing.assert_array_equal(model[0].weight.data, before["0.weight"])
    assert not np.array_equal(model[1].weight.data, before["1.weight"])


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad, optim.NAdam])
def test_a_step_calls_its_closure_first(make):
    p, q = (Tensor([3.0, -1.0], requires_grad=True) for _ in range(2))
    one, other = make([p], lr=0.1), make([q], lr=0.1)

    def closure():
        one.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    for _ in range(3):
        before = (q.data**2).sum()
        with no_grad():
            assert one.step(closure).item() == before
        other.zero_grad()
        (q**2).sum().backward()
        assert other.step() is None
        np.testing.assert_array_equal(p.data, q.data)
    with pytest.raises(TypeError, match="step: closure is a Tensor; give a function"):
        one.step((p**2).sum())
