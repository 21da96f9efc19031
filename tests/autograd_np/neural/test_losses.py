"""Losses, held against SciPy, against plain formulas, and against numerical derivatives."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autograd_np import Tensor, grad, gradients
from autograd_np.neural import binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, l1_loss, mse_loss
from tests.autograd_np.checks import check_gradients
from tests.autograd_np.neural.checks import check, check_message
from tests.autograd_np.strategies import BETWEEN, GRID, arrays, shapes

Array = NDArray[Any]
Reduction = Literal["mean", "sum", "none"]
REDUCTIONS: tuple[Reduction, ...] = get_args(Reduction)
PROBABILITIES = [k / 16 for k in range(1, 16)]


def reduced(losses: Array, reduction: Reduction) -> Any:
    return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](losses)


@st.composite
def classified(draw: st.DrawFn, soft: bool) -> tuple[Array, Array]:
    """Draw logits and their targets: labels, or where `soft` numbers of the logits' shape."""
    shape = draw(st.sampled_from([(2,), (1, 3), (3, 2), (2, 3, 2), (1, 2, 2, 1)]))
    logits = draw(arrays(shape))
    if soft:
        return logits, draw(arrays(shape, PROBABILITIES))
    axis = min(1, len(shape) - 1)
    labels = draw(arrays(shape[:axis] + shape[axis + 1 :], range(shape[axis])))
    return logits, labels.astype(draw(st.sampled_from([np.int64, np.uint8])))


