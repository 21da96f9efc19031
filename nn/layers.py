"""Layers: the modules that models are built from, with PyTorch's names, parameters and defaults.

Layers with parameters take `dtype`, float32 by default, and `rng` for their initial values: a `numpy.random.Generator`,
a seed, or None for fresh entropy. Give all layers of a model one generator: layers of one shape that are given one seed
start with the same numbers.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.widening import widened_by
from nn import init
from nn.init import RNG
from nn.module import Module

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv2d",
    "Dropout",
    "Flatten",
    "Linear",
    "MaxPool2d",
    "ModuleList",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
]

Operand: TypeAlias = Tensor | ArrayLike
Pair: TypeAlias = int | tuple[int, int]


class _Ordered(Module):
    """Modules in order, as attributes that are named "0", "1", ... or by a dict's keys."""

    def __len__(self) -> int:
        return len(self._names())

    def __iter__(self) -> Iterator[Module]:
        return (vars(self)[name] for name in self._names())

    def append(self, module: Module) -> Self:
        """Add a module at the end; return this one."""
        # Part of a Sequential keeps its names, so that the number may be in use.
        self._add(next(name for name in map(str, itertools.count(len(self))) if not hasattr(self, name)), module)
        return self

    def __setitem__(self, index: int, module: Module) -> None:
        name = self._names()[index]
        self._check(name, module)
        setattr(self, name, module)

    def _names(self) -> list[str]:
        return [name for name, value in vars(self).items() if isinstance(value, Module)]

    def _add(self, name: str, module: Module) -> None:
        self._check(name, module)
        if not name or "." in name or hasattr(self, name):
            raise ValueError(
                f"{type(self).__name__}: {name!r} cannot name a module: it is empty, holds a dot, or is in use"
            )
        setattr(self, name, module)

    def _check(self, name: str, module: object) -> None:
        if not isinstance(module, Module):
            what = f"the class {module.__name__}" if isinstance(module, type) else f"a {type(module).__name__}"
            raise TypeError(f"{type(self).__name__}: entry {name} is {what}; give instances of modules, like nn.ReLU()")


