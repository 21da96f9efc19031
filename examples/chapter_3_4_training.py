"""Chapter 3.4: backpropagation, and the training of a perceptron with a hidden layer.

The network of chapter 3.3, Z1 = X W1 + b1, A1 = relu(Z1), A2 = softmax(A1 W2 + b2), has with one-hot labels y (n, 10)
and the cross-entropy L = the mean of -sum y log A2 these gradients, by the chain rule, from the end to the beginning:

    delta2 = dL/dZ2 = (A2 - y) / n
    dL/dW2 = A1^T delta2                      dL/db2 = the sum of delta2 over the samples
    delta1 = dL/dZ1 = (delta2 W2^T) * (Z1 > 0)
    dL/dW1 = X^T delta1                       dL/db1 = the sum of delta1 over the samples

delta is the error: a number for every sample and unit, which says what that unit should have given instead, and goes
back through the layers. The loss is one number for all samples. It is watched, but no step is made from its value.

An engine that records the forward pass does the same: each of its operations knows how to send a gradient back through
itself, and the sweep calls them in reverse. It is trained by W <- W - lr dL/dW on one batch after another.
"""

from argparse import Namespace
from collections.abc import Mapping

import numpy as np
from common import (
    BATCH,
    X_TWO,
    Y_TWO,
    Array,
    agree,
    answer,
    by_name,
    check_converged,
    exercises,
    heading,
    load_images,
    load_pair,
    of_mnist,
    opening,
    over_epochs,
    progress,
    random_weights,
    run,
    save,
    say,
    show_program,
    show_step,
    split,
    subplots,
    table,
)

import nn
from nn import reference


def network(d: int, hidden: int, classes: int, seed: int) -> nn.Sequential:
    """Return a perceptron with the series' weights, 0.01 times standard normal."""
    rng = np.random.default_rng(seed)
    model = nn.Sequential(
        nn.Linear(d, hidden, dtype=np.float64), nn.ReLU(), nn.Linear(hidden, classes, dtype=np.float64)
    )
    for parameter in model.parameters():
        if parameter.ndim == 2:
            nn.init.normal_(parameter, std=0.01, rng=rng)
        else:
            nn.init.zeros_(parameter)
    return model


