"""The neural operations as functions; they are `autograd_np.neural`'s, under the name that PyTorch's users look for."""

import sys
from typing import TYPE_CHECKING, NoReturn

from autograd_np import neural
from autograd_np.hints import both_keywords, refuse
from autograd_np.neural import (
    alpha_dropout,
    batch_norm,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    celu,
    conv2d,
    cross_entropy,
    dropout,
    dropout1d,
    dropout2d,
    elu,
    embedding,
    flatten,
    gelu,
    glu,
    group_norm,
    hardsigmoid,
    hardswish,
    hardtanh,
    instance_norm,
    l1_loss,
    layer_norm,
    leaky_relu,
    linear,
    logsigmoid,
    max_pool2d,
    mish,
    mse_loss,
    prelu,
    relu,
    relu6,
    rms_norm,
    selu,
    scaled_dot_product_attention,
    sigmoid,
    silu,
    softmin,
    softplus,
    softsign,
    tanh,
    tanhshrink,
    threshold,
)

__all__ = [
    "alpha_dropout",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "conv2d",
    "cross_entropy",
    "dropout",
    "dropout1d",
    "dropout2d",
    "elu",
    "embedding",
    "flatten",
    "gelu",
    "glu",
    "group_norm",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "instance_norm",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "logsumexp",
    "max_pool2d",
    "mish",
    "mse_loss",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "selu",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
]

# Of these, axes have NumPy's name, and PyTorch's as well.
log_softmax = both_keywords(neural.log_softmax)
logsumexp = both_keywords(neural.logsumexp)
softmax = both_keywords(neural.softmax)

if not TYPE_CHECKING:  # which would take every name for known

    def __getattr__(name: str) -> NoReturn:
        refuse(sys.modules[__name__], name, "nn.functional")
