"""What cannot be judged is refused before the first step, with a word of where it was found, and nothing has changed.

Of that kind are examples, targets and labels that do not fit model or loss, in the validation or in what is trained
with; metrics that cannot take outputs and targets; and models that return something else. What can be judged is let be,
also where two examples do not suffice for it. The look draws no random numbers and leaves no trace.
"""

import random
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn.data import Batches, DataLoader, TensorDataset
from nn.training.callbacks import SaveBest
from tests.nn.training.runs import Again, check_same_bits, fitted, problem

X, Y = problem(1)
BEYOND = np.where(np.arange(120) == 77, 5, Y)


class Forgetful(nn.Module):
    """Counts its calls in each way that a module can, and draws random numbers also in evaluation mode."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.linear, self.rng, self.calls, self.seen = nn.Linear(3, 2, rng=0), rng, 0, [0]
        self.table: dict[str, int] = {}
        self.register_buffer("count", np.zeros(1))

    def forward(self, x: Any) -> Any:
        self.calls += 1
        self.seen.append(len(x))
        self.table["calls"] = self.calls
        np.add(self.count, 1.0, out=self.count)
        return self.linear(x) + self.rng.normal() + random.random()


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2, rng=0)

    def forward(self, x: Any) -> Any:
        return self.linear(x), x if not self.training else None


def per_class(outputs: Any, labels: Any) -> float:
    """Want examples of each class, and many, as areas under curves do."""
    if len(labels) < 10 or len(np.unique(labels)) < 2:
        raise ValueError("too few")
    return 0.5


VALIDATION = "so it was when the validation was looked at before the first step; nothing was trained"
EXAMPLES = "so it was when some of the examples were looked at before the first step"


@pytest.mark.parametrize("kind", ["arrays", "list", "loader", "batches"])
@pytest.mark.parametrize("held", [(X[:, :2], Y), (X, BEYOND), (X, -7 * Y), (X, np.c_[Y, Y, Y])])
def test_a_validation_that_does_not_fit(kind: str, held: tuple[Any, Any], tmp_path: Path) -> None:
    made = {
        "arrays": held, "list": [held], "loader": DataLoader(TensorDataset(*held), batch_size=120, shuffle=True),
        "batches": Batches(*held, batch_size=120, rng=0),
    }  # fmt: skip
    refused(VALIDATION, tmp_path, validation=made[kind])


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (VALIDATION, {"validation": (X, X), "loss": nn.MSELoss()}),
        (VALIDATION, {"validation": (X, Y), "metrics": {"m": lambda outputs, y: outputs[:, 5].sum()}}),
        (VALIDATION, {"validation": (X, Y), "metrics": {"m": lambda outputs, y: None}}),
        (VALIDATION, {"validation_split": 0.4, "data": (X, BEYOND)}),
        (EXAMPLES, {"validation": (X, Y), "data": (X, BEYOND)}),
        (EXAMPLES, {"metrics": {"m": lambda outputs, y: outputs[:, 5].sum()}}),
        (EXAMPLES, {"metrics": {"m": lambda outputs, y: "good"}}),
        (EXAMPLES, {"metrics": {"accuracy": nn.accuracy}, "data": (X, BEYOND)}),
    ],
)
def test_others(text: str, options: dict[str, Any], tmp_path: Path) -> None:
    refused(text, tmp_path, **options)


def test_a_model_that_returns_a_pair(tmp_path: Path) -> None:
    def loss(outputs: Any, y: Any) -> Any:
        return nn.CrossEntropyLoss()(outputs[0], y)

    refused("the model returned a tuple", tmp_path, model=Pair(), loss=loss, validation=(X, Y))


def refused(text: str, folder: Path, **options: Any) -> None:
    model, stepped = options.pop("model", None) or nn.Linear(3, 2, rng=0), []
    before = model.state_dict()

    class Steps(nn.callbacks.Callback):
        def on_step_end(self, run: Any) -> None:
            stepped.append(run.epoch)

    with pytest.raises((TypeError, ValueError, IndexError), match=text):
        fitted(model, callbacks=[Steps()], checkpoint=folder / "new", **options)
    assert not stepped
    assert not [*folder.iterdir()]
    np.testing.assert_array_equal(model.state_dict()[min(before)], before[min(before)])


def test_what_two_examples_do_not_tell() -> None:
    """A metric that wants many examples has them, and one that warns of few does not warn of two."""
    order = np.argsort(Y, kind="stable")  # whose first and last batches are of one class
    _, history = fitted(validation=(X[order], Y[order]), metrics={"m": per_class}, epochs=1, batch_size=64)
    assert history["val_m"] == [0.5]


def test_it_does_not_warn_of_few() -> None:
    def warns(outputs: Any, labels: Any) -> float:
        if len(labels) < 10:
            warnings.warn("few", UserWarning, stacklevel=1)
        return 0.5

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted(validation=(X, Y), metrics={"m": warns}, epochs=1)
    assert not caught


@pytest.mark.parametrize("kind", ["arrays", "list", "loader", "batches"])
def test_it_leaves_no_trace(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def trained() -> Any:
        rng = np.random.default_rng(3)
        random.seed(0)
        made: dict[str, Any] = {
            "arrays": (X, Y), "list": [(X, Y)], "loader": DataLoader(TensorDataset(X, Y), 50, shuffle=True, rng=rng),
            "batches": Batches(X, Y, batch_size=50, rng=rng),
        }  # fmt: skip
        model = Forgetful(rng)
        options = {"transform": lambda x: x + rng.normal(), "metrics": {"accuracy": nn.accuracy}, "epochs": 2}
        _, history = fitted(model, validation=made[kind], **options)
        return model, (dict(history), model.calls, model.seen, model.table, rng.random(), random.random())

    model, figures = trained()
    monkeypatch.setattr(sys.modules["nn.training.fit"], "look", lambda *args: None)
    without, expected = trained()
    assert figures == expected
    check_same_bits(model, without)


def test_streams_that_may_remember_are_begun_once_an_epoch() -> None:
    class Counting(Again):
        begun = 0

        def __iter__(self) -> Iterator[Any]:
            self.begun += 1
            return super().__iter__()

    held = Counting([(X, Y)])
    fitted(validation=held, epochs=2)
    assert held.begun == 2


@pytest.mark.parametrize(("path", "error"), [("no/best", FileNotFoundError), ("", IsADirectoryError)])
def test_a_file_that_could_not_be_written(path: str, error: type[Exception], tmp_path: Path) -> None:
    model = nn.Linear(3, 2, rng=0)
    with pytest.raises(error, match=r"SaveBest: path is .*; (make it, or )?give"):
        fitted(model, callbacks=[SaveBest(tmp_path / path)])
    check_same_bits(model, nn.Linear(3, 2, rng=0))
