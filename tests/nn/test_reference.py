"""The hand-written functions: their contracts, their gradients against central differences, their refusals."""

import copy
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from scipy.special import softmax as scipy_softmax
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score

from nn import reference

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 5)
generators = st.builds(np.random.default_rng, seeds)


def floats(bound, dtype=np.float64, **shape):
    elements = st.floats(-bound, bound, width=np.dtype(dtype).itemsize * 8)
    return hnp.arrays(dtype, hnp.array_shapes(**shape), elements=elements)


def one_hot(rng, n, c, dtype=np.float64):
    return np.eye(c, dtype=dtype)[rng.integers(c, size=n)]


def normals(rng, *shapes):
    return [rng.normal(size=shape) for shape in shapes]


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


def call_backward_cnn(rng):
    X, y, params = rng.normal(size=(3, 6, 5)), one_hot(rng, 3, 4), cnn_parameters(rng, 6, 5, 2, (3, 2), 4)
    return [X, *reference.forward_cnn(X, **params), y, params["filters"], params["W"]]


CALLS = {
    "accuracy": lambda rng: [rng.dirichlet(np.ones(3), size=5), one_hot(rng, 5, 3)],
    "backward_cnn": call_backward_cnn,
    "backward_mlp": call_backward_mlp,
    "backward_mlp_3layer": call_backward_mlp_3layer,
    "binary_cross_entropy": lambda rng: [rng.random((5, 1)), rng.integers(2, size=(5, 1)).astype(float)],
    "conv2d": lambda rng: normals(rng, (6, 5), (2, 3)),
    "cross_entropy": lambda rng: [rng.dirichlet(np.ones(3), size=5), one_hot(rng, 5, 3)],
    "dropout": lambda rng: [rng.normal(size=(4, 5)), 0.5],
    "forward_cnn": lambda rng: [rng.normal(size=(3, 6, 5)), *cnn_parameters(rng, 6, 5, 2, (3, 2), 4).values()],
    "forward_mlp": lambda rng: [rng.normal(size=(4, 3)), *mlp_parameters(rng, 3, 5, 2).values()],
    "forward_mlp_3layer": lambda rng: [rng.normal(size=(4, 3)), *mlp_3layer_parameters(rng, 3, 5, 4, 2).values()],
    "forward_perceptron": lambda rng: normals(rng, (4, 3), (3, 2), (1, 2)),
    "gradient_descent": lambda rng: [*normals(rng, (5, 3), (5, 2), (3, 2), (1, 2)), 0.1, 3, 2, reference.mse_loss],
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
        lambda X, W, b: X @ W + b,
    ],
    "relu": lambda rng: normals(rng, (4, 3)),
    "sigmoid": lambda rng: normals(rng, (4, 3)),
    "softmax": lambda rng: normals(rng, (4, 3)),
}
SEEDED = {name: {"rng": 0} for name in ("gradient_descent", "dropout")}


def call(name, arguments):
    return getattr(reference, name)(*arguments, **SEEDED.get(name, {}))


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


