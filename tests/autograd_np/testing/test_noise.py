"""check_grads where a function or its derivative is computed with large rounding errors.

To this kind belong all functions that are known to fewer digits than their values have: after a cancellation, beside a
large constant, far out on a fast oscillation, from an ill-conditioned matrix, among denormal numbers, or because they
compute in float32 what they are given in float64; and besides these cusps, kinks and poles close by, and arguments of
any scale. None of them is called wrong. Wrong derivatives are found nevertheless, of the same functions too.
"""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from autograd_np import Tensor, neural
from autograd_np.tensor import plain
from autograd_np.testing import NondifferentiableWarning, check_grads, numerical_gradient
from autograd_np.testing.numerical import derivative, jump_beside, jump_within, noise_level
from tests.families import WHILE_WRITING

Array = np.ndarray[Any, np.dtype[Any]]
Rng = np.random.Generator
Case = tuple[Callable[..., Any], Any]

# Then more points of each kind.
NIGHTLY = settings().max_examples >= 300
# How many points where a second one adds little, while writing.
MORE = 2 if settings().max_examples > WHILE_WRITING else 1


def power_of_10(rng: Rng, least: float, most: float) -> float:
    return 10.0 ** rng.uniform(least, most)


def vector(rng: Rng) -> Array:
    return rng.uniform(-1, 1, 3)


def beside(rng: Rng, least: float, most: float) -> Array:
    """Return a number on either side of 0, at a distance of any order of magnitude, and one farther away."""
    return rng.choice([-1, 1], 2) * np.array([power_of_10(rng, least, most), 0.7])


def offset(rng: Rng) -> Case:
    c = power_of_10(rng, 0, 9)
    return lambda x: (x + c) - c, vector(rng)


def offset_of_one_element(rng: Rng) -> Case:
    c = power_of_10(rng, 0, 9)
    return lambda x: np.stack([(x[0] + c) - c, np.sin(x[1]), x[2] * x[0]]), vector(rng)


def large_constant(rng: Rng) -> Case:
    c = power_of_10(rng, 0, 9)
    return lambda x: c + np.sin(x), vector(rng)


def map_coordinates(rng: Rng) -> Case:
    c, a = power_of_10(rng, 0, 7), rng.uniform(1, 5)
    return lambda x: np.sum(((x + c) - (c + a)) ** 2), vector(rng)


def oscillation(rng: Rng) -> Case:
    w = power_of_10(rng, 0, 7)
    return lambda x: np.cos(w * x), vector(rng)


def oscillation_on_a_slope(rng: Rng) -> Case:
    w = power_of_10(rng, 0, 6)
    return lambda x: np.sum(x**2) + np.cos(w * x[0]), vector(rng)


def float32_oscillation(rng: Rng) -> Case:
    w = np.float32(power_of_10(rng, 0, 4))
    return lambda x: np.cos(w * x), vector(rng).astype(np.float32)


def hilbert_matrix(rng: Rng) -> Case:
    n = int(rng.integers(2, 8))
    places = np.arange(n)
    matrix = 1 / (places[:, np.newaxis] + places + 1)
    return lambda b: np.linalg.solve(matrix, b), rng.normal(size=n)


def nearly_singular(rng: Rng) -> Case:
    matrix = rng.normal(size=(3, 3))
    matrix[2] = matrix[0] + matrix[1] + power_of_10(rng, -6, 0) * rng.normal(size=3)
    return [np.linalg.inv, lambda a: np.linalg.slogdet(a)[1]][rng.integers(2)], matrix


def denormal_constant(rng: Rng) -> Case:
    c = power_of_10(rng, -315, -305)
    return lambda x: np.sin(x) * c, vector(rng)


def scale_of_its_own(rng: Rng) -> Case:
    s = power_of_10(rng, -150, 150)
    return lambda x: np.sin(x / s), vector(rng) * s


def float32_network(rng: Rng) -> Case:
    w = rng.normal(size=(4, 4)).astype(np.float32)
    x = (rng.normal(size=(2, 4)) * power_of_10(rng, -2, 1)).astype(np.float32)
    return lambda x: np.tanh(np.tanh(x @ w) @ w) @ w, x


def complex_offset(rng: Rng) -> Case:
    c = power_of_10(rng, 0, 6) * (1 + 2j)
    return lambda z: np.abs((z + c) - c) ** 2, vector(rng) + 1j * vector(rng)


def softplus(x: Any) -> Any:
    return np.log(np.exp(x) + 1) - x


def root_difference(x: Any) -> Any:
    return np.sqrt(x + 1) - np.sqrt(x)


