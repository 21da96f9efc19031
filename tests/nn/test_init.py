import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

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
    init.trunc_normal_,
    init.orthogonal_,
    partial(init.sparse_, sparsity=0.1),
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


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [
        (0.0, 1.0, -2.0, 2.0),
        (0.1, 0.02, 0.05, 0.2),
        (0.0, 1.0, 0.5, math.inf),
        (0.0, 1.0, -math.inf, -0.5),
        (0.0, 1.0, -math.inf, math.inf),
        (0.0, 1.0, 4.0, 5.0),
        (0.0, 1.0, -40.0, -39.0),
        (0.0, 1.0, 39.0, 40.0),
        (3.0, 0.5, -50.0, -49.0),  # where probabilities vanish
        (0.0, 1.0, 0.001, 0.0011),
    ],
)
def test_trunc_normal(mean, std, a, b, dtype):
    w = init.trunc_normal_(weights((60, 70), np.float64), mean, std, a, b, rng=0).data
    assert a <= w.min() <= w.max() <= b
    exact = stats.truncnorm((a - mean) / std, (b - mean) / std, mean, std)
    if b < mean - 50:  # as an exponential distribution, at first order
        assert np.mean(b - w) == pytest.approx(std**2 / (mean - b), rel=0.05)
    else:
        assert stats.kstest(w.ravel(), exact.cdf).pvalue > 0.001
    narrow = init.trunc_normal_(weights((60, 70), dtype), mean, std, a, b, rng=0).data
    assert dtype(a) <= narrow.min() <= narrow.max() <= dtype(b)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5), (1, 3), (3, 1), (8, 2, 3, 2), (3, 2, 3, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_orthogonal(shape, dtype):
    w = init.orthogonal_(weights(shape, dtype), gain=1.5, rng=3).data.reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 2.25 * np.eye(len(product)), atol=1e-5 if dtype == np.float32 else 1e-12)


def test_orthogonal_matrices_are_equally_likely():
    rng = np.random.default_rng(0)
    drawn = np.array([init.orthogonal_(weights((3, 3), np.float64), rng=rng).data for _ in range(2000)])
    for i in range(3):  # an element of a random point on the sphere is uniform on [-1, 1]
        for j in range(3):
            assert stats.kstest(drawn[:, i, j], stats.uniform(-1, 2).cdf).pvalue > 1e-4
    assert abs(np.mean(np.linalg.det(drawn))) < 0.1  # rotations and reflections


