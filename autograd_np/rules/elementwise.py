"""Functions of each element by itself: arithmetic, powers, exponentials, angles, rounding, choices."""

from typing import Any

import numpy as np
import scipy.special  # pyright: ignore[reportMissingTypeStubs]

from autograd_np.primitives import defvjp, implements, primitives
from autograd_np.rules.arguments import no_out
from autograd_np.rules.kinks import kinked
from autograd_np.tensor import Tensor, plain, primitive, record

sp: Any = scipy.special

# Arithmetic

defvjp(np.add, lambda g, _y, _a, _b: g, lambda g, _y, _a, _b: g)
defvjp(np.subtract, lambda g, _y, _a, _b: g, lambda g, _y, _a, _b: -g)
defvjp(np.multiply, lambda g, _y, _a, b: g * b, lambda g, _y, a, _b: g * a)
# a / b first: b * b could overflow
defvjp(np.divide, lambda g, _y, _a, b: g / b, lambda g, _y, a, b: -g * (a / b) / b)
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
    defvjp(_function, lambda g, _y, a, b: _base_part(g, a, b), lambda g, y, a, b: _exponent_part(g, y, a, b))
defvjp(np.square, lambda g, _y, x: g * 2 * x)
defvjp(np.sqrt, lambda g, y, _x: g / (2 * y))
defvjp(np.cbrt, lambda g, y, _x: g / (3 * y) / y)  # the square of the least float16 has no digits left
defvjp(np.ldexp, lambda g, _y, _x, n: np.ldexp(g, n), None)

# Exponentials and logarithms

defvjp(np.exp, lambda g, y, _x: g * y)
defvjp(np.exp2, lambda g, y, _x: g * y * _log_of(2, g))
defvjp(np.expm1, lambda g, _y, x: g * np.exp(x))  # y + 1 has no digits left for x below -36
defvjp(np.log, lambda g, _y, x: g / x)
defvjp(np.log2, lambda g, _y, x: g / _log_of(2, g) / x)
defvjp(np.log10, lambda g, _y, x: g / _log_of(10, g) / x)
defvjp(np.log1p, lambda g, _y, x: g / (1 + x))
defvjp(
    np.logaddexp,
    lambda g, _y, a, b: g * logistic(_difference(a, b, g)),
    lambda g, _y, a, b: g * logistic(_difference(b, a, g)),
)
defvjp(
    np.logaddexp2,
    lambda g, _y, a, b: g * logistic(_difference(a, b, g) * _log_of(2, g)),
    lambda g, _y, a, b: g * logistic(_difference(b, a, g) * _log_of(2, g)),
)
# 1 - y has no digits of slopes below the precision of 1, as in PyTorch and JAX; nor has 1 - y * y of tanh.
defvjp(sp.expit, lambda g, y, _x: g * y * (1 - y))
defvjp(np.i0, lambda g, _y, x: g * _i1(x))

# Trigonometric functions; for complex numbers the function itself tells the side of a branch cut, which the argument's
# square does not

defvjp(np.sin, lambda g, _y, x: g * np.cos(x))
defvjp(np.cos, lambda g, _y, x: -g * np.sin(x))
defvjp(np.tan, lambda g, y, _x: g * (1 + y * y))
defvjp(np.arcsin, lambda g, _y, x: g / (np.cos(np.arcsin(x)) if _is_complex(x) else np.sqrt(one_less_square(x))))
defvjp(np.arccos, lambda g, _y, x: -g / (np.sin(np.arccos(x)) if _is_complex(x) else np.sqrt(one_less_square(x))))
defvjp(np.arctan, lambda g, _y, x: g / (1 + x * x) if _is_complex(x) else _over_square(g, np.hypot(1, x)))
# kinked: at these points the gradient is a convention, and its own derivative is NaN
defvjp(
    np.arctan2,
    lambda g, _y, a, b: kinked(g * _inverse(b, a), lambda: _both_0(a, b), a, b),
    lambda g, _y, a, b: kinked(-g * _inverse(a, b), lambda: _both_0(a, b), a, b),
)
defvjp(
    np.hypot,
    lambda g, y, a, b: kinked(g * (a / _or_infinite(y)), lambda: y == 0, a, b),
    lambda g, y, a, b: kinked(g * (b / _or_infinite(y)), lambda: y == 0, a, b),
)
defvjp(np.sinc, lambda g, _y, x: g * sinc_derivative(x, n=1))
for _function in (np.deg2rad, np.radians):
    defvjp(_function, lambda g, _y, _x: np.deg2rad(g))
for _function in (np.rad2deg, np.degrees):
    defvjp(_function, lambda g, _y, _x: np.rad2deg(g))

