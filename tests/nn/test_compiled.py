"""Compiled training steps: eager's bits, for every optimiser, layer and mode, and a switch between both at any time.

What may change between two steps, and would be baked in: modes, frozen parameters, shapes; hyperparameters and
settings, also those in lists, and the sign of a zero; of what each step reads anew, not the numbers alone but of which
type they are: a rate of NumPy's rounds otherwise than one of Python's, and a buffer may get another dtype.
"""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import weakref
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

import nn
from autograd_np import Tensor
from autograd_np.compiling import Uncapturable
from tests.nn.doctor.networks import networks
from tests.nn.programs import FOLDER, PROGRAMS


class Recurrent(nn.Module):
    """Recurrent layers of all kinds, one on the other."""

    def __init__(self) -> None:
        self.lstm = nn.LSTM(4, 6, 2, batch_first=True, dropout=0.3, bidirectional=True, rng=0)
        self.gru = nn.GRU(12, 6, batch_first=True, rng=1)
        self.rnn = nn.RNN(6, 6, nonlinearity="relu", batch_first=True, rng=2)
        self.head = nn.Linear(6, 10, rng=3)

    def forward(self, x: Any) -> Any:
        for layer in (self.lstm, self.gru, self.rnn):
            x, _ = layer(x)
        return self.head(x[:, -1])


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "perceptron": (lambda: nn.Sequential(nn.Linear(20, 16, rng=0), nn.ReLU(), nn.Linear(16, 10, rng=1)), (20,)),
    "normalised": (
        lambda: nn.Sequential(nn.Linear(20, 16, rng=0), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 10, rng=1)), (20,),
    ),
    "dropped": (
        lambda: nn.Sequential(nn.Linear(20, 16, rng=0), nn.Dropout(0.3, rng=5), nn.Sigmoid(), nn.Linear(16, 10, rng=1)),
        (20,),
    ),
    "convolutional": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3, rng=0),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(36, 10, rng=1),
        ),
        (1, 8, 8),
    ),
    "averaged": (
        lambda: nn.Sequential(nn.Linear(20, 16, rng=0), nn.BatchNorm1d(16, momentum=None), nn.Linear(16, 10, rng=1)),
        (20,),
    ),
    "overlapping": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 3, 3, stride=2, padding=1, rng=0),
            nn.MaxPool2d(3, 2, 1),
            nn.Flatten(),
            nn.Linear(12, 10, rng=1),
        ),
        (1, 8, 8),
    ),
    "recurrent": (Recurrent, (5, 4)),
    "transformer": (
        lambda: nn.Sequential(
            nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6, 0.2, "gelu", batch_first=True, rng=0), 2),
            nn.Flatten(),
            nn.Linear(20, 10, rng=1),
        ),
        (5, 4),
    ),
    "in groups": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3, padding="same", dilation=2, rng=0),
            nn.Conv2d(4, 4, 3, padding=1, groups=4, padding_mode="reflect", rng=1),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.ConvTranspose2d(4, 2, 2, 2, groups=2, rng=2),
            nn.Upsample(scale_factor=0.5, mode="bilinear"),
            nn.AvgPool2d(2, 1, 1, count_include_pad=False),
            nn.AdaptiveAvgPool2d((3, 2)),
            nn.Flatten(),
            nn.Linear(12, 10, rng=3),
        ),
        (1, 8, 8),
    ),
}  # fmt: skip
OPTIMIZERS: dict[str, Callable[[Any], nn.optim.Optimizer]] = {
    "SGD": lambda p: nn.optim.SGD(p, lr=0.1),
    "momentum": lambda p: nn.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-2, dampening=0.1),
    "Nesterov": lambda p: nn.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "Adam": lambda p: nn.optim.Adam(p, lr=0.01, weight_decay=1e-3),
    "AdamW": lambda p: nn.optim.AdamW(p, lr=0.01),
    "NAdam": lambda p: nn.optim.NAdam(p, lr=0.01),
    "RMSprop": lambda p: nn.optim.RMSprop(p, lr=0.01, momentum=0.9),
}
RNG = np.random.default_rng(0)


