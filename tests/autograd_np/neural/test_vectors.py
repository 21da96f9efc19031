"""Vectors of length 1, cosines and one-hot vectors, against plain formulas; also where lengths are 0."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograd_np import Tensor, compile
from autograd_np.neural import cosine_similarity, normalize, one_hot
from tests.autograd_np.neural.checks import check, check_message
from tests.autograd_np.strategies import BETWEEN, arrays, shapes


class TestOneHot:
    @given(st.data())
    def test_it_is_rows_of_the_unit_matrix(self, data: st.DataObject) -> None:
        dtype = data.draw(st.sampled_from(["i1", "<i8", ">i4", "u2", "u8"]))
        labels = data.draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0), elements=st.integers(0, 4)))
        rows = np.eye(5, dtype=np.int64)[labels.astype(int)]
        np.testing.assert_array_equal(one_hot(labels, 5), rows, strict=True)
        if labels.size:
            np.testing.assert_array_equal(one_hot(labels), rows[..., : int(labels.max()) + 1], strict=True)

    def test_tensors_and_lists(self) -> None:
        for labels in (Tensor([1, 0]), [1, 0], (1, 0)):
            np.testing.assert_array_equal(one_hot(labels), [[0, 1], [1, 0]])

    def test_compiled_it_goes_by_the_labels(self) -> None:
        f = compile(lambda labels: one_hot(labels, 3) * 2)
        for labels in ([0, 1], [2, 1], [0, 0]):
            np.testing.assert_array_equal(f(np.array(labels)), 2 * np.eye(3)[labels])

    @pytest.mark.parametrize(
        ("labels", "classes", "error", "words"),
        [
            ([0, 3], 3, ValueError, ["label 3", "(1,)", "3 classes", "0 to 2"]),
            ([-1], -1, ValueError, ["label -1", "(0,)"]),
            ([-1], 3, ValueError, ["label -1"]),
            ([-100, 1], -1, ValueError, ["label -100"]),
            ([0.0], 3, TypeError, ["float64"]),
            ([True], 3, TypeError, ["bool"]),
            ([0], 0, ValueError, ["num_classes=0"]),
            ([0], -2, ValueError, ["num_classes=-2"]),
            ([0], True, TypeError, ["num_classes=True"]),
            ([0], 2.0, TypeError, ["num_classes=2.0"]),
            (np.zeros(0, int), -1, ValueError, ["(0,)", "how many"]),
        ],
    )
    def test_wrong_arguments(self, labels: Any, classes: Any, error: type[Exception], words: list[str]) -> None:
        check_message(error, ["one_hot", *words], lambda: one_hot(labels, classes))


class TestNormalize:
    @given(st.data(), st.sampled_from([1.0, 2.0, 3.0, np.inf]), st.sampled_from([1e-12, 100.0]))
    def test_values_and_derivatives(self, data: st.DataObject, p: float, eps: float) -> None:
        x = data.draw(arrays(shapes(min_dims=1, min_side=1), BETWEEN, unique=p == np.inf))
        dim = data.draw(st.integers(-x.ndim, x.ndim - 1))
        if p != np.inf:
            check(lambda x: normalize(x, p, dim, eps), x)
        expected = x / np.maximum(np.linalg.norm(x, p, axis=dim, keepdims=True), eps)
        np.testing.assert_allclose(normalize(x, p, dim, eps), expected, rtol=1e-12)

    def test_nothing_stays_nothing(self) -> None:
        x = Tensor(np.zeros((1, 2)), requires_grad=True)
        y = normalize(x, eps=0.5)
        y.sum().backward()
        np.testing.assert_array_equal(y.data, [[0, 0]])
        np.testing.assert_array_equal(x.grad, [[2, 2]])

    def test_wrong_arguments(self) -> None:
        check_message(ValueError, ["normalize", "dim=1", "1 axes"], lambda: normalize([1.0, 2.0]))
        check_message(ValueError, ["normalize", "eps=-1"], lambda: normalize([[1.0]], eps=-1))
        check_message(ValueError, ["normalize", "eps=nan"], lambda: normalize([[1.0]], eps=np.nan))
        check_message(TypeError, ["normalize", "p='fro'", "number"], lambda: normalize([[1.0]], p="fro"))  # pyright: ignore
        check_message(TypeError, ["normalize", "complex128"], lambda: normalize([[1j]]))


class TestCosine:
    @pytest.mark.parametrize(
        ("a", "b", "dim"), [((2, 3), (2, 3), 1), ((2, 3), (3,), -1), ((2, 1, 3), (4, 3), 2), ((3,), (3,), 0)]
    )
    @given(data=st.data(), eps=st.sampled_from([1e-8, 100.0]))
    def test_values_and_derivatives(self, a: Any, b: Any, dim: int, data: st.DataObject, eps: float) -> None:
        x, y = data.draw(arrays(a, BETWEEN)), data.draw(arrays(b, BETWEEN))
        if eps < 1:  # the gradient of a short vector is that of one whose length is eps
            check(lambda x, y: cosine_similarity(x, y, dim, eps), x, y)
        lengths = [np.maximum(np.linalg.norm(v, axis=-1), eps) for v in np.broadcast_arrays(x, y)]
        expected = (x * y).sum(-1) / lengths[0] / lengths[1]
        np.testing.assert_allclose(cosine_similarity(x, y, dim, eps), expected, rtol=1e-12, atol=1e-14)

    def test_of_nothing(self) -> None:
        x = Tensor([[0.0, 0.0]], requires_grad=True)
        y = cosine_similarity(x, [[3.0, 4.0]], eps=0.5)
        y.sum().backward()
        np.testing.assert_array_equal(y.data, [0])
        np.testing.assert_allclose(x.grad, [[1.2, 1.6]])

    def test_wrong_arguments(self) -> None:
        check_message(
            ValueError, ["cosine_similarity", "(2, 3)", "(2,)"], lambda: cosine_similarity(np.ones((2, 3)), [1, 2])
        )
        check_message(ValueError, ["cosine_similarity", "dim=1", "1 axes"], lambda: cosine_similarity([1.0], [1.0]))
        check_message(ValueError, ["cosine_similarity", "eps=-1"], lambda: cosine_similarity([[1.0]], [[1.0]], eps=-1))
        check_message(TypeError, ["cosine_similarity", "complex128"], lambda: cosine_similarity([[1.0]], [[1j]]))
