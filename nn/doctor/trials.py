"""Trials: the gradients that come out of a model when something in its backward pass is done differently.

Each layer can be given another backward rule: a function of its call and the gradient of its output, which returns the
gradients that it makes otherwise. What it does not return is as it should be.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from copy import copy, deepcopy
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_np import Tensor, defvjp, gradients, no_grad, primitive
from autograd_np.modes import recording
from nn import layers as own_layers
from nn.module import Module, buffer_names

__all__ = ["Call", "Rule", "Trial", "unchanged"]

Array = NDArray[Any]
Gradients = Mapping[str, Array]

_OWN: set[type] = {getattr(own_layers, name) for name in own_layers.__all__}


@primitive
def _erring(*_arrays: Any, value: Any = None, backward: Any = None) -> Any:
    """Return `value`, of which `backward` gives a gradient for each of the arrays."""
    return value


def _given(g: Any, _y: Any, *_arrays: Any, value: Any = None, backward: Any = None) -> Any:
    return backward(g)


defvjp(_erring, joint=_given)


class Call:
    """One call of a layer in a forward pass.

    Attributes
    ----------
    path : str
        The layer's name in the model.
    layer : Module
        As it was when it was called.
    x, y : ndarray
        Its input and output.
    g : ndarray or None
        The gradient of its output; None where none arrives.
    """

    def __init__(self, path: str, layer: Module, kind: type[Module], x: Array) -> None:
        self.path, self.layer, self.kind, self.x = path, layer, kind, x
        self.g: Array | None = None
        self._own = [Tensor(x, requires_grad=True), *(p for p in layer.parameters() if p.requires_grad)]
        self._names = ["x", *(name for name, p in layer.named_parameters() if p.requires_grad)]
        self._y: Any = kind.forward(layer, self._own[0])
        self.y: Array = self._y.data

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The layer's parameters that are trained."""
        return dict(zip(self._names[1:], self._own[1:], strict=True))

    def again(self, x: Array) -> Array:
        """Return what the layer makes of another input, now."""
        y: Any = self.kind.forward(self.layer, x)
        return y.data if isinstance(y, Tensor) else y

    def vjp(self, g: Array, **changed: Array) -> dict[str, Array]:
        """Return the right gradients of the input, "x", and the parameters, for the gradient of the output.

        With `changed`, those of a layer that has another input or other parameters, given by the same names.
        """
        own, y = self._own, self._y
        if changed:
            own = [
                Tensor(changed[name], requires_grad=True) if name in changed else value
                for name, value in zip(self._names, own, strict=True)
            ]
            layer = copy(self.layer)
            frozen = {name: Tensor(value) for name, value in changed.items() if name not in self._names}
            for name, value in {**dict(zip(self._names[1:], own[1:], strict=True)), **frozen}.items():
                setattr(layer, name, value)
            y = self.kind.forward(layer, own[0])
        return {
            name: value.data for name, value in zip(self._names, gradients(y, own, g, retain_graph=True), strict=True)
        }


Rule = Callable[[Call, Array], Mapping[str, Array]]


