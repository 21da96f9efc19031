"""Compiled functions give eager's bits, or are refused by name and line.

The kinds of fault that are looked for here: a value that is baked into the program (of Python's decisions, counters,
random numbers, arrays from outside that change, shapes and dtypes that depend on values, zeros of either sign); memory
of the program that is read before it was written, or that a caller is given; two values that share memory unknown to
the program, as windows do and what is written without being named; a text that says something else than what was
called; a program that is kept for inputs that it does not stand for.
"""

from __future__ import annotations

import copy
import gc
import itertools
import pickle
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import Phase, event, given, reject, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

import autograd_np as ag
from autograd_np import Tensor, compile, defvjp, grad, hessian, hvp, jacobian, primitive, value_and_grad, vjp
from autograd_np.capture import Log
from autograd_np.compiling import Compiled, Uncapturable
from autograd_np.compiling.program import Changed, Program
from autograd_np.testing import programs
from autograd_np.trees import leaves_of, tree_of
from tests.autograd_np.calls import KEYS, calls_of

RNG = np.random.default_rng(0)


def drawn(*shape: int) -> Any:
    return RNG.normal(size=shape)


def check(function: Callable[..., Any], draw: Callable[[], tuple[Any, ...]], runs: int = 5) -> Any:
    """Hold a compiled function against eager, memory filled with garbage in between, and return it."""
    compiled = compile(function)
    for _ in range(runs):
        mine = draw()
        other = copy.deepcopy(mine)
        if compiled.programs:
            compiled._last.memory.fill(255)
        hold_apart(compiled(*mine), function(*other))
        same(mine, other)
    assert compiled.programs == 1
    return compiled


def hold_apart(found: Any, expected: Any) -> None:
    """Compare results; where eager's do not share memory, these do not."""
    same(found, expected)
    pairs = (itertools.combinations(leaves_of(results), 2) for results in (found, expected))
    for mine, other in zip(*pairs, strict=True):
        assert not np.may_share_memory(*mine) or np.may_share_memory(*other)


def same(found: Any, expected: Any) -> None:
    """Compare types, dtypes, shapes and bits."""
    assert type(found) is type(expected)
    if isinstance(expected, Tensor):
        found, expected = found.data, expected.data
    if isinstance(expected, np.ndarray | np.generic):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert np.array_equal(found, expected, equal_nan=expected.dtype.kind in "fc")
        if expected.dtype.kind in "fc":  # 0.0 and -0.0 are equal, and not the same
            assert np.array_equal(signs(found), signs(expected))
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        same([*found.values()], [*expected.values()])
    elif isinstance(expected, tuple | list):
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            same(a, b)
    else:
        assert found == expected or found != found


def signs(x: Any) -> Any:
    parts = np.stack([x.real, x.imag])
    return np.signbit(parts) & ~np.isnan(parts)


# ---------------------------------------------------------------------------------------------------------------------
# The same bits
# ---------------------------------------------------------------------------------------------------------------------


def network(p: Any, x: Any, y: Any) -> Any:
    hidden = np.maximum(x @ p["W1"] + p["b1"], 0)
    return np.mean((hidden @ p["W2"] + p["b2"] - y) ** 2)


def parameters() -> Any:
    return {"W1": drawn(5, 7), "b1": drawn(7), "W2": drawn(7, 2), "b2": drawn(2)}


def bowl(x: Any) -> Any:
    return np.sum(np.tanh(x @ x.T) ** 2)


