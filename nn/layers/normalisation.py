"""Normalisation as modules: over the batch, with running statistics, over features, and over groups of channels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.capture import as_number
from autograd_np.neural.arguments import check_eps, check_variance, lengths_of
from autograd_np.versions import as_ndarray
from nn.layers.parameters import Operand, size, taken
from nn.module import Module

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "LayerNorm",
    "RMSNorm",
]


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
        check_eps(name, eps)
        if momentum is not None and not 0 <= momentum <= 1:
            raise ValueError(f"{name}: momentum={momentum}; give a number from 0 to 1, or None for a plain average")
        self.num_features = size(name, "num_features", num_features)
        self.eps, self.momentum, self.affine, self.track_running_stats = eps, momentum, affine, track_running_stats
        self.weight = Tensor(np.ones(self.num_features), True, dtype) if affine else None
        self.bias = Tensor(np.zeros(self.num_features), True, dtype) if affine else None
        self.register_buffer("running_mean", np.zeros(self.num_features, dtype) if track_running_stats else None)
        self.register_buffer("running_var", np.ones(self.num_features, dtype) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", 0 if track_running_stats else None)

    def forward(self, x: Operand) -> Tensor:
        """Normalise each channel, by the batch's statistics in training mode and by the running ones otherwise."""
        own = self.weight if self.weight is not None else self.running_mean
        values = x if own is None else taken(self, x, own.dtype)
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
        if by_batch:
            given, instead = f"{type(self).__name__}: an input", "put the model into evaluation mode: model.eval()"
            check_variance(given, shape, instead)
        return math.prod(shape) // self.num_features

    def _track(self, mean: Tensor | NDArray[Any], var: Tensor | NDArray[Any], count: int) -> None:
        """Move the running statistics towards a batch's; the variance is the unbiased one."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        new_mean, new_var = (v.data if isinstance(v, Tensor) else v for v in (mean, var))
        tracked = self.num_batches_tracked + 1
        share = 1 / as_number(tracked) if self.momentum is None else self.momentum
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


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes (N, C, D, H, W), over the batch, depth, height and width.

    Parameters, attributes and errors are those of `BatchNorm1d`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.BatchNorm3d(2)(np.random.default_rng(0).normal(size=(1, 2, 3, 3, 3))).shape
    (1, 2, 3, 3, 3)
    """

    _inputs: ClassVar[Mapping[int, str]] = {5: "(N, C, D, H, W)"}


class _InstanceNorm(_BatchNorm):
    """Normalisation of each channel of each sample."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if momentum is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise ValueError(f"{type(self).__name__}: momentum=None would never move the running statistics; give 0.1")
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype=dtype)

    def forward(self, x: Operand) -> Tensor:
        """Normalise each channel by its own statistics, or in evaluation mode by the running ones if there are any."""
        own = self.weight if self.weight is not None else self.running_mean
        values: Any = x if isinstance(x, Tensor) else as_ndarray(x)
        values = values if own is None else taken(self, x, own.dtype)
        shape = values.shape
        batch = values[None] if len(shape) == min(self._inputs) else values
        if len(shape) not in self._inputs or batch.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}: an input of shape {shape}; give {' or '.join(self._inputs.values())} with "
                f"C = {self.num_features}"
            )
        if self.running_mean is None or self.training:
            y = F.instance_norm(batch, weight=self.weight, bias=self.bias, eps=self.eps)
            self._track_instances(batch.data if isinstance(batch, Tensor) else batch)
        else:
            y, _, _ = F.batch_norm(batch, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return y.reshape(shape)

    def _track_instances(self, x: Any) -> None:
        """Move the running statistics towards the means of the samples' own; the count of batches stays, as there."""
        if self.running_mean is None or self.running_var is None:
            return
        axes, share = tuple(range(2, x.ndim)), self.momentum or 0.0
        self.running_mean = (1 - share) * self.running_mean + share * x.mean(axis=axes).mean(axis=0)
        self.running_var = (1 - share) * self.running_var + share * x.var(axis=axes, ddof=1).mean(axis=0)


class InstanceNorm1d(_InstanceNorm):
    """Normalisation of each channel of each sequence (N, C, L) or (C, L): (x - mean) / √(var + ε) · weight + bias.

    Mean and variance are those of each channel of each sample, in evaluation mode too unless there are running
    statistics.

    Parameters
    ----------
    num_features : int
        C, the number of channels.
    eps : float
        ε above.
    momentum : float
        What share a batch has in the running statistics.
    affine : bool
        Whether there are a weight and a bias.
    track_running_stats : bool
        Whether there are running statistics, which then serve in evaluation mode.
    dtype : dtype
        Of parameters and running statistics.

    Attributes
    ----------
    weight, bias : Tensor, shape (C,), or None
        Initially 1 and 0.
    running_mean, running_var : ndarray, shape (C,), or None
        Buffers, initially 0 and 1; the variance is the unbiased one.
    num_batches_tracked : ndarray of int64, shape (), or None
        A buffer that stays 0, for PyTorch's state dicts.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range. When called: if the input has another shape, is a Tensor of another dtype, or
        has less than two values for each channel of a sample.

    References
    ----------
    D. Ulyanov et al., "Instance normalization: the missing ingredient for fast stylization", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.InstanceNorm1d(2)(np.array([[[1.0, 3.0], [10.0, 30.0]]])).round(3)
    array([[[-1.,  1.],
            [-1.,  1.]]])
    """

    _inputs: ClassVar[Mapping[int, str]] = {2: "(C, L)", 3: "(N, C, L)"}


