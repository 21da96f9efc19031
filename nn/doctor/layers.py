"""Mistakes in the backward rule of a layer: a table of them, each with the rule that makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nn import functional as F
from nn.doctor.evidence import Hypothesis, listed
from nn.doctor.trials import Call, Rule, Trial
from nn.layers import (
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from nn.module import Module

__all__ = ["NORMALISING", "ORDERS", "SPREAD", "WEIGHTED", "in_layers", "pooled"]

Array = NDArray[Any]

WEIGHTED = (Linear, Conv2d)
NORMALISING = (BatchNorm1d, BatchNorm2d)


class _Mistake(NamedTuple):
    """A mistake in layers of a kind: its name, how it comes about, the thought behind it, and the rule that makes it.

    In `made` stands {the} for the layers, and {kept} for the 1 - p of a Dropout. The rule returns the gradients that
    are wrong, or none at all where a layer leaves no room for the mistake.
    """

    name: str
    kinds: type[Module] | tuple[type[Module], ...]
    made: str
    thought: str
    rule: Rule


SPREAD = "pooling that spreads its gradient over ties"
"""The name of a mistake that numerical gradients may not find: at a tie there is none that is right."""

_EVERY_MAXIMUM = (
    "the gradient was sent wherever the input equals the window's maximum (A == P), which with ties is so in several "
    "places; max pooling sends it to the first"
)
_CHAIN = "delta = delta @ W.T was thought to be all there is, and the factor {} of the activation left out"
_TAKEN_OF_Z = "the formula {} is for the layer's output A, and was given its input Z"
_TAKEN_OF_A = "the derivative was taken as a function of the layer's input Z, and was given its output A"
_MASK = "a unit that was dropped has no gradient, and the gradient of the others is divided by 1 - p, as they are"


def _sigmoid(z: Array) -> Array:
    return np.asarray(F.sigmoid(z))


def _unmasked(_call: Call, g: Array) -> Mapping[str, Array]:
    return {"x": g}


def _times(slope: Callable[[Call], Array]) -> Rule:
    """Return the rule that multiplies the gradient by a wrong derivative."""

    def rule(call: Call, g: Array) -> Mapping[str, Array]:
        return {"x": g * slope(call)}

    return rule


def _scaled(power: int) -> Rule:
    """Return dropout's rule, with its factor 1 / (1 - p) left out or put in once more."""

    def rule(call: Call, g: Array) -> Mapping[str, Array]:
        layer: Any = call.layer
        return {"x": call.vjp(g)["x"] * (1 - layer.p) ** power} if 0 < layer.p < 1 else {}

    return rule


def _drawn_anew(call: Call, g: Array) -> Mapping[str, Array]:
    return {"x": call.again(g)}


def pooled(share: Callable[[Array, Call], Array]) -> Rule:
    """Return the rule of a pooling that sends each cell of a window its share of the window's gradient."""

    def rule(call: Call, g: Array) -> Mapping[str, Array]:
        layer: Any = call.layer
        (top, left), kernel, (down, right), (d, e) = layer.padding, layer.kernel_size, layer.stride, layer.dilation
        height, width = call.y.shape[2:]
        # Where only parts of the last windows fit, they reach further out than the padding does.
        last = (down * (height - 1) + d * (kernel[0] - 1) + 1, right * (width - 1) + e * (kernel[1] - 1) + 1)
        ends = [max(p, n - size - p) for p, n, size in zip(layer.padding, last, call.x.shape[2:], strict=True)]
        margins = [(0, 0), (0, 0), (top, ends[0]), (left, ends[1])]
        padded = np.pad(call.x, margins, constant_values=-np.inf)
        places = [(d * i, e * j) for i, j in np.ndindex(kernel)]
        cuts = [np.s_[:, :, i : i + down * height : down, j : j + right * width : right] for i, j in places]
        windows = np.stack([padded[cut] for cut in cuts])  # (kh kw, N, C, H', W')
        total = np.zeros(padded.shape)
        for cut, part in zip(cuts, share(windows, call) * g, strict=True):
            total[cut] += part
        return {"x": total[:, :, top : padded.shape[2] - ends[0], left : padded.shape[3] - ends[1]]}

    return rule


