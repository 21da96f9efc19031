"""The operations of neural networks, as recorded functions: activations, losses, layers.

They take tensors and whatever NumPy makes arrays of, and return a Tensor. Given no Tensor at all they return plain
arrays, as NumPy's own functions do; their types, which cannot say both, speak of tensors.
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import numpy as np
import scipy.special  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

from autograd_np.convolution import conv2d, max_pool2d
from autograd_np.kernels import product
from autograd_np.primitives import defvjp
from autograd_np.rules.ranges import widened
from autograd_np.tensor import Operand, Tensor, as_array, plain, primitive

__all__ = [
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "cross_entropy",
    "dropout",
    "flatten",
    "l1_loss",
    "linear",
    "log_softmax",
    "logsumexp",
    "max_pool2d",
    "mse_loss",
    "relu",
    "sigmoid",
    "softmax",
]

Array: TypeAlias = NDArray[Any]
Axis: TypeAlias = int | tuple[int, ...] | None
Reduction: TypeAlias = Literal["mean", "sum", "none"]


# ---------------------------------------------------------------------------------------------------------------------
# Activations
# ---------------------------------------------------------------------------------------------------------------------


@primitive(fresh=True)
def relu(x: Operand) -> Tensor:
    """Return max(0, x), of each element; its derivative at 0 is 0.

    Parameters
    ----------
    x : array_like
        Of any shape.

    Returns
    -------
    Tensor of the shape of `x`

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from autograd_np.neural import relu
    >>> x = Tensor([-1.0, 0.0, 2.0], requires_grad=True)
    >>> relu(x)
    Tensor([0., 0., 2.], origin=relu)
    >>> relu(x).sum().backward()
    >>> x.grad
    array([0., 0., 1.])
    """
    return np.maximum(as_array(x), 0)


defvjp(relu, lambda g, y, _x: g * (y > 0))


def sigmoid(x: Operand) -> Tensor:
    """Return 1 / (1 + exp(-x)), of each element, without overflow: `scipy.special.expit`.

    Parameters
    ----------
    x : array_like
        Of any shape.

    Returns
    -------
    Tensor of the shape of `x`

    Examples
    --------
    >>> from autograd_np.neural import sigmoid
    >>> sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    return scipy.special.expit(as_array(x))  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


@primitive(fresh=True)
def softmax(x: Operand, axis: Axis = -1) -> Tensor:
    """Return exp(x) over its sum along an axis, without overflow.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    axis : int or tuple of int, optional
        Along what the result sums to 1; None for all axes.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers.

    Examples
    --------
    >>> from autograd_np.neural import softmax
    >>> softmax([[0.0, 0.0], [1000.0, 1000.0]])
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    values = _real("softmax", x)
    shifted, _ = _shifted(widened(values), axis)
    e = np.exp(shifted)
    return (e / e.sum(axis=axis, keepdims=True)).astype(values.dtype, copy=False)


defvjp(softmax, lambda g, y, _x, axis=-1: _through_softmax(g, y, axis))


def _through_softmax(g: Any, p: Any, axis: Axis) -> Any:
    """Return the gradient before a softmax from the one behind it."""
    g, p = widened(g), widened(p)
    return p * (g - (g * p).sum(axis=axis, keepdims=True))


@primitive(fresh=True)
def log_softmax(x: Operand, axis: Axis = -1) -> Tensor:
    """Return the logarithm of the softmax along an axis, exact also where the softmax is too small for a number.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    axis : int or tuple of int, optional
        Along what the softmax sums to 1; None for all axes.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If `x` is not made of real numbers.

    Examples
    --------
    >>> from autograd_np.neural import log_softmax
    >>> log_softmax([1000.0, 0.0])
    array([    0., -1000.])
    """
    values = _real("log_softmax", x)
    shifted, _ = _shifted(widened(values), axis)
    return (shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))).astype(values.dtype, copy=False)


defvjp(
    log_softmax,
    lambda g, y, _x, axis=-1: widened(g) - np.exp(widened(y)) * widened(g).sum(axis=axis, keepdims=True),
)


def logsumexp(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the logarithm of the sum of exp(x) along an axis, without overflow.

    Where all elements are -inf, the result is -inf and its gradient 0.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    axis : int or tuple of int, optional
        Along what to sum; by default over all elements.
    keepdims : bool
        Keep the summed axes, with length 1.

    Returns
    -------
    Tensor of the shape of `x` without the summed axes

    Raises
    ------
    TypeError
        If `x` is not made of real numbers.

    Examples
    --------
    >>> from autograd_np.neural import logsumexp
    >>> print(f"{logsumexp([1000.0, 1000.0]):.4f}")
    1000.6931
    """
    y = _logsumexp(_real("logsumexp", x), axis=axis)
    return y if keepdims else np.squeeze(y, axis=axis)[()]


