"""Inverses, determinants and decompositions: of single matrices and stacks, real and complex.

Singular vectors and eigenvectors are free up to phases, and general eigenvalues come in any order: the functions tested
do not depend on these.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_np import Tensor, gradients, hessian, jvp
from autograd_np.primitives import primitive_of
from autograd_np.rules.linalg import cofactors, least_squares, p_norm, without_derivative
from tests.autograd_np.checks import check_float32, check_gradients, recorded
from tests.autograd_np.strategies import Array, Call, c_order, flipped, fortran_order, strided

linalg: Any = np.linalg  # its stubs do not know tensors
Maker = Callable[[np.random.Generator, tuple[int, ...], bool], Array]


# -- arrays, none of them close to where a derivative is missing ------------------------------------------------------


def anything(rng: np.random.Generator, shape: tuple[int, ...], phases: bool) -> Array:
    x = rng.uniform(0.25, 2, shape) * rng.choice([-1, 1], shape)
    return x * np.exp(2j * rng.uniform(0, np.pi, shape)) if phases else x


def regular(rng: np.random.Generator, shape: tuple[int, ...], phases: bool) -> Array:
    """Return matrices whose singular values are far from one another and from 0."""
    u, s, vh = np.linalg.svd(anything(rng, shape, phases), full_matrices=False)
    return (u * values(rng, s.shape)[..., None, :]) @ vh


def led(rng: np.random.Generator, shape: tuple[int, ...], phases: bool) -> Array:
    """Return matrices whose first columns, as many as there are rows, are regular: QR's derivatives divide by theirs.

    A wide matrix can be regular while these are as good as dependent, and then differences tell nothing.
    """
    *stack, rows, columns = shape
    square = regular(rng, (*stack, rows, min(rows, columns)), phases)
    return np.concatenate((square, anything(rng, (*stack, rows, max(0, columns - rows)), phases)), axis=-1)


def hermitian(rng: np.random.Generator, shape: tuple[int, ...], phases: bool) -> Array:
    """Return Hermitian matrices whose eigenvalues are positive and far from one another."""
    u, s, _ = np.linalg.svd(anything(rng, shape, phases))
    return (u * values(rng, s.shape)[..., None, :]) @ adjoint(u)


def diagonalizable(rng: np.random.Generator, shape: tuple[int, ...], phases: bool) -> Array:
    """Return matrices whose eigenvalues are far from one another; of real ones, all real or some in complex pairs."""
    q, s, _ = np.linalg.svd(anything(rng, shape, phases))
    triangle = np.triu(anything(rng, shape, phases), 1) + values(rng, s.shape)[..., None] * np.eye(shape[-1])
    if shape[-1] > 1 and rng.choice([False, True]):
        triangle[..., :2, :2] = [[1, -1.5], [1.5, 1]]
    return q @ triangle @ adjoint(q)


def values(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    steps = 0.5 + np.arange(shape[-1]) + rng.uniform(0, 0.25, shape)
    return rng.permuted(steps, axis=-1) if steps.size else steps


def adjoint(x: Any) -> Any:
    return np.conj(np.swapaxes(x, -1, -2))


def hermitian_part(x: Any) -> Any:
    return (x + adjoint(x)) / 2


@st.composite
def calls(draw: st.DrawFn, f: Any, *terms: str, of: Maker = regular, min_side: int = 1, phases: bool = True) -> Call:
    """Draw arrays by the lengths of their axes: `n`, `m`, `k`, or a digit; `...` is a stack, the same for all."""
    lengths = {c: draw(st.integers(min_side, 3)) for c in "nmk"}
    stack = draw(st.sampled_from([(), (), (2,), (2, 1), (0,)]))
    with_phases = phases and draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    xs: list[Array] = []
    for term in terms:
        shape = tuple(lengths[c] if c in lengths else int(c) for c in term.strip("."))
        shape = (*stack, *shape) if "..." in term else shape
        maker = of if len(shape) > 1 and min(shape[-2:]) > 0 else anything
        layout = draw(st.sampled_from([c_order, fortran_order, strided, flipped]))
        xs.append(layout(maker(rng, shape, with_phases)))
    return Call(f"{terms} of {of.__name__}", f, tuple(xs))


def some(*strategies: st.SearchStrategy[Call]) -> st.SearchStrategy[Call]:
    return st.one_of(*strategies)


def each(f: Any, *fs: Any) -> Callable[..., list[Any]]:
    """Take the results of `f` apart, each through its own function; `None` leaves one out."""
    return lambda *xs: [g(y) for g, y in zip(fs, f(*xs), strict=True) if g]


# -- functions of decompositions that do not depend on phases ---------------------------------------------------------


def exponential(w: Any, v: Any) -> Any:
    """Return the matrix exponential by the eigenvectors."""
    return v * np.exp(w)[..., None, :] @ linalg.inv(v)


def spectral(u: Any, s: Any, vh: Any) -> Any:
    """Return a matrix with other singular values."""
    return u * np.exp(s)[..., None, :] @ vh


def squares(*parts: Any) -> list[Any]:
    return [np.real(part * np.conj(part)) for part in parts]


def by_eigh(f: Any, uplo: str = "L") -> Any:
    return lambda a: f(*linalg.eigh(hermitian_part(a), uplo))


def by_eig(f: Any) -> Any:
    return lambda a: f(*linalg.eig(a))


def by_svd(f: Any, full_matrices: bool = False) -> Any:
    return lambda a: f(*linalg.svd(a, full_matrices=full_matrices))


def positive(q: Any, r: Any) -> list[Any]:
    """Return the factors with a positive diagonal: LAPACK's signs flip where an element changes its own."""
    signs = np.sign(np.real(np.diagonal(r, axis1=-2, axis2=-1)))
    return [q * signs[..., None, :], r * signs[..., None]]


