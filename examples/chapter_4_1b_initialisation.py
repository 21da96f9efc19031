"""Chapter 4.1b: initialisation and normalisation, which the series announces after 4.1 and does not have.

A unit adds up m products z = x_1 w_1 + ... + x_m w_m. With weights of mean 0 drawn independently of each other,

    mean of z^2 = m var(w) mean of x^2,

so a layer multiplies sizes by sqrt(m var(w)), and the backward pass, delta W^T, by sqrt(k var(w)) for its k units. With
weights of 0.01 and m = 256 that is 0.16: after ten layers hardly anything is left, neither of the image nor of the
gradient. What keeps the size:

    Xavier    var(w) = 2 / (m + k)    between the two demands; for tanh and sigmoid, which are straight lines near 0;
    He        var(w) = 2 / m          for relu, which throws away half of the mean square.

Batch normalisation does not rely on the first weights. It takes each feature of a batch to mean 0 and variance 1, and
gives it a scale gamma and a shift beta that are learnt,

    Z_hat = (Z - mean) / sqrt(var + 1e-5),    out = gamma Z_hat + beta.

Mean and variance depend on all samples, and so, with g = gamma dL/dout, each sample's gradient reaches all the others:

    dL/dZ = (g - mean of g - Z_hat * mean of (g * Z_hat)) / sqrt(var + 1e-5)
    dL/dgamma = the sum of dL/dout * Z_hat        dL/dbeta = the sum of dL/dout

When testing there may be a single image, and running averages from the training take the place of mean and variance.
"""

from argparse import Namespace
from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
from common import (
    BATCH,
    Array,
    agree,
    answer,
    bounded,
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
    run,
    save,
    say,
    show_step,
    split,
    subplots,
    table,
    table_of_epochs,
    times,
    train,
)

import nn
from nn import reference

DEPTH = 10
WIDTH = 64
SHARE = 0.1  # of a batch in the running averages

# Weights of a layer with so many inputs and outputs.
Draw = Callable[[int, int, np.random.Generator], Array]
WEIGHTS: dict[str, Draw] = {
    "0.01": lambda m, k, rng: 0.01 * rng.normal(size=(m, k)),
    "1": lambda m, k, rng: rng.normal(size=(m, k)),
    "Xavier": lambda m, k, rng: reference.xavier_init(m, k, rng=rng),
    "He": lambda m, k, rng: reference.he_init(m, k, rng=rng),
}
# Each activation, its slope told from its value, and its layer.
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array], type[nn.Module]]] = {
    "tanh": (np.tanh, lambda A: 1 - A**2, nn.Tanh),
    "ReLU": (reference.relu, lambda A: A > 0, nn.ReLU),
}


