"""The neural operations as functions; they are `autograd_np.neural`'s, under the name that PyTorch's users look for."""

from autograd_np.neural import (
    batch_norm,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    conv2d,
    cross_entropy,
    dropout,
    flatten,
    l1_loss,
    linear,
    log_softmax,
    logsumexp,
    max_pool2d,
    mse_loss,
    relu,
    sigmoid,
    softmax,
)

__all__ = [
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "cross_entropy",
    "dropout",
    "flatten",
    "l1_loss",
    "linear",
    "log_softmax",
    "logsumexp",
    "max_pool2d",
    "mse_loss",
    "relu",
    "sigmoid",
    "softmax",
]
