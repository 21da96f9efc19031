"""Exported files: what they hold, batches of any size, and what is refused.

A model is what calls NumPy: a module, or a function of tensors that it reads. What a file can hold is one list of
operations for batches of any size. Of what it cannot hold there are four kinds, each with several cases here: an
operation without a counterpart; a number or a decision that comes from values; a number that depends on the batch size
otherwise than by sums and products with whole numbers; an array that is another one for another batch, and not computed
from it.
"""

from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nn
import nn.onnx
from autograd_np import Tensor, defvjp, primitive
from tests.nn.onnx.runtimes import EVERYWHERE, check_alike, check_export, in_module, in_onnxruntime, plain
from tests.nn.pytorch.cases import Ours
from tests.nn.pytorch.families import (
    activations,
    convolution,
    embedding,
    linear,
    normalisation,
    pooling,
    recurrent,
    resampling,
)

rng = np.random.default_rng(0)
X = rng.uniform(0.2, 0.9, (2, 3)).astype(np.float32)
W = Tensor(rng.normal(size=(3, 4)).astype(np.float32), requires_grad=True)
B = np.ones(4, np.float32)


def dense(x):
    return np.tanh(x @ W + B)


def test_a_file_says_what_it_is(tmp_path):
    file = check_export(tmp_path / "f.onnx", dense, [X])
    assert (file.ir_version, file.opset_import[0].version) == (10, 17)
    assert [node.op_type for node in file.graph.node if node.op_type != "Constant"] == ["MatMul", "Add", "Tanh"]
    assert [given.name for given in file.graph.input] == ["x"]
    assert [(a.name, list(a.dims)) for a in file.graph.initializer] == [("W", [3, 4])]
    ports = [*file.graph.input, *file.graph.output]
    sides = [[side.dim_param or side.dim_value for side in port.type.tensor_type.shape.dim] for port in ports]
    assert sides == [["batch", 3], ["batch", 4]]


def test_a_module_stays_as_it_is(tmp_path):
    model = nn.Sequential(nn.Linear(3, 3, rng=0), nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Tanh())
    model[1].eval()
    before = {key: array.tobytes() for key, array in model.state_dict().items()}
    nn.export_onnx(model, X, tmp_path / "f.onnx")
    assert [module.training for module in model] == [True, False, True, True]
    assert {key: array.tobytes() for key, array in model.state_dict().items()} == before
    assert all(type(p.data) is np.ndarray for p in model.parameters())


def test_gradients_stay(tmp_path):
    model = nn.Linear(3, 2, rng=0)
    model(X).sum().backward()
    before = [p.grad.tolist() for p in model.parameters()]
    nn.export_onnx(model, X, tmp_path / "f.onnx")
    assert [p.grad.tolist() for p in model.parameters()] == before


class Counting(nn.Module):
    """Changes a buffer in each call, in place or by another one."""

    def __init__(self, in_place):
        self.in_place = in_place
        self.register_buffer("count", np.zeros(1, np.float32))

    def forward(self, x):
        if self.in_place:
            self.count += 1
        else:
            self.count = self.count + 1
        return x * self.count


@pytest.mark.parametrize("in_place", [True, False])
def test_a_model_that_changes_itself_is_refused(in_place, tmp_path):
    model = Counting(in_place)
    with pytest.raises(nn.onnx.OnnxError, match=r"buffers|changes count"):
        nn.export_onnx(model, X, tmp_path / "f.onnx")
    assert model.count.tolist() == [0.0]


def test_names_are_those_of_the_state_dict(tmp_path):
    model = nn.Sequential(nn.Linear(3, 3, rng=0), nn.BatchNorm1d(3), nn.Linear(3, 2, rng=1))
    model[0].requires_grad_(False)
    file = check_export(tmp_path / "f.onnx", model, [X])
    own = {key: array for key, array in model.state_dict().items() if key != "1.num_batches_tracked"}
    assert {a.name: onnx.numpy_helper.to_array(a).tobytes() for a in file.graph.initializer} == {
        key: array.tobytes() for key, array in own.items()
    }
    again = nn.import_onnx(tmp_path / "f.onnx")
    assert {k: v.tobytes() for k, v in again.state_dict().items()} == {k: v.tobytes() for k, v in own.items()}
    assert {k for k, _ in again.named_buffers()} == {"1.running_mean", "1.running_var"}
    again.load_state_dict({key: 2 * array for key, array in own.items()})
    model.load_state_dict({key: 2 * array for key, array in own.items()}, strict=False)
    check_alike(plain(again(X)), plain(model(X)), "after loading")


