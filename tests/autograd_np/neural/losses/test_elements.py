"""Losses of elements, held against plain formulas, and against numerical derivatives.

Kinks are met exactly, infinities and NaN go through, and half of the numbers lie on either side of each parameter.
"""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autograd_np import Tensor, grad
from autograd_np.neural import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
)
from tests.autograd_np.neural.checks import check, check_message
from tests.autograd_np.strategies import BETWEEN, GRID, arrays, shapes

Array = NDArray[Any]
Reduction = Literal["mean", "sum", "none"]
REDUCTIONS: tuple[Reduction, ...] = get_args(Reduction)
PROBABILITIES = [k / 16 for k in range(1, 16)]


def reduced(losses: Array, reduction: Reduction) -> Any:
    return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](losses)


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

    @pytest.mark.parametrize("loss", [binary_cross_entropy, binary_cross_entropy_with_logits])
    @given(data=st.data(), reduction=st.sampled_from(REDUCTIONS))
    def test_weights(self, loss: Any, data: st.DataObject, reduction: Reduction) -> None:
        x = data.draw(arrays((2, 3), PROBABILITIES))
        t = data.draw(arrays((2, 3), PROBABILITIES))
        shape = data.draw(st.sampled_from([(), (3,), (2, 1), (2, 3)]))
        w, yes = data.draw(arrays(shape, [0.25, 1.0, 3.0])), data.draw(arrays(shape, [0.25, 1.0, 3.0]))
        check(lambda x, t, w: loss(x, t, w, reduction=reduction), x, t, w)
        p = x if loss is binary_cross_entropy else scipy.special.expit(x)
        expected = -w * (t * np.log(p) + (1 - t) * np.log(1 - p))
        np.testing.assert_allclose(loss(x, t, w, reduction=reduction), reduced(expected, reduction), rtol=1e-12)
        if loss is binary_cross_entropy_with_logits:
            check(lambda x, t, v: loss(x, t, w, pos_weight=v, reduction=reduction), x, t, yes)
            expected = -w * (yes * t * np.log(p) + (1 - t) * np.log(1 - p))
            found = loss(x, t, w, pos_weight=yes, reduction=reduction)
            np.testing.assert_allclose(found, reduced(expected, reduction), rtol=1e-12)

    @pytest.mark.parametrize("name", ["weight", "pos_weight"])
    @pytest.mark.parametrize("shape", [(2,), (3, 1), (1, 2, 3), (4, 2, 3)])
    def test_weights_that_do_not_fit(self, name: str, shape: tuple[int, ...]) -> None:
        x, words = np.full((2, 3), 0.5), [f"{name} of shape {shape}", "(2, 3)", "broadcast"]
        options = {name: np.ones(shape)}
        check_message(ValueError, words, lambda: binary_cross_entropy_with_logits(x, x, **options))
        if name == "weight":
            check_message(ValueError, words, lambda: binary_cross_entropy(x, x, **options))

    def test_large_logits_with_a_weight_of_yes(self) -> None:
        x = Tensor([1e4, 1e4, -1e4, -1e4, 50.0, -50.0], requires_grad=True)
        losses = binary_cross_entropy_with_logits(x, [1, 0, 1, 0, 1, 0], pos_weight=2.0, reduction="none")
        np.testing.assert_allclose(losses.data, [0, 1e4, 2e4, 0, 2 * np.exp(-50), np.exp(-50)], rtol=1e-6)
        losses.sum().backward()
        np.testing.assert_allclose(x.grad, [0, 1, -2, 0, 0, 0], atol=1e-15)


SIZES = [0.25, 1.0, 2.5]


class TestHuber:
    @given(st.data(), st.sampled_from(REDUCTIONS), st.sampled_from(SIZES))
    def test_values_and_derivatives(self, data: st.DataObject, reduction: Reduction, size: float) -> None:
        x = data.draw(arrays(shapes(min_side=1), GRID))
        t = data.draw(arrays(x.shape, BETWEEN))
        d = abs(x - t)
        huber = np.where(d <= size, d**2 / 2, size * (d - size / 2))
        for loss, options, expected in (
            (huber_loss, {"delta": size}, huber),
            (smooth_l1_loss, {"beta": size}, huber / size),
            (smooth_l1_loss, {"beta": 0}, d),
        ):
            check(lambda x, t, loss=loss, options=options: loss(x, t, reduction=reduction, **options), x, t)  # pyright: ignore
            found = loss(x, t, reduction=reduction, **options)
            np.testing.assert_allclose(found, reduced(expected, reduction), rtol=1e-12)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_where_nothing_or_everything_is_wrong(self, dtype: Any) -> None:
        limit = np.finfo(dtype).max
        d = Tensor([0.0, 1.0, -1.0, limit, -limit, np.inf, -np.inf, np.nan], requires_grad=True, dtype=dtype)
        for loss in (huber_loss, smooth_l1_loss):
            losses = loss(d, np.zeros(8), reduction="none")
            np.testing.assert_array_equal(losses.data, [0, 0.5, 0.5, limit, limit, np.inf, np.inf, np.nan])
            d.grad = None
            losses.backward(np.ones(8, dtype))
            np.testing.assert_array_equal(d.grad, [0, 1, -1, 1, -1, 1, -1, np.nan])

    def test_the_second_derivative_where_nothing_is_wrong(self) -> None:
        assert grad(grad(lambda d: huber_loss(d, 0.0)))(0.0) == 1

    @pytest.mark.parametrize("wrong", [-1.0, np.inf, np.nan])
    def test_wrong_sizes(self, wrong: float) -> None:
        check_message(ValueError, ["huber_loss", "delta", str(wrong)], lambda: huber_loss([1.0], [2.0], delta=wrong))
        check_message(ValueError, ["smooth_l1_loss", "beta"], lambda: smooth_l1_loss([1.0], [2.0], beta=wrong))
        check_message(ValueError, ["huber_loss", "delta=0"], lambda: huber_loss([1.0], [2.0], delta=0))
        check_message(TypeError, ["huber_loss", "delta", "bool"], lambda: huber_loss([1.0], [2.0], delta=True))
        for loss in (huber_loss, smooth_l1_loss):
            check_message(ValueError, [loss.__name__, "(2,)", "(2, 1)"], lambda loss=loss: loss([1, 2], [[1], [2]]))


