"""A step: the gradient of one batch or of several, clipped, and the optimiser's update."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from autograd_np import Tensor, detect_anomaly
from autograd_np.compiling import Compiled
from autograd_np.tensor import plain
from nn.compiled import Training
from nn.module import Module, buffer_names
from nn.optim import Optimizer
from nn.training.generators import generators_in, put_states, states_of
from nn.training.sources import Batch
from nn.training.weights import heeding, total_of
from nn.utils import clip_grad_norm_, clip_grad_value_

__all__ = ["NotFinite", "Step"]


class NotFinite(Exception):
    """What of a step is NaN or infinite, and why; the model is as it was.

    Attributes
    ----------
    batch : int
        Which of the step's batches it was found in.
    what, cause : str
        The loss, or a parameter's gradient; and the operation that made it so.
    """

    def __init__(self, batch: int, what: str, cause: str) -> None:
        super().__init__(f"{what}: {cause}")
        self.batch, self.what, self.cause = batch, what, cause


class Step:
    """A step; called with batches, it returns the loss and the outputs of each.

    Parameters
    ----------
    model, loss, optimizer
        See `fit`.
    clip_norm, clip_value : float, optional
        Limits of gradients.
    compiled : bool
        Whether to run steps as programs.
    undisturbed : bool
        Whether nobody but the steps changes anything that they depend on; then programs need not look for that.
    computed : callable, optional
        Called when the gradients are computed.
    """

    def __init__(
        self, model: Module, loss: Callable[..., Tensor], optimizer: Optimizer, *,
        clip_norm: float | None = None, clip_value: float | None = None, compiled: bool = False,
        undisturbed: bool = False, computed: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self._model, self._given, self._optimizer = model, loss, optimizer
        self._loss = heeding("fit", loss)
        self._clip_norm, self._clip_value, self._computed = clip_norm, clip_value, computed
        # Shared by several groups or not, each is clipped once, and the optimiser's order is everybody's.
        self._parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self._generators = generators_in({"model": model, "loss": loss})
        self._begun = False
        self._take: Any = self._update
        if compiled:
            state = Training(model, loss, optimizer)
            program = Compiled(self._update, state, twice=not (undisturbed and _is_ours(model, loss, optimizer)))
            self._take = program.again if undisturbed else program

    def __call__(self, batches: Sequence[Batch]) -> tuple[Sequence[Any], Sequence[Any]]:
        """Take a step with the gradient of all the batches' examples together."""
        buffers = [
            (vars(part), name, value, _copy(value))
            for part in self._modules()
            for name in buffer_names(part)
            for value in [vars(part)[name]]
        ]
        states = states_of(self._generators)
        xs, ys, weights = (tuple(part) for part in zip(*batches, strict=True))
        shares = self._shares(batches)
        # A first step makes what the optimiser remembers; none is like it, so that a capture would be for nothing.
        take = self._take if self._begun or self._optimizer.state else self._update
        self._begun = True
        try:
            losses, outputs, finite = take(xs, ys, weights, shares)
        except NotFinite:
            _put(buffers)
            self._optimizer.zero_grad()
            raise
        if finite:
            return losses, outputs
        _put(buffers)
        put_states(self._generators, states)
        # A program draws its numbers, finds that it must not go on, and leaves the step to the function, which draws
        # others. Here are the gradients, which programs keep to themselves, and the numbers that a step draws.
        self._gradients(xs, ys, weights, shares)
        later = states_of(self._generators)
        _put(buffers)
        put_states(self._generators, states)
        try:
            raise self._explained(batches, losses)
        finally:
            put_states(self._generators, later)
            _put(buffers)
            self._optimizer.zero_grad()

    def _modules(self) -> Iterator[Module]:
        """Yield all parts of the model, and of the loss if that is a module."""
        for whole in (self._model, self._given):
            if isinstance(whole, Module):
                yield from whole.modules()

    def _shares(self, batches: Sequence[Batch]) -> tuple[Any, ...] | None:
        """Return each batch's share in the mean over all their examples; None if there is nothing to share."""
        if len(batches) == 1 or getattr(self._given, "reduction", "mean") == "sum":
            return None
        totals = np.array([total_of(self._given, batch.y, batch.weight) for batch in batches])
        return (*map(np.asarray, totals / (totals.sum() + (totals.sum() == 0))),)

    def _update(
        self, xs: Sequence[Any], ys: Sequence[Any], weights: Sequence[Any], shares: Sequence[Any] | None
    ) -> tuple[Any, Any, bool]:
        """Return losses and outputs, and whether all is finite; if not, nothing is updated."""
        losses, outputs, finite = self._gradients(xs, ys, weights, shares)
        if not finite or not self._gradients_are_finite():
            return losses, outputs, False
        if self._computed is not None:
            self._computed()
            if not self._gradients_are_finite():
                raise NotFinite(len(losses) - 1, self._not_finite(), "on_grad_computed of a callback made it so")
        if self._clip_value is not None:
            clip_grad_value_(self._parameters, self._clip_value)
        if self._clip_norm is not None:
            clip_grad_norm_(self._parameters, self._clip_norm)
        self._optimizer.step()
        return losses, outputs, True

    def _gradients(
        self, xs: Sequence[Any], ys: Sequence[Any], weights: Sequence[Any], shares: Sequence[Any] | None
    ) -> tuple[Any, Any, bool]:
        """Gather the gradient of all batches; return losses and outputs, and whether the losses are finite."""
        self._optimizer.zero_grad()
        losses: list[Any] = []
        outputs: list[Any] = []
        for x, y, weight, share in zip(xs, ys, weights, shares or [None] * len(xs), strict=True):
            output = self._model(x)
            value = self._loss(output, y, weight)
            losses.append(value.data[()])
            outputs.append(plain(output))
            if not np.isfinite(value.data).all():
                return losses, outputs, False
            (value if share is None else value * share.astype(value.dtype)).backward()
        return losses, outputs, True

    def _gradients_are_finite(self) -> bool:
        """Tell whether all gradients are finite: first by the sum of their squares, which is fast, but may overflow."""
        flat = [np.ravel(plain(p.grad)) for p in self._parameters if p.grad is not None]
        total = sum([np.dot(g, g) for g in flat])
        return bool(np.isfinite(total)) or all(np.isfinite(g).all() for g in flat)

    def _not_finite(self) -> str:
        """Say which gradients are not finite."""
        bad = [name for name, p in self._named() if p.grad is not None and not np.isfinite(plain(p.grad)).all()]
        return f"the gradient of {', '.join(bad[:3])}{' and more' if len(bad) > 3 else ''} is not finite"

    def _named(self) -> list[tuple[str, Tensor]]:
        names = {id(p): name for name, p in self._model.named_parameters()}
        return [(names.get(id(p), f"a parameter of shape {p.shape}"), p) for p in self._parameters]

    def _explained(self, batches: Sequence[Batch], losses: Sequence[Any]) -> NotFinite:
        """Go through the step once more, and find which operation made something NaN or infinite."""
        number = len(losses) - 1
        what = self._not_finite() if np.isfinite(losses[-1]).all() else f"the loss is {losses[-1]}"
        spoilt = [name for name, p in self._named() if not np.isfinite(p.data).all()]
        if spoilt:
            return NotFinite(number, what, f"the parameter {spoilt[0]} itself holds NaN or infinity")
        self._optimizer.zero_grad()
        try:
            with detect_anomaly():
                for index, batch in enumerate(batches):
                    number = index
                    self._loss(self._model(batch.x), batch.y, batch.weight).backward()
        except FloatingPointError as error:
            return NotFinite(number, what, str(error))
        return NotFinite(len(losses) - 1, what, "no operation made it so when the step was taken once more")


def _copy(buffer: Any) -> Any:
    """Return a copy of what a step may write into."""
    array: Any = buffer
    return array.copy() if isinstance(buffer, np.ndarray) and array.flags.writeable else None


def _put(buffers: Sequence[tuple[dict[str, Any], str, Any, Any]]) -> None:
    """Put buffers back, and what was in them."""
    for attributes, name, value, copy in buffers:
        attributes[name] = value
        if copy is not None:
            np.copyto(value, copy)


def _is_ours(*parts: Any) -> bool:
    """Tell whether all that is run is this package's, which does the same in each run, and need not be seen twice."""
    modules = [module for part in parts for module in (part.modules() if isinstance(part, Module) else [part])]
    called = [value for module in modules for value in vars(module).values() if callable(value)]
    hooked = any(vars(module).get(f"_forward_{kind}hooks") for module in modules for kind in ("", "pre_"))
    named = [thing if isinstance(thing, FunctionType) else _type(thing) for thing in [*modules, *called]]
    return not hooked and all(thing.__module__.partition(".")[0] == "nn" for thing in named)


_type: Any = type  # so named, it does not narrow types
