"""How much examples count: weights of theirs and of their classes, and losses that heed them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_np import Tensor
from nn.losses.reductions import Loss

__all__ = ["LossOf", "check_weightable", "checked_weights", "class_weights", "heeding"]

LossOf = Callable[[Any, Any, Any], Tensor]
"""From outputs, targets, and weights or None, to a scalar."""


def checked_weights(name: str, weights: ArrayLike) -> NDArray[Any]:
    """Return examples' weights as an array, or raise if they cannot be such."""
    array = np.asarray(weights)
    if array.dtype.kind not in "biuf" or array.ndim != 1:
        raise ValueError(
            f"{name} is an array of dtype {array.dtype} and shape {array.shape}; give one number for each example"
        )
    if not np.isfinite(array).all() or (array < 0).any():
        raise ValueError(
            f"{name} holds {array[~np.isfinite(array) | (array < 0)][0]}; weights are finite and at least 0"
        )
    if len(array) and not array.any():
        raise ValueError(f"{name} is 0 for every example; nothing would count")
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def class_weights(name: str, y: Any, given: Mapping[Any, float] | str, whole: bool = True) -> NDArray[np.float64]:
    """Return the weight of each example by its class.

    Parameters
    ----------
    name : str
        What the weights are called in errors.
    y : ndarray, shape (N,)
        Each example's class.
    given : mapping, or "balanced"
        The weight of each class, 1 for those that are not in it; balanced ones are N / (number of classes · examples of
        the class), as in scikit-learn.
    whole : bool
        Whether these are all the examples, and not one batch of them.
    """
    labels = np.asarray(y)
    if labels.ndim != 1 or labels.dtype.kind == "f":
        raise ValueError(
            f"{name} is for one class for each example, an array of labels of shape (N,); y is of dtype "
            f"{labels.dtype} and shape {labels.shape}; give sample_weight"
        )
    classes, which, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if isinstance(given, str):
        if given != "balanced":
            raise ValueError(f"{name}={given!r}; give 'balanced', or a dict with the weight of each class")
        if not whole:
            raise ValueError(
                f"{name}='balanced' with batches that are yet to come; give a dict with the weight of each class"
            )
        return (len(labels) / (len(classes) * counts))[which]
    if not isinstance(given, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{name} is a {type(given).__name__}; give 'balanced', or a dict with the weight of each class")
    known = classes.tolist()
    strange = [key for key in given if key not in known]
    if strange and whole:
        raise ValueError(f"{name} has {strange[0]!r}, which is none of the classes in y: {', '.join(map(str, known))}")
    each = np.array([float(given.get(label, 1.0)) for label in known])
    return checked_weights(name, each)[which]


def check_weightable(name: str, loss: Callable[..., Tensor]) -> None:
    """Raise if a loss cannot be made the mean of examples' losses with weights."""
    if not isinstance(loss, Loss):
        return
    for attribute, refused in (("reduction", loss.reduction != "mean"), ("weight", _has(loss, "weight"))):
        if refused:
            raise ValueError(
                f"{name}: with weights of examples, the loss is to be their mean, and {type(loss).__name__} has "
                f"{attribute}={getattr(loss, attribute)!r}; leave one of the two out"
            )


def heeding(name: str, loss: Callable[..., Tensor]) -> LossOf:
    """Return a loss that takes examples' weights as well: the mean of their losses, each as often as it counts.

    A loss of one's own is given the weights as a third argument. Without weights, None, it is the loss as it is.
    """

    def of(outputs: Any, targets: Any, weight: Any) -> Tensor:
        if weight is None:
            return loss(outputs, targets)
        check_weightable(name, loss)
        if not isinstance(loss, Loss):
            return loss(outputs, targets, weight)
        return _weighted_mean(loss, outputs, targets, weight)

    return of


def _weighted_mean(loss: Loss, outputs: Any, targets: Any, weight: Any) -> Tensor:
    each: Any = copy.copy(loss)
    each.reduction = "none"
    losses = each(outputs, targets)
    counts = np.asarray(weight, losses.dtype)
    ignored = getattr(loss, "ignore_index", None)
    if ignored is not None and np.ndim(targets) == 1:
        counts = counts * (np.asarray(targets) != ignored)
    if losses.ndim > 1:
        losses = losses.reshape(len(losses), -1).mean(axis=1)
    total = counts.sum()
    return (losses * counts).sum() / (total + (total == 0))


def _has(loss: Loss, name: str) -> bool:
    return getattr(loss, name, None) is not None
