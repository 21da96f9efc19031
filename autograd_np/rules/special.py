"""Special functions: the ufuncs of scipy.special, which take tensors as they stand.

Formulas are those of the NIST Digital Library of Mathematical Functions (DLMF), whose numbers stand beside them.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special  # pyright: ignore[reportMissingTypeStubs]

from autograd_np.primitives import defvjp
from autograd_np.rules.elementwise import logistic
from autograd_np.rules.kinks import kinked
from autograd_np.tensor import plain, primitive

sp: Any = scipy.special

# Logarithms and exponentials

defvjp(sp.logit, lambda g, _y, x: g / x + g / (1 - x))
defvjp(sp.log_expit, lambda g, _y, x: g * logistic(-x))
defvjp(sp.expm1, lambda g, _y, x: g * np.exp(x))
defvjp(sp.log1p, lambda g, _y, x: g / (1 + x))
defvjp(sp.exp2, lambda g, y, _x: g * y * math.log(2))
defvjp(sp.exp10, lambda g, y, _x: g * y * math.log(10))
defvjp(sp.cbrt, lambda g, y, _x: g / (3 * y) / y)
defvjp(sp.cosm1, lambda g, _y, x: -g * np.sin(x))
# (e^x - 1) / x is Kummer's function with a = 1, b = 2, and so has a slope at 0: DLMF 13.6.2, 13.3.15
defvjp(sp.exprel, lambda g, _y, x: g * sp.hyp1f1(2, 3, x) / 2)
defvjp(sp.hyp1f1, None, None, lambda g, _y, a, b, x: g * a / b * sp.hyp1f1(a + 1, b + 1, x))
defvjp(sp.hyp0f1, None, lambda g, _y, v, z: g / v * sp.hyp0f1(v + 1, z))
defvjp(sp.expi, lambda g, _y, x: g * np.exp(x) / x)
defvjp(sp.exp1, lambda g, _y, x: -g * np.exp(-x) / x)

# Entropies: where x = 0, the slope in x is no number or infinite; see _defined and _log_ratio

defvjp(
    sp.xlogy,
    lambda g, _xlogy, x, y: _kinked(sp.xlogy(g, _defined(x, y, 0, _xlogy.dtype)), x, y, 0),
    lambda g, _xlogy, x, y: _kinked(g * x / _defined(x, y, 0, _xlogy.dtype), x, y, 0),
)
defvjp(
    sp.xlog1py,
    lambda g, _xlog1py, x, y: _kinked(sp.xlog1py(g, _defined(x, y, -1, _xlog1py.dtype)), x, y, -1),
    lambda g, _xlog1py, x, y: _kinked(g * x / (1 + _defined(x, y, -1, _xlog1py.dtype)), x, y, -1),
)
defvjp(sp.entr, lambda g, _y, x: -g * (np.log(x) + 1))
defvjp(
    sp.rel_entr,
    lambda g, _entropy, x, y: kinked(g * (_log_ratio(x, y, _entropy.dtype) + (x != 0)), lambda: x == 0, x, y),
    lambda g, _entropy, x, y: _kinked(-g * x / _defined(x, y, 0, _entropy.dtype), x, y, 0),
)
defvjp(
    sp.kl_div,
    lambda g, _divergence, x, y: kinked(g * (_log_ratio(x, y, _divergence.dtype) - (x == 0)), lambda: x == 0, x, y),
    lambda g, _divergence, x, y: _kinked(g * (1 - x / _defined(x, y, 0, _divergence.dtype)), x, y, 0),
)


def _defined(x: Any, y: Any, lowest: int, dtype: Any) -> Any:
    """Return y, but 1 more than `lowest` where x = 0 and y is `lowest` or less.

    There x log y is taken to be 0 whatever y is, and so are its slopes: as in PyTorch, and not 0 / 0 = NaN.
    """
    y = _in(dtype, y)
    return np.where(_is_outside(x, y, lowest), lowest + 1, y).astype(dtype)


def _is_outside(x: Any, y: Any, lowest: int) -> Any:
    return (x == 0) & (y == lowest if np.iscomplexobj(y) else y <= lowest)


def _kinked(part: Any, x: Any, y: Any, lowest: int) -> Any:
    return kinked(part, lambda: _is_outside(x, y, lowest), x, y)


def _log_ratio(x: Any, y: Any, dtype: Any) -> Any:
    """Return log(x / y), but 0 where x = 0: the slope of x log(x / y) is -inf there, and JAX leaves it out.

    The ratio of roots is always in the range of numbers, where that of x and y may be too small or too large.
    """
    zero = x == 0
    return 2 * np.log(
        np.sqrt(np.where(zero, 1.0, x).astype(dtype)) / np.sqrt(np.where(zero, 1.0, _in(dtype, y)).astype(dtype))
    )


# The error function and the normal distribution: DLMF 7.2

defvjp(sp.erf, lambda g, _y, x: g * (2 / math.sqrt(math.pi)) * np.exp(-x * x))
defvjp(sp.erfc, lambda g, _y, x: -g * (2 / math.sqrt(math.pi)) * np.exp(-x * x))
defvjp(sp.erfi, lambda g, _y, x: g * (2 / math.sqrt(math.pi)) * np.exp(x * x))
defvjp(sp.erfcx, lambda g, _y, x: -2 * g * erfcx_integral(x, n=1))
defvjp(sp.dawsn, lambda g, _y, x: g * dawsn_derivative(x, n=1))
defvjp(sp.erfinv, lambda g, y, _x: g * (math.sqrt(math.pi) / 2) * np.exp(y * y))
defvjp(sp.erfcinv, lambda g, y, _x: -g * (math.sqrt(math.pi) / 2) * np.exp(y * y))
defvjp(sp.ndtr, lambda g, _y, x: g / math.sqrt(2 * math.pi) * np.exp(-x * x / 2))
defvjp(sp.ndtri, lambda g, y, _p: g * math.sqrt(2 * math.pi) * np.exp(y * y / 2))
defvjp(sp.log_ndtr, lambda g, _y, x: g * hazard(x))


@primitive
def hazard(x: Any) -> Any:
    """Return the normal density over the cumulative distribution, also where both are too small for a number."""
    return math.sqrt(2 / math.pi) / sp.erfcx(-x / math.sqrt(2))


defvjp(hazard, lambda g, y, x: -g * y * _excess(x, y))


def _excess(x: Any, y: Any) -> Any:
    """Return x + y, where y = hazard(x): below 0 both are alike but for the sign, and the sum is close to 1 / |x|."""
    if np.iscomplexobj(x):
        return x + y
    below = x < 0
    between = below & (x > -1e8)
    t = np.where(between, -x, 1) / math.sqrt(2)
    ratio = math.sqrt(2) * erfcx_integral(t, n=1) / sp.erfcx(t)
    return np.where(between, ratio, np.where(below, -1 / np.where(below, x, 1), x + y))


# What is left of the next two is a small part of the terms that the recurrences subtract. From 8 on, 40 terms of the
# series in powers of 1 / x have all digits.
_FAR, _TERMS = 8, 40


@primitive
def erfcx_integral(x: Any, n: int = 0) -> Any:
    """Return exp(x^2) times the n-th repeated integral of erfc: DLMF 7.18."""
    y: Any = x.astype(np.result_type(x, np.float64))
    near, previous = sp.erfcx(y), 2 / math.sqrt(math.pi)
    for k in range(1, n + 1):
        near, previous = (previous - 2 * y * near) / (2 * k), near
    if np.iscomplexobj(x):
        return near.astype(_single(x))
    factors = [math.factorial(2 * k + n) / math.factorial(n) / math.factorial(k) * (-0.25) ** k for k in range(_TERMS)]
    far = _inverse_powers(np.maximum(y, _FAR), factors, n) * (2**-n / math.sqrt(math.pi))
    return _chosen(y < _FAR, near, far, x)


defvjp(erfcx_integral, lambda g, _y, x, n=0: -2 * (n + 1) * g * erfcx_integral(x, n=n + 1))


@primitive
def dawsn_derivative(x: Any, n: int = 0) -> Any:
    """Return a derivative of Dawson's integral: DLMF 7.10, 7.12."""
    y: Any = x.astype(np.result_type(x, np.float64))
    derivatives = [sp.dawsn(y), 1 - 2 * y * sp.dawsn(y)]
    for k in range(1, n):
        derivatives.append(-2 * y * derivatives[k] - 2 * k * derivatives[k - 1])
    if np.iscomplexobj(x):
        return derivatives[n].astype(_single(x))
    factors = [
        math.prod(range(1, 2 * k, 2)) / 2 ** (k + 1) * math.perm(2 * k + n, n) * (-1) ** n for k in range(_TERMS)
    ]
    far = _inverse_powers(np.where(np.abs(y) < _FAR, _FAR, y), factors, n)
    return _chosen(np.abs(y) < _FAR, derivatives[n], far, x)


