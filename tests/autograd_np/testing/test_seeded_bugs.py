"""Wrong rules that inputs chosen by hand do not meet: the strategies find each of them."""

from collections.abc import Callable
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from autograd_np import defvjp, primitive
from autograd_np.tensor import plain
from autograd_np.testing import arrays, axes, check_grads, gradient_property, indices, tensors

# Enough examples for each to be found in every profile, and always the same ones.
SETTINGS = hypothesis.settings(
    max_examples=300,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
)
# Where it does not matter what the failing example looks like in the end.
UNSHRUNK = hypothesis.settings(SETTINGS, phases=[hypothesis.Phase.generate])
FIXED = np.array([[0.5, -1.5, 2.0], [1.25, 0.75, -0.25]])
Rule = Callable[..., Any]


def total(rule: Rule) -> Any:
    """Return a sum over an axis that has its own rule."""

    @primitive
    def function(x: Any, axis: Any = None) -> Any:
        return np.sum(x, axis=axis)

    defvjp(function, rule)
    return function


def doubled(rule: Rule) -> Any:
    @primitive
    def function(x: Any) -> Any:
        return 2 * x

    defvjp(function, rule)
    return function


def caught(test: Any) -> list[str]:
    """Return the notes of a property's failure, which must come."""
    with pytest.raises(AssertionError, match="is wrong") as failure:
        test()
    return failure.value.__notes__


def test_rule_wrong_only_for_axes_of_length_1() -> None:
    def rule(g: Any, _y: Any, x: Any, axis: Any = None) -> Any:
        g = g if axis is None else np.expand_dims(g, axis)
        shape = tuple(n if n != 1 else 2 for n in x.shape)  # takes a length of 1 for one that was broadcast
        return np.broadcast_to(g, shape)[tuple(slice(n) for n in x.shape)] * (np.prod(shape) // max(x.size, 1))

    wrong = total(rule)
    check_grads(lambda x: wrong(x, axis=1), (FIXED,))

    @gradient_property(arrays().flatmap(lambda x: st.tuples(st.just(x), axes(x.ndim))), settings=UNSHRUNK)
    def test_total(case: Any) -> Any:
        x, axis = case
        return wrong(x, axis=axis)

    caught(test_total)


def test_rule_wrong_only_in_fortran_order() -> None:
    def rule(g: Any, _y: Any, x: Any) -> Any:
        if plain(x).flags.f_contiguous and not plain(x).flags.c_contiguous:
            return 2 * np.reshape(np.ravel(g)[::-1], x.shape)
        return 2 * g

    wrong = doubled(rule)
    check_grads(wrong, (FIXED,))

    @gradient_property(arrays(), settings=SETTINGS)
    def test_double(x: Any) -> Any:
        return wrong(x)

    notes = caught(test_double)
    assert any(".T," in note or ".transpose" in note for note in notes)  # the order survives in the code

    @hypothesis.given(tensors())
    @SETTINGS
    def test_tensors(t: Any) -> None:
        wrong(t).backward(weights := np.arange(t.size, dtype=t.dtype).reshape(t.shape))
        assert np.array_equal(t.grad, 2 * weights)

    with pytest.raises(AssertionError):
        test_tensors()


def test_rule_wrong_only_when_an_index_repeats() -> None:
    @primitive
    def take(x: Any, index: Any = None) -> Any:
        return x[index]

    @primitive
    def put(g: Any, index: Any = None, shape: Any = None) -> Any:
        total = np.zeros(shape, g.dtype)
        total[index] = g  # the last one wins, where it should be the sum
        return total

    defvjp(take, lambda g, _y, x, index=None: put(g, index=index, shape=x.shape))
    defvjp(put, lambda h, _y, _g, index=None, shape=None: take(h, index=index))
    check_grads(lambda x: take(x, index=np.array([1, 0])), (FIXED,))

    @gradient_property(arrays().flatmap(lambda x: st.tuples(st.just(x), indices(x.shape))), settings=UNSHRUNK)
    def test_take(case: Any) -> Any:
        x, index = case
        return take(x, index=index)

    caught(test_take)


def test_rule_wrong_only_in_float32() -> None:
    wrong = doubled(lambda g, _y, x: 2 * g * (1.001 if x.dtype == np.float32 else 1.0))
    check_grads(wrong, (FIXED,))

    @gradient_property(arrays(), settings=SETTINGS)
    def test_double(x: Any) -> Any:
        return wrong(x)

    assert any("dtype=np.float32" in note for note in caught(test_double))


def test_rule_wrong_only_with_ties() -> None:
    @primitive
    def largest(x: Any) -> Any:
        return np.max(x, initial=-10.0)

    defvjp(largest, lambda g, y, x: g * (x == y))  # each takes the whole
    check_grads(largest, (FIXED,))

    @gradient_property(arrays(), settings=UNSHRUNK)
    def test_largest(x: Any) -> Any:
        return largest(x)

    caught(test_largest)
