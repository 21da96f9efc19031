"""Inverses, determinants, decompositions and norms: of single matrices and stacks, real and complex.

Singular vectors and eigenvectors are free up to phases, and general eigenvalues come in any order: the functions tested
do not depend on these.
"""

import itertools
import operator
from collections.abc import Callable, Sequence
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


def graded(rng: np.random.Generator, shape: tuple[int, ...], phases: bool) -> Array:
    """Return elements of which no two, and no two sums along an axis, are of about the same size."""
    order = sum(axis * (axis + 1) for axis in np.indices(shape)) if shape else 0
    sizes = 0.5 * 1.4**order * rng.uniform(0.95, 1.05, shape)
    return sizes * (np.exp(2j * rng.uniform(0, np.pi, shape)) if phases else rng.choice([-1, 1], shape))


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


def dominated(rng: np.random.Generator, shape: tuple[int, ...], phases: bool) -> Array:
    """Return matrices close to a diagonal one, whose inverses are so too."""
    return np.diag(3.0 ** np.arange(shape[-1])) + anything(rng, shape, phases) / 16


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
        calls(lambda x, y, b: linalg.lstsq(x @ y, b, 1e-4)[0], "32", "23", "3k"),
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


def norms(f: Any, orders: Sequence[Any], axes: Sequence[Any], terms: str, of: Maker) -> st.SearchStrategy[Call]:
    """Draw calls of a norm; an axis of None is not mentioned."""

    def call(ord: Any, axis: Any, keepdims: bool, drawn: Call) -> Call:
        kwargs = {"ord": ord, "keepdims": keepdims} | ({} if axis is None else {"axis": axis})
        return Call(f"{f.__name__}({kwargs})", partial(f, **kwargs), drawn.arrays)

    return st.builds(call, st.sampled_from(orders), st.sampled_from(axes), st.booleans(), calls(None, terms, of=of))


def moved(rng: np.random.Generator, shape: tuple[int, ...], phases: bool) -> Array:
    """Return stacks of regular matrices along axes 2 and 0."""
    return np.moveaxis(regular(rng, (shape[1], shape[2], shape[0]), phases), (1, 2), (2, 0))


INF = np.inf
OF_VECTORS = [2, 1, INF, -INF, 0, 3, 0.5, -1]
BY_SUMS, BY_VALUES = [1, -1, INF, -INF, "fro"], ["nuc", 2, -2]

COMPOSED: dict[Any, st.SearchStrategy[Call]] = {
    linalg.lstsq: some(
        calls(lambda a, b: operator.itemgetter(0, 1, 3)(linalg.lstsq(a, b)), "32", "3k"),
        calls(lambda a, b: operator.itemgetter(0, 1, 3)(linalg.lstsq(a, b)), "32", "3"),
    ),
    linalg.tensorsolve: some(
        calls(lambda a, b: linalg.tensorsolve(a.reshape((2, 3, 6)), b), "66", "23"),
        calls(lambda a, b: linalg.tensorsolve(a.reshape((6, 2, 3)), b, axes=(1,)), "66", "6"),
    ),
    linalg.tensorinv: some(
        calls(lambda a: linalg.tensorinv(a.reshape((2, 2, 4))), "44"),
        calls(lambda a: linalg.tensorinv(a.reshape((4, 2, 2)), ind=1), "44"),
    ),
    linalg.eigvals: calls(lambda a: power_sums(linalg.eigvals(a)), "...nn", of=diagonalizable),
    linalg.eigvalsh: some(
        calls(lambda a: linalg.eigvalsh(hermitian_part(a)), "...nn", of=hermitian),
        calls(lambda a: linalg.eigvalsh(hermitian_part(a), UPLO="U"), "...nn", of=hermitian),
    ),
    linalg.svdvals: some(
        calls(linalg.svdvals, "...nm"), calls(lambda a: linalg.svd(a, compute_uv=False), "...nm", min_side=0)
    ),
    linalg.vector_norm: norms(linalg.vector_norm, OF_VECTORS, [None, 1, (0, -1), (2, 1, 0)], "nmk", graded),
    linalg.matrix_norm: some(
        norms(linalg.matrix_norm, BY_SUMS, [None], "2nm", graded),
        norms(linalg.matrix_norm, [*BY_VALUES, "fro"], [None], "...nm", regular),
    ),
    linalg.norm: some(
        norms(linalg.norm, [None, *OF_VECTORS], [None], "n", graded),
        norms(linalg.norm, [None, *OF_VECTORS], [0, -1, (1,)], "nmk", graded),
        norms(linalg.norm, [None], [None, (0, 1), (2, -3)], "nmk", anything),
        norms(linalg.norm, BY_SUMS, [(0, 1), (-1, 0)], "nmk", graded),
        norms(linalg.norm, [None, *BY_VALUES], [(2, 0), (-1, -3)], "nmk", moved),
        norms(linalg.norm, [None, "f", *BY_VALUES], [None], "nm", regular),
        norms(linalg.norm, BY_SUMS, [None], "nm", graded),
    ),
    linalg.cond: some(
        *(calls(partial(linalg.cond, p=p), "...nm") for p in (None, 2, -2)),
        *(calls(partial(linalg.cond, p=p), "nn", of=dominated) for p in (1, -1, INF, -INF, "fro")),
        calls(partial(linalg.cond, p="nuc"), "...nn"),
    ),
    linalg.matrix_power: some(
        *(calls(lambda a, n=n: linalg.matrix_power(a, n), "...nn") for n in (-2, -1, 0, 1, 2, 3, 6))
    ),
    linalg.multi_dot: some(
        calls(lambda *xs: linalg.multi_dot(xs), "nm", "mk", of=anything, min_side=0),
        calls(lambda *xs: linalg.multi_dot(xs), "n", "nm", "mk", "k1", of=anything),
        calls(lambda *xs: linalg.multi_dot(list(xs)), "kn", "nm", "mk", "kn", "n", of=anything),
    ),
    linalg.matmul: calls(linalg.matmul, "...nm", "mk", of=anything),
    linalg.tensordot: calls(partial(linalg.tensordot, axes=([1], [0])), "nm", "mk", of=anything),
    linalg.vecdot: calls(partial(linalg.vecdot, axis=-2), "...nm", "...nm", of=anything),
    linalg.outer: calls(linalg.outer, "n", "m", of=anything),
    linalg.cross: some(calls(linalg.cross, "...3", "3", of=anything), calls(partial(linalg.cross, axis=0), "3n", "3n")),
    linalg.trace: calls(partial(linalg.trace, offset=1), "...nm", of=anything),
    linalg.diagonal: calls(partial(linalg.diagonal, offset=-1), "...nm", of=anything),
    linalg.matrix_transpose: calls(linalg.matrix_transpose, "...nm", of=anything),
}
IMPLEMENTED = {*COMPOSED, linalg.slogdet, linalg.eig, linalg.eigh, linalg.svd, linalg.qr, linalg.matrix_rank}
"""Functions made of primitives that this file tests."""

