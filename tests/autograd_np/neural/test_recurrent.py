"""Passes of recurrent layers over time, held against the loop over cells and against numerical derivatives.

They belong to one kind: each of the four kinds of cells, in both directions, with sequences of one length or of
several, with and without a bias of its own, with states that are one tensor. In programs they are tested with `nn`'s
layers.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autograd_np import Tensor, gradients
from autograd_np.neural.recurrent import by_steps, over_time
from tests.autograd_np.checks import check_float32, check_gradients

Array = NDArray[Any]
GATES = {"tanh": 1, "relu": 1, "gru": 3, "lstm": 4}
BOUNDED = ["gru", "lstm", "tanh"]


@st.composite
def passes(draw: st.DrawFn) -> tuple[str, tuple[int, ...], bool, list[Array]]:
    """Draw a kind of cell, how many rows each step has, a direction, and z, the states, the weight and the bias."""
    kind = draw(st.sampled_from(sorted(GATES)))
    sizes = tuple(sorted(draw(st.lists(st.integers(1, 3), min_size=1, max_size=4)), reverse=True))
    return kind, sizes, draw(st.booleans()), given_for(kind, sizes, draw(st.booleans()), draw(st.integers(0, 2**16)))


def given_for(kind: str, sizes: tuple[int, ...], bias: bool = True, seed: int = 0) -> list[Array]:
    rng = np.random.default_rng(seed)
    hidden, rows = 2, GATES[kind] * 2
    shapes: list[tuple[int, ...]] = [(sum(sizes), rows), *[(sizes[0], hidden)] * (1 + (kind == "lstm")), (rows, hidden)]
    if kind == "gru" and bias:
        shapes.append((rows,))
    return [rng.normal(size=shape) for shape in shapes]


def called(f: Any, kind: Any, sizes: tuple[int, ...], backwards: bool) -> Any:
    """Return a function of z, the states, the weight, and the bias if there is one."""

    def g(z: Any, *rest: Any) -> Any:
        states = rest[: 1 + (kind == "lstm")]
        weight, bias = (*rest[len(states) :], None)[:2]
        return f(kind, z, states, weight, bias, sizes, backwards)

    return g


class TestOverTime:
    @given(passes())
    def test_it_is_a_loop_over_cells(self, case: tuple[str, tuple[int, ...], bool, list[Array]]) -> None:
        kind, sizes, backwards, given = case

        def found(f: Any) -> list[Tensor]:
            rng, leaves = np.random.default_rng(0), [Tensor(x, requires_grad=True) for x in given]
            y = called(f, kind, sizes, backwards)(*leaves)
            weights: list[Any] = [rng.normal(size=part.shape) for part in y]
            return [*y, *gradients(y, leaves, weights)]

        for a, b in zip(found(over_time), found(by_steps), strict=True):
            np.testing.assert_allclose(a.data, b.data, rtol=1e-11, atol=1e-13)

    @pytest.mark.parametrize("backwards", [False, True])
    @pytest.mark.parametrize("kind", ["tanh", "gru", "lstm"])
    def test_derivatives(self, kind: str, backwards: bool) -> None:
        f = called(over_time, kind, (3, 2, 2), backwards)
        for bias in (True, False)[: 1 + (kind == "gru")]:
            given = given_for(kind, (3, 2, 2), bias)
            check_gradients(f, *given)
            check_float32(f, *given)

    def test_derivatives_of_rectifiers(self) -> None:
        """Far from the kink: what the inputs add decides on which side a cell is."""
        z, h, weight = given_for("relu", (2, 1))
        z = np.where(z > 0, 8, -8) + z
        check_gradients(called(over_time, "relu", (2, 1), False), z, h, weight)
        check_float32(called(over_time, "relu", (2, 1), False), z, h, weight)

    def test_third_derivative(self) -> None:
        check_gradients(called(over_time, "lstm", (2, 1), False), *given_for("lstm", (2, 1)), order=3)

    def test_at_the_kink_the_derivative_is_0(self) -> None:
        z = Tensor(np.zeros((2, 1)), requires_grad=True)
        y, _ = over_time("relu", z, [np.zeros((1, 1))], np.ones((1, 1)), None, (1, 1), False)
        np.sum(y).backward()
        np.testing.assert_array_equal(z.grad, 0)

    def test_both_states_may_be_one_tensor(self) -> None:
        z, h, _, weight = given_for("lstm", (2, 2))

        def outputs(h: Any) -> Any:
            return over_time("lstm", z, [h, h], weight, None, (2, 2), False)[0]

        check_gradients(outputs, h)

    @pytest.mark.parametrize("kind", ["gru", "lstm"])
    def test_outputs_may_be_changed_in_place(self, kind: str) -> None:
        def found(change: float) -> tuple[Tensor, ...]:
            leaves = [Tensor(x, requires_grad=True) for x in given_for(kind, (2, 2))]
            y = called(over_time, kind, (2, 2), False)(*leaves)
            for part in y:
                part += change
            return gradients(y, leaves, [np.ones(part.shape) for part in y])

        for a, b in zip(found(0), found(1), strict=True):
            np.testing.assert_array_equal(a.data, b.data)

    @pytest.mark.parametrize("kind", ["relu", "tanh"])
    def test_outputs_that_the_rule_reads_may_not(self, kind: str) -> None:
        leaves = [Tensor(x, requires_grad=True) for x in given_for(kind, (2, 2))]
        y = called(over_time, kind, (2, 2), False)(*leaves)[0]
        y += 1
        with pytest.raises(RuntimeError, match="in place"):
            gradients(y.sum(), leaves)

    @pytest.mark.parametrize("kind", BOUNDED)
    def test_the_largest_float16_numbers(self, kind: str) -> None:
        """Their products overflow in float16, and sums of them are infinite or no numbers."""
        given = [np.full_like(x, 60000 * (-1) ** i, np.float16) for i, x in enumerate(given_for(kind, (2, 1)))]
        given[1] = np.full_like(given[1], 2)
        y = called(over_time, kind, (2, 1), False)(*given)
        assert {part.dtype for part in y} == {np.dtype(np.float16)}
        expected = called(by_steps, kind, (2, 1), False)(*(x.astype(float) for x in given))
        for a, b in zip(y, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3)

    @pytest.mark.parametrize("kind", BOUNDED)
    def test_infinite_inputs_give_no_warning(self, kind: str) -> None:
        for value in (np.inf, -np.inf, 1e300):
            given = given_for(kind, (2, 2))
            given[0][...] = value
            for part in called(over_time, kind, (2, 2), False)(*given):
                assert not np.isnan(part).any()

    @pytest.mark.parametrize("kind", sorted(GATES))
    def test_no_sequences(self, kind: str) -> None:
        leaves = [Tensor(x, requires_grad=True) for x in given_for(kind, (0, 0))]
        y = called(over_time, kind, (0, 0), True)(*leaves)
        found = gradients(y, leaves, [np.ones(part.shape) for part in y])
        assert [g.shape for g in found] == [x.shape for x in leaves]

    @pytest.mark.parametrize("kind", sorted(GATES))
    def test_views_of_any_layout_are_left_as_they_are(self, kind: str) -> None:
        given = given_for(kind, (2, 2, 1))
        plain = called(over_time, kind, (2, 2, 1), False)(*given)
        views = [np.asfortranarray(x)[::-1][::-1] for x in given]
        for x in views:
            x.flags.writeable = False
        for a, b in zip(called(over_time, kind, (2, 2, 1), False)(*views), plain, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-14)
