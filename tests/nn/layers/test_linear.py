"""Linear layers and flattening, against the formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import Tensor
from tests.nn.layers.networks import seeds, sizes


@given(sizes, sizes, st.lists(sizes, max_size=2), st.booleans(), seeds)
def test_linear(d, k, batch, bias, seed):
    rng = np.random.default_rng(seed)
    layer, x = nn.Linear(d, k, bias=bias, dtype=np.float64, rng=rng), rng.normal(size=(*batch, d))
    assert layer.weight.shape == (k, d)
    expected = x @ layer.weight.data.T + (layer.bias.data if bias else 0)
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-12)


def test_flatten():
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(nn.Flatten()(x), x.reshape(2, 12))
    np.testing.assert_array_equal(nn.Flatten(0)(Tensor(x)).data, x.ravel())
    assert nn.Flatten(-2)(x).shape == (2, 12)
    assert nn.Flatten()(np.zeros((0, 3, 4))).shape == (0, 12)
    assert nn.Flatten()(np.zeros((2, 0, 4))).shape == (2, 0)
    with pytest.raises(ValueError, match=r"flatten: an input of shape \(3,\) has no axis 1"):
        nn.Flatten()(np.zeros(3))
    with pytest.raises(ValueError, match=r"flatten: an input of shape \(3,\) has no axis 2 to flatten to"):
        nn.Flatten(0, 2)(np.zeros(3))
    with pytest.raises(ValueError, match=r"flatten: end_dim=0 comes before start_dim=1"):
        nn.Flatten(1, 0)(np.zeros((2, 3)))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.data())
def test_flatten_of_axes_between_and_back(shape, data):
    first = data.draw(st.integers(0, len(shape) - 1))
    last = data.draw(st.integers(first, len(shape) - 1))
    x = np.random.default_rng(0).normal(size=shape)
    for memory in (x, np.asfortranarray(x), np.moveaxis(np.moveaxis(x, 0, -1).copy(), -1, 0)):
        t = Tensor(memory, requires_grad=True)
        flat = nn.Flatten(first, last - len(shape))(t)
        np.testing.assert_array_equal(
            flat.data, x.reshape(*shape[:first], -1, *shape[last + 1 :]) if x.size else flat.data
        )
        back = nn.Unflatten(first, shape[first : last + 1])(flat)
        np.testing.assert_array_equal(back.data, x)
        (back * x).sum().backward()
        np.testing.assert_array_equal(t.grad, x)


def test_unflatten():
    x = np.arange(12.0).reshape(2, 6)
    np.testing.assert_array_equal(nn.Unflatten(1, (2, 3))(x), x.reshape(2, 2, 3))
    np.testing.assert_array_equal(nn.Unflatten(-1, [-1, 2])(Tensor(x)).data, x.reshape(2, 3, 2))
    assert nn.Unflatten(0, (-1, 5))(np.zeros((0, 3))).shape == (0, 5, 3)
    with pytest.raises(ValueError, match=r"do not fit \(0, -1\)"):  # any length would do
        nn.Unflatten(0, (0, -1))(np.zeros((0, 3)))
    assert repr(nn.Unflatten(1, [2, 3])) == "Unflatten(dim=1, unflattened_size=(2, 3))"
    for dim, lengths, message in [
        (1, (2, 2), r"the 6 elements of axis 1 of \(2, 6\) do not fit \(2, 2\)"),
        (1, (4, -1), r"do not fit \(4, -1\)"),
        (1, (-1, -1), r"do not fit \(-1, -1\)"),
        (1, (0, -1), r"do not fit \(0, -1\)"),
        (2, (2, 3), r"shape \(2, 6\) has no axis 2"),
    ]:
        with pytest.raises(ValueError, match=f"Unflatten: .*{message}"):
            nn.Unflatten(dim, lengths)(x)
    with pytest.raises(ValueError, match=r"Unflatten: unflattened_size=\(2, -2\)"):
        nn.Unflatten(1, (2, -2))
    with pytest.raises(TypeError, match=r"Unflatten: unflattened_size=\(2.0, 3\)"):
        nn.Unflatten(1, (2.0, 3))