class Twins:
    """The same model twice: one is trained eagerly, the other one by a compiled step."""

    def __init__(self, models: tuple[Any, Any], optimizers: tuple[Any, Any], loss: Any) -> None:
        self.models, self.optimizers, self.loss = models, optimizers, loss
        self.step = nn.compile_step(models[1], loss, optimizers[1])

    def eagerly(self, i: int, x: Any, y: Any) -> Any:
        self.optimizers[i].zero_grad()
        value = self.loss(self.models[i](x), y)
        value.backward()
        self.optimizers[i].step()
        return value.data[()]

    def check_batch(self, x: Any, y: Any) -> None:
        for entry in self.step._step._entries.values():
            if entry.program is not None:
                entry.program.memory.fill(255)
        expected, found = self.eagerly(0, x, y), self.step(x, y)
        assert bits(found) == bits(expected)
        self.check_state()

    def check_state(self) -> None:
        first, second = (model.state_dict() for model in self.models)
        assert {key for key in first if bits(first[key]) != bits(second[key])} == set()
        remembered, other = (optimizer.state_dict() for optimizer in self.optimizers)
        assert remembered["param_groups"] == other["param_groups"]
        assert remembered["state"].keys() == other["state"].keys()
        for number, entries in remembered["state"].items():
            for key, value in entries.items():
                assert bits(value) == bits(other["state"][number][key])


class Pair(Twins):
    """One of the models above, twice."""

    def __init__(self, model: str, optimizer: str = "SGD") -> None:
        build, self.shape = MODELS[model]
        models = build(), build()
        first, second = (OPTIMIZERS[optimizer](m.parameters()) for m in models)
        super().__init__(models, (first, second), nn.CrossEntropyLoss())

    def batch(self, n: int = 8) -> tuple[Any, Any]:
        return RNG.normal(size=(n, *self.shape)).astype(np.float32), RNG.integers(0, 10, n)

    def check_step(self, n: int = 8) -> None:
        self.check_batch(*self.batch(n))


def bits(value: Any) -> Any:
    """Return the type, the dtype, the shape and the bits of an array or a number."""
    return type(value), np.asarray(value).dtype, np.shape(value), np.asarray(value).tobytes()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_same_bits(model: str, optimizer: str) -> None:
    pair = Pair(model, optimizer)
    for _ in range(6):
        pair.check_step()
    assert pair.step.programs == 1


@st.composite
def optimizers(draw: st.DrawFn) -> Callable[[Any], nn.optim.Optimizer]:
    """Draw what makes an optimiser of a model, of one group or of two."""
    decay, share = st.sampled_from([0.0, 0.01]), st.sampled_from([0.0, 0.5, 0.9])
    kinds = [nn.optim.SGD, nn.optim.Adam, nn.optim.AdamW, nn.optim.RMSprop, nn.optim.Adagrad, nn.optim.NAdam]
    kind = draw(st.sampled_from(kinds))
    chosen = {"lr": draw(st.sampled_from([1e-3, 0.05])), "weight_decay": draw(decay)}
    if kind is nn.optim.SGD:
        chosen["momentum"], nesterov = draw(share), draw(st.booleans())
        chosen |= {"nesterov": True} if nesterov and chosen["momentum"] else {"dampening": draw(share)}
    elif kind is nn.optim.RMSprop:
        chosen |= {"momentum": draw(share), "centered": draw(st.booleans()), "eps": 1e-3}
    elif kind is nn.optim.Adagrad:
        chosen |= {"lr_decay": draw(share), "initial_accumulator_value": draw(share)}
    else:
        chosen |= {"betas": (draw(share), 0.99), "eps": draw(st.sampled_from([1e-8, 1e-3]))}
    groups = draw(st.booleans())

    def make(model: nn.Module) -> nn.optim.Optimizer:
        parameters = list(model.parameters())
        halves = [{"params": parameters[:1], "lr": 0.01}, {"params": parameters[1:]}]
        return kind(halves if groups and len(parameters) > 1 else parameters, **chosen)

    return make


def first_requires_gradients(model: Any, requires: bool) -> None:
    next(iter(model.parameters())).requires_grad = requires


def scale_rates(optimizer: Any, factor: Any) -> None:
    for group in optimizer.param_groups:
        group["lr"] = group["lr"] * factor


