"""Capturing: a run of a function with stand-ins for its inputs and its state."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeGuard

import numpy as np

from autograd_np.capture import Log, Number, StandIn, concrete
from autograd_np.compiling.reach import Place, Reach
from autograd_np.frames import user_line
from autograd_np.generators import state_of
from autograd_np.modes import mode
from autograd_np.refusals import Uncapturable, refused
from autograd_np.tape import Leaf, Node, call_rules
from autograd_np.tensor import Tensor, wrap
from autograd_np.trees import leaves_of, tree_of
from autograd_np.versions import is_array, owner
from autograd_np.views import place_of, put_array
from autograd_np.watch import Watch

__all__ = ["Run", "Slot", "State", "captured"]


class Slot(Protocol):
    """A place outside of a function with another content in each run: a number, or an array that is replaced."""

    @property
    def name(self) -> str:
        """What programs call it."""
        ...

    def get(self) -> Any:
        """Return what is there now."""
        ...

    def set(self, value: Any) -> None:
        """Put something else there."""
        ...


class State:
    """What a function reads besides its arguments, and what it changes: nothing, unless a subclass says so.

    Parameters
    ----------
    *roots
        The function, or what it reaches otherwise.

    Attributes
    ----------
    reach : Reach
    """

    def __init__(self, *roots: Any) -> None:
        self.reach = Reach(*roots, passed_over=self.passed_over)

    def passed_over(self, thing: Any) -> Iterable[str]:
        """Return the names of attributes that are not a part of what is reached."""
        return ()

    def key(self, more: Sequence[Any] = ()) -> Any:
        """Return what must be equal for a program to stand for the function, besides the inputs' shapes and dtypes.

        `more` are arguments that are followed as what the function reaches is.
        """
        return self.reach.state(more)

    def kept(self) -> Any:
        """Return what the key tells by where it is: as long as it is kept, nothing else is there."""
        return None

    def tensors(self) -> Mapping[Tensor, str]:
        """Return the leaves whose arrays are changed in place, and what programs call them."""
        return {}

    def slots(self) -> Sequence[Slot]:
        """Return the places whose contents change."""
        return ()

    def parts(self) -> Mapping[int, str]:
        """Return the sections of a program that are parts of a training step, by the parts' ids."""
        return {}


class Run:
    """A run that was captured.

    Attributes
    ----------
    log : Log
    inputs : list of Value
        What stands for the arrays among the arguments, and then for the contents of the slots.
    state : list of StandIn
        What stands for the arrays of the state's tensors.
    slots : list of Slot
    result
        What the function returned.
    changed : list of (Slot, value)
        The slots with another content afterwards, and what that is.
    """

    def __init__(self, log: Log) -> None:
        self.log = log
        self.inputs: list[Any] = []
        self.state: list[Any] = []
        self.slots: list[Slot] = []
        self.result: Any = None
        self.changed: list[tuple[Slot, Any]] = []


def captured(
    function: Callable[..., Any], args: Any, kwargs: Any, names: Sequence[str], state: State, log: Log | None = None
) -> tuple[Run, Any]:
    """Run a function with stand-ins, and return the run and the result, with arrays.

    What is called is written down in `log`, by default in a new one.

    Raises
    ------
    Uncapturable
        If it cannot be written down. What the function had changed by then is as it was before.
    """
    if state.reach.refusal:
        raise Uncapturable(f"{user_line()}: {state.reach.refusal}")
    log = log or Log()
    run = Run(log)
    refused.latest = None
    generators = [*filter(_is_generator, leaves_of((args, kwargs)))]
    stand_ins = [_stand_in(log, x, name) for x, name in zip(leaves_of((args, kwargs)), names, strict=True)]
    inputs = [x for x in (x.data if type(x) is Tensor else x for x in stand_ins) if type(x) is StandIn]
    run.inputs = [*{id(x): x for x in inputs}.values()]  # each array once
    with (
        _state_replaced(run, state), _outside_replaced(log, state, run.inputs),
        _drawing_noticed(log, [*generators, *state.reach.generators]),
        _watched_by(_Naming(log, state.parts(), state.tensors())),
    ):  # fmt: skip
        given = tree_of((args, kwargs), stand_ins)
        try:
            run.result = function(*given[0], **given[1])
        except ValueError as error:
            if isinstance(error.__cause__, Uncapturable):  # in whose place NumPy puts another one after a[0] = x
                raise error.__cause__ from None
            raise
        if refused.latest is not None:
            raise refused.latest
        if [*map(id, leaves_of(given))] != [*map(id, stand_ins)]:
            raise Uncapturable(
                f"{user_line()}: something was put into a dict or a list that was given as an argument, which a "
                f"program does not repeat; return it, or write into the arrays"
            )
        for leaf in leaves_of(run.result):
            if type(leaf) is Tensor and place_of(leaf) is not None:
                raise Uncapturable(
                    f"{user_line()}: a compiled function returned a tensor that requires a gradient, and a program has "
                    f"no tape; differentiate inside of it, compile(value_and_grad(f)), or return t.detach()"
                )
        contents = [slot.get() for slot in run.slots]
    before = run.inputs[len(run.inputs) - len(run.slots) :]
    run.changed = [(slot, new) for slot, old, new in zip(run.slots, before, contents, strict=True) if new is not old]
    log.close()
    return run, tree_of(run.result, map(_as_it_is, leaves_of(run.result)))


