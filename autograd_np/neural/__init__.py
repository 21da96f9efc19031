"""The operations of neural networks, as recorded functions: activations, losses, layers.

They take tensors and whatever NumPy makes arrays of. The result is a Tensor if an argument is one, else a plain array,
as with NumPy's own functions; type hints name the Tensor alone.
"""

from autograd_np.neural.activations import log_softmax, logsumexp, relu, sigmoid, softmax
from autograd_np.neural.convolution import conv2d
from autograd_np.neural.layers import dropout, flatten, linear
from autograd_np.neural.lookup import embedding
from autograd_np.neural.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    mse_loss,
)
from autograd_np.neural.normalisation import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from autograd_np.neural.pooling import max_pool2d

__all__ = [
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "cross_entropy",
    "dropout",
    "embedding",
    "flatten",
    "group_norm",
    "instance_norm",
    "l1_loss",
    "layer_norm",
    "linear",
    "log_softmax",
    "logsumexp",
    "max_pool2d",
    "mse_loss",
    "relu",
    "rms_norm",
    "sigmoid",
    "softmax",
]