CHANGES: dict[str, Callable[[Any, Any], None]] = {
    "nothing": lambda model, optimizer: None,
    "a short batch": lambda model, optimizer: None,
    "evaluation": lambda model, optimizer: model.eval(),
    "training": lambda model, optimizer: model.train(),
    "frozen": lambda model, optimizer: first_requires_gradients(model, False),
    "thawed": lambda model, optimizer: first_requires_gradients(model, True),
    "a schedule": lambda model, optimizer: scale_rates(optimizer, 0.5),
    "a rate of NumPy's": lambda model, optimizer: scale_rates(optimizer, np.float64(0.7)),
    "loaded": lambda model, optimizer: optimizer.load_state_dict(optimizer.state_dict()),
    "a new memory": lambda model, optimizer: optimizer.state.clear(),
    "an eager step": lambda model, optimizer: None,
}
"""What happens between steps."""


@given(networks(), optimizers(), st.lists(st.sampled_from(list(CHANGES)), min_size=1, max_size=6), st.booleans())
def test_random_networks(network: Any, make: Callable[[Any], Any], changes: list[str], single: bool) -> None:
    """Layers, losses and optimisers of every kind, with what happens between steps: the same bits, and no refusal."""
    dtype = np.float32 if single else np.float64
    first, second = (replace(network).model for _ in range(2))
    for model in (first, second):
        for parameter in model.parameters():
            parameter.data = parameter.data.astype(dtype)
        for layer in model:
            for name in ("running_mean", "running_var"):
                if getattr(layer, name, None) is not None:
                    setattr(layer, name, getattr(layer, name).astype(dtype))
    twins = Twins((first, second), (make(first), make(second)), network.criterion)
    rng = np.random.default_rng(network.seed)

    def batch(n: int) -> tuple[Any, Any]:
        x = rng.normal(size=(n, *network.x.shape[1:])).astype(dtype)
        chosen = rng.integers(network.examples, size=n)
        return x, network.y[chosen] if network.y.dtype.kind == "i" else network.y[chosen].astype(dtype)

    for change in ["nothing", *changes]:
        for pair in zip(twins.models, twins.optimizers, strict=True):
            CHANGES[change](*pair)
        n = 2 if change == "a short batch" else network.examples + 1
        if not any(parameter.requires_grad for parameter in first.parameters()):
            reject()
        if change == "an eager step":
            x, y = batch(n)
            assert bits(twins.eagerly(0, x, y)) == bits(twins.eagerly(1, x, y))
        with np.errstate(over="ignore", invalid="ignore"):  # some diverge, the same way
            for _ in range(5):
                twins.check_batch(*batch(n))
    assert twins.step.programs


def test_short_batches_rates_and_eager_steps_in_between() -> None:
    pair = Pair("perceptron", "Adam")
    for i, n in enumerate([8, 8, 8, 8, 3, 3, 3, 8, 3, 8]):
        if i == 5:
            for optimizer in pair.optimizers:
                optimizer.lr = 0.003
        pair.check_step(n)
        if i == 7:
            x, y = pair.batch()
            assert pair.eagerly(0, x, y) == pair.eagerly(1, x, y)
    assert pair.step.programs == 2


def test_modes_frozen_parameters_and_hyperparameters_have_programs_of_their_own() -> None:
    pair = Pair("normalised", "momentum")
    for change in range(4):
        for model, optimizer in zip(pair.models, pair.optimizers, strict=True):
            if change == 1:
                model.eval()
            if change == 2:
                model[0].requires_grad_(False)
            if change == 3:
                optimizer.param_groups[0]["momentum"] = 0.5
        for _ in range(4):
            pair.check_step()
    assert pair.step.programs == 4


@pytest.mark.parametrize("optimizer", ["momentum", "Nesterov", "Adam", "AdamW", "NAdam", "RMSprop"])
def test_a_schedule_that_changes_momentum_needs_no_other_program(optimizer: str) -> None:
    pair = Pair("perceptron", optimizer)
    one_cycle = nn.optim.lr_scheduler.OneCycleLR
    schedules = [one_cycle(o, 0.1, total_steps=12, base_momentum=0.0) for o in pair.optimizers]
    for _ in range(11):  # momentum is 0 in the midst of it, where an optimiser of Adam's kind needs no other steps
        pair.check_step()
        for schedule in schedules:
            schedule.step()
    assert pair.step.programs == 1
    group = pair.optimizers[1].param_groups[0]
    group.update({"momentum": 0.5} if "momentum" in group else {"betas": (0.5, 0.9)})
    pair.optimizers[0].param_groups[0].update(group | {"params": pair.optimizers[0].param_groups[0]["params"]})
    for _ in range(3):
        pair.check_step()
    assert pair.step.programs == (1 if "momentum" in group else 2)  # of a pair, the second number is no momentum


