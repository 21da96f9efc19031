"""Random programs over the whole table: values against plain NumPy, derivatives against differences.

A program is straight-line Python source, drawn line by line while its values are computed, so that every operation is
given what it is smooth at. Powers of two keep values between -1 and 1, so that twenty operations in a row neither
explode nor die away.
"""

import math
import re
from collections.abc import Callable
from functools import partial
from string import Formatter
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import HealthCheck, Phase, given, reject, seed, settings
from hypothesis import strategies as st

import autograd_np.scipy as asp
import autograd_np.scipy.linalg
import autograd_np.scipy.signal
import autograd_np.scipy.special
import autograd_np.scipy.stats
from autograd_np import jacobian, neural, supported, vjp
from autograd_np.tensor import plain
from tests.autograd_np.checks import check_gradients
from tests.autograd_np.strategies import arrays, shapes
from tests.autograd_np.test_table import replace

Array = Any

# ---------------------------------------------------------------------------------------------------------------------
# The operations
# ---------------------------------------------------------------------------------------------------------------------

WHICH: dict[str, Callable[[Array], bool]] = {
    "a": lambda x: True,
    "n": lambda x: x.ndim >= 1,
    "m": lambda x: x.ndim >= 2,
    "v": lambda x: x.ndim == 1,
    "t": lambda x: x.ndim == 2,
    "z": lambda x: bool(np.all(np.abs(x) > GAP)),
    "d": lambda x: x.ndim >= 1 and apart(x),
}
"""What an operation can be given, by the letter in its text: any value, one with axes, with two at least, a vector, a
matrix, one away from zero, one whose elements are apart from one another."""

BESIDE: dict[str, Callable[[Array, Array], bool]] = {
    "b": lambda x, y: broadcasts(x, y),
    "s": lambda x, y: x.shape == y.shape,
    "f": lambda x, y: broadcasts(x, y) and bool(np.all(np.abs(x - y) > GAP)),
    "c": lambda x, y: y.ndim >= 1 and x.shape[-1] == y.shape[-2:][0] and broadcasts(x, y, -2),
}
"""What can stand beside the first value: what broadcasts, has its shape, is nowhere equal, or a factor on its right."""

GAP = 0.03

OPTIONS: dict[str, Callable[[Array], st.SearchStrategy[Any]]] = {
    "axis": lambda x: st.integers(-x.ndim, x.ndim - 1),
    "axes": lambda x: st.one_of(st.none(), st.sets(st.integers(0, x.ndim - 1)).map(tuple) if x.ndim else st.just(())),
    "order": lambda x: st.permutations(range(x.ndim)).map(tuple),
    "keepdims": lambda x: st.booleans(),
    "k": lambda x: st.integers(-2, 2),
    "places": lambda x: st.lists(st.integers(-x.shape[0], x.shape[0] - 1), min_size=1, max_size=3),
}
"""What is drawn for the other words in braces, for a first value."""

