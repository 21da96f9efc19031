"""Chapter 4.5: momentum, and all networks of the series on the same digits.

Momentum gives the weights a velocity v, which remembers a part mu of what it was and is changed by the gradient:

    v <- mu v - lr dL/dW,    W <- W + v,    v = 0 at first.

Along a slope that stays the same, v grows towards lr / (1 - mu) times it, with mu = 0.9 ten times a plain step; across
a narrow valley, where the slope changes its sign from step to step, it cancels. Libraries write v <- mu v + dL/dW and
W <- W - lr v instead, which takes the same steps as long as lr stays the same.

Four networks, all trained with it:

    784-256-10           a hidden layer                                     203,530 parameters
    784-256-128-10       two hidden layers                                  235,146
    the same             with L2 (lambda = 0.001) and dropout (p = 0.8)     235,146
    CNN                  8 filters of 3 x 3, pooling 2 x 2, 1352-10          13,610
"""

from argparse import Namespace
from itertools import pairwise
from typing import Any

import numpy as np
from common import Array, agree, answer, heading, load_images, progress, run, save, say, standardize, subplots, table

import nn
from autograd_np import print_tape
from nn import reference

BATCH = 64
MU = 0.9
SERIES = {"784-256-10": "0.892", "784-256-128-10": "0.887", "with L2 and dropout": "0.885", "CNN": "about 0.90"}


def perceptron(sizes: list[int], rng: np.random.Generator, dropout: float = 0.0) -> nn.Sequential:
    """Return a perceptron with He's weights."""
    model = nn.Sequential(nn.Flatten())
    for d, k in pairwise(sizes):
        layer = nn.Linear(d, k)
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", rng=rng)
        nn.init.zeros_(layer.bias)
        model.append(layer)
        if k != sizes[-1]:
            model.append(nn.ReLU())
            if dropout:
                model.append(nn.Dropout(dropout, rng=rng))
    return model


def cnn(size: int, rng: np.random.Generator) -> nn.Sequential:
    """Return the convolutional network for images of a given size."""
    pooled = (size - 2) // 2
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * pooled**2, 10, rng=rng)
    )


def momentum(model: nn.Sequential, lr: float, lambda_: float = 0.0, mu: float = MU) -> nn.optim.SGD:
    """Return an optimiser with momentum, and the penalty's gradient for weights."""
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 2 * lambda_},
        {"params": [p for p in model.parameters() if p.ndim == 1]},
    ]
    return nn.optim.SGD(groups, lr=lr, momentum=mu)


def epoch_by_hand(
    model: nn.Sequential, X: Array, labels: Array, lr: float, seed: int
) -> tuple[list[float], list[Array]]:
    """Train for an epoch with `backward_cnn` and `momentum_update`; return the losses and parameters."""
    filters, b_conv, W, b = (p.data for p in model.parameters())
    parameters = [filters[:, 0], b_conv[np.newaxis], W.T, b[np.newaxis]]
    velocities, losses = [np.zeros_like(p) for p in parameters], []
    for x, y in progress(nn.data.Batches(X, np.eye(10)[labels], batch_size=BATCH, rng=seed), "by hand"):
        Z, A, P, probs = reference.forward_cnn(x, *parameters)
        gradients = reference.backward_cnn(x, Z, A, P, probs, y, parameters[0], parameters[2])
        velocities = [reference.momentum_update(v, g, MU, lr) for v, g in zip(velocities, gradients, strict=True)]
        parameters = [p + v for p, v in zip(parameters, velocities, strict=True)]
        losses.append(reference.cross_entropy(probs, y))
    return losses, parameters


