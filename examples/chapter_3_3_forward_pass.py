"""Chapter 3.3: the forward pass, and the weights that it begins with.

A perceptron with one hidden layer makes class probabilities of n images X (n, 784):

    Z1 = X W1 + b1    (n, 256)      A1 = relu(Z1)
    Z2 = A1 W2 + b2   (n, 10)       A2 = softmax(Z2)

and its loss is the cross-entropy, the mean of -log A2 at each image's class. Before training it knows nothing, so that
every class should get about 1/10 and the loss be about ln 10 = 2.3026. Whether it does depends on the weights: a sum of
m products of weights of standard deviation s has s sqrt(m) times the size of one. With

    s = 0.01           as in the series, the logits Z2 are small, and the loss is about ln 10;
    s = sqrt(2 / m)    (He) a ReLU layer passes on the size of what it gets: deep networks need that;
    s = 1              the logits are in the hundreds, softmax puts all on one class, mostly a wrong one, and the loss
                       is as large as they are.

Without biases, s times as large weights make the logits s^2 times as large, and the loss of a saturated softmax too.
"""

from argparse import Namespace
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
    random_weights,
    run,
    save,
    say,
    split,
    subplots,
    table,
)

import nn
from nn import reference

HIDDEN = 256


def initial(d: int, scale: float, seed: int) -> list[Array]:
    """Return W1, b1, W2, b2: weights of a standard deviation, and no biases."""
    return random_weights([d, HIDDEN, 10], scale, np.random.default_rng(seed))


def network(parameters: list[Array]) -> nn.Sequential:
    """Return a model with the given weights; it ends in logits."""
    d = len(parameters[0])
    model = nn.Sequential(nn.Linear(d, HIDDEN, dtype=np.float64), nn.ReLU(), nn.Linear(HIDDEN, 10, dtype=np.float64))
    for parameter, given in zip(model.parameters(), parameters, strict=True):
        parameter.data = given.T if parameter.ndim == 2 else given[0]
    return model


def look(X: Array, labels: Array, parameters: list[Array]) -> dict[str, Any]:
    """Return the loss both ways, the largest probability of each image, and the mean absolute gradient of W1."""
    _, A2 = reference.forward_mlp(X, *parameters)
    model = network(parameters)
    loss = nn.CrossEntropyLoss()(model(X), labels)
    loss.backward()
    gradient = next(model.parameters()).grad
    return {
        "by hand": reference.cross_entropy(A2, np.eye(10)[labels]),
        "automatically": loss.item(),
        "largest": A2.max(axis=1),
        "gradient": np.mean(np.abs(gradient)),
    }


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    opening(
        "Why it matters: the forward pass is all that a trained network does, and its first loss shows whether the "
        "weights began well, before any time is spent on training.",
        "forward_mlp", "cross_entropy",
    )  # fmt: skip
    data = load_images(options)
    X, labels = (a[:500] for a in split(data)[:2])
    n, d = X.shape

    heading(f"The forward pass of {n} images of {data.name}")
    parameters = initial(d, 0.01, options.seed)
    A1, A2 = reference.forward_mlp(X, *parameters)
    model = network(parameters)
    table(
        ("", "shape"),
        [(name, str(a.shape)) for name, a in zip(("X", "W1", "A1", "W2", "A2"),
                                                 (X, parameters[0], A1, parameters[2], A2), strict=True)],
    )  # fmt: skip
    agree("Hidden activations", A1, nn.predict(model[:2], X))
    agree("Probabilities", A2, reference.softmax(nn.predict(model, X)))
    print(f"parameters: {sum(p.size for p in model.parameters()):,}")
    print(f"loss {look(X, labels, parameters)['by hand']:.4f}, ln 10 = {np.log(10):.4f}")

    heading("The scale of the weights")
    scales = {"0.001": 0.001, "0.01, the series'": 0.01, "sqrt(2/m), He": None, "0.1": 0.1, "1": 1.0}
    rows = []
    for name, scale in scales.items():
        found = look(X, labels, he(d, options.seed) if scale is None else initial(d, scale, options.seed))
        rows.append(
            (
                name,
                f"{found['by hand']:.4f}",
                f"{found['automatically']:.4f}",
                f"{found['largest'].mean():.3f}",
                f"{np.mean(found['largest'] > 0.99):.3f}",
                f"{found['gradient']:.1e}",
            )
        )
    table(("standard deviation", "loss by hand", "automatically", "largest p", "above 0.99", "gradient of W1"), rows)
    say(
        "Where softmax saturates the two ways part: by hand the loss is computed from probabilities, of which none "
        f"counts for less than 1e-15, so that it cannot exceed {-np.log(1e-15):.1f}; automatically it is computed from "
        "the logits, and says how wrong they are."
    )
    draw(options, X, labels, data.name)
    say("Lesson: look at the first loss. If it is not ln 10, it is the weights that speak, and not the images.")

    exercises()
    answer(exercise_1, options.seed)
    answer(exercise_2, options.seed)
    answer(exercise_3, options.seed)
    answer(exercise_4, options.seed)
    answer(exercise_5, X, labels)
    answer(exercise_6, X, options.seed)
    answer(exercise_7, X, options.seed)
    answer(exercise_8, X, options.seed)
    answer(exercise_9, X, labels, options.seed)
    answer(exercise_10, X, labels, options.seed)
    say("Next: chapter 3.4 goes back through this network, from the loss to every weight, and trains it.")


