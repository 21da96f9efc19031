"""Backward passes written out by hand, for networks of layers in a row, into which mistakes can be put."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import nn

Array = Any


@dataclass(frozen=True)
class HandWritten:
    """The gradients of the mean cross-entropy of a Sequential; by default the right ones.

    Attributes
    ----------
    model : Sequential
        Whose layers are gone through.
    unmasked : collection of str
        Names of ReLUs without the mask.
    dropout : {"same", "next", "other"}
        The mask of the backward pass: that of the forward pass, the generator's next one, or one that is unlike it.
    ties : {"first", "even", "all"}
        Which of the largest elements of a window get its gradient.
    flipped : collection of str
        Names of convolutions that send the gradient back through the kernel turned round.
    not_summed : collection of str
        Names of layers whose bias gradient is not summed over the batch.
    scale : mapping of str to float
        Factors of the gradient of a layer's output, by its name; of the logits, by "".
    """

    model: Any
    unmasked: Any = ()
    dropout: str = "same"
    ties: str = "first"
    flipped: Any = ()
    not_summed: Any = ()
    scale: Any = ()

    def __call__(self, p: Mapping[str, Array], x: Array, y: Array) -> dict[str, Array]:
        generators = copy.deepcopy([getattr(layer, "rng", None) for layer in self.model])  # a shared one stays shared
        layers = [
            (name, layer, rng) for (name, layer), rng in zip(self.model.named_children(), generators, strict=True)
        ]
        saved: list[Any] = []
        for name, layer, rng in layers:
            x, kept = self._forward(name, layer, rng, p, x)
            saved.append(kept)
        probabilities = nn.reference.softmax(x)
        g = (probabilities - np.eye(x.shape[1])[y]) / len(x) * dict(self.scale).get("", 1.0)
        gradients: dict[str, Array] = {}
        for (name, layer, rng), kept in zip(reversed(layers), reversed(saved), strict=True):
            g = g * dict(self.scale).get(name, 1.0)
            g = self._backward(name, layer, rng, p, g, kept, gradients)
        return {key: gradients[key] for key in p}

    def _forward(self, name: str, layer: Any, rng: Any, p: Mapping[str, Array], x: Array) -> tuple[Array, Any]:
        match layer:
            case nn.Linear():
                return x @ p[f"{name}.weight"].T + p[f"{name}.bias"], x
            case nn.ReLU():
                return np.maximum(x, 0), x
            case nn.Sigmoid():
                y = nn.reference.sigmoid(x)
                return y, y
            case nn.Tanh():
                y = np.tanh(x)
                return y, y
            case nn.Flatten():
                return x.reshape(len(x), -1), x.shape
            case nn.Dropout():
                if not layer.training:
                    return x, 1.0
                mask = nn.functional.dropout(np.ones_like(x), layer.p, rng=rng)
                return x * mask, mask
            case nn.Conv2d():
                patches, _ = _patches(x, layer, 0.0)
                weight, bias = p[f"{name}.weight"], p[f"{name}.bias"]
                return np.einsum("ncijhw,ocij->nohw", patches, weight) + bias[:, np.newaxis, np.newaxis], x
            case nn.MaxPool2d():
                patches, _ = _patches(x, layer, -np.inf)
                return patches.max(axis=(2, 3)), x
            case _:
                raise NotImplementedError(type(layer).__name__)

    def _backward(
        self, name: str, layer: Any, rng: Any, p: Mapping[str, Array], g: Array, kept: Any, gradients: dict[str, Array]
    ) -> Array:
        match layer:
            case nn.Linear():
                gradients[f"{name}.weight"] = g.T @ kept
                gradients[f"{name}.bias"] = g if name in self.not_summed else g.sum(axis=0)
                return g @ p[f"{name}.weight"]
            case nn.ReLU():
                return g if name in self.unmasked else g * (kept > 0)
            case nn.Sigmoid():
                return g * kept * (1 - kept)
            case nn.Tanh():
                return g * (1 - kept**2)
            case nn.Flatten():
                return g.reshape(kept)
            case nn.Dropout():
                if self.dropout == "same":
                    return g * kept
                generator = rng if self.dropout == "next" else np.random.default_rng()
                return g * nn.functional.dropout(np.ones_like(g), layer.p, rng=generator)
            case nn.Conv2d():
                patches, scatter = _patches(kept, layer, 0.0)
                gradients[f"{name}.weight"] = np.einsum("ncijhw,nohw->ocij", patches, g)
                gradients[f"{name}.bias"] = g if name in self.not_summed else g.sum(axis=(0, 2, 3))
                weight = p[f"{name}.weight"]
                weight = weight[:, :, ::-1, ::-1] if name in self.flipped else weight
                return scatter(np.einsum("nohw,ocij->ncijhw", g, weight))
            case nn.MaxPool2d():
                patches, scatter = _patches(kept, layer, -np.inf)
                chosen = patches == patches.max(axis=(2, 3), keepdims=True)
                if self.ties == "first":
                    n, c, i, j, h, w = chosen.shape
                    flat = chosen.reshape(n, c, i * j, h, w)
                    chosen = (flat & (flat.cumsum(axis=2) == 1)).reshape(chosen.shape)
                share = chosen / chosen.sum(axis=(2, 3), keepdims=True) if self.ties == "even" else chosen
                return scatter(share * g[:, :, np.newaxis, np.newaxis])
            case _:
                raise NotImplementedError(type(layer).__name__)


def _patches(x: Array, layer: Any, around: float) -> tuple[Array, Any]:
    """Return the windows of images as (N, C, kh, kw, H, W), and what adds such windows up to images again."""
    (top, left), (kh, kw), (down, right) = layer.padding, layer.kernel_size, layer.stride
    padded = np.pad(x, ((0, 0), (0, 0), (top, top), (left, left)), constant_values=around)
    height, width = (padded.shape[2] - kh) // down + 1, (padded.shape[3] - kw) // right + 1
    places = [
        (i, j, np.s_[:, :, i : i + down * height : down, j : j + right * width : right])
        for i in range(kh)
        for j in range(kw)
    ]
    patches = np.empty((*x.shape[:2], kh, kw, height, width))
    for i, j, cut in places:
        patches[:, :, i, j] = padded[cut]

    def scatter(g: Array) -> Array:
        total = np.zeros(padded.shape)
        for i, j, cut in places:
            total[cut] += g[:, :, i, j]
        return total[:, :, top : padded.shape[2] - top, left : padded.shape[3] - left]

    return patches, scatter
