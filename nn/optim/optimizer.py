"""What the optimisers have in common."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, ClassVar, TypeGuard

import numpy as np
from numpy.typing import NDArray

from autograd_np import Tensor, enable_grad
from autograd_np.modes import mode
from autograd_np.neural.threads import over_halves
from autograd_np.tensor import plain
from nn.parameter import zero_grad

__all__ = ["NOTES", "Array", "Group", "Optimizer", "Parameters", "arrays_in"]

Array = NDArray[Any]
Group = dict[str, Any]
Parameters = Iterable[Tensor] | Iterable[Mapping[str, Any]]


# Entries of PyTorch's groups that make no difference to a step: how it is computed, and notes of others.
_WITHOUT_EFFECT = frozenset({"foreach", "fused", "capturable", "param_names"})

NOTES = ("initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum")
"""Entries of groups that make no difference to a step either: what schedules note there."""


class Optimizer:
    """What the optimisers have in common; each defines `_update` and checks its hyperparameters in `_check`.

    `_memory` names what it remembers of each parameter: arrays of its shape, the number of steps as ``"step"``, other
    numbers. `_optional` has what it remembers besides where an option is on. `_fixed` has those options of PyTorch's
    that are not here, with the value that says what is done here; `_absent` has options that state dicts may lack, from
    before they were there, with the value that says what was done then.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        What `Module.parameters` yields; or groups of parameters, ``{"params": [...], "lr": 0.01}``, whose other entries
        take the place of this optimiser's arguments.
    **defaults
        The hyperparameters of groups that do not say otherwise.

    Attributes
    ----------
    param_groups : list of dict
        Each group's parameters, under ``"params"``, and its hyperparameters under their names. Changes count from the
        next step.
    lr : float
        The learning rate of all groups.

    Raises
    ------
    TypeError
        If `params` holds anything but Tensors or groups.
    ValueError
        If there are no parameters or none of them needs a gradient, one is the result of an operation or comes twice,
        or a hyperparameter is out of range.
    """

    _memory: ClassVar[tuple[str, ...]] = ()
    _optional: ClassVar[Mapping[str, str]] = {}
    _fixed: ClassVar[Mapping[str, bool]] = {"maximize": False, "differentiable": False}
    _absent: ClassVar[Mapping[str, bool]] = {}

    def __init__(self, params: Parameters, **defaults: Any) -> None:
        self.defaults = defaults
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        self._flat: dict[np.dtype[Any], Array] = {}
        for group in self._groups(params):
            self.add_param_group(group)
        if not any(parameter.requires_grad for parameter in self._parameters()):
            raise ValueError(f"{self._name}: none of the parameters requires a gradient; thaw those that are to change")

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters, with hyperparameters of their own, to those that are optimised.

        Parameters
        ----------
        group : dict
            ``{"params": [...]}`` and any of the optimiser's arguments.

        Examples
        --------
        >>> import nn
        >>> body, head = nn.Linear(4, 3), nn.Linear(3, 2)
        >>> optimizer = nn.optim.SGD(body.parameters(), lr=0.01)
        >>> optimizer.add_param_group({"params": head.parameters(), "lr": 0.1})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.01, 0.1]
        """
        unknown = [name for name in group if name not in ("params", *NOTES, *self.defaults)]
        if unknown or "params" not in group:
            raise ValueError(
                f"{self._name}: a group has the entries {', '.join(map(repr, group))}; it needs 'params', and may have "
                f"{', '.join(map(repr, self.defaults))}"
            )
        given = group["params"]
        params: list[Tensor] = [given] if isinstance(given, Tensor) else list(given)
        if not params:
            raise ValueError(
                f"{self._name}: there are no parameters to optimise; the model has none, or the iterator was used up "
                f"(model.parameters() can be iterated once)"
            )
        known = {id(parameter) for parameter in self._parameters()}
        for parameter in params:
            self._check_parameter(parameter, known)
            known.add(id(parameter))
        complete: Group = {**self.defaults, **group, "params": params}
        self._check_number("lr", complete["lr"])
        self._check(complete)
        self.param_groups.append(complete)

    @property
    def lr(self) -> float:
        """The learning rate; setting it sets that of every group.

        Raises
        ------
        ValueError
            If the groups have different ones, or a negative one is set.
        """
        rates = {float(group["lr"]) for group in self.param_groups}
        if len(rates) > 1:
            raise ValueError(f"{self._name}.lr: the groups' learning rates differ; read them from param_groups")
        return rates.pop()

    @lr.setter
    def lr(self, value: float) -> None:
        self._check_number("lr", value)
        for group in self.param_groups:
            group["lr"] = value

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients: set each parameter's ``.grad`` to None, or with False those that are there to zeros."""
        zero_grad(self._parameters(), set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient, in place.

        Parameters
        ----------
        closure : callable, optional
            Called first: computes the loss and its gradients, and returns the loss.

        Returns
        -------
        object
            What the closure returned.
        """
        loss = None
        if closure is not None:
            if not callable(closure):  # pyright: ignore[reportUnnecessaryComparison]
                raise TypeError(f"{self._name}.step: closure is a {type(closure).__name__}; give a function")
            with enable_grad():
                loss = closure()
        watch = mode.get().watch
        outer = watch and watch.enter(self)
        for group in self.param_groups:
            for parameter in group["params"]:
                if (grad := parameter.grad) is not None:
                    self._update(parameter, plain(grad), self.state.setdefault(parameter, {}), group)
        if watch is not None:
            watch.leave(self, outer, None)
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return copies of what the optimiser remembers, and the hyperparameters.

        Returns
        -------
        dict
            In PyTorch's form: ``"state"`` by the number of each parameter, and ``"param_groups"``.
        """
        numbers = {id(parameter): i for i, parameter in enumerate(self._parameters())}
        return {
            "state": {
                numbers[id(parameter)]: {**state, **{name: array.copy() for name, array in arrays_in(state).items()}}
                for parameter, state in self.state.items()
            },
            "param_groups": [
                {**group, "params": [numbers[id(parameter)] for parameter in group["params"]]}
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what another optimiser of the same kind and parameters remembered, and its hyperparameters.

        Everything is checked before anything is changed. PyTorch's state dicts are read too: those of its options that
        leave the steps as they are here, such as `foreach`, are passed over.

        Parameters
        ----------
        state : dict
            As `state_dict` returns it, here or in PyTorch. What it holds may be arrays, tensors, numbers or lists.

        Raises
        ------
        TypeError
            If something in it is of the wrong kind: no dict, or no floating-point numbers.
        ValueError
            If the groups, the shapes or what is remembered are not those of this optimiser, a hyperparameter is out of
            range, or an option that is not here would change the steps, such as `amsgrad`.
        """
        call = f"{self._name}.load_state_dict"
        advice = "give what state_dict() returned, with a dict 'state' and a list 'param_groups' of dicts"
        if not _is_mapping(state):
            raise TypeError(f"{call}: the state is a {type(state).__name__}; {advice}")
        if set(state) != {"state", "param_groups"}:
            raise ValueError(f"{call}: the state has the entries {', '.join(map(repr, state))}; {advice}")
        saved: Sequence[Mapping[str, Any]] = state["param_groups"]
        if not (
            _is_mapping(state["state"])
            and isinstance(state["param_groups"], list | tuple)
            and all(map(_is_mapping, saved))
        ):
            raise TypeError(f"{call}: an entry of the state is of another type; {advice}")
        numbers: list[list[Any]] = [list(group.get("params", ())) for group in saved]
        sizes, given = [len(group["params"]) for group in self.param_groups], [len(group) for group in numbers]
        parameters = dict(zip(itertools.chain(*numbers), self._parameters(), strict=False))
        if sizes != given or len(parameters) != sum(sizes):
            raise ValueError(
                f"{call}: the state has groups of {given} parameters and this optimiser of {sizes}; make it with the "
                f"same groups, of parameters that differ"
            )
        groups = [
            {**_notes(own), **self._group(call, other), "params": own["params"]}
            for own, other in zip(self.param_groups, saved, strict=True)
        ]
        owners = {parameter: group for group in groups for parameter in group["params"]}
        states: dict[Tensor, dict[str, Any]] = {}
        for number, entries in state["state"].items():
            if number not in parameters:
                raise ValueError(f"{call}: it remembers something of parameter {number!r}, which no group lists")
            parameter = parameters[number]
            states[parameter] = self._remembered(call, number, parameter, entries, owners[parameter])
        self.state, self.param_groups = states, groups

    def _group(self, call: str, group: Mapping[str, Any]) -> Group:
        """Return a saved group's hyperparameters, checked as those that the optimiser is made with."""
        group = {**self._absent, **group}
        missing = [name for name in self.defaults if name not in group]
        unknown = [
            name for name in group if name not in {"params", *self.defaults, *NOTES, *_WITHOUT_EFFECT, *self._fixed}
        ]
        if missing or unknown:
            fault = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(unknown)}, unknown to {self._name}"
            raise ValueError(f"{call}: a group {fault}; it is to have {', '.join(['params', *self.defaults])}")
        for name, value in self._fixed.items():
            if name in group and bool(_number(group[name])) != value:
                raise ValueError(
                    f"{call}: a group has {name}={group[name]}, and {self._name} takes its steps as with "
                    f"{name}={value}, so that it would go on otherwise; load what an optimiser without it has saved"
                    + ("; AdamW decouples weight decay, Adam does not" if name == "decoupled_weight_decay" else "")
                )
        complete: Group = {name: _number(group[name]) for name in self.defaults}
        self._check_number("lr", complete["lr"])
        self._check(complete)
        for name, value in _notes(group).items():
            complete[name] = _number(value)
            self._check_number(name, complete[name])
        return complete

    def _remembered(self, call: str, number: Any, parameter: Tensor, entries: Any, group: Group) -> dict[str, Any]:
        """Return what is remembered of a parameter, checked and copied into its dtype."""
        if not _is_mapping(entries):
            raise TypeError(f"{call}: what is remembered of parameter {number} is no dict: {type(entries).__name__}")
        found = {name: value for name, value in entries.items() if value is not None}
        needed = self._names(group)
        if found and not set(needed) <= set(found) <= {*self._memory, *self._optional.values()}:
            raise ValueError(
                f"{call}: of parameter {number} it remembers {', '.join(found)}, and {self._name} has "
                f"{', '.join(needed)}"
            )
        reads = {"step": _steps, "mu_product": _share}
        return {
            name: reads.get(name, _moment)(f"{call}: {name} of parameter {number}", value, parameter)
            for name, value in found.items()
        }

    def _names(self, group: Group) -> tuple[str, ...]:
        """Return what a step remembers of a parameter, with a group's options."""
        return (*self._memory, *(name for option, name in self._optional.items() if group[option]))

    def __repr__(self) -> str:
        groups = [
            f"  {len(group['params'])} parameters: " + ", ".join(f"{name}={group[name]}" for name in self.defaults)
            for group in self.param_groups
        ]
        return "\n".join([f"{self._name}(", *groups, ")"])

    # -- for subclasses -----------------------------------------------------------------------------------------------

    def _check(self, group: Group) -> None:
        """Raise if a hyperparameter other than the learning rate is out of range."""

    def _update(self, parameter: Tensor, grad: Array, state: dict[str, Any], group: Group) -> None:
        """Change one parameter, and what is remembered of it."""
        raise NotImplementedError

    def _begin(self, parameter: Tensor, state: dict[str, Any], group: Group) -> None:
        """Remember what is not there yet: no steps, and zeros; also where an option was turned on since."""
        for name in self._names(group):
            if name not in state:
                state[name] = 0 if name == "step" else self._first(name, parameter.data, group)

    def _first(self, name: str, p: Array, group: Group) -> Any:
        """Return what is remembered of a parameter before its first step."""
        return np.zeros_like(p)

    def _in_parts(self, step: Callable[..., None], parameter: Tensor, *arrays: Array) -> None:
        """Change a parameter by `step`, which takes its array, its gradient, an array to compute in, and all others."""
        p = parameter.data
        parameter.data = p  # the tape notes the write before it happens, so that one that fails halfway is known, too
        over_halves(step, p, arrays[0], self._scratch(p), *arrays[1:])

    def _scratch(self, like: Array) -> Array:
        """Return an array of the same shape and dtype to compute in: memory shared by all parameters, kept warm."""
        if type(like) is not np.ndarray:  # captured, with a plan of its memory
            return np.empty_like(like)
        flat = self._flat.get(like.dtype)
        if flat is None or flat.size < like.size:
            flat = self._flat[like.dtype] = np.empty(like.size, like.dtype)
        return flat[: like.size].reshape(like.shape)

    def _check_number(self, name: str, value: Any, below: float = math.inf) -> None:
        """Raise unless a hyperparameter is a number from 0 to below a bound."""
        if not isinstance(value, Real):
            raise TypeError(f"{self._name}: {name} is a {type(value).__name__}; give a number")
        if not 0 <= float(value) < below:
            limit = "" if below == math.inf else f" and below {below}"
            raise ValueError(f"{self._name}: {name}={value}; give a finite number of at least 0{limit}")

    def _check_betas(self, betas: Any) -> None:
        """Raise unless there are two numbers from 0 to below 1."""
        if np.shape(betas) != (2,):
            raise ValueError(f"{self._name}: betas={betas}; give two numbers")
        for name, beta in zip(("betas[0]", "betas[1]"), betas, strict=True):
            self._check_number(name, beta, below=1)

    def _check_flag(self, name: str, value: Any) -> None:
        """Raise unless an option is on or off."""
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{self._name}: {name}={value!r} is a {type(value).__name__}; give a bool")

    # -- its parameters -----------------------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _parameters(self) -> Iterable[Tensor]:
        return (parameter for group in self.param_groups for parameter in group["params"])

    def _groups(self, params: Any) -> Sequence[Mapping[str, Any]]:
        """Return the groups that were given, or one group of the parameters that were given."""
        if isinstance(params, Tensor | dict) or not hasattr(params, "__iter__"):
            kind = type(params).__name__  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            raise TypeError(
                f"{self._name}: params is a {kind}; give an iterable of Tensors, like model.parameters(), or a list of "
                f"groups"
            )
        items: list[Any] = list(params)
        if items and all(isinstance(item, Mapping) for item in items):
            return items
        return [{"params": items}]

    def _check_parameter(self, parameter: Any, known: set[int]) -> None:
        if not isinstance(parameter, Tensor):
            raise TypeError(
                f"{self._name}: params holds a {type(parameter).__name__}; give Tensors, like model.parameters()"
            )
        if not parameter.is_leaf:
            raise ValueError(
                f"{self._name}: a tensor of shape {parameter.shape} is the result of an operation; only leaves can be "
                f"optimised: give the tensors that it was computed from"
            )
        if parameter.dtype.kind != "f":
            raise TypeError(f"{self._name}: a tensor of dtype {parameter.dtype} cannot be optimised; make it floating")
        if id(parameter) in known:
            raise ValueError(f"{self._name}: a tensor of shape {parameter.shape} is listed twice; list it once")


def _notes(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: group[name] for name in NOTES if name in group}


def _number(value: Any) -> Any:
    """Return a number in place of an array or a tensor of no axes, whatever library it is of; also inside a pair."""
    if isinstance(value, tuple | list):
        return tuple(map(_number, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return value.item() if getattr(value, "shape", None) == () else value


def _steps(what: str, value: Any, _parameter: Tensor) -> int:
    """Return how many steps were taken."""
    steps = _number(value)
    if isinstance(steps, bool) or not isinstance(steps, int | float) or not steps >= 0 or steps % 1:
        raise ValueError(f"{what} is {value!r}; it is to be the number of steps taken")
    return int(steps)


def _share(what: str, value: Any, _parameter: Tensor) -> float:
    """Return a product of numbers below 1."""
    share = _number(value)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ValueError(f"{what} is {value!r}; it is to be a number from 0 to 1")
    return float(share)


def _moment(what: str, value: Any, parameter: Tensor) -> Array:
    """Return a copy of an array of a parameter's shape, in its dtype."""
    try:
        array = np.asarray(value.data if isinstance(value, Tensor) else value)
    except (TypeError, ValueError, RuntimeError) as error:  # rows of different lengths, or another library's refusal
        raise TypeError(f"{what} is no array: {error}") from error
    if array.dtype.kind != "f":
        raise TypeError(f"{what} is of dtype {array.dtype}; it is to be of floating-point numbers")
    if array.shape != parameter.shape:
        raise ValueError(f"{what} has shape {array.shape}, the parameter itself has shape {parameter.shape}")
    return array.astype(parameter.dtype)


def _is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def arrays_in(entries: Mapping[str, Any]) -> dict[str, Array]:
    """Return those of the things remembered of a parameter that are arrays."""
    return {name: value for name, value in entries.items() if isinstance(value, np.ndarray)}
