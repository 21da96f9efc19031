"""Functions of scipy.sparse.linalg: SciPy's values, and derivatives by what is no sparse matrix."""

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor, compile, grad, jacobian
from autograd_np.scipy.sparse.linalg import spsolve
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.strategies import Array, arrays

A = np.array([[4.0, 0.0, 1.0], [0.0, -3.0, 0.0], [2.0, 1.0, 5.0]])
B = np.array([1.0, -2.0, 0.5])
FORMATS = ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"]


def sparse(a: Array, form: str = "csc", kind: str = "array") -> Any:
    return getattr(scipy.sparse, f"{form}_{kind}")(a)


@given(
    data=st.data(),
    form=st.sampled_from(FORMATS),
    kind=st.sampled_from(["array", "matrix"]),
    others=st.sampled_from([(), (1,), (2,)]),
)
def test_spsolve(data: st.DataObject, form: str, kind: str, others: tuple[int, ...]) -> None:
    n = data.draw(st.integers(1, 3))
    a = data.draw(arrays((n, n))) * data.draw(arrays((n, n), [0.0, 1.0])) / 16 + np.eye(n)
    b = data.draw(arrays((n, *others)))
    s = sparse(a, form, kind)
    found = spsolve(s, b)
    np.testing.assert_array_equal(found, scipy.sparse.linalg.spsolve(s.tocsr() if form == "csr" else s.tocsc(), b))
    check_gradients(lambda b: spsolve(s, b), b)
    check_float32(lambda b: spsolve(s.astype(b.dtype), b), b)


def test_gradients_are_those_of_a_dense_matrix() -> None:
    for a in (A, A * (1 + 0.5j)):
        np.testing.assert_allclose(
            jacobian(lambda b, a=a: spsolve(sparse(a), b))(B), jacobian(lambda b, a=a: np.linalg.solve(a, b))(B)
        )


@pytest.mark.filterwarnings("ignore::scipy.sparse.linalg.MatrixRankWarning")
def test_a_singular_matrix() -> None:
    with pytest.raises(ValueError, match="singular"):
        spsolve(sparse(A * [1.0, 1.0, 0.0]), Tensor(B, requires_grad=True))


def test_other_arguments() -> None:
    for a, b, words in ((A, B, "np.linalg.solve"), (sparse(A), B[:2], "shapes"), (sparse(A[:2]), B[:2], "shapes")):
        with pytest.raises((TypeError, ValueError), match=words):
            spsolve(a, b)


def test_scipys_own_function_names_this_one() -> None:
    with pytest.raises(TypeError, match=r"autograd_np\.scipy\.sparse\.linalg\.spsolve is the same for tensors"):
        scipy.sparse.linalg.spsolve(sparse(A), Tensor(B, requires_grad=True))


@pytest.mark.parametrize("form", ["csr", "csc"])
def test_a_compiled_function_reads_the_matrix_anew(form: str) -> None:
    s = sparse(A, form)
    plain = grad(lambda b: np.sum(np.tanh(spsolve(s, b))))
    step = compile(plain)
    for change in (lambda: None, lambda: s.data.__imul__(2), lambda: setattr(s, "data", s.data / 4)):
        change()
        for b in (B, B + 1):
            np.testing.assert_array_equal(step(b), plain(b))
