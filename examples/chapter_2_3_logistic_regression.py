"""Chapter 2.3: mini-batch gradient descent, and why a loss grows.

Logistic regression gives a sample x, a row of d features, the probability a of being in class 1:

    a = sigmoid(x W + b),    sigmoid(z) = 1 / (1 + exp(-z)).

It is fitted by the binary cross-entropy of n samples X (n, d) with labels y (n, 1), 0 or 1:

    L(W, b) = mean of -(y log A + (1 - y) log(1 - A)),    A = sigmoid(Z),    Z = X W + b.

Since sigmoid' = a (1 - a), the chain rule leaves dL/dZ = (A - y) / n, and so

    dL/dW = X^T (A - y) / n,    dL/db = the sum of (A - y) / n.

A step of gradient descent is W <- W - lr dL/dW, b <- b - lr dL/db. It may take all samples, or a batch of B of them.
The gradient of a batch is that of all samples plus noise, which shrinks as B grows. In return an epoch, one pass
through the samples, has n / B updates instead of one. Shuffling deals the batches anew in each epoch.

How large may lr be? Around its minimum a loss is a bowl, curved by lambda along an eigenvector of its Hessian, and a
step multiplies the distance from the bottom along that vector by 1 - lr lambda. With all samples it shrinks while

    lr < 2 / lambda_max.

Beyond that bound every step goes too far, and the loss grows. Each batch B has a Hessian H_B of its own. If all batches
share their minimum, a step multiplies the vector from there by I - lr H_B. Below the bound of every batch no step leads
away: that is enough to converge. It is not necessary, since what counts is the product of the steps.
"""

from argparse import Namespace
from itertools import combinations
from typing import Any

import numpy as np
from common import (
    Array,
    agree,
    answer,
    check_converged,
    exercises,
    heading,
    load_pair,
    opening,
    run,
    save,
    say,
    subplots,
    table,
)

import nn
from autograd_np import Tensor, grad, hessian, print_tape, value_and_grad
from nn import reference

# The line y = 2 x, on which the series' loss grew.
X_LINE = np.arange(1.0, 9.0)[:, np.newaxis]
Y_LINE = 2 * X_LINE
SEEDS = 300


def half_mse(p: Any, X: Array = X_LINE, y: Array = Y_LINE) -> Any:
    """Return half the mean squared error of a line: its gradient is the series' step, X^T (X W + b - y) / n."""
    return np.mean((X @ p["W"] + p["b"] - y) ** 2) / 2


def origin() -> dict[str, Array]:
    """Return the weight and the bias that a line begins with."""
    return {"W": np.zeros((1, 1)), "b": np.zeros((1, 1))}


def fit_line(lr: float, epochs: int, batch: int, **how: Any) -> tuple[Array, Array, list[float]]:
    """Fit the line by hand, and return W, b and the mean squared error after each epoch."""
    return reference.gradient_descent(
        X_LINE, Y_LINE, *origin().values(), lr, epochs, batch, reference.mse_loss, verbose=False, **how
    )


def descend(lr: float, steps: int) -> list[float]:
    """Follow the automatic gradient of the line's loss, and return the mean squared error after each step."""
    p, losses = origin(), []
    for _ in range(steps):
        _, g = value_and_grad(half_mse)(p)
        p = {name: p[name] - lr * g[name] for name in p}
        losses.append(2 * half_mse(p))
    return losses


def shuffled_losses(lr: float, epochs: int, batch: int, runs: int, seed: int) -> Array:
    """Fit the line with another shuffling in each of many runs, side by side.

    Returns
    -------
    array of shape (1 + epochs, runs)
        The mean squared error at first and after each epoch.
    """
    rng, x = np.random.default_rng(seed), X_LINE[:, 0]
    order = np.tile(np.arange(len(x)), (runs, 1))
    W, b = np.zeros((2, runs, 1))
    losses = [np.mean((2 * x - W * x - b) ** 2, axis=1)]
    for _ in range(epochs):
        order = rng.permuted(order, axis=1)
        for start in range(0, len(x), batch):
            x_batch = x[order[:, start : start + batch]]
            error = W * x_batch + b - 2 * x_batch
            W = W - lr * np.mean(error * x_batch, axis=1, keepdims=True)
            b = b - lr * np.mean(error, axis=1, keepdims=True)
        losses.append(np.mean((2 * x - W * x - b) ** 2, axis=1))
    return np.array(losses)


def bound(X: Array) -> float:
    """Return the learning rate below which descent on a line through these samples is stable."""
    return nn.explain_divergence(lambda p: half_mse(p, X, 2 * X), origin(), lr=0.1).stable_below


