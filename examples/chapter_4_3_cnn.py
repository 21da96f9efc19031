"""Chapter 4.3: pooling, and a convolutional network from the image to the probabilities.

Images X (n, 28, 28) go through eight filters F of 3 x 3, a ReLU, the maxima of windows of 2 x 2, and a dense layer:

    Z[f] = X correlated with F[f], plus b_conv[f]      (n, 8, 26, 26)
    A = relu(Z)                                        (n, 8, 26, 26)
    P[i, j] = max of A[2i, 2j] and its three neighbours  (n, 8, 13, 13)
    probs = softmax(flat(P) W + b)                     (n, 10)

so that W has 8 * 13 * 13 = 1352 rows. (The series prints 2197, which is 13 * 13 * 13.) Backwards, with
delta = (probs - y) / n,

    dL/dW = flat(P)^T delta,    dL/dP = delta W^T,

the maximum sends its gradient to the place that it took its value from, the ReLU stops it where Z <= 0, and dL/dF[f] is
the correlation of the images with what arrives at Z[f]. The series promises this backward pass; here it is, by hand and
automatically.

The series' own network has no ReLU, and takes pixels from 0 to 255: its logits are then so far apart that the softmax
knows nothing but 0 and 1.
"""

from argparse import Namespace
from collections.abc import Callable

import numpy as np
from common import (
    HORIZONTAL,
    Array,
    agree,
    answer,
    draw_edges,
    exercises,
    heading,
    load_first,
    load_images,
    of_mnist,
    opening,
    run,
    save,
    say,
    show_program,
    subplots,
    table,
)

import nn
from autograd_np import grad
from nn import reference


def edge_filters() -> Array:
    """Return the filters of edges in eight directions: one of them, turned by 45 degrees again and again."""
    ring = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    weights = [-1.0, 0.0, 1.0, 2.0, 1.0, 0.0, -1.0, -2.0]
    filters = np.zeros((8, 3, 3))
    for k in range(8):
        for place, (i, j) in enumerate(ring):
            filters[k, i, j] = weights[(place - k) % 8]
    return filters


def network(size: int, rng: np.random.Generator) -> nn.Sequential:
    """Return the network for images of a given size."""
    pooled = (size - 2) // 2
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, dtype=np.float64, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(8 * pooled * pooled, 10, dtype=np.float64, rng=rng),
    )  # fmt: skip


