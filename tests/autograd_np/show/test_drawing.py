"""Drawings: in notebooks, and in files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograd_np import draw
from tests.autograd_np.show.pictures import leaf


def test_a_notebook_shows_it() -> None:
    picture = draw(leaf(2) * 2)
    assert picture._repr_svg_() == picture.svg
    assert repr(picture) == 'Drawing(2 boxes, 1 arrows; .save("graph.svg") writes it to a file)'


def test_save(tmp_path: Path) -> None:
    picture = draw(np.tanh(leaf(2)))
    for name, text in (("graph.svg", picture.svg), ("graph.DOT", picture.dot)):
        (tmp_path / name).write_text("older")
        picture.save(tmp_path / name)
        picture.save(str(tmp_path / name))
        assert (tmp_path / name).read_text(encoding="utf-8") == text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["graph.DOT", "graph.svg"]


def test_save_leaves_an_older_file_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "graph.svg"
    path.write_text("older")

    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="the disk is full"):
        draw(leaf(2) * 2).save(path)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["older"]


def test_save_writes_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.svg").write_text("older")
    (tmp_path / "link.svg").symlink_to("real.svg")
    draw(leaf(2) * 2).save(tmp_path / "link.svg")
    assert (tmp_path / "link.svg").is_symlink()
    assert (tmp_path / "real.svg").read_text().startswith("<svg")


def test_save_errors(tmp_path: Path) -> None:
    picture = draw(leaf(2) * 2)
    with pytest.raises(ValueError, match=r"'graph.png' ends in .png; name a .svg file"):
        picture.save("graph.png")
    with pytest.raises(ValueError, match="no suffix"):
        picture.save(tmp_path / "graph")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        picture.save(tmp_path / "missing" / "graph.svg")
