"""Pictures: what is on them. They are drawn for real, without a screen."""

from typing import Any

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
from matplotlib import pyplot
from matplotlib.figure import Figure

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


def drawn(manual: Any, reference: Any) -> Any:
    """Return the axes of one parameter's differences, the colour bar left out."""
    figure = plots.gradient_differences({"w": manual}, {"w": reference}, figure=Figure())
    return figure.axes[0]


def ring(ax: Any) -> tuple[float, float]:
    """Return the row and the column of the ring about the largest difference."""
    column, row = ax.lines[-1].get_xydata()[0]
    return row, column


@pytest.mark.parametrize(
    ("shape", "place", "at"),
    [
        ((), (), (0, 0)),
        ((5,), (3,), (0, 3)),
        ((4, 6), (2, 5), (2, 5)),
        ((6, 2, 3), (5, 1, 2), (4, 6)),  # in rows of four, each with a gap of one behind it
        ((6, 1, 2, 3), (5, 0, 1, 2), (4, 6)),
        ((3, 2, 2, 3), (2, 1, 0, 1), (6, 5)),  # a row for each output channel
    ],
)
def test_largest_difference_is_marked(shape: tuple[int, ...], place: tuple[int, ...], at: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    reference = np.asarray(rng.uniform(0.5, 1, shape))
    manual = np.asarray(reference + rng.uniform(-0.1, 0.1, shape))
    manual[place] = reference[place] - 2 * reference.max()
    ax = drawn(manual, reference)
    assert ring(ax) == at
    image = ax.images[0].get_array()
    np.testing.assert_allclose(image[at], -2)
    assert ax.images[0].get_clim() == pytest.approx((-2, 2))
    np.testing.assert_allclose(np.sort(image.compressed()), np.sort(((manual - reference) / reference.max()).ravel()))
    assert ax.get_title() == f"w {shape}"
    assert ax.get_xlabel() == f"2.0e+00 at ({', '.join(map(str, place))})"


def test_not_a_number_is_dark_and_marked() -> None:
    reference = np.ones((3, 4))
    manual = reference.copy()
    manual[0, 0], manual[2, 1] = 3.0, np.nan
    ax = drawn(manual, reference)
    assert ring(ax) == (2, 1)
    dark = ax.images[1].get_array()
    np.testing.assert_array_equal(dark.filled(0), np.eye(4)[[3, 3, 1]] * [[0], [0], [1]])
    assert ax.images[0].get_clim() == (-2, 2)
    assert "NaN or infinite (dark), as at (2, 1)" in ax.get_xlabel()


@pytest.mark.parametrize(
    ("manual", "text"),
    [
        (np.ones((3, 4)), "the same to 15 digits"),
        (np.ones((3, 4)) + 2e-9, "the same to 8 digits"),
        (np.ones((4, 3)), "no difference to draw:\nthe manual one has shape (4, 3)"),
    ],
)
def test_where_there_is_nothing_to_draw_it_is_said(manual: Any, text: str) -> None:
    ax = drawn(manual, np.ones((3, 4)))
    assert not ax.images
    assert [t.get_text() for t in ax.texts] == [text]


def test_a_figure_is_made_for_the_parameters() -> None:
    gradients = {name: np.ones(2) for name in "abcde"}
    figure = plots.gradient_differences(gradients, gradients, "numerical")
    assert [ax.get_title()[0] for ax in figure.axes] == list("abcde")
    rows = {round(ax.get_subplotspec().rowspan.start) for ax in figure.axes}
    assert rows == {0, 1, 2}
    assert "Manual minus numerical gradient" in figure.get_suptitle()
    pyplot.close(figure)
