"""Schedules of schedules."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from nn.optim.lr_scheduler.plateau import ReduceLROnPlateau
from nn.optim.lr_scheduler.scheduler import LRScheduler, like
from nn.optim.optimizer import Optimizer

__all__ = ["ChainedScheduler", "SequentialLR"]


class Several(LRScheduler):
    """What schedules of schedules have in common."""

    def _take_all(self, optimizer: Any, schedulers: Iterable[LRScheduler], refused: tuple[type, ...]) -> None:
        self._schedulers = list(schedulers)
        if not self._schedulers:
            raise ValueError(f"{self._name}: there are no schedules")
        self._take(self._schedulers[0].optimizer if optimizer is None else optimizer)
        for scheduler in self._schedulers:
            kind = type(scheduler).__name__
            if not isinstance(scheduler, LRScheduler):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"{self._name}: schedulers holds a {kind}; give schedules")
            if isinstance(scheduler, refused):
                raise ValueError(f"{self._name}: schedulers holds a {kind}; call its step beside this one's")
            if scheduler.optimizer is not self.optimizer:
                raise ValueError(f"{self._name}: its {kind} belongs to another optimiser; give schedules of one")

    def state_dict(self) -> dict[str, Any]:
        """Return the states of the schedules, and how far they have come."""
        own = {name: deepcopy(getattr(self, name)) for name in (*self._settings, "_last_lr")}
        return {**own, "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the states of other schedules of the same kinds; see `LRScheduler.load_state_dict`."""
        before = [scheduler.state_dict() for scheduler in self._schedulers]
        given: Any = state.get("_schedulers") if isinstance(state, Mapping) else None  # pyright: ignore
        inner: list[Any] = [*given] if isinstance(given, list | tuple) else []
        if len(inner) != len(before):
            raise ValueError(
                f"{self._name}.load_state_dict: the state is to have a list '_schedulers' of {len(before)} states; "
                f"give what state_dict() returned"
            )
        own = {name: value for name, value in self.state_dict().items() if name != "_schedulers"}
        missing = [name for name in own if name not in state]
        if missing:
            raise ValueError(f"{self._name}.load_state_dict: the state lacks {', '.join(missing)}")
        found = {name: like(f"{self._name}.load_state_dict: {name}", own[name], state[name]) for name in own}
        try:
            for scheduler, part in zip(self._schedulers, inner, strict=True):
                scheduler.load_state_dict(part)
        except (TypeError, ValueError):
            for scheduler, part in zip(self._schedulers, before, strict=True):
                scheduler.load_state_dict(part)
            raise
        vars(self).update(found)


class ChainedScheduler(Several):
    """Take a step of each of several schedules, one after another.

    Parameters
    ----------
    schedulers : list of LRScheduler
        Schedules of one optimiser; no `ReduceLROnPlateau`.
    optimizer : Optimizer, optional
        The optimiser that they are of.

    Raises
    ------
    TypeError, ValueError
        If there are none, one is no schedule, or their optimisers differ.

    Examples
    --------
    >>> import nn
    >>> from nn.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = ChainedScheduler([ConstantLR(optimizer, 0.5, total_iters=2), ExponentialLR(optimizer, 0.5)])
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.25, 0.25, 0.125]
    """

    def __init__(self, schedulers: Iterable[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._take_all(optimizer, schedulers, (ReduceLROnPlateau,))
        self._last_lr = self._rates()

    def step(self) -> None:
        """Take a step of each schedule."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._rates()


class SequentialLR(Several):
    """Follow several schedules one after another, each from its beginning.

    Parameters
    ----------
    optimizer : Optimizer
        The optimiser that they are of; its learning rates begin as the first schedule says.
    schedulers : list of LRScheduler
        Schedules of it; no `ReduceLROnPlateau`, and none that is made of others.
    milestones : list of int
        After how many steps the second schedule begins, the third, and so on.
    last_epoch : int
        See `LRScheduler`.

    Raises
    ------
    TypeError, ValueError
        If there are none, one is no schedule, their optimisers differ, or there is not one milestone less, each after
        the one before.

    Examples
    --------
    >>> import nn
    >>> from nn.optim.lr_scheduler import ExponentialLR, LinearLR, SequentialLR
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> schedulers = [LinearLR(optimizer, 0.5, total_iters=2), ExponentialLR(optimizer, 0.5)]
    >>> scheduler = SequentialLR(optimizer, schedulers, milestones=[3])
    >>> rates = []
    >>> for epoch in range(6):
    ...     rates += scheduler.get_last_lr()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.75, 1.0, 1.0, 0.5, 0.25]
    """

    _settings = ("_milestones", "last_epoch")

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Iterable[LRScheduler],
        milestones: Iterable[int],
        last_epoch: int = -1,
    ) -> None:
        self._take_all(optimizer, schedulers, (ReduceLROnPlateau, Several))
        self._milestones = [self._integer("milestones", epoch) for epoch in milestones]
        if len(self._milestones) != len(self._schedulers) - 1 or self._milestones != sorted({*self._milestones}):
            raise ValueError(
                f"{self._name}: milestones={self._milestones} for {len(self._schedulers)} schedules; give one less, "
                f"each after the one before"
            )
        self.last_epoch = self._integer("last_epoch", last_epoch, -1) + 1
        self._write([float(group["initial_lr"]) for group in optimizer.param_groups])
        for scheduler in self._schedulers:
            scheduler._undo()
        first = self._schedulers[0]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:
        """Take a step of the schedule whose turn it is."""
        epoch = self.last_epoch + 1
        turn = bisect_right(self._milestones, epoch)
        scheduler = self._schedulers[turn]
        if turn and self._milestones[turn - 1] == epoch:
            scheduler._go(0, scheduler._begin)
        else:
            scheduler.step()
        self.last_epoch = epoch
        self._last_lr = scheduler.get_last_lr()
