"""Chapter 4.4: regularisation, by a penalty on the weights and by dropout.

A network with more parameters than images learns the images by heart. Two ways to keep it from that:

L2. Add a penalty to the loss, L + lambda (|W1|^2 + |W2|^2 + |W3|^2). Its gradient is 2 lambda W, so that every step
also shrinks the weights by the factor 1 - 2 lr lambda: "weight decay" of 2 lambda.

Dropout. While training, switch each hidden unit off with probability 1 - p, by a mask of zeros and ones, drawn anew for
each batch. Where a unit is kept, its activation is divided by p, so that the next layer gets the same on average,

    A1 = relu(Z1) * M1,    M1 = (0 or 1) / p,    mean of M1 = 1,

and nothing is to be done when testing. The mask is part of the network, so the backward pass has it as well:

    delta1 = (delta2 W2^T) * M1 * (Z1 > 0).

The series does not divide by p, so that all activations are larger by 1/p when testing. And it draws both masks after
the forward pass, then takes Z2 from the dropped A1: its gradient belongs neither to the loss with masks nor to that
without, since A3 has seen no mask, A1 and A2 have seen one each, and Z2 another A1 than A3.
"""

from argparse import Namespace
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from common import (
    BATCH,
    Array,
    agree,
    answer,
    by_name,
    check_converged,
    difference,
    exercises,
    heading,
    load_images,
    load_thousand,
    of_mnist,
    opening,
    over_epochs,
    progress,
    random_weights,
    run,
    save,
    say,
    sgd,
    show_step,
    split,
    subplots,
    table,
)

import nn
from autograd_np import value_and_grad
from nn import reference

KEEP = 0.8
LAMBDA = 0.01

# From parameters, a batch and its one-hot labels to the gradients.
Backward = Callable[[list[Array], Array, Array], list[Array]]


def network(d: int, seed: int, *, dropout: bool, dtype: type = np.float32) -> nn.Sequential:
    """Return the series' perceptron, weights 0.01 times standard normal, with dropout or not; `Dropout` takes 1 - p."""
    rng = np.random.default_rng(seed)
    model = nn.Sequential(
        nn.Linear(d, 256, dtype=dtype), nn.ReLU(), nn.Dropout(1 - KEEP, rng=seed + 1),
        nn.Linear(256, 128, dtype=dtype), nn.ReLU(), nn.Dropout(1 - KEEP, rng=seed + 2),
        nn.Linear(128, 10, dtype=dtype),
    )  # fmt: skip
    for layer in (model[0], model[3], model[6]):
        nn.init.normal_(layer.weight, std=0.01, rng=rng)
        nn.init.zeros_(layer.bias)
    if not dropout:
        return nn.Sequential(*(layer for layer in model if not isinstance(layer, nn.Dropout)))
    return model


def filled(model: nn.Sequential, parameters: list[Array]) -> nn.Sequential:
    """Give a model the parameters of the series' shapes."""
    for p, given in zip(model.parameters(), parameters, strict=True):
        p.data = given.T if p.ndim == 2 else given[0]
    return model


def backward(parameters: list[Array], x: Array, y: Array, M1: Array | float, M2: Array | float) -> list[Array]:
    """Return the gradients of a batch, by hand, with masks in the forward and the backward pass; 1 is no mask."""
    W1, b1, W2, b2, W3, b3 = parameters
    Z1 = x @ W1 + b1
    A1 = reference.relu(Z1) * M1
    Z2 = A1 @ W2 + b2
    A2 = reference.relu(Z2) * M2
    A3 = reference.softmax(A2 @ W3 + b3)
    delta3 = (A3 - y) / len(x)
    delta2 = (delta3 @ W3.T) * M2 * (Z2 > 0)
    delta1 = (delta2 @ W2.T) * M1 * (Z1 > 0)
    return [
        x.T @ delta1, delta1.sum(axis=0, keepdims=True),
        A1.T @ delta2, delta2.sum(axis=0, keepdims=True),
        A2.T @ delta3, delta3.sum(axis=0, keepdims=True),
    ]  # fmt: skip


