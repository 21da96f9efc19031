"""Transforms: from a function to the function that computes its derivative.

Functions take and return arrays, or nested dicts, lists and tuples of arrays. Derivatives come back as arrays, and as
Tensors where something on a tape is involved: an argument that is a Tensor, or a Tensor requiring a gradient that the
function closes over. That is what makes `grad(grad(f))` right.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_np.tape import mode, recording
from autograd_np.tensor import Tensor, depends_on_others, gradients

__all__ = ["grad", "value_and_grad"]

Function = Callable[..., Any]


def grad(fun: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """Return the function that computes the gradient of `fun`.

    Parameters
    ----------
    fun : callable
        Returns a scalar. Its arguments named by `argnums` are floating or complex arrays, or nested dicts, lists and
        tuples of them.
    argnums : int or tuple of int
        With respect to which positional arguments.

    Returns
    -------
    callable
        Takes the arguments of `fun` and returns the gradient, in the structure of the argument; for a tuple of argnums
        a tuple of gradients.

    Raises
    ------
    TypeError
        When called: if an argument to differentiate by is not made of floating or complex numbers.
    ValueError
        When called: if `fun` returns anything but a scalar.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import grad
    >>> grad(np.tanh)(0.5)
    array(0.78644773)
    >>> grad(grad(np.tanh))(0.5)
    array(-0.72686198)
    >>> grad(lambda p: np.sum(p["w"] ** 2) + p["b"])({"w": np.array([1.0, 2.0]), "b": 0.0})
    {'w': array([2., 4.]), 'b': array(1.)}
    """
    both = value_and_grad(fun, argnums)

    @functools.wraps(fun)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def value_and_grad(fun: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """Return the function that computes both the value and the gradient of `fun`, at the cost of one of each.

    Parameters and errors are those of `grad`.

    Returns
    -------
    callable
        Takes the arguments of `fun` and returns `(value, gradient)`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import value_and_grad
    >>> value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    (array(5.), array([2., 4.]))
    """
    positions = argnums if isinstance(argnums, tuple) else (argnums,)
    name = f"grad({getattr(fun, '__name__', 'fun')})"

    @functools.wraps(fun)
    def both(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        outer = mode.get().recording
        with recording():
            tracked, leaves = _track(args, positions, name)
            value = fun(*tracked, **kwargs)
        if not isinstance(value, _NUMBERS) or np.size(value) != 1:
            what = f"shape {np.shape(value)}" if isinstance(value, _NUMBERS) else f"type {type(value).__name__}"
            raise ValueError(
                f"{name}: the function must return a scalar, not a result of {what}; reduce it, by np.sum say"
            )
        if isinstance(value, Tensor) and value.requires_grad:
            on_tape = outer and depends_on_others(value, leaves)
            found = gradients(value, leaves, create_graph=on_tape)
        else:  # a constant
            on_tape, found = False, [Tensor(np.zeros(x.shape, x.dtype)) for x in leaves]
        results = iter(found)

        def result(given: Any) -> Any:
            g = next(results)
            return g if on_tape or isinstance(given, Tensor) else g.data

        gradient = [_map(result, args[i], name) for i in positions]
        if not on_tape and isinstance(value, Tensor):
            value = value.detach() if any(isinstance(x, Tensor) for x in args) else value.data
        return value, tuple(gradient) if isinstance(argnums, tuple) else gradient[0]

    return both


_NUMBERS: Any = (Tensor, np.ndarray, np.generic, float, int, complex)


def _track(args: Sequence[Any], positions: Sequence[int], name: str) -> tuple[list[Any], list[Tensor]]:
    """Put the arguments to differentiate by on the tape; return all arguments, and the new tensors in order."""
    leaves: list[Tensor] = []

    def track(x: Any) -> Tensor:
        # A Tensor on an outer tape gets a node of its own: the function may also close over it, and that use is
        # a constant here.
        leaf = x.reshape(x.shape) if isinstance(x, Tensor) and x.requires_grad else Tensor(x, requires_grad=True)
        leaves.append(leaf)
        return leaf

    tracked = list(args)
    for i in positions:
        if not -len(args) <= i < len(args):
            raise TypeError(f"{name}: argnums={i}, but it was called with {len(args)} positional arguments")
        tracked[i] = _map(track, args[i], name)
    return tracked, leaves


def _kind(x: Any) -> str:
    """Return NumPy's letter for the kind of a number or array, "O" for anything else."""
    return np.result_type(x).kind if isinstance(x, _NUMBERS) else "O"


def _map(function: Callable[[Any], Any], tree: Any, name: str) -> Any:
    """Apply a function to every array of nested dicts, lists and tuples."""
    if isinstance(tree, dict):
        return {key: _map(function, value, name) for key, value in tree.items()}  # pyright: ignore
    if isinstance(tree, tuple | list):
        items = [_map(function, value, name) for value in tree]  # pyright: ignore
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)  # pyright: ignore
    if _kind(tree) not in "fc":
        raise TypeError(
            f"{name}: cannot differentiate by {tree!r} (a {type(tree).__name__}); give floating or complex "
            f"numbers, like 2.0"
        )
    return function(tree)
