"""gradient_property: from a function to a test of its gradient."""

from __future__ import annotations

import functools
import inspect
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import hypothesis
from hypothesis import strategies as st

from autograd_np.testing.checks import NondifferentiableWarning, check_grads, verify
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
        How many examples to draw and the like; by default those of the profile in force. Where they do not differ from
        that, there is no deadline and no phase that explains, and one failure is reported at a time.

    Returns
    -------
    decorator
        From the function to the test. The test also has a function ``check(*args)``, which checks with given
        arguments.

    Raises
    ------
    TypeError
        If there is no strategy, or something that is none, or not one for each argument of the function.

    Warns
    -----
    NondifferentiableWarning
        By the test: if the function could be checked with none of the arguments that were drawn.

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
        _refuse_other_arguments(function, len(arguments))

        def check(*args: Any) -> None:
            """Check the function's derivatives with given arguments."""
            __tracebackhide__ = True
            check_grads(subject, args, order, modes, atol, rtol)

        def of_drawn(case: tuple[Any, ...]) -> None:
            __tracebackhide__ = True
            try:
                kink = verify(subject, case, order, modes, atol, rtol)
            except Exception as error:
                error.add_note(f"This repeats it:\n\n{script(f'{name}.check', case, _location(function))}\n")
                raise
            if kink:
                hypothesis.event("not differentiable at the point")
                kinks.append(kink)
            else:
                checked.append(True)

        checked, kinks = list[bool](), list[str]()
        # On one line, which stands for that of the function.
        test: Callable[[Any], None] = lambda case: of_drawn(case)  # noqa: E731
        _impersonate(test, function)
        draw: Any = _settings(settings)(hypothesis.given(case=st.tuples(*arguments))(test))

        @functools.wraps(draw)
        def drawn() -> None:
            __tracebackhide__ = True
            checked.clear()
            kinks.clear()
            draw()
            if kinks and not checked:
                warnings.warn(
                    f"gradient_property: of {len(kinks)} examples none could be checked, the last since {kinks[-1]}; "
                    f"draw arguments where the function has a derivative: arrays(elements=st.floats(1, 2))",
                    NondifferentiableWarning,
                    stacklevel=2,
                )

        test_of_it: Any = drawn
        test_of_it.check = check
        return test_of_it

    return decorate


def _settings(given: hypothesis.settings | None) -> hypothesis.settings:
    """Return given settings, or those in force, but with defaults for the phases, the deadline and the reports.

    The lines that only failing examples run would be those of the check, not of what it checks.
    """
    in_force: Any = hypothesis.settings()
    phases = [phase for phase in in_force.phases if phase is not hypothesis.Phase.explain]
    ours: dict[str, Any] = {"deadline": None, "report_multiple_bugs": False, "phases": phases}
    unnamed = {
        name: value for name, value in ours.items() if getattr(given or in_force, name) == getattr(in_force, name)
    }
    return hypothesis.settings(given, **unnamed)


def _impersonate(test: Any, function: Function) -> None:
    """Give a test the names and the place in the source of the function that it is the test of.

    By the source Hypothesis tells tests apart in its database of failures, and pytest shows it. The name tells apart
    those that have no source.
    """
    functools.update_wrapper(test, function, assigned=("__module__", "__name__", "__qualname__", "__doc__"), updated=())
    del test.__wrapped__  # whose arguments pytest would take for fixtures
    test._hypothesis_internal_add_digest = f"{test.__module__}.{test.__qualname__}".encode()
    if inspect.isfunction(function):
        code = function.__code__
        place = {"co_filename": code.co_filename, "co_firstlineno": code.co_firstlineno}
        test.__code__ = test.__code__.replace(co_name=code.co_name, **place)


def _refuse_other_arguments(function: Function, count: int) -> None:
    """Raise if a function, whose signature is known, does not take as many arguments as are drawn."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # of compiled functions
        return
    try:
        signature.bind(*range(count))
    except TypeError as error:
        raise TypeError(
            f"gradient_property: {function.__qualname__}{signature} cannot be called with {count} positional "
            f"argument{'s' * (count > 1)}; give one strategy for each of its arguments. (A method is given no self: "
            f"make it a function)"
        ) from error


def _location(function: Function) -> str:
    """Return code that finds the test of a function again, or a comment that it is to be filled in."""
    name, path = function.__name__, getattr(function, "__qualname__", "")
    file = inspect.getsourcefile(function) if inspect.isfunction(function) else None
    if file is None or "<" in path or not os.path.exists(file):
        return f"# Fill in what makes {name}: the test {path} of {function.__module__} is not at the top of a file."
    outer, *inner = path.split(".")
    attribute = "".join(f".{part}" for part in inner)
    package = getattr(sys.modules.get(function.__module__), "__package__", "")
    if package:  # whose modules may import from one another
        root = os.path.dirname(os.path.abspath(file))
        for _ in package.split("."):
            root = os.path.dirname(root)
        place = os.path.relpath(root).replace(os.sep, "/")
        return (
            f"import importlib\nimport sys\nsys.path.insert(0, {place!r})\n"
            f"{name} = importlib.import_module({function.__module__!r}).{path}"
        )
    place = os.path.relpath(file).replace(os.sep, "/")
    return f"import runpy\n{name} = runpy.run_path({place!r})[{outer!r}]{attribute}"
