"""Files that are read: PyTorch's, variants of operators that neither exporter writes, and what is refused."""

import copy
import json
import pickle

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import nn
import nn.onnx
from nn.onnx.operators import OPERATORS
from tests.nn.onnx.pytorch.cases import CASES, FOLDER
from tests.nn.onnx.runtimes import check_alike, in_onnxruntime, plain

FILES = [(case, path) for case in CASES for path in sorted(FOLDER.glob(f"{case.name}.*.onnx"))]
OUTPUTS = json.loads((FOLDER / "outputs.json").read_text())


@pytest.mark.parametrize(("case", "path"), FILES, ids=[path.name for _, path in FILES])
def test_pytorchs_files_compute_what_pytorch_does(case, path):
    model = nn.import_onnx(path)
    expected = [np.array(values, np.float32).reshape(shape) for shape, values in OUTPUTS[case.name]]
    check_alike(plain(model(case.input())), expected, path.name)
    if path.name != "flatten.dynamo.onnx":  # its output's shape is written down as that of the example
        many = case.input(5)
        check_alike(plain(model(many)), in_onnxruntime(path, [many]), path.name)


def test_there_are_files_of_every_case():
    assert {case.name for case, _ in FILES} == {case.name for case in CASES} == OUTPUTS.keys()
    assert len(FILES) == 2 * len(CASES) - 2
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 200_000


def test_pytorchs_names_are_kept():
    newer, older = (nn.import_onnx(FOLDER / f"linear.{exporter}.onnx") for exporter in ("dynamo", "script"))
    shapes = {key: p.shape for key, p in newer.named_parameters()}
    assert shapes == {"0.weight": (4, 3), "0.bias": (4,), "2.weight": (2, 4)}
    # Without a bias, the older one writes a weight's transpose, under a name of its own.
    assert {key: p.shape for key, p in older.named_parameters()} == {
        "onnx__MatMul_8": (4, 2), "0.weight": (4, 3), "0.bias": (4,),
    }  # fmt: skip


def test_scales_are_no_parameters():
    for exporter in ("script", "dynamo"):
        assert not list(nn.import_onnx(FOLDER / f"upsample.{exporter}.onnx").parameters())


