"""Tensor: an array, its gradient, and its place on the tape."""

# The functions below the class are its other half, and see its slots.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import functools
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar, Union, cast, final

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autograd_np.hints import Absent, absent, numpy_keywords
from autograd_np.operands import admitted, array_of, described, losing_call
from autograd_np.primitives import (
    Primitive,
    check_fit,
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
    plan_of,
    reached_leaves,
    reaches_before,
    record_node,
    recording,
    sweep,
    user_line,
)
from autograd_np.versions import tick, versions

__all__ = [
    "Operand",
    "Tensor",
    "as_argument",
    "as_array",
    "gradients",
    "holds_a_tensor",
    "joined",
    "plain",
    "primitive",
    "record",
]

Operand: TypeAlias = Union["Tensor", ArrayLike]
# The leaves of frozen tensors, by their addresses, as long as something recorded leads to them: thawed, a tensor takes
# its leaf again, so that what was recorded before counts as well.
_frozen: weakref.WeakValueDictionary[int, Leaf] = weakref.WeakValueDictionary()

# Held while gradients are added to leaves, which threads may share.
_adding = threading.RLock()

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

    __slots__ = ("__weakref__", "_array", "_grad", "_node", "_view")

    _array: NDArray[Any]
    _grad: NDArray[Any] | None
    _node: Node | None
    _view: _View | None

    def __init__(self, data: Operand, requires_grad: bool = False, dtype: DTypeLike | None = None) -> None:
        if isinstance(data, Tensor) and data.requires_grad:
            raise TypeError(
                "Tensor(t) of a tensor that requires a gradient would leave its tape: use t itself, or t.detach()"
            )
        array = np.array(array_of(data, "Tensor: data"), dtype=dtype)
        if array.dtype.kind not in "biufc":
            raise TypeError(f"Tensor: dtype={array.dtype} is none of numbers; give one like float")
        self._array, self._grad, self._node, self._view = array, None, None, None
        self.requires_grad = requires_grad

    def __init_subclass__(cls) -> None:
        raise TypeError("Tensor cannot be subclassed: a module or a function of tensors holds what a subclass would")

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not isinstance(type(self).__dict__.get(name), Absent)]

    # -- what it is ---------------------------------------------------------------------------------------------------

    @property
    def data(self) -> NDArray[Any]:
        """The array itself, off the tape. Assigning writes into it, and the tape notices: `p.data -= lr * p.grad`.

        Writing into the array by other means (`p.data[0] = 1`) goes unnoticed except under `detect_anomaly`; say so
        first, by `p.data = p.data`.
        """
        return self._array

    @data.setter
    def data(self, value: ArrayLike) -> None:
        self._check_memory("Tensor.data")
        if value is self._array:  # as in `p.data -= 1`, or before an optimiser writes into it
            versions.note(self._array)
            return
        array = array_of(value, "Tensor.data: the value")
        if array.shape != self.shape:
            raise ValueError(f"Tensor.data: cannot assign shape {array.shape} to a tensor of shape {self.shape}")
        array = array.astype(self.dtype, casting="same_kind", copy=False)
        versions.note(self._array)
        np.copyto(self._array, array)

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
        return self._place is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not self.is_leaf:
            if value:
                return
            raise RuntimeError("requires_grad can be unset on leaves only; use detach() to take a result off its tape")
        if value and self._array.dtype.kind not in "fc":
            raise TypeError(
                f"a tensor of dtype {self.dtype} cannot require a gradient: only floating and complex numbers can; "
                f"pass dtype=float"
            )
        if value == (self._node is not None):
            return
        if self._node is not None:
            _frozen[id(self)] = cast(Leaf, self._node)
            self._node = None
            return
        known = _frozen.pop(id(self), None)
        self._node = known if known is not None and known.leaf() is self else Leaf(self, self._array)
        self._view = self._view and _CONSTANT

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by hand rather than by a recorded operation."""
        node = self._place
        return node is None or node.plan is None

    @property
    def _place(self) -> Node | None:
        """Its place on the tape: of a view that was a constant, where its memory has come since."""
        return self._node if self._node is not None or self._view is None else _current(self, "the tensor")

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self._array.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._array.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._array.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return self._array.dtype

    @property
    def T(self) -> Tensor:
        """The transpose: the axes in reverse order."""
        return self.transpose()

    @property
    def mT(self) -> Tensor:
        """The matrix transpose: the last two axes swapped."""
        return self.swapaxes(-1, -2)

    def __repr__(self) -> str:
        text = np.array2string(self._array, separator=", ", prefix="Tensor(")
        if self.dtype.name not in ("float64", "int64", "bool", "complex128"):
            text += f", dtype={self.dtype}"
        if self._node is not None:
            text += ", requires_grad=True" if self.is_leaf else f", origin={self._node.name}"
        return f"Tensor({text})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and self.size == 1 else format(str(self), spec)

    # -- off the tape -------------------------------------------------------------------------------------------------

    def detach(self) -> Tensor:
        """Return a tensor off the tape that shares this one's memory, and is a constant whatever is written there."""
        return _wrap(self._array, None, _CONSTANT)

    def numpy(self) -> NDArray[Any]:
        """Return the array, sharing memory; refused for a tensor on a tape, as in PyTorch (`detach()` it first)."""
        if self._place is not None:
            raise self._leaves_tape()
        return self._array

    def item(self) -> Any:
        """Return the only element as a Python number."""
        return self._array.item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
        return self._array.tolist()

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if self._place is not None:
            raise self._leaves_tape()
        return np.array(self._array, dtype=dtype, copy=copy)

    def __float__(self) -> float:
        return float(self._plain())

    def __int__(self) -> int:
        return int(self._plain())

    def __complex__(self) -> complex:
        return complex(self._plain())

    def __index__(self) -> int:
        return self._plain().__index__()

    def __bool__(self) -> bool:
        return bool(self._array)

    def _plain(self) -> NDArray[Any]:
        if self._place is not None:
            raise self._leaves_tape()
        return self._array

    def _leaves_tape(self) -> TypeError:
        call, instead = losing_call()
        return TypeError(
            f"{call}: the tensor of shape {self.shape} requires a gradient, which a plain array or number would lose "
            f"in silence; {instead}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.is_leaf or self._is_argument:
            raise TypeError(
                "only leaves can be copied or pickled, not results on a tape or arguments of a function that is being "
                "differentiated: use t.copy() on the tape, t.detach() off it"
            )
        return Tensor, (self._array, self.requires_grad)

    def __copy__(self) -> Tensor:
        if self._is_argument:
            return self.copy()
        return Tensor(*self.__reduce__()[1])

    def __deepcopy__(self, memo: Any) -> Tensor:
        return self.__copy__()

    @property
    def _is_argument(self) -> bool:
        """Whether it stands for an argument of a function that is being differentiated."""
        node = self._node
        return node is not None and (node.primitive is _argument or (isinstance(node, Leaf) and node.is_argument))

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
        if gradient is None and self.dtype.kind == "c" and any(leaf.dtype.kind != "c" for leaf in reached_leaves(node)):
            raise _complex_by_real("backward()")
        found = sweep([node], [seed._array], retain=retain_graph)
        del seed
        totals: list[tuple[Tensor, NDArray[Any]]] = []
        with _adding:
            while found:
                node, total = found.popitem()
                leaf = node.leaf and node.leaf()
                if leaf is not None and leaf._node is node:  # else it was frozen meanwhile
                    totals.append((leaf, _own(total) if leaf._grad is None else leaf._grad + total))
            for leaf, total in totals:
                leaf._grad = np.asarray(total)

    # -- in place -----------------------------------------------------------------------------------------------------

    def __setitem__(self, index: Any, value: Operand) -> None:
        index = _kept({"index": plain(index)})["index"]
        place = self._array[index]
        shares = is_array(place) and np.may_share_memory(place, self._array)
        value = as_array(value, "t[index] = value: the value")
        if isinstance(value, Tensor):
            if shares and _same_memory(value, place) and _root(value) is _root(self):
                return  # the end of t[index] += other
        else:
            value = _wrap(np.asarray(value), None)
        _check_fits("t[index] = value", self._array, value._array, np.shape(place))
        self._write("t[index] = value", value, index, place if shares else self._array)

    def _update(self, operation: Primitive, other: Operand) -> Tensor:
        """Compute `self = operation(self, other)` in place, on the tape."""
        return self._overwrite(f"{operation.name} in place", (self, other), lambda *args: record(operation, args, {}))

    def _overwrite(self, call: str, args: Sequence[Any], compute: Callable[..., Tensor]) -> Tensor:
        """Write the result of an operation into this tensor's memory, and take its place on the tape."""
        self._check_writable(call)
        result = compute(*(self._before_write(arg) for arg in args))
        if result.shape != self.shape:
            raise ValueError(f"{call}: a result of shape {result.shape} does not fit {self.shape}")
        self._write(call, result, None, self._array)
        return self

    def _before_write(self, arg: Any) -> Any:
        """Return an argument that a write into this tensor leaves as it is."""
        if type(arg) is Tensor and np.may_share_memory(arg._array, self._array):
            node = _current(arg, "an operation in place") if mode.get().recording else None
            return _wrap(arg._array.copy(), node)
        return arg

    def _write(self, call: str, value: Tensor, index: Any, place: NDArray[Any]) -> None:
        """Write into this tensor's memory, at `index` or everywhere: the one way in, which tells the tape.

        The tensor that owns the memory depends on the value then, and every view of it is taken anew when it is read.
        """
        root, source = self._check_writable(call, value)
        if index is None and not np.can_cast(value.dtype, self.dtype, "same_kind"):
            raise TypeError(f"{call}: a result of dtype {value.dtype} does not fit {self.dtype}")
        own = root_node = None
        if mode.get().recording:
            own, root_node = _current(self, call), _current(root, call)
        value = value if value.dtype == self.dtype else value.astype(self.dtype)
        versions.note(place)
        self._array[... if index is None else index] = value._array
        source = source and value._node
        if source is None and own is None and root_node is None:
            return
        if index is None:
            own, index = None, ...  # nothing of what was there is left
        self._node = _assignment(own, self._array, source, value._array, index)
        if self is not root:
            root._node = _after_write(root, root_node, self)

    def _check_writable(self, call: str, value: Tensor | None = None) -> tuple[Tensor, Node | None]:
        """Return the tensor whose memory this one lies in, and the value's place on the tape.

        Raises
        ------
        RuntimeError, TypeError, ValueError
            If writing could lose a gradient in silence, or the memory is not to be written.
        """
        self._check_memory(call)
        root = _root(self)
        if not mode.get().recording:
            return root, None
        if root._node is not None and root._node.plan is None:
            raise RuntimeError(
                f"{call}: a leaf that requires a gradient, or a view of one, cannot be changed in place while "
                f"recording; do it under no_grad(), or through p.data"
            )
        node = _current(value, call) if value is not None else None
        if node is not None:
            if self.dtype.kind not in "fc" or root.dtype.kind not in "fc":
                raise TypeError(f"{call}: a tensor of dtype {self.dtype} cannot hold a value that requires a gradient")
            if root._view is _CONSTANT:
                raise RuntimeError(
                    f"{call}: the tensor was detached, or taken under no_grad(), from one whose memory it shares, and "
                    f"which could not know that it now depends on recorded values; use a copy of it (t.copy())"
                )
        return root, node

    def _check_memory(self, call: str) -> None:
        if _root(self)._is_argument:
            raise RuntimeError(
                f"{call}: an argument of a function that is being differentiated, or a view of one, cannot be changed "
                f"in place, since it is the caller's own memory and a leaf of the tape; change a copy (t.copy())"
            )
        if not self._array.flags.writeable:
            raise ValueError(
                f"{call}: the tensor's memory is read-only, as that of what was broadcast; use a copy of it (t.copy())"
            )

    # -- operators ----------------------------------------------------------------------------------------------------

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        return np.equal(self._array, plain(other))

    def __ne__(self, other: object) -> Any:
        return np.not_equal(self._array, plain(other))

    def __lt__(self, other: Operand) -> Any:
        return np.less(self._array, plain(other))

    def __le__(self, other: Operand) -> Any:
        return np.less_equal(self._array, plain(other))

    def __gt__(self, other: Operand) -> Any:
        return np.greater(self._array, plain(other))

    def __ge__(self, other: Operand) -> Any:
        return np.greater_equal(self._array, plain(other))

    def __round__(self, ndigits: int = 0) -> Tensor:
        return self.round(ndigits)

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: object) -> bool:
        return plain(value) in self._array

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

    @numpy_keywords
    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See `numpy.sum`."""
        return _call(np.sum, self, axis=axis, keepdims=keepdims)

    @numpy_keywords
    def prod(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See `numpy.prod`."""
        return _call(np.prod, self, axis=axis, keepdims=keepdims)

    @numpy_keywords
    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See `numpy.mean`."""
        return _call(np.mean, self, axis=axis, keepdims=keepdims)

    @numpy_keywords
    def var(self, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """See `numpy.var`."""
        return _call(np.var, self, axis=axis, ddof=ddof, keepdims=keepdims)

    @numpy_keywords
    def std(self, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """See `numpy.std`."""
        return _call(np.std, self, axis=axis, ddof=ddof, keepdims=keepdims)

    @numpy_keywords
    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See `numpy.max`. Ties share the gradient evenly."""
        return _call(np.max, self, axis=axis, keepdims=keepdims)

    @numpy_keywords
    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See `numpy.min`. Ties share the gradient evenly."""
        return _call(np.min, self, axis=axis, keepdims=keepdims)

    @numpy_keywords
    def cumsum(self, axis: int | None = None) -> Tensor:
        """See `numpy.cumsum`."""
        return _dispatch(np.cumsum, (self,), {"axis": axis})

    @numpy_keywords
    def cumprod(self, axis: int | None = None) -> Tensor:
        """See `numpy.cumprod`."""
        return _dispatch(np.cumprod, (self,), {"axis": axis})

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """See `numpy.trace`."""
        return _dispatch(np.trace, (self, offset, axis1, axis2), {})

    @numpy_keywords
    def argmax(self, axis: int | None = None) -> Any:
        """See `numpy.argmax`; a plain array."""
        return np.argmax(self._array, axis=axis)

    @numpy_keywords
    def argmin(self, axis: int | None = None) -> Any:
        """See `numpy.argmin`; a plain array."""
        return np.argmin(self._array, axis=axis)

    @numpy_keywords
    def argsort(self, axis: int | None = -1, *, stable: bool | None = None) -> Any:
        """See `numpy.argsort`; a plain array."""
        return np.argsort(self._array, axis=axis, stable=stable)

    def nonzero(self) -> tuple[Any, ...]:
        """See `numpy.nonzero`; plain arrays."""
        return np.nonzero(self._array)

    @numpy_keywords
    def any(self, axis: Axis = None) -> Any:
        """See `numpy.any`; a plain array."""
        return np.any(self._array, axis=axis)

    @numpy_keywords
    def all(self, axis: Axis = None) -> Any:
        """See `numpy.all`; a plain array."""
        return np.all(self._array, axis=axis)

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

    @numpy_keywords
    def squeeze(self, axis: Axis = None) -> Tensor:
        """See `numpy.squeeze`."""
        return _call(np.squeeze, self, axis=axis)

    @numpy_keywords
    def take(self, indices: ArrayLike, axis: int | None = None) -> Tensor:
        """See `numpy.take`."""
        return _dispatch(np.take, (self, indices), {"axis": axis})

    @numpy_keywords
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
        if not _array_ufuncs.issuperset(map(_array_ufunc_of, inputs)) and not any(map(_from_pandas, inputs)):
            return NotImplemented  # another library's array, which may know better
        key: Any = ufunc if method == "__call__" else (ufunc, method)
        inputs = tuple(
            x if type(x) in _OWN else as_array(x, f"{name_of(key)}: argument {i}") for i, x in enumerate(inputs)
        )
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
        for t in types:
            if t is not Tensor and t is not np.ndarray:
                if not issubclass(t, np.ndarray):
                    return NotImplemented
                _refuse_subclasses(func, (*args, *kwargs.values()))
        return _dispatch(func, args, kwargs)

    # Series and frames of pandas leave operators with a tensor to the tensor.
    __pandas_priority__ = 10_000


def _refuse_subclasses(function: Any, values: Sequence[Any]) -> None:
    """Raise for masked arrays and their kin, which a function's implementation could make plain arrays of."""
    for value in values:
        if isinstance(value, tuple | list):
            _refuse_subclasses(function, cast(Sequence[Any], value))
        elif is_array(value):
            array_of(value, f"{name_of(function)}: an argument")


