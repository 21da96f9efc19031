"""Pictures of a model and its training: functions that draw into matplotlib's axes, and return them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn.doctor.evidence import agreeing_digits

__all__ = [
    "augmented",
    "confusion_matrix",
    "decision_boundary",
    "feature_maps",
    "filters",
    "gradient_differences",
    "gradient_sizes",
    "learning_curves",
    "learning_rates",
    "misclassified",
]

Array = NDArray[Any]
# matplotlib.axes.Axes and matplotlib.figure.Figure: matplotlib is imported only when something is drawn
Axes = Any
Figure = Any

# A smaller share of the gradient makes no picture.
_VISIBLE = 1e-4


def learning_curves(history: Mapping[str, Sequence[float]], figure: str = "loss", ax: Axes | None = None) -> Axes:
    """Draw one figure of a training history against the epochs, on the training and the validation examples.

    Parameters
    ----------
    history : mapping of str to sequence of float
        What `fit` returns.
    figure : str
        Which of its figures, without `"val_"`.
    ax : matplotlib Axes, optional
        Where to draw; by default the current axes.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the history has no such figure.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from matplotlib import pyplot
    >>> from nn import plots
    >>> _, ax = pyplot.subplots()
    >>> plots.learning_curves({"loss": [2.0, 1.0], "val_loss": [2.1, 1.3]}, ax=ax).get_ylabel()
    'loss'
    """
    if figure not in history:
        raise ValueError(f"learning_curves: the history has no {figure!r}; it has {', '.join(history)}")
    axes = _axes(ax)
    epochs = np.arange(1, len(history[figure]) + 1)
    for name, label in ((figure, "training"), (f"val_{figure}", "test")):
        if name in history:
            axes.plot(epochs, history[name], marker="o" if len(epochs) <= 30 else None, markersize=3.5, label=label)
    axes.set_xlabel("epoch")
    axes.set_ylabel(figure)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return axes


def learning_rates(
    lrs: Array, losses: Array, smoothed: Array, suggestion: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the losses of a range test against the learning rate, on a logarithmic scale, with the suggested one.

    Parameters
    ----------
    lrs, losses, smoothed : ndarray, shape (N,)
        What `find_lr` found in each step.
    suggestion : float, optional
        A learning rate to mark.
    ax : matplotlib Axes, optional
        Where to draw; by default the current axes, or a new figure if there is something on them.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the shapes do not fit, or there is nothing to draw.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> import numpy as np
    >>> from matplotlib import pyplot
    >>> from nn import plots
    >>> _, ax = pyplot.subplots()
    >>> lrs, losses = np.array([0.01, 0.1, 1.0]), np.array([2.0, 1.0, 3.0])
    >>> plots.learning_rates(lrs, losses, losses, 0.1, ax).get_xscale()
    'log'
    """
    if lrs.ndim != 1 or not len(lrs) or not lrs.shape == losses.shape == smoothed.shape:
        raise ValueError(
            f"learning_rates: lrs {lrs.shape}, losses {losses.shape} and smoothed {smoothed.shape} do not fit; they "
            f"must be (N,), and N at least 1"
        )
    axes = _axes(ax, empty=True)
    axes.semilogx(lrs, losses, color="0.65", linewidth=1, label="loss of each batch")
    axes.semilogx(lrs, smoothed, color="C0", linewidth=2.2, label="smoothed")
    if suggestion is not None:
        height = float(np.interp(suggestion, lrs, smoothed))
        axes.axvline(suggestion, color="C3", linestyle="--", linewidth=1)
        axes.plot(suggestion, height, "o", color="C3", markersize=8, label=f"suggestion, {suggestion:.2g}")
    # As high as the loss was before it began to rise, and some more: what diverges leaves the picture.
    before = losses[: smoothed.argmin() + 1]
    low, high = float(losses.min()), float(before.max())
    height = high - low or 1.0
    axes.set_ylim(low - height / 12, high + height / 2)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return axes


