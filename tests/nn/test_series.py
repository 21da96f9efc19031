"""Programs as readers of the series write them, chapter by chapter, with `nn.reference` in place of the series' file.

Forward functions take a dict, loops are written out, ``np.random.seed`` makes runs repeatable. Pyright checks this file
in strict mode with the packages: the swap must not cost a program its types.
"""
# ruff: noqa: NPY002 - the series draws from NumPy's global generator

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from nn.reference import (
    accuracy,
    backward_cnn,
    backward_mlp,
    backward_mlp_3layer,
    binary_cross_entropy,
    conv2d,
    cross_entropy,
    dropout,
    dropout_mask,
    forward_cnn,
    forward_mlp,
    forward_mlp_3layer,
    forward_perceptron,
    gradient_descent,
    gradient_descent_general,
    l2_regularization,
    matrix_multiply,
    max_pool,
    momentum_update,
    mse_loss,
    normalize,
    numerical_gradient,
    relu,
    sigmoid,
    softmax,
)

Array = NDArray[Any]
Params = dict[str, Array]

BITS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


@pytest.fixture(autouse=True)
def global_generator() -> Iterator[None]:
    """Put NumPy's global generator back as it was."""
    state = np.random.get_state()
    yield
    np.random.set_state(state)


def linear_forward(X: Array, params: Params) -> Array:
    return X @ params["W"] + params["b"]


def logistic_forward(X: Array, params: Params) -> Array:
    return sigmoid(X @ params["W"] + params["b"])


def images(n: int) -> tuple[Array, Array]:
    """Return n images of 28 x 28 in rows, of 10 classes that are told apart by where they are bright, and labels."""
    labels = np.random.randint(0, 10, n)
    pixels = np.random.randint(0, 100, (n, 28, 28))
    for image, label in zip(pixels, labels, strict=True):
        image[2 * label : 2 * label + 6] += 150
    return pixels.reshape(n, 784), np.eye(10)[labels]


def small_weights(*sizes: int) -> list[Array]:
    """Return W1, b1, W2, b2 and so on."""
    params: list[Array] = []
    for before, after in pairwise(sizes):
        params += [np.random.randn(before, after) * 0.01, np.zeros((1, after))]
    return params


def test_2_3_descent_prints_a_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    X = np.arange(1, 9).reshape(-1, 1)
    y = 2 * X
    W, b = np.zeros((1, 1)), np.zeros(1)
    W, b, losses = gradient_descent(X, y, W, b, lr=0.1, num_epochs=5, batch_size=2, loss_fn=mse_loss, shuffle=False)
    printed = capsys.readouterr().out.splitlines()
    assert printed == [f"Epoch {epoch}/5, Loss: {loss:.4f}" for epoch, loss in enumerate(losses, 1)]
    assert printed[0] == "Epoch 1/5, Loss: 494.6587"
    assert_allclose(losses, [494.66, 2790.89, 14750.33, 80167.54, 430509.28], atol=0.005)
    assert_allclose([W.item(), b.item()], [127.35, 25.85], atol=0.005)
    assert b.shape == (1,)


def test_2_3_a_seed_makes_the_shuffles_repeatable() -> None:
    X = normalize(np.array([0.5, 1.5, 1.0, 2.0, 3.0, 2.5])).reshape(-1, 1)
    y = np.array([[0], [0], [0], [1], [1], [1]])
    histories: list[list[float]] = []
    for seed in (42, 42, 43):
        np.random.seed(seed)
        W, b = np.random.randn(1, 1), np.zeros((1, 1))
        *_, history = gradient_descent(X, y, W, b, 0.1, 10, 2, binary_cross_entropy, sigmoid)
        histories.append(history)
    assert histories[0] == histories[1] != histories[2]
    assert histories[0][-1] < histories[0][0]


