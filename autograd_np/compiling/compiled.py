"""Compiled functions: captured while they run, compared with a second run, and replaced by a program."""

from __future__ import annotations

import copy
import functools
import inspect
import itertools
import operator
import os
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MethodType
from typing import Any, cast, overload

import numpy as np

from autograd_np.capture import StandIn
from autograd_np.compiling.capturing import Run, State, captured
from autograd_np.compiling.program import Changed, Program
from autograd_np.compiling.runs import difference
from autograd_np.compiling.saving import save_program
from autograd_np.compiling.things import is_followed, memory_of
from autograd_np.modes import mode
from autograd_np.refusals import Uncapturable
from autograd_np.tensor import Tensor, wrap
from autograd_np.trees import leaves_of, tree_of
from autograd_np.versions import is_array, versions

__all__ = ["Compiled", "compile"]

_KEPT = 8
"""How many programs a compiled function keeps: those for the shapes that were used last."""

_PATIENCE = 3 * _KEPT
"""How many calls in a row are captured before new forms are left to the function."""

_TRIES = 3
"""How many runs may differ from the one before: an optimiser makes its memory in the first step."""


@overload
def compile(function: Callable[..., Any], *, exact: bool = True) -> Compiled: ...
@overload
def compile(function: None = None, *, exact: bool = True) -> Callable[[Callable[..., Any]], Compiled]: ...
def compile(
    function: Callable[..., Any] | None = None, *, exact: bool = True
) -> Compiled | Callable[[Callable[..., Any]], Compiled]:
    """Return a function that is captured while it runs, and from the third call on runs as a program of NumPy.

    The program computes the same bits. It has no tape, no calls of rules and no new arrays on the way: its memory is
    planned once. It is a text, `source`, with the names that the function has for what it computes.

    Parameters
    ----------
    function : callable
        Computes with NumPy. It takes arrays, also in nested dicts, lists and tuples, and returns such. What is
        differentiated is a part of it: ``compile(value_and_grad(f))``. Without it, a decorator is returned:
        ``@compile(exact=False)``.
    exact : bool
        False lets BLAS add products of matrices to what is there already, through SciPy. Sums with them then differ
        from the function's in the last digits, and NumPy's warnings of overflow in them are left out. A product that
        is multiplied by a number may overflow or vanish on the way where its factors alone come near the ends of the
        dtype's range.

    Returns
    -------
    Compiled
        The same function for arrays. There is a program for each combination of shapes, dtypes and other arguments;
        the eight that were used last are kept. Threads take turns. Given tensors that require a gradient, or inside a
        function that is compiled itself, it is the function that was given. As a method it has programs for each
        instance. A copy has the same function and no programs yet.

    Raises
    ------
    TypeError
        If what is to be compiled is no function.
    Uncapturable
        When called: if Python values are made of an array's elements (``if x.sum() > 0``, ``float(x)``,
        ``x[x > 0]``), or two runs differ in something that does not come from the inputs, such as random numbers. The
        message names the line.

    Notes
    -----
    What the function reaches besides its arguments, in closures, globals, defaults, attributes, and in what these
    hold, is followed, and so are arguments that are functions or objects: arrays are read in each run, as they are
    then; where a number or an array is exchanged for another one, there is another program. A run that puts something
    there, counts, draws random numbers or goes on with an iterator is refused: a program does not repeat it. So is what
    else it does besides computing, such as printing: that happens in the runs that are captured alone. While a run is
    captured, other threads must leave alone what it reaches. Not followed are globals of installed packages, and
    containers of more than 2,000 entries.

    Python numbers among the arguments are a part of what a program stands for; one that changes in each call, such as
    a decaying rate, is to be a number of NumPy's. A condition on values that is checked by this package itself, such
    as whether labels are in range, is checked in each run; where it comes out otherwise, the function runs as it was
    given.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import compile, value_and_grad
    >>> def f(x):
    ...     hidden = np.tanh(x)
    ...     return np.sum(hidden * hidden)
    >>> compiled = compile(value_and_grad(f))
    >>> for x in np.eye(3):
    ...     value, gradient = compiled(x)
    >>> value, gradient.round(3)
    (array(0.58002566), array([0.  , 0.  , 0.64]))
    """
    if function is None:
        return functools.partial(compile, exact=exact)
    if not callable(function):
        raise TypeError(f"compile: takes a function and returns one, and was given a {type(function).__name__}")
    return Compiled(function, exact=exact)


