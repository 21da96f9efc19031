"""Test backward passes that are written by hand in NumPy: `pytest examples/test_numpy_gradients.py`.

Nothing in the functions knows of autograd_np. Each test draws shapes, dtypes, memory layouts and values, compares the
backward pass with differences of the forward pass, and prints the smallest case in which they part.
"""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from autograd_np.testing import ClassificationBatch, arrays, classification_batches, gradient_property

Array = np.ndarray[Any, np.dtype[Any]]


def softmax(logits: Array) -> Array:
    """Turn scores (N, C) into probabilities."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def cross_entropy_backward(g: Array, batch: ClassificationBatch) -> Array:
    """Return the gradient of `g` times the mean cross-entropy with respect to the logits."""
    delta = softmax(batch.logits)
    delta[np.arange(len(delta)), batch.labels] -= 1
    return g * delta / len(delta)


@gradient_property(classification_batches(), backward=cross_entropy_backward)
def test_cross_entropy(batch: ClassificationBatch) -> Any:
    """The loss of softmax and cross-entropy."""
    probabilities = softmax(batch.logits)
    return -np.mean(np.log(probabilities[np.arange(len(probabilities)), batch.labels]))


def dense_backward(g: Array, layer: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    """Return the gradients with respect to the input, the weights and the biases."""
    x, weights, _ = layer
    g = g * (1 - np.tanh(dense(layer)) ** 2)
    return g @ weights.T, x.T @ g, g.sum(axis=0)


def dense(layer: tuple[Array, Array, Array]) -> Array:
    """Multiply by the weights and add the biases."""
    x, weights, bias = layer
    return x @ weights + bias


sizes = st.tuples(*[st.integers(1, 3)] * 3)
layers = sizes.flatmap(lambda s: st.tuples(arrays(s[:2], float), arrays(s[1:], float), arrays(s[2:], float)))


@gradient_property(layers, backward=dense_backward)
def test_dense_layer(layer: tuple[Array, Array, Array]) -> Any:
    """A layer with tanh."""
    return np.tanh(dense(layer))
