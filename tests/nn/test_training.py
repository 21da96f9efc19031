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


def problem(seed: int = 0, n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    return x, (x[:, 0] + x[:, 1] > 0).astype(int)


def fitted(model: nn.Module | None = None, **options: Any) -> tuple[nn.Module, dict[str, list[float]]]:
    model = model or nn.Linear(3, 2, rng=0)
    optimizer = options.pop("optimizer", None) or nn.optim.SGD(model.parameters(), lr=options.pop("lr", 0.5))
    x, y = options.pop("data", None) or problem()
    return model, nn.fit(model, x, y, optimizer=optimizer, progress=False, **{"rng": 0, "epochs": 5, **options})


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
    assert modes == [True, False]
    assert not model.training


def test_early_stopping_goes_back_to_the_best() -> None:
    x, y = problem(n=30)
    model = nn.Sequential(nn.Linear(3, 64, rng=0), nn.ReLU(), nn.Linear(64, 2, rng=0))
    noisy = (x, np.random.default_rng(5).integers(2, size=30))
    model, history = fitted(model, data=noisy, validation=(x, y), epochs=200, patience=3, lr=0.5)
    best = int(np.argmin(history["val_loss"]))
    assert len(history["val_loss"]) == best + 1 + 3 < 200
    assert nn.evaluate(model, x, y)["loss"] == history["val_loss"][best]


def test_callbacks() -> None:
    seen: list[int] = []

    def stop_at_three(model: nn.Module, history: dict[str, list[float]]) -> bool:
        seen.append(len(history["loss"]))
        return len(seen) == 3

    _, history = fitted(callbacks=[stop_at_three, lambda model, history: None], epochs=10)
    assert seen == [1, 2, 3]
    assert len(history["loss"]) == 3


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


def perceptron(seed: int = 0) -> nn.Sequential:
    rng = np.random.default_rng(seed)
    return nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 2, rng=rng))


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


def test_predict_records_nothing_and_takes_batches() -> None:
    model = nn.Sequential(nn.Dropout(0.9, rng=0), nn.Linear(3, 2, rng=0))
    x, _ = problem()
    outputs = nn.predict(model, x, batch_size=7)
    assert type(outputs) is np.ndarray
    np.testing.assert_allclose(outputs, nn.predict(model, x), rtol=1e-6)
    assert model.training


def test_accuracy_refuses_what_it_cannot_compare() -> None:
    with pytest.raises(ValueError, match=r"outputs \(3, 1\) and labels \(3, 1\)"):
        nn.accuracy(np.zeros((3, 1)), np.zeros((3, 1)))


def test_progress_bar_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    model = nn.Linear(3, 2, rng=0)
    nn.fit(model, *problem(), optimizer=nn.optim.SGD(model.parameters(), lr=0.1), epochs=2, rng=0)
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch 2/2" in err
    assert "loss" in err


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
