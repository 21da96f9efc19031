"""Products of matrices with SciPy's sparse arrays and matrices.

The kinds of what is asked here: every format, as array and as matrix, on both sides of `@`, transposed, with tensors of
one and of two axes, on the tape and off it; dtypes that are promoted as SciPy does; matrices with repeated, unsorted or
no elements at all; what SciPy computes otherwise than by a product of matrices (`*`, `+`, `/`, comparisons, methods,
functions of NumPy), which is refused; and matrices that change, between the passes and between the runs of a compiled
function.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor, compile, detect_anomaly, grad, hessian, jacobian, jvp, value_and_grad
from autograd_np.compiling import Uncapturable
from autograd_np.rules.sparse import product
from tests.autograd_np.checks import check_gradients
from tests.autograd_np.strategies import Array, arrays

FORMATS = ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"]
CLASSES = [f"{form}_{kind}" for form in FORMATS for kind in ("array", "matrix")]
DENSE = np.array([[1.0, 0.0, 2.0], [0.0, -3.0, 0.0], [0.0, 0.0, 0.0], [4.0, 5.0, 0.0]])
X = np.array([0.5, -1.0, 2.0])


def sparse(dense: Array, kind: str = "csr_array") -> Any:
    return getattr(scipy.sparse, kind)(dense)


PRODUCTS: dict[str, Callable[[Any, Any], Any]] = {
    "S @ x": lambda s, x: s @ x,
    "x @ S": lambda s, x: x @ s,
    "S.T @ x": lambda s, x: s.T @ x,
    "x @ S.T": lambda s, x: x @ s.T,
}


@st.composite
def operands(draw: st.DrawFn) -> tuple[Any, Array, Callable[[Any, Any], Any]]:
    """Draw a sparse matrix, an array that fits, and the product."""
    m, n = draw(st.integers(0, 3)), draw(st.integers(1, 3))
    s = sparse(draw(arrays((m, n))) * draw(arrays((m, n), [0.0, 1.0])), draw(st.sampled_from(CLASSES)))
    name = draw(st.sampled_from(sorted(PRODUCTS)))
    length = n if name in ("S @ x", "x @ S.T") else m
    others = draw(st.sampled_from([(), (1,), (2,), (0,)]))
    shape = (length, *others) if name.endswith("x") else (*others, length)
    return s, draw(arrays(shape)), PRODUCTS[name]


CASES = {product: operands()}
IMPLEMENTED = {np.matmul}


@given(CASES[product])
def test_product(drawn: Any) -> None:
    s, x, f = drawn
    result = f(s, Tensor(x))
    assert isinstance(result, Tensor)
    np.testing.assert_array_equal(result.data, f(s, x))
    check_gradients(partial(f, s), x)


@pytest.mark.parametrize("kind", CLASSES)
def test_by_its_method(kind: str) -> None:
    s = sparse(DENSE, kind)
    if kind.startswith("coo"):  # of SciPy 1.14 and later it asks for an array first, and is refused
        s = s.tocsr()
    np.testing.assert_array_equal(grad(lambda x: s.dot(x)[3])(X), DENSE[3])


@pytest.mark.parametrize("of_s", [bool, np.int64, np.float32, float, np.longdouble, np.complex64, complex])
@pytest.mark.parametrize("of_x", [np.float16, np.float32, float, np.longdouble, np.complex64, complex])
def test_dtypes_are_scipys(of_s: Any, of_x: Any) -> None:
    s, x = sparse(DENSE.astype(of_s)), X.astype(of_x)
    for f, shape in ((lambda x: s @ x, (4,)), (lambda x: x @ s.T, (4,))):
        t = Tensor(x, requires_grad=True)
        y = f(t)
        assert y.dtype == f(x).dtype
        y.backward(np.ones(shape))
        assert t.grad is not None
        assert t.grad.dtype == of_x
        np.testing.assert_array_equal(t.grad, DENSE.astype(of_s).real.sum(axis=0))


def test_complex_gradients_are_those_of_a_dense_matrix() -> None:
    rng = np.random.default_rng(0)
    dense = DENSE * (1 + 1j * rng.standard_normal(DENSE.shape))
    x = rng.standard_normal((3, 2)) + 1j * rng.standard_normal((3, 2))
    s = sparse(dense)
    check_gradients(lambda x: s @ x, x)
    check_gradients(lambda x: s @ x, x.real)

    def f(x: Any, a: Any) -> Any:
        return np.sum(np.abs(a @ x) ** 2)

    np.testing.assert_allclose(grad(f)(x, s), grad(f)(x, dense), rtol=1e-13)


def test_transforms() -> None:
    s = sparse(DENSE)

    def f(a: Any, x: Any) -> Any:
        return np.sum(np.tanh(a @ x) ** 2)

    np.testing.assert_allclose(hessian(partial(f, s))(X), hessian(partial(f, DENSE))(X), rtol=1e-13)
    np.testing.assert_array_equal(jacobian(lambda x: s @ x)(X), DENSE)
    np.testing.assert_allclose(jvp(lambda x: s @ x, (X,), (X + 1,))[1], DENSE @ (X + 1))


def test_elements_that_are_stored_twice_count_twice() -> None:
    s = scipy.sparse.coo_array(([1.0, 2.0, 3.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    for form in ("coo", "csr"):
        np.testing.assert_array_equal(jacobian(lambda x, a: a @ x)(X[:2], s.asformat(form)), [[0.0, 3.0], [3.0, 0.0]])
    unsorted = scipy.sparse.csr_array(([2.0, 1.0], [2, 0], [0, 2]), shape=(1, 3))
    np.testing.assert_array_equal(grad(lambda x: (unsorted @ x)[0])(X), [1.0, 0.0, 2.0])


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("dense", [DENSE[:1], DENSE[:1, :1], DENSE[:, :1].T])
def test_a_single_row(kind: str, dense: Array) -> None:
    """SciPy's coo_array gives a number for a vector of one."""
    s, row, x = sparse(dense, kind), sparse(dense.T, kind), np.ones(dense.shape[1])
    check_gradients(lambda x: s @ x, x)
    check_gradients(lambda x: x @ row, x)
    assert (s @ Tensor(x)).shape == np.shape(s @ x)