@given(st.integers(1, 9), st.integers(0, 5), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_sparse(rows, columns, sparsity, seed):
    w = init.sparse_(weights((rows, columns), np.float64), sparsity, 2.0, rng=seed).data
    assert np.sum(w == 0, axis=0).tolist() == [math.ceil(sparsity * rows)] * columns


def test_sparse_places_and_values_are_random():
    w = init.sparse_(weights((50, 2000)), 0.3, 0.5, rng=0).data
    assert w[w != 0].std() == pytest.approx(0.5, rel=0.02)
    np.testing.assert_allclose(np.mean(w == 0, axis=1), 0.3, atol=0.06)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (0, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_eye(shape, dtype):
    w = init.eye_(Tensor(np.full(shape, 9), dtype=dtype))
    assert w.dtype == dtype
    np.testing.assert_array_equal(w.data, np.eye(*shape))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kernel", [(3,), (4,), (3, 3), (2, 5), (3, 3, 1)])
@pytest.mark.parametrize(("outputs", "inputs"), [(4, 4), (4, 2), (6, 2), (2, 3)])
def test_dirac(outputs, inputs, kernel, groups):
    w = init.dirac_(weights((outputs, inputs, *kernel)), groups).data
    middle = w[(..., *(k // 2 for k in kernel))]
    part = np.eye(outputs // groups, inputs)
    np.testing.assert_array_equal(middle, np.concatenate([part] * groups))
    assert w.sum() == middle.sum()


def test_a_dirac_convolution_returns_its_input():
    layer, x = nn.Conv2d(3, 3, 5, padding=2, bias=False), np.random.default_rng(0).normal(size=(2, 3, 6, 6))
    init.dirac_(layer.weight)
    np.testing.assert_array_equal(layer(x).data, x.astype(np.float32))


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


@pytest.mark.parametrize("fill", [*RANDOM, init.zeros_, init.ones_, lambda w: init.constant_(w, 0.3)])
@pytest.mark.parametrize("given", [lambda w: w.data, lambda w: w.data.tolist(), lambda w: None])
def test_an_array_is_refused_since_the_tape_would_not_know(fill, given):
    """`normal_(layer.weight.data)`, as PyTorch's users write it, lists, and what a layer without a bias has."""
    w = Tensor(np.full((2, 3), 9.0), requires_grad=True)
    with pytest.raises(TypeError, match=r"_: the tensor is a \w+; give the parameter itself, layer\.weight and not"):
        fill(given(w))
    np.testing.assert_array_equal(w.data, np.full((2, 3), 9.0))


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
        (lambda w: init.trunc_normal_(w, std=0.0), ValueError, "trunc_normal_: mean=0.0, std=0.0"),
        (lambda w: init.trunc_normal_(w, math.inf), ValueError, "trunc_normal_: mean=inf"),
        (lambda w: init.trunc_normal_(w, a=2.0), ValueError, "trunc_normal_: the interval from a=2.0 to b=2.0"),
        (lambda w: init.trunc_normal_(w, b=math.nan), ValueError, "trunc_normal_: the interval from a=-2.0 to b=nan"),
        (lambda w: init.trunc_normal_(Tensor([1, 2])), TypeError, "trunc_normal_: random numbers do not fit"),
        (lambda w: init.orthogonal_(Tensor(w.data[0])), ValueError, r"orthogonal_: weights of shape \(3,\)"),
        (lambda w: init.orthogonal_(Tensor([[1, 2]])), TypeError, "orthogonal_: random numbers do not fit"),
        (lambda w: init.sparse_(w, 1.5), ValueError, "sparse_: sparsity=1.5"),
        (lambda w: init.sparse_(w, math.nan), ValueError, "sparse_: sparsity=nan"),
        (lambda w: init.sparse_(w, 0.5, -1.0), ValueError, "sparse_: std=-1.0"),
        (lambda w: init.sparse_(Tensor(w.data[0]), 0.5), ValueError, r"sparse_: a tensor of shape \(3,\)"),
        (lambda w: init.sparse_(Tensor([[1, 2]]), 0.5), TypeError, "sparse_: random numbers do not fit"),
        (lambda w: init.eye_(Tensor(w.data[0])), ValueError, r"eye_: a tensor of shape \(3,\); give one of 2 axes"),
        (lambda w: init.dirac_(w), ValueError, r"dirac_: a tensor of shape \(2, 3\); give one of 3 or 4 or 5 axes"),
        (lambda w: init.dirac_(weights((3, 2, 1)), 2), ValueError, "dirac_: groups=2 for 3 outputs"),
        (lambda w: init.dirac_(weights((3, 2, 1)), 0), ValueError, "dirac_: groups=0 for 3 outputs"),
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
    for args in ((0.0, 1.0, -1.0, 2.0), (0.0, 0.02, -0.03, 0.04)):
        theirs = torch.nn.init.trunc_normal_(torch.empty(300, 500), *args).numpy()
        ours = init.trunc_normal_(weights(), *args, rng=0).data
        assert stats.ks_2samp(ours.ravel(), theirs.ravel()).pvalue > 0.001
    for groups, shape in ((1, (4, 3, 3)), (2, (4, 3, 2, 3)), (3, (6, 5, 1, 2, 4))):
        theirs = torch.nn.init.dirac_(torch.empty(shape), groups).numpy()
        np.testing.assert_array_equal(init.dirac_(weights(shape), groups).data, theirs)
    theirs = torch.nn.init.sparse_(torch.empty(7, 5), 0.3).numpy()
    assert (theirs == 0).sum() == (init.sparse_(weights((7, 5)), 0.3).data == 0).sum()
    for args in (("relu",), ("tanh",), ("sigmoid",), ("linear",), ("conv2d",), ("leaky_relu",), ("leaky_relu", 0.2)):
        assert init.calculate_gain(*args) == pytest.approx(torch.nn.init.calculate_gain(*args))