ALL = {**DIFFERENTIABLE, **COMPOSED}
COMPLEX_OF_REAL = (linalg.eig, linalg.eigvals)


@pytest.mark.parametrize("function", ALL, ids=lambda f: f.__name__)
@settings(max_examples=settings().max_examples // 2)
@given(data=st.data())
def test_linalg(function: Any, data: st.DataObject) -> None:
    call = data.draw(ALL[function])
    check_gradients(call.function, *call.arrays)
    if function not in COMPLEX_OF_REAL and not any(np.iscomplexobj(x) for x in call.arrays):
        check_float32(call.function, *call.arrays)


@pytest.mark.parametrize("function", DIFFERENTIABLE, ids=lambda f: f.__name__)
@settings(max_examples=2)
@given(data=st.data())
def test_third_derivatives(function: Any, data: st.DataObject) -> None:
    call = data.draw(DIFFERENTIABLE[function])
    check_gradients(call.function, *call.arrays, order=3)


@pytest.mark.parametrize("function", COMPLEX_OF_REAL, ids=lambda f: f.__name__)
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


@pytest.mark.parametrize("rcond", [None, -1, 0, 1e-300, 0.1, 1, 2])
def test_lstsq_takes_the_same_singular_values_for_0_as_numpy(rcond: float | None) -> None:
    for least in (0.05, *(np.finfo(float).eps * np.array([10, 4, 0.75, 0.4]))):
        a = Tensor(np.eye(8, 2) * [1, least], requires_grad=True)
        x, _, rank, _ = linalg.lstsq(a, np.ones(8), rcond)
        expected, _, expected_rank, _ = np.linalg.lstsq(a.data, np.ones(8), rcond)
        assert rank == expected_rank
        np.testing.assert_allclose(x.data, expected)


def test_lstsq_tells_rank_and_residuals_as_numpy_does() -> None:
    rng = np.random.default_rng(0)
    for shape, rank in [((4, 2), 2), ((2, 4), 2), ((3, 3), 3), ((4, 3), 1), ((4, 3), 0), ((0, 2), 0), ((2, 0), 0)]:
        a = 1e-20 * rng.standard_normal((shape[0], rank)) @ rng.standard_normal((rank, shape[1]))
        for b in (rng.standard_normal(shape[0]), rng.standard_normal((shape[0], 2))):
            expected = np.linalg.lstsq(a, b)
            found = linalg.lstsq(a, Tensor(b, requires_grad=True))
            assert found[2] == expected[2] == rank
            for i in (0, 1, 3):
                assert found[i].dtype == expected[i].dtype
                np.testing.assert_allclose(found[i].data, expected[i], rtol=1e-9, atol=1e-12)


def test_rank_is_a_plain_array() -> None:
    a = np.array([[[1.0, 2.0], [2.0, 4.0]], [[1.0, 0.0], [0.0, 1e-3]]])
    assert linalg.matrix_rank(Tensor(a, requires_grad=True)).tolist() == [1, 2]
    assert linalg.matrix_rank(Tensor(a), 1e-2).tolist() == [1, 1]
    assert linalg.matrix_rank(Tensor(a), rtol=1e-2).tolist() == [1, 1]


def test_multi_dot_takes_the_cheapest_order() -> None:
    lengths = [2, 40, 3, 30, 1]
    xs = [Tensor(np.ones(shape), requires_grad=True) for shape in itertools.pairwise(lengths)]
    y = linalg.multi_dot(xs)
    shapes = {parent.shape for parent in y._node.parents}
    # Of the five orders, a (b (c d)) takes 90 + 120 + 80 multiplications, and no other as few.
    assert shapes == {(2, 40), (40, 1)}


# -- points where others give NaN -------------------------------------------------------------------------------------


def first_and_second(f: Any, x: Any) -> tuple[Array, Array]:
    """Return a gradient, and that of its sum weighted with 1, 2, ..."""
    leaf = Tensor(np.asarray(x, float), requires_grad=True)
    (g,) = gradients(f(leaf), leaf, create_graph=True)
    (h,) = gradients(np.sum(g * np.arange(1, g.size + 1).reshape(g.shape)), leaf)
    return g.data, h.data


@pytest.mark.parametrize("ord", [None, 2, 3, 1.5, 0.5, 1, INF, -INF, 0])
def test_norm_of_zeros(ord: Any) -> None:
    """It has the slope 0, and no second derivative; beside it, other vectors keep theirs."""
    for f in (lambda x: linalg.norm(x, ord), lambda x: linalg.norm(x[None], ord, axis=1, keepdims=True)):
        g, h = first_and_second(f, np.zeros(3))
        assert g.tolist() == [0, 0, 0]
        assert np.isnan(h).all()
    g, h = first_and_second(lambda x: linalg.norm(x, ord, axis=1).sum(), [[0.0, 0.0], [3.0, 4.0]])
    assert g[0].tolist() == [0, 0]
    assert np.isnan(h).tolist() == [[True, True], [False, False]]


def test_norm_of_zeros_in_a_matrix() -> None:
    for ord in (None, "fro", 1, INF):
        g, h = first_and_second(lambda x: linalg.norm(x, ord), np.zeros((2, 3)))  # noqa: B023
        assert not np.any(g)
        assert np.isnan(h).all()
    zeros = Tensor(np.zeros((2, 3)), requires_grad=True)
    (g,) = gradients(linalg.norm(zeros, "nuc"), zeros)
    np.testing.assert_allclose(g.data @ g.data.T, np.eye(2), atol=1e-12)
    (g,) = gradients(linalg.norm(zeros, 2), zeros)
    assert linalg.norm(g.data, "nuc") == pytest.approx(1)


@pytest.mark.parametrize("ord", [3, 1.5, 0.5])
def test_norm_with_an_element_that_is_0(ord: float) -> None:
    """Its second derivative by that element is 0 for orders above 2, and infinite below."""
    g, h = first_and_second(lambda x: linalg.norm(x, ord), [0.0, 2.0])
    np.testing.assert_allclose(g, [0, 1], atol=1e-12)
    np.testing.assert_allclose(h, [0 if ord > 2 else np.nan, 0], atol=1e-12)


@pytest.mark.parametrize("ord", [2, 3, 1.5])
@pytest.mark.parametrize(("size", "dtype"), [(1e-250, float), (1e250, float), (1e-5, np.float16), (1e4, np.float16)])
def test_slope_of_a_norm_whose_powers_are_out_of_range(ord: float, size: float, dtype: Any) -> None:
    x = np.array([[3.0, -4.0], [1.0, 2.0]])
    leaf = Tensor(x * [[size], [1]], requires_grad=True, dtype=dtype)
    with np.errstate(over="ignore"):
        linalg.norm(leaf, ord, axis=1).sum().backward()
    exact = np.sign(x) * (np.abs(x) / np.linalg.norm(x, ord, axis=1, keepdims=True)) ** (ord - 1)
    np.testing.assert_allclose(leaf.grad, exact, rtol=20 * np.finfo(dtype).eps)


def test_largest_elements_share_the_gradient() -> None:
    x = Tensor([2.0, -2.0, 1.0], requires_grad=True)
    linalg.norm(x, INF).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.5, -0.5, 0]


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_norm_of_negative_order_with_an_element_that_is_0() -> None:
    """It is 0 whatever the other elements are."""
    leaf = Tensor([0.0, 2.0], requires_grad=True)
    linalg.norm(leaf, -1).backward()
    np.testing.assert_array_equal(leaf.grad, [0, 0])


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
    "power": (lambda a: linalg.matrix_power(a, -2), BUT_FOR_ROUNDING, "np.linalg.inv: a matrix is singular"),
    "pseudo-inverse": (linalg.pinv, LOW_RANK, "np.linalg.pinv: a singular value.*rtol="),
    "least squares": (lambda a: linalg.lstsq(a, np.ones(4))[0], LOW_RANK, "np.linalg.lstsq: a singular value.*rcond="),
    "condition": (linalg.cond, BUT_FOR_ROUNDING, "np.linalg.cond: of a matrix that is singular.*p=-2"),
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


