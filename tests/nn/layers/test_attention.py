"""Attention with several heads and encoders: modes, masks, copies, and what they refuse.

Values, gradients and names are held against PyTorch's in `tests/nn/pytorch`.
"""

import numpy as np
import pytest

import nn
from autograd_np import Tensor

X = np.random.default_rng(0).normal(size=(2, 5, 8)).astype(np.float32)


@pytest.mark.parametrize("padding", [[True] * 5, [-np.inf] * 5])
def test_a_sequence_of_nothing_but_padding_spoils_nothing(padding):
    layer, x = nn.MultiheadAttention(8, 2, batch_first=True, rng=0), Tensor(X, requires_grad=True)
    mask = np.array([padding, padding])
    mask[0] = 0
    y, weights = layer(x, x, x, key_padding_mask=mask)
    np.testing.assert_array_equal(weights.data[1], 0)
    np.testing.assert_array_equal(y.data[1], np.broadcast_to(layer.out_proj.bias.data, (5, 8)))
    np.sum(y).backward()
    assert all(np.isfinite(p.grad).all() for p in [x, *layer.parameters()])


def test_padding_has_no_influence():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, rng=0).eval()
    mask = np.arange(5) >= [[5], [3]]
    spoilt = np.where(mask[..., None], np.float32(1e4), X)
    y = layer(spoilt, src_key_padding_mask=mask).data
    np.testing.assert_allclose(y[0], layer(X[0]).data, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(y[1, :3], layer(X[1, :3]).data, rtol=1e-5, atol=1e-6)


def test_a_causal_mask_keeps_the_future_out():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, rng=0).eval()
    causal = np.triu(np.ones((5, 5), bool), 1)
    whole = layer(X, src_mask=causal, is_causal=True).data
    np.testing.assert_allclose(whole[:, :3], layer(X[:, :3], causal[:3, :3]).data, rtol=1e-5, atol=1e-6)


def test_dropout_in_training_alone():
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, rng=0)
    assert not np.array_equal(layer(X).data, layer(X).data)
    layer.eval()
    np.testing.assert_array_equal(layer(X).data, layer(X).data)
    attention = nn.MultiheadAttention(8, 2, dropout=0.5, rng=0)
    assert not np.array_equal(attention(X, X, X)[1].data, attention(X, X, X)[1].data)
    a, b = (nn.MultiheadAttention(8, 2, dropout=0.5, rng=3)(X, X, X)[0].data for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_layers_of_an_encoder_are_copies_that_drop_other_places():
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, rng=0)
    encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8))
    first, second = encoder.layers
    np.testing.assert_array_equal(first.linear1.weight.data, second.linear1.weight.data)
    assert first.linear1.weight is not second.linear1.weight
    ones = np.ones((4, 100), np.float32)
    assert not np.array_equal(first.dropout(ones), second.dropout(ones))
    encoder.eval()
    np.testing.assert_array_equal(encoder(X).data, encoder.norm(second(first(X))).data)


def test_any_function_can_be_the_activation():
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, nn.functional.relu, rng=0)
    np.testing.assert_array_equal(layer(X).data, nn.TransformerEncoderLayer(8, 2, 16, 0.0, "relu", rng=0)(X).data)


def test_the_largest_numbers_of_gelu():
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", rng=0)
    layer.linear1.weight.data *= 1e4
    assert np.isfinite(layer(X).data).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_stay(dtype):
    layer, x = nn.MultiheadAttention(8, 2, dtype=dtype, rng=0), Tensor(X, requires_grad=True, dtype=dtype)
    y, weights = layer(x, x, x, attn_mask=np.eye(2, dtype=bool))
    assert y.dtype == weights.dtype == dtype
    np.sum(y).backward()
    assert {p.grad.dtype for p in [x, *layer.parameters()]} == {np.dtype(dtype)}


def test_an_encoder_learns_to_tell_sequences_apart():
    rng = np.random.default_rng(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True, rng=rng)
    encoder, head = nn.TransformerEncoder(layer, 2), nn.Linear(8, 2, rng=rng)
    optimizer = nn.optim.Adam([*encoder.parameters(), *head.parameters()], lr=0.01)
    x, labels = rng.normal(size=(16, 5, 8)), rng.integers(0, 2, 16)
    for _ in range(40):
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(head(encoder(x).mean(axis=1)), labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2


LAYER = nn.MultiheadAttention(8, 2, batch_first=True, rng=0)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.MultiheadAttention(8, 3), ValueError, "3 heads cannot share 8 features"),
        (lambda: nn.MultiheadAttention(8, 0), ValueError, "MultiheadAttention: num_heads=0"),
        (lambda: nn.MultiheadAttention(8.0, 2), TypeError, "MultiheadAttention: embed_dim=8.0"),
        (lambda: nn.MultiheadAttention(8, 2, kdim=0), ValueError, "kdim=0"),
        (lambda: nn.MultiheadAttention(8, 2, dropout=-1), ValueError, "MultiheadAttention: p=-1"),
        (lambda: nn.MultiheadAttention(8, 2, add_bias_kv=True), TypeError, "'add_bias_kv'"),
        (lambda: nn.MultiheadAttention(8, 2, 0.0, True, True), TypeError, "takes"),
        (lambda: LAYER(X[..., :7], X, X), ValueError, r"\(2, 5, 7\), \(2, 5, 8\).*\(N, L, 8\), \(N, S, 8\)"),
        (lambda: LAYER(X, X[:, :3], X), ValueError, r"\(2, 3, 8\)"),
        (lambda: LAYER(X, X[:1], X[:1]), ValueError, r"\(1, 5, 8\)"),
        (lambda: LAYER(X[0, 0], X, X), ValueError, r"\(8,\)"),
        (lambda: LAYER(X[0], X, X), ValueError, "without N"),
        (lambda: LAYER(X, X[0], X[0]), ValueError, "without N"),
        (lambda: LAYER(X, X, X, np.ones((5, 2), bool)), ValueError, r"key_padding_mask of shape \(5, 2\).*\(2, 5\)"),
        (lambda: LAYER(X, X, X, np.ones((2, 5), int)), TypeError, "key_padding_mask of dtype int64"),
        (lambda: LAYER(X, X, X, attn_mask=np.ones((2, 5, 5))), ValueError, r"\(5, 5\) or \(4, 5, 5\)"),
        (lambda: LAYER(X, X, X, attn_mask=np.ones((5, 5), int)), TypeError, "attn_mask of dtype int64"),
        (lambda: LAYER(X, X, X, is_causal=True), ValueError, "is_causal=True without attn_mask"),
        (lambda: LAYER(Tensor(X, dtype=int), X, X), TypeError, "MultiheadAttention: the input is a Tensor"),
        (lambda: nn.TransformerEncoderLayer(8, 2, activation="tanh"), ValueError, "unknown activation 'tanh'"),
        (lambda: nn.TransformerEncoderLayer(8, 2, layer_norm_eps=-1), ValueError, "eps=-1"),
        (lambda: nn.TransformerEncoderLayer(8, 2, dim_feedforward=0), ValueError, "out_features=0"),
        (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 8), 0), ValueError, "num_layers=0"),
    ],
)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call()