class Network:
    """A perceptron by hand, with batch normalisation of the input of each activation, or without.

    Its parameters are W, gamma and beta of each hidden layer with it, W and b of every other layer.
    """

    def __init__(
        self, sizes: list[int], weights: str, activation: str = "ReLU", *, normalised: bool = False, seed: int
    ) -> None:
        rng = np.random.default_rng(seed)
        self.activation, self.normalised = activation, normalised
        self.parameters: list[Array] = []
        self.running: list[tuple[Array, Array]] = []
        for i, (m, k) in enumerate(pairwise(sizes)):
            self.parameters.append(WEIGHTS[weights](m, k, rng))
            if normalised and i + 2 < len(sizes):
                self.parameters.append(np.ones((1, k)))
                self.running.append((np.zeros((1, k)), np.ones((1, k))))
            self.parameters.append(np.zeros((1, k)))

    def layers(self) -> list[list[Array]]:
        """Return the parameters of each layer."""
        size = 3 if self.normalised else 2
        hidden = self.parameters[:-2]
        return [*(hidden[i : i + size] for i in range(0, len(hidden), size)), self.parameters[-2:]]

    def backward(self, x: Array, y: Array) -> tuple[list[Array], list[Array]]:
        """Return the gradients of all parameters on a batch, and the activations of the hidden layers."""
        f, slope, _ = ACTIVATIONS[self.activation]
        layers, A, kept = self.layers(), x, []
        for i, (W, *gamma, shift) in enumerate(layers):
            Z_hat = var = None
            if gamma:
                Z, Z_hat, mean, var = reference.forward_batch_norm(A @ W, gamma[0], shift)
                self._track(i, mean, var, len(x))
            else:
                Z = A @ W + shift
            kept.append((A, Z_hat, var))
            A = f(Z) if i + 1 < len(layers) else reference.softmax(Z)
        activations, gradients = [A for A, _, _ in kept[1:]], []
        delta = (A - y) / len(x)
        for (W, *gamma, _), (A, Z_hat, var) in zip(layers[::-1], kept[::-1], strict=True):
            if gamma:
                delta, grad_gamma, grad_beta = reference.backward_batch_norm(delta, Z_hat, var, gamma[0])
                gradients[:0] = A.T @ delta, grad_gamma, grad_beta
            else:
                gradients[:0] = A.T @ delta, delta.sum(axis=0, keepdims=True)
            if A is not x:
                delta = (delta @ W.T) * slope(A)
        return gradients, activations

    def by_name(self, p: Mapping[str, Array], x: Array, labels: Array) -> dict[str, Array]:
        """Return the gradients for parameters of the `nn` model, under their names there and in their shapes."""
        self.parameters = [a.T if a.ndim == 2 else a[np.newaxis] for a in p.values()]
        gradients, _ = self.backward(x, np.eye(10)[labels])
        return {name: g.T if a.ndim == 2 else g[0] for (name, a), g in zip(p.items(), gradients, strict=True)}

    def _track(self, i: int, mean: Array, var: Array, n: int) -> None:
        """Move a layer's running averages towards a batch's; libraries take the variance with n - 1."""
        old_mean, old_var = self.running[i]
        new = (1 - SHARE) * old_mean + SHARE * mean, (1 - SHARE) * old_var + SHARE * var * n / (n - 1)
        self.running[i] = new

    def predict(self, X: Array) -> Array:
        """Return the probabilities when testing, with the running averages."""
        f, _, _ = ACTIVATIONS[self.activation]
        layers, A = self.layers(), X
        for i, (W, *gamma, shift) in enumerate(layers):
            Z = A @ W
            if gamma:
                mean, var = self.running[i]
                Z = gamma[0] * (Z - mean) / np.sqrt(var + reference.BATCH_NORM_EPSILON)
            Z = Z + shift
            A = f(Z) if i + 1 < len(layers) else reference.softmax(Z)
        return A

    def automatic(self) -> nn.Sequential:
        """Return the same network in layers of `nn`, with the same parameters."""
        _, _, activation = ACTIVATIONS[self.activation]
        layers = self.layers()
        model = nn.Sequential()
        for i, (W, *gamma, _) in enumerate(layers):
            model.append(nn.Linear(*W.shape, bias=not gamma, dtype=W.dtype))
            if gamma:
                model.append(nn.BatchNorm1d(W.shape[1], dtype=W.dtype))
            if i + 1 < len(layers):
                model.append(activation())
        for p, given in zip(model.parameters(), self.parameters, strict=True):
            p.data = given.T.copy() if p.ndim == 2 else given[0].copy()
        return model


def automatic_gradients(model: nn.Sequential, x: Array, labels: Array) -> list[Array]:
    """Return the gradients on a batch, in the series' shapes."""
    model.zero_grad()
    nn.CrossEntropyLoss()(model(x), labels).backward()
    return [p.grad.T if p.ndim == 2 else p.grad[np.newaxis] for p in model.parameters()]


