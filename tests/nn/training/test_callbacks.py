"""Callbacks: in which order they are called, what each does, and that it goes on after a resume or begins anew."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn.optim import lr_scheduler
from nn.training import Run
from nn.training.callbacks import Callback, EarlyStopping, LRScheduler, SaveBest
from tests.nn.training.runs import check_same_bits, fitted, perceptron, problem

EVENTS = [name for name in vars(Callback) if name.startswith("on_")]


class Record(Callback):
    """Writes down each event, with the epoch, and how many batches have been trained with."""

    def __init__(self, *also: str) -> None:
        self.events: list[str] = []
        self.also = also

    def note(self, name: str, run: Run) -> None:
        self.events.append(f"{name} {run.epoch}.{run.batch}")

    def close(self) -> None:
        self.events.append("close")


for name in EVENTS:
    setattr(Record, name, lambda self, run, *args, name=name: self.note(name[3:], run))


def test_order_of_events() -> None:
    """Two batches make a step; the last one of an epoch is a step by itself."""
    record = Record()
    fitted(epochs=2, batch_size=40, accumulate=2, callbacks=[record])
    epoch = """
        epoch_begin {0}.0
        batch_begin {0}.0
        batch_begin {0}.0
        grad_computed {0}.0
        step_end {0}.0
        batch_end {0}.1
        batch_end {0}.2
        batch_begin {0}.2
        grad_computed {0}.2
        step_end {0}.2
        batch_end {0}.3
        epoch_end {0}.3
    """
    expected = ["train_begin 0.0", epoch.format(1), epoch.format(2), "train_end 2.3", "close"]
    assert record.events == [line.strip() for text in expected for line in text.strip().split("\n")]
    assert {f"on_{event.split()[0]}" for event in record.events if " " in event} == set(EVENTS)


def test_names_are_skorchs() -> None:
    skorchs = {f"on_{when}" for when in ("train_begin", "train_end", "epoch_begin", "epoch_end", "batch_begin")}
    assert skorchs | {"on_batch_end", "on_grad_computed"} == set(EVENTS) - {"on_step_end"}


def test_what_is_told() -> None:
    """Losses, outputs and batches are those of the loop; figures are means so far, and those of the validation."""
    x, y = problem()
    told: list[Any] = []

    class Look(Callback):
        def on_batch_begin(self, run: Run, x: Any, y: Any) -> None:
            self.loss = nn.CrossEntropyLoss()(run.model(x), y).item()
            self.outputs = run.model(x).data

        def on_grad_computed(self, run: Run) -> None:
            self.grad = run.model.weight.grad.copy()
            self.weight = run.model.weight.data.copy()

        def on_step_end(self, run: Run) -> None:
            np.testing.assert_array_equal(run.model.weight.data, self.weight - np.float32(0.5) * self.grad)

        def on_batch_end(self, run: Run, x: Any, y: Any, loss: float, outputs: Any) -> None:
            assert loss == self.loss
            np.testing.assert_array_equal(outputs, self.outputs)
            told.append((loss, len(y), dict(run.figures)))

        def on_epoch_end(self, run: Run) -> None:
            assert [*run.figures] == [*run.names] == ["loss", "val_loss"]
            assert {name: values[-1] for name, values in run.history.items()} == run.figures

    fitted(epochs=1, batch_size=50, callbacks=[Look()], validation=(x, y))
    losses, sizes, figures = zip(*told, strict=True)
    assert sizes == (50, 50, 20)
    for i in range(3):
        assert figures[i] == {"loss": pytest.approx(np.average(losses[: i + 1], weights=sizes[: i + 1]))}


def test_run_says_where_it_is() -> None:
    runs: list[Run] = []
    model = nn.Linear(3, 2, rng=0)
    optimizer, loss = nn.optim.SGD(model.parameters(), lr=0.5), nn.CrossEntropyLoss()

    class Keep(Callback):
        def on_train_begin(self, run: Run) -> None:
            runs.append(run)

    history = fitted(model, optimizer=optimizer, loss=loss, epochs=3, batch_size=50, callbacks=[Keep()])[1]
    (run,) = runs
    assert (run.model, run.optimizer, run.loss) == (model, optimizer, loss)
    assert (run.epochs, run.batches, run.history) == (3, 3, history)


def test_functions() -> None:
    """They are called after each epoch; one that returns True ends the training, and the others are called still."""
    seen: list[int] = []
    others: list[float] = []

    def stop_at_three(model: nn.Module, history: dict[str, list[float]]) -> bool:
        seen.append(len(history["loss"]))
        return len(seen) == 3

    callbacks = [stop_at_three, lambda model, history: others.append(history["loss"][-1])]
    _, history = fitted(callbacks=callbacks, epochs=10)
    assert seen == [1, 2, 3]
    assert others == history["loss"]
    assert history.stopped == "test_functions.<locals>.stop_at_three asked for it"


@pytest.mark.parametrize("event", ["on_train_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end"])
def test_stop(event: str) -> None:
    """The epoch is brought to its end, with its validation; before the first one, there is none."""

    class Stops(Callback):
        pass

    setattr(Stops, event, lambda self, run, *args: run.stop("enough"))
    history = fitted(callbacks=[Stops()], validation=problem(1))[1]
    assert history.stopped == "enough"
    assert {name: len(values) for name, values in history.items()} == (
        {} if event == "on_train_begin" else {"loss": 1, "val_loss": 1}
    )


@pytest.mark.parametrize("event", [*EVENTS, "close"])
def test_errors_come_through(event: str) -> None:
    """Whenever a callback raises, all callbacks are closed, and modes are what they were."""
    model = nn.Sequential(nn.Linear(3, 2, rng=0), nn.Dropout(0.5, rng=0))
    model[1].eval()
    first, last = Record(), Record()

    class Raises(Callback):
        pass

    def fail(*args: Any) -> None:
        raise ZeroDivisionError("here")

    setattr(Raises, event, fail)
    with pytest.raises(ZeroDivisionError, match="here"):
        fitted(model, callbacks=[first, Raises(), last], progress=True)
    assert first.events[-1] == last.events[-1] == "close"
    assert [part.training for part in model.modules()] == [True, True, False]


class Figures(Callback):
    """Puts figures in place of the validation's."""

    def __init__(self, *figures: float) -> None:
        self.figures = figures

    def on_epoch_end(self, run: Run) -> None:
        run.figures["loss"] = self.figures[run.epoch - 1]


