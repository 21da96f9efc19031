"""check_grads and numerical_gradient of functions that change on a far smaller scale than the size of their arguments.

To this kind belong peaks and steps far from 0 (spectral lines, distances between pixels, dates), fast oscillations, and
kinks next to one small element beside large ones. At steps on the scale of the arguments the first look constant, the
second like anything, and the last like another function; and all these are smooth there, and settle. Right gradients
pass, wrong ones do not, and neither is silent for lack of a look from nearby.
"""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd_np import grad
from autograd_np.testing import check_grads, numerical_gradient, numerical_jacobian

Array = np.ndarray[Any, np.dtype[Any]]
Function = Callable[[Any], Any]

WAVELENGTHS = np.linspace(6557, 6568, 41)
PIXELS = np.random.default_rng(0).uniform(0, 1000, (12, 2))
PIXELS[1] = PIXELS[0] + [0.5, 0.3]


def peak(place: float, width: float = 1.0) -> Function:
    return lambda x: np.exp(-(((x - place) / width) ** 2))


def kernel(x: Any) -> Any:
    return np.sum(np.exp(-np.sum((x[:, np.newaxis] - x) ** 2, axis=-1) / 2))


def misfit(m: Any) -> Any:
    line = 2 * np.exp(-(((WAVELENGTHS - m) / 1.5) ** 2))
    return np.sum((line - 1) ** 2)


FINE: dict[str, tuple[Function, Any]] = {
    "peak at 300": (peak(300), np.array([300.4])),
    "peak at 5e4": (peak(5e4), np.array([50000.5])),
    "peak at 1e6": (peak(1e6), np.array([1000000.5])),
    "narrow peak": (peak(1, 1e-6), np.array([1 + 3e-7])),
    "narrower peak": (peak(1, 1e-8), np.array([1 + 3e-9])),
    "peak on a slope": (lambda x: x + peak(5e4)(x), np.array([50000.5])),
    "peak of one of several": (peak(5e4), np.array([50000.5, 3.0, -2e5])),
    "peak at minus 5e4": (peak(-5e4), np.array([-50000.2])),
    "float32 peak": (peak(3000), np.array([3000.5], np.float32)),
    "complex peak": (lambda z: np.exp(-(np.abs(z - 5000j) ** 2)), np.array([0.3 + 5000.5j])),
    "spectral line": (peak(6562.9, 1.5), WAVELENGTHS),
    "kernel of pixels": (kernel, PIXELS),
    "sum of squares": (misfit, 6562.1),
    "steep step": (lambda x: np.tanh(x - 5e4), np.array([50000.5])),
    "oscillation far out": (np.sin, np.array([1.7e7, 2e7, 3.3e7])),
    "fast oscillation": (lambda t: np.sin(1e8 * t), np.array([1.7, 2.0, 3.3])),
    "kink beside large elements": (np.abs, np.array([1e-9, 1.0, -1.0])),
}
WRONG: dict[str, Callable[[Any], Any]] = {
    "zero": lambda d: 0 * d,
    "sign": lambda d: -d,
    "tenfold": lambda d: 10 * d,
    "one percent": lambda d: d * np.asarray(d).dtype.type(1.01),
}


def backward_of(f: Function) -> Callable[[Any, Any], Any]:
    def backward(g: Any, x: Any) -> Any:
        def contracted(x: Any) -> Any:
            return (g * f(x)).real.sum()

        return grad(contracted)(x)

    return backward


@pytest.mark.parametrize("name", FINE)
def test_right_gradient_passes_without_a_warning(name: str) -> None:
    f, x = FINE[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_grads(f, (x,), 1)
        check_grads((f, backward_of(f)), (x,))


@pytest.mark.parametrize("mistake", WRONG)
@pytest.mark.parametrize("name", FINE)
def test_wrong_gradient_is_found(name: str, mistake: str) -> None:
    f, x = FINE[name]
    right, made = backward_of(f), WRONG[mistake]
    with pytest.raises(AssertionError, match="order 1 is wrong"):
        check_grads((f, lambda g, x: made(right(g, x))), (x,))


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("factor", [0, 2, -1])
def test_wrong_gradient_by_one_of_several_parameters_is_found(which: int, factor: float) -> None:
    def line(a: Any, m: Any, s: Any) -> Any:
        return a * np.exp(-(((WAVELENGTHS - m) / s) ** 2))

    def backward(g: Any, a: Any, m: Any, s: Any, factors: Any = (1, 1, 1)) -> list[Any]:
        u = (WAVELENGTHS - m) / s
        e = np.exp(-u * u)
        gradients = [np.sum(g * e), np.sum(g * a * e * 2 * u / s), np.sum(g * a * e * 2 * u * u / s)]
        return [f * d for f, d in zip(factors, gradients, strict=True)]

    at = (2.0, 6562.9, 1.5)
    check_grads((line, backward), at)
    factors = [factor if i == which else 1 for i in range(3)]
    with pytest.raises(AssertionError, match=rf"order 1 is wrong(.|\n)*args\[{which}\].*<- wrong"):
        check_grads((line, functools.partial(backward, factors=factors)), at)


@pytest.mark.parametrize("name", [name for name in FINE if name not in ("complex peak", "kernel of pixels")])
def test_numerical_gradient_is_as_exact_as_it_says(name: str) -> None:
    f, x = FINE[name]
    x = np.asarray(x, dtype=float)

    def summed(x: Any) -> Any:
        return np.sum(f(x))

    exact = grad(summed)(x)
    found, error = numerical_gradient(summed, x, return_error=True)
    np.testing.assert_array_less(abs(found - exact), 2 * error + 1e-9 * np.max(abs(exact)))
    np.testing.assert_array_less(error, 1e-5 * np.max(abs(exact)))


def test_each_element_of_a_jacobian_has_its_own_scale() -> None:
    """The first two outputs look constant from afar, and the third is smooth."""

    def f(x: Any) -> Any:
        return np.stack([peak(5e4)(x[0]), peak(7, 1e-3)(x[1]), x[0] * x[1]])

    x = np.array([50000.5, 7.0002])
    found, error = numerical_jacobian(f, x, return_error=True)
    exact = np.array([[-2 * 0.5 * peak(5e4)(x[0]), 0.0], [0.0, -2 * 0.0002 / 1e-6 * peak(7, 1e-3)(x[1])], [x[1], x[0]]])
    np.testing.assert_array_less(abs(found - exact), error + 1e-7 * (1 + abs(exact)))
    np.testing.assert_array_less(error, 1e-6 * (1 + abs(exact)))


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.01])
def test_wrong_second_derivative_is_found(factor: float) -> None:
    """Of a function whose curvature is all on a small scale."""

    def f(x: Any) -> Any:
        u = x - 50000.0
        held = getattr(u, "data", u)
        return np.exp(-(held**2)) * (1 - 2 * held * (u - held) + factor * (2 * held**2 - 1) * (u - held) ** 2)

    with pytest.raises(AssertionError, match="order 2 is wrong"):
        check_grads(f, (np.array([50000.5, 50000.2]),))
