"""Chapter 4.1: deeper perceptrons, and gradients that vanish.

A layer more is a step more in the backward pass. With Z_l = A_(l-1) W_l + b_l, A_l = f(Z_l) and a softmax at the end,

    delta_last = (A_last - y) / n,    delta_l = (delta_(l+1) W_(l+1)^T) * f'(Z_l),    dL/dW_l = A_(l-1)^T delta_l.

So the first layer's gradient is a product of as many factors W^T f' as there are layers behind it. If each shrinks what
it gets, the product vanishes with the depth; if each enlarges it, it explodes.

    weights of 0.01      shrink it to about 0.01 sqrt(m) for m units: a tenth in each layer of the series;
    sigmoid              has f' of at most 1/4;
    relu                 has f' = 1 for half of its units: weights of variance 2/m (He) make up for the other half.
"""

from argparse import Namespace
from itertools import pairwise

import numpy as np
from common import (
    Array,
    agree,
    answer,
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
from autograd_np import print_tape
from nn import reference

BATCH = 64
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


def by_name(model: nn.Sequential) -> list[Array]:
    """Return W1, b1, W2, b2, W3, b3 of a model, in the series' shapes."""
    return [p.data.T.copy() if p.ndim == 2 else p.data[np.newaxis].copy() for p in model.parameters()]


def backward(parameters: list[Array], x: Array, y: Array) -> tuple[float, list[Array]]:
    """Return the loss and the gradients of a batch, by hand."""
    W1, b1, W2, b2, W3, _ = parameters
    A1, A2, A3 = reference.forward_mlp_3layer(x, *parameters)
    Z1, Z2 = x @ W1 + b1, A1 @ W2 + b2
    gradients = reference.backward_mlp_3layer(x, A1, A2, A3, y, W1, W2, W3, Z1, Z2)
    return reference.cross_entropy(A3, y), list(gradients)


def train_by_hand(
    parameters: list[Array], X: Array, labels: Array, lr: float, epochs: int, seed: int
) -> tuple[list[Array], list[float]]:
    """Return the trained parameters, and the mean loss of the batches of each epoch."""
    batches, losses = nn.data.Batches(X, np.eye(10)[labels], batch_size=BATCH, rng=seed), []
    for _ in progress(range(epochs), "by hand"):
        total = 0.0
        for x, y in batches:
            loss, gradients = backward(parameters, x, y)
            parameters = [p - lr * g for p, g in zip(parameters, gradients, strict=True)]
            total += loss * len(x)
        losses.append(total / len(X))
    return parameters, losses


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    data = load_images(options)
    X, X_test = standardize(data.x_train, data.x_test)
    labels, labels_test = data.y_train, data.y_test
    n, d = X.shape
    sizes, x, y = [d, 256, 128, 10], X[:BATCH], labels[:BATCH]

    heading("Three layers, three ways")
    models = {
        "0.01, the series'": perceptron(sizes, nn.ReLU, 0.01, options.seed),
        "He": perceptron(sizes, nn.ReLU, "he", options.seed),
    }
    say(f"The network {d}-256-128-10 on the first {BATCH} images of {data.name}, with He's weights:")
    print(nn.compare.compare_backprop(models["He"], x, y))
    print("\nWhat the automatic way records, and how it goes back:\n")
    names = dict(models["He"].named_parameters()) | {"X": x, "y": y}
    print_tape(nn.CrossEntropyLoss()(models["He"](x), y), names)

    heading("The gradients of the first batch")
    rows = []
    for name, model in models.items():
        automatic = sizes_of(weight_gradients(model, x, y))
        by_hand = sizes_of(backward(by_name(model), x, np.eye(10)[y])[1][::2])
        rows.append((name, *(f"{size:.2e}" for size in by_hand)))
        agree(f"Mean absolute gradients with weights of {name}", by_hand, automatic)
    table(("weights", "W1", "W2", "W3"), rows)

    heading("Training")
    say(
        f"{n} images, {len(X_test)} more to test; learning rate {options.lr:g}, {options.epochs} epochs, batches of "
        f"{BATCH}."
    )
    trained, losses = train_by_hand(by_name(models["He"]), X, labels, options.lr, options.epochs, options.seed)
    histories = {}
    for name, model in models.items():
        histories[name] = nn.fit(
            model, X, labels, optimizer=nn.optim.SGD(model.parameters(), lr=options.lr), epochs=options.epochs,
            batch_size=BATCH, validation=(X_test, labels_test), metrics={"accuracy": nn.accuracy}, rng=options.seed,
        )  # fmt: skip
    *_, A3_test = reference.forward_mlp_3layer(X_test, *trained)
    table(
        ("weights", "loss, epoch 1", "last", "test accuracy"),
        [
            (name, f"{h['loss'][0]:.4f}", f"{h['loss'][-1]:.4f}", f"{h['val_accuracy'][-1]:.4f}")
            for name, h in histories.items()
        ]
        + [("He, by hand", *(f"{x:.4f}" for x in (losses[0], losses[-1], reference.accuracy(A3_test, labels_test))))],
    )
    agree("Losses with He's weights", losses, histories["He"]["loss"], tolerance=1e-8)
    say("The series reports an accuracy of 0.887 for its 5,000 images of MNIST, less than with one hidden layer.")

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

    draw(options, histories, {kind: {depth: found[kind, depth] for depth in DEPTHS} for kind in list(kinds)[:2]})
    say("Lesson: what a deep network learns with depends on its first weights and its activations; measure it.")

    heading("Exercises")
    answer(exercise_1, factors["sigmoid, Xavier"])
    answer(exercise_2, x, y, options.seed)
    answer(exercise_3, x, y, options.seed)
    answer(exercise_4, d)
    answer(exercise_5, options.seed)


def draw(options: Namespace, histories: dict[str, dict], found: dict[str, dict[int, list[Array]]]) -> None:
    """Draw the gradients of each layer, and how the first weights decide the training."""
    from matplotlib import colormaps

    figure, axes = subplots(1, 3)
    for ax, (kind, by_depth) in zip(axes, found.items(), strict=False):
        ax.set_prop_cycle(color=colormaps["viridis"](np.linspace(0, 0.9, len(by_depth))))
        for depth, gradients in by_depth.items():
            nn.plots.gradient_sizes(gradients, f"{depth} layers", ax)
        ax.set_title(f"Gradients: {kind}")
        ax.set_ylim(1e-9, 1)
    axes[0].legend(frameon=False, ncols=3, fontsize=8, loc="lower right")
    axes[1].get_legend().remove()
    for name, history in histories.items():
        epochs = range(1, len(history["loss"]) + 1)
        axes[2].plot(epochs, history["loss"], marker="o", markersize=3.5, label=f"weights of {name}")
    axes[2].set(title="Three layers: training", xlabel="epoch", ylabel="loss")
    axes[2].xaxis.get_major_locator().set_params(integer=True)
    axes[2].grid(alpha=0.3)
    axes[2].legend(frameon=False)
    save(figure, options, "gradients")


def exercise_1(factor: float) -> str:
    """Compare the factor of a sigmoid layer with the largest slope of the sigmoid."""
    assert 0.15 < factor < 0.3
    return f"{factor:.3f}, about 1/4: near z = 0 the slope is at its largest, and Xavier's weights add nothing."


def exercise_2(x: Array, labels: Array, seed: int) -> str:
    """Take tanh instead, with Xavier's weights."""
    size = sizes_of(weight_gradients(perceptron([x.shape[1], *[WIDTH] * 9, 10], nn.Tanh, "xavier", seed), x, labels))
    factor = (size[1] / size[-2]) ** (1 / 7)
    assert factor > 0.7
    return f"The factor is {factor:.3f}: its slope at 0 is 1."


def exercise_3(x: Array, labels: Array, seed: int) -> str:
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
    return f"Behind the first layer come 9 more: what arrives there is {ratio:.1f} = 2^9 times smaller."


def exercise_4(d: int) -> str:
    """Count the parameters."""
    counted = sum(p.size for p in perceptron([d, 256, 128, 10], nn.ReLU, "he", 0).parameters())
    assert counted == d * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10
    return f"{counted:,}, of which the first layer has {d * 256 + 256:,}."


def exercise_5(seed: int) -> str:
    """Write delta_1 of one sample as delta_3 times the Jacobians between, and check the hand-written pass with it."""
    rng = np.random.default_rng(seed)
    shapes = [(4, 5), (1, 5), (5, 6), (1, 6), (6, 3), (1, 3)]
    parameters = [rng.normal(size=shape) for shape in shapes]
    _, _, W2, _, W3, _ = parameters
    x, y = rng.normal(size=(1, 4)), np.eye(3)[:1]
    A1, A2, A3 = reference.forward_mlp_3layer(x, *parameters)
    delta_1 = (A3 - y) @ (W3.T * (A2 > 0)) @ (W2.T * (A1 > 0))
    _, gradients = backward(parameters, x, y)
    assert np.allclose(gradients[0], x.T @ delta_1, rtol=1e-12)
    return "(A3 - y) (W3^T relu'(Z2)) (W2^T relu'(Z1)): a factor for every layer behind, and dL/dW1 is x^T times it."


if __name__ == "__main__":
    run(story, epochs=20, lr=0.1)
