"""Schedules, held against the learning rates and momenta that PyTorch's give: recorded ones, and random ones.

What a schedule must not do: make a compiled step capture once more, call what stands in a state, leave something
changed after an error, or set a rate that is no rate.
"""

import copy
import json
import math
import pickle
from collections import Counter
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import Tensor
from nn.optim import lr_scheduler
from tests.nn.optim.schedules import CASES, VALUES, Schedule, advance, made, ours, pytorchs, run, settings

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def sgd(*rates, **options):
    return nn.optim.SGD([{"params": [Tensor([1.0], requires_grad=True)], "lr": rate} for rate in rates], **options)


@each_case
def test_rates_and_momenta_are_pytorchs(case):
    np.testing.assert_allclose(run(case, ours(case)), json.loads(VALUES.read_text())[case.name], rtol=1e-12, atol=1e-15)


# -- its state --------------------------------------------------------------------------------------------------------


@each_case
@pytest.mark.parametrize("stop", [0, 1, 6])
def test_a_new_schedule_goes_on_from_a_state(case, stop):
    optimizer = ours(case)
    schedulers = made(case, optimizer)
    advance(case, optimizer, schedulers, 0, stop)
    states = [json.loads(json.dumps(scheduler.state_dict())) for scheduler in schedulers]
    state = optimizer.state_dict()
    expected = advance(case, optimizer, schedulers, stop, case.steps)

    other = ours(case)
    others = made(case, other)
    advance(case, other, others, 0, 3)
    other.load_state_dict(state)
    for scheduler, saved in zip(others, states, strict=True):
        scheduler.load_state_dict(saved)
    assert [scheduler.state_dict() for scheduler in others] == states
    assert advance(case, other, others, stop, case.steps) == expected


@each_case
def test_a_copy_goes_on_by_itself(case):
    optimizer = ours(case)
    schedulers = made(case, optimizer)
    advance(case, optimizer, schedulers, 0, 4)
    other, others = copy.deepcopy((optimizer, schedulers))
    before = settings(other)
    expected = advance(case, optimizer, schedulers, 4, case.steps)
    assert settings(other) == before
    assert advance(case, other, others, 4, case.steps) == expected


def test_a_state_is_a_copy_and_has_no_functions():
    scheduler = lr_scheduler.MultiStepLR(sgd(1.0), [2])
    state = scheduler.state_dict()
    state["milestones"].append(1)
    state["base_lrs"][0] = 7.0
    scheduler.get_last_lr()[0] = 7.0
    scheduler.step()
    assert scheduler.get_last_lr() == [1.0]
    for scheduler in (lr_scheduler.LambdaLR(sgd(1.0), lambda t: 1.0), lr_scheduler.MultiplicativeLR(sgd(1.0), float)):
        pickle.dumps(scheduler.state_dict())
        assert set(scheduler.state_dict()) == {"base_lrs", "last_epoch", "_last_lr"}


class Bomb:
    """What must not be called."""

    def __call__(self, *args):
        raise AssertionError("called")


def test_nothing_in_a_state_is_called_or_kept():
    scheduler = lr_scheduler.LambdaLR(sgd(1.0), lambda t: 0.5**t)
    scheduler.load_state_dict({**scheduler.state_dict(), "lr_lambdas": [Bomb()], "get_lr": Bomb(), "step": Bomb()})
    scheduler.step()
    assert scheduler.get_last_lr() == [0.5]