def epoch_automatically(model: nn.Sequential, X: Array, labels: Array, lr: float, seed: int) -> list[float]:
    """Train a model for an epoch, and return the losses."""
    optimizer, criterion, losses = nn.optim.SGD(model.parameters(), lr=lr, momentum=MU), nn.CrossEntropyLoss(), []
    for x, y in nn.data.Batches(X[:, np.newaxis], labels, batch_size=BATCH, rng=seed):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return losses


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    rng = np.random.default_rng(options.seed)
    data = load_images(options)
    labels, labels_test = data.y_train, data.y_test
    n, size = data.x_train.shape[:2]
    # A perceptron takes each pixel as a feature of its own; a filter moves over all, and expects one scale for them.
    X, X_test = (x.astype(np.float32) for x in standardize(data.x_train, data.x_test))
    mean, std = data.x_train.mean(), data.x_train.std()
    images, images_test = ((x - mean)[:, np.newaxis] / std for x in (data.x_train, data.x_test))

    heading("An epoch of the CNN with momentum, both ways")
    model = cnn(size, rng).astype(np.float64)
    losses, parameters = epoch_by_hand(model, images[:, 0].astype(np.float64), labels, options.lr, options.seed)
    automatic = epoch_automatically(model, images[:, 0].astype(np.float64), labels, options.lr, options.seed)
    print(f"loss {losses[0]:.4f} in the first batch, {losses[-1]:.4f} in the last")
    agree("Losses", losses, automatic, tolerance=1e-8)
    agree("Filters", parameters[0], model[0].weight.data[:, 0], tolerance=1e-8)
    print("\nWhat a step records, and how it goes back:\n")
    x, y = images[:BATCH], labels[:BATCH]
    print_tape(nn.CrossEntropyLoss()(model(x), y), dict(model.named_parameters()))

    heading("The networks")
    say(
        f"{n} images of {data.name}, {len(X_test)} more to test; learning rate {options.lr:g}, momentum {MU:g}, "
        f"{options.epochs} epochs, batches of {BATCH}."
    )
    d = size * size
    models: dict[str, tuple[nn.Sequential, Array, Array, float, float]] = {
        "784-256-10": (perceptron([d, 256, 10], rng), X, X_test, 0.0, MU),
        "784-256-128-10": (perceptron([d, 256, 128, 10], rng), X, X_test, 0.0, MU),
        "with L2 and dropout": (perceptron([d, 256, 128, 10], rng, dropout=0.2), X, X_test, 0.001, MU),
        "CNN": (cnn(size, np.random.default_rng(options.seed)), images, images_test, 0.0, MU),
        "CNN without momentum": (cnn(size, np.random.default_rng(options.seed)), images, images_test, 0.0, 0.0),
    }
    histories, rows = {}, []
    for name, (model, train, test, lambda_, mu) in models.items():
        history = histories[name] = nn.fit(
            model, train, labels, optimizer=momentum(model, options.lr, lambda_, mu), epochs=options.epochs,
            batch_size=BATCH, validation=(test, labels_test), metrics={"accuracy": nn.accuracy}, rng=options.seed,
        )  # fmt: skip
        count = sum(p.size for p in model.parameters())
        accuracy = history["val_accuracy"][-1]
        rows.append((name, f"{count:,}", f"{history['loss'][-1]:.4f}", f"{accuracy:.4f}", SERIES.get(name, "")))
    table(("network", "parameters", "training loss", "test accuracy", "the series, MNIST"), rows)

    network = models["CNN"][0]
    outputs = nn.predict(network, images_test)
    predictions = outputs.argmax(axis=1)
    wrong = np.flatnonzero(predictions != labels_test)
    say(
        f"The CNN gets {len(wrong)} of {len(outputs)} wrong, with 7 % of the parameters of the others or less. What it "
        f"takes for what, most often first: {confused(labels_test, predictions)}."
    )
    draw_curves(options, histories, data.name)
    draw_inside(options, network, images_test, data.x_test, labels_test)
    draw_mistakes(options, data.x_test, labels_test, outputs, data.name)
    say("Lesson: weights that know which pixels are neighbours go farther than many that do not.")

    heading("Exercises")
    answer(exercise_1, rng)
    answer(exercise_2)
    answer(exercise_3)
    answer(exercise_4, labels_test, predictions)
    answer(exercise_5, models["784-256-128-10"], models["CNN"], data, labels_test)


def confused(labels: Array, predictions: Array) -> str:
    """Return the three most frequent mistakes, in words."""
    wrong = labels != predictions
    pairs, counts = np.unique(np.stack([labels[wrong], predictions[wrong]], axis=1), axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:3]
    return ", ".join(f"{pairs[i][0]} for {pairs[i][1]} ({counts[i]} times)" for i in order) or "nothing"