def listed(losses: Any) -> str:
    """Return losses in words."""
    return ", ".join(f"{loss:.4g}" for loss in losses)


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    opening(
        "Why it matters: nearly every network is trained by gradient descent on small batches. The size of the batches "
        "and the learning rate decide whether it learns at all.",
        "normalize", "matrix_multiply", "identity", "sigmoid", "mse_loss", "binary_cross_entropy", "gradient_descent",
        "gradient_descent_general",
    )  # fmt: skip
    name, X, y, X_test, y_test = load_pair(options)
    by_hand, automatic, test = zeros_and_ones(options, name, X, y, X_test, y_test)

    heading("Batches: the line y = 2 x, x = 1 to 8")
    curves = batches_of_a_line(options.seed)

    heading("Why the loss grows: the curvature")
    _, _, growing = fit_line(0.1, 6, 8)
    say(f"All samples at once, mean squared error after each step at lr = 0.1: {listed(growing)}")
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

    draw(options, name, (by_hand, automatic, test), curves, stability.stable_below)
    say("Lesson: a loss that grows is no bug of the gradient. The curvature decides how large a step may be.")

    exercises()
    answer(exercise_1, options.seed)
    answer(exercise_2, options.seed)
    answer(exercise_3, options.seed)
    answer(exercise_4)
    answer(exercise_5, X, y)
    answer(exercise_6, X, y)
    answer(exercise_7, options.seed)
    answer(exercise_8)
    answer(exercise_9)
    answer(exercise_10, X, y)
    say("Next: every step rests on a gradient that was derived by hand. Chapter 2.4 shows how to test it.")