def written(path, nodes, inputs, arrays=(), outputs=("y",), opset=18, texts=None):
    """Write a file of some operators, and return its path."""
    ports = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), [None] * x.ndim)
        for name, x in inputs.items()
    ]
    results = [helper.make_empty_tensor_value_info(name) for name in outputs]
    initializers = [onnx.numpy_helper.from_array(np.asarray(x), name) for name, x in dict(arrays).items()]
    graph = helper.make_graph(nodes, "g", ports, results, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    helper.set_model_props(model, texts or {})
    path.write_bytes(model.SerializeToString())
    return path


rng = np.random.default_rng(0)
X = rng.normal(size=(2, 4, 6)).astype(np.float32)
IMAGES = rng.normal(size=(2, 4, 6, 5)).astype(np.float32)
K = rng.normal(size=(3, 4, 3, 2)).astype(np.float32)
A = np.array([-7, -3, 5, 8], np.int64)

# Operators as files may have them: inputs beyond the first are arrays of the file.
VARIANTS = [
    ("Conv", [IMAGES, K], {"auto_pad": "SAME_UPPER", "strides": [2, 1]}),
    ("Conv", [IMAGES, K], {"auto_pad": "SAME_LOWER"}),
    ("Conv", [IMAGES, K], {"pads": [1, 0, 2, 1]}),
    (
        "ConvTranspose",
        [IMAGES, rng.normal(size=(4, 2, 3, 2)).astype(np.float32)],
        {"pads": [1, 0, 0, 1], "strides": [2, 2]},
    ),
    ("MaxPool", [IMAGES], {"kernel_shape": [2, 3], "pads": [1, 0, 0, 1]}),
    ("AveragePool", [IMAGES], {"kernel_shape": [2, 3], "pads": [1, 0, 0, 1], "count_include_pad": 1}),
    ("GlobalMaxPool", [IMAGES], {}),
    ("GlobalAveragePool", [IMAGES], {}),
    ("Gemm", [X[0], X[1]], {"transA": 1, "alpha": 0.5}),
    ("Gemm", [X[0], X[1], X[0, 0, :4]], {"transB": 1, "beta": 2.0}),
    ("Flatten", [X], {"axis": -1}),
    ("Reshape", [X, np.array([0, -1])], {}),
    ("Split", [X], {"axis": 2, "num_outputs": 1}),
    ("Slice", [X, np.array([-1, 5]), np.array([-100, 0]), np.array([1, 2]), np.array([-1, -2])], {}),
    ("Slice", [X, np.array([1]), np.array([2**62])], {}),
    ("ReduceSum", [X], {}),
    ("ReduceMean", [X, np.array([1, -1])], {"keepdims": 0}),
    ("ReduceMax", [X, np.array([], np.int64)], {"noop_with_empty_axes": 1}),
    ("ReduceL1", [X, np.array([1])], {}),
    ("ReduceL2", [X, np.array([1])], {}),
    ("ReduceSumSquare", [X, np.array([1])], {}),
    ("ReduceLogSum", [abs(X), np.array([1])], {}),
    ("ReduceLogSumExp", [X, np.array([1])], {}),
    ("CumSum", [X, np.array(1)], {"reverse": 1, "exclusive": 1}),
    ("CumSum", [X, np.array(-1)], {"exclusive": 1}),
    ("ArgMax", [X], {"axis": 1}),
    ("Pad", [X, np.array([1, -1, 0, 2]), np.array(0.5, np.float32), np.array([0, 2])], {}),
    ("Pad", [X, np.array([0, 1, 2, 0, 0, 1])], {"mode": "edge"}),
    ("Resize", [IMAGES, None, np.array([1, 1, 2, 0.6], np.float32)], {"mode": "nearest"}),
    ("Resize", [IMAGES, None, None, np.array([2, 4, 3, 8])], {"mode": "nearest", "nearest_mode": "ceil"}),
    ("Resize", [IMAGES, None, None, np.array([2, 4, 9, 7])], {"mode": "nearest", "nearest_mode": "round_prefer_ceil"}),
    ("Resize", [IMAGES, None, None, np.array([2, 4, 3, 8])], {"mode": "linear"}),
    ("Div", [A, np.array([2, 2, -3, 3])], {}),
    ("Mod", [A, np.array([2, 2, -3, 3])], {}),
    ("Mod", [A, np.array([2, 2, -3, 3])], {"fmod": 1}),
    ("IsInf", [np.array([np.inf, -np.inf, 1], np.float32)], {"detect_negative": 0}),
    ("Clip", [X, None, np.array(0.2, np.float32)], {}),
    ("Cast", [X], {"to": TensorProto.INT32}),
    ("HardSigmoid", [X], {"alpha": 0.3}),
    ("HardSwish", [X], {}),
    ("Elu", [X], {"alpha": 0.5}),
    ("Celu", [X], {"alpha": 0.5}),
    ("Selu", [X], {}),
    ("ThresholdedRelu", [X], {"alpha": 0.3}),
    ("PRelu", [X, np.array([0.5], np.float32)], {}),
    ("LeakyRelu", [X], {"alpha": 0.3}),
    ("Mish", [X], {}),
    ("Softplus", [X * 30], {}),
    ("Sum", [X, X, X], {}),
    ("Mean", [X, 2 * X], {}),
    ("DepthToSpace", [IMAGES], {"blocksize": 2}),
    ("DepthToSpace", [IMAGES], {"blocksize": 2, "mode": "CRD"}),
    ("SpaceToDepth", [IMAGES[:, :, :, :4]], {"blocksize": 2}),
    ("OneHot", [np.array([[0, 2], [-1, 1]]), np.array(3), np.array([0.5, 2.0], np.float32)], {"axis": 1}),
    ("GatherND", [X, np.array([[0, 1], [1, -1]])], {}),
    ("Trilu", [X, np.array(1)], {"upper": 0}),
    ("Size", [X], {}),
    ("Shape", [X], {"start": -2}),
    ("InstanceNormalization", [IMAGES, X[0, 0, :4], X[0, 1, :4]], {"epsilon": 0.1}),
    ("LpNormalization", [X], {}),
]


@pytest.mark.parametrize(
    ("kind", "given", "settings"), VARIANTS, ids=lambda part: part if isinstance(part, str) else ""
)
def test_variants_of_operators(kind, given, settings, tmp_path):
    names = ["" if x is None else f"x{i}" for i, x in enumerate(given)]
    node = helper.make_node(kind, names, ["y"], **settings)
    arrays = {name: x for name, x in zip(names[1:], given[1:], strict=True) if name}
    path = written(tmp_path / "f.onnx", [node], {"x0": given[0]}, arrays)
    if kind not in OPERATORS:
        with pytest.raises(nn.onnx.OnnxError, match=f"the operator {kind} is not supported"):
            nn.import_onnx(path)
        return
    check_alike(plain(nn.import_onnx(path)(given[0])), in_onnxruntime(path, [given[0]]), kind)


def test_a_model_is_copied_pickled_and_printed():
    model = nn.import_onnx(FOLDER / "lstm.script.onnx")
    x = np.ones((2, 4, 3), np.float32)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), model.astype(np.float64)):
        check_alike([y.astype(np.float32) for y in plain(other(x))], plain(model(x)), "a copy")
    assert "OnnxModule" in repr(model)


