"""Functions of each element by itself: arithmetic, powers, exponentials, angles, rounding, choices."""

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import scipy.special
from scipy.special import expit

from autograd_np.primitives import defvjp, implements, primitives
from autograd_np.rules.arguments import no_out
from autograd_np.tensor import Tensor, plain, primitive, record

# Arithmetic

defvjp(np.add, lambda g, _y, _a, _b: g, lambda g, _y, _a, _b: g)
defvjp(np.subtract, lambda g, _y, _a, _b: g, lambda g, _y, _a, _b: -g)
defvjp(np.multiply, lambda g, _y, _a, b: g * b, lambda g, _y, a, _b: g * a)
defvjp(np.divide, lambda g, _y, _a, b: g / b, lambda g, y, _a, b: -g * y / b)
defvjp(np.negative, lambda g, _y, _x: -g)
defvjp(np.positive, lambda g, _y, _x: g)
defvjp(np.reciprocal, lambda g, y, _x: -g * y * y)

# Division with a remainder: the quotient is piecewise constant

defvjp(np.floor_divide, lambda g, _y, _a, _b: np.zeros_like(g), lambda g, _y, _a, _b: np.zeros_like(g))
defvjp(np.remainder, lambda g, _y, _a, _b: g, lambda g, _y, a, b: -g * np.floor_divide(a, b))
defvjp(np.fmod, lambda g, _y, _a, _b: g, lambda g, y, a, b: -g * np.rint((a - y) / b))
defvjp(np.divmod, lambda g, _y, _a, _b: g[1], lambda g, y, _a, _b: -g[1] * y[0])
defvjp(np.modf, lambda g, _y, _x: g[0])

# Powers

for _function in (np.power, np.float_power):
    defvjp(_function, lambda g, _y, a, b: g * _power_slope(a, b), lambda g, y, a, _b: g * y * _log_or_zero(a, y))
defvjp(np.square, lambda g, _y, x: g * 2 * x)
defvjp(np.sqrt, lambda g, y, _x: g / (2 * y))
defvjp(np.cbrt, lambda g, y, _x: g / (3 * y * y))
defvjp(np.ldexp, lambda g, _y, _x, n: np.ldexp(g, n), None)

# Exponentials and logarithms

defvjp(np.exp, lambda g, y, _x: g * y)
defvjp(np.exp2, lambda g, y, _x: g * y * math.log(2))
defvjp(np.expm1, lambda g, y, _x: g * (y + 1))
defvjp(np.log, lambda g, _y, x: g / x)
defvjp(np.log2, lambda g, _y, x: g / (x * math.log(2)))
defvjp(np.log10, lambda g, _y, x: g / (x * math.log(10)))
defvjp(np.log1p, lambda g, _y, x: g / (1 + x))
defvjp(np.logaddexp, lambda g, y, a, b: g * expit(_lead(y, a, b)), lambda g, y, a, b: g * expit(_lead(y, b, a)))
defvjp(
    np.logaddexp2,
    lambda g, y, a, b: g * expit(_lead(y, a, b) * math.log(2)),
    lambda g, y, a, b: g * expit(_lead(y, b, a) * math.log(2)),
)
defvjp(expit, lambda g, y, _x: g * y * (1 - y))

# Trigonometric functions; for complex numbers the output tells the side of a branch cut, which the argument's square
# does not, and for real ones the square is exact at the ends

defvjp(np.sin, lambda g, _y, x: g * np.cos(x))
defvjp(np.cos, lambda g, _y, x: -g * np.sin(x))
defvjp(np.tan, lambda g, y, _x: g * (1 + y * y))
defvjp(np.arcsin, lambda g, y, x: g / (np.cos(y) if _is_complex(x) else np.sqrt((1 - x) * (1 + x))))
defvjp(np.arccos, lambda g, y, x: -g / (np.sin(y) if _is_complex(x) else np.sqrt((1 - x) * (1 + x))))
defvjp(np.arctan, lambda g, _y, x: g / (1 + x * x))
defvjp(np.arctan2, lambda g, _y, a, b: g * _inverse(b, a), lambda g, _y, a, b: -g * _inverse(a, b))
defvjp(np.hypot, lambda g, y, a, _b: g * (a / _or_infinite(y)), lambda g, y, _a, b: g * (b / _or_infinite(y)))
defvjp(np.i0, lambda g, _y, x: g * scipy.special.i1(_in_double(x)))
defvjp(np.sinc, lambda g, _y, x: -g * (math.pi * spherical_jn(math.pi * x, n=1)))
for _function in (np.deg2rad, np.radians):
    defvjp(_function, lambda g, _y, _x: g * (math.pi / 180))
for _function in (np.rad2deg, np.degrees):
    defvjp(_function, lambda g, _y, _x: g * (180 / math.pi))

