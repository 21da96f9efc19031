import copy
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import Tensor
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

each = pytest.mark.parametrize(("name", "options"), OPTIMIZERS)


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
    assert q not in optimizer.state


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
        (lambda s: s["param_groups"][0].pop("lr"), "a group has the entries"),
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
