"""Chapter 2.3: mini-batch gradient descent, and why a loss grows.

Logistic regression gives a sample x, a row of d features, the probability a of being in class 1:

    a = sigmoid(x W + b),    sigmoid(z) = 1 / (1 + exp(-z)).

It is fitted by the binary cross-entropy of n samples X (n, d) with labels y (n, 1), 0 or 1:

    L(W, b) = mean of -(y log A + (1 - y) log(1 - A)),    A = sigmoid(Z),    Z = X W + b.

Since sigmoid' = a (1 - a), the chain rule leaves dL/dZ = (A - y) / n, and so

    dL/dW = X^T (A - y) / n,    dL/db = the sum of (A - y) / n.

A step of gradient descent on a batch is W <- W - lr dL/dW, b <- b - lr dL/db.

How large may lr be? Around its minimum a loss is a bowl, curved by lambda along an eigenvector of its Hessian, and a
step multiplies the distance from the bottom along that vector by 1 - lr lambda. It shrinks while

    lr < 2 / lambda_max.

Beyond that bound every step goes too far, and the loss grows.
"""

from argparse import Namespace
from typing import Any

import numpy as np
from common import Array, agree, answer, heading, load_pair, run, save, say, subplots

import nn
from autograd_np import Tensor, grad, hessian, print_tape, value_and_grad
from nn import reference

# The line y = 2 x, on which the series' loss grew.
X_LINE = np.arange(1.0, 9.0)[:, np.newaxis]
Y_LINE = 2 * X_LINE


def half_mse(p: Any, X: Array = X_LINE, y: Array = Y_LINE) -> Any:
    """Return half the mean squared error of a line: its gradient is the series' step, X^T (X W + b - y) / n."""
    return np.mean((X @ p["W"] + p["b"] - y) ** 2) / 2


def origin() -> dict[str, Array]:
    """Return the weight and the bias that a line begins with."""
    return {"W": np.zeros((1, 1)), "b": np.zeros((1, 1))}


def descend(lr: float, steps: int) -> list[float]:
    """Follow the automatic gradient of the line's loss, and return the mean squared error after each step."""
    p, losses = origin(), []
    for _ in range(steps):
        _, g = value_and_grad(half_mse)(p)
        p = {name: p[name] - lr * g[name] for name in p}
        losses.append(2 * half_mse(p))
    return losses


def bound(X: Array) -> float:
    """Return the learning rate below which descent on a line through these samples is stable."""
    return nn.explain_divergence(lambda p: half_mse(p, X, 2 * X), origin(), lr=0.1).stable_below


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    name, X, y, X_test, y_test = load_pair(options)
    n, d = X.shape

    heading("Logistic regression: zeros and ones")
    say(
        f"{n} images of {name} with {d} pixels each, {len(X_test)} more to test; learning rate {options.lr:g}, "
        f"{options.epochs} epochs, batches of 32."
    )
    W, b, by_hand = reference.gradient_descent(
        X, y, np.zeros((d, 1)), np.zeros((1, 1)), options.lr, options.epochs, 32,
        reference.binary_cross_entropy, reference.sigmoid, verbose=False, rng=options.seed,
    )  # fmt: skip
    A_test = reference.forward_perceptron(X_test, W, b)

    model = nn.Linear(d, 1, dtype=np.float64)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    history = nn.fit(
        model, X, y, optimizer=nn.optim.SGD(model.parameters(), lr=options.lr), loss=nn.BCEWithLogitsLoss(),
        epochs=options.epochs, batch_size=32, validation=(X, y), rng=options.seed,
    )  # fmt: skip
    automatic = history["val_loss"]
    Z_test = nn.predict(model, X_test)

    for way, losses, hits in (
        ("by hand", by_hand, reference.accuracy(A_test, y_test)),
        ("automatically", automatic, np.mean((Z_test > 0) == (y_test == 1))),
    ):
        print(f"{way + ':':15}loss {losses[0]:.4f} after one epoch, {losses[-1]:.4f} at the end; accuracy {hits:.4f}")
    agree("Losses", by_hand, automatic)
    agree("Weights", W.T, model.weight.data)

    heading("Why the loss grows: the line y = 2 x, x = 1 to 8")
    _, _, growing = reference.gradient_descent(
        X_LINE, Y_LINE, *origin().values(), 0.1, 6, 8, reference.mse_loss, verbose=False
    )
    say(f"Mean squared error after each step at lr = 0.1: {', '.join(f'{loss:.4g}' for loss in growing)}")
    agree("Losses", growing, descend(0.1, 6))
    p = {name: Tensor(value, requires_grad=True) for name, value in origin().items()}
    print("What the automatic way records of half the mean squared error, and how it goes back:\n")
    print_tape(half_mse(p), p | {"X": X_LINE, "y": Y_LINE})
    print()
    stability = nn.explain_divergence(half_mse, origin(), lr=0.1)
    say(stability)
    say(
        f"So the loss, a square, should grow by {(1 - 0.1 * stability.curvature) ** 2:.4f} a step: the last two above "
        f"are in the ratio {growing[-1] / growing[-2]:.4f}."
    )

    figure, axes = subplots(1, 2)
    epochs = np.arange(1, options.epochs + 1)
    axes[0].plot(epochs, by_hand, linewidth=5, alpha=0.4, label="by hand")
    axes[0].plot(epochs, automatic, "--", color="black", linewidth=1.4, label="automatically")
    axes[0].set(title=f"Logistic regression, 0 against 1, {name}", xlabel="epoch", ylabel="binary cross-entropy")
    axes[0].xaxis.get_major_locator().set_params(integer=True)
    for share in (0.25, 0.9, 1.05, 0.1 / stability.stable_below):
        lr = share * stability.stable_below
        losses = [2 * half_mse(origin()), *descend(lr, 30)]
        axes[1].semilogy(losses, label=f"lr {lr:.3f} = {share:.2f} x bound")
    title = f"The line y = 2x: stable below {stability.stable_below:.3f}"
    axes[1].set(title=title, xlabel="step", ylabel="mean squared error", ylim=(1e-3, 1e8))
    for ax in axes:
        ax.legend(frameon=False)
        ax.grid(alpha=0.3)
    save(figure, options, "descent")
    say("Lesson: a loss that grows is no bug of the gradient. The curvature decides how large a step may be.")

    heading("Exercises")
    answer(exercise_1, X, y)
    answer(exercise_2, X, y)
    answer(exercise_3)
    answer(exercise_4)
    answer(exercise_5)
    answer(exercise_6, X, y)


