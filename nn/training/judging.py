"""Judging a model, and asking it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_np import Tensor, no_grad
from autograd_np.tensor import plain
from nn.data import Batches
from nn.data.batches import check_count
from nn.module import Module
from nn.training.arguments import check_metrics, check_model, kind_of, loss_or_default
from nn.training.sources import Stream, is_stream, parts_of, refuse_with_stream
from nn.training.weights import check_weightable, checked_weights, heeding, length

__all__ = ["Metric", "accuracy", "evaluate", "figure_of", "keeping_modes", "predict"]

Metric = Callable[[NDArray[Any], NDArray[Any]], float]


def accuracy(outputs: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the share of rows whose largest output is at the label.

    Of other outputs write a metric of your own: of logits of one class or of several labels at once
    ``lambda outputs, y: ((outputs > 0) == y).mean()``.

    Parameters
    ----------
    outputs : ndarray, shape (N, C)
        Logits or probabilities.
    labels : ndarray of int, shape (N,)
        The class of each row.

    Raises
    ------
    ValueError
        If the shapes do not fit, or there is one column.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import accuracy
    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    if outputs.ndim != 2 or outputs.shape[1] == 1 or labels.shape != outputs.shape[:1]:
        raise ValueError(
            f"accuracy: outputs {outputs.shape} and labels {labels.shape} do not fit; they must be (N, C), of at least "
            f"two classes, and (N,)"
            f"{_of_others(outputs, labels)}"
        )
    hits: NDArray[np.bool_] = outputs.argmax(axis=1) == labels
    return float(np.mean(hits))


def _of_others(outputs: NDArray[Any], labels: NDArray[Any]) -> str:
    """Return a metric for outputs and labels that are no logits of classes and their numbers, if there is one."""
    if outputs.ndim == 2 and labels.shape == (len(outputs), 1) and outputs.shape[1] > 1:
        return "; of labels in a column give lambda outputs, y: nn.accuracy(outputs, y[:, 0])"
    if outputs.size != labels.size:
        return ""
    if (
        labels.ndim == 2
        and labels.shape[1] > 1
        and ((labels == 0) | (labels == 1)).all()
        and (labels.sum(1) == 1).all()
    ):
        return "; of one-hot labels give lambda outputs, y: nn.accuracy(outputs, y.argmax(axis=1))"
    y = "y" if outputs.shape == labels.shape else "y.reshape(outputs.shape)"
    return (
        f"; of logits that are for one yes or no each give lambda outputs, y: ((outputs > 0) == {y}).mean(), and of "
        f"probabilities outputs > 0.5"
    )


def evaluate(
    model: Module,
    x: ArrayLike | Iterable[Any],
    y: ArrayLike | None = None,
    *,
    loss: Callable[..., Tensor] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    sample_weight: ArrayLike | None = None,
    batch_size: int | None = None,
) -> dict[str, float]:
    """Return the loss and the metrics of a model on examples, in evaluation mode and without recording.

    Parameters
    ----------
    model, x, y, loss, metrics, sample_weight
        As for `fit`.
    batch_size : int, optional
        How many examples go through the model at once, by default 1000; batches have their own size.

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
    check_model("evaluate", model)
    loss = loss_or_default("evaluate", loss)
    check_metrics("evaluate", metrics)
    if is_stream(x):
        refuse_with_stream("evaluate", x, y=y, sample_weight=sample_weight, batch_size=batch_size)
        outputs, targets, weight = _of_stream(model, x)
    else:
        examples, targets, *weights = parts_of("evaluate", x=x, y=y, sample_weight=sample_weight)
        weight = checked_weights("evaluate: sample_weight", weights[0]) if weights else None
        if weight is not None:
            check_weightable("evaluate", loss)
        outputs = _outputs("evaluate", model, _in_turn("evaluate", examples, batch_size))
    figures = {"loss": heeding("evaluate", loss)(Tensor(outputs), targets, weight).item()}
    for name, metric in (metrics or {}).items():
        figures[name] = figure_of("evaluate", name, metric, outputs, targets)
    return figures


def figure_of(caller: str, name: str, metric: Metric, outputs: Any, targets: Any) -> float:
    """Return what a metric is of outputs and targets, as a float."""
    value: Any = metric(outputs, targets)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"{caller}: metrics[{name!r}] returned {kind_of(value)}; give one that returns a number"
        ) from None


def _of_stream(model: Module, batches: Any) -> tuple[Any, Any, Any]:
    """Return outputs, targets and weights of all batches together; the examples are forgotten batch by batch."""
    targets: list[Any] = []
    weights: list[Any] = []

    def examples() -> Iterator[Any]:
        for batch in Stream(batches, "evaluate: x").epoch():
            targets.append(plain(batch.y))
            weights.append(np.ones(length(batch.y)) if batch.weight is None else batch.weight)
            weighted.add(batch.weight is not None)
            yield batch.x

    weighted: set[bool] = set()
    outputs = _outputs("evaluate", model, examples())
    return outputs, np.concatenate(targets), np.concatenate(weights) if True in weighted else None


def predict(model: Module, x: ArrayLike | Iterable[Any], *, batch_size: int | None = None) -> NDArray[Any]:
    """Return a model's outputs as a plain array, in evaluation mode and without recording.

    Parameters
    ----------
    model : Module
        It has its old mode afterwards.
    x : array_like, shape (N, ...), or iterable of batches
        Examples; targets that batches hold are passed over.
    batch_size : int, optional
        How many go through the model at once, by default 1000; batches have their own size.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.predict(nn.Linear(2, 3, rng=0), np.zeros((4, 2))).shape
    (4, 3)
    """
    check_model("predict", model)
    if is_stream(x):
        refuse_with_stream("predict", x, batch_size=batch_size)
        stream = Stream(cast(Any, x), "predict: x", alone=True)
        return _outputs("predict", model, (batch.x for batch in stream.epoch()))
    (examples,) = parts_of("predict", x=x)
    return _outputs("predict", model, _in_turn("predict", examples, batch_size))


def _in_turn(caller: str, examples: NDArray[Any], batch_size: int | None) -> Iterable[Any]:
    """Return batches of examples, without their targets."""
    if batch_size is not None:
        check_count(caller, "batch_size", batch_size, least=1)
    return (batch for (batch,) in Batches(examples, batch_size=batch_size or 1000, shuffle=False))


def _outputs(caller: str, model: Module, batches: Iterable[Any]) -> NDArray[Any]:
    found: list[Any] = []
    with keeping_modes(model), no_grad():
        for batch in batches:
            model.eval()
            found.append(plain(model(batch)))
            if not isinstance(found[-1], np.ndarray) or not found[-1].ndim:
                raise TypeError(
                    f"{caller}: the model returned {kind_of(found[-1])}; give one that returns a Tensor with a row for "
                    f"each example"
                )
    if not found:
        raise ValueError(f"{caller}: x yields no batches; give at least one")
    return np.concatenate(found)


@contextmanager
def keeping_modes(model: Module) -> Generator[None]:
    """Give each part of the model the mode back that it had, training or evaluation."""
    modes = [(part, part.training) for part in model.modules()]
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
