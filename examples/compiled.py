"""The program that a training step becomes, line against line with a step written by hand, and the times of both."""

import argparse
import inspect
import itertools
import re
import statistics
import sys
import textwrap
import time
from collections.abc import Callable, Iterator

import numpy as np
from common import enlarge
from threadpoolctl import threadpool_limits
from tqdm import tqdm

import nn
from nn import reference
from nn.reference import relu, softmax

Array = np.ndarray


def step_by_hand(X: Array, y: Array, p: dict[str, Array], lr: float) -> float:
    """Take a step of gradient descent from p["W1"], p["b1"], p["W2"], p["b2"], and return the loss before it."""
    # forward: linear0
    Z1 = X @ p["W1"] + p["b1"]
    # forward: relu1
    A1 = relu(Z1)
    # forward: linear2
    Z2 = A1 @ p["W2"] + p["b2"]
    # forward: loss
    rows = np.arange(len(X))
    A2 = softmax(Z2)
    loss = -np.log(A2[rows, y]).mean()
    # backward: loss
    delta2 = A2.copy()
    delta2[rows, y] -= 1
    delta2 /= len(X)
    # backward: linear2
    delta1 = delta2 @ p["W2"].T
    grad_W2 = A1.T @ delta2
    grad_b2 = delta2.sum(axis=0)
    # backward: relu1
    delta1 = delta1 * (Z1 > 0)
    # backward: linear0
    grad_W1 = X.T @ delta1
    grad_b1 = delta1.sum(axis=0)
    # update
    p["W1"] -= lr * grad_W1
    p["b1"] -= lr * grad_b1
    p["W2"] -= lr * grad_W2
    p["b2"] -= lr * grad_b2
    return float(loss)


def network(seed: int) -> nn.Sequential:
    """Return the series' network 784-256-10."""
    rng = np.random.default_rng(seed)
    return nn.Sequential(nn.Linear(784, 256, rng=rng), nn.ReLU(), nn.Linear(256, 10, rng=rng))


def by_name(model: nn.Sequential) -> dict[str, Array]:
    """Return copies of a network's parameters, as the series lays them out."""
    W1, b1, W2, b2 = (np.array(parameter.data.T, order="C") for parameter in model.parameters())
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}


