"""The graph that is written: nodes in order, and handles for what they give, with which formulas are written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nn.onnx.errors import OnnxError, onnx_package
from nn.onnx.recording import Size, Value

__all__ = ["Graph", "Handle", "cast", "constant", "ints", "op", "ops", "size_of", "weak_dtype"]


class Handle:
    """An array in a graph; operators add nodes.

    Attributes
    ----------
    graph : Graph
    dtype
    name : str
        What it is to be called, "" if nothing.
    shape : tuple of int or Size
        Of what a formula is given; () of what it makes.
    array : ndarray or None
        What it holds, if that is a constant.
    """

    def __init__(self, graph: Graph, dtype: DTypeLike, name: str = "") -> None:
        self.graph, self.dtype, self.name = graph, np.dtype(dtype), name
        self.shape: tuple[Any, ...] = ()
        self.array: Any = None

    @property
    def ndim(self) -> int:
        """Number of axes of what a formula is given."""
        return len(self.shape)

    def __add__(self, other: Any) -> Handle:
        return op("Add", self, cast(other, self))

    def __radd__(self, other: Any) -> Handle:
        return op("Add", cast(other, self), self)

    def __sub__(self, other: Any) -> Handle:
        return op("Sub", self, cast(other, self))

    def __rsub__(self, other: Any) -> Handle:
        return op("Sub", cast(other, self), self)

    def __mul__(self, other: Any) -> Handle:
        return op("Mul", self, cast(other, self))

    def __rmul__(self, other: Any) -> Handle:
        return op("Mul", cast(other, self), self)

    def __truediv__(self, other: Any) -> Handle:
        return op("Div", self, cast(other, self))

    def __rtruediv__(self, other: Any) -> Handle:
        return op("Div", cast(other, self), self)

    def __neg__(self) -> Handle:
        return op("Neg", self)

    def __gt__(self, other: Any) -> Handle:
        return op("Greater", self, cast(other, self), dtype=bool)

    def __lt__(self, other: Any) -> Handle:
        return op("Less", self, cast(other, self), dtype=bool)

    def equals(self, other: Any) -> Handle:
        """Compare element by element."""
        return op("Equal", self, cast(other, self), dtype=bool)


class Node:
    """An operator, what it is given, and what comes out."""

    def __init__(self, kind: str, inputs: Sequence[Handle | None], outputs: Sequence[Handle], settings: Any) -> None:
        self.kind, self.inputs, self.outputs, self.settings = kind, inputs, outputs, settings


def op(kind: str, *inputs: Any, dtype: DTypeLike | None = None, **settings: Any) -> Handle:
    """Add an operator with one result, by default of the first input's dtype; settings that are None are left out."""
    return ops(kind, *inputs, dtypes=[dtype], **settings)[0]


def ops(kind: str, *inputs: Any, dtypes: Sequence[DTypeLike | None], **settings: Any) -> list[Handle]:
    """Add an operator with several results."""
    given = [x for x in inputs if isinstance(x, Handle)]
    graph = given[0].graph
    outputs = [Handle(graph, given[0].dtype if dtype is None else dtype) for dtype in dtypes]
    settings = {name: value for name, value in settings.items() if value is not None}
    while inputs[-1] is None:  # runtimes wait for names only where others follow
        inputs = inputs[:-1]
    graph.nodes.append(Node(kind, inputs, outputs, settings))
    return outputs


def constant(array: Any, like: Handle, dtype: DTypeLike | None = None) -> Handle:
    """Return a constant of the graph of a handle, and of its dtype unless another one is given."""
    return like.graph.constant(np.asarray(array, like.dtype if dtype is None else dtype))


def ints(like: Handle, *numbers: Any) -> Handle:
    """Return whole numbers, each of which may depend on the batch size, as a vector."""
    return like.graph.sizes(numbers)


def size_of(like: Handle, number: Any, dtype: DTypeLike) -> Handle:
    """Return a number that depends on the batch size, as an array without axes."""
    scalar = op("Squeeze", like.graph.sizes([number]), constant([0], like, np.int64))
    return cast(scalar, like, dtype)


def cast(x: Any, like: Handle, dtype: DTypeLike | None = None) -> Handle:
    """Return an operand, a number too, in the dtype of a handle or in another one."""
    dtype = like.dtype if dtype is None else np.dtype(dtype)
    if isinstance(x, Size):
        return size_of(like, x, dtype)
    if not isinstance(x, Handle):
        return constant(x, like, dtype)
    return x if x.dtype == dtype else op("Cast", x, dtype=dtype, to=tensor_type(dtype))


def weak_dtype(*operands: Any) -> np.dtype[Any]:
    """Return the dtype in which operands meet, where Python's numbers take that of the others."""
    return np.result_type(*(x.dtype if isinstance(x, Handle) else 1 if isinstance(x, Size) else x for x in operands))


def tensor_type(dtype: DTypeLike) -> int:
    """Return ONNX's number for a dtype.

    Raises
    ------
    OnnxError
        If it has none, or no operators for it.
    """
    helper = onnx_package("onnx.helper")
    if np.dtype(dtype).kind in "biuf" and np.dtype(dtype).itemsize <= 8:
        return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype).newbyteorder("=")))
    raise OnnxError(f"numbers of dtype {np.dtype(dtype)} have no counterpart in ONNX; compute with float32 or float64")