RIGHT: dict[str, Callable[[Rng], Case]] = {
    "1 - cos x": lambda rng: (lambda x: 1 - np.cos(x), power_of_10(rng, -6, 0)),
    "difference of roots": lambda rng: (root_difference, power_of_10(rng, 0, 8)),
    "softplus less x": lambda rng: (softplus, rng.uniform(5, 20)),
    "log(1 + exp x)": lambda rng: (lambda x: np.log(1 + np.exp(x)), rng.uniform(-26, 5)),
    "exp x - 1 - x": lambda rng: (lambda x: np.exp(x) - 1 - x, power_of_10(rng, -6, -1)),
    "(1 - cos x) / x^2": lambda rng: (lambda x: (1 - np.cos(x)) / x**2, power_of_10(rng, -3, 0)),
    "x - sin x": lambda rng: (lambda x: np.sum(x - np.sin(x)), vector(rng) * power_of_10(rng, -4, 0)),
    "mean of squares": lambda rng: (lambda x: np.mean(x**2) - np.mean(x) ** 2, vector(rng) + power_of_10(rng, 0, 5)),
    "log(1 + x)": lambda rng: (lambda x: np.log(1 + x), vector(rng) * power_of_10(rng, -9, -1)),
    "offset": offset,
    "offset of one element": offset_of_one_element,
    "large constant": large_constant,
    "map coordinates": map_coordinates,
    "oscillation": oscillation,
    "oscillation on a slope": oscillation_on_a_slope,
    "float32 oscillation": float32_oscillation,
    "sin(1 / x)": lambda rng: (lambda x: np.sin(1 / x), beside(rng, -4, 0)),
    "root near its cusp": lambda rng: (lambda x: np.sqrt(np.abs(x)), beside(rng, -9, -1)),
    "power near its cusp": lambda rng: (lambda x: np.abs(x) ** 1.5, beside(rng, -9, -1)),
    "near a kink": lambda rng: (lambda x: neural.relu(x) ** 2 + x, beside(rng, -9, -1)),
    "logarithm near 0": lambda rng: (np.log, abs(beside(rng, -12, 0))),
    "near a pole": lambda rng: (lambda x: 1 / (1 - x), 1 - beside(rng, -8, -1)),
    "hilbert matrix": hilbert_matrix,
    "almost singular": nearly_singular,
    "float32 denormals of exp": lambda rng: (np.exp, np.float32(rng.uniform(-102, -87))),
    "float32 denormals of a square": lambda rng: (
        np.square,
        (vector(rng) * power_of_10(rng, -22, -18)).astype(np.float32),
    ),
    "denormals of exp": lambda rng: (np.exp, rng.uniform(-743, -705, 2)),
    "denormal constant": denormal_constant,
    "large exp": lambda rng: (np.exp, rng.uniform(300, 705, 2)),
    "scale of its own": scale_of_its_own,
    "scales in one array": lambda rng: (
        np.sin,
        np.array([power_of_10(rng, 3, 8), power_of_10(rng, -8, -3), 0.5]),
    ),
    "float32 network": float32_network,
    "float32 1 - cos x": lambda rng: (lambda x: 1 - np.cos(x), np.float32(power_of_10(rng, -3, 0))),
    "float32 softplus less x": lambda rng: (softplus, np.float32(rng.uniform(0, 14))),
    "float32 difference of roots": lambda rng: (root_difference, np.float32(power_of_10(rng, 0, 5))),
    "float32 variance": lambda rng: (np.var, (vector(rng) + power_of_10(rng, 0, 3)).astype(np.float32)),
    "float32 inside": lambda rng: (lambda x: np.sin(x.astype(np.float32)), vector(rng)),
    "float16": lambda rng: (lambda x: np.tanh(x) * x, vector(rng).astype(np.float16)),
    "complex offset": complex_offset,
    "complex64": lambda rng: (
        lambda z: np.real(np.exp(z) * np.conj(z)),
        (vector(rng) + 1j * vector(rng)).astype(np.complex64),
    ),
    "extremum": lambda rng: (lambda x: (x - 1) ** 2, np.array([1.0, 1 + power_of_10(rng, -12, -1)])),
    "softmax that adds up to 1": lambda rng: (
        lambda x: np.sum(neural.softmax(x)),
        vector(rng) * power_of_10(rng, 0, 2),
    ),
}


@pytest.mark.parametrize(("order", "seed"), [*((1, seed) for seed in range(5 if NIGHTLY else MORE)), (2, 5)])
@pytest.mark.parametrize("name", RIGHT)
def test_right_derivative_is_not_called_wrong(name: str, order: int, seed: int) -> None:
    f, x = RIGHT[name](np.random.default_rng(seed))
    with warnings.catch_warnings():  # which fail as well, but for kinks that are too close by to tell
        if "near" in name:
            warnings.simplefilter("ignore", NondifferentiableWarning)
        check_grads(f, (x,), order)


def test_second_derivative_that_is_nothing_but_rounding_passes() -> None:
    """The smaller of the terms that cancel are smooth, and scatter by far less than the sum is off by."""
    check_grads(lambda x: np.sum(neural.softmax(x)), (np.array([52.83504187, 20.28914463, -38.32109922]),), 2)


def test_rounding_that_drowns_the_slope_is_said() -> None:
    """Of what is left of (x - 1)^7 when it is multiplied out, next to 1, no digit is right."""
    coefficients = (1, -7, 21, -35, 35, -21, 7, -1)
    with pytest.warns(NondifferentiableWarning, match=r"cannot be told: .* no better than to .*, since values nearby"):
        check_grads(lambda x: sum(c * x ** (7 - k) for k, c in enumerate(coefficients)), (1.001,), 1)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def softmax_back(g: Any, x: Any) -> Any:
    p = softmax(x)
    return p * (g - np.sum(g * p))


SATURATED: dict[str, tuple[Any, Any, list[float]]] = {
    "tanh": (np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2), [8.0]),
    "tanh below": (np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2), [-7.0, -8.5]),
    "tanh that is 1": (np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2), [10.0]),
    "sigmoid": (sigmoid, lambda g, x: g * sigmoid(x) * (1 - sigmoid(x)), [12.0]),
    "softmax": (softmax, softmax_back, [15.0, 0.0, 3.0]),
}


