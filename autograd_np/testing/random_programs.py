"""Random programs: straight-line code over differentiable operations, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

__all__ = ["Program", "programs"]

Shape = tuple[int, ...]

# By what a program writes for them. All are defined everywhere, and bounded enough for a few to follow one another.
_UNARY: dict[str, Callable[[Any], Any]] = {
    "np.tanh({})": np.tanh,
    "np.sin({})": np.sin,
    "np.exp(-({} ** 2))": lambda a: np.exp(-(a**2)),
    "np.sqrt(1 + {} ** 2)": lambda a: np.sqrt(1 + a**2),
    "np.log1p({} ** 2)": lambda a: np.log1p(a**2),
    "{}.T": lambda a: a.T,
    "{}.sum(axis=0)": lambda a: a.sum(axis=0),
    "{}.mean(axis=-1, keepdims=True)": lambda a: a.mean(axis=-1, keepdims=True),
    "{}[::-1]": lambda a: a[::-1],
    "{}[[0, 0]]": lambda a: a[[0, 0]],
    "{}[..., None]": lambda a: a[..., None],
    "{}.ravel()": lambda a: a.ravel(),
}
_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "{} + {}": lambda a, b: a + b,
    "{} - {}": lambda a, b: a - b,
    "{} * {}": lambda a, b: a * b,
    "{} / (1 + {} ** 2)": lambda a, b: a / (1 + b**2),
    "np.maximum({}, {})": np.maximum,
    "{} @ {}": lambda a, b: a @ b,
    "np.where({} > 0, {}, 1.0)": lambda a, b: np.where(a > 0, b, 1.0),
    "np.concatenate([{}, {}])": lambda a, b: np.concatenate([a, b]),
}
_OPERATIONS: dict[str, Callable[..., Any]] = {**_UNARY, **_BINARY}


@dataclass(frozen=True)
class Program:
    """A function of arrays: operations in a row, each on arguments or earlier results.

    Call it with arrays or tensors; print it to read it.

    Attributes
    ----------
    shapes : tuple of tuple of int
        Of its arguments.
    steps : tuple of tuple
        Of each operation its text, and the numbers of what it works on: the arguments first, then the results.
    """

    shapes: tuple[Shape, ...]
    steps: tuple[tuple[Any, ...], ...]

    def __call__(self, *args: Any) -> Any:
        """Return the last result, or the only argument."""
        values = list(args)
        for text, *places in self.steps:
            values.append(_OPERATIONS[text](*(values[i] for i in places)))
        return values[-1]

    def __str__(self) -> str:
        arguments = [f"x{i}" for i in range(len(self.shapes))]
        names = arguments + [f"y{i}" for i in range(len(self.steps))]
        lines = [f"def program({', '.join(arguments)}):"]
        for name, (text, *places) in zip(names[len(arguments) :], self.steps, strict=True):
            lines.append(f"    {name} = {text.format(*(names[i] for i in places))}")
        return "\n".join([*lines, f"    return {names[-1]}"])


def programs(max_steps: int = 6) -> st.SearchStrategy[Program]:
    """Draw programs of one or two arguments over operations that have derivatives, broadcasting included.

    Parameters
    ----------
    max_steps : int
        The largest number of operations.

    Returns
    -------
    strategy of Program
        Functions of as many arrays as they have `shapes`. They shrink to few operations.

    Examples
    --------
    >>> import numpy as np
    >>> from hypothesis import given
    >>> from autograd_np.testing import check_grads, programs
    >>> @given(programs())
    ... def test_program(program):
    ...     rng = np.random.default_rng(0)
    ...     check_grads(program, [rng.normal(size=shape) for shape in program.shapes])
    >>> test_program()

    What is drawn reads as code:

    >>> from autograd_np.testing import Program
    >>> print(Program(shapes=((2, 3),), steps=(("np.sin({})", 0), ("{} * {}", 1, 0))))
    def program(x0):
        y0 = np.sin(x0)
        y1 = y0 * x0
        return y1
    """

    @st.composite
    def draw_program(draw: st.DrawFn) -> Program:
        sides = st.integers(1, 3)
        shapes = tuple(draw(st.lists(st.lists(sides, min_size=1, max_size=2).map(tuple), min_size=1, max_size=2)))
        sample = np.random.default_rng(0)
        known, steps = [sample.normal(size=shape) for shape in shapes], list[tuple[Any, ...]]()
        for _ in range(draw(st.integers(1, max_steps))):
            text = draw(st.sampled_from(list(_OPERATIONS)))
            count = 2 if text in _BINARY else 1
            # Backwards, so that programs shrink to those that use what they computed last.
            places = [len(known) - 1 - draw(st.integers(0, len(known) - 1)) for _ in range(count)]
            result = _result(text, [known[i] for i in places])
            if result is not None:
                known.append(result)
                steps.append((text, *places))
        return Program(shapes, tuple(steps))

    return draw_program()


def _result(text: str, arguments: list[Any]) -> Any:
    """Return a result, or None where the operation does not fit, the result would be large, or two zeros meet.

    The maximum of x - x and its negative is |x - x|, which has no second derivative.
    """
    try:
        result = _OPERATIONS[text](*arguments)
    except (ValueError, IndexError, TypeError):  # AxisError is both; numbers that are no arrays have no @
        return None
    zeros = text == "np.maximum({}, {})" and np.any((arguments[0] == 0) & (arguments[1] == 0))
    return result if np.ndim(result) <= 3 and np.size(result) <= 48 and not zeros else None
