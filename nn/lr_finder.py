"""Which learning rate to begin with: a short training in which it grows from step to step, and the loss tells."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_np import Tensor
from nn.data import Batches
from nn.data.batches import check_count
from nn.module import Module
from nn.optim import Optimizer
from nn.training.arguments import loss_or_default

__all__ = ["RangeTest", "find_lr"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RangeTest:
    """How the loss went while the learning rate grew; see `find_lr`.

    Attributes
    ----------
    lrs : ndarray of float64
        The learning rate of each step; of several groups that of the one with the largest.
    losses : ndarray of float64
        The loss of each step's batch, before the step.
    smoothed : ndarray of float64
        Their exponential mean, which begins at the first one.
    suggestion : float or None
        The learning rate at which the loss falls most steeply, on the smoothed loss's way to its lowest point, without
        the first tenth of the steps. None if that has its lowest point there already.
    """

    lrs: Array = field(repr=False)
    losses: Array = field(repr=False)
    smoothed: Array = field(repr=False)
    suggestion: float | None

    def plot(self, ax: Any = None) -> Any:
        """Draw the losses against the learning rate, and mark the suggestion.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default the current axes, or a new figure if there is something on them.

        Returns
        -------
        matplotlib Axes
        """
        from nn import plots

        return plots.learning_rates(self.lrs, self.losses, self.smoothed, self.suggestion, ax)


def find_lr(
    model: Module,
    x: ArrayLike,
    y: ArrayLike,
    *,
    optimizer: Optimizer,
    loss: Callable[[Any, Any], Tensor] | None = None,
    start: float = 1e-7,
    end: float = 10.0,
    steps: int = 100,
    batch_size: int = 64,
    smooth_f: float = 0.05,
    diverge_th: float = 5.0,
    rng: np.random.Generator | int | None = None,
) -> RangeTest:
    """Train with a learning rate that grows from step to step, and suggest the one at which the loss falls fastest.

    The test ends early when the loss diverges. Afterwards all is as it was, to the bit, also if something raises:
    parameters, buffers, gradients, modes and generators of the model, and what the optimiser remembers, with its
    learning rates. To train with the suggestion, write `optimizer.lr = found.suggestion`; of groups that differ,
    multiply each learning rate by `found.suggestion` over the largest of them.

    Parameters
    ----------
    model, x, y, optimizer, loss, batch_size
        As for `fit`. Of an optimiser with several groups, the learning rates keep their ratios.
    start, end : float
        The first learning rate and the last; each step multiplies it by the same factor.
    steps : int
        How many steps it takes from one to the other. The examples are gone through again and again.
    smooth_f : float
        The part that each loss has in the smoothed one, in (0, 1]; 1 smooths nothing.
    diverge_th : float
        The test ends when the smoothed loss is more than so many times its lowest value; where that is negative, when
        it has risen as far.
    rng : numpy.random.Generator or int, optional
        The order of the examples, or its seed.

    Returns
    -------
    RangeTest
        `lrs`, `losses`, `smoothed`, the `suggestion`, and `plot()`.

    Raises
    ------
    FloatingPointError
        If the very first loss is NaN or infinite. A later one ends the test, and is not in the result.
    ValueError
        If `x` and `y` differ in length, a number makes no sense, the optimiser holds nothing of the model that could be
        trained, or a gradient is a Tensor.

    Notes
    -----
    The suggestion is a place to begin, not the best one: a plot shows how much room there is. For it, the losses are
    smoothed once more, from the lowest point backwards, so that it does not lag behind. With batches of a few examples
    take more steps.

    Restored are the attributes of the modules of `model`, and of `loss` if it is one, with the arrays and generators
    that they hold, and those of the optimiser. A generator that is kept elsewhere, as `rng` may be, goes on.

    References
    ----------
    L. N. Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> y = x @ [[1.0], [2.0], [3.0]]
    >>> model = nn.Linear(3, 1, dtype=np.float64, rng=0)
    >>> optimizer = nn.optim.SGD(model.parameters(), lr=1.0)
    >>> found = nn.find_lr(model, x, y, optimizer=optimizer, loss=nn.MSELoss(), rng=0)
    >>> 0.01 < found.suggestion < 1, len(found.losses) < 100, optimizer.lr
    (True, True, 1.0)
    """
    check_count("find_lr", "steps", steps, least=2)
    for name, value, sensible, wanted in (
        ("start", start, 0 < start < math.inf, "a learning rate above 0"),
        ("end", end, start < end < math.inf, f"a learning rate above the first, {start}"),
        ("smooth_f", smooth_f, 0 < smooth_f <= 1, "a part above 0, and at most 1"),
        ("diverge_th", diverge_th, diverge_th > 1, "a factor above 1"),
    ):
        if not sensible:
            raise ValueError(f"find_lr: {name}={value}; give {wanted}")
    _check_optimizer(model, optimizer)
    loss = loss_or_default("find_lr", loss)
    batches = Batches(x, y, batch_size=batch_size, shuffle=True, rng=rng)
    lrs = np.geomspace(start, end, steps)
    with _as_it_was(model, loss, optimizer), np.errstate(all="ignore"):  # a loss that is not finite is seen to
        losses = _until_it_diverges(_ramp(model, loss, optimizer, batches, lrs), smooth_f, diverge_th)
    if not losses:
        raise FloatingPointError(
            "find_lr: the loss is NaN or infinite in the first step, before anything has changed; "
            "autograd_np.detect_anomaly() finds the operation that made it"
        )
    lrs, smoothed = lrs[: len(losses)], _means(losses, smooth_f)
    return RangeTest(lrs, np.array(losses), smoothed, _suggestion(lrs, smoothed, smooth_f, skip=steps // 10))


def _check_optimizer(model: Module, optimizer: Optimizer) -> None:
    """Raise if no step of the optimiser can change the model."""
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    if not any(parameter.requires_grad and id(parameter) in held for parameter in model.parameters()):
        kind = type(optimizer).__name__
        raise ValueError(
            f"find_lr: the optimizer, {kind}, holds nothing of the {type(model).__name__} that is not frozen; make it "
            f"of the model that is trained, {kind}(model.parameters(), ...)"
        )


def _ramp(
    model: Module, loss: Callable[[Any, Any], Tensor], optimizer: Optimizer, batches: Batches, lrs: Array
) -> Iterator[float]:
    """Yield the loss of each batch before the step that is taken for it."""
    groups = optimizer.param_groups
    rates = [float(group["lr"]) for group in groups]
    ratios = [rate / max(rates) if max(rates) else 1.0 for rate in rates]
    model.train()
    for lr, (x, y) in zip(lrs.tolist(), itertools.chain.from_iterable(itertools.repeat(batches)), strict=False):
        for group, ratio in zip(groups, ratios, strict=True):
            group["lr"] = lr * ratio
        model.zero_grad()
        optimizer.zero_grad()
        value = loss(model(x), y)
        yield float(value.data)
        value.backward()
        optimizer.step()


def _until_it_diverges(values: Iterable[float], smooth_f: float, diverge_th: float) -> list[float]:
    """Return the losses up to the one by which their mean has diverged, or before the first that is not finite."""
    losses: list[float] = []
    mean, lowest = 0.0, math.inf
    for value in itertools.takewhile(math.isfinite, values):
        mean = (1 - smooth_f) * mean + smooth_f * value if losses else value
        losses.append(value)
        lowest = min(lowest, mean)
        if mean - lowest > (diverge_th - 1) * abs(lowest):
            break
    return losses


def _means(values: Iterable[float], smooth_f: float) -> Array:
    """Return the exponential mean of the values up to each."""
    return np.fromiter(itertools.accumulate(values, lambda mean, new: (1 - smooth_f) * mean + smooth_f * new), float)


def _suggestion(lrs: Array, smoothed: Array, smooth_f: float, skip: int) -> float | None:
    """Return where the loss falls most steeply, before its lowest point: what rises then may fall again.

    The first steps are skipped: where the mean begins at a batch that is harder than others, it falls for no reason.
    """
    lowest = int(smoothed.argmin())
    if lowest <= skip:
        return None
    # A mean of what has been lags behind, and falls fastest where the losses themselves are about to rise. One of what
    # is to come, taken of it, runs ahead by as much.
    backwards = _means(smoothed[lowest::-1], smooth_f)
    slopes = np.gradient(backwards[::-1])  # by steps, which are equal parts of the learning rate's logarithm
    return float(lrs[skip + slopes[skip:].argmin()])


@contextmanager
def _as_it_was(model: Module, loss: Any, optimizer: Optimizer) -> Generator[None]:
    """Put a model, a loss that is a module, and an optimiser back as they were, whatever happens in between."""
    owners: list[Any] = [*model.modules(), *(loss.modules() if isinstance(loss, Module) else ()), optimizer]
    namespaces: list[dict[str, Any]] = [vars(owner) for owner in owners]
    attributes = [(namespace, namespace.copy()) for namespace in namespaces]
    groups = [(group, dict(group)) for group in optimizer.param_groups]
    remembered = {parameter: copy.deepcopy(entries) for parameter, entries in optimizer.state.items()}
    values: list[Any] = [value for _, entries in attributes for value in entries.values()]
    values += [parameter for group in optimizer.param_groups for parameter in group["params"]]
    leaves = [value for value in values if isinstance(value, Tensor) and value.is_leaf]
    if any(isinstance(leaf.grad, Tensor) for leaf in leaves):
        raise ValueError(
            "find_lr: a gradient is a Tensor, of backward(create_graph=True), and could not be put back; take what you "
            "need of it, and call zero_grad() first"
        )
    tensors = [(leaf, leaf.data.copy(), leaf.grad) for leaf in leaves]
    arrays = [(value, value.copy()) for value in values if _is_array(value) and value.flags.writeable]
    generators = [(bits, copy.deepcopy(bits.state)) for bits in map(_bits, values) if bits is not None]
    try:
        yield
    finally:
        for now, before in attributes + groups:
            now.clear()
            now.update(before)
        optimizer.state = remembered
        for tensor, data, grad in tensors:
            tensor.data, tensor.grad = data, grad
        for array, content in arrays:
            array[...] = content
        for bits, state in generators:
            bits.state = state


def _is_array(value: object) -> TypeGuard[NDArray[Any]]:
    return isinstance(value, np.ndarray)


def _bits(value: object) -> Any:
    return value.bit_generator if isinstance(value, np.random.Generator) else None
