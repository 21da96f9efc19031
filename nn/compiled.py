"""A training step as a program: a model, a loss and an optimiser, compiled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from autograd_np import Tensor
from autograd_np.compiling import Compiled, Slot, State
from nn.module import Module, buffer_names
from nn.optim import Optimizer
from nn.optim.optimizer import NOTES

__all__ = ["CompiledStep", "Training", "as_arrays", "compile_step"]


def compile_step(
    model: Module, loss: Callable[[Any, Any], Tensor], optimizer: Optimizer, *, exact: bool = True
) -> CompiledStep:
    """Return a training step that is captured while it runs, and from then on is a program of NumPy.

    Parameters
    ----------
    model : Module
        Called with a batch of inputs. It stays as it is, and its parameters are changed in place.
    loss : callable
        From outputs and targets to a scalar.
    optimizer : Optimizer
        Holds the model's parameters.
    exact : bool
        False lets BLAS add gradients that are products of matrices to weights and momenta at once, as in
        `autograd_np.compile`: a step takes less time, and differs from eager ones in the last digits.

    Returns
    -------
    CompiledStep
        Called with a batch of inputs and targets, arrays or tables, it takes a step and returns the loss.

    Raises
    ------
    Uncapturable
        When called: see `autograd_np.compile`. Parameters and state are as they were before.

    Notes
    -----
    A program keeps gradients to itself: `grad` of the parameters is None after it has run.

    Where a check of values comes out otherwise than in the capture, the step runs eagerly, and dropout draws once
    more. In a process that was tuned (`autograd_np.tune_process`), eager steps multiply in halves, and programs do
    not: a product may differ in the last bit.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> model = nn.Linear(2, 1, rng=0)
    >>> step = nn.compile_step(model, nn.MSELoss(), nn.optim.SGD(model.parameters(), lr=0.1))
    >>> x, y = np.ones((4, 2), np.float32), np.zeros((4, 1), np.float32)
    >>> losses = [step(x, y) for _ in range(5)]
    >>> bool(losses[-1] < losses[0])
    True
    """
    return CompiledStep(model, loss, optimizer, exact)


_TRAIN = '''def $name($inputs):
    """Take a step, and return the loss.

    The learning rate is `state["lr"]`, and may be set to another float; of several groups of parameters it is
    `state["lr0"]` and so on. The parameters are arrays here, and `step` tells their names.
    """
    $checks
    loss, *contents = step($inputs, *state.values())
    state.update(zip($changed, contents))
    return loss
'''


class CompiledStep:
    """A training step; see `compile_step`.

    Attributes
    ----------
    source : str
        The program that ran last.
    programs : int
        How many there are, one for each shape of a batch.
    """

    def __init__(
        self, model: Module, loss: Callable[[Any, Any], Tensor], optimizer: Optimizer, exact: bool = True
    ) -> None:
        def step(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            value = loss(model(x), y)
            value.backward()
            optimizer.step()
            return value.data[()]

        self._optimizer = optimizer
        self._title = f"A training step of a {type(model).__name__} by {type(optimizer).__name__}."
        self._step = Compiled(step, Training(model, loss, optimizer), exact)

    def __call__(self, x: ArrayLike, y: ArrayLike) -> Any:
        """Take a step, and return the loss."""
        x, y = as_arrays(x), as_arrays(y)
        self._optimizer.zero_grad()  # a program leaves no gradients, and those of an earlier step are none of its own
        return self._step(x, y)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "compile_step: a compiled step belongs to one model, and is not copied or pickled; copy or save model and "
            "optimizer together, copy.deepcopy((model, optimizer)), and call compile_step for the copy"
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the program to a file that runs without this package, and its arrays to a .npz file beside it.

        The file has a function `train(x, y)` that takes a step and returns the loss, and goes on from here. It is for
        batches of the shapes and dtypes of the last step, and refuses others. Of a module `file` that was imported from
        it, `file.state["lr"]` is the learning rate, which may be set to another float, and the parameters are arrays
        by the names in `source`, such as `file.linear0_weight`. With `exact=False` it needs SciPy as well.

        Parameters
        ----------
        path : path-like
            Ends in `.py`.

        Raises
        ------
        RuntimeError
            If there is no program yet.
        ValueError
            If the path has another suffix, or the program needs something that cannot be written down.
        """
        self._step.save(path, _TRAIN, self._title, "train")

    @property
    def source(self) -> str:
        """The program that ran last."""
        return self._step.source

    @property
    def programs(self) -> int:
        """How many programs there are."""
        return self._step.programs


