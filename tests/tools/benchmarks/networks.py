"""The networks that are trained, each in the vocabulary of every library that trains it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Model:
    """A network for ten classes.

    Attributes
    ----------
    build : callable
        From `nn` to the network, and from `torch.nn` likewise where `torch` is None.
    input : tuple of int
        The shape of one example.
    shapes : mapping
        Of the state dict, which is the same in both.
    jax : callable
        From parameters, named as in the state dict, and examples to logits.
    torch : callable, optional
        From `torch.nn` to the network, where the two are written differently.
    """

    build: Callable[[Any], Any]
    input: tuple[int, ...]
    shapes: Mapping[str, tuple[int, ...]]
    jax: Callable[[Any, Any], Any]
    torch: Callable[[Any], Any] | None = None

    def problem(self, batch: int) -> tuple[NDArray[Any], NDArray[Any], dict[str, NDArray[Any]]]:
        """Return examples, labels and a state dict."""
        rng = np.random.default_rng(0)
        x = rng.normal(size=(batch, *self.input)).astype(np.float32)
        y = rng.integers(10, size=batch)
        state = {name: np.zeros(shape, np.float32) for name, shape in self.shapes.items()}
        for name, value in state.items():
            if value.ndim > 1:
                value[:] = rng.normal(size=value.shape) / math.sqrt(math.prod(value.shape[1:]))
            elif name.endswith("weight"):  # a normalisation's; the biases stay 0
                value[:] = 1
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


# ---------------------------------------------------------------------------------------------------------------------
# A transformer block
# ---------------------------------------------------------------------------------------------------------------------

# Of a sequence: how long it is, how many features each place has, and in how many parts attention looks at these.
LENGTH, FEATURES, HEADS = 32, 64, 4
SCALE = 1 / math.sqrt(FEATURES // HEADS)


def _our_block(nn: Any) -> Any:
    from autograd_np import Tensor

    class LayerNorm(nn.Module):
        def __init__(self) -> None:
            self.weight = Tensor(np.ones(FEATURES, np.float32), requires_grad=True)
            self.bias = Tensor(np.zeros(FEATURES, np.float32), requires_grad=True)

        def forward(self, x: Any) -> Any:
            x = x - np.mean(x, axis=-1, keepdims=True)
            deviation = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-5)
            return x / deviation * self.weight + self.bias

    return _block(nn, LayerNorm)


def _torch_block(nn: Any) -> Any:
    return _block(nn, lambda: nn.LayerNorm(FEATURES))


def _block(nn: Any, layer_norm: Callable[[], Any]) -> Any:
    """Return a block of attention and a perceptron, and a linear layer on the mean of all places."""

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.key, self.value, self.out = (nn.Linear(FEATURES, FEATURES) for _ in range(4))

        def heads(self, x: Any) -> Any:
            return x.reshape(-1, LENGTH, HEADS, FEATURES // HEADS).swapaxes(1, 2)

        def forward(self, x: Any) -> Any:
            q, k, v = self.heads(self.query(x)), self.heads(self.key(x)), self.heads(self.value(x))
            weights = nn.functional.softmax(q @ k.mT * SCALE, -1)
            return self.out((weights @ v).swapaxes(1, 2).reshape(-1, LENGTH, FEATURES))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.attention, self.norm2 = layer_norm(), Attention(), layer_norm()
            self.mlp = nn.Sequential(nn.Linear(FEATURES, 256), nn.ReLU(), nn.Linear(256, FEATURES))
            self.head = nn.Linear(FEATURES, 10)

        def forward(self, x: Any) -> Any:
            x = x + self.attention(self.norm1(x))
            x = x + self.mlp(self.norm2(x))
            return self.head(x.mean(1))

    return Block()


def _jax_block(p: Any, x: Any) -> Any:
    import jax
    from jax import numpy as jnp

    def norm(name: str, x: Any) -> Any:
        x = x - jnp.mean(x, axis=-1, keepdims=True)
        x = x / jnp.sqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-5)
        return x * p[f"{name}.weight"] + p[f"{name}.bias"]

    def heads(name: str, x: Any) -> Any:
        z = _jax_linear(p, f"attention.{name}", x)
        return z.reshape(-1, LENGTH, HEADS, FEATURES // HEADS).swapaxes(1, 2)

    z = norm("norm1", x)
    weights = jax.nn.softmax(heads("query", z) @ heads("key", z).mT * SCALE)
    attended = (weights @ heads("value", z)).swapaxes(1, 2).reshape(-1, LENGTH, FEATURES)
    x = x + _jax_linear(p, "attention.out", attended)
    x = x + _jax_linear(p, "mlp.2", _jax_relu(_jax_linear(p, "mlp.0", norm("norm2", x))))
    return _jax_linear(p, "head", x.mean(1))


def _linear_shapes(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


BLOCK = Model(
    _our_block,
    (LENGTH, FEATURES),
    {
        **{f"{norm}.{name}": (FEATURES,) for norm in ("norm1", "norm2") for name in ("weight", "bias")},
        **{
            key: shape
            for name in ("query", "key", "value", "out")
            for key, shape in _linear_shapes(f"attention.{name}", FEATURES, FEATURES).items()
        },
        **_linear_shapes("mlp.0", FEATURES, 256),
        **_linear_shapes("mlp.2", 256, FEATURES),
        **_linear_shapes("head", FEATURES, 10),
    },
    _jax_block,
    _torch_block,
)


# ---------------------------------------------------------------------------------------------------------------------
# An LSTM
# ---------------------------------------------------------------------------------------------------------------------

HIDDEN = 64
_LSTM_SHAPES = {
    "lstm.weight_ih_l0": (4 * HIDDEN, FEATURES), "lstm.weight_hh_l0": (4 * HIDDEN, HIDDEN),
    "lstm.bias_ih_l0": (4 * HIDDEN,), "lstm.bias_hh_l0": (4 * HIDDEN,),
}  # fmt: skip


def _our_lstm(nn: Any) -> Any:
    """Return the loop over cells that one writes, with `torch.nn.LSTM`'s parameters."""
    from autograd_np import Tensor

    class Lstm(nn.Module):
        def __init__(self) -> None:
            for name, shape in _LSTM_SHAPES.items():
                setattr(self, name.removeprefix("lstm."), Tensor(np.zeros(shape, np.float32), requires_grad=True))

        def forward(self, x: Any) -> Any:
            linear, sigmoid = nn.functional.linear, nn.functional.sigmoid
            h = c = np.zeros((len(x), HIDDEN), np.float32)
            for t in range(LENGTH):
                gates = linear(x[:, t], self.weight_ih_l0, self.bias_ih_l0)
                i, f, g, o = np.split(gates + linear(h, self.weight_hh_l0, self.bias_hh_l0), 4, axis=1)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                h = sigmoid(o) * np.tanh(c)
            return h

    return _classifier(nn, Lstm())


