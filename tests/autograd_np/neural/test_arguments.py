"""Arguments of all neural operations: numbers in any order of bytes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from autograd_np import Tensor, gradients
from autograd_np.neural import (
    adaptive_avg_pool2d,
    avg_pool2d,
    batch_norm,
    binary_cross_entropy_with_logits,
    conv1d,
    conv2d,
    conv_transpose2d,
    cross_entropy,
    dropout,
    flatten,
    group_norm,
    instance_norm,
    layer_norm,
    linear,
    log_softmax,
    logsumexp,
    max_pool2d,
    mse_loss,
    pad,
    relu,
    softmax,
)

Array = NDArray[Any]


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
    "layer_norm": lambda x: layer_norm(x, 3, np.ones(3, x.dtype), np.ones(3, x.dtype)) ** 3,
    "group_norm": lambda x: group_norm(x, 1) ** 3,
    "instance_norm": lambda x: instance_norm(x[None]) ** 3,
    "conv2d": lambda x: conv2d(x[None, None], np.ones((1, 1, 2, 2))),
    "conv2d by fft": lambda x: conv2d(x[None, None], np.ones((1, 1, 2, 2), x.dtype), method="fft"),
    "conv2d of groups": lambda x: conv2d(x[None, :, None], np.ones((2, 1, 1, 2)), groups=2, dilation=(1, 2)),
    "conv1d": lambda x: conv1d(x, np.ones((1, 2, 2))),
    "conv_transpose2d": lambda x: conv_transpose2d(x[None, None], np.ones((1, 1, 2, 2)), np.ones(1), 2),
    "pad": lambda x: pad(x, (1, 2), "reflect") ** 2,
    "max_pool2d": lambda x: max_pool2d(x[None, None], 2),
    "max_pool2d of parts": lambda x: max_pool2d(x[None], 2, 2, dilation=1, ceil_mode=True),
    "avg_pool2d": lambda x: avg_pool2d(x[None], 2, 2, 1, True),
    "adaptive_avg_pool2d": lambda x: adaptive_avg_pool2d(x[None], 2),
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
