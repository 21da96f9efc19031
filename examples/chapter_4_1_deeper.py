"""Chapter 4.1: deeper perceptrons, and gradients that vanish.

A layer more is a step more in the backward pass. With Z_l = A_(l-1) W_l + b_l, A_l = f(Z_l) and a softmax at the end,

    delta_last = (A_last - y) / n,    delta_l = (delta_(l+1) W_(l+1)^T) * f'(Z_l),    dL/dW_l = A_(l-1)^T delta_l.

So the first layer's gradient is a product of as many factors W^T f' as layers follow it. If each shrinks what
it gets, the product vanishes with the depth; if each enlarges it, it explodes.

    weights of 0.01      shrink it to about 0.01 sqrt(m) for m units: a tenth in each layer of the series;
    sigmoid              has f' of at most 1/4;
    relu                 has f' = 1 for half of its units: weights of variance 2/m (He) make up for the other half.
"""

from argparse import Namespace
from dataclasses import dataclass
from itertools import pairwise

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
    load_thousand,
    of_mnist,
    opening,
    over_epochs,
    plot_histories,
    progress,
    random_weights,
    run,
    save,
    say,
    show_step,
    split,
    subplots,
    table,
    table_of_epochs,
    train,
)

import nn
from nn import reference

WIDTH = 64
DEPTHS = range(2, 11)


def perceptron(sizes: list[int], activation: type[nn.Module], scale: str | float, seed: int) -> nn.Sequential:
    """Return a perceptron with weights of He, of Xavier, or of a given standard deviation."""
    rng, layers = np.random.default_rng(seed), []
    for d, k in pairwise(sizes):
        layer = nn.Linear(d, k, dtype=np.float64)
        if scale == "he":
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", rng=rng)
        elif scale == "xavier":
            nn.init.xavier_normal_(layer.weight, rng=rng)
        else:
            nn.init.normal_(layer.weight, std=scale, rng=rng)
        nn.init.zeros_(layer.bias)
        layers += [layer, activation()]
    return nn.Sequential(*layers[:-1])


def weight_gradients(model: nn.Sequential, x: Array, labels: Array) -> list[Array]:
    """Return the gradient of each layer's weights on a batch, the first layer's first."""
    model.zero_grad()
    nn.CrossEntropyLoss()(model(x), labels).backward()
    return [p.grad for p in model.parameters() if p.ndim == 2]


def sizes_of(gradients: list[Array]) -> list[float]:
    """Return their mean absolute values."""
    return [float(np.mean(np.abs(g))) for g in gradients]


def forward(parameters: list[Array], x: Array) -> tuple[Array, ...]:
    """Return the activations of a network with two or three layers, by hand."""
    return (reference.forward_mlp if len(parameters) == 4 else reference.forward_mlp_3layer)(x, *parameters)


def backward(parameters: list[Array], x: Array, y: Array) -> list[Array]:
    """Return the gradients of a batch, by hand."""
    if len(parameters) == 4:
        W1, b1, W2, _ = parameters
        A1, A2 = forward(parameters, x)
        return list(reference.backward_mlp(x, A1, A2, y, W1, W2, x @ W1 + b1))
    W1, b1, W2, b2, W3, _ = parameters
    A1, A2, A3 = forward(parameters, x)
    Z1, Z2 = x @ W1 + b1, A1 @ W2 + b2
    return list(reference.backward_mlp_3layer(x, A1, A2, A3, y, W1, W2, W3, Z1, Z2))


def loss(parameters: list[Array], x: Array, y: Array) -> float:
    """Return the cross-entropy, by hand."""
    return reference.cross_entropy(forward(parameters, x)[-1], y)


def step(parameters: list[Array], x: Array, y: Array, lr: float) -> list[Array]:
    """Return the parameters after a step of gradient descent, by hand."""
    return [p - lr * g for p, g in zip(parameters, backward(parameters, x, y), strict=True)]


