"""Build a network, check its backpropagation three ways, train it on handwritten digits, and draw what it learnt."""

import argparse
import itertools
import math
import sys
import time
from pathlib import Path

import numpy as np

import nn

# What each model trains with unless told otherwise: epochs, learning rate, momentum, images in a batch.
DEFAULTS = {
    "mlp2": (20, 0.1, 0.0, 64),
    "mlp3": (20, 0.1, 0.0, 64),
    "cnn": (15, 0.05, 0.9, 64),
    "lenet": (10, 0.02, 0.9, 64),
}


def build(name: str, height: int, width: int, rng: np.random.Generator) -> nn.Sequential:
    """Return a model for grey images of the given size, and ten classes.

    mlp2 and mlp3 are the perceptrons of "Learn Deep Learning with NumPy", cnn is its convolutional network, and lenet a
    LeNet with more channels.
    """
    if name in ("mlp2", "mlp3"):
        sizes = [height * width, 256, 10] if name == "mlp2" else [height * width, 256, 128, 10]
        model = nn.Sequential(nn.Flatten())
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            layer = nn.Linear(fan_in, fan_out, rng=rng)
            # The series' weights, 0.01 times standard normal; three such layers would hardly start to learn.
            if name == "mlp2":
                nn.init.normal_(layer.weight, std=0.01, rng=rng)
            else:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", rng=rng)
            nn.init.zeros_(layer.bias)
            model.append(layer)
            if i < len(sizes) - 2:
                model.append(nn.ReLU())
        return model
    if name == "cnn":
        flat = 8 * ((height - 2) // 2) * ((width - 2) // 2)
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(flat, 10, rng=rng)
        )
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 5, padding=2, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * (height // 4) * (width // 4), 128, rng=rng), nn.ReLU(),
        nn.Linear(128, 10, rng=rng),
    )  # fmt: skip


def standardize(train: np.ndarray, test: np.ndarray, *, per_pixel: bool) -> tuple[np.ndarray, np.ndarray]:
    """Shift and scale images by the mean and standard deviation of the training images, `(N, H, W)` to `(N, 1, H, W)`.

    Perceptrons take every pixel as a feature of its own, as the series does; convolutions expect one scale for all.
    """
    mean, std = (f(train, axis=0 if per_pixel else None) for f in (np.mean, np.std))
    std = np.where(std == 0, 1, std).astype(train.dtype)
    return ((train - mean) / std)[:, np.newaxis], ((test - mean) / std)[:, np.newaxis]


def draw(model: nn.Sequential, history: dict[str, list[float]], title: str, path: Path) -> None:
    """Write a picture of the learning curves and, if the first layer is a convolution, of its filters."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    convolution = model[0] if isinstance(model[0], nn.Conv2d) else None
    count = 3 if convolution else 2
    figure, axes = pyplot.subplots(1, count, figsize=(4.6 * count, 4.0), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1)  # so that no label touches the panel before it
    nn.plots.learning_curves(history, "loss", axes[0]).set_title("Loss")
    nn.plots.learning_curves(history, "accuracy", axes[1]).set_title("Accuracy")
    if convolution:
        # As many rows as columns, so that the panel is as high as the others.
        columns = math.ceil(math.sqrt(convolution.out_channels))
        nn.plots.filters(convolution.weight.data, columns, axes[2]).set_title("Learnt filters, first layer")
    figure.suptitle(title, fontsize=13)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def arguments() -> argparse.Namespace:
    """Return the command line's options."""
    lines = [
        f"  {name:6} --epochs {epochs} --lr {lr:g} --momentum {momentum:g} --batch-size {size}"
        for name, (epochs, lr, momentum, size) in DEFAULTS.items()
    ]
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="\n".join(["each model's own defaults:", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model", choices=DEFAULTS, default="cnn",
        help="mlp2, mlp3: perceptrons with one or two hidden layers; cnn: one convolution; lenet: two (default: cnn)",
    )  # fmt: skip
    parser.add_argument(
        "--data", default="digits", metavar="digits|mnist|DIR",
        help="digits: 1,797 images of 8 x 8 that come with scikit-learn; mnist: 70,000 of 28 x 28, fetched once; or a "
        "directory with the four IDX files of MNIST, Fashion-MNIST or their like (default: digits)",
    )  # fmt: skip
    parser.add_argument(
        "--samples", type=int, metavar="N",
        help="use only the first N training images, and hold a fifth of them back as the test set",
    )  # fmt: skip
    parser.add_argument("--epochs", type=int, metavar="N", help="how often to go through the images")
    parser.add_argument("--lr", type=float, metavar="X", help="learning rate of stochastic gradient descent")
    parser.add_argument("--momentum", type=float, metavar="X", help="its momentum, from 0 (none) to below 1")
    parser.add_argument("--batch-size", type=int, metavar="N", help="images in a step")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the weights and the order (default: 0)")
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="where the picture goes (default: out)"
    )
    options = parser.parse_args()
    for name, default in zip(("epochs", "lr", "momentum", "batch_size"), DEFAULTS[options.model], strict=True):
        if getattr(options, name) is None:
            setattr(options, name, default)
    return options


def main() -> None:
    """Run the whole story."""
    options = arguments()
    data = nn.data.load(options.data, samples=options.samples)
    x_train, x_test = standardize(data.x_train, data.x_test, per_pixel=options.model.startswith("mlp"))
    rng = np.random.default_rng(options.seed)
    model = build(options.model, *data.x_train.shape[1:], rng)
    print(f"{len(x_train)} training and {len(x_test)} test images of {data.name}\n\n{model}\n")

    batch = slice(0, options.batch_size)
    print(nn.compare.compare_backprop(model, x_train[batch], data.y_train[batch]), flush=True)

    optimizer = nn.optim.SGD(model.parameters(), lr=options.lr, momentum=options.momentum)
    print(
        f"\nTraining for {options.epochs} epochs: learning rate {options.lr:g}, momentum {options.momentum:g}, "
        f"batches of {options.batch_size}",
        flush=True,
    )
    start = time.perf_counter()
    # Where a training diverges, numbers overflow until the loss is none: fit says so in words, and NumPy need not.
    with np.errstate(all="ignore"):
        history = nn.fit(
            model, x_train, data.y_train, optimizer=optimizer, epochs=options.epochs, batch_size=options.batch_size,
            validation=(x_test, data.y_test), metrics={"accuracy": nn.accuracy}, rng=rng,
        )  # fmt: skip
    seconds = time.perf_counter() - start

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"train-{options.model}-{data.name}.png"
    accuracy = history["val_accuracy"][-1]
    draw(model, history, f"{options.model} on {data.name}: test accuracy {accuracy:.4f}", path)
    print(f"{seconds:.1f} s; learning curves in {path}")
    print(f"test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, FloatingPointError) as error:
        sys.exit(f"train.py: {error}")
