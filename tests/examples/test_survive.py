"""The training that is killed, run as a user runs it."""

import re
from pathlib import Path

import pytest

from tests.examples.programs import run


def test_the_story(tmp_path: Path) -> None:
    from matplotlib import image

    text = run("survive", "--kills", "1", "--epochs", "1", "--seed", "3", folder=tmp_path).stdout
    lives = re.findall(r"^ +(\d) +(\d+) → (\d+) +│.{48}│  (\S.*)$", text, re.MULTILINE)
    numbers, begun, ends, fates = zip(*lives, strict=True)
    assert numbers == ("1", "2")
    assert begun[0] == "0"
    # Each goes on from a checkpoint, which is at most ten steps older than the one before had come.
    assert all(0 <= int(end) - int(start) <= 10 for end, start in zip(ends[:-1], begun[1:], strict=True))
    assert ends[-1] == "36"
    assert all(fate.startswith("killed") for fate in fates[:-1])
    assert fates[-1] == "reaches the end"
    again = sum(int(end) - int(start) for start, end in zip(begun, ends, strict=True)) - 36
    assert f"{len(lives) - 1} kills cost {again} steps" in text
    rows = re.findall(r"^  (\w+) +[\d,]+ bits   (\w{16})   (\w{16})   same$", text, re.MULTILINE)
    assert [row[0] for row in rows] == ["model", "history", "predictions"]
    assert all(peaceful == killed for _, peaceful, killed in rows)
    assert len({digest for _, digest, _ in rows}) == 3
    assert "Not a bit is different" in text
    assert max(map(len, text.splitlines())) <= 140
    assert image.imread(tmp_path / "out" / "survive.png").std() > 0.1


@pytest.mark.parametrize("option", ["--kills", "--epochs"])
def test_too_few(option: str, tmp_path: Path) -> None:
    result = run("survive", option, "0", folder=tmp_path, check=False)
    assert result.returncode == 2
    assert "must be at least 1" in result.stderr
