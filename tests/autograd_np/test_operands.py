"""What stands beside a tensor is computed with rightly or refused by name, on either side and in every function.

The kind of fault that is looked for: a result that has left the tape, or lost something of an operand, in silence.
Operands that belong to it: arrays of objects (tables, fractions, decimals), masked arrays, matrices and other classes
of arrays, sparse arrays, structured arrays, dates, text, integers of any size, Series and DataFrames; and functions
that turn tensors into plain arrays: NumPy's on lists, those of `np.ma`, SciPy's, and operators of other libraries.
"""

import operator
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.linalg
import scipy.signal
import scipy.sparse
import scipy.special
import scipy.stats
from matplotlib.figure import Figure

from autograd_np import Tensor, grad, neural
from autograd_np.primitives import name_of, primitives

X = np.array([0.5, 2.0, 3.0])
C = np.array([2.0, 3.0, 4.0])
AXES: Any = Figure().subplots()

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "@": operator.matmul,
    "np.maximum": np.maximum,
    "np.multiply": np.multiply,
    "np.arctan2": np.arctan2,
    "np.where": lambda a, b: np.where([True, False, True], a, b),
    "np.dot": np.dot,
    "np.inner": np.inner,
    "np.outer": np.outer,
    "np.kron": np.kron,
    "np.tensordot": lambda a, b: np.tensordot(a, b, 1),
    "np.einsum": lambda a, b: np.einsum("i,i->i", a, b),
    "np.concatenate": lambda a, b: np.concatenate([a, b]),
    "np.stack": lambda a, b: np.stack([a, b]),
    "np.clip": lambda a, b: np.clip(a, b, 5.0),
    "np.append": np.append,
    "np.convolve": np.convolve,
}

NUMBERS: dict[str, Any] = {
    "objects": np.array([2.0, 3, 4.0], dtype=object),
    "fractions": np.array([Fraction(2), Fraction(3), Fraction(4)]),
    "decimals": np.array([Decimal(2), Decimal(3), Decimal(4)]),
    "a list": [2.0, 3.0, 4.0],
    "a list of fractions": [Fraction(2), Fraction(3), Fraction(4)],
    "a Series": pd.Series([2.0, 3.0, 4.0]),
    "a nullable Series": pd.Series([2, 3, 4], dtype="Int64"),
    "a column of a table": pd.DataFrame({"name": ["a", "b", "c"], "size": [2.0, 3.0, 4.0]}).to_numpy()[:, 1],
}


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_numbers_of_any_type_are_numbers(kind: str, name: str, side: str) -> None:
    f = BINARY[name]

    def total(x: Any, other: Any) -> Any:
        return np.sum(f(other, x) if side == "left" else f(x, other))

    if "Series" in kind and name == "@" and side == "left":  # pandas makes a plain array of the other side, unasked
        with pytest.raises(TypeError, match="to_numpy"):
            total(Tensor(X, requires_grad=True), NUMBERS[kind])
        return
    actual = grad(lambda x: total(x, NUMBERS[kind]))(X)
    np.testing.assert_allclose(actual, grad(lambda x: total(x, C))(X), rtol=1e-14)


MASKED = np.ma.masked_array([2.0, 3.0, 4.0], mask=[False, True, False])


class Units(np.ndarray):
    """An array that computes by rules of its own."""


REFUSED: dict[str, tuple[Any, str]] = {
    "a masked array": (MASKED, "mask"),
    "a matrix": (np.matrix([[2.0, 3.0, 4.0]]).T, r"np\.asarray\(m\)"),  # type: ignore[attr-defined]
    "an array of a class": (C.view(Units), r"Units; it computes by rules of its own"),
    "records": (np.array([(2.0, 1), (3.0, 1), (4.0, 1)], dtype=[("a", float), ("b", int)]), "dtype"),
    "dates": (np.array(["2024", "2025", "2026"], "M8[Y]"), "datetime64"),
    "durations": (np.array([2, 3, 4], "m8[D]"), "timedelta64"),
    "text": (np.array(["2", "3", "4"]), "dtype <U1"),
    "text among objects": (np.array([2.0, "3", 4.0], dtype=object), r"'3' of type str.*\.astype\(float\)"),
    "nothing among objects": (np.array([2.0, None, 4.0], dtype=object), "'None' of type NoneType"),
    "complex among objects": (np.array([2.0, 1j, 4.0], dtype=object), "'1j' of type complex"),
}


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("side", ["left", "right"])
def test_what_is_no_array_of_numbers_is_refused(kind: str, name: str, side: str) -> None:
    other, words = REFUSED[kind]
    x = Tensor(X, requires_grad=True)
    operands = (other, x) if side == "left" else (x, other)
    if kind == "a matrix" and name == "**":
        return  # NumPy's own error: a power of a matrix is a matrix product
    with pytest.raises(TypeError, match=rf"{words}|mask|plain array"):
        BINARY[name](*operands)


