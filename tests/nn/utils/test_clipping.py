"""Clipping of gradients.

A norm is a sum of powers, and is lost in more than one way: squares overflow or vanish in the gradients' own dtype, in
double precision, or in one of several gradients alone. So each dtype is tried at both ends of its range, and gradients
of different dtypes together.
"""

import math
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import Tensor
from nn.utils import clip_grad_norm_, clip_grad_value_

orders = st.sampled_from([0.5, 1.0, 1, 2.0, 2, 3.0, math.inf]) | st.floats(0.25, 8)
shapes = st.lists(st.lists(st.integers(0, 4), max_size=3).map(tuple), min_size=1, max_size=4)
seeds = st.integers(0, 2**32 - 1)


def parameters(gradients, dtype=None):
    made = [Tensor(np.zeros(np.shape(g)), requires_grad=True, dtype=dtype or g.dtype) for g in gradients]
    for p, g in zip(made, gradients, strict=True):
        p.grad = g
    return made


@given(shapes, seeds, orders, st.floats(0, 10))
def test_the_norm_of_all_together_and_no_more_than_the_limit(shapes, seed, order, limit):
    rng = np.random.default_rng(seed)
    gradients = [rng.normal(size=shape) for shape in shapes]
    expected = np.linalg.norm(np.concatenate([g.ravel() for g in gradients] + [[0.0]]), order)
    ps = parameters(gradients)
    memory = [p.grad for p in ps]
    assert clip_grad_norm_(ps, limit, order) == pytest.approx(expected, rel=1e-12)
    factor = min(1.0, limit / (expected + 1e-6))
    for p, g, array in zip(ps, gradients, memory, strict=True):
        assert p.grad is array  # in place
        np.testing.assert_allclose(p.grad, g * factor, rtol=1e-12)
    rounding = sum(g.size for g in gradients) * np.finfo(float).smallest_subnormal
    assert clip_grad_norm_(ps, limit, order) <= limit * (1 + 1e-12) + rounding


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("order", [1.0, 2.0, 3.0, 8.0, math.inf])
@pytest.mark.parametrize("end", ["largest", "smallest", "subnormal", "both"])
def test_powers_neither_overflow_nor_vanish(dtype, order, end):
    limits = np.finfo(dtype)
    largest = limits.max / 16
    size = {"largest": largest, "smallest": limits.tiny, "subnormal": limits.smallest_subnormal * 4, "both": largest}
    gradient = np.array([4 * size[end], limits.tiny if end == "both" else 3 * size[end]], dtype)
    (p,) = parameters([gradient])
    wide = np.result_type(dtype, np.float64)
    a, b = gradient.astype(wide)
    expected = a if order == math.inf else a * (1 + (b / a) ** order) ** (1 / order)
    norm = clip_grad_norm_([p], 1.0, order)
    assert norm.dtype == wide
    np.testing.assert_allclose(norm, expected, rtol=1e-12)
    assert p.grad.dtype == dtype
    np.testing.assert_allclose(
        p.grad.astype(wide), gradient / max(1, norm + 1e-6), rtol=4 * limits.eps, atol=limits.tiny
    )


def test_gradients_of_different_dtypes_count_together():
    ps = parameters([np.float16([6e4]), np.float32([3e38]), np.float64([4e38])])
    assert clip_grad_norm_(ps, 1.0) == pytest.approx(5e38)
    assert [p.grad.dtype for p in ps] == [np.float16, np.float32, np.float64]
    assert ps[2].grad[0] == pytest.approx(0.8)


def test_smaller_gradients_stay_to_the_bit():
    gradient = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    (p,) = parameters([gradient])
    clip_grad_norm_([p], 100.0)
    np.testing.assert_array_equal(p.grad, gradient)


