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
from itertools import pairwise, product

import numpy as np
from common import (
    BATCH,
    Array,
    agree,
    answer,
    check_converged,
    exercises,
    framed,
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
    times,
)

import nn
from nn import reference

MU = 0.9
# What the series expects with momentum; its other figures are without.
SERIES = {"784-256-10": "", "784-256-128-10": "about 0.90", "with L2 and dropout": "", "CNN": "about 0.90"}


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


def networks(size: int, seed: int) -> dict[str, tuple[nn.Sequential, float, float]]:
    """Return the chapter's networks for images of a given size, with lambda and momentum of their training."""
    d, rngs = size * size, [np.random.default_rng(seed) for _ in range(5)]
    return {
        "784-256-10": (perceptron([d, 256, 10], rngs[0]), 0.0, MU),
        "784-256-128-10": (perceptron([d, 256, 128, 10], rngs[1]), 0.0, MU),
        "with L2 and dropout": (perceptron([d, 256, 128, 10], rngs[2], dropout=0.2), 0.001, MU),
        "CNN": (cnn(size, rngs[3]), 0.0, MU),
        "CNN without momentum": (cnn(size, rngs[4]), 0.0, 0.0),
    }


def inputs(data: nn.data.LabelledImages) -> tuple[Array, Array, Array, Array]:
    """Return training and test images as a perceptron takes them, and as a CNN does.

    A perceptron takes each pixel as a feature of its own; a filter moves over all, and expects one scale for them.
    """
    X, _, X_test, _ = split(data, np.float32)
    mean, std = data.x_train.mean(), data.x_train.std()
    images, images_test = ((x - mean)[:, np.newaxis] / std for x in (data.x_train, data.x_test))
    return X, X_test, images, images_test


def filters_first(model: nn.Sequential) -> list[Array]:
    """Return the filters, b_conv, W and b of a CNN, in the series' shapes."""
    filters, b_conv, W, b = (p.data for p in model.parameters())
    return [filters[:, 0], b_conv[np.newaxis], W.T, b[np.newaxis]]