def train_by_hand(
    parameters: list[Array], data: tuple[Array, ...], lr: float, epochs: int, batch: int, seed: int
) -> dict[str, list[float]]:
    """Return the loss of all training images and the accuracy of the test images, after each epoch."""
    X, labels, X_test, labels_test = data
    Y = np.eye(10, dtype=X.dtype)[labels]
    batches = nn.data.Batches(X, Y, batch_size=batch, rng=seed)
    history: dict[str, list[float]] = {"loss": [], "accuracy": []}
    for _ in progress(range(epochs), "by hand"):
        for x, y in batches:
            parameters = step(parameters, x, y, lr)
        history["loss"].append(loss(parameters, X, Y))
        history["accuracy"].append(reference.accuracy(forward(parameters, X_test)[-1], labels_test))
    return history


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    opening(
        "Why it matters: a layer more can say more, but it also stands between the loss and the layers nearer to the "
        "input. Whether those learn depends on what is left of the gradient when it arrives.",
        "forward_mlp_3layer", "backward_mlp_3layer",
    )  # fmt: skip
    images = load_images(options)
    data = X, labels, X_test, _ = split(images)
    d = X.shape[1]
    x, y = X[:BATCH], labels[:BATCH]

    heading("Three layers, three ways")
    models = {
        "2 layers, 0.01": perceptron([d, 256, 10], nn.ReLU, 0.01, options.seed),
        "3 layers, 0.01": perceptron([d, 256, 128, 10], nn.ReLU, 0.01, options.seed),
        "3 layers, He": perceptron([d, 256, 128, 10], nn.ReLU, "he", options.seed),
    }
    model = models["3 layers, He"]
    say(
        f"The network {d}-256-128-10 on the first {BATCH} images of {images.name}, with He's weights (of variance 2/m, "
        "m the inputs of a unit): with weights of 0.01 many a ReLU is so close to its kink that a difference steps "
        "over it."
    )
    print(nn.compare.compare_backprop(model, x, y))
    show_step(model, x, y, "What the automatic way records, and how it goes back")

    heading("The gradients of the first batch")
    rows = []
    for name, model in models.items():
        automatic = sizes_of(weight_gradients(model, x, y))
        by_hand = sizes_of(backward(by_name(model), x, np.eye(10)[y])[::2])
        rows.append((name, *(f"{size:.2e}" for size in by_hand), *[""] * (3 - len(by_hand))))
        agree(f"Mean absolute gradients, {name}", by_hand, automatic)
    table(("network", "W1", "W2", "W3"), rows)
    say("0.01 times standard normal is what the series begins with; He's weights are the next chapter's.")

    heading("Training")
    say(
        f"{len(X)} images, {len(X_test)} more to test; learning rate {options.lr:g}, {options.epochs} epochs, batches "
        f"of {BATCH}. After each epoch, the loss of all training images and the accuracy of the test images:"
    )
    parameters = by_name(models["3 layers, 0.01"])
    histories = {name: train(model, data, options.lr, options.epochs, options.seed) for name, model in models.items()}
    for name, history in histories.items():
        check_converged(name, history["loss"], options.lr)
    by_hand = train_by_hand(parameters, data, options.lr, options.epochs, BATCH, options.seed)
    table_of_epochs(histories)
    for what in ("loss", "accuracy"):
        agree(f"3 layers, 0.01: {what}", by_hand[what], histories["3 layers, 0.01"][what], tolerance=1e-8)
    two, three, _ = (history["accuracy"][-1] for history in histories.values())
    plateau = {name: sum(loss > 0.95 * np.log(10) for loss in h["loss"]) for name, h in histories.items()}
    say(
        "The series reports 0.892 with two layers and 0.887 with three for its 5,000 images of MNIST. Here it is "
        f"{two:.4f} and {three:.4f}: the third layer {'does not help' if three <= two else 'helps'}. The loss is "
        "within 5 % of ln 10 = 2.3026, where a network knows nothing, after so many of the first epochs: "
        f"{', '.join(f'{count} ({name})' for name, count in plateau.items())}."
    )

    heading(f"From 2 to 10 layers, hidden ones of {WIDTH} units")
    kinds = {"sigmoid, Xavier": (nn.Sigmoid, "xavier"), "ReLU, He": (nn.ReLU, "he"), "ReLU, 0.01": (nn.ReLU, 0.01)}
    found = {
        (kind, depth): weight_gradients(
            perceptron([d, *[WIDTH] * (depth - 1), 10], activation, scale, options.seed), x, y
        )
        for kind, (activation, scale) in kinds.items()
        for depth in DEPTHS
    }
    say("Mean absolute gradient of the first layer, relative to the last one's:")
    rows = []
    for depth in DEPTHS:
        sizes_here = [sizes_of(found[kind, depth]) for kind in kinds]
        rows.append((str(depth), *(f"{size[0] / size[-1]:.1e}" for size in sizes_here)))
    table(("layers", *kinds), rows)
    hidden = {kind: sizes_of(found[kind, 10])[1:-1] for kind in kinds}
    factors = {kind: (size[0] / size[-1]) ** (1 / (len(size) - 1)) for kind, size in hidden.items()}
    said = ", ".join(f"{factor:.3f} ({kind})" for kind, factor in factors.items())
    say(f"From one hidden layer to the one before, on average, times {said}.")
    say(
        "With weights of 0.01 the deltas shrink on their way back, but so did the activations on their way forward, "
        "and a gradient is their product: those of all layers vanish together. With 10 layers the first one's is "
        f"{sizes_of(found['ReLU, 0.01', 10])[0]:.1e}, against {sizes_of(found['ReLU, He', 10])[0]:.1e} with He's."
    )

    draw_gradients(options, {kind: {depth: found[kind, depth] for depth in DEPTHS} for kind in list(kinds)[:2]})
    draw_training(options, histories, images.name)
    say("Lesson: what a deep network learns with depends on its first weights and its activations; measure it.")

    exercises()
    runs = thousand_images(options)
    answer(exercise_1, options.seed)
    answer(exercise_2, options.seed)
    answer(exercise_3, runs)
    answer(exercise_4, runs)
    answer(exercise_5, factors["sigmoid, Xavier"])
    answer(exercise_6, x, y, options.seed)
    answer(exercise_7, x, y, options.seed)
    answer(exercise_8, d)
    answer(exercise_9, options.seed)
    draw_exercise(options, runs)
    say(
        "Next: chapter 4.1b, which the series announced and never wrote, on weights and a layer that keep gradients at "
        "one size."
    )


