"""The tape as a picture: boxes and arrows, laid out by Graphviz, drawn as SVG."""

from __future__ import annotations

import importlib
import os
import threading
import unicodedata
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from html import escape
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from autograd_np.listing import Constant, Names, Recorded, item_text, keyword_texts
from autograd_np.tape import Node
from autograd_np.tensor import Tensor

__all__ = ["Drawing", "draw"]

Group = tuple[str, ...]


def draw(tensor: Tensor, names: Names | None = None) -> Drawing:
    """Draw what was recorded on the way to a tensor: operations, their shapes, and the arrays they start from.

    A notebook shows the picture; `save` writes it to a file. Leaves show the norm of their `.grad` once they have one:
    draw before `backward()`, which releases the graph, and look at the picture whenever you like.

    Up to 100 boxes, there is one for each operation, leaf and array. Of more, each run of operations in a group becomes
    one box, and if that does not suffice, all that lies between the first and the last operations.

    Parameters
    ----------
    tensor : Tensor
        Whatever was computed, usually a loss.
    names : mapping of str to Tensor or ndarray, optional
        What to call tensors, and arrays that need no gradient: `dict(model.named_parameters())`. What is called
        `"encoder.weight"` stands in a box `encoder`, together with the operations on it; so does a result that is
        called `"encoder.hidden"`.

    Returns
    -------
    Drawing

    Raises
    ------
    TypeError
        If `tensor` is no Tensor, or `names` no mapping from names to tensors.
    RuntimeError
        If nothing was recorded, or if a backward pass has released the graph.

    See Also
    --------
    print_tape : The same as text, with the rules of the backward pass.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor, draw
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> loss = np.sum(np.tanh(w * 3.0))
    >>> picture = draw(loss, names={"layer.w": w})
    >>> picture
    Drawing(4 boxes, 3 arrows; .save("graph.svg") writes it to a file)
    >>> loss.backward()
    >>> "np.tanh" in picture.svg
    True
    """
    recorded = Recorded("draw", tensor, names)
    return Drawing(*_boxes(recorded))


@dataclass(frozen=True)
class _Box:
    """A box of the picture."""

    kind: str  # one of _COLOURS
    lines: tuple[str, ...]
    group: Group = ()
    leaf: weakref.ref[Any] | None = None


