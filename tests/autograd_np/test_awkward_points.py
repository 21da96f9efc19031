"""First and second derivatives of every function at its awkward points, held against values from elsewhere.

The awkward points of a function are the ends of its domain and infinity, 0 and -0, ties and equal elements, branch
points, removable singularities, singular matrices, and numbers so small or so large that something on the way leaves
the range of numbers. `awkward_points` holds the values, each with its source. What comes out must be that, or NaN for a
reason that stands beside it. A number is never wrong.

Functions that only move, add and multiply elements are smooth everywhere, and need no table: their derivatives are
their own values at unit vectors, at points of every size.
"""

import contextlib
import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy
import scipy.special as sp

from autograd_np import Tensor, grad, gradients, hessian, supported
from autograd_np.primitives import name_of
from tests.autograd_np import awkward_points as table

Array = np.ndarray[Any, np.dtype[Any]]
la: Any = np.linalg
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of infinities on the way


def w(y: Any) -> Any:
    """Sum all elements, weighted by 1, 2, 3, ...: parts of complex numbers one by one, and of several arrays."""
    y = flat(y)
    return np.sum(y * np.arange(1.0, 1 + y.size))


def flat(y: Any) -> Any:
    if isinstance(y, tuple | list):
        return np.concatenate([flat(part) for part in y])
    y = np.reshape(y, -1)
    return np.concatenate([np.real(y), np.imag(y)]) if y.dtype.kind == "c" else y


NAMES = {
    "np": np, "sp": sp, "la": la, "inf": math.inf, "nan": math.nan, "w": w,
    "m": lambda x: np.reshape(x, (2, 2)), "s": lambda a: (a + a.T) / 2,
}  # fmt: skip

READ_FROM_THE_RESULT = {"np.tanh(x)", "sp.expit(x)"}
"""Their derivatives, 1 - y^2 and y (1 - y), cost nothing. They are as precise as y is, also where it is close to 1."""


IN_LONGDOUBLE = {"sp.expit(x)", "sp.logit(x)", "sp.log_expit(x)"}
"""The functions that SciPy has in extended precision."""


def close(found: Any, exact: Any, rtol: float = 1e-12, atol: float = 0.0) -> bool:
    """Tell whether numbers agree, relative to the largest finite one; what is denormal may be 0."""
    found, exact = np.asarray(found, float), np.asarray(exact, float)
    size = np.max(np.abs(exact), initial=0, where=np.isfinite(exact))
    near = np.abs(found - exact) <= rtol * size + atol + np.finfo(float).smallest_normal
    return bool(np.all((found == exact) | (np.isnan(found) & np.isnan(exact)) | near))


def first_and_second(f: Callable[[Any], Any], x: float) -> list[float]:
    leaf = Tensor(x, requires_grad=True)
    (g,) = gradients(f(leaf), leaf, create_graph=True)
    (h,) = gradients(g, leaf) if g.requires_grad else (Tensor(0.0),)
    return [g.item(), h.item()]


def rows_of_one() -> list[Any]:
    rows = [(call, *row) for rows in (table.OF_ONE, table.LIMITS) for call, points in rows.items() for row in points]
    return [pytest.param(call, x, exact[:2], exact[2:], id=f"{call} at {x!r}") for call, x, *exact in rows]


@pytest.mark.parametrize(("call", "x", "exact", "why_nan"), rows_of_one())
def test_functions_of_one_number(call: str, x: float, exact: list[float], why_nan: list[str]) -> None:
    found = first_and_second(eval(f"lambda x: {call}", NAMES), x)
    atol = 2 * np.finfo(float).eps if call in READ_FROM_THE_RESULT else 0.0
    for value, expected in zip(found, exact, strict=True):
        assert close(value, expected, rtol=1e-11, atol=atol) or (why_nan and math.isnan(value)), (found, exact)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
