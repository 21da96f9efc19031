"""Export: a model's recording, written as an ONNX file and checked."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from typing import cast as cast_type

import numpy as np
from numpy.typing import NDArray

from autograd_np import Tensor, no_grad
from autograd_np.compiling import Uncapturable
from autograd_np.trees import leaves_of
from autograd_np.versions import as_ndarray
from nn.module import Module
from nn.onnx.errors import OnnxError, onnx_package
from nn.onnx.formulas import FORMULAS
from nn.onnx.graph import Graph, Handle, cast, constant, ints, op, size_of
from nn.onnx.importing import module_of
from nn.onnx.reading import read
from nn.onnx.recording import BATCHES, Recording, Size, Step, Value, record

__all__ = ["export_onnx"]

UNSEEN = 67
"""How many examples the batch has with which a file is checked: many, so that len(x) // 16 is no 0 in each batch."""


def export_onnx(
    model: Callable[..., Any], example_input: Any, path: str | os.PathLike[str], *,
    batch_axis: int | Sequence[int | None] | None = 0,
) -> None:  # fmt: skip
    """Write a model to an ONNX file, for batches of any size.

    The model is called, in evaluation mode, and its operations are recorded: what it computes with NumPy is exported
    as layers are. The file has opset 17 and IR version 10. Parameters and buffers keep the names of the state dict. The
    result is checked by onnx's checker, and what it computes is compared with the model for a batch of another size.

    Parameters
    ----------
    model : Module or callable
        Takes arrays and returns an array or several. Of a function, tensors that it reads are parameters, under the
        names it has for them.
    example_input : array_like or tuple of array_like
        A batch of at least one example; of a model with several inputs a batch of each, in a tuple.
    path : path-like
        The file to write; ``.onnx`` is customary. After an error it is as it was.
    batch_axis : int, sequence of int or None, or None
        Which axis holds the examples of a batch; with a number for each input if they differ, None for an input that
        does not depend on the batch. A number is for inputs that are as long there as the first one is. With None the
        file is for inputs of the shapes of the example alone.

    Raises
    ------
    OnnxError
        If an operation has no counterpart in ONNX; it is named, with the line that recorded it. If the model does not
        treat batches of all sizes alike, or makes decisions by values.
    ImportError
        If the package onnx is not installed.

    Notes
    -----
    The model is called three times, with batches of 2, 3 and 67 examples. Outputs in tuples, lists and
    dicts are outputs of the file, in this order.

    Examples
    --------
    >>> import tempfile
    >>> from importlib.util import find_spec
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import nn
    >>> model = nn.Sequential(nn.Linear(4, 8, rng=0), nn.ReLU(), nn.Linear(8, 3, rng=1))
    >>> x = np.ones((2, 4), np.float32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     if find_spec("onnx"):  # pip install autograd_np[onnx]
    ...         nn.export_onnx(model, x, Path(folder) / "model.onnx")
    ...         again = nn.import_onnx(Path(folder) / "model.onnx")
    ...         assert np.allclose(again(x).data, model(x).data, atol=1e-6)
    ...         assert list(again.state_dict()) == list(model.state_dict())
    """
    onnx_package()
    inputs = cast_type("tuple[Any, ...]", example_input) if isinstance(example_input, tuple) else (example_input,)
    arrays = [_as_input(model, x) for x in inputs]
    axes = _axes(arrays, batch_axis)
    rng = np.random.default_rng(0)
    first, second, third = (
        [_batch(x, axis, size, rng) for x, axis in zip(arrays, axes, strict=True)] for size in (*BATCHES, UNSEEN)
    )
    modules = [*model.modules()] if isinstance(model, Module) else []
    parameters = [*model.parameters()] if isinstance(model, Module) else []
    modes, gradients = [module.training for module in modules], [p.grad for p in parameters]
    try:
        for module in modules:
            module.training = False
        recording = record(model, (first, second), _names(model, len(arrays)), FORMULAS.__contains__)
        with no_grad():
            expected = [x.data if isinstance(x, Tensor) else x for x in leaves_of(model(*map(Tensor, third)))]
    except Uncapturable as error:
        raise OnnxError(f"export_onnx: {error}") from error
    except Exception as error:
        error.add_note(
            f"export_onnx calls the model with batches of {', '.join(map(str, BATCHES))} and {UNSEEN} examples"
        )
        raise
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
    buffers = [key for key, _ in model.named_buffers()] if isinstance(model, Module) else []
    written = _written(recording, axes, buffers)
    _check(written, third, [np.asarray(x) for x in expected if x is not None])
    Path(path).write_bytes(written.SerializeToString())