def zeros_and_ones(
    options: Namespace, name: str, X: Array, y: Array, X_test: Array, y_test: Array
) -> tuple[list[float], list[float], list[float]]:
    """Tell zeros from ones; return the losses by hand and automatically, and those of the test images."""
    n, d = X.shape
    heading("Logistic regression: zeros and ones")
    say(
        f"{n} images of {name} with {d} pixels each, {len(X_test)} more to test; learning rate {options.lr:g}, "
        f"{options.epochs} epochs, batches of 32."
    )

    def descent(batch: int) -> tuple[Array, Array, list[float]]:
        return reference.gradient_descent(
            X, y, np.zeros((d, 1)), np.zeros((1, 1)), options.lr, options.epochs, batch,
            reference.binary_cross_entropy, reference.sigmoid, verbose=False, rng=options.seed,
        )  # fmt: skip

    W, b, by_hand = descent(32)
    A_test = reference.forward_perceptron(X_test, W, b)

    model = nn.Linear(d, 1, dtype=np.float64)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    test: list[float] = []
    history = nn.fit(
        model, X, y, optimizer=nn.optim.SGD(model.parameters(), lr=options.lr), loss=nn.BCEWithLogitsLoss(),
        epochs=options.epochs, batch_size=32, validation=(X, y), rng=options.seed,
        callbacks=[lambda m, _: test.append(nn.evaluate(m, X_test, y_test, loss=nn.BCEWithLogitsLoss())["loss"])],
    )  # fmt: skip
    automatic = history["val_loss"]  # of all training images after an epoch, as by hand
    check_converged("Logistic regression", automatic, options.lr, classes=2)
    Z_test = nn.predict(model, X_test)

    for way, losses, test_loss, hits in (
        ("by hand", by_hand, reference.binary_cross_entropy(A_test, y_test), reference.accuracy(A_test, y_test)),
        ("automatically", automatic, test[-1], np.mean((Z_test > 0) == (y_test == 1))),
    ):
        print(
            f"{way + ':':15}loss {losses[0]:.4f} after one epoch, {losses[-1]:.4f} at the end; test loss "
            f"{test_loss:.4f}, accuracy {hits:.4f}"
        )
    agree("Losses", by_hand, automatic)
    agree("Weights", W.T, model.weight.data)

    print("\nThe same number of epochs with other batches:")
    rows = []
    for batch in (2, 4, 32, n):
        W, b, losses = descent(batch)
        A_test = reference.forward_perceptron(X_test, W, b)
        rows.append((
            "all" if batch == n else str(batch), str(-(-n // batch)), f"{losses[0]:.4f}", f"{losses[-1]:.4f}",
            f"{reference.binary_cross_entropy(A_test, y_test):.4f}", f"{reference.accuracy(A_test, y_test):.4f}",
        ))  # fmt: skip
    table(("batch", "updates an epoch", "first loss", "last loss", "test loss", "test accuracy"), rows)
    lasts = [float(row[3]) for row in rows]
    fit = "and here the smaller they are the better they fit" if lasts == sorted(lasts) else "but do not always fit"
    say(
        f"Smaller batches update more often, {fit} the training images in as many epochs. Each epoch takes longer, and "
        "the test loss says what the fit is worth."
    )
    return by_hand, automatic, test


def batches_of_a_line(seed: int) -> dict[tuple[float, int], Array]:
    """Tell what the size of the batches and shuffling do to a line; return the losses of each rate and size."""
    say(
        f"W = 0 and b = 0 at first, so that the mean squared error is {2 * half_mse(origin()):.0f}. Then 5 epochs, "
        f"with {SEEDS} different shufflings, and once without:"
    )
    curves, rows = {}, []
    for lr in (0.1, 0.01):
        for batch in (2, 4, 8):
            losses = curves[lr, batch] = shuffled_losses(lr, 5, batch, SEEDS, seed)
            rows.append((
                f"{lr:g}", "all" if batch == 8 else str(batch), str(8 // batch),
                f"{np.mean(losses[-1] > losses[0]):.0%}", f"{np.median(losses[-1]):.2g}",
                f"{losses[-1].min():.2g} to {losses[-1].max():.2g}",
                f"{fit_line(lr, 5, batch, shuffle=False)[2][-1]:.2g}",
            ))  # fmt: skip
    table(
        ("lr", "batch", "updates an epoch", "loss has grown", "median loss", "from ... to", "without shuffling"), rows
    )
    say(
        "At lr 0.1 the loss is likely to grow, but with shuffled batches that is not certain: it depends on the order. "
        "At lr 0.01 it falls in every epoch of every run: that is the cure."
    )
    print("\nThe noise, the mean and standard deviation of dL/dW over all batches of a size:")
    rows = []
    for batch in (2, 4, 8):
        spread = [gradient_noise(W, batch) for W in (0.0, 2.0)]
        rows.append(("all" if batch == 8 else str(batch), *(f"{mean:.1f} +- {std:.1f}" for mean, std in spread)))
    table(("batch", "at W = 0, b = 0", "at W = 2, b = 0"), rows)
    say(
        "Smaller batches are noisier. At the minimum there is no noise, because every sample lies on the line. "
        "Measured samples do not: there the noise stays, and small batches keep jumping about the minimum."
    )
    return curves


def gradient_noise(W: float, batch: int) -> tuple[float, float]:
    """Return the mean and the standard deviation of dL/dW over all batches of a size, with b = 0."""
    of_samples = (W - 2) * X_LINE[:, 0] ** 2
    of_batches = [np.mean(chosen) for chosen in combinations(of_samples, batch)]
    return float(np.mean(of_batches)) + 0.0, float(np.std(of_batches))


def draw(
    options: Namespace, name: str, logistic: tuple[list[float], ...], curves: dict[tuple[float, int], Array],
    stable_below: float,
) -> None:  # fmt: skip
    """Draw both regressions' losses, what batches do to a line, and the bound of its learning rate."""
    figure, axes = subplots(1, 3, width=4.7, height=4.1)
    by_hand, automatic, test = logistic
    epochs = np.arange(1, options.epochs + 1)
    axes[0].plot(epochs, by_hand, linewidth=5, alpha=0.4, label="training, by hand")
    axes[0].plot(epochs, automatic, "--", color="black", linewidth=1.4, label="training, automatically")
    axes[0].plot(epochs, test, color="C1", label="test")
    axes[0].set(title=f"Zeros against ones, {name}", xlabel="epoch", ylabel="binary cross-entropy")
    axes[0].set_ylim(bottom=0)
    axes[0].legend(frameon=False)

    for (lr, batch), colour in {(0.1, 2): "C3", (0.01, 8): "C2", (0.01, 4): "C0", (0.01, 2): "C4"}.items():
        losses = curves[lr, batch]
        axes[1].semilogy(np.median(losses, axis=1), color=colour)
        axes[1].fill_between(range(6), *np.quantile(losses, (0.05, 0.95), axis=1), color=colour, alpha=0.2)
        size = "all samples" if batch == 8 else f"batches of {batch}"
        axes[1].annotate(
            f"lr {lr:g}, {size}", (5.1, np.median(losses[-1])), color=colour, va="center", annotation_clip=False
        )
    axes[1].set(
        title=f"y = 2x, {SEEDS} shufflings: median, middle 90%",
        xlabel="epoch",
        ylabel="mean squared error",
        xlim=(0, 8.4),
        ylim=(3e-3, 1e9),
    )
    axes[1].set_xticks(range(6))

    for share, colour in ((0.25, "C0"), (0.97, "C2"), (1.05, "C1"), (0.1 / stable_below, "C3")):
        losses = np.array([2 * half_mse(origin()), *descend(share * stable_below, 30)])
        losses = losses[losses < 3e8]
        axes[2].semilogy(losses, color=colour)
        axes[2].annotate(
            f"lr {share * stable_below:.3f}: {share:.0%} of it", (len(losses) - 1, losses[-1]), xytext=(6, 0),
            textcoords="offset points", color=colour, va="center", annotation_clip=False,
        )  # fmt: skip
    title = f"y = 2x, all samples: the bound is {stable_below:.3f}"
    axes[2].set(title=title, xlabel="step", xlim=(0, 54), ylim=axes[1].get_ylim())
    axes[2].set_xticks(range(0, 31, 10))
    for ax in axes:
        ax.grid(alpha=0.3)
    axes[0].xaxis.get_major_locator().set_params(integer=True)
    save(figure, options, "descent")


def exercise_1(seed: int) -> str:
    """Fit y = 2 x for x = 1 to 8 from W = 0, b = 0 in batches of 2: lr 0.1, 5 epochs. Print W, b and the losses."""
    W, b, losses = fit_line(0.1, 5, 2, rng=seed)
    many = shuffled_losses(0.1, 5, 2, SEEDS, seed)
    grown = np.mean(many[-1] > many[0])
    assert 0.8 < grown < 0.97
    slow_W, slow_b, slow = fit_line(0.01, 5, 2, rng=seed)
    assert np.all(np.diff([102, *slow]) < 0)
    assert np.all(np.diff(shuffled_losses(0.01, 5, 2, SEEDS, seed), axis=0) < 0)
    return (
        f"W = 0, b = 0 before; W = {W.item():.4g}, b = {b.item():.4g} after.\n"
        f"Loss 102 at first, then {listed(losses)}.\n"
        f"That is one order of the samples. In {grown:.0%} of {SEEDS} orders the loss ends above 102: likely, not "
        f"certain.\n"
        f"With lr 0.01 it falls in every epoch of all {SEEDS}: here {listed(slow)}, to W = {slow_W.item():.2f}, b = "
        f"{slow_b.item():.2f}."
    )


def exercise_2(seed: int) -> str:
    """Fit the same line in batches of 4, and compare speed and stability."""
    _, _, losses = fit_line(0.1, 5, 4, rng=seed)
    grown = np.mean(shuffled_losses(0.1, 5, 4, SEEDS, seed)[-1] > 102)
    fours, twos = (shuffled_losses(0.01, 5, batch, SEEDS, seed) for batch in (4, 2))
    assert grown > 0.9
    assert np.all(np.diff(fours, axis=0) < 0)
    ratio = np.median(fours[-1]) / np.median(twos[-1])
    assert 8 < ratio < 13
    return (
        f"At lr 0.1: {listed(losses)} here. The loss ends above 102 in {grown:.0%} of {SEEDS} orders: batches of 4 are "
        f"no cure.\n"
        f"At lr 0.01 it falls in every epoch, to {fours[-1].min():.2f} ... {fours[-1].max():.2f}. Batches of 2 are "
        f"faster: they take 20 steps where these take 10, and end at a loss {ratio:.0f} times as small."
    )


def exercise_3(seed: int) -> str:
    """Tell x = 0.5, 1.5, 1 (label 0) from 2, 3, 2.5 (label 1) by sigmoids in batches of 2: lr 0.1, 10 epochs."""
    X = np.array([[0.5], [1.5], [1.0], [2.0], [3.0], [2.5]])
    y = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]])
    W, b, losses = reference.gradient_descent(
        X, y, *origin().values(), 0.1, 10, 2, reference.binary_cross_entropy, reference.sigmoid, verbose=False, rng=seed
    )
    hits = reference.accuracy(reference.forward_perceptron(X, W, b), y)
    assert 0.65 < losses[0] < 0.67
    assert 0.568 < losses[-1] < 0.572
    assert np.isclose(hits, 4 / 6)
    return (
        f"Losses: {listed(losses)}; W = {W.item():.2f}, b = {b.item():.2f}.\n"
        f"{round(hits * 6)} of 6 are right so far, though the classes are separable: the boundary "
        f"-b / W = {-b.item() / W.item():.2f} has yet to move between 1.5 and 2."
    )


