"""Schedules that follow a wave: of a cosine, or one cycle of rates and momenta."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nn.optim.lr_scheduler.scheduler import LRScheduler
from nn.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts", "OneCycleLR"]


class CosineAnnealingLR(LRScheduler):
    """Let the learning rate fall to `eta_min` as half a wave of a cosine.

    Parameters
    ----------
    optimizer, last_epoch
        See `LRScheduler`, whose errors this has.
    T_max : int
        After how many steps it is reached, at least 1. Then the rate rises again, as the cosine does.
    eta_min : float
        The smallest rate.

    References
    ----------
    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, equation 5.

    Examples
    --------
    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = nn.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> scheduler.step()
    >>> round(optimizer.lr, 6)
    0.5
    >>> scheduler.step()
    >>> optimizer.lr
    0.0
    """

    _settings = ("T_max", "eta_min")

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def _check(self) -> None:
        self._integer("T_max", self.T_max)
        self._number("eta_min", self.eta_min)

    def get_lr(self) -> list[float]:
        """Return the learning rates of this step."""
        if self._is_initial:
            return self._rates()
        low, t = self.eta_min, self.last_epoch
        if (t - 1 - self.T_max) % (2 * self.T_max) == 0:  # up again from the lowest point
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [rate + (base - low) * rise for base, rate in zip(self.base_lrs, self._rates(), strict=False)]
        factor = (1 + math.cos(math.pi * t / self.T_max)) / (1 + math.cos(math.pi * (t - 1) / self.T_max))
        return [factor * (rate - low) + low for rate in self._rates()]

    def _begin(self) -> list[float]:
        return [*self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Let the learning rate fall to `eta_min` as half a wave of a cosine, and start again at its initial value.

    Parameters
    ----------
    optimizer, last_epoch
        See `LRScheduler`, whose errors this has.
    T_0 : int
        After how many steps it starts again, at least 1.
    T_mult : int
        How many times longer the next round is, at least 1.
    eta_min : float
        The smallest rate.

    References
    ----------
    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.

    Examples
    --------
    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = nn.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     scheduler.step()
    >>> [round(rate, 6) for rate in rates]
    [1.0, 0.5, 1.0, 0.5]
    """

    _settings = ("T_0", "T_mult", "eta_min", "T_i", "T_cur")

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        self.T_i, self.T_cur = T_0, last_epoch
        super().__init__(optimizer, last_epoch)

    def _check(self) -> None:
        for name in ("T_0", "T_mult", "T_i"):
            self._integer(name, getattr(self, name))
        self._integer("T_cur", self.T_cur, -1)
        self._number("eta_min", self.eta_min)

    def step(self) -> None:
        """Set the next learning rates."""
        before = self.T_cur, self.T_i
        self.T_cur += 1
        if self.T_cur >= self.T_i:
            self.T_cur %= self.T_i
            self.T_i *= self.T_mult
        try:
            super().step()
        except BaseException:
            self.T_cur, self.T_i = before
            raise

    def get_lr(self) -> list[float]:
        """Return the learning rates of this step."""
        part = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * part for base in self.base_lrs]

    def _begin(self) -> list[float]:
        self.T_cur, self.T_i = 0, self.T_0
        return self.get_lr()

    def _undo(self) -> None:
        super()._undo()
        self.T_cur -= 1


