"""A neural network in scikit-learn's tools: a table in, a pipeline, a search, and what the winner looks at.

The table is that of 569 breast tumours, with 30 named measurements of each. A grid of widths and shares of dropout is
searched by cross-validation, for the likelihood of what the doctors found; scikit-learn's own network, which has no
dropout, goes through the same. Both winners are judged on tumours that the search has not seen. When a training should
end is seen where the widest network trains on and on, with examples held back.
"""

import argparse
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import permutation_importance
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import nn

WIDTHS = [16, 64, 256]
DROPOUTS = [0.0, 0.3, 0.6]
# How many measurements are shown.
SHOWN = 8
COLOURS = {0.0: "#8fa9cc", 0.3: "#3f78bf", 0.6: "#12355f", "theirs": "#d9822b"}

HELD = "#2a8c68"


def searched(net: Any, x: pd.DataFrame, y: pd.Series, grid: dict[str, list[Any]], jobs: int) -> Any:
    """Return the search over a network's parameters, behind a scaler that hands the columns' names on."""
    pipeline = Pipeline([("scale", StandardScaler()), ("net", net)]).set_output(transform="pandas")
    search: Any = GridSearchCV(
        pipeline, {f"net__{name}": values for name, values in grid.items()}, scoring="neg_log_loss", cv=5, n_jobs=jobs
    )
    return search.fit(x, y)


def losses(search: Any, dropout: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean loss for each width, and its standard error, from the folds of a search."""
    table = pd.DataFrame(search.cv_results_)
    if dropout is not None:
        table = table[table["param_net__dropout"] == dropout]
    return -table["mean_test_score"].to_numpy(float), table["std_test_score"].to_numpy(float) / np.sqrt(5)


def report(ours: Any, theirs: Any, x: pd.DataFrame, y: pd.Series) -> str:
    """Return the searches as a table, and how both winners do on what neither has seen."""
    lines = ["width     " + "".join(f"dropout {dropout:<6g}" for dropout in DROPOUTS) + "MLPClassifier"]
    columns = [losses(ours, dropout)[0] for dropout in DROPOUTS] + [losses(theirs)[0]]
    lines += [
        f"{width:<10}" + "".join(f"{loss:<14.4f}" for loss in row) for width, *row in zip(WIDTHS, *columns, strict=True)
    ]
    for name, search in (("the network", ours), ("MLPClassifier", theirs)):
        best = ", ".join(f"{key.removeprefix('net__')}={value}" for key, value in sorted(search.best_params_.items()))
        lines.append(
            f"{name}, {best}: on {len(y)} new tumours a loss of {log_loss(y, search.predict_proba(x)):.4f}, "
            f"{np.mean(search.predict(x) == y):.1%} right"
        )
    return "\n".join(lines)


def watched(x: pd.DataFrame, y: pd.Series, epochs: int, seed: int) -> pd.DataFrame:
    """Return the losses after each epoch of the widest network, a quarter of the examples being held back."""
    net = nn.NeuralNetClassifier(
        hidden_layer_sizes=(WIDTHS[-1],), learning_rate_init=3e-3, max_iter=epochs, random_state=seed,
        early_stopping=True, validation_fraction=0.25, n_iter_no_change=np.inf,
    )  # fmt: skip
    return pd.DataFrame(net.fit(StandardScaler().fit_transform(x), y).history_)


def draw(ours: Any, theirs: Any, curve: pd.DataFrame, importances: pd.DataFrame, path: Path) -> None:
    """Write a picture: the search, when to stop, and what the winner looks at."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (left, middle, right) = pyplot.subplots(
        1, 3, figsize=(14.5, 4.8), layout="constrained", width_ratios=[1.1, 1, 1.15]
    )
    rows: list[tuple[str, str, Any]] = [
        (f"dropout {dropout:g}", COLOURS[dropout], losses(ours, dropout)) for dropout in DROPOUTS
    ]
    for i, (name, colour, (means, spread)) in enumerate([*rows, ("MLPClassifier", COLOURS["theirs"], losses(theirs))]):
        places = np.arange(len(WIDTHS)) + 0.14 * (i - 1.5)
        left.errorbar(places, means, spread, color=colour, fmt="o", markersize=8, linewidth=2.2, label=name)
    left.set(xlabel="hidden units", ylabel="loss, mean of five folds", title="The search")
    left.set_xticks(range(len(WIDTHS)), list(map(str, WIDTHS)))
    left.set_ylim(bottom=0)
    left.legend(frameon=False, ncols=2, loc="lower center")

    epochs, best = range(1, len(curve) + 1), int(curve["val_loss"].argmin())
    least = curve["val_loss"].iloc[best]
    middle.semilogy(epochs, curve["val_loss"], color=HELD, linewidth=2.2)
    middle.semilogy(epochs, curve["loss"], color=COLOURS[0.6], linewidth=2.2)
    middle.plot(best + 1, least, "o", color=HELD, markersize=9)
    middle.annotate(f"best: {least:.3f}, epoch {best + 1}", (best + 1, least), (12, 22), textcoords="offset points")
    for name, label, colour, where, offset in (
        ("val_loss", "held back", HELD, 0.98, 10), ("loss", "trained with", COLOURS[0.6], 0.85, -14),
    ):  # fmt: skip
        at = max(1, int(where * len(curve)))
        place = (at, curve[name].iloc[at - 1])
        middle.annotate(label, place, (0, offset), textcoords="offset points", ha="right", color=colour)
    middle.set(xlabel="epoch", ylabel="loss", title=f"When to stop, with {WIDTHS[-1]} units")

    right.barh(importances.index, importances["mean"], xerr=importances["std"], color=COLOURS[0.3], ecolor="#555555")
    right.set(xlabel="rise of the loss when it is shuffled", title="What the winner looks at")
    right.set_xlim(left=0)
    for ax in (left, middle, right):
        ax.grid(alpha=0.25, axis="x" if ax is right else "y")
        ax.spines[["top", "right"]].set_visible(False)
        ax.title.set_fontsize(13)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=200, metavar="N", help="the most of each training (default: 200)")
    parser.add_argument(
        "--shuffles",
        type=int,
        default=20,
        metavar="N",
        help="of each measurement, for what it is worth (default: 20)",
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes of the search (default: 2)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of split and networks (default: 0)")
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="where the picture goes (default: out)"
    )
    return parser.parse_args()