def test_2_3_descent_on_any_model() -> None:
    X = np.array([[1.0], [2.0], [3.0], [4.0]])
    y = 2 * X + 1

    def gradients(X: Array, y: Array, params: Params) -> Params:
        error = linear_forward(X, params) - y
        return {"W": 2 * matrix_multiply(X.T, error) / len(X), "b": 2 * error.mean(axis=0, keepdims=True)}

    params = {"W": np.zeros((1, 1)), "b": np.zeros((1, 1))}
    params, losses = gradient_descent_general(X, y, params, 0.1, 500, linear_forward, gradients, mse_loss)
    assert_allclose([params["W"].item(), params["b"].item()], [2, 1], atol=1e-3)
    assert len(losses) == 500
    assert losses[-1] < 1e-6


def test_2_4_the_missing_factor_2() -> None:
    X, y = np.array([[1.0], [2.0]]), np.array([[3.0], [5.0]])
    params = {"W": np.array([[1.5]]), "b": np.array([[0.5]])}
    error = linear_forward(X, params) - y
    analytical = {"W": X.T @ error / len(X), "b": np.mean(error, axis=0, keepdims=True)}
    numerical = numerical_gradient(X, y, params, mse_loss, linear_forward, h=1e-4)
    assert_allclose([analytical["W"].item(), analytical["b"].item()], [-2, -1.25])
    for name in params:
        assert_allclose(numerical[name], 2 * analytical[name], atol=1e-9)
    assert params["W"].item() == 1.5


def test_2_4_logistic_regression() -> None:
    X, y = np.array([[0.5], [1.5], [2.5]]), np.array([[0], [0], [1]])
    params = {"W": np.zeros((1, 1)), "b": np.zeros(1)}
    numerical = numerical_gradient(X, y, params, binary_cross_entropy, logistic_forward)
    assert_allclose(numerical["W"], [[-1 / 12]], atol=1e-9)
    assert_allclose(numerical["b"], [1 / 6], atol=1e-9)


@pytest.mark.parametrize(
    ("labels", "expected"), [((0, 0, 0, 1), (0.035, 0.217, 0.217, 0.679)), ((0, 1, 1, 0), (0.5, 0.5, 0.5, 0.5))]
)
def test_3_1_a_perceptron_learns_and_but_not_xor(labels: tuple[int, ...], expected: tuple[float, ...]) -> None:
    y = np.array(labels).reshape(-1, 1)
    W, b = np.zeros((2, 1)), np.zeros(1)
    W, b, losses = gradient_descent(BITS, y, W, b, 0.1, 500, 4, binary_cross_entropy, sigmoid, verbose=False)
    A = forward_perceptron(BITS, W, b)
    assert_allclose(A.ravel(), expected, atol=5e-4)
    predictions = (A > 0.5).astype(int)
    assert np.mean(predictions == y) == accuracy(A, y) == (0.5 if labels[3] == 0 else 1)
    assert abs(losses[-1] - (np.log(2) if labels[3] == 0 else 0.2283)) < 5e-5


def test_3_2_activations() -> None:
    Z = np.array([[-1.5, 2, 0], [-0.5, -2, 1.5], [3, -1, 0.5], [-3, 4, -0.2]])
    A = relu(Z)
    assert np.sum(A == 0) == 7
    np.random.seed(0)
    assert_allclose(np.sum(softmax(np.random.randn(3, 5)), axis=1), 1)
    assert_allclose(softmax(np.array([[1000, 1000, 1000], [-1000, -1000, -1000]])), 1 / 3)


@pytest.mark.parametrize("bias_shape", [(1, -1), (-1,)])
def test_3_3_a_forward_pass(bias_shape: tuple[int, ...]) -> None:
    np.random.seed(0)
    X = np.random.randn(2, 3)
    W1, b1, W2, b2 = small_weights(3, 4, 2)
    A1, A2 = forward_mlp(X, W1, b1.reshape(bias_shape), W2, b2.reshape(bias_shape))
    assert (A1.shape, A2.shape) == ((2, 4), (2, 2))
    assert_allclose(A2.sum(axis=1), 1)
    assert abs(cross_entropy(A2, np.array([[1, 0], [0, 1]])) - np.log(2)) < 5e-4


