"""A look at a few examples before the first step: what cannot be judged is refused before anything has changed."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from autograd_np import no_grad
from autograd_np.tensor import plain
from nn.data import Batches, DataLoader, IterableDataset
from nn.module import Module, buffer_names
from nn.training.generators import everybodys, generators_in, put_states, states_of, unrepeatable
from nn.training.judging import Metric, evaluate, figure_of, keeping_modes
from nn.training.run import Run
from nn.training.sources import Arrays, is_stream, transformed
from nn.training.undoing import modules_of
from nn.training.weights import heeding

__all__ = ["look"]

Look = Callable[[], object]


def look(
    run: Run, held: Any, metrics: Mapping[str, Metric], examples: Arrays | None,
    transform: Callable[[Any], Any] | None,
) -> None:  # fmt: skip
    """Judge some of the validation's examples, and of those that are trained with, and leave all as it was.

    Two examples tell most; of integers those with the least and the largest, for a label that is out of range is one of
    them. What fails with these need not fail with more, as a metric may that wants examples of each class; then more
    decide.

    Parameters
    ----------
    run : Run
        Model and loss.
    held : tuple or iterable of batches, optional
        The validation.
    metrics : mapping of str to callable
        All are asked.
    examples : Arrays, optional
        What is trained with; None if it yields batches of its own.
    transform : callable, optional
        Of examples that are trained with.
    """
    roots = {"model": run.model, "loss": run.loss, "metrics": metrics, "validation": held, "transform": transform}
    generators = generators_in({**roots, **everybodys()})
    if unrepeatable(generators):
        return
    if held is not None:
        with _as_it_was(run, metrics, generators), _noted("the validation was looked at"):
            _first_that_decides(_of_validation(run, held, metrics))
    if examples is not None:
        arrays, count = examples.arrays, len(examples.arrays[0])
        spread = np.unique(np.linspace(0, count - 1, min(examples.batch_size, count)).astype(int))
        with _as_it_was(run, metrics, generators), _noted("some of the examples were looked at"):
            _first_that_decides(
                lambda rows=rows: _of_training(run, [array[rows] for array in arrays], metrics, transform)
                for rows in (_extremes(arrays[1]), spread)
            )


def _first_that_decides(looks: Iterable[Look]) -> None:
    """Take looks until one of them raises nothing, or raise the last one's error."""
    fault: Exception | None = None
    for take in looks:
        try:
            take()
        except Exception as error:
            fault = error
        else:
            return
    if fault is not None:
        raise fault


def _of_validation(run: Run, held: Any, metrics: Mapping[str, Metric]) -> list[Look]:
    def judged(x: Any, y: Any = None, weight: Any = None) -> object:
        return evaluate(run.model, x, y, loss=run.loss, metrics=metrics, sample_weight=weight)

    if not is_stream(held):
        parts: list[NDArray[Any]] = [np.asarray(part) for part in held]
        rows = _extremes(parts[1])
        return [lambda: judged(*(part[rows] for part in parts)), lambda: judged(*parts)]
    if isinstance(held, list | Batches) or (isinstance(held, DataLoader) and _can_begin_anew(held)):
        batches = cast(Iterable[Any], held)
        return [lambda: judged([next(iter(batches))]), lambda: judged(batches)]
    return []  # to begin such a stream once more may change it


def _can_begin_anew(loader: DataLoader) -> bool:
    return loader.sampler is None and loader.batch_sampler is None and not isinstance(loader.dataset, IterableDataset)


def _of_training(
    run: Run, parts: Sequence[NDArray[Any]], metrics: Mapping[str, Metric], transform: Callable[[Any], Any] | None
) -> None:
    x, y, *weights = parts
    with keeping_modes(run.model), no_grad():
        run.model.train()
        outputs = run.model(x if transform is None else transformed(transform, x, len(y)))
        heeding("fit", run.loss)(outputs, y, weights[0] if weights else None)
        for name, metric in metrics.items():
            figure_of("fit", name, metric, plain(outputs), y)


def _extremes(y: NDArray[Any]) -> NDArray[np.intp]:
    """Return two rows, or one if there are no more: of integers those with the least and the largest."""
    rows = [0, len(y) - 1]
    if y.dtype.kind in "iu" and y.size:
        size = y.size // len(y)
        rows = [int(y.argmin()) // size, int(y.argmax()) // size]
        if rows[0] == rows[1]:
            rows = [rows[0], len(y) - 1 if rows[0] == 0 else 0]
    return np.unique(rows)


@contextlib.contextmanager
def _noted(done: str) -> Generator[None]:
    try:
        yield
    except Exception as error:
        error.add_note(f"fit: so it was when {done} before the first step; nothing was trained")
        raise


@contextlib.contextmanager
def _as_it_was(run: Run, metrics: Mapping[str, Metric], generators: Mapping[str, Any]) -> Generator[None]:
    """Put back what modules and metrics remember, and where generators were; say nothing of warnings that will come."""
    modules = [part for module in modules_of(run).values() for part in module.modules()]
    owners: list[Any] = [*modules, *(metric for metric in metrics.values() if not isinstance(metric, Module))]
    namespaces: list[dict[str, Any]] = [vars(owner) for owner in owners if hasattr(owner, "__dict__")]
    attributes = [(namespace, namespace.copy()) for namespace in namespaces]
    values: list[Any] = [value for _, names in attributes for value in names.values()]
    kept: list[tuple[Any, Any]] = [(value, value.copy()) for value in values if type(value) in (list, dict, set)]
    buffers: list[Any] = [vars(part)[name] for part in modules for name in buffer_names(part)]
    contents = [(buffer, buffer.copy()) for buffer in buffers if _is_writable(buffer)]
    states = states_of(generators)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        for now, before in [*attributes, *kept]:
            now.clear()
            (now.extend if isinstance(now, list) else now.update)(before)  # pyright: ignore[reportUnknownMemberType]
        for buffer, content in contents:
            np.copyto(buffer, content)
        put_states(generators, states)


def _is_writable(buffer: Any) -> bool:
    return type(buffer) is np.ndarray and buffer.flags.writeable
