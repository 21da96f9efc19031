"""Training loops: what they return, when they stop, and what they leave behind."""

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from autograd_np import Tensor
from tests.autograd_np.checks import check_float32, nodes
from tests.nn.training.runs import Again, check_same_bits, fitted, perceptron, problem


def test_learns() -> None:
    model, history = fitted(epochs=20, metrics={"accuracy": nn.accuracy}, validation=problem(1))
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert all(len(values) == 20 for values in history.values())
    assert history["loss"][-1] < history["loss"][0] / 2
    assert history["val_accuracy"][-1] > 0.95
    figures = nn.evaluate(model, *problem(1), metrics={"accuracy": nn.accuracy})
    assert figures == {"loss": history["val_loss"][-1], "accuracy": history["val_accuracy"][-1]}


def test_is_the_loop_written_out() -> None:
    model, history = fitted(batch_size=50, epochs=2)
    again = nn.Linear(3, 2, rng=0)
    optimizer, loss = nn.optim.SGD(again.parameters(), lr=0.5), nn.CrossEntropyLoss()
    batches = nn.data.Batches(*problem(), batch_size=50, rng=0)
    means = []
    for _ in range(2):
        total = 0.0
        for x, y in batches:
            optimizer.zero_grad()
            value = loss(again(x), y)
            value.backward()
            optimizer.step()
            total += value.item() * len(x)
        means.append(total / 120)
    assert history["loss"] == means
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_same_seed_same_result() -> None:
    assert fitted(rng=3)[1] == fitted(rng=3)[1]
    assert fitted(rng=3)[1] != fitted(rng=4)[1]


def test_modes() -> None:
    modes: list[bool] = []

    class Watch(nn.Module):
        def forward(self, x: Any) -> Any:
            modes.append(self.training)
            return x

    model = nn.Sequential(Watch(), nn.Linear(3, 2, rng=0)).eval()
    fitted(model, epochs=1, batch_size=120, validation=problem(1))
    assert modes == [False, True, True, False]  # as often before the first step, to see whether all can be judged
    assert not model.training


def test_divergence_is_said_and_the_model_kept() -> None:
    x, _ = problem()
    model = nn.Linear(3, 1, rng=0)
    states: list[dict[str, np.ndarray]] = []

    def loss(outputs: Any, targets: Any) -> Tensor:
        states.append(model.state_dict())
        return nn.functional.mse_loss(outputs, targets) * (np.nan if len(states) == 4 else 1.0)

    with pytest.raises(FloatingPointError, match=r"loss is nan in epoch 2, batch 1 of 3.*learning rate"):
        fitted(model, data=(x, np.zeros((120, 1), np.float32)), loss=loss, batch_size=50, lr=0.01)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, states[-1][name])


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"batch_size": 0}, {"patience": 0}, {"data": (np.ones((3, 3)), [0, 1])}]
)
def test_bad_numbers_are_named(wrong: dict[str, Any]) -> None:
    name = next(iter(wrong))
    with pytest.raises(ValueError, match="same number of rows" if name == "data" else f"{name} must be"):
        fitted(**wrong)


@pytest.mark.parametrize(
    "rebuild",
    [
        lambda model: perceptron(1),
        lambda model: model.astype(np.float64),
        copy.deepcopy,
        lambda model: pickle.loads(pickle.dumps(model)),
        lambda model: nn.Sequential(*(nn.Linear(3, 2, rng=0), model[1])),
        lambda model: model[1:2],  # without parameters
    ],
)
def test_an_optimizer_of_another_model_is_refused(rebuild: Callable[[nn.Sequential], nn.Sequential]) -> None:
    model = perceptron()
    optimizer = nn.optim.Adam(model.parameters())
    other = rebuild(model)
    before, theirs = other.state_dict(), model.state_dict()
    listed = ", ".join(f"{name} {p.shape}" for name, p in other.named_parameters()) or "it has none"
    expected = rf"fit: .*Adam of 4 parameters, holds none of the Sequential's \({re.escape(listed)}\); make it of the"
    with pytest.raises(ValueError, match=expected):
        fitted(other, optimizer=optimizer)
    for state, untouched in ((other.state_dict(), before), (model.state_dict(), theirs)):
        assert all(np.array_equal(state[key], value) for key, value in untouched.items())