def series_cnn(
    images: Array, filters: Array, W: Array, activation: Callable[[Array], Array] = reference.identity
) -> list[Array]:
    """Return what each layer of the series' network makes of images, the channels last."""
    maps = np.stack([[reference.conv2d(image, F) for F in filters] for image in images]).transpose(0, 2, 3, 1)
    pooled = np.stack([reference.max_pool(activation(Z)) for Z in maps])
    flat = pooled.reshape(len(images), -1)
    return [images, maps, pooled, flat, reference.softmax(flat @ W)]


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    opening(
        "Why it matters: pooling keeps what a filter found and forgets the exact pixel, and the dense layer that "
        "takes its output has a quarter of the weights. This is how images became easy for networks.",
        "max_pool", "forward_cnn", "backward_cnn",
    )  # fmt: skip
    rng = np.random.default_rng(options.seed)
    data = load_images(options)
    X, labels = data.x_train[:64].astype(np.float64), data.y_train[:64]
    n, size = X.shape[:2]
    model = network(size, rng)
    filters, b_conv, W, b = (p.data for p in model.parameters())

    heading(f"From {n} images of {data.name} to probabilities")
    Z, A, P, probs = reference.forward_cnn(X, filters[:, 0], b_conv[np.newaxis], W.T, b[np.newaxis])
    x, outputs = X[:, np.newaxis], []
    for layer in model:
        x = layer(x)
        outputs.append(x.data)
    parameters = [sum(p.size for p in layer.parameters()) for layer in model]
    table(
        ("layer", "output", "parameters"),
        [("image", str((n, 1, size, size)), "")]
        + [
            (type(layer).__name__, str(out.shape), f"{count:,}" if count else "")
            for layer, out, count in zip(model, outputs, parameters, strict=True)
        ],
    )
    print(f"parameters in all: {sum(parameters):,}")
    agree("Z", Z, outputs[0])
    agree("A", A, outputs[1])
    agree("P", P, outputs[2])
    agree("probs", probs, reference.softmax(outputs[4]))
    flat = outputs[3].shape[1]
    say(f"The flattened maps have {flat} features: 8 maps of 13 x 13. The series prints {13**3} = 13 x 13 x 13.")

    heading("Pooling")
    window = np.array([[1.0, 5.0, 2.0, 2.0], [3.0, 4.0, 2.0, 2.0]])
    pooled = reference.max_pool(window)
    back = grad(lambda x: np.sum(nn.functional.max_pool2d(x.reshape(1, 1, 2, 4), 2)))(window)
    agree("Maxima", pooled, nn.functional.max_pool2d(window[np.newaxis, np.newaxis], 2)[0, 0])
    print(f"image\n{window}\nmaxima\n{pooled}\ngradient of their sum\n{back}")
    say("The largest one gets the whole gradient; of equal ones the first.")

    heading("Backwards, three ways")
    print(nn.compare.compare_backprop(model, X[:, np.newaxis], labels))

    heading("The whole step as a program")
    say(
        "nn.compile_step writes a training step down as NumPy. A convolution, a pooling and their gradients are one "
        "call each. The program pools before the ReLU, which gives the same numbers and takes a quarter of the work."
    )
    show_program(model, X[:, np.newaxis], labels, lr=0.1)

    heading("The network of the series")
    series(np.rint(255 * X[:4]), options.seed)

    draw(options, X[0], labels[0], W, b)
    say("Lesson: a convolution has few parameters and a dense layer many; shapes, counted layer by layer, tell.")

    exercises()
    name, first, label = load_first(options)
    answer(exercise_1)
    answer(exercise_2)
    answer(exercise_3, name, first)
    answer(exercise_4, X[:2], options.seed)
    answer(exercise_5)
    answer(exercise_6, Z)
    answer(exercise_7, rng)
    answer(exercise_8, rng)
    answer(exercise_9)
    answer(exercise_10, X[0])
    edges = reference.conv2d(first, HORIZONTAL)
    draw_edges(options, "exercise", first, label, {"Horizontal edges": edges, "Pooled": reference.max_pool(edges)})
    say("Next: so many weights can learn their images by heart. Chapter 4.4 asks what helps against it.")


def series(images: Array, seed: int) -> None:
    """Show what pixels up to 255 and the missing ReLU do to the probabilities of the series' network."""
    n = len(images)
    say(f"It takes {n} images, pixels from 0 to 255, 8 filters of 0.1 N and a dense layer of 0.01 N, without a ReLU:")
    kinds = {
        "0 to 255, no ReLU": (1, reference.identity),
        "0 to 255, ReLU": (1, reference.relu),
        "0 to 1, no ReLU": (255, reference.identity),
        "0 to 1, ReLU": (255, reference.relu),
    }
    found: dict[str, list[Array]] = {kind: [] for kind in kinds}
    for k in range(seed, seed + 20):
        rng = np.random.default_rng(k)
        filters, W = 0.1 * rng.normal(size=(8, 3, 3)), 0.01 * rng.normal(size=(8 * 13 * 13, 10))
        for kind, (scale, activation) in kinds.items():
            found[kind].append(series_cnn(images / scale, filters, W, activation)[-1])
    table(
        ("pixels", "least probability", "largest", "least, over 20 seeds"),
        [
            (kind, f"{p[0].min():.1e}", f"{p[0].max():.4f}", f"{np.min(p):.0e} to {max(q.min() for q in p):.0e}")
            for kind, p in found.items()
        ],
    )
    without, with_relu = (np.array([p.min() for p in found[f"0 to 255, {kind}"]]) for kind in ("no ReLU", "ReLU"))
    say(
        "The series prints about 0.1 for each class, as it should be before training; its code cannot. The pixels are "
        "to blame: 255 times as large, they make the logits 255 times as large. The missing ReLU makes all of the "
        f"network but the maxima linear, and in {np.sum(without < with_relu)} of the 20 networks the least probability "
        "is smaller without it. Divide the pixels by 255, or standardize them."
    )