def test_settings_and_parts_of_a_model_that_change() -> None:
    pair = Pair("dropped")
    for change in range(3):
        for model in pair.models:
            if change == 1:
                model[1].p = 0.6
            if change == 2:
                model[2] = nn.Tanh()
        for _ in range(4):
            pair.check_step()
    assert pair.step.programs == 3


def test_loaded_states() -> None:
    pair = Pair("perceptron", "Adam")
    states = [
        (model.state_dict(), optimizer.state_dict())
        for model, optimizer in zip(pair.models, pair.optimizers, strict=True)
    ]
    for _ in range(4):
        pair.check_step()
    for model, optimizer, (weights, memory) in zip(pair.models, pair.optimizers, states, strict=True):
        model.load_state_dict(weights)
        optimizer.load_state_dict(memory)
    for _ in range(4):
        pair.check_step()


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW"])
@pytest.mark.parametrize(
    "rate", [np.float64(0.0312345), np.float32(0.0312345), np.array(0.03), Fraction(1, 30), 1, 0.0]
)
def test_rates_of_every_type(rate: Any, optimizer: str) -> None:
    """From the first step on, and set later."""
    pair = Pair("perceptron", optimizer)
    for first, then in ((rate, 0.02), (0.02, rate)):
        for rates in (first, then):
            for other in pair.optimizers:
                other.param_groups[0]["lr"] = rates
            for _ in range(4):
                pair.check_step()


@pytest.mark.parametrize("betas", [(0.8, 0.99), [0.8, 0.99], np.array([0.8, 0.99])])
def test_hyperparameters_in_sequences(betas: Any) -> None:
    pair = Pair("perceptron", "Adam")
    for change in (betas, betas, (0.7, 0.9)):
        for optimizer in pair.optimizers:
            optimizer.param_groups[0]["betas"] = change
        for _ in range(4):
            pair.check_step()
    assert pair.step.programs == 2
    for optimizer in pair.optimizers:
        optimizer.param_groups[0]["betas"] = changed = [0.8, 0.99]
        changed[0] = 0.5
    pair.check_step()


class Own(nn.optim.SGD):
    """An optimiser that counts its steps."""

    def __init__(self, params: Any, factor: Callable[[Any, Any], Any]) -> None:
        super().__init__(params, lr=0.1)
        self.factor = factor

    def _update(self, parameter: Tensor, grad: Any, state: dict[str, Any], group: Any) -> None:
        state["step"] = state.get("step", 0) + 1
        parameter.data = p = parameter.data
        p += self.factor(group["lr"], state["step"]) * grad


def own(factor: Callable[[Any, Any], Any]) -> Pair:
    OPTIMIZERS["own"] = lambda params: Own(params, factor)
    try:
        return Pair("perceptron", "own")
    finally:
        del OPTIMIZERS["own"]


