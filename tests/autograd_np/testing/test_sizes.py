"""check_grads of functions with several arguments or results of very different sizes.

In a random combination of all of them the small ones drown: a wrong gradient of theirs changes it by less than the
tolerance, or than the large ones are rounded to. To this kind belong a bias beside weights on unscaled data, a small
loss beside a large one, parameters in nested containers and modules, in every precision, and a gradient that is zero.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd_np import defvjp, neural, primitive
from autograd_np.testing import check_grads

Array = np.ndarray[Any, np.dtype[Any]]

FACTORS = [0, -1, 0.8, 1.05]
PIXELS = np.random.default_rng(0).integers(0, 256, (16, 100))


def squares(a: Any, c: Any) -> Any:
    return a * a, c * c


def product(a: Any, c: Any) -> Any:
    return np.sum(a * a) + np.sum(c * c)


def pair_of_squares(dtype: Any, ratio: float) -> tuple[Array, Array]:
    return np.array([0.5, -1, 2], dtype), ratio * np.array([0.7, 1.1, -0.4], dtype)


@pytest.mark.parametrize("factor", [1, *FACTORS])
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    ("dtype", "ratio"), [(np.float32, 1e3), (np.float32, 1e-3), (np.float64, 1e5), (np.float64, 1e-6), (np.float16, 50)]
)
def test_gradient_of_a_small_result(dtype: Any, ratio: float, which: int, factor: float) -> None:
    def backward(g: Any, a: Any, c: Any) -> Any:
        gradients = [2 * g[0] * a, 2 * g[1] * c]
        gradients[which] = a.dtype.type(factor) * gradients[which]
        return gradients

    check(squares, backward, pair_of_squares(dtype, ratio), which, factor)


@pytest.mark.parametrize("factor", [1, *FACTORS])
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(("dtype", "ratio"), [(np.float32, 300), (np.float32, 1e-3), (np.float64, 1e4)])
def test_gradient_by_a_small_argument_of_one_result(dtype: Any, ratio: float, which: int, factor: float) -> None:
    def backward(g: Any, a: Any, c: Any) -> Any:
        gradients = [2 * g * a, 2 * g * c]
        gradients[which] = a.dtype.type(factor) * gradients[which]
        return gradients

    check(product, backward, pair_of_squares(dtype, ratio), which, factor)


@pytest.mark.parametrize("factor", [1, *FACTORS])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradient_by_the_bias_of_a_layer_on_unscaled_data(dtype: Any, factor: float) -> None:
    x, rng = PIXELS.astype(dtype), np.random.default_rng(1)
    parameters = (rng.normal(size=(5, 100)).astype(dtype), (0.01 * rng.normal(size=5)).astype(dtype))

    def backward(g: Any, w: Any, b: Any) -> Any:
        return g.T @ x, dtype(factor) * g.sum(axis=0)

    check(lambda w, b: x @ w.T + b, backward, parameters, 1, factor)


def check(f: Any, backward: Callable[..., Any], args: tuple[Array, ...], which: int, factor: float) -> None:
    """Check a pair whose gradient by one argument is so many times the right one."""
    if factor == 1:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_grads((f, backward), args)
        return
    with pytest.raises(AssertionError, match=rf"order 1 is wrong(.|\n)*by args\[{which}\].*<- wrong"):
        check_grads((f, backward), args)


@pytest.mark.parametrize("modes", [("rev",), ("fwd",), ("rev", "fwd")])
def test_automatic_derivative_by_a_small_argument(modes: tuple[str, ...]) -> None:
    @primitive
    def twice(x: Any) -> Any:
        return 2 * x

    defvjp(twice, lambda g, _y, _x: 3 * g)
    args = ({"small": np.float32([0.01, -0.02]), "large": [np.float32([900.0, 800.0])]},)
    check_grads(lambda p: np.sum(p["small"]) + np.sum(p["large"][0] ** 2), args, 1, modes)
    with pytest.raises(AssertionError, match=r"order 1 is wrong(.|\n)*by args\[0\]\['small'\].*<- wrong"):
        check_grads(lambda p: np.sum(twice(p["small"])) + np.sum(p["large"][0] ** 2), args, 1, modes)


def test_only_what_was_moved_is_listed() -> None:
    with pytest.raises(AssertionError) as error:
        check_grads((product, lambda g, a, c: (0 * a, 2 * g * c)), pair_of_squares(np.float32, 3000))
    assert "args[0]" in str(error.value)
    assert "args[1]" not in str(error.value)


def test_argument_that_matters_nothing_passes_without_a_warning() -> None:
    """Its part is none, and so is it alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_grads(lambda a, c: a * a, (np.ones(2), np.ones(3)))
        check_grads(lambda a, c: a * a + np.sum(c - c), (np.ones(2), np.ones(3)))
        check_grads(lambda a, c: a * a + np.sum(neural.relu(c)), (np.ones(2), -np.ones(3)))
        check_grads(lambda a, c: (a * a, 0 * c), (np.ones(2), np.ones(3)))
