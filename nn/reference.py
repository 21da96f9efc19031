"""Neural networks by hand: every forward pass, gradient and update written out in NumPy.

One file that needs nothing but NumPy, to be read beside the mathematics, copied into a notebook, and held against
automatic derivatives. It stands in for the file that the series "Learn Deep Learning with NumPy" grows: a program of
the series goes on as before, once one line is exchanged::

    # from neural_network import cross_entropy, forward_mlp
    from nn.reference import cross_entropy, forward_mlp
    A1, A2 = forward_mlp(X, W1, b1, W2, b2)

What each chapter adds:

- 2.3, gradient descent: `normalize`, `matrix_multiply`, `identity`, `sigmoid`, `mse_loss`, `binary_cross_entropy`,
  `gradient_descent`; and `gradient_descent_general`, of which the series only gives a preview
- 2.4, numerical gradients: `numerical_gradient`
- 3.1, perceptron: `forward_perceptron`
- 3.2, activations: `relu`, `softmax`
- 3.3, forward pass: `forward_mlp`, `cross_entropy`
- 3.4, backpropagation: `backward_mlp`
- 4.1, deeper networks: `forward_mlp_3layer`, `backward_mlp_3layer`
- announced after 4.1 and never written, initialisation and normalisation: `xavier_init`, `he_init`,
  `forward_batch_norm`, `backward_batch_norm`
- 4.2, convolution: `conv2d`
- 4.3, pooling and CNN: `max_pool`, `forward_cnn`; and `backward_cnn`, which the series promises
- 4.4, regularisation: `l2_regularization`, `dropout`; and `dropout_mask`, for a backward pass that fits the forward one
- 4.5, capstone, as planned: `momentum_update`, `accuracy`

What differs from the series on purpose:

- `conv2d` does not flip the filter. The series' text defines cross-correlation, as deep learning means it; its code
  calls SciPy's convolution, which turns the filter by 180 degrees.
- `sigmoid` and `softmax` overflow nowhere, and `normalize` only centres a feature that never varies, where the quotient
  is 0 / 0: these warnings would be false alarms. The losses bound the argument of the logarithm by 1e-15, instead of
  adding that, so that a certain and right prediction costs 0.
- Arrays are not broadcast, but for biases: ``(n,)`` minus ``(n, 1)`` would be every sample minus every other, and the
  mean of that is a plausible number. Losses refuse what is no probability, logits above all.
- One output is no class among others: softmax makes it 1, whatever the network computes. Networks and losses of classes
  refuse it; two classes in one column are the matter of `sigmoid` and `binary_cross_entropy`.
- No argument is changed: what a function computes is in what it returns. `numerical_gradient` alone steps in the
  parameters themselves, and has them as they were when it ends. Functions that are handed over get a dict of their own,
  and are refused if they write into its arrays or into the data.

Notes
-----
- ``X`` is ``(n, d)``: n samples of d features. Weights are ``(in, out)`` and biases ``(1, out)`` or ``(out,)``: a layer
  is ``Z = X @ W + b``. Gradients of biases are ``(1, out)``.
- Labels ``y`` are one-hot, ``(n, c)``; rows that hold any other probability distribution do as well.
- Losses and gradients are means over the batch.
- float32 stays float32 and float64 stays float64. Integers become floats, half precision is computed in float32.
  ``y`` takes the dtype of what it is compared with: float64 labels do not widen float32 gradients.
- Random numbers come from NumPy's global generator, which ``np.random.seed`` sets, as in the series; or from `rng`, a
  `numpy.random.Generator` or a seed.
- Arrays that do not fit, are empty, or do not hold real numbers raise a `ValueError` that names the function and what
  it was given; so do text and booleans in the place of a number, and ragged lists.
- So do masked arrays, matrices, sparse arrays and their kin, in lists as well: they compute by rules of their own,
  which a plain array loses. Only `identity`, and data that are handed on as they are, are not looked at.
- Empty arrays become empty ones where every number or row is computed by itself: in `identity`, `sigmoid`, `relu`,
  `softmax`, `dropout`, `dropout_mask` and `momentum_update`, and as parameters in a dict. The others refuse them.
"""

import contextlib
import functools
import inspect
import re
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "accuracy", "backward_batch_norm", "backward_cnn", "backward_mlp", "backward_mlp_3layer", "binary_cross_entropy",
    "conv2d", "cross_entropy", "dropout", "dropout_mask", "forward_batch_norm", "forward_cnn", "forward_mlp",
    "forward_mlp_3layer", "forward_perceptron", "gradient_descent", "gradient_descent_general", "he_init", "identity",
    "l2_regularization", "matrix_multiply", "max_pool", "momentum_update", "mse_loss", "normalize",
    "numerical_gradient", "relu", "sigmoid", "softmax", "xavier_init",
]  # fmt: skip

Array = NDArray[Any]
RNG = np.random.Generator | int | None
# Named parameters or gradients, and the functions that readers write of them.
Named = Mapping[str, ArrayLike]
Forward = Callable[[Any, dict[str, Array]], Any]
Backward = Callable[[Any, Any, dict[str, Array]], Named]
Loss = Callable[[Any, Any], float]
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# The smallest probability a logarithm is taken of.
EPSILON = 1e-15
# What batch normalisation adds to variances, so that a feature that never varies is not divided by 0.
BATCH_NORM_EPSILON = 1e-5
# How far probabilities may lie outside [0, 1], and their sums from 1: rounding, and the steps of numerical gradients.
SLACK = 1e-3
# The kinds of dtype that scalars have, by annotation. A bool is no number: in ``dropout(A, True)``, p was forgotten.
SCALARS: dict[Any, str] = {bool: "biu", int: "iu", float: "iuf"}


