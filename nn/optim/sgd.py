"""Stochastic gradient descent."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, ClassVar

import numpy as np

from autograd_np import Tensor
from autograd_np.capture import as_number
from nn.optim.optimizer import Array, Group, Optimizer, Parameters, arrays_in

__all__ = ["SGD"]

_rates = itemgetter("lr", "weight_decay", "momentum", "dampening")


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum.

    With gradient g, weight decay λ, momentum μ and dampening τ::

        g ← g + λ p
        v ← μ v + (1 - τ) g        (v = g in the first step)
        g ← g + μ v  if nesterov, else v
        p ← p - lr g

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        Parameters, or groups of them; see `Optimizer`.
    lr : float
        Learning rate.
    momentum, dampening, weight_decay : float
        μ, τ and λ above.
    nesterov : bool
        Look ahead along the momentum; it needs momentum and no dampening.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`.

    Notes
    -----
    The formulas are those of ``torch.optim.SGD``. Written with v ← μ v - lr g; p ← p + v, momentum takes the same steps
    as long as the learning rate stays the same.

    References
    ----------
    I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum in deep learning",
    ICML 2013.

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from nn import optim
    >>> p = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = optim.SGD([p], lr=0.25)
    >>> (p**2).sum().backward()
    >>> optimizer.step()
    >>> p
    Tensor([0.5, 1. ], requires_grad=True)
    """

    _memory: ClassVar[tuple[str, ...]] = ("momentum_buffer",)

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov
        )

    def _check(self, group: Group) -> None:
        self._check_number("weight_decay", group["weight_decay"])
        self._check_number("momentum", group["momentum"], below=1)
        self._check_number("dampening", group["dampening"])
        self._check_flag("nesterov", group["nesterov"])
        if group["nesterov"] and (not group["momentum"] or group["dampening"]):
            raise ValueError(
                f"SGD: nesterov=True with momentum={group['momentum']} and dampening={group['dampening']}; it needs "
                f"momentum above 0 and no dampening"
            )

    def _update(self, parameter: Tensor, grad: Array, state: dict[str, Any], group: Group) -> None:
        lr, decay, mu, tau = map(as_number, _rates(group))
        first = "momentum_buffer" not in state
        if mu and first:
            state["momentum_buffer"] = np.empty_like(parameter.data)

        def step(p: Array, grad: Array, scratch: Array, *velocity: Array) -> None:
            if decay:
                grad = np.add(grad, np.multiply(p, decay, out=scratch), out=scratch)
            direction = grad
            if mu:
                (direction,) = velocity
                if first:
                    direction[...] = grad
                else:
                    direction *= mu
                    direction += np.multiply(grad, 1 - tau, out=scratch) if tau else grad
            if group["nesterov"]:  # p - lr (g + μ v), as two steps
                p -= np.multiply(grad, lr, out=scratch)
            p -= np.multiply(direction, lr * mu if group["nesterov"] else lr, out=scratch)

        self._in_parts(step, parameter, grad, *arrays_in(state).values())
