"""A schedule that waits for a metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from autograd_np.tensor import plain
from nn.optim.lr_scheduler.scheduler import LRScheduler
from nn.optim.optimizer import Optimizer

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """Multiply the learning rate by a factor when a metric has not become better for some epochs.

    Parameters
    ----------
    optimizer : Optimizer
        See `LRScheduler`, whose errors this has.
    mode : {"min", "max"}
        Whether smaller metrics are better, or larger ones.
    factor : float
        The factor, at least 0 and below 1.
    patience : int
        For how many epochs the metric may be no better.
    threshold : float
        By how much it has to be better than the best so far.
    threshold_mode : {"rel", "abs"}
        Whether that is a part of the best, or a difference.
    cooldown : int
        For how many epochs after a reduction nothing is counted.
    min_lr : float, or list of float
        The smallest rate; one for all groups, or one for each.
    eps : float
        Reductions by no more than this are left out.

    Examples
    --------
    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = nn.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (1.0, 0.5, 0.5, 0.6):
    ...     scheduler.step(loss)
    >>> optimizer.lr
    0.5
    """

    _settings = (
        "mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "min_lrs", "eps", "best",
        "cooldown_counter", "num_bad_epochs",
    )  # fmt: skip

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        self._take(optimizer)
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown, self.eps = threshold, threshold_mode, cooldown, eps
        self.min_lrs = self._for_groups("min_lr", min_lr)
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = self.num_bad_epochs = 0
        self._check()
        self.last_epoch = 0
        self._last_lr = self._rates()

    def _check(self) -> None:
        if self.mode not in ("min", "max"):
            raise ValueError(f"{self._name}: mode={self.mode!r}; choose 'min' or 'max'")
        if self.threshold_mode not in ("rel", "abs"):
            raise ValueError(f"{self._name}: threshold_mode={self.threshold_mode!r}; choose 'rel' or 'abs'")
        self._number("factor", self.factor, 0.0, math.nextafter(1.0, 0.0))
        for name in ("patience", "cooldown", "cooldown_counter", "num_bad_epochs"):
            self._integer(name, getattr(self, name), 0)
        self._number("threshold", self.threshold)
        self._number("eps", self.eps)

    def state_dict(self) -> dict[str, Any]:
        """Return copies of the settings, and of how far the schedule has come."""
        return {name: deepcopy(getattr(self, name)) for name in (*self._settings, "last_epoch", "_last_lr")}

    def step(self, metrics: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Count an epoch, and reduce the learning rates if it is time.

        Parameters
        ----------
        metrics : float
            The epoch's metric; NaN is no better than any.
        """
        metric = float(plain(metrics))
        if len(self.min_lrs) != len(self.optimizer.param_groups):
            raise ValueError(
                f"{self._name}: it was made for {len(self.min_lrs)} groups of parameters, and the optimiser has "
                f"{len(self.optimizer.param_groups)}; make it when all are there"
            )
        self.last_epoch += 1
        if self._is_better(metric):
            self.best, self.num_bad_epochs = metric, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        rates = self._rates()
        if self.num_bad_epochs > self.patience:
            reduced = [max(rate * self.factor, least) for rate, least in zip(rates, self.min_lrs, strict=True)]
            rates = [new if old - new > self.eps else old for old, new in zip(rates, reduced, strict=True)]
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._write(rates)

    def _is_better(self, metric: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        relative = self.threshold_mode == "rel"
        limit = self.best * (1 + sign * self.threshold) if relative else self.best + sign * self.threshold
        return metric > limit if self.mode == "max" else metric < limit
