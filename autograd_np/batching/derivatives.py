"""Derivatives inside of vmap: those of all examples at once.

Since no example sees another, the derivative of the sum of all results by one example's argument is that of its own
result. So a transform of `fun` on stand-ins is the same transform of the sum over the batch, on the whole batch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_np.batching.stand_ins import RULES, Run
from autograd_np.transforms import Argnums, jacobian, positions_of, value_and_grad_as
from autograd_np.trees import leaves_of, tree_of

__all__: list[str] = []


class _Summed:
    """A function on stand-ins as a function of whole batches, that returns sums over the examples.

    Attributes
    ----------
    arguments : list
        The arguments to differentiate by, as they came.
    batches : list
        Their arrays, each with the batch axis in front, also where all examples share one.
    several : bool
        Whether several arguments were asked for.
    results, aux
        Of the latest call: what the function returned, before it was summed, and what it returned besides.
    """

    def __init__(
        self, run: Run, fun: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], argnums: Argnums,
        has_aux: bool,
    ) -> None:  # fmt: skip
        self.run, self.fun, self.args, self.kwargs, self.has_aux = run, fun, args, kwargs, has_aux
        self.several = not isinstance(argnums, int | np.integer)
        self.positions = positions_of(argnums, len(args), "vmap")
        self.arguments = [args[i] for i in self.positions]
        self.batches = [run.spread(x) for x in leaves_of(self.arguments)]
        self.results: Any = None
        self.aux: Any = None

    def function(self) -> Callable[..., Any]:
        """Return the function of the batches, with the name of the one it is made of."""

        @functools.wraps(self.fun)
        def total(*batches: Any) -> Any:
            args = list(self.args)
            for i, argument in zip(self.positions, tree_of(self.arguments, map(self.run.wrap, batches)), strict=True):
                args[i] = argument
            output = self.fun(*args, **self.kwargs)
            self.results, self.aux = output if self.has_aux else (output, None)
            sums = [np.sum(y.content, axis=0) if self.run.owns(y) else y for y in leaves_of(self.results)]
            # Beside the sums, so that they come back off the tape that ends here.
            besides = [self.run.whole(y) for y in leaves_of((self.results, self.aux))]
            return tree_of(self.results, sums), besides

        return total

    def by_argument(self, parts: Sequence[Any]) -> Any:
        """Return results, one for each array of the arguments, nested as these are."""
        nested = tree_of(self.arguments, parts)
        return tuple(nested) if self.several else nested[0]

    def returned(self, besides: Sequence[Any]) -> tuple[Any, Any]:
        """Return what the function returned, and what it returned besides, for each example."""
        given = (self.results, self.aux)
        pairs = zip(leaves_of(given), besides, strict=True)
        return tree_of(given, [self.run.wrap(plain) if self.run.owns(y) else plain for y, plain in pairs])


def _value_and_grad(
    transform: str, run: Run, fun: Any, args: Any, kwargs: Any, argnums: Argnums, has_aux: bool
) -> tuple[Any, Any]:
    summed = _Summed(run, fun, args, kwargs, argnums, has_aux)

    @functools.wraps(fun)
    def total(*batches: Any) -> Any:
        sums, besides = summed.function()(*batches)
        if np.size(summed.results) != 1:
            raise ValueError("the function must return a scalar")
        return np.sum(sums), besides

    both = value_and_grad_as(transform, total, range(len(summed.batches)), has_aux=True)
    (_, besides), found = both(*summed.batches)
    value, aux = summed.returned(besides)
    return ((value, aux) if has_aux else value), summed.by_argument([run.wrap(g) for g in found])


def _jacobian(run: Run, fun: Any, args: Any, kwargs: Any, argnums: Argnums, has_aux: bool) -> Any:
    summed = _Summed(run, fun, args, kwargs, argnums, has_aux)
    found, besides = jacobian(summed.function(), range(len(summed.batches)), has_aux=True)(*summed.batches)
    leaves = list(leaves_of(summed.results))
    count = len(summed.batches)
    parts = list(leaves_of(found))
    by_output = [
        summed.by_argument([run.wrap(np.moveaxis(g, np.ndim(y), 0)) for g in parts[i * count : (i + 1) * count]])
        for i, y in enumerate(leaves)
    ]
    result = tree_of(summed.results, by_output)
    return (result, summed.returned(besides)[1]) if has_aux else result


for _transform in ("grad", "value_and_grad"):
    RULES[_transform] = functools.partial(_value_and_grad, _transform)
RULES["jacobian"] = _jacobian
