"""The loop over epochs and batches, and the state from which it goes on."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_np.tensor import plain
from nn.module import Module, buffer_names
from nn.training.checkpoints import Checkpoints
from nn.training.generators import generators_in, put_states, states_of
from nn.training.interrupts import Interrupts
from nn.training.judging import Metric, figure_of
from nn.training.progress import PrintLog, ProgressBar
from nn.training.run import Callback, Figures, History, Run
from nn.training.sources import Batch, Source
from nn.training.step import NotFinite, Step
from nn.training.weights import length, total_of

__all__ = ["Loop"]

State = dict[str, Any]


@dataclass
class Means:
    """The means of figures over batches, each of which counts by its examples."""

    sums: Figures
    counts: Figures = field(default_factory=dict[str, float])

    def add(self, name: str, value: float, count: float) -> None:
        """Count a batch's figure."""
        self.sums[name] += value * count
        self.counts[name] = self.counts.get(name, 0.0) + count

    def values(self) -> Figures:
        """Return the means of those that have any."""
        return {name: total / self.counts[name] for name, total in self.sums.items() if self.counts.get(name)}


class Loop:
    """A training: epochs of steps, each epoch followed by a validation.

    Parameters
    ----------
    run : Run
        What callbacks see.
    step : Step
        What takes a step.
    source : Source
        What is gone through.
    metrics : mapping of str to callable
        More figures than the loss.
    validate : callable, optional
        Returns the figures of the validation.
    transform : callable, optional
        Of each batch's examples.
    accumulate : int
        How many batches make a step.
    skip : bool
        Whether steps that are not finite are left out; otherwise they end the training.
    checkpoints : Checkpoints, optional
        Where the training is written down.
    setup : dict
        What a training that goes on must have in common with the one that it goes on from.
    """

    def __init__(
        self, run: Run, step: Step, source: Source, *, metrics: Mapping[str, Metric],
        validate: Callable[[], Figures] | None, transform: Callable[[Any], Any] | None, accumulate: int, skip: bool,
        checkpoints: Checkpoints | None, setup: State,
    ) -> None:  # fmt: skip
        self.run, self.step, self.source, self.metrics, self.validate = run, step, source, metrics, validate
        self.transform, self.accumulate, self.skip = transform, accumulate, skip
        self.checkpoints, self.setup = checkpoints, setup
        self.steps = 0
        self.generators = generators_in(
            {
                "model": run.model, "loss": run.loss, "examples": source, "transform": transform,
                "callbacks": self._lasting(),
            }
        )  # fmt: skip
        self._now: State = {}  # where the generators were when a checkpoint was written
        self._begun: State = {}  # where the generators were when the epoch began
        self._means = self._no_means()
        self._skipped: list[str] = []

    def go(self) -> History:
        """Train until the end, or until somebody stops it."""
        run = self.run
        resumed = self._resume()
        run.tell("on_train_begin")
        if self.checkpoints is not None:
            self.checkpoints.best.on_train_begin(run)
            if not self.steps:
                self._write()
        with Interrupts() as interrupts:
            while run.history.stopped is None and (run.epoch < run.epochs or resumed):
                if not resumed:
                    run.epoch, run.batch, self._means, self._skipped = run.epoch + 1, 0, self._no_means(), []
                    self._begun = states_of(self.generators) if self.checkpoints else {}
                resumed = False
                run.tell("on_epoch_begin")
                if not self._epoch(interrupts):
                    run.stop("interrupted")
                    run.epoch -= 1
                    break
                self._end_epoch()
                if interrupts.asked and run.history.stopped is None:
                    run.stop("interrupted")
        run.tell("on_train_end")
        return run.history

    def _epoch(self, interrupts: Interrupts) -> bool:
        """Go through the rest of the epoch; tell whether its end was reached."""
        run = self.run
        run.model.train()
        every = self.checkpoints.every if self.checkpoints else None
        batches = self.source.epoch(run.batch)
        if run.batch:
            put_states(self.generators, self._now)
        while group := [*itertools.islice(batches, self.accumulate)]:
            self._take(group)
            if interrupts.asked and run.batch != run.batches:
                self._write()
                return False
            if every and self.steps % every == 0 and run.batch != run.batches:
                self._write()
        return True

    def _take(self, group: list[Batch]) -> None:
        """Take a step with some batches, and count their figures."""
        run = self.run
        if self.transform is not None:
            group = [batch._replace(x=self.transform(batch.x)) for batch in group]
        for batch in group:
            run.tell("on_batch_begin", batch.x, batch.y)
        try:
            losses, outputs = self.step(group)
        except NotFinite as fault:
            self._not_finite(fault)
            run.batch += len(group)
            return
        run.tell("on_step_end")
        self.steps += 1
        for batch, loss, output in zip(group, losses, outputs, strict=True):
            self._means.add("loss", float(loss), total_of(run.loss, batch.y, batch.weight))
            for name, metric in self.metrics.items():
                figure = figure_of("fit", name, metric, output, plain(batch.y))
                self._means.add(name, figure, length(batch.y))
            run.batch += 1
            run.figures = self._means.values()
            run.tell("on_batch_end", batch.x, batch.y, float(loss), output)

    def _not_finite(self, fault: NotFinite) -> None:
        run = self.run
        number = run.batch + fault.batch + 1
        of = "" if run.batches is None else f" of {run.batches}"
        text = f"fit: {fault.what} in epoch {run.epoch}, batch {number}{of}: {fault.cause}"
        if not self.skip:
            raise FloatingPointError(
                f"{text}. The model is as it was before this step; a smaller learning rate or clip_grad_norm=1.0 may "
                f"help, and nonfinite='skip' leaves such steps out"
            ) from None
        self._skipped.append(text)

    def _end_epoch(self) -> None:
        """Validate, tell the callbacks, and write the checkpoint."""
        run = self.run
        if not run.batch:
            raise ValueError(f"fit: x yields no batches in epoch {run.epoch}; give what can be gone through again")
        if self._skipped:
            rest = f"; and {len(self._skipped) - 1} more in this epoch" if len(self._skipped) > 1 else ""
            if "loss" not in self._means.values():
                raise FloatingPointError(f"fit: no step of epoch {run.epoch} was finite. {self._skipped[0]}{rest}")
            warnings.warn(f"{self._skipped[0]}; the step was left out{rest}", RuntimeWarning, stacklevel=4)
        figures = self._means.values()
        run.figures = figures | ({} if self.validate is None else {f"val_{k}": v for k, v in self.validate().items()})
        run.history.add(run.figures)
        run.tell("on_epoch_end")
        if self.checkpoints is not None:
            self.checkpoints.epoch_ended(run)
            run.batch = 0
            self._write()

    def _no_means(self) -> Means:
        return Means(dict.fromkeys(("loss", *self.metrics), 0.0))

    # -- going on -----------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        if self.checkpoints is not None:
            self.checkpoints.write(self._state(), self.steps)

    def _state(self) -> State:
        """Return all that decides how the training goes on."""
        run = self.run
        return {
            "setup": self.setup,
            "steps": self.steps, "epoch": run.epoch, "batch": run.batch,
            "history": dict(run.history), "stopped": run.history.stopped,
            "sums": self._means.sums, "counts": self._means.counts, "skipped": self._skipped,
            "model": run.model.state_dict(), "buffers": _buffers(run.model),
            "loss": run.loss.state_dict() if isinstance(run.loss, Module) else {},
            "optimizer": run.optimizer.state_dict(),
            "callbacks": [[type(callback).__name__, callback.state_dict()] for callback in self._lasting()],
            "best": self.checkpoints.best.state_dict() if self.checkpoints else {},
            "begun": self._begun, "now": states_of(self.generators),
        }  # fmt: skip

    def _lasting(self) -> list[Callback]:
        """Return the callbacks that are a part of the training; what shows it depends on where that is."""
        return [callback for callback in self.run.callbacks if not isinstance(callback, PrintLog | ProgressBar)]

    def _resume(self) -> bool:
        """Go on from the newest checkpoint, if there is one; tell whether that is in the midst of an epoch."""
        state = self.checkpoints.newest() if self.checkpoints else None
        if state is None or self.checkpoints is None:
            return False
        run = self.run
        self._check(state)
        run.model.load_state_dict(state["model"])
        for path, arrays in state["buffers"].items():
            vars(run.model.get_submodule(path)).update({name: np.array(array) for name, array in arrays.items()})
        if isinstance(run.loss, Module):
            run.loss.load_state_dict(state["loss"])
        run.optimizer.load_state_dict(state["optimizer"])
        for callback, (_, theirs) in zip(self._lasting(), state["callbacks"], strict=True):
            callback.load_state_dict(theirs)
        self.checkpoints.best.load_state_dict(state["best"])
        self.steps, run.epoch, run.batch = state["steps"], state["epoch"], state["batch"]
        run.history.update({name: list(values) for name, values in state["history"].items()})
        run.history.stopped = state["stopped"]
        self._means = Means(dict(state["sums"]), dict(state["counts"]))
        self._skipped, self._begun, self._now = list(state["skipped"]), state["begun"], state["now"]
        put_states(self.generators, self._begun if run.batch else self._now)
        return run.batch > 0

    def _check(self, state: State) -> None:
        """Raise if a checkpoint is of another training."""
        folder = self.checkpoints.folder if self.checkpoints else ""
        callbacks = [type(callback).__name__ for callback in self._lasting()]
        pairs = {
            **{name: (state["setup"].get(name), value) for name, value in self.setup.items()},
            "callbacks": ([name for name, _ in state["callbacks"]], callbacks),
            "generators of random numbers": (sorted(state["now"]), sorted(self.generators)),
        }
        different = [f"{name} was {old} and is {new}" for name, (old, new) in pairs.items() if old != new]
        if different:
            raise ValueError(
                f"fit: the checkpoints in {folder} are of another training: {'; '.join(different)}. Give another "
                f"folder, or the same training"
            )


def _buffers(model: Module) -> State:
    """Return the buffers that a state dict leaves out."""
    kept = model.state_dict()
    found: State = {}
    for path, part in model.named_modules():
        for name in buffer_names(part):
            value: Any = vars(part)[name]
            if value is not None and (f"{path}.{name}" if path else name) not in kept:
                found.setdefault(path, {})[name] = np.array(value)
    return found
