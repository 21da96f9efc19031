"""What each parameter does, what is learned, and what is refused.

A parameter that does nothing is the fault to look for: each has a case here that would come out as without it.
"""

import re
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import nn
from nn import NeuralNetClassifier, NeuralNetRegressor

Array = np.ndarray[Any, Any]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def blobs(classes: int = 3, n: int = 120, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    angle = 2 * np.pi * y / classes
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) + rng.normal(scale=0.3, size=(n, 2)), y


def net(**options: Any) -> NeuralNetClassifier:
    small: dict[str, Any] = {"hidden_layer_sizes": (6,), "learning_rate_init": 0.02, "max_iter": 4, "batch_size": 40}
    small["random_state"] = 0
    if "module" in options:
        del small["hidden_layer_sizes"]
    return NeuralNetClassifier(**small | options)


def regressor(**options: Any) -> NeuralNetRegressor:
    small = {"hidden_layer_sizes": (6,), "learning_rate_init": 0.02, "max_iter": 4, "random_state": 0}
    return NeuralNetRegressor(**small | options)


def weights(fitted: Any) -> Array:
    return np.concatenate([parameter.data.ravel() for parameter in fitted.module_.parameters()])


class Halves(nn.Module):
    """A module with parameters of its own, which asks for one of what is offered."""

    def __init__(self, in_features: int, width: int = 3) -> None:
        self.first, self.last = nn.Linear(in_features, width, rng=0), nn.Linear(width, 3, rng=1)

    def forward(self, x: Any) -> Any:
        return self.last(np.tanh(self.first(x)))


class Count(nn.callbacks.Callback):
    def __init__(self) -> None:
        self.epochs = 0

    def on_epoch_end(self, run: nn.training.Run) -> None:
        self.epochs += 1


def sum_of_squares(outputs: Any, targets: Any, weight: Any = None) -> Any:
    onehot = np.eye(3, dtype=np.float32)[targets]
    return np.mean(np.sum((outputs - onehot) ** 2, axis=1))


OPTIONS: list[dict[str, Any]] = [
    {"hidden_layer_sizes": 5}, {"hidden_layer_sizes": ()}, {"activation": "tanh"}, {"activation": "logistic"},
    {"activation": "identity"}, {"activation": nn.GELU}, {"dropout": 0.3}, {"batch_norm": True}, {"dtype": np.float64},
    {"module": nn.Linear}, {"module": Halves}, {"module": Halves, "module__width": 4}, {"module": Halves(2, 5)},
    {"module": lambda in_features, out_features, rng: nn.Linear(in_features, out_features, False, rng=rng)},
    {"loss": nn.CrossEntropyLoss, "loss__label_smoothing": 0.1}, {"loss": sum_of_squares},
    {"optimizer": "sgd"}, {"optimizer": "sgd", "momentum": 0.5}, {"optimizer": "sgd", "momentum": 0.0},
    {"optimizer": "adamw"}, {"optimizer": "nadam"}, {"optimizer": "rmsprop"}, {"optimizer": "adagrad"},
    {"optimizer": nn.optim.Adam, "optimizer__betas": (0.5, 0.9)}, {"optimizer__lr": 0.5},
    {"alpha": 1.0}, {"batch_size": 13}, {"batch_size": "auto"}, {"learning_rate_init": 0.03}, {"max_iter": 2},
    {"tol": 100.0, "n_iter_no_change": 1}, {"early_stopping": True},
    {"early_stopping": True, "validation_fraction": 0.4}, {"random_state": 1}, {"class_weight": {0: 5.0}},
    {"fit__clip_grad_norm": 1e-3}, {"fit__accumulate": 2},
]  # fmt: skip


def test_each_option_makes_a_difference() -> None:
    x, y = blobs()
    seen = [weights(net().fit(x, y))]
    for options in OPTIONS:
        found = weights(net(**options).fit(x, y))
        assert not any(np.array_equal(found, other) for other in seen), options
        seen.append(found)
    np.testing.assert_array_equal(weights(net().fit(x, y)), seen[0])