defvjp(dawsn_derivative, lambda g, _y, x, n=0: g * dawsn_derivative(x, n=n + 1))


def _single(x: Any) -> Any:
    """Return the dtype of x, but at least single precision: what is small in between need not be so in the end."""
    return np.result_type(x, np.float32)


def _chosen(which: Any, a: Any, b: Any, like: Any) -> Any:
    return np.where(which, a, b).astype(_single(like))  # pyright: ignore


def _inverse_powers(x: Any, factors: list[float], n: int) -> Any:
    """Return the sum of factors[k] / x^(2k + n + 1) over k."""
    inverse = 1 / x
    total = np.zeros_like(x)
    for factor in reversed(factors):
        total = total * inverse * inverse + factor
    return total * inverse ** (n + 1)


# The gamma function: DLMF 5.2, 5.4, 5.12


@primitive
def polygamma(n: Any, x: Any) -> Any:
    """Return the n-th derivative of the digamma function, in the precision of `x`; see `scipy.special.polygamma`."""
    if np.iscomplexobj(x):
        raise TypeError(
            "polygamma: SciPy has it for real numbers only, so that complex gamma functions have first derivatives, "
            "and psi none"
        )
    return sp.polygamma(n, x).astype(_single(x))


defvjp(polygamma, None, lambda g, _y, n, x: g * polygamma(n + 1, x), broadcasts=True)
defvjp(sp.psi, lambda g, _y, x: g * polygamma(1, x))
defvjp(sp.gamma, lambda g, y, x: g * y * sp.psi(x))
defvjp(sp.gammaln, lambda g, _y, x: g * sp.psi(x))
defvjp(sp.loggamma, lambda g, _y, x: g * sp.psi(x))
defvjp(sp.gammasgn, lambda g, _y, _x: np.zeros_like(g))
defvjp(sp.rgamma, lambda g, y, x: g * _rgamma_slope(y, x))
defvjp(
    sp.poch,
    lambda g, y, z, m: g * y * (sp.psi(z + m) - sp.psi(z)),
    lambda g, y, z, m: g * y * sp.psi(z + m),
)
defvjp(
    sp.beta,
    lambda g, y, a, b: g * y * (sp.psi(a) - sp.psi(a + b)),
    lambda g, y, a, b: g * y * (sp.psi(b) - sp.psi(a + b)),
)
defvjp(
    sp.betaln,
    lambda g, _y, a, b: g * (sp.psi(a) - sp.psi(a + b)),
    lambda g, _y, a, b: g * (sp.psi(b) - sp.psi(a + b)),
)


