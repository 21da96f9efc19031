"""Tensor: an array, its gradient, and its place on the tape; operators; recording."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar, Union, cast, final, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autograd_np import methods, views
from autograd_np.capture import StandIn, as_constant, capturable
from autograd_np.frames import asked_by_sparse_product
from autograd_np.hints import Absent, absent
from autograd_np.modes import ORDINARY, mode
from autograd_np.operands import admitted, array_of, described, knows_better, losing_call, refuse_subclasses
from autograd_np.outputs import output_node
from autograd_np.primitives import Primitive, implementations, name_of, primitive_of, primitives, refusals
from autograd_np.supported import check_fit, unsupported
from autograd_np.sweeps import Differentiable, receivers, retained, swept
from autograd_np.tape import NOTHING, Node, record_node
from autograd_np.versions import as_ndarray, is_array, own, versions
from autograd_np.watch import check_found, record_in_mode

__all__ = [
    "Operand", "Tensor", "argument", "as_array", "assign", "astype", "getitem", "holds_a_tensor", "joined", "plain",
    "primitive", "record", "seed", "wrap",
]  # fmt: skip

Operand: TypeAlias = Union["Tensor", ArrayLike]
Operator: TypeAlias = Callable[[Any, Operand], "Tensor"]
F = TypeVar("F", bound=Callable[..., Any])

# Held while gradients are added to leaves, which threads may share.
_adding = threading.RLock()


def _operators(ufunc: np.ufunc) -> tuple[Operator, Operator, Operator]:
    """Return a binary operator, the same with its operands swapped, and in place."""
    entry = primitive_of(ufunc)

    def operate(a: Any, b: Any) -> Tensor:
        """Do what `record` does in 0.7 of the time; leave to it whatever is out of the ordinary."""
        left = right = None
        kind = a.__class__
        if kind is Tensor:
            x, left = a._array, a._node
        elif kind in _AS_THEY_ARE:
            x = a
        else:
            return ufunc(a, b) if knows_better(a) else _dispatch(ufunc, (a, b), NOTHING)
        other = b.__class__
        if other is Tensor:
            y, right = b._array, b._node
        elif other in _AS_THEY_ARE:
            y = b
        else:
            return ufunc(a, b) if knows_better(b) else _dispatch(ufunc, (a, b), NOTHING)
        if (state := mode.get()) is not ORDINARY and (state.watch is not None or not state.recording):
            return record(entry, (a, b), NOTHING)
        try:
            output: Any = ufunc(x, y)
        except (TypeError, ValueError, OverflowError):
            return record(entry, (a, b), NOTHING)  # for its message
        newest = versions.latest
        if (
            output.__class__ is not np.ndarray
            or output.dtype.kind not in "fc"
            # The same doubt as in `_inputs`.
            or (left.number < newest and left.plan is not None if left is not None else kind is Tensor and a._view)
            or (right.number < newest and right.plan is not None if right is not None else other is Tensor and b._view)
        ):
            return record(entry, (a, b), NOTHING)
        if left is None:
            parents, needed = () if right is None else (right,), 0b101
        else:
            parents, needed = ((left,), 0b110) if right is None else ((left, right), 0b111)
        tensor = _new(Tensor)  # as wrap does
        tensor._array, tensor._grad, tensor._node, tensor._view = output, None, None, None
        if parents:
            tensor._node = record_node(entry.plans[needed], parents, (x, y), NOTHING, output)
        return tensor

    def in_place(a: Any, b: Any) -> Tensor:
        in_memory = functools.partial(views.overwrite, a, f"{entry.name} in place", (a, b))
        return operate(a, b) if views.is_number(a) else in_memory(lambda *args: record(entry, args, NOTHING))

    return operate, lambda a, b: operate(b, a), in_place


@final
class Tensor(Differentiable):
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
    _grad: Any
    _node: Node | None
    _view: views.View | None

    def __init__(self, data: Operand, requires_grad: bool = False, dtype: DTypeLike | None = None) -> None:
        if isinstance(data, Tensor) and data.requires_grad:
            raise TypeError(
                "Tensor(t) of a tensor that requires a gradient would leave its tape: use t itself, or t.detach()"
            )
        array = array_of(data, "Tensor: data")
        array = array.astype(array.dtype if dtype is None else dtype, subok=False)
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
        views.check_memory(self, "Tensor.data")
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
    def grad(self) -> Any:
        """The gradient gathered by `backward`: a plain array of this tensor's shape and dtype, its own, or None.

        After `backward(create_graph=True)` it is a Tensor.
        """
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
        return views.place_of(self) is not None

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
        if value != (self._node is not None):
            (views.thaw if value else views.freeze)(self)

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it: it was made by hand, or computed without recording."""
        node = views.place_of(self)
        return node is None or node.plan is None

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
        return wrap(self._array, None, views.CONSTANT)

    def numpy(self) -> NDArray[Any]:
        """Return the array, sharing memory; refused for a tensor on a tape, as in PyTorch (`detach()` it first)."""
        return self._plain()

    def item(self) -> Any:
        """Return the only element as a Python number."""
        return self._array.item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
        return self._array.tolist()

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(None if asked_by_sparse_product() else self._plain(), dtype=dtype, copy=copy)

    def __bool__(self) -> bool:
        return bool(self._array)

    def _plain(self) -> NDArray[Any]:
        """Return the array if the tensor is off the tape."""
        if views.place_of(self) is not None:
            call, instead = losing_call()
            raise TypeError(
                f"{call}: the tensor of shape {self.shape} requires a gradient, which a plain array or number would "
                f"lose in silence; {instead}"
            )
        return self._array

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.is_leaf or views.is_argument(self):
            raise TypeError(
                "only leaves can be copied or pickled, not results on a tape or arguments of a function that is being "
                "differentiated: use t.copy() on the tape, t.detach() off it, and t.data for a picture"
            )
        return Tensor, (self._array, self.requires_grad)

    def __copy__(self) -> Tensor:
        if views.is_argument(self):
            return self.copy()
        return Tensor(*self.__reduce__()[1])

    def __deepcopy__(self, memo: Any) -> Tensor:
        return self.__copy__()

    # -- backwards ----------------------------------------------------------------------------------------------------

    def backward(
        self, gradient: Operand | None = None, retain_graph: bool | None = None, create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:  # fmt: skip
        """Add the gradient of this tensor to the `.grad` of every leaf that it was computed from.

        Parameters
        ----------
        gradient : array_like of this tensor's shape, optional
            The gradient of some final scalar with respect to this tensor; 1 for a scalar.
        retain_graph : bool, optional
            Keep the graph for another backward pass. By default it is released on the way, unless `create_graph`.
        create_graph : bool
            Record the sweep itself: each `.grad` is a Tensor then, which can be differentiated again.
        inputs : Tensor or sequence of Tensor, optional
            Leaves or results that alone get a gradient; by default all leaves, and results that retain theirs.

        Raises
        ------
        RuntimeError
            If nothing was recorded, if the tensor is no scalar and `gradient` is missing, if the graph is spent, or
            if an array on it was changed in place, or an input requires no gradient. No gradient has changed then.
        ValueError
            If `gradient` has another shape, or there are no inputs.

        Examples
        --------
        >>> from autograd_np import Tensor
        >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
        >>> (x * x).backward(gradient=[1.0, 0.0, 1.0])
        >>> x.grad
        array([2., 0., 6.])
        """
        node, start = seed(self, gradient, "backward()")
        if gradient is None and self.dtype.kind == "c":
            views.check_complex(node, "backward()")
        if mode.get().differentiating:
            views.check_constant(node, "backward()")
        to = receivers(node, inputs) if create_graph or retained or inputs is not None else None
        retain = create_graph if retain_graph is None else retain_graph
        found = swept([node], [start], to, wrap, create=create_graph, retain=retain)
        # No other name for the arrays may be left, so that `own` need not copy them.
        del start
        check_found(found, kept=True)
        totals: list[tuple[Tensor, NDArray[Any]]] = []
        with _adding:
            while found:
                node, total = found.popitem()
                leaf = to[node] if to else node.tensor and node.tensor()
                if leaf is not None and leaf._node is node:  # else it was frozen meanwhile
                    grad = leaf._grad if create_graph else plain(leaf._grad)
                    total = total if create_graph or grad is not None else own(total)
                    totals.append((leaf, total if grad is None else grad + total))
            for leaf, total in totals:
                leaf._grad = total if create_graph else as_ndarray(total)

    # -- in place -----------------------------------------------------------------------------------------------------

    def __setitem__(self, index: Any, value: Operand) -> None:
        index = views.copied(plain(index))
        written = self._array[index]
        if not is_array(written):  # a number: the same elements as an array without axes
            written = self._array[(*(index if type(index) is tuple else (index,)), ...)]
        shares = is_array(written) and np.may_share_memory(written, self._array)
        value = as_array(value, "t[index] = value: the value")
        if not isinstance(value, Tensor):
            value = wrap(as_ndarray(value), None)
        elif shares and views.same_memory(value, written) and views.root_of(value) is views.root_of(self):
            return  # the end of t[index] += other
        views.check_fits("t[index] = value", self._array, value._array, np.shape(written))
        views.write(self, "t[index] = value", value, index, written if shares else self._array)

    # -- operators ----------------------------------------------------------------------------------------------------

    __add__, __radd__, __iadd__ = _operators(np.add)
    __sub__, __rsub__, __isub__ = _operators(np.subtract)
    __mul__, __rmul__, __imul__ = _operators(np.multiply)
    __truediv__, __rtruediv__, __itruediv__ = _operators(np.divide)
    __floordiv__, __rfloordiv__, __ifloordiv__ = _operators(np.floor_divide)
    __mod__, __rmod__, __imod__ = _operators(np.remainder)
    __pow__, __rpow__, __ipow__ = _operators(np.power)
    __matmul__, __rmatmul__, __imatmul__ = _operators(np.matmul)

    # A class with __eq__ loses its hash unless it says so.
    __hash__ = object.__hash__  # pyright: ignore[reportAssignmentType]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: object) -> bool:
        return plain(value) in self._array

    def __getitem__(self, index: Any) -> Tensor:
        return record(views.getitem, (self,), {"index": plain(index)})

    # -- NumPy's protocols --------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs and _READY.issuperset(map(type, inputs)):
            entry = primitives.get(ufunc)
            if entry is not None and entry.defined:
                return record(entry, inputs, NOTHING)
        if any(knows_better(x) for x in inputs if type(x) is not Tensor):
            return NotImplemented
        key: Any = ufunc if method == "__call__" else (ufunc, method)
        inputs = tuple(
            x if type(x) in _READY else as_array(x, f"{name_of(key)}: argument {i}") for i, x in enumerate(inputs)
        )
        out = kwargs.pop("out", None)
        if out is None or all(array is None for array in out):
            return _dispatch(key, inputs, kwargs)
        views.check_out(name_of(key), out, Tensor)
        return views.overwrite(out[0], name_of(key), inputs, lambda *args: _dispatch(key, args, kwargs))

    def __array_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        for t in types:
            if t is not Tensor and t is not np.ndarray and t is not StandIn:
                if not issubclass(t, np.ndarray):
                    return NotImplemented
                refuse_subclasses(f"{name_of(func)}: an argument", (*args, *kwargs.values()))
        return _dispatch(func, args, kwargs)

    def _record(self, primitive: Primitive, **kwargs: Any) -> Any:
        return record(primitive, (self,), kwargs)

    def _call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function of NumPy, without going through its protocol."""
        if not args and function not in implementations:
            return record(primitives[function], (self,), kwargs)
        return _dispatch(function, (self, *args), kwargs)

    # Series and frames of pandas leave operators with a tensor to the tensor.
    __pandas_priority__ = 10_000


for _absent in absent("Tensor"):  # a __getattr__ would make every attribute slower
    if not hasattr(Tensor, _absent.name):
        setattr(Tensor, _absent.name, _absent)


def _dispatch(key: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call what is registered for a NumPy function or a ufunc's method: an implementation, else a primitive."""
    implementation = implementations.get(key)
    if implementation is not None:
        try:
            return implementation(*args, **kwargs)
        except TypeError:
            check_fit(key, implementation, args, kwargs)
            raise
    entry = primitives.get(key)
    if key in refusals or entry is None or not entry.defined:
        raise unsupported(key)
    return record(entry, *entry.bind(args, kwargs))


# ---------------------------------------------------------------------------------------------------------------------
# Recording
# ---------------------------------------------------------------------------------------------------------------------


def record(primitive: Primitive, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call a primitive on arrays and tensors, and put it on the tape if one of the tensors is on it.

    Arrays are passed by position and everything else by keyword (`Primitive.bind` sorts a call so). Several results
    come back as a tuple.
    """
    arrays, parents, needed = _inputs(primitive, args)
    if kwargs:
        kwargs = views.unchanging(kwargs, Tensor, primitive.name)
    try:
        output = primitive.function(*arrays, **kwargs)
    except (TypeError, ValueError) as error:
        error_type = next(kind for kind in _ERRORS if kind in type(error).__mro__)
        raise error_type(f"{primitive.name} of {described(arrays)}: {error}") from error
    if primitive.residuals:
        output, kwargs = output[0], {**kwargs, "residuals": output[1]}
    if isinstance(output, tuple | list):
        outputs = [_unshared_result(as_ndarray(part), arrays) for part in cast(Sequence[Any], output)]
        node = _node(primitive, arrays, parents, needed, kwargs, outputs)
        return tuple(
            wrap(part, output_node(node, outputs, i) if node is not None and part.dtype.kind in "fc" else None)
            for i, part in enumerate(outputs)
        )
    view = None
    if output.__class__ is not np.ndarray:
        output, view = as_ndarray(output), views.NUMBER
    elif primitive.moves and views.is_view(output, arrays[0]):
        output = output if output is not arrays[0] else output.view()
        view = views.view_of(args[0], primitive, kwargs)
    elif not primitive.fresh:
        output = _unshared_result(output, arrays)
    return wrap(output, _node(primitive, arrays, parents, needed, kwargs, output), view)


def _inputs(primitive: Primitive, args: Sequence[Any]) -> tuple[list[Any], list[Node], int]:
    """Return the arrays of a call, the nodes of those that need a gradient, and the bits of `Plan`."""
    arrays: list[Any] = []
    parents: list[Node] = []
    needed = 1
    for arg in args:
        needed <<= 1
        kind = arg.__class__
        if kind is Tensor:
            arrays.append(arg._array)
            node = arg._node
            # A view of a constant may be on a tape by now, and a recorded array may have been written since.
            doubtful = arg._view if node is None else node.number < versions.latest and node.plan is not None
            if doubtful and mode.get().recording:
                node = views.current(arg, primitive.name)
            if node is not None:
                needed |= 1
                parents.append(node)
        elif kind is np.ndarray and arg.dtype.kind in "biufc":
            arrays.append(arg)
        elif holds_a_tensor(arg):
            return _inputs(primitive, [joined(a) if holds_a_tensor(a) else a for a in args])
        else:
            arrays.append(admitted(arg, f"{primitive.name}: {primitive.argument(len(arrays))}"))
    return arrays, parents, needed


def _node(
    primitive: Primitive, arrays: Sequence[Any], parents: Sequence[Node], needed: int, kwargs: Any, output: Any
) -> Node | None:
    """Put a call on the tape, if that is wanted and one of its results has a gradient."""
    state: Any = mode.get()
    parts: Any = output if _type(output) is list else (output,)
    if state.watch is not None:
        state.watch.computed(primitive.name, parts)
    if not parents or not parts or not state.recording:
        return None
    for part in parts:
        if part.dtype.kind in "fc":
            put = record_node if state.watch is None else record_in_mode
            return put(primitive.plans[needed], tuple(parents), arrays, kwargs, output)
    if "dtype" not in kwargs:  # with dtype= the call asked for integers itself, and knows that they have no gradient
        raise TypeError(
            f"{primitive.name}: its result has dtype {parts[0].dtype}, which carries no gradient, and an "
            f"argument requires one; say that it is a constant: call it with `.data`"
        )
    return None


_ERRORS = (np.linalg.LinAlgError, np.exceptions.AxisError, ValueError, TypeError)  # what callers may wait for
_AS_THEY_ARE = {np.ndarray, float, int, bool, complex, type(None)}
_READY = {Tensor, *_AS_THEY_ARE}  # types that need no conversion


def _unshared_result(output: NDArray[Any], arrays: Sequence[Any]) -> NDArray[Any]:
    """Return a result that shares no memory with the arguments: a write into one would be a write into the other."""
    if output.base is None:
        shares = any(output is array for array in arrays)
    else:
        shares = any(is_array(array) and np.may_share_memory(output, array) for array in arrays)
    return output.copy() if shares else output


@overload
def primitive(function: F) -> F: ...
@overload
def primitive(
    function: None = None, *, name: str | None = None, residuals: bool = False, fresh: bool = False, moves: bool = False
) -> Callable[[F], F]: ...
def primitive(function: Any = None, **options: Any) -> Any:
    """Make a function of arrays recordable: called with tensors, it goes on the tape as one operation.

    Its derivatives are defined with `defvjp`, and need not be those of what it computes. Tensors must be arguments of
    their own, not inside lists or dicts; what is no array is a keyword that the rules know by its default.

    Parameters
    ----------
    function : callable
        Takes and returns plain arrays; it must neither change its arguments nor keep them.
    name : str, optional
        What messages and `print_tape` call it; by default its own name.
    residuals : bool
        Whether it returns a pair: the result, and something that it saves for its rules, which take it as the keyword
        `residuals`. They get None when they are differentiated again, and compute it themselves then.
    fresh : bool
        Whether its results are known to share no memory with its arguments; otherwise those that do are copied.
    moves : bool
        Whether its result holds the elements of its one argument and nothing else, so that it may be a view.

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

    Handing on what it is given, and bounding what comes back:

    >>> @primitive
    ... def clip_gradient(x, limit=1.0):
    ...     return x
    >>> defvjp(clip_gradient, lambda g, _y, _x, limit=1.0: np.clip(g, -limit, limit))
    >>> x.grad = None
    >>> (100 * clip_gradient(x, limit=5.0)).sum().backward()
    >>> x.grad
    array([5., 5.])
    """
    if function is None:
        return functools.partial(primitive, **options)
    return _recordable(Primitive(capturable(function), **options))


def _recordable(entry: Primitive) -> Any:
    """Return the function of a primitive for arrays and tensors."""

    @functools.wraps(entry.function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if Tensor in map(type, args) or Tensor in map(type, kwargs.values()):
            return record(entry, *entry.bind(args, kwargs))
        if kwargs or not _READY.issuperset(map(type, args)):
            views.refuse_nested((*args, *kwargs.values()), Tensor, entry.name)
        output = entry.function(*args, **kwargs)
        return output[0] if entry.residuals else output

    primitives[call] = entry
    return call


# Primitives of other files as functions of arrays and tensors, so that rules can call them.
getitem, assign, argument, astype = map(_recordable, (views.getitem, views.assign, views.argument, methods.astype))


def wrap(array: NDArray[Any], node: Node | None, view: views.View | None = None) -> Tensor:
    """Make a Tensor of an array, without a copy, of its node, and of how it lies in another one's memory."""
    tensor = _new(Tensor)
    tensor._array, tensor._grad, tensor._node, tensor._view = array, None, node, view
    return tensor


_new: Any = object.__new__
_type: Any = type  # so named, it does not narrow types: an operand's private slots are no error


def as_array(value: Any, what: str = "an operand") -> Any:
    """Return tensors as they are, lists with tensors as a tensor, and everything else as an array; see `operands`."""
    if isinstance(value, Tensor) or (value.__class__ is np.ndarray and value.dtype.kind in "biufc"):
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
    kind = _type(value)
    if kind is Tensor:
        return value._array
    if kind is tuple or kind is list:
        return cast(Any, kind)(map(plain, value))
    return value


# ---------------------------------------------------------------------------------------------------------------------
# Where a backward pass starts and ends
# ---------------------------------------------------------------------------------------------------------------------


def seed(output: Tensor, gradient: Operand | None, call: str) -> tuple[Node, Tensor]:
    """Return where a sweep starts, and the gradient it starts with."""
    node = views.current(output, call)
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
        return node, wrap(as_constant(np.ones(output.shape, output.dtype), like=plain(output)), None)
    given = gradient if isinstance(gradient, Tensor) else wrap(array_of(gradient, f"{call}: the gradient"), None)
    if given.shape != output.shape:
        raise ValueError(
            f"{call}: a gradient of shape {given.shape} for a tensor of shape {output.shape}; they must agree"
        )
    return node, given if given.dtype == output.dtype else given.astype(output.dtype)