def _takes(shapes: str) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Check arrays against `shapes`, such as ``"X (n, d), y (n, c)"``, and hand them on as floats of one dtype.

    A letter stands for one length throughout, 1 for itself, dots for any axes, the same wherever there are dots; of the
    classes c there are two at least. A leading 1, which only biases have, may be left out. Parameters annotated as
    float, int or bool become one.
    """
    expected: dict[str, str] = dict(re.findall(r"(\w+) \((.*?)\)", shapes))

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            operation = function.__name__
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{operation}: {error}; it takes {', '.join(signature.parameters)}") from None
            arrays = _real(operation, {name: bound.arguments[name] for name in expected})
            _check_shapes(operation, shapes, expected, arrays)
            # Of Python's own types: NumPy's float64 scalars would make float32 arrays float64.
            for name, value in bound.arguments.items():
                annotation = signature.parameters[name].annotation
                if annotation in SCALARS:
                    scalar = _plain(operation, name, value)
                    if scalar.ndim or scalar.dtype.kind not in SCALARS[annotation]:
                        raise ValueError(f"{operation}: {name} must be of type {annotation.__name__}, not {value!r}")
                    bound.arguments[name] = annotation(scalar)
            bound.arguments.update(arrays)
            return function(*bound.args, **bound.kwargs)

        return checked

    return decorate


def _plain(operation: str, name: str, value: Any) -> Array:
    """Return what was given as a plain array; refuse ragged lists, and arrays that would lose their own rules by it."""
    kind, what = cast("type[Any]", type(value)), f"{operation}: {name} is"
    if issubclass(kind, np.ma.MaskedArray):
        raise ValueError(f"{what} a masked array; its mask would be lost: give {name}.filled(value), or unmasked rows")
    if issubclass(kind, np.ndarray) and kind not in (np.ndarray, np.memmap):
        raise ValueError(f"{what} a {kind.__name__}, whose own rules would be lost; give np.asarray({name})")
    if hasattr(value, "toarray"):
        raise ValueError(f"{what} a sparse {kind.__name__}; give {name}.toarray()")
    if issubclass(kind, Sequence) and not issubclass(kind, str | bytes | bytearray | memoryview):
        for place, item in enumerate(value):
            if not isinstance(item, float | int):
                _plain(operation, f"{name}[{place}]", item)
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{what} ragged and makes no array; give it rows of one length") from error


def _real_array(operation: str, name: str, value: Any) -> Array:
    """Return what was given as a plain array of real numbers, of its own dtype."""
    array = _plain(operation, name, value)
    if (kind := array.dtype.kind) not in "biuf":
        ways_out = {"O": f"; give np.array({name}, dtype=float)", "V": f"; give one of its fields, {name}['...']"}
        raise ValueError(f"{operation}: {name} must hold real numbers, not {array.dtype}{ways_out.get(kind, '')}")
    return array


def _real(operation: str, arrays: Named) -> dict[str, Array]:
    """Return the arrays as floats of one dtype; labels `y` follow the others, if there are any."""
    converted = {name: _real_array(operation, name, array) for name, array in arrays.items()}
    leading = [array for name, array in converted.items() if name != "y" or len(converted) == 1]
    floating = [array.dtype for array in leading if array.dtype.kind == "f"]
    dtype = np.result_type(np.float32, *floating) if floating else np.float64
    return {name: array.astype(dtype, copy=False) for name, array in converted.items()}


def _real_by_name(operation: str, what: str, arrays: Named) -> dict[str, Array]:
    """Return copies of the arrays of a dict as floats, each of its own dtype."""
    if not hasattr(arrays, "items"):
        raise ValueError(f"{operation}: {what} must be a dict of arrays by name, not a {type(arrays).__name__}")
    return {name: _real(operation, {f"{what}[{name!r}]": a}).popitem()[1].copy() for name, a in arrays.items()}


def _check_shapes(operation: str, shapes: str, expected: Mapping[str, str], arrays: Mapping[str, Array]) -> None:
    # The length that a letter stands for, and the array it was first seen in.
    known: dict[str, tuple[int, str]] = {"1": (1, "")}
    for name, axes in expected.items():
        shape = arrays[name].shape
        symbols = re.findall(r"\w+", axes)
        if symbols[:1] == ["1"] and len(shape) == len(symbols) - 1:
            del symbols[0]
        ndim, other = known.setdefault("...", (len(shape), f" {name}")) if axes.endswith("...") else (len(symbols), "")
        symbols += [f"...{axis}" for axis in range(len(symbols), ndim)]
        fits = len(shape) == ndim == len(symbols)
        for symbol, length in zip(symbols, shape, strict=fits):
            first = known.setdefault(symbol, (length, f" {name}"))
            if fits and first[0] != length:
                fits, other = False, first[1]
        if not fits:
            given = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
            message = f"{operation}: {name} does not fit{other if other != f' {name}' else ''}"
            message += f"; expected {shapes}, but was given {given}"
            if len(shape) == 1 and ndim == 2:
                message += f". A column is {name}[:, np.newaxis], a row {name}[np.newaxis]"
                message += ", one-hot np.eye(c)[y]" if name == "y" else ""
            raise ValueError(message)
        if 0 in shape and axes != "...":
            raise ValueError(f"{operation}: {name} is empty, of shape {shape}")
    if known.get("c", (2, ""))[0] == 1:
        raise ValueError(f"{operation}:{known['c'][1]} has one class; two in a column are for binary_cross_entropy")


@contextlib.contextmanager
def _unwritten(operation: str, *arrays: tuple[str, Array | None]) -> Generator[None]:
    """Put named arrays back as they were if the functions called meanwhile write into them, and refuse those."""
    kept = [(name, a, np.array(a)) for name, a in arrays if isinstance(a, np.ndarray) and a.dtype.kind in "biufc"]
    written = ""
    try:
        yield
    finally:
        for name, array, before in kept:
            if not np.array_equal(array, before, equal_nan=True):
                written, array[...] = name, before
    if written:
        raise ValueError(f"{operation}: a function it was given writes into {written}, and must work on a copy of it")


@_takes("X (n, ...)")
def normalize(X: Array) -> Array:
    """Give every feature mean 0 and standard deviation 1.

    A feature that never varies has no scale: it is only centred.

    Parameters
    ----------
    X : array_like, shape (n, ...)
        Samples along the first axis: n rows of features, n images, or n values of one feature.

    Returns
    -------
    ndarray, shape of X
        ``(X - mean) / std`` along the first axis, in floating point.

    Examples
    --------
    >>> from nn.reference import normalize
    >>> normalize([[1, 7], [3, 7]])
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    # By a power of 2, which rounds nothing, no value exceeds 1: neither sums nor squares overflow, or vanish.
    _, exponent = np.frexp(np.abs(X).max(axis=0))
    X = np.ldexp(X, -exponent)
    # The mean of equal numbers can be off by a rounding error, and so can their standard deviation from zero.
    varies = X.min(axis=0) < X.max(axis=0)
    return (X - X.mean(axis=0)) / np.where(varies, X.std(axis=0), 1)


@_takes("X (m, n), W (n, p)")
def matrix_multiply(X: Array, W: Array) -> Array:
    """Multiply two matrices.

    Parameters
    ----------
    X : array_like, shape (m, n)
    W : array_like, shape (n, p)

    Returns
    -------
    ndarray, shape (m, p)

    Examples
    --------
    >>> from nn.reference import matrix_multiply
    >>> matrix_multiply([[1, 2]], [[3], [4]])
    array([[11.]])
    """
    return X @ W


def identity(Z: Array) -> Array:
    """Return `Z` as it is: the activation of a linear model.

    Parameters
    ----------
    Z : ndarray, any shape

    Returns
    -------
    ndarray, shape of Z

    Examples
    --------
    >>> from nn.reference import identity
    >>> identity(-2.0)
    -2.0
    """
    return Z


@_takes("Z (...)")
def sigmoid(Z: Array) -> Array:
    """Logistic function ``1 / (1 + exp(-Z))``, without overflow for any `Z`.

    Parameters
    ----------
    Z : array_like, any shape

    Returns
    -------
    ndarray, shape of Z
        Values in [0, 1].

    Examples
    --------
    >>> from nn.reference import sigmoid
    >>> sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    # For negative Z the same function is exp(Z) / (1 + exp(Z)): the exponent is never positive.
    decay = np.exp(-np.abs(Z))
    return np.where(Z < 0, decay, 1) / (1 + decay)


@_takes("Z (...)")
def relu(Z: Array) -> Array:
    """Rectified linear unit ``max(0, Z)``.

    Parameters
    ----------
    Z : array_like, any shape

    Returns
    -------
    ndarray, shape of Z

    Notes
    -----
    Its derivative is ``Z > 0``: at 0, where there is none, the backward passes here take 0.

    Examples
    --------
    >>> from nn.reference import relu
    >>> relu([-2.0, 0.0, 3.0])
    array([0., 0., 3.])
    """
    return np.maximum(Z, 0)


@_takes("Z (...)")
def softmax(Z: Array) -> Array:
    """Probabilities ``exp(Z) / sum(exp(Z))`` of each row, for logits of any size.

    Parameters
    ----------
    Z : array_like, shape (..., c)
        Logits; the last axis holds the classes.

    Returns
    -------
    ndarray, shape (..., c)
        Rows that sum to 1.

    Raises
    ------
    ValueError
        If there are no classes.

    Examples
    --------
    >>> from nn.reference import softmax
    >>> softmax([[1000.0, 1000.0], [-1000.0, -1000.0]])
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    if Z.shape[-1:] == (0,):
        raise ValueError(f"softmax: Z has no classes, of shape {Z.shape}; its last axis holds them")
    # A constant taken off a row cancels in the quotient, and leaves no exponent above 0.
    exp_Z = np.exp(Z - Z.max(axis=-1, keepdims=True))
    return exp_Z / exp_Z.sum(axis=-1, keepdims=True)


@_takes("y_pred (n, ...), y (n, ...)")
def mse_loss(y_pred: Array, y: Array) -> float:
    """Mean squared error ``mean((y_pred - y) ** 2)``.

    Parameters
    ----------
    y_pred : array_like, shape (n, ...)
    y : array_like, shape of y_pred

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the shapes differ. NumPy would subtract ``(n,)`` from ``(n, 1)`` as ``(n, n)``, every pair of samples.

    Notes
    -----
    The gradient with respect to `y_pred` is ``2 * (y_pred - y) / y_pred.size``. Without the 2, numerical gradients come
    out exactly twice the analytical ones.

    Examples
    --------
    >>> from nn.reference import mse_loss
    >>> mse_loss([[1.0], [2.0]], [[1.0], [4.0]])
    2.0
    """
    return float(((y_pred - y) ** 2).mean())


