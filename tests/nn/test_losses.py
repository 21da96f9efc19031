import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_softmax

import nn
from autograd_np import Tensor, gradients
from nn import functional as F

shapes = st.tuples(st.integers(1, 5), st.integers(1, 4))
seeds = st.integers(0, 2**32 - 1)
reductions = {"mean": np.mean, "sum": np.sum, "none": np.asarray}


def inputs(name, shape, rng):
    """Draw what a loss is called with: the tensor, and the targets."""
    x = rng.normal(size=shape) * 3
    if name == "BCELoss":
        x = expit(x)
    if name.startswith("BCE"):
        return x, rng.uniform(size=shape)
    return x, rng.normal(size=shape)


FORMULAS = {
    "MSELoss": (lambda x, t: (x - t) ** 2, F.mse_loss),
    "L1Loss": (lambda x, t: abs(x - t), F.l1_loss),
    "BCELoss": (lambda x, t: -(t * np.log(x) + (1 - t) * np.log1p(-x)), F.binary_cross_entropy),
    "BCEWithLogitsLoss": (
        lambda x, t: -(t * np.log(expit(x)) + (1 - t) * np.log(expit(-x))),
        F.binary_cross_entropy_with_logits,
    ),
}


@pytest.mark.parametrize("reduction", reductions)
@pytest.mark.parametrize("name", FORMULAS)
@given(shape=shapes, seed=seeds)
def test_elementwise_losses(name, reduction, shape, seed):
    formula, function = FORMULAS[name]
    x, targets = inputs(name, shape, np.random.default_rng(seed))
    expected = reductions[reduction](formula(x, targets))
    loss = getattr(nn, name)(reduction=reduction)(Tensor(x, requires_grad=True), targets)
    np.testing.assert_allclose(loss.data, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(loss.data, function(x, targets, reduction=reduction), rtol=1e-12)


@pytest.mark.parametrize("reduction", reductions)
@given(shape=shapes, seed=seeds)
def test_cross_entropy(reduction, shape, seed):
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(size=shape) * 3, rng.integers(shape[1], size=shape[0])
    expected = reductions[reduction](-log_softmax(logits, axis=1)[np.arange(shape[0]), labels])
    criterion = nn.CrossEntropyLoss(reduction=reduction)
    np.testing.assert_allclose(criterion(Tensor(logits), labels).data, expected, rtol=1e-9, atol=1e-12)
    one_hot = np.eye(shape[1])[labels]
    np.testing.assert_allclose(criterion(Tensor(logits), one_hot).data, expected, rtol=1e-9, atol=1e-12)


def _losses():
    for name in FORMULAS:
        yield name, *inputs(name, (4, 3), np.random.default_rng(0))
    rng = np.random.default_rng(0)
    yield "CrossEntropyLoss", rng.normal(size=(4, 3)), rng.integers(3, size=4)


LOSSES = list(_losses())


@pytest.mark.parametrize(("name", "x", "targets"), LOSSES)
def test_gradients_are_those_of_central_differences(name, x, targets):
    criterion, tensor, step = getattr(nn, name)(), Tensor(x, requires_grad=True), 1e-6
    (gradient,) = gradients(criterion(tensor, targets), tensor)
    for i in np.ndindex(x.shape):
        change = np.zeros(x.shape)
        change[i] = step
        above, below = (criterion(Tensor(x + sign * change), targets).item() for sign in (1, -1))
        np.testing.assert_allclose(gradient.data[i], (above - below) / (2 * step), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("name", "x", "targets"), LOSSES)
def test_losses_stay_in_float32(name, x, targets):
    tensor = Tensor(x, dtype=np.float32, requires_grad=True)
    targets = targets.astype(np.float32) if targets.dtype == np.float64 else targets
    loss = getattr(nn, name)()(tensor, targets)
    loss.backward()
    assert loss.dtype == tensor.grad.dtype == np.float32


@pytest.mark.parametrize("name", [*FORMULAS, "CrossEntropyLoss"])
def test_the_reduction_is_checked_and_shown(name):
    kind = getattr(nn, name)
    with pytest.raises(ValueError, match=f"{name}: unknown reduction 'average'; choose mean, sum or none"):
        kind(reduction="average")
    assert repr(kind()) == f"{name}()"
    assert repr(kind(reduction="sum")) == f"{name}(reduction='sum')"


@pytest.mark.parametrize(("name", "x", "targets"), LOSSES)
@pytest.mark.parametrize("reduction", reductions)
def test_against_pytorch(name, x, targets, reduction):
    torch = pytest.importorskip("torch")
    mine, theirs = Tensor(x, requires_grad=True), torch.from_numpy(x).requires_grad_()
    loss = getattr(nn, name)(reduction=reduction)(mine, targets)
    their_loss = getattr(torch.nn, name)(reduction=reduction)(theirs, torch.from_numpy(targets))
    np.testing.assert_allclose(loss.data, their_loss.detach().numpy(), rtol=1e-9)
    loss.sum().backward()
    their_loss.sum().backward()
    np.testing.assert_allclose(mine.grad, theirs.grad.numpy(), rtol=1e-9, atol=1e-12)
