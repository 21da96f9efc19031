"""Checks that hold a function's derivatives against central differences, and its arrays against NumPy's promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_np import Tensor, defvjp, gradients, primitive
from autograd_np.gradients import batched_gradients
from autograd_np.outputs import Part
from autograd_np.primitives import Primitive
from autograd_np.rules.indexing import Scattered
from autograd_np.tape import Node
from autograd_np.tensor import plain

Array = NDArray[Any]
Function = Callable[..., Any]

_STEPS = [2.0**-n for n in range(7, 12)]
_EPS = float(np.finfo(float).eps)


def check_gradients(f: Function, *arrays: Array, order: int = 2, seed: int = 0) -> None:
    """Check values and derivatives of a function of arrays, up to an order.

    The output is contracted with a random cotangent, which gives a scalar function of the arrays; its derivative along
    a random direction is a scalar function again, and so on. Each is held against central differences of the one
    before. Arguments have the memory layout of the given arrays, which must be of float64 or complex128 and lie at
    least 1/64 from anything that cannot be differentiated.

    A complex array's gradient g is such that the real scalar changes by Re(sum(g * dz)).

    Raises
    ------
    AssertionError
        If the value is not NumPy's, a derivative is not that of the differences, a gradient differs between the plain
        and the recorded sweep, when only some of the arguments need one or when several are computed in one sweep, or a
        gradient's memory is not its own.
    """
    rng = np.random.default_rng(seed)
    expected = _sequence(plain(f(*arrays)))
    outputs = _sequence(f(*map(_tensor, arrays)))
    for output, value in zip(outputs, expected, strict=True):
        assert isinstance(output, Tensor)
        assert output.shape == np.shape(value)
        assert output.dtype == np.asarray(value).dtype
        np.testing.assert_allclose(output.data, value, rtol=1e-12, atol=1e-12)
    cotangents = [_random(rng, y.shape, y.dtype) for y in outputs]

    found = _gradients_and_memory(f, arrays, cotangents)
    _check_every_way(f, arrays, cotangents, found)
    points = [_unique(x) for x in arrays]
    directions = [[_random(rng, x.shape, x.dtype) for x in points] for _ in range(order)]

    def contracted(k: int, t: float) -> tuple[float, float]:
        """Return the k-th directional derivative at a point on the k-th line, and the size of what it sums."""
        line = directions[k] if k < order else directions[0]
        displaced = [x + t * v for x, v in zip(points, line, strict=True)]
        # The values are NumPy's own, and the engine's are those: it is not asked again.
        leaves = displaced if k == 0 else [Tensor(x, requires_grad=True) for x in displaced]
        outputs, weights = _sequence(f(*map(_laid_out, leaves, arrays))), cotangents
        for direction in directions[:k]:
            outputs, weights = _gradients(outputs, leaves, weights), direction
        terms = [(w * plain(y)).real for y, w in zip(outputs, weights, strict=True)]
        return float(sum(term.sum() for term in terms)), float(sum(np.abs(term).sum() for term in terms))

    for k in range(order):
        estimate, error = _central_differences(lambda t, k=k: contracted(k, t))
        derivative, size = contracted(k + 1, 0.0)
        tolerance = error + 1e-10 * max(1.0, size)
        assert error <= 1e-5 * max(1.0, size), f"differences of order {k + 1} are known to {error:.1e} only: a kink?"
        assert abs(derivative - estimate) <= tolerance, (
            f"derivative of order {k + 1}: {derivative!r}, but by differences {estimate!r} +- {tolerance:.1e}"
        )


def check_float32(f: Function, *arrays: Array) -> None:
    """Check that values, gradients and everything that a rule returns are float32 where the arrays are.

    Raises
    ------
    AssertionError
        If anything is of another dtype.
    """
    leaves = [Tensor(x.astype(np.float32), requires_grad=True) for x in arrays]
    outputs = _sequence(f(*leaves))
    assert [y.dtype for y in outputs] == [np.float32] * len(outputs)
    weights = [np.ones(y.shape, np.float32) for y in outputs]
    with _watched(nodes(*outputs)) as parts:
        found = (
            *gradients(outputs, leaves, weights, retain_graph=True),
            *gradients(outputs, leaves, weights, create_graph=True),
        )
    assert all(g.dtype == np.float32 for g in found)
    wrong = [f"{name}: {g.dtype}" for name, g in parts if g.dtype != np.float32]
    assert not wrong, f"rules that left float32: {', '.join(wrong)}"


def recorded(*outputs: Tensor) -> set[Primitive]:
    """Return what was called on the way to the outputs."""
    return {node.primitive for node in nodes(*outputs) if node.primitive is not None}


def nodes(*outputs: Tensor) -> set[Node]:
    """Return the nodes on the way to the outputs."""
    stack: list[Node] = [y._node for y in outputs if y._node is not None]
    seen = set(stack)
    while stack:
        fresh = [parent for parent in stack.pop().parents if parent not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return seen


# -- the arguments ----------------------------------------------------------------------------------------------------


@primitive
def in_layout(x: Array, like: Any = None) -> Array:
    """Copy an array into memory that is laid out as that of `like`: its order, gaps and directions."""
    ends = [stride * (n - 1) for stride, n in zip(like.strides, like.shape, strict=True) if n]
    first = sum(end for end in ends if end < 0)
    memory = np.empty(sum(map(abs, ends)) + x.itemsize, np.uint8)
    copy: Array = np.ndarray(x.shape, x.dtype, memory, -first, like.strides)
    copy[...] = x
    return copy


defvjp(in_layout, lambda g, _y, _x, like=None: g)


def _unique(x: Array) -> Array:
    """Return one element of those that share their memory, by stride 0."""
    return np.array(x[tuple(slice(1) if stride == 0 else slice(None) for stride in x.strides)])


def _laid_out(leaf: Tensor | Array, like: Array) -> Any:
    if leaf.shape != like.shape or 0 in like.strides:
        return np.broadcast_to(leaf, like.shape)
    return in_layout(leaf, like=like)


def _tensor(x: Array) -> Tensor:
    return _laid_out(Tensor(_unique(x), requires_grad=True), x)


def _random(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
    """Return numbers between -1 and 1 that are not close to 0."""
    x = rng.uniform(0.25, 1, shape) * rng.choice([-1, 1], shape)
    return np.asarray(x * np.exp(1j * rng.uniform(0, 1, shape)) if np.dtype(dtype).kind == "c" else x)


def _sequence(outputs: Any) -> Sequence[Any]:
    return outputs if isinstance(outputs, tuple | list) else [outputs]


# -- the derivatives --------------------------------------------------------------------------------------------------


def _gradients(outputs: Sequence[Tensor], leaves: Sequence[Tensor], weights: Sequence[Array]) -> Sequence[Tensor]:
    live = [(y, w) for y, w in zip(outputs, weights, strict=True) if y.requires_grad]
    if not live:
        return [Tensor(np.zeros(x.shape, x.dtype)) for x in leaves]
    return gradients([y for y, _ in live], leaves, [w for _, w in live], create_graph=True)


def _gradients_and_memory(f: Function, arrays: Sequence[Array], cotangents: Sequence[Array]) -> list[Array]:
    """Return the gradients that `backward` leaves, having checked that they are the leaves' own."""
    leaves = [Tensor(_unique(x), requires_grad=True) for x in arrays]
    outputs = _sequence(f(*map(_laid_out, leaves, arrays)))
    for y, w in zip(outputs, cotangents, strict=True):
        y.backward(w, retain_graph=True)
    found: list[Array] = []
    others = [*cotangents, *(y.data for y in outputs), *(x.data for x in leaves)]
    for leaf in leaves:
        g = np.zeros(leaf.shape, leaf.dtype) if leaf.grad is None else leaf.grad
        assert type(g) is np.ndarray
        assert (g.shape, g.dtype) == (leaf.shape, leaf.dtype)
        assert g.flags.writeable
        assert not any(np.shares_memory(g, other) for other in others), "a gradient shares its memory"
        assert all(stride or n < 2 for stride, n in zip(g.strides, g.shape, strict=True)) or not g.size, (
            "a gradient is broadcast"
        )
        others.append(g)
        found.append(g)
    return found


