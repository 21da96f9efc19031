"""Operations of layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from nn.onnx.formulas.reductions import mean
from nn.onnx.formulas.shaping import reshaped
from nn.onnx.formulas.table import formula, refuse_unless
from nn.onnx.graph import Handle, constant, ints, op, ops
from nn.onnx.recording import Repeated

__all__: list[str] = []


@formula("conv2d")
def _convolution(_y: Any, x: Handle, w: Handle, b: Handle | None, plan: Any = None) -> Handle:
    return op(
        "Conv", x, w, b, kernel_shape=plan.kernel, strides=plan.stride, pads=(*plan.padding, *plan.padding),
        dilations=plan.dilation, group=plan.groups,
    )  # fmt: skip


@formula("conv2d's image gradient")
def _transposed(_y: Any, g: Handle, w: Handle, plan: Any = None) -> Handle:
    """Return the transposed convolution; what a stride leaves out at the end is added there."""
    more = [
        side - ((n - 1) * stride - 2 * padding + field)
        for side, n, stride, padding, field in zip(
            plan.image, g.shape[2:], plan.stride, plan.padding, plan.field, strict=True
        )
    ]
    return op(
        "ConvTranspose", g, w, kernel_shape=plan.kernel, strides=plan.stride, pads=(*plan.padding, *plan.padding),
        dilations=plan.dilation, group=plan.groups, output_padding=more,
    )  # fmt: skip


@formula("max_pool2d")
def _max_pool(_y: Any, x: Handle, windows: Any = None) -> Handle:
    return op(
        "MaxPool", x, kernel_shape=windows.kernel, strides=windows.stride,
        pads=(*windows.padding, *windows.padding), dilations=windows.dilation,
    )  # fmt: skip


@formula("batch_norm", "layer_norm", "group_norm", "instance_norm")
def _normalise(
    y: Any, x: Handle, weight: Handle | None, bias: Handle | None, axes: Any = (), place: Any = (), eps: float = 1e-5
) -> list[Handle]:
    """Return what is normalised, and mean and variance, which are left out if nobody reads them."""
    axes = sorted(axis % x.ndim for axis in axes)
    centre = mean(x, axes, True)
    deviation = x - centre
    squares = deviation * deviation
    squares.shape = x.shape
    variance = mean(squares, axes, True)
    last = axes == [*range(x.ndim - len(axes), x.ndim)]
    sides = tuple(x.shape[i] for i in axes)
    if last and weight is not None and tuple(place) == sides:
        form = [part if part is None else reshaped(part, sides) for part in (weight, bias)]
        out = op("LayerNormalization", x, *form, axis=axes[0], epsilon=eps)
    else:
        out = deviation / op("Sqrt", variance + eps)
        out = out if weight is None else out * reshaped(weight, place)
        out = out if bias is None else out + reshaped(bias, place)
    squeezed = [op("Squeeze", part, ints(x, *axes)) for part in (centre, variance)]
    return [out, *squeezed]


# ---------------------------------------------------------------------------------------------------------------------
# Recurrent layers: the operator multiplies inputs by weights itself, so that the product before it is taken back
# ---------------------------------------------------------------------------------------------------------------------


def _product(z: Handle) -> tuple[Handle, Handle, Handle | None]:
    """Return rows, weight and bias: what a recurrent layer is given is rows weightᵀ + bias."""
    product = next((node for node in z.graph.nodes if node.kind == "Gemm" and node.outputs[0] is z), None)
    refuse_unless(product is not None, "rows that are no product")
    inputs: Any = [] if product is None else product.inputs
    return inputs[0], inputs[1], inputs[2] if len(inputs) > 2 else None


def _gates(x: Handle, order: list[int], hidden: Any) -> Handle:
    """Put the gates' rows of a parameter into ONNX's order, with an axis for directions in front."""
    if order == sorted(order):
        return op("Unsqueeze", x, ints(x, 0))
    places = [gate * hidden + row for gate in order for row in range(hidden)]
    return op("Unsqueeze", op("Gather", x, constant(places, x, np.int64), axis=0), ints(x, 0))


_ORDERS = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2], "RNN": [0]}


def _recurrent(
    kind: str, z: Handle, states: list[Handle], weight: Handle, bias: Handle | None, sizes: Any, backwards: Any,
    **settings: Any,
) -> list[Handle]:  # fmt: skip
    """Return the outputs of all steps, as rows, and the last states."""
    count, steps = (sizes.number, sizes.count) if isinstance(sizes, Repeated) else (sizes[0], len(sizes))
    refuse_unless(isinstance(sizes, Repeated) or len({*sizes}) == 1, "sequences of different lengths")
    order, hidden = _ORDERS[kind], weight.shape[1]
    rows, inner, offset = _product(z)
    x = op("Reshape", rows, ints(z, steps, count, -1))
    given: Any = None
    if offset is not None or bias is not None:
        none = constant(np.zeros(len(order) * hidden), z)
        parts = [_gates(none if part is None else part, order, hidden) for part in (offset, bias)]
        given = op("Concat", *parts, axis=1)
    first = [op("Unsqueeze", state, ints(z, 0)) for state in states]
    results = ops(
        kind, x, _gates(inner, order, hidden), _gates(weight, order, hidden), given, None, *first,
        dtypes=[None] * (1 + len(states)), hidden_size=hidden, direction="reverse" if backwards else None, **settings,
    )  # fmt: skip
    y = op("Reshape", results[0], ints(z, -1, hidden))
    return [y, *(op("Squeeze", state, ints(z, 0)) for state in results[1:])]


@formula("lstm")
def _lstm(_y: Any, z: Any, h: Any, c: Any, weight: Any, sizes: Any = (), backwards: Any = False) -> list[Handle]:
    return _recurrent("LSTM", z, [h, c], weight, None, sizes, backwards)


@formula("gru")
def _gru(_y: Any, z: Any, h: Any, weight: Any, bias: Any, sizes: Any = (), backwards: Any = False) -> list[Handle]:
    """Apply the reset gate after the product."""
    return _recurrent("GRU", z, [h], weight, bias, sizes, backwards, linear_before_reset=1)


@formula("rnn")
def _rnn(
    _y: Any, z: Any, h: Any, weight: Any, kind: str = "tanh", sizes: Any = (), backwards: Any = False
) -> list[Handle]:
    return _recurrent("RNN", z, [h], weight, None, sizes, backwards, activations=[kind.capitalize()])