def _rgamma_slope(y: Any, x: Any) -> Any:
    """Return the derivative of 1 / gamma(x), which is finite at the poles of gamma, too.

    Left of 1/2 it is that of the reflection, gamma(1 - x) sin(pi x) / pi (DLMF 5.5.3).
    """
    left = plain(x).real < 0.5
    u, z = np.where(left, x, 0), np.where(left, 1, x)
    reflected = sp.gamma(1 - u) * (np.cos(math.pi * u) - sp.psi(1 - u) * np.sin(math.pi * u) / math.pi)
    return left * reflected - np.logical_not(left) * y * sp.psi(z)


# Distributions that are integrals of a density: DLMF 8.2, 8.17. In their shape parameters they have no closed form.

defvjp(sp.gammainc, None, lambda g, _y, a, x: g * _gamma_density(a, x))
defvjp(sp.gammaincc, None, lambda g, _y, a, x: -g * _gamma_density(a, x))
defvjp(sp.gammaincinv, None, lambda g, y, a, _p: g / _gamma_density(a, y))
defvjp(sp.gammainccinv, None, lambda g, y, a, _p: -g / _gamma_density(a, y))
defvjp(sp.chdtr, None, lambda g, _y, v, x: g * _gamma_density(v / 2, x / 2) / 2)
defvjp(sp.chdtrc, None, lambda g, _y, v, x: -g * _gamma_density(v / 2, x / 2) / 2)
defvjp(sp.pdtr, None, lambda g, _y, k, m: -g * _gamma_density(k // 1 + 1, m))
defvjp(sp.pdtrc, None, lambda g, _y, k, m: g * _gamma_density(k // 1 + 1, m))
defvjp(sp.betainc, None, None, lambda g, _y, a, b, x: g * _beta_density(a, b, x))
defvjp(sp.betaincc, None, None, lambda g, _y, a, b, x: -g * _beta_density(a, b, x))
defvjp(sp.betaincinv, None, None, lambda g, y, a, b, _p: g / _beta_density(a, b, y))
defvjp(sp.betainccinv, None, None, lambda g, y, a, b, _p: -g / _beta_density(a, b, y))
defvjp(sp.stdtr, None, lambda g, _y, df, t: g * _t_density(df, t))
defvjp(sp.stdtrit, None, lambda g, y, df, _p: g / _t_density(df, y))


def _gamma_density(a: Any, x: Any) -> Any:
    a = _in(x.dtype, a)
    return np.exp(sp.xlogy(a - 1, x) - x - sp.gammaln(a))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    a, b = _in(x.dtype, a), _in(x.dtype, b)
    return np.exp(sp.xlogy(a - 1, x) + sp.xlog1py(b - 1, -x) - sp.betaln(a, b))


def _in(dtype: Any, number: Any) -> Any:
    """Return a Python number in a precision, and arrays as they are.

    xlogy of a number and a float32 array would be float64, and an integer may be too large for one of NumPy's.
    """
    return number if hasattr(number, "dtype") else np.asarray(number, dtype)


def _t_density(df: Any, t: Any) -> Any:
    df = np.minimum(_in(t.dtype, df), 1e30)  # to the last digit the normal distribution, which is df = inf
    return sp.poch(df / 2, 0.5) / np.sqrt(math.pi * df) * np.exp(-(df + 1) / 2 * np.log1p(t * t / df))


# Bessel functions: DLMF 10.6, 10.29. In their order they have no closed form.

defvjp(sp.j0, lambda g, _y, x: -g * sp.j1(x))
defvjp(sp.j1, lambda g, _y, x: g * (sp.j0(x) - sp.jv(2, x)) / 2)
defvjp(sp.jv, None, lambda g, _y, v, z: g * (sp.jv(v - 1, z) - sp.jv(v + 1, z)) / 2)
defvjp(sp.y0, lambda g, _y, x: -g * sp.y1(x))
defvjp(sp.y1, lambda g, _y, x: g * (sp.y0(x) - sp.yv(2, x)) / 2)
defvjp(sp.yn, None, lambda g, _y, n, x: g * (sp.yn(n - 1, x) - sp.yn(n + 1, x)) / 2)
defvjp(sp.yv, None, lambda g, _y, v, z: g * (sp.yv(v - 1, z) - sp.yv(v + 1, z)) / 2)
defvjp(sp.i0, lambda g, _y, x: g * sp.i1(x))
# iv and kv are 0 for x that i0 and k0 still tell from 0; (x / 2)^n / n! times hyp0f1(n + 1, x^2 / 4) is the former too
defvjp(
    sp.i1,
    lambda g, _y, x: g * (sp.hyp0f1(2, x * x / 4) + x * x / 4 * sp.hyp0f1(3, x * x / 4)) / 2,
)
defvjp(sp.iv, None, lambda g, _y, v, z: g * (sp.iv(v - 1, z) + sp.iv(v + 1, z)) / 2)
defvjp(sp.k0, lambda g, _y, x: -g * sp.k1(x))
defvjp(sp.k1, lambda g, y, x: -g * (sp.k0(x) + y / x))
defvjp(sp.kn, None, lambda g, _y, n, x: -g * (sp.kn(n - 1, x) + sp.kn(n + 1, x)) / 2)
defvjp(sp.kv, None, lambda g, _y, v, z: -g * (sp.kv(v - 1, z) + sp.kv(v + 1, z)) / 2)
# Scaled by exp(-|x|), which has slope 0 at 0, as |x| has, or by exp(x). i0e(x) = hyp1f1(1/2, 1, -2|x|) and
# i1e(x) = x / 2 hyp1f1(3/2, 3, -2|x|), whose derivatives are no differences of what is almost alike (DLMF 13.6)
defvjp(sp.i0e, lambda g, y, x: kinked(g * _ive_slope(y, x, _i0e_slope), lambda: x == 0, x))
defvjp(sp.i1e, lambda g, y, x: g * _ive_slope(y, x, _i1e_slope))


def _i0e_slope(x: Any) -> Any:
    return -np.sign(x) * sp.hyp1f1(1.5, 2, -2 * np.abs(x))


def _i1e_slope(x: Any) -> Any:
    size = np.abs(x)
    return (sp.hyp1f1(1.5, 3, -2 * size) - size * sp.hyp1f1(2.5, 4, -2 * size)) / 2


def _ive_slope(y: Any, x: Any, slope: Callable[[Any], Any]) -> Any:
    """Return a slope, and where SciPy's functions end, that of y = 1 / sqrt(2 pi |x|), which it has become."""
    far = np.abs(plain(x)) > 1e30
    return far * (-y / (2 * np.where(far, x, 1))) + np.logical_not(far) * slope(np.where(far, 1, x))


defvjp(
    sp.ive,  # by exp(-|Re z|) where z is complex
    None,
    lambda g, y, v, z: g * (sp.ive(v - 1, z) + sp.ive(v + 1, z)) / 2 - np.real(g * y) * np.sign(plain(z).real),
)
defvjp(sp.k0e, lambda g, _y, x: g * k0e_derivative(x, n=1))
defvjp(sp.k1e, lambda g, _y, x: g * (k0e_derivative(x, n=1) - k0e_derivative(x, n=2)))
defvjp(sp.kve, None, lambda g, y, v, z: g * (y - (sp.kve(v - 1, z) + sp.kve(v + 1, z)) / 2))


@primitive
def k0e_derivative(x: Any, n: int = 0) -> Any:
    """Return a derivative of f = exp(x) K_0(x), which solves x f'' = (2 x - 1) f' + f.

    That subtracts what is almost alike for large x, where Tricomi's function has all digits: DLMF 10.39.6, 13.3.22.
    """
    y: Any = x.astype(float)
    near, following = sp.k0e(y), sp.k0e(y) - sp.k1e(y)
    for k in range(n):
        near, following = following, ((2 * y - k - 1) * following + (2 * k + 1) * near) / y
    far = (
        math.sqrt(math.pi)
        * math.prod(-(2 * k + 1) for k in range(n))
        * sp.hyperu(n + 0.5, n + 1, 2 * y.clip(20, 1e300))
    )
    return _chosen(y < 20, near, far, x)


defvjp(k0e_derivative, lambda g, _y, x, n=0: g * k0e_derivative(x, n=n + 1))
