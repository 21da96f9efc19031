"""Trainings that are tested: small examples, models, and a call of `fit`."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import nn


def problem(seed: int = 0, n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Return points, and on which side of a plane they are."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    return x, (x[:, 0] + x[:, 1] > 0).astype(int)


def perceptron(seed: int = 0) -> nn.Sequential:
    rng = np.random.default_rng(seed)
    return nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 2, rng=rng))


def fitted(model: nn.Module | None = None, **options: Any) -> tuple[nn.Module, nn.training.History]:
    """Return a model that was trained, and the history."""
    model = model or nn.Linear(3, 2, rng=0)
    optimizer = options.pop("optimizer", None) or nn.optim.SGD(model.parameters(), lr=options.pop("lr", 0.5))
    x, y = options.pop("data", None) or problem()
    return model, nn.fit(model, x, y, optimizer=optimizer, **{"rng": 0, "epochs": 5, "progress": False, **options})


def check_same_bits(a: nn.Module, b: nn.Module) -> None:
    """Raise unless two models have the same parameters and buffers, bit by bit."""
    ours, theirs = a.state_dict(), b.state_dict()
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        assert value.dtype == theirs[name].dtype
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)


class Again:
    """Batches without a length, each time anew."""

    def __init__(self, batches: list[Any]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)