def epochs_by_hand(
    parameters: list[Array], X: Array, labels: Array, lr: float, epochs: int, seed: int
) -> tuple[list[float], list[list[Array]]]:
    """Train with `backward_cnn` and `momentum_update`; return each batch's loss and each epoch's parameters."""
    velocities, losses, found = [np.zeros_like(p) for p in parameters], [], []
    batches = nn.data.Batches(X, np.eye(10, dtype=X.dtype)[labels], batch_size=BATCH, rng=seed)
    for _ in range(epochs):
        for x, y in progress(batches, "by hand"):
            Z, A, P, probs = reference.forward_cnn(x, *parameters)
            gradients = reference.backward_cnn(x, Z, A, P, probs, y, parameters[0], parameters[2])
            velocities = [reference.momentum_update(v, g, MU, lr) for v, g in zip(velocities, gradients, strict=True)]
            parameters = [p + v for p, v in zip(parameters, velocities, strict=True)]
            losses.append(reference.cross_entropy(probs, y))
        found.append(parameters)
    return losses, found


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
    opening(
        "Why it matters: here everything comes together, on the same images, and has to show what it is worth. "
        "Momentum is a part of nearly every optimiser that networks are trained with.",
        "momentum_update", "accuracy",
    )  # fmt: skip
    rng = np.random.default_rng(options.seed)
    data = load_images(options)
    labels, labels_test = data.y_train, data.y_test
    n, size = data.x_train.shape[:2]
    X, X_test, images, images_test = inputs(data)

    heading("An epoch of the CNN with momentum, both ways")
    model = cnn(size, np.random.default_rng(options.seed)).astype(np.float64)
    by_hand = images[:, 0].astype(np.float64)
    start = [p.copy() for p in filters_first(model)]
    automatic = epoch_automatically(model, by_hand, labels, options.lr, options.seed)
    check_converged("The CNN", [float(np.mean(automatic[-10:]))], options.lr)
    losses, [parameters] = epochs_by_hand(start, by_hand, labels, options.lr, 1, options.seed)
    print(f"loss {losses[0]:.4f} in the first batch, {losses[-1]:.4f} in the last")
    agree("Losses", losses, automatic, tolerance=1e-8)
    agree("Filters", parameters[0], model[0].weight.data[:, 0], tolerance=1e-8)
    show_step(model, images[:BATCH], labels[:BATCH])
    say(
        "(The pooling comes before the ReLU, though the model has them the other way round: nn.Sequential exchanges "
        "the two, which changes no bit of output or gradient and leaves a quarter of the values to the "
        "ReLU. Exercise 6 of chapter 4.3 says why.)"
    )

    heading("The networks")
    say(
        f"{n} images of {data.name}, {len(X_test)} more to test; learning rate {options.lr:g}, momentum {MU:g}, "
        f"{options.epochs} epochs, batches of {BATCH}."
    )
    models = networks(size, options.seed)
    histories, rows = {}, []
    for name, (model, lambda_, mu) in models.items():
        train, test = (images, images_test) if "CNN" in name else (X, X_test)
        history = histories[name] = nn.fit(
            model, train, labels, optimizer=sgd(model, options.lr, lambda_, mu), epochs=options.epochs,
            batch_size=BATCH, validation=(test, labels_test), metrics={"accuracy": nn.accuracy}, rng=options.seed,
        )  # fmt: skip
        check_converged(name, history["loss"], options.lr)
        count = sum(p.size for p in model.parameters())
        accuracy = history["val_accuracy"][-1]
        rows.append((name, f"{count:,}", f"{history['loss'][-1]:.4f}", f"{accuracy:.4f}", SERIES.get(name, "")))
    table(("network", "parameters", "training loss", "test accuracy", "the series, MNIST"), rows)

    network = models["CNN"][0]
    outputs = nn.predict(network, images_test)
    predictions = outputs.argmax(axis=1)
    wrong = np.flatnonzero(predictions != labels_test)
    best = max(histories[name]["val_accuracy"][-1] for name in SERIES if name != "CNN")
    ours = histories["CNN"]["val_accuracy"][-1]
    if ours > best:
        say(f"The CNN is ahead, {ours:.4f} against {best:.4f}, with 7 % of the parameters or less.")
    elif data.name == "digits":
        say(
            f"Here the perceptrons are ahead, {best:.4f} against {ours:.4f}: these digits are enlarged from 8 x 8 "
            "pixels, so that a filter of 3 x 3 sees little more than one of them. On MNIST (--data mnist) it is the "
            "CNN, 0.955 against 0.940."
        )
    else:
        say(f"The best perceptron has {best:.4f} against {ours:.4f} of the CNN, which does with 7 % of the parameters.")
    say(
        f"The CNN gets {len(wrong)} of {len(outputs)} wrong. What it takes for what, most often first: "
        f"{confused(labels_test, predictions)}."
    )
    draw_curves(options, histories, data.name)
    draw_inside(options, network, images_test, data.x_test, labels_test)
    draw_mistakes(options, data.x_test, labels_test, outputs, data.name)
    say(
        "Lesson: weights that know which pixels are neighbours do with a fifteenth of the parameters, and bear a shift "
        "of the image (exercise 9); how much that is worth depends on the images."
    )

    exercises("The series has none here: 1 to 4 are of its kind, the others go on from there.")
    name, runs, filters, accuracies = thousand_images(options)
    answer(exercise_1)
    answer(exercise_2)
    answer(exercise_3, name, runs)
    answer(exercise_4, name, filters, accuracies)
    answer(exercise_5, rng)
    answer(exercise_6)
    answer(exercise_7)
    answer(exercise_8, labels_test, predictions)
    answer(exercise_9, models["784-256-128-10"][0], network, data)
    draw_exercises(options, runs, filters, accuracies)
    say("Next: the conclusion, chapter 4.6, looks back in one page.")


# For momentum and learning rate, the losses of all training images and the test accuracies after each epoch, for each
# seed.
Runs = dict[tuple[float, float], list[tuple[list[float], list[float]]]]