@dataclass
class Runs:
    """What comes out on the series' 1,000 images: for each network, what each seed's training gave."""

    name: str
    histories: dict[str, list[dict[str, list[float]]]]
    first_sizes: list[float]


def thousand_images(options: Namespace) -> Runs:
    """Train on 1,000 images, as the third and fourth exercise say, with five seeds each."""
    images = load_thousand(options)
    data = X, labels, _, _ = split(images, np.float32)
    histories = {"784-256-128-10": [], "784-256-10": []}
    for name, sizes in zip(histories, ([X.shape[1], 256, 128, 10], [X.shape[1], 256, 10]), strict=True):
        for seed in range(options.seed, options.seed + 5):
            parameters = random_weights(sizes, 0.01, np.random.default_rng(seed))
            parameters = [p.astype(np.float32) for p in parameters]
            histories[name].append(train_by_hand(parameters, data, 0.1, 10, 32, seed))
            if len(sizes) == 4 and seed == options.seed:
                x, y = next(iter(nn.data.Batches(X, np.eye(10)[labels], batch_size=32, rng=seed)))
                first_sizes = sizes_of(backward(parameters, x, y)[::2])
    return Runs(images.name, histories, first_sizes)


def draw_gradients(options: Namespace, found: dict[str, dict[int, list[Array]]]) -> None:
    """Draw the gradients of each layer, of networks from 2 to 10 layers."""
    from matplotlib import colormaps

    figure, axes = subplots(1, 2, width=5.2)
    for ax, (kind, by_depth) in zip(axes, found.items(), strict=True):
        ax.set_prop_cycle(color=colormaps["viridis"](np.linspace(0, 0.9, len(by_depth))))
        for depth, gradients in by_depth.items():
            nn.plots.gradient_sizes(gradients, f"{depth} layers", ax)
        ax.set_title(f"Gradients: {kind}")
        ax.set_ylim(1e-9, 1)
    axes[0].legend(frameon=False, ncols=3, fontsize=8, loc="lower right")
    axes[1].get_legend().remove()
    axes[1].set_ylabel("")
    save(figure, options, "gradients")


