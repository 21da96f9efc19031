"""Fit a logistic regression with scipy.optimize, and count the iterations that exact curvature saves, and its price."""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import solve
from scipy.optimize import minimize

from autograd_np import grad, hessian, hvp, value_and_grad

# L-BFGS-B guesses the curvature from the last gradients; the other two ask for its products with vectors. Each has a
# stopping rule of its own, in a norm of its own: these options turn them off, and TOLERANCE stops all three.
METHODS = {
    "L-BFGS-B": {"ftol": 0.0, "gtol": 0.0},
    "Newton-CG": {"xtol": 0.0},
    "trust-ncg": {"gtol": 0.0},
}
TOLERANCE = 1e-5
# The fastest of so many is timed.
RUNS = 5

Loss = Callable[[Any], Any]


@dataclass
class Fit:
    """Where a method arrived, and how.

    Attributes
    ----------
    w : array of shape (D + 1,)
        The weights and, last, the bias.
    gradient_norm : float
        The Euclidean norm of the gradient there.
    losses : list of float
        Before the first iteration and after each.
    seconds : array, as long as losses
        When each of them was reached.
    iterations, evaluations, products : int
        How many there were; an evaluation is of the loss and its gradient together.
    """

    method: str
    w: np.ndarray
    gradient_norm: float
    losses: list[float]
    seconds: np.ndarray
    iterations: int
    evaluations: int
    products: int