def _as_input(model: Any, x: Any) -> NDArray[Any]:
    """Return an example as an array of the model's dtype, as a call takes it."""
    if isinstance(x, Tensor):
        return x.data
    array = as_ndarray(x)
    parameters = [*model.parameters()] if isinstance(model, Module) else []
    dtypes: list[Any] = [p.dtype for p in parameters if p.dtype.kind == "f"]
    return np.asarray(array, dtypes[0] if dtypes and array.dtype.kind == "f" else array.dtype)


def _axes(arrays: Sequence[Any], given: Any) -> list[int | None]:
    """Return the batch axis of each input."""
    if not isinstance(given, int):
        axes = [None] * len(arrays) if given is None else [*given]
        if len(axes) != len(arrays):
            raise ValueError(
                f"export_onnx: batch_axis={given!r} for {len(arrays)} inputs; give an axis or None for each"
            )
    else:
        axes: list[int | None] = [given if -x.ndim <= given < x.ndim else None for x in arrays]
        lengths = [None if axis is None else x.shape[axis] for x, axis in zip(arrays, axes, strict=True)]
        axes = [axis if n == lengths[0] else None for axis, n in zip(axes, lengths, strict=True)]
    for x, axis in zip(arrays, axes, strict=True):
        if axis is not None and (not -x.ndim <= axis < x.ndim or x.shape[axis] == 0):
            raise ValueError(f"export_onnx: an example of shape {x.shape} has no examples along axis {axis}")
    return [None if axis is None else axis % x.ndim for x, axis in zip(arrays, axes, strict=True)]


def _batch(x: Any, axis: int | None, size: int, rng: Any) -> Any:
    """Return a batch made from the examples of another, with somewhat smaller numbers."""
    rows = x if axis is None else x.take((np.arange(size) + size) % x.shape[axis], axis=axis)
    if x.dtype.kind != "f":
        return np.array(rows)
    share = 1 - rng.random(rows.shape) / 8
    return (rows * share).astype(x.dtype)


def _names(model: Any, count: int) -> list[str]:
    """Return what the model calls its inputs."""
    try:
        parameters = inspect.signature(model.forward if isinstance(model, Module) else model).parameters.values()
    except ValueError:
        parameters = ()
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [named[i] if i < len(named) else f"input_{i}" for i in range(count)]


# ---------------------------------------------------------------------------------------------------------------------
# The graph
# ---------------------------------------------------------------------------------------------------------------------


class _Writer:
    """Turns a recording into a graph."""

    def __init__(self, recording: Recording, axes: Sequence[int | None]) -> None:
        self.graph = Graph()
        self._handles: dict[int, Handle] = {}
        ordered = sorted(zip(recording.inputs, axes, strict=True), key=lambda pair: pair[1] is None)
        for value, axis in ordered:
            handle = self.graph.add_input(value, axis)
            handle.shape = value.shape
            self._handles[id(value)] = handle
        self.graph.inputs = [(self._handles[id(value)], value.shape) for value in recording.inputs]
        for step in recording.steps:
            self._add(step)
        self.outputs = [(self._output(value), value.shape) for value in recording.outputs]

    def _add(self, step: Step) -> None:
        formula = FORMULAS.get(step.name)
        if formula is None:
            raise OnnxError(f"export_onnx: {step.line}: {step.name} has no counterpart in ONNX")
        known: Any = step.results if step.several else step.results[0]
        args, kwargs = self._given(step.args), self._given(_telling(step.kwargs))
        try:
            inspect.signature(formula).bind(known, *args, **kwargs)
        except TypeError:
            words = ", ".join(f"{name}=" for name in kwargs)
            raise OnnxError(f"export_onnx: {step.line}: {step.name} with {words} has no counterpart in ONNX") from None
        try:
            made = formula(known, *args, **kwargs)
        except OnnxError as error:
            raise OnnxError(f"export_onnx: {step.line}: {step.name}: {error} has no counterpart in ONNX") from error
        if made is None:
            raise OnnxError(f"export_onnx: {step.line}: {step.name} of {known.dtype} has no counterpart in ONNX")
        for value, handle in zip(step.results, made if isinstance(made, list) else [made], strict=True):  # pyright: ignore
            self._keep(value, handle)  # pyright: ignore[reportUnknownArgumentType]

    def _keep(self, value: Value, handle: Handle) -> None:
        handle = cast(handle, handle, value.dtype)
        if any(handle is other for other in self._handles.values()):
            handle = op("Identity", handle)
        handle.name, handle.shape = handle.name or value.name, value.shape
        self._handles[id(value)] = handle

    def _given(self, part: Any) -> Any:
        """Put handles in place of values."""
        if isinstance(part, Value):
            return self._handle(part)
        if isinstance(part, Size) or part is None:
            return part
        if isinstance(part, tuple | list):
            kind, parts = type(part), [self._given(item) for item in part]  # pyright: ignore
            return kind(*parts) if hasattr(kind, "_fields") else kind(parts)  # pyright: ignore
        if isinstance(part, dict):
            return {key: self._given(value) for key, value in part.items()}  # pyright: ignore
        return part

    def _handle(self, value: Value) -> Handle:
        if id(value) not in self._handles:
            handle = self.graph.add_parameter(value) if value.kind == "parameter" else self._constant(value)
            handle.shape = value.shape
            self._handles[id(value)] = handle
        return self._handles[id(value)]

    def _constant(self, value: Value) -> Handle:
        """Return a constant; one that depends on the batch size is made from it."""
        if value.series is None:
            handle = self.graph.constant(np.asarray(value.array), value.name)
            handle.array = np.asarray(value.array)
            return handle
        first, grow, step = value.series
        sizes, whole = self.graph.sizes(value.shape), self.graph.constant(first)
        if grow.any():
            whole = whole + self.graph.constant(grow) * size_of(sizes, Size(1), value.dtype)
        if not step.any():
            return op("Expand", whole, sizes)
        along = [-1 if isinstance(n, Size) else 1 for n in value.shape]
        scalar = size_of(sizes, value.shape[along.index(-1)], np.int64)
        count = op("Range", constant(0, sizes), scalar, constant(1, sizes))
        places = cast(op("Reshape", count, ints(sizes, *along)), sizes, value.dtype)
        return whole + self.graph.constant(step) * places

    def _output(self, value: Value) -> Handle:
        handle = self._handle(value)
        made = any(handle in node.outputs for node in self.graph.nodes)
        taken = any(handle is x for x, _ in getattr(self, "outputs", []))
        return handle if made and not taken else op("Identity", handle)