def thousand_images(options: Namespace) -> tuple[str, Runs, list[Array], list[float]]:
    """Do what the third and the fourth exercise say, by hand, on 1,000 images.

    Returns
    -------
    name : str
        Of the images.
    runs : dict
        Of the perceptron, with three seeds.
    filters : list of array
        The CNN's, before the first and after each epoch.
    accuracies : list of float
        After each epoch, of the test images.
    """
    data = load_thousand(options)
    labels, labels_test = data.y_train, data.y_test
    X, X_test, images, images_test = inputs(data)
    Y = np.eye(10, dtype=np.float32)[labels]
    runs: Runs = {(0.0, 0.1): [], (MU, 0.02): [], (MU, 0.1): []}
    for (mu, lr), seed in product(runs, range(options.seed, options.seed + 3)):
        rng = np.random.default_rng(seed)
        parameters = [p.astype(np.float32) for p in random_weights([X.shape[1], 256, 128, 10], 0.01, rng)]
        velocities = [np.zeros_like(p) for p in parameters]
        losses, accuracies = [], []
        batches = nn.data.Batches(X, Y, batch_size=32, rng=seed)
        for _ in range(10):
            for x, y in batches:
                W1, b1, W2, b2, W3, _ = parameters
                A1, A2, A3 = reference.forward_mlp_3layer(x, *parameters)
                gradients = reference.backward_mlp_3layer(x, A1, A2, A3, y, W1, W2, W3, x @ W1 + b1, A1 @ W2 + b2)
                velocities = [
                    reference.momentum_update(v, g, mu, lr) for v, g in zip(velocities, gradients, strict=True)
                ]
                parameters = [p + v for p, v in zip(parameters, velocities, strict=True)]
            losses.append(reference.cross_entropy(reference.forward_mlp_3layer(X, *parameters)[-1], Y))
            *_, A3 = reference.forward_mlp_3layer(X_test, *parameters)
            accuracies.append(reference.accuracy(A3, labels_test))
        runs[mu, lr].append((losses, accuracies))

    images, images_test = images[:, 0], images_test[:, 0]
    parameters = filters_first(cnn(images.shape[1], np.random.default_rng(options.seed)))
    _, found = epochs_by_hand(parameters, images, labels, 0.02, 10, options.seed)
    accuracies = [reference.accuracy(reference.forward_cnn(images_test, *p)[-1], labels_test) for p in found]
    return data.name, runs, [parameters[0], *(p[0] for p in found)], accuracies


def confused(labels: Array, predictions: Array) -> str:
    """Return the three most frequent mistakes, in words."""
    wrong = labels != predictions
    pairs, counts = np.unique(np.stack([labels[wrong], predictions[wrong]], axis=1), axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:3]
    return ", ".join(f"{pairs[i][0]} for {pairs[i][1]} ({times(counts[i])})" for i in order) or "nothing"


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
    over_epochs(axes)
    save(figure, options, "curves")


def draw_inside(options: Namespace, network: nn.Sequential, x: Array, images: Array, labels: Array) -> None:
    """Draw an image, the learnt filters, and what they see in it."""
    figure, axes = subplots(1, 3, width=4.6, height=2.8)
    # One image, and four of a kind side by side in each of the others.
    axes[0].get_gridspec().set_width_ratios((1, 2, 2))
    axes[0].imshow(images[0], cmap="gray_r")
    framed(axes[:1])
    axes[0].set_title(f"A test image: {labels[0]}")
    nn.plots.filters(network[0].weight.data, ax=axes[1]).set_title("Filters that the CNN has learnt")
    maps = nn.predict(network[:2], x[:1])[0]
    nn.plots.feature_maps(maps, ax=axes[2]).set_title("What they see in the image")
    for ax, height in zip(axes, (1, 0.5, 0.5), strict=True):
        ax.set_aspect("equal", adjustable="datalim")
        ax.set_box_aspect(height)  # all panels of one height, in line
    save(figure, options, "filters")


