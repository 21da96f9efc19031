"""The loader: every example once an epoch, in batches of the right sizes, whatever the data set is made of.

Rows of arrays are taken a batch at a time; each property that holds of examples one by one is held of them, too. What
goes wrong in the middle of an epoch comes through, and the next epoch is whole.
"""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import Tensor
from nn import data
from tests.nn.data.test_batches import LAYOUTS
from tests.nn.data.test_collate import check_same


class OneByOne(data.Dataset):
    """Another data set's examples, of which nobody knows that they are rows."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.dataset[index]


class Doubled(data.TensorDataset):
    """Rows that are changed on their way."""

    def __getitem__(self, index):
        return tuple(2 * row for row in super().__getitem__(index))


class Stream(data.IterableDataset):
    def __init__(self, examples):
        self.examples = examples

    def __iter__(self):
        yield from range(self.examples)


def numbers(rows):
    """Return rows that are their numbers."""
    return data.TensorDataset(np.arange(rows))


KINDS = {
    "rows": numbers,
    "one by one": lambda rows: OneByOne(numbers(rows)),
    "list": lambda rows: [(i,) for i in range(rows)],
    "part": lambda rows: data.Subset(data.TensorDataset(np.arange(-5, rows)), range(5, rows + 5)),
    "part of a part": lambda rows: data.Subset(
        data.Subset(numbers(rows + 1), [rows, *range(rows)]), range(1, rows + 1)
    ),
    "several": lambda rows: data.ConcatDataset([numbers(rows // 2), OneByOne(numbers(rows - rows // 2))]),
}


class TestEpochs:
    @pytest.mark.parametrize("kind", ["rows", "one by one", "list", "part"])
    @given(
        rows=st.integers(1, 30),
        batch_size=st.integers(1, 40),
        shuffle=st.booleans(),
        drop_last=st.booleans(),
        seed=st.integers(0, 2**32),
    )
    def test_every_epoch_holds_every_example_once(self, kind, rows, batch_size, shuffle, drop_last, seed):
        dataset = KINDS[kind](rows)
        loader = data.DataLoader(dataset, batch_size, shuffle, drop_last=drop_last, rng=seed)
        assert loader.dataset is dataset
        for _ in range(2):
            epoch = [x.tolist() for (x,) in loader]
            whole, rest = divmod(rows, batch_size)
            assert [*map(len, epoch)] == [batch_size] * whole + ([rest] if rest and not drop_last else [])
            assert len(loader) == len(epoch)
            seen = [*itertools.chain(*epoch)]
            assert len(set(seen)) == len(seen)
            assert set(seen) <= set(range(rows))
            assert shuffle or seen == [*range(len(seen))]

    @given(st.integers(1, 20), st.integers(1, 9), st.integers(0, 2**32), st.booleans())
    def test_all_kinds_have_the_order_of_batches(self, rows, batch_size, seed, shuffle):
        expected = data.Batches(np.arange(rows), batch_size=batch_size, shuffle=shuffle, rng=seed)
        two = [[x.tolist() for (x,) in expected] for _ in range(2)]
        for kind, make in KINDS.items():
            if kind != "several":
                loader = data.DataLoader(make(rows), batch_size, shuffle, rng=seed)
                assert [[x.tolist() for (x,) in loader] for _ in range(2)] == two, kind

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_seed_gives_the_same_epochs_again(self, kind):
        def epochs(rng):
            loader = data.DataLoader(KINDS[kind](40), batch_size=7, shuffle=True, rng=rng)
            return [[x.tolist() for (x,) in loader] for _ in range(3)]

        assert epochs(5) == epochs(5) == epochs(np.random.default_rng(5))
        assert epochs(5) != epochs(6)
        assert epochs(None) != epochs(None)
        first, second, third = epochs(5)
        assert first != second != third != first

    def test_two_iterators_at_once_do_not_disturb_each_other(self):
        for make in KINDS.values():
            loader = data.DataLoader(make(10), batch_size=3, shuffle=True, rng=1)
            pairs = [*zip(loader, loader, strict=True)]
            for side in (0, 1):
                seen = sorted(itertools.chain(*(pair[side][0].tolist() for pair in pairs)))
                assert seen == (sorted([*range(5)] * 2) if make is KINDS["several"] else [*range(10)])

    @given(st.integers(0, 20), st.integers(1, 9), st.booleans())
    def test_a_stream_comes_in_its_own_order(self, examples, batch_size, drop_last):
        loader = data.DataLoader(Stream(examples), batch_size, drop_last=drop_last)
        for _ in range(2):
            batches = [x.tolist() for x in loader]
            whole = examples // batch_size * batch_size if drop_last else examples
            assert [*itertools.chain(*batches)] == [*range(whole)]
            assert all(len(batch) == batch_size for batch in batches[:-1])
            assert all(batches)
        with pytest.raises(TypeError):
            len(loader)

    def test_a_data_set_may_grow_between_epochs(self):
        examples = [0, 1]
        loader = data.DataLoader(examples, batch_size=2)
        assert len([*loader]) == len(loader) == 1
        examples.append(2)
        assert [x.tolist() for x in loader] == [[0, 1], [2]]
        assert len(loader) == 2


class TestRows:
    @given(
        layout=st.sampled_from(sorted(LAYOUTS)),
        dtype=st.sampled_from(["<f4", ">f8", "i1", ">i4", "?", "c8", "f2"]),
        tensors=st.booleans(),
        part=st.booleans(),
        seed=st.integers(0, 2**32),
    )
    def test_at_once_they_are_what_they_are_one_by_one(self, layout, dtype, tensors, part, seed):
        x = LAYOUTS[layout](np.arange(24).reshape(4, 3, 2) % 5).astype(dtype)
        y = np.arange(4).astype(dtype)
        dataset = data.TensorDataset(*((Tensor(x), Tensor(y)) if tensors else (x, y)))
        if part:
            dataset = data.Subset(dataset, [3, 1, 1])
        options = {"batch_size": 2, "shuffle": True, "rng": seed}
        pairs = zip(data.DataLoader(dataset, **options), data.DataLoader(OneByOne(dataset), **options), strict=True)
        for at_once, one_by_one in pairs:
            check_same(at_once, one_by_one)
            for array in at_once:
                if not isinstance(array, Tensor):
                    assert array.flags.c_contiguous
                    assert array.flags.writeable
                    assert not np.shares_memory(array, x)
                    assert not np.shares_memory(array, y)

    def test_a_way_of_its_own_to_an_example_is_gone(self):
        x = np.arange(4.0)
        for dataset in (Doubled(x), data.Subset(Doubled(x), range(4))):
            assert [batch.tolist() for (batch,) in data.DataLoader(dataset, batch_size=3)] == [[0, 2, 4], [6]]

    def test_texts_are_no_arrays(self):
        (batch,) = data.DataLoader(data.TensorDataset(np.arange(2), np.array(["a", "b"])), batch_size=2)
        check_same(batch, [np.array([0, 1]), [np.str_("a"), np.str_("b")]])

    def test_gradients_reach_the_rows(self):
        x = Tensor(np.arange(4.0), requires_grad=True)
        sum((batch**2).sum() for (batch,) in data.DataLoader(data.TensorDataset(x), 3, shuffle=True)).backward()
        np.testing.assert_array_equal(x.grad, [0, 2, 4, 6])


class TestOptions:
    def test_a_sampler_names_the_examples(self):
        for make in (KINDS["rows"], KINDS["one by one"]):
            for sampler in ([4, 0, 0], np.array([4, 0, 0]), (4, 0, 0)):
                loader = data.DataLoader(make(5), batch_size=2, sampler=sampler)
                assert len(loader) == 2
                for _ in range(2):
                    assert [x.tolist() for (x,) in loader] == [[4, 0], [0]]
            loader = data.DataLoader(make(5), batch_size=2, sampler=range(3), drop_last=True)
            assert [x.tolist() for (x,) in loader] == [[0, 1]]
            assert len(loader) == 1

    def test_a_batch_sampler_names_the_batches(self):
        batches = [[1, 2], (0,), np.array([4, 4, 3])]
        for make in (KINDS["rows"], KINDS["one by one"]):
            loader = data.DataLoader(make(5), batch_sampler=batches)
            assert (len(loader), loader.batch_size) == (3, None)
            for _ in range(2):
                assert [x.tolist() for (x,) in loader] == [[1, 2], [0], [4, 4, 3]]

    def test_collate_fn_is_given_the_examples(self):
        for make in (KINDS["rows"], KINDS["one by one"]):
            batches = [*data.DataLoader(make(3), batch_size=2, collate_fn=lambda examples: examples)]
            assert batches == [[(0,), (1,)], [(2,)]]
        assert [*data.DataLoader(Stream(3), batch_size=2, collate_fn=list)] == [[0, 1], [2]]

    def test_workers_and_pinned_memory_change_nothing(self):
        def batches(**options):
            loader = data.DataLoader(numbers(9), batch_size=2, shuffle=True, rng=0, **options)
            return [x.tolist() for (x,) in loader]

        assert batches() == batches(num_workers=4, pin_memory=True)

    def test_a_note_says_which_example_it_was(self):
        class Torn(data.Dataset):
            broken = True

            def __len__(self):
                return 5

            def __getitem__(self, index):
                if self.broken and index == 3:
                    raise KeyError("torn")
                return index

        loader = data.DataLoader(Torn(), batch_size=2)
        batches = iter(loader)
        assert next(batches).tolist() == [0, 1]
        with pytest.raises(KeyError, match="torn") as caught:
            next(batches)
        assert caught.value.__notes__ == ["DataLoader: when the Torn was asked for example 3"]
        Torn.broken = False
        assert [x.tolist() for x in loader] == [[0, 1], [2, 3], [4]]

    @pytest.mark.parametrize(
        ("call", "error", "words"),
        [
            (lambda: data.DataLoader([]), ValueError, ["a list, has no examples"]),
            (lambda: data.DataLoader(numbers(0)), ValueError, ["a TensorDataset, has no examples"]),
            (lambda: data.DataLoader(data.Subset("ab", [])), ValueError, ["a Subset, has no examples"]),
            (lambda: data.DataLoader(np.ones(2), np.ones(2)), TypeError, ["ndarray", "DataLoader(TensorDataset(x, y)"]),
            (lambda: data.DataLoader([1], 0), ValueError, ["batch_size", "at least 1", "got 0"]),
            (lambda: data.DataLoader([1], 2.0), ValueError, ["batch_size", "got 2.0"]),
            (lambda: data.DataLoader([1], True), ValueError, ["batch_size", "got True"]),
            (lambda: data.DataLoader([1], None), ValueError, ["batch_size", "got None"]),
            (lambda: data.DataLoader([1], num_workers=-1), ValueError, ["num_workers", "at least 0", "got -1"]),
            (lambda: data.DataLoader([1], sampler=[0], shuffle=True), ValueError, ["sampler says it all", "shuffle"]),
            (
                lambda: data.DataLoader([1], 2, True, [0], [[0]], drop_last=True),
                ValueError,
                ["batch_sampler says it all", "batch_size and shuffle and sampler and drop_last"],
            ),
            (lambda: data.DataLoader([1], batch_sampler=[[0]], batch_size=2), ValueError, ["leave batch_size out"]),
            (lambda: data.DataLoader([1], sampler=iter([0])), TypeError, ["list_iterator", "one epoch"]),
            (lambda: data.DataLoader([1], batch_sampler=(x for x in [[0]])), TypeError, ["generator", "one epoch"]),
            (lambda: data.DataLoader(x for x in "ab"), TypeError, ["generator", "no __getitem__ and no __len__"]),
            (lambda: data.DataLoader(5), TypeError, ["int", "TensorDataset(x, y)"]),
            (lambda: data.DataLoader(data.load("digits", samples=10)), TypeError, ["LabelledImages", "no __len__"]),
            (lambda: data.DataLoader(Stream(3), shuffle=True), ValueError, ["shuffle with a Stream", "own order"]),
            (lambda: data.DataLoader(Stream(3), sampler=[0]), ValueError, ["sampler with a Stream"]),
            (lambda: data.DataLoader(Stream(3), batch_sampler=[[0]]), ValueError, ["batch_sampler with a Stream"]),
            (lambda: data.DataLoader([1], rng="seed"), TypeError, ["seed"]),
            (lambda: [*data.DataLoader([1, 2], sampler=[True, False])], TypeError, ["a mask", "np.flatnonzero"]),
            (lambda: [*data.DataLoader(numbers(2), batch_sampler=[[True, False]])], TypeError, ["a mask"]),
        ],
    )
    def test_what_makes_no_sense(self, call, error, words):
        with pytest.raises(error) as caught:
            call()
        assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)

    def test_an_index_out_of_range(self):
        for make in (KINDS["rows"], KINDS["one by one"]):
            with pytest.raises(IndexError, match=re.escape("5")):
                [*data.DataLoader(make(5), sampler=[5])]


class TestUse:
    def test_a_model_is_trained_as_in_tutorials(self):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(120, 2))  # float64, as it comes
        y = (x[:, 0] > x[:, 1]).astype(int)
        train_set, test_set = data.random_split(data.TensorDataset(x, y), [0.8, 0.2], rng=1)
        train_loader = data.DataLoader(train_set, batch_size=16, shuffle=True, num_workers=2, pin_memory=True, rng=2)
        test_loader = data.DataLoader(test_set, batch_size=16)
        model = nn.Sequential(nn.Linear(2, 8, rng=3), nn.ReLU(), nn.Linear(8, 2, rng=4))
        criterion, optimizer = nn.CrossEntropyLoss(), nn.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(10):
            model.train()
            running_loss = 0.0
            for _, (inputs, labels) in enumerate(train_loader):
                optimizer.zero_grad()
                loss = criterion(model(inputs), labels)
                loss.backward()
                optimizer.step()
                running_loss += loss.item()
        model.eval()
        correct = total = 0
        for inputs, labels in test_loader:
            predicted = model(inputs).argmax(axis=1)
            total += len(labels)
            correct += (predicted == labels).sum().item()
        assert running_loss / len(train_loader) < 0.2
        assert total == len(test_loader.dataset) == 24
        assert correct / total > 0.9

    @pytest.mark.parametrize("tensors", [False, True])
    def test_a_compiled_step_takes_batches(self, tensors):
        x, y = np.ones((6, 2), np.float32), np.zeros((6, 1), np.float32)
        rows = data.TensorDataset(*((Tensor(x), Tensor(y)) if tensors else (x, y)))
        model = nn.Linear(2, 1, rng=0)
        step = nn.compile_step(model, nn.MSELoss(), nn.optim.SGD(model.parameters(), lr=0.1))
        losses = [step(*batch) for _ in range(3) for batch in data.DataLoader(rows, batch_size=3)]
        assert losses[-1] < losses[0]


@given(
    rows=st.integers(1, 20),
    batch_size=st.integers(1, 25),
    drop_last=st.booleans(),
    stream=st.booleans(),
)
def test_against_pytorch(rows, batch_size, drop_last, stream):
    torch = pytest.importorskip("torch")
    from torch.utils.data import DataLoader, IterableDataset, TensorDataset

    class Theirs(IterableDataset):
        def __iter__(self):
            yield from range(rows)

    x = np.arange(3.0 * rows).reshape(rows, 3)
    options = {"batch_size": batch_size, "drop_last": drop_last}
    if stream:
        pairs = [*data.DataLoader(Stream(rows), **options)], [*DataLoader(Theirs(), **options)]
    else:
        own = data.DataLoader(data.TensorDataset(x, np.arange(rows)), **options)
        theirs = DataLoader(TensorDataset(torch.from_numpy(x), torch.arange(rows)), **options)
        assert len(own) == len(theirs)
        assert {type(batch) for batch in own} == {type(batch) for batch in theirs}
        pairs = [*itertools.chain(*own)], [*itertools.chain(*theirs)]
    for mine, other in zip(*pairs, strict=True):
        np.testing.assert_array_equal(mine, other.numpy(), strict=True)


def test_a_dict_of_columns_is_refused():
    with pytest.raises(TypeError, match=r"DataLoader: the dataset is a dict; .* a list of dicts"):
        data.DataLoader({"a": np.ones(3)})
