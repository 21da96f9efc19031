"""Reading: a file's bytes as a checked list of operators. Nothing is computed, and nothing but the file is opened."""

from __future__ import annotations

import functools
import inspect
import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from nn.onnx.errors import OnnxError, onnx_package
from nn.onnx.operators import OPERATORS
from nn.onnx.operators.table import dtype_of

__all__ = ["Model", "Operator", "Port", "read"]

_MOST_ARRAYS, _MOST_AXES = 2**14, 32

OPSETS = range(13, 24)
"""The versions of the operators that are known."""


_KINDS = {*OPERATORS, "Constant"}


class Operator(NamedTuple):
    """An operator of a file: what it is called, and the names of what it is given and of what it gives."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: dict[str, Any]


class Port(NamedTuple):
    """An input: its name, its dtype, and its shape with None for a length that may differ, or None."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...] | None


class Model(NamedTuple):
    """What a file holds."""

    inputs: list[Port]
    outputs: list[str]
    arrays: dict[str, NDArray[Any]]
    operators: list[Operator]
    texts: dict[str, str]


def read(content: bytes) -> Model:
    """Read a model.

    Raises
    ------
    OnnxError
        If the bytes are none, or it has something that is not supported.
    """
    onnx = onnx_package()
    try:
        proto = onnx.ModelProto()
        proto.ParseFromString(content)
        return _model(proto)
    except OnnxError:
        raise
    except Exception as error:  # whatever a damaged file leads to, there is one type of error
        raise OnnxError(f"no ONNX file that can be read: {type(error).__name__}: {error}") from error


def _model(proto: Any) -> Model:
    versions = {entry.domain: entry.version for entry in proto.opset_import}
    version = versions.get("", versions.get("ai.onnx"))
    if version not in OPSETS:
        raise OnnxError(
            f"the file's operators are of version {version}; versions {OPSETS[0]} to {OPSETS[-1]} can be read"
        )
    if len(proto.functions) or len(proto.graph.sparse_initializer):
        raise OnnxError("functions and sparse arrays in a file are not supported")
    graph = proto.graph
    if len(graph.initializer) > _MOST_ARRAYS:
        raise OnnxError(f"the file has {len(graph.initializer):,} arrays; at most {_MOST_ARRAYS:,} are read")
    arrays: dict[str, NDArray[Any]] = {}
    for tensor in graph.initializer:
        _new(tensor.name, arrays, "an array")
        arrays[tensor.name] = array_of(tensor)
    inputs = [_port(info) for info in graph.input if info.name not in arrays]
    known: dict[str, Any] = dict.fromkeys(arrays)
    for port in inputs:
        _new(port.name, known, "an input")
        known[port.name] = None
    operators = [_operator(node, known) for node in graph.node]
    outputs = [info.name for info in graph.output]
    missing = [name for name in outputs if name not in known]
    if missing or not outputs:
        raise OnnxError(f"the file computes no output {missing[0]!r}" if missing else "the file has no outputs")
    texts = {entry.key: entry.value for entry in proto.metadata_props}
    return Model(inputs, outputs, arrays, operators, texts)


def _new(name: str, known: Mapping[str, Any], what: str) -> None:
    if not name or name in known:
        raise OnnxError(f"{what} named {name!r}: every array in a file needs a name of its own")


def _operator(node: Any, known: dict[str, Any]) -> Operator:
    """Return an operator; what it gives is known from then on."""
    label = f"{node.op_type} {node.name!r}" if node.name else node.op_type
    if node.domain not in ("", "ai.onnx") or node.op_type not in _KINDS:
        raise OnnxError(f"the operator {'.'.join(filter(None, (node.domain, node.op_type)))} is not supported")
    inputs, outputs = tuple(node.input), tuple(node.output)
    unknown = [name for name in inputs if name and name not in known]
    if unknown:
        raise OnnxError(f"{label} is given {unknown[0]!r}, which nothing before it computes")
    for name in filter(None, outputs):
        _new(name, known, f"a result of {label}")
        known[name] = None
    settings: dict[str, Any] = {}
    for attribute in node.attribute:
        _new(attribute.name, settings, f"an attribute of {label}")
        settings[attribute.name] = _setting(attribute, label)
    if node.op_type != "Constant":
        _check_call(node.op_type, label, inputs, outputs, settings)
    elif inputs or len(outputs) != 1 or len(settings) != 1 or not isinstance(_constant(settings), np.ndarray):
        raise OnnxError(f"{label}: a constant of another kind than an array")
    else:
        settings = {"value": _constant(settings)}
    return Operator(node.op_type, node.name, inputs, outputs, settings)


def _constant(settings: Mapping[str, Any]) -> Any:
    """Return what a constant holds."""
    ((name, value),) = settings.items()
    dtypes = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    return np.array(value, dtypes[name]) if name in dtypes else value