def test_norms_of_integers() -> None:
    x = Tensor(np.array([[3, 4], [0, -12]]))
    for ord in (None, 1, 2, INF):
        found = linalg.norm(x, ord)
        assert found.dtype == float
        assert found.item() == pytest.approx(np.linalg.norm(x.data, ord))
        assert linalg.vector_norm(x, ord=ord or 2).dtype == float


@pytest.mark.parametrize(
    "f", [linalg.det, linalg.inv, linalg.cholesky, linalg.svdvals, linalg.eigvalsh, linalg.eigvals]
)
@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 0), (0, 3, 3)], ids=str)
def test_linalg_of_nothing(f: Any, shape: tuple[int, ...]) -> None:
    check_gradients(f, np.ones(shape))


@pytest.mark.parametrize("ord", [None, 1, 2, INF, "nuc", "fro"])
def test_norms_of_nothing(ord: Any) -> None:
    check_gradients(lambda a: linalg.norm(a, ord, axis=(0, 1)), np.ones((0, 2, 3)))
    if not isinstance(ord, str):
        check_gradients(lambda a: linalg.norm(a, ord), np.ones(0))


def test_cond_of_singular_matrices_is_infinite() -> None:
    for a in (np.zeros((2, 2)), np.diag([1.0, 0.0])):
        for p in (None, 2, -2):
            expected = np.linalg.cond(a, p)
            assert linalg.cond(Tensor(a, requires_grad=True), p).item() == expected