def train_by_hand(
    parameters: list[Array], train: tuple[Array, Array], test: tuple[Array, Array], lr: float, epochs: int, batch: int,
    seed: int,
) -> tuple[list[Array], dict[str, list[float]]]:  # fmt: skip
    """Train by the formulas above.

    Returns
    -------
    parameters : list of arrays
        W1, b1, W2, b2.
    history : dict of lists
        After each epoch: "loss" and "accuracy" of all training images, "test loss" and "test accuracy".
    """
    W1, b1, W2, b2 = parameters
    X, labels = train
    one_hot = np.eye(W2.shape[1])
    history: dict[str, list[float]] = {"loss": [], "accuracy": [], "test loss": [], "test accuracy": []}
    batches = nn.data.Batches(X, one_hot[labels], batch_size=batch, rng=seed)
    for _ in progress(range(epochs), "by hand"):
        for x, y in batches:
            Z1 = x @ W1 + b1
            A1, A2 = reference.forward_mlp(x, W1, b1, W2, b2)
            grad_W1, grad_b1, grad_W2, grad_b2 = reference.backward_mlp(x, A1, A2, y, W1, W2, Z1)
            W1 = W1 - lr * grad_W1
            b1 = b1 - lr * grad_b1
            W2 = W2 - lr * grad_W2
            b2 = b2 - lr * grad_b2
        for which, (images, classes) in (("", train), ("test ", test)):
            _, A2 = reference.forward_mlp(images, W1, b1, W2, b2)
            history[f"{which}loss"].append(reference.cross_entropy(A2, one_hot[classes]))
            history[f"{which}accuracy"].append(reference.accuracy(A2, classes))
    return [W1, b1, W2, b2], history


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    opening(
        "Why it matters: backpropagation finds all gradients of a network for the price of about two forward passes, "
        "where numerical ones take two for each weight. Without it nothing large could be trained.",
        "backward_mlp",
    )
    data = load_images(options)
    X, labels, X_test, labels_test = split(data)
    n, d = X.shape
    model = network(d, 256, 10, options.seed)
    parameters = by_name(model)

    heading("Backpropagation three ways")
    say(f"The network {d}-256-10 on the first {BATCH} images of {data.name}:")
    x, y = X[:BATCH], labels[:BATCH]
    print(nn.compare.compare_backprop(model, x, y))
    show_step(
        model, x, y, "What the automatic way records, and how it goes back: the formulas of --help, found by itself"
    )

    heading("The whole step as a program")
    say(
        "nn.compile_step looks on while a step is taken, and writes down every call of NumPy: forwards, backwards and "
        "the update. Read it beside the formulas; d_linear2 is delta2, and weights are (outputs, inputs). "
        "examples/compiled.py lays it beside a step by hand, line against line."
    )
    show_program(model, x, y, options.lr)

    heading("The error and the loss")
    _, A2 = reference.forward_mlp(x, *parameters)
    error = A2[0] - np.eye(10)[y[0]]
    say(f"The first image shows a {y[0]}. Its error A2 - y, class by class: {', '.join(f'{e:.2f}' for e in error)}.")
    given = round(float(A2[0, y[0]]), 4)  # so that the equation holds for what is printed
    say(
        f"Its share of the loss is -log {given:.4f} = {-np.log(given):.3f}. The error goes back through "
        "the network, and says which probability is to rise and which are to fall. The loss only tells how bad it is: "
        "no step is made from it."
    )

    heading("Training")
    say(
        f"{n} images to train on, {len(X_test)} to test; learning rate {options.lr:g}, {options.epochs} epochs, "
        f"batches of {BATCH}. After each epoch, the loss of all training images:"
    )
    tests: list[dict[str, float]] = []
    history = nn.fit(
        model, X, labels, optimizer=nn.optim.SGD(model.parameters(), lr=options.lr), epochs=options.epochs,
        batch_size=BATCH, validation=(X, labels), metrics={"accuracy": nn.accuracy}, rng=options.seed,
        callbacks=[lambda m, _: tests.append(nn.evaluate(m, X_test, labels_test, metrics={"accuracy": nn.accuracy}))],
    )  # fmt: skip
    # fit's own "loss" is a mean over the batches as the weights changed; that of `validation` is all images' after it.
    automatic = history["val_loss"]
    check_converged("The training", automatic, options.lr)
    trained, by_hand = train_by_hand(
        parameters, (X, labels), (X_test, labels_test), options.lr, options.epochs, BATCH, options.seed
    )
    for epoch, (found, hits) in enumerate(zip(by_hand["loss"], by_hand["test accuracy"], strict=True), 1):
        print(f"Epoch {epoch}/{options.epochs}, Loss: {found:.4f}, test accuracy {hits:.4f}")
    for way, losses, hits in (
        ("by hand", by_hand["loss"], by_hand["test accuracy"][-1]),
        ("automatically", automatic, tests[-1]["accuracy"]),
    ):
        print(f"{way + ':':15}loss {losses[0]:.4f} after one epoch, {losses[-1]:.4f} at the end; ", end="")
        print(f"test accuracy {hits:.4f}")
    agree("Losses", by_hand["loss"], automatic, tolerance=1e-8)
    agree("Weights", trained[0].T, model[0].weight.data, tolerance=1e-8)
    say("The series reports a loss of 0.313 and an accuracy of 0.892 for its 5,000 images of MNIST.")

    heading("Zeros against ones: the learning rate")
    pair = load_pair(options, samples=500)
    curves = {lr: zeros_and_ones(pair, lr, options.seed) for lr in (0.1, 1.0)}
    say(
        f"{len(pair[1])} images of {pair[0]} to train on, {len(pair[3])} to test, network {pair[1].shape[1]}-128-2, "
        "batches of 32. The loss of all training images after each epoch:"
    )
    table(
        ("epoch", "lr 0.1", "lr 1.0"),
        [(str(i + 1), *(f"{curve['loss'][i]:.5f}" for curve in curves.values())) for i in range(10)]
        + [("accuracy", *(f"{curve['test accuracy'][-1]:.4f}" for curve in curves.values()))],
    )

    draw(options, data.name, by_hand, automatic, curves)
    say("Lesson: backpropagation by hand is four lines a layer; one that is wrong still trains, only worse.")

    exercises()
    answer(exercise_1, options.seed)
    answer(exercise_2, options.seed)
    answer(exercise_3, pair[0], curves[0.1])
    answer(exercise_4, pair[0], curves)
    answer(exercise_5, x, y, parameters)
    answer(exercise_6, x, y, parameters)
    answer(exercise_7, x, y, parameters)
    answer(exercise_8, x, y, parameters)
    answer(exercise_9, x, y, options.seed)
    say(
        "Next: chapter 4.1 puts a second hidden layer between, and finds that with weights this small the loss stays "
        "where it is for some epochs before it falls."
    )