class TestCrossEntropy:
    @given(classified(soft=False), st.sampled_from(REDUCTIONS))
    def test_labels(self, problem: tuple[Array, Array], reduction: Reduction) -> None:
        logits, labels = problem
        check(lambda x: cross_entropy(x, labels, reduction=reduction), logits)
        axis = min(1, logits.ndim - 1)
        logs = np.moveaxis(scipy.special.log_softmax(logits, axis=axis), axis, -1)
        losses = np.array(
            [-row[label] for row, label in zip(logs.reshape(-1, logs.shape[-1]), labels.flat, strict=True)]
        )
        expected = reduced(losses.reshape(labels.shape), reduction)
        np.testing.assert_allclose(cross_entropy(logits, labels, reduction=reduction), expected, rtol=1e-13, atol=1e-13)

    @given(classified(soft=True), st.sampled_from(REDUCTIONS))
    def test_probabilities(self, problem: tuple[Array, Array], reduction: Reduction) -> None:
        logits, targets = problem
        check(lambda x, t: cross_entropy(x, t, reduction=reduction), logits, targets)
        axis = min(1, logits.ndim - 1)
        losses = -(targets * scipy.special.log_softmax(logits, axis=axis)).sum(axis=axis)
        expected = reduced(losses, reduction)
        np.testing.assert_allclose(
            cross_entropy(logits, targets, reduction=reduction), expected, rtol=1e-13, atol=1e-13
        )

    @pytest.mark.parametrize("dtype", [">i2", ">i4", "<i4", ">i8", "<i8", ">u2", "<u8", "i1", "u1"])
    def test_labels_in_any_order_of_bytes(self, dtype: str) -> None:
        logits, labels = np.arange(12.0).reshape(4, 3) ** 2 / 9, np.array([2, 0, 1, 2])
        found, expected = (grad(lambda x: cross_entropy(x, t))(logits) for t in (labels.astype(dtype), labels))  # noqa: B023
        np.testing.assert_array_equal(found, expected)
        for wrong in (3, 100, -1):
            if wrong > 0 or np.dtype(dtype).kind == "i":
                with pytest.raises(ValueError, match=rf"the label {wrong} at \(1,\) names none of the 3 classes"):
                    cross_entropy(logits, np.array([2, wrong, 1, 2]).astype(dtype))

    @given(classified(soft=False), st.sampled_from(REDUCTIONS))
    def test_labels_are_one_hot_probabilities(self, problem: tuple[Array, Array], reduction: Reduction) -> None:
        logits, labels = problem
        axis = min(1, logits.ndim - 1)
        one_hot = np.moveaxis(np.eye(logits.shape[axis], dtype=int)[labels], -1, axis)
        both = [Tensor(logits, requires_grad=True) for _ in range(2)]
        for x, targets in zip(both, (labels, one_hot), strict=True):
            cross_entropy(x, targets, reduction=reduction).sum().backward()
        np.testing.assert_allclose(both[0].grad, both[1].grad, rtol=1e-13, atol=1e-13)

    def test_third_derivative(self) -> None:
        rng = np.random.default_rng(0)
        check_gradients(lambda x: cross_entropy(x, [2, 0]), rng.normal(size=(2, 3)), order=3)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_large_logits(self, dtype: type[np.floating[Any]]) -> None:
        x = Tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]], requires_grad=True, dtype=dtype)
        losses = cross_entropy(x, [0, 0], reduction="none")
        np.testing.assert_array_equal(losses.data, [0, 2e4])
        losses.sum().backward()
        np.testing.assert_array_equal(x.grad, [[0, 0, 0], [-1, 1, 0]])

    def test_a_small_loss_beside_large_logits(self) -> None:
        loss = cross_entropy(np.float32([[1e4, 1e4 - 10]]), [0])
        np.testing.assert_allclose(loss, np.log1p(np.exp(-10)), rtol=1e-3)

    def test_targets_do_not_change_the_dtype(self) -> None:
        x = Tensor(np.zeros((2, 3)), requires_grad=True, dtype=np.float32)
        one_hot = np.eye(3, dtype=int)[:2]
        for targets in (np.ones((2, 3)), one_hot, Tensor(np.ones((2, 3))), one_hot == 1):
            assert cross_entropy(x, targets).dtype == np.float32

    def test_targets_are_read_when_called(self) -> None:
        labels, x = np.array([0, 1]), Tensor(np.zeros((2, 2)), requires_grad=True)
        np.testing.assert_array_equal(
            gradients(cross_entropy(x, Tensor(labels), reduction="sum"), x)[0].data, [[-0.5, 0.5], [0.5, -0.5]]
        )

    @pytest.mark.parametrize(
        ("logits", "targets", "settings", "error", "words"),
        [
            ((2, 3), [0, 3], {}, ValueError, ["label 3", "(1,)", "3 classes", "0 to 2"]),
            ((2, 1), [[1], [0]], {}, ValueError, ["int64", "(2, 1)", "one-hot", "labels of shape (2,)", "with_logits"]),
            ((2, 1), [[True], [False]], {}, ValueError, ["bool", "(2, 1)", "one-hot"]),
            ((2, 3), [[1, 1, 0], [1, 0, 0]], {}, ValueError, ["(2, 3)", "one-hot", "labels of shape (2,)"]),
            ((2, 3), [[2, -1, 0], [1, 0, 0]], {}, ValueError, ["one-hot"]),
            ((1, 2, 2), [[[1, 0], [0, 0]]], {}, ValueError, ["one-hot", "labels of shape (1, 2)"]),
            ((2, 3), [-1, 0], {}, ValueError, ["label -1", "(0,)", "0 to 2"]),
            ((2, 3, 2), [[0, 0], [0, 5]], {}, ValueError, ["label 5", "(1, 1)"]),
            ((3,), 7, {}, ValueError, ["label 7", "()"]),
            ((2, 3), [0.0, 1.0], {}, TypeError, ["float64", "astype(int)"]),
            ((2, 3), [True, False], {}, TypeError, ["bool", "astype(int)"]),
            ((2, 3), [0, 1, 2], {}, ValueError, ["(2, 3)", "(3,)", "(N, C, ...)"]),
            ((2, 3), [[0], [1]], {}, ValueError, ["(2, 3)", "(2, 1)"]),
            ((), 0, {}, ValueError, ["shape ()", "(N, C, ...)"]),
            ((2, 0), [0, 0], {}, ValueError, ["(2, 0)", "at least one class"]),
            ((0, 3), np.zeros(0, int), {}, ValueError, ["mean", "(0,)"]),
            ((2, 3), [0, 1], {"reduction": "average"}, ValueError, ["'average'", "mean", "sum", "none"]),
        ],
    )
    def test_wrong_arguments(
        self, logits: tuple[int, ...], targets: Any, settings: dict[str, Any], error: type[Exception], words: list[str]
    ) -> None:
        for x in (np.ones(logits), Tensor(np.ones(logits), requires_grad=True)):
            check_message(error, ["cross_entropy", *words], lambda x=x: cross_entropy(x, targets, **settings))

    def test_an_empty_batch_has_a_sum(self) -> None:
        assert cross_entropy(np.ones((0, 3)), np.zeros(0, int), reduction="sum") == 0


