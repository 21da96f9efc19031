"""Training a model, judging it, and asking it: the loops that everybody writes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_np import Tensor, no_grad
from autograd_np.compiling import Compiled
from nn.compiled import Training
from nn.data import Batches
from nn.losses import CrossEntropyLoss
from nn.module import Module
from nn.optim import Optimizer

__all__ = ["accuracy", "evaluate", "fit", "predict"]

Metric = Callable[[NDArray[Any], NDArray[Any]], float]
History = dict[str, list[float]]
Callback = Callable[[Module, History], bool | None]
Step = Callable[[Any, Any], tuple[Any, Any]]


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


def fit(
    model: Module,
    x: ArrayLike,
    y: ArrayLike,
    *,
    optimizer: Optimizer,
    loss: Callable[[Any, Any], Tensor] | None = None,
    epochs: int = 10,
    batch_size: int = 64,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    patience: int | None = None,
    callbacks: Sequence[Callback] = (),
    rng: np.random.Generator | int | None = None,
    progress: bool = True,
    compiled: bool = False,
) -> History:
    """Train a model by mini-batches, with a progress bar.

    Parameters
    ----------
    model : Module
        Called with batches of `x`. It is in training mode while it trains, and has its old mode afterwards.
    x : array_like, shape (N, ...)
        Examples.
    y : array_like, shape (N, ...)
        Their labels or targets.
    optimizer : Optimizer
        Holds the model's parameters, or some of them.
    loss : callable, default CrossEntropyLoss()
        From outputs and targets to a scalar, the mean over the batch.
    epochs : int
        How many times the examples are gone through.
    batch_size : int
        Examples in a step; the last batch of an epoch has what is left.
    validation : (x, y), optional
        Examples to judge the model by after each epoch, in evaluation mode.
    metrics : mapping of str to callable, optional
        More figures than the loss: functions of plain outputs and targets, such as `accuracy`.
    patience : int, optional
        Stop early after so many epochs without a lower loss (of `validation`, if given), and go back to the best state.
    callbacks : sequence of callable
        Called after each epoch with the model and the history so far; one that returns True ends the training.
    rng : numpy.random.Generator or int, optional
        The order of the examples, or its seed.
    progress : bool
        Show a progress bar on standard error.
    compiled : bool
        Run the steps as programs of NumPy, once each was captured twice: see `compile_step`. The figures are the same,
        to the last bit.

    Returns
    -------
    dict of str to list of float
        One figure an epoch: `"loss"`, each metric, and the same with `"val_"` before it. Those of the training examples
        are means over the batches as they were met, while the model was changing.

    Raises
    ------
    FloatingPointError
        If the loss is NaN or infinite; the model is as it was before that batch.
    ValueError
        If `x` and `y` differ in length, a number makes no sense, or the optimiser holds nothing of the model that could
        be trained.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = (x[:, 0] > 0).astype(int)
    >>> model = nn.Linear(2, 2, rng=0)
    >>> optimizer = nn.optim.SGD(model.parameters(), lr=1.0)
    >>> history = nn.fit(model, x, y, optimizer=optimizer, epochs=5, rng=0, progress=False)
    >>> len(history["loss"]), history["loss"][-1] < history["loss"][0]
    (5, True)
    """
    for name, value in (("epochs", epochs), ("patience", patience)):
        if value is not None and value < 1:
            raise ValueError(f"fit: {name} must be at least 1, got {value}")
    _check_optimizer(model, optimizer)
    loss = CrossEntropyLoss() if loss is None else loss
    figures: dict[str, Metric] = dict(metrics or {})
    batches = Batches(x, y, batch_size=batch_size, shuffle=True, rng=rng)
    watched = "loss" if validation is None else "val_loss"
    history: History = {}
    best: tuple[float, dict[str, NDArray[Any]]] = (math.inf, {})
    waited = 0
    was_training = model.training
    from tqdm import tqdm

    step = _step(model, loss, optimizer)
    if compiled:
        step = Compiled(step, Training(model, loss, optimizer))
    bar: Any = tqdm(total=epochs * len(batches), unit="batch", disable=not progress)
    try:
        for epoch in range(1, epochs + 1):
            bar.set_description(f"epoch {epoch}/{epochs}")
            seen = _epoch(model, batches, step, figures, bar, epoch)
            if validation is not None:
                judged = evaluate(model, *validation, loss=loss, metrics=figures)
                seen |= {f"val_{name}": value for name, value in judged.items()}
            for name, value in seen.items():
                history.setdefault(name, []).append(value)
            bar.set_postfix_str(", ".join(f"{name} {value:.4f}" for name, value in seen.items()))
            if patience is not None:
                waited += 1
                if seen[watched] < best[0]:
                    best, waited = (seen[watched], model.state_dict()), 0
            stop = [callback(model, history) for callback in callbacks]
            if any(stop) or waited == patience:
                break
        if best[1]:
            model.load_state_dict(best[1])
    finally:
        bar.close()
        model.train(was_training)
    return history


def _check_optimizer(model: Module, optimizer: Optimizer) -> None:
    """Raise if no step of the optimiser can change the model."""
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    shared = {name: parameter for name, parameter in model.named_parameters() if id(parameter) in held}
    if any(parameter.requires_grad for parameter in shared.values()):
        return
    kind, name = type(optimizer).__name__, type(model).__name__
    if shared:
        raise ValueError(
            f"fit: the optimizer, {kind}, holds nothing of the {name} that is not frozen: {', '.join(shared)}; thaw "
            f"them, requires_grad_(), or make the optimizer of what is to change"
        )
    own = ", ".join(f"{key} {parameter.shape}" for key, parameter in model.named_parameters())
    raise ValueError(
        f"fit: the optimizer, {kind} of {len(held)} parameters, holds none of the {name}'s ({own or 'it has none'}); "
        f"make it of the model that is trained, {kind}(model.parameters(), ...), and after whatever makes a new model, "
        f"such as model.astype or copy.deepcopy"
    )


def _step(model: Module, loss: Callable[[Any, Any], Tensor], optimizer: Optimizer) -> Step:
    """Return what takes a step, and returns the loss and the model's outputs; no step if the loss is not finite."""

    def step(x: Any, y: Any) -> tuple[Any, Any]:
        optimizer.zero_grad()
        outputs = model(x)
        value = loss(outputs, y)
        if np.isfinite(value.data).all():
            value.backward()
            optimizer.step()
        return value.data[()], outputs.data

    return step