def as_arrays(batch: Any) -> Any:
    """Return a batch with an array for each table and for each list of numbers, as layers take them."""
    kind: Any = _type(batch)
    if kind is dict:
        return {key: as_arrays(part) for key, part in batch.items()}
    if issubclass(kind, _SEQUENCES):
        if _holds_numbers_alone(batch):
            return np.asarray(batch)
        parts = map(as_arrays, batch)
        return kind(*parts) if hasattr(kind, "_fields") else kind(parts)
    return np.asarray(batch) if hasattr(kind, "__array__") and not issubclass(kind, _ARRAYS) else batch


def _holds_numbers_alone(batch: Any) -> bool:
    if isinstance(batch, tuple | list):
        return all(map(_holds_numbers_alone, batch))  # pyright: ignore[reportUnknownArgumentType]
    return isinstance(batch, bool | int | float | complex | np.generic)


_SEQUENCES: Any = (tuple, list)
_ARRAYS: Any = (np.ndarray, np.generic, Tensor)


class _Entry(NamedTuple):
    """A place in a dict."""

    entries: Callable[[], dict[str, Any]]
    key: str
    name: str

    def get(self) -> Any:
        """Return what is there now."""
        return self.entries()[self.key]

    def set(self, value: Any) -> None:
        """Put something else there."""
        self.entries()[self.key] = value


class _FirstBeta(_Entry):
    """The first of a pair of numbers in a dict."""

    def get(self) -> Any:
        """Return what is there now."""
        return self.entries()[self.key][0]

    def set(self, value: Any) -> None:
        """Put something else there."""
        group = self.entries()
        group[self.key] = (value, *group[self.key][1:])


