"""Operators that are layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_np import neural as F
from autograd_np.neural.recurrent import Kind, over_time
from autograd_np.tensor import plain
from nn.onnx.operators.table import modest, numbers, operator, supported, text

__all__: list[str] = []


# ---------------------------------------------------------------------------------------------------------------------
# Convolutions and pooling
# ---------------------------------------------------------------------------------------------------------------------


class _Windows:
    """Where windows lie: what convolutions and poolings have in common."""

    def __init__(self, x: Any, kernel: Any, strides: Any, dilations: Any, pads: Any, auto_pad: Any) -> None:
        self.axes = x.ndim - 2
        supported(self.axes in (1, 2), f"an input of {x.ndim} axes")
        self.kernel = numbers(kernel)
        self.stride = [1] * self.axes if strides is None else numbers(strides)
        self.dilation = [1] * self.axes if dilations is None else numbers(dilations)
        supported(all(len(n) == self.axes for n in (self.kernel, self.stride, self.dilation)), "another count of axes")
        auto, field = text(auto_pad), [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            total = [
                max(0, (-(-n // s) - 1) * s + f - n) for n, s, f in zip(x.shape[2:], self.stride, field, strict=True)
            ]
            half = [n // 2 if auto == "SAME_UPPER" else -(-n // 2) for n in total]
            self.before, self.after = half, [n - h for n, h in zip(total, half, strict=True)]
        else:
            supported(auto in ("NOTSET", "VALID"), f"auto_pad {auto!r}")
            both = [0] * 2 * self.axes if pads is None or auto == "VALID" else numbers(pads)
            self.before, self.after = both[: self.axes], both[self.axes :]
        supported(min([*self.before, *self.after]) >= 0, "negative padding")

    def prepared(self, x: Any, value: float = 0.0) -> tuple[Any, list[int]]:
        """Return the input and its padding, which is done here if both sides differ."""
        if self.before == self.after:
            return x, self.before
        sides = [n for pair in reversed([*zip(self.before, self.after, strict=True)]) for n in pair]
        return F.pad(x, sides, value=value), [0] * self.axes

    def given(self, values: list[int]) -> Any:
        """Return a setting as functions for this many axes take it."""
        return values[0] if self.axes == 1 else tuple(values)


@operator("Conv")
def _conv(
    x: Any, w: Any, b: Any = None, kernel_shape: Any = None, strides: Any = None, pads: Any = None,
    dilations: Any = None, group: int = 1, auto_pad: Any = b"NOTSET",
) -> Any:  # fmt: skip
    windows = _Windows(x, w.shape[2:], strides, dilations, pads, auto_pad)
    x, padding = windows.prepared(x)
    function: Any = F.conv1d if windows.axes == 1 else F.conv2d
    stride, padding, dilation = map(windows.given, (windows.stride, padding, windows.dilation))
    return function(x, w, b, stride, padding, dilation, group)


@operator("ConvTranspose")
def _conv_transpose(
    x: Any, w: Any, b: Any = None, kernel_shape: Any = None, strides: Any = None, pads: Any = None,
    dilations: Any = None, group: int = 1, auto_pad: Any = b"NOTSET", output_padding: Any = None,
    output_shape: Any = None,
) -> Any:  # fmt: skip
    supported(output_shape is None and text(auto_pad) in ("NOTSET", "VALID"), "ConvTranspose by its output's shape")
    windows = _Windows(x, w.shape[2:], strides, dilations, pads, auto_pad)
    more = [0] * windows.axes if output_padding is None else numbers(output_padding)
    # Elements more at the end are fewer that are cut off there.
    even = windows.before == windows.after
    padding = windows.before if even else [0] * windows.axes
    function: Any = F.conv_transpose1d if windows.axes == 1 else F.conv_transpose2d
    stride, padding, more, dilation = map(windows.given, (windows.stride, padding, more, windows.dilation))
    y = function(x, w, b, stride, padding, more, group, dilation)
    if even:
        return y
    cuts = zip(windows.before, windows.after, y.shape[2:], strict=True)
    return y[(slice(None), slice(None), *(slice(a, n - b) for a, b, n in cuts))]


@operator("MaxPool")
def _max_pool(
    x: Any, kernel_shape: Any = None, strides: Any = None, pads: Any = None, dilations: Any = None,
    ceil_mode: int = 0, auto_pad: Any = b"NOTSET", storage_order: int = 0,
) -> Any:  # fmt: skip
    windows = _Windows(x, kernel_shape, strides, dilations, pads, auto_pad)
    x, padding = windows.prepared(x, -math.inf)
    function: Any = F.max_pool1d if windows.axes == 1 else F.max_pool2d
    settings = map(windows.given, (windows.kernel, windows.stride, padding, windows.dilation))
    return function(x, *settings, bool(ceil_mode))


@operator("AveragePool")
def _average_pool(
    x: Any, kernel_shape: Any = None, strides: Any = None, pads: Any = None, dilations: Any = None,
    ceil_mode: int = 0, auto_pad: Any = b"NOTSET", count_include_pad: int = 0,
) -> Any:  # fmt: skip
    windows = _Windows(x, kernel_shape, strides, dilations, pads, auto_pad)
    supported(windows.before == windows.after or bool(count_include_pad), "an average of a padding of two lengths")
    supported(set(windows.dilation) == {1}, "an average of elements that stand apart")
    x, padding = windows.prepared(x)
    function: Any = F.avg_pool1d if windows.axes == 1 else F.avg_pool2d
    settings = map(windows.given, (windows.kernel, windows.stride, padding))
    return function(x, *settings, bool(ceil_mode), bool(count_include_pad))


@operator("GlobalAveragePool")
def _global_average(x: Any) -> Any:
    return np.mean(x, axis=tuple(range(2, x.ndim)), keepdims=True)


@operator("GlobalMaxPool")
def _global_max(x: Any) -> Any:
    return np.max(x, axis=tuple(range(2, x.ndim)), keepdims=True)


# ---------------------------------------------------------------------------------------------------------------------
# Resizing
# ---------------------------------------------------------------------------------------------------------------------


@operator("Resize")
def _resize(
    x: Any, roi: Any = None, scales: Any = None, sizes: Any = None, mode: Any = b"nearest",
    coordinate_transformation_mode: Any = b"half_pixel", nearest_mode: Any = b"round_prefer_floor",
    cubic_coeff_a: float = -0.75, exclude_outside: int = 0, extrapolation_value: float = 0.0, antialias: int = 0,
    axes: Any = None, keep_aspect_ratio_policy: Any = b"stretch",
) -> Any:  # fmt: skip
    kind, places_by = text(mode), text(coordinate_transformation_mode)
    supported(kind in ("nearest", "linear") and not antialias, f"Resize with mode {kind!r}")
    supported(text(keep_aspect_ratio_policy) == "stretch" and not exclude_outside, "Resize to a kept form")
    along = [*range(x.ndim)] if axes is None else [n % x.ndim for n in numbers(axes)]
    by_size = sizes is not None and plain(sizes).size > 0
    if by_size:
        lengths = numbers(sizes)
        factors = [n / x.shape[axis] for axis, n in zip(along, lengths, strict=True)]
    else:
        factors = [float(f) for f in plain(scales)]
        lengths = [math.floor(x.shape[axis] * f) for axis, f in zip(along, factors, strict=True)]
    modest(lengths)
    for axis, length, factor in zip(along, lengths, factors, strict=True):
        if length == x.shape[axis] and factor == 1:
            continue
        at = _places(places_by, length, x.shape[axis], factor)
        x = _interpolated(x, axis, at) if kind == "linear" else _nearest(x, axis, at, text(nearest_mode))
    return x


def _places(kind: str, length: int, old: int, factor: float) -> Any:
    """Return where the new elements lie among the old ones."""
    i = np.arange(length)
    if kind == "asymmetric":
        return i / factor
    if kind == "align_corners":
        return i * ((old - 1) / (length - 1)) if length > 1 else np.zeros(1)
    supported(kind in ("half_pixel", "pytorch_half_pixel"), f"Resize with coordinates {kind!r}")
    return np.zeros(1) if kind.startswith("pytorch") and length == 1 else (i + 0.5) / factor - 0.5


def _nearest(x: Any, axis: int, at: Any, kind: str) -> Any:
    rounding: dict[str, Callable[[Any], Any]] = {
        "floor": np.floor, "ceil": np.ceil, "round_prefer_floor": lambda v: np.ceil(v - 0.5),
        "round_prefer_ceil": lambda v: np.floor(v + 0.5),
    }  # fmt: skip
    supported(kind in rounding, f"Resize with rounding {kind!r}")
    return np.take(x, np.clip(rounding[kind](at), 0, x.shape[axis] - 1).astype(np.int64), axis=axis)


def _interpolated(x: Any, axis: int, at: Any) -> Any:
    at = np.clip(at, 0, x.shape[axis] - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, x.shape[axis] - 1)
    form = [-1 if i == axis else 1 for i in range(x.ndim)]
    share = (at - low).astype(x.dtype).reshape(form)
    return np.take(x, low, axis=axis) * (1 - share) + np.take(x, high, axis=axis) * share


# ---------------------------------------------------------------------------------------------------------------------
# Normalisation
# ---------------------------------------------------------------------------------------------------------------------


@operator("BatchNormalization")
def _batch_normalization(
    x: Any, scale: Any, bias: Any, mean: Any, var: Any, epsilon: float = 1e-5, momentum: float = 0.9,
    training_mode: int = 0,
) -> Any:  # fmt: skip
    supported(not training_mode, "batch normalisation in training mode")
    form = (-1, *[1] * (x.ndim - 2))
    factor = scale / np.sqrt(var + epsilon)
    return x * factor.reshape(form) + (bias - mean * factor).reshape(form)


def _normalised(x: Any, axes: tuple[int, ...], epsilon: float) -> Any:
    deviation = x - np.mean(x, axis=axes, keepdims=True)
    return deviation / np.sqrt(np.mean(np.square(deviation), axis=axes, keepdims=True) + epsilon)


@operator("InstanceNormalization")
def _instance_normalization(x: Any, scale: Any, bias: Any, epsilon: float = 1e-5) -> Any:
    form = (-1, *[1] * (x.ndim - 2))
    return _normalised(x, tuple(range(2, x.ndim)), epsilon) * scale.reshape(form) + bias.reshape(form)


@operator("LayerNormalization")
def _layer_normalization(
    x: Any, scale: Any, bias: Any = None, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Any:
    return F.layer_norm(x, x.shape[axis:], np.broadcast_to(scale, x.shape[axis:]), bias, epsilon)


@operator("RMSNormalization")
def _rms_normalization(x: Any, scale: Any, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1) -> Any:
    axes = tuple(range(axis % x.ndim, x.ndim))
    return x / np.sqrt(np.mean(np.square(x), axis=axes, keepdims=True) + epsilon) * scale


@operator("GroupNormalization")
def _group_normalization(
    x: Any, scale: Any, bias: Any, num_groups: int = 1, epsilon: float = 1e-5, stash_type: int = 1
) -> Any:
    """Take scale and bias of each channel, or as the first version did of each group."""
    grouped = np.reshape(x, (x.shape[0], num_groups, -1))
    y = np.reshape(_normalised(grouped, (2,), epsilon), x.shape)
    times, form = x.shape[1] // scale.shape[0], (-1, *[1] * (x.ndim - 2))
    return y * np.repeat(scale, times).reshape(form) + np.repeat(bias, times).reshape(form)


# ---------------------------------------------------------------------------------------------------------------------
# Recurrent layers
# ---------------------------------------------------------------------------------------------------------------------

_ORDERS: dict[str, list[int]] = {"lstm": [0, 2, 3, 1], "gru": [1, 0, 2], "tanh": [0], "relu": [0]}
"""Where the gates of `autograd_np.neural` stand among ONNX's."""


