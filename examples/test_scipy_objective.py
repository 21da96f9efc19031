"""Test the gradient that `scipy.optimize.minimize` is given as `jac`: `pytest examples/test_scipy_objective.py`.

A wrong `jac` seldom fails: the minimiser stops early, or somewhere else. `scipy.optimize.check_grad` looks at one point
with one step; here the points are drawn.
"""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from scipy.optimize import minimize

from autograd_np.testing import arrays, gradient_property, numerical_gradient

Array = np.ndarray[Any, np.dtype[Any]]


def rosenbrock(x: Array) -> Any:
    """Rosenbrock's valley in any number of dimensions; its minimum is 0, at all ones."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_jac(x: Array) -> Array:
    """Its gradient."""
    g = np.zeros_like(x)
    g[1:] += 200 * (x[1:] - x[:-1] ** 2)
    g[:-1] += -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
    return g


points = arrays(array_shapes(min_dims=1, max_dims=1, min_side=1, max_side=5), float, elements=st.floats(-2, 2))


# minimize wants jac(x); a backward pass also takes the gradient of the objective itself.
@gradient_property(points, backward=lambda g, x: g * rosenbrock_jac(x))
def test_rosenbrock(x: Array) -> Any:
    """The objective."""
    return rosenbrock(x)


def test_minimum() -> None:
    """With the right gradient the minimiser arrives, and the numerical one vanishes there."""
    result = minimize(rosenbrock, np.zeros(4), jac=rosenbrock_jac, method="BFGS")
    np.testing.assert_allclose(result.x, 1, atol=1e-4)
    np.testing.assert_allclose(numerical_gradient(rosenbrock, result.x), 0, atol=1e-3)