@pytest.mark.parametrize(
    "function",
    [
        neural.relu,
        neural.softmax,
        neural.logsumexp,
        lambda m: neural.mse_loss(Tensor(X, requires_grad=True), m),
        lambda m: neural.linear(m[None], Tensor(X[None], requires_grad=True)),
        lambda m: neural.cross_entropy(Tensor(X[None], requires_grad=True), m[None]),
        lambda m: Tensor(m),
        lambda m: grad(lambda x: np.sum(x * x))(m),
        lambda m: (Tensor(X, requires_grad=True) * 1.0).__imul__(m),
        lambda m: (Tensor(X, requires_grad=True) * 1.0).__setitem__(..., m),
        lambda m: (Tensor(X, requires_grad=True) * 1.0).backward(m),
        lambda m: setattr(Tensor(X), "data", m),
    ],
)
def test_masks_are_lost_nowhere(function: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="MaskedArray; its mask would be lost"):
        function(MASKED)


class TestSparse:
    S = scipy.sparse.csr_array(np.diag(C))

    @pytest.mark.parametrize(
        "f",
        [
            lambda s, x: x * s, lambda s, x: x + s, lambda s, x: np.dot(x, s), np.multiply, np.dot,
            lambda s, x: s * x, lambda s, x: s.multiply(x), lambda s, x: s + x,
            lambda s, x: scipy.sparse.coo_matrix(s) * x,
        ],
    )  # fmt: skip
    def test_is_refused_with_the_way_out(self, f: Callable[[Any, Any], Any]) -> None:
        with pytest.raises((TypeError, ValueError), match=r"sparse|toarray|no derivative"):
            f(self.S, Tensor(X, requires_grad=True))

    def test_the_way_out(self) -> None:
        np.testing.assert_array_equal(grad(lambda x: np.sum(self.S.toarray() * x))(X), C)


class TestNumbersAlone:
    @pytest.mark.parametrize(
        "number", [Fraction(1, 2), Decimal("0.5"), np.float64(0.5), np.float32(0.5), np.array(0.5)]
    )
    def test_of_any_type(self, number: Any) -> None:
        assert grad(lambda x: x * number)(1.5) == 0.5
        assert grad(lambda x: number * x)(1.5) == 0.5
        np.testing.assert_array_equal(grad(lambda x: np.sum(np.multiply(number, x)))(X), np.full(3, 0.5))

    @pytest.mark.parametrize("integer", [10**20, -(10**20), 2**63, -(2**63) - 1, 2**64, 10**300])
    def test_integers_of_any_size(self, integer: int) -> None:
        assert grad(lambda x: x * integer)(1.5) == float(integer)
        assert grad(lambda x: integer - x)(1.5) == -1.0
        assert grad(lambda x: np.sum(np.add(x, integer)))(X).tolist() == [1.0] * 3
        np.testing.assert_allclose(
            grad(lambda x: abs(integer) ** x)(0.5), abs(integer) ** 0.5 * np.log(float(abs(integer)))
        )

    @pytest.mark.parametrize("integer", [2**63, -(2**63) - 1, 2**64, 10**30])
    @pytest.mark.parametrize(
        "ufunc",
        [f for f, p in primitives.items() if isinstance(f, np.ufunc) and p.defined and p.arrays == 2 and f.nout == 1],
        ids=lambda f: f.__name__,
    )
    def test_integers_of_any_size_beside_each_argument(self, ufunc: np.ufunc, integer: int) -> None:
        """They are what the same number is as a float, where that has a derivative."""
        for f in (lambda x, n: ufunc(x, n), lambda x, n: ufunc(n, x)):
            with np.errstate(all="ignore"):
                try:
                    expected = grad(f)(1.5, float(integer))
                except (TypeError, ValueError, RuntimeWarning):  # an order that is to be an integer
                    continue
                np.testing.assert_allclose(grad(f)(1.5, integer), expected, rtol=1e-12)

    def test_integers_that_no_float_can_hold(self) -> None:
        with pytest.raises(TypeError, match=r"np\.multiply.*too large for a float"):
            Tensor(1.5, requires_grad=True) * 10**400

    @pytest.mark.parametrize("other", ["a", {"a": 1}, {1, 2}, object(), np.timedelta64(3, "D"), b"a"])
    def test_anything_else_is_refused(self, other: Any) -> None:
        for f in (operator.mul, operator.add, np.multiply, np.maximum):
            with pytest.raises(TypeError):
                f(Tensor(X, requires_grad=True), other)
            with pytest.raises(TypeError):
                f(other, Tensor(X, requires_grad=True))


