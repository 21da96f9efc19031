"""From which checkpoints a training goes on: its own alone, and if it cannot, nothing has changed.

What tells trainings apart: the examples, their order, how they are batched, the model's parts and which are frozen, the
loss, the optimiser's kind and settings, schedules, callbacks, the validation, and the kinds of generators. It may be
found out late: when the optimiser, a callback or a generator refuses what it is given. And what belongs to a training
that is not in state dicts: buffers that come into being or change their dtype, parameters of nobody but the optimiser.
"""

from __future__ import annotations

import contextlib
import copy
import random
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from autograd_np import Tensor
from nn.optim import lr_scheduler as rates
from nn.training.setup import callbacks_described
from tests.nn.training.trainings import Failing, Options, Training, bits

X = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32)
Y = np.arange(24) % 2


class Other(nn.callbacks.Callback):
    """A callback with no meaning."""


def setting(**changes: Any) -> dict[str, Any]:
    """Return the arguments of a training, of which some are other ones."""
    parts = changes.pop("parts", lambda: [nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Dropout(0.2, rng=1)])
    model = nn.Sequential(*parts(), nn.BatchNorm1d(4), nn.Linear(4, 2, rng=2))
    changes.pop("prepare", lambda model: None)(model)
    optimizer = changes.pop("optimizer", lambda p: nn.optim.Adam(p, lr=0.01))(model.parameters())
    callbacks = changes.pop("callbacks", lambda o: [nn.callbacks.LRScheduler(rates.StepLR(o, 2)), Other()])(optimizer)
    given = {"x": X, "y": Y, "batch_size": 8, "rng": 3, "epochs": 2, "validation": (X[:9], Y[:9]), "patience": 4}
    return {"model": model, "optimizer": optimizer, "callbacks": callbacks, "progress": False, **given, **changes}