def without(parameters: list[Array], x: Array, y: Array) -> list[Array]:
    """Return the gradients of a batch, by hand, without dropout."""
    return backward(parameters, x, y, 1.0, 1.0)


def with_masks(seed: int) -> Backward:
    """Return a backward pass, by hand, that draws the masks of a model's dropout layers."""
    first, second = (np.random.default_rng(seed + i) for i in (1, 2))

    def gradients(parameters: list[Array], x: Array, y: Array) -> list[Array]:
        M1 = nn.functional.dropout(np.ones((len(x), 256), x.dtype), 1 - KEEP, rng=first)
        M2 = nn.functional.dropout(np.ones((len(x), 128), x.dtype), 1 - KEEP, rng=second)
        return backward(parameters, x, y, M1, M2)

    return gradients


def of_the_series(seed: int, *, late: bool = True) -> Backward:
    """Return the series' backward pass: masks that are drawn after the forward pass, not scaled.

    Z2 is taken from A1 as it is then, dropped already; or before, if not `late`.
    """
    rng = np.random.default_rng(seed + 1)

    def gradients(parameters: list[Array], x: Array, y: Array) -> list[Array]:
        W1, b1, W2, b2, W3, _ = parameters
        A1, A2, A3 = reference.forward_mlp_3layer(x, *parameters)
        Z1, Z2 = x @ W1 + b1, A1 @ W2 + b2
        A1 = reference.dropout(A1, KEEP, rng=rng)
        A2 = reference.dropout(A2, KEEP, rng=rng)
        if late:
            Z2 = A1 @ W2 + b2
        return list(reference.backward_mlp_3layer(x, A1, A2, A3, y, W1, W2, W3, Z1, Z2))

    return gradients


def train_by_hand(
    parameters: list[Array], data: tuple[Array, ...], gradients: Backward, lambda_: float, options: Namespace
) -> tuple[list[Array], dict[str, list[float]]]:
    """Return the trained parameters, and the losses and the accuracy after each epoch."""
    X, labels, X_test, labels_test = data
    batches = nn.data.Batches(X, np.eye(10, dtype=X.dtype)[labels], batch_size=options.batch, rng=options.seed)
    history: dict[str, list[float]] = {"loss": [], "val_loss": [], "val_accuracy": []}
    for _ in progress(range(options.epochs), "by hand"):
        for x, y in batches:
            found = gradients(parameters, x, y)
            if lambda_:
                found = with_penalty(found, parameters, lambda_)
            parameters = [p - options.lr * g for p, g in zip(parameters, found, strict=True)]
        history["loss"].append(loss(parameters, X, labels))
        history["val_loss"].append(loss(parameters, X_test, labels_test))
        *_, A3_test = reference.forward_mlp_3layer(X_test, *parameters)
        history["val_accuracy"].append(reference.accuracy(A3_test, labels_test))
    return parameters, history


def loss(parameters: list[Array], X: Array, labels: Array) -> float:
    """Return the cross-entropy without masks, as when testing."""
    _, A2, _ = reference.forward_mlp_3layer(X, *parameters)
    # From logits, as everywhere in this chapter: images that are wrong beyond 1e-15 count for what they are.
    return float(nn.functional.cross_entropy(A2 @ parameters[4] + parameters[5], labels))


def train(model: nn.Sequential, data: tuple[Array, ...], lambda_: float, options: Namespace) -> dict[str, list[float]]:
    """Return the same history, automatically."""
    X, labels, X_test, labels_test = data
    losses: list[float] = []
    history = nn.fit(
        model, X, labels, optimizer=sgd(model, options.lr, lambda_), epochs=options.epochs,
        batch_size=options.batch, validation=(X_test, labels_test), metrics={"accuracy": nn.accuracy},
        callbacks=[lambda model, _: losses.append(nn.evaluate(model, X, labels)["loss"])], rng=options.seed,
    )  # fmt: skip
    return history | {"loss": losses}