def _check_call(
    kind: str, label: str, inputs: tuple[str, ...], outputs: tuple[str, ...], settings: dict[str, Any]
) -> None:
    signature = _signature(kind)
    words = {"outputs": len(outputs)} if kind == "Split" else {}
    settings.update(words)
    try:
        signature.bind(*inputs, **settings)
    except TypeError as error:
        raise OnnxError(f"{label} with {len(inputs)} inputs and attributes {[*settings]}: {error}") from None
    needed = sum(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in signature.parameters.values())
    if not outputs or not all(inputs[:needed]):
        raise OnnxError(f"{label} lacks an input, or gives nothing")


@functools.cache
def _signature(kind: str) -> inspect.Signature:
    return inspect.signature(OPERATORS[kind])


def _setting(attribute: Any, label: str) -> Any:
    """Return an attribute's value."""
    fields = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints", 8: "strings"}
    if attribute.type not in fields or attribute.ref_attr_name:
        raise OnnxError(f"{label}: the attribute {attribute.name!r} is of a kind that is not supported")
    value = getattr(attribute, fields[attribute.type])
    if attribute.type == 4:
        return array_of(value)
    return [*value] if attribute.type > 5 else value


def _port(info: Any) -> Port:
    kind = info.type.tensor_type
    if info.type.WhichOneof("value") != "tensor_type":
        raise OnnxError(f"the input {info.name!r} is no array")
    dtype = np.dtype(dtype_of(kind.elem_type))
    if len(kind.shape.dim) > _MOST_AXES:
        raise OnnxError(f"the input {info.name!r} has {len(kind.shape.dim)} axes")
    if not kind.HasField("shape"):
        return Port(info.name, dtype, None)
    sides = tuple(side.dim_value if side.HasField("dim_value") else None for side in kind.shape.dim)
    if any(n is not None and n < 0 for n in sides):
        raise OnnxError(f"the input {info.name!r} has the shape {sides}")
    return Port(info.name, dtype, sides)


# ---------------------------------------------------------------------------------------------------------------------
# Arrays
# ---------------------------------------------------------------------------------------------------------------------

_FIELDS = {
    np.float32: ("float_data", np.float32), np.float64: ("double_data", np.float64), np.int64: ("int64_data", np.int64),
    np.uint32: ("uint64_data", np.uint64), np.uint64: ("uint64_data", np.uint64),
}  # fmt: skip
"""Where numbers stand that are not in `raw_data`; all others stand in `int32_data`."""


def array_of(tensor: Any) -> NDArray[Any]:
    """Return an array of a file: it has as many numbers as its shape says, and they stand in the file itself.

    Raises
    ------
    OnnxError
        If they do not.
    """
    name = f"the array {tensor.name!r}"
    if tensor.data_location != 0 or len(tensor.external_data) or tensor.HasField("segment"):
        raise OnnxError(f"{name} stands in another file; export with all arrays in one")
    if len(tensor.dims) > _MOST_AXES:
        raise OnnxError(f"{name} has {len(tensor.dims)} axes")
    kind, shape = dtype_of(tensor.data_type), tuple(tensor.dims)
    if any(n < 0 for n in shape):
        raise OnnxError(f"{name} has the shape {shape}")
    count, dtype = math.prod(shape), np.dtype(kind).newbyteorder("<")
    if tensor.HasField("raw_data"):
        raw: Any = tensor.raw_data
        if len(raw) != count * dtype.itemsize:
            raise OnnxError(f"{name} of shape {shape} has {len(raw)} bytes; {count * dtype.itemsize} are needed")
        values = np.frombuffer(raw, dtype)
    else:
        field, stored = _FIELDS.get(kind, ("int32_data", np.int32))
        given = getattr(tensor, field)
        if len(given) != count:
            raise OnnxError(f"{name} of shape {shape} has {len(given)} numbers; {count} are needed")
        values = _narrowed(np.array(given, stored), np.dtype(kind), name)
    if kind is np.bool_ and values.size and int(values.view(np.uint8).max()) > 1:
        raise OnnxError(f"{name} has truth values other than 0 and 1")
    return values.astype(kind).reshape(shape)


def _narrowed(values: NDArray[Any], dtype: np.dtype[Any], name: str) -> NDArray[Any]:
    """Return numbers that stand in a wider dtype; those of float16 are bits."""
    if dtype == np.float16:
        return values.astype(np.uint16).view(np.float16)
    if not np.array_equal(values.astype(dtype).astype(values.dtype), values):
        raise OnnxError(f"{name} has numbers that are none of {dtype}")
    return values.astype(dtype)


def names_in(texts: Mapping[str, str], key: str) -> set[str] | None:
    """Return a list of names that `export_onnx` has left in a file; None if it has not.

    Raises
    ------
    OnnxError
        If something else is there.
    """
    if key not in texts:
        return None
    try:
        names: Any = json.loads(texts[key])
    except (ValueError, RecursionError) as error:
        raise OnnxError(f"the file's {key} is no list of names") from error
    if not isinstance(names, list) or not all(type(name) is str for name in cast("list[Any]", names)):
        raise OnnxError(f"the file's {key} is no list of names")
    return {*cast("list[str]", names)}