@dataclass(frozen=True)
class Drawing:
    """A picture of a graph; see `draw`."""

    _all: Sequence[_Box]
    _arrows: Sequence[tuple[int, int]]

    def __repr__(self) -> str:
        return f'Drawing({len(self._all)} boxes, {len(self._arrows)} arrows; .save("graph.svg") writes it to a file)'

    @property
    def dot(self) -> str:
        """The graph in DOT, Graphviz's language, with colours and labels."""
        return _dot(self._all, self._arrows, _labelled)

    @property
    def svg(self) -> str:
        """The picture, as a text that stands alone.

        Raises
        ------
        ImportError
            If pygraphviz, which lays the picture out, is not installed.
        """
        return _svg(self._all, self._arrows)

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file, whole or not at all.

        Parameters
        ----------
        path : path-like
            Its suffix says what to write: `.svg` or `.dot`.

        Raises
        ------
        ValueError
            If the path has another suffix.
        ImportError
            If it is `.svg` and pygraphviz, which lays the picture out, is not installed.
        OSError
            If the file cannot be written.
        """
        target = Path(os.path.realpath(path))
        suffix = Path(path).suffix.lower()
        if suffix not in (".svg", ".dot"):
            raise ValueError(
                f"Drawing.save: {os.fspath(path)!r} ends in {suffix or 'no suffix'}; name a .svg file for the picture, "
                f"or a .dot file for Graphviz, which makes others of it"
            )
        text = self.svg if suffix == ".svg" else self.dot
        if not target.parent.is_dir():
            raise FileNotFoundError(f"Drawing.save: there is no folder {target.parent}; create it first")
        temporary = target.with_name(f".{os.urandom(8).hex()}.tmp")  # a file moves in one step within its folder only
        try:
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


# ---------------------------------------------------------------------------------------------------------------------
# Groups
# ---------------------------------------------------------------------------------------------------------------------


def _common(groups: Iterable[Group]) -> Group:
    """Return the group that holds them all."""
    different = set(groups)
    if len(different) == 1:
        return different.pop()
    return tuple(names[0] for names in takewhile(lambda names: len(set(names)) == 1, zip(*different, strict=False)))


def _groups(recorded: Recorded) -> dict[Node, Group]:
    """Return where each node stands: by its name, by the names of its leaves, or between two parts of one group."""
    own = {node: tuple(name.split(".")[:-1]) for node, name in recorded.names.items()}
    if not any(own.values()):
        return dict.fromkeys(recorded.nodes, ())
    groups: dict[Node, Group] = {}
    for node in recorded.nodes:
        if node.primitive is None or own.get(node):
            groups[node] = own.get(node, ())
        elif leaves := [own[parent] for parent in node.parents if parent.primitive is None and parent in own]:
            groups[node] = _common(leaves)
    # Operations without names of their own: what lies before and behind them says where they are.
    before: dict[Node, Group] = {}
    behind: dict[Node, Group] = {}
    for node in recorded.nodes:
        operations = [parent for parent in node.parents if parent.primitive is not None]
        before[node] = groups[node] if node in groups else _common(before[parent] for parent in operations)
    for node in reversed(recorded.nodes):
        behind[node] = groups[node] if node in groups else behind.get(node, ())
        for parent in node.parents:
            behind[parent] = _common((behind[parent], behind[node])) if parent in behind else behind[node]
    return {node: groups[node] if node in groups else _common((before[node], behind[node])) for node in recorded.nodes}


def _shown(groups: Iterable[Group]) -> list[tuple[Group, str]]:
    """Return the groups that are worth a box of their own, each with its label; outer ones before those inside.

    A group that holds another one and nothing else is not: its name becomes a part of the inner one's label.
    """
    inside: dict[Group, set[str | None]] = {}
    for group in set(groups):
        for depth, name in enumerate((*group, None)):
            inside.setdefault(group[:depth], set()).add(name)
    shown = sorted(group for group, names in inside.items() if group and (None in names or len(names) > 1))
    around = {
        group: max(len(other) for other in ((), *shown) if other == group[: len(other)] != group) for group in shown
    }
    return [(group, ".".join(group[around[group] :])) for group in shown]


# ---------------------------------------------------------------------------------------------------------------------
# Boxes and arrows
# ---------------------------------------------------------------------------------------------------------------------

_LEGIBLE = 100  # boxes
_ENDS = 5  # parts left at either end of a graph that is summarised
_ALIKE = 8  # arrays that go the same way, before they become one box

Source = Node | Constant


@dataclass(frozen=True, slots=True)
class _Part:
    """Operations that make one box."""

    operations: list[Node]
    group: Group = ()


def _boxes(recorded: Recorded) -> tuple[list[_Box], list[tuple[int, int]]]:
    """Return the boxes of a picture, and its arrows as pairs of their places."""
    groups, output = _groups(recorded), recorded.nodes[-1]
    feeds = [(source, node) for node in recorded.nodes for source in recorded.sources(node)]
    parts, goes, absorbed, summarised = _summarised(recorded, groups, feeds)
    # Arrays first. In a summary, those that go the same way become one box where there are many.
    alike: dict[object, list[Source]] = {}
    for source, ends in goes.items():
        alike.setdefault((isinstance(source, Node), tuple(ends)), []).append(source)
    bundles: list[list[Source]] = []
    for sources in alike.values():
        bundles += [sources] if summarised and len(sources) > _ALIKE else [[source] for source in sources]
    boxes = [
        _many(sources) if len(sources) > 1 else _source_box(sources[0], recorded, groups, output) for sources in bundles
    ]
    boxes += [_part_box(part, absorbed.get(i, []), recorded, output) for i, part in enumerate(parts)]
    place = {node: len(bundles) + i for i, part in enumerate(parts) for node in part.operations}
    arrows = {(i, len(bundles) + end): None for i, sources in enumerate(bundles) for end in goes[sources[0]]}
    for node, end in place.items():
        arrows |= {(place[parent], end): None for parent in node.parents if place.get(parent, end) != end}
    return boxes, list(arrows)


def _summarised(
    recorded: Recorded, groups: dict[Node, Group], feeds: Sequence[tuple[Source, Node]]
) -> tuple[list[_Part], dict[Source, list[int]], dict[int, list[Source]], bool]:
    """Return the operations in as few parts as are legible, what `_sources` says of them, and whether that is less."""
    operations = [node for node in recorded.nodes if node.primitive is not None]
    parts = [_Part([node], groups[node]) for node in operations]
    goes, absorbed = _sources(recorded, parts, feeds)
    if len(parts) + len(goes) <= _LEGIBLE:
        return parts, goes, absorbed, False
    for depth in range(max(map(len, groups.values())), 0, -1):
        parts = _runs(operations, groups, depth)
        goes, absorbed = _sources(recorded, parts, feeds)
        if len(parts) + len(goes) <= _LEGIBLE:
            return parts, goes, absorbed, True
    if len(parts) > 2 * _ENDS + 1:
        middle = [node for part in parts[_ENDS:-_ENDS] for node in part.operations]
        parts = [*parts[:_ENDS], _Part(middle), *parts[-_ENDS:]]
        goes, absorbed = _sources(recorded, parts, feeds)
    return parts, goes, absorbed, True


def _runs(operations: Sequence[Node], groups: dict[Node, Group], depth: int) -> list[_Part]:
    """Make one part of each run of operations in a group, where groups are told apart by so many names."""
    parts: list[_Part] = []
    for _, run in groupby(
        enumerate(operations), lambda item: groups[item[1]][:depth] if len(groups[item[1]]) >= depth else item[0]
    ):
        nodes = [node for _, node in run]
        group = groups[nodes[0]]
        parts.append(_Part(nodes, group[:depth] if len(nodes) > 1 else group))
    return parts


def _sources(
    recorded: Recorded, parts: Sequence[_Part], feeds: Sequence[tuple[Source, Node]]
) -> tuple[dict[Source, list[int]], dict[int, list[Source]]]:
    """Return the leaves and constants that are boxes of their own, each with the parts it goes to; then the others.

    One that goes nowhere but into a part of several operations becomes a piece of it.
    """
    place = {node: i for i, part in enumerate(parts) for node in part.operations}
    goes: dict[Source, list[int]] = {recorded.nodes[-1]: []} if not parts else {}
    for source, node in feeds:
        ends = goes.setdefault(source, [])
        if not ends or ends[-1] != place[node]:
            ends.append(place[node])
    absorbed: dict[int, list[Source]] = {}
    for source, ends in list(goes.items()):
        if len(ends) == 1 and len(parts[ends[0]].operations) > 1:
            absorbed.setdefault(ends[0], []).append(source)
            del goes[source]
    return goes, absorbed


def _source_box(source: Source, recorded: Recorded, groups: dict[Node, Group], output: Node) -> _Box:
    if isinstance(source, Constant):
        name, kind, group, leaf = source.name or "constant", "constant", (), None
    else:
        name, kind, group, leaf = recorded.names.get(source, "leaf"), "leaf", groups[source], source.leaf
    return _Box(kind, (_inner(name, group), _sizes(source, output)), group, leaf)


def _many(sources: Sequence[Source]) -> _Box:
    kind = "leaf" if isinstance(sources[0], Node) else "constant"
    return _Box(kind, (_count(len(sources), "leaves" if kind == "leaf" else "constants"), _numbers(sources)))


def _part_box(part: _Part, absorbed: Sequence[Source], recorded: Recorded, output: Node) -> _Box:
    last = part.operations[-1]
    if len(part.operations) == 1:
        arguments = list(recorded.arguments(last))
        name = recorded.names.get(last)
        head = f"{_inner(name, part.group)} = " if name else ""
        if (item := item_text(last, [arg if isinstance(arg, str) else "t" for arg in arguments])) is not None:
            lines = [head + item]
        elif any(isinstance(arg, str) for arg in arguments):
            texts = [arg if isinstance(arg, str) else "·" for arg in arguments]
            lines = [f"{head}{last.name}({', '.join(texts)})", *keyword_texts(last)]
        else:
            lines = [head + last.name, *keyword_texts(last)]
        lines = [line for line in lines if line != f"shape={last.shape}"]  # the next line says so
        return _Box("output" if last is output else "operation", (*lines, _sizes(last, output)), part.group)
    head = _count(len(part.operations), "operations")
    if part.group:
        head = f"{'.'.join(part.group)}: {head}"
    often = Counter(node.name.removeprefix("one ") for node in part.operations).most_common()  # 3 of several outputs
    lines = [head, *(f"{count:,} {name}" for name, count in often[:3])]
    if len(often) > 3:
        lines.append(f"{sum(count for _, count in often[3:]):,} others")
    if absorbed:
        lines.append(f"on {_count(len(absorbed), 'arrays')}, {_numbers(absorbed)}")
    return _Box("several", (*lines, _sizes(last, output)), part.group[:-1])


def _inner(name: str, group: Group) -> str:
    """Return a name without the group's, which its box shows."""
    return name.removeprefix(".".join(group) + ".") if group else name


