"""Tensor: an array, its gradient, and its place on the tape."""

# The functions below the class are its other half, and see its slots.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar, Union, final

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autograd_np.primitives import (
    Primitive,
    implementations,
    name_of,
    nearest,
    primitive_of,
    primitives,
    refusals,
)
from autograd_np.tape import (
    NOTHING,
    ORDINARY,
    Leaf,
    Node,
    check_finite,
    is_array,
    mode,
    output_node,
    owner,
    plan_of,
    reaches_before,
    record_node,
    recording,
    sweep,
    tick,
    user_line,
    writes,
    wrote,
)

__all__ = ["Operand", "Tensor", "gradients", "leaf_over", "plain", "primitive", "record"]

Operand: TypeAlias = Union["Tensor", ArrayLike]
# The node of a leaf, by the array that owns its memory: what must not be written into while recording.
_leaves: weakref.WeakValueDictionary[int, Leaf] = weakref.WeakValueDictionary()

Axis: TypeAlias = int | tuple[int, ...] | None
F = TypeVar("F", bound=Callable[..., Any])


@final
class Tensor:
    """An array that records what is computed with it, so that it can be differentiated.

    NumPy's functions take a Tensor as they take an array, and return one: `np.tanh(x @ W + b)`. So do ufuncs of
    `scipy.special`. Comparisons and functions without a gradient (`np.argmax`) return plain arrays.

    Parameters
    ----------
    data : array_like
        Numbers of any shape. They are copied, so that later changes to `data` cannot reach the tape.
    requires_grad : bool
        Whether gradients with respect to this tensor are wanted. It needs a floating or complex dtype.
    dtype : dtype, optional
        By default that of `data`.

    Raises
    ------
    TypeError
        If `data` is not numeric, if gradients are asked of integers, or if `data` is a Tensor on a tape.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> y = np.sum(x**2)
    >>> y
    Tensor(5., origin=np.sum)
    >>> y.backward()
    >>> x.grad
    array([2., 4.])
    """

    __slots__ = ("__weakref__", "_data", "_grad", "_node")

    _data: NDArray[Any]
    _grad: NDArray[Any] | None
    _node: Node | None

    def __init__(self, data: Operand, requires_grad: bool = False, dtype: DTypeLike | None = None) -> None:
        if isinstance(data, Tensor) and data._node is not None:
            raise TypeError(
                "Tensor(t) of a tensor that requires a gradient would leave its tape: use t itself, or t.detach()"
            )
        array = np.array(data, dtype=dtype)
        if array.dtype.kind not in "biufc":
            raise TypeError(f"Tensor: data of dtype {array.dtype} are not numbers; give numbers, or pass dtype=")
        self._data, self._grad, self._node = array, None, None
        self.requires_grad = requires_grad

    def __init_subclass__(cls) -> None:
        raise TypeError("Tensor cannot be subclassed: a module or a function of tensors holds what a subclass would")

    # -- what it is ---------------------------------------------------------------------------------------------------

    @property
    def data(self) -> NDArray[Any]:
        """The array itself, off the tape. Assigning writes into it, and the tape notices: `p.data -= lr * p.grad`.

        Writing into the array by other means (`p.data[0] = 1`) goes unnoticed except under `detect_anomaly`.
        """
        return self._data

    @data.setter
    def data(self, value: ArrayLike) -> None:
        if value is not self._data:
            array = np.asarray(value)
            if array.shape != self.shape:
                raise ValueError(f"Tensor.data: cannot assign shape {array.shape} to a tensor of shape {self.shape}")
            np.copyto(self._data, array)
        wrote(self._data)

    @property
    def grad(self) -> NDArray[Any] | None:
        """The gradient gathered by `backward`: a plain array of this tensor's shape and dtype, its own, or None."""
        return self._grad

    @grad.setter
    def grad(self, value: ArrayLike | None) -> None:
        if value is None:
            self._grad = None
            return
        array = np.array(value, dtype=self.dtype)
        if array.shape != self.shape:
            raise ValueError(f"Tensor.grad: cannot assign shape {array.shape} to a tensor of shape {self.shape}")
        self._grad = array

    @property
    def requires_grad(self) -> bool:
        """Whether operations on it are recorded. It can be set on a leaf: to freeze a parameter, or thaw it."""
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not self.is_leaf:
            if value:
                return
            raise RuntimeError("requires_grad can be unset on leaves only; use detach() to take a result off its tape")
        if value and self._data.dtype.kind not in "fc":
            raise TypeError(
                f"a tensor of dtype {self.dtype} cannot require a gradient: only floating and complex numbers can; "
                f"pass dtype=float"
            )
        if value == (self._node is not None):
            return
        self._node = None
        if value:
            self._node = _leaves[id(owner(self._data))] = Leaf(self, self._data)

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by hand rather than by a recorded operation."""
        return self._node is None or self._node.plan is None

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self._data.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return self._data.dtype

    @property
    def T(self) -> Tensor:
        """The transpose: the axes in reverse order."""
        return self.transpose()

    @property
    def mT(self) -> Tensor:
        """The matrix transpose: the last two axes swapped."""
        return self.swapaxes(-1, -2)

    def __repr__(self) -> str:
        text = np.array2string(self._data, separator=", ", prefix="Tensor(")
        if self.dtype.name not in ("float64", "int64", "bool", "complex128"):
            text += f", dtype={self.dtype}"
        if self._node is not None:
            text += ", requires_grad=True" if self.is_leaf else f", origin={self._node.name}"
        return f"Tensor({text})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and self.size == 1 else format(str(self), spec)

    # -- off the tape -------------------------------------------------------------------------------------------------

    def detach(self) -> Tensor:
        """Return a tensor off the tape that shares this one's memory."""
        return _wrap(self._data, None)

    def numpy(self) -> NDArray[Any]:
        """Return the array, sharing memory; refused for a tensor on a tape, as in PyTorch (`detach()` it first)."""
        if self._node is not None:
            raise self._leaves_tape("t.numpy()")
        return self._data

    def item(self) -> Any:
        """Return the only element as a Python number."""
        return self._data.item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
        return self._data.tolist()

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if self._node is not None:
            raise self._leaves_tape("np.asarray(t), np.array([t, ...]) or arr[i] = t")
        return np.array(self._data, dtype=dtype, copy=copy)

    def __float__(self) -> float:
        return float(self._plain("float(t)"))

    def __int__(self) -> int:
        return int(self._plain("int(t)"))

    def __complex__(self) -> complex:
        return complex(self._plain("complex(t)"))

    def __index__(self) -> int:
        return self._plain("an index").__index__()

    def __bool__(self) -> bool:
        return bool(self._data)

    def _plain(self, call: str) -> NDArray[Any]:
        if self._node is not None:
            raise self._leaves_tape(call)
        return self._data

    def _leaves_tape(self, call: str) -> TypeError:
        return TypeError(
            f"{call}: the tensor of shape {self.shape} requires a gradient, which a plain array or number would lose "
            f"in silence; use t.data for the array, t.item() for the number, np.stack or autograd_np.array to join "
            f"tensors, and assign into a Tensor instead of an array"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.is_leaf:
            raise TypeError("only leaves can be copied or pickled, not results on a tape: use t.detach()")
        return Tensor, (self._data, self.requires_grad)

    # -- backwards ----------------------------------------------------------------------------------------------------

    def backward(self, gradient: Operand | None = None, retain_graph: bool = False) -> None:
        """Add the gradient of this tensor to the `.grad` of every leaf that it was computed from.

        Parameters
        ----------
        gradient : array_like of this tensor's shape, optional
            The gradient of some final scalar with respect to this tensor; 1 for a scalar.
        retain_graph : bool
            Keep the graph for another backward pass. By default it is released on the way.

        Raises
        ------
        RuntimeError
            If nothing was recorded, if the tensor is no scalar and `gradient` is missing, if the graph is spent, or
            if an array on it was changed in place. No gradient has changed then.
        ValueError
            If `gradient` has another shape.

        Examples
        --------
        >>> from autograd_np import Tensor
        >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
        >>> (x * x).backward(gradient=[1.0, 0.0, 1.0])
        >>> x.grad
        array([2., 0., 6.])
        """
        node, seed = _seed(self, gradient, "backward()")
        found = sweep([node], [seed.data], retain=retain_graph)
        del seed
        totals: list[tuple[Tensor, NDArray[Any]]] = []
        while found:
            node, total = found.popitem()
            leaf = node.leaf and node.leaf()
            if leaf is not None:
                totals.append((leaf, _own(total) if leaf._grad is None else leaf._grad + total))
        for leaf, total in totals:
            leaf._grad = np.asarray(total)

    # -- in place -----------------------------------------------------------------------------------------------------

    def __setitem__(self, index: Any, value: Operand) -> None:
        self._check_writable("t[index] = value", value)
        self._written(record(_assign, (_wrap(self._data, self._node), value), {"index": plain(index)}))

    def _update(self, operation: Primitive, other: Operand) -> Tensor:
        """Compute `self = operation(self, other)` in place, on the tape."""
        return self._overwrite(f"{operation.name} in place", (self, other), lambda *args: record(operation, args, {}))

    def _overwrite(self, call: str, args: Sequence[Any], compute: Callable[..., Tensor]) -> Tensor:
        """Write a result into this tensor's memory, and take its place on the tape."""
        self._check_writable(call, *args)
        before = _wrap(self._data.copy(), self._node)
        after = compute(*(before if arg is self else arg for arg in args))
        if after.shape != self.shape:
            raise ValueError(f"{call}: a result of shape {after.shape} does not fit {self.shape}")
        if not np.can_cast(after.dtype, self.dtype, "same_kind"):
            raise TypeError(f"{call}: a result of dtype {after.dtype} does not fit {self.dtype}")
        after = after if after.dtype == self.dtype else after.astype(self.dtype)
        np.copyto(self._data, after._data)
        self._written(after)
        return self

    def _check_writable(self, call: str, *args: Any) -> None:
        """Raise if writing into this tensor could lose a gradient in silence."""
        if self._node is not None:
            node = _leaves.get(id(owner(self._data)))
            leaf = node and node.leaf()
            if mode.get().recording and leaf is not None:
                raise RuntimeError(
                    f"{call}: a leaf that requires a gradient, or a view of one, cannot be changed in place while "
                    f"recording; do it under no_grad(), or through p.data"
                )
        elif any(isinstance(arg, Tensor) and arg._node is not None for arg in args):
            if self.dtype.kind not in "fc":
                raise TypeError(f"{call}: a tensor of dtype {self.dtype} cannot hold a value that requires a gradient")
            # Views taken before would stay off the tape that this tensor is getting on.
            if self._data.base is not None or sys.getrefcount(self._data) > _ALONE_IN_TENSOR:
                raise RuntimeError(
                    f"{call}: the tensor is not on a tape and shares its memory with a view or another array, which "
                    f"could not know that it now depends on recorded values; use a copy of it (t.copy())"
                )

    def _written(self, after: Tensor) -> None:
        """Take over the node of the result that was written into this tensor's memory."""
        wrote(self._data)
        if after._node is not None:
            after._node.number = tick()  # later than the write, so that this tensor alone is up to date
            self._node = after._node

    # -- operators ----------------------------------------------------------------------------------------------------

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        return np.equal(self._data, plain(other))

    def __ne__(self, other: object) -> Any:
        return np.not_equal(self._data, plain(other))

    def __lt__(self, other: Operand) -> Any:
        return np.less(self._data, plain(other))

    def __le__(self, other: Operand) -> Any:
        return np.less_equal(self._data, plain(other))

    def __gt__(self, other: Operand) -> Any:
        return np.greater(self._data, plain(other))

    def __ge__(self, other: Operand) -> Any:
        return np.greater_equal(self._data, plain(other))

    def __round__(self, ndigits: int = 0) -> Tensor:
        return self.round(ndigits)

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: object) -> bool:
        return plain(value) in self._data

    def __getitem__(self, index: Any) -> Tensor:
        return record(_getitem, (self,), {"index": plain(index)})

    def __neg__(self) -> Tensor:
        return record(_negative, (self,), {})

    def __pos__(self) -> Tensor:
        return record(_positive, (self,), {})

    def __abs__(self) -> Tensor:
        return record(_absolute, (self,), {})

    def __add__(self, other: Operand) -> Tensor:
        return _operate(_add, self, other)

    def __radd__(self, other: Operand) -> Tensor:
        return _operate(_add, other, self)

    def __iadd__(self, other: Operand) -> Tensor:
        return self._update(_add, other)

    def __sub__(self, other: Operand) -> Tensor:
        return _operate(_subtract, self, other)

    def __rsub__(self, other: Operand) -> Tensor:
        return _operate(_subtract, other, self)

    def __isub__(self, other: Operand) -> Tensor:
        return self._update(_subtract, other)

    def __mul__(self, other: Operand) -> Tensor:
        return _operate(_multiply, self, other)

    def __rmul__(self, other: Operand) -> Tensor:
        return _operate(_multiply, other, self)

    def __imul__(self, other: Operand) -> Tensor:
        return self._update(_multiply, other)

    def __truediv__(self, other: Operand) -> Tensor:
        return _operate(_divide, self, other)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return _operate(_divide, other, self)

    def __itruediv__(self, other: Operand) -> Tensor:
        return self._update(_divide, other)

    def __floordiv__(self, other: Operand) -> Tensor:
        return _operate(_floor_divide, self, other)

    def __rfloordiv__(self, other: Operand) -> Tensor:
        return _operate(_floor_divide, other, self)

    def __ifloordiv__(self, other: Operand) -> Tensor:
        return self._update(_floor_divide, other)

    def __divmod__(self, other: Operand) -> tuple[Tensor, Tensor]:
        return self // other, self % other

    def __rdivmod__(self, other: Operand) -> tuple[Tensor, Tensor]:
        return _operate(_floor_divide, other, self), _operate(_remainder, other, self)

    def __mod__(self, other: Operand) -> Tensor:
        return _operate(_remainder, self, other)

    def __rmod__(self, other: Operand) -> Tensor:
        return _operate(_remainder, other, self)

    def __imod__(self, other: Operand) -> Tensor:
        return self._update(_remainder, other)

    def __pow__(self, other: Operand) -> Tensor:
        return _operate(_power, self, other)

    def __rpow__(self, other: Operand) -> Tensor:
        return _operate(_power, other, self)

    def __ipow__(self, other: Operand) -> Tensor:
        return self._update(_power, other)

    def __matmul__(self, other: Operand) -> Tensor:
        return _operate(_matmul, self, other)

    def __rmatmul__(self, other: Operand) -> Tensor:
        return _operate(_matmul, other, self)

    def __imatmul__(self, other: Operand) -> Tensor:
        return self._update(_matmul, other)

    # -- NumPy's methods ----------------------------------------------------------------------------------------------

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See `numpy.sum`."""
        return _call(np.sum, self, axis=axis, keepdims=keepdims)

    def prod(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See `numpy.prod`."""
        return _call(np.prod, self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See `numpy.mean`."""
        return _call(np.mean, self, axis=axis, keepdims=keepdims)

    def var(self, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """See `numpy.var`."""
        return _call(np.var, self, axis=axis, ddof=ddof, keepdims=keepdims)

    def std(self, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """See `numpy.std`."""
        return _call(np.std, self, axis=axis, ddof=ddof, keepdims=keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See `numpy.max`. Ties share the gradient evenly."""
        return _call(np.max, self, axis=axis, keepdims=keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See `numpy.min`. Ties share the gradient evenly."""
        return _call(np.min, self, axis=axis, keepdims=keepdims)

    def cumsum(self, axis: int | None = None) -> Tensor:
        """See `numpy.cumsum`."""
        return _dispatch(np.cumsum, (self,), {"axis": axis})

    def cumprod(self, axis: int | None = None) -> Tensor:
        """See `numpy.cumprod`."""
        return _dispatch(np.cumprod, (self,), {"axis": axis})

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """See `numpy.trace`."""
        return _dispatch(np.trace, (self, offset, axis1, axis2), {})

    def argmax(self, axis: int | None = None) -> Any:
        """See `numpy.argmax`; a plain array."""
        return np.argmax(self._data, axis=axis)

    def argmin(self, axis: int | None = None) -> Any:
        """See `numpy.argmin`; a plain array."""
        return np.argmin(self._data, axis=axis)

    def argsort(self, axis: int | None = -1, *, stable: bool | None = None) -> Any:
        """See `numpy.argsort`; a plain array."""
        return np.argsort(self._data, axis=axis, stable=stable)

    def nonzero(self) -> tuple[Any, ...]:
        """See `numpy.nonzero`; plain arrays."""
        return np.nonzero(self._data)

    def any(self, axis: Axis = None) -> Any:
        """See `numpy.any`; a plain array."""
        return np.any(self._data, axis=axis)

    def all(self, axis: Axis = None) -> Any:
        """See `numpy.all`; a plain array."""
        return np.all(self._data, axis=axis)

    def reshape(self, *shape: int | Sequence[int]) -> Tensor:
        """See `numpy.reshape`; the shape as one tuple or as several numbers."""
        return _call(np.reshape, self, shape=shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: int | Sequence[int] | None) -> Tensor:
        """See `numpy.transpose`; the axes as one tuple or as several numbers."""
        given = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return _call(np.transpose, self, axes=given or None)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """See `numpy.swapaxes`."""
        return _call(np.swapaxes, self, axis1=axis1, axis2=axis2)

    def ravel(self) -> Tensor:
        """See `numpy.ravel`."""
        return self.reshape(-1)

    def flatten(self) -> Tensor:
        """Return a copy in one dimension."""
        return self.reshape(-1).copy()

    def squeeze(self, axis: Axis = None) -> Tensor:
        """See `numpy.squeeze`."""
        return _call(np.squeeze, self, axis=axis)

    def take(self, indices: ArrayLike, axis: int | None = None) -> Tensor:
        """See `numpy.take`."""
        return _dispatch(np.take, (self, indices), {"axis": axis})

    def repeat(self, repeats: ArrayLike, axis: int | None = None) -> Tensor:
        """See `numpy.repeat`."""
        return _dispatch(np.repeat, (self, repeats), {"axis": axis})

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """See `numpy.diagonal`; a copy."""
        return _dispatch(np.diagonal, (self, offset, axis1, axis2), {})

    def dot(self, other: Operand) -> Tensor:
        """See `numpy.dot`."""
        return _dispatch(np.dot, (self, other), {})

    def clip(self, min: Operand | None = None, max: Operand | None = None) -> Tensor:
        """See `numpy.clip`. Halfway between inside and outside, the gradient is one half."""
        return _dispatch(np.clip, (self, min, max), {})

    def round(self, decimals: int = 0) -> Tensor:
        """See `numpy.round`; its gradient is 0."""
        return _dispatch(np.round, (self, decimals), {})

    def astype(self, dtype: DTypeLike) -> Tensor:
        """Return a copy of another dtype. One of integers or booleans leaves the tape, since it has no gradient."""
        return record(_astype, (self,), {"dtype": np.dtype(dtype)})

    def copy(self) -> Tensor:
        """Return a copy on the same tape."""
        return self.astype(self.dtype)

    @property
    def real(self) -> Tensor:
        """See `numpy.real`."""
        return _call(np.real, self)

    @property
    def imag(self) -> Tensor:
        """See `numpy.imag`."""
        return _call(np.imag, self)

    def conj(self) -> Tensor:
        """See `numpy.conj`."""
        return _call(np.conjugate, self)

    conjugate = conj

    # -- NumPy's protocols --------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs and _OWN.issuperset(map(type, inputs)):
            entry = primitives.get(ufunc)
            if entry is not None and entry.defined:
                return record(entry, inputs, NOTHING)
        if not _array_ufuncs.issuperset(map(_array_ufunc_of, inputs)):
            return NotImplemented  # another library's array, which may know better
        key: Any = ufunc if method == "__call__" else (ufunc, method)
        out = kwargs.pop("out", None)
        if out is None or all(array is None for array in out):
            return _dispatch(key, inputs, kwargs)
        name = name_of(key)
        if len(out) > 1:
            raise TypeError(f"{name}: out= is not supported on tensors where there are several results; use them")
        if not isinstance(out[0], Tensor):
            raise TypeError(
                f"{name}: out= cannot be a plain array where an argument is a tensor, since that would lose its tape "
                f"(`arr += t` would do so too); write `t = {name}(...)`, give a Tensor for out=, or use `.data` where "
                f"no gradient is needed"
            )
        return out[0]._overwrite(name, inputs, lambda *args: _dispatch(key, args, kwargs))  # pyright: ignore

    def __array_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        if any(t is not Tensor and t is not np.ndarray for t in types):
            return NotImplemented
        return _dispatch(func, args, kwargs)


def _array_ufunc_of(value: object) -> Any:
    return getattr(type(value), "__array_ufunc__", None)


_array_ufuncs = {None, _array_ufunc_of(np.empty(0)), Tensor.__array_ufunc__}


def _dispatch(key: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call what stands in the table for a NumPy function, or a ufunc's method."""
    implementation = implementations.get(key)
    if implementation is not None:
        return implementation(*args, **kwargs)
    if key in refusals:
        raise TypeError(
            f"{name_of(key)} is not supported on tensors: {refusals[key]}; or pass `.data` where no gradient is needed"
        )
    entry = primitives.get(key)
    if entry is None or entry.arrays is None or not entry.defined:
        name = name_of(key)
        raise TypeError(
            f"{name} has no derivative rule: add one with defvjp({name}, ...), write it with supported functions, or "
            f"pass `.data` where no gradient is needed{nearest(key)}"
        )
    return record(entry, *entry.bind(args, kwargs))


# ---------------------------------------------------------------------------------------------------------------------
# Recording
# ---------------------------------------------------------------------------------------------------------------------


def record(primitive: Primitive, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call a primitive on arrays and tensors, and put it on the tape if one of the tensors is on it.

    Arrays are passed by position and everything else by keyword (`Primitive.bind` sorts a call so). Several results
    come back as a tuple.
    """
    for name, value in kwargs.items():
        if type(value) is Tensor:
            raise TypeError(f"{primitive.name}: {name}= cannot be a Tensor; pass its `.data` if it needs no gradient")
    arrays: list[Any] = []
    parents: list[Node] = []
    needed = 1  # and a bit for each argument, see plan_of
    for arg in args:
        needed <<= 1
        if type(arg) is Tensor:
            arrays.append(arg._data)
            node = arg._node
            if node is not None:
                if node.number < writes.latest and node.plan is not None:
                    _check_current(arg, node, primitive)
                needed |= 1
                parents.append(node)
        else:
            arrays.append(arg if type(arg) in _AS_THEY_ARE else np.asarray(arg))
    output: Any
    try:
        output = primitive.function(*arrays, **kwargs)
    except (TypeError, ValueError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{primitive.name} of {_describe(arrays)}: {error}") from error
    several = False
    if type(output) is not np.ndarray:
        several = _is_sequence(output)
        output = _arrays(output)
    state = mode.get()
    if state.anomaly:
        for part in output if several else (output,):
            check_finite(part, f"{primitive.name}: the result", f"computed at {user_line()}")
    node = None
    if parents and state.recording and (several or output.dtype.kind in "fc"):
        node = record_node(plan_of(primitive, needed), tuple(parents), arrays, kwargs, output, state.anomaly)
    if several:
        return tuple(_wrap(part, node and output_node(node, output, i)) for i, part in enumerate(output))  # pyright: ignore
    return _wrap(output, node)


def _operate(primitive: Primitive, a: Any, b: Any) -> Tensor:
    """Do what `record` does with an operator in 0.74 of the time; leave to it whatever is out of the ordinary."""
    left = right = None
    if type(a) is Tensor:
        x, left = a._data, a._node
    else:
        x = a if type(a) in _AS_THEY_ARE else np.asarray(a)
    if type(b) is Tensor:
        y, right = b._data, b._node
    else:
        y = b if type(b) in _AS_THEY_ARE else np.asarray(b)
    output: Any
    try:
        output = primitive.function(x, y)
    except (TypeError, ValueError):
        return record(primitive, (a, b), NOTHING)  # for its message
    newest = writes.latest
    if (
        mode.get() is not ORDINARY
        or type(output) is not np.ndarray
        or output.dtype.kind not in "fc"
        or (left is not None and left.number < newest and left.plan is not None)
        or (right is not None and right.number < newest and right.plan is not None)
    ):
        return record(primitive, (a, b), NOTHING)
    if left is None:
        parents, needed = () if right is None else (right,), 0b101
    else:
        parents, needed = ((left,), 0b110) if right is None else ((left, right), 0b111)
    tensor = _new(Tensor)  # as _wrap does
    tensor._data, tensor._grad, tensor._node = output, None, None
    if parents:
        plan = primitive.plans.get(needed) or plan_of(primitive, needed)
        tensor._node = record_node(plan, parents, (x, y), NOTHING, output)
    return tensor


_AS_THEY_ARE = {np.ndarray, float, int, bool, complex, type(None)}
_OWN = {Tensor, *_AS_THEY_ARE}


def _is_sequence(output: Any) -> bool:
    return isinstance(output, tuple | list)


def _arrays(output: Any) -> Any:
    """Make arrays of what NumPy returned: of a scalar a 0-d array, of a tuple or list a list of arrays."""
    return [np.asarray(part) for part in output] if _is_sequence(output) else np.asarray(output)


def _call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a NumPy function on tensors without going through its protocol."""
    return record(primitives[function], args, kwargs)


def primitive(function: F) -> F:
    """Make a function of arrays recordable: called with tensors, it goes on the tape as one operation.

    Its derivatives are defined with `defvjp`. Tensors must be arguments of their own, not inside lists.

    Parameters
    ----------
    function : callable
        Takes and returns plain arrays; it must neither change its arguments nor keep them.

    Returns
    -------
    callable
        The same function, for arrays and tensors.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor, defvjp, primitive
    >>> @primitive
    ... def cube(x):
    ...     return x * x * x
    >>> defvjp(cube, lambda g, _y, x: g * 3 * x**2)
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> cube(x).sum().backward()
    >>> x.grad
    array([ 3., 12.])
    """
    entry = Primitive(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if Tensor in map(type, args) or Tensor in map(type, kwargs.values()):
            return record(entry, *entry.bind(args, kwargs))
        return function(*args, **kwargs)

    primitives[call] = entry
    return call  # pyright: ignore[reportReturnType]


def _wrap(array: NDArray[Any], node: Node | None) -> Tensor:
    """Make a Tensor of an array, without a copy, and of its node."""
    tensor = _new(Tensor)
    tensor._data, tensor._grad, tensor._node = array, None, node
    return tensor


_new = object.__new__


def leaf_over(data: Operand) -> Tensor:
    """Make a leaf that shares the memory of a floating or complex array, or of a tensor off the tape."""
    tensor = _wrap(np.asarray(plain(data)), None)
    tensor._node = leaf = Leaf(tensor, tensor._data)
    _leaves.setdefault(id(owner(tensor._data)), leaf)  # it may be a parameter's memory, whose own leaf lives longer
    return tensor


def plain(value: Any) -> Any:
    """Return the array in place of a tensor, inside tuples and lists too."""
    if type(value) is Tensor:
        return value._data
    if type(value) in (tuple, list):
        return type(value)(plain(item) for item in value)
    return value


def _check_current(tensor: Tensor, node: Node, primitive: Primitive) -> None:
    """Raise if a tensor's memory was written through another one, which its own place on the tape does not know."""
    if writes.last(tensor._data) > node.number:
        raise RuntimeError(
            f"{primitive.name}: its argument of shape {tensor.shape}, made by {node.name}, shares memory that was "
            f"changed in place afterwards, and its place on the tape does not know; take the view again after the "
            f"change, or use a copy (t.copy())"
        )


def _describe(arrays: Sequence[Any]) -> str:
    """Say what an operation was given: `float64 (2, 3) and float64 (4, 5)`."""
    return " and ".join(f"{a.dtype} {a.shape}" if is_array(a) else type(a).__name__ for a in arrays)


# ---------------------------------------------------------------------------------------------------------------------
# Gradients
# ---------------------------------------------------------------------------------------------------------------------


def gradients(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Operand | Sequence[Operand | None] | None = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
) -> tuple[Tensor, ...]:
    """Return the gradients of tensors with respect to tensors, and leave every `.grad` alone.

    Parameters
    ----------
    outputs : Tensor or sequence of Tensor
        What is differentiated; several are summed, each weighted by its entry of `grad_outputs`.
    inputs : Tensor or sequence of Tensor
        With respect to what: leaves, or results on the way.
    grad_outputs : array_like or sequence of array_like or None, optional
        The gradient of some final scalar with respect to each output, of its shape; 1 for scalars.
    create_graph : bool
        Record the sweep itself, so that the gradients can be differentiated again.
    retain_graph : bool, optional
        Keep the graph for another sweep; by default as `create_graph`.

    Returns
    -------
    tuple of Tensor
        One for each input, of its shape and dtype; zeros where no output depends on it.

    Raises
    ------
    RuntimeError
        If an output or an input is not on a tape, an output is no scalar and has no gradient, the graph is spent, or an
        array on it was changed in place.
    ValueError
        If a gradient has another shape than its output.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor, gradients
    >>> x = Tensor(2.0, requires_grad=True)
    >>> (dy,) = gradients(x**3, x, create_graph=True)
    >>> (ddy,) = gradients(dy, x)
    >>> dy.item(), ddy.item()
    (12.0, 12.0)
    """
    if isinstance(outputs, Tensor):
        outputs, grad_outputs = [outputs], [grad_outputs]  # pyright: ignore[reportAssignmentType]
    inputs = [inputs] if isinstance(inputs, Tensor) else inputs
    weights: list[Any] = [None] * len(outputs) if grad_outputs is None else list(grad_outputs)  # pyright: ignore
    if len(weights) != len(outputs):
        raise ValueError(
            f"gradients: {len(outputs)} outputs with {len(weights)} grad_outputs; give one for each, or None"
        )
    missing = [i for i, x in enumerate(inputs) if x._node is None]
    if missing:
        raise RuntimeError(
            f"gradients: input {missing[0]} does not require a gradient; make it with requires_grad=True, and only "
            f"then compute with it"
        )
    nodes, seeds = zip(*(_seed(y, g, "gradients") for y, g in zip(outputs, weights, strict=True)), strict=True)
    wanted: list[Any] = [x._node for x in inputs]
    youngest = max(node.number for node in nodes)
    for i, node in enumerate(wanted):
        if node.number > youngest:
            raise RuntimeError(
                f"gradients: input {i} was made, or changed in place, after the outputs, so that they cannot depend on "
                f"it; keep the tensor that they were computed from"
            )
    retain = create_graph if retain_graph is None else retain_graph
    return _swept(nodes, seeds, wanted, create_graph, retain)


def stacked_gradients(
    output: Tensor, inputs: Sequence[Tensor], grad_outputs: NDArray[Any], *, create_graph: bool
) -> tuple[Tensor, ...]:
    """Return the gradients of one output for a stack of its gradients, in one sweep; the graph is retained.

    An axis before its own runs through `grad_outputs`, of shape (N,) + output.shape, and through every result.
    """
    assert output._node is not None
    seeds = [_wrap(grad_outputs, None)]
    return _swept([output._node], seeds, [x._node for x in inputs], create_graph, True, len(grad_outputs))


def _swept(
    nodes: Sequence[Node], seeds: Sequence[Tensor], wanted: Sequence[Any], create: bool, retain: bool, stacked: int = 0
) -> tuple[Tensor, ...]:
    """Return what a sweep finds for the wanted nodes, as Tensors; zeros where it finds nothing."""
    if create:
        with recording():
            found = sweep(nodes, seeds, set(wanted), lift=_wrap, retain=retain, stacked=stacked)
    else:
        found = sweep(nodes, [plain(seed) for seed in seeds], set(wanted), retain=retain, stacked=stacked)
    results: list[Tensor] = []
    take = found.pop if len(set(wanted)) == len(wanted) else found.get  # what stays in `found` is copied by _own
    for node in wanted:
        g = take(node, None)
        if g is None:
            g = np.zeros((stacked, *node.shape) if stacked else node.shape, node.dtype)
        results.append(g if isinstance(g, Tensor) else _wrap(_own(g), None))
    return tuple(results)


def depends_on_others(output: Tensor, inputs: Sequence[Tensor]) -> bool:
    """Tell whether an output depends on the tape from before its inputs, too."""
    nodes = [x._node for x in inputs if x._node is not None]
    return output._node is not None and reaches_before(output._node, nodes)


def _seed(output: Tensor, gradient: Operand | None, call: str) -> tuple[Node, Tensor]:
    """Return where a sweep starts, and the gradient it starts with."""
    if output._node is None:
        raise RuntimeError(
            f"{call}: the tensor of shape {output.shape} does not require a gradient: nothing was recorded that leads "
            f"to it. Make the leaves with requires_grad=True, and do not compute it under no_grad() or from detached "
            f"values"
        )
    if gradient is None:
        if output.size != 1:
            raise RuntimeError(
                f"{call}: a tensor of shape {output.shape} is no scalar, so that its gradient is not defined by "
                f"itself; reduce it (t.sum().backward()), or give the gradient of its shape"
            )
        return output._node, _wrap(np.ones(output.shape, output.dtype), None)
    seed = gradient if isinstance(gradient, Tensor) else _wrap(np.asarray(gradient), None)
    if seed.shape != output.shape:
        raise ValueError(
            f"{call}: a gradient of shape {seed.shape} for a tensor of shape {output.shape}; they must agree"
        )
    return output._node, seed if seed.dtype == output.dtype else seed.astype(output.dtype)


def _own(array: Any) -> NDArray[Any]:
    """Return the array if nobody else can see its memory, else a copy."""
    alone = type(array) is np.ndarray and array.base is None and sys.getrefcount(array) <= _ALONE
    return array if alone else np.array(array)


def _count() -> int:
    def inside(array: Any) -> int:
        return sys.getrefcount(array)

    array = np.empty(0)
    return inside(array)


# What getrefcount says of an array with one name outside, and of one in a Tensor: that differs between Pythons.
_ALONE = _count()
_ALONE_IN_TENSOR = (lambda tensor: sys.getrefcount(tensor._data))(Tensor(0.0))


@primitive
def getitem(x: Any, index: Any = None) -> Any:
    """Index an array: `x[index]`."""
    return x[index]


@primitive
def astype(x: Any, dtype: Any = None) -> Any:
    """Return a copy of another dtype."""
    return x.astype(dtype)


@primitive
def assign(x: Any, value: Any, index: Any = None) -> Any:
    """Write `value` into `x[index]`, in place: for `Tensor.__setitem__` alone, which tells the tape."""
    x[index] = value
    return x


_getitem, _astype, _assign = (primitive_of(f) for f in (getitem, astype, assign))
_getitem.name, _assign.name = "t[index]", "t[index] = value"
_negative, _positive, _absolute = (primitive_of(f) for f in (np.negative, np.positive, np.absolute))
_add, _subtract, _multiply, _divide = (primitive_of(f) for f in (np.add, np.subtract, np.multiply, np.divide))
_floor_divide, _remainder, _power = (primitive_of(f) for f in (np.floor_divide, np.remainder, np.power))
_matmul = primitive_of(np.matmul)