def draw_mistakes(options: Namespace, images: Array, labels: Array, outputs: Array, name: str) -> None:
    """Draw which digits the CNN takes for which, and those that it gets most wrong."""
    figure, axes = subplots(1, 2, width=5.2, height=4.6)
    accuracy = nn.accuracy(outputs, labels)
    nn.plots.confusion_matrix(labels, outputs.argmax(axis=1), axes[0])
    axes[0].set_title(f"CNN on {name}: accuracy {accuracy:.3f}")
    for number in axes[0].texts:
        if number.get_text() == "0":
            number.set_visible(False)
    mistakes = np.count_nonzero(outputs.argmax(axis=1) != labels)
    nn.plots.misclassified(images, labels, outputs, count=24, columns=6 if mistakes > 16 else 4, ax=axes[1])
    axes[1].set_title("Its gravest mistakes: the truth, not its answer")
    axes[1].set_anchor("N")
    save(figure, options, "mistakes")


def draw_exercises(options: Namespace, runs: Runs, filters: list[Array], accuracies: list[float]) -> None:
    """Draw the losses of the third exercise, and the filters and the accuracy of the fourth."""
    figure, axes = subplots(1, 3, width=4.4)
    for i, ((mu, lr), found) in enumerate(runs.items()):
        for k, (losses, _) in enumerate(found):
            label = None if k else f"{f'momentum {mu:g}' if mu else 'no momentum'}, lr {lr:g}"
            axes[0].plot(range(1, 11), losses, color=f"C{i}", marker="o", markersize=3, alpha=0.7, label=label)
    axes[0].set(title="Exercise 3: the perceptron, three seeds", xlabel="epoch", ylabel="loss of the training images")
    axes[1].plot(range(1, len(accuracies) + 1), accuracies, color="C2", marker="o", markersize=3.5, label="the CNN")
    axes[1].set(title="Exercise 4: the CNN", xlabel="epoch", ylabel="accuracy on the test images", ylim=(0, 1.02))
    for ax in axes[:2]:
        ax.grid(alpha=0.3)
    axes[0].set_yscale("log")
    axes[0].legend(frameon=False, loc="lower left")
    both = np.concatenate([filters[0], filters[-1]])[:, np.newaxis]
    nn.plots.filters(both, ax=axes[2]).set_title("Its filters, before (above) and after")
    # A line between the eight that it begins with and the eight that it has learnt.
    axes[2].axhline(7, color="0.3", linewidth=1.5)
    save(figure, options, "exercises")


def exercise_1() -> str:
    """Take three steps with momentum 0.9 and lr 0.1 down W^2, from W = 1, and print v and W after each."""
    W, v, steps = np.ones(1), np.zeros(1), []
    for _ in range(3):
        v = reference.momentum_update(v, 2 * W, mu=0.9, lr=0.1)
        W = W + v
        steps.append((v[0], W[0]))
    assert np.allclose(steps, [(-0.2, 0.8), (-0.34, 0.46), (-0.398, 0.062)], rtol=1e-12)
    said = "; ".join(f"{v:.3f}, {W:.3f}" for v, W in steps)
    return f"{said}. The slope falls, and the steps grow."


def exercise_2() -> str:
    """Find the accuracy of the answers 3, 1, 4, 1, 5 where 3, 1, 4, 2, 5 is right; then of probabilities.

    The rows are 0.7 0.2 0.1, 0.1 0.5 0.4, 0.3 0.3 0.4 and 0.2 0.6 0.2, and the labels, one-hot, those of the classes
    0, 1, 2, 2.
    """
    labels = reference.accuracy([3, 1, 4, 1, 5], [3, 1, 4, 2, 5])
    probabilities = [[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.3, 0.3, 0.4], [0.2, 0.6, 0.2]]
    rows = reference.accuracy(probabilities, np.eye(3)[[0, 1, 2, 2]])
    assert (labels, rows) == (0.8, 0.75)
    return f"{labels:g} = 4 / 5, and {rows:g} = 3 / 4: the largest probability of a row counts."


