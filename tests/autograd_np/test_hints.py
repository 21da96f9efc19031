"""PyTorch's, NumPy's, JAX's and HIPS autograd's names: what is written here for each runs, is recorded, does the same.

Each row of the table is evaluated on real tensors and modules, in float64 and in float32; where PyTorch is installed,
its side is evaluated too, and values and gradients are compared. Names that both have are only in the table if they
mean different things.
"""

import copy
import pickle
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.special

import autograd_np
import nn
from autograd_np import Tensor, hints
from nn import functional as F

ROWS = [pytest.param(row, id=row.there[0]) for row in hints.rows if row.here]
PLACES: dict[hints.Place, Any] = {"nn": nn, "nn.functional": F, "nn.optim": nn.optim, "autograd_np": autograd_np}
PLACES |= {"Module": nn.Sequential(nn.Linear(3, 2), nn.ReLU()), "Tensor": Tensor(1.0)}
PREFIXES = {"t": "Tensor", "torch": "autograd_np", "model": "Module", "nn": "nn", "F": "nn.functional"}
PREFIXES |= {"optim": "nn.optim"}
NAMES = sorted(
    {
        (PREFIXES[prefix], name)
        for row in hints.rows
        if row.library == "PyTorch"
        for prefix, name in (re.findall(r"^(\w+)(?:\[.*?\])?\.(\w+)", there)[0] for there in row.there)
    }
)
# Those that there are here too, and that mean something else, or take other arguments.
OTHERWISE = {"argmax", "flatten", "max", "min", "nonzero", "repeat", "size", "std", "sum", "transpose", "var"}

# Whose results have no gradient: of integers, of constants, and gradients themselves.
CONSTANT = (
    "detach",
    "random.default_rng",
    "gradients(",
    "astype(np.int",
    "astype(bool",
    "np.zeros",
    "np.ones",
    "init.",
    "] = 0",
    "] = 1.5",
)


def arrays(dtype: Any = np.float64) -> dict[str, Any]:
    """Draw what the tensors of the table hold."""
    rng = np.random.default_rng(0)
    shapes = {"t": (2, 3), "u": (2, 3), "x": (2, 3)}
    return {name: rng.uniform(0.2, 0.9, shape).astype(dtype) for name, shape in shapes.items()}


def constants() -> dict[str, Any]:
    """Return the arrays that index, and the like."""
    mask = np.array([[True, False, True], [False, True, True]])
    return {"i": np.array([1, 0]), "j": np.array([[0, 2], [1, 1]]), "y": np.array([0, 2]), "mask": mask}