def _stand_in(log: Log, value: Any, name: str) -> Any:
    """Return what stands for an input; what is neither array nor tensor stays."""
    if type(value) is Tensor:
        return wrap(_stand_in(log, value.data, name), None)
    return log.stand_in(value, name) if is_array(value) or isinstance(value, np.generic) else value


def _in_place_of(log: Log, value: Any, name: str) -> Any:
    """Return what stands for an array that is reached, or for those in a tuple."""
    if isinstance(value, tuple):
        kind, parts = _type(value), [_in_place_of(log, part, name) for part in value]  # pyright: ignore
        return kind(*parts) if hasattr(kind, "_fields") else kind(parts)
    return log.stand_in(value, name) if is_array(value) else value


def _as_it_is(value: Any) -> Any:
    """Return a result with an array in place of what stands for it."""
    return wrap(concrete(value.data), None) if type(value) is Tensor else concrete(value)


@contextmanager
def _state_replaced(run: Run, state: State) -> Generator[None]:
    """Put stand-ins in place of a function's state; afterwards, put there what they stand for.

    After an error, the state is what it was before.
    """
    log, tensors, slots = run.log, state.tensors(), list(state.slots())
    arrays = [tensor.data for tensor in tensors]
    contents = [slot.get() for slot in slots]
    kept = [np.copy(array) for array in (*arrays, *filter(is_array, contents))]
    try:
        for (tensor, name), array in zip(tensors.items(), arrays, strict=True):
            run.state.append(log.stand_in(array, name))
            put_array(tensor, run.state[-1])
        for slot, content in zip(slots, contents, strict=True):
            numeric = is_array(content) or isinstance(content, np.generic)
            run.inputs.append(log.stand_in(content, slot.name) if numeric else Number(content, log, slot.name))
            slot.set(run.inputs[-1])
        run.slots = slots
        yield
    except BaseException:
        for slot, content in zip(slots, contents, strict=True):
            slot.set(content)
        for array, copy in zip((*arrays, *filter(is_array, contents)), kept, strict=True):
            np.copyto(array, copy)
        raise
    finally:
        for tensor, array in zip(tensors, arrays, strict=True):
            put_array(tensor, array)
            tensor.grad = None
        for slot in state.slots():
            slot.set(concrete(slot.get()))


@contextmanager
def _outside_replaced(log: Log, state: State, inputs: Sequence[Any]) -> Generator[None]:
    """Put stand-ins in place of the arrays that a function reaches, and then the arrays in their places again.

    Raises
    ------
    Uncapturable
        If the function has put something else there, or what it computed somewhere else.
    """
    places, own, caches = state.reach.arrays, state.tensors(), state.reach.caches
    tensors = {tensor: name for tensor, name in state.reach.tensors.items() if tensor not in own}
    before = [place.get() for place in places], [tensor.data for tensor in tensors]
    log.outside.update(map(id, map(owner, state.reach.found([*own, *inputs]))))
    put = [_in_place_of(log, array, place.name) for array, place in zip(before[0], places, strict=True)]
    put_there = [log.stand_in(array, name) for array, name in zip(before[1], tensors.values(), strict=True)]
    for place, stand_in in zip(places, put, strict=True):
        place.set(stand_in)
    for tensor, stand_in in zip(tensors, put_there, strict=True):
        put_array(tensor, stand_in)
    exchanged: list[str] = []
    try:
        yield
    finally:
        for place, stand_in, array in zip(places, put, before[0], strict=True):
            if _holds(place, stand_in):
                place.set(array)
            else:
                exchanged.append(place.name)
        for (tensor, name), stand_in, array in zip(tensors.items(), put_there, before[1], strict=True):
            if tensor.data is not stand_in:
                exchanged.append(name)
            put_array(tensor, array)
        theirs = {id(tensor.data) for tensor in own}  # what a training step looks after
        left = [place for place in state.reach.left() if id(place.get()) not in theirs]
        for place in left:
            place.set(_as_it_is(place.get()))
        for cache in caches if left else ():
            cache.cache_clear()
        exchanged += [place.name or "what it reaches" for place in left]
    if exchanged:
        raise Uncapturable(
            f"{user_line()}: the function puts another array into {', '.join(dict.fromkeys(exchanged))}, which a "
            f"program does not repeat; return it, write into the array that is there, or in a module register a buffer"
        )