class OneCycleLR(LRScheduler):
    """Let the learning rate rise to `max_lr` and fall far below where it started; momentum does the opposite.

    It is meant to take a step after each batch.

    Parameters
    ----------
    optimizer, last_epoch
        See `LRScheduler`, whose errors this has.
    max_lr : float, or list of float
        The largest rate; one for all groups, or one for each.
    total_steps : int, optional
        How many steps there are; or else there are ``epochs * steps_per_epoch``.
    epochs, steps_per_epoch : int, optional
        See `total_steps`.
    pct_start : float
        The part of the steps in which the rate rises, from 0 to 1.
    anneal_strategy : {"cos", "linear"}
        How rates change.
    cycle_momentum : bool
        Whether momentum falls while the rate rises, and the other way round: `momentum` of SGD, and the first of
        `betas` of Adam. Momentum is a constant of a compiled step: with another value it is another program, so that
        every step is captured anew, which takes longer than an eager one. Set it to False there.
    base_momentum, max_momentum : float, or list of float
        The smallest and the largest momentum.
    div_factor : float
        The first rate is ``max_lr / div_factor``.
    final_div_factor : float
        The last rate is the first one divided by this.
    three_phase : bool
        Whether the rate falls as fast as it rose, and then further.

    Notes
    -----
    The rates are PyTorch's, except that none is below 0: there, the step after the last one of a linear cycle leads
    there.

    References
    ----------
    L. N. Smith, N. Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2017.

    Examples
    --------
    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0, momentum=0.9)
    >>> scheduler = nn.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=5, pct_start=0.4)
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     scheduler.step()
    >>> [round(rate, 4) for rate in rates]
    [0.04, 1.0, 0.75, 0.25, 0.0]
    """

    _settings = _fixed = ("total_steps", "cycle_momentum", "_schedule_phases", "_anneal_func_type")

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self._take(optimizer)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError(
                    f"{self._name}: how many steps are there? Give total_steps, or epochs and steps_per_epoch"
                )
            total_steps = self._integer("epochs", epochs) * self._integer("steps_per_epoch", steps_per_epoch)
        self.total_steps = self._integer("total_steps", total_steps)
        rising = self._number("pct_start", pct_start, 0.0, 1.0) * self.total_steps
        if rising == 1:
            raise ValueError(
                f"{self._name}: pct_start={pct_start} of {total_steps} steps is the first step alone; give 0"
            )
        top = _phase(rising - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")
        last = self.total_steps - 1
        if three_phase:
            back = _phase(2 * rising - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum")
            self._schedule_phases = [top, back, _phase(last, "initial_lr", "min_lr", "max_momentum", "max_momentum")]
        else:
            self._schedule_phases = [top, _phase(last, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        self._anneal_func_type, self.cycle_momentum = anneal_strategy, cycle_momentum
        notes = {"max_lr": self._for_groups("max_lr", max_lr)}
        for name, factor in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
            if not self._number(name, factor):
                raise ValueError(f"{self._name}: {name}=0; give a number above 0")
        notes["initial_lr"] = [rate / div_factor for rate in notes["max_lr"]]
        notes["min_lr"] = [rate / final_div_factor for rate in notes["initial_lr"]]
        if cycle_momentum:
            if self._momentum is None:
                raise ValueError(f"{self._name}: {type(optimizer).__name__} has no momentum; pass cycle_momentum=False")
            below_one = math.nextafter(1.0, 0.0)
            for name, value in (("max_momentum", max_momentum), ("base_momentum", base_momentum)):
                notes[name] = self._for_groups(name, value, 0.0, below_one)
        self._check()
        if last_epoch == -1:
            for name, values in notes.items():
                for group, value in zip(optimizer.param_groups, values, strict=True):
                    group[name] = value
        super().__init__(optimizer, last_epoch)

    def _check(self) -> None:
        self._integer("total_steps", self.total_steps)
        if self._anneal_func_type not in ("cos", "linear"):
            raise ValueError(f"{self._name}: anneal_strategy={self._anneal_func_type!r}; choose 'cos' or 'linear'")

    def get_lr(self) -> list[float]:
        """Return the learning rates of this step."""
        return [max(rate, 0.0) for rate in self._now("lr")]

    def _write(self, rates: Sequence[float]) -> None:
        super()._write(rates)
        if self.cycle_momentum:
            for group, value in zip(self.optimizer.param_groups, self._now("momentum"), strict=True):
                group[self._momentum] = value if self._momentum == "momentum" else (value, *group["betas"][1:])

    @property
    def _momentum(self) -> Any:
        """What the optimiser calls its momentum."""
        return next((name for name in ("betas", "momentum") if name in self.optimizer.defaults), None)

    def _now(self, what: str) -> list[float]:
        """Return what the groups' rates or momenta are in this step."""
        ended = [phase["end_step"] for phase in self._schedule_phases[:-1] if phase["end_step"] < self.last_epoch]
        phase, start = self._schedule_phases[len(ended)], ended[-1] if ended else 0.0
        length = phase["end_step"] - start
        if self.last_epoch > self.total_steps or not length:
            raise ValueError(f"{self._name}: there are {self.total_steps} steps, and all were taken")
        part = (self.last_epoch - start) / length
        ends = ((group[phase[f"start_{what}"]], group[phase[f"end_{what}"]]) for group in self.optimizer.param_groups)
        if self._anneal_func_type == "cos":
            return [end + (begin - end) / 2 * (math.cos(math.pi * part) + 1) for begin, end in ends]
        return [begin + (end - begin) * part for begin, end in ends]


def _phase(end_step: float, *names: str) -> dict[str, Any]:
    """Return a part of a `OneCycleLR` in PyTorch's form: when it ends, and which of the group's entries rule there."""
    keys = ("start_lr", "end_lr", "start_momentum", "end_momentum")
    return {"end_step": end_step, **dict(zip(keys, names, strict=True))}
