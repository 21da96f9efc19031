"""Recurrent layers: what they refuse, dtypes, dropout, and training on sequences of different lengths.

Values, gradients and names are held against PyTorch's in `tests/nn/pytorch`; the passes over time against the loop over
cells in `tests/autograd_np/neural/test_recurrent.py`.
"""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import Tensor, compile, grad
from nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence, pad_sequence
from tests.nn.layers.networks import plain, seeds, sizes

layers = st.sampled_from([nn.RNN, nn.LSTM, nn.GRU])


def leaves(value):
    """Return the arrays of an output."""
    parts = value if isinstance(value, tuple | list) and not isinstance(value, PackedSequence) else [value]
    return [a for p in parts for a in (leaves(p) if p is not value else [plain(getattr(p, "data", p))])]


@given(layers, sizes, sizes, sizes, st.booleans(), seeds)
def test_a_layer_is_a_loop_over_its_cell(kind, inputs, hidden, steps, bias, seed):
    layer = kind(inputs, hidden, bias=bias, dtype=np.float64, rng=seed)
    cell = getattr(nn, f"{kind.__name__}Cell")(inputs, hidden, bias, dtype=np.float64)
    cell.load_state_dict({key.removesuffix("_l0"): value for key, value in layer.state_dict().items()})
    x, state = np.random.default_rng(seed).normal(size=(steps, 2, inputs)), None
    y, final = layer(x)
    for t in range(steps):
        state = cell(x[t], state)
        h = state[0] if kind is nn.LSTM else state
        np.testing.assert_allclose(y.data[t], h.data, rtol=1e-12, atol=1e-14)
    for a, b in zip(leaves(final), leaves(state), strict=True):
        np.testing.assert_allclose(a[0], b, rtol=1e-12, atol=1e-14)


@given(layers, st.lists(st.integers(1, 5), min_size=1, max_size=4), st.booleans(), seeds)
def test_each_packed_sequence_is_as_if_it_were_alone(kind, lengths, bidirectional, seed):
    rng = np.random.default_rng(seed)
    layer = kind(2, 3, num_layers=2, bidirectional=bidirectional, dtype=np.float64, rng=rng)
    parts = [rng.normal(size=(n, 2)) for n in lengths]
    packed = pack_padded_sequence(pad_sequence(parts, padding_value=np.nan), lengths, enforce_sorted=False)
    count = 2 * (1 + bidirectional)
    h, c = rng.normal(size=(2, count, len(lengths), 3))
    y, final = layer(packed, (h, c) if kind is nn.LSTM else h)
    padded, found = pad_packed_sequence(y, batch_first=True)
    assert found.tolist() == lengths
    for i, part in enumerate(parts):
        alone, state = layer(part, (h[:, i], c[:, i]) if kind is nn.LSTM else h[:, i])
        np.testing.assert_allclose(padded.data[i, : len(part)], alone.data, rtol=1e-10, atol=1e-12)
        assert not padded.data[i, len(part) :].any()
        for a, b in zip(leaves(final), leaves(state), strict=True):
            np.testing.assert_allclose(a[:, i], b, rtol=1e-10, atol=1e-12)


@given(layers, st.sampled_from([np.float16, np.float32, np.float64, np.longdouble]), st.booleans())
def test_dtypes_stay(kind, dtype, bidirectional):
    layer = kind(2, 3, bidirectional=bidirectional, dtype=dtype, rng=0)
    x = Tensor(np.ones((4, 2, 2)), requires_grad=True, dtype=dtype)
    y, final = layer(x)
    assert {a.dtype for a in leaves([y, final])} == {np.dtype(dtype)}
    np.sum(y).backward()
    assert {p.grad.dtype for p in [x, *layer.parameters()]} == {np.dtype(dtype)}
    wide, _ = layer.astype(np.float64)(np.ones((4, 2, 2)))
    np.testing.assert_allclose(y.data.astype(float), wide.data, atol=16 * max(np.finfo(dtype).eps, 1e-16))


