"""Functions of each element by itself: arithmetic, powers, exponentials, comparisons that choose."""

from typing import Any

import numpy as np
import scipy.special  # pyright: ignore[reportMissingTypeStubs]

from autograd_np.primitives import defvjp, implements, primitives
from autograd_np.tensor import plain, record

# Arithmetic

defvjp(np.add, lambda g, _y, _a, _b: g, lambda g, _y, _a, _b: g)
defvjp(np.subtract, lambda g, _y, _a, _b: g, lambda g, _y, _a, _b: -g)
defvjp(np.multiply, lambda g, _y, _a, b: g * b, lambda g, _y, a, _b: g * a)
defvjp(np.divide, lambda g, _y, _a, b: g / b, lambda g, y, _a, b: -g * y / b)
defvjp(np.negative, lambda g, _y, _x: -g)
defvjp(np.positive, lambda g, _y, _x: g)
defvjp(np.floor_divide, lambda g, _y, _a, _b: np.zeros_like(g), lambda g, _y, _a, _b: np.zeros_like(g))
defvjp(np.remainder, lambda g, _y, _a, _b: g, lambda g, _y, a, b: -g * np.floor_divide(a, b))
defvjp(np.absolute, lambda g, _y, x: g * np.sign(x))
defvjp(np.sign, lambda g, _y, _x: np.zeros_like(g))

# Powers, exponentials and logarithms

defvjp(np.power, lambda g, _y, a, b: g * _power_slope(a, b), lambda g, y, a, _b: g * y * _log_or_zero(a))
defvjp(np.square, lambda g, _y, x: g * 2 * x)
defvjp(np.sqrt, lambda g, y, _x: g / (2 * y))
defvjp(np.reciprocal, lambda g, y, _x: -g * y * y)
defvjp(np.exp, lambda g, y, _x: g * y)
defvjp(np.log, lambda g, _y, x: g / x)
defvjp(np.tanh, lambda g, y, _x: g * (1 - y * y))
defvjp(scipy.special.expit, lambda g, y, _x: g * y * (1 - y))

# Choosing

defvjp(np.maximum, lambda g, _y, a, b: _choose(g, a > b, a == b), lambda g, _y, a, b: _choose(g, b > a, a == b))
defvjp(np.minimum, lambda g, _y, a, b: _choose(g, a < b, a == b), lambda g, _y, a, b: _choose(g, b < a, a == b))
defvjp(
    np.where,
    None,
    lambda g, _y, condition, _a, _b: np.where(condition, g, 0),
    lambda g, _y, condition, _a, _b: np.where(condition, 0, g),
    broadcasts=True,
)


def _power_slope(a: Any, b: Any) -> Any:
    """Return b a^(b-1): 0 where b is 0, also at a = 0, since a^0 is constant."""
    if isinstance(b, int | float):  # the usual case, without an array of exponents, which would promote float32
        return b * a ** (b - 1) if b else 0.0
    return b * np.power(a, np.where(b == 0, 1, b - 1))


def _log_or_zero(a: Any) -> Any:
    """Return log(a), but 0 at a = 0, where a^b is constant for b > 0."""
    if isinstance(a, int | float):
        return float(np.log(a)) if a else 0.0
    return np.log(np.where(a == 0, 1, a))


def _choose(g: Any, chosen: Any, tied: Any) -> Any:
    """Give the gradient to the argument that was chosen, and half of it to each of two equal ones."""
    return np.where(chosen, g, np.where(tied, g * 0.5, 0))


@implements(np.where)
def where(condition: Any, *branches: Any) -> Any:
    """Choose elements by a condition; with the condition alone, list where it holds."""
    return record(primitives[np.where], (condition, *branches), {}) if branches else np.nonzero(plain(condition))


@implements(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Limit values to an interval; at its ends the gradient is one half, as the maximum and the minimum have it."""
    lower, upper = a_min if min is None else min, a_max if max is None else max
    a = a if lower is None else np.maximum(a, lower)
    return a if upper is None else np.minimum(a, upper)