# Hyperbolic functions

defvjp(np.sinh, lambda g, _y, x: g * np.cosh(x))
defvjp(np.cosh, lambda g, _y, x: g * np.sinh(x))
defvjp(np.tanh, lambda g, y, _x: g * (1 - y * y))
defvjp(np.arcsinh, lambda g, y, _x: g / np.cosh(y))
defvjp(np.arccosh, lambda g, y, _x: g / np.sinh(y))
defvjp(np.arctanh, lambda g, _y, x: g / ((1 - x) * (1 + x)))

# Magnitude, sign and the parts of complex numbers

defvjp(np.absolute, lambda g, y, x: g * (_phase(x, y) if _is_complex(x) else np.sign(x)))
defvjp(np.fabs, lambda g, _y, x: g * np.sign(x))
defvjp(np.sign, lambda g, y, x: _turned(g, y, x) if _is_complex(x) else np.zeros_like(g))
defvjp(np.copysign, lambda g, y, a, _b: g * np.sign(a) * np.sign(y), lambda g, _y, _a, _b: np.zeros_like(g))
defvjp(np.heaviside, lambda g, _y, _x, _h: np.zeros_like(g), lambda g, _y, x, _h: g * np.equal(x, 0))
defvjp(np.conjugate, lambda g, _y, _x: np.conjugate(g))
defvjp(np.real, lambda g, _y, _x: g)
defvjp(np.imag, lambda g, _y, _x: g * -1j)

# Rounding

for _function in (np.floor, np.ceil, np.trunc, np.rint, np.fix):
    defvjp(_function, lambda g, _y, _x: np.zeros_like(g))
for _function in (np.round, np.around):
    defvjp(_function, lambda g, _y, _x, decimals=0: np.zeros_like(g))

# Choosing

defvjp(np.maximum, lambda g, _y, a, b: _choose(g, a < b, a == b), lambda g, _y, a, b: _choose(g, b < a, a == b))
defvjp(np.minimum, lambda g, _y, a, b: _choose(g, a > b, a == b), lambda g, _y, a, b: _choose(g, b > a, a == b))
for _function in (np.fmax, np.fmin):  # a number beats a NaN
    defvjp(
        _function,
        lambda g, y, a, b: _choose(g, (a != y) & (y == y), a == b),
        lambda g, y, a, b: _choose(g, (b != y) & (y == y), a == b),
    )
defvjp(
    np.clip,
    lambda g, _y, a, low, high: _unclipped(g, a, low, high),
    lambda g, _y, a, low, high: _choose(_under(high, g, a, low), low < a, a == low),
    lambda g, _y, a, low, high: _choose(g, high > _raised(a, low), high == _raised(a, low)),
    broadcasts=True,
)
defvjp(
    np.where,
    None,
    lambda g, _y, condition, _a, _b: np.where(condition, g, 0),
    lambda g, _y, condition, _a, _b: np.where(condition, 0, g),
    broadcasts=True,
)
defvjp(
    np.nan_to_num,
    lambda g, _y, x, nan=0.0, posinf=None, neginf=None: (
        np.where(np.isfinite(x.real), g.real, 0) + 1j * np.where(np.isfinite(x.imag), g.imag, 0)
        if _is_complex(x)
        else np.where(np.isfinite(x), g, 0)
    ),
)


def _is_complex(x: Any) -> bool:
    return x.dtype.kind == "c"


def _or_infinite(x: Any) -> Any:
    """Return x, but infinity where it is 0: for a quotient that is to be 0 there, with all its derivatives."""
    return np.where(x == 0, np.inf, x)


def _power_slope(a: Any, b: Any) -> Any:
    """Return b a^(b-1): 0 where b is 0, also at a = 0, since a^0 is constant."""
    if isinstance(b, int | float | complex):  # the usual case: an array of exponents would promote float32
        return b * a ** (b - 1) if b else 0.0
    return b * np.power(a, np.where((a == 0) & (b == 0), 1, b - 1))


def _log_or_zero(a: Any, y: Any) -> Any:
    """Return log(a) in the dtype of y = a^b, but 0 at a = 0 if y is finite, since 0^b is constant for b > 0."""
    a = a if hasattr(a, "dtype") else np.asarray(a, y.dtype)  # an integer may be too large for one of NumPy's
    return np.log(np.where(np.equal(a, 0) & np.isfinite(y), 1, a).astype(y.dtype))


def _lead(y: Any, a: Any, b: Any) -> Any:
    """Return a - b, but -inf where both are -inf: there is then no sum to have a share of."""
    other: Any = np.where(y == -np.inf, np.inf, b)
    return a - other.astype(y.dtype)