def test_3_4_backpropagation(capsys: pytest.CaptureFixture[str]) -> None:
    np.random.seed(42)
    X, y = images(200)
    X = normalize(X)
    W1, b1, W2, b2 = small_weights(784, 16, 10)
    lr, batch_size = 0.1, 32
    losses: list[float] = []
    for epoch in range(5):
        order = np.random.permutation(len(X))
        for i in range(0, len(X), batch_size):
            X_batch, y_batch = X[order[i : i + batch_size]], y[order[i : i + batch_size]]
            Z1 = X_batch @ W1 + b1
            A1, A2 = forward_mlp(X_batch, W1, b1, W2, b2)
            grad_W1, grad_b1, grad_W2, grad_b2 = backward_mlp(X_batch, A1, A2, y_batch, W1, W2, Z1)
            W1 -= lr * grad_W1
            b1 -= lr * grad_b1
            W2 -= lr * grad_W2
            b2 -= lr * grad_b2
        losses.append(cross_entropy(forward_mlp(X, W1, b1, W2, b2)[1], y))
        print(f"Epoch {epoch + 1}/5, Loss: {losses[-1]:.4f}")
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert losses[-1] < losses[0] < np.log(10) + 0.1
    assert accuracy(forward_mlp(X, W1, b1, W2, b2)[1], y) > 0.9


def test_3_4_the_gradients_are_the_numerical_ones() -> None:
    X, y = np.array([[1, 2], [3, 4]]), np.array([[1, 0], [0, 1]])
    np.random.seed(1)
    W1, b1, W2, b2 = (10 * p for p in small_weights(2, 3, 2))
    A1, A2 = forward_mlp(X, W1, b1, W2, b2)
    analytical = backward_mlp(X, A1, A2, y, W1, W2, X @ W1 + b1)
    assert [gradient.shape for gradient in analytical] == [(2, 3), (1, 3), (3, 2), (1, 2)]

    def forward(X: Array, params: Params) -> Array:
        _, A2 = forward_mlp(X, params["W1"], params["b1"], params["W2"], params["b2"])
        return A2

    params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    numerical = numerical_gradient(X, y, params, cross_entropy, forward)
    for gradient, expected in zip(analytical, numerical.values(), strict=True):
        assert_allclose(gradient, expected, atol=1e-8)


def test_4_1_three_layers() -> None:
    np.random.seed(42)
    X, y = images(64)
    X = normalize(X)
    W1, b1, W2, b2, W3, b3 = small_weights(784, 16, 8, 10)
    A1, A2, A3 = forward_mlp_3layer(X, W1, b1, W2, b2, W3, b3)
    Z1 = X @ W1 + b1
    Z2 = A1 @ W2 + b2
    gradients = backward_mlp_3layer(X, A1, A2, A3, y, W1, W2, W3, Z1, Z2)
    assert [gradient.shape for gradient in gradients] == [p.shape for p in (W1, b1, W2, b2, W3, b3)]
    sizes = [float(np.mean(np.abs(gradient))) for gradient in gradients[::2]]
    assert sizes[0] < sizes[1] < sizes[2]


def test_4_2_filters() -> None:
    image = np.array([[1, 1, 1, 1], [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1]])
    average = np.full((2, 2), 0.25)
    assert_allclose(conv2d(image, average, stride=1), [[1.25, 1.5, 1.25], [1.5, 2, 1.5], [1.25, 1.5, 1.25]])
    assert_allclose(conv2d(image, average, stride=2), np.full((2, 2), 1.25))
    horizontal = np.array([[-1, -1, -1], [0, 0, 0], [1, 1, 1]])
    brighter_below = np.repeat(np.arange(28.0)[:, np.newaxis], 28, axis=1)
    assert_array_equal(conv2d(brighter_below, horizontal), np.full((26, 26), 6))


