"""The regressor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from nn.estimators.base import Array, NeuralNet
from nn.estimators.scikit_learn import RegressorMixin, r2_score
from nn.functional import cross_entropy, nll_loss
from nn.losses import CrossEntropyLoss, MSELoss, NLLLoss
from nn.losses.reductions import Loss

__all__ = ["NeuralNetRegressor"]


class NeuralNetRegressor(RegressorMixin, NeuralNet):
    """A neural network as a regressor of scikit-learn.

    Parameters and attributes are those of `NeuralNetClassifier`, without `class_weight`, `classes_` and the prediction
    of probabilities. The module gives a number for each of an example's targets, the default of `loss` is half of the
    squared error, as in `sklearn.neural_network.MLPRegressor`, and `validation_scores_` are R².

    Notes
    -----
    Targets are learned as they are. Those far from 0 and 1 are learned sooner if they are standardised:
    ``TransformedTargetRegressor(net, transformer=StandardScaler())``.

    Examples
    --------
    >>> import nn
    >>> from sklearn.datasets import make_friedman1
    >>> x, y = make_friedman1(n_samples=300, random_state=0)
    >>> net = nn.NeuralNetRegressor(hidden_layer_sizes=(32,), learning_rate_init=0.02, max_iter=2000, random_state=0)
    >>> net.fit(x, y).score(x, y) > 0.8
    True
    """

    _targets_wide: int
    _one_target: bool

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the module.

        Parameters
        ----------
        X : array_like, shape (N, D)
            Examples; a table's columns are remembered by their names.
        y : array_like, shape (N,) or (N, K)
            Their targets.
        sample_weight : array_like, shape (N,), optional
            How much each example counts.
        """
        return self._fit(X, y, sample_weight, partial=False)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch, and remember the optimiser's state."""
        return self._fit(X, y, sample_weight, partial=True)

    def predict(self, X: Any) -> Array:
        """Return each example's target, or its targets."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._one_target else outputs

    def __sklearn_tags__(self) -> Any:
        """Return what the estimator can do."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    # -- what `NeuralNet` asks for ------------------------------------------------------------------------------------

    def _examples(self, x: Any, y: Any, sample_weight: Any, reset: bool) -> tuple[Array, Array, Array | None]:
        rows, y = self._rows_and_targets(x, y, reset, y_numeric=True)
        with np.errstate(over="ignore"):  # which is looked for below
            targets: Array = y.astype(self.dtype).reshape(len(y), -1)
        name = type(self).__name__
        if not np.isfinite(targets).all():
            raise ValueError(f"{name}: y holds a number that is infinite in {np.dtype(self.dtype)}; scale the targets")
        if reset:
            self._targets_wide, self._one_target = targets.shape[1], y.ndim == 1
        elif targets.shape[1] != self._targets_wide:
            raise ValueError(f"{name}: y has {targets.shape[1]} targets, and had {self._targets_wide} before")
        return self._inputs(rows), targets, self._weights(rows, sample_weight)

    def _width(self) -> int:
        return self._targets_wide

    def _default_loss(self) -> tuple[type[Loss], float]:
        return MSELoss, 0.5

    def _check_loss(self, loss: Callable[..., Any]) -> None:
        if isinstance(loss, CrossEntropyLoss | NLLLoss) or loss in (cross_entropy, nll_loss):
            raise ValueError(
                f"{type(self).__name__}: loss is {getattr(loss, '__name__', type(loss).__name__)}, which is of "
                f"classes, and targets are numbers; give one such as nn.MSELoss, or use NeuralNetClassifier"
            )

    def _targets(self, y: Array) -> Array:
        return y

    def _strata(self, y: Array) -> Array | None:
        return None

    def _score(self, outputs: Array, y: Array, weight: Array | None) -> float:
        return float(r2_score(y, outputs, sample_weight=weight))
