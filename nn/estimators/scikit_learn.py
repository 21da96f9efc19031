"""What is used of scikit-learn, which has no types: to a type checker, each is what is written down here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = [
    "BaseEstimator",
    "ClassifierMixin",
    "ConvergenceWarning",
    "RegressorMixin",
    "check_classification_targets",
    "check_is_fitted",
    "check_random_state",
    "check_sample_weight",
    "column_or_1d",
    "compute_sample_weight",
    "r2_score",
    "train_test_split",
    "type_of_target",
    "unique_labels",
    "validate_data",
]

if TYPE_CHECKING:
    check_classification_targets: Any
    check_is_fitted: Any
    check_random_state: Any
    check_sample_weight: Any
    column_or_1d: Any
    compute_sample_weight: Any
    r2_score: Any
    train_test_split: Any
    type_of_target: Any
    unique_labels: Any
    validate_data: Any

    class ConvergenceWarning(UserWarning):
        """Says that a training ended before it had converged."""

    class BaseEstimator:
        """An object whose parameters are those of its `__init__`."""

        def get_params(self, deep: bool = True) -> dict[str, Any]:
            """Return the parameters."""
            ...

        def set_params(self, **params: Any) -> Any:
            """Set parameters."""

        @classmethod
        def _get_param_names(cls) -> list[str]: ...

        def __sklearn_tags__(self) -> Any: ...

    class ClassifierMixin:
        """Says that an estimator is a classifier, and scores it."""

    class RegressorMixin:
        """Says that an estimator is a regressor, and scores it."""

else:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import r2_score
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state, column_or_1d, compute_sample_weight
    from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
    from sklearn.utils.validation import _check_sample_weight as check_sample_weight
    from sklearn.utils.validation import check_is_fitted, validate_data
