"""Probability distributions of `scipy.stats` for arrays and tensors, under their own names and signatures.

Densities can be differentiated in every parameter; distribution functions in all but shape parameters, in which they
have no closed form. A tensor that requires a gradient in vain is refused by name. Where SciPy gives NaN, because a
parameter is out of its range, the result is NaN, too.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.special  # pyright: ignore[reportMissingTypeStubs]

from autograd_np.modes import mode
from autograd_np.scipy.linalg import cholesky, solve_triangular
from autograd_np.tensor import Operand, Tensor, plain

__all__ = [
    "Continuous",
    "Dirichlet",
    "Discrete",
    "MultivariateNormal",
    "Univariate",
    "beta",
    "chi2",
    "dirichlet",
    "gamma",
    "multivariate_normal",
    "norm",
    "poisson",
    "t",
]

# Spelt out by the number of arguments, for the type checker's sake, as rules are.
Formula = Callable[[Any], Any] | Callable[[Any, Any], Any] | Callable[[Any, Any, Any], Any]
sp: Any = scipy.special

# ---------------------------------------------------------------------------------------------------------------------
# Distributions of one variable
# ---------------------------------------------------------------------------------------------------------------------


class Univariate:
    """What distributions of one variable have in common: their arguments and their distribution functions.

    Its formulas are those of the standard form, with location 0 and scale 1, and take the variable and the shape
    parameters. The methods take what SciPy's do, in the order of `signature`: the variable, the shape parameters,
    `loc`, and for continuous distributions `scale`.

    Parameters
    ----------
    name : str
        SciPy's name of the distribution.
    signature : dict
        From the name of each argument to its default, or to `inspect.Parameter.empty`.
    support : tuple of float
        The least and the greatest value of the variable.
    cdf, sf, logcdf, logsf : callable
        The distribution function and its complement; their logarithms if there are better ways to have them.
    """

    def __init__(
        self,
        name: str,
        signature: Mapping[str, Any],
        support: tuple[float, float],
        cdf: Formula,
        sf: Formula,
        logcdf: Formula | None,
        logsf: Formula | None,
    ) -> None:
        self._name, self._support = name, support
        self._cdf, self._logcdf = cdf, logcdf or _logarithm(cdf)
        self._sf, self._logsf = sf, logsf or _logarithm(sf)
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self._signature = inspect.Signature([inspect.Parameter(p, kind, default=d) for p, d in signature.items()])

    def __repr__(self) -> str:
        return f"scipy.stats.{self._name}{self._signature}"

    def cdf(self, x: Operand, *args: Operand, **kwds: Operand) -> Any:
        """Return the probability of a value up to `x`."""
        return self._evaluate("cdf", self._cdf, 0, 1, x, args, kwds)

    def logcdf(self, x: Operand, *args: Operand, **kwds: Operand) -> Any:
        """Return the logarithm of the probability of a value up to `x`."""
        return self._evaluate("logcdf", self._logcdf, -math.inf, 0, x, args, kwds)

    def sf(self, x: Operand, *args: Operand, **kwds: Operand) -> Any:
        """Return the probability of a value beyond `x`."""
        return self._evaluate("sf", self._sf, 1, 0, x, args, kwds)

    def logsf(self, x: Operand, *args: Operand, **kwds: Operand) -> Any:
        """Return the logarithm of the probability of a value beyond `x`."""
        return self._evaluate("logsf", self._logsf, 0, -math.inf, x, args, kwds)

    def _evaluate(
        self, method: str, formula: Callable[..., Any], below: float, above: float, x: Operand, args: Any, kwds: Any
    ) -> Any:
        """Return what a formula gives inside the support, and the given values below and above it."""
        raise NotImplementedError

    def _arguments(self, method: str, values: Sequence[Any], kwds: Mapping[str, Any]) -> dict[str, Any]:
        """Return all arguments by name, defaults included, as arrays or tensors of floating-point numbers."""
        try:
            given = self._signature.bind(*values, **kwds)
        except TypeError as error:
            raise TypeError(f"scipy.stats.{self._name}.{method}{self._signature}: {error}") from None
        given.apply_defaults()
        return dict(zip(given.arguments, _floats(f"scipy.stats.{self._name}.{method}", *given.args), strict=True))

    def _refuse_gradients(self, method: str, arguments: Mapping[str, Any]) -> None:
        for name, value in arguments.items():
            if isinstance(value, Tensor) and value.requires_grad and mode.get().recording:
                raise TypeError(
                    f"scipy.stats.{self._name}.{method}: it has no derivative with respect to {name}; pass its `.data` "
                    f"if no gradient is needed"
                )


class Continuous(Univariate):
    """A continuous distribution of `scipy.stats`: `pdf logpdf cdf logcdf sf logsf`.

    Parameters
    ----------
    name : str
        SciPy's name of the distribution.
    *shapes : str
        The names of its shape parameters, which are positive.
    support, cdf, sf, logcdf, logsf
        See `Univariate`.
    logpdf, pdf : callable
        The logarithm of the density; the density if there is a better way to have it.

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from autograd_np.scipy.stats import norm
    >>> norm
    scipy.stats.norm(x, loc=0, scale=1)
    >>> mean = Tensor(0.0, requires_grad=True)
    >>> norm.logpdf([1.0, 3.0], mean, scale=2.0).sum().backward()
    >>> mean.grad
    array(1.)
    """

    def __init__(
        self,
        name: str,
        *shapes: str,
        support: tuple[float, float] = (-math.inf, math.inf),
        logpdf: Formula,
        pdf: Formula | None = None,
        cdf: Formula,
        sf: Formula,
        logcdf: Formula | None = None,
        logsf: Formula | None = None,
    ) -> None:
        signature = {**dict.fromkeys(("x", *shapes), inspect.Parameter.empty), "loc": 0, "scale": 1}
        super().__init__(name, signature, support, cdf, sf, logcdf, logsf)
        self._logpdf = logpdf
        self._pdf = pdf or _exponential(logpdf)

    def pdf(self, x: Operand, *args: Operand, **kwds: Operand) -> Any:
        """Return the density at `x`."""
        return self._evaluate("pdf", self._pdf, 0, 0, x, args, kwds)

    def logpdf(self, x: Operand, *args: Operand, **kwds: Operand) -> Any:
        """Return the logarithm of the density at `x`."""
        return self._evaluate("logpdf", self._logpdf, -math.inf, -math.inf, x, args, kwds)

    def _evaluate(
        self, method: str, formula: Callable[..., Any], below: float, above: float, x: Operand, args: Any, kwds: Any
    ) -> Any:
        arguments = self._arguments(method, (x, *args), kwds)
        variable, loc, scale = (arguments.pop(name) for name in ("x", "loc", "scale"))
        if "pdf" not in method:
            self._refuse_gradients(method, arguments)
        valid: Any = plain(scale) > 0
        for shape in arguments.values():
            valid = valid & (plain(shape) > 0)
        scale, *shapes = (_kept(valid, value, 1) for value in (scale, *arguments.values()))
        z = (variable - loc) / scale
        place = plain(z)
        inside = (place >= self._support[0]) & (place <= self._support[1])
        y = formula(_kept(inside, z, 0.5), *shapes)
        y = y / scale if method == "pdf" else y - np.log(scale) if method == "logpdf" else y
        y = _kept(inside, y, np.where(place < self._support[0], below, above))
        return _final(_kept(valid & ~np.isnan(place), y, math.nan))


class Discrete(Univariate):
    """A discrete distribution of `scipy.stats`: `pmf logpmf cdf logcdf sf logsf`.

    Its parameter can be differentiated; the variable `k` and `loc` are whole numbers.

    Parameters
    ----------
    name : str
        SciPy's name of the distribution.
    parameter : str
        The name of its parameter, which is not negative.
    support, cdf, sf, logcdf, logsf
        See `Univariate`.
    logpmf : callable
        The logarithm of the probability of a whole number.

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from autograd_np.scipy.stats import poisson
    >>> poisson
    scipy.stats.poisson(k, mu, loc=0)
    >>> mu = Tensor(2.0, requires_grad=True)
    >>> poisson.logpmf([1, 4], mu).sum().backward()
    >>> mu.grad
    array(0.5)
    """

    def __init__(
        self,
        name: str,
        parameter: str,
        *,
        support: tuple[float, float],
        logpmf: Formula,
        cdf: Formula,
        sf: Formula,
        logcdf: Formula | None = None,
        logsf: Formula | None = None,
    ) -> None:
        signature = {**dict.fromkeys(("k", parameter), inspect.Parameter.empty), "loc": 0}
        super().__init__(name, signature, support, cdf, sf, logcdf, logsf)
        self._pmf, self._logpmf = _exponential(logpmf), logpmf

    def pmf(self, k: Operand, *args: Operand, **kwds: Operand) -> Any:
        """Return the probability of `k`."""
        return self._evaluate("pmf", self._pmf, 0, 0, k, args, kwds)

    def logpmf(self, k: Operand, *args: Operand, **kwds: Operand) -> Any:
        """Return the logarithm of the probability of `k`."""
        return self._evaluate("logpmf", self._logpmf, -math.inf, -math.inf, k, args, kwds)

    def _evaluate(
        self, method: str, formula: Callable[..., Any], below: float, above: float, x: Operand, args: Any, kwds: Any
    ) -> Any:
        arguments = self._arguments(method, (x, *args), kwds)
        variable, loc = (arguments.pop(name) for name in ("k", "loc"))
        self._refuse_gradients(method, {"k": variable, "loc": loc})
        ((_, parameter),) = arguments.items()
        valid: Any = plain(parameter) >= 0
        z = plain(variable) - plain(loc)
        inside = (z >= self._support[0]) & (z <= self._support[1])
        if "pmf" in method:
            inside = inside & (z == np.floor(z))
        y = formula(np.floor(np.where(inside, z, 0)), _kept(valid, parameter, 1))
        y = _kept(inside, y, np.where(z < self._support[0], below, above))
        return _final(_kept(valid & ~np.isnan(z), y, math.nan))


def _kept(kept: Any, x: Any, otherwise: Any) -> Any:
    """Return `x`, but something else where it is not to be kept."""
    return x if np.all(kept) else np.where(kept, x, np.asarray(otherwise, x.dtype))


def _final(y: Any) -> Any:
    """Return a number for an array of none, as SciPy does."""
    return y if isinstance(y, Tensor) else y[()]


def _exponential(logarithm: Callable[..., Any]) -> Formula:
    """Return the exponential of a formula."""

    def formula(*values: Any) -> Any:
        return np.exp(logarithm(*values))

    return formula


def _logarithm(probability: Callable[..., Any]) -> Formula:
    """Return the logarithm of a formula: -inf, and constant, where it is too small for a number."""

    def formula(*values: Any) -> Any:
        p = probability(*values)
        zero = plain(p) == 0
        return _kept(~zero, np.log(_kept(~zero, p, 1)), -math.inf)

    return formula


def _t_logpdf(z: Any, df: Any) -> Any:
    df = np.minimum(df, 1e30)  # to the last digit the normal distribution, which is df = inf
    return np.log(sp.poch(df / 2, 0.5)) - (np.log(df) + math.log(math.pi)) / 2 - (df + 1) / 2 * np.log1p(z * z / df)


norm = Continuous(
    "norm",
    logpdf=lambda z: -z * z / 2 - math.log(2 * math.pi) / 2,
    pdf=lambda z: np.exp(-z * z / 2) / math.sqrt(2 * math.pi),
    cdf=lambda z: sp.ndtr(z),
    sf=lambda z: sp.ndtr(-z),
    logcdf=lambda z: sp.log_ndtr(z),
    logsf=lambda z: sp.log_ndtr(-z),
)
"""The normal distribution, `scipy.stats.norm`: `norm.logpdf(x, loc=0, scale=1)`."""

t = Continuous(
    "t",
    "df",
    logpdf=_t_logpdf,
    cdf=lambda z, df: sp.stdtr(df, z),
    sf=lambda z, df: sp.stdtr(df, -z),
)
"""Student's t distribution, `scipy.stats.t`: `t.logpdf(x, df, loc=0, scale=1)`."""

