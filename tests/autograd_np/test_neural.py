"""Activations, losses and layers, held against SciPy, against plain formulas, and against numerical derivatives."""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autograd_np import Tensor, grad, gradients
from autograd_np.neural import (
    batch_norm,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    conv2d,
    cross_entropy,
    dropout,
    flatten,
    l1_loss,
    linear,
    log_softmax,
    logsumexp,
    max_pool2d,
    mse_loss,
    relu,
    sigmoid,
    softmax,
)
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.strategies import BETWEEN, GRID, POSITIVE, arrays, axes, shapes

Array = NDArray[Any]
Reduction = Literal["mean", "sum", "none"]
REDUCTIONS: tuple[Reduction, ...] = get_args(Reduction)
PROBABILITIES = [k / 16 for k in range(1, 16)]


def check(f: Callable[..., Any], *given: Array) -> None:
    check_gradients(f, *given)
    check_float32(f, *given)


def check_message(error: type[Exception], words: list[str], call: Callable[[], Any]) -> None:
    with pytest.raises(error) as caught:
        call()
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)


def reduced(losses: Array, reduction: Reduction) -> Any:
    return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](losses)


class TestActivations:
    @given(arrays(values=BETWEEN))
    def test_relu(self, x: Array) -> None:
        check(relu, x)
        np.testing.assert_array_equal(relu(x), np.where(x > 0, x, 0))

    def test_relu_at_zero_and_nan(self) -> None:
        x = Tensor([-0.0, 0.0, np.nan], requires_grad=True)
        y = relu(x)
        np.testing.assert_array_equal(y.data, [0, 0, np.nan])
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, [0, 0, 0])

    @given(arrays())
    def test_sigmoid(self, x: Array) -> None:
        check(sigmoid, x)
        np.testing.assert_allclose(sigmoid(x), 1 / (1 + np.exp(-x)))

    def test_sigmoid_of_large_numbers(self) -> None:
        np.testing.assert_array_equal(sigmoid([-1e4, 1e4]), [0, 1])

    @pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
    @given(st.data())
    def test_softmax_family(self, name: str, data: st.DataObject) -> None:
        f, theirs = {"softmax": softmax, "log_softmax": log_softmax, "logsumexp": logsumexp}[name], scipy.special
        x = data.draw(arrays(shapes(min_side=1)))
        settings = {"axis": data.draw(axes(x.ndim))}
        if name == "logsumexp":
            settings["keepdims"] = data.draw(st.booleans())
        check(partial(f, **settings), x)
        np.testing.assert_allclose(f(x, **settings), getattr(theirs, name)(x, **settings), rtol=1e-14, atol=1e-14)

    @pytest.mark.parametrize("f", [softmax, log_softmax, logsumexp])
    def test_third_derivative(self, f: Callable[..., Any]) -> None:
        check_gradients(partial(f, axis=1), np.random.default_rng(0).normal(size=(2, 3)), order=3)

    @pytest.mark.parametrize("scale", [1e4, 1e300])
    def test_softmax_of_large_numbers(self, scale: float) -> None:
        x = scale * np.array([[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0], [1.0, 0.0, -1.0]])
        np.testing.assert_array_equal(softmax(x), [[1 / 3] * 3, [1 / 3] * 3, [1, 0, 0]])
        np.testing.assert_allclose(log_softmax(x), [[-np.log(3)] * 3, [-np.log(3)] * 3, [0, -scale, -2 * scale]])
        np.testing.assert_allclose(logsumexp(x, axis=1), [scale + np.log(3), -scale + np.log(3), scale], rtol=1e-15)

    def test_a_row_of_infinities_leaves_large_numbers_beside_it_alone(self) -> None:
        x = np.array([[1e4, 1e4], [-np.inf, -np.inf]])
        np.testing.assert_allclose(logsumexp(x, axis=1), [1e4 + np.log(2), -np.inf])

    def test_logsumexp_of_infinities(self) -> None:
        x = Tensor([[-np.inf, -np.inf], [-np.inf, 2.0]], requires_grad=True)
        y = logsumexp(x, axis=1)
        np.testing.assert_array_equal(y.data, [-np.inf, 2])
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, [[0, 0], [0, 1]])
        assert logsumexp([np.inf, 2.0]) == np.inf
        assert logsumexp(np.zeros((2, 0)), axis=1).tolist() == [-np.inf, -np.inf]
        np.testing.assert_array_equal(softmax([-np.inf, 0.0, 0.0]), [0, 0.5, 0.5])
        np.testing.assert_array_equal(log_softmax([-np.inf, 0.0]), [-np.inf, 0])

    def test_integers_and_other_numbers(self) -> None:
        np.testing.assert_allclose(softmax([1, 1]), [0.5, 0.5])
        assert relu(Tensor([-1, 2])).tolist() == [0, 2]
        for f in (softmax, log_softmax, logsumexp):
            check_message(TypeError, [f.__name__, "complex128", "real"], lambda f=f: f([1j]))
            with pytest.raises(ValueError, match="axis 3"):
                f(np.ones((2, 2)), axis=3)


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


