"""What a comparison found: a line for each parameter, the verdict and the diagnoses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from autograd_np import rich
from nn import plots
from nn.doctor.evidence import Diagnosis, listed

__all__ = ["Comparison", "ParameterComparison"]

Array = NDArray[Any]
Gradients = Mapping[str, Array]


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
    roughly : mapping of str to int
        The parameters whose differences are known too roughly to judge the others, and to how many digits.
    kinked : tuple of str
        The parameters whose differences cannot judge since an input of a ReLU is 0 or maxima tie, nearly or exactly.
    kink : str
        Where it is.
    moved, hidden : tuple of str, str
        The parameters that have other numbers here, and what they hide with their own. With those all agrees, and this
        is where it does not. Empty where they were not moved.
    told : tuple of str
        The parameters whose gradients agree with other numbers, too, and are not 0 there.
    """

    rows: tuple[ParameterComparison, ...]
    diagnoses: tuple[Diagnosis, ...]
    confirmed: tuple[str, ...]
    manual: Gradients | None
    reference: Gradients
    compared_with: str
    loss: float | None = None
    roughly: Mapping[str, int] = field(default_factory=dict[str, int])
    kinked: tuple[str, ...] = ()
    kink: str = ""
    moved: tuple[str, ...] = ()
    hidden: str = ""
    told: tuple[str, ...] = ()

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
        columns = self._columns()
        widths = [max(map(len, column)) for column in columns]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in zip(*columns, strict=True)
        ]
        return "\n".join([self._title(), *lines, self._found()])

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the text, with a table."""
        header, *rows = zip(*self._columns(), strict=True)
        return rich.table(header, rows, self._title(), self._found())

    def _title(self) -> str:
        if self.manual is None:
            return "Automatic gradients; numerical: how far the numerical ones are from them, relatively"
        return f"Manual gradients beside {self.compared_with} ones; relative: to the latter's largest entry"

    def _found(self) -> str:
        return "\n".join([self._verdict(), *(f"\n{diagnosis}" for diagnosis in self.diagnoses)])

    def _columns(self) -> list[list[str]]:
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
        return columns

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
        if self.loss is not None and not math.isfinite(self.loss):
            return f"The loss is {self.loss}, and nothing can be told of the gradients."
        if self.moved:
            sentences.append(
                f"With the parameters as they are all ways agree. But {self.hidden}; with other numbers for them, "
                f"which the pass was given and which the table is of, it is wrong."
            )
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
        endless = [row.name for row in self.rows if row.name in contradicted and not math.isfinite(row.norm)]
        if endless:
            sentences.append(f"The automatic gradients of {listed(endless)} are not finite, and the loss is.")
            contradicted = [name for name in contradicted if name not in endless]
        if contradicted:
            sentences.append(
                f"Numerical and automatic gradients differ in {listed(contradicted)}: at a kink, a ReLU at 0 or a tie "
                f"of maxima, they do; elsewhere the automatic ones are wrong."
            )
        return " ".join([*(sentences or [self._agreement()]), *self._unjudged()])

    def _agreement(self) -> str:
        """Say which ways agree."""
        judging = [
            row for row in self.rows if row.numerical is not None and row.name not in (*self.roughly, *self.kinked)
        ]
        if self.manual is None:
            both = "Both ways agree" if judging else "Nothing contradicts the automatic gradients"
            return f"{both}; there is no hand-written pass for this model."
        agree = "All three ways agree" if judging else "Both ways agree"
        cancelled = [row.name for row in self.rows if row.cancels]
        if cancelled:
            agree += f", but nothing can be told of {listed(cancelled)}, which rounding may have left beside the others"
        return f"{agree}.{self._of_zeros()}"

    def _of_zeros(self) -> str:
        """Say of which gradients there is nothing to see, with these numbers or others."""
        zero = [
            row.name
            for row in self.rows
            if row.norm == 0 == row.manual_norm and row.name not in self.told and self.reference[row.name].size
        ]
        if not zero:
            return ""
        what = "The gradient of" if len(zero) == 1 else "The gradients of"
        return (
            f" {what} {listed(zero)} {'is' if len(zero) == 1 else 'are'} 0 throughout, by hand as well, which tells "
            f"nothing of the way there."
        )

    def _unjudged(self) -> Iterator[str]:
        """Say of which gradients differences tell little or nothing."""
        others = "the automatic gradients stand alone there" if self.manual is None else "the other two decide there"
        if self.roughly:
            digits = min(self.roughly.values())
            yield (
                f"The differences of {listed(self.roughly)} are known to {digits} digit{'' if digits == 1 else 's'} "
                f"only, and contradict nothing; {others}."
            )
        if self.kinked:
            yield (
                f"The differences of {listed(self.kinked)} cannot judge, for {self.kink}; a little beside it they "
                f"agree with the automatic gradients, and {others}."
            )