TEXTS = """
    {a} + {b}
    {a} - {b}
    {a} * {b}
    {a} / (2.0 + {b})
    -{a}
    +{a}
    abs({z})
    {a} ** 3
    (2.0 + {a}) ** {b}
    {z} % 1.7
    np.float_power(2.0 + {a}, {b})
    np.reciprocal(2.0 + {a})
    np.fmod({z}, 1.5)
    np.divmod({z}, 1.5)[1]
    np.modf(0.9 * {z})[0]
    np.ldexp({a}, -1)
    np.frexp(3.0 + 0.5 * {a})[0]
    np.square({a})
    np.sqrt(1.5 + {a})
    np.cbrt(1.5 + {a})
    np.exp({a})
    np.exp2({a})
    np.expm1({a})
    np.log(1.5 + {a})
    np.log2(1.5 + {a})
    np.log10(1.5 + {a})
    np.log1p(0.5 * {a})
    np.logaddexp({a}, {b})
    np.logaddexp2({a}, {b})
    np.sin({a})
    np.cos({a})
    np.tan({a})
    np.arcsin(0.8 * {a})
    np.arccos(0.8 * {a})
    np.arctan({a})
    np.arctan2(2.0 + {a}, {b})
    np.hypot(2.0 + {a}, {b})
    np.sinc({a})
    np.degrees({a})
    np.deg2rad({a})
    np.radians({a})
    np.rad2deg({a})
    np.sinh({a})
    np.cosh({a})
    np.tanh({a})
    np.arcsinh({a})
    np.arccosh(2.5 + {a})
    np.arctanh(0.8 * {a})
    np.fabs({z})
    np.sign({z}) * {z}
    np.copysign({z}, -0.5)
    np.heaviside({z}, 0.5) + {z}
    np.floor(0.5 * {z}) + {z}
    np.ceil(0.5 * {z}) + {z}
    np.trunc({a} / 1.5) + {a}
    np.rint(0.4 * {a}) + {a}
    np.fix(0.9 * {a}) + {a}
    np.round(0.4 * {a}) + {a}
    np.around(0.4 * {a}) + {a}
    np.floor_divide({z}, 1.5) + {z}
    np.maximum({a}, {f})
    np.minimum({a}, {f})
    np.fmax({a}, {f})
    np.fmin({a}, {f})
    np.clip({z}, 0.0, 1.5)
    np.where({z} > 0, {z}, {z} ** 2)
    np.select([{z} > 0], [np.sin({z})], default=0.5)
    np.nan_to_num({a})
    np.real((1.0 + 2.0j) * np.exp(1j * {a}))
    np.imag(np.exp((1.0 + 2.0j) * {a}))
    np.real(np.conjugate(1j + {a}) ** 2)
    np.angle(2.0 + {a} + 1j * {b})
    np.abs(1j + {a})
    np.real_if_close({a} + 0j)
    np.i0({a})

    np.reshape({a}, -1)
    {a}.reshape(-1, 1)
    np.ravel({a}, order="F")
    np.transpose({a}, {order})
    {a}.T
    np.swapaxes({n}, {axis}, -1)
    np.moveaxis({n}, {axis}, 0)
    np.rollaxis({n}, {axis})
    np.matrix_transpose({m})
    np.squeeze({a}[..., None], -1)
    np.expand_dims({n}, {axis})
    np.broadcast_to({a}, (2, *{a}.shape))
    sum(np.broadcast_arrays({a}, {b}))
    np.meshgrid({v}, {v})[1]
    np.copy({a})
    np.flip({n}, {axis})
    np.fliplr({m})
    np.flipud({n})
    np.rot90({m}, {k})
    np.roll({n}, {k}, {axis})
    np.roll({a}, {k})
    np.tril({m}, {k})
    np.triu({m}, {k})
    np.tile({a}, 2)
    np.repeat({n}, 2, axis={axis})
    np.resize({a}, (2, 3))
    np.atleast_1d({a})
    np.atleast_2d({a})
    np.atleast_3d({a})
    np.diagonal({m})
    np.diagflat({v})
    np.diag({v}, {k})
    np.diag({t})
    np.trace({m})
    np.concatenate([{n}, {s}], axis={axis})
    np.stack([{a}, {s}], axis=-1)
    np.hstack([{a}, {s}])
    np.vstack([{a}, {s}])
    np.dstack([{a}, {s}])
    np.column_stack([{v}, {s}])
    np.append({a}, {s})
    np.block([[{v}, {s}], [{s}, {v}]])
    np.pad({n}, 1)
    np.pad({n}, 1, mode="edge")
    np.pad({n}, 1, mode="wrap")
    np.pad({n}, 1, mode="reflect")
    np.split({n}, [1], axis={axis})[0]
    np.array_split({n}, 2, axis={axis})[0]
    np.vsplit({m}, [1])[0]
    np.hsplit({m}, [1])[0]
    np.dsplit(np.atleast_3d({a}), [1])[0]
    np.unstack({n}, axis={axis})[0]
    np.take({n}, {places}, axis=0)
    {n}[{places}]
    {n}[::-1]
    {n}[..., -1]
    {n}[None, 0]
    {z}[{z} > -2.0]
    np.take_along_axis({d}, np.argsort({d}, axis={axis}), axis={axis})
    np.compress([True], {n}, axis={axis})
    np.extract({z} > -2.0, {z})
    np.choose([[0], [1]], [{v}, {s}])
    np.delete(np.concatenate([{v}, {s}]), 0)
    np.insert({v}, 0, 0.5)
    np.astype({a}, np.float64)
    autograd_np.array([[{v}[0], 1.0], [{v}[-1], {v}[0]]])
    assigned({n})

    np.sum({a}, axis={axes}, keepdims={keepdims})
    np.mean({a}, axis={axes}, keepdims={keepdims})
    np.var({a}, axis={axes}, keepdims={keepdims})
    np.std({d}, axis=None, keepdims={keepdims})
    np.max({d}, axis={axes}, keepdims={keepdims})
    np.min({d}, axis={axes}, keepdims={keepdims})
    np.amax({d}, axis={axes}, keepdims={keepdims})
    np.amin({d}, axis={axes}, keepdims={keepdims})
    np.prod(1.0 + 0.5 * {a}, axis={axes}, keepdims={keepdims})
    np.cumsum({n}, axis={axis})
    np.cumprod(1.0 + 0.5 * {n}, axis={axis})
    np.cumulative_sum({v}, include_initial={keepdims})
    np.cumulative_prod(1.0 + 0.5 * {v}, include_initial={keepdims})
    np.nansum({a}, axis={axes}, keepdims={keepdims})
    np.nanmean({a}, axis={axes}, keepdims={keepdims})
    np.nanvar({a}, axis={axes}, keepdims={keepdims})
    np.nanstd({d}, axis=None, keepdims={keepdims})
    np.nanmax({d}, axis={axes}, keepdims={keepdims})
    np.nanmin({d}, axis={axes}, keepdims={keepdims})
    np.nanprod(1.0 + 0.5 * {a}, axis={axes}, keepdims={keepdims})
    np.nancumsum({n}, axis={axis})
    np.nancumprod(1.0 + 0.5 * {n}, axis={axis})
    np.ptp({d}, axis={axis}) + np.sum({d})
    np.average({n}, axis={axis})
    np.average({n}, weights=2.0 + {s})
    np.cov({v}, {s}, bias=True)
    np.corrcoef({v} + 3 * np.arange({v}.size), {s} + 3 * np.arange({v}.size) ** 2) if {v}.size > 2 else {v} + {s}
    np.diff({n}, axis={axis})
    np.ediff1d({a})
    np.gradient(np.concatenate([{v}, {s}]))
    np.linspace({a}, {b}, 3)
    np.logspace({a}, {b}, 3, base=2.0)
    np.geomspace(1.5 + {a}, 2.0 + {b}, 3)
    np.trapezoid({n}, axis={axis})
    np.interp({z}, np.array([-2.0, 0.0, 2.0]), np.array([1.0, -1.0, 0.5]))
    np.polyval({v}, {a})
    np.vander({v}, 3)
    np.convolve({v}, {v}, mode="same")
    np.correlate({v}, {v}, mode="full")
    np.maximum.accumulate({d}, axis={axis})
    np.add.reduce({n}, axis={axis})
    np.add.accumulate({n}, axis={axis})
    np.multiply.reduce(1.0 + 0.5 * {n}, axis={axis})
    np.subtract.outer({v}, {v})

    np.sort({d}, axis={axis})
    np.partition({d}, 0, axis={axis})
    np.median({d}, axis={axes}, keepdims={keepdims})
    np.quantile({d}, 0.3, axis={axes}, keepdims={keepdims})
    np.percentile({d}, [10, 60], axis={axes})
    np.nanmedian({d}, axis={axes}, keepdims={keepdims})
    np.nanquantile({d}, 0.3, axis={axes}, keepdims={keepdims})
    np.nanpercentile({d}, 60, axis={axes}, keepdims={keepdims})

    {n} @ {c}
    np.matmul({n}, {c})
    np.dot({t}, {t}.T)
    np.inner({n}, {s})
    np.outer({a}, {a})
    np.vdot({a}, {s})
    np.vecdot({n}, {s})
    np.matvec(np.resize({a}, (2, 3)), np.resize({b}, 3))
    np.vecmat(np.resize({a}, 2), np.resize({b}, (2, 3)))
    np.kron({v}, {v})
    np.cross(np.resize({a}, (2, 3)), np.resize({b}, 3))
    np.tensordot({n}, {s}, axes=([-1], [-1]))
    np.einsum("...i,...i->...", {n}, {s})
    np.einsum("ij,kj->ik", {t}, {t})
    np.einsum("ii->i", np.resize({a}, (2, 2)))
    np.linalg.matmul({n}, {c})
    np.linalg.outer({v}, {v})
    np.linalg.tensordot({v}, {v}, axes=0)
    np.linalg.vecdot({n}, {s})
    np.linalg.cross(np.resize({a}, 3), np.resize({b}, 3))
    np.linalg.trace({m})
    np.linalg.diagonal({m})
    np.linalg.matrix_transpose({m})

    np.linalg.inv(regular({a}))
    np.linalg.solve(regular({a}), np.resize({b}, (3, 2)))
    np.linalg.lstsq(regular({a})[:, :2], np.resize({b}, 3))[0]
    np.linalg.pinv(regular({a})[:2])
    np.linalg.det(regular({a}))
    np.linalg.slogdet(regular({a})).logabsdet
    np.linalg.cholesky(positive({a}))
    np.linalg.eigh(positive({a})).eigenvalues
    np.linalg.eigh(positive({a})).eigenvectors ** 2
    np.linalg.eigvalsh(positive({a}))
    np.sum(np.real(np.linalg.eig(regular({a})).eigenvalues ** 3))
    np.sum(np.real(np.linalg.eigvals(regular({a})) ** 3))
    np.linalg.svd(regular({a})).U ** 2
    np.linalg.svd(regular({a}), compute_uv=False)
    np.linalg.svdvals(regular({a}))
    np.linalg.qr(regular({a})).R
    np.linalg.norm(2.0 + {a}) + np.linalg.norm(2.0 + {a}.ravel(), ord=3)
    np.linalg.vector_norm(2.0 + {n}, axis={axis})
    np.linalg.matrix_norm(regular({a}), ord=2)
    np.linalg.cond(regular({a}))
    np.linalg.matrix_power(regular({a}), -2)
    np.linalg.multi_dot([regular({a}), regular({b}), np.resize({a}, 3)])
    np.linalg.tensorsolve(regular({a}), np.resize({b}, 3))
    np.linalg.tensorinv(regular({a}), ind=1)

    np.real(np.fft.fft({n}, axis={axis}))
    np.imag(np.fft.ifft({n}, axis={axis}))
    np.real(np.fft.rfft({n}, axis={axis}))
    np.fft.irfft(np.fft.rfft({n}, axis={axis}) * (1 - 2j), n=4, axis={axis})
    np.fft.hfft({n} * (1 + 1j), n=3, axis={axis})
    np.imag(np.fft.ihfft({n}, axis={axis}) * (1 + 1j))
    np.imag(np.fft.fft2({m}) * 1j)
    np.real(np.fft.ifft2({m}))
    np.real(np.fft.fftn({n}))
    np.real(np.fft.ifftn({n} * (1 + 1j)))
    np.imag(np.fft.rfft2({m}) * (2 + 1j))
    np.imag(np.fft.rfftn({n}) * (2 + 1j))
    np.fft.irfft2({m} * (1 + 1j), s=(2, 3))
    np.fft.irfftn({m} * (1 + 1j), s=(2, 3), axes=(0, 1))
    np.fft.fftshift({n})
    np.fft.ifftshift({n}, axes={axis})

    special.expit({a})
    special.logit(0.5 + 0.4 * {a})
    special.log_expit({a})
    special.expm1({a})
    special.log1p(0.5 * {a})
    special.exp2({a})
    special.exp10({a})
    special.cbrt(1.5 + {a})
    special.cosm1({a})
    special.exprel({a})
    special.hyp0f1(1.5, {a})
    special.hyp1f1(1.5, 2.5, {a})
    special.expi(1.5 + {a})
    special.exp1(1.5 + {a})
    special.xlogy({a}, 2.0 + {b})
    special.xlog1py({a}, 0.5 * {b})
    special.entr(1.5 + {a})
    special.rel_entr(1.5 + {a}, 2.0 + {b})
    special.kl_div(1.5 + {a}, 2.0 + {b})
    special.erf({a})
    special.erfc({a})
    special.erfi({a})
    special.erfcx({a})
    special.dawsn({a})
    special.erfinv(0.6 * {a})
    special.erfcinv(1.0 + 0.6 * {a})
    special.ndtr({a})
    special.ndtri(0.5 + 0.3 * {a})
    special.log_ndtr({a})
    special.psi(2.0 + {a})
    special.gamma(2.0 + {a})
    special.gammaln(2.0 + {a})
    special.loggamma(2.0 + {a})
    special.gammasgn(2.0 + {a}) * {a}
    special.rgamma(2.0 + {a})
    special.poch(2.0 + {a}, 1.5)
    special.beta(2.0 + {a}, 2.5 + {b})
    special.betaln(2.0 + {a}, 2.5 + {b})
    special.gammainc(1.5, 2.0 + {a})
    special.gammaincc(1.5, 2.0 + {a})
    special.gammaincinv(1.5, 0.5 + 0.3 * {a})
    special.gammainccinv(1.5, 0.5 + 0.3 * {a})
    special.chdtr(3.0, 2.0 + {a})
    special.chdtrc(3.0, 2.0 + {a})
    special.pdtr(2.0, 2.0 + {a})
    special.pdtrc(2.0, 2.0 + {a})
    special.betainc(1.5, 2.5, 0.5 + 0.3 * {a})
    special.betaincc(1.5, 2.5, 0.5 + 0.3 * {a})
    special.betaincinv(1.5, 2.5, 0.5 + 0.3 * {a})
    special.betainccinv(1.5, 2.5, 0.5 + 0.3 * {a})
    special.stdtr(4.0, {a})
    special.stdtrit(4.0, 0.5 + 0.3 * {a})
    special.j0({a})
    special.j1({a})
    special.jv(1.5, 2.0 + {a})
    special.y0(2.0 + {a})
    special.y1(2.0 + {a})
    special.yn(2, 2.5 + {a})
    special.yv(1.5, 2.5 + {a})
    special.i0({a})
    special.i1({a})
    special.iv(1.5, 2.0 + {a})
    special.k0(2.0 + {a})
    special.k1(2.0 + {a})
    special.kn(2, 2.5 + {a})
    special.kv(1.5, 2.5 + {a})
    special.i0e({z})
    special.i1e({z})
    special.ive(1.5, 2.0 + {a})
    special.k0e(2.0 + {a})
    special.k1e(2.0 + {a})
    special.kve(1.5, 2.5 + {a})
    asp.special.polygamma(1, 2.0 + {a})
    asp.special.softplus({a})
    asp.special.softmax({n}, axis={axis})
    asp.special.log_softmax({n}, axis={axis})
    asp.special.logsumexp({n}, axis={axis})
    asp.linalg.expm(np.resize({a}, (2, 2)))
    asp.linalg.sqrtm(positive({a}))
    asp.linalg.solve_triangular(regular({a}), np.resize({b}, 3))
    asp.linalg.solve_sylvester(regular({a}), regular({b}), np.resize({a}, (3, 3)))
    asp.linalg.cho_solve(asp.linalg.cho_factor(positive({a})), np.resize({b}, 3))
    asp.signal.convolve({v}, {v}, mode="full")
    asp.signal.correlate2d({t}, {t}, mode="same")
    asp.stats.norm.logpdf({a}, {b}, 1.5)
    asp.stats.t.logpdf({a}, 3.0)
    asp.stats.gamma.logpdf(2.0 + {a}, 1.5)
    neural.relu({z})
    neural.sigmoid({a})
    neural.softmax({n}, axis={axis})
    neural.linear(np.resize({a}, (2, 3)), np.resize({b}, (2, 3)), np.resize({a}, 2))
    neural.conv2d(np.resize({a}, (1, 1, 3, 3)), np.resize({b}, (2, 1, 2, 2)))[0]
    neural.max_pool2d(np.reshape({d}.ravel()[:4], (1, 1, 2, 2)), 2) if {d}.size >= 4 else {d}
    neural.cross_entropy({t}, np.zeros({t}.shape[0], int))
"""

