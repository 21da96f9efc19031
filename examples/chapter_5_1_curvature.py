"""Chapter 5.1, which the series does not have: second derivatives at work.

The gradient says where down is, the Hessian H how far that is good. Near w a loss is

    L(w + s) = L(w) + g^T s + 1/2 s^T H s + ...,

which is least at the Newton step s = -H^-1 g. Close to the minimum it squares the distance from it: the right digits
double with each step, whatever the scale of the features. Gradient descent, s = -lr g, multiplies the distance along an
eigenvector of H by 1 - lr lambda, as in chapter 2.3: with all samples in each step it needs lr < 2 / lambda_max, and
then about lambda_max / lambda_min steps.

For logistic regression with the penalty (c / 2) |w|^2 both are written by hand in a line, a = sigmoid(X w):

    g = X^T (a - y) / n + c w,    H = X^T diag(a (1 - a)) X / n + c I.

For a network nobody writes H down, but the derivative of the gradient along a direction v is H v, at the price of two
gradients, and repeated multiplication by H finds lambda_max. So one can watch what descent does to it: it is led to
where the loss is curved as much as the learning rate bears, 2 / lr, and stays there (J. Cohen et al., "Gradient descent
on neural networks typically occurs at the edge of stability", ICLR 2021).
"""

from argparse import Namespace
from collections.abc import Callable
from typing import Any

import numpy as np
from common import (
    Array,
    agree,
    answer,
    heading,
    load_images,
    load_pair,
    opening,
    progress,
    run,
    save,
    say,
    split,
    subplots,
    table,
)

import nn
from autograd_np import grad, hessian, hvp, value_and_grad
from nn import reference

PENALTY = 1e-3
RATES = (0.03, 0.05, 0.1)
STEPS = 300
EVERY = 10

Loss = Callable[[Any], Any]


def logistic(X: Array, y: Array) -> Loss:
    """Return the penalised loss of a logistic regression, y of shape (n,)."""
    return lambda w: np.mean(np.logaddexp(0, X @ w) - y * (X @ w)) + PENALTY / 2 * np.sum(w**2)


def by_hand(X: Array, y: Array, w: Array) -> tuple[Array, Array]:
    """Return its gradient and its Hessian."""
    a = reference.sigmoid(X @ w)
    g = X.T @ (a - y) / len(y) + PENALTY * w
    H = X.T @ np.diag(a * (1 - a)) @ X / len(y) + PENALTY * np.eye(len(w))
    return g, H


def newton_by_hand(X: Array, y: Array, steps: int) -> list[Array]:
    """Return the weights after each Newton step from zero."""
    weights = [np.zeros(X.shape[1])]
    for _ in range(steps):
        g, H = by_hand(X, y, weights[-1])
        weights.append(weights[-1] - np.linalg.solve(H, g))
    return weights


def newton_automatically(loss: Loss, d: int, steps: int) -> list[Array]:
    """Return the weights after each Newton step from zero, for any loss."""
    weights = [np.zeros(d)]
    for _ in progress(range(steps), "Newton"):
        weights.append(weights[-1] - np.linalg.solve(hessian(loss)(weights[-1]), grad(loss)(weights[-1])))
    return weights


