"""Backpropagation three ways, side by side: automatic, written by hand, and by finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_np import Tensor, no_grad
from nn import reference
from nn.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from nn.losses import CrossEntropyLoss
from nn.module import Module

__all__ = ["Comparison", "ParameterComparison", "compare_backprop", "hand_written"]

Array = NDArray[Any]
Gradients = Mapping[str, Array]
Backward = Callable[[Mapping[str, Array], Array, Array], Gradients]

# Two ways of computing the same sums differ by rounding; differences near a kink of a ReLU add a little to the other.
_EXACT, _NUMERICAL = 1e-10, 1e-5


@dataclass(frozen=True)
class ParameterComparison:
    """One parameter's line of the table.

    Attributes
    ----------
    name : str
        As in `named_parameters`.
    shape : tuple of int
        Of the parameter.
    norm : float
        Euclidean norm of the automatic gradient.
    manual : float or None
        Largest difference of the hand-written gradient from the automatic one, relative to the latter's largest entry.
    numerical : float
        Largest difference of the numerical derivatives from the automatic gradient, along random directions and at
        sampled entries, relative to what was to be expected there.
    """

    name: str
    shape: tuple[int, ...]
    norm: float
    manual: float | None
    numerical: float

    @property
    def agrees(self) -> bool:
        """Whether all ways give the same gradient."""
        return (self.manual is None or self.manual <= _EXACT) and self.numerical <= _NUMERICAL


@dataclass(frozen=True)
class Comparison:
    """The gradients of a model, computed in several ways; `print` it for a table.

    Attributes
    ----------
    rows : tuple of ParameterComparison
        One for each parameter.
    loss : float
        The loss that was differentiated.
    """

    rows: tuple[ParameterComparison, ...]
    loss: float

    @property
    def agrees(self) -> bool:
        """Whether all ways give the same gradients."""
        return all(row.agrees for row in self.rows)

    def __str__(self) -> str:
        lines = [("parameter", "shape", "|gradient|", "hand-written", "numerical", "")]
        for row in self.rows:
            manual = "none" if row.manual is None else f"{row.manual:.1e}"
            lines.append(
                (
                    row.name,
                    str(row.shape),
                    f"{row.norm:.2e}",
                    manual,
                    f"{row.numerical:.1e}",
                    "agrees" if row.agrees else "DIFFERS",
                )
            )
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        title = "Automatic gradients (float64), and how far the other ways are from them, relatively:"
        table = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        ways = (
            "All three ways agree."
            if self.rows and self.rows[0].manual is not None
            else ("Both ways agree; there is no hand-written pass for this model.")
        )
        different = ", ".join(row.name for row in self.rows if not row.agrees)
        verdict = ways if self.agrees else f"They differ in {different}."
        return "\n".join([title, *table, verdict])


def compare_backprop(
    model: Module,
    x: ArrayLike,
    y: ArrayLike,
    *,
    loss: Callable[[Any, Any], Tensor] | None = None,
    backward: Backward | None = None,
    directions: int = 3,
    entries: int = 5,
    rng: np.random.Generator | int = 0,
) -> Comparison:
    """Compare a model's automatic gradients with a hand-written backward pass and with finite differences.

    It works on a float64 copy of the model in evaluation mode (so that dropout draws nothing), and leaves the model as
    it is. The numerical derivatives are central differences along a few random directions and at a few entries of
    each parameter, so that it takes a second or two for a quarter of a million parameters as well.

    Parameters
    ----------
    model : Module
        Called with `x`.
    x, y : array_like, shapes (N, ...) and (N,)
        A batch of examples and labels.
    loss : callable, default CrossEntropyLoss()
        From outputs and targets to a scalar.
    backward : callable, optional
        The hand-written pass: from the parameters by name, `x` and `y` to the gradients by name. By default the
        series' own, for a model that has the form of one of its networks (see `hand_written`).
    directions, entries : int
        How many numerical derivatives to take for each parameter.
    rng : numpy.random.Generator or int
        Draws the directions and entries.

    Returns
    -------
    Comparison
        Its `agrees` is the verdict; printed, it is a table with a line for each parameter.

    Raises
    ------
    ValueError
        If the hand-written pass returns other names or shapes than the model's parameters have.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> model = nn.Sequential(nn.Linear(4, 3, rng=0), nn.ReLU(), nn.Linear(3, 2, rng=1))
    >>> x, y = np.random.default_rng(0).normal(size=(5, 4)), np.array([0, 1, 1, 0, 1])
    >>> comparison = nn.compare.compare_backprop(model, x, y)
    >>> comparison.agrees, len(comparison.rows)
    (True, 4)
    """
    loss = CrossEntropyLoss() if loss is None else loss
    rng = np.random.default_rng(rng)
    own_pass = backward or (hand_written(model) if isinstance(loss, CrossEntropyLoss) else None)
    model = model.astype(np.float64).eval()
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y)
    parameters = dict(model.named_parameters())
    model.zero_grad()
    value = loss(model(x), y)
    value.backward()
    automatic = {name: np.zeros(p.shape) if p.grad is None else p.grad for name, p in parameters.items()}
    manual: Gradients | None = None
    if own_pass is not None:
        manual = own_pass({name: p.data for name, p in parameters.items()}, x, y)
        _check(manual, automatic)

    def loss_at() -> float:
        with no_grad():
            return loss(model(x), y).item()

    rows = tuple(
        ParameterComparison(
            name=name,
            shape=p.shape,
            norm=float(np.linalg.norm(automatic[name])),
            manual=None if manual is None else _relative(manual[name], automatic[name]),
            numerical=max(
                _numerical(loss_at, p, automatic[name], direction, scale)
                for direction, scale in _directions(automatic[name], directions, entries, rng)
            ),
        )
        for name, p in parameters.items()
    )
    return Comparison(rows, value.item())


def _check(manual: Gradients, automatic: Gradients) -> None:
    """Raise if the hand-written gradients are not those of the same parameters."""
    if manual.keys() != automatic.keys():
        raise ValueError(
            f"compare_backprop: the hand-written pass returned gradients for {sorted(manual)}, but the parameters are "
            f"{sorted(automatic)}"
        )
    for name, gradient in automatic.items():
        if manual[name].shape != gradient.shape:
            raise ValueError(
                f"compare_backprop: the hand-written gradient of {name} has shape {manual[name].shape}, the parameter "
                f"{gradient.shape}"
            )


def _relative(a: Array, b: Array) -> float:
    """Return the largest difference, relative to the largest entry."""
    scale = np.abs(b).max(initial=0.0)
    difference = np.abs(a - b).max(initial=0.0)
    return float(difference / scale) if scale else float(difference)


def _directions(
    gradient: Array, directions: int, entries: int, rng: np.random.Generator
) -> Iterator[tuple[Array, float]]:
    """Draw directions of length 1, and the size that a derivative along each is expected to have."""
    norm = float(np.linalg.norm(gradient))
    for _ in range(directions):
        direction = rng.normal(size=gradient.shape)
        yield direction / np.linalg.norm(direction), norm / math.sqrt(gradient.size)
    # The largest entry, since the smallest say little, and others at random.
    places = [int(np.abs(gradient).argmax()), *rng.integers(gradient.size, size=max(0, entries - 1)).tolist()]
    for place in places[:entries]:
        direction = np.zeros(gradient.size)
        direction[place] = 1.0
        yield direction.reshape(gradient.shape), float(np.abs(gradient).max())


def _numerical(loss_at: Callable[[], float], p: Tensor, gradient: Array, direction: Array, scale: float) -> float:
    """Return how far the central difference along a direction is from the gradient's, relative to `scale`."""
    original = p.data.copy()
    expected = float(np.sum(gradient * direction))

    def difference(h: float) -> float:
        try:
            p.data = original + h * direction
            above = loss_at()
            p.data = original - h * direction
            below = loss_at()
        finally:
            p.data = original
        # Rounding of the two losses limits what can be seen: gradients far below it are judged absolutely.
        smallest = 1e-6 * max(1.0, abs(above))
        return abs((above - below) / (2 * h) - expected) / max(scale, abs(expected), smallest)

    # A kink of a ReLU or a maximum inside the step spoils it, and a smaller step avoids it; wrong gradients stay wrong.
    found = math.inf
    for h in (1e-5, 1e-6, 1e-7):
        found = min(found, difference(h))
        if found <= _NUMERICAL / 10:
            break
    return found