OPERATIONS = [line.strip() for line in TEXTS.splitlines() if line.strip()]


def broadcasts(x: Array, y: Array, stop: int | None = None) -> bool:
    """Tell whether the shapes (but for their last axes) broadcast."""
    pairs = zip(x.shape[:stop][::-1], y.shape[:stop][::-1], strict=False)
    return all(i == j or 1 in (i, j) for i, j in pairs)


def apart(x: Array) -> bool:
    return x.size < 2 or bool(np.min(np.diff(np.sort(x, axis=None))) > GAP)


def regular(a: Array) -> Array:
    """Return a matrix with the eigenvalues 2, 4 and 6, more or less."""
    return np.diag([2.0, 4.0, 6.0]) + np.resize(a, (3, 3)) / 4


def positive(a: Array) -> Array:
    """Return a symmetric one."""
    return (regular(a) + regular(a).T) / 2


def assigned(x: Array) -> Array:
    y = x * 1.0
    y[-1] = x[0] ** 2
    return y


NAMES = {
    "np": np, "special": scipy.special, "asp": asp, "neural": neural, "autograd_np": autograd_np, "regular": regular,
    "positive": positive, "assigned": assigned,
}  # fmt: skip
"""What the texts use."""


# ---------------------------------------------------------------------------------------------------------------------
# Programs
# ---------------------------------------------------------------------------------------------------------------------