def power_sums(w: Any) -> list[Any]:
    return [np.sum(w**k, axis=-1) for k in (1, 2, 3)]


# -- what is tested ---------------------------------------------------------------------------------------------------

SOLVE = some(
    calls(linalg.solve, "...nn", "n"),
    calls(linalg.solve, "...nn", "nk"),
    calls(linalg.solve, "nn", "...nk"),
    calls(linalg.solve, "...nn", "...nk"),
)

P_NORM = st.builds(
    lambda order, keepdims, call, axis: Call(
        f"p_norm({order}, {axis})", partial(p_norm, order=order, axis=axis, keepdims=keepdims), call.arrays
    ),
    st.sampled_from([2, 3, 1.5, 0.5, -1, -2]),
    st.booleans(),
    calls(None, "nmk", of=anything),
    st.sampled_from([None, 0, -1, (0, 2), (-1, 0), (0, 1, 2)]),
)

DIFFERENTIABLE: dict[Any, st.SearchStrategy[Call]] = {
    linalg.inv: calls(linalg.inv, "...nn", min_side=0),
    linalg.solve: SOLVE,
    linalg.pinv: some(
        calls(linalg.pinv, "...nm", min_side=0),
        calls(lambda x, y: linalg.pinv(x @ y, rtol=1e-4), "...32", "...23"),
        calls(lambda x, y: linalg.pinv(x @ y, 1e-4), "31", "12"),
    ),
    least_squares: some(
        calls(lambda a, b: linalg.lstsq(a, b)[0], "nm", "n"),
        calls(lambda a, b: linalg.lstsq(a, b, rcond=-1)[0], "nm", "nk"),
        # Not np.linalg.lstsq, whose singular values, now and then exactly 0 here, have no second derivative.
        calls(lambda x, y, b: least_squares(x @ y, b, rcond=1e-4), "32", "23", "3k"),
    ),
    linalg.det: calls(linalg.det, "...nn", min_side=0),
    cofactors: calls(cofactors, "...nn"),
    linalg.slogdet: calls(lambda a: list(linalg.slogdet(a)), "...nn", min_side=0),
    linalg.cholesky: some(
        calls(lambda a: linalg.cholesky(hermitian_part(a)), "...nn", of=hermitian, min_side=0),
        calls(lambda a: linalg.cholesky(hermitian_part(a), upper=True), "...nn", of=hermitian),
    ),
    linalg.eigh: some(
        calls(by_eigh(exponential), "...nn", of=hermitian),
        calls(by_eigh(lambda *wv: squares(*wv), "U"), "...nn", of=hermitian),
    ),
    linalg.eig: some(
        calls(by_eig(exponential), "...nn", of=diagonalizable),
        calls(by_eig(lambda w, v: squares(v)[0] @ np.exp(w)[..., None]), "...nn", of=diagonalizable),
    ),
    linalg.svd: some(
        calls(by_svd(spectral), "...nm"),
        calls(by_svd(squares), "...nm"),
        calls(by_svd(squares, full_matrices=True), "...nn"),
        calls(lambda a: squares(*linalg.svd(a)[1:]), "...32"),
    ),
    linalg.qr: some(
        calls(lambda a: positive(*linalg.qr(a)), "...nm", of=led),
        calls(lambda a: positive(*linalg.qr(a, "complete")), "...23", of=led),
        calls(lambda a: squares(linalg.qr(a, mode="r")), "...nm", of=led),
    ),
    p_norm: P_NORM,
}


IMPLEMENTED = {linalg.slogdet, linalg.eig, linalg.eigh, linalg.svd, linalg.qr}
"""Functions with implementations that this file tests."""


