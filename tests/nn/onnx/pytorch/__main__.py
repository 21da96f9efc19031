"""Record what PyTorch writes and computes, by both of its exporters; `record` needs torch and onnxscript."""

from __future__ import annotations

import json
import warnings
from typing import Any

from tests.nn.onnx.pytorch.cases import CASES, FOLDER

OPSETS = {"script": 17, "dynamo": 18}
"""By exporter; the newer one has no older operators."""

UNABLE = {"script": {"rms_norm", "encoder"}}
"""What an exporter cannot write."""


def without_notes(model: Any) -> Any:
    """Return a model without the lines of code that its exporter leaves in it."""
    del model.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for info in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del info.metadata_props[:]
    del model.graph.value_info[:]
    return model


def record() -> None:
    """Write the files, and the outputs of the models in evaluation mode."""
    import io

    import onnx
    import torch
    from torch import nn

    FOLDER.mkdir(exist_ok=True)
    values: dict[str, Any] = {}
    for case in CASES:
        torch.manual_seed(0)
        model = eval(case.make, {"nn": nn}).eval()
        x = torch.tensor(case.input())
        outputs = model(x)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        flat = [y for part in outputs for y in (part if isinstance(part, tuple) else (part,))]
        values[case.name] = [[list(y.shape), [float(f"{v:.7g}") for v in y.detach().ravel().tolist()]] for y in flat]
        for exporter, opset in OPSETS.items():
            file: Any = io.BytesIO()
            if case.name in UNABLE.get(exporter, ()):
                continue
            with warnings.catch_warnings(action="ignore"):
                if exporter == "script":
                    torch.onnx.export(
                        model, (x,), file, dynamo=False, opset_version=opset, input_names=["x"],
                        dynamic_axes={"x": {0: "batch"}},
                    )  # fmt: skip
                    made = onnx.load_model_from_string(file.getvalue())
                else:
                    batch = torch.export.Dim("batch", min=2)
                    made = torch.onnx.export(
                        model, (x,), dynamo=True, opset_version=opset, input_names=["x"], dynamic_shapes=[{0: batch}],
                        verbose=False,
                    ).model_proto  # fmt: skip
            (FOLDER / f"{case.name}.{exporter}.onnx").write_bytes(without_notes(made).SerializeToString())
    (FOLDER / "outputs.json").write_text(
        "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in values.items()) + "\n}\n"
    )


if __name__ == "__main__":
    record()