@pytest.mark.parametrize(
    ("make", "change", "error", "message"),
    [
        ("s.StepLR(o, 2)", {"step_size": 0}, ValueError, "StepLR: step_size=0"),
        ("s.StepLR(o, 2)", {"step_size": 1.5}, TypeError, "StepLR: step_size is a float"),
        ("s.StepLR(o, 2)", {"step_size": "2"}, TypeError, r"StepLR.load_state_dict: step_size is '2'"),
        ("s.StepLR(o, 2)", {"step_size": Bomb()}, TypeError, "StepLR.load_state_dict: step_size is"),
        ("s.StepLR(o, 2)", {"gamma": math.nan}, ValueError, "StepLR: gamma=nan"),
        ("s.StepLR(o, 2)", {"last_epoch": 1.5}, TypeError, "StepLR: last_epoch is a float"),
        ("s.StepLR(o, 2)", {"last_epoch": -2}, ValueError, "StepLR: last_epoch=-2"),
        ("s.StepLR(o, 2)", {"base_lrs": [1.0, 2.0]}, ValueError, "StepLR: 2 values of base_lrs for 1 groups"),
        ("s.StepLR(o, 2)", {"base_lrs": ["1"]}, TypeError, "StepLR.load_state_dict: base_lrs is '1'"),
        ("s.MultiStepLR(o, [2])", {"milestones": 3}, TypeError, "milestones is 3; it is to be like"),
        ("s.ReduceLROnPlateau(o)", {"mode": "least"}, ValueError, "mode='least'"),
        ("s.ReduceLROnPlateau(o)", {"best": None}, TypeError, "best is None"),
        ("s.OneCycleLR(o, 1.0, 8)", {"total_steps": 9}, ValueError, "total_steps is 9, and that of this schedule 8"),
        ("s.OneCycleLR(o, 1.0, 8)", {"cycle_momentum": False}, ValueError, "cycle_momentum is False"),
        ("s.ChainedScheduler([s.StepLR(o, 2)])", {"_schedulers": []}, ValueError, "a list '_schedulers' of 1 states"),
        ("s.ChainedScheduler([s.StepLR(o, 2)])", {"_schedulers": [3]}, TypeError, "the state is a int"),
        ("s.SequentialLR(o, [s.StepLR(o, 2)], [])", {"last_epoch": "1"}, TypeError, "last_epoch is '1'"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(make, change, error, message):
    optimizer = sgd(1.0)
    (scheduler,) = made(Schedule((make,)), optimizer)
    before, attributes = copy.deepcopy(scheduler.state_dict()), vars(scheduler).keys() | set()
    with pytest.raises(error, match=message):
        scheduler.load_state_dict({**before, **change})
    with pytest.raises(ValueError, match=r"lacks|_schedulers"):
        scheduler.load_state_dict({})
    with pytest.raises((TypeError, ValueError), match="state"):
        scheduler.load_state_dict([])
    assert scheduler.state_dict() == before
    assert vars(scheduler).keys() == attributes


def test_one_part_that_does_not_fit_leaves_the_others_as_they_are():
    optimizer = sgd(1.0)
    parts = [lr_scheduler.StepLR(optimizer, 2), lr_scheduler.ExponentialLR(optimizer, 0.5)]
    scheduler = lr_scheduler.ChainedScheduler(parts)
    before = scheduler.state_dict()
    wrong = copy.deepcopy(before)
    wrong["_schedulers"][0]["step_size"], wrong["_schedulers"][1]["gamma"] = 7, -1.0
    with pytest.raises(ValueError, match="ExponentialLR: gamma=-1"):
        scheduler.load_state_dict(wrong)
    assert scheduler.state_dict() == before


def test_what_pytorch_counts_is_read():
    scheduler = lr_scheduler.MultiStepLR(sgd(1.0), [9])
    scheduler.load_state_dict({**scheduler.state_dict(), "milestones": Counter({2: 2, 1: 1}), "_step_count": 1})
    assert scheduler.milestones == [1, 2, 2]


def test_the_optimisers_state_has_the_initial_rates():
    optimizer = sgd(1.0, 2.0)
    lr_scheduler.ExponentialLR(optimizer, 0.5).step()
    other = sgd(7.0, 7.0)
    other.load_state_dict(optimizer.state_dict())
    assert [(group["initial_lr"], group["lr"]) for group in other.param_groups] == [(1.0, 0.5), (2.0, 1.0)]
    scheduler = lr_scheduler.ExponentialLR(other, 0.5, last_epoch=1)
    assert scheduler.get_last_lr() == [0.5, 1.0]
    assert scheduler.base_lrs == [1.0, 2.0]


def test_notes_in_groups_are_kept_and_checked():
    optimizer = nn.optim.SGD([{"params": [Tensor([1.0], requires_grad=True)], "lr": 0.5, "initial_lr": 2.0}])
    assert lr_scheduler.ExponentialLR(optimizer, 0.5, last_epoch=4).base_lrs == [2.0]
    plain = sgd(1.0).state_dict()
    optimizer.load_state_dict(plain)  # of an optimiser without a schedule
    assert optimizer.param_groups[0]["initial_lr"] == 2.0
    plain["param_groups"][0]["initial_lr"] = -1.0
    with pytest.raises(ValueError, match=r"SGD: initial_lr=-1\.0"):
        optimizer.load_state_dict(plain)
    assert "initial_lr" not in repr(optimizer)


# -- with compiled steps ----------------------------------------------------------------------------------------------


def problem(kind=nn.optim.SGD, **options):
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 1, rng=1))
    layers = [model[0], model[2]]
    groups = [{"params": [*layer.parameters()], "lr": rate} for layer, rate in zip(layers, (0.1, 0.05), strict=True)]
    return model, kind(groups, **options)


SCHEDULES = [
    "s.StepLR(o, 2, 0.5)",
    "s.CosineAnnealingLR(o, 7)",
    "s.OneCycleLR(o, 0.2, total_steps=20, cycle_momentum=False)",
    "s.SequentialLR(o, [s.LinearLR(o, 0.1), s.ExponentialLR(o, 0.9)], [6])",
    "s.LambdaLR(o, lambda t: 1 / (1 + t))",
]


@pytest.mark.parametrize("kind", [nn.optim.SGD, nn.optim.Adam])
@pytest.mark.parametrize("make", SCHEDULES)
def test_a_compiled_step_is_captured_once(make, kind):
    (model, optimizer), (twin, eager) = problem(kind), problem(kind)
    step, loss = nn.compile_step(model, nn.MSELoss(), optimizer), nn.MSELoss()
    rng = np.random.default_rng(0)
    batches = [[rng.normal(size=(6, n)).astype(np.float32) for n in (3, 1)] for _ in range(20)]
    for _ in range(4):
        step(*batches[0])  # a schedule that comes later costs nothing either
        eager.zero_grad()
        loss(twin(batches[0][0]), batches[0][1]).backward()
        eager.step()
    (ours,), (its_twin,) = (made(Schedule((make,)), o) for o in (optimizer, eager))
    for x, y in batches:
        eager.zero_grad()
        value = loss(twin(x), y)
        value.backward()
        eager.step()
        assert step(x, y) == value.data
        ours.step()
        its_twin.step()
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert a.data.tobytes() == b.data.tobytes()
    assert step.programs == 1


def test_a_momentum_that_changes_is_looked_up_as_the_rate_is():
    (model, optimizer), (twin, eager) = problem(momentum=0.9), problem(momentum=0.9)
    step, loss = nn.compile_step(model, nn.MSELoss(), optimizer), nn.MSELoss()
    schedulers = [lr_scheduler.OneCycleLR(o, 0.1, total_steps=40) for o in (optimizer, eager)]
    x, y = np.ones((6, 3), np.float32), np.ones((6, 1), np.float32)
    for _ in range(5):
        eager.zero_grad()
        value = loss(twin(x), y)
        value.backward()
        eager.step()
        assert step(x, y) == value.data
        for scheduler in schedulers:
            scheduler.step()
    assert step.programs == 1


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        ("s.StepLR(None, 2)", TypeError, "StepLR: optimizer is a NoneType"),
        ("s.StepLR(o, 0)", ValueError, "StepLR: step_size=0; give an integer of at least 1"),
        ("s.StepLR(o, 2.0)", TypeError, "StepLR: step_size is a float"),
        ("s.StepLR(o, 2, -0.1)", ValueError, "StepLR: gamma=-0.1"),
        ("s.StepLR(o, 2, '1')", TypeError, "StepLR: gamma is a str"),
        ("s.StepLR(o, 2, last_epoch=3)", ValueError, "StepLR: last_epoch=3, and a group has no 'initial_lr'"),
        ("s.StepLR(o, 2, last_epoch=-2)", ValueError, "StepLR: last_epoch=-2"),
        ("s.MultiStepLR(o, [1.5])", TypeError, "MultiStepLR: milestones is a float"),
        ("s.MultiStepLR(o, [-1])", ValueError, "MultiStepLR: milestones=-1"),
        ("s.ExponentialLR(o, math.nan)", ValueError, "ExponentialLR: gamma=nan"),
        ("s.ConstantLR(o, 0.0)", ValueError, "ConstantLR: factor=0"),
        ("s.ConstantLR(o, 1.5)", ValueError, "ConstantLR: factor=1.5"),
        ("s.ConstantLR(o, 0.5, 0)", ValueError, "ConstantLR: total_iters=0"),
        ("s.LinearLR(o, 0.0)", ValueError, "LinearLR: start_factor=0"),
        ("s.LinearLR(o, 0.5, 1.5)", ValueError, "LinearLR: end_factor=1.5"),
        ("s.LinearLR(o, 0.5, 1.0, 0)", ValueError, "LinearLR: total_iters=0"),
        ("s.PolynomialLR(o, 0)", ValueError, "PolynomialLR: total_iters=0"),
        ("s.PolynomialLR(o, 5, -1.0)", ValueError, "PolynomialLR: power=-1.0"),
        ("s.CosineAnnealingLR(o, 0)", ValueError, "CosineAnnealingLR: T_max=0"),
        ("s.CosineAnnealingLR(o, 5, -1.0)", ValueError, "CosineAnnealingLR: eta_min=-1.0"),
        ("s.CosineAnnealingWarmRestarts(o, 0)", ValueError, "CosineAnnealingWarmRestarts: T_0=0"),
        ("s.CosineAnnealingWarmRestarts(o, 2, 0)", ValueError, "CosineAnnealingWarmRestarts: T_mult=0"),
        ("s.LambdaLR(o, 0.5)", TypeError, "LambdaLR: lr_lambda is a float"),
        ("s.LambdaLR(o, [abs, abs])", ValueError, "LambdaLR: 2 functions for 1 groups"),
        ("s.LambdaLR(o, lambda t: -1.0)", ValueError, "LambdaLR: the learning rate of epoch 0 would be -1.0"),
        ("s.LambdaLR(o, lambda t: math.inf)", ValueError, "LambdaLR: the learning rate of epoch 0 would be inf"),
        ("s.LambdaLR(o, lambda t: 1 / t)", ZeroDivisionError, "division"),
        ("s.OneCycleLR(o, 1.0)", ValueError, "OneCycleLR: how many steps are there"),
        ("s.OneCycleLR(o, 1.0, epochs=3)", ValueError, "OneCycleLR: how many steps are there"),
        ("s.OneCycleLR(o, 1.0, total_steps=0)", ValueError, "OneCycleLR: total_steps=0"),
        ("s.OneCycleLR(o, [1.0, 1.0], 9)", ValueError, "OneCycleLR: 2 values of max_lr for 1 groups"),
        ("s.OneCycleLR(o, 1.0, 10, pct_start=0.1)", ValueError, "pct_start=0.1 of 10 steps is the first step alone"),
        ("s.OneCycleLR(o, 1.0, 9, pct_start=1.5)", ValueError, "OneCycleLR: pct_start=1.5"),
        ("s.OneCycleLR(o, 1.0, 9, anneal_strategy='step')", ValueError, "anneal_strategy='step'"),
        ("s.OneCycleLR(o, 1.0, 9, max_momentum=1.0)", ValueError, "OneCycleLR: max_momentum=1.0"),
        ("s.OneCycleLR(o, 1.0, 9, div_factor=0)", ValueError, "OneCycleLR: div_factor=0"),
        ("s.ReduceLROnPlateau(o, 'least')", ValueError, "ReduceLROnPlateau: mode='least'"),
        ("s.ReduceLROnPlateau(o, factor=1.0)", ValueError, "ReduceLROnPlateau: factor=1.0"),
        ("s.ReduceLROnPlateau(o, patience=-1)", ValueError, "ReduceLROnPlateau: patience=-1"),
        ("s.ReduceLROnPlateau(o, threshold_mode='x')", ValueError, "threshold_mode='x'"),
        ("s.ReduceLROnPlateau(o, min_lr=[0.1, 0.1])", ValueError, "2 values of min_lr for 1 groups"),
        ("s.LRScheduler(o)", NotImplementedError, "LRScheduler has no get_lr"),
        ("s.ChainedScheduler([])", ValueError, "ChainedScheduler: there are no schedules"),
        ("s.ChainedScheduler([s.StepLR(p, 2)], o)", ValueError, "its StepLR belongs to another optimiser"),
        ("s.ChainedScheduler([s.ReduceLROnPlateau(p)])", ValueError, "schedulers holds a ReduceLROnPlateau"),
        ("s.SequentialLR(o, [], [])", ValueError, "SequentialLR: there are no schedules"),
        ("s.SequentialLR(p, [q, 3], [1])", TypeError, "schedulers holds a int"),
        ("s.SequentialLR(p, [q, q], [])", ValueError, r"milestones=\[\] for 2 schedules"),
        ("s.SequentialLR(p, [q, q, q], [3, 2])", ValueError, r"milestones=\[3, 2\]"),
        ("s.SequentialLR(p, [q, q], [0])", ValueError, "milestones=0"),
        ("s.SequentialLR(p, [s.ChainedScheduler([q])], [])", ValueError, "schedulers holds a ChainedScheduler"),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(make, error, message):
    optimizer, other = sgd(1.0), sgd(1.0)
    names = {"s": lr_scheduler, "math": math, "o": optimizer, "p": other, "q": lr_scheduler.ExponentialLR(other, 0.5)}
    before, others = copy.deepcopy(optimizer.state_dict()), copy.deepcopy(other.state_dict())
    with pytest.raises(error, match=message):
        eval(make, names)
    assert optimizer.state_dict() == before
    assert other.state_dict() == others


def test_a_step_that_fails_changes_nothing():
    optimizer = sgd(1.0)
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda t: 1 - t)
    scheduler.step()
    before = scheduler.state_dict()
    for _ in range(2):
        with pytest.raises(ValueError, match="the learning rate of epoch 2 would be -1"):
            scheduler.step()
    assert scheduler.state_dict() == before
    assert optimizer.lr == 0.0

    optimizer = sgd(1.0, momentum=0.9)
    scheduler = lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=2, pct_start=1.0)
    scheduler.step()
    before = settings(optimizer)
    with pytest.raises(ValueError, match="there are 2 steps, and all were taken"):
        scheduler.step()
    assert settings(optimizer) == before
    restarts = lr_scheduler.CosineAnnealingWarmRestarts(sgd(1.0), 2)
    restarts.optimizer.add_param_group({"params": [Tensor([1.0], requires_grad=True)]})
    for _ in range(3):
        with pytest.raises(ValueError, match="1 learning rates for the 2 groups"):
            restarts.step()
    assert restarts.T_cur == restarts.last_epoch == 0


