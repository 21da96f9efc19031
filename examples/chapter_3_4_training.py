"""Chapter 3.4: backpropagation, and the training of a perceptron with a hidden layer.

The network of chapter 3.3, Z1 = X W1 + b1, A1 = relu(Z1), A2 = softmax(A1 W2 + b2), has with one-hot labels y (n, 10)
and the cross-entropy L = the mean of -sum y log A2 these gradients, by the chain rule, from the end to the beginning:

    delta2 = dL/dZ2 = (A2 - y) / n
    dL/dW2 = A1^T delta2                      dL/db2 = the sum of delta2 over the samples
    delta1 = dL/dZ1 = (delta2 W2^T) * (Z1 > 0)
    dL/dW1 = X^T delta1                       dL/db1 = the sum of delta1 over the samples

An engine that records the forward pass does the same: each of its operations knows how to send a gradient back through
itself, and the sweep calls them in reverse. It is trained by W <- W - lr dL/dW on one batch after another.
"""

from argparse import Namespace
from collections.abc import Mapping

import numpy as np
from common import (
    Array,
    agree,
    answer,
    heading,
    load_images,
    load_pair,
    progress,
    run,
    save,
    say,
    standardize,
    subplots,
)

import nn
from autograd_np import print_tape
from nn import reference

BATCH = 64


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


def by_name(model: nn.Sequential) -> list[Array]:
    """Return W1, b1, W2, b2 of a model, in the series' shapes."""
    return [p.data.T.copy() if p.ndim == 2 else p.data[np.newaxis].copy() for p in model.parameters()]


def train_by_hand(
    parameters: list[Array], X: Array, labels: Array, lr: float, epochs: int, seed: int
) -> tuple[list[Array], list[float]]:
    """Return the trained parameters, and the mean loss of the batches of each epoch."""
    W1, b1, W2, b2 = parameters
    batches = nn.data.Batches(X, np.eye(W2.shape[1])[labels], batch_size=BATCH, rng=seed)
    losses = []
    for _ in progress(range(epochs), "by hand"):
        total = 0.0
        for x, y in batches:
            Z1 = x @ W1 + b1
            A1, A2 = reference.forward_mlp(x, W1, b1, W2, b2)
            grad_W1, grad_b1, grad_W2, grad_b2 = reference.backward_mlp(x, A1, A2, y, W1, W2, Z1)
            W1 = W1 - lr * grad_W1
            b1 = b1 - lr * grad_b1
            W2 = W2 - lr * grad_W2
            b2 = b2 - lr * grad_b2
            total += reference.cross_entropy(A2, y) * len(x)
        losses.append(total / len(X))
    return [W1, b1, W2, b2], losses


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    data = load_images(options)
    X, X_test = standardize(data.x_train, data.x_test)
    labels, labels_test = data.y_train, data.y_test
    n, d = X.shape
    model = network(d, 256, 10, options.seed)
    parameters = by_name(model)

    heading("Backpropagation three ways")
    say(f"The network {d}-256-10 on the first {BATCH} images of {data.name}:")
    x, y = X[:BATCH], labels[:BATCH]
    print(nn.compare.compare_backprop(model, x, y))
    print("\nWhat the automatic way records, and how it goes back: the four lines above, found by itself.\n")
    print_tape(nn.CrossEntropyLoss()(model(x), y), dict(model.named_parameters()) | {"X": x, "y": y})

    heading("Training")
    say(
        f"{n} images to train on, {len(X_test)} to test; learning rate {options.lr:g}, {options.epochs} epochs, "
        f"batches of {BATCH}."
    )
    trained, by_hand = train_by_hand(parameters, X, labels, options.lr, options.epochs, options.seed)
    history = nn.fit(
        model, X, labels, optimizer=nn.optim.SGD(model.parameters(), lr=options.lr), epochs=options.epochs,
        batch_size=BATCH, validation=(X_test, labels_test), metrics={"accuracy": nn.accuracy}, rng=options.seed,
    )  # fmt: skip
    _, A2_test = reference.forward_mlp(X_test, *trained)
    for way, losses, hits in (
        ("by hand", by_hand, reference.accuracy(A2_test, labels_test)),
        ("automatically", history["loss"], history["val_accuracy"][-1]),
    ):
        print(f"{way + ':':15}loss {losses[0]:.4f} in the first epoch, {losses[-1]:.4f} in the last; ", end="")
        print(f"test accuracy {hits:.4f}")
    agree("Losses", by_hand, history["loss"], tolerance=1e-8)
    agree("Weights", trained[0].T, model[0].weight.data, tolerance=1e-8)
    say("The series reports a loss of 0.313 and an accuracy of 0.892 for its 5,000 images of MNIST.")

    heading("Zeros against ones: the learning rate")
    curves = learning_rates(options)
    for lr, losses in curves.items():
        print(f"lr {lr:g}: loss {losses[0]:.4f} in the first epoch, {losses[-1]:.6f} in the last")

    figure, axes = subplots(1, 3)
    nn.plots.learning_curves(history, "loss", axes[0]).set_title(f"Loss, {data.name}")
    axes[0].plot(range(1, len(by_hand) + 1), by_hand, "--", color="black", label="training, by hand")
    axes[0].legend(frameon=False)
    nn.plots.learning_curves(history, "accuracy", axes[1]).set_title(
        f"Accuracy: {history['val_accuracy'][-1]:.3f} at the end"
    )
    for lr, losses in curves.items():
        axes[2].semilogy(range(1, len(losses) + 1), losses, marker="o", markersize=3.5, label=f"lr {lr:g}")
    axes[2].set(title="0 against 1, hidden layer of 128", xlabel="epoch", ylabel="loss")
    axes[2].xaxis.get_major_locator().set_params(integer=True)
    axes[2].grid(alpha=0.3)
    axes[2].legend(frameon=False)
    save(figure, options, "curves")
    say("Lesson: backpropagation by hand is four lines a layer; one that is wrong still trains, only worse.")

    heading("Exercises")
    answer(exercise_1, x, y, parameters)
    answer(exercise_2, x, y, parameters)
    answer(exercise_3, x, y, parameters)
    answer(exercise_4, x, y, parameters)
    answer(exercise_5, x, y, options.seed)


