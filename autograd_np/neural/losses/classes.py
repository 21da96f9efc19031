"""Losses of classes: cross-entropy and what is akin to it."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from autograd_np.neural.activations import log_softmax, shifted, softmax
from autograd_np.neural.arguments import Array, Reduction, check_number, first_place, real
from autograd_np.neural.losses.parts import check_options, check_reducible, constant_like, reduced
from autograd_np.primitives import defvjp
from autograd_np.rules.ranges import widened
from autograd_np.tensor import Operand, Tensor, as_array, plain, primitive

__all__ = ["cross_entropy", "nll_loss"]


def cross_entropy(
    logits: Operand,
    targets: Operand,
    weight: Operand | None = None,
    *,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross-entropy of targets and the softmax of logits: -Σ t log softmax(logits) over the classes.

    Softmax and logarithm are computed as one, so that logits of any size are safe.

    Parameters
    ----------
    logits : array_like, shape (N, C) or (N, C, d1, ...) or (C,)
        A number for each of C classes.
    targets : array_like of int, shape (N,) or (N, d1, ...) or (); or array_like of the shape of `logits`
        The class of each sample, from 0 to C - 1; or the probability of each class, which may require a gradient
        (integers: one-hot).
    weight : array_like, shape (C,), optional
        How much each class counts. The mean over labels is over the weights of the labels, Σ w l / Σ w; that over
        probabilities is over the samples.
    ignore_index : int
        Samples of this label have no share in the loss. It need not be one of the classes.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the samples, their sum, or one loss for each.
    label_smoothing : float
        What share, from 0 to 1, of each target is spread evenly over all classes.

    Returns
    -------
    Tensor, of shape (), or of one loss for each sample

    Raises
    ------
    TypeError
        If the logits are not real numbers or the classes not integers.
    ValueError
        If the shapes do not fit, a class is out of range, integers of the logits' shape are not one-hot, an option is
        out of range, or there is no sample to average: none at all, or all are ignored or of classes without weight.

    References
    ----------
    C. Szegedy et al., "Rethinking the inception architecture for computer vision", CVPR 2016, section 7: smoothing.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from autograd_np.neural import cross_entropy
    >>> logits = Tensor(np.zeros((2, 4)), requires_grad=True)
    >>> cross_entropy(logits, [3, 0]).backward()
    >>> logits.grad
    array([[ 0.125,  0.125,  0.125, -0.375],
           [-0.375,  0.125,  0.125,  0.125]])
    """
    scores, goals, axis = _checked("cross_entropy", logits, targets)
    weights = _class_weights("cross_entropy", weight, scores, axis)
    check_number("cross_entropy", "ignore_index", ignore_index, integral=True)
    _check_smoothing(label_smoothing)
    if goals.shape == scores.shape:
        _check_one_hot(plain(goals), axis)
        if ignore_index != -100:
            raise ValueError(
                f"cross_entropy: ignore_index={ignore_index} with probabilities, which are no labels; leave samples out"
            )
        t = constant_like(scores, goals)
        if label_smoothing:
            t = t * (1 - label_smoothing) + label_smoothing / scores.shape[axis]
        losses = -((t if weights is None else t * weights) * log_softmax(scores, axis=axis)).sum(axis=axis)
        return reduced("cross_entropy", losses, reduction)
    labels = plain(goals)
    some = _check_labels("cross_entropy", labels, scores.shape[axis], ignore_index)
    check_reducible("cross_entropy", labels.shape, reduction)
    if weights is None and not some and not label_smoothing:
        return _label_cross_entropy(scores, labels, axis=axis, reduction=reduction)
    logs = log_softmax(widened(scores), axis=axis)
    kept = labels != ignore_index
    losses, shares = _of_own_class("cross_entropy", logs, labels, kept, weights, axis)
    if label_smoothing:
        spread = -(logs if weights is None else logs * weights).mean(axis=axis)
        losses = (1 - label_smoothing) * losses + label_smoothing * np.where(kept, spread, 0)
    return _over_shares("cross_entropy", losses, shares, reduction, scores)


