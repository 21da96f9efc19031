"""What both estimators are: parameters as scikit-learn wants them, and a training by `nn.fit`."""

from __future__ import annotations

import copy
import functools
import inspect
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from autograd_np import no_grad
from autograd_np.tensor import plain
from nn.estimators.checking import (
    are_ours,
    are_same,
    check_parameters,
    check_unchanged,
    is_of_a_part,
    own_modules_refused,
    shape_of,
)
from nn.estimators.making import (
    layer_sizes,
    loss_of,
    module_of,
    optimizer_of,
    perceptron,
    warn_of_other_randomness,
)
from nn.estimators.objective import Convergence, Objective, Seed
from nn.estimators.scikit_learn import (
    BaseEstimator,
    ConvergenceWarning,
    check_is_fitted,
    check_random_state,
    check_sample_weight,
    column_or_1d,
    train_test_split,
    validate_data,
)
from nn.losses.reductions import Loss
from nn.module import Module
from nn.optim import Optimizer
from nn.training import History, fit, predict
from nn.training.generators import generators_in, put_states, states_of

__all__ = ["Array", "NeuralNet"]

Array = NDArray[Any]

# From so many steps on, writing the step as a program takes less time than it saves.
WORTH_A_PROGRAM = 150


def _parts_of(loss: Any) -> list[Any]:
    return list(loss.modules()) if isinstance(loss, Module) else [loss]