@pytest.mark.parametrize("order", [1.0, 2.0, math.inf])
@pytest.mark.parametrize(("wrong", "others"), [(np.nan, np.nan), (np.inf, 0.0), (-np.inf, 0.0)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_is_not_finite_is_scaled_all_the_same_or_refused(order, wrong, others, dtype):
    gradients = [np.array([1.0, wrong], dtype), np.array([2.0], dtype)]
    ps = parameters(gradients)
    with pytest.raises(RuntimeError, match=r"clip_grad_norm_: the norm of the gradients is (inf|nan)"):
        clip_grad_norm_(ps, 1.0, order, error_if_nonfinite=True)
    for p, g in zip(ps, gradients, strict=True):
        np.testing.assert_array_equal(p.grad, g)
    with np.errstate(invalid="ignore"):  # infinity times 0
        norm = clip_grad_norm_(ps, 1.0, order)
    np.testing.assert_equal(float(norm), abs(wrong))
    np.testing.assert_array_equal(np.concatenate([p.grad for p in ps]), np.array([others, np.nan, others], dtype))


@pytest.mark.parametrize("clip", [lambda p: clip_grad_norm_(p, 1.0), lambda p: clip_grad_value_(p, 1.0)])
def test_one_tensor_an_iterator_none_and_what_has_no_gradient(clip):
    p = Tensor([0.0], requires_grad=True)
    assert clip([]) in (None, 0.0)
    assert clip([p]) in (None, 0.0)
    assert p.grad is None
    p.grad = [2.0]
    clip(p)
    assert p.grad[0] == pytest.approx(1.0)
    p.grad = [2.0]
    clip(iter([p, Tensor([1.0])]))
    assert p.grad[0] == pytest.approx(1.0)


def test_a_parameter_that_is_listed_twice_counts_once():
    (p,) = parameters([np.array([3.0, 4.0])])
    assert clip_grad_norm_([p, p], 1.0) == 5
    np.testing.assert_allclose(p.grad, [0.6, 0.8], rtol=1e-6)


def test_complex_gradients_have_a_norm():
    (p,) = parameters([np.array([3 + 4j, 0])])
    assert clip_grad_norm_([p], 1.0) == 5
    np.testing.assert_allclose(p.grad, [0.6 + 0.8j, 0], rtol=1e-6)


@pytest.mark.parametrize("clip", [lambda p: clip_grad_norm_(p, 1.0), lambda p: clip_grad_value_(p, 1.0)])
def test_a_recorded_gradient_gives_way_to_an_array(clip):
    p = Tensor([1.0, 2.0], requires_grad=True)
    (p**2).sum().backward(create_graph=True)
    before = p.grad
    clip([p])
    assert isinstance(p.grad, np.ndarray)
    np.testing.assert_array_equal(before.data, [2, 4])
    assert np.max(p.grad) <= 1


@given(shapes, seeds, st.floats(0, 3) | st.just(math.inf), st.sampled_from([np.float16, np.float32, np.float64]))
def test_values_are_clipped(shapes, seed, limit, dtype):
    rng = np.random.default_rng(seed)
    gradients = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    ps = parameters(gradients)
    memory = [p.grad for p in ps]
    clip_grad_value_(ps, limit)
    for p, g, array in zip(ps, gradients, memory, strict=True):
        assert p.grad is array
        np.testing.assert_array_equal(p.grad, np.clip(g, -dtype(limit), dtype(limit)))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_values_that_are_not_finite_are_clipped_and_nan_stays(dtype):
    (p,) = parameters([np.array([np.nan, np.inf, -np.inf], dtype)])
    clip_grad_value_([p], 2)
    np.testing.assert_array_equal(p.grad, np.array([np.nan, 2, -2], dtype))
    (p,) = parameters([np.array([3, np.inf, -np.inf], dtype)])
    clip_grad_value_([p], 1e300)
    assert p.grad[0] == 3
    assert p.grad[1] == -p.grad[2] == min(float(np.finfo(dtype).max), 1e300)
    clip_grad_value_([p], math.inf)
    assert p.grad[0] == 3


@pytest.mark.parametrize(
    ("clip", "error", "message"),
    [
        (lambda p: clip_grad_norm_(p, -1.0), ValueError, "clip_grad_norm_: max_norm=-1.0"),
        (lambda p: clip_grad_norm_(p, math.nan), ValueError, "clip_grad_norm_: max_norm=nan"),
        (lambda p: clip_grad_norm_(p, "1"), TypeError, "clip_grad_norm_: max_norm is a str"),
        (lambda p: clip_grad_norm_(p, 1.0, 0), ValueError, "clip_grad_norm_: norm_type=0"),
        (lambda p: clip_grad_norm_(p, 1.0, -math.inf), ValueError, "clip_grad_norm_: norm_type=-inf"),
        (lambda p: clip_grad_norm_(p, 1.0, "inf"), TypeError, "clip_grad_norm_: norm_type is a str"),
        (lambda p: clip_grad_norm_([*p, np.ones(2)], 1.0), TypeError, "clip_grad_norm_: parameters holds a ndarray"),
        (lambda p: clip_grad_norm_(1.0, 1.0), TypeError, "clip_grad_norm_: parameters is a float"),
        (lambda p: clip_grad_value_(p, -1.0), ValueError, "clip_grad_value_: clip_value=-1.0"),
        (lambda p: clip_grad_value_(p, math.nan), ValueError, "clip_grad_value_: clip_value=nan"),
        (lambda p: clip_grad_value_(p, None), TypeError, "clip_grad_value_: clip_value is a NoneType"),
        (lambda p: clip_grad_value_([*p, 1.0], 1.0), TypeError, "clip_grad_value_: parameters holds a float"),
        (lambda p: clip_grad_value_([*p, *parameters([np.array([1j])])], 1.0), TypeError, "dtype complex128"),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(clip, error, message):
    ps = parameters([np.array([3.0, 4.0])])
    with pytest.raises(error, match=message):
        clip(ps)
    np.testing.assert_array_equal(ps[0].grad, [3, 4])


class Clipping(nn.optim.SGD):
    """Gradient descent that clips first."""

    def step(self):
        parameters = [p for group in self.param_groups for p in group["params"]]
        clip_grad_norm_(parameters, 0.5)
        clip_grad_value_(parameters, 0.25)
        super().step()


def test_a_compiled_step_clips_in_every_run():
    models = [nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 1, rng=1)) for _ in range(2)]
    compiled, eager = (Clipping(model.parameters(), lr=0.5) for model in models)
    step, loss = nn.compile_step(models[0], nn.MSELoss(), compiled), nn.MSELoss()
    for i in range(8):  # norms above the limit, and below it
        rng = np.random.default_rng(i)
        x, y = rng.normal(size=(6, 3)).astype(np.float32), rng.normal(size=(6, 1)).astype(np.float32) * 2
        y /= 1 + 9 * (i % 2)
        eager.zero_grad()
        value = loss(models[1](x), y)
        value.backward()
        eager.step()
        assert step(x, y) == value.data
        for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True):
            assert a.data.tobytes() == b.data.tobytes()
    assert step.programs == 1


if find_spec("torch"):

    @given(shapes, seeds, orders, st.floats(0.01, 10), st.booleans())
    def test_it_is_what_pytorch_does(shapes, seed, order, limit, broken):
        import torch

        rng = np.random.default_rng(seed)
        gradients = [rng.normal(size=shape) for shape in shapes]
        if order == math.inf:  # PyTorch has none of nothing
            gradients = [g if g.size else np.ones(1) for g in gradients]
        if broken and gradients and gradients[0].size:
            gradients[0].flat[0] = rng.choice([np.inf, np.nan])
        ours, theirs = parameters(gradients), [torch.zeros(g.shape, requires_grad=True) for g in gradients]
        theirs = [t.double().detach().requires_grad_() for t in theirs]
        for t, g in zip(theirs, gradients, strict=True):
            t.grad = torch.tensor(g)
        with np.errstate(invalid="ignore"):
            norm = clip_grad_norm_(ours, limit, order)
        np.testing.assert_allclose(norm, torch.nn.utils.clip_grad_norm_(theirs, limit, order).item(), rtol=1e-10)
        clip_grad_value_(ours, limit / 4)
        torch.nn.utils.clip_grad_value_(theirs, limit / 4)
        for p, t in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.grad, t.grad.numpy(), rtol=1e-10)


def test_the_names_are_where_pytorch_has_them():
    assert nn.utils.clip_grad_norm_ is clip_grad_norm_
    assert nn.utils.clip_grad_value_ is clip_grad_value_