A = np.arange(1.0, 7).reshape(2, 3)
REFUSED: list[tuple[Any, type[Exception], str]] = [
    (lambda a: linalg.svd(a, hermitian=True), TypeError, r"hermitian=True is not supported.*eigh"),
    (lambda a: linalg.pinv(a, hermitian=True), TypeError, "hermitian=True is not supported"),
    (lambda a: linalg.qr(a.T, "complete"), TypeError, "mode='complete'.*'reduced'"),
    (lambda a: linalg.qr(a, "raw"), TypeError, "mode='raw'"),
    (lambda a: linalg.multi_dot([a, a.T], out=np.empty((2, 2))), TypeError, "np.linalg.multi_dot: out="),
    (lambda a: linalg.multi_dot([a]), ValueError, "at least two arrays"),
    (lambda a: linalg.multi_dot([a[None], a.T]), np.linalg.LinAlgError, r"\(1, 2, 3\)"),
    (lambda a: linalg.multi_dot([a, a]), ValueError, "np.matmul of"),
    (lambda a: linalg.matrix_power(a, 2), ValueError, r"np.linalg.matrix_power of float64 \(2, 3\)"),
    (lambda a: linalg.matrix_power(a[:, :2], 0.5), TypeError, "exponent must be an integer"),
    (lambda a: linalg.tensorsolve(a, a), np.linalg.LinAlgError, r"np.linalg.tensorsolve of shapes \(2, 3\)"),
    (lambda a: linalg.tensorinv(a, ind=1), np.linalg.LinAlgError, "ind=1"),
    (lambda a: linalg.tensorinv(a, ind=0), ValueError, "ind=0"),
    (lambda a: linalg.norm(a[0], "fro"), ValueError, r"np.linalg.norm of float64 \(3,\)"),
    (lambda a: linalg.norm(a, 3), ValueError, r"np.linalg.norm of float64 \(2, 3\)"),
    (lambda a: linalg.norm(a[None], 2), ValueError, r"np.linalg.norm of float64 \(1, 2, 3\)"),
    (lambda a: linalg.cond(a[:0]), ValueError, r"np.linalg.cond of float64 \(0, 3\)"),
    (lambda a: linalg.outer(a, a), ValueError, r"\(2, 3\) and \(2, 3\)"),
    (lambda a: linalg.cross(a, a, axis=0), ValueError, "length 3 along axis 0"),
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
