"""The boxes of a picture and the arrows between them: operations and arrays, grouped, as many as are legible."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile
from typing import Any

import numpy as np

from autograd_np.outputs import one_output
from autograd_np.show.calls import item_text, keyword_texts
from autograd_np.show.recorded import Constant, Recorded
from autograd_np.tape import Node

__all__ = ["Box", "Group", "boxes_and_arrows", "shown_groups"]

Group = tuple[str, ...]


@dataclass(frozen=True)
class Box:
    """A box of the picture."""

    kind: str  # one of COLOURS, in `dot`
    lines: tuple[str, ...]
    group: Group = ()
    leaf: weakref.ref[Any] | None = None


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
    # Operations without names of their own stand where what they were computed from, and what uses them, stands.
    before: dict[Node, Group] = {}
    after: dict[Node, Group] = {}
    for node in recorded.nodes:
        operations = [parent for parent in node.parents if parent.primitive is not None]
        before[node] = groups[node] if node in groups else _common(before[parent] for parent in operations)
    for node in reversed(recorded.nodes):
        after[node] = groups[node] if node in groups else after.get(node, ())
        for parent in node.parents:
            after[parent] = _common((after[parent], after[node])) if parent in after else after[node]
    return {node: groups[node] if node in groups else _common((before[node], after[node])) for node in recorded.nodes}


def shown_groups(groups: Iterable[Group]) -> list[tuple[Group, str]]:
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


def boxes_and_arrows(recorded: Recorded) -> tuple[list[Box], list[tuple[int, int]]]:
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


def _source_box(source: Source, recorded: Recorded, groups: dict[Node, Group], output: Node) -> Box:
    if isinstance(source, Constant):
        name, kind, group, leaf = source.name or "constant", "constant", (), None
    else:
        name, kind, group, leaf = recorded.names.get(source, "leaf"), "leaf", groups[source], source.tensor
    return Box(kind, (_inner(name, group), _sizes(source, output)), group, leaf)


def _many(sources: Sequence[Source]) -> Box:
    kind = "leaf" if isinstance(sources[0], Node) else "constant"
    return Box(kind, (_count(len(sources), "leaves" if kind == "leaf" else "constants"), _numbers(sources)))


def _part_box(part: _Part, absorbed: Sequence[Source], recorded: Recorded, output: Node) -> Box:
    last = part.operations[-1]
    if len(part.operations) == 1:
        arguments = list(recorded.arguments(last))
        name = recorded.names.get(last)
        head = f"{_inner(name, part.group)} = " if name else ""
        if (item := item_text(last, [arg if isinstance(arg, str) else "t" for arg in arguments])) is not None:
            lines = [head + item]
        elif any(isinstance(arg, str) for arg in arguments):
            texts = [arg if isinstance(arg, str) else "·" for arg in arguments]
            lines = [f"{head}{last.name}({', '.join(texts)})", *_keywords(last)]
        else:
            lines = [head + last.name, *_keywords(last)]
        return Box("output" if last is output else "operation", (*lines, _sizes(last, output)), part.group)
    head = _count(len(part.operations), "operations")
    if part.group:
        head = f"{'.'.join(part.group)}: {head}"
    often = Counter(map(_many_times, part.operations)).most_common()
    lines = [head, *(f"{count:,} {name}" for name, count in often[:3])]
    if len(often) > 3:
        lines.append(f"{sum(count for _, count in often[3:]):,} others")
    if absorbed:
        lines.append(f"on {_count(len(absorbed), 'arrays')}, {_numbers(absorbed)}")
    return Box("several", (*lines, _sizes(last, output)), part.group[:-1])


def _keywords(node: Node) -> list[str]:
    """Return the keyword arguments that a box shows: not the shape, which its last line says."""
    texts = keyword_texts(node)
    return [text for name, text in texts.items() if name != "shape" or text != f"shape={node.shape}"]


def _many_times(node: Node) -> str:
    """Return what follows a number of operations: 3 np.sum, 3 of several outputs."""
    return "of several outputs" if node.primitive is one_output else node.name


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
