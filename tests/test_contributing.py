"""The steps of CONTRIBUTING, followed to the letter in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
STEPS = re.findall(r"^```python\n# (\S+), (?:in (\w+)|at the end)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^```\n(python -m pytest .*)\n```$", GUIDE, re.MULTILINE)


def follow(step: tuple[str, str, str], root: Path) -> None:
    """Put the lines of a step where it says."""
    path, table, lines = root / step[0], step[1], step[2]
    text = path.read_text(encoding="utf-8")
    if table:
        (opening,) = re.findall(rf'^{table}\b.*(?:{{|""")\n', text, re.MULTILINE)
        text = text.replace(opening, opening + lines)
    path.write_text(text if table else text + lines, encoding="utf-8")


def tried(root: Path) -> tuple[bool, str]:
    """Run the command of the guide, and return whether all tests passed, and what was printed."""
    words = re.findall(r'"[^"]*"|\S+', COMMANDS[0])
    command = [sys.executable, *(word.strip('"') for word in words[1:]), "-q", "-p", "no:cacheprovider", "-n", "0"]
    environment = {**os.environ, "PYTHONPATH": str(root), "HYPOTHESIS_PROFILE": "dev"}
    result = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    return result.returncode == 0, result.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return where a copy of the project is."""
    for name in ("autograd_np", "nn", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_a_rule_in_ten_lines(copy: Path) -> None:
    assert len(STEPS) == 4
    assert sum(len(lines.splitlines()) for _, _, lines in STEPS) <= 10
    for step in STEPS[:2]:
        follow(step, copy)
    passed, printed = tried(copy)
    assert not passed, "its awkward points and programs are missing"
    assert "scipy.special.sindg" in printed
    assert "test_every_function_is_drawn" in printed
    for step in STEPS[2:]:
        follow(step, copy)
    passed, printed = tried(copy)
    assert passed, printed