def hand_written(model: Module) -> Backward | None:
    """Return the series' hand-written backward pass for a model that has the form of one of its networks.

    The forms are, with a Flatten before them or not, Linear-ReLU-Linear (`reference.backward_mlp`),
    Linear-ReLU-Linear-ReLU-Linear (`reference.backward_mlp_3layer`), and Conv2d-ReLU-MaxPool2d-Flatten-Linear on one
    channel, without stride or padding, with pooling by 2 (`reference.backward_cnn`). The loss is the mean
    cross-entropy.

    Parameters
    ----------
    model : Module
        Any model.

    Returns
    -------
    callable or None
        From the parameters by name, the examples and the labels to the gradients by name; None for other models.

    Examples
    --------
    >>> import nn
    >>> model = nn.Sequential(nn.Linear(4, 3, rng=0), nn.ReLU(), nn.Linear(3, 2, rng=0))
    >>> nn.compare.hand_written(model) is None
    False
    >>> nn.compare.hand_written(nn.Linear(4, 3, rng=0)) is None
    True
    """
    if not isinstance(model, Sequential):
        return None
    layers = list(model)
    form = [type(layer) for layer in layers]
    if form[:1] == [Flatten]:
        form = form[1:]
    names = [name for name, _ in model.named_parameters()]
    if form == [Linear, ReLU, Linear] and len(names) == 4:
        return lambda p, x, y: _mlp(dict(zip(names, p.values(), strict=True)), x, y)
    if form == [Linear, ReLU, Linear, ReLU, Linear] and len(names) == 6:
        return lambda p, x, y: _mlp(dict(zip(names, p.values(), strict=True)), x, y)
    if form == [Conv2d, ReLU, MaxPool2d, Flatten, Linear] and len(names) == 4 and _is_series_cnn(layers):
        return _cnn
    return None