@pytest.mark.parametrize(
    ("function", "draw"),
    [
        (value_and_grad(network), lambda: (parameters(), drawn(4, 5), drawn(4, 2))),
        (grad(bowl), lambda: (drawn(3, 3),)),
        (grad(grad(lambda x: np.sin(x) * x)), lambda: (np.float64(drawn()),)),
        (hessian(bowl), lambda: (drawn(2, 2),)),
        (jacobian(lambda x: x[::-1] * np.exp(x)), lambda: (drawn(3),)),
        (lambda x, v: hvp(bowl, (x,), (v,)), lambda: (drawn(3, 3), drawn(3, 3))),
        (lambda x: {"a": x * 2, "b": [x.sum(), (x, 3)]}, lambda: (drawn(3),)),
        (lambda x: x, lambda: (drawn(3),)),
        (lambda x: (), lambda: (drawn(3),)),
        (lambda x: {"a": 3, "b": "word"}, lambda: (drawn(3),)),
        (lambda x: (x, x, x.T, x[0]), lambda: (drawn(3, 3),)),
        (lambda x, n: x**n, lambda: (drawn(3), 3)),
        (lambda x: np.linalg.slogdet(x @ x.T), lambda: (drawn(3, 3),)),
        (lambda t: Tensor([1.0, 2.0]) * t, lambda: (Tensor(drawn(2)),)),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)  # fmt: skip
def test_same_bits(function: Callable[..., Any], draw: Callable[[], tuple[Any, ...]]) -> None:
    check(function, draw)


class Pair(NamedTuple):
    a: Any
    b: Any


"""For a sequence with fields."""


@pytest.mark.parametrize(
    ("function", "draw"),
    [
        # Zeros of either sign, beside one another and in numbers of two parts
        (lambda x: (x + 0.0, x + -0.0), lambda: (np.full(3, -0.0),)),
        (lambda x: x * complex(-0.0, 1), lambda: (drawn(3),)),
        (lambda x: x * complex(1, -0.0), lambda: (drawn(3) * 1j,)),
        (lambda x: x + complex(0, np.inf), lambda: (drawn(3),)),
        # Indices in an index, and an array alone
        (lambda x: x[(0, 1), :], lambda: (drawn(3, 3, 3),)),
        (lambda x: x[(0, 1), (1, 2)], lambda: (drawn(3, 3, 3, 3),)),
        (lambda x: x[np.argsort(x)] * 2, lambda: (drawn(4),)),
        (lambda x: [x[(0, 1),] * 2, x[[0, 1]] * 2, x[0, 1] * 2, x[1:, ::2] * 2, x[:1, None] * 2],
         lambda: (drawn(3, 3),)),
        (lambda x: x * np.float64(np.inf) + np.float32("nan") + float("-inf"), lambda: (drawn(3),)),
        # A number beside arrays of another precision
        (lambda x: np.add(x, 0.1, dtype=np.float64), lambda: (drawn(3).astype(np.float32),)),
        (lambda x: np.multiply(x, 0.1, signature="dd->d"), lambda: (drawn(3).astype(np.float32),)),
        # Another order of the elements
        (lambda x: np.sin(np.ravel(x, "F") * 2), lambda: (drawn(3, 2),)),
        (lambda x: np.sin(x.reshape(-1, order="F") * 2), lambda: (drawn(3, 2),)),
        (lambda x: np.sin((x * 1)[::2].T.ravel("K") * 2), lambda: (drawn(3, 2),)),
        # Arguments by their names, and sequences with fields
        (lambda x: np.transpose(a=x) * np.copy(a=x).T, lambda: (drawn(3, 2),)),
        (lambda x: np.sum(a=x, axis=0) * 2, lambda: (drawn(3, 2),)),
        (lambda x: np.stack(Pair(x, x * 2)) * 2, lambda: (drawn(3),)),
        (lambda x: np.stack(np.linalg.slogdet(x)), lambda: (drawn(3, 3),)),
        # Numbers as arrays, and back
        (lambda x: x.sum()[None][()] * 2, lambda: (drawn(3),)),
        (lambda x: x.sum()[...][None] * 2, lambda: (drawn(3),)),
        (lambda x: x.sum()[...][()] * x, lambda: (drawn(3),)),
        # Powers of numbers of NumPy's, which are computed otherwise than those of arrays
        (lambda x: np.stack([x[0] ** 3, 2 ** x[0], (-2.0) ** (x[1] > 0.7), x[0] ** x[1], x[0] ** 2]),
         lambda: (np.abs(drawn(2)).astype(np.float32),)),
        (lambda x: [[x[i] * x[i + 1], 2j * x[i], x[i] * np.complex64(1j + 0.3), abs(x[i])] for i in range(20)],
         lambda: ((drawn(21) + 1j * drawn(21)).astype(np.complex64),)),
        # What functions do otherwise when they are told where to put their results, or not at all
        (lambda x: x.mean(axis=0) * np.float16(1), lambda: ((100 * drawn(50, 3)).astype(np.float16),)),
        (lambda x: np.concatenate([x, x], dtype=np.float32) * 2, lambda: (drawn(3),)),
        (lambda x: np.stack([x, x], dtype=np.float32) * 2, lambda: (drawn(3),)),
        (lambda x: x * 2 + 1, lambda: (np.array([1, 2, 10**30], object),)),
        # Comparisons and what they come to, of arrays and of numbers
        (lambda x: [(x > x[0]) * 2.0, (x[0] <= x) * 2.0, (x[0] < x[1]) * x], lambda: (drawn(3),)),
        (lambda x: [(x > 0).all(axis=0) * 2.0, np.logical_and.reduce(x > 0) * x, (x > -1).all() * x],
         lambda: (drawn(2, 3),)),
        (lambda x: np.sum(x, 0, np.float64) * 2 + np.sum(x, 0) + x.sum(0, keepdims=True), lambda: (drawn(2, 3),)),
        (lambda x: (x * 10).astype(np.int32) * 2, lambda: (drawn(3),)),
        # Types of elements that a word does not tell
        (lambda x: x.view(np.dtype([("a", "f8"), ("b", "f8")]))["a"] * 2, lambda: (drawn(4),)),
        # Copies as Python makes them
        (lambda x: copy.copy(x) * copy.deepcopy(x.sum()), lambda: (drawn(3),)),
        (lambda x: copy.deepcopy(x) * 2, lambda: (drawn(3),)),
    ],
)  # fmt: skip
def test_the_text_says_what_was_called(function: Callable[..., Any], draw: Callable[[], tuple[Any, ...]]) -> None:
    check(function, draw)


def test_products_of_complex_numbers() -> None:
    """NumPy computes one that takes an operand's place by another loop."""
    check(lambda x: (x + 1) * (x - 2) * (x + 3) * 2, lambda: (drawn(1) + 1j * drawn(1),), runs=30)


def into_a_view(x: Any) -> Any:
    y = x * 2
    y[::-1] = y
    return y * 1


def by_a_method(x: Any) -> Any:
    y = np.zeros_like(x[0])
    x.sum(axis=0, out=y)
    y.round(1, out=y)
    return y * 2


def through_windows(x: Any) -> Any:
    y = np.exp(x)
    windows = sliding_window_view(y, 2)
    y += 1
    return windows.sum(axis=-1)


def windows_that_outlive(x: Any) -> Any:
    windows = sliding_window_view(np.exp(x), 2)
    z = np.cos(np.sin(x))
    return windows.sum(axis=-1) * (z * 2)[1:]


def into_what_was_a_number(x: Any) -> Any:
    total = x.sum()
    array = total[...]
    array += 1
    return array[()] + total


def by_words(x: Any) -> Any:
    y, z = np.exp(x), np.zeros_like(x)
    y[1:].fill(0.5)
    np.add.at(z, [0, 0, -1], x[0])
    np.negative.at(z, [0])
    np.copyto(y, x, where=x > 0)
    return y * z


def copied_and_written(x: Any) -> Any:
    y = x.copy()
    y += 1
    return y * 2


def original_written(x: Any) -> Any:
    y = np.exp(x)
    z = y.copy()
    y += 1
    return y * z


def copy_written(x: Any) -> Any:
    y = np.exp(x)
    z = y.copy()
    z += 1
    return y * z


def written_before(x: Any) -> Any:
    y = np.exp(x)
    y += 1
    z = y.copy()
    return y * z, z * 2


def part_written(x: Any) -> Any:
    y = np.exp(x)
    first, second = y[:2].copy(), y[1:].copy()
    first += second[:1]
    second *= 2
    return first.sum() * second


def copies_returned(x: Any) -> Any:
    y = np.exp(x)
    return y, y.copy(), x.copy(), np.copy(y * 2), x.astype(float)


def copy_of_the_input_written(x: Any) -> Any:
    before = x.copy()
    x += 1
    return x * before


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        *((function, (3,)) for function in (
            copied_and_written, original_written, copy_written, written_before, part_written, copies_returned,
            copy_of_the_input_written,
        )),
        (by_words, (3,)),
        (into_a_view, (4,)), (by_a_method, (3, 3)), (through_windows, (5,)), (windows_that_outlive, (5,)),
        (into_what_was_a_number, (3,)),
    ],
)  # fmt: skip
def test_memory_that_is_shared(function: Callable[..., Any], shape: tuple[int, ...]) -> None:
    check(function, lambda: (drawn(*shape),))


def test_a_place_that_a_read_only_view_had_can_be_written() -> None:
    def rows(x: Any) -> Any:
        total = np.sum(x, axis=0, keepdims=True)
        first = np.broadcast_to(total, (4, 4))[0] * 2
        other = x + 1.0
        other[0] = 0.5 * other[-1]
        return first, other

    check(rows, lambda: (drawn(4, 4),))


@pytest.mark.parametrize(
    "make",
    [
        lambda w: value_and_grad(lambda x: np.sum(x**2 * w)),
        lambda w: value_and_grad(lambda x: np.sum(x**w)),
        lambda w: value_and_grad(lambda x: np.sum(np.where(w > 0, x * w, x))),
        lambda w: value_and_grad(lambda x: np.sum(np.linalg.solve(np.eye(3) + np.outer(w, w) / 99, x))),
        lambda w: jacobian(lambda x: np.outer(w, x)),
        lambda w: hessian(lambda x: np.sum(x**3 * w)),
        lambda w: grad(lambda x: np.sum(grad(lambda x: np.sum(w * x**3))(x) * w)),
        lambda w: value_and_grad(lambda x: ag.neural.cross_entropy(x[None] * w, np.array([1]))),
    ],
)
def test_arrays_from_outside_are_read_as_they_are_by_rules_too(make: Callable[[Any], Any]) -> None:
    w = np.array([1.0, 2.0, 3.0])
    function = make(w)
    compiled = compile(function)
    for i in range(6):
        x = np.abs(drawn(3)) + 0.5
        same(compiled(x), function(x))
        w[:] = np.array([0.5, 1.5, 2.5]) + i
    assert compiled.programs == 1


def test_solver_of_differential_equations() -> None:
    def euler(y: Any, rate: Any) -> Any:
        for _ in range(20):
            y = y + 0.1 * rate * y * (1 - y)
        return y.sum()

    compiled = check(value_and_grad(euler, argnums=(0, 1)), lambda: (np.abs(drawn(4)) / 9, drawn(4) / 9))
    assert compiled.source.count("# backward") == 1


def test_writes_into_tensors() -> None:
    def fill(x: Any) -> Any:
        z = np.zeros_like(x)
        z[0] = np.sin(x[1])
        z[1:] += x[1:] * 2
        z *= x
        return z.sum()

    check(value_and_grad(fill), lambda: (drawn(3, 2),))