@pytest.mark.parametrize("call", table.OF_ONE)
def test_functions_of_one_number_in_other_precisions(call: str, dtype: Any) -> None:
    """At the points that are numbers of that precision, or far from all awkward ones."""
    f, limits = eval(f"lambda x: {call}", NAMES), np.finfo(dtype)
    if dtype is np.longdouble and (call.startswith("sp.") or call == "np.i0(x)") and call not in IN_LONGDOUBLE:
        with pytest.raises(TypeError, match=r"np\.i0: .*double precision only|not supported for the input types"):
            f(Tensor(np.ones((), dtype), requires_grad=True)).backward()
        return
    eps = max(float(limits.eps), float(np.finfo(float).eps))
    for x, *exact in table.OF_ONE[call]:
        if float(dtype(x)) != x and abs(x) not in (0.3, 2.0):
            continue
        leaf = Tensor(x, requires_grad=True, dtype=dtype)
        (g,) = gradients(f(leaf), leaf, create_graph=True)
        (h,) = gradients(g, leaf) if g.requires_grad else (Tensor(np.zeros((), dtype)),)
        assert g.dtype == h.dtype == dtype
        atol = eps if call in READ_FROM_THE_RESULT else float(limits.smallest_normal)
        if all(abs(value) < limits.max for value in exact):
            assert close([g.item(), h.item()], exact, rtol=64 * eps, atol=2 * atol), (x, g, h, exact)


def rows_of_two() -> list[Any]:
    rows = [(call, *row) for rows in (table.OF_TWO, table.CHOICES) for call, points in rows.items() for row in points]
    return [pytest.param(call, *row[:3], row[3:], id=f"{call} at {row[0]}") for call, *row in rows]


@pytest.mark.parametrize(("call", "point", "first", "second", "why_nan"), rows_of_two())
def test_functions_of_two_numbers(call: str, point: Any, first: Any, second: Any, why_nan: list[str]) -> None:
    f = eval(f"lambda x, y: {call}", NAMES)
    slopes, (xx, xy), (yx, yy) = derivatives_of_two(f, point)
    assert close(slopes, first, rtol=1e-11)
    for found in ([xx, xy, yy], [xx, yx, yy]):
        exact = np.where(np.isnan(found), np.nan, second) if why_nan else second
        assert close(found, exact, rtol=1e-11), (found, second)


def derivatives_of_two(f: Callable[[Any, Any], Any], point: tuple[float, float]) -> list[list[float]]:
    """Return the slopes, and those of each of them."""
    xs = [Tensor(x, requires_grad=True) for x in point]
    slopes = gradients(f(*xs), xs, create_graph=True)
    curvatures = [gradients(g, xs, retain_graph=True) if g.requires_grad else [Tensor(0.0)] * 2 for g in slopes]
    return [[g.item() for g in row] for row in (slopes, *curvatures)]


def rows_of_arrays() -> list[Any]:
    return [
        pytest.param(name, *row, id=f"{row[0].format(name)} at {row[1]}")
        for rows in (table.OF_ARRAYS, table.BY_HAND)
        for names, points in rows.items()
        for name in names
        for row in points
    ]


@pytest.mark.parametrize(("name", "call", "point", "first", "second", "source"), rows_of_arrays())
def test_functions_of_arrays(name: str, call: str, point: Any, first: Any, second: Any, source: str) -> None:
    assert source
    f = eval(f"lambda x: {call.format(name)}", NAMES)
    assert close(grad(f)(np.array(point)), first, rtol=1e-11)
    if second is not None:
        assert close(hessian(f)(np.array(point)), second, rtol=1e-10)


# -- functions that are smooth everywhere -----------------------------------------------------------------------------

STEPS = [
    "np.floor", "np.ceil", "np.trunc", "np.rint", "np.fix", "np.round", "np.around", "np.sign",
    "scipy.special.gammasgn",
]  # fmt: skip
"""Constant but for jumps."""


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("x", [0.0, -0.0, 0.3, 0.5, 1.0, -1.5, 1e-300, 1e300])
def test_steps_are_flat(name: str, x: float) -> None:
    assert first_and_second(function(name), x) == [0, 0]


def function(name: str) -> Any:
    return eval(name, {"np": np, "scipy": scipy})


