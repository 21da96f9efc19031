"""What the chapters' scripts share: their options, their data, and the look of what they print and draw."""

import argparse
import copy
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO, TextIOWrapper
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

import nn
from autograd_np import print_tape

Array = np.ndarray[Any, np.dtype[Any]]
# Features and labels of the training images, then those of the test images.
Split = tuple[Array, Array, Array, Array]
# What is noted after each epoch.
History = dict[str, list[float]]

# The images of a step, in all chapters that train a network.
BATCH = 64
# Two samples and their one-hot labels, of the first exercises of chapters 3.4 and 4.1.
X_TWO, Y_TWO = np.array([[1.0, 2.0], [3.0, 4.0]]), np.eye(2)
# The filter of the exercises of chapters 4.2 and 4.3.
HORIZONTAL = np.array([[-1.0, -1.0, -1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])


def run(story: Callable[[argparse.Namespace], None], *, epochs: int | None = None, lr: float | None = None) -> None:
    """Read the command line, tell the story, and say in one line why it ends early, if it does.

    Chapters that train give the number of epochs and the learning rate that they train with unless told otherwise.
    """
    script = Path(sys.argv[0])
    # A line of the story stands before the progress bar that belongs to it, also where both go to a file.
    if isinstance(sys.stdout, TextIOWrapper):  # in a notebook it is none
        sys.stdout.reconfigure(line_buffering=True)
    try:
        options = _arguments(inspect.getmodule(story).__doc__, epochs, lr)  # type: ignore[union-attr]
        options.chapter = script.stem
        # For matrices this small, BLAS takes longer with two threads than with one, several times as long where other
        # programs run. And the figures do not depend on the number of cores: sums are added up in one order.
        # With a learning rate of the reader's own a training may diverge. The story then says so, in words, and NumPy
        # need not warn of each number on the way there.
        quiet = {"all": "ignore"} if lr is not None and options.lr != lr else {}
        with threadpool_limits(1, user_api="blas"), np.errstate(**quiet):
            story(options)
    except FloatingPointError as error:
        sys.exit(f"{script.name}: the training diverged: {error}")
    except (OSError, ValueError, ArithmeticError) as error:
        sys.exit(f"{script.name}: {error}")


def _arguments(text: str | None, epochs: int | None, lr: float | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", default="digits", metavar="digits|mnist|DIR",
        help="digits: 1,797 images of 8 x 8 that come with scikit-learn; mnist: 70,000 of 28 x 28, fetched once; or a "
        "directory with the four IDX files of MNIST, Fashion-MNIST or their like (default: digits)",
    )  # fmt: skip
    parser.add_argument(
        "--samples", type=_positive(int), metavar="N",
        help="use only the first N images, a fifth of them to test (default: the chapter's own number)",
    )  # fmt: skip
    if epochs is not None:
        parser.add_argument(
            "--epochs", type=_positive(int), default=epochs, metavar="N",
            help=f"how often to go through the images (default: {epochs})",
        )  # fmt: skip
    if lr is not None:
        parser.add_argument(
            "--lr", type=_positive(float), default=lr, metavar="X", help=f"learning rate (default: {lr:g})"
        )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all that is drawn at random (default: 0)")
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="where the pictures go (default: out)"
    )
    return parser.parse_args()


