"""Initialisation: fill a tensor's memory in place with constants or random numbers.

Names and formulas are those of ``torch.nn.init``. Every function returns the tensor it was given. Those that draw take
`rng`: a `numpy.random.Generator`, a seed, or None for fresh entropy. Draws are made in float64, so that a float32 model
is the float64 model of the same seed, rounded.
"""

import math

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from autograd_np import Tensor

__all__ = [
    "RNG",
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

RNG = np.random.Generator | int | None
"""Where random numbers come from: a generator, which is advanced; a seed; or None for fresh entropy."""


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill a tensor with one value.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from nn import init
    >>> init.constant_(Tensor(np.empty(2)), 0.5)
    Tensor([0.5, 0.5])
    """
    _check_tensor(tensor, "constant_")
    tensor.data = np.full(tensor.shape, val)
    return tensor


def zeros_(tensor: Tensor) -> Tensor:
    """Fill a tensor with zeros.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from nn import init
    >>> init.zeros_(Tensor(np.empty(2)))
    Tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill a tensor with ones.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from nn import init
    >>> init.ones_(Tensor(np.empty(2)))
    Tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, rng: RNG = None) -> Tensor:
    """Draw from the uniform distribution on [a, b).

    Raises
    ------
    ValueError
        If `b` is less than `a`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from nn import init
    >>> w = init.uniform_(Tensor(np.empty((2, 3))), -1.0, 1.0, rng=0)
    >>> bool(np.all(abs(w.data) <= 1))
    True
    """
    if not a <= b:
        raise ValueError(f"uniform_: the interval from a={a} to b={b} is empty; give a <= b")
    _floating(tensor, "uniform_")
    tensor.data = np.random.default_rng(rng).uniform(a, b, tensor.shape)
    return tensor


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, rng: RNG = None) -> Tensor:
    """Draw from the normal distribution; small random weights are ``normal_(w, std=0.01)``.

    Raises
    ------
    ValueError
        If `std` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from nn import init
    >>> w = init.normal_(Tensor(np.empty((100, 100))), std=0.01, rng=0)
    >>> print(f"{np.std(w):.3f}")
    0.010
    """
    if not std >= 0:
        raise ValueError(f"normal_: std={std}; give a standard deviation of 0 or more")
    _floating(tensor, "normal_")
    tensor.data = np.random.default_rng(rng).normal(mean, std, tensor.shape)
    return tensor


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, rng: RNG = None
) -> Tensor:
    """Draw from the normal distribution, cut off outside of the interval from `a` to `b`.

    Parameters
    ----------
    tensor : Tensor
        Of any shape.
    mean, std : float
        Of the distribution before it is cut off.
    a, b : float
        Where it is cut off, not in units of `std`. The interval may lie anywhere, and either end may be infinite.
    rng : numpy.random.Generator, int or None
        Where the numbers come from.

    Raises
    ------
    ValueError
        If the mean is not finite, `std` not above 0 or not finite, or `a` not less than `b`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from nn import init
    >>> w = init.trunc_normal_(Tensor(np.empty((100, 100))), std=0.02, a=-0.04, b=0.04, rng=0)
    >>> bool(np.all(abs(w.data) <= 0.04))
    True
    """
    if not 0 < std < math.inf or not math.isfinite(mean):
        raise ValueError(f"trunc_normal_: mean={mean}, std={std}; give a finite mean and a standard deviation above 0")
    if not a < b:
        raise ValueError(f"trunc_normal_: the interval from a={a} to b={b} is empty; give a < b")
    _floating(tensor, "trunc_normal_")
    low, high = (a - mean) / std, (b - mean) / std
    sign = -1.0 if low + high > 0 else 1.0  # logarithms of probabilities are exact in the lower half
    low, high = sorted((sign * low, sign * high))
    top, bottom = float(log_ndtr(high)), float(log_ndtr(low))
    part = 1 - np.random.default_rng(rng).random(tensor.shape)  # never 0
    ratio = math.exp(bottom - top)
    drawn = ndtri_exp(top + np.log(ratio + part * (1 - ratio)))
    tensor.data = np.clip(mean + std * sign * drawn, a, b)
    return tensor


