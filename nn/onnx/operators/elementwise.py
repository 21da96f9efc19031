"""Operators on each element."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import scipy.special as special

from autograd_np import Tensor
from autograd_np import neural as F
from nn.onnx.operators.table import OPERATORS, dtype_of, operator, supported, text

__all__: list[str] = []


UNARY: dict[str, Callable[[Any], Any]] = {
    "Abs": lambda x: np.abs(x),
    "Neg": lambda x: -x,
    "Exp": lambda x: np.exp(x),
    "Log": lambda x: np.log(x),
    "Sqrt": lambda x: np.sqrt(x),
    "Reciprocal": lambda x: 1 / x,
    "Sin": lambda x: np.sin(x),
    "Cos": lambda x: np.cos(x),
    "Tan": lambda x: np.tan(x),
    "Asin": lambda x: np.arcsin(x),
    "Acos": lambda x: np.arccos(x),
    "Atan": lambda x: np.arctan(x),
    "Sinh": lambda x: np.sinh(x),
    "Cosh": lambda x: np.cosh(x),
    "Tanh": lambda x: np.tanh(x),
    "Asinh": lambda x: np.arcsinh(x),
    "Acosh": lambda x: np.arccosh(x),
    "Atanh": lambda x: np.arctanh(x),
    "Floor": lambda x: np.floor(x),
    "Ceil": lambda x: np.ceil(x),
    "Round": lambda x: np.rint(x),
    "Sign": lambda x: np.sign(x),
    "Erf": lambda x: special.erf(x),
    "Sigmoid": lambda x: F.sigmoid(x),
    "Relu": lambda x: F.relu(x) if x.dtype.kind == "f" else np.maximum(x, 0),
    "Softplus": lambda x: np.logaddexp(x, x.dtype.type(0)),
    "Softsign": lambda x: F.softsign(x),
    "HardSwish": lambda x: F.hardswish(x),
    "Mish": lambda x: F.mish(x),
    "Not": lambda x: np.logical_not(x),
    "IsNaN": lambda x: np.isnan(x),
    "Identity": lambda x: x,
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "PRelu": lambda x, slope: F.relu(x) + slope * np.minimum(x, x.dtype.type(0)),
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Div": lambda a, b: _divided(a, b),
    "Pow": lambda a, b: np.power(a, b).astype(a.dtype),
    "Equal": lambda a, b: np.equal(a, b),
    "Greater": lambda a, b: np.greater(a, b),
    "Less": lambda a, b: np.less(a, b),
    "GreaterOrEqual": lambda a, b: np.greater_equal(a, b),
    "LessOrEqual": lambda a, b: np.less_equal(a, b),
    "And": lambda a, b: np.logical_and(a, b),
    "Or": lambda a, b: np.logical_or(a, b),
    "Xor": lambda a, b: np.logical_xor(a, b),
}
OPERATORS.update(UNARY)
OPERATORS.update(BINARY)


@operator("Elu")
def _elu(x: Any, alpha: float = 1.0) -> Any:
    return F.elu(x, alpha)


@operator("Celu")
def _celu(x: Any, alpha: float = 1.0) -> Any:
    return F.celu(x, alpha)


@operator("LeakyRelu")
def _leaky_relu(x: Any, alpha: float = 0.01) -> Any:
    return F.leaky_relu(x, alpha)


@operator("ThresholdedRelu")
def _thresholded_relu(x: Any, alpha: float = 1.0) -> Any:
    return F.threshold(x, alpha, 0.0)


@operator("HardSigmoid")
def _hard_sigmoid(x: Any, alpha: float = 0.2, beta: float = 0.5) -> Any:
    return F.hardtanh(x * alpha + beta, 0.0, 1.0)


@operator("Max")
def _max(*arrays: Any) -> Any:
    return reduce(np.maximum, arrays)


@operator("Min")
def _min(*arrays: Any) -> Any:
    return reduce(np.minimum, arrays)


@operator("Sum")
def _sum(*arrays: Any) -> Any:
    return reduce(np.add, arrays)


@operator("Mean")
def _mean(*arrays: Any) -> Any:
    return reduce(np.add, arrays) / len(arrays)


@operator("Where")
def _where(condition: Any, a: Any, b: Any) -> Any:
    chosen: Any = np.where
    return chosen(condition, a, b)


@operator("Selu")
def _selu(x: Any, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875) -> Any:
    return gamma * (F.relu(x) + alpha * np.expm1(np.minimum(x, x.dtype.type(0))))


def _divided(a: Any, b: Any) -> Any:
    """Divide; whole numbers are cut off."""
    if a.dtype.kind == "f":
        return a / b
    quotient = np.floor_divide(a, b)
    return quotient + ((quotient < 0) & (quotient * b != a))


@operator("Mod")
def _mod(a: Any, b: Any, fmod: int = 0) -> Any:
    return np.fmod(a, b) if fmod else np.remainder(a, b)


@operator("Gelu")
def _gelu(x: Any, approximate: Any = b"none") -> Any:
    return F.gelu(x, approximate="tanh" if text(approximate) == "tanh" else "none")


@operator("IsInf")
def _isinf(x: Any, detect_negative: int = 1, detect_positive: int = 1) -> Any:
    found: Any = np.isinf(x)
    return found & ((x > 0) & bool(detect_positive) | (x < 0) & bool(detect_negative))


@operator("Clip")
def _clip(x: Any, low: Any = None, high: Any = None) -> Any:
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


@operator("Cast")
def _cast(x: Any, to: int = 1, saturate: int = 1) -> Any:
    dtype = np.dtype(dtype_of(to))
    if isinstance(x, Tensor) and dtype.kind != "f":
        x = x.data
    return x.astype(dtype)


@operator("CastLike")
def _cast_like(x: Any, like: Any, saturate: int = 1) -> Any:
    return x.astype(like.dtype)


@operator("Dropout")
def _dropout(x: Any, ratio: Any = None, training_mode: Any = None, seed: int = 0) -> Any:
    supported(training_mode is None or not bool(training_mode), "dropout in training mode")
    return x