# Hyperbolic functions

defvjp(np.sinh, lambda g, _y, x: g * np.cosh(x))
defvjp(np.cosh, lambda g, _y, x: g * np.sinh(x))
defvjp(np.tanh, lambda g, y, _x: g * (1 - y * y))
defvjp(np.arcsinh, lambda g, _y, x: g / (np.cosh(np.arcsinh(x)) if _is_complex(x) else np.hypot(1, x)))
defvjp(
    np.arccosh,
    lambda g, _y, x: g / np.sinh(np.arccosh(x)) if _is_complex(x) else g / np.sqrt(x - 1) / np.sqrt(x + 1),
)
defvjp(np.arctanh, lambda g, _y, x: g / one_less_square(x))

# Magnitude, sign and the parts of complex numbers

defvjp(np.absolute, lambda g, _y, x: kinked(g * (_phase(x) if _is_complex(x) else np.sign(x)), lambda: x == 0, x))
defvjp(np.fabs, lambda g, _y, x: kinked(g * np.sign(x), lambda: x == 0, x))
defvjp(np.sign, lambda g, _y, x: kinked(_turned(g, x), lambda: x == 0, x) if _is_complex(x) else np.zeros_like(g))
defvjp(
    np.copysign,
    lambda g, _y, a, b: kinked(g * np.sign(a) * np.where(np.signbit(b), -1, 1).astype(g.dtype), lambda: a == 0, a),
    lambda g, _y, _a, _b: np.zeros_like(g),
)
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

defvjp(np.maximum, lambda g, _y, a, b: _to_chosen(g, a < b, a, b), lambda g, _y, a, b: _to_chosen(g, b < a, a, b))
defvjp(np.minimum, lambda g, _y, a, b: _to_chosen(g, a > b, a, b), lambda g, _y, a, b: _to_chosen(g, b > a, a, b))
for _function in (np.fmax, np.fmin):  # a number beats a NaN
    defvjp(
        _function,
        lambda g, y, a, b: _to_chosen(g, (a != y) & (y == y), a, b),
        lambda g, y, a, b: _to_chosen(g, (b != y) & (y == y), a, b),
    )
