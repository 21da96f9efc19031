"""Write a backward pass by hand, make a classic mistake in it, have it diagnosed, and see the repaired pass agree."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

import nn
from nn.reference import relu, softmax

# What can go wrong in the pass below, and what it says instead of the right line.
MISTAKES = {
    "mask": "delta1 = delta2 @ W2, and not delta2 @ W2 * (Z1 > 0)",
    "mean": "delta2 = A2 - T, and not (A2 - T) / n",
    "sign": "delta2 = (T - A2) / n, and not (A2 - T) / n",
    "sum": "grad_b1 = delta1, and not delta1.sum(axis=0)",
    "transpose": "grad_W2 = A1.T @ delta2, and not delta2.T @ A1",
    "order": "return grad_W2, grad_b2, grad_W1, grad_b1, and not the first layer first",
}

Gradients = dict[str, np.ndarray]


def backward_pass(mistake: str | None) -> Callable[[Mapping[str, np.ndarray], np.ndarray, np.ndarray], Gradients]:
    """Return the gradients of a two-layer perceptron's cross-entropy as a function, right but for one mistake."""

    def backward(parameters: Mapping[str, np.ndarray], x: np.ndarray, y: np.ndarray) -> Gradients:
        W1, b1, W2, b2 = parameters.values()
        X, T = x.reshape(len(x), -1), np.eye(len(b2))[y]
        Z1 = X @ W1.T + b1
        A1 = relu(Z1)
        A2 = softmax(A1 @ W2.T + b2)

        delta2 = T - A2 if mistake == "sign" else A2 - T
        if mistake != "mean":
            delta2 = delta2 / len(X)
        delta1 = delta2 @ W2
        if mistake != "mask":
            delta1 = delta1 * (Z1 > 0)

        grad_W1 = delta1.T @ X
        grad_b1 = delta1 if mistake == "sum" else delta1.sum(axis=0)
        grad_W2 = A1.T @ delta2 if mistake == "transpose" else delta2.T @ A1
        grad_b2 = delta2.sum(axis=0)
        gradients = [grad_W1, grad_b1, grad_W2, grad_b2]
        if mistake == "order":
            gradients = [grad_W2, grad_b2, grad_W1, grad_b1]
        return dict(zip(parameters, gradients, strict=True))

    return backward


def draw(comparison: nn.compare.Comparison, path: Path) -> None:
    """Write a picture of where the gradients differ."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure = comparison.plot()
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def arguments() -> argparse.Namespace:
    """Return the command line's options."""
    lines = [f"  {name:9}  {wrong}" for name, wrong in MISTAKES.items()]
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="\n".join(["the mistakes:", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mistake", choices=MISTAKES, default="mask", help="which one to make (default: mask)")
    parser.add_argument("--units", type=int, default=32, metavar="N", help="hidden units of the network (default: 32)")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="images to compare on (default: 64)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the weights (default: 0)")
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="where the picture goes (default: out)"
    )
    options = parser.parse_args()
    if options.batch_size < 1:
        parser.error(f"argument --batch-size: a batch has at least one image, not {options.batch_size}")
    return options


def main() -> None:
    """Run the whole story."""
    options = arguments()
    data = nn.data.load("digits")
    rng = np.random.default_rng(options.seed)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, options.units, rng=rng), nn.ReLU(), nn.Linear(options.units, 10, rng=rng)
    )
    x, y = data.x_train[: options.batch_size], data.y_train[: options.batch_size]

    print(f"A pass written by hand, in which it says {MISTAKES[options.mistake]}:\n")
    wrong = nn.compare.compare_backprop(model, x, y, backward=backward_pass(options.mistake))
    print(wrong, flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"compare-passes-{options.mistake}.png"
    draw(wrong, path)
    print(f"\nWhere they differ is drawn in {path}. The same pass without the mistake:\n")
    print(nn.compare.compare_backprop(model, x, y, backward=backward_pass(None)))


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"compare_passes.py: {error}")