@pytest.mark.parametrize("name", SATURATED)
def test_rounding_of_a_small_derivative_in_low_precision_is_allowed_for(name: str) -> None:
    """Of a saturated unit 1 - y is known to the last digit of y alone: in float32, automatic or not."""
    f, backward, x = SATURATED[name]
    check_grads(f, (np.array(x, np.float32),), 1)
    check_grads((f, backward), (np.array(x, np.float32),))


@pytest.mark.parametrize("name", [name for name in SATURATED if name not in ("softmax", "tanh that is 1")])
def test_wrong_derivative_of_a_saturated_unit_is_found(name: str) -> None:
    f, backward, x = SATURATED[name]
    for factor in (-1, 0, 3):
        with pytest.raises(AssertionError, match="order 1 is wrong"):
            check_grads((f, lambda g, x, k=factor: k * backward(g, x)), (np.array(x, np.float32),))


@pytest.mark.parametrize("x", [1e4, 1e5, 123456.0, 897249.0, 1e6])
def test_derivative_that_rests_on_a_difference_of_large_numbers_may_round(x: float) -> None:
    """Its errors may all be alike, and scatter by nothing."""

    def logsumexp(x: Any) -> Any:
        return np.max(x) + np.log(np.sum(np.exp(x - np.max(x))))

    def backward(g: Any, x: Any, factor: float = 1.0) -> Any:
        return factor * g * np.exp(x - logsumexp(x))

    for point in (np.array([0, x, x]), np.array([0, x, x - 0.3])):
        check_grads((logsumexp, backward), (point,))
        for factor in (1 + 1e-6, 1.01, 0, -1):
            with pytest.raises(AssertionError, match="order 1 is wrong"):
                check_grads((logsumexp, functools.partial(backward, factor=factor)), (point,))


def test_message_shows_where_two_numbers_differ() -> None:
    with pytest.raises(AssertionError) as error:
        check_grads((np.sin, lambda g, x: g * np.cos(x) * (1 + 1e-10)), (np.array([0.3, 0.5]),))
    for line in str(error.value).splitlines()[1:]:
        before, _, after = line.rpartition(", by differences ")
        found, value = before.split()[-1], after.split()[0]
        assert found != value
        assert abs(float(found) / float(value) - 1) < 1e-9


# -- wrong ------------------------------------------------------------------------------------------------------------

Pass = Callable[[Array, Array], Array]
OSCILLATION = np.float32(300)

# Functions of six elements, with right backward passes.
FUNCTIONS: dict[str, tuple[Callable[[Array], Any], Pass]] = {
    "sin": (np.sin, lambda g, x: g * np.cos(x)),
    "exp": (np.exp, lambda g, x: g * np.exp(x)),
    "square": (np.square, lambda g, x: g * 2 * x),
    "relu": (lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0)),
    "offset": (lambda x: np.sin(x) + x.dtype.type(1000), lambda g, x: g * np.cos(x)),
    "1 - cos": (lambda x: 1 - np.cos(x), lambda g, x: g * np.sin(x)),
    "norm": (lambda x: np.sqrt(np.sum(x * x)), lambda g, x: g * x / np.sqrt(np.sum(x * x))),
    "gram": (lambda x: np.outer(x, x), lambda g, x: (g + g.T) @ x),
    "logsumexp": (lambda x: np.log(np.sum(np.exp(x))), lambda g, x: g * np.exp(x) / np.sum(np.exp(x))),
}

# What is made of a right pass, and by how much it is wrong there.
MISTAKES: dict[str, Callable[[Pass, Any], Pass]] = {
    "factor": lambda right, e: lambda g, x: right(g, x) * (1 + e),
    "sign": lambda right, _: lambda g, x: -right(g, x),
    "one element": lambda right, e: lambda g, x: right(g, x) * np.where(np.arange(6) == 1, 1 + 30 * e, 1),
    "missing element": lambda right, _: lambda g, x: right(g, x) * (x < max(x)),
    "order": lambda right, _: lambda g, x: right(g, x)[::-1],
    "additional term": lambda right, e: lambda g, x: right(g, x) + 10 * e,
    "only for large x": lambda right, e: lambda g, x: right(g, x) * np.where(abs(x) > 1, 1 + 30 * e, 1),
    "only for small x": lambda right, e: lambda g, x: right(g, x) * np.where(abs(x) < 1, 1 + 30 * e, 1),
    "no cotangent": lambda right, _: lambda g, x: right(np.ones_like(g), x),
    "zero": lambda right, _: lambda g, x: 0 * right(g, x),
    "nan": lambda right, _: lambda g, x: right(g, x) * np.nan,
}


def six(dtype: Any, seed: int) -> Array:
    """Return small and large numbers, of which several are positive."""
    rng = np.random.default_rng(seed)
    return (rng.permutation([0.3, -0.5, 0.8, 1.2, -1.5, 2.0]) * rng.uniform(0.95, 1.05, 6)).astype(dtype)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_derivative_of_the_same_functions_passes(name: str, dtype: Any, seed: int) -> None:
    check_grads(FUNCTIONS[name], (six(dtype, seed),))


