"""Chapter 3.1: the perceptron, what it learns, and why it cannot learn XOR.

One unit with a sigmoid, a = sigmoid(x W + b), says 1 where x W + b > 0: on one side of a straight line. It is the
logistic regression of chapter 2.3 under another name. Its loss

    L(W, b) = mean of -(y log A + (1 - y) log(1 - A))

is convex, so that descent finds the best line there is. For AND and OR that line separates zeros from ones. For XOR,

    x1 x2   0 0   0 1   1 0   1 1
    y        0     1     1     0

there is none: a line that has (0, 1) and (1, 0) on its upper side has their middle (1/2, 1/2) there too, which is the
middle of (0, 0) and (1, 1) as well, so that one of those is also above. The best that is left is a = 1/2 for every
sample, at W = 0 and b = 0, where the gradient X^T (A - y) / n is zero and the loss is ln 2 = 0.6931.

A hidden layer bends the line. With A1 = relu(X W1 + b1) and A2 = softmax(A1 W2 + b2),

    delta2 = (A2 - y) / n,    dL/dW2 = A1^T delta2,    delta1 = (delta2 W2^T) * (Z1 > 0),    dL/dW1 = X^T delta1.
"""

from argparse import Namespace
from collections.abc import Callable
from typing import Any

import numpy as np
from common import (
    Array,
    agree,
    answer,
    by_name,
    check_converged,
    exercises,
    heading,
    load_pair,
    opening,
    progress,
    run,
    save,
    say,
    show_step,
    subplots,
    table,
)

import nn
from autograd_np import value_and_grad
from nn import reference

BITS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
AND, OR, XOR = (np.array(y, dtype=float)[:, np.newaxis] for y in ([0, 0, 0, 1], [0, 1, 1, 1], [0, 1, 1, 0]))
HIDDEN = 16


def grid() -> tuple[Array, Array]:
    """Return the 25 points with both coordinates in -2, ..., 2, and whether their sum is above 0."""
    side = np.arange(-2.0, 3.0)
    X = np.array([(x1, x2) for x1 in side for x2 in side])
    return X, (X.sum(axis=1, keepdims=True) > 0).astype(float)


def perceptron_by_hand(X: Array, y: Array, lr: float, epochs: int) -> tuple[Array, Array, list[float]]:
    """Train from zero on all samples at once, by the formula for the gradient."""
    return reference.gradient_descent(
        X, y, np.zeros((X.shape[1], 1)), np.zeros((1, 1)), lr, epochs, len(X),
        reference.binary_cross_entropy, reference.sigmoid, verbose=False, rng=0,
    )  # fmt: skip


def perceptron_automatically(X: Array, y: Array, lr: float, epochs: int) -> tuple[Array, Array, list[float]]:
    """Train from zero on all samples at once, by the gradient of the loss as it is written."""

    def loss(p: Any) -> Any:
        Z = X @ p["W"] + p["b"]
        return np.mean(np.logaddexp(0, Z) - y * Z)

    p, losses = {"W": np.zeros((X.shape[1], 1)), "b": np.zeros((1, 1))}, []
    for _ in range(epochs):
        _, g = value_and_grad(loss)(p)
        p = {name: p[name] - lr * g[name] for name in p}
        losses.append(float(loss(p)))
    return p["W"], p["b"], losses


def mlp(rng: np.random.Generator) -> nn.Sequential:
    """Return a perceptron with a hidden layer for two inputs and two classes."""
    return nn.Sequential(
        nn.Linear(2, HIDDEN, dtype=np.float64, rng=rng), nn.ReLU(), nn.Linear(HIDDEN, 2, dtype=np.float64, rng=rng)
    )


def mlp_by_hand(model: nn.Sequential, lr: float, epochs: int) -> tuple[list[Array], list[float]]:
    """Train a copy of a model on XOR with the hand-written backward pass."""
    W1, b1, W2, b2 = by_name(model)
    y, losses = np.eye(2)[XOR[:, 0].astype(int)], []
    for _ in range(epochs):
        A1, A2 = reference.forward_mlp(BITS, W1, b1, W2, b2)
        losses.append(reference.cross_entropy(A2, y))
        gradients = reference.backward_mlp(BITS, A1, A2, y, W1, W2, A1)
        W1, b1, W2, b2 = (p - lr * g for p, g in zip((W1, b1, W2, b2), gradients, strict=True))
    return [W1, b1, W2, b2], losses