class Sequential(_Ordered):
    """Modules called one after the other.

    Parameters
    ----------
    *modules : Module
        The modules in order; or one dict of them, whose keys become their names.

    Raises
    ------
    TypeError
        If an entry is not a Module.
    ValueError
        If a name is empty, holds a dot, or belongs to a method or attribute.

    Notes
    -----
    ``model[i]`` is a module; ``model[i:j]`` a Sequential of the same modules under the same names. It can be iterated,
    has a length, and grows by `append`; ``model[i] = module`` replaces a module.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> model = nn.Sequential(nn.Linear(4, 3, rng=0), nn.ReLU(), nn.Linear(3, 2, rng=1))
    >>> model(np.zeros((5, 4))).shape
    (5, 2)
    >>> model[1:]
    Sequential(
      (1): ReLU()
      (2): Linear(in_features=3, out_features=2, bias=True)  # 8 parameters
    )  # 8 parameters
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        named = modules[0] if len(modules) == 1 and isinstance(modules[0], Mapping) else None
        pairs: Any = named.items() if named is not None else ((str(i), module) for i, module in enumerate(modules))
        for name, module in pairs:
            self._add(name, module)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module | Sequential:
        if isinstance(index, slice):
            return Sequential({name: vars(self)[name] for name in self._names()[index]})
        return vars(self)[self._names()[index]]

    def forward(self, x: Any) -> Any:
        """Hand the input to the first module, its output to the second, and so on."""
        for module in _pools_before_relus(list(self)):
            x = module(x)
        return x


def _pools_before_relus(modules: list[Module]) -> list[Module]:
    """Let a ReLU that comes right before a max pooling come after it, where there is less to do.

    Neither the output nor a gradient differs in a bit: a window's largest element is the first one that is largest
    after the ReLU too, and where it is not positive no gradient passes the ReLU. In a tuned process a step of a small
    CNN takes 0.86 of the time.
    """
    for i, (first, second) in enumerate(itertools.pairwise(modules)):
        if type(first) is ReLU and type(second) is MaxPool2d:
            modules[i : i + 2] = second, first
    return modules


class ModuleList(_Ordered):
    """A list of modules whose parameters are trained and saved; `forward` is left to the module that holds it.

    Parameters
    ----------
    modules : iterable of Module
        The modules, named "0", "1", and so on.

    Raises
    ------
    TypeError
        If an entry is not a Module.

    Examples
    --------
    >>> import nn
    >>> class Tower(nn.Module):
    ...     def __init__(self, depth):
    ...         self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(depth))
    ...
    ...     def forward(self, x):
    ...         for layer in self.layers:
    ...             x = x + nn.functional.relu(layer(x))
    ...         return x
    >>> len(list(Tower(3).parameters()))
    6
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end; return this one."""
        for module in list(modules):
            self.append(module)
        return self

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    def __getitem__(self, index: int | slice) -> Module | ModuleList:
        modules = list(self)
        return ModuleList(modules[index]) if isinstance(index, slice) else modules[index]


class Linear(Module):
    """A linear layer: ``x @ weight.T + bias``.

    Parameters
    ----------
    in_features, out_features : int
        D and K below.
    bias : bool
        Whether there is a bias.
    dtype : dtype
        Of the parameters.
    rng : numpy.random.Generator, int or None
        Where the initial values come from.

    Attributes
    ----------
    weight : Tensor, shape (K, D)
        Initially uniform on [-1/√D, 1/√D].
    bias : Tensor, shape (K,), or None
        Initially likewise.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive integer, or `dtype` not floating. When called: if the input's last axis is not of
        length D, or it is a Tensor of another dtype.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Linear(3, 2, rng=0)(np.ones((5, 3))).shape  # (N, D) -> (N, K)
    (5, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float32,
        rng: RNG = None,
    ) -> None:
        self.in_features = _size("Linear", "in_features", in_features)
        self.out_features = _size("Linear", "out_features", out_features)
        self.weight, self.bias = _weight_and_bias((self.out_features, self.in_features), bias, dtype, rng)

    def forward(self, x: Operand) -> Tensor:
        """Apply the layer to an input of shape (..., D); the output has shape (..., K)."""
        return F.linear(_taken(self, x, self.weight.dtype), self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Conv2d(Module):
    """A convolution layer; as everywhere in deep learning, it computes a cross-correlation.

    Parameters
    ----------
    in_channels, out_channels : int
        C and O below.
    kernel_size : int or (int, int)
        Height and width of the kernel, (kh, kw).
    stride, padding : int or (int, int)
        How far the kernel moves, and how many zeros are put around the image, for height and width.
    bias : bool
        Whether there is a bias.
    dtype : dtype
        Of the parameters.
    rng : numpy.random.Generator, int or None
        Where the initial values come from.

    Attributes
    ----------
    weight : Tensor, shape (O, C, kh, kw)
        Initially uniform on [-1/√n, 1/√n] with n = C kh kw.
    bias : Tensor, shape (O,), or None
        Initially likewise.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive integer (padding: not a natural number), or `dtype` not floating. When called: if
        the input does not have shape (N, C, H, W), is smaller than the kernel, or is a Tensor of another dtype.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Conv2d(1, 8, 3, padding=1, rng=0)(np.ones((5, 1, 28, 28))).shape
    (5, 8, 28, 28)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        *,
        bias: bool = True,
        dtype: DTypeLike = np.float32,
        rng: RNG = None,
    ) -> None:
        self.in_channels = _size("Conv2d", "in_channels", in_channels)
        self.out_channels = _size("Conv2d", "out_channels", out_channels)
        self.kernel_size = _pair("Conv2d", "kernel_size", kernel_size)
        self.stride = _pair("Conv2d", "stride", stride)
        self.padding = _pair("Conv2d", "padding", padding, least=0)
        shape = (self.out_channels, self.in_channels, *self.kernel_size)
        self.weight, self.bias = _weight_and_bias(shape, bias, dtype, rng)

    def forward(self, x: Operand) -> Tensor:
        """Apply the layer to images of shape (N, C, H, W); the output has shape (N, O, H', W')."""
        x = _taken(self, x, self.weight.dtype)
        return F.conv2d(x, self.weight, self.bias, stride=self.stride, padding=self.padding)

    def extra_repr(self) -> str:
        """Return the sizes, and what is not at its default."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        text += f", padding={self.padding}" if self.padding != (0, 0) else ""
        return text + (", bias=False" if self.bias is None else "")


class MaxPool2d(Module):
    """The largest value of each window of an image; the first one takes the gradient where several are largest.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), optional
        How far the window moves; by default its own size.
    padding : int or (int, int)
        How many cells, smaller than everything, are put around the image.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0) -> None:
        self.kernel_size = _pair("MaxPool2d", "kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else _pair("MaxPool2d", "stride", stride)
        self.padding = _pair("MaxPool2d", "padding", padding, least=0)

    def forward(self, x: Operand) -> Tensor:
        """Pool images of shape (N, C, H, W)."""
        return F.max_pool2d(x, self.kernel_size, stride=self.stride, padding=self.padding)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class Flatten(Module):
    """Lay all axes from `start_dim` on into one: images (N, C, H, W) become rows (N, C H W).

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Flatten()(np.zeros((5, 8, 13, 13))).shape
    (5, 1352)
    """

    def __init__(self, start_dim: int = 1) -> None:
        self.start_dim = start_dim

    def forward(self, x: Operand) -> Tensor:
        """Flatten the input."""
        return F.flatten(x, self.start_dim)

    def extra_repr(self) -> str:
        """Return the first axis."""
        return f"start_dim={self.start_dim}"


class ReLU(Module):
    """The rectifier: max(0, x).

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.ReLU()(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.relu(x)


class Sigmoid(Module):
    """The logistic function: 1 / (1 + exp(-x)).

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Sigmoid()(np.array([0.0]))
    array([0.5])
    """

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Tanh()(np.array([0.0]))
    array([0.])
    """

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        values: Any = x
        return np.tanh(values)


class Softmax(Module):
    """Softmax along an axis: exp(x) over its sum.

    `CrossEntropyLoss` takes logits and applies it itself.

    Parameters
    ----------
    dim : int
        The axis along which the output adds up to 1.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Softmax()(np.zeros((1, 4)))
    array([[0.25, 0.25, 0.25, 0.25]])
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Operand) -> Tensor:
        """Apply it along the axis."""
        return F.softmax(x, axis=self.dim)

    def extra_repr(self) -> str:
        """Return the axis."""
        return f"dim={self.dim}"


class Dropout(Module):
    """In training mode, set each element to zero with probability p and divide the others by 1 - p.

    Parameters
    ----------
    p : float
        The probability of dropping, in [0, 1].
    rng : numpy.random.Generator, int or None
        Where the masks come from, one after the other; None draws from fresh entropy.

    Raises
    ------
    ValueError
        If p is not in [0, 1].

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> layer, x = nn.Dropout(0.5, rng=0), np.ones(100)
    >>> sorted(set(layer(x).tolist()))
    [0.0, 2.0]
    >>> layer.eval()(x).mean()
    np.float64(1.0)
    """

    def __init__(self, p: float = 0.5, *, rng: RNG = None) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p={p}; give a probability, from 0 to 1")
        self.p = p
        self.rng = np.random.default_rng(rng)

    def forward(self, x: Operand) -> Tensor:
        """Drop elements in training mode; return the input as it is in evaluation mode."""
        return F.dropout(x, p=self.p, training=self.training, rng=self.rng)

    def extra_repr(self) -> str:
        """Return the probability."""
        return f"p={self.p}"


class _BatchNorm(Module):
    """Batch normalisation over all axes but the second, the channels."""

    _inputs: ClassVar[Mapping[int, str]]  # the shapes that inputs may have, by their number of axes
    running_mean: NDArray[Any] | None
    running_var: NDArray[Any] | None
    num_batches_tracked: NDArray[Any] | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        name = type(self).__name__
        if not eps >= 0:
            raise ValueError(f"{name}: eps={eps}; give a number of at least 0")
        if momentum is not None and not 0 <= momentum <= 1:
            raise ValueError(f"{name}: momentum={momentum}; give a number from 0 to 1, or None for a plain average")
        self.num_features = _size(name, "num_features", num_features)
        self.eps, self.momentum, self.affine, self.track_running_stats = eps, momentum, affine, track_running_stats
        self.weight = Tensor(np.ones(self.num_features), True, dtype) if affine else None
        self.bias = Tensor(np.zeros(self.num_features), True, dtype) if affine else None
        self.register_buffer("running_mean", np.zeros(self.num_features, dtype) if track_running_stats else None)
        self.register_buffer("running_var", np.ones(self.num_features, dtype) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", 0 if track_running_stats else None)

    def forward(self, x: Operand) -> Tensor:
        """Normalise each channel, by the batch's statistics in training mode and by the running ones otherwise."""
        own = self.weight if self.weight is not None else self.running_mean
        values = x if own is None else _taken(self, x, own.dtype)
        by_batch = self.training or self.running_mean is None
        count = self._values_per_channel(np.shape(values), by_batch)
        mean, var = (None, None) if by_batch else (self.running_mean, self.running_var)
        y, mean, var = F.batch_norm(values, mean, var, self.weight, self.bias, eps=self.eps)
        if self.training:
            self._track(mean, var, count)
        return y

    def _values_per_channel(self, shape: tuple[int, ...], by_batch: bool) -> int:
        """Return how many values a channel's statistics are taken of, the input's shape having been checked."""
        if len(shape) not in self._inputs or shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}: an input of shape {shape}; give {' or '.join(self._inputs.values())} with "
                f"C = {self.num_features}"
            )
        count = math.prod(shape) // self.num_features
        if by_batch and count < 2:
            raise ValueError(
                f"{type(self).__name__}: an input of shape {shape} has less than two values for each channel, which "
                f"have no variance; give larger batches, or put the model into evaluation mode: model.eval()"
            )
        return count

    def _track(self, mean: Tensor | NDArray[Any], var: Tensor | NDArray[Any], count: int) -> None:
        """Move the running statistics towards a batch's; the variance is the unbiased one."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        new_mean, new_var = (v.data if isinstance(v, Tensor) else v for v in (mean, var))
        tracked = self.num_batches_tracked + 1
        share = 1 / int(tracked) if self.momentum is None else self.momentum
        # New arrays: a graph that was recorded in evaluation mode may still need the old ones.
        self.running_mean = (1 - share) * self.running_mean + share * new_mean
        self.running_var = (1 - share) * self.running_var + share * count / (count - 1) * new_var
        self.num_batches_tracked = tracked

    def extra_repr(self) -> str:
        """Return the size and the settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of vectors (N, C) or sequences (N, C, L): (x - mean) / √(var + ε) · weight + bias.

    In training mode mean and variance of each channel are the batch's, and the running statistics move towards them by
    the share `momentum`; in evaluation mode they are the running statistics.

    Parameters
    ----------
    num_features : int
        C, the number of channels.
    eps : float
        ε above.
    momentum : float or None
        What share a batch has in the running statistics; None for the plain average over all batches.
    affine : bool
        Whether there are a weight and a bias.
    track_running_stats : bool
        Whether there are running statistics; without them the batch's own serve in evaluation mode too.
    dtype : dtype
        Of parameters and running statistics.

    Attributes
    ----------
    weight, bias : Tensor, shape (C,), or None
        Initially 1 and 0.
    running_mean, running_var : ndarray, shape (C,)
        Buffers, initially 0 and 1; the variance is the unbiased one, with N - 1.
    num_batches_tracked : ndarray of int64, shape ()
        A buffer.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range. When called: if the input has another shape, is a Tensor of another dtype, or,
        in training mode, has less than two values for each channel.

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015, algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> y = nn.BatchNorm1d(1)(np.array([[1.0], [3.0]]))
    >>> print(y.data.round(3).tolist())
    [[-1.0], [1.0]]
    """

    _inputs: ClassVar[Mapping[int, str]] = {2: "(N, C)", 3: "(N, C, L)"}


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (N, C, H, W), over the batch, height and width.

    Parameters, attributes and errors are those of `BatchNorm1d`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> layer = nn.BatchNorm2d(3)
    >>> y = layer(np.random.default_rng(0).normal(size=(8, 3, 4, 4)))
    >>> print(abs(y.data.mean(axis=(0, 2, 3))).max() < 1e-6, layer.num_batches_tracked)
    True 1
    """

    _inputs: ClassVar[Mapping[int, str]] = {4: "(N, C, H, W)"}


