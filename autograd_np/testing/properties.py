"""gradient_property: from a function to a test of its gradient."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import hypothesis
from hypothesis import strategies as st

from autograd_np.testing.checks import check_grads, verify
from autograd_np.testing.reproduction import script

__all__ = ["GradientTest", "gradient_property"]

Function = Callable[..., Any]


class GradientTest(Protocol):
    """A test without arguments, which draws what it needs; `check` makes it with given arguments instead."""

    def __call__(self) -> None: ...  # noqa: D102

    def check(self, *args: Any) -> None: ...  # noqa: D102


def gradient_property(
    *arguments: st.SearchStrategy[Any],
    backward: Function | None = None,
    order: int = 2,
    modes: Sequence[str] = ("rev", "fwd"),
    atol: float | None = None,
    rtol: float | None = None,
    settings: hypothesis.settings | None = None,
) -> Callable[[Function], GradientTest]:
    """Make a function the test of its own gradient, for pytest or to be called.

    The test draws arguments and checks the function's derivatives with `check_grads`. When it finds a wrong one it
    shrinks the arguments to the smallest and simplest with which it is wrong, and fails with code that makes them again
    and repeats the check. Where the function has no derivative it is not checked (``pytest
    --hypothesis-show-statistics`` tells how often).

    Parameters
    ----------
    *arguments : strategy
        What to draw, for each positional argument of the function. What belongs together is drawn as one argument, a
        tuple.
    backward : callable, optional
        A hand-written backward pass of the function, ``backward(cotangent, *args)``; see `check_grads`. Then the
        function is called with plain arrays, and need not know of this package.
    order, modes, atol, rtol
        As in `check_grads`.
    settings : hypothesis.settings, optional
        How many examples to draw and the like. By default those of the profile in force, without a deadline.

    Returns
    -------
    decorator
        From the function to the test. The test also has a function ``check(*args)``, which checks with given
        arguments.

    Raises
    ------
    TypeError
        If there is no strategy, or something that is none.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.testing import arrays, gradient_property
    >>> @gradient_property(arrays())
    ... def test_softplus(x):
    ...     return np.log1p(np.exp(x))
    >>> test_softplus()

    Of a hand-written pass:

    >>> @gradient_property(arrays(), backward=lambda g, x: g * 2 * x)
    ... def test_square(x):
    ...     return x * x
    >>> test_square()
    """
    given: list[Any] = [*arguments]
    wrong = [argument for argument in given if not isinstance(argument, st.SearchStrategy)]
    if wrong or not arguments:
        raise TypeError(
            f"gradient_property: {wrong[0] if wrong else 'nothing'!r} is no strategy; give one for each argument: "
            f"@gradient_property(arrays(), arrays())"
        )

    def decorate(function: Function) -> GradientTest:
        subject = (function, backward) if backward else function
        name = function.__name__

        def check(*args: Any) -> None:
            """Check the function's derivatives with given arguments."""
            check_grads(subject, args, order, modes, atol, rtol)

        @functools.wraps(function, assigned=("__module__", "__name__", "__qualname__", "__doc__"), updated=())
        def test(case: tuple[Any, ...]) -> None:
            try:
                kink = verify(subject, case, order, modes, atol, rtol)
            except Exception as error:
                error.add_note(f"This repeats it:\n\n{script(f'{name}.check', case, _location(function))}\n")
                raise
            if kink:
                hypothesis.event("not differentiable at the point")

        del test.__wrapped__  # whose arguments pytest would take for fixtures
        within = settings or hypothesis.settings(deadline=None)
        drawn: Any = within(hypothesis.given(case=st.tuples(*arguments))(test))
        drawn.check = check
        return drawn

    return decorate


def _location(function: Function) -> str:
    """Return code that finds the test of a function again, if it is at the top of a file."""
    file = inspect.getsourcefile(function)
    if file is None or function.__qualname__ != function.__name__ or not os.path.exists(file):
        return ""
    path, name = os.path.relpath(file).replace(os.sep, "/"), function.__name__
    return f"import runpy\n{name} = runpy.run_path({path!r})[{name!r}]"