def nll_loss(
    log_probabilities: Operand,
    targets: Operand,
    weight: Operand | None = None,
    *,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the negative log-likelihood of labels: minus the number at each one, of what `log_softmax` gave.

    With logits at hand, `cross_entropy` is the same in one step.

    Parameters
    ----------
    log_probabilities : array_like, shape (N, C) or (N, C, d1, ...) or (C,)
        The logarithm of the probability of each of C classes.
    targets : array_like of int, shape (N,) or (N, d1, ...) or ()
        The class of each sample, from 0 to C - 1.
    weight, ignore_index, reduction
        As for `cross_entropy`.

    Returns
    -------
    Tensor, of shape (), or of one loss for each sample

    Raises
    ------
    TypeError
        If the logarithms are not real numbers or the classes not integers.
    ValueError
        If the shapes do not fit, a class is out of range, the reduction is unknown, or there is no sample to average:
        none at all, or all are ignored or of classes without weight.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import nll_loss
    >>> nll_loss(np.log([[0.5, 0.5], [0.25, 0.75]]), [0, 1], reduction="none").round(4)
    array([0.6931, 0.2877])
    """
    logs, goals, axis = _checked("nll_loss", log_probabilities, targets, soft=False)
    weights = _class_weights("nll_loss", weight, logs, axis)
    check_number("nll_loss", "ignore_index", ignore_index, integral=True)
    labels = plain(goals)
    _check_labels("nll_loss", labels, logs.shape[axis], ignore_index)
    check_reducible("nll_loss", labels.shape, reduction)
    losses, shares = _of_own_class("nll_loss", widened(logs), labels, labels != ignore_index, weights, axis)
    return _over_shares("nll_loss", losses, shares, reduction, logs)


def _checked(operation: str, scores: Operand, targets: Operand, soft: bool = True) -> tuple[Any, Any, int]:
    """Return a number for each class, targets of a shape that fits, and the axis of the classes."""
    x, goals = real(operation, scores), as_array(targets)
    axis = min(1, x.ndim - 1)
    samples = x.shape[:axis] + x.shape[axis + 1 :]
    if x.ndim == 0 or x.shape[axis] == 0 or goals.shape not in (samples, x.shape if soft else samples):
        numbers, or_soft = ("logits", " or (N, C, ...) of probabilities") if soft else ("log-probabilities", "")
        raise ValueError(
            f"{operation}: {numbers} of shape {x.shape} with targets of shape {goals.shape}; give {numbers} (N, C, "
            f"...) of at least one class, and targets (N, ...) of labels{or_soft}"
        )
    return x, goals, axis


def _class_weights(operation: str, weight: Operand | None, scores: Any, axis: int) -> Any:
    """Return the weights of the classes, of a shape that is broadcast against their scores."""
    if weight is None:
        return None
    weights = constant_like(scores, real(operation, weight))
    if weights.shape != (scores.shape[axis],):
        raise ValueError(
            f"{operation}: weight of shape {weights.shape} for {scores.shape[axis]} classes; give one number for each "
            f"class"
        )
    return weights.reshape(weights.shape + (1,) * (scores.ndim - 1 - axis))


def _check_smoothing(label_smoothing: float) -> None:
    check_options("cross_entropy", label_smoothing=label_smoothing)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing={label_smoothing}; give a share, from 0 to 1")


def _of_own_class(operation: str, logs: Any, labels: Array, kept: Array, weights: Any, axis: int) -> tuple[Any, Any]:
    """Return for each sample -w log p of its own class, and w, or 1 without weights; both are 0 if it is not kept."""
    index = np.expand_dims(np.where(kept, labels, 0), axis)
    losses = np.where(kept, -np.take_along_axis(logs, index, axis).reshape(labels.shape), 0)
    if weights is None:
        return losses, kept.astype(logs.dtype)
    own = np.take_along_axis(np.broadcast_to(widened(weights), logs.shape), index, axis).reshape(labels.shape)
    shares = np.where(kept, own, 0)
    return losses * shares, shares


def _over_shares(operation: str, losses: Any, shares: Any, reduction: str, like: Any) -> Any:
    """Return the mean of losses over the shares of the samples, or what else the reduction says."""
    if reduction != "mean":
        return reduced(operation, losses, reduction, like)
    total = shares.sum()
    if plain(total) == 0:
        raise ValueError(
            f"{operation}: the mean over labels of which all are ignored, or whose weights sum to 0, is not defined; "
            f"leave such a batch out, or take reduction='sum'"
        )
    mean = losses.sum() / total
    return mean if mean.dtype == like.dtype else mean.astype(like.dtype)


def _check_one_hot(targets: Array, axis: int) -> None:
    """Raise if integers are no probabilities: labels (N, 1) beside the logits of one class look like them."""
    samples = targets.shape[:axis] + targets.shape[axis + 1 :]
    if targets.dtype.kind in "biu" and not ((targets >= 0).all() and (targets.sum(axis=axis) == 1).all()):
        raise ValueError(
            f"cross_entropy: {targets.dtype} targets of the logits' shape {targets.shape} are not one-hot; give labels "
            f"of shape {samples}, floating-point probabilities, or take binary_cross_entropy_with_logits for "
            f"yes and no"
        )


def _check_labels(operation: str, labels: Array, classes: int, ignored: int) -> bool:
    """Tell whether samples may be ignored; raise if a label names neither a class nor them."""
    if labels.dtype.kind not in "iu":
        remark = ". Probabilities need the logits' shape" if operation == "cross_entropy" else ""
        raise TypeError(
            f"{operation}: labels of dtype {labels.dtype}; they are integers that name classes: labels.astype(int)"
            f"{remark}"
        )
    # Read as unsigned, a negative label is a very large one. Labels from a file may have the other order of bytes.
    if np.maximum.reduce(labels.view(_unsigned(labels.dtype)), axis=None, initial=0) >= classes:
        wrong = ((labels < 0) | (labels >= classes)) & (labels != ignored)
        if wrong.any():
            place = first_place(wrong)
            raise ValueError(
                f"{operation}: the label {labels[place]} at {place} names none of the {classes} classes, which are 0 "
                f"to {classes - 1}"
            )
        return True
    return 0 <= ignored < classes


@functools.cache
def _unsigned(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(dtype.str.replace("i", "u"))


@primitive(name="cross_entropy", residuals=True, fresh=True)
def _label_cross_entropy(x: Any, labels: Any, axis: Any = 1, reduction: Any = "mean") -> Any:
    exponentials, _ = shifted(widened(x), axis)
    own = exponentials[_of_labels(labels, axis)]
    np.exp(exponentials, out=exponentials)
    total = np.add.reduce(exponentials, axis=axis, keepdims=True)
    losses = np.log(total.reshape(labels.shape)) - own
    exponentials /= total
    if reduction != "none":
        losses = np.add.reduce(losses, axis=None) / (labels.size if reduction == "mean" else 1)
    if losses.dtype is not x.dtype:
        losses = losses.astype(x.dtype)
    return losses, exponentials  # by now the softmax


def _softmax_less_one_hot(
    g: Any, _y: Any, x: Any, labels: Any, axis: Any = 1, reduction: Any = "mean", residuals: Any = None
) -> Any:
    """Return g (softmax(logits) - one_hot(labels)), over the number of labels for a mean."""
    p: Any = softmax(x, axis=axis) if residuals is None else residuals
    g = widened(g)
    if reduction == "none":
        g = np.expand_dims(g, axis)
    elif reduction == "mean":
        g = g / labels.size
    return g * _less_one_hot(p, labels, axis=axis)


@primitive(name="cross_entropy's gradient")
def _less_one_hot(p: Any, labels: Any, axis: Any = 1) -> Any:
    difference = p.copy()
    difference[_of_labels(labels, axis)] -= 1
    return difference


defvjp(_label_cross_entropy, _softmax_less_one_hot, None)
defvjp(_less_one_hot, lambda g, _y, _p, _labels, axis=1: g, None)


def _of_labels(labels: Array, axis: int) -> tuple[Array, ...]:
    """Return the index of each sample's own class."""
    if labels.ndim == axis == 1:
        return np.arange(len(labels)), labels
    places = np.indices(labels.shape, sparse=True)
    return (*places[:axis], labels, *places[axis:])