def test_one_cycle_has_its_end():
    scheduler = lr_scheduler.OneCycleLR(sgd(1.0), 1.0, total_steps=4, anneal_strategy="linear")
    for _ in range(4):
        scheduler.step()
    assert scheduler.get_last_lr() == [0.0]  # and not below
    with pytest.raises(ValueError, match="there are 4 steps, and all were taken"):
        scheduler.step()


def test_an_optimiser_without_momentum_is_said_to_have_none():
    class Plain(nn.optim.Optimizer):
        pass

    optimizer = Plain([Tensor([1.0], requires_grad=True)], lr=1.0)
    with pytest.raises(ValueError, match="OneCycleLR: Plain has no momentum; pass cycle_momentum=False"):
        lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=9)
    lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=9, cycle_momentum=False)


def test_groups_that_come_later_are_asked_about():
    optimizer = sgd(1.0)
    schedulers = [
        lr_scheduler.LambdaLR(optimizer, lambda t: 1.0),
        lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 2),
        lr_scheduler.MultiplicativeLR(optimizer, lambda t: 1.0),
    ]
    plateau, step = lr_scheduler.ReduceLROnPlateau(optimizer), lr_scheduler.StepLR(optimizer, 1, 0.5)
    optimizer.add_param_group({"params": [Tensor([1.0], requires_grad=True)], "lr": 4.0})
    for scheduler in schedulers:
        with pytest.raises(ValueError, match="1 learning rates for the 2 groups"):
            scheduler.step()
    with pytest.raises(ValueError, match="made for 1 groups of parameters, and the optimiser has 2"):
        plateau.step(1.0)
    step.step()
    assert step.get_last_lr() == [0.5, 2.0]


