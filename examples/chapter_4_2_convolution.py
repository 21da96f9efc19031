"""Chapter 4.2: convolution, edge filters, and which way round a filter lies.

Deep learning lays a small filter F (u, v) on an image X (H, W) at every place where it fits, and adds up the products:

    out[i, j] = sum over m, n of X[i + m, j + n] F[m, n],    out (H - u + 1, W - v + 1).

In mathematics this is the cross-correlation of X and F. The convolution turns the filter by 180 degrees first,

    out[i, j] = sum over m, n of X[i + m, j + n] F[u - 1 - m, v - 1 - n],

which is what `scipy.signal.convolve2d` computes, and what the series' code did where its text defines the former. For a
filter that looks the same after half a turn there is no difference, one for the edges of a single direction changes its
sign, and a filter that is learnt comes out turned. In the backward pass, with G = dL/dout, both have their place:

    dL/dF = the cross-correlation of X and G,    dL/dX = the convolution of G and F, zeros around it.

The filter with 8 in the middle and -1 around it, which the series calls like Sobel's, is a Laplacian: it sees edges of
all directions alike. Sobel's are the two edge filters here.
"""

from argparse import Namespace
from typing import Any

import numpy as np
from common import (
    HORIZONTAL,
    Array,
    agree,
    answer,
    bounded,
    draw_edges,
    exercises,
    framed,
    heading,
    load_first,
    load_images,
    of_mnist,
    opening,
    run,
    save,
    say,
    subplots,
    table,
)
from scipy.signal import convolve2d, correlate2d

import nn
from autograd_np import grad, hessian, jacobian, value_and_grad
from nn import reference

FILTERS = {
    "vertical edges": np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]),
    "horizontal edges": np.array([[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]]),
    "all edges": np.array([[-1.0, -1.0, -1.0], [-1.0, 8.0, -1.0], [-1.0, -1.0, -1.0]]),
    "blur": np.full((3, 3), 1 / 9),
}
# Beside HORIZONTAL, the other filter of the series' exercises.
VERTICAL = HORIZONTAL.T


