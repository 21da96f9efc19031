"""Backpropagation three ways, side by side: automatic, written by hand, and by finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_np import Tensor, gradients
from autograd_np.modes import recording
from nn.doctor.comparison import Comparison, ParameterComparison
from nn.doctor.diagnosis import diagnose
from nn.doctor.differences import NUMERICAL, Apart, Differences, moved
from nn.doctor.elsewhere import MOVED, places
from nn.doctor.evidence import (
    FITTED,
    GROSS,
    LEFT,
    Diagnosis,
    KnownLoss,
    Tolerance,
    agreeing_digits,
    finite,
    largest,
    length,
    listed,
    telling_numbers,
)
from nn.doctor.forward import entrance
from nn.doctor.given import given_array, given_arrays, given_number
from nn.doctor.kinks import at_a_kink
from nn.doctor.layers import SPREAD
from nn.doctor.losses import known_loss, own_loss
from nn.doctor.mistakes import hypotheses
from nn.doctor.rounding import ROUNDINGS, rounding
from nn.doctor.series import Backward, hand_written
from nn.doctor.trials import Trial, unchanged
from nn.layers import Dropout
from nn.losses import CrossEntropyLoss
from nn.module import Module

__all__ = ["compare_backprop", "compare_gradients"]

Array = NDArray[Any]
Gradients = Mapping[str, Array]


def compare_gradients(
    manual: Mapping[str, ArrayLike],
    automatic: Mapping[str, ArrayLike] | None = None,
    numerical: Mapping[str, ArrayLike] | None = None,
    *,
    parameters: Mapping[str, ArrayLike | Tensor] | None = None,
    batch_size: int | None = None,
) -> Comparison:
    """Compare gradients that were derived by hand with automatic and numerical ones, and name the mistake in them.

    The manual gradients are held against the automatic ones, to rounding; without those, against the numerical ones, to
    five digits. Numerical gradients may themselves be wrong in a few entries, where a step crosses a kink: a single
    wrong row or column is named only beside automatic ones.

    A gradient that is tiny beside the others may be what rounding leaves of one that cancels. Without the model, that
    is judged by the gradients of its own layer and of the two next to it, where names tell layers ("0.weight",
    "0.bias"), and by all of them where they do not; a multiple of the right gradient is wrong at any size. What may be
    rounding is marked "cancels" in the table, and the verdict says that nothing can be told of it. `compare_backprop`
    measures what rounding leaves.

    Most mistakes leave no pattern in the arrays by which they could be known: an activation's derivative that is left
    out, a mask that is drawn twice, pooling to the wrong place. `compare_backprop`, which has the model, tries them.

    Parameters
    ----------
    manual : mapping of str to array_like
        The gradients in question, by the parameters' names.
    automatic, numerical : mapping of str to array_like, optional
        The same gradients computed in other ways, for the same names in the order of the forward pass. One at least is
        needed. Where the numerical ones confirm the manual ones against the automatic ones, nothing is diagnosed.
    parameters : mapping of str to array_like or Tensor, optional
        The parameters: without them regularisation cannot be recognised.
    batch_size : int, optional
        Number of examples: without it no factor can be traced to a mean over them.

    Returns
    -------
    Comparison
        Its `agrees` is the verdict, its `diagnoses` say what is wrong; printed, it is a table with a line for each
        parameter, the verdict and the diagnoses; `plot` draws it.

    Raises
    ------
    TypeError
        If something else is given than a mapping, or it holds anything but real numbers, or `batch_size` is no int.
    ValueError
        If `batch_size` is less than 1, there is nothing to compare, or nothing to compare with, or names or shapes do
        not fit. (Manual gradients of a wrong shape are a mistake like others, and are diagnosed.)

    Examples
    --------
    A mean squared error without the 2 of its derivative:

    >>> import numpy as np
    >>> from autograd_np import grad
    >>> from nn.compare import compare_gradients
    >>> x, y, w = np.arange(12.0).reshape(4, 3), np.ones(4), np.ones(3)
    >>> automatic = grad(lambda p: np.mean((x @ p["w"] - y) ** 2))({"w": w})
    >>> print(compare_gradients({"w": x.T @ (x @ w - y) / 4}, automatic))
    Manual gradients beside automatic ones; relative: to the latter's largest entry
    parameter  shape  |automatic|  |manual|  difference  relative  at    digits
    w          (3,)   4.15e+02     2.07e+02  1.3e+02     5.0e-01   (2,)  0       DIFFERS
    They differ in w.
    <BLANKLINE>
    Constant factor (w)
      Evidence: manual is 0.5000 times the automatic gradient everywhere in w, to 15 digits.
      Likely thought: the 2 from differentiating a square is missing, as if the loss had a half before
      the square.
    """
    examples = 1 if batch_size is None else given_number("compare_gradients: batch_size", batch_size, 1)
    ways = {"automatic": automatic, "numerical": numerical}
    known = {way: given_arrays(way, mapping) for way, mapping in ways.items() if mapping is not None}
    if not known:
        raise ValueError("compare_gradients: there is nothing to compare with; give automatic= or numerical=")
    compared_with, reference = next(iter(known.items()))
    if not reference:
        raise ValueError(f"compare_gradients: {compared_with} holds no gradient; give one for each parameter, by name")
    found = given_arrays("manual", manual)
    own = {} if parameters is None else given_arrays("parameters", parameters)
    for what, given in {"manual": found, **known}.items():
        if given.keys() != reference.keys():
            raise ValueError(
                f"compare_gradients: {what} holds gradients of {sorted(given)}, and {compared_with} of "
                f"{sorted(reference)}"
            )
    for what, given in {**known, "parameters": own}.items():
        for name in given.keys() & reference.keys():
            if given[name].shape != reference[name].shape:
                raise ValueError(
                    f"compare_gradients: {name} has shape {given[name].shape} in {what}, and {reference[name].shape} "
                    f"in {compared_with}"
                )
    precision = {
        name: NUMERICAL if automatic is None else max(_precision(found[name]), _precision(g))
        for name, g in reference.items()
    }
    tolerance = _tolerance(precision, reference)
    if automatic is not None:
        tolerance = _beside_neighbours(tolerance, reference)
    own_size = {
        name: Tolerance(tolerance.at(name).relative)
        for name, g in reference.items()
        if _is_scaled(found[name], g, tolerance.at(name))
    }
    tolerance = tolerance._replace(own={**tolerance.own, **own_size})
    least = tolerance.absolute / tolerance.relative

    def apart(name: str, gradient: Array) -> Apart:
        if gradient.shape != reference[name].shape:
            return Apart(math.inf)
        return Apart(_relative(known["numerical"][name], gradient, least))

    return _comparison(
        found, reference, compared_with, tolerance, apart if len(known) == 2 else None,
        parameters=own, loss=KnownLoss(examples),
    )  # fmt: skip


def compare_backprop(
    model: Module,
    x: ArrayLike,
    y: ArrayLike,
    *,
    loss: Callable[[Any, Any], Tensor] | None = None,
    backward: Backward | None = None,
    directions: int = 3,
    entries: int = 5,
    rng: np.random.Generator | int = 0,
) -> Comparison:
    """Compare a model's automatic gradients with a hand-written backward pass and with finite differences.

    It works on a float64 copy of the model, and leaves the model as it is. The numerical derivatives are central
    differences along a few random directions and at a few entries of each parameter, so that it takes a second or two
    for a quarter of a million parameters as well. Parameters that require no gradient are not compared; a pass may
    return gradients of them or not. If the hand-written gradients differ, it names the mistake: those
    that `compare_gradients` knows, and those that it takes a model to try out. A pass may write into what it is given:
    these are copies, and it is judged by what it returns.

    Differences count for as much as they are known: where they are known to few digits, or the input of a ReLU is 0 or
    maxima tie, nearly or exactly, they blame nothing, and the verdict says so. What rounding leaves of a gradient is
    measured, by small errors in all that it is computed from: no mistake is named within that. If all agree, but
    parameters are 0 or 1 throughout, which hides what multiplies by them or adds them, gradients are 0, or no unit of a
    ReLU is off, the pass is called once more with other numbers for the parameters, and judged by that if it differs
    there. Where the batch, a parameter or a layer's
    output is not finite, that is named.

    The copy is in the model's own mode. In training mode `Dropout` draws the same masks in each forward pass: those
    that the model would draw next. A hand-written pass draws them like the layer, from a generator in the same state,
    ``F.dropout(A1, p, rng=rng)`` with ``F = nn.functional`` and ``rng = copy.deepcopy(layer.rng)`` or a new one of the
    layer's seed. A mask that is drawn twice is recognised if it is that generator's next one, or if it is another one
    in each call.

    Parameters
    ----------
    model : Module
        Called with `x`.
    x, y : array_like, shapes (N, ...) and (N,)
        A batch of examples and labels.
    loss : callable, default CrossEntropyLoss()
        From outputs and targets to a scalar.
    backward : callable, optional
        The hand-written pass: from the parameters by name, `x` and `y` to the gradients by name. It computes with the
        parameters that it is given, which may be others than the model's. By default the series' own, for a model that
        has the form of one of its networks (see `hand_written`).
    directions, entries : int
        How many numerical derivatives to take for each parameter.
    rng : numpy.random.Generator or int
        Draws the directions and entries.

    Returns
    -------
    Comparison
        Its `agrees` is the verdict, its `diagnoses` say what is wrong; printed, it is a table with a line for each
        parameter, the verdict and the diagnoses; `plot` draws it.

    Raises
    ------
    TypeError
        If the model is no Module, the loss a class, the loss or the pass no function, the batch a masked array or of
        ragged rows, the loss returns no Tensor, the pass something else than a mapping of real numbers, or `directions`
        or `entries` is no int.
    ValueError
        If it returns other names than the model's parameters have, no parameter requires a gradient, no numerical
        derivative is to be taken or less than none, or the loss computes with the model's own parameters, which the
        copy's are not.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> model = nn.Sequential(nn.Linear(4, 3, rng=0), nn.ReLU(), nn.Linear(3, 2, rng=1))
    >>> x, y = np.random.default_rng(0).normal(size=(5, 4)), np.array([0, 1, 1, 0, 1])
    >>> comparison = nn.compare.compare_backprop(model, x, y)
    >>> comparison.agrees, len(comparison.rows), comparison.diagnoses
    (True, 4, ())
    """
    directions = given_number("compare_backprop: directions", directions, 0)
    entries = given_number("compare_backprop: entries", entries, 0)
    if directions + entries < 1:
        raise ValueError(f"compare_backprop: {directions=}, {entries=}; take at least one numerical derivative")
    _refuse_kinds(model, loss, backward)
    criterion = CrossEntropyLoss() if loss is None else loss
    rng = np.random.default_rng(rng)
    series = hand_written(model) if isinstance(criterion, CrossEntropyLoss) else None
    own_pass = series if backward is None else backward
    x, y = given_array("x", x).astype(np.float64), given_array("y", y)
    original, model = model, model.astype(np.float64)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    if not trained:
        raise ValueError("compare_backprop: no parameter of the model requires a gradient; set p.requires_grad = True")
    frozen = {name for name, _ in model.named_parameters()} - trained
    trial = Trial(model, criterion, x, y)
    if names := _reached(trial, original):
        raise ValueError(
            f"compare_backprop: the loss computes with {listed(names)} of the model itself, as a penalty over "
            f"model.parameters() does, and a copy of the model is compared; leave the penalty out of the loss and its "
            f"derivative out of the pass, or have the model's forward return the penalty beside the outputs"
        )

    found = None if own_pass is None else _returned(own_pass, trial, frozen)
    if found is not None and found.keys() != trial.right.keys():
        raise ValueError(
            f"compare_backprop: the hand-written pass returned gradients for {sorted(found)}, but the parameters are "
            f"{sorted(trial.right)}" + (f" (and {sorted(frozen)}, which require no gradient)" if frozen else "")
        )
    comparison = _compared(trial, found, own_pass, frozen, Differences(trial, directions, entries, rng))
    if own_pass is not None and found is not None and comparison.agrees:
        return _elsewhere(trial, found, own_pass, frozen, comparison)
    if first := entrance(trial):
        return replace(comparison, diagnoses=(first,))
    return comparison


def _returned(own_pass: Backward, trial: Trial, frozen: Container[str]) -> dict[str, Array]:
    """Call a pass, and return its gradients."""
    # It may write into what it is given, and into what it returned when it is called again.
    given = {name: p.data.copy() for name, p in trial.model.named_parameters()}
    return given_arrays("the hand-written pass", own_pass(given, trial.x.copy(), trial.y.copy()), frozen)


def _compared(
    trial: Trial,
    found: Gradients | None,
    own_pass: Backward | None,
    frozen: Container[str],
    differences: Differences | None,
) -> Comparison:
    """Compare what a pass returned with a trial's gradients, and both with differences, if there are any."""
    automatic, model = trial.right, trial.model
    arriving: dict[str, list[Array]] = {}
    for call in trial.calls:
        arriving.setdefault(call.path, []).extend([] if call.g is None else [call.g])
    numbers = {path: telling_numbers(gs) for path, gs in arriving.items()}
    precision = {name: _precision(g) for name, g in (found or automatic).items()}
    tolerance = _tolerance(precision, automatic, rounding(trial).gradients)
    observed = () if own_pass is None else _drawn_anew(
        model, found or {}, automatic, tolerance, lambda: _returned(own_pass, trial, frozen)
    )  # fmt: skip
    return _comparison(
        found, automatic, "automatic", tolerance, None if differences is None else differences.apart,
        value=trial.value(),
        at_kink=None if differences is None else lambda names: at_a_kink(trial, names, differences),
        parameters={name: p.data for name, p in model.named_parameters() if p.requires_grad},
        loss=known_loss(own_loss(trial), trial.y, len(trial.x))._replace(numbers=numbers),
        hypotheses=hypotheses(trial, found or {}),
        observed=observed,
    )  # fmt: skip