class Program:
    """A function of arrays as source, and arguments for it; its representation is what a failing test prints."""

    def __init__(self, arguments: dict[str, Array], lines: list[str], results: list[str]) -> None:
        self.arguments, self.lines, self.results = arguments, lines, results

    def __repr__(self) -> str:
        given = [f"{name} = np.{x!r}  # of strides {x.strides}" for name, x in self.arguments.items()]
        return "\n".join(["", *given, "", self.source])

    @property
    def source(self) -> str:
        body = "".join(f"    {line}\n" for line in self.lines)
        flat = ", ".join(f"np.ravel({name})" for name in self.results)
        result = self.results[0] if len(self.results) == 1 else f"np.concatenate([{flat}])"
        return f"def program({', '.join(self.arguments)}):\n{body}    return {result}\n"

    @property
    def function(self) -> Callable[..., Any]:
        scope = dict(NAMES)
        exec(self.source, scope)
        return scope["program"]


@st.composite
def programs(draw: st.DrawFn, max_steps: int, operations: list[str] = OPERATIONS) -> Program:
    """Draw a program of one or two arguments that returns every result which it does not use itself."""
    count = draw(st.integers(1, 2))
    arguments = {f"x{i}": draw(arrays(shapes(1, 2), VALUES, unique=True)) for i in range(count)}
    values, lines, used = dict(arguments), list[str](), set[str]()
    for _ in range(draw(st.sampled_from(range(1, max_steps + 1)))):
        operation = draw(st.sampled_from(operations))
        words = draw_words(draw, operation, values)
        if words is None:
            continue
        expression = operation.format(**words)
        value = eval(expression, {**NAMES, **values})
        if not 0 < np.size(value) <= 24 or np.ndim(value) > 3:
            continue
        name, largest = f"y{len(lines)}", float(np.max(np.abs(value)))
        scale = 2.0 ** -math.ceil(math.log2(largest)) if largest > 1 else 1.0
        lines.append(f"{name} = {expression}" if scale == 1 else f"{name} = {scale} * ({expression})")
        values[name] = np.asarray(scale * value)
        used.update(words.values())
    results = [name for name in values if name not in arguments and name not in used]
    needed = {name: x for name, x in arguments.items() if name in used}
    return Program(needed, lines, results) if results else reject()


