"""Damaged files: one type of exception, no other file is opened, nothing hangs, and memory is bounded by the file.

A file may be damaged in its bytes (a bit, a piece that is cut off, put in twice, left out, overwritten), which mostly
leaves no message that can be parsed; or in its fields, so that what is parsed says what cannot be: shapes that do not
fit their numbers, names that are there twice or nowhere, circles, dtypes, other files, operators and settings that do
not exist. What is read all the same is called: it computes, or raises what is documented.
"""

import builtins
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

import nn
import nn.onnx
from nn.onnx.reading import read
from tests.families import WHILE_WRITING
from tests.nn.onnx.pytorch.cases import CASES, FOLDER

FILES = [(case, (FOLDER / f"{case.name}.dynamo.onnx").read_bytes()) for case in CASES]
# 200 while writing, 10,000 in the long run.
EXAMPLES = settings().max_examples
many = settings(max_examples=10 * EXAMPLES if EXAMPLES <= 5 * WHILE_WRITING else 10_000, deadline=None)


def check_read(case, content, folder):
    """Read a file, and compute with what it holds, if it can be read."""
    path = folder / "f.onnx"
    path.write_bytes(content)
    try:
        model = nn.import_onnx(path)
    except nn.onnx.OnnxError:
        return False
    try:
        with np.errstate(all="ignore"):
            model(case.input())
    except (TypeError, ValueError):  # the wrong inputs, or an operator that fails
        pass
    return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@many
@given(
    st.sampled_from(FILES),
    st.lists(
        st.tuples(st.integers(0, 4), st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=9)),
        min_size=1,
        max_size=3,
    ),
)
def test_bytes(folder, file, edits):
    case, content = file
    for kind, share, piece in edits:
        at = int(share * len(content))
        if kind == 0:
            content = content[:at] + bytes([content[at] ^ 1 << piece[0] % 8]) + content[at + 1 :]
        elif kind == 1:
            content = content[: at + 1]
        elif kind == 2:
            content = content[:at] + content[at : at + piece[0]] + content[at:]
        elif kind == 3:
            content = content[: max(1, at)] + content[at + len(piece) :]
        else:
            content = content[:at] + piece + content[at + len(piece) :]
    check_read(case, content, folder)


def _names(graph):
    return [
        *(name for node in graph.node for name in (*node.input, *node.output)),
        *(a.name for a in graph.initializer),
    ]


def _damage(draw, model):
    """Change one field of a model."""
    graph = model.graph
    node = draw(st.sampled_from([*graph.node]))
    name = draw(st.sampled_from([*_names(graph), "", "elsewhere"]))
    number = draw(st.sampled_from([-1, 0, 1, 2, 3, 17, 2**31, 2**62]))
    arrays = [*graph.initializer] or [graph.initializer.add()]
    array = draw(st.sampled_from(arrays))
    kind = draw(st.integers(0, 11))
    if kind == 0:
        array.dims[:] = [*array.dims, number] if number % 2 else [number] * max(1, len(array.dims))
    elif kind == 1:
        array.data_type = number % 30
    elif kind == 2:
        array.name = name
    elif kind == 3 and node.input:
        node.input[number % len(node.input)] = name
    elif kind == 4 and node.output:
        node.output[number % len(node.output)] = name
    elif kind == 5:
        node.op_type = draw(
            st.sampled_from([other.op_type for other in graph.node] + ["Loop", "If", "Nonsense", "Range"])
        )
    elif kind == 6:
        for attribute in node.attribute:
            attribute.i, attribute.f, attribute.s = number % 2**31, float(number), b"word"
            attribute.ints[:] = [number % 2**31] * len(attribute.ints)
    elif kind == 7:
        node.attribute.append(helper.make_attribute(draw(st.sampled_from(["axis", "to", "group", "word"])), number))
    elif kind == 8:
        graph.node.append(node)
    elif kind == 9:
        first = graph.node[0]
        graph.node.remove(first)
        graph.node.append(first)
    elif kind == 10:
        model.opset_import[0].version = number % 2**31
    else:
        array.data_location = TensorProto.EXTERNAL
        array.external_data.add(key="location", value="/dev/zero")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@many