def _elsewhere(
    trial: Trial, found: Gradients, own_pass: Backward, frozen: Container[str], comparison: Comparison
) -> Comparison:
    """Compare a pass that agrees once more with other numbers for parameters, where the ones it has hide mistakes.

    What multiplies by 1 or adds 0 may be left out unseen, as the weight of a new normalisation, and what stands behind
    units that are off. The comparison is returned as it is if all agree there too, or nothing can be told: of a pass
    that does not compute with what it is given, draws anew in each call, overflows or fails there.
    """
    told: list[str] = []
    for place in places(trial):
        every = [name for name, _ in trial.model.named_parameters()]
        farther = Trial(moved(trial.model, every, MOVED), trial.loss, trial.x, trial.y)
        with np.errstate(all="ignore"):
            try:
                again, other, another = (_returned(own_pass, where, frozen) for where in (trial, place.trial, farther))
            except (ArithmeticError, AssertionError, LookupError, RuntimeError, ValueError):
                continue
        if (
            any(not np.array_equal(found[name], g) for name, g in again.items())
            or all(np.array_equal(found[name], g) for name, g in another.items())
            or not all(finite(g) for gradients in (other, place.trial.right) for g in gradients.values())
            or other.keys() != found.keys()
        ):
            continue
        there = _compared(place.trial, other, own_pass, frozen, None)
        if not there.agrees:
            return replace(there, moved=place.names, hidden=place.why)
        told += [name for name, g in place.trial.right.items() if g.any()]
    return replace(comparison, told=tuple(dict.fromkeys(told)))


