"""Optimisers: from gradients to better parameters, with schedules of their learning rates."""

import sys
from typing import TYPE_CHECKING, NoReturn

from autograd_np.hints import refuse
from nn.optim import lr_scheduler
from nn.optim.adagrad import Adagrad
from nn.optim.adam import Adam, AdamW, NAdam
from nn.optim.lbfgs import LBFGS
from nn.optim.optimizer import Optimizer
from nn.optim.rmsprop import RMSprop
from nn.optim.sgd import SGD

__all__ = ["LBFGS", "SGD", "Adagrad", "Adam", "AdamW", "NAdam", "Optimizer", "RMSprop", "lr_scheduler"]

if not TYPE_CHECKING:  # which would take every name for known

    def __getattr__(name: str) -> NoReturn:
        refuse(sys.modules[__name__], name, "nn.optim")