gamma = Continuous(
    "gamma",
    "a",
    support=(0, math.inf),
    logpdf=lambda z, a: sp.xlogy(a - 1, z) - z - sp.gammaln(a),
    cdf=lambda z, a: sp.gammainc(a, z),
    sf=lambda z, a: sp.gammaincc(a, z),
)
"""The gamma distribution, `scipy.stats.gamma`: `gamma.logpdf(x, a, loc=0, scale=1)`."""

beta = Continuous(
    "beta",
    "a",
    "b",
    support=(0, 1),
    logpdf=lambda z, a, b: sp.xlog1py(b - 1, -z) + sp.xlogy(a - 1, z) - sp.betaln(a, b),
    cdf=lambda z, a, b: sp.betainc(a, b, z),
    sf=lambda z, a, b: sp.betaincc(a, b, z),
)
"""The beta distribution, `scipy.stats.beta`: `beta.logpdf(x, a, b, loc=0, scale=1)`."""

chi2 = Continuous(
    "chi2",
    "df",
    support=(0, math.inf),
    logpdf=lambda z, df: sp.xlogy(df / 2 - 1, z) - z / 2 - sp.gammaln(df / 2) - math.log(2) / 2 * df,
    cdf=lambda z, df: sp.chdtr(df, z),
    sf=lambda z, df: sp.chdtrc(df, z),
)
"""The chi-squared distribution, `scipy.stats.chi2`: `chi2.logpdf(x, df, loc=0, scale=1)`."""

