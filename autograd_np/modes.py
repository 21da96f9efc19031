"""Modes: whether operations are recorded, a transform is running, and somebody looks on; for each thread and task."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, ContextDecorator, nullcontext
from contextvars import ContextVar
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, ClassVar, NamedTuple

__all__ = ["ORDINARY", "Mode", "Switch", "differentiating", "mode", "no_grad", "recording"]


class Mode(NamedTuple):
    """Whether operations are recorded, a transform is running, and somebody looks on.

    What is needed to leave a mode stands in the mode itself, and not in the object that entered it: one such object may
    serve several threads and tasks at once.
    """

    recording: bool = True
    differentiating: bool = False  # inside a function that a transform calls
    watch: Any = None  # who looks on, a `Watch`
    outer: Mode | None = None
    silence: AbstractContextManager[Any] = nullcontext()


ORDINARY = Mode()

# A ContextVar, so that threads and tasks do not see one another.
mode: ContextVar[Mode] = ContextVar("autograd_np.mode", default=ORDINARY)


class Switch(ContextDecorator):
    """Change the mode inside a `with` block or a decorated function; `change` says what changes."""

    change: ClassVar[Mapping[str, Any]]

    def __enter__(self) -> None:
        outer = mode.get()
        silence = self.silence()
        silence.__enter__()
        mode.set(outer._replace(**self.change, outer=outer, silence=silence))

    def __exit__(self, *error: Any) -> None:
        inner = mode.get()
        mode.set(inner.outer or ORDINARY)
        inner.silence.__exit__(*error)

    def silence(self) -> AbstractContextManager[Any]:
        """Return the context that is entered together with the mode."""
        return nullcontext()

    def __call__(self, func: Any) -> Any:
        """Decorate a function."""
        if isgeneratorfunction(func) or iscoroutinefunction(func) or isasyncgenfunction(func):
            raise TypeError(
                f"{type(self).__name__}() cannot decorate {func.__qualname__}: a generator or coroutine would leak the "
                f"mode into its caller at each yield or await; write `with {type(self).__name__}():` around the parts "
                f"that do not yield"
            )
        return super().__call__(func)


class no_grad(Switch):
    """Record nothing inside: results need no gradient, and leaves may be changed in place.

    Use it as a context manager or to decorate a function. It holds for the current thread or task alone. Do not
    `yield` inside it: the caller of the generator would run under it too (decorating a generator is refused).

    Raises
    ------
    TypeError
        If it decorates a generator or a coroutine function.

    Examples
    --------
    >>> from autograd_np import Tensor, no_grad
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """

    change: ClassVar[Mapping[str, Any]] = {"recording": False}


class recording(Switch):
    """Record inside, even within `no_grad`: a sweep that is recorded, or a formula that a rule differentiates."""

    change: ClassVar[Mapping[str, Any]] = {"recording": True, "differentiating": False}


class differentiating(Switch):
    """Record inside a function that is being differentiated: a gradient that is not recorded is a constant there."""

    change: ClassVar[Mapping[str, Any]] = {"recording": True, "differentiating": True}
