"""Stand-ins answer as arrays do, and write down what they are asked for."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd_np.capture import Log, Number, StandIn, kernel, random, values_in
from autograd_np.refusals import Uncapturable

X = np.arange(6.0).reshape(2, 3)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def x(log: Log) -> Any:
    return log.stand_in(X.copy(), "x")


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: x + 1, "np.add"),
        (lambda x: 2 / (x + 1), "np.divide"),
        (lambda x: x @ x.T, "np.matmul"),
        (lambda x: x**2, "np.square"),
        (lambda x: x**3, "np.power"),
        (lambda x: x > 2, "np.greater"),
        (lambda x: abs(-x), "np.absolute"),
        (lambda x: np.exp(x), "np.exp"),
        (lambda x: np.add.reduce(x), "np.add.reduce"),
        (lambda x: np.sum(x, axis=0), "np.sum"),
        (lambda x: x.sum(axis=1, keepdims=True), "sum"),
        (lambda x: x.reshape(3, 2), "reshape"),
        (lambda x: x.T, "T"),
        (lambda x: x[1:, None], "getitem"),
        (lambda x: np.linalg.svd(x)[1], "np.linalg.svd"),
        (lambda x: np.where(x > 1, x, 0), "np.where"),
        (lambda x: [*x][1], "getitem"),
    ],
)
def test_answers_and_notes(log: Log, x: Any, function: Callable[[Any], Any], name: str) -> None:
    found = function(x)
    assert type(found) is StandIn
    np.testing.assert_array_equal(found.content, function(X))
    assert log.calls[-1].name == name


def test_it_is_what_it_stands_for(x: Any) -> None:
    assert isinstance(x, np.ndarray)
    assert x.__class__ is np.ndarray
    assert (x.shape, x.ndim, x.size, x.dtype, len(x)) == ((2, 3), 2, 6, np.dtype(float), 2)
    assert isinstance(x.sum(), np.float64)
    assert x.T.base is x
    assert (np.shape(x), np.ndim(x), np.result_type(x, 1)) == ((2, 3), 2, np.dtype(float))


def test_writes(log: Log, x: Any) -> None:
    x += 1
    x[0] = x[1] * 2
    np.copyto(x[:, 0], 7)
    np.add.at(x, [0, 0], 1)
    expected = X + 1
    expected[0] = expected[1] * 2
    expected[:, 0] = 7
    np.add.at(expected, [0, 0], 1)
    np.testing.assert_array_equal(x.content, expected)
    assert [call.name for call in log.calls if call.written is not None] == [
        "np.add", "setitem", "np.copyto", "np.add.at",
    ]  # fmt: skip


def test_a_number_of_numpys_is_not_changed_in_place(x: Any) -> None:
    total = before = x.sum()
    total += 1
    assert (before.content, total.content) == (15.0, 16.0)


def test_what_is_given_back_as_it_came(x: Any) -> None:
    assert np.atleast_1d(x) is x
    assert x.astype(float, copy=False) is x


def test_single_objects_of_numpy_are_told_apart(x: Any) -> None:
    """np.True_ is one object, whatever made it."""
    first, second = (x >= 0).all(), (x < 9).all()
    assert first is not second


def test_numbers(log: Log, x: Any) -> None:
    rate = Number(0.5, log, "rate")
    decayed = 2 * rate**2 - 1 / (rate + 1)
    assert decayed.content == 2 * 0.5**2 - 1 / 1.5
    np.testing.assert_array_equal((x * decayed).content, X * decayed.content)
    np.testing.assert_array_equal((rate * x).content, X * 0.5)
    with pytest.raises(Uncapturable, match="rate decides what is computed"):
        bool(rate)
    for use in (float, int, lambda n: n < 1, math_sqrt):
        with pytest.raises(Uncapturable, match="rate may change from run to run"):
            use(rate)


def math_sqrt(value: Any) -> float:
    import math

    return math.sqrt(value)


def test_kernels_and_draws(log: Log, x: Any) -> None:
    @kernel
    def doubled(a: Any) -> Any:
        return (a + 0) * 2

    np.testing.assert_array_equal(doubled(x).content, X * 2)
    assert [call.name.rpartition(".")[2] for call in log.calls] == ["doubled"]
    drawn = random(np.random.default_rng(3), (2,), x)
    np.testing.assert_array_equal(drawn.content, np.random.default_rng(3).random(2, dtype=np.float32))
    assert type(random(np.random.default_rng(3), (2,), X)) is np.ndarray


def test_a_log_that_is_closed(log: Log, x: Any) -> None:
    log.close()
    with pytest.raises(Uncapturable, match="was kept from a run"):
        operator.add(x, 1)


def test_values_in(log: Log, x: Any) -> None:
    rate = Number(1.0, log)
    assert list(values_in(({"a": [x, 3]}, (rate,), slice(1)))) == [x, rate]
