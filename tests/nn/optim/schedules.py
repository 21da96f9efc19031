"""Schedules, and the rates and momenta that a library makes of them; run as a program, it records PyTorch's."""

import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from autograd_np import Tensor
from nn import optim

VALUES = Path(__file__).with_name("schedules.json")


@dataclass(frozen=True)
class Schedule:
    """One schedule or several, as expressions of both libraries.

    Parameters
    ----------
    makes : tuple of str
        Expressions of `o`, the optimiser, and `s`, the schedules' module; each has a step taken in its turn.
    optimizer : str
        Its class.
    rates : tuple of float
        The learning rate of each group.
    steps : int
        How many are taken.
    metrics : bool
        Whether `step` is given numbers.
    """

    makes: tuple[str, ...]
    optimizer: str = "SGD"
    rates: tuple[float, ...] = (0.5,)
    steps: int = 12
    metrics: bool = False

    @property
    def name(self) -> str:
        """The case in one line, the key of its recorded values."""
        return f"{self.optimizer}{self.rates}: {', '.join(self.makes)}"


CASES = [
    *(
        Schedule((make,), rates=rates)
        for rates in ((0.5,), (1, 1e-3))
        for make in (
            "s.StepLR(o, 3)",
            "s.StepLR(o, 1, gamma=0.9)",
            "s.MultiStepLR(o, [2, 7, 7, 9], 0.5)",
            "s.MultiStepLR(o, [0, 3])",
            "s.ExponentialLR(o, 0.8)",
            "s.ConstantLR(o)",
            "s.ConstantLR(o, 0.25, 3)",
            "s.LinearLR(o)",
            "s.LinearLR(o, 0.1, 0.5, 4)",
            "s.LinearLR(o, 1.0, 0.0, 7)",
            "s.PolynomialLR(o)",
            "s.PolynomialLR(o, 7, 2.5)",
            "s.CosineAnnealingLR(o, 4)",
            "s.CosineAnnealingLR(o, 5, 0.01)",
            "s.CosineAnnealingLR(o, 1)",
            "s.CosineAnnealingWarmRestarts(o, 3)",
            "s.CosineAnnealingWarmRestarts(o, 2, 2, 0.01)",
            "s.LambdaLR(o, lambda t: 1 / (1 + t))",
            "s.MultiplicativeLR(o, lambda t: 0.5 + 0.25 * (t % 2))",
        )
    ),
    Schedule(("s.LambdaLR(o, [lambda t: 0.5**t, lambda t: 1 + t])",), rates=(1.0, 2.0)),
    *(
        Schedule((f"s.OneCycleLR(o, 2.0, total_steps=13{more})",), optimizer)
        for optimizer in ("SGD", "Adam", "AdamW")
        for more in (
            "",
            ", pct_start=0.0",
            ", pct_start=0.5, anneal_strategy='linear', div_factor=10.0, final_div_factor=5.0",
            ", three_phase=True",
            ", cycle_momentum=False",
        )
    ),
    Schedule(("s.OneCycleLR(o, [2.0, 3.0], epochs=3, steps_per_epoch=4, max_momentum=[0.9, 0.8])",), rates=(0.1, 1.0)),
    *(
        Schedule((f"s.ReduceLROnPlateau(o{more})",), rates=(0.5, 1e-2), steps=30, metrics=True)
        for more in (
            ", patience=2",
            ", 'max', 0.5, 0, 0.1",
            ", patience=1, threshold_mode='abs', threshold=0.2, cooldown=2",
            ", 'max', 0.5, 1, 0.2, 'abs', min_lr=[0.1, 1e-3], eps=1e-3",
        )
    ),
    Schedule(("s.LinearLR(o, 0.1, 1.0, 4)", "s.StepLR(o, 3)"), rates=(0.5, 0.1)),
    Schedule(("s.ConstantLR(o)", "s.ExponentialLR(o, 0.9)", "s.CosineAnnealingLR(o, 6)")),
    Schedule(("s.ChainedScheduler([s.LinearLR(o), s.ExponentialLR(o, 0.9), s.PolynomialLR(o, 9)])",)),
    Schedule(("s.SequentialLR(o, [s.LinearLR(o, 0.1), s.CosineAnnealingLR(o, 4), s.StepLR(o, 2)], [5, 9])",)),
    Schedule(("s.SequentialLR(o, [s.ConstantLR(o), s.ExponentialLR(o, 0.9)], [3])",), rates=(0.5, 0.1)),
    Schedule(
        (
            "s.SequentialLR(o, [s.CosineAnnealingWarmRestarts(o, 3), s.MultiStepLR(o, [0, 2]), s.PolynomialLR(o, 3), "
            "s.LinearLR(o), s.LambdaLR(o, lambda t: 1 / (1 + t))], [4, 6, 8, 10])",
        )
    ),
    Schedule(("s.SequentialLR(o, [s.StepLR(o, 2), s.CosineAnnealingWarmRestarts(o, 3)], [4])",)),
    Schedule(("s.SequentialLR(o, [s.ExponentialLR(o, 0.5), s.ConstantLR(o, 0.5, 2)], [3])",)),
]


def metrics(count: int, seed: int = 0) -> list[float]:
    """Draw metrics that become better, and then no more, with a NaN among them."""
    rng = np.random.default_rng(seed)
    drawn = [*np.exp(-np.arange(count) / 4).round(2) + rng.integers(0, 3, count) / 8]
    return [float("nan") if i == 5 else float(x) for i, x in enumerate(drawn)]


def ours(case: Schedule) -> Any:
    """Return this project's optimiser of a case."""
    parameters = [Tensor([1.0], requires_grad=True) for _ in case.rates]
    groups = [{"params": [p], "lr": rate} for p, rate in zip(parameters, case.rates, strict=True)]
    return getattr(optim, case.optimizer)(groups)


def pytorchs(case: Schedule) -> Any:
    """Return PyTorch's optimiser of a case."""
    import torch

    parameters = [torch.ones(1, requires_grad=True) for _ in case.rates]
    groups = [{"params": [p], "lr": rate} for p, rate in zip(parameters, case.rates, strict=True)]
    return getattr(torch.optim, case.optimizer)(groups, lr=1.0)


def made(case: Schedule, optimizer: Any) -> list[Any]:
    """Return the schedules of a case."""
    library = "nn.optim" if isinstance(optimizer, optim.Optimizer) else "torch.optim"
    return [eval(make, {"s": import_module(f"{library}.lr_scheduler"), "o": optimizer}) for make in case.makes]


def settings(optimizer: Any) -> list[list[float]]:
    """Return learning rate and momentum of each group."""
    groups = ((g["lr"], g.get("momentum", 0.0), g.get("betas", (0.0,))[0]) for g in optimizer.param_groups)
    return [[float(x) for x in group] for group in groups]


def advance(case: Schedule, optimizer: Any, schedulers: list[Any], start: int, stop: int) -> list[list[list[float]]]:
    """Take steps, and return the settings after each."""
    found: list[list[list[float]]] = []
    for metric in metrics(case.steps)[start:stop]:
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step(*([metric] if case.metrics else []))
            assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
        found.append(settings(optimizer))
    return found


def run(case: Schedule, optimizer: Any) -> list[list[list[float]]]:
    """Return the settings at first, and after each step."""
    schedulers = made(case, optimizer)
    return [settings(optimizer), *advance(case, optimizer, schedulers, 0, case.steps)]


if __name__ == "__main__":
    lines = [f"{json.dumps(case.name)}: {json.dumps(run(case, pytorchs(case)))}" for case in CASES]
    VALUES.write_text("{\n" + ",\n".join(lines) + "\n}\n")
