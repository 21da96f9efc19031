"""Losses: one number for each sample or element, or their mean or sum."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from autograd_np.neural.activations import log_softmax, shifted, sigmoid, softmax
from autograd_np.neural.arguments import Array, Reduction, check_reduction, first_place, real
from autograd_np.primitives import defvjp
from autograd_np.rules.ranges import widened
from autograd_np.tensor import Operand, Tensor, as_array, plain, primitive

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "l1_loss", "mse_loss"]


def cross_entropy(logits: Operand, targets: Operand, *, reduction: Reduction = "mean") -> Tensor:
    """Return the cross-entropy of targets and the softmax of logits: -Σ t log softmax(logits) over the classes.

    Softmax and logarithm are computed as one, so that logits of any size are safe.

    Parameters
    ----------
    logits : array_like, shape (N, C) or (N, C, d1, ...) or (C,)
        A number for each of C classes.
    targets : array_like of int, shape (N,) or (N, d1, ...) or (); or array_like of the shape of `logits`
        The class of each sample, from 0 to C - 1; or the probability of each class, which may require a gradient
        (integers: one-hot).
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the samples, their sum, or one loss for each.

    Returns
    -------
    Tensor, of shape (), or of one loss for each sample

    Raises
    ------
    TypeError
        If the logits are not real numbers or the classes not integers.
    ValueError
        If the shapes do not fit, a class is out of range, integers of the logits' shape are not one-hot, the reduction
        is unknown, or there is no sample to average.

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
    scores = real("cross_entropy", logits)
    goals = as_array(targets)
    axis = min(1, scores.ndim - 1)
    samples = scores.shape[:axis] + scores.shape[axis + 1 :]
    if scores.ndim == 0 or scores.shape[axis] == 0 or goals.shape not in (samples, scores.shape):
        raise ValueError(
            f"cross_entropy: logits of shape {scores.shape} with targets of shape {goals.shape}; give logits (N, C, "
            f"...) of at least one class, and targets (N, ...) of labels or (N, C, ...) of probabilities"
        )
    if goals.shape == scores.shape:
        _check_one_hot(plain(goals), axis, samples)
        losses = -(_constant_like(scores, goals) * log_softmax(scores, axis=axis)).sum(axis=axis)
        return _reduced("cross_entropy", losses, reduction)
    labels = plain(goals)
    _check_labels(labels, scores.shape[axis])
    _check_reducible("cross_entropy", labels.shape, reduction)
    return _label_cross_entropy(scores, labels, axis=axis, reduction=reduction)


def _check_one_hot(targets: Array, axis: int, samples: tuple[int, ...]) -> None:
    """Raise if integers are no probabilities: labels (N, 1) beside the logits of one class look like them."""
    if targets.dtype.kind in "biu" and not ((targets >= 0).all() and (targets.sum(axis=axis) == 1).all()):
        raise ValueError(
            f"cross_entropy: {targets.dtype} targets of the logits' shape {targets.shape} are not one-hot; give labels "
            f"of shape {samples}, floating-point probabilities, or take binary_cross_entropy_with_logits for "
            f"yes and no"
        )


def _check_labels(labels: Array, classes: int) -> None:
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"cross_entropy: labels of dtype {labels.dtype}; they are integers that name classes: labels.astype(int). "
            f"Probabilities need the logits' shape"
        )
    # Read as unsigned, a negative label is a very large one. Labels from a file may have the other order of bytes.
    if np.maximum.reduce(labels.view(_unsigned(labels.dtype)), axis=None, initial=0) >= classes:
        place = first_place((labels < 0) | (labels >= classes))
        raise ValueError(
            f"cross_entropy: the label {labels[place]} at {place} names none of the {classes} classes, which are 0 to "
            f"{classes - 1}"
        )


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


def binary_cross_entropy_with_logits(logits: Operand, targets: Operand, *, reduction: Reduction = "mean") -> Tensor:
    """Return the binary cross-entropy of p = sigmoid(logits): -(t log p + (1 - t) log(1 - p)).

    Sigmoid and logarithm are computed as one, so that logits of any size are safe.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape.
    targets : array_like of the shape of `logits`
        The probability of each "yes", from 0 to 1, which may require a gradient.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Returns
    -------
    Tensor, of shape (), or of the shape of `logits`

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If the shapes differ, a target is not from 0 to 1, the reduction is unknown, or there is nothing to average.

    Examples
    --------
    >>> from autograd_np.neural import binary_cross_entropy_with_logits
    >>> binary_cross_entropy_with_logits([0.0, 1000.0, -1000.0], [1, 1, 1], reduction="none").round(4)
    array([6.931e-01, 0.000e+00, 1.000e+03])
    """
    x, t = _paired("binary_cross_entropy_with_logits", logits, targets)
    _check_probabilities("binary_cross_entropy_with_logits", "target", t)
    return _reduced("binary_cross_entropy_with_logits", _logit_cross_entropy(x, t), reduction)


@primitive(name="binary_cross_entropy_with_logits")
def _logit_cross_entropy(x: Any, t: Any) -> Any:
    return np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))


defvjp(
    _logit_cross_entropy,
    lambda g, _y, x, t: g * (sigmoid(x) - t),
    lambda g, _y, x, _t: -g * x,
)