def test_stands_alone():
    """A copy of the file works where neither package can be imported."""
    code = """
import runpy, sys
sys.modules["nn"] = sys.modules["autograd_np"] = None
runpy.run_path(sys.argv[1])["softmax"]([[1.0, 2.0]])
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


@pytest.mark.parametrize("name", CALLS)
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


# Elementary functions


@given(X=floats(1e3, min_dims=2, max_dims=2, min_side=2))
def test_normalize_gives_mean_0_and_deviation_1(X):
    X = X.round(3)
    result = reference.normalize(X)
    varies = np.ptp(X, axis=0) > 0
    assert_allclose(result.mean(axis=0), 0, atol=1e-9)
    assert_allclose(result.std(axis=0)[varies], 1, atol=1e-9)
    assert_array_equal(result[:, ~varies], X[:, ~varies] - X.mean(axis=0)[~varies])


@given(value=st.floats(-1e6, 1e6), n=st.integers(1, 50))
def test_normalize_only_centres_a_constant_feature(value, n):
    assert_allclose(reference.normalize(np.full((n, 1), value)), 0, atol=1e-9)


def test_normalize_bears_variances_that_underflow():
    assert np.isfinite(reference.normalize([[1e-200], [2e-200]])).all()


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
    numerical = reference.numerical_gradient(None, y, {"y_pred": y_pred}, reference.mse_loss, lambda _, y_pred: y_pred)
    assert_allclose(numerical["y_pred"], 2 * (y_pred - y) / (n * p), atol=1e-9)


@given(rng=generators, n=sizes)
def test_binary_cross_entropy_is_cross_entropy_of_two_classes(rng, n):
    A, y = rng.random((n, 1)), rng.integers(2, size=(n, 1))
    two_columns = np.hstack([A, 1 - A]), np.hstack([y, 1 - y])
    assert reference.binary_cross_entropy(A, y) == pytest.approx(reference.cross_entropy(*two_columns))


@given(rng=generators, n=sizes, c=sizes)
def test_cross_entropy_is_the_mean_surprisal_of_the_true_class(rng, n, c):
    A, labels = rng.dirichlet(np.ones(c), size=n), rng.integers(c, size=n)
    expected = -np.mean([np.log(A[i, label]) for i, label in enumerate(labels)])
    assert reference.cross_entropy(A, np.eye(c)[labels]) == pytest.approx(expected)


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
        LINE, 2 * LINE, *START, 0.02, 500, batch_size, reference.mse_loss, rng=seed
    )
    assert len(history) == 500
    assert_allclose([W.item(), b.item()], [2, 0], atol=0.15)
    assert history[-1] < 0.01


def test_gradient_descent_diverges_above_the_documented_rate():
    X1 = np.hstack([LINE, np.ones_like(LINE)])
    bound = 2 / np.linalg.eigvalsh(X1.T @ X1 / 8).max()
    assert bound == pytest.approx(0.076, abs=5e-4)

    def losses(lr, num_epochs):
        return reference.gradient_descent(LINE, 2 * LINE, *START, lr, num_epochs, 8, reference.mse_loss)[2]

    assert losses(0.99 * bound, 500)[-1] < losses(0.99 * bound, 1)[-1]
    assert losses(1.01 * bound, 500)[-1] > losses(1.01 * bound, 1)[-1]
    assert np.all(np.diff(losses(0.1, 50)) > 0)


@given(rng=generators, n=sizes, d=sizes, p=sizes, excess=st.integers(0, 5))
def test_one_full_batch_is_a_step_against_half_the_gradient(rng, n, d, p, excess):
    X, y, W, b = normals(rng, (n, d), (n, p), (d, p), (1, p))
    new_W, new_b, _ = reference.gradient_descent(X, y, W, b, 0.1, 1, n + excess, reference.mse_loss)
    gradients = reference.numerical_gradient(X, y, {"W": W, "b": b}, reference.mse_loss, lambda X, W, b: X @ W + b)
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
        X, y, {"W": W, "b": b}, reference.binary_cross_entropy, reference.forward_perceptron
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


def test_descent_is_repeatable_and_prints_only_when_asked(capsys):
    def run(**options):
        return reference.gradient_descent(LINE, 2 * LINE, *START, 0.01, 3, 2, reference.mse_loss, **options)

    assert run(rng=5)[2] == run(rng=5)[2] == run(rng=np.random.default_rng(5))[2] != run(rng=6)[2]
    assert capsys.readouterr().out == ""
    history = run(verbose=True)[2]
    assert capsys.readouterr().out.splitlines() == [f"epoch {i}/3: loss {history[i - 1]:.6f}" for i in (1, 2, 3)]


# Numerical gradients


@given(A=floats(10), h=st.sampled_from([1e-2, 1e-4]))
def test_numerical_gradient_of_a_square(A, h):
    """Central differences are exact for quadratics, whatever the step."""
    square = reference.numerical_gradient(None, None, {"A": A}, lambda value, _: value.sum(), lambda _, A: A**2, h)
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
        reference.numerical_gradient(None, None, params, failing_loss, lambda _, W, b: W + b)
    assert params.keys() == before.keys()
    for name in params:
        assert_array_equal(params[name], before[name])


def test_numerical_gradient_is_precise_for_float32_and_integers():
    X, y = np.array([[1, 2]]), np.array([[3.0]])
    for dtype, expected in ((np.float32, np.float32), (int, np.float64)):
        gradients = reference.numerical_gradient(
            X, y, {"W": np.array([[1], [2]], dtype)}, reference.mse_loss, reference.matrix_multiply
        )
        assert gradients["W"].dtype == expected
        assert_allclose(gradients["W"], [[4], [8]], rtol=1e-6)


def test_numerical_gradient_catches_a_wrong_one():
    """What it is for: a transposed factor and a lost 2 are far outside the tolerances of this file."""
    rng = np.random.default_rng(0)
    X, y, W = normals(rng, (3, 3), (3, 3), (3, 3))
    numerical = reference.numerical_gradient(X, y, {"W": W}, reference.mse_loss, reference.matrix_multiply)["W"]
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


@given(rng=generators, n=sizes, d=sizes, h=sizes, c=sizes)
def test_mlp_gradients_are_the_numerical_ones(rng, n, d, h, c):
    X, y, params = rng.normal(size=(n, d)), one_hot(rng, n, c), mlp_parameters(rng, d, h, c)
    Z1 = X @ params["W1"] + params["b1"]
    assume(np.abs(Z1).min() > CLEAR)
    A1, A2 = reference.forward_mlp(X, **params)
    assert_array_equal(A1, np.maximum(Z1, 0))
    assert_allclose(A2, scipy_softmax(A1 @ params["W2"] + params["b2"], axis=1))
    assume_unclipped(A2, y)
    gradients = reference.backward_mlp(X, A1, A2, y, params["W1"], params["W2"], Z1)
    numerical = reference.numerical_gradient(X, y, params, cross_entropy_of_last, reference.forward_mlp, h=CLEAR / 100)
    for gradient, expected in zip(gradients, numerical.values(), strict=True):
        assert_allclose(gradient, expected, atol=1e-7)


@given(rng=generators, n=sizes, d=sizes, h=sizes, g=sizes, c=sizes)
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
        X, y, params, cross_entropy_of_last, reference.forward_mlp_3layer, h=CLEAR / 100
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


def test_conv2d_does_not_flip_the_filter():
    assert_array_equal(reference.conv2d([[1.0, 2.0]], [[0.0, 1.0]]), [[2.0]])


@given(data=st.data(), stride=st.integers(1, 4), channels=st.sampled_from([(), (1,), (3,)]))
def test_max_pool_takes_the_maximum_of_every_window(data, stride, channels):
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    size = data.draw(st.integers(1, min(shape)))
    X = data.draw(hnp.arrays(st.sampled_from([np.float32, np.int64]), shape + channels, elements=st.integers(-5, 5)))
    pooled = reference.max_pool(X, size, stride)
    assert pooled.dtype == X.dtype
    assert_array_equal(pooled, pool_by_definition(X, size, stride))


def test_max_pool_drops_an_odd_border():
    assert reference.max_pool(np.zeros((27, 5, 8))).shape == (13, 2, 8)


@st.composite
def cnn_problems(draw, values=None):
    """Draw (X, y, params); with `values`, images and filters of so few small integers that windows often tie."""
    rng, n, f, c = draw(generators), draw(sizes), draw(st.integers(1, 3)), draw(sizes)
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
    numerical = reference.numerical_gradient(X, y, params, cross_entropy_of_last, reference.forward_cnn, h=CLEAR / 100)
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


@given(rng=generators, shapes=st.lists(st.tuples(sizes, sizes), max_size=3), lambda_=st.floats(0, 10))
def test_l2_regularization_and_its_gradient(rng, shapes, lambda_):
    weights = normals(rng, *shapes)
    penalty, gradients = reference.l2_regularization(weights, lambda_)
    assert penalty == pytest.approx(lambda_ * sum(w**2 for W in weights for w in W.flat))
    numerical = reference.numerical_gradient(
        None,
        None,
        {f"W{i}": W for i, W in enumerate(weights)},
        lambda penalty, _: penalty,
        lambda _, **weights: reference.l2_regularization(list(weights.values()), lambda_)[0],
    )
    for gradient, expected in zip(gradients, numerical.values(), strict=True):
        assert_allclose(gradient, expected, atol=1e-6)


@given(seed=seeds, A=floats(100), p=st.floats(0.01, 1), inverted=st.booleans())
def test_dropout_returns_what_its_mask_does(seed, A, p, inverted):
    dropped, mask = reference.dropout(A, p, inverted=inverted, rng=seed)
    assert_array_equal(dropped, A * mask)
    assert set(mask.flat) <= {0.0, 1 / p if inverted else 1.0}
    again, _ = reference.dropout(A, p, inverted=inverted, rng=np.random.default_rng(seed))
    assert_array_equal(again, dropped)


@given(A=floats(100), p=st.floats(0.01, 1), inverted=st.booleans())
def test_dropout_keeps_all_outside_training(A, p, inverted):
    dropped, mask = reference.dropout(A, p, training=False, inverted=inverted)
    assert_array_equal(dropped, A)
    assert_array_equal(mask, np.ones_like(A))


@pytest.mark.parametrize("p", [0.1, 0.8])
def test_dropout_keeps_with_probability_p(p):
    n = 10_000
    A = np.full((100, 100), 3.0)
    _, mask = reference.dropout(A, p, rng=0)
    assert abs(mask.mean() - p) < 4 * np.sqrt(p * (1 - p) / n)
    inverted, _ = reference.dropout(A, p, inverted=True, rng=0)
    assert abs(inverted.mean() / 3 - 1) < 4 * np.sqrt((1 - p) / p / n)


def test_dropout_of_probability_1_keeps_all():
    assert reference.dropout(np.ones((50, 50)), 1)[1].all()


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
    assert reference.dropout(ones, np.float64(0.5), inverted=True, rng=0)[0].dtype == np.float32


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


def refused(name, *arguments, message=None):
    with pytest.raises(ValueError, match=message) as caught:
        getattr(reference, name)(*arguments)
    assert str(caught.value).startswith(f"{name}: ")


ARRAYS_THAT_MUST_FIT = [
    (name, position)
    for name in CALLS
    if name not in ("dropout", "identity", "l2_regularization", "numerical_gradient", "relu", "sigmoid", "softmax")
    for position, argument in enumerate(CALLS[name](np.random.default_rng(0)))
    if isinstance(argument, np.ndarray)
]


@pytest.mark.parametrize(("name", "position"), ARRAYS_THAT_MUST_FIT)
def test_another_number_of_axes_is_refused(name, position):
    """NumPy would broadcast most of these to a wrong answer."""
    arguments = CALLS[name](np.random.default_rng(0))
    for wrong in (arguments[position][np.newaxis, np.newaxis], np.array(1.0)):
        refused(name, *[wrong if i == position else a for i, a in enumerate(arguments)], message=r"shape|expected")


# The axes of no consequence to any other argument.
FREE = {(name, 0, 0) for name in ("forward_perceptron", "forward_mlp", "forward_mlp_3layer", "forward_cnn")}
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


CERTAIN, ONE_HOT = [[0.0, 1.0]], [[0, 1]]
EYE = np.eye(3)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("cross_entropy", ([[2.0, -1.0]], ONE_HOT), "A must hold probabilities"),
        ("cross_entropy", (CERTAIN, [[1, 1]]), "row of y must sum to 1"),
        ("cross_entropy", (CERTAIN, [[0, 0]]), "row of y must sum to 1"),
        ("cross_entropy", (CERTAIN, [[2, -1]]), "y must hold probabilities"),
        ("binary_cross_entropy", ([[3.0]], [[1]]), "A must hold probabilities"),
        ("binary_cross_entropy", ([[0.5]], [[-1]]), "y must hold probabilities"),
        ("backward_mlp", ([[1.0]], [[1.0]], [[3.0, -3.0]], ONE_HOT, [[1.0]], CERTAIN, [[1.0]]), "A2 must hold"),
        ("backward_mlp", ([[1.0]], [[1.0]], CERTAIN, [[1, 1]], [[1.0]], CERTAIN, [[1.0]]), "row of y"),
        ("matrix_multiply", ([["a"]], [[1.0]]), "X must hold real numbers"),
        ("matrix_multiply", ([[1j]], [[1.0]]), "X must hold real numbers"),
        ("mse_loss", (np.empty((0, 1)), np.empty((0, 1))), "empty"),
        ("normalize", (np.empty((0, 3)),), "empty"),
        ("conv2d", (EYE, np.ones((4, 4))), "larger than the image"),
        ("conv2d", (EYE, np.ones((2, 4))), "larger than the image"),
        ("conv2d", (EYE, EYE, 0), "stride"),
        ("conv2d", (EYE, EYE, 1.5), "stride"),
        ("max_pool", (EYE, 4), "window"),
        ("max_pool", (EYE, 2, 0), "stride"),
        ("max_pool", (EYE, 0), "size"),
        ("gradient_descent", (EYE, EYE, EYE, EYE[:1], 0.0, 1, 1, reference.mse_loss), "lr"),
        ("gradient_descent", (EYE, EYE, EYE, EYE[:1], np.nan, 1, 1, reference.mse_loss), "lr"),
        ("gradient_descent", (EYE, EYE, EYE, EYE[:1], 0.1, 0, 1, reference.mse_loss), "num_epochs"),
        ("gradient_descent", (EYE, EYE, EYE, EYE[:1], 0.1, 1, 0, reference.mse_loss), "batch_size"),
        ("numerical_gradient", (EYE, EYE, {"W": EYE}, np.subtract, reference.matrix_multiply), "one number"),
        ("numerical_gradient", (EYE, EYE, {"W": EYE}, reference.mse_loss, reference.matrix_multiply, 0), "h is"),
        ("numerical_gradient", (EYE, EYE, {"W": 1j * EYE}, reference.mse_loss, reference.matrix_multiply), "W must"),
        ("l2_regularization", (EYE, 0.1), "list"),
        ("l2_regularization", ([EYE], -0.1), "lambda_"),
        ("dropout", (EYE, 0.0), "keeping"),
        ("dropout", (EYE, 1.5), "keeping"),
        ("dropout", (EYE, np.nan), "keeping"),
        ("accuracy", ([0, 1], [0, 1, 1]), "differ"),
        ("accuracy", (EYE, np.eye(3, 2)), "differ"),
        ("accuracy", ([[np.nan, 1.0]], [1]), "NaN"),
        ("accuracy", ([0.5, 1.5], [0, 1]), "labels nor probabilities"),
        ("accuracy", ([], []), "empty"),
        ("accuracy", (["cat"], ["dog"]), "given as"),
        ("forward_cnn", (np.ones((1, 3, 3)), np.ones((1, 3, 3)), [[0.0]], CERTAIN, CERTAIN), "too small"),
        ("forward_cnn", (np.ones((1, 3, 3)), np.ones((1, 2, 2)), [[0.0]], EYE[:, :2], CERTAIN), "features"),
    ],
)
def test_wrong_values_are_refused(name, arguments, message):
    refused(name, *arguments, message=message)