poisson = Discrete(
    "poisson",
    "mu",
    support=(0, math.inf),
    logpmf=lambda k, mu: sp.xlogy(k, mu) - sp.gammaln(k + 1) - mu,
    cdf=lambda k, mu: sp.pdtr(k, mu),
    sf=lambda k, mu: sp.pdtrc(k, mu),
)
"""The Poisson distribution, `scipy.stats.poisson`: `poisson.logpmf(k, mu, loc=0)`."""

# ---------------------------------------------------------------------------------------------------------------------
# Distributions of several variables
# ---------------------------------------------------------------------------------------------------------------------


class Dirichlet:
    """The Dirichlet distribution, `scipy.stats.dirichlet`.

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from autograd_np.scipy.stats import dirichlet
    >>> alpha = Tensor([1.0, 1.0, 1.0], requires_grad=True)
    >>> dirichlet.logpdf([0.2, 0.3, 0.5], alpha).backward()
    >>> alpha.grad.round(4)
    array([-0.1094, 0.296 , 0.8069])
    """

    def pdf(self, x: Operand, alpha: Operand) -> Any:
        """Return the density; see `logpdf`."""
        return np.exp(self.logpdf(x, alpha))

    def logpdf(self, x: Operand, alpha: Operand) -> Any:
        """Return the logarithm of the density at points of the simplex.

        Parameters
        ----------
        x : array_like or Tensor, shape (K,), (K - 1,), (K, N) or (K - 1, N)
            Points, one a column; a last coordinate that is left out is 1 less the others. With all K, they are
            differentiated as if they were independent.
        alpha : array_like or Tensor, shape (K,)
            The concentrations, which are positive.

        Returns
        -------
        array or Tensor, shape () or (N,)

        Raises
        ------
        ValueError
            If the shapes do not fit, a concentration is not positive, or a point is not on the simplex, or on its edge
            where the density is infinite.
        """
        call = "scipy.stats.dirichlet"
        points, concentrations = _floats(call, x, alpha)
        (k,) = concentrations.shape if concentrations.ndim == 1 else (0,)
        if k == 0 or points.ndim not in (1, 2) or points.shape[0] not in (k - 1, k):
            raise ValueError(
                f"{call}: x of shape {points.shape} with alpha of shape {concentrations.shape}; give alpha (K,), and x "
                f"(K,) or (K - 1,), or (K, N) or (K - 1, N) for several points"
            )
        if not (plain(concentrations) > 0).all():
            raise ValueError(f"{call}: alpha must be positive; got {plain(concentrations)}")
        if points.shape[0] == k - 1:
            points = np.concatenate([points, 1 - points.sum(axis=0, keepdims=True)])
        exponents = (concentrations - 1).reshape((k,) + (1,) * (points.ndim - 1))
        self._check(call, plain(points), plain(exponents))
        logarithms = sp.xlogy(exponents, points).sum(axis=0)
        return _squeezed(logarithms + sp.gammaln(concentrations.sum()) - sp.gammaln(concentrations).sum())

    @staticmethod
    def _check(call: str, x: Any, exponents: Any) -> None:
        error = float(np.abs(x.sum(axis=0) - 1).max(initial=0))
        if not ((x >= 0) & (x <= 1)).all() or error > max(1e-9, 8 * float(np.finfo(x.dtype).eps)):
            raise ValueError(
                f"{call}: a point's coordinates are from 0 to 1 and their sum is 1; got coordinates from {x.min()} to "
                f"{x.max()}, and sums that are off by up to {error:.1e}"
            )
        if ((x == 0) & (exponents < 0)).any():
            raise ValueError(f"{call}: the density is infinite where a coordinate is 0 whose alpha is less than 1")