def _weight_and_bias(shape: tuple[int, ...], bias: bool, dtype: DTypeLike, rng: RNG) -> tuple[Tensor, Tensor | None]:
    """Draw the parameters of a linear layer or a convolution."""
    rng = np.random.default_rng(rng)
    weight = Tensor(np.zeros(shape), requires_grad=True, dtype=dtype)
    init.kaiming_uniform_(weight, a=math.sqrt(5), rng=rng)  # the bound is then 1/√fan_in, as for the bias
    if not bias:
        return weight, None
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    return weight, init.uniform_(Tensor(np.zeros(shape[0]), requires_grad=True, dtype=dtype), -bound, bound, rng)


def _taken(layer: Module, x: Operand, dtype: np.dtype[Any]) -> Tensor | NDArray[Any]:
    """Take numbers into a layer's dtype; a Tensor must have it already."""
    if not isinstance(x, Tensor):
        numbers = np.asarray(x)
        if numbers.dtype.kind not in "biuf":
            raise TypeError(f"{type(layer).__name__}: the input is of dtype {numbers.dtype}; give real numbers")
        return numbers.astype(dtype, copy=False)
    if x.dtype != dtype:
        reason = widened_by(x)
        raise TypeError(
            f"{type(layer).__name__}: the input is a Tensor of dtype {x.dtype} and the parameters are {dtype}; "
            f"{f'{reason}; ' if reason else ''}convert the input (t.astype(np.{dtype})), or make the layer with "
            f"dtype=np.{x.dtype}"
        )
    return x


def _size(layer: str, name: str, value: int, least: int = 1) -> int:
    """Return a size as an int, checked."""
    try:
        size = operator.index(value)
    except TypeError:
        raise TypeError(f"{layer}: {name}={value!r} is a {type(value).__name__}; give an integer") from None
    if size < least:
        raise ValueError(f"{layer}: {name}={size}; give an integer of at least {least}")
    return size


def _pair(layer: str, name: str, value: Pair, least: int = 1) -> tuple[int, int]:
    """Return sizes for height and width, checked."""
    pair = value if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"{layer}: {name}={value}; give an integer, or two of them: for height and width")
    return _size(layer, name, pair[0], least), _size(layer, name, pair[1], least)