def _from_pandas(value: object) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas"


for _absent in absent("Tensor"):  # a __getattr__ would make every attribute slower
    if not hasattr(Tensor, _absent.name):
        setattr(Tensor, _absent.name, _absent)


def _array_ufunc_of(value: object) -> Any:
    return getattr(type(value), "__array_ufunc__", None)


_array_ufuncs = {None, _array_ufunc_of(np.empty(0)), Tensor.__array_ufunc__}


def _dispatch(key: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call what stands in the table for a NumPy function, or a ufunc's method."""
    implementation = implementations.get(key)
    if implementation is not None:
        try:
            return implementation(*args, **kwargs)
        except TypeError:
            check_fit(key, implementation, args, kwargs)
            raise
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
    contained = False
    for name, value in kwargs.items():
        if type(value) in _CONTAINERS:
            contained = True
        elif type(value) is Tensor:
            if _current(value, primitive.name) is not None:
                raise TypeError(
                    f"{primitive.name}: {name}= cannot be a Tensor that requires a gradient; pass its `.data` if it "
                    f"needs none"
                )
            kwargs = {**kwargs, name: value._array.copy()}  # which nobody can write into
    arrays: list[Any] = []
    parents: list[Node] = []
    needed = 1  # and a bit for each argument, see plan_of
    for arg in args:
        needed <<= 1
        if type(arg) is Tensor:
            arrays.append(arg._array)
            node = arg._node
            if arg._view is not None if node is None else node.number < versions.latest and node.plan is not None:
                node = _current(arg, primitive.name) if mode.get().recording else node
            if node is not None:
                needed |= 1
                parents.append(node)
        elif type(arg) is np.ndarray and arg.dtype.kind in "biufc":
            arrays.append(arg)
        elif holds_a_tensor(arg):
            return record(primitive, [joined(a) if holds_a_tensor(a) else a for a in args], kwargs)
        else:
            arrays.append(admitted(arg, f"{primitive.name}: {primitive.argument(len(arrays))}"))
    output: Any
    try:
        output = primitive.function(*arrays, **kwargs)
    except (TypeError, ValueError) as error:
        kind = next(kind for kind in _ERRORS if kind in type(error).__mro__)
        raise kind(f"{primitive.name} of {described(arrays)}: {error}") from error
    several = False
    if type(output) is not np.ndarray:
        several = _is_sequence(output)
        output = _arrays(output)
    if contained:
        kwargs = _kept(kwargs)
    state = mode.get()
    view = None
    if several:
        output = [_apart(part, arrays) for part in output]
    elif primitive.foreign:
        output = _apart(output, arrays)
    elif primitive.moves and _is_view(output, arrays[0]):
        output = output if output is not arrays[0] else output.view()
        view = _view(args[0], primitive, kwargs) if state.recording else _CONSTANT
    if state.anomaly:
        for part in output if several else (output,):
            check_finite(part, f"{primitive.name}: the result", f"computed at {user_line()}")
    node = None
    if parents and state.recording:
        if any(part.dtype.kind in "fc" for part in output) if several else output.dtype.kind in "fc":
            plan = plan_of(primitive, needed)
            node = record_node(plan, tuple(parents), arrays, kwargs, output, state.anomaly)
        elif "dtype" not in kwargs and (not several or output):  # by which integers are asked for, without a gradient
            raise TypeError(
                f"{primitive.name}: its result has dtype {output[0].dtype if several else output.dtype}, which carries "
                f"no gradient, and an argument requires one; say that it is a constant: call it with `.data`"
            )
    if several:
        parts = cast(list[Any], output)
        return tuple(
            _wrap(part, output_node(node, parts, i) if node is not None and part.dtype.kind in "fc" else None)
            for i, part in enumerate(parts)
        )
    return _wrap(output, node, view)


def _operate(primitive: Primitive, a: Any, b: Any) -> Tensor:
    """Do what `record` does with an operator in 0.74 of the time; leave to it whatever is out of the ordinary."""
    left = right = None
    if type(a) is Tensor:
        x, left = a._array, a._node
    elif type(a) in _AS_THEY_ARE:
        x = a
    else:
        return record(primitive, (a, b), NOTHING)
    if type(b) is Tensor:
        y, right = b._array, b._node
    elif type(b) in _AS_THEY_ARE:
        y = b
    else:
        return record(primitive, (a, b), NOTHING)
    output: Any
    try:
        output = primitive.function(x, y)
    except (TypeError, ValueError, OverflowError):
        return record(primitive, (a, b), NOTHING)  # for its message
    newest = versions.latest
    if (
        mode.get() is not ORDINARY
        or type(output) is not np.ndarray
        or output.dtype.kind not in "fc"
        or (left.number < newest and left.plan is not None if left is not None else type(a) is Tensor and a._view)
        or (right.number < newest and right.plan is not None if right is not None else type(b) is Tensor and b._view)
    ):
        return record(primitive, (a, b), NOTHING)
    if left is None:
        parents, needed = () if right is None else (right,), 0b101
    else:
        parents, needed = ((left,), 0b110) if right is None else ((left, right), 0b111)
    tensor = _new(Tensor)  # as _wrap does
    tensor._array, tensor._grad, tensor._node, tensor._view = output, None, None, None
    if parents:
        try:
            plan = primitive.plans[needed]
        except KeyError:
            plan = plan_of(primitive, needed)
        tensor._node = record_node(plan, parents, (x, y), NOTHING, output)
    return tensor


_ERRORS = (np.linalg.LinAlgError, np.exceptions.AxisError, ValueError, TypeError)  # what callers may wait for
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
    entry.foreign = True

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if Tensor in map(type, args) or Tensor in map(type, kwargs.values()):
            return record(entry, *entry.bind(args, kwargs))
        return function(*args, **kwargs)

    primitives[call] = entry
    return call  # pyright: ignore[reportReturnType]


def _apart(output: NDArray[Any], arrays: Sequence[Any]) -> NDArray[Any]:
    """Return a result that shares no memory with the arguments: a write into one would be a write into the other."""
    if output.base is None:
        shares = any(output is array for array in arrays)
    else:
        shares = any(is_array(array) and np.may_share_memory(output, array) for array in arrays)
    return output.copy() if shares else output


def _is_view(output: NDArray[Any], array: NDArray[Any]) -> bool:
    """Tell whether moving elements has left them where they were: NumPy makes a view of a view one of its base."""
    return output is array or output.base is array or (output.base is array.base is not None)


def _kept(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return keyword arguments whose lists are nobody else's, who might change them until the backward pass."""
    return {name: _copied(value) if type(value) in _CONTAINERS else value for name, value in kwargs.items()}


def _copied(value: Any) -> Any:
    if type(value) in (tuple, list):
        return type(value)([_copied(item) if type(item) in _CONTAINERS else item for item in value])
    return cast(Any, dict(value))


_CONTAINERS = {tuple, list, dict}


def _wrap(array: NDArray[Any], node: Node | None, view: _View | None = None) -> Tensor:
    """Make a Tensor of an array, without a copy, of its node, and of how it lies in another one's memory."""
    tensor = _new(Tensor)
    tensor._array, tensor._grad, tensor._node, tensor._view = array, None, node, view
    return tensor


_new = object.__new__


def as_argument(data: Operand) -> Tensor:
    """Return what stands for an argument of a function that is being differentiated: it shares the argument's memory.

    For a tensor on a tape that is a result of its own, since the function may also close over the tensor: that use is a
    constant then.
    """
    is_tensor = isinstance(data, Tensor)
    tensor = _wrap(data._array if is_tensor else array_of(data, "an argument"), None)
    node = _current(data, "a transform") if is_tensor else None
    if node is None:
        tensor._node = Leaf(tensor, tensor._array, is_argument=True)
    else:
        plan = plan_of(_argument, 0b11)
        tensor._node = record_node(plan, (node,), (tensor._array,), NOTHING, tensor._array, mode.get().anomaly)
    return tensor


def as_array(value: Any, what: str = "an operand") -> Any:
    """Return tensors as they are, lists with tensors as a tensor, and everything else as an array; see `operands`."""
    if isinstance(value, Tensor) or (type(value) is np.ndarray and value.dtype.kind in "biufc"):
        return value
    return joined(value) if holds_a_tensor(value) else array_of(value, what)


def joined(part: Any) -> Tensor:
    """Stack what holds a tensor at any depth, and make a tensor of everything else."""
    if isinstance(part, Tensor):
        return part
    stack: Any = np.stack  # it dispatches
    return stack([joined(item) for item in part]) if holds_a_tensor(part) else Tensor(part)


def holds_a_tensor(part: Any) -> bool:
    """Tell whether something is a tensor, or a list or tuple with one at any depth."""
    return isinstance(part, Tensor) or (type(part) in (list, tuple) and any(map(holds_a_tensor, part)))


def plain(value: Any) -> Any:
    """Return the array in place of a tensor, inside tuples and lists too."""
    if type(value) is Tensor:
        return value._array
    if type(value) in (tuple, list):
        return type(value)(plain(item) for item in value)
    return value


# ---------------------------------------------------------------------------------------------------------------------
# Views
# ---------------------------------------------------------------------------------------------------------------------


class _View(NamedTuple):
    """How a tensor lies in the memory of another one: the last step of those that lead from there to it.

    Attributes
    ----------
    root : Tensor
        Whose memory it is: a tensor that is no view itself.
    before : _View or None
        The step before.
    primitive, kwargs
        The step: what was called, and how.
    number : int
        When the view was taken.
    """

    root: Tensor
    before: _View | None
    primitive: Primitive
    kwargs: Mapping[str, Any]
    number: int

    def steps(self) -> list[_View]:
        """Return the steps in order, the first one from the root."""
        steps: list[_View] = []
        step: _View | None = self
        while step is not None:
            steps.append(step)
            step = step.before
        return steps[::-1]


def _view(parent: Tensor, primitive: Primitive, kwargs: Mapping[str, Any]) -> _View:
    before = parent._view
    if before is None or before is _CONSTANT:
        return _View(parent, None, primitive, kwargs, tick())
    return _View(before.root, before, primitive, kwargs, tick())


# In place of a view of something that a tensor is to know nothing of: detached, or taken under no_grad().
_CONSTANT: Any = object()


def _root(tensor: Tensor) -> Tensor:
    """Return the tensor whose memory another one lies in."""
    view = tensor._view
    return tensor if view is None or view is _CONSTANT else view.root


def _current(tensor: Tensor, call: str) -> Node | None:
    """Return a tensor's place on the tape: for a view of what was written since, one that is taken anew.

    Raises
    ------
    RuntimeError
        If its memory was written behind the tape's back.
    """
    node, view = tensor._node, tensor._view
    if view is _CONSTANT:
        view = None
    if (node is None and view is None) or (node is not None and node.plan is None):
        return node
    number = cast(Any, view if node is None else node).number
    if number >= versions.latest or number >= versions.last(tensor._array):
        return node
    if view is None:
        assert node is not None
        raise RuntimeError(
            f"{call}: its argument of shape {tensor.shape}, made by {node.name}, was changed in place afterwards, "
            f"behind the tape (under no_grad(), through .data or a detached tensor, or by a write that failed), and "
            f"its place on the tape is not up to date; compute it again after the change, or change a copy (t.copy())"
        )
    place = _current(view.root, call)
    if node is None and (place is None or place.plan is None):
        return None  # what was constant when the view was taken, as a frozen parameter, stays so
    array = view.root._array
    for step in view.steps():
        output = np.asarray(step.primitive.function(array, **step.kwargs))
        if place is not None:
            plan = plan_of(step.primitive, 0b11)
            place = record_node(plan, (place,), (array,), step.kwargs, output, mode.get().anomaly)
        array = output
    tensor._node, tensor._view = place, view._replace(number=tick())
    return place


def _same_memory(tensor: Tensor, array: NDArray[Any]) -> bool:
    mine, its = tensor._array.__array_interface__, array.__array_interface__
    return all(mine[key] == its[key] for key in ("data", "shape", "strides", "typestr"))


def _after_write(root: Tensor, node: Node | None, view: Tensor) -> Node | None:
    """Return the place on the tape of a tensor into which a view has written; `node` is its place up to then."""
    assert view._view is not None
    steps = view._view.steps()
    part = next((step.primitive for step in steps if step.primitive in (_real, _imag)), None)
    if part is None or root.dtype.kind != "c":
        return _assignment(node, root._array, view._node, view._array, _places(root, steps))
    whole = _wrap(root._array.copy(), node)
    real, imag = whole.real.copy(), whole.imag.copy()
    (real if part is _real else imag)[_places(root, steps)] = _wrap(view._array.copy(), view._node)
    return (real + 1j * imag)._node


def _places(root: Tensor, steps: Sequence[_View]) -> Any:
    """Return the index of a view's elements in the tensor whose memory it lies in."""
    if len(steps) == 1 and steps[0].primitive is _getitem:
        return steps[0].kwargs["index"]
    shape = root.shape
    places: Any = np.arange(root.size).reshape(shape)
    for step in steps:
        if step.primitive is not _imag:  # whose places are those of the numbers
            places = step.primitive.function(places, **step.kwargs)
    return cast(Any, np.unravel_index(places, shape))


def _assignment(
    node: Node | None, array: NDArray[Any], source: Node | None, value: NDArray[Any], index: Any
) -> Node | None:
    """Put on the tape that `value` was written into an array at an index: the array's place there from now on."""
    parents = tuple(parent for parent in (node, source) if parent is not None)
    if not parents:
        return None
    plan = plan_of(_assign, 0b100 | (node is not None) << 1 | (source is not None))
    what = value.item() if source is None and value.ndim == 0 else value  # a number can be shown
    return record_node(plan, parents, (array, what), {"index": index}, array, mode.get().anomaly)


def _check_fits(call: str, array: NDArray[Any], value: NDArray[Any], shape: tuple[int, ...]) -> None:
    """Raise unless a value can be broadcast to the place where it is to be written."""
    extra = max(0, value.ndim - len(shape))  # NumPy lets it have axes of length 1 in front
    try:
        fits = np.broadcast_shapes(value.shape[extra:], shape) == shape and set(value.shape[:extra]) <= {1}
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{call} of {described([array, value])}: a value of shape {value.shape} does not fit the place, of shape "
            f"{shape}"
        )


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
    if not outputs:
        raise ValueError("gradients: there are no outputs; give at least one")
    missing = [i for i, x in enumerate(inputs) if not x.requires_grad]
    if missing:
        raise RuntimeError(
            f"gradients: input {missing[0]} does not require a gradient; make it with requires_grad=True, and only "
            f"then compute with it"
        )
    places = [_current(y, "gradients") for y in outputs]
    youngest = max((node.number for node in places if node is not None), default=0)
    for i, x in enumerate(inputs):
        node = _current(x, "gradients")
        assert node is not None
        if node.dtype.kind != "c" and any(
            y.dtype.kind == "c" for y, g in zip(outputs, weights, strict=True) if g is None
        ):
            raise _complex_by_real(f"gradients: input {i}")
        if node.number > youngest and node.plan is not None and node.primitive is not _argument:
            raise RuntimeError(
                f"gradients: input {i} was made, or changed in place, after the outputs, so that they cannot depend on "
                f"it; keep the tensor that they were computed from"
            )
    retain = create_graph if retain_graph is None else retain_graph
    found = pulled(outputs, inputs, weights, create=create_graph, retain=retain)
    return tuple(
        _wrap(np.zeros(x.shape, x.dtype), None) if g is None else g for g, x in zip(found, inputs, strict=True)
    )


def pulled(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], grad_outputs: Sequence[Any], *, create: bool, retain: bool
) -> list[Tensor | None]:
    """Return the gradients of outputs by inputs that are on the tape; None where no output depends on an input."""
    nodes, seeds = zip(*(_seed(y, g, "gradients") for y, g in zip(outputs, grad_outputs, strict=True)), strict=True)
    return _swept(nodes, seeds, [x._node for x in inputs], create, retain)


