"""What README says: its programs run, its links lead somewhere, and it stays short."""

import re
from pathlib import Path

import pytest

from tests.docs.test_pages import blocks, run

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_programs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the training saves a model
    found = blocks(README)
    assert [block.language for block in found].count("python") == 3
    assert run(found, {"__name__": "readme"}) == []
    assert (tmp_path / "model.safetensors").exists()


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!http)(.+?)\)", README)
    assert len(links) > 15
    for link in links:
        path, _, place = link.partition("#")
        text = (ROOT / path).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        assert not place or place in [heading.lower().replace(" ", "-") for heading in headings]


def test_it_is_a_screen_a_subject() -> None:
    """Tables and the rest are pages of the site."""
    for section in README.split("\n## "):
        assert len(section.splitlines()) <= 45
    assert "\n|" not in README