def weights_of(arrays: list[Array]) -> list[Array]:
    """Return the matrices among parameters or gradients, the first layer's first."""
    return [a for a in arrays if min(a.shape) > 1]


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    opening(
        "Why it matters: a layer that shrinks what passes through it, forwards or backwards, shrinks it again in each "
        "layer. Weights of the right size, or a layer that sets the size, are what made deep networks trainable.",
        "xavier_init", "he_init", "forward_batch_norm", "backward_batch_norm",
    )  # fmt: skip
    images = load_images(options)
    data = X, labels, X_test, _ = split(images)
    d = X.shape[1]
    x, labels = X[:BATCH], labels[:BATCH]
    y = np.eye(10)[labels]

    heading(f"Sizes in {DEPTH} layers, hidden ones of {WIDTH} units")
    kinds = [
        ("tanh", "0.01", False), ("tanh", "1", False), ("tanh", "Xavier", False),
        ("ReLU", "0.01", False), ("ReLU", "1", False), ("ReLU", "Xavier", False), ("ReLU", "He", False),
        ("ReLU", "0.01", True), ("ReLU", "1", True),
    ]  # fmt: skip
    rows, ratios, sizes = [], [], {}
    for activation, weights, normalised in kinds:
        network = Network(
            [d, *[WIDTH] * (DEPTH - 1), 10], weights, activation, normalised=normalised, seed=options.seed
        )
        gradients, activations = network.backward(x, y)
        found = [float(np.mean(np.abs(g))) for g in weights_of(gradients)]
        expected = [float(np.mean(np.abs(g))) for g in automatic_gradients_of(network, x, labels)]
        ratios += list(np.divide(found, expected))
        name = f"{activation}, {weights}{', batch norm' if normalised else ''}"
        sizes[name] = weights_of(gradients)
        rms = [float(np.sqrt(np.mean(A**2))) for A in (activations[0], activations[-1])]
        rows.append((name, *(f"{size:.1e}" for size in (*rms, found[0], found[-1]))))
    say(f"On the first {BATCH} images: root mean square of activations, mean absolute gradient of weights.")
    table(("activation, weights", "activations 1", f"activations {DEPTH - 1}", "gradient 1", f"gradient {DEPTH}"), rows)
    # They are of all sizes: as ratios, each counts.
    agree("Each of these gradients", ratios, np.ones(len(ratios)), tolerance=1e-8)
    say(
        "Weights of 0.01 let everything vanish. Weights of 1 push tanh into its flat ends, and with ReLU everything "
        "explodes. Xavier's suit tanh, but ReLU loses a factor of about sqrt(2) in each layer, which He's make up for. "
        "With batch normalisation the first weights hardly matter."
    )

    heading("Batch normalisation, three ways")
    network = Network([d, 64, 32, 10], "He", normalised=True, seed=options.seed)
    model = network.automatic()
    say(f"The network {d}-64-32-10 on the same images, with batch normalisation of the output of both hidden layers:")

    print(nn.compare.compare_backprop(model, x, labels, backward=network.by_name))
    show_step(model, x, labels, "What the automatic way records, and how it goes back")

    heading("Training")
    say(
        f"The network {d}-256-128-10, {len(X)} images of {images.name}, {len(X_test)} more to test; learning rate "
        f"{options.lr:g}, {options.epochs} epochs, batches of {BATCH}. After each epoch, the loss of all training "
        "images and the accuracy of the test images:"
    )
    networks = {
        "0.01": Network([d, 256, 128, 10], "0.01", seed=options.seed),
        "He": Network([d, 256, 128, 10], "He", seed=options.seed),
        "0.01, batch norm": Network([d, 256, 128, 10], "0.01", normalised=True, seed=options.seed),
        "He, batch norm": Network([d, 256, 128, 10], "He", normalised=True, seed=options.seed),
    }
    histories = {
        name: train(network.automatic(), data, options.lr, options.epochs, options.seed)
        for name, network in networks.items()
    }
    for name, history in histories.items():
        check_converged(name, history["loss"], options.lr)
    last = networks["He, batch norm"]
    trained = train_by_hand(last, data, options.lr, options.epochs, BATCH, options.seed)
    table_of_epochs(histories)
    for what in ("loss", "accuracy"):
        agree(f"He, batch norm: {what}", trained[what], histories["He, batch norm"][what], tolerance=1e-8)
    first = {name: history["loss"][0] for name, history in histories.items()}
    rises = {name: int(np.sum(np.diff(history["loss"]) > 0)) for name, history in histories.items()}
    end = {name: history["loss"][-1] for name, history in histories.items()}
    right = {name: history["accuracy"][-1] for name, history in histories.items()}
    lowest = min(end, key=lambda name: end[name])
    best = max(right.values())
    ahead = ", ".join(name for name in right if right[name] == best)
    gone = first["0.01"] > 2 and max(first[name] for name in first if name != "0.01") < 1
    say(
        f"After one epoch the loss is {first['0.01']:.3f} with weights of 0.01, {first['He']:.3f} with He's, "
        f"{first['0.01, batch norm']:.3f} and {first['He, batch norm']:.3f} with batch normalisation"
        f"{': the plateau of chapter 4.1 is gone' if gone else ''}. Where the first weights are small, normalisation "
        f"makes their gradients large (exercise 5), and the loss can jump: from epoch to epoch it rises "
        f"{times(rises['0.01, batch norm'])}, with He's weights {times(rises['He, batch norm'])}. At the end the "
        f"least loss is {end[lowest]:.4f} ({lowest}), and the best accuracy {best:.4f} ({ahead})."
    )

    draw_sizes(options, sizes)
    draw_training(options, histories, images.name)
    say("Lesson: choose the first weights by the layer's width and its activation, or normalise what they make.")

    exercises("The series has none here: 1 to 4 are of its kind, the others go on from there.")
    answer(exercise_1, options.seed)
    answer(exercise_2)
    answer(exercise_3)
    answer(exercise_4, options)
    answer(exercise_5, x, y, options.seed)
    answer(exercise_6, x, options.seed)
    answer(exercise_7, trained["loss"], last, data)
    say("Next: with gradients of one size, chapter 4.2 turns to layers that know what an image is.")