def _refuse_kinds(model: Any, loss: Any, backward: Any) -> None:
    """Refuse classes for objects, functions for models, and what cannot be called."""
    for what, value in (("model", model), ("loss", loss)):
        if isinstance(value, type):
            raise TypeError(
                f"compare_backprop: the {what} is the class {value.__name__}; give an object, {value.__name__}()"
            )
    if not isinstance(model, Module):
        raise TypeError(
            f"compare_backprop: the model is a {type(model).__name__}; give a Module, or use compare_gradients with "
            f"the gradients of a function"
        )
    for what, value in (("loss", loss), ("hand-written pass", backward)):
        if value is not None and not callable(value):
            raise TypeError(f"compare_backprop: the {what} is a {type(value).__name__}; give a function")


def _comparison(
    manual: Gradients | None,
    reference: Gradients,
    compared_with: str,
    tolerance: Tolerance,
    apart: Callable[[str, Array], Apart] | None,
    *,
    value: float | None = None,
    at_kink: Callable[[list[str]], tuple[list[str], str]] | None = None,
    **known: Any,
) -> Comparison:
    """Lay the ways side by side, and name what is wrong with the manual gradients.

    `apart` says how far a parameter's numerical gradient is from a given one.
    """
    limits = {name: max(NUMERICAL, tolerance.at(name).relative) for name in reference}
    numerical = {} if apart is None else {name: apart(name, g) for name, g in reference.items()}
    contradicted = [name for name, x in numerical.items() if x.contradicts(limits[name])]
    roughly = {name: x.error for name, x in numerical.items() if limits[name] < x.distance and name not in contradicted}
    kinked, kink = ([], "") if at_kink is None or not contradicted else at_kink(contradicted)
    contradicted = [name for name in contradicted if name not in kinked]
    confirmed: list[str] = []
    diagnoses: tuple[Diagnosis, ...] = ()
    if manual is not None:
        diagnoses = diagnose(manual, reference, tolerance, names=("manual", compared_with), **known)
        # Near a kink numerical gradients contradict all others. But those that they confirm are not the wrong ones;
        # except at a tie, where the mean of the slopes on both sides is what a wrong rule may return, too.
        confirmed = [
            name
            for name in contradicted
            if apart is not None and not apart(name, manual[name]).contradicts(limits[name])
        ]
        diagnoses = tuple(d for d in diagnoses if d.mistake == SPREAD or not set(d.parameters).intersection(confirmed))
    rows = tuple(
        _row(
            name,
            g,
            None if manual is None else manual[name],
            numerical[name].distance if name in numerical else None,
            tolerance.at(name),
            name in contradicted,
        )
        for name, g in reference.items()
    )
    return Comparison(
        rows, diagnoses, tuple(confirmed), manual, reference, compared_with, value,
        roughly={name: _digits(error) for name, error in roughly.items()}, kinked=tuple(kinked), kink=kink,
    )  # fmt: skip


