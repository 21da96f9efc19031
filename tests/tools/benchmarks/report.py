"""What is made of the measurements: tables, the site's block, pictures, and a file of all figures."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
import tempfile
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.tools.benchmarks.measure import Entry, Race
from tests.tools.benchmarks.memory import Memory
from tests.tools.benchmarks.works import (
    GROWTH_AIM,
    LIBRARIES,
    MEMORY_AIM,
    OURS,
    SWEEPS,
    TITLES,
    WORKS,
    Growth,
)

# What the libraries are called beside their versions.
NAMES = {"torch": "PyTorch", "jax": "JAX", "autograd": "autograd", "mygrad": "MyGrad"}

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"

COLOURS = {
    OURS: "#111111", "torch": "#ee4c2c", "torch-cells": "#f7a583", "torch-compile": "#a01c0a", "jax": "#5e97f6",
    "autograd": "#8c8c8c", "mygrad": "#2ca02c", "by-hand": "#b8860b", "products": "#6a51a3",
}  # fmt: skip


@dataclass(frozen=True)
class Grown:
    """What a unit costs at a growth's two sizes: seconds, and bytes where they were counted."""

    growth: Growth
    sizes: tuple[int, int]
    seconds: tuple[float, float]
    ratio: float
    memory: tuple[float, float] | None


@dataclass
class Report:
    """All that one run has measured."""

    command: str
    threads: int
    missing: list[str]
    tiny: bool = False
    races: list[Race] = field(default_factory=list[Race])
    sweeps: dict[str, list[Race]] = field(default_factory=dict[str, list[Race]])
    growths: list[Grown] = field(default_factory=list[Grown])
    memory: dict[str, dict[str, Memory]] = field(default_factory=dict[str, dict[str, Memory]])


# ---------------------------------------------------------------------------------------------------------------------
# Tables
# ---------------------------------------------------------------------------------------------------------------------


def markdown(report: Report) -> str:
    """Return the tables, after a paragraph that says where they come from."""
    parts = [origin(report)]
    if report.races:
        parts.append(
            table(("work", "against", "ratio", "quartiles", "here", "there", "aim"), _speed_rows(report.races))
        )
    if report.growths:
        parts.append(table(("one", "grows", "costs", "and then", "ratio", "aim"), _growth_rows(report.growths)))
    if report.memory:
        head = ("memory of a training step", "", "peak", "retained", "peak here, as a part", "aim")
        parts.append(table(head, _memory_rows(report.memory)))
    return "\n\n".join(parts)


def origin(report: Report) -> str:
    """Name the command, the machine and the versions."""
    versions = [f"Python {platform.python_version()}", f"NumPy {importlib.metadata.version('numpy')}"]
    measured = {LIBRARIES.get(entry.name) for race in report.races for entry in race.times}
    versions += [f"{NAMES[library]} {_version(library)}" for library in NAMES if library in measured]
    otherwise = " unless its row says otherwise" if any(WORKS[race.work].threads for race in report.races) else ""
    text = (
        f"From `{report.command}` on {processor()}, {os.cpu_count()} cores, {report.threads} threads for each library"
        f"{otherwise}; {', '.join(versions)}."
    )
    if report.tiny:
        text += " In the tiny form: these figures show that it works, and nothing else."
    left_out: dict[tuple[str, str], list[str]] = {}
    for race in report.races:
        for entry, reason in race.left_out.items():
            left_out.setdefault((entry.name, reason), []).append(race.work)
    for (name, reason), works in left_out.items():
        text += f" {TITLES[name]} is left out of {', '.join(works)}: {reason}."
    if report.missing:
        text += f" Not installed, and left out: {', '.join(TITLES[name] for name in report.missing)}."
    return text


def _version(name: str) -> str:
    return importlib.metadata.version(name).split("+")[0]


