"""A picture in DOT, Graphviz's language, with colours and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from autograd_np.show.graph import Box, Group, shown_groups

__all__ = ["COLOURS", "dot_text", "gradient_line", "labelled", "lines_of", "printable"]

# A kind's fill, stroke and roundness, and what the legend calls it.
COLOURS = {
    "leaf": ("#dcfce7", "#16a34a", 14, "leaf: gets a gradient"),
    "constant": ("#f1f5f9", "#94a3b8", 14, "constant: gets none"),
    "operation": ("#dbeafe", "#2563eb", 5, "operation"),
    "several": ("#ede9fe", "#7c3aed", 5, "several operations"),
    "output": ("#fef3c7", "#d97706", 5, "output"),
}


def lines_of(box: Box) -> list[str]:
    """Return the text in a box, the norm of a leaf's gradient included once it has one."""
    gradient = gradient_line(box)
    return [*map(printable, box.lines), *([] if gradient is None else [gradient])]


def gradient_line(box: Box) -> str | None:
    """Return the norm of a leaf's gradient, if there is one yet."""
    leaf = box.leaf and box.leaf()
    return None if leaf is None or leaf.grad is None else f"|grad| = {np.linalg.norm(leaf.grad):.3g}"


def printable(text: str) -> str:
    """Replace characters that no file can hold, and shorten texts that no box can."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return clean if len(clean) <= 48 else f"{clean[:30]}…{clean[-17:]}"


def dot_text(boxes: Sequence[Box], arrows: Iterable[tuple[int, int]], attributes: Callable[[Box | str], str]) -> str:
    """Write the graph in DOT; `attributes` says what of a box, or of a group with a label, stands in brackets."""
    lines = ["digraph {", "  node [shape=box];", "  edge [arrowsize=0.7];"]
    shown, opened = shown_groups(box.group for box in boxes), list[Group]()
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


def labelled(thing: Box | str) -> str:
    """Return the label and the colours of a box, or of a group with a label."""
    if isinstance(thing, str):
        return f"label={_quoted([printable(thing)])}, labeljust=l, style=rounded, color=gray60"
    fill, stroke, _, _ = COLOURS[thing.kind]
    return f'label={_quoted(lines_of(thing))}, style="rounded,filled", fillcolor="{fill}", color="{stroke}"'


def _quoted(lines: Sequence[str]) -> str:
    return '"' + r"\n".join(line.replace("\\", r"\\").replace('"', r"\"") for line in lines) + '"'