class Tied(nn.Module):
    """A weight that is used twice, a number that is trained, a buffer, a constant, and an input of its own name."""

    def __init__(self):
        self.weight = nn.Parameter(np.eye(3, dtype=np.float32))
        self.scale = nn.Parameter(np.float32(2))
        self.register_buffer("table", np.arange(3.0, dtype=np.float32))
        self.fixed = np.array([0.5, 1.0, 2.0], np.float32)

    def forward(self, weight):
        return (weight @ self.weight) @ self.weight.T * self.scale + self.table * self.fixed


def test_parameters_buffers_and_constants_are_told_apart(tmp_path):
    file = check_export(tmp_path / "f.onnx", Tied(), [X])
    assert [a.name for a in file.graph.initializer] == ["weight", "scale", "table"]
    again = nn.import_onnx(tmp_path / "f.onnx")
    assert list(dict(again.named_parameters())) == ["weight", "scale"]
    assert [key for key, _ in again.named_buffers()] == ["table"]


def test_what_is_read_back_can_be_trained(tmp_path):
    nn.export_onnx(nn.Sequential(nn.Linear(3, 8, rng=0), nn.Tanh(), nn.Linear(8, 1, rng=1)), X, tmp_path / "f.onnx")
    model = nn.import_onnx(tmp_path / "f.onnx")
    optimizer, loss = nn.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss()
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        value = loss(model(X), np.ones((2, 1), np.float32))
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert losses[-1] < losses[0] / 10


# ---------------------------------------------------------------------------------------------------------------------
# Batches
# ---------------------------------------------------------------------------------------------------------------------


def written(x):
    y = x * 1
    y[:, 1] = x[:, 0]
    y[:, :2] += 1
    y *= 2
    return y


def a_copy_written(x):
    y = x * 1
    part = y[:, [0, 1]]
    part += 1
    return y, part


def in_place_and_views(x):
    y = x.copy()
    y[:, 0] *= 3
    part = y[:, 1:]
    return part + y[:, :1]


BATCHED = {
    "rows laid flat": lambda x: x.reshape(len(x), -1),
    "sizes multiplied": lambda x: np.repeat(x, 2, axis=0).reshape(x.shape[0] * 2, 3),
    "a number of examples": lambda x: x / len(x) + x.size,
    "an average over the batch": lambda x: x - x.mean(axis=0),
    "the last example": lambda x: x[len(x) - 1] + x[-1],
    "examples in reverse": lambda x: x[::-1],
    "an array of the batch's length": lambda x: x * np.arange(len(x))[:, None] + np.ones((len(x), 1), np.float32),
    "rows and columns": lambda x: x[np.arange(len(x)), [0] * len(x)],
    "a Gram matrix": lambda x: x @ x.T,
    "a mask": lambda x: x * (x > 0.5),
    "several": lambda x: {"a": x, "b": (x + 1, [x.sum()])},
    "the input itself, twice": lambda x: (x, x),
    "writes": written,
    "a write into a copy": a_copy_written,
    "writes and views": in_place_and_views,
}


@pytest.mark.parametrize("name", BATCHED)
def test_a_batch_may_have_any_size(name, tmp_path):
    function = BATCHED[name]
    check_export(tmp_path / "f.onnx", function, [X])
    for size in (1, 7):
        x = rng.uniform(0.2, 0.9, (size, 3)).astype(np.float32)
        for run in EVERYWHERE:
            check_alike(run(tmp_path / "f.onnx", [x]), plain(function(Tensor(x))), f"{run.__name__}, {size} examples")