@given(programs(max_steps=8), st.integers(0, 2**32))
def test_random_programs(program: Any, seed: int) -> None:
    """Values and gradients of random programs, over other inputs."""
    rng = np.random.default_rng(seed)
    argnums = tuple(range(len(program.shapes)))
    function = value_and_grad(lambda *args: np.sum(program(*args)), argnums)
    compiled = compile(function)
    for _ in range(4):
        args = [rng.normal(size=shape) for shape in program.shapes]
        if compiled.programs:
            compiled._last.memory.fill(255)
        same(compiled(*args), function(*args))
    assert compiled.programs == 1, compiled


STEPS = """
    {y} = {a} + {b}
    {y} = {a} * {b} - 0.0
    {y} = {a} - 0.25 * {b}
    {y} = 2 - {a}
    {y} = np.maximum({a}, {b})
    {y} = np.where({a} > 0, {a}, {b})
    {y} = np.sin({a}) * np.float32(0.5)
    {y} = np.exp(-{a} * {a})
    {y} = {a} @ {b}
    {y} = {a}.sum(axis=0)
    {y} = {a}.mean(axis=-1, keepdims=True)
    {y} = {a}.max()
    {y} = np.cumsum({a}, axis=0)
    {y} = np.concatenate([{a}, {b}])
    {y} = np.stack([{a}, {a}])
    {y} = np.zeros_like({a})
    {y} = np.ones_like({a}, shape=(2, 3))
    {y} = {a}.copy()
    {y} = np.copy({a})
    {y} = {a}.astype(np.float64)
    {y} = {a}[[0, 0]]
    {y} = {a}[-1]
    {y} = {a}[1:]
    {y} = {a}[::-1]
    {y} = {a}[..., None]
    {y} = {a}[...]
    {y} = {a}[:, ::2]
    {y} = {a}.T
    {y} = {a}.ravel()
    {y} = {a}.reshape(-1)
    {y} = {a}.reshape(-1, order="F")
    {y} = np.broadcast_to({a}, (2, *{a}.shape))
    {y} = np.moveaxis({a}, 0, -1)
    {a} += {b}
    {a} -= 0.5
    {a} *= {b}
    {a}[0] = {b}
    {a}[...] = {b}
    {a}[1:] += {b}
    {a}[::-1] = {b}
    {a}[[0, -1]] = {b}
    {a}[:, 0] = {b}
"""
"""Where {y} is a new name."""
BEYOND = """
    {y} = np.sort({a})
    {y} = {a}.astype(np.float32)
    {y} = {a}[np.argmax({b})[None] % len({a})]
    {y} = sliding_window_view({a}, 2, axis=0)
    {y}, {a} = {a}.copy(), {b}.copy()
    np.copyto({a}, {b})
    np.copyto({a}, {b}, where={a} > 0)
    np.add({a}, {b}, out={a})
    np.sqrt(np.abs({a}), out={b})
    np.cumsum({b}, axis=0, out={a})
    {b}.sum(axis=0, out={a})
    np.clip({a}, -0.5, 0.5, out={a})
    np.add.at({a}, [0, 0], {b})
    np.fill_diagonal({a}, 0.5)
    {a}.fill(0.5)
    np.matmul({a}, {b}, out={a})
    np.divmod({a}, 0.3)[1][...] *= 2
"""
"""What tensors do not do, or not in place."""


class Writing(NamedTuple):
    """A function as a text: steps that compute, take views and write, and what it returns."""

    shapes: tuple[tuple[int, ...], ...]
    lines: tuple[str, ...]
    results: tuple[str, ...]

    def __str__(self) -> str:
        head = f"def function({', '.join(f'x{i}' for i in range(len(self.shapes)))}):"
        return "\n".join([head, *self.lines, f"    return ({', '.join(self.results)},)", ""])

    __repr__ = __str__

    @property
    def function(self) -> Callable[..., Any]:
        scope: dict[str, Any] = {"np": np, "sliding_window_view": sliding_window_view}
        exec(str(self), scope)
        return scope["function"]


@st.composite
def writing_programs(draw: st.DrawFn, texts: str) -> Writing:
    """Draw programs of steps that can be done one after the other."""
    shapes = tuple(draw(st.lists(st.sampled_from([(3,), (2, 3), (3, 3)]), min_size=1, max_size=2)))
    steps = [line for line in texts.splitlines() if line]
    program, names = Writing(shapes, (), ()), [f"x{i}" for i in range(len(shapes))]
    given = [np.abs(np.random.default_rng(0).normal(size=shape)) for shape in shapes]
    for _ in range(draw(st.integers(1, 12))):
        step, new = draw(st.sampled_from(steps)), f"y{len(program.lines)}"
        a, b = (draw(st.sampled_from(names[::-1])) for _ in "ab")  # what is new comes first
        more = [*names, new] if "{y}" in step else names
        longer = Writing(shapes, (*program.lines, step.format(a=a, b=b, y=new)), tuple(more))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                values = longer.function(*map(np.copy, given))
            except (ValueError, IndexError, TypeError, AttributeError):  # it does not fit
                continue
        if max(map(np.size, values)) <= 64 and max(map(np.ndim, values)) <= 4:
            program, names = longer, more
    return program._replace(results=tuple(draw(st.lists(st.sampled_from(names[::-1]), min_size=1, max_size=3))))