def _sizes(thing: Source, output: Node) -> str:
    """Return the shape, and the dtype if it is not the result's."""
    if isinstance(thing, Node) and thing.several:
        text = ", ".join(str(part.shape) for part in thing.output)
    else:
        text = str(thing.shape)
    return text if thing.dtype == output.dtype else f"{text} {thing.dtype}"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what if n > 1 else what.removesuffix('s')}"


def _numbers(sources: Sequence[Source]) -> str:
    return _count(sum(int(np.prod(source.shape, dtype=object)) for source in sources), "numbers")


# ---------------------------------------------------------------------------------------------------------------------
# DOT
# ---------------------------------------------------------------------------------------------------------------------

# A kind's fill, stroke and roundness, and what the legend calls it.
_COLOURS = {
    "leaf": ("#dcfce7", "#16a34a", 14, "leaf: gets a gradient"),
    "constant": ("#f1f5f9", "#94a3b8", 14, "constant: gets none"),
    "operation": ("#dbeafe", "#2563eb", 5, "operation"),
    "several": ("#ede9fe", "#7c3aed", 5, "several operations"),
    "output": ("#fef3c7", "#d97706", 5, "output"),
}


def _lines(box: _Box) -> list[str]:
    """Return the text in a box, the norm of a leaf's gradient included once it has one."""
    lines = [_printable(line) for line in box.lines]
    leaf = box.leaf and box.leaf()
    if leaf is not None and leaf.grad is not None:
        lines.append(f"{_GRADIENT}{np.linalg.norm(leaf.grad):.3g}")
    return lines


