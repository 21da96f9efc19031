"""Modes: whether operations are recorded, a transform is running, and somebody looks on; for each thread and task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ContextDecorator, nullcontext
from contextvars import ContextVar
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, ClassVar, NamedTuple

__all__ = [
    "ORDINARY", "Mode", "Switch", "differentiating", "enable_grad", "inference_mode", "mode", "no_grad", "recording",
    "set_grad_enabled",
]  # fmt: skip


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
_mode = mode  # for those with an argument of that name


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

    Use it as a context manager, or to decorate a function, with or without brackets. It holds for the current thread or
    task alone. Do not `yield` inside it: the caller of the generator would run under it too (decorating a generator is
    refused).

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

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        """Make a context manager, or decorate a function."""
        if function is None:
            return super().__new__(cls)
        if not callable(function):
            raise TypeError(f"{cls.__name__}({function!r}): it takes no arguments; or write set_grad_enabled(mode)")
        return cls()(function)


class enable_grad(no_grad):
    """Record inside, even within `no_grad`; otherwise like it.

    Examples
    --------
    >>> from autograd_np import Tensor, enable_grad, no_grad
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad(), enable_grad():
    ...     y = w * 2
    >>> y.requires_grad
    True
    """

    change: ClassVar[Mapping[str, Any]] = {"recording": True}


class set_grad_enabled:
    """Record from now on, or not: until it is called again, or to the end of a `with` block, or in what it decorates.

    Parameters
    ----------
    mode : bool
        Whether to record.

    Examples
    --------
    >>> from autograd_np import Tensor, set_grad_enabled
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> with set_grad_enabled(False):
    ...     y = w * 2
    >>> y.requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        self._change: type[no_grad] = enable_grad if mode else no_grad
        self._before = _mode.get()
        changed = self._before._replace(**self._change.change)
        _mode.set(ORDINARY if changed == ORDINARY else changed)

    def __enter__(self) -> None:
        """Go on in the mode that was set."""

    def __exit__(self, *error: object) -> None:
        _mode.set(self._before)

    def __call__(self, function: Any) -> Any:
        """Decorate a function; the mode is what it was before, outside of it."""
        _mode.set(self._before)
        return self._change(function)


def inference_mode(mode: Any = True) -> Any:
    """Return `no_grad()`, or with False `enable_grad()`; decorate a function.

    Examples
    --------
    >>> from autograd_np import Tensor, inference_mode
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> with inference_mode():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """
    if callable(mode):
        return no_grad(mode)
    return no_grad() if mode else enable_grad()


class recording(Switch):
    """Record inside, even within `no_grad`: a sweep that is recorded, or a formula that a rule differentiates."""

    change: ClassVar[Mapping[str, Any]] = {"recording": True, "differentiating": False}


class differentiating(Switch):
    """Record inside a function that is being differentiated: a gradient that is not recorded is a constant there."""

    change: ClassVar[Mapping[str, Any]] = {"recording": True, "differentiating": True}
