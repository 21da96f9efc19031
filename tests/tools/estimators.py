"""Lay `NeuralNetClassifier` and `NeuralNetRegressor` beside scikit-learn's perceptrons: scores, and the time of a fit.

Both sides have their defaults, the same seed, split and preparation: inputs are standardised, targets of a regression,
too. Each side runs in a process of its own with one thread, and the two take turns. What is counted is the processor's
time of `fit`, in which other work on the machine has less of a share than in that of the clock.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from tests.tools.benchmarks.report import replace_block

SIDES = ("ours", "theirs")
BEGIN, END = "<!-- estimators: begin -->", "<!-- estimators: end -->"


@dataclass(frozen=True)
class DataSet:
    """Examples of scikit-learn's, and whether they are of a regression."""

    load: Callable[[], tuple[Any, Any]]
    regression: bool = False


def _of(name: str, **options: Any) -> Callable[[], tuple[Any, Any]]:
    def load() -> tuple[Any, Any]:
        from sklearn import datasets

        return getattr(datasets, name)(**options or {"return_X_y": True})

    return load


DATA = {
    "iris": DataSet(_of("load_iris")),
    "wine": DataSet(_of("load_wine")),
    "breast cancer": DataSet(_of("load_breast_cancer")),
    "digits": DataSet(_of("load_digits")),
    "moons": DataSet(_of("make_moons", n_samples=1000, noise=0.25, random_state=0)),
    "diabetes": DataSet(_of("load_diabetes"), regression=True),
    "friedman 1": DataSet(_of("make_friedman1", n_samples=1000, noise=1.0, random_state=0), regression=True),
    "friedman 2": DataSet(_of("make_friedman2", n_samples=1000, noise=100.0, random_state=0), regression=True),
}


def estimator(side: str, regression: bool, seed: int, **options: Any) -> Any:
    """Return an estimator with its defaults, and inputs and targets prepared."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import nn

    kinds = {"ours": (nn.NeuralNetClassifier, nn.NeuralNetRegressor), "theirs": (MLPClassifier, MLPRegressor)}
    net = kinds[side][regression](random_state=seed, **options)
    if regression:
        net = TransformedTargetRegressor(net, transformer=StandardScaler())
    return make_pipeline(StandardScaler(), net)


def fitted(side: str, name: str, seed: int, options: dict[str, Any]) -> tuple[float, float]:
    """Return the score on a quarter of the examples, and the processor's seconds of `fit`."""
    from sklearn.model_selection import train_test_split

    data = DATA[name]
    x, y = data.load()
    parts = train_test_split(x, y, test_size=0.25, random_state=seed, stratify=None if data.regression else y)
    x_train, x_test, y_train, y_test = parts
    net = estimator(side, data.regression, seed, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # neither side converges everywhere
        start = time.process_time()
        net.fit(x_train, y_train)
        seconds = time.process_time() - start
    return float(net.score(x_test, y_test)), seconds


@dataclass(frozen=True)
class Row:
    """The scores and times of both sides on one data set, one for each seed."""

    name: str
    scores: dict[str, list[float]]
    seconds: dict[str, list[float]]

    def score(self, side: str) -> tuple[float, float]:
        """Return a side's mean score, and its standard error."""
        scores = np.array(self.scores[side])
        return float(scores.mean()), float(scores.std(ddof=1) / np.sqrt(len(scores)))

    @property
    def ratio(self) -> float:
        """Our time as a part of theirs: the median over the seeds."""
        return statistics.median(np.divide(self.seconds["ours"], self.seconds["theirs"]).tolist())

    @property
    def keeps_up(self) -> bool:
        """Whether our score is at least theirs, within one standard error, in less time."""
        ours, theirs = self.score("ours"), self.score("theirs")
        return ours[0] >= theirs[0] - max(ours[1], theirs[1]) and self.ratio < 1


def compare(names: Sequence[str], seeds: int, options: dict[str, Any]) -> list[Row]:
    """Fit both sides in turn."""
    rows: list[Row] = []
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    before = dict(os.environ)
    os.environ.update(threads)  # the processes start with the first call, and inherit them
    try:
        sides = {side: ProcessPoolExecutor(1, mp_context=get_context("spawn")) for side in SIDES}
        for side, process in sides.items():  # what is imported and made once is no part of a fit
            process.submit(fitted, side, "iris", 0, {"max_iter": 1}).result()
        for name in names:
            row = Row(name, {side: [] for side in SIDES}, {side: [] for side in SIDES})
            for seed in tqdm(range(seeds), desc=name, leave=False):
                for side in SIDES if seed % 2 == 0 else reversed(SIDES):
                    score, seconds = sides[side].submit(fitted, side, name, seed, options).result()
                    row.scores[side].append(score)
                    row.seconds[side].append(seconds)
            rows.append(row)
        for process in sides.values():
            process.shutdown()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return rows


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    lines = [
        "| data | score here | scikit-learn's | fit here | scikit-learn's | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        scores = " | ".join("{:.3f} ± {:.3f}".format(*row.score(side)) for side in SIDES)
        seconds = " | ".join(f"{statistics.median(row.seconds[side]):.3f} s" for side in SIDES)
        lines.append(f"| {row.name} | {scores} | {seconds} | {row.ratio:.2f} |")
    return "\n".join(lines)


def arguments(argv: list[str]) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.estimators", description=__doc__)
    parser.add_argument(
        "--data", nargs="+", choices=DATA, default=list(DATA), metavar="NAME",
        help=f"which data sets (default: all): {', '.join(DATA)}",
    )  # fmt: skip
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="how many, at least 2 (default: 10)")
    parser.add_argument("--max-iter", type=int, metavar="N", help="epochs, for a short run (default: theirs, 200)")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the table between this file's two marks")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Compare, print and write; return 1 if a data set is worse or slower."""
    options = arguments(argv)
    if options.seeds < 2:
        print("estimators: --seeds is to be at least 2, for there to be a standard error", file=sys.stderr)
        return 2
    rows = compare(options.data, options.seeds, {"max_iter": options.max_iter} if options.max_iter else {})
    text = table(rows)
    print(text)
    for row in rows:
        if not row.keeps_up:
            print(f"{row.name} does not keep up")
    if options.page:
        replace_block(options.page, text, BEGIN, END)
    return 0 if all(row.keeps_up for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