def schedules(*made: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda o: [*(nn.callbacks.LRScheduler(make(o)) for make in made), Other()]


def seen(given: dict[str, Any]) -> Any:
    """Return the state of all that a training would change."""
    model, optimizer = given["model"], given["optimizer"]
    dropout = [part.rng.bit_generator.state for part in model.modules() if isinstance(part, nn.Dropout)]
    states = [callback.state_dict() for callback in given["callbacks"] if isinstance(callback, nn.callbacks.Callback)]
    return bits([model.state_dict(), optimizer.state_dict(), dropout, states])


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("training") / "folder"
    nn.fit(**setting(), checkpoint=made)
    return made


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "examples": ({"x": X + 1}, r"x was float32 \(24, 3\) \w+ and is float32 \(24, 3\) \w+"),
    "their dtype": ({"x": X.astype(float)}, r"x was float32 .* and is float64"),
    "their number": ({"x": X[:-1], "y": Y[:-1]}, r"x was float32 \(24, 3\) .* and is float32 \(23, 3\)"),
    "their classes": ({"y": 1 - Y}, "y was int64 "),
    "their weights": ({"sample_weight": np.ones(24)}, r"weights was None and is float64 \(24,\)"),
    "a loader": (
        {"x": nn.data.DataLoader(nn.data.TensorDataset(X, Y), 8, rng=0), "y": None, "batch_size": None, "rng": None},
        "and is DataLoader",
    ),
    "batch_size": ({"batch_size": 7}, "batch_size was 8 and is 7"),
    "accumulate": ({"accumulate": 2}, "accumulate was 1 and is 2"),
    "clip_grad_norm": ({"clip_grad_norm": 1.0}, "clip_grad_norm was None and is 1.0"),
    "clip_grad_value": ({"clip_grad_value": 1.0}, "clip_grad_value was None and is 1.0"),
    "nonfinite": ({"nonfinite": "skip"}, "nonfinite was raise and is skip"),
    "metrics": ({"metrics": {"accuracy": nn.accuracy}}, "metrics was .* and is accuracy"),
    "transform": ({"transform": np.negative}, "transform was NoneType and is negative"),
    "loss": ({"loss": nn.CrossEntropyLoss(label_smoothing=0.1)}, "loss was .*label_smoothing=0.0.* and is .*=0.1"),
    "the loss's weights": (
        {"loss": nn.CrossEntropyLoss(np.array([1.0, 2.0]))}, r"loss was .*weight=None.* and is .*weight: \[1.0, 2.0\]"
    ),
    "another loss": ({"loss": nn.functional.cross_entropy}, "loss was CrossEntropyLoss.* and is cross_entropy"),
    "validation": ({"validation": (X[:8], Y[:8])}, r"validation was .*\(9, 3\).* and is .*\(8, 3\)"),
    "no validation": ({"validation": None}, "validation was .* and is None"),
    "a layer": (
        {"parts": lambda: [nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Dropout(0.2, rng=1)]}, "was 1: ReLU.* and is 1: Tanh"
    ),
    "a layer's setting": (
        {"parts": lambda: [nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Dropout(0.3, rng=1)]}, "model was .*0.2.* and is .*0.3"
    ),
    "a shape": (
        {"parts": lambda: [nn.Linear(3, 5, rng=0), nn.Linear(5, 4, rng=0), nn.Dropout(0.2, rng=1)]}, "model was .*=4"
    ),
    "frozen": (
        {"prepare": lambda model: setattr(model[0].bias, "requires_grad", False)},
        r"model was 0.bias: float32 \(4,\) and is 0.bias: float32 \(4,\), frozen",
    ),
    "no bias": (
        {"parts": lambda: [nn.Linear(3, 4, bias=False, rng=0), nn.ReLU(), nn.Dropout(0.2, rng=1)]}, "model was .*bias"
    ),
    "the optimizer": ({"optimizer": lambda p: nn.optim.AdamW(p, lr=0.01)}, "optimizer was Adam .* and is AdamW "),
    "the optimizer's setting": (
        {"optimizer": lambda p: nn.optim.Adam(p, lr=0.01, betas=(0.8, 0.9))}, r"optimizer was .*and is .*\(0.8, 0.9\)"
    ),
    "the learning rate": ({"optimizer": lambda p: nn.optim.Adam(p, lr=0.02)}, r"optimizer was .*0.01.* and is .*0.02"),
    "groups": (
        {"optimizer": lambda p: nn.optim.Adam([{"params": [q]} for q in p], lr=0.01)}, "optimizer was .* and is .*; "
    ),
    "fewer callbacks": ({"callbacks": lambda o: [Other()]}, "callbacks was .*LRScheduler.* and is "),
    "the schedule": ({"callbacks": schedules(lambda o: rates.ExponentialLR(o, 0.1))}, "StepLR.*ExponentialLR"),
    "the schedule's setting": ({"callbacks": schedules(lambda o: rates.StepLR(o, 3))}, "step_size=2.*step_size=3"),
    "patience": ({"patience": 5}, r"EarlyStopping\(patience=4.* and is EarlyStopping\(patience=5"),
    "the order of callbacks": (
        {"callbacks": lambda o: [Other(), nn.callbacks.LRScheduler(rates.StepLR(o, 2))]}, "callbacks was .*Other and is"
    ),
    "the kind of a generator": (
        {"rng": np.random.Generator(np.random.Philox(3))}, "generators .* was .*._drawn.rng PCG64 and is .* Philox"
    ),
    "more generators": (
        {"parts": lambda: [nn.Dropout(0.1, rng=1), nn.Linear(3, 4, rng=0), nn.Dropout(0.2, rng=2)]}, "model was "
    ),
    "fewer epochs": ({"epochs": 1}, "epochs=1, and the checkpoints in .* are of epoch 2 already"),
}  # fmt: skip


@pytest.mark.parametrize("other", OTHERS)
def test_another_training_is_refused(other: str, folder: Path) -> None:
    changes, message = OTHERS[other]
    given = setting(**changes)
    before, files = seen(given), content(folder)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        nn.fit(**given, checkpoint=folder)
    assert seen(given) == before
    assert content(folder) == files


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 3}, {"compiled": True}, {"x": np.asfortranarray(X)}, {"progress": True},
    ],
)  # fmt: skip
def test_what_makes_no_difference_is_taken(changes: dict[str, Any], folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "folder"
    copied.mkdir()
    for name, found in content(folder).items():
        (copied / name).write_bytes(found)
    given = setting(**changes)
    nn.fit(**given, checkpoint=copied)
    assert given["optimizer"].state[given["model"][0].weight]["step"] == 3 * given["epochs"]


def same(optimizer: Any) -> list[Any]:
    made: list[Any] = schedules(lambda o: rates.StepLR(o, 2))(optimizer)
    return made


def spoil(state: dict[str, Any], *path: Any, value: Any) -> None:
    for key in path[:-1]:
        state = state[key]
    state[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("modules", "model", "4.bias"), np.ones(3, np.float32)),
        (("optimizer", "state", 3, "exp_avg"), np.ones(3)),
        (("optimizer", "param_groups", 0, "betas"), (2, 2)),
        (("callbacks", 1), {}),
        (("callbacks", 2), {"refused": True}),
        (("best",), {}),
        (("now", "examples._drawn.rng", "bit_generator"), "MT19937"),
    ],
)
def test_what_is_refused_late_changes_nothing(path: tuple[Any, ...], value: Any, folder: Path, tmp_path: Path) -> None:
    class Refusing(Other):
        def load_state_dict(self, state: Any) -> None:
            if state:
                raise ValueError("no such state")

    Refusing.__name__ = "Other"
    state = nn.load(sorted(folder.glob("step*"))[-1])
    spoil(state, *path, value=value)
    (tmp_path / "folder").mkdir()
    nn.save(state, tmp_path / "folder" / "step-000000006.safetensors")
    given = setting(callbacks=lambda o: [*same(o)[:1], Refusing()], epochs=3)
    before = seen(given)
    with pytest.raises((ValueError, KeyError)):
        nn.fit(**given, checkpoint=tmp_path / "folder")
    assert seen(given) == before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("begun", [False, True])