def test_the_perceptron_is_that_of_scikit_learn() -> None:
    """Of the same weights, the same loss and predictions; and steps on all examples lead to the same weights."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    labels = (blobs()[0] > 0).astype(int)
    line = blobs()[0] @ np.array([[1.0, 2.0], [3.0, -1.0]])
    cases = [
        (net, MLPClassifier, blobs()[1]), (net, MLPClassifier, blobs(2)[1]), (net, MLPClassifier, labels),
        (regressor, MLPRegressor, line[:, 0]), (regressor, MLPRegressor, line),
    ]  # fmt: skip
    x = blobs()[0]
    for kind, theirs, y in cases:
        options: dict[str, Any] = {"hidden_layer_sizes": (6,), "alpha": 2.0, "batch_size": 120, "random_state": 0}
        mlp = theirs(**options, learning_rate_init=1e-9, max_iter=1).fit(x, y)
        ours = kind(**options, dtype=np.float64, learning_rate_init=1e-9, max_iter=1).fit(x, y)
        for layer, w, b in zip((ours.module_[0], ours.module_[2]), mlp.coefs_, mlp.intercepts_, strict=True):
            layer.weight.data, layer.bias.data = w.T.copy(), b.copy()
        ours.set_params(warm_start=True).fit(x, y)
        np.testing.assert_allclose(ours.loss_curve_[-1], mlp.loss_curve_[-1], rtol=1e-6)
        np.testing.assert_allclose(ours.predict(x), mlp.predict(x), rtol=1e-6)
        if y.ndim == 2:  # its gradients are those of other losses than it says: their sums, not means
            continue
        for solver, momentum in (("adam", 0.9), ("sgd", 0.9), ("sgd", 0.0)):
            steps = {"warm_start": True, "learning_rate_init": 0.01, "max_iter": 5, "momentum": momentum}
            ours.set_params(**steps, optimizer=solver).fit(x, y)
            mlp.set_params(**steps, solver=solver).fit(x, y)
            for layer, w, b in zip((ours.module_[0], ours.module_[2]), mlp.coefs_, mlp.intercepts_, strict=True):
                np.testing.assert_allclose(layer.weight.data, w.T, rtol=1e-4, atol=5e-5)
                np.testing.assert_allclose(layer.bias.data, b, rtol=1e-4, atol=5e-5)


def test_initial_values_are_spread_as_those_of_scikit_learn() -> None:
    x, y = blobs()
    for activation, factor in (("relu", 6), ("logistic", 2)):
        fitted = net(hidden_layer_sizes=(400,), activation=activation, learning_rate_init=1e-9, max_iter=1).fit(x, y)
        bound = np.sqrt(factor / 402)
        for parameter in (fitted.module_[0].weight, fitted.module_[0].bias):
            assert 0.95 * bound < abs(parameter.data).max() <= bound * 1.001


def test_programs_compute_what_steps_do() -> None:
    """Of an own loss and buffers, dropout, weights, and of batches of two sizes."""
    x, y = blobs()
    weight = np.linspace(0.1, 2, 120)
    for options in ({}, {"dropout": 0.3}, {"batch_norm": True}, {"loss": nn.CrossEntropyLoss(np.array([1.0, 2, 3]))}):
        given = None if "loss" in options else weight
        pair = [
            net(**options, batch_size=50, max_iter=8, fit__compiled=c).fit(x, y, sample_weight=given)
            for c in (True, False)
        ]
        np.testing.assert_array_equal(weights(pair[0]), weights(pair[1]))
        assert pair[0].loss_curve_ == pair[1].loss_curve_


def test_many_steps_run_as_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def watched(*args: Any, **options: Any) -> Any:
        asked.append(options.get("compiled"))
        return nn.fit(*args, **options)

    monkeypatch.setattr("nn.estimators.base.fit", watched)
    x, y = blobs()
    for options in (
        {"max_iter": 50},
        {"max_iter": 49},
        {"max_iter": 50, "module": Halves},
        {"max_iter": 50, "callbacks": [Count()]},
    ):
        net(**options, tol=0, n_iter_no_change=np.inf).fit(x, y)
    assert asked == [True, None, None, None]


@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "b", "c"], [2.0, 7.0], [-1, 1], [True, False]])
def test_labels_of_any_type(labels: list[Any]) -> None:
    x, numbers = blobs(len(labels))
    y = np.array(labels)[numbers]
    fitted = net(max_iter=30, learning_rate_init=0.1).fit(x, y)
    assert fitted.classes_.tolist() == sorted(labels)
    assert fitted.predict(x).dtype == y.dtype
    assert fitted.score(x, y) > 0.9
    probabilities = fitted.predict_proba(x)
    np.testing.assert_array_equal(fitted.classes_[probabilities.argmax(axis=1)], fitted.predict(x))
    np.testing.assert_allclose(np.exp(fitted.predict_log_proba(x)), probabilities, rtol=1e-6)
    decided = fitted.decision_function(x)
    assert decided.shape == ((120,) if len(labels) == 2 else (120, 3))
    np.testing.assert_array_equal(
        fitted.predict(x), fitted.classes_[decided.argmax(axis=1) if decided.ndim > 1 else (decided > 0).astype(int)]
    )


def test_two_classes_may_have_two_logits() -> None:
    x, y = blobs(2)
    options: dict[str, Any] = {"max_iter": 30, "learning_rate_init": 0.1}
    one = net(module=nn.Linear, **options).fit(x, y)
    two = net(module=nn.Linear, module__out_features=2, **options).fit(x, y)
    smooth = net(module=nn.Linear, loss=nn.CrossEntropyLoss(label_smoothing=0.1), **options).fit(x, y)
    assert [fitted.n_outputs_ for fitted in (one, two, smooth)] == [1, 2, 2]
    for fitted in (one, two, smooth):
        assert fitted.score(x, y) > 0.95
        assert fitted.decision_function(x).shape == (120,)
        np.testing.assert_allclose(
            fitted.predict_proba(x)[:, 1], 1 / (1 + np.exp(-fitted.decision_function(x))), rtol=1e-6
        )


def test_several_labels() -> None:
    x, y = make_multilabel_classification(120, n_classes=3, random_state=0)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    fitted = net(max_iter=60, early_stopping=True).fit(x, y)
    assert fitted.predict(x).shape == fitted.predict_proba(x).shape == fitted.decision_function(x).shape == y.shape
    np.testing.assert_array_equal(fitted.predict(x), fitted.predict_proba(x) > 0.5)
    np.testing.assert_allclose(np.exp(fitted.predict_log_proba(x)), fitted.predict_proba(x), rtol=1e-6)
    assert np.mean(fitted.predict(x) == y) > 0.75
    assert fitted.classes_.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="2 labels, and had 3"):
        fitted.partial_fit(x, y[:, :2])


def test_weights_of_examples_and_classes() -> None:
    x, y = blobs()
    rare = np.concatenate([np.flatnonzero(y > 0), np.flatnonzero(y == 0)[:4]])
    x, y = x[rare], y[rare]
    options: dict[str, Any] = {"module": nn.Linear, "batch_size": 84, "max_iter": 3, "dtype": np.float64}
    balanced = weights(net(class_weight="balanced", **options).fit(x, y))
    counts = np.bincount(y)
    each = len(y) / (3 * counts)
    np.testing.assert_allclose(weights(net(class_weight=dict(enumerate(each)), **options).fit(x, y)), balanced)
    np.testing.assert_allclose(weights(net(**options).fit(x, y, sample_weight=each[y])), balanced)
    assert not np.allclose(weights(net(**options).fit(x, y)), balanced)
    both = weights(net(class_weight={0: 2.0}, **options).fit(x, y, sample_weight=np.where(y == 1, 3.0, 1.0)))
    np.testing.assert_allclose(weights(net(**options).fit(x, y, sample_weight=np.array([2.0, 3.0, 1.0])[y])), both)
    line = x @ np.array([1.0, 2.0])
    half = np.where(np.arange(len(x)) % 2, 0.0, 1.0)
    several = regressor(dtype=np.float64, max_iter=3, alpha=0).fit(x, line, sample_weight=half)
    single = regressor(dtype=np.float64, max_iter=3, alpha=0).fit(x[::2], line[::2])
    np.testing.assert_allclose(weights(several), weights(single))


def test_images() -> None:
    x, y = load_digits(return_X_y=True)
    x, y = x[:200] / 16, y[:200]

    def small() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, rng=0), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10, rng=1)
        )

    shifted = nn.data.RandomShift(1, rng=0) if hasattr(nn.data, "RandomShift") else None
    assert shifted is None or callable(shifted)
    fitted = net(module=small, image_shape=(1, 8, 8), max_iter=25, learning_rate_init=0.02).fit(x, y)
    assert fitted.score(x, y) > 0.9
    assert fitted.n_features_in_ == 64
    images = x.reshape(-1, 1, 8, 8)
    np.testing.assert_array_equal(fitted.predict_proba(images), fitted.predict_proba(x))
    with pytest.raises(ValueError, match=re.escape("image_shape=(1, 8, 8), and X has images (1, 4, 16)")):
        fitted.predict(images.reshape(-1, 1, 4, 16))


def test_early_stopping_goes_back_to_the_best() -> None:
    x, y = blobs()
    y = np.where(np.random.default_rng(0).random(120) < 0.3, (y + 1) % 3, y)
    options = {"early_stopping": True, "n_iter_no_change": 3, "validation_fraction": 0.3, "optimizer__lr": 0.2}
    options |= {"random_state": 1}
    fitted = net(max_iter=60, **options).fit(x, y)
    scores = fitted.validation_scores_
    assert fitted.converged_
    assert len(scores) == fitted.n_iter_ == len(fitted.loss_curve_) < 60
    assert max(scores) > scores[-1]
    best = int(np.argmax(scores))
    until = net(max_iter=best + 1, **options).fit(x, y)
    np.testing.assert_array_equal(weights(until), weights(fitted))
    assert "val_loss" in fitted.history_


def test_stops_as_scikit_learn_does() -> None:
    """More epochs than `n_iter_no_change` in a row, each of them not better than the best by `tol`, end it."""
    x, y = blobs()
    fitted = net(tol=0.05, n_iter_no_change=2, max_iter=200).fit(x, y)
    losses, best, waited = fitted.loss_curve_, np.inf, 0
    for epoch, loss in enumerate(losses):
        waited = waited + 1 if loss > best - 0.05 else 0
        best = min(best, loss)
        assert (waited > 2) == (epoch == len(losses) - 1)
    assert fitted.history_.stopped == "the training loss was not better by 0.05 for 2 epochs"


def test_a_training_that_is_cut_short_says_so() -> None:
    with pytest.warns(ConvergenceWarning, match="still falling by more than tol=0.0001 when max_iter=4 epochs"):
        net().fit(*blobs())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net(tol=10.0, n_iter_no_change=1).fit(*blobs())
        net().partial_fit(*blobs(), classes=[0, 1, 2])


def test_partial_fit_is_fit_in_parts() -> None:
    """Of one batch each, without the permutation of a longer epoch."""
    x, y = blobs()
    whole = net(batch_size=120, dtype=np.float64).fit(x, y)
    parts = net(batch_size=120, dtype=np.float64)
    for _ in range(4):
        parts.partial_fit(x, y, classes=[0, 1, 2])
    np.testing.assert_allclose(weights(parts), weights(whole))
    np.testing.assert_allclose(parts.loss_curve_, whole.loss_curve_)
    assert parts.n_iter_ == 4
    line = x @ np.array([1.0, 2.0])
    several = regressor(dtype=np.float64)
    for _ in range(4):
        several.partial_fit(x, line)
    np.testing.assert_allclose(several.predict(x), regressor(dtype=np.float64).fit(x, line).predict(x))


def test_partial_fit_stops_early() -> None:
    x, y = blobs()
    y = np.where(np.random.default_rng(0).random(120) < 0.3, (y + 1) % 3, y)
    stream = net(early_stopping=True, n_iter_no_change=3, validation_fraction=0.3, optimizer__lr=0.2)
    states = []
    while not getattr(stream, "converged_", False):
        stream.partial_fit(x, y, classes=[0, 1, 2])
        states.append(weights(stream))
        assert len(states) < 100
    scores = stream.validation_scores_
    assert len(scores) == len(states) > 3
    np.testing.assert_array_equal(states[-1], states[int(np.argmax(scores))])
    stream.partial_fit(x, y)
    assert not stream.converged_
    assert len(stream.validation_scores_) == len(states) + 1


def test_warm_start_goes_on_and_another_fit_begins_anew() -> None:
    x, y = blobs()
    warm = net(warm_start=True).fit(x, y)
    first = weights(warm)
    warm.fit(x, y)
    assert not np.array_equal(weights(warm), first)
    assert len(warm.loss_curve_) == 8
    assert warm.loss_curve_[4] < warm.loss_curve_[0]
    cold = net().fit(x, y).fit(x, y)
    np.testing.assert_array_equal(weights(cold), first)
    with pytest.raises(ValueError, match="has the class 3, and the classes are"):
        warm.fit(*blobs(4))


def test_callbacks_are_copied_for_each_training() -> None:
    given = Count()
    fitted = net(callbacks=[given]).fit(*blobs())
    assert (given.epochs, fitted.callbacks_[0].epochs) == (0, 4)
    stopping = net(callbacks=[nn.callbacks.EarlyStopping(2, "val_loss", min_delta=9.0)], early_stopping=True)
    assert stopping.fit(*blobs()).n_iter_ == stopping.fit(*blobs()).n_iter_ == 3


def test_progress_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    net(verbose=True).fit(*blobs())
    assert "epoch 4/4: loss" in capsys.readouterr().err
    net().fit(*blobs())
    assert capsys.readouterr().err == ""


def test_a_last_batch_of_one_example_is_avoided() -> None:
    """Batch normalisation would refuse it."""
    fitted = net(batch_norm=True, batch_size="auto", max_iter=1).fit(*blobs(n=401))
    assert fitted.n_iter_ == 1


def test_a_module_that_was_made_is_left_as_it_is() -> None:
    given = nn.Linear(2, 3, rng=0)
    before = given.state_dict()
    fitted = net(module=given).fit(*blobs())
    assert fitted.module_ is not given
    for name, array in given.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_predictions_of_a_row_depend_on_no_other() -> None:
    x, y = blobs()
    fitted = net().fit(x, y)
    rows = np.concatenate([fitted.decision_function(x[i : i + 1]) for i in range(len(x))])
    np.testing.assert_allclose(rows, fitted.decision_function(x), rtol=1e-12)


def wrong(y: Any = None, x: Any = None, **options: Any) -> tuple[dict[str, Any], Any, Any]:
    return options, blobs()[0] if x is None else x, blobs()[1] if y is None else y


WRONG: list[tuple[tuple[dict[str, Any], Any, Any], str]] = [
    (wrong(max_iter=0), "max_iter must be an integer of at least 1, got 0"),
    (wrong(batch_size="all"), "batch_size must be an integer of at least 1, got 'all'"),
    (wrong(n_iter_no_change=1.5), "n_iter_no_change must be an integer of at least 1, got 1.5"),
    (wrong(alpha=-1), "alpha=-1; give a finite number of at least 0"),
    (wrong(alpha=True), "alpha=True; give a finite number"),
    (wrong(tol=np.nan), "tol=nan; give a finite number"),
    (wrong(momentum=1.0), "momentum=1.0; give a finite number of at least 0 and below 1"),
    (wrong(dropout=1), "dropout=1; give a finite number of at least 0 and below 1"),
    (wrong(learning_rate_init="adaptive"), "learning_rate_init='adaptive'; give a finite number"),
    (wrong(validation_fraction=1.0, early_stopping=True), "validation_fraction=1.0; give a finite number"),
    (
        wrong(validation_fraction=1e-3, early_stopping=True),
        "validation_fraction=0.001 of 120 examples is 1, too",
    ),
    (wrong(early_stopping="yes"), "early_stopping='yes'; give True or False"),
    (wrong(batch_norm=1), "batch_norm=1; give True or False"),
    (wrong(dtype=np.float16), "dtype=<class 'numpy.float16'>; give np.float32 or np.float64"),
    (wrong(dtype="wide"), "dtype='wide'; give np.float32 or np.float64"),
    (wrong(hidden_layer_sizes=(3, 0)), "hidden_layer_sizes=(3, 0); give the width of each layer"),
    (wrong(hidden_layer_sizes="3"), "hidden_layer_sizes='3'; give the width of each layer"),
    (wrong(activation="gelu"), "activation='gelu'; give one of identity, logistic, tanh, relu, or a class"),
    (wrong(optimizer="lbfgs"), "optimizer='lbfgs'; give one of adam, adamw, nadam, rmsprop, adagrad, sgd, or a class"),
    (wrong(optimizer=3), "optimizer=3; give one of adam"),
    (wrong(optimizer__beta=1), "optimizer__beta: Adam has no parameter 'beta'; it has params, lr, betas"),
    (wrong(module=(100, 50)), "module is a tuple; give a class of nn.Module"),
    (wrong(module=list), "module made a list; it is to make an nn.Module"),
    (wrong(module=nn.Linear, module__width=3), "module__width: Linear has no parameter 'width'"),
    (wrong(module=nn.Linear(2, 3), module__bias=True), "module__bias with a module that is made already"),
    (wrong(module__bias=True), "module__bias is for a module of one's own"),
    (wrong(module=nn.Linear, module__out_features=4), "outputs have shape (2, 4); they are to have (2, 3)"),
    (wrong(y=blobs(2)[1], module=nn.Linear, module__out_features=4), "they are to have (2, 1) or (2, 2)"),
    (wrong(module=lambda: nn.Flatten(0)), "outputs have shape (4,); they are to have (2, 3)"),
    (wrong(image_shape=(1, 1, 2)), "image_shape is for a module of one's own"),
    (wrong(image_shape=(1, 1, 3), module=Halves), "image_shape=(1, 1, 3) has 3 numbers, and X has 2 features"),
    (wrong(image_shape=7, module=Halves), "image_shape=7; give the shape of one image, such as (1, 8, 8)"),
    (wrong(loss="mse"), "loss is a str; give a class, such as nn.CrossEntropyLoss, or a function"),
    (wrong(loss=nn.CrossEntropyLoss(), loss__ignore_index=0), "loss__ignore_index with a loss that is made already"),
    (
        wrong(loss=nn.CrossEntropyLoss, loss__smoothing=0),
        "loss__smoothing: CrossEntropyLoss has no parameter 'smoothing'",
    ),
    (wrong(loss=nn.CrossEntropyLoss([1, 1, 2]), class_weight="balanced"), "CrossEntropyLoss has weight="),
    (wrong(fit__epochs=3), "fit__epochs is the estimator's own to give; it has a parameter for it"),
    (wrong(fit__clip=3), "fit__clip: nn.fit has no parameter 'clip'; it has optimizer, loss"),
    (wrong(learning_rate=0.1), "there is no parameter 'learning_rate'; those of a part begin with module__"),
    (wrong(y=np.zeros(120)), "y has one class, 0.0; there is nothing to tell apart"),
    (wrong(y=np.stack([blobs()[1]] * 2, axis=1)), "y has several columns of classes"),
    (wrong(callbacks=[Count]), "callbacks holds the class Count"),
]


@pytest.mark.parametrize(("call", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_refused(call: tuple[dict[str, Any], Any, Any], message: str) -> None:
    options, x, y = call
    made = net(**options)
    with pytest.raises((TypeError, ValueError), match=re.escape(message)) as raised:
        made.fit(x, y)
    assert "NeuralNet" in str(raised.value) or message.split("=")[0].split(":")[0] in str(raised.value)
    with pytest.raises(NotFittedError):
        made.predict(blobs()[0])
    assert not [name for name in vars(made) if name.endswith("_")]


def test_what_was_fitted_stays_when_another_fit_fails() -> None:
    x, y = blobs()
    made = net(dtype=np.float64).fit(x, y)
    given, state = made.get_params(), dict(vars(made))
    for options, labels in (({"alpha": -1}, y), ({"loss": nn.MSELoss}, y), ({}, blobs(120)[1] > 0), ({}, y * 0)):
        made.set_params(**options)
        with pytest.raises(ValueError, match=r"alpha|MSELoss|mse_loss|class"):
            made.set_params(early_stopping=True).fit(x, labels)
        made.set_params(**given)
        assert vars(made) == state


def test_refused_later() -> None:
    x, y = blobs()
    with pytest.raises(ValueError, match="class_weight='balanced' needs all examples"):
        net(class_weight="balanced").partial_fit(x, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="Invalid parameter 'widths'"):
        net().set_params(widths=3)
    two = regressor().fit(x, x)
    with pytest.raises(ValueError, match="y has 1 targets, and had 2 before"):
        two.partial_fit(x, y)
    with pytest.raises(ValueError, match="infinite in float32; scale the targets"):
        regressor().fit(x, np.where(y == 0, 1e200, 0.0))
    with np.errstate(over="ignore"), pytest.raises(FloatingPointError, match="epoch 1, batch 1"):
        regressor().fit(x, np.where(y == 0, 1e30, 0.0))
    with pytest.raises(ValueError, match="y is multiclass, and was multilabel before"):
        net().fit(x, (x > 0).astype(int)).partial_fit(x, y)
