"""The fit of a logistic regression with scipy.optimize, run as a user runs it."""

import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from tests.examples.programs import run, run_alone

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "fit.py"
COLUMNS = ["iterations", "evaluations", "products", "loss", "above", "gradient", "accuracy", "seconds"]


def rows(text: str) -> dict[str, dict[str, float]]:
    """Read the table that was printed."""
    found = re.findall(r"^(L-BFGS-B|Newton-CG|trust-ncg)((?: +[0-9.e+-]+)+)$", text, re.MULTILINE)
    return {method: dict(zip(COLUMNS, map(float, row.split()), strict=True)) for method, row in found}


def sklearn_optimum(seed: int, penalty: float) -> tuple[np.ndarray, float, float]:
    """Return scikit-learn's weights and, last, bias, the penalised loss there and the test accuracy."""
    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=seed, stratify=y)
    scaler = StandardScaler().fit(x_train)
    c = 1 / (penalty * len(x_train))
    model = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    model.fit(scaler.transform(x_train), y_train)
    probabilities = model.predict_proba(scaler.transform(x_train))[np.arange(len(y_train)), y_train]
    weights = model.coef_[0]
    loss = -np.sum(np.log(probabilities)) + weights @ weights / (2 * c)
    return np.append(weights, model.intercept_), float(loss), float(model.score(scaler.transform(x_test), y_test))


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


@pytest.mark.parametrize(("seed", "penalty"), [(0, 1e-3), (1, 1e-5), (2, 0.1)])
def test_all_methods_reach_the_optimum_and_curvature_saves_iterations(
    seed: int, penalty: float, tmp_path: Path
) -> None:
    from matplotlib import image

    options = [] if seed == 0 else ["--seed", str(seed), "--penalty", str(penalty), "--out", "new/folder"]
    # Once in a process of its own: what is imported first, and set, is then the script's.
    result = (run_alone if seed == 0 else run)("fit", *options, folder=tmp_path)
    assert "Warning" not in result.stderr
    assert f"426 breast tumours, 30 measurements each, with penalty {penalty:g}; 143 more" in result.stdout
    table = rows(result.stdout)
    assert list(table) == ["L-BFGS-B", "Newton-CG", "trust-ncg"]

    _, least, accuracy = sklearn_optimum(seed, penalty)
    for row in table.values():
        assert row["gradient"] <= 1e-5
        np.testing.assert_allclose(row["loss"], least, rtol=1e-6)
        assert 0 < row["above"] < 1e-6
        assert row["accuracy"] == round(accuracy, 4) > 0.9
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
def test_weights_are_those_of_scikit_learn(method: str, example: dict[str, Any]) -> None:
    x, _, y, _ = example["load"](0)
    loss = example["objective"](x, y, 1e-3)
    found = example["fit"](loss, x.shape[1] + 1, method)
    expected, least, _ = sklearn_optimum(0, 1e-3)
    np.testing.assert_allclose(found.w, expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(example["optimum"](loss, found.w + 1e-3), least, rtol=1e-12)
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
    text = run("fit", "--help", folder=tmp_path).stdout
    for word in ("curvature", "--penalty", "0.001", "--seed", "--out"):
        assert word in text


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--penalty", "0"], "the penalty must be positive and finite, not 0"),
        (["--penalty", "nan"], "the penalty must be positive and finite, not nan"),
        (["--penalty", "1e10"], "stopped after"),
        (["--seed", "-1"], "random_state"),
        (["--out", "file"], "file"),
    ],
)
def test_wrong_options_end_in_a_sentence(options: list[str], reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("fit", *options, folder=tmp_path, check=False)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert re.match(rf"fit\.py: .*{reason}", result.stderr)
    assert not (tmp_path / "out").exists()
