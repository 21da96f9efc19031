"""check_grads: hold a function's derivatives against differences along random directions."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograd_np.tape import Node
from autograd_np.tensor import Tensor, plain
from autograd_np.testing.arguments import (
    as_module,
    as_tensor,
    called,
    copied,
    has_variables,
    in_double,
    is_floating,
    is_module,
    is_python,
    parameters_of,
    paths,
    refuse_subclass,
    with_parameters,
)
from autograd_np.testing.layouts import lay_out, own_elements
from autograd_np.testing.numerical import Estimate, derivative, jump_beside, jump_within, noise_level, one_sided, scale
from autograd_np.transforms import grad, jvp, may_be_constant
from autograd_np.trees import in_order_of, leaves_of, nested_alike, tree_of
from autograd_np.views import ancestors, node_of

__all__ = ["NondifferentiableWarning", "check_grads", "verify"]

Array = NDArray[Any]
Function = Callable[..., Any]
Pair = tuple[Function, Function]

Mode = Callable[[Function, list[Array]], Function]

_MODES = ("rev", "fwd")
_NAMES = {"rev": "reverse", "fwd": "forward"}
# What differences must be known to, relatively, before they can witness against a derivative.
_KNOWN = 1e-3
# Steps on which to look on this side of a kink or pole.
_NEAR = (1e-6, 1e-9, 1e-12)
_NEARBY = 0.01
# Up to where a function may seem constant; how many roundings of its values it changes by where they show how, and
# less than by how many more it has grown out of them by degrees; and how many times the point's size to look for that.
_FLAT = 0.1
_RESOLVED = 64.0
_GRADUAL = 1e6
_FAR = 4096.0
# How far from the point, relative to its size, the function must be defined.
_DEFINED = 0.15
# How exactly the slopes of smaller and of larger steps are known, relative to what they differ by, to tell a kink.
_CLEAR = 0.03
# What may come of rounding alone, relative to the sums that were formed.
_ROUNDING = 1e-9
_EPS = float(np.finfo(float).eps)
# How many noise levels a number is off by at most.
_CERTAIN = 4.0
# And by how many it may be off, where a few measured ones stand for all.
_DOUBTFUL = 64.0


class NondifferentiableWarning(UserWarning):
    """Says that derivatives could not be checked, since differences tell of none at the point that was given."""


def check_grads(
    f: Function | Pair,
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = _MODES,
    atol: float | None = None,
    rtol: float | None = None,
) -> None:
    """Check the derivatives of a function against differences of its values.

    The output is contracted with random numbers, and the resulting scalar differentiated along a random direction; for
    the second order that derivative is differentiated along another one, and so on. It costs a few dozen calls of the
    function, however many elements there are.

    Parameters
    ----------
    f : callable or (forward, backward)
        Either a function of tensors, whose automatic derivatives are checked, or a pair that need not know of this
        package: ``forward(*args)``, and its hand-written ``backward(cotangent, *args)``, which takes the gradient of
        some scalar with respect to the output, and returns those with respect to the arguments: one for each array, in
        order. Of a pair the first derivative is checked, the only one that it has.
    args : sequence
        The arguments: arrays, numbers, modules, or nested dicts, lists and tuples of them. Derivatives are checked with
        respect to every floating or complex array and number, and to the parameters of every module, which is anything
        with a `named_parameters` method; if `f` is one itself, to its own. The rest is held constant. The function sees
        arrays in the memory layout of those given, and copies of modules.
    order : int
        Up to which derivative.
    modes : sequence of {"rev", "fwd"}
        Whether to check reverse mode (vector-Jacobian products), forward mode, or both and their combinations.
    atol, rtol : float, optional
        How far derivatives may be off beyond what is measured: the error of the differences, and how far the derivative
        itself scatters by rounding. It is `atol` plus `rtol` times the size of the derivative; of higher ones, times
        the size of the contracted output if that is larger. By default `atol` is 0, and `rtol` is ``eps**(2/3)`` for
        first derivatives and ``eps**(1/2)`` for second ones, with the eps of the least precise dtype involved: for
        float64 4e-11 and 1e-8, for float32 2e-5 and 3e-4. Differences are always taken in double precision.

    Raises
    ------
    AssertionError
        If a derivative is wrong: the message says which, by how much, and with respect to which arguments. Or if a
        hand-written pass gives one another shape or dtype than its argument has, or not the same for the same
        arguments.
    TypeError
        If nothing among the arguments can be differentiated by, the function returns nothing that can be
        differentiated, or the pair is none; or if an array is masked or of another subclass with rules of its own.
    ValueError
        If `f` does not return the same for the same arguments, or `order` or `modes` are not as above.

    Warns
    -----
    NondifferentiableWarning
        If nothing could be told at the point: the function has a kink or a jump there, or is not finite, or is computed
        with so large rounding errors that they drown its differences: then with which arguments is said, since neither
        a right nor a wrong gradient can be told from rounding. What the convention for its gradient is at a kink
        cannot be held against differences. Along the diagonal, where all elements grow alike so that ties stay ties, it
        is checked nevertheless.

    See Also
    --------
    gradient_property : draws the arguments as well.

    Notes
    -----
    The scheme of one random direction for each order is that of ``jax.test_util.check_grads``. How exact differences
    are is not guessed from the size of the function's values: where they scatter about a smooth curve, as they do after
    a cancellation, by how much is measured (the noise of Moré and Wild, see `numerical_gradient`), and likewise of the
    derivative that is checked.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.testing import check_grads
    >>> check_grads(lambda x, y: np.tanh(x @ y), (np.ones((2, 3)), np.ones(3)))

    A pair with a wrong factor:

    >>> check_grads((np.square, lambda g, x: g * x), (np.array([1.0, 2.0]),))
    Traceback (most recent call last):
        ...
    AssertionError: square: the reverse derivative of order 1 is wrong:
      along a random direction -1.937866, by differences -3.875732 +- 1.4e-10
      by args[0], float64 (2,): -1.937866, by differences -3.875732  <- wrong
    """
    __tracebackhide__ = True
    kink = verify(f, args, order, modes, atol, rtol)
    if kink:
        warnings.warn(f"check_grads: {kink}", NondifferentiableWarning, stacklevel=2)


def verify(
    f: Function | Pair, args: Sequence[Any], order: int, modes: Sequence[str], atol: float | None, rtol: float | None
) -> str:
    """Do what `check_grads` does, but return what it warns of: "" where the function has its derivatives."""
    __tracebackhide__ = True
    whole = isinstance(order, int | np.integer) and not isinstance(order, bool)  # pyright: ignore[reportUnnecessaryIsInstance]
    if not whole or order < 1 or not modes or not set(modes) <= set(_MODES):
        raise ValueError(f"check_grads: order={order}, modes={modes!r}; give an order from 1, and modes of {_MODES}")
    if not all(limit is None or limit >= 0 for limit in (atol, rtol)):  # a NaN is not
        raise ValueError(f"check_grads: atol={atol}, rtol={rtol}; give numbers from 0, or None for what is measured")
    if not isinstance(args, tuple | list):
        raise TypeError(
            f"check_grads: the arguments come in a tuple or list, one element for each argument of the function, like "
            f"(x,), not in a {type(args).__name__}"
        )
    with np.errstate(all="ignore"):  # overflow and the like show in the results
        check = _Check(f, args, modes, atol, rtol)
        check.run(order)
    return f"{check.name}: {check.kink}" if check.kink else ""


class _Variable(NamedTuple):
    """What to differentiate by: its name in messages, as it was given, its own elements, and if it has a dtype."""

    name: str
    given: Array
    elements: Array
    typed: bool


class _Bounds(NamedTuple):
    """Whether differences are known well enough, the tolerance, the slope's size, and what is rounding beside it."""

    known: bool
    tolerance: float
    slope: float
    rounding: float