def test_4_3_pooling_and_a_cnn() -> None:
    X = np.arange(1, 17).reshape(4, 4)
    assert_array_equal(max_pool(X, size=2, stride=2), [[6, 8], [14, 16]])
    assert_array_equal(max_pool(X, size=2, stride=1), [[6, 7, 8], [10, 11, 12], [14, 15, 16]])
    np.random.seed(0)
    pixels, _ = images(2)
    pixels = pixels.reshape(2, 28, 28) / 255.0
    filters = np.random.randn(4, 3, 3) * 0.1
    maps = np.zeros((2, 26, 26, 4))
    pooled = np.zeros((2, 13, 13, 4))
    for i in range(2):
        for f in range(4):
            maps[i, :, :, f] = conv2d(pixels[i], filters[f])
        pooled[i] = max_pool(maps[i])
    flat = pooled.reshape(2, -1)
    W, b = np.random.randn(676, 10) * 0.01, np.zeros((1, 10))
    A = softmax(flat @ W + b)
    assert (flat.shape, A.shape) == ((2, 676), (2, 10))
    assert_allclose(A.sum(axis=1), 1)


def test_4_3_the_cnn_learns() -> None:
    np.random.seed(0)
    X, y = images(32)
    X = X.reshape(-1, 28, 28) / 255.0
    filters, b_conv = np.random.randn(2, 3, 3) * 0.1, np.zeros((1, 2))
    W, b = np.random.randn(338, 10) * 0.01, np.zeros((1, 10))
    velocity = np.zeros_like(W)
    losses: list[float] = []
    for _ in range(5):
        Z, A, P, probs = forward_cnn(X, filters, b_conv, W, b)
        losses.append(cross_entropy(probs, y))
        grad_filters, grad_b_conv, grad_W, grad_b = backward_cnn(X, Z, A, P, probs, y, filters, W)
        filters -= 0.1 * grad_filters
        b_conv -= 0.1 * grad_b_conv
        velocity = momentum_update(velocity, grad_W, 0.9, 0.1)
        W += velocity
        b -= 0.1 * grad_b
    assert losses[-1] < losses[0]


def test_4_4_penalty() -> None:
    W1, W2 = np.array([[1, 2], [3, 4]]), np.array([[0.5, 1.5], [2.5, 3.5]])
    penalty, gradients = l2_regularization([W1, W2], 0.01)
    assert_allclose(penalty, 0.51)
    assert_allclose(gradients, [[[0.02, 0.04], [0.06, 0.08]], [[0.01, 0.03], [0.05, 0.07]]])
    penalty, gradients = l2_regularization(W1, 0.01)
    assert_allclose(penalty, 0.3)
    assert_allclose(gradients[0], [[0.02, 0.04], [0.06, 0.08]])


def test_4_4_dropout() -> None:
    A = np.array([[1, 2, 3], [4, 5, 6]])
    np.random.seed(1)
    first, second = dropout(A, 0.5, training=True), dropout(A, 0.5, training=True)
    assert np.any(first != second)
    assert np.all((first == 0) | (first == A))
    assert_array_equal(dropout(A, 0.5, training=False), A)
    np.random.seed(1)
    assert_array_equal(A * dropout_mask(A, 0.5), first)


def test_4_4_training_with_both() -> None:
    np.random.seed(42)
    X, y = images(200)
    X = normalize(X)
    W1, b1, W2, b2, W3, b3 = (10 * p for p in small_weights(784, 16, 8, 10))
    lr, keep, lambda_ = 0.1, 0.8, 0.01
    for _ in range(20):
        Z1 = X @ W1 + b1
        A1 = dropout(relu(Z1), keep, training=True)
        Z2 = A1 @ W2 + b2
        A2 = dropout(relu(Z2), keep, training=True)
        A3 = softmax(A2 @ W3 + b3)
        grad_W1, grad_b1, grad_W2, grad_b2, grad_W3, grad_b3 = backward_mlp_3layer(X, A1, A2, A3, y, W1, W2, W3, Z1, Z2)
        _, (l2_W1, l2_W2, l2_W3) = l2_regularization([W1, W2, W3], lambda_)
        W1 -= lr * (grad_W1 + l2_W1)
        b1 -= lr * grad_b1
        W2 -= lr * (grad_W2 + l2_W2)
        b2 -= lr * grad_b2
        W3 -= lr * (grad_W3 + l2_W3)
        b3 -= lr * grad_b3
    *_, A3 = forward_mlp_3layer(X, W1, b1, W2, b2, W3, b3)
    assert cross_entropy(A3, y) < np.log(10) - 0.1
    assert accuracy(A3, y) > 0.2
