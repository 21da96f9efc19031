"""Chapter 4.6: a look back on what was built, what came out, and where to go on.

Everything that the chapters wrote by hand fits into four formulas. A layer and its backward pass are

    Z = A W + b,    A' = f(Z),    dL/dW = A^T delta,    delta' = (delta W^T) * f'(Z),

a convolution is a layer whose weights are few and used everywhere, softmax with cross-entropy begins the way back with
delta = (probs - y) / n, and gradient descent W <- W - lr dL/dW does the rest. An engine that records the way forwards
finds the way back by itself; differences of the loss say whether either is right.
"""

from argparse import Namespace
from typing import Any

import chapter_3_4_training
import chapter_4_1_deeper
import chapter_4_1b_initialisation
import chapter_4_4_regularisation
import chapter_4_5_capstone
import numpy as np
from common import (
    BATCH,
    Array,
    Split,
    agree,
    bounded,
    by_name,
    heading,
    load_images,
    load_pair,
    opening,
    run,
    save,
    say,
    sgd,
    split,
    subplots,
    table,
    train,
)

import nn
from nn import reference

# What each chapter wrote by hand, and what does the same automatically.
BUILT = (
    ("2.3", "normalize, matrix_multiply, identity, sigmoid, mse_loss", "np.matmul, nn.Sigmoid, nn.MSELoss"),
    ("", "binary_cross_entropy, gradient_descent", "nn.BCELoss, nn.optim.SGD, nn.fit"),
    ("", "gradient_descent_general", "autograd_np.value_and_grad"),
    ("2.4", "numerical_gradient", "autograd_np.testing.check_grads"),
    ("3.1", "forward_perceptron", "nn.Linear"),
    ("3.2", "relu, softmax", "nn.ReLU, nn.Softmax"),
    ("3.3", "forward_mlp, cross_entropy", "nn.Sequential, nn.CrossEntropyLoss"),
    ("3.4", "backward_mlp", "loss.backward()"),
    ("4.1", "forward_mlp_3layer, backward_mlp_3layer", "one nn.Linear more"),
    ("4.1b", "xavier_init, he_init", "nn.init.xavier_normal_, nn.init.kaiming_normal_"),
    ("", "forward_batch_norm, backward_batch_norm", "nn.BatchNorm1d"),
    ("4.2", "conv2d", "nn.functional.conv2d"),
    ("4.3", "max_pool, forward_cnn, backward_cnn", "nn.Conv2d, nn.MaxPool2d, nn.Flatten"),
    ("4.4", "l2_regularization, dropout, dropout_mask", "weight_decay of nn.optim.SGD, nn.Dropout"),
    ("4.5", "momentum_update, accuracy", "momentum of nn.optim.SGD, nn.accuracy"),
)


def story(options: Namespace) -> None:
    """Look back."""
    opening(
        "Why it matters: whoever has written every gradient by hand once knows what a library does, and where to look."
    )

    heading("What was built")
    table(("chapter", "by hand, in nn.reference", "automatically"), BUILT)

    data = load_images(options)
    features = split(data)
    heading("By hand, automatically, numerically")
    three_ways(features[0][:BATCH], data, options.seed)

    heading("What came out")
    say(
        f"Accuracy on test images of {data.name}, with the settings of each chapter, beside what the series reports "
        "for its 5,000 images of MNIST; a dash where it reports nothing:"
    )
    rows = figures(data, features, options)
    table(
        ("chapter", "network", "the series, MNIST", f"here, {data.name}"),
        [(chapter, network, series or "-", f"{here:.4f}") for chapter, network, series, here in rows],
    )
    draw(options, rows, data.name)
    say("Lesson: write a gradient by hand to understand it, let an engine find it, and let differences check both.")

    heading("Where to go on")
    for line in (
        "chapter_5_1_curvature.py: second derivatives, and why a learning rate is too large",
        "train.py --model lenet --data mnist: two convolutions and all of MNIST, 0.991",
        "fit.py: functions of your own, fitted by scipy.optimize with their gradients",
        "compare_passes.py --mistake mask: a backward pass of your own, and what is wrong with it",
        "test_numpy_gradients.py: gradients of your own code, tested by pytest",
        "PyTorch: nn has its names, and a state dict saved there loads here unchanged",
    ):
        print(f"- {line}")
    say("Next, beyond the series: chapter 5.1, and second derivatives at work.")


def three_ways(x: Array, data: nn.data.LabelledImages, seed: int) -> None:
    """Compare the gradients of all networks that the series writes by hand, on one batch."""
    labels, d = data.y_train[: len(x)], x.shape[1]
    normed = chapter_4_1b_initialisation.Network([d, 64, 32, 10], "He", normalised=True, seed=seed)
    images = data.x_train[: len(x), np.newaxis].astype(np.float64)
    perceptron, activation = chapter_4_1_deeper.perceptron, nn.ReLU
    compared: list[tuple[str, Any, Array, Any]] = [
        ("784-256-10", perceptron([d, 256, 10], activation, "he", seed), x, None),
        ("784-256-128-10", perceptron([d, 256, 128, 10], activation, "he", seed), x, None),
        ("784-64-32-10, batch norm", normed.automatic(), x, normed.by_name),
        ("CNN", chapter_4_5_capstone.cnn(images.shape[-1], np.random.default_rng(seed)), images, None),
    ]
    rows, worst = [], 0.0
    for name, model, batch, backward in compared:
        comparison = nn.compare.compare_backprop(model, batch, labels, backward=backward)
        by_hand, numerical = (max(getattr(row, way) for row in comparison.rows) for way in ("relative", "numerical"))
        count = sum(p.size for p in model.parameters())
        verdict = "yes" if comparison.agrees else "NO"
        rows.append((name, f"{count:,}", bounded(by_hand), bounded(numerical), verdict))
        worst = max(worst, by_hand)
    table(("network", "parameters", "by hand within", "numerical within", "all agree"), rows)
    agree("The gradients of all networks", 1 + worst, 1.0)


