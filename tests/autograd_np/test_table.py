"""Every rule is tested, and a wrong one would be found."""

import importlib
import inspect
import pkgutil
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.special

from autograd_np import defvjp
from autograd_np.primitives import implementations, primitives, refusals
from autograd_np.rules import linalg, shaping
from autograd_np.rules.indexing import scatter_add
from autograd_np.tensor import plain
from tests.autograd_np import compositions, rules
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.compositions import test_constant


def module(function: Any) -> str:
    """Return where a function or a ufunc's method comes from."""
    return getattr(function[0] if isinstance(function, tuple) else function, "__module__", None) or "numpy"


def files_of_tests() -> list[Any]:
    """Return the modules of tests of rules and of compositions."""
    return [
        importlib.import_module(f"{package.__name__}.{name}")
        for package in (rules, compositions)
        for _, name, _ in pkgutil.iter_modules(package.__path__)
        if name.startswith("test_")
    ]


def test_every_rule_has_a_case() -> None:
    here = ("numpy", "scipy", "autograd_np.rules", "autograd_np.tensor", "autograd_np.views", "autograd_np.methods")
    known = {f for f, entry in primitives.items() if module(f).startswith(here) and (entry.vjps or entry.joint)}
    files = [file for file in files_of_tests() if file.__name__ != test_constant.__name__]
    tested = {f for file in files for f in getattr(file, "CASES", ())}
    tested.add(linalg.without_derivative)  # its rule only refuses, as test_linalg shows
    assert {str(f) for f in known - tested} == set()
    assert {str(f) for f in tested - known} == set()


def test_every_implementation_has_a_test() -> None:
    """Functions made of primitives, each with a test of its name."""
    made_of_primitives = {np.where, np.clip, np.dot}
    made_of_primitives |= {f for file in files_of_tests() for f in getattr(file, "IMPLEMENTED", ())}
    here = ("autograd_np.rules", "autograd_np.compositions")
    known = {f for f, call in implementations.items() if call.__module__.startswith(here)}
    assert known | refusals.keys() == made_of_primitives | test_constant.CASES.keys()


rng = np.random.default_rng(0)
A, B = rng.uniform(0.5, 2, (2, 3)), rng.uniform(2.5, 4, 3)

WRONG: list[Any] = [
    # A factor, a sign, an argument mistaken for another
    (np.square, [lambda g, y, x: g * x], np.square, [A]),
    (np.negative, [lambda g, y, x: g], np.negative, [A]),
    (np.divide, [lambda g, y, a, b: g / b, lambda g, y, a, b: g * y / b], np.divide, [A, B]),
    (np.multiply, [lambda g, y, a, b: g * a, lambda g, y, a, b: g * a], np.multiply, [A, B]),
    (np.exp, [lambda g, y, x: g * y * 1.000001], np.exp, [A]),
    (
        np.mean,
        [lambda g, y, x, axis=None, keepdims=False: np.broadcast_to(g, x.shape) / x.size],
        partial(np.mean, axis=0),
        [A],
    ),
    (np.maximum, [lambda g, y, a, b: g * (a < b), lambda g, y, a, b: g * (b < a)], np.maximum, [A, B]),
    # An axis forgotten, a transpose forgotten, an inverse forgotten
    (
        np.sum,
        [lambda g, y, x, axis=None, keepdims=False: np.broadcast_to(g, x.shape)],
        lambda x: np.sum(x, axis=1),
        [rng.uniform(1, 2, (2, 2))],
    ),
    (
        np.matmul,
        [lambda g, y, a, b: g @ b, lambda g, y, a, b: np.swapaxes(a, -1, -2) @ g],
        np.matmul,
        [rng.uniform(1, 2, (2, 2)), rng.uniform(1, 2, (2, 2))],
    ),
    (
        np.transpose,
        [lambda g, y, x, axes=None: np.transpose(g, axes)],
        lambda x: np.transpose(x, (1, 2, 0)),
        [rng.uniform(1, 2, (2, 2, 2))],
    ),
    (
        np.reshape,
        [lambda g, y, x, shape=None, order="C": g.reshape(x.shape)],
        lambda x: np.reshape(x, (3, 2), order="F"),
        [A],
    ),
    (
        scatter_add,
        [lambda g, y, values, index=None, shape=(): g[index][::-1]],
        lambda v: scatter_add(v, index=np.array([0, 0, 1]), shape=(2,)),
        [B],
    ),
    # Broadcasting not undone, or undone where it was not done
    (np.add, [lambda g, y, a, b: g, lambda g, y, a, b: g[0]], np.add, [A, B]),
    (np.subtract, [lambda g, y, a, b: g, lambda g, y, a, b: -g.mean(axis=0)], np.subtract, [A, B]),
    (np.ravel, [lambda g, y, x, order="C": g], np.ravel, [A]),
    # Right to first order only
    (np.tanh, [lambda g, y, x: g * (1 - plain(y) ** 2)], np.tanh, [A]),
    (np.log, [lambda g, y, x: g * (1 / plain(x))], np.log, [A]),
    (scipy.special.expit, [lambda g, y, x: plain(g) * y * (1 - y)], lambda x: np.square(scipy.special.expit(x)), [A]),
    # Right when recorded only
    (np.sqrt, [lambda g, y, x: g / (2 * y) if not isinstance(g, np.ndarray) else g / y], np.sqrt, [A]),
]