def test_what_callbacks_refuse_changes_nothing(begun: bool, folder: Path, tmp_path: Path) -> None:
    class Refusing(Other):
        def on_train_begin(self, run: Any) -> None:
            assert run.epoch == 2 * begun
            run.optimizer.lr = 5.0
            raise ValueError("not with me")

    Refusing.__name__ = "Other"
    given = setting(callbacks=lambda o: [*same(o)[:1], Refusing()], epochs=3)
    before, files = seen(given), content(folder)
    with pytest.raises(ValueError, match="not with me"):
        nn.fit(**given, checkpoint=folder if begun else tmp_path / "new")
    assert seen(given) == before
    assert content(folder) == files
    assert not (tmp_path / "new").exists()


def test_a_rate_that_was_reduced_is_no_other_optimizer(tmp_path: Path) -> None:
    """Going on with what has trained so far, and then with all made anew, which has the rate of the beginning."""

    def made(**changes: Any) -> dict[str, Any]:
        plateau = schedules(lambda o: rates.ReduceLROnPlateau(o, patience=0, threshold=9.0, threshold_mode="abs"))
        return setting(callbacks=plateau, **changes)

    first = made(epochs=2)
    nn.fit(**first, checkpoint=tmp_path / "folder")
    assert first["optimizer"].lr < 0.01
    nn.fit(**{**first, "rng": 3, "epochs": 3}, checkpoint=tmp_path / "folder")
    last, whole = made(epochs=4), made(epochs=4)
    history = nn.fit(**last, checkpoint=tmp_path / "folder")
    assert bits(history) == bits(nn.fit(**whole))
    assert seen(last) == seen(whole)


def test_schedules_in_schedules_are_told_apart() -> None:
    def described(gamma: float) -> str:
        optimizer = nn.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
        parts = [rates.ConstantLR(optimizer), rates.ExponentialLR(optimizer, gamma)]
        return callbacks_described([nn.callbacks.LRScheduler(rates.SequentialLR(optimizer, parts, [2]))])

    assert described(0.5) == described(0.5) != described(0.6)


def test_what_is_gone_is_told(tmp_path: Path) -> None:
    nn.fit(**setting(sample_weight=np.ones(24)), checkpoint=tmp_path / "folder")
    with pytest.raises(ValueError, match=r"weights was float64 \(24,\) \w+ and is None"):
        nn.fit(**setting(), checkpoint=tmp_path / "folder")


# -- what is not in state dicts ---------------------------------------------------------------------------------------