def _check_every_way(f: Function, arrays: Sequence[Array], cotangents: Sequence[Array], found: Sequence[Array]) -> None:
    """Check that the gradients are the same where the sweep is recorded, for each argument alone, and in a stack."""
    every = range(len(arrays))
    for needed in [every] if len(arrays) == 1 else [every, *([i] for i in every)]:
        leaves = {i: Tensor(_unique(arrays[i]), requires_grad=True) for i in needed}
        outputs = _sequence(f(*(_laid_out(leaves[i], x) if i in leaves else x for i, x in enumerate(arrays))))
        again = _gradients(outputs, list(leaves.values()), cotangents)
        for g, i in zip(again, needed, strict=True):
            assert (g.shape, g.dtype) == (found[i].shape, found[i].dtype)
            np.testing.assert_allclose(g.data, found[i], rtol=1e-10, atol=1e-10)
        stacks = [np.zeros((2, *x.shape), x.dtype) for x in leaves.values()]
        for y, w in zip(outputs, cotangents, strict=True):
            if y.requires_grad:
                parts = batched_gradients(y, list(leaves.values()), np.stack([w, 2 * w]), create_graph=False)
                stacks = [stack + part.data for stack, part in zip(stacks, parts, strict=True)]
        for stack, i in zip(stacks, needed, strict=True):
            np.testing.assert_allclose(stack, np.stack([found[i], 2 * found[i]]), rtol=1e-10, atol=1e-10)