def exercise_4() -> str:
    """Do exercise 1 without shuffling, and say what shuffling changes."""
    W, b, losses = fit_line(0.1, 5, 2, shuffle=False)
    assert np.allclose(losses, [494.66, 2790.89, 14750.33, 80167.54, 430509.28], rtol=0, atol=0.006)
    return (
        f"Losses: {', '.join(f'{loss:.2f}' for loss in losses)}; W = {W.item():.2f}, b = {b.item():.2f}, every time.\n"
        f"Each epoch is the same product of steps, and so multiplies the loss by the same factor in the end, here "
        f"{losses[-1] / losses[-2]:.2f}. Shuffled, each epoch is another one. And data are often stored class by "
        f"class, so that a batch would show one class alone."
    )


def exercise_5(X: Array, y: Array) -> str:
    """Compute the loss before the first step, with all weights zero."""
    loss = reference.binary_cross_entropy(reference.sigmoid(X @ np.zeros((X.shape[1], 1))), y)
    assert np.isclose(loss, np.log(2), rtol=1e-12)
    return f"{loss:.4f} = ln 2, whatever the data: every probability is 1/2."


def exercise_6(X: Array, y: Array) -> str:
    """Show that the gradient of the loss with respect to Z is (A - y) / n."""
    Z = X[:, :1]  # any will do
    automatic = grad(lambda Z: np.mean(np.logaddexp(0, Z) - y * Z))(Z)
    assert np.allclose(automatic, (reference.sigmoid(Z) - y) / len(y), rtol=1e-12, atol=1e-16)
    return "In terms of Z the loss is the mean of log(1 + exp(z)) - y z, whose automatic gradient is just that."