_GRADIENT = "|grad| = "


def _printable(text: str) -> str:
    """Replace what no file can hold, and shorten what no box can."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return clean if len(clean) <= 48 else f"{clean[:30]}…{clean[-17:]}"


def _dot(boxes: Sequence[_Box], arrows: Iterable[tuple[int, int]], attributes: Callable[[_Box | str], str]) -> str:
    """Write the graph in DOT; `attributes` says what of a box, or of a group with a label, stands in brackets."""
    lines = ["digraph {", "  node [shape=box];", "  edge [arrowsize=0.7];"]
    shown, opened = _shown(box.group for box in boxes), list[Group]()
    for i, box in sorted(enumerate(boxes), key=lambda item: item[1].group):
        while opened and opened[-1] != box.group[: len(opened[-1])]:
            opened.pop()
            lines.append("  }")
        for k, (group, label) in enumerate(shown):
            if group == box.group[: len(group)] and group not in opened:
                opened.append(group)
                lines.append(f"  subgraph cluster_{k} {{\n  graph [{attributes(label)}];")
        lines.append(f"  n{i} [{attributes(box)}];")
    lines += ["  }"] * len(opened)
    lines += [f"  n{start} -> n{end};" for start, end in arrows]
    return "\n".join([*lines, "}\n"])


def _labelled(thing: _Box | str) -> str:
    if isinstance(thing, str):
        return f"label={_quoted([_printable(thing)])}, labeljust=l, style=rounded, color=gray60"
    fill, stroke, _, _ = _COLOURS[thing.kind]
    return f'label={_quoted(_lines(thing))}, style="rounded,filled", fillcolor="{fill}", color="{stroke}"'


def _quoted(lines: Sequence[str]) -> str:
    return '"' + r"\n".join(line.replace("\\", r"\\").replace('"', r"\"") for line in lines) + '"'


def _measured(thing: _Box | str) -> str:
    """Say how large a box is, so that Graphviz needs no fonts; it counts in inches of 72 points."""
    if isinstance(thing, str):
        width = _width(_printable(thing), _SMALL)
        size = f'width="{width:.0f}" height="12"'
        table = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr><td {size}></td></tr></table>'
        return f"label=<{table}>, labeljust=l, margin=10"
    lines = _lines(thing)
    width = max(_width(line, _SMALL if i else _LARGE) for i, line in enumerate(lines)) + 24
    return f'label="", fixedsize=true, width={width / 72:.4f}, height={_height(lines) / 72:.4f}'


def _height(lines: Sequence[str]) -> float:
    return 18 + 15.0 * len(lines)


# ---------------------------------------------------------------------------------------------------------------------
# SVG
# ---------------------------------------------------------------------------------------------------------------------

_LARGE, _SMALL = 13, 11  # points
_MARGIN = 12
_GAP = 20  # between the graph and the legend


def _width(text: str, size: float) -> float:
    """Return no less than the width of a text in a common sans-serif font; large text is bold."""
    return size * (1.12 if size == _LARGE else 1) * sum(map(_em, text))


def _em(c: str) -> float:
    if unicodedata.east_asian_width(c) in "WF":
        return 1.05
    if c in "iljtfr.,:;'|()[]/ ":
        return 0.42
    return 1.0 if c in "mwMW@%" else 0.82 if c.isupper() or c in "=+<>~^#&" else 0.65


def _svg(boxes: Sequence[_Box], arrows: Sequence[tuple[int, int]]) -> str:
    """Draw the graph where Graphviz puts it, and a legend below."""
    layout = _layout(_dot(boxes, arrows, _measured))
    _, _, width, height = (float(number) for number in layout["bb"].split(","))
    legend, legend_width = _legend([kind for kind in _COLOURS if any(box.kind == kind for box in boxes)])
    full = max(width, legend_width), height + _GAP + 14
    shown = _shown(box.group for box in boxes)
    groups: list[str] = []
    nodes: list[str] = []
    for thing in layout["objects"]:
        kind, _, number = thing["name"].rpartition("_") if "bb" in thing else ("n", "", thing["name"][1:])
        if kind == "cluster":
            left, bottom, right, top = (float(number) for number in thing["bb"].split(","))
            groups.append(_rectangle(left, height - top, right - left, top - bottom, 8, "#f8fafc", "#cbd5e1"))
            groups.append(_text(_printable(shown[int(number)][1]), left + 9, height - top + 16, anchor="start"))
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


def _drawn(box: _Box, x: float, y: float, width: float) -> Iterator[str]:
    """Draw a box around its middle."""
    fill, stroke, radius, _ = _COLOURS[box.kind]
    lines = _lines(box)
    height = _height(lines)
    yield "<g>"
    yield _rectangle(x - width / 2, y - height / 2, width, height, radius, fill, stroke)
    for i, line in enumerate(lines):
        yield _text(line, x, y - height / 2 + 21 + 15 * i, bold=i == 0, red=line.startswith(_GRADIENT))
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
        fill, stroke, radius, meaning = _COLOURS[kind]
        parts.append(_rectangle(x, 0, 18, 12, min(radius, 6), fill, stroke))
        parts.append(_text(meaning, x + 24, 10, anchor="start"))
        x += 24 + _width(meaning, _SMALL) + 14
    return parts, x - 14
