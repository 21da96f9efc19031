"""Layers that PyTorch has exported: expressions of its `nn`, and shapes of inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FOLDER = Path(__file__).parent / "files"


class Case(NamedTuple):
    """A layer, and what it is called with: the shapes of inputs, or how many words there are to look up."""

    name: str
    make: str
    shape: tuple[int, ...]
    words: int = 0

    def input(self, examples: int | None = None) -> Any:
        """Return an input, of another number of examples if that is given."""
        rng = np.random.default_rng(len(self.make))
        shape = self.shape if examples is None else (examples, *self.shape[1:])
        return rng.integers(0, self.words, shape) if self.words else rng.normal(size=shape).astype(np.float32)


_ACTIVATIONS = (
    "CELU ELU GELU Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid Mish PReLU ReLU ReLU6 SELU SiLU Sigmoid "
    "Softplus Softsign Tanh Tanhshrink"
)

CASES = [
    Case(
        "activations",
        f"nn.Sequential(nn.Identity(), *[getattr(nn, name)() for name in {_ACTIVATIONS.split()!r}], nn.Softmax(1), "
        "nn.LogSoftmax(1), nn.Softmin(1), nn.GLU(1), nn.Threshold(0, 0), nn.Dropout())",
        (2, 4),
    ),
    Case("linear", "nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2, bias=False))", (2, 3)),
    Case("linear3d", "nn.Linear(3, 2)", (2, 4, 3)),
    Case("conv2d", "nn.Conv2d(2, 4, (2, 3), (1, 2), 1, (2, 1), 2)", (2, 2, 5, 6)),
    Case("conv2d_same", "nn.Conv2d(2, 3, (2, 4), padding='same', bias=False)", (2, 2, 5, 6)),
    Case("conv1d", "nn.Conv1d(2, 4, 3, 2, 1, 2, 2)", (2, 2, 9)),
    Case("conv_transpose2d", "nn.ConvTranspose2d(2, 4, (2, 3), 2, (0, 1), 1, 2, False)", (2, 2, 3, 4)),
    Case("conv_transpose1d", "nn.ConvTranspose1d(2, 3, 3, 2, 1)", (2, 2, 5)),
    Case("max_pool2d", "nn.MaxPool2d((3, 2), (1, 2), (1, 0), ceil_mode=True)", (2, 2, 5, 5)),
    Case("max_pool1d", "nn.MaxPool1d(2, dilation=2)", (2, 2, 7)),
    Case("avg_pool2d", "nn.AvgPool2d(3, 2, 1, count_include_pad=False)", (2, 2, 5, 6)),
    Case("avg_pool1d", "nn.AvgPool1d(2)", (2, 2, 7)),
    Case("adaptive_avg_pool2d", "nn.Sequential(nn.AdaptiveAvgPool2d((2, 3)), nn.AdaptiveAvgPool2d(1))", (2, 2, 4, 6)),
    Case("adaptive_max_pool2d", "nn.AdaptiveMaxPool2d((2, 3))", (2, 2, 4, 6)),
    Case("batch_norm2d", "nn.Sequential(nn.Tanh(), nn.BatchNorm2d(3))", (2, 3, 2, 2)),
    Case("batch_norm1d", "nn.Sequential(nn.Tanh(), nn.BatchNorm1d(3, affine=False))", (2, 3)),
    Case("layer_norm", "nn.LayerNorm(4)", (2, 3, 4)),
    Case("rms_norm", "nn.RMSNorm(4)", (2, 3, 4)),
    Case("group_norm", "nn.GroupNorm(2, 4)", (2, 4, 3, 2)),
    Case("instance_norm2d", "nn.InstanceNorm2d(3, affine=True)", (2, 3, 2, 4)),
    Case("embedding", "nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2))", (2, 4), words=5),
    Case("rnn", "nn.RNN(3, 2, 1, 'relu', batch_first=True)", (2, 4, 3)),
    Case("lstm", "nn.LSTM(3, 2, 2, batch_first=True, bidirectional=True)", (2, 4, 3)),
    Case("gru", "nn.GRU(3, 2, batch_first=True)", (2, 4, 3)),
    Case("flatten", "nn.Sequential(nn.Unflatten(1, (2, 3)), nn.Flatten())", (2, 6)),
    Case("upsample", "nn.Upsample(scale_factor=2)", (2, 1, 2, 3)),
    Case("upsample_linear", "nn.Upsample(scale_factor=(2, 1.5), mode='bilinear')", (2, 1, 3, 4)),
    Case("upsample_aligned", "nn.Upsample((5, 3), mode='bilinear', align_corners=True)", (2, 1, 3, 4)),
    Case("pixel_shuffle", "nn.PixelShuffle(2)", (2, 4, 2, 3)),
    Case(
        "pad", "nn.Sequential(nn.ZeroPad2d((1, 0, 2, 1)), nn.ReflectionPad2d(1), nn.ReplicationPad2d(1))", (2, 1, 3, 3)
    ),
    Case("unfold", "nn.Unfold(2, stride=2)", (2, 2, 4, 4)),
    Case("encoder", "nn.TransformerEncoderLayer(4, 2, 6, batch_first=True)", (2, 3, 4)),
    Case(
        "encoder_first",
        "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6, 0.0, 'gelu', batch_first=True, norm_first=True), 1, "
        "enable_nested_tensor=False)",
        (2, 3, 4),
    ),
]