defvjp(
    np.clip,
    lambda g, _y, a, low, high: _unclipped(g, a, low, high),
    lambda g, _y, a, low, high: _to_chosen(_not_above(high, g, a, low), low < a, low, a),
    lambda g, _y, a, low, high: _to_chosen(g, high > _at_least(a, low), high, _at_least(a, low)),
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


def _both_0(a: Any, b: Any) -> Any:
    return np.equal(a, 0) & np.equal(b, 0)


def _base_part(g: Any, a: Any, b: Any) -> Any:
    """Return g b a^(b-1): 0 where b is 0, also at a = 0, since a^0 is constant."""
    if isinstance(b, int | float | complex):  # the usual case: an array of exponents would promote float32
        return g * (b * a ** (b - 1) if b else 0.0)
    part = g * (b * np.power(a, np.where(_both_0(a, b), 1, b - 1)))
    return kinked(part, lambda: (a == 0) & ((b == 0) | (b == 1)), b)  # 0^b jumps at b = 0


def _exponent_part(g: Any, y: Any, a: Any, b: Any) -> Any:
    """Return g log(a) a^b, but 0 at a = 0 if y = a^b is finite, since 0^b is constant for b > 0."""
    part = g * y * np.log(np.where((a == 0) & np.isfinite(y), 1.0, a).astype(y.dtype))
    part = kinked(part, lambda: (a == 0) & (np.real(plain(b)) <= 1), a)  # where a^b is no flatter than a itself
    return kinked(part, lambda: _both_0(a, b), b)


def _difference(a: Any, b: Any, g: Any) -> Any:
    """Return a - b, but -inf where both are -inf: neither has a share of the sum."""
    return a - np.where((a == b) & (b == -np.inf), np.inf, b).astype(g.dtype)


@primitive
def logistic(x: Any) -> Any:
    """Return the share of exp(x) in exp(x) + 1. Its derivative has all digits where it is almost 1, too."""
    return sp.expit(x)


defvjp(logistic, lambda g, y, x: g * y * logistic(-x))


def _log_of(number: int, g: Any) -> Any:
    """Return the logarithm of a number in the precision of a gradient."""
    return np.log(g.dtype.type(number))


def _over_square(g: Any, r: Any) -> Any:
    """Return g / r^2, whose square could overflow."""
    return g / r / r


def _inverse(a: Any, b: Any) -> Any:
    """Return a / (a^2 + b^2), but 0 at the origin; the squares could overflow."""
    return _over_square(a, _or_infinite(np.hypot(a, b)))


def _phase(x: Any) -> Any:
    """Return conj(x) / |x|, along which |x| grows: 0 at 0, as the sign is for real numbers."""
    return np.conjugate(x) / _or_infinite(np.absolute(x))


def _turned(g: Any, x: Any) -> Any:
    """Return the part of g that turns the phase y = x / |x|: the rest would change its length, which stays 1."""
    y = np.sign(x)
    return (g - np.conjugate(g * y * y)) / (2 * _or_infinite(np.absolute(x)))


def _to_chosen(g: Any, beaten: Any, a: Any, b: Any) -> Any:
    """Give the gradient to the argument that was chosen, and half of it to each of two equal ones.

    Where an argument is NaN neither is beaten, and both take the gradient, as in PyTorch: the NaN is not hidden.
    """
    # Multiplying takes 0.2 of the time of choosing, but 0 times infinity is not 0.
    part = g * np.logical_not(beaten) if np.isfinite(g).all() else np.where(beaten, 0, g)
    tied = np.equal(a, b)
    part = np.where(tied, g * 0.5, part) if np.any(tied) else part
    if isinstance(a, Tensor) and isinstance(b, Tensor):  # the maximum of x and -x is |x|, and they tie as 0 and -0
        return kinked(part, lambda: tied & (np.signbit(plain(a).real) != np.signbit(plain(b).real)), a, b)
    return part


@primitive
def one_less_square(x: Any) -> Any:
    """Return 1 - x^2, by a product that is exact at the ends, where the square is not.

    Its rule is -2x, since the product's own derivative loses the digits of a small x.
    """
    return (1 - x) * (1 + x)


defvjp(one_less_square, lambda g, _y, x: -2 * g * x)


@primitive
def sinc_derivative(x: Any, n: int = 0) -> Any:
    """Return the derivative of order `n` of sin(z) / z by x, where z = pi x.

    It is pi^n h_n(z), where z h_n + n h_{n-1} is the n-th derivative of the sine. That loses the digits of a small z,
    for which h_n is a sum of powers.
    """
    wide: Any = np.atleast_1d(x).astype(np.result_type(x.dtype, np.float32))
    pi: Any = np.arccos(-np.ones((), wide.real.dtype))
    z = pi * wide
    small = np.abs(z) < 1 + n / 2
    h = np.empty_like(z)
    h[small] = _sinc_powers(z[small], n)
    h[~small] = _sinc_upwards(wide[~small], pi, n)
    return (pi**n * h).reshape(x.shape)


def _sinc_powers(z: Any, n: int) -> Any:
    """Return h_n as the sum of (-1)^((m + n) / 2) z^m / (m! (m + n + 1)) over all m for which m + n is even."""
    m = first = n % 2
    power = (-1.0) ** ((first + n) // 2)  # z^(m - first) / m!, with its sign
    before, total = np.full_like(z, np.nan), np.zeros_like(z)
    while np.any(total != before):
        before, total = total, total + power / (m + n + 1)
        power = power * (-z * z / ((m + 1) * (m + 2)))
        m += 2
    return total * z**first


def _sinc_upwards(x: Any, pi: Any, n: int) -> Any:
    """Return h_n from those of lower orders. Half turns are taken off the angles before pi rounds what is left."""
    half_turns = np.rint(x.real)
    sign, angle = 1 - 2 * np.remainder(half_turns, 2), pi * (x - half_turns)
    sines = sign * np.sin(angle), sign * np.cos(angle)
    h = sines[0] / pi / x
    for order in range(1, n + 1):
        h = ((-1) ** (order // 2) * sines[order % 2] - order * h) / pi / x
    return h


defvjp(sinc_derivative, lambda g, _y, x, n=0: g * sinc_derivative(x, n=n + 1))


def _i1(x: Any) -> Any:
    if x.dtype.type is np.longdouble:
        raise TypeError(
            "np.i0: its derivative is known in double precision only; convert the argument: x.astype(np.float64)"
        )
    return sp.i1(x)


@implements(np.where)
def where(condition: Any, *branches: Any) -> Any:
    """Choose elements by a condition; with the condition alone, list where it holds."""
    return record(primitives[np.where], (condition, *branches), {}) if branches else np.nonzero(plain(condition))


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
    g = _not_above(high, g, a, low)
    return g if low is None else _to_chosen(g, a < low, a, low)


def _not_above(high: Any, g: Any, a: Any, low: Any) -> Any:
    """Return the part of the gradient that the upper bound does not take."""
    return g if high is None else _to_chosen(g, _at_least(a, low) > high, _at_least(a, low), high)


def _at_least(a: Any, low: Any) -> Any:
    return a if low is None else np.maximum(a, low)
