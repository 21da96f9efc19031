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


def test_feature_maps_are_in_their_places() -> None:
    figure, ax = pyplot.subplots()
    maps = np.arange(3 * 2 * 2.0).reshape(3, 2, 2)
    assert plots.feature_maps(maps, columns=2, ax=ax) is ax
    mosaic = ax.images[0].get_array().filled(np.nan)
    assert mosaic.shape == (5, 5)
    np.testing.assert_array_equal(mosaic[0:2, 3:5], maps[1])
    np.testing.assert_array_equal(mosaic[3:5, 0:2], maps[2])
    assert ax.images[0].get_clim() == (0, 11)
    with pytest.raises(ValueError, match=r"\(C, H, W\), not \(1, 3, 2, 2\)"):
        plots.feature_maps(maps[np.newaxis])
    pyplot.close(figure)


def test_gradient_sizes_are_means_of_magnitudes() -> None:
    figure, ax = pyplot.subplots()
    plots.gradient_sizes([np.array([-1.0, 3.0]), np.array([[0.5]])], "deep", ax)
    plots.gradient_sizes([np.array([-4.0])], "shallow", ax)
    assert [list(line.get_ydata()) for line in ax.lines] == [[2.0, 0.5], [4.0]]
    assert list(ax.lines[0].get_xdata()) == [1, 2]
    assert ax.get_yscale() == "log"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["deep", "shallow"]
    for wrong in ([], [np.zeros((0, 3))]):
        with pytest.raises(ValueError, match="one layer at least"):
            plots.gradient_sizes(wrong, ax=ax)
    pyplot.close(figure)


def test_confusion_matrix_has_the_truth_in_rows() -> None:
    figure, ax = pyplot.subplots()
    assert plots.confusion_matrix(np.array([0, 0, 0, 1]), np.array([1, 1, 0, 1]), ax) is ax
    np.testing.assert_array_equal(ax.images[0].get_array(), [[1, 2], [0, 1]])
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("true", "predicted")
    with pytest.raises(ValueError, match="argmax"):
        plots.confusion_matrix(np.array([0, 1]), np.eye(2), ax)
    pyplot.close(figure)


def test_misclassified_shows_the_gravest_mistakes_first() -> None:
    figure, ax = pyplot.subplots()
    images = np.arange(5.0)[:, np.newaxis, np.newaxis] * np.ones((6, 6))
    labels = np.array([0, 1, 2, 0, 1])
    outputs = np.array([[0.4, 0.6, 0], [0, 1, 0], [0.9, 0, 0.1], [0.2, 0, 0.8], [0, 1, 0]])
    plots.misclassified(images, labels, outputs, columns=2, ax=ax)
    assert [text.get_text() for text in ax.texts] == ["2, not 0", "0, not 2", "0, not 1"]
    mosaic = ax.images[0].get_array().filled(np.nan)
    assert [mosaic[0, 0], mosaic[0, -1], mosaic[-1, 0]] == [2, 3, 0]
    assert [text.get_position() for text in ax.texts] == [(2.5, -1), (10.5, -1), (2.5, 7)]
    pyplot.close(figure)
    figure, ax = pyplot.subplots()
    plots.misclassified(images, labels, outputs, count=1, ax=ax)
    assert [text.get_text() for text in ax.texts] == ["2, not 0"]
    with pytest.raises(ValueError, match=r"labels \(4,\)"):
        plots.misclassified(images, labels[1:], outputs)
    pyplot.close(figure)
    figure, ax = pyplot.subplots()
    plots.misclassified(images, labels, np.eye(3)[labels], ax=ax)
    assert [text.get_text() for text in ax.texts] == ["none"]
    pyplot.close(figure)


@pytest.mark.parametrize("columns", [0, 1, 2, 3])
def test_decision_boundary_is_where_the_classifier_changes(columns: int) -> None:
    """It is a vertical line at 0.3, between classes 0 and 1; a third class, where there is one, wins nowhere."""

    def predict(x: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-20 * (x[:, 0] - 0.3)))
        return [p, p[:, np.newaxis], np.stack([1 - p, p], axis=1), np.stack([1 - p, p, 0 * p - 1], axis=1)][columns]

    figure, ax = pyplot.subplots()
    points, labels = np.array([[0.0, 0.0], [1.0, 2.0]]), np.array([0, 1])
    assert plots.decision_boundary(predict, points, labels, ax) is ax
    assert (ax.get_xlim(), ax.get_ylim()) == ((-0.25, 1.25), (-0.5, 2.5))
    np.testing.assert_array_equal(ax.collections[-1].get_offsets(), points)
    np.testing.assert_array_equal(ax.collections[-1].get_array(), labels)
    if columns < 2:
        line = np.concatenate([path.vertices for path in ax.collections[1].get_paths()])
        np.testing.assert_allclose(line[:, 0], 0.3, atol=0.01)
    else:
        regions = [path.get_extents() for path in ax.collections[0].get_paths()]
        np.testing.assert_allclose([regions[0].x1, regions[1].x0], 0.3, atol=0.01)
    pyplot.close(figure)


def test_decision_boundary_that_is_nowhere() -> None:
    figure, ax = pyplot.subplots()
    plots.decision_boundary(lambda x: np.full(len(x), 0.5), np.zeros((1, 2)), np.array([0]), ax)
    assert len(ax.collections) == 2  # the surface and the points
    with pytest.raises(ValueError, match=r"points \(3,\)"):
        plots.decision_boundary(lambda x: x[:, 0], np.zeros(3), np.array([0]))
    pyplot.close(figure)