@st.composite
def layers(draw: st.DrawFn) -> list[Array]:
    """Draw rows of features, weights, and sometimes a bias."""
    inputs, outputs = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    given = [draw(arrays((*draw(shapes(max_dims=2)), inputs))), draw(arrays((outputs, inputs)))]
    return [*given, draw(arrays((outputs,)))] if draw(st.booleans()) else given


class TestLinear:
    @given(layers())
    def test_values_and_derivatives(self, given: list[Array]) -> None:
        check(linear, *given)
        x, w, *b = given
        np.testing.assert_allclose(linear(*given), x @ w.T + (b[0] if b else 0), rtol=1e-14, atol=1e-14)

    def test_third_derivative(self) -> None:
        rng = np.random.default_rng(0)
        x, w, b = rng.normal(size=(3, 2)), rng.normal(size=(4, 2)), rng.normal(size=4)
        check_gradients(lambda x, w, b: linear(x, w, b) ** 2, x, w, b, order=3)

    def test_dtypes_promote_as_in_numpy(self) -> None:
        x, w = np.ones((1, 2), np.float32), np.ones((3, 2), np.float32)
        assert linear(x, w, np.ones(3)).dtype == np.float64
        assert linear(x.astype(int), w.astype(float), np.ones(3, np.float32)).dtype == np.float64
        assert linear([[1, 2]], [[3, 4]], [5]).tolist() == [[16]]

    @pytest.mark.parametrize(
        "given", [[(2, 3), (4, 2)], [(), (4, 2)], [(2, 3), (3,)], [(2, 3), (4, 3), (3,)], [(2, 3), (4, 3), (1, 4)]]
    )
    def test_wrong_shapes(self, given: list[tuple[int, ...]]) -> None:
        for kind in (np.asarray, partial(Tensor, requires_grad=True)):
            arguments = [kind(np.ones(shape)) for shape in given]
            check_message(ValueError, ["linear", "(..., I)", *map(str, given)], lambda given=arguments: linear(*given))


class TestFlatten:
    @given(arrays(shapes(min_dims=1, max_dims=4)), st.data())
    def test_lays_axes_into_one(self, x: Array, data: st.DataObject) -> None:
        order = data.draw(st.permutations(range(x.ndim)))
        x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
        start = data.draw(st.integers(-x.ndim, x.ndim - 1))
        check(partial(flatten, start_dim=start), x)
        first = start % x.ndim
        size = int(np.prod(x.shape[first:]))
        np.testing.assert_array_equal(flatten(x, start), x.reshape((*x.shape[:first], size)))

    @pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
    def test_any_order_in_memory(self, order: tuple[int, ...]) -> None:
        x = np.arange(120.0).reshape(2, 3, 4, 5)
        lying = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
        np.testing.assert_array_equal(flatten(lying), x.reshape(2, 60))

    def test_batch_stays_last_in_memory(self) -> None:
        x = np.zeros((4, 5, 3, 2)).transpose(3, 1, 0, 2)
        assert flatten(x).strides[0] == x.strides[0] == x.itemsize

    @pytest.mark.parametrize(("shape", "start"), [((), 0), ((3,), 1), ((3, 2), -3)])
    def test_no_such_axis(self, shape: tuple[int, ...], start: int) -> None:
        check_message(ValueError, ["flatten", str(shape), f"axis {start}"], lambda: flatten(np.zeros(shape), start))


