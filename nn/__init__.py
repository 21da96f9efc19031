"""Neural networks on `autograd_np`: modules, losses, optimisers and data, with PyTorch's names and conventions."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from autograd_np.hints import refuse
from nn import checkpoint, data, functional, init, optim
from nn.checkpoint import load, save
from nn.compiled import compile_step
from nn.layers import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    AlphaDropout,
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    Conv2d,
    Dropout,
    Dropout1d,
    Dropout2d,
    Embedding,
    Flatten,
    GroupNorm,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    Identity,
    InstanceNorm1d,
    InstanceNorm2d,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSigmoid,
    LogSoftmax,
    MaxPool2d,
    Mish,
    ModuleDict,
    ModuleList,
    ParameterDict,
    ParameterList,
    PReLU,
    ReLU,
    ReLU6,
    RMSNorm,
    Sequential,
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
    Unflatten,
)
from nn.losses import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss
from nn.module import Module, functional_call
from nn.parameter import Parameter
from nn.stability import explain_divergence
from nn.training import accuracy, evaluate, fit, predict

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "AlphaDropout",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Conv2d",
    "CrossEntropyLoss",
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
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MaxPool2d",
    "Mish",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "PReLU",
    "ParameterDict",
    "ParameterList",
    "RMSNorm",
    "ReLU",
    "ReLU6",
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
    "accuracy",
    "checkpoint",
    "compare",
    "compile_step",
    "data",
    "evaluate",
    "explain_divergence",
    "fit",
    "functional",
    "functional_call",
    "init",
    "load",
    "optim",
    "plots",
    "predict",
    "reference",
    "save",
]

if TYPE_CHECKING:
    from nn import compare, plots, reference
else:

    def __getattr__(name: str) -> Any:
        if name in ("compare", "plots", "reference"):  # imported when they are first used: training needs none of them
            return import_module(f"nn.{name}")
        return refuse(sys.modules[__name__], name, "nn")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
