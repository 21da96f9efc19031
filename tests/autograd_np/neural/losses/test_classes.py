"""Losses of classes, held against SciPy, against plain formulas, and against numerical derivatives.

Options take the mean of other numbers than all samples', so that each of them goes with each reduction, with any number
of axes, and with the others; labels that are ignored stand in and out of the range of the classes.
"""

from typing import Any, Literal, get_args

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autograd_np import Tensor, grad, gradients
from autograd_np.neural import cross_entropy, log_softmax, nll_loss
from tests.autograd_np.checks import check_gradients, recorded
from tests.autograd_np.neural.checks import check, check_message
from tests.autograd_np.strategies import arrays

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


@st.composite
def with_options(draw: st.DrawFn) -> tuple[Array, Array, dict[str, Any]]:
    """Draw logits, labels of which one at least is kept, and options."""
    logits, labels = draw(classified(soft=False))
    classes = logits.shape[min(1, logits.ndim - 1)]
    labels = labels.astype(np.int64)
    ignored = draw(st.sampled_from([-100, -1, 255, 0]))
    left_out = draw(arrays(labels.shape, [0.0, 1.0])) == 1
    labels = np.where(left_out, ignored, labels)
    labels[(0,) * labels.ndim] = 1
    weight = draw(st.none() | arrays((classes,), [0.25, 0.5, 1.0, 3.0]))
    smoothing = draw(st.sampled_from([0.0, 0.25, 1.0]))
    if weight is not None and len(weight) < 2:
        weight = None
    return logits, labels, {"weight": weight, "ignore_index": ignored, "label_smoothing": smoothing}


def by_formula(logits: Array, labels: Array, options: dict[str, Any]) -> tuple[Array, Array]:
    """Return the loss of each sample, and its share in a mean, by a loop over samples."""
    axis = min(1, logits.ndim - 1)
    logs = np.moveaxis(scipy.special.log_softmax(logits, axis=axis), axis, -1)
    losses, shares = np.zeros(labels.shape), np.zeros(labels.shape)
    w = np.ones(logs.shape[-1]) if options["weight"] is None else options["weight"]
    s = options["label_smoothing"]
    for place in np.ndindex(labels.shape):
        if labels[place] != options["ignore_index"]:
            own = labels[place]
            losses[place] = -(1 - s) * w[own] * logs[place][own] - s * (w * logs[place]).mean()
            shares[place] = w[own]
    return losses, shares


def as_is(losses: Array, shares: Array, reduction: Reduction) -> Any:
    return {"mean": losses.sum() / shares.sum(), "sum": losses.sum(), "none": losses}[reduction]