def _complex_by_real(call: str) -> TypeError:
    return TypeError(
        f"{call}: the output is complex and what it is differentiated by is real, so that its gradient is two, that of "
        f"the real and that of the imaginary part; differentiate y.real, y.imag or np.abs(y), give the gradient of the "
        f"output, or take the jacobian"
    )


def stacked_gradients(
    output: Tensor, inputs: Sequence[Tensor], grad_outputs: NDArray[Any], *, create_graph: bool
) -> tuple[Tensor, ...]:
    """Return the gradients of one output for a stack of its gradients, in one sweep; the graph is retained.

    An axis before its own runs through `grad_outputs`, of shape (N,) + output.shape, and through every result.
    """
    count = len(grad_outputs)
    node, seed = _current(output, "jacobian"), _wrap(grad_outputs, None)
    assert node is not None
    found = _swept([node], [seed], [x._node for x in inputs], create_graph, True, count)
    return tuple(
        _wrap(np.zeros((count, *x.shape), x.dtype), None) if g is None else g
        for g, x in zip(found, inputs, strict=True)
    )


def _swept(
    nodes: Sequence[Node], seeds: Sequence[Tensor], wanted: Sequence[Any], create: bool, retain: bool, stacked: int = 0
) -> list[Tensor | None]:
    """Return what a sweep finds for the wanted nodes, as Tensors; None where it finds nothing."""
    if create:
        with recording():
            found = sweep(nodes, seeds, set(wanted), lift=_wrap, retain=retain, stacked=stacked)
    else:
        found = sweep(nodes, [seed._array for seed in seeds], set(wanted), retain=retain, stacked=stacked)
    results: list[Tensor | None] = []
    take = found.pop if len(set(wanted)) == len(wanted) else found.get  # what stays in `found` is copied by _own
    given = {id(_owner(seed._array)) for seed in seeds}  # whose memory is somebody else's
    for node in wanted:
        g = take(node, None)
        if isinstance(g, Tensor):
            g = g.copy() if id(_owner(g._array)) in given else g
            given.add(id(_owner(g._array)))
            results.append(g)
        else:
            results.append(None if g is None else _wrap(_own(g), None))
    return results