@pytest.mark.parametrize("kind", [nn.RNNCell, nn.LSTMCell, nn.GRUCell])
def test_dtypes_of_cells_stay(kind):
    for dtype in (np.float16, np.float32, np.float64, np.longdouble):
        cell = kind(2, 3, dtype=dtype, rng=0)
        found = leaves(cell(np.ones((4, 2)), None))
        assert {a.dtype for a in found} == {np.dtype(dtype)}


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell])
def test_plain_numbers_and_integers_are_taken(kind):
    layer = kind(2, 3, rng=0)
    integers, floats = layer(np.ones((4, 2), int)), layer(np.ones((4, 2)))
    for a, b in zip(leaves(integers), leaves(floats), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == np.float32


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_numbers_of_any_size_are_safe(kind):
    layer = kind(1, 2, rng=0).requires_grad_(False)  # a weight's gradient is 0 inf where the input is infinite
    x = Tensor(np.float32([[1e30], [-1e30], [np.inf], [-np.inf]]), requires_grad=True)
    y, _ = layer(x)
    assert np.isfinite(y.data).all()
    np.sum(y).backward()
    assert np.isfinite(x.grad).all()


def test_dropout_acts_between_layers_in_training_alone():
    layer, x = nn.LSTM(2, 3, num_layers=2, dropout=1.0, rng=0), np.ones((4, 1, 2), np.float32)
    first = layer(x)[0]
    np.testing.assert_array_equal(first.data, layer(-x)[0].data)
    assert first.data.any()
    assert not np.array_equal(layer.eval()(x)[0].data, layer(-x)[0].data)
    drops = [nn.GRU(2, 8, num_layers=2, dropout=0.5, rng=0) for _ in range(2)]
    a, b, c = drops[0](x)[0].data, drops[1](x)[0].data, drops[1](x)[0].data
    assert np.array_equal(a, b)
    assert not np.array_equal(b, c)


def test_dropout_of_one_layer_is_warned_of():
    with pytest.warns(UserWarning, match="LSTM: dropout=0.5 acts between layers"):
        layer = nn.LSTM(2, 3, dropout=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(np.ones((4, 1, 2)))


def test_no_batch():
    y, (h, c) = nn.LSTM(2, 3, bidirectional=True, rng=0)(Tensor(np.ones((4, 0, 2), np.float32), requires_grad=True))
    assert (y.shape, h.shape, c.shape) == ((4, 0, 6), (2, 0, 3), (2, 0, 3))
    np.sum(y).backward()


def test_packing_in_programs():
    model = nn.LSTM(3, 4, rng=0).requires_grad_(False)

    def loss(x):
        y, _ = pad_packed_sequence(model(pack_padded_sequence(pad_sequence([*x]), [5, 5]))[0])
        return np.sum(y * y)

    for function in (loss, grad(loss)):
        compiled = compile(function)
        for seed in range(3):
            x = np.random.default_rng(seed).normal(size=(2, 5, 3)).astype(np.float32)
            assert plain(compiled(x)).tobytes() == plain(function(x)).tobytes()
        assert compiled.programs == 1


X = np.ones((4, 2, 3))
H = np.zeros((1, 2, 5))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.LSTM(3, 0), ValueError, "LSTM: hidden_size=0"),
        (lambda: nn.LSTM(3.0, 5), TypeError, "LSTM: input_size=3.0"),
        (lambda: nn.GRU(3, 5, 0), ValueError, "GRU: num_layers=0"),
        (lambda: nn.GRU(3, 5, 2, dropout=1.5), ValueError, "GRU: p=1.5"),
        (lambda: nn.GRU(3, 5, 2, dropout=float("nan")), ValueError, "GRU: p=nan"),
        (lambda: nn.LSTM(3, 5, proj_size=2), TypeError, "LSTM.*'proj_size'"),
        (lambda: nn.RNN(3, 5, nonlinearity="sigmoid"), ValueError, "RNN: unknown nonlinearity 'sigmoid'"),
        (lambda: nn.RNNCell(3, 5, nonlinearity=None), ValueError, "RNNCell: unknown nonlinearity None"),
        (lambda: nn.RNN(3, 5)(np.ones((4, 2, 2))), ValueError, r"RNN: an input of shape \(4, 2, 2\).*I = 3"),
        (lambda: nn.RNN(3, 5)(np.ones(3)), ValueError, r"RNN: an input of shape \(3,\)"),
        (lambda: nn.RNN(3, 5)(np.ones((0, 2, 3))), ValueError, "RNN: an input of no steps"),
        (lambda: nn.RNN(3, 5, batch_first=True)(np.ones((2, 4, 2))), ValueError, r"\(N, T, I\) or \(T, I\)"),
        (lambda: nn.LSTM(3, 5)(X, H), TypeError, r"LSTM: hx is a ndarray; give a pair \(h_0, c_0\)"),
        (lambda: nn.LSTM(3, 5)(X, (H,)), TypeError, "LSTM: hx is a tuple"),
        (lambda: nn.LSTM(3, 5)(X, (H, H[:, :1])), ValueError, r"LSTM: c_0 of shape \(1, 1, 5\).*\(1, 2, 5\)"),
        (lambda: nn.GRU(3, 5)(X, H[0]), ValueError, r"GRU: h_0 of shape \(2, 5\).*\(1, 2, 5\)"),
        (lambda: nn.GRU(3, 5)(X[:, 0], H), ValueError, r"GRU: h_0 of shape \(1, 2, 5\).*\(1, 5\)"),
        (lambda: nn.GRU(3, 5)(X, (H, H)), ValueError, r"GRU: h_0 of shape \(2, 1, 2, 5\)"),
        (lambda: nn.GRU(3, 5)(Tensor(X, dtype=int)), TypeError, "GRU: the input is a Tensor of dtype int64"),
        (lambda: nn.GRU(3, 5)(X, Tensor(H, dtype=int)), TypeError, "GRU: the input is a Tensor of dtype int64"),
        (lambda: nn.GRU(3, 5)(X.astype(complex)), TypeError, "GRU: the input is of dtype complex128"),
        (lambda: nn.GRUCell(3, 5)(X), ValueError, r"GRUCell: an input of shape \(4, 2, 3\); give \(N, I\) or \(I,\)"),
        (lambda: nn.GRUCell(3, 5)(X[0], H), ValueError, r"GRUCell: h_0 of shape \(1, 2, 5\).*\(2, 5\)"),
        (lambda: nn.LSTMCell(3, 5)(X[0], H[0]), TypeError, r"LSTMCell: hx is a ndarray"),
        (lambda: nn.GRU(3, 5)(pack_padded_sequence(X[..., :2], [4, 1])), ValueError, r"GRU: .*\(R, I\) with I = 3"),
    ],
)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call()


class Tagger(nn.Module):
    """A label for each sentence, as tutorials write it."""

    def __init__(self, rng):
        self.embedding = Tensor(rng.normal(size=(10, 4)).astype(np.float32), requires_grad=True)
        self.lstm = nn.LSTM(4, 8, batch_first=True, bidirectional=True, rng=rng)
        self.fc = nn.Linear(16, 2, rng=rng)

    def forward(self, text, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding[text], lengths, batch_first=True, enforce_sorted=False
        )
        output, (hidden, _) = self.lstm(packed)
        output, output_lengths = nn.utils.rnn.pad_packed_sequence(output, batch_first=True)
        assert output_lengths.tolist() == list(lengths)
        return self.fc(np.concatenate([hidden[-2], hidden[-1]], axis=1))


def test_a_classifier_of_sentences_learns():
    rng = np.random.default_rng(0)
    model, lengths = Tagger(rng), (5, 3, 7, 2, 6, 4)
    text, labels = rng.integers(0, 10, (6, 7)), rng.integers(0, 2, 6)
    optimizer = nn.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(40):
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(text, lengths), labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
