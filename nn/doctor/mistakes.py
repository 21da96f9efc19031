"""Mistakes tried out: the gradients that come out of a model when one is made in its backward pass.

A missing mask leaves no pattern in the arrays by which it could be known. But whoever has the model can make the same
mistake, and see whether the same gradients come out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograd_np import Tensor, defvjp, primitive
from nn import functional as F
from nn.doctor.evidence import Hypothesis, listed
from nn.layers import Conv2d, Dropout, MaxPool2d, ReLU
from nn.module import Module

__all__ = ["SPREAD", "hypotheses"]

Array = NDArray[Any]


@primitive
def _with_rule(x: Any, forward: Any = None, backward: Any = None) -> Any:
    """Return ``forward(x)``, whose derivative is taken to be `backward`."""
    return forward(x)


defvjp(_with_rule, lambda g, _y, _x, forward=None, backward=None: backward(g))


class _UnmaskedReLU(ReLU):
    """ReLU whose derivative is 1 everywhere."""

    def forward(self, x: Any) -> Any:
        return _with_rule(x, forward=super().forward, backward=lambda g: g)  # pyright: ignore[reportUnknownLambdaType]


class _RedrawnDropout(Dropout):
    """Dropout that draws once more in the backward pass."""

    def forward(self, x: Any) -> Any:
        return _with_rule(x, forward=super().forward, backward=super().forward)


class _EvenMaxPool2d(MaxPool2d):
    """Pooling whose largest elements share the gradient evenly."""

    def forward(self, x: Any) -> Any:
        return np.max(self._windows(x), axis=0)

    def _windows(self, x: Any) -> Any:
        """Return the elements of each window, along a new first axis."""
        margins = [(0, 0), (0, 0), *((p, p) for p in self.padding)]
        padded: Any = np.pad(x, margins, constant_values=-np.inf)
        height, width = (
            (length - k) // s + 1 for length, k, s in zip(padded.shape[2:], self.kernel_size, self.stride, strict=True)
        )
        (down, right) = self.stride
        places = np.ndindex(self.kernel_size)
        return np.stack([padded[:, :, i : i + down * height : down, j : j + right * width : right] for i, j in places])


class _FullMaxPool2d(_EvenMaxPool2d):
    """Pooling whose largest elements take the whole gradient each."""

    def forward(self, x: Any) -> Any:
        windows = self._windows(x)
        largest = np.max(windows, axis=0)
        return _with_factor(largest, np.sum(_plain(windows) == _plain(largest), axis=0))


class _FlippedConv2d(Conv2d):
    """Convolution that sends the gradient back to its input through the kernel turned by 180 degrees."""

    def forward(self, x: Any) -> Any:
        flipped = F.conv2d(x, _plain(self.weight)[:, :, ::-1, ::-1].copy(), stride=self.stride, padding=self.padding)
        return super().forward(_plain(x)) + (flipped - _plain(flipped))


class _Mistake(NamedTuple):
    """A mistake in a layer's backward pass: what it is called, and the layer that makes it."""

    name: str
    right: type[Module]
    wrong: type[Module]
    made: str
    thought: str


SPREAD = "pooling that spreads its gradient over ties"
"""The name of a mistake that numerical gradients may not find: at a tie there is none that is right."""

_EVERY_MAXIMUM = (
    "the gradient was sent wherever the input equals the window's maximum (A == P), which with ties is so in several "
    "places; max pooling sends it to the first"
)
_MISTAKES = [
    _Mistake(
        "missing ReLU mask",
        ReLU,
        _UnmaskedReLU,
        "the derivative of the ReLU {places} is taken to be 1 everywhere, not only where its input is positive",
        "delta = delta @ W.T was thought to be all there is, and the factor (Z > 0) of the activation left out",
    ),
    _Mistake(
        "mask drawn twice",
        Dropout,
        _RedrawnDropout,
        "the Dropout {places} draws a new mask for the backward pass, and does not use the forward pass's again",
        "dropout was called on the gradient as it is on the activations, where the mask of the forward pass belongs",
    ),
    _Mistake(
        SPREAD,
        MaxPool2d,
        _EvenMaxPool2d,
        "the MaxPool2d {places} shares the gradient of a window evenly among its largest elements",
        _EVERY_MAXIMUM,
    ),
    _Mistake(
        SPREAD,
        MaxPool2d,
        _FullMaxPool2d,
        "the MaxPool2d {places} gives the whole gradient of a window to each of its largest elements",
        _EVERY_MAXIMUM,
    ),
    _Mistake(
        "flipped kernel",
        Conv2d,
        _FlippedConv2d,
        "the Conv2d {places} sends the gradient back to its input through the kernel turned by 180 degrees",
        "the gradient of a cross-correlation's input is a convolution with its kernel, which flips it; it was flipped "
        "once too often, or not at all",
    ),
]


def hypotheses(model: Module, gradients: Callable[[Module], Mapping[str, Array]]) -> Iterator[Hypothesis]:
    """Try out mistakes on a model: each in one layer, and in all layers of its kind at once.

    Only layers that are modules can be made to err: a model that calls ``nn.functional.relu`` in its `forward` is left
    alone.

    Parameters
    ----------
    model : Module
        It is left as it is.
    gradients : callable
        From a model to the gradients of its parameters.

    Yields
    ------
    Hypothesis
        One for each mistake and choice of layers, computed when it is asked for.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> from nn.doctor.mistakes import hypotheses
    >>> model = nn.Sequential(nn.Linear(1, 1, rng=0), nn.ReLU())
    >>> def gradients(model):
    ...     model(np.array([[-9.0]])).sum().backward()
    ...     return {name: p.grad for name, p in model.named_parameters()}
    >>> [hypothesis] = hypotheses(model, gradients)
    >>> hypothesis.mistake, gradients(model)["0.bias"], hypothesis.gradients["0.bias"]
    ('missing ReLU mask', array([0.], dtype=float32), array([1.], dtype=float32))
    """
    for mistake in _MISTAKES:
        paths = [path for path, module in model.named_modules() if type(module) is mistake.right]
        for places in [[path] for path in paths] + ([paths] if len(paths) > 1 else []):
            erring = gradients(_erring(model, places, mistake.wrong))
            yield Hypothesis(mistake.name, erring, mistake.made.format(places=listed(places)), mistake.thought)


def _erring(model: Module, places: Sequence[str], wrong: type[Module]) -> Module:
    """Return a copy of a model in which some layers make a mistake."""
    copy = deepcopy(model)
    for path, module in copy.named_modules():
        if path in places:
            module.__class__ = wrong
    return copy


def _with_factor(x: Any, factor: Array) -> Any:
    """Return `x`, with a gradient that is multiplied by a factor."""
    return _with_rule(x, forward=lambda x: x, backward=lambda g: g * factor)  # pyright: ignore


def _plain(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x
