"""NumPy's methods: each calls NumPy's function of its name on what it is a method of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from autograd_np.hints import numpy_keywords
from autograd_np.primitives import Primitive, primitive_of

__all__ = ["NumpyMethods", "astype"]

Axis: TypeAlias = int | tuple[int, ...] | None


def _astype(x: Any, dtype: Any = None) -> Any:
    return x.astype(dtype)


astype = Primitive(_astype, "astype", fresh=True)
_reshape = primitive_of(np.reshape)


class NumpyMethods:
    """The methods of an array, for a class that says how a function is called."""

    __slots__ = ()

    def _call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function of NumPy on this array and further arguments."""
        raise NotImplementedError

    def _record(self, primitive: Primitive, **kwargs: Any) -> Any:
        """Call a primitive on this array, and record it."""
        raise NotImplementedError

    def _plain(self) -> Any:
        """Return a plain array, if that loses nothing."""
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        raise NotImplementedError

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        raise NotImplementedError

    @property
    def T(self) -> Self:
        """The transpose: the axes in reverse order."""
        return self.transpose()

    @property
    def mT(self) -> Self:
        """The matrix transpose: the last two axes swapped."""
        return self.swapaxes(-1, -2)

    @numpy_keywords
    def sum(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """See `numpy.sum`."""
        return self._call(np.sum, axis=axis, keepdims=keepdims)

    @numpy_keywords
    def prod(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """See `numpy.prod`."""
        return self._call(np.prod, axis=axis, keepdims=keepdims)

    @numpy_keywords
    def mean(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """See `numpy.mean`."""
        return self._call(np.mean, axis=axis, keepdims=keepdims)

    @numpy_keywords
    def var(self, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Self:
        """See `numpy.var`."""
        return self._call(np.var, axis=axis, ddof=ddof, keepdims=keepdims)

    @numpy_keywords
    def std(self, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Self:
        """See `numpy.std`."""
        return self._call(np.std, axis=axis, ddof=ddof, keepdims=keepdims)

    @numpy_keywords
    def max(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """See `numpy.max`. Ties share the gradient evenly."""
        return self._call(np.max, axis=axis, keepdims=keepdims)

    @numpy_keywords
    def min(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """See `numpy.min`. Ties share the gradient evenly."""
        return self._call(np.min, axis=axis, keepdims=keepdims)

    @numpy_keywords
    def cumsum(self, axis: int | None = None) -> Self:
        """See `numpy.cumsum`."""
        return self._call(np.cumsum, axis=axis)

    @numpy_keywords
    def cumprod(self, axis: int | None = None) -> Self:
        """See `numpy.cumprod`."""
        return self._call(np.cumprod, axis=axis)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Self:
        """See `numpy.trace`."""
        return self._call(np.trace, offset, axis1, axis2)

    @numpy_keywords
    def argmax(self, axis: int | None = None, *, keepdims: bool = False) -> Any:
        """See `numpy.argmax`; a plain array."""
        return self._call(np.argmax, axis=axis, keepdims=keepdims)

    @numpy_keywords
    def argmin(self, axis: int | None = None, *, keepdims: bool = False) -> Any:
        """See `numpy.argmin`; a plain array."""
        return self._call(np.argmin, axis=axis, keepdims=keepdims)

    @numpy_keywords
    def argsort(self, axis: int | None = -1, *, stable: bool | None = None) -> Any:
        """See `numpy.argsort`; a plain array."""
        return self._call(np.argsort, axis=axis, stable=stable)

    def nonzero(self) -> tuple[Any, ...]:
        """See `numpy.nonzero`; plain arrays."""
        return self._call(np.nonzero)

    @numpy_keywords
    def any(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """See `numpy.any`; a plain array."""
        return self._call(np.any, axis=axis, keepdims=keepdims)

    @numpy_keywords
    def all(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """See `numpy.all`; a plain array."""
        return self._call(np.all, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: int | Sequence[int]) -> Self:
        """See `numpy.reshape`; the shape as one tuple or as several numbers."""
        return self._record(_reshape, shape=shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: int | Sequence[int] | None) -> Self:
        """See `numpy.transpose`; the axes as one tuple or as several numbers."""
        given = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return self._call(np.transpose, axes=given or None)

    def swapaxes(self, axis1: int, axis2: int) -> Self:
        """See `numpy.swapaxes`."""
        return self._call(np.swapaxes, axis1=axis1, axis2=axis2)

    def ravel(self) -> Self:
        """See `numpy.ravel`."""
        return self.reshape(-1)

    def flatten(self) -> Self:
        """Return a copy in one dimension."""
        return self.reshape(-1).copy()

    @numpy_keywords
    def squeeze(self, axis: Axis = None) -> Self:
        """See `numpy.squeeze`."""
        return self._call(np.squeeze, axis=axis)

    @numpy_keywords
    def take(self, indices: ArrayLike, axis: int | None = None) -> Self:
        """See `numpy.take`."""
        return self._call(np.take, indices, axis=axis)

    @numpy_keywords
    def repeat(self, repeats: ArrayLike, axis: int | None = None) -> Self:
        """See `numpy.repeat`."""
        return self._call(np.repeat, repeats, axis=axis)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Self:
        """See `numpy.diagonal`; a view that cannot be written into."""
        return self._call(np.diagonal, offset, axis1, axis2)

    def dot(self, other: Any) -> Self:
        """See `numpy.dot`."""
        return self._call(np.dot, other)

    def clip(self, min: Any | None = None, max: Any | None = None) -> Self:
        """See `numpy.clip`. Halfway between inside and outside, the gradient is one half."""
        return self._call(np.clip, min, max)

    def round(self, decimals: int = 0) -> Self:
        """See `numpy.round`; its gradient is 0."""
        return self._call(np.round, decimals)

    def astype(self, dtype: DTypeLike) -> Self:
        """Return a copy of another dtype. One of integers or booleans leaves the tape, since it has no gradient."""
        return self._record(astype, dtype=np.dtype(dtype))

    def copy(self) -> Self:
        """Return a copy on the same tape."""
        return self.astype(self.dtype)

    @property
    def real(self) -> Self:
        """See `numpy.real`."""
        return self._call(np.real)

    @property
    def imag(self) -> Self:
        """See `numpy.imag`."""
        return self._call(np.imag)

    def conj(self) -> Self:
        """See `numpy.conj`; real numbers are their own."""
        return self._call(np.conjugate) if self.dtype.kind == "c" else self

    conjugate = conj

    def __divmod__(self, other: Any) -> tuple[Self, Self]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Self, Self]:
        return other // self, other % self

    def __neg__(self) -> Self:
        return self._call(np.negative)

    def __pos__(self) -> Self:
        return self._call(np.positive)

    def __abs__(self) -> Self:
        return self._call(np.absolute)

    def __round__(self, ndigits: int = 0) -> Self:
        return self.round(ndigits)

    def __eq__(self, other: object) -> Any:
        return self._call(np.equal, other)

    def __ne__(self, other: object) -> Any:
        return self._call(np.not_equal, other)

    def __lt__(self, other: Any) -> Any:
        return self._call(np.less, other)

    def __le__(self, other: Any) -> Any:
        return self._call(np.less_equal, other)

    def __gt__(self, other: Any) -> Any:
        return self._call(np.greater, other)

    def __ge__(self, other: Any) -> Any:
        return self._call(np.greater_equal, other)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __float__(self) -> float:
        return float(self._plain())

    def __int__(self) -> int:
        return int(self._plain())

    def __complex__(self) -> complex:
        return complex(self._plain())

    def __index__(self) -> int:
        return self._plain().__index__()