@pytest.mark.parametrize("function", DIFFERENTIABLE, ids=lambda f: f.__name__)
@settings(max_examples=settings().max_examples // 2)
@given(data=st.data())
def test_linalg(function: Any, data: st.DataObject) -> None:
    call = data.draw(DIFFERENTIABLE[function])
    check_gradients(call.function, *call.arrays)
    if function is not linalg.eig and not any(np.iscomplexobj(x) for x in call.arrays):
        check_float32(call.function, *call.arrays)


@pytest.mark.parametrize("function", DIFFERENTIABLE, ids=lambda f: f.__name__)
@settings(max_examples=2)
@given(data=st.data())
def test_third_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(DIFFERENTIABLE[function])
    check_gradients(call.function, *call.arrays, order=3)


@pytest.mark.parametrize("function", [linalg.eig, linalg.eigvals], ids=lambda f: f.__name__)
def test_real_matrix_with_complex_eigenvalues_has_a_real_gradient(function: Any) -> None:
    a = Tensor(np.array([[1.0, -2.0], [2.0, 1.0]], np.float32), requires_grad=True)
    w = function(a)[0] if function is linalg.eig else function(a)
    assert w.dtype == np.complex64
    np.sum(np.abs(w)).backward()
    assert a.grad is not None
    assert a.grad.dtype == np.float32
    np.testing.assert_allclose(a.grad, np.array([[1, -2], [2, 1]]) / np.sqrt(5), rtol=1e-6)


# -- results ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f", [linalg.eig, linalg.eigh, linalg.qr, linalg.slogdet, linalg.svd], ids=lambda f: f.__name__
)
def test_results_have_names(f: Any) -> None:
    x = np.array([[2.0, 1.0], [1.0, 3.0]])
    result, expected = f(Tensor(x, requires_grad=True)), f(x)
    assert type(result) is type(expected)
    for part, value in zip(result, expected, strict=True):
        assert isinstance(part, Tensor)
        np.testing.assert_array_equal(part.data, value)


# -- points where others give NaN -------------------------------------------------------------------------------------


def first_and_second(f: Any, x: Any) -> tuple[Array, Array]:
    """Return a gradient, and that of its sum weighted with 1, 2, ..."""
    leaf = Tensor(np.asarray(x, float), requires_grad=True)
    (g,) = gradients(f(leaf), leaf, create_graph=True)
    (h,) = gradients(np.sum(g * np.arange(1, g.size + 1).reshape(g.shape)), leaf)
    return g.data, h.data


TURNED = np.array([[1.0, 2.0, 2.0], [2.0, 1.0, -2.0], [2.0, -2.0, 1.0]]) / 3  # orthogonal
SINGULAR = {
    "of rank 2": np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 2.0], [1.0, 3.0, 5.0]]),
    "of rank 1": np.outer([1.0, 2.0, 3.0], [1.0, 0.5, -2.0]),
    "but for rounding": np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]]),
    "zeros": np.zeros((3, 3)),
    "two by two zeros": np.zeros((2, 2)),
    "one zero": np.zeros((1, 1)),
    "complex": np.outer([1.0, 2.0j, 3.0], [1.0, 0.5j, -2.0]) + np.diag([1, 0, 0]),
    "in a stack": np.stack([np.eye(3), np.outer([1.0, 2.0, 3.0], [1.0, 0.0, 1.0]), np.diag([1.0, 2.0, 1e-9])]),
    "in a stack of stacks": np.stack([np.diag([1.0, 2.0, 0.0]), np.outer([1.0, 2.0, 3.0], [1.0, 0.0, 1.0])])[None],
}


@pytest.mark.parametrize("a", SINGULAR.values(), ids=SINGULAR)
def test_det_of_singular_matrices(a: Array) -> None:
    check_gradients(linalg.det, a)


def test_third_derivative_of_det_of_a_singular_matrix() -> None:
    check_gradients(linalg.det, SINGULAR["of rank 2"], order=3)


def test_second_derivative_of_det_keeps_its_digits_whatever_the_size() -> None:
    """Close to a singular matrix, which its size does not tell."""
    a = TURNED @ np.diag([1.0, 0.5, 1e-9]) @ TURNED[::-1]
    curvature = hessian(linalg.det)(a)
    scale = np.max(np.abs(curvature))
    for size in (1e-10, 1e10):
        np.testing.assert_allclose(hessian(linalg.det)(size * a) / size, curvature, atol=1e-12 * scale)


def test_det_of_a_large_matrix_keeps_its_digits() -> None:
    a = np.random.default_rng(1).standard_normal((60, 60))
    leaf = Tensor(a, requires_grad=True)
    (g,) = gradients(linalg.slogdet(leaf)[1], leaf)
    y = linalg.det(leaf)
    y.backward()
    np.testing.assert_allclose(leaf.grad, y.item() * g.data, rtol=1e-9)