def by_loops(X: Array, F: Array, stride: int = 1) -> Array:
    """Return the cross-correlation as it is defined."""
    (H, W), (u, v) = X.shape, F.shape
    out = np.zeros(((H - u) // stride + 1, (W - v) // stride + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for m in range(u):
                for n in range(v):
                    out[i, j] += X[i * stride + m, j * stride + n] * F[m, n]
    return out


def automatic(X: Any, F: Any, stride: int = 1) -> Any:
    """Return the same from the function of `Conv2d`, which takes batches and channels and can be differentiated."""
    return nn.functional.conv2d(X.reshape(1, 1, *X.shape), F.reshape(1, 1, *F.shape), stride=stride)[0, 0]


def story(options: Namespace) -> None:
    """Tell the chapter's story."""
    opening(
        "Why it matters: in an image, neighbours belong together. A filter looks at neighbours alone, and at all "
        "places with the same few weights.",
        "conv2d",
    )
    rng = np.random.default_rng(options.seed)
    data = load_images(options)
    digit = 3 if 3 in data.y_train else int(data.y_train[0])
    X = data.x_train[np.flatnonzero(data.y_train == digit)[0]].astype(np.float64)

    heading(f"Edge filters on a {digit} of {data.name}")
    maps = {name: reference.conv2d(X, F) for name, F in FILTERS.items()}
    table(
        ("filter", "image", "stride 1", "stride 2", "smallest", "largest"),
        [
            (
                name, str(X.shape), str(out.shape), str(reference.conv2d(X, FILTERS[name], stride=2).shape),
                f"{out.min():.3f}", f"{out.max():.3f}",
            )
            for name, out in maps.items()
        ],
    )  # fmt: skip
    for stride in (1, 2):
        loops = [by_loops(X, F, stride) for F in FILTERS.values()]
        agree(f"Feature maps at stride {stride}", loops, [automatic(X, F, stride) for F in FILTERS.values()])
        agree(f"The same, by scipy.signal.correlate2d at stride {stride}", loops,
              [reference.conv2d(X, F, stride) for F in FILTERS.values()])  # fmt: skip

    heading("Correlation and convolution")
    turned = {name: convolve2d(X, F, mode="valid") for name, F in FILTERS.items()}
    table(
        ("filter", "difference from correlation", "from minus the correlation"),
        [
            (name, f"{np.abs(turned[name] - out).max():.3f}", f"{np.abs(turned[name] + out).max():.3f}")
            for name, out in maps.items()
        ],
    )
    opposite, same = (
        " and ".join(name for name, F in FILTERS.items() if np.array_equal(F[::-1, ::-1], sign * F)) for sign in (-1, 1)
    )
    say(f"Turned by 180 degrees, the filters for {opposite} change their sign; {same} look the same.")

    heading("Backwards")
    F, G = FILTERS["vertical edges"], rng.normal(size=(26, 26))
    _, (gradient_X, gradient_F) = value_and_grad(lambda X, F: np.sum(automatic(X, F) * G), argnums=(0, 1))(X, F)
    agree("dL/dF", correlate2d(X, G, mode="valid"), gradient_F)
    agree("dL/dX", convolve2d(G, F, mode="full"), gradient_X)

    heading("A filter that is learnt")
    say(
        "From the images and their edges alone, by a Newton step on the mean squared error, which is quadratic in the "
        "filter. Where the edges come from a convolution, the layer, which correlates, finds the filter turned:"
    )
    images = data.x_train[:50].astype(np.float64)
    learnt = {
        way: learn(images, np.array([filtered(image, F, mode="valid") for image in images]))
        for way, filtered in (("correlation", correlate2d), ("convolution", convolve2d))
    }
    for (way, found), expected in zip(learnt.items(), (F, F[::-1, ::-1]), strict=True):
        print(f"{way}, error within {bounded(np.abs(found - expected).max())}:\n{found.round(6) + 0.0}")

    draw(options, X, digit, maps)
    draw_learnt(options, X, learnt)
    say("Lesson: a layer that learns its filters does not mind which way round they lie; whoever gives them does.")

    exercises()
    name, first, label = load_first(options)
    answer(exercise_1)
    answer(exercise_2)
    answer(exercise_3, name, first, label)
    answer(exercise_4, name, first)
    answer(exercise_5, X)
    answer(exercise_6, X)
    answer(exercise_7, X)
    answer(exercise_8, X)
    answer(exercise_9, rng)
    answer(exercise_10, X, rng)
    filters = {"Horizontal edges": HORIZONTAL, "Vertical edges": VERTICAL}
    edges = {title: reference.conv2d(first, F) for title, F in filters.items()}
    draw_edges(options, "exercises", first, label, edges)
    say("Next: chapter 4.3 hands the maps of the filters to pooling, and then to a dense layer.")


def learn(images: Array, target: Array) -> Array:
    """Return the filter that a convolutional layer learns from images and what should come out."""

    def loss(F: Any) -> Any:
        return np.mean((nn.functional.conv2d(images[:, np.newaxis], F.reshape(1, 1, 3, 3))[:, 0] - target) ** 2)

    start = np.zeros(9)
    return (start - np.linalg.solve(hessian(loss)(start), grad(loss)(start))).reshape(3, 3)


def draw(options: Namespace, X: Array, digit: int, maps: dict[str, Array]) -> None:
    """Draw the image, the filters, and what they make of it."""
    figure, axes = subplots(2, 5, width=2.5, height=2.6)
    axes[0, 0].imshow(X, cmap="gray_r")
    axes[0, 0].set_title(f"image of a {digit}, {X.shape[0]} x {X.shape[1]}")
    small = reference.conv2d(X, FILTERS["vertical edges"], stride=2)
    axes[1, 0].imshow(small, cmap="RdBu_r", vmin=-4, vmax=4)
    axes[1, 0].set_title(f"vertical, stride 2: {small.shape[0]} x {small.shape[1]}")
    for column, (name, F) in enumerate(FILTERS.items(), start=1):
        weights = draw_filter(axes[0, column], F, "1/9" if name == "blur" else None)
        axes[0, column].set_title(name)
        axes[1, column].imshow(maps[name], cmap="RdBu_r", vmin=-4, vmax=4)
        axes[1, column].set_title(f"{maps[name].shape[0]} x {maps[name].shape[1]}")
    figure.colorbar(weights, ax=axes[0, :], extend="both", pad=0.01, label="weight")
    figure.colorbar(axes[1, 0].images[0], ax=axes[1, :], extend="both", pad=0.01, label="feature map")
    framed(axes.flat)
    save(figure, options, "edges")


def draw_filter(ax: Any, F: Array, text: str | None = None) -> Any:
    """Draw a filter with its weights written into it, all filters on one scale."""
    picture = ax.imshow(F, cmap="RdBu_r", vmin=-2, vmax=2)
    for (i, j), value in np.ndenumerate(F):
        colour = "white" if abs(value) > 1.3 else "black"
        ax.text(j, i, text or f"{value.round() + 0.0:.0f}", ha="center", va="center", color=colour)
    return picture


def draw_learnt(options: Namespace, X: Array, learnt: dict[str, Array]) -> None:
    """Draw what correlation and convolution make of one image, and the filters learnt from them."""
    figure, axes = subplots(2, 3, width=3.3, height=3.1)
    F = FILTERS["vertical edges"]
    outputs = correlate2d(X, F, mode="valid"), convolve2d(X, F, mode="valid")
    for row, (way, found), out in zip(axes, learnt.items(), outputs, strict=True):
        draw_filter(row[0], F)
        row[0].set_title("The filter")
        maps = row[1].imshow(out, cmap="RdBu_r", vmin=-4, vmax=4)
        row[1].set_title(f"Its {way} with an image")
        draw_filter(row[2], found)
        row[2].set_title(f"Learnt from {way}s")
    # The weights are written into the filters.
    figure.colorbar(maps, ax=axes, aspect=40, pad=0.02, ticks=[-4, 0, 4], label="correlation, convolution")
    framed(axes.flat)
    save(figure, options, "learnt")


# The image and the filter of the series' first two exercises.
SMALL = np.array([[1, 1, 1, 1], [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1]])
AVERAGE = np.full((2, 2), 0.25)


def exercise_1() -> str:
    """Average the image with the rows 1 1 1 1, 1 2 2 1, 1 2 2 1, 1 1 1 1 over windows of 2 x 2, at stride 1."""
    out = reference.conv2d(SMALL, AVERAGE)
    assert np.array_equal(out, [[1.25, 1.5, 1.25], [1.5, 2, 1.5], [1.25, 1.5, 1.25]])
    return f"{out.tolist()}, of shape {out.shape}."


def exercise_2() -> str:
    """Do the same at stride 2."""
    out = reference.conv2d(SMALL, AVERAGE, stride=2)
    assert np.array_equal(out, np.full((2, 2), 1.25))
    return f"{out.tolist()}, of shape {out.shape}: every second window of both directions."


def exercise_3(name: str, image: Array, label: int) -> str:
    """Find horizontal edges in the first image, pixels from 0 to 255, with the rows -1 -1 -1, 0 0 0, 1 1 1.

    Draw the image and the map.
    """
    out = reference.conv2d(image, HORIZONTAL)
    assert out.shape == (26, 26)
    assert np.array_equal(convolve2d(image, HORIZONTAL, mode="valid"), -out)
    return (
        f"A {label}; the map is {out.shape}, from {out.min():.0f} to {out.max():.0f}, positive where the ink grows "
        "downwards. The convolution that the series' code calls gives exactly the opposite."
        f"{of_mnist(name, 'a 5, from -759 to 759')}"
    )


def exercise_4(name: str, image: Array) -> str:
    """Find vertical edges as well, with the rows -1 0 1, draw both maps, and compare."""
    across, down = reference.conv2d(image, VERTICAL), reference.conv2d(image, HORIZONTAL)
    turned = convolve2d(image, VERTICAL, mode="valid")
    assert np.array_equal(turned, -across)
    assert np.array_equal(across, reference.conv2d(image.T, HORIZONTAL).T)
    stronger = np.mean(np.abs(across) > np.abs(down)), np.mean(np.abs(down) > np.abs(across))
    return (
        f"From {across.min():.0f} to {across.max():.0f}, by convolution from {turned.min():.0f} to "
        f"{turned.max():.0f}. Each sees the strokes that run its own way: the vertical filter answers louder at "
        f"{stronger[0]:.0%} of the places, the horizontal one at {stronger[1]:.0%}."
        f"{of_mnist(name, 'from -746 to 695, by convolution from -695 to 746')}"
    )


def exercise_5(X: Array) -> str:
    """Find the size of the output for a filter of u, a stride s and p zeros around an image of H."""
    for u, s, p in ((3, 1, 0), (3, 2, 0), (5, 1, 2), (3, 3, 1), (7, 4, 3)):
        out = nn.functional.conv2d(X[np.newaxis, np.newaxis], np.zeros((1, 1, u, u)), stride=s, padding=p)
        assert out.shape[2] == (len(X) + 2 * p - u) // s + 1
    return "(H + 2 p - u) // s + 1: 26 for u = 3; 28 again for u = 5 and p = 2."


def exercise_6(X: Array) -> str:
    """Find filters for which correlation and convolution are the same."""
    F = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 4.0], [3.0, 2.0, 1.0]])
    assert np.allclose(convolve2d(X, F, mode="valid"), reference.conv2d(X, F), atol=1e-12)
    assert np.array_equal(F, F[::-1, ::-1])
    assert not np.array_equal(F, F.T)
    return "Those that look the same after half a turn, symmetric or not."


