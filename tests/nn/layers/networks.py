"""Small networks, and what else the tests of layers share."""

from hypothesis import strategies as st
from sklearn.datasets import load_digits

import nn
from autograd_np import Tensor

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 4)


def lenet(rng):
    """A small network of every kind of layer, for digits (N, 1, 8, 8)."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, rng=rng),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, (3, 2), stride=(1, 2), padding=(0, 1), bias=False, rng=rng),
        nn.Tanh(),
        nn.Flatten(),
        nn.Dropout(0.2, rng=rng),
        nn.Linear(36, 12, rng=rng),
        nn.BatchNorm1d(12, affine=False),
        nn.Sigmoid(),
        nn.Linear(12, 10, rng=rng),
    )


def mlp(rng):
    return nn.Sequential(nn.Linear(64, 32, rng=rng), nn.ReLU(), nn.Linear(32, 10, rng=rng))


def digits():
    images, labels = load_digits(return_X_y=True)
    return images / 16, labels


def plain(value):
    """Return the array of a Tensor, and everything else as it is."""
    return value.data if isinstance(value, Tensor) else value
