"""What check_grads checks: a function and a point, as a function of a flat list of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograd_np.tensor import Tensor, plain
from autograd_np.testing.arguments import (
    Parts,
    as_module,
    as_tensor,
    called,
    copied,
    has_variables,
    is_floating,
    is_module,
    is_python,
    parameters_of,
    paths,
    refuse_subclass,
)
from autograd_np.testing.layouts import lay_out, own_elements
from autograd_np.testing.numerical import scale
from autograd_np.trees import in_order_of, leaves_of, nested_alike, tree_of

__all__ = ["Function", "Pair", "Subject", "Variable", "dot", "real_sum"]

Array = NDArray[Any]
Function = Callable[..., Any]
Pair = tuple[Function, Function]


class Variable(NamedTuple):
    """What to differentiate by: its name in messages, as it was given, its own elements, and if it has a dtype."""

    name: str
    given: Array
    elements: Array
    typed: bool


class Subject:
    """A function and a point, as a function of a flat list of arrays."""

    def __init__(self, f: Function | Pair, args: Sequence[Any]) -> None:
        __tracebackhide__ = True
        self.backward: Function | None = None
        functions: list[Any] = [*f] if isinstance(f, tuple) else [f]
        if not all(map(callable, functions)) or len(functions) not in (1, 2):
            raise TypeError(f"check_grads: {f!r} is neither a function of tensors nor a pair (forward, backward)")
        self.function: Function = functions[0]
        self.args: tuple[Any, ...] = tuple(args)
        self.offset = 0
        if len(functions) == 2:
            self.backward = functions[1]
        self.name: str = getattr(self.function, "__name__", type(self.function).__name__)
        if is_module(self.function):  # it is one more argument, and the first
            self.function, self.args, self.offset = called, (self.function, *args), 1
        for position, argument in enumerate(self.args):
            for path, leaf in paths(argument, f"args[{position - self.offset}]"):
                refuse_subclass(leaf, f"check_grads({self.name}): {path}")
        self._modules = {id(leaf): Parts(leaf) for leaf in leaves_of(self.args) if is_module(leaf)}
        self.variables = list(self._variables())
        if not self.variables:
            raise TypeError(
                f"check_grads({self.name}): nothing to differentiate by among the arguments "
                f"{tuple(type(a).__name__ for a in args)}; give arrays of floating or complex numbers"
            )
        self.rng = np.random.default_rng(0)
        self.point = [v.elements for v in self.variables]
        self.outputs = [np.asarray(plain(y)) for y in self.flat(*self._constants())]
        if not self.outputs:
            result = self.function(*self._arguments(self._constants()))
            raise TypeError(
                f"check_grads({self.name}): the function returned {result!r}, in which nothing can be differentiated; "
                f"return arrays of floating or complex numbers"
            )
        for y, again in zip(self.outputs, self.flat(*self._constants()), strict=True):
            if not np.array_equal(y, plain(again), equal_nan=True):
                raise ValueError(
                    f"check_grads({self.name}): the function does not return the same for the same arguments; make a "
                    f"generator with a fixed seed inside it"
                )
        self.eps = max(float(np.finfo(a.dtype).eps) for a in (*self.point, *self.outputs))
        self.cotangents = [self.random(y) * share for y, share in zip(self.outputs, _shares(self.outputs), strict=True)]
        self.rounding = 64 * self.eps * sum(float(np.sum(abs(u))) for u in self.cotangents)
        self.size = sum(float(np.sum(abs(u * y))) for u, y in zip(self.cotangents, self.outputs, strict=True))

    def _variables(self) -> Iterator[Variable]:
        for position, argument in enumerate(self.args):
            name = f"args[{position - self.offset}]" if position >= self.offset else ""
            for path, leaf in paths(argument, name):
                if is_module(leaf):
                    for key, parameter in parameters_of(leaf):
                        yield Variable(f"{path}.{key}".lstrip("."), parameter.data, parameter.data, True)
                elif is_floating(leaf):
                    given = np.asarray(plain(leaf.detach() if isinstance(leaf, Tensor) else leaf))
                    given = given if self.offset == 0 else as_module(self.args[0], given)
                    yield Variable(path, given, own_elements(given), not is_python(leaf))

    def flat(self, *elements: Any) -> list[Any]:
        """Call the function with other numbers in place of its variables, and list the arrays of its result."""
        __tracebackhide__ = True
        results = [*leaves_of(self.function(*self._arguments(elements)))]
        for y in results:
            refuse_subclass(y, f"check_grads({self.name}): what the function returned")
        return [y for y in results if is_floating(y)]

    def _arguments(self, elements: Sequence[Any]) -> Any:
        rest = iter(zip(self.variables, elements, strict=True))

        def take() -> Any:
            variable, x = next(rest)
            return x if is_python(x) else lay_out(x, variable.given)

        def fill(leaf: Any) -> Any:
            if is_module(leaf):
                parts = self._modules[id(leaf)]
                return parts.holding([as_tensor(next(rest)[1]) for _ in parts.trained])
            return take() if is_floating(leaf) else copied(leaf)

        return tree_of(self.args, [fill(leaf) for leaf in leaves_of(self.args)])

    def _constants(self) -> list[Any]:
        return self.point if self.backward else list(map(Tensor, self.point))

    def scalar(self, *elements: Any) -> Any:
        """Contract the function's result with the random numbers."""
        return sum((real_sum(u * y) for u, y in zip(self.cotangents, self.flat(*elements), strict=True)), 0.0)

    def pulled_back(self, elements: Sequence[Array]) -> list[Array]:
        """Return what the hand-written backward pass gives for the variables, summed over shared elements."""
        __tracebackhide__ = True
        handed = self._handed_back(elements)
        gradients = [np.asarray(plain(g)) for g in handed]
        shapes, wanted = [g.shape for g in gradients], [v.given.shape for v in self.variables]
        if shapes != wanted:
            names = ", ".join(v.name for v in self.variables)
            listed = () in shapes and () not in wanted and all(map(is_python, handed))
            advice = "; they are lists of numbers, or ragged ones: return one array for each argument" * listed
            raise AssertionError(
                f"{self.name}: the backward pass returned gradients of shapes {shapes}; the arguments ({names}) have "
                f"{wanted}{advice}"
            )
        for variable, g in zip(self.variables, gradients, strict=True):
            if g.dtype.kind not in "biufc":
                raise AssertionError(
                    f"{self.name}: the backward pass returned {g.dtype} {g.shape} by {variable.name}; return arrays of "
                    f"numbers, in which no list is shorter than another"
                )
        shared = [tuple(np.flatnonzero(np.not_equal(v.given.shape, v.elements.shape))) for v in self.variables]
        return [g.sum(axis=axes, keepdims=True) if axes else g for g, axes in zip(gradients, shared, strict=True)]

    def _handed_back(self, elements: Sequence[Any]) -> list[Any]:
        """Call the hand-written backward pass, and list its gradients."""
        __tracebackhide__ = True
        assert self.backward is not None
        cotangents = iter(self.cotangents)
        result = self.function(*self._arguments(elements))

        def weight(y: Any) -> Any:
            # A copy: the pass may write into it.
            return np.array(next(cotangents), dtype=np.result_type(plain(y))) if is_floating(y) else None

        weights = tree_of(result, [weight(y) for y in leaves_of(result)])
        handed = self.backward(weights, *self._arguments(elements))
        # Gradients come for all arguments, or for those alone that have one; and bare if there is but one.
        model: Any = self.args
        while isinstance(model, tuple | list) and not nested_alike(handed, model):  # pyright: ignore[reportUnknownArgumentType]
            active: list[Any] = [x for x in model if has_variables(x)]  # pyright: ignore
            model = active if len(active) != 1 or nested_alike(handed, active) else active[0]
            if len(active) != 1:
                break
        gradients = [g for g in leaves_of(in_order_of(handed, model)) if g is not None]
        for g in gradients:
            refuse_subclass(g, f"{self.name}: what the backward pass returned")
        return gradients

    def same_results(self) -> list[Array]:
        """Return what the hand-written backward pass gives at the point; raise if it is another when called again."""
        __tracebackhide__ = True
        before = [g.copy() for g in self.pulled_back(self.point)]  # the pass may add to what it returned
        for variable, g, again in zip(self.variables, before, self.pulled_back(self.point), strict=True):
            if not np.array_equal(g, again, equal_nan=True):
                raise AssertionError(
                    f"{self.name}: the gradient by {variable.name} is not the same for the same arguments: begin each "
                    f"call with zeros instead of adding to the last gradient, and make what it draws in the forward "
                    f"pass, and keep it"
                )
        return before

    def refuse_other_dtypes(self) -> None:
        """Raise if the hand-written backward pass returns a gradient of another dtype than its argument's."""
        __tracebackhide__ = True
        # Numbers of Python's own as such: as arrays they would make double precision of all that they meet.
        given = [v.elements if v.typed else v.given.item() for v in self.variables]
        for variable, g in zip(self.variables, self._handed_back(given), strict=True):
            found, wanted = np.asarray(plain(g)).dtype, variable.given.dtype
            if variable.typed and not is_python(g) and found.type is not wanted.type:
                raise AssertionError(
                    f"{self.name}: the backward pass returned a gradient of dtype {found} by {variable.name}, which is "
                    f"{wanted} {variable.given.shape}; return it as {wanted}"
                )

    def random(self, like: Array) -> Array:
        """Return numbers from a quarter to one, of either sign, of an array's shape and dtype."""
        x = self.rng.uniform(0.25, 1, like.shape) * self.rng.choice([-1.0, 1.0], like.shape)
        turned = x * np.exp(1j * self.rng.uniform(0, 1, like.shape)) if like.dtype.kind == "c" else x
        return np.asarray(turned, dtype=like.dtype)


def _shares(outputs: Sequence[Array]) -> list[float]:
    """Return powers of 2 with which outputs of different sizes have about the same, as far as their dtypes reach."""
    sizes = [scale(y) for y in outputs]
    exponents = [np.floor(np.log2(size / min(sizes))) for size in sizes]
    return [max(float(2.0**-n), float(np.finfo(y.dtype).eps)) for y, n in zip(outputs, exponents, strict=True)]


def dot(gradients: Sequence[Any], direction: Sequence[Array]) -> Any:
    """Return the derivative along a direction that gradients tell."""
    return sum((real_sum(g * v) for g, v in zip(gradients, direction, strict=True)), 0.0)


def real_sum(x: Any) -> Any:
    """Return the sum of the real parts."""
    return (x.real if x.dtype.kind == "c" else x).sum()
