"""Training a model: what everybody's loop does, with one call."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from autograd_np import Tensor
from nn.data.batches import check_count
from nn.losses import CrossEntropyLoss
from nn.module import Module
from nn.optim import Optimizer
from nn.training.callbacks import EarlyStopping
from nn.training.checkpoints import Checkpoints
from nn.training.judging import Metric, evaluate
from nn.training.loop import Loop
from nn.training.progress import shown
from nn.training.run import Callback, Figures, History, Run
from nn.training.setup import loss_described, named
from nn.training.sources import Arrays, Source, Stream, is_stream, parts_of, rows
from nn.training.step import Step
from nn.training.weights import check_weightable, checked_weights, class_weights

__all__ = ["fit"]

AfterEpoch = Callable[[Module, History], bool | None]


def fit(
    model: Module,
    x: ArrayLike | Iterable[Any],
    y: ArrayLike | None = None,
    *,
    optimizer: Optimizer,
    loss: Callable[..., Tensor] | None = None,
    epochs: int = 10,
    batch_size: int = 64,
    validation: tuple[Any, ...] | Iterable[Any] | None = None,
    validation_split: float | None = None,
    metrics: Mapping[str, Metric] | None = None,
    sample_weight: ArrayLike | None = None,
    class_weight: Mapping[Any, float] | str | None = None,
    clip_grad_norm: float | None = None,
    clip_grad_value: float | None = None,
    accumulate: int = 1,
    transform: Callable[[Any], Any] | None = None,
    patience: int | None = None,
    callbacks: Sequence[Callback | AfterEpoch] = (),
    checkpoint: str | os.PathLike[str] | Checkpoints | None = None,
    nonfinite: str = "raise",
    rng: np.random.Generator | int | None = None,
    progress: bool = True,
    compiled: bool = False,
) -> History:
    """Train a model by mini-batches, with a progress bar.

    Parameters
    ----------
    model : Module
        Called with batches of `x`. It is in training mode while it trains, and has its old mode afterwards.
    x : array_like, shape (N, ...), or iterable of batches
        Examples; a file that is mapped into memory may be larger than that. Or what yields pairs of a batch of examples
        and one of targets, and may yield the examples' weights besides, each time anew: a DataLoader of this package or
        of PyTorch, a list.
    y : array_like, shape (N, ...)
        Their labels or targets; left out with batches.
    optimizer : Optimizer
        Holds the model's parameters, or some of them.
    loss : callable, default CrossEntropyLoss()
        From outputs and targets to a scalar, the mean over the batch. With weights of examples, one that is no loss of
        this package is given them as a third argument.
    epochs : int
        How many times the examples are gone through.
    batch_size : int
        Examples in a batch; the last one of an epoch has what is left.
    validation : (x, y), (x, y, sample_weight), or iterable of batches, optional
        Examples to judge the model by after each epoch, in evaluation mode.
    validation_split : float, optional
        In place of `validation`: the share of examples, the last ones of `x` as they are given, to judge the model by,
        and not to train with.
    metrics : mapping of str to callable, optional
        More figures than the loss: functions of plain outputs and targets, such as `accuracy`.
    sample_weight : array_like, shape (N,), optional
        How much each example counts; the loss is the mean of the examples' losses with these weights.
    class_weight : mapping, or "balanced", optional
        How much the examples of each class count; balanced: N / (number of classes · examples of the class).
    clip_grad_norm, clip_grad_value : float, optional
        Limits of the norm of all gradients together, and of each of their numbers: see `nn.utils.clip_grad_norm_`.
    accumulate : int
        How many batches make a step, which is that of one batch of all their examples.
    transform : callable, optional
        Applied to each batch of training examples, such as those of `nn.data` that augment images.
    patience : int, optional
        Stop early after so many epochs without a lower loss (of the validation, if there is one), and go back to the
        best state: `nn.callbacks.EarlyStopping`.
    callbacks : sequence
        Of `nn.callbacks.Callback`; or functions, which are called after each epoch with the model and the history so
        far, and of which one that returns True ends the training.
    checkpoint : path-like or Checkpoints, optional
        A folder in which the training is written down after each epoch, and from which it goes on when it is started
        again: see `Checkpoints`.
    nonfinite : {"raise", "skip"}
        What to do where a loss or a gradient is NaN or infinite: end the training, or leave the step out and warn.
    rng : numpy.random.Generator or int, optional
        The order of the examples, or its seed.
    progress : bool
        Show a bar on standard error, in a notebook its widget; where it is no terminal, a line for each epoch.
    compiled : bool
        Run the steps as programs of NumPy, once each was captured twice: see `compile_step`. The figures are the same,
        to the last bit.

    Returns
    -------
    History
        A dict with one figure an epoch: `"loss"`, each metric, and the same with `"val_"` before it. Those of the
        training examples are means over the batches as they were met, while the model was changing; metrics heed no
        weights. `stopped` says why it ended early, if it did.

    Raises
    ------
    FloatingPointError
        If a loss or gradient is NaN or infinite; the error names epoch, batch, parameter and operation, and the model
        is as it was before that step.
    TypeError, ValueError
        If arrays differ in length, an argument makes no sense, the optimiser holds nothing of the model that could be
        trained, or the checkpoints are of another training.
    OSError
        If a checkpoint cannot be written; the earlier ones are as they were.
    RuntimeError
        If another training writes its checkpoints into the same folder.

    Notes
    -----
    The first Ctrl-C ends the training after the present step, with a checkpoint and the history so far; the second one
    ends it at once.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = (x[:, 0] > 0).astype(int)
    >>> model = nn.Linear(2, 2, rng=0)
    >>> optimizer = nn.optim.SGD(model.parameters(), lr=1.0)
    >>> history = nn.fit(model, x, y, optimizer=optimizer, epochs=5, validation_split=0.2, rng=0, progress=False)
    >>> list(history), history["loss"][-1] < history["loss"][0]
    (['loss', 'val_loss'], True)
    """
    for name, count in (("epochs", epochs), ("accumulate", accumulate)):
        check_count("fit", name, count, least=1)
    _check_options(clip_grad_norm, clip_grad_value, nonfinite, metrics, transform)
    _check_optimizer(model, optimizer)
    loss = CrossEntropyLoss() if loss is None else loss
    if sample_weight is not None or class_weight is not None:
        check_weightable("fit", loss)
    source, held = _sources(x, y, sample_weight, class_weight, validation, validation_split, batch_size, rng)
    figures: dict[str, Metric] = dict(metrics or {})
    told = _callbacks(callbacks, patience, progress, compiled)
    if isinstance(checkpoint, str | os.PathLike):
        checkpoint = Checkpoints(checkpoint)
    run = Run(model, loss, optimizer, epochs, told, batches=source.batches, examples=source.examples)
    run.names = tuple(
        f"{prefix}{name}" for prefix in ("", "val_")[: 1 + (held is not None)] for name in ("loss", *figures)
    )
    step = Step(
        model, loss, optimizer, clip_norm=clip_grad_norm, clip_value=clip_grad_value, compiled=compiled,
        computed=lambda: run.tell("on_grad_computed"),
    )  # fmt: skip
    loop = Loop(
        run, step, source, metrics=figures, transform=transform, accumulate=accumulate, skip=nonfinite == "skip",
        checkpoints=checkpoint, validate=None if held is None else lambda: _judged(run, held, figures),
        setup={
            **source.described(), "validation": _held_described(held), "loss": loss_described(loss),
            "metrics": ", ".join(figures), "accumulate": str(accumulate), "transform": named(transform),
            "clip_grad_norm": str(clip_grad_norm), "clip_grad_value": str(clip_grad_value), "nonfinite": nonfinite,
        },
    )  # fmt: skip
    with contextlib.ExitStack() as stack:  # all of them are tidied up, whichever of them fails
        stack.callback(model.train, model.training)
        for callback in reversed(told):
            stack.callback(callback.close)
        return loop.go()


def _held_described(held: Any) -> str:
    """Return what tells the examples of the validation from others."""
    if held is None:
        return "None"
    return str((Stream(held) if is_stream(held) else Arrays([np.asarray(part) for part in held], 1, 0)).described())


def _judged(run: Run, held: Sequence[Any] | Iterable[Any], metrics: Mapping[str, Metric]) -> Figures:
    """Return the figures of the validation."""
    if is_stream(held):
        return evaluate(run.model, held, loss=run.loss, metrics=metrics)
    x, y, *weight = held
    return evaluate(run.model, x, y, loss=run.loss, metrics=metrics, sample_weight=weight[0] if weight else None)


def _sources(
    x: Any, y: Any, sample_weight: Any, class_weight: Any, validation: Any, split: float | None, batch_size: int,
    rng: np.random.Generator | int | None,
) -> tuple[Source, Any]:  # fmt: skip
    """Return what is trained with, and what is held back to judge the model by."""
    if validation is not None and not is_stream(validation):
        if not isinstance(validation, tuple | list) or len(given := cast(Sequence[Any], validation)) not in (2, 3):
            raise TypeError("fit: validation is to be (x, y), (x, y, sample_weight), or something that yields batches")
        parts_of("fit: validation", given[0], given[1], [("sample_weight", weight) for weight in given[2:]])
    if is_stream(x):
        for name, value in (("y", y), ("sample_weight", sample_weight), ("validation_split", split)):
            if value is not None:
                raise TypeError(
                    f"fit: {name} with an x, a {type(x).__name__}, that yields batches of its own; leave it out: they "
                    f"hold targets and weights, and validation=(x, y) is given apart"
                )
        return Stream(x, class_weight), cast(Any, validation)
    arrays = parts_of("fit", x, y, [("sample_weight", sample_weight)])
    if sample_weight is not None:
        arrays[2] = checked_weights("fit: sample_weight", arrays[2])
    if split is not None:
        arrays, validation = _split(arrays, split, validation)
    if class_weight is not None:
        by_class = class_weights("fit: class_weight", arrays[1], class_weight)
        arrays = [*arrays[:2], by_class * arrays[2] if len(arrays) == 3 else by_class]
    return Arrays(arrays, batch_size, rng), cast(Any, validation)


def _split(arrays: list[Any], share: float, validation: Any) -> tuple[list[Any], list[Any]]:
    """Hold back the last rows."""
    if validation is not None:
        raise ValueError("fit: validation and validation_split; leave one of them out")
    if not isinstance(share, Real) or not 0 < share < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"fit: validation_split={share!r}; give a number between 0 and 1")
    count = len(arrays[0])
    held = round(count * share)
    if not 0 < held < count:
        raise ValueError(
            f"fit: validation_split={share} of {count} examples leaves none to {'train' if held else 'judge'} by"
        )
    train, judged = rows(arrays, slice(count - held)), rows(arrays, slice(count - held, None))
    y, theirs = train[1], judged[1]
    if y.ndim == 1 and y.dtype.kind not in "fc" and not np.isin(theirs, y).any():
        raise ValueError(
            "fit: validation_split holds back the last examples, whose labels are none of the others': the examples "
            "are sorted; shuffle x and y together first"
        )
    return train, judged


def _callbacks(
    given: Sequence[Callback | AfterEpoch], patience: int | None, progress: bool, compiled: bool
) -> list[Callback]:
    """Return who is told: those who stop early first, and who shows it last."""
    found: list[Callback] = [] if patience is None else [EarlyStopping(patience)]
    for callback in given:
        if isinstance(callback, type) or not (isinstance(callback, Callback) or callable(callback)):  # pyright: ignore[reportUnnecessaryIsInstance]
            what = f"the class {callback.__name__}" if isinstance(callback, type) else f"a {type(callback).__name__}"  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"fit: callbacks holds {what}; give objects of nn.callbacks.Callback, or functions")
        found.append(callback if isinstance(callback, Callback) else _Function(callback))
    if compiled and any(type(c).on_grad_computed is not Callback.on_grad_computed for c in found):
        raise ValueError("fit: on_grad_computed with compiled=True: a program keeps gradients to itself; leave one out")
    return [*found, shown()] if progress else found


class _Function(Callback):
    """A function that is called after each epoch."""

    def __init__(self, function: AfterEpoch) -> None:
        self.function = function

    def on_epoch_end(self, run: Run) -> None:
        if self.function(run.model, run.history):
            run.stop(f"{named(self.function)} asked for it")


def _check_options(norm: Any, value: Any, nonfinite: str, metrics: Mapping[str, Any] | None, transform: Any) -> None:
    for name, limit in (("clip_grad_norm", norm), ("clip_grad_value", value)):
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, Real) or not float(limit) > 0):
            raise ValueError(f"fit: {name}={limit!r}; give a number above 0")
    if nonfinite not in ("raise", "skip"):
        raise ValueError(f"fit: nonfinite={nonfinite!r}; give 'raise' or 'skip'")
    if metrics is not None and not isinstance(metrics, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"fit: metrics is a {type(metrics).__name__}; give a dict, such as {{'accuracy': nn.accuracy}}")
    functions: dict[str, Any] = {**(metrics or {}), "transform": transform}
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise TypeError(f"fit: {name} is a {type(function).__name__}; give a function")
    if metrics and "loss" in metrics:
        raise ValueError("fit: a metric is called 'loss', which is the loss itself; give it another name")


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
