"""Schedules that multiply the learning rate by factors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from nn.optim.lr_scheduler.scheduler import LRScheduler
from nn.optim.optimizer import Optimizer

__all__ = [
    "ConstantLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "PolynomialLR",
    "StepLR",
]


class StepLR(LRScheduler):
    """Multiply the learning rate by `gamma` in every `step_size`-th step.

    Parameters
    ----------
    optimizer, last_epoch
        See `LRScheduler`, whose errors this has.
    step_size : int
        After how many steps, at least 1.
    gamma : float
        The factor.

    Examples
    --------
    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = nn.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     scheduler.step()
    >>> rates
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    _settings = ("step_size", "gamma")

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def _check(self) -> None:
        self._integer("step_size", self.step_size)
        self._number("gamma", self.gamma)

    def get_lr(self) -> list[float]:
        """Return the learning rates of this step."""
        return self._times(self.gamma if self.last_epoch and self.last_epoch % self.step_size == 0 else 1.0)

    def _begin(self) -> list[float]:
        return [*self.base_lrs]


class MultiStepLR(LRScheduler):
    """Multiply the learning rate by `gamma` at each milestone.

    Parameters
    ----------
    optimizer, last_epoch
        See `LRScheduler`, whose errors this has.
    milestones : iterable of int
        After how many steps. One that comes twice counts twice.
    gamma : float
        The factor.

    Examples
    --------
    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = nn.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 0.5, 0.25, 0.25]
    """

    _settings = ("milestones", "gamma")

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = list(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _check(self) -> None:
        self.milestones = sorted(self._integer("milestones", epoch, 0) for epoch in self.milestones)
        self._number("gamma", self.gamma)

    def get_lr(self) -> list[float]:
        """Return the learning rates of this step."""
        return self._times(self.gamma ** self.milestones.count(self.last_epoch))

    def _begin(self) -> list[float]:
        return [rate * self.gamma ** self.milestones.count(0) for rate in self.base_lrs]


class ExponentialLR(LRScheduler):
    """Multiply the learning rate by `gamma` in every step.

    Parameters
    ----------
    optimizer, last_epoch
        See `LRScheduler`, whose errors this has.
    gamma : float
        The factor.

    Examples
    --------
    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = nn.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> scheduler.step()
    >>> scheduler.step()
    >>> optimizer.lr
    0.25
    """

    _settings = ("gamma",)

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _check(self) -> None:
        self._number("gamma", self.gamma)

    def get_lr(self) -> list[float]:
        """Return the learning rates of this step."""
        return self._times(1.0 if self._is_initial else self.gamma)

    def _begin(self) -> list[float]:
        return [*self.base_lrs]


class ConstantLR(LRScheduler):
    """Multiply the learning rate by a factor in the first steps.

    Parameters
    ----------
    optimizer, last_epoch
        See `LRScheduler`, whose errors this has.
    factor : float
        The factor, above 0 and at most 1.
    total_iters : int
        For how many steps, at least 1.

    Examples
    --------
    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = nn.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.5, 1.0, 1.0]
    """

    _settings = ("factor", "total_iters")

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def _check(self) -> None:
        if not self._number("factor", self.factor, 0.0, 1.0):
            raise ValueError(f"{self._name}: factor=0; the learning rate could not come back from 0")
        self._integer("total_iters", self.total_iters)

    def get_lr(self) -> list[float]:
        """Return the learning rates of this step."""
        if self.last_epoch == 0:
            return self._times(self.factor)
        return self._times(1.0 / self.factor if self.last_epoch == self.total_iters else 1.0)

    def _begin(self) -> list[float]:
        return [rate * self.factor for rate in self.base_lrs]


class LinearLR(LRScheduler):
    """Multiply the learning rate by a factor that changes linearly in the first steps, as in a warm-up.

    Parameters
    ----------
    optimizer, last_epoch
        See `LRScheduler`, whose errors this has.
    start_factor : float
        The factor at the start, above 0 and at most 1.
    end_factor : float
        The factor in the end, from 0 to 1.
    total_iters : int
        After how many steps it is reached, at least 1.

    Examples
    --------
    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = nn.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.75, 1.0, 1.0]
    """

    _settings = ("start_factor", "end_factor", "total_iters")

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def _check(self) -> None:
        if not self._number("start_factor", self.start_factor, 0.0, 1.0):
            raise ValueError(f"{self._name}: start_factor=0; the learning rate could not come back from 0")
        self._number("end_factor", self.end_factor, 0.0, 1.0)
        self._integer("total_iters", self.total_iters)

    def get_lr(self) -> list[float]:
        """Return the learning rates of this step."""
        if self.last_epoch == 0:
            return self._times(self.start_factor)
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._rates()
        slope = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * slope
        return self._times(max(1.0 + slope / before, 0.0))  # rounding must not lead below 0

    def _begin(self) -> list[float]:
        return [rate * self.start_factor for rate in self.base_lrs]


class PolynomialLR(LRScheduler):
    """Let the learning rate fall to 0 as (1 - t / total_iters)^power.

    Parameters
    ----------
    optimizer, last_epoch
        See `LRScheduler`, whose errors this has.
    total_iters : int
        After how many steps it is 0, at least 1.
    power : float
        The power, at least 0.

    Examples
    --------
    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = nn.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=2, power=2.0)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.25, 0.0, 0.0]
    """

    _settings = ("total_iters", "power")

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def _check(self) -> None:
        self._integer("total_iters", self.total_iters)
        self._number("power", self.power)

    def get_lr(self) -> list[float]:
        """Return the learning rates of this step."""
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._rates()
        left = self.total_iters - self.last_epoch
        return self._times((left / (left + 1)) ** self.power)

    def _begin(self) -> list[float]:
        return [*self.base_lrs]


class LambdaLR(LRScheduler):
    """Multiply the initial learning rate by a function of the number of steps.

    Parameters
    ----------
    optimizer, last_epoch
        See `LRScheduler`, whose errors this has.
    lr_lambda : callable, or list of callable
        Takes the number of steps, from 0, and returns the factor; one for all groups, or one for each. Functions are no
        part of the state.

    Examples
    --------
    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = nn.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + t))
    >>> scheduler.step()
    >>> optimizer.lr
    0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self._take(optimizer)
        count = len(optimizer.param_groups)
        self.lr_lambdas: list[Any] = [*lr_lambda] if isinstance(lr_lambda, list | tuple) else [lr_lambda] * count
        if len(self.lr_lambdas) != count:
            raise ValueError(f"{self._name}: {len(self.lr_lambdas)} functions for {count} groups of parameters")
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"{self._name}: lr_lambda is a {type(function).__name__}; give a function")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the learning rates of this step."""
        return [base * factor for base, factor in zip(self.base_lrs, self._factors(), strict=False)]

    def _factors(self) -> Iterator[Any]:
        return (function(self.last_epoch) for function in self.lr_lambdas)


class MultiplicativeLR(LambdaLR):
    """Multiply the learning rate in each step by a function of the number of steps.

    Parameters and errors are those of `LambdaLR`; the function is called from the first `step` on, with 1.

    Examples
    --------
    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = nn.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda t: 0.5)
    >>> scheduler.step()
    >>> scheduler.step()
    >>> optimizer.lr
    0.25
    """

    def get_lr(self) -> list[float]:
        """Return the learning rates of this step."""
        if self._is_initial:
            return self._rates()
        return [rate * factor for rate, factor in zip(self._rates(), self._factors(), strict=False)]
