import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import data

LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "reversed": lambda array: np.flip(np.flip(array).copy()),
}


class TestBatches:
    @given(
        rows=st.integers(1, 40),
        batch_size=st.integers(1, 50),
        shuffle=st.booleans(),
        drop_last=st.booleans(),
        layout=st.sampled_from(sorted(LAYOUTS)),
        seed=st.integers(0, 2**32),
    )
    def test_every_epoch_holds_every_row_once_and_together(self, rows, batch_size, shuffle, drop_last, layout, seed):
        x = LAYOUTS[layout](np.arange(6.0 * rows, dtype=np.float32).reshape(rows, 2, 3))
        y = np.arange(rows)
        batches = data.Batches(x, y, batch_size=batch_size, shuffle=shuffle, rng=seed, drop_last=drop_last)
        for _ in range(2):
            epoch = list(batches)
            assert len(epoch) == len(batches)
            sizes = [len(labels) for _, labels in epoch]
            whole, rest = divmod(rows, batch_size)
            assert sizes == [batch_size] * whole + ([rest] if rest and not drop_last else [])
            seen = [row for _, labels in epoch for row in labels.tolist()]
            assert len(set(seen)) == len(seen)
            assert shuffle or seen == list(range(len(seen)))
            for images, labels in epoch:
                assert images.flags.c_contiguous
                assert not np.shares_memory(images, x)
                assert not np.shares_memory(labels, y)
                np.testing.assert_array_equal(images, x[labels], strict=True)
                images[...] = -1
        np.testing.assert_array_equal(x.ravel(), np.arange(6.0 * rows))

    def test_each_epoch_has_its_own_order(self):
        batches = data.Batches(np.arange(100), batch_size=100, rng=0)
        ((first,),), ((second,),) = batches, batches
        assert first.tolist() != second.tolist()
        assert first.tolist() != list(range(100))

    def test_a_seed_gives_the_same_epochs_again(self):
        def epochs(rng):
            batches = data.Batches(np.arange(50), batch_size=7, rng=rng)
            return [batch.tolist() for _ in range(3) for (batch,) in batches]

        assert epochs(5) == epochs(5) == epochs(np.random.default_rng(5))
        assert epochs(5) != epochs(6)
        assert epochs(None) != epochs(None)

    def test_draws_from_the_generator_it_is_given(self):
        rng, twin = np.random.default_rng(8), np.random.default_rng(8)
        ((batch,),) = data.Batches(np.arange(9), batch_size=9, rng=rng)
        np.testing.assert_array_equal(batch, twin.permutation(9))
        assert rng.bit_generator.state == twin.bit_generator.state

    def test_two_epochs_at_once_do_not_disturb_each_other(self):
        batches = data.Batches(np.arange(10), batch_size=3, rng=1)
        epochs = list(zip(batches, batches, strict=True))
        for side in (0, 1):
            assert sorted(row for pair in epochs for row in pair[side][0].tolist()) == list(range(10))

    def test_takes_lists(self):
        assert [batch.tolist() for (batch,) in data.Batches([1, 2, 3], batch_size=2, shuffle=False)] == [[1, 2], [3]]

    @pytest.mark.parametrize("batch_size", [0, -1, 2.0, 2.5, "2", None, True, np.float64(2), np.nan])
    def test_refuses_a_wrong_batch_size(self, batch_size):
        with pytest.raises(ValueError, match="batch_size must be an integer of at least 1, got"):
            data.Batches(np.arange(3), batch_size=batch_size)

    def test_takes_a_numpy_integer_for_the_batch_size(self):
        assert len(data.Batches(np.arange(5), batch_size=np.int8(2))) == 3

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ((np.zeros((3, 2)), np.zeros(4)), r"same number of rows, got shapes \[\(3, 2\), \(4,\)\]"),
            ((np.zeros(3), np.zeros(())), r"same number of rows, got shapes \[\(3,\), \(\)\]"),
            ((np.zeros(()),), r"same number of rows, got shapes \[\(\)\]"),
            ((np.zeros((0, 2)), np.zeros(0)), r"no rows, got shapes \[\(0, 2\), \(0,\)\]"),
        ],
    )
    def test_refuses_arrays_that_cannot_be_batched(self, arrays, message):
        with pytest.raises(ValueError, match=message):
            data.Batches(*arrays, batch_size=2)

    def test_refuses_no_arrays(self):
        with pytest.raises(TypeError, match="pass at least one"):
            data.Batches(batch_size=2)
