"""Hypothesis strategies that draw networks with their data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_np import Tensor, no_grad
from nn import functional as F
from nn.layers import (
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
)
from nn.module import Module

try:
    from hypothesis import strategies as st
except ModuleNotFoundError as error:
    raise ImportError(
        "nn.testing needs the package hypothesis, which is not installed: pip install hypothesis"
    ) from error

__all__ = ["CNN", "MLP", "cnns", "mlps"]

_ACTIVATIONS = {"ReLU": ReLU, "Sigmoid": Sigmoid, "Tanh": Tanh}


class _Network:
    """A classifier with a batch of examples: described by its fields, and made of them on first use."""

    examples: int
    dtype: str
    seed: int

    @cached_property
    def model(self) -> Sequential:
        """The network, in training mode."""
        return Sequential(*self._layers(np.random.default_rng(self.seed)))

    @cached_property
    def x(self) -> NDArray[Any]:
        """The examples: standard normal numbers."""
        return np.random.default_rng((self.seed, 1)).normal(size=(self.examples, *self._shape())).astype(self.dtype)

    @cached_property
    def y(self) -> NDArray[np.intp]:
        """The labels, (N,)."""
        return np.random.default_rng((self.seed, 2)).integers(self._classes(), size=self.examples)

    def loss(self) -> Tensor:
        """Return the mean cross-entropy of the network on its examples."""
        return F.cross_entropy(self.model(self.x), self.y)

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the parameters of the model, so that gradient checks differentiate by them."""
        return self.model.named_parameters()

    def _layers(self, rng: np.random.Generator) -> list[Module]:
        raise NotImplementedError

    def _shape(self) -> tuple[int, ...]:
        raise NotImplementedError

    def _classes(self) -> int:
        raise NotImplementedError


@dataclass(frozen=True)
class MLP(_Network):
    """A multilayer perceptron with a batch of examples.

    Attributes
    ----------
    sizes : tuple of int
        Features, units of each hidden layer, classes.
    activation : {"ReLU", "Sigmoid", "Tanh"}
        After each hidden layer.
    batch_norm : bool
        Whether each hidden layer is normalised.
    dropout : float
        The probability to drop a hidden unit; the mask is the same in each copy of the network.
    examples : int
        In the batch.
    dtype : str
        Of parameters and examples.
    seed : int
        Of the parameters, the examples and the masks.
    model, x, y
        The network, and its examples and labels, of shapes (N, features) and (N,).
    """

    sizes: tuple[int, ...]
    activation: str = "ReLU"
    batch_norm: bool = False
    dropout: float = 0.0
    examples: int = 2
    dtype: str = "float64"
    seed: int = 0

    def _layers(self, rng: np.random.Generator) -> list[Module]:
        layers: list[Module] = []
        for fan_in, fan_out in pairwise(self.sizes[:-1]):
            layers.append(Linear(fan_in, fan_out, dtype=self.dtype, rng=rng))
            if self.batch_norm:
                layers.append(BatchNorm1d(fan_out, dtype=self.dtype))
            layers.append(_ACTIVATIONS[self.activation]())
            if self.dropout:
                layers.append(Dropout(self.dropout, rng=rng))
        return [*layers, Linear(self.sizes[-2], self.sizes[-1], dtype=self.dtype, rng=rng)]

    def _shape(self) -> tuple[int, ...]:
        return self.sizes[:1]

    def _classes(self) -> int:
        return self.sizes[-1]


