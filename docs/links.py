"""Links of the built site that lead nowhere: to a page, a file or a place in a page that is not there."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

__all__ = ["broken"]


class _Page(HTMLParser):
    """What a page links to and shows, and the places in it that can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value is not None:
                self.targets.append(value)
            elif name == "id" or (name == "name" and tag == "a"):
                self.places.add(value or "")


def broken(folder: Path) -> list[str]:
    """Return a line for each link below a folder that leads nowhere; those to other sites are left alone."""
    paths = [path.resolve() for path in folder.rglob("*.html") if "_static" not in path.parts]  # the theme's templates
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in paths}
    wrong: list[str] = []
    for path, page in pages.items():
        for target in dict.fromkeys(page.targets):
            where, place = urldefrag(target)
            parts = urlsplit(where)
            if parts.scheme or parts.netloc or target == "#":
                continue
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not to.is_file() or (place and to in pages and unquote(place) not in pages[to].places):
                wrong.append(f"{path.relative_to(folder.resolve())}: {target}")
    return wrong