def he(d: int, seed: int) -> list[Array]:
    """Return weights whose standard deviation is sqrt(2 / m), m the number of a unit's inputs."""
    W1, b1, W2, b2 = initial(d, 1.0, seed)
    return [np.sqrt(2 / d) * W1, b1, np.sqrt(2 / HIDDEN) * W2, b2]


def draw(options: Namespace, X: Array, labels: Array, name: str) -> None:
    """Draw the first loss against the scale of the weights, and how sure the network is before it has learnt."""
    figure, axes = subplots(1, 2)
    scales = np.logspace(-3, 0, 13)
    losses = [look(X, labels, initial(X.shape[1], scale, options.seed)) for scale in scales]
    for way, style in (("by hand", {"linewidth": 5, "alpha": 0.4}), ("automatically", {"color": "black", "ls": "--"})):
        axes[0].loglog(scales, [loss[way] for loss in losses], label=way, **style)
    axes[0].axhline(np.log(10), color="C3", linestyle=":", label="ln 10: knows nothing")
    axes[0].set(title=f"The first loss, {name}", xlabel="standard deviation of the weights", ylabel="cross-entropy")
    axes[0].grid(alpha=0.3)
    axes[0].legend(frameon=False)
    bins = np.linspace(0, 1, 41)
    for scale, colour in ((0.01, "C2"), (0.1, "C1"), (1.0, "C4")):
        largest = look(X, labels, initial(X.shape[1], scale, options.seed))["largest"]
        axes[1].hist(largest, bins, color=colour, alpha=0.6, label=f"weights of {scale:g}")
    axes[1].set(title="How sure it is before it has learnt", xlabel="largest probability", ylabel="images")
    axes[1].legend(frameon=False, loc="upper center")
    save(figure, options, "saturation")


def small_pass(seed: int) -> tuple[Array, Array]:
    """Return A1 and A2 of two random samples in a network 3-4-2 with weights of 0.01."""
    rng = np.random.default_rng(seed)
    return reference.forward_mlp(rng.normal(size=(2, 3)), *random_weights([3, 4, 2], 0.01, rng))


def exercise_1(seed: int) -> str:
    """Send X (2, 3) from N(0, 1) through a network 3-4-2 with weights of 0.01 N(0, 1). Print A1 and A2."""
    A1, A2 = small_pass(seed)
    off = max(np.abs(small_pass(other)[1] - 0.5).max() for other in range(seed, seed + 200))
    assert (A1.shape, A2.shape) == ((2, 4), (2, 2))
    assert np.allclose(A2.sum(axis=1), 1, rtol=1e-15)
    assert off < 0.002
    return (
        f"A1, of shape {A1.shape}:\n{A1.round(5)}\nA2, of shape {A2.shape}, its rows sum to 1:\n{A2.round(5)}\n"
        f"Small weights, small logits: over 200 seeds no probability is farther than {off:.4f} from 1/2."
    )


def exercise_2(seed: int) -> str:
    """Compute its loss with the labels (1, 0) and (0, 1)."""
    losses = [reference.cross_entropy(small_pass(other)[1], np.eye(2)) for other in range(seed, seed + 200)]
    assert 0.691 < min(losses) <= max(losses) < 0.695
    return f"{losses[0]:.5f}, near ln 2 = {np.log(2):.5f}; over 200 seeds {min(losses):.4f} to {max(losses):.4f}."


