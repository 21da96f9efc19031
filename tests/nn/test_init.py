import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import Tensor
from nn import init

RANDOM = [
    init.uniform_,
    init.normal_,
    init.xavier_uniform_,
    init.xavier_normal_,
    init.kaiming_uniform_,
    init.kaiming_normal_,
]
SHAPES = {"linear": ((300, 500), 500, 300), "convolution": ((60, 100, 5, 2), 1000, 600)}


def weights(shape=(300, 500), dtype=np.float32):
    return Tensor(np.zeros(shape), requires_grad=True, dtype=dtype)


@pytest.mark.parametrize(
    ("fill", "value"), [(init.zeros_, 0), (init.ones_, 1), (lambda w: init.constant_(w, 0.3), 0.3)]
)
def test_constants(fill, value):
    w = Tensor(np.full((2, 3), 9), dtype=np.float32, requires_grad=True)
    memory = w.data
    assert fill(w) is w
    assert w.data is memory
    assert w.dtype == np.float32
    assert w.requires_grad
    np.testing.assert_array_equal(w.data, np.full((2, 3), value, np.float32))


def test_uniform_and_normal():
    w = init.uniform_(weights(), -2, 6, rng=0)
    assert w.data.min() >= -2
    assert w.data.max() <= 6
    assert w.data.mean() == pytest.approx(2, abs=0.05)
    assert w.data.std() == pytest.approx(8 / math.sqrt(12), rel=0.02)
    w = init.normal_(weights(), std=0.01, rng=0)
    assert w.data.mean() == pytest.approx(0, abs=1e-4)
    assert w.data.std() == pytest.approx(0.01, rel=0.02)
    assert init.normal_(weights(), mean=5.0, std=0.0, rng=0).data.tolist() == np.full((300, 500), 5.0).tolist()


@pytest.mark.parametrize("kind", SHAPES)
def test_xavier(kind):
    shape, fan_in, fan_out = SHAPES[kind]
    for gain in (1.0, 2.5):
        std = gain * math.sqrt(2 / (fan_in + fan_out))
        _check(init.xavier_uniform_(weights(shape), gain, rng=1), std, uniform=True)
        _check(init.xavier_normal_(weights(shape), gain, rng=1), std, uniform=False)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize("nonlinearity", ["leaky_relu", "relu", "tanh", "linear"])
@pytest.mark.parametrize("a", [0.0, 1.5])
def test_kaiming(kind, mode, nonlinearity, a):
    shape, fan_in, fan_out = SHAPES[kind]
    gain = {"leaky_relu": math.sqrt(2 / (1 + a**2)), "relu": math.sqrt(2), "tanh": 5 / 3, "linear": 1}[nonlinearity]
    std = gain / math.sqrt(fan_in if mode == "fan_in" else fan_out)
    _check(init.kaiming_uniform_(weights(shape), a, mode, nonlinearity, rng=1), std, uniform=True)
    _check(init.kaiming_normal_(weights(shape), a, mode, nonlinearity, rng=1), std, uniform=False)


def _check(w, std, uniform):
    assert w.data.std() == pytest.approx(std, rel=0.02)
    assert w.data.mean() == pytest.approx(0, abs=0.02 * std)
    largest = abs(w.data).max() / (math.sqrt(3) * std)
    assert 0.99 < largest <= 1.0001 if uniform else largest > 2


@given(st.sampled_from(RANDOM), st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 5))
def test_seeds_decide_and_float32_is_float64_rounded(fill, seed, out, features):
    wide = fill(weights((out, features), np.float64), rng=seed)
    np.testing.assert_array_equal(wide.data, fill(weights((out, features), np.float64), rng=seed).data)
    single = fill(weights((out, features)), rng=np.random.default_rng(seed))
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single.data, wide.data.astype(np.float32))


@pytest.mark.parametrize("fill", RANDOM)
def test_a_generator_moves_on_and_none_is_fresh(fill):
    rng = np.random.default_rng(0)
    assert not np.array_equal(fill(weights(), rng=rng).data, fill(weights(), rng=rng).data)
    assert not np.array_equal(fill(weights()).data, fill(weights()).data)


def test_the_tape_is_told():
    layer = nn.Linear(2, 2, rng=0)
    loss = (layer(Tensor(np.ones((1, 2), np.float32), requires_grad=True)) ** 2).sum()
    init.zeros_(layer.weight)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_gains():
    assert [init.calculate_gain(name) for name in ("linear", "conv2d", "sigmoid")] == [1, 1, 1]
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("leaky_relu") == math.sqrt(2 / (1 + 0.01**2))
    assert init.calculate_gain("leaky_relu", 1) == 1


@pytest.mark.parametrize(
    ("fill", "error", "message"),
    [
        (lambda w: init.uniform_(w, 1, 0), ValueError, "uniform_: the interval from a=1 to b=0"),
        (lambda w: init.normal_(w, std=-1), ValueError, "normal_: std=-1"),
        (lambda w: init.kaiming_normal_(w, mode="in"), ValueError, "kaiming_normal_: unknown mode 'in'"),
        (lambda w: init.kaiming_uniform_(w, nonlinearity="gelu"), ValueError, "unknown nonlinearity 'gelu'"),
        (lambda w: init.xavier_uniform_(Tensor(w.data[0])), ValueError, r"xavier_uniform_: weights of shape \(3,\)"),
        (lambda w: init.xavier_normal_(Tensor(w.data[:0])), ValueError, r"xavier_normal_: weights of shape \(0, 3\)"),
        (lambda w: init.normal_(Tensor([1, 2])), TypeError, "normal_: random numbers do not fit .* int64"),
        (lambda w: init.normal_(w, rng=1.5), TypeError, "1.5"),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(fill, error, message):
    w = weights((2, 3))
    with pytest.raises(error, match=message):
        fill(w)
    assert not w.data.any()


def test_against_pytorch():
    torch = pytest.importorskip("torch")
    for shape, _, _ in SHAPES.values():
        for name in ("xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_"):
            theirs = getattr(torch.nn.init, name)(
                torch.empty(shape), generator=torch.Generator().manual_seed(0)
            ).numpy()
            ours = getattr(init, name)(weights(shape), rng=0).data
            assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
            if "uniform" in name:
                assert abs(ours).max() == pytest.approx(abs(theirs).max(), rel=1e-3)
    for args in (("relu",), ("tanh",), ("sigmoid",), ("linear",), ("conv2d",), ("leaky_relu",), ("leaky_relu", 0.2)):
        assert init.calculate_gain(*args) == pytest.approx(torch.nn.init.calculate_gain(*args))