def test_a_schedule_of_ones_own():
    class Halves(lr_scheduler.LRScheduler):
        def get_lr(self):
            return [base * 0.5**self.last_epoch for base in self.base_lrs]

    optimizer = sgd(1.0, 4.0)
    scheduler = Halves(optimizer)
    scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 2.0]
    again = lr_scheduler.SequentialLR(optimizer, [lr_scheduler.StepLR(optimizer, 5), Halves(optimizer)], [1])
    again.step()
    assert again.get_last_lr() == [1.0, 4.0]
    again.step()
    assert again.get_last_lr() == [0.5, 2.0]


def test_metrics_may_be_tensors():
    optimizer = sgd(1.0)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    for loss in (Tensor(1.0, requires_grad=True), np.float32(2.0)):
        scheduler.step(loss)
    assert optimizer.lr == pytest.approx(0.1)


# -- random ones ------------------------------------------------------------------------------------------------------

factors, counts = st.floats(0.05, 1.0).map(lambda x: round(x, 3)), st.integers(1, 9)
# Multiplying by factors that are there again in the next step: rates of 0 cannot come back.
FORMS = {
    "s.StepLR(o, {}, {})": (counts, factors),
    "s.MultiStepLR(o, {}, {})": (st.lists(st.integers(0, 20), max_size=5), factors),
    "s.ExponentialLR(o, {})": (factors,),
    "s.ConstantLR(o, {}, {})": (factors, counts),
    "s.LinearLR(o, {}, {}, {})": (factors, st.just(0.0) | factors, counts),
    "s.PolynomialLR(o, {}, {})": (counts, st.floats(0, 3)),
    "s.CosineAnnealingLR(o, {}, {})": (counts, st.sampled_from([0, 0.0, 0.01])),
    "s.CosineAnnealingWarmRestarts(o, {}, {}, {})": (counts, st.integers(1, 3), st.sampled_from([0, 0.01])),
    "s.LambdaLR(o, lambda t: {} / (1 + t))": (factors,),
    "s.MultiplicativeLR(o, lambda t: {} ** (t % 3))": (factors,),
}
rates = st.lists(st.floats(0.01, 2), min_size=1, max_size=3).map(tuple)
single = st.one_of(*(st.tuples(*parts).map(lambda x, form=form: form.format(*x)) for form, parts in FORMS.items()))
one_cycle = st.builds(
    "s.OneCycleLR(o, {}, {}, None, None, {}, {!r}, {}, {}, {}, {}, {}, {})".format,
    st.floats(0.1, 2), st.integers(24, 40), st.sampled_from([0.0, 0.2, 0.3, 0.45]), st.sampled_from(["cos", "linear"]),
    st.booleans(), st.floats(0.1, 0.9), st.floats(0.1, 0.9), st.floats(1, 30), st.floats(1, 1e4), st.booleans(),
)  # fmt: skip
plateaus = st.builds(
    "s.ReduceLROnPlateau(o, {!r}, {}, {}, {}, {!r}, {}, {}, {})".format,
    st.sampled_from(["min", "max"]), st.floats(0.1, 0.9), st.integers(0, 4), st.sampled_from([1e-4, 0.1, 0.5]),
    st.sampled_from(["rel", "abs"]), st.integers(0, 3), st.sampled_from([0, 0.05]), st.sampled_from([1e-8, 0.01]),
)  # fmt: skip