@pytest.mark.parametrize("seed", range(2 if NIGHTLY else 1))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_wrong_derivative_is_found(name: str, mistake: str, dtype: Any, seed: int) -> None:
    """Of a relative error of 1e-5 in float64 and 3e-3 in float32 on."""
    forward, right = FUNCTIONS[name]
    x = six(dtype, seed)
    made = MISTAKES[mistake](right, 1e-5 if dtype == np.float64 else 3e-3)
    with pytest.raises(AssertionError, match="order 1 is wrong"):
        check_grads((forward, lambda g, x: made(g, x).astype(x.dtype)), (x,))


@pytest.mark.parametrize("name", ["sin", "exp", "square", "norm", "logsumexp"])
def test_relative_error_of_1e_6_is_found(name: str) -> None:
    forward, right = FUNCTIONS[name]
    with pytest.raises(AssertionError, match="order 1 is wrong"):
        check_grads((forward, lambda g, x: right(g, x) * (1 + 1e-6)), (np.array([0.3, -1.1, 0.7]),))


@pytest.mark.parametrize("constant", [1e3, 1e6, 1e9])
def test_large_constant_hides_no_sign(constant: float) -> None:
    with pytest.raises(AssertionError, match="order 1 is wrong"):
        check_grads((lambda x: np.sin(x) + constant, lambda g, x: -g * np.cos(x)), (np.array([0.3, 1.1]),))


# Of these the gradient is 0, or too small for its own dtype.
FLAT = ("softmax that adds up to 1", "float32 denormals of a square")


@pytest.mark.parametrize("seed", range(4 if NIGHTLY else MORE))
@pytest.mark.parametrize("name", [name for name in RIGHT if name not in FLAT])
def test_zero_gradient_is_not_silent(name: str, seed: int) -> None:
    """Between two steps of the staircase that rounding makes of every function it is flat, which is no evidence."""
    f, x = RIGHT[name](np.random.default_rng(seed))
    with pytest.raises((AssertionError, NondifferentiableWarning)):
        check_grads((lambda x: plain(f(Tensor(x))), lambda g, x: 0 * x), (x,))