def _digits(error: float) -> int:
    """Return to how many digits a number is known that may be off by a share of its size."""
    return math.floor(-math.log10(error)) if 0 < error < 1 else 0


def _row(
    name: str, reference: Array, manual: Array | None, apart: float | None, tolerance: Tolerance, contradicted: bool
) -> ParameterComparison:
    place, norm = None, length(reference)
    if manual is None:
        return ParameterComparison(
            name, reference.shape, norm, None, None, None, None, None, apart, not contradicted, True, False
        )
    difference, relative, digits = math.inf, math.inf, 0
    if manual.shape == reference.shape:
        with np.errstate(invalid="ignore"):
            distance = np.abs(manual - reference)
        if distance.any():  # also for NaN, which argmax takes for the largest
            place = tuple(int(i) for i in np.unravel_index(distance.argmax(), distance.shape))
        difference = float(distance.max(initial=0.0))
        relative, digits = _relative(manual, reference), agreeing_digits(manual, reference)
    right = tolerance.agrees(manual, reference)
    return ParameterComparison(
        name, reference.shape, norm, length(manual), difference, relative, place, digits, apart,
        right and not contradicted, right, right and not contradicted and relative > tolerance.relative,
    )  # fmt: skip


def _precision(g: Array) -> float:
    """Return how far apart, relatively, right ways of computing a gradient of such a dtype come out at most."""
    return float(np.finfo(g.dtype).eps) ** (2 / 3)