def exercise_3(seed: int) -> str:
    """Send X (5, 784) from N(0, 1) through a network 784-128-10 with weights of 0.01 N(0, 1)."""
    rng = np.random.default_rng(seed)
    A1, A2 = reference.forward_mlp(rng.normal(size=(5, 784)), *random_weights([784, 128, 10], 0.01, rng))
    assert (A1.shape, A2.shape) == ((5, 128), (5, 10))
    assert np.allclose(A2.sum(axis=1), 1, rtol=1e-14)
    return f"A1 is {A1.shape}, A2 is {A2.shape}, its rows sum to 1; probabilities {A2.min():.3f} to {A2.max():.3f}."


def exercise_4(seed: int) -> str:
    """Give it weights of 1.0 N(0, 1)."""
    rng = np.random.default_rng(seed)
    largest = np.concatenate(
        [
            reference.forward_mlp(rng.normal(size=(5, 784)), *random_weights([784, 128, 10], 1.0, rng))[1].max(axis=1)
            for _ in range(200)
        ]
    )
    share = np.mean(largest > 0.99)
    assert 0.9 < share < 0.99
    return (
        f"One class takes all: the largest probabilities of five rows are "
        f"{', '.join(f'{p:.4f}' for p in largest[:5])}. Over 200 such networks {share:.0%} of the rows have one above "
        f"0.99. The softmax is saturated: the network is sure before it has seen a label, and mostly wrong."
    )


def exercise_5(X: Array, labels: Array) -> str:
    """Compute the loss with all weights zero."""
    found = look(X, labels, initial(X.shape[1], 0, 0))
    assert np.isclose(found["by hand"], np.log(10), rtol=1e-12)
    assert found["gradient"] == 0
    return f"{found['by hand']:.4f} = ln 10 exactly, but the gradient of W1 is 0: from there it never learns."


def exercise_6(X: Array, seed: int) -> str:
    """Count the parameters."""
    d = X.shape[1]
    counted = sum(p.size for p in network(initial(d, 1, seed)).parameters())
    assert counted == d * HIDDEN + HIDDEN + HIDDEN * 10 + 10
    return f"{d} x 256 + 256 + 256 x 10 + 10 = {counted:,}."


def exercise_7(X: Array, seed: int) -> str:
    """Compare the mean square of what a ReLU layer gets and passes on, with He's weights."""
    A1, _ = reference.forward_mlp(X, *he(X.shape[1], seed))
    before, after = np.mean(X**2), np.mean(A1**2)
    assert np.isclose(after, before, rtol=0.2)
    return f"{before:.3f} and {after:.3f}: weights of variance 2/m double it, and the ReLU cuts one half off."


def exercise_8(X: Array, seed: int) -> str:
    """Exchange the hidden units."""
    W1, b1, W2, b2 = he(X.shape[1], seed)
    order = np.random.default_rng(seed).permutation(HIDDEN)
    _, A2 = reference.forward_mlp(X, W1, b1, W2, b2)
    _, exchanged = reference.forward_mlp(X, W1[:, order], b1[:, order], W2[order], b2)
    assert np.allclose(exchanged, A2, rtol=1e-10)
    return "The probabilities stay the same: every network comes in 256! versions, and a loss has as many minima."


def exercise_9(X: Array, labels: Array, seed: int) -> str:
    """Double all weights of a saturated network."""
    one, two = (look(X, labels, initial(X.shape[1], scale, seed))["automatically"] for scale in (1.0, 2.0))
    assert np.isclose(two / one, 4, rtol=0.01)
    return f"The loss grows {two / one:.4f} times: relu(2 z) = 2 relu(z), once for each layer."


def exercise_10(X: Array, labels: Array, seed: int) -> str:
    """Compute a saturated network's loss by hand from its errors alone, each counting for the most that it can."""
    parameters = initial(X.shape[1], 1.0, seed)
    _, A2 = reference.forward_mlp(X, *parameters)
    found, wrong = look(X, labels, parameters)["by hand"], 1 - reference.accuracy(A2, labels)
    most = wrong * -np.log(1e-15)
    assert 0.8 * most < found <= most + 0.1
    return (
        f"{wrong:.4f} x {-np.log(1e-15):.4f} = {most:.2f}; it is {found:.2f}. Where the bound holds, this loss is flat."
    )


if __name__ == "__main__":
    run(story)
