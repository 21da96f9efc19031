"""Backward passes written out by hand, for networks of layers in a row, into which mistakes can be put.

They are written as a student writes them, layer by layer in NumPy, and share nothing with what tries mistakes out.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import nn

Array = Any

# Orders of the axes C, H and W in which an example can be flattened.
ORDERS = {"channels last": "nhwc", "order F": "nwhc", "columns first": "ncwh"}


@dataclass(frozen=True)
class HandWritten:
    """The gradients of the loss of a Sequential; by default the right ones.

    Attributes
    ----------
    model : Sequential
        Whose layers are gone through.
    loss : Module, optional
        One of the package's losses; by default the mean cross-entropy.
    unmasked : collection of str
        Names of activations whose derivative is left out.
    slopes : mapping of str to {"z", "a", "output", "diagonal", "leaky"}
        How the derivative of an activation is taken: its formula in the output given the input, its formula in the
        input given the output, the output itself, a softmax's as a sigmoid's, a ReLU's with a tenth where there is
        nothing.
    dropout : {"same", "next", "other", "none", "unscaled", "twice"}, or a mapping of str to one of them
        The mask of the backward pass, of all Dropouts or by their names: that of the forward pass, the generator's next
        one, or one that is unlike it; none, one of zeros and ones, or one that is divided by 1 - p twice.
    ties : {"first", "even", "all", "every", "mean", "corner", "turned", "last", "smallest"}
        Which elements of a window get its gradient.
    flipped : collection of str
        Names of convolutions that send the gradient back through the kernel turned round.
    transposed : collection of str
        Names of square layers that send the gradient back through the transpose of their weight.
    not_summed, wrong_axis : collection of str
        Names of layers whose bias gradient is not summed over the batch, or over the outputs.
    before : mapping of str to int
        By the names of layers how many layers before their own the input is taken from, for the weight's gradient.
    rate : float
        Of the step that parameters take before the gradient is sent back through them.
    early : collection of str or None
        Names of the layers whose parameters take that step; None for all.
    constant : collection of str
        Names of normalisations whose statistics are taken for constants.
    unscaled, without_eps : collection of str
        Names of normalisations that send the gradient back without their weight, or have no eps on either way.
    flat : {"same", "back", "both", "weight"}
        Where cells are laid out in another `order`: nowhere, on the way back, on both ways, in the weight's gradient.
    order : str
        The axes in that order.
    dropped : mapping of str to int
        By the names of layers which example is left out of their gradients; of all layers by "".
    parts : collection of str
        Of which parameters' gradients it is left out.
    divided : int or None
        By what is divided in place of the number of examples.
    outputs : str
        What is done to the gradient of the outputs: see `_of_loss`.
    toggled : collection of type
        Layers that are in the other mode than the model's are.
    scale : mapping of str to float
        Factors of the gradient of a layer's output, by its name; of the logits, by "".
    noise : mapping of str to int
        Seeds of what the gradient of a layer's output is multiplied by, element by element.
    """

    model: Any
    loss: Any = None
    unmasked: Any = ()
    slopes: Any = ()
    dropout: Any = "same"
    ties: str = "first"
    flipped: Any = ()
    transposed: Any = ()
    not_summed: Any = ()
    wrong_axis: Any = ()
    before: Any = ()
    rate: float = 0.0
    early: Any = None
    constant: Any = ()
    unscaled: Any = ()
    without_eps: Any = ()
    flat: str = "same"
    order: str = "nchw"
    dropped: Any = ()
    parts: Any = ("weight", "bias")
    divided: int | None = None
    outputs: str = ""
    toggled: Any = ()
    scale: Any = ()
    noise: Any = ()

    def __call__(self, p: Mapping[str, Array], x: Array, y: Array) -> dict[str, Array]:
        generators = copy.deepcopy([getattr(layer, "rng", None) for layer in self.model])  # a shared one stays shared
        layers = [
            (name, layer, rng) for (name, layer), rng in zip(self.model.named_children(), generators, strict=True)
        ]
        inputs: list[Any] = []
        saved: list[Any] = []
        for name, layer, rng in layers:
            inputs.append(x)
            x, kept = self._forward(name, layer, rng, p, x)
            saved.append(kept)
        g = self._of_loss(x, y) * dict(self.scale).get("", 1.0)
        if "" in dict(self.dropped):
            g[dict(self.dropped)[""]] = 0
        if self.divided:
            g = g * len(g) / self.divided
        gradients: dict[str, Array] = {}
        for i, (name, layer, rng) in reversed(list(enumerate(layers))):
            g = g * dict(self.scale).get(name, 1.0)
            if name in dict(self.noise):
                g = g * np.random.default_rng(dict(self.noise)[name]).uniform(0.5, 2, g.shape)
            own = inputs[i - dict(self.before).get(name, 0)]
            if self.flat == "weight" and i and isinstance(layers[i - 1][1], nn.Flatten):
                own = self._laid_out(inputs[i - 1])
            g = self._backward(name, layer, rng, p, g, (own, *saved[i]), gradients)
        return {key: gradients[key] for key in p}

    def _training(self, layer: Any) -> bool:
        return layer.training != isinstance(layer, tuple(self.toggled))

    def _of_loss(self, x: Array, y: Array) -> Array:
        """Return the gradient of the loss by the outputs."""
        loss = self.loss or nn.CrossEntropyLoss()
        match loss:
            case nn.CrossEntropyLoss():
                probabilities, targets = nn.reference.softmax(x), np.eye(x.shape[1])[y]
                if self.outputs == "logits":
                    probabilities = x
                elif self.outputs == "no labels":
                    targets = 0
                elif self.outputs in ("label + 1", "label - 1", "label + 2"):
                    targets = np.roll(targets, int(self.outputs[6:].replace(" ", "")), axis=1)
                elif self.outputs == "counted from 1":
                    targets = np.eye(x.shape[1] + 2)[y + 1][:, : x.shape[1]]
                elif self.outputs == "counted from -1":
                    targets = np.eye(x.shape[1] + 1)[y][:, 1:]
                g = probabilities - targets
                if self.outputs == "softmax":
                    g = g * probabilities * (1 - probabilities)
                elif self.outputs == "jacobian":
                    jacobian = np.einsum("nk,kl->nkl", probabilities, np.eye(x.shape[1]))
                    g = np.einsum("nkl,nl->nk", jacobian - np.einsum("nk,nl->nkl", probabilities, probabilities), g)
                count = len(x)
            case nn.MSELoss():
                g, count = 2 * (x - y), x.size
            case nn.BCEWithLogitsLoss():
                probabilities = nn.reference.sigmoid(x)
                g = (x if self.outputs == "logits" else probabilities) - (1 - y if self.outputs == "turned" else y)
                if self.outputs == "sigmoid":
                    g = g * probabilities * (1 - probabilities)
                count = x.size
            case nn.BCELoss():
                g, count = x - y, x.size
                if self.outputs != "sigmoid":
                    g = g / (x * (1 - x))
            case _:
                raise NotImplementedError(type(loss).__name__)
        if self.outputs == "rooted":
            g = np.sign(g) * np.sqrt(np.abs(g))
        return g / (count if loss.reduction == "mean" else 1)

    def _forward(self, name: str, layer: Any, rng: Any, p: Mapping[str, Array], x: Array) -> tuple[Array, Any]:
        match layer:
            case nn.Linear():
                return x @ p[f"{name}.weight"].T + p[f"{name}.bias"], ()
            case nn.ReLU():
                return np.maximum(x, 0), ()
            case nn.Sigmoid():
                y = nn.reference.sigmoid(x)
                return y, (y,)
            case nn.Tanh():
                y = np.tanh(x)
                return y, (y,)
            case nn.Softmax():
                y = nn.reference.softmax(x)
                return y, (y,)
            case nn.Flatten():
                return self._laid_out(x) if self.flat == "both" else x.reshape(len(x), -1), ()
            case nn.Dropout():
                if not self._training(layer):
                    return x, (1.0,)
                mask = np.asarray(nn.functional.dropout(np.ones_like(x), layer.p, rng=rng))
                return x * mask, (mask,)
            case nn.BatchNorm1d() | nn.BatchNorm2d():
                axes = (0, *range(2, x.ndim))
                cut = np.s_[:, *[np.newaxis] * (x.ndim - 2)]
                if self._training(layer):
                    mean, var = x.mean(axis=axes), x.var(axis=axes)
                else:
                    mean, var = layer.running_mean, layer.running_var
                root = np.sqrt(var + (0.0 if name in self.without_eps else layer.eps))[cut]
                normal = (x - mean[cut]) / root
                return normal * p[f"{name}.weight"][cut] + p[f"{name}.bias"][cut], (normal, root, axes, cut)
            case nn.Conv2d():
                patches, _ = _patches(x, layer, 0.0)
                weight, bias = p[f"{name}.weight"], p[f"{name}.bias"]
                return np.einsum("ncijhw,ocij->nohw", patches, weight) + bias[:, np.newaxis, np.newaxis], ()
            case nn.MaxPool2d():
                patches, _ = _patches(x, layer, -np.inf)
                return patches.max(axis=(2, 3)), ()
            case _:
                raise NotImplementedError(type(layer).__name__)

    def _backward(
        self, name: str, layer: Any, rng: Any, p: Mapping[str, Array], g: Array, kept: Any, gradients: dict[str, Array]
    ) -> Array:
        x, *saved = kept
        left_out = g.copy()
        if name in dict(self.dropped):
            left_out[dict(self.dropped)[name]] = 0
        of_weight, of_bias = (left_out if part in self.parts else g for part in ("weight", "bias"))
        rate = self.rate if self.early is None or name in self.early else 0.0
        match layer:
            case nn.Linear():
                weight = p[f"{name}.weight"]
                gradients[f"{name}.weight"] = of_weight.T @ x.reshape(len(x), -1)
                gradients[f"{name}.bias"] = self._bias(name, of_bias, (0,))
                weight = weight - rate * gradients[f"{name}.weight"]
                return g @ (weight.T if name in self.transposed else weight)
            case nn.ReLU() | nn.Sigmoid() | nn.Tanh() | nn.Softmax():
                return g if name in self.unmasked else self._through(layer, dict(self.slopes).get(name), g, kept)
            case nn.Flatten():
                if self.flat in ("back", "both"):
                    sizes = dict(zip("nchw", x.shape, strict=True))
                    cells = g.reshape([sizes[axis] for axis in self.order])
                    return np.einsum(f"{self.order}->nchw", cells)
                return g.reshape(x.shape)
            case nn.Dropout():
                mask = self.dropout if isinstance(self.dropout, str) else self.dropout.get(name, "same")
                if mask == "same" or not self._training(layer):
                    return g * saved[0]
                if mask in ("none", "unscaled", "twice"):
                    return g * {"none": g * 0 + 1, "unscaled": saved[0] > 0, "twice": saved[0] ** 2}[mask]
                generator = rng if mask == "next" else np.random.default_rng()
                return g * np.asarray(nn.functional.dropout(np.ones_like(g), layer.p, rng=generator))
            case nn.BatchNorm1d() | nn.BatchNorm2d():
                normal, root, axes, cut = saved
                weight = p[f"{name}.weight"]
                gradients[f"{name}.weight"] = (of_weight * normal).sum(axis=axes)
                gradients[f"{name}.bias"] = of_bias.sum(axis=axes)
                if name not in self.unscaled:
                    g = g * (weight - rate * gradients[f"{name}.weight"])[cut]
                if not self._training(layer) or name in self.constant:
                    return g / root
                mean = g.mean(axis=axes)[cut]
                return (g - mean - normal * (g * normal).mean(axis=axes)[cut]) / root
            case nn.Conv2d():
                patches, _ = _patches(x, layer, 0.0)
                _, scatter = _patches(np.zeros_like(kept[0]), layer, 0.0)
                gradients[f"{name}.weight"] = np.einsum("ncijhw,nohw->ocij", patches, of_weight)
                gradients[f"{name}.bias"] = self._bias(name, of_bias, (0, 2, 3))
                weight = p[f"{name}.weight"] - rate * gradients[f"{name}.weight"]
                weight = weight[:, :, ::-1, ::-1] if name in self.flipped else weight
                return scatter(np.einsum("nohw,ocij->ncijhw", g, weight))
            case nn.MaxPool2d():
                patches, scatter = _patches(x, layer, -np.inf)
                return scatter(self._shares(patches) * g[:, :, np.newaxis, np.newaxis])
            case _:
                raise NotImplementedError(type(layer).__name__)

    def _laid_out(self, x: Array) -> Array:
        return np.einsum(f"nchw->{self.order}", x).reshape(len(x), -1)

    def _bias(self, name: str, g: Array, axes: tuple[int, ...]) -> Array:
        if name in self.not_summed:
            return g
        return g.sum(axis=tuple(range(1, g.ndim)) if name in self.wrong_axis else axes)

    def _through(self, layer: Any, slope: str | None, g: Array, kept: Any) -> Array:
        """Multiply a gradient by the derivative of an activation."""
        x, *saved = kept
        match layer:
            case nn.ReLU() | nn.Sigmoid() | nn.Tanh() if slope == "output":
                return g * (np.maximum(x, 0) if isinstance(layer, nn.ReLU) else saved[0])
            case nn.ReLU():
                return g * np.where(x > 0, 1, 0.1 if slope == "leaky" else 0)
            case nn.Sigmoid():
                y = {"z": x, "a": nn.reference.sigmoid(saved[0])}.get(slope or "", saved[0])
                return g * y * (1 - y)
            case nn.Tanh():
                y = {"z": x, "a": np.tanh(saved[0])}.get(slope or "", saved[0])
                return g * (1 - y**2)
            case _:
                y = saved[0]
                return g * y * (1 - y) if slope == "diagonal" else y * (g - (g * y).sum(axis=1, keepdims=True))

    def _shares(self, patches: Array) -> Array:
        """Return which share of a window's gradient each of its elements gets, windows being (N, C, kh, kw, H, W)."""
        n, c, i, j, h, w = patches.shape
        cells = patches.reshape(n, c, i * j, h, w)
        largest = cells == cells.max(axis=2, keepdims=True)
        numbers = np.arange(i * j)[:, np.newaxis, np.newaxis]
        first = cells.argmax(axis=2)[:, :, np.newaxis]
        match self.ties:
            case "first":
                shares = numbers == first
            case "last":
                shares = numbers == i * j - 1 - cells[:, :, ::-1].argmax(axis=2)[:, :, np.newaxis]
            case "even":
                shares = largest / largest.sum(axis=2, keepdims=True)
            case "all":
                shares = largest
            case "every":
                shares = largest * 0 + 1
            case "mean":
                shares = largest * 0 + 1 / (i * j)
            case "corner":
                shares = (numbers == 0) & (first >= 0)
            case "turned":
                shares = numbers == (first % j * j + first // j)
            case _:
                shares = numbers == cells.argmin(axis=2)[:, :, np.newaxis]
        return shares.reshape(patches.shape)


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
