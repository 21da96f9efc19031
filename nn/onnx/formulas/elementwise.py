"""Operations on each element."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nn.onnx.formulas.table import FORMULAS, elementwise, formula, of, refuse_unless
from nn.onnx.graph import Handle, cast, op, weak_dtype

__all__ = ["floor_divide", "remainder", "where"]


def where(condition: Handle, a: Any, b: Any) -> Handle:
    """Choose by a condition; one of the two is a handle."""
    like = a if isinstance(a, Handle) else b
    return op("Where", condition, cast(a, like), cast(b, like), dtype=like.dtype)


def both(a: Handle, b: Handle) -> Handle:
    """Tell where both hold."""
    return op("And", a, b)


def either(a: Handle, b: Handle) -> Handle:
    """Tell where one holds."""
    return op("Or", a, b)


def nan(x: Handle) -> Handle:
    """Tell where there is no number."""
    if x.dtype.kind != "f":
        return both(x.equals(x), op("Not", x.equals(x)))
    return op("IsNaN", x, dtype=bool)


def infinite(x: Handle) -> Handle:
    """Tell where a number is infinite."""
    if x.dtype.kind != "f":
        return both(x.equals(x), op("Not", x.equals(x)))
    if x.dtype == np.float16:  # there is no operator for these
        x = cast(x, x, np.float32)
    return op("IsInf", x, dtype=bool)


def expm1(x: Handle) -> Handle:
    """Return exp(x) - 1, in which nothing is lost near 0."""
    return op("Tanh", x / 2) * (op("Exp", x) + 1)


def log1p(x: Handle) -> Handle:
    """Return log(1 + x): what 1 + x has lost is made up for."""
    u = x + 1
    away = either(u.equals(1), u.equals(np.inf))
    return where(away, x, op("Log", u) * (x / where(away, 1, u - 1)))


def softplus(x: Handle) -> Handle:
    """Return log(1 + exp(x))."""
    return op("Max", x, cast(0, x)) + log1p(op("Exp", -op("Abs", x)))


def logaddexp(a: Handle, b: Handle) -> Handle:
    """Return log(exp(a) + exp(b))."""
    return where(a.equals(b), a + math.log(2), op("Max", a, b) + log1p(op("Exp", -op("Abs", a - b))))


def truncated(x: Handle) -> Handle:
    """Round towards 0."""
    return where(x < 0, op("Ceil", x), op("Floor", x))


def remainder(a: Handle, b: Handle) -> Handle:
    """Return what is left of a division, with the sign of the divisor."""
    if a.dtype.kind != "f":
        return op("Mod", a, b)
    rest = op("Mod", a, b, fmod=1)
    other = op("Xor", rest < 0, b < 0)
    return where(both(other, op("Not", rest.equals(0))), rest + b, rest)


def floor_divide(a: Handle, b: Handle) -> Handle:
    """Divide, and round down."""
    quotient = (a - remainder(a, b)) / b
    return op("Round", quotient) if a.dtype.kind == "f" else quotient


def hypot(a: Handle, b: Handle) -> Handle:
    """Return the square root of the sum of squares."""
    a, b = op("Abs", a), op("Abs", b)
    large, small = op("Max", a, b), op("Min", a, b)
    ratio = small / where(large.equals(0), 1, large)
    return large * op("Sqrt", ratio * ratio + 1)


def arctan2(y: Handle, x: Handle) -> Handle:
    """Return the angle of (x, y)."""
    half = where(y < 0, -math.pi, cast(math.pi, y))
    beside = op("Atan", y / where(x.equals(0), 1, x))
    upright = where(y.equals(0), 0, half / 2)
    return where(x.equals(0), upright, where(x < 0, beside + half, beside))


def sinc(x: Handle) -> Handle:
    """Return sin(pi x) / (pi x)."""
    angle = where(x.equals(0), 1, x * math.pi)
    return where(x.equals(0), 1, op("Sin", angle) / angle)


def xlogy(x: Handle, y: Handle) -> Handle:
    """Return x log(y), 0 where x is 0."""
    return where(both(x.equals(0), op("Not", nan(y))), 0, x * op("Log", y))


def signed(kind: str, boolean: str) -> Callable[[Handle, Handle], Handle]:
    """Return an operator of numbers that is another one of truth values."""

    def call(a: Handle, b: Handle) -> Handle:
        return op(boolean if a.dtype == bool else kind, a, b)

    return call


UNARY: dict[str, Callable[[Handle], Any]] = {
    "np.absolute": of("Abs"),
    "np.fabs": of("Abs"),
    "np.negative": of("Neg"),
    "np.exp": of("Exp"),
    "np.log": of("Log"),
    "np.sqrt": of("Sqrt"),
    "np.sin": of("Sin"),
    "np.cos": of("Cos"),
    "np.tan": of("Tan"),
    "np.arcsin": of("Asin"),
    "np.arccos": of("Acos"),
    "np.arctan": of("Atan"),
    "np.sinh": of("Sinh"),
    "np.cosh": of("Cosh"),
    "np.tanh": of("Tanh"),
    "np.arcsinh": of("Asinh"),
    "np.arccosh": of("Acosh"),
    "np.arctanh": of("Atanh"),
    "np.floor": of("Floor"),
    "np.ceil": of("Ceil"),
    "np.rint": of("Round"),
    "np.sign": of("Sign"),
    "np.positive": of("Identity"),
    "np.conjugate": of("Identity"),
    "scipy.special.expit": of("Sigmoid"),
    "scipy.special.erf": of("Erf"),
    "relu": of("Relu"),
    "softsign": of("Softsign"),
    "np.square": lambda x: x * x,
    "np.reciprocal": lambda x: 1 / x,
    "np.exp2": lambda x: op("Pow", cast(2, x), x),
    "np.expm1": expm1,
    "np.log1p": log1p,
    "np.log2": lambda x: op("Log", x) / math.log(2),
    "np.log10": lambda x: op("Log", x) / math.log(10),
    "np.cbrt": lambda x: op("Sign", x) * op("Pow", op("Abs", x), cast(1 / 3, x)),
    "np.trunc": truncated,
    "np.fix": truncated,
    "np.deg2rad": lambda x: x * (math.pi / 180),
    "np.radians": lambda x: x * (math.pi / 180),
    "np.rad2deg": lambda x: x * (180 / math.pi),
    "np.degrees": lambda x: x * (180 / math.pi),
    "np.sinc": sinc,
    "scipy.special.erfc": lambda x: 1 - op("Erf", x),
    "scipy.special.ndtr": lambda x: (op("Erf", x * math.sqrt(0.5)) + 1) * 0.5,
    "scipy.special.log_expit": lambda x: -softplus(-x),
    "scipy.special.logit": lambda x: op("Log", x / (1 - x)),
    "scipy.special.entr": lambda x: where(x < 0, -np.inf, -xlogy(x, x)),
    "scipy.special.exp10": lambda x: op("Pow", cast(10, x), x),
    "minimum with 0": lambda x: op("Min", x, cast(0, x)),
    "np.isnan": nan,
    "np.isinf": infinite,
    "np.isfinite": lambda x: op("Not", either(nan(x), infinite(x))),
    "np.isreal": lambda x: either(x.equals(x), nan(x)),
    "np.iscomplex": lambda x: both(x.equals(x), op("Not", x.equals(x))),
    "np.signbit": lambda x: either(x < 0, cast(1, x) / x < 0),
}
BINARY: dict[str, Callable[[Handle, Handle], Any]] = {
    "np.subtract": of("Sub"),
    "np.divide": of("Div"),
    "np.add": signed("Add", "Or"),
    "np.multiply": signed("Mul", "And"),
    "np.maximum": signed("Max", "Or"),
    "np.minimum": signed("Min", "And"),
    "np.power": of("Pow"),
    "np.float_power": of("Pow"),
    "np.logaddexp": logaddexp,
    "np.logaddexp2": lambda a, b: logaddexp(a * math.log(2), b * math.log(2)) / math.log(2),
    "np.hypot": hypot,
    "np.arctan2": arctan2,
    "np.remainder": remainder,
    "np.floor_divide": floor_divide,
    "np.divmod": lambda a, b: [floor_divide(a, b), remainder(a, b)],
    "np.fmod": lambda a, b: op("Mod", a, b, fmod=1),
    "np.fmax": lambda a, b: where(nan(a), b, where(nan(b), a, op("Max", a, b))),
    "np.fmin": lambda a, b: where(nan(a), b, where(nan(b), a, op("Min", a, b))),
    "np.heaviside": lambda x, h: where(x.equals(0), h, where(nan(x), x, cast(x > 0, x))),
    "np.copysign": lambda a, b: where(either(b < 0, cast(1, b) / b < 0), -op("Abs", a), op("Abs", a)),
    "scipy.special.xlogy": xlogy,
    "scipy.special.xlog1py": lambda x, y: where(both(x.equals(0), op("Not", nan(y))), 0, x * log1p(y)),
    "scipy.special.rel_entr": lambda x, y: xlogy(x, x / y),
    "scipy.special.kl_div": lambda x, y: xlogy(x, x / y) - x + y,
    "np.equal": lambda a, b: a.equals(b),
    "np.not_equal": lambda a, b: op("Not", a.equals(b)),
    "np.greater": lambda a, b: op("Greater", a, b, dtype=bool),
    "np.less": lambda a, b: op("Less", a, b, dtype=bool),
    "np.greater_equal": lambda a, b: op("GreaterOrEqual", a, b, dtype=bool),
    "np.less_equal": lambda a, b: op("LessOrEqual", a, b, dtype=bool),
}
elementwise(UNARY)
elementwise(BINARY)

for _alias, _name in {
    "scipy.special.exp2": "np.exp2", "scipy.special.expm1": "np.expm1", "scipy.special.log1p": "np.log1p",
    "scipy.special.cbrt": "np.cbrt", "np.abs": "np.absolute", "np.conj": "np.conjugate",
}.items():  # fmt: skip
    FORMULAS[_alias] = FORMULAS[_name]


def _logical(kind: str) -> Any:
    """Return an operator of truth values; of numbers those that are not 0 count as true."""

    def call(_y: Any, *operands: Any) -> Handle:
        like = next(x for x in operands if isinstance(x, Handle))
        return op(kind, *(cast(x, like, bool) for x in operands))

    return call


for _name, _kind in {"and": "And", "or": "Or", "xor": "Xor", "not": "Not"}.items():
    FORMULAS[f"np.logical_{_name}"] = _logical(_kind)


def _bitwise(kind: str) -> Any:
    def call(y: Any, *operands: Any) -> Any:
        return _logical(kind)(y, *operands) if y.dtype == bool else None

    return call


for _name, _kind in {"bitwise_and": "And", "bitwise_or": "Or", "bitwise_xor": "Xor", "invert": "Not"}.items():
    FORMULAS[f"np.{_name}"] = _bitwise(_kind)


@formula("np.where")
def _where(y: Any, condition: Any, a: Any, b: Any) -> Handle:
    like = next(x for x in (condition, a, b) if isinstance(x, Handle))
    return op("Where", cast(condition, like, bool), *(cast(x, like, y.dtype) for x in (a, b)), dtype=y.dtype)


@formula("np.clip")
def _clip(y: Any, a: Any, a_min: Any = None, a_max: Any = None, min: Any = None, max: Any = None) -> Handle:
    x = cast(a, a, y.dtype)
    low, high = (given if given is not None else word for given, word in ((a_min, min), (a_max, max)))
    x = x if low is None else op("Max", x, cast(low, x))
    return op("Min", x, cast(high, x)) if high is not None else x if low is not None else op("Identity", x)


@formula("hardtanh")
def _between(_y: Any, x: Handle, low: float = -1.0, high: float = 1.0) -> Handle:
    return op("Clip", x, cast(low, x), cast(high, x))


@formula("threshold")
def _above(_y: Any, x: Handle, limit: float = 0.0, value: float = 0.0) -> Handle:
    return where(op("Or", x > limit, nan(x)), x, value)


@formula("softplus")
def _softplus(_y: Any, x: Handle, rate: float = 1.0, limit: float = 20.0) -> Handle:
    return where(x * rate > limit, x, softplus(x * rate) / rate)


@formula("np.astype", "astype")
def _astype(y: Any, x: Handle, *_: Any, **__: Any) -> Handle:
    return op("Identity", x) if x.dtype == y.dtype else cast(x, x, y.dtype)


@formula("np.copy", "np.real", "np.asarray", "np.array", "np.ascontiguousarray", "copy", "view")
def _itself(y: Any, x: Handle, *_: Any, **__: Any) -> Handle:
    refuse_unless(x.dtype == y.dtype, "another dtype of the same bits")
    return op("Identity", x)


@formula("np.round", "np.around")
def _round(_y: Any, x: Handle, decimals: int = 0) -> Any:
    return op("Round", x) if decimals == 0 else op("Round", x * 10.0**decimals) / 10.0**decimals


@formula("np.nan_to_num")
def _nan_to_num(y: Any, x: Handle, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Handle:
    limits = np.finfo(y.dtype)
    high, low = limits.max if posinf is None else posinf, limits.min if neginf is None else neginf
    x = where(both(infinite(x), x > 0), high, where(both(infinite(x), x < 0), low, x))
    return where(op("IsNaN", x, dtype=bool), nan, x)


@formula("np.modf")
def _modf(_y: Any, x: Handle) -> list[Handle]:
    whole = truncated(x)
    return [where(infinite(x), 0, x - whole), whole]


@formula("np.ldexp")
def _ldexp(y: Any, x: Any, exponent: Any) -> Handle:
    like = x if isinstance(x, Handle) else exponent
    return cast(x, like, y.dtype) * op("Pow", cast(2, like, y.dtype), cast(exponent, like, y.dtype))


@formula("np.isclose")
def _isclose(_y: Any, a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Handle:
    like = a if isinstance(a, Handle) else b
    dtype = np.result_type(weak_dtype(a, b), np.float32)
    a, b = cast(a, like, dtype), cast(b, like, dtype)
    near = op("LessOrEqual", op("Abs", a - b), op("Abs", b) * rtol + atol, dtype=bool)
    near = either(a.equals(b), both(near, op("Not", infinite(b))))
    return either(near, both(nan(a), nan(b))) if equal_nan else near
