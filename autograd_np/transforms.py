"""Transforms: from a function to its derivatives.

Functions take and return arrays, or nested dicts, lists and tuples of arrays. Derivatives come back as arrays, and as
Tensors where something on a tape is involved: an argument that is a Tensor, or a Tensor requiring a gradient that the
function closes over. That is what makes `grad(grad(f))` right.

A *cotangent* of an output is the gradient of some final scalar with respect to it. A sweep *pulls* cotangents of the
outputs back to gradients of the inputs: a vector-Jacobian product.

There is one table of rules. Forward mode is reverse mode twice: `u -> u J` is linear, and its own vector-Jacobian
product is `v -> J v`.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_np.gradients import as_argument, batched_gradients, depends_on_others, gradients, pulled
from autograd_np.modes import differentiating, mode
from autograd_np.tensor import Tensor, as_array
from autograd_np.trees import leaves_like, leaves_of, tree_of

__all__ = [
    "Argnums",
    "IndependentWarning",
    "checked_function",
    "elementwise_grad",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "positions_of",
    "user_level",
    "value_and_grad",
    "value_and_grad_as",
    "vjp",
]

Function = Callable[..., Any]
Argnums = int | Sequence[int]

# How many rows of a Jacobian one sweep takes: enough to save Python's time, few enough to bound the memory.
_ROWS = 64


class IndependentWarning(UserWarning):
    """A function's result does not depend on what it is differentiated by: the derivative is 0, and may be a slip.

    Examples
    --------
    >>> import warnings
    >>> from autograd_np import IndependentWarning, grad
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", IndependentWarning)
    ...     grad(lambda x: 3.0)(1.0)
    array(0.)
    """


def grad(fun: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Function:
    """Return the function that computes the gradient of `fun`.

    Parameters
    ----------
    fun : callable
        Returns a scalar. Its arguments named by `argnums` are floating or complex arrays, or nested dicts, lists and
        tuples of them.
    argnums : int or sequence of int
        With respect to which positional arguments; negative ones count from the last.
    has_aux : bool
        Whether `fun` returns a pair: the scalar, and whatever else it has computed, which is not differentiated.

    Returns
    -------
    callable
        Takes the arguments of `fun` and returns the gradient, in the structure of the argument; for several argnums a
        tuple of gradients. With `has_aux` it returns `(gradient, aux)`, where aux has arrays in place of tensors as
        values have them.

    Raises
    ------
    TypeError
        If `fun` is no function. When called: if an argument to differentiate by is not made of floating or complex
        numbers, or the result is not, or is complex where an argument is real; if the result is no pair with `has_aux`.
    ValueError
        When called: if `fun` returns anything but a scalar.

    Warns
    -----
    IndependentWarning
        If the result does not depend on any of these arguments; the gradient is 0 then.

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
    both = value_and_grad_as("grad", fun, argnums, has_aux)

    @_derivative(fun)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def value_and_grad(fun: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Function:
    """Return the function that computes the value and the gradient of `fun`, in one forward and one backward pass.

    Parameters and errors are those of `grad`.

    Returns
    -------
    callable
        Takes the arguments of `fun` and returns `(value, gradient)`, with `has_aux` `((value, aux), gradient)`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import value_and_grad
    >>> value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    (array(5.), array([2., 4.]))
    >>> def loss(w):
    ...     residuals = w - 1.0
    ...     return np.sum(residuals**2), {"residuals": residuals}
    >>> value_and_grad(loss, has_aux=True)(np.array([1.0, 3.0]))
    ((array(4.), {'residuals': array([0., 2.])}), array([0., 4.]))
    """
    return value_and_grad_as("value_and_grad", fun, argnums, has_aux)


def value_and_grad_as(transform: str, fun: Function, argnums: Argnums, has_aux: bool) -> Function:
    """Return what `value_and_grad` does; messages name the transform that was called."""

    @_derivative(checked_function(transform, fun))
    def both(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        if (stand_in := _stand_in_among((args, kwargs))) is not None:
            return stand_in.derivative(transform, fun, args, kwargs, argnums, has_aux)
        call = _Call(transform, fun, args, kwargs, argnums, has_aux)
        value = call.output
        if not isinstance(value, _NUMBERS) or np.size(value) != 1:
            what = f"shape {np.shape(value)}" if isinstance(value, _NUMBERS) else f"type {type(value).__name__}"
            way = "say has_aux=True if it returns (scalar, aux)" if type(value) is tuple else "take its jacobian"
            raise ValueError(
                f"{call.name}: the function must return a scalar, not a result of {what}; reduce it (np.sum), or {way}"
            )
        call.check_kind()
        if _dtype(value).kind == "c" and any(x.dtype.kind != "c" for x in call.inputs):
            raise TypeError(
                f"{call.name}: the result is complex and an argument is real, so that there are two gradients, that of "
                f"the real and that of the imaginary part; return the real part, the imaginary part or the absolute "
                f"value, or take the jacobian, which is complex"
            )
        gradient = call.by_argument(call.pull([None], call.on_tape, warn=True), call.on_tape)
        return call.with_aux(call.value()), gradient

    return both


def elementwise_grad(fun: Function, argnums: Argnums = 0) -> Function:
    """Return the derivative of a function that acts on each element by itself, of the argument's shape.

    It is the gradient of the sum of the outputs; for other functions that is what comes out.

    Parameters and errors are those of `grad`, but `fun` returns an array of any shape.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import elementwise_grad
    >>> elementwise_grad(np.square)(np.array([1.0, 3.0]))
    array([2., 6.])
    """

    @functools.wraps(checked_function("elementwise_grad", fun))
    def total(*args: Any, **kwargs: Any) -> Any:
        return np.sum(fun(*args, **kwargs))

    return grad(total, argnums)


def vjp(fun: Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Return the value of a function, and its vector-Jacobian product as a function of the vector.

    Parameters
    ----------
    fun : callable
        Returns arrays of any shape, or nested containers of them.
    *primals
        Its arguments: floating or complex arrays, or nested containers of them.
    has_aux : bool
        Whether `fun` returns a pair: what is differentiated, and whatever else it has computed.

    Returns
    -------
    out
        The value of `fun(*primals)`.
    pullback : callable
        Takes a cotangent of the structure and shapes of `out`, and returns a tuple with the gradient for each primal.
        It can be called again and again.
    aux
        Only with `has_aux`.

    Raises
    ------
    TypeError
        If a primal is not made of floating or complex numbers.
    ValueError
        When the pullback is called with a cotangent of another structure or shape.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import vjp
    >>> out, pullback = vjp(lambda x, y: x * y, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    call = _Call("vjp", checked_function("vjp", fun), primals, {}, tuple(range(len(primals))), has_aux, lasting=True)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        cotangents = leaves_like(cotangent, call.output, f"{call.name}: the cotangent")
        create = call.on_tape or _any_on_tape(cotangents)
        return call.by_argument(call.pull(cotangents, create, retain=True), create)

    out = call.value(lasting=True)
    return (out, pullback, call.aux) if has_aux else (out, pullback)


def jvp(fun: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return the value of a function, and its derivative along a direction (forward mode).

    Parameters
    ----------
    fun : callable
        Returns arrays of any shape, or nested containers of them.
    primals : sequence
        Its arguments: floating or complex arrays, or nested containers of them.
    tangents : sequence
        The direction: for each primal one of the same structure and shapes.

    Returns
    -------
    out, tangent_out
        The value, and its derivative along the tangents, of the same structure.

    Raises
    ------
    TypeError
        If the primals or the tangents are not in a tuple or list, or a primal is not made of floating or complex
        numbers.
    ValueError
        If the tangents have another structure or other shapes than the primals.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import jvp
    >>> jvp(np.square, (np.array([1.0, 2.0]),), (np.array([1.0, 10.0]),))
    (array([1., 4.]), array([ 2., 40.]))
    """
    _check_sequences("jvp", fun, primals, tangents)
    call = _Call("jvp", fun, primals, {}, tuple(range(len(primals))))
    directions = leaves_like(tuple(tangents), tuple(primals), f"{call.name}: the tangents")
    create = call.on_tape or _any_on_tape(directions)
    probes: list[Any] = []
    for y in call.outputs:
        probes.append(Tensor(np.zeros(y.shape, y.dtype), requires_grad=True) if _on_tape(y) else None)
    of_inputs = call.pull(probes, create=True)
    pairs = [(g, v) for g, v in zip(of_inputs, directions, strict=True) if g.requires_grad]
    live = [u for u in probes if u is not None]
    pushed: Iterable[Any] = ()
    if pairs:
        pushed = gradients([g for g, _ in pairs], live, [v for _, v in pairs], create_graph=create)
    found = iter(pushed)
    results = [
        next(found) if u is not None and pairs else Tensor(np.zeros(np.shape(y), _dtype(y)))
        for u, y in zip(probes, call.outputs, strict=True)
    ]
    keep = create or any(isinstance(x, Tensor) for x in call.given)
    return call.value(create), tree_of(call.output, [t if keep else t.data for t in results])


def hvp(fun: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Return the product of the Hessian of a scalar function with a vector, without the Hessian.

    Parameters
    ----------
    fun : callable
        Returns a scalar.
    primals : sequence
        Its arguments: floating or complex arrays, or nested containers of them.
    tangents : sequence
        The vector: for each primal one of the same structure and shapes.

    Returns
    -------
    array or container
        Of the structure of the primal; for several primals, whose Hessian is that of all together, or none, a tuple.

    Raises
    ------
    TypeError, ValueError
        As `grad` and `jvp`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import hvp
    >>> hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    array([6., 0.])
    """
    _check_sequences("hvp", fun, primals, tangents)
    gradient = grad(fun, tuple(range(len(primals))))
    if any(_kind(x) == "c" for x in leaves_of(tuple(primals))):
        product = jvp(gradient, primals, tangents)[1]
    else:  # the Hessian is symmetric, and one sweep over the gradient's tape gives its product from the left
        directions = tree_of(
            tuple(primals), leaves_like(tuple(tangents), tuple(primals), f"{_named('hvp', fun)}: the tangents")
        )
        product = vjp(gradient, *primals)[1](directions)
    return product[0] if len(product) == 1 else product


def jacobian(fun: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Function:
    """Return the function that computes the Jacobian of `fun`: the derivatives of all outputs by all inputs.

    Parameters
    ----------
    fun : callable
        Returns an array of any shape, or nested containers of them. Its arguments named by `argnums` are floating or
        complex arrays, or nested containers of them.
    argnums : int or sequence of int
        With respect to which positional arguments; negative ones count from the last.
    has_aux : bool
        Whether `fun` returns a pair: what is differentiated, and whatever else it has computed.

    Returns
    -------
    callable
        Takes the arguments of `fun` and returns, for an argument of shape `s` and an output of shape `r`, an array of
        shape `r + s`. It is complex if the output is. Where outputs or arguments are nested, each output has in its
        place the structure of the argument, for several argnums a tuple of these. With `has_aux` it returns
        `(jacobian, aux)`.

    Raises
    ------
    TypeError
        If `fun` is no function. When called: if an argument to differentiate by is not made of floating or complex
        numbers, or the result is not; if the result is no pair with `has_aux`.

    Warns
    -----
    IndependentWarning
        If the result does not depend on any of these arguments; the Jacobian is 0 then.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import jacobian
    >>> jacobian(lambda x: x[:2] * x[2])(np.array([1.0, 2.0, 3.0]))
    array([[3., 0., 1.],
           [0., 3., 2.]])
    >>> jacobian(lambda p: (p["a"] * p["b"], p["b"]))({"a": 2.0, "b": 3.0})
    ({'a': array(3.), 'b': array(2.)}, {'a': array(0.), 'b': array(1.)})
    """

    @_derivative(checked_function("jacobian", fun))
    def derivatives(*args: Any, **kwargs: Any) -> Any:
        if (stand_in := _stand_in_among((args, kwargs))) is not None:
            return stand_in.derivative("jacobian", fun, args, kwargs, argnums, has_aux)
        call = _Call("jacobian", fun, args, kwargs, argnums, has_aux)
        call.check_kind()
        if not any(map(_on_tape, call.outputs)) and any(map(np.size, call.outputs)):
            call.warn()
        parts = [call.by_argument(_stack(call, y), call.on_tape) for y in call.outputs]
        return call.with_aux(tree_of(call.output, parts))

    return derivatives


def _stack(call: _Call, y: Any) -> list[Any]:
    """Return the Jacobian of one output: an array for each input."""
    shape, size = np.shape(y), np.size(y)
    if not (_on_tape(y) and size and call.inputs):
        zeros = [Tensor(np.zeros(shape + x.shape, x.dtype)) for x in call.inputs]
        return [zero * 1j for zero in zeros] if _dtype(y).kind == "c" else zeros
    rows = [_rows(call, y, start, min(size, start + _ROWS)) for start in range(0, size, _ROWS)]
    stacks: list[Any] = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
    return [g.reshape(shape + g.shape[1:]) for g in stacks]


def _rows(call: _Call, y: Any, start: int, stop: int) -> list[Any]:
    """Return the Jacobian's rows for some of an output's elements: one array for each input.

    Of a real input, the real part of the gradient counts. A complex output of a real input takes two sweeps: the
    cotangent 1 gives the derivative of its real part, the cotangent -i that of its imaginary part.
    """
    units = np.eye(stop - start, np.size(y), start, dtype=_dtype(y)).reshape(-1, *np.shape(y))
    rows = batched_gradients(y, call.inputs, units, create_graph=call.on_tape)
    if _dtype(y).kind != "c" or all(x.dtype.kind == "c" for x in call.inputs):
        return list(rows)
    imaginary = batched_gradients(y, call.inputs, -1j * units, create_graph=call.on_tape)
    return [
        real if x.dtype.kind == "c" else real + 1j * other
        for x, real, other in zip(call.inputs, rows, imaginary, strict=True)
    ]


def hessian(fun: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Function:
    """Return the function that computes the Hessian of a scalar function: the Jacobian of its gradient.

    Parameters
    ----------
    fun : callable
        Returns a scalar; the arguments to differentiate by are arrays, or nested containers of them.
    argnums : int or sequence of int
        With respect to which positional arguments; negative ones count from the last.
    has_aux : bool
        Whether `fun` returns a pair: the scalar, and whatever else it has computed.

    Returns
    -------
    callable
        Takes the arguments of `fun` and returns an array of shape `s + s` for an argument of shape `s`. Of a nested
        argument, and of several, it is nested twice: `h["a"]["b"]` are the derivatives by `p["a"]` and `p["b"]`, of
        shape `p["a"].shape + p["b"].shape`. With `has_aux` it returns `(hessian, aux)`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import hessian
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    >>> hessian(lambda x, y: x**2 * y, (0, 1))(1.0, 3.0)
    ((array(6.), array(2.)), (array(2.), array(0.)))
    """
    return jacobian(grad(fun, argnums, has_aux=has_aux), argnums, has_aux=has_aux)


class _Call:
    """A call of a function with some of its arguments on the tape.

    Attributes
    ----------
    given : list
        The arrays of those arguments, as they came.
    inputs : list of Tensor
        The same, on the tape.
    output
        What the function returned; `outputs` are its arrays.
    aux
        What it returned besides, for the caller; None without `has_aux`.
    on_tape : bool
        Whether the result depends on tensors beyond the inputs, so that derivatives must be recorded too.
    """

    def __init__(
        self,
        transform: str,
        fun: Function,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        argnums: Argnums,
        has_aux: bool = False,
        lasting: bool = False,
    ) -> None:
        self.name = _named(transform, fun)
        self.may_be_constant = getattr(fun, _MAY_BE_CONSTANT, False)
        self.several = not isinstance(argnums, int | np.integer)
        positions = positions_of(argnums, len(args), self.name)
        if (stand_in := _stand_in_among((args, kwargs))) is not None:
            stand_in.refuse_call(self.name)
        self.arguments = [args[i] for i in positions]
        self.given = list(leaves_of(self.arguments))
        for x in self.given:
            if _kind(x) not in "fc":
                raise TypeError(
                    f"{self.name}: cannot differentiate by {x!r} (a {type(x).__name__}); give floating or complex "
                    f"numbers, like 2.0"
                )
            as_array(x, f"{self.name}: an argument")  # refuses those that lose something as plain arrays
        outer = mode.get().recording
        with differentiating():
            # Arrays are copied only if the tape lasts longer than the call, and could see them change.
            self.inputs = [as_argument(Tensor(x) if lasting and not _on_tape(x) else x) for x in self.given]
            tracked = list(args)
            for i, argument in zip(positions, tree_of(self.arguments, self.inputs), strict=True):
                tracked[i] = argument
            result = fun(*tracked, **kwargs)
        self.has_aux = has_aux
        self.output, aux = _pair(result, self.name) if has_aux else (result, None)
        self.outputs = list(leaves_of(self.output))
        results = [*self.outputs, *leaves_of(aux)]
        if (stand_in := _stand_in_among(results)) is not None:  # it would be taken for a constant
            stand_in.refuse_call(f"{self.name}, of a function that closes over an example,")
        self.on_tape = outer and any(_on_tape(y) and depends_on_others(y, self.inputs) for y in results)
        self.aux = self._owned(aux, lasting=True)

    def pull(self, cotangents: Sequence[Any], create: bool, retain: bool = False, warn: bool = False) -> list[Tensor]:
        """Return the gradients of the inputs for cotangents of the outputs."""
        pairs = [(y, u) for y, u in zip(self.outputs, cotangents, strict=True) if _on_tape(y)]
        found: Sequence[Any] = [None] * len(self.inputs)
        if pairs and self.inputs:
            outputs, weights = zip(*pairs, strict=True)
            found = pulled(outputs, self.inputs, weights, create=create, retain=retain or create)
        if warn and all(g is None for g in found):
            self.warn()
        return [Tensor(np.zeros(x.shape, x.dtype)) if g is None else g for g, x in zip(found, self.inputs, strict=True)]

    def warn(self) -> None:
        """Say that the result does not depend on the arguments."""
        if not self.inputs or self.may_be_constant:
            return
        warnings.warn(
            f"{self.name}: the result does not depend on what it is differentiated by, so that the derivative is 0; "
            f"was it computed from something else, or from detached values?",
            IndependentWarning,
            stacklevel=user_level(),
        )

    def check_kind(self) -> None:
        """Raise if the result cannot have a derivative."""
        for y in self.outputs:
            if not isinstance(y, _NUMBERS):
                raise TypeError(f"{self.name}: the function must return arrays, not a {type(y).__name__}")
            if _kind(y) not in "fc":
                raise TypeError(
                    f"{self.name}: the function returned {y!r} of dtype {_dtype(y)}, which has no derivative: only "
                    f"floating and complex numbers have; return what was compared, rounded or counted instead"
                )

    def by_argument(self, results: Sequence[Tensor], keep: bool) -> Any:
        """Return results, one for each input, in the structure of the arguments; arrays for arrays, unless kept."""
        plain = [g if keep or isinstance(x, Tensor) else g.data for g, x in zip(results, self.given, strict=True)]
        arguments = tree_of(self.arguments, plain)
        return tuple(arguments) if self.several else arguments[0]

    def value(self, keep: bool = False, lasting: bool = False) -> Any:
        """Return what the function returned; arrays for arrays, unless something on a tape is involved.

        It shares no memory with the arguments, nor with the tape if that lasts: changing it changes nothing else.
        """
        return self.output if keep else self._owned(self.output, lasting)

    def with_aux(self, result: Any) -> Any:
        """Return a result, paired with what the function returned besides if it was to return that."""
        return (result, self.aux) if self.has_aux else result

    def _owned(self, tree: Any, lasting: bool) -> Any:
        if self.on_tape:
            return tree
        tensors = any(isinstance(x, Tensor) for x in self.given)

        def own(y: Tensor) -> Any:
            shared = lasting or any(np.may_share_memory(y.data, x.data) for x in self.inputs)
            array = np.copy(y.data) if shared else y.data
            return Tensor(array) if tensors else array

        return tree_of(tree, [own(y) if isinstance(y, Tensor) else y for y in leaves_of(tree)])


def _pair(result: Any, name: str) -> Any:
    """Return what a function with `has_aux` returned, if it is a pair."""
    count = len(result) if issubclass(type(result), tuple | list) else 0
    if count == 2:
        return result
    size = f" of {count}" if count else ""
    raise TypeError(
        f"{name}: with has_aux=True the function must return a pair, (value, aux), not a {type(result).__name__}{size}"
    )


def _derivative(fun: Function) -> Callable[[Function], Function]:
    """Decorate a derivative: it has the function's name and documentation, and may be constant without a warning."""
    return lambda derivative: may_be_constant(functools.update_wrapper(derivative, fun))


def may_be_constant(fun: Function) -> Function:
    """Mark a function whose result need not depend on its arguments, as that of a derivative: there is no warning."""
    setattr(fun, _MAY_BE_CONSTANT, True)
    return fun


_MAY_BE_CONSTANT = "_may_be_constant"


def checked_function(transform: str, fun: Any) -> Any:
    """Return what is to be differentiated, if it is a function."""
    if not callable(fun):
        raise TypeError(
            f"{transform}: takes a function and returns one, {transform}(f)(x), and was given a {type(fun).__name__}; "
            f"of tensors that are computed already, gradients(y, x) are the gradients"
        )
    return fun


def positions_of(argnums: Argnums, count: int, name: str) -> Sequence[int]:
    """Return which of so many positional arguments are meant, if all of them are there."""
    positions: Sequence[Any] = argnums if isinstance(argnums, Sequence) else (argnums,)
    if any(isinstance(i, bool) or not isinstance(i, int | np.integer) for i in positions):
        raise TypeError(f"{name}: argnums={argnums!r}; they are the places of positional arguments, like 0")
    for i in positions:
        if not -count <= i < count:
            raise TypeError(f"{name}: argnums={i}, but it was called with {count} positional arguments")
    if len({i % count for i in positions}) < len(positions):
        raise ValueError(f"{name}: argnums={argnums!r} has an argument twice; name each of them once")
    return positions


def _stand_in_among(arguments: Any) -> Any:
    """Return a stand-in of vmap, which computes the derivatives of all examples at once; None if there is none."""
    for x in leaves_of(arguments):
        if hasattr(type(x), "derivative"):  # pyright: ignore
            return x
    return None


def user_level() -> int:
    """Return how far up the stack the caller of a transform is, for a warning."""
    level, frame = 1, sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("autograd_np."):
        level, frame = level + 1, frame.f_back
    return level


def _named(transform: str, fun: Function) -> str:
    """Say for messages what was called: `jvp(f)`."""
    return f"{transform}({getattr(fun, '__name__', 'fun')})"


def _check_sequences(transform: str, fun: Function, primals: Any, tangents: Any) -> None:
    """Raise for a bare array, whose elements would be taken for the arguments."""
    for values in (primals, tangents):
        if not isinstance(values, tuple | list):
            raise TypeError(
                f"{_named(transform, fun)}: the primals and the tangents are tuples, one element for each argument of "
                f"the function, like (x,), not a {type(values).__name__}"  # pyright: ignore
            )


_NUMBERS: Any = (Tensor, np.ndarray, np.generic, float, int, complex)


def _kind(x: Any) -> str:
    """Return NumPy's letter for the kind of a number or array, "O" for anything else."""
    return _dtype(x).kind if isinstance(x, _NUMBERS) else "O"


def _dtype(x: Any) -> np.dtype[Any]:
    return x.dtype if isinstance(x, Tensor) else np.result_type(x)


def _on_tape(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad


def _any_on_tape(values: Sequence[Any]) -> bool:
    return mode.get().recording and any(map(_on_tape, values))
