"""NaN and infinity: in a loss, in a gradient alone, in parameters after a step that was too large.

The error names epoch, batch, parameter and operation; model, buffers (also those that are written into in place), what
the optimiser remembers and the last good checkpoint are as before that step. Or the step is left out with a warning,
and all others are taken. Eager and compiled, of one batch and of several, they say and do the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from tests.nn.training.runs import fitted, problem
from tests.nn.training.trainings import bits

BATCHES, SIZE = 6, 4
KINDS = ["loss", "infinite loss", "gradient", "gradient of 0 times inf"]


@pytest.fixture(autouse=True)
def _numpy_is_silent() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


class Spoiling(nn.Module):
    """A layer that makes something of examples of which the last number is 1 that is not finite."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.linear, self.norm = kind, nn.Linear(3, 2, rng=0), nn.BatchNorm1d(2)
        self.register_buffer("written", np.zeros(2, np.float32))

    def forward(self, x: Any) -> Any:
        """Return what the loss, or its gradient, cannot bear."""
        mark = x[:, 3:]
        out = self.norm(self.linear(x[:, :3]))
        if self.training:
            self.written = self.written + 1
        if self.kind == "loss":
            return out + np.log(1 - mark) * mark
        if self.kind == "infinite loss":
            return out * np.exp(mark * np.float32(100))
        if self.kind == "gradient":
            return out + np.sqrt(out * out * (1 - mark)) * np.float32(0.1)
        return out + np.power(out * (1 - mark), np.float32(0.5) * mark + (1 - mark)) * np.float32(0.1)


