"""The hand-written functions: their contracts, their gradients against central differences, their refusals.

What the series fixes is held for every function that has it: the dict handed to a forward function, biases with and
without their axis of samples, the global generator where `rng` is not given.
"""

import copy
import doctest
import re
import subprocess
import sys
import warnings
from collections import deque
from inspect import signature

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit
from scipy.special import softmax as scipy_softmax
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score

import nn
from autograd_np import Tensor, grad, value_and_grad
from nn import reference

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 5)
# Of one class there is nothing to learn: its probability is 1.
class_counts = st.integers(2, 5)
generators = st.builds(np.random.default_rng, seeds)


def floats(bound, dtype=np.float64, **shape):
    elements = st.floats(-bound, bound, width=np.dtype(dtype).itemsize * 8)
    return hnp.arrays(dtype, hnp.array_shapes(**shape), elements=elements)


def one_hot(rng, n, c, dtype=np.float64):
    return np.eye(c, dtype=dtype)[rng.integers(c, size=n)]


def normals(rng, *shapes):
    return [rng.normal(size=shape) for shape in shapes]


def on_dict(forward):
    """Return the forward function of named parameters as one that takes them in a dict."""
    return lambda X, params: forward(X, **params)


def mlp_parameters(rng, d, h, c):
    return dict(zip(("W1", "b1", "W2", "b2"), normals(rng, (d, h), (1, h), (h, c), (1, c)), strict=True))


def mlp_3layer_parameters(rng, d, h, g, c):
    shapes = (d, h), (1, h), (h, g), (1, g), (g, c), (1, c)
    return dict(zip(("W1", "b1", "W2", "b2", "W3", "b3"), normals(rng, *shapes), strict=True))