class TestRefused:
    """What is no product of matrices would give a sparse array, an array of objects, or no gradient."""

    @pytest.mark.parametrize("kind", ["csr_array", "csr_matrix", "coo_array", "dia_matrix", "dok_array"])
    @pytest.mark.parametrize("shape", [(3,), (4, 3)])
    @pytest.mark.parametrize(
        "f",
        [
            lambda s, x: s * x, lambda s, x: x * s, lambda s, x: s + x, lambda s, x: x + s, lambda s, x: s - x,
            lambda s, x: x - s, lambda s, x: s / x, lambda s, x: x / s, lambda s, x: x**s, lambda s, x: s % x,
            lambda s, x: s.multiply(x), np.dot, lambda s, x: x.dot(s), lambda s, x: np.dot(x, s), np.matmul,
            lambda s, x: np.matmul(x, s), np.multiply, np.add, lambda s, x: np.add(x, s), np.where,
            lambda s, x: np.where(True, x, s), lambda s, x: np.einsum("ij,j...->i...", s, x), np.tensordot,
            lambda s, x: np.concatenate([s, x]), lambda s, x: np.stack([x, s]), lambda s, x: x.__iadd__(s),
            lambda s, x: x.__imatmul__(s), lambda s, x: x.__setitem__(0, s), lambda s, _: Tensor(s),
        ],
    )  # fmt: skip
    def test_all_else(self, f: Callable[[Any, Any], Any], kind: str, shape: tuple[int, ...]) -> None:
        x = Tensor(np.ones(shape), requires_grad=True) * 1.0
        with pytest.raises((TypeError, ValueError, AttributeError), match=r"S @ t|toarray|real numbers|t\.reshape"):
            f(sparse(DENSE, kind), x)

    @pytest.mark.parametrize(
        ("f", "words"),
        [
            (lambda s, x: s @ x[:2], r"\(4, 3\) and \(2,\)"),
            (lambda s, x: x @ s, r"\(3,\) and \(4, 3\)"),
            (lambda s, x: s @ x[:, None, None], r"\(4, 3\) and \(3, 1, 1\).*toarray"),
            (lambda _s, x: scipy.sparse.coo_array(X) @ x, r"\(3,\) and \(3,\).*toarray"),
        ],
    )
    def test_other_shapes(self, f: Callable[[Any, Any], Any], words: str) -> None:
        with pytest.raises(ValueError, match=words):
            f(sparse(DENSE), Tensor(X, requires_grad=True))

    def test_a_number(self) -> None:
        for f in (lambda x: sparse(DENSE) @ x, lambda x: x @ sparse(DENSE)):
            with pytest.raises(ValueError, match="shapes"):
                f(Tensor(1.0, requires_grad=True))


