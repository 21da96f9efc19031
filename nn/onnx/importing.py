"""Import: a file as a module."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from autograd_np import Tensor
from nn.module import Module
from nn.onnx.errors import OnnxError
from nn.onnx.operators import OPERATORS
from nn.onnx.reading import Model, Operator, Port, names_in, read
from nn.parameter import Parameter

__all__ = ["OnnxModule", "import_onnx", "module_of"]


def import_onnx(path: str | os.PathLike[str]) -> OnnxModule:
    """Read a model from an ONNX file, as `export_onnx` and PyTorch write it.

    Nothing in the file is executed, and no other file is opened: arrays that stand elsewhere are refused. Reading takes
    at most 200 times as much memory as the file has bytes, and 64 MB. A file has at most 16,384 arrays.

    Parameters
    ----------
    path : path-like
        The file to read.

    Returns
    -------
    OnnxModule
        Called with the file's inputs, it returns its output, or a tuple of several. Floating arrays of the file are
        parameters, under their names, and can be trained further; those that `export_onnx` wrote as buffers, and the
        statistics of batch normalisation, are buffers. Batch normalisation and dropout stay in evaluation mode.

    Raises
    ------
    OnnxError
        If the file is damaged, or has an operator that is not supported, which is named. It is a ValueError.
    OSError
        If the file cannot be opened.
    ImportError
        If the package onnx is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from importlib.util import find_spec
    >>> from pathlib import Path
    >>> import nn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "model.onnx"
    ...     _ = path.write_bytes(b"something else")
    ...     if find_spec("onnx"):  # pip install autograd_np[onnx]
    ...         try:
    ...             nn.import_onnx(path)
    ...         except nn.onnx.OnnxError as error:
    ...             assert "no ONNX file" in str(error)

    `export_onnx` shows how a file is made and read.
    """
    content = Path(path).read_bytes()
    try:
        return module_of(read(content))
    except OnnxError as error:
        raise OnnxError(f"import_onnx: {os.fsdecode(path)}: {error}") from error


def module_of(model: Model) -> OnnxModule:
    """Return a model as a module."""
    return OnnxModule(model)


class OnnxModule(Module):
    """A model that was read from an ONNX file; see `import_onnx`.

    Parameters
    ----------
    model : Model
        What stood in the file.
    """

    def __init__(self, model: Model) -> None:
        parameters = names_in(model.texts, "autograd_np.parameters")
        buffers = _given_to(model, "BatchNormalization", 3) | (names_in(model.texts, "autograd_np.buffers") or set())
        scales = _given_to(model, "Resize", 1)
        self._paths: dict[str, tuple[str, ...]] = {}
        self._constants: dict[str, NDArray[Any]] = {}
        for name, array in model.arrays.items():
            if name in buffers:
                self._put(name, array, buffer=True)
            elif array.dtype.kind == "f" and (
                array.ndim > 0 and name not in scales if parameters is None else name in parameters
            ):
                self._put(name, array, buffer=False)
            else:
                self._constants[name] = array
        for operator in model.operators:
            if operator.kind == "Constant":
                self._constants[operator.outputs[0]] = operator.settings["value"]
        self._operators = tuple(operator for operator in model.operators if operator.kind != "Constant")
        self._inputs, self._outputs = tuple(model.inputs), tuple(model.outputs)
        self._last = _last_uses(self._operators, self._outputs)

    def _put(self, name: str, array: NDArray[Any], buffer: bool) -> None:
        """Put an array where its name says, in modules inside of one another."""
        path, part = _path(self, name, buffer), self
        number = len(self._paths)
        while len(path) == 1 and path[0] in vars(self):  # many names may lead to one word
            path, number = (f"{path[0]}_{number}",), number + 1
        for word in path[:-1]:
            if word not in vars(part):
                part.add_module(word, Module())
            part = vars(part)[word]
        if buffer:
            part.register_buffer(path[-1], array)
        else:
            setattr(part, path[-1], Parameter(array))
        self._paths[name] = path

    def forward(self, *inputs: Any) -> Any:
        """Compute the outputs."""
        values = self._given(inputs)
        for number, operator in enumerate(self._operators):
            given = [values[name] if name else None for name in operator.inputs]
            try:
                made = OPERATORS[operator.kind](*given, **operator.settings)
            except Exception as error:
                raise OnnxError(f"{operator.kind} {operator.outputs[0]!r}: {error}") from error
            results = cast("tuple[Any, ...]", made) if isinstance(made, tuple) else (made,)
            for name, result in zip(operator.outputs, results, strict=False):
                values[name] = result
            for name in self._last.get(number, ()):
                values.pop(name, None)
        outputs = tuple(values[name] for name in self._outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def _given(self, inputs: Sequence[Any]) -> dict[str, Any]:
        """Return what is known before the first operator: inputs, parameters, buffers, constants."""
        if len(inputs) != len(self._inputs):
            names = ", ".join(port.name for port in self._inputs)
            raise TypeError(f"OnnxModule: {len(inputs)} inputs were given; it takes {len(self._inputs)}: {names}")
        values: dict[str, Any] = {**self._constants}
        for name, path in self._paths.items():
            values[name] = _found(self, path)
        for port, x in zip(self._inputs, inputs, strict=True):
            values[port.name] = _fitting(port, x)
        return values


def _found(module: Module, path: Sequence[str]) -> Any:
    for word in path[:-1]:
        module = vars(module)[word]
    return vars(module)[path[-1]]


def _fitting(port: Port, x: Any) -> Any:
    """Return an input, whose shape and kind of numbers fit."""
    array = x if isinstance(x, Tensor) else np.asarray(x)
    fits = port.shape is None or (
        len(port.shape) == array.ndim and all(n is None or n == m for n, m in zip(port.shape, array.shape, strict=True))
    )
    if not fits or (array.dtype.kind == "f") != (port.dtype.kind == "f"):
        raise ValueError(
            f"OnnxModule: the input {port.name} of shape {array.shape} and dtype {array.dtype}; the file's is "
            f"{port.shape}, {port.dtype}"
        )
    return array


def _path(module: Any, name: str, buffer: bool) -> tuple[str, ...]:
    """Return where an array is put: in modules by the words of its name, else under one word made of it."""
    words = tuple(name.split("."))
    if len(words) <= _DEEPEST and all(map(_is_word, words)) and (words[-1].isidentifier() or not buffer):
        for word in words[:-1]:
            if not isinstance(module, Module):
                break
            module = vars(module).get(word)
            if module is None:
                return words
        if isinstance(module, Module) and words[-1] not in vars(module):
            return words
    word = re.sub(r"\W", "_", name).lstrip("_")
    word = word if _is_word(word) and word.isidentifier() else f"array_{word}"
    return (word,)


_DEEPEST = 32
"""How many modules are put into one another at most."""


def _is_word(word: str) -> bool:
    """Tell whether a module can have an attribute of that name."""
    return (word.isidentifier() or word.isdigit()) and not word.startswith("_") and not hasattr(Module(), word)


def _given_to(model: Model, kind: str, first: int) -> set[str]:
    """Return the arrays that operators of a kind are given, from one input on."""
    return {name for operator in model.operators if operator.kind == kind for name in operator.inputs[first:]}


def _last_uses(operators: Sequence[Operator], outputs: Sequence[str]) -> dict[int, list[str]]:
    """Return after which operator arrays are used no more."""
    last = {name: i for i, operator in enumerate(operators) for name in (*operator.inputs, *operator.outputs) if name}
    found: dict[int, list[str]] = {}
    for name in last.keys() - {*outputs}:
        found.setdefault(last[name], []).append(name)
    return found