class TestOptions:
    @given(with_options(), st.sampled_from(REDUCTIONS))
    def test_labels(self, problem: tuple[Array, Array, dict[str, Any]], reduction: Reduction) -> None:
        logits, labels, options = problem
        if logits.shape[min(1, logits.ndim - 1)] == 1:
            labels = np.where(labels == 1, 0, labels)
            options = {**options, "ignore_index": options["ignore_index"] or -1}
        check(lambda x: cross_entropy(x, labels, reduction=reduction, **options), logits)
        expected = as_is(*by_formula(logits, labels, options), reduction)
        found = cross_entropy(logits, labels, reduction=reduction, **options)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
        if options["label_smoothing"] == 0:
            axis, weight, ignored = min(1, logits.ndim - 1), options["weight"], options["ignore_index"]
            logs = np.asarray(log_softmax(logits, axis=axis))
            check(lambda x: nll_loss(x, labels, weight, ignore_index=ignored, reduction=reduction), logs)
            found = nll_loss(logs, labels, weight, ignore_index=ignored, reduction=reduction)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)

    @given(classified(soft=True), st.sampled_from(REDUCTIONS), st.sampled_from([0.0, 0.25, 1.0]), st.booleans())
    def test_probabilities(
        self, problem: tuple[Array, Array], reduction: Reduction, smoothing: float, weighted: bool
    ) -> None:
        logits, targets = problem
        axis = min(1, logits.ndim - 1)
        classes = logits.shape[axis]
        weight = np.arange(1.0, classes + 1) if weighted else None

        def loss(x: Any, t: Any) -> Any:
            return cross_entropy(x, t, weight, reduction=reduction, label_smoothing=smoothing)

        check(loss, logits, targets)
        smooth = np.moveaxis((1 - smoothing) * targets + smoothing / classes, axis, -1)
        logs = np.moveaxis(scipy.special.log_softmax(logits, axis=axis), axis, -1)
        losses = -(smooth * logs * (1 if weight is None else weight)).sum(axis=-1)
        np.testing.assert_allclose(loss(logits, targets), reduced(losses, reduction), rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("reduction", REDUCTIONS)
    @pytest.mark.parametrize("options", [{}, {"ignore_index": 7}, {"weight": None}, {"label_smoothing": 0}])
    def test_options_that_change_nothing_change_no_bit(self, reduction: Reduction, options: dict[str, Any]) -> None:
        rng = np.random.default_rng(0)
        logits, labels = rng.normal(size=(5, 3)).astype(np.float32), rng.integers(0, 3, 5)
        x = Tensor(logits, requires_grad=True)
        loss = cross_entropy(x, labels, reduction=reduction, **options)
        assert {node.name for node in recorded(loss)} == {"cross_entropy"}

    def test_ignored_samples_have_no_gradient(self) -> None:
        x = Tensor([[0.0, -np.inf], [1.0, 2.0], [-np.inf, 0.0]], requires_grad=True)
        cross_entropy(x, [-100, 1, -100]).backward()
        p = scipy.special.expit(1.0)
        np.testing.assert_allclose(x.grad, [[0, 0], [1 - p, p - 1], [0, 0]])

    @pytest.mark.parametrize("options", [{}, {"weight": [1, 2, 4]}, {"label_smoothing": 0.5}])
    @pytest.mark.parametrize("ignored", [-100, 0, 2])
    def test_ignored_samples_might_as_well_be_left_out(self, options: dict[str, Any], ignored: int) -> None:
        logits, labels = np.arange(12.0).reshape(4, 3) ** 2 / 9, np.array([1, ignored, 1, ignored])
        expected = cross_entropy(logits[::2], labels[::2], **options)
        np.testing.assert_allclose(cross_entropy(logits, labels, ignore_index=ignored, **options), expected)

    @pytest.mark.parametrize("dtype", ["<i8", ">i4", "u1", "i1"])
    def test_any_dtype_of_labels(self, dtype: str) -> None:
        ignored = 9 if dtype == "u1" else -100
        labels = np.array([0, ignored, 2]).astype(dtype)
        logits = np.arange(9.0).reshape(3, 3) ** 2
        found = cross_entropy(logits, labels, ignore_index=ignored)
        np.testing.assert_allclose(found, cross_entropy(logits[[0, 2]], [0, 2]), rtol=1e-14)

    @pytest.mark.parametrize("weight", [[1, 2], np.float64([1, 2]), Tensor([1.0, 2.0]), np.float32([1, 2])])
    def test_weights_do_not_change_the_dtype(self, weight: Any) -> None:
        x = Tensor(np.zeros((2, 2)), requires_grad=True, dtype=np.float32)
        for targets in ([0, 1], np.eye(2)):
            assert cross_entropy(x, targets, weight, label_smoothing=0.5).dtype == np.float32
        assert nll_loss(x, [0, 1], weight).dtype == np.float32

    @pytest.mark.parametrize(
        ("logits", "targets", "options", "error", "words"),
        [
            ((2, 3), [0, 3], {"ignore_index": -1}, ValueError, ["label 3", "(1,)", "3 classes"]),
            ((2, 3), [-100, 0], {"ignore_index": 0}, ValueError, ["label -100", "(0,)"]),
            ((2, 3), [-100, -100], {}, ValueError, ["all are ignored", "leave", "'sum'"]),
            ((2, 3), [1, 1], {"ignore_index": 1}, ValueError, ["all are ignored"]),
            ((2, 3), [1, 1], {"weight": [1, 0, 1]}, ValueError, ["weights sum to 0"]),
            ((2, 3), [0, 1], {"weight": [1, 2]}, ValueError, ["weight of shape (2,)", "3 classes"]),
            ((2, 3), [0, 1], {"weight": np.ones((3, 1))}, ValueError, ["weight of shape (3, 1)"]),
            ((2, 3), [0, 1], {"weight": 1.0}, ValueError, ["weight of shape ()"]),
            ((2, 3), [0, 1], {"weight": [1j, 1, 1]}, TypeError, ["complex128"]),
            ((2, 3), [0, 1], {"ignore_index": 1.0}, TypeError, ["ignore_index=1.0", "float", "integer"]),
            ((2, 3), [0, 1], {"ignore_index": True}, TypeError, ["ignore_index=True", "bool"]),
            ((2, 3), [0, 1], {"ignore_index": None}, TypeError, ["ignore_index=None", "NoneType"]),
        ],
    )
    def test_wrong_arguments(
        self, logits: tuple[int, ...], targets: Any, options: dict[str, Any], error: type[Exception], words: list[str]
    ) -> None:
        for x in (np.ones(logits), Tensor(np.ones(logits), requires_grad=True)):
            for loss in (cross_entropy, nll_loss):
                check_message(error, [loss.__name__, *words], lambda x=x, loss=loss: loss(x, targets, **options))

    @pytest.mark.parametrize("smoothing", [-0.1, 1.5, np.nan, np.inf])
    def test_wrong_smoothing(self, smoothing: float) -> None:
        words = ["cross_entropy", "label_smoothing"]
        check_message(ValueError, words, lambda: cross_entropy(np.ones((1, 2)), [0], label_smoothing=smoothing))
        check_message(TypeError, [*words, "bool"], lambda: cross_entropy(np.ones((1, 2)), [0], label_smoothing=True))

    def test_probabilities_have_no_label_to_ignore(self) -> None:
        words = ["cross_entropy", "ignore_index=0", "probabilities"]
        check_message(ValueError, words, lambda: cross_entropy(np.ones((1, 2)), [[0.5, 0.5]], ignore_index=0))

    def test_what_nll_loss_does_not_take(self) -> None:
        for targets in (np.ones((2, 3)), [0, 1, 2], 0):
            words = ["nll_loss", "log-probabilities of shape (2, 3)", str(np.shape(targets)), "labels"]
            check_message(ValueError, words, lambda targets=targets: nll_loss(np.ones((2, 3)), targets))
        check_message(TypeError, ["nll_loss", "float64"], lambda: nll_loss(np.ones((2, 3)), [0.0, 1.0]))

    def test_nothing_kept_has_a_sum(self) -> None:
        assert cross_entropy(np.ones((2, 3)), [-100, -100], reduction="sum") == 0
        assert cross_entropy(np.ones((2, 3)), [-100, -100], reduction="none").tolist() == [0, 0]
        assert nll_loss(np.ones((0, 3)), np.zeros(0, int), reduction="sum") == 0
