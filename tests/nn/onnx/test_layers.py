"""Every layer is exported, and computes the same in onnxruntime, in onnx's evaluator, and read back."""

import re

import pytest

import nn
import nn.layers
from tests.nn.onnx.layers import GROUPS, example, made
from tests.nn.onnx.runtimes import check_export, in_module, in_onnxruntime, in_reference


@pytest.mark.parametrize("group", GROUPS)
def test_layers_compute_the_same_everywhere(group, tmp_path):
    texts, x = GROUPS[group]
    model = made(f"Several([{', '.join(texts)}])")
    runtimes = [in_onnxruntime, in_module, *([in_reference] if group != "others" else [])]
    file = check_export(tmp_path / "layers.onnx", model, [example(x)], runtimes)
    named = {array.name: list(array.dims) for array in file.graph.initializer}
    trained = {key: list(p.shape) for key, p in model.named_parameters()}
    assert {key: shape for key, shape in named.items() if key in trained} == trained
    assert named.keys() <= model.state_dict().keys()


def test_there_is_every_layer():
    texts = " ".join(text for texts, _ in GROUPS.values() for text in texts)
    named = set(re.findall(r"nn\.(\w+)", texts))
    held = {"ModuleList", "ParameterList", "ParameterDict"}  # which hold what others compute with
    assert {*nn.layers.__all__} - held <= named
