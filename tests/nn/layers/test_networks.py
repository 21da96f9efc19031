"""Layers of every kind and networks of them: gradients, training, and what PyTorch makes of the same numbers."""

import gc
import math

import numpy as np
import pytest

import nn
from autograd_np import Tensor, grad
from nn import functional as F
from tests.nn.layers.networks import digits, lenet, mlp, plain


def central_differences(function, x, step=1e-6):
    """Return the gradient of a function of an array, by changing one element at a time."""
    gradient, moved = np.zeros_like(x), x.copy()
    for i in np.ndindex(x.shape):
        moved[i] = x[i] + step
        above = function(moved)
        moved[i] = x[i] - step
        gradient[i] = (above - function(moved)) / (2 * step)
        moved[i] = x[i]
    return gradient


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda rng: nn.Linear(3, 2, rng=rng), (4, 3)),
        (lambda rng: nn.Conv2d(2, 3, (2, 3), stride=(2, 1), padding=(1, 0), rng=rng), (2, 2, 4, 5)),
        (lambda rng: nn.BatchNorm1d(3), (5, 3)),
        (lambda rng: nn.BatchNorm1d(3), (2, 3, 4)),
        (lambda rng: nn.BatchNorm1d(3).eval(), (5, 3)),
        (lambda rng: nn.BatchNorm2d(2), (3, 2, 2, 3)),
        (lambda rng: nn.BatchNorm2d(2, affine=False, track_running_stats=False).eval(), (3, 2, 2, 3)),
        (lambda rng: nn.LayerNorm((3, 2)), (2, 3, 2)),
        (lambda rng: nn.RMSNorm(3), (2, 3)),
        (lambda rng: nn.GroupNorm(2, 4), (2, 4, 2)),
        (lambda rng: nn.InstanceNorm1d(3, affine=True), (2, 3, 4)),
        (lambda rng: nn.MaxPool2d((2, 3), stride=1), (2, 2, 4, 5)),
        (lambda rng: nn.Flatten(), (2, 3, 4)),
        (lambda rng: nn.ReLU(), (3, 4)),
        (lambda rng: nn.Sigmoid(), (3, 4)),
        (lambda rng: nn.Tanh(), (3, 4)),
        (lambda rng: nn.Softmax(dim=0), (3, 4)),
        (lambda rng: nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Dropout(0.5).eval(), nn.Linear(4, 1, rng=rng)), (2, 3)),
    ],
)
def test_gradients_are_those_of_central_differences(make, shape):
    rng = np.random.default_rng(3)
    layer, x = make(rng).astype(np.float64), rng.normal(size=shape)
    for p in layer.parameters():
        p.data += rng.normal(size=p.shape)
    weights = rng.normal(size=np.shape(plain(layer(x))))  # so that each output counts differently
    params = dict(layer.named_parameters())

    def loss(x, params):
        return np.sum(nn.functional_call(layer, params, x) * weights)

    got_x, got = grad(loss, argnums=(0, 1))(Tensor(x), params)
    tolerance = {"rtol": 1e-6, "atol": 1e-8}
    np.testing.assert_allclose(got_x.data, central_differences(lambda x: float(plain(loss(x, {}))), x), **tolerance)
    for name, p in params.items():
        numerical = central_differences(lambda w, name=name: float(plain(loss(x, {name: w}))), p.data)
        np.testing.assert_allclose(got[name].data, numerical, **tolerance)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: nn.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4),
        lambda p: nn.optim.Adam(p, lr=0.01),
        lambda p: nn.optim.AdamW(p, lr=0.01),
    ],
)
@pytest.mark.parametrize("network", [mlp, lenet])
def test_training_on_digits_lowers_the_loss_and_stays_in_float32(make, network):
    rng = np.random.default_rng(0)
    model = network(rng)
    x, y = digits()
    if network is lenet:
        x = x.reshape(-1, 1, 8, 8)
    criterion, optimizer, losses = nn.CrossEntropyLoss(), make(model.parameters()), []
    for _ in range(60):
        batch = rng.integers(len(x), size=64)
        out = model(x[batch])
        loss = criterion(out, y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        assert out.dtype == loss.dtype == np.float32
        assert all(p.grad.dtype == p.dtype == np.float32 for p in model.parameters())
    assert abs(losses[0] - math.log(10)) < 0.5
    assert np.mean(losses[-5:]) < 0.75 * losses[0]
    assert {a.dtype.name for a in model.state_dict().values()} <= {"float32", "int64"}


def test_a_training_loop_leaves_nothing_for_the_garbage_collector():
    rng = np.random.default_rng(0)
    model, x, y = lenet(rng), *digits()
    x = x.reshape(-1, 1, 8, 8)
    optimizer = nn.optim.Adam(model.parameters())

    def steps(count):
        for _ in range(count):
            batch = rng.integers(len(x), size=8)
            optimizer.zero_grad()
            F.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()

    steps(2)
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        steps(50)
        assert len(gc.get_objects()) - before < 50  # not one object a step stays
        assert gc.collect() == 0
    finally:
        gc.enable()


def _torch_lenet(torch):
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(4, 6, (3, 2), stride=(1, 2), padding=(0, 1), bias=False),
        torch.nn.Tanh(),
        torch.nn.Flatten(),
        torch.nn.Dropout(0.2),
        torch.nn.Linear(36, 12),
        torch.nn.BatchNorm1d(12, affine=False),
        torch.nn.Sigmoid(),
        torch.nn.Linear(12, 10),
    )


def test_a_state_dict_of_pytorch_loads_unchanged_and_gives_the_same_outputs_gradients_and_statistics():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs, ours = _torch_lenet(torch).double(), lenet(0).astype(np.float64)
    theirs[7].eval()
    ours[7].eval()
    state = {key: tensor.numpy() for key, tensor in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    for key, array in ours.state_dict().items():
        assert array.shape == state[key].shape
        assert array.dtype == state[key].dtype

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 1, 8, 8)), rng.integers(10, size=6)
    for _ in range(2):
        out, their_out = ours(x), theirs(torch.from_numpy(x))
        np.testing.assert_allclose(out.data, their_out.detach().numpy(), rtol=1e-9, atol=1e-12)
        F.cross_entropy(out, y).backward()
        torch.nn.functional.cross_entropy(their_out, torch.from_numpy(y)).backward()
    for (name, p), (their_name, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == their_name
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-8, atol=1e-12)
    for key, tensor in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key], tensor.numpy(), rtol=1e-12)
    np.testing.assert_allclose(
        ours.eval()(x).data, theirs.eval()(torch.from_numpy(x)).detach().numpy(), rtol=1e-9, atol=1e-12
    )


def test_the_structure_is_pytorchs():
    torch = pytest.importorskip("torch")
    theirs, ours = _torch_lenet(torch), lenet(0)
    names = lambda modules: [(name, type(module).__name__) for name, module in modules]  # noqa: E731
    assert names(ours.named_modules()) == names(theirs.named_modules())
    assert [n for n, _ in ours.named_buffers()] == [n for n, _ in theirs.named_buffers()]
    assert list(ours[3:9].state_dict()) == list(theirs[3:9].state_dict())