JORDAN = np.eye(3) + np.diag([1.0, 0.0], 1)
BUT_FOR_ROUNDING = SINGULAR["but for rounding"]
DEPENDENT = np.array([[1.0, 2.0, 5.0], [2.0, 4.0, 7.0]])  # in its first two columns
LOW_RANK = (np.array([[1.0, 2], [3, 5], [4, 1], [2, 2]]) / 7 @ np.array([[1.0, 3, 2], [2, 1, 1]])).astype(np.float32)

ROUNDING: dict[str, tuple[Any, Array, str]] = {
    "one eigenvector for two": (linalg.eigvals, JORDAN, "np.linalg.eig: a matrix has fewer eigenvectors"),
    "the same, turned": (linalg.eigvals, TURNED @ JORDAN @ TURNED.T, "np.linalg.eig: a matrix has fewer"),
    "one eigenvector for three": (linalg.eigvals, TURNED @ (np.eye(3) + np.eye(3, k=1)) @ TURNED.T, "np.linalg.eig"),
    "one eigenvector of 0": (lambda a: linalg.eig(a)[1], np.eye(2, k=1), "np.linalg.eig: a "),
    "the same in a stack": (linalg.eigvals, np.stack([np.diag([1.0, 2.0, 4.0]), JORDAN]), "np.linalg.eig: a matrix"),
    "in single precision": (linalg.eigvals, (TURNED @ JORDAN @ TURNED.T).astype(np.float32), "np.linalg.eig: a matrix"),
    "QR, q": (lambda a: linalg.qr(a)[0], BUT_FOR_ROUNDING, "np.linalg.qr: the first 3 columns of a matrix"),
    "QR, r": (lambda a: linalg.qr(a, "r"), SINGULAR["of rank 1"], "np.linalg.qr: the first 3 columns of a matrix"),
    "QR of a tall matrix": (
        lambda a: linalg.qr(a)[0],
        SINGULAR["of rank 1"][:, :2],
        "np.linalg.qr: the first 2 columns",
    ),
    "QR of a wide matrix": (lambda a: linalg.qr(a)[0], DEPENDENT, "np.linalg.qr: the first 2 columns"),
    "QR of zeros": (lambda a: linalg.qr(a)[0], np.zeros((2, 2)), "np.linalg.qr: the first 2 columns"),
    "logarithm of a determinant": (lambda a: linalg.slogdet(a)[1], BUT_FOR_ROUNDING, "np.linalg.slogdet: a matrix is"),
    "inverse": (linalg.inv, BUT_FOR_ROUNDING, "np.linalg.inv: a matrix is singular.*np.linalg.pinv"),
    "solution": (lambda a: linalg.solve(a, np.ones(3)), BUT_FOR_ROUNDING, "np.linalg.solve: a matrix is singular"),
    "solutions": (lambda a: linalg.solve(a, np.eye(3)), BUT_FOR_ROUNDING, "np.linalg.solve: a matrix is singular"),
    "pseudo-inverse": (linalg.pinv, LOW_RANK, "np.linalg.pinv: a singular value.*rtol="),
    "least squares": (lambda a: linalg.lstsq(a, np.ones(4))[0], LOW_RANK, "np.linalg.lstsq: a singular value.*rcond="),
}


@pytest.mark.parametrize(("f", "a", "message"), ROUNDING.values(), ids=ROUNDING)
def test_gradients_that_would_be_rounding_are_refused(f: Any, a: Array, message: str) -> None:
    """The results are NumPy's, whatever they are."""
    leaf = Tensor(a, requires_grad=True)
    y = f(leaf)
    np.testing.assert_array_equal(y.data, f(a))
    with pytest.raises(np.linalg.LinAlgError, match=message):
        np.sum(np.real(y) * np.arange(1.0, 1 + y.size).reshape(y.shape)).backward()


@pytest.mark.parametrize(
    "f", [lambda a: linalg.pinv(a, rtol=1e-4), lambda a: linalg.lstsq(a, np.ones(4, a.dtype), 1e-4)[0]]
)
def test_low_rank_in_single_precision_with_a_ratio(f: Any) -> None:
    single, double = (Tensor(LOW_RANK, requires_grad=True, dtype=dtype) for dtype in (np.float32, np.float64))
    for leaf in (single, double):
        f(leaf).sum().backward()
    np.testing.assert_allclose(single.grad, double.grad, rtol=1e-4, atol=1e-5)


# What is singular or defective but for rounding is told by the ratio of sizes: of matrices of all sizes, of both
# precisions, alone and in stacks, of one equation or many, for gradients of all sizes; and what is neither is not
# refused.

SIZES = [(np.float64, 1e-200), (np.float64, 1), (np.float64, 1e200), (np.float32, 1e-30), (np.float32, 1e30)]

