"""Systems, eigenvalues, norms and products: of single matrices and stacks, real and complex."""

import itertools
import operator
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_np import Tensor, gradients
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.rules.test_linalg import (
    BUT_FOR_ROUNDING,
    Maker,
    anything,
    calls,
    diagonalizable,
    first_and_second,
    hermitian,
    hermitian_part,
    power_sums,
    regular,
    some,
)
from tests.autograd_np.strategies import Array, Call

linalg: Any = np.linalg  # its stubs do not know tensors


INF = np.inf


def graded(rng: np.random.Generator, shape: tuple[int, ...], phases: bool) -> Array:
    """Return elements of which no two, and no two sums along an axis, are of about the same size."""
    order = sum(axis * (axis + 1) for axis in np.indices(shape)) if shape else 0
    sizes = 0.5 * 1.4**order * rng.uniform(0.95, 1.05, shape)
    return sizes * (np.exp(2j * rng.uniform(0, np.pi, shape)) if phases else rng.choice([-1, 1], shape))


def dominated(rng: np.random.Generator, shape: tuple[int, ...], phases: bool) -> Array:
    """Return matrices close to a diagonal one, whose inverses are so too."""
    return np.diag(3.0 ** np.arange(shape[-1])) + anything(rng, shape, phases) / 16


def norms(f: Any, orders: Sequence[Any], axes: Sequence[Any], terms: str, of: Maker) -> st.SearchStrategy[Call]:
    """Draw calls of a norm; an axis of None is not mentioned."""

    def call(ord: Any, axis: Any, keepdims: bool, drawn: Call) -> Call:
        kwargs = {"ord": ord, "keepdims": keepdims} | ({} if axis is None else {"axis": axis})
        return Call(f"{f.__name__}({kwargs})", partial(f, **kwargs), drawn.arrays)

    return st.builds(call, st.sampled_from(orders), st.sampled_from(axes), st.booleans(), calls(None, terms, of=of))


def moved(rng: np.random.Generator, shape: tuple[int, ...], phases: bool) -> Array:
    """Return stacks of regular matrices along axes 2 and 0."""
    return np.moveaxis(regular(rng, (shape[1], shape[2], shape[0]), phases), (1, 2), (2, 0))


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

IMPLEMENTED = {*COMPOSED, linalg.matrix_rank}


@pytest.mark.parametrize("function", COMPOSED, ids=lambda f: f.__name__)
@settings(max_examples=settings().max_examples // 2)
@given(data=st.data())
def test_linalg(function: Any, data: st.DataObject) -> None:
    call = data.draw(COMPOSED[function])
    check_gradients(call.function, *call.arrays)
    if function is not linalg.eigvals and not any(np.iscomplexobj(x) for x in call.arrays):
        check_float32(call.function, *call.arrays)


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


@pytest.mark.parametrize("ord", [3, 2.5, 1.5, 0.5])
def test_norm_with_an_element_that_is_0(ord: float) -> None:
    """Its second derivative by that element is 0 for orders above 2, and infinite below."""
    g, h = first_and_second(lambda x: linalg.norm(x, ord), [0.0, 2.0])
    np.testing.assert_allclose(g, [0, 1], atol=1e-12)
    np.testing.assert_allclose(h, [0 if ord > 2 else np.nan, 0], atol=1e-12)


@pytest.mark.parametrize("ord", [2, 3, 1.5])
@pytest.mark.parametrize(
    ("size", "dtype", "roundings"),
    [
        (1e-250, float, 20),
        (1e250, float, 20),
        (1e-5, np.float16, 20),
        (1e4, np.float16, 20),
        # Squares that have few digits left, and roots of powers that are in range, but far from 1
        (1e-160, float, 100),
        (1e-22, np.float32, 100),
    ],
)
def test_slope_of_a_norm_whose_powers_are_out_of_range(ord: float, size: float, dtype: Any, roundings: int) -> None:
    x = np.array([[3.0, -4.0], [1.0, 2.0]])
    leaf = Tensor(x * [[size], [1]], requires_grad=True, dtype=dtype)
    with np.errstate(over="ignore"):
        linalg.norm(leaf, ord, axis=1).sum().backward()
    exact = np.sign(x) * (np.abs(x) / np.linalg.norm(x, ord, axis=1, keepdims=True)) ** (ord - 1)
    np.testing.assert_allclose(leaf.grad, exact, rtol=roundings * np.finfo(dtype).eps)


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


def test_norms_of_integers() -> None:
    x = Tensor(np.array([[3, 4], [0, -12]]))
    for ord in (None, 1, 2, INF):
        found = linalg.norm(x, ord)
        assert found.dtype == float
        assert found.item() == pytest.approx(np.linalg.norm(x.data, ord))
        assert linalg.vector_norm(x, ord=ord or 2).dtype == float


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


ROUNDING: dict[str, tuple[Any, Array, str]] = {
    "power": (lambda a: linalg.matrix_power(a, -2), BUT_FOR_ROUNDING, "np.linalg.inv: a matrix is singular"),
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


# -- what is refused --------------------------------------------------------------------------------------------------

A = np.arange(1.0, 7).reshape(2, 3)
REFUSED: list[tuple[Any, type[Exception], str]] = [
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
]


@pytest.mark.parametrize(("f", "error", "message"), REFUSED)
def test_what_does_not_fit_is_refused(f: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        f(Tensor(A, requires_grad=True))