@pytest.mark.parametrize("draw", [lambda ax: plots.filters(np.eye(9).reshape(9, 1, 3, 3), ax=ax),
                                  lambda ax: plots.feature_maps(np.ones((8, 26, 26)), ax=ax)])  # fmt: skip
@pytest.mark.parametrize("size", [(4, 2), (4, 8)])
def test_a_scale_is_as_high_as_what_it_explains(draw: Any, size: tuple[float, float]) -> None:
    figure, ax = pyplot.subplots(figsize=size, layout="constrained")
    draw(ax)
    figure.canvas.draw()
    maps, scale = (axes.get_window_extent() for axes in (ax, ax.child_axes[0]))
    np.testing.assert_allclose([scale.y0, scale.y1], [maps.y0, maps.y1], atol=1)
    pyplot.close(figure)


def test_augmented_images_stand_beside_their_originals() -> None:
    figure, ax = pyplot.subplots()
    images, calls = np.arange(2 * 3 * 8.0).reshape(2, 3, 8), iter([10, 20, 30])
    plots.augmented(images, lambda x: x + next(calls), versions=3, ax=ax)
    mosaic = ax.images[0].get_array().filled(np.nan)
    assert mosaic.shape == (7, 37)  # a gap of one, and one of three behind the originals
    for row in range(2):
        rows = mosaic[4 * row : 4 * row + 3]
        for left, added in ((0, 0), (11, 10), (20, 20), (29, 30)):
            np.testing.assert_array_equal(rows[:, left : left + 8], images[row] + added)
    assert np.isnan(mosaic[:, 8:11]).all()
    assert np.isnan(mosaic[:, 19]).all()
    assert [(text.get_text(), text.get_position()[0]) for text in ax.texts] == [("original", 3.5), ("augmented", 23.5)]
    for wrong, versions in ((images[0], 3), (images[:0], 3), (images, 0)):
        with pytest.raises(ValueError, match=r"augmented: images \(.*\) and \d versions; give one image at least"):
            plots.augmented(wrong, np.copy, versions, ax)
    pyplot.close(figure)


@pytest.mark.parametrize("scale", [1, 255, -2.0, 3.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_augmented_images_may_have_channels(channels: int, scale: float) -> None:
    """Bytes, shares, and numbers that are beyond them; colours keep theirs, as far as there is room."""
    figure, ax = pyplot.subplots()
    images = np.linspace(0, 1, 2 * channels * 16).reshape(2, channels, 4, 4) * scale
    images = images.astype(np.uint8) if scale == 255 else images
    plots.augmented(images, lambda x: x[:, :, ::-1], versions=2, ax=ax)
    mosaic = np.ma.filled(ax.images[0].get_array(), np.nan)
    assert mosaic.shape == (9, 16, 3)[: 2 + (channels == 3)]
    if channels == 1:
        np.testing.assert_array_equal(mosaic[5:, 7:11], images[1, 0, ::-1])
    else:
        shares = {1: images, 255: images / 255, -2.0: (images + 2) / 3, 3.0: images / 3}[scale]
        np.testing.assert_allclose(mosaic[5:, 7:11], np.moveaxis(shares[1, :, ::-1], 0, -1))
        assert (mosaic[4] == 1).all()
    pyplot.close(figure)


@pytest.mark.parametrize("shape", [(2, 2, 4, 4), (2, 4, 4, 3), (4, 4)])
def test_augmented_refuses_other_images(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"augmented: images \(.*\) and 8 versions; give one image at least"):
        plots.augmented(np.zeros(shape), np.copy)
    with pytest.raises(
        ValueError, match=r"augmented: transform returned an array of shape \(\) for images \(2, 4, 4\)"
    ):
        plots.augmented(np.zeros((2, 4, 4)), lambda x: None)


def test_whole_pictures_are_drawn_on_empty_axes() -> None:
    """Of those that are not given: what is there already stays as it is."""
    numbers = np.array([0.01, 0.1, 1.0])
    for draw in (
        lambda ax=None: plots.augmented(np.zeros((2, 4, 4)), np.copy, ax=ax),
        lambda ax=None: plots.learning_rates(numbers, numbers, numbers, ax=ax),
    ):
        _, ax = pyplot.subplots()
        assert draw() is ax
        assert draw() is not ax
        assert draw(ax) is ax
        pyplot.close("all")


def test_learning_rates() -> None:
    figure, ax = pyplot.subplots()
    lrs, losses, smoothed = np.array([0.01, 0.1, 1, 10]), np.array([2.0, 1, 3, 1e9]), np.array([2.0, 1.5, 2, 1e8])
    plots.learning_rates(lrs, losses, smoothed, 0.1, ax)
    for line, values in zip(ax.lines, (losses, smoothed), strict=False):
        np.testing.assert_array_equal(line.get_xydata(), np.column_stack([lrs, values]))
    assert ax.lines[-1].get_xydata().tolist() == [[0.1, 1.5]]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["loss of each batch", "smoothed", "suggestion, 0.1"]
    assert (ax.get_xscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "learning rate", "loss")
    low, high = ax.get_ylim()
    assert low < 1 < 2 < high < 3  # what diverged is outside
    ax.clear()
    assert len(plots.learning_rates(lrs[:1], losses[:1], smoothed[:1], ax=ax).lines) == 2
    with pytest.raises(ValueError, match=r"lrs \(4,\), losses \(3,\) and smoothed \(4,\) do not fit"):
        plots.learning_rates(lrs, losses[:3], smoothed, ax=ax)
    with pytest.raises(ValueError, match="N at least 1"):
        plots.learning_rates(*[np.zeros(0)] * 3, ax=ax)
    pyplot.close(figure)
