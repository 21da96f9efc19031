"""Chapter 4.4: regularisation, by a penalty on the weights and by dropout.

A network with more parameters than images learns the images by heart. Two ways to keep it from that:

L2. Add a penalty to the loss, L + lambda (|W1|^2 + |W2|^2 + |W3|^2). Its gradient is 2 lambda W, so that every step
also shrinks the weights by the factor 1 - 2 lr lambda: "weight decay" of 2 lambda.

Dropout. While training, switch each hidden unit off with probability 1 - p, by a mask of zeros and ones, drawn anew for
each batch. Where a unit is kept, its activation is divided by p, so that the next layer gets the same on average,

    A1 = relu(Z1) * M1,    M1 = (0 or 1) / p,    mean of M1 = 1,

and nothing is to be done when testing. The mask is part of the network, so the backward pass has it as well:

    delta1 = (delta2 W2^T) * M1 * (Z1 > 0).

The series does not divide by p, so that all activations are larger by 1/p when testing; and it draws the mask after the
forward pass, so that its gradient belongs neither to the loss with the mask nor to that without.
"""

from argparse import Namespace
from itertools import product
from typing import Any

import numpy as np
from common import (
    Array,
    agree,
    answer,
    difference,
    heading,
    load_images,
    progress,
    run,
    save,
    say,
    standardize,
    subplots,
    table,
)

import nn
from autograd_np import print_tape, value_and_grad
from nn import reference

BATCH = 64
KEEP = 0.8
LAMBDA = 0.01


def network(d: int, seed: int, *, dropout: bool, dtype: type = np.float32) -> nn.Sequential:
    """Return the perceptron with two hidden layers, with dropout behind each or not; `Dropout` takes 1 - p."""
    rng = np.random.default_rng(seed)
    model = nn.Sequential(
        nn.Linear(d, 256, dtype=dtype), nn.ReLU(), nn.Dropout(1 - KEEP, rng=seed + 1),
        nn.Linear(256, 128, dtype=dtype), nn.ReLU(), nn.Dropout(1 - KEEP, rng=seed + 2),
        nn.Linear(128, 10, dtype=dtype),
    )  # fmt: skip
    for layer in (model[0], model[3], model[6]):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", rng=rng)
        nn.init.zeros_(layer.bias)
    if not dropout:
        return nn.Sequential(*(layer for layer in model if not isinstance(layer, nn.Dropout)))
    return model


def decay(model: nn.Sequential, lr: float, lambda_: float) -> nn.optim.SGD:
    """Return an optimiser that adds the gradient of the penalty: for weights, not for biases."""
    weights = [p for p in model.parameters() if p.ndim == 2]
    biases = [p for p in model.parameters() if p.ndim == 1]
    return nn.optim.SGD([{"params": weights, "weight_decay": 2 * lambda_}, {"params": biases}], lr=lr)


def by_name(model: nn.Sequential) -> list[Array]:
    """Return W1, b1, W2, b2, W3, b3 of a model, in the series' shapes and in float64."""
    return [(p.data.T if p.ndim == 2 else p.data[np.newaxis]).astype(np.float64) for p in model.parameters()]


def filled(model: nn.Sequential, parameters: list[Array]) -> nn.Sequential:
    """Give a model the parameters of the series' shapes."""
    for p, given in zip(model.parameters(), parameters, strict=True):
        p.data = given.T if p.ndim == 2 else given[0]
    return model


def backward(parameters: list[Array], x: Array, y: Array, M1: Array, M2: Array) -> tuple[float, list[Array]]:
    """Return the loss and the gradients of a batch, by hand, with masks in the forward and the backward pass."""
    W1, b1, W2, b2, W3, b3 = parameters
    Z1 = x @ W1 + b1
    A1 = reference.relu(Z1) * M1
    Z2 = A1 @ W2 + b2
    A2 = reference.relu(Z2) * M2
    A3 = reference.softmax(A2 @ W3 + b3)
    delta3 = (A3 - y) / len(x)
    delta2 = (delta3 @ W3.T) * M2 * (Z2 > 0)
    delta1 = (delta2 @ W2.T) * M1 * (Z1 > 0)
    gradients = [
        x.T @ delta1, delta1.sum(axis=0, keepdims=True),
        A1.T @ delta2, delta2.sum(axis=0, keepdims=True),
        A2.T @ delta3, delta3.sum(axis=0, keepdims=True),
    ]  # fmt: skip
    return reference.cross_entropy(A3, y), gradients


