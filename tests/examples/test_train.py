"""The main job, run as a user runs it."""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from tests.examples.programs import run, run_alone

ROOT = Path(__file__).parents[2]
MNIST = ROOT.parent / "shared" / "data" / "mnist"
CHECKED = pytest.mark.skipif(settings().max_examples < 50, reason="one model tells of all while writing")


def train(*options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return run("train", *options, folder=ROOT, check=check)


def accuracy(result: subprocess.CompletedProcess[str]) -> float:
    last = result.stdout.splitlines()[-1]
    assert re.fullmatch(r"test accuracy 0\.\d{4}", last)
    return float(last.split()[-1])


@pytest.mark.parametrize(("model", "ways"), [("mlp2", 3), ("mlp3", 3), ("cnn", 3), ("lenet", 2)])
def test_every_model_trains_on_digits(model: str, ways: int, tmp_path: Path) -> None:
    from matplotlib import image

    result = train("--model", model, "--epochs", "6", "--out", str(tmp_path))
    assert accuracy(result) > 0.9
    assert "All three ways agree." in result.stdout if ways == 3 else "no hand-written pass" in result.stdout
    assert "DIFFERS" not in result.stdout
    assert "epoch 6/6" in result.stderr
    picture = image.imread(tmp_path / f"train-{model}-digits.png")
    assert np.ptp(picture) > 0.5
    assert picture.std() > 0.05


def test_options_reach_the_training(tmp_path: Path) -> None:
    options = [
        "--samples",
        "200",
        "--epochs",
        "2",
        "--lr",
        "0.01",
        "--momentum",
        "0.5",
        "--batch-size",
        "16",
        "--seed",
        "3",
    ]
    result = train("--model", "mlp2", *options, "--out", str(tmp_path / "new" / "folder"))
    assert "160 training and 40 test images" in result.stdout
    assert "2 epochs: learning rate 0.01, momentum 0.5, batches of 16" in result.stdout
    assert (tmp_path / "new" / "folder" / "train-mlp2-digits.png").exists()
    alone = run_alone("train", "--model", "mlp2", *options, folder=tmp_path)
    assert alone.stdout.splitlines()[-1] == result.stdout.splitlines()[-1]
    assert (tmp_path / "out" / "train-mlp2-digits.png").exists()


def test_help_explains() -> None:
    text = train("--help").stdout
    for word in (
        "mlp2",
        "digits",
        "--samples",
        "--epochs",
        "--lr",
        "--momentum",
        "--batch-size",
        "--seed",
        "--out",
        "IDX",
    ):
        assert word in text


@pytest.mark.parametrize(
    "options", [["--data", "nowhere"], ["--batch-size", "0"], ["--epochs", "0"], ["--samples", "5"]]
)
def test_wrong_options_end_in_a_sentence(options: list[str], tmp_path: Path) -> None:
    result = train(*options, "--out", str(tmp_path), check=False)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert "train.py: " in result.stderr


def test_a_training_that_diverges_is_called_so(tmp_path: Path) -> None:
    """In words, and without a warning of each number that is too large on the way."""
    result = train("--model", "mlp3", "--lr", "1000", "--out", str(tmp_path), check=False)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("train.py: fit: the loss is nan in epoch 1,")
    assert "Warning" not in result.stderr


def stated(model: str) -> float:
    """Return the accuracy that docs/chapters.md states for MNIST."""
    page = (ROOT / "docs" / "chapters.md").read_text(encoding="utf-8")
    (figure,) = re.findall(rf"^\| `{model}` \| .+ \| (0\.\d{{3}}) \|$", page, re.MULTILINE)
    return float(figure)


# Machines that add up in another order get another few images right.
@pytest.mark.skipif(not MNIST.exists(), reason="needs a folder with the MNIST files")
@pytest.mark.parametrize("model", ["mlp2", *(pytest.param(model, marks=CHECKED) for model in ("mlp3", "cnn"))])
def test_mnist_gives_what_the_page_states(model: str, tmp_path: Path) -> None:
    result = train("--model", model, "--data", str(MNIST), "--samples", "5000", "--out", str(tmp_path))
    assert abs(accuracy(result) - stated(model)) < 0.005


@pytest.mark.skipif(not MNIST.exists(), reason="needs a folder with the MNIST files")
@pytest.mark.skipif(os.environ.get("HYPOTHESIS_PROFILE") != "nightly", reason="takes ten minutes")
def test_lenet_on_all_of_mnist(tmp_path: Path) -> None:
    """The same figure in docs/chapters.md and in the conclusion of the chapters."""
    assert (
        abs(accuracy(train("--model", "lenet", "--data", str(MNIST), "--out", str(tmp_path))) - stated("lenet")) < 0.002
    )
    conclusion = (ROOT / "examples" / "chapter_4_6_conclusion.py").read_text(encoding="utf-8")
    assert f"train.py --model lenet --data mnist: two convolutions and all of MNIST, {stated('lenet')}" in conclusion