@pytest.mark.parametrize("x", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("f", [lambda x: 1 - np.cos(x), lambda x: np.exp(x) - 1, lambda x: np.sqrt(1 + x * x) - 1])
def test_gradient_next_to_zero_is_not_silent(f: Callable[[Any], Any], x: float) -> None:
    for slope in (0.0, 1e-13):
        with pytest.raises((AssertionError, NondifferentiableWarning)):
            check_grads((f, lambda g, x, slope=slope: slope * x), (np.array([x, 2 * x]),))


@pytest.mark.parametrize("distance", [1e-6, 1e-3, 0.1])
def test_missing_mask_is_found_where_the_function_is_constant(distance: float) -> None:
    """Flat is not the same as rounded: there is no jump where the function starts to rise."""
    x = np.array([-distance, -2 * distance])
    with pytest.raises(AssertionError, match="order 1 is wrong"):
        check_grads((lambda x: np.maximum(x, 0), lambda g, x: g), (x,))


def test_wrong_only_at_the_point_itself_is_found() -> None:
    """What scatters is what surrounds the point; that the derivative stands out there is no scatter."""
    with pytest.raises(AssertionError, match="order 1 is wrong"):
        check_grads((np.sin, lambda g, x: g * np.cos(x) * np.where(x == 0.5, 1.001, 1)), (np.array([0.5, 0.7]),))


def test_backward_pass_that_draws_is_found() -> None:
    """Its gradients scatter by what they are wrong, which excuses nothing."""
    rng = np.random.default_rng(0)
    with pytest.raises(AssertionError, match="is not the same for the same arguments"):
        check_grads((np.sin, lambda g, x: g * np.cos(x) * rng.uniform(0.9, 1.1, x.shape)), (np.array([0.5, 0.7]),))


DROWNED: dict[str, tuple[Callable[[Any], Any], Pass, Array]] = {
    "large constant": (lambda x: np.sum(x**2) + 1e16, lambda g, x: g * 2 * x, np.array([1.0, 2.0])),
    "large constant beside small numbers": (
        lambda x: np.sum(x**2) + 1e15,
        lambda g, x: g * 2 * x,
        np.array([0.1, 0.2]),
    ),
    "large constant in one of two": (
        lambda x: x + np.array([1e16, 0.0]),
        lambda g, x: g,
        np.array([0.5, 0.7]),
    ),
    "saturated": (np.tanh, lambda g, x: g / np.cosh(x) ** 2, np.array([20.0])),
    "saturated below": (lambda x: 1 / (1 + np.exp(-x)), lambda g, x: g * np.exp(-x), np.array([40.0])),
}


@pytest.mark.parametrize("factor", [1, -1, 0, 1.5])
@pytest.mark.parametrize("name", DROWNED)
def test_changes_that_drown_in_rounding_are_said(name: str, factor: float) -> None:
    """No difference tells a right gradient from a wrong one, which is said of both, with the argument and a way out."""
    f, right, x = DROWNED[name]
    lost = r"with args\[0\] the function changes by less than its values are computed to, .*; check at another point"
    with pytest.warns(NondifferentiableWarning, match=lost):
        check_grads((f, lambda g, x: factor * right(g, x)), (x,))


def kinetic_energy(v: Any) -> Any:
    """Return it as (gamma - 1) m c^2, in units in which it is tiny itself, though not before it cancels."""
    return (1 / np.sqrt(1 - (v / LIGHT) ** 2) - 1) * MASS * LIGHT**2


LIGHT, MASS = 2.998e8, 9.11e-31
ROUNDED_OFF: dict[str, tuple[Callable[[Any], Any], Pass, list[float]]] = {
    "kinetic energy": (
        kinetic_energy,
        lambda g, v: g * MASS * v * (1 - (v / LIGHT) ** 2) ** -1.5,
        [100, 30, 20, 10, 5, 3, 1],
    ),
    "1 - tanh(x)": (lambda x: 1 - np.tanh(x), lambda g, x: -g / np.cosh(x) ** 2, [17, 18, 18.5, 19, 25, 100]),
    "log(1 + exp(x))": (
        lambda x: np.log(1 + np.exp(x)),
        lambda g, x: g / (1 + np.exp(-x)),
        [-35, -36, -40, -100, -700],
    ),
    "sqrt(x^2 + 1) - x": (
        lambda x: np.sqrt(x * x + 1) - x,
        lambda g, x: -g / (np.sqrt(x * x + 1) * (np.sqrt(x * x + 1) + x)),
        [1e7, 1e8, 1e9],
    ),
    "float32 inside": (
        lambda x: 1 - np.tanh(x.astype(np.float32)).astype(float),
        lambda g, x: -g / np.cosh(x) ** 2,
        [8, 8.9, 9.5, 12],
    ),
    "large constant": (lambda x: x**2 + 1e16, lambda g, x: 2 * g * x, [1.0, 0.3]),
}


@pytest.mark.parametrize("factor", [1, 0, 0.5, -1, 2])
@pytest.mark.parametrize("name", ROUNDED_OFF)
def test_function_that_rounds_to_a_constant_is_said_whatever_the_gradient(name: str, factor: float) -> None:
    """Of any size, on one side or both, and with steps as wide as they may be."""
    f, right, places = ROUNDED_OFF[name]
    for x in places:
        with pytest.warns(NondifferentiableWarning, match="cannot be told"):
            check_grads((f, lambda g, x: factor * right(g, x)), (np.array([x], float),))


@pytest.mark.parametrize(("name", "x"), [("kinetic energy", 20), ("kinetic energy", 3), ("1 - tanh(x)", 19)])
def test_gradient_beyond_all_that_rounding_hides_is_found(name: str, x: float) -> None:
    f, right, _ = ROUNDED_OFF[name]
    with pytest.raises(AssertionError, match="order 1 is wrong"):
        check_grads((f, lambda g, x: 1e12 * right(g, x)), (np.array([x], float),))


@pytest.mark.parametrize("factor", [0, 2, -1])
@pytest.mark.parametrize(
    ("f", "right", "places"),
    [
        (lambda x: np.log(1 + x), lambda g, x: g / (1 + x), [1e-11, 1e-13, 1e-14, 1e-15, 1e-17]),
        (lambda x: np.sqrt(1 + x * x) - 1, lambda g, x: g * x / np.sqrt(1 + x * x), [1e-7, 3e-8, 2e-8, 1e-9]),
        (lambda x: 1 - np.cos(x), lambda g, x: g * np.sin(x), [1e-7]),
    ],
)
def test_function_that_shows_its_slope_farther_away_is_checked_there(
    f: Any, right: Pass, places: list[float], factor: float
) -> None:
    """Even where it is flat beside the point: a gradient of 0 is as wrong as others."""
    for x in places:
        check_grads((f, right), (np.array([x]),))
        with pytest.raises(AssertionError, match="order 1 is wrong") as error:
            check_grads((f, lambda g, x: factor * right(g, x)), (np.array([x]),))
        assert "<- wrong" in str(error.value)


@pytest.mark.parametrize("factor", [1, -1, 100])
def test_gradient_that_rounding_may_hide_beside_a_flat_place_is_not_silent(factor: float) -> None:
    """The quotient rounds to 0 around there, and is far from it a little farther away."""
    with pytest.warns(NondifferentiableWarning, match="changes by less than its values are computed to"):
        check_grads((REMOVABLE["(1 - cos(x)) / x^2"], lambda g, x: -factor * g * x / 12), (np.array([1e-8]),))


@pytest.mark.parametrize(("name", "x"), [("kinetic energy", 3), ("1 - tanh(x)", 19), ("log(1 + exp(x))", -40)])
def test_message_says_to_what_the_values_are_computed(name: str, x: float) -> None:
    f, right, _ = ROUNDED_OFF[name]
    with pytest.warns(NondifferentiableWarning, match=r"less than its values are computed to, which is about [1-9]"):
        check_grads((f, right), (np.array([x], float),))


def test_underflow_is_flat() -> None:
    check_grads((np.exp, lambda g, x: 0 * x), (np.array([-1000.0]),))


@pytest.mark.parametrize("size", [1.0, 1e-20])
def test_gradient_of_a_truly_flat_function_is_wrong_at_any_scale(size: float) -> None:
    flat: list[tuple[Callable[[Any], Any], float]] = [
        (lambda x: size * np.maximum(x, 0), -1.0),
        (lambda x: size * np.maximum(x - 100, 0), -1.0),
        (lambda x: size * np.clip(x, -1, 1), 5.0),
        (lambda x: size * np.where(x > 0, 1.0, 0.0), -0.5),
        (lambda x: size + 0 * x, 1.0),
    ]
    for f, x in flat:
        check_grads((f, lambda g, x: 0 * x), (np.array([x]),))
        for slope in (1.0, 1e-3, 1e-9):
            with pytest.raises(AssertionError, match="order 1 is wrong"):
                check_grads((f, lambda g, x, slope=slope: g * size * slope), (np.array([x]),))


def test_function_need_not_be_defined_far_away() -> None:
    """Where it is looked for how a function changes that seems constant."""

    def narrow(x: Any) -> Any:
        if np.any(abs(plain(x)) > 2):
            raise ValueError("out of its domain")
        return np.floor(x)

    check_grads(narrow, (np.array([1.5]),))
    with pytest.raises(AssertionError, match="order 1 is wrong"):
        check_grads((narrow, lambda g, x: g), (np.array([1.5]),))


def test_drowned_argument_is_named() -> None:
    with pytest.warns(NondifferentiableWarning, match=r"with args\[1\]\['b'\] the function changes by less"):
        check_grads(lambda n, y: np.sum(y["b"]) + 1e16, (3, {"b": np.ones(2)}), 1)


def test_change_below_the_last_digit_is_said() -> None:
    """The values are all the same, and only the gradient is none of a constant."""
    with pytest.warns(NondifferentiableWarning, match="changes by less than its values are computed to"):
        check_grads(lambda x: np.sin(x) + 1e17, (np.array([0.5]),))


@pytest.mark.parametrize("x", [1e-8, 3e-9, 1e-9])
@pytest.mark.parametrize("factor", [0, -1, 1.01, 10])
def test_what_cancels_altogether_is_checked_farther_away(x: float, factor: float) -> None:
    """The computed 1 - cos(x) is 0 there and flat, and shows its slope at steps far longer than x."""
    check_grads(lambda x: 1 - np.cos(x), (np.array([x]),), 1)
    with pytest.raises(AssertionError, match="order 1 is wrong"):
        check_grads((lambda x: 1 - np.cos(x), lambda g, x: factor * g * np.sin(x)), (np.array([x]),))


CONSTANT: dict[str, tuple[Callable[[Any], Any], float]] = {
    "number": (lambda x: 3.0, 1.0),
    "large number": (lambda x: 0 * x + 1e16, 1.0),
    "nothing": (lambda x: x - x, 1.3),
    "ratio": (lambda x: x / x, 1.3),
    "norm of one number": (lambda x: x / np.sqrt(x * x), 1.3),
    "floor": (np.floor, 1.3),
    "dead unit": (lambda x: neural.relu(x) + 1, -1.0),
    "clipped": (lambda x: np.clip(x, -1, 1) + 3, 5.0),
    "extremum": (lambda x: (x - 1) ** 2 + 5, 1.0),
    "flat extremum": (lambda x: x**8 + 1, 0.0),
    "extremum beside a large constant": (lambda x: np.cos(x) + 1e9, 0.0),
    "inverse of itself": (lambda x: np.log(np.exp(x)), 1.7),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CONSTANT)
def test_constant_is_not_drowned(name: str, dtype: Any) -> None:
    """Nor is what is constant up to a kink or a jump, or at an extremum; the derivatives of lines are constant too."""
    f, x = CONSTANT[name]
    check_grads(f, (np.array([x], dtype),))


# Functions of one number with a removable singularity at 0, or next to nothing there.
REMOVABLE: dict[str, Callable[[Any], Any]] = {
    "sin(x) / x": lambda x: np.sin(x) / x,
    "(exp(x) - 1) / x": lambda x: (np.exp(x) - 1) / x,
    "expm1(x) / x": lambda x: np.expm1(x) / x,
    "log(1 + x) / x": lambda x: np.log(1 + x) / x,
    "(1 - cos(x)) / x^2": lambda x: (1 - np.cos(x)) / x**2,
    "1 - cos(x)": lambda x: 1 - np.cos(x),
}


@pytest.mark.parametrize("name", REMOVABLE)
def test_right_derivative_beside_a_removable_singularity_is_not_called_wrong(name: str) -> None:
    """However much of it cancels: it passes, or cannot be told."""
    # While writing, functions that are beside one another share the distances.
    first, every = (-12, 1 if NIGHTLY else 2) if MORE > 1 else (-12 + 2 * (list(REMOVABLE).index(name) % 2), 4)
    for x in 10.0 ** np.arange(first, 0.5, every):
        for point in ([x], [-x, 3 * x]):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NondifferentiableWarning)
                check_grads(REMOVABLE[name], (np.array(point),), 1)


