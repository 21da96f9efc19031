"""Adam; AdamW, whose weight decay is decoupled; and NAdam, which looks ahead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from autograd_np import Tensor
from autograd_np.capture import as_number
from nn.optim.optimizer import Array, Group, Optimizer, Parameters

__all__ = ["Adam", "AdamW", "NAdam"]


class Adam(Optimizer):
    """Adam: each number is changed by its mean gradient, relative to the gradient's size.

    With gradient g, step t, and weight decay λ::

        g ← g + λ p
        m ← β1 m + (1 - β1) g
        v ← β2 v + (1 - β2) g²
        w ← max(w, v)  if amsgrad, else v
        p ← p - lr (m / (1 - β1^t)) / (√(w / (1 - β2^t)) + ε)

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
    amsgrad : bool
        Divide by the largest mean square so far, so that what was learned of a rare large gradient is not forgotten.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`.

    References
    ----------
    D. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.

    S. Reddi, S. Kale, S. Kumar, "On the convergence of Adam and beyond", ICLR 2018, algorithm 2: `amsgrad`.

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
    _optional: ClassVar[Mapping[str, str]] = {"amsgrad": "max_exp_avg_sq"}
    _fixed: ClassVar[Mapping[str, bool]] = {**Optimizer._fixed, "decoupled_weight_decay": False}
    _absent: ClassVar[Mapping[str, bool]] = {"amsgrad": False}

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)

    def _check(self, group: Group) -> None:
        self._check_betas(group["betas"])
        self._check_number("weight_decay", group["weight_decay"])
        self._check_number("eps", group["eps"])
        self._check_flag("amsgrad", group["amsgrad"])

    def _update(self, parameter: Tensor, grad: Array, state: dict[str, Any], group: Group) -> None:
        decay = float(group["weight_decay"])
        self._adam(parameter, grad + decay * parameter.data if decay else grad, state, group)

    def _adam(self, parameter: Tensor, grad: Array, state: dict[str, Any], group: Group) -> None:
        self._begin(parameter, state, group)
        t = state["step"] + 1
        state["step"] = t
        beta1, beta2 = map(as_number, group["betas"])
        eps, lr = float(group["eps"]), as_number(group["lr"])
        c = (1 - beta2**t) ** 0.5

        def step(p: Array, grad: Array, scratch: Array, m: Array, v: Array, *largest: Array) -> None:
            m *= beta1
            m += np.multiply(grad, 1 - beta1, out=scratch)
            v *= beta2
            np.multiply(grad, grad, out=scratch)
            scratch *= 1 - beta2
            v += scratch
            for w in largest:
                np.maximum(w, v, out=w)
                v = w
            # m / (√(v / c²) + ε) = c m / (√v + c ε)
            np.sqrt(v, out=scratch)
            scratch += c * eps
            np.divide(m, scratch, out=scratch)
            scratch *= lr * c / (1 - beta1**t)
            p -= scratch

        self._in_parts(step, parameter, grad, *(state[name] for name in self._names(group) if name != "step"))


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
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)

    def _update(self, parameter: Tensor, grad: Array, state: dict[str, Any], group: Group) -> None:
        p = parameter.data
        p *= 1 - as_number(group["lr"]) * float(group["weight_decay"])
        self._adam(parameter, grad, state, group)


class NAdam(Optimizer):
    """Adam with Nesterov's momentum: a step goes where the next one's momentum would go already.

    With gradient g, step t, and weight decay λ::

        g ← g + λ p                             (p ← p - lr λ p  if decoupled)
        m ← β1 m + (1 - β1) g
        v ← β2 v + (1 - β2) g²
        μ(t) = β1 (1 - 0.96^(t ψ) / 2)
        M ← M μ(t)                              (M = 1 at the start)
        d = (1 - μ(t)) / (1 - M) g + μ(t + 1) / (1 - M μ(t + 1)) m
        p ← p - lr d / (√(v / (1 - β2^t)) + ε)

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
    momentum_decay : float
        ψ above: how fast momentum rises, from half of β1 to β1.
    decoupled_weight_decay : bool
        Decay as `AdamW` does.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`.

    Notes
    -----
    M is kept in double precision. PyTorch keeps it in single precision by default, so that its steps differ in the
    seventh digit.

    References
    ----------
    T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR 2016 workshop, algorithm 2.

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from nn import optim
    >>> p = Tensor([1.0, 200.0], requires_grad=True)
    >>> optimizer = optim.NAdam([p], lr=0.1)
    >>> (p**2).sum().backward()
    >>> optimizer.step()
    >>> p.data.round(3)
    array([  0.894, 199.894])
    """

    _memory: ClassVar[tuple[str, ...]] = ("step", "mu_product", "exp_avg", "exp_avg_sq")
    _absent: ClassVar[Mapping[str, bool]] = {"decoupled_weight_decay": False}

    def __init__(
        self,
        params: Parameters,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay,
        )  # fmt: skip

    def _check(self, group: Group) -> None:
        self._check_betas(group["betas"])
        for name in ("eps", "weight_decay", "momentum_decay"):
            self._check_number(name, group[name])
        self._check_flag("decoupled_weight_decay", group["decoupled_weight_decay"])

    def _first(self, name: str, p: Array, group: Group) -> Any:
        return 1.0 if name == "mu_product" else super()._first(name, p, group)

    def _update(self, parameter: Tensor, grad: Array, state: dict[str, Any], group: Group) -> None:
        self._begin(parameter, state, group)
        lr, decay = as_number(group["lr"]), float(group["weight_decay"])
        beta1, beta2 = map(as_number, group["betas"])
        eps, psi = float(group["eps"]), float(group["momentum_decay"])
        t = state["step"] + 1
        now, after = (beta1 * (1 - 0.5 * 0.96 ** (i * psi)) for i in (t, t + 1))
        product = state["mu_product"] * now
        state["step"], state["mu_product"] = t, product
        of_grad, of_mean = lr * (1 - now) / (1 - product), lr * after / (1 - product * after)
        c = (1 - beta2**t) ** 0.5

        def step(p: Array, grad: Array, scratch: Array, m: Array, v: Array) -> None:
            if decay and group["decoupled_weight_decay"]:
                p *= 1 - lr * decay
            elif decay:
                grad = grad + decay * p
            m *= beta1
            m += np.multiply(grad, 1 - beta1, out=scratch)
            v *= beta2
            np.multiply(grad, grad, out=scratch)
            scratch *= 1 - beta2
            v += scratch
            direction = np.multiply(m, of_mean * c, out=np.empty_like(m))
            direction += np.multiply(grad, of_grad * c, out=scratch)
            # d / (√(v / c²) + ε) = c d / (√v + c ε)
            np.sqrt(v, out=scratch)
            scratch += c * eps
            direction /= scratch
            p -= direction

        self._in_parts(step, parameter, grad, state["exp_avg"], state["exp_avg_sq"])