VALUES = [k / 25 for k in range(-25, 26) if k]
"""Of the arguments: between -1 and 1, farther apart than GAP, and not 0."""


def draw_words(draw: st.DrawFn, operation: str, values: dict[str, Array]) -> dict[str, str] | None:
    """Choose what stands for the words in braces, or return None if no value fits."""
    chosen: dict[str, str] = {}
    first = np.empty(0)
    for _, field, _, _ in Formatter().parse(operation):
        if field is None or field in chosen:
            continue
        if field in OPTIONS:
            chosen[field] = str(draw(OPTIONS[field](first)))
            continue
        fits = WHICH[field] if field in WHICH else partial(BESIDE[field], first)
        names = [name for name, x in values.items() if fits(x)]
        if not names:
            return None
        chosen[field] = draw(st.sampled_from(names[::-1]))  # what is new comes first, so that chains are drawn
        if field in WHICH:
            first = values[chosen[field]]
    return chosen


def check(program: Program, order: int) -> None:
    try:
        check_gradients(program.function, *program.arguments.values(), order=order)
    except AssertionError as error:
        # The differences do not settle: too steep, or an order changes nearby. Nothing is learnt from such a program.
        if "a kink?" in str(error):
            reject()
        raise


def of_profile(factor: float) -> settings:
    return settings(
        max_examples=max(1, int(factor * settings.default.max_examples)),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


@of_profile(10)
@given(programs(20))
def test_long_programs(program: Program) -> None:
    check(program, order=1)


@of_profile(2)
@given(programs(4))
def test_second_derivatives_of_short_programs(program: Program) -> None:
    check(program, order=2)


@pytest.mark.parametrize("operation", OPERATIONS)
@of_profile(0.02)
@given(data=st.data())
def test_every_operation(operation: str, data: st.DataObject) -> None:
    check(data.draw(programs(1, [operation])), order=2)


def check_jacobian(program: Program) -> None:
    """Hold a Jacobian, whose rows share a sweep, against sweeps of their own."""
    arguments = tuple(program.arguments.values())
    y, pullback = vjp(program.function, *arguments)
    y = np.asarray(y)
    found = jacobian(program.function, tuple(range(len(arguments))))(*arguments)
    for i, unit in enumerate(np.eye(y.size)):
        for whole, x, row in zip(found, arguments, pullback(unit.reshape(y.shape)), strict=True):
            np.testing.assert_allclose(whole.reshape(y.size, *x.shape)[i], row, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("operation", OPERATIONS)
@of_profile(0.04)
@given(data=st.data())
def test_jacobian_of_every_operation(operation: str, data: st.DataObject) -> None:
    check_jacobian(data.draw(programs(1, [operation])))


@of_profile(2)
@given(programs(8))
def test_jacobian_of_programs(program: Program) -> None:
    check_jacobian(program)


# ---------------------------------------------------------------------------------------------------------------------
# What the programs are good for
# ---------------------------------------------------------------------------------------------------------------------

OPERATORS = {"absolute", "add", "divide", "multiply", "negative", "positive", "power", "remainder", "subtract"}
CREATORS = {"asanyarray", "asarray", "empty", "empty_like", "eye", "full", "full_like", "identity", "ones", "ones_like"}
CREATORS |= {"tri", "zeros_like"}
METHODS = ("accumulate", "outer", "reduce")


def test_every_function_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    """The table and the operations here have the same functions; the methods of ufuncs have tests of their own."""
    supported()
    rows = capsys.readouterr().out.splitlines()[1:]
    known = {row.split()[0] for row in rows if not row.endswith("nothing: constant")}
    known = {name for name in known if not name.endswith(METHODS)}
    drawn = set(re.findall(r"(?<![\w.])((?:np|special)(?:\.\w+)+)", TEXTS))
    drawn = {name.replace("special.", "scipy.special.") for name in drawn}
    assert known - drawn == {f"np.{name}" for name in OPERATORS | CREATORS | {"copyto"}}


WRONG: list[Any] = [
    # Of the output's shape, but a sign, a factor, a last digit, an argument for another, a transpose
    (np.subtract, lambda g, y, a, b: g, lambda g, y, a, b: g),
    (np.exp, lambda g, y, x: g * y * 1.000001),
    (np.multiply, lambda g, y, a, b: g * a, lambda g, y, a, b: g * b),
    (np.transpose, lambda g, y, x, axes=None: np.reshape(g, x.shape)),
    (np.roll, lambda g, y, a, shift=0, axis=None: np.roll(g, shift, axis)),
    # Right to first order only
    (np.tanh, lambda g, y, x: g * (1 - plain(y) ** 2)),
]


@pytest.mark.parametrize("function_and_rules", WRONG, ids=lambda wrong: wrong[0].__name__)
def test_wrong_rule_is_found(function_and_rules: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs find it when nobody tells them where to look."""
    replace(monkeypatch, *function_and_rules)
    order = 2 if function_and_rules[0] is np.tanh else 1

    # Where to look is drawn, and how long it takes with it: of several seeds, this one finds all of them soon.
    @seed(2)
    @settings(max_examples=20_000, phases=[Phase.generate], database=None, report_multiple_bugs=False)
    @given(programs(12))
    def search(program: Program) -> None:
        check(program, order)

    with pytest.raises(AssertionError, match=r"derivative|Not equal to tolerance") as found:
        search()
    printed = "\n".join(found.value.__notes__)
    assert "def program(x" in printed
    assert "return" in printed
