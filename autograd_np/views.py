"""Views: tensors that lie in one another's memory, and the one way to write into it that is recorded.

A view knows how it was taken from the tensor that owns the memory, its *root*: by a chain of steps such as
`root[1:].T`. Whoever writes into a view gives the root a new place on the tape, that of the old value with the part
assigned; every other view of it is out of date then, and is taken anew from the root when it is next read.

A tensor's *place on the tape* is its node. `node_of` is the node that it was given, be it up to date or not. `current`
brings it up to date first, for those who record or differentiate. `place_of` does so only where a tensor has no node
yet, to tell whether it is on a tape at all.

A tensor here is whatever has an array, a node or None, and a view or None (`Tensor`, which is built on this).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from autograd_np.modes import mode
from autograd_np.operands import described
from autograd_np.primitives import Primitive, primitive_of
from autograd_np.tape import NOTHING, Leaf, Node
from autograd_np.trees import leaves_of
from autograd_np.versions import behind, tick, versions
from autograd_np.watch import record_in_mode

__all__ = [
    "CONSTANT", "NUMBER", "View", "ancestors", "argument", "as_leaf", "assign", "check_complex", "check_constant",
    "check_fits", "check_memory", "check_out", "check_writable", "complex_by_real", "copied", "current", "freeze",
    "getitem", "is_argument", "is_number", "is_view", "node_of", "overwrite", "place_of", "put_array", "recast",
    "refuse_nested", "root_of", "same_memory", "thaw", "unchanging", "view_of", "write",
]  # fmt: skip


def _getitem(x: Any, index: Any = None) -> Any:
    return x[index]


def _assign(x: Any, value: Any, index: Any = None) -> Any:
    y = x.copy()
    y[index] = value
    return y


def _itself(x: Any) -> Any:
    return x


# What NumPy has no function for: indexing, a write (what a tensor is on the tape after it), and what stands for an
# argument of a function that is being differentiated.
getitem = Primitive(_getitem, "t[index]", fresh=True, moves=True)
assign = Primitive(_assign, "t[index] = value", fresh=True)
argument = Primitive(_itself, "an argument", fresh=True)
_copying = primitive_of(np.copy)
_real, _imag = primitive_of(np.real), primitive_of(np.imag)

for _moving in (
    np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.squeeze, np.expand_dims, np.broadcast_to, np.flip,
    np.fliplr, np.flipud, np.rot90, np.real, np.imag, np.diagonal,
):  # fmt: skip
    primitive_of(_moving).moves = True  # so that their results may be views


class View(NamedTuple):
    """How a tensor lies in the memory of another one: the last step of those that lead from there to it.

    Attributes
    ----------
    root : Tensor
        Whose memory it is: a tensor that is no view itself.
    before : View or None
        The step before.
    primitive, kwargs
        The step: what was called, and how.
    number : int
        When the view was taken.
    """

    root: Any
    before: View | None
    primitive: Primitive
    kwargs: Mapping[str, Any]
    number: int

    def steps(self) -> list[View]:
        """Return the steps in order, the first one from the root."""
        steps: list[View] = []
        step: View | None = self
        while step is not None:
            steps.append(step)
            step = step.before
        return steps[::-1]


# In place of a view: of a tensor that was detached, or taken under no_grad(), and stays a constant.
CONSTANT: Any = object()
# In place of a view: of what is a number in NumPy, which cannot be changed (`s += 1` makes another one).
NUMBER: Any = object()


def view_of(parent: Any, primitive: Primitive, kwargs: Mapping[str, Any]) -> View:
    """Return how the result of moving a tensor's elements lies in its memory; under `no_grad` it is a constant."""
    if not mode.get().recording:
        return CONSTANT
    before = parent._view
    if type(before) is View:
        return View(before.root, before, primitive, kwargs, tick())
    return View(parent, None, primitive, kwargs, tick())


def is_view(output: NDArray[Any], array: NDArray[Any]) -> bool:
    """Tell whether moving elements has left them where they were: NumPy makes a view of a view one of its base."""
    return output is array or output.base is array or (output.base is array.base is not None)


