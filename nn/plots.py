"""Pictures of a model and its training: functions that draw into matplotlib's axes, and return them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["filters", "learning_curves"]

Axes = Any  # matplotlib.axes.Axes: matplotlib is imported only when something is drawn


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
    count, height, width = images.shape
    rows = -(-count // columns)
    # One picture with a gap of half a pixel's kind between the filters keeps their scale the same.
    mosaic = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for i, image in enumerate(images):
        top, left = i // columns * (height + 1), i % columns * (width + 1)
        mosaic[top : top + height, left : left + width] = image
    limit = float(np.abs(images).max()) or 1.0
    picture = axes.imshow(mosaic, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    axes.figure.colorbar(picture, ax=axes, shrink=0.8, label="weight")
    axes.set_axis_off()
    return axes


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.gca()