class TestChanges:
    def test_a_matrix_that_gets_other_elements_leaves_what_was_recorded_alone(self) -> None:
        s, x = sparse(DENSE), Tensor(X, requires_grad=True)
        y = (s @ x).sum()
        s.data = s.data * 2
        s[0, 0] = 7.0
        y.backward()
        np.testing.assert_array_equal(x.grad, DENSE.sum(axis=0))

    def test_merging_what_is_stored_twice_changes_nothing(self) -> None:
        s = scipy.sparse.csr_array(([1.0, 2.0, 3.0, 0.0], [1, 1, 0, 0], [0, 3, 4]), shape=(2, 2))
        x = Tensor(X[:2], requires_grad=True)
        y = (s @ x).sum()
        s.sum_duplicates()
        s.eliminate_zeros()
        y.backward()
        np.testing.assert_array_equal(x.grad, [3.0, 3.0])

    def test_writing_its_elements_is_found_by_who_looks(self) -> None:
        s, x = sparse(DENSE), Tensor(X, requires_grad=True)
        with detect_anomaly():
            y = (s @ x).sum()
            s.data *= 2
            with pytest.raises(RuntimeError, match="changed in place"):
                y.backward()


class TestCompiled:
    @pytest.mark.parametrize("kind", [name for name in CLASSES if name[:3] not in ("lil", "dok")])
    @pytest.mark.parametrize("f", [lambda s, x: s @ x, lambda s, x: x @ s])
    def test_it_is_one_call_and_reads_the_matrix_anew(self, kind: str, f: Callable[[Any, Any], Any]) -> None:
        s = sparse(DENSE[:3], kind)
        plain = value_and_grad(lambda x: np.sum(np.tanh(f(s, x)) ** 2))
        step = compile(plain)
        for change in (lambda: None, lambda: s.data.__imul__(2), lambda: setattr(s, "data", s.data / 4)):
            change()
            for x in (X, X + 1):
                np.testing.assert_array_equal(step(x)[1], plain(x)[1])

    @pytest.mark.parametrize("kind", CLASSES)
    def test_the_transpose_is_made_outside(self, kind: str) -> None:
        s = sparse(DENSE, kind)
        if kind.startswith(("lil", "dok")):
            return
        with pytest.raises(Uncapturable, match="outside of what is compiled"):
            compile(grad(lambda x: np.sum(s.T @ x)))(np.ones(4))

    @pytest.mark.parametrize("kind", ["lil_array", "dok_array", "lil_matrix", "dok_matrix"])
    def test_formats_without_arrays_of_numbers(self, kind: str) -> None:
        s = sparse(DENSE, kind)
        with pytest.raises(Uncapturable, match=r"S\.tocsr\(\)"):
            compile(grad(lambda x: np.sum(s @ x)))(X)