def learning_rates(options: Namespace) -> dict[float, list[float]]:
    """Return the losses of the two classes' training at two learning rates."""
    _, X, y, _, _ = load_pair(options)
    labels, curves = y[:, 0].astype(int), {}
    for lr in (0.1, 1.0):
        model = network(X.shape[1], 128, 2, options.seed)
        optimizer = nn.optim.SGD(model.parameters(), lr=lr)
        curves[lr] = nn.fit(model, X, labels, optimizer=optimizer, epochs=10, batch_size=BATCH, rng=options.seed)[
            "loss"
        ]
    return curves


def gradients(x: Array, labels: Array, parameters: list[Array]) -> list[Array]:
    """Return the gradients of W1, b1, W2, b2, by hand."""
    W1, b1, W2, b2 = parameters
    A1, A2 = reference.forward_mlp(x, *parameters)
    return list(reference.backward_mlp(x, A1, A2, np.eye(b2.size)[labels], W1, W2, x @ W1 + b1))


def loss(x: Array, labels: Array, parameters: list[Array]) -> float:
    """Return the cross-entropy of a batch."""
    return reference.cross_entropy(reference.forward_mlp(x, *parameters)[1], np.eye(10)[labels])


def exercise_1(x: Array, labels: Array, parameters: list[Array]) -> str:
    """Add up the gradient of the last biases."""
    *_, grad_b2 = gradients(x, labels, parameters)
    assert abs(grad_b2.sum()) < 1e-15
    return "It sums to 0: what one class gains the others lose, since probabilities and labels both sum to 1."


def exercise_2(x: Array, labels: Array, parameters: list[Array]) -> str:
    """Predict by how much a small step lowers the loss."""
    g = gradients(x, labels, parameters)
    squared = sum(float(np.sum(a**2)) for a in g)
    lr = 1e-5
    fall = loss(x, labels, parameters) - loss(x, labels, [p - lr * a for p, a in zip(parameters, g, strict=True)])
    assert np.isclose(fall, lr * squared, rtol=1e-3)
    return f"By lr times the squared length of the gradient, {lr * squared:.4e}; it falls by {fall:.4e}."


def exercise_3(x: Array, labels: Array, parameters: list[Array]) -> str:
    """Compare the gradient of a batch with those of its halves."""
    half = len(x) // 2
    parts = slice(2 * half), slice(half), slice(half, 2 * half)
    whole, *halves = (gradients(x[part], labels[part], parameters)[0] for part in parts)
    assert np.allclose(whole, np.mean(halves, axis=0), rtol=1e-10, atol=1e-15)
    return "It is their mean: a batch can be shared out over machines."


def exercise_4(x: Array, labels: Array, parameters: list[Array]) -> str:
    """Let all hidden units begin alike, and train for 20 steps."""
    W1, b1, W2, b2 = parameters
    p = [np.repeat(W1[:, :1], b1.size, axis=1), b1, np.repeat(W2[:1], b1.size, axis=0), b2]
    first = loss(x, labels, p)
    for _ in range(20):
        p = [a - 0.1 * g for a, g in zip(p, gradients(x, labels, p), strict=True)]
    assert np.allclose(p[0], p[0][:, :1], rtol=1e-9, atol=0)
    last = loss(x, labels, p)
    return f"The loss falls from {first:.4f} to {last:.4f}, but they stay alike: 256 units do the work of one."


def exercise_5(x: Array, labels: Array, seed: int) -> str:
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
