"""Layers: the modules that models are built from, with PyTorch's names, parameters and defaults.

Layers with parameters take `dtype`, float32 by default, and `rng` for their initial values: a `numpy.random.Generator`,
a seed, or None for fresh entropy. Give all layers of a model one generator: layers of one shape that are given one seed
start with the same numbers.
"""

from nn.layers.activations import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    Identity,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softmax2d,
    Softmin,
    Softplus,
    Softsign,
    Tanh,
    Tanhshrink,
    Threshold,
)
from nn.layers.containers import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from nn.layers.activations import ReLU, Sigmoid, Softmax, Tanh
from nn.layers.attention import MultiheadAttention, TransformerEncoder, TransformerEncoderLayer
from nn.layers.containers import ModuleList, Sequential
from nn.layers.convolution import Conv2d
from nn.layers.dropout import AlphaDropout, Dropout, Dropout1d, Dropout2d
from nn.layers.embedding import Embedding
from nn.layers.linear import Flatten, Linear, Unflatten
from nn.layers.normalisation import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    LayerNorm,
    RMSNorm,
)
from nn.layers.convolution import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from nn.layers.dropout import Dropout
from nn.layers.linear import Flatten, Linear
from nn.layers.normalisation import BatchNorm1d, BatchNorm2d
from nn.layers.pooling import MaxPool2d
from nn.layers.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "AlphaDropout",
    "GRU",
    "LSTM",
    "RNN",
from nn.layers.padding import ConstantPad2d, ReflectionPad2d, ReplicationPad2d, ZeroPad2d
from nn.layers.pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
)
from nn.layers.resampling import PixelShuffle, Unfold, Upsample

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "ConstantPad2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "GroupNorm",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "LayerNorm",
    "LeakyReLU",
    "GRUCell",
    "LSTMCell",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "Mish",
    "ModuleDict",
    "ModuleList",
    "PReLU",
    "ParameterDict",
    "ParameterList",
    "MultiheadAttention",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "ReLU6",
    "PixelShuffle",
    "ReLU",
    "ReflectionPad2d",
    "ReplicationPad2d",
    "Sequential",
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
    "Unflatten",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "Unfold",
    "Upsample",
    "ZeroPad2d",
]
