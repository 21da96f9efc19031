"""Clipping: keep gradients from becoming too large, between `backward` and the optimiser's step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import reduce
from numbers import Real
from typing import Any

import numpy as np

from autograd_np import Tensor
from autograd_np.tensor import plain

__all__ = ["clip_grad_norm_", "clip_grad_value_"]


def clip_grad_norm_(
    parameters: Iterable[Tensor] | Tensor, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Any:
    """Scale gradients down, in place, so that the norm of all of them together is at most `max_norm`.

    Parameters
    ----------
    parameters : iterable of Tensor, or Tensor
        What `Module.parameters` yields. Those without a gradient are passed over, and each counts once.
    max_norm : float
        The largest norm.
    norm_type : float
        Which norm: p > 0 for (Σ |g|^p)^(1/p), infinity for the largest |g|.
    error_if_nonfinite : bool
        Whether to raise if the norm is infinite or NaN. By default all gradients are then multiplied by
        ``max_norm / norm`` all the same: by NaN, or by 0, which makes zeros of finite ones and NaN of infinite ones.

    Returns
    -------
    numpy.float64 or numpy.longdouble
        The norm before. It is computed in double precision at least, and squares neither overflow nor vanish.

    Raises
    ------
    TypeError
        If there is anything but Tensors among the parameters, or a limit is no number.
    ValueError
        If `max_norm` is negative, or `norm_type` not above 0.
    RuntimeError
        If the norm is not finite, and `error_if_nonfinite`. No gradient has changed then.

    Notes
    -----
    As in ``torch.nn.utils.clip_grad_norm_`` the factor is ``max_norm / (norm + 1e-6)``, and 1 if that is larger. A
    gradient that is itself recorded, by ``backward(create_graph=True)``, is replaced by a plain array.

    `nn.compile_step` takes an optimiser whose `step` clips and then calls ``super().step()``.

    References
    ----------
    R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
    algorithm 1.

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from nn.utils import clip_grad_norm_
    >>> p = Tensor([3.0, 4.0], requires_grad=True)
    >>> (p**2 / 2).sum().backward()
    >>> float(clip_grad_norm_([p], 1.0))
    5.0
    >>> p.grad.round(4)
    array([0.6, 0.8])
    """
    call = "clip_grad_norm_"
    _check_number(call, "max_norm", max_norm)
    _check_number(call, "norm_type", norm_type)
    if not max_norm >= 0:
        raise ValueError(f"{call}: max_norm={max_norm}; give a number of at least 0")
    if not norm_type > 0:
        raise ValueError(f"{call}: norm_type={norm_type}; give a number above 0, such as 2.0 or math.inf")
    known = [*_with_gradients(call, parameters)]
    if not known:
        return np.float64(0)
    wide = np.result_type(np.float64, *(plain(p.grad).real.dtype for p in known))
    sizes = [np.abs(plain(p.grad)).astype(wide) for p in known]
    norm = _norm(sizes, norm_type, np.finfo(wide))
    if error_if_nonfinite and not np.isfinite(norm):
        raise RuntimeError(
            f"{call}: the norm of the gradients is {norm}; look for what made it so, or scale them all the "
            f"same, with error_if_nonfinite=False"
        )
    factor = np.minimum(max_norm / (norm + 1e-6), 1.0)
    for p in known:
        _write(p, np.multiply, factor)
    return norm


def clip_grad_value_(parameters: Iterable[Tensor] | Tensor, clip_value: float) -> None:
    """Clip each number of the gradients, in place, to the interval from ``-clip_value`` to ``clip_value``.

    NaN stays NaN.

    Parameters
    ----------
    parameters : iterable of Tensor, or Tensor
        What `Module.parameters` yields. Those without a gradient are passed over.
    clip_value : float
        The largest absolute value.

    Raises
    ------
    TypeError
        If there is anything but Tensors among the parameters, one is complex, or the limit is no number.
    ValueError
        If `clip_value` is negative.

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from nn.utils import clip_grad_value_
    >>> p = Tensor([3.0, -0.5], requires_grad=True)
    >>> (p**2 / 2).sum().backward()
    >>> clip_grad_value_([p], 1.0)
    >>> p.grad
    array([ 1. , -0.5])
    """
    call = "clip_grad_value_"
    _check_number(call, "clip_value", clip_value)
    if not clip_value >= 0:
        raise ValueError(f"{call}: clip_value={clip_value}; give a number of at least 0")
    known = [*_with_gradients(call, parameters)]
    for p in known:
        if p.dtype.kind != "f":
            raise TypeError(f"{call}: a gradient of dtype {p.dtype} has no order to clip by; use clip_grad_norm_")
    for p in known:
        limit = float(clip_value)
        if limit < math.inf:
            limit = min(limit, float(np.finfo(p.dtype).max))  # a larger one would overflow in the gradient's dtype
        _write(p, np.clip, p.dtype.type(-limit), p.dtype.type(limit))


def _norm(sizes: list[Any], order: float, limits: Any) -> Any:
    """Return a norm of absolute values, in a scale in which their powers neither overflow nor vanish."""
    largest = reduce(np.maximum, [np.max(size, initial=0.0) for size in sizes])
    if order == math.inf:
        return largest
    scale = np.clip(largest, limits.tiny, limits.max)
    if order == 2:
        return scale * np.sqrt(sum(np.sum(np.square(size / scale)) for size in sizes))
    return scale * sum(np.sum((size / scale) ** order) for size in sizes) ** (1 / order)


def _write(parameter: Tensor, function: Any, *args: Any) -> None:
    """Change a gradient in place; one that is recorded gives way to an array."""
    grad = parameter.grad
    if isinstance(grad, Tensor):
        parameter.grad = function(grad.data, *args)
    else:
        function(grad, *args, out=grad, casting="same_kind")


def _with_gradients(call: str, parameters: Any) -> Iterator[Tensor]:
    """Yield those parameters that have a gradient, each once."""
    if not isinstance(parameters, Tensor) and not hasattr(parameters, "__iter__"):
        raise TypeError(f"{call}: parameters is a {type(parameters).__name__}; give Tensors, like model.parameters()")
    seen: set[int] = set()
    for p in [parameters] if isinstance(parameters, Tensor) else list(parameters):
        if not isinstance(p, Tensor):
            raise TypeError(f"{call}: parameters holds a {type(p).__name__}; give Tensors, like model.parameters()")
        if p.grad is not None and id(p) not in seen:
            seen.add(id(p))
            yield p


def _check_number(call: str, name: str, value: Any) -> None:
    if not isinstance(value, Real):
        raise TypeError(f"{call}: {name} is a {type(value).__name__}; give a number")