def _telling(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments without those that say what is so anyway."""
    usual = {"where": True, "initial": None, "out": None}
    kept = {name: value for name, value in kwargs.items() if value is not np._NoValue}  # pyright: ignore
    return {name: value for name, value in kept.items() if name not in usual or value is not usual[name]}


def _written(recording: Recording, axes: Sequence[int | None], buffers: Sequence[str]) -> Any:
    """Return the model as `onnx` has it."""
    writer = _Writer(recording, axes)
    seen: list[Handle] = []
    outputs: list[tuple[Handle, Any]] = []
    for handle, shape in writer.outputs:
        handle = op("Identity", handle) if any(handle is x for x in seen) else handle
        handle.name = handle.name if handle.name and handle.name != "out" else "output"
        seen.append(handle)
        outputs.append((handle, shape))
    return writer.graph.model(outputs, "batch", buffers)


# ---------------------------------------------------------------------------------------------------------------------
# The check
# ---------------------------------------------------------------------------------------------------------------------


def _check(written: Any, batch: Sequence[Any], expected: Sequence[Any]) -> None:
    """Check what was written, and that it computes what the model does for a batch of another size.

    Raises
    ------
    OnnxError
        If it does not.
    """
    try:
        onnx_package("onnx.checker").check_model(written, full_check=True)
    except Exception as error:  # of several types, none of which is public
        raise OnnxError(f"export_onnx: onnx's checker refuses what was written: {error}") from error
    try:
        found = module_of(read(written.SerializeToString()))(*batch)
    except OnnxError as error:
        raise OnnxError(f"export_onnx: what was written does not run with a batch of {UNSEEN}: {error}") from error
    results = cast_type("tuple[Any, ...]", found) if isinstance(found, tuple) else (found,)
    for output, ours, theirs in zip(written.graph.output, expected, results, strict=True):
        theirs = theirs.data if isinstance(theirs, Tensor) else np.asarray(theirs)
        if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype) or not _are_close(ours, theirs):
            raise OnnxError(
                f"export_onnx: the output {output.name} of shape {ours.shape} for {UNSEEN} examples is not what the "
                f"recorded operations give, of shape {theirs.shape}: it depends on the batch size, or on values, in a "
                f"way that was not recorded"
            )


def _are_close(ours: Any, theirs: Any) -> bool:
    """Tell whether two results differ by rounding alone."""
    if ours.dtype.kind != "f":
        return bool(np.array_equal(ours, theirs))
    unit = 32 * float(np.finfo(ours.dtype).eps) ** (0.75 if ours.dtype != np.float16 else 0.9)
    with np.errstate(all="ignore"):
        scale = float(np.max(np.abs(ours), initial=1.0, where=np.isfinite(ours)))
        return bool(np.allclose(theirs, ours, rtol=unit, atol=unit * scale, equal_nan=True))