@st.composite
def schedules(draw):
    kind = draw(st.sampled_from(["one", "several", "chained", "sequential", "cycle", "plateau"]))
    makes = draw(st.lists(single, min_size=1, max_size=1 if kind == "one" else 3))
    inside = ", ".join(makes)
    if kind == "chained":
        makes = [f"s.ChainedScheduler([{inside}])"]
    elif kind == "sequential":
        milestones = draw(st.lists(st.integers(1, 12), min_size=len(makes) - 1, max_size=len(makes) - 1, unique=True))
        makes = [f"s.SequentialLR(o, [{inside}], {sorted(milestones)})"]
    elif kind == "cycle":
        makes = [draw(one_cycle)]
    elif kind == "plateau":
        makes = [draw(plateaus)]
    optimizer = draw(st.sampled_from(["SGD", "Adam", "AdamW"]))
    return Schedule(tuple(makes), optimizer, draw(rates), 23, kind == "plateau")


def is_taken(case: Schedule) -> bool:
    """Tell whether no rate is negative: one schedule's may be, where another one has lowered it below the least."""
    try:
        run(case, ours(case))
    except ValueError as error:
        if "would be -" in str(error):
            return False
        raise
    return True


@given(schedules().filter(is_taken))
def test_random_ones_set_rates_and_keep_a_state(case):
    optimizer = ours(case)
    schedulers = made(case, optimizer)
    first = advance(case, optimizer, schedulers, 0, 9)
    assert all(0 <= group[0] < math.inf for groups in first for group in groups)
    states, state = [scheduler.state_dict() for scheduler in schedulers], optimizer.state_dict()
    other = ours(case)
    others = made(case, other)
    other.load_state_dict(state)
    for scheduler, saved in zip(others, states, strict=True):
        scheduler.load_state_dict(saved)
    assert advance(case, other, others, 9, 23) == advance(case, optimizer, schedulers, 9, 23)


if find_spec("torch"):

    @pytest.mark.filterwarnings("ignore::UserWarning")
    @given(schedules().filter(is_taken))
    def test_random_ones_are_what_pytorch_makes_of_them(case):
        np.testing.assert_allclose(run(case, ours(case)), run(case, pytorchs(case)), rtol=1e-9, atol=1e-12)

    @each_case
    def test_pytorchs_states_are_read(case):
        theirs, own = pytorchs(case), ours(case)
        schedulers, others = made(case, theirs), made(case, own)
        advance(case, theirs, schedulers, 0, 5)
        own.load_state_dict(theirs.state_dict())
        for scheduler, other in zip(schedulers, others, strict=True):
            other.load_state_dict(scheduler.state_dict())
        expected = advance(case, theirs, schedulers, 5, case.steps)
        np.testing.assert_allclose(advance(case, own, others, 5, case.steps), expected, rtol=1e-9, atol=1e-12)
