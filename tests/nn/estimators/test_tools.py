"""The estimators in scikit-learn's tools, and with pandas: each of them asks something else of an estimator."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_iris, make_friedman1
from sklearn.ensemble import VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import nn
from nn import NeuralNetClassifier, NeuralNetRegressor

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def net(**options: Any) -> NeuralNetClassifier:
    small: dict[str, Any] = {"hidden_layer_sizes": (8,), "learning_rate_init": 0.05, "max_iter": 30, "random_state": 0}
    if "module" in options:
        del small["hidden_layer_sizes"]
    return NeuralNetClassifier(**small | options)


def iris() -> tuple[pd.DataFrame, pd.Series]:
    x, y = load_iris(return_X_y=True, as_frame=True)
    return x, y.map({0: "setosa", 1: "versicolor", 2: "virginica"})


def test_names_of_columns_and_labels_are_kept() -> None:
    x, y = iris()
    fitted = net(max_iter=100).fit(x, y)
    assert fitted.feature_names_in_.tolist() == list(x.columns)
    assert fitted.n_features_in_ == 4
    assert fitted.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert np.mean(fitted.predict(x) == y) > 0.9
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(x.rename(columns={x.columns[0]: "other"}))


def test_pipeline_of_a_table_with_set_output() -> None:
    x, y = iris()
    x = x.assign(colour=np.where(np.arange(150) % 2, "white", "blue"))
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), list(x.columns[:4])), ("words", OneHotEncoder(sparse_output=False), ["colour"])]
    )
    pipeline = make_pipeline(columns, net()).set_output(transform="pandas").fit(x, y)
    assert pipeline[-1].feature_names_in_[-1] == "words__colour_white"
    assert pipeline.score(x, y) > 0.9


def test_grid_search_in_two_processes() -> None:
    x, y = iris()
    grid = {"hidden_layer_sizes": [(4,), (8, 8)], "optimizer__weight_decay": [0.0, 10.0]}
    search = GridSearchCV(net(optimizer="adamw", optimizer__weight_decay=0.0), grid, n_jobs=2, cv=2).fit(x, y)
    assert search.best_params_["optimizer__weight_decay"] == 0.0
    assert search.best_score_ > 0.8
    assert np.ptp(search.cv_results_["mean_test_score"]) > 0


def test_cross_val_score() -> None:
    x, y = make_friedman1(200, random_state=0)
    regressor = NeuralNetRegressor(hidden_layer_sizes=(16,), learning_rate_init=0.02, max_iter=40, random_state=0)
    model = make_pipeline(StandardScaler(), TransformedTargetRegressor(regressor, transformer=StandardScaler()))
    assert cross_val_score(model, x, y, cv=2).min() > 0.5


def test_clone_has_the_parameters_of_parts_and_nothing_of_the_fit() -> None:
    given = net(optimizer__eps=1e-6, fit__clip_grad_norm=1.0, module=nn.Linear, module__bias=False)
    fitted = given.fit(*iris())
    copy = clone(fitted)
    assert copy.get_params() == given.get_params()
    assert copy.get_params()["optimizer__eps"] == 1e-6
    assert not hasattr(copy, "module_")
    assert "optimizer__eps=1e-06" in repr(copy)
    assert copy.set_params(optimizer__eps=1e-3).get_params()["optimizer__eps"] == 1e-3


@pytest.mark.parametrize("how", ["pickle", "joblib"])
@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 0.2},
        {"dropout": 0.2, "early_stopping": True},
        {"module": nn.Linear, "optimizer": "sgd"},
        {"max_iter": 200},
    ],
)
def test_a_written_one_predicts_and_goes_on_as_the_original(how: str, options: dict[str, Any], tmp_path: Path) -> None:
    x, y = iris()
    fitted = net(**options).fit(x, y)
    if how == "pickle":
        read = pickle.loads(pickle.dumps(fitted))
    else:
        joblib.dump(fitted, tmp_path / "net.joblib")
        read = joblib.load(tmp_path / "net.joblib")
    np.testing.assert_array_equal(read.predict_proba(x), fitted.predict_proba(x))
    for _ in range(2):
        fitted.partial_fit(x, y)
        read.partial_fit(x, y)
    np.testing.assert_array_equal(read.predict_proba(x), fitted.predict_proba(x))


def test_calibration_and_votes() -> None:
    x, y = iris()
    calibrated = CalibratedClassifierCV(net(), cv=2).fit(x, y)
    np.testing.assert_allclose(calibrated.predict_proba(x).sum(axis=1), 1)
    assert calibrated.score(x, y) > 0.8
    votes = VotingClassifier([("one", net()), ("other", net(random_state=1))], voting="soft").fit(x, y)
    assert votes.score(x, y) > 0.9


def test_permutation_importance_finds_the_feature_that_counts() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = x[:, 1] > 0
    found = permutation_importance(net().fit(x, y), x, y, n_repeats=3, random_state=0)
    assert found.importances_mean.argmax() == 1
    assert found.importances_mean[1] > 0.3


def test_metadata_is_routed() -> None:
    import sklearn

    x, y = iris()
    weight = np.where(y == "setosa", 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False), net().set_fit_request(sample_weight=True)
        )
        assert "setosa" not in pipeline.fit(x, y, sample_weight=weight).predict(x)


def test_without_scikit_learn_it_is_said_what_to_install() -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import nn; print('NeuralNetClassifier' in dir(nn))\n"
        "from nn import *\n"
        "try:\n    nn.NeuralNetRegressor\nexcept ImportError as error:\n    print(error)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.splitlines()[0] == "True"
    assert 'pip install "autograd_np[sklearn]"' in result.stdout