OF_REGULAR: dict[str, Any] = {
    "inv": lambda a: np.sum(linalg.inv(a)) * np.max(np.abs(a.data)),
    "solve": lambda a: np.sum(linalg.solve(a, np.full(a.shape[-1], np.max(np.abs(a.data))))),
    "slogdet": lambda a: np.sum(linalg.slogdet(a)[1]),
    "pinv": lambda a: np.sum(linalg.pinv(a, rcond=0)) * np.max(np.abs(a.data)),
}


@pytest.mark.parametrize("f", OF_REGULAR.values(), ids=OF_REGULAR)
@pytest.mark.parametrize(("dtype", "size"), SIZES)
def test_singular_matrices_of_all_sizes_are_refused(f: Any, dtype: Any, size: float) -> None:
    """A ratio of singular values below the precision is rounding, and one above it is not."""
    for stack in ((), (1,), (2, 1)):
        for ratio in (0.6, 1.5):
            a = size * np.diag([1, ratio * np.finfo(dtype).eps])
            leaf = Tensor(np.broadcast_to(a, (*stack, 2, 2)), requires_grad=True, dtype=dtype)
            y = f(leaf)
            if ratio < 1:
                with pytest.raises(np.linalg.LinAlgError, match="singular"):
                    y.backward()
            elif size >= 1:  # others have slopes that are out of range
                y.backward()
                assert np.isfinite(leaf.grad).all()


@pytest.mark.parametrize(("dtype", "size"), SIZES)
def test_slope_of_a_logarithm_of_a_determinant_of_any_size(dtype: Any, size: float) -> None:
    a = np.array([[2.0, 1.0], [1.0, 3.0]])
    leaf = Tensor(np.stack([a * size, a]), requires_grad=True, dtype=dtype)
    linalg.slogdet(leaf)[1].sum().backward()
    assert leaf.grad is not None
    np.testing.assert_allclose(leaf.grad * [[[size]], [[1]]], [np.linalg.inv(a)] * 2, rtol=1e-5)


@pytest.mark.parametrize("f", OF_REGULAR.values(), ids=OF_REGULAR)
def test_large_singular_matrices_are_refused(f: Any) -> None:
    """The ratio is to the largest singular value, which in a large matrix no element comes close to."""
    a = np.ones((64, 64)) + np.eye(64) * (64 * 0.5 * np.finfo(float).eps)
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        f(Tensor(a, requires_grad=True)).backward()


@pytest.mark.parametrize("size", [1.0, 1e20])
@pytest.mark.parametrize("stack", [(), (1,), (1, 1)], ids=str)
def test_solutions_of_many_equations(stack: tuple[int, ...], size: float) -> None:
    """A condition of 1e14 leaves digits, whatever the number of equations and the size of the gradient."""
    values = np.resize([1.0, 1e-14], 400)
    a = Tensor(np.diag(values).reshape(*stack, 400, 400), requires_grad=True)
    b = Tensor(np.ones((*stack, 400, 3)), requires_grad=True)
    linalg.solve(a, b).backward(np.full(b.shape, size))
    np.testing.assert_allclose(b.grad, np.broadcast_to(size / values[:, None], b.shape))
    np.testing.assert_allclose(a.grad, np.broadcast_to(-3 * size * np.outer(1 / values, 1 / values), a.shape))