def with_penalty(gradients: list[Array], parameters: list[Array], lambda_: float = LAMBDA) -> list[Array]:
    """Add the gradients of the penalty to those of the weights, W1, W2 and W3."""
    _, penalties = reference.l2_regularization(parameters[::2], lambda_)
    return [g + penalties[i // 2] if i % 2 == 0 else g for i, g in enumerate(gradients)]


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    opening(
        "Why it matters: what counts are images that the network has never seen. Regularisation gives up some of the "
        "training loss for them, or is meant to.",
        "l2_regularization", "dropout", "dropout_mask",
    )  # fmt: skip
    options.batch = BATCH
    rng = np.random.default_rng(options.seed)
    images = load_images(options)
    data = X, labels, X_test, _ = split(images)
    n, d = X.shape
    parameters = by_name(network(d, options.seed, dropout=False, dtype=np.float64))
    x, labels = X[:BATCH], labels[:BATCH]
    y = np.eye(10)[labels]

    heading("Gradients of a batch, with masks and penalty")
    A1, _, _ = reference.forward_mlp_3layer(x, *parameters)
    M1, M2 = (reference.dropout_mask(np.ones((len(x), k)), KEEP, inverted=True, rng=rng) for k in (256, 128))
    automatic = automatic_gradients(parameters, x, y, M1, M2)
    by_hand = with_penalty(backward(parameters, x, y, M1, M2), parameters)
    for i, (g, found) in enumerate(zip(by_hand[::2], automatic[::2], strict=True), start=1):
        agree(f"Gradient of W{i}", g, found)

    model = network(d, options.seed, dropout=True)
    show_step(
        model, x, labels, "What a step of the model with dropout records, and how it goes back; the masks are constants"
    )

    heading("Where the series went wrong")
    dropped = reference.dropout(A1, KEEP, rng=rng)
    scaled = reference.dropout(A1, KEEP, inverted=True, rng=rng)
    print(f"mean hidden activation, training over testing: {dropped.mean() / A1.mean():.3f} in the series, "
          f"{scaled.mean() / A1.mean():.3f} if scaled")  # fmt: skip
    say(
        "Its training loop draws both masks after the forward pass, and takes Z2 from the A1 that is dropped by then. "
        "How far its gradients are off, relative to the largest entry:"
    )
    ours, early = (of_the_series(options.seed, late=late)(parameters, x, y) for late in (True, False))
    generator = np.random.default_rng(options.seed + 1)
    M1, M2 = (reference.dropout_mask(np.ones((len(x), k)), KEEP, rng=generator) for k in (256, 128))
    columns = backward(parameters, x, y, M1, M2), without(parameters, x, y), early
    table(
        ("gradient", "loss with its masks", "loss without", "the series', Z2 from the whole A1"),
        [(f"W{i + 1}", *(f"{difference(ours[2 * i], column[2 * i]):.3f}" for column in columns)) for i in range(3)],
    )
    say(
        "That of W3 does not depend on Z2. Those of W2 and W1 do, since Z2 decides which units of the second layer are "
        "awake. With Z2 from the whole A1, that of W1 would at least be the gradient of the loss without masks."
    )

    heading("Training")
    say(
        f"The network {d}-256-128-10, {n} images of {images.name}, {len(X_test)} more to test; weights of 0.01, "
        f"learning rate {options.lr:g}, {options.epochs} epochs, batches of {BATCH}; lambda = {LAMBDA:g}, kept with "
        f"p = {KEEP:g}. All losses are without masks and penalty, of all images:"
    )
    single = split(images, np.float32)
    histories, rows = {}, []

    def judge(name: str, model: nn.Sequential) -> None:
        seen, test = (nn.evaluate(model, *pair, metrics={"accuracy": nn.accuracy}) for pair in (data[:2], data[2:]))
        norm = np.sqrt(sum(np.sum(p.data**2) for p in model.parameters() if p.ndim == 2))
        figures = (seen["loss"], seen["accuracy"], test["loss"], test["accuracy"])
        rows.append((name, *(f"{figure:.4f}" for figure in figures), f"{norm:.2f}"))

    for name, lambda_, dropout in (
        ("without", 0.0, False), ("L2", LAMBDA, False), ("dropout", 0.0, True), ("L2 and dropout", LAMBDA, True),
    ):  # fmt: skip
        compared = bool(lambda_ and dropout)  # with the training by hand, to the last digits
        model = network(d, options.seed, dropout=dropout, dtype=np.float64 if compared else np.float32)
        histories[name] = train(model, data if compared else single, lambda_, options)
        check_converged(name, histories[name]["loss"], options.lr)
        judge(name, model)
    weights = by_name(model)
    by_hand, history = train_by_hand(parameters, data, with_masks(options.seed), LAMBDA, options)
    judge("L2 and dropout, by hand", filled(model, by_hand))
    series, histories["the series' way"] = train_by_hand(parameters, data, of_the_series(options.seed), LAMBDA, options)
    check_converged("The series' way", histories["the series' way"]["loss"], options.lr)
    judge("L2 and dropout, the series' way", filled(model, series))
    table(("", "training loss", "accuracy", "test loss", "accuracy", "|W|"), rows)
    for what in ("loss", "val_loss"):
        agree(f"L2 and dropout: {what}", history[what], histories["L2 and dropout"][what], tolerance=1e-8)
    agree("Weights", by_hand[0], weights[0], tolerance=1e-8)
    plain, both, theirs = (histories[name] for name in ("without", "L2 and dropout", "the series' way"))
    gain = both["val_accuracy"][-1] - plain["val_accuracy"][-1]
    found = theirs["val_accuracy"][-1], plain["val_accuracy"][-1]
    verdict = "do not raise" if gain <= 0 else "raise"
    say(
        "The series reports a test accuracy of 0.885 with both and 0.870 without, for its 5,000 images of MNIST; its "
        f"own code, run, has {found[0]:.4f} and {found[1]:.4f} here"
        f"{': the other way round' if found[0] < found[1] else ''}. Done as they should be, L2 and dropout {verdict} "
        f"the accuracy in {options.epochs} epochs. They change the training loss, from {plain['loss'][-1]:.3f} to "
        f"{both['loss'][-1]:.3f}, and the test loss, from {plain['val_loss'][-1]:.3f} to {both['val_loss'][-1]:.3f}."
    )

    draw(options, histories, images.name)
    say("Lesson: regularisation pays with training loss for small weights; whether the test gains, only the test says.")

    exercises()
    name, runs = thousand_images(options)
    answer(exercise_1)
    answer(exercise_2, options.seed)
    answer(exercise_3, options.seed)
    answer(exercise_4, name, runs)
    answer(exercise_5, rng)
    answer(exercise_6, parameters, x, y, options.lr)
    answer(exercise_7, parameters)
    answer(exercise_8, rng)
    answer(exercise_9, parameters, x)
    draw_exercise(options, runs)
    say("Next: chapter 4.5 adds momentum, and sets all networks of the series side by side.")


Runs = dict[str, list[dict[str, list[float]]]]


def thousand_images(options: Namespace) -> tuple[str, Runs]:
    """Train on 1,000 images, as the fourth exercise says, with five seeds each; return their name as well."""
    images = load_thousand(options)
    data = split(images, np.float32)
    runs: Runs = {"without dropout": [], "dropout": [], "dropout, the series' way": []}
    for seed in range(options.seed, options.seed + 5):
        given = Namespace(lr=0.1, epochs=10, batch=32, seed=seed)
        parameters = by_name(network(data[0].shape[1], seed, dropout=False))
        for history, gradients in zip(runs.values(), (without, with_masks(seed), of_the_series(seed)), strict=True):
            history.append(train_by_hand(parameters, data, gradients, 0.0, given)[1])
    return images.name, runs


def automatic_gradients(
    parameters: list[Array], x: Array, y: Array, M1: Array | float, M2: Array | float
) -> list[Array]:
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
            label = f"{training}: {history[key][-1]:.3f}" if key == "val_accuracy" else training
            ax.plot(epochs, history[key], label=label, linewidth=1.8, **style)
    axes[0].set(title=f"Training loss, {name}", ylabel="cross-entropy, without masks", yscale="log")
    axes[1].set(title="Test loss", yscale="log", ylim=axes[0].get_ylim())
    axes[1].set_ylabel("cross-entropy")
    axes[2].set(title="Test accuracy, above 0.6", ylabel="accuracy", ylim=(0.6, 1.01))
    over_epochs(axes)
    axes[1].get_legend().remove()  # the same as that of the training loss
    save(figure, options, "curves")


def draw_exercise(options: Namespace, runs: Runs) -> None:
    """Draw losses and accuracies of the fourth exercise: all seeds, and their mean."""
    figure, axes = subplots(1, 2, width=5.2)
    for i, (name, histories) in enumerate(runs.items()):
        for ax, what in zip(axes, ("loss", "val_accuracy"), strict=True):
            values = np.array([history[what] for history in histories])
            epochs = range(1, values.shape[1] + 1)
            ax.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=f"C{i}", alpha=0.2, linewidth=0)
            ax.plot(epochs, values.mean(axis=0), color=f"C{i}", marker="o", markersize=3.5, label=name)
    axes[0].set(title="Exercise 4: loss of the training images", ylabel="cross-entropy, without masks", ylim=(0, None))
    axes[1].set(title="Test accuracy: mean and spread of five seeds", ylabel="accuracy", ylim=(0, 1.02))
    over_epochs(axes)
    save(figure, options, "exercise")


def exercise_1() -> str:
    """Find the penalty of W1 = 1 2, 3 4 and W2 = 0.5 1.5, 2.5 3.5 with lambda 0.01, and its gradients."""
    W1, W2 = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.5, 1.5], [2.5, 3.5]])
    penalty, gradients = reference.l2_regularization([W1, W2], 0.01)
    assert np.isclose(penalty, 0.51, rtol=1e-12)
    assert np.allclose(gradients, [[[0.02, 0.04], [0.06, 0.08]], [[0.01, 0.03], [0.05, 0.07]]], rtol=1e-12)
    return f"{penalty:.2f}; {gradients[0].round(12).tolist()} and {gradients[1].round(12).tolist()}."


