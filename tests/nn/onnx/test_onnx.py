"""Where the package onnx is not installed, what needs it says what to install."""

import sys

import numpy as np
import pytest

import nn
import nn.onnx


@pytest.mark.parametrize("call", [lambda path: nn.export_onnx(nn.Linear(2, 1), np.ones((1, 2)), path), nn.import_onnx])
def test_without_the_package_it_says_what_to_install(call, tmp_path, monkeypatch):
    path = tmp_path / "f.onnx"
    path.write_bytes(b"as it was")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install autograd_np\[onnx\]"):
        call(path)
    assert path.read_bytes() == b"as it was"


def test_what_is_public():
    assert nn.export_onnx is nn.onnx.export_onnx
    assert nn.import_onnx is nn.onnx.import_onnx
    assert {"export_onnx", "import_onnx", "onnx"} <= {*dir(nn)}