def test_inputs_may_have_batches_along_other_axes(tmp_path):
    model = nn.GRU(3, 2, rng=0)
    x, h = rng.normal(size=(4, 2, 3)).astype(np.float32), rng.normal(size=(1, 2, 2)).astype(np.float32)
    file = check_export(tmp_path / "f.onnx", model, [x, h], batch_axis=1)
    assert [given.name for given in file.graph.input] == ["x", "h_0"] or len(file.graph.input) == 2
    larger = [np.concatenate([part] * 3, axis=1) for part in (x, h)]
    check_alike(in_onnxruntime(tmp_path / "f.onnx", larger), plain(model(*larger)), "6 examples")
    mask = np.array([1.0, 0.0, 2.0], np.float32)
    check_export(tmp_path / "g.onnx", lambda x, m: x * m, [X, mask], batch_axis=(0, None))
    check_export(tmp_path / "g.onnx", lambda x: x.reshape(3, 2) @ X, [X], batch_axis=None)


def test_a_plain_example_is_taken_into_the_models_dtype(tmp_path):
    nn.export_onnx(nn.Linear(3, 2), X.astype(np.float64).tolist(), tmp_path / "f.onnx")
    assert onnx.load(tmp_path / "f.onnx").graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int64, np.int32, bool])
def test_other_dtypes(dtype, tmp_path):
    x = (X * 3).astype(dtype)
    runtimes = EVERYWHERE if dtype != np.float16 else (in_module,)  # others round less on the way
    check_export(tmp_path / "f.onnx", lambda x: (x + x, x[:, ::-1], np.where(x > 1, 2, 1), x * 0.5), [x], runtimes)


# ---------------------------------------------------------------------------------------------------------------------
# Refusals
# ---------------------------------------------------------------------------------------------------------------------


@primitive
def cube(x):
    return x**3


@primitive
def opaque(x):
    return np.array([float(value) for value in x.ravel()], x.dtype).reshape(x.shape)


defvjp(cube, lambda g, _y, x: g * 3 * x**2)
defvjp(opaque, lambda g, _y, _x: g)


def stale(x):
    y = x.copy()
    view = y[:, 0]
    y += 1
    return view