class Trial:
    """A model with a batch and a loss, on which mistakes are tried out.

    Parameters
    ----------
    model : Module
        It is left as it is.
    loss : callable
        From outputs and targets to a scalar.
    x, y : ndarray
        The batch.
    """

    def __init__(self, model: Module, loss: Callable[[Any, Any], Tensor], x: Array, y: Array) -> None:
        self.model, self.loss, self.x, self.y = model, loss, x, y

    def value(self) -> float:
        """Return the loss."""
        return float(self.result().item())

    def result(self) -> Array:
        """Return the loss as an array, whose dtype says how well it is known."""
        with no_grad(), unchanged(self.model):
            return np.asarray(self.loss(self.model(self.x), self.y).data)

    def gradients(
        self,
        rules: Mapping[str, Rule] | None = None,
        *,
        delta: Array | None = None,
        model: Module | None = None,
        output: Callable[[Call], Array] | None = None,
    ) -> dict[str, Array]:
        """Return the gradients of the parameters that are trained, by the names that they have in the model.

        Parameters
        ----------
        rules : mapping of str to callable, optional
            The backward rules of some layers, by their names.
        delta : ndarray, optional
            The gradient of the outputs; by default the loss's.
        model : Module, optional
            In place of the model.
        output : callable, optional
            What the layers with rules return, in place of what they should: a function of their call.
        """
        return self._run(rules or {}, delta, deepcopy(self.model if model is None else model), [], output)

    @cached_property
    def right(self) -> dict[str, Array]:
        """The gradients without a mistake."""
        return self.gradients()

    @cached_property
    def calls(self) -> list[Call]:
        """The calls of the package's own layers, which have one input and no parts, in their order."""
        calls: list[Call] = []
        layers = [
            path for path, module in self.model.named_modules() if type(module) in _OWN and not list(module.children())
        ]

        def keep(call: Call, g: Array) -> Mapping[str, Array]:
            call.g = g.copy()
            return {}

        self._run(dict.fromkeys(layers, keep), None, deepcopy(self.model), calls)
        return calls

    @cached_property
    def outputs(self) -> Array | None:
        """What the model returns; None if that is not one array."""
        with no_grad(), unchanged(self.model):
            outputs: Any = self.model(self.x)
        if isinstance(outputs, Tensor):
            return outputs.data
        return outputs if type(outputs) is np.ndarray else None

    def delta(self, outputs: Array, y: Array | None = None) -> Array:
        """Return the gradient of the loss by the outputs, for other targets if they are given."""
        leaf = Tensor(outputs, requires_grad=True)
        with recording():
            (g,) = gradients(self.loss(leaf, self.y if y is None else y), leaf)
        return g.data

    def _run(
        self,
        rules: Mapping[str, Rule],
        delta: Array | None,
        model: Module,
        calls: list[Call],
        output: Callable[[Call], Array] | None = None,
    ) -> dict[str, Array]:
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        misshapen: dict[str, Array] = {}
        for path, module in list(model.named_modules()):
            if path in rules:
                _give_rule(path, module, rules[path], calls, misshapen, output)
        with recording(), unchanged(model):
            outputs = model(self.x)
            # Not by backward(), which would leave gradients in what else the loss computes with.
            result = self.loss(outputs, self.y) if delta is None else outputs
            found = gradients(result, list(trained.values()), delta)
        return {**{name: g.data for name, g in zip(trained, found, strict=True)}, **misshapen}


def _give_rule(
    path: str,
    module: Module,
    rule: Rule,
    calls: list[Call],
    misshapen: dict[str, Array],
    output: Callable[[Call], Array] | None,
) -> None:
    """Replace a layer's backward rule, and what it returns if that is given, without a trace elsewhere."""
    kind = type(module)

    def forward(self: Module, x: Any) -> Any:
        call = Call(path, self, kind, x.data if isinstance(x, Tensor) else np.asarray(x))
        calls.append(call)

        def backward(g: Array) -> list[Array]:
            right = call.vjp(g)
            own = dict(rule(call, g))
            for name in right.keys() & own.keys():
                if own[name].shape != right[name].shape:  # which the engine refuses, and a pass returns
                    misshapen[f"{path}.{name}" if path else name] = own.pop(name)
            return [own.get(name, right[name]) for name in right]

        value = call.y.copy() if output is None else output(call)
        return _erring(x, *call.parameters.values(), value=value, backward=backward)

    module.__class__ = type(kind.__name__, (kind,), {"forward": forward})


@contextmanager
def unchanged(model: Module) -> Generator[None]:
    """Leave generators and buffers of a model as they were: the same numbers are drawn the next time."""
    generators = [g for module in model.modules() for g in vars(module).values() if isinstance(g, np.random.Generator)]
    states = [generator.bit_generator.state for generator in generators]
    buffers = [
        (module, name, value)
        for module in model.modules()
        for name, value in vars(module).items()
        if name in buffer_names(module) and value is not None
    ]
    try:
        yield
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.bit_generator.state = state
        for module, name, value in buffers:
            setattr(module, name, value)
