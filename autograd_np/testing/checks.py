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
from autograd_np.testing.arguments import in_double
from autograd_np.testing.numerical import (
    FAR,
    Estimate,
    derivative,
    is_flat,
    jump_beside,
    jump_within,
    noise_level,
    one_sided,
    scale,
    staircase,
)
from autograd_np.testing.subject import Function, Pair, Subject, dot, real_sum
from autograd_np.transforms import grad, jvp, may_be_constant
from autograd_np.views import ancestors, node_of

__all__ = ["NondifferentiableWarning", "check_grads", "verify"]

Array = NDArray[Any]
Mode = Callable[[Function, list[Array]], Function]

_MODES = ("rev", "fwd")
_NAMES = {"rev": "reverse", "fwd": "forward"}
# What differences must be known to, relatively, before they can witness against a derivative.
_KNOWN = 1e-3
# Steps on which to look on this side of a kink or pole.
_NEAR = (1e-6, 1e-9, 1e-12)
_NEARBY = 0.01
# Up to where a function may seem constant, and how many roundings of its values it changes by where it does not; and
# how many roundings of the largest terms are left where these cancel, at most, which are looked for at these distances.
_FLAT = 0.1
_RESOLVED = 64.0
_LEFT = 64.0
_AROUND = (-8.0, -1.0, 1.0, 8.0)
# What steps rounding of larger terms does not leave, relative to all that the function rises by far away; and not even
# rounding to single precision, relative to the values around.
_STEPS = 1e-14
_COARSE = float(np.finfo(np.float32).eps)
# How far from the point, relative to its size, the function must be defined.
_DEFINED = 0.15
# How exactly the slopes of smaller and of larger steps are known, relative to what they differ by, to tell a kink.
_CLEAR = 0.03
# What may come of rounding alone, relative to the sums that were formed.
_ROUNDING = 1e-9
_EPS = float(np.finfo(float).eps)
# How many roundings of values in low precision may stand in a right derivative.
_FEW = 8.0
# Parts of a reach within which a derivative may be smooth that seems to scatter.
_PARTS = (1e-2, 1e-4, 1e-6)
# How many numbers lie within a reach, for it to show all of their rounding; or beside the point, for a step to be one.
_MANY = 1e4
# To what part a derivative by a single variable must be told.
_SHARE = 0.01
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
    function, however many elements there are. Several outputs are weighted so that all have a say, whatever their
    sizes; and the first derivatives by those of several arguments that are too small beside the others to be told are
    checked once more alone.

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
        Directions are as long as the arguments, and so are the steps: of arguments that are tiny next to the scale on
        which the function changes, second derivatives contribute less than that, and no wrong one is found.

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


class _Bounds(NamedTuple):
    """Whether differences are known well enough, the tolerance, the slope's size, and what is rounding beside it."""

    known: bool
    tolerance: float
    slope: float
    rounding: float