@given(data=st.data())
def test_fields(folder, data):
    case, content = data.draw(st.sampled_from(FILES))
    model = onnx.ModelProto.FromString(content)
    for _ in range(data.draw(st.integers(1, 3))):
        _damage(data.draw, model)
    check_read(case, model.SerializeToString(), folder)


# ---------------------------------------------------------------------------------------------------------------------
# Damages by name
# ---------------------------------------------------------------------------------------------------------------------


def model(nodes, arrays=(), opset=17, outputs=("y",), inputs=("x",)):
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in inputs]
    graph = helper.make_graph(
        nodes, "g", ports, [helper.make_empty_tensor_value_info(name) for name in outputs], arrays
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def node(kind="Abs", inputs=("x",), outputs=("y",), **settings):
    return helper.make_node(kind, [*inputs], [*outputs], **settings)


def tensor(dims=(2,), name="w", data_type=TensorProto.FLOAT, **fields):
    return TensorProto(dims=dims, name=name, data_type=data_type, **fields)


EXTERNAL = tensor(data_location=TensorProto.EXTERNAL, external_data=[{"key": "location", "value": "weights.bin"}])
BRANCH = helper.make_graph([], "g", [], [])
DAMAGED = {
    "a shape of astronomical size": (model([node()], [tensor([2**62, 2**62], raw_data=b"12345678")]), "bytes"),
    "a negative length": (model([node()], [tensor([-1], raw_data=b"")]), "the shape"),
    "too many axes": (model([node()], [tensor([1] * 100, raw_data=b"1234")]), "100 axes"),
    "too many arrays": (model([node()], [TensorProto()] * 20_000), "20,000 arrays"),
    "fewer bytes": (model([node()], [tensor(raw_data=b"1234")]), "has 4 bytes; 8 are needed"),
    "fewer numbers": (model([node()], [tensor(float_data=[1.0])]), "has 1 numbers; 2 are needed"),
    "no truth value": (model([node()], [tensor(data_type=TensorProto.BOOL, raw_data=b"\x01\x02")]), "truth values"),
    "a number too large": (model([node()], [tensor(data_type=TensorProto.INT8, int32_data=[1, 300])]), "none of int8"),
    "text": (model([node()], [tensor(data_type=TensorProto.STRING)]), "type 8"),
    "another file": (model([node()], [EXTERNAL]), "another file"),
    "a name twice": (model([node(), node()]), "a result of Abs named 'y'"),
    "an array twice": (model([node()], [tensor(raw_data=b"12345678")] * 2), "an array named 'w'"),
    "an input of an array's name": (model([node(outputs=["x"])]), "named 'x'"),
    "an array without a name": (model([node()], [tensor(name="", raw_data=b"12345678")]), "an array named ''"),
    "a circle": (model([node(inputs=["z"]), node(outputs=["z"], inputs=["y"])]), "nothing before it computes"),
    "itself": (model([node(inputs=["y"])]), "nothing before it computes"),
    "no output": (model([node()], outputs=[]), "no outputs"),
    "an output that is not computed": (model([node()], outputs=["z"]), "no output 'z'"),
    "an operator that does not exist": (model([node("Nonsense")]), "the operator Nonsense is not supported"),
    "an operator of others": (model([node("Gelu", domain="com.microsoft")]), "com.microsoft.Gelu"),
    "a branch": (model([node("If", then_branch=BRANCH, else_branch=BRANCH)]), "the operator If"),
    "a graph in a setting": (model([node(alpha=BRANCH)]), "of a kind that is not supported"),
    "a setting that does not exist": (model([node(axis=1)]), r"attributes \['axis'\]"),
    "too many inputs": (model([node(inputs=["x", "x"])]), "with 2 inputs"),
    "no input": (model([node(inputs=[""])]), "lacks an input"),
    "no result": (model([node(outputs=[]), node()]), "gives nothing"),
    "a constant of nothing": (model([node("Constant", inputs=[])]), "a constant of another kind"),
    "a constant of text": (model([node("Constant", inputs=[], value_string="text")]), "a constant of another kind"),
    "an old version": (model([node()], opset=7), "of version 7"),
    "a version to come": (model([node()], opset=99), "of version 99"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_each_damage_is_named(name, tmp_path):
    damaged, message = DAMAGED[name]
    (tmp_path / "weights.bin").write_bytes(b"12345678")
    path = tmp_path / "f.onnx"
    path.write_bytes(damaged.SerializeToString())
    with pytest.raises(nn.onnx.OnnxError, match=message) as caught:
        nn.import_onnx(path)
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"text", b"PK\x03\x04" + bytes(100), b"\x0a\xff\xff\xff\xff\x7f" * 9]
)
def test_what_is_no_model(content, tmp_path):
    (tmp_path / "f.onnx").write_bytes(content)
    with pytest.raises(nn.onnx.OnnxError):
        nn.import_onnx(tmp_path / "f.onnx")


def test_nested_messages_are_not_followed_for_ever():
    content = b""
    for _ in range(1000):  # a graph in an attribute of a node of a graph
        for field in (1, 5, 6):
            content = bytes([field << 3 | 2]) + _length(len(content)) + content
    with pytest.raises(nn.onnx.OnnxError):
        read(bytes([7 << 3 | 2]) + _length(len(content)) + content)


def _length(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + _length(n >> 7)


def test_what_is_made_large_by_a_call_is_bounded(tmp_path):
    huge = onnx.numpy_helper.from_array(np.array([2**40]), "w")
    for kind, inputs in {
        "Expand": ["x", "w"],
        "ConstantOfShape": ["w"],
        "Tile": ["x", "w"],
        "Range": ["z", "w", "i"],
    }.items():
        small = [onnx.numpy_helper.from_array(np.array(n), name) for n, name in ((0, "z"), (1, "i"))]
        given = model([node(kind, inputs)], [huge, *small])
        if kind == "Range":
            given.graph.initializer[0].dims[:] = []
        (tmp_path / "f.onnx").write_bytes(given.SerializeToString())
        with pytest.raises(nn.onnx.OnnxError, match=f"{kind} 'y': .*at most"):
            nn.import_onnx(tmp_path / "f.onnx")(np.ones(1, np.float32))


# ---------------------------------------------------------------------------------------------------------------------
# Memory, and other files
# ---------------------------------------------------------------------------------------------------------------------

MEASURE = """
import resource, sys
from nn.onnx.reading import read
from nn.onnx.importing import module_of
opened = []
kinds = {kinds}
for kind, (head, piece, count) in kinds.items():
    body = piece * count
    length, n = b"", len(body)
    content = head + body
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        module_of(read(content))
    except ValueError:
        pass
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert more < 200 * len(content) + 2**26, (kind, more / len(content))
    print(kind, more / len(content))
"""


def test_memory_is_bounded_by_the_file():
    """Messages without content take two bytes of a file, and an object each when they are read."""
    opset = b"\x42\x02\x10\x11"
    count = 2**18
    inside = b"\x3a" + _length(2 * count)  # a graph, whose fields are of two bytes each
    of_node = b"\x0a" + _length(2 * count)
    whole = b"\x3a" + _length(2 * count + len(of_node)) + of_node
    kinds = {
        "nodes": (opset + inside, b"\x0a\x00", count),
        "arrays": (opset + inside, b"\x2a\x00", count),
        "settings": (opset + whole, b"\x2a\x00", count),
    }
    result = subprocess.run(
        [sys.executable, "-c", MEASURE.format(kinds=kinds)], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == len(kinds)


def test_arrays_are_read_once():
    array = onnx.numpy_helper.from_array(np.ones(2**18, np.float32), "w")
    content = model([node("Add", ["x", "w"])], [array]).SerializeToString()
    nn.onnx.reading.read(content)
    tracemalloc.start()
    read(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * len(content)


def test_no_other_file_is_opened(tmp_path, monkeypatch):
    path = tmp_path / "f.onnx"
    path.write_bytes(model([node()]).SerializeToString())
    nn.import_onnx(path)
    opened = []
    monkeypatch.setattr(builtins, "open", lambda name, *_, **__: opened.append(name))
    content = path.read_bytes()
    damaged, _ = DAMAGED["another file"]
    with pytest.raises(nn.onnx.OnnxError):
        read(damaged.SerializeToString())
    read(content)
    assert opened == []