def load(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the standardised measurements of breast tumours and their kind, a quarter of them for testing.

    Returns
    -------
    x_train, x_test : arrays of shape (N, 30)
    y_train, y_test : arrays of shape (N,)
        1 for benign, -1 for malignant.
    """
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    x, y = load_breast_cancer(return_X_y=True)
    split: Any = train_test_split(x, 2 * y - 1, test_size=0.25, random_state=seed, stratify=y)
    x_train, x_test, y_train, y_test = split
    scaler: Any = StandardScaler().fit(x_train)
    return scaler.transform(x_train), scaler.transform(x_test), y_train, y_test


def objective(x: np.ndarray, y: np.ndarray, penalty: float) -> Loss:
    """Return the penalised loss of a logistic regression, a function of the weights and, last, the bias.

    It is the negative log-likelihood of all N samples plus `N * penalty / 2` times the squared weights. Their total and
    not their mean, since SciPy's Newton-CG takes any curvature below 7e-16 for none, and would stop early.

    Raises
    ------
    ValueError
        If the penalty is not positive: the classes may be separable, and then there is no optimum without one.
    """
    if not 0 < penalty < np.inf:
        raise ValueError(f"the penalty must be positive and finite, not {penalty:g}; try 1e-3")

    def loss(w: Any) -> Any:
        margins = y * (x @ w[:-1] + w[-1])
        return np.sum(np.logaddexp(0, -margins)) + len(y) * penalty / 2 * np.sum(w[:-1] ** 2)

    return loss


def fit(loss: Loss, size: int, method: str) -> Fit:
    """Minimize a loss from zero until the norm of its gradient is at most TOLERANCE, and time the fastest of RUNS.

    Raises
    ------
    RuntimeError
        If the method stops before that.
    """

    def run(callback: Callable[[np.ndarray], None], **options: float) -> Any:
        product = None if method == "L-BFGS-B" else lambda w, v: hvp(loss, (w,), (v,))
        return minimize(
            value_and_grad(loss), np.zeros(size), jac=True, hessp=product,
            method=method, options=METHODS[method] | options, callback=callback,
        )  # fmt: skip

    def gradient_norm(w: np.ndarray) -> float:
        return float(np.linalg.norm(grad(loss)(w)))

    losses = [float(loss(np.zeros(size)))]

    def watch(w: np.ndarray) -> None:
        losses.append(float(loss(w)))
        if gradient_norm(w) <= TOLERANCE:
            raise StopIteration

    found = run(watch)
    norm = gradient_norm(found.x)
    if not norm <= TOLERANCE:
        raise RuntimeError(
            f"{method} stopped after {found.nit} iterations at a gradient of norm {norm:.1e}, above {TOLERANCE:g} "
            f"({found.message}); try a penalty nearer to 1e-3"
        )

    # Watching costs time of its own. The same iterations again need only be counted.
    times = []
    for _ in range(RUNS):
        stamps = [time.perf_counter()]
        run(lambda _, stamps=stamps: stamps.append(time.perf_counter()), maxiter=found.nit)
        times.append(np.subtract(stamps, stamps[0]))
    fastest = min(times, key=lambda stamps: stamps[-1])
    return Fit(method, found.x, norm, losses, fastest, found.nit, found.nfev, found.get("nhev", 0))


def optimum(loss: Loss, w: np.ndarray) -> float:
    """Return the least loss, by Newton steps with the whole Hessian from weights close to its own."""
    for _ in range(10):
        w = w - solve(hessian(loss)(w), grad(loss)(w), assume_a="pos")
    return float(loss(w))


def above(f: Fit, least: float) -> np.ndarray:
    """Return how far each loss is above the least, but no nearer than rounding can tell."""
    return np.maximum(np.subtract(f.losses, least), np.finfo(float).eps * least)


def accuracy(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """Return the share of samples on the right side of the boundary."""
    return float(np.mean(y * (x @ w[:-1] + w[-1]) > 0))


def table(fits: list[Fit], least: float, x_test: np.ndarray, y_test: np.ndarray) -> str:
    """Lay the methods side by side; the least loss says how far above it they are."""
    lines = ["method     iterations  evaluations  products  loss         above  |gradient|  test accuracy  seconds"]
    lines += [
        f"{f.method:9}  {f.iterations:10}  {f.evaluations:11}  {f.products:8}  {f.losses[-1]:<11.7g}  "
        f"{above(f, least)[-1]:<5.0e}  {f.gradient_norm:<10.1e}  {accuracy(f.w, x_test, y_test):<13.4f}  "
        f"{f.seconds[-1]:.4f}"
        for f in fits
    ]
    return "\n".join(lines)


def verdict(guessed: Fit, exact: Fit) -> str:
    """Say in a sentence what exact curvature saves over guessed curvature, and whether that is time, too."""
    saved = guessed.iterations - exact.iterations
    ratio = exact.seconds[-1] / guessed.seconds[-1]
    number = f"{saved} of" if saved > 0 else "none of"
    what = f"{number} {guessed.method}'s {guessed.iterations} iterations ({exact.method} needs {exact.iterations})"
    price = f"{exact.products} Hessian-vector products, {exact.method} takes {ratio:.2g} times as long."
    if ratio >= 1:
        return f"Exact curvature saves {what}, {'but' if saved > 0 else 'and'} no time: with {price}"
    return f"Exact curvature saves {what}, {'and' if saved > 0 else 'but'} time: even with {price}"


def draw(fits: list[Fit], least: float, title: str, path: Path) -> None:
    """Write a picture of how far each method is from the least loss, by iterations and by the time that they take."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10.4, 4.4), sharey=True, layout="constrained")
    for f, marker in zip(fits, "os^", strict=True):
        distances = above(f, least)
        style = {"marker": marker, "markersize": 4, "linewidth": 1.6, "label": f.method}
        axes[0].semilogy(range(len(distances)), distances, **style)
        axes[1].semilogy(1000 * f.seconds, distances, **style)
    axes[0].set(title="What curvature saves: iterations", xlabel="iteration", ylabel="loss above the optimum")
    axes[1].set(title="What it costs: time", xlabel="milliseconds")
    for ax in axes:
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    figure.suptitle(title, fontsize=13)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--penalty", type=float, default=1e-3, metavar="X",
        help="half of it times the squared weights is added to the mean loss; the smaller, the more curvature saves "
        "(default: 0.001)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the split into training and test data (default: 0)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="where the picture goes (default: out)"
    )
    return parser.parse_args()


def main() -> None:
    """Run the whole story."""
    options = arguments()
    x_train, x_test, y_train, y_test = load(options.seed)
    samples, features = x_train.shape
    loss = objective(x_train, y_train, options.penalty)
    print(
        f"Logistic regression on {samples} breast tumours, {features} measurements each, with penalty "
        f"{options.penalty:g}; {len(x_test)} more to test on.\n"
        f"The loss is plain NumPy. SciPy gets its gradient by value_and_grad and its curvature by hvp, and\n"
        f"every method goes from zero until the gradient's norm is at most {TOLERANCE:g}.\n",
        flush=True,
    )
    fits = [fit(loss, features + 1, method) for method in METHODS]
    guessed, *exact = fits
    best = min(exact, key=lambda f: f.iterations)
    least = optimum(loss, best.w)
    print(table(fits, least, x_test, y_test))

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "fit.png"
    draw(fits, least, f"Logistic regression, {samples} breast tumours, penalty {options.penalty:g}", path)
    print(
        f"\nevaluations: of the loss with its gradient; products: of the Hessian with a vector; above: the least\n"
        f"loss; seconds: the fastest of {RUNS} runs; picture in {path}\n\n{verdict(guessed, best)}"
    )


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f"fit.py: {error}")
