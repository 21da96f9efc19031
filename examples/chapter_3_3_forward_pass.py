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
from common import Array, agree, answer, heading, load_images, run, save, say, standardize, subplots, table

import nn
from nn import reference

HIDDEN = 256


def initial(d: int, scale: float, seed: int) -> list[Array]:
    """Return W1, b1, W2, b2: weights of a standard deviation, and no biases."""
    rng = np.random.default_rng(seed)
    return [
        scale * rng.normal(size=(d, HIDDEN)), np.zeros((1, HIDDEN)),
        scale * rng.normal(size=(HIDDEN, 10)), np.zeros((1, 10)),
    ]  # fmt: skip


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
    data = load_images(options)
    X, _ = standardize(data.x_train, data.x_test)
    X, labels = X[:500], data.y_train[:500]
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

    heading("Exercises")
    answer(exercise_1, X, labels)
    answer(exercise_2, X, options.seed)
    answer(exercise_3, X, options.seed)
    answer(exercise_4, X, options.seed)
    answer(exercise_5, X, labels, options.seed)
    answer(exercise_6, X, labels, options.seed)


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


def exercise_1(X: Array, labels: Array) -> str:
    """Compute the loss with all weights zero."""
    found = look(X, labels, initial(X.shape[1], 0, 0))
    assert np.isclose(found["by hand"], np.log(10), rtol=1e-12)
    assert found["gradient"] == 0
    return f"{found['by hand']:.4f} = ln 10 exactly, but the gradient of W1 is 0: from there it never learns."


def exercise_2(X: Array, seed: int) -> str:
    """Count the parameters."""
    d = X.shape[1]
    counted = sum(p.size for p in network(initial(d, 1, seed)).parameters())
    assert counted == d * HIDDEN + HIDDEN + HIDDEN * 10 + 10
    return f"{d} x 256 + 256 + 256 x 10 + 10 = {counted:,}."


def exercise_3(X: Array, seed: int) -> str:
    """Compare the mean square of what a ReLU layer gets and passes on, with He's weights."""
    A1, _ = reference.forward_mlp(X, *he(X.shape[1], seed))
    before, after = np.mean(X**2), np.mean(A1**2)
    assert np.isclose(after, before, rtol=0.2)
    return f"{before:.3f} and {after:.3f}: weights of variance 2/m double it, and the ReLU cuts one half off."


def exercise_4(X: Array, seed: int) -> str:
    """Exchange the hidden units."""
    W1, b1, W2, b2 = he(X.shape[1], seed)
    order = np.random.default_rng(seed).permutation(HIDDEN)
    _, A2 = reference.forward_mlp(X, W1, b1, W2, b2)
    _, exchanged = reference.forward_mlp(X, W1[:, order], b1[:, order], W2[order], b2)
    assert np.allclose(exchanged, A2, rtol=1e-10)
    return "The probabilities stay the same: every network comes in 256! versions, and a loss has as many minima."


def exercise_5(X: Array, labels: Array, seed: int) -> str:
    """Double all weights of a saturated network."""
    one, two = (look(X, labels, initial(X.shape[1], scale, seed))["automatically"] for scale in (1.0, 2.0))
    assert np.isclose(two / one, 4, rtol=0.01)
    return f"The loss grows {two / one:.4f} times: relu(2 z) = 2 relu(z), once for each layer."


def exercise_6(X: Array, labels: Array, seed: int) -> str:
    """Compute a saturated network's loss by hand from its errors alone, each counting for the most that it can."""
    parameters = initial(X.shape[1], 1.0, seed)
    _, A2 = reference.forward_mlp(X, *parameters)
    found, wrong = look(X, labels, parameters)["by hand"], 1 - reference.accuracy(A2, labels)
    most = wrong * -np.log(1e-15)
    assert 0.8 * most < found <= most + 0.1
    return f"{wrong:.3f} x 34.54 = {most:.2f}; it is {found:.2f}, and there its gradient is zero."


if __name__ == "__main__":
    run(story)
