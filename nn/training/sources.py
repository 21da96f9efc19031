"""What a training goes through, epoch after epoch: arrays, drawn in batches, or anything that yields batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from autograd_np.tensor import plain
from nn.compiled import as_arrays
from nn.data import Batches
from nn.training.arguments import kind_of
from nn.training.weights import checked_weights, class_weights, length

__all__ = [
    "Arrays",
    "Batch",
    "Source",
    "Stream",
    "is_stream",
    "parts_of",
    "refuse_with_stream",
    "spoilt_in",
    "transformed",
]


class Batch(NamedTuple):
    """Examples, their targets, and how much each counts."""

    x: Any
    y: Any
    weight: Any = None


class Source:
    """What a training goes through.

    Attributes
    ----------
    batches : int or None
        How many there are in an epoch, if that is known.
    """

    batches: int | None = None

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

    def __init__(self, arrays: Sequence[Any], batch_size: int, rng: np.random.Generator) -> None:
        self._drawn = Batches(*arrays, batch_size=batch_size, shuffle=True, rng=rng)
        self.rng = rng
        self.batches = len(self._drawn)

    def epoch(self, first: int = 0) -> Iterator[Batch]:
        """Return an epoch's batches, without the first so many."""
        return (Batch(*parts) for parts in self._drawn.starting_at(first))

    @property
    def arrays(self) -> Sequence[NDArray[Any]]:
        """Examples, targets, and perhaps weights."""
        return self._drawn.arrays

    @property
    def batch_size(self) -> int:
        """How many examples are in a batch."""
        return self._drawn.batch_size

    def described(self) -> dict[str, Any]:
        """Return the arrays' shapes, dtypes, and checksums of some of their rows."""
        named = zip(("x", "y", "weights"), self._drawn.arrays, strict=False)
        return {name: _described(array) for name, array in named} | {"batch_size": self._drawn.batch_size}


def _described(array: NDArray[Any]) -> str:
    import zlib

    some = np.unique(np.linspace(0, len(array) - 1, 64).astype(int))
    return f"{array.dtype} {array.shape} {zlib.crc32(np.ascontiguousarray(array[some]).tobytes()):08x}"


class Stream(Source):
    """Anything that yields batches, each time anew: a DataLoader of this package or of PyTorch, a list.

    Parameters
    ----------
    batches : iterable
        Of examples and targets, or these and weights.
    name : str
        Whose argument it is, for errors.
    class_weight : mapping, optional
        How much the examples of each class count.
    alone : bool
        Whether examples alone are a batch as well.
    """

    def __init__(self, batches: Iterable[Any], name: str, class_weight: Any = None, *, alone: bool = False) -> None:
        if isinstance(batches, Iterator):
            raise TypeError(
                f"{name} is {kind_of(batches)}, which is through after one epoch; give what can be gone "
                f"through again: a list of batches, a DataLoader, or an object whose __iter__ begins anew"
            )
        self._stream, self._name, self._class_weight, self._alone = batches, name, class_weight, alone
        self.batches = _known_length(batches)
        if class_weight is not None:
            class_weights("fit: class_weight", np.empty(0, int), class_weight, whole=False)

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

    def _batch(self, batch: Any) -> Batch:
        parts: Sequence[Any] = cast(Any, batch) if isinstance(batch, tuple | list) else (batch,)
        if len(parts) not in ((1, 2, 3) if self._alone else (2, 3)):
            what = f"{len(parts)} parts" if parts is batch else kind_of(batch)
            raise TypeError(
                f"{self._name}: a batch is {what}; each is to be a pair of examples and targets, or these and the "
                f"examples' weights"
            )
        for part in parts:
            _refuse_mask(f"{self._name}: a part of a batch", part)
        x, y, weight = (*map(as_arrays, parts), None, None)[:3]
        if weight is not None:
            weight = checked_weights(f"{self._name}: a batch's weights", plain(weight), whole=False)
            if len(weight) != length(y):
                raise ValueError(
                    f"{self._name}: a batch has {length(y)} targets and {len(weight)} weights; give one each"
                )
        if self._class_weight is not None:
            by_class = class_weights("fit: class_weight", plain(y), self._class_weight, whole=False)
            weight = by_class if weight is None else by_class * weight
        return Batch(x, y, weight)

    def described(self) -> dict[str, Any]:
        """Return what yields the batches, how many, the weights of classes, and what tells the examples from others.

        That are the arrays of a list, and of a loader's data set that has them; of other things their number alone.
        """
        stream: Any = self._stream
        listed = _type(stream) in (list, tuple) and len(stream)
        data: Any = getattr(stream, "dataset", None)
        arrays: Any = [*stream[0], *stream[-1]] if listed else getattr(data, "tensors", ())
        settings = {name: getattr(stream, name, None) for name in ("batch_size", "shuffle", "drop_last")}
        return {
            "x": _type(stream).__name__,
            "batches": self.batches,
            "class_weight": str(self._class_weight),
            "examples": ", ".join(_described(np.asarray(plain(a))) for a in arrays if np.ndim(plain(a)) and len(a)),
            "loader": ", ".join(f"{name}={value}" for name, value in settings.items() if isinstance(value, int)),
        }


_type: Any = type  # so named, it does not narrow types


