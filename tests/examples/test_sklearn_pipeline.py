"""The network in scikit-learn's tools, run as a user runs it, with few epochs."""

import re
from pathlib import Path

import pytest
from matplotlib import image

from tests.examples.programs import run


def test_the_search_is_told_and_drawn(tmp_path: Path) -> None:
    result = run(
        "sklearn_pipeline", "--epochs", "3", "--shuffles", "2", "--jobs", "1", "--out", "new/folder", folder=tmp_path
    )
    assert "Warning" not in result.stderr
    assert "426 tumours to search with, 30 measurements each" in result.stdout
    rows = re.findall(r"^(\d+) +(\d\.\d+) +(\d\.\d+) +(\d\.\d+) +(\d\.\d+) *$", result.stdout, re.MULTILINE)
    assert [int(row[0]) for row in rows] == [16, 64, 256]
    found = {width: [float(loss) for loss in losses] for width, *losses in rows}
    assert len({loss for losses in found.values() for loss in losses}) == 12  # each setting makes a difference
    width, dropout = re.findall(r"dropout=(\S+), hidden_layer_sizes=\((\d+),\)", result.stdout)[0][::-1]
    least = min(min(losses[:3]) for losses in found.values())
    assert found[width][[0.0, 0.3, 0.6].index(float(dropout))] == least
    assert re.search(r"the network, .*: on 143 new tumours a loss of 0\.\d{4}, \d\d\.\d% right", result.stdout)
    assert re.search(
        r"Most of all it looks at the (mean|worst) \w+|Most of all it looks at the \w+ error", result.stdout
    )
    pixels = image.imread(tmp_path / "new/folder/sklearn_pipeline.png")
    assert pixels.shape[1] > 2000
    assert pixels[:, :, :3].std() > 0.1


def test_wrong_options_end_in_a_sentence(tmp_path: Path) -> None:
    result = run("sklearn_pipeline", "--seed", "-1", folder=tmp_path, check=False)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert re.match(r"sklearn_pipeline\.py: .*random_state", result.stderr)


@pytest.mark.parametrize("word", ["--epochs", "--shuffles", "--jobs", "--seed", "--out", "dropout"])
def test_help_explains(word: str, tmp_path: Path) -> None:
    assert word in run("sklearn_pipeline", "--help", folder=tmp_path).stdout
