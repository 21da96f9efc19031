"""Adam, and AdamW, whose weight decay is decoupled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from autograd_np import Tensor
from autograd_np.capture import as_number
from nn.optim.optimizer import Array, Group, Optimizer, Parameters

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Adam: each number is changed by its mean gradient, relative to the gradient's size.

    With gradient g, step t, and weight decay λ::

        g ← g + λ p
        m ← β1 m + (1 - β1) g
        v ← β2 v + (1 - β2) g²
        p ← p - lr (m / (1 - β1^t)) / (√(v / (1 - β2^t)) + ε)

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        Parameters, or groups of them; see `Optimizer`.
    lr : float
        Learning rate.
    betas : tuple of float
        β1 and β2 above: how much is remembered of the gradient and of its square.
    eps : float
        ε above: keeps the division finite.
    weight_decay : float
        λ above.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`.

    References
    ----------
    D. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from nn import optim
    >>> p = Tensor([1.0, 200.0], requires_grad=True)
    >>> optimizer = optim.Adam([p], lr=0.1)
    >>> (p**2).sum().backward()
    >>> optimizer.step()
    >>> p
    Tensor([  0.9, 199.9], requires_grad=True)
    """

    _memory: ClassVar[tuple[str, ...]] = ("step", "exp_avg", "exp_avg_sq")
    _fixed: ClassVar[Mapping[str, bool]] = {**Optimizer._fixed, "amsgrad": False, "decoupled_weight_decay": False}

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def _check(self, group: Group) -> None:
        if np.shape(group["betas"]) != (2,):
            raise ValueError(f"{self._name}: betas={group['betas']}; give two numbers")
        for name, beta in zip(("betas[0]", "betas[1]"), group["betas"], strict=True):
            self._check_number(name, beta, below=1)
        self._check_number("weight_decay", group["weight_decay"])
        self._check_number("eps", group["eps"])

    def _update(self, parameter: Tensor, grad: Array, state: dict[str, Any], group: Group) -> None:
        decay = float(group["weight_decay"])
        self._adam(parameter, grad + decay * parameter.data if decay else grad, state, group)

    def _adam(self, parameter: Tensor, grad: Array, state: dict[str, Any], group: Group) -> None:
        if not state:
            p = parameter.data
            state.update(step=0, exp_avg=np.zeros_like(p), exp_avg_sq=np.zeros_like(p))
        t = state["step"] + 1
        state["step"] = t
        beta1, beta2 = (float(beta) for beta in group["betas"])
        eps, lr = float(group["eps"]), as_number(group["lr"])
        c = (1 - beta2**t) ** 0.5

        def step(p: Array, grad: Array, scratch: Array, m: Array, v: Array) -> None:
            m *= beta1
            m += np.multiply(grad, 1 - beta1, out=scratch)
            v *= beta2
            np.multiply(grad, grad, out=scratch)
            scratch *= 1 - beta2
            v += scratch
            # m / (√(v / c²) + ε) = c m / (√v + c ε)
            np.sqrt(v, out=scratch)
            scratch += c * eps
            np.divide(m, scratch, out=scratch)
            scratch *= lr * c / (1 - beta1**t)
            p -= scratch

        self._in_parts(step, parameter, grad, state["exp_avg"], state["exp_avg_sq"])


class AdamW(Adam):
    """Adam with decoupled weight decay: p ← p - lr λ p, and then the step of `Adam` with λ = 0.

    Parameters and errors are those of `Adam`; only the default of `weight_decay` differs.

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2 (with the learning rate in
    place of the schedule's factor).

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from nn import optim
    >>> p = Tensor([1.0], requires_grad=True)
    >>> optimizer = optim.AdamW([p], lr=0.1, weight_decay=0.5)
    >>> p.grad = [0.0]
    >>> optimizer.step()
    >>> p
    Tensor([0.95], requires_grad=True)
    """

    _fixed: ClassVar[Mapping[str, bool]] = {**Adam._fixed, "decoupled_weight_decay": True}

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)

    def _update(self, parameter: Tensor, grad: Array, state: dict[str, Any], group: Group) -> None:
        p = parameter.data
        p *= 1 - as_number(group["lr"]) * float(group["weight_decay"])
        self._adam(parameter, grad, state, group)