class TestDropout:
    @given(arrays(values=BETWEEN), st.sampled_from([0.125, 0.5, 0.9]), st.integers(0, 9))
    def test_drops_and_scales(self, x: Array, p: float, seed: int) -> None:
        f = partial(dropout, p=p)
        check_gradients(lambda x: f(x, rng=np.random.default_rng(seed)), x)
        check_float32(lambda x: f(x, rng=np.random.default_rng(seed)), x)
        y = dropout(x, p, rng=np.random.default_rng(seed))
        np.testing.assert_allclose(y, np.where(y == 0, 0, x / (1 - p)), rtol=1e-15)

    @pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
    def test_share_and_mean(self, p: float) -> None:
        y = dropout(np.ones(100_000, np.float32), p, rng=np.random.default_rng(0))
        assert abs(np.mean(y == 0) - p) < 0.01
        assert abs(np.mean(y) - 1) < 0.02

    def test_one_drops_all_and_zero_none(self) -> None:
        x = Tensor([1.0, 2.0], requires_grad=True)
        assert dropout(x, 1, rng=np.random.default_rng(0)).tolist() == [0, 0]
        assert dropout(x, 0) is x

    def test_outside_training_nothing_happens(self) -> None:
        x, rng = Tensor([1.0, 2.0]), np.random.default_rng(0)
        before = rng.bit_generator.state
        assert dropout(x, 0.5, training=False, rng=rng) is x
        assert rng.bit_generator.state == before

    def test_a_new_choice_each_time(self) -> None:
        rng = np.random.default_rng(0)
        first, second = (dropout(np.ones(64), rng=rng) for _ in range(2))
        assert not np.array_equal(first, second)

    @pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
    def test_wrong_probability(self, p: float) -> None:
        check_message(ValueError, ["dropout", f"p={p}", "0 to 1"], lambda: dropout([1.0], p, training=False))

    @pytest.mark.parametrize("rng", [None, 0, np.random.RandomState(0)])
    def test_needs_a_generator(self, rng: Any) -> None:
        check_message(TypeError, ["dropout", "rng=", "default_rng"], lambda: dropout([1.0], rng=rng))


@st.composite
def batches(draw: st.DrawFn) -> list[Array]:
    """Draw a batch of at least two values a channel, with weight and bias."""
    shape = draw(st.sampled_from([(2, 1), (3, 2), (2, 2, 2), (1, 2, 3), (2, 1, 2, 2)]))
    return [draw(arrays(shape)), *(draw(arrays((shape[1],), POSITIVE)) for _ in range(2))]


def normalised(x: Any, weight: Any, bias: Any) -> Any:
    """Normalise a batch by its own statistics."""
    return batch_norm(x, None, None, weight, bias, eps=0.5)


