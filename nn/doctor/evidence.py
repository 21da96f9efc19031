"""What a diagnosis rests on: gradients beside what they should be, and how near is near enough."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CLEAR",
    "FITTED",
    "GROSS",
    "LEFT",
    "Case",
    "Diagnosis",
    "Hypothesis",
    "KnownLoss",
    "Tolerance",
    "agreeing_digits",
    "distance",
    "finite",
    "largest",
    "length",
    "listed",
    "telling_numbers",
]

Array = NDArray[Any]

# A difference must be so many times what rounding explains before anything is said about its cause.
CLEAR = 10.0
# A mistake must leave no more than this share of the difference: tolerances are wide, and much would fit into them.
LEFT = 1e-3
# So many numbers must obey a number that was fitted to them: a factor, a strength, a rate.
FITTED = 3
# What has no exact prediction, a lone row or a factor of no known origin, must change the gradient by this share.
GROSS = 1e-2
# Below this share of the largest gradient, what rounding leaves of a gradient that cancels is no difference.
_CANCELLED = 1e-3


@dataclass(frozen=True)
class Diagnosis:
    """A mistake that accounts for the difference between two gradients.

    Attributes
    ----------
    mistake : str
        Its name: "constant factor", "transposed gradient", "missing ReLU mask", ...
    parameters : tuple of str
        Whose gradients it accounts for.
    evidence : str
        What was found, with the number of digits to which it holds.
    thought : str
        The line of thought that probably led to it; empty if none suggests itself.
    alternatives : tuple of str
        Other mistakes that account for these gradients just as well.
    """

    mistake: str
    parameters: tuple[str, ...]
    evidence: str
    thought: str
    alternatives: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"Evidence: {self.evidence}."]
        if self.thought:
            lines.append(f"Likely thought: {self.thought}.")
        if self.alternatives:
            lines.append(f"Not to be told apart here from: {', '.join(self.alternatives)}.")
        name = f"{self.mistake[0].upper()}{self.mistake[1:]} ({listed(self.parameters)})"
        return "\n".join(
            [name, *(textwrap.fill(line, 100, initial_indent="  ", subsequent_indent="  ") for line in lines)]
        )


class Hypothesis(NamedTuple):
    """A mistake, and the gradients that come out when it is made.

    Attributes
    ----------
    mistake : str
        Its name.
    gradients : mapping of str to ndarray
        The gradients of all parameters.
    made : str
        How they come about, as it continues "the one that comes out when ...".
    thought : str
        The line of thought behind it.
    """

    mistake: str
    gradients: Mapping[str, Array]
    made: str
    thought: str


class Tolerance(NamedTuple):
    """How far apart two correct computations of a gradient may be.

    Attributes
    ----------
    relative : float
        A share of the gradient's largest element.
    absolute : float
        What rounding leaves where a gradient cancels.
    own : mapping of str to Tolerance
        Of the gradients that have another one, by their names.
    """

    relative: float
    absolute: float = 0.0
    own: Mapping[str, Tolerance] = MappingProxyType({})

    def at(self, name: str) -> Tolerance:
        """Return the tolerance for the gradient of a parameter."""
        return self.own.get(name, self)

    def wider(self, relative: float, absolute: float) -> Tolerance:
        """Return the tolerance with its numbers multiplied by these."""
        own = {name: tolerance.wider(relative, absolute) for name, tolerance in self.own.items()}
        return Tolerance(relative * self.relative, absolute * self.absolute, own)

    @classmethod
    def of(cls, relative: float, gradients: Mapping[str, Array]) -> Tolerance:
        """Return the tolerance for gradients of one loss, the largest of which says how much may be left of others."""
        size = max((largest(g) for g in gradients.values() if np.isfinite(g).all()), default=0.0)
        return cls(relative, _CANCELLED * relative * size)

    def around(self, expected: Array) -> float:
        """Return how far from a gradient's elements a correct one's may be."""
        return max(self.relative * largest(expected), self.absolute)

    def agrees(self, found: Array, expected: Array) -> bool:
        """Return whether a gradient is the expected one; False for another shape, and for NaN and infinity."""
        return found.shape == expected.shape and largest(distance(found, expected)) <= self.around(expected) < np.inf


def agreeing_digits(found: Array, expected: Array, scale: float | None = None) -> int:
    """Return to how many digits two gradients of one shape agree.

    Parameters
    ----------
    found, expected : ndarray
        Of one shape.
    scale : float, optional
        What they are relative to; by default the largest element expected.

    Returns
    -------
    int
        From 0 to 15; 0 if an element is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.doctor.evidence import agreeing_digits
    >>> agreeing_digits(np.array([1.0, 2.0]), np.array([1.0, 2.001]))
    3
    """
    furthest, size = largest(distance(found, expected)), largest(expected) if scale is None else scale
    if not furthest < size < np.inf:
        return 15 if furthest == 0 else 0
    share = furthest / size  # 0 too, of a difference at the end of all numbers
    return min(math.floor(-math.log10(share)), 15) if share else 15


class KnownLoss(NamedTuple):
    """What is known about the loss that was differentiated, which says what a constant factor may mean.

    Attributes
    ----------
    examples : int
        In the batch; 1 if it is not known.
    outputs : int
        Numbers that each of them has in the loss, if it is a mean over them too.
    square : bool
        Whether squares may be in it.
    reduction : {"mean", "sum"} or None
        What is made of the losses of the examples; None if it is not known.
    softmax : bool
        Whether a softmax may be in it.
    numbers : mapping of str to int
        How many numbers, that are not much smaller than the largest, the gradient of a layer's output has: by the
        layer's name, where it is known. The gradients of its parameters and of all layers before it follow from these.
    """

    examples: int = 1
    outputs: int = 1
    square: bool = True
    reduction: str | None = None
    softmax: bool = True
    numbers: Mapping[str, int] = MappingProxyType({})


class Case(NamedTuple):
    """Gradients, those of them that are clearly wrong, and what is known besides."""

    manual: Mapping[str, Array]
    reference: Mapping[str, Array]
    wrong: Sequence[str]
    tolerance: Tolerance
    names: tuple[str, str]
    parameters: Mapping[str, Array]
    loss: KnownLoss

    @property
    def pairs(self) -> Iterator[tuple[str, Array, Array]]:
        """The wrong gradients with what they should be."""
        return ((name, self.manual[name], self.reference[name]) for name in self.wrong)

    @property
    def alike(self) -> list[tuple[str, Array, Array]]:
        """Those of them that have the right shape."""
        return [pair for pair in self.pairs if pair[1].shape == pair[2].shape]

    def explains(self, name: str, predicted: Array) -> bool:
        """Return whether a manual gradient is the predicted one, and hardly anything of the difference is left."""
        found, expected = self.manual[name], self.reference[name]
        if not self.tolerance.at(name).agrees(found, predicted):
            return False
        return found.shape != expected.shape or (largest(found - predicted) <= LEFT * largest(found - expected))

    def are_all(self, names: Iterable[str]) -> bool:
        """Return whether these are all parameters that have a gradient, and not just one."""
        parameters = {name for name, g in self.reference.items() if largest(g) > self.tolerance.at(name).absolute}
        return len(parameters) > 1 and parameters <= set(names)

    def digits(self, predicted: Mapping[str, Array]) -> str:
        """Say to how many digits manual gradients are what a mistake makes of them."""
        scales = {
            # What is zero to rounding has no digits of its own.
            name: largest(self.reference[name]) if largest(value) <= self.tolerance.at(name).absolute else None
            for name, value in predicted.items()
        }
        return (
            f"to {min(agreeing_digits(self.manual[name], predicted[name], scales[name]) for name in predicted)} digits"
        )


def listed(names: Iterable[str]) -> str:
    """Return names as a list in words: "a, b and c"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def distance(a: Array, b: Array) -> Array:
    """Return how far each element is from its counterpart."""
    with np.errstate(invalid="ignore"):
        return np.abs(a - b)


def largest(a: Array) -> float:
    """Return the largest absolute value, 0 of no elements."""
    return float(np.abs(a).max(initial=0.0))


def length(a: Array) -> float:
    """Return the Euclidean norm, in float64 at least and with no square that overflows or vanishes.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.doctor.evidence import length
    >>> f"{length(np.array([3e-30, 4e-30], np.float32)):.6g} {length(np.array([3e200, 4e200])):.6g}"
    '5e-30 5e+200'
    """
    size = largest(a)
    if not 0 < size < np.inf:
        return size
    return size * float(np.linalg.norm(a.astype(float) / size))


def telling_numbers(arrays: Iterable[Array]) -> int:
    """Return how many numbers there are that are not much smaller than the largest of their array."""
    return sum(int(np.sum(np.abs(array) > GROSS * largest(array))) for array in arrays)


def finite(a: Array) -> bool:
    """Return whether there is no NaN and no infinity."""
    return bool(np.isfinite(a).all())
