"""What holds examples: those of arrays, parts of others, and several together."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_np import Tensor

__all__ = ["ConcatDataset", "Dataset", "IterableDataset", "Subset", "TensorDataset", "random_split", "rows_at"]


class Dataset:
    """Base class of data sets: a subclass defines ``__getitem__``, and ``__len__``.

    Any object that has both may be given in place of one: a list, an array.

    Examples
    --------
    >>> from nn import data
    >>> class Squares(data.Dataset):
    ...     def __len__(self):
    ...         return 5
    ...
    ...     def __getitem__(self, index):
    ...         return float(index), float(index**2)
    >>> for x, y in data.DataLoader(Squares(), batch_size=3):
    ...     print(x, y)
    [0. 1. 2.] [0. 1. 4.]
    [3. 4.] [ 9. 16.]
    """

    def __getitem__(self, index: Any) -> Any:
        """Return an example."""
        raise NotImplementedError(
            f"{type(self).__name__} has no __getitem__ method: define `def __getitem__(self, index): ...`, which "
            f"returns an example"
        )


class IterableDataset(Dataset):
    """Base class of data that come one after the other: a subclass defines ``__iter__``, which begins anew each time.

    Examples
    --------
    >>> from nn import data
    >>> class Countdown(data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter([3, 2, 1])
    >>> list(data.DataLoader(Countdown(), batch_size=2))
    [array([3, 2]), array([1])]
    """

    def __iter__(self) -> Iterator[Any]:
        """Return an iterator over the examples."""
        raise NotImplementedError(
            f"{type(self).__name__} has no __iter__ method: define `def __iter__(self): ...`, which yields the examples"
        )


class TensorDataset(Dataset):
    """Rows of arrays: an example is a tuple with one row of each.

    Parameters
    ----------
    *tensors : Tensor or array_like, shape (N, ...)
        Arrays of equal length, such as images and labels. They are not copied; Tensors stay what they are.

    Attributes
    ----------
    tensors : tuple of Tensor or ndarray

    Raises
    ------
    TypeError
        If no array is given.
    ValueError
        If the arrays differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import data
    >>> rows = data.TensorDataset(np.arange(6.0).reshape(3, 2), np.array([0, 1, 0]))
    >>> len(rows), rows[1]
    (3, (array([2., 3.]), np.int64(1)))
    """

    def __init__(self, *tensors: Tensor | ArrayLike) -> None:
        if not tensors:
            raise TypeError("TensorDataset: no array given; pass at least one, for instance TensorDataset(x, y)")
        self.tensors: tuple[Any, ...] = tuple(t if isinstance(t, Tensor) else np.asarray(t) for t in tensors)
        shapes = [t.shape for t in self.tensors]
        if () in shapes or len({shape[0] for shape in shapes}) != 1:
            raise ValueError(f"TensorDataset: the arrays must have the same number of rows, got shapes {shapes}")

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(t[index] for t in self.tensors)


class Subset(Dataset):
    """Some of the examples of a data set, in the order of their indices.

    Parameters
    ----------
    dataset : Dataset
        Or anything with ``__getitem__`` and ``__len__``.
    indices : sequence of int
        From 0 to the number of examples less 1; one may be named several times.

    Attributes
    ----------
    dataset : Dataset
    indices : ndarray of int

    Raises
    ------
    TypeError
        If the indices are not integers. A mask is none: np.flatnonzero(mask) are its indices.
    ValueError
        If there is no such example.

    Examples
    --------
    >>> from nn import data
    >>> even = data.Subset(range(10), [0, 2, 4])
    >>> len(even), even[2]
    (3, 4)
    """

    def __init__(self, dataset: Any, indices: Sequence[int] | NDArray[Any]) -> None:
        places = np.asarray(indices) if len(indices) else np.zeros(0, int)
        if places.dtype.kind not in "iu" or places.ndim != 1:
            what = "a mask; np.flatnonzero(mask) are its indices" if places.dtype.kind == "b" else "no row of integers"
            raise TypeError(f"Subset: indices of dtype {places.dtype} and shape {places.shape} are {what}")
        wrong = (places < 0) | (places >= len(dataset))
        if wrong.any():
            place = int(np.argmax(wrong))
            raise ValueError(
                f"Subset: the index {places[place]} at {place} names none of the {len(dataset)} examples, which are 0 "
                f"to {len(dataset) - 1}"
            )
        self.dataset = dataset
        self.indices: NDArray[Any] = places

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        return self.dataset[int(self.indices[index])]


class ConcatDataset(Dataset):
    """The examples of several data sets, one after the other.

    Parameters
    ----------
    datasets : iterable of Dataset
        Or of anything with ``__getitem__`` and ``__len__``.

    Attributes
    ----------
    datasets : list of Dataset
    cumulative_sizes : list of int
        How many examples there are up to the end of each.

    Raises
    ------
    TypeError
        If one of them has no length.
    ValueError
        If there are none.

    Examples
    --------
    >>> from nn import data
    >>> both = data.ConcatDataset([range(3), "ab"])
    >>> len(both), both[1], both[-1]
    (5, 1, 'b')
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: no data set given; pass at least one")
        for dataset in self.datasets:
            check_sized("ConcatDataset", dataset)
        self.cumulative_sizes = list(itertools.accumulate(map(len, self.datasets)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        place = operator.index(index)
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(f"ConcatDataset: the index {index} names none of {len(self)} examples")
        which = int(np.searchsorted(self.cumulative_sizes, place, side="right"))
        return self.datasets[which][place - (self.cumulative_sizes[which - 1] if which else 0)]


def random_split(
    dataset: Any, lengths: Sequence[int | float], rng: np.random.Generator | int | None = None
) -> list[Subset]:
    """Split a data set at random into parts that have no example in common.

    Parameters
    ----------
    dataset : Dataset
        Or anything with ``__getitem__`` and ``__len__``.
    lengths : sequence of int or of float
        How many examples each part has; or which share of them, from 0 to 1, rounded down, with what is left given to
        the first parts, one each, as in PyTorch.
    rng : numpy.random.Generator or int, optional
        The source of the random order, or its seed.

    Returns
    -------
    list of Subset

    Raises
    ------
    TypeError
        If a length is no number, or the data set has no length.
    ValueError
        If the numbers do not sum to that of the examples, or the shares to 1, or one of them is negative.

    Examples
    --------
    >>> from nn import data
    >>> train, test = data.random_split(range(10), [0.75, 0.25], rng=0)
    >>> len(train), len(test)
    (8, 2)
    """
    check_sized("random_split", dataset)
    counts, examples = _counts(list(lengths), len(dataset)), len(dataset)
    order = np.random.default_rng(rng).permutation(examples)
    ends = list(itertools.accumulate(counts))
    return [Subset(dataset, order[end - count : end]) for count, end in zip(counts, ends, strict=True)]


def _counts(lengths: list[Any], examples: int) -> list[int]:
    """Return how many examples each part has."""
    for length in lengths:
        if isinstance(length, bool) or not isinstance(length, int | float | np.integer | np.floating):
            raise TypeError(
                f"random_split: the length {length!r} is a {type(length).__name__}; give numbers, or shares"
            )
        if not length >= 0:
            raise ValueError(f"random_split: the length {length} is none; give numbers of at least 0, or shares")
    if all(isinstance(length, int | np.integer) for length in lengths):
        if sum(lengths) != examples:
            raise ValueError(
                f"random_split: lengths {lengths} sum to {sum(lengths)}, but there are {examples} examples; shares of "
                f"them are written with a point: 1.0"
            )
        return [int(length) for length in lengths]
    if not math.isclose(sum(lengths), 1):
        raise ValueError(f"random_split: shares {lengths} sum to {sum(lengths)}, and not to 1")
    counts = [math.floor(examples * share) for share in lengths]
    for i in range(examples - sum(counts)):
        counts[i % len(counts)] += 1
    return counts


def check_sized(operation: str, dataset: Any) -> None:
    """Raise unless a data set has examples by number."""
    missing = [name for name in ("__getitem__", "__len__") if not hasattr(dataset, name)]
    if missing:
        raise TypeError(
            f"{operation}: the dataset, a {type(dataset).__name__}, has no {' and no '.join(missing)}; give one whose "
            f"examples have numbers, such as TensorDataset(x, y) of arrays"
        )


def rows_at(dataset: Any, index: NDArray[Any]) -> list[Any] | None:
    """Return a batch of rows at once, if the examples are rows of arrays, and None if they are something else.

    It is what collating them one by one would give.
    """
    if isinstance(dataset, Subset) and type(dataset).__getitem__ is Subset.__getitem__:
        return rows_at(dataset.dataset, dataset.indices[index])
    if not isinstance(dataset, TensorDataset) or type(dataset).__getitem__ is not TensorDataset.__getitem__:
        return None
    # Texts, say, are no arrays in a batch.
    return [_rows(t, index) for t in dataset.tensors] if all(t.dtype.kind in "biufc" for t in dataset.tensors) else None


def _rows(t: Any, index: NDArray[Any]) -> Any:
    # Indexing with brackets would keep the memory order of a Fortran-ordered array.
    rows: Any = np.take(t, index, axis=0)
    return rows if rows.dtype.isnative else rows.astype(rows.dtype.newbyteorder("="))
