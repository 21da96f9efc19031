"""Diagnoses: which mistake made one gradient out of another, and what shows it.

A mistake is named only if it accounts for the whole difference: the gradient that comes out when it is made must be the
wrong one, to rounding. Plain NumPy on pairs of arrays; what cannot be seen in them, such as a missing mask, is tried
out by whoever has the model, and given as a `Hypothesis`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from nn.doctor import factors, patterns
from nn.doctor.evidence import CLEAR, Case, Diagnosis, Hypothesis, KnownLoss, Tolerance, finite, largest, listed

__all__ = ["diagnose"]

Array = NDArray[Any]


def diagnose(
    manual: Mapping[str, Array],
    reference: Mapping[str, Array],
    tolerance: Tolerance,
    *,
    names: tuple[str, str] = ("manual", "automatic"),
    parameters: Mapping[str, Array] | None = None,
    loss: KnownLoss | None = None,
    hypotheses: Iterable[Hypothesis] = (),
    observed: Iterable[Diagnosis] = (),
) -> tuple[Diagnosis, ...]:
    """Name the mistakes that account for the difference between gradients.

    A mistake that is fully known predicts the gradients it makes; it is named if they are the manual ones to rounding,
    wherever it changes anything. One with an unknown number in it (a factor, the strength of a regularisation) must
    hold for several elements at once. Only what neither accounts for is described, as a single row, say. Where two
    mistakes account for the same gradients, both are named.

    Parameters
    ----------
    manual : mapping of str to ndarray
        The gradients in question.
    reference : mapping of str to ndarray
        What they should be, for the same names in the order of the forward pass.
    tolerance : Tolerance
        How far correct ones may be from those.
    names : tuple of str
        What to call the two; beside "numerical" ones no lone row is named, which may be their own.
    parameters : mapping of str to ndarray, optional
        The parameters themselves, without which regularisation cannot be recognised.
    loss : KnownLoss, optional
        What is known of the loss, to which factors are traced.
    hypotheses : iterable of Hypothesis
        Mistakes that were tried out; they are used up only if something differs.
    observed : iterable of Diagnosis
        What was found in other ways, for gradients that no known mistake predicts; likewise.

    Returns
    -------
    tuple of Diagnosis
        Empty if nothing differs, or no known mistake accounts for it.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.doctor.diagnosis import diagnose
    >>> from nn.doctor.evidence import Tolerance
    >>> gradient = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> [diagnosis] = diagnose({"W": gradient.T}, {"W": gradient}, Tolerance(1e-10))
    >>> print(diagnosis)
    Transposed gradient (W)
      Evidence: the manual gradient of W is the automatic one transposed, to 15 digits.
      Likely thought: the factors of the matrix product stand in the wrong order, or as for weights that
      are stored the other way round: X.T @ delta for X @ W, delta.T @ X for X @ W.T.
    """
    # What rounding leaves of a gradient that cancels is larger where a mistake has made the others large.
    absolute = Tolerance.of(tolerance.relative, manual).absolute
    if 0 < tolerance.absolute < absolute:
        tolerance = tolerance.wider(1.0, absolute / tolerance.absolute)
    clear = tolerance.wider(CLEAR, CLEAR)
    wrong = [name for name in reference if not clear.at(name).agrees(manual[name], reference[name])]
    endless = [name for name in wrong if not (finite(manual[name]) and finite(reference[name]))]
    usable = [name for name in wrong if name not in endless]
    case = Case(manual, reference, usable, tolerance, names, parameters or {}, loss or KnownLoss())
    found = list(patterns.not_finite(case, endless))
    if usable:
        # From what predicts every number, over what was fitted or merely observed, to what only describes.
        tried = list(_tried_out(case, hypotheses))
        # What makes a gradient zero is no more certain than that it was never computed. (With a wrong shape it was.)
        zero = [
            d
            for d in tried
            if not any(case.manual[n].any() or case.manual[n].shape != case.reference[n].shape for n in d.parameters)
        ]
        named = list(
            _simplest(
                [
                    [*(d for d in tried if d not in zero), *patterns.exact(case), *factors.exact(case)],
                    [*zero, *factors.fitted(case), *observed],
                    [*patterns.lone_parts(case)],
                ],
                usable,
            )
        )
        # Where a mistake is left that nothing accounts for, it may have made a gradient like that of a neighbour.
        if not set(usable).issubset(name for d in named for name in d.parameters):
            named = [d for d in named if d.mistake != patterns.OF_ANOTHER and not _beside_unknown(d, named, usable)]
        found += named
    return tuple(found)


def _beside_unknown(diagnosis: Diagnosis, named: Iterable[Diagnosis], wrong: Iterable[str]) -> bool:
    """Return whether a part is called wrong alone in a layer of which more is wrong, and not accounted for."""
    if not diagnosis.mistake.startswith(patterns.LONE):
        return False
    layers = {name.rpartition(".")[0] for name in diagnosis.parameters}
    known = {name for d in named for name in d.parameters}
    return any(name not in known and name.rpartition(".")[0] in layers for name in wrong)


def _tried_out(case: Case, hypotheses: Iterable[Hypothesis]) -> Iterator[Diagnosis]:
    """Accept a hypothesis whose gradients are the manual ones wherever they are not the reference."""
    for mistake, gradients, made, thought in hypotheses:
        changed = {
            name: value
            for name, value in gradients.items()
            if name in case.reference and not case.tolerance.at(name).agrees(value, case.reference[name])
        }
        explained = tuple(name for name in changed if name in case.wrong)
        if explained and all(case.explains(name, value) for name, value in changed.items()):
            which = "every parameter" if case.are_all(explained) else listed(explained)
            zero = all(largest(value) <= case.tolerance.at(name).absolute for name, value in changed.items())
            how = "zero to rounding, as it" if zero else f"{case.digits(changed)}, the one that"
            evidence = f"the {case.names[0]} gradient of {which} is{'' if zero else ','} {how} comes out when {made}"
            yield Diagnosis(mistake, explained, evidence, thought)


def _simplest(ranks: Iterable[Sequence[Diagnosis]], wrong: Iterable[str]) -> Iterator[Diagnosis]:
    """Choose diagnoses, those first that account for most, and together those that account for the same."""
    left = set(wrong)
    for rank in ranks:
        while candidates := [d for d in rank if left.issuperset(d.parameters)]:
            most = set(max(candidates, key=lambda d: len(d.parameters)).parameters)
            rivals: dict[str, Diagnosis] = {}
            for rival in candidates:
                if set(rival.parameters) == most:
                    rivals.setdefault(rival.mistake, rival)
            for rival in rivals.values():
                yield replace(rival, alternatives=tuple(name for name in rivals if name != rival.mistake))
            left -= most