def copied(x: Any) -> Any:
    target = np.zeros_like(x)
    np.copyto(target, x)
    return target


ROW = np.array([0.5, -1.0, 2.0])

LINEAR: dict[str, Callable[[Any], Any]] = {
    # The same elements, elsewhere
    "np.positive": np.positive,
    "np.copy": np.copy,
    "np.copyto": copied,
    "np.array": lambda x: np.array([x, x], like=x),
    "np.asarray": lambda x: np.asarray(x, like=x),
    "np.asanyarray": lambda x: np.asanyarray(x, like=x),
    "np.astype": lambda x: np.astype(x, float),
    "np.full": lambda x: np.full((2, 2), x[0, 0], like=x),
    "np.ravel": np.ravel,
    "np.reshape": lambda x: np.reshape(x, (3, 2)),
    "np.transpose": np.transpose,
    "np.matrix_transpose": np.matrix_transpose,
    "np.linalg.matrix_transpose": la.matrix_transpose,
    "np.swapaxes": lambda x: np.swapaxes(x, 0, 1),
    "np.moveaxis": lambda x: np.moveaxis(x, 0, 1),
    "np.rollaxis": lambda x: np.rollaxis(x, 1),
    "np.roll": lambda x: np.roll(x, 2),
    "np.rot90": np.rot90,
    "np.flip": np.flip,
    "np.fliplr": np.fliplr,
    "np.flipud": np.flipud,
    "np.squeeze": lambda x: np.squeeze(x[None]),
    "np.expand_dims": lambda x: np.expand_dims(x, 1),
    "np.atleast_1d": np.atleast_1d,
    "np.atleast_2d": np.atleast_2d,
    "np.atleast_3d": np.atleast_3d,
    "np.broadcast_to": lambda x: np.broadcast_to(x, (2, 2, 3)),
    "np.broadcast_arrays": lambda x: np.broadcast_arrays(x, np.ones((2, 1, 1)))[0],
    "np.meshgrid": lambda x: np.meshgrid(x[0], x[1]),
    "np.repeat": lambda x: np.repeat(x, 2, axis=1),
    "np.tile": lambda x: np.tile(x, 2),
    "np.resize": lambda x: np.resize(x, (2, 4)),
    "np.take": lambda x: np.take(x, [0, 0, 5]),
    "np.take_along_axis": lambda x: np.take_along_axis(x, np.array([[0], [2]]), 1),
    "np.compress": lambda x: np.compress([True, False, True], x, axis=1),
    "np.extract": lambda x: np.extract([[1, 0, 1], [0, 0, 1]], x),
    "np.choose": lambda x: np.choose([0, 1, 1], [x[0], x[1]]),
    "np.delete": lambda x: np.delete(x, 1, axis=1),
    "np.insert": lambda x: np.insert(x, 1, x[0, 0]),
    "np.append": lambda x: np.append(x, x[0]),
    "np.concatenate": lambda x: np.concatenate([x, x]),
    "np.stack": lambda x: np.stack([x, x]),
    "np.hstack": lambda x: np.hstack([x, x]),
    "np.vstack": lambda x: np.vstack([x, x]),
    "np.dstack": lambda x: np.dstack([x, x]),
    "np.column_stack": lambda x: np.column_stack([x[0], x[1]]),
    "np.block": lambda x: np.block([[x, x], [x, x]]),
    "np.split": lambda x: np.split(x, 2),
    "np.array_split": lambda x: np.array_split(x, 2, axis=1),
    "np.hsplit": lambda x: np.hsplit(x, 3),
    "np.vsplit": lambda x: np.vsplit(x, 2),
    "np.dsplit": lambda x: np.dsplit(x[None], 3),
    "np.unstack": np.unstack,
    "np.pad": lambda x: np.pad(x, 1),
    "np.tril": np.tril,
    "np.triu": np.triu,
    "np.diag": np.diag,
    "np.diagflat": np.diagflat,
    "np.diagonal": np.diagonal,
    "np.linalg.diagonal": la.diagonal,
    "np.fft.fftshift": np.fft.fftshift,
    "np.fft.ifftshift": np.fft.ifftshift,
    # Sums and differences
    "np.negative": np.negative,
    "np.trace": np.trace,
    "np.linalg.trace": la.trace,
    "np.linspace": lambda x: np.linspace(x[0], x[1], 4),
    "np.diff": np.diff,
    "np.ediff1d": np.ediff1d,
    "np.gradient": lambda x: np.gradient(x[0]),
    "np.add.outer": lambda x: np.add.outer(x[0], x[1]),
    "np.subtract.outer": lambda x: np.subtract.outer(x[0], x[1]),
    "np.fft.fft": np.fft.fft,
    "np.fft.ifft": np.fft.ifft,
    "np.fft.rfft": np.fft.rfft,
    "np.fft.irfft": np.fft.irfft,
    "np.fft.hfft": np.fft.hfft,
    "np.fft.ihfft": np.fft.ihfft,
    "np.fft.fft2": np.fft.fft2,
    "np.fft.ifft2": np.fft.ifft2,
    "np.fft.rfft2": np.fft.rfft2,
    "np.fft.irfft2": np.fft.irfft2,
    "np.fft.fftn": np.fft.fftn,
    "np.fft.ifftn": np.fft.ifftn,
    "np.fft.rfftn": np.fft.rfftn,
    "np.fft.irfftn": np.fft.irfftn,
    # Parts of complex numbers
    "np.conjugate": lambda x: np.conjugate(x * (1 + 2j)),
    "np.real": lambda x: np.real(x * (1 + 2j)),
    "np.imag": lambda x: np.imag(x * (1 + 2j)),
    "np.real_if_close": lambda x: np.real_if_close(x * (1 + 0j)),
}
"""Functions that are linear: of matrices of shape (2, 3)."""


