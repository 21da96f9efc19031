"""Losses as modules; the functions that they call are in `nn.functional`."""

from nn.losses.binary import BCELoss, BCEWithLogitsLoss
from nn.losses.classes import CrossEntropyLoss, NLLLoss
from nn.losses.distances import (
    CosineEmbeddingLoss,
    CosineSimilarity,
    HingeEmbeddingLoss,
    MarginRankingLoss,
    TripletMarginLoss,
)
from nn.losses.distributions import GaussianNLLLoss, KLDivLoss
from nn.losses.regression import HuberLoss, L1Loss, MSELoss, SmoothL1Loss

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CosineEmbeddingLoss",
    "CosineSimilarity",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "MarginRankingLoss",
    "NLLLoss",
    "SmoothL1Loss",
    "TripletMarginLoss",
]