@pytest.mark.parametrize(
    ("name", "x"),
    [("sin(x) / x", 1e-5), ("(exp(x) - 1) / x", 1e-5), ("expm1(x) / x", 1e-10), ("1 - cos(x)", 1e-5)],
)
def test_derivative_that_cancels_is_known_as_well_as_it_scatters(name: str, x: float) -> None:
    check_grads(REMOVABLE[name], (np.array([x, 2 * x]),), 1)


@pytest.mark.parametrize("wrong", [lambda g, x: 0 * x, lambda g, x: g / 2, lambda g, x: -g * x / 3])
@pytest.mark.parametrize("x", [1e-2, 1e-3, 1e-5])
def test_wrong_derivative_beside_a_removable_singularity_is_not_silent(x: float, wrong: Pass) -> None:
    for f in (REMOVABLE["(exp(x) - 1) / x"], REMOVABLE["(1 - cos(x)) / x^2"]):
        with pytest.raises((AssertionError, NondifferentiableWarning)):
            check_grads((f, lambda g, x: wrong(g, x) + 0.1 * g), (np.array([x, 2 * x]),))


# -- the estimates ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("exponent", [-14, -9, -4])
def test_noise_level_is_the_size_of_the_noise(exponent: int, seed: int) -> None:
    noise, rng = 10.0**exponent, np.random.default_rng(seed)
    level = float(noise_level(lambda t: np.asarray(np.exp(t) + noise * rng.normal()), 0.1))
    assert 0.3 * noise < level < 5 * noise


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("place", [0, 0.05])
@pytest.mark.parametrize("f", [np.exp, np.sin, abs, lambda t: t**8, lambda t: 1 / (2 + t), lambda t: float(t > 0)])
def test_smooth_functions_kinks_and_jumps_are_no_noise(f: Callable[[float], Any], place: float, side: int) -> None:
    assert noise_level(lambda t: np.asarray(f(side * t - place)), 0.1) < 1e-15