@pytest.mark.parametrize("size", [1.0, 1e-300, 1e300])
@pytest.mark.parametrize("name", LINEAR)
def test_linear_functions(name: str, size: float) -> None:
    f, x = LINEAR[name], np.array([[0.3, -2.0, 1.5], [1.0, 0.0, -0.5]])
    matrix = np.stack([flat(f(unit.reshape(x.shape))) for unit in np.eye(x.size)])  # a row for each element
    weights = np.arange(1.0, 1 + matrix.shape[1])
    np.testing.assert_allclose(grad(lambda x: w(f(x)))(size * x).ravel(), matrix @ weights, rtol=1e-12, atol=1e-12)
    if size == 1:
        of_square = hessian(lambda x: np.sum(flat(f(x)) ** 2))(x).reshape(x.size, x.size)
        np.testing.assert_allclose(of_square, 2 * matrix @ matrix.T, rtol=1e-12, atol=1e-12)
    assert not np.any(hessian(lambda x: w(f(x)))(size * x))


BILINEAR: dict[str, Callable[[Any, Any], Any]] = {
    "np.multiply.outer": np.multiply.outer,
    "np.matmul": np.matmul,
    "np.linalg.matmul": la.matmul,
    "np.dot": np.dot,
    "np.vdot": np.vdot,
    "np.inner": np.inner,
    "np.outer": np.outer,
    "np.linalg.outer": lambda a, b: la.outer(a[0], b[0]),
    "np.tensordot": lambda a, b: np.tensordot(a, b, 1),
    "np.linalg.tensordot": lambda a, b: la.tensordot(a, b, axes=1),
    "np.vecdot": np.vecdot,
    "np.linalg.vecdot": la.vecdot,
    "np.matvec": lambda a, b: np.matvec(a, b[0]),
    "np.vecmat": lambda a, b: np.vecmat(a[0], b),
    "np.kron": np.kron,
    "np.convolve": lambda a, b: np.convolve(a[0], b[0]),
    "np.correlate": lambda a, b: np.correlate(a[0], b[0], "full"),
    "np.cross": np.cross,
    "np.linalg.cross": la.cross,
    "np.einsum": lambda a, b: np.einsum("ij,jk->ki", a, b),
}
"""Products: of two matrices of shape (3, 3)."""