class Compiled:
    """A function that is captured while it runs, and replaced by a program; see `compile`.

    Attributes
    ----------
    source : str
        The program that ran last.
    programs : int
        How many there are.
    """

    def __init__(
        self, function: Callable[..., Any], state: State | None = None, exact: bool = True, twice: bool = True
    ) -> None:
        functools.update_wrapper(self, function)
        self._twice = twice  # whether a program is written only once two runs did the same
        self._function, self._state, self._exact = function, state or State(function), exact
        self._turned = 0  # how many runs in a row have changed what the function reaches
        self._missed = 0  # how many calls were captured since a program ran
        self._entries: dict[Any, _Entry] = {}
        self._latest: list[Program] = []  # the one that ran last
        self._ran: Any = None  # its entry
        self._known: dict[Any, _Entry | None] = {}  # those that `again` has run, by the forms of arrays alone
        self._turn = threading.RLock()
        self._methods: dict[int, tuple[Any, ...]] = {}  # by the instances' ids: a reference to it, and the above

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Return the method of an instance: its programs are the instance's own, and are gone with it."""
        bind = getattr(type(self._function), "__get__", None)
        if instance is None or bind is None:
            return self
        key = id(instance)
        kept = self._methods.get(key)
        if kept is None:
            try:
                reference = weakref.ref(instance, lambda _: self._methods.pop(key))
            except TypeError:
                raise TypeError(
                    f"compile({self._name}): no programs can be kept for a {type(instance).__name__}, to which there "
                    f"are no weak references; give it a __weakref__ slot, or keep compile(instance.method)"
                ) from None
            state = State(self._function, reference) if type(self._state) is State else self._state
            first = Compiled(self._function, state, self._exact)
            kept = self._methods.setdefault(key, (reference, state, first._entries, first._latest, first._turn))
        method = Compiled(bind(self._function, instance, owner), kept[1], self._exact)
        _, _, method._entries, method._latest, method._turn = kept
        return method

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        return Compiled(copy.deepcopy(self._function, memo), exact=self._exact)

    def __copy__(self) -> Compiled:
        return Compiled(self._function, exact=self._exact)

    def __reduce__(self) -> Any:
        """Pickle it by the name under which it is found, or else by its function."""
        function = self._function
        if isinstance(function, MethodType):
            found = getattr(function.__self__, self._name, None)
            if isinstance(found, Compiled) and found._entries is self._entries:
                return getattr, (function.__self__, self._name)
        path = getattr(self, "__qualname__", "")
        try:
            found = operator.attrgetter(path)(sys.modules[self.__module__])
        except (AttributeError, KeyError):
            found = None
        return path if found is self else (Compiled, (function, None, self._exact))

    def __repr__(self) -> str:
        return f"<compiled {self._name}: {self.programs} programs>"

    @property
    def source(self) -> str:
        """The program that ran last.

        Raises
        ------
        RuntimeError
            If there is none yet.
        """
        if self._last is None:
            raise RuntimeError(
                f"compile({self._name}): there is no program yet; call it twice with inputs of one shape and dtype"
            )
        return self._last.source

    @property
    def _last(self) -> Program | None:
        return self._latest[-1] if self._latest else None

    @_last.setter
    def _last(self, program: Program | None) -> None:
        self._latest[:] = [] if program is None else [program]

    @property
    def programs(self) -> int:
        """How many programs there are."""
        return sum(entry.program is not None for entry in self._entries.values())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, or run the program that stands for it."""
        leaves = list(leaves_of((args, kwargs)))
        if mode.get().watch is not None or any(map(_is_left_to_the_function, leaves)):
            return self._function(*args, **kwargs)
        arrays = [x.data if type(x) is Tensor else x for x in leaves]
        form = _structure((args, kwargs)), tuple(map(_form, leaves, arrays)), mode.get().recording
        followed = [x for x in arrays if type(x) is not np.ndarray and is_followed(x)]
        with self._turn:
            state = self._state.key(followed)
            key = form, _twice(arrays), tuple(map(self._state.reach.is_reached, arrays)), state
            if self._missed >= _PATIENCE and key not in self._entries:
                return self._function(*args, **kwargs)
            entry = self._entry(key)
            if entry.program is None:
                self._miss()
                return self._capture(entry, args, kwargs, followed)
            self._missed = 0
            return self._run(entry, _inputs(arrays), args, kwargs, followed)

    def again(self, *args: Any) -> Any:
        """Call it, for a caller who knows that what it reaches was changed since the last call by itself alone.

        Where a program ran for tuples of arrays of these forms, it runs without a look at all that it reaches.
        """
        leaves = [x for part in args if part is not None for x in part]
        if mode.get().watch is not None or not all(x is None or type(x) is np.ndarray for x in leaves):
            return self(*args)
        parts = [None if part is None else len(part) for part in args]
        form = mode.get().recording, _twice(leaves), *parts, *(None if x is None else _form(x, x) for x in leaves)
        with self._turn:
            entry = self._known.get(form)
            if entry is not None and entry.program is not None:
                return self._run(entry, _inputs(leaves), args, {}, ())
            self._ran = None
            result = self(*args)
            self._known[form] = self._ran
            return result

    def _run(self, entry: _Entry, inputs: Sequence[Any], args: Any, kwargs: Any, followed: Sequence[Any]) -> Any:
        """Run the program of an entry, or the function where it does not stand for it."""
        self._last = program = cast(Program, entry.program)
        self._ran = entry
        written = [inputs[i] for i in program.written_inputs if i < len(inputs)]  # and not a slot's content
        if (written or program.written) and self._overlap(program.written, inputs, written):
            return self._function(*args, **kwargs)
        contents = [slot.get() for slot in entry.slots]
        if not all(map(_alike, contents, entry.contents)):  # as after a rate was set to a number of NumPy's
            entry.forget()
            return self._capture(entry, args, kwargs, followed)
        entry.contents = contents
        for array in (*program.written, *written):
            versions.note(array)
        try:
            results = program.run(*inputs, *contents)
        except Changed:
            return self._function(*args, **kwargs)
        except Exception:  # of NumPy's; the function may wait for it
            if program.written or program.written_inputs:
                raise
            return self._function(*args, **kwargs)
        count = len(results) - len(entry.changed)
        for slot, content in zip(entry.changed, results[count:], strict=True):
            slot.set(content)
        return entry.result(results[:count])

    def save(
        self, path: str | os.PathLike[str], call: str | None = None, title: str | None = None, name: str | None = None
    ) -> None:
        """Write the program that ran last to a file that runs without this package, and its arrays beside it.

        The file has a function of this one's name (`call`, where that is no name, or is another thing's there), which
        takes the arrays among the arguments, of the shapes and dtypes of the last call, and returns what this one does,
        with arrays in place of tensors; all other arguments are constants.

        Parameters
        ----------
        path : path-like
            Ends in `.py`; the arrays go to the same name with `.npz`.
        call : str, optional
            The definition of another function that the file is to have; see `save_program`.
        title : str, optional
            The first line of the file.
        name : str, optional
            What the function is called there.

        Raises
        ------
        RuntimeError
            If there is no program yet.
        ValueError
            If the path has another suffix, or the program or the result needs something that cannot be written down.
        """
        if self._last is None:
            raise RuntimeError(f"compile({self._name}): there is no program to save yet; call it twice first")
        with self._turn:
            entry = next((entry for entry in self._entries.values() if entry.program is self._last), None)
            if entry is None:
                raise RuntimeError(f"compile({self._name}): the last program was dropped for newer ones; run it again")
            names = self._last.inputs[len(self._last.inputs) - len(entry.slots) :]
            contents = {name: slot.get() for name, slot in zip(names, entry.slots, strict=True)}
            changed = [name for name, slot in zip(names, entry.slots, strict=True) if slot in entry.changed]
            call = _CALL.format(result=entry.written_result()) if call is None else call
            title = f"The function {self._name}." if title is None else title
            save_program(self._last, path, contents, changed, call, title, self._name if name is None else name)

    def _miss(self) -> None:
        """Count a call that is captured, and say so when there are too many."""
        self._missed += 1
        if self._missed == _PATIENCE:
            warnings.warn(
                f"compile({self._name}): {_PATIENCE} calls in a row were captured, which takes longer than running the "
                f"function, and no program ran: each call has other shapes, arguments or settings, such as a Python "
                f"number that changes (give np.float64(x)). From now on, calls of a new form run the function",
                RuntimeWarning,
                stacklevel=3,
            )

    def _entry(self, key: Any) -> _Entry:
        """Return what is known of inputs of some form; what was not asked for for long is forgotten."""
        entry = self._entries.pop(key, None) or _Entry(self._state.kept())
        self._entries[key] = entry
        if len(self._entries) > _KEPT:
            del self._entries[next(iter(self._entries))]
        return entry

    def _overlap(self, state: Sequence[Any], inputs: Sequence[Any], written: Sequence[Any]) -> bool:
        """Tell whether a program that writes into its state, or inputs, would read the same under another name."""
        given = [*map(memory_of, filter(is_array, inputs))]
        if not {*map(memory_of, state)}.isdisjoint(given):
            return True
        pairs = itertools.combinations(inputs, 2) if len({*given}) < len(given) else ()
        twice = any(itertools.starmap(np.may_share_memory, pairs))
        return bool(written) and (twice or not self._state.reach.memory().isdisjoint(map(memory_of, written)))

    def _capture(self, entry: _Entry, args: Any, kwargs: Any, followed: Sequence[Any]) -> Any:
        """Run the function once, and write a program if the run before did the same."""
        names, key = _names_of_leaves(self._function, args, kwargs), self._state.key(followed)
        state = self._state.reach.state(followed)
        run, result = captured(self._function, args, kwargs, names, self._state)
        if self._state.reach.state(followed) == state:
            self._turned = 0
        else:
            self._turned += 1
            if self._turned == _TRIES:
                raise Uncapturable(
                    f"compile({self._name}): each run changes {self._state.reach.changed}, which a program does not "
                    f"repeat, such as a counter; hand it over as an argument, and return what is to be there"
                )
        if self._state.key(followed) != key:  # as in the first step of an optimiser, which no program stands for
            return result
        before, entry.run = entry.run if self._twice else run, run
        if before is not None:
            fault = None if before is run else difference(before, run)
            if fault is None:
                entry.write(run, before, self._exact)
                self._last = entry.program
            else:
                entry.tries += 1
                if entry.tries == _TRIES:
                    raise Uncapturable(f"compile({self._name}): {fault}")
        return result

    @property
    def _name(self) -> str:
        return getattr(self._function, "__name__", "function")


class _Entry:
    """What is known of a function for inputs of one form: a run that was captured, and then a program."""

    def __init__(self, kept: Any) -> None:
        self._kept = kept
        self.run: Run | None = None
        self.tries = 0
        self.program: Program | None = None
        self.slots: Sequence[Any] = ()
        self.changed: Sequence[Any] = ()
        self.contents: Sequence[Any] = ()  # of the slots, in the last run
        self._tree: Any = None
        self._leaves: Sequence[tuple[type, Any]] = ()  # of each result its type, and what it is if it is a constant

    def write(self, run: Run, before: Run, exact: bool) -> None:
        """Write the program of a run, before which another one did the same."""
        leaves = list(leaves_of(run.result))
        contents = [x.data if type(x) is Tensor else x for x in leaves]
        made = [x for x in contents if type(x) is StandIn]
        outputs = [*made, *(value for _, value in run.changed)]
        self.program = Program(run.log.calls, run.inputs, outputs, run.state, exact)
        self.slots, self.changed = run.slots, [slot for slot, _ in run.changed]
        self.contents = [slot.get() for slot in run.slots]
        self._tree = tree_of(run.result, [None] * len(leaves))
        self._leaves = [
            (type(leaf), None if type(content) is StandIn else _constant(leaf, earlier))
            for leaf, content, earlier in zip(leaves, contents, leaves_of(before.result), strict=True)
        ]
        self.run = None

    def forget(self) -> None:
        """Begin again."""
        self.run, self.tries, self.program = None, 0, None

    def result(self, made: Sequence[Any]) -> Any:
        """Return the function's result, with what a run has made."""
        values = iter(made)
        leaves: list[Any] = []
        for kind, constant in self._leaves:
            value = next(values) if constant is None and kind in (Tensor, StandIn) else constant
            value = value.data if type(value) is Tensor else value
            value = value.copy() if constant is not None and is_array(value) else value
            leaves.append(wrap(value, None) if kind is Tensor else value)
        return tree_of(self._tree, leaves)

    def written_result(self) -> str:
        """Write the result as an expression of `results`, a tuple of what a run has made.

        Raises
        ------
        ValueError
            If it holds anything but plain containers, arrays and plain numbers and words.
        """
        texts: list[str] = []
        made = 0
        for kind, constant in self._leaves:
            if constant is None and kind in (Tensor, StandIn):
                texts.append(f"results[{made}]")
                made += 1
            else:
                texts.append(_written(constant))
        return _written_tree(tree_of(self._tree, texts))


