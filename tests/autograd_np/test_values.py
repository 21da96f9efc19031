"""Every function that takes tensors gives NumPy's own value for them.

A value is wrong in many ways, and each way is a kind that this test draws for every function of the table: another
number (in its last digit too, and the sign of a zero), another dtype (of integers, booleans, half and long precision,
the other byte order), another shape, a list for a tuple, NumPy's memory shared where NumPy copies, a warning or an
exception that NumPy does not have, none where it has one, an exception that does not say what to do, and a result off
the tape. What is drawn is in `tests.autograd_np.calls`.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from autograd_np import Tensor, supported, views
from autograd_np.gradients import as_argument
from autograd_np.primitives import constants, implementations
from autograd_np.tensor import plain
from tests.autograd_np.calls import KEYS, Call, calls_of

MADE = {
    f"np.{name}{like}"
    for like in ("", "_like")
    for name in ("zeros", "ones", "empty", "full", "eye", "identity", "tri", "arange", "array", "asarray", "asanyarray")
}
"""What these return need not depend on any array that they are given."""

ROUNDED = {"np.linalg.eigvals", "np.linalg.multi_dot"}
"""What these return is rounded otherwise than by NumPy, since the derivative needs more than NumPy computes."""


POWERS = {"np.vander"}
"""Their zeros may have other signs, where they are complex: NumPy multiplies where these take powers."""


def check(call: Call, chosen: Iterable[int]) -> bool:
    """Compare a call with arrays to the same call with tensors in their place, and tell whether it has a value.

    The tensors are leaves where they can be, then all of them off the tape, then leaves in the chosen places alone.
    """
    expected = outcome(call, lambda _, x: x)
    places = set(range(len(arrays_in([call.args, call.kwargs]))))
    found = [
        outcome(call, lambda _, x: leaf(x)),
        outcome(call, lambda _, x: leaf(x).detach()),
        outcome(call, lambda i, x: leaf(x) if i in chosen else x),
    ]
    for result in found if places else []:
        compare(call, expected, result)
    if not expected.error and not found[0].error and call.name not in MADE:
        check_on_tape(call, found[0].value)
    return not expected.error and not found[0].error


def leaf(x: Any) -> Any:
    """Make a Tensor that shares the array's memory, and requires a gradient if it can."""
    return as_argument(x) if x.dtype.kind in "fc" else as_argument(x).detach()


class Outcome(NamedTuple):
    """What came of a call."""

    value: Any
    error: Exception | None
    warned: bool
    tensors: list[Any]  # those that it was given


def outcome(call: Call, lift: Callable[[int, Any], Any]) -> Outcome:
    """Call with what `lift` makes of each array, by its number."""
    numbers = iter(range(1000))
    args, kwargs = lifted([call.args, call.kwargs], lambda x: lift(next(numbers), x))
    tensors: list[Any] = []
    lifted([args, kwargs], tensors.append, Tensor)
    value, error = None, None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = call.function(*args, **kwargs)
        except Exception as raised:
            error = raised
    warned = any(issubclass(w.category, RuntimeWarning) for w in caught)
    return Outcome(value, error, warned, tensors)


def lifted(value: Any, lift: Callable[[Any], Any], kind: type = np.ndarray) -> Any:
    """Return nested lists, tuples and dictionaries with other things for arrays."""
    if isinstance(value, kind):
        return lift(value)
    if type(value) in (list, tuple):
        return type(value)(lifted(part, lift, kind) for part in value)
    if type(value) is dict:
        return {name: lifted(part, lift, kind) for name, part in value.items()}
    return value


def arrays_in(value: Any) -> list[Any]:
    """Return what `lifted` would lift."""
    found: list[Any] = []
    lifted(value, found.append)
    return found


# -- the comparison ---------------------------------------------------------------------------------------------------