def test_an_optimizer_of_a_part_trains_that_part() -> None:
    model, other = perceptron(), perceptron(1)
    before = model.state_dict()
    fitted(model, optimizer=nn.optim.SGD([*model[2].parameters(), *other.parameters()], lr=0.1), epochs=1)
    changed = [name for name, value in model.state_dict().items() if not np.array_equal(value, before[name])]
    assert changed == ["2.weight", "2.bias"]


def test_an_optimizer_of_what_is_frozen_is_refused() -> None:
    model = perceptron()
    optimizer = nn.optim.SGD(model[0].parameters(), lr=0.1)
    model[0].requires_grad_(False)
    with pytest.raises(ValueError, match=r"SGD, holds nothing of the Sequential that is not frozen: 0.weight, 0.bias;"):
        fitted(model, optimizer=optimizer)


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_step_in_float32_makes_nothing_in_float64(kind: str) -> None:
    """Values on the tape, what every rule returns, gradients and the optimisers' updates."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 1, 6, 6)), rng.integers(3, size=8)
    layers = [nn.Flatten(), nn.Linear(36, 8, rng=0), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5, rng=0)]
    if kind == "cnn":
        layers = [nn.Conv2d(1, 2, 3, rng=0), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(8, 3, rng=0))
    names, loss = [name for name, _ in model.named_parameters()], nn.CrossEntropyLoss()

    def step(*values: Any) -> Any:
        return loss(nn.functional_call(model, dict(zip(names, values, strict=True)), x), y)

    check_float32(step, *(p.data for p in model.parameters()))
    value = loss(model(x), y)
    assert {node.dtype.name for node in nodes(value)} == {"float32"}
    for optimizer in (nn.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), nn.optim.Adam(model.parameters())):
        model.zero_grad()
        loss(model(x), y).backward()
        assert {p.grad.dtype.name for p in model.parameters() if p.grad is not None} == {"float32"}
        optimizer.step()
        assert {p.dtype.name for p in model.parameters()} == {"float32"}


class TestModes:
    """Each part of the model has its own mode afterwards, however it ended; while it trains, all train."""

    @pytest.mark.parametrize("error", [False, True])
    def test_parts_keep_theirs(self, error: bool) -> None:
        model = nn.Sequential(nn.Sequential(nn.Dropout(0.5, rng=0), nn.BatchNorm1d(3)), nn.Linear(3, 2, rng=0))
        model[0][1].eval()
        before = [part.training for part in model.modules()]
        seen: list[list[bool]] = []

        def look(outputs: Any, targets: Any) -> float:
            seen.append([part.training for part in model.modules()])
            return 1.0 / (not error)

        if error:
            with pytest.raises(ZeroDivisionError):
                fitted(model, epochs=1, metrics={"look": look}, validation=problem(1))
        else:
            fitted(model, epochs=1, batch_size=60, metrics={"look": look}, validation=problem(1))
            assert seen[-3:-1] == [[True] * 5] * 2
        assert [part.training for part in model.modules()] == before

    def test_a_callback_may_leave_another(self) -> None:
        modes: list[bool] = []

        class Evaluates(nn.callbacks.Callback):
            def on_epoch_end(self, run: nn.training.Run) -> None:
                run.model.eval()

            def on_batch_end(self, run: nn.training.Run, x: Any, y: Any, loss: float, outputs: Any) -> None:
                nn.evaluate(run.model, x, y)
                modes.append(run.model.training)

        fitted(epochs=2, batch_size=60, callbacks=[Evaluates()])
        assert modes == [True] * 4


class TestClipping:
    """Equals the loop that calls `nn.utils` between backward and step; values are clipped before the norm is."""

    @pytest.mark.parametrize("limits", [(0.01, None), (None, 0.005), (0.01, 0.005)])
    def test_is_the_loop_written_out(self, limits: tuple[float | None, float | None]) -> None:
        norm, value = limits
        model, _ = fitted(perceptron(), clip_grad_norm=norm, clip_grad_value=value, epochs=2, batch_size=50)
        by_hand, loss = perceptron(), nn.CrossEntropyLoss()
        optimizer = nn.optim.SGD(by_hand.parameters(), lr=0.5)
        batches = nn.data.Batches(*problem(), batch_size=50, rng=0)
        for _ in range(2):
            for x, y in batches:
                optimizer.zero_grad()
                loss(by_hand(x), y).backward()
                if value is not None:
                    nn.utils.clip_grad_value_(by_hand.parameters(), value)
                if norm is not None:
                    nn.utils.clip_grad_norm_(by_hand.parameters(), norm)
                optimizer.step()
        check_same_bits(model, by_hand)
        assert not np.array_equal(model[0].weight.data, fitted(perceptron(), epochs=2, batch_size=50)[0][0].weight.data)


class TestValidation:
    """Every way to give the examples of a validation, and that nothing is trained with them."""

    def test_split_holds_the_last_rows_back(self) -> None:
        x, y = problem()
        rows = {"data": (x[:90], y[:90]), "validation": (x[90:], y[90:])}
        model, history = fitted(**rows)
        split, theirs = fitted(validation_split=0.25)
        assert history == theirs
        check_same_bits(model, split)

    def test_split_takes_weights_along(self) -> None:
        x, y = problem()
        weight = np.random.default_rng(1).uniform(size=120)
        _, history = fitted(data=(x[:90], y[:90]), sample_weight=weight[:90], validation=(x[90:], y[90:], weight[90:]))
        model, theirs = fitted(validation_split=0.25, sample_weight=weight)
        assert history == theirs
        assert history["val_loss"][-1] == nn.evaluate(model, x[90:], y[90:], sample_weight=weight[90:])["loss"]
        assert history != fitted(validation_split=0.25)[1]

    @pytest.mark.parametrize("form", [list, Again, tuple])
    def test_batches(self, form: Any) -> None:
        x, y = problem(1)
        whole = fitted(validation=(x, y))[1]
        validation = [x, y] if form is tuple else form([(x[:50], y[:50]), (x[50:], y[50:])])
        history = fitted(validation=validation)[1]
        np.testing.assert_allclose(history["val_loss"], whole["val_loss"], rtol=1e-5)

    def test_sorted_labels_are_refused(self) -> None:
        """Of classes, not of numbers that are regressed, which may grow from row to row."""
        x, _ = problem()
        model, y = nn.Sequential(nn.Linear(3, 3, rng=0)), np.arange(120) // 40
        with pytest.raises(ValueError, match=r"validation_split .* sorted; shuffle x and y"):
            fitted(model, data=(x, y), validation_split=1 / 3)
        fitted(model, data=(x, y[::-1] % 2), validation_split=1 / 3, epochs=1)
        regression = nn.Sequential(nn.Linear(3, 1, rng=0), nn.Flatten(0))
        fitted(regression, data=(x, y), validation_split=1 / 3, loss=nn.MSELoss(), epochs=1, lr=0.01)


class TestTransform:
    """Of batches of training, and of nothing else."""

    @pytest.mark.parametrize("compiled", [False, True])
    def test_is_applied_in_training_only(self, compiled: bool) -> None:
        x, y = problem()
        model, history = fitted(validation=(x, y), transform=lambda batch: 2 * batch, compiled=compiled)
        doubled, theirs = fitted(data=(2 * x, y), validation=(x, y))
        check_same_bits(model, doubled)
        assert history == theirs
        assert nn.evaluate(model, x, y)["loss"] == history["val_loss"][-1]

    def test_works_on_copies(self) -> None:
        x, y = problem()
        before = x.copy()
        fitted(data=(x, y), transform=lambda batch: np.multiply(batch, 0.0, out=batch), epochs=1)
        np.testing.assert_array_equal(x, before)


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulate": {"accumulate": 2},
    "weights": {"sample_weight": np.random.default_rng(2).integers(4, size=120)},
    "class weights": {"class_weight": {0: 0.5, 1: 3.0}, "accumulate": 2},
    "ignored labels": {"loss": nn.CrossEntropyLoss(ignore_index=1), "accumulate": 2},
    "weighted classes": {"loss": nn.CrossEntropyLoss([0.5, 3.0]), "accumulate": 2},
    "ignored labels with weights": {
        "loss": nn.CrossEntropyLoss(ignore_index=1), "sample_weight": np.random.default_rng(2).uniform(size=120),
    },
    "clipping": {"clip_grad_norm": 0.05, "clip_grad_value": 0.02},
    "transform": {"transform": lambda x: x + 1.0},
    "early stopping": {"patience": 1, "validation": problem(1)},
}  # fmt: skip


def network() -> nn.Sequential:
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Linear(3, 8, rng=rng), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.25, rng=rng), nn.Linear(8, 2, rng=rng)
    )


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_compiled_steps_have_the_same_bits(options: dict[str, Any]) -> None:
    """With each option, batches of two sizes, dropout and running statistics; a schedule changes the rate."""
    found = []
    for compiled in (False, True):
        model = network()
        optimizer = nn.optim.Adam(model.parameters(), lr=0.05)
        schedule = nn.callbacks.LRScheduler(nn.optim.lr_scheduler.ExponentialLR(optimizer, 0.9), every="step")
        trained = {"batch_size": 32, "epochs": 4, "metrics": {"accuracy": nn.accuracy}, "callbacks": [schedule]}
        found.append(fitted(model, optimizer=optimizer, compiled=compiled, **trained, **options))
    (eager, history), (program, theirs) = found
    assert history == theirs
    check_same_bits(eager, program)


def test_compiled_steps_are_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    forward = nn.Linear.forward

    def counted(self: nn.Linear, x: Any) -> Any:
        calls.append(len(x))
        return forward(self, x)

    monkeypatch.setattr(nn.Linear, "forward", counted)
    fitted(batch_size=40, epochs=5, compiled=True)
    compiled = len(calls)
    fitted(batch_size=40, epochs=5)
    assert 0 < compiled < len(calls) - compiled == 15


def test_history_is_a_table() -> None:
    pandas = pytest.importorskip("pandas")
    history = fitted(metrics={"accuracy": nn.accuracy}, validation_split=0.2)[1]
    table = pandas.DataFrame(history)
    assert list(table.columns) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert table.shape == (5, 4)
    assert table["val_loss"].tolist() == history["val_loss"]
    assert history.stopped is None


def test_batch_size_and_epochs() -> None:
    sizes: list[int] = []
    count = {"metrics": {"count": lambda outputs, targets: sizes.append(len(targets)) or 0.0}}
    fitted(batch_size=50, epochs=2, **count)
    assert sizes == [2] + [50, 50, 20] * 2  # two examples are looked at before the first step
    sizes.clear()
    fitted(epochs=1, **count)
    assert sizes == [2, 64, 56]


def test_figures_are_means_over_examples() -> None:
    """Also of batches of several sizes: with a rate of 0, they are those of all examples together."""
    metrics = {"accuracy": nn.accuracy, "labels": lambda outputs, targets: targets.mean()}
    weight = np.random.default_rng(0).uniform(size=120)
    for options in ({}, {"sample_weight": weight}):
        model, history = fitted(lr=0.0, batch_size=50, epochs=1, metrics=metrics, **options)
        figures = nn.evaluate(model, *problem(), metrics=metrics, **options)
        for name, value in figures.items():
            assert history[name][0] == pytest.approx(value, rel=1e-6), name


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (lambda x: None, "transform returned None; give one that returns the examples"),
        (lambda x: (x, x), "transform returned a tuple; give one"),
        (lambda x: x[1:], r"transform made an array of shape \(3, 3\) of 4 examples"),
    ],
)
def test_a_transform_that_loses_examples_is_named(transform: Any, message: str) -> None:
    model, x = nn.Linear(3, 2, rng=0), np.zeros((4, 3))
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
    options = {"optimizer": optimizer, "transform": transform, "progress": False}
    with pytest.raises((TypeError, ValueError), match=message):
        nn.fit(model, x, np.arange(4) % 2, **options)
    # Where some examples are looked at first, there are fewer of them.
    with pytest.raises((TypeError, ValueError), match=message.partition(" of shape")[0]):
        nn.fit(model, x, np.array([0, 0, 1, 1]), metrics={"accuracy": nn.accuracy}, **options)
