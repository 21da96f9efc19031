"""Schedules of learning rates.

A schedule belongs to an optimiser, and sets the learning rates of its groups: when it is made, and in each `step`,
which is called after the optimiser's own steps, once in an epoch or once in a batch. Several schedules of one optimiser
multiply where each goes on from the rate that it finds (`StepLR`, `MultiStepLR`, `ExponentialLR`, `ConstantLR`,
`LinearLR`, `MultiplicativeLR`, `PolynomialLR`, `CosineAnnealingLR`); the others set the rate themselves.

A compiled step reads the learning rates in each of its runs: a schedule costs it nothing.
"""

from nn.optim.lr_scheduler.factors import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from nn.optim.lr_scheduler.plateau import ReduceLROnPlateau
from nn.optim.lr_scheduler.scheduler import LRScheduler
from nn.optim.lr_scheduler.several import ChainedScheduler, SequentialLR
from nn.optim.lr_scheduler.waves import CosineAnnealingLR, CosineAnnealingWarmRestarts, OneCycleLR

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