def test_regular_rounding_is_noise() -> None:
    """At equidistant values these errors would be equidistant as well: a line, and no noise."""
    level = float(noise_level(lambda t: np.asarray(np.round(t * 2**20) / 2**20), 2**-10))
    assert 2**-23 < level < 2**-19


def test_jump_within_reach() -> None:
    assert abs(jump_within(lambda t: np.asarray(3 * t + (np.floor(t * 40 + 0.5)) / 8), 0.1, 3.0) - 0.125) < 1e-12
    for f, slope in ((np.exp, 1.0), (np.sin, 1.0), (lambda t: max(t, 0.02), 0.0), (lambda t: 1.0, 0.0)):
        assert jump_within(lambda t, f=f: np.asarray(f(t)), 0.1, slope) < 1e-14


def test_jump_beside_a_constant() -> None:
    assert jump_beside(lambda t: np.asarray(np.round(t * 40) / 8)) == 0.125
    for f in (np.exp, abs, lambda t: 1.0, lambda t: max(abs(t) - 0.02, 0)):
        assert jump_beside(lambda t, f=f: np.asarray(f(t))) < 1e-14


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["1 - cos x", "difference of roots", "exp x - 1 - x"])
def test_numerical_gradient_knows_how_exact_it_is(name: str, seed: int) -> None:
    f, x = RIGHT[name](np.random.default_rng(seed))
    slopes = {
        "1 - cos x": np.sin,
        "difference of roots": lambda x: -1 / (2 * np.sqrt(x) * np.sqrt(x + 1) * (np.sqrt(x) + np.sqrt(x + 1))),
        "exp x - 1 - x": np.expm1,
    }
    found, error = numerical_gradient(f, x, return_error=True)
    assert abs(found - slopes[name](x)) <= error
    assert error <= 1e-6 + 1e-2 * abs(found)


