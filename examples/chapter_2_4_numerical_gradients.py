"""Chapter 2.4: numerical gradients, which find what is wrong in analytical ones.

Taylor's series of a smooth loss L around a parameter p gives two approximations of its derivative,

    forward difference:  (L(p + h) - L(p)) / h           = L'(p) + h/2 L''(p) + ...
    central difference:  (L(p + h) - L(p - h)) / (2 h)   = L'(p) + h^2/6 L'''(p) + ...

What the series leaves out is the truncation error; it falls with h, or with its square. But L is known to a relative
precision of eps = 2.2e-16 only, and dividing by h magnifies that rounding error to about eps L / h, which grows as h
falls. The best step lies where both are equal: near eps^(1/2) = 1.5e-8 forwards, near eps^(1/3) = 6e-6 centrally, where
a central difference is right to about ten digits. Derivatives written down as formulas or found automatically have
neither error.

Numerical gradients, two evaluations of the loss for each parameter, are too slow to train with and good enough to test
with: a forgotten factor shows as a ratio, a transposed matrix as a difference of order one.
"""

from argparse import Namespace
from collections.abc import Callable
from typing import Any

import numpy as np
from common import (
    Array,
    agree,
    answer,
    difference,
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
from autograd_np import neural, value_and_grad
from nn import reference

EPS = np.finfo(float).eps


def linear(X: Array, p: Any) -> Any:
    """Return the predictions of a linear regression."""
    return X @ p["W"] + p["b"]


def logistic_loss(W: Any, X: Array, y: Array) -> Any:
    """Return the binary cross-entropy of sigmoid(X W): the mean of log(1 + exp(z)) - y z."""
    Z = X @ W
    return np.mean(np.log1p(np.exp(Z)) - y * Z)


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    opening(
        "Why it matters: a wrong gradient raises no error, it only trains worse. A numerical gradient is a second "
        "opinion on every derivative that you write down.",
        "numerical_gradient",
    )
    rng = np.random.default_rng(options.seed)
    name, X, y, _, _ = load_pair(options)
    X, y = X[:100], y[:100]
    n, d = X.shape
    X = X / np.sqrt(d)  # so that Z is about 1

    heading("Linear regression, and the factor 2")
    X_line = rng.normal(size=(20, 3))
    y_line = X_line @ [[1.0], [-2.0], [0.5]] + 3 + 0.1 * rng.normal(size=(20, 1))
    p = {"W": rng.normal(size=(3, 1)), "b": np.zeros((1, 1))}
    error = linear(X_line, p) - y_line
    forgetful = {"W": X_line.T @ error / 20, "b": error.mean(axis=0, keepdims=True)}
    by_hand = {name: 2 * gradient for name, gradient in forgetful.items()}
    numerical = reference.numerical_gradient(X_line, y_line, p, reference.mse_loss, linear)
    _, automatic = value_and_grad(lambda p: np.mean((linear(X_line, p) - y_line) ** 2))(p)
    say(
        "The series first took X^T (X W + b - y) / n for the gradient of the mean squared error. The numerical one is "
        "that, times:"
    )
    say(", ".join(f"{ratio:.8f}" for ratio in (numerical["W"] / forgetful["W"]).ravel()))
    say("The same ratio everywhere is a forgotten factor. Held against the automatic gradients:")
    print(nn.compare.compare_gradients(forgetful, automatic))
    for parameter in p:
        agree(f"Gradients of {parameter}", by_hand[parameter], automatic[parameter])

    heading(f"Logistic regression: {n} images of {name}, {d} weights")
    W = rng.normal(size=(d, 1))
    by_hand_W = X.T @ (reference.sigmoid(X @ W) - y) / n
    numerical_W = reference.numerical_gradient(
        X, y, {"W": W}, reference.binary_cross_entropy, lambda X, p: reference.sigmoid(X @ p["W"])
    )["W"]
    _, automatic_W = value_and_grad(logistic_loss)(W, X, y)
    agree("Gradients", by_hand_W, automatic_W)
    say(f"Central differences with h = 1e-4 come within {difference(numerical_W, automatic_W):.1e}.")

    heading("A transposed factor, caught")
    say(
        "Where a layer is as wide as the next, its weights fit the wrong way round as well, and no shape complains: "
        "delta1 = (delta2 W2^T) * (Z1 > 0), but with W2 for W2^T. How far the gradients are from the automatic ones, "
        "relative to the largest entry:"
    )
    transposed(X, y, rng)

    heading("The step")
    steps = np.logspace(-14, 0, 57)
    errors = step_errors(X, y, W, steps, rng)
    slopes = {
        "forward, truncation": slope(steps, errors["forward"], 1e-5, 1e-2),
        "central, truncation": slope(steps, errors["central"], 1e-3, 1e-1),
        "forward, rounding": slope(steps, errors["forward"], 1e-13, 1e-10),
        "central, rounding": slope(steps, errors["central"], 1e-13, 1e-8),
    }
    say("On a doubly logarithmic scale, an error that goes as h^k is a line of slope k:")
    table(("error", "slope"), [(what, f"{k:.2f}") for what, k in slopes.items()])
    for way in ("forward", "central"):
        best = int(np.argmin(errors[way]))
        print(f"best {way} step: h = {steps[best]:.0e}, error {errors[way][best]:.0e}")
    draw(options, steps, errors)
    say(
        "Lesson: a numerical gradient is for testing, right to ten digits at best; the ratio or the place of what it "
        "finds says what is wrong."
    )

    exercises()
    answer(exercise_1)
    answer(exercise_2)
    answer(exercise_3)
    answer(exercise_4)
    answer(exercise_5, X, y, W)
    answer(exercise_6, X, y, W)
    answer(exercise_7, X_line, y_line, p, automatic)
    answer(exercise_8, X, y, W)
    answer(exercise_9)
    answer(exercise_10)
    say("Next: with gradients that can be trusted, chapter 3.1 asks what a single unit can learn, and what it cannot.")


def transposed(X: Array, y: Array, rng: np.random.Generator) -> None:
    """Hold a right and a wrong backward pass of a 2-layer perceptron against numerical and automatic gradients."""
    d, h = X.shape[1], 2
    p = {
        "W1": rng.normal(size=(d, h)), "b1": rng.normal(size=(1, h)),
        "W2": rng.normal(size=(h, 2)), "b2": rng.normal(size=(1, 2)),
    }  # fmt: skip
    labels = y[:, 0].astype(int)
    one_hot = np.eye(2)[labels]

    def loss(p: Any) -> Any:
        return neural.cross_entropy(neural.relu(X @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"], labels)

    Z1 = X @ p["W1"] + p["b1"]
    A1, A2 = reference.forward_mlp(X, **p)
    right = reference.backward_mlp(X, A1, A2, one_hot, p["W1"], p["W2"], Z1)
    wrong = reference.backward_mlp(X, A1, A2, one_hot, p["W1"], p["W2"].T, Z1)
    numerical = reference.numerical_gradient(
        X, one_hot, p, reference.cross_entropy, lambda X, p: reference.forward_mlp(X, **p)[1]
    )
    _, automatic = value_and_grad(loss)(p)
    table(
        ("gradient", "numerical", "by hand", "transposed"),
        [
            (name, *(f"{difference(found, automatic[name]):.1e}" for found in (numerical[name], good, bad)))
            for name, good, bad in zip(p, right, wrong, strict=True)
        ],
    )


def step_errors(X: Array, y: Array, W: Array, steps: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Return the relative errors of the logistic loss's slopes, by all ways and steps, along 40 random directions."""
    directions = rng.normal(size=(40, *W.shape)).astype(W.dtype)
    _, gradient = value_and_grad(logistic_loss)(W, X, y)
    exact = np.sum(gradient * directions, axis=(1, 2))

    def along(h: complex) -> Array:
        return np.array([logistic_loss(W + h * v, X, y) for v in directions])

    ways: dict[str, Callable[[float], Array]] = {
        "forward": lambda h: (along(h) - along(0)) / h,
        "central": lambda h: (along(h) - along(-h)) / (2 * h),
        "complex": lambda h: along(1j * h).imag / h,
    }
    scale = np.linalg.norm(exact)
    return {way: np.array([np.linalg.norm(f(h) - exact) / scale for h in steps.tolist()]) for way, f in ways.items()}


def slope(steps: Array, errors: Array, low: float, high: float) -> float:
    """Return the exponent k of an error that goes as h^k between two steps."""
    inside = (steps >= low) & (steps <= high)
    return float(np.polyfit(np.log(steps[inside]), np.log(errors[inside]), 1)[0])


def draw(options: Namespace, steps: Array, errors: dict[str, Array]) -> None:
    """Write the picture of the errors against the step."""
    figure, ax = subplots(1, 1, width=7.6, height=4.6)
    labels = {"forward": "forward difference", "central": "central difference", "complex": "complex step (exercise 6)"}
    places = {"forward": (1e-1, 1.5), "central": (1e-12, 3e-10), "complex": (1.1e-14, 1.5e-15)}
    for (way, label), marker, colour in zip(labels.items(), "o^s", ("C0", "C1", "C2"), strict=True):
        ax.loglog(steps, np.maximum(errors[way], EPS / 2), marker=marker, markersize=3.5, color=colour)
        ax.annotate(label, places[way], color=colour, ha="right" if way == "forward" else "left", fontweight="bold")
    ax.axhline(EPS, color="black", linestyle="--", linewidth=1)
    ax.annotate("precision of float64, reached by the automatic gradient", (1.1e-14, 4e-17), va="center")
    for text, place in (
        ("rounding: slope -1", (1e-9, 1e-3)),
        ("truncation: slope 1", (2e-4, 1e-2)),
        ("truncation: slope 2,\ncentral and complex", (3e-2, 3e-11)),
    ):
        ax.annotate(text, place, ha="center")
    ax.set(title="How wrong a numerical derivative is", xlabel="step h", ylabel="relative error", ylim=(1e-17, 10))
    ax.grid(alpha=0.3)
    save(figure, options, "step")


# The linear regression of exercises 1, 2 and 4: X, y and its parameters.
X_TWO, Y_TWO = np.array([[1.0], [2.0]]), np.array([[3.0], [5.0]])
P_TWO = {"W": np.array([[1.5]]), "b": np.array([[0.5]])}


def two(h: float) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Return the series' formulas for W and b, their central differences, and how far twice the former are off."""
    error = linear(X_TWO, P_TWO) - Y_TWO
    formula = (X_TWO.T @ error / 2).item(), error.mean().item()
    numerical = reference.numerical_gradient(X_TWO, Y_TWO, P_TWO, reference.mse_loss, linear, h)
    central = numerical["W"].item(), numerical["b"].item()
    return formula, central, max(abs(2 * a - b) for a, b in zip(formula, central, strict=True))


def exercise_1() -> str:
    """Take x = 1, 2 with y = 3, 5 and W = 1.5, b = 0.5. Compare X^T (X W + b - y) / n with central differences."""
    (W, b), (central_W, central_b), off = two(1e-4)
    assert (W, b) == (-2, -1.25)
    assert off < 1e-10
    return (
        f"dL/dW: {W:g} by the formula, {central_W:.8f} numerically; dL/db: {b:g} and {central_b:.8f}.\n"
        f"The formula lacks the factor 2 of the square's derivative. With it both agree to {off:.0e}."
    )


def exercise_2() -> str:
    """Do the same with h = 1e-2, and say whether it is less accurate."""
    _, (W, b), off = two(1e-2)
    assert off < 1e-12
    return (
        f"{W:.8f} and {b:.8f}, off by {off:.0e}: not less accurate, although the text expects it. The error of a "
        f"central difference goes with the third derivative, and a square has none. The logistic loss of exercise 3 "
        f"has one."
    )


def exercise_3() -> str:
    """Check the logistic regression of x = 0.5, 1.5, 2.5 with labels 0, 0, 1 at W = b = 0."""
    X, y = np.array([[0.5], [1.5], [2.5]]), np.array([[0.0], [0.0], [1.0]])
    p = {"W": np.zeros((1, 1)), "b": np.zeros((1, 1))}
    error = reference.sigmoid(linear(X, p)) - y
    W, b = (X.T @ error / 3).item(), error.mean().item()
    numerical = reference.numerical_gradient(
        X, y, p, reference.binary_cross_entropy, lambda X, p: reference.sigmoid(linear(X, p))
    )
    off = max(abs(numerical["W"].item() - W), abs(numerical["b"].item() - b))
    assert np.allclose([W, b], [-1 / 12, 1 / 6], rtol=1e-12)
    assert off < 5e-12
    return f"X^T (A - y) / n = {W:.6f} = -1/12, and the mean error is {b:.6f} = 1/6: both agree to {off:.0e}."


def exercise_4() -> str:
    """Write X for X^T in exercise 1, and let the difference give the mistake away."""
    error = linear(X_TWO, P_TWO) - Y_TWO
    try:
        X_TWO @ error
    except ValueError:
        refused = f"{X_TWO.shape} times {error.shape}"
    # As many features as samples, so that both shapes fit.
    X, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[3.0], [5.0]])
    p = {"W": np.array([[1.5], [-0.5]]), "b": np.array([[0.5]])}
    error = linear(X, p) - y
    numerical = reference.numerical_gradient(X, y, p, reference.mse_loss, linear)["W"]
    right, wrong = X.T @ error, X @ error
    assert np.allclose(numerical, right, rtol=1e-9)
    assert np.abs(numerical - wrong).max() > 1
    return (
        f"The text expects a large difference, but NumPy refuses the product, {refused}: the shapes give it away "
        f"before any number does.\n"
        f"With as many features as samples both fit. For X = {X.tolist()}, y = {y.tolist()}, W = {p['W'].tolist()} and "
        f"b = {p['b'].tolist()} the error X W + b - y is {error.tolist()}. The right gradient is {right.ravel()}, the "
        f"wrong one {wrong.ravel()}, and the numerical one {numerical.ravel().round(6)} tells which."
    )


def exercise_5(X: Array, y: Array, W: Array) -> str:
    """Halve h where truncation rules, and see what becomes of both errors."""
    errors = step_errors(X, y, W, np.array([2e-3, 1e-3]), np.random.default_rng(1))
    forward, central = (errors[way][0] / errors[way][1] for way in ("forward", "central"))
    assert np.isclose(forward, 2, rtol=0.01)
    assert np.isclose(central, 4, rtol=0.01)
    return f"The forward error falls to 1/{forward:.3f}, the central one to 1/{central:.3f}: one power of h and two."


def exercise_6(X: Array, y: Array, W: Array) -> str:
    """Take an imaginary step instead: L(p + ih) = L(p) + ih L'(p) - h^2/2 L''(p) - ..."""
    errors = step_errors(X, y, W, np.array([1e-8, 1e-100]), np.random.default_rng(1))["complex"]
    assert np.all(errors < 1e-14)
    return (
        f"Im L(p + ih) / h subtracts nothing, and so loses no digits: its error is {errors[0]:.0e} at h = 1e-8 and "
        f"{errors[1]:.0e} at h = 1e-100. It needs a loss that takes complex numbers."
    )


def exercise_7(X: Array, y: Array, p: dict[str, Array], exact: dict[str, Array]) -> str:
    """Find the truncation error of central differences for the mean squared error of a linear model."""
    numerical = reference.numerical_gradient(X, y, p, reference.mse_loss, linear, h=1.0)
    found = difference(numerical["W"], exact["W"])
    assert found < 1e-13
    return f"There is none, since the third derivative of a square is 0: with h = 1 the error is {found:.0e}."


def exercise_8(X: Array, y: Array, W: Array) -> str:
    """Compute the difference in float32."""
    single = [array.astype(np.float32) for array in (X, y, W)]
    errors = step_errors(*single, np.array([1e-4, 1e-2]), np.random.default_rng(1))["central"]
    assert 1e-5 < errors[0] < 1
    assert errors[1] < errors[0]
    return (
        f"At h = 1e-4 it is wrong by {errors[0]:.0e}, at h = 1e-2 by {errors[1]:.0e}: eps is 1.2e-7, and its cube root "
        f"{np.finfo(np.float32).eps ** (1 / 3):.0e}. Test gradients in float64."
    )


def exercise_9() -> str:
    """Take the central difference of relu at its kink."""
    h = 1e-4
    central = (reference.relu(h) - reference.relu(-h)) / (2 * h)
    _, automatic = value_and_grad(neural.relu)(0.0)
    assert np.isclose(central, 0.5)
    assert automatic == 0
    return (
        f"It is {central:.1f}, the mean of the slopes 0 and 1; by convention the derivative there is {automatic:.0f}."
    )


def exercise_10() -> str:
    """Count the forward passes of a numerical gradient for the perceptron 784-256-10."""
    parameters = 784 * 256 + 256 + 256 * 10 + 10
    assert parameters == 203_530
    return f"Two for each of {parameters:,} parameters are {2 * parameters:,}; a backward pass costs about two."


if __name__ == "__main__":
    run(story)