def replace(monkeypatch: pytest.MonkeyPatch, function: Any, *rules: Any) -> None:
    """Give a function other rules until the test is over."""
    entry = primitives[function]
    monkeypatch.setattr(entry, "__dict__", {**vars(entry), "plans": type(entry.plans)(entry)})
    defvjp(function, *rules)


@pytest.mark.parametrize(("function", "rules", "f", "arrays"), WRONG, ids=[w[0].__name__ for w in WRONG])
def test_wrong_rule_is_found(
    function: Any, rules: list[Any], f: Any, arrays: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    check_gradients(f, *arrays)
    replace(monkeypatch, function, *rules)
    with pytest.raises((AssertionError, ValueError)):
        check_gradients(f, *arrays)


def test_wrong_piece_of_a_join_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def overlapping(g: Any, _y: Any, *arrays: Any, axis: int = 0) -> list[Any]:
        return [g[: array.shape[0]] for array in arrays]

    monkeypatch.setattr(primitives[shaping.concatenate], "joint", overlapping)
    with pytest.raises(AssertionError):
        check_gradients(lambda *xs: np.concatenate(xs), A, A)


@pytest.mark.parametrize(
    ("function", "rules"),
    [
        (np.square, [lambda g, y, x: g * 2 * x * np.float64(1)]),
        (np.mean, [lambda g, y, x, axis=None, keepdims=False: np.broadcast_to(g / np.prod(x.shape), x.shape)]),
        (np.multiply, [lambda g, y, a, b: g * b, lambda g, y, a, b: g * a * np.float64(1)]),
    ],
)
def test_rule_that_leaves_float32_is_found(function: Any, rules: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = [A, B][: len(rules)]
    check_float32(function, *arrays)
    replace(monkeypatch, function, *rules)
    check_gradients(function, *arrays)
    with pytest.raises(AssertionError, match="float64"):
        check_float32(function, *arrays)


def test_function_that_is_not_numpys_is_found() -> None:
    with pytest.raises(AssertionError):
        check_gradients(lambda x: x * 2 if isinstance(x, np.ndarray) else x * 3, A)


def test_kink_is_found() -> None:
    with pytest.raises(AssertionError, match="a kink"):
        check_gradients(np.absolute, np.array([0.0, 1.0]))


def test_shared_gradient_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd_np.tensor.own", lambda array: array)
    with pytest.raises(AssertionError, match="shares its memory"):
        check_gradients(np.add, A, A)


PASSED_ON = {np.where, np.einsum_path, np.nanquantile, np.nanpercentile}
"""Those whose implementations take some arguments as they come."""

NAMED = [
    f
    for f, call in implementations.items()
    if callable(f) and f not in PASSED_ON and "args" not in inspect.signature(call).parameters
]
"""Functions whose implementations name their arguments."""


@pytest.mark.parametrize("function", NAMED, ids=lambda f: f.__name__)
def test_signatures_are_numpys(function: Any) -> None:
    """Arguments by position mean what they mean to NumPy, and so do names and defaults."""
    theirs = inspect.signature(function).parameters
    ours = inspect.signature(implementations[function]).parameters
    assert [name for name in theirs if name in ours] == list(ours)
    positional = [p for p in ours.values() if p.kind is not p.KEYWORD_ONLY]
    assert [p.name for p in positional] == list(theirs)[: len(positional)]
    for name, parameter in ours.items():
        default = theirs[name].default
        assert repr(default) == "<no value>" or parameter.default == default
