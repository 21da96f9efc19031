"""What README says, held against what the packages do."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special

import nn
from autograd_np import Tensor, gradients, hints

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
NUMBERS = {"inf": np.inf, "nan": np.nan}
ROWS = re.findall(r"^\| `(.+?)` \| `(.+?)` \| `(.+?)` \|", README, re.MULTILINE)


def test_the_table_is_read() -> None:
    assert len(ROWS) > 20


@pytest.mark.parametrize(("function", "point", "expected"), ROWS)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_awkward_points(function: str, point: str, expected: str) -> None:
    values = eval(f"dict({point})", NUMBERS)
    tensors = {name: Tensor(value, requires_grad=True, dtype=float) for name, value in values.items()}
    y = eval(function, {"np": np, "scipy": scipy}, tensors)
    found = [g.data for g in gradients(y, list(tensors.values()))]
    wanted: Any = eval(f"({expected},)", NUMBERS)
    for g, value in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(g, value)


def test_complex_convention() -> None:
    """Of |z| ** 2, whose slopes are 2x and 2y."""
    z = Tensor(3.0 + 4.0j, requires_grad=True)
    np.real(z * np.conj(z)).backward()
    assert z.grad == 6 - 8j


def test_names_of_pytorch_are_those_of_the_table() -> None:
    rows = re.findall(r"^\| `(.+?)` \| `(.+?)` \| \w.*\|$", README.split("**Coming from PyTorch.**")[1], re.MULTILINE)
    assert len(rows) == 12
    assert set(rows) <= {(there, row.here) for row in hints.rows for there in row.there}


def test_where_pytorchs_line_means_something_else_in_silence() -> None:
    silent = re.findall(r"^\| `(.+?)` \| `(.+?)` \|.*\*\*without an error\*\* \|$", README, re.MULTILINE)
    t = Tensor(np.arange(6.0).reshape(2, 3))
    values = {"t.transpose(0, 1)": (t, t.data.T), "t.std()": (t.data.std(), np.sqrt(17.5 / 5))}
    assert {there for there, _ in silent} == set(values)
    for there, here in silent:
        without_change, right = values[there]
        np.testing.assert_array_equal(eval(there, {"t": t}).data, plain(without_change))
        np.testing.assert_allclose(eval(here, {"t": t}).data, right)


def plain(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) else value


def blocks(heading: str) -> list[tuple[str, str]]:
    """Return the blocks of code and output below a heading, each with its language."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def without_numbers(text: str) -> str:
    """Leave out what another machine's rounding changes, and the widths of columns that come of it."""
    return re.sub(r"\s+", " ", re.sub(r"\d\.\d+e[-+]\d+|\(\d+,( \d+)?\)|\b\d+\b|(?<= )-(?= )", "#", text))


def test_comparison_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # the training saves a model
    names: dict[str, Any] = {"np": np}
    [(_, training)] = blocks("Neural networks")
    exec(training, names)
    capsys.readouterr()
    shown = blocks("By hand, automatically, numerically")
    assert [language for language, _ in shown] == ["python", "", "python", ""]
    for (_, code), (_, output) in zip(shown[::2], shown[1::2], strict=True):
        assert len([line for line in code.splitlines() if line.strip()]) < 10
        exec(code, names)
        assert without_numbers(capsys.readouterr().out) == without_numbers(output)


@pytest.mark.filterwarnings("ignore::autograd_np.testing.NondifferentiableWarning")
def test_gradient_tests_pass_and_the_growing_loss_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    [(_, tests), (_, growing), (_, printed)] = blocks("Testing gradients")
    names: dict[str, Any] = {"np": np, "nn": nn}
    exec(tests, names)
    names["test_square"]()
    names["test_objective"]()
    exec(growing, names)
    assert capsys.readouterr().out.split() == printed.split()  # lines are broken for README


def test_compiled_step_is_what_it_says() -> None:
    """The program is printed by the two blocks before it, of README's own model."""
    (_, code), (_, program) = blocks("Compiled")
    names: dict[str, Any] = {"nn": nn, "data": nn.data.load("digits")}
    exec("model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32, rng=0), nn.ReLU(), nn.Linear(32, 10, rng=1))", names)
    printed: list[str] = []
    names["print"] = printed.append
    exec(code, names)
    assert printed == [program]


def test_the_training_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With fewer epochs and examples, and no table drawn."""
    monkeypatch.chdir(tmp_path)
    data = nn.data.load("digits")
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10, rng=0))
    names: dict[str, Any] = {"nn": nn, "model": model, "optimizer": nn.optim.Adam(model.parameters())}
    names["data"] = dataclasses.replace(data, x_train=data.x_train[:200], y_train=data.y_train[:200])
    [(_, code)] = blocks("Training")
    exec(code.replace("epochs=50", "epochs=2").replace("pandas.DataFrame(history).plot()", ""), names)
    assert {name: len(figures) for name, figures in names["history"].items()} == dict.fromkeys(
        ["loss", "accuracy", "val_loss", "val_accuracy"], 2
    )
    assert names["figures"]["accuracy"] == nn.accuracy(names["outputs"], data.y_test)
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_estimators_are_what_is_said() -> None:
    [(_, code)] = blocks("With scikit-learn")
    digits = nn.data.load("digits")
    names: dict[str, Any] = {"nn": nn, "data": digits}
    before, last = code.rsplit("\n", 2)[0].replace("max_iter=20", "max_iter=3"), code.splitlines()[-1]
    exec(before, names)
    with pytest.warns(UserWarning, match="when max_iter=3 epochs had passed"):
        assert eval(last, names) > 0.8
    found = names["search"].estimator.get_params()
    assert names["search"].param_grid.keys() <= found.keys()