class MultivariateNormal:
    """The normal distribution of several variables, `scipy.stats.multivariate_normal`.

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from autograd_np.scipy.stats import multivariate_normal
    >>> mean = Tensor([0.0, 0.0], requires_grad=True)
    >>> multivariate_normal.logpdf([[1.0, 0.0], [0.0, 3.0]], mean, cov=[[2.0, 0.0], [0.0, 1.0]]).sum().backward()
    >>> mean.grad
    array([0.5, 3. ])
    """

    def pdf(self, x: Operand, mean: Operand | None = None, cov: Operand = 1, allow_singular: bool = False) -> Any:
        """Return the density; see `logpdf`."""
        return np.exp(self.logpdf(x, mean, cov, allow_singular))

    def logpdf(self, x: Operand, mean: Operand | None = None, cov: Operand = 1, allow_singular: bool = False) -> Any:
        """Return the logarithm of the density.

        Parameters
        ----------
        x : array_like or Tensor, shape (..., K)
            Points; for K = 1 the last axis may be missing.
        mean : array_like or Tensor, shape (K,), optional
            By default 0.
        cov : array_like or Tensor, shape (K, K), (K,) or ()
            The covariance, its diagonal, or its diagonal's only value. Of a matrix one triangle is read, and the
            gradient is that of a symmetric matrix.
        allow_singular : bool
            Not supported.

        Returns
        -------
        array or Tensor, shape (...)

        Raises
        ------
        TypeError
            If `allow_singular` is true, or an argument is not made of real numbers.
        ValueError
            If the shapes do not fit, or the covariance is not positive definite (a LinAlgError where there is no
            tensor).
        """
        call = "scipy.stats.multivariate_normal"
        if allow_singular:
            raise TypeError(
                f"{call}: allow_singular=True is not supported; describe the points in coordinates of their subspace, "
                f"in which the covariance is positive definite"
            )
        center, covariance, points = self._parameters(call, mean, cov, x)
        k = center.shape[0]
        points = points[..., None] if k == 1 and points.ndim < 2 else points
        if points.ndim == 0 or points.shape[-1] not in (1, k):
            raise ValueError(f"{call}: x of shape {points.shape}, but the mean has shape ({k},); give x (..., {k})")
        factor = cholesky(covariance, lower=True)
        deviations = points - center
        white = solve_triangular(factor, deviations.reshape(-1, k).T, lower=True)
        distances = (white * white).sum(axis=0).reshape(deviations.shape[:-1])
        return _squeezed(-distances / 2 - _half_logdet(factor) - k * math.log(2 * math.pi) / 2)

    def entropy(self, mean: Operand | None = None, cov: Operand = 1) -> Any:
        """Return the differential entropy.

        Parameters
        ----------
        mean : array_like or Tensor, shape (K,), optional
            By default 0.
        cov : array_like or Tensor, shape (K, K), (K,) or ()
            As for `logpdf`.

        Returns
        -------
        array or Tensor, shape ()

        Raises
        ------
        TypeError, ValueError
            As `logpdf`.
        """
        center, covariance = self._parameters("scipy.stats.multivariate_normal", mean, cov)
        half = (1 + math.log(2 * math.pi)) / 2
        return _final(_half_logdet(cholesky(covariance, lower=True)) + center.shape[0] * half)

    @staticmethod
    def _parameters(call: str, mean: Operand | None, cov: Operand, *others: Operand) -> Any:
        """Return the mean as a vector and the covariance as a matrix, and the other arguments."""
        covariance, *given = _floats(call, cov, *others, *([] if mean is None else [mean]))
        k = covariance.shape[0] if covariance.ndim == 2 else 1
        center = np.zeros(k, covariance.dtype) if mean is None else given.pop()
        k = center.size
        if k == 1 and covariance.size == 1:
            center, covariance = center.reshape(1), covariance.reshape(1, 1)
        elif covariance.ndim < 2:
            covariance = covariance * np.eye(k, dtype=covariance.dtype)
        if center.shape != (k,) or covariance.shape != (k, k):
            raise ValueError(
                f"{call}: a mean of shape {center.shape} with a covariance of shape {covariance.shape}; give mean (K,) "
                f"and cov (K, K), (K,) or ()"
            )
        return center, covariance, *given


