"""RMSprop: the gradient divided by its size of late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from autograd_np import Tensor
from autograd_np.capture import as_number
from nn.optim.optimizer import Array, Group, Optimizer, Parameters

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """RMSprop: each number is changed by its gradient, relative to the gradient's size of late.

    With gradient g, and weight decay λ::

        g ← g + λ p
        v ← alpha v + (1 - alpha) g²
        a ← alpha a + (1 - alpha) g            (if centered)
        d = g / (√v + ε),  or if centered g / (√(v - a²) + ε)
        b ← μ b + d                            (b = d without momentum)
        p ← p - lr b

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        Parameters, or groups of them; see `Optimizer`.
    lr : float
        Learning rate.
    alpha : float
        alpha above: how much is remembered of the gradient's square.
    eps : float
        ε above: keeps the division finite.
    weight_decay, momentum : float
        λ and μ above.
    centered : bool
        Divide by the gradient's standard deviation instead of its root mean square.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`.

    Notes
    -----
    ε is added to the root, as in ``torch.optim.RMSprop``; elsewhere it is added under it. A variance v - a² that
    rounding makes negative counts as 0; PyTorch's steps are NaN then.

    References
    ----------
    T. Tieleman, G. Hinton, "Neural networks for machine learning", Coursera 2012, lecture 6.5.

    A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850, equations 38 to 45: `centered`.

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from nn import optim
    >>> p = Tensor([1.0, 200.0], requires_grad=True)
    >>> optimizer = optim.RMSprop([p], lr=0.1, alpha=0.75)
    >>> (p**2).sum().backward()
    >>> optimizer.step()
    >>> p
    Tensor([  0.8, 199.8], requires_grad=True)
    """

    _memory: ClassVar[tuple[str, ...]] = ("step", "square_avg")
    _optional: ClassVar[Mapping[str, str]] = {"momentum": "momentum_buffer", "centered": "grad_avg"}

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered
        )

    def _check(self, group: Group) -> None:
        self._check_number("alpha", group["alpha"], below=1)
        self._check_number("eps", group["eps"])
        self._check_number("weight_decay", group["weight_decay"])
        self._check_number("momentum", group["momentum"], below=1)
        self._check_flag("centered", group["centered"])

    def _update(self, parameter: Tensor, grad: Array, state: dict[str, Any], group: Group) -> None:
        self._begin(parameter, state, group)
        state["step"] = state["step"] + 1
        names = [name for name in self._names(group) if name != "step"]
        lr, alpha, eps = as_number(group["lr"]), float(group["alpha"]), float(group["eps"])
        decay, mu = float(group["weight_decay"]), as_number(group["momentum"])

        def step(p: Array, grad: Array, scratch: Array, *memory: Array) -> None:
            remembered = dict(zip(names, memory, strict=True))
            v = remembered["square_avg"]
            if decay:
                grad = grad + decay * p
            v *= alpha
            np.multiply(grad, grad, out=scratch)
            scratch *= 1 - alpha
            v += scratch
            if group["centered"]:
                a = remembered["grad_avg"]
                a *= alpha
                a += np.multiply(grad, 1 - alpha, out=scratch)
                np.multiply(a, a, out=scratch)
                np.subtract(v, scratch, out=scratch)
                np.maximum(scratch, 0, out=scratch)  # rounding can make it negative
                np.sqrt(scratch, out=scratch)
            else:
                np.sqrt(v, out=scratch)
            scratch += eps
            np.divide(grad, scratch, out=scratch)
            if mu:
                b = remembered["momentum_buffer"]
                b *= mu
                b += scratch
                np.multiply(b, lr, out=scratch)
            else:
                scratch *= lr
            p -= scratch

        self._in_parts(step, parameter, grad, *(state[name] for name in names))
