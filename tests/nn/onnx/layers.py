"""Every layer, in calls that are exported: expressions of `nn`, by what they are called with."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import numpy as np

import nn

_ACTIVATIONS = (
    "CELU ELU GELU Hardsigmoid Hardswish Hardtanh Identity LeakyReLU LogSigmoid LogSoftmax Mish PReLU ReLU ReLU6 SELU "
    "SiLU Sigmoid Softmax Softmin Softplus Softsign Tanh Tanhshrink"
)
ROWS = [
    *(f"nn.{name}()" for name in _ACTIVATIONS.split()),
    "nn.CELU(0.5)", "nn.ELU(-0.5)", "nn.GELU('tanh')", "nn.Softplus(2, 1)", "nn.LeakyReLU(0.3)",
    "nn.Hardtanh(-0.5, 0.2)", "nn.GLU()",
    "nn.Threshold(0.1, -2)", "nn.Softmax(0)", "nn.LogSoftmax(0)", "nn.Dropout(0.9)", "nn.AlphaDropout(0.9)",
    "nn.Linear(6, 4)", "nn.Linear(6, 2, bias=False)", "nn.Flatten()", "nn.Unflatten(1, (2, -1))", "nn.Flatten(0)",
    "nn.BatchNorm1d(6)", "nn.LayerNorm(6)", "nn.LayerNorm(6, 0.1, False)", "nn.LayerNorm(6, bias=False)",
    "nn.RMSNorm(6)", "nn.GroupNorm(2, 6)", "nn.RNNCell(6, 2)", "nn.LSTMCell(6, 2)", "nn.GRUCell(6, 2, False)",
]  # fmt: skip
SEQUENCES = [
    "nn.Linear(6, 2)", "nn.Conv1d(4, 2, 3)", "nn.Conv1d(4, 6, 2, 2, 1, 2, 2)", "nn.Conv1d(4, 2, 4, padding='same')",
    "nn.ConvTranspose1d(4, 2, 3, 2, 1, 1)", "nn.MaxPool1d(3, 2, 1)", "nn.AvgPool1d(2)", "nn.AdaptiveAvgPool1d(4)",
    "nn.AdaptiveMaxPool1d(3)", "nn.BatchNorm1d(4)", "nn.InstanceNorm1d(4, affine=True)", "nn.Dropout1d()",
    "nn.RNN(6, 3, batch_first=True)", "nn.GRU(6, 3, 2, batch_first=True, bidirectional=True)",
    "nn.GRU(6, 3, bias=False)", "nn.LSTM(6, 3, 2, batch_first=True, bidirectional=True, dropout=0.5)",
    "nn.LSTM(6, 3, bias=False)", "nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)",
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 3, 8, 0.0, 'gelu', norm_first=True), 1, nn.LayerNorm(6))",
    "nn.LayerNorm((4, 6))", "nn.Upsample(scale_factor=2)", "Attention(nn.MultiheadAttention(6, 2, batch_first=True))",
    "nn.utils.weight_norm(nn.Linear(6, 2))", "nn.utils.spectral_norm(nn.Linear(6, 2))",
]  # fmt: skip
IMAGES = [
    "nn.Conv2d(4, 2, 3)", "nn.Conv2d(4, 6, (2, 3), (2, 1), 1, (1, 2), 2)", "nn.Conv2d(4, 2, 2, padding='same')",
    "nn.Conv2d(4, 2, 3, padding=1, padding_mode='reflect', bias=False)",
    "nn.Conv2d(4, 2, 3, padding=(2, 1), padding_mode='circular')", "nn.ConvTranspose2d(4, 2, (2, 3), 2, 1, 1)",
    "nn.ConvTranspose2d(4, 2, 2, dilation=3, output_padding=2, bias=False)", "nn.MaxPool2d(2)",
    "nn.MaxPool2d((3, 2), (1, 2), (1, 0), (1, 2))", "nn.MaxPool2d(3, 2, 1, ceil_mode=True)", "nn.AvgPool2d(2)",
    "nn.AvgPool2d(3, 2, 1, True, False)", "nn.AdaptiveAvgPool2d(1)", "nn.AdaptiveAvgPool2d((3, 4))",
    "nn.AdaptiveMaxPool2d((2, None))", "nn.BatchNorm2d(4)", "nn.BatchNorm2d(4, affine=False)",
    "nn.Sequential(nn.Unflatten(3, (2, 3)), nn.BatchNorm3d(4))", "nn.InstanceNorm2d(4)", "nn.GroupNorm(2, 4)",
    "nn.InstanceNorm2d(4, affine=True, track_running_stats=True)", "nn.Dropout2d()", "nn.PReLU(4)", "nn.Softmax2d()",
    "nn.Upsample(scale_factor=2, mode='bilinear')", "nn.Upsample((7, 3), mode='bilinear', align_corners=True)",
    "nn.PixelShuffle(2)", "nn.Unfold((2, 3), padding=1, stride=2)", "nn.ZeroPad2d((1, -1, 0, 2))",
    "nn.ConstantPad2d(1, 0.5)", "nn.ReflectionPad2d((1, 2, 2, 0))", "nn.ReplicationPad2d(2)", "nn.Flatten(1, -2)",
    "nn.Sequential(nn.Conv2d(4, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4, 3))",
    "nn.ModuleDict({'a': nn.Conv2d(4, 2, 1)})['a']",
]  # fmt: skip
WORDS = ["nn.Embedding(5, 3)", "nn.Embedding(5, 3, padding_idx=0)", "nn.Sequential(nn.Embedding(5, 3), nn.LSTM(3, 2))"]
# Of these, onnx's reference evaluator makes something else, or nothing.
NOT_IN_REFERENCE = [
    "nn.ConvTranspose2d(4, 6, (2, 3), (3, 2), 1, (2, 1), 2, True, 2)", "nn.ConvTranspose2d(4, 4, 3, 2, groups=4)",
    "nn.Sequential(nn.Flatten(2), nn.RNN(30, 3, nonlinearity='relu'))",
]  # fmt: skip
GROUPS: dict[str, tuple[list[str], str]] = {
    "rows": (ROWS, "rng.normal(size=(2, 6)) * 2"),
    "sequences": (SEQUENCES, "rng.normal(size=(2, 4, 6))"),
    "images": (IMAGES, "rng.normal(size=(2, 4, 5, 6))"),
    "words": (WORDS, "rng.integers(0, 5, (2, 3))"),
    "others": (NOT_IN_REFERENCE, "rng.normal(size=(2, 4, 5, 6))"),
}


class Attention(nn.Module):
    """Attention of a sequence to itself."""

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        self.attention = attention

    def forward(self, x: Any) -> Any:
        return self.attention(x, x, x)


class Several(nn.Module):
    """Layers that are given the same."""

    def __init__(self, layers: list[nn.Module]) -> None:
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Any) -> Any:
        return [layer(x) for layer in self.layers]


class _Seeded(SimpleNamespace):
    """The layers of nn, each of which draws its initial values from one generator."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(nn, name)
        if not isinstance(found, type) or "rng" not in inspect.signature(found.__init__).parameters:
            return found
        return lambda *args, **kwargs: found(*args, **kwargs, rng=self.rng)


def made(text: str) -> nn.Module:
    """Return a layer, with parameters and statistics drawn at random."""
    rng = np.random.default_rng(0)
    model = eval(text, {"nn": _Seeded(rng=rng), "Attention": Attention, "Several": Several})
    state = model.state_dict()
    for key, array in state.items():
        if array.dtype.kind == "f" and "weight_" not in key:
            state[key] = (
                rng.uniform(0.5, 1.5, array.shape) if "var" in key else array + rng.normal(size=array.shape) / 4
            )
    model.load_state_dict(state)
    return model


def example(text: str) -> Any:
    """Return an input."""
    x = eval(text, {"rng": np.random.default_rng(1)})
    return x.astype(np.float32) if x.dtype.kind == "f" else x