@_takes("A (n, ...), y (n, ...)")
def binary_cross_entropy(A: Array, y: Array) -> float:
    """Binary cross-entropy ``mean(-(y log A + (1 - y) log(1 - A)))``.

    Parameters
    ----------
    A : array_like, shape (n, ...)
        Probabilities of the class 1.
    y : array_like, shape of A
        Labels 0 and 1, or probabilities.

    Returns
    -------
    float
        Finite and not negative: logarithms are taken of 1e-15 at least.

    Raises
    ------
    ValueError
        If the shapes differ or `A` or `y` leave [0, 1] (logits need `sigmoid` first).

    Examples
    --------
    >>> from nn.reference import binary_cross_entropy
    >>> round(binary_cross_entropy([[0.5], [0.5]], [[0], [1]]), 4)
    0.6931
    """
    _check_probabilities("binary_cross_entropy", A=A, y=y)
    return float((y * _surprisal(A) + (1 - y) * _surprisal(1 - A)).mean())


@_takes("A (n, c), y (n, c)")
def cross_entropy(A: Array, y: Array) -> float:
    """Cross-entropy ``-sum(y log A)``, averaged over the samples.

    Parameters
    ----------
    A : array_like, shape (n, c)
        Probabilities of the classes.
    y : array_like, shape (n, c)
        One-hot labels, or distributions. A row of zeros, a sample without a label, adds nothing to the sum.

    Returns
    -------
    float
        Finite and not negative: logarithms are taken of 1e-15 at least.

    Raises
    ------
    ValueError
        If the shapes differ, there is but one class, a row of `A` is no distribution (logits need `softmax` first), or
        a row of `y` is neither that nor zero.

    Notes
    -----
    Where the true class has a probability below 1e-15, this loss is flat and a numerical gradient is 0. The backward
    passes here differentiate the loss without that bound, and so still lead out of there. They refuse rows of zeros in
    `y`, for which their error ``A - y`` is not the gradient.

    Examples
    --------
    >>> from nn.reference import cross_entropy
    >>> round(cross_entropy([[0.5, 0.5], [0.0, 1.0]], [[1, 0], [0, 1]]), 4)
    0.3466
    """
    _check_distributions("cross_entropy", A=A)
    if y.any():
        _check_distributions("cross_entropy", y=y[y.any(axis=1)])
    return float((y * _surprisal(A)).sum(axis=1).mean())


@_takes("X (n, d), y (n, p), W (d, p), b (1, p)")
def gradient_descent(
    X: Array,
    y: Array,
    W: Array,
    b: Array,
    lr: float,
    num_epochs: int,
    batch_size: int,
    loss_fn: Loss,
    activation_fn: Callable[[Array], Array] = identity,
    *,
    shuffle: bool = True,
    verbose: bool = True,
    rng: RNG = None,
) -> tuple[Array, Array, list[float]]:
    """Fit one layer ``activation_fn(X @ W + b)`` by mini-batch gradient descent.

    Parameters
    ----------
    X : array_like, shape (n, d)
    y : array_like, shape (n, p)
        Targets.
    W : array_like, shape (d, p)
        Weights to start from.
    b : array_like, shape (1, p) or (p,)
        Biases to start from.
    lr : float
        Learning rate.
    num_epochs : int
        Passes over the data.
    batch_size : int
        Samples a step. The last batch of an epoch takes what is left.
    loss_fn : callable
        ``loss_fn(y_pred, y)``, a number; it is recorded, the steps do not use it.
    activation_fn : callable
        Elementwise; the default makes a linear model.
    shuffle : bool
        Take the samples in a new random order in each epoch; otherwise in theirs.
    verbose : bool
        Print the loss of every epoch.
    rng : numpy.random.Generator or int, optional
        Source or seed of the orders; NumPy's global generator by default.

    Returns
    -------
    W : ndarray, shape (d, p)
    b : ndarray, shape of b
    loss_history : list of float
        The loss on all of the data after each epoch.

    Raises
    ------
    ValueError
        If shapes do not fit, `lr`, `num_epochs` or `batch_size` is not positive, or `loss_fn` writes into `y`.

    Notes
    -----
    The error of a step is ``y_pred - y``. That is the gradient, by the input of the last activation, of binary
    cross-entropy after a sigmoid, of cross-entropy after a softmax (where every row of `y` sums to 1), and half that of
    the squared error of one output after the identity. For other pairs of loss and activation it is no gradient.

    With all samples in one batch, a linear model converges for rates below 2 over the largest eigenvalue of
    ``X1.T @ X1 / n``, where X1 is X with a column of ones. For x = 1 to 8 that bound is 0.076: at 0.1 the loss grows.
    Each smaller batch has a bound of its own. Below all of them descent does not diverge; above some, it need not.

    Examples
    --------
    >>> from nn.reference import gradient_descent, mse_loss
    >>> X = [[1.0], [2.0], [3.0]]
    >>> y = [[2.0], [4.0], [6.0]]
    >>> W, b, loss_history = gradient_descent(X, y, [[0.0]], [[0.0]], 0.1, 2, 3, mse_loss)
    Epoch 1/2, Loss: 3.7630
    Epoch 2/2, Loss: 0.8055
    >>> W, b, loss_history = gradient_descent(X, y, W, b, 0.1, 1000, 3, mse_loss, verbose=False)
    >>> print(f"{W.item():.3f} {abs(b.item()):.3f} {loss_history[-1]:.3f}")
    2.000 0.000 0.000
    """
    _check_positive("gradient_descent", num_epochs=num_epochs, batch_size=batch_size, lr=lr)
    W, b, n = W.copy(), b.copy(), len(X)
    random = _random(rng)
    loss_history: list[float] = []
    for epoch in range(1, num_epochs + 1):
        order = random.permutation(n) if shuffle else np.arange(n)
        for start in range(0, n, batch_size):
            batch = order[start : start + batch_size]
            X_batch, y_batch = X[batch], y[batch]
            A = _plain("gradient_descent", "activation_fn(Z)", activation_fn(X_batch @ W + b))
            error = (A - y_batch) / len(batch)
            W -= lr * (X_batch.T @ error)
            b -= lr * error.sum(axis=0).reshape(b.shape)
        with _unwritten("gradient_descent", ("y", y)):
            loss_history.append(float(loss_fn(activation_fn(X @ W + b), y)))
        if verbose:
            print(f"Epoch {epoch}/{num_epochs}, Loss: {loss_history[-1]:.4f}")
    return W, b, loss_history


@_takes("")
def gradient_descent_general(
    X: Any, y: Any, params: Named, lr: float, num_iterations: int, forward_fn: Forward, grad_fn: Backward, loss_fn: Loss
) -> tuple[dict[str, Array], list[float]]:
    """Fit any model by gradient descent on all of the data at once.

    Parameters
    ----------
    X, y : Any
        Handed on as they are.
    params : mapping of str to array_like
        Parameters to start from.
    lr : float
        Learning rate.
    num_iterations : int
        Steps.
    forward_fn : callable
        ``forward_fn(X, params)``, the predictions.
    grad_fn : callable
        ``grad_fn(X, y, params)``, the gradients, a dict with the names of `params`.
    loss_fn : callable
        ``loss_fn(forward_fn(X, params), y)``, a number; it is recorded, the steps do not use it.

    Returns
    -------
    params : dict of str to ndarray
        The parameters after the last step; those given are unchanged.
    loss_history : list of float
        The loss after each step.

    Raises
    ------
    ValueError
        If `lr` or `num_iterations` is not positive, a parameter is not real, `grad_fn` returns other names or shapes
        than those of `params`, or a function writes into the arrays it is handed.

    Notes
    -----
    With ``lambda X, y, params: numerical_gradient(X, y, params, loss_fn, forward_fn)`` for `grad_fn`, a small model is
    fitted before its gradients are worked out.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.reference import gradient_descent_general, mse_loss
    >>> def forward(X, params):
    ...     return X @ params["W"]
    >>> def gradients(X, y, params):
    ...     return {"W": 2 * X.T @ (forward(X, params) - y) / len(X)}
    >>> X = np.array([[1.0], [2.0]])
    >>> params, loss_history = gradient_descent_general(
    ...     X, 3 * X, {"W": [[0.0]]}, 0.1, 2, forward, gradients, mse_loss
    ... )
    >>> params["W"], [round(loss, 4) for loss in loss_history]
    (array([[2.25]]), [5.625, 1.4062])
    """
    _check_positive("gradient_descent_general", num_iterations=num_iterations, lr=lr)
    fitted = _real_by_name("gradient_descent_general", "params", params)
    loss_history: list[float] = []
    for _ in range(num_iterations):
        with _unwritten("gradient_descent_general", ("X", X), ("y", y), *fitted.items()):
            returned = grad_fn(X, y, dict(fitted))
        gradients = _real_by_name("gradient_descent_general", "gradients", returned)
        found, expected = ({name: a.shape for name, a in arrays.items()} for arrays in (gradients, fitted))
        if found != expected:
            raise ValueError(f"gradient_descent_general: grad_fn must return shapes {expected}, but returned {found}")
        fitted = {name: (W - lr * gradients[name]).astype(W.dtype) for name, W in fitted.items()}
        with _unwritten("gradient_descent_general", ("X", X), ("y", y), *fitted.items()):
            loss_history.append(float(loss_fn(forward_fn(X, dict(fitted)), y)))
    return fitted, loss_history