_CALL = '''def $name($inputs):
    """Return what the function returned from which this program was written."""
    $checks
    results = step($inputs)
    return {result}
'''


def _written(constant: Any) -> str:
    if constant is None or type(constant) in (bool, int, str) or (type(constant) is float and np.isfinite(constant)):
        return repr(constant).replace("$", "$$")  # a mark of what is put in later
    raise ValueError(
        f"save: the function returns a {type(constant).__name__} that does not depend on its inputs, which cannot be "
        f"written down; return what is computed alone"
    )


def _written_tree(tree: Any) -> str:
    """Write containers of expressions."""
    kind = _type(tree)
    if kind is str:
        return tree
    if kind is dict:
        return "{" + ", ".join(f"{_written(key)}: {_written_tree(branch)}" for key, branch in tree.items()) + "}"
    if kind not in (tuple, list):
        raise ValueError(f"save: the function returns a {kind.__name__}; return dicts, lists and tuples of arrays")
    parts = ", ".join(map(_written_tree, tree))
    return f"[{parts}]" if kind is list else f"({parts}{',' if len(tree) == 1 else ''})"


def _constant(leaf: Any, earlier: Any) -> Any:
    """Return what stands for a result that is not computed: what is outside itself, since it is read in each run."""
    if leaf is earlier:
        return leaf
    if type(leaf) is Tensor:
        return _constant(leaf.data, earlier.data)
    return np.copy(leaf) if is_array(leaf) else leaf