def _recurrent(
    kind: Kind, x: Any, w: Any, r: Any, b: Any, lengths: Any, states: list[Any], direction: str, hidden: int
) -> Any:
    """Return the outputs (T, D, N, H) and the last states (D, N, H)."""
    supported(lengths is None or set(numbers(lengths)) == {x.shape[0]}, "sequences of different lengths")
    supported(direction in ("forward", "reverse", "bidirectional"), f"the direction {direction!r}")
    steps, count, _ = x.shape
    outputs: list[Any] = []
    last: list[list[Any]] = [[] for _ in states]
    for i in range(w.shape[0]):
        first = [np.zeros((count, hidden), x.dtype) if s is None else s[i] for s in states]
        backwards = direction == "reverse" or i == 1
        gates = np.concatenate([np.arange(hidden) + g * hidden for g in _ORDERS[kind]])
        weight, own = np.take(w[i], gates, axis=0), np.take(r[i], gates, axis=0)
        z, bias = np.reshape(x, (steps * count, -1)) @ weight.T, None
        if b is not None:
            both = np.take(b[i][: len(gates)], gates, axis=0), np.take(b[i][len(gates) :], gates, axis=0)
            bias = both[1] if kind == "gru" else None
            z = z + (both[0] if kind == "gru" else both[0] + both[1])
        y, *after = over_time(kind, z, first, own, bias, (count,) * steps, backwards)
        outputs.append(np.reshape(y, (steps, count, hidden)))
        for kept, state in zip(last, after, strict=True):
            kept.append(state)
    stacked: Any = np.stack
    return (stacked(outputs, axis=1), *(stacked(kept) for kept in last))