@pytest.mark.parametrize("rcond", [None, -1, 0, 1e-300, 0.1, 1, 2])
def test_least_squares_differentiates_what_numpy_solves(rcond: float | None) -> None:
    """It takes the same singular values for 0, or refuses if one that is rounding only is not among them."""
    eps = np.finfo(float).eps
    for least in (0.05, *(eps * np.array([10, 4, 0.75, 0.4]))):
        matrix = np.eye(8, 2) * [1, least]
        solutions, _, rank, _ = np.linalg.lstsq(matrix, np.eye(8), rcond)
        a, b = Tensor(matrix, requires_grad=True), Tensor(np.ones(8), requires_grad=True)
        x = linalg.lstsq(a, b, rcond)[0]
        if rank == 2 and least < eps:
            with pytest.raises(np.linalg.LinAlgError, match="by rcond="):
                x.sum().backward()
        else:
            x.sum().backward()
            np.testing.assert_allclose(b.grad, solutions.sum(axis=0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("triangle", [np.array([[1.0, 1.0], [0.0, 1.0]]), np.eye(3) + np.eye(3, k=1), JORDAN])
def test_defective_matrices_in_any_basis_are_refused(triangle: Array) -> None:
    rng = np.random.default_rng(0)
    n = len(triangle)
    for size in np.repeat([1e-200, 1.0, 1e200], 10):
        basis = np.linalg.qr(rng.standard_normal((n, n)))[0]
        a = size * (basis @ triangle @ basis.T)
        for stack in (a, np.stack([np.diag(np.arange(1.0, n + 1)), a])):
            with pytest.raises(np.linalg.LinAlgError, match="a matrix has fewer eigenvectors"):
                np.sum(linalg.eigvals(Tensor(stack, requires_grad=True)).real).backward()


@pytest.mark.parametrize("corner", [1.0, 1e17, 1e40, 1e300])
def test_defective_matrices_whose_eigenvectors_are_parallel_are_refused(corner: float) -> None:
    """Or so close that their inverse is out of range."""
    w = linalg.eigvals(Tensor([[0.0, corner], [0.0, 0.0]], requires_grad=True))
    with pytest.raises(np.linalg.LinAlgError, match="a matrix has fewer eigenvectors"):
        np.sum(w).backward()


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))])
def test_sensitive_eigenvalues_are_defective_only_among_one_another(order: tuple[int, ...]) -> None:
    """Of four eigenvalues two change by 1e6 times what the matrix does, and the two others are close."""
    apart = np.array([[1.0, 1e6, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0], [0.0, 0.0, 0.0, 3 + 1e-9]])
    a = Tensor(apart[np.ix_(order, order)][None], requires_grad=True)
    np.sum(linalg.eigvals(a) ** 2).backward()  # the trace of the square
    np.testing.assert_allclose(a.grad, 2 * np.swapaxes(a.data, -1, -2), rtol=1e-6, atol=1e-2)
    close = apart + np.diag([0.0, 0.0, 0.0, 2 - 3])  # one of the sensitive eigenvalues and another one
    a = Tensor(close[np.ix_(order, order)][None], requires_grad=True)
    with pytest.raises(np.linalg.LinAlgError, match="a matrix has fewer eigenvectors"):
        np.sum(linalg.eigvals(a) ** 2).backward()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dependent_columns_of_tall_matrices_are_refused(dtype: Any) -> None:
    """The more rows there are, the more rounding."""
    rng = np.random.default_rng(0)
    for rows in (2, 30, 1000):
        column = rng.standard_normal(rows)
        rounding = rng.choice([-1, 1], rows) * np.finfo(dtype).eps * np.sqrt(rows) / 4 * np.abs(column)
        leaf = Tensor(np.stack([column, column + rounding], axis=1), requires_grad=True, dtype=dtype)
        with pytest.raises(np.linalg.LinAlgError, match="the first 2 columns"):
            np.sum(linalg.qr(leaf)[0] ** 4).backward()


def test_columns_beyond_the_square_part_do_not_make_the_others_dependent() -> None:
    eps = np.finfo(float).eps
    leaf = Tensor(
        np.concatenate([np.array([[1.0, 1.0], [0.0, 8 * eps]]), np.ones((2, 30))], axis=1), requires_grad=True
    )
    np.sum(linalg.qr(leaf)[0] ** 4).backward()
    assert np.isfinite(leaf.grad).all()


NOT_A_NUMBER = np.array([[np.nan, 2.0], [1.0, 3.0]])