def zeros_and_ones(pair: tuple[str, Array, Array, Array, Array], lr: float, seed: int) -> dict[str, list[float]]:
    """Train a hidden layer of 128 to tell zeros from ones for 10 epochs, and return its history."""
    _, X, y, X_test, y_test = pair
    train, test = ((images, classes[:, 0].astype(int)) for images, classes in ((X, y), (X_test, y_test)))
    return train_by_hand(by_name(network(X.shape[1], 128, 2, seed)), train, test, lr, 10, 32, seed)[1]


def draw(
    options: Namespace, name: str, by_hand: dict[str, list[float]], automatic: list[float],
    curves: dict[float, dict[str, list[float]]],
) -> None:  # fmt: skip
    """Draw the losses, the accuracies, and the two learning rates."""
    figure, axes = subplots(1, 3, width=4.5)
    epochs = np.arange(1, len(automatic) + 1)
    axes[0].plot(epochs, by_hand["loss"], color="C0", linewidth=5, alpha=0.4, label="training, by hand")
    axes[0].plot(epochs, automatic, "--", color="black", linewidth=1.4, label="training, automatically")
    axes[0].plot(epochs, by_hand["test loss"], color="C1", label="test")
    axes[0].set(title=f"Loss, {name}", ylabel="cross-entropy")
    axes[0].set_ylim(bottom=0)
    axes[1].plot(epochs, by_hand["accuracy"], color="C0", label="training")
    axes[1].plot(epochs, by_hand["test accuracy"], color="C1", label="test")
    axes[1].set(title=f"Accuracy: {by_hand['test accuracy'][-1]:.3f} on test images", ylabel="accuracy")
    for (lr, curve), colour in zip(curves.items(), ("C2", "C3"), strict=True):
        losses = curve["loss"]
        axes[2].semilogy(
            range(1, len(losses) + 1), losses, color=colour, marker="o", markersize=3.5, label=f"lr {lr:g}"
        )
    axes[2].set(title="Zeros against ones: training loss", ylabel="cross-entropy")
    over_epochs(axes)
    save(figure, options, "curves")


def gradients(x: Array, labels: Array, parameters: list[Array]) -> list[Array]:
    """Return the gradients of W1, b1, W2, b2, by hand."""
    W1, b1, W2, b2 = parameters
    A1, A2 = reference.forward_mlp(x, *parameters)
    return list(reference.backward_mlp(x, A1, A2, np.eye(b2.size)[labels], W1, W2, x @ W1 + b1))


def loss(x: Array, labels: Array, parameters: list[Array]) -> float:
    """Return the cross-entropy of a batch."""
    return reference.cross_entropy(reference.forward_mlp(x, *parameters)[1], np.eye(10)[labels])


def one_step(seed: int) -> tuple[list[Array], float, float]:
    """Return the gradients of a network 2-3-2 with weights of 0.1, and the loss before and after a step with lr 0.1."""
    parameters = random_weights([2, 3, 2], 0.1, np.random.default_rng(seed))
    g = gradients(X_TWO, np.arange(2), parameters)
    before, after = (
        reference.cross_entropy(reference.forward_mlp(X_TWO, *p)[1], Y_TWO)
        for p in (parameters, [p - 0.1 * g for p, g in zip(parameters, g, strict=True)])
    )
    return g, before, after


def exercise_1(seed: int) -> str:
    """Give the shapes of all gradients of a network 2-3-2 for X = [[1, 2], [3, 4]], labels (1, 0), (0, 1)."""
    shapes = [g.shape for g in one_step(seed)[0]]
    assert shapes == [(2, 3), (1, 3), (3, 2), (1, 2)]
    return f"{', '.join(map(str, shapes))}: those of W1, b1, W2, b2, since each number in them moves one parameter."


def exercise_2(seed: int) -> str:
    """Take one step with lr 0.1 from weights of 0.1 N(0, 1), and print the loss before and after."""
    _, before, after = one_step(seed)
    steps = np.array([np.subtract(*one_step(other)[:0:-1]) for other in range(seed, seed + 1000)])
    falls, still, rises = np.mean(steps < 0), np.mean(steps == 0), np.mean(steps > 0)
    assert 0.86 < falls < 0.93
    assert 0.07 < still < 0.13
    assert rises < 0.02
    return (
        f"{before:.6f} before, {after:.6f} after.\n"
        f"Over 1000 seeds it falls in {falls:.1%}. In {still:.1%} nothing changes: all hidden units are silent for "
        f"both samples. In {rises:.1%} it rises a little: the step was too long."
    )


