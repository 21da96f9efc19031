"""Pictures: what is on them. They are drawn for real, without a screen."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
from matplotlib import pyplot

from nn import plots


def test_learning_curves() -> None:
    figure, ax = pyplot.subplots()
    plots.learning_curves({"loss": [2.0, 1.0, 0.5], "val_loss": [2.1, 1.2, 0.9], "accuracy": [0, 1, 1]}, "loss", ax)
    np.testing.assert_array_equal([line.get_ydata() for line in ax.lines], [[2.0, 1.0, 0.5], [2.1, 1.2, 0.9]])
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [1, 2, 3])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training", "test"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")
    with pytest.raises(ValueError, match="no 'recall'; it has loss"):
        plots.learning_curves({"loss": [1.0]}, "recall", ax)
    pyplot.close(figure)


def test_filters_are_in_their_places() -> None:
    figure, ax = pyplot.subplots()
    weight = np.arange(5 * 2 * 3 * 2.0).reshape(5, 2, 3, 2)
    plots.filters(weight, columns=3, ax=ax)
    mosaic = ax.images[0].get_array().filled(np.nan)
    assert mosaic.shape == (7, 8)
    np.testing.assert_array_equal(mosaic[0:3, 3:5], weight[1].mean(axis=0))
    np.testing.assert_array_equal(mosaic[4:7, 0:2], weight[3].mean(axis=0))
    assert np.isnan(mosaic[3]).all()
    assert np.isnan(mosaic[4:, 6:]).all()
    low, high = ax.images[0].get_clim()
    assert low == -high
    with pytest.raises(ValueError, match=r"\(O, C, kh, kw\), not \(3, 3\)"):
        plots.filters(np.zeros((3, 3)))
    pyplot.close(figure)