def figures(data: nn.data.LabelledImages, features: Split, options: Namespace) -> list[tuple[str, str, str, float]]:
    """Return chapter, network, what the series reports, and the test accuracy here."""
    seed, d = options.seed, features[0].shape[1]
    rows = []

    _, X, y, X_test, y_test = load_pair(options)
    W, b, _ = reference.gradient_descent(
        X, y, np.zeros((X.shape[1], 1)), np.zeros((1, 1)), 0.1, 10, 32, reference.binary_cross_entropy,
        reference.sigmoid, verbose=False, rng=seed,
    )  # fmt: skip
    hits = reference.accuracy(reference.forward_perceptron(X_test, W, b), y_test)
    rows.append(("2.3", "logistic regression, 0 against 1", "0.935", hits))

    for chapter, network, series, model in (
        ("3.4", "784-256-10", "0.892", chapter_3_4_training.network(d, 256, 10, seed)),
        ("4.1", "784-256-128-10", "0.887", chapter_4_1_deeper.perceptron([d, 256, 128, 10], nn.ReLU, 0.01, seed)),
        ("4.1", "784-256-128-10, He", "", chapter_4_1_deeper.perceptron([d, 256, 128, 10], nn.ReLU, "he", seed)),
        *(
            (
                "4.1b", f"784-256-128-10, {weights}, batch norm", "",
                chapter_4_1b_initialisation.Network([d, 256, 128, 10], weights, normalised=True, seed=seed).automatic(),
            )
            for weights in ("0.01", "He")
        ),
    ):  # fmt: skip
        history = train(model, features, 0.1, 20, seed)
        rows.append((chapter, network, series, history["accuracy"][-1]))

    regularisation, given = chapter_4_4_regularisation, Namespace(lr=0.1, epochs=20, batch=BATCH, seed=seed)
    _, labels, _, labels_test = features
    plain = regularisation.train(regularisation.network(d, seed, dropout=False), split(data, np.float32), 0.0, given)
    # In float64, as in the chapter: an image or two more are right or wrong in float32.
    parameters = by_name(regularisation.network(d, seed, dropout=False, dtype=np.float64))
    model = regularisation.network(d, seed, dropout=True, dtype=np.float64)
    both = regularisation.train(model, features, regularisation.LAMBDA, given)
    _, theirs = regularisation.train_by_hand(
        parameters, features, regularisation.of_the_series(seed), regularisation.LAMBDA, given
    )
    for network, series, history in (
        ("784-256-128-10 (again)", "0.870", plain),
        ("with L2 and dropout, the series' way", "0.885", theirs),
        ("with L2 and dropout", "", both),
    ):
        rows.append(("4.4", network, series, history["val_accuracy"][-1]))

    capstone = chapter_4_5_capstone
    X, X_test, images, images_test = capstone.inputs(data)
    for network, (model, lambda_, mu) in capstone.networks(data.x_train.shape[1], seed).items():
        if mu:
            seen, test = (images, images_test) if network == "CNN" else (X, X_test)
            nn.fit(
                model, seen, labels, optimizer=sgd(model, 0.02, lambda_, mu), epochs=15,
                batch_size=BATCH, rng=seed,
            )  # fmt: skip
            hits = nn.accuracy(nn.predict(model, test), labels_test)
            rows.append(("4.5", f"{network}, momentum", capstone.SERIES[network], hits))
    return rows


def draw(options: Namespace, rows: list[tuple[str, str, str, float]], name: str) -> None:
    """Draw all figures."""
    figure, ax = subplots(1, 1, width=9.0, height=5.2)
    places = range(len(rows))[::-1]
    for place, (chapter, _, series, here) in zip(places, rows, strict=True):
        ax.text(0.015, place, chapter, transform=ax.get_yaxis_transform(), va="center", color="0.4")
        if series:
            reported = float(series.removeprefix("about "))
            ax.plot([reported, here], [place, place], color="0.75", linewidth=2, zorder=1)
            ax.plot(reported, place, "o", color="C1", label="the series, MNIST" if place == len(rows) - 1 else None)
        ax.annotate(f"{here:.3f}", (here, place), xytext=(7, 0), textcoords="offset points", va="center", fontsize=9)
    ax.plot([here for *_, here in rows], places, "o", color="C0", label=f"here, {name}")
    ax.set_yticks(places, [network for _, network, _, _ in rows])
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="accuracy on the test images", xlim=(0.84, 1.015), ylim=(-0.7, len(rows) - 0.3))
    ax.set_xticks(np.linspace(0.86, 1, 8))
    ax.grid(axis="x", alpha=0.3)
    figure.suptitle("What came out, chapter by chapter")
    figure.legend(*ax.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=2)
    save(figure, options, "figures")


if __name__ == "__main__":
    run(story)