def draw_training(options: Namespace, histories: dict[str, dict[str, list[float]]], name: str) -> None:
    """Draw how the depth and the first weights decide the training."""
    figure, axes = subplots(1, 2, width=5.2)
    plot_histories(axes, histories)
    axes[0].set(title=f"Loss of all training images, {name}", ylabel="cross-entropy", ylim=(0, None))
    axes[1].set(title="Accuracy on the test images", ylabel="accuracy", ylim=(0, 1.02))
    over_epochs(axes)
    save(figure, options, "training")


def draw_exercise(options: Namespace, runs: Runs) -> None:
    """Draw the losses of the third exercise."""
    figure, ax = subplots(1, 1, width=6.0)
    for i, (name, histories) in enumerate(runs.histories.items()):
        for seed, history in enumerate(histories):
            label = f"{name}, five seeds" if seed == 0 else None
            ax.plot(range(1, 11), history["loss"], color=f"C{i}", marker="o", markersize=3, alpha=0.7, label=label)
    ax.axhline(np.log(10), color="0.5", linestyle=":", label="ln 10, no better than guessing")
    ax.set(title=f"Exercise 3: 1,000 images of {runs.name}", xlabel="epoch", ylabel="loss of all training images")
    ax.set_ylim(0, 2.75)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    save(figure, options, "exercise")


def exercise_1(seed: int) -> str:
    """Take a network 2-4-3-2 with weights of 0.1, and the samples (1, 2) and (3, 4), one of each class.

    Print the shapes of its activations and gradients.
    """
    parameters = random_weights([2, 4, 3, 2], 0.1, np.random.default_rng(seed))
    activations = [A.shape for A in forward(parameters, X_TWO)]
    gradients = [g.shape for g in backward(parameters, X_TWO, Y_TWO)]
    assert activations == [(2, 4), (2, 3), (2, 2)]
    assert gradients == [p.shape for p in parameters]
    return (
        f"Activations {', '.join(map(str, activations))}; gradients {', '.join(map(str, gradients))}: a gradient has "
        "the shape of what it is of."
    )


def exercise_2(seed: int) -> str:
    """Take one step with lr 0.1 on them, and print the loss before and after."""

    def before_and_after(seed: int) -> tuple[float, float]:
        parameters = random_weights([2, 4, 3, 2], 0.1, np.random.default_rng(seed))
        return loss(parameters, X_TWO, Y_TWO), loss(step(parameters, X_TWO, Y_TWO, 0.1), X_TWO, Y_TWO)

    before, after = before_and_after(seed)
    fall = np.array([np.subtract(*before_and_after(seed)) for seed in range(500)])
    falls, rises = np.mean(fall > 1e-12), np.mean(fall < -1e-12)
    assert 0.8 < falls < 0.92
    assert rises < 0.02
    return (
        f"{before:.6f} and {after:.6f}. Of 500 seeds it falls in {falls:.1%}, by {fall.max():.4f} at most, and rises "
        f"in {rises:.1%}. In the others nothing changes: a layer of so few units can be silent for both samples, and "
        "then lets no gradient through."
    )


def exercise_3(runs: Runs) -> str:
    """Train 784-256-128-10 with weights of 0.01 on the first 1,000 images, a fifth of them to test.

    Learning rate 0.1, 10 epochs, batches of 32. Print the losses and the test accuracy, and draw the loss. Does the
    third layer help?
    """
    three, two = runs.histories.values()
    last, last_two = ([run["loss"][-1] for run in runs] for runs in (three, two))
    accuracies, accuracies_two = ([run["accuracy"][-1] for run in runs] for runs in (three, two))
    lost = np.mean([np.sum(np.array(run["loss"]) > 2) for run in three])
    helps = "No, it does not help" if np.mean(accuracies) <= np.mean(accuracies_two) else "Here it helps"
    own = of_mnist(
        runs.name,
        "losses of 2.296, 2.288, 2.264, 2.111 at first and 0.23 to 0.29 at the end, accuracy 0.81 to 0.86; with one "
        "hidden layer 0.05 and 0.87 to 0.89",
    )
    return (
        f"{', '.join(f'{value:.3f}' for value in three[0]['loss'])}; test accuracy {accuracies[0]:.3f}. With five "
        f"seeds the last loss is {min(last):.3f} to {max(last):.3f} and the accuracy {min(accuracies):.3f} to "
        f"{max(accuracies):.3f}; with one hidden layer, {min(last_two):.3f} to {max(last_two):.3f} and "
        f"{min(accuracies_two):.3f} to {max(accuracies_two):.3f}. "
        f"{helps}: the loss is above 2 for {lost:.1f} of the 10 epochs on average, near ln 10 = 2.303, since two "
        f"layers of small weights let little through.{own}"
    )