def _one_cell(choose: Callable[[Array, tuple[int, int]], Array]) -> Rule:
    """Return the rule of a pooling that sends the gradient to one cell of each window, counted row by row."""

    def share(windows: Array, call: Call) -> Array:
        layer: Any = call.layer
        places = np.arange(len(windows)).reshape(-1, 1, 1, 1, 1)
        return places == choose(windows, layer.kernel_size)

    return pooled(share)


def _largest(windows: Array) -> Array:
    return windows == windows.max(axis=0)


def _turned_cell(windows: Array, kernel: tuple[int, int]) -> Array:
    """Return the cell whose row and column are the largest one's, exchanged."""
    row, column = np.divmod(windows.argmax(axis=0), kernel[1])
    return column * kernel[1] + row if kernel[0] == kernel[1] else windows.argmax(axis=0)


def _without_row(place: int, names: Sequence[str] = ("weight", "bias")) -> Rule:
    """Return the rule of a layer whose own gradients, or one of them, are summed over all examples but one."""

    def rule(call: Call, g: Array) -> Mapping[str, Array]:
        if len(g) < 2:
            return {}
        g = g.copy()
        g[place] = 0
        return {name: value for name, value in call.vjp(g).items() if name in names}

    return rule


def _wrong_axis(call: Call, g: Array) -> Mapping[str, Array]:
    return {"bias": g.sum(axis=tuple(range(1, g.ndim)))} if "bias" in call.parameters else {}


def _through_transpose(call: Call, g: Array) -> Mapping[str, Array]:
    weight: Any = call.layer
    rows, columns = weight.weight.shape
    return {"x": g @ weight.weight.data.T} if rows == columns else {}


def _through_flipped(call: Call, g: Array) -> Mapping[str, Array]:
    layer: Any = call.layer
    return {"x": call.vjp(g, weight=layer.weight.data[:, :, ::-1, ::-1].copy())["x"]}


def _constant_statistics(call: Call, g: Array) -> Mapping[str, Array]:
    layer: Any = call.layer
    axes = (0, *range(2, call.x.ndim))
    slope = 1 / np.sqrt(call.x.var(axis=axes, keepdims=True) + layer.eps)
    if layer.weight is not None:
        slope = slope * layer.weight.data.reshape(slope.shape)
    return {"x": g * slope}


def _without_weight(call: Call, g: Array) -> Mapping[str, Array]:
    if "weight" not in call.parameters:
        return {}
    return {"x": call.vjp(g, weight=np.ones_like(call.parameters["weight"].data))["x"]}


# How the cells of an example, its axes C, H and W, may be laid out in another order than theirs.
ORDERS = {
    "the channels last, as (H, W, C)": (2, 3, 1),
    "the first axis fastest, as order='F' does": (3, 2, 1),
    "columns before rows, as (C, W, H)": (1, 3, 2),
}


def _taken_apart(order: tuple[int, ...]) -> Rule:
    """Return the rule of a Flatten whose gradient is brought into the images' shape in another order."""

    def rule(call: Call, g: Array) -> Mapping[str, Array]:
        if call.x.ndim != 4 or g.ndim != 2:
            return {}
        back = g.reshape(len(g), *(call.x.shape[axis] for axis in order))
        return {"x": back.transpose(0, *(1 + order.index(axis) for axis in (1, 2, 3)))}

    return rule


