"""What a rule keeps: an array that is changed after the forward pass does no harm if no rule reads it.

Where a rule could read either its argument or its result, it reads the one that is less likely to be written to: the
result of a quotient, of an absolute value, of sorting or of a normalisation is often added to in place, as in a
residual block. Functions whose derivative is given by the result at no cost (exp, tanh, sqrt) read that.
"""

from typing import Any

import numpy as np
import pytest
import scipy.special as sp

from autograd_np import Tensor, gradients, hessian, neural

X = np.array([[0.25, -0.5, 0.75], [0.5, 0.125, -0.25]])

READ_ARGUMENTS: dict[str, Any] = {
    "quotient": lambda x: x / (x + 2),
    "quotient by numbers": lambda x: x / 3.0,
    "reciprocal of a sum": lambda x: 1 / (x + 2),
    "absolute": np.abs,
    "absolute of complex numbers": lambda x: np.abs(x * (1 + 2j)),
    "sign of complex numbers": lambda x: np.real(np.sign(x + 1j)),
    "arcsin": np.arcsin,
    "arccos": np.arccos,
    "arctan": np.arctan,
    "arctanh": np.arctanh,
    "arcsinh": np.arcsinh,
    "arccosh": lambda x: np.arccosh(x + 2),
    "expm1": np.expm1,
    "logaddexp": lambda x: np.logaddexp(x, 2 * x),
    "logaddexp2": lambda x: np.logaddexp2(x, 2 * x),
    "erfcx": sp.erfcx,
    "dawsn": sp.dawsn,
    "k0e": lambda x: sp.k0e(x + 2),
    "k1e": lambda x: sp.k1e(x + 2),
    "sort": lambda x: np.sort(x, axis=1),
    "logsumexp": lambda x: neural.logsumexp(x, axis=1),
    "batch_norm": lambda x: neural.batch_norm(x)[0],
    "mean of batch_norm": lambda x: neural.batch_norm(x)[1],
}


@pytest.mark.parametrize("f", READ_ARGUMENTS.values(), ids=READ_ARGUMENTS)
@pytest.mark.parametrize("create_graph", [False, True], ids=["", "recorded"])
def test_results_may_be_changed_in_place(f: Any, create_graph: bool) -> None:
    found: list[Any] = []
    for change in (0.0, 1.0):
        x = Tensor(X, requires_grad=True)
        y = f(x)
        y += change
        weights = np.arange(1.0, 1 + y.size).reshape(y.shape)
        (g,) = gradients(y, x, weights, create_graph=create_graph)
        found.append(g.data)
    np.testing.assert_array_equal(*found)
    assert np.any(found[0])


def test_second_derivative_of_what_was_changed_in_place() -> None:
    def block(x: Any) -> Any:
        y = neural.batch_norm(x, weight=np.array([1.0, 2.0, 3.0]))[0]
        y += x
        return np.sum(y**3)

    def twice(x: Any) -> Any:
        return np.sum((neural.batch_norm(x, weight=np.array([1.0, 2.0, 3.0]))[0] + x) ** 3)

    np.testing.assert_allclose(hessian(block)(X), hessian(twice)(X), rtol=1e-12, atol=1e-12)


def test_moments_of_a_batch_may_be_changed_in_place() -> None:
    """They are the caller's, who may average them."""
    found: list[Any] = []
    for change in (0.0, 1.0):
        x = Tensor(X, requires_grad=True)
        y, mean, var = neural.batch_norm(x)
        mean += change
        var *= 1 + change
        found.append(gradients((y**3).sum(), x)[0].data)
    np.testing.assert_array_equal(*found)
