"""Dropout as a module."""

from __future__ import annotations

import numpy as np

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.neural.arguments import check_p
from nn.init import RNG
from nn.layers.parameters import Operand
from nn.module import Module

__all__ = ["Dropout"]


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
        check_p("Dropout", p)
        self.p = p
        self.rng = np.random.default_rng(rng)

    def forward(self, x: Operand) -> Tensor:
        """Drop elements in training mode; return the input as it is in evaluation mode."""
        return F.dropout(x, p=self.p, training=self.training, rng=self.rng)

    def extra_repr(self) -> str:
        """Return the probability."""
        return f"p={self.p}"
