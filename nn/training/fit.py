"""Training a model: what everybody's loop does, with one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from numbers import Real
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from autograd_np import Tensor
from nn.data.batches import check_count
from nn.losses import CrossEntropyLoss, NLLLoss
from nn.module import Module
from nn.optim import Optimizer
from nn.optim.lr_scheduler import LRScheduler as Schedule
from nn.training.arguments import (
    check_choice,
    check_flag,
    check_function,
    check_limit,
    check_loss,
    check_metrics,
    check_model,
    check_optimizer,
    checked_generator,
    kind_of,
    loss_or_default,
)
from nn.training.callbacks import EarlyStopping, LRScheduler
from nn.training.checkpoints import Checkpoints
from nn.training.hooks import check_hooks
from nn.training.judging import Metric, evaluate, keeping_modes
from nn.training.loop import Loop
from nn.training.progress import Progress, shown
from nn.training.run import Callback, Figures, History, Run
from nn.training.setup import loss_described, named, transform_described
from nn.training.sources import Arrays, Source, Stream, is_stream, parts_of, refuse_with_stream
from nn.training.step import Step
from nn.training.trial import look
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
    batch_size: int | None = None,
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
    batch_size : int, optional
        Examples in a batch, by default 64; the last one of an epoch has what is left. Batches have their own size.
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
        The order of the examples, which is another one in each epoch, or its seed. As batches of
        ``DataLoader(TensorDataset(x, y), batch_size=64)`` they keep their own order.
    progress : bool
        Show a bar on standard error, in a notebook its widget; where it is no terminal, a line for each epoch. A
        `PrintLog` or `ProgressBar` among the callbacks takes its place.
    compiled : bool
        Run the steps as programs of NumPy, once each was captured: see `compile_step`. The figures are the same, to the
        last bit.

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
    Where there is a validation, or metrics, the model, the loss and the metrics are tried with a few examples before
    the first step, so that what cannot be judged is refused before anything has changed. Generators of random numbers
    are put back; of batches, only a list, `nn.data.Batches` or a `nn.data.DataLoader` is begun for it.

    Where both limits of gradients are given, numbers are clipped first, and then the norm. A training that was stopped
    by a callback stays stopped when it is started again from its checkpoint.

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
    _check_arguments(locals())
    loss = loss_or_default("fit", loss)
    figures = dict(metrics or {})
    if sample_weight is not None or class_weight is not None:
        check_weightable("fit", loss)
    source, held = _sources(x, y, loss, sample_weight, class_weight, validation, validation_split, batch_size, rng)
    told = _callbacks(callbacks, patience, progress, compiled)
    if isinstance(checkpoint, str | os.PathLike):
        checkpoint = Checkpoints(checkpoint)
    run = Run(model, loss, optimizer, epochs, told, batches=source.batches)
    run.names = tuple(
        f"{prefix}{name}" for prefix in ("", "val_")[: 1 + (held is not None)] for name in ("loss", *figures)
    )
    step = Step(
        model, loss, optimizer, clip_norm=clip_grad_norm, clip_value=clip_grad_value, compiled=compiled,
        undisturbed=held is None and transform is None and not figures and _is_undisturbed(source, told),
        computed=(lambda: run.tell("on_grad_computed")) if any(map(_looks_at_gradients, told)) else None,
    )  # fmt: skip
    loop = Loop(
        run, step, source, metrics=figures, transform=transform, accumulate=accumulate, skip=nonfinite == "skip",
        checkpoints=checkpoint, validate=None if held is None else lambda: _judged(run, held, figures),
        look=lambda: _look(run, source, held, figures, transform),
        setup={
            **source.described(), "validation": _held_described(held), "loss": loss_described(loss),
            "metrics": ", ".join(figures), "accumulate": str(accumulate), "transform": transform_described(transform),
            "clip_grad_norm": str(clip_grad_norm), "clip_grad_value": str(clip_grad_value), "nonfinite": nonfinite,
        },
    )  # fmt: skip
    with ExitStack() as stack:  # all of them are tidied up, whichever of them fails
        stack.enter_context(keeping_modes(model))
        for callback in reversed(told):
            stack.callback(callback.close)
        return loop.go()


def _held_described(held: Any) -> str:
    """Return what tells the examples of the validation from others."""
    if held is None:
        return "None"
    arrays = [] if is_stream(held) else [np.asarray(part) for part in held]
    source = Arrays(arrays, 1, np.random.default_rng(0)) if arrays else Stream(held, "fit: validation")
    return str(source.described())


def _look(
    run: Run, source: Source, held: Any, metrics: Mapping[str, Metric], transform: Callable[[Any], Any] | None
) -> None:
    """Look, if there is anything to judge, whether that can be done."""
    if held is not None or metrics:
        look(run, held, metrics, source if isinstance(source, Arrays) else None, transform)


def _judged(run: Run, held: Sequence[Any] | Iterable[Any], metrics: Mapping[str, Metric]) -> Figures:
    """Return the figures of the validation."""
    if is_stream(held):
        return evaluate(run.model, held, loss=run.loss, metrics=metrics)
    x, y, *weight = held
    return evaluate(run.model, x, y, loss=run.loss, metrics=metrics, sample_weight=weight[0] if weight else None)


def _sources(
    x: Any, y: Any, loss: Any, sample_weight: Any, class_weight: Any, validation: Any, split: float | None,
    batch_size: int | None, rng: Any,
) -> tuple[Source, Any]:  # fmt: skip
    """Return what is trained with, and what is held back to judge the model by."""
    if validation is not None:
        _check_validation(validation, split, loss)
    if is_stream(x):
        refuse_with_stream(
            "fit", x, y=y, sample_weight=sample_weight, validation_split=split, batch_size=batch_size, rng=rng
        )
        return Stream(x, "fit: x", class_weight), validation
    arrays = parts_of("fit", x=x, y=y, sample_weight=sample_weight)
    if sample_weight is not None:
        arrays[2] = checked_weights("fit: sample_weight", arrays[2])
    if split is not None:
        arrays, validation = _split(arrays, split, loss)
    if class_weight is not None:
        by_class = class_weights("fit: class_weight", arrays[1], class_weight)
        arrays = [*arrays[:2], by_class * arrays[2] if len(arrays) == 3 else by_class]
    return Arrays(arrays, 64 if batch_size is None else batch_size, checked_generator("fit", rng)), validation


def _check_validation(validation: Any, split: float | None, loss: Any) -> None:
    if split is not None:
        raise ValueError(f"fit: validation and validation_split={split!r}; leave one of them out")
    if is_stream(validation) and not isinstance(validation, tuple):
        Stream(validation, "fit: validation")
        return
    if not isinstance(validation, tuple | list) or len(parts := cast(Sequence[Any], validation)) not in (2, 3):
        raise TypeError(
            f"fit: validation is {kind_of(validation)}; give (x, y), (x, y, sample_weight), or something that yields "
            f"batches again and again, such as a list or a DataLoader"
        )
    if is_stream(validation):
        raise TypeError(
            "fit: validation is a tuple whose first part is several arrays; give (x, y) with one array as x, or a list "
            "of batches"
        )
    weights = parts_of("fit: validation", **dict(zip(("x", "y", "sample_weight"), parts, strict=False)))[2:]
    for weight in weights:
        checked_weights("fit: validation: sample_weight", weight)
        check_weightable("fit: validation", loss)


def _split(arrays: list[Any], share: float, loss: Any) -> tuple[list[Any], list[Any]]:
    """Hold back the last rows, as views: nothing is read of a file that is mapped into memory."""
    if not isinstance(share, Real) or not 0 < share < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"fit: validation_split={share!r}; give a number between 0 and 1")
    count = len(arrays[0])
    held = round(count * share)
    if not 0 < held < count:
        raise ValueError(
            f"fit: validation_split={share} of {count} examples leaves none to {'train with' if held else 'judge by'}; "
            f"give a number between {0.5 / count:.3g} and {1 - 0.5 / count:.3g}"
        )
    train, judged = ([array[part] for array in arrays] for part in (slice(count - held), slice(count - held, None)))
    y, theirs = train[1], judged[1]
    if isinstance(loss, CrossEntropyLoss | NLLLoss) and not np.isin(theirs, y).any():
        raise ValueError(
            "fit: validation_split holds back the last examples, whose labels are none of the others': the examples "
            "are sorted; shuffle x and y together first"
        )
    for part, what in ((train, "trains"), (judged, "is judged")):
        for weight in part[2:]:
            checked_weights(f"fit: validation_split: the sample_weight of those by which it {what}", weight)
    return train, judged


def _callbacks(callbacks: Any, patience: int | None, progress: bool, compiled: bool) -> list[Callback]:
    """Return who is told: those who stop early first, and who shows it last."""
    if isinstance(callbacks, Callback) or not isinstance(callbacks, Iterable):
        raise TypeError(f"fit: callbacks is {kind_of(callbacks)}; give a list of them")
    found: list[Callback] = [] if patience is None else [EarlyStopping(patience)]
    for callback in cast(Iterable[Any], callbacks):
        if isinstance(callback, Schedule):
            raise TypeError(
                f"fit: callbacks holds {kind_of(callback)} itself; give nn.callbacks.LRScheduler(schedule, "
                f"every='epoch'), or every='step' where it counts steps of the optimizer"
            )
        if isinstance(callback, type) or not (isinstance(callback, Callback) or callable(callback)):
            raise TypeError(
                f"fit: callbacks holds {kind_of(callback)}; give objects of nn.callbacks.Callback, or functions"
            )
        if isinstance(callback, Callback):
            check_hooks(callback)
        found.append(callback if isinstance(callback, Callback) else _Function(cast(AfterEpoch, callback)))
    if compiled and any(map(_looks_at_gradients, found)):
        raise ValueError("fit: on_grad_computed with compiled=True: a program keeps gradients to itself; leave one out")
    return [*found, shown()] if progress and not any(isinstance(c, Progress) for c in found) else found


def _looks_at_gradients(callback: Callback) -> bool:
    return type(callback).on_grad_computed is not Callback.on_grad_computed


def _is_undisturbed(source: Source, callbacks: Sequence[Callback]) -> bool:
    """Tell whether no code runs between steps but such of this package as changes nothing that they depend on."""
    ours = [type(c).__module__.startswith("nn.") and not isinstance(c, LRScheduler | _Function) for c in callbacks]
    return isinstance(source, Arrays) and all(ours)


class _Function(Callback):
    """A function that is called after each epoch."""

    def __init__(self, function: AfterEpoch) -> None:
        check_function("fit", "one of callbacks", function, "model", "history")
        self.function = function

    def on_epoch_end(self, run: Run) -> None:
        answer: Any = self.function(run.model, run.history)
        if not isinstance(answer, bool | np.bool_ | None):
            raise TypeError(
                f"fit: one of callbacks, {named(self.function)}, returned {kind_of(answer)}; give one that returns "
                f"True to end the training, or else None or False"
            )
        if answer:
            run.stop(f"{named(self.function)} asked for it")


def _check_arguments(options: Mapping[str, Any]) -> None:
    """Raise if one of the arguments of `fit` makes no sense by itself."""
    check_model("fit", options["model"])
    check_optimizer(options["model"], options["optimizer"])
    if options["loss"] is not None:
        check_loss("fit", options["loss"])
    check_metrics("fit", options["metrics"])
    for name in ("epochs", "batch_size", "accumulate", "patience"):
        if options[name] is not None or name in ("epochs", "accumulate"):
            check_count("fit", name, options[name], least=1)
    for name in ("clip_grad_norm", "clip_grad_value"):
        if options[name] is not None:
            check_limit("fit", name, options[name])
    for name in ("progress", "compiled"):
        check_flag("fit", name, options[name])
    check_choice("fit", "nonfinite", options["nonfinite"], "raise", "skip")
    if options["transform"] is not None:
        check_function("fit", "transform", options["transform"], "x")
    checkpoint = options["checkpoint"]
    if checkpoint is not None and not isinstance(checkpoint, str | os.PathLike | Checkpoints):
        raise TypeError(f"fit: checkpoint is {kind_of(checkpoint)}; give the path of a folder, or nn.Checkpoints")