def _holds(place: Place, value: Any) -> bool:
    try:
        return place.get() is value
    except (KeyError, IndexError, ValueError):
        return False


@contextmanager
def _drawing_noticed(log: Log, generators: Sequence[Any]) -> Generator[None]:
    """Refuse numbers that are drawn at random and not written down: decisions by them would be made once for all."""
    states = {id(rng): (rng, state_of(rng)) for rng in generators}
    shared = _shared_states()
    yield
    for rng, before, after in log.draws:
        if id(rng) in states and states[id(rng)][1] == before:
            states[id(rng)] = rng, after
    if _shared_states() != shared or any(state_of(rng) != state for rng, state in states.values()):
        raise Uncapturable(
            f"{user_line()}: numbers are drawn at random, which a program does not repeat; draw them outside, and hand "
            f"them over as an argument (nn.Dropout is written down)"
        )


def _shared_states() -> Any:
    """Return the states of the generators that everybody shares."""
    return pickle.dumps(np.random.get_state(legacy=False)), random.getstate()  # noqa: NPY002


def _is_generator(value: Any) -> TypeGuard[np.random.Generator]:
    return isinstance(value, np.random.Generator)


class _Naming(Watch):
    """Tells a log what is a gradient of what, and to which part of a training step a call belongs."""

    def __init__(self, log: Log, parts: Mapping[int, str], tensors: Mapping[Tensor, str]) -> None:
        self._log, self._parts, self._tensors = log, parts, tensors
        self._outputs: dict[int, Any] = {}  # what a node computed, by its number
        self._sections: dict[int, str] = {}
        self._outside: str | None = None  # the section that a sweep interrupts

    def recorded(self, node: Node, output: Any) -> None:
        """Keep what a node computed, and where."""
        self._sections[node.number] = self._log.section
        self._outputs[node.number] = output

    def call_rules(
        self, node: Node, argnums: Sequence[int], g: Any, y: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Sequence[Any]:
        """Call the rules of a node in the section of its part."""
        _is_gradient(g, self._outputs.get(node.number))
        # What a rule computes of arrays from outside alone holds for what they are then.
        g, y, args = self._log.lifted((g, y, tuple(args)))
        if self._outside is None:
            self._outside = self._log.section
        self._log.section = self._sections.get(node.number, "").replace("forward", "backward") or "backward"
        return call_rules(node, argnums, g, y, args, kwargs)

    def found(self, gradients: Mapping[Node, Any], kept: bool) -> None:
        """Name the gradients that a sweep found, and end its section.

        Raises
        ------
        Uncapturable
            If a leaf from outside is to keep one: a program would leave it there once, and never again.
        """
        self._log.section, self._outside = self._outside or "", None
        for node, g in gradients.items():
            tensor = node.tensor() if isinstance(node, Leaf) else None
            if kept and tensor is not None and tensor not in self._tensors and not node.is_argument:
                raise Uncapturable(
                    f"{user_line()}: backward() leaves a gradient in a tensor from outside of what is compiled; take "
                    f"gradients(y, x) or value_and_grad, and for a training step nn.compile_step"
                )
            _is_gradient(g, self._outputs.get(node.number) if tensor is None else tensor.data)

    def enter(self, part: object) -> str:
        """Begin a part of a training step, and return the section that it interrupts."""
        outer, self._log.section = self._log.section, self._parts.get(id(part), self._log.section)
        return outer

    def leave(self, part: object, outer: str, output: Any) -> None:
        """End a part of a training step, and name what it returned."""
        self._log.section = outer
        name, array = (
            self._parts.get(id(part), "").partition(": ")[2],
            output.data if type(output) is Tensor else output,
        )
        if name and type(array) is StandIn and not array.names_part:
            array.name, array.names_part = name, True


_type: Any = type  # so named, it does not narrow types


def _is_gradient(g: Any, of: Any) -> None:
    if type(g) is StandIn and type(of) is StandIn and g.gradient_of is None:
        g.gradient_of = of


@contextmanager
def _watched_by(watch: Watch) -> Generator[None]:
    """Let a watch look on inside."""
    token = mode.set(mode.get()._replace(watch=watch))
    try:
        yield
    finally:
        mode.reset(token)