def descend(loss: Loss, d: int, lr: float, steps: int) -> list[Array]:
    """Return the weights after each step of gradient descent from zero."""
    weights = [np.zeros(d)]
    for _ in progress(range(steps), "descent"):
        weights.append(weights[-1] - lr * grad(loss)(weights[-1]))
    return weights


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    opening(
        "Why it matters: chapter 2.3 found that the curvature decides which learning rate a loss bears. Here it is put "
        "to work, and followed through the training of a network."
    )
    heading("One dimension: the least value of w - ln w")
    w, errors = 0.5, [0.5]
    for _ in range(5):
        w -= grad(lambda w: w - np.log(w))(w) / grad(grad(lambda w: w - np.log(w)))(w)
        errors.append(abs(1 - w))
    said = ", ".join(f"{error:.2g}" for error in errors)
    say(f"It is at w = 1. Newton's steps from 0.5 are off by {said}: each the square of the one before.")

    name, X, y, _, _ = load_pair(options)
    y = y[:, 0]
    n, d = X.shape
    heading(f"Logistic regression: {n} zeros and ones of {name}, {d} weights")
    loss = logistic(X, y)
    w = np.full(d, 0.01)
    g, H = by_hand(X, y, w)
    agree("Gradient", g, grad(loss)(w))
    agree("Hessian", H, hessian(loss)(w))
    agree("Hessian times a vector", H @ X[0], hvp(loss, (w,), (X[0],)))
    newton, automatic = newton_by_hand(X, y, 12), newton_automatically(loss, d, 12)
    agree("Weights after 12 Newton steps", newton[-1], automatic[-1], tolerance=1e-8)
    curvature = np.linalg.eigvalsh(by_hand(X, y, np.zeros(d))[1])
    lr = 1 / curvature[-1]
    descent = descend(loss, d, lr, 300)
    least = float(loss(newton[-1]))
    above = {
        "Newton": np.array([loss(w) for w in newton]) - least,
        f"descent, lr {lr:.3f}": np.array([loss(w) for w in descent]) - least,
    }
    table(
        ("step", *above),
        [(str(k), *(f"{max(values[k], 0):.1e}" for values in above.values())) for k in (0, 2, 4, 6, 8, 10)]
        + [("300", "", f"{above[f'descent, lr {lr:.3f}'][-1]:.1e}")],
    )
    say(
        f"(Loss above the least.) At zero the curvature reaches from {curvature[0]:.1e} to {curvature[-1]:.3f}; along "
        f"the least curved direction a step of descent goes one part in {curvature[-1] / curvature[0]:.0f} of the way."
    )

    heading("The edge of stability: a perceptron with a hidden layer of 32")
    data = load_images(options)
    first = nn.data.LabelledImages(data.name, data.x_train[:200], data.y_train[:200], data.x_test, data.y_test)
    x, labels, _, _ = split(first)
    targets = np.eye(10)[labels]
    curves = {lr: sharpness(x, targets, lr, options.seed) for lr in progress(RATES, "learning rates")}
    table(
        ("lr", "2 / lr", "curvature at first", f"after {EVERY} steps", f"after {STEPS} steps", "loss at first", "last"),
        [
            (
                f"{lr:g}", f"{2 / lr:.1f}", f"{curve[0]:.1f}", f"{curve[1]:.1f}", f"{curve[-1]:.1f}",
                f"{losses[0]:.3f}", f"{losses[-1]:.4f}",
            )
            for lr, (curve, losses) in curves.items()
        ],
    )  # fmt: skip
    say(
        "Whatever the learning rate, descent leaves the places that are too curved for it, and goes on where the "
        "curvature is about 2 / lr and seldom more: the larger the rate, the flatter the place."
    )

    draw(options, above, curves, name)
    say("Lesson: the curvature decides the learning rate, and in a network the learning rate decides the curvature.")

    heading("Exercises")
    answer(exercise_1)
    answer(exercise_2, X, y)
    answer(exercise_3, X, y)
    answer(exercise_4, X, y)
    answer(exercise_5)
    answer(exercise_6)


def perceptron(d: int, seed: int) -> dict[str, Array]:
    """Return the parameters of a perceptron with a hidden layer of 32 units of tanh."""
    rng = np.random.default_rng(seed)
    return {
        "W1": rng.normal(scale=1 / np.sqrt(d), size=(d, 32)), "b1": np.zeros((1, 32)),
        "W2": rng.normal(scale=1 / np.sqrt(32), size=(32, 10)), "b2": np.zeros((1, 10)),
    }  # fmt: skip