def examples(bad: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return batches, of which some spoil something."""
    rng = np.random.default_rng(0)
    made: list[tuple[np.ndarray, np.ndarray]] = []
    for number in range(BATCHES):
        x = rng.normal(size=(SIZE, 4)).astype(np.float32)
        x[:, 3] = 0
        if number in bad:
            x[1, 3] = 1
        made.append((x, rng.integers(2, size=SIZE)))
    return made


def state(model: nn.Module, optimizer: Any) -> Any:
    return bits([model.state_dict(), optimizer.state_dict()])


class Watching(nn.callbacks.Callback):
    """Remembers the state after each step."""

    def __init__(self) -> None:
        self.states: list[Any] = []

    def on_train_begin(self, run: Any) -> None:
        self.states.append(state(run.model, run.optimizer))

    def on_step_end(self, run: Any) -> None:
        self.states.append(state(run.model, run.optimizer))


def trained(kind: str, bad: tuple[int, ...], folder: Path | None = None, **options: Any) -> Any:
    """Train for two epochs; return the model, the optimizer and the states after each step."""
    model, watching = Spoiling(kind), Watching()
    optimizer = nn.optim.Adam(model.parameters(), lr=0.01)
    data = examples(bad)
    return model, optimizer, watching.states, lambda: nn.fit(
        model, data, optimizer=optimizer, epochs=2, callbacks=[watching], progress=False,
        checkpoint=None if folder is None else nn.Checkpoints(folder, every=1), **options,
    )  # fmt: skip


WHAT = {
    "loss": (r"the loss is (nan|-?inf)", "add"),
    "infinite loss": (r"the loss is (nan|inf)", "multiply|exp"),
    "gradient": (r"the gradient of .*linear\.weight.* is not finite", "sqrt"),
    "gradient of 0 times inf": (r"the gradient of .*linear\.weight.* is not finite", "power"),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_named_and_nothing_has_changed(kind: str, accumulate: int, compiled: bool, tmp_path: Path) -> None:
    model, optimizer, states, fit = trained(kind, (4,), tmp_path / "folder", accumulate=accumulate, compiled=compiled)
    what, operation = WHAT[kind]
    number = r"batch [456] of 6" if "gradient" in kind and accumulate > 1 else "batch 5 of 6"
    with pytest.raises(FloatingPointError, match=rf"fit: {what} in epoch 1, {number}: .*({operation})") as caught:
        fit()
    assert "The model is as it was before this step" in str(caught.value)
    assert state(model, optimizer) == states[-1]
    assert len(states) == 1 + 4 // accumulate
    assert all(p.grad is None for p in model.parameters())
    newest = nn.load(sorted((tmp_path / "folder").glob("step*"))[-1])
    assert newest["steps"] == 4 // accumulate
    assert bits([newest["modules"]["model"], newest["optimizer"]]) == states[-1]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_left_out_with_a_warning(kind: str, accumulate: int, compiled: bool) -> None:
    model, optimizer, states, fit = trained(kind, (4,), accumulate=accumulate, compiled=compiled, nonfinite="skip")
    with pytest.warns(RuntimeWarning, match=f"fit: {WHAT[kind][0]} in epoch .*left out") as seen:
        history = fit()
    assert len(seen) == 2  # one in each epoch
    assert seen[0].filename == __file__
    assert len(states) == 1 + 2 * (BATCHES // accumulate - 1)
    # The same as if the batches of the step had not been there; those of their group are gone with them.
    left = [batch for i, batch in enumerate(examples((4,))) if i // accumulate != 4 // accumulate]
    other = Spoiling(kind)
    again = nn.optim.Adam(other.parameters(), lr=0.01)
    expected = nn.fit(other, left, optimizer=again, epochs=2, accumulate=accumulate, progress=False)
    assert bits(history) == bits(expected)
    assert state(model, optimizer) == state(other, again)


@pytest.mark.parametrize("compiled", [False, True])
def test_several_are_counted(compiled: bool) -> None:
    *_, fit = trained("loss", (1, 2, 5), compiled=compiled, nonfinite="skip")
    with pytest.warns(RuntimeWarning, match="batch 2 of 6.*the step was left out; and 2 more in this epoch"):
        fit()


@pytest.mark.parametrize("kind", KINDS)
def test_where_all_are_so_it_is_an_error(kind: str) -> None:
    model, optimizer, states, fit = trained(kind, tuple(range(BATCHES)), nonfinite="skip")
    with pytest.raises(FloatingPointError, match=f"fit: no step of epoch 1 was finite. {WHAT[kind][0]}.*; and 5 more"):
        fit()
    assert state(model, optimizer) == states[0]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_looking_for_the_cause_draws_no_numbers(kind: str, compiled: bool) -> None:
    model, alone = nn.Sequential(Spoiling(kind), nn.Dropout(0.5, rng=0)), nn.Dropout(0.5, rng=0)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.01)
    options: dict[str, Any] = {"epochs": 2, "nonfinite": "skip", "progress": False, "compiled": compiled}
    with pytest.warns(RuntimeWarning, match="left out"):
        nn.fit(model, examples((1, 4)), optimizer=optimizer, **options)
    for _ in range(2 * BATCHES):
        alone(np.ones((SIZE, 2), np.float32))
    assert model[1].rng.bit_generator.state == alone.rng.bit_generator.state


class Written(nn.Module):
    """Buffers that are written into in place, one of a loss."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2, rng=0)
        self.register_buffer("sum", np.zeros((), np.float32))
        self.register_buffer("frozen", np.ones(2, np.float32))
        self.frozen.flags.writeable = False

    def forward(self, x: Any) -> Any:
        """Return the outputs, and count."""
        self.sum += 1
        return self.linear(x) + self.frozen


class WrittenLoss(nn.Module):
    """A loss that counts, and is NaN in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", np.zeros(1))

    def forward(self, outputs: Any, y: Any) -> Any:
        """Return the mean, which is NaN in the third batch."""
        self.count += 1
        return nn.functional.cross_entropy(outputs, y) + (np.float32(np.nan) if self.count[0] == 3 else 0)


def test_buffers_that_are_written_into_are_put_back() -> None:
    model, loss = Written(), WrittenLoss()
    held, optimizer = model.sum, nn.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(FloatingPointError, match="loss is nan in epoch 1, batch 3"):
        nn.fit(model, examples(()), loss=loss, optimizer=optimizer, progress=False)
    assert model.sum is held
    assert model.sum == loss.count == 2


@pytest.mark.parametrize("nonfinite", ["raise", "skip"])
@pytest.mark.parametrize("every", [None, 1])
def test_a_step_that_was_too_large_takes_no_good_checkpoints_place(
    nonfinite: str, every: int | None, tmp_path: Path
) -> None:
    model = nn.Linear(4, 2, rng=0)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1)

    last = BATCHES - 1 if every is None else 2

    class Overdoing(nn.callbacks.Callback):
        def on_batch_begin(self, run: Any, x: Any, y: Any) -> None:
            if run.epoch == 2 and run.batch == last:
                run.optimizer.lr = 1e39

    checkpoint = nn.Checkpoints(tmp_path / "folder", keep=1, every=every)
    with pytest.raises(FloatingPointError, match=f"weight is NaN or infinite after step {7 + last}, in epoch 2"):
        nn.fit(
            model, examples(()), optimizer=optimizer, epochs=3, progress=False, checkpoint=checkpoint,
            callbacks=[Overdoing()], nonfinite=nonfinite,
        )  # fmt: skip
    [kept] = (tmp_path / "folder").glob("step*")
    assert nn.load(kept)["steps"] == (6 if every is None else 8)
    assert np.isfinite(nn.load(tmp_path / "folder" / "best.safetensors")["weight"]).all()
    # It goes on from there.
    again = nn.Linear(4, 2, rng=1)
    history = nn.fit(
        again, examples(()), optimizer=nn.optim.SGD(again.parameters(), lr=0.1), epochs=3, progress=False,
        checkpoint=checkpoint, callbacks=[type("Overdoing", (nn.callbacks.Callback,), {})()], nonfinite=nonfinite,
    )  # fmt: skip
    assert len(history["loss"]) == 3


@pytest.mark.parametrize("skip", [False, True])
def test_a_gradient_that_a_callback_spoils_is_not_taken(skip: bool) -> None:
    class Spoils(nn.callbacks.Callback):
        def on_grad_computed(self, run: nn.training.Run) -> None:
            if run.batch == 1:
                run.model[0].weight.grad = run.model[0].weight.grad * np.inf

    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.BatchNorm1d(4), nn.Linear(4, 2, rng=1))
    x, y = np.random.default_rng(0).normal(size=(12, 3)), np.arange(12) % 2
    options = {"callbacks": [Spoils()], "epochs": 1, "batch_size": 4, "rng": 0, "progress": False}
    options["optimizer"] = nn.optim.SGD(model.parameters(), lr=0.1)
    expected = r"gradient of 0.weight is not finite in epoch 1, batch 2 of 3: on_grad_computed of a callback made it so"
    if skip:
        with pytest.warns(RuntimeWarning, match=expected):
            nn.fit(model, x, y, nonfinite="skip", **options)
        assert model[1].num_batches_tracked == 2
    else:
        with pytest.raises(FloatingPointError, match=expected):
            nn.fit(model, x, y, **options)
        assert model[1].num_batches_tracked == 1
    assert all(np.isfinite(p.data).all() for p in model.parameters())


def test_a_last_step_that_is_too_large_is_told() -> None:
    model = nn.Linear(3, 2, rng=0)
    optimizer = nn.optim.SGD(model.parameters(), lr=1e38)
    x = 1e6 * np.random.default_rng(0).normal(size=(4, 3))
    options = {"epochs": 1, "batch_size": 4, "rng": 0, "progress": False}
    with (
        np.errstate(all="ignore"),
        pytest.raises(FloatingPointError, match=r"parameter weight is NaN or infinite after"),
    ):
        nn.fit(model, x, np.arange(4) % 2, optimizer=optimizer, **options)


def _rows(x: Any, y: Any, row: int, value: float, where: str) -> tuple[Any, Any]:
    """Spoil one row of x, of y, or of a part of x."""
    x, y = x.copy(), y.astype(float)
    (y if where == "y" else x)[row] = value
    return ({"a": x[:, :1], "b": x} if where == "part" else x), y


class Second(nn.Module):
    """Takes a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1, rng=0)

    def forward(self, x: Any) -> Any:
        return self.linear(x["b"] if isinstance(x, dict) else x)[:, 0]


