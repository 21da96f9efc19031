"""What a training has in memory besides its place, and going back to that if it cannot go on from a checkpoint."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np

from nn.module import Module, buffer_names
from nn.training.generators import put_states, states_of
from nn.training.run import Callback, History, Run

__all__ = ["buffers_of", "modules_of", "others_of", "put_buffers", "undone_by_errors"]


def modules_of(run: Run) -> dict[str, Module]:
    """Return the model, and the loss if that is a module."""
    return {"model": run.model, **({"loss": run.loss} if isinstance(run.loss, Module) else {})}


def others_of(run: Run) -> list[Any]:
    """Return the parameters that the optimiser has and neither model nor loss."""
    own = {id(parameter) for module in modules_of(run).values() for parameter in module.parameters()}
    groups = run.optimizer.param_groups
    return [parameter for group in groups for parameter in group["params"] if id(parameter) not in own]


def buffers_of(module: Module) -> dict[str, dict[str, Any]]:
    """Return all buffers, also those that state dicts leave out or that are not there yet, by the parts' paths."""
    found: dict[str, dict[str, Any]] = {}
    for path, part in module.named_modules():
        for name in sorted(buffer_names(part)):
            value: Any = vars(part)[name]
            found.setdefault(path, {})[name] = None if value is None else np.array(value)
    return found


def put_buffers(module: Module, buffers: Mapping[str, Mapping[str, Any]]) -> None:
    """Put buffers back, in their own dtypes."""
    for path, values in buffers.items():
        part = module.get_submodule(path)
        vars(part).update({name: None if value is None else np.array(value) for name, value in values.items()})


@contextlib.contextmanager
def undone_by_errors(run: Run, callbacks: Sequence[Callback], generators: Mapping[str, Any]) -> Generator[None]:
    """Leave a training as it was before the block if that raises."""
    parameters = [p for module in modules_of(run).values() for p in module.parameters()] + others_of(run)
    arrays = [(parameter, parameter.data.copy()) for parameter in parameters]
    parts = [part for module in modules_of(run).values() for part in module.modules()]
    buffers = [(vars(part), name, vars(part)[name]) for part in parts for name in buffer_names(part)]
    remembered, groups = run.optimizer.state, run.optimizer.param_groups
    hyperparameters = [dict(group) for group in groups]
    states: list[tuple[Callback, Any]] = []
    for callback in callbacks:
        with contextlib.suppress(Exception):  # one that knows nothing before its training begins
            states.append((callback, callback.state_dict()))
    numbers = states_of(generators)
    try:
        yield
    except BaseException:
        for parameter, array in arrays:
            parameter.data = array
        for attributes, name, value in buffers:
            attributes[name] = value
        run.optimizer.state, run.optimizer.param_groups = remembered, groups
        for group, values in zip(groups, hyperparameters, strict=True):
            group.update(values)
        for callback, state in states:
            with contextlib.suppress(Exception):  # the first error is the one to report
                callback.load_state_dict(state)
        put_states(generators, dict(numbers))
        run.epoch, run.batch, run.history = 0, 0, History()
        raise
