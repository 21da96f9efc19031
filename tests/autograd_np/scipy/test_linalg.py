"""Functions of scipy.linalg: SciPy's values, and the derivatives of solutions, factors and functions of matrices."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor, grad
from autograd_np.scipy import linalg
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.strategies import Array, arrays

TRANS = [0, 1, 2, "N", "T", "C"]
sides = st.integers(1, 3)


@st.composite
def matrices(draw: st.DrawFn, n: int, scale: float = 1 / 16, diagonal: float = 1) -> Array:
    """Draw well-conditioned matrices, in every memory layout: close to a multiple of the identity."""
    x = draw(arrays((n, n)).filter(lambda x: n == 1 or 0 not in x.strides))
    x = x * scale
    x[np.arange(n), np.arange(n)] += diagonal
    return x


@st.composite
def systems(draw: st.DrawFn) -> tuple[Array, Array]:
    n = draw(sides)
    return draw(matrices(n)), draw(arrays(draw(st.sampled_from([(n,), (n, 1), (n, 2), (n, 0)]))))


def positive_definite(x: Any) -> Any:
    return x @ np.conjugate(np.swapaxes(x, -1, -2))


def complex_matrices(*shape: int, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    return 0.2 * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) + np.eye(*shape[-2:])


@given(system=systems(), transposed=st.booleans())
def test_solve(system: Any, transposed: bool) -> None:
    f = partial(linalg.solve, transposed=transposed)
    np.testing.assert_allclose(f(*system), scipy.linalg.solve(*system, transposed=transposed), rtol=1e-11, atol=1e-12)
    check_gradients(f, *system)
    check_float32(f, *system)


@pytest.mark.parametrize("name", ["inv", "det"])
@given(a=sides.flatmap(matrices))
def test_inverse_and_determinant(name: str, a: Any) -> None:
    f = getattr(linalg, name)
    np.testing.assert_allclose(f(a), getattr(scipy.linalg, name)(a), rtol=1e-11, atol=1e-12)
    check_gradients(f, a)
    check_float32(f, a)


@given(system=systems(), trans=st.sampled_from(TRANS), lower=st.booleans(), unit_diagonal=st.booleans())
def test_solve_triangular(system: Any, trans: Any, lower: bool, unit_diagonal: bool) -> None:
    options = {"trans": trans, "lower": lower, "unit_diagonal": unit_diagonal}
    f = partial(linalg.solve_triangular, **options)
    np.testing.assert_allclose(f(*system), scipy.linalg.solve_triangular(*system, **options), rtol=1e-12, atol=1e-12)
    check_gradients(f, *system)
    check_float32(f, *system)


@given(data=st.data(), below=st.integers(0, 2), above=st.integers(0, 2), n=st.integers(1, 4))
def test_solve_banded(data: st.DataObject, below: int, above: int, n: int) -> None:
    below, above = min(below, n - 1), min(above, n - 1)
    ab = data.draw(arrays((below + above + 1, n))) / 16
    ab[above] += 1
    b = data.draw(arrays(data.draw(st.sampled_from([(n,), (n, 1), (n, 2)]))))
    f = partial(linalg.solve_banded, (below, above))
    np.testing.assert_allclose(f(ab, b), scipy.linalg.solve_banded((below, above), ab, b), rtol=1e-12, atol=1e-12)
    check_gradients(f, ab, b)
    check_float32(f, ab, b)


def test_gradient_of_a_band_is_that_of_the_matrix() -> None:
    rng = np.random.default_rng(2)
    ab, b = rng.standard_normal((4, 5)) + 3, rng.standard_normal(5)
    rows, columns = np.nonzero(np.tri(5, k=1) * np.tri(5, k=2).T)
    a = np.zeros((5, 5))
    a[rows, columns] = ab[1 + rows - columns, columns]
    of_band = grad(lambda ab: linalg.solve_banded((2, 1), ab, b).sum())(ab)
    of_matrix = grad(lambda a: np.linalg.solve(a, b).sum())(a)
    expected = np.zeros((4, 5))
    expected[1 + rows - columns, columns] = of_matrix[rows, columns]
    np.testing.assert_allclose(of_band, expected, rtol=1e-12)


@given(data=st.data(), m=sides, n=sides)
def test_solve_sylvester(data: st.DataObject, m: int, n: int) -> None:
    a, b, q = data.draw(matrices(m)), data.draw(matrices(n)), data.draw(arrays((m, n)))
    np.testing.assert_allclose(linalg.solve_sylvester(a, b, q), scipy.linalg.solve_sylvester(a, b, q), rtol=1e-13)
    check_gradients(linalg.solve_sylvester, a, b, q)
    check_float32(linalg.solve_sylvester, a, b, q)


@pytest.mark.parametrize("lower", [False, True])
@given(a=sides.flatmap(matrices))
def test_cholesky(lower: bool, a: Any) -> None:
    f = partial(linalg.cholesky, lower=lower)
    np.testing.assert_allclose(
        f(positive_definite(a)), scipy.linalg.cholesky(positive_definite(a), lower), rtol=1e-12, atol=1e-13
    )
    check_gradients(lambda a: f(positive_definite(a)), a)
    check_float32(lambda a: f(positive_definite(a)), a)


def test_cholesky_reads_scipys_triangle() -> None:
    a = np.array([[4.0, 2.0], [7.0, 5.0]])
    np.testing.assert_allclose(linalg.cholesky(a), scipy.linalg.cholesky(a))
    np.testing.assert_allclose(linalg.cholesky(a.T, lower=True), scipy.linalg.cholesky(a.T, lower=True))


@pytest.mark.parametrize("lower", [False, True])
@given(system=systems())
def test_cho_solve(lower: bool, system: Any) -> None:
    def f(a: Any, b: Any) -> Any:
        return linalg.cho_solve(linalg.cho_factor(positive_definite(a), lower), b)

    a, b = system
    expected = scipy.linalg.cho_solve(scipy.linalg.cho_factor(positive_definite(a), lower), b)
    np.testing.assert_allclose(f(a, b), expected, rtol=1e-11, atol=1e-12)
    check_gradients(f, a, b)
    check_float32(f, a, b)


@given(a=sides.flatmap(matrices))
def test_sqrtm(a: Any) -> None:
    np.testing.assert_allclose(linalg.sqrtm(a), scipy.linalg.sqrtm(a), rtol=1e-14)
    check_gradients(linalg.sqrtm, a)
    check_float32(linalg.sqrtm, a)


def test_complex_root_of_a_real_matrix() -> None:
    check_gradients(linalg.sqrtm, np.array([[-1.0, 0.25], [0.5, -2.0]]))


@given(a=sides.flatmap(partial(matrices, scale=0.5)))
def test_expm(a: Any) -> None:
    np.testing.assert_allclose(linalg.expm(a), scipy.linalg.expm(a), rtol=1e-14)
    check_gradients(linalg.expm, a)
    check_float32(linalg.expm, a)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_gradient_of_expm_of_every_size(size: float) -> None:
    rng = np.random.default_rng(3)
    a, g = rng.standard_normal((4, 4)), rng.standard_normal((4, 4))
    leaf = Tensor(a, requires_grad=True)
    linalg.expm(leaf).backward(g * size)
    expected = scipy.linalg.expm_frechet(a.T, g, compute_expm=False)
    np.testing.assert_allclose(leaf.grad / size, expected, rtol=1e-12)


def test_zero_gradient_of_expm() -> None:
    leaf = Tensor(np.ones((2, 2)), requires_grad=True)
    linalg.expm(leaf).backward(np.zeros((2, 2)))
    np.testing.assert_array_equal(leaf.grad, np.zeros((2, 2)))


A, B = complex_matrices(3, 3), complex_matrices(3, 2, seed=1)


@pytest.mark.parametrize(
    ("f", "arrays"),
    [
        (linalg.solve, (A, B)),
        (linalg.inv, (A,)),
        (linalg.det, (A,)),
        (linalg.sqrtm, (A,)),
        (linalg.expm, (A,)),
        (linalg.solve_triangular, (A, B)),
        (partial(linalg.solve_triangular, trans=1), (A, B)),
        (partial(linalg.solve_triangular, trans="C", lower=True), (A, B)),
        (partial(linalg.solve_triangular, trans=2), (A, B.real)),
        (partial(linalg.solve_triangular, trans=2), (A.real, B)),
        (partial(linalg.solve_banded, (1, 1)), (A + np.eye(3), B)),
        (linalg.solve_sylvester, (A, A[:2, :2], B)),
        (linalg.solve_sylvester, (A.real, A[:2, :2], B.real)),
        (lambda a: linalg.cholesky(positive_definite(a)), (A,)),
        (lambda a: linalg.cholesky(positive_definite(a), lower=True), (A,)),
        (lambda a, b: linalg.cho_solve(linalg.cho_factor(positive_definite(a)), b), (A, B)),
        (lambda a, b: linalg.cho_solve(linalg.cho_factor(positive_definite(a), True), b), (A, B)),
    ],
)
def test_complex_matrices(f: Any, arrays: Any) -> None:
    check_gradients(f, *arrays)


def test_complex_values_are_scipys() -> None:
    h = positive_definite(A)
    for lower in (False, True):
        np.testing.assert_allclose(linalg.cholesky(h, lower), scipy.linalg.cholesky(h, lower), rtol=1e-12, atol=1e-14)
        expected = scipy.linalg.cho_solve(scipy.linalg.cho_factor(h, lower), B)
        np.testing.assert_allclose(linalg.cho_solve(linalg.cho_factor(h, lower), B), expected, rtol=1e-11)
        for trans in TRANS:
            expected = scipy.linalg.solve_triangular(A, B, trans, lower)
            np.testing.assert_allclose(linalg.solve_triangular(A, B, trans, lower), expected, rtol=1e-12)


@pytest.mark.skipif(np.lib.NumpyVersion(scipy.__version__) < "1.16.0", reason="this SciPy takes no stacks of matrices")
@pytest.mark.parametrize(
    "f",
    [
        linalg.solve_triangular,
        linalg.solve,
        lambda a, b: linalg.solve_sylvester(a, a[..., :2, :2], b),
        lambda a, b: linalg.expm(a) @ b,
        lambda a, b: linalg.cho_solve(linalg.cho_factor(positive_definite(a)), b),
        lambda a, b: linalg.solve_banded((1, 1), a[..., :3, :] + np.array([[0.0], [3.0], [0.0]]), b),
    ],
)
@pytest.mark.parametrize("stack", [(2,), (3, 2)], ids=str)
def test_stacks_of_matrices(f: Any, stack: tuple[int, ...]) -> None:
    rng = np.random.default_rng(4)
    a, b = 0.1 * rng.standard_normal((*stack, 4, 4)) + 2 * np.eye(4), rng.standard_normal((*stack, 4, 2))
    found = f(a, b)
    for i in np.ndindex(stack):
        np.testing.assert_allclose(found[i], f(a[i], b[i]), rtol=1e-12)
    check_gradients(f, a, b)
    check_gradients(f, a, b[0])
    check_gradients(f, a[0], b)


def leaf(*shape: int, value: float = 1.0) -> Tensor:
    return Tensor(np.full(shape, value), requires_grad=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linalg.solve(leaf(2, 2, value=np.nan), leaf(2)), "solve: a holds NaN or infinity"),
        (lambda: linalg.cholesky(leaf(2, 2, value=np.inf)), "cholesky: a holds NaN or infinity"),
        (lambda: linalg.solve_triangular(leaf(2, 2), leaf(2), trans="H"), "trans='H' is none of"),
        (lambda: linalg.solve_triangular(leaf(2, 2), leaf(3)), r"float64 \(2, 2\) and float64 \(3, 1\)"),
        (lambda: linalg.solve_triangular(leaf(2, 2, value=0.0), leaf(2)), "singular"),
        (lambda: linalg.cholesky(leaf(2, 2, value=-1.0)), "not positive definite"),
        (lambda: linalg.expm(leaf(2, 3)), r"expm of float64 \(2, 3\)"),
        (lambda: linalg.solve_banded((1, 1), leaf(2, 3), leaf(3)), r"float64 \(2, 3\) and float64 \(3, 1\)"),
    ],
)
def test_wrong_arguments_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_promises_about_a_matrix_are_refused() -> None:
    with pytest.raises(TypeError, match=r"solve: assume_a='pos' is not supported.*cho_solve"):
        linalg.solve(leaf(2, 2), leaf(2), assume_a="pos")


def test_finiteness_need_not_be_checked() -> None:
    a = np.array([[1.0, 2.0], [np.nan, 1.0]])
    np.testing.assert_array_equal(linalg.solve_triangular(a, [4.0, 1.0], check_finite=False), [2, 1])
