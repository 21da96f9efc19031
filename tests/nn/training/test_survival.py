"""A training that dies, is started again and goes on, against one that never stopped: every bit is the same.

It dies by SIGKILL at any call of a function, and in the middle of a write; or by an exception at any batch. What
may differ from bit to bit are parameters, buffers (those that state dicts leave out, too), what the optimiser and the
schedule remember, the order of the examples, dropout, what transforms and data sets draw, from whichever kind of
generator, the history, the best state so far, and predictions.
"""

from __future__ import annotations

import contextlib
import random
import signal
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.families import costly
from tests.nn.training.processes import Program, result
from tests.nn.training.trainings import BIT_GENERATORS, EVENTS, Failing, Options, Training, assert_no_litter, bits

# Of each training below, in the middle of a write and elsewhere: together 8 while writing, and 64 at night.
KILLS = 1 if settings().max_examples < 300 else 8

VARIANTS = {
    "arrays": Options(every=2, epochs=2),
    "memmap": Options(data="memmap", optimizer="momentum", schedule="plateau", generator="MT19937", every=1, epochs=2),
    "loader": Options(data="drawing", schedule="sequential", generator="random", accumulate=2, every=1, epochs=2),
    "compiled": Options(
        data="loader", compiled=True, schedule="step", shared=True, validation="loader", every=2, epochs=2
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_killed_process_goes_on_with_the_same_bits(variant: str, tmp_path: Path, program: Program) -> None:
    options = VARIANTS[variant]
    folder = tmp_path / "whole"
    assert program.run(options, folder, event=0) == 0
    expected = result(folder)
    rng = random.Random(f"kills of {variant}")
    moments: list[dict[str, Any]] = []
    for _ in range(KILLS):
        moments.append({"event": rng.randrange(1, expected["events"])})
        moment = rng.choice(["half", "fsync", "before", "after"])
        moments.append({"write": rng.randrange(1, 6), "moment": moment})
    folder, rounds = tmp_path / "0", 0
    for order in moments:
        code = program.run(options, folder, **order)
        if code != -signal.SIGKILL:  # it had less to do, as it went on
            assert code == 0
            assert result(folder)["outcome"] == expected["outcome"]
            rounds += 1
            folder = tmp_path / str(rounds)
            assert program.run(options, folder, **order) == -signal.SIGKILL
        assert any(folder.glob("*.tmp")) or order.get("moment") not in ("half", "fsync", "before")
    assert program.run(options, folder) == 0
    assert result(folder)["outcome"] == expected["outcome"]
    assert_no_litter(folder)


@st.composite
def every_kind(draw: st.DrawFn) -> Options:
    spoilt = draw(st.integers(0, 4)) == 0
    data = draw(st.sampled_from(["arrays", "loader", "drawing"]))
    optimizer = draw(st.sampled_from(["momentum", "adam", "adamw", "adagrad"]))
    return Options(
        data=data,
        optimizer=optimizer,
        schedule=draw(st.sampled_from(["one-cycle", "plateau", "sequential", "step", "none"])),
        generator=draw(st.sampled_from([*BIT_GENERATORS, "RandomState", "random", "everybody"])),
        shared=draw(st.booleans()),
        accumulate=draw(st.integers(1, 2 if spoilt else 3)),
        every=draw(st.sampled_from([None, 1, 2, 3])),
        # The eps of the others is 0 in half precision.
        dtype=draw(st.sampled_from(["float32", "float64", *(["float16"] if optimizer == "momentum" else [])])),
        validation=draw(st.sampled_from(["arrays", "loader", "none", *(["split"] if data == "arrays" else [])])),
        spoilt=spoilt,
        patience=draw(st.sampled_from([None, 1, 2])),
    )


@given(
    options=every_kind(), event=st.sampled_from(EVENTS), number=st.integers(1, 13), again=st.booleans()
)  # fmt: skip
@costly()
def test_a_failed_training_goes_on_with_the_same_bits(
    options: Options, event: str, number: int, again: bool, tmp_path_factory: Any
) -> None:
    """With everything made anew, or `again` with the very objects that have trained so far."""
    place = tmp_path_factory.mktemp("training")
    with warnings.catch_warnings():
        if options.spoilt:
            warnings.filterwarnings("ignore", "fit: .*the step was left out", RuntimeWarning)
        whole = Training(options, place / "whole", [Failing("", 0)])
        whole.run()
        expected = bits(whole.outcome())
        training = Training(options, place / "parts", [Failing(event, number)])
        with contextlib.suppress(ZeroDivisionError):
            training.run()
        if not again:
            training = Training(options, place / "parts", [Failing("", 0)])
        training.callbacks[0] = Failing("", 0)
        training.run()
    assert bits(training.outcome()) == expected
    assert_no_litter(place / "parts")


@pytest.mark.parametrize("generator", [*BIT_GENERATORS, "RandomState", "random", "everybody"])
def test_every_kind_of_generator_goes_on(generator: str, tmp_path: Path) -> None:
    options = Options(generator=generator, every=4, epochs=2, schedule="none", patience=None, validation="none")
    whole = Training(options, tmp_path / "whole", [Failing("", 0)])
    whole.run()
    expected = bits(whole.outcome())
    with contextlib.suppress(ZeroDivisionError):
        Training(options, tmp_path / "parts", [Failing("on_batch_begin", 6)]).run()
    np.random.seed(99)  # noqa: NPY002  (the generators of everybody go on, too)
    random.seed(99)
    training = Training(options, tmp_path / "parts", [Failing("", 0)])
    training.run()
    assert bits(training.outcome()) == expected