def filters(weight: Array, columns: int = 4, ax: Axes | None = None) -> Axes:
    """Draw the filters of a convolution side by side: red is positive, blue negative, white zero.

    Parameters
    ----------
    weight : ndarray, shape (O, C, kh, kw)
        The weight of a `Conv2d`. Of several input channels the mean is drawn.
    columns : int
        Filters in a row.
    ax : matplotlib Axes, optional
        Where to draw; by default the current axes.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If `weight` has not four axes.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> import numpy as np
    >>> from matplotlib import pyplot
    >>> from nn import plots
    >>> _, ax = pyplot.subplots()
    >>> len(plots.filters(np.eye(9).reshape(9, 1, 3, 3), ax=ax).images)
    1
    """
    if weight.ndim != 4:
        raise ValueError(f"filters: a convolution's weight has shape (O, C, kh, kw), not {weight.shape}")
    axes = _axes(ax)
    images = weight.mean(axis=1)
    limit = float(np.abs(images).max()) or 1.0
    picture = axes.imshow(_mosaic(images, columns), cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    _scale(axes, picture, "weight")
    return axes


def gradient_differences(
    manual: Mapping[str, NDArray[Any]],
    reference: Mapping[str, NDArray[Any]],
    compared_with: str = "automatic",
    figure: Figure | None = None,
) -> Figure:
    """Draw where gradients differ, a heat map for each parameter, with a ring about the largest difference.

    Differences are shares of the largest entry of the gradient that is compared with; below the map stands the largest
    one, with its place. A bias is a row; kernels stand side by side, of several input channels a row for each output.

    Parameters
    ----------
    manual, reference : mapping of str to ndarray
        The gradients, and what they are compared with, for the same names. Of a gradient of another shape only the
        shapes are written down.
    compared_with : str
        What to call the latter.
    figure : matplotlib Figure, optional
        Where to draw; by default a new one, as large as it takes.

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from nn import plots
    >>> figure = plots.gradient_differences({"w": np.eye(3)}, {"w": np.ones((3, 3))}, figure=Figure())
    >>> figure.axes[0].get_title()
    'w (3, 3)'
    """
    columns = min(len(reference), 2)  # a weight and its bias
    rows = -(-len(reference) // columns)
    if figure is None:
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=(4.8 * columns, 2.6 * rows + 0.6), layout="constrained")  # pyright: ignore
    for i, (name, expected) in enumerate(reference.items()):
        _difference(figure.add_subplot(rows, columns, i + 1), name, manual[name], expected)
    figure.suptitle(
        f"Manual minus {compared_with} gradient, as a share of the latter's largest entry",
        fontsize=13,
    )
    return figure


def feature_maps(maps: Array, columns: int = 4, ax: Axes | None = None) -> Axes:
    """Draw the feature maps of one image side by side, all on one scale: dark is low, bright is high.

    Parameters
    ----------
    maps : ndarray, shape (C, H, W)
        One map a channel: a row of what a convolution, an activation or a pooling returns.
    columns : int
        Maps in a row.
    ax : matplotlib Axes, optional
        Where to draw; by default the current axes.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If `maps` has not three axes.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> import nn
    >>> import numpy as np
    >>> from matplotlib import pyplot
    >>> _, ax = pyplot.subplots()
    >>> maps = nn.Conv2d(1, 8, 3, rng=0)(np.ones((1, 1, 28, 28))).data[0]
    >>> nn.plots.feature_maps(maps, ax=ax).images[0].get_array().shape  # 2 rows of 4 maps, 26 x 26 each
    (53, 107)
    """
    if maps.ndim != 3:
        raise ValueError(f"feature_maps: the maps of one image have shape (C, H, W), not {maps.shape}")
    axes = _axes(ax)
    picture = axes.imshow(_mosaic(maps, columns), cmap="magma", interpolation="nearest")
    _scale(axes, picture, "activation")
    return axes


def gradient_sizes(gradients: Sequence[Array], label: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the mean absolute gradient of each layer, on a logarithmic scale; call it again to add another network's.

    Parameters
    ----------
    gradients : sequence of ndarray, any shapes
        The gradient of each layer's weights, the first layer's first.
    label : str, optional
        What the legend calls it.
    ax : matplotlib Axes, optional
        Where to draw; by default the current axes.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If there are no gradients, or an empty one.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> import numpy as np
    >>> from matplotlib import pyplot
    >>> from nn import plots
    >>> _, ax = pyplot.subplots()
    >>> plots.gradient_sizes([np.full((3, 4), 0.01), np.full((4, 2), -0.1)], "sigmoid", ax).lines[-1].get_ydata()
    array([0.01, 0.1 ])
    """
    if not len(gradients) or not all(np.size(gradient) for gradient in gradients):
        raise ValueError("gradient_sizes: give the gradients of one layer at least, none of them empty")
    axes = _axes(ax)
    sizes = np.array([np.mean(np.abs(gradient)) for gradient in gradients])
    axes.semilogy(np.arange(1, len(sizes) + 1), sizes, marker="o", markersize=4, label=label)
    axes.set_xlabel("layer, from the input on")
    axes.set_ylabel("mean absolute gradient")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    if label is not None:
        axes.legend(frameon=False)
    return axes


def confusion_matrix(labels: Array, predictions: Array, ax: Axes | None = None) -> Axes:
    """Draw how often each class (rows) was taken for which (columns), by scikit-learn's `ConfusionMatrixDisplay`.

    Parameters
    ----------
    labels, predictions : ndarray of int, shape (N,)
        The true class of each example, and the one that a model gave it.
    ax : matplotlib Axes, optional
        Where to draw; by default the current axes.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the shapes do not fit.
    ModuleNotFoundError
        If scikit-learn is not installed.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> import numpy as np
    >>> from matplotlib import pyplot
    >>> from nn import plots
    >>> _, ax = pyplot.subplots()
    >>> axes = plots.confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), ax)
    >>> [text.get_text() for text in axes.texts]
    ['1', '0', '1', '1']
    """
    if labels.ndim != 1 or predictions.shape != labels.shape:
        raise ValueError(
            f"confusion_matrix: labels {labels.shape} and predictions {predictions.shape} do not fit; they must be "
            f"(N,) and (N,), of outputs take argmax(axis=1)"
        )
    from sklearn import metrics

    scikit_learn: Any = metrics  # without type stubs
    axes = _axes(ax)
    scikit_learn.ConfusionMatrixDisplay.from_predictions(labels, predictions, ax=axes, cmap="Blues", colorbar=False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    return axes


def misclassified(
    images: Array,
    labels: Array,
    outputs: Array,
    count: int = 18,
    columns: int = 6,
    ax: Axes | None = None,
) -> Axes:
    """Draw the images that a model gets wrong, the gravest mistakes first, with the true and the predicted class.

    A mistake is the graver, the farther the largest output lies above that of the true class.

    Parameters
    ----------
    images : ndarray, shape (N, H, W)
        Grey images.
    labels : ndarray of int, shape (N,)
        Their classes.
    outputs : ndarray, shape (N, C)
        The model's logits or probabilities.
    count : int
        How many to draw at most.
    columns : int
        Images in a row.
    ax : matplotlib Axes, optional
        Where to draw; by default the current axes.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> import numpy as np
    >>> from matplotlib import pyplot
    >>> from nn import plots
    >>> _, ax = pyplot.subplots()
    >>> images, labels, outputs = np.zeros((2, 8, 8)), np.array([0, 1]), np.array([[0.9, 0.1], [0.7, 0.3]])
    >>> axes = plots.misclassified(images, labels, outputs, ax=ax)
    >>> [text.get_text() for text in axes.texts]
    ['1, not 0']
    """
    if images.ndim != 3 or labels.shape != images.shape[:1] or outputs.ndim != 2 or len(outputs) != len(images):
        raise ValueError(
            f"misclassified: images {images.shape}, labels {labels.shape} and outputs {outputs.shape} do not fit; they "
            f"must be (N, H, W), (N,) and (N, C)"
        )
    axes = _axes(ax)
    excess = outputs.max(axis=1) - outputs[np.arange(len(labels)), labels]
    predictions = outputs.argmax(axis=1)
    wrong = np.flatnonzero(predictions != labels)
    shown = wrong[np.argsort(-excess[wrong], kind="stable")][:count]
    axes.set_axis_off()
    if not len(shown):
        axes.text(0.5, 0.5, "none", ha="center", va="center", transform=axes.transAxes)
        return axes
    height, width = images.shape[1:]
    columns = min(columns, len(shown))
    gap = max(height // 3, 2)  # room for what is written above each image
    axes.imshow(_mosaic(images[shown], columns, gap), cmap="gray_r", interpolation="nearest")
    axes.set_ylim(top=-gap)
    for i, k in enumerate(shown):
        left, top = i % columns * (width + gap), i // columns * (height + gap)
        axes.text(left + (width - 1) / 2, top - 1, f"{labels[k]}, not {predictions[k]}", ha="center", fontsize=9)
    return axes


def augmented(images: Array, transform: Callable[[Array], Array], versions: int = 8, ax: Axes | None = None) -> Axes:
    """Draw images, each at the beginning of a row, and what a transform makes of them beside it.

    Parameters
    ----------
    images : ndarray, shape (N, H, W), (N, 1, H, W) or (N, 3, H, W)
        A few images, grey ones or such of red, green and blue.
    transform : callable
        What is to be looked at, such as `nn.data.RandomRotation(15)`; it is called once for each version.
    versions : int
        How often each image is drawn anew.
    ax : matplotlib Axes, optional
        Where to draw; by default the current axes, or a new figure if there is something on them.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If there are no images, `images` has another shape, the transform changes it, or there are to be no versions.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> import nn
    >>> import numpy as np
    >>> from matplotlib import pyplot
    >>> _, ax = pyplot.subplots()
    >>> images = np.zeros((3, 8, 8))
    >>> axes = nn.plots.augmented(images, nn.data.RandomRotation(15, rng=0), versions=4, ax=ax)
    >>> axes.images[0].get_array().shape  # 3 rows of 5 images, 8 x 8 each
    (26, 46)
    """
    is_batch = images.ndim == 3 or (images.ndim == 4 and images.shape[1] in (1, 3))
    if not is_batch or not len(images) or versions < 1:
        raise ValueError(
            f"augmented: images {images.shape} and {versions} versions; give one image at least, (N, H, W), "
            f"(N, 1, H, W) or (N, 3, H, W), and one version"
        )
    made = [np.asarray(transform(images)) for _ in range(versions)]
    for version in made:
        if version.shape != images.shape:
            raise ValueError(
                f"augmented: transform returned an array of shape {version.shape} for images {images.shape}; give one "
                f"that keeps the shape"
            )
    axes = _axes(ax, empty=True)
    width = images.shape[-1]
    gap = max(width // 8, 1)
    originals, drawn = _pictures(images), _pictures(np.stack(made, axis=1).reshape(-1, *images.shape[1:]))
    left, right = _mosaic(originals, 1, gap), _mosaic(drawn, versions, gap)
    between = np.full((len(left), 3 * gap, *left.shape[2:]), np.nan)
    picture = np.hstack([left, between, right])
    if picture.ndim == 3:  # colours are shares of 1; what lies outside, or in between, gets room
        low, high = min(0.0, float(np.nanmin(picture))), max(1.0, float(np.nanmax(picture)))
        picture = np.where(np.isnan(picture), 1.0, (picture - low) / (high - low))
    axes.imshow(picture, cmap="gray", interpolation="nearest")
    axes.set_axis_off()
    for start, columns, text in ((0, 1, "original"), (width + 3 * gap, versions, "augmented")):
        middle = start + (columns * (width + gap) - gap - 1) / 2
        axes.text(middle, -0.5 - gap, text, ha="center", va="bottom", fontsize=12)
    return axes


def _pictures(images: Array) -> Array:
    """Return images as they are drawn, (N, H, W), or of colours (N, H, W, 3), of bytes as shares of 1."""
    if images.ndim == 3 or images.shape[1] == 1:
        return images.reshape(len(images), *images.shape[-2:])
    return np.moveaxis(images / 255 if images.dtype == np.uint8 else images, 1, -1)


def decision_boundary(predict: Callable[[Array], Any], points: Array, labels: Array, ax: Axes | None = None) -> Axes:
    """Draw what a classifier of points in the plane says everywhere, and the points that it was trained on.

    Parameters
    ----------
    predict : callable
        From points, (M, 2), to the probabilities of class 1, (M,) or (M, 1), or to logits or probabilities of C
        classes, (M, C), of which the largest wins.
    points : ndarray, shape (N, 2)
        The training points.
    labels : ndarray of int, shape (N,)
        Their classes, from 0 on.
    ax : matplotlib Axes, optional
        Where to draw; by default the current axes.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> import numpy as np
    >>> from matplotlib import pyplot
    >>> from nn import plots
    >>> _, ax = pyplot.subplots()
    >>> points = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> axes = plots.decision_boundary(lambda x: x.mean(axis=1).clip(0, 1), points, np.array([0, 1]), ax)
    >>> [float(x) for x in axes.get_xlim()]
    [-0.25, 1.25]
    """
    if points.ndim != 2 or points.shape[1] != 2 or labels.shape != points.shape[:1]:
        raise ValueError(
            f"decision_boundary: points {points.shape} and labels {labels.shape} do not fit; they must be (N, 2) and "
            f"(N,)"
        )
    axes = _axes(ax)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, (high - low) / 4, 1.0)
    left, bottom = (float(length) for length in low - margin)
    right, top = (float(length) for length in high + margin)
    x, y = np.meshgrid(np.linspace(left, right, 200), np.linspace(bottom, top, 200))
    outputs = np.asarray(predict(np.column_stack([x.ravel(), y.ravel()]))).reshape(x.size, -1)
    classes = max(int(labels.max()) + 1, outputs.shape[1])
    if outputs.shape[1] == 1:
        surface = outputs.reshape(x.shape)
        axes.contourf(x, y, surface, levels=np.linspace(0, 1, 11), cmap="RdBu_r", vmin=-0.4, vmax=1.4)
        # At equal probabilities everywhere there is no boundary, which contour would warn of.
        if surface.min() < 0.5 < surface.max():
            axes.contour(x, y, surface, levels=[0.5], colors="black", linewidths=1.2)
    else:
        winners = outputs.argmax(axis=1).reshape(x.shape)
        axes.contourf(x, y, winners, levels=np.arange(classes + 1) - 0.5, cmap=_class_colours(classes), alpha=0.35)
    axes.scatter(
        *points.T, c=labels, cmap=_class_colours(classes), vmin=-0.5, vmax=classes - 0.5, s=45, edgecolors="white"
    )
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$")
    return axes


def _class_colours(classes: int) -> Any:
    """Return a colour map of one colour a class: blue and red for two, as the surfaces have them."""
    from matplotlib.colors import ListedColormap

    pair = ["#2166ac", "#b2182b"]
    return ListedColormap(pair if classes <= 2 else [f"C{i}" for i in range(classes)])


def _mosaic(images: Array, columns: int, gap: int = 1) -> Array:
    """Put images, (N, H, W) or (N, H, W, 3), into one picture of one scale; what is between them is NaN."""
    count, height, width, *colours = images.shape
    rows = -(-count // columns)
    mosaic = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, *colours), np.nan)
    for i, image in enumerate(images):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        mosaic[top : top + height, left : left + width] = image
    return mosaic


def _scale(axes: Axes, picture: Any, label: str) -> None:
    """Show images without axes, and what their colours mean beside them, just as high as they are."""
    axes.figure.colorbar(picture, cax=axes.inset_axes((1.03, 0.0, 0.04, 1.0)), label=label)
    axes.set_axis_off()


def _axes(ax: Axes | None, empty: bool = False) -> Axes:
    """Return where to draw; without axes the current ones, or others, if those are to be empty and are not."""
    if ax is not None:
        return ax
    from matplotlib import pyplot

    axes: Any = pyplot.gca()
    if empty and axes.has_data():
        axes = pyplot.figure().gca()  # pyright: ignore[reportUnknownMemberType]
    return axes


def _difference(axes: Axes, name: str, manual: NDArray[Any], expected: NDArray[Any]) -> None:
    axes.set_title(f"{name} {expected.shape}")
    if manual.shape != expected.shape:
        _write(axes, f"no difference to draw:\nthe manual one has shape {manual.shape}")
        return
    with np.errstate(invalid="ignore"):
        difference = (manual - expected) / (float(np.abs(expected).max(initial=0.0)) or 1.0)
    finite = np.isfinite(difference)
    limit = float(np.abs(difference).max(initial=0.0, where=finite))
    if limit < _VISIBLE and finite.all():
        _write(axes, f"the same to {agreeing_digits(manual, expected)} digits")
        return
    style = {"interpolation": "nearest", "aspect": "auto" if difference.ndim <= 2 else "equal"}
    limit = limit if limit >= _VISIBLE else 1.0
    picture = axes.imshow(_flat(difference), cmap="RdBu_r", vmin=-limit, vmax=limit, **style)
    axes.figure.colorbar(picture, ax=axes, shrink=0.9)
    axes.imshow(_flat(np.where(finite, np.nan, 1.0)), cmap="gray_r", vmin=0, vmax=1.4, **style)

    place = np.unravel_index(np.abs(difference).argmax(), difference.shape)  # of NaN, if there is any
    marked = np.zeros(difference.shape)
    marked[place] = 1.0
    row, column = np.argwhere(_flat(marked) == 1.0)[0]
    for colour, width in (("white", 4.0), ("black", 1.6)):
        axes.plot(
            column, row, "o", markersize=12, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=width
        )
    where = ", ".join(map(str, place))
    axes.set_xlabel(f"{limit:.1e} at ({where})" if finite.all() else f"NaN or infinite (dark), as at ({where})")
    for axis, counted in ((axes.xaxis, difference.ndim <= 2), (axes.yaxis, difference.ndim == 2)):
        if counted:
            axis.get_major_locator().set_params(integer=True)
        else:
            axis.set_ticks([])
    if difference.ndim > 2:
        axes.spines[:].set_visible(False)


def _write(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", color="0.35", transform=axes.transAxes)
    axes.set_xticks([])
    axes.set_yticks([])


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    """Lay an array of any number of axes out in two."""
    if array.ndim <= 2:
        return np.atleast_2d(array)
    *leading, height, width = array.shape
    inputs = leading[-1] if len(leading) > 1 else 1
    return _mosaic(array.reshape(-1, height, width), inputs if inputs > 1 else min(leading[0], 4))
