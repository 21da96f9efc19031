"""Weights of examples and classes: an example of weight k counts as k of its kind, with every loss.

The oracles are the same rows k times over, PyTorch's weights of classes, which `nn.CrossEntropyLoss` has, and
scikit-learn's balanced weights. Steps over several batches are held against one over all their rows.
"""

import math
from typing import Any

import numpy as np
import pytest

import nn
from tests.nn.training.runs import check_same_bits, fitted, problem

ROWS = 22
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 3))
LABELS = RNG.integers(3, size=ROWS)
PIXELS = RNG.integers(3, size=(ROWS, 2))
NUMBERS = RNG.normal(size=(ROWS, 6))
SHARES = RNG.dirichlet(np.ones(6), size=ROWS)
COUNTS = RNG.integers(4, size=ROWS)


def net(*last: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 6, rng=0), *last).astype(np.float64)


# A loss, its targets, and what follows the linear layer.
LOSSES: dict[str, tuple[nn.Module, np.ndarray, list[nn.Module]]] = {
    "cross entropy": (nn.CrossEntropyLoss(), LABELS, []),
    "of pixels": (nn.CrossEntropyLoss(), PIXELS, [nn.Unflatten(1, (3, 2))]),
    "of labels that are ignored": (nn.CrossEntropyLoss(ignore_index=1), LABELS, []),
    "of pixels that are ignored": (nn.CrossEntropyLoss(ignore_index=1), PIXELS, [nn.Unflatten(1, (3, 2))]),
    "of smoothed labels": (nn.CrossEntropyLoss(label_smoothing=0.1), LABELS, []),
    "of probabilities": (nn.CrossEntropyLoss(), SHARES, []),
    "of one-hot rows": (nn.CrossEntropyLoss(), np.eye(6, dtype=int)[LABELS], []),
    "likelihood": (nn.NLLLoss(ignore_index=2), LABELS, [nn.LogSoftmax(1)]),
    "binary": (nn.BCELoss(), SHARES, [nn.Sigmoid()]),
    "binary of logits": (nn.BCEWithLogitsLoss(pos_weight=np.arange(1.0, 7.0)), SHARES, []),
    "squares": (nn.MSELoss(), NUMBERS, []),
    "one number": (nn.MSELoss(), NUMBERS[:, 0], [nn.Linear(6, 1, rng=1), nn.Flatten(0)]),
    "absolute": (nn.L1Loss(), NUMBERS, []),
    "smooth": (nn.SmoothL1Loss(), NUMBERS, []),
    "huber": (nn.HuberLoss(delta=0.5), NUMBERS, []),
    "hinge": (nn.HingeEmbeddingLoss(), np.sign(NUMBERS), []),
    "divergence": (nn.KLDivLoss(), SHARES, [nn.LogSoftmax(1)]),
}
ALL = pytest.mark.parametrize(("loss", "targets", "last"), LOSSES.values(), ids=LOSSES)


def stepped(loss: Any, last: list[nn.Module], x: np.ndarray, y: np.ndarray, **options: Any) -> tuple[Any, Any]:
    return fitted(
        net(*last), data=(x, y), loss=loss, **{"rng": 2, "epochs": 2, "batch_size": 999, "lr": 0.1, **options}
    )


def check_close(found: tuple[Any, Any], expected: tuple[Any, Any]) -> None:
    for name, value in found[0].state_dict().items():
        np.testing.assert_allclose(value, expected[0].state_dict()[name], rtol=1e-11, atol=1e-13, err_msg=name)
    np.testing.assert_allclose(found[1]["loss"], expected[1]["loss"], rtol=1e-12)


@ALL
def test_weight_k_is_k_examples(loss: Any, targets: np.ndarray, last: list[nn.Module]) -> None:
    often = np.repeat(np.arange(ROWS), COUNTS)
    weighted = stepped(loss, last, X, targets, sample_weight=COUNTS)
    check_close(weighted, stepped(loss, last, X[often], targets[often]))
    judged = nn.evaluate(weighted[0], X, targets, loss=loss, sample_weight=COUNTS)["loss"]
    assert judged == pytest.approx(nn.evaluate(weighted[0], X[often], targets[often], loss=loss)["loss"], rel=1e-12)
    assert judged != pytest.approx(nn.evaluate(weighted[0], X, targets, loss=loss)["loss"], rel=1e-6)


@pytest.mark.parametrize("weights", [False, True])
@ALL
def test_accumulated_steps_are_those_of_one_batch(
    loss: Any, targets: np.ndarray, last: list[nn.Module], weights: bool
) -> None:
    """Batches of 5, three of which make a step; the last batch has 2 rows, and the last step two batches."""
    options = {"sample_weight": COUNTS} if weights else {}
    several = stepped(loss, last, X, targets, batch_size=5, accumulate=3, **options)
    check_close(several, stepped(loss, last, X, targets, batch_size=15, **options))


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(reduction="sum"), nn.CrossEntropyLoss(np.arange(1.0, 7.0)),
        nn.CrossEntropyLoss(np.arange(1.0, 7.0), ignore_index=1), nn.NLLLoss(np.arange(1.0, 7.0)),
        lambda outputs, y: nn.functional.cross_entropy(outputs, y),
    ],
)  # fmt: skip
def test_accumulated_steps_of_losses_that_take_no_weights(loss: Any) -> None:
    several, _ = stepped(loss, [nn.LogSoftmax(1)], X, LABELS, batch_size=5, accumulate=3)
    one, _ = stepped(loss, [nn.LogSoftmax(1)], X, LABELS, batch_size=15)
    for name, value in several.state_dict().items():
        np.testing.assert_allclose(value, one.state_dict()[name], rtol=1e-11, atol=1e-13)


