"""Means, deviations, ties, losses and normalisations over more elements than float16 can count: 65,504.

The count itself, or a sum on the way, is infinite in float16; gradients divided by it were 0, or no numbers. To this
kind belong all that divide by a number of elements (`mean`, `nanmean`, `average`, `var`, `std` and their kin, losses
with reduction="mean", batch normalisation), share among ties (`max`, `min` and their kin), or divide by a sum of
exponentials (softmax, its logarithm, logsumexp).
"""

from typing import Any

import numpy as np
import pytest

from autograd_np import grad, neural

COUNT = 100_000
SCALE = 1024.0  # as losses are scaled in half precision, so that gradients are not too small for it
LABELS = np.zeros(COUNT // 2, int)
SOME = np.where(np.arange(COUNT // 2) % 8 == 0, -100, 0)
EPS, LEAST = float(np.finfo(np.float16).eps), float(np.finfo(np.float16).smallest_subnormal)

FUNCTIONS: dict[str, Any] = {
    "mean": np.mean,
    "mean of rows": lambda x: np.mean(x.reshape(2, -1), axis=1)[0],
    "nanmean": np.nanmean,
    "average": np.average,
    "var": np.var,
    "std": np.std,
    "nanvar": np.nanvar,
    "nanstd": np.nanstd,
    "mse_loss": lambda x: neural.mse_loss(x, np.zeros(COUNT)),
    "l1_loss": lambda x: neural.l1_loss(x, np.zeros(COUNT)),
    "binary_cross_entropy": lambda x: neural.binary_cross_entropy(x - 1, np.full(COUNT, 0.25)),
    "binary_cross_entropy_with_logits": lambda x: neural.binary_cross_entropy_with_logits(x, np.zeros(COUNT)),
    "cross_entropy": lambda x: neural.cross_entropy(x.reshape(-1, 2), LABELS),
    "cross_entropy of probabilities": lambda x: neural.cross_entropy(x.reshape(-1, 2), np.full((COUNT // 2, 2), 0.5)),
    "cross_entropy of as many classes": lambda x: neural.cross_entropy(x, 7),
    "cross_entropy with weights": lambda x: neural.cross_entropy(x.reshape(-1, 2), LABELS, [2.0, 0.5]),
    "cross_entropy of smooth labels": lambda x: neural.cross_entropy(x.reshape(-1, 2), LABELS, label_smoothing=0.25),
    "cross_entropy of some": lambda x: neural.cross_entropy(x.reshape(-1, 2), SOME),
    "nll_loss": lambda x: neural.nll_loss(-x.reshape(-1, 2), LABELS),
    "nll_loss with weights": lambda x: neural.nll_loss(-x.reshape(-1, 2), SOME, [2.0, 0.5]),
    "binary_cross_entropy with weights": lambda x: neural.binary_cross_entropy(x - 1, np.full(COUNT, 0.25), [2.0]),
    "logits with weights": lambda x: neural.binary_cross_entropy_with_logits(x, np.ones(COUNT), [2.0], pos_weight=3.0),
    "smooth_l1_loss": lambda x: neural.smooth_l1_loss(x, np.zeros(COUNT)),
    "huber_loss": lambda x: neural.huber_loss(x, np.zeros(COUNT), delta=4.0),
    "huber_loss of large numbers": lambda x: neural.huber_loss(x * 1024, np.zeros(COUNT), delta=8.0),
    "kl_div": lambda x: neural.kl_div(-x, np.full(COUNT, 0.5)),
    "kl_div of samples": lambda x: neural.kl_div(
        -x.reshape(-1, 2), np.full((COUNT // 2, 2), 0.5), reduction="batchmean"
    ),
    "gaussian_nll_loss": lambda x: neural.gaussian_nll_loss(x, np.zeros(COUNT), np.ones(COUNT)),
    "cosine_similarity": lambda x: neural.cosine_similarity(x, np.arange(COUNT) / COUNT, dim=0),
    "cosine_embedding_loss": lambda x: neural.cosine_embedding_loss(x, np.arange(COUNT) / COUNT, 1),
    "margin_ranking_loss": lambda x: neural.margin_ranking_loss(x, np.full(COUNT, 3.0), np.ones(COUNT)),
    "triplet_margin_loss": lambda x: neural.triplet_margin_loss(x, np.zeros(COUNT), np.ones(COUNT)),
    "hinge_embedding_loss": lambda x: neural.hinge_embedding_loss(x, np.ones(COUNT)),
    "normalize": lambda x: neural.normalize(x, dim=0)[:9].sum(),
    "softmax": lambda x: neural.softmax(x)[:9].sum(),
    "log_softmax": lambda x: neural.log_softmax(x)[:3].sum(),
    "logsumexp": neural.logsumexp,
    "batch_norm": lambda x: neural.batch_norm(x.reshape(-1, 1))[0][:9].sum(),
    "mean of batch_norm": lambda x: neural.batch_norm(x.reshape(-1, 1))[1].sum(),
    "variance of batch_norm": lambda x: neural.batch_norm(x.reshape(-1, 1))[2].sum(),
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # of NumPy's own variances and sums
def test_gradients_are_as_precise_as_float16(f: Any) -> None:
    x = np.random.default_rng(0).uniform(1.25, 1.75, COUNT).astype(np.float16)
    found, expected = (grad(lambda x: f(x) * SCALE)(x.astype(dtype)) for dtype in (np.float16, np.float64))
    assert found.dtype == np.float16
    np.testing.assert_allclose(found.astype(float), expected, rtol=2 * EPS, atol=4 * EPS * np.max(np.abs(expected)))


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not name.startswith(("nan", "var", "std", "average"))])
def test_values_are_as_precise_as_float16(name: str) -> None:
    """NumPy's own are not all: some of its values are infinite."""
    x = np.random.default_rng(0).uniform(1.25, 1.75, COUNT).astype(np.float16)
    np.testing.assert_allclose(float(FUNCTIONS[name](x)), float(FUNCTIONS[name](x.astype(float))), rtol=4 * EPS)


@pytest.mark.parametrize("f", [np.max, np.min, np.nanmax, np.nanmin])
def test_shares_of_many_ties(f: Any) -> None:
    found = grad(lambda x: f(x) * SCALE)(np.ones(COUNT, np.float16))
    np.testing.assert_allclose(found.astype(float), SCALE / COUNT, rtol=EPS)


def test_normalisation_of_numbers_whose_squares_are_too_large() -> None:
    x = np.array([[300.0], [-400.0], [1000.0]])
    with np.errstate(over="ignore"):  # of the variance, which is returned
        half, double = (grad(lambda x: neural.batch_norm(x)[0][0, 0])(x.astype(t)) for t in (np.float16, np.float64))
    np.testing.assert_allclose(half.astype(float), double, rtol=4 * EPS, atol=LEAST)
