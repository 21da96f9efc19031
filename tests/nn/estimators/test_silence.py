"""What a user would not see happen: parameters that reach nothing, seeds that do not matter, half-done trainings."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from tests.nn.estimators.test_options import blobs, net, regressor, weights

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def made(in_features: int, out_features: int, rng: Any) -> nn.Sequential:
    return nn.Sequential(nn.Linear(in_features, 8, rng=rng), nn.ReLU(), nn.Linear(8, out_features, rng=rng))


def unseeded(in_features: int, out_features: int) -> nn.Linear:
    return nn.Linear(in_features, out_features)


def single(in_features: int, rng: Any) -> nn.Linear:
    return nn.Linear(in_features, 1, rng=rng)


def seeded(in_features: int, out_features: int) -> nn.Linear:
    return nn.Linear(in_features, out_features, rng=3)


LATE: list[tuple[Callable[[], Any], str]] = [
    (lambda: net(module=made, dropout=0.5), "dropout=0.5 with a module of one's own"),
    (lambda: net(module=made).set_params(hidden_layer_sizes=(3,)), r"hidden_layer_sizes=\(3,\) with a module"),
    (lambda: net(hidden_layer_sizes=b"xy"), "hidden_layer_sizes=b'xy'; give the width"),
    (lambda: net(hidden_layer_sizes={}), "hidden_layer_sizes={}; give the width"),
    (lambda: net(verbose="foo"), "verbose='foo'; give True or False"),
    (lambda: net(callbacks=nn.callbacks.EarlyStopping()), "callbacks is an EarlyStopping; give a list"),
    (lambda: net(class_weight=[]), r"class_weight=\[\]; give 'balanced'"),
    (lambda: net(dtype=np.float32(0.3)), "dtype=.*; give np.float32 or np.float64"),
    (lambda: net(activation=nn.GELU()), "is made already, and each layer has its own"),
    (lambda: net(loss=nn.ReLU), "loss is ReLU, which is no loss"),
    (lambda: net(fit__lr=1.0), "fit__lr: nn.fit has no parameter 'lr'"),
    (
        lambda: net(module=single, loss=nn.CrossEntropyLoss),
        "loss is CrossEntropyLoss, and the module gives one output, of which it is always 0",
    ),
    (lambda: net(batch_norm=True, batch_size=1), "makes a batch of one"),
    (lambda: net(warm_start=True, fit__checkpoint="folder"), "fit__checkpoint is for fit without warm_start"),
]


@pytest.mark.parametrize(("make", "message"), LATE)
def test_what_would_have_no_meaning_is_refused(make: Callable[[], Any], message: str, tmp_path: Path) -> None:
    x, y = blobs(2)
    with contextlib.chdir(tmp_path), pytest.raises((TypeError, ValueError), match=message):
        make().fit(x, y)
    assert not list(tmp_path.iterdir())


def test_a_regressor_takes_no_loss_of_classes() -> None:
    x, y = blobs(2)
    with pytest.raises(ValueError, match="loss is CrossEntropyLoss, which is of classes, and targets are numbers"):
        regressor(loss=nn.CrossEntropyLoss).fit(x, y.astype(float))


def test_a_checkpoint_is_of_one_seed_and_of_fit_alone(tmp_path: Path) -> None:
    x, y = blobs(2)
    net(fit__checkpoint=tmp_path / "folder").fit(x, y)
    with pytest.raises(ValueError, match=r"another training: .*Seed\(seed="):
        net(fit__checkpoint=tmp_path / "folder", random_state=1).fit(x, y)
    with pytest.raises(ValueError, match=r"fit__checkpoint is for fit without warm_start: .* got partial_fit"):
        net(fit__checkpoint=tmp_path / "other").partial_fit(x, y, classes=np.unique(y))


def test_losses_and_activations_of_ones_own_are_not_compiled() -> None:
    x, y = blobs(2)
    seen: list[float] = []

    def loss(outputs: Any, targets: Any) -> Any:
        value = nn.functional.cross_entropy(outputs, targets)
        seen.append(float(value.data))
        return value

    class Counts(nn.Module):
        calls = 0

        def forward(self, x: Any) -> Any:
            Counts.calls += 1
            return np.tanh(x)

    fitted = net(loss=loss, activation=Counts, batch_size=5, max_iter=20).fit(x, y)
    assert len(seen) >= fitted.n_iter_ * len(x) // 5 >= 150
    assert Counts.calls >= len(seen)


def test_random_state_that_does_not_reach_a_module_is_told() -> None:
    x, y = blobs(2)
    with pytest.warns(UserWarning, match="random_state does not reach module, unseeded, .*give it a parameter rng"):
        net(module=unseeded).fit(x, y)
    for same in (made, seeded, seeded(2, 1)):
        net(module=same).fit(x, y)


def test_partial_fit_asks_for_the_classes_and_keeps_to_them() -> None:
    x, y = blobs(2)
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        net().partial_fit(x, y)
    begun = net().partial_fit(x, y, classes=[0, 1])
    begun.partial_fit(x, y).partial_fit(x, y, classes=[1, 0])
    with pytest.raises(ValueError, match=r"classes=\[0, 1, 2\] is not what they were before, \[0, 1\]"):
        begun.partial_fit(x, y, classes=[0, 1, 2])


@pytest.mark.parametrize("partial", [False, True])
def test_what_goes_on_and_fails_leaves_the_module_as_it_was(partial: bool) -> None:
    x, y = blobs(2)
    options = {"optimizer": "sgd", "batch_size": 20, "learning_rate_init": 0.1, "warm_start": not partial}
    begun = net(**options)
    begun.partial_fit(x, y, classes=[0, 1]) if partial else begun.fit(x, y)
    before, losses = weights(begun).copy(), list(begun.loss_curve_)
    spoilt = x.copy()
    spoilt[len(x) // 2 :] *= 1e30
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError):
        begun.partial_fit(spoilt, y) if partial else begun.fit(spoilt, y)
    np.testing.assert_array_equal(weights(begun), before)
    assert begun.loss_curve_ == losses


def test_a_loss_that_is_changed_takes_effect_and_a_module_may_not_change() -> None:
    x, y = blobs(2)
    begun = net(warm_start=True).fit(x, y)
    with pytest.raises(ValueError, match=r"dropout was 0.0 and is 0.5, and the module that is trained further stays"):
        begun.set_params(dropout=0.5).fit(x, y)
    before = weights(begun).copy()
    begun.set_params(dropout=0.0, alpha=0.0, loss=lambda outputs, targets: (outputs * 0).sum()).fit(x, y)
    np.testing.assert_array_equal(weights(begun), before)


@pytest.mark.parametrize("examples", [101, 100])
def test_a_batch_of_one_is_not_normalised(examples: int) -> None:
    x, y = blobs(2)
    net(batch_norm=True, batch_size=50).fit(x[:examples], y[:examples])
