"""Differences, slopes, areas, interpolation, polynomials and correlation of sampled curves."""

from functools import partial
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_np import Tensor
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.rules.test_convolve import Z, convolutions
from tests.autograd_np.strategies import BETWEEN, POSITIVE, Array, Call, arrays, shapes
from tests.families import of_family


@st.composite
def differences(draw: st.DrawFn) -> Call:
    x = draw(arrays(shapes(min_dims=1)))
    axis, n = draw(st.integers(-x.ndim, x.ndim - 1)), draw(st.integers(0, 3))
    ends: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(["prepend", "append"]), unique=True)) if n else []:
        shape = tuple(2 if i == axis % x.ndim else k for i, k in enumerate(x.shape))
        ends[name] = draw(arrays(draw(st.sampled_from([(), shape]))))
    names = list(ends)

    def f(x: Any, *ends: Any) -> Any:
        return np.diff(x, n, axis, **dict(zip(names, ends, strict=True)))

    return Call(f"diff {n=} {axis=} {names}", f, (x, *ends.values()))


@st.composite
def row_differences(draw: st.DrawFn) -> Call:
    x, begin, end = draw(arrays()), draw(arrays(shapes(max_dims=1))), draw(arrays(shapes(max_dims=1)))
    return Call("ediff1d", lambda x, begin, end: np.ediff1d(x, to_begin=begin, to_end=end), (x, begin, end))


def coordinates(n: int) -> SearchStrategy[Array]:
    """Draw growing coordinates with unequal steps."""
    return hnp.arrays(float, (n,), elements=st.sampled_from(POSITIVE)).map(np.cumsum)


@st.composite
def gradients_of_samples(draw: st.DrawFn) -> Call:
    edge_order = draw(st.sampled_from([1, 2]))
    x = draw(arrays(hnp.array_shapes(min_dims=1, max_dims=2, min_side=edge_order + 1, max_side=5)))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1) | st.just(tuple(range(x.ndim))[::-1]))
    along = range(x.ndim) if axis is None else np.atleast_1d(axis).tolist()
    one = st.sampled_from([(), (0.5,)])
    each = st.tuples(*(st.sampled_from([2.0]) | coordinates(x.shape[i]) for i in along))
    spacing = draw(one | each)
    return Call(
        f"gradient {spacing} {axis=}", lambda x: np.gradient(x, *spacing, axis=axis, edge_order=edge_order), (x,)
    )


@st.composite
def grids(draw: st.DrawFn, f: Any) -> Call:
    pair = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, min_side=0, max_side=2)
    ends = tuple(draw(arrays(shape, POSITIVE)) for shape in draw(pair).input_shapes)
    options: dict[str, Any] = {"num": draw(st.integers(0, 4)), "endpoint": draw(st.booleans())}
    options["axis"] = draw(st.sampled_from([0, -1]))
    if f is np.logspace:
        options["base"] = draw(st.sampled_from([10.0, 2, 0.5]))
    return Call(f"{f.__name__} {options}", partial(f, **options), ends)


@st.composite
def areas(draw: st.DrawFn) -> Call:
    y = draw(arrays(shapes(1, min_dims=1)))
    axis = draw(st.integers(-y.ndim, y.ndim - 1))
    x = draw(arrays(draw(st.sampled_from([(y.shape[axis],), y.shape]))))
    return Call(f"trapezoid, {axis=}", lambda y, x: np.trapezoid(y, x, axis=axis), (y, x))


@st.composite
def interpolations(draw: st.DrawFn) -> Call:
    n = draw(st.integers(1, 5))
    xp = np.arange(n) * 1.0 - 2 + draw(hnp.arrays(float, (n,), elements=st.sampled_from([0.0, 0.125, 0.25])))
    x = draw(arrays(values=[b for b in BETWEEN if np.abs(xp - b).min() > 1 / 32]))
    ends = draw(st.sampled_from([{}, {"left": 7.0}, {"right": -7.0}, {"left": 1.0, "right": 2.0}]))
    return Call(f"interp {ends}", lambda x, xp, fp: np.interp(x, xp, fp, **ends), (x, xp, draw(arrays((n,)))))


@st.composite
def polynomials(draw: st.DrawFn) -> Call:
    p, x = draw(arrays(shapes(1, min_dims=1, max_dims=1))), draw(arrays())
    return Call("polyval", lambda p, x: np.polyval(p, x), (p, x))


@st.composite
def powers(draw: st.DrawFn) -> Call:
    x = draw(arrays(shapes(min_dims=1, max_dims=1)))
    f = partial(np.vander, N=draw(st.none() | st.integers(0, 4)), increasing=draw(st.booleans()))
    return Call(repr(f), f, (x,))


