"""A picture in SVG: boxes and arrows where Graphviz puts them, and a legend."""

from __future__ import annotations

import importlib
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from html import escape
from typing import Any

from autograd_np.show.dot import COLOURS, dot_text, gradient_line, lines_of, printable
from autograd_np.show.graph import Box, shown_groups

__all__ = ["svg_text"]

_LARGE, _SMALL = 13, 11  # points
_MARGIN = 12
_GAP = 20  # between the graph and the legend


def _width(text: str, size: float) -> float:
    """Return an upper bound of the width of a text in a common sans-serif font; large text is bold."""
    return size * (1.12 if size == _LARGE else 1) * sum(map(_em, text))


def _em(c: str) -> float:
    if unicodedata.east_asian_width(c) in "WF":
        return 1.05
    if c in "iljtfr.,:;'|()[]/ ":
        return 0.42
    return 1.0 if c in "mwMW@%" else 0.82 if c.isupper() or c in "=+<>~^#&" else 0.65


def _measured(thing: Box | str) -> str:
    """Say how large a box is, so that Graphviz needs no fonts; it counts in inches of 72 points."""
    if isinstance(thing, str):
        width = _width(printable(thing), _SMALL)
        size = f'width="{width:.0f}" height="12"'
        table = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr><td {size}></td></tr></table>'
        return f"label=<{table}>, labeljust=l, margin=10"
    lines = lines_of(thing)
    width = max(_width(line, _SMALL if i else _LARGE) for i, line in enumerate(lines)) + 24
    return f'label="", fixedsize=true, width={width / 72:.4f}, height={_height(lines) / 72:.4f}'


def _height(lines: Sequence[str]) -> float:
    return 18 + 15.0 * len(lines)


def svg_text(boxes: Sequence[Box], arrows: Sequence[tuple[int, int]]) -> str:
    """Draw the graph where Graphviz puts it, and a legend below."""
    layout = _layout(dot_text(boxes, arrows, _measured))
    _, _, width, height = (float(number) for number in layout["bb"].split(","))
    legend, legend_width = _legend([kind for kind in COLOURS if any(box.kind == kind for box in boxes)])
    full = max(width, legend_width), height + _GAP + 14
    shown = shown_groups(box.group for box in boxes)
    groups: list[str] = []
    nodes: list[str] = []
    for thing in layout["objects"]:
        kind, _, number = thing["name"].rpartition("_") if "bb" in thing else ("n", "", thing["name"][1:])
        if kind == "cluster":
            left, bottom, right, top = (float(number) for number in thing["bb"].split(","))
            groups.append(_rectangle(left, height - top, right - left, top - bottom, 8, "#f8fafc", "#cbd5e1"))
            groups.append(_text(printable(shown[int(number)][1]), left + 9, height - top + 16, anchor="start"))
        else:
            x, y = (float(number) for number in thing["pos"].split(","))
            nodes += _drawn(boxes[int(number)], x, height - y, 72 * float(thing["width"]))
    edges = [_arrow(edge["pos"], height) for edge in layout.get("edges", [])]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{full[0] + 2 * _MARGIN:.0f}" '
        f'height="{full[1] + 2 * _MARGIN:.0f}" '
        f'viewBox="{-_MARGIN} {-_MARGIN} {full[0] + 2 * _MARGIN:.0f} {full[1] + 2 * _MARGIN:.0f}" '
        f'role="img" font-family="Helvetica, Arial, sans-serif">'
    )
    middle = f'<g transform="translate({(full[0] - width) / 2:.1f} 0)">'
    below = f'<g transform="translate({(full[0] - legend_width) / 2:.1f} {height + _GAP:.1f})">'
    return "\n".join([head, middle, *groups, *edges, *nodes, "</g>", below, *legend, "</g>", "</svg>", ""])


def _layout(dot: str) -> Any:
    """Return what Graphviz makes of a graph: places and curves, in points, upwards from the lower left corner."""
    try:
        pygraphviz: Any = importlib.import_module("pygraphviz")
    except ImportError as error:
        raise ImportError(
            "draw: the picture needs pygraphviz, which brings Graphviz along: pip install pygraphviz, or "
            "autograd_np[examples]. The DOT text (.dot) and print_tape need nothing"
        ) from error
    with _one_at_a_time, closing(pygraphviz.AGraph(string=dot)) as graph:
        import json

        return json.loads(graph.draw(prog="dot", format="json0"))


_one_at_a_time = threading.Lock()  # Graphviz keeps things of its own between calls


def _drawn(box: Box, x: float, y: float, width: float) -> Iterator[str]:
    """Draw a box around its middle."""
    fill, stroke, radius, _ = COLOURS[box.kind]
    lines, gradient = lines_of(box), gradient_line(box)
    height = _height(lines)
    yield "<g>"
    yield _rectangle(x - width / 2, y - height / 2, width, height, radius, fill, stroke)
    for i, line in enumerate(lines):
        yield _text(line, x, y - height / 2 + 21 + 15 * i, bold=i == 0, red=line == gradient)
    yield "</g>"


def _rectangle(x: float, y: float, width: float, height: float, radius: float, fill: str, stroke: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius}" '
        f'fill="{fill}" stroke="{stroke}"/>'
    )


def _text(text: str, x: float, y: float, *, bold: bool = False, red: bool = False, anchor: str = "middle") -> str:
    size, colour = (_LARGE, "#0f172a") if bold else (_SMALL, "#be123c" if red else "#475569")
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"{weight}>'
        f"{escape(text)}</text>"
    )


def _arrow(pos: str, height: float) -> str:
    """Draw an edge as Graphviz writes it: `e,tip start control control end ...`."""
    points = [tuple(map(float, point.removeprefix("e,").split(","))) for point in pos.split()]
    (tip_x, tip_y), (start_x, start_y), *rest = ((x, height - y) for x, y in points)
    end_x, end_y = rest[-1]
    # The tip's other corners stand at a right angle to it, on both sides of the curve's end.
    half_x, half_y = (tip_y - end_y) * 0.4, (end_x - tip_x) * 0.4
    curve = " ".join(f"{x:.1f} {y:.1f}" for x, y in rest)
    tip = (
        f"M{tip_x:.1f} {tip_y:.1f}L{end_x + half_x:.1f} {end_y + half_y:.1f}L{end_x - half_x:.1f} {end_y - half_y:.1f}Z"
    )
    return (
        f'<path d="M{start_x:.1f} {start_y:.1f}C{curve}" fill="none" stroke="#64748b"/><path d="{tip}" fill="#64748b"/>'
    )


def _legend(kinds: Iterable[str]) -> tuple[list[str], float]:
    """Return what the colours mean, and how wide that is."""
    parts: list[str] = []
    x = 0.0
    for kind in kinds:
        fill, stroke, radius, meaning = COLOURS[kind]
        parts.append(_rectangle(x, 0, 18, 12, min(radius, 6), fill, stroke))
        parts.append(_text(meaning, x + 24, 10, anchor="start"))
        x += 24 + _width(meaning, _SMALL) + 14
    return parts, x - 14
