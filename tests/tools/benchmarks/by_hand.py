"""A training step as the series writes it: a frozen copy of `nn.reference`, so that the yardstick does not move.

Only the arithmetic is copied. `nn.reference` also checks its arguments, which takes time that the step does not need.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def forward_mlp(X: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> tuple[Array, Array]:
    A1 = np.maximum(X @ W1 + b1, 0)
    A2 = softmax(A1 @ W2 + b2)
    return A1, A2


def backward_mlp(
    X: Array, A1: Array, A2: Array, y: Array, W1: Array, W2: Array, Z1: Array
) -> tuple[Array, Array, Array, Array]:
    delta2 = (A2 - y) / len(X)
    delta1 = (delta2 @ W2.T) * (Z1 > 0)
    return X.T @ delta1, delta1.sum(axis=0, keepdims=True), A1.T @ delta2, delta2.sum(axis=0, keepdims=True)


def softmax(Z: Array) -> Array:
    exp_Z = np.exp(Z - Z.max(axis=-1, keepdims=True))
    return exp_Z / exp_Z.sum(axis=-1, keepdims=True)


def cross_entropy(A: Array, y: Array) -> float:
    return float((y * -np.log(np.maximum(A, 1e-15))).sum(axis=1).mean())


def training_step(X: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array, lr: float) -> float:
    """Change the parameters in place and return the loss; `forward_mlp` keeps Z1 to itself, so it is computed again."""
    Z1 = X @ W1 + b1
    A1, A2 = forward_mlp(X, W1, b1, W2, b2)
    loss = cross_entropy(A2, y)
    grad_W1, grad_b1, grad_W2, grad_b2 = backward_mlp(X, A1, A2, y, W1, W2, Z1)
    W1 -= lr * grad_W1
    b1 -= lr * grad_b1
    W2 -= lr * grad_W2
    b2 -= lr * grad_b2
    return loss
