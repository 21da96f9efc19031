"""vmap: the call of a function of one example on a batch, at once or in a loop."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autograd_np.batching.stand_ins import Batched, NoRule, Run
from autograd_np.capture import StandIn
from autograd_np.tensor import Tensor, as_array
from autograd_np.transforms import checked_function, user_level
from autograd_np.trees import in_order_of, leaves_of, nested_alike, tree_of

__all__ = ["VmapLoopWarning", "vmap"]


class VmapLoopWarning(UserWarning):
    """A function is called for each example in turn: it cannot be computed for all of them at once.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from autograd_np import VmapLoopWarning, vmap
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", VmapLoopWarning)
    ...     vmap(lambda x: x if x > 0 else 0.1 * x)(np.array([-1.0, 2.0]))
    array([-0.1,  2. ])
    """


def vmap(fun: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """Return the function that computes `fun`, a function of one example, for each example of a batch.

    The result is that of `np.stack([fun(x) for x in xs])`. It is computed for all examples at once by rules for NumPy's
    functions, and in a loop where there is none, or where `fun` asks for an example's numbers: a warning says so.

    Parameters
    ----------
    fun : callable
        Takes and returns arrays, or nested dicts, lists and tuples of arrays. It must have no effects besides: it may
        be called once for all examples, once for each, or both. What it draws from a random generator may thus be drawn
        once. Arrays are handed to it read-only.
    in_axes : int, None, or tuple or list of these
        Which axis of the positional arguments counts the examples; None for an argument that all examples share. In a
        tuple there is one entry for each argument: an int, None, or containers of them nested as the argument is, as
        far as they go. Of keyword arguments it is the first axis.
    out_axes : int, None, or containers of these
        Which axis of the results is to count the examples; None for a result that is the same for all examples, which
        is told only where they are computed at once.

    Returns
    -------
    callable
        Takes the arguments of `fun`, with one more axis where they are mapped, and returns its results with one more.

    Raises
    ------
    TypeError
        If `fun` is no function, an axis is none, or a result is not made of numbers.
    ValueError
        When called: if no argument is mapped, one has no such axis, their lengths differ, or in_axes or out_axes are
        nested otherwise than what they are for; if the results of examples differ in their shapes or structures; of a
        loop, if there are no examples, or None is among out_axes.

    Warns
    -----
    VmapLoopWarning
        If the examples are computed in a loop.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import grad, vmap
    >>> vmap(np.dot, in_axes=(None, 0))(np.array([1.0, 2.0]), np.eye(2))
    array([1., 2.])

    The gradient of each example by itself:

    >>> def loss(w, x, y):
    ...     return (w @ x - y) ** 2
    >>> vmap(grad(loss), in_axes=(None, 0, 0))(np.ones(2), np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros(2))
    array([[ 6., 12.],
           [42., 56.]])
    """
    if not (_is_axis(in_axes) or isinstance(in_axes, tuple | list)):
        raise TypeError(f"vmap: in_axes={in_axes!r}; give an int, None, or a tuple with an entry for each argument")
    name = f"vmap({getattr(fun, '__name__', 'fun')})"

    @functools.wraps(checked_function("vmap", fun))
    def mapped(*args: Any, **kwargs: Any) -> Any:
        call = _Call(name, fun, args, kwargs, in_axes, out_axes)
        run = Run(call.count)
        try:
            result = call.at_once(run)
            reason = run.refused
        except NoRule as refusal:
            if refusal.run is not run:  # that of an outer vmap, which a loop here could not help
                raise
            result, reason = None, run.refused
        except Exception as error:
            result, reason = None, run.refused or f"for all at once it raises {type(error).__name__}: {error}"
        finally:
            run.over = True
        if reason is None:
            return result
        result = call.in_a_loop()
        warnings.warn(
            f"{name}: called for each of {call.count} examples in turn, since {reason}", VmapLoopWarning,
            stacklevel=user_level(),
        )  # fmt: skip
        return result

    return mapped


class _Call:
    """A call of a mapped function."""

    def __init__(self, name: str, fun: Any, args: Any, kwargs: Any, in_axes: Any, out_axes: Any) -> None:
        self.name, self.fun, self.given, self.out_axes = name, fun, (args, kwargs), out_axes
        if isinstance(in_axes, tuple | list) and len(in_axes) != len(args):  # pyright: ignore
            raise ValueError(
                f"{name}: in_axes has {len(in_axes)} entries for {len(args)} arguments; give one for each"  # pyright: ignore
            )
        axes = _spread(in_axes, args, f"{name}: in_axes") + [0] * len(list(leaves_of(kwargs)))
        self.leaves: list[Any] = []
        self.is_mapped = [axis is not None for axis in axes]
        counts: set[int] = set()
        for given, axis in zip(leaves_of(self.given), axes, strict=True):
            leaf: Any = given
            if axis is not None:
                leaf = given if type(given) in _ARRAYS else as_array(given, f"{name}: an argument")
                if not -leaf.ndim <= axis < leaf.ndim:
                    raise ValueError(
                        f"{name}: axis {axis} of an argument of shape {leaf.shape}, which has none; let in_axes say "
                        f"which counts the examples, and None for what all of them share"
                    )
                leaf = np.moveaxis(leaf, axis, 0)
                counts.add(leaf.shape[0])
                if isinstance(leaf, np.ndarray):
                    leaf.flags.writeable = False
            self.leaves.append(leaf)
        if len(counts) != 1:
            what = f"axes of lengths {sorted(counts)} for the examples" if counts else "no argument to map over"
            raise ValueError(f"{name}: {what}; in_axes={in_axes!r} is to name axes of one length")
        (self.count,) = counts

    def at_once(self, run: Run) -> Any:
        """Return the results, computed on stand-ins."""
        leaves = [run.wrap(x) if is_mapped else x for x, is_mapped in zip(self.leaves, self.is_mapped, strict=True)]
        args, kwargs = tree_of(self.given, leaves)
        output = self.fun(*args, **kwargs)
        results: list[Any] = []
        for y, axis in zip(leaves_of(output), self._axes_of(output), strict=True):
            if axis is None and run.owns(y):
                raise ValueError("out_axes is None for a result that is another for each example")
            if run.owns(y):
                results.append(np.moveaxis(y.content, 0, _place(axis, y.ndim)).copy())
            else:
                results.append(self._number(y) if axis is None else np.stack([self._number(y)] * self.count, axis))
        return tree_of(output, results)

    def in_a_loop(self) -> Any:
        """Return the results, computed for each example in turn."""
        if not self.count:
            raise ValueError(f"{self.name}: there are no examples, and what the result would be is told by one alone")
        outputs: list[Any] = []
        for i in range(self.count):
            leaves = [x[i, ...] if is_mapped else x for x, is_mapped in zip(self.leaves, self.is_mapped, strict=True)]
            args, kwargs = tree_of(self.given, leaves)
            outputs.append(self.fun(*args, **kwargs))
        first = outputs[0]
        for output in outputs:
            if not (nested_alike(output, first) and nested_alike(first, output)):
                raise ValueError(
                    f"{self.name}: the results of examples are nested in different ways; let them be alike"
                )
        columns = zip(*(leaves_of(in_order_of(output, first)) for output in outputs), strict=True)
        return tree_of(first, [self._stacked(*column) for column in zip(columns, self._axes_of(first), strict=True)])

    def _stacked(self, parts: Sequence[Any], axis: int | None) -> Any:
        if axis is None:
            raise ValueError(
                f"{self.name}: out_axes=None, and computed for each example in turn no result is known to be the same "
                f"for all of them; give an axis"
            )
        arrays = [self._number(part) for part in parts]
        shapes = sorted({np.shape(array) for array in arrays})
        if len(shapes) > 1:
            raise ValueError(
                f"{self.name}: the results of examples have shapes {', '.join(map(str, shapes))}; they make an array "
                f"only if they agree"
            )
        stack: Any = np.stack  # it dispatches
        return stack(arrays, _place(axis, len(shapes[0])))

    def _axes_of(self, output: Any) -> list[int | None]:
        return _spread(self.out_axes, output, f"{self.name}: out_axes")

    def _number(self, y: Any) -> Any:
        """Return a result, if it is one of numbers."""
        if type(y) in _ARRAYS:
            return y
        if y is None or isinstance(y, str):
            raise TypeError(f"{self.name}: the function must return arrays, not a {type(y).__name__}")
        return as_array(y, f"{self.name}: a result")


_ARRAYS = {Tensor, Batched, StandIn}


def _spread(axes: Any, tree: Any, what: str) -> list[int | None]:
    """Return an axis for each array of nested containers, from what is nested like them as far as it goes."""
    if _is_axis(axes):
        return [axes] * len(list(leaves_of(tree)))
    nested: Any = None
    if isinstance(axes, dict) and isinstance(tree, dict) and axes.keys() == tree.keys():
        nested = [(axes[key], tree[key]) for key in tree]  # pyright: ignore
    elif isinstance(axes, tuple | list) and isinstance(tree, tuple | list) and len(axes) == len(tree):  # pyright: ignore
        nested = zip(axes, tree, strict=True)  # pyright: ignore
    if nested is None:
        kind = type(tree).__name__  # pyright: ignore
        raise ValueError(f"{what} has {axes!r} for a {kind}; nest ints and None as that is nested")
    return [axis for part, branch in nested for axis in _spread(part, branch, what)]


def _is_axis(axis: Any) -> bool:
    return axis is None or (isinstance(axis, int | np.integer) and not isinstance(axis, bool))


def _place(axis: int | None, ndim: int) -> int:
    """Return where the axis of the examples goes in a result that has so many axes besides."""
    return normalize_axis_index(0 if axis is None else axis, ndim + 1)