def compare(call: Call, expected: Outcome, found: Outcome) -> None:
    if expected.error is not None:
        assert found.error is not None, f"NumPy raises {expected.error!r}, and this gives {found.value!r}"
        assert isinstance(found.error, (type(expected.error), TypeError, ValueError, RuntimeError)), (
            f"{found.error!r} where NumPy raises {expected.error!r}"
        )
        return
    if found.error is not None:
        says = [call.name, "`.data`", "lose"]  # who refuses, or the way out
        assert isinstance(found.error, TypeError | ValueError | RuntimeError), f"internal error {found.error!r}"
        assert any(word in str(found.error) for word in says), f"unhelpful error {found.error!r}"
        return
    assert expected.warned or not found.warned, "it warns, and NumPy does not"
    compare_values(call, expected.value, found.value)
    if call.writes:
        return
    own = arrays_in([call.args, call.kwargs])
    for theirs, ours, result in zip(
        numbers_in(expected.value), numbers_in(found.value), results_in(found.value), strict=True
    ):
        shared = [x for x in own if np.shares_memory(ours, x)]
        numpys = [x for x in own if np.shares_memory(theirs, x)]
        assert len(shared) <= len(numpys), "the result shares its memory with an argument"
        # Arrays made of others are new ones here, as `autograd_np.array` says.
        assert call.name in MADE or len(shared) >= len(numpys), "the result is a copy of what NumPy returns a view of"
        if shared and isinstance(result, Tensor):
            roots = [views.root_of(x) for x in found.tensors]
            assert any(root is views.root_of(result) for root in roots), "the tape does not know what it is a view of"


def results_in(value: Any) -> list[Any]:
    """Return the arrays and tensors that a call returned, as they are."""
    if isinstance(value, list | tuple):
        return [result for part in value for result in results_in(part)]
    return [value] if isinstance(value, Tensor | np.ndarray | np.generic) else []


def numbers_in(value: Any) -> list[Any]:
    """Return the arrays and numbers of a result as arrays."""
    if isinstance(value, list | tuple):
        return [x for part in value for x in numbers_in(part)]
    return [np.asarray(plain(value))] if isinstance(value, Tensor | np.ndarray | np.generic) else []


def compare_values(call: Call, expected: Any, found: Any) -> None:
    if isinstance(expected, list | tuple):
        assert type(found) is type(expected), f"a {type(found).__name__}, not a {type(expected).__name__}"
        assert len(found) == len(expected)
        for theirs, ours in zip(expected, found, strict=True):
            compare_values(call, theirs, ours)
        return
    numbers = isinstance(expected, np.ndarray | np.generic)
    if not numbers or implementations.get(KEYS[call.name]) in constants:
        assert type(found) is type(expected), f"a {type(found).__name__}, not a {type(expected).__name__}"
    if not numbers:
        assert found == expected, f"{found!r}, not {expected!r}"
        return
    ours, theirs = np.asarray(plain(found)), np.asarray(expected)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    if call.name in ("np.empty", "np.empty_like"):
        return
    parts = [(ours.real, theirs.real), (ours.imag, theirs.imag)] if ours.dtype.kind == "c" else [(ours, theirs)]
    for own, numpys in parts:
        if call.name in ROUNDED and own.dtype.kind == "f":
            np.testing.assert_allclose(own, numpys, rtol=64 * np.finfo(own.dtype).eps, atol=1e-300)
        else:
            np.testing.assert_array_equal(own, numpys)
            if own.dtype.kind == "f" and not (call.name in POWERS and ours.dtype.kind == "c"):
                zero = numpys == 0
                np.testing.assert_array_equal(np.signbit(own[zero]), np.signbit(numpys[zero]))


def check_on_tape(call: Call, value: Any) -> None:
    """Check that a result of numbers with a gradient has one, too; of several, one at least."""
    if implementations.get(KEYS[call.name]) in constants:
        return
    if any(x.dtype.kind in "fc" for x in arrays_in([call.args, call.kwargs])):
        results = [y for y in (value if isinstance(value, list | tuple) else [value]) if isinstance(y, Tensor)]
        floating = [y for y in results if y.dtype.kind in "fc"]
        assert not floating or any(y.requires_grad for y in floating), "the result is not on the tape"


# -- the tests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(KEYS))
@settings(max_examples=max(4, int(0.16 * settings.default.max_examples)))
@given(data=st.data())
def test_values(name: str, data: st.DataObject) -> None:
    call = data.draw(calls_of(KEYS[name]))
    count = len(arrays_in([call.args, call.kwargs]))
    check(call, data.draw(st.sets(st.integers(0, count - 1), min_size=1)) if count else ())