def sections(source: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the parts of a function's text by their titles."""
    title, lines = "", list[str]()
    for line in textwrap.dedent(source).splitlines()[1:]:
        found = re.match(r" +# ((forward|backward|update).*)", line)
        if found:
            yield title, lines
            title, lines = found[1], []
        elif line.strip() and not line.strip().startswith(('"""', "return")):
            lines.append(line.strip())
    yield title, lines


def side_by_side(by_hand: str, program: str) -> Iterator[str]:
    """Yield the lines of two functions, part beside part."""
    parts = dict(sections(by_hand))
    for title, lines in sections(program):
        if title:
            yield f"{title + ' ':-<120}"
            left, each = parts[title], len(lines) // len(parts[title])
            if len(lines) == each * len(left):  # so many lines of the program for each one
                left = [line for one in left for line in [one, *[""] * (each - 1)]]
            for one, other in itertools.zip_longest(left, lines, fillvalue=""):
                yield f"{one:38}| {re.sub(r', in the memory of .*', '', other)}".rstrip()


def check_backward(x: Array, y: Array, model: nn.Sequential) -> None:
    """Check that the step above goes by the gradients of the series' backward_mlp."""
    p = by_name(model)
    moved = {name: value.copy() for name, value in p.items()}
    step_by_hand(x, y, moved, lr=1.0)
    A1, A2 = reference.forward_mlp(x, **p)
    gradients = reference.backward_mlp(x, A1, A2, np.eye(10)[y], p["W1"], p["W2"], A1)
    for (name, before), gradient in zip(p.items(), gradients, strict=True):
        np.testing.assert_allclose(before - moved[name], gradient.reshape(before.shape), rtol=1e-3, atol=1e-5)
    print("The step by hand goes by the gradients of nn.reference.backward_mlp.")


def in_turns(ways: dict[str, Callable[[int], float]], rounds: int) -> dict[str, float]:
    """Return the median time of a step by each way, in seconds; they take turns, a few steps each."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for i in tqdm(range(rounds), "steps", leave=False):
        for name, step in ways.items():
            for _ in range(3):
                start = time.perf_counter()
                step(i)
                end = time.perf_counter()
            times[name].append(end - start)  # the last one, whose arrays the cache knows
    return {name: statistics.median(found) for name, found in times.items()}


def arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="images in a step (default: 64)")
    parser.add_argument("--rounds", type=int, default=100, metavar="N", help="turns of each way (default: 100)")
    parser.add_argument("--lr", type=float, default=0.1, metavar="X", help="learning rate (default: 0.1)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of weights and batches (default: 0)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of BLAS (default: 1)")
    options = parser.parse_args()
    for name in ("batch_size", "rounds", "threads"):
        if getattr(options, name) < 1:
            parser.error(f"argument --{name.replace('_', '-')}: at least 1, not {getattr(options, name)}")
    return options


def main() -> None:
    """Run the whole story."""
    options = arguments()
    data = nn.data.load("digits")
    x_all, y_all = enlarge(data.x_train).reshape(-1, 784).astype(np.float32), data.y_train
    drawn = np.random.default_rng(options.seed).integers(len(x_all), size=(options.rounds, options.batch_size))
    batches = [(x_all[rows], y_all[rows]) for rows in drawn]

    loss = nn.CrossEntropyLoss()
    models = {name: network(options.seed) for name in ("eager", "compiled", "folded")}
    optimizers = {name: nn.optim.SGD(model.parameters(), lr=options.lr) for name, model in models.items()}
    exact = nn.compile_step(models["compiled"], loss, optimizers["compiled"])
    folded = nn.compile_step(models["folded"], loss, optimizers["folded"], exact=False)
    by_hand = by_name(models["eager"])

    def eagerly(i: int) -> float:
        x, y = batches[i]
        optimizers["eager"].zero_grad()
        value = loss(models["eager"](x), y)
        value.backward()
        optimizers["eager"].step()
        return value.item()

    ways: dict[str, Callable[[int], float]] = {
        "by hand": lambda i: step_by_hand(*batches[i], by_hand, options.lr),
        "eager": eagerly,
        "compiled": lambda i: float(exact(*batches[i])),
        "compiled, exact=False": lambda i: float(folded(*batches[i])),
    }

    check_backward(*batches[0], models["eager"])
    with threadpool_limits(options.threads, user_api="blas"):
        start = time.perf_counter()
        exact(*batches[0])
        exact(*batches[0])
        captured = time.perf_counter() - start
        folded(*batches[0])
        folded(*batches[0])
        for name in ("by hand", "eager"):
            ways[name](0)
            ways[name](0)
        losses = {name: [step(i) for i in range(min(20, options.rounds))] for name, step in ways.items()}
        print("\nA step written by hand, and the program that the same step of nn has become:\n")
        print("\n".join(side_by_side(inspect.getsource(step_by_hand), exact.source)))
        print("\nWith exact=False, BLAS adds the products to the weights:\n")
        print("\n".join(line.strip() for line in folded.source.splitlines() if "_product(" in line))

        assert losses["eager"] == losses["compiled"]
        spread = max(np.ptp(found) for found in zip(*losses.values(), strict=True))
        print(f"\n{len(losses['eager'])} further steps: eager and compiled losses are the same to the last bit;")
        print(f"with those by hand and folded, they differ by {spread:.0e}.")
        found = in_turns(ways, options.rounds)
    print(f"\nMedian time of a step, batches of {options.batch_size}, BLAS on {options.threads} thread(s):\n")
    for name, seconds in found.items():
        print(f"  {name:22} {1e6 * seconds:7.0f} µs   {seconds / found['by hand']:.2f} of by hand")
    print(f"\nCapturing two steps and writing the program took {1e3 * captured:.0f} ms.")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"compiled.py: {error}")
