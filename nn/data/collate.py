"""What makes a batch of examples."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autograd_np import Tensor

__all__ = ["default_collate"]


def default_collate(batch: Sequence[Any]) -> Any:
    """Return a batch of examples that are nested alike, as PyTorch's function of this name does.

    Parameters
    ----------
    batch : sequence
        Examples, at least one.

    Returns
    -------
    object
        Of arrays and of numbers an array with one more axis, the first; of Tensors such a Tensor; of dicts and of named
        tuples one of the same type, with batches in it; of tuples and lists a list of batches, as in PyTorch; of texts
        their list.

    Raises
    ------
    TypeError
        If there is something else in an example, or the examples have different types.
    ValueError
        If there is no example, or they differ in shape, length or keys.

    Examples
    --------
    >>> from nn import data
    >>> data.default_collate([{"x": 1.5, "name": "a"}, {"x": 2.5, "name": "b"}])
    {'x': array([1.5, 2.5]), 'name': ['a', 'b']}
    """
    if not len(batch):
        raise ValueError("default_collate: a batch of no examples")
    first = batch[0]
    if isinstance(first, str | bytes):
        return _alike(batch, str | bytes)
    if isinstance(first, bool | int | float | complex | np.generic | np.ndarray | Tensor):
        return _stacked(batch)
    if isinstance(first, Mapping):
        return _mapping(_alike(batch, Mapping))
    if isinstance(first, Sequence):
        return _sequence(_alike(batch, Sequence))
    raise TypeError(
        f"default_collate: an example holds a value of type {type(first).__name__}; give arrays, numbers, texts, and "
        f"tuples, lists and dicts of them, or a collate_fn that makes a batch of a list of examples"
    )


def _alike(batch: Sequence[Any], kind: Any) -> list[Any]:
    """Return the examples, if all are of a kind."""
    for x in batch:
        if not isinstance(x, kind) or (kind is Sequence and isinstance(x, str | bytes)):
            raise TypeError(
                f"default_collate: one example holds a value of type {type(batch[0]).__name__} and another one of type "
                f"{type(x).__name__} in its place"
            )
    return list(batch)


def _stacked(batch: Sequence[Any]) -> Any:
    """Return arrays or numbers along a new first axis."""
    arrays = [x.data if isinstance(x, Tensor) else np.asarray(x) for x in batch]
    kinds = {"number" if x.dtype.kind in "biufc" else x.dtype.kind for x in arrays}
    if len(kinds) > 1 or "O" in kinds:
        types = ", ".join(sorted({type(x).__name__ for x in batch}))
        raise TypeError(f"default_collate: values of types {types} in one place of the examples make no array")
    other = next((x.shape for x in arrays if x.shape != arrays[0].shape), None)
    if other is not None:
        raise ValueError(
            f"default_collate: examples of shapes {arrays[0].shape} and {other} make no array; give the examples one "
            f"shape, or a collate_fn that pads them, say"
        )
    return np.stack(batch if any(isinstance(x, Tensor) for x in batch) else arrays)


def _mapping(batch: list[Any]) -> Any:
    first = batch[0]
    for example in batch:
        if example.keys() != first.keys():
            raise ValueError(
                f"default_collate: one example has the keys {', '.join(map(str, first))}, another one "
                f"{', '.join(map(str, example))}"
            )
    parts = {key: default_collate([example[key] for example in batch]) for key in first}
    try:
        return type(first)(parts)
    except TypeError:  # whose __init__ takes something else, as that of defaultdict
        return parts


def _sequence(batch: list[Any]) -> Any:
    first = batch[0]
    for example in batch:
        if len(example) != len(first):
            raise ValueError(f"default_collate: one example has {len(first)} parts, another one {len(example)}")
    parts = [default_collate(part) for part in zip(*batch, strict=True)]
    return type(first)(*parts) if hasattr(first, "_fields") else parts