def root_of(tensor: Any) -> Any:
    """Return the tensor whose memory another one lies in."""
    view = tensor._view
    return view.root if type(view) is View else tensor


def node_of(tensor: Any) -> Node | None:
    """Return the node that a tensor was given, though its memory may have been written since."""
    return tensor._node


def put_array(tensor: Any, array: Any) -> None:
    """Put another array in place of a tensor's own: what stands for it while a function is captured, and back."""
    tensor._array = array


# The leaves of frozen tensors, by the tensors' ids. A tensor that is thawed takes its leaf again: what was recorded
# before it was frozen counts as well, and what is spent by now is not taken for something else.
_frozen: dict[int, tuple[weakref.ref[Any], Leaf]] = {}


def _forget(key: int, reference: weakref.ref[Any]) -> None:
    if key in _frozen and _frozen[key][0] is reference:
        del _frozen[key]


def freeze(tensor: Any) -> None:
    """Make a constant of a leaf."""
    _frozen[id(tensor)] = weakref.ref(tensor, partial(_forget, id(tensor))), tensor._node
    tensor._node = None


def thaw(tensor: Any) -> None:
    """Make a leaf of a tensor, the one that it was if it was frozen."""
    if root_of(tensor) is not tensor:
        raise RuntimeError(
            "a view of another tensor cannot be made a leaf, since writing into that would change it; make one of a "
            "copy (t.copy())"
        )
    known, leaf = _frozen.pop(id(tensor), (None, None))
    # A leaf is updated in place, but `s -= 1` would make another tensor of a number.
    tensor._view = None if is_number(tensor) else tensor._view
    tensor._node = leaf if known is not None and known() is tensor else Leaf(tensor, tensor._array)


def recast(tensor: Any, dtype: DTypeLike) -> None:
    """Take a leaf into another floating dtype, and its gradient; it stays the leaf of what was recorded of it."""
    if tensor._array.dtype.kind != "f" or tensor._array.dtype == dtype:
        return
    tensor._array = tensor._array.astype(dtype)
    tensor._grad = None if tensor._grad is None else tensor._grad.astype(dtype)
    tensor._view = NUMBER if is_number(tensor) else None
    known, frozen = _frozen.get(id(tensor), (None, None))
    leaf = tensor._node if tensor._node is not None or known is None or known() is not tensor else frozen
    if leaf is not None:
        leaf.dtype = tensor._array.dtype


def place_of(tensor: Any) -> Node | None:
    """Return a tensor's place on the tape: a view of a constant has one if its memory was put on a tape since."""
    node: Node | None = tensor._node
    return node if node is not None or tensor._view is None else current(tensor, "the tensor")


def as_leaf(tensor: Any, is_argument: bool = False) -> Any:
    """Make a tensor a leaf, and return it."""
    tensor._node = Leaf(tensor, tensor._array, is_argument)
    return tensor


def is_number(tensor: Any) -> bool:
    """Tell whether what a tensor holds is a number in NumPy, and not an array without axes."""
    return tensor._view is NUMBER


def is_argument(tensor: Any) -> bool:
    """Tell whether a tensor stands for an argument of a function that is being differentiated."""
    return tensor._node is not None and _is_argument(tensor._node)


def _is_argument(node: Node) -> bool:
    return node.is_argument or (node.plan is not None and node.plan.primitive is argument)


def current(tensor: Any, call: str) -> Node | None:
    """Return a tensor's place on the tape; a view whose root was written since is taken anew.

    Raises
    ------
    RuntimeError
        If its memory was written behind the tape's back.
    """
    node: Node | None = tensor._node
    view: View | None = tensor._view if type(tensor._view) is View else None
    if (node is None and view is None) or (node is not None and node.plan is None):
        return node
    number: int = (view if node is None else node).number  # pyright: ignore[reportOptionalMemberAccess]
    if number >= versions.latest or number >= versions.last(tensor._array):
        return node
    if view is None:
        assert node is not None
        raise RuntimeError(
            f"{call}: its argument of shape {tensor.shape}, made by {node.name}, was changed in place afterwards, "
            f"behind the tape (under no_grad(), through .data or a detached tensor, or by a write that failed), and "
            f"its place on the tape is not up to date; compute it again after the change, or change a copy (t.copy())"
        )
    place = current(view.root, call)
    if node is None and (place is None or place.plan is None):
        return None  # a view of a constant, such as a frozen parameter, stays a constant
    array = view.root._array
    for step in view.steps():
        output = np.asarray(step.primitive.function(array, **step.kwargs))
        if place is not None:
            place = record_in_mode(step.primitive.plans[0b11], (place,), (array,), step.kwargs, output)
        array = output
    tensor._node, tensor._view = place, view._replace(number=tick())
    return place


