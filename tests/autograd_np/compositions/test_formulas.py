"""Functions that NumPy computes and a formula differentiates, whatever their arguments look like and whoever asks."""

import itertools
from typing import Any

import numpy as np
import pytest

from autograd_np import Tensor, defvjp, detect_anomaly, gradients, hessian, jacobian, no_grad, primitive
from autograd_np.compositions.formulas import formula_of
from autograd_np.primitives import implementations
from autograd_np.tensor import plain
from tests.autograd_np.checks import check_float32, check_gradients


def leaf(values: Any) -> Tensor:
    return Tensor(np.array(values, float), requires_grad=True)


def weighted(arrays: Any, *, by: Any = 1.0, **scales: Any) -> Any:
    """Sum arrays, each times a weight: for a list of them, or a list of lists, and weights of any kind."""
    rows = [arrays] if isinstance(arrays, np.ndarray | Tensor) else arrays
    total: Any = 0.0
    for row in rows:
        for x in row if isinstance(row, list) else [row]:
            total = total + x * by
    for scale in scales.values():
        total = total * scale["factor"]
    return total


@pytest.fixture(autouse=True)
def registered() -> Any:
    """Put the function into the table, as its own formula, for a test."""
    formula_of(weighted)(weighted)
    yield
    del implementations[weighted]


def call(*args: Any, **kwargs: Any) -> Any:
    """Call it as NumPy's protocol would."""
    return implementations[weighted](*args, **kwargs)


A, B, C = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([3.0, -2.0]), np.array(1.5)


@pytest.mark.parametrize(
    "f",
    [
        lambda f, a, b, c: f(a, by=b),
        lambda f, a, b, c: f([a, b], by=c),
        lambda f, a, b, c: f([[a, b], [c]], by=b),
        lambda f, a, b, c: f(a, by=b, first={"factor": c}, second={"factor": c}),
        lambda f, a, b, c: f([a, 2.0, np.float32(3), [b]]),
    ],
)
def test_arrays_anywhere_in_a_call(f: Any) -> None:
    def function(*xs: Any) -> Any:
        return f(call if any(isinstance(x, Tensor) for x in xs) else weighted, *xs)

    check_gradients(function, A, B, C, order=3)
    check_float32(function, A, B, C)


@pytest.mark.parametrize(
    "f",
    [
        lambda a, c: np.interp(a, [0.0, 4.0], [c, c * c]),
        lambda a, c: np.average([c, c * c], weights=a),
        lambda a, c: np.average(a, weights=[c, 2.0]),
        lambda a, c: np.trapezoid([c, 2.0], a),
        lambda a, c: np.trapezoid(a, [c, c * 3]),
        lambda a, c: np.diff(a, prepend=[c, 1.0]),
        lambda a, c: np.ediff1d(a, to_end=[c, 1.0], to_begin=c),
        lambda a, c: np.gradient(a, [c, c * 3]),
        lambda a, c: np.cov(a, [c, c * c]),
        lambda a, c: np.linspace(a, [c, c * 3], 3),
        lambda a, c: np.cross([c, 1.0, c], np.append(a, c)),
        lambda a, c: np.choose([0, 1], [a, [c, c * c]]),
        lambda a, c: np.insert(a, [0], [c]),
        lambda a, c: np.dot(a, [c, c * c]),
        lambda a, c: np.linalg.lstsq([[c, 1.0], [2.0, c]], a)[0],
        lambda a, c: a * [c, 2.0],
        lambda a, c: [c, 2.0] @ a,
        lambda a, c: np.where([True, False], [c, 2.0], a),
    ],
)
def test_lists_of_tensors(f: Any) -> None:
    """Where another argument is a tensor, so that NumPy asks at all."""

    def function(a: Any, c: Any) -> Any:
        if isinstance(a, Tensor) or isinstance(c, Tensor):
            return f(a if isinstance(a, Tensor) else Tensor(a), c if isinstance(c, Tensor) else Tensor(c))
        return np.asarray(f(a, c))

    check_gradients(function, np.array([3.0, -2.0]), C)


def test_an_argument_that_was_computed_from_another() -> None:
    check_gradients(lambda a: np.average(a, weights=np.exp(a)), A, order=3)
    check_gradients(lambda a: np.trapezoid(np.sin(a), a * a), B)
    x = leaf([1.0, 2.0, 4.0])
    y = x * x
    given = gradients(np.average(x, weights=y), [x, y], create_graph=True)
    np.testing.assert_allclose(given[1].data, (x.data - np.average(x.data, weights=y.data)) / y.data.sum())
    total = y.data.sum()
    by_hand = y.data / total + given[1].data * 2 * x.data
    np.testing.assert_allclose(given[0].data, by_hand)