def depends_on_others(output: Tensor, inputs: Sequence[Tensor]) -> bool:
    """Tell whether an output depends on the tape from before its inputs, too."""
    nodes = [x._node for x in inputs if x._node is not None]
    node = output._place
    return node is not None and reaches_before(node, nodes)


def _seed(output: Tensor, gradient: Operand | None, call: str) -> tuple[Node, Tensor]:
    """Return where a sweep starts, and the gradient it starts with."""
    node = _current(output, call)
    if node is None:
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
        return node, _wrap(np.ones(output.shape, output.dtype), None)
    seed = gradient if isinstance(gradient, Tensor) else _wrap(array_of(gradient, f"{call}: the gradient"), None)
    if seed.shape != output.shape:
        raise ValueError(
            f"{call}: a gradient of shape {seed.shape} for a tensor of shape {output.shape}; they must agree"
        )
    return node, seed if seed.dtype == output.dtype else seed.astype(output.dtype)


def _owner(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array that owns the memory of a view; of any other array itself."""
    while is_array(array.base):
        array = array.base
    return array


def _own(array: Any) -> NDArray[Any]:
    """Return the array if nobody else can see its memory, else a copy."""
    alone = type(array) is np.ndarray and array.base is None and sys.getrefcount(array) <= _ALONE
    return array if alone else np.array(array)


def _count() -> int:
    def inside(array: Any) -> int:
        return sys.getrefcount(array)

    array = np.empty(0)
    return inside(array)


_ALONE = _count()  # what getrefcount says of an array with one name outside, which differs between Pythons


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
    """Return `x` with `value` at an index: what a tensor is on the tape after it was written into."""
    y = x.copy()
    y[index] = value
    return y


@primitive
def identity(x: Any) -> Any:
    """Return what is given: on the tape, an argument of a function that is being differentiated."""
    return x


_getitem, _astype, _assign, _argument = (primitive_of(f) for f in (getitem, astype, assign, identity))
_getitem.name, _assign.name, _argument.name = "t[index]", "t[index] = value", "an argument"
_negative, _positive, _absolute = (primitive_of(f) for f in (np.negative, np.positive, np.absolute))
_add, _subtract, _multiply, _divide = (primitive_of(f) for f in (np.add, np.subtract, np.multiply, np.divide))
_floor_divide, _remainder, _power = (primitive_of(f) for f in (np.floor_divide, np.remainder, np.power))
_matmul, _real, _imag = (primitive_of(f) for f in (np.matmul, np.real, np.imag))

for _moving in (
    getitem, np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.squeeze, np.expand_dims, np.broadcast_to,
    np.flip, np.fliplr, np.flipud, np.rot90, np.real, np.imag,
):  # fmt: skip
    primitive_of(_moving).moves, primitive_of(_moving).foreign = True, False
