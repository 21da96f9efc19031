"""The fit of a logistic regression with scipy.optimize, run as a user runs it."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "fit.py"
COLUMNS = ["iterations", "evaluations", "products", "loss", "above", "gradient", "accuracy", "seconds"]


def run(*options: str, folder: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        capture_output=True, text=True, check=check, env=environment, cwd=folder,
    )  # fmt: skip


def rows(text: str) -> dict[str, dict[str, float]]:
    """Read the table that was printed."""
    found = re.findall(r"^(L-BFGS-B|Newton-CG|trust-ncg)((?: +[0-9.e+-]+)+)$", text, re.MULTILINE)
    return {method: dict(zip(COLUMNS, map(float, row.split()), strict=True)) for method, row in found}


def sklearn_optimum(x: np.ndarray, y: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    """Return scikit-learn's weights and, last, bias, and the penalised loss there."""
    c = 1 / (penalty * len(y))
    model = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(x, y)
    weights = model.coef_[0]
    likelihood = np.log1p(np.exp(-y * model.decision_function(x)))
    return np.append(weights, model.intercept_), np.sum(likelihood) + weights @ weights / (2 * c)


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


@pytest.mark.parametrize(("seed", "penalty"), [(0, 1e-3), (1, 1e-5), (2, 0.1)])
def test_all_methods_reach_the_optimum_and_curvature_saves_iterations(
    seed: int, penalty: float, tmp_path: Path, example: dict[str, Any]
) -> None:
    from matplotlib import image

    options = [] if seed == 0 else ["--seed", str(seed), "--penalty", str(penalty), "--out", "new/folder"]
    result = run(*options, folder=tmp_path)
    assert "Warning" not in result.stderr
    assert f"426 breast tumours, 30 measurements each, with penalty {penalty:g}; 143 more" in result.stdout
    table = rows(result.stdout)
    assert list(table) == ["L-BFGS-B", "Newton-CG", "trust-ncg"]

    x, _, y, _ = example["load"](seed)
    _, least = sklearn_optimum(x, y, penalty)
    for row in table.values():
        assert row["gradient"] <= 1e-5
        np.testing.assert_allclose(row["loss"], least, rtol=1e-6)
        assert 0 < row["above"] < 1e-6
        assert row["accuracy"] > 0.9
        assert row["evaluations"] > row["iterations"]
        assert row["seconds"] > 0

    guessed = table.pop("L-BFGS-B")
    assert guessed["products"] == 0
    for row in table.values():
        assert row["products"] > row["iterations"]
        assert row["iterations"] < guessed["iterations"]

    method, best = min(table.items(), key=lambda item: item[1]["iterations"])
    number = f"{guessed['iterations'] - best['iterations']:.0f} of L-BFGS-B's {guessed['iterations']:.0f} iterations"
    last = result.stdout.splitlines()[-1]
    assert last.startswith(f"Exact curvature saves {number} ({method} needs {best['iterations']:.0f}), ")
    ratio = float(re.findall(r"takes (\S+) times as long\.$", last)[0])
    np.testing.assert_allclose(ratio, best["seconds"] / guessed["seconds"], rtol=0.2)

    pixels = image.imread(tmp_path / ("out" if seed == 0 else "new/folder") / "fit.png")[:, :, :3]
    for panel in np.array_split(pixels, 2, axis=1):
        for colour in ("1f77b4", "ff7f0e", "2ca02c"):
            near = np.abs(panel - np.array(list(bytes.fromhex(colour))) / 255).max(axis=-1) < 0.02
            assert np.sum(near) > 500


@pytest.mark.parametrize("method", ["L-BFGS-B", "Newton-CG", "trust-ncg"])
@pytest.mark.parametrize("penalty", [1e-3, 0.1])
def test_weights_are_those_of_scikit_learn(method: str, penalty: float, example: dict[str, Any]) -> None:
    x, _, y, _ = example["load"](0)
    loss = example["objective"](x, y, penalty)
    found = example["fit"](loss, x.shape[1] + 1, method)
    expected, least = sklearn_optimum(x, y, penalty)
    np.testing.assert_allclose(found.w, expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(example["optimum"](loss, found.w), least, rtol=1e-12)
    # One loss and one time before the first iteration, and one after each.
    assert len(found.losses) == len(found.seconds) == found.iterations + 1
    np.testing.assert_allclose(found.losses[0], len(y) * np.log(2))
    assert np.all(np.diff(found.losses) <= 1e-12)
    assert np.all(np.diff(found.seconds) > 0)


@pytest.mark.parametrize(
    ("iterations", "seconds", "sentence"),
    [
        (10, 2.0, "saves 30 of L-BFGS-B's 40 iterations (trust-ncg needs 10), but no time: with 7 Hessian-vector "),
        (10, 0.5, "saves 30 of L-BFGS-B's 40 iterations (trust-ncg needs 10), and time: even with 7 Hessian-vector "),
        (40, 2.0, "saves none of L-BFGS-B's 40 iterations (trust-ncg needs 40), and no time: with 7 Hessian-vector "),
        (50, 0.5, "saves none of L-BFGS-B's 40 iterations (trust-ncg needs 50), but time: even with 7 Hessian-vector "),
    ],
)
def test_verdict_is_honest_about_time(iterations: int, seconds: float, sentence: str, example: dict[str, Any]) -> None:
    def fit(method: str, iterations: int, seconds: float, products: int) -> Any:
        return example["Fit"](method, np.zeros(1), 0.0, [1.0, 0.0], np.array([0, seconds]), iterations, 0, products)

    text = example["verdict"](fit("L-BFGS-B", 40, 1.0, 0), fit("trust-ncg", iterations, seconds, 7))
    assert text == f"Exact curvature {sentence}products, trust-ncg takes {seconds:g} times as long."


def test_help_explains(tmp_path: Path) -> None:
    text = run("--help", folder=tmp_path).stdout
    for word in ("curvature", "--penalty", "0.001", "--seed", "--out"):
        assert word in text


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--penalty", "0"], "the penalty must be positive and finite, not 0"),
        (["--penalty", "-1"], "the penalty must be positive and finite, not -1"),
        (["--penalty", "nan"], "the penalty must be positive and finite, not nan"),
        (["--penalty", "1e10"], "stopped after"),
        (["--seed", "-1"], "random_state"),
        (["--out", "file"], "file"),
    ],
)
def test_wrong_options_end_in_a_sentence(options: list[str], reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run(*options, folder=tmp_path, check=False)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert re.match(rf"fit\.py: .*{reason}", result.stderr)
    assert not (tmp_path / "out").exists()
