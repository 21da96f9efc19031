"""What a training goes through, epoch after epoch: arrays, drawn in batches, or anything that yields batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike

from autograd_np.tensor import plain
from nn.compiled import as_arrays
from nn.data import Batches
from nn.training.weights import class_weights

__all__ = ["Arrays", "Batch", "Source", "Stream", "is_stream", "parts_of", "rows"]


class Batch(NamedTuple):
    """Examples, their targets, and how much each counts."""

    x: Any
    y: Any
    weight: Any = None


class Source:
    """What a training goes through.

    Attributes
    ----------
    batches, examples : int or None
        How many there are in an epoch, if that is known.
    """

    batches: int | None = None
    examples: int | None = None

    def epoch(self, first: int = 0) -> Iterator[Batch]:
        """Return an epoch's batches, without the first so many.

        All random numbers that those took have been drawn when this returns.
        """
        raise NotImplementedError

    def described(self) -> dict[str, Any]:
        """Return what tells these examples from others."""
        raise NotImplementedError


class Arrays(Source):
    """Arrays of the same length, which may be files that are mapped into memory: each batch reads its own rows."""

    def __init__(self, arrays: Sequence[Any], batch_size: int, rng: np.random.Generator | int | None) -> None:
        self._drawn = Batches(*arrays, batch_size=batch_size, shuffle=True, rng=rng)
        self.rng = self._drawn.rng
        self.batches, self.examples = len(self._drawn), len(self._drawn.arrays[0])

    def epoch(self, first: int = 0) -> Iterator[Batch]:
        """Return an epoch's batches, without the first so many."""
        return (Batch(*parts) for parts in self._drawn.starting_at(first))

    def described(self) -> dict[str, Any]:
        """Return the arrays' shapes, dtypes, and checksums of some of their rows."""
        kinds = {"x": 0, "y": 1, "weights": 2}
        arrays = self._drawn.arrays
        return {
            **{name: _described(arrays[i]) for name, i in kinds.items() if i < len(arrays)},
            "batch_size": self._drawn.batch_size,
        }


def _described(array: Any) -> str:
    import zlib

    some = np.unique(np.linspace(0, len(array) - 1, 64).astype(int))
    content = np.ascontiguousarray(array[some])
    checksum = zlib.crc32(repr(content.tolist()).encode() if content.dtype.hasobject else content.tobytes())
    return f"{array.dtype} {array.shape} {checksum:08x}"


class Stream(Source):
    """Anything that yields batches, each time anew: a DataLoader of this package or of PyTorch, a list."""

    def __init__(self, batches: Iterable[Any], class_weight: Any = None, name: str = "fit") -> None:
        if isinstance(batches, Iterator):
            raise TypeError(
                f"{name}: x is a {type(batches).__name__}, which is through after one epoch; give what can be gone "
                f"through again: a list of batches, a DataLoader, or an object whose __iter__ begins anew"
            )
        self._stream, self._class_weight, self._name = batches, class_weight, name
        self.batches = len(batches) if hasattr(batches, "__len__") else None  # pyright: ignore[reportArgumentType]
        data: Any = getattr(batches, "dataset", None)
        whole = not getattr(batches, "drop_last", False) and getattr(batches, "sampler", None) is None
        self.examples = len(data) if whole and hasattr(data, "__len__") else None

    def epoch(self, first: int = 0) -> Iterator[Batch]:
        """Return an epoch's batches, without the first so many."""
        batches = iter(self._stream)
        for number in range(first):
            if next(batches, None) is None:
                raise ValueError(
                    f"{self._name}: the checkpoint is of a training that has gone through {first} batches of an epoch, "
                    f"and now there are {number}; give the same examples, or another folder"
                )
        return (self._batch(parts) for parts in batches)

    def _batch(self, parts: Any) -> Batch:
        if not isinstance(parts, tuple | list) or len(parts) not in (2, 3):  # pyright: ignore[reportUnknownArgumentType]
            what = f"{len(parts)} parts" if isinstance(parts, tuple | list) else f"a {type(parts).__name__}"  # pyright: ignore[reportUnknownArgumentType]
            raise TypeError(
                f"{self._name}: a batch is {what}; each is to be a pair of examples and targets, or these and the "
                f"examples' weights"
            )
        batch = Batch(*(as_arrays(part) for part in parts))  # pyright: ignore[reportUnknownVariableType]
        if self._class_weight is None:
            return batch
        by_class = class_weights("fit: class_weight", plain(batch.y), self._class_weight, whole=False)
        return batch._replace(weight=by_class if batch.weight is None else by_class * plain(batch.weight))

    def described(self) -> dict[str, Any]:
        """Return what yields the batches, and how many."""
        return {"x": type(self._stream).__name__, "batches": self.batches}


def is_stream(x: Any) -> bool:
    """Tell batches, of a loader or in a list of pairs, from arrays."""
    if hasattr(x, "__array__") or hasattr(x, "__dataframe__") or isinstance(x, str | bytes):
        return False
    if isinstance(x, list | tuple):
        first: Any = x[0] if x else None  # pyright: ignore[reportUnknownVariableType]
        return isinstance(first, tuple | list) and any(hasattr(part, "__array__") for part in cast(Any, first))
    return isinstance(x, Iterable)


def parts_of(name: str, x: Any, y: Any, others: Sequence[tuple[str, Any]] = ()) -> list[Any]:
    """Return examples, targets and weights as arrays of the same length."""
    if y is None:
        raise TypeError(
            f"{name}: x is {_kind(x)} and there is no y; give the targets as y, or as x something that yields pairs of "
            f"batches"
        )
    given = [("x", x), ("y", y), *((label, part) for label, part in others if part is not None)]
    arrays = [np.asarray(part) for _, part in given]
    lengths = [array.shape[0] if array.ndim else None for array in arrays]
    if len({*lengths}) != 1 or None in lengths:
        listed = ", ".join(f"{label} {array.shape}" for (label, _), array in zip(given, arrays, strict=True))
        raise ValueError(f"{name}: arrays must have the same number of rows, one for each example; got {listed}")
    if not lengths[0]:
        raise ValueError(f"{name}: x has no rows")
    return arrays


def rows(arrays: Sequence[ArrayLike], part: slice) -> list[Any]:
    """Return some of the rows, as views: nothing is read of a file that is mapped into memory."""
    return [np.asarray(array)[part] for array in arrays]


def _kind(x: Any) -> str:
    return f"an array of shape {np.shape(x)}" if hasattr(x, "shape") else f"a {type(x).__name__}"