def _is_series_cnn(layers: list[Module]) -> bool:
    conv, _, pool = layers[:3]
    assert isinstance(conv, Conv2d)
    assert isinstance(pool, MaxPool2d)
    return (conv.in_channels, conv.stride, conv.padding) == (1, (1, 1), (0, 0)) and (
        pool.kernel_size,
        pool.stride,
        pool.padding,
    ) == ((2, 2), (2, 2), (0, 0))


def _mlp(p: Mapping[str, Array], x: Array, y: Array) -> Gradients:
    """Call `backward_mlp` or `backward_mlp_3layer`, whose weights are `(in, out)` and biases rows."""
    X = x.reshape(len(x), -1)
    weights = [w.T if w.ndim == 2 else w[np.newaxis] for w in p.values()]
    labels = np.eye(weights[-1].shape[1])[y]
    Z1 = X @ weights[0] + weights[1]
    if len(weights) == 4:
        A1, A2 = reference.forward_mlp(X, *weights)
        gradients = reference.backward_mlp(X, A1, A2, labels, weights[0], weights[2], Z1)
    else:
        A1, A2, A3 = reference.forward_mlp_3layer(X, *weights)
        Z2 = A1 @ weights[2] + weights[3]
        gradients = reference.backward_mlp_3layer(X, A1, A2, A3, labels, weights[0], weights[2], weights[4], Z1, Z2)
    back = [g.T if w.ndim == 2 else g[0] for g, w in zip(gradients, p.values(), strict=True)]
    return dict(zip(p, back, strict=True))


def _cnn(p: Mapping[str, Array], x: Array, y: Array) -> Gradients:
    """Call `backward_cnn`, whose images and filters have no axis for the one channel."""
    X = x[:, 0]
    filters, b_conv, W, b = p.values()
    labels = np.eye(len(b))[y]
    Z, A, P, probs = reference.forward_cnn(X, filters[:, 0], b_conv[np.newaxis], W.T, b[np.newaxis])
    g_filters, g_conv, g_W, g_b = reference.backward_cnn(X, Z, A, P, probs, labels, filters[:, 0], W.T)
    return dict(zip(p, (g_filters[:, np.newaxis], g_conv[0], g_W.T, g_b[0]), strict=True))
