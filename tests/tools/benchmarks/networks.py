"""The networks that are trained, each in the vocabulary of every library that trains it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Model:
    """A network for ten classes.

    Attributes
    ----------
    build : callable
        From `nn` or `torch.nn` to the network, in the vocabulary that they share.
    input : tuple of int
        The shape of one example.
    shapes : mapping
        Of the state dict, which is the same in both.
    jax : callable
        From parameters, named as in the state dict, and examples to logits.
    """

    build: Callable[[Any], Any]
    input: tuple[int, ...]
    shapes: Mapping[str, tuple[int, ...]]
    jax: Callable[[Any, Any], Any]

    def problem(self, batch: int) -> tuple[NDArray[Any], NDArray[Any], dict[str, NDArray[Any]]]:
        """Return examples, labels and a state dict."""
        rng = np.random.default_rng(0)
        x = rng.normal(size=(batch, *self.input)).astype(np.float32)
        y = rng.integers(10, size=batch)
        state = {name: np.zeros(shape, np.float32) for name, shape in self.shapes.items()}
        for value in state.values():
            if value.ndim > 1:  # the biases stay 0
                value[:] = rng.normal(size=value.shape) / math.sqrt(math.prod(value.shape[1:]))
        return x, y, state


# ---------------------------------------------------------------------------------------------------------------------
# Perceptrons and convolutional networks
# ---------------------------------------------------------------------------------------------------------------------


def _jax_linear(p: Any, name: str, x: Any) -> Any:
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def _jax_relu(x: Any) -> Any:
    import jax

    return jax.nn.relu(x)


def _jax_conv(p: Any, name: str, x: Any, padding: int) -> Any:
    import jax

    z = jax.lax.conv_general_dilated(x, p[f"{name}.weight"], (1, 1), [(padding, padding)] * 2)
    return z + p[f"{name}.bias"][:, np.newaxis, np.newaxis]


def _jax_pool(x: Any) -> Any:
    import jax

    window = (1, 1, 2, 2)
    return jax.lax.reduce_window(x, -np.inf, jax.lax.max, window, window, "VALID")


def _jax_mlp(p: Any, x: Any) -> Any:
    return _jax_linear(p, "2", _jax_relu(_jax_linear(p, "0", x)))


def _jax_mlp3(p: Any, x: Any) -> Any:
    return _jax_linear(p, "4", _jax_relu(_jax_linear(p, "2", _jax_relu(_jax_linear(p, "0", x)))))


def _jax_cnn(p: Any, x: Any) -> Any:
    pooled = _jax_pool(_jax_relu(_jax_conv(p, "0", x, 0)))
    return _jax_linear(p, "4", pooled.reshape(len(x), -1))


def _jax_lenet(p: Any, x: Any) -> Any:
    for name in ("0", "3"):
        x = _jax_pool(_jax_relu(_jax_conv(p, name, x, 2)))
    return _jax_linear(p, "9", _jax_relu(_jax_linear(p, "7", x.reshape(len(x), -1))))


MLP = Model(
    lambda nn: nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)),
    (784,),
    {"0.weight": (256, 784), "0.bias": (256,), "2.weight": (10, 256), "2.bias": (10,)},
    _jax_mlp,
)
MLP3 = Model(
    lambda nn: nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)),
    (784,),
    {
        "0.weight": (256, 784), "0.bias": (256,), "2.weight": (128, 256), "2.bias": (128,), "4.weight": (10, 128),
        "4.bias": (10,),
    },
    _jax_mlp3,
)  # fmt: skip
CNN = Model(
    lambda nn: nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1352, 10)),
    (1, 28, 28),
    {"0.weight": (8, 1, 3, 3), "0.bias": (8,), "4.weight": (10, 1352), "4.bias": (10,)},
    _jax_cnn,
)
LENET = Model(
    lambda nn: nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1568, 128), nn.ReLU(), nn.Linear(128, 10),
    ),
    (1, 28, 28),
    {
        "0.weight": (16, 1, 5, 5), "0.bias": (16,), "3.weight": (32, 16, 5, 5), "3.bias": (32,),
        "7.weight": (128, 1568), "7.bias": (128,), "9.weight": (10, 128), "9.bias": (10,),
    },
    _jax_lenet,
)  # fmt: skip
