"""Chapter 3.2: activations, their derivatives, and their stability.

Between layers stands a function that bends; without one, two layers are one, X W1 W2. The usual ones, with the
derivatives that a backward pass multiplies by:

    sigmoid(z) = 1 / (1 + exp(-z))        sigmoid' = sigmoid (1 - sigmoid)     at most 1/4
    tanh(z)                               tanh'    = 1 - tanh^2                at most 1
    relu(z)    = max(0, z)                relu'    = 1 where z > 0, else 0

At the end stands softmax, which makes probabilities of the k logits in a row:

    p_i = exp(z_i) / sum over j of exp(z_j),    dp_i/dz_j = p_i (1 if i = j else 0) - p_i p_j.

exp(z) overflows from z = 710 on. But a constant added to all logits cancels in the quotient, so that max(z) can be
subtracted first: then no exponent is above 0. In the same way the sigmoid of a negative z is exp(z) / (1 + exp(z)).
"""

from argparse import Namespace
from collections.abc import Callable
from typing import Any

import numpy as np
from common import (
    Array,
    agree,
    answer,
    exercises,
    heading,
    load_images,
    opening,
    run,
    save,
    say,
    split,
    subplots,
    table,
)

from autograd_np import elementwise_grad, grad, jacobian, neural, value_and_grad
from nn import reference

# Each activation's value as the series writes it, its derivative by hand, and the function to differentiate.
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array], Callable[[Any], Any]]] = {
    "sigmoid": (reference.sigmoid, lambda z: reference.sigmoid(z) * (1 - reference.sigmoid(z)), neural.sigmoid),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2, np.tanh),
    "relu": (reference.relu, lambda z: (z > 0).astype(float), neural.relu),
}


def naive_sigmoid(z: Array) -> Array:
    """Return the formula as it stands."""
    return 1 / (1 + np.exp(-z))


def naive_softmax(z: Array) -> Array:
    """Return the formula as it stands."""
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def softmax_jacobian(p: Array) -> Array:
    """Return the derivatives of the probabilities with respect to the logits, by hand."""
    return np.diag(p) - np.outer(p, p)


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    opening(
        "Why it matters: without activations a deep network is one matrix, and with a badly chosen one its gradient "
        "dies on the way back. A careless softmax turns all weights into NaN.",
        "relu", "softmax",
    )  # fmt: skip
    rng = np.random.default_rng(options.seed)
    data = load_images(options)
    X, *_ = split(data)

    heading("Values and derivatives")
    z = np.linspace(-6, 6, 241)
    for name, (value, derivative, function) in ACTIVATIONS.items():
        agree(f"Values of {name}", value(z), function(z))
        agree(f"Derivatives of {name}", derivative(z), elementwise_grad(function)(z))
    logits = np.array([2.0, 1.0, -1.0])
    p = reference.softmax(logits)
    agree("Jacobian of softmax", softmax_jacobian(p), jacobian(neural.softmax)(logits))
    say(f"softmax of {logits} is {p.round(4)}; its Jacobian:")
    print(softmax_jacobian(p).round(4))

    heading("Stability")
    with np.errstate(all="ignore"):
        rows = [
            ("sigmoid(-1000)", str(naive_sigmoid(np.float32(-1000))), str(reference.sigmoid(np.float32(-1000)))),
            *(
                (f"softmax({c}, {c}, {c})", str(naive_softmax(row)), str(reference.softmax(row).round(4)))
                for c in (1000, -1000)
                for row in [np.full(3, float(c))]
            ),
        ]
    table(("", "formula as it stands", "stable"), rows)
    say(
        "exp(1000) overflows to infinity, and exp(-1000) is rounded to 0. Infinity over infinity and zero over zero "
        "are NaN, which the next step writes into every weight."
    )

    heading(f"A layer of 256 units on {len(X)} images of {data.name}")
    d = X.shape[1]
    Z = X @ rng.normal(scale=1 / np.sqrt(d), size=(d, 256))
    say(f"With weights of variance 1/{d}, Z has mean {Z.mean():.2f} and standard deviation {Z.std():.2f}.")
    rows, passed = [], {}
    for name, (value, derivative, _) in ACTIVATIONS.items():
        A, slopes = value(Z), derivative(Z)
        passed[name] = slopes.mean()
        rows.append((name, f"{A.mean():.3f}", f"{np.mean(A == 0):.3f}", f"{slopes.mean():.3f}", f"{slopes.max():.3f}"))
    table(("activation", "mean", "exactly 0", "mean derivative", "largest derivative"), rows)
    say(
        f"Of a ReLU's units {1 - passed['relu']:.0%} are silent, and the others pass the gradient on as it is; a "
        f"sigmoid passes on {passed['sigmoid']:.0%} of it."
    )

    draw(options, z)
    say("Lesson: an activation matters by its derivative, and a formula matters by how it is computed.")

    exercises()
    answer(exercise_1)
    answer(exercise_2, options.seed)
    answer(exercise_3, options.seed)
    answer(exercise_4)
    answer(exercise_5)
    answer(exercise_6, z)
    answer(exercise_7, rng)
    answer(exercise_8, z)
    answer(exercise_9, z)
    answer(exercise_10)
    answer(exercise_11)
    say("Next: chapter 3.3 puts both into a network with a hidden layer, and looks at what comes out before training.")