def mlp_automatically(model: nn.Sequential, lr: float, epochs: int) -> list[float]:
    """Train a model on XOR."""
    criterion, losses = nn.CrossEntropyLoss(), []
    optimizer = nn.optim.SGD(model.parameters(), lr=lr)
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = criterion(model(BITS), XOR[:, 0].astype(int))
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return losses


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    opening(
        "Why it matters: a perceptron is the unit that all networks are made of, and what it cannot learn is the "
        "reason for hidden layers. It is nothing new: it is the logistic regression of chapter 2.3, sigmoid(X W + b).",
        "forward_perceptron",
    )
    rng = np.random.default_rng(options.seed)
    name, *pair = load_pair(options)
    problems = {"AND": (BITS, AND), "OR": (BITS, OR), "25 points": grid(), "XOR": (BITS, XOR)}

    heading("The perceptron")
    say(f"From zero weights, {options.epochs} steps on all samples with learning rate {options.lr:g}:")
    rows, found = [], {}
    for problem, (X, y) in progress(problems.items(), "perceptron"):
        W, b, losses = found[problem] = perceptron_by_hand(X, y, options.lr, options.epochs)
        *_, automatic = perceptron_automatically(X, y, options.lr, options.epochs)
        check_converged(f"The perceptron of {problem}", automatic, options.lr, classes=2)
        hits = reference.accuracy(reference.forward_perceptron(X, W, b), y)
        rows.append((problem, f"{losses[-1]:.4f}", f"{automatic[-1]:.4f}", f"{hits:.2f}"))
        found[problem] = W, b, losses, automatic
    table(("problem", "loss by hand", "automatically", "accuracy"), rows)
    for problem, (*_, losses, automatic) in found.items():
        agree(f"Losses of {problem}", losses, automatic)
    say("XOR stays where it began: ln 2 = 0.6931 and accuracy 0.5, and no learning rate or patience will change it.")

    heading(f"A hidden layer of {HIDDEN} units solves XOR")
    model = mlp(rng)
    parameters, by_hand = mlp_by_hand(model, 0.5, 1000)
    automatic = mlp_automatically(model, 0.5, 1000)
    hits = nn.accuracy(nn.predict(model, BITS), XOR[:, 0].astype(int))
    print(
        f"loss {by_hand[0]:.4f} at first; after 1000 steps {by_hand[-1]:.4f} by hand, {automatic[-1]:.4f} automatically"
    )
    print(f"accuracy {hits:.2f}")
    agree("Losses", by_hand, automatic)
    agree("Hidden weights", parameters[0].T, model[0].weight.data)
    labels = XOR[:, 0].astype(int)
    show_step(model, BITS, labels)

    heading(f"XOR of handwritten bits: two images of {name} side by side")
    handwritten(pair, rng, options)

    figure, axes = subplots(2, 3, width=3.9, height=3.7)
    for ax, (problem, (X, y)) in zip(axes.flat, problems.items(), strict=False):
        W, b, losses, _ = found[problem]
        classify: Callable[[Array], Array] = lambda x, W=W, b=b: reference.forward_perceptron(x, W, b)  # noqa: E731
        nn.plots.decision_boundary(classify, X, y[:, 0].astype(int), ax)
        ax.set_title(f"Perceptron: {problem}, loss {losses[-1]:.3f}")
    ax = axes[1, 1]
    nn.plots.decision_boundary(lambda x: reference.softmax(nn.predict(model, x))[:, 1], BITS, XOR[:, 0].astype(int), ax)
    ax.set_title(f"Hidden layer: XOR, loss {by_hand[-1]:.3f}")
    dots, _ = axes[0, 0].collections[-1].legend_elements()
    figure.legend(dots, ["label 0", "label 1"], loc="outside lower center", ncols=2, frameon=False)
    figure.colorbar(
        axes[0, 1].collections[0], ax=axes[0, :], ticks=[0, 0.5, 1], pad=0.01, label="probability of label 1"
    )
    ax = axes[1, 2]
    ax.plot(found["XOR"][2][:1000], linewidth=5, alpha=0.4, label="perceptron")
    ax.plot(by_hand, label="hidden layer")
    ax.axhline(np.log(2), color="black", linestyle=":", linewidth=1)
    ax.annotate("ln 2", (500, np.log(2)), xytext=(0, 6), textcoords="offset points")
    ax.set(title="XOR: the loss", xlabel="step", ylabel="cross-entropy", ylim=(0, 0.9))
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    save(figure, options, "boundaries")
    say("Lesson: where a loss stays at ln 2, ask first whether the model can do any better.")

    exercises()
    answer(exercise_1)
    answer(exercise_2)
    answer(exercise_3)
    answer(exercise_4, options.seed)
    answer(exercise_5)
    answer(exercise_6, rng)
    answer(exercise_7, rng)
    answer(exercise_8)
    answer(exercise_9)
    answer(exercise_10)
    say("Next: a hidden layer needs a function that bends. Chapter 3.2 looks at those in use, and at softmax.")