@pytest.mark.parametrize(("value", "kind"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
@pytest.mark.parametrize("where", ["x", "y", "part"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_it_is_said_if_the_examples_are_so_themselves(value: float, kind: str, where: str, accumulate: int) -> None:
    """Then a smaller learning rate would not help."""
    x, y = problem(n=20)
    model = Second()
    optimizer = nn.optim.SGD(model.parameters(), lr=0.01)
    good = _rows(x, y, 0, 0.5, where)
    batches = [good, good, _rows(x, y, 7, value, where), good]
    options: dict[str, Any] = {"loss": nn.MSELoss(), "epochs": 1, "progress": False, "accumulate": accumulate}
    name = "y" if where == "y" else "x"
    text = rf"batch 3 of 4: .*; {name} itself holds {kind}, first in row 7 of this batch"
    with pytest.raises(FloatingPointError, match=rf"{text}\. .* before this step; mend or leave out") as caught:
        nn.fit(model, batches, optimizer=optimizer, **options)
    assert "learning rate" not in str(caught.value)
    with pytest.warns(RuntimeWarning, match=text):
        nn.fit(model, batches, optimizer=optimizer, nonfinite="skip", **options)


def test_it_is_said_if_a_transform_made_them_so() -> None:
    with pytest.raises(FloatingPointError, match="; what transform made of x itself holds NaN, first in row 0 of"):
        fitted(transform=lambda x: x * np.nan)


def test_a_learning_rate_is_advised_only_where_it_may_help() -> None:
    with pytest.raises(FloatingPointError, match=r"; a smaller learning rate or clip_grad_norm=1\.0 may help"):
        trained("loss", (4,))[-1]()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_validation_that_is_not_finite_is_warned_of_once(value: float) -> None:
    x, y = problem()
    x[7, 0] = value
    with pytest.warns(RuntimeWarning, match=r"fit: val_loss is (nan|inf) after epoch 1: look for NaN and inf") as seen:
        fitted(validation=(x, y), epochs=3)
    assert len(seen) == 1
    assert seen[0].filename.endswith("runs.py")