def _torch_lstm_cells(nn: Any) -> Any:
    """Return the same loop for PyTorch."""
    import torch

    class Lstm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, shape in _LSTM_SHAPES.items():
                setattr(self, name.removeprefix("lstm."), nn.Parameter(torch.zeros(shape)))

        def forward(self, x: Any) -> Any:
            linear = nn.functional.linear
            h = c = torch.zeros(len(x), HIDDEN)
            for t in range(LENGTH):
                gates = linear(x[:, t], self.weight_ih_l0, self.bias_ih_l0)
                i, f, g, o = (gates + linear(h, self.weight_hh_l0, self.bias_hh_l0)).chunk(4, 1)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o) * torch.tanh(c)
            return h

    return _classifier(nn, Lstm())


def _lstm_layer(nn: Any) -> Any:
    """Return the layer that is there for it, of either library."""

    class Lstm(nn.LSTM):
        def forward(self, x: Any) -> Any:
            _, (h, _) = super().forward(x)
            return h[0]

    return _classifier(nn, Lstm(FEATURES, HIDDEN, batch_first=True))


def _classifier(nn: Any, lstm: Any) -> Any:
    """Return a linear layer on what is hidden at the end."""

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = lstm, nn.Linear(HIDDEN, 10)

        def forward(self, x: Any) -> Any:
            return self.head(self.lstm(x))

    return Classifier()


def _jax_lstm(p: Any, x: Any) -> Any:
    import jax
    from jax import numpy as jnp

    def cell(state: Any, x: Any) -> Any:
        h, c = state
        gates = x @ p["lstm.weight_ih_l0"].T + p["lstm.bias_ih_l0"]
        i, f, g, o = jnp.split(gates + h @ p["lstm.weight_hh_l0"].T + p["lstm.bias_hh_l0"], 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    start = jnp.zeros((len(x), HIDDEN), x.dtype)
    (h, _), _ = jax.lax.scan(cell, (start, start), x.swapaxes(0, 1))
    return _jax_linear(p, "head", h)


LSTM = Model(
    _our_lstm,
    (LENGTH, FEATURES),
    {**_LSTM_SHAPES, **_linear_shapes("head", HIDDEN, 10)},
    _jax_lstm,
    _lstm_layer,
)
LSTM_CELLS = replace(LSTM, torch=_torch_lstm_cells)
LSTM_LAYER = replace(LSTM, build=_lstm_layer)