def stopped_after(figures: list[float], **options: Any) -> tuple[int, str | None]:
    stopping = EarlyStopping(**options)
    _, history = fitted(callbacks=[Figures(*figures), stopping], epochs=len(figures))
    return len(history["loss"]), history.stopped


class TestEarlyStopping:
    """When it stops, by the figures of the epochs, and to which state it goes back."""

    @pytest.mark.parametrize(
        ("figures", "options", "epochs"),
        [
            ([3, 2, 1, 1, 1, 1], {"patience": 2}, 5),
            ([3, 2, 1, 2, 0, 1, 1, 1], {"patience": 2}, 7),
            ([3, 2, 1, 0], {"patience": 1}, 4),
            ([1, 2, 3, 4, 4, 4], {"patience": 2, "mode": "max"}, 6),
            ([1, 2, 3, 4, 4, 4], {"patience": 2, "mode": "min"}, 3),
            ([3, 2.9, 2.8, 2.7], {"patience": 2, "min_delta": 0.5}, 3),
            ([3, 2.7, 2.4, 2.1, 2.0, 1.9], {"patience": 2, "min_delta": 0.5}, 5),
            ([3, 2, 1], {"patience": 1, "min_delta": 1.0}, 2),
            ([np.nan, np.nan, 1, np.nan, np.nan], {"patience": 2}, 2),
            ([1, np.nan, 0, np.inf, np.nan], {"patience": 2}, 5),
        ],
    )
    def test_patience(self, figures: list[float], options: dict[str, Any], epochs: int) -> None:
        count, why = stopped_after(figures, **options)
        assert count == epochs
        if why is not None:
            assert why == f"loss was not better for {options['patience']} epochs"
        else:
            assert epochs == len(figures)

    @pytest.mark.parametrize("restore", [True, False])
    def test_goes_back_to_the_best(self, restore: bool) -> None:
        states: list[dict[str, Any]] = []

        class Keep(Callback):
            def on_epoch_end(self, run: Run) -> None:
                states.append(run.model.state_dict())

        stopping = EarlyStopping(patience=2, restore_best=restore)
        model, _ = fitted(perceptron(), callbacks=[Figures(3, 1, 2, 2, 2), Keep(), stopping])
        assert len(states) == 4
        for name, value in model.state_dict().items():
            np.testing.assert_array_equal(value, states[1 if restore else 3][name])

    def test_also_where_the_epochs_are_over(self) -> None:
        model, _ = fitted(callbacks=[Figures(1, 2), EarlyStopping(patience=9)], epochs=2)
        check_same_bits(model, fitted(epochs=1)[0])

    def test_watches_the_validation_if_there_is_one(self) -> None:
        for monitor in (None, "val_loss"):
            stopping = EarlyStopping(monitor=monitor)
            history = fitted(callbacks=[stopping], validation=problem(1))[1]
            assert stopping.best == min(history["val_loss"])
        stopping = EarlyStopping(monitor="accuracy")
        history = fitted(callbacks=[stopping], metrics={"accuracy": nn.accuracy})[1]
        assert stopping.best == max(history["accuracy"])

    def test_begins_anew_with_another_training(self) -> None:
        stopping = EarlyStopping(patience=2)
        _, first = fitted(callbacks=[Figures(0, 0, 0), stopping])
        model, second = fitted(callbacks=[Figures(np.nan, 2, 1), stopping], epochs=3)
        assert (len(first["loss"]), len(second["loss"]), stopping.best) == (3, 3, 1)
        check_same_bits(model, fitted(epochs=3)[0])
        nothing_better, _ = fitted(callbacks=[Figures(np.nan), stopping], epochs=1)
        check_same_bits(nothing_better, fitted(epochs=1)[0])

    def test_goes_on_after_a_resume(self, tmp_path: Path) -> None:
        def trained(epochs: int, folder: str) -> tuple[Any, Any]:
            stopping = EarlyStopping(patience=3)
            callbacks = [Figures(3, 1, 2, 2, 2, 2, 2), stopping]
            return fitted(callbacks=callbacks, epochs=epochs, checkpoint=tmp_path / folder)

        expected, history = trained(7, "once")
        trained(4, "twice")
        model, theirs = trained(7, "twice")
        assert (len(theirs["loss"]), theirs.stopped) == (5, history.stopped)
        check_same_bits(model, expected)

    def test_patience_of_fit(self) -> None:
        x, y = problem(n=30)
        noisy = {"data": (x, np.random.default_rng(5).integers(2, size=30)), "validation": (x, y), "epochs": 40}
        model, history = fitted(perceptron(), patience=3, **noisy)
        same, theirs = fitted(perceptron(), callbacks=[EarlyStopping(3)], **noisy)
        assert history == theirs
        assert len(history["loss"]) < 40
        check_same_bits(model, same)


