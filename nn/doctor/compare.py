"""Backpropagation three ways, side by side: automatic, written by hand, and by finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_np import Tensor, gradients
from autograd_np.modes import recording
from nn import plots
from nn.doctor.diagnosis import diagnose
from nn.doctor.evidence import (
    FITTED,
    GROSS,
    LEFT,
    Diagnosis,
    KnownLoss,
    Tolerance,
    agreeing_digits,
    distance,
    finite,
    largest,
    listed,
    telling_numbers,
)
from nn.doctor.given import given_array, given_arrays, given_number
from nn.doctor.layers import SPREAD
from nn.doctor.losses import known_loss, own_loss
from nn.doctor.mistakes import hypotheses
from nn.doctor.series import Backward, hand_written
from nn.doctor.trials import Call, Trial, unchanged
from nn.layers import Dropout
from nn.losses import CrossEntropyLoss
from nn.module import Module

__all__ = ["Comparison", "ParameterComparison", "compare_backprop", "compare_gradients"]

Array = NDArray[Any]
Gradients = Mapping[str, Array]

# Two ways of computing the same sums differ by rounding, differences by the curvature within their step as well.
_NUMERICAL = 1e-5


@dataclass(frozen=True)
class ParameterComparison:
    """One parameter's line of the table.

    Where there is no manual gradient, what is said of it is None.

    Attributes
    ----------
    name : str
        As in `named_parameters`.
    shape : tuple of int
        Of the parameter.
    norm : float
        Euclidean norm of the gradient that is compared with.
    manual_norm : float or None
        Of the manual one.
    difference, relative : float or None
        Largest difference of the manual gradient from that, and the same divided by the latter's largest entry.
        Infinite if the shapes differ.
    place : tuple of int or None
        Where it is; None if there is none, or the shapes differ.
    digits : int or None
        To how many digits they agree, relative to the largest entry.
    numerical : float or None
        How far automatic and numerical gradient are apart, relatively, where both are known.
    agrees : bool
        Whether all ways give the same gradient.
    manual_agrees : bool
        Whether the manual gradient, if there is one, is the one that it is compared with.
    cancels : bool
        Whether it differs by more than its own precision, and no more than rounding may leave beside the others: then
        nothing can be told of it, which `agrees` does not count as a difference, and the verdict says.
    """

    name: str
    shape: tuple[int, ...]
    norm: float
    manual_norm: float | None
    difference: float | None
    relative: float | None
    place: tuple[int, ...] | None
    digits: int | None
    numerical: float | None
    agrees: bool
    manual_agrees: bool
    cancels: bool


@dataclass(frozen=True, eq=False)
class Comparison:
    """Gradients computed in several ways; `print` it for a table, a verdict and the diagnoses.

    Attributes
    ----------
    rows : tuple of ParameterComparison
        One for each parameter.
    diagnoses : tuple of Diagnosis
        The mistakes that account for the differences; empty if there are none, or no known mistake accounts for them.
    confirmed : tuple of str
        The parameters whose manual gradients the numerical ones confirm, against the automatic ones.
    manual : mapping of str to ndarray, or None
        The manual gradients.
    reference : mapping of str to ndarray
        What they were compared with.
    compared_with : {"automatic", "numerical"}
        Which that is.
    loss : float or None
        The loss that was differentiated, where it is known.
    """

    rows: tuple[ParameterComparison, ...]
    diagnoses: tuple[Diagnosis, ...]
    confirmed: tuple[str, ...]
    manual: Gradients | None
    reference: Gradients
    compared_with: str
    loss: float | None = None

    @property
    def agrees(self) -> bool:
        """Whether all ways give the same gradients."""
        return all(row.agrees for row in self.rows)

    def plot(self, figure: Any = None) -> Any:
        """Draw the differences, a heat map for each parameter, with `nn.plots.gradient_differences`.

        Parameters
        ----------
        figure : matplotlib Figure, optional
            Where to draw; by default a new one.

        Returns
        -------
        matplotlib Figure

        Raises
        ------
        ValueError
            If there is no manual gradient.
        """
        if self.manual is None:
            raise ValueError("Comparison.plot: there is no manual gradient to draw the differences of; give backward=")
        return plots.gradient_differences(self.manual, self.reference, self.compared_with, figure)

    def __str__(self) -> str:
        if self.manual is None:
            title = "Automatic gradients; numerical: how far the numerical ones are from them, relatively"
        else:
            title = f"Manual gradients beside {self.compared_with} ones; relative: to the latter's largest entry"
        return "\n".join([title, *self._table(), self._verdict(), *(f"\n{diagnosis}" for diagnosis in self.diagnoses)])

    def _table(self) -> list[str]:
        columns: list[list[str]] = [
            ["parameter", *(row.name for row in self.rows)],
            ["shape", *(str(row.shape) for row in self.rows)],
            [f"|{self.compared_with}|", *(f"{row.norm:.2e}" for row in self.rows)],
        ]
        if self.manual is not None:
            columns += [
                ["|manual|", *(f"{row.manual_norm:.2e}" for row in self.rows)],
                ["difference", *(f"{row.difference:.1e}" for row in self.rows)],
                ["relative", *(f"{row.relative:.1e}" for row in self.rows)],
                ["at", *(self._place(row) for row in self.rows)],
                ["digits", *(str(row.digits) for row in self.rows)],
            ]
        if any(row.numerical is not None for row in self.rows):
            columns.append(["numerical", *(f"{row.numerical:.1e}" for row in self.rows)])
        columns.append(
            ["", *("cancels" if row.cancels else "agrees" if row.agrees else "DIFFERS" for row in self.rows)]
        )
        widths = [max(map(len, column)) for column in columns]
        return [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in zip(*columns, strict=True)
        ]

    def _place(self, row: ParameterComparison) -> str:
        """Say where the largest difference is, or which shape the manual gradient has that should not."""
        assert self.manual is not None
        shape = self.manual[row.name].shape
        if shape != row.shape:
            return f"shape {shape}"
        return str(row.place) if row.place is not None else "-"

    def _several(self) -> bool:
        """Return whether it takes more than one mistake to account for the differences."""
        groups: dict[tuple[str, ...], set[str]] = {}
        for diagnosis in self.diagnoses:
            groups.setdefault(diagnosis.parameters, set()).add(diagnosis.mistake)
        return not any(all(d.mistake in group for group in groups.values()) for d in self.diagnoses)

    def _verdict(self) -> str:
        wrong = [row.name for row in self.rows if not row.manual_agrees]
        contradicted = [row.name for row in self.rows if row.manual_agrees and not row.agrees]
        sentences: list[str] = []
        if wrong:
            sentences.append(f"They differ in {listed(wrong)}.")
            named = {name for diagnosis in self.diagnoses for name in diagnosis.parameters}
            left = [name for name in wrong if name not in (*named, *self.confirmed)]
            if not named:
                sentences.append("No known mistake accounts for it.")
            elif left:
                sentences.append(f"No known mistake accounts for {listed(left)}.")
            elif self._several():
                sentences.append("No single mistake accounts for all of it.")
        if self.confirmed:
            sentences.append(f"The numerical gradients confirm the manual ones of {listed(self.confirmed)}.")
        if contradicted:
            sentences.append(
                f"Numerical and automatic gradients differ in {listed(contradicted)}: at a kink, a ReLU at 0 or a tie "
                f"of maxima, they do; elsewhere the automatic ones are wrong."
            )
        if not sentences and self.manual is None:
            sentences.append("Both ways agree; there is no hand-written pass for this model.")
        elif not sentences:
            three = any(row.numerical is not None for row in self.rows)
            agree = "All three ways agree" if three else "Both ways agree"
            cancelled = [row.name for row in self.rows if row.cancels]
            if cancelled:
                agree += (
                    f", but nothing can be told of {listed(cancelled)}, which rounding may have left beside the others"
                )
            sentences.append(f"{agree}.")
        return " ".join(sentences)


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
        name: _NUMERICAL if automatic is None else max(_precision(found[name]), _precision(g))
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

    def apart(name: str, gradient: Array) -> float:
        if gradient.shape != reference[name].shape:
            return math.inf
        return _relative(known["numerical"][name], gradient, least)

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
        The hand-written pass: from the parameters by name, `x` and `y` to the gradients by name. By default the
        series' own, for a model that has the form of one of its networks (see `hand_written`).
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
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not parameters:
        raise ValueError("compare_backprop: no parameter of the model requires a gradient; set p.requires_grad = True")
    frozen = {name for name, _ in model.named_parameters()} - parameters.keys()
    trial = Trial(model, criterion, x, y)
    if names := _reached(trial, original):
        raise ValueError(
            f"compare_backprop: the loss computes with {listed(names)} of the model itself, as a penalty over "
            f"model.parameters() does, and a copy of the model is compared; leave the penalty out of the loss and its "
            f"derivative out of the pass, or have the model's forward return the penalty beside the outputs"
        )

    def manual() -> dict[str, Array]:
        assert own_pass is not None
        # It may write into what it is given, and into what it returned when it is called again.
        given = {name: p.data.copy() for name, p in model.named_parameters()}
        return given_arrays("the hand-written pass", own_pass(given, x.copy(), y.copy()), frozen)

    automatic = trial.right
    found = None if own_pass is None else manual()
    if found is not None and found.keys() != automatic.keys():
        raise ValueError(
            f"compare_backprop: the hand-written pass returned gradients for {sorted(found)}, but the parameters are "
            f"{sorted(automatic)}" + (f" (and {sorted(frozen)}, which require no gradient)" if frozen else "")
        )

    def apart(name: str, gradient: Array) -> float:
        if gradient.shape != automatic[name].shape:
            return math.inf
        return max(
            (
                _numerical(trial.value, parameters[name], gradient, direction, scale)
                for direction, scale in _directions(automatic[name], directions, entries, rng)
            ),
            default=0.0,
        )

    arriving: dict[str, list[Array]] = {}
    for call in trial.calls:
        arriving.setdefault(call.path, []).extend([] if call.g is None else [call.g])
    numbers = {path: telling_numbers(gs) for path, gs in arriving.items()}
    tolerance = _tolerance({name: _precision(g) for name, g in (found or automatic).items()}, automatic, _noise(trial))
    return _comparison(
        found, automatic, "automatic", tolerance, apart,
        value=trial.value(),
        parameters={name: p.data for name, p in parameters.items()},
        loss=known_loss(own_loss(trial), y, len(x))._replace(numbers=numbers),
        hypotheses=hypotheses(trial, found or {}),
        observed=_drawn_anew(model, found or {}, automatic, tolerance, manual),
    )  # fmt: skip


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
    apart: Callable[[str, Array], float] | None,
    *,
    value: float | None = None,
    **known: Any,
) -> Comparison:
    """Lay the ways side by side, and name what is wrong with the manual gradients.

    `apart` says how far a parameter's numerical gradient is from a given one.
    """
    limits = {name: max(_NUMERICAL, tolerance.at(name).relative) for name in reference}
    numerical = {} if apart is None else {name: apart(name, g) for name, g in reference.items()}
    contradicted = [name for name, x in numerical.items() if not x <= limits[name]]
    confirmed: list[str] = []
    diagnoses: tuple[Diagnosis, ...] = ()
    if manual is not None:
        diagnoses = diagnose(manual, reference, tolerance, names=("manual", compared_with), **known)
        # Near a kink numerical gradients contradict all others. But those that they confirm are not the wrong ones;
        # except at a tie, where the mean of the slopes on both sides is what a wrong rule may return, too.
        confirmed = [name for name in contradicted if apart is not None and apart(name, manual[name]) <= limits[name]]
        diagnoses = tuple(d for d in diagnoses if d.mistake == SPREAD or not set(d.parameters).intersection(confirmed))
    rows = tuple(
        _row(
            name,
            g,
            None if manual is None else manual[name],
            numerical.get(name),
            tolerance.at(name),
            name in contradicted,
        )
        for name, g in reference.items()
    )
    return Comparison(rows, diagnoses, tuple(confirmed), manual, reference, compared_with, value)


def _row(
    name: str, reference: Array, manual: Array | None, apart: float | None, tolerance: Tolerance, contradicted: bool
) -> ParameterComparison:
    place, norm = None, float(np.linalg.norm(reference))
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
        name, reference.shape, norm, float(np.linalg.norm(manual)), difference, relative, place, digits, apart,
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
        # A zero has no size of its own.
        if noise is not None and reference[name].any():
            own[name] = Tolerance(relative, min(own[name].absolute, relative * noise[name]))
    loosest = max(precision.values(), default=_NUMERICAL)
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


def _noise(trial: Trial) -> dict[str, float]:
    """Return how much each gradient changes at most with relative errors in the parameters and on the way back.

    A gradient that cancels changes much, for its size, and one that is merely small does not.
    """
    rng, error = np.random.default_rng(0), 1e-14

    def shaken(a: Array) -> Array:
        return a * (1 + error * rng.choice([-1.0, 1.0], size=a.shape))

    def rule(call: Call, g: Array) -> Mapping[str, Array]:
        return {"x": shaken(call.vjp(g)["x"])}

    noise = dict.fromkeys(trial.right, 0.0)
    for _ in range(2):
        model = deepcopy(trial.model)
        for p in model.parameters():
            p.data = shaken(p.data)
        found = trial.gradients({call.path: rule for call in trial.calls}, model=model)
        for name, g in found.items():
            noise[name] = max(noise[name], largest(distance(g, trial.right[name])) / error)
    return noise


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


def _directions(
    gradient: Array, directions: int, entries: int, rng: np.random.Generator
) -> Iterator[tuple[Array, float]]:
    """Draw directions of length 1, and the size that a derivative along each is expected to have."""
    if not gradient.size:
        return
    norm = float(np.linalg.norm(gradient))
    for _ in range(directions):
        direction = rng.normal(size=gradient.shape)
        yield direction / np.linalg.norm(direction), norm / math.sqrt(gradient.size)
    # The largest entry, since the smallest say little, and others at random.
    places = [int(np.abs(gradient).argmax()), *rng.integers(gradient.size, size=max(0, entries - 1)).tolist()]
    for place in places[:entries]:
        direction = np.zeros(gradient.size)
        direction[place] = 1.0
        yield direction.reshape(gradient.shape), float(np.abs(gradient).max())


def _numerical(loss_at: Callable[[], float], p: Tensor, gradient: Array, direction: Array, scale: float) -> float:
    """Return how far the central difference along a direction is from the gradient's, relative to `scale`."""
    original = p.data.copy()
    expected = float(np.sum(gradient * direction))

    def difference(h: float) -> float:
        try:
            p.data = original + h * direction
            above = loss_at()
            p.data = original - h * direction
            below = loss_at()
        finally:
            p.data = original
        # Rounding of the two losses limits what can be seen: gradients far below it are judged absolutely.
        smallest = 1e-5 * max(1.0, abs(above))
        return abs((above - below) / (2 * h) - expected) / max(scale, abs(expected), smallest)

    # A kink of a ReLU or a maximum inside the step spoils it, and a smaller step avoids it; wrong gradients stay wrong.
    found = math.inf
    for h in (1e-5, 1e-6, 1e-7):
        found = min(found, difference(h))
        if found <= _NUMERICAL / 10:
            break
    return found