@primitive(name="logsumexp")
def _logsumexp(x: Any, axis: Any = None) -> Any:
    shifted, shift = _shifted(widened(x), axis)
    with np.errstate(divide="ignore"):  # the logarithm of a sum of nothing but exp(-inf)
        return (np.log(np.exp(shifted).sum(axis=axis, keepdims=True)) + shift).astype(x.dtype, copy=False)


def _logsumexp_vjp(g: Any, x: Any, axis: Any) -> Any:
    nothing = np.all(plain(x) == -np.inf, axis=axis, keepdims=True)  # has no share in anything
    shares = softmax(np.where(nothing, 0, x) if np.any(nothing) else x, axis=axis)
    return g * np.logical_not(nothing) * shares


defvjp(_logsumexp, lambda g, _y, x, axis=None: _logsumexp_vjp(g, x, axis))


def _shifted(x: Array, axis: Axis) -> tuple[Array, Array]:
    """Return `x` less its maximum, and the maximum, of which only finite ones count: inf - inf is no number."""
    shift = np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    finite = np.isfinite(shift)
    if not np.logical_and.reduce(finite, axis=None):
        shift = np.where(finite, shift, 0)
    return x - shift, shift


# ---------------------------------------------------------------------------------------------------------------------
# Losses
# ---------------------------------------------------------------------------------------------------------------------


def cross_entropy(logits: Operand, targets: Operand, *, reduction: Reduction = "mean") -> Tensor:
    """Return the cross-entropy of targets and the softmax of logits: -Σ t log softmax(logits) over the classes.

    Softmax and logarithm are one, so that logits of any size are safe.

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
    scores = _real("cross_entropy", logits)
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
    _check_reduction("cross_entropy", labels.shape, reduction)
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
    # Without its sign, a negative number is a very large one. Labels from a file may have the other order of bytes.
    if np.maximum.reduce(labels.view(labels.dtype.str.replace("i", "u")), axis=None, initial=0) >= classes:
        place = _first((labels < 0) | (labels >= classes))
        raise ValueError(
            f"cross_entropy: the label {labels[place]} at {place} names none of the {classes} classes, which are 0 to "
            f"{classes - 1}"
        )


@primitive(name="cross_entropy", residuals=True, fresh=True)
def _label_cross_entropy(x: Any, labels: Any, axis: Any = 1, reduction: Any = "mean") -> Any:
    exponentials, _ = _shifted(widened(x), axis)
    own = exponentials[_of_labels(labels, axis)]
    np.exp(exponentials, out=exponentials)
    total = np.add.reduce(exponentials, axis=axis, keepdims=True)
    losses = np.log(total.reshape(labels.shape)) - own
    exponentials /= total
    if reduction != "none":
        losses = np.add.reduce(losses, axis=None) / (labels.size if reduction == "mean" else 1)
    return losses.astype(x.dtype, copy=False), exponentials  # the softmax by now


def _softmax_less_one_hot(
    g: Any, _y: Any, x: Any, labels: Any, axis: Any = 1, reduction: Any = "mean", residuals: Any = None
) -> Any:
    """Return g times the softmax of the logits, less 1 for each label's class; over the number of labels for a mean."""
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

    Sigmoid and logarithm are one, so that logits of any size are safe.

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
    yes, no = _clamped_logs(p)
    return yes - no