def cnn_parameters(rng, height, width, f, kernel, c):
    features = f * ((height - kernel[0] + 1) // 2) * ((width - kernel[1] + 1) // 2)
    shapes = (f, *kernel), (1, f), (features, c), (1, c)
    return dict(zip(("filters", "b_conv", "W", "b"), normals(rng, *shapes), strict=True))


def cross_entropy_of_last(outputs, y):
    return reference.cross_entropy(outputs[-1], y)


# One call of every function, for what holds of all of them.


def call_backward_mlp(rng):
    X, y, params = rng.normal(size=(4, 3)), one_hot(rng, 4, 2), mlp_parameters(rng, 3, 5, 2)
    A1, A2 = reference.forward_mlp(X, **params)
    return [X, A1, A2, y, params["W1"], params["W2"], X @ params["W1"] + params["b1"]]


def call_backward_mlp_3layer(rng):
    X, y, params = rng.normal(size=(4, 3)), one_hot(rng, 4, 2), mlp_3layer_parameters(rng, 3, 5, 4, 2)
    A1, A2, A3 = reference.forward_mlp_3layer(X, **params)
    Z1, Z2 = X @ params["W1"] + params["b1"], A1 @ params["W2"] + params["b2"]
    return [X, A1, A2, A3, y, params["W1"], params["W2"], params["W3"], Z1, Z2]


def call_backward_batch_norm(rng):
    Z, gamma, beta = normals(rng, (4, 3), (1, 3), (1, 3))
    _, Z_hat, _, var = reference.forward_batch_norm(Z, gamma, beta)
    return [rng.normal(size=(4, 3)), Z_hat, var, gamma]


def linear(X, params):
    return X @ params["W"] + params["b"]


def linear_gradients(X, y, params):
    """Return the gradients of half the squared error, as the series writes them."""
    error = (linear(X, params) - y) / len(X)
    return {"W": X.T @ error, "b": error.sum(axis=0, keepdims=True)}


def call_backward_cnn(rng):
    X, y, params = rng.normal(size=(3, 6, 5)), one_hot(rng, 3, 4), cnn_parameters(rng, 6, 5, 2, (3, 2), 4)
    return [X, *reference.forward_cnn(X, **params), y, params["filters"], params["W"]]


CALLS = {
    "accuracy": lambda rng: [rng.dirichlet(np.ones(3), size=5), one_hot(rng, 5, 3)],
    "backward_batch_norm": call_backward_batch_norm,
    "backward_cnn": call_backward_cnn,
    "backward_mlp": call_backward_mlp,
    "backward_mlp_3layer": call_backward_mlp_3layer,
    "binary_cross_entropy": lambda rng: [rng.random((5, 1)), rng.integers(2, size=(5, 1)).astype(float)],
    "conv2d": lambda rng: normals(rng, (6, 5), (2, 3)),
    "cross_entropy": lambda rng: [rng.dirichlet(np.ones(3), size=5), one_hot(rng, 5, 3)],
    "dropout": lambda rng: [rng.normal(size=(4, 5)), 0.5],
    "dropout_mask": lambda rng: [rng.normal(size=(4, 5)), 0.5],
    "forward_batch_norm": lambda rng: normals(rng, (4, 3), (1, 3), (1, 3)),
    "forward_cnn": lambda rng: [rng.normal(size=(3, 6, 5)), *cnn_parameters(rng, 6, 5, 2, (3, 2), 4).values()],
    "forward_mlp": lambda rng: [rng.normal(size=(4, 3)), *mlp_parameters(rng, 3, 5, 2).values()],
    "forward_mlp_3layer": lambda rng: [rng.normal(size=(4, 3)), *mlp_3layer_parameters(rng, 3, 5, 4, 2).values()],
    "forward_perceptron": lambda rng: normals(rng, (4, 3), (3, 2), (1, 2)),
    "gradient_descent": lambda rng: [*normals(rng, (5, 3), (5, 2), (3, 2), (1, 2)), 0.1, 3, 2, reference.mse_loss],
    "gradient_descent_general": lambda rng: [
        *normals(rng, (4, 3), (4, 2)),
        dict(zip("Wb", normals(rng, (3, 2), (1, 2)), strict=True)),
        0.1,
        3,
        linear,
        linear_gradients,
        reference.mse_loss,
    ],
    "he_init": lambda rng: [3, 2],
    "identity": lambda rng: normals(rng, (4, 3)),
    "l2_regularization": lambda rng: [normals(rng, (3, 2), (2, 4)), 0.1],
    "matrix_multiply": lambda rng: normals(rng, (4, 3), (3, 2)),
    "max_pool": lambda rng: normals(rng, (5, 6, 2)),
    "momentum_update": lambda rng: [*normals(rng, (3, 2), (3, 2)), 0.9, 0.1],
    "mse_loss": lambda rng: normals(rng, (4, 2), (4, 2)),
    "normalize": lambda rng: normals(rng, (5, 3)),
    "numerical_gradient": lambda rng: [
        *normals(rng, (4, 3), (4, 2)),
        dict(zip("Wb", normals(rng, (3, 2), (1, 2)), strict=True)),
        reference.mse_loss,
        linear,
    ],
    "relu": lambda rng: normals(rng, (4, 3)),
    "sigmoid": lambda rng: normals(rng, (4, 3)),
    "softmax": lambda rng: normals(rng, (4, 3)),
    "xavier_init": lambda rng: [3, 2],
}
OPTIONS = {name: signature(getattr(reference, name)).parameters for name in CALLS}
DRAWING = [name for name in CALLS if "rng" in OPTIONS[name]]


def call(name, arguments, rng=0, **given):
    options = {option: value for option, value in (("rng", rng), ("verbose", False)) if option in OPTIONS[name]}
    return getattr(reference, name)(*arguments, **{**options, **given})


def map_arrays(function, tree):
    """Apply `function` to every array in nested lists, tuples and dicts."""
    if isinstance(tree, np.ndarray):
        return function(tree)
    if isinstance(tree, dict):
        return {key: map_arrays(function, value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [map_arrays(function, value) for value in tree]
    return tree


def arrays_of(tree):
    found = []
    map_arrays(found.append, tree)
    return found


def strided(array):
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def read_only(array):
    array.flags.writeable = False
    return array


def test_every_function_is_called_here():
    assert set(CALLS) == set(reference.__all__)


def test_every_function_has_its_chapter():
    chapters = reference.__doc__.split("What each chapter adds:")[1].split("What differs")[0]
    assert sorted(re.findall(r"`(\w+)`", chapters)) == sorted(reference.__all__)


def test_stands_alone():
    """A copy of the file works where there is nothing but NumPy."""
    code = """
import runpy, sys
sys.modules["nn"] = sys.modules["autograd_np"] = sys.modules["scipy"] = None
names = runpy.run_path(sys.argv[1])
names["conv2d"](names["softmax"]([[1.0, 2.0]]), [[1.0]])
"""
    subprocess.run([sys.executable, "-c", code, reference.__file__], check=True)


@pytest.mark.parametrize("name", CALLS)
@given(rng=generators)
def test_changes_no_argument_and_returns_none(name, rng):
    arguments = CALLS[name](rng)
    before = copy.deepcopy(arguments)
    results = call(name, map_arrays(read_only, arguments))
    for array, kept in zip(arrays_of(arguments), arrays_of(before), strict=True):
        assert_array_equal(array, kept)
    for result in arrays_of(results) if name != "identity" else []:
        assert not any(np.shares_memory(result, argument) for argument in arrays_of(arguments))


@pytest.mark.parametrize("name", [name for name in CALLS if name not in ("he_init", "xavier_init")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(rng=generators)
def test_keeps_the_dtype(name, dtype, rng):
    arguments = map_arrays(lambda array: array.astype(dtype), CALLS[name](rng))
    assert {result.dtype for result in arrays_of(call(name, arguments))} <= {np.dtype(dtype)}


@pytest.mark.parametrize(("name", "labels"), [("backward_mlp", 3), ("backward_mlp_3layer", 4), ("backward_cnn", 5)])
def test_float64_labels_do_not_widen_float32_gradients(name, labels):
    arguments = map_arrays(lambda array: array.astype(np.float32), CALLS[name](np.random.default_rng(0)))
    arguments[labels] = arguments[labels].astype(np.float64)
    assert {gradient.dtype for gradient in call(name, arguments)} == {np.dtype(np.float32)}


def test_integers_become_floats():
    pixels = np.array([[200, 100], [50, 255]], dtype=np.uint8)
    assert reference.mse_loss(pixels, pixels[::-1]) == pytest.approx((150**2 + 155**2) / 2)
    assert_array_equal(reference.conv2d(pixels, np.ones((2, 2), np.uint8)), [[605.0]])
    assert_array_equal(reference.matrix_multiply(pixels, pixels), pixels.astype(float) @ pixels)
    assert reference.matrix_multiply(pixels, pixels.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("layout", [np.asfortranarray, strided])
@given(rng=generators)
def test_memory_layout_does_not_matter(name, layout, rng):
    arguments = CALLS[name](rng)
    results, expected = call(name, map_arrays(layout, arguments)), call(name, arguments)
    if isinstance(expected, float):
        results, expected = np.array(results), np.array(expected)
    for result, other in zip(arrays_of(results), arrays_of(expected), strict=True):
        assert_allclose(result, other, rtol=1e-9, atol=1e-9)


BIASES = {
    "backward_batch_norm": (2, 3),
    "forward_batch_norm": (1, 2),
    "forward_cnn": (2, 4),
    "forward_mlp": (2, 4),
    "forward_mlp_3layer": (2, 4, 6),
    "forward_perceptron": (2,),
    "gradient_descent": (3,),
}


@pytest.mark.parametrize(("name", "position"), [(name, i) for name, places in BIASES.items() for i in places])
@given(rng=generators)
def test_biases_may_come_without_their_axis_of_samples(name, position, rng):
    arguments = CALLS[name](rng)
    expected = arrays_of(call(name, arguments))
    results = arrays_of(call(name, [a[0] if i == position else a for i, a in enumerate(arguments)]))
    if name == "gradient_descent":
        assert results[1].shape == arguments[position][0].shape
        expected[1] = expected[1][0]
    for result, other in zip(results, expected, strict=True):
        assert result.shape == other.shape
        assert_allclose(result, other, rtol=1e-12)


def test_every_bias_is_known():
    """Hold the table above against the shapes that the functions document."""
    documented = {
        (name, i)
        for name in CALLS
        for i, parameter in enumerate(OPTIONS[name])
        if re.search(rf"^    {parameter} : array_like, shape \(1, ", getattr(reference, name).__doc__, re.MULTILINE)
    }
    assert documented | {("backward_batch_norm", 2)} == {(name, i) for name, places in BIASES.items() for i in places}


@pytest.fixture
def seed_globally():
    """Return ``np.random.seed``, and put NumPy's global generator back as it was."""
    state = np.random.get_state()  # noqa: NPY002 - the generator that programs of the series use
    yield np.random.seed
    np.random.set_state(state)  # noqa: NPY002


@pytest.mark.parametrize("name", DRAWING)
def test_the_global_generator_governs_unless_another_is_given(name, seed_globally):
    arguments = CALLS[name](np.random.default_rng(0))

    def drawn(rng):
        return np.concatenate([np.ravel(array) for array in arrays_of(call(name, arguments, rng=rng))])

    seed_globally(1)
    first, second = drawn(None), drawn(None)
    seed_globally(1)
    assert_array_equal(drawn(None), first)
    assert (first != second).any()
    assert_array_equal(drawn(3), drawn(np.random.default_rng(3)))
    assert (drawn(3) != drawn(4)).any()
    # Those left the global generator where it was.
    assert_array_equal(drawn(None), second)


# Elementary functions


@given(X=floats(1e3, min_dims=2, max_dims=2, min_side=2))
def test_normalize_gives_mean_0_and_deviation_1(X):
    X = X.round(3)
    result = reference.normalize(X)
    varies = np.ptp(X, axis=0) > 0
    assert_allclose(result.mean(axis=0), 0, atol=1e-9)
    assert_allclose(result.std(axis=0)[varies], 1, atol=1e-9)
    assert_allclose(result[:, ~varies], 0, atol=1e-15)


@given(value=st.floats(-1e6, 1e6), n=st.integers(1, 50))
def test_normalize_only_centres_a_constant_feature(value, n):
    assert_allclose(reference.normalize(np.full((n, 1), value)), 0, atol=1e-9)


@given(rng=generators, n=sizes, shape=st.lists(sizes, max_size=3))
def test_normalize_takes_samples_of_any_shape(rng, n, shape):
    """Numbers, rows, images, stacks of images: each entry is a feature of its own."""
    X = rng.normal(size=(n, *shape))
    flat = reference.normalize(X.reshape(n, -1))
    assert_allclose(reference.normalize(X), flat.reshape(X.shape), rtol=1e-12, atol=1e-12)


class TestNormalizeAtEverySize:
    """Sums and squares of large numbers overflow, and squares of small ones vanish; quotients of deviations do neither.

    Of the same kind: every floating dtype, numbers that are subnormal or the largest there are, features of different
    sizes side by side, and constant ones. Where neither happens, results are those of the formula to the last bit.
    """

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @given(data=st.data())
    def test_ordinary_results_are_those_of_the_formula(self, dtype, data):
        X = data.draw(floats(1e3, dtype, min_dims=2, max_dims=2)).round(3)
        varies = (X.min(axis=0) < X.max(axis=0)) & (X.std(axis=0) > 0)
        expected = ((X - X.mean(axis=0)) / np.where(varies, X.std(axis=0), 1))[:, varies]
        assert_array_equal(reference.normalize(X)[:, varies], expected)

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
    def test_two_values_become_plus_and_minus_1(self, dtype):
        limits = np.finfo(dtype)
        sizes = [limits.max, limits.max / 3, np.sqrt(limits.max), dtype(1), np.sqrt(limits.tiny), limits.tiny]
        sizes += [limits.smallest_subnormal]
        X = np.array([sizes, sizes], dtype) * np.array([[1], [-1]], dtype)
        assert_array_equal(reference.normalize(X), np.sign(X))
        one_sided = X * np.array([[1], [0]], dtype)
        assert_array_equal(reference.normalize(one_sided), np.sign(X))

    @given(rng=generators, size=st.sampled_from([2.0**1020, 2.0**600, 2.0**-600, 2.0**-1000]))
    def test_a_power_of_2_changes_no_bit(self, rng, size):
        X = rng.uniform(-1, 1, size=(5, 3)).round(2)
        assert_array_equal(reference.normalize(X * size), reference.normalize(X))

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_a_constant_feature_is_centred(self, dtype):
        limits = np.finfo(dtype)
        X = np.full((7, 4), [limits.max, -limits.max, limits.smallest_subnormal, 0], dtype)
        assert_allclose(reference.normalize(X), 0, atol=limits.eps)

    def test_nan_stays_in_its_feature(self):
        assert_array_equal(reference.normalize([[np.nan, 1], [2, 3]]), [[np.nan, -1], [np.nan, 1]])


@given(rng=generators, m=sizes, n=sizes, p=sizes)
def test_matrix_multiply_is_the_sum_of_products(rng, m, n, p):
    X, W = normals(rng, (m, n), (n, p))
    expected = [[sum(X[i, k] * W[k, j] for k in range(n)) for j in range(p)] for i in range(m)]
    assert_allclose(reference.matrix_multiply(X, W), expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
def test_sigmoid_is_the_logistic_function(dtype, data):
    Z = data.draw(floats(2.0**100, dtype))
    assert_allclose(reference.sigmoid(Z), expit(Z), rtol=8 * np.finfo(dtype).eps, atol=np.finfo(dtype).tiny)


@given(Z=floats(1e6))
def test_relu_is_the_positive_part(Z):
    assert_array_equal(reference.relu(Z), np.where(Z > 0, Z, 0))


@given(Z=floats(1e4, min_dims=1), shift=st.floats(-1e4, 1e4))
def test_softmax_gives_distributions_that_ignore_a_shift(Z, shift):
    A = reference.softmax(Z)
    assert_allclose(A, scipy_softmax(Z, axis=-1), atol=1e-12)
    assert_allclose(A.sum(axis=-1), 1)
    assert_allclose(reference.softmax(Z + shift), A, atol=1e-8)


@given(size=st.sampled_from([1000.0, 1e30]), sign=st.sampled_from([-1, 1]), n=sizes, k=sizes)
def test_softmax_of_huge_equal_logits_is_uniform(size, sign, n, k):
    assert_array_equal(reference.softmax(np.full((n, k), sign * size)), np.full((n, k), 1 / k))


# Losses


@given(rng=generators, n=sizes, p=sizes)
def test_mse_loss_and_its_gradient_with_the_factor_2(rng, n, p):
    y_pred, y = normals(rng, (n, p), (n, p))
    expected = sum((a - b) ** 2 for a, b in zip(y_pred.flat, y.flat, strict=True)) / (n * p)
    assert reference.mse_loss(y_pred, y) == pytest.approx(expected)
    numerical = reference.numerical_gradient(
        None, y, {"y_pred": y_pred}, reference.mse_loss, lambda _, params: params["y_pred"]
    )
    assert_allclose(numerical["y_pred"], 2 * (y_pred - y) / (n * p), atol=1e-9)


@given(rng=generators, n=sizes)
def test_binary_cross_entropy_is_cross_entropy_of_two_classes(rng, n):
    A, y = rng.random((n, 1)), rng.integers(2, size=(n, 1))
    two_columns = np.hstack([A, 1 - A]), np.hstack([y, 1 - y])
    assert reference.binary_cross_entropy(A, y) == pytest.approx(reference.cross_entropy(*two_columns))


@given(rng=generators, n=sizes, c=class_counts)
def test_cross_entropy_is_the_mean_surprisal_of_the_true_class(rng, n, c):
    A, labels = rng.dirichlet(np.ones(c), size=n), rng.integers(c, size=n)
    expected = -np.mean([np.log(A[i, label]) for i, label in enumerate(labels)])
    assert reference.cross_entropy(A, np.eye(c)[labels]) == pytest.approx(expected)


@given(rng=generators, n=sizes, c=class_counts, data=st.data())
def test_samples_without_a_label_cost_nothing(rng, n, c, data):
    A, y = rng.dirichlet(np.ones(c), size=n), one_hot(rng, n, c)
    labelled = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))[:, np.newaxis]
    surprisals = -np.log((A * y).sum(axis=1, keepdims=True))
    assert reference.cross_entropy(A, y * labelled) == pytest.approx((surprisals * labelled).mean())
    nobody = np.log(np.maximum(1 - A, 1e-15))
    assert reference.binary_cross_entropy(A, 0 * y) == pytest.approx(-nobody.mean())


# The positions of what has an axis of classes.
CLASSES = {
    "backward_cnn": (4, 5, 7),
    "backward_mlp": (2, 3, 5),
    "backward_mlp_3layer": (3, 4, 7),
    "cross_entropy": (0, 1),
    "forward_cnn": (3, 4),
    "forward_mlp": (3, 4),
    "forward_mlp_3layer": (5, 6),
}


class TestOneOutputIsNoClass:
    """Behind a softmax a single output is 1, whatever came before: its losses and gradients would all be 0.

    Every function that has classes refuses one of them, the loss, the networks and their backward passes, whatever the
    labels are. Two classes in one column stay with the functions that mean that.
    """

    def test_every_function_of_classes_is_here(self):
        documented = {
            name
            for name in CALLS
            if re.search(r"^    .* shape .*, c\)", getattr(reference, name).__doc__, re.MULTILINE)
        }
        assert documented == {*CLASSES} | {"accuracy", "softmax"}

    @pytest.mark.parametrize("name", CLASSES)
    @pytest.mark.parametrize("label", [0, 1])
    def test_it_is_refused(self, name, label):
        arguments = CALLS[name](np.random.default_rng(0))
        for position in CLASSES[name]:
            arguments[position] = np.full_like(arguments[position][..., :1], label)
        refused(name, *arguments, message="one class; .* binary_cross_entropy")

    def test_two_classes_in_one_column_are_for_binary_cross_entropy(self):
        A, y = [[0.99]] * 4, [[0], [0], [0], [1]]
        assert reference.binary_cross_entropy(A, y) == pytest.approx(3.456, abs=5e-4)
        assert reference.accuracy(A, y) == 0.25


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_losses_of_certainty(dtype):
    certain, y = np.array([[0, 1], [1, 0]], dtype), np.array([[0, 1], [1, 0]], dtype)
    worst = -np.log(1e-15)
    for loss in (reference.binary_cross_entropy, reference.cross_entropy):
        assert loss(certain, y) == 0
        assert loss(certain, 1 - y) == pytest.approx(worst, rel=1e-6)


def test_loss_of_half_precision_is_finite():
    A = np.array([[0.0, 1.0]], np.float16)
    assert reference.cross_entropy(A, [[1, 0]]) == pytest.approx(-np.log(1e-15), rel=1e-6)


def test_nan_goes_through_the_losses():
    A, y = [[np.nan, 0.5]], [[1, 0]]
    assert all(np.isnan(loss(A, y)) for loss in (reference.mse_loss, reference.binary_cross_entropy))
    assert np.isnan(reference.cross_entropy(A, y))


# Descent

LINE = np.arange(1.0, 9.0)[:, np.newaxis]
START = np.zeros((1, 1)), np.zeros((1, 1))


@given(seed=seeds, batch_size=st.integers(1, 10))
def test_gradient_descent_finds_the_line(seed, batch_size):
    W, b, history = reference.gradient_descent(
        LINE, 2 * LINE, *START, 0.02, 500, batch_size, reference.mse_loss, verbose=False, rng=seed
    )
    assert len(history) == 500
    assert_allclose([W.item(), b.item()], [2, 0], atol=0.15)
    assert history[-1] < 0.01


def test_gradient_descent_diverges_above_the_documented_rate():
    X1 = np.hstack([LINE, np.ones_like(LINE)])
    bound = 2 / np.linalg.eigvalsh(X1.T @ X1 / 8).max()
    assert bound == pytest.approx(0.076, abs=5e-4)

    def losses(lr, num_epochs):
        return reference.gradient_descent(LINE, 2 * LINE, *START, lr, num_epochs, 8, reference.mse_loss, verbose=False)[
            2
        ]

    assert losses(0.99 * bound, 500)[-1] < losses(0.99 * bound, 1)[-1]
    assert losses(1.01 * bound, 500)[-1] > losses(1.01 * bound, 1)[-1]
    assert np.all(np.diff(losses(0.1, 50)) > 0)


@given(rng=generators, n=sizes, d=sizes, p=sizes, excess=st.integers(0, 5))
def test_one_full_batch_is_a_step_against_half_the_gradient(rng, n, d, p, excess):
    X, y, W, b = normals(rng, (n, d), (n, p), (d, p), (1, p))
    new_W, new_b, _ = reference.gradient_descent(X, y, W, b, 0.1, 1, n + excess, reference.mse_loss)
    gradients = reference.numerical_gradient(X, y, {"W": W, "b": b}, reference.mse_loss, linear)
    # The loss is a mean over samples and outputs, the step one over samples.
    assert_allclose(new_W, W - 0.1 * gradients["W"] * p / 2, atol=1e-8)
    assert_allclose(new_b, b - 0.1 * gradients["b"] * p / 2, atol=1e-8)


@given(rng=generators, n=sizes, d=sizes)
def test_one_logistic_step_is_against_the_gradient(rng, n, d):
    X, W, b = normals(rng, (n, d), (d, 1), (1, 1))
    y = rng.integers(2, size=(n, 1))
    new_W, new_b, history = reference.gradient_descent(
        X, y, W, b, 0.1, 1, n, reference.binary_cross_entropy, reference.sigmoid
    )
    gradients = reference.numerical_gradient(
        X, y, {"W": W, "b": b}, reference.binary_cross_entropy, on_dict(reference.forward_perceptron)
    )
    assert_allclose(new_W, W - 0.1 * gradients["W"], atol=1e-7)
    assert_allclose(new_b, b - 0.1 * gradients["b"], atol=1e-7)
    loss = reference.binary_cross_entropy(reference.forward_perceptron(X, new_W, new_b), y)
    assert history == [pytest.approx(loss)]


def test_every_epoch_sees_every_sample_once_in_a_new_order():
    seen = []

    def spy(Z):
        seen.extend(Z.ravel().tolist())
        return Z

    n = 7
    X = np.arange(1.0, n + 1)[:, np.newaxis]
    reference.gradient_descent(X, X, [[1.0]], [[0.0]], 0.001, 3, 3, reference.mse_loss, spy, rng=0)
    # Each epoch hands the activation its batches, then all of the data for the loss. The weight 1 is already right.
    epochs = [seen[i : i + n] for i in range(0, len(seen), 2 * n)]
    assert len(epochs) == 3
    assert all(sorted(epoch) == X.ravel().tolist() for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_descent_without_shuffling_takes_the_samples_in_their_order():
    *_, history = reference.gradient_descent(LINE, 2 * LINE, *START, 0.1, 5, 2, reference.mse_loss, shuffle=False)
    W, b = 0.0, 0.0
    for _ in range(5):
        for x in LINE.reshape(4, 2):
            error = W * x + b - 2 * x
            W, b = W - 0.1 * (error @ x) / 2, b - 0.1 * error.mean()
    assert history[-1] == pytest.approx(((W * LINE + b - 2 * LINE) ** 2).mean())


def test_descent_is_repeatable_and_prints_unless_told_otherwise(capsys):
    def run(**options):
        return reference.gradient_descent(LINE, 2 * LINE, *START, 0.01, 3, 2, reference.mse_loss, **options)

    assert run(rng=5)[2] == run(rng=5)[2] == run(rng=np.random.default_rng(5))[2] != run(rng=6)[2]
    capsys.readouterr()
    history = run()[2]
    assert capsys.readouterr().out.splitlines() == [f"Epoch {i}/3, Loss: {history[i - 1]:.4f}" for i in (1, 2, 3)]
    run(verbose=False)
    assert capsys.readouterr().out == ""


@given(rng=generators, n=sizes, d=sizes, p=sizes, steps=st.integers(1, 5))
def test_general_descent_of_a_linear_model_is_gradient_descent(rng, n, d, p, steps):
    X, y, W, b = normals(rng, (n, d), (n, p), (d, p), (1, p))
    params, history = reference.gradient_descent_general(
        X, y, {"W": W, "b": b}, 0.1, steps, linear, linear_gradients, reference.mse_loss
    )
    *expected, losses = reference.gradient_descent(
        X, y, W, b, 0.1, steps, n, reference.mse_loss, shuffle=False, verbose=False
    )
    assert_allclose(history, losses)
    for parameter, value in zip(params.values(), expected, strict=True):
        assert_allclose(parameter, value, atol=1e-12)


@given(rng=generators, n=sizes, d=sizes, h=sizes, c=class_counts)
def test_general_descent_by_hand_is_that_by_automatic_and_numerical_gradients(rng, n, d, h, c):
    X, y, params = rng.normal(size=(n, d)), one_hot(rng, n, c), mlp_parameters(rng, d, h, c)
    assume(np.abs(X @ params["W1"] + params["b1"]).min() > CLEAR)
    assume_unclipped(reference.forward_mlp(X, **params)[1], y)

    def probabilities(X, params):
        return reference.forward_mlp(X, **params)[1]

    def by_hand(X, y, params):
        A1, A2 = reference.forward_mlp(X, **params)
        return dict(zip(params, reference.backward_mlp(X, A1, A2, y, params["W1"], params["W2"], A1), strict=True))

    def automatic(X, y, params):
        def loss(p):
            logits = nn.functional.relu(X @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
            return nn.functional.cross_entropy(logits, y)

        return value_and_grad(loss)(params)[1]

    def numerical(X, y, params):
        return reference.numerical_gradient(X, y, params, reference.cross_entropy, probabilities, CLEAR / 100)

    fitted = [
        reference.gradient_descent_general(X, y, params, 1e-3, 1, probabilities, grad_fn, reference.cross_entropy)[0]
        for grad_fn in (by_hand, automatic, numerical)
    ]
    for name in params:
        assert_allclose(fitted[0][name], fitted[1][name], rtol=1e-12, atol=1e-15)
        assert_allclose(fitted[0][name], fitted[2][name], atol=1e-9)


@pytest.mark.parametrize("name", ["W", "y"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_keep_their_dtype_whatever_their_name(name, dtype):
    X, params = np.ones((2, 3)), {name: np.ones((3, 1), dtype)}

    def forward(X, params):
        return X @ params[name]

    def gradients(X, y, params):
        return reference.numerical_gradient(X, y, params, reference.mse_loss, forward)

    assert gradients(X, np.ones((2, 1)), params)[name].dtype == dtype
    fitted, _ = reference.gradient_descent_general(
        X, np.ones((2, 1)), params, 0.1, 1, forward, gradients, reference.mse_loss
    )
    assert fitted[name].dtype == dtype


class TestFunctionsThatWriteIntoWhatTheyAreHanded:
    """A function that is handed over may rebind, add and remove the names of its dict, and write into no array.

    Every function that takes others is held to it, for each of the others: `numerical_gradient`, whose central
    differences would compare losses of different parameters, `gradient_descent_general` and `gradient_descent`, which
    would go on with other data or parameters. It does not matter how the array was reached: through the dict, as an
    argument, or as the caller's own variable.
    """

    X, y, params = np.array([[1.0], [2.0]]), np.array([[3.0], [5.0]]), {"W": np.array([[1.5]]), "b": np.array([[0.5]])}
    TAMPERING = (
        lambda p: p.update(W=p["W"] * 1.0),
        lambda p: p.update(Z=p["W"]),
        lambda p: p.pop("W"),
        lambda p: p.clear(),
        lambda p: p.update(b=None),
    )

    @pytest.mark.parametrize("tamper", TAMPERING)
    def test_the_dict_is_their_own(self, tamper):
        """The gradients and steps are those of functions that leave their dict alone."""
        gradients = linear_gradients(self.X, self.y, self.params)
        reached = []

        def forward(X, p):
            reached.append(len(p))
            Z = linear(X, p)
            tamper(p)
            return Z

        def backward(X, y, p):
            found = linear_gradients(X, y, p)
            tamper(p)
            return found

        numerical = reference.numerical_gradient(self.X, self.y, self.params, reference.mse_loss, forward)
        for name in self.params:
            assert_allclose(numerical[name], 2 * gradients[name], atol=1e-8)
        fitted, _ = reference.gradient_descent_general(
            self.X, self.y, self.params, 0.1, 3, forward, backward, reference.mse_loss
        )
        expected, _ = reference.gradient_descent_general(
            self.X, self.y, self.params, 0.1, 3, linear, linear_gradients, reference.mse_loss
        )
        assert {*reached} == {2}
        assert_array_equal([fitted["W"], fitted["b"]], [expected["W"], expected["b"]])

    @pytest.mark.parametrize("written", ["W", "b", "X", "y"])
    @pytest.mark.parametrize("reached", ["as handed", "as the caller's"])
    @pytest.mark.parametrize("raises", [False, True])
    def test_numerical_gradient_refuses_them(self, written, reached, raises):
        arrays = {"X": self.X.copy(), "y": self.y.copy(), "W": self.params["W"].copy(), "b": self.params["b"].copy()}
        before = copy.deepcopy(arrays)
        params = {"W": arrays["W"], "b": arrays["b"]}

        def write(handed):
            (handed if reached == "as handed" else arrays)[written][...] += 1
            if raises:
                raise ArithmeticError

        def forward(X, p):
            Z = linear(X, p)
            if written != "y":
                write({"X": X, **p})
            return Z

        def loss(y_pred, y):
            value = reference.mse_loss(y_pred, y)
            if written == "y":
                write({"y": y})
            return value

        message = None if raises else f"^numerical_gradient: .* writes into {written},"
        with pytest.raises(ArithmeticError if raises else ValueError, match=message):
            reference.numerical_gradient(arrays["X"], arrays["y"], params, loss, forward)
        for name, array in arrays.items():
            assert_array_equal(array, before[name])

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.int64, np.uint8, bool])
    def test_data_of_every_dtype_are_watched(self, dtype):
        X = np.array([[1], [0]], dtype)

        def forward(X, p):
            X[...] = 1
            return X @ p["W"]

        refused("numerical_gradient", X, self.y, {"W": np.ones((1, 1))}, reference.mse_loss, forward, message="X,")
        assert_array_equal(X, [[1], [0]])

    @pytest.mark.parametrize(
        ("writer", "position", "written"),
        [
            *[("forward_fn", position, written) for position, written in ((0, "X"), (1, "W"), (1, "b"))],
            *[("grad_fn", position, written) for position, written in ((0, "X"), (1, "y"), (2, "W"), (2, "b"))],
            ("loss_fn", 1, "y"),
        ],
    )
    def test_general_descent_refuses_them(self, writer, position, written):
        X, y, params = self.X.copy(), self.y.copy(), copy.deepcopy(self.params)
        functions = {"forward_fn": linear, "grad_fn": linear_gradients, "loss_fn": reference.mse_loss}

        def writing(*arguments):
            result = functions[writer](*arguments)
            handed = arguments[position]
            (handed[written] if isinstance(handed, dict) else handed)[...] += 1
            return result

        given = {**functions, writer: writing}
        refused("gradient_descent_general", X, y, params, 0.1, 2, *given.values(), message=f"writes into {written},")
        assert_array_equal(X, self.X)
        assert_array_equal(y, self.y)
        for name in params:
            assert_array_equal(params[name], self.params[name])

    def test_descent_refuses_a_loss_that_writes_into_the_targets(self):
        y = self.y.copy()

        def loss(y_pred, y):
            y -= y_pred
            return float((y**2).mean())

        refused("gradient_descent", self.X, y, [[1.5]], [[0.5]], 0.1, 2, 2, loss, message="writes into y,")
        assert_array_equal(y, self.y)

    def test_values_that_are_not_numbers_are_no_writing(self):
        """NaN is not equal to itself; text is data as well as numbers are."""
        for X in (np.array([np.nan]), np.array(["a"]), np.array([None]), np.array([1j])):
            assert reference.numerical_gradient(
                X, X, {"W": np.array([2.0])}, lambda value, _: value, lambda _, p: p["W"] ** 2
            )["W"] == pytest.approx(4)


# Numerical gradients


@given(A=floats(10), h=st.sampled_from([1e-2, 1e-4]))
def test_numerical_gradient_of_a_square(A, h):
    """Central differences are exact for quadratics, whatever the step."""
    square = reference.numerical_gradient(
        None, None, {"A": A}, lambda value, _: value.sum(), lambda _, p: p["A"] ** 2, h
    )
    assert square["A"].shape == A.shape
    assert_allclose(square["A"], 2 * A, atol=1e-6)


@given(rng=generators, calls=st.integers(0, 5))
def test_parameters_are_unchanged_when_the_loss_raises(rng, calls):
    params = {"W": rng.normal(size=(2, 2)), "b": rng.normal(size=(1, 2))}
    before = copy.deepcopy(params)
    left = calls

    def failing_loss(y_pred, y):
        nonlocal left
        left -= 1
        if left < 0:
            raise ArithmeticError
        return 0.0

    with pytest.raises(ArithmeticError):
        reference.numerical_gradient(None, None, params, failing_loss, lambda _, p: p["W"] + p["b"])
    assert params.keys() == before.keys()
    for name in params:
        assert_array_equal(params[name], before[name])


@given(rng=generators)
def test_the_forward_function_is_handed_the_data_and_a_dict_of_all_parameters(rng):
    X, y, params = object(), object(), {"W": rng.normal(size=(2, 3)), "b": rng.normal(size=3), "scale": np.array(2.0)}
    before = copy.deepcopy(params)
    seen = []

    def forward(*arguments):
        seen.append(arguments)
        return {name: value.copy() for name, value in arguments[1].items()}

    def loss(displaced, target):
        assert target is y
        moved = {name: np.count_nonzero(displaced[name] != before[name]) for name in params}
        assert sorted(moved.values()) == [0, 0, 1]
        return float(len(seen))

    reference.numerical_gradient(X, y, params, loss, forward)
    assert len(seen) == 2 * sum(value.size for value in params.values())
    for handed, given_params in seen:
        assert handed is X
        assert type(given_params) is dict
        assert list(given_params) == list(params)


def product(X, params):
    return X @ params["W"]


def test_numerical_gradient_is_precise_for_float32_and_integers():
    X, y = np.array([[1, 2]]), np.array([[3.0]])
    for dtype, expected in ((np.float32, np.float32), (int, np.float64)):
        gradients = reference.numerical_gradient(X, y, {"W": np.array([[1], [2]], dtype)}, reference.mse_loss, product)
        assert gradients["W"].dtype == expected
        assert_allclose(gradients["W"], [[4], [8]], rtol=1e-6)


class TestForwardFunctionsThatReadTheCallersArrays:
    """A forward function may take the parameters from where it finds them: its dict, or the caller's variables.

    Of the same kind: loss functions that read them, some parameters read here and others there, views of the
    parameters, any memory order, every floating dtype, and steps that are too small for it. Arrays that no step can be
    written into, integers and read-only ones, are read from the dict.
    """

    @given(rng=generators, dtype=st.sampled_from([np.float32, np.float64, np.longdouble]), order=st.sampled_from("CF"))
    def test_it_finds_the_same_gradients_wherever_they_are_read(self, rng, dtype, order):
        X, y = normals(rng, (4, 3), (4, 2))
        W, b = (np.array(array, dtype, order=order) for array in normals(rng, (3, 2), (1, 2)))
        params, before = {"W": W, "b": b}, {"W": W.copy(), "b": b.copy()}
        expected = reference.numerical_gradient(X, y, params, reference.mse_loss, linear)
        for forward in (
            lambda X, _: X @ W + b,
            lambda X, p: X @ p["W"] + b,
            lambda X, p: X @ W + p["b"],
            lambda X, _: X @ W.T.T + b[0],
        ):
            found = reference.numerical_gradient(X, y, params, reference.mse_loss, forward)
            for name in params:
                assert found[name].dtype == dtype
                assert_allclose(found[name], expected[name], rtol=1e-7, atol=1e-7 if dtype != np.float32 else 1e-2)
                assert_array_equal(params[name], before[name])

    def test_a_loss_function_reads_them_as_well(self):
        W = np.array([[1.0], [-2.0]])

        def penalised(y_pred, y):
            return reference.mse_loss(y_pred, y) + np.sum(W**2)

        X, y = np.array([[1.0, 2.0]]), np.array([[3.0]])
        gradients = reference.numerical_gradient(X, y, {"W": W}, penalised, product)
        assert_allclose(gradients["W"], 2 * (X @ W - y) * X.T + 2 * W, rtol=1e-9)

    def test_views_step_in_what_they_are_views_of(self):
        theta = np.array([1.0, 2.0, 3.0])
        gradients = reference.numerical_gradient(
            None, None, {"W": theta[:2], "b": theta[2:]}, lambda value, _: value, lambda *_: np.sum(theta**2)
        )
        assert_allclose(np.concatenate([gradients["W"], gradients["b"]]), [2, 4, 6], rtol=1e-9)
        assert_array_equal(theta, [1, 2, 3])

    def test_one_array_of_two_names_keeps_two_partial_derivatives(self):
        W = np.array([[2.0]])
        gradients = reference.numerical_gradient(
            None, None, {"W1": W, "W2": W.T}, lambda value, _: value, lambda _, p: p["W1"] * p["W2"] ** 2
        )
        assert_allclose([gradients["W1"].item(), gradients["W2"].item()], [4, 8], rtol=1e-9)

    @pytest.mark.parametrize(("dtype", "value"), [(np.float16, 100.0), (np.float32, 1e6), (np.float64, 1e14)])
    def test_a_step_that_the_array_cannot_hold_is_made_longer(self, dtype, value):
        W = np.array([value, -value], dtype)
        for forward in (lambda *_: W, lambda _, p: p["W"]):
            gradients = reference.numerical_gradient(
                None, None, {"W": W}, lambda W, _: 2 * (float(W[0]) - value) - 3 * (float(W[1]) + value), forward
            )
            assert_allclose(gradients["W"], [2, -3], rtol=1e-6)
        assert_array_equal(W, np.array([value, -value], dtype))

    @pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble])
    @pytest.mark.parametrize("calls", range(4))
    def test_they_are_as_before_when_a_call_raises(self, kind, calls):
        W, left = np.array([np.pi, -0.0], kind), iter(range(calls))
        before = W.copy()

        def forward(X, params):
            next(left)
            return W

        with pytest.raises(StopIteration):
            reference.numerical_gradient(None, None, {"W": W}, lambda value, _: value.sum(), forward)
        assert_array_equal(W, before)
        assert_array_equal(np.signbit(W), [False, True])

    def test_what_cannot_be_written_is_displaced_in_the_dict(self):
        fixed = np.array([[1.0], [2.0]])
        fixed.flags.writeable = False
        X, y = np.array([[1, 2]]), np.array([[3.0]])
        for W in (fixed, [[1.0], [2.0]], [[1], [2]], np.array([[1], [2]]), np.broadcast_to(1.0, (2, 1))):
            before = np.array(W)
            gradients = reference.numerical_gradient(X, y, {"W": W}, reference.mse_loss, product)
            assert_allclose(gradients["W"], 2 * (X @ before - y) * X.T, rtol=1e-6, atol=1e-9)
            assert_array_equal(W, before)


class TestForwardFunctionsThatDoNotReadTheirDict:
    """A forward function that computes with other arrays than those it is given would find gradients of 0, silently.

    Of the same kind: a dict of copies, lists, integers and read-only arrays that it reads from the caller's own dict,
    parameters of other names, losses that are infinite. What reads its parameters is right to find 0 where the loss is
    flat: the bottom of a square, silent units, a factor of 0.
    """

    X, y = np.array([[1.0, 2.0]]), np.array([[3.0]])

    @pytest.mark.parametrize(
        "outer",
        [np.array([[1], [2]]), [[1.0], [2.0]], np.broadcast_to(1.0, (2, 1)), np.array([[True], [False]])],
        ids=["integers", "lists", "read-only", "booleans"],
    )
    def test_arrays_that_no_step_can_be_written_into(self, outer):
        before = np.array(outer)
        refused(
            "numerical_gradient", self.X, self.y, {"W": outer}, reference.mse_loss,
            lambda X, _: X @ np.asarray(outer), message="forward_fn must compute with the dict it is given",
        )  # fmt: skip
        assert_array_equal(outer, before)

    @given(rng=generators, copied=st.sampled_from([copy.deepcopy, lambda p: {name: W.copy() for name, W in p.items()}]))
    def test_a_dict_of_copies(self, rng, copied):
        X, y, W, b = normals(rng, (4, 3), (4, 2), (3, 2), (1, 2))
        given_params = {"W": W, "b": b}
        params = copied(given_params)
        refused(
            "numerical_gradient", X, y, given_params, reference.mse_loss, lambda X, _: linear(X, params),
            message="params have no effect",
        )  # fmt: skip
        for name, array in params.items():
            assert_array_equal(given_params[name], array)

    def test_an_infinite_loss(self):
        refused(
            "numerical_gradient", None, None, {"W": 1.0}, lambda value, _: value, lambda *_: np.inf, message="effect"
        )

    @pytest.mark.parametrize(
        ("params", "forward"),
        [
            ({"W": np.zeros(3)}, lambda _, p: np.sum(p["W"] ** 2)),
            ({"W": -np.ones(1)}, lambda _, p: reference.relu(p["W"]).sum()),
            ({"W": -np.ones(2), "b": np.zeros(1)}, lambda _, p: reference.relu(p["W"]).sum() + p["b"].sum() * 0),
            ({"W": np.ones(2), "unused": np.ones(1)}, lambda _, p: 0 * p["W"].sum()),
            ({"W": [1]}, lambda _, p: 0 * p["W"].sum()),
            ({"W": np.ones(1)}, lambda _, p: float(checked(p["W"]).size)),
            ({"W": np.empty(0)}, lambda _, p: p["W"].sum()),
            ({}, lambda *_: 1.0),
        ],
        ids=["bottom", "silent", "silent, flat", "factor 0", "integer", "checked", "empty", "none"],
    )
    def test_a_gradient_of_zero_that_is_right(self, params, forward):
        before = copy.deepcopy(params)
        gradients = reference.numerical_gradient(None, None, params, lambda value, _: value, forward)
        assert not any(gradient.any() for gradient in gradients.values())
        for name in params:
            assert_array_equal(params[name], before[name])

    def test_what_the_caller_reads_from_its_own_arrays_may_be_flat(self):
        W = -np.ones((2, 1))
        gradients = reference.numerical_gradient(
            np.ones((1, 2)), self.y, {"W": W}, reference.mse_loss, lambda X, _: reference.relu(X @ W)
        )
        assert_array_equal(gradients["W"], 0)
        assert_array_equal(W, -1)


class TestRoundingThatHidesAGradient:
    """Beside a huge entry the loss is so large that a step in another entry is lost in its last digit.

    Of the same kind: a loss with a huge constant, and gradients of which rounding leaves a few steps. A silent unit
    does not change the loss either, and is no reason to warn.
    """

    X, y = np.array([[1.0, 1.0]]), np.array([[0.0]])

    def gradient(self, huge, **options):
        W = np.array([[huge], [1.0]])
        return reference.numerical_gradient(self.X, self.y, {"W": W}, reference.mse_loss, product, **options)["W"]

    @pytest.mark.parametrize("huge", [1e10, 1e13, -1e20, 1e100])
    def test_one_warning_tells(self, huge):
        message = r"^numerical_gradient: rounding of losses of .* hides .* give a larger h"
        with pytest.warns(RuntimeWarning, match=message) as caught:
            self.gradient(huge)
        assert [warning.filename for warning in caught] == [__file__]

    @pytest.mark.parametrize(("huge", "h"), [(1e10, 1e6), (1e20, 1e17), (1e6, 1e-4)])
    def test_a_larger_step_is_a_way_out(self, huge, h):
        assert_allclose(self.gradient(huge, h=h), 2 * huge, rtol=1e-4)

    def test_a_huge_constant(self):
        with pytest.warns(RuntimeWarning, match=r"of 1e\+20 hides 8\.2e\+07 of a gradient"):
            reference.numerical_gradient(
                None, None, {"W": np.ones(1)}, lambda value, _: value, lambda _, p: 1e20 + p["W"].sum()
            )

    @pytest.mark.parametrize("size", [1.0, 1e3, 1e7])
    def test_a_silent_unit_is_no_reason(self, size):
        params = {"W": np.array([size, -1.0])}
        gradients = reference.numerical_gradient(
            None, None, params, lambda value, _: value, lambda _, p: p["W"][0] ** 2 + reference.relu(p["W"][1])
        )
        assert_allclose(gradients["W"], [2 * size, 0], rtol=1e-5)


def checked(W):
    """Refuse what is not finite, as careful functions do."""
    if not np.isfinite(W).all():
        raise ArithmeticError
    return W


def test_numerical_gradient_catches_a_wrong_one():
    """What it is for: a transposed factor and a lost 2 are far outside the tolerances of this file."""
    rng = np.random.default_rng(0)
    X, y, W = normals(rng, (3, 3), (3, 3), (3, 3))
    numerical = reference.numerical_gradient(X, y, {"W": W}, reference.mse_loss, product)["W"]
    error = X @ W - y
    assert_allclose(X.T @ error * 2 / 9, numerical, atol=1e-8)
    for wrong in (X @ error * 2 / 9, X.T @ error / 9):
        assert np.abs(wrong - numerical).max() > 1e-2


# Networks by hand

# A kink closer to a pre-activation than this spoils the central difference; the step is 100 times smaller.
CLEAR = 1e-4


def assume_unclipped(A, y):
    """Leave out true classes so improbable that the loss is clipped, and flat."""
    assume((A * y).sum(axis=1).min() > 1e-12)


@given(rng=generators, n=sizes, d=sizes, p=sizes)
def test_forward_perceptron_is_a_sigmoid_layer(rng, n, d, p):
    X, W, b = normals(rng, (n, d), (d, p), (1, p))
    assert_allclose(reference.forward_perceptron(X, W, b), 1 / (1 + np.exp(-(X @ W + b))))


@given(rng=generators, n=sizes, d=sizes, h=sizes, c=class_counts)
def test_mlp_gradients_are_the_numerical_ones(rng, n, d, h, c):
    X, y, params = rng.normal(size=(n, d)), one_hot(rng, n, c), mlp_parameters(rng, d, h, c)
    Z1 = X @ params["W1"] + params["b1"]
    assume(np.abs(Z1).min() > CLEAR)
    A1, A2 = reference.forward_mlp(X, **params)
    assert_array_equal(A1, np.maximum(Z1, 0))
    assert_allclose(A2, scipy_softmax(A1 @ params["W2"] + params["b2"], axis=1))
    assume_unclipped(A2, y)
    gradients = reference.backward_mlp(X, A1, A2, y, params["W1"], params["W2"], Z1)
    numerical = reference.numerical_gradient(
        X, y, params, cross_entropy_of_last, on_dict(reference.forward_mlp), h=CLEAR / 100
    )
    for gradient, expected in zip(gradients, numerical.values(), strict=True):
        assert_allclose(gradient, expected, atol=1e-7)


@given(rng=generators, n=sizes, d=sizes, h=sizes, g=sizes, c=class_counts)
def test_mlp_3layer_gradients_are_the_numerical_ones(rng, n, d, h, g, c):
    X, y, params = rng.normal(size=(n, d)), one_hot(rng, n, c), mlp_3layer_parameters(rng, d, h, g, c)
    A1, A2, A3 = reference.forward_mlp_3layer(X, **params)
    Z1, Z2 = X @ params["W1"] + params["b1"], A1 @ params["W2"] + params["b2"]
    assume(min(np.abs(Z1).min(), np.abs(Z2).min()) > CLEAR)
    assume_unclipped(A3, y)
    assert_allclose(A3, scipy_softmax(np.maximum(Z2, 0) @ params["W3"] + params["b3"], axis=1))
    weights = params["W1"], params["W2"], params["W3"]
    gradients = reference.backward_mlp_3layer(X, A1, A2, A3, y, *weights, Z1, Z2)
    numerical = reference.numerical_gradient(
        X, y, params, cross_entropy_of_last, on_dict(reference.forward_mlp_3layer), h=CLEAR / 100
    )
    for gradient, expected in zip(gradients, numerical.values(), strict=True):
        assert_allclose(gradient, expected, atol=1e-7)


def test_the_slope_of_relu_at_0_is_0():
    """Where all pre-activations are 0, nothing reaches the layers below."""
    X, y, zeros, A = np.ones((1, 2)), [[1, 0]], np.zeros((1, 2)), [[0.5, 0.5]]
    # With equal columns, the two entries of A - y would cancel on their way back.
    W = np.array([[1.0, 2.0], [3.0, 5.0]])
    *below, _, grad_b2 = reference.backward_mlp(X, zeros, A, y, W, W, zeros)
    assert grad_b2.all()
    assert not np.any([gradient.any() for gradient in below])
    *below, _, _ = reference.backward_mlp_3layer(X, X, zeros, A, y, W, W, W, X, zeros)
    assert not np.any([gradient.any() for gradient in below])
    grad_W1, grad_b1, _, grad_b2, *_ = reference.backward_mlp_3layer(X, zeros, X, A, y, W, W, W, zeros, X)
    assert grad_b2.all()
    assert not grad_W1.any()
    assert not grad_b1.any()


# Initialisation and batch normalisation


@given(seed=seeds, fan_in=st.integers(1, 40), fan_out=st.integers(1, 40))
def test_initial_weights_are_those_of_nn_init(seed, fan_in, fan_out):
    """They are drawn in the same order, but for the transposed shape."""
    by_hand = reference.xavier_init(fan_in, fan_out, rng=seed), reference.he_init(fan_in, fan_out, rng=seed)
    filled = nn.init.xavier_normal_, nn.init.kaiming_normal_
    for W, fill in zip(by_hand, filled, strict=True):
        assert W.shape == (fan_in, fan_out)
        w = fill(Tensor(np.empty((fan_out, fan_in))), rng=seed)
        assert_allclose(W.ravel(), w.data.ravel(), rtol=1e-12)


def test_initial_weights_keep_activations_and_gradients_of_their_size():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 300))
    A, delta = X, X
    for _ in range(10):
        A = reference.relu(A @ reference.he_init(300, 300, rng=rng))
        delta = delta @ reference.xavier_init(300, 300, rng=rng).T
    assert 0.5 < (A**2).mean() < 2
    assert 0.5 < (delta**2).mean() < 2


@st.composite
def batches(draw):
    """Draw (Z, gamma, beta, the gradient of the loss with respect to the output)."""
    rng, n, d = draw(generators), draw(st.integers(2, 6)), draw(sizes)
    Z = rng.normal(size=(n, d)) * draw(st.sampled_from([0.01, 1.0, 100.0])) + rng.normal(size=d)
    return Z, *normals(rng, (1, d), (1, d), (n, d))


@given(batch=batches())
def test_batch_norm_gives_the_deviation_gamma_and_the_mean_beta(batch):
    Z, gamma, beta, _ = batch
    out, Z_hat, mean, var = reference.forward_batch_norm(Z, gamma, beta)
    assert_allclose([mean[0], var[0]], [Z.mean(axis=0), Z.var(axis=0)])
    assert_allclose(out, gamma * Z_hat + beta, rtol=1e-12)
    assert_allclose(Z_hat.mean(axis=0), 0, atol=1e-9)
    assert_allclose(Z_hat.var(axis=0), var[0] / (var[0] + 1e-5))
    expected, *_ = nn.functional.batch_norm(Z, weight=gamma[0], bias=beta[0])
    assert_allclose(out, expected, rtol=1e-9, atol=1e-9)


def test_a_feature_that_never_varies_becomes_beta():
    out, *_, var = reference.forward_batch_norm(np.full((3, 1), 0.1), [[2.0]], [[5.0]])
    assert_allclose(out, 5)
    gradients = reference.backward_batch_norm(np.ones((3, 1)), np.zeros((3, 1)), var, [[2.0]])
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@given(batch=batches())
def test_batch_norm_gradients_are_the_automatic_and_the_numerical_ones(batch):
    Z, gamma, beta, arriving = batch
    _, Z_hat, _, var = reference.forward_batch_norm(Z, gamma, beta)
    by_hand = reference.backward_batch_norm(arriving, Z_hat, var, gamma)

    def loss(Z, gamma, beta):
        centred = Z - np.mean(Z, axis=0)
        return np.sum((gamma * centred / np.sqrt(np.mean(centred**2, axis=0) + 1e-5) + beta) * arriving)

    automatic = grad(loss, argnums=(0, 1, 2))(Z, gamma, beta)
    step = 1e-4 * Z.std(axis=0).min()
    numerical = reference.numerical_gradient(
        None,
        arriving,
        {"Z": Z, "gamma": gamma, "beta": beta},
        lambda out, arriving: float((out[0] * arriving).sum()),
        lambda _, p: reference.forward_batch_norm(p["Z"], p["gamma"], p["beta"]),
        h=step,
    )
    for gradient, expected, approximate in zip(by_hand, automatic, numerical.values(), strict=True):
        assert gradient.shape == expected.shape
        size = np.abs(expected).max() + 1e-3
        assert_allclose(gradient, expected, rtol=1e-9, atol=1e-9 * size)
        assert_allclose(gradient, approximate, rtol=1e-4, atol=1e-4 * size)


def pool_by_definition(X, size, stride):
    h, w = (X.shape[0] - size) // stride + 1, (X.shape[1] - size) // stride + 1
    corners = [(i * stride, j * stride) for i in range(h) for j in range(w)]
    maxima = [X[i : i + size, j : j + size].max(axis=(0, 1)) for i, j in corners]
    return np.array(maxima).reshape(h, w, *X.shape[2:])


def correlate_by_definition(image, kernel, stride):
    u, v = kernel.shape
    rows, columns = range(0, image.shape[0] - u + 1, stride), range(0, image.shape[1] - v + 1, stride)
    return np.array([[(image[i : i + u, j : j + v] * kernel).sum() for j in columns] for i in rows])


@given(rng=generators, size=st.tuples(st.integers(1, 9), st.integers(1, 9)), data=st.data())
def test_conv2d_is_cross_correlation(rng, size, data):
    kernel = tuple(data.draw(st.integers(1, length)) for length in size)
    stride = data.draw(st.integers(1, 4))
    image, filter_kernel = normals(rng, size, kernel)
    result = reference.conv2d(image, filter_kernel, stride)
    assert_allclose(result, correlate_by_definition(image, filter_kernel, stride), atol=1e-12)


@given(rng=generators, size=st.tuples(sizes, sizes), padding=st.integers(0, 3), data=st.data())
def test_conv2d_with_padding_is_that_of_the_image_in_a_frame_of_zeros(rng, size, padding, data):
    kernel = tuple(data.draw(st.integers(1, length + 2 * padding)) for length in size)
    stride = data.draw(st.integers(1, 3))
    image, filter_kernel = normals(rng, size, kernel)
    result = reference.conv2d(image, filter_kernel, stride, padding)
    framed = np.zeros([length + 2 * padding for length in size])
    framed[padding : padding + size[0], padding : padding + size[1]] = image
    assert_allclose(result, correlate_by_definition(framed, filter_kernel, stride), atol=1e-12)
    automatic = nn.functional.conv2d(
        image[np.newaxis, np.newaxis], filter_kernel[np.newaxis, np.newaxis], stride=stride, padding=padding
    )
    assert_allclose(result, automatic[0, 0], atol=1e-12)


def test_padding_of_half_the_filter_keeps_the_size():
    assert reference.conv2d(np.ones((28, 28)), np.ones((5, 5)), padding=2).shape == (28, 28)


def test_conv2d_does_not_flip_the_filter():
    assert_array_equal(reference.conv2d([[1.0, 2.0]], [[0.0, 1.0]]), [[2.0]])


@given(data=st.data(), stride=st.integers(1, 4), channels=st.sampled_from([(), (1,), (3,)]))
def test_max_pool_takes_the_maximum_of_every_window(data, stride, channels):
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    assume(not shape[0] != shape[1] == sum(channels))  # taken for channels first
    size = data.draw(st.integers(1, min(shape)))
    X = data.draw(hnp.arrays(st.sampled_from([np.float32, np.int64]), shape + channels, elements=st.integers(-5, 5)))
    pooled = reference.max_pool(X, size, stride)
    assert pooled.dtype == (np.float32 if X.dtype == np.float32 else np.float64)
    assert_array_equal(pooled, pool_by_definition(X, size, stride))


def test_max_pool_drops_an_odd_border():
    assert reference.max_pool(np.zeros((27, 5, 8))).shape == (13, 2, 8)


@st.composite
def cnn_problems(draw, values=None):
    """Draw (X, y, params); with `values`, images and filters of so few small integers that windows often tie."""
    rng, n, f, c = draw(generators), draw(sizes), draw(st.integers(1, 3)), draw(class_counts)
    kernel = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    height, width = (reach + draw(st.integers(1, 4)) for reach in kernel)
    X, params = rng.normal(size=(n, height, width)), cnn_parameters(rng, height, width, f, kernel, c)
    if values:
        X = rng.integers(-values, values + 1, size=X.shape).astype(float)
        for name in ("filters", "b_conv"):
            params[name] = rng.integers(-values, values + 1, size=params[name].shape).astype(float)
    return X, one_hot(rng, n, c), params


@given(problem=cnn_problems())
def test_forward_cnn_is_conv2d_relu_max_pool_of_every_image(problem):
    X, _, params = problem
    Z, A, P, probs = reference.forward_cnn(X, **params)
    for image, maps, activations, pooled, p in zip(X, Z, A, P, probs, strict=True):
        expected = [
            reference.conv2d(image, kernel) + b
            for kernel, b in zip(params["filters"], params["b_conv"][0], strict=True)
        ]
        assert_allclose(maps, expected, atol=1e-12)
        assert_array_equal(activations, reference.relu(maps))
        assert_array_equal(pooled, [reference.max_pool(a) for a in activations])
        # Filter by filter, then row by row: what flattening (N, C, H, W) means.
        features = np.concatenate([row for pooled_map in pooled for row in pooled_map])
        assert_allclose(p, scipy_softmax(features @ params["W"] + params["b"][0]), atol=1e-12)


def backward_cnn(X, y, params):
    Z, A, P, probs = reference.forward_cnn(X, **params)
    return reference.backward_cnn(X, Z, A, P, probs, y, params["filters"], params["W"])


@given(problem=cnn_problems())
def test_cnn_gradients_are_the_numerical_ones(problem):
    X, y, params = problem
    Z, A, _, probs = reference.forward_cnn(X, **params)
    assume(np.abs(Z).min() > CLEAR)
    assume_unclipped(probs, y)
    windows = sliding_window_view(A, (2, 2), axis=(2, 3))[:, :, ::2, ::2].reshape(-1, 4)
    second, first = np.sort(windows, axis=1)[:, 2:].T
    assume(np.all((first == 0) | (first - second > CLEAR)))
    gradients = backward_cnn(X, y, params)
    numerical = reference.numerical_gradient(
        X, y, params, cross_entropy_of_last, on_dict(reference.forward_cnn), h=CLEAR / 100
    )
    for gradient, name in zip(gradients, params, strict=True):
        assert gradient.shape == params[name].shape
        assert_allclose(gradient, numerical[name], atol=1e-7)


@given(problem=cnn_problems(values=1))
def test_cnn_gradients_where_windows_tie(problem):
    """Image by image and window by window, the gradient goes to the first maximum that ``argmax`` finds."""
    X, y, params = problem
    Z, A, P, probs = reference.forward_cnn(X, **params)
    delta = (probs - y) / len(X)
    delta_P = (delta @ params["W"].T).reshape(P.shape)
    grad_filters, grad_b_conv = np.zeros_like(params["filters"]), np.zeros_like(params["b_conv"])
    for image, filter_, i, j in np.ndindex(P.shape):
        window = A[image, filter_, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        m, n = np.unravel_index(window.argmax(), (2, 2))
        row, column = 2 * i + m, 2 * j + n
        if Z[image, filter_, row, column] > 0:
            u, v = grad_filters.shape[1:]
            arriving = delta_P[image, filter_, i, j]
            grad_filters[filter_] += arriving * X[image, row : row + u, column : column + v]
            grad_b_conv[0, filter_] += arriving
    gradients = backward_cnn(X, y, params)
    expected = grad_filters, grad_b_conv, P.reshape(len(X), -1).T @ delta, delta.sum(axis=0, keepdims=True)
    for gradient, by_hand in zip(gradients, expected, strict=True):
        assert_allclose(gradient, by_hand, atol=1e-12)


def test_a_tied_window_sends_its_gradient_to_the_first_maximum():
    """The filter sees 1 pixel, and each window pixel carries its own image value, so the receiver can be told."""
    X = np.array([[[1.0, 5.0], [5.0, 2.0]]])
    Z, A, P, probs = reference.forward_cnn(X, np.ones((1, 1, 1)), [[0.0]], [[1.0, -1.0]], [[0.0, 0.0]])
    X_told = np.array([[[1.0, 10.0], [20.0, 2.0]]])
    grad_filters, *_ = reference.backward_cnn(X_told, Z, A, P, probs, [[0, 1]], np.ones((1, 1, 1)), [[1.0, -1.0]])
    arriving = (probs - [[0, 1]]) @ [1.0, -1.0]
    assert grad_filters.item() == pytest.approx(10 * arriving.item())


def test_cnn_of_the_series_has_1352_features():
    rng = np.random.default_rng(0)
    params = cnn_parameters(rng, 28, 28, 8, (3, 3), 10)
    assert params["W"].shape == (1352, 10)
    assert reference.forward_cnn(rng.random((2, 28, 28)), **params)[-1].shape == (2, 10)


# Regularisation, momentum, accuracy


@given(rng=generators, shapes=st.lists(st.tuples(sizes, sizes), min_size=1, max_size=3), lambda_=st.floats(0, 10))
def test_l2_regularization_and_its_gradient(rng, shapes, lambda_):
    weights = normals(rng, *shapes)
    penalty, gradients = reference.l2_regularization(weights, lambda_)
    assert penalty == pytest.approx(lambda_ * sum(w**2 for W in weights for w in W.flat))
    numerical = reference.numerical_gradient(
        None,
        None,
        {f"W{i}": W for i, W in enumerate(weights)},
        lambda penalty, _: penalty,
        lambda _, weights: reference.l2_regularization(list(weights.values()), lambda_)[0],
    )
    for gradient, expected in zip(gradients, numerical.values(), strict=True):
        assert_allclose(gradient, expected, atol=1e-6)


@given(W=floats(10), lambda_=st.floats(0, 10))
def test_l2_regularization_takes_the_weights_of_one_layer_by_themselves(W, lambda_):
    penalty, [gradient] = reference.l2_regularization(W, lambda_)
    expected, [other] = reference.l2_regularization([W], lambda_)
    assert penalty == expected
    assert_array_equal(gradient, other)


@given(seed=seeds, A=floats(100), p=st.floats(0.01, 1), inverted=st.booleans())
def test_dropout_is_the_product_with_its_mask(seed, A, p, inverted):
    dropped = reference.dropout(A, p, inverted=inverted, rng=seed)
    mask = reference.dropout_mask(A, p, inverted=inverted, rng=np.random.default_rng(seed))
    assert_array_equal(dropped, A * mask)
    assert mask.shape == A.shape
    assert set(mask.flat) <= {0.0, 1 / p if inverted else 1.0}


@given(A=floats(100), p=st.floats(0.01, 1), inverted=st.booleans())
def test_dropout_keeps_all_outside_training(A, p, inverted):
    assert_array_equal(reference.dropout(A, p, training=False, inverted=inverted), A)
    assert_array_equal(reference.dropout_mask(A, p, training=False, inverted=inverted), np.ones_like(A))


@pytest.mark.parametrize("p", [0.1, 0.8])
def test_dropout_keeps_with_probability_p(p):
    n = 10_000
    A = np.full((100, 100), 3.0)
    kept = reference.dropout(A, p, rng=0) == 3
    assert abs(kept.mean() - p) < 4 * np.sqrt(p * (1 - p) / n)
    inverted = reference.dropout(A, p, inverted=True, rng=0)
    assert abs(inverted.mean() / 3 - 1) < 4 * np.sqrt((1 - p) / p / n)


def test_dropout_of_probability_1_keeps_all():
    assert reference.dropout(np.ones((50, 50)), 1, rng=0).all()


@given(seed=seeds, n=sizes, d=sizes, h=sizes, c=class_counts, p=st.floats(0.3, 1), inverted=st.booleans())
def test_a_mask_in_both_passes_gives_the_automatic_gradients(seed, n, d, h, c, p, inverted):
    """A pass with dropout, written out as a reader of the series writes it, the masks drawn first."""
    rng = np.random.default_rng(seed)
    X, y, params = rng.normal(size=(n, d)), one_hot(rng, n, c), mlp_parameters(rng, d, h, c)
    Z1 = X @ params["W1"] + params["b1"]
    mask = reference.dropout_mask(Z1, p, inverted=inverted, rng=rng)
    A1 = reference.relu(Z1) * mask
    A2 = reference.softmax(A1 @ params["W2"] + params["b2"])
    assume_unclipped(A2, y)
    delta2 = (A2 - y) / n
    delta1 = (delta2 @ params["W2"].T) * mask * (Z1 > 0)
    by_hand = X.T @ delta1, delta1.sum(axis=0, keepdims=True), A1.T @ delta2, delta2.sum(axis=0, keepdims=True)

    def loss(p):
        logits = (nn.functional.relu(X @ p["W1"] + p["b1"]) * mask) @ p["W2"] + p["b2"]
        return nn.functional.cross_entropy(logits, y)

    for gradient, automatic in zip(by_hand, grad(loss)(params).values(), strict=True):
        assert_allclose(gradient, automatic, rtol=1e-9, atol=1e-12)


@given(rng=generators, shape=st.tuples(sizes, sizes), mu=st.floats(0, 1), lr=st.floats(0, 1))
def test_momentum_sums_the_past_gradients(rng, shape, mu, lr):
    gradients = normals(rng, shape, shape, shape)
    v = np.zeros(shape)
    for gradient in gradients:
        v = reference.momentum_update(v, gradient, mu, lr)
    assert_allclose(v, -lr * (mu**2 * gradients[0] + mu * gradients[1] + gradients[2]), atol=1e-12)


def test_numpy_scalars_do_not_widen_float32():
    ones = np.ones((2, 2), np.float32)
    assert reference.momentum_update(ones, ones, np.float64(0.9), np.float64(0.1)).dtype == np.float32
    assert reference.l2_regularization([ones], np.float64(0.1))[1][0].dtype == np.float32
    assert reference.dropout(ones, np.float64(0.5), inverted=True, rng=0).dtype == np.float32


@given(rng=generators, n=st.integers(1, 20), c=st.integers(2, 5))
def test_accuracy_means_the_same_in_every_form(rng, n, c):
    probabilities, labels = rng.dirichlet(np.ones(c), size=n), rng.integers(c, size=n)
    predicted = probabilities.argmax(axis=1)
    expected = accuracy_score(labels, predicted)
    for y_pred in (probabilities, np.eye(c)[predicted], predicted, predicted[:, np.newaxis]):
        for y in (labels, labels[:, np.newaxis], np.eye(c)[labels], labels.astype(float)):
            assert reference.accuracy(y_pred, y) == pytest.approx(expected)


@given(rng=generators, n=st.integers(1, 20))
def test_accuracy_of_one_probability_is_taken_at_one_half(rng, n):
    A, y = rng.random((n, 1)), rng.integers(2, size=(n, 1))
    expected = accuracy_score(y, A > 0.5)
    assert reference.accuracy(A, y) == reference.accuracy(A.ravel(), y) == pytest.approx(expected)
    assert reference.accuracy(A, np.eye(2)[y.ravel()]) == pytest.approx(expected)


class TestImpossibleLabels:
    """Labels that no class has are refused, in whichever argument, form and dtype: they would all count as wrong.

    The number of classes shows in rows of classes, and is two where one column holds probabilities. Labels count from 0
    without it as well.
    """

    @pytest.mark.parametrize(
        ("labels", "rows"),
        [
            ([1, 2, 3], np.eye(3)),
            ([-1, 0, 1], np.eye(3)),
            ([0, 1, 2], np.eye(3)[:, :2] @ [[1, 0], [0, 1]] + [[0, 0], [0, 0], [0.5, 0.5]]),
            ([-1, 1], [[0.5, 0.5]] * 2),
            ([-1, 1], [0.2, 0.8]),
            ([0, 2], [0.2, 0.8]),
            ([0, 2], [[0.2], [0.8]]),
            ([-3, 4], [0, 1]),
        ],
    )
    @pytest.mark.parametrize("dtype", [int, float, np.float32])
    @pytest.mark.parametrize("as_column", [False, True])
    def test_they_are_refused_in_both_arguments(self, labels, rows, dtype, as_column):
        labels = np.array(labels, dtype).reshape((-1, 1) if as_column else -1)
        refused("accuracy", rows, labels, message="y has labels")
        refused("accuracy", labels, rows, message="y_pred has labels")

    def test_unsigned_labels_count_from_0_too(self):
        refused("accuracy", np.eye(3), np.array([1, 2, 3], np.uint8), message="y has labels 1 to 3")
        assert reference.accuracy(np.eye(3), np.array([0, 1, 1], np.uint8)) == pytest.approx(2 / 3)

    def test_one_column_of_probabilities_has_two_classes(self):
        refused("accuracy", [0.2, 0.8], np.eye(3)[:2], message="differ in samples or classes")
        assert reference.accuracy([0.2, 0.8], np.eye(2)) == 1

    @pytest.mark.parametrize("row", [[0, 0, 0], [1, 1, 0], [0, 2, 1], [3, 0, 0]])
    def test_a_row_that_is_no_distribution_is_no_truth(self, row):
        """Neither rows of several labels nor labels laid in a row, of which the largest would count as the class."""
        refused("accuracy", np.eye(3), [row, [0, 1, 0], [0, 0, 1]], message="y must")
        assert reference.accuracy([row], [0]) in (0, 1)  # scores of any size are predictions

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_values_that_are_not_finite_are_no_labels(self, value):
        for arguments in (([0, value], [0, 1]), ([0, 1], [0, value]), ([[0, value]], [0]), ([0], [[0, value]])):
            refused("accuracy", *arguments, message="NaN or infinity")


# Training on real digits


@pytest.fixture(scope="module")
def digits():
    """Return (images, labels one-hot) for training and for testing."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    X, y = reference.normalize(images[order]).reshape(-1, 8, 8), np.eye(10)[labels[order]]
    return X[:1400], y[:1400], X[1400:], y[1400:]


def train(params, gradients_of, X, y, num_epochs, lr):
    rng = np.random.default_rng(2)
    velocities = {name: np.zeros_like(value) for name, value in params.items()}
    for _ in range(num_epochs):
        for batch in np.array_split(rng.permutation(len(X)), len(X) // 50):
            gradients = gradients_of(X[batch], y[batch], params)
            for name, gradient in zip(params, gradients, strict=True):
                velocities[name] = reference.momentum_update(velocities[name], gradient, 0.9, lr)
                params[name] += velocities[name]


def backward_mlp(X, y, params):
    A1, A2 = reference.forward_mlp(X, **params)
    return reference.backward_mlp(X, A1, A2, y, params["W1"], params["W2"], X @ params["W1"] + params["b1"])


def backward_mlp_3layer(X, y, params):
    A1, A2, A3 = reference.forward_mlp_3layer(X, **params)
    weights = params["W1"], params["W2"], params["W3"]
    return reference.backward_mlp_3layer(X, A1, A2, A3, y, *weights, A1, A2)


@pytest.mark.parametrize(
    ("forward", "backward", "parameters", "as_images"),
    [
        (reference.forward_mlp, backward_mlp, lambda rng: mlp_parameters(rng, 64, 32, 10), False),
        (
            reference.forward_mlp_3layer,
            backward_mlp_3layer,
            lambda rng: mlp_3layer_parameters(rng, 64, 32, 16, 10),
            False,
        ),
        (reference.forward_cnn, backward_cnn, lambda rng: cnn_parameters(rng, 8, 8, 8, (3, 3), 10), True),
    ],
    ids=["mlp", "mlp_3layer", "cnn"],
)
def test_training_learns_the_digits(digits, forward, backward, parameters, as_images):
    X, y, X_test, y_test = digits if as_images else (part.reshape(len(part), -1) for part in digits)
    params = {name: 0.1 * value for name, value in parameters(np.random.default_rng(1)).items()}
    assert reference.accuracy(forward(X_test, **params)[-1], y_test) < 0.3
    train(params, backward, X, y, num_epochs=20, lr=0.05)
    assert reference.accuracy(forward(X_test, **params)[-1], y_test) > 0.93


# Refusals


CERTAIN, ONE_HOT = [[0.0, 1.0]], [[0, 1]]
EYE = np.eye(3)


def descent(params=None, lr=0.1, num_iterations=1, grad_fn=lambda X, y, p: p):
    return EYE, EYE, params or {"W": EYE}, lr, num_iterations, product, grad_fn, reference.mse_loss


def refused(name, *arguments, message=None):
    with pytest.raises(ValueError, match=message) as caught:
        getattr(reference, name)(*arguments)
    assert str(caught.value).startswith(f"{name}: ")


ARRAYS_THAT_MUST_FIT = [
    (name, position)
    for name in CALLS
    if name not in {"dropout", "dropout_mask", "identity", "l2_regularization", "relu", "sigmoid", "softmax"}
    if name not in {"gradient_descent_general", "numerical_gradient"}  # which hand X and y on as they are
    for position, argument in enumerate(CALLS[name](np.random.default_rng(0)))
    if isinstance(argument, np.ndarray)
]


@pytest.mark.parametrize(("name", "position"), ARRAYS_THAT_MUST_FIT)
def test_another_number_of_axes_is_refused(name, position):
    """NumPy would broadcast most of these to a wrong answer."""
    arguments = CALLS[name](np.random.default_rng(0))
    more = [arguments[position][np.newaxis, np.newaxis]] if name != "normalize" else []
    for wrong in (*more, np.array(1.0)):
        refused(name, *[wrong if i == position else a for i, a in enumerate(arguments)], message=r"shape|expected")


# The axes of no consequence to any other argument.
FREE = {(name, 0, 0) for name in ("forward_perceptron", "forward_mlp", "forward_mlp_3layer", "forward_cnn")}
FREE |= {("forward_batch_norm", 0, 0)}
FREE |= {("matrix_multiply", 0, 0), ("matrix_multiply", 1, 1)}


@pytest.mark.parametrize(
    ("name", "position"),
    [case for case in ARRAYS_THAT_MUST_FIT if case[0] not in ("accuracy", "conv2d", "max_pool", "normalize")],
)
def test_another_length_of_an_axis_is_refused(name, position):
    arguments = CALLS[name](np.random.default_rng(0))
    array = arguments[position]
    doubled = [np.repeat(array, 2, axis=i) for i in range(array.ndim) if (name, position, i) not in FREE]
    for wrong in (*doubled, array[..., 0]):
        refused(name, *[wrong if i == position else a for i, a in enumerate(arguments)])


@given(rng=generators, n=st.integers(1, 20))
def test_a_vector_is_not_broadcast_against_a_column(rng, n):
    y_pred, y = rng.random((n, 1)), rng.integers(2, size=n)
    for name in ("mse_loss", "binary_cross_entropy", "cross_entropy"):
        refused(name, y_pred, y, message="expected")
        refused(name, y, y_pred, message="expected")


def test_the_message_names_the_shapes_and_the_way_out():
    with pytest.raises(ValueError, match="mse_loss") as caught:
        reference.mse_loss(np.zeros((3, 1)), np.zeros(3))
    assert all(part in str(caught.value) for part in ("y_pred (3, 1)", "y (3,)", "y[:, np.newaxis]"))


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("forward_cnn", {1: np.ones((3, 3, 8)), 2: np.ones((1, 8))}, "b_conv does not fit filters;"),
        ("forward_mlp", {1: np.ones((5, 3))}, "W1 does not fit X;"),
        ("forward_mlp", {3: np.ones((2, 5))}, "W2 does not fit W1;"),
        ("backward_mlp", {3: np.ones((5, 2))}, "y does not fit X;"),
        ("mse_loss", {1: np.ones((4, 3))}, "y does not fit y_pred;"),
        ("mse_loss", {0: np.array(1.0)}, "y_pred does not fit;"),
        ("forward_perceptron", {2: np.ones((2, 2))}, "b does not fit;"),
    ],
)
def test_the_message_names_both_arrays_that_do_not_fit(name, changed, message):
    """The first of them may as well be the wrong one."""
    arguments = [changed.get(i, argument) for i, argument in enumerate(CALLS[name](np.random.default_rng(0)))]
    refused(name, *arguments, message=message)


# Of these the first argument has any shape, and the other that of the first.
ELEMENTWISE = {"binary_cross_entropy", "momentum_update", "mse_loss"}


@pytest.mark.parametrize(("name", "position"), [case for case in ARRAYS_THAT_MUST_FIT if case[0] != "normalize"])
def test_ways_out_are_offered_to_what_they_lead_out(name, position):
    """One-hot is for labels; a row or a column helps neither stacks of images nor biases, which may be vectors."""
    arguments = CALLS[name](np.random.default_rng(0))
    parameter, ndim = list(OPTIONS[name])[position], arguments[position].ndim
    arguments[position] = np.ones(7)
    with pytest.raises(ValueError, match=name) as caught:
        call(name, arguments)
    if name not in ("accuracy", "max_pool") and not (name in ELEMENTWISE and position == 0):
        helped = ndim == 2 and position not in BIASES.get(name, ())
        assert (f"{parameter}[:, np.newaxis]" in str(caught.value)) == helped
        assert ("one-hot" in str(caught.value)) == (helped and parameter == "y")


class TestScalars:
    """A scalar that is no number of its kind is refused by name, in every function that takes one.

    Text, of a configuration or a command line, above all: ``float`` would read some of it, and every text but the empty
    one is true. Then None, arrays of several numbers, complex numbers, and booleans for numbers, as in
    ``dropout(A, True)``. NumPy's scalars and arrays of no axis are numbers.
    """

    CASES = tuple(
        (name, option, parameter.annotation)
        for name, options in OPTIONS.items()
        for option, parameter in options.items()
        if parameter.annotation in (bool, int, float)
    )

    @staticmethod
    def run(name, option, value):
        bound = signature(getattr(reference, name)).bind_partial(*CALLS[name](np.random.default_rng(0)))
        return call(name, (), **{**bound.arguments, option: value})

    def test_every_scalar_is_found(self):
        assert {"lr", "mu", "h", "p", "lambda_", "stride", "padding", "size", "fan_in", "training", "shuffle"} <= {
            option for _, option, _ in self.CASES
        }

    @pytest.mark.parametrize(("name", "option", "annotation"), CASES)
    def test_text_and_what_else_is_no_number_is_refused(self, name, option, annotation):
        wrong = [".5", "1", "False", b"1", None, [1, 2], [[1], [1]], np.array([1, 1]), 1j]
        wrong += {bool: [0.5], int: [True, 1.0, np.float64(1)], float: [True, np.True_]}[annotation]
        for value in wrong:
            with pytest.raises(ValueError, match=f"^{name}: {option} must be of type {annotation.__name__}, not "):
                self.run(name, option, value)

    @pytest.mark.parametrize(("name", "option", "annotation"), CASES)
    def test_numpys_scalars_are_numbers(self, name, option, annotation):
        value = {bool: True, int: 1, float: 0.5}[annotation]
        expected = arrays_of([self.run(name, option, value)])
        kinds = {bool: [np.bool_, np.array], int: [np.int64, np.uint8, np.array], float: [np.float32, np.array]}
        for kind in kinds[annotation]:
            for found, other in zip(arrays_of([self.run(name, option, kind(value))]), expected, strict=True):
                assert_array_equal(found, other)
                assert found.dtype == other.dtype


def replaced(tree, place, wrong):
    """Return `tree` with `wrong` of the array at `place`, as `arrays_of` counts them, instead of that array."""
    count = iter(range(len(arrays_of(tree))))
    return map_arrays(lambda array: wrong(array) if next(count) == place else array, tree)


# Every array that any public function is given; X and y of two of them are handed on, to functions of the caller.
PLACES = [(name, i) for name in reference.__all__ for i in range(len(arrays_of(CALLS[name](np.random.default_rng(0)))))]
HANDED_ON = [(name, i) for name in ("gradient_descent_general", "numerical_gradient") for i in (0, 1)]
PARAMETERS = [(name, i) for name, _ in HANDED_ON for i in (2, 3)]
COMPUTED_WITH = [place for place in PLACES if place not in [*HANDED_ON, ("identity", 0)]]


class Kelvin(np.ndarray):
    """An array with a rule of its own: temperatures are not added."""

    def __add__(self, other):
        raise ArithmeticError


def matrix(array):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.asmatrix(array)


class TestArraysThatAreNotPlain:
    """Masked arrays, matrices and their kin would be taken for plain arrays, and compute something else, in silence.

    Every function refuses them, in each of its arrays, in lists and dicts of arrays, for scalars, and where a function
    that is handed over returns them. Of the same kind: masked arrays of which nothing is masked, NumPy's constant of
    what is masked, subclasses of any name, sparse arrays, and what holds no real numbers: structured arrays, objects,
    text, complex numbers, times. Memory maps are plain arrays.
    """

    MASKED = (
        lambda a: np.ma.masked_array(a, mask=a == a.flat[0]),
        np.ma.masked_array,
        lambda a: list(np.ma.masked_array(a)),
        lambda a: tuple([row] for row in np.ma.masked_array(a)),
        lambda a: deque(np.ma.masked_array(a)),
        lambda a: [*a.tolist(), np.ma.masked],
        lambda a: [1.0, np.ma.masked],
    )
    SUBCLASSES = (
        lambda a: a.view(Kelvin),
        lambda a: a.view(np.recarray),
        lambda a: list(a.view(Kelvin)),
        lambda a: matrix(a.reshape(len(a), -1)),
        lambda a: [matrix(a.reshape(len(a), -1))],
    )
    SPARSE = (
        lambda a: sparse.csr_array(a.reshape(len(a), -1)),
        lambda a: sparse.csr_matrix(a.reshape(len(a), -1)),
        lambda a: [sparse.coo_array(a.reshape(len(a), -1))],
    )
    NO_NUMBERS = (
        (lambda a: a.astype([("x", float)]), "one of its fields"),
        (lambda a: a.astype(object), r"give np\.array\(.*, dtype=float\)"),
        (lambda a: np.full(a.shape, None), r"give np\.array\(.*, dtype=float\)"),
        (lambda a: a + 1j, "not complex128"),
        (lambda a: a.astype(str), "not <U"),
        (lambda a: np.ones(a.shape, "M8[s]"), r"not datetime64\[s\]"),
    )
    CASES = (
        *((wrong, r"is a masked array; its mask would be lost: give .*\.filled\(") for wrong in MASKED),
        *((wrong, r", whose own rules would be lost; give np\.asarray\(") for wrong in SUBCLASSES),
        *((wrong, r"is a sparse \w+; give .*\.toarray\(\)") for wrong in SPARSE),
        *NO_NUMBERS,
    )

    def test_every_function_that_is_given_arrays_is_held_to_it(self):
        assert {name for name, _ in COMPUTED_WITH} == set(reference.__all__) - {"he_init", "identity", "xavier_init"}

    @pytest.mark.parametrize(("name", "place"), COMPUTED_WITH)
    def test_every_function_refuses_them(self, name, place):
        arguments = CALLS[name](np.random.default_rng(0))
        for wrong, message in self.CASES:
            with pytest.raises(ValueError, match=rf"^{name}: .*{message}"):
                call(name, replaced(arguments, place, wrong))

    def test_what_is_handed_on_is_refused_by_what_computes_with_it(self):
        X, y, masked = np.ones((2, 1)), np.ones((2, 1)), np.ma.masked_array(np.ones((2, 1)), mask=[[0], [1]])
        for data, name in (((masked, y), "y_pred"), ((X, masked), "y")):
            with pytest.raises(ValueError, match=f"^mse_loss: {name} is a masked array"):
                reference.numerical_gradient(*data, {"W": 2.0}, reference.mse_loss, lambda X, p: X * p["W"])

    def test_identity_gives_them_back(self):
        masked = np.ma.masked_array([1.0, 2.0], [True, False])
        assert reference.identity(masked) is masked

    @pytest.mark.parametrize(("name", "option", "annotation"), TestScalars.CASES)
    def test_scalars(self, name, option, annotation):
        for value in (np.ma.masked, np.ma.masked_array(annotation(1), mask=True), np.ma.masked_array(annotation(1))):
            with pytest.raises(ValueError, match=rf"^{name}: {option} is a masked array"):
                TestScalars.run(name, option, value)

    def test_results_of_functions_that_are_handed_over(self):
        refused(
            "numerical_gradient", EYE, EYE, {"W": EYE}, lambda *_: np.ma.masked, product,
            message="the loss is a masked array",
        )  # fmt: skip
        refused(
            "gradient_descent", EYE, EYE, EYE, EYE[0], 0.1, 1, 1, reference.mse_loss, np.ma.masked_array,
            message=r"activation_fn\(Z\) is a masked array",
        )  # fmt: skip
        returning = descent(grad_fn=lambda *_: {"W": np.ma.masked_array(EYE)})
        refused("gradient_descent_general", *returning, message=r"gradients\['W'\] is a masked array")

    def test_the_message_says_where_in_a_list(self):
        refused("sigmoid", [[1.0], [np.ma.masked]], message=r"Z\[1\]\[0\] is a masked array.* give Z\[1\]\[0\]\.filled")

    def test_a_memory_map_is_a_plain_array(self, tmp_path):
        X = np.memmap(tmp_path / "X", np.float64, mode="w+", shape=(2, 1))
        X[:] = [[1], [3]]
        assert_array_equal(reference.normalize(X), [[-1], [1]])


class TestRaggedLists:
    """Rows of different lengths make no array, and NumPy's own message would name neither function nor argument."""

    RAGGED = ([[1.0], [2.0, 3.0]], [[[1.0, 2.0]], [[3.0]]], [[1.0], 2.0], [np.ones(2), np.ones(3)], ([1.0], []))

    @pytest.mark.parametrize(("name", "place"), COMPUTED_WITH)
    def test_every_function_refuses_them(self, name, place):
        arguments = CALLS[name](np.random.default_rng(0))
        for ragged in self.RAGGED:
            with pytest.raises(ValueError, match=rf"^{name}: \S+ is ragged and makes no array; give it rows of one"):
                call(name, replaced(arguments, place, lambda _, ragged=ragged: ragged))

    @pytest.mark.parametrize(("name", "option", "annotation"), TestScalars.CASES)
    def test_scalars(self, name, option, annotation):
        with pytest.raises(ValueError, match=f"^{name}: {option} is ragged"):
            TestScalars.run(name, option, self.RAGGED[0])


COMPUTED_ONE_BY_ONE = ("identity", "sigmoid", "relu", "softmax", "dropout", "dropout_mask", "momentum_update")


class TestEmptyArrays:
    """Empty arrays become empty ones where each number or row is computed by itself, and are refused elsewhere."""

    def test_the_module_says_which_functions_take_them(self):
        said = re.sub(r"\s+", " ", reference.__doc__).split("Empty arrays")[1].split("The others refuse them")[0]
        assert tuple(re.findall(r"`(\w+)`", said)) == COMPUTED_ONE_BY_ONE

    @pytest.mark.parametrize("name", COMPUTED_ONE_BY_ONE)
    @pytest.mark.parametrize("shape", [(0, 3), (2, 0, 3)])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_they_become_empty_ones(self, name, shape, dtype):
        arguments = map_arrays(lambda _: np.empty(shape, dtype), CALLS[name](np.random.default_rng(0)))
        result = call(name, arguments)
        assert result.shape == shape
        assert result.dtype == dtype

    @pytest.mark.parametrize(
        ("name", "place"),
        [case for case in COMPUTED_WITH if case[0] not in COMPUTED_ONE_BY_ONE and case not in PARAMETERS],
    )
    def test_the_others_refuse_them(self, name, place):
        arguments = CALLS[name](np.random.default_rng(0))
        for axis in range(arrays_of(arguments)[place].ndim):
            with pytest.raises(ValueError, match=rf"^{name}: .*(empty|does not fit|differ|no smaller)"):
                call(name, replaced(arguments, place, lambda array, axis=axis: np.take(array, [], axis=axis)))

    @pytest.mark.parametrize("shape", [(3, 0), (0,), (2, 3, 0), (0, 0)])
    def test_without_classes_there_is_no_softmax(self, shape):
        refused("softmax", np.empty(shape), message=re.escape(f"Z has no classes, of shape {shape}"))

    @pytest.mark.parametrize("weights", [[], (), np.empty((0, 3)), [EYE, np.empty(0)], {}.values(), iter(())])
    def test_no_weights_have_no_penalty(self, weights):
        """An iterator that was used before is empty too: its penalty of 0 would go unseen."""
        refused("l2_regularization", weights, 0.1, message="weights is empty")

    @pytest.mark.parametrize("weights", [5.0, 5, np.float64(5), sparse.coo_array(EYE)])
    def test_what_is_no_sequence_of_weights(self, weights):
        refused("l2_regularization", weights, 0.1, message=r"weights (holds rows or numbers|is a sparse)")

    def test_parameters_may_be_empty(self):
        params = {"W": EYE, "unused": np.empty((0, 2))}
        gradients = reference.numerical_gradient(EYE, EYE, params, reference.mse_loss, product)
        assert gradients["unused"].shape == (0, 2)
        fitted, _ = reference.gradient_descent_general(*descent(params))
        assert fitted["unused"].shape == (0, 2)


class TestDictsOfParameters:
    """Parameters and gradients by name are a dict: what a backward pass returns, a tuple, has lost the names."""

    @pytest.mark.parametrize("params", [[EYE], (EYE, EYE), EYE, None, "W"])
    def test_anything_else_is_refused_by_name(self, params):
        message = f"must be a dict of arrays by name, not a {type(params).__name__}"
        refused("numerical_gradient", EYE, EYE, params, reference.mse_loss, product, message=f"params {message}")
        arguments = EYE, EYE, params, 0.1, 1, product, linear_gradients, reference.mse_loss
        refused("gradient_descent_general", *arguments, message=f"params {message}")
        refused("gradient_descent_general", *descent(grad_fn=lambda *_: params), message=f"gradients {message}")

    def test_l2_regularization_takes_the_values_of_one(self):
        refused("l2_regularization", {"W1": EYE}, 0.1, message=r"give its values\(\)")
        params = {"W1": EYE, "W2": np.ones((2, 1))}
        assert reference.l2_regularization(params.values(), 0.1)[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    "weights", [[[1, 2], [3, 4]], ([1, 2], [3, 4]), [1.0, 2.0], [[1.0]], [np.float64(1)], [EYE, [1]]]
)
def test_the_rows_of_one_matrix_are_no_layers(weights):
    """Each would have its own gradient, and broadcast over the whole matrix in the step."""
    refused("l2_regularization", weights, 0.01, message=r"np\.array\(weights\)")


def test_the_way_out_gives_one_gradient():
    W = [[1, 2], [3, 4]]
    for weights in (np.array(W), [W], [np.array(W)], (W,)):
        penalty, [gradient] = reference.l2_regularization(weights, 0.01)
        assert penalty == pytest.approx(0.3)
        assert_allclose(gradient, [[0.02, 0.04], [0.06, 0.08]])


def test_layers_may_be_vectors_if_they_are_arrays():
    penalty, gradients = reference.l2_regularization([np.array([1.0, 2.0]), [[3.0]]], 0.5)
    assert penalty == 7
    assert [gradient.shape for gradient in gradients] == [(2,), (1, 1)]


class TestMapsOfForwardCnn:
    """`forward_cnn` has filters first, `max_pool` channels last: its windows would reach across the filters.

    Of the same kind are batches of images. What tells is that the last two axes are of one length and the first is not;
    images that are not square, or as many as they are wide, cannot be told from channels.
    """

    @pytest.mark.parametrize("shape", [(8, 26, 26), (5, 28, 28), (2, 3, 3), (30, 28, 28)])
    def test_they_are_refused(self, shape):
        refused("max_pool", np.ones(shape), message=r"channels first, .* np\.moveaxis\(X, 0, -1\)")

    def test_the_ways_out_give_the_pooled_maps(self):
        _, A, P, _ = call("forward_cnn", CALLS["forward_cnn"](np.random.default_rng(0)))
        assert_array_equal([reference.max_pool(a) for a in A[0]], P[0])
        assert_array_equal(np.moveaxis(reference.max_pool(np.moveaxis(A[0], 0, -1)), -1, 0), P[0])


@pytest.mark.parametrize("name", CALLS)
def test_wrong_arguments_are_refused_in_the_name_of_the_function(name):
    for arguments, options in ((), {}), (CALLS[name](np.random.default_rng(0)), {"filter_size": 3}):
        with pytest.raises(TypeError, match=rf"^{name}\b"):
            getattr(reference, name)(*arguments, **options)


def test_missing_arguments_are_named_beside_all_of_them():
    with pytest.raises(TypeError, match=r"^forward_perceptron: missing a required argument: 'b'; it takes X, W, b$"):
        reference.forward_perceptron(np.ones((2, 2)), np.ones((2, 1)))


def test_the_examples_print_what_they_say():
    """To the letter: Python's own doctest, with which readers run a copy of the file, knows no looser comparison."""
    found = doctest.testmod(reference)
    assert found.attempted > 50
    assert found.failed == 0


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("cross_entropy", ([[2.0, -1.0]], ONE_HOT), "A must hold probabilities"),
        ("cross_entropy", ([[0.9, 0.9]], ONE_HOT), "row of A must sum to 1"),
        ("cross_entropy", ([[0.0, 0.0]], ONE_HOT), "row of A must sum to 1"),
        ("cross_entropy", (CERTAIN, [[1, 1]]), "row of y must sum to 1"),
        ("cross_entropy", (EYE[:2, :2], [[0, 0], [1, 1]]), "row of y must sum to 1"),
        ("cross_entropy", (CERTAIN, [[2, -1]]), "y must hold probabilities"),
        ("binary_cross_entropy", ([[3.0]], [[1]]), "A must hold probabilities"),
        ("binary_cross_entropy", ([[0.5]], [[-1]]), "y must hold probabilities"),
        ("backward_mlp", ([[1.0]], [[1.0]], [[3.0, -3.0]], ONE_HOT, [[1.0]], CERTAIN, [[1.0]]), "A2 must hold"),
        ("backward_mlp", ([[1.0]], [[1.0]], CERTAIN, [[1, 1]], [[1.0]], CERTAIN, [[1.0]]), "row of y"),
        ("backward_mlp", ([[1.0]], [[1.0]], CERTAIN, [[0, 0]], [[1.0]], CERTAIN, [[1.0]]), "row of y"),
        ("matrix_multiply", ([["a"]], [[1.0]]), "X must hold real numbers"),
        ("matrix_multiply", ([[1j]], [[1.0]]), "X must hold real numbers"),
        ("mse_loss", (np.empty((0, 1)), np.empty((0, 1))), "empty"),
        ("normalize", (np.empty((0, 3)),), "empty"),
        ("conv2d", (EYE, np.ones((4, 4))), "larger than the image"),
        ("conv2d", (EYE, np.ones((2, 4))), "larger than the image"),
        ("conv2d", (EYE, EYE, 0), "stride"),
        ("conv2d", (EYE, EYE, 1.5), "stride"),
        ("conv2d", (EYE, EYE, 1, -1), "padding"),
        ("conv2d", (EYE, EYE, 1, 0.5), "padding"),
        ("conv2d", (EYE, np.ones((6, 6)), 1, 1), "with padding 1"),
        ("max_pool", (EYE, 4), "window"),
        ("max_pool", (EYE, 2, 0), "stride"),
        ("max_pool", (EYE, 0), "size"),
        ("gradient_descent", (EYE, EYE, EYE, EYE[:1], 0.0, 1, 1, reference.mse_loss), "lr"),
        ("gradient_descent", (EYE, EYE, EYE, EYE[:1], np.nan, 1, 1, reference.mse_loss), "lr"),
        ("gradient_descent", (EYE, EYE, EYE, EYE[:1], 0.1, 0, 1, reference.mse_loss), "num_epochs"),
        ("gradient_descent", (EYE, EYE, EYE, EYE[:1], 0.1, 1, 0, reference.mse_loss), "batch_size"),
        ("gradient_descent_general", descent(lr=-1), "lr"),
        ("gradient_descent_general", descent(num_iterations=0), "num_iterations"),
        ("gradient_descent_general", descent(params={"W": 1j * EYE}), r"params\['W'\] must"),
        ("gradient_descent_general", descent(grad_fn=lambda X, y, p: {}), "returned {}"),
        ("gradient_descent_general", descent(grad_fn=lambda X, y, p: {"W": EYE[0]}), r"returned {'W': \(3,\)}"),
        ("gradient_descent_general", descent(grad_fn=lambda X, y, p: {"W": EYE, "b": EYE}), "returned"),
        (
            "gradient_descent_general",
            descent(grad_fn=lambda X, y, p: {"W": 1j * EYE}),
            r"gradients\['W'\] must hold real",
        ),
        ("numerical_gradient", (EYE, EYE, {"W": EYE}, np.subtract, product), "one number"),
        ("numerical_gradient", (EYE, EYE, {"W": EYE}, reference.mse_loss, product, 0), "h is"),
        ("numerical_gradient", (EYE, EYE, {"W": 1j * EYE}, reference.mse_loss, product), r"params\['W'\] must"),
        ("forward_batch_norm", (EYE[:1], EYE[:1], EYE[:1]), "one sample"),
        ("xavier_init", (0, 3), "fan_in"),
        ("he_init", (3, 2.5), "fan_out"),
        ("l2_regularization", ([EYE], -0.1), "lambda_"),
        ("dropout", (EYE, 0.0), "keeping"),
        ("dropout", (EYE, 1.5), "keeping"),
        ("dropout", (EYE, np.nan), "keeping"),
        ("dropout_mask", (EYE, 0.0), "keeping"),
        ("accuracy", ([0, 1], [0, 1, 1]), "differ"),
        ("accuracy", (EYE, np.eye(3, 2)), "differ"),
        ("accuracy", ([[np.nan, 1.0]], [1]), "NaN"),
        ("accuracy", ([0.5, 1.5], [0, 1]), "labels nor probabilities"),
        ("accuracy", ([], []), "empty"),
        ("accuracy", (["cat"], ["dog"]), "y_pred must hold real numbers"),
        ("forward_cnn", (np.ones((1, 3, 3)), np.ones((1, 3, 3)), [[0.0]], CERTAIN, CERTAIN), "too small"),
        ("forward_cnn", (np.ones((1, 3, 3)), np.ones((1, 2, 2)), [[0.0]], EYE[:, :2], CERTAIN), "features"),
    ],
)
def test_wrong_values_are_refused(name, arguments, message):
    refused(name, *arguments, message=message)
