"""The neural operations as functions; they are `autograd_np.neural`'s, under the name that PyTorch's users look for."""

import sys
from typing import TYPE_CHECKING, NoReturn

from autograd_np import neural
from autograd_np.hints import both_keywords, refuse
from autograd_np.neural import (
    batch_norm,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    conv2d,
    cross_entropy,
    dropout,
    embedding,
    flatten,
    group_norm,
    instance_norm,
    l1_loss,
    layer_norm,
    linear,
    max_pool2d,
    mse_loss,
    relu,
    rms_norm,
    sigmoid,
)

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

# Of these, axes have NumPy's name, and PyTorch's as well.
log_softmax = both_keywords(neural.log_softmax)
logsumexp = both_keywords(neural.logsumexp)
softmax = both_keywords(neural.softmax)

if not TYPE_CHECKING:  # which would take every name for known

    def __getattr__(name: str) -> NoReturn:
        refuse(sys.modules[__name__], name, "nn.functional")