@_takes("")
def numerical_gradient(
    X: Any, y: Any, params: Named, loss_fn: Loss, forward_fn: Forward, h: float = 1e-4
) -> dict[str, Array]:
    """Gradient by central differences, ``(loss(p + h) - loss(p - h)) / (2 h)`` for every entry p of every parameter.

    Parameters
    ----------
    X, y : Any
        Handed on as they are.
    params : mapping of str to array_like
        Parameters by name. Afterwards they are as before, also if a call raises.
    loss_fn : callable
        ``loss_fn(forward_fn(X, params), y)`` is the loss, a number.
    forward_fn : callable
        Takes `X` and a dict with the names of `params`, which holds them displaced, in float64. It may as well read the
        caller's own arrays: while it runs they are displaced in the same way, unless they hold integers or are
        read-only. Those, lists and copies it must take from the dict. The dict is its own, what the arrays hold is not.
    h : float
        Step. The error grows with ``h ** 2`` for large steps, with ``1 / h`` by rounding for small ones. Where an array
        has no two numbers that close, the step is the distance to the next one.

    Returns
    -------
    dict of str to ndarray
        The gradients, with the names, shapes and (floating) dtypes of `params`.

    Raises
    ------
    ValueError
        If `h` is not positive, a parameter is not real, the loss not a single number, or a function writes into the
        parameters or the data: the next call would start from other numbers. Also if the loss is the same whatever the
        parameters are: then `forward_fn` computes with other arrays, and all gradients would be 0.

    Warns
    -----
    RuntimeWarning
        If the loss is so large that its rounding hides more than a thousandth of 1, and of the largest gradient.

    Notes
    -----
    Every entry costs two forward passes. Near a kink (relu at 0, a tie in max pooling) closer than h, the central
    difference is a mean of the slopes on both sides, and no derivative.

    Of a gradient, the distance of the loss to the next number, over ``2 h``, is hidden by rounding. Beside a parameter
    of 1e20 that is more than the gradients of all others, which come out as 0.

    Examples
    --------
    >>> from nn.reference import mse_loss, numerical_gradient
    >>> def forward(X, params):
    ...     return X @ params["W"]
    >>> gradients = numerical_gradient([[3.0]], [[5.0]], {"W": [[2.0]]}, mse_loss, forward)
    >>> gradients["W"].round(6)  # 2 (X W - y) X
    array([[6.]])
    """
    _check_positive("numerical_gradient", h=h)
    given = _real_by_name("numerical_gradient", "params", params)
    # In float64, because float32 would round away the difference of two losses this close.
    displaced = {name: value.astype(np.float64) for name, value in given.items()}
    # A function that reads the caller's own array must see the steps, too: it would find a gradient of 0 otherwise.
    owned = {name: np.asarray(value) for name, value in params.items()}
    watched = ("X", X), ("y", y), *displaced.items(), *owned.items()

    def loss() -> float:
        with _unwritten("numerical_gradient", *watched):
            value = _plain("numerical_gradient", "the loss", loss_fn(forward_fn(X, dict(displaced)), y))
        if value.size != 1:
            raise ValueError(f"numerical_gradient: loss_fn must return one number, not an array of shape {value.shape}")
        return float(value.item())

    gradients = {name: np.empty_like(value) for name, value in given.items()}
    blind, losses, largest, hidden = True, list[float](), 0.0, 0.0
    for name, parameter in displaced.items():
        own = owned[name] if owned[name].dtype.kind == "f" and owned[name].flags.writeable else parameter
        for index in np.ndindex(own.shape):
            value = own[index]
            step = max(h, float(np.spacing(np.abs(value))))
            points: list[float] = []
            try:
                for stepped in (value + step, value - step):
                    # As the caller's array rounds it, so that both hold the same number, and the way between is known.
                    own[index] = stepped
                    parameter[index] = own[index]
                    points.append(float(parameter[index]))
                    losses.append(loss())
                # A loss may be flat here, and still become NaN, or fail, with a parameter that is NaN: it is read.
                own[index] = parameter[index] = np.nan
                still_blind, blind = blind and losses[-2] == losses[-1], False
                with contextlib.suppress(Exception), np.errstate(all="ignore"):
                    blind = still_blind and loss() == losses[-1]
            finally:
                own[index] = parameter[index] = value
            gradients[name][index] = gradient = (losses[-2] - losses[-1]) / (points[0] - points[1])
            # Where the second argument is NaN, max keeps the first.
            largest = max(largest, abs(gradient))
            hidden = max(hidden, np.spacing(np.abs(losses[-1])) / (points[0] - points[1]))
    if losses and blind:
        raise ValueError("numerical_gradient: params have no effect; forward_fn must compute with the dict it is given")
    # A silent unit does not change the loss either. What tells is how much of a gradient could not be seen.
    if hidden > 1e-3 * max(1, largest):
        message = f"rounding of losses of {max(map(abs, losses)):.2g} hides {hidden:.2g} of a gradient; give a larger h"
        warnings.warn(f"numerical_gradient: {message}, or smaller parameters and data", RuntimeWarning, stacklevel=3)
    return gradients


@_takes("X (n, d), W (d, p), b (1, p)")
def forward_perceptron(X: Array, W: Array, b: Array) -> Array:
    """One layer of sigmoid units, ``sigmoid(X @ W + b)``.

    Parameters
    ----------
    X : array_like, shape (n, d)
    W : array_like, shape (d, p)
    b : array_like, shape (1, p) or (p,)

    Returns
    -------
    ndarray, shape (n, p)

    Examples
    --------
    >>> from nn.reference import forward_perceptron
    >>> forward_perceptron([[0, 0], [1, 1]], [[20], [20]], [[-30]]).round(3)  # AND
    array([[0.],
           [1.]])
    """
    return sigmoid(X @ W + b)


