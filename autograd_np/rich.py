"""What a notebook shows in place of text: tables in HTML, of what the text says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["preformatted", "table"]


def table(header: Sequence[str], rows: Iterable[Sequence[str]], title: str = "", after: str = "") -> str:
    """Return a table in HTML, whose cells are plain text.

    Parameters
    ----------
    header : sequence of str
        What stands above the columns.
    rows : iterable of sequences of str
        Blanks at the beginning of a cell stay.
    title : str
        What stands above the table; "" for nothing.
    after : str
        What stands below it, line by line.

    Examples
    --------
    >>> from autograd_np.rich import table
    >>> table(["name", "size"], [["weight", "6"]])
    '<table><thead><tr><th>name</th><th>size</th></tr></thead><tbody><tr><td>weight</td><td>6</td></tr></tbody></table>'
    """
    body = "".join(_row("td", row) for row in rows)
    found = f"<table>{_caption(title)}<thead>{_row('th', header)}</thead><tbody>{body}</tbody></table>"
    return found + (preformatted(after) if after else "")


def preformatted(text: str) -> str:
    """Return plain text in HTML, with its line breaks.

    Examples
    --------
    >>> from autograd_np.rich import preformatted
    >>> preformatted("a < b")
    '<pre>a &lt; b</pre>'
    """
    return f"<pre>{escape(text)}</pre>"


def _caption(title: str) -> str:
    return f"<caption>{escape(title)}</caption>" if title else ""


def _row(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{_cell(cell)}</{tag}>' for cell in cells)}</tr>"


def _cell(text: str) -> str:
    inner = text.lstrip(" ")
    return "&nbsp;" * (len(text) - len(inner)) + escape(inner)