def _half_logdet(factor: Any) -> Any:
    """Return the logarithm of the product of a triangle's diagonal: half that of the matrix's determinant."""
    return np.log(np.diagonal(factor)).sum()


dirichlet = Dirichlet()
"""`scipy.stats.dirichlet`: `dirichlet.logpdf(x, alpha)`."""

multivariate_normal = MultivariateNormal()
"""`scipy.stats.multivariate_normal`: `multivariate_normal.logpdf(x, mean=None, cov=1)`."""


def _floats(call: str, *operands: Any) -> list[Any]:
    """Return tensors, and arrays of floating-point numbers; Python numbers are of the others' precision."""
    arrays: list[Any] = [x if hasattr(x, "dtype") or isinstance(x, int | float) else np.asarray(x) for x in operands]
    dtypes = [x.dtype for x in arrays if hasattr(x, "dtype")]
    dtype = np.result_type(np.float32, *dtypes) if dtypes else np.dtype(float)
    if dtype.kind != "f":
        raise TypeError(f"{call}: needs real numbers, not {dtype}")
    return [x if isinstance(x, Tensor) else np.asarray(x, dtype) for x in arrays]


def _squeezed(y: Any) -> Any:
    """Return a result without axes of length 1, as SciPy does."""
    return _final(np.squeeze(y))