def exercise_2(seed: int) -> str:
    """Drop entries of A = 1 2 3, 4 5 6 with p = 0.5, twice while training, and once outside training."""
    rng = np.random.default_rng(seed)
    A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    once, again = (reference.dropout(A, 0.5, rng=rng) for _ in range(2))
    outside = reference.dropout(A, 0.5, training=False)
    assert np.isin(once[once != 0], A).all()
    assert np.array_equal(outside, A)
    return (
        f"{once.astype(int).tolist()}, then {again.astype(int).tolist()}: other zeros each time, what is kept is not "
        f"scaled. Outside training {outside.astype(int).tolist()}: nothing changes."
    )


def exercise_3(seed: int) -> str:
    """Take one step with L2: X (5, 3) from N(0,1), classes 0, 0, 1, 1, 0, network 3-4-2 with weights of 0.1.

    lr 0.1, lambda 0.01. Print the loss with and without the penalty.
    """
    y = np.eye(2)[[0, 0, 1, 1, 0]]

    def one_step(seed: int) -> tuple[float, float, float, float]:
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(5, 3))
        p = random_weights([3, 4, 2], 0.1, rng)

        def losses() -> tuple[float, float]:
            loss = reference.cross_entropy(reference.forward_mlp(X, *p)[1], y)
            return loss, loss + reference.l2_regularization(p[::2], 0.01)[0]

        before = losses()
        A1, A2 = reference.forward_mlp(X, *p)
        gradients = reference.backward_mlp(X, A1, A2, y, p[0], p[2], X @ p[0] + p[1])
        p = [a - 0.1 * g for a, g in zip(p, with_penalty(list(gradients), p, 0.01), strict=True)]
        return *before, *losses()

    loss, with_l2, loss_after, with_l2_after = one_step(seed)
    found = np.array([one_step(k) for k in range(200)])
    more = found[:, 1] - found[:, 0]
    assert 0.0003 < more.min() < more.max() < 0.006
    assert np.all(found[:, 3] < found[:, 1])
    return (
        f"{loss:.4f} without and {with_l2:.4f} with it; after the step {loss_after:.4f} and {with_l2_after:.4f}. Over "
        f"200 seeds the penalty is {more.min():.4f} to {more.max():.4f}, and the sum of both falls every time."
    )


