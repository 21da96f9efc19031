"""What importing costs, and which way imports run."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the top of the house down: a file imports from rows below its own, or from its own row without a circle.
ROWS = [
    ["nn"],
    ["autograd_np.testing", "autograd_np.scipy", "autograd_np.implicit"],
    ["autograd_np"],
    ["autograd_np.show"],
    ["autograd_np.show.drawing", "autograd_np.show.listing"],
    ["autograd_np.show.svg", "autograd_np.show.rule_source"],
    ["autograd_np.show.dot"],
    ["autograd_np.show.graph"],
    ["autograd_np.show.recorded"],
    ["autograd_np.show.calls"],
    ["autograd_np.checkpointing"],
    ["autograd_np.batching"],
    ["autograd_np.batching.derivatives", "autograd_np.batching.mapping", "autograd_np.batching.rules"],
    ["autograd_np.batching.stand_ins"],
    ["autograd_np.flattening", "autograd_np.parameters"],
    ["autograd_np.transforms"],
    ["autograd_np.compiling"],
    ["autograd_np.compiling.compiled"],
    ["autograd_np.compiling.saving"],
    ["autograd_np.compiling.program", "autograd_np.compiling.runs"],
    [f"autograd_np.compiling.{name}" for name in ("capturing", "folding", "names", "places")],
    ["autograd_np.compiling.blas", "autograd_np.compiling.flow", "autograd_np.compiling.reach"],
    ["autograd_np.compiling.code", "autograd_np.compiling.things"],
    ["autograd_np.neural"],
    [f"autograd_np.neural.{name}" for name in ("attention", "convolution", "losses", "pooling", "resampling")],
    [f"autograd_np.neural.{name}" for name in ("groups", "layers", "padding", "recurrent")],
    [f"autograd_np.neural.{name}" for name in ("activations", "images", "kernels", "vectors")],
    ["autograd_np.neural.arguments", "autograd_np.neural.threads"],
    ["autograd_np.compositions"],
    ["autograd_np.rules"],
    ["autograd_np.gradients"],
    ["autograd_np.tensor"],
    ["autograd_np.sweeps"],
    ["autograd_np.views"],
    [f"autograd_np.{name}" for name in ("anomaly", "methods", "operands", "outputs", "widening")],
    ["autograd_np.watch"],
    ["autograd_np.supported", "autograd_np.tape"],
    ["autograd_np.capture", "autograd_np.hooks"],
    ["autograd_np.refusals"],
    [
        "autograd_np.frames",
        "autograd_np.generators",
        "autograd_np.hints",
        "autograd_np.memory",
        "autograd_np.modes",
        "autograd_np.primitives",
        "autograd_np.rich",
        "autograd_np.trees",
        "autograd_np.versions",
    ],
]
PUBLIC = {
    "autograd_np",
    *(
        f"autograd_np.neural.{name}"
        for name in ("arguments", "attention", "layers", "padding", "recurrent", "resampling")
    ),
    "autograd_np.compiling.capturing",
    "autograd_np.neural.threads",
    "autograd_np.testing.numerical",
    *(f"autograd_np.{name}" for name in ("capture", "compiling", "gradients", "hints", "hooks", "modes", "neural")),
    *(f"autograd_np.{name}" for name in ("frames", "primitives", "rich", "tensor", "testing", "trees", "versions")),
    "autograd_np.views",
}
NN_ROWS = [
    ["nn"],
    ["nn.estimators"],
    ["nn.compare", "nn.lr_finder", "nn.onnx", "nn.training"],
    ["nn.onnx.export"],
    ["nn.onnx.formulas", "nn.onnx.importing"],
    ["nn.onnx.formulas.indexing", "nn.onnx.formulas.layers", "nn.onnx.formulas.products"],
    ["nn.onnx.formulas.shaping"],
    ["nn.onnx.formulas.reductions"],
    ["nn.onnx.formulas.elementwise"],
    ["nn.onnx.formulas.table", "nn.onnx.reading"],
    ["nn.onnx.graph", "nn.onnx.operators"],
    ["nn.onnx.recording", "nn.onnx.operators.elementwise", "nn.onnx.operators.layers"],
    ["nn.onnx.operators.reductions", "nn.onnx.operators.shaping"],
    ["nn.onnx.operators.table"],
    ["nn.onnx.errors"],
    ["nn.compiled"],
    ["nn.doctor.compare"],
    ["nn.doctor.comparison", "nn.doctor.diagnosis", "nn.doctor.series"],
    ["nn.doctor.factors", "nn.doctor.mistakes", "nn.doctor.patterns", "nn.testing", "nn.plots"],
    ["nn.doctor.elsewhere", "nn.doctor.kinks"],
    ["nn.doctor.differences", "nn.doctor.forward", "nn.doctor.rounding"],
    ["nn.doctor.layers", "nn.doctor.losses"],
    ["nn.doctor.trials"],
    ["nn.checkpoint", "nn.data"],
    ["nn.layers", "nn.losses", "nn.optim", "nn.init", "nn.functional", "nn.module", "nn.parameter", "nn.utils"],
    ["nn.reference", "nn.doctor.evidence", "nn.doctor", "nn.files"],
]


@pytest.mark.parametrize(
    ("package", "heavy"),
    [
        (
            "autograd_np",
            ["matplotlib", "pygraphviz", "sklearn", "scipy.stats", "scipy.signal", "tqdm", "nn"],
        ),
        ("nn", ["matplotlib", "pygraphviz", "sklearn", "scipy.stats", "scipy.signal", "tqdm", "http.client", "ssl"]),
        ("autograd_np", ["scipy.sparse", "scipy.integrate", "scipy.optimize"]),
        ("nn", ["nn.compare", "nn.doctor", "nn.onnx", "nn.plots", "nn.reference", "nn.testing", "onnx"]),
        ("autograd_np", ["autograd_np.batching", "autograd_np.testing"]),
    ],
)
def test_import_leaves_heavy_libraries_alone(package: str, heavy: list[str]) -> None:
    code = f"import sys, {package}; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"


def test_rooms_of_nn_are_there_when_asked_for() -> None:
    code = "import nn; print(nn.reference.__name__, nn.compare.compare_backprop.__name__, 'plots' in dir(nn))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.split() == ["nn.reference", "compare_backprop", "True"]


def test_vmap_is_there_when_asked_for() -> None:
    code = "import autograd_np; print('vmap' in dir(autograd_np), autograd_np.vmap.__name__); from autograd_np import *"
    code += "; print(VmapLoopWarning is autograd_np.VmapLoopWarning, vmap is autograd_np.vmap)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.split() == ["True", "vmap", "True", "True"]


def row(name: str, rows: list[list[str]]) -> int:
    """Return the row of the longest prefix of a module's name."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        for i, names in enumerate(rows):
            if ".".join(parts[:length]) in names:
                return i
    raise AssertionError(f"{name} has no row: give it one")


def imported(path: Path) -> list[str]:
    """Return the project's own modules that a file imports."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: imports are absolute"
            for alias in node.names:
                inner = ROOT / Path(*node.module.split("."), alias.name)
                is_module = inner.with_suffix(".py").exists() or inner.is_dir()
                names.append(f"{node.module}.{alias.name}" if is_module else node.module)
    return [name for name in names if name.split(".")[0] in ("autograd_np", "nn")]


@pytest.mark.parametrize(("package", "rows"), [("autograd_np", ROWS), ("nn", NN_ROWS)])
def test_imports_run_one_way(package: str, rows: list[list[str]]) -> None:
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for name in imported(path):
            if package == "nn" and name.startswith("autograd_np"):
                assert module != "nn.reference", "nn.reference imports no engine"
                assert name in PUBLIC, f"{path}: {name} is not one of the engine's public modules"
                continue
            here, there = row(module, rows), row(name, rows)
            assert here <= there, f"{path}: {module} imports {name}, which is above it"
            assert here < there or module != name