def draw(options: Namespace, z: Array) -> None:
    """Draw the activations with their derivatives, and the probabilities of a softmax."""
    figure, axes = subplots(2, 2, width=4.8, height=3.5)
    for ax, (name, (value, derivative, function)) in zip(axes.flat, ACTIVATIONS.items(), strict=False):
        slopes = derivative(z)
        jumps = np.flatnonzero(np.abs(np.diff(slopes)) > 0.5) + 1  # where no line is to be drawn

        def shown(values: Array, jumps: Array = jumps) -> Array:
            return np.insert(values, jumps, np.nan)

        ax.plot(z, value(z), color="C0", label="value")
        ax.plot(shown(z), shown(slopes), color="C1", linewidth=5, alpha=0.4, label="derivative by hand")
        automatic = elementwise_grad(function)(z)
        ax.plot(shown(z), shown(automatic), "--", color="black", linewidth=1.2, label="automatically")
        ax.set(title=name, xlabel="$z$", ylabel="value and derivative", ylim=(-1.15, 2.3))
    p = reference.softmax(np.stack([z, np.zeros_like(z), np.full_like(z, -1.0)], axis=1))
    for i in range(3):
        axes[1, 1].plot(z, p[:, i], color=f"C{i + 2}", label=f"$p_{i + 1}$")
    axes[1, 1].set(title="softmax of $(z, 0, -1)$", xlabel="$z$", ylabel="probability", ylim=(-0.05, 1.35))
    for ax in axes.flat:
        ax.grid(alpha=0.3)
        ax.legend(frameon=False, loc="upper left")
    save(figure, options, "derivatives")


def exercise_1() -> str:
    """Apply ReLU to the rows (-1.5, 2, 0), (-0.5, -2, 1.5), (3, -1, 0.5), (-3, 4, -0.2)."""
    A = reference.relu([[-1.5, 2, 0], [-0.5, -2, 1.5], [3, -1, 0.5], [-3, 4, -0.2]])
    assert np.array_equal(A, [[0, 2, 0], [0, 0, 1.5], [3, 0, 0.5], [0, 4, 0]])
    zeros = int(np.sum(A == 0))
    assert zeros == 7
    return f"{A}\nNegative numbers become 0, positive ones stay: {zeros} zeros, one of which was 0 before."


def exercise_2(seed: int) -> str:
    """Apply softmax to a random 3x5 matrix, N(0, 1)."""
    P = reference.softmax(np.random.default_rng(seed).normal(size=(3, 5)))
    assert np.all((P > 0) & (P < 1))
    assert np.allclose(P.sum(axis=1), 1, rtol=1e-15)
    return f"{P.round(4)}\nAll between 0 and 1; the rows sum to {', '.join(f'{total:.4f}' for total in P.sum(axis=1))}."