class InstanceNorm2d(_InstanceNorm):
    """Normalisation of each channel of each image (N, C, H, W) or (C, H, W), over height and width.

    Parameters, attributes and errors are those of `InstanceNorm1d`.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> y = nn.InstanceNorm2d(3)(np.random.default_rng(0).normal(5, 2, size=(8, 3, 4, 4)))
    >>> print(abs(y.mean(axis=(2, 3))).max() < 1e-6)
    True
    """

    _inputs: ClassVar[Mapping[int, str]] = {3: "(C, H, W)", 4: "(N, C, H, W)"}


class LayerNorm(Module):
    """Normalisation of each sample over its last axes: (x - mean) / √(var + ε) · weight + bias.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The lengths of these axes.
    eps : float
        ε above.
    elementwise_affine : bool
        Whether there are a weight and a bias.
    bias : bool
        Whether there is a bias, if there is a weight.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    weight, bias : Tensor, shape normalized_shape, or None
        Initially 1 and 0.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range. When called: if the last axes of the input have other lengths, or it is a Tensor
        of another dtype.

    References
    ----------
    J. L. Ba et al., "Layer normalization", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> print(nn.LayerNorm(2)(np.array([[1.0, 3.0], [10.0, 30.0]])).data.round(3).tolist())
    [[-1.0, 1.0], [-1.0, 1.0]]
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        check_eps("LayerNorm", eps)
        self.normalized_shape = lengths_of("LayerNorm", "normalized_shape", normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.weight = Tensor(np.ones(self.normalized_shape), True, dtype) if elementwise_affine else None
        self.bias = Tensor(np.zeros(self.normalized_shape), True, dtype) if elementwise_affine and bias else None

    def forward(self, x: Operand) -> Tensor:
        """Normalise an input of shape (..., *normalized_shape)."""
        values = x if self.weight is None else taken(self, x, self.weight.dtype)
        return F.layer_norm(values, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the lengths and the settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Division of each sample by its root mean square over the last axes: x / √(mean of x² + ε) · weight.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The lengths of these axes.
    eps : float, optional
        ε above; by default the machine's epsilon of the dtype of the input.
    elementwise_affine : bool
        Whether there is a weight.
    dtype : dtype
        Of the weight.

    Attributes
    ----------
    weight : Tensor, shape normalized_shape, or None
        Initially 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range. When called: if the last axes of the input have other lengths, or it is a Tensor
        of another dtype.

    References
    ----------
    B. Zhang, R. Sennrich, "Root mean square layer normalization", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> print(np.array2string(nn.RMSNorm(2)(np.array([[1.0, 7.0]])).data, precision=3))
    [[0.2 1.4]]
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if eps is not None:
            check_eps("RMSNorm", eps)
        self.normalized_shape = lengths_of("RMSNorm", "normalized_shape", normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.weight = Tensor(np.ones(self.normalized_shape), True, dtype) if elementwise_affine else None

    def forward(self, x: Operand) -> Tensor:
        """Normalise an input of shape (..., *normalized_shape)."""
        values = x if self.weight is None else taken(self, x, self.weight.dtype)
        return F.rms_norm(values, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Return the lengths and the settings."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """Normalisation of each sample (N, C, ...) over groups of its channels: (x - mean) / √(var + ε) · weight + bias.

    Parameters
    ----------
    num_groups : int
        Into how many groups the channels are parted; it divides their number.
    num_channels : int
        C, the number of channels.
    eps : float
        ε above.
    affine : bool
        Whether there are a weight and a bias.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    weight, bias : Tensor, shape (C,), or None
        Initially 1 and 0.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the groups do not come out even. When called: if the input has other
        channels, is a Tensor of another dtype, or has less than two values in a group.

    References
    ----------
    Y. Wu, K. He, "Group normalization", ECCV 2018.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> print(nn.GroupNorm(2, 4)(np.array([[1.0, 3.0, 10.0, 30.0]])).data.round(3).tolist())
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        check_eps("GroupNorm", eps)
        self.num_groups = size("GroupNorm", "num_groups", num_groups)
        self.num_channels = size("GroupNorm", "num_channels", num_channels)
        if self.num_channels % self.num_groups:
            raise ValueError(f"GroupNorm: num_groups={num_groups} does not divide num_channels={num_channels}")
        self.eps, self.affine = eps, affine
        self.weight = Tensor(np.ones(self.num_channels), True, dtype) if affine else None
        self.bias = Tensor(np.zeros(self.num_channels), True, dtype) if affine else None

    def forward(self, x: Operand) -> Tensor:
        """Normalise an input of shape (N, C) or (N, C, ...)."""
        values = x if self.weight is None else taken(self, x, self.weight.dtype)
        shape = np.shape(values)
        if len(shape) < 2 or shape[1] != self.num_channels:
            raise ValueError(f"GroupNorm: an input of shape {shape}; give (N, C, ...) with C = {self.num_channels}")
        return F.group_norm(values, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the sizes and the settings."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
