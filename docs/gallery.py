"""The chapters and examples on the site: what sphinx-gallery is told, and the form in which it is given the scripts.

A script tells its story when it is run, prints it, and saves its pictures where `--out` says. On its page stand the
text at its head, its code, and then, below a last line that runs it, what it prints and draws.
"""

import ast
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sphinx_gallery.scrapers import figure_rst

EXAMPLES = Path(__file__).parents[1] / "examples"
ROOT = Path(__file__).parent / "generated"
# What else the scripts are given, where their own numbers take long, and what the page says of it.
SMALLER: dict[str, tuple[list[str], str]] = {
    "compiled": (["--rounds", "10"], "Run here with `--rounds 10`, in place of 100."),
}
WITHOUT_PICTURES = ("compiled",)
SCRIPTS = ("train", "compare_passes", "compiled", "fit")
HEADERS = {
    "chapters": (
        "The chapters",
        "The series \"Learn Deep Learning with NumPy\", chapter by chapter. Each script tells its story twice, by hand "
        "with :mod:`nn.reference` and automatically, shows that both agree and where the original went wrong, and "
        "answers the exercises. They run here with scikit-learn's digits, enlarged to 28 x 28; ``--data mnist`` takes "
        "MNIST's.",
    ),
    "examples": (
        "Examples",
        "What people do with the project, one story a script: train a network, find the mistake in a backward pass, "
        "read the program of a training step, fit by exact curvature.",
    ),
}  # fmt: skip


def settings(built: Path, run: bool) -> dict[str, Any]:
    """Write the scripts in the gallery's form below a folder, and return sphinx-gallery's settings."""
    sources, pictures = built / "scripts", built / "pictures"
    shutil.rmtree(built / "scripts", ignore_errors=True)
    for folder, names in (
        ("chapters", sorted(path.stem for path in EXAMPLES.glob("chapter_*.py"))), ("examples", SCRIPTS),
    ):  # fmt: skip
        write(folder, names, sources / folder)

    return {
        "examples_dirs": [str(sources / name) for name in HEADERS],
        "gallery_dirs": [f"generated/{name}" for name in HEADERS],
        "filename_pattern": ".*",
        "ignore_pattern": "common",
        "plot_gallery": "True" if run else "False",
        "abort_on_example_error": True,
        "reset_argv": Arguments(pictures),
        "image_scrapers": (Saved(pictures),),
        "download_all_examples": False,
        "show_memory": False,
        "write_computation_times": False,
        "show_signature": False,
        "remove_config_comments": True,
        "within_subsection_order": "FileNameSortKey",
        "min_reported_time": 1000,
    }


@dataclass
class Arguments:
    """What a script is called with: numbers of its own that take less time, and where its pictures go."""

    folder: Path

    def __call__(self, _settings: Mapping[str, Any], script: Mapping[str, Any]) -> list[str]:
        """Return the arguments of a script."""
        name = Path(script["src_file"]).stem
        options, _ = SMALLER.get(name, ([], ""))
        return [*options, *([] if name in WITHOUT_PICTURES else ["--out", str(self.folder)])]


@dataclass
class Saved:
    """A scraper, which hands on the pictures that a script has saved into a folder."""

    folder: Path

    def __call__(self, _block: Any, variables: Mapping[str, Any], settings: Mapping[str, Any], **_: Any) -> str:
        """Move the pictures to their places on the site, and return the text that shows them."""
        taken: list[str] = []
        for path in sorted(self.folder.glob("*.png"), key=lambda path: path.stat().st_mtime_ns):
            taken.append(next(variables["image_path_iterator"]))
            shutil.move(path, taken[-1])
        return figure_rst(taken, settings["src_dir"])


def write(folder: str, names: list[str] | tuple[str, ...], target: Path) -> None:
    """Write scripts as the gallery takes them, and the head of its page."""
    target.mkdir(parents=True)
    title, text = HEADERS[folder]
    (target / "GALLERY_HEADER.rst").write_text(f"{title}\n{'=' * len(title)}\n\n{text}\n")
    shutil.copy(EXAMPLES / "common.py", target)
    for name in names:
        (target / f"{name}.py").write_text(in_cells((EXAMPLES / f"{name}.py").read_text(), name))


def in_cells(source: str, name: str) -> str:
    """Return a script with the text at its head in reStructuredText, and its last lines in a cell of their own."""
    head, body = ast.get_docstring(ast.parse(source)) or "", source.split('"""', 2)[2]
    paragraphs = [block(paragraph) for paragraph in head.split("\n\n")]
    title = " ".join(paragraphs[0].split()).rstrip(".")
    _, smaller = SMALLER.get(name, ("", ""))
    there = f"`What it prints and draws <#what-{name.replace('_', '-')}-prints-and-draws>`__ is below the code."
    text = "\n\n".join([f"{title}\n{'=' * len(title)}", *paragraphs[1:], f"{there} {smaller.replace('`', '``')}"])
    # The text at the head stays what `--help` prints.
    place, hidden = name.replace("_", "-"), f"__doc__ = {head!r}\n"
    end = f"""
# %%
# .. rubric:: What {name}.py prints and draws
#    :name: what-{place}-prints-and-draws

# sphinx_gallery_start_ignore
{hidden}# sphinx_gallery_end_ignore
if __name__ == "__main__":"""
    body = body.replace('\nif __name__ == "__main__":', end)
    return f'r"""\n{text}\n"""{body}'


def block(paragraph: str) -> str:
    """Return a paragraph of plain text as reStructuredText: formulas, which are indented, as they stand."""
    if all(line.startswith("    ") for line in paragraph.splitlines()):
        return f".. code-block:: none\n\n{paragraph}"
    return re.sub(r"(?<!`)`([^`]+)`", r"``\1``", re.sub(r"([*|_\\])", r"\\\1", paragraph))
