"""The story of a step by hand beside its program, run as a user runs it."""

import re
from pathlib import Path

import pytest

from tests.examples.programs import run, run_alone


def test_the_story(tmp_path: Path) -> None:
    text = run("compiled", "--rounds", "5", folder=tmp_path).stdout
    for pair in (
        r"A1 = relu\(Z1\) +\| np\.maximum\(linear0, 0, out=relu1\)",
        r'delta1 = delta2 @ p\["W2"\]\.T +\| np\.matmul\(linear2_weight_T, d_linear2_T, d_relu1_T\)',
        r"grad_W1 = X\.T @ delta1 +\| np\.matmul\(d_linear0_T, x, d_linear0_weight\)",
        r'p\["W2"\] -= lr \* grad_W2 +\| np\.multiply\(d_linear2_weight, lr, work3\)',
    ):
        assert re.search(pair, text), pair
    assert max(map(len, text.splitlines())) <= 130
    assert "subtract_product(linear0_weight, lr, d_linear0_T, x)" in text
    assert "5 further steps: eager and compiled losses are the same to the last bit;" in text
    [spread] = re.findall(r"they differ by (\S+)\.\n", text)
    assert float(spread) < 1e-5
    ways = re.findall(r"^  (\S.*?) {2,}\d+ µs   [\d.]+ of by hand$", text, re.MULTILINE)
    assert ways == ["by hand", "eager", "compiled", "compiled, exact=False"]
    assert re.search(r"Capturing two steps and writing the program took \d+ ms", text)


def test_options_reach_the_network(tmp_path: Path) -> None:
    text = run_alone("compiled", "--batch-size", "7", "--rounds", "3", "--seed", "2", folder=tmp_path).stdout
    assert "# (256, 7)" in text
    assert "batches of 7, BLAS on 1 thread(s)" in text


@pytest.mark.parametrize("option", ["--batch-size", "--rounds", "--threads"])
def test_too_few(option: str, tmp_path: Path) -> None:
    result = run("compiled", option, "0", folder=tmp_path, check=False)
    assert result.returncode == 2
    assert f"argument {option}: at least 1, not 0" in result.stderr
