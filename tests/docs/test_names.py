"""The tables for users of other libraries: what stands on our side runs, and what is said to differ does.

A name that has gone, an argument that has another name, a claim that no longer holds: each fails its row.
"""

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.special
from sklearn.model_selection import GridSearchCV

import autograd_np.testing
import nn
from autograd_np import Tensor, hints
from docs import names
from nn import functional as F

ROWS = [pytest.param(row, id=f"{library}: {row.there}") for library, rows in names.TABLES.items() for row in rows]


def environment(folder: Path) -> dict[str, Any]:
    """Return what the rows speak of."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(4, 2, rng=0))
    found: dict[str, Any] = {"np": np, "scipy": scipy, "autograd_np": autograd_np, "nn": nn, "F": F, "Tensor": Tensor}
    a = rng.uniform(0.5, 1.5, size=3)
    t = Tensor(rng.uniform(0.5, 1.5, size=(2, 3)), requires_grad=True)
    w = Tensor(a, requires_grad=True)
    np.sum(w**2).backward()
    double = autograd_np.primitive(lambda x: 2 * x)
    found |= {"a": a, "x": a, "u": a + 1, "t": t, "w": w, "model": model, "path": folder / "model.safetensors"}
    found |= {"X": rng.normal(size=(6, 4)).astype(np.float32), "y": np.array([0, 1] * 3), "double": double}
    found |= {"f": lambda x, _z=1.0: np.sum(x**2), "g": np.tanh, "of_tree": lambda p: np.sum(p["w"] ** 2)}
    found |= {
        "optimizer": nn.optim.SGD(model.parameters(), lr=0.1),
        "loss": np.sum(w**2),
        "fresh": lambda: np.sum(w**2),
    }
    found |= {"data": nn.data.TensorDataset(np.ones((4, 2)), np.ones(4)), "assigned": lambda: assigned(w, w[0])}
    quiet = {"hidden_layer_sizes": (5,), "random_state": 0}
    with warnings.catch_warnings():  # of one epoch, which is few
        warnings.simplefilter("ignore", UserWarning)
        clf = nn.NeuralNetClassifier(max_iter=1, **quiet).fit(found["X"], found["y"])
    found |= {"clf": clf, "quiet": quiet, "GridSearchCV": GridSearchCV}
    return found | {"written": lambda: assigned(t * 1, 1.0)}


def assigned(y: Tensor, value: Any) -> Tensor:
    """Return a tensor like another, into which something was written."""
    y = y * 1
    y[0] = value
    return y


@pytest.mark.filterwarnings("ignore:.*max_iter:UserWarning")
@pytest.mark.parametrize("row", ROWS)
def test_what_stands_there_runs(row: names.Name, tmp_path: Path) -> None:
    found = environment(tmp_path)
    found["x"] = found["X"] if "model(x)" in row.here else found["x"]
    with contextlib.redirect_stderr(io.StringIO()):  # the bars of trainings
        exec(row.here, found)
        if row.claim:
            found = environment(tmp_path) | {"autograd_np": autograd_np}
            assert eval(row.claim, found), row.claim


def test_each_library_has_its_table() -> None:
    assert [library for library, rows in names.TABLES.items() if len(rows) >= 14] == list(names.TABLES)


def test_differences_without_an_error_are_marked() -> None:
    """They are those that a user of PyTorch does not see."""
    marked = [row.there for row in names.TABLES["PyTorch"] if "**without an error**" in row.differs]
    assert marked == ["t.std()", "t.transpose(0, 1)"]


def test_rows_are_read_from_the_text() -> None:
    assert names.Name("w.grad", "w.grad", "a plain array", "isinstance(w.grad, np.ndarray)") in names.TABLES["PyTorch"]
    assert all(row.there and row.here for rows in names.TABLES.values() for row in rows)


def test_hints_are_all_there() -> None:
    libraries = ("PyTorch", "NumPy", "JAX", "HIPS autograd")
    assert sum(len(list(names.of_hints(library))) for library in libraries) == len(hints.rows)