def hold(function: Callable[..., Any], shapes: Any, seed: int) -> None:
    """Hold a compiled function against eager over some inputs, results and inputs, or see it refused."""
    compiled, rng = compile(function), np.random.default_rng(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(5):
            mine = [rng.normal(size=shape) for shape in shapes]
            other = [np.copy(x) for x in mine]
            try:
                expected = function(*other)
            except (RuntimeError, TypeError, ValueError):  # written after it was recorded
                reject()
            if compiled.programs:
                compiled._last.memory.fill(255)
            try:
                found = compiled(*mine)
            except Uncapturable as refusal:
                event(f"refused: {str(refusal).partition(': ')[2][:60]}")
                return
            hold_apart(found, expected)
            same(mine, other)
    event("compiled")
    assert compiled.programs == 1


@given(writing_programs(STEPS + BEYOND), st.integers(0, 2**32))
def test_random_programs_that_write(program: Writing, seed: int) -> None:
    """Views, copies and writes in any order, also into the inputs; several results."""
    hold(program.function, program.shapes, seed)


@given(writing_programs(STEPS), st.integers(0, 2**32))
def test_gradients_of_random_programs_that_write(program: Writing, seed: int) -> None:
    function = program.function

    def total(*args: Any) -> Any:
        return sum(np.sum(result * 1.5) for result in function(*args))

    hold(value_and_grad(total, tuple(range(len(program.shapes)))), program.shapes, seed)


RANDOM = {"np.empty", "np.empty_like"}
"""What these return is whatever was in memory."""


@pytest.mark.parametrize("name", KEYS)
def test_every_function(name: str) -> None:
    """Each function of the table, and its gradient: the same bits for other numbers, or a refusal that says why."""

    @settings(max_examples=max(2, settings.default.max_examples // 16), phases=[Phase.generate], database=None)
    @given(calls_of(KEYS[name]), st.booleans(), st.booleans())
    def run(call: Any, differentiate: bool, read: bool) -> None:
        if call.writes or call.name in RANDOM:
            return

        def function(args: Any, kwargs: Any) -> Any:
            if not differentiate:
                results = call.function(*args, **kwargs)
                # What is returned has no place of its own; what is read once more has.
                return [np.where(True, x, x) for x in leaves_of(results)] if read else results
            taken = [x for x in leaves_of((args, kwargs)) if is_taken(x)]

            def of_taken(*taken: Any) -> Any:
                rest = iter(taken)
                its_args, its_kwargs = tree_of(
                    (args, kwargs), [next(rest) if is_taken(x) else x for x in leaves_of((args, kwargs))]
                )
                return call.function(*its_args, **its_kwargs)

            value, pullback = vjp(of_taken, *taken)
            return value, pullback(tree_of(value, [np.ones_like(x) for x in leaves_of(value)]))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given_first = call.args, call.kwargs
            others = tree_of(given_first, map(turned, leaves_of(given_first)))
            try:
                function(*given_first)
                expected = function(*others)
            except Exception:
                return
            compiled = compile(function)
            try:
                compiled(*given_first)
                compiled(*given_first)
                found = compiled(*others)
            except Uncapturable:
                return
            same(found, expected)

    run()


def is_taken(x: Any) -> bool:
    """Tell what can be differentiated by."""
    return isinstance(x, np.ndarray) and x.dtype.kind in "fc"


def turned(x: Any) -> Any:
    """Return an array of the same layout with its elements in another order."""
    if not isinstance(x, np.ndarray) or not x.size:
        return x
    other = np.copy(x)
    other[...] = np.roll(x.ravel(), 1).reshape(x.shape)
    return other if other.strides == x.strides else x


# ---------------------------------------------------------------------------------------------------------------------
# Refusals
# ---------------------------------------------------------------------------------------------------------------------

HERE = r"test_compiled\.py:\d+, in \S+: "


def decides(x: Any) -> Any:
    return x if x.sum() > 0 else -x


def chooses(x: Any) -> Any:
    return x[x > 0]


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (decides, "a value decides"),
        (lambda x: x * float(x.sum()), "a Python number"),
        (lambda x: x * int(x.sum()), "a Python number"),
        (lambda x: [1, 2, 3][x.argmax()], "a Python number"),
        (lambda x: x * x.sum().item(), "an array's item"),
        (lambda x: x.tolist(), "an array's tolist"),
        (chooses, "an index of booleans"),
        (lambda x: np.unique(x), "the shape of what np.unique gives"),
        (lambda x: np.where(x > 0), "the shape of what np.where gives"),
        (lambda x: np.asarray(x) + 1, "plain numbers are asked"),
        (lambda x: np.array([x[0], x[1]]), "plain numbers are asked"),
        (lambda x: np.allclose(x, 1), r"np\.allclose gives"),
        (lambda x: f"{x[0]:.3f}", "a Python number"),
        (lambda x: 1.0 in x, "a Python number"),
        (lambda x: pickle.dumps(x), "a Python number"),
        (lambda x: round(x[0], 1), "a Python number"),
        (lambda x: np.float32(2) ** x[0], "a number of NumPy's with another one"),
        (lambda x: np.complex64(2j) * x[0], "a number of NumPy's with another one"),
        (lambda x: x.astype(np.min_scalar_type(x[0])), r"np\.min_scalar_type gives"),
        (lambda x: x * np.shares_memory(x, x), "which arrays share memory"),
        (lambda x: x[1:].base * x.base, "the base of an array"),
    ],
)
def test_python_values_of_elements(function: Callable[..., Any], reason: str) -> None:
    with pytest.raises(Uncapturable, match=HERE + reason):
        compile(function)(np.concatenate([drawn(3)])[:])


@pytest.mark.parametrize(
    "function",
    [
        np.bincount, np.unique_values, np.poly, np.emath.sqrt, np.real_if_close, lambda n: np.setxor1d(n, [1]),
        lambda n: np.linalg.lstsq(n[:, None], n), lambda n: np.repeat(n, n), lambda n: n.repeat(n),
        lambda n: np.tile(n, reps=n), lambda n: np.pad(n, n[:1]), lambda n: np.split(n, n), lambda n: np.ix_(n > 0),
        lambda n: n[n > 0], lambda n: np.insert(n, n, 7), lambda n: np.polydiv(n, [1, 1]),
    ],
)  # fmt: skip
def test_shapes_and_dtypes_by_values(function: Callable[..., Any]) -> None:
    with pytest.raises(Uncapturable, match=r"depends on values"):
        compile(lambda n: function(n))(np.array([0, 1, 2]))


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (np.linalg.eigvals, "the dtype of what np.linalg.eigvals gives depends on values; np.linalg.eigvalsh"),
        (np.linalg.eig, "the dtype of what np.linalg.eig gives depends on values; np.linalg.eigh"),
        (np.emath.sqrt, "the dtype of what "),
        (lambda x: np.linalg.lstsq(x, x), "the shape of the residuals that np.linalg.lstsq .* np.linalg.pinv"),
        (lambda x: np.histogram(x, bins="auto"), "the shape of what np.histogram gives"),
        (lambda x: np.histogram(x, x.ravel()), "the shape of what np.histogram gives"),
        (lambda x: np.histogram2d(x[0], x[1]), "what stands in the list of edges that np.histogram2d"),
        (lambda x: np.roots(x[0]), "the shape of what np.roots gives"),
    ],
)
def test_the_refusal_says_what_depends_on_values(function: Callable[..., Any], what: str) -> None:
    with pytest.raises(Uncapturable, match=HERE + what):
        compile(lambda x: function(x))(drawn(2, 2))


@pytest.mark.parametrize("dtype", [float, np.float32, int, np.uint8])
def test_histograms_of_so_many_bins(dtype: Any) -> None:
    """Their shapes are known; an array of bins would come back as a result."""

    def draw() -> tuple[Any, ...]:
        return (np.abs(3 * drawn(7)).astype(dtype),)

    check(lambda x: np.histogram(x, bins=4, range=(0, 5), density=True), draw)
    check(lambda x: (np.histogram(x), np.histogram_bin_edges(x, 3)), draw)


TABLE = np.eye(4)


def looks_up(y: Any) -> Any:
    table = np.eye(4)
    return table[y]


def takes(y: Any) -> Any:
    return np.take(np.eye(4), y, axis=0)


def looks_up_in_a_tensor(y: Any) -> Any:
    return Tensor(np.eye(4))[y]


@pytest.mark.parametrize(
    "function", [lambda y: TABLE[y], lambda y: np.take(TABLE, y, axis=0), lambda y: Tensor(TABLE)[y] * 2]
)
def test_tables_from_outside(function: Callable[..., Any]) -> None:
    compiled = compile(function)
    for _ in range(4):
        y = RNG.integers(4, size=3)
        same(compiled(y), function(y))
    assert compiled.programs == 1


def joins(x: Any) -> Any:
    return np.array([x[0], x[1]])


def converts(x: Any) -> Any:
    return np.asarray(x) * 2


def assigns(x: Any) -> Any:
    out = np.zeros(4)
    out[0] = x[0]
    return out


def assigns_several(x: Any) -> Any:
    out = np.zeros(4)
    out[:2] = x
    return out


def of_a_list(x: Any) -> Any:
    return np.add([x, x], 1)