@operator("LSTM")
def _lstm(
    x: Any, w: Any, r: Any, b: Any = None, sequence_lens: Any = None, h: Any = None, c: Any = None, p: Any = None,
    hidden_size: int = 0, direction: Any = b"forward", layout: int = 0, input_forget: int = 0,
    activations: Any = None,
) -> Any:  # fmt: skip
    usual = activations is None or [text(a) for a in activations] == ["Sigmoid", "Tanh", "Tanh"] * w.shape[0]
    supported(p is None and not layout and not input_forget and usual, "this variant of LSTM")
    return _recurrent("lstm", x, w, r, b, sequence_lens, [h, c], text(direction), r.shape[2])


@operator("GRU")
def _gru(
    x: Any, w: Any, r: Any, b: Any = None, sequence_lens: Any = None, h: Any = None, hidden_size: int = 0,
    direction: Any = b"forward", layout: int = 0, linear_before_reset: int = 0, activations: Any = None,
) -> Any:  # fmt: skip
    usual = activations is None or [text(a) for a in activations] == ["Sigmoid", "Tanh"] * w.shape[0]
    supported(not layout and bool(linear_before_reset) and usual, "this variant of GRU")
    return _recurrent("gru", x, w, r, b, sequence_lens, [h], text(direction), r.shape[2])


@operator("RNN")
def _rnn(
    x: Any, w: Any, r: Any, b: Any = None, sequence_lens: Any = None, h: Any = None, hidden_size: int = 0,
    direction: Any = b"forward", layout: int = 0, activations: Any = None,
) -> Any:  # fmt: skip
    kinds = {"Tanh"} if activations is None else {text(a) for a in activations}
    supported(not layout and len(kinds) == 1 and kinds <= {"Tanh", "Relu"}, "this variant of RNN")
    kind: Kind = "relu" if kinds == {"Relu"} else "tanh"
    return _recurrent(kind, x, w, r, b, sequence_lens, [h], text(direction), r.shape[2])
