"""The examples that test gradients: they pass, and fail when the gradients that they test are wrong."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Of each example, what to replace by what to make its gradient wrong.
MISTAKES = {
    "test_numpy_gradients.py": ("return g * delta / len(delta)", "return g * delta"),
    "test_torch_function.py": ("return g * torch.sigmoid(x)", "return g * torch.sigmoid(-x)"),
    "test_scipy_objective.py": ("g[:-1] += -400", "g[:-1] += -200"),
}

# Fewer examples, and no explanations of what fails, than a user would have.
PROFILE = """
from hypothesis import Phase, settings

phases = [Phase.generate, Phase.shrink]
settings.register_profile("quick", max_examples=30, derandomize=True, deadline=None, database=None, phases=phases)
settings.load_profile("quick")
"""


def run(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    options = ["-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(folder / name)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("name", MISTAKES)
def test_example_passes_and_finds_a_mistake(name: str, tmp_path: Path) -> None:
    text = (ROOT / "examples" / name).read_text()
    right, wrong = MISTAKES[name]
    assert text.count(right) == 1
    (tmp_path / "conftest.py").write_text(PROFILE)
    (tmp_path / name).write_text(text)
    result = run(tmp_path, name)
    if name == "test_torch_function.py" and find_spec("torch") is None:
        assert "skipped" in result.stdout
        return
    assert result.returncode == 0, result.stdout
    (tmp_path / name).write_text(text.replace(right, wrong))
    result = run(tmp_path, name)
    assert result.returncode == 1, result.stdout
    assert "derivative of order 1 is wrong" in result.stdout
    assert "This repeats it:" in result.stdout
