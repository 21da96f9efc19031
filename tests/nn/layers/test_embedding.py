"""Embedding as a layer: its table, padding, and tables that are there already."""

import re

import numpy as np
import pytest

import nn
from autograd_np import Tensor, no_grad


def test_the_table_is_normal_at_first():
    layer = nn.Embedding(1000, 30, rng=0)
    assert layer.weight.dtype == np.float32
    assert layer.weight.requires_grad
    assert abs(layer.weight.data.mean()) < 0.02
    assert abs(layer.weight.data.std() - 1) < 0.02
    assert nn.Embedding(3, 2, dtype=np.float64).weight.dtype == np.float64
    np.testing.assert_array_equal(nn.Embedding(3, 2, rng=0).weight.data, nn.Embedding(3, 2, rng=0).weight.data)


@pytest.mark.parametrize("padding", [0, 4, -1, -5, np.int64(2)])
def test_the_row_for_padding_stays_zero_in_training(padding):
    layer = nn.Embedding(5, 3, padding_idx=padding, rng=0)
    assert layer.padding_idx == padding % 5
    assert type(layer.padding_idx) is int
    optimizer = nn.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(2):
        (layer([[0, 1, 2], [3, 4, 4]]) ** 2 + layer([0, 1, 2])).sum().backward()
        optimizer.step()
    np.testing.assert_array_equal(np.flatnonzero((layer.weight.data == 0).all(axis=1)), [padding % 5])


def test_padding_does_not_hide_what_was_loaded():
    layer = nn.Embedding(3, 2, padding_idx=0)
    layer.load_state_dict({"weight": np.arange(1.0, 7).reshape(3, 2)})
    np.testing.assert_array_equal(layer([0]).data, [[1, 2]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_from_pretrained(dtype):
    table = np.arange(6, dtype=dtype).reshape(3, 2)
    for given in (table, Tensor(table)):
        layer = nn.Embedding.from_pretrained(given)
        assert not layer.weight.requires_grad
        assert layer.weight.dtype == dtype
        assert not np.shares_memory(layer.weight.data, table)
        assert list(layer.state_dict()) == ["weight"]
        assert repr(layer) == "Embedding(3, 2)  # 6 parameters (6 frozen)"
        np.testing.assert_array_equal(layer([[2, 0]]).data, table[[[2, 0]]])
    layer = nn.Embedding.from_pretrained(table, False, 1)
    layer([0, 1, 1]).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad, [[1, 1], [0, 0], [0, 0]])
    np.testing.assert_array_equal(layer.weight.data[1], table[1])  # as it was given


def test_a_subclass_has_tables_of_its_own_kind():
    class Words(nn.Embedding):
        pass

    assert type(Words.from_pretrained([[1.0]])) is Words


def test_from_pretrained_makes_a_parameter_inside_no_grad_too():
    with no_grad():
        assert nn.Embedding.from_pretrained([[1.0]], freeze=False).weight.requires_grad


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.Embedding(0, 2), ValueError, "Embedding: num_embeddings=0"),
        (lambda: nn.Embedding(2, 1.5), TypeError, "Embedding: embedding_dim=1.5 is a float"),
        (lambda: nn.Embedding(2, 2, 2), ValueError, "Embedding: padding_idx=2 names none of the 2 rows"),
        (lambda: nn.Embedding(2, 2, False), TypeError, "Embedding: padding_idx=False is a bool"),
        (lambda: nn.Embedding(2, 2, None, 1.0), ValueError, "Embedding: max_norm=1.0 is not supported"),
        (lambda: nn.Embedding(2, 2, sparse=True), TypeError, "Embedding(2, 2, sparse=True): got an unexpected keyword"),
        (lambda: nn.Embedding(2, 2, dtype=int), TypeError, "int64"),
        (lambda: nn.Embedding.from_pretrained([[1, 2]]), TypeError, "from_pretrained: embeddings of dtype int64"),
        (lambda: nn.Embedding.from_pretrained([1.0]), ValueError, "from_pretrained: embeddings of shape (1,)"),
        (lambda: nn.Embedding.from_pretrained(np.ones((0, 2))), ValueError, "embeddings of shape (0, 2)"),
        (lambda: nn.Embedding.from_pretrained([[1.0]], padding_idx=1), ValueError, "padding_idx=1"),
        (lambda: nn.Embedding.from_pretrained(Tensor([[1.0]], True)), TypeError, "detach()"),
        (lambda: nn.Embedding(3, 2)(np.array([3])), ValueError, "embedding: the index 3 at (0,)"),
        (lambda: nn.Embedding(3, 2)(np.array([1.0])), TypeError, "x.astype(int)"),
    ],
)
def test_what_is_refused(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()


def test_from_pretrained_is_pytorchs():
    torch = pytest.importorskip("torch")
    table = np.random.default_rng(0).normal(size=(4, 3))
    theirs = torch.nn.Embedding.from_pretrained(torch.tensor(table), padding_idx=1)
    ours = nn.Embedding.from_pretrained(table, padding_idx=1)
    assert repr(ours).partition("  #")[0] == repr(theirs)
    assert ours.weight.requires_grad == theirs.weight.requires_grad
    np.testing.assert_array_equal(ours([3, 1]).data, theirs(torch.tensor([3, 1])).numpy())