def _tolerance(
    precision: Mapping[str, float], reference: Gradients, noise: Mapping[str, float] | None = None
) -> Tolerance:
    """Return the tolerance for gradients that each have their precision.

    `noise` is what rounding leaves of each, relative to a relative error of 1 in what they are computed from. Where it
    is not known, that of the largest stands for all.
    """
    own: dict[str, Tolerance] = {}
    for name, relative in precision.items():
        own[name] = Tolerance.of(relative, reference)
        if noise is None:
            continue
        # A zero has no size of its own.
        size = relative * noise[name] if reference[name].any() else math.inf
        # What cancels after a normalisation may be large beside all that is left.
        least = ROUNDINGS * relative**1.5 * noise[name]
        own[name] = Tolerance(relative, max(least, min(own[name].absolute, size)))
    loosest = max(precision.values(), default=NUMERICAL)
    return Tolerance.of(loosest, reference)._replace(own=own)


def _beside_neighbours(tolerance: Tolerance, reference: Gradients) -> Tolerance:
    """Return the tolerance with what rounding leaves of a gradient told by those of its own layer and of the next ones.

    What cancels does so within a layer, and what vanishes in many layers is small in its neighbours, too.
    """
    layers: dict[str, dict[str, Array]] = {}
    for name, g in reference.items():
        layers.setdefault(name.rpartition(".")[0], {})[name] = g
    groups, own = list(layers.values()), dict(tolerance.own)
    for i, group in enumerate(groups):
        near = {name: g for other in groups[max(0, i - 1) : i + 2] for name, g in other.items()}
        for name in group:
            own[name] = Tolerance.of(own[name].relative, near)
    return tolerance._replace(own=own)