def sharpness(x: Array, y: Array, lr: float, seed: int) -> tuple[list[float], list[float]]:
    """Descend on the squared error of all samples; return the largest curvature and the loss, every EVERY steps."""

    def loss(p: Any) -> Any:
        A = np.tanh(x @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
        return np.mean(np.sum((A - y) ** 2, axis=1))

    p, v = perceptron(x.shape[1], seed), perceptron(x.shape[1], seed)
    curvatures, losses = [], []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            # The vector found last time is a good one to begin with.
            curvature, v = largest_curvature(loss, p, v, products=30 if step == 0 else 5)
            curvatures.append(curvature)
            losses.append(float(loss(p)))
        _, g = value_and_grad(loss)(p)
        p = {name: p[name] - lr * g[name] for name in p}
    return curvatures, losses


def largest_curvature(loss: Loss, p: Any, v: Any, products: int) -> tuple[float, Any]:
    """Return the largest eigenvalue of the Hessian and its eigenvector, by power iteration from v."""
    for _ in range(products):
        length = np.sqrt(sum(np.sum(a**2) for a in v.values()))
        unit = {name: a / length for name, a in v.items()}
        v = hvp(loss, (p,), (unit,))
    return float(sum(np.sum(unit[name] * v[name]) for name in v)), v


def draw(options: Namespace, above: dict[str, Array], curves: dict[float, tuple[list[float], ...]], name: str) -> None:
    """Draw how fast Newton's steps and descent arrive, and the curvature that descent is led to."""
    figure, axes = subplots(1, 2, width=5.2)
    for label, values in above.items():
        # What rounding takes below the least has no logarithm.
        axes[0].semilogy(np.where(values[:60] > 0, values[:60], np.nan), marker="o", markersize=3, label=label)
    axes[0].set(title=f"Logistic regression, {name}", xlabel="step", ylabel="loss above the least", ylim=(1e-18, 10))
    for i, (lr, (curve, _)) in enumerate(curves.items()):
        axes[1].plot(EVERY * np.arange(len(curve)), curve, color=f"C{i}", label=f"lr {lr:g}")
        axes[1].axhline(2 / lr, color=f"C{i}", linestyle=":", label=f"2 / lr = {2 / lr:.0f}")
    top = max(max(curve) for curve, _ in curves.values())
    axes[1].set(title="Perceptron: the edge of stability", xlabel="step", ylabel="largest curvature")
    axes[1].set_ylim(0, 1.35 * max(top, 2 / min(curves)))
    for ax in axes:
        ax.grid(alpha=0.3)
        ax.legend(frameon=False, ncols=1 if ax is axes[0] else 3)
    save(figure, options, "newton")


def exercise_1() -> str:
    """Find from where Newton's steps reach the minimum of w - ln w."""

    def step(w: float) -> float:
        return w - (1 - 1 / w) * w**2

    for w in (0.1, 0.5, 1.9):
        assert np.isclose(1 - step(w), (1 - w) ** 2)
    assert step(2.5) < 0
    return "1 - w becomes (1 - w)^2: from 0 to 2. From 2.5 the step leads below 0, where there is no logarithm."


def exercise_2(X: Array, y: Array) -> str:
    """Make one feature 100 times as large, and compare Newton's losses and descent's bound."""
    scaled = X.copy()
    scaled[:, np.argmax(np.abs(X).max(axis=0))] *= 100

    # Without the penalty, which is not the same for scaled weights, and with a Hessian that need not be invertible.
    def losses(X: Array) -> list[float]:
        w, found = np.zeros(X.shape[1]), []
        for _ in range(2):
            a = reference.sigmoid(X @ w)
            root = np.sqrt(a * (1 - a))
            w = w - np.linalg.lstsq(root[:, np.newaxis] * X, (a - y) / root, rcond=1e-10)[0]
            found.append(float(np.mean(np.logaddexp(0, X @ w) - y * (X @ w))))
        return found

    assert np.allclose(losses(scaled), losses(X), rtol=1e-3)
    ratio = np.linalg.norm(scaled, 2) ** 2 / np.linalg.norm(X, 2) ** 2
    assert ratio > 10
    return f"Newton's are the same; the bound 2 / lambda_max of descent falls by a factor of {ratio:.0f}."


def exercise_3(X: Array, y: Array) -> str:
    """Take one Newton step on a linear regression."""
    loss = lambda w: np.mean((X @ w - y) ** 2) + np.sum(w**2)  # noqa: E731
    w = np.ones(X.shape[1])
    w = w - np.linalg.solve(hessian(loss)(w), grad(loss)(w))
    assert np.abs(grad(loss)(w)).max() < 1e-10
    return f"The gradient is gone, {np.abs(grad(loss)(w)).max():.0e}: the loss is its own parabola."


def exercise_4(X: Array, y: Array) -> str:
    """Find the largest curvature by power iteration, and compare it with all eigenvalues."""
    loss = logistic(X, y)
    start = {"w": np.ones(X.shape[1])}
    found, _ = largest_curvature(lambda p: loss(p["w"]), {"w": np.zeros(X.shape[1])}, start, products=200)
    expected = np.linalg.eigvalsh(hessian(loss)(np.zeros(X.shape[1])))[-1]
    assert np.isclose(found, expected, rtol=1e-3)
    return f"{found:.4f} against {expected:.4f}, from products with vectors alone."


def exercise_5() -> str:
    """Differentiate the sine as often as you like."""
    f, values = np.sin, []
    for _ in range(5):
        values.append(float(f(1.0)))
        f = grad(f)
    assert np.allclose(values, [np.sin(1), np.cos(1), -np.sin(1), -np.cos(1), np.sin(1)], rtol=1e-12)
    return "sin, cos, -sin, -cos, sin: the rules are NumPy, and are differentiated like everything else."


def exercise_6() -> str:
    """Find a place where the gradient is zero and descent is not done."""
    saddle = nn.explain_divergence(lambda p: p["x"] ** 2 - p["y"] ** 2, {"x": 0.0, "y": 0.0}, lr=0.1)
    assert saddle.curvature == 2
    assert saddle.lowest == -2
    return f"x^2 - y^2 at 0: curvatures of {saddle.curvature:g} and {saddle.lowest:g}, a saddle."


if __name__ == "__main__":
    run(story)