class Buffers(nn.Module):
    """Buffers that come into being, change their dtype, are written into, or left out of state dicts."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("late", None)
        self.register_buffer("wide", np.zeros(3, np.float32))
        self.register_buffer("written", np.zeros(3, np.float32), persistent=False)
        self.register_buffer("gone", np.ones(3, np.float32), persistent=False)

    def forward(self, x: Any) -> Any:
        """Return the batch, moved by all of them."""
        if self.training:
            mean = np.asarray(x.data if isinstance(x, Tensor) else x).mean(0)
            self.late = mean if self.late is None else self.late * 0.9 + mean
            self.wide = self.wide.astype(np.float64) * 0.9 + mean / 3
            self.written += mean
            self.gone = None
        total = self.wide.astype(np.float32) + self.written + (0 if self.late is None else self.late)
        return x + total * np.float32(0.01) + (0 if self.gone is None else self.gone)


def scaled(scale: Tensor) -> Callable[[Any, Any], Any]:
    return lambda outputs, y: nn.functional.cross_entropy(outputs * scale, y)


@pytest.mark.parametrize("batch", [2, 4, 5])
def test_buffers_and_parameters_of_nobody_go_on(batch: int, tmp_path: Path) -> None:
    def train(name: str, failing: Failing) -> Any:
        model, scale = nn.Sequential(Buffers(), nn.Linear(3, 2, rng=0)), Tensor(np.float32(1.5), requires_grad=True)
        optimizer = nn.optim.Adam([*model.parameters(), scale], lr=0.1)
        loss = scaled(scale)
        with contextlib.suppress(ZeroDivisionError):
            nn.fit(
                model, X, Y, optimizer=optimizer, loss=loss, batch_size=8, epochs=2, rng=0, progress=False,
                callbacks=[failing], checkpoint=nn.Checkpoints(tmp_path / name, every=1),
            )  # fmt: skip
        buffers = [vars(model[0])[key] for key in ("late", "wide", "written", "gone")]
        return bits([buffers, model.state_dict(), scale.data, optimizer.state_dict()])

    expected = train("whole", Failing("", 0))
    train("parts", Failing("on_batch_begin", batch))
    assert train("parts", Failing("", 0)) == expected


def test_a_stop_in_the_midst_of_an_epoch_goes_on_to_its_end(tmp_path: Path) -> None:
    class Stopping(Failing):
        def on_batch_end(self, run: Any, x: Any, y: Any, loss: float, outputs: Any) -> None:
            run.stop("enough")
            super().on_batch_end(run, x, y, loss, outputs)

    options = Options(every=1)
    whole = Training(options, tmp_path / "whole", [Stopping("", 0)])
    whole.run()
    with pytest.raises(ZeroDivisionError):
        Training(options, tmp_path / "parts", [Stopping("on_batch_end", 2)]).run()
    training = Training(options, tmp_path / "parts", [Stopping("", 0)])
    assert training.run().stopped == "enough"
    assert len(training.history["loss"]) == 1
    assert bits(training.outcome()) == bits(whole.outcome())


def test_steps_that_were_left_out_are_not_taken_again(tmp_path: Path) -> None:
    """Ctrl-C after a batch of NaN, before any step was taken; then an error before the second batch."""
    x = X.copy()
    x[np.random.default_rng(3).permutation(24)[0]] = np.nan  # in the first batch

    class Interrupting(nn.callbacks.Callback):
        def __init__(self, batch: int | None) -> None:
            self.batch = batch

        def on_epoch_begin(self, run: Any) -> None:
            if self.batch == 1:
                raise ZeroDivisionError

        def on_batch_begin(self, run: Any, x: Any, y: Any) -> None:
            if run.batch == self.batch:
                signal.raise_signal(signal.SIGINT)

    def train(name: str, batch: int | None) -> Any:
        given = setting(x=x, callbacks=lambda o: [Interrupting(batch)], nonfinite="skip", metrics={"a": nn.accuracy})
        history = None
        with warnings.catch_warnings(), contextlib.suppress(ZeroDivisionError):
            warnings.simplefilter("ignore", RuntimeWarning)
            history = nn.fit(**given, checkpoint=tmp_path / name)
        return bits([seen(given)[:3], history])

    expected = train("whole", None)
    train("parts", 0)
    train("parts", 1)
    assert train("parts", None) == expected


def test_metrics_that_draw_numbers_go_on(tmp_path: Path) -> None:
    def train(name: str, batch: int) -> Any:
        rng = np.random.default_rng(1)
        given = setting(metrics={"drawn": lambda outputs, y: float(rng.random())}, patience=None, validation=None)
        given["callbacks"] = [Failing("on_batch_begin", batch)]
        history = None
        with contextlib.suppress(ZeroDivisionError):
            history = nn.fit(**given, checkpoint=nn.Checkpoints(tmp_path / name, every=1))
        return history

    expected = train("whole", 0)
    train("parts", 4)
    assert train("parts", 0) == expected


def test_the_end_is_no_interruption_and_is_the_end(folder: Path, tmp_path: Path) -> None:
    first, second = setting(), setting()
    history = nn.fit(**first, checkpoint=tmp_path / "folder")
    files = content(tmp_path / "folder")
    assert nn.fit(**second, checkpoint=tmp_path / "folder") == history
    assert seen(second)[:3] == seen(first)[:3]
    assert content(tmp_path / "folder") == files


@pytest.mark.parametrize("seed", [0, None])
def test_a_generator_that_cannot_go_on_is_refused(seed: int | None, tmp_path: Path) -> None:
    rng = random.SystemRandom() if seed is None else random.Random(seed)
    given = setting(transform=lambda x: x + np.float32(rng.random()))
    if seed is not None:
        nn.fit(**given, checkpoint=tmp_path / "folder")
        return
    nn.fit(**setting(transform=given["transform"], epochs=1))
    with pytest.raises(ValueError, match=r"transform.rng, a SystemRandom.*give a random.Random"):
        nn.fit(**given, checkpoint=tmp_path / "folder")


def test_numbers_that_files_cannot_hold_are_refused_before_training(tmp_path: Path) -> None:
    model = nn.Linear(3, 2, rng=0).astype(np.longdouble)
    before = copy.deepcopy(model.state_dict())
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(TypeError, match=r"the dtype of 'modules.model.weight' is float128|longdouble"):
        nn.fit(model, X.astype(np.longdouble), Y, optimizer=optimizer, progress=False, checkpoint=tmp_path / "folder")
    assert bits(model.state_dict()) == bits(before)


@pytest.fixture(autouse=True)
def _handler_as_before() -> Iterator[None]:
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def sequential(milestone: int) -> Callable[[Any], Any]:
    return lambda o: rates.SequentialLR(o, [rates.ConstantLR(o), rates.ExponentialLR(o, 0.5)], [milestone])


def loader(x: Any = X, **options: Any) -> dict[str, Any]:
    batches = nn.data.DataLoader(nn.data.TensorDataset(x, Y), 8, **options)
    return {"x": batches, "y": None, "batch_size": None, "rng": None}


def batches(x: Any) -> dict[str, Any]:
    return {"x": [(x[:12], Y[:12]), (x[12:], Y[12:])], "y": None, "batch_size": None, "rng": None}


def turned(*transforms: Any) -> dict[str, Any]:
    images = {"x": X[:, None].repeat(3, axis=1), "transform": nn.data.Compose(transforms)}
    return {
        **images,
        "parts": lambda: [nn.Flatten(), nn.Linear(9, 4, rng=0), nn.Dropout(0.2, rng=1)],
        "validation": None,
    }


PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "milestones": ({"callbacks": schedules(sequential(1))}, {"callbacks": schedules(sequential(2))}),
    "a least rate": tuple(
        {"callbacks": schedules(lambda o, least=least: rates.ReduceLROnPlateau(o, min_lr=least))} for least in (0, 1e-3)
    ),
    "steps of several": tuple(
        {"callbacks": schedules(lambda o, steps=steps: rates.MultiStepLR(o, steps))} for steps in ([1], [2])
    ),
    "the order of parameters": tuple(
        {"optimizer": lambda p, turn=turn: nn.optim.SGD([*p][::turn], lr=0.1, momentum=0.9)} for turn in (1, -1)
    ),
    "a transform's setting": tuple(turned(nn.data.RandomRotation(angle, rng=0)) for angle in (10, 20)),
    "transforms": (turned(nn.data.RandomHorizontalFlip(rng=0)), turned(nn.data.RandomVerticalFlip(rng=0))),
    "batches in a list": (batches(X), batches(X + 1)),
    "a loader's examples": (loader(), loader(X + 1)),
    "a loader's order": (loader(), loader(shuffle=True, rng=0)),
    "batches of the validation": ({"validation": [(X, Y)]}, {"validation": [(X + 1, Y)]}),
}


@pytest.mark.parametrize("what", PAIRS)
def test_trainings_that_differ_in_one_thing_are_told_apart(what: str, tmp_path: Path) -> None:
    first, other = PAIRS[what]
    nn.fit(**setting(**first), checkpoint=tmp_path / "folder")
    nn.fit(**setting(**first, epochs=3), checkpoint=tmp_path / "folder")
    with pytest.raises(ValueError, match="are of another training: "):
        nn.fit(**setting(**other, epochs=4), checkpoint=tmp_path / "folder")


def test_a_transform_writes_into_no_batch_of_somebody_else() -> None:
    def doubled(x: Any) -> Any:
        x *= 2
        return x

    given, before = setting(**batches(X.copy()), transform=doubled), X
    nn.fit(**given)
    for (x, _), rows in zip(given["x"], (before[:12], before[12:]), strict=True):
        np.testing.assert_array_equal(x, rows)


@pytest.mark.parametrize("held", [slice(-6, None), slice(-6)])
def test_weights_that_are_all_zero_on_one_side_are_refused_first(held: slice) -> None:
    weights = np.ones(24)
    weights[held] = 0
    given = setting(sample_weight=weights, validation=None, validation_split=0.25)
    before = seen(given)
    with pytest.raises(ValueError, match=r"validation_split: the sample_weight .* is 0 for every example"):
        nn.fit(**given)
    assert seen(given) == before
