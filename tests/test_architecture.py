"""How large the engine is, and what stands where: bounds on what has to be read, printed with the counts (`pytest -s`).

A line of code is one that holds more than a comment or a part of a docstring.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

from autograd_np.primitives import implementations, name_of, primitives
from tests.test_imports import imported

ROOT = Path(__file__).parents[1]
CORE = [ROOT / "autograd_np" / f"{name}.py" for name in ("primitives", "tape", "tensor")]
RULES, COMPOSITIONS = (sorted((ROOT / "autograd_np" / name).glob("*.py")) for name in ("rules", "compositions"))
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
}  # fmt: skip


def lines_of_code(text: str) -> set[int]:
    """Return the numbers of the lines of code in a file."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | FUNCTION) and ast.get_docstring(node) is not None:
            lines.difference_update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return lines


def functions(text: str) -> dict[str, int]:
    """Return the lines of code of each function in a file."""
    lines = lines_of_code(text)
    return {
        node.name: len([line for line in lines if node.lineno <= line <= (node.end_lineno or 0)])
        for node in ast.walk(ast.parse(text))
        if isinstance(node, FUNCTION)
    }


def test_counting() -> None:
    lines = ['"""Two', 'lines."""', "", "x = 1  # a comment", "", "", "def f():", '    """One."""', "    # a comment"]
    text = "\n".join([*lines, "    return (", "        x", "    )", ""])
    assert lines_of_code(text) == {4, 7, 10, 11, 12}
    assert functions(text) == {"f": 4}


def test_the_core_is_read_in_one_sitting() -> None:
    counts = {path.name: len(lines_of_code(path.read_text())) for path in CORE}
    print(f"\nlines of code: {counts}, together {sum(counts.values())}")
    assert sum(counts.values()) <= 900


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_functions_of_the_core_are_short(path: Path) -> None:
    sizes = functions(path.read_text())
    longest = max(sizes, key=lambda name: sizes[name])
    print(f"\n{path.name}: the longest function is {longest}, {sizes[longest]} lines")
    assert sizes[longest] <= 45


def test_functions_of_the_core_are_simple() -> None:
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "C901", *map(str, CORE)]
    result = subprocess.run(
        [*command, "--config", "lint.mccabe.max-complexity=13"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout


def test_no_file_turns_a_rule_of_the_type_checker_off() -> None:
    """A single line may be excused, by `ignore`; what other files need has a public name."""
    files = [path for package in ("autograd_np", "nn") for path in (ROOT / package).rglob("*.py")]
    comments = {path: re.findall(r"^\s*# pyright: (?!ignore).*", path.read_text(), re.MULTILINE) for path in files}
    assert len(files) > 50
    assert {path: found for path, found in comments.items() if found} == {}


@pytest.mark.parametrize("package", ["autograd_np", "nn"])
def test_every_file_is_read_in_one_sitting(package: str) -> None:
    paths = sorted((ROOT / package).rglob("*.py"))
    counts = {str(path.relative_to(ROOT)): len(lines_of_code(path.read_text())) for path in paths}
    print(f"\nlines of code: {counts}, together {sum(counts.values())}")
    assert len(counts) > 10
    assert max(counts.values()) <= 450


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_rules_lean_on_no_composition(path: Path) -> None:
    assert not [name for name in imported(path) if name.startswith("autograd_np.compositions")]


def test_what_stands_for_a_function_among_the_rules_records_its_rule() -> None:
    """All else that stands for a function is a composition, and is found there."""
    with_rules = {entry.name for entry in primitives.values() if entry.defined}
    among = {name_of(f) for f, call in implementations.items() if call.__module__.startswith("autograd_np.rules.")}
    assert among - with_rules == set()


@pytest.mark.parametrize("path", COMPOSITIONS, ids=lambda path: path.stem)
def test_compositions_have_no_rules(path: Path) -> None:
    assert "defvjp" not in {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