class _Check:
    """A function and a point, as a function of a flat list of arrays."""

    def __init__(
        self, f: Function | Pair, args: Sequence[Any], modes: Sequence[str], atol: float | None, rtol: float | None
    ) -> None:
        __tracebackhide__ = True
        self.kink = ""
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
        self.modes = {_NAMES[mode]: _DERIVATIVES[mode] for mode in modes}
        self.variables = list(self._variables())
        if not self.variables:
            raise TypeError(
                f"check_grads({self.name}): nothing to differentiate by among the arguments "
                f"{tuple(type(a).__name__ for a in args)}; give arrays of floating or complex numbers"
            )
        self.rng = np.random.default_rng(0)
        self.point = [v.elements for v in self.variables]
        self.outputs = [np.asarray(plain(y)) for y in self._flat(*self._constants())]
        if not self.outputs:
            result = self.function(*self._arguments(self._constants()))
            raise TypeError(
                f"check_grads({self.name}): the function returned {result!r}, in which nothing can be differentiated; "
                f"return arrays of floating or complex numbers"
            )
        for y, again in zip(self.outputs, self._flat(*self._constants()), strict=True):
            if not np.array_equal(y, plain(again), equal_nan=True):
                raise ValueError(
                    f"check_grads({self.name}): the function does not return the same for the same arguments; make a "
                    f"generator with a fixed seed inside it"
                )
        eps = max(float(np.finfo(a.dtype).eps) for a in (*self.point, *self.outputs))
        self.atol = 0.0 if atol is None else atol
        self.rtol, self.eps = rtol, eps
        self.cotangents = [self._random(y) for y in self.outputs]
        self.rounding = 64 * eps * sum(float(np.sum(abs(u))) for u in self.cotangents)
        self.size = sum(float(np.sum(abs(u * y))) for u, y in zip(self.cotangents, self.outputs, strict=True))

    def run(self, order: int) -> None:
        __tracebackhide__ = True
        if not all(np.isfinite(y).all() for y in self.outputs):
            self.kink = "the function is not finite at this point"
            return
        if self.backward is None:
            if any(x.size for x in self.point):
                self._check(self._scalar, order)
            return
        pull_back: Mode = lambda _f, direction: lambda *elements: _dot(self._pulled_back(elements), direction)  # noqa: E731
        self._compare(self._scalar, {"reverse": pull_back}, 1)
        self._refuse_other_dtypes()

    def _check(self, scalar: Function, order: int, level: int = 1) -> None:
        """Check the derivatives of a scalar function of the variables, and then those of its derivatives."""
        __tracebackhide__ = True
        direction = self._compare(scalar, self.modes, level)
        if direction is not None and level < order:
            for differentiate in self.modes.values():
                self._check(differentiate(scalar, direction), order, level + 1)

    def _compare(self, scalar: Function, modes: Mapping[str, Mode], level: int) -> list[Array] | None:
        """Hold derivatives along a random direction against differences; return it, or None at a kink."""
        __tracebackhide__ = True
        scales = [scale(x) for x in self.point]
        direction = [(self._random(x) * size).astype(x.dtype) for x, size in zip(self.point, scales, strict=True)]
        kink = self._differ(scalar, modes, level, direction)
        if not kink:
            return direction
        self._differ(scalar, modes, level, [np.full_like(x, min(scales)) for x in self.point])
        self.kink = f"at this point the derivative of order {level} cannot be told: {kink}"
        return None

    def _differ(self, scalar: Function, modes: Mapping[str, Mode], level: int, direction: list[Array]) -> str:
        """Raise if a derivative along a direction is wrong; return why there is none to be told, or nothing."""
        __tracebackhide__ = True
        phi = self._along(scalar, direction)
        quick = self._slope(phi, rounds=0)
        for mode, differentiate in modes.items():
            derivative = differentiate(scalar, direction)
            found = float(plain(derivative(*self.point)))
            bounds = self._bounds(phi, quick, found, level)
            agrees = bounds.known and abs(found - quick.value) <= bounds.tolerance
            weak = bounds.tolerance >= _KNOWN * bounds.slope
            if agrees and not (weak and (abs(found) > self.rounding or self._drowns(phi, 0.0))):
                continue
            # From here on it matters how exactly the function and its derivative are computed.
            if not np.array_equal(found, float(plain(derivative(*self.point))), equal_nan=True):
                raise AssertionError(
                    f"{self.name}: the {mode} derivative of order {level} is not the same for the same arguments; make "
                    f"what it draws in the forward pass, and keep it"
                )
            jump = jump_beside(phi)
            estimate = self._slope(phi, noise=jump)
            bounds = self._bounds(phi, estimate, found, level)
            own = self._rounding_of(derivative, direction, float(estimate.step))
            tolerance = bounds.tolerance + own
            if float(estimate.value) == 0.0 == float(phi(_NEARBY) - phi(0.0)):
                tolerance += self.rounding  # what cancels is larger than what is left
            if bounds.known and abs(found - estimate.value) <= tolerance:
                rough = self._drowns(phi, float(estimate.noise)) if tolerance >= _KNOWN * bounds.slope else 0.0
                if not rough:
                    # Of a constant, what is found is rounding.
                    if estimate.error > _KNOWN * abs(found) and abs(found) > max(self.rounding, own):
                        return self._unresolved(scalar, direction, max(float(estimate.noise), _EPS * self.size))
                    continue
                jump = max(jump, rough)
                # Only farther away it changes by more than its values are off by.
                estimate = self._slope(phi, noise=rough)
                if not estimate.error <= _KNOWN * max(abs(found), abs(float(estimate.value))):
                    return self._unresolved(scalar, direction, rough)
                bounds = self._bounds(phi, estimate, found, level)
                tolerance = bounds.tolerance + self._rounding_of(derivative, direction, float(estimate.step))
                if abs(found - estimate.value) <= tolerance:
                    continue
            if any(_agrees_nearby(phi, step, found, tolerance, estimate, jump) for step in _NEAR):
                continue  # there is a kink or a pole, but outside the smaller steps
            if not bounds.known:
                because = f", since values nearby scatter by {estimate.noise:.1g}" if estimate.noise else ""
                return f"differences settle no better than to {estimate.value:.3g} +- {estimate.error:.1g}{because}"
            nearby = 16 * float(estimate.step) if estimate.start < 1 else 1.0
            left, right = one_sided(phi, max(float(estimate.noise), jump), nearby)
            low, high = sorted((float(left.value), float(right.value)))
            # Between two slopes, however close, a derivative is right.
            between = low - tolerance <= found <= high + tolerance
            unsure = float(left.error + right.error) + max(0.0 if between else _KNOWN * bounds.slope, bounds.rounding)
            if not high - low <= unsure:
                return f"the slope is {float(left.value):.6g} on one side and {float(right.value):.6g} on the other"
            if not np.isfinite(found) and self._overflows(float(estimate.value)):
                return "the derivative is too large for its dtype"
            if self._rounding_explains(phi, derivative, direction, found, estimate, tolerance):
                return (
                    f"rounding changes the function or its derivative as much as {found:.3g} differs from differences, "
                    f"{estimate.value:.3g}; check at another point, or write the function so that nothing cancels there"
                )
            raise AssertionError(
                f"{self.name}: the {mode} derivative of order {level} is wrong:\n"
                f"  along a random direction {found:.9g}, by differences {estimate.value:.9g} +- {tolerance:.1e}\n"
                + self._by_variable(scalar, differentiate, direction, tolerance)
                + self._about_triangles()
            )
        return ""

    def _bounds(self, phi: Callable[[float], Array], estimate: Estimate, found: float, level: int) -> _Bounds:
        """Return how far a derivative may be from its estimate, before anything is known of its own rounding errors."""
        # At an extremum with the value 0 only the neighbourhood tells how large what cancels there is.
        nearby = [y for y in (abs(float(phi(t))) for t in (-_NEARBY, _NEARBY)) if np.isfinite(y)]
        slope = max(abs(found) if np.isfinite(found) else 0.0, abs(float(estimate.value)))
        size = max(slope, self.size, *nearby)
        rounding = max(_ROUNDING * size, float(np.finfo(float).tiny))
        rtol = self.eps ** (2 / (level + 2)) if self.rtol is None else self.rtol
        # Derivatives of derivatives are what is left of larger terms, which need not scatter.
        tolerance = float(estimate.error) + self.atol + rtol * (slope if level == 1 else size)
        return _Bounds(bool(estimate.error <= max(_KNOWN * slope, rounding)), tolerance, slope, rounding)

    def _drowns(self, phi: Callable[[float], Array], noise: float) -> float:
        """Return the rounding of a function's values if it hides how the function changes around 0, and 0 otherwise.

        The function then seems constant, but grows out of the rounding by degrees as steps become longer. What is
        constant stays so; and where a kink or a jump ends that, the function is far from it at once.
        """
        here, farthest = float(phi(0.0)), max(_FAR, _FAR / max(map(scale, self.point)))
        rounding = max(noise, 2 * _EPS * abs(here))

        def change(t: float) -> float:
            return max((abs(y - here) for y in (float(phi(t)), float(phi(-t))) if np.isfinite(y)), default=0.0)

        reach = _FLAT
        if change(reach) > _RESOLVED * max(rounding, _EPS * self.size):
            return 0.0
        if all(float(phi(t)) == here for t in _lengths(8 * reach, 64 * farthest, 64.0)):
            return 0.0
        jump = 0.0
        while reach <= farthest:
            changed = change(reach)
            if changed and not jump:
                jump = max(jump_beside(phi, reach), rounding)
            if _RESOLVED * jump < changed < _GRADUAL * jump:
                return jump
            reach *= 2
        return 0.0

    def _unresolved(self, scalar: Function, direction: list[Array], rounding: float) -> str:
        """Say by what the derivatives are lost in rounding, and what to do."""
        names: list[str] = []
        for i, variable in enumerate(self.variables):
            alone = [v if i == j else np.zeros_like(v) for j, v in enumerate(direction)]
            slope = self._slope(self._along(scalar, alone), noise=rounding)
            if variable.given.size and not slope.error <= _KNOWN * abs(slope.value):
                names.append(variable.name)
        return (
            f"with {', '.join(names)} the function changes by less than its values are computed to, which is about "
            f"{rounding:.1g}; check at another point, or without large terms that do not depend on it"
        )

    def _overflows(self, slope: float) -> bool:
        """Tell whether a derivative by one of the variables may be too large for its dtype."""
        # A slope is that along a direction as long as the variable, in which its elements are a quarter at least.
        return any(4 * abs(slope) / np.float64(scale(x)) >= float(np.finfo(x.dtype).max) for x in self.point if x.size)

    def _rounding_of(self, derivative: Function, direction: list[Array], step: float) -> float:
        """Return how far a derivative may be off by rounding, in the precision of the arguments."""
        scatter = functools.partial(self._scatter, derivative)
        # Close by, so that the jumps of masks are out of reach; unless the numbers are too coarse to show anything.
        noise = scatter(direction, step / 4) or scatter(direction, step)
        # And where each number keeps its own size: what cancels may be far larger there than farther away.
        sized = [abs(v) / scale(x) * x for x, v in zip(self.point, direction, strict=True)]
        # Denormal numbers have few digits, and may have none to scatter by.
        terms = [(y.dtype, y.size) for y in self.outputs] + [(v.dtype, float(np.sum(abs(v)))) for v in direction]
        least = sum(float(np.finfo(dtype).smallest_subnormal) * weight for dtype, weight in terms)
        return _CERTAIN * (max(noise, scatter(sized, min(step, 1.0) / 4)) + least)

    def _scatter(self, derivative: Function, direction: Sequence[Array], reach: float) -> float:
        """Return how far a derivative scatters about a smooth curve, in the precision of the arguments."""

        def along(t: float) -> Array:
            moved = [(x + t * v).astype(x.dtype) for x, v in zip(self.point, direction, strict=True)]
            try:
                exact = 0.0 if self.eps <= _EPS else plain(derivative(*map(in_double, moved)))
                return np.asarray(plain(derivative(*moved)) - exact, dtype=float)
            except Exception:
                if abs(t) < _DEFINED:
                    raise
                return np.asarray(np.nan)

        return float(np.nan_to_num(noise_level(along, reach), nan=0.0, posinf=0.0))

    def _rounding_explains(
        self,
        phi: Callable[[float], Array],
        derivative: Function,
        direction: list[Array],
        found: float,
        estimate: Estimate,
        tolerance: float,
    ) -> bool:
        """Tell whether a derivative that differs from the estimate may be right, but for rounding.

        Where the function is a staircase or a saw of rounding, its slope between two jumps tells nothing, and that over
        many of them counts. And if the estimate rests on steps longer than the point's own size, then so does what the
        derivative is off by: on the way, a cancellation may show that is complete at the point.
        """
        reach, farthest = 0.9, max(_FAR, _FAR / max(map(scale, self.point)))
        while reach < farthest and phi(reach) == phi(0.0) == phi(-reach):
            reach *= 8
        jump = jump_within(phi, reach, float(estimate.value))
        far = self._slope(phi, noise=2 * jump, rounds=0)
        known = far.error <= _KNOWN * max(abs(found), abs(float(far.value)), abs(float(estimate.value)))
        for slope in (estimate, far) if known else (estimate,):
            reaches = _lengths(0.25, float(slope.step) / 4)
            noise = max((self._scatter(derivative, direction, reach) for reach in reaches), default=0.0)
            if abs(found - slope.value) <= float(slope.error) + tolerance + _DOUBTFUL * noise:
                return True
        return False

    def _by_variable(self, scalar: Function, differentiate: Mode, direction: list[Array], tolerance: float) -> str:
        """Return a table of the derivatives with respect to each variable alone."""
        lines: list[str] = []
        for i, variable in enumerate(self.variables):
            alone = [v if i == j else np.zeros_like(v) for j, v in enumerate(direction)]
            found = float(plain(differentiate(scalar, alone)(*self.point)))
            value = float(self._slope(self._along(scalar, alone)).value)
            line = f"  by {variable.name}, {variable.given.dtype} {variable.given.shape}: {found:.9g}, by differences"
            lines.append(f"{line} {value:.9g}" + ("" if abs(found - value) <= tolerance else "  <- wrong"))
        return "\n".join(lines)

    def _about_triangles(self) -> str:
        """Say what functions of one triangle are differentiated by, if there are any on the tape."""
        if self.backward is not None:
            return ""
        outputs = self._flat(*(Tensor(x, requires_grad=True) for x in self.point))
        names = sorted(_on_tape(node_of(y) for y in outputs if isinstance(y, Tensor)) & _OF_ONE_TRIANGLE)
        if not names:
            return ""
        return (
            f"\n  Functions of one triangle ({', '.join(names)}) are differentiated by a Hermitian matrix, whose "
            f"other triangle mirrors it: check them with one, such as (x + x.conj().swapaxes(-1, -2)) / 2"
        )

    def _slope(self, phi: Callable[[float], Array], *, noise: float = 0.0, rounds: int = 4) -> Estimate:
        """Return the derivative on a line, whose unit of length is the size of the variables."""
        return derivative(phi, 1.0, 1 / max(map(scale, self.point)), noise=noise, rounds=rounds)

    def _along(self, scalar: Function, direction: list[Array]) -> Callable[[float], Array]:
        """Return a scalar function on a line through the point, in double precision."""

        @functools.cache
        def phi(t: float) -> Array:
            moved = [in_double(x) + t * in_double(v) for x, v in zip(self.point, direction, strict=True)]
            try:
                return np.asarray(plain(scalar(*(moved if self.backward else map(Tensor, moved)))), dtype=float)
            except Exception:  # far away the function may not be defined
                if abs(t) < _DEFINED:
                    raise
                return np.asarray(np.nan)

        return phi

    # -- the function of a flat list --------------------------------------------------------------------------------

    def _variables(self) -> Iterator[_Variable]:
        for position, argument in enumerate(self.args):
            name = f"args[{position - self.offset}]" if position >= self.offset else ""
            for path, leaf in paths(argument, name):
                if is_module(leaf):
                    for key, parameter in parameters_of(leaf):
                        yield _Variable(f"{path}.{key}".lstrip("."), parameter.data, parameter.data, True)
                elif is_floating(leaf):
                    given = np.asarray(plain(leaf.detach() if isinstance(leaf, Tensor) else leaf))
                    given = given if self.offset == 0 else as_module(self.args[0], given)
                    yield _Variable(path, given, own_elements(given), not is_python(leaf))

    def _flat(self, *elements: Any) -> list[Any]:
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
                return with_parameters(leaf, {id(p): as_tensor(next(rest)[1]) for _, p in parameters_of(leaf)})
            return take() if is_floating(leaf) else copied(leaf)

        return tree_of(self.args, [fill(leaf) for leaf in leaves_of(self.args)])

    def _constants(self) -> list[Any]:
        return self.point if self.backward else list(map(Tensor, self.point))

    def _scalar(self, *elements: Any) -> Any:
        return sum((_real_sum(u * y) for u, y in zip(self.cotangents, self._flat(*elements), strict=True)), 0.0)

    def _pulled_back(self, elements: Sequence[Array]) -> list[Array]:
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
            return np.asarray(next(cotangents), dtype=np.result_type(plain(y))) if is_floating(y) else None

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

    def _refuse_other_dtypes(self) -> None:
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

    def _random(self, like: Array) -> Array:
        """Return numbers from a quarter to one, of either sign, of an array's shape and dtype."""
        x = self.rng.uniform(0.25, 1, like.shape) * self.rng.choice([-1.0, 1.0], like.shape)
        turned = x * np.exp(1j * self.rng.uniform(0, 1, like.shape)) if like.dtype.kind == "c" else x
        return np.asarray(turned, dtype=like.dtype)