def exercise_7(seed: int) -> str:
    """Find the bound for the batch of the two largest samples, and whether shuffled batches of 2 need it."""
    steepest = bound(X_LINE[-2:])
    assert steepest < 0.05 < bound(X_LINE) < 0.08
    converged = {lr: int(np.sum(shuffled_losses(lr, 300, 2, 40, seed)[-1] < 0.01)) for lr in (0.05, 0.08)}
    assert min(converged.values()) >= 38

    # What a batch multiplies the vector (W - 2, b) by, at lr 0.05.
    first, second, third, last = (
        np.eye(2) - 0.05 * X1.T @ X1 / 2 for i in range(0, 8, 2) for X1 in [with_ones(X_LINE[i : i + 2])]
    )
    _, stretches, directions = np.linalg.svd(last)
    others = np.linalg.norm(third @ second @ first @ directions[0])
    epoch = max(abs(np.linalg.eigvals(last @ third @ second @ first)))
    assert stretches[0] * others < 1
    assert epoch < 1
    return (
        f"It is {steepest:.4f}, and {bound(X_LINE):.4f} for all samples. They do not: batches of 2 converge in "
        f"{converged[0.05]} of 40 orders at lr 0.05, and in {converged[0.08]} of 40 at lr 0.08, above both bounds.\n"
        f"All batches share the minimum W = 2, b = 0, and alternate. At lr 0.05 the batch of 7 and 8 comes to lie "
        f"{stretches[0]:.2f} times as far from it along its steepest direction, but the other three multiply that "
        f"distance by {others:.2f}. In order, an epoch multiplies all distances by {epoch:.2f} in the long run. The "
        f"bound of the most curved batch is sufficient, not necessary."
    )


def with_ones(X: Array) -> Array:
    """Return samples with a column of ones, which the bias multiplies."""
    return np.hstack([X, np.ones((len(X), 1))])


def exercise_8() -> str:
    """Make the line's loss converge at lr = 0.1."""
    X = reference.normalize(X_LINE)
    _, _, losses = reference.gradient_descent(
        X, Y_LINE, *origin().values(), 0.1, 300, 8, reference.mse_loss, verbose=False
    )
    assert np.isclose(bound(X), 2)
    assert losses[-1] < 1e-12
    return f"Normalise x: the bound rises to {bound(X):.4f}, and the loss falls to {losses[-1]:.0e}."


def exercise_9() -> str:
    """Find the bound for the whole gradient of the mean squared error, with the factor 2 that the step leaves out."""
    whole = nn.explain_divergence(lambda p: 2 * half_mse(p), origin(), lr=0.1)
    assert np.isclose(whole.stable_below, bound(X_LINE) / 2)
    return f"{whole.stable_below:.4f}: twice the loss is curved twice as much, and bears half the learning rate."


def exercise_10(X: Array, y: Array) -> str:
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