def automatic_gradients_of(network: Network, x: Array, labels: Array) -> list[Array]:
    """Return the gradients of a network's weights, automatically."""
    return weights_of(automatic_gradients(network.automatic(), x, labels))


def train_by_hand(
    network: Network, data: tuple[Array, ...], lr: float, epochs: int, batch: int, seed: int
) -> dict[str, list[float]]:
    """Return the loss of all training images and the accuracy of the test images after each epoch, by hand."""
    X, labels, X_test, labels_test = data
    Y = np.eye(10, dtype=X.dtype)[labels]
    batches = nn.data.Batches(X, Y, batch_size=batch, rng=seed)
    history: dict[str, list[float]] = {"loss": [], "accuracy": []}
    for _ in progress(range(epochs), "by hand"):
        for x, y in batches:
            gradients, _ = network.backward(x, y)
            network.parameters = [p - lr * g for p, g in zip(network.parameters, gradients, strict=True)]
        history["loss"].append(reference.cross_entropy(network.predict(X), Y))
        history["accuracy"].append(reference.accuracy(network.predict(X_test), labels_test))
    return history


def draw_sizes(options: Namespace, sizes: dict[str, list[Array]]) -> None:
    """Draw the gradient of each layer, for all kinds of weights."""
    figure, axes = subplots(1, 2, width=5.2)
    colours = {"0.01": "C0", "1": "C3", "Xavier": "C1", "He": "C2"}
    for ax, activation in zip(axes, ACTIVATIONS, strict=True):
        for name, gradients in sizes.items():
            kind, weights, *normalised = name.split(", ")
            if kind == activation:
                label = f"{weights}{', batch norm' if normalised else ''}"
                nn.plots.gradient_sizes(gradients, label, ax)
                ax.lines[-1].set(color=colours[weights], linestyle="--" if normalised else "-")
        ax.set(title=f"Gradients, {activation}, {DEPTH} layers", ylim=(1e-17, 1e8))
        ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=3, title="first weights")
    axes[1].set_ylabel("")
    save(figure, options, "sizes")