def transformed(transform: Callable[[Any], Any], x: Any, count: int) -> Any:
    """Return what a transform makes of so many examples, or raise if that is not as many."""
    made: Any = transform(x)
    if made is None or (hasattr(x, "shape") and not hasattr(made, "shape")):
        raise TypeError(f"fit: transform returned {kind_of(made)}; give one that returns the examples")
    if hasattr(made, "shape") and made.shape[:1] != (count,):
        raise ValueError(
            f"fit: transform made an array of shape {made.shape} of {count} examples; give one that returns as many"
        )
    return made


def spoilt_in(batch: Batch, x: str) -> str:
    """Return where the examples of a batch, or their targets, are NaN or infinite, or an empty text."""
    for name, thing in ((x, batch.x), ("y", batch.y), ("the weights", batch.weight)):
        for part in _arrays_in(thing):
            if part.dtype.kind in "fc" and part.ndim and not np.isfinite(part).all():
                row = int(np.flatnonzero(~np.isfinite(part).reshape(len(part), -1).all(axis=1))[0])
                kind = "NaN" if np.isnan(part[row]).any() else "infinity"
                return f"{name} itself holds {kind}, first in row {row} of this batch"
    return ""


def _arrays_in(thing: Any) -> Iterator[NDArray[Any]]:
    if isinstance(thing, Mapping | list | tuple):
        parts: Any = thing.values() if isinstance(thing, Mapping) else thing  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        for part in parts:
            yield from _arrays_in(part)
    elif thing is not None:
        yield np.asarray(plain(thing))


def _known_length(batches: Any) -> int | None:
    try:
        return len(batches)
    except TypeError:  # it has none, or what it goes through has none
        return None


def is_stream(x: Any) -> bool:
    """Tell batches, of a loader or in a list of pairs, from arrays."""
    if isinstance(x, str | bytes | range | Mapping) or any(hasattr(x, a) for a in ("__array__", "toarray")):
        return False
    if isinstance(x, list | tuple):
        first: Any = x[0] if x else None  # pyright: ignore[reportUnknownVariableType]
        return isinstance(first, tuple | list) and any(
            hasattr(part, "__array__") or isinstance(part, Mapping) for part in cast(Sequence[Any], first)
        )
    return isinstance(x, Iterable)


def refuse_with_stream(name: str, x: Any, **others: Any) -> None:
    """Raise if there is something besides batches that these say themselves, or that has no say in them."""
    for argument, value in others.items():
        if value is not None:
            raise TypeError(
                f"{name}: {argument} is {kind_of(value)}, with an x, {kind_of(x)}, that yields batches of its own; "
                f"leave it out: batches hold targets and weights, and have their size and order already"
            )


def parts_of(name: str, **parts: Any) -> list[NDArray[Any]]:
    """Return examples, targets and weights, those that there are, as arrays of the same length."""
    if "y" in parts and parts["y"] is None:
        raise TypeError(
            f"{name}: x is {kind_of(parts['x'])} and there is no y; give the targets as y, or as x something that "
            f"yields pairs of batches, such as a DataLoader"
        )
    arrays = {label: _array(f"{name}: {label}", part) for label, part in parts.items() if part is not None}
    lengths = {array.shape[:1] for array in arrays.values()}
    if len(lengths) != 1 or () in lengths:
        listed = ", ".join(f"{label} {array.shape}" for label, array in arrays.items())
        raise ValueError(f"{name}: arrays must have the same number of rows, one for each example; got {listed}")
    if lengths == {(0,)}:
        raise ValueError(f"{name}: x has no rows; give at least one example")
    return [*arrays.values()]


def _array(name: str, part: Any) -> NDArray[Any]:
    """Return an array of numbers, or raise if there are none, or something would be lost."""
    if hasattr(part, "toarray"):
        raise TypeError(
            f"{name} is {kind_of(part)}, which is sparse; give {name.split()[-1]}.toarray(), or an iterable of batches "
            f"that makes each of them dense"
        )
    for piece in _pieces(part):
        _refuse_mask(name, piece)
    try:
        array = np.asarray(part)
    except ValueError as error:
        raise ValueError(
            f"{name} is {kind_of(part)} of things that differ in shape; give one array ({error})"
        ) from None
    if array.dtype.kind in "biufc":
        return array
    if array.dtype.kind in "SU" or (array.dtype.kind == "O" and array.size and isinstance(array.flat[0], str)):
        raise TypeError(f"{name} holds text, {str(array.flat[0])!r}; give numbers: {_way_out(name, part)}")
    raise TypeError(f"{name} is {kind_of(part)} of dtype {array.dtype}; give numbers: {_way_out(name, part)}")


def _way_out(name: str, part: Any) -> str:
    called = name.split()[-1]
    if hasattr(part, "columns"):
        return f"{called}.to_numpy(float), or pandas.get_dummies({called}, dtype=float) of columns that hold others"
    if called == "y":
        return "names, y = np.unique(y, return_inverse=True) makes them of labels"
    return f"np.asarray({called}, dtype=float), or np.stack of arrays that have one shape"


def _pieces(part: Any) -> list[Any]:
    return [part, *cast(Any, part)] if isinstance(part, list | tuple) else [part]


def _refuse_mask(name: str, part: Any) -> None:
    masked = int(np.sum(part.mask)) if isinstance(part, np.ma.MaskedArray) else 0  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    if masked:
        raise TypeError(
            f"{name} is a masked array, {masked} of whose {part.size} numbers are masked, and would be used "
            f"nevertheless; give .filled(value), or leave those examples out"
        )