def _central_differences(phi: Callable[[float], tuple[float, float]]) -> tuple[float, float]:
    """Return the derivative at 0 of a function that also tells its rounding scale, and a bound for its error.

    Central differences at halved steps, extrapolated to step 0 (Romberg's table). Of its entries the one is taken that
    agrees best with its two neighbours; to their disagreement comes the rounding of the smallest step. Steps are halved
    until the disagreement is below that rounding, which a smaller step would only raise.
    """
    best, error, size, row = 0.0, np.inf, 1.0, list[float]()
    rounding = np.inf
    for step in _STEPS:
        (above, size_above), (below, size_below) = phi(step), phi(-step)
        size = max(size, size_above, size_below)
        previous, row = row, [(above - below) / (2 * step)]
        for j, coarse in enumerate(previous):
            row.append(row[j] + (row[j] - coarse) / (4.0 ** (j + 1) - 1))
            disagreement = max(abs(row[j + 1] - row[j]), abs(row[j + 1] - coarse))
            if disagreement < error:
                best, error = row[j + 1], disagreement
        rounding = 32 * _EPS * size / step
        if 4 * error < rounding:
            break
    return best, 4 * error + rounding


@contextmanager
def _watched(recorded: set[Node]) -> Iterator[list[tuple[str, Any]]]:
    """List what the rules of nodes return, with their names, before the engine gives it the right dtype."""
    parts: list[tuple[str, Any]] = []
    plans = {node.plan for node in recorded if node.plan is not None}
    rules = [(p, p.vjps, p.joint) for p in {plan.primitive for plan in plans}]
    pairs = [(plan, plan.pair) for plan in plans]

    def watch(name: str, rule: Function | None) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = rule(*args, **kwargs)
            for g in _sequence(result):
                g = g.values if isinstance(g, Scattered) else g.g if isinstance(g, Part) else g
                if g is not None:
                    parts.append((name, g))
            return result

        return rule and call

    try:
        for p, vjps, joint in rules:
            p.vjps, p.joint = tuple(watch(p.name, rule) for rule in vjps), watch(p.name, joint)
        for plan, _ in pairs:  # a pair is a copy of the rules
            plan.pair = ()
        yield parts
    finally:
        for p, vjps, joint in rules:
            p.vjps, p.joint = vjps, joint
        for plan, pair in pairs:
            plan.pair = pair
