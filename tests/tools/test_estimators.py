"""The comparison with scikit-learn's perceptrons, in its short form: two seeds and few epochs.

The long one, `python -m tests.tools.estimators`, has ten seeds and its defaults, and is for a night.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.tools import estimators
from tests.tools.estimators import DATA, Row, estimator, fitted, main


def row(ours: list[float], theirs: list[float], seconds: float) -> Row:
    times = {"ours": [seconds] * len(ours), "theirs": [1.0] * len(ours)}
    return Row("a", {"ours": ours, "theirs": theirs}, times)


def test_what_keeping_up_is() -> None:
    """Within one standard error of the mean score, and in less time."""
    assert row([0.9, 0.8, 0.7], [0.8, 0.8, 0.8], 0.5).keeps_up
    assert row([0.9, 0.7, 0.7], [0.8, 0.8, 0.8], 0.5).keeps_up
    assert row([0.7, 0.7, 0.7], [0.9, 0.7, 0.6], 0.5).keeps_up
    assert not row([0.7, 0.7, 0.75], [0.8, 0.8, 0.8], 0.5).keeps_up
    assert not row([0.9, 0.9, 0.9], [0.8, 0.8, 0.8], 1.5).keeps_up
    mean, error = row([0.9, 0.7, 0.7], [0.8, 0.8, 0.8], 0.5).score("ours")
    np.testing.assert_allclose([mean, error], [2.3 / 3, np.std([0.9, 0.7, 0.7], ddof=1) / np.sqrt(3)])


def test_both_sides_have_their_defaults() -> None:
    for regression in (False, True):
        ours, theirs = (estimator(side, regression, 3)[-1] for side in estimators.SIDES)
        if regression:
            ours, theirs = ours.regressor, theirs.regressor
        mine, other = ours.get_params(), theirs.get_params()
        assert ours.random_state == theirs.random_state == 3
        common = mine.keys() & other.keys() - {"loss"}
        assert len(common) >= 14
        assert {name: mine[name] for name in common} == {name: other[name] for name in common}


def test_there_are_eight_sets() -> None:
    assert len(DATA) == 8
    assert sum(data.regression for data in DATA.values()) >= 2
    for data in DATA.values():
        x, y = data.load()
        assert len(x) == len(y)


def test_short_run_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"above\n{estimators.BEGIN}\nold\n{estimators.END}\nbelow\n")
    before = dict(os.environ)
    code = main(["--data", "iris", "diabetes", "--seeds", "2", "--max-iter", "3", "--page", str(path)])
    assert dict(os.environ) == before
    printed = capsys.readouterr().out
    assert code == ("does not keep up" in printed)
    lines = path.read_text().splitlines()
    assert lines[0] == "above"
    assert lines[-1] == "below"
    assert [line.split(" | ")[0] for line in lines if line.startswith("|")][2:] == ["| iris", "| diabetes"]
    assert "old" not in lines
    assert "\n".join(lines[2:-2]) in printed


def test_scores_are_those_of_the_estimators() -> None:
    """Three epochs on the same seed and split: close to each other, and twice the same."""
    (ours, seconds), (again, _), (theirs, _) = (
        fitted(side, "digits", 0, {"max_iter": 3}) for side in ("ours", "ours", "theirs")
    )
    assert ours == again
    assert abs(ours - theirs) < 0.15
    assert seconds > 0


def test_one_seed_has_no_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "1"]) == 2
    assert "at least 2" in capsys.readouterr().err