def binary_cross_entropy(p: Operand, targets: Operand, *, reduction: Reduction = "mean") -> Tensor:
    """Return the binary cross-entropy of probabilities: -(t log p + (1 - t) log(1 - p)).

    As in PyTorch, the logarithms are no less than -100, and in the derivative p (1 - p) is no less than 1e-12. With
    logits at hand, `binary_cross_entropy_with_logits` is exact.

    Parameters
    ----------
    p : array_like
        Probabilities of any shape, from 0 to 1.
    targets : array_like of the shape of `p`
        The probability of each "yes", from 0 to 1, which may require a gradient.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Returns
    -------
    Tensor, of shape (), or of the shape of `p`

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If the shapes differ, a probability or a target is not from 0 to 1, the reduction is unknown, or there is
        nothing to average.

    Examples
    --------
    >>> from autograd_np.neural import binary_cross_entropy
    >>> binary_cross_entropy([0.5, 0.0], [1, 1], reduction="none").round(4)
    array([  0.6931, 100.    ])
    """
    q, t = _paired("binary_cross_entropy", p, targets)
    _check_probabilities("binary_cross_entropy", "probability", q)
    _check_probabilities("binary_cross_entropy", "target", t)
    return _reduced("binary_cross_entropy", _probability_cross_entropy(q, t), reduction)


@primitive(name="binary_cross_entropy")
def _probability_cross_entropy(p: Any, t: Any) -> Any:
    yes, no = _clamped_logs(p)
    return -(t * yes + (1 - t) * no)


@primitive(name="binary_cross_entropy's gradient")
def _log_odds(p: Any) -> Any:
    """Return log p - log(1 - p), of which neither is less than -100."""
    yes, no = _clamped_logs(p)
    return yes - no


def _clamped_logs(p: Array) -> tuple[Array, Array]:
    """Return log p and log(1 - p), neither less than -100."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(p), -100), np.maximum(np.log1p(-p), -100)


defvjp(
    _probability_cross_entropy,
    lambda g, _y, p, t: g * (p - t) / np.maximum(p * (1 - p), 1e-12),
    lambda g, _y, p, _t: -g * _log_odds(p),
)
defvjp(_log_odds, lambda g, _y, p: g / np.maximum(p * (1 - p), 1e-12))


def mse_loss(predictions: Operand, targets: Operand, *, reduction: Reduction = "mean") -> Tensor:
    """Return the mean squared error: the mean of (y - t)² over all elements.

    Parameters
    ----------
    predictions : array_like
        Real numbers of any shape.
    targets : array_like of the shape of `predictions`
        What they should be; it may require a gradient.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Returns
    -------
    Tensor, of shape (), or of the shape of `predictions`

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If the shapes differ (nothing is broadcast), the reduction is unknown, or there is nothing to average.

    Examples
    --------
    >>> from autograd_np.neural import mse_loss
    >>> print(mse_loss([1.0, 2.0], [1.0, 4.0]))
    2.0
    """
    y, t = _paired("mse_loss", predictions, targets)
    return _reduced("mse_loss", np.square(y - t), reduction)


def l1_loss(predictions: Operand, targets: Operand, *, reduction: Reduction = "mean") -> Tensor:
    """Return the mean absolute error: the mean of |y - t| over all elements; its derivative is 0 where y = t.

    Parameters
    ----------
    predictions : array_like
        Real numbers of any shape.
    targets : array_like of the shape of `predictions`
        What they should be; it may require a gradient.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the elements, their sum, or one loss for each.

    Returns
    -------
    Tensor, of shape (), or of the shape of `predictions`

    Raises
    ------
    TypeError
        If anything is not made of real numbers.
    ValueError
        If the shapes differ (nothing is broadcast), the reduction is unknown, or there is nothing to average.

    Examples
    --------
    >>> from autograd_np.neural import l1_loss
    >>> print(l1_loss([1.0, 2.0], [1.0, 4.0]))
    1.0
    """
    y, t = _paired("l1_loss", predictions, targets)
    return _reduced("l1_loss", np.abs(y - t), reduction)


def _paired(operation: str, x: Operand, targets: Operand) -> tuple[Any, Any]:
    """Return predictions and targets, of one shape."""
    y, t = real(operation, x), real(operation, targets)
    if y.shape != t.shape:
        raise ValueError(
            f"{operation}: predictions of shape {y.shape} with targets of shape {t.shape}; nothing is broadcast here, "
            f"give both the same shape, by reshape say"
        )
    return y, _constant_like(y, t)


def _constant_like(x: Any, t: Any) -> Any:
    """Return targets in the predictions' dtype, so that float64 targets do not make a float32 loss float64.

    One that requires a gradient stays as it is.
    """
    if isinstance(t, Tensor) and t.requires_grad:
        return t
    return plain(t).astype(x.dtype, copy=False)


def _check_probabilities(operation: str, name: str, p: Any) -> None:
    values = plain(p)
    wrong = (values < 0) | (values > 1)
    if wrong.any():
        place = first_place(wrong)
        raise ValueError(f"{operation}: the {name} {values[place]} at {place} is not a probability, from 0 to 1")


def _reduced(operation: str, losses: Any, reduction: str) -> Any:
    _check_reducible(operation, losses.shape, reduction)
    return losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses


def _check_reducible(operation: str, shape: tuple[int, ...], reduction: str) -> None:
    check_reduction(operation, reduction)
    if reduction == "mean" and 0 in shape:
        raise ValueError(f"{operation}: the mean of no losses, of shape {shape}, is not defined")