def environment(dtype: Any = np.float64) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return everything that stands in the table, and the leaves that its tensors are made of."""
    model = nn.Sequential(nn.Linear(3, 2, rng=0), nn.ReLU())
    model(np.ones((2, 3))).sum().backward()
    leaves = {name: Tensor(array, requires_grad=True) for name, array in arrays(dtype).items()}
    names: dict[str, Any] = {name: leaf * 1 for name, leaf in leaves.items()}  # a leaf could not be changed in place
    names |= constants() | {"limit": 1.0, "norm": 2.0}
    names |= {"a": np.ones(3, dtype), "w": np.ones((2, 3), dtype), "inputs": np.ones((9, 3)), "labels": np.ones(9)}
    names |= {"model": model, "layer": nn.Linear(2, 2), "optimizer": nn.optim.SGD(model.parameters(), lr=0.1)}
    names |= {"loss": (names["t"] ** 2).sum(), "f": lambda x: np.sum(x**2)}
    return names | {"np": np, "scipy": scipy, "nn": nn, "autograd_np": autograd_np, "Tensor": Tensor}, leaves


def evaluated(code: str, names: dict[str, Any]) -> list[Any]:
    """Return what an expression gives, or what a statement leaves in `t`; several values one by one."""
    try:
        value = eval(code, names)
    except SyntaxError:
        exec(code, names)
        value = names["t"]
    return list(value) if isinstance(value, tuple | list) else [value]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("row", ROWS)
def test_what_is_to_be_written_runs_and_is_recorded(row: hints.Row, dtype: Any, tmp_path: Path) -> None:
    names, _ = environment(dtype)
    names["path"] = tmp_path / "model.safetensors"
    nn.save({"a": np.ones(2)}, names["path"])
    for result in evaluated(row.here, names):
        if not (isinstance(result, Tensor) and result.dtype.kind == "f"):
            continue
        if re.search(r"\b(t|x)\b", row.here) and not any(word in row.here for word in CONSTANT):
            assert result.requires_grad
        if not re.search("dtype|astype|model", row.here):
            assert result.dtype == dtype


def test_no_gradient_is_cut_off() -> None:
    cut = re.compile(r"\.data\b(?!\.)|(?<!t = t)\.detach|no_grad|numpy\(|item\(|float\(")
    assert [row.there[0] for row in hints.rows if cut.search(row.here)] == ["jax.lax.stop_gradient(t)"]


# -- against PyTorch --------------------------------------------------------------------------------------------------

# What draws its values, is about devices, files or modules, or has no value.
UNCHECKED = r"Parameter|Buffer|uniform_|normal_|rand|bernoulli|Generator|save|load|DataLoader"
UNCHECKED += r"|clip_grad|inference_mode|set_grad|manual_seed|compile|DataParallel|register_|grad_fn|lr_scheduler"
UNCHECKED += r"|retain_grad|LBFGS|torch\.(nn|optim|long|int64|double|float\w*)$|cuda|pin_memory|is_tensor|model\."
CHECKED = [
    (row, there)
    for row in hints.rows
    if row.here and row.library == "PyTorch"
    for there in row.there
    if not re.search(UNCHECKED, there)
]


@pytest.mark.parametrize(("row", "there"), CHECKED)
def test_against_pytorch(row: hints.Row, there: str) -> None:
    torch = pytest.importorskip("torch")
    names, leaves = environment()
    their_leaves = {name: torch.tensor(array, requires_grad=True) for name, array in arrays().items()}
    theirs: dict[str, Any] = {name: leaf * 1 for name, leaf in their_leaves.items()}
    theirs |= {name: torch.from_numpy(array) for name, array in constants().items()}
    theirs |= {"loss": (theirs["t"] ** 2).sum(), "a": names["a"]}
    theirs |= {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "optim": torch.optim}
    total: Any = 0.0
    their_total: Any = 0.0
    for own, other in zip(evaluated(row.here, names), evaluated(there, theirs), strict=True):
        recorded = isinstance(other, torch.Tensor) and other.requires_grad
        values = own.data if isinstance(own, Tensor) else own
        np.testing.assert_allclose(values, other.detach().numpy() if recorded else other, rtol=1e-6)
        assert np.shape(values) == np.shape(other.detach() if recorded else other)
        if recorded:
            total, their_total = total + np.sum(own * own), their_total + (other * other).sum()
    if isinstance(total, Tensor):
        total.backward()
        their_total.backward()
        for name, leaf in leaves.items():
            expected = their_leaves[name].grad
            assert (leaf.grad is None) == (expected is None)
            if leaf.grad is not None:
                np.testing.assert_allclose(leaf.grad, expected.numpy(), rtol=1e-5, atol=1e-12)


def test_the_names_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    places = {"Tensor": torch.ones(1), "autograd_np": torch, "Module": torch.nn.Linear(1, 1), "nn": torch.nn}
    places |= {"nn.functional": torch.nn.functional, "nn.optim": torch.optim}
    assert not [(place, name) for place, name in NAMES if not hasattr(places[place], name)]


# -- where they are said ----------------------------------------------------------------------------------------------


def test_a_name_that_is_here_too_means_something_else() -> None:
    assert {name for place, name in NAMES if place == "Tensor" and hasattr(Tensor, name)} == OTHERWISE
    here = {(place, name) for place, name in NAMES if place in PLACES and name in dir(PLACES[place])}
    # The file of that name, what does the same, and what flattens nested containers.
    others = {("autograd_np", name) for name in ("tensor", "compile", "flatten")}
    assert here == others | {("Tensor", name) for name in OTHERWISE}


@pytest.mark.parametrize("name", sorted(set(dir(np.ndarray)) - set(dir(Tensor))))
def test_whatever_an_array_has_is_there_or_said(name: str) -> None:
    if name.startswith("__") or name in ("byteswap", "getfield", "setfield", "setflags"):  # of its memory
        return
    with pytest.raises(AttributeError, match=rf"has no attribute '{name}': .*{name}.*here"):
        getattr(Tensor([1.0]), name)


@pytest.mark.parametrize(("place", "name"), NAMES)
def test_the_hint_is_in_the_error(place: hints.Place, name: str) -> None:
    owner = PLACES[place]
    if name in dir(owner):
        return
    with pytest.raises(AttributeError, match=rf"has no attribute '{name}': PyTorch's `") as error:
        getattr(owner, name)
    assert hints.hint(name, place) in str(error.value)
    assert not hasattr(owner, name)
    assert name not in dir(owner)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("custom_vjp", r"JAX's `jax\.custom_vjp\(f\)` is `autograd_np\.primitive\(f\)` here: with autograd_np\.defvjp"),
        ("custom_jvp", r"JAX's `jax\.custom_jvp\(f\)` is `autograd_np\.primitive\(f\)` here: with autograd_np\.defvjp"),
        ("jit", r"JAX's `jax\.jit\(f\)` is `autograd_np\.compile\(f\)` here"),
        ("jacrev", r"JAX's .* is `autograd_np\.jacobian\(f\)` here"),
        ("flatten_util", r"JAX's .*ravel_pytree.* is `autograd_np\.flatten\("),
        ("extend", r"HIPS autograd's `autograd\.extend\.defvjp.*the gradient comes first"),
        ("misc", r"HIPS autograd's .* is `autograd_np\.flatten\("),
        ("numpy", r"JAX's .* is `np\.tanh\(t\)` here; HIPS autograd's"),
    ],
)
def test_names_of_jax_and_hips_autograd(name: str, message: str) -> None:
    with pytest.raises(AttributeError, match=f"has no attribute '{name}': {message}"):
        getattr(autograd_np, name)


def _shown(error: BaseException, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what Python prints of an error that nobody catches."""
    sys.__excepthook__(type(error), error, None)
    return capsys.readouterr().err


