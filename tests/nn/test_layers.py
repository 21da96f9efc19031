import gc
import math

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.datasets import load_digits

import nn
from autograd_np import Tensor, grad, no_grad
from nn import functional as F

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 4)


def lenet(rng):
    """A small network of every kind of layer, for digits (N, 1, 8, 8)."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, rng=rng),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, (3, 2), stride=(1, 2), padding=(0, 1), bias=False, rng=rng),
        nn.Tanh(),
        nn.Flatten(),
        nn.Dropout(0.2, rng=rng),
        nn.Linear(36, 12, rng=rng),
        nn.BatchNorm1d(12, affine=False),
        nn.Sigmoid(),
        nn.Linear(12, 10, rng=rng),
    )


def mlp(rng):
    return nn.Sequential(nn.Linear(64, 32, rng=rng), nn.ReLU(), nn.Linear(32, 10, rng=rng))


def digits():
    images, labels = load_digits(return_X_y=True)
    return images / 16, labels


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


# -- against the formulas ---------------------------------------------------------------------------------------------


@given(sizes, sizes, st.lists(sizes, max_size=2), st.booleans(), seeds)
def test_linear(d, k, batch, bias, seed):
    rng = np.random.default_rng(seed)
    layer, x = nn.Linear(d, k, bias=bias, dtype=np.float64, rng=rng), rng.normal(size=(*batch, d))
    assert layer.weight.shape == (k, d)
    expected = x @ layer.weight.data.T + (layer.bias.data if bias else 0)
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-12)


@given(sizes, sizes, sizes, st.tuples(sizes, sizes), st.tuples(sizes, sizes), st.tuples(sizes, sizes), seeds)
def test_conv2d(n, c, o, kernel, stride, padding, seed):
    rng = np.random.default_rng(seed)
    padding = tuple(p - 1 for p in padding)
    layer = nn.Conv2d(c, o, kernel, stride, padding, dtype=np.float64, rng=rng)
    x = rng.normal(size=(n, c, 4 + rng.integers(3), 4 + rng.integers(3)))
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    full = [[scipy.signal.correlate(image, w, "valid")[0] for w in layer.weight.data] for image in padded]
    expected = np.array(full)[:, :, :: stride[0], :: stride[1]] + layer.bias.data[:, None, None]
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-10, atol=1e-12)


@given(sizes, st.integers(1, 3), st.none() | st.integers(1, 3), seeds)
def test_max_pool2d(n, size, stride, seed):
    x = np.random.default_rng(seed).normal(size=(n, 2, 5, 6))
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))
    step = stride or size
    expected = windows.max(axis=(-1, -2))[:, :, ::step, ::step]
    np.testing.assert_array_equal(nn.MaxPool2d(size, stride)(x), expected)


def test_max_pool2d_pads_with_what_never_wins():
    x = -np.arange(1.0, 17).reshape(1, 1, 4, 4)
    np.testing.assert_array_equal(nn.MaxPool2d(2, padding=1)(x)[0, 0], [[-1, -2, -4], [-5, -6, -8], [-13, -14, -16]])


def test_flatten():
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(nn.Flatten()(x), x.reshape(2, 12))
    np.testing.assert_array_equal(nn.Flatten(0)(Tensor(x)).data, x.ravel())
    assert nn.Flatten(-2)(x).shape == (2, 12)
    assert nn.Flatten()(np.zeros((0, 3, 4))).shape == (0, 12)
    assert nn.Flatten()(np.zeros((2, 0, 4))).shape == (2, 0)
    with pytest.raises(ValueError, match=r"flatten: an input of shape \(3,\) has no axis 1"):
        nn.Flatten()(np.zeros(3))


@given(st.lists(sizes, min_size=1, max_size=3), seeds)
def test_activations(shape, seed):
    x = np.random.default_rng(seed).normal(size=shape) * 3
    for layer, expected in [
        (nn.ReLU(), np.maximum(x, 0)),
        (nn.Sigmoid(), expit(x)),
        (nn.Tanh(), np.tanh(x)),
        (nn.Softmax(), np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)),
        (nn.Softmax(dim=0), np.exp(x) / np.exp(x).sum(axis=0, keepdims=True)),
    ]:
        np.testing.assert_allclose(layer(x), expected, rtol=1e-12)
        np.testing.assert_allclose(layer(Tensor(x)).data, expected, rtol=1e-12)


def test_softmax_of_large_numbers():
    np.testing.assert_array_equal(nn.Softmax()(np.array([[1000.0] * 4, [-1000.0] * 4])), np.full((2, 4), 0.25))


# -- gradients --------------------------------------------------------------------------------------------------------


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
    weights = rng.normal(size=np.shape(_plain(layer(x))))  # so that each output counts differently
    params = dict(layer.named_parameters())

    def loss(x, params):
        return np.sum(nn.functional_call(layer, params, x) * weights)

    got_x, got = grad(loss, argnums=(0, 1))(Tensor(x), params)
    tolerance = {"rtol": 1e-6, "atol": 1e-8}
    np.testing.assert_allclose(got_x.data, central_differences(lambda x: float(_plain(loss(x, {}))), x), **tolerance)
    for name, p in params.items():
        numerical = central_differences(lambda w, name=name: float(_plain(loss(x, {name: w}))), p.data)
        np.testing.assert_allclose(got[name].data, numerical, **tolerance)


def _plain(value):
    return value.data if isinstance(value, Tensor) else value


# -- dropout ----------------------------------------------------------------------------------------------------------


def test_dropout_drops_a_share_p_and_keeps_the_mean():
    y = nn.Dropout(0.3, rng=0)(np.ones(100_000))
    assert abs(np.mean(y == 0) - 0.3) < 0.01
    np.testing.assert_allclose(y[y != 0], 1 / 0.7)
    assert abs(y.mean() - 1) < 0.01


def test_dropout_is_seeded_and_its_gradient_has_the_outputs_mask():
    x = Tensor(np.ones((50, 4), np.float32), requires_grad=True)
    first, second = nn.Dropout(0.5, rng=7), nn.Dropout(0.5, rng=7)
    y = first(x)
    np.testing.assert_array_equal(y.data, second(x).data)
    assert not np.array_equal(y.data, first(x).data)  # the next mask is another
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.data)
    assert y.dtype == x.grad.dtype == np.float32


def test_dropout_does_nothing_in_evaluation_mode_and_draws_nothing():
    layer, x = nn.Dropout(0.5, rng=0), np.ones((4, 4))
    state = layer.rng.bit_generator.state
    np.testing.assert_array_equal(layer.eval()(x), x)
    assert layer.rng.bit_generator.state == state


def test_dropout_of_nothing_and_of_everything():
    x = np.arange(1.0, 5)
    np.testing.assert_array_equal(nn.Dropout(0.0)(x), x)
    np.testing.assert_array_equal(nn.Dropout(1.0)(x), np.zeros(4))
    for p in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match=r"Dropout: p="):
            nn.Dropout(p)


def test_seeds_leave_the_global_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (it is what must not change)
    model = mlp(0)
    nn.Dropout(0.5, rng=0)(model(np.ones((2, 64))))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


# -- batch normalisation ----------------------------------------------------------------------------------------------


@given(
    st.sampled_from([(5, 3), (2, 3, 4), (2, 3, 2, 3)]),
    st.floats(0, 1) | st.none(),
    st.integers(1, 4),
    st.booleans(),
    seeds,
)
def test_batch_norm(shape, momentum, steps, affine, seed):
    rng = np.random.default_rng(seed)
    kind = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
    layer = kind(3, momentum=momentum, affine=affine, dtype=np.float64)
    scale, shift = np.ones(3), np.zeros(3)
    if affine:
        layer.weight.data, layer.bias.data = scale, shift = rng.normal(size=(2, 3))
    axes = (0, *range(2, len(shape)))
    mean, var, count = np.zeros(3), np.ones(3), math.prod(shape) // 3

    def expected(x, mean, var):
        columns = np.moveaxis(x, 1, -1)
        return np.moveaxis((columns - mean) / np.sqrt(var + layer.eps) * scale + shift, -1, 1)

    for step in range(1, steps + 1):
        x = rng.normal(2, 3, shape)
        np.testing.assert_allclose(_plain(layer(x)), expected(x, x.mean(axes), x.var(axes)), rtol=1e-9)
        share = 1 / step if momentum is None else momentum
        mean = (1 - share) * mean + share * x.mean(axes)
        var = (1 - share) * var + share * x.var(axes) * count / (count - 1)
    np.testing.assert_allclose(layer.running_mean, mean)
    np.testing.assert_allclose(layer.running_var, var)
    x = rng.normal(size=shape)
    before = layer.state_dict()
    np.testing.assert_allclose(_plain(layer.eval()(x)), expected(x, mean, var))
    assert all(np.array_equal(before[key], array) for key, array in layer.state_dict().items())


def test_batch_norm_without_running_statistics_uses_the_batch_always():
    layer, x = nn.BatchNorm1d(2, track_running_stats=False), np.random.default_rng(0).normal(size=(6, 2))
    assert list(layer.state_dict()) == ["weight", "bias"]
    np.testing.assert_array_equal(layer(x).data, layer.eval()(x).data)


def test_batch_norm_runs_under_no_grad_and_on_plain_numbers():
    layer = nn.BatchNorm1d(2)
    with no_grad():
        layer(np.ones((3, 2)))
    assert layer.num_batches_tracked == 1
    assert layer.num_batches_tracked.dtype == np.int64
    assert layer.running_mean.dtype == np.float32
    assert list(layer.state_dict()) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.BatchNorm1d(3), (4, 2)),
        (nn.BatchNorm1d(3), (4, 3, 2, 2)),
        (nn.BatchNorm1d(3), (3,)),
        (nn.BatchNorm2d(3), (4, 3)),
        (nn.BatchNorm2d(3), (3, 4, 4, 3)),
        (nn.BatchNorm1d(3), (1, 3)),
        (nn.BatchNorm2d(3), (0, 3, 2, 2)),
    ],
)
def test_batch_norm_refuses_what_it_cannot_normalise(layer, shape):
    before = layer.state_dict()
    with pytest.raises(ValueError, match=rf"{type(layer).__name__}: an input of shape .*{shape[0]}"):
        layer(np.ones(shape))
    assert all(np.array_equal(before[key], array) for key, array in layer.state_dict().items())


def test_one_sample_is_fine_in_evaluation_mode():
    assert nn.BatchNorm1d(3).eval()(np.ones((1, 3))).shape == (1, 3)


# -- parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "fan_in"), [(nn.Linear(400, 300, rng=0), 400), (nn.Conv2d(20, 60, (5, 4), rng=0), 400)]
)
def test_default_initialisation_is_uniform_within_one_over_the_root_of_fan_in(layer, fan_in):
    for p in layer.parameters():
        bound = 1 / math.sqrt(fan_in)
        assert abs(p.data).max() <= bound
        assert p.dtype == np.float32
        assert p.requires_grad
    assert abs(layer.weight.data).max() > 0.99 * bound
    assert abs(layer.weight.data.std() - bound / math.sqrt(3)) < 0.02 * bound


def test_one_generator_gives_layers_different_numbers_and_one_seed_the_same():
    rng = np.random.default_rng(0)
    first, second = nn.Linear(3, 2, rng=rng), nn.Linear(3, 2, rng=rng)
    assert not np.array_equal(first.weight.data, second.weight.data)
    np.testing.assert_array_equal(first.weight.data, nn.Linear(3, 2, rng=0).weight.data)
    assert not np.array_equal(nn.Linear(3, 2).weight.data, nn.Linear(3, 2).weight.data)
    wide = nn.Linear(3, 2, rng=0, dtype=np.float64)
    np.testing.assert_array_equal(first.weight.data, wide.weight.data.astype(np.float32))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.Linear(0, 2), ValueError, r"Linear: in_features=0"),
        (lambda: nn.Linear(2, 2.0), TypeError, r"Linear: out_features=2\.0 is a float; give an integer"),
        (lambda: nn.Linear(2, 2, dtype=int), TypeError, "int64"),
        (lambda: nn.Conv2d(1, 2, 0), ValueError, r"Conv2d: kernel_size=0"),
        (lambda: nn.Conv2d(1, 2, (1, 2, 3)), ValueError, r"Conv2d: kernel_size=\(1, 2, 3\)"),
        (lambda: nn.Conv2d(1, 2, 3, stride=0), ValueError, r"Conv2d: stride=0"),
        (lambda: nn.Conv2d(1, 2, 3, padding=-1), ValueError, r"Conv2d: padding=-1"),
        (lambda: nn.Conv2d(1, 2, 3, padding="same"), TypeError, r"Conv2d: padding='same' is a str"),
        (lambda: nn.MaxPool2d(2, stride=(1, 0)), ValueError, r"MaxPool2d: stride=0"),
        (lambda: nn.BatchNorm1d(-1), ValueError, r"BatchNorm1d: num_features=-1"),
        (lambda: nn.BatchNorm2d(1, eps=-1), ValueError, r"BatchNorm2d: eps=-1"),
        (lambda: nn.BatchNorm2d(1, momentum=2), ValueError, r"BatchNorm2d: momentum=2"),
    ],
)
def test_wrong_sizes_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


# -- inputs -----------------------------------------------------------------------------------------------------------

LAYERS = [
    (nn.Linear(3, 2, rng=0), (4, 3)),
    (nn.Conv2d(1, 2, 2, rng=0), (2, 1, 3, 3)),
    (nn.BatchNorm1d(3), (4, 3)),
    (nn.BatchNorm1d(3, affine=False), (4, 3)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_plain_numbers_are_taken_into_the_layers_dtype(layer, shape):
    numbers = np.arange(math.prod(shape)).reshape(shape)
    expected = _plain(layer(numbers.astype(np.float32)))
    for same in (numbers, numbers.astype(np.float64), numbers.astype(np.uint8), numbers.tolist()):
        out = _plain(layer(same))
        assert out.dtype == np.float32
        np.testing.assert_array_equal(out, expected)
    with pytest.raises(TypeError, match=rf"{type(layer).__name__}: the input is of dtype <U1; give real numbers"):
        layer(np.full(shape, "a"))


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
@pytest.mark.parametrize("dtype", ["float64", "float16", "int64"])
def test_a_tensor_of_another_dtype_is_refused(layer, shape, dtype):
    message = (
        rf"{type(layer).__name__}: the input is a Tensor of dtype {dtype} and the parameters are float32; .*astype"
    )
    with pytest.raises(TypeError, match=message):
        layer(Tensor(np.ones(shape), dtype=dtype))


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.Linear(3, 2), (4, 2), r"linear: .*\(4, 2\).*\(2, 3\)"),
        (nn.Conv2d(1, 2, 3), (1, 2, 5, 5), r"conv2d: .*\(1, 2, 5, 5\).*\(2, 1, 3, 3\)"),
        (nn.Conv2d(1, 2, 3), (1, 1, 2, 2), r"conv2d: .*\(3, 3\).*\(2, 2\)"),
        (nn.Conv2d(1, 2, 3), (5, 5), r"conv2d: .*\(5, 5\)"),
        (nn.MaxPool2d(3), (1, 1, 2, 2), r"max_pool2d: .*\(3, 3\).*\(2, 2\)"),
    ],
)
def test_inputs_of_the_wrong_shape_are_refused(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer(np.ones(shape))


# -- containers -------------------------------------------------------------------------------------------------------


def test_sequential_is_a_sequence():
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.ReLU(), nn.Linear(3, 1, rng=1))
    assert len(model) == 3
    assert list(model) == [model[0], model[1], model[2]]
    assert model[-1] is model[2]
    assert model.append(nn.Tanh()) is model
    assert isinstance(model[3], nn.Tanh)
    part = model[1:3]
    assert isinstance(part, nn.Sequential)
    assert list(part.state_dict()) == ["2.weight", "2.bias"]
    assert part[1] is model[2]
    assert list(part.append(nn.Linear(1, 1)).state_dict())[2:] == ["3.weight", "3.bias"]
    assert len(model) == 4
    model[2] = nn.Linear(3, 5)
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert model(np.ones((1, 2))).shape == (1, 5)
    with pytest.raises(IndexError):
        model[4]


def test_sequential_of_nothing_returns_its_input():
    x = np.ones(3)
    assert nn.Sequential()(x) is x


def test_sequential_takes_names():
    model = nn.Sequential({"first": nn.Linear(2, 3, rng=0), "act": nn.ReLU()})
    assert list(model.state_dict()) == ["first.weight", "first.bias"]
    assert model.first is model[0]
    assert "(act): ReLU()" in repr(model)
    for name in ("forward", "training", "", "a.b"):
        with pytest.raises(ValueError, match="cannot name a module"):
            nn.Sequential({name: nn.ReLU()})


@pytest.mark.parametrize(
    ("entry", "what"),
    [(nn.ReLU, "the class ReLU"), (np.tanh, "a ufunc"), ([nn.ReLU()], "a list"), (None, "a NoneType")],
)
def test_containers_take_modules_alone(entry, what):
    for make in (
        lambda: nn.Sequential(nn.Tanh(), entry),
        lambda: nn.ModuleList([nn.Tanh(), entry]),
        lambda: nn.Sequential(nn.Tanh()).append(entry),
        lambda: nn.Sequential(nn.Tanh()).__setitem__(0, entry),
    ):
        with pytest.raises(TypeError, match=rf"(Sequential|ModuleList): entry [01] is {what}; give instances"):
            make()


def test_module_list_is_a_list():
    layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    assert len(layers) == 3
    assert layers.append(nn.ReLU()) is layers
    assert layers.extend([nn.Tanh()]) is layers
    assert isinstance(layers[-1], nn.Tanh)
    assert next(iter(layers[1:])) is layers[1]
    assert list(layers[1:].state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert len(list(layers.parameters())) == 6
    layers[0] = nn.ReLU()
    assert len(list(layers.parameters())) == 4
    with pytest.raises(NotImplementedError, match="ModuleList"):
        layers(np.ones(2))


# -- training ---------------------------------------------------------------------------------------------------------


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


# -- against PyTorch --------------------------------------------------------------------------------------------------


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


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, (2, 3)]), st.sampled_from([None, 1]))
def test_relu_before_a_pooling_gives_the_same_bits_after_it(
    seed: int, kernel: int | tuple[int, int], stride: int | None
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, (2, 3, 6, 6)).astype(np.float32)  # with ties, also among what the ReLU sets to 0
    relu, pool = nn.ReLU(), nn.MaxPool2d(kernel, stride)
    results = []
    for forward in (nn.Sequential(relu, pool), lambda t: pool(relu(t))):
        t = Tensor(x, requires_grad=True)
        y = forward(t)
        weights = np.random.default_rng(0).normal(size=y.shape).astype(np.float32)
        (y * weights).sum().backward()
        results.append((y.data, t.grad))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])