class TestSaveBest:
    """The file is the model after the best epoch so far."""

    @pytest.mark.parametrize(("mode", "best"), [(None, 2), ("min", 2), ("max", 1)])
    def test_file(self, mode: str | None, best: int, tmp_path: Path) -> None:
        path = tmp_path / "best.safetensors"
        saves = SaveBest(path, mode=mode)
        fitted(callbacks=[Figures(4, 1, 2), saves], epochs=3)
        model = nn.Linear(3, 2, rng=1)
        model.load_state_dict(nn.load(path))
        check_same_bits(model, fitted(epochs=best)[0])
        assert os.listdir(tmp_path) == [path.name]

    def test_smallest_gain(self, tmp_path: Path) -> None:
        path = tmp_path / "best.safetensors"
        fitted(callbacks=[Figures(4, 3.5, 3.4), SaveBest(path, min_delta=1.0)], epochs=3)
        model = nn.Linear(3, 2, rng=1)
        model.load_state_dict(nn.load(path))
        check_same_bits(model, fitted(epochs=1)[0])

    def test_begins_anew_with_another_training(self, tmp_path: Path) -> None:
        saves = SaveBest(tmp_path / "best.safetensors")
        for figure in (1, 2):
            fitted(callbacks=[Figures(figure), saves], epochs=1)
            assert saves.best == figure

    def test_what_cannot_be_written_is_not_the_best(self, tmp_path: Path) -> None:
        saves = SaveBest(tmp_path / "missing" / "best.safetensors")
        with pytest.raises(FileNotFoundError):
            fitted(callbacks=[saves])
        assert saves.best is None