def _is_left_to_the_function(x: Any) -> bool:
    """Tell what is recorded by others, arrays that compute by rules of their own, such as masked ones, and odd ones."""
    if type(x) is Tensor:
        return x.requires_grad or not x.data.flags.aligned
    if is_array(x):
        return type(x) not in (np.ndarray, np.memmap) or not x.flags.aligned
    return hasattr(_type(x), "__array_ufunc__") and not _is_numeric(x)  # another library's


def _is_numeric(x: Any) -> bool:
    return isinstance(x, np.ndarray | np.generic)


def _twice(arrays: Sequence[Any]) -> Any:
    """Return which arrays are given more than once."""
    places = [*map(id, filter(is_array, arrays))]
    return None if len({*places}) == len(places) else tuple(map(places.index, places))


def _inputs(arrays: Sequence[Any]) -> list[Any]:
    """Return what a program takes: numbers, and each array once."""
    seen: set[int] = set()
    return [x for x in arrays if _is_numeric(x) and not (is_array(x) and (id(x) in seen or seen.add(id(x))))]


def _alike(content: Any, before: Any) -> bool:
    """Tell whether a program that was written with one content of a slot stands for another one."""
    if content is before:
        return True
    if type(content) is not type(before) or not _is_numeric(content):
        return type(content) is type(before)
    return (content.dtype, content.shape, content.strides) == (before.dtype, before.shape, before.strides)


