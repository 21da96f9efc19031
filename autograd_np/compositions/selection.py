"""Elements taken, left out, put between and written."""

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autograd_np.compositions.formulas import formula_of
from autograd_np.operands import losing_call
from autograd_np.primitives import implements, refuse
from autograd_np.rules.arguments import no_out, numbered
from autograd_np.rules.shaping import concatenate
from autograd_np.tensor import Tensor, as_array, plain
from autograd_np.versions import is_array


def _along(a: Any, axis: int | None) -> tuple[Any, int]:
    """Return an array, in one row if no axis is given, with the axis counted from the front; a number is a row, too."""
    if axis is None:
        return a.reshape(-1), 0
    a = a if a.ndim else a.reshape(-1)
    return a, normalize_axis_index(axis, a.ndim)


@implements(np.take)
def take(a: Any, indices: Any, axis: int | None = None, out: None = None, mode: str = "raise") -> Any:
    """Take elements along an axis; see `numpy.take`."""
    no_out("np.take", out)
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"np.take: mode={mode!r}; it is 'raise', 'wrap' or 'clip'")
    a, places = as_array(a), plain(indices)
    if not a.size:  # where nothing is taken, NumPy takes it from anywhere
        return np.reshape(a, np.take(plain(a), places, axis, mode=mode).shape)
    if is_array(places) and not np.can_cast(places.dtype, np.intp):
        raise TypeError(f"np.take: indices of dtype {places.dtype} are not integers")
    a, axis = _along(a, axis)
    n, places = a.shape[axis], np.asarray(places, dtype=np.intp)
    if mode != "raise":
        places = places % n if mode == "wrap" else places.clip(0, n - 1)
    return a[(*(slice(None),) * axis, places)]


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """Take elements along an axis, at each place of the others its own; see `numpy.take_along_axis`."""
    arr, axis = (np.reshape(arr, -1), 0) if axis is None else (arr, normalize_axis_index(axis, arr.ndim))
    places = plain(indices)
    if places.ndim != arr.ndim:
        raise ValueError(
            f"np.take_along_axis: indices of shape {places.shape} for an array of shape {arr.shape}; they need as many "
            f"axes"
        )
    index: list[Any] = [
        numbered((n,)).reshape([-1 if i == j else 1 for j in range(arr.ndim)]) for i, n in enumerate(arr.shape)
    ]
    index[axis] = places
    return arr[tuple(index)]


@implements(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None, out: None = None) -> Any:
    """Take the slices for which a condition holds; see `numpy.compress`."""
    no_out("np.compress", out)
    if np.ndim(condition) != 1:
        raise ValueError(f"np.compress: the condition has shape {np.shape(condition)}; it takes a vector")
    return take(a, np.flatnonzero(plain(condition)), axis)


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """Take the elements for which a condition holds; see `numpy.extract`."""
    return take(arr, np.flatnonzero(plain(condition)))


@formula_of(np.choose)
def choose(a: Any, choices: Any, out: None = None, mode: str = "raise") -> Any:
    """Take each element from one of several arrays; see `numpy.choose`."""
    arrays, places = _numbered_together(choices)
    return arrays[np.choose(plain(a), places, mode=mode)]  # pyright: ignore[reportArgumentType, reportCallIssue]


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """Leave out slices along an axis; see `numpy.delete`."""
    n = arr.size if axis is None else arr.shape[normalize_axis_index(axis, arr.ndim)]
    places = np.arange(n, dtype=np.intp)
    return take(arr, np.delete(places, plain(obj)), axis)


@formula_of(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """Put values between the slices along an axis; see `numpy.insert`."""
    elements, (places, inserted) = _numbered_together([arr, values])
    return elements[np.insert(places, plain(obj), inserted, axis)]


def _numbered_together(arrays: Iterable[Any]) -> tuple[Any, list[Any]]:
    """Return the elements of all arrays in one row, and for each array the places of its elements there."""
    parts = list(map(as_array, arrays))
    starts = itertools.accumulate((np.size(part) for part in parts), initial=0)
    places = [start + numbered(np.shape(part)) for start, part in zip(starts, parts, strict=False)]
    return concatenate(*(np.reshape(part, -1) for part in parts)), places


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """Write into a tensor, on its tape; see `numpy.copyto`."""
    if not isinstance(dst, Tensor):
        call, instead = losing_call()  # perhaps NumPy's own, as of np.full_like
        filling = call.startswith("np.full")
        raise TypeError(
            f"{call if filling else 'np.copyto'}: a tensor cannot be copied into a plain array, which would lose its "
            f"tape; {instead if filling else 'copy into a Tensor'}, or from `.data` where no gradient is needed"
        )
    dtype = np.asarray(plain(src)).dtype
    if not np.can_cast(dtype, dst.dtype, casting):
        raise TypeError(f"np.copyto: casting={casting!r} does not allow {dtype} to become {dst.dtype}")
    try:
        dst[...] = src if where is True else np.where(plain(where), src, dst)
    except (TypeError, RuntimeError) as error:
        raise type(error)(f"np.copyto: {error}") from error


refuse(
    "it writes into its argument behind the tape; assign (t[index] = value), or choose with np.where",
    np.fill_diagonal, np.put, np.put_along_axis, np.place, np.putmask,
)  # fmt: skip
refuse(
    "which elements are alike is not differentiable; take them by constant places: "
    "t.ravel()[np.unique(t.data, return_index=True)[1]]",
    np.unique, np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values,
)  # fmt: skip
refuse("sort by a constant order of your own: t[np.argsort(t.data)] has NumPy's for complex numbers", np.sort_complex)