def ancestors(output: Node) -> set[Node]:
    """Return a node and all that it was computed from."""
    seen, stack = {output}, [output]
    while stack:
        fresh = set(stack.pop().parents).difference(seen)
        seen.update(fresh)
        stack.extend(fresh)
    return seen


def check_complex(output: Node, call: str) -> None:
    """Raise if a complex output was computed from a real leaf.

    It has two gradients there, of its real and of its imaginary part.

    Raises
    ------
    TypeError
        Naming what can be differentiated instead.
    """
    if any(node.plan is None and node.dtype.kind != "c" for node in ancestors(output)):
        raise complex_by_real(call)


def check_constant(output: Node, call: str) -> None:
    """Raise if an output depends on an argument of a function that is being differentiated.

    Raises
    ------
    RuntimeError
        A gradient that is not recorded would be a constant there, and derivatives of it lost.
    """
    if any(map(_is_argument, ancestors(output))):
        raise RuntimeError(
            f"{call}: it depends on an argument of a function that is being differentiated, for which this gradient "
            f"would be a constant; take gradients(..., create_graph=True) or grad, or detach() what is not to be "
            f"differentiated"
        )


def complex_by_real(call: str) -> TypeError:
    """Return the error for a complex result that is differentiated by real numbers."""
    return TypeError(
        f"{call}: the output is complex and what it is differentiated by is real, so that it has two gradients, one of "
        f"the real and one of the imaginary part; differentiate y.real, y.imag or np.abs(y), give the gradient of the "
        f"output, or take the jacobian"
    )


def unchanging(kwargs: Mapping[str, Any], tensor: type, call: str) -> Mapping[str, Any]:
    """Return keyword arguments that nobody can change until the backward pass.

    Raises
    ------
    TypeError
        If one is a tensor that requires a gradient.
    """
    for value in kwargs.values():
        kind = _type(value)
        if kind not in _NOTICED and not (kind is tuple and _PLAIN.issuperset(map(type, value))):
            return {name: _unchanging(value, tensor, call, name) for name, value in kwargs.items()}
    return kwargs


def _unchanging(value: Any, tensor: type, call: str, name: str) -> Any:
    if isinstance(value, tensor):
        given: Any = value
        if current(given, call) is not None:
            raise TypeError(
                f"{call}: {name}= cannot be a Tensor that requires a gradient; pass its `.data` if it needs none"
            )
        return given.data.copy()
    return copied(value)


def refuse_nested(values: Sequence[Any], tensor: type, call: str) -> None:
    """Refuse tensors inside of containers, from where a primitive would compute with them past its own rules.

    Raises
    ------
    TypeError
        Naming the container.
    """
    for value in values:
        for leaf in leaves_of(value):
            if leaf is not value and isinstance(leaf, tensor):
                raise TypeError(
                    f"{call}: a tensor inside a {_type(value).__name__}, where its rules do not see it; let it take "
                    f"the arrays as arguments of their own, and call it as {call}(*arrays)"
                )
            if hasattr(_type(leaf), "refuse_call"):  # a stand-in of vmap
                leaf.refuse_call(call)


_type: Any = type  # so named, it does not narrow types
_PLAIN = {int, float, bool, str, type(None), slice, type(...)}  # none of which can be changed
_NOTICED = {*_PLAIN, np.ndarray}  # an array can, but the sweep notices


def copied(value: Any) -> Any:
    """Return copies of tuples, lists and dicts, so that nobody else can change them."""
    if type(value) in (tuple, list):
        plain = _PLAIN.issuperset(map(type, value))
        return type(value)(value if plain else [copied(item) for item in value])
    return dict(cast(Any, value)) if type(value) is dict else value