def draw_curves(options: Namespace, histories: dict[str, dict[str, list[float]]], name: str) -> None:
    """Draw what momentum does, and the accuracy of all networks."""
    figure, axes = subplots(1, 2, width=5.2)
    for network in ("CNN without momentum", "CNN"):
        history = histories[network]
        axes[0].plot(range(1, len(history["loss"]) + 1), history["loss"], marker="o", markersize=3.5, label=network)
    axes[0].lines[-1].set_label(f"CNN with momentum {MU:g}")
    axes[0].set(title=f"Training loss, {name}", ylabel="cross-entropy", yscale="log")
    for network in SERIES:
        history = histories[network]
        axes[1].plot(
            range(1, len(history["loss"]) + 1), history["val_accuracy"], marker="o", markersize=3.5,
            label=f"{network}: {history['val_accuracy'][-1]:.3f}",
        )  # fmt: skip
    axes[1].set(title="Test accuracy", ylabel="accuracy")
    for ax in axes:
        ax.set_xlabel("epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(alpha=0.3)
        ax.legend(frameon=False)
    save(figure, options, "curves")


def draw_inside(options: Namespace, network: nn.Sequential, x: Array, images: Array, labels: Array) -> None:
    """Draw an image, the learnt filters, and what they see in it."""
    figure, axes = subplots(1, 3, width=4.4, height=3.0)
    axes[0].imshow(images[0], cmap="gray_r")
    axes[0].set_axis_off()
    axes[0].set_title(f"A test image: {labels[0]}")
    nn.plots.filters(network[0].weight.data, ax=axes[1]).set_title("Filters that the CNN has learnt")
    maps = nn.predict(network[:2], x[:1])[0]
    nn.plots.feature_maps(maps, ax=axes[2]).set_title("What they see in the image")
    save(figure, options, "filters")


def draw_mistakes(options: Namespace, images: Array, labels: Array, outputs: Array, name: str) -> None:
    """Draw which digits the CNN takes for which, and those that it gets most wrong."""
    figure, axes = subplots(1, 2, width=5.2, height=4.6)
    accuracy = nn.accuracy(outputs, labels)
    nn.plots.confusion_matrix(labels, outputs.argmax(axis=1), axes[0])
    axes[0].set_title(f"CNN on {name}: accuracy {accuracy:.3f}")
    nn.plots.misclassified(images, labels, outputs, count=24, ax=axes[1])
    axes[1].set_title("Its gravest mistakes: the truth, not its answer")
    save(figure, options, "mistakes")


def exercise_1(rng: np.random.Generator) -> str:
    """Take 20 steps with the series' formula and with the library's."""
    W = W0 = rng.normal(size=4)
    v = np.zeros(4)
    p = nn.Linear(4, 1, bias=False, dtype=np.float64)
    p.weight.data = W0[np.newaxis]
    optimizer = nn.optim.SGD(p.parameters(), lr=0.1, momentum=MU)
    for _ in range(20):
        v = reference.momentum_update(v, 2 * W, MU, 0.1)
        W = W + v
        optimizer.zero_grad()
        (p.weight**2).sum().backward()
        optimizer.step()
    assert np.allclose(p.weight.data[0], W, rtol=1e-12)
    return "They arrive at the same place: the library's velocity is -v / lr."


def exercise_2() -> str:
    """Let the gradient be 1 all the time."""
    v = np.zeros(1)
    for _ in range(200):
        v = reference.momentum_update(v, np.ones(1), MU, 0.1)
    assert np.isclose(v[0], -0.1 / (1 - MU), rtol=1e-6)
    return f"The step goes to {v[0]:.4f} = -lr / (1 - mu), ten times lr."


def exercise_3() -> str:
    """Descend into a valley that is curved by 100 across and by 1 along, with and without momentum."""
    curvature = np.array([1.0, 100.0])

    def steps(lr: float, mu: float) -> int:
        W, v, count = np.ones(2), np.zeros(2), 0
        while np.abs(W).max() > 1e-6:
            v = reference.momentum_update(v, curvature * W, mu, lr)
            W, count = W + v, count + 1
        return count

    plain = steps(2 / 101, 0.0)
    with_momentum = steps(4 / 11**2, (9 / 11) ** 2)
    assert with_momentum < plain / 5
    return (
        f"{plain} steps without and {with_momentum} with it, each at its best: the ratio of the curvatures counts, or "
        "its square root."
    )


def exercise_4(labels: Array, predictions: Array) -> str:
    """Read the accuracy from the confusion matrix."""
    matrix = np.zeros((10, 10), dtype=int)
    np.add.at(matrix, (labels, predictions), 1)
    assert np.trace(matrix) / matrix.sum() == np.mean(labels == predictions)
    assert np.array_equal(matrix.sum(axis=1), np.bincount(labels, minlength=10))
    return f"The diagonal over all, {np.trace(matrix)} / {matrix.sum()}; each row sums to the number of its digit."


def exercise_5(dense: Any, convolutional: Any, data: nn.data.Dataset, labels: Array) -> str:
    """Shift the test images by a pixel, and compare the perceptron with the CNN."""
    shifted = np.roll(data.x_test, 1, axis=2)
    _, X = standardize(data.x_train, shifted)
    mean, std = data.x_train.mean(), data.x_train.std()
    found = {}
    for name, (model, _, test, *_), moved in (
        ("perceptron", dense, X.astype(np.float32)),
        ("CNN", convolutional, (shifted - mean)[:, np.newaxis] / std),
    ):
        found[name] = [nn.accuracy(nn.predict(model, x), labels) for x in (test, moved)]
    fall = {name: before - after for name, (before, after) in found.items()}
    assert fall["CNN"] < fall["perceptron"]
    said = " and ".join(f"that of the {name} from {a:.3f} to {b:.3f}" for name, (a, b) in found.items())
    return (
        f"Of the accuracies, {said}: filters move with the image and pooling forgives a little, a dense layer does not."
    )


if __name__ == "__main__":
    run(story, epochs=15, lr=0.02)