@pytest.mark.parametrize(
    ("function", "way"),
    [
        (looks_up, r"np.take_along_axis\(table, y\[:, None\], axis=0\)"),
        (takes, "np.take_along_axis"),
        (looks_up_in_a_tensor, "np.take_along_axis"),
        (joins, "np.stack"),
        (converts, "np.asarray.x. of an array is x"),
        (assigns, "np.zeros_like"),
        (assigns_several, "np.zeros_like"),
        (of_a_list, "np.where"),
    ],
)
def test_where_plain_numbers_are_asked_the_way_out_is_named(function: Callable[..., Any], way: str) -> None:
    with pytest.raises(Uncapturable, match=rf"{HERE}(plain numbers are asked|a Python number) .*; .*{way}"):
        compile(lambda x: function(x))(np.array([2, 0]))


@pytest.mark.parametrize(
    "function",
    [
        lambda y, table: np.take_along_axis(TABLE, y[:, None], axis=0), lambda y, table: table[y],
        lambda y, table: np.take(table, y, axis=0), lambda y, table: np.stack([y[0], y[1]]),
        lambda y, table: np.zeros_like(table, shape=4) + y[0],
    ],
)  # fmt: skip
def test_those_ways_out(function: Callable[..., Any]) -> None:
    """Labels out of range are eager's error, also in a program."""
    compiled = check(function, lambda: (RNG.integers(0, 4, 3), drawn(4, 4)))
    args = np.array([1, 9, 0]), TABLE
    try:
        expected = function(*args)
    except IndexError as error:
        with pytest.raises(IndexError, match=str(error)):
            compiled(*args)
    else:
        same(compiled(*args), expected)


@pytest.mark.parametrize("name", ["flat", "shape", "real", "dtype"])
def test_values_for_attributes(name: str) -> None:
    def assign(x: Any) -> Any:
        y = x.copy()
        setattr(y, name, 2.0)
        return y

    with pytest.raises(Uncapturable, match=rf"{HERE}x\.{name} = value cannot be written down; x\[...\] = value"):
        compile(assign)(drawn(3))


@primitive
def without_zeros(x: Any) -> Any:
    return np.array([value for value in np.asarray(x).tolist() if value])


@primitive
def as_narrow_as_can_be(x: Any) -> Any:
    return np.asarray(x).astype(np.float64 if np.any(np.asarray(x) > 1) else np.float32)


def test_dtypes_that_two_runs_do_not_have_in_common() -> None:
    compiled = compile(lambda x: as_narrow_as_can_be(x) * 2)
    compiled(np.ones(3))
    compiled(np.full(3, 2.0))
    compiled(np.ones(3))
    with pytest.raises(Uncapturable, match="as_narrow_as_can_be gave an array of another shape or dtype"):
        compiled(np.full(3, 2.0))


def test_shapes_that_two_runs_do_not_have_in_common() -> None:
    compiled = compile(lambda x: without_zeros(x) * 2)

    def run_often() -> None:
        for n in range(5):
            compiled(1.0 * (np.arange(5) < n))

    with pytest.raises(Uncapturable, match="without_zeros gave an array of another shape"):
        run_often()


@pytest.mark.parametrize(
    "write",
    [
        lambda y: np.dot(y, y, np.zeros_like(y)), lambda y: np.clip(y, 0, 1, y), lambda y: np.nan_to_num(y, copy=False),
        lambda y: np.cumsum(y, 0, None, y), lambda y: np.take(y, [1, 0], 0, y), lambda y: y.clip(0, 1, y),
        lambda y: np.median(y, overwrite_input=True), lambda y: np.concatenate([y[:1], y[:1]], 0, y),
    ],
)  # fmt: skip
def test_writes_that_are_not_named(write: Callable[[Any], Any]) -> None:
    def write_and_go_on(x: Any) -> Any:
        y = x * 1
        write(y)
        return y * 2

    with pytest.raises(Uncapturable, match=HERE + r"\S+ writes into an array of shape \(2, 2\) that it was given"):
        compile(write_and_go_on)(np.array([[3.0, 2.0], [np.nan, -1.0]]))


def counting() -> Callable[[Any], Any]:
    calls: list[int] = []

    def count(x: Any) -> Any:
        calls.append(1)
        return x * len(calls)

    return count


def noisy(x: Any) -> Any:
    return x + np.random.default_rng().normal(size=x.shape)


def turning() -> Callable[[Any], Any]:
    calls: list[int] = []

    def turn(x: Any) -> Any:
        calls.append(1)
        zero = 0.0 * (-1) ** len(calls)
        return np.where(np.full(3, zero) + zero < x, x, np.copysign(x, zero))

    return turn


def growing() -> Callable[[Any], Any]:
    calls: list[int] = []

    def grow(x: Any) -> Any:
        calls.append(1)
        for _ in calls:
            x = np.sin(x)
        return x

    return grow


@pytest.mark.parametrize("function", [counting(), noisy, growing(), turning()])
def test_what_does_not_come_from_the_inputs(function: Callable[..., Any]) -> None:
    compiled = compile(function)

    def run_often() -> None:
        for _ in range(5):
            compiled(drawn(3))

    with pytest.raises(Uncapturable, match=r"random numbers or a counter|each run changes calls"):
        run_often()


