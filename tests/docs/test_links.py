"""Links that lead nowhere are found: to pages, files and places, in links and pictures; others are left alone."""

from pathlib import Path

from docs.links import broken

PAGES = {
    "a.html": '<a href="b/c.html">right</a> <a href="b/c.html#here">right</a> <a href="#t">wrong</a> <a href="#">-</a>',
    "b/c.html": '<p id="here"></p> <a href="../a.html">right</a> <a href="a.html">wrong</a> <img src="no.png">',
    "b/d.html": '<a href="c.html#there">wrong</a> <a href="https://numpy.org/x.html">other</a> <img src="e%20f.png">',
    "b/e f.png": "",
    "_static/template.html": '<a href="{{ pathto }}">a template</a>',
}


def test_links(tmp_path: Path) -> None:
    for name, text in PAGES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    wrong = ["a.html: #t", "b/c.html: a.html", "b/c.html: no.png", "b/d.html: c.html#there"]
    assert sorted(broken(tmp_path)) == wrong
