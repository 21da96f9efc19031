"""How much examples count: weights of theirs and of their classes, and losses that heed them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_np import Tensor
from autograd_np.tensor import plain
from nn.losses import CrossEntropyLoss, NLLLoss
from nn.losses.reductions import Loss
from nn.training.arguments import check_function, kind_of

__all__ = ["LossOf", "check_weightable", "checked_weights", "class_weights", "heeding", "length", "total_of"]

LossOf = Callable[[Any, Any, Any], Tensor]
"""From outputs, targets, and weights or None, to a scalar."""


def checked_weights(name: str, weights: ArrayLike, whole: bool = True) -> NDArray[np.float64]:
    """Return examples' weights as an array, or raise if they cannot be such; in one batch, all may be 0."""
    array = np.asarray(weights)
    if array.dtype.kind not in "biuf" or array.ndim != 1:
        raise ValueError(
            f"{name} is an array of dtype {array.dtype} and shape {array.shape}; give one number for each example"
        )
    array = array.astype(np.float64)
    wrong = array[~np.isfinite(array) | (array < 0)]
    if len(wrong):
        raise ValueError(f"{name} holds {wrong[0]}; give finite numbers of at least 0")
    if whole and len(array) and not array.any():
        raise ValueError(f"{name} is 0 for every example; give numbers above 0 to those that are to count")
    return array


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
    if isinstance(given, str) and (given != "balanced" or not whole):
        of_whole = "'balanced', or " if whole else ""
        raise ValueError(
            f"{name}={given!r}{'' if whole else ' with batches that are yet to come'}; give {of_whole}a dict with the "
            f"weight of each class"
        )
    if not isinstance(given, str | Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{name} is {kind_of(given)}; give 'balanced', or a dict with the weight of each class")
    labels = np.asarray(y)
    if labels.ndim != 1 or labels.dtype.kind not in "biu":
        raise ValueError(
            f"{name} is for one class for each example, an array of integers of shape (N,); y is of dtype "
            f"{labels.dtype} and shape {labels.shape}; give sample_weight"
        )
    classes, which, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if isinstance(given, str):
        return (len(labels) / (len(classes) * counts))[which]
    known = classes.tolist()
    strange = [key for key in given if (key not in known if whole else not isinstance(key, Integral))]
    if strange:
        has = f"in y: {', '.join(map(str, known))}" if whole else "of a batch, which are integers"
        raise ValueError(f"{name} has {strange[0]!r}, which is none of the classes {has}")
    for key, value in given.items():
        if not isinstance(value, Real) or not 0 <= value < math.inf:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"{name}[{key!r}] is {value!r}; give a finite number of at least 0")
    return checked_weights(name, np.array([float(given.get(label, 1.0)) for label in known]), whole)[which]


def check_weightable(name: str, loss: Callable[..., Tensor]) -> None:
    """Raise if a loss cannot be made the mean of examples' losses with weights."""
    if not isinstance(loss, Loss):
        check_function(name, "loss", loss, "outputs", "targets", "weights")
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
            value: Any = loss(outputs, targets)
        elif isinstance(loss, Loss):
            check_weightable(name, loss)
            return _weighted_mean(loss, outputs, targets, weight)
        else:
            value = loss(outputs, targets, weight)
        if not isinstance(value, Tensor) or value.shape:
            raise TypeError(f"{name}: loss returned {kind_of(value)}; give one that returns a Tensor of shape ()")
        return value

    return of


def _weighted_mean(loss: Loss, outputs: Any, targets: Any, weight: Any) -> Tensor:
    each: Any = copy.copy(loss)
    each.reduction = "none"
    losses = each(outputs, targets)
    counts = _down(weight.astype(losses.dtype), losses.ndim)
    ignored, labels = getattr(loss, "ignore_index", None), plain(targets)
    if ignored is not None and labels.ndim == losses.ndim:  # they are no shares of the classes
        counts = counts * (labels != ignored)
    total = np.broadcast_to(counts, losses.shape).sum()
    return (losses * counts).sum() / (total + (total == 0))


def _down(weight: Any, ndim: int) -> Any:
    """Return weights of rows, for an array of so many axes."""
    return weight.reshape(-1, *(1,) * (ndim - 1))


def total_of(loss: Callable[..., Tensor], targets: Any, weight: Any) -> float:
    """Return what a batch's mean is over, the sum of its weights, up to a factor that all batches have in common.

    So much a batch counts among others: means over several are those over all their examples.
    """
    labels = plain(targets)
    if not isinstance(loss, CrossEntropyLoss | NLLLoss) or labels.dtype.kind == "f":
        return float(length(targets) if weight is None else weight.sum())
    counts = labels != loss.ignore_index
    if loss.weight is not None:
        counts = counts * loss.weight[np.where(counts, labels, 0)]
    return float((counts if weight is None else counts * _down(weight, labels.ndim)).sum())


def length(part: Any) -> int:
    """Return how many examples a part of a batch is of; of several things it is that of the first."""
    while isinstance(part, Mapping | tuple | list):
        things: Any = part.values() if isinstance(part, Mapping) else part  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        part = next(iter(things))
    return len(part)


def _has(loss: Loss, name: str) -> bool:
    return getattr(loss, name, None) is not None
