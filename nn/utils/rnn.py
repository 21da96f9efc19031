"""Sequences of different lengths: padded to one, for a batch, and packed without padding, for recurrent layers."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_np import Tensor
from autograd_np.versions import as_ndarray

__all__ = ["PackedSequence", "pack_padded_sequence", "pad_packed_sequence", "pad_sequence"]


class PackedSequence(NamedTuple):
    """Sequences without padding, as `pack_padded_sequence` makes them.

    Attributes
    ----------
    data : Tensor or ndarray, shape (R, ...)
        First those elements that stand first in the sequences, then the second ones, and so on; in each of these steps,
        longer sequences come before shorter ones.
    batch_sizes : ndarray of int
        How many elements each step has.
    sorted_indices, unsorted_indices : ndarray of int, or None
        The places that the sorted sequences had, and the other way round; None if they were sorted.
    """

    data: Any
    batch_sizes: NDArray[np.int64]
    sorted_indices: NDArray[np.int64] | None = None
    unsorted_indices: NDArray[np.int64] | None = None


def pack_padded_sequence(
    input: Tensor | ArrayLike, lengths: Iterable[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack padded sequences, without the padding.

    Parameters
    ----------
    input : array_like, shape (T, N, ...) or (N, T, ...)
        N sequences of up to T elements.
    lengths : iterable of int
        How many elements each has, at least one. In what is compiled, a list or a tuple.
    batch_first : bool
        Whether the sequences are axis 0 and not 1.
    enforce_sorted : bool
        Whether to refuse sequences that are not in the order of their lengths, the longest first; otherwise they are
        put into it, and what a layer returns into the order that was given.

    Returns
    -------
    PackedSequence

    Raises
    ------
    TypeError
        If a length is no integer.
    ValueError
        If there is not one length for each sequence, one is out of range, or they are not sorted and have to be.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.utils.rnn import pack_padded_sequence
    >>> packed = pack_padded_sequence(np.array([[1, 2, 3], [4, 5, 0]]), [3, 2], batch_first=True)
    >>> packed.data, packed.batch_sizes
    (array([1, 4, 2, 5, 3]), array([2, 2, 1]))
    """
    x: Any = input if isinstance(input, Tensor) else as_ndarray(input)
    counts = _counts(lengths)
    count, longest = (x.shape[:2] if batch_first else x.shape[1::-1]) if x.ndim > 1 else (0, 0)
    if not 0 < count == len(counts) or not 1 <= min(counts) <= max(counts) <= longest:
        raise ValueError(
            f"pack_padded_sequence: an input of shape {x.shape} with the lengths {counts}; give "
            f"{'(N, T, ...)' if batch_first else '(T, N, ...)'} and N lengths from 1 to T"
        )
    order: Any = None
    if counts != sorted(counts, reverse=True):
        if enforce_sorted:
            raise ValueError(
                f"pack_padded_sequence: the lengths {counts} are not sorted, the longest first; give "
                f"enforce_sorted=False, or sort the sequences"
            )
        order = np.argsort([-n for n in counts], kind="stable")
    elif not enforce_sorted:
        order = np.arange(len(counts))
    first = np.sort(counts)[::-1]
    steps, places = np.nonzero(np.arange(max(counts))[:, None] < first)
    if order is not None:
        places = order[places]
    data = x[places, steps] if batch_first else x[steps, places]
    sizes = np.bincount(steps)
    return PackedSequence(data, sizes, order, None if order is None else np.argsort(order))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Any, NDArray[np.int64]]:
    """Unpack sequences: pad them to one length, in the order in which they were given.

    Parameters
    ----------
    sequence : PackedSequence
        What a recurrent layer returned, say.
    batch_first : bool
        Whether the sequences are to be axis 0 and not 1.
    padding_value : float
        What to pad with.
    total_length : int, optional
        The length to pad to; by default that of the longest.

    Returns
    -------
    padded : Tensor or ndarray, shape (T, N, ...) or (N, T, ...)
    lengths : ndarray of int, shape (N,)

    Raises
    ------
    TypeError
        If it is no packed sequence.
    ValueError
        If `total_length` is less than the longest sequence's.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
    >>> packed = pack_padded_sequence(np.array([[1, 2, 3], [4, 5, 0]]), [3, 2], batch_first=True)
    >>> pad_packed_sequence(packed, batch_first=True, padding_value=-1)
    (array([[ 1,  2,  3],
           [ 4,  5, -1]]), array([3, 2]))
    """
    if not isinstance(sequence, PackedSequence):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"pad_packed_sequence: a {type(sequence).__name__}; give what pack_padded_sequence returns")
    data, sizes, unsorted = sequence.data, sequence.batch_sizes, sequence.unsorted_indices
    longest = len(sizes)
    if total_length is not None and total_length < longest:
        raise ValueError(
            f"pad_packed_sequence: total_length={total_length}, but the longest sequence has {longest} elements"
        )
    columns = np.arange(sizes[0], dtype=np.int64) if unsorted is None else unsorted
    total = longest if total_length is None else total_length
    there = np.zeros((total, len(columns)), bool)
    there[:longest] = columns < sizes[:, None]
    # Step by step, where each element stands in the data; in the place of padding, any.
    rows = np.zeros(there.shape, int)
    rows[:longest] = np.where(there[:longest], (np.cumsum(sizes) - sizes)[:, None] + columns, 0)
    lengths = there.sum(axis=0)
    if batch_first:
        rows, there = rows.T, there.T
    if there.all():
        return data[rows], lengths
    where: Any = np.where  # it dispatches
    padding = np.asarray(padding_value, data.dtype)
    return where(there.reshape(there.shape + (1,) * (data.ndim - 1)), data[rows], padding), lengths


def pad_sequence(sequences: Sequence[Tensor | ArrayLike], batch_first: bool = False, padding_value: float = 0.0) -> Any:
    """Stack sequences of different lengths, padded at their ends.

    Parameters
    ----------
    sequences : sequence of array_like, shapes (L, ...)
        All of one shape but for their lengths, and of one dtype.
    batch_first : bool
        Whether the sequences are to be axis 0 and not 1.
    padding_value : float
        What to pad with.

    Returns
    -------
    Tensor or ndarray, shape (T, N, ...) or (N, T, ...)
        With the longest length T.

    Raises
    ------
    ValueError
        If there are none, or their shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.utils.rnn import pad_sequence
    >>> pad_sequence([np.array([1, 2, 3]), np.array([4])], batch_first=True)
    array([[1, 2, 3],
           [4, 0, 0]])
    """
    parts: list[Any] = [x if isinstance(x, Tensor) else as_ndarray(x) for x in sequences]
    if not parts or any(x.ndim == 0 or x.shape[1:] != parts[0].shape[1:] for x in parts):
        raise ValueError(
            f"pad_sequence: sequences of shapes {', '.join(str(x.shape) for x in parts) or 'none'}; give (L, ...) of "
            f"any lengths and alike in all other axes"
        )
    longest = max(len(x) for x in parts)
    concatenate: Any = np.concatenate  # they dispatch
    stack: Any = np.stack
    padded = [
        x if len(x) == longest else concatenate([x, np.full((longest - len(x), *x.shape[1:]), padding_value, x.dtype)])
        for x in parts
    ]
    return stack(padded, axis=0 if batch_first else 1)


def _counts(lengths: Any) -> list[int]:
    values = lengths.data if isinstance(lengths, Tensor) else lengths
    try:
        return [operator.index(n) for n in values]
    except TypeError:
        raise TypeError(f"pack_padded_sequence: the lengths {lengths!r}; give an integer for each sequence") from None
