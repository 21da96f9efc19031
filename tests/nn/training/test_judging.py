"""Judging and asking: in evaluation mode, without recording, by batches that do not show."""

from typing import Any

import numpy as np
import pytest

import nn
from tests.nn.training.runs import fitted, perceptron, problem


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


LOGITS, BITS = np.array([[1.0], [-1.0], [2.0], [3.0]]), np.array([1, 0, 0, 1])
WAYS: list[Any] = [
    (LOGITS, BITS[:, None], 0.75),
    (LOGITS, BITS, 0.75),
    (LOGITS[:, 0], BITS, 0.75),
    (np.c_[LOGITS, -LOGITS], np.c_[BITS, BITS], 0.5),
    (np.c_[LOGITS, -LOGITS], np.c_[BITS, 1 - BITS], 0.75),
    (np.c_[LOGITS, -LOGITS], BITS[:, None], 0.25),
]


@pytest.mark.parametrize(("outputs", "labels", "expected"), WAYS)
def test_accuracy_says_what_to_write_instead(outputs: Any, labels: Any, expected: float) -> None:
    """In a column, of several labels at once, and one-hot: what it says can be copied, and is right."""
    with pytest.raises(
        ValueError, match=r"accuracy: outputs .* do not fit; .*; of .* give lambda outputs, y: "
    ) as caught:
        nn.accuracy(outputs, labels)
    metric = eval("lambda" + str(caught.value).partition("lambda")[2].partition(", and of")[0], {"nn": nn})
    assert metric(outputs, labels) == expected


class Watch(nn.Module):
    """Notes what each batch was and how it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, bool]] = []

    def forward(self, x: Any) -> Any:
        self.seen.append((len(x), self.training))
        return x


def judged(model: nn.Module, x: np.ndarray, **options: Any) -> Any:
    return nn.evaluate(model, x, (x[:, 0] > 0).astype(int), **options)


@pytest.mark.parametrize("judge", [nn.predict, judged])
def test_batch_size_and_mode(judge: Any) -> None:
    watch = Watch()
    model = nn.Sequential(watch, nn.Dropout(0.5, rng=0), nn.Linear(3, 2, rng=0))
    x, _ = problem(n=2100)
    judge(model, x)
    assert watch.seen == [(1000, False), (1000, False), (100, False)]
    watch.seen.clear()
    judge(model, x[:10], batch_size=4)
    assert watch.seen == [(4, False), (4, False), (2, False)]
    assert [part.training for part in model.modules()] == [True] * 4


@pytest.mark.parametrize("judge", [nn.predict, judged])
def test_modes_are_kept_after_an_error(judge: Any) -> None:
    model = nn.Sequential(nn.Dropout(0.5, rng=0), nn.Linear(4, 2, rng=0))
    model[0].eval()
    with pytest.raises(ValueError, match="linear: x of shape"):
        judge(model, problem()[0])
    assert [part.training for part in model.modules()] == [True, False, True]


def test_nothing_is_recorded() -> None:
    outputs: list[Any] = []
    model = perceptron()
    model.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    nn.predict(model, problem()[0])
    nn.evaluate(model, *problem())
    assert [output.requires_grad for output in outputs] == [False, False]


def test_evaluate_is_of_all_examples_together() -> None:
    model, (x, y) = perceptron(), problem()
    metrics = {"accuracy": nn.accuracy, "spread": lambda outputs, labels: np.ptp(outputs)}
    outputs = model(x).data
    figures = nn.evaluate(model, x, y, metrics=metrics, batch_size=7)
    assert list(figures) == ["loss", "accuracy", "spread"]
    assert figures["loss"] == pytest.approx(nn.CrossEntropyLoss()(outputs, y).item(), rel=1e-6)
    assert figures["accuracy"] == nn.accuracy(outputs, y)
    assert figures["spread"] == pytest.approx(np.ptp(outputs), rel=1e-6)
    assert {type(value) for value in figures.values()} == {float}


def test_evaluate_takes_another_loss() -> None:
    model, (x, _) = nn.Linear(3, 3, rng=0), problem()
    figures = nn.evaluate(model, x, x, loss=nn.MSELoss())
    assert figures == {"loss": nn.MSELoss()(model(x), x).item()}
    own = nn.evaluate(model, x, x, loss=lambda outputs, targets: ((outputs - targets) ** 2).mean())
    assert own["loss"] == pytest.approx(figures["loss"], rel=1e-6)


def test_predict_keeps_the_dtype_and_takes_what_fit_takes() -> None:
    model, _ = fitted()
    x = problem()[0]
    assert nn.predict(model, x.astype(np.float32)).dtype == np.float32
    assert nn.predict(model.astype(np.float64), x).dtype == np.float64
    np.testing.assert_array_equal(nn.predict(model, x.tolist()), nn.predict(model, x))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("outputs", "y", "message"),
    [
        (1, np.linspace(-1, 1, 12)[:, None], "are of one class: give loss=nn.MSELoss"),
        (1, np.zeros(12, int), "are of one class: give loss=nn.MSELoss"),
        (3, np.linspace(-1, 1, 36).reshape(12, 3), "no probabilities of classes: give loss=nn.MSELoss"),
        (3, np.ones((12, 3)), r"no probabilities of classes: .*nn.BCEWithLogitsLoss\(\) for answers of yes"),
    ],
)
def test_numbers_and_answers_need_a_loss_of_their_own(outputs: int, y: Any, message: str, compiled: bool) -> None:
    model = nn.Linear(4, outputs, rng=0)
    x = np.random.default_rng(0).normal(size=(12, 4))
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
    for call in (
        lambda: nn.fit(model, x, y, optimizer=optimizer, progress=False, compiled=compiled),
        lambda: nn.evaluate(model, x, y),
        lambda: nn.find_lr(model, x, y, optimizer=optimizer),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize("compiled", [False, True])
def test_probabilities_of_classes_are_taken(compiled: bool) -> None:
    model, x = nn.Linear(4, 3, rng=0), np.random.default_rng(0).normal(size=(12, 4))
    y = np.random.default_rng(1).dirichlet(np.ones(3), size=12).astype(np.float32)
    options = {"optimizer": nn.optim.SGD(model.parameters(), lr=0.1), "rng": 0, "progress": False}
    history = nn.fit(model, x, y, compiled=compiled, **options)
    assert history["loss"][-1] < history["loss"][0]