REFUSED = {
    "no counterpart": (np.fft.fft, "np.fft.fft has no counterpart in ONNX"),
    "another keyword": (lambda x: np.sum(x, axis=0, where=x > 0.5), "np.sum with axis=, where= has no counterpart"),
    "an operation of one's own": (opaque, "opaque has no counterpart"),
    "a number": (lambda x: x * float(np.asarray(x.data).sum()), "test_export.py:"),
    "a decision": (lambda x: x if x.sum() > 0 else -x, "a value decides"),
    "a list": (lambda x: np.array(x.tolist()), "tolist"),
    "an index of booleans": (lambda x: x[x > 0.5], "booleans"),
    "a square of the size": (lambda x: x * len(x) ** 2, "depends on the batch size"),
    "an odd size": (lambda x: x * (len(x) % 2), "depends on the batch size"),
    "a part of a large size": (lambda x: x * (1 + len(x) // 16), "depends on the batch size"),
    "a list of operations": (lambda x: np.sin(x) if len(x) > 2 else x, "is not called alike"),
    "a loop": (lambda x: sum(x[i] for i in range(len(x))), "is not called alike"),
    "random numbers": (lambda x: x + np.random.default_rng(0).normal(size=(len(x), 1)), "not compute from its input"),
    "other random numbers": (lambda x, r=rng: x + r.normal(size=(1, 3)), "at random"),
    "complex numbers": (lambda x: x.astype(complex), "complex"),
    "a view of what was written": (stale, "written into"),
    "no array": (lambda x: "text", "no array"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_file_cannot_hold_is_refused(name, tmp_path):
    function, message = REFUSED[name]
    path = tmp_path / "f.onnx"
    path.write_bytes(b"as it was")
    with pytest.raises(nn.onnx.OnnxError, match=message):
        nn.export_onnx(function, X, path)
    assert path.read_bytes() == b"as it was"


def test_an_operation_of_ones_own_is_what_it_is_made_of(tmp_path):
    check_export(tmp_path / "f.onnx", lambda x: cube(x) + 1, [X])


def test_the_line_of_a_module_is_named(tmp_path):
    class Spectrum(nn.Module):
        def forward(self, x):
            return np.abs(np.fft.rfft(x))

    with pytest.raises(nn.onnx.OnnxError, match=r"test_export.py:\d+, in forward: np.fft.rfft"):
        nn.export_onnx(nn.Sequential(nn.Linear(3, 3), Spectrum()), X, tmp_path / "f.onnx")


@pytest.mark.parametrize(
    ("example", "axis", "message"),
    [((X, X), (0,), "for 2 inputs"), (X, (2,), "no examples along axis 2"), (X[:0], 0, r"shape \(0, 3\)")],
)
def test_an_example_fits_its_axes(example, axis, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        nn.export_onnx(lambda *x: x[0], example, tmp_path / "f.onnx", batch_axis=axis)


def test_an_error_of_the_model_says_which_batches_it_was_called_with(tmp_path):
    with pytest.raises(ValueError, match="halves") as caught:
        nn.export_onnx(nn.GLU(0), X, tmp_path / "f.onnx")
    assert "batches of 2, 3 and 67 examples" in caught.value.__notes__[0]


# ---------------------------------------------------------------------------------------------------------------------
# Random models
# ---------------------------------------------------------------------------------------------------------------------

FAMILIES = [activations, convolution, embedding, linear, normalisation, pooling, recurrent, resampling]


@given(data=st.data())
def test_random_layers_compute_the_same(data, tmp_path_factory):
    case = data.draw(st.sampled_from(FAMILIES).flatmap(lambda family: family.random_cases))
    arrays, _ = case.arrays()
    inputs = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in arrays if isinstance(x, np.ndarray)]
    if (
        len(inputs) != len(arrays)
        or not case.make.startswith("nn.")
        or "packed" in case.make
        or "Similarity" in case.make
    ):
        return
    path = tmp_path_factory.mktemp("onnx") / "f.onnx"
    check_export(path, Ours().made(case.make), inputs, [in_onnxruntime, in_module], batch_axis=None)


STEPS = [
    "np.tanh({a})", "{a} + {b}", "np.where({a} > 0, {a}, {b})", "{a}[:, ::-1]", "{a} * {b}", "np.abs({a}) ** 1.5",
    "np.concatenate([{a}[:, :1], {b}[:, 1:]], axis=1)", "{a} @ m", "{a} - {a}.mean(axis=0)", "{a} / len({a})",
    "np.cumsum({a}, axis=1)", "np.maximum({a}, {b})", "np.sort({a}, axis=1)", "{a} - {b}.max(axis=1, keepdims=True)",
    "np.einsum('ni,ij->nj', {a}, m)", "np.stack([{a}, {b}]).sum(axis=0)", "np.pad({a}, ((0, 0), (1, 0)))[:, :3]",
    "np.clip({a}, -0.5, 0.5)", "np.roll({a}, 1, axis=1)", "np.log1p(np.abs({a}))", "np.arctan2({a}, {b})",
    "{a}.reshape(-1).reshape(len(x), 3)", "np.take({a}, [2, 0, 0], axis=1)", "np.std({a}, axis=1, keepdims=True) + {b}",
    "nn.functional.softmax({a})", "nn.functional.gelu({a})", "np.outer({a}[0], {b}[0]).sum() * {a}",
]  # fmt: skip


@settings(deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=6))
def test_random_programs_compute_the_same(steps, tmp_path_factory):
    lines = ["v0 = x"]
    for i, (text, a, b) in enumerate(steps):
        lines.append(f"v{i + 1} = " + text.format(a=f"v{a % (i + 1)}", b=f"v{b % (i + 1)}"))
    scope = SimpleNamespace(np=np, nn=nn, m=W[:, :3]).__dict__
    exec("def program(x):\n    " + "\n    ".join(lines) + f"\n    return v{len(steps)}", scope)
    path = tmp_path_factory.mktemp("onnx") / "f.onnx"
    check_export(path, scope["program"], [X])