NAMES = [
    "a",
    "a.b",
    "a.b.c",
    "training",
    "forward",
    "_operators",
    "0.weight",
    "onnx::MatMul_3",
    "x y",
    ".",
    "..",
    "a" * 40 + ".b" * 40,
]


def test_every_array_has_a_place_whatever_its_name(tmp_path):
    arrays = {name: np.full(3, i + 1.0, np.float32) for i, name in enumerate(NAMES)}
    nodes = [helper.make_node("Sum", ["x", *NAMES], ["y"])]
    x = np.zeros(3, np.float32)
    model = nn.import_onnx(written(tmp_path / "f.onnx", nodes, {"x": x}, arrays))
    assert len(list(model.parameters())) == len(model.state_dict()) == len(NAMES)
    np.testing.assert_array_equal(model(x).data, sum(arrays.values()))
    assert {"a", "0.weight", "onnx__MatMul_3"} <= model.state_dict().keys()
    assert model.training


def test_many_names_may_lead_to_one_word(tmp_path):
    names = [f"a{''.join('!?'[int(bit)] for bit in f'{i:08b}')}" for i in range(256)]
    arrays = {name: np.full(3, 1.0, np.float32) for name in names}
    nodes = [helper.make_node("Sum", ["x", *names], ["y"])]
    model = nn.import_onnx(written(tmp_path / "f.onnx", nodes, {"x": np.zeros(3, np.float32)}, arrays))
    assert len(model.state_dict()) == len(names)
    assert max(map(len, model.state_dict())) < 20
    np.testing.assert_array_equal(model(np.zeros(3, np.float32)).data, len(names))


def test_inputs_are_checked():
    model = nn.import_onnx(FOLDER / "linear.script.onnx")
    with pytest.raises(TypeError, match="2 inputs were given; it takes 1: x"):
        model(X, X)
    for wrong in (np.ones((2, 4), np.float32), np.ones(3, np.float32), np.ones((2, 3), np.int64)):
        with pytest.raises(ValueError, match="the input x of shape"):
            model(wrong)


def test_an_operator_that_fails_is_named(tmp_path):
    path = written(tmp_path / "f.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], {"x": X}, {"w": X[0]})
    with pytest.raises(nn.onnx.OnnxError, match="MatMul 'y': "):
        nn.import_onnx(path)(X)