def exercise_7(X: Array) -> str:
    """Shift the image by 2 pixels."""
    F = FILTERS["all edges"]
    shifted = reference.conv2d(np.roll(X, 2, axis=1), F)
    assert np.allclose(shifted[:, 2:], reference.conv2d(X, F)[:, :-2], atol=1e-12)
    return "The feature map shifts by 2: what is learnt in one place is known in all."


def exercise_8(X: Array) -> str:
    """Take the vertical edges in two steps, with a column and a row."""
    column, row = np.array([[1.0], [2.0], [1.0]]), np.array([[-1.0, 0.0, 1.0]])
    assert np.array_equal(column @ row, FILTERS["vertical edges"])
    two_steps = reference.conv2d(reference.conv2d(X, column), row)
    assert np.allclose(two_steps, reference.conv2d(X, FILTERS["vertical edges"]), atol=1e-12)
    return "Smooth downwards, differ sideways: 6 products a pixel instead of 9, since the filter has rank 1."


def exercise_9(rng: np.random.Generator) -> str:
    """Write the convolution of a 5 x 5 image as a matrix, and send a gradient back with it."""
    X, F, G = rng.normal(size=(5, 5)), rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    matrix = jacobian(lambda x: automatic(x, F))(X).reshape(9, 25)
    assert np.allclose(matrix @ X.ravel(), reference.conv2d(X, F).ravel(), rtol=1e-12)
    assert np.allclose(matrix.T @ G.ravel(), convolve2d(G, F, mode="full").ravel(), rtol=1e-12)
    assert set(np.count_nonzero(matrix, axis=1)) == {9}
    return "It is (9, 25) with the 9 weights in every row, shifted; its transpose is the convolution that gives dL/dX."


def exercise_10(X: Array, rng: np.random.Generator) -> str:
    """Replace two layers of 3 x 3 filters, without an activation between them, by one."""
    F1, F2 = rng.normal(size=(2, 3, 3))
    one = convolve2d(F1, F2, mode="full")
    assert one.shape == (5, 5)
    assert np.allclose(reference.conv2d(reference.conv2d(X, F1), F2), reference.conv2d(X, one), atol=1e-12)
    return "It is one of 5 x 5: the convolution of both. With an activation, 18 weights see as far as 25."


if __name__ == "__main__":
    run(story)