@pytest.mark.parametrize(
    "factor",
    [
        lambda lr, step: -lr, lambda lr, step: lr * (-1.0) ** step, lambda lr, step: -lr * 0.5 ** (step // 2),
        lambda lr, step: -(lr ** (1 + step % 3)), lambda lr, step: 2 // (step + lr) - 7 % (lr + step) - lr / step,
    ],
)  # fmt: skip
def test_arithmetic_with_rates_and_steps(factor: Callable[[Any, Any], Any]) -> None:
    pair = own(factor)
    for rate in (0.1, 0.1, 0.1, 0.02, 0.1, 0.3):
        for optimizer in pair.optimizers:
            optimizer.lr = rate
        pair.check_step()
    assert pair.step.programs == 1


@pytest.mark.parametrize(
    "factor",
    [
        lambda lr, step: -lr if step == 1 else lr, lambda lr, step: -lr if step != 1 else lr,
        lambda lr, step: -max(lr, 0.01), lambda lr, step: -float(f"{lr:.1f}"), lambda lr, step: -abs(lr),
        lambda lr, step: {0.1: 1, 0.2: 2}[lr], lambda lr, step: round(lr, 1), lambda lr, step: lr in (0.1, 0.2),
    ],
)  # fmt: skip
def test_decisions_by_rates_and_steps(factor: Callable[[Any, Any], Any]) -> None:
    pair = own(factor)

    def train() -> None:
        for _ in range(4):
            pair.check_step()

    with pytest.raises(Uncapturable, match=r"test_compiled\.py:\d+, in <lambda>: \S.* may change from run to run"):
        train()


class Scaled(nn.Module):
    """It has settings of every kind."""

    def __init__(self) -> None:
        self.linear = nn.Linear(20, 10, rng=0)
        self.zero = 0.0
        self.factors = [1.0, (2.0, {"last": 3.0})]
        self.arrays = (np.ones(10, np.float32), [np.ones(10, np.float32)])

    def forward(self, x: Any) -> Any:
        first, (second, others) = self.factors
        sign = np.copysign(np.float32(1), self.zero)
        return self.linear(x) * (first * second * others["last"]) * sign * self.arrays[0] * self.arrays[1][0]


def test_settings_of_every_kind() -> None:
    MODELS["scaled"] = Scaled, (20,)
    try:
        pair = Pair("scaled")
    finally:
        del MODELS["scaled"]

    def write(model: Any) -> None:
        model.arrays[0][3:] = 0.5

    def exchange(model: Any) -> None:
        model.arrays[1][0] = np.full(10, 0.25, np.float32)

    changes: list[Callable[[Any], None]] = [
        lambda model: setattr(model, "zero", -0.0), lambda model: model.factors.__setitem__(0, 0.5),
        lambda model: model.factors[1][1].update(last=0.25), write, exchange,
    ]  # fmt: skip
    for change in (lambda _: None, *changes):
        for model in pair.models:
            change(model)
        for _ in range(4):
            pair.check_step()
    assert pair.step.programs == 5


def test_buffers_of_another_form() -> None:
    pair = Pair("normalised")
    for form in (lambda b: b, lambda b: b.astype(np.float64) + 1 / 3, lambda b: b[:1], lambda b: b.astype(np.float16)):
        for model in pair.models:
            model[1].running_mean = form(model[1].running_mean)
        for _ in range(3):
            pair.check_step()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_memory_that_begins_anew_again_and_again(optimizer: str) -> None:
    """No program stands for the first step, which makes the memory."""
    pair = Pair("perceptron", optimizer)
    for _ in range(4):
        for each in pair.optimizers:
            each.state.clear()
        for _ in range(3):
            pair.check_step()


def test_other_parameters_of_as_many() -> None:
    pair = Pair("perceptron", "momentum")
    for part in (0, 2, 0):
        for model, optimizer in zip(pair.models, pair.optimizers, strict=True):
            optimizer.param_groups[0]["params"] = list(model[part].parameters())
        for _ in range(4):
            x, y = pair.batch()
            assert bits(pair.step(x, y)) == bits(pair.eagerly(0, x, y))
            first, second = (map(bits, model.state_dict().values()) for model in pair.models)
            assert list(first) == list(second)


class Remembering(nn.Module):
    """It makes a buffer when it has none."""

    def __init__(self) -> None:
        self.linear = nn.Linear(20, 10, rng=0)
        self.register_buffer("mean", None)

    def forward(self, x: Any) -> Any:
        y = self.linear(x)
        self.mean = y.data * 0.5 if self.mean is None else self.mean + y.data * 0.25
        return y * self.mean


def test_buffers_that_are_made_on_the_way() -> None:
    MODELS["remembering"] = Remembering, (20,)
    try:
        pair = Pair("remembering")
    finally:
        del MODELS["remembering"]
    for i in range(12):
        if i < 4 or i == 8:
            for model in pair.models:
                model.mean = None
        x, y = pair.batch()
        assert bits(pair.step(x, y)) == bits(pair.eagerly(0, x, y))
        assert bits(pair.models[0].mean) == bits(pair.models[1].mean)


def test_what_programs_were_written_for_is_kept() -> None:
    """Else another part could lie where one of them was."""
    pair = Pair("perceptron")
    for _ in range(3):
        pair.check_step()
    before = weakref.ref(pair.models[1][1])
    for model in pair.models:
        model[1] = nn.Tanh()
    for _ in range(3):
        pair.check_step()
    gc.collect()
    assert before() is not None


def test_a_wrong_label_changes_nothing() -> None:
    pair = Pair("perceptron", "momentum")
    for _ in range(4):
        pair.check_step()
    x, y = pair.batch()
    y[3] = 12
    with pytest.raises(ValueError, match="the label 12"):
        pair.step(x, y)
    pair.check_state()
    pair.check_step()


class Branching(nn.Module):
    def __init__(self) -> None:
        self.linear = nn.Linear(20, 10, rng=0)

    def forward(self, x: Any) -> Any:
        y = self.linear(x)
        return y if y.sum() > 0 else -y


def test_a_refusal_names_the_line_and_changes_nothing() -> None:
    model = Branching()
    step = nn.compile_step(model, nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), lr=0.1))
    before = model.state_dict()
    with pytest.raises(Uncapturable, match=r"test_compiled\.py:\d+, in forward: a value decides"):
        step(np.ones((2, 20), np.float32), np.array([1, 2]))
    assert all(np.array_equal(before[key], value) for key, value in model.state_dict().items())
    model(np.ones((2, 20), np.float32)).sum().backward()


