"""The loop over epochs and batches, and the state from which it goes on."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from autograd_np.tensor import plain
from nn.training.checkpoints import Checkpoints
from nn.training.generators import everybodys, generators_in, kinds_of, put_states, states_of, unrepeatable
from nn.training.interrupts import Interrupts
from nn.training.judging import Metric, figure_of
from nn.training.progress import PrintLog, ProgressBar
from nn.training.run import Callback, Figures, History, Run
from nn.training.setup import callbacks_described, differences, groups_described, module_described, parameters_described
from nn.training.sources import Arrays, Batch, Source, spoilt_in, transformed
from nn.training.step import NotFinite, Step
from nn.training.undoing import buffers_of, modules_of, others_of, put_buffers, undone_by_errors
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
    look : callable
        Raises if the examples cannot be judged; called before the first step.
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
        validate: Callable[[], Figures] | None, look: Callable[[], None], transform: Callable[[Any], Any] | None,
        accumulate: int, skip: bool, checkpoints: Checkpoints | None, setup: State,
    ) -> None:  # fmt: skip
        self.run, self.step, self.source, self.metrics = run, step, source, metrics
        self.validate, self.look = validate, look
        self.transform, self.accumulate, self.skip = transform, accumulate, skip
        self.checkpoints, self.setup = checkpoints, setup
        self._whole_setup: State = {}
        self.steps = 0
        roots = {
            "model": run.model, "loss": run.loss, "examples": source, "transform": transform,
            "callbacks": self._lasting(), "metrics": metrics, "validation": validate, **everybodys(),
        }  # fmt: skip
        self.generators = {} if checkpoints is None else generators_in(roots)
        self._now: State = {}  # where the generators were when a checkpoint was written
        self._begun: State = {}  # where the generators were when the epoch began
        self._means = self._no_means()
        self._skipped: list[str] = []
        self._warned = False  # of a validation that is not finite

    def go(self) -> History:
        """Train until the end, or until somebody stops it."""
        run = self.run
        with contextlib.nullcontext() if self.checkpoints is None else self.checkpoints.held():
            self._begin()
            resumed = run.batch > 0
            with Interrupts() as interrupts:
                while resumed or (run.history.stopped is None and run.epoch < run.epochs):
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
                    if interrupts.asked and run.history.stopped is None and run.epoch < run.epochs:
                        run.stop("interrupted")
            run.tell("on_train_end")
        return run.history

    def _begin(self) -> None:
        """Go on from the newest checkpoint, if there is one, or write the first one."""
        run, checkpoints = self.run, self.checkpoints
        if checkpoints is None:
            run.tell("on_train_begin")
            self.look()
            return
        if secret := unrepeatable(self.generators):
            raise ValueError(
                f"fit: checkpoint with {', '.join(secret)}, a SystemRandom, which draws other numbers each time: the "
                f"training could not go on as if it had never stopped; give a random.Random"
            )
        state = checkpoints.newest()
        if state is not None:
            self._check(state, checkpoints)
        with undone_by_errors(run, [*self._lasting(), checkpoints.best], self.generators):
            if state is not None:
                self._resume(state, checkpoints)
            run.tell("on_train_begin")
            checkpoints.best.on_train_begin(run)
            self.look()
        if state is None:
            self._write()

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
            group = [batch._replace(x=self._transformed(batch)) for batch in group]
        for batch in group:
            run.tell("on_batch_begin", batch.x, batch.y)
        try:
            losses, outputs = self.step(group)
        except NotFinite as fault:
            self._not_finite(fault, group[fault.batch])
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

    def _transformed(self, batch: Batch) -> Any:
        x: Any = batch.x
        # It may write into them; batches that are not made anew belong to somebody else.
        own = x if isinstance(self.source, Arrays) or not isinstance(batch.x, np.ndarray) else x.copy()
        return transformed(cast(Callable[[Any], Any], self.transform), own, length(batch.y))

    def _not_finite(self, fault: NotFinite, batch: Batch) -> None:
        run = self.run
        number = run.batch + fault.batch + 1
        of = "" if run.batches is None else f" of {run.batches}"
        text = f"{fault.what} in epoch {run.epoch}, batch {number}{of}: {fault.cause}"
        spoilt = spoilt_in(batch, "x" if self.transform is None else "what transform made of x")
        if spoilt:
            text += f"; {spoilt}"
        if not self.skip:
            advice = (
                "mend or leave out such examples"
                if spoilt
                else "a smaller learning rate or clip_grad_norm=1.0 may help"
            )
            raise FloatingPointError(
                f"fit: {text}. The model is as it was before this step; {advice}, and nonfinite='skip' leaves such "
                f"steps out"
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
            warnings.warn(f"fit: {self._skipped[0]}; the step was left out{rest}", RuntimeWarning, stacklevel=4)
        self._check_parameters()
        figures = self._means.values()
        run.figures = figures | ({} if self.validate is None else {f"val_{k}": v for k, v in self.validate().items()})
        if not self._warned and not np.isfinite(run.figures.get("val_loss", 0.0)):
            self._warned = True
            warnings.warn(
                f"fit: val_loss is {run.figures['val_loss']} after epoch {run.epoch}: look for NaN and infinity in the "
                f"validation and in what the model makes of it",
                RuntimeWarning,
                stacklevel=4,
            )
        run.history.add(run.figures)
        run.tell("on_epoch_end")
        if self.checkpoints is not None:
            self.checkpoints.epoch_ended(run, self.steps)
            run.batch = 0
            self._write()

    def _no_means(self) -> Means:
        return Means(dict.fromkeys(("loss", *self.metrics), 0.0))

    # -- going on -----------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        if self.checkpoints is not None:
            self._check_parameters()
            self.checkpoints.write(self._state(), self.steps)

    def _check_parameters(self) -> None:
        """Raise if there is nothing left to go on with, before that takes the place of a good checkpoint."""
        run = self.run
        for name, parameter in run.model.named_parameters():
            if parameter.requires_grad and not np.isfinite(plain(parameter)).all():
                raise FloatingPointError(
                    f"fit: the parameter {name} is NaN or infinite after step {self.steps}, in epoch {run.epoch}: the "
                    f"step was too large. Start anew with a smaller learning rate, or again from the last checkpoint, "
                    f"if there is one, which is as it was"
                )

    def _state(self) -> State:
        """Return all that decides how the training goes on."""
        run = self.run
        modules = modules_of(run)
        return {
            "setup": self._setup(),
            "steps": self.steps, "epoch": run.epoch, "batch": run.batch,
            "history": dict(run.history), "stopped": run.history.stopped, "figures": run.figures,
            "sums": self._means.sums, "counts": self._means.counts, "skipped": self._skipped,
            "modules": {name: module.state_dict() for name, module in modules.items()},
            "buffers": {name: buffers_of(module) for name, module in modules.items()},
            "others": [plain(parameter) for parameter in others_of(run)],
            "optimizer": run.optimizer.state_dict(),
            "callbacks": [callback.state_dict() for callback in self._lasting()],
            "best": self.checkpoints.best.state_dict() if self.checkpoints else {},
            "begun": self._begun, "now": states_of(self.generators),
        }  # fmt: skip

    def _setup(self) -> State:
        """Return what this training and one that goes on from it must have in common."""
        if not self._whole_setup:
            run = self.run
            kinds = [f"{name} {kind}" for name, kind in sorted(kinds_of(states_of(self.generators)).items())]
            self._whole_setup = {
                **self.setup,
                "model": module_described(run.model),
                "optimizer": f"{type(run.optimizer).__name__} {groups_described(run.optimizer.param_groups)}",
                "parameters": parameters_described(run.model, run.optimizer.param_groups),
                "callbacks": callbacks_described(self._lasting()),
                "generators of random numbers": "\n".join(kinds),
            }
        return self._whole_setup

    def _lasting(self) -> list[Callback]:
        """Return the callbacks that are a part of the training; what shows it depends on where that is."""
        return [callback for callback in self.run.callbacks if not isinstance(callback, PrintLog | ProgressBar)]

    def _resume(self, state: State, checkpoints: Checkpoints) -> None:
        """Go on from a checkpoint."""
        run = self.run
        self._whole_setup = state["setup"]
        for name, module in modules_of(run).items():
            put_buffers(module, state["buffers"][name])  # first: they may have come into being, or changed their dtype
            module.load_state_dict(state["modules"][name])
        for parameter, array in zip(others_of(run), state["others"], strict=True):
            parameter.data = array
        run.optimizer.load_state_dict(state["optimizer"])
        for callback, theirs in zip(self._lasting(), state["callbacks"], strict=True):
            callback.load_state_dict(theirs)
        checkpoints.best.load_state_dict(state["best"])
        self.steps, run.epoch, run.batch = state["steps"], state["epoch"], state["batch"]
        run.history.update({name: list(values) for name, values in state["history"].items()})
        run.history.stopped, run.figures = state["stopped"], state["figures"]
        self._means = Means(dict(state["sums"]), dict(state["counts"]))
        self._skipped, self._begun, self._now = list(state["skipped"]), state["begun"], state["now"]
        put_states(self.generators, self._begun if run.batch else self._now)

    def _check(self, state: State, checkpoints: Checkpoints) -> None:
        """Raise if a checkpoint is of another training, or of a later time."""
        now = self._setup()
        groups = f"{type(self.run.optimizer).__name__} {groups_described(state['optimizer']['param_groups'])}"
        # In the program that has trained so far, the optimiser has the learning rate of later on.
        different = differences(state["setup"], now, lambda name: name == "optimizer" and now[name] == groups)
        if different:
            raise ValueError(
                f"fit: the checkpoints in {checkpoints.folder} are of another training: {'; '.join(different)}. Give "
                f"another folder, or the same training"
            )
        if state["epoch"] > self.run.epochs:
            raise ValueError(
                f"fit: epochs={self.run.epochs}, and the checkpoints in {checkpoints.folder} are of epoch "
                f"{state['epoch']} already; give at least as many, or another folder"
            )