# ---------------------------------------------------------------------------------------------------------------------
# Writing
# ---------------------------------------------------------------------------------------------------------------------


def write(tensor: Any, call: str, value: Any, index: Any, written: NDArray[Any]) -> None:
    """Write a tensor's value into another one's memory, at an index (None: everywhere): the one recorded way in.

    The root depends on the value then, and every view of it is taken anew when it is read. `written` is an array
    whose memory holds all that is overwritten.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        If writing could lose a gradient in silence, or the memory is not to be written.
    """
    root, source = check_writable(tensor, call, value)
    if not np.can_cast(value.dtype, tensor.dtype, "same_kind" if index is None else "unsafe") or (
        value.dtype.kind == "c" and tensor.dtype.kind != "c"
    ):
        raise TypeError(f"{call}: a value of dtype {value.dtype} does not fit {tensor.dtype}")
    own = root_node = None
    if mode.get().recording:
        own, root_node = current(tensor, call), current(root, call)
    if mode.get().watch is not None:
        mode.get().watch.written(call, value._array)
    value = value if value.dtype == tensor.dtype else value.astype(tensor.dtype)
    source = source and value._node  # that of the converted value
    versions.note(written)
    try:
        tensor._array[... if index is None else index] = value._array
        if source is None and own is None and root_node is None:
            return
        if index is None:
            own, index = None, ...  # every element is overwritten
        tensor._node = _assignment(own, tensor._array, source, value._array, index)
        if tensor is not root:
            root._node = _after_write(root, root_node, tensor)
    except BaseException:  # even of a signal: whoever reads the memory next is to be told that it is half-written
        if source is not None and root._node is None:
            root._node = record_in_mode(_copying.plans[0b11], (source,), (root._array,), NOTHING, root._array)
        versions.note(written)
        raise


def overwrite(tensor: Any, call: str, args: Sequence[Any], compute: Callable[..., Any]) -> Any:
    """Write the result of an operation into a tensor's memory, and return the tensor.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        As `write`, and if the result has another shape.
    """
    check_writable(tensor, call)
    result = compute(*(_unshared_argument(arg, tensor) for arg in args))
    if result.shape != tensor.shape:
        raise ValueError(f"{call}: a result of shape {result.shape} does not fit {tensor.shape}")
    write(tensor, call, result, None, tensor._array)
    return tensor


def _unshared_argument(arg: Any, tensor: Any) -> Any:
    """Return an argument that a write into a tensor leaves as it is."""
    shares = type(arg) is type(tensor) and np.may_share_memory(arg._array, tensor._array)
    return arg.copy() if shares else arg


def check_writable(tensor: Any, call: str, value: Any = None) -> tuple[Any, Node | None]:
    """Return the root of a tensor that is to be written, and the value's place on the tape.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        If writing could lose a gradient in silence, or the memory is not to be written.
    """
    check_memory(tensor, call)
    root = root_of(tensor)
    if not mode.get().recording:
        return root, None
    if root._node is not None and root._node.plan is None:
        raise RuntimeError(
            f"{call}: a leaf that requires a gradient, or a view of one, cannot be changed in place while "
            f"recording; do it under no_grad(), or through p.data"
        )
    node = current(value, call) if value is not None else None
    if node is not None:
        if tensor.dtype.kind not in "fc" or root.dtype.kind not in "fc":
            raise TypeError(f"{call}: a tensor of dtype {tensor.dtype} cannot hold a value that requires a gradient")
        if root._view is CONSTANT:
            raise RuntimeError(
                f"{call}: the tensor was detached, or taken under no_grad(), from one whose memory it shares, and "
                f"which could not know that it now depends on recorded values; use a copy of it (t.copy())"
            )
    return root, node