def exercise_3(seed: int) -> str:
    """Count the zeros of ReLU of a random 5x4 matrix, uniform from -5 to 5."""
    rng = np.random.default_rng(seed)
    zeros = np.sum(reference.relu(rng.uniform(-5, 5, size=(1000, 5, 4))) == 0, axis=(1, 2))
    assert 9.5 < zeros.mean() < 10.5
    return (
        f"{zeros[0]} of 20. In 1000 such matrices there are {zeros.min()} to {zeros.max()}, and {zeros.mean():.1f} on "
        f"average: half of the numbers are negative."
    )


def exercise_4() -> str:
    """Apply softmax to the integer rows (1000, 1000, 1000) and (-1000, -1000, -1000)."""
    P = reference.softmax([[1000, 1000, 1000], [-1000, -1000, -1000]])
    assert np.allclose(P, 1 / 3, rtol=1e-15)
    return f"{P.round(4)}\nNothing overflows: the largest number of a row is subtracted first, which leaves exp(0) = 1."


def exercise_5() -> str:
    """Find the steepest place of the sigmoid, by its second derivative."""
    slope, curvature = grad(neural.sigmoid)(0.0), grad(grad(neural.sigmoid))(0.0)
    assert slope == 0.25
    assert curvature == 0
    return f"At z = 0 the second derivative is {curvature:.0f} and the first {slope:.2f}: no sigmoid passes on more."


def exercise_6(z: Array) -> str:
    """Show that tanh is a stretched sigmoid."""
    assert np.allclose(np.tanh(z), 2 * reference.sigmoid(2 * z) - 1, rtol=0, atol=1e-15)
    return "tanh(z) = 2 sigmoid(2 z) - 1: its slope at 0 is 2 * 2 / 4 = 1, four times the sigmoid's."


def exercise_7(rng: np.random.Generator) -> str:
    """Add a constant to all logits."""
    logits = rng.normal(size=5)
    assert np.allclose(reference.softmax(logits + 100), reference.softmax(logits), rtol=1e-12)
    assert np.allclose(jacobian(neural.softmax)(logits) @ np.ones(5), 0, atol=1e-15)
    return "The probabilities stay; so the rows of the Jacobian sum to 0."


def exercise_8(z: Array) -> str:
    """Compare a softmax of two classes with a sigmoid."""
    p = reference.softmax(np.stack([z, np.zeros_like(z)], axis=1))
    assert np.allclose(p[:, 0], reference.sigmoid(z), rtol=1e-14)
    return "p_1 = sigmoid(z_1 - z_2): logistic regression is the softmax of two classes."


def exercise_9(z: Array) -> str:
    """Write the second derivative of the sigmoid in terms of a = sigmoid(z)."""
    a = reference.sigmoid(z)
    automatic = elementwise_grad(elementwise_grad(neural.sigmoid))(z)
    assert np.allclose(automatic, a * (1 - a) * (1 - 2 * a), atol=1e-15)
    return "a (1 - a) (1 - 2 a), which is what differentiating twice automatically gives."


def exercise_10() -> str:
    """Compute the cross-entropy where the true class has the logit -1000 and the other one 0."""
    logits, y = np.array([[0.0, -1000.0]]), np.array([[0.0, 1.0]])
    clipped = reference.cross_entropy(reference.softmax(logits), y)
    loss, gradient = value_and_grad(lambda z: neural.cross_entropy(z, np.array([1])))(logits)
    assert np.isclose(clipped, -np.log(1e-15))
    assert loss == 1000
    assert np.array_equal(gradient, [[1, -1]])
    return (
        f"From probabilities it is {clipped:.2f}, the bound of the logarithm, and flat. From logits, as "
        f"log(sum exp z) - z_y, it is {loss:.0f} with the gradient {gradient[0]}: still a way out."
    )


def exercise_11() -> str:
    """Put two layers together without an activation."""
    X, W1, W2 = np.eye(3), np.arange(6.0).reshape(3, 2), np.arange(8.0).reshape(2, 4)
    assert np.array_equal((X @ W1) @ W2, X @ (W1 @ W2))
    assert np.linalg.matrix_rank(W1 @ W2) == 2
    return "They are the one layer W1 W2, of rank 2 where it could have rank 3: worse than none."


if __name__ == "__main__":
    run(story)
