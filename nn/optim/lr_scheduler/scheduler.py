"""What the schedules have in common."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from numbers import Real
from typing import Any, ClassVar

from nn.optim.optimizer import Optimizer

__all__ = ["LRScheduler", "like"]


class LRScheduler:
    """What the schedules have in common; each says in `get_lr` which rates follow.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates are set. Those that its groups have when their first schedule is made are noted in them, as
        ``"initial_lr"``.
    last_epoch : int
        How far an earlier run came, to go on from there; -1 to begin. It is simpler to make the schedule anew, and to
        load its state and the optimiser's.

    Attributes
    ----------
    base_lrs : list of float
        The groups' initial learning rates.
    last_epoch : int
        How many steps were taken.

    Raises
    ------
    TypeError
        If `optimizer` is no Optimizer, or something is of another type than it is to be.
    ValueError
        If a number is out of range, or an earlier run is to go on, and the groups know no initial learning rates.
    """

    _settings: ClassVar[tuple[str, ...]] = ()
    """The attributes that a state holds besides those that all schedules have."""

    _fixed: ClassVar[tuple[str, ...]] = ()
    """Those of them that a state to be loaded must have in common with the schedule."""

    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self._take(optimizer)
        self._check()
        self.last_epoch = self._integer("last_epoch", last_epoch, -1)
        new = [group for group in optimizer.param_groups if "initial_lr" not in group]
        if new and last_epoch != -1:
            raise ValueError(
                f"{self._name}: last_epoch={last_epoch}, and a group has no 'initial_lr'; load the optimiser's state "
                f"first, or give last_epoch=-1 and load the schedule's state"
            )
        for group in new:
            group["initial_lr"] = group["lr"]
        self.base_lrs: list[float] = [float(group["initial_lr"]) for group in optimizer.param_groups]
        try:
            self._initial_step()
        except BaseException:
            for group in new:
                del group["initial_lr"]
            raise

    def get_lr(self) -> list[float]:
        """Return the learning rates of the step that `last_epoch` counts, one for each group."""
        raise NotImplementedError(f"{self._name} has no get_lr: define one that returns a rate for each group")

    def get_last_lr(self) -> list[float]:
        """Return the learning rates that were set last, one for each group."""
        return [*self._last_lr]

    def step(self) -> None:
        """Set the next learning rates."""
        self._go(self.last_epoch + 1, self.get_lr)

    def state_dict(self) -> dict[str, Any]:
        """Return copies of the settings, without functions, and of how far the schedule has come."""
        names = (*self._settings, "base_lrs", "last_epoch", "_last_lr")
        return {name: deepcopy(getattr(self, name)) for name in names}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the settings of another schedule of the same kind, and how far it has come.

        The learning rates themselves are a part of the optimiser's state. Everything is checked before anything is
        changed; what only PyTorch notes is passed over, and nothing in it is called.

        Parameters
        ----------
        state : dict
            As `state_dict` returns it, here or in PyTorch.

        Raises
        ------
        TypeError
            If the state or an entry of it is of another type.
        ValueError
            If an entry is missing or out of range.
        """
        own = self.state_dict()
        call = f"{self._name}.load_state_dict"
        if not isinstance(state, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{call}: the state is a {type(state).__name__}; give what state_dict() returned")
        missing = [name for name in own if name not in state]
        if missing:
            raise ValueError(f"{call}: the state lacks {', '.join(missing)}; give what state_dict() returned")
        for name in self._fixed:
            if state[name] != own[name]:
                raise ValueError(
                    f"{call}: {name} is {state[name]!r}, and that of this schedule {own[name]!r}; make it with "
                    f"the same arguments"
                )
        given = {name: value for name, value in own.items() if name not in self._fixed}
        vars(self).update({name: like(f"{call}: {name}", value, state[name]) for name, value in given.items()})
        try:
            self._check()
            self._integer("last_epoch", self.last_epoch, -1)
            for name in {"base_lrs", "_last_lr", "min_lrs"} & {*own}:
                setattr(self, name, self._for_groups(name, getattr(self, name)))
        except (TypeError, ValueError):
            vars(self).update(own)
            raise

    # -- for subclasses -----------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Raise if a setting is out of range."""

    def _begin(self) -> list[float]:
        """Return the first rates of a schedule that follows another one in a `SequentialLR`."""
        return self.get_lr()

    def _undo(self) -> None:
        """Forget the step that was taken when the schedule was made."""
        self.last_epoch -= 1

    def _rates(self) -> list[float]:
        """Return the groups' learning rates as they are."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def _times(self, factor: float) -> list[float]:
        return [rate * factor for rate in self._rates()]

    def _go(self, epoch: int, rates: Callable[[], list[float]]) -> None:
        """Go to an epoch, and set its rates."""
        before, self.last_epoch = self.last_epoch, epoch
        try:
            values = [float(value) for value in rates()]
            if len(values) != len(self.optimizer.param_groups):
                raise ValueError(
                    f"{self._name}: {len(values)} learning rates for the {len(self.optimizer.param_groups)} groups "
                    f"that the optimiser has now; make the schedule when all groups are there"
                )
            for value in values:
                if not 0 <= value < math.inf:
                    raise ValueError(
                        f"{self._name}: the learning rate of epoch {epoch} would be {value}; it is to be finite, and "
                        f"at least 0"
                    )
        except BaseException:
            self.last_epoch = before
            raise
        self._write(values)

    def _write(self, rates: Sequence[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = [*rates]

    def _initial_step(self) -> None:
        """Take the step with which a schedule begins."""
        self._is_initial = True
        try:
            self.step()
        finally:
            del self._is_initial

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _take(self, optimizer: Any) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{self._name}: optimizer is a {type(optimizer).__name__}; give one of nn.optim")
        self.optimizer = optimizer

    def _integer(self, name: str, value: Any, least: int = 1) -> int:
        try:
            number = operator.index(value)
        except TypeError:
            raise TypeError(f"{self._name}: {name} is a {type(value).__name__}; give an integer") from None
        if number < least:
            raise ValueError(f"{self._name}: {name}={number}; give an integer of at least {least}")
        return number

    def _number(self, name: str, value: Any, least: float = 0.0, most: float = math.inf) -> float:
        if not isinstance(value, Real):
            raise TypeError(f"{self._name}: {name} is a {type(value).__name__}; give a number")
        number = float(value)
        if not least <= number <= most or math.isinf(number):
            raise ValueError(f"{self._name}: {name}={value}; give a finite number from {least} to {most}")
        return number

    def _for_groups(self, name: str, value: Any, least: float = 0.0, most: float = math.inf) -> list[float]:
        """Return numbers for the groups: those that were given, or the one for all of them."""
        count = len(self.optimizer.param_groups)
        values: list[Any] = list(value) if isinstance(value, list | tuple) else [value] * count  # pyright: ignore
        if len(values) != count:
            raise ValueError(f"{self._name}: {len(values)} values of {name} for {count} groups of parameters")
        return [self._number(name, x, least, most) for x in values]


def like(what: str, own: Any, value: Any) -> Any:
    """Return an entry of a state as a copy of the type that the schedule's own is of."""
    value = value.item() if getattr(value, "shape", None) == () else value
    if isinstance(own, list):
        if isinstance(value, Mapping):  # PyTorch counts milestones
            value = sorted(Counter(value).elements())  # pyright: ignore
        if isinstance(value, list | tuple):
            return [like(what, 0.0, x) for x in value]  # pyright: ignore
    elif isinstance(own, str | bool):
        if isinstance(value, type(own)):
            return value
    elif isinstance(value, Real):
        return value
    raise TypeError(f"{what} is {value!r}; it is to be like {own!r}")
