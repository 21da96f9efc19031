"""Embedding as a module."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.neural.arguments import check_max_norm, padding_row
from nn import init
from nn.init import RNG
from nn.layers.parameters import Operand, size
from nn.module import Module
from nn.parameter import as_parameter

__all__ = ["Embedding"]


class Embedding(Module):
    """A table of vectors, looked up by their numbers.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        V, the number of vectors, and D, their length.
    padding_idx : int, optional
        A vector that is 0 at first and gets no gradient; negative ones count from the end.
    max_norm : None
        Not supported, but in PyTorch's place.
    dtype : dtype
        Of the table.
    rng : numpy.random.Generator, int or None
        Where the initial values come from.

    Attributes
    ----------
    weight : Tensor, shape (V, D)
        Initially normal, with mean 0 and variance 1.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive integer, `padding_idx` names no vector, or `max_norm` is given. When called: if the
        input holds anything but integers from 0 to V - 1.

    Examples
    --------
    >>> import nn
    >>> nn.Embedding(10, 3, rng=0)([[1, 2], [4, 5]]).shape
    (2, 2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: None = None,
        *,
        dtype: DTypeLike = np.float32,
        rng: RNG = None,
    ) -> None:
        check_max_norm("Embedding", max_norm)
        shape = size("Embedding", "num_embeddings", num_embeddings), size("Embedding", "embedding_dim", embedding_dim)
        self._hold(init.normal_(Tensor(np.zeros(shape), requires_grad=True, dtype=dtype), rng=rng), padding_idx)
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0

    @classmethod
    def from_pretrained(cls, embeddings: ArrayLike, freeze: bool = True, padding_idx: int | None = None) -> Self:
        """Make a layer of a table that is there already.

        Parameters
        ----------
        embeddings : array_like, shape (V, D)
            Floating-point numbers. They are copied and keep their dtype.
        freeze : bool
            Whether they are to stay as they are.
        padding_idx : int, optional
            A vector that gets no gradient.

        Raises
        ------
        TypeError
            If they are not floating-point numbers.
        ValueError
            If they are no matrix, or `padding_idx` names no vector.

        Examples
        --------
        >>> import nn
        >>> nn.Embedding.from_pretrained([[1.0, 2.0], [3.0, 4.0]])([1])
        Tensor([[3., 4.]])
        """
        weight = Tensor(embeddings)
        if weight.dtype.kind != "f":
            raise TypeError(
                f"Embedding.from_pretrained: embeddings of dtype {weight.dtype}; give floating-point numbers"
            )
        if weight.ndim != 2 or 0 in weight.shape:
            raise ValueError(f"Embedding.from_pretrained: embeddings of shape {weight.shape}; give a table (V, D)")
        weight.requires_grad = not freeze
        as_parameter(weight)
        layer = cls.__new__(cls)
        layer._hold(weight, padding_idx)
        return layer

    def _hold(self, weight: Tensor, padding_idx: int | None) -> None:
        self.num_embeddings, self.embedding_dim = weight.shape
        self.padding_idx = None if padding_idx is None else padding_row("Embedding", padding_idx, len(weight))
        self.weight = weight

    def forward(self, x: Operand) -> Tensor:
        """Look up integers of shape (...); the output has shape (..., D)."""
        return F.embedding(x, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """Return the sizes, and the number of what stands for padding."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