@dataclass(frozen=True)
class CNN(_Network):
    """A convolutional network with a batch of images: convolution, activation, maximum pooling, a linear layer.

    Attributes
    ----------
    image : tuple of int
        Channels, height and width.
    filters : int
        Of the convolution.
    kernel, stride, padding : tuple of int
        Of the convolution.
    pool : tuple of int
        The windows of the pooling.
    classes : int
        That are told apart.
    activation : {"ReLU", "Sigmoid", "Tanh"}
        After the convolution.
    batch_norm : bool
        Whether the convolution is normalised.
    examples : int
        In the batch.
    dtype : str
        Of parameters and images.
    seed : int
        Of the parameters and the images.
    model, x, y
        The network, and its images and labels, of shapes (N, C, H, W) and (N,).
    """

    image: tuple[int, int, int]
    filters: int = 1
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    pool: tuple[int, int] = (1, 1)
    classes: int = 2
    activation: str = "ReLU"
    batch_norm: bool = False
    examples: int = 2
    dtype: str = "float64"
    seed: int = 0

    def _layers(self, rng: np.random.Generator) -> list[Module]:
        channels, *image = self.image
        sides = zip(image, self.kernel, self.stride, self.padding, self.pool, strict=True)
        flat = self.filters
        for length, kernel, stride, padding, pool in sides:
            flat *= ((length + 2 * padding - kernel) // stride + 1) // pool
        convolution = Conv2d(channels, self.filters, self.kernel, self.stride, self.padding, dtype=self.dtype, rng=rng)
        normalisation = [BatchNorm2d(self.filters, dtype=self.dtype)] if self.batch_norm else []
        activation = _ACTIVATIONS[self.activation]()
        linear = Linear(flat, self.classes, dtype=self.dtype, rng=rng)
        return [convolution, *normalisation, activation, MaxPool2d(self.pool), Flatten(), linear]

    def _shape(self) -> tuple[int, ...]:
        return self.image

    def _classes(self) -> int:
        return self.classes


_dtypes = st.sampled_from(["float64", "float32"])
_seeds = st.integers(0, 2**16)


def mlps(max_hidden: int = 2, dtype: str | None = None) -> st.SearchStrategy[MLP]:
    """Draw multilayer perceptrons with their data.

    The examples differ by enough in every unit that is normalised for float32 to tell them apart.

    Parameters
    ----------
    max_hidden : int
        The largest number of hidden layers.
    dtype : {"float64", "float32"}, optional
        Of parameters and examples; by default both are drawn.

    Returns
    -------
    strategy of MLP
        Gradient checks take one for a module: they differentiate by its parameters. Its representation is code.

    Examples
    --------
    >>> from hypothesis import settings
    >>> from autograd_np.testing import gradient_property
    >>> from nn.testing import mlps
    >>> @gradient_property(mlps(), order=1, settings=settings(max_examples=5))
    ... def test_backpropagation(network):
    ...     return network.loss()
    >>> test_backpropagation()
    """
    sizes = st.tuples(st.integers(1, 4), st.lists(st.integers(1, 4), max_size=max_hidden), st.integers(1, 4)).map(
        lambda size: (size[0], *size[1], size[2])
    )
    return st.builds(
        MLP,
        sizes=sizes,
        activation=st.sampled_from(list(_ACTIVATIONS)),
        batch_norm=st.booleans(),
        dropout=st.sampled_from([0.0, 0.5]),
        examples=st.integers(2, 5),
        dtype=_dtypes if dtype is None else st.just(dtype),
        seed=_seeds,
    ).filter(_keeps_its_digits)


def _keeps_its_digits(network: MLP | CNN) -> bool:
    """Tell whether no normalisation blows up differences between examples that float32 can hardly tell."""
    copy = replace(network)
    x: Any = copy.x
    with no_grad():
        for layer in copy.model:
            normalised = isinstance(layer, BatchNorm1d | BatchNorm2d)
            var = x.var(axis=(0, *range(2, x.ndim))) if normalised else 1
            if np.any((var > 0) & (var < 1e-3)):
                return False
            x = np.asarray(layer(x))
    return True


def cnns(dtype: str | None = None) -> st.SearchStrategy[CNN]:
    """Draw convolutional networks with their data.

    Parameters
    ----------
    dtype : {"float64", "float32"}, optional
        Of parameters and images; by default both are drawn.

    Returns
    -------
    strategy of CNN
        Gradient checks take one for a module: they differentiate by its parameters. Its representation is code.

    Examples
    --------
    >>> from hypothesis import settings
    >>> from autograd_np.testing import gradient_property
    >>> from nn.testing import cnns
    >>> @gradient_property(cnns(), order=1, settings=settings(max_examples=5))
    ... def test_backpropagation(network):
    ...     return network.loss()
    >>> test_backpropagation()
    """

    @st.composite
    def draw_cnn(draw: st.DrawFn) -> CNN:
        kernel, stride, pool = (draw(_pairs(1, 3)), draw(_pairs(1, 2)), draw(_pairs(1, 2)))
        padding = draw(_pairs(0, 1))
        # As large as it takes for one pooling window, and a little larger.
        sides = [
            max(1, (p - 1) * s + k - 2 * margin) + draw(st.integers(0, 2))
            for k, s, p, margin in zip(kernel, stride, pool, padding, strict=True)
        ]
        return CNN(
            image=(draw(st.integers(1, 2)), sides[0], sides[1]),
            filters=draw(st.integers(1, 3)),
            kernel=kernel,
            stride=stride,
            padding=padding,
            pool=pool,
            classes=draw(st.integers(1, 4)),
            activation=draw(st.sampled_from(list(_ACTIVATIONS))),
            batch_norm=draw(st.booleans()),
            examples=draw(st.integers(2, 3)),
            dtype=draw(_dtypes) if dtype is None else dtype,
            seed=draw(_seeds),
        )

    return draw_cnn().filter(_keeps_its_digits)


def _pairs(least: int, most: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(least, most), st.integers(least, most))