def _is_scaled(found: Array, expected: Array, tolerance: Tolerance) -> bool:
    """Return whether a gradient that may be rounding is a multiple of the right one, as two roundings are not."""
    if found.shape != expected.shape or not finite(found) or not largest(expected) or not found.any():
        return False
    unit = expected / largest(expected)
    factor = float(np.vdot(unit, found)) / float(np.vdot(unit, unit))
    # Roundings are few multiples of one number, so that equal ones say no more than once.
    different = np.unique(np.float32(np.abs(unit[np.abs(unit) > GROSS])))
    return (
        tolerance.agrees(found, expected)
        and len(different) >= FITTED
        and abs(factor - largest(expected)) > GROSS * largest(expected)
        and largest(found - factor * unit) <= LEFT * abs(factor)
    )


def _relative(a: Array, b: Array, least: float = 0.0) -> float:
    """Return the largest difference, relative to the largest entry or to a least size."""
    with np.errstate(invalid="ignore"):
        difference = float(np.abs(a - b).max(initial=0.0))
    scale = max(float(np.abs(b).max(initial=0.0)), least)
    if difference == 0:
        return 0.0
    return difference / scale if scale else math.inf


def _reached(trial: Trial, model: Module) -> list[str]:
    """Return which parameters of the model itself have a part in the loss of its copy."""
    own = {name: p for name, p in model.named_parameters() if p.requires_grad}
    with recording(), unchanged(trial.model):
        loss: Any = trial.loss(trial.model(trial.x), trial.y)
    if not isinstance(loss, Tensor):
        raise TypeError(
            f"compare_backprop: the loss returned a {type(loss).__name__}, which has no gradient; return a Tensor, "
            f"computed from the outputs"
        )
    found = gradients(loss, list(own.values())) if own else ()
    return [name for name, g in zip(own, found, strict=True) if g.data.any()]


def _drawn_anew(
    model: Module, found: Gradients, automatic: Gradients, tolerance: Tolerance, manual: Callable[[], Gradients]
) -> Iterator[Diagnosis]:
    """Call a pass through dropout once more, and see whether it draws masks in its backward part."""
    if not any(isinstance(module, Dropout) and module.training and module.p for module in model.modules()):
        return
    again = manual()
    wrong = [name for name in automatic if not tolerance.at(name).agrees(found[name], automatic[name])]
    steady = [name for name in automatic if np.array_equal(found[name], again[name])]
    right = [name for name in steady if name not in wrong]
    if right and not set(steady).intersection(wrong):
        yield Diagnosis(
            "mask drawn twice",
            tuple(wrong),
            f"called twice with the same arguments, the manual pass returns other gradients of {listed(wrong)}, and "
            f"the same and right ones of {listed(right)}: the forward pass draws the same masks each time, and behind "
            f"it others are drawn",
            "dropout was called on the gradient as it is on the activations, where the mask of the forward pass "
            "belongs",
        )