COMPOSED: dict[Any, SearchStrategy[Call]] = {
    np.diff: differences(),
    np.ediff1d: row_differences(),
    np.gradient: gradients_of_samples(),
    np.trapezoid: areas(),
    np.interp: interpolations(),
    np.polyval: polynomials(),
    np.vander: powers(),
    **{f: grids(f) for f in (np.linspace, np.logspace, np.geomspace)},
    np.correlate: convolutions(np.correlate),
}
"""Calls of each function that this file tests."""

IMPLEMENTED = set(COMPOSED)
DOUBLE = (np.interp, np.vander, np.geomspace)
"""NumPy gives float64 for float32 here."""


@pytest.mark.parametrize("function", COMPOSED, ids=lambda f: f.__name__)
@of_family(len(COMPOSED))
@given(data=st.data())
def test_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(COMPOSED[function])
    check_gradients(call.function, *call.arrays)
    if function not in DOUBLE:
        check_float32(call.function, *call.arrays)


@pytest.mark.parametrize("function", DOUBLE, ids=lambda f: f.__name__)
def test_float32_becomes_what_numpy_makes_of_it(function: Any) -> None:
    x = Tensor([1.0, 2.0], requires_grad=True, dtype=np.float32)
    rest = {np.interp: (np.array([0.0, 3.0]), np.array([5.0, 7.0])), np.geomspace: (4.0,)}.get(function, ())
    y = function(x, *rest)
    assert y.dtype == function(x.data, *rest).dtype
    y.backward(np.ones(y.shape))
    assert x.grad is not None
    assert x.grad.dtype == np.float32


# -- slopes -----------------------------------------------------------------------------------------------------------


def test_slopes_know_their_coordinates_gradient() -> None:
    rng = np.random.default_rng(0)
    f, x = rng.standard_normal((3, 5)), np.cumsum(rng.uniform(0.5, 1.5, 5))
    for edge_order in (1, 2):
        check_gradients(lambda f, x, e=edge_order: np.gradient(f, x, axis=1, edge_order=e), f, x)
        check_gradients(lambda f, h, e=edge_order: np.gradient(f, h, axis=-1, edge_order=e), f, np.array(0.5))


def test_slopes_of_a_parabola_are_exact() -> None:
    x = Tensor(np.array([0.0, 1.0, 3.0, 4.0, 4.5]), requires_grad=True)
    np.testing.assert_allclose(np.gradient(x**2, x.data, edge_order=2).data, 2 * x.data, atol=1e-12)


# -- grids ------------------------------------------------------------------------------------------------------------


def test_grids_with_their_step_and_base() -> None:
    a, b = np.array(0.5), np.array([2.0, 3.0])
    check_gradients(lambda a, b: np.linspace(a, b, 4, retstep=True), a, b)
    check_gradients(lambda a, b: np.linspace(a, b, 4, False, True)[1], a, b)
    check_gradients(lambda a, b: np.logspace(a, 2.0, 3, base=b), a, b)
    check_gradients(lambda b: np.logspace(0.0, 1.0, 3, base=b, axis=1), b)
    check_gradients(lambda a: np.geomspace(a, -3.0, 3), np.array(-0.5))
    check_gradients(lambda a: np.geomspace(a, -3.0 + 1j, 3, endpoint=False), np.array(-0.5 + 2j))


def test_grids_between_a_tensor_and_a_number_keep_the_tensors_precision() -> None:
    check_float32(lambda a: np.linspace(a, 3.0, 3), np.array([1.0, 2.0]))
    check_float32(lambda a: np.linspace(0, a, 3, retstep=True), np.array(1.0))
    check_float32(lambda a: np.logspace(1, a, 3), np.array([1.0, 2.0]))


def test_grid_of_whole_numbers_is_off_the_tape() -> None:
    y = np.linspace(leaf(0.5)[0], 4.0, 3, dtype=int)
    np.testing.assert_array_equal(y.data, [0, 2, 4])
    assert not y.requires_grad


# -- interpolation ----------------------------------------------------------------------------------------------------


def leaf(*values: Any) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


def test_interpolation_at_the_samples() -> None:
    """The slope of the right side at a sample, that of the left at the last, and 0 outside."""
    x = leaf(-1.0, 0.0, 1.0, 3.0, 4.0)
    np.interp(x, [0.0, 1.0, 3.0], [0.0, 5.0, 6.0]).backward(np.ones(5))
    np.testing.assert_allclose(x.grad, [0, 5, 0.5, 0.5, 0])