class TestDivergence:
    @given(st.data(), st.sampled_from([*REDUCTIONS, "batchmean"]), st.booleans())
    def test_values_and_derivatives(self, data: st.DataObject, reduction: Any, log_target: bool) -> None:
        x = data.draw(arrays(shapes(min_dims=1, min_side=1), GRID))
        t = data.draw(arrays(x.shape, PROBABILITIES))
        given = np.log(t) if log_target else t
        check(lambda x, t: kl_div(x, t, reduction=reduction, log_target=log_target), x, given)
        terms = t * (np.log(t) - x)
        expected = terms.sum() / len(x) if reduction == "batchmean" else reduced(terms, reduction)
        found = kl_div(x, given, reduction=reduction, log_target=log_target)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)

    def test_a_target_of_0(self) -> None:
        x = Tensor([-1.0, -2.0], requires_grad=True)
        loss = kl_div(x, [0.0, 1.0], reduction="none")
        np.testing.assert_array_equal(loss.data, [0, 2])
        loss.sum().backward()
        np.testing.assert_array_equal(x.grad, [0, -1])

    def test_wrong_arguments(self) -> None:
        check_message(ValueError, ["kl_div", "target -0.5", "(0,)", "log_target=True"], lambda: kl_div([-1.0], [-0.5]))
        check_message(ValueError, ["kl_div", "(1,)", "(1, 1)"], lambda: kl_div([-1.0], [[0.5]]))
        check_message(ValueError, ["kl_div", "'batch'"], lambda: kl_div([-1.0], [0.5], reduction="batch"))  # pyright: ignore
        for empty in (np.zeros((0, 2)), np.zeros((2, 0)), np.zeros(())):
            words = ["kl_div", "no samples", str(empty.shape)]
            check_message(ValueError, words, lambda e=empty: kl_div(e, e, reduction="batchmean"))


class TestGaussian:
    @pytest.mark.parametrize("of", [(2, 3), (2, 1), (1, 3), (2,), ()])
    @given(data=st.data(), reduction=st.sampled_from(REDUCTIONS), full=st.booleans())
    def test_values_and_derivatives(
        self, of: tuple[int, ...], data: st.DataObject, reduction: Reduction, full: bool
    ) -> None:
        x, t = data.draw(arrays((2, 3), GRID)), data.draw(arrays((2, 3), GRID))
        var = data.draw(arrays(of, [0.25, 1.0, 2.0]))
        check(lambda x, t, v: gaussian_nll_loss(x, t, v, full, reduction=reduction), x, t, var)
        wide = var[:, None] if of == (2,) else var
        losses = -scipy.stats.norm.logpdf(t, x, np.sqrt(wide)) - (0 if full else np.log(2 * np.pi) / 2)
        found = gaussian_nll_loss(x, t, var, full, reduction=reduction)
        np.testing.assert_allclose(found, reduced(losses, reduction), rtol=1e-12, atol=1e-12)

    def test_small_variances(self) -> None:
        """They have the gradient of the least one."""
        small, least = (Tensor([v], requires_grad=True) for v in (0.0, 0.5))
        losses = [gaussian_nll_loss([1.0], [3.0], v, eps=0.5) for v in (small, least)]
        for loss in losses:
            loss.backward()
        assert losses[0] == losses[1]
        np.testing.assert_array_equal(small.grad, least.grad)

    def test_wrong_arguments(self) -> None:
        x = np.ones((2, 3))

        def call(var: Any, **options: Any) -> Callable[[], Any]:
            return lambda: gaussian_nll_loss(x, x, var, **options)

        check_message(ValueError, ["gaussian_nll_loss", "variance -1.0", "(0,)"], call([-1.0, 1.0]))
        for shape in ((3,), (1, 1), (3, 2), (1,), (2, 3, 1)):
            check_message(ValueError, ["gaussian_nll_loss", f"var of shape {shape}"], call(np.ones(shape)))
        for eps in (0, -1.0, np.nan):
            check_message(ValueError, ["gaussian_nll_loss", "eps"], call(x, eps=eps))
        check_message(ValueError, ["(2,)", "(2, 1)"], lambda: gaussian_nll_loss([1, 2], [[1], [2]], [1, 1]))
