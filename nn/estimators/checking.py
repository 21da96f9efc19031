"""What makes no sense among an estimator's parameters, and what may not change while its training goes on."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from nn.data.batches import check_count
from nn.estimators.making import layer_sizes
from nn.training import fit
from nn.training.arguments import kind_of

__all__ = [
    "are_ours",
    "are_same",
    "check_parameters",
    "check_same_classes",
    "check_unchanged",
    "is_of_a_part",
    "own_modules_refused",
    "shape_of",
]

PARTS = ("module", "optimizer", "loss", "fit")
OF_THE_DEFAULT = ("hidden_layer_sizes", "activation", "dropout", "batch_norm")
_FIT = [name for name in inspect.signature(fit).parameters if name not in ("model", "x", "y")]


def is_of_a_part(name: str) -> bool:
    """Tell whether a name is that of a part's parameter, such as ``module__width``."""
    part, found, rest = name.partition("__")
    return part in PARTS and bool(found) and rest != ""


def check_parameters(name: str, given: Mapping[str, Any], besides: Iterable[str], partial: bool) -> None:
    """Raise if one of an estimator's parameters makes no sense.

    Parameters
    ----------
    name : str
        Of the estimator.
    given : mapping of str to object
        The parameters, those of parts included.
    besides : iterable of str
        The names of those that stand in no signature.
    partial : bool
        Whether they are for `partial_fit`.
    """
    _check_names(name, given, besides, partial)
    check_count(name, "max_iter", given["max_iter"], least=1)
    if not isinstance(given["batch_size"], str) or given["batch_size"] != "auto":
        check_count(name, "batch_size", given["batch_size"], least=1)
    if not isinstance(given["n_iter_no_change"], float) or given["n_iter_no_change"] != math.inf:
        check_count(name, "n_iter_no_change", given["n_iter_no_change"], least=1)
    limits: dict[str, tuple[float, float]] = {
        "alpha": (0, math.inf), "tol": (0, math.inf), "learning_rate_init": (0, math.inf), "momentum": (0, 1),
        "dropout": (0, 1), "validation_fraction": (0, 1),
    }  # fmt: skip
    for parameter, (least, below) in limits.items():
        value = given[parameter]
        if isinstance(value, bool) or not isinstance(value, Real) or not least <= float(value) < below:
            limit = "" if below == math.inf else f" and below {below}"
            raise ValueError(f"{name}: {parameter}={value!r}; give a finite number of at least {least}{limit}")
    for parameter in ("batch_norm", "early_stopping", "warm_start", "verbose"):
        value = given[parameter]
        if not isinstance(value, bool | np.bool_) and not (parameter == "verbose" and isinstance(value, Integral)):
            raise ValueError(f"{name}: {parameter}={value!r}; give True or False")
    _check_kinds(name, given)


def _check_names(name: str, given: Mapping[str, Any], besides: Iterable[str], partial: bool) -> None:
    for other in besides:
        part, _, rest = other.partition("__")
        if not is_of_a_part(other):
            raise TypeError(
                f"{name}: there is no parameter {other!r}; those of a part begin with "
                f"{', '.join(f'{part}__' for part in PARTS)}"
            )
        if part == "fit" and rest not in _FIT:
            raise TypeError(f"{name}: {other}: nn.fit has no parameter {rest!r}; it has {', '.join(_FIT)}")
        if other == "fit__class_weight":
            raise TypeError(
                f"{name}: {other}; class_weight is the classifier's own parameter, and sample_weight both's"
            )
    if given["early_stopping"] is True and (
        held := [n for n in ("validation", "validation_split") if f"fit__{n}" in given]
    ):
        raise ValueError(
            f"{name}: fit__{held[0]} with early_stopping=True, which holds back examples; give one of them"
        )
    if given.get("fit__checkpoint") is not None and (partial or given["warm_start"]):
        how = "partial_fit" if partial else f"warm_start={given['warm_start']!r}"
        raise ValueError(
            f"{name}: fit__checkpoint is for fit without warm_start: a call that goes on would go back to what the "
            f"first one wrote, got {how}; leave one out"
        )