@pytest.mark.parametrize(
    "f",
    [
        linalg.det, lambda a: linalg.slogdet(a)[1], linalg.inv, lambda a: linalg.solve(a, np.ones(2)), linalg.eigvalsh,
        linalg.norm, lambda a: linalg.qr(a)[1], lambda a: linalg.matrix_power(a, 3), lambda a: linalg.norm(a, 1),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_nan_in_a_matrix_is_nan_in_its_gradient(f: Any) -> None:
    leaf = Tensor(NOT_A_NUMBER, requires_grad=True)
    np.sum(f(leaf)).backward()
    assert np.isnan(leaf.grad).any()
    assert np.isnan(leaf.grad[0, 0])


def test_slogdet_of_a_singular_matrix_has_no_gradient() -> None:
    a = Tensor(np.zeros((2, 2)), requires_grad=True)
    sign, logarithm = linalg.slogdet(a)
    assert (sign.item(), logarithm.item()) == (0, -np.inf)
    with pytest.raises(np.linalg.LinAlgError, match=r"np\.linalg\.slogdet: a matrix is singular.*np\.linalg\.det has"):
        logarithm.backward()


REPEATED = [np.eye(3), np.zeros((3, 3)), np.diag([1.0, 2.0, 1.0]), np.stack([np.eye(3), np.diag([1.0, 2.0, 4.0])])]


@pytest.mark.parametrize("a", REPEATED)
@pytest.mark.parametrize(
    "f", [linalg.eigvalsh, linalg.eigvals, lambda a: linalg.eigh(a)[0], lambda a: linalg.eig(a)[0]]
)
def test_sum_of_eigenvalues_that_repeat(f: Any, a: Array) -> None:
    leaf = Tensor(a, requires_grad=True)
    np.sum(f(leaf)).backward()
    np.testing.assert_allclose(leaf.grad, np.broadcast_to(np.eye(3), a.shape), atol=1e-12)
    _, tangent = jvp(lambda x: np.sum(f(x)), (a,), (np.ones(a.shape),))
    np.testing.assert_allclose(tangent, a.size / 3, atol=1e-12)


@pytest.mark.parametrize("f", [linalg.svdvals, lambda a: linalg.svd(a)[1]])
def test_sum_of_singular_values_that_repeat(f: Any) -> None:
    leaf = Tensor(np.stack([np.eye(3), 2 * np.eye(3)[::-1]]), requires_grad=True)
    np.sum(f(leaf)).backward()
    np.testing.assert_allclose(leaf.grad, [np.eye(3), np.eye(3)[::-1]], atol=1e-12)


WEIGHTS = np.arange(9.0).reshape(3, 3)


def weighted(f: Any) -> Any:
    """Weight the elements of a matrix function of eigenvectors or singular vectors."""
    return lambda *parts: np.sum(f(*parts) * WEIGHTS)


WITHOUT_DERIVATIVE = {
    "exponential of a Hermitian matrix": (by_eigh(weighted(exponential)), np.eye(3)),
    "logarithm, with a gradient of 0": (by_eigh(weighted(lambda w, v: v * np.log(w) @ v.T)), np.eye(3)),
    "exponential": (by_eig(weighted(exponential)), np.diag([2.0, 1.0, 2.0])),
    "spectral function": (by_svd(weighted(spectral)), np.eye(3)),
    "equal but for rounding": (by_eigh(weighted(exponential)), TURNED @ np.diag([1.0, 1.0, 2.0]) @ TURNED),
    "equal but for rounding, in pairs": (by_svd(weighted(spectral)), TURNED @ np.diag([1.0, 1.0, 2.0])),
    "zeros": (by_svd(lambda u, s, vh: np.sum(u * s @ vh)), np.zeros((2, 3))),
    "left vectors of 0": (by_svd(lambda u, s, vh: np.sum(u**4)), np.outer([1.0, 2.0, 3.0, 4.0], [1.0, 2.0])),
    "right vectors of 0": (by_svd(lambda u, s, vh: np.sum(vh**4)), np.outer([1.0, 2.0], [1.0, 2.0, 3.0])),
}


CASES = {**DIFFERENTIABLE, without_derivative: WITHOUT_DERIVATIVE}
"""Calls of each primitive that this file tests."""


@pytest.mark.parametrize(("f", "a"), WITHOUT_DERIVATIVE.values(), ids=WITHOUT_DERIVATIVE)
def test_vectors_of_values_that_repeat_have_no_derivative(f: Any, a: Array) -> None:
    leaf = Tensor(a, requires_grad=True)
    with pytest.raises(np.linalg.LinAlgError, match=r"np\.linalg\.(eigh|eig|svd): a gradient passes through the"):
        f(leaf).backward()
    assert leaf.grad is None


@pytest.mark.parametrize(
    ("vectors", "a", "separable"),
    [
        (lambda a: linalg.svd(a).U, np.diag([1.0, 2.0, 0.0]), True),
        (lambda a: linalg.svd(a).U, np.diag([1.0, 2.0j, 0.0]), False),
        (lambda a: linalg.svd(a, full_matrices=False).U, np.eye(3, 2) * [2, 0], False),
        (lambda a: linalg.svd(a, full_matrices=False).Vh, np.eye(2, 3) * [2, 0, 0], False),
        (lambda a: linalg.svd(a, full_matrices=False).U, np.eye(2, 3) * [[[1, 2, 0]], [[2, 0, 0]]], False),
        (lambda a: linalg.svd(a).U, np.eye(2, 3) * [[[1, 2, 0]], [[2, 1, 0]]], True),
        (lambda a: linalg.eig(a).eigenvectors, np.stack([np.diag([1.0, 2, 1]), np.diag([3.0, 4, 5])]), False),
        (lambda a: linalg.eig(a).eigenvectors, np.stack([np.diag([1.0, 2, 3]), np.diag([1.0, 2, 3])]), True),
    ],
)
def test_vectors_that_can_be_turned(vectors: Any, a: Array, separable: bool) -> None:
    """Those of a value that repeats, and those of 0 if the matrix has room or is complex."""
    v = vectors(Tensor(a, requires_grad=True))
    assert (primitive_of(without_derivative) in recorded(v)) != separable


def ranked(_w: Any, v: Any) -> Any:
    """Return a matrix with the same eigenvectors and other eigenvalues."""
    return v * np.array([1.0, 2.0, 4.0]) @ linalg.inv(v)


@pytest.mark.parametrize("by", [by_eigh, by_eig])
def test_what_is_rounding_grows_with_the_matrix(by: Any) -> None:
    a = Tensor(np.diag([1.0, 1 + 3 * np.finfo(float).eps, 2.0])[None], requires_grad=True)
    with pytest.raises(np.linalg.LinAlgError, match="a gradient passes through the vectors"):
        by(weighted(ranked))(a).backward()


@pytest.mark.parametrize("by", [by_eigh, by_eig])
def test_what_is_rounding_depends_on_the_size_of_each_matrix(by: Any) -> None:
    matrices = [np.diag(values) for values in ([1.0, 2.0, 4.0], [1e-20, 2e-20, 4e-20], [1e12, 3e12, 9e12])]
    leaves = [Tensor(a, requires_grad=True) for a in (*matrices, matrices)]
    for leaf in leaves:
        by(weighted(ranked))(leaf).backward()
    *alone, together = (leaf.grad for leaf in leaves)
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    np.testing.assert_allclose(alone[1], alone[0] * 1e20, rtol=1e-12)


@pytest.mark.parametrize("f", [linalg.eigvalsh, linalg.eigvals, linalg.svdvals])
def test_second_derivative_where_values_repeat_is_not_silently_wrong(f: Any) -> None:
    with pytest.raises(np.linalg.LinAlgError, match="which have no derivative"):
        first_and_second(lambda a: np.sum(f(a) ** 2), np.eye(3))


def test_vectors_of_other_values_have_a_derivative() -> None:
    """The vector of the one value that does not repeat, among others that do but for rounding."""
    a = np.diag([1.0, np.nextafter(1.0, 2), 3.0])
    direction = np.random.default_rng(2).standard_normal((3, 3))

    def projection(t: float) -> Array:
        v = np.linalg.eigh(hermitian_part(a + t * direction))[1][:, 2]
        return np.outer(v, v)

    expected = np.sum(WEIGHTS * (projection(1e-5) - projection(-1e-5)) / 2e-5)
    for f in (
        by_eigh(lambda _w, v: v[:, 2]),
        lambda a: linalg.svd(hermitian_part(a))[0][:, 0],
        lambda a: linalg.svd(hermitian_part(a))[2][0],
    ):
        leaf = Tensor(a, requires_grad=True)
        np.sum(np.outer(v := f(leaf), v) * WEIGHTS).backward()
        assert np.sum(leaf.grad * direction) == pytest.approx(expected, rel=1e-7)


# -- the rest ---------------------------------------------------------------------------------------------------------


def by_largest_vector(a: Any) -> Any:
    v = linalg.eigh(a)[1][:, -1:]
    return v @ v.T


@pytest.mark.parametrize("f", [linalg.cholesky, partial(linalg.cholesky, upper=True), by_largest_vector])
def test_gradient_of_a_hermitian_matrix_is_hermitian(f: Any) -> None:
    a = Tensor([[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 2.0]], requires_grad=True)
    np.sum(f(a) * np.arange(1.0, 10).reshape(3, 3)).backward()
    assert a.grad is not None
    np.testing.assert_allclose(a.grad, a.grad.T, atol=1e-14)
    assert np.all(np.abs(a.grad) > 1e-3)


@pytest.mark.parametrize(
    "f", [linalg.det, linalg.inv, linalg.cholesky, linalg.svdvals, linalg.eigvalsh, linalg.eigvals]
)
@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 0), (0, 3, 3)], ids=str)
def test_linalg_of_nothing(f: Any, shape: tuple[int, ...]) -> None:
    check_gradients(f, np.ones(shape))