def _lengths(least: float, most: float, ratio: float = 8.0) -> Iterator[float]:
    """Yield lengths of growing order of magnitude, below the most."""
    while least < most:
        yield least
        least *= ratio


def _agrees_nearby(
    phi: Callable[[float], Array], step: float, found: float, tolerance: float, far: Estimate, jump: float
) -> bool:
    """Tell whether smaller steps contradict the larger ones, and agree with what was found.

    Between two steps of a staircase every function is flat, so the values are known no better than to a `jump`.
    """
    near = derivative(phi, step, step, noise=jump)
    contradicts = _CLEAR * abs(near.value - far.value) > near.error + far.error
    return bool(contradicts and abs(found - near.value) <= tolerance + near.error)


def _reverse(scalar: Function, direction: list[Array]) -> Function:
    """Return the derivative of a scalar function along a direction, from its gradient."""
    gradient = grad(may_be_constant(lambda *elements: scalar(*elements)), tuple(range(len(direction))))
    return lambda *elements: _dot(gradient(*elements), direction)


def _forward(scalar: Function, direction: list[Array]) -> Function:
    """Return the derivative of a scalar function along a direction, pushed forward."""
    return lambda *elements: jvp(scalar, elements, direction)[1]


_OF_ONE_TRIANGLE = {"np.linalg.cholesky", "np.linalg.eigh", "np.linalg.eigvalsh"}


def _on_tape(nodes: Iterable[Node | None]) -> set[str]:
    """Return the names of what was called on the way to some nodes."""
    return {node.name for last in nodes if last is not None for node in ancestors(last)}


_DERIVATIVES: dict[str, Mode] = {"rev": _reverse, "fwd": _forward}


def _dot(gradients: Sequence[Any], direction: Sequence[Array]) -> Any:
    return sum((_real_sum(g * v) for g, v in zip(gradients, direction, strict=True)), 0.0)


def _real_sum(x: Any) -> Any:
    return (x.real if x.dtype.kind == "c" else x).sum()