def _inverse(a: Any, b: Any) -> Any:
    """Return a / (a^2 + b^2), but 0 at the origin; the squares could overflow."""
    r = _or_infinite(np.hypot(a, b))
    return a / r / r


def _phase(x: Any, y: Any) -> Any:
    """Return conj(x) / |x|, along which |x| grows: 0 at 0, as the sign is for real numbers."""
    return np.conjugate(x) / _or_infinite(y)


def _turned(g: Any, y: Any, x: Any) -> Any:
    """Return the part of g that turns the phase y = x / |x|: the rest would change its length, which stays 1."""
    return (g - np.conjugate(g * y * y)) / (2 * _or_infinite(np.absolute(x)))


def _choose(g: Any, beaten: Any, tied: Any) -> Any:
    """Give the gradient to the argument that was chosen, and half of it to each of two equal ones.

    Where an argument is NaN neither is beaten, and both take the gradient, as in PyTorch: the NaN is not hidden.
    """
    # Multiplying takes 0.2 of the time of choosing, but 0 times infinity is not 0.
    part = g * np.logical_not(beaten) if np.isfinite(g).all() else np.where(beaten, 0, g)
    return np.where(tied, g * 0.5, part) if np.any(tied) else part


@primitive
def spherical_jn(x: Any, n: int = 0) -> Any:
    """Return the spherical Bessel function of order `n`; of order 0 it is sin(x) / x."""
    return scipy.special.spherical_jn(n, _in_double(x)).astype(x.dtype)  # pyright: ignore


def _in_double(x: Any) -> Any:
    """Return long doubles in double precision: SciPy has no longer one."""
    return x.astype(np.float64) if x.dtype.char == "g" else x


# Equation 10.51.1 of the Digital Library of Mathematical Functions: without a division by x, derivatives of every order
# are exact at 0.
defvjp(
    spherical_jn,
    lambda g, _y, x, n=0: (
        g * (n * spherical_jn(x, n=n - 1) - (n + 1) * spherical_jn(x, n=n + 1)) / (2 * n + 1)
        if n
        else -g * spherical_jn(x, n=1)
    ),
)


@implements(np.frexp)
def frexp(x: Any) -> tuple[Any, Any]:
    """Split numbers into mantissas and powers of two, which are piecewise constant: a plain array."""
    exponent = np.frexp(plain(x))[1]
    return np.ldexp(x, -exponent), exponent


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """Return the angle of complex numbers; at 0 its gradient is 0."""
    imaginary: Any = np.imag(z) if _is_complex(z) else 0
    radians: Any = np.arctan2(imaginary, z.real)
    return radians * (180 / math.pi) if deg else radians


@implements(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """Return the real part if all imaginary parts are close to 0, else the complex numbers."""
    return a if np.iscomplexobj(cast(Any, np.real_if_close(plain(a), tol))) else np.real(a)


@implements(np.where)
def where(condition: Any, *branches: Any) -> Any:
    """Choose elements by a condition; with the condition alone, list where it holds."""
    return record(primitives[np.where], (condition, *branches), {}) if branches else np.nonzero(plain(condition))


@implements(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """Choose elements by the first of several conditions that holds."""
    if len(condlist) != len(choicelist) or not condlist:
        raise ValueError(
            f"np.select: {len(condlist)} conditions and {len(choicelist)} choices; give one choice for each condition, "
            f"and at least one"
        )
    for i, condition in enumerate(condlist):
        if np.asarray(plain(condition)).dtype != bool:
            raise TypeError(f"np.select: condition {i} is not an array of booleans; compare it with something")
    values = (x if isinstance(x, int | float | complex | Tensor) else np.asarray(x) for x in (*choicelist, default))
    chosen = default if isinstance(default, Tensor) else np.asarray(default, np.result_type(*values))
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        chosen = where(condition, choice, chosen)
    return chosen


@implements(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Limit values to an interval; at its ends the gradient is one half, as the maximum and the minimum have it."""
    no_out("np.clip", out)
    if not (a_min is a_max is None or min is max is None):
        raise ValueError("np.clip: give the bounds either as a_min and a_max, or as min and max")
    lower, upper = a_min if min is None else min, a_max if max is None else max
    return record(primitives[np.clip], (a, lower, upper), {})


def _unclipped(g: Any, a: Any, low: Any, high: Any) -> Any:
    """Return the part of the gradient that neither bound takes."""
    g = _under(high, g, a, low)
    return g if low is None else _choose(g, a < low, a == low)


def _under(high: Any, g: Any, a: Any, low: Any) -> Any:
    """Return the part of the gradient that the upper bound does not take."""
    return g if high is None else _choose(g, _raised(a, low) > high, _raised(a, low) == high)


def _raised(a: Any, low: Any) -> Any:
    return a if low is None else np.maximum(a, low)