class NeuralNet(BaseEstimator):
    """What `NeuralNetClassifier` and `NeuralNetRegressor` have in common; see the former for the parameters."""

    module_: Module
    optimizer_: Optimizer
    loss_function_: Callable[..., Any]
    callbacks_: list[Any]
    history_: History
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    n_features_in_: int
    n_outputs_: int
    n_iter_: int
    converged_: bool
    _random: np.random.Generator
    _seed: int | None
    _shape: dict[str, Any]
    _loss_of: dict[str, Any] | None
    _split: int
    _scale: float
    _progress: dict[str, Any] | None

    def __init__(
        self, module: Any = None, *, hidden_layer_sizes: Any = (100,), activation: Any = "relu", dropout: float = 0.0,
        batch_norm: bool = False, dtype: Any = np.float32, image_shape: Sequence[int] | None = None, loss: Any = None,
        optimizer: Any = "adam", alpha: float = 1e-4, batch_size: int | str = "auto",
        learning_rate_init: float = 1e-3, momentum: float = 0.9, max_iter: int = 200, tol: float = 1e-4,
        n_iter_no_change: float = 10, early_stopping: bool = False, validation_fraction: float = 0.1,
        warm_start: bool = False, random_state: Any = None,
        callbacks: Sequence[Any] | None = None, verbose: bool = False, **parts: Any,
    ) -> None:  # fmt: skip
        self.module = module
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.dtype = dtype
        self.image_shape = image_shape
        self.loss = loss
        self.optimizer = optimizer
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.random_state = random_state
        self.callbacks = callbacks
        self.verbose = verbose
        vars(self).update(parts)  # names that mean nothing are refused by fit, as all that makes no sense

    # -- parameters ---------------------------------------------------------------------------------------------------

    def _besides(self) -> dict[str, Any]:
        """Return what was given and stands in no signature: parameters of parts, and names that mean nothing."""
        own = {*self._get_param_names()}
        return {
            name: value
            for name, value in vars(self).items()
            if name not in own and not name.startswith("_") and not name.endswith("_")
        }

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, those of parts included.

        Parameters
        ----------
        deep : bool
            Has the meaning that it has for all estimators.
        """
        own: dict[str, Any] = super().get_params(deep)
        return own | self._besides()

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of parts included, and return the estimator."""
        parts = {name: value for name, value in params.items() if is_of_a_part(name)}
        super().set_params(**{name: value for name, value in params.items() if name not in parts})
        vars(self).update(parts)
        return self

    def _of(self, part: str) -> dict[str, Any]:
        """Return what was given for a part."""
        prefix = f"{part}__"
        return {name.removeprefix(prefix): value for name, value in vars(self).items() if name.startswith(prefix)}

    # -- data ---------------------------------------------------------------------------------------------------------

    def _rows(self, x: Any, reset: bool, **y: Any) -> Any:
        """Return examples as rows of the dtype, checked as scikit-learn does it, and with targets both."""
        shape = self.image_shape
        if shape is not None and np.ndim(x) == 1 + len(shape):
            x = np.asarray(x)
            if x.shape[1:] != tuple(shape):
                raise ValueError(f"{type(self).__name__}: image_shape={tuple(shape)}, and X has images {x.shape[1:]}")
            x = x.reshape(len(x), -1)
        return validate_data(self, x, dtype=self.dtype, reset=reset, **y)

    def _rows_and_targets(self, x: Any, y: Any, reset: bool, **options: Any) -> tuple[Array, Array]:
        """Return both, checked as scikit-learn does it; targets in a single column as a vector."""
        rows, targets = self._rows(x, reset, y=y, multi_output=True, **options)
        if targets.ndim == 2 and targets.shape[1] == 1:
            targets = column_or_1d(targets, warn=True)
        return rows, targets

    def _weights(self, rows: Array, given: Any) -> Array | None:
        """Return examples' weights."""
        return None if given is None else check_sample_weight(given, rows, dtype=self.dtype)

    def _inputs(self, rows: Array) -> Array:
        """Return rows as the module takes them."""
        if self.image_shape is None:
            return rows
        if rows.shape[1] != math.prod(self.image_shape):
            raise ValueError(
                f"{type(self).__name__}: image_shape={tuple(self.image_shape)} has {math.prod(self.image_shape)} "
                f"numbers, and X has {rows.shape[1]} features"
            )
        return rows.reshape(len(rows), *self.image_shape)

    def _outputs(self, x: Any) -> Array:
        """Return the module's outputs, computed in float64: so they depend on no other row, whatever BLAS does."""
        check_is_fitted(self, "module_")
        rows = self._rows(x, reset=False)
        return predict(self.module_.astype(np.float64), self._inputs(rows))

    # -- what the two differ in ---------------------------------------------------------------------------------------

    def _examples(self, x: Any, y: Any, sample_weight: Any, reset: bool) -> tuple[Array, Array, Array | None]:
        """Return inputs, targets and weights; look at the targets for what is to be learned."""
        raise NotImplementedError

    def _width(self) -> int:
        """Return how many outputs the module is to have."""
        raise NotImplementedError

    def _widths(self) -> set[int]:
        """Return how many it may have."""
        return {self._width()}

    def _default_loss(self) -> tuple[type[Loss], float]:
        """Return the loss, and what it is multiplied by."""
        raise NotImplementedError

    def _check_loss(self, loss: Callable[..., Any]) -> None:
        """Raise if a loss is none of the kind that learns such targets."""
        raise NotImplementedError

    def _targets(self, y: Array) -> Array:
        """Return targets as the loss takes them."""
        raise NotImplementedError

    def _strata(self, y: Array) -> Array | None:
        """Return what the validation examples are to have the same shares of."""
        raise NotImplementedError

    def _score(self, outputs: Array, y: Array, weight: Array | None) -> float:
        """Return how good outputs are."""
        raise NotImplementedError

    # -- training -----------------------------------------------------------------------------------------------------

    def _fit(self, x: Any, y: Any, sample_weight: Any, partial: bool, **more: Any) -> Self:
        before = dict(vars(self))
        name, given = type(self).__name__, self.get_params(deep=False)
        check_parameters(name, given, self._besides(), partial)
        fresh = not hasattr(self, "module_") or not (partial or self.warm_start)
        if self._is_own_module():
            own_modules_refused(name, given, self._defaults())
        if not fresh:
            check_unchanged(name, self._shape, shape_of(name, given))
        put_back = None if fresh else self._kept()
        try:
            self._prepare_and_train(x, y, sample_weight, partial, fresh, **more)
        except BaseException:  # what was fitted before is left as it was
            vars(self).clear()
            vars(self).update(before)
            if put_back is not None:
                put_back()
            raise
        self._say_how_it_ended(partial)
        return self

    def _is_own_module(self) -> bool:
        return isinstance(self.module, Module) or callable(self.module)

    def _defaults(self) -> dict[str, Any]:
        parameters: Any = inspect.signature(type(self).__init__).parameters
        return {name: parameter.default for name, parameter in parameters.items()}

    def _kept(self) -> Callable[[], None]:
        """Return what puts the module, the optimiser and what both draw from back to where they are now."""
        module, optimizer = self.module_, self.optimizer_
        generators = generators_in({"random": self._random, "module": module})
        drawn = copy.deepcopy(states_of(generators))
        state, remembered = copy.deepcopy(module.state_dict()), copy.deepcopy(optimizer.state_dict())

        def put_back() -> None:
            module.load_state_dict(state)
            optimizer.load_state_dict(remembered)
            put_states(generators, drawn)

        return put_back

    def _prepare_and_train(
        self, x: Any, y: Any, sample_weight: Any, partial: bool, fresh: bool, **more: Any
    ) -> None:  # fmt: skip
        name = type(self).__name__
        inputs, targets, weight = self._examples(x, y, sample_weight, reset=fresh, **more)
        if fresh or not partial:
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
            self._random = np.random.default_rng(seed)
            self._seed = None if self.random_state is None else seed
        if fresh:
            self._begin(inputs)
        self._heed_loss()
        if fresh or not partial:
            self.optimizer_ = optimizer_of(
                name, self.optimizer, self._of("optimizer"), self.module_.parameters(), self.learning_rate_init,
                self.momentum,
            )  # fmt: skip
            self._split = int(self._random.integers(2**31 - 1))
            self._progress = None
        self._train(inputs, targets, weight, partial)

    def _begin(self, inputs: Array) -> None:
        """Make the module."""
        name, width = type(self).__name__, self._width()
        offered = {"in_features": self.n_features_in_, "out_features": width, "rng": self._random}
        if self.module is None:
            if self.image_shape is not None or self._of("module"):
                what = "image_shape" if self.image_shape is not None else f"module__{next(iter(self._of('module')))}"
                raise ValueError(f"{name}: {what} is for a module of one's own; give module, or leave it out")
            sizes = layer_sizes(name, self.hidden_layer_sizes)
            module = perceptron(
                name, self.n_features_in_, width, sizes, self.activation, self.dropout, self.batch_norm, self._random
            )
        else:
            module = module_of(name, self.module, self._of("module"), offered)
            if self.random_state is not None:
                warn_of_other_randomness(name, self.module, self._of("module"), offered, module)
        self._check_outputs(module.to(self.dtype), inputs)
        self.module_, self._shape = module, shape_of(name, self.get_params(deep=False))
        self._loss_of = None
        self.n_iter_, self.loss_curve_ = 0, []
        self.validation_scores_ = [] if self.early_stopping else None

    def _heed_loss(self) -> None:
        """Make the loss, unless there is one of the same parameters."""
        given = {"loss": self.loss, **self._of("loss")}
        if self._loss_of is not None and are_same(self._loss_of, given):
            return
        default, scale = self._default_loss()
        self.loss_function_ = loss_of(type(self).__name__, self.loss, self._of("loss"), default)
        self._check_loss(self.loss_function_)
        self._scale = scale if self.loss is None else 1.0
        self._loss_of = given

    def _check_outputs(self, module: Module, inputs: Array) -> None:
        """Raise if a module does not give a row of outputs for each example, as wide as is needed."""
        was_training = module.training
        module.eval()
        try:
            with no_grad():
                shape = np.shape(plain(module(inputs[:2])))
        finally:
            module.train(was_training)
        rows = len(inputs[:2])
        if len(shape) != 2 or shape[0] != rows or shape[1] not in self._widths():
            wanted = " or ".join(f"({rows}, {width})" for width in sorted(self._widths()))
            raise ValueError(
                f"{type(self).__name__}: of {rows} examples, the module's outputs have shape {shape}; they are to have "
                f"{wanted}"
            )
        self.n_outputs_ = shape[1]

    def _train(self, inputs: Array, targets: Array, weight: Array | None, partial: bool) -> None:
        """Train by `nn.fit`, and note how it went."""
        options, score = self._of("fit"), None
        if self.early_stopping:
            inputs, targets, weight, held = self._held_back(inputs, targets, weight, stratify=not partial)
            options["validation"] = (held[0], self._targets(held[1]), *([] if held[2] is None else [held[2]]))
            score = functools.partial(self._judged, *held)
        convergence = Convergence(self.tol, self.n_iter_no_change, score)
        if partial and self._progress is not None:
            convergence.load_state_dict(self._progress)
            convergence.waited = 0 if convergence.converged else convergence.waited
        seen = len(convergence.scores)
        self.callbacks_ = copy.deepcopy(list(self.callbacks or ()))
        self.history_ = self._history(inputs, targets, weight, 1 if partial else self.max_iter, convergence, options)
        self._progress = convergence.state_dict()
        losses = self.history_.get("loss", [])
        self.n_iter_ = len(losses) + (self.n_iter_ if partial else 0)
        self.loss_curve_ = self.loss_curve_ + losses
        if self.validation_scores_ is not None:
            self.validation_scores_ = self.validation_scores_ + convergence.scores[seen:]
        self.converged_ = convergence.converged
        if score is not None and (self.converged_ or not partial):
            convergence.restore(self.module_)

    def _judged(self, inputs: Array, targets: Array, weight: Array | None) -> float:
        return self._score(predict(self.module_, inputs), targets, weight)

    def _history(
        self, inputs: Array, targets: Array, weight: Array | None, epochs: int, convergence: Convergence,
        options: dict[str, Any],
    ) -> History:  # fmt: skip
        name = type(self).__name__
        size = self._batch_size(len(inputs))
        steps = epochs * math.ceil(len(inputs) / size)
        own: dict[str, Any] = {
            "optimizer": self.optimizer_,
            "loss": Objective(name, self.loss_function_, self._scale, self.alpha, self.module_.parameters()),
            "epochs": epochs,
            "batch_size": size,
            "sample_weight": weight,
            "callbacks": [convergence, Seed(self._seed), *self.callbacks_],
            "rng": self._random,
            "progress": bool(self.verbose),
        }
        if taken := own.keys() & options.keys():
            raise TypeError(f"{name}: fit__{min(taken)} is the estimator's own to give; it has a parameter for it")
        parts = [*self.module_.modules(), *_parts_of(self.loss_function_), self.optimizer_]
        if self.module is None and not self.callbacks_ and steps >= WORTH_A_PROGRAM and are_ours(parts):
            options.setdefault("compiled", True)
        return fit(self.module_, inputs, self._targets(targets), **own, **options)

    def _batch_size(self, examples: int) -> int:
        """Return how many examples are in a batch; no last one of a single example, where it is not to be."""
        size = min(200 if self.batch_size == "auto" else int(self.batch_size), examples)
        if self.batch_size != "auto" and not self.batch_norm:
            return size
        while size > 2 and examples % size == 1:
            size -= 1
        if self.batch_norm and (size == 1 or examples % size == 1):
            raise ValueError(
                f"{type(self).__name__}: batch_size={self.batch_size!r} of {examples} examples makes a batch of one, "
                f"which batch_norm=True has nothing to normalise by; give batch_size='auto' and at least 2 examples"
            )
        return size

    def _held_back(
        self, inputs: Array, targets: Array, weight: Array | None, stratify: bool
    ) -> tuple[Array, Array, Array | None, tuple[Array, Array, Array | None]]:
        """Split off the examples that the model is judged by, the same ones of the same examples."""
        count = math.ceil(self.validation_fraction * len(inputs))
        if count < 2:
            raise ValueError(
                f"{type(self).__name__}: validation_fraction={self.validation_fraction} of {len(inputs)} examples is "
                f"{count}, too little to judge by; give more"
            )
        train, held = train_test_split(
            np.arange(len(inputs)), test_size=self.validation_fraction, random_state=self._split,
            stratify=self._strata(targets) if stratify else None,
        )  # fmt: skip
        kept, judged = (
            (inputs[index], targets[index], None if weight is None else weight[index]) for index in (train, held)
        )
        return *kept, judged

    def _say_how_it_ended(self, partial: bool) -> None:
        name, stopped = type(self).__name__, self.history_.stopped
        if stopped == "interrupted":
            warnings.warn(f"{name}: the training was interrupted after {self.n_iter_} epochs", stacklevel=4)
        elif stopped is None and not partial:
            warnings.warn(
                f"{name}: the loss was still falling by more than tol={self.tol} when max_iter={self.max_iter} epochs "
                f"had passed; give more, or standardise X",
                ConvergenceWarning, stacklevel=4,
            )  # fmt: skip