def test_interpolation_at_infinity() -> None:
    x, fp = leaf(-np.inf, 0.5, np.inf), leaf(2.0, 5.0)
    np.interp(x, [0.0, 1.0], fp).backward(np.ones(3))
    np.testing.assert_array_equal(x.grad, [0, 3, 0])
    np.testing.assert_array_equal(fp.grad, [1.5, 1.5])


def test_interpolation_between_unsigned_numbers() -> None:
    x = leaf(0.5, 2.5)
    np.interp(x, np.array([0, 2, 3], np.uint8), np.array([7, 1, 4], np.uint8)).backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, [-3, 3])


def test_interpolation_where_samples_share_a_place() -> None:
    """The last sample there is the value, as NumPy has it."""
    x, fp = leaf(1.0, 2.0), leaf(0.0, 3.0, 5.0, 7.0)
    y = np.interp(x, [0.0, 1.0, 1.0, 2.0], fp)
    np.testing.assert_array_equal(y.data, np.interp(x.data, [0.0, 1.0, 1.0, 2.0], fp.data))
    y.backward(np.ones(2))
    np.testing.assert_array_equal(fp.grad, [0, 0, 1, 1])
    single = leaf(4.0)
    np.interp(leaf(-1.0, 0.0, 1.0), [0.0], single).backward(np.ones(3))
    np.testing.assert_array_equal(single.grad, 3)


@pytest.mark.parametrize("period", [4.0, -4.0])
def test_periodic_interpolation(period: float) -> None:
    x, xp, fp = np.array([-5.3, 0.2, 3.7, 9.1]), np.array([3.0, 0.5, 5.25]), np.array([1.0, -2.0, 4.0])
    check_gradients(lambda x, xp, fp: np.interp(x, xp, fp, period=period), x, xp, fp)


def test_interpolation_of_complex_samples() -> None:
    check_gradients(lambda x, fp: np.interp(x, [0.0, 1.0, 2.0], fp), np.array([0.3, 1.6]), np.array([1j, 2.0, 1 - 1j]))


# -- complex numbers, spellings, bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("lengths", [(4, 2), (2, 4), (4, 3), (3, 4), (4, 4)])
def test_complex_correlation(lengths: tuple[int, int], mode: str) -> None:
    check_gradients(partial(np.correlate, mode=mode), Z[: lengths[0]], Z[::-1][: lengths[1]] * 2)
    check_gradients(partial(np.correlate, mode=mode), Z[: lengths[0]], np.arange(1.0, 1 + lengths[1]))


def test_complex_samples() -> None:
    check_gradients(np.diff, Z)
    check_gradients(lambda z: np.diff(z, 0), Z[0])
    check_gradients(np.gradient, Z)
    check_gradients(np.trapezoid, Z)
    check_gradients(np.polyval, Z[:3], Z)
    check_gradients(np.vander, Z)


def test_every_argument_by_position() -> None:
    x = np.array([[1.0, 2.5, -1.0], [0.5, -1.0, 2.0]])
    check_gradients(lambda x: np.diff(x, 1, 0, x[:1], 5.0), x)
    check_gradients(lambda x: np.ediff1d(x, 7.0, 8.0), x)
    check_gradients(lambda x: np.trapezoid(x, None, 0.5, 0), x)
    check_gradients(lambda x: np.interp(x, [0.0, 1.0], [0.0, 1.0], -3.0, 3.0), x + 0.25)
    check_gradients(lambda x: np.polyval([1.0, 2.0, 3.0], x), x)
    check_gradients(lambda x: np.vander(x, 3, True), x[0])


x = leaf([1.0, 2.0], [3.0, 4.0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: np.diff(x, -1), ValueError, "np.diff of float64 .*-1"),
        (lambda: np.diff(x, axis=2), ValueError, "np.diff of float64 .*axis 2 is out of bounds"),
        (lambda: np.diff(x[0, 0]), ValueError, "np.diff of float64"),
        (lambda: np.trapezoid(x, axis=2), IndexError, "out of range"),
        (lambda: np.gradient(x, 1.0, 2.0, 3.0), TypeError, "np.gradient of float64"),
        (lambda: np.gradient(x, edge_order=3), ValueError, "np.gradient of float64 .*edge_order"),
        (lambda: np.gradient(x, [1.0, 2.0, 3.0], axis=0), ValueError, "np.gradient of float64 .*distances must match"),
        (lambda: np.interp(x, [1.0, 2.0], [1.0]), ValueError, "np.interp of float64 .*same length"),
        (lambda: np.correlate(x[0], x[0, 0]), ValueError, r"np.correlate: takes vectors, got shapes \(2,\) and \(\)"),
        (lambda: np.vander(x), ValueError, r"np.vander: takes a vector, got shape \(2, 2\)"),
    ],
)
def test_bad_calls(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