@pytest.mark.parametrize("name", sorted(KEYS))
def test_not_all_that_is_drawn_is_refused(name: str) -> None:
    find(
        calls_of(KEYS[name]),
        lambda call: check(call, ()),
        settings=settings(max_examples=500, derandomize=True, database=None, phases=[Phase.generate]),
    )


def test_every_function_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    supported()
    rows = capsys.readouterr().out.splitlines()[1:]
    assert {row.split()[0] for row in rows} == set(KEYS)


# -- what the comparison finds ----------------------------------------------------------------------------------------


def silenced(right: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return right(*args, **kwargs)
    except ValueError:
        return Tensor(0.0)


def warning(y: Any) -> Any:
    warnings.warn("nothing is wrong", RuntimeWarning, stacklevel=2)
    return y


WRONG: list[tuple[str, Any, Callable[..., Any], str]] = [
    ("another last digit", np.average, lambda right, *args: right(*args) * (1 + 2**-10), "Arrays are not equal"),
    ("a zero of the other sign", np.diff, lambda right, *args: right(*args) + 0.0, "Arrays are not equal"),
    ("another dtype", np.trapezoid, lambda right, *args: right(*args).astype(np.float64), "dtype"),
    ("another shape", np.cov, lambda right, *args: np.atleast_1d(right(*args)), r"\(1,\)"),
    ("a list for a tuple", np.broadcast_arrays, lambda right, *args: list(right(*args)), "a list, not a tuple"),
    ("a part missing", np.unstack, lambda right, *args: right(*args)[1:], "assert"),
    ("shared memory", np.tile, lambda right, A, reps: right(A, reps) if reps != 1 else A, "shares its memory"),
    ("a warning", np.ravel, lambda right, *args: warning(right(*args)), "it warns"),
    ("an error that is silent", np.cross, silenced, "NumPy raises"),
    ("an internal error", np.append, lambda right, *args: args[0].no_such_thing, "internal error"),
    ("an error that says nothing", np.interp, lambda right, *args: right(), "unhelpful error"),
    ("a result off the tape", np.select, lambda right, *args: right(*args).detach(), "not on the tape"),
    ("a Tensor for a constant", np.argmax, lambda right, *args: Tensor(right(*args)), "a Tensor, not"),
]


@pytest.mark.parametrize(("function", "wrong", "message"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_is_wrong_is_found(
    function: Any, wrong: Callable[..., Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = implementations[function]
    replacement = functools.partial(wrong, right)
    monkeypatch.setitem(implementations, function, replacement)
    if right in constants:
        monkeypatch.setattr("tests.autograd_np.test_values.constants", {*constants, replacement})

    def is_found(call: Call) -> bool:
        try:
            check(call, ())
        except AssertionError as error:
            return re.search(message, str(error)) is not None
        return False

    calls = calls_of(function).filter(lambda call: not call.kwargs)
    find(
        calls, is_found, settings=settings(max_examples=1000, derandomize=True, database=None, phases=[Phase.generate])
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.tile(x, 1), lambda x: np.tile(x, (1, 1)), lambda x: np.repeat(x, 1), lambda x: np.repeat(x, 1, 0),
        lambda x: np.repeat(x[0], 2), lambda x: np.repeat(x[:1, :1], 2), lambda x: np.tile(x[:1, :1], 3), np.block,
        lambda x: np.resize(x, x.shape), lambda x: np.clip(x, None, None), lambda x: np.pad(x, 0),
        lambda x: np.concatenate([x]), lambda x: np.stack([x]), lambda x: np.roll(x, 0), lambda x: np.take(x, [0, 1]),
        lambda x: np.choose(np.zeros((2, 2), int), [x]), lambda x: np.insert(x, [], []), lambda x: np.delete(x, []),
        np.round, np.nan_to_num, np.fix, np.copy, lambda x: np.full_like(x, x),
        lambda x: np.average(x, axis=()), lambda x: np.sum(x, axis=()), lambda x: np.reshape(x, (2, 2), copy=True),
    ],
)  # fmt: skip
def test_results_that_are_numpys_copies(function: Any) -> None:
    """Writing into one changes neither the argument nor what was computed from it."""
    for x in (np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])[::-1]):
        assert not np.shares_memory(function(x), x)
        t = Tensor(x, requires_grad=True)
        assert not np.shares_memory(function(t).data, t.data)
