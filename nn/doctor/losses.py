"""Mistakes in the first line of a backward pass: the gradient of the loss by the outputs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn import functional as F
from nn.doctor.evidence import Hypothesis, KnownLoss
from nn.doctor.trials import Trial
from nn.losses import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss

__all__ = ["in_the_loss", "known_loss", "own_loss", "subtracted_from"]

Array = NDArray[Any]

# The package's own losses, as modules and as functions.
_CROSS_ENTROPY = (CrossEntropyLoss, F.cross_entropy)
_SQUARE = (MSELoss, F.mse_loss)
_LOGITS = (BCEWithLogitsLoss, F.binary_cross_entropy_with_logits)
_PROBABILITIES = (BCELoss, F.binary_cross_entropy)
_MODULES: tuple[Any, ...] = (CrossEntropyLoss, MSELoss, BCEWithLogitsLoss, BCELoss, L1Loss)
_OF_ELEMENTS = (*_SQUARE, *_LOGITS, *_PROBABILITIES, L1Loss, F.l1_loss)


def _is(loss: Any, kinds: tuple[Any, ...]) -> bool:
    usual = type(loss) in kinds and not _has_options(loss)
    return usual or loss in [kind for kind in kinds if not isinstance(kind, type)]


def _has_options(loss: Any) -> bool:
    """Tell a loss whose gradient is not the usual one: with weights, smooth labels, or a class that is ignored."""
    options = getattr(loss, "label_smoothing", 0), getattr(loss, "ignore_index", -100)
    return options != (0, -100) or any(True for _ in loss.buffers())


def own_loss(trial: Trial) -> Any:
    """Return the package's loss that a loss comes to on a batch: itself, or one with the same value and gradient."""
    outputs, loss = trial.outputs, trial.loss
    if outputs is None or _is(loss, (*_CROSS_ENTROPY, *_OF_ELEMENTS)):
        return loss
    value, delta = trial.value(), trial.delta(outputs)
    for kind, reduction in itertools.product(_MODULES, ("mean", "sum")):
        other = Trial(trial.model, kind(reduction=reduction), trial.x, trial.y)
        try:
            with np.errstate(all="ignore"):
                same = np.isclose(other.value(), value, rtol=1e-12, atol=0)
                same = same and np.allclose(other.delta(outputs), delta, rtol=1e-9, atol=1e-12 * np.abs(delta).max())
        except (TypeError, ValueError, IndexError, RuntimeError):  # these outputs and targets are not for it
            continue
        if same and delta.any():
            return other.loss
    return loss