@pytest.mark.parametrize("size", [1.0, 1e-300, 1e300])
@pytest.mark.parametrize("name", BILINEAR)
def test_products(name: str, size: float) -> None:
    f = BILINEAR[name]
    a = np.array([[0.3, -2.0, 1.5], [1.0, 0.0, -0.5], [2.0, 0.25, 1.0]])
    b, units = a[::-1] - 0.5, np.eye(9).reshape(9, 3, 3)
    mixed = np.array([[w(f(u, v)) for v in units] for u in units])
    found = grad(lambda a, b: w(f(a, b)), (0, 1))(size * a, b)
    np.testing.assert_allclose(found[0].ravel(), mixed @ b.ravel(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found[1].ravel() / size, a.ravel() @ mixed, rtol=1e-12, atol=1e-12)

    def together(x: Any) -> Any:
        return w(f(x[0], x[1]))

    curvature = hessian(together)(np.stack([size * a, b])).reshape(18, 18)
    exact = np.block([[np.zeros((9, 9)), mixed], [mixed.T, np.zeros((9, 9))]])
    np.testing.assert_allclose(curvature, exact, rtol=1e-12, atol=1e-12)


OUTER = [
    f"np.{ufunc}"
    for ufunc in (
        "divide", "floor_divide", "remainder", "fmod", "power", "float_power", "logaddexp", "logaddexp2", "arctan2",
        "hypot", "copysign", "heaviside", "fmax", "fmin", "maximum", "minimum",
    )
]  # fmt: skip
"""Functions of two numbers that take every pair of two arrays."""


@pytest.mark.parametrize("name", OUTER)
def test_functions_of_every_pair(name: str) -> None:
    """They have the derivatives of each pair alone, at all of its awkward points."""
    call = f"{name}(x, y)"
    for point, *_ in [*table.OF_TWO.get(call, []), *table.CHOICES.get(call, [])]:
        ufunc = function(name)
        pair = derivatives_of_two(ufunc, point)
        outer = derivatives_of_two(lambda x, y: np.sum(ufunc.outer(x.reshape(1), y.reshape(1))), point)  # noqa: B023
        np.testing.assert_array_equal(outer, pair)


MADE_OFF_THE_TAPE = [
    "np.zeros", "np.ones", "np.empty", "np.eye", "np.identity", "np.tri", "np.arange", "np.zeros_like", "np.ones_like",
    "np.empty_like", "np.full_like",
]  # fmt: skip
"""They make arrays that depend on no tensor."""


@pytest.mark.parametrize("name", MADE_OFF_THE_TAPE)
def test_new_arrays_have_no_derivative(name: str) -> None:
    x = Tensor(np.ones((2, 2)), requires_grad=True)
    call, options = function(name), {} if name.endswith("_like") else {"like": x}
    made = call(*([x, 3.0] if name == "np.full_like" else [x] if name.endswith("_like") else [2]), **options)
    assert not made.requires_grad


def test_every_function_has_its_points() -> None:
    """Those that `supported` prints with a rule, or as made of others."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        supported()
    rows = [line.split() for line in printed.getvalue().splitlines()[1:]]
    wanted = {name for name, kind, *_ in rows if kind in ("rule", "composition")}
    calls = [*table.OF_ONE, *table.LIMITS, *table.OF_TWO, *table.CHOICES]
    spelled = [call.partition("(")[0].replace("sp.", "scipy.special.") for call in calls]
    spelled += [name for names in (*table.OF_ARRAYS, *table.BY_HAND) for name in names]
    in_table = {name if name.count(".") > 1 else name_of(function(name)) for name in spelled}
    elsewhere = {*STEPS, *LINEAR, *BILINEAR, *MADE_OFF_THE_TAPE, *(f"{name}.outer" for name in OUTER)}
    assert wanted - in_table - elsewhere == set()
    assert in_table - wanted == set()
    assert elsewhere - wanted == set()