def test_the_same_tensor_twice() -> None:
    check_gradients(lambda a: np.interp(a, np.array([0.0, 5.0]), a[:1].repeat(2) * a[1]), np.array([0.5, 1.5]))
    check_gradients(lambda a: call([a, a], by=a) if isinstance(a, Tensor) else weighted([a, a], by=a), A)


def test_derivatives_of_every_kind() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.gradient(x * x, x) ** 2)

    x = np.array([1.0, 2.5, 3.0, 4.5])
    unit = np.eye(4) * 1e-6
    rows = jacobian(lambda x: np.gradient(x * x, x))(x)
    for e, column in zip(unit, rows.T, strict=True):
        above, below = (np.gradient((x + d) ** 2, x + d) for d in (e, -e))
        np.testing.assert_allclose(column, (above - below) / 2e-6, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(hessian(f)(x), hessian(f)(x).T, atol=1e-12)


def test_backward_works_where_nothing_is_recorded() -> None:
    x = leaf([1.0, 2.0, 4.0])
    y = np.average(x)
    with no_grad():
        y.backward()
        assert not np.average(x).requires_grad
    np.testing.assert_allclose(x.grad, 1 / 3)


def test_anomalies_are_found_in_the_value_and_in_the_formula() -> None:
    with detect_anomaly():
        with pytest.raises(FloatingPointError, match=r"np\.corrcoef: the result holds NaN"):
            np.corrcoef(leaf([[1.0, 1.0], [1.0, 2.0]]))
        with pytest.raises(FloatingPointError, match=r"np\.linalg|inf"):
            np.linalg.cond(leaf([[1.0, 0.0], [0.0, 1e-320]]))
        np.average(leaf([1.0, 2.0])).backward()


def test_lists_may_change_after_the_call() -> None:
    x, parts = leaf([1.0, 2.0]), [leaf([5.0, 5.0])]
    spacing, y = [0.0, 1.0], leaf([1.0, 3.0])
    slope = np.gradient(y, spacing)
    total = call(parts, by=x)
    spacing[1] = 7.0
    parts.append(x)
    slope.sum().backward()
    total.sum().backward()
    np.testing.assert_allclose(y.grad, [-2, 2])
    np.testing.assert_array_equal(x.grad, [5, 5])


def test_what_needs_no_gradient_gets_none() -> None:
    seen: list[Any] = []

    @primitive
    def watched(x: Any) -> Any:
        return x * 1.0

    defvjp(watched, lambda g, _y, _x: (seen.append(1), g)[1])
    x, constant = leaf([1.0, 2.0]), Tensor([3.0, 4.0])
    (g,) = gradients(np.average(watched(x), weights=constant), x)
    np.testing.assert_allclose(g.data, [3 / 7, 4 / 7])
    assert seen == [1]
    assert not np.average(constant, weights=constant).requires_grad


@pytest.mark.parametrize(("of_a", "of_weights"), list(itertools.product([True, False], repeat=2)))
def test_each_of_two_results_is_on_the_tape_it_depends_on(of_a: bool, of_weights: bool) -> None:
    a, weights = Tensor([1.0, 2.0], requires_grad=of_a), Tensor([1.0, 3.0], requires_grad=of_weights)
    mean, total = np.average(a, weights=weights, returned=True)
    assert mean.requires_grad == (of_a or of_weights)
    assert total.requires_grad == of_weights
    np.testing.assert_array_equal(plain(total), 4.0)


def test_a_call_that_the_formula_does_not_fit_is_refused() -> None:
    with pytest.raises(TypeError, match="scale"):
        implementations[np.average](leaf([1.0]), scale=2)
    with pytest.raises(TypeError, match=r"np\.choose: out= is not supported"):
        np.choose([0], [leaf([1.0])], np.empty(1))


def test_the_value_and_its_dtype_are_numpys() -> None:
    x = np.array([[1.0, 2.0], [3.0, 5.0]], np.float16)
    for function in (np.corrcoef, np.cov, np.average, np.trapezoid):
        y, expected = function(Tensor(x, requires_grad=True)), function(x)
        assert y.dtype == np.asarray(expected).dtype
        np.testing.assert_array_equal(y.data, expected)