def orthogonal_(tensor: Tensor, gain: float = 1.0, rng: RNG = None) -> Tensor:
    """Draw a matrix whose rows or columns, whichever are fewer, are orthogonal and of length `gain`.

    All such matrices are equally likely. Axes after the first are taken as one.

    Parameters
    ----------
    tensor : Tensor, shape (out, in) or (out, in, kh, kw)
        Weights of a linear layer or a convolution.
    gain : float
        See `calculate_gain`.
    rng : numpy.random.Generator, int or None
        Where the numbers come from.

    Raises
    ------
    ValueError
        If the tensor has fewer than two axes.

    References
    ----------
    A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks", ICLR 2014; F. Mezzadri, "How to generate random matrices from the classical compact groups", 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from nn import init
    >>> w = init.orthogonal_(Tensor(np.empty((2, 3))), rng=0)
    >>> bool(np.allclose(w.data @ w.data.T, np.eye(2)))
    True
    """
    columns, _ = _fans(tensor, "orthogonal_")
    rows = tensor.shape[0]
    _floating(tensor, "orthogonal_")
    drawn = np.random.default_rng(rng).normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(drawn)
    q *= gain * np.copysign(1.0, np.diagonal(r))  # or else the signs would depend on how q was computed
    tensor.data = (q if rows >= columns else q.T).reshape(tensor.shape)
    return tensor


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, rng: RNG = None) -> Tensor:
    """Draw from the normal distribution, with a part of each column, rounded up to whole elements, set to zero.

    Parameters
    ----------
    tensor : Tensor, shape (out, in)
        Weights of a linear layer.
    sparsity : float
        That part, from 0 to 1.
    std : float
        Standard deviation of the others.
    rng : numpy.random.Generator, int or None
        Where the numbers come from.

    Raises
    ------
    ValueError
        If the tensor has not two axes, or a number is out of range.

    References
    ----------
    J. Martens, "Deep learning via Hessian-free optimization", ICML 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from nn import init
    >>> w = init.sparse_(Tensor(np.empty((4, 3))), sparsity=0.5, rng=0)
    >>> np.sum(w.data == 0, axis=0)
    array([2, 2, 2])
    """
    _check_axes(tensor, "sparse_", 2)
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparse_: sparsity={sparsity}; give a number from 0 to 1")
    if not std >= 0:
        raise ValueError(f"sparse_: std={std}; give a standard deviation of 0 or more")
    _floating(tensor, "sparse_")
    rng = np.random.default_rng(rng)
    drawn = rng.normal(0.0, std, tensor.shape)
    kept = np.ones(tensor.shape, bool)
    kept[: math.ceil(sparsity * tensor.shape[0])] = False
    tensor.data = np.where(rng.permuted(kept, axis=0), drawn, 0.0)
    return tensor


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity: ones on the diagonal, zeros elsewhere.

    Raises
    ------
    ValueError
        If the tensor has not two axes.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from nn import init
    >>> init.eye_(Tensor(np.empty((2, 3))))
    Tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    _check_axes(tensor, "eye_", 2)
    tensor.data = np.eye(*tensor.shape, dtype=tensor.dtype)
    return tensor


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weights so that it returns its input: as many channels as there are, each where it was.

    Parameters
    ----------
    tensor : Tensor, shape (out, in, k), (out, in, kh, kw) or (out, in, kd, kh, kw)
        Weights of a convolution.
    groups : int
        Of how many groups of channels each returns its own.

    Raises
    ------
    ValueError
        If the tensor has not three to five axes, or `groups` does not divide the number of outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from nn import init
    >>> init.dirac_(Tensor(np.empty((2, 1, 3)))).data[:, 0]
    array([[0., 1., 0.],
           [0., 0., 0.]])
    """
    _check_axes(tensor, "dirac_", 3, 4, 5)
    outputs, inputs = tensor.shape[:2]
    if groups < 1 or outputs % groups:
        raise ValueError(f"dirac_: groups={groups} for {outputs} outputs; give a number that divides them")
    count = outputs // groups
    filled = np.zeros(tensor.shape, tensor.dtype)
    middle = tuple(size // 2 for size in tensor.shape[2:])
    if filled.size:
        for i in range(min(count, inputs)):
            filled[(slice(i, None, count), i, *middle)] = 1
    tensor.data = filled
    return tensor


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, rng: RNG = None) -> Tensor:
    """Draw uniformly with variance ``gain**2 * 2 / (fan_in + fan_out)``, which suits tanh and sigmoid.

    Parameters
    ----------
    tensor : Tensor, shape (out, in) or (out, in, kh, kw)
        Weights of a linear layer or a convolution.
    gain : float
        See `calculate_gain`.
    rng : numpy.random.Generator, int or None
        Where the numbers come from.

    Raises
    ------
    ValueError
        If the tensor has fewer than two axes.

    References
    ----------
    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010,
    equation 16.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from nn import init
    >>> w = init.xavier_uniform_(Tensor(np.empty((2, 4))), rng=0)  # bound: sqrt(6 / (4 + 2)) = 1
    >>> bool(np.all(abs(w.data) <= 1))
    True
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain, "xavier_uniform_")
    return uniform_(tensor, -bound, bound, rng)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, rng: RNG = None) -> Tensor:
    """Draw from the normal distribution with the variance of `xavier_uniform_`, whose parameters and errors it has.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from nn import init
    >>> w = init.xavier_normal_(Tensor(np.empty((100, 100))), rng=0)
    >>> print(f"{np.std(w):.2f}")
    0.10
    """
    return normal_(tensor, 0.0, _xavier_std(tensor, gain, "xavier_normal_"), rng)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", rng: RNG = None
) -> Tensor:
    """Draw uniformly with variance ``gain**2 / fan``, which keeps activations of their size through ReLUs.

    Parameters
    ----------
    tensor : Tensor, shape (out, in) or (out, in, kh, kw)
        Weights of a linear layer or a convolution.
    a : float
        Slope of the leaky ReLU below zero; 0 is the ReLU.
    mode : {"fan_in", "fan_out"}
        Whether activations keep their size on the way forward, or gradients on the way back.
    nonlinearity : str
        What follows the layer; see `calculate_gain`.
    rng : numpy.random.Generator, int or None
        Where the numbers come from.

    Raises
    ------
    ValueError
        If the tensor has fewer than two axes, or the mode or the nonlinearity is unknown.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015, equations 10, 14 and 15.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from nn import init
    >>> w = init.kaiming_uniform_(Tensor(np.empty((2, 6))), rng=0)  # bound: sqrt(3) * sqrt(2 / 6) = 1
    >>> bool(np.all(abs(w.data) <= 1))
    True
    """
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity, "kaiming_uniform_")
    return uniform_(tensor, -bound, bound, rng)


