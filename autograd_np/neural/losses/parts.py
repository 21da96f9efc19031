"""What losses share: their arguments, and what is made of the losses of a batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_np.neural.arguments import check_number, check_reduction, first_place, real
from autograd_np.tensor import Operand, Tensor, plain

__all__ = [
    "check_options", "check_probabilities", "check_reducible", "check_signs", "constant_like", "paired",
    "reduced", "weighted",
]  # fmt: skip


def paired(operation: str, x: Operand, targets: Operand) -> tuple[Any, Any]:
    """Return predictions and targets, of one shape."""
    y, t = real(operation, x), real(operation, targets)
    if y.shape != t.shape:
        raise ValueError(
            f"{operation}: predictions of shape {y.shape} with targets of shape {t.shape}; nothing is broadcast here, "
            f"give both the same shape, by reshape say"
        )
    return y, constant_like(y, t)


def constant_like(x: Any, t: Any) -> Any:
    """Return targets in the predictions' dtype, so that float64 targets do not make a float32 loss float64.

    One that requires a gradient stays as it is.
    """
    if isinstance(t, Tensor) and t.requires_grad:
        return t
    return plain(t).astype(x.dtype, copy=False)


def weighted(operation: str, losses: Any, weight: Operand | None, name: str = "weight") -> Any:
    """Return losses, each times its weight, which may be broadcast as long as it adds no axes and no length."""
    if weight is None:
        return losses
    weights = constant_like(losses, real(operation, weight))
    try:
        fits = np.broadcast_shapes(weights.shape, losses.shape) == losses.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{operation}: {name} of shape {weights.shape} with predictions of shape {losses.shape}; give a {name} "
            f"that is broadcast to their shape"
        )
    return weights * losses


def check_options(operation: str, **options: float) -> None:
    """Raise unless each option is a finite number."""
    for name, value in options.items():
        check_number(operation, name, value)
        if not math.isfinite(value):
            raise ValueError(f"{operation}: {name}={value!r}; give a finite number")


def check_probabilities(operation: str, name: str, p: Any) -> None:
    """Raise unless all numbers are from 0 to 1."""
    values = plain(p)
    wrong = (values < 0) | (values > 1)
    if wrong.any():
        place = first_place(wrong)
        raise ValueError(f"{operation}: the {name} {values[place]} at {place} is not a probability, from 0 to 1")


def check_signs(operation: str, targets: Any) -> None:
    """Raise unless all targets are 1 or -1."""
    values = plain(targets)
    wrong = (values != 1) & (values != -1)
    if wrong.any():
        place = first_place(wrong)
        raise ValueError(f"{operation}: the target {values[place]} at {place} is neither 1 nor -1")


def reduced(operation: str, losses: Any, reduction: str, like: Any = None) -> Any:
    """Return the mean of losses, their sum, or themselves; of the dtype of `like`, if it is given."""
    check_reducible(operation, losses.shape, reduction)
    result = losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses
    return result if like is None or result.dtype == like.dtype else result.astype(like.dtype)


def check_reducible(operation: str, shape: tuple[int, ...], reduction: str) -> None:
    """Raise if the reduction is unknown, or the mean of nothing is asked for."""
    check_reduction(operation, reduction)
    if reduction == "mean" and 0 in shape:
        raise ValueError(f"{operation}: the mean of no losses, of shape {shape}, is not defined")