def test_a_graph_from_before_a_step_is_refused() -> None:
    pair = Pair("perceptron")
    for _ in range(4):
        pair.check_step()
    x, y = pair.batch()
    loss = pair.loss(pair.models[1](x), y)
    pair.step(x, y)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_the_text() -> None:
    pair = Pair("perceptron")
    for _ in range(3):
        pair.check_step()
    titles = [line.strip() for line in pair.step.source.splitlines() if line.strip().startswith("# ")]
    assert titles == [
        "# forward: linear0", "# forward: relu1", "# forward: linear2", "# forward: loss", "# backward: loss",
        "# backward: linear2", "# backward: relu1", "# backward: linear0", "# update",
    ]  # fmt: skip
    for name in ("linear0_weight", "d_linear0_weight", "relu1", "d_linear2_bias", "lr"):
        assert name in pair.step.source


def test_a_step_is_not_copied() -> None:
    pair = Pair("perceptron", "momentum")
    for _ in range(4):
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match=r"compile_step: .*copy\.deepcopy\(\(model, optimizer\)\)"):
                attempt(pair.step)
        pair.check_step()
    model, optimizer = copy.deepcopy((pair.models[1], pair.optimizers[1]))
    pair.models, pair.optimizers = (pair.models[0], model), (pair.optimizers[0], optimizer)
    pair.step = nn.compile_step(model, pair.loss, optimizer)
    for _ in range(4):
        pair.check_step()


class Both(nn.Module):
    """Takes several arrays."""

    def __init__(self) -> None:
        self.inner = nn.Linear(20, 10, rng=0)

    def forward(self, x: Any) -> Any:
        return self.inner(x["a"] if isinstance(x, dict) else x[0]) + self.inner(x["b"] if isinstance(x, dict) else x[1])


TABLES: list[Callable[[Any], Any]] = [
    lambda array: (pd.DataFrame if array.ndim == 2 else pd.Series)(array),
    lambda array: pd.DataFrame(array, columns=[f"c{i}" for i in range(20)]) if array.ndim == 2 else pd.Index(array),
    lambda array: array.tolist(),
    lambda array: tuple(map(tuple, array)) if array.ndim == 2 else tuple(array),
]


@pytest.mark.parametrize("convert", TABLES)
def test_tables_and_lists(convert: Callable[[Any], Any]) -> None:
    """What layers and losses take eagerly: tables of pandas; lists and tuples of numbers; and what they refuse."""
    pair = Pair("perceptron")
    for _ in range(4):
        pair.check_batch(*map(convert, pair.batch()))
    assert pair.step.programs == 1
    models = Both(), Both()
    twins = Twins(models, tuple(nn.optim.SGD(m.parameters(), lr=0.1) for m in models), pair.loss)  # pyright: ignore
    for join in (list, lambda parts: dict(zip("ab", parts, strict=True))):
        for _ in range(4):
            (x, y), (other, _) = pair.batch(), pair.batch()
            twins.check_batch(join([convert(x) if convert in TABLES[:2] else x, other]), convert(y))
    assert twins.step.programs == 2
    with pytest.raises(TypeError, match="Linear: the input is of dtype object"):
        pair.step(pd.DataFrame(pair.batch()[0]).astype(object), convert(pair.batch()[1]))


ALONE = """
import sys
import numpy as np
sys.path.insert(0, {folder!r})
import step
with np.load({inputs!r}) as file:
    print([float(step.train(file["x"], file["y"])).hex() for _ in range(3)])
print(sorted({{"autograd_np", "nn"}} & set(sys.modules)))
"""