def processor() -> str:
    """Return the processor's name, as far as the system knows it."""
    path = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", path.read_text(), re.MULTILINE) if path.exists() else None
    return re.sub(r"\((R|TM)\)", "", found[1]).strip() if found else platform.processor() or platform.machine()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def _speed_rows(races: Sequence[Race]) -> Iterable[Sequence[str]]:
    for race in races:
        work = WORKS[race.work]
        ours, *peers = race.times
        for i, peer in enumerate(peers):
            lower, median, upper = race.ratio(ours, peer)
            yield (
                "the same" if i else work.title,
                TITLES[peer.name],
                part(median),
                f"{part(lower)} to {part(upper)}",
                duration(race.time(ours)),
                duration(race.time(peer)),
                _aim(work.aims.get(peer.name), median),
            )


def _growth_rows(growths: Sequence[Grown]) -> Iterable[Sequence[str]]:
    for grown in growths:
        grows = f"{grown.sizes[0]:,} to {grown.sizes[1]:,}"
        small, large = map(duration, grown.seconds)
        yield grown.growth.unit, grows, small, large, part(grown.ratio), _aim(GROWTH_AIM, grown.ratio)
        if grown.memory:
            small, large = grown.memory
            yield (
                "its memory",
                grows,
                f"{small:.0f} B",
                f"{large:.0f} B",
                part(large / small),
                _aim(GROWTH_AIM, large / small),
            )


def _memory_rows(memory: Mapping[str, Mapping[str, Memory]]) -> Iterable[Sequence[str]]:
    for work, found in memory.items():
        for i, (name, used) in enumerate(found.items()):
            ratio = found[OURS].peak / used.peak
            yield (
                "the same" if i else WORKS[work].title,
                TITLES[name],
                megabytes(used.peak),
                megabytes(used.retained),
                "" if name == OURS else part(ratio),
                _aim(MEMORY_AIM, ratio) if name == "torch" else "",
            )


def _aim(aim: float | None, ratio: float) -> str:
    if aim is None:
        return ""
    return part(aim) if ratio <= aim else f"{part(aim)}, missed"


def part(ratio: float) -> str:
    """Return a ratio with two digits at least."""
    return f"{ratio:.3f}" if ratio < 0.1 else f"{ratio:.2f}"


def duration(seconds: float) -> str:
    """Return a time with three digits and its unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def megabytes(count: int) -> str:
    """Return a number of bytes as megabytes."""
    return f"{count / 1e6:.1f} MB"


# ---------------------------------------------------------------------------------------------------------------------
# Files
# ---------------------------------------------------------------------------------------------------------------------


def replace_block(path: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Put text between the two marks in a file, whole or not at all.

    Raises
    ------
    ValueError
        If the file has not each mark once, in order; it is then left as it is.
    """
    # Bytes, so that nothing else changes, line ends included.
    content, first, last = path.read_bytes(), begin.encode(), end.encode()
    if not (content.count(first) == content.count(last) == 1 and content.index(first) < content.index(last)):
        raise ValueError(f"{path}: the tables go between a line {begin} and a line {end} below it; write these, once")
    before, after = content[: content.index(first)], content[content.index(last) + len(last) :]
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(before + f"{begin}\n{text}\n{end}".encode() + after)
            file.close()
            shutil.copymode(path, file.name)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def save_figures(report: Report, path: Path) -> None:
    """Write every figure as JSON: each block's time, and what the tables say."""
    path.write_text(
        json.dumps(
            {
                "command": report.command,
                "machine": origin(report),
                "races": [_plain(race) for race in report.races],
                "sweeps": {name: [_plain(race) for race in races] for name, races in report.sweeps.items()},
                "growths": [
                    {"work": g.growth.work, "sizes": g.sizes, "seconds": g.seconds, "ratio": g.ratio, "bytes": g.memory}
                    for g in report.growths
                ],
                "memory": {
                    work: {name: {"peak": used.peak, "retained": used.retained} for name, used in found.items()}
                    for work, found in report.memory.items()
                },
            },
            indent=1,
        )
    )


