"""Losses: one number for each sample or element, or their mean or sum."""

from autograd_np.neural.losses.binary import binary_cross_entropy, binary_cross_entropy_with_logits
from autograd_np.neural.losses.classes import cross_entropy, nll_loss
from autograd_np.neural.losses.distances import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    triplet_margin_loss,
)
from autograd_np.neural.losses.distributions import gaussian_nll_loss, kl_div
from autograd_np.neural.losses.regression import huber_loss, l1_loss, mse_loss, smooth_l1_loss

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "margin_ranking_loss",
    "mse_loss",
    "nll_loss",
    "smooth_l1_loss",
    "triplet_margin_loss",
]
