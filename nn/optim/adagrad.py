"""Adagrad: the gradient divided by the size of all gradients so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from autograd_np import Tensor
from autograd_np.capture import as_number
from nn.optim.optimizer import Array, Group, Optimizer, Parameters

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """Adagrad: each number is changed by its gradient, relative to the size of all its gradients so far.

    With gradient g, step t, and weight decay λ::

        g ← g + λ p
        s ← s + g²
        p ← p - lr / (1 + (t - 1) η) g / (√s + ε)

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        Parameters, or groups of them; see `Optimizer`.
    lr : float
        Learning rate.
    lr_decay, weight_decay : float
        η and λ above.
    initial_accumulator_value : float
        What s is before the first step.
    eps : float
        ε above: keeps the division finite.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`.

    References
    ----------
    J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic optimization",
    Journal of Machine Learning Research 12 (2011).

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from nn import optim
    >>> p = Tensor([1.0, 200.0], requires_grad=True)
    >>> optimizer = optim.Adagrad([p], lr=0.1)
    >>> (p**2).sum().backward()
    >>> optimizer.step()
    >>> p
    Tensor([  0.9, 199.9], requires_grad=True)
    """

    _memory: ClassVar[tuple[str, ...]] = ("step", "sum")

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(
            params, lr=lr, lr_decay=lr_decay, weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value, eps=eps,
        )  # fmt: skip

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters, with hyperparameters of their own; see `Optimizer.add_param_group`."""
        super().add_param_group(group)
        added = self.param_groups[-1]
        for parameter in added["params"]:  # before the first step, as in PyTorch, which takes no state dict without
            self._begin(parameter, self.state.setdefault(parameter, {}), added)

    def _check(self, group: Group) -> None:
        for name in ("lr_decay", "weight_decay", "initial_accumulator_value", "eps"):
            self._check_number(name, group[name])

    def _first(self, name: str, p: Array, group: Group) -> Any:
        return np.full_like(p, float(group["initial_accumulator_value"]))

    def _update(self, parameter: Tensor, grad: Array, state: dict[str, Any], group: Group) -> None:
        self._begin(parameter, state, group)
        if state["sum"].dtype != parameter.dtype:  # the model was taken into another one since this was made
            state["sum"] = state["sum"].astype(parameter.dtype)
        decay, eps = float(group["weight_decay"]), float(group["eps"])
        rate = as_number(group["lr"]) / (1 + state["step"] * float(group["lr_decay"]))
        state["step"] = state["step"] + 1

        def step(p: Array, grad: Array, scratch: Array, s: Array) -> None:
            if decay:
                grad = grad + decay * p
            s += np.multiply(grad, grad, out=scratch)
            np.sqrt(s, out=scratch)
            scratch += eps
            np.divide(grad, scratch, out=scratch)
            scratch *= rate
            p -= scratch

        self._in_parts(step, parameter, grad, state["sum"])