def known_loss(loss: Any, y: Array, examples: int) -> KnownLoss:
    """Return what is known of a loss, for targets and a number of examples."""
    reduction = getattr(loss, "reduction", "mean")
    if _is(loss, _CROSS_ENTROPY):
        return KnownLoss(examples, square=False, reduction=reduction)
    if _is(loss, _OF_ELEMENTS):
        return KnownLoss(examples, y.size // examples, _is(loss, _SQUARE), reduction, softmax=False)
    return KnownLoss(examples)


def subtracted_from(trial: Trial) -> Array:
    """Return from what the labels are subtracted in the gradient of the outputs: of (P - T) / n, P / n; else 0."""
    outputs = trial.outputs
    if outputs is None:
        return np.zeros(())
    loss = own_loss(trial)
    mean = getattr(loss, "reduction", "mean") == "mean"
    if _is(loss, _CROSS_ENTROPY) and outputs.ndim == 2:
        return np.asarray(F.softmax(outputs, axis=1)) / (len(outputs) if mean else 1)
    if _is(loss, _LOGITS):
        return np.asarray(F.sigmoid(outputs)) / (outputs.size if mean else 1)
    return np.zeros(())


def _tried(trial: Trial, mistake: str, delta: Array, made: str, thought: str) -> Hypothesis:
    return Hypothesis(mistake, trial.gradients(delta=delta), made, thought)


def in_the_loss(trial: Trial) -> Iterator[Hypothesis]:
    """Try each mistake in the gradient of the outputs, of a model that returns one array."""
    if trial.outputs is not None:
        for mistake in (_softmax, _sigmoid, _samples):
            yield from mistake(trial, trial.outputs, trial.delta(trial.outputs))


def _softmax(trial: Trial, logits: Array, delta: Array) -> Iterator[Hypothesis]:
    """Take the logits' gradient, (P - T) / n, for something else."""
    if not _is(loss := own_loss(trial), _CROSS_ENTROPY) or logits.ndim != 2 or np.min(trial.y) < 0:  # -100: ignored
        return
    p = np.asarray(F.softmax(logits, axis=1))
    share = 1 / len(logits) if known_loss(loss, trial.y, len(logits)).reduction == "mean" else 1.0
    targets = np.eye(p.shape[1])[trial.y] if trial.y.ndim == 1 else trial.y
    thought = (
        "(P - T) / n is the gradient of the logits already: the derivative of the softmax and that of the logarithm "
        "have cancelled"
    )
    for how, wrong in (
        ("P * (1 - P)", delta * p * (1 - p)),
        ("its Jacobian", p * (delta - (delta * p).sum(axis=1, keepdims=True))),
    ):
        made = f"the derivative of the softmax, {how}, is multiplied onto (P - T) / n"
        yield _tried(trial, "derivative of the softmax taken twice", wrong, made, thought)
    yield _tried(
        trial, "logits in place of probabilities", (logits - targets) * share,
        "the logits stand where the softmax of them belongs: (Z - T) / n, and not (P - T) / n",
        "the softmax was left out, as it is in a model whose loss takes logits; the gradient has it all the same",
    )  # fmt: skip
    yield _tried(
        trial, "labels not subtracted", p * share,
        "the labels are not subtracted: P / n, and not (P - T) / n",
        "delta[range(n), y] -= 1 was left out, or done to an array that is not used",
    )  # fmt: skip
    for step, wrapped in ((1, True), (-1, True), (1, False), (-1, False)):
        other = np.roll(targets, step, axis=1)
        if not wrapped:
            other[:, 0 if step > 0 else -1] = 0
        yield _tried(
            trial, "labels off by one", (p - other) * share,
            f"each label is the class {'after' if step > 0 else 'before'} the right one"
            + ("" if wrapped else f", and the {'last' if step > 0 else 'first'} class has none"),
            "classes are counted from 0: the one-hot row of class k has its 1 in column k",
        )  # fmt: skip


def _sigmoid(trial: Trial, outputs: Array, delta: Array) -> Iterator[Hypothesis]:
    """Take the gradient of a binary cross-entropy for something else."""
    thought = (
        "P - T is the gradient of the logits already: the derivative of the sigmoid and that of the logarithm have "
        "cancelled"
    )
    loss = own_loss(trial)
    if _is(loss, _LOGITS):
        p = np.asarray(F.sigmoid(outputs))
        share = delta / np.where(p == trial.y, 1.0, p - trial.y)
        made = "the derivative of the sigmoid, P * (1 - P), is multiplied onto P - T"
        yield _tried(trial, "derivative of the sigmoid taken twice", delta * p * (1 - p), made, thought)
        yield _tried(
            trial, "logits in place of probabilities", (outputs - trial.y) * share,
            "the logits stand where the sigmoid of them belongs: Z - T, and not P - T",
            "the sigmoid was left out, as it is in a model whose loss takes logits; the gradient has it all the same",
        )  # fmt: skip
    elif _is(loss, _PROBABILITIES):
        p = outputs
        made = "the gradient of the probabilities is P - T, without the division by P * (1 - P)"
        yield _tried(trial, "derivative of the sigmoid taken twice", delta * p * (1 - p), made, thought)
    else:
        return
    yield _tried(
        trial, "labels turned", trial.delta(outputs, 1 - trial.y),
        "the labels are 1 - T, and not T",
        "the two classes were exchanged",
    )  # fmt: skip


def _samples(trial: Trial, outputs: Array, delta: Array) -> Iterator[Hypothesis]:
    """Leave one example out."""
    n = len(trial.x)
    if n < 2 or outputs.shape[:1] != (n,):
        return
    for which, place in (("last", -1), ("first", 0)):
        without = delta.copy()
        without[place] = 0
        thought = "a loop or a slice that begins late or ends early, as delta[:-1] does"
        made = f"the gradients are summed over all samples but the {which} one"
        yield _tried(trial, f"{which} sample dropped", without, made, thought)
        if known_loss(own_loss(trial), trial.y, n).reduction == "sum":
            continue
        made += f", and divided by {n - 1}"
        yield _tried(trial, f"{which} sample dropped", without * n / (n - 1), made, thought)
