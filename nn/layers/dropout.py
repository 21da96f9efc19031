"""Dropout as a module."""

from __future__ import annotations

import numpy as np

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.neural.arguments import check_p
from nn.init import RNG
from nn.layers.parameters import Operand, flag
from nn.module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d"]


class Dropout(Module):
    """In training mode, set each element to zero with probability p and divide the others by 1 - p.

    Parameters
    ----------
    p : float
        The probability of dropping, in [0, 1].
    inplace : bool
        In PyTorch's place, and without effect: the module returns a new tensor.
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

    def __init__(self, p: float = 0.5, inplace: bool = False, *, rng: RNG = None) -> None:
        name = type(self).__name__
        check_p(name, p)
        self.p, self.inplace = p, flag(name, "inplace", inplace)
        self.rng = np.random.default_rng(rng)

    def forward(self, x: Operand) -> Tensor:
        """Drop elements in training mode; return the input as it is in evaluation mode."""
        return F.dropout(x, p=self.p, training=self.training, rng=self.rng)

    def extra_repr(self) -> str:
        """Return the probability, and `inplace`."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """In training mode, set each channel of sequences (N, C, L) or (C, L) to zero with probability p, as `Dropout`.

    Parameters and errors are those of `Dropout`, and inputs of another shape are refused.

    References
    ----------
    J. Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Dropout1d(0.5, rng=1)(np.ones((3, 2)))
    array([[0., 0.],
           [2., 2.],
           [2., 2.]])
    """

    def forward(self, x: Operand) -> Tensor:
        """Drop channels in training mode; return the input as it is in evaluation mode."""
        return F.dropout1d(x, p=self.p, training=self.training, rng=self.rng)


class Dropout2d(Dropout):
    """In training mode, set each channel of images (N, C, H, W) to zero with probability p, as `Dropout`.

    Parameters and errors are those of `Dropout`, and inputs of another shape are refused.

    References
    ----------
    J. Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Dropout2d(0.5, rng=1)(np.ones((1, 3, 1, 2)))[0, :, 0]
    array([[0., 0.],
           [2., 2.],
           [2., 2.]])
    """

    def forward(self, x: Operand) -> Tensor:
        """Drop channels in training mode; return the input as it is in evaluation mode."""
        return F.dropout2d(x, p=self.p, training=self.training, rng=self.rng)


class AlphaDropout(Dropout):
    """In training mode, set each element to the least value of SELU with probability p, and keep mean 0 and variance 1.

    Parameters and errors are those of `Dropout`.

    References
    ----------
    G. Klambauer et al., "Self-normalizing neural networks", NIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.AlphaDropout(0.5, rng=0)(np.zeros(4)).round(4)
    array([ 0.7792,  0.7792,  0.7792, -0.7792])
    """

    def forward(self, x: Operand) -> Tensor:
        """Drop elements in training mode; return the input as it is in evaluation mode."""
        return F.alpha_dropout(x, p=self.p, training=self.training, rng=self.rng)