def draw(options: Namespace, image: Array, label: int, W: Array, b: Array) -> None:
    """Draw what edge filters, laid by hand, make of an image, from layer to layer."""
    filters = edge_filters()
    Z, A, P, probs = reference.forward_cnn(image[np.newaxis], filters, np.zeros((1, 8)), W.T, b[np.newaxis])
    figure, axes = subplots(2, 3, width=4.6, height=2.5)
    axes[0, 0].imshow(image, cmap="gray_r")
    axes[0, 0].set_axis_off()
    axes[0, 0].set_title(f"Image of a {label}: {image.shape[0]} x {image.shape[1]}")
    nn.plots.filters(filters[:, np.newaxis], ax=axes[0, 1]).set_title("Filters: edges in eight directions")
    for ax, maps, name in zip(axes.flat[2:5], (Z, A, P), ("convolution", "ReLU", "max pooling"), strict=True):
        nn.plots.feature_maps(maps[0], ax=ax).set_title(f"After {name}: 8 x {maps.shape[2]} x {maps.shape[3]}")
        # They have signs: zero is white, on one scale for all three.
        limit = float(np.abs(Z[0]).max())
        ax.images[0].set(cmap="RdBu_r", clim=(-limit, limit))
    for ax in axes.flat[:5]:
        ax.set_aspect("equal", adjustable="datalim")
    axes[1, 2].bar(range(10), probs[0], color="C0")
    axes[1, 2].set(title="Probabilities, before training", xlabel="class", ylabel="probability", xticks=range(10))
    for ax in axes.flat:
        ax.set_box_aspect(0.5)  # all panels of one size, in line
    save(figure, options, "maps")


# The matrix of the series' exercises.
COUNTED = np.arange(1.0, 17.0).reshape(4, 4)


def exercise_1() -> str:
    """Pool the 4 x 4 matrix of the numbers 1 to 16, in windows of 2 x 2 at stride 2."""
    out = reference.max_pool(COUNTED)
    assert np.array_equal(out, [[6, 8], [14, 16]])
    return f"{out.tolist()}: of each window the lower right corner, since the numbers grow that way."


def exercise_2() -> str:
    """Do the same at stride 1."""
    out = reference.max_pool(COUNTED, stride=1)
    assert np.array_equal(out, [[6, 7, 8], [10, 11, 12], [14, 15, 16]])
    return f"{out.tolist()}, of shape {out.shape}: the windows overlap."


def exercise_3(name: str, image: Array) -> str:
    """Find the horizontal edges of the first image, pool them, and draw image, map and pooled map."""
    out = reference.conv2d(image, HORIZONTAL)
    pooled = reference.max_pool(out)
    shapes = [a.shape for a in (image, out, pooled)]
    assert shapes == [(28, 28), (26, 26), (13, 13)]
    assert pooled.max() == out.max()
    return (
        f"{', '.join(map(str, shapes))}. The largest value, {out.max():.0f}, stays, and many of the negative ones go: "
        f"{np.mean(out < 0):.0%} of the map are below zero, {np.mean(pooled < 0):.0%} of the pooled one."
        f"{of_mnist(name, 'a largest value of 759, 22% and 13%')}"
    )