class _Check(Subject):
    """The derivatives of a function at a point, and what differences tell of them."""

    def __init__(
        self, f: Function | Pair, args: Sequence[Any], modes: Sequence[str], atol: float | None, rtol: float | None
    ) -> None:
        __tracebackhide__ = True
        super().__init__(f, args)
        self.modes = {_NAMES[mode]: _DERIVATIVES[mode] for mode in modes}
        self.atol, self.rtol = atol or 0.0, rtol
        self.kink, self.tolerance = "", 0.0
        self.gradients: Sequence[Array] = ()
        # Up to where functions of small arguments change, in units of their size.
        self.longest = max(1.0, 1 / max(map(scale, self.point)))

    def run(self, order: int) -> None:
        __tracebackhide__ = True
        if not all(np.isfinite(y).all() for y in self.outputs):
            self.kink = "the function is not finite at this point"
            return
        if self.backward is None:
            if any(x.size for x in self.point):
                self._check(self.scalar, order)
            return
        self.gradients = self.same_results()

        def pull_back(_f: Function, direction: list[Array]) -> Function:
            def along(*elements: Any) -> Any:
                here = all(a is b for a, b in zip(elements, self.point, strict=True))
                return dot(self.gradients if here else self.pulled_back(elements), direction)

            return along

        self._compare(self.scalar, {"reverse": pull_back}, 1)
        self.refuse_other_dtypes()

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
        direction = [(self.random(x) * size).astype(x.dtype) for x, size in zip(self.point, scales, strict=True)]
        kink = self._differ(scalar, modes, level, direction)
        if not kink:
            if level == 1 and len(self.variables) > 1:
                self._compare_small_ones(scalar, modes, direction)
            return direction
        diagonal = [np.full_like(x, min(scales)) for x in self.point]
        self._differ(scalar, modes, level, diagonal, "the diagonal, where all elements grow alike,")
        self.kink = f"at this point the derivative of order {level} cannot be told: {kink}"
        return None

    def _compare_small_ones(self, scalar: Function, modes: Mapping[str, Mode], direction: list[Array]) -> None:
        """Hold the derivatives by single variables against differences, where they drown in those by all together."""
        __tracebackhide__ = True
        tolerance = self.tolerance
        alone = [[v if i == j else np.zeros_like(v) for j, v in enumerate(direction)] for i in range(len(direction))]
        if "reverse" in modes:
            gradients = self.gradients or _gradient(scalar, self.point)
            parts = [real_sum(g * v) for g, v in zip(gradients, direction, strict=True)]
        else:
            parts = [modes["forward"](scalar, v)(*self.point) for v in alone]
        for variable, part, v in zip(self.variables, parts, alone, strict=True):
            if variable.given.size and not abs(float(plain(part))) * _SHARE > tolerance:
                kink = self._differ(scalar, modes, 1, v)
                if kink:
                    self.kink = f"at this point the derivative of order 1 by {variable.name} cannot be told: {kink}"

    def _differ(
        self,
        scalar: Function,
        modes: Mapping[str, Mode],
        level: int,
        direction: list[Array],
        line: str = "a random direction",
    ) -> str:
        """Raise if a derivative along a direction is wrong; return why there is none to be told, or nothing."""
        __tracebackhide__ = True
        phi = self._along(scalar, direction)
        quick = self._slope(phi, rounds=0)
        steps = 0.0 if quick.value == 0 else self._steps(phi)
        for mode, differentiate in modes.items():
            derivative = differentiate(scalar, direction)
            found = float(plain(derivative(*self.point)))
            bounds = self._bounds(phi, quick, found, level)
            agrees = bounds.known and abs(found - quick.value) <= bounds.tolerance
            weak = bounds.tolerance >= _KNOWN * bounds.slope
            self.tolerance = bounds.tolerance
            beyond_rounding = abs(found) > min(self.rounding, _LEFT * self.eps * self.size)
            if agrees and not steps and not (weak and (beyond_rounding or self._may_drown(phi, quick))):
                continue
            # From here on it matters how exactly the function and its derivative are computed.
            if not np.array_equal(found, float(plain(derivative(*self.point))), equal_nan=True):
                raise AssertionError(
                    f"{self.name}: the {mode} derivative of order {level} is not the same for the same arguments; make "
                    f"what it draws in the forward pass, and keep it"
                )
            grain = max(float(quick.noise), staircase(phi, _FLAT, FAR * self.longest))
            drowned = self._change(phi) <= _RESOLVED * grain
            jump = max(jump_beside(phi), grain if drowned else float(quick.noise))
            estimate = self._slope(phi, noise=jump)
            bounds = self._bounds(phi, estimate, found, level)
            own = self._rounding_of(derivative, direction, float(estimate.step), bounds.slope)
            self.tolerance = tolerance = bounds.tolerance + own
            if steps and bounds.known and not drowned:
                follows = abs(found - estimate.value) <= tolerance
                if abs(found) <= tolerance or (follows and steps > _COARSE):
                    return (
                        f"around it the function is constant, and farther away its slope is {estimate.value:.3g}, in "
                        f"steps of about {steps:.1g} of its values, which may be its own or be left by rounding"
                    )
            lost = max(jump, float(estimate.noise), _EPS * self.size)
            # Where the function is flat, what cancels may be larger than what is left.
            flat = float(estimate.value) == 0.0 == float(phi(_NEARBY) - phi(0.0))
            constant = flat and self._is_constant(phi)
            left = self._left_by_rounding(phi, constant) if flat else 0.0
            if bounds.known and abs(found - estimate.value) <= tolerance + left:
                if flat and found and not constant:
                    return self._unresolved(scalar, direction, left)
                # Of a constant, what is found is rounding.
                unsure = drowned or abs(found) > max(left, own)
                if unsure and not estimate.error <= _KNOWN * max(abs(found), abs(float(estimate.value))):
                    return self._unresolved(scalar, direction, lost)
                continue
            if drowned and not bounds.known:
                return self._unresolved(scalar, direction, lost)
            if bounds.known and self._rounds_to(derivative, found, float(estimate.value), bounds.tolerance):
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
                f"  along {line} {_differing(found, float(estimate.value))} +- {tolerance:.1e}\n"
                + self._by_variable(scalar, differentiate, direction, tolerance, jump)
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

    def _left_by_rounding(self, phi: Callable[[float], Array], constant: bool) -> float:
        """Return how far the derivative of a function that is flat around 0 may be off, since larger terms cancel.

        They are as large as the function is at some distance; but of a constant, only its scale tells.
        """
        sizes = (abs(y) for y in (float(phi(t)) for t in _AROUND) if np.isfinite(y))
        left = _LEFT * self.eps * max(sizes, default=0.0)
        return min(self.rounding, left or np.inf) if constant else left

    def _is_constant(self, phi: Callable[[float], Array]) -> bool:
        """Tell whether a function has one value all along a line, as far as it is defined."""
        lengths = list(_lengths(_FLAT, 64 * FAR * self.longest, 64.0))
        return not any(np.isfinite(y := float(phi(s * t))) and y != float(phi(0.0)) for t in lengths for s in (1, -1))

    def _may_drown(self, phi: Callable[[float], Array], quick: Estimate) -> bool:
        """Tell whether a function that seems constant may do so because it is rounded."""
        if is_flat(phi, quick) or self._change(phi) > _RESOLVED * _EPS * max(2 * abs(float(phi(0.0))), self.size):
            return float(quick.noise) > 0
        return staircase(phi, _FLAT, FAR * self.longest) > 0

    def _steps(self, phi: Callable[[float], Array]) -> float:
        """Return the height of the steps of a function that is constant on a side of the point, relative to its values.

        Or 0, if they are no larger than the last digits. Others are made by functions such as floor, of which the
        derivative is 0, or by larger terms that cancel.
        """
        height = 0.0
        for beside in (_MANY * _EPS, -_MANY * _EPS):

            def moved(t: float, beside: float = beside) -> Array:
                return phi(beside + t)

            if moved(beside / 2) == moved(0.0) == moved(-beside / 2):
                height = max(height, staircase(moved, _FLAT, FAR * self.longest, _STEPS))
        size = max((abs(y) for y in (float(phi(t)) for t in (-1.0, 0.0, 1.0)) if np.isfinite(y)), default=0.0)
        return float(np.divide(height, size)) if height > _RESOLVED * _EPS * size else 0.0

    def _change(self, phi: Callable[[float], Array]) -> float:
        """Return by how much a function changes up to where it may seem constant, as far as it is finite there."""
        changes = (abs(float(phi(t) - phi(0.0))) for t in (-_FLAT, _FLAT))
        return max((change for change in changes if np.isfinite(change)), default=0.0)

    def _unresolved(self, scalar: Function, direction: list[Array], rounding: float) -> str:
        """Say by what the derivatives are lost in rounding, and what to do."""
        names: list[str] = []
        for i, variable in enumerate(self.variables):
            alone = [v if i == j else np.zeros_like(v) for j, v in enumerate(direction)]
            slope = self._slope(self._along(scalar, alone), noise=rounding)
            if variable.given.size and not slope.error < _KNOWN * abs(slope.value):
                names.append(variable.name)
        return (
            f"with {', '.join(names)} the function changes by less than its values are computed to, which is about "
            f"{rounding:.1g}; check at another point, or without large terms that do not depend on it"
        )

    def _overflows(self, slope: float) -> bool:
        """Tell whether a derivative by one of the variables may be too large for its dtype."""
        # A slope is that along a direction as long as the variable, in which its elements are a quarter at least.
        return any(4 * abs(slope) / np.float64(scale(x)) >= float(np.finfo(x.dtype).max) for x in self.point if x.size)

    def _rounding_of(self, derivative: Function, direction: list[Array], step: float, slope: float) -> float:
        """Return how far a derivative may be off by rounding, in the precision of the arguments."""

        def scatter(direction: Sequence[Array], reach: float) -> float:
            noise = self._scatter(derivative, direction, reach)
            if noise <= _KNOWN * slope:
                return noise
            # It may change on a smaller scale instead; rounding does not depend on that.
            finer = (reach * part for part in _PARTS if reach * part > _MANY * self.eps)
            return min((noise, *filter(None, (self._scatter(derivative, direction, part) for part in finer))))

        # Close by, so that the jumps of masks are out of reach; unless the numbers are too coarse to show anything.
        noise = scatter(direction, step / 4) or scatter(direction, step)
        # And where each number keeps its own size: what cancels may be far larger there than farther away.
        sized = [abs(v) / scale(x) * x for x, v in zip(self.point, direction, strict=True)]
        # Denormal numbers have few digits, and may have none to scatter by.
        terms = [(y.dtype, y.size) for y in self.outputs] + [(v.dtype, float(np.sum(abs(v)))) for v in direction]
        least = sum(float(np.finfo(dtype).smallest_subnormal) * weight for dtype, weight in terms)
        noise = max(noise, scatter(sized, min(step, 1.0) / 4), self._change_by_last_digits(derivative, slope))
        return _CERTAIN * (noise + least)

    def _change_by_last_digits(self, derivative: Function, slope: float) -> float:
        """Return by how much a derivative changes around the point when the last digits of the arguments do.

        No more is known of it, even where its rounding errors are all alike along a line and scatter by nothing. What
        changes by far more than digits is a mask, which is no rounding.
        """
        rng, found = np.random.default_rng(0), list[float]()
        for _ in range(6):
            digits = [float(np.finfo(x.dtype).eps) * rng.choice([-2, -1, 1, 2], x.shape) for x in self.point]
            moved = [(x * (1 + d)).astype(x.dtype) for x, d in zip(self.point, digits, strict=True)]
            found.append(float(plain(derivative(*moved))))
        change = max(found) - min(found)  # not from the point itself, where the derivative may be wrong
        return change if change <= self.eps**0.5 * slope else 0.0

    def _rounds_to(self, derivative: Function, found: float, value: float, tolerance: float) -> bool:
        """Tell whether a derivative in low precision is a right one but for rounding, as 1 - y**2 is of tanh.

        Then it is right in double precision, and what is found differs by a few roundings of the function's values.
        """
        few = _FEW * self.eps * self.size * max(1.0, *map(scale, self.point))
        if self.eps <= _EPS or not abs(found - value) <= few:
            return False
        return abs(float(plain(derivative(*map(in_double, self.point)))) - value) <= tolerance

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
        reach, farthest = 0.9, FAR * self.longest
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

    def _by_variable(
        self, scalar: Function, differentiate: Mode, direction: list[Array], tolerance: float, noise: float
    ) -> str:
        """Return a table of the derivatives with respect to each variable alone, from values with some noise."""
        rows: list[tuple[float, str]] = []
        for i, variable in enumerate(self.variables):
            if direction[i].size and not direction[i].any():
                continue  # it is held, as the others are where one is checked alone
            alone = [v if i == j else np.zeros_like(v) for j, v in enumerate(direction)]
            found = float(plain(differentiate(scalar, alone)(*self.point)))
            value = float(self._slope(self._along(scalar, alone), noise=noise).value)
            line = f"  by {variable.name}, {variable.given.dtype} {variable.given.shape}: {_differing(found, value)}"
            rows.append((np.inf if np.isnan(found - value) else abs(found - value), line))
        # Several may be off by less each than they are together.
        wrong = min(tolerance, max(off for off, _ in rows) / 2)
        return "\n".join(line + ("  <- wrong" if off > wrong else "") for off, line in rows)

    def _about_triangles(self) -> str:
        """Say what functions of one triangle are differentiated by, if there are any on the tape."""
        if self.backward is not None:
            return ""
        outputs = self.flat(*(Tensor(x, requires_grad=True) for x in self.point))
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


def _differing(found: float, value: float) -> str:
    """Return a derivative and the one by differences, with as many digits as show that they differ."""
    digits = next((n for n in (9, 13) if f"{found:.{n}g}" != f"{value:.{n}g}"), 17 if found != value else 9)
    return f"{found:.{digits}g}, by differences {value:.{digits}g}"


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
    return lambda *elements: dot(_gradient(scalar, elements), direction)


def _gradient(scalar: Function, elements: Sequence[Any]) -> Sequence[Any]:
    return grad(may_be_constant(lambda *elements: scalar(*elements)), tuple(range(len(elements))))(*elements)


def _forward(scalar: Function, direction: list[Array]) -> Function:
    """Return the derivative of a scalar function along a direction, pushed forward."""
    return lambda *elements: jvp(scalar, elements, direction)[1]


_OF_ONE_TRIANGLE = {"np.linalg.cholesky", "np.linalg.eigh", "np.linalg.eigvalsh"}


def _on_tape(nodes: Iterable[Node | None]) -> set[str]:
    """Return the names of what was called on the way to some nodes."""
    return {node.name for last in nodes if last is not None for node in ancestors(last)}


_DERIVATIVES: dict[str, Mode] = {"rev": _reverse, "fwd": _forward}