class TestMessages:
    """Where a tensor would become a plain array, the call is named as the user knows it, with the way out for it."""

    @pytest.mark.parametrize(
        ("f", "words"),
        [
            (lambda x: np.asarray(x), r"np\.asarray\(x\):.*t\.data"),
            (lambda x: np.array([x[0], x[1]]), r"np\.array\(\[x\[0\], x\[1\]\]\):.*np\.stack and autograd_np\.array"),
            (lambda x: np.eye(3).dot(x), r"np\.eye\(3\)\.dot\(x\):.*np\.dot\(a, t\) or a @ t"),
            (lambda x: np.mean([x[0], x[1]]), r"np\.mean: .*np\.stack\(ts\)"),
            (lambda x: np.linalg.norm([x[0], x[1]]), r"np\.linalg\.norm: .*np\.stack\(ts\)"),
            (lambda x: np.full(3, x[0]), r"np\.full: .*np\.full\(shape, t, like=t\)"),
            (lambda x: np.r_[x, 1.0], r"np\.r_\[x, 1\.0\]: .*np\.concatenate"),
            (lambda x: np.c_[x, x], r"np\.c_\[x, x\]: .*np\.column_stack"),
            (lambda x: np.ma.exp(x), r"np\.ma\.exp: .*mask"),
            (lambda x: np.ma.sum(x), r"np\.ma\.sum\(x\): .*mask"),
            (lambda x: MASKED + x, r"MASKED \+ x: .*mask"),
            (
                lambda x: scipy.special.logsumexp(x),
                r"scipy\.special\.logsumexp: .*autograd_np\.scipy\.special\.logsumexp",
            ),
            (lambda x: scipy.special.softmax(x), r"scipy\.special\.softmax: .*autograd_np\.scipy\.special\.softmax"),
            (lambda x: scipy.stats.norm.logpdf(x), r"stats\.norm\.logpdf: .*autograd_np\.scipy\.stats\.norm\.logpdf"),
            (lambda x: scipy.linalg.expm(x[None]), r"scipy\.linalg\.expm: .*autograd_np\.scipy\.linalg\.expm"),
            (lambda x: scipy.signal.convolve(x, x), r"scipy\.signal\.convolve: .*autograd_np\.scipy\.signal\.convolve"),
            (lambda x: scipy.linalg.hankel(x), r"scipy\.linalg\.hankel: .*primitive with a rule of its own"),
            (lambda x: scipy.sparse.eye_array(3) * x, r"scipy\.sparse\.eye_array\(3\) \* x: .*\.toarray\(\)"),
            (lambda x: pd.Series([1.0, 2.0, 3.0]) @ x, r"pd\.Series\(\[1\.0, 2\.0, 3\.0\]\) @ x: .*\.to_numpy\(\)"),
            (lambda x: pd.Series(x), r"\.to_numpy\(\)"),
            (lambda x: AXES.scatter(x, x), r"AXES\.scatter\(x, x\): .*a picture needs no gradient: give t\.data"),
            (lambda x: float(x[0]), r"float\(x\[0\]\): .*t\.item\(\)"),
        ],
    )
    def test_name_and_way_out(self, f: Callable[[Any], Any], words: str) -> None:
        with pytest.raises(TypeError, match=rf"{words}") as caught:
            f(Tensor(X, requires_grad=True))
        assert "requires a gradient" in str(caught.value)

    def test_what_a_picture_copies(self) -> None:
        """Of this kind: whatever copies what it was given with `copy.copy`, before it looks at it."""
        with pytest.raises(TypeError, match=r"t\.data for a picture"):
            AXES.plot(Tensor(X, requires_grad=True) * 2)

    def test_assigning_into_a_plain_array(self) -> None:
        array = np.zeros(3)
        with pytest.raises((TypeError, ValueError)) as caught:
            array[0] = Tensor(X, requires_grad=True)[0]
        assert "array[0]" in str(caught.value.__cause__ or caught.value)
        assert not array.any()

    def test_no_ufunc_is_scipys_unless_it_is(self) -> None:
        assert name_of(np.frompyfunc(abs, 1, 1)).startswith("abs")
        assert name_of(scipy.special.erf) == "scipy.special.erf"
        assert name_of(np.add) == "np.add"