def check_memory(tensor: Any, call: str) -> None:
    """Raise if a tensor's memory is not to be written, recorded or not.

    Raises
    ------
    RuntimeError, ValueError
        If it is the caller's own memory, or read-only.
    """
    node = root_of(tensor)._node
    if node is not None and _is_argument(node):
        raise RuntimeError(
            f"{call}: an argument of a function that is being differentiated, or a view of one, cannot be changed "
            f"in place, since it is the caller's own memory and a leaf of the tape; change a copy (t.copy())"
        )
    if not tensor._array.flags.writeable:
        raise ValueError(
            f"{call}: the tensor's memory is read-only, as that of what was broadcast; use a copy of it (t.copy())"
        )


def check_out(name: str, out: Sequence[Any], tensor: type) -> None:
    """Raise unless what is given for a ufunc's `out=` is one tensor.

    Raises
    ------
    TypeError
        If there are several, or it is a plain array.
    """
    if len(out) > 1:
        raise TypeError(f"{name}: out= is not supported on tensors where there are several results; use them")
    if not isinstance(out[0], tensor):
        raise TypeError(
            f"{name}: out= cannot be a plain array where an argument is a tensor, since that would lose its tape "
            f"(`arr += t` would do so too); write `t = {name}(...)`, give a Tensor for out=, or use `.data` where "
            f"no gradient is needed"
        )


def check_fits(call: str, array: NDArray[Any], value: NDArray[Any], shape: tuple[int, ...]) -> None:
    """Raise unless a value can be broadcast to the place where it is to be written.

    Raises
    ------
    ValueError
        Naming both shapes.
    """
    extra = max(0, value.ndim - len(shape))  # NumPy lets it have further axes of length 1 on the left
    try:
        fits = np.broadcast_shapes(value.shape[extra:], shape) == shape and set(value.shape[:extra]) <= {1}
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{call} of {described([array, value])}: a value of shape {value.shape} does not fit the place, of shape "
            f"{shape}"
        )


def same_memory(tensor: Any, array: NDArray[Any]) -> bool:
    """Tell whether a tensor's elements are those of an array."""
    mine, its = behind(tensor._array).__array_interface__, behind(array).__array_interface__
    return all(mine[key] == its[key] for key in ("data", "shape", "strides", "typestr"))


def _after_write(root: Any, node: Node | None, view: Any) -> Node | None:
    """Return the new place on the tape of a root that a view has written into; `node` is its old one."""
    steps = view._view.steps()
    part = next((step.primitive for step in steps if step.primitive in (_real, _imag)), None)
    if part is None or root.dtype.kind != "c":
        return _assignment(node, root._array, view._node, view._array, _index_in_root(root, steps))
    whole = _placed(root, node)
    real, imag = whole.real.copy(), whole.imag.copy()
    (real if part is _real else imag)[_index_in_root(root, steps)] = _placed(view, view._node)
    return (real + 1j * imag)._node


def _placed(tensor: Any, node: Node | None) -> Any:
    """Return a copy of a tensor; on the tape it is a copy of what `node` recorded."""
    copy = tensor.detach()
    copy._array, copy._view = tensor._array.copy(), None
    if node is not None:
        copy._node = record_in_mode(_copying.plans[0b11], (node,), (copy._array,), NOTHING, copy._array)
    return copy


def _index_in_root(root: Any, steps: Sequence[View]) -> Any:
    """Return the index of a view's elements in its root."""
    if len(steps) == 1 and steps[0].primitive is getitem:
        return steps[0].kwargs["index"]
    shape = root.shape
    if not shape:
        return ...
    size: int = root.size
    positions: Any = np.arange(size)
    positions = positions.reshape(shape)
    for step in steps:
        if step.primitive is not _imag:  # the imaginary parts are where the numbers are
            positions = step.primitive.function(positions, **step.kwargs)
    return cast(Any, np.unravel_index(positions, shape))


def _assignment(
    node: Node | None, array: NDArray[Any], source: Node | None, value: NDArray[Any], index: Any
) -> Node | None:
    """Record that `value` was written into an array at an index, and return the array's new place on the tape."""
    parents = tuple(parent for parent in (node, source) if parent is not None)
    if not parents:
        return None
    plan = assign.plans[0b100 | (node is not None) << 1 | (source is not None)]
    what = value.item() if source is None and value.ndim == 0 else value  # listings show a number
    return record_in_mode(plan, parents, (array, what), {"index": index}, array)
