"""The classifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from scipy.special import expit

from nn.estimators.base import Array, NeuralNet
from nn.estimators.checking import check_same_classes
from nn.estimators.scikit_learn import (
    ClassifierMixin,
    check_classification_targets,
    compute_sample_weight,
    type_of_target,
    unique_labels,
)
from nn.functional import cross_entropy, nll_loss
from nn.losses import BCEWithLogitsLoss, CrossEntropyLoss, NLLLoss
from nn.losses.reductions import Loss

__all__ = ["NeuralNetClassifier"]


class NeuralNetClassifier(ClassifierMixin, NeuralNet):
    """A neural network as a classifier of scikit-learn.

    Parameters that `sklearn.neural_network.MLPClassifier` has mean what they mean there, and have the same defaults.

    Parameters
    ----------
    module : class, callable or Module, optional
        What is trained: a class of `nn.Module`, or a function that makes one. It is called with the parameters
        ``module__x``, and, if it has parameters of these names, with `in_features`, `out_features` and `rng`. A module
        itself is copied, and its training goes on. Without `rng`, or where it is not passed on to the layers,
        `random_state` does not reach their initial values. It gives logits, one for each class; of two classes it may
        also give one, that of the second. By default, it is linear layers with an activation between them.
    hidden_layer_sizes : sequence of int, or int
        The widths of these layers.
    activation : {"relu", "tanh", "logistic", "identity"}, or class
        What follows each of them, such as `nn.GELU`.
    dropout : float
        The share of activations that are left out in training.
    batch_norm : bool
        Whether each hidden layer is normalised by the batch.
    dtype : dtype
        Of the module's numbers, and of what it is trained with; predictions are computed in float64.
    image_shape : sequence of int, optional
        With it, the module is called with images of this shape, such as (1, 8, 8) for channels, height and width. `X`
        has a row for each image, as everywhere in scikit-learn, or is itself of shape (N, 1, 8, 8).
    loss : class or callable, optional
        A loss of this package, or a function of outputs and targets, and of weights if there are some. By default the
        cross-entropy, which is binary for one logit and for several labels. Parameters ``loss__x`` are given to a
        class. Targets are labels from 0, or floats of the outputs' shape where the default is binary.
    optimizer : {"adam", "adamw", "nadam", "rmsprop", "adagrad", "sgd"}, or class
        With the parameters ``optimizer__x``; SGD has Nesterov's momentum.
    alpha : float
        Half of it times the squared weights, divided by the batch's size, is added to the loss.
    batch_size : int or "auto"
        Examples in a batch; automatically 200, or all. Automatically, and with `batch_norm`, a few less where a last
        batch of one example would be left.
    learning_rate_init, momentum : float
        Of the optimiser; momentum is for "sgd".
    max_iter : int
        The most epochs.
    tol, n_iter_no_change : float
        Training ends when the loss, or with early stopping the score, was not better by `tol` for more epochs in a row.
    early_stopping : bool
        Hold back examples to judge the model by, and go back to its best state. `partial_fit` holds them back from what
        it is given, and goes back when `converged_` becomes True.
    validation_fraction : float
        Which share is held back.
    class_weight : mapping, "balanced", optional
        How much the examples of each class count.
    warm_start : bool
        Whether `fit` goes on with the module of the last one, which is refused where another module is asked for.
    random_state : int, RandomState, optional
        Of initial weights, of the order and the split of the examples, and of dropout; those of a module of one's own
        through its parameter `rng`.
    callbacks : sequence, optional
        For `nn.fit`; each training has copies of its own, `callbacks_`.
    verbose : bool
        Show a bar, or a line for each epoch where standard error is no terminal.
    **parts
        Parameters of parts, ``module__x``, ``optimizer__x``, ``loss__x``; and ``fit__x`` for what else `nn.fit` takes,
        such as ``fit__clip_grad_norm=1.0``, ``fit__transform``, ``fit__compiled``, or ``fit__checkpoint``, which is for
        `fit` without `warm_start`, and of one seed.

    Attributes
    ----------
    classes_ : ndarray
        The labels; of several labels their numbers.
    module_, optimizer_, loss_function_, callbacks_
        What was trained, and by what.
    n_features_in_, feature_names_in_, n_outputs_, n_iter_, loss_curve_
        As for `MLPClassifier`.
    validation_scores_ : list of float, or None
        The accuracy on the examples that were held back, after each epoch.
    history_ : History
        Of the last call, for pandas.
    converged_ : bool
        Whether it ended since nothing became better.

    Notes
    -----
    The module of the default begins and is trained as that of `MLPClassifier`, with steps that run as programs (see
    `compile_step`) where there are many, and where loss, activations and optimiser are of this package.

    Examples
    --------
    >>> import nn
    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True, as_frame=True)
    >>> net = nn.NeuralNetClassifier(hidden_layer_sizes=(16,), learning_rate_init=0.02, dropout=0.1, random_state=0)
    >>> net.fit(x, y).score(x, y) > 0.95
    True
    >>> net.feature_names_in_[0], net.predict_proba(x[:2]).shape
    ('sepal length (cm)', (2, 3))
    """

    classes_: Array
    _multilabel: bool

    def __init__(
        self, module: Any = None, *, hidden_layer_sizes: Any = (100,), activation: Any = "relu", dropout: float = 0.0,
        batch_norm: bool = False, dtype: Any = np.float32, image_shape: Sequence[int] | None = None, loss: Any = None,
        optimizer: Any = "adam", alpha: float = 1e-4, batch_size: int | str = "auto",
        learning_rate_init: float = 1e-3, momentum: float = 0.9, max_iter: int = 200, tol: float = 1e-4,
        n_iter_no_change: float = 10, early_stopping: bool = False, validation_fraction: float = 0.1,
        class_weight: Mapping[Any, float] | str | None = None, warm_start: bool = False, random_state: Any = None,
        callbacks: Sequence[Any] | None = None, verbose: bool = False, **parts: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            module, hidden_layer_sizes=hidden_layer_sizes, activation=activation, dropout=dropout,
            batch_norm=batch_norm, dtype=dtype, image_shape=image_shape, loss=loss, optimizer=optimizer, alpha=alpha,
            batch_size=batch_size, learning_rate_init=learning_rate_init, momentum=momentum, max_iter=max_iter,
            tol=tol, n_iter_no_change=n_iter_no_change, early_stopping=early_stopping,
            validation_fraction=validation_fraction, warm_start=warm_start, random_state=random_state,
            callbacks=callbacks, verbose=verbose, **parts,
        )  # fmt: skip
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the module.

        Parameters
        ----------
        X : array_like, shape (N, D)
            Examples; a table's columns are remembered by their names.
        y : array_like, shape (N,) or (N, L)
            Their classes, of any type; or for each of several labels whether it is an example's, as 0 and 1.
        sample_weight : array_like, shape (N,), optional
            How much each example counts.
        """
        return self._fit(X, y, sample_weight, partial=False)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch, and remember the optimiser's state.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array_like, optional
            All classes that there will be; needed in the first call, unless `y` has several labels, and the same later.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                f"{type(self).__name__}: class_weight='balanced' needs all examples, and partial_fit sees some; give a "
                f"dict with the weight of each class, or sample_weight"
            )
        return self._fit(X, y, sample_weight, partial=True, classes=classes, in_parts=True)

    def predict(self, X: Any) -> Array:
        """Return each example's class, or for each of several labels 0 or 1."""
        found = self._decided(self._outputs(X))
        return found if self._multilabel else self.classes_[found]

    def decision_function(self, X: Any) -> Array:
        """Return logits: of shape (N,) for two classes, of which the second has those above 0."""
        logits = self._outputs(X)
        if self._multilabel or len(self.classes_) > 2:
            return logits
        return logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, or of each of several labels."""
        logits = self._outputs(X)
        return expit(logits) if self._multilabel else np.exp(self._log_of_each_class(logits))

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of the probabilities, exact also where these are next to 0."""
        logits = self._outputs(X)
        return -np.logaddexp(0, -logits) if self._multilabel else self._log_of_each_class(logits)

    def __sklearn_tags__(self) -> Any:
        """Return what the estimator can do."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    # -- what `NeuralNet` asks for ------------------------------------------------------------------------------------

    def _examples(
        self, x: Any, y: Any, sample_weight: Any, reset: bool, classes: Any = None, in_parts: bool = False
    ) -> tuple[Array, Array, Array | None]:
        rows, y = self._rows_and_targets(x, y, reset)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        name = type(self).__name__
        if kind == "multiclass-multioutput":
            raise ValueError(f"{name}: y has several columns of classes; give one column, or labels as 0 and 1")
        multilabel = kind == "multilabel-indicator"
        if reset:
            if in_parts and classes is None and not multilabel:
                raise ValueError(f"{name}: classes must be passed on the first call to partial_fit")
            self._multilabel = multilabel
            self.classes_ = self._all_classes(y, classes)
        elif multilabel != self._multilabel:
            raise ValueError(f"{name}: y is {kind}, and was {'' if self._multilabel else 'not '}multilabel before")
        if classes is not None:
            check_same_classes(name, classes, self.classes_)
        encoded = self._encoded(y)
        weight = self._weights(rows, sample_weight)
        if self.class_weight is not None:
            each = compute_sample_weight(self.class_weight, y).astype(self.dtype)
            weight = each if weight is None else each * weight
        return self._inputs(rows), encoded, weight

    def _all_classes(self, y: Any, classes: Any) -> Any:
        """Return the classes, which in a first call of `partial_fit` are given."""
        if self._multilabel:
            labels: int = y.shape[1]
            return np.arange(labels)
        found: Array = np.asarray(unique_labels(y if classes is None else classes))
        if len(found) < 2:
            raise ValueError(
                f"{type(self).__name__}: y has one class, {found.tolist()[0]!r}; there is nothing to tell apart"
            )
        return found

    def _encoded(self, y: Any) -> Any:
        """Return the numbers of classes, or floats for several labels."""
        name = type(self).__name__
        if self._multilabel:
            dense: Any = y.toarray() if hasattr(y, "toarray") else y
            if dense.shape[1] != len(self.classes_):
                raise ValueError(f"{name}: y has {dense.shape[1]} labels, and had {len(self.classes_)} before")
            if len(strange := np.setdiff1d(dense, [0, 1])):
                raise ValueError(f"{name}: y has several labels, and holds {strange.tolist()[0]!r}; give 0 and 1")
            return np.asarray(dense, self.dtype)
        strange = np.setdiff1d(y, self.classes_)
        if len(strange):
            raise ValueError(
                f"{name}: y has the class {strange.tolist()[0]!r}, and the classes are {self.classes_.tolist()}"
            )
        labels: Array = np.asarray(y)
        return np.searchsorted(self.classes_, labels)

    def _width(self) -> int:
        count = len(self.classes_)
        return 1 if count == 2 and not self._multilabel and self._is_binary_loss() else count

    def _is_binary_loss(self) -> bool:
        return self.loss in (None, BCEWithLogitsLoss) or isinstance(self.loss, BCEWithLogitsLoss)

    def _widths(self) -> set[int]:
        count = len(self.classes_)
        return {1, 2} if count == 2 and not self._multilabel else {count}

    def _default_loss(self) -> tuple[type[Loss], float]:
        # Of several labels, the sum of their losses.
        if self._multilabel:
            return BCEWithLogitsLoss, float(self.n_outputs_)
        return BCEWithLogitsLoss if self.n_outputs_ == 1 else CrossEntropyLoss, 1.0

    def _check_loss(self, loss: Callable[..., Any]) -> None:
        if self.n_outputs_ != 1 or self._multilabel:
            return
        if isinstance(loss, CrossEntropyLoss | NLLLoss) or loss in (cross_entropy, nll_loss):
            raise ValueError(
                f"{type(self).__name__}: loss is {getattr(loss, '__name__', type(loss).__name__)}, and the module "
                f"gives one output, of which it is always 0; give a module with two, or nn.BCEWithLogitsLoss"
            )

    def _targets(self, y: Array) -> Array:
        return y[:, None].astype(self.dtype) if self.n_outputs_ == 1 and not self._multilabel else y

    def _strata(self, y: Array) -> Array | None:
        return None if self._multilabel else y

    def _score(self, outputs: Array, y: Array, weight: Array | None) -> float:
        right = self._decided(outputs) == y
        return float(np.average(right.all(axis=1) if self._multilabel else right, weights=weight))

    def _decided(self, logits: Array) -> Array:
        """Return the numbers of classes, or 0 and 1 for several labels."""
        if self._multilabel:
            return (logits > 0).astype(int)
        return (logits[:, 0] > 0).astype(int) if self.n_outputs_ == 1 else logits.argmax(axis=1)

    def _log_of_each_class(self, logits: Array) -> Array:
        """Return the logarithm of each class's probability."""
        both = np.column_stack([np.zeros_like(logits), logits]) if self.n_outputs_ == 1 else logits
        return both - np.logaddexp.reduce(both, axis=1, keepdims=True)
