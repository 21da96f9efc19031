"""Batch normalisation as modules, with running statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.capture import as_number
from autograd_np.neural.arguments import check_eps, check_variance
from nn.layers.parameters import Operand, size, taken
from nn.module import Module

__all__ = ["BatchNorm1d", "BatchNorm2d"]


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
