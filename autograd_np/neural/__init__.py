"""The operations of neural networks, as recorded functions: activations, losses, layers.

They take tensors and whatever NumPy makes arrays of. The result is a Tensor if an argument is one, else a plain array,
as with NumPy's own functions; type hints name the Tensor alone.
"""

from autograd_np.neural.activations import log_softmax, logsumexp, relu, sigmoid, softmax
from autograd_np.neural.attention import scaled_dot_product_attention
from autograd_np.neural.convolution import conv2d
from autograd_np.neural.gates import gelu, glu, logsigmoid, mish, silu, softmin, softplus, softsign, tanh, tanhshrink
from autograd_np.neural.layers import alpha_dropout, dropout, dropout1d, dropout2d, flatten, linear
from autograd_np.neural.lookup import embedding
from autograd_np.neural.convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from autograd_np.neural.layers import dropout, flatten, linear
from autograd_np.neural.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    cross_entropy,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    kl_div,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
    triplet_margin_loss,
)
from autograd_np.neural.normalisation import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from autograd_np.neural.normalisation import batch_norm
from autograd_np.neural.padding import pad
from autograd_np.neural.pooling import max_pool2d
from autograd_np.neural.rectifiers import (
    celu,
    elu,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    prelu,
    relu6,
    selu,
    threshold,
)
from autograd_np.neural.vectors import cosine_similarity, normalize, one_hot

__all__ = [
    "alpha_dropout",
from autograd_np.neural.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from autograd_np.neural.resampling import interpolate, pixel_shuffle, unfold

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "cosine_embedding_loss",
    "cosine_similarity",
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
    "interpolate",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "logsumexp",
    "max_pool1d",
    "margin_ranking_loss",
    "max_pool2d",
    "mish",
    "mse_loss",
    "prelu",
    "pad",
    "pixel_shuffle",
    "nll_loss",
    "normalize",
    "one_hot",
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
    "unfold",
    "smooth_l1_loss",
    "softmax",
    "triplet_margin_loss",
]