HIDDEN: dict[str, tuple[Callable[[Any], Any], float, float]] = {
    "saw": (REMOVABLE["(1 - cos(x)) / x^2"], 1e-7, -1e-7 / 12),
    "finer saw": (REMOVABLE["(1 - cos(x)) / x^2"], 1e-6, -1e-6 / 12),
    "two digits": (lambda x: np.round(x**2, 2), 1.3, 2.6),
    "one digit": (lambda x: np.round(x, 1), 1.3, 1.0),
    "1 - tanh(x)": (lambda x: 1 - np.tanh(x), 19.0, -1 / np.cosh(19.0) ** 2),
    "log(1 + exp(x))": (lambda x: np.log(1 + np.exp(x)), -40.0, np.exp(-40.0)),
    "sqrt(x^2 + 1) - x": (lambda x: np.sqrt(x * x + 1) - x, 1e9, -5e-19),
    "kinetic energy": (kinetic_energy, 1.0, MASS),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_numerical_gradient_between_the_jumps_of_rounding_knows_that_it_is_none(name: str) -> None:
    f, x, slope = HIDDEN[name]
    found, error = numerical_gradient(f, x, return_error=True)
    assert abs(found - slope) <= error


def test_numerical_gradient_between_a_jump_and_nothing_is_exact() -> None:
    for f, slope in ((lambda x: np.maximum(x, 0), 0), (np.floor, 0), (lambda x: np.mod(x, 1), 1)):
        found, error = numerical_gradient(f, np.array(-1.3), return_error=True)
        assert abs(found - slope) <= 1e-9
        assert error <= 1e-9


@pytest.mark.parametrize("constant", [1e-308, 1e-315, 1e-320])
def test_few_digits_of_denormal_numbers_are_known(constant: float) -> None:
    x = np.linspace(0.1, 1.5, 8)
    found, error = numerical_gradient(lambda x: np.sum(np.sin(x) * constant), x, return_error=True)
    np.testing.assert_array_less(abs(found - np.cos(x) * constant), error + 1e-12 * constant)


def test_error_of_each_element_is_its_own() -> None:
    rng = np.random.default_rng(0)
    estimate = derivative(lambda t: np.stack([np.exp(t), np.exp(t) + 1e-6 * rng.normal()]), 1.0, 1.0)
    assert abs(estimate.value[0] - 1) <= estimate.error[0] < 1e-10
    assert abs(estimate.value[1] - 1) <= estimate.error[1]
    assert 1e-7 < estimate.error[1] < 1e-3


def test_error_is_infinite_where_there_are_no_differences() -> None:
    """Whatever is measured of other elements."""
    estimate = derivative(lambda t: np.stack([np.asarray(np.nan), (t + 1e5) - 99999.0]), 1.0, 1.0)
    assert estimate.error[0] == np.inf
    assert abs(estimate.value[1] - 1) <= estimate.error[1] < 1e-6


def test_function_that_uses_its_memory_again_is_differentiated() -> None:
    memory = np.empty(())
    assert abs(numerical_gradient(lambda x: np.exp(x, out=memory), 1.0) - np.e) < 1e-10


def test_overflow_at_larger_steps_is_not_warned_of() -> None:
    numerical_gradient(np.exp, np.array(700.0))


def test_what_cancels_altogether_leaves_rounding() -> None:
    """A function that is 0 everywhere: the terms of its gradient cancel but for their last digits."""
    for seed in range(20):
        x = np.random.default_rng(seed).standard_normal(3)
        check_grads(lambda x: np.concatenate([np.tanh(x), np.tanh(x)]) - np.tile(np.tanh(x), 2), [x], order=1)


# -- steps of a function's own ----------------------------------------------------------------------------------------

# Step functions that are fine beside their arguments, and arguments.
STEPS: dict[str, tuple[Callable[[Any], Any], list[float]]] = {
    "floor": (np.floor, [1234.567, 123456.7, 1234567.8]),
    "trunc of negative numbers": (np.trunc, [-123456.7]),
    "ceil at integers": (np.ceil, [1e5, 654321.0]),
    "round to cents": (lambda x: np.round(x, 2), [123.456, 1234.567, 12345.678]),
    "round to millionths": (lambda x: np.round(x, 6), [0.1234567]),
    "round to hundreds": (lambda x: np.round(x, -2), [1.234567e7]),
    "multiples of a third": (lambda x: np.floor(3 * x) / 3, [54321.0987]),
}


@pytest.mark.parametrize("name", STEPS)
def test_fine_steps_are_told_from_a_slope(name: str) -> None:
    """From afar they look like a line; but they are none at any point, or cannot be told from one."""
    f, places = STEPS[name]
    for place in places:
        for x in (np.array([place]), np.array([place, 1.7 * place]), np.full(2, place)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NondifferentiableWarning)
                check_grads(f, (x,))
                check_grads((f, lambda g, x: 0 * g), (x,))
            with pytest.raises((AssertionError, NondifferentiableWarning)):
                check_grads((f, lambda g, x: g), (x,))


@pytest.mark.parametrize("name", ["floor", "round to cents", "round to millionths"])
def test_message_says_that_there_are_steps(name: str) -> None:
    f, places = STEPS[name]
    told = r"around it the function is constant, and farther away its slope is .*, in steps of about .* of its values"
    for slope in (0, 1):
        with pytest.warns(NondifferentiableWarning, match=told):
            check_grads((f, lambda g, x, k=slope: k * g), (np.array([places[-1]]),))


def test_gradient_that_neither_steps_nor_a_slope_have_is_wrong() -> None:
    for factor in (5, -1):
        with pytest.raises(AssertionError, match="order 1 is wrong"):
            check_grads((np.floor, lambda g, x, k=factor: k * g), (np.array([123456.7]),))


def test_steps_of_a_second_derivative() -> None:
    with pytest.warns(NondifferentiableWarning, match="derivative of order 2 cannot be told"):
        check_grads(lambda x: np.sum(np.ceil(x) * x), (np.array([1234567.8, 2098765.26]),))


@pytest.mark.parametrize("x", [1e7, 98765432.1, 1e9 + 0.5])
def test_zero_gradient_of_the_finest_steps_is_not_called_wrong(x: float) -> None:
    """The same steps are left where a constant of 1e16 is added and taken away, or where x is rounded to float32."""
    with pytest.warns(NondifferentiableWarning, match="cannot be told"):
        check_grads(np.floor, (np.array([x]),))


# -- next to nothing, and beyond all numbers --------------------------------------------------------------------------


SIZES = [5e-324, 1e-320, 1e-310, 1e-300, 1e200, 1e300]
OF_ANY_SIZE: dict[str, Callable[[Any], Any]] = {
    "cosh(x / 10)": lambda x: np.cosh(x / 10),
    "exp(x)": np.exp,
    "x^2": lambda x: x * x,
    "constant": lambda x: 3 + 0 * x,
    "log(1 + x)": np.log1p,
    "infinite unless small": lambda x: np.where(abs(plain(x)) > 1e-300, np.inf, 1.0) * x,
    "none unless small": lambda x: np.where(abs(plain(x)) > 1e-300, np.nan, 1.0) * x,
    "none below 0": lambda x: np.where(plain(x) < 0, np.nan, 1.0) * x,
}
# While writing each function meets half of the sizes, of which one in three is next to a 0, and one to its negative.
MET = [(name, x) for i, name in enumerate(OF_ANY_SIZE) for x in (SIZES if MORE > 1 else SIZES[i % 2 :: 2])]


@pytest.mark.parametrize(("name", "x"), MET)
def test_arguments_of_any_size_are_no_error(name: str, x: float) -> None:
    """Not even where the scale of a point has no inverse, or steps from there leave the numbers."""
    f, points = OF_ANY_SIZE[name], [np.array([x]), np.array([x, 0.0]), np.array([x, -x])]
    for point in points if NIGHTLY else [points[SIZES.index(x) % 3]]:  # each of them small and large
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check_grads(f, (point,))
            numerical_gradient(lambda x: np.sum(plain(f(x))), point)
