"""What goes through a data set in batches, epoch after epoch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from nn.data.batches import Batches, check_count
from nn.data.collate import default_collate
from nn.data.datasets import IterableDataset, check_sized, rows_at

__all__ = ["DataLoader"]


class DataLoader:
    """Batches of a data set's examples.

    Iterating over it is one epoch; it can be iterated over again and again, and its length is the number of batches.
    Batches are plain arrays, which models take; of Tensors they are Tensors, so that what is done with them goes on to
    work. The examples of a `TensorDataset` are taken from its arrays a batch at a time, with the same values.

    Parameters
    ----------
    dataset : Dataset or IterableDataset
        Or anything with ``__getitem__`` and ``__len__``: a list, an array.
    batch_size : int
        The number of examples in a batch; the last one holds what is left.
    shuffle : bool, default False
        Draw the examples of each epoch in a new random order; otherwise take them in theirs.
    sampler : iterable of int, optional
        The indices of the examples of an epoch, in place of `shuffle`.
    batch_sampler : iterable of sequence of int, optional
        The indices of the examples of each batch, in place of `batch_size`, `shuffle`, `sampler` and `drop_last`.
    num_workers : int
        Taken for PyTorch's sake: batches are made when they are asked for, in this process, and are the same.
    collate_fn : callable, default default_collate
        Makes a batch of a list of examples.
    pin_memory : bool
        Taken for PyTorch's sake: there is one kind of memory.
    drop_last : bool, default False
        Leave out a last batch that is smaller than the others.
    rng : numpy.random.Generator or int, optional
        The source of the random order, or its seed: PyTorch's `generator`.

    Attributes
    ----------
    dataset, batch_size, sampler, batch_sampler, num_workers, collate_fn, pin_memory, drop_last
        What was given. With a `batch_sampler` there is no `batch_size`: it is None.

    Raises
    ------
    TypeError
        If the examples of the data set have no numbers, or it has no length, and it is no `IterableDataset`.
    ValueError
        If it has no examples, a number makes no sense, or two ways to say what a batch is contradict each other.

    Notes
    -----
    What a data set raises comes through with a note which example it was asked for. The next epoch is another one.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import data
    >>> x, y = np.arange(10.0).reshape(5, 2), np.array([0, 1, 0, 1, 1])
    >>> loader = data.DataLoader(data.TensorDataset(x, y), batch_size=2, shuffle=True, rng=0)
    >>> len(loader), len(loader.dataset)
    (3, 5)
    >>> for epoch in range(2):
    ...     for inputs, labels in loader:
    ...         assert inputs.shape == (len(labels), 2)
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[Iterable[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        *,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        if hasattr(batch_size, "__len__"):
            raise TypeError(
                f"DataLoader: batch_size is a {type(batch_size).__name__}; several arrays make one data set, "
                f"DataLoader(TensorDataset(x, y), batch_size=64)"
            )
        check_count("DataLoader", "batch_size", batch_size, least=1)
        check_count("DataLoader", "num_workers", num_workers, least=0)
        given = {"batch_size": batch_size != 1, "shuffle": shuffle, "sampler": sampler is not None}
        given |= {"batch_sampler": batch_sampler is not None, "drop_last": drop_last}
        for one, others in (
            ("batch_sampler", ("batch_size", "shuffle", "sampler", "drop_last")),
            ("sampler", ("shuffle",)),
        ):
            both = [name for name in others if given[name]]
            if given[one] and both:
                raise ValueError(f"DataLoader: {one} says it all; leave {' and '.join(both)} out")
        self._in_turn = isinstance(dataset, IterableDataset)
        if self._in_turn:
            both = [name for name in ("shuffle", "sampler", "batch_sampler") if given[name]]
            if both:
                raise ValueError(
                    f"DataLoader: {' and '.join(both)} with a {type(dataset).__name__}, whose examples come in its own "
                    f"order; leave it out"
                )
        else:
            if isinstance(dataset, dict):
                raise TypeError(
                    "DataLoader: the dataset is a dict; give examples by their numbers: a list of dicts, or a data set "
                    "whose __getitem__(i) returns one"
                )
            check_sized("DataLoader", dataset)
            if not len(dataset):
                raise ValueError(f"DataLoader: the dataset, a {type(dataset).__name__}, has no examples")
        for name, value in (("sampler", sampler), ("batch_sampler", batch_sampler)):
            if isinstance(value, Iterator):
                raise TypeError(
                    f"DataLoader: {name} is a {type(value).__name__}, which is through after one epoch; give a list"
                )
        self.dataset = dataset
        self.batch_size = None if given["batch_sampler"] else int(batch_size)
        self.shuffle = shuffle
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self.num_workers, self.pin_memory, self.drop_last = num_workers, pin_memory, drop_last
        self.collate_fn = default_collate if collate_fn is None else collate_fn
        self.rng = np.random.default_rng(rng)

    def __len__(self) -> int:
        if self.batch_size is None:
            return len(self.batch_sampler)  # pyright: ignore[reportArgumentType]
        count = len(self.dataset if self.sampler is None else self.sampler)  # pyright: ignore[reportArgumentType]
        return count // self.batch_size if self.drop_last else math.ceil(count / self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        if self._in_turn:
            return map(self.collate_fn, self._groups(self.dataset))
        return map(self._batch, self._indices())

    def _indices(self) -> Iterator[Any]:
        """Yield the indices of the examples of each batch."""
        if self.batch_sampler is not None:
            yield from map(list, self.batch_sampler)
        elif self.sampler is not None:
            yield from self._groups(self.sampler)
        else:
            whole = Batches(
                np.arange(len(self.dataset)),
                batch_size=self.batch_size or 1,
                shuffle=self.shuffle,
                rng=self.rng,
                drop_last=self.drop_last,
            )
            for (index,) in whole:
                yield index.tolist()

    def _groups(self, things: Iterable[Any]) -> Iterator[list[Any]]:
        """Yield things, so many at a time."""
        rest = iter(things)
        while group := list(itertools.islice(rest, self.batch_size)):
            if self.drop_last and len(group) < (self.batch_size or 1):
                return
            yield group

    def _batch(self, index: list[int]) -> Any:
        places = np.asarray(index)
        if places.dtype.kind == "b":
            raise TypeError("DataLoader: a mask in place of indices; np.flatnonzero(mask) are its indices")
        if self.collate_fn is default_collate and index and (rows := rows_at(self.dataset, places)) is not None:
            return rows
        return self.collate_fn([self._example(i) for i in index])

    def _example(self, index: int) -> Any:
        try:
            return self.dataset[index]
        except Exception as error:
            error.add_note(f"DataLoader: when the {type(self.dataset).__name__} was asked for example {index}")
            raise