def _positive(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError
        return value

    read.__name__ = f"positive {kind.__name__}"  # what argparse calls it
    return read


def load_images(options: argparse.Namespace, samples: int | None = 5000) -> nn.data.LabelledImages:
    """Return images of 28 x 28 pixels of ten classes: the first `samples`, unless the options say otherwise.

    scikit-learn's digits are enlarged, and all of them used.
    """
    if options.data == "digits":
        data = nn.data.load("digits", samples=options.samples)
        return nn.data.LabelledImages(data.name, enlarge(data.x_train), data.y_train, enlarge(data.x_test), data.y_test)
    data = nn.data.load(options.data, samples=options.samples or samples)
    if data.y_train.max() > 9 or data.x_train.shape[1:] != (28, 28):
        raise ValueError(
            f"{options.data}: the chapters are about images of 28 x 28 pixels in ten classes, not of "
            f"{data.x_train.shape[1]} x {data.x_train.shape[2]} in {data.y_train.max() + 1}"
        )
    return data


def load_thousand(options: argparse.Namespace) -> nn.data.LabelledImages:
    """Return the first 1,000 images, of which exercises of the series make their training and test set."""
    samples = min(options.samples or 1000, 1000)
    return load_images(argparse.Namespace(data=options.data, samples=samples))


def load_first(options: argparse.Namespace) -> tuple[str, Array, int]:
    """Return the data set's name, its first image and that one's label; pixels are whole numbers from 0 to 255."""
    data = nn.data.load(options.data)
    image = data.x_train[:1] if options.data != "digits" else enlarge(data.x_train[:1])
    return data.name, np.rint(255 * image[0].astype(np.float64)), int(data.y_train[0])


def enlarge(images: Array) -> Array:
    """Return images as MNIST has them: 20 x 20 pixels in a frame of 28 x 28."""
    from scipy.ndimage import zoom

    return np.pad(zoom(images, (1, 20 / images.shape[1], 20 / images.shape[2]), order=1), ((0, 0), (4, 4), (4, 4)))


def load_pair(options: argparse.Namespace, samples: int = 1000) -> tuple[str, Array, Array, Array, Array]:
    """Return the zeros and ones among the images, as standardized features, a fifth of them for testing.

    Returns
    -------
    name : str
    X_train, y_train, X_test, y_test : arrays of shapes (n, d) and (n, 1)
        In float64, as everything that is compared to the last digits.
    """
    from sklearn.model_selection import train_test_split

    data = nn.data.load(options.data)
    images = np.concatenate([data.x_train, data.x_test])
    labels = np.concatenate([data.y_train, data.y_test])
    chosen = np.flatnonzero(labels <= 1)
    if options.samples is not None and not 10 <= options.samples <= len(chosen):
        raise ValueError(
            f"--samples {options.samples}: give 10 at least, and at most {len(chosen)}, as many zeros and ones as "
            f"{data.name} has"
        )
    chosen = chosen[: options.samples or samples]
    y = labels[chosen].astype(np.float64)[:, np.newaxis]
    x_train, x_test, y_train, y_test = train_test_split(images[chosen], y, test_size=0.2, random_state=42)
    X_train, X_test = standardize(x_train, x_test)
    return data.name, X_train, y_train, X_test, y_test


def split(images: nn.data.LabelledImages, dtype: type = np.float64) -> Split:
    """Return the standardized features and the labels of a data set, as perceptrons take them."""
    X, X_test = (features.astype(dtype) for features in standardize(images.x_train, images.x_test))
    return X, images.y_train, X_test, images.y_test


def standardize(train: Array, test: Array) -> tuple[Array, Array]:
    """Return images (n, H, W) as features (n, H W) in float64, each shifted and scaled as the training images need it.

    Of the training images this is `nn.reference.normalize`.
    """
    X_train, X_test = (images.reshape(len(images), -1).astype(np.float64) for images in (train, test))
    std = X_train.std(axis=0)
    varies = X_train.min(axis=0) < X_train.max(axis=0)
    return nn.reference.normalize(X_train), (X_test - X_train.mean(axis=0)) / np.where(varies, std, 1)


def progress(steps: Iterable[Any], what: str) -> Iterable[Any]:
    """Show a bar while going through steps, if they take a while."""
    return tqdm(steps, desc=what, delay=1)


def random_weights(sizes: Sequence[int], scale: float, rng: np.random.Generator) -> list[Array]:
    """Return W1, b1, W2, b2, ... of a perceptron: `scale` times standard normal, and biases of zero."""
    layers = ((scale * rng.normal(size=(d, k)), np.zeros((1, k))) for d, k in pairwise(sizes))
    return [p for layer in layers for p in layer]


def by_name(model: nn.Module, dtype: type | None = None) -> list[Array]:
    """Return W1, b1, W2, b2, ... of a perceptron, in the series' shapes."""
    return [np.array(p.data.T if p.ndim == 2 else p.data[np.newaxis], dtype=dtype) for p in model.parameters()]


def train(model: nn.Module, data: Split, lr: float, epochs: int, seed: int, batch: int = 64) -> History:
    """Train, and return the loss of all training images and the accuracy of the test images after each epoch."""
    X, labels, X_test, labels_test = data
    history: History = {"loss": [], "accuracy": []}

    def judge(model: nn.Module, _: object) -> None:
        history["loss"].append(nn.evaluate(model, X, labels)["loss"])
        history["accuracy"].append(nn.accuracy(nn.predict(model, X_test), labels_test))

    nn.fit(
        model, X, labels, optimizer=nn.optim.SGD(model.parameters(), lr=lr), epochs=epochs, batch_size=batch,
        callbacks=[judge], rng=seed,
    )  # fmt: skip
    return history


def sgd(model: nn.Module, lr: float, lambda_: float = 0.0, mu: float = 0.0) -> nn.optim.SGD:
    """Return an optimiser with momentum `mu` that adds the gradient of the penalty: for weights, not for biases."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    biases = [p for p in model.parameters() if p.ndim == 1]
    return nn.optim.SGD([{"params": weights, "weight_decay": 2 * lambda_}, {"params": biases}], lr=lr, momentum=mu)


def check_converged(what: str, losses: Sequence[float], lr: float, classes: int = 10) -> None:
    """End the story of a training that diverged, before its figures are compared and judged.

    Raises
    ------
    ArithmeticError
        If the loss is NaN or more than five times what guessing costs after an epoch, or ends at more than twice that.
    """
    guessing = float(np.log(classes))
    for epoch, loss in enumerate(losses, 1):
        if not loss <= (2 if epoch == len(losses) else 5) * guessing:
            raise ArithmeticError(
                f"{what} diverged at learning rate {lr:g}: its loss is {loss:.3g} after epoch {epoch}, where guessing "
                f"has {guessing:.3g}; give a smaller --lr"
            )


def opening(why: str, *names: str) -> None:
    """Print why the chapter matters, and which functions it adds to the series' file."""
    say(why)
    if names:
        say(f"New in this chapter: from nn.reference import {', '.join(names)}")


def heading(text: str) -> None:
    """Print the title of a part of the story."""
    print(f"\n{text}\n{'-' * len(text)}")


def exercises(whose: str = "1 to 4 are the chapter's own, the others go on from there.") -> None:
    """Print the title of the exercises, and where they come from."""
    heading("Exercises")
    say(whose)


def say(text: object) -> None:
    """Print a paragraph."""
    print(textwrap.fill(str(text), 100))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of words below a header, in columns."""
    lines = [list(header), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip())


def table_of_epochs(histories: Mapping[str, History]) -> None:
    """Print the loss and the accuracy of several trainings after each epoch, side by side."""
    epochs = len(next(iter(histories.values()))["loss"])
    rows = [
        (f"Epoch {i + 1}/{epochs}", *(f"{h[what][i]:.4f}" for h in histories.values() for what in ("loss", "accuracy")))
        for i in range(epochs)
    ]
    table(("", *(word for name in histories for word in (name, "accuracy"))), rows)


def show_step(
    model: nn.Module, x: Array, labels: Array, what: str = "What a step records, and how it goes back"
) -> None:
    """Print what the engine records of a model's loss on a batch, and in which order it goes back through it."""
    print(f"\n{what}:\n")
    print_tape(nn.CrossEntropyLoss()(model(x), labels), dict(model.named_parameters()) | {"X": x, "y": labels})


def show_program(model: nn.Module, x: Array, labels: Array, lr: float) -> None:
    """Print a whole step of gradient descent as a program of NumPy, and check that it takes the step of the model.

    Raises
    ------
    ArithmeticError
        If it takes another one.
    """
    loss, (compiled, eager) = nn.CrossEntropyLoss(), (copy.deepcopy(model) for _ in range(2))
    step = nn.compile_step(compiled, loss, nn.optim.SGD(compiled.parameters(), lr=lr))
    for _ in range(2):  # to see what it does
        step(x, labels)
    compiled.load_state_dict(model.state_dict())
    step(x, labels)
    optimizer = nn.optim.SGD(eager.parameters(), lr=lr)
    loss(eager(x), labels).backward()
    optimizer.step()
    for one, other in zip(compiled.parameters(), eager.parameters(), strict=True):
        if not np.array_equal(one.data, other.data):
            raise ArithmeticError("the program of a step takes another step than the model")
    print(f"\n{step.source}\nIt takes the model's step, to the last bit.")


def difference(a: Any, b: Any) -> float:
    """Return the largest difference of two arrays, relative to the largest entry of either."""
    a, b = np.asarray(a), np.asarray(b)
    scale = max(np.abs(a).max(), np.abs(b).max())
    return float(np.abs(a - b).max() / scale) if scale else 0.0


def bounded(found: float) -> str:
    """Return the power of ten that an error stays within.

    Nothing below 1e-14: sums of floats end in other digits wherever their arrays come to lie in memory.
    """
    return f"{10.0 ** np.ceil(np.log10(max(found, 1e-14))):.0e}"


def agree(what: str, by_hand: Any, automatic: Any, tolerance: float = 1e-10) -> None:
    """Print how closely two ways of computing the same agree, as a power of ten.

    Raises
    ------
    ArithmeticError
        If they do not.
    """
    found = difference(by_hand, automatic)
    if not found <= tolerance:
        # Of a saturated softmax or sigmoid the two losses differ, and both are right.
        hint = "; by hand no probability counts for less than 1e-15" if "oss" in what else ""
        raise ArithmeticError(f"{what}: by hand and automatically differ by {found:.1e}, more than {tolerance:g}{hint}")
    print(f"{what}: by hand and automatically agree to {bounded(found)}")


def answer(exercise: Callable[..., str], *given: Any) -> None:
    """Print the question in an exercise's docstring, and the lines that it returns once its assertions hold.

    Raises
    ------
    ArithmeticError
        If they do not.
    """
    number = exercise.__name__.removeprefix("exercise_")
    question = " ".join((exercise.__doc__ or "").split())
    try:
        found = exercise(*given)
    except AssertionError as error:
        raise ArithmeticError(f"exercise {number} does not hold with these options: {question}") from error
    print(textwrap.fill(f"{number}. {question}", 100, subsequent_indent="   "))
    for i, line in enumerate(found.splitlines()):
        print(textwrap.fill(line, 100, initial_indent="      " if i else "   -> ", subsequent_indent="      "))


def times(count: int) -> str:
    """Return how often something happens, in words."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def of_mnist(name: str, figures: str) -> str:
    """Return the last line of an answer that was found with other images than the chapter's own: what MNIST gives.

    Of MNIST it is empty, since the answer itself says so.
    """
    return "" if name == "mnist" else f"\nThe images are those of {name}. With the chapter's, --data mnist: {figures}."


def subplots(rows: int, columns: int, width: float = 4.6, height: float = 4.0) -> tuple[Any, Any]:
    """Return a matplotlib figure and its axes, each of the given size in inches."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    pyplot.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 12})
    figure, axes = pyplot.subplots(rows, columns, figsize=(width * columns, height * rows), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.08)
    return figure, axes


def over_epochs(axes: Iterable[Any]) -> None:
    """Give panels of curves the axis of their epochs, a grid, and a legend where the curves do not go.

    Losses fall, and accuracies rise.
    """
    for ax in axes:
        ax.set_xlabel("epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(alpha=0.3)
        ax.legend(frameon=False, loc="lower right" if ax.get_ylabel() == "accuracy" else "upper right")


def plot_histories(axes: Iterable[Any], histories: Mapping[str, Mapping[str, list[float]]]) -> None:
    """Draw the losses of trainings in one panel, their accuracies in another, with the last one in the legend."""
    for name, history in histories.items():
        for ax, what in zip(axes, ("loss", "accuracy"), strict=True):
            label = name if what == "loss" else f"{name}: {history[what][-1]:.3f}"
            ax.plot(range(1, len(history[what]) + 1), history[what], marker="o", markersize=3.5, label=label)


def framed(axes: Iterable[Any]) -> None:
    """Give panels that show images a thin frame in place of an axis, so that they line up also where they are white."""
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(visible=True, color="0.75", linewidth=0.8)


def draw_edges(options: argparse.Namespace, name: str, image: Array, label: int, maps: Mapping[str, Array]) -> None:
    """Draw the first image, pixels from 0 to 255, and two maps of its edges on one scale."""
    figure, axes = subplots(1, 3, width=3.6, height=3.4)
    axes[0].imshow(image, cmap="gray_r")
    axes[0].set_title(f"The first image, a {label}: {image.shape[0]} x {image.shape[1]}")
    for ax, (title, shown) in zip(axes[1:], maps.items(), strict=True):
        picture = ax.imshow(shown, cmap="RdBu_r", vmin=-765, vmax=765)  # 765 is the most that the filter can give
        ax.set_title(f"{title}: {shown.shape[0]} x {shown.shape[1]}")
    bar = figure.colorbar(picture, cax=axes[2].inset_axes((1.03, 0, 0.05, 1)), ticks=[-765, 0, 765])
    bar.set_label("feature map, of pixels 0 to 255", labelpad=-12)
    framed(axes)
    save(figure, options, name)


def save(figure: Any, options: argparse.Namespace, name: str) -> None:
    """Write a picture into the folder that the options name, and say where it is."""
    from matplotlib import pyplot
    from PIL import Image

    with BytesIO() as drawn:
        figure.savefig(drawn, dpi=150)
        pyplot.close(figure)
        # 256 colours are enough, and make the file a third as large.
        picture = Image.open(drawn).convert("RGB")
        picture = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{options.chapter}_{name}.png"
    picture.save(path, optimize=True)
    print(f"Picture: {path}")