@pytest.mark.parametrize("optimizer", ["momentum", "Adam"])
@pytest.mark.parametrize("model", MODELS)
def test_the_file_goes_on_without_the_package(model: str, optimizer: str, tmp_path: Path) -> None:
    """In a process of its own, to the last bit; what is not NumPy's is in the file."""
    pair = Pair(model, optimizer)
    x, y = pair.batch()
    for _ in range(4):
        pair.step(x, y)
    pair.step.save(tmp_path / "step.py")
    np.savez(tmp_path / "inputs.npz", x=x, y=y)
    code = ALONE.format(folder=str(tmp_path), inputs=str(tmp_path / "inputs.npz"))
    found = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    losses, imported = found.splitlines()
    assert losses == str([float(pair.step(x, y)).hex() for _ in range(3)])
    assert imported == "[]"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["__pycache__", "inputs.npz", "step.npz", "step.py"]


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    pair = Pair("perceptron")
    with pytest.raises(RuntimeError, match="call it twice"):
        pair.step.save(tmp_path / "step.py")
    for _ in range(3):
        pair.check_step()
    with pytest.raises(ValueError, match=r"name a \.py file"):
        pair.step.save(tmp_path / "step.txt")
    with pytest.raises(FileNotFoundError, match="no folder"):
        pair.step.save(tmp_path / "nowhere" / "step.py")
    assert list(tmp_path.iterdir()) == []


def test_fit() -> None:
    x, y = RNG.normal(size=(50, 20)).astype(np.float32), RNG.integers(0, 10, 50)
    histories: list[Any] = []
    states: list[Any] = []
    for compiled in (False, True):
        model = MODELS["dropped"][0]()
        history = nn.fit(
            model, x, y, optimizer=nn.optim.Adam(model.parameters(), lr=0.01), epochs=4, batch_size=16, rng=0,
            validation=(x[:9], y[:9]), metrics={"accuracy": nn.accuracy}, progress=False, compiled=compiled,
        )  # fmt: skip
        histories.append(history)
        states.append(model.state_dict())
    assert histories[0] == histories[1]
    assert all(np.array_equal(states[0][key], states[1][key]) for key in states[0])


def test_fit_stops_at_an_infinite_loss() -> None:
    model = MODELS["perceptron"][0]()
    x, y = RNG.normal(size=(64, 20)).astype(np.float32), RNG.integers(0, 10, 64)
    x[45] = np.inf
    with pytest.raises(FloatingPointError, match="in epoch 1, batch"), np.errstate(all="ignore"):
        nn.fit(
            model, x, y, optimizer=nn.optim.SGD(model.parameters(), lr=0.1), epochs=1, batch_size=8, rng=0,
            progress=False, compiled=True,
        )  # fmt: skip
    assert all(np.isfinite(value).all() for value in model.state_dict().values())


class Recurrent(nn.Module):
    """A gated cell, step by step, written with NumPy."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.w = Tensor(rng.normal(size=(10, 12)) / 3, True, np.float32)
        self.head = nn.Linear(6, 10, rng=1)

    def forward(self, x: Any) -> Any:
        h = np.zeros((len(x), 6), np.float32)
        for t in range(x.shape[1]):
            gate, candidate = np.split(np.concatenate([x[:, t], h], axis=1) @ self.w, 2, axis=1)
            gate = nn.functional.sigmoid(gate)
            h = gate * h + (1 - gate) * np.tanh(candidate)
        return self.head(h)


def test_models_written_with_numpy() -> None:
    models = Recurrent(), Recurrent()
    optimizers = [nn.optim.Adam(model.parameters(), lr=0.01) for model in models]
    loss = nn.CrossEntropyLoss()
    step = nn.compile_step(models[1], loss, optimizers[1])
    for _ in range(5):
        x, y = RNG.normal(size=(3, 5, 4)).astype(np.float32), RNG.integers(0, 10, 3)
        optimizers[0].zero_grad()
        value = loss(models[0](x), y)
        value.backward()
        optimizers[0].step()
        assert step(x, y) == value.data
        for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True):
            assert np.array_equal(a.data, b.data)
    assert step.programs == 1


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_read_as_they_did(name: str) -> None:
    """The page on compiling holds the one of a perceptron."""
    assert PROGRAMS[name]() == (FOLDER / name).read_text(encoding="utf-8")