class TestBatchNorm:
    @given(batches())
    def test_training(self, given: list[Array]) -> None:
        x, weight, bias = given
        check_gradients(normalised, *given)
        leaves = [Tensor(a, requires_grad=True, dtype=np.float32) for a in given]
        for create_graph in (True, False):
            outputs = normalised(*leaves)
            found = gradients(outputs, leaves, [np.ones(y.shape) for y in outputs], create_graph=create_graph)
            assert {a.dtype for a in (*outputs, *found)} == {np.dtype(np.float32)}
        axes = (0, *range(2, x.ndim))
        channels = (-1, *(1,) * (x.ndim - 2))
        mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
        y = (x - mean) / np.sqrt(var + 0.5) * weight.reshape(channels) + bias.reshape(channels)
        for found, expected in zip(normalised(*given), (y, mean.ravel(), var.ravel()), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)

    @given(batches(), st.data())
    def test_evaluation(self, given: list[Array], data: st.DataObject) -> None:
        x, weight, bias = given
        mean, var = (data.draw(arrays(weight.shape, values)) for values in (GRID, POSITIVE))
        check(lambda *given: batch_norm(*given)[0], x, mean, var, weight, bias)
        channels = (-1, *(1,) * (x.ndim - 2))
        wide = [v.reshape(channels) for v in (weight, bias, mean, var)]
        expected = (x - wide[2]) / np.sqrt(wide[3] + 1e-5) * wide[0] + wide[1]
        y, used_mean, used_var = batch_norm(x, mean, var, weight, bias)
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
        assert used_mean is mean
        assert used_var is var

    def test_third_derivative(self) -> None:
        rng = np.random.default_rng(0)
        given = rng.normal(size=(3, 2, 2)), rng.normal(size=2), rng.normal(size=2)
        check_gradients(lambda *given: normalised(*given)[0], *given, order=3)

    def test_without_weight_and_bias(self) -> None:
        x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
        y, mean, var = batch_norm(x)
        assert y.dtype == mean.dtype == var.dtype == np.float32
        np.testing.assert_allclose(np.mean(y, axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(np.var(y, axis=0), 1, atol=1e-4)

    def test_evaluation_stays_float32(self) -> None:
        leaf = Tensor(np.ones((4, 2)), requires_grad=True, dtype=np.float32)
        y, _, _ = batch_norm(leaf, np.zeros(2, np.float32), np.ones(2, np.float32))
        assert y.dtype == np.float32

    @pytest.mark.parametrize(
        ("shape", "settings", "error", "words"),
        [
            ((3,), {}, ValueError, ["(3,)", "(N, C)"]),
            ((1, 3), {}, ValueError, ["(1, 3)", "two values", "mean and var"]),
            ((2, 3), {"weight": np.ones(2)}, ValueError, ["weight of shape (2,)", "(2, 3)", "(3,)"]),
            ((2, 3), {"bias": np.ones((1, 3))}, ValueError, ["bias of shape (1, 3)", "(3,)"]),
            ((2, 3), {"mean": np.ones(3), "var": 1.0}, ValueError, ["var of shape ()", "(3,)"]),
            ((2, 3), {"mean": np.ones(3)}, TypeError, ["both mean and var"]),
            ((2, 3), {"eps": -1.0}, ValueError, ["eps=-1.0"]),
        ],
    )
    def test_wrong_arguments(
        self, shape: tuple[int, ...], settings: dict[str, Any], error: type[Exception], words: list[str]
    ) -> None:
        check_message(error, ["batch_norm", *words], lambda: batch_norm(np.ones(shape), **settings))


BYTES: dict[str, Callable[[Any], Any]] = {
    "relu": relu,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "logsumexp": logsumexp,
    "cross_entropy": lambda x: cross_entropy(x, [0, 1]),
    "cross_entropy of probabilities": lambda x: cross_entropy(x, np.full((2, 3), 1 / 3)),
    "binary_cross_entropy_with_logits": lambda x: binary_cross_entropy_with_logits(x, np.full((2, 3), 0.5)),
    "mse_loss": lambda x: mse_loss(x, np.zeros((2, 3))),
    "linear": lambda x: linear(x, np.ones((2, 3)), np.ones(2)),
    "flatten": lambda x: flatten(x[None]),
    "dropout": lambda x: dropout(x, rng=np.random.default_rng(0)),
    "batch_norm": lambda x: batch_norm(x)[0] ** 3,
    "conv2d": lambda x: conv2d(x[None, None], np.ones((1, 1, 2, 2))),
    "conv2d by fft": lambda x: conv2d(x[None, None], np.ones((1, 1, 2, 2), x.dtype), method="fft"),
    "max_pool2d": lambda x: max_pool2d(x[None, None], 2),
}


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("f", BYTES.values(), ids=BYTES)
def test_numbers_in_any_order_of_bytes(f: Callable[[Any], Any], dtype: str) -> None:
    """As in files from other machines."""
    x = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]])
    results: list[tuple[Any, Any]] = []
    for order in "<>":
        leaf = Tensor(x, requires_grad=True, dtype=order + dtype)
        y = f(leaf)
        (g,) = gradients(y.sum(), leaf)
        assert g.dtype == leaf.dtype == order + dtype
        results.append((y.data, g.data))
    np.testing.assert_equal(*results)