@_takes("X (n, d), W1 (d, h), b1 (1, h), W2 (h, c), b2 (1, c)")
def forward_mlp(X: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> tuple[Array, Array]:
    """Two-layer perceptron: ReLU, then softmax.

    Parameters
    ----------
    X : array_like, shape (n, d)
    W1 : array_like, shape (d, h)
    b1 : array_like, shape (1, h) or (h,)
    W2 : array_like, shape (h, c)
    b2 : array_like, shape (1, c) or (c,)

    Returns
    -------
    A1 : ndarray, shape (n, h)
        Hidden activations ``relu(X @ W1 + b1)``.
    A2 : ndarray, shape (n, c)
        Class probabilities ``softmax(A1 @ W2 + b2)``.

    Examples
    --------
    >>> from nn.reference import forward_mlp
    >>> forward_mlp([[1, 2]], [[1, 0], [0, -1]], [[0, 0]], [[0, 0], [0, 0]], [[0, 0]])
    (array([[1., 0.]]), array([[0.5, 0.5]]))
    """
    A1 = relu(X @ W1 + b1)
    A2 = softmax(A1 @ W2 + b2)
    return A1, A2


@_takes("X (n, d), A1 (n, h), A2 (n, c), y (n, c), W1 (d, h), W2 (h, c), Z1 (n, h)")
def backward_mlp(
    X: Array, A1: Array, A2: Array, y: Array, W1: Array, W2: Array, Z1: Array
) -> tuple[Array, Array, Array, Array]:
    """Gradients of the cross-entropy of `forward_mlp`.

    Parameters
    ----------
    X : array_like, shape (n, d)
    A1 : array_like, shape (n, h)
    A2 : array_like, shape (n, c)
    y : array_like, shape (n, c)
        One-hot labels, or distributions.
    W1 : array_like, shape (d, h)
    W2 : array_like, shape (h, c)
    Z1 : array_like, shape (n, h)
        ``X @ W1 + b1``; `A1` does in its place, for it is positive where `Z1` is.

    Returns
    -------
    grad_W1 : ndarray, shape (d, h)
    grad_b1 : ndarray, shape (1, h)
    grad_W2 : ndarray, shape (h, c)
    grad_b2 : ndarray, shape (1, c)

    Raises
    ------
    ValueError
        If shapes do not fit, or a row of `A2` or `y` is no distribution.

    Notes
    -----
    Behind a softmax, the gradient of cross-entropy with respect to the logits is ``A2 - y``, over n. It goes back
    through a layer by ``W2.T``, and through a ReLU where ``Z1 > 0``.

    Examples
    --------
    >>> from nn.reference import backward_mlp, forward_mlp
    >>> X, y = [[1.0, 2.0]], [[0, 1]]
    >>> W1, b1, W2, b2 = [[1.0], [1.0]], [[-1.0]], [[0.0, 0.0]], [[0.0, 0.0]]
    >>> A1, A2 = forward_mlp(X, W1, b1, W2, b2)
    >>> grad_W1, grad_b1, grad_W2, grad_b2 = backward_mlp(X, A1, A2, y, W1, W2, A1)
    >>> grad_W2
    array([[ 1., -1.]])
    """
    _check_distributions("backward_mlp", A2=A2, y=y)
    delta2 = (A2 - y) / len(X)
    delta1 = (delta2 @ W2.T) * (Z1 > 0)
    return X.T @ delta1, _sum_rows(delta1), A1.T @ delta2, _sum_rows(delta2)


@_takes("X (n, d), W1 (d, h), b1 (1, h), W2 (h, g), b2 (1, g), W3 (g, c), b3 (1, c)")
def forward_mlp_3layer(
    X: Array, W1: Array, b1: Array, W2: Array, b2: Array, W3: Array, b3: Array
) -> tuple[Array, Array, Array]:
    """Three-layer perceptron: ReLU, ReLU, then softmax.

    Parameters
    ----------
    X : array_like, shape (n, d)
    W1 : array_like, shape (d, h)
    b1 : array_like, shape (1, h) or (h,)
    W2 : array_like, shape (h, g)
    b2 : array_like, shape (1, g) or (g,)
    W3 : array_like, shape (g, c)
    b3 : array_like, shape (1, c) or (c,)

    Returns
    -------
    A1 : ndarray, shape (n, h)
        ``relu(X @ W1 + b1)``.
    A2 : ndarray, shape (n, g)
        ``relu(A1 @ W2 + b2)``.
    A3 : ndarray, shape (n, c)
        Class probabilities ``softmax(A2 @ W3 + b3)``.

    Examples
    --------
    >>> from nn.reference import forward_mlp_3layer
    >>> A1, A2, A3 = forward_mlp_3layer([[2]], [[3]], [[1]], [[-1]], [[0]], [[5, 6]], [[0, 0]])
    >>> A1, A2, A3
    (array([[7.]]), array([[0.]]), array([[0.5, 0.5]]))
    """
    A1 = relu(X @ W1 + b1)
    A2 = relu(A1 @ W2 + b2)
    A3 = softmax(A2 @ W3 + b3)
    return A1, A2, A3


@_takes("X (n, d), A1 (n, h), A2 (n, g), A3 (n, c), y (n, c), W1 (d, h), W2 (h, g), W3 (g, c), Z1 (n, h), Z2 (n, g)")
def backward_mlp_3layer(
    X: Array, A1: Array, A2: Array, A3: Array, y: Array, W1: Array, W2: Array, W3: Array, Z1: Array, Z2: Array
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Gradients of the cross-entropy of `forward_mlp_3layer`.

    Parameters
    ----------
    X : array_like, shape (n, d)
    A1 : array_like, shape (n, h)
    A2 : array_like, shape (n, g)
    A3 : array_like, shape (n, c)
    y : array_like, shape (n, c)
        One-hot labels, or distributions.
    W1 : array_like, shape (d, h)
    W2 : array_like, shape (h, g)
    W3 : array_like, shape (g, c)
    Z1 : array_like, shape (n, h)
        ``X @ W1 + b1``, or `A1`, which is positive where it is.
    Z2 : array_like, shape (n, g)
        ``A1 @ W2 + b2``, or `A2`.

    Returns
    -------
    grad_W1 : ndarray, shape (d, h)
    grad_b1 : ndarray, shape (1, h)
    grad_W2 : ndarray, shape (h, g)
    grad_b2 : ndarray, shape (1, g)
    grad_W3 : ndarray, shape (g, c)
    grad_b3 : ndarray, shape (1, c)

    Raises
    ------
    ValueError
        If shapes do not fit, or a row of `A3` or `y` is no distribution.

    Examples
    --------
    >>> from nn.reference import backward_mlp_3layer, forward_mlp_3layer
    >>> X, y, W1, W2, W3 = [[2.0]], [[1, 0]], [[3.0]], [[1.0]], [[1.0, 1.0]]
    >>> A1, A2, A3 = forward_mlp_3layer(X, W1, [[0.0]], W2, [[0.0]], W3, [[0.0, 0.0]])
    >>> *_, grad_W3, grad_b3 = backward_mlp_3layer(X, A1, A2, A3, y, W1, W2, W3, A1, A2)
    >>> grad_W3, grad_b3
    (array([[-3.,  3.]]), array([[-0.5,  0.5]]))
    """
    _check_distributions("backward_mlp_3layer", A3=A3, y=y)
    delta3 = (A3 - y) / len(X)
    delta2 = (delta3 @ W3.T) * (Z2 > 0)
    delta1 = (delta2 @ W2.T) * (Z1 > 0)
    return X.T @ delta1, _sum_rows(delta1), A1.T @ delta2, _sum_rows(delta2), A2.T @ delta3, _sum_rows(delta3)


@_takes("")
def xavier_init(fan_in: int, fan_out: int, *, rng: RNG = None) -> Array:
    """Draw weights of variance ``2 / (fan_in + fan_out)``, for layers followed by a sigmoid, tanh or softmax.

    Parameters
    ----------
    fan_in, fan_out : int
        Inputs and outputs of the layer.
    rng : numpy.random.Generator or int, optional
        Source or seed; NumPy's global generator by default.

    Returns
    -------
    ndarray, shape (fan_in, fan_out)
        Normally distributed, of mean 0.

    Raises
    ------
    ValueError
        If `fan_in` or `fan_out` is not a positive integer.

    Notes
    -----
    A sum of `fan_in` products has `fan_in` times their variance, and one on the way back `fan_out` times: the variance
    of the weights lies between what keeps activations, and what keeps gradients, of the same size from layer to layer.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.

    Examples
    --------
    >>> from nn.reference import xavier_init
    >>> print(f"{xavier_init(300, 500, rng=0).std():.3f}")  # the square root of 2 / 800
    0.050
    """
    _check_positive("xavier_init", fan_in=fan_in, fan_out=fan_out)
    return _random(rng).standard_normal((fan_in, fan_out)) * np.sqrt(2 / (fan_in + fan_out))


@_takes("")
def he_init(fan_in: int, fan_out: int, *, rng: RNG = None) -> Array:
    """Draw weights of variance ``2 / fan_in``, for layers followed by a ReLU, which halves the mean square.

    Parameters
    ----------
    fan_in, fan_out : int
        Inputs and outputs of the layer.
    rng : numpy.random.Generator or int, optional
        Source or seed; NumPy's global generator by default.

    Returns
    -------
    ndarray, shape (fan_in, fan_out)
        Normally distributed, of mean 0.

    Raises
    ------
    ValueError
        If `fan_in` or `fan_out` is not a positive integer.

    References
    ----------
    He et al., "Delving deep into rectifiers", ICCV 2015.

    Examples
    --------
    >>> from nn.reference import he_init
    >>> print(f"{he_init(800, 500, rng=0).std():.3f}")  # the square root of 2 / 800
    0.050
    """
    _check_positive("he_init", fan_in=fan_in, fan_out=fan_out)
    return _random(rng).standard_normal((fan_in, fan_out)) * np.sqrt(2 / fan_in)


@_takes("Z (n, d), gamma (1, d), beta (1, d)")
def forward_batch_norm(Z: Array, gamma: Array, beta: Array) -> tuple[Array, Array, Array, Array]:
    """Batch normalisation: every feature with the mean `beta` and the deviation `gamma` over the batch.

    Parameters
    ----------
    Z : array_like, shape (n, d)
        Pre-activations of a batch of two samples at least.
    gamma : array_like, shape (1, d) or (d,)
        Scales, 1 at first.
    beta : array_like, shape (1, d) or (d,)
        Shifts, 0 at first. They make the biases of the layer in front superfluous.

    Returns
    -------
    out : ndarray, shape (n, d)
        ``gamma * Z_hat + beta``.
    Z_hat : ndarray, shape (n, d)
        ``(Z - mean) / sqrt(var + 1e-5)``.
    mean, var : ndarray, shape (1, d)
        Of each feature; the variance is the mean square, without Bessel's correction.

    Raises
    ------
    ValueError
        If shapes do not fit, or there is only one sample, of which nothing but `beta` would be left.

    Notes
    -----
    A single image must not be judged by what else is in its batch. So while training, averages of mean and variance are
    kept, ``running = 0.9 * running + 0.1 * mean``; and when testing, the layer is
    ``gamma * (Z - running_mean) / np.sqrt(running_var + 1e-5) + beta``.

    References
    ----------
    Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate shift",
    ICML 2015.

    Examples
    --------
    >>> from nn.reference import forward_batch_norm
    >>> out, Z_hat, mean, var = forward_batch_norm([[1.0], [5.0]], [[10.0]], [[3.0]])
    >>> out.round(3).tolist(), mean, var
    ([[-7.0], [13.0]], array([[3.]]), array([[4.]]))
    """
    if len(Z) == 1:
        raise ValueError("forward_batch_norm: Z is a batch of one sample, which has no variance; give two at least")
    mean, var = Z.mean(axis=0, keepdims=True), Z.var(axis=0, keepdims=True)
    Z_hat = (Z - mean) / np.sqrt(var + BATCH_NORM_EPSILON)
    return gamma * Z_hat + beta, Z_hat, mean, var


@_takes("grad (n, d), Z_hat (n, d), var (1, d), gamma (1, d)")
def backward_batch_norm(grad: Array, Z_hat: Array, var: Array, gamma: Array) -> tuple[Array, Array, Array]:
    """Gradients of a loss of what `forward_batch_norm` returns.

    Parameters
    ----------
    grad : array_like, shape (n, d)
        Gradient of the loss with respect to `out`.
    Z_hat, var : array_like
        What `forward_batch_norm` returned.
    gamma : array_like, shape (1, d) or (d,)

    Returns
    -------
    grad_Z : ndarray, shape (n, d)
    grad_gamma : ndarray, shape (1, d)
    grad_beta : ndarray, shape (1, d)

    Raises
    ------
    ValueError
        If shapes do not fit.

    Notes
    -----
    Mean and variance depend on every sample, so each sample's gradient reaches all others. What is left of it is what
    changes neither: it sums to 0 over the batch, and so does its product with `Z_hat` (but for the 1e-5).

    Examples
    --------
    >>> from nn.reference import backward_batch_norm, forward_batch_norm
    >>> gamma, beta = [[1.0]], [[0.0]]
    >>> out, Z_hat, mean, var = forward_batch_norm([[0.0], [1.0], [5.0]], gamma, beta)
    >>> grad_Z, grad_gamma, grad_beta = backward_batch_norm([[1.0], [0.0], [0.0]], Z_hat, var, gamma)
    >>> grad_Z.round(3).tolist(), grad_gamma.round(3), grad_beta
    ([[0.176], [-0.22], [0.044]], array([[-0.926]]), array([[1.]]))
    """
    grad_Z_hat = grad * gamma
    through_mean = grad_Z_hat.mean(axis=0, keepdims=True)
    through_var = Z_hat * (grad_Z_hat * Z_hat).mean(axis=0, keepdims=True)
    grad_Z = (grad_Z_hat - through_mean - through_var) / np.sqrt(var + BATCH_NORM_EPSILON)
    return grad_Z, _sum_rows(grad * Z_hat), _sum_rows(grad)


@_takes("image (H, W), filter_kernel (u, v)")
def conv2d(image: Array, filter_kernel: Array, stride: int = 1, padding: int = 0) -> Array:
    """Convolution as deep learning means it: cross-correlation, where the filter lies wholly on the padded image.

    Parameters
    ----------
    image : array_like, shape (H, W)
    filter_kernel : array_like, shape (u, v)
        Not flipped.
    stride : int
        Step of the filter along both axes.
    padding : int
        Rows and columns of zeros laid around the image first. With ``(u - 1) // 2`` of them, an odd square filter makes
        a map of the image's size.

    Returns
    -------
    ndarray, shape ((H + 2 padding - u) // stride + 1, (W + 2 padding - v) // stride + 1)
        ``out[i, j] = sum over m, n of padded[i * stride + m, j * stride + n] * filter_kernel[m, n]``.

    Raises
    ------
    ValueError
        If the filter is larger than the padded image, the stride not a positive integer or the padding a negative one.

    Examples
    --------
    >>> from nn.reference import conv2d
    >>> conv2d([[1, 2, 4], [1, 2, 4]], [[-1, 1]])
    array([[1., 2.],
           [1., 2.]])
    >>> conv2d([[5]], [[1, 0, 0], [0, 2, 0], [0, 0, 3]], padding=1)
    array([[10.]])
    """
    _check_positive("conv2d", stride=stride)
    _check_positive("conv2d", or_zero=True, padding=padding)
    padded, kernel = np.pad(image, padding), filter_kernel.shape
    if np.any(np.less(padded.shape, kernel)):
        raise ValueError(f"conv2d: the filter {kernel} is larger than the image {image.shape} with padding {padding}")
    windows = sliding_window_view(padded, kernel)[::stride, ::stride]
    return np.tensordot(windows, filter_kernel, axes=2)


@_takes("X (H, W, ...)")
def max_pool(X: Array, size: int = 2, stride: int = 2) -> Array:
    """Maximum of every window, of an image or of each channel of a stack of feature maps.

    Parameters
    ----------
    X : array_like, shape (H, W) or (H, W, C)
        The channels come last. Those of `forward_cnn` come first: pool its maps one by one,
        ``[max_pool(a) for a in A[0]]``, or after ``np.moveaxis(A[0], 0, -1)``.
    size : int
        Height and width of the windows.
    stride : int
        Step from window to window; windows overlap where it is smaller than `size`.

    Returns
    -------
    ndarray, shape (h, w) or (h, w, C)
        ``h = (H - size) // stride + 1`` and ``w`` likewise: a border too narrow for a window is dropped.

    Raises
    ------
    ValueError
        If X has another number of axes, is smaller than a window, or seems to have its channels or samples first: its
        last two axes, not its first two, are of one length. Or if `size` or `stride` is not a positive integer.

    Examples
    --------
    >>> from nn.reference import max_pool
    >>> max_pool([[1, 2, 0], [3, 4, 9]])
    array([[4.]])
    >>> max_pool([[1, 2, 0], [3, 4, 9]], stride=1)
    array([[4., 9.]])
    """
    _check_positive("max_pool", size=size, stride=stride)
    if X.ndim not in (2, 3) or min(X.shape[:2]) < size:
        raise ValueError(
            f"max_pool: X is (H, W) or (H, W, C), no smaller than the window {size}, not of shape {X.shape}"
        )
    if X.ndim == 3 and X.shape[0] != X.shape[1] == X.shape[2]:
        raise ValueError(f"max_pool: X has its channels first, {X.shape}; they come last, as in np.moveaxis(X, 0, -1)")
    windows = sliding_window_view(X, (size, size), axis=(0, 1))[::stride, ::stride]
    return windows.max(axis=(-2, -1))


@_takes("")
def l2_regularization(weights: Array | Sequence[ArrayLike], lambda_: float) -> tuple[float, list[Array]]:
    """Penalty on large weights, and its gradients.

    Parameters
    ----------
    weights : sequence of array_like, or ndarray
        The weights of all layers, those in lists as rows; an array by itself is the weights of the only one.
    lambda_ : float
        Strength, not negative.

    Returns
    -------
    penalty : float
        `lambda_` times the sum of the squares of all weights.
    gradients : list of ndarray
        ``2 * lambda_ * W`` for every W.

    Raises
    ------
    ValueError
        If `lambda_` is negative, a weight is not real, there are no weights, or a dict or the rows of a single matrix
        are given as layers.

    Examples
    --------
    >>> from nn.reference import l2_regularization
    >>> l2_regularization([[[1.0, 2.0]], [[3.0]]], 0.5)
    (7.0, [array([[1., 2.]]), array([[3.]])])
    """
    _check_positive("l2_regularization", or_zero=True, lambda_=lambda_)
    if isinstance(weights, Mapping):
        raise ValueError("l2_regularization: weights is a sequence of arrays, not a dict; give its values()")
    alone = hasattr(weights, "shape") or not np.iterable(weights)
    layers: dict[str, Any] = {"weights": weights} if alone else {f"weights[{i}]": W for i, W in enumerate(weights)}
    arrays = {name: _real("l2_regularization", {name: W})[name] for name, W in layers.items()}
    if any(array.ndim < 2 and not isinstance(layers[name], np.ndarray) for name, array in arrays.items()):
        raise ValueError("l2_regularization: weights holds rows or numbers; for one layer, give np.array(weights)")
    if not arrays or not all(array.size for array in arrays.values()):
        raise ValueError("l2_regularization: weights is empty, holds an empty array, or is an iterator at its end")
    return lambda_ * sum(float(np.sum(W**2)) for W in arrays.values()), [2 * lambda_ * W for W in arrays.values()]


@_takes("A (...)")
def dropout(A: Array, p: float, training: bool = True, *, inverted: bool = False, rng: RNG = None) -> Array:
    """Switch off activations at random while training.

    Parameters
    ----------
    A : array_like, any shape
    p : float
        Probability of **keeping** an activation, in (0, 1]. (Layers of deep learning libraries mean that of dropping.)
    training : bool
        Outside training everything is kept.
    inverted : bool
        Divide what is kept by p, so that training and testing see activations of the same mean. Without it those of
        testing are larger by ``1 / p``.
    rng : numpy.random.Generator or int, optional
        Source or seed of the mask; NumPy's global generator by default.

    Returns
    -------
    ndarray, shape of A
        ``A * mask``.

    Raises
    ------
    ValueError
        If p is not in (0, 1].

    Notes
    -----
    The backward pass multiplies by the same mask. `backward_mlp` and `backward_mlp_3layer` know of none: a pass with
    dropout draws its masks by `dropout_mask`, before the forward pass, and uses them in both.

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.

    Examples
    --------
    >>> from nn.reference import dropout
    >>> dropout([[3.0, 3.0, 3.0, 3.0]], 0.75, rng=1)
    array([[3., 0., 3., 0.]])
    >>> dropout([[3.0, 3.0]], 0.75, training=False)
    array([[3., 3.]])
    """
    return A * _mask("dropout", A, p, training, inverted, rng)


@_takes("A (...)")
def dropout_mask(A: Array, p: float, training: bool = True, *, inverted: bool = False, rng: RNG = None) -> Array:
    """Draw what `dropout`, with the same arguments, multiplies its activations by.

    Parameters
    ----------
    A : array_like, any shape
        Only its shape and precision matter.
    p, training, inverted, rng
        As in `dropout`.

    Returns
    -------
    ndarray, shape of A
        0 or 1, or 0 or ``1 / p`` if inverted.

    Raises
    ------
    ValueError
        If p is not in (0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from nn.reference import dropout_mask, relu
    >>> Z = np.array([[-1.0, 2.0, 3.0, 4.0]])
    >>> mask = dropout_mask(Z, 0.8, inverted=True, rng=1)
    >>> relu(Z) * mask  # forwards
    array([[0.  , 0.  , 3.75, 0.  ]])
    >>> np.ones((1, 4)) * mask * (Z > 0)  # and backwards
    array([[0.  , 0.  , 1.25, 0.  ]])
    """
    return _mask("dropout_mask", A, p, training, inverted, rng)


@_takes("v (...), grad (...)")
def momentum_update(v: Array, grad: Array, mu: float, lr: float) -> Array:
    """Next velocity ``mu * v - lr * grad``; the step is then ``W += v``.

    Parameters
    ----------
    v : array_like, any shape
        Velocity, zero before the first step.
    grad : array_like, shape of v
        Gradient of the loss with respect to W.
    mu : float
        Momentum, the part of the velocity that is kept.
    lr : float
        Learning rate.

    Returns
    -------
    ndarray, shape of v

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.

    Examples
    --------
    >>> from nn.reference import momentum_update
    >>> momentum_update([1.0, 0.0], [0.0, 2.0], mu=0.5, lr=0.25)
    array([ 0.5, -0.5])
    """
    return mu * v - lr * grad


def accuracy(y_pred: ArrayLike, y: ArrayLike) -> float:
    """Fraction of the samples that are classified correctly.

    Parameters
    ----------
    y_pred : array_like, shape (n,), (n, 1) or (n, c)
        Labels, counted from 0; or one-hot labels or probabilities of c classes, of which the first largest counts; or
        probabilities of class 1 alone, which is taken above 0.5.
    y : array_like, shape (n,), (n, 1) or (n, c)
        The truth, in any of these forms.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the numbers of samples or classes differ, a value is NaN, infinite or no possible label, or a row of `y` is
        no distribution.

    Examples
    --------
    >>> from nn.reference import accuracy
    >>> accuracy([[0.9, 0.1], [0.2, 0.8]], [0, 0])
    0.5
    """
    y_pred, y = _real_array("accuracy", "y_pred", y_pred), _real_array("accuracy", "y", y)
    (predicted, *c_pred), (true, *c_true) = _labels("y_pred", y_pred), _labels("y", y)
    classes = {*c_pred, *c_true}
    if len(predicted) != len(true) or len(classes) > 1:
        raise ValueError(f"accuracy: y_pred of shape {y_pred.shape} and y of {y.shape} differ in samples or classes")
    if y.ndim == 2 and y.shape[1] > 1:
        _check_distributions("accuracy", y=y)
    for name, labels in (("y_pred", predicted), ("y", true)):
        if labels.min() < 0 or labels.max() >= min(classes, default=np.inf):
            raise ValueError(f"accuracy: {name} has labels {labels.min()} to {labels.max()}; of c they are 0 to c - 1")
    return float((predicted == true).mean())


@_takes("X (n, H, W), filters (f, u, v), b_conv (1, f), W (d, c), b (1, c)")
def forward_cnn(X: Array, filters: Array, b_conv: Array, W: Array, b: Array) -> tuple[Array, Array, Array, Array]:
    """Small convolutional network: convolution, ReLU, 2x2 max pooling, dense layer, softmax.

    Parameters
    ----------
    X : array_like, shape (n, H, W)
        Grayscale images.
    filters : array_like, shape (f, u, v)
    b_conv : array_like, shape (1, f) or (f,)
    W : array_like, shape (f * (h // 2) * (w // 2), c)
        Where ``h = H - u + 1`` and ``w = W - v + 1``. The pooled maps are flattened filter by filter, each row by row,
        as PyTorch's ``Flatten`` does for ``(N, C, H, W)``. For images of 28x28 and 8 filters of 3x3 that is 1352 rows.
    b : array_like, shape (1, c) or (c,)

    Returns
    -------
    Z : ndarray, shape (n, f, h, w)
        Cross-correlation of each image with each filter, plus its bias. The filters come before rows and columns, as in
        PyTorch; `max_pool` takes channels last.
    A : ndarray, shape (n, f, h, w)
        ``relu(Z)``.
    P : ndarray, shape (n, f, h // 2, w // 2)
        Maxima of the 2x2 windows; an odd border is dropped.
    probs : ndarray, shape (n, c)
        Class probabilities.

    Raises
    ------
    ValueError
        If shapes do not fit, or an image is too small for the filter and one window after it.

    Notes
    -----
    The parameters of the same network in PyTorch, ``Conv2d``, ``ReLU``, ``MaxPool2d(2)``, ``Flatten``, ``Linear``, are
    ``filters[:, np.newaxis]``, ``b_conv[0]``, ``W.T`` and ``b[0]``.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.reference import forward_cnn
    >>> X, filters = np.ones((5, 28, 28)), np.zeros((8, 3, 3))
    >>> Z, A, P, probs = forward_cnn(X, filters, np.zeros((1, 8)), np.zeros((1352, 10)), np.zeros((1, 10)))
    >>> Z.shape, P.shape, probs[0, 0]
    ((5, 8, 26, 26), (5, 8, 13, 13), np.float64(0.1))
    """
    n, f, h, w = _feature_maps("forward_cnn", X, filters, W)
    Z = (filters.reshape(f, -1) @ _shifted_images(X, h, w)).reshape(n, f, h, w) + b_conv[..., np.newaxis, np.newaxis]
    A = relu(Z)
    top_left, top_right, bottom_left, bottom_right = _window_corners(A)
    P = np.maximum(np.maximum(top_left, top_right), np.maximum(bottom_left, bottom_right))
    probs = softmax(P.reshape(n, -1) @ W + b)
    return Z, A, P, probs


@_takes(
    "X (n, H, W), Z (n, f, h, w), A (n, f, h, w), P (n, f, i, j), probs (n, c), y (n, c), filters (f, u, v), W (d, c)"
)
def backward_cnn(
    X: Array, Z: Array, A: Array, P: Array, probs: Array, y: Array, filters: Array, W: Array
) -> tuple[Array, Array, Array, Array]:
    """Gradients of the cross-entropy of `forward_cnn`.

    Parameters
    ----------
    X : array_like, shape (n, H, W)
    Z, A, P, probs : array_like
        What `forward_cnn` returned.
    y : array_like, shape (n, c)
        One-hot labels, or distributions.
    filters : array_like, shape (f, u, v)
    W : array_like, shape (f * (h // 2) * (w // 2), c)

    Returns
    -------
    grad_filters : ndarray, shape (f, u, v)
    grad_b_conv : ndarray, shape (1, f)
    grad_W : ndarray, shape of W
    grad_b : ndarray, shape (1, c)

    Raises
    ------
    ValueError
        If shapes do not fit, or a row of `probs` or `y` is no distribution.

    Notes
    -----
    The gradient of a pooled value goes to the first maximum of its window, row by row. The gradient of a filter is the
    cross-correlation of the images with the gradient of its feature maps.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.reference import backward_cnn, forward_cnn
    >>> X, y, filters, W = np.ones((1, 3, 3)), [[1, 0]], np.ones((1, 2, 2)), np.array([[1.0, 1.0]])
    >>> Z, A, P, probs = forward_cnn(X, filters, np.zeros((1, 1)), W, np.zeros((1, 2)))
    >>> grad_filters, grad_b_conv, grad_W, grad_b = backward_cnn(X, Z, A, P, probs, y, filters, W)
    >>> grad_W, grad_b
    (array([[-2.,  2.]]), array([[-0.5,  0.5]]))
    """
    n, f, h, w = _feature_maps("backward_cnn", X, filters, W)
    if Z.shape[2:] != (h, w) or P.shape[2:] != (h // 2, w // 2):
        raise ValueError(f"backward_cnn: maps of {(h, w)} and their halves do not fit Z {Z.shape} and P {P.shape}")
    _check_distributions("backward_cnn", probs=probs, y=y)
    delta = (probs - y) / n
    delta_P = (delta @ W.T).reshape(P.shape)
    delta_A = np.zeros_like(A)
    unclaimed = np.ones(P.shape, dtype=bool)
    for corner, delta_corner in zip(_window_corners(A), _window_corners(delta_A), strict=True):
        first_maximum = unclaimed & (corner == P)
        delta_corner[...] = delta_P * first_maximum
        unclaimed &= ~first_maximum
    delta_Z = (delta_A * (Z > 0)).reshape(n, f, h * w)
    grad_filters = (delta_Z @ _shifted_images(X, h, w).transpose(0, 2, 1)).sum(axis=0).reshape(filters.shape)
    grad_b_conv = delta_Z.sum(axis=(0, 2)).reshape(1, f)
    return grad_filters, grad_b_conv, P.reshape(n, -1).T @ delta, _sum_rows(delta)


def _feature_maps(operation: str, X: Array, filters: Array, W: Array) -> tuple[int, int, int, int]:
    """Return ``(n, f, h, w)``, the shape of what the filters make of the images."""
    (n, *image), (f, *kernel) = X.shape, filters.shape
    h, w = (length - reach + 1 for length, reach in zip(image, kernel, strict=True))
    if h < 2 or w < 2:
        raise ValueError(f"{operation}: images {image} are too small for filters {kernel} and a 2x2 window after them")
    if len(W) != f * (h // 2) * (w // 2):
        raise ValueError(f"{operation}: maps of {(f, h // 2, w // 2)} are not the features of W, of shape {W.shape}")
    return n, f, h, w


def _shifted_images(X: Array, h: int, w: int) -> Array:
    """Return for each filter entry, the ``(h, w)`` cut of every image that it meets: ``(n, u * v, h * w)``."""
    return sliding_window_view(X, (h, w), axis=(1, 2)).reshape(len(X), -1, h * w)


def _window_corners(A: Array) -> list[Array]:
    """Return views of the four entries of every 2x2 window, in row-major order."""
    h, w = A.shape[2] // 2 * 2, A.shape[3] // 2 * 2
    return [A[:, :, i:h:2, j:w:2] for i in (0, 1) for j in (0, 1)]


def _random(rng: RNG) -> Any:
    return np.random if rng is None else np.random.default_rng(rng)


def _mask(operation: str, A: Array, p: float, training: bool, inverted: bool, rng: RNG) -> Array:
    if not 0 < p <= 1:
        raise ValueError(f"{operation}: p is the probability of keeping, above 0 and at most 1, not {p}")
    if not training:
        return np.ones_like(A)
    mask = (_random(rng).random(A.shape) < p).astype(A.dtype)
    return mask / p if inverted else mask


def _sum_rows(delta: Array) -> Array:
    return delta.sum(axis=0, keepdims=True)


def _surprisal(A: Array) -> Array:
    """Return ``-log A``."""
    # Adding epsilon would make the log of 1 positive; and 1 - epsilon, as an upper bound on A, is 1 in float32.
    return -np.log(np.maximum(A, EPSILON))


def _labels(name: str, values: Array) -> tuple[Any, ...]:
    """Return the labels, and the number of classes if it shows."""
    shape = values.shape
    if len(shape) not in (1, 2) or 0 in shape or not np.isfinite(values).all():
        raise ValueError(f"accuracy: {name} of shape {shape} is empty, has NaN or infinity, or is not (n,) or (n, c)")
    if len(shape) == 2 and shape[1] > 1:
        return values.argmax(axis=1), shape[1]
    values = values.ravel()
    if (values == np.rint(values)).all():
        return (values,)
    if values.min() < 0 or values.max() > 1:
        raise ValueError(f"accuracy: {name} holds neither whole labels nor probabilities in [0, 1]")
    return values > 0.5, 2


def _check_probabilities(operation: str, **arrays: Array) -> None:
    for name, array in arrays.items():
        low, high = array.min(), array.max()
        if low < -SLACK or high > 1 + SLACK:
            raise ValueError(f"{operation}: {name} must hold probabilities in [0, 1], not {low:.4g} to {high:.4g}")


def _check_distributions(operation: str, **arrays: Array) -> None:
    _check_probabilities(operation, **arrays)
    for name, array in arrays.items():
        sums = array.sum(axis=1)
        if (np.abs(sums - 1) > SLACK).any():
            low, high = sums.min(), sums.max()
            raise ValueError(f"{operation}: every row of {name} must sum to 1, not to {low:.4g} ... {high:.4g}")


def _check_positive(operation: str, *, or_zero: bool = False, **values: float) -> None:
    for name, value in values.items():
        if not 0 < value < np.inf and not (or_zero and value == 0):
            raise ValueError(f"{operation}: {name} is a positive number{' or 0' if or_zero else ''}, not {value}")