def _plain(race: Race) -> dict[str, Any]:
    times = [{"name": entry.name, "size": entry.size, "seconds": times} for entry, times in race.times.items()]
    left_out = [{"name": entry.name, "size": entry.size, "why": reason} for entry, reason in race.left_out.items()]
    return {"work": race.work, "times": times, "left_out": left_out}


# ---------------------------------------------------------------------------------------------------------------------
# Pictures
# ---------------------------------------------------------------------------------------------------------------------


def draw(report: Report, folder: Path) -> list[Path]:
    """Write the pictures of what was measured and return their paths."""
    drawn: list[Path] = []
    if any(len(race.times) > 1 for race in report.races):
        drawn.append(_save(_bars(report.races), folder / "ratios.png"))
    drawn += [_save(_curves(name, races), folder / f"{name}.png") for name, races in report.sweeps.items()]
    return drawn


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path, dpi=150)
    return path


def _bars(races: Sequence[Race]) -> Any:
    """Draw our time as a part of each peer's, with the quartiles."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    bars = [(race, peer) for race in races for peer in list(race.times)[1:]]
    figure = Figure(figsize=(11, 1.6 + 0.36 * len(bars) + 0.16 * len(races)), layout="constrained")
    axes = figure.subplots()
    y, ticks, seen = 0.0, list[tuple[float, str]](), set[str]()
    for race in races:
        ours, *peers = race.times
        if not peers:
            continue
        ticks.append((y + (len(peers) - 1) / 2, "\n".join(textwrap.wrap(WORKS[race.work].title, 40))))
        for peer in peers:
            lower, median, upper = race.ratio(ours, peer)
            label = None if peer.name in seen else TITLES[peer.name]
            seen.add(peer.name)
            axes.barh(
                y, median - 1, left=1, height=0.82, color=COLOURS[peer.name], label=label,
                xerr=[[median - lower], [upper - median]], error_kw={"ecolor": "#333333", "elinewidth": 1.2},
            )  # fmt: skip
            side = "right" if median < 1 else "left"
            axes.annotate(
                part(median), (min(lower, 1) if median < 1 else max(upper, 1), y), (-5 if median < 1 else 5, 0),
                textcoords="offset points", va="center", ha=side, fontsize=10,
            )  # fmt: skip
            y += 1
        y += 0.5
    axes.axvline(1, color="black", linewidth=1.2)
    axes.set_xscale("log")
    axes.margins(x=0.12, y=0.02)
    axes.set_yticks([place for place, _ in ticks], [text for _, text in ticks])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("time of autograd_np as a part of the peer's; below 1 autograd_np is faster (whiskers: quartiles)")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.suptitle("autograd_np beside its peers", fontsize=15)
    figure.legend(loc="outside lower center", ncols=min(len(seen), 4), frameon=False)
    return figure


def _curves(name: str, races: Sequence[Race]) -> Any:
    """Draw each contender's time against the size."""
    from matplotlib.figure import Figure

    sweep = SWEEPS[name]
    figure = Figure(figsize=(9, 5.4), layout="constrained")
    axes = figure.subplots()
    for contender in WORKS[sweep.work].contenders:
        points = [(e.size, race.time(e)) for race in races for e in race.times if e == Entry(contender, e.size)]
        if points:
            ours = contender == OURS
            axes.loglog(
                *zip(*points, strict=True), marker="o", markersize=6 if ours else 4.5, linewidth=3 if ours else 1.6,
                color=COLOURS[contender], label=TITLES[contender], zorder=3 if ours else 2,
            )  # fmt: skip
    axes.set_xlabel(sweep.axis)
    axes.set_ylabel("time of a step")
    axes.yaxis.set_major_formatter(lambda value, _: duration(value))
    axes.set_xticks(sizes := sorted({e.size for race in races for e in race.times}), [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    axes.set_title(sweep.title, fontsize=14)
    return figure