_type: Any = type  # so named, it does not narrow types


def _structure(tree: Any) -> Any:
    """Return how containers are nested, without what is in them."""
    if isinstance(tree, dict):
        return ("dict", *((key, _structure(value)) for key, value in cast(Any, tree).items()))
    if isinstance(tree, tuple | list):
        return (_type(tree), *map(_structure, cast(Any, tree)))
    return None


def _form(leaf: Any, array: Any) -> Any:
    """Return what a program depends on: of an array all but its numbers, of anything else what it is."""
    if is_array(array):
        return type(leaf), array.shape, array.dtype, array.strides, array.flags.writeable
    if _is_numeric(array):
        return type(leaf), array.dtype
    if isinstance(array, float | complex | slice):  # what is equal need not be the same: 0.0 and -0.0
        return type(array), repr(array)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return type(array), None if is_followed(array) else array


def _names_of_leaves(function: Any, args: Any, kwargs: Mapping[str, Any]) -> list[str]:
    """Return what programs call the inputs: what the function calls its arguments."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    names += [f"x{i}" for i in range(len(names), len(args))]
    given = [*zip(names, args, strict=False), *kwargs.items()]
    return [name for hint, tree in given for name in _branches(hint, tree)]


def _branches(hint: str, tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, branch in cast(Any, tree).items():
            yield from _branches(key if isinstance(key, str) else f"{hint}_{key}", branch)
    elif isinstance(tree, tuple | list):
        for i, branch in enumerate(cast("Sequence[Any]", tree)):
            yield from _branches(f"{hint}{i}", branch)
    else:
        yield hint