def exercise_4(runs: Runs) -> str:
    """Print the mean absolute gradients of the three weights in its first batch.

    Compare stability and speed with one hidden layer.
    """
    W1, W2, W3 = runs.first_sizes
    three, two = (np.array([run["loss"] for run in runs]) for runs in runs.histories.values())
    epochs, epochs_two = (np.mean((losses >= 1).sum(axis=1) + 1) for losses in (three, two))
    rises, rises_two = (int((np.diff(losses) > 0).sum()) for losses in (three, two))
    assert W1 < W2 < W3
    return (
        f"{W1:.1e}, {W2:.1e}, {W3:.1e}: the first layer's is the smallest. The loss is below 1 after {epochs:.1f} "
        f"epochs on average, with one hidden layer after {epochs_two:.1f}. From epoch to epoch it rises {rises} and "
        f"{rises_two} times in {np.diff(three).size}{': both are stable' if rises == rises_two == 0 else ''}."
        f"{of_mnist(runs.name, '5.0e-05, 1.5e-04, 6.6e-04')}"
    )


def exercise_5(factor: float) -> str:
    """Compare the factor of a sigmoid layer with the largest slope of the sigmoid."""
    assert 0.15 < factor < 0.3
    return f"{factor:.3f}, about 1/4: near z = 0 the slope is at its largest, and Xavier's weights add nothing."


def exercise_6(x: Array, labels: Array, seed: int) -> str:
    """Take tanh instead, with Xavier's weights."""
    size = sizes_of(weight_gradients(perceptron([x.shape[1], *[WIDTH] * 9, 10], nn.Tanh, "xavier", seed), x, labels))
    factor = (size[1] / size[-2]) ** (1 / 7)
    assert factor > 0.7
    return f"The factor is {factor:.3f}: its slope at 0 is 1."


def exercise_7(x: Array, labels: Array, seed: int) -> str:
    """Halve He's weights in a network of 10 layers, and predict the gradients."""
    sizes = [x.shape[1], *[WIDTH] * 9, 10]
    whole, halved = perceptron(sizes, nn.ReLU, "he", seed), perceptron(sizes, nn.ReLU, "he", seed)
    for p in halved.parameters():
        p.data = p.data / 2

    def through(model: nn.Sequential) -> Array:
        """Return the derivative of the sum of the logits, whose own gradient does not depend on the weights."""
        model.zero_grad()
        model(x).sum().backward()
        return next(model.parameters()).grad

    ratio = np.abs(through(whole)).mean() / np.abs(through(halved)).mean()
    assert np.isclose(ratio, 2**9)
    return f"9 layers follow the first: the gradient that arrives there is {ratio:.1f} = 2^9 times smaller."


def exercise_8(d: int) -> str:
    """Count the parameters."""
    counted = sum(p.size for p in perceptron([d, 256, 128, 10], nn.ReLU, "he", 0).parameters())
    assert counted == d * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10
    return f"{counted:,}, of which the first layer has {d * 256 + 256:,}."


def exercise_9(seed: int) -> str:
    """Write delta_1 of one sample as delta_3 times the Jacobians between, and check the hand-written pass with it."""
    rng = np.random.default_rng(seed)
    shapes = [(4, 5), (1, 5), (5, 6), (1, 6), (6, 3), (1, 3)]
    parameters = [rng.normal(size=shape) for shape in shapes]
    _, _, W2, _, W3, _ = parameters
    x, y = rng.normal(size=(1, 4)), np.eye(3)[:1]
    A1, A2, A3 = reference.forward_mlp_3layer(x, *parameters)
    delta_1 = (A3 - y) @ (W3.T * (A2 > 0)) @ (W2.T * (A1 > 0))
    gradients = backward(parameters, x, y)
    assert np.allclose(gradients[0], x.T @ delta_1, rtol=1e-12)
    return "(A3 - y) (W3^T relu'(Z2)) (W2^T relu'(Z1)): a factor for every later layer, and dL/dW1 is x^T times it."


if __name__ == "__main__":
    run(story, epochs=20, lr=0.1)