def exercise_4(name: str, runs: Runs) -> str:
    """Train 784-256-128-10 on the first 1,000 images with dropout and without it, and draw losses and accuracies.

    Weights of 0.01, lr 0.1, 10 epochs, batches of 32; p = 0.8 in the hidden layers, off when evaluating. Compare the
    test accuracy.
    """
    right = {name: [run["val_accuracy"][-1] for run in histories] for name, histories in runs.items()}
    mean = {name: np.mean(values) for name, values in right.items()}
    gain = mean["dropout"] - mean["without dropout"]
    last = mean["dropout, the series' way"] == min(mean.values())
    own = of_mnist(name, "0.85 to 0.865 without dropout, 0.84 to 0.865 with it, 0.795 to 0.835 in the series' way")
    said = "; ".join(
        f"{way} {values[0]:.3f}, over five seeds {min(values):.3f} to {max(values):.3f}"
        for way, values in right.items()
    )
    return (
        f"{said[0].upper()}{said[1:]}. The text expects that dropout helps; "
        f"{'it does not' if gain <= 0 else f'here it does, by {gain:.3f}'} on average: ten epochs are hardly enough to "
        "learn anything by heart, and it slows the learning down. In the series' way masks and loss do not belong "
        f"together{', and it comes last' if last else ''}.{own}"
    )


