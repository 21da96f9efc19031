"""Sequences of different lengths: packing and padding, there and back, and what cannot be packed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor
from nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence, pad_sequence
from tests.autograd_np.checks import check_float32, check_gradients

lengths = st.lists(st.integers(1, 4), min_size=1, max_size=4)


@given(lengths, st.booleans(), st.booleans(), st.integers(0, 2))
def test_there_and_back(lengths, batch_first, by_column, extra):
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(n, 2)) for n in lengths]
    padded = pad_sequence(parts, batch_first=batch_first, padding_value=7)
    for i, part in enumerate(parts):
        own = padded[i] if batch_first else padded[:, i]
        np.testing.assert_array_equal(own[: len(part)], part)
        assert (own[len(part) :] == 7).all()
    given = np.array(lengths) if by_column else lengths
    packed = pack_padded_sequence(padded, given, batch_first, enforce_sorted=False)
    assert packed.data.shape == (sum(lengths), 2)
    assert (np.diff(packed.batch_sizes) <= 0).all()
    again, found = pad_packed_sequence(packed, batch_first, 7, total_length=max(lengths) + extra)
    assert found.tolist() == lengths
    whole = again if batch_first else again.swapaxes(0, 1)
    np.testing.assert_array_equal(whole[:, : max(lengths)], padded if batch_first else padded.swapaxes(0, 1))
    assert (whole[:, max(lengths) :] == 7).all()


@given(lengths, st.booleans())
def test_gradients(lengths, batch_first):
    rng = np.random.default_rng(0)

    def f(*parts):
        packed = pack_padded_sequence(pad_sequence(parts, batch_first), lengths, batch_first, enforce_sorted=False)
        return pad_packed_sequence(packed._replace(data=packed.data**2), batch_first)[0]

    parts = [rng.uniform(0.5, 1, size=(n, 2)) for n in lengths]
    check_gradients(f, *parts)
    check_float32(f, *parts)


def test_sorted_sequences_need_no_order():
    packed = pack_padded_sequence(np.ones((3, 2)), [3, 1])
    assert packed.sorted_indices is packed.unsorted_indices is None
    assert packed.batch_sizes.tolist() == [2, 1, 1]


def test_lengths_may_be_a_tensor_of_integers():
    packed = pack_padded_sequence(Tensor(np.ones((3, 2)), requires_grad=True), Tensor(np.array([3, 1])))
    assert packed.data.shape == (4,)
    assert packed.data.requires_grad


X = np.ones((3, 2, 1))
PACKED = PackedSequence(X[:, 0], np.array([2, 1]))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: pack_padded_sequence(X, [1, 3]), ValueError, r"\[1, 3\] are not sorted.*enforce_sorted=False"),
        (lambda: pack_padded_sequence(X, [3]), ValueError, r"shape \(3, 2, 1\) with the lengths \[3\]; .*\(T, N"),
        (lambda: pack_padded_sequence(X, [3, 2, 1], True), ValueError, r"\[3, 2, 1\].*\(N, T"),
        (lambda: pack_padded_sequence(X, [3, 0]), ValueError, r"\[3, 0\]"),
        (lambda: pack_padded_sequence(X, [4, 3]), ValueError, r"\[4, 3\].* 1 to T"),
        (lambda: pack_padded_sequence(X[:, :0], []), ValueError, r"shape \(3, 0, 1\)"),
        (lambda: pack_padded_sequence(X[:, 0, 0], [3]), ValueError, r"shape \(3,\)"),
        (lambda: pack_padded_sequence(X, [3, 1.0]), TypeError, "an integer for each"),
        (lambda: pack_padded_sequence(X, 3), TypeError, "the lengths 3"),
        (lambda: pad_packed_sequence(X), TypeError, "a ndarray; give what pack_padded_sequence returns"),
        (
            lambda: pad_packed_sequence(PACKED, total_length=1),
            ValueError,
            "length=1",
        ),
        (lambda: pad_sequence([]), ValueError, "none"),
        (lambda: pad_sequence([X, X[:, :1]]), ValueError, r"\(3, 2, 1\), \(3, 1, 1\)"),
        (lambda: pad_sequence([np.float64(1)]), ValueError, r"\(\)"),
    ],
)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call()
