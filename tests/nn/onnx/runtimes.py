"""What runs exported files: onnxruntime, onnx's reference evaluator, and the module that `import_onnx` makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.reference
import onnxruntime

import nn
from autograd_np import Tensor
from autograd_np.trees import leaves_of


def plain(outputs: Any) -> list[Any]:
    """Return outputs, nested or not, as a list of arrays."""
    found = [x for x in leaves_of(outputs) if x is not None]
    return [x.data if isinstance(x, Tensor) else np.asarray(x) for x in found]


def in_onnxruntime(path: Path, inputs: Sequence[Any]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))


def in_reference(path: Path, inputs: Sequence[Any]) -> list[Any]:
    evaluator = onnx.reference.ReferenceEvaluator(onnx.load(path, load_external_data=False))
    with np.errstate(all="ignore"):
        return evaluator.run(None, dict(zip(evaluator.input_names, inputs, strict=True)))


def in_module(path: Path, inputs: Sequence[Any]) -> list[Any]:
    with np.errstate(all="ignore"):
        return plain(nn.import_onnx(path)(*inputs))


EVERYWHERE: tuple[Callable[..., list[Any]], ...] = (in_onnxruntime, in_reference, in_module)


def check_alike(found: Sequence[Any], expected: Sequence[Any], where: str) -> None:
    for i, (ours, theirs) in enumerate(zip(expected, found, strict=True)):
        assert (np.shape(theirs), theirs.dtype) == (ours.shape, ours.dtype), f"{where}: output {i}"
        np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-5, err_msg=f"{where}: output {i}")


def check_export(
    path: Path,
    model: Any,
    inputs: Sequence[Any],
    runtimes: Sequence[Callable[..., list[Any]]] = EVERYWHERE,
    **settings: Any,
) -> onnx.ModelProto:
    """Export a model, check that the file computes in every runtime what the model does, and return what it holds."""
    nn.export_onnx(model, tuple(inputs), path, **settings)
    if isinstance(model, nn.Module):
        model.eval()
    with np.errstate(all="ignore"):
        expected = plain(model(*map(Tensor, inputs)))
    for run in runtimes:
        check_alike(run(path, inputs), expected, run.__name__)
    return onnx.load(path, load_external_data=False)
