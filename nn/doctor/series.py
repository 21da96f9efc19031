"""The series' hand-written backward passes, for models that have the form of one of its networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn import reference
from nn.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from nn.module import Module

__all__ = ["Backward", "hand_written"]

Array = NDArray[Any]
Gradients = Mapping[str, Array]
Backward = Callable[[Mapping[str, Array], Array, Array], Gradients]


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
    convolution = (conv.in_channels, conv.stride, conv.padding, conv.dilation)
    pooling = (pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode)
    return convolution == (1, (1, 1), (0, 0), (1, 1)) and pooling == ((2, 2), (2, 2), (0, 0), (1, 1), False)


def _one_hot(y: Array, classes: int) -> Array:
    """Return labels as rows of zeros and a one, or probabilities as they are."""
    return np.eye(classes)[y] if y.ndim == 1 else y


def _mlp(p: Mapping[str, Array], x: Array, y: Array) -> Gradients:
    """Call `backward_mlp` or `backward_mlp_3layer`, whose weights are `(in, out)` and biases rows."""
    X = x.reshape(len(x), -1)
    weights = [w.T if w.ndim == 2 else w[np.newaxis] for w in p.values()]
    labels = _one_hot(y, weights[-1].shape[1])
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
    labels = _one_hot(y, len(b))
    Z, A, P, probs = reference.forward_cnn(X, filters[:, 0], b_conv[np.newaxis], W.T, b[np.newaxis])
    g_filters, g_conv, g_W, g_b = reference.backward_cnn(X, Z, A, P, probs, labels, filters[:, 0], W.T)
    return dict(zip(p, (g_filters[:, np.newaxis], g_conv[0], g_W.T, g_b[0]), strict=True))
