"""Batches of rows: plain NumPy arrays."""

import math
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Batches", "check_count"]


class Batches:
    """Batches of rows, drawn in a new order in each epoch.

    Iterating over it is one epoch; it can be iterated over again and again, and its length is the number of batches.
    Each batch is a tuple of new C-contiguous arrays: changing one does not change the data.

    Parameters
    ----------
    *arrays : array_like, shape (N, ...)
        Arrays of equal length, such as images and labels; a row of one belongs to the same row of the others.
    batch_size : int
        The number of rows in a batch; the last one holds what is left.
    shuffle : bool, default True
        Draw the rows of each epoch in a new random order; otherwise take them in theirs.
    rng : numpy.random.Generator or int, optional
        The source of the random order, or its seed.
    drop_last : bool, default False
        Leave out a last batch that is smaller than the others.

    Raises
    ------
    TypeError
        If no array is given.
    ValueError
        If the arrays differ in length or have no rows, or if `batch_size` is not a positive integer.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import data
    >>> batches = data.Batches(np.arange(5), batch_size=2, shuffle=False)
    >>> len(batches)
    3
    >>> for (x,) in batches:
    ...     print(x)
    [0 1]
    [2 3]
    [4]
    """

    def __init__(
        self,
        *arrays: ArrayLike,
        batch_size: int,
        shuffle: bool = True,
        rng: np.random.Generator | int | None = None,
        drop_last: bool = False,
    ) -> None:
        check_count("data.Batches", "batch_size", batch_size, least=1)
        self.arrays: tuple[NDArray[Any], ...] = tuple(np.asarray(array) for array in arrays)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.rng = np.random.default_rng(rng)
        if not arrays:
            raise TypeError(
                "data.Batches: no array given; pass at least one, for instance Batches(x, y, batch_size=64)"
            )
        shapes = [array.shape for array in self.arrays]
        if () in shapes or len({shape[0] for shape in shapes}) != 1:
            raise ValueError(f"data.Batches: the arrays must have the same number of rows, got shapes {shapes}")
        if shapes[0][0] == 0:
            raise ValueError(f"data.Batches: the arrays have no rows, got shapes {shapes}")

    def __len__(self) -> int:
        rows = len(self.arrays[0])
        return rows // self.batch_size if self.drop_last else math.ceil(rows / self.batch_size)

    def __iter__(self) -> Iterator[tuple[NDArray[Any], ...]]:
        return self.starting_at(0)

    def starting_at(self, first: int) -> Iterator[tuple[NDArray[Any], ...]]:
        """Begin an epoch, and return its batches without the first so many: nothing is read of those.

        Examples
        --------
        >>> from nn import data
        >>> batches = data.Batches(range(5), batch_size=2, shuffle=False)
        >>> list(batches.starting_at(2))
        [(array([4]),)]
        """
        rows = len(self.arrays[0])
        order = self.rng.permutation(rows) if self.shuffle else np.arange(rows)
        starts = range(first * self.batch_size, len(self) * self.batch_size, self.batch_size)
        return map(self._rows, (order[start : start + self.batch_size] for start in starts))

    def _rows(self, index: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        # np.take would copy all of an array that is in another order, which may be a file larger than memory; brackets
        # alone would keep that order.
        return tuple(np.ascontiguousarray(array[index]) for array in self.arrays)


def check_count(operation: str, name: str, value: object, least: int) -> None:
    """Raise unless a value is an integer of at least so much."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{operation}: {name} must be an integer of at least {least}, got {value!r}")
