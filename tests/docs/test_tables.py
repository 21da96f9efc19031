"""The tables that the code prints: their numbers are what comes out, and nothing is left out of them."""

import contextlib
import io

import numpy as np
import pytest

from autograd_np import supported
from docs import awkward, tables


@pytest.mark.parametrize("point", awkward.POINTS, ids=lambda point: f"{point.function} at {point.point}")
def test_awkward_points(point: awkward.Point) -> None:
    """What the table says comes out, to the last bit, and so does the text that the page shows."""
    found = awkward.gradients_at(point)
    wanted = eval(f"({point.here},)", {"inf": np.inf, "nan": np.nan})
    for g, value in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(g, value)
    assert awkward.shown(found) == point.here


def test_every_supported_function_has_a_row() -> None:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        supported()
    _, rows = tables.of_functions()
    assert [" ".join(" ".join(row).replace("`", "").split()) for row in rows] == [
        " ".join(line.split()) for line in printed.getvalue().splitlines()[1:]
    ]


def test_bars_in_cells_stay_in_their_cells() -> None:
    assert tables.markdown(["a", "b"], [["x | y", "z"]]).splitlines() == [
        "| a | b |",
        "| --- | --- |",
        r"| x \| y | z |",
    ]


@pytest.mark.parametrize("name", tables.TABLES)
def test_tables_have_rows_of_one_length(name: str) -> None:
    header, rows = tables.TABLES[name]()
    lengths = [len(row) for row in rows]
    assert len(lengths) > 5
    assert set(lengths) == {len(header)}