def test_class_weight_is_that_of_the_loss() -> None:
    by_class = {0: 0.5, 1: 3.0}
    weights = np.array([0.5, 3.0, 1.0, 1.0, 1.0, 1.0])
    expected = stepped(nn.CrossEntropyLoss(weights), [], X, LABELS)
    check_close(stepped(nn.CrossEntropyLoss(), [], X, LABELS, class_weight=by_class), expected)
    as_weights = stepped(nn.CrossEntropyLoss(), [], X, LABELS, sample_weight=weights[LABELS])
    check_close(as_weights, expected)
    both = stepped(nn.CrossEntropyLoss(), [], X, LABELS, class_weight=by_class, sample_weight=COUNTS)
    check_close(both, stepped(nn.CrossEntropyLoss(), [], X, LABELS, sample_weight=COUNTS * weights[LABELS]))


@pytest.mark.parametrize("labels", [LABELS, LABELS.astype(np.uint8), LABELS > 0, -LABELS], ids=str)
def test_balanced_is_scikit_learns(labels: np.ndarray) -> None:
    utils = pytest.importorskip("sklearn.utils.class_weight")
    expected = utils.compute_sample_weight("balanced", labels)
    np.testing.assert_allclose(nn.training.weights.class_weights("fit", labels, "balanced"), expected, rtol=1e-15)


def test_balanced() -> None:
    x, y = problem()
    keep = np.r_[np.flatnonzero(y == 0)[:10], np.flatnonzero(y)]
    x, y = x[keep], y[keep]
    weights = {label: len(y) / (2 * np.sum(y == label)) for label in (0, 1)}
    model, history = fitted(data=(x, y), class_weight="balanced")
    given, theirs = fitted(data=(x, y), class_weight=weights)
    check_same_bits(model, given)
    assert history == theirs != fitted(data=(x, y))[1]


def test_class_weight_leaves_the_validation_alone() -> None:
    _, history = fitted(class_weight={0: 9.0}, validation_split=0.25, lr=0.0)
    assert history["val_loss"] == fitted(validation_split=0.25, lr=0.0)[1]["val_loss"]


def test_a_loss_of_ones_own_is_given_weights() -> None:
    def mean(outputs: Any, targets: Any, weights: Any = None) -> Any:
        each = nn.functional.cross_entropy(outputs, targets, reduction="none")
        return each.mean() if weights is None else (each * weights).sum() / weights.sum()

    check_close(
        stepped(mean, [], X, LABELS, sample_weight=COUNTS, validation=(X, LABELS, COUNTS)),
        stepped(nn.CrossEntropyLoss(), [], X, LABELS, sample_weight=COUNTS),
    )


@pytest.mark.parametrize("dtype", [bool, np.int8, np.float16, np.float32, np.longdouble])
def test_weights_of_every_dtype(dtype: Any) -> None:
    """Float16 would overflow in the sum of weights; a float32 model stays float32."""
    weight = (COUNTS * (4000 if dtype is np.float16 else 1)).astype(dtype)
    model, history = fitted(nn.Linear(3, 6, rng=0), data=(X, LABELS), sample_weight=weight)
    assert {value.dtype.name for value in model.state_dict().values()} == {"float32"}
    assert history == fitted(nn.Linear(3, 6, rng=0), data=(X, LABELS), sample_weight=weight.astype(np.float64))[1]


def test_batches_in_which_nothing_counts_change_nothing() -> None:
    weight = np.zeros(ROWS)
    weight[0] = 1.0
    for accumulate in (1, 2):
        options = {"sample_weight": weight, "batch_size": 1, "accumulate": accumulate, "epochs": 1}
        check_close(
            stepped(nn.CrossEntropyLoss(), [], X, LABELS, **options),
            stepped(nn.CrossEntropyLoss(), [], X[:1], LABELS[:1], epochs=1),
        )


def test_weights_of_batches() -> None:
    """They come with the batches, all or some; class weights count besides."""
    weight = COUNTS.astype(float)
    weight[10:] = 1.0
    batches = [(X[:10], LABELS[:10], weight[:10]), (X[10:], LABELS[10:])]
    options = {"loss": nn.CrossEntropyLoss(), "epochs": 3, "accumulate": 2, "progress": False}

    def trained(x: Any, y: Any = None, **more: Any) -> Any:
        model = net()
        optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
        return model, nn.fit(model, x, y, optimizer=optimizer, **options, **more)

    for more in ({}, {"class_weight": {1: 4.0}}):
        expected = trained(X, LABELS, sample_weight=weight, batch_size=11, **more)
        check_close(trained(batches, **more), expected)
    figures = nn.evaluate(expected[0], X, LABELS, sample_weight=weight)
    assert nn.evaluate(expected[0], batches)["loss"] == pytest.approx(figures["loss"], rel=1e-12)
    assert math.isfinite(figures["loss"])
