"""Data sets: rows of arrays, parts, several together, and splits at random, by PyTorch's rule of rounding."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor
from nn import data


class TestTensorDataset:
    def test_examples_are_rows(self):
        x, y = np.arange(6.0).reshape(3, 2), [1, 2, 3]
        rows = data.TensorDataset(x, y)
        assert len(rows) == 3
        assert rows.tensors[0] is x
        for i in (0, 2, -1, np.int64(1)):
            np.testing.assert_array_equal(rows[i][0], x[i])
            assert rows[i][1] == y[i]
        assert rows[1:][1].tolist() == [2, 3]
        assert [label for _, label in rows] == y
        with pytest.raises(IndexError):
            rows[3]

    def test_tensors_stay_tensors(self):
        t = Tensor([[1.0], [2.0]], requires_grad=True)
        (row,) = data.TensorDataset(t)[1]
        assert row.requires_grad

    @pytest.mark.parametrize(
        ("arrays", "error", "message"),
        [
            ((), TypeError, r"pass at least one, for instance TensorDataset\(x, y\)"),
            ((np.zeros((3, 2)), np.zeros(4)), ValueError, r"same number of rows, got shapes \[\(3, 2\), \(4,\)\]"),
            ((np.zeros(3), 1.0), ValueError, r"got shapes \[\(3,\), \(\)\]"),
            ((Tensor(1.0),), ValueError, r"got shapes \[\(\)\]"),
        ],
    )
    def test_what_has_no_rows_together(self, arrays, error, message):
        with pytest.raises(error, match=message):
            data.TensorDataset(*arrays)


class TestSubset:
    def test_examples_are_those_that_are_named(self):
        part = data.Subset("abcde", [4, 0, 0])
        assert [*part] == ["e", "a", "a"]
        assert (len(part), part[-1], part.dataset, part.indices.tolist()) == (3, "a", "abcde", [4, 0, 0])
        again = data.Subset(part, range(1, 3))
        assert [*again] == ["a", "a"]
        assert len(data.Subset("abc", [])) == 0
        with pytest.raises(IndexError):
            part[3]

    @pytest.mark.parametrize(
        ("indices", "error", "words"),
        [
            ([0, 3], ValueError, ["index 3 at 1", "3 examples", "0 to 2"]),
            ([-1], ValueError, ["index -1 at 0"]),
            ([True, False, True], TypeError, ["bool", "a mask", "np.flatnonzero(mask)"]),
            (np.ones(3, bool), TypeError, ["a mask"]),
            ([0.0], TypeError, ["float64"]),
            ([[0], [1]], TypeError, ["(2, 1)"]),
            ("ab", TypeError, ["no row of integers"]),
        ],
    )
    def test_what_names_no_examples(self, indices, error, words):
        with pytest.raises(error) as caught:
            data.Subset("abc", indices)
        assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)


class TestConcatDataset:
    @given(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    def test_examples_come_one_after_the_other(self, sizes):
        parts = [[(i, j) for j in range(size)] for i, size in enumerate(sizes)]
        whole = data.ConcatDataset(iter(parts))
        expected = [*itertools.chain(*parts)]
        assert len(whole) == len(expected)
        assert [*whole] == expected
        assert [whole[i - len(whole)] for i in range(len(whole))] == expected
        assert whole.cumulative_sizes == list(itertools.accumulate(sizes))
        for i in (len(whole), -len(whole) - 1):
            with pytest.raises(IndexError, match=f"the index {i} names none of {len(whole)} examples"):
                whole[i]

    def test_what_has_no_numbers(self):
        with pytest.raises(ValueError, match="no data set given"):
            data.ConcatDataset([])
        with pytest.raises(TypeError, match="a generator, has no __getitem__ and no __len__; give one"):
            data.ConcatDataset([(x for x in "ab")])
        with pytest.raises(TypeError, match="a IterableDataset, has no __len__"):
            data.ConcatDataset([data.IterableDataset()])


class TestRandomSplit:
    @given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.integers(0, 2**32))
    def test_parts_have_nothing_in_common_and_leave_nothing_out(self, lengths, seed):
        whole = range(100, 100 + sum(lengths))
        parts = data.random_split(whole, lengths, rng=seed)
        assert [*map(len, parts)] == lengths
        assert sorted(itertools.chain(*parts)) == [*whole]
        again = data.random_split(whole, lengths, rng=np.random.default_rng(seed))
        assert [part.indices.tolist() for part in again] == [part.indices.tolist() for part in parts]

    @given(st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(sum), st.integers(0, 50))
    def test_shares_are_rounded_as_pytorch_rounds_them(self, weights, examples):
        shares = [weight / sum(weights) for weight in weights]
        counts = [len(part) for part in data.random_split(range(examples), shares, rng=0)]
        assert sum(counts) == examples
        # Down; what is left goes to the first ones, one each.
        more = [count - int(examples * share) for share, count in zip(shares, counts, strict=True)]
        assert set(more) <= {0, 1}
        assert more == sorted(more, reverse=True)

    @given(st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(sum), st.integers(1, 50))
    def test_against_pytorch(self, weights, examples):
        pytest.importorskip("torch")
        from torch.utils.data import random_split

        shares = [weight / sum(weights) for weight in weights]
        if sum(shares) > 1 or min(int(examples * share) for share in shares) == 0:
            return  # which PyTorch refuses, by rounding alone, or warns of
        counts = [len(part) for part in random_split(range(examples), shares)]
        assert [len(part) for part in data.random_split(range(examples), shares)] == counts

    def test_the_order_is_random(self):
        whole = range(50)
        first, second = (data.random_split(whole, [25, 25], rng=seed)[0].indices.tolist() for seed in (0, 1))
        assert first != second
        assert first != sorted(first)
        without = [data.random_split(whole, [25, 25])[0].indices.tolist() for _ in range(2)]
        assert without[0] != without[1]

    @pytest.mark.parametrize(
        ("lengths", "error", "words"),
        [
            ([5, 4], ValueError, ["sum to 9", "10 examples"]),
            ([0, 1], ValueError, ["sum to 1", "10 examples", "1.0"]),
            ([], ValueError, ["sum to 0"]),
            ([11, -1], ValueError, ["length -1"]),
            ([0.5, 0.4], ValueError, ["sum to 0.9"]),
            ([0.5, 0.6], ValueError, ["sum to 1.1"]),
            ([1.5, -0.5], ValueError, ["length -0.5"]),
            ([0.5, np.nan], ValueError, ["length nan"]),
            ([9, 0.1], ValueError, ["sum to 9.1"]),
            ([True], TypeError, ["length True", "bool"]),
            (["8", "2"], TypeError, ["length '8'", "str"]),
        ],
    )
    def test_lengths_that_are_none(self, lengths, error, words):
        with pytest.raises(error) as caught:
            data.random_split(range(10), lengths)
        assert [word for word in ["random_split", *words] if word not in str(caught.value)] == [], str(caught.value)

    def test_one_example_is_one_and_the_whole(self):
        assert [len(part) for part in data.random_split("a", [1])] == [1]
        assert [len(part) for part in data.random_split("a", [1.0, 0.0])] == [1, 0]

    def test_what_has_no_length(self):
        with pytest.raises(TypeError, match=r"random_split: the dataset, a generator, has no __getitem__"):
            data.random_split((x for x in "ab"), [1, 1])


def test_methods_that_a_subclass_defines():
    class Nothing(data.Dataset):
        pass

    with pytest.raises(NotImplementedError, match="Nothing has no __getitem__ method: define"):
        Nothing()[0]
    with pytest.raises(NotImplementedError, match="IterableDataset has no __iter__ method: define"):
        iter(data.IterableDataset())
