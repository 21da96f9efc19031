"""Losses of distances and of order, held against plain formulas and numerical derivatives, and at their kinks."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autograd_np import Tensor
from autograd_np.neural import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    triplet_margin_loss,
)
from tests.autograd_np.neural.checks import check, check_message
from tests.autograd_np.strategies import BETWEEN, GRID, arrays, shapes

Array = NDArray[Any]
Reduction = Literal["mean", "sum", "none"]
reductions = st.sampled_from(["mean", "sum", "none"])
signs = [-1.0, 1.0]


def reduced(losses: Array, reduction: str) -> Any:
    return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](losses)


class TestOfElements:
    @given(st.data(), reductions, st.sampled_from([0.0, 0.5]))
    def test_ranking(self, data: st.DataObject, reduction: Reduction, margin: float) -> None:
        a = data.draw(arrays(shapes(min_side=1), GRID))
        b, t = data.draw(arrays(a.shape, BETWEEN)), data.draw(arrays(a.shape, signs))
        check(lambda a, b: margin_ranking_loss(a, b, t, margin, reduction=reduction), a, b)
        expected = reduced(np.maximum(0, margin - t * (a - b)), reduction)
        found = margin_ranking_loss(a, b, t.astype(int), margin, reduction=reduction)
        np.testing.assert_allclose(found, expected, rtol=1e-12)

    @given(st.data(), reductions, st.sampled_from([0.5, 1.0]))
    def test_hinge(self, data: st.DataObject, reduction: Reduction, margin: float) -> None:
        x = data.draw(arrays(shapes(min_side=1), BETWEEN))
        t = data.draw(arrays(x.shape, signs))
        check(lambda x: hinge_embedding_loss(x, t, margin, reduction=reduction), x)
        expected = reduced(np.where(t == 1, x, np.maximum(0, margin - x)), reduction)
        np.testing.assert_allclose(hinge_embedding_loss(x, t, margin, reduction=reduction), expected, rtol=1e-12)

    def test_at_the_margin_the_derivative_is_0(self) -> None:
        a, b = Tensor([2.0, 2.0], requires_grad=True), Tensor([1.5, 2.5], requires_grad=True)
        margin_ranking_loss(a, b, [1, -1], 0.5, reduction="sum").backward()
        np.testing.assert_array_equal([a.grad, b.grad], np.zeros((2, 2)))
        hinge_embedding_loss(a, [-1, -1], 2.0).backward()
        np.testing.assert_array_equal(a.grad, [0, 0])

    def test_nan_and_infinity(self) -> None:
        x = np.array([np.nan, np.inf, -np.inf])
        np.testing.assert_array_equal(
            margin_ranking_loss(x, [0, 0, 0], [1, 1, 1], reduction="none"), [np.nan, 0, np.inf]
        )
        np.testing.assert_array_equal(hinge_embedding_loss(x, [-1, -1, -1], reduction="none"), [np.nan, 0, np.inf])


class TestOfVectors:
    @given(st.data(), reductions, st.sampled_from([0.0, 0.5]), st.sampled_from([(), (3,)]))
    def test_cosine(self, data: st.DataObject, reduction: Reduction, margin: float, batch: tuple[int, ...]) -> None:
        a, b = (data.draw(arrays((*batch, 2), BETWEEN)) for _ in range(2))
        t = data.draw(arrays(batch, signs))
        cosines = (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
        if (abs(cosines - margin) > 1 / 16).all():
            check(lambda a, b: cosine_embedding_loss(a, b, t, margin, reduction=reduction), a, b)
        expected = reduced(np.where(t == 1, 1 - cosines, np.maximum(0, cosines - margin)), reduction)
        found = cosine_embedding_loss(a, b, t, margin, reduction=reduction)
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)

    def test_cosine_of_nothing(self) -> None:
        a = Tensor([0.0, 0.0], requires_grad=True)
        loss = cosine_embedding_loss(a, [1.0, 0.0], 1)
        loss.backward()
        assert loss.item() == 1
        assert np.isfinite(a.grad).all()

    @given(st.data(), reductions, st.sampled_from([1.0, 2.0, 3.0]), st.booleans(), st.sampled_from([(), (3,), (2, 1)]))
    def test_triplets(
        self, data: st.DataObject, reduction: Reduction, p: float, swap: bool, batch: tuple[int, ...]
    ) -> None:
        a, close, far = (data.draw(arrays((*batch, 2), values)) for values in (GRID, BETWEEN, [-2.03, 0.53, 1.61]))

        def distance(x: Array, y: Array) -> Array:
            return (abs(x - y + 1e-6) ** p).sum(-1) ** (1 / p)

        d, e, f = distance(a, close), distance(a, far), distance(close, far)
        gap = d - (np.minimum(e, f) if swap else e) + 0.5
        if (abs(gap) > 1 / 16).all() and (abs(e - f) > 1 / 16).all():
            options: Any = {"p": p, "swap": swap, "reduction": reduction}
            check(lambda *args: triplet_margin_loss(*args, 0.5, **options), a, close, far)
        found = triplet_margin_loss(a, close, far, 0.5, p, swap=swap, reduction=reduction)
        np.testing.assert_allclose(found, reduced(np.maximum(0, gap), reduction), rtol=1e-12, atol=1e-12)


X, T = np.full((2, 3), 0.5), np.array([1, -1])
CALLS: list[tuple[Callable[[], Any], type[Exception], list[str]]] = [
    (lambda: margin_ranking_loss(X, X[0], np.ones((2, 3))), ValueError, ["margin_ranking_loss", "(2, 3)", "(3,)"]),
    (lambda: margin_ranking_loss(X, X, [1, 1, 1]), ValueError, ["margin_ranking_loss", "(2, 3)", "(3,)"]),
    (lambda: margin_ranking_loss(X, X, X), ValueError, ["target 0.5 at (0, 0)", "neither 1 nor -1"]),
    (lambda: margin_ranking_loss([1.0], [1.0], [0]), ValueError, ["target 0"]),
    (lambda: margin_ranking_loss([1.0], [1.0], [1], np.nan), ValueError, ["margin=nan", "finite"]),
    (lambda: margin_ranking_loss([1.0], [1.0], [1], True), TypeError, ["margin=True", "bool"]),
    (lambda: margin_ranking_loss([], [], []), ValueError, ["mean", "(0,)"]),
    (lambda: hinge_embedding_loss(X, T), ValueError, ["hinge_embedding_loss", "(2, 3)", "(2,)"]),
    (lambda: hinge_embedding_loss([1.0], [0]), ValueError, ["hinge_embedding_loss", "target 0"]),
    (lambda: hinge_embedding_loss([1.0], [1], np.inf), ValueError, ["margin=inf"]),
    (lambda: cosine_embedding_loss(X, X[0], T), ValueError, ["cosine_embedding_loss", "(2, 3)", "(3,)"]),
    (lambda: cosine_embedding_loss(X, X, [1, 1, -1]), ValueError, ["(2, 3)", "targets of shape (3,)"]),
    (lambda: cosine_embedding_loss(X, X, 1), ValueError, ["(2, 3)", "targets of shape ()"]),
    (lambda: cosine_embedding_loss(0.5, 0.5, 1), ValueError, ["shape ()"]),
    (lambda: cosine_embedding_loss(X[None], X[None], T[None]), ValueError, ["(1, 2, 3)"]),
    (lambda: cosine_embedding_loss(X, X, [1, 0]), ValueError, ["target 0", "(1,)"]),
    (lambda: cosine_embedding_loss(X, X, [1, np.nan]), ValueError, ["target nan"]),
    (lambda: cosine_embedding_loss(X, X, T, -np.inf), ValueError, ["margin=-inf"]),
    (lambda: triplet_margin_loss(X, X, X[0]), ValueError, ["triplet_margin_loss", "(2, 3)", "(3,)"]),
    (lambda: triplet_margin_loss(X, X[:1], X), ValueError, ["triplet_margin_loss", "(2, 3)", "(1, 3)"]),
    (lambda: triplet_margin_loss(1.0, 1.0, 1.0), ValueError, ["shape ()", "(..., D)"]),
    (lambda: triplet_margin_loss(X, X, X, 0.0), ValueError, ["margin=0.0", "positive"]),
    (lambda: triplet_margin_loss(X, X, X, p=-1.0), ValueError, ["p=-1.0", "positive"]),
    (lambda: triplet_margin_loss(X, X, X, eps=np.nan), ValueError, ["eps=nan"]),
    (lambda: triplet_margin_loss(X, X, X * 1j), TypeError, ["complex128"]),
]


@pytest.mark.parametrize(("call", "error", "words"), CALLS)
def test_wrong_arguments(call: Callable[[], Any], error: type[Exception], words: list[str]) -> None:
    check_message(error, words, call)