def _clamped_logs(p: Array) -> tuple[Array, Array]:
    """Return log p and log(1 - p)."""
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
    y, t = _real(operation, x), _real(operation, targets)
    if y.shape != t.shape:
        raise ValueError(
            f"{operation}: predictions of shape {y.shape} with targets of shape {t.shape}; nothing is broadcast here, "
            f"give both the same shape, by reshape say"
        )
    return y, _constant_like(y, t)


def _constant_like(x: Any, t: Any) -> Any:
    """Return targets in the predictions' dtype, so that float64 targets do not make a float32 loss float64."""
    if isinstance(t, Tensor) and t.requires_grad:
        return t
    return plain(t).astype(x.dtype, copy=False)


def _check_probabilities(operation: str, name: str, p: Any) -> None:
    values = plain(p)
    wrong = (values < 0) | (values > 1)
    if wrong.any():
        place = _first(wrong)
        raise ValueError(f"{operation}: the {name} {values[place]} at {place} is not a probability, from 0 to 1")


def _first(wrong: Array) -> tuple[int, ...]:
    return tuple(np.argwhere(wrong)[0].tolist())


def _reduced(operation: str, losses: Any, reduction: str) -> Any:
    _check_reduction(operation, losses.shape, reduction)
    return losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses


def _check_reduction(operation: str, shape: tuple[int, ...], reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{operation}: unknown reduction {reduction!r}; choose mean, sum or none")
    if reduction == "mean" and 0 in shape:
        raise ValueError(f"{operation}: the mean of no losses, of shape {shape}, is not defined")


# ---------------------------------------------------------------------------------------------------------------------
# Layers
# ---------------------------------------------------------------------------------------------------------------------


def linear(x: Operand, weight: Operand, bias: Operand | None = None) -> Tensor:
    """Return x Wᵀ + b: each row of features becomes a row of outputs.

    Parameters
    ----------
    x : array_like, shape (..., I)
        Rows of I features.
    weight : array_like, shape (O, I)
        A row of weights for each of O outputs.
    bias : array_like, shape (O,), optional
        What is added to each output.

    Returns
    -------
    Tensor, shape (..., O)

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import linear
    >>> linear(np.array([1.0, 2.0]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([0.0, 0.0, 10.0]))
    array([ 1.,  2., 13.])
    """
    features, w, b = as_array(x), as_array(weight), None if bias is None else as_array(bias)
    fits = w.ndim == 2 and features.ndim > 0 and features.shape[-1] == w.shape[1]
    if not fits or (b is not None and b.shape != w.shape[:1]):
        raise ValueError(
            f"linear: x of shape {features.shape} with weight of shape {w.shape} and bias of shape "
            f"{None if b is None else b.shape}; for I inputs and O outputs they need to be (..., I), (O, I) and (O,)"
        )
    return _linear(features, w, b)


@primitive(name="linear", fresh=True)
def _linear(x: Any, weight: Any, bias: Any) -> Any:
    y = product(weight, _rows(x).T).T
    if bias is not None:
        y = np.add(y, bias, out=y if bias.dtype == y.dtype else None)
    return y.reshape(*x.shape[:-1], len(weight))


defvjp(
    _linear,
    # Both y and this lie in memory with the batch last: adding up and masking what lies alike is ten times as fast.
    lambda g, _y, _x, weight, _bias: product(weight.T, _rows(g).T).T.reshape(_x.shape),
    lambda g, _y, x, _weight, _bias: product(_rows(g).T, _rows(x)),
    lambda g, _y, _x, _weight, _bias: _rows(g).sum(axis=0),
)


def _rows(x: Any) -> Any:
    """Return all rows in one matrix, for which there is one product."""
    if x.ndim == 2:
        return x
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def flatten(x: Operand, start_dim: int = 1) -> Tensor:
    """Lay all axes from `start_dim` on into one: images (N, C, H, W) become rows (N, C H W).

    Parameters
    ----------
    x : array_like
        Of at least one axis.
    start_dim : int
        The first axis that is laid into one with those behind it; negative ones count from the end.

    Returns
    -------
    Tensor, of `start_dim` + 1 axes

    Raises
    ------
    ValueError
        If there is no such axis.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import flatten
    >>> flatten(np.zeros((5, 8, 13, 13))).shape
    (5, 1352)
    """
    values = as_array(x)
    if not -values.ndim <= start_dim < values.ndim:
        raise ValueError(f"flatten: an input of shape {values.shape} has no axis {start_dim} to flatten from")
    return _flatten(values, start=start_dim % values.ndim)


@primitive(name="flatten", moves=True)
def _flatten(x: Any, start: int = 1) -> Any:
    if start == 1 and x.strides[0] == x.itemsize:
        # With the batch last in memory, whole stretches are copied if it stays there: in 0.2 of the time.
        return np.moveaxis(x, 0, -1).reshape(math.prod(x.shape[1:]), len(x)).T
    return x.reshape(*x.shape[:start], math.prod(x.shape[start:]))


defvjp(_flatten, lambda g, _y, _x, start=1: g.reshape(_x.shape))


def dropout(x: Operand, p: float = 0.5, training: bool = True, *, rng: np.random.Generator | None = None) -> Tensor:
    """Set elements to 0, each with probability p, and divide the others by 1 - p, so that the mean stays.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.
    p : float
        The probability of dropping an element.
    training : bool
        Outside training, `x` is returned as it is.
    rng : numpy.random.Generator
        Where the choice comes from. It is needed where there is one: in training, with p > 0.

    Returns
    -------
    Tensor of the shape of `x`

    Raises
    ------
    TypeError
        If a generator is needed and `rng` is none, or `x` is not made of real numbers.
    ValueError
        If `p` is not from 0 to 1.

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15 (2014).

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import dropout
    >>> dropout(np.ones(8), p=0.5, rng=np.random.default_rng(0))
    array([2., 2., 2., 0., 0., 0., 0., 0.])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p={p!r}; give the probability of dropping an element, from 0 to 1")
    values = _real("dropout", x)
    if not training or p == 0:
        return values
    if not isinstance(rng, np.random.Generator):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"dropout: rng={rng!r}; in training it needs a generator: rng=np.random.default_rng(seed)")
    shape: tuple[int, ...] = values.shape
    chances = rng.random(shape, dtype=np.float32)
    return values * np.multiply(chances >= p, 1 / (1 - p) if p < 1 else 0, dtype=values.dtype.type)


def batch_norm(
    x: Operand,
    mean: Operand | None = None,
    var: Operand | None = None,
    weight: Operand | None = None,
    bias: Operand | None = None,
    *,
    eps: float = 1e-5,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return weight (x - mean) / √(var + ε) + bias for each channel, and the mean and the variance.

    In training they are the batch's own, and the gradient goes through them. In evaluation they are given, as the
    running averages of those that training returned.

    Parameters
    ----------
    x : array_like, shape (N, C) or (N, C, ...)
        Real numbers, for each of C channels.
    mean, var : array_like, shape (C,), optional
        By default those of `x` over all axes but the channels', the variance with the divisor N.
    weight, bias : array_like, shape (C,), optional
        By default 1 and 0.
    eps : float
        What keeps the divisor from 0.

    Returns
    -------
    y : Tensor of the shape of `x`
    mean, var : Tensor, shape (C,)
        Those that were used.

    Raises
    ------
    TypeError
        If `x` is not made of real numbers, or only one of mean and variance is given.
    ValueError
        If the shapes do not fit, `eps` is negative, or a channel has less than two values to take a variance of.

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import batch_norm
    >>> y, mean, var = batch_norm(np.array([[1.0], [3.0], [5.0]]), eps=0)
    >>> y.round(4), mean, var.round(4)
    (array([[-1.2247], [ 0.    ], [ 1.2247]]), array([3.]), array([2.6667]))
    """
    values = _real("batch_norm", x)
    if values.ndim < 2:
        raise ValueError(f"batch_norm: x of shape {values.shape}; it needs at least the axes (N, C)")
    channels = values.shape[1]
    given = {"mean": mean, "var": var, "weight": weight, "bias": bias}
    arrays = {name: as_array(array) for name, array in given.items() if array is not None}
    for name, array in arrays.items():
        if array.shape != (channels,):
            raise ValueError(
                f"batch_norm: {name} of shape {array.shape} with x of shape {values.shape}; it needs one number for "
                f"each of the {channels} channels, shape {(channels,)}"
            )
    if not eps >= 0:
        raise ValueError(f"batch_norm: eps={eps!r}; give a small number, not a negative one")
    w = arrays.get("weight", np.ones(channels, values.dtype))
    b = arrays.get("bias", np.zeros(channels, values.dtype))
    if ("mean" in arrays) != ("var" in arrays):
        raise TypeError("batch_norm: give both mean and var, to normalise by them, or neither, for those of x")
    if "mean" not in arrays:
        if values.size < 2 * channels:
            raise ValueError(
                f"batch_norm: x of shape {values.shape} has less than two values for each channel, which have no "
                f"variance; give larger batches, or mean and var"
            )
        return _batch_norm(values, w, b, eps=eps)
    scale = w / np.sqrt(arrays["var"] + eps)
    shift = b - arrays["mean"] * scale
    return values * _beside(scale, values) + _beside(shift, values), arrays["mean"], arrays["var"]


@primitive(name="batch_norm", residuals=True, fresh=True)
def _batch_norm(x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    values = widened(x)
    mean = values.mean(axis=_all_but_channels(x))
    deviation = values - _beside(mean, x)
    var = np.square(deviation).mean(axis=_all_but_channels(x))
    y = deviation * _beside(weight / np.sqrt(var + eps), x) + _beside(bias, x)
    y = y if values is x else y.astype(x.dtype)
    return (y, mean.astype(x.dtype), var.astype(x.dtype)), (mean, var)


def _batch_norm_vjps(
    g: Any, _y: Any, x: Any, weight: Any, _bias: Any, eps: float = 1e-5, residuals: Any = None
) -> list[Any]:
    """Return the three gradients; the formula is the paper's, with those of the returned mean and variance added.

    It reads nothing of what was returned, so that a residual block may add to that in place.
    """
    g, g_mean, g_var = map(widened, g)
    x, weight, axes, n = widened(x), widened(weight), _all_but_channels(x), x.size // x.shape[1]
    if residuals is not None:
        mean, var = residuals
    else:
        mean = x.mean(axis=axes)
        var = np.square(x - _beside(mean, x)).mean(axis=axes)
    deviation = x - _beside(mean, x)
    inverse = 1 / np.sqrt(var + eps)
    scale = weight * inverse
    g_weight = (g * deviation).sum(axis=axes) * inverse
    g_bias = g.sum(axis=axes)
    slope = (2 * g_var - scale * g_weight * inverse) / n
    shift = (g_mean - scale * g_bias) / n
    return [g * _beside(scale, x) + deviation * _beside(slope, x) + _beside(shift, x), g_weight, g_bias]


defvjp(_batch_norm, joint=_batch_norm_vjps)


def _all_but_channels(x: Any) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _beside(v: Any, x: Any) -> Any:
    """Shape a number for each channel so that it broadcasts against (N, C, ...)."""
    return v.reshape(v.shape + (1,) * (x.ndim - 2))


# ---------------------------------------------------------------------------------------------------------------------
# Arguments and names
# ---------------------------------------------------------------------------------------------------------------------


def _real(operation: str, x: Operand) -> Any:
    """Return a Tensor or an array of floating-point numbers."""
    values = as_array(x)
    if values.dtype.kind == "f":
        return values
    if values.dtype.kind not in "biu":
        raise TypeError(f"{operation}: an argument of dtype {values.dtype}; give real numbers")
    return values.astype(float)