def main() -> None:
    """Run the whole story."""
    options = arguments()
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    y = y.map({0: "malignant", 1: "benign"})
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=options.seed, stratify=y)
    given: dict[str, Any] = {"max_iter": options.epochs, "random_state": options.seed}
    sizes = {"hidden_layer_sizes": [(width,) for width in WIDTHS]}
    warnings.simplefilter("ignore", ConvergenceWarning)  # all are trained for as long
    os.environ["PYTHONWARNINGS"] = "ignore"  # in the processes of the search, too
    ours = searched(nn.NeuralNetClassifier(**given), x_train, y_train, {"dropout": DROPOUTS, **sizes}, options.jobs)
    theirs = searched(MLPClassifier(**given), x_train, y_train, sizes, options.jobs)
    print(f"{len(x_train)} tumours to search with, {x.shape[1]} measurements each; loss in cross-validation:\n")
    print(report(ours, theirs, x_test, y_test))

    found: Any = permutation_importance(
        ours, x_test, y_test, scoring="neg_log_loss", n_repeats=options.shuffles, random_state=options.seed
    )
    names = ours.best_estimator_["net"].feature_names_in_
    importances = pd.DataFrame({"mean": found.importances_mean, "std": found.importances_std}, names)
    importances = importances.sort_values("mean").tail(SHOWN)
    curve = watched(x_train, y_train, options.epochs, options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "sklearn_pipeline.png"
    draw(ours, theirs, curve, importances, path)
    print(f"\nMost of all it looks at the {importances.index[-1]}; picture in {path}")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"sklearn_pipeline.py: {error}")