class TestLRScheduler:
    """The schedule steps when it should, and the optimiser's rate follows."""

    @pytest.mark.parametrize("every", ["epoch", "step"])
    def test_when(self, every: str) -> None:
        rates: list[float] = []

        class Keep(Callback):
            def on_step_end(self, run: Run) -> None:
                rates.append(run.optimizer.lr)

        model = nn.Linear(3, 2, rng=0)
        optimizer = nn.optim.SGD(model.parameters(), lr=1.0)
        steps = LRScheduler(lr_scheduler.ExponentialLR(optimizer, 0.5), every)
        options = {"epochs": 2, "batch_size": 40, "accumulate": 2, "callbacks": [Keep(), steps]}
        fitted(model, optimizer=optimizer, **options)
        assert rates == ([1, 1, 0.5, 0.5] if every == "epoch" else [1, 0.5, 0.25, 0.125])
        assert optimizer.lr == (0.25 if every == "epoch" else 0.0625)

    @pytest.mark.parametrize("monitor", [None, "val_loss", "accuracy"])
    def test_plateau(self, monitor: str | None) -> None:
        given: list[float] = []
        model = nn.Linear(3, 2, rng=0)
        optimizer = nn.optim.SGD(model.parameters(), lr=1.0)

        class Plateau(lr_scheduler.ReduceLROnPlateau):
            def step(self, metrics: Any) -> None:
                given.append(metrics)
                super().step(metrics)

        steps = LRScheduler(Plateau(optimizer, patience=0, factor=0.5, threshold=9.0), monitor=monitor)
        options = {"validation": problem(1), "metrics": {"accuracy": nn.accuracy}, "epochs": 3}
        history = fitted(model, optimizer=optimizer, callbacks=[steps], **options)[1]
        assert given == history[monitor or "val_loss"]
        assert optimizer.lr < 1.0

    def test_goes_on_after_a_resume(self, tmp_path: Path) -> None:
        def trained(epochs: int, folder: str) -> Any:
            model = nn.Linear(3, 2, rng=0)
            optimizer = nn.optim.SGD(model.parameters(), lr=1.0)
            steps = LRScheduler(lr_scheduler.StepLR(optimizer, 3, 0.5), "step")
            options = {"batch_size": 30, "callbacks": [steps], "checkpoint": tmp_path / folder}
            return fitted(model, optimizer=optimizer, epochs=epochs, **options)[0], optimizer.lr

        expected, rate = trained(3, "once")
        trained(1, "twice")
        model, theirs = trained(3, "twice")
        assert rate == theirs == 1 / 16
        check_same_bits(model, expected)

    @pytest.mark.parametrize("resumed", [False, True])
    def test_warns_of_a_schedule_that_will_not_be_over(self, resumed: bool, tmp_path: Path) -> None:
        """One whose steps were counted for those of the optimiser, and that is taken after each epoch."""

        def trained(epochs: int, total: int, every: str = "epoch") -> None:
            model = nn.Linear(3, 2, rng=0)
            optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
            schedule = lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=total)
            options: dict[str, Any] = {"checkpoint": tmp_path / f"{total}{every}"} if resumed else {}
            callbacks = [LRScheduler(schedule, every=every)]
            fitted(model, optimizer=optimizer, epochs=epochs, batch_size=60, callbacks=callbacks, **options)

        with pytest.warns(RuntimeWarning, match=r"only 2 of the OneCycleLR's total_steps=4 will be .*every='step'"):
            trained(2, 4)
        trained(4, 4)  # goes on where it is resumed
        trained(2, 2)
        trained(1, 2, every="step")


def test_own_methods_and_attributes() -> None:
    """Only methods that are named like hooks are taken for them, and such as can be called are let be."""

    class Own(Callback):
        on_time = True

        def __init__(self) -> None:
            self.on_better = print

        @staticmethod
        def on_epoch_begin(run: Run) -> None:
            assert run.epoch == 1

        def one(self) -> None: ...

        def on_batch_end(self, *args: Any, **others: Any) -> None: ...

    fitted(callbacks=[Own()], epochs=1)