def kaiming_normal_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", rng: RNG = None
) -> Tensor:
    """Draw from the normal distribution with the variance of `kaiming_uniform_`, whose parameters and errors it has.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from nn import init
    >>> w = init.kaiming_normal_(Tensor(np.empty((100, 200))), rng=0)
    >>> print(f"{np.std(w):.2f}")
    0.10
    """
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity, "kaiming_normal_"), rng)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor by which weights are scaled to make up for what a nonlinearity takes from the variance.

    Parameters
    ----------
    nonlinearity : {"linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu"}
        What follows the weights.
    param : float, optional
        Slope of the leaky ReLU below zero; 0.01 by default.

    Raises
    ------
    ValueError
        If the nonlinearity is unknown.

    Examples
    --------
    >>> from nn import init
    >>> init.calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1.0 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        raise ValueError(
            f"calculate_gain: unknown nonlinearity {nonlinearity!r}; choose from {', '.join(_GAINS)}, leaky_relu"
        )
    return _GAINS[nonlinearity]


_GAINS = {"linear": 1.0, "conv2d": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3.0, "relu": math.sqrt(2.0)}


def _xavier_std(tensor: Tensor, gain: float, call: str) -> float:
    return gain * math.sqrt(2.0 / sum(_fans(tensor, call)))


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str, call: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{call}: unknown mode {mode!r}; choose fan_in or fan_out")
    fan = _fans(tensor, call)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _fans(tensor: Tensor, call: str) -> tuple[int, int]:
    """Return how many inputs each output of a layer has, and how many outputs each input."""
    _check_tensor(tensor, call)
    if tensor.ndim < 2 or not tensor.size:
        raise ValueError(
            f"{call}: weights of shape {tensor.shape} have no fan; give shape (out, in) or (out, in, kh, kw), or use "
            f"normal_ or uniform_"
        )
    kernel = math.prod(tensor.shape[2:])
    return tensor.shape[1] * kernel, tensor.shape[0] * kernel


def _check_axes(tensor: Tensor, call: str, *counts: int) -> None:
    _check_tensor(tensor, call)
    if tensor.ndim not in counts:
        raise ValueError(f"{call}: a tensor of shape {tensor.shape}; give one of {' or '.join(map(str, counts))} axes")


def _check_tensor(tensor: object, call: str) -> None:
    """Raise for an array, above all a parameter's `data`: written to there, the tape would not know of it."""
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"{call}: the tensor is a {type(tensor).__name__}; give the parameter itself, layer.weight and not "
            f"layer.weight.data, so that the tape knows that it is written to"
        )


def _floating(tensor: Tensor, call: str) -> None:
    _check_tensor(tensor, call)
    if tensor.dtype.kind != "f":
        raise TypeError(f"{call}: random numbers do not fit a tensor of dtype {tensor.dtype}; make it with dtype=float")
