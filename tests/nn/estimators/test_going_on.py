"""What goes on from an earlier training, or is given with what it does not go together with, is refused or heeded.

Of the same kind: all that an earlier call has left behind (module, loss, optimiser, classes, checkpoints), each way of
going on (`warm_start`, `partial_fit`, a checkpoint), and each parameter that another one leaves without effect.
"""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn import NeuralNetClassifier, NeuralNetRegressor
from tests.nn.estimators.test_options import blobs, net, regressor, weights

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def branching(outputs: Any, targets: Any) -> Any:
    """Return a loss that no program can be made of."""
    loss = np.mean((outputs - targets) ** 2)
    return loss * 2 if loss.item() > 1 else loss


class Failing(nn.callbacks.Callback):
    def on_batch_end(self, run: nn.training.Run, x: Any, y: Any, loss: float, outputs: Any) -> None:
        raise OSError("disk full")


def test_checkpoints_are_of_one_fit_and_one_seed(tmp_path: Path) -> None:
    x, y = blobs()
    for made, how in ((net(warm_start=True), "fit"), (net(), "partial_fit")):
        made.set_params(fit__checkpoint=tmp_path / "none")
        with pytest.raises(ValueError, match="fit__checkpoint is for fit without warm_start"):
            getattr(made, how)(x, y)
        assert not (tmp_path / "none").exists()
    first = net(fit__checkpoint=tmp_path / "some").fit(x, y)
    np.testing.assert_array_equal(weights(net(fit__checkpoint=tmp_path / "some").fit(x, y)), weights(first))
    with pytest.raises(ValueError, match="seed="):
        net(fit__checkpoint=tmp_path / "some", random_state=1).fit(x, y)


def test_what_is_of_ones_own_runs_in_plain_steps() -> None:
    x, _ = blobs()
    fitted = regressor(loss=branching, max_iter=200, tol=0, n_iter_no_change=np.inf).fit(x, x)
    assert fitted.n_iter_ == 200


@pytest.mark.parametrize(
    "options", [{"dropout": 0.3}, {"hidden_layer_sizes": (7,)}, {"activation": "tanh"}, {"batch_norm": True}]
)
def test_a_module_of_ones_own_has_none_of_the_defaults_parameters(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))}=.* with a module of one's own"):
        NeuralNetClassifier(nn.Linear, **options).fit(*blobs())
    made = net().fit(*blobs()).set_params(**options)
    for go_on in (made.partial_fit, made.set_params(warm_start=True).fit):
        with pytest.raises(ValueError, match=f"{next(iter(options))} was .* and is"):
            go_on(*blobs())


def test_a_module_that_random_state_does_not_reach_is_told() -> None:
    cases: list[tuple[Any, bool]] = [
        (lambda: nn.Linear(2, 3), True), (lambda: nn.Sequential(nn.Linear(2, 3, rng=0), nn.Dropout(0.1)), True),
        (lambda: nn.Linear(2, 3, rng=0), False), (nn.Linear, False), (nn.Linear(2, 3), False),
    ]  # fmt: skip
    for module, told in cases:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            net(module=module).fit(*blobs())
        assert any("random_state does not reach module" in str(w.message) for w in caught) == told


def test_classes_are_given_first_and_stay() -> None:
    x, y = blobs()
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        net().partial_fit(x, y)
    made = net().partial_fit(x, y, classes=[0, 1, 2])
    made.partial_fit(x, y, classes=[2, 1, 0])
    with pytest.raises(ValueError, match=re.escape("classes=[0, 1, 2, 3] is not what they were before, [0, 1, 2]")):
        made.partial_fit(x, y, classes=[0, 1, 2, 3])
    with pytest.raises(ValueError, match=re.escape("classes=[0, 1, 2] is not what they were before, [0, 1]")):
        net().partial_fit(x, (x > 0).astype(int), classes=[0, 1, 2])
    with pytest.raises(ValueError, match="y has several labels, and holds 2; give 0 and 1"):
        net().fit(x, np.where(x > 0, 2, 0))


@pytest.mark.parametrize("how", ["partial_fit", "fit"])
def test_a_training_further_that_fails_changes_nothing(how: str) -> None:
    x, y = blobs()
    made, other = (net(warm_start=True, dropout=0.2, batch_norm=True).fit(x, y) for _ in range(2))
    made.set_params(callbacks=[Failing()])
    with pytest.raises(OSError, match="disk full"):
        getattr(made, how)(x, y)
    np.testing.assert_array_equal(weights(made), weights(other))
    assert made.loss_curve_ == other.loss_curve_
    for each in (made.set_params(callbacks=None), other):
        each.partial_fit(x, y)
    np.testing.assert_array_equal(made.predict_proba(x), other.predict_proba(x))


def test_another_loss_takes_effect() -> None:
    x, y = blobs()
    for how in ("fit", "partial_fit"):
        made = net(warm_start=True).fit(x, y)
        getattr(made.set_params(loss=nn.CrossEntropyLoss, loss__label_smoothing=0.3), how)(x, y)
        assert made.loss_function_.label_smoothing == 0.3
    assert net(loss__label_smoothing=0.2).fit(x, y).loss_function_.label_smoothing == 0.2


def test_no_last_batch_of_one_is_normalised() -> None:
    assert net(batch_norm=True, batch_size=40).fit(*blobs(n=81)).n_iter_ == 4
    with pytest.raises(ValueError, match="batch_size=1 of 120 examples makes a batch of one"):
        net(batch_norm=True, batch_size=1).fit(*blobs())


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"hidden_layer_sizes": b"ab"}, "hidden_layer_sizes=b'ab'; give the width"),
    ({"hidden_layer_sizes": {3: 4}}, "hidden_layer_sizes={3: 4}; give the width"),
    ({"verbose": "yes"}, "verbose='yes'; give True or False"),
    ({"callbacks": "all"}, "callbacks is 'all'; give a list"),
    ({"class_weight": 3}, "class_weight=3; give 'balanced'"),
    ({"dtype": np.zeros(2)}, "give np.float32 or np.float64"),
    ({"activation": nn.GELU()}, "is made already"),
    ({"activation": np.tanh}, "cannot be called with nothing"),
    ({"optimizer": dict}, "optimizer is the class dict, which is no optimiser"),
    ({"loss": nn.optim.Adam}, "loss is Adam, which is no loss"),
    ({"loss": nn.Linear}, "loss is Linear, which is no loss"),
    ({"module": nn.optim.Adam}, "module is the class Adam, which is no model"),
    ({"fit__class_weight": "balanced"}, "fit__class_weight; class_weight is the classifier's own"),
    ({"fit__validation_split": 0.2, "early_stopping": True}, "fit__validation_split with early_stopping=True"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[message[:30] for _, message in WRONG])
def test_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        net(**options).fit(*blobs())


def test_losses_of_classes_are_none_of_numbers() -> None:
    x, y = blobs(2)
    for loss in (nn.CrossEntropyLoss, nn.NLLLoss(), nn.functional.cross_entropy):
        with pytest.raises(ValueError, match="which is of classes, and targets are numbers"):
            NeuralNetRegressor(loss=loss).fit(x, y)
        with pytest.raises(ValueError, match="one output, of which it is always 0"):
            net(module=nn.Linear, module__out_features=1, loss=loss).fit(x, y)