def _check_kinds(name: str, given: Mapping[str, Any]) -> None:
    dtype, shape, callbacks = given["dtype"], given["image_shape"], given["callbacks"]
    integers: Any = (int, np.integer)
    if not isinstance(dtype, type | str | np.dtype) or dtype not in (
        np.float32, np.float64, "float32", "float64", np.dtype("f4"), np.dtype("f8")
    ):  # fmt: skip
        raise ValueError(f"{name}: dtype={dtype!r}; give np.float32 or np.float64")
    if shape is not None and (not np.iterable(shape) or not all(isinstance(n, integers) and n > 0 for n in shape)):
        raise ValueError(f"{name}: image_shape={shape!r}; give the shape of one image, such as (1, 8, 8)")
    if callbacks is not None and not isinstance(callbacks, list | tuple):
        raise TypeError(
            f"{name}: callbacks is {kind_of(callbacks)}; give a list of objects of nn.callbacks.Callback, or functions"
        )
    weight = given.get("class_weight")
    if (
        weight is not None
        and not isinstance(weight, Mapping)
        and not (isinstance(weight, str) and weight == "balanced")
    ):
        raise ValueError(
            f"{name}: class_weight={weight!r}; give 'balanced', a dict with the weight of each class, or None"
        )


def own_modules_refused(name: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Raise if a module of one's own is given together with what only the default module has."""
    sizes = layer_sizes(name, given["hidden_layer_sizes"]) != layer_sizes(name, defaults["hidden_layer_sizes"])
    others = [n for n in OF_THE_DEFAULT[1:] if given[n] is not defaults[n] and not _same(given[n], defaults[n])]
    if found := ["hidden_layer_sizes"] * sizes + others:
        raise ValueError(
            f"{name}: {', '.join(f'{n}={given[n]!r}' for n in found)} with a module of one's own, which "
            f"{'they do' if len(found) > 1 else 'it does'} not reach; give it as module__x, or leave module out"
        )


def shape_of(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a module is made by, which cannot change while its training goes on."""
    sizes = layer_sizes(name, given["hidden_layer_sizes"])
    dtype = np.dtype(given["dtype"]).name
    parts = {n: value for n, value in given.items() if n.startswith("module__")}
    own = {n: given[n] for n in ("module", "activation", "dropout", "batch_norm")}
    return {**own, "hidden_layer_sizes": sizes, "dtype": dtype, **parts}


def check_unchanged(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise if a module that is trained further is not made by the same parameters."""
    if changed := [n for n in dict.fromkeys((*before, *now)) if not _same(before.get(n), now.get(n))]:
        what = ", ".join(f"{n} was {before.get(n)!r} and is {now.get(n)!r}" for n in changed)
        raise ValueError(f"{name}: {what}, and the module that is trained further stays as it is; fit it anew")


def are_same(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Tell whether parameters are the same."""
    return before.keys() == now.keys() and all(_same(before[n], now[n]) for n in now)


def _same(a: Any, b: Any) -> bool:
    return a is b or bool(np.array_equal(a, b))


def check_same_classes(name: str, classes: Any, known: Any) -> None:
    """Raise if the classes of `partial_fit` are not those that are learned."""
    try:
        found = np.unique(np.asarray(classes))
    except TypeError as error:
        raise TypeError(f"{name}: classes={classes!r}; give labels of one type") from error
    if not np.array_equal(found, known):
        raise ValueError(f"{name}: classes={found.tolist()} is not what they were before, {known.tolist()}")


def are_ours(things: Sequence[Callable[..., Any] | object]) -> bool:
    """Tell whether functions, or objects' classes, are of this package, whose steps are sure to become programs."""
    return all(_module_of(thing).startswith("nn.") for thing in things)


def _module_of(thing: Any) -> str:
    return (thing if inspect.isfunction(thing) else type(thing)).__module__