def backward_of_the_series(
    parameters: list[Array], x: Array, y: Array, rng: np.random.Generator
) -> tuple[float, list[Array]]:
    """Return the loss without masks, and gradients with masks that are drawn after it and not scaled."""
    W1, b1, W2, b2, W3, _ = parameters
    A1, A2, A3 = reference.forward_mlp_3layer(x, *parameters)
    Z1, Z2 = x @ W1 + b1, A1 @ W2 + b2
    A1 = reference.dropout(A1, KEEP, rng=rng)
    A2 = reference.dropout(A2, KEEP, rng=rng)
    gradients = reference.backward_mlp_3layer(x, A1, A2, A3, y, W1, W2, W3, Z1, Z2)
    return reference.cross_entropy(A3, y), list(gradients)


def train_by_hand(
    parameters: list[Array], data: tuple[Array, ...], options: Namespace, *, series: bool = False
) -> tuple[list[Array], dict[str, list[float]]]:
    """Train with L2 and dropout; return the parameters and the history that `nn.fit` would return."""
    X, labels, X_test, labels_test = data
    batches = nn.data.Batches(X, np.eye(10)[labels], batch_size=BATCH, rng=options.seed)
    # The generators of the model's two dropout layers, so that the masks are the same.
    first, second = (np.random.default_rng(options.seed + i) for i in (1, 2))
    history: dict[str, list[float]] = {"loss": [], "val_loss": [], "val_accuracy": []}
    for _ in progress(range(options.epochs), "the series' way" if series else "by hand"):
        total = 0.0
        for x, y in batches:
            if series:
                loss, gradients = backward_of_the_series(parameters, x, y, first)
            else:
                M1 = nn.functional.dropout(np.ones((len(x), 256)), 1 - KEEP, rng=first)
                M2 = nn.functional.dropout(np.ones((len(x), 128)), 1 - KEEP, rng=second)
                loss, gradients = backward(parameters, x, y, M1, M2)
            gradients = with_penalty(gradients, parameters)
            parameters = [p - options.lr * g for p, g in zip(parameters, gradients, strict=True)]
            total += loss * len(x)
        _, A2, A3 = reference.forward_mlp_3layer(X_test, *parameters)
        logits = A2 @ parameters[4] + parameters[5]
        history["loss"].append(total / len(X))
        # From logits, as everywhere in this chapter: images that are wrong beyond 1e-15 count for what they are.
        history["val_loss"].append(float(nn.functional.cross_entropy(logits, labels_test)))
        history["val_accuracy"].append(reference.accuracy(A3, labels_test))
    return parameters, history


