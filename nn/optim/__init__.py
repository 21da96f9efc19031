"""Optimisers: from gradients to better parameters."""

import sys
from typing import TYPE_CHECKING, NoReturn

from autograd_np.hints import refuse
from nn.optim.adam import Adam, AdamW
from nn.optim.optimizer import Optimizer
from nn.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]

if not TYPE_CHECKING:  # which would take every name for known

    def __getattr__(name: str) -> NoReturn:
        refuse(sys.modules[__name__], name, "nn.optim")