def draw_training(options: Namespace, histories: dict[str, dict[str, list[float]]], name: str) -> None:
    """Draw how the first weights decide the training."""
    figure, axes = subplots(1, 2, width=5.2)
    plot_histories(axes, histories)
    axes[0].set(title=f"Loss of all training images, {name}", ylabel="cross-entropy", yscale="log")
    axes[1].set(title="Accuracy on the test images, above 0.8", ylabel="accuracy", ylim=(0.8, 1.005))
    over_epochs(axes)
    save(figure, options, "training")


def exercise_1(seed: int) -> str:
    """Draw the weights of a layer from 784 to 256 units by Xavier and by He, and print their standard deviations."""
    xavier, he = (init(784, 256, rng=seed).std() for init in (reference.xavier_init, reference.he_init))
    assert np.isclose(xavier, np.sqrt(2 / 1040), rtol=0.01)
    assert np.isclose(he, np.sqrt(2 / 784), rtol=0.01)
    return (
        f"{xavier:.4f} and {he:.4f}; sqrt(2 / (784 + 256)) = {np.sqrt(2 / 1040):.4f} and sqrt(2 / 784) = "
        f"{np.sqrt(2 / 784):.4f}. Four to five times the 0.01 of the series."
    )


# The batch of the second and the third exercise.
SMALL = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 12.0]])
ONE, ZERO = np.ones((1, 2)), np.zeros((1, 2))


def exercise_2() -> str:
    """Normalise the batch 1 2, 3 4, 5 12 with gamma = 1 and beta = 0; print mean, variance and result."""
    out, _, mean, var = reference.forward_batch_norm(SMALL, ONE, ZERO)
    assert np.array_equal(mean, [[3, 6]])
    assert np.allclose(out.mean(axis=0), 0, atol=1e-12)
    assert np.allclose(out.var(axis=0), 1, rtol=1e-5)
    return (
        f"Mean {mean[0].tolist()}, variance {var[0].round(4).tolist()}, result {out.round(3).tolist()}: both columns "
        "have mean 0 and variance 1, whatever they were."
    )


def exercise_3() -> str:
    """Let the loss be the upper left entry of the result; print its gradient, by hand, and check it numerically."""
    grad = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    _, Z_hat, _, var = reference.forward_batch_norm(SMALL, ONE, ZERO)
    by_hand, _, _ = reference.backward_batch_norm(grad, Z_hat, var, ONE)
    numerical = reference.numerical_gradient(
        SMALL, SMALL, {"Z": SMALL.copy()}, lambda out, _: float(out[0, 0]),
        lambda _, p: reference.forward_batch_norm(p["Z"], ONE, ZERO)[0],
    )["Z"]  # fmt: skip
    off = float(np.abs(by_hand - numerical).max())
    assert off < 1e-7
    assert abs(by_hand.sum()) < 1e-12
    return (
        f"{by_hand.round(4).tolist()}, off by less than {bounded(off)}. All samples of the column get a part, and the "
        "parts sum to 0: what shifts them all changes nothing."
    )


