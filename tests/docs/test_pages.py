"""The pages of the site: their programs run, in the order in which they stand, and print what stands below them.

A block `python` is run, and a block `text` right after it is what that prints: `...` stands for anything, and blanks
count as one. Functions `test_...` are called at the end. A block `py` is only read; `none` is for commands. There are
no others.
"""

import ast
import contextlib
import doctest
import io
import re
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """A block of a page: its language, and what stands in it."""

    language: str
    text: str


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page, without the directives of Sphinx."""
    return [Block(*found) for found in BLOCK.findall(page) if not found[0].startswith("{")]


def unknown(expected: str) -> str:
    """Leave out what another machine's rounding changes, and the widths of columns that come of it."""
    return re.sub(r"\d\.\d+e[-+]\d+|\(\d+,( \d+)?\)|(?<= )-(?= )", "...", expected)


def run(page: list[Block], names: dict[str, Any]) -> list[str]:
    """Run the blocks of a page, and return what is wrong with what they print."""
    wrong: list[str] = []
    for block, after in pairwise([*page, Block("", "")]):
        if block.language != "python":
            continue
        with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.redirect_stderr(io.StringIO()):
            exec(compile(block.text, "page", "exec"), names)
        found, expected = printed.getvalue(), after.text if after.language == "text" else ""
        if not doctest.OutputChecker().check_output(unknown(expected), found, OPTIONS):
            wrong.append(f"{block.text}\nprints\n{found}\nand not\n{expected}")
    for name in [name for name in names if name.startswith("test_")]:
        names[name]()
    return wrong


@pytest.mark.filterwarnings("ignore::autograd_np.testing.NondifferentiableWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_programs_print_what_stands_below(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # some save files
    text = page.read_text(encoding="utf-8")
    assert "```" not in BLOCK.sub("", text), "a block that does not end"
    found = blocks(text)
    assert {block.language for block in found} <= {"python", "py", "text", "none"}
    for block in found:
        assert block.text.strip() != "...", "which any output fits"
        if block.language == "py":
            ast.parse(block.text)
    assert run(found, {"__name__": page.stem}) == []


def test_a_program_that_prints_something_else_is_found() -> None:
    for page, right in (
        ("```python\nprint(1.5)\n```\n\n```text\n1.5\n```", True),
        ("```python\nprint(1.5)\n```\n\n```text\n1...\n```", True),
        ("```python\nprint(1.5)\n```\n\n```text\n2.5\n```", False),
        ("```python\nprint(1.5)\n```\n\nand no output", False),
        ("```python\nx = 1.5\n```\n\n```text\n1.5\n```", False),
        ("```{table-of} names of JAX\n```", True),
    ):
        assert (run(blocks(page), {}) == []) == right


def test_every_page_is_in_a_menu() -> None:
    menus = "\n".join("".join(re.findall(r"^```{toctree}\n.*?^```", page.read_text(), re.M | re.S)) for page in PAGES)
    assert sorted(re.findall(r"^[a-z_]+$", menus, re.MULTILINE)) == sorted({page.stem for page in PAGES} - {"index"})