def exercise_1(X: Array, y: Array) -> str:
    """Compute the loss before the first step, with all weights zero."""
    loss = reference.binary_cross_entropy(reference.sigmoid(X @ np.zeros((X.shape[1], 1))), y)
    assert np.isclose(loss, np.log(2), rtol=1e-12)
    return f"{loss:.4f} = ln 2, whatever the data: every probability is 1/2."


def exercise_2(X: Array, y: Array) -> str:
    """Show that the gradient of the loss with respect to Z is (A - y) / n."""
    Z = X[:, :1]  # any will do
    automatic = grad(lambda Z: np.mean(np.logaddexp(0, Z) - y * Z))(Z)
    assert np.allclose(automatic, (reference.sigmoid(Z) - y) / len(y), rtol=1e-12, atol=1e-16)
    return "In terms of Z the loss is the mean of log(1 + exp(z)) - y z, whose automatic gradient is just that."


def exercise_3() -> str:
    """Find the bound for the batch of the two largest samples, x = 7 and 8."""
    curvature = np.linalg.eigvalsh([[56.5, 7.5], [7.5, 1]])[-1]  # the mean of x^2 is 56.5, that of x 7.5
    assert np.isclose(bound(X_LINE[-2:]), 2 / curvature)
    assert bound(X_LINE[-2:]) < bound(X_LINE)
    return f"{2 / curvature:.4f} instead of {bound(X_LINE):.4f}: the most curved batch sets the pace for all."


def exercise_4() -> str:
    """Make the line's loss converge at lr = 0.1."""
    X = reference.normalize(X_LINE)
    _, _, losses = reference.gradient_descent(
        X, Y_LINE, *origin().values(), 0.1, 300, 8, reference.mse_loss, verbose=False
    )
    assert np.isclose(bound(X), 2)
    assert losses[-1] < 1e-12
    return f"Normalise x: the bound rises to {bound(X):.4f}, and the loss falls to {losses[-1]:.0e}."


def exercise_5() -> str:
    """Find the bound for the whole gradient of the mean squared error, with the factor 2 that the step leaves out."""
    whole = nn.explain_divergence(lambda p: 2 * half_mse(p), origin(), lr=0.1)
    assert np.isclose(whole.stable_below, bound(X_LINE) / 2)
    return f"{whole.stable_below:.4f}: twice the loss is curved twice as much, and bears half the learning rate."


def exercise_6(X: Array, y: Array) -> str:
    """Show that the curvature of the logistic loss is at most a quarter of the largest eigenvalue of X^T X / n."""

    def loss(w: Any) -> Any:
        return np.mean(np.logaddexp(0, X @ w) - y[:, 0] * (X @ w))

    limit = np.linalg.eigvalsh(X.T @ X / len(X))[-1] / 4
    w = np.zeros(X.shape[1])
    at_0, at_1 = (np.linalg.eigvalsh(hessian(loss)(start))[-1] for start in (w, w + 0.1))
    assert np.isclose(at_0, limit)
    assert at_1 < limit
    return (
        f"Its Hessian is X^T diag(a (1 - a)) X / n, and a (1 - a) is at most 1/4, which it is at W = 0: "
        f"the curvature is {at_0:.4f} there and {at_1:.4f} where all weights are 0.1; the limit is {limit:.4f}."
    )


if __name__ == "__main__":
    run(story, epochs=10, lr=0.1)