def exercise_3(name: str, runs: Runs) -> str:
    """Train 784-256-128-10 on the first 1,000 images as in chapter 4.1, and with momentum 0.9.

    Weights of 0.01, 10 epochs, batches of 32; lr 0.1 without, 0.02 and 0.1 with it. Print the losses and the test
    accuracies, and draw the losses.
    """
    said, below = [], []
    for found in runs.values():
        right = [accuracies[-1] for _, accuracies in found]
        losses = ", ".join(f"{loss:.3f}" for loss in found[0][0])
        said.append(f"{losses}; test accuracy {right[0]:.3f}, over three seeds {min(right):.3f} to {max(right):.3f}")
        below.append(np.mean([np.sum(np.array(losses) >= 1) + 1 for losses, _ in found]))
    last, _, last_wild = ([losses[-1] for losses, _ in found] for found in runs.values())
    own = of_mnist(
        name,
        "a last loss of 0.229 without it, accuracies of 0.81 to 0.86; at lr 0.02 a last loss of 0.026, accuracies of "
        "0.87 to 0.895; at lr 0.1 a last loss of 1.83, accuracies of 0.215 to 0.345",
    )
    far = sum(wild > max(last) for wild in last_wild)
    seeds = "all three seeds" if far == 3 else f"{far} of the three seeds"
    return (
        f"Without {said[0]}. With it, at lr 0.02, {said[1]}. The loss is below 1 after {below[1]:.1f} epochs instead "
        f"of {below[0]:.1f}: on the plateau the slope stays the same, and the velocity grows to ten times a step. At "
        f"lr 0.1, {said[2]}; with {seeds} it ends above all losses without momentum"
        f"{': ten times a step of 0.1 is too far' if far else ''}.{own}"
    )


def exercise_4(name: str, filters: list[Array], accuracies: list[float]) -> str:
    """Train the CNN by hand on the same images with momentum, lr 0.02, 10 epochs, batches of 64.

    Print the test accuracy of each epoch; draw it, and the filters before and after.
    """
    moved = np.abs(filters[-1] - filters[0]).max() / np.abs(filters[0]).max()
    return (
        f"{', '.join(f'{accuracy:.3f}' for accuracy in accuracies)}. The filters move by up to {moved:.0%} of the "
        f"largest weight that they begin with.{of_mnist(name, 'from 0.830 to 0.890')}"
    )


def exercise_5(rng: np.random.Generator) -> str:
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


def exercise_6() -> str:
    """Let the gradient be 1 all the time."""
    v = np.zeros(1)
    for _ in range(200):
        v = reference.momentum_update(v, np.ones(1), MU, 0.1)
    assert np.isclose(v[0], -0.1 / (1 - MU), rtol=1e-6)
    return f"The step goes to {v[0]:.4f} = -lr / (1 - mu), ten times lr."


def exercise_7() -> str:
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


def exercise_8(labels: Array, predictions: Array) -> str:
    """Read the accuracy from the confusion matrix."""
    matrix = np.zeros((10, 10), dtype=int)
    np.add.at(matrix, (labels, predictions), 1)
    assert np.trace(matrix) / matrix.sum() == np.mean(labels == predictions)
    assert np.array_equal(matrix.sum(axis=1), np.bincount(labels, minlength=10))
    return f"The diagonal over all, {np.trace(matrix)} / {matrix.sum()}; each row sums to the number of its digit."


def exercise_9(dense: nn.Sequential, convolutional: nn.Sequential, data: nn.data.LabelledImages) -> str:
    """Shift the test images by a pixel, and compare the perceptron with the CNN."""
    shifted = nn.data.LabelledImages(
        data.name, data.x_train, data.y_train, np.roll(data.x_test, 1, axis=2), data.y_test
    )
    found: dict[str, list[float]] = {"perceptron": [], "CNN": []}
    for given in (data, shifted):
        _, X_test, _, images_test = inputs(given)
        found["perceptron"].append(nn.accuracy(nn.predict(dense, X_test), data.y_test))
        found["CNN"].append(nn.accuracy(nn.predict(convolutional, images_test), data.y_test))
    fall = {name: before - after for name, (before, after) in found.items()}
    said = " and ".join(f"that of the {name} from {a:.3f} to {b:.3f}" for name, (a, b) in found.items())
    why = ": filters move with the image and pooling forgives a little, a dense layer does not"
    return f"The accuracy changes: {said}{why if fall['CNN'] < fall['perceptron'] else ''}."


if __name__ == "__main__":
    run(story, epochs=15, lr=0.02)