def exercise_4(images: Array, seed: int) -> str:
    """Send 2 images through 4 random filters of 0.1, pooling, and a dense layer of 0.01; print the shapes."""
    rng = np.random.default_rng(seed)
    layers = series_cnn(images, 0.1 * rng.normal(size=(4, 3, 3)), 0.01 * rng.normal(size=(4 * 13 * 13, 10)))
    shapes = [layer.shape for layer in layers]
    assert shapes == [(2, 28, 28), (2, 26, 26, 4), (2, 13, 13, 4), (2, 676), (2, 10)]
    assert np.allclose(layers[-1].sum(axis=1), 1)
    return (
        f"{', '.join(map(str, shapes))}. With pixels from 0 to 1 the probabilities reach from "
        f"{layers[-1].min():.3f} to {layers[-1].max():.3f}."
    )


def exercise_5() -> str:
    """Count the parameters, and those of a dense layer that would make the same maps."""
    counted = 8 * 9 + 8 + 1352 * 10 + 10
    dense = 28 * 28 * 8 * 26 * 26 + 8 * 26 * 26
    assert sum(p.size for p in network(28, np.random.default_rng(0)).parameters()) == counted
    return f"{counted:,}, of which the filters have 80; a dense layer would have {dense:,} instead of those."


def exercise_6(Z: Array) -> str:
    """Exchange the ReLU and the pooling."""
    first = [reference.max_pool(reference.relu(z)) for z in Z[0]]
    last = [reference.relu(reference.max_pool(z)) for z in Z[0]]
    assert np.array_equal(first, last)
    return "It makes no difference, since relu keeps the order; pooling first saves three quarters of the ReLUs."


def exercise_7(rng: np.random.Generator) -> str:
    """Pool an image with an odd number of rows and columns."""
    X = rng.normal(size=(5, 5))
    back = grad(lambda x: np.sum(nn.functional.max_pool2d(x.reshape(1, 1, 5, 5), 2)))(X)
    assert reference.max_pool(X).shape == (2, 2)
    assert not back[4].any()
    assert not back[:, 4].any()
    return "(5, 5) becomes (2, 2): the last row and column are dropped, and get no gradient."


def exercise_8(rng: np.random.Generator) -> str:
    """Pool in windows of 2 x 2 that overlap, and see who gets how much."""
    X = rng.normal(size=(4, 4))
    X[1, 1] = 10
    back = grad(lambda x: np.sum(nn.functional.max_pool2d(x.reshape(1, 1, 4, 4), 2, stride=1)))(X)
    assert reference.max_pool(X, stride=1).shape == (3, 3)
    assert back[1, 1] == 4
    assert back.sum() == 9
    return "With stride 1 there are 9 windows; a pixel that wins in 4 of them gets a gradient of 4."


def exercise_9() -> str:
    """Take nothing but equal values."""
    X = np.ones((2, 2))
    back = grad(lambda x: np.sum(nn.functional.max_pool2d(x.reshape(1, 1, 2, 2), 2)))(X)
    shared = grad(np.max)(X)
    assert np.array_equal(back, [[1, 0], [0, 0]])
    assert np.array_equal(shared, np.full((2, 2), 0.25))
    return "Pooling gives all to the first; np.max shares evenly. Both are right where there is no derivative."


def exercise_10(X: Array) -> str:
    """Find the pixels that one pooled value depends on."""
    F = np.ones((1, 1, 3, 3))

    def pooled(x: Array) -> Array:
        return nn.functional.max_pool2d(nn.functional.conv2d(x.reshape(1, 1, *X.shape), F), 2)[0, 0, 5, 6]

    rows, columns = np.nonzero(grad(pooled)(X))
    assert len(rows) == 9
    assert rows.min() >= 10
    assert rows.max() <= 13
    assert columns.min() >= 12
    assert columns.max() <= 15
    return "P[5, 6] looks at rows 10 to 13 and columns 12 to 15, 4 x 4 pixels, and its gradient goes to 3 x 3 of them."


if __name__ == "__main__":
    run(story)