def test_an_unknown_name_is_pythons_own_error(capsys: pytest.CaptureFixture[str]) -> None:
    for owner, name, nearest in ((nn, "Linaer", "Linear"), (F, "softmx", "softmax"), (nn.optim, "Adm", "Adam")):
        with pytest.raises(AttributeError, match=rf"^module '{owner.__name__}' has no attribute '{name}'$") as error:
            getattr(owner, name)
        assert f"Did you mean: '{nearest}'?" in _shown(error.value, capsys)
    with pytest.raises(AttributeError, match=r"^'Linear' object has no attribute 'wieght'$") as error:
        _ = nn.Linear(1, 1).wieght
    assert "Did you mean: 'weight'?" in _shown(error.value, capsys)
    with pytest.raises(ImportError, match="cannot import name 'Linaer'"):
        exec("from nn import Linaer")


def test_a_modules_property_keeps_its_own_error() -> None:
    class Broken(nn.Module):
        @property
        def width(self) -> Any:
            return self.layer.in_features

    with pytest.raises(AttributeError, match="'Broken' object has no attribute 'layer'"):
        _ = Broken().width


def test_modules_can_be_copied_and_pickled_as_ever() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    for other in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert repr(other) == repr(model)
    assert not hasattr(model, "__array__")
    assert getattr(model, "cuda", None) is None


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax, F.logsumexp])
@pytest.mark.parametrize("x", [np.ones((2, 3)), Tensor(np.ones((2, 3)), requires_grad=True)])
def test_axes_have_both_names(function: Any, x: Any) -> None:
    results = [function(x, dim=0), function(x, axis=0), function(x, 0)]
    assert len({np.asarray(getattr(y, "data", y)).tobytes() for y in results}) == 1
    with pytest.raises(TypeError, match=rf"{function.__name__}: dim= is axis= under PyTorch's name; give one of them"):
        function(x, dim=1, axis=1)
    if function is F.logsumexp:
        assert np.shape(function(x, dim=1, keepdim=True)) == (2, 1)


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    hints.print_names()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["PyTorch", "here"]
    assert len(lines) == 4 + sum(len(row.there) for row in hints.rows)
    assert any(re.match(r"t\.view\(3, 2\) +t\.reshape\(3, 2\)$", line) for line in lines)
    assert any(re.match(r"t\.cuda\(\) +t  # everything is computed on the CPU$", line) for line in lines)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "argmax", "squeeze", "cumsum"])
def test_methods_of_tensors_name_the_keyword(name: str) -> None:
    with pytest.raises(TypeError, match=rf"{name}: dim= is PyTorch's name, here it is axis="):
        getattr(Tensor([[1.0]]), name)(dim=0)
