"""Trainings whose steps are programs: what is changed between steps, and what is not the same in each run."""

import time
from typing import Any

import numpy as np
import pytest

import nn
from tests.nn.training.runs import fitted


def test_programs_heed_what_is_changed_between_steps() -> None:
    """By a schedule of more than the rate, by callbacks and functions, and by a metric; and dropout, weights, sizes."""

    class Freeze(nn.callbacks.Callback):
        def on_epoch_end(self, run: nn.training.Run) -> None:
            next(iter(run.model.parameters())).requires_grad = run.epoch % 2 == 0

    def halve(outputs: Any, labels: Any, group: Any) -> float:
        group["weight_decay"] *= 0.5
        return 0.0

    def trained(kind: str, compiled: bool) -> list[Any]:
        model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Dropout(0.2, rng=0), nn.Linear(4, 2, rng=1))
        optimizer = nn.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
        group = optimizer.param_groups[0]
        options: dict[str, Any] = {
            "schedule": lambda: {"callbacks": [nn.callbacks.LRScheduler(
                nn.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=30), every="step")]},
            "callback": lambda: {"callbacks": [Freeze()]},
            "function": lambda: {"callbacks": [lambda model, history: group.update(momentum=0.5)]},
            "metric": lambda: {"metrics": {"m": lambda outputs, labels: halve(outputs, labels, group)}},
            "transform": lambda: {"transform": lambda x: (group.update(momentum=group["momentum"] * 0.9), x)[1]},
            "weights": lambda: {"sample_weight": np.linspace(0, 1, 120), "class_weight": {0: 2.0}},
            "nothing": dict,
        }[kind]()  # fmt: skip
        fitted(model, optimizer=optimizer, batch_size=50, epochs=8, compiled=compiled, **options)
        return [parameter.data for parameter in model.parameters()]

    for kind in ("schedule", "callback", "function", "metric", "transform", "weights", "nothing"):
        for a, b in zip(trained(kind, True), trained(kind, False), strict=True):
            np.testing.assert_array_equal(a, b, err_msg=kind)


@pytest.mark.parametrize("where", ["module", "loss", "object", "hook", "optimizer"])
def test_what_is_not_this_packages_own_is_seen_twice_before_it_is_a_program(where: str) -> None:
    """A number that is another one in each run, and that nobody can follow, is found out by the second one."""

    def odd() -> float:
        return time.perf_counter_ns() % 997 / 997

    class Odd(nn.Module):
        def forward(self, x: Any) -> Any:
            return x * odd()

    class OddLoss:
        def __call__(self, outputs: Any, targets: Any) -> Any:
            return nn.CrossEntropyLoss()(outputs, targets) * odd()

    class OddSGD(nn.optim.SGD):
        def step(self) -> None:
            for parameter in self.param_groups[0]["params"]:
                parameter.data = parameter.data * odd()

    model = nn.Sequential(nn.Linear(3, 2, rng=0))
    optimizer: nn.optim.Optimizer = nn.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    options: dict[str, Any] = {}
    if where == "module":
        model.append(Odd())
    elif where == "hook":
        model[0].register_forward_hook(lambda module, args, output: output * odd())
    elif where == "optimizer":
        optimizer = OddSGD(model.parameters(), lr=0.1)
    else:
        options["loss"] = OddLoss() if where == "object" else OddLoss().__call__
    with pytest.raises(RuntimeError) as raised:
        fitted(model, optimizer=optimizer, compiled=True, epochs=50, **options)
    assert type(raised.value).__name__ == "Uncapturable"