def handwritten(pair: list[Array], rng: np.random.Generator, options: Namespace) -> None:
    """Train a perceptron and a hidden layer to tell whether two handwritten bits differ."""
    X, y, X_test, y_test = pair

    def draw(X: Array, y: Array, count: int) -> tuple[Array, Array]:
        left, right = rng.integers(len(X), size=(2, count))
        return np.hstack([X[left], X[right]]), (y[left] != y[right])[:, 0].astype(int)

    train, test = draw(X, y, 2000), draw(X_test, y_test, 1000)
    d = train[0].shape[1]
    for what, model in (
        ("perceptron", nn.Linear(d, 2, rng=rng)),
        ("hidden layer", nn.Sequential(nn.Linear(d, 32, rng=rng), nn.ReLU(), nn.Linear(32, 2, rng=rng))),
    ):
        optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
        nn.fit(model, *train, optimizer=optimizer, epochs=10, rng=options.seed)
        hits = nn.evaluate(model, *test, metrics={"accuracy": nn.accuracy})["accuracy"]
        print(f"{what + ':':14}test accuracy {hits:.3f}")


def bits(y: Array, lr: float, epochs: int) -> tuple[Array, Array, Array, float, float]:
    """Train on the four pairs of bits; return W, b, the probabilities, the loss and the accuracy."""
    W, b, losses = perceptron_by_hand(BITS, y, lr, epochs)
    A = reference.forward_perceptron(BITS, W, b)
    return W, b, A, losses[-1], reference.accuracy(A, y)


def told(y: Array, lr: float, epochs: int) -> str:
    """Return the same in words."""
    W, b, A, loss, hits = bits(y, lr, epochs)
    return (
        f"Probabilities {', '.join(f'{a:.3f}' for a in A.ravel())}; predictions "
        f"{', '.join(str(int(a)) for a in A.ravel() > 0.5)}; accuracy {hits:g}, loss {loss:.4f}.\n"
        f"W = ({W[0, 0] + 0.0:.2f}, {W[1, 0] + 0.0:.2f}), b = {b.item() + 0.0:.2f}."
    )


def exercise_1() -> str:
    """Learn AND from zero weights: lr 0.1, 500 epochs, all four samples in one batch."""
    _, _, A, loss, hits = bits(AND, 0.1, 500)
    assert np.allclose(A.ravel(), [0.035, 0.217, 0.217, 0.679], atol=6e-4)
    assert hits == 1
    assert abs(loss - 0.2283) < 1e-4
    return told(AND, 0.1, 500)


def exercise_2() -> str:
    """Learn OR in the same way."""
    _, _, A, loss, hits = bits(OR, 0.1, 500)
    assert np.allclose(A.ravel(), [0.313, 0.885, 0.885, 0.992], atol=6e-4)
    assert hits == 1
    assert abs(loss - 0.1568) < 1e-4
    return told(OR, 0.1, 500)


def exercise_3() -> str:
    """Try XOR with 1000 epochs and lr 1.0 instead of 0.1, and say whether it helps."""
    for lr in (0.1, 1.0):
        _, _, A, loss, hits = bits(XOR, lr, 1000)
        assert np.allclose(A, 0.5)
        assert hits == 0.5
        assert np.isclose(loss, np.log(2))
    return f"It does not. With either:\n{told(XOR, 1.0, 1000)}\nThe loss is ln 2: the gradient is zero where it begins."