def exercise_3(name: str, curve: dict[str, list[float]]) -> str:
    """Tell zeros from ones with a hidden layer of 128: lr 0.1, 10 epochs, batches of 32. Print losses and accuracy."""
    losses, hits = curve["loss"], curve["test accuracy"][-1]
    assert losses[-1] < losses[0]
    own = of_mnist(name, "a loss of 0.068 after one epoch and 0.004 at the end, accuracy 0.99")
    return f"Losses: {', '.join(f'{found:.4f}' for found in losses)}; test accuracy {hits:.4f}.{own}"


def exercise_4(name: str, curves: dict[float, dict[str, list[float]]]) -> str:
    """Do it with lr 1.0, and say whether that is faster, unstable or divergent."""
    slow, fast = (curve["loss"] for curve in curves.values())
    hits = curves[1.0]["test accuracy"][-1]
    own = of_mnist(name, "0.010 after one epoch, 0.0002 at the end, accuracy 0.99")
    assert fast[0] < slow[0]
    assert fast[-1] < slow[-1]
    return (
        f"Faster: {fast[0]:.4f} after one epoch instead of {slow[0]:.4f}, {fast[-1]:.5f} at the end instead of "
        f"{slow[-1]:.4f}; test accuracy {hits:.4f}. Nothing diverges here: two easy classes bear a large step."
        f"{own}"
    )


def exercise_5(x: Array, labels: Array, parameters: list[Array]) -> str:
    """Add up the gradient of the last biases."""
    *_, grad_b2 = gradients(x, labels, parameters)
    assert abs(grad_b2.sum()) < 1e-15
    return "It sums to 0: what one class gains the others lose, since probabilities and labels both sum to 1."


def exercise_6(x: Array, labels: Array, parameters: list[Array]) -> str:
    """Predict by how much a small step lowers the loss."""
    g = gradients(x, labels, parameters)
    squared = sum(float(np.sum(a**2)) for a in g)
    lr = 1e-5
    fall = loss(x, labels, parameters) - loss(x, labels, [p - lr * a for p, a in zip(parameters, g, strict=True)])
    assert np.isclose(fall, lr * squared, rtol=1e-3)
    return f"By lr times the squared length of the gradient, {lr * squared:.4e}; it falls by {fall:.4e}."


def exercise_7(x: Array, labels: Array, parameters: list[Array]) -> str:
    """Compare the gradient of a batch with those of its halves."""
    half = len(x) // 2
    parts = slice(2 * half), slice(half), slice(half, 2 * half)
    whole, *halves = (gradients(x[part], labels[part], parameters)[0] for part in parts)
    assert np.allclose(whole, np.mean(halves, axis=0), rtol=1e-10, atol=1e-15)
    return "It is their mean: a batch can be shared out over machines."


def exercise_8(x: Array, labels: Array, parameters: list[Array]) -> str:
    """Let all hidden units begin alike, and train for 20 steps."""
    W1, b1, W2, b2 = parameters
    p = [np.repeat(W1[:, :1], b1.size, axis=1), b1, np.repeat(W2[:1], b1.size, axis=0), b2]
    first = loss(x, labels, p)
    for _ in range(20):
        p = [a - 0.1 * g for a, g in zip(p, gradients(x, labels, p), strict=True)]
    assert np.allclose(p[0], p[0][:, :1], rtol=1e-9, atol=0)
    last = loss(x, labels, p)
    return f"The loss falls from {first:.4f} to {last:.4f}, but they stay alike: 256 units do the work of one."


def exercise_9(x: Array, labels: Array, seed: int) -> str:
    """Forget the factor (Z1 > 0), and let the comparison find it."""

    def forgetful(p: Mapping[str, Array], x: Array, labels: Array) -> dict[str, Array]:
        W1, b1, W2, b2 = (a.T if a.ndim == 2 else a[np.newaxis] for a in p.values())
        A1, A2 = reference.forward_mlp(x, W1, b1, W2, b2)
        found = reference.backward_mlp(x, A1, A2, np.eye(10)[labels], W1, W2, np.ones_like(A1))
        return {name: g.T if a.ndim == 2 else g[0] for (name, a), g in zip(p.items(), found, strict=True)}

    comparison = nn.compare.compare_backprop(network(x.shape[1], 256, 10, seed), x, labels, backward=forgetful)
    wrong = [row.name for row in comparison.rows if not row.agrees]
    assert wrong == ["0.weight", "0.bias"]
    (diagnosis,) = comparison.diagnoses
    assert "ReLU mask" in diagnosis.mistake
    return f"It differs in {' and '.join(wrong)}, the layer before the ReLU, and it says why: {diagnosis.mistake}."


if __name__ == "__main__":
    run(story, epochs=20, lr=0.1)
