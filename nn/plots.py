"""Pictures of a model and its training: functions that draw into matplotlib's axes, and return them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn.diagnosis import agreeing_digits

__all__ = ["filters", "gradient_differences", "learning_curves"]

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
    >>> from nn import plots
    >>> plots.learning_curves({"loss": [2.0, 1.0], "val_loss": [2.1, 1.3]}).get_ylabel()
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


def filters(weight: NDArray[Any], columns: int = 4, ax: Axes | None = None) -> Axes:
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
    >>> from nn import plots
    >>> len(plots.filters(np.eye(9).reshape(9, 1, 3, 3)).images)
    1
    """
    if weight.ndim != 4:
        raise ValueError(f"filters: a convolution's weight has shape (O, C, kh, kw), not {weight.shape}")
    axes = _axes(ax)
    images = weight.mean(axis=1)
    limit = float(np.abs(images).max()) or 1.0
    picture = axes.imshow(_mosaic(images, columns), cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    axes.figure.colorbar(picture, ax=axes, shrink=0.8, label="weight")
    axes.set_axis_off()
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


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.gca()


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


def _mosaic(images: NDArray[Any], columns: int) -> NDArray[Any]:
    """Lay images (n, H, W) out in rows, with a gap of one NaN between them."""
    count, height, width = images.shape
    rows = -(-count // columns)
    mosaic = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for i, image in enumerate(images):
        top, left = i // columns * (height + 1), i % columns * (width + 1)
        mosaic[top : top + height, left : left + width] = image
    return mosaic
