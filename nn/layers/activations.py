"""Activations as modules.

Where PyTorch's take `inplace`, these do, too, by name and by position. It changes nothing: every module returns a new
tensor.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.neural.arguments import number
from nn.layers.parameters import Operand, flag, size, taken
from nn.module import Module

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "Identity",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


class _Activation(Module):
    """What activations with settings share: their text."""

    _settings: ClassVar[tuple[str, ...]]  # attributes that the text names
    inplace: bool = False

    def extra_repr(self) -> str:
        """Return the settings, and `inplace` where it was asked for."""
        shown = [f"{name}={getattr(self, name)!r}" for name in self._settings]
        return ", ".join([*shown, "inplace=True"] if self.inplace else shown)


class ReLU(_Activation):
    """The rectifier: max(0, x).

    Parameters
    ----------
    inplace : bool
        In PyTorch's place, and without effect: the module returns a new tensor.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.ReLU()(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    _settings: ClassVar[tuple[str, ...]] = ()

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = flag("ReLU", "inplace", inplace)

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
        return F.tanh(x)


class LeakyReLU(_Activation):
    """The rectifier with a slope below 0, too: x, or `negative_slope` x.

    Parameters
    ----------
    negative_slope : float
        The slope below 0, and at it.
    inplace : bool
        In PyTorch's place, and without effect: the module returns a new tensor.

    Raises
    ------
    TypeError, ValueError
        If a setting is no finite number.

    References
    ----------
    A. L. Maas et al., "Rectifier nonlinearities improve neural network acoustic models", ICML 2013.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.LeakyReLU(0.25)(np.array([-1.0, 2.0]))
    array([-0.25,  2.  ])
    """

    _settings: ClassVar[tuple[str, ...]] = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        number("LeakyReLU", "negative_slope", negative_slope)
        self.negative_slope = negative_slope
        self.inplace = flag("LeakyReLU", "inplace", inplace)

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.leaky_relu(x, self.negative_slope)