class Training(State):
    """What a training step changes: parameters, buffers, what the optimiser remembers; and the learning rates."""

    def __init__(self, model: Module, loss: Callable[[Any, Any], Tensor], optimizer: Optimizer) -> None:
        self._roots = [("", model), *([("loss", loss)] if isinstance(loss, Module) else [])]
        self._optimizer = optimizer
        self._inside: set[int] = set()
        super().__init__(model, loss, optimizer)
        self._read()

    def passed_over(self, thing: Any) -> Iterable[str]:
        """Return what a step changes, which is looked at by itself."""
        if isinstance(thing, Module):
            return buffer_names(thing) if id(thing) in self._inside else ()
        return ("state", "param_groups", "_flat") if isinstance(thing, Optimizer) else ()

    def _read(self, more: Sequence[Any] = ()) -> None:
        """Look what the modules are made of, and which parameters the optimiser has."""
        self._modules = [
            (f"{root}.{path}" if root and path else root or path, module)
            for root, whole in self._roots
            for path, module in whole.named_modules()
        ]
        self._inside = {id(module) for _, module in self._modules}
        self.reach.forget()
        self._seen, self._parameters = self.reach.state(more), self._addresses()
        self._tensors = dict(_named(self._modules))
        for group in self._optimizer.param_groups:
            for tensor in group["params"]:
                self._tensors.setdefault(tensor, f"parameter{len(self._tensors)}")

    def _addresses(self) -> list[list[int]]:
        """Return where the parameters of each group are."""
        return [[*map(id, group["params"])] for group in self._optimizer.param_groups]

    def key(self, more: Sequence[Any] = ()) -> Any:
        """Return what is reached, which buffers there are, frozen parameters, and the optimiser's groups.

        All hyperparameters are a part of it, but the learning rate and a momentum that a schedule changes; and how much
        the optimiser remembers.
        """
        if self.reach.state(more) != self._seen or self._addresses() != self._parameters:
            self._read(more)
        buffers = tuple(slot.name for slot in self._buffers())
        frozen = tuple(tensor.requires_grad for tensor in self._tensors)
        groups = tuple(
            (
                *map(id, group["params"]),
                *((name, _hashable(value)) for name, value in _constants(group).items()),
            )
            for group in self._optimizer.param_groups
        )
        remembered = tuple(len(entries) for entries in self._optimizer.state.values())
        return self._seen, buffers, frozen, groups, remembered

    def kept(self) -> Any:
        """Return the parameters."""
        return [*self._tensors]

    def tensors(self) -> Mapping[Tensor, str]:
        """Return the parameters, those of the optimiser included."""
        return self._tensors

    def slots(self) -> Sequence[Slot]:
        """Return the buffers, the learning rates, and what the optimiser remembers."""
        return [*self._buffers(), *self._rates(), *self._remembered()]

    def parts(self) -> Mapping[int, str]:
        """Return the sections of the innermost modules, of the loss, and of the optimiser."""
        innermost = ((path, module) for path, module in self._modules if path and not list(module.children()))
        sections = {id(module): f"forward: {_title(path, module)}" for path, module in innermost}
        return {**sections, id(self._optimizer): "update"}

    def _buffers(self) -> Iterator[Slot]:
        for path, module in self._modules:
            for key in sorted(buffer_names(module)):
                if vars(module)[key] is not None:
                    yield _Entry(lambda module=module: vars(module), key, f"{_title(path, module)}_{key}")

    def _rates(self) -> Iterator[Slot]:
        groups = self._optimizer.param_groups
        for i, group in enumerate(groups):
            number = i if len(groups) > 1 else ""
            yield _Entry(lambda i=i: self._optimizer.param_groups[i], "lr", f"lr{number}")
            if _cycles(group) and "momentum" in group:
                yield _Entry(lambda i=i: self._optimizer.param_groups[i], "momentum", f"momentum{number}")
            elif _cycles(group):
                yield _FirstBeta(lambda i=i: self._optimizer.param_groups[i], "betas", f"beta{number}")

    def _remembered(self) -> Iterator[Slot]:
        for tensor, name in self._tensors.items():
            for key in self._optimizer.state.get(tensor, {}):
                yield _Entry(lambda tensor=tensor: self._optimizer.state[tensor], key, f"{name}_{key}")


_type: Any = type  # so named, it does not narrow types


def _cycles(group: Mapping[str, Any]) -> bool:
    """Tell whether a schedule changes the momentum, as it has noted in the group."""
    return "max_momentum" in group


def _constants(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters that programs have in them."""
    found = {name: value for name, value in group.items() if name not in ("params", "lr", *NOTES)}
    if _cycles(group):
        found |= {"momentum": None} if "momentum" in group else {"betas": group["betas"][1:]}
    return found


def _hashable(value: Any) -> Any:
    """Return a hyperparameter; of several numbers a tuple."""
    return tuple(np.ravel(value).tolist()) if _type(value) in (list, np.ndarray) else value


def _named(modules: Sequence[tuple[str, Module]]) -> Iterator[tuple[Tensor, str]]:
    for path, module in modules:
        for key, value in vars(module).items():
            if isinstance(value, Tensor):
                yield value, f"{_title(path, module)}_{key}" if path else key


def _title(path: str, module: Module) -> str:
    """Return what programs call a module: fc1, conv0 for the first one of a Sequential, block_2_linear1."""
    *outer, last = path.split(".")
    if last.isdigit():
        last = f"{type(module).__name__.lower().removesuffix('2d').removesuffix('1d')}{last}"
    return "_".join([*outer, last])