def with_penalty(gradients: list[Array], parameters: list[Array]) -> list[Array]:
    """Add the gradients of the penalty to those of the weights, W1, W2 and W3."""
    _, penalties = reference.l2_regularization(parameters[::2], LAMBDA)
    return [g + penalties[i // 2] if i % 2 == 0 else g for i, g in enumerate(gradients)]


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    rng = np.random.default_rng(options.seed)
    data = load_images(options)
    X, X_test = standardize(data.x_train, data.x_test)
    labels, labels_test = data.y_train, data.y_test
    n, d = X.shape
    parameters = by_name(network(d, options.seed, dropout=False, dtype=np.float64))
    x, y = X[:BATCH], np.eye(10)[labels[:BATCH]]

    heading("Gradients of a batch, with masks and penalty")
    A1, _, _ = reference.forward_mlp_3layer(x, *parameters)
    M1, M2 = (reference.dropout_mask(np.ones((len(x), k)), KEEP, inverted=True, rng=rng) for k in (256, 128))
    automatic = automatic_gradients(parameters, x, y, M1, M2)
    _, by_hand = backward(parameters, x, y, M1, M2)
    for i, (g, found) in enumerate(zip(with_penalty(by_hand, parameters)[::2], automatic[::2], strict=True), start=1):
        agree(f"Gradient of W{i}", g, found)

    print("\nWhat a step of the model with dropout records, and how it goes back; the masks are constants:\n")
    model = network(d, options.seed, dropout=True)
    print_tape(nn.CrossEntropyLoss()(model(x), labels[:BATCH]), dict(model.named_parameters()))

    heading("Where the series went wrong")
    dropped = reference.dropout(A1, KEEP, rng=rng)
    scaled = reference.dropout(A1, KEEP, inverted=True, rng=rng)
    print(f"mean hidden activation, training over testing: {dropped.mean() / A1.mean():.3f} in the series, "
          f"{scaled.mean() / A1.mean():.3f} if scaled")  # fmt: skip
    _, series = backward_of_the_series(parameters, x, y, np.random.default_rng(1))
    generator = np.random.default_rng(1)
    M1, M2 = (reference.dropout_mask(np.ones((len(x), k)), KEEP, rng=generator) for k in (256, 128))
    ones = np.ones((len(x), 256)), np.ones((len(x), 128))
    for what, masks in (("with the mask", (M1, M2)), ("without it", ones)):
        _, gradients = backward(parameters, x, y, *masks)
        print(f"its gradient of W3 is off that of the loss {what} by {difference(series[4], gradients[4]):.2f}")

    heading("Training")
    say(
        f"The network {d}-256-128-10, {n} images of {data.name}, {len(X_test)} more to test; learning rate "
        f"{options.lr:g}, {options.epochs} epochs, batches of {BATCH}; lambda = {LAMBDA:g}, kept with p = {KEEP:g}."
    )
    histories, rows = {}, []

    def judge(name: str, model: nn.Sequential) -> None:
        seen = nn.evaluate(model, X, labels, metrics={"accuracy": nn.accuracy})
        test = nn.evaluate(model, X_test, labels_test, metrics={"accuracy": nn.accuracy})
        norm = np.sqrt(sum(np.sum(p.data**2) for p in model.parameters() if p.ndim == 2))
        figures = (seen["loss"], seen["accuracy"], test["loss"], test["accuracy"])
        rows.append((name, *(f"{figure:.4f}" for figure in figures), f"{norm:.2f}"))

    for name, lambda_, dropout in (
        ("without", 0.0, False), ("L2", LAMBDA, False), ("dropout", 0.0, True), ("L2 and dropout", LAMBDA, True),
    ):  # fmt: skip
        dtype = np.float64 if lambda_ and dropout else np.float32
        model = network(d, options.seed, dropout=dropout, dtype=dtype)
        histories[name] = nn.fit(
            model, X, labels, optimizer=decay(model, options.lr, lambda_), epochs=options.epochs, batch_size=BATCH,
            validation=(X_test, labels_test), metrics={"accuracy": nn.accuracy}, rng=options.seed,
        )  # fmt: skip
        judge(name, model)
    images = X, labels, X_test, labels_test
    weights = by_name(model)
    by_hand, history = train_by_hand(parameters, images, options)
    judge("L2 and dropout, by hand", filled(model, by_hand))
    series, histories["the series' way"] = train_by_hand(parameters, images, options, series=True)
    judge("L2 and dropout, the series' way", filled(model, series))
    table(("", "training loss", "accuracy", "test loss", "accuracy", "|W|"), rows)
    agree("Losses with L2 and dropout", history["loss"], histories["L2 and dropout"]["loss"], tolerance=1e-8)
    agree("Test losses", history["val_loss"], histories["L2 and dropout"]["val_loss"], tolerance=1e-8)
    agree("Weights", by_hand[0], weights[0], tolerance=1e-8)
    say("The series reports a test accuracy of 0.885 with both, 0.870 without, for its 5,000 images of MNIST.")

    draw(options, histories, data.name)
    say("Lesson: regularisation pays with training loss for small weights; whether the test gains, only the test says.")

    heading("Exercises")
    answer(exercise_1, rng)
    answer(exercise_2, parameters, x, y, options.lr)
    answer(exercise_3, parameters)
    answer(exercise_4, rng)
    answer(exercise_5, parameters, x)


def automatic_gradients(parameters: list[Array], x: Array, y: Array, M1: Array, M2: Array) -> list[Array]:
    """Return the gradients of the loss as it is written down, penalty and masks included."""
    labels = y.argmax(axis=1)

    def loss(p: Any) -> Any:
        W1, b1, W2, b2, W3, b3 = p
        A1 = nn.functional.relu(x @ W1 + b1) * M1
        A2 = nn.functional.relu(A1 @ W2 + b2) * M2
        penalty = np.sum(W1**2) + np.sum(W2**2) + np.sum(W3**2)
        return nn.functional.cross_entropy(A2 @ W3 + b3, labels) + LAMBDA * penalty

    return value_and_grad(loss)(parameters)[1]


def draw(options: Namespace, histories: dict[str, dict[str, list[float]]], name: str) -> None:
    """Draw the curves of all trainings."""
    figure, axes = subplots(1, 3)
    for training, history in histories.items():
        epochs = range(1, len(history["loss"]) + 1)
        style = {"linestyle": "--"} if training == "the series' way" else {}
        for ax, key in zip(axes, ("loss", "val_loss", "val_accuracy"), strict=True):
            ax.plot(epochs, history[key], label=training, linewidth=1.8, **style)
    axes[0].set(title=f"Training loss, {name}", ylabel="cross-entropy, with dropout where there is any", yscale="log")
    axes[1].set(title="Test loss", ylabel="cross-entropy", yscale="log")
    lowest = min(min(history["val_accuracy"][1:] or [0]) for history in histories.values())
    axes[2].set(title="Test accuracy", ylabel="accuracy", ylim=(lowest - 0.01, None))
    for ax in axes:
        ax.set_xlabel("epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(alpha=0.3)
    axes[0].legend(frameon=False)
    save(figure, options, "curves")


def exercise_1(rng: np.random.Generator) -> str:
    """Find mean and variance of a mask that is divided by p."""
    M = reference.dropout_mask(np.ones(1_000_000), KEEP, inverted=True, rng=rng)
    assert np.isclose(M.mean(), 1, atol=0.005)
    assert np.isclose(M.var(), (1 - KEEP) / KEEP, atol=0.005)
    return f"{M.mean():.3f} and {M.var():.3f}: 1 and (1 - p) / p = {(1 - KEEP) / KEEP:.3f}."


def exercise_2(parameters: list[Array], x: Array, y: Array, lr: float) -> str:
    """Show that weight decay of 2 lambda is the gradient of the penalty."""
    model = filled(network(x.shape[1], 0, dropout=False, dtype=np.float64), parameters)
    ones = np.ones((len(x), 256)), np.ones((len(x), 128))
    expected = parameters[0] - lr * automatic_gradients(parameters, x, y, *ones)[0]
    nn.CrossEntropyLoss()(model(x), y.argmax(axis=1)).backward()
    decay(model, lr, LAMBDA).step()
    assert np.allclose(model[0].weight.data.T, expected, rtol=1e-10, atol=1e-14)
    return "A step with weight_decay = 2 lambda is a step on the loss with the penalty."


def exercise_3(parameters: list[Array]) -> str:
    """Take 100 steps on the penalty alone, with lr = 0.1."""
    W = W0 = parameters[0]
    for _ in range(100):
        _, [gradient] = reference.l2_regularization([W], LAMBDA)
        W = W - 0.1 * gradient
    factor = (1 - 2 * 0.1 * LAMBDA) ** 100
    assert np.allclose(W, factor * W0, rtol=1e-12)
    return f"Each multiplies the weights by 1 - 2 lr lambda; after 100 there is {factor:.4f} left of them."


def exercise_4(rng: np.random.Generator) -> str:
    """Average the squared error of a linear model over all masks of its inputs."""
    w, x, y = rng.normal(size=5), rng.normal(size=5), rng.normal()
    average = sum(
        np.prod(np.where(kept, KEEP, 1 - KEEP)) * (np.array(kept) / KEEP * x @ w - y) ** 2
        for kept in product((0, 1), repeat=5)
    )
    penalty = (1 - KEEP) / KEEP * np.sum((w * x) ** 2)
    assert np.isclose(average, (x @ w - y) ** 2 + penalty, rtol=1e-12)
    return (
        f"Over the 32 masks it is {average:.4f}, the error without masks plus (1 - p) / p times the sum of (w x)^2: "
        "dropout is a penalty on the weights, too, scaled by the inputs."
    )


def exercise_5(parameters: list[Array], x: Array) -> str:
    """Mend the series' dropout when testing, without training again."""
    W1, b1, W2, b2, _, _ = parameters
    A1 = reference.relu(x @ W1 + b1)
    generator = np.random.default_rng(0)
    trained = np.mean([reference.dropout(A1, KEEP, rng=generator) @ W2 + b2 for _ in range(2000)], axis=0)
    mended = A1 @ (KEEP * W2) + b2
    off = difference(trained, mended)
    assert off < 0.02
    assert difference(trained, A1 @ W2 + b2) > 0.1
    return f"Multiply the weights behind by p: then Z2 is, to {off:.3f}, what it was on average in training."


if __name__ == "__main__":
    run(story, epochs=20, lr=0.1)
