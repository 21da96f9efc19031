"""Attention, held against a plain formula and against numerical derivatives; masks, and what cannot be attended to."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from autograd_np import Tensor, gradients
from autograd_np.neural import scaled_dot_product_attention
from tests.autograd_np.checks import check_gradients
from tests.autograd_np.neural.checks import check, check_message

Array = NDArray[Any]


def drawn(*shapes: tuple[int, ...]) -> list[Array]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in shapes]


Q, K, V = drawn((2, 3, 2), (2, 4, 2), (2, 4, 3))
KEEP = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 0, 1]], bool)


class TestScaledDotProductAttention:
    def test_it_is_an_average_of_the_values(self) -> None:
        products = np.einsum("nle,nse->nls", Q, K) / np.sqrt(2)
        weights = np.exp(products) / np.exp(products).sum(-1, keepdims=True)
        np.testing.assert_allclose(scaled_dot_product_attention(Q, K, V), weights @ V, rtol=1e-12)

    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"is_causal": True},
            {"scale": -0.7},
            {"attn_mask": KEEP},
            {"attn_mask": KEEP[:, :1]},
            {"attn_mask": np.where(KEEP, 0.25, -np.inf)},
            {"dropout_p": 0.0},
        ],
    )
    def test_derivatives(self, settings: dict[str, Any]) -> None:
        def f(*given: Any) -> Any:
            return scaled_dot_product_attention(*given, **settings)

        check(f, Q, K, V)

    def test_a_mask_of_numbers_has_a_gradient(self) -> None:
        def f(mask: Any) -> Any:
            return scaled_dot_product_attention(Q, K, V, mask)

        check_gradients(f, np.random.default_rng(1).normal(size=(3, 4)))

    @pytest.mark.parametrize("mask", [KEEP, np.where(KEEP, 0, -np.inf), np.where(KEEP, 0, -np.inf).astype(np.float32)])
    def test_a_query_that_may_attend_to_nothing_gets_0(self, mask: Array) -> None:
        leaves = [Tensor(x, requires_grad=True) for x in (Q, K, V)]
        q, k, v = leaves
        y = scaled_dot_product_attention(q, k, v, mask)
        np.testing.assert_array_equal(y.data[:, 1], 0)
        for order in (False, True):
            g_q, g_k, g_v = gradients(y.sum(), leaves, create_graph=order, retain_graph=True)
            np.testing.assert_array_equal(g_q.data[:, 1], 0)
            assert np.isfinite(g_k.data).all()
            assert np.isfinite(g_v.data).all()

    def test_what_is_left_out_has_no_influence(self) -> None:
        k, v = K.copy(), V.copy()
        k[:, 1], v[:, 1] = 1e300, 1e300
        keep = np.array([True, False, True, True])
        expected = scaled_dot_product_attention(Q, K[:, keep], V[:, keep])
        np.testing.assert_allclose(scaled_dot_product_attention(Q, k, v, keep[None]), expected, rtol=1e-12)

    def test_large_products_do_not_overflow(self) -> None:
        y = scaled_dot_product_attention(1e3 * Q, 1e3 * K, V)
        best = np.argmax(Q @ K.mT, axis=-1)
        np.testing.assert_array_equal(y, np.take_along_axis(V, best[..., None], axis=1))

    def test_float16_is_computed_in_float32(self) -> None:
        q, k, v = (np.full((2, 64), x, np.float16) for x in (250, 250, 30000))  # their products overflow
        y = scaled_dot_product_attention(q, k, v)
        assert y.dtype == np.float16
        np.testing.assert_array_equal(y, 30000)

    def test_dropped_weights_are_made_up_for(self) -> None:
        rng, values = np.random.default_rng(0), np.ones((200, 200, 1))
        y = scaled_dot_product_attention(values, values, values, dropout_p=0.5, rng=rng)
        assert abs(np.mean(y) - 1) < 0.01
        assert np.std(y) > 0.01

    def test_no_queries_and_no_keys(self) -> None:
        assert np.shape(scaled_dot_product_attention(Q[:, :0], K, V)) == (2, 0, 3)
        np.testing.assert_array_equal(scaled_dot_product_attention(Q, K[:, :0], V[:, :0]), np.zeros((2, 3, 3)))

    @pytest.mark.parametrize(
        ("given", "settings", "error", "words"),
        [
            ((Q, K[..., :1], V), {}, ValueError, ["(2, 3, 2)", "(2, 4, 1)", "(..., S, E)"]),
            ((Q, K, V[:, :3]), {}, ValueError, ["(2, 3, 3)", "(..., S, V)"]),
            ((Q[0, 0], K, V), {}, ValueError, ["(2,)", "(..., L, E)"]),
            ((Q, K[[0, 0, 0]], V[[0, 0, 0]]), {}, ValueError, ["(3, 4, 2)"]),
            ((Q, K, V), {"attn_mask": KEEP, "is_causal": True}, ValueError, ["beside is_causal=True"]),
            ((Q, K, V), {"attn_mask": KEEP.astype(int)}, TypeError, ["dtype int64", "astype(bool)"]),
            ((Q, K, V), {"attn_mask": KEEP.T}, ValueError, ["(4, 3)", "(2, 3, 4)"]),
            ((Q, K, V), {"attn_mask": KEEP[None, None]}, ValueError, ["(1, 1, 3, 4)"]),
            ((Q, K, V), {"dropout_p": 1.5}, ValueError, ["p=1.5"]),
            ((Q, K, V), {"dropout_p": float("nan")}, ValueError, ["p=nan"]),
            ((Q * 1j, K, V), {}, TypeError, ["complex128"]),
        ],
    )
    def test_refusals(
        self, given: tuple[Array, Array, Array], settings: dict[str, Any], error: type[Exception], words: list[str]
    ) -> None:
        words = ["scaled_dot_product_attention", *words]
        check_message(error, words, lambda: scaled_dot_product_attention(*given, **settings))

    def test_dropout_needs_a_generator(self) -> None:
        with pytest.raises(TypeError, match="rng=None"):
            scaled_dot_product_attention(Q, K, V, dropout_p=0.5)
