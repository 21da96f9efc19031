"""The story of a wrong backward pass, run as a user runs it."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.examples.programs import run, run_alone

EVERY = "1.weight, 1.bias, 3.weight and 3.bias"


@pytest.mark.parametrize(
    ("mistake", "diagnoses", "evidence"),
    [
        ("mask", ["Missing ReLU mask (1.weight and 1.bias)"], "the derivative of the ReLU 2 is taken to be 1"),
        ("mean", [f"Constant factor ({EVERY})"], "manual is 64.0000 times the automatic gradient"),
        ("sign", [f"Constant factor ({EVERY})"], "manual is -1.0000 times the automatic gradient"),
        ("sum", ["Gradient not summed over the batch (1.bias)"], "has shape (64, 32), and the parameter (32,)"),
        ("transpose", ["Transposed gradient (3.weight)"], "is the automatic one transposed"),
        (
            "order",
            ["Swapped gradients (1.weight and 3.weight)", "Swapped gradients (1.bias and 3.bias)"],
            "gradient of 1.weight is the automatic one of 3.weight, and the other way round",
        ),
    ],
)
def test_each_mistake_is_diagnosed_and_repaired(
    mistake: str, diagnoses: list[str], evidence: str, tmp_path: Path
) -> None:
    from matplotlib import image

    # Once in a process of its own: what is imported first, and set, is then the script's.
    if mistake == "mask":
        result = run_alone("compare_passes", folder=tmp_path)
    else:
        result = run("compare_passes", "--mistake", mistake, folder=tmp_path)
    wrong, right = result.stdout.split("The same pass without the mistake:")
    assert re.findall(r"^[A-Z][^:\n]* \(\d.*\)$", wrong, re.MULTILINE) == diagnoses
    assert evidence in " ".join(wrong.split())
    assert "They differ in" in wrong
    assert right.endswith("All three ways agree.\n")
    assert "DIFFERS" not in right
    picture = image.imread(tmp_path / "out" / f"compare-passes-{mistake}.png")[:, :, :3]
    colours = int(np.sum(np.ptp(picture, axis=2) > 0.3))
    assert (colours > 1000) == (mistake in ("mask", "mean", "sign"))


def test_options_reach_the_network(tmp_path: Path) -> None:
    options = ["--mistake", "sum", "--units", "5", "--batch-size", "7", "--seed", "3", "--out", "new/folder"]
    text = run("compare_passes", *options, folder=tmp_path).stdout
    assert "has shape (7, 5), and the parameter (5,)" in " ".join(text.split())
    assert text != run("compare_passes", *options[:-4], "--seed", "4", *options[-2:], folder=tmp_path).stdout
    assert (tmp_path / "new" / "folder" / "compare-passes-sum.png").exists()


def test_help_explains(tmp_path: Path) -> None:
    text = run("compare_passes", "--help", folder=tmp_path).stdout
    for word in ("mask", "delta1 = delta2 @ W2", "--mistake", "--units", "--batch-size", "--seed", "--out"):
        assert word in text


@pytest.mark.parametrize(
    "options", [["--units", "0"], ["--batch-size", "0"], ["--mistake", "none"], ["--seed", "-1"], ["--out", "file"]]
)
def test_wrong_options_end_in_a_sentence(options: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("compare_passes", *options, folder=tmp_path, check=False)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert "compare_passes.py: " in result.stderr