A = np.arange(1.0, 7).reshape(2, 3)
REFUSED: list[tuple[Any, type[Exception], str]] = [
    (lambda a: linalg.svd(a, hermitian=True), TypeError, r"hermitian=True is not supported.*eigh"),
    (lambda a: linalg.pinv(a, hermitian=True), TypeError, "hermitian=True is not supported"),
    (lambda a: linalg.qr(a.T, "complete"), TypeError, "mode='complete'.*'reduced'"),
    (lambda a: linalg.qr(a, "raw"), TypeError, "mode='raw'"),
    (lambda a: linalg.inv(a), ValueError, r"np\.linalg\.inv of float64 \(2, 3\)"),
    (lambda a: linalg.solve(a, a), ValueError, r"np\.linalg\.solve of float64 \(2, 3\) and float64 \(2, 3\)"),
    (
        lambda a: np.sum(linalg.svd(a)[2] ** 2).backward(),
        np.linalg.LinAlgError,
        "beyond the 2 that.*full_matrices=False",
    ),
    (lambda a: np.sum(linalg.svd(a.T)[0] ** 2).backward(), np.linalg.LinAlgError, "beyond the 2 that"),
]


@pytest.mark.parametrize(("f", "error", "message"), REFUSED)
def test_what_has_no_derivative_is_refused(f: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        f(Tensor(A, requires_grad=True))
