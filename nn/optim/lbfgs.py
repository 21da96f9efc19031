"""L-BFGS: SciPy's search for the minimum of a function of all parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from autograd_np import Tensor, enable_grad
from autograd_np.capture import StandIn
from autograd_np.compiling import Uncapturable
from autograd_np.tensor import plain
from nn.optim.optimizer import Array, Group, Optimizer, Parameters

__all__ = ["LBFGS"]

# What PyTorch remembers from step to step.
_HISTORY = ["func_evals", "n_iter", "d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss"]
_HISTORY += ["al"]


class LBFGS(Optimizer):
    """L-BFGS: a search for a minimum, which learns the loss's curvature from its gradients on the way.

    It is for losses that are the same whenever they are computed, such as those of all examples together, and not for
    batches that are drawn. The search is SciPy's ``minimize(method="L-BFGS-B")``, over the numbers of all parameters as
    one vector in double precision. Its line search sets the length of each step, by the strong Wolfe conditions.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        Parameters, or one group of them; see `Optimizer`.
    lr : float
        Must be 1: the line search sets the length of a step.
    max_iter : int
        The most iterations of one call of `step`.
    max_eval : int, optional
        The most evaluations of the loss in one call of `step`, at least 2. The default is 1.25 `max_iter`.
    tolerance_grad : float
        The search ends where no number of the gradient is larger.
    tolerance_change : float
        It ends where an iteration lowers the loss by no more than this, times the loss's size if that is above 1.
    history_size : int
        From how many iterations it knows the curvature.
    line_search_fn : {None, "strong_wolfe"}
        Makes no difference.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`. Also for several groups, a learning rate other than 1, and parameters of more than double
        precision.

    Notes
    -----
    SciPy's search cannot be interrupted and continued: each call of `step` starts afresh from the parameters, without
    what it learned in the one before, and nothing is remembered in `state`. Few steps with a large `max_iter` take less
    time than many with a small one. What a state dict of PyTorch remembers is passed over for the same reason.

    A step needs the loss several times, so that `nn.fit` and `nn.compile_step`, which compute it once, do not take it.

    References
    ----------
    R. Byrd, P. Lu, J. Nocedal, C. Zhu, "A limited memory algorithm for bound constrained optimization", SIAM Journal on
    Scientific Computing 16 (1995).

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from nn import optim
    >>> p = Tensor([-1.0, 2.0], requires_grad=True)
    >>> optimizer = optim.LBFGS([p], max_iter=100)
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure).item()
    104.0
    >>> p.data.round(3)
    array([1., 1.])
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        self._check_count("max_iter", max_iter, 1)
        super().__init__(
            params, lr=lr, max_iter=max_iter, max_eval=max(2, max_iter * 5 // 4) if max_eval is None else max_eval,
            tolerance_grad=tolerance_grad, tolerance_change=tolerance_change, history_size=history_size,
            line_search_fn=line_search_fn,
        )  # fmt: skip

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Take the only group; another one is refused."""
        if self.param_groups:
            raise ValueError(
                "LBFGS: a second group of parameters; it searches among all parameters at once, with the same options: "
                "give them in one group"
            )
        super().add_param_group(group)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Search from where the parameters are, and leave them at the best point that was found.

        Parameters
        ----------
        closure : callable
            Computes the loss with the parameters as they are, calls `backward`, and returns the loss. Gradients are
            forgotten before each call.

        Returns
        -------
        Tensor or float
            What the closure returned first: the loss before the step.

        Raises
        ------
        TypeError
            If there is no closure, or it returns no number.
        ValueError
            If the learning rate was changed, or no parameter requires a gradient any more.
        RuntimeError
            If the closure leaves no gradient.
        FloatingPointError
            If the loss or a gradient is infinite or NaN. After this and any other error the parameters are as they were
            before.
        """
        if not callable(closure):
            raise TypeError(
                "LBFGS.step: there is no closure; a step needs the loss several times: write a loop that calls "
                "optimizer.step(closure), of a function that computes the loss, calls backward() and returns the loss. "
                "nn.fit and nn.compile_step, which compute it once, take the other optimisers"
            )
        (group,) = self.param_groups
        self._check_number("lr", group["lr"])
        self._check(group)
        parameters = [parameter for parameter in group["params"] if parameter.requires_grad]
        if not parameters:
            raise ValueError("LBFGS.step: none of the parameters requires a gradient; thaw those that are to change")
        for parameter in parameters:
            self._check_parameter(parameter, set())  # a model may have been taken into another dtype
        if any(type(parameter.data) is StandIn for parameter in parameters):
            raise Uncapturable(
                "LBFGS.step: SciPy's search looks at values, and cannot be written down as a program; compile what the "
                "closure computes, and call step outside of what is compiled"
            )
        from scipy.optimize import minimize  # pyright: ignore[reportUnknownVariableType]

        search = _Search(closure, parameters, group["max_eval"])
        options = {
            "maxcor": group["history_size"],
            "ftol": float(group["tolerance_change"]),
            "gtol": float(group["tolerance_grad"]),
            "maxiter": group["max_iter"],
            "maxfun": group["max_eval"],
        }
        try:
            minimize(search, search.best, jac=True, method="L-BFGS-B", options=options)
        except _Spent:
            pass
        except BaseException:
            _write(parameters, search.start)
            raise
        _write(parameters, search.best)
        return search.first

    def _check(self, group: Group) -> None:
        if float(group["lr"]) != 1:
            raise ValueError(
                f"LBFGS: lr={group['lr']}; SciPy's line search sets the length of a step: leave lr=1 and use no "
                f"schedule, and take another optimiser for steps of a given rate"
            )
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(
                f"LBFGS: line_search_fn={group['line_search_fn']!r}; SciPy's line search is used in any case: give "
                f"'strong_wolfe' or None"
            )
        self._check_count("max_iter", group["max_iter"], 1)
        self._check_count("max_eval", group["max_eval"], 2)
        self._check_count("history_size", group["history_size"], 1)
        self._check_number("tolerance_grad", group["tolerance_grad"])
        self._check_number("tolerance_change", group["tolerance_change"])

    def _check_count(self, name: str, value: Any, least: int) -> None:
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise TypeError(f"LBFGS: {name} is a {type(value).__name__}; give a whole number")
        if int(value) < least:
            raise ValueError(f"LBFGS: {name}={value}; give at least {least}")

    def _check_parameter(self, parameter: Any, known: set[int]) -> None:
        super()._check_parameter(parameter, known)
        if not np.can_cast(parameter.dtype, np.float64):
            raise TypeError(
                f"LBFGS: a tensor of dtype {parameter.dtype} cannot be optimised; SciPy computes in float64: make it "
                f"that"
            )

    def _remembered(self, call: str, number: Any, parameter: Tensor, entries: Any, group: Group) -> dict[str, Any]:
        unknown: Any = {name: value for name, value in entries.items() if name not in _HISTORY}
        return super()._remembered(call, number, parameter, unknown, group)


class _Spent(Exception):
    """There may be no more evaluations."""


class _Search:
    """The loss and its gradient as a function of a vector, which knows where the loss was lowest."""

    def __init__(self, closure: Callable[[], Any], parameters: Sequence[Tensor], limit: int) -> None:
        self._closure, self._parameters, self._limit = closure, parameters, limit
        self.start = self.best = _joined([parameter.data for parameter in parameters])
        self.first: Any = None
        self._lowest = np.inf
        self._count = 0

    def __call__(self, x: Array) -> tuple[float, Array]:
        """Return the loss and its gradient."""
        if self._count == self._limit:
            raise _Spent
        self._count += 1
        _write(self._parameters, x)
        for parameter in self._parameters:
            parameter.grad = None
        with enable_grad():
            loss = self._closure()
        value, gradient = _number_of(loss), self._gradient()
        if self._count == 1:
            self.first = loss
        for what, found in (("loss", value), ("gradient", gradient)):
            if not np.isfinite(found).all():
                raise FloatingPointError(
                    f"LBFGS: the {what} is {value if found is value else 'not finite'} in evaluation {self._count} of "
                    f"this step, and the parameters are left as they were; start nearer to the minimum, or with inputs "
                    f"of a smaller scale; autograd_np.detect_anomaly() finds the operation that made it"
                )
        if value < self._lowest:
            self._lowest, self.best = value, x.copy()
        return value, gradient

    def _gradient(self) -> Array:
        grads = [plain(parameter.grad) for parameter in self._parameters]
        if all(grad is None for grad in grads):
            raise RuntimeError("LBFGS: no parameter has a gradient after the closure; call loss.backward() in it")
        pairs = zip(grads, self._parameters, strict=True)
        return _joined([np.zeros(parameter.shape) if grad is None else grad for grad, parameter in pairs])


def _number_of(loss: Any) -> float:
    array = np.asarray(plain(loss))
    if array.size != 1 or array.dtype.kind not in "fiu":
        raise TypeError(
            f"LBFGS: the closure returned a {type(loss).__name__} of shape {array.shape}; it is to return the loss, "
            f"one real number"
        )
    return float(array.reshape(-1)[0])


def _joined(arrays: Sequence[Array]) -> Array:
    return np.concatenate([np.ravel(array).astype(np.float64) for array in arrays])


def _write(parameters: Sequence[Tensor], x: Array) -> None:
    start = 0
    for parameter in parameters:
        parameter.data = x[start : start + parameter.size].reshape(parameter.shape)
        start += parameter.size