LOSSES: dict[str, tuple[Callable[..., Any], Callable[[Array, Array], Array], list[float], list[float]]] = {
    "mse": (mse_loss, lambda y, t: (y - t) ** 2, GRID, GRID),
    "l1": (l1_loss, lambda y, t: np.abs(y - t), GRID, BETWEEN),
    "bce": (
        binary_cross_entropy,
        lambda p, t: -(t * np.log(p) + (1 - t) * np.log(1 - p)),
        PROBABILITIES,
        PROBABILITIES,
    ),
    "logits": (
        binary_cross_entropy_with_logits,
        lambda x, t: -(t * np.log(scipy.special.expit(x)) + (1 - t) * np.log(scipy.special.expit(-x))),
        BETWEEN,
        PROBABILITIES,
    ),
}


class TestElementwiseLosses:
    @pytest.mark.parametrize("name", LOSSES)
    @given(st.data(), st.sampled_from(REDUCTIONS))
    def test_values_and_derivatives(self, name: str, data: st.DataObject, reduction: Reduction) -> None:
        loss, formula, inputs, goals = LOSSES[name]
        x = data.draw(arrays(shapes(min_side=1), inputs))
        t = data.draw(arrays(x.shape, goals))
        check(lambda x, t: loss(x, t, reduction=reduction), x, t)
        found, expected = loss(x, t, reduction=reduction), reduced(formula(x, t), reduction)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("name", LOSSES)
    def test_targets_do_not_change_the_dtype(self, name: str) -> None:
        loss = LOSSES[name][0]
        x = Tensor([0.5, 0.5], requires_grad=True, dtype=np.float32)
        for targets in (np.ones(2), [1, 0], [True, False], Tensor([1, 0])):
            assert loss(x, targets).dtype == np.float32
        assert loss([1, 0], [0.5, 0.5], reduction="none").dtype == np.float64

    @pytest.mark.parametrize("name", LOSSES)
    def test_wrong_arguments(self, name: str) -> None:
        loss = LOSSES[name][0]
        x = Tensor(np.ones((3, 1)), requires_grad=True)
        check_message(ValueError, [loss.__name__, "(3, 1)", "(3,)", "reshape"], lambda: loss(x, np.ones(3)))
        check_message(ValueError, [loss.__name__, "'max'", "none"], lambda: loss([0.5], [0.5], reduction="max"))
        check_message(ValueError, [loss.__name__, "mean", "(0,)"], lambda: loss([], []))
        check_message(TypeError, [loss.__name__, "complex128"], lambda: loss([0.5], [1j]))
        if name in ("bce", "logits"):
            check_message(
                ValueError, [loss.__name__, "target -1.0", "(1,)", "0 to 1"], lambda: loss([0.5, 0.5], [1, -1])
            )
        if name == "bce":
            check_message(ValueError, [loss.__name__, "probability 1.5", "(0,)"], lambda: loss([1.5], [1]))

    def test_l1_where_nothing_is_wrong(self) -> None:
        x = Tensor([1.0, 2.0], requires_grad=True)
        l1_loss(x, [1.0, 0.0], reduction="sum").backward()
        np.testing.assert_array_equal(x.grad, [0, 1])

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_large_logits(self, dtype: type[np.floating[Any]]) -> None:
        x = Tensor([1e4, 1e4, -1e4, -1e4, 50.0], requires_grad=True, dtype=dtype)
        losses = binary_cross_entropy_with_logits(x, [1, 0, 1, 0, 1], reduction="none")
        np.testing.assert_allclose(losses.data, [0, 1e4, 1e4, 0, np.exp(-50)], rtol=1e-6)
        losses.sum().backward()
        np.testing.assert_allclose(x.grad, [0, 1, -1, 0, 0], atol=1e-15)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_certain_probabilities(self, dtype: type[np.floating[Any]]) -> None:
        p = Tensor([0.0, 0.0, 1.0, 1.0, 1e-20], requires_grad=True, dtype=dtype)
        t = Tensor([0.0, 1.0, 0.0, 1.0, 1.0], requires_grad=True, dtype=dtype)
        losses = binary_cross_entropy(p, t, reduction="none")
        np.testing.assert_allclose(losses.data, [0, 100, 100, 0, -np.log(1e-20)], rtol=1e-6)
        losses.sum().backward()
        np.testing.assert_allclose(p.grad, [0, -1e12, 1e12, 0, -1e12], rtol=1e-6)
        np.testing.assert_allclose(t.grad, [100, 100, -100, -100, -np.log(1e-20)], rtol=1e-6)