class PReLU(Module):
    """The rectifier with a slope below 0 that is learnt, of each channel (axis 1) or of all.

    Parameters
    ----------
    num_parameters : int
        The number of channels, C, or 1.
    init : float
        The slope at first.
    dtype : dtype
        Of the slopes.

    Attributes
    ----------
    weight : Tensor, shape (num_parameters,)
        The slopes.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range. When called: if the input has not as many channels, or is a Tensor of another
        dtype.

    References
    ----------
    K. He et al., "Delving deep into rectifiers", ICCV 2015.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> print(nn.PReLU()(np.array([-1.0, 2.0])).data)
    [-0.25  2.  ]
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, dtype: DTypeLike = np.float32) -> None:
        self.num_parameters = size("PReLU", "num_parameters", num_parameters)
        self.init = number("PReLU", "init", init)
        self.weight = Tensor(np.full(self.num_parameters, self.init), True, dtype)

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.prelu(taken(self, x, self.weight.dtype), self.weight)

    def extra_repr(self) -> str:
        """Return the number of slopes."""
        return f"num_parameters={self.num_parameters}"


class ELU(_Activation):
    """The exponential linear unit: x where it is positive, else alpha (exp(x) - 1).

    Parameters
    ----------
    alpha : float
        The limit below, but for its sign.
    inplace : bool
        In PyTorch's place, and without effect: the module returns a new tensor.

    Raises
    ------
    TypeError, ValueError
        If a setting is no finite number.

    References
    ----------
    D.-A. Clevert et al., "Fast and accurate deep network learning by exponential linear units", ICLR 2016.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.ELU(0.5)(np.array([-1000.0, 2.0]))
    array([-0.5,  2. ])
    """

    _settings: ClassVar[tuple[str, ...]] = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        number("ELU", "alpha", alpha)
        self.alpha = alpha
        self.inplace = flag("ELU", "inplace", inplace)

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.elu(x, self.alpha)


class CELU(_Activation):
    """The exponential linear unit without a kink: x where it is positive, else alpha (exp(x / alpha) - 1).

    Parameters
    ----------
    alpha : float
        The limit below, but for its sign; positive.
    inplace : bool
        In PyTorch's place, and without effect: the module returns a new tensor.

    Raises
    ------
    TypeError, ValueError
        If a setting is no finite number.

    References
    ----------
    J. T. Barron, "Continuously differentiable exponential linear units", 2017.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.CELU(0.5)(np.array([-1000.0, 2.0]))
    array([-0.5,  2. ])
    """

    _settings: ClassVar[tuple[str, ...]] = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        number("CELU", "alpha", alpha, positive=True)
        self.alpha = alpha
        self.inplace = flag("CELU", "inplace", inplace)

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.celu(x, self.alpha)


class SELU(_Activation):
    """The exponential linear unit that keeps mean 0 and variance 1, as `functional.selu`.

    Parameters
    ----------
    inplace : bool
        In PyTorch's place, and without effect: the module returns a new tensor.

    References
    ----------
    G. Klambauer et al., "Self-normalizing neural networks", NIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.SELU()(np.array([-1000.0, 1.0])).round(4)
    array([-1.7581,  1.0507])
    """

    _settings: ClassVar[tuple[str, ...]] = ()

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = flag("SELU", "inplace", inplace)

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.selu(x)


class GELU(_Activation):
    """The Gaussian error linear unit: x Φ(x), with the normal distribution's Φ.

    Parameters
    ----------
    approximate : {"none", "tanh"}
        With "tanh", a formula with a hyperbolic tangent takes the place of Φ.

    Raises
    ------
    TypeError, ValueError
        If the approximation is another one.

    References
    ----------
    D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.GELU()(np.array([-1000.0, 0.0, 1.0])).round(4)
    array([-0.    ,  0.    ,  0.8413])
    """

    _settings: ClassVar[tuple[str, ...]] = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        F.gelu(0.0, approximate=approximate)  # refuses what is unknown
        self.approximate = approximate

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.gelu(x, approximate=self.approximate)


class SiLU(_Activation):
    """The sigmoid linear unit, also called swish: x sigmoid(x).

    Parameters
    ----------
    inplace : bool
        In PyTorch's place, and without effect: the module returns a new tensor.

    References
    ----------
    S. Elfwing et al., "Sigmoid-weighted linear units for neural network function approximation", 2018.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.SiLU()(np.array([-1000.0, 0.0, 1.0])).round(4)
    array([-0.    ,  0.    ,  0.7311])
    """

    _settings: ClassVar[tuple[str, ...]] = ()

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = flag("SiLU", "inplace", inplace)

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.silu(x)


class Mish(_Activation):
    """x tanh(softplus(x)).

    Parameters
    ----------
    inplace : bool
        In PyTorch's place, and without effect: the module returns a new tensor.

    References
    ----------
    D. Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Mish()(np.array([-1000.0, 0.0, 1.0])).round(4)
    array([-0.    ,  0.    ,  0.8651])
    """

    _settings: ClassVar[tuple[str, ...]] = ()

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = flag("Mish", "inplace", inplace)

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.mish(x)


class Softplus(_Activation):
    """log(1 + exp(beta x)) / beta: a smooth rectifier.

    Parameters
    ----------
    beta : float
        How sharply it bends; positive.
    threshold : float
        Where beta x is above it, x itself is returned.

    Raises
    ------
    TypeError, ValueError
        If a setting is no finite number.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Softplus()(np.array([-1000.0, 0.0, 1000.0])).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+03])
    """

    _settings: ClassVar[tuple[str, ...]] = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        number("Softplus", "beta", beta, positive=True)
        number("Softplus", "threshold", threshold)
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.softplus(x, self.beta, self.threshold)


class Hardtanh(_Activation):
    """x, but no less than `min_val` and no more than `max_val`.

    Parameters
    ----------
    min_val : float
        The lower bound.
    max_val : float
        The upper bound.
    inplace : bool
        In PyTorch's place, and without effect: the module returns a new tensor.

    Raises
    ------
    TypeError, ValueError
        If a bound is no finite number, or the lower one is above the upper one.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Hardtanh()(np.array([-3.0, 0.5, 3.0]))
    array([-1. ,  0.5,  1. ])
    """

    _settings: ClassVar[tuple[str, ...]] = ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        F.hardtanh(0.0, min_val, max_val)  # refuses bounds that are none
        self.min_val, self.max_val = min_val, max_val
        self.inplace = flag("Hardtanh", "inplace", inplace)

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.hardtanh(x, self.min_val, self.max_val)


class ReLU6(_Activation):
    """The rectifier with the upper bound 6.

    Parameters
    ----------
    inplace : bool
        In PyTorch's place, and without effect: the module returns a new tensor.

    References
    ----------
    A. Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.ReLU6()(np.array([-3.0, 0.5, 7.0]))
    array([0. , 0.5, 6. ])
    """

    _settings: ClassVar[tuple[str, ...]] = ()

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = flag("ReLU6", "inplace", inplace)

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.relu6(x)


class Hardsigmoid(_Activation):
    """A straight logistic function: relu6(x + 3) / 6.

    Parameters
    ----------
    inplace : bool
        In PyTorch's place, and without effect: the module returns a new tensor.

    References
    ----------
    A. Howard et al., "Searching for MobileNetV3", ICCV 2019.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Hardsigmoid()(np.array([-3.0, 0.0, 3.0]))
    array([0. , 0.5, 1. ])
    """

    _settings: ClassVar[tuple[str, ...]] = ()

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = flag("Hardsigmoid", "inplace", inplace)

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.hardsigmoid(x)


class Hardswish(_Activation):
    """x hardsigmoid(x).

    Parameters
    ----------
    inplace : bool
        In PyTorch's place, and without effect: the module returns a new tensor.

    References
    ----------
    A. Howard et al., "Searching for MobileNetV3", ICCV 2019.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Hardswish()(np.array([-4.0, 0.0, 4.0]))
    array([-0.,  0.,  4.])
    """

    _settings: ClassVar[tuple[str, ...]] = ()

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = flag("Hardswish", "inplace", inplace)

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.hardswish(x)


class LogSigmoid(Module):
    """log(sigmoid(x)), without overflow.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.LogSigmoid()(np.array([-1000.0, 1000.0]))
    array([-1000.,    -0.])
    """

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.logsigmoid(x)


class Softsign(Module):
    """x / (1 + |x|).

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Softsign()(np.array([-3.0, 1.0]))
    array([-0.75,  0.5 ])
    """

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.softsign(x)


class Tanhshrink(Module):
    """x - tanh(x).

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Tanhshrink()(np.array([-1000.0, 0.0]))
    array([-999.,    0.])
    """

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.tanhshrink(x)


class Threshold(_Activation):
    """x where it is above a threshold, and a constant elsewhere.

    Parameters
    ----------
    threshold : float
        Where it begins.
    value : float
        What stands in the other places.
    inplace : bool
        In PyTorch's place, and without effect: the module returns a new tensor.

    Raises
    ------
    TypeError, ValueError
        If a setting is no finite number.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Threshold(1, -7)(np.array([0.5, 1.0, 2.0]))
    array([-7., -7.,  2.])
    """

    _settings: ClassVar[tuple[str, ...]] = ("threshold", "value")

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        number("Threshold", "threshold", threshold)
        number("Threshold", "value", value)
        self.threshold, self.value = threshold, value
        self.inplace = flag("Threshold", "inplace", inplace)

    def forward(self, x: Operand) -> Tensor:
        """Apply it to each element."""
        return F.threshold(x, self.threshold, self.value)


class GLU(_Activation):
    """The gated linear unit: a sigmoid(b), where a and b are the halves of the input along an axis.

    Parameters
    ----------
    dim : int
        The axis, of even length.

    Raises
    ------
    TypeError, ValueError
        When called: if the axis has no halves.

    References
    ----------
    Y. N. Dauphin et al., "Language modeling with gated convolutional networks", ICML 2017.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.GLU()(np.array([3.0, 4.0, 0.0, 1000.0]))
    array([1.5, 4. ])
    """

    _settings: ClassVar[tuple[str, ...]] = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Operand) -> Tensor:
        """Apply it along the axis."""
        return F.glu(x, self.dim)


class Softmax(_Activation):
    """Softmax along an axis: exp(x) over its sum.

    `CrossEntropyLoss` takes logits and applies it itself.

    Parameters
    ----------
    dim : int
        The axis along which the output adds up to 1.

    Raises
    ------
    TypeError, ValueError
        When called: if there is no such axis.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Softmax()(np.zeros((1, 4)))
    array([[0.25, 0.25, 0.25, 0.25]])
    """

    _settings: ClassVar[tuple[str, ...]] = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Operand) -> Tensor:
        """Apply it along the axis."""
        return F.softmax(x, axis=self.dim)


class Softmin(_Activation):
    """Softmin along an axis: exp(-x) over its sum.

    Parameters
    ----------
    dim : int
        The axis along which the output adds up to 1.

    Raises
    ------
    TypeError, ValueError
        When called: if there is no such axis.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Softmin()(np.array([[1000.0, 0.0]]))
    array([[0., 1.]])
    """

    _settings: ClassVar[tuple[str, ...]] = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Operand) -> Tensor:
        """Apply it along the axis."""
        return F.softmin(x, self.dim)


class LogSoftmax(_Activation):
    """The logarithm of the softmax along an axis.

    `CrossEntropyLoss` takes logits and applies it itself.

    Parameters
    ----------
    dim : int
        The axis along which the softmax adds up to 1.

    Raises
    ------
    TypeError, ValueError
        When called: if there is no such axis.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.LogSoftmax()(np.array([[1000.0, 0.0]]))
    array([[    0., -1000.]])
    """

    _settings: ClassVar[tuple[str, ...]] = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Operand) -> Tensor:
        """Apply it along the axis."""
        return F.log_softmax(x, axis=self.dim)


class Softmax2d(Module):
    """Softmax over the channels of each cell of an image (N, C, H, W) or (C, H, W).

    Raises
    ------
    ValueError
        When called: if the input has other axes.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Softmax2d()(np.zeros((2, 1, 2)))
    array([[[0.5, 0.5]],
    <BLANKLINE>
           [[0.5, 0.5]]])
    """

    def forward(self, x: Operand) -> Tensor:
        """Apply it along the channels."""
        if np.ndim(x) not in (3, 4):
            raise ValueError(f"Softmax2d: an input of shape {np.shape(x)}; give (N, C, H, W) or (C, H, W)")
        return F.softmax(x, axis=-3)


class Identity(Module):
    """A module that returns its input, to stand in another one's place; it takes any arguments and needs none.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.Identity()(np.array([1.0]))
    array([1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def forward(self, x: Any) -> Any:
        """Return the input."""
        return x
