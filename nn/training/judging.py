"""Judging a model, and asking it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_np import Tensor, no_grad
from autograd_np.tensor import plain
from nn.data import Batches
from nn.losses import CrossEntropyLoss
from nn.module import Module
from nn.training.sources import Stream, is_stream, parts_of
from nn.training.weights import checked_weights, heeding

__all__ = ["Metric", "accuracy", "evaluate", "predict"]

Metric = Callable[[NDArray[Any], NDArray[Any]], float]


def accuracy(outputs: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the share of rows whose largest output is at the label.

    Parameters
    ----------
    outputs : ndarray, shape (N, C)
        Logits or probabilities.
    labels : ndarray of int, shape (N,)
        The class of each row.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import accuracy
    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    if outputs.ndim != 2 or labels.shape != outputs.shape[:1]:
        raise ValueError(
            f"accuracy: outputs {outputs.shape} and labels {labels.shape} do not fit; they must be (N, C) and (N,)"
        )
    hits: NDArray[np.bool_] = outputs.argmax(axis=1) == labels
    return float(np.mean(hits))


def evaluate(
    model: Module,
    x: ArrayLike | Iterable[Any],
    y: ArrayLike | None = None,
    *,
    loss: Callable[..., Tensor] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    sample_weight: ArrayLike | None = None,
    batch_size: int = 1000,
) -> dict[str, float]:
    """Return the loss and the metrics of a model on examples, in evaluation mode and without recording.

    Parameters
    ----------
    model, x, y, loss, metrics, sample_weight
        As for `fit`.
    batch_size : int
        How many examples go through the model at once.

    Returns
    -------
    dict of str to float
        `"loss"` and each metric, of all outputs together.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> figures = nn.evaluate(nn.Linear(2, 3, rng=0), np.zeros((4, 2)), np.array([0, 1, 2, 0]))
    >>> sorted(figures)
    ['loss']
    """
    loss = CrossEntropyLoss() if loss is None else loss
    if is_stream(x):
        for name, given in (("y", y), ("sample_weight", sample_weight)):
            if given is not None:
                raise TypeError(f"evaluate: {name} with an x that yields batches of its own; leave it out")
        outputs, targets, weight = _of_stream(model, x)
    else:
        given, targets, *weights = parts_of("evaluate", x, y, [("sample_weight", sample_weight)])
        weight = checked_weights("evaluate: sample_weight", weights[0]) if weights else None
        outputs = predict(model, given, batch_size=batch_size)
    figures = {"loss": heeding("evaluate", loss)(Tensor(outputs), targets, weight).item()}
    return figures | {name: float(metric(outputs, targets)) for name, metric in (metrics or {}).items()}


def _of_stream(model: Module, batches: Any) -> tuple[Any, Any, Any]:
    """Return outputs, targets and weights of all batches together."""
    found = [*Stream(batches, name="evaluate").epoch()]
    if not found:
        raise ValueError(f"evaluate: x, a {type(batches).__name__}, yields no batches")
    outputs = _outputs(model, (batch.x for batch in found))
    weights = [batch.weight for batch in found if batch.weight is not None]
    return outputs, np.concatenate([plain(batch.y) for batch in found]), np.concatenate(weights) if weights else None


def predict(model: Module, x: ArrayLike | Iterable[Any], *, batch_size: int = 1000) -> NDArray[Any]:
    """Return a model's outputs as a plain array, in evaluation mode and without recording.

    Parameters
    ----------
    model : Module
        Its mode is what it was afterwards.
    x : array_like, shape (N, ...), or iterable of batches
        Examples; targets that batches hold are passed over.
    batch_size : int
        How many go through the model at once.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.predict(nn.Linear(2, 3, rng=0), np.zeros((4, 2))).shape
    (4, 3)
    """
    given: Any = x
    if is_stream(given):
        return _outputs(model, (batch.x for batch in Stream(given, name="predict").epoch()))
    return _outputs(model, (batch for (batch,) in Batches(given, batch_size=batch_size, shuffle=False)))


def _outputs(model: Module, batches: Iterable[Any]) -> NDArray[Any]:
    was_training = model.training
    model.eval()
    try:
        with no_grad():
            return np.concatenate([np.asarray(plain(model(batch))) for batch in batches])
    finally:
        model.train(was_training)
