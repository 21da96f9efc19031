"""New tensors: of nested lists, of one value, of another's shape or dtype."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from autograd_np.primitives import implements
from autograd_np.tensor import Tensor, holds_a_tensor, joined, plain


def _creates(function: Callable[..., Any]) -> None:
    """Let `np.zeros_like(t)`, `np.zeros(shape, like=t)` and their kin return a tensor off the tape.

    Recorded values can be assigned into it.
    """

    def call(*args: Any, **kwargs: Any) -> Tensor:
        return Tensor(function(*plain(args), **{name: plain(value) for name, value in kwargs.items()}))

    implements(function)(call)


for _function in (
    np.zeros, np.ones, np.empty, np.eye, np.identity, np.tri, np.arange, np.zeros_like, np.ones_like, np.empty_like,
):  # fmt: skip
    _creates(_function)


@implements(np.astype)
def _astype(x: Any, dtype: DTypeLike, /, *, copy: bool = True) -> Any:
    return x if not copy and x.dtype == np.dtype(dtype) else x.astype(dtype)


@implements(np.array)
def array(object: Any, dtype: DTypeLike | None = None, *, copy: bool | None = True, ndmin: int = 0) -> Tensor:
    """Make a tensor of nested lists of numbers and tensors; it is on the tape of those.

    It is also what `np.array([...], like=t)` calls. Without `like`, NumPy cannot see the tensors in a list.

    Parameters
    ----------
    object : array_like
        Numbers, arrays, tensors, or nested lists and tuples of them, all of one shape at each depth.
    dtype : dtype, optional
        By default the one that NumPy promotes the parts to.
    copy : bool or None
        Whether to copy a tensor that is already as it should be.
    ndmin : int
        The least number of axes; missing ones are added on the left.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If the parts differ in shape.

    Examples
    --------
    >>> from autograd_np import Tensor, array
    >>> t = Tensor(0.5, requires_grad=True)
    >>> rotated = array([[t, 0.0], [0.0, 1.0]])
    >>> rotated.sum().backward()
    >>> t.grad
    array(1.)
    """
    made: Any = joined(object)
    if copy is False and (made is not object or (dtype is not None and made.dtype != np.dtype(dtype))):
        raise ValueError("np.array, np.asarray or np.asanyarray: copy=False, but a tensor is a copy here; leave it out")
    if dtype is not None and made.dtype != np.dtype(dtype):
        made = made.astype(dtype)
    elif made is object and copy:
        made = made.copy()
    return made.reshape((1,) * (ndmin - made.ndim) + made.shape) if made.ndim < ndmin else made


@implements(np.asarray, np.asanyarray)
def asarray(a: Any, dtype: DTypeLike | None = None, *, copy: bool | None = None) -> Tensor:
    """Make a tensor of what is none yet: `np.asarray(a, like=t)`."""
    return array(a, dtype, copy=copy)


@implements(np.full)
def full(
    shape: Any, fill_value: Any, dtype: DTypeLike | None = None, order: str = "C", *, device: str | None = None
) -> Tensor:
    """Fill a new tensor with one value, on its tape: `np.full(shape, value, like=t)`."""
    if not holds_a_tensor(fill_value):
        return Tensor(np.full(shape, fill_value, dtype))
    filled: Any = np.broadcast_to(array(fill_value), shape)  # a Tensor has one memory order, on one device
    return filled.astype(filled.dtype if dtype is None else dtype)


@implements(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None,
    *, device: Any = None,
) -> Tensor:  # fmt: skip
    """Fill a new tensor of another one's shape with one value, on its tape; see `numpy.full_like`."""
    filled = np.dtype(a.dtype if dtype is None else dtype)
    if holds_a_tensor(fill_value) and filled.kind in "fc":
        return full(a.shape if shape is None else shape, fill_value, filled)
    return Tensor(np.full_like(plain(a), plain(fill_value), dtype, order, subok, plain(shape)))