def in_turn(*functions: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that is another one in each run."""
    calls = [0] * 3000  # too many to be looked at

    def function(x: Any) -> Any:
        calls[0] += 1
        return functions[calls[0] % len(functions)](x)

    return function


def hold_refused(function: Callable[[Any], Any], reason: str) -> None:
    """See a function refused after three runs that differed from the one before."""
    compiled = compile(function)
    for _ in range(3):
        compiled(np.ones(3))
    with pytest.raises(Uncapturable, match=reason):
        compiled(np.ones(3))


ONES = np.ones(3)


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        (np.sin, np.cos, r"did not do the same: .*np\.cos, .*np\.sin"),
        (lambda x: np.add.reduce(x), lambda x: np.multiply.reduce(x), "did not do the same"),
        (np.sin, lambda x: np.sin(np.sin(x)), "did more"),
        (lambda x: np.sin(np.sin(x)), np.sin, "did more"),
        (lambda x: np.cumsum(x, axis=0), lambda x: np.cumsum(x), "was given something else"),
        (lambda x: np.add(x, x), lambda x: np.add(x, x, out=x), "was given something else"),
        # Equal in what they hold, and not the same: one of them is an input.
        (lambda x: np.add(x, x), lambda x: np.add(x, ONES), "was given something else"),
        (lambda x: np.add(x, ONES), lambda x: np.add(x, x), "was given something else"),
        (lambda x: (x * 2, x), lambda x: (x * 2, ONES), "returned something different"),
        (lambda x: (x * 2, ONES), lambda x: (x * 2, x), "returned something different"),
        (lambda x: np.divmod(x, 1)[0], lambda x: np.divmod(x, 1)[1], "returned something different"),
    ],
)  # fmt: skip
def test_runs_that_do_not_do_the_same(one: Any, other: Any, reason: str) -> None:
    hold_refused(in_turn(one, other), reason)


THINGS: list[tuple[Any, Any]] = [
    (1, True), (1, 1.0), (0.0, -0.0), (complex(1, 0.0), complex(1, -0.0)), ("a", "b"), (None, False), ((), []),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ({"a": 1}, {"a": 2}), ({"a": 1}, {"b": 1}),
    ([0, 1], [0, 2]), ([0, 1], [1, 1]), ([0], [0, 1]),
    (np.ones(3), np.ones(3, np.float32)), (np.ones(3), np.ones((1, 3))), (np.ones(2), np.array([1.0, 2.0])),
    (np.array([0.0, -0.0]), np.zeros(2)), (np.array(complex(1, 0.0)), np.array(complex(1, -0.0))),
    (np.array(complex(0.0, 1)), np.array(complex(-0.0, 1))), (np.float32(1), np.float64(1)),
    (np.float32(0.0), np.float32(-0.0)), (np.float32("nan"), np.float32(1)), (np.complex64(1), np.complex64(1j)),
    (np.float64(0.0), np.float64(-0.0)), (np.array([1, 2]), np.array([1, 3])), (np.array(["a"]), np.array(["b"])),
    (Tensor(0.0), Tensor(-0.0)), (Tensor(0.0), np.array(0.0)),
    (np.array([np.nan, 0.0]), np.array([np.nan, 1.0])), (np.array([np.nan]), -np.array([np.nan])),
    (np.array([np.nan, 0j]), np.array([np.nan, 1j])), (float("nan"), 0.0),
]  # fmt: skip
"""Things that are not the same."""


@pytest.mark.parametrize(("one", "other"), THINGS)
def test_constants_that_differ_between_two_runs(one: Any, other: Any) -> None:
    hold_refused(in_turn(lambda x: (x * 2, one), lambda x: (x * 2, other)), "returned something different")


@pytest.mark.parametrize("thing", [thing for pair in THINGS for thing in pair])
def test_constants_that_are_made_anew_in_each_run(thing: Any) -> None:
    check(lambda x: (x * 2, copy.deepcopy(thing)), lambda: (drawn(3),))


def test_arrays_made_outside_are_not_written() -> None:
    total = np.zeros(3)

    def accumulate(x: Any) -> Any:
        np.add(total, x, out=total)
        return total * 2

    def scatter(x: Any) -> Any:
        zeros = np.zeros(4)
        np.add.at(zeros, [1, 1, 2], x)
        return zeros

    for function in (accumulate, scatter):
        with pytest.raises(Uncapturable, match=HERE + "np.add.* writes into an array of shape"):
            compile(function)(drawn(3))
    assert not total.any()


def test_arrays_that_are_kept_from_a_run() -> None:
    kept: list[Any] = []

    def leak(x: Any) -> Any:
        kept.append(x)
        return kept[0] * 2

    compiled = compile(leak)
    with pytest.raises(Uncapturable, match=HERE + r"the function puts another array into kept\[0\]"):
        compiled(drawn(3))


def test_results_on_a_tape() -> None:
    w = Tensor(2.0, requires_grad=True)
    with pytest.raises(Uncapturable, match="requires a gradient"):
        compile(lambda x: w * x)(drawn(3))


def test_gradients_that_would_stay_in_tensors_from_outside() -> None:
    w = Tensor(2.0, requires_grad=True)

    def leave(x: Any) -> Any:
        np.sum(w * x).backward()
        return x

    with pytest.raises(Uncapturable, match=HERE + "backward.* leaves a gradient"):
        compile(leave)(drawn(3))
    assert w.grad is None
    check(lambda x: ag.gradients(np.sum(w * x), w)[0], lambda: (drawn(3),))


def test_what_is_no_function() -> None:
    with pytest.raises(TypeError, match="compile: takes a function"):
        compile(3)  # pyright: ignore[reportCallIssue, reportArgumentType]


# ---------------------------------------------------------------------------------------------------------------------
# What a function is besides being called: a method, a decorator's argument, something to copy
# ---------------------------------------------------------------------------------------------------------------------


class Scaling:
    """Instances whose equality and hash say nothing of them."""

    def __init__(self, factor: float) -> None:
        self.factor = np.array([factor])

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    @compile
    def scaled(self, x: Any) -> Any:
        return x * self.factor

    @compile(exact=False)
    def summed(self, x: Any, y: Any) -> Any:
        total = x * self.factor
        total += x @ y
        return total

    @classmethod
    @compile
    def doubled(cls, x: Any) -> Any:
        return x * 2

    @staticmethod
    @compile
    def tripled(x: Any) -> Any:
        return x * 3


class Doubling(Scaling):
    @compile
    def scaled(self, x: Any) -> Any:
        return 2 * super().scaled(x)


def test_methods() -> None:
    first, second, below = Scaling(2.0), Scaling(3.0), Doubling(5.0)
    for _ in range(4):
        x = drawn(3)
        for instance, factor in ((first, 2), (second, 3), (below, 10)):
            same(instance.scaled(x), x * factor)
        same(Scaling.scaled(second, x), x * 3)
        same((Scaling.doubled(x), first.doubled(x), Scaling.tripled(x), first.tripled(x)), (x * 2, x * 2, x * 3, x * 3))
    assert first.scaled.programs == second.scaled.programs == below.scaled.programs == 1
    assert first.scaled.source.startswith("def step(x):")
    for _ in range(4):
        same(Scaling(7.0).scaled(x), x * 7)


def test_a_decorator_with_an_argument() -> None:
    matrix = np.eye(3)
    for _ in range(4):
        same(Scaling(2.0).summed(matrix, matrix), 3 * matrix)
    folding, exact = Scaling(2.0), compile()(lambda x, y: x + x @ y)
    for _ in range(3):
        folding.summed(matrix, matrix)
        exact(matrix, matrix)
    assert "add_product" in folding.summed.source
    assert "add_product" not in exact.source


def test_programs_of_a_method_do_not_keep_the_instance() -> None:
    instance = Scaling(2.0)
    for _ in range(4):
        instance.scaled(drawn(3))
    reference, array = weakref.ref(instance), weakref.ref(instance.factor)
    del instance
    gc.collect()
    assert reference() is None
    assert array() is None


class Slotted:
    __slots__ = ()

    @compile
    def same(self, x: Any) -> Any:
        return x


def test_a_method_of_what_cannot_be_referenced_weakly() -> None:
    with pytest.raises(TypeError, match=r"compile\(same\): .* a Slotted, .*__weakref__ slot"):
        Slotted().same(drawn(3))


@compile
def decorated(x: Any) -> Any:
    return x * 2


def plain(x: Any) -> Any:
    return x * 2


def test_copies_begin_without_programs() -> None:
    holder = Scaling(2.0)
    for runs in range(4):
        for compiled in (decorated, compile(plain), compile(np.sin), holder.scaled):
            for _ in range(runs):
                compiled(drawn(3))
            x = drawn(3)
            for other in (copy.copy(compiled), copy.deepcopy(compiled), pickle.loads(pickle.dumps(compiled))):
                assert other is compiled or other.programs == 0
                assert type(other._function) is type(compiled._function)
                same(other(x), compiled(x))
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    again = compile(holder.scaled._function, exact=False)
    for function in (plain, again._function):
        assert copy.deepcopy(compile(function, exact=False))._exact is False
    assert pickle.loads(pickle.dumps(again))._exact is False
    assert pickle.loads(pickle.dumps(compile(plain, exact=False)))._exact is False
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(compile(lambda x: x))


def test_a_copy_of_an_instance_has_programs_of_its_own() -> None:
    first = Scaling(2.0)
    for _ in range(3):
        first.scaled(drawn(3))
    for other in (copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
        other.factor[:] = 5
        for _ in range(3):
            x = drawn(3)
            same((other.scaled(x), first.scaled(x)), (x * 5, x * 2))


# ---------------------------------------------------------------------------------------------------------------------
# What a program stands for
# ---------------------------------------------------------------------------------------------------------------------


def test_a_program_for_each_form() -> None:
    compiled = compile(lambda x, n=1: x * n)
    for shape in ((3,), (2, 3), (3,)):
        for _ in range(3):
            x = drawn(*shape)
            same(compiled(x), x * 1)
    assert compiled.programs == 2
    for n in (2, 3):
        for _ in range(3):
            same(compiled(np.ones(3, np.float32), n=n), np.ones(3, np.float32) * n)
    for layout in (np.asfortranarray, np.ascontiguousarray):
        for _ in range(3):
            same(compiled(layout(np.ones((2, 3)))), np.ones((2, 3)))
    assert compiled.programs == 5
    decided = compile(lambda x: x * 2 if x.flags.writeable else x * 3)
    for factor in (2, 2, 3, 2, 3, 3):
        same(decided(np.broadcast_to(1.0, 3) if factor == 3 else np.ones(3)), np.full(3, float(factor)))


def test_only_the_last_programs_are_kept() -> None:
    compiled = compile(lambda x: x + 1)
    for n in range(1, 12):
        for _ in range(3):
            same(compiled(np.zeros(n)), np.ones(n))
    assert compiled.programs == 8


def test_arrays_from_outside_are_read_in_each_run() -> None:
    weights = np.ones(3)
    compiled = compile(lambda x: x * weights)
    for n in range(5):
        weights[:] = n
        same(compiled(np.ones(3)), np.full(3, float(n)))


def test_arrays_from_outside_that_are_returned() -> None:
    """As they are, in containers, as a view and in a tensor: they are read in each run."""
    weights, tensor = np.ones(3), Tensor(np.ones(3))
    part = weights[1:]

    def function(x: Any) -> Any:
        return x * 2, weights, {"a": [weights, 3]}, part, tensor

    compiled = compile(function)
    for n in range(5):
        if n > 2:
            weights[:] = n
            tensor.data = np.full(3, float(n))
        found = compiled(np.ones(3))
        same(found, function(np.ones(3)))
        if n > 2:  # a program's results are the caller's own
            found[1][:], found[4].data[:] = 7, 7
            assert weights[0] == tensor.data[0] == n


def test_results_are_the_callers_own() -> None:
    compiled = compile(lambda x: (np.sin(x), x, np.ones(3)))
    results = [compiled(np.full(3, float(n))) for n in range(5)]
    for n, (sine, x, ones) in enumerate(results):
        assert np.array_equal(sine, np.sin(np.full(3, float(n))))
        assert np.array_equal(x, np.full(3, float(n)))
        ones[:] = 7
    assert np.array_equal(compiled(np.zeros(3))[2], np.ones(3))


def test_a_guard_that_comes_out_otherwise_runs_eagerly() -> None:
    function = value_and_grad(lambda x, y: ag.neural.cross_entropy(x, y))
    compiled = compile(function)
    y = np.array([0, 1])
    for _ in range(4):
        compiled(drawn(2, 3), y)
    infinite = np.array([[np.inf, 0.0, 0.0], [1.0, 2.0, 3.0]])
    with np.errstate(invalid="ignore"):
        same(compiled(infinite, y), function(infinite, y))
    with pytest.raises(ValueError, match="the label 7"):
        compiled(drawn(2, 3), np.array([0, 7]))
    x = drawn(2, 3)
    same(compiled(x, y), function(x, y))


def test_a_guard_is_checked_by_what_was_computed_and_not_by_what_has_taken_its_place() -> None:
    log = Log()
    x = log.stand_in(np.array([0.25, 0.5, 0.75]), "x")
    small = (x < 1).all()
    large = np.logical_not(x > 0.4)  # lies where x < 1 has lain
    log.guard(small)
    program = Program(log.calls, [x], [large * 2.0])
    for values in ([0.25, 0.5, 0.75], [0.5, 0.75, 0.9], [0.1, 0.2, 0.3]):
        same(program.run(np.array(values))[0], (~(np.array(values) > 0.4)) * 2.0)
    with pytest.raises(Changed):
        program.run(np.array([0.1, 0.2, 2.0]))


@pytest.mark.parametrize("read", [lambda small: small, np.logical_not], ids=["returned", "read"])
def test_what_a_guard_has_checked_is_read_again(read: Callable[[Any], Any]) -> None:
    log = Log()
    x = log.stand_in(np.array([0.25, 0.5, 0.75]), "x")
    small = (x < 1).all()
    log.guard(small)
    large = np.logical_not(x > 0.4)  # lies where x < 1 has lain
    program = Program(log.calls, [x], [large * 2.0, read(small)])
    assert program.run(np.array([0.25, 0.5, 0.75]))[1] == read(True)
    with pytest.raises(Changed):
        program.run(np.array([0.1, 0.2, 2.0]))


def test_inside_others() -> None:
    inner = compile(np.sin)
    same(grad(lambda x: inner(x) * 2)(0.5), grad(lambda x: np.sin(x) * 2)(0.5))
    outer = check(lambda x: inner(x) + 1, lambda: (drawn(3),))
    assert "np.sin" in outer.source
    x = Tensor([1.0, 2.0], requires_grad=True)
    inner(x).sum().backward()
    same(x.grad, np.cos(np.array([1.0, 2.0])))


def test_arguments_that_are_no_arrays() -> None:
    compiled = compile(lambda x, n: x * n)
    for _ in range(3):
        same(compiled(np.ones(2), 0.0), np.zeros(2))
    assert np.signbit(compiled(np.ones(2), -0.0)).all()
    for one, other in ((False, 0), (1, True), (1, 1.0), (1, 1 + 0j)):
        for n in (one, other, one, other, one, other):
            assert compiled(np.ones(2), n).dtype == (np.ones(2) * n).dtype


def test_arrays_with_rules_of_their_own() -> None:
    compiled = compile(lambda x: x + 1)
    masked = np.ma.masked_array([1.0, 2.0], [False, True])
    for x in (np.ones(2), np.ones(2), np.ones(2), masked, masked, masked):
        assert compiled(x).tolist() == (x + 1).tolist()
    assert isinstance(compiled(masked), np.ma.MaskedArray)


def test_the_same_array_twice() -> None:
    """Captured with one array in two places, run with two, and the other way round; also where one is written."""

    def write(x: Any, y: Any) -> Any:
        x += 1
        return x * y

    def pair(twice: bool) -> tuple[Any, Any]:
        x = np.arange(3.0)
        return x, x if twice else np.full(3, 5.0)

    def copy_and_write(x: Any, y: Any) -> Any:
        before = y.copy()
        x += 1
        return x * before

    for function in (lambda x, y: x + 2 * y, write, copy_and_write, lambda y, x: copy_and_write(x, y)):
        for captured in (True, False):
            compiled = compile(function)
            for twice in (captured, captured, True, False, True):
                mine, other = pair(twice), pair(twice)
                same(compiled(*mine), function(*other))
                same(mine, other)


def add_one(x: Any) -> Any:
    x += 1
    return x * 2


def write_a_part(x: Any) -> Any:
    x[1:] = x[0]
    return x * 2


def write_a_view(x: Any) -> Any:
    y = x[::-1]
    y *= 3
    return x * 2


@pytest.mark.parametrize("function", [add_one, write_a_part, write_a_view])
def test_a_graph_that_needs_what_a_program_writes_is_refused(function: Callable[..., Any]) -> None:
    """As after eager calls, in each run."""
    for f in (function, compile(function)):
        for _ in range(5):
            x, w = Tensor(np.arange(3.0)), Tensor(np.ones(3), requires_grad=True)
            product = np.sum(w * x)
            f(x)
            with pytest.raises(RuntimeError, match="changed in place"):
                product.backward()
    compiled = compile(lambda x, y: function(x) * y)  # y is not written
    for _ in range(5):
        y, w = Tensor(np.arange(3.0)), Tensor(np.ones(3), requires_grad=True)
        product = np.sum(w * y)
        compiled(Tensor(np.ones(3)), y)
        product.backward()
        same(w.grad, np.arange(3.0))


def test_threads_take_turns() -> None:
    compiled = compile(value_and_grad(bowl))
    expected = {n: value_and_grad(bowl)(np.full((4, 4), n / 10)) for n in range(8)}
    for _ in range(2):
        compiled(np.ones((4, 4)))
    failures: list[Any] = []

    def work(n: int) -> None:
        for _ in range(200):
            value, gradient = compiled(np.full((4, 4), n / 10))
            if value != expected[n][0] or not np.array_equal(gradient, expected[n][1]):
                failures.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# ---------------------------------------------------------------------------------------------------------------------
# The text
# ---------------------------------------------------------------------------------------------------------------------


def test_the_text_has_the_codes_names() -> None:
    compiled = check(value_and_grad(network), lambda: (parameters(), drawn(4, 5), drawn(4, 2)))
    assert compiled.source.startswith("def step(W1, b1, W2, b2, x, y):\n")
    assert "np.maximum(" in compiled.source
    assert "hidden" in compiled.source
    assert compiled.source.count("d_W1 = ") == 1


def test_what_nobody_reads_is_left_out() -> None:
    def write(x: Any) -> Any:
        unread = np.log(x)
        unread *= 2
        return (np.exp(x), np.sin(x))[1]

    compiled = check(write, lambda: (np.abs(drawn(3)),))
    assert compiled.source.splitlines()[1:] == ["    sin = np.sin(x)  # (3,)", "    return sin,"]


def test_copies_that_nobody_can_tell_are_left_out() -> None:
    compiled = check(lambda x: np.sin(x.copy()) * np.exp(x).copy(), lambda: (drawn(3),))
    assert "cop" not in compiled.source


@pytest.mark.parametrize(
    ("function", "taken"),
    [
        (lambda x: np.sin(np.exp(x)) * 2, True),
        (lambda x: np.sin(np.exp(x) * x) * 2, True),
        (lambda x: np.sin(x + np.exp(x)) * 2, True),
        (lambda x: np.sin(np.exp(x).T) * 2, True),
        (lambda x: np.sin(x) * 2, False),  # the input's
        (lambda x: (np.exp(x) > 1) * 2, False),  # of another size
        (lambda x: (np.exp(x) @ x) * 2, False),  # not element by element
        (lambda x: np.cumsum(np.exp(x), axis=0) * 2, False),
        (lambda x: np.add.accumulate(np.exp(x), axis=0) * 2, False),
        (lambda x: ((y := np.exp(x)) + y.T) * 2, False),  # in another order as well
        (lambda x: (np.exp(x)[1:] + 1) * 2, False),  # a part of it
        (lambda x: ((y := np.exp(x)) + 1) * y, False),  # still needed
    ],
)  # fmt: skip
def test_places_that_are_taken_over(function: Callable[..., Any], taken: bool) -> None:
    compiled = check(function, lambda: (drawn(3, 3),))
    assert ("in the memory of" in compiled.source) == taken, compiled.source


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.mean(x, axis=0), lambda x: np.concatenate([x, x]), lambda x: np.stack([x, x]), np.sin,
        lambda x: np.sin(x, dtype=np.float64), lambda x: np.sin(x.astype(np.float16)), np.zeros_like,
        lambda x: x.astype(np.float64), lambda x: np.exp(x)[::2].reshape(6),
    ],
)  # fmt: skip
def test_results_that_have_places(function: Callable[..., Any]) -> None:
    compiled = check(lambda x: np.sum(function(x)) * 1, lambda: (drawn(4, 3).astype(np.float32),))
    assert compiled._last.memory.size > 0


@pytest.mark.parametrize("shape", [(4, 4), (40, 40)])
def test_places_are_taken_again(shape: tuple[int, int]) -> None:
    def powers(x: Any) -> Any:
        for _ in range(20):
            x = np.tanh(x @ x)[:-1, :-1] * 0.5
            x = np.concatenate([x, x[:1]])
            x = np.stack([*x.T, x.T[0]], axis=1)
        return x

    compiled = check(powers, lambda: (drawn(*shape),))
    assert compiled._last.memory.size < 4 * (8 * shape[0] * shape[1] + 64)
    assert compiled._last.memory.__array_interface__["data"][0] % 64 == 0


@primitive
def clipped(x: Any, most: float = 1.0) -> Any:
    """Compute with plain numbers, as code of other libraries does."""
    return np.array([min(value, most) for value in np.asarray(x).tolist()])


defvjp(clipped, lambda g, _y, x, most=1.0: g * np.array([value < most for value in np.asarray(x)]))


def test_primitives_that_leave_numpy() -> None:
    """They are one call; their rules are captured, or refused."""
    compiled = check(lambda x: clipped(x, most=0.5) * 2, lambda: (drawn(4),))
    assert "clipped(x, most=0.5)" in compiled.source
    with pytest.raises(Uncapturable, match="plain numbers"):
        compile(grad(lambda x: np.sum(clipped(x))))(drawn(4))


def test_error_states() -> None:
    def logarithm(x: Any) -> Any:
        with np.errstate(divide="ignore"):
            return np.log(x * 0)

    compiled = check(logarithm, lambda: (drawn(3) ** 2,))
    assert "with np.errstate(divide='ignore'):" in compiled.source

    def turn(x: Any) -> Any:
        y = np.exp(x)
        with np.errstate(divide="ignore"):
            turned = y.T  # is made once, and leaves nothing to do here
        return turned * 2

    assert "errstate" not in check(turn, lambda: (drawn(3, 3),)).source


def test_tracebacks_show_the_line() -> None:
    compiled = compile(lambda x: np.linalg.inv(x))
    for _ in range(3):
        compiled(np.eye(2))
    with pytest.raises(np.linalg.LinAlgError) as caught:
        compiled(np.zeros((2, 2)))
    assert any("np.linalg.inv(x)" in str(entry) for entry in caught.traceback)


def test_no_text_yet() -> None:
    compiled = compile(np.sin)
    with pytest.raises(RuntimeError, match="call it twice"):
        _ = compiled.source
    assert repr(compiled) == "<compiled sin: 0 programs>"


def test_again_runs_a_program_for_arrays_of_its_own_forms_alone() -> None:
    """Also for one array given twice, another order in memory, dtype, shape, and tensors, which have no form."""
    factors = np.array([2.0])

    def product(pair: Any) -> Any:
        x, y = pair
        return x * y + factors

    compiled = compile(product)
    x, y = drawn(4, 4), drawn(4, 4)
    fixed = x.copy()
    fixed.flags.writeable = False
    pairs: list[Any] = [
        (x, y),
        (x, x),
        (x, np.asfortranarray(y)),
        (x, y.astype(np.float32)),
        (x[:2], y[:2]),
        (fixed, y),
    ]
    for _ in range(4):
        for pair in pairs:
            same(compiled.again(pair), product(pair))
        factors += 1  # what is in an array outside is read in each run
    assert compiled.programs == len(pairs)
    same(compiled.again((Tensor(x), y)), product((Tensor(x), y)))


def test_a_program_may_be_written_of_one_run() -> None:
    compiled = Compiled(lambda x: (np.tanh(x) * 2, "same"), twice=False)
    for count in (1, 1, 1):
        x = drawn(3)
        same(compiled(x), (np.tanh(x) * 2, "same"))
        assert compiled.programs == count