class Graph:
    """A graph in the making.

    Attributes
    ----------
    nodes : list of Node
    batch : Handle
        The batch size, as a vector of one.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.inputs: list[tuple[Handle, Any]] = []
        self.parameters: list[tuple[Handle, Any]] = []
        self.batch: Handle | None = None
        self._constants: dict[Any, Handle] = {}
        self._sizes: dict[Any, Handle] = {}
        self._batched: tuple[Handle, int] | None = None

    def add_input(self, value: Value, axis: int | None) -> Handle:
        """Add an input; the first one with a batch axis tells the batch size."""
        handle = Handle(self, value.dtype, value.name)
        self.inputs.append((handle, value.shape))
        if self._batched is None and axis is not None:
            self._batched = handle, axis
        return handle

    def add_parameter(self, value: Value) -> Handle:
        """Add an array that is kept under its name."""
        handle = Handle(self, value.dtype, value.name or "parameter")
        self.parameters.append((handle, value.array))
        return handle

    def constant(self, array: NDArray[Any], name: str = "") -> Handle:
        """Return a constant, the same for equal ones."""
        tensor_type(array.dtype)
        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self._constants:
            handle = self._constants[key] = Handle(self, array.dtype, name)
            handle.shape, handle.array = array.shape, array
            self.nodes.append(Node("Constant", (), [handle], {"value": array}))
        return self._constants[key]

    def sizes(self, numbers: Iterable[Any]) -> Handle:
        """Return whole numbers as a vector."""
        numbers = tuple(numbers)
        if not any(isinstance(n, Size) for n in numbers):
            return self.constant(np.array(numbers, np.int64))
        if numbers not in self._sizes:
            parts = [self._size(n) if isinstance(n, Size) else self.sizes([n]) for n in numbers]
            self._sizes[numbers] = parts[0] if len(parts) == 1 else op("Concat", *parts, axis=0)
        return self._sizes[numbers]

    def _size(self, size: Size) -> Handle:
        if self.batch is None:
            if self._batched is None:
                raise OnnxError("a number depends on the batch size, and no input has an axis for it")
            handle, axis = self._batched
            self.batch = op("Shape", handle, dtype=np.int64, start=axis, end=axis + 1 or None)
        whole = self.batch if size.factor == 1 else self.batch * constant([size.factor], self.batch)
        return whole if size.offset == 0 else whole + constant([size.offset], self.batch)

    def model(self, outputs: Sequence[tuple[Handle, Any]], axis_name: str, buffers: Sequence[str]) -> Any:
        """Return the model, as `onnx` has it; it tells which arrays are parameters and which are buffers."""
        nodes = _needed(self.nodes, [handle for handle, _ in outputs])
        names = _Names([*self.parameters, *self.inputs])
        used = {id(x) for node in nodes for x in node.inputs} | {id(x) for x, _ in outputs}
        kept = [(x, array) for x, array in self.parameters if id(x) in used]
        helper = onnx_package("onnx.helper")
        protos = [_proto(helper, node, names) for node in nodes]
        graph = helper.make_graph(
            protos,
            "model",
            [_info(helper, names.of(x), x.dtype, shape, axis_name) for x, shape in self.inputs],
            [_info(helper, names.of(x), x.dtype, shape, axis_name) for x, shape in outputs],
            [_tensor(array, names.of(x)) for x, array in kept],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="autograd_np")
        model.ir_version = IR_VERSION
        own = [names.of(x) for x, _ in kept]
        helper.set_model_props(
            model,
            {
                "autograd_np.parameters": json.dumps([name for name in own if name not in buffers]),
                "autograd_np.buffers": json.dumps([name for name in own if name in buffers]),
            },
        )
        return model


OPSET, IR_VERSION = 17, 10


class _Names:
    """The names of handles, each of which has one of its own."""

    def __init__(self, given: Iterable[tuple[Handle, Any]]) -> None:
        self._names: dict[int, str] = {}
        self._used: dict[str, int] = {}  # names, and how many have been made of each
        for handle, _ in given:
            self.of(handle)

    def of(self, handle: Handle, hint: str = "") -> str:
        """Return the name of a handle."""
        if id(handle) not in self._names:
            name = hint = handle.name or hint
            while name in self._used:
                self._used[hint] += 1
                name = f"{hint}_{self._used[hint]}"
            self._used[name] = 1
            self._names[id(handle)] = name
        return self._names[id(handle)]


def _needed(nodes: Sequence[Node], outputs: Sequence[Handle]) -> list[Node]:
    wanted, kept = {id(x) for x in outputs}, list[Node]()
    for node in reversed(nodes):
        if any(id(x) in wanted for x in node.outputs):
            kept.append(node)
            wanted.update(id(x) for x in node.inputs)
    return kept[::-1]


def _proto(helper: Any, node: Node, names: _Names) -> Any:
    inputs = ["" if x is None else names.of(x) for x in node.inputs]
    outputs = [names.of(x, node.kind.lower()) for x in node.outputs]
    settings = {
        key: _tensor(value, outputs[0]) if isinstance(value, np.ndarray) else value
        for key, value in node.settings.items()
    }
    return helper.make_node(node.kind, inputs, outputs, outputs[0], **settings)  # runtimes tell nodes by their names


def _tensor(array: Any, name: str) -> Any:
    array = np.asarray(array, order="C")
    return onnx_package("onnx.numpy_helper").from_array(array.astype(array.dtype.newbyteorder("="), copy=False), name)


def _info(helper: Any, name: str, dtype: Any, shape: Any, axis_name: str) -> Any:
    sides = [_side(n, axis_name) for n in shape]
    return helper.make_tensor_value_info(name, tensor_type(dtype), sides)


def _side(n: Any, axis_name: str) -> Any:
    """Write the length of an axis: that of the batch has a name, and so has what is computed from it."""
    if not isinstance(n, Size):
        return n
    text = axis_name if n.factor == 1 else f"{n.factor}*{axis_name}"
    return text if n.offset == 0 else f"{text}{n.offset:+d}"