def exercise_4(options: Namespace) -> str:
    """Train 784-256-128-10 on the first 1,000 images as in chapter 4.1, with Xavier's and with He's weights.

    lr 0.1, 10 epochs, batches of 32. Print the first and the last loss and the test accuracy beside those of 0.01.
    """
    images = load_thousand(options)
    data = split(images, np.float32)
    said, first = [], {}
    for weights in ("0.01", "Xavier", "He"):
        runs = []
        for seed in range(options.seed, options.seed + 3):
            network = Network([data[0].shape[1], 256, 128, 10], weights, seed=seed)
            network.parameters = [p.astype(np.float32) for p in network.parameters]
            runs.append(train_by_hand(network, data, 0.1, 10, 32, seed))
        right = [history["accuracy"][-1] for history in runs]
        first[weights] = runs[0]["loss"][0]
        said.append(
            f"{weights}: {runs[0]['loss'][0]:.3f}, {runs[0]['loss'][-1]:.3f}, {right[0]:.3f}, over three seeds "
            f"{min(right):.3f} to {max(right):.3f}"
        )
    assert first["He"] < first["0.01"]
    gone = " The plateau is gone." if first["He"] < 1 < 2 < first["0.01"] else ""
    own = of_mnist(
        images.name,
        "first loss, last loss and accuracies of 2.296, 0.229 and 0.81 to 0.86; with Xavier's weights 0.314, 0.010 and "
        "0.85 to 0.87; with He's 0.250, 0.008 and 0.84 to 0.865",
    )
    return f"{'; '.join(said)}.{gone}{own}"


def exercise_5(x: Array, y: Array, seed: int) -> str:
    """Multiply all weights whose output is normalised by 10, and see what changes."""
    network = Network([x.shape[1], 64, 32, 10], "He", normalised=True, seed=seed)
    gradients, activations = network.backward(x, y)
    network.parameters = [10 * p if i in (0, 3) else p for i, p in enumerate(network.parameters)]
    scaled, same = network.backward(x, y)
    ratio = float(np.abs(gradients[0]).mean() / np.abs(scaled[0]).mean())
    assert all(np.allclose(a, b, atol=1e-3) for a, b in zip(activations, same, strict=True))
    assert abs(ratio - 10) < 0.01
    return (
        f"No activation does, and the gradient of the first weights is {ratio:.2f} times as small: against weights ten "
        "times as large a step counts a hundred times less. Small weights move fast, large ones hardly."
    )


def exercise_6(x: Array, seed: int) -> str:
    """Add a bias to the input of batch normalisation, and print its gradient."""
    rng = np.random.default_rng(seed)
    layer, norm = nn.Linear(x.shape[1], 4, dtype=np.float64, rng=rng), nn.BatchNorm1d(4, dtype=np.float64)
    (norm(layer(x)) * rng.normal(size=(len(x), 4))).sum().backward()
    largest = float(np.abs(layer.bias.grad).max())
    assert largest < 1e-10
    return f"It is 0, but for {bounded(largest)}: the mean takes a bias off again, and beta does its work."


def exercise_7(losses: list[float], network: Network, data: tuple[Array, ...]) -> str:
    """Compare the running averages with the mean and variance of all training images."""
    X, labels, _, _ = data
    Z = X @ network.parameters[0]
    mean, var = network.running[0]
    off = float(np.sqrt(np.mean((mean - Z.mean(axis=0)) ** 2)) / Z.std())
    ratio = float(np.median(var / Z.var(axis=0)))
    assert off < 0.2
    assert 0.8 < ratio < 1.25
    # Judged by themselves, the images give nearly the same loss.
    Z, _, _, _ = reference.forward_batch_norm(Z, *network.parameters[1:3])
    Z, _, _, _ = reference.forward_batch_norm(reference.relu(Z) @ network.parameters[3], *network.parameters[4:6])
    W3, b3 = network.parameters[6:]
    itself = reference.cross_entropy(reference.softmax(reference.relu(Z) @ W3 + b3), np.eye(10)[labels])
    return (
        f"The means are off by {off:.3f} deviations, the variances by a factor of {ratio:.3f} (the median). The loss "
        f"is {losses[-1]:.4f} with the averages and {itself:.4f} with the images' own."
    )


if __name__ == "__main__":
    run(story, epochs=20, lr=0.1)