_IN_LAYERS = [
    _Mistake(
        "missing ReLU mask",
        ReLU,
        "the derivative of {the} is taken to be 1 everywhere, not only where its input is positive",
        _CHAIN.format("(Z > 0)"),
        _unmasked,
    ),
    *(
        _Mistake(
            "activation in place of its derivative",
            kind,
            "the gradient is multiplied by what comes out of {the}, and not by its derivative",
            f"delta * A stands for delta * {slope}",
            _times(lambda call: call.y),
        )
        for kind, slope in ((ReLU, "(A > 0)"), (Sigmoid, "A * (1 - A)"), (Tanh, "(1 - A**2)"))
    ),
    _Mistake(
        "missing derivative of the sigmoid",
        Sigmoid,
        "the derivative of {the} is left out",
        _CHAIN.format("A * (1 - A)"),
        _unmasked,
    ),
    _Mistake(
        "missing derivative of tanh",
        Tanh,
        "the derivative of {the} is left out",
        _CHAIN.format("1 - A**2"),
        _unmasked,
    ),
    _Mistake(
        "missing derivative of the softmax",
        Softmax,
        "the derivative of {the} is left out",
        "only beside a cross-entropy that takes the logits does the softmax's derivative cancel; after any other loss, "
        "delta = P * (delta - (delta * P).sum(axis=1, keepdims=True)) is left to do",
        _unmasked,
    ),
    _Mistake(
        "derivative of the sigmoid taken of Z",
        Sigmoid,
        "the derivative of {the} is taken as z * (1 - z) of its input, the values before the sigmoid, "
        "and not as a * (1 - a) of its output",
        _TAKEN_OF_Z.format("A * (1 - A)"),
        _times(lambda call: call.x * (1 - call.x)),
    ),
    _Mistake(
        "derivative of tanh taken of Z",
        Tanh,
        "the derivative of {the} is taken as 1 - z**2 of its input, the values before tanh, and not as "
        "1 - a**2 of its output",
        _TAKEN_OF_Z.format("1 - A**2"),
        _times(lambda call: 1 - call.x**2),
    ),
    _Mistake(
        "derivative of the sigmoid taken of A",
        Sigmoid,
        "the derivative of {the} is taken at its output: the sigmoid is applied twice",
        _TAKEN_OF_A,
        _times(lambda call: _sigmoid(call.y) * (1 - _sigmoid(call.y))),
    ),
    _Mistake(
        "derivative of tanh taken of A",
        Tanh,
        "the derivative of {the} is taken at its output: tanh is applied twice",
        _TAKEN_OF_A,
        _times(lambda call: 1 - np.tanh(call.y) ** 2),
    ),
    _Mistake(
        "derivative of the softmax without its off-diagonal part",
        Softmax,
        "the derivative of {the} is taken to be p * (1 - p) for each element by itself",
        "that is how a sigmoid is differentiated; each output of a softmax depends on all of its inputs, which adds "
        "-p_i * p_j for any two of them",
        _times(lambda call: call.y * (1 - call.y)),
    ),
    _Mistake(
        "mask drawn twice",
        Dropout,
        "{the} draws a new mask for the backward pass, and does not use the forward pass's again",
        "dropout was called on the gradient as it is on the activations, where the mask of the forward pass belongs",
        _drawn_anew,
    ),
    _Mistake(
        "missing dropout mask",
        Dropout,
        "{the} lets the whole gradient through, also that of the units which it drops",
        f"the mask of the forward pass was not kept for the backward pass; {_MASK}",
        _unmasked,
    ),
    _Mistake(
        "dropout's scale missing",
        Dropout,
        "{the} multiplies the gradient by its mask of zeros and ones, without the division by 1 - p = {kept:.6g}",
        f"the mask alone was kept, and not what the activations were multiplied by; {_MASK}",
        _scaled(1),
    ),
    _Mistake(
        "dropout's scale doubled",
        Dropout,
        "{the} divides the gradient twice by 1 - p = {kept:.6g}",
        f"the mask was scaled already; {_MASK}",
        _scaled(-1),
    ),
    _Mistake(
        SPREAD,
        MaxPool2d,
        "{the} shares the gradient of a window evenly among its largest elements",
        _EVERY_MAXIMUM,
        pooled(lambda windows, _: _largest(windows) / _largest(windows).sum(axis=0)),
    ),
    _Mistake(
        SPREAD,
        MaxPool2d,
        "{the} gives the whole gradient of a window to each of its largest elements",
        _EVERY_MAXIMUM,
        pooled(lambda windows, _: _largest(windows)),
    ),
    _Mistake(
        "pooling that sends its gradient to all cells",
        MaxPool2d,
        "{the} gives the whole gradient of a window to each of its cells",
        "the gradient was repeated, as np.repeat and np.kron do, and the mask of the largest element left out",
        pooled(lambda windows, _: np.ones_like(windows)),
    ),
    _Mistake(
        "max pooling differentiated as mean pooling",
        MaxPool2d,
        "{the} shares the gradient of a window evenly among all its cells",
        "that is the derivative of a mean; a maximum's gradient goes to the largest element alone",
        pooled(lambda windows, _: np.full_like(windows, 1 / len(windows))),
    ),
    _Mistake(
        "pooling to the wrong place",
        MaxPool2d,
        "{the} sends the gradient of a window to its first cell, wherever its largest element is",
        "the place of the largest element, as argmax tells it, was not used, or is always 0",
        _one_cell(lambda windows, _: np.zeros(windows.shape[1:])),
    ),
    _Mistake(
        "pooling to the wrong place",
        MaxPool2d,
        "{the} sends the gradient of a window to the row and column of its largest element, exchanged",
        "argmax counts row by row: row, column = divmod(place, width)",
        _one_cell(_turned_cell),
    ),
    _Mistake(
        "pooling to the wrong place",
        MaxPool2d,
        "{the} sends the gradient of a window to the last of its largest elements",
        "a loop with >= in place of > goes on to the last of equal elements; max pooling takes the first",
        _one_cell(lambda windows, _: len(windows) - 1 - windows[::-1].argmax(axis=0)),
    ),
    _Mistake(
        "flipped kernel",
        Conv2d,
        "{the} sends the gradient back to its input through the kernel turned by 180 degrees",
        "the gradient of a cross-correlation's input is a convolution with its kernel, which flips it; it was flipped "
        "once too often, or not at all",
        _through_flipped,
    ),
    _Mistake(
        "transposed weight in the delta",
        Linear,
        "{the} sends the gradient back through its weight's transpose",
        "W stands for W.T, or W.T for W, which of a square weight no shape tells: delta @ W.T for X @ W, delta @ W for "
        "X @ W.T",
        _through_transpose,
    ),
    _Mistake(
        "bias summed over the wrong axis",
        WEIGHTED,
        "the bias of {the} is summed over the outputs of each example, and not over the batch: axis 1 for axis 0",
        "delta has a row for each example, and the bias is added to each of them: its gradient is the sum of the rows, "
        "delta.sum(axis=0)",
        _wrong_axis,
    ),
    *(
        _Mistake(
            f"{which} sample dropped",
            (*WEIGHTED, *NORMALISING),
            f"{what} of {{the}} {verb} summed over all samples but the {which} one",
            f"a loop or a slice that begins late or ends early, as delta[:-1] does{also}",
            _without_row(place, names),
        )
        for which, place in (("last", -1), ("first", 0))
        for what, verb, names, also in (
            ("the gradients", "are", ("weight", "bias"), ""),
            ("the weight's gradient", "is", ("weight",), "; the bias's gradient is summed over all of them"),
            ("the bias's gradient", "is", ("bias",), "; the weight's gradient is summed over all of them"),
        )
    ),
    _Mistake(
        "batch statistics taken for constants",
        NORMALISING,
        "{the} takes the batch's mean and variance for constants",
        "mean and variance were taken for numbers, as they are in evaluation mode; in training mode they are computed "
        "from the input, and pass gradients to it, too",
        _constant_statistics,
    ),
    _Mistake(
        "normalisation's weight missing on the way back",
        NORMALISING,
        "the gradient goes back through {the} without its weight gamma",
        "the gradient of what was normalised is that of the output times gamma: dH = dY * gamma",
        _without_weight,
    ),
    *(
        _Mistake(
            "flattened in another order",
            Flatten,
            f"the gradient goes back through {{the}} with {how}",
            "the gradient is brought into the images' shape in the order in which they were flattened: by "
            "reshape(x.shape)",
            _taken_apart(order),
        )
        for how, order in ORDERS.items()
    ),
]


def in_layers(trial: Trial) -> Iterator[Hypothesis]:
    """Try each mistake in one layer, and in all layers of its kind at once."""
    for name, kinds, made, thought, rule in _IN_LAYERS:
        layers: dict[str, Any] = {call.path: call.layer for call in trial.calls if issubclass(call.kind, kinds)}
        if kinds is Dropout or rule is _constant_statistics:
            layers = {path: layer for path, layer in layers.items() if layer.training}
        for places in [[path] for path in layers] + ([list(layers)] if len(layers) > 1 else []):
            made_here = made.format(the=_the(places, layers), kept=1 - getattr(layers[places[0]], "p", 0.0))
            yield Hypothesis(name, trial.gradients(dict.fromkeys(places, rule)), made_here, thought)


def _the(places: Sequence[str], layers: Mapping[str, Module]) -> str:
    """Return layers in words: "the ReLU 1", "each ReLU, 1 and 3,", "each of the layers 0 and 4"."""
    kinds = {type(layers[place]).__name__ for place in places}
    if len(places) == 1:
        return f"the {kinds.pop()} {places[0]}"
    if len(kinds) == 1:
        return f"each {kinds.pop()}, {listed(places)},"
    return f"each of the layers {listed(places)}"
