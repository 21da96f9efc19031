"""Measure this project beside its peers, and write tables, pictures and the site's figures."""

import argparse
import shlex
import sys
from pathlib import Path

from tests.tools.benchmarks.measure import BLOCK, Entry, Race, race
from tests.tools.benchmarks.memory import available, bytes_per_operation, step_memory
from tests.tools.benchmarks.report import Grown, Report, draw, markdown, replace_block, save_figures
from tests.tools.benchmarks.works import GROWTHS, LIBRARIES, MEMORY_WORKS, OURS, SWEEPS, TITLES, WORKS

PARTS = (*WORKS, *SWEEPS, "growth", "memory")
PEERS = tuple(name for name in TITLES if name != OURS)

# Curves and growths need fewer turns than ratios.
CURVE_ROUNDS = 5


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.benchmarks", description=__doc__)
    parser.add_argument(
        "--works", nargs="+", choices=PARTS, default=PARTS, metavar="NAME",
        help=f"what to measure (default: everything): {', '.join(PARTS)}",
    )  # fmt: skip
    parser.add_argument(
        "--peers", nargs="+", choices=PEERS, default=PEERS, metavar="NAME",
        help=f"against whom (default: all that are installed): {', '.join(PEERS)}",
    )  # fmt: skip
    parser.add_argument("--rounds", type=positive, default=15, metavar="N", help="turns of each (default: 15)")
    parser.add_argument("--threads", type=positive, default=2, metavar="N", help="of each library (default: 2)")
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="where pictures and figures go (default: out)"
    )
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the tables between this file's two marks")
    parser.add_argument("--tiny", action="store_true", help="small sizes, few turns: shows that all of it works")
    return parser.parse_args(argv)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


class Run:
    """One run of the benchmark with the given options."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options

    def contenders(self, work: str) -> list[str]:
        return WORKS[work].installed(self.options.peers)[0]

    def race(self, work: str, entries: list[Entry], rounds: int | None = None) -> Race:
        tiny = self.options.tiny
        rounds = 2 if tiny else min(self.options.rounds, rounds or self.options.rounds)
        result = race(work, entries, rounds, self.options.threads, 0.0 if tiny else BLOCK)
        for entry, reason in result.left_out.items():
            print(f"{TITLES[entry.name]} is left out of {work}: {reason}")
        return result

    def ratios(self, work: str) -> Race:
        size = WORKS[work].tiny if self.options.tiny else WORKS[work].size
        return self.race(work, [Entry(name, size) for name in self.contenders(work)])

    def sweep(self, name: str) -> list[Race]:
        sweep = SWEEPS[name]
        return [
            self.race(
                sweep.work,
                [Entry(name, size) for name in self.contenders(sweep.work) if size <= sweep.most.get(name, size)],
                CURVE_ROUNDS,
            )
            for size in (sweep.tiny if self.options.tiny else sweep.sizes)
        ]

    def growths(self) -> list[Grown]:
        found: list[Grown] = []
        for growth in GROWTHS:
            sizes = growth.tiny if self.options.tiny else (growth.small, growth.large)
            small, large = (Entry(OURS, size) for size in sizes)
            times = self.race(growth.work, [small, large], CURVE_ROUNDS)
            _, ratio, _ = times.ratio(large, small)
            each = times.time(small) / small.size, times.time(large) / large.size
            memory = None
            if growth.work == "chain":
                few, many = (bytes_per_operation(OURS, size, self.options.threads) for size in sizes)
                memory = few, many
            found.append(Grown(growth, sizes, each, ratio * small.size / large.size, memory))
        return found


def main(argv: list[str]) -> None:
    options = arguments(argv)
    run = Run(options)
    missing = sorted({name for work in WORKS.values() for name in work.installed(options.peers)[1]})
    for name in missing:
        print(f"{TITLES[name]} is left out: {LIBRARIES[name]} is not installed")
    report = Report(
        f"python -m tests.tools.benchmarks {shlex.join(argv)}".strip(), options.threads, missing, options.tiny
    )
    for part in options.works:
        if part in WORKS:
            report.races.append(run.ratios(part))
        elif part in SWEEPS:
            report.sweeps[part] = run.sweep(part)
        elif part == "growth":
            report.growths = run.growths()
        elif not available():
            print("The memory of a step is left out: the account that it needs is Linux's, with glibc")
        else:
            for work in MEMORY_WORKS:
                size = WORKS[work].tiny if options.tiny else WORKS[work].size
                names = [name for name in run.contenders(work) if name == OURS or name in LIBRARIES]
                report.memory[work] = {name: step_memory(work, name, size, options.threads) for name in names}
    text = markdown(report)
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    save_figures(report, options.out / "benchmarks.json")
    for path in draw(report, options.out):
        print(path)
    if options.page:
        replace_block(options.page, text)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, ValueError) as error:
        sys.exit(f"tests.tools.benchmarks: {error}")
