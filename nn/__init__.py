"""Neural networks on `autograd_np`: modules, losses, optimisers and data, with PyTorch's names and conventions."""

import sys
from typing import TYPE_CHECKING, NoReturn

from autograd_np.hints import refuse
from nn import checkpoint, compare, data, functional, init, optim, plots, reference
from nn.checkpoint import load, save
from nn.layers import (
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ModuleList,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
)
from nn.losses import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss
from nn.module import Module, functional_call
from nn.stability import explain_divergence
from nn.training import accuracy, evaluate, fit, predict

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "L1Loss",
    "Linear",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "accuracy",
    "checkpoint",
    "compare",
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

if not TYPE_CHECKING:  # which would take every name for known

    def __getattr__(name: str) -> NoReturn:
        refuse(sys.modules[__name__], name, "nn")