def exercise_5(rng: np.random.Generator) -> str:
    """Find mean and variance of a mask that is divided by p."""
    M = reference.dropout_mask(np.ones(1_000_000), KEEP, inverted=True, rng=rng)
    assert np.isclose(M.mean(), 1, atol=0.005)
    assert np.isclose(M.var(), (1 - KEEP) / KEEP, atol=0.005)
    return f"{M.mean():.3f} and {M.var():.3f}: 1 and (1 - p) / p = {(1 - KEEP) / KEEP:.3f}."


def exercise_6(parameters: list[Array], x: Array, y: Array, lr: float) -> str:
    """Show that weight decay of 2 lambda is the gradient of the penalty."""
    model = filled(network(x.shape[1], 0, dropout=False, dtype=np.float64), parameters)
    expected = parameters[0] - lr * automatic_gradients(parameters, x, y, 1.0, 1.0)[0]
    nn.CrossEntropyLoss()(model(x), y.argmax(axis=1)).backward()
    sgd(model, lr, LAMBDA).step()
    assert np.allclose(model[0].weight.data.T, expected, rtol=1e-10, atol=1e-14)
    return "A step with weight_decay = 2 lambda is a step on the loss with the penalty."


def exercise_7(parameters: list[Array]) -> str:
    """Take 100 steps on the penalty alone, with lr = 0.1."""
    W = W0 = parameters[0]
    for _ in range(100):
        _, [gradient] = reference.l2_regularization([W], LAMBDA)
        W = W - 0.1 * gradient
    factor = (1 - 2 * 0.1 * LAMBDA) ** 100
    assert np.allclose(W, factor * W0, rtol=1e-12)
    return f"Each multiplies the weights by 1 - 2 lr lambda; after 100 there is {factor:.4f} left of them."


def exercise_8(rng: np.random.Generator) -> str:
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


def exercise_9(parameters: list[Array], x: Array) -> str:
    """Mend the series' dropout when testing, without training again."""
    W1, b1, W2, b2, _, _ = parameters
    A1 = reference.relu(x @ W1 + b1)
    generator = np.random.default_rng(0)
    trained = np.mean([reference.dropout(A1, KEEP, rng=generator) @ W2 + b2 for _ in range(2000)], axis=0)
    mended = A1 @ (KEEP * W2) + b2
    off = difference(trained, mended)
    assert off < 0.02
    assert difference(trained, A1 @ W2 + b2) > 0.1
    return f"Multiply the weights that take A1, W2, by p: then Z2 is, to {off:.3f}, what it was on average in training."


if __name__ == "__main__":
    run(story, epochs=20, lr=0.1)