def _epoch(
    model: Module, batches: Batches, step: Step, metrics: Mapping[str, Metric], bar: Any, epoch: int
) -> dict[str, float]:
    """Go through the examples once, and return the mean of each figure."""
    model.train()
    sums = dict.fromkeys(("loss", *metrics), 0.0)
    count = 0
    for number, (x, y) in enumerate(batches, start=1):
        value, outputs = step(x, y)
        figure = float(value)
        if not math.isfinite(figure):
            raise FloatingPointError(
                f"fit: the loss is {figure} in epoch {epoch}, batch {number} of {len(batches)}; a smaller learning "
                f"rate may help, and autograd_np.detect_anomaly() finds the operation that made it"
            )
        sums["loss"] += figure * len(x)
        for name, metric in metrics.items():
            sums[name] += metric(outputs, y) * len(x)
        count += len(x)
        bar.update()
    return {name: total / count for name, total in sums.items()}


def evaluate(
    model: Module,
    x: ArrayLike,
    y: ArrayLike,
    *,
    loss: Callable[[Any, Any], Tensor] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    batch_size: int = 1000,
) -> dict[str, float]:
    """Return the loss and the metrics of a model on examples, in evaluation mode and without recording.

    Parameters
    ----------
    model, x, y, loss, metrics
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
    outputs, targets = predict(model, x, batch_size=batch_size), np.asarray(y)
    figures = {"loss": loss(Tensor(outputs), targets).item()}
    return figures | {name: metric(outputs, targets) for name, metric in (metrics or {}).items()}


def predict(model: Module, x: ArrayLike, *, batch_size: int = 1000) -> NDArray[Any]:
    """Return a model's outputs as a plain array, in evaluation mode and without recording.

    Parameters
    ----------
    model : Module
        Its mode is what it was afterwards.
    x : array_like, shape (N, ...)
        Examples.
    batch_size : int
        How many go through the model at once.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.predict(nn.Linear(2, 3, rng=0), np.zeros((4, 2))).shape
    (4, 3)
    """
    was_training = model.training
    model.eval()
    try:
        with no_grad():
            batches = Batches(x, batch_size=batch_size, shuffle=False)
            return np.concatenate([np.asarray(model(batch)) for (batch,) in batches])
    finally:
        model.train(was_training)