def exercise_4(seed: int) -> str:
    """Learn the 25 points of -2, ..., 2, label 1 where x1 + x2 > 0: lr 0.1, 200 epochs, batches of 5."""
    X, y = grid()
    W, b, losses = reference.gradient_descent(
        X, y, np.zeros((2, 1)), np.zeros((1, 1)), 0.1, 200, 5,
        reference.binary_cross_entropy, reference.sigmoid, verbose=False, rng=seed,
    )  # fmt: skip
    hits = reference.accuracy(reference.forward_perceptron(X, W, b), y)
    assert y.sum() == 10
    assert hits == 1
    assert abs(losses[-1] - 0.061) < 0.003
    offset = -b.item() / W.mean()
    assert 0.4 < offset < 0.6
    return (
        f"Accuracy {hits:g}, loss {losses[-1]:.3f}; W = ({W[0, 0]:.2f}, {W[1, 0]:.2f}), b = {b.item():.2f}.\n"
        f"10 points have label 1. The five on the line x1 + x2 = 0 have label 0, and so the boundary moved off the "
        f"origin, to x1 + x2 = {offset:.2f}."
    )


def exercise_5() -> str:
    """Compute the gradient of the XOR perceptron at zero weights."""
    error = reference.sigmoid(BITS @ np.zeros((2, 1))) - XOR
    assert not np.any(BITS.T @ error)
    assert error.sum() == 0
    return "It is exactly zero: both inputs are 1 in one sample to be raised and in one to be lowered by 1/2."


def exercise_6(rng: np.random.Generator) -> str:
    """Try 100,000 lines on XOR."""
    lines = rng.normal(size=(3, 100_000))
    right = (BITS @ lines[:2] + lines[2] > 0) == (XOR == 1)
    best = int(right.sum(axis=0).max())
    assert best == 3
    return f"The best have {best} of 4 samples right."


def exercise_7(rng: np.random.Generator) -> str:
    """Start the XOR perceptron somewhere else."""
    _, _, losses = reference.gradient_descent(
        BITS, XOR, rng.normal(size=(2, 1)), rng.normal(size=(1, 1)), 1.0, 2000, 4,
        reference.binary_cross_entropy, reference.sigmoid, verbose=False, rng=rng,
    )  # fmt: skip
    assert losses[0] > np.log(2) + 1e-3
    assert abs(losses[-1] - np.log(2)) < 1e-9
    return f"From {losses[0]:.4f} it comes down to {losses[-1]:.4f}: a convex loss has one minimum, and it is ln 2."


def exercise_8() -> str:
    """Give the perceptron the product x1 x2 as a third input."""
    X = np.hstack([BITS, BITS[:, :1] * BITS[:, 1:]])
    W, b, losses = perceptron_by_hand(X, XOR, 1.0, 5000)
    assert reference.accuracy(reference.forward_perceptron(X, W, b), XOR) == 1
    return f"Now a plane separates them: the loss falls to {losses[-1]:.4f}, and every sample is right."


def exercise_9() -> str:
    """Choose the weights of two hidden units by hand so that they compute XOR."""
    A1 = reference.relu(BITS @ [[1.0, 1.0], [1.0, 1.0]] + [[0.0, -1.0]])
    assert np.array_equal(A1 @ [[1.0], [-2.0]], XOR)
    return "relu(x1 + x2) - 2 relu(x1 + x2 - 1) is 0, 1, 1, 0: a line that is bent down again at (1, 1)."


def exercise_10() -> str:
    """Start the hidden layer at zero."""
    zeros = [np.zeros(shape) for shape in ((2, HIDDEN), (1, HIDDEN), (HIDDEN, 2), (1, 2))]
    A1, A2 = reference.forward_mlp(BITS, *zeros)
    gradients = reference.backward_mlp(BITS, A1, A2, np.eye(2)[XOR[:, 0].astype(int)], zeros[0], zeros[2], A1)
    assert not any(g.any() for g in gradients)
    return "All its gradients are zero, and it stays at ln 2 as well: weights must begin at random."


if __name__ == "__main__":
    run(story, epochs=1000, lr=1.0)
