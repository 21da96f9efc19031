"""What layers of every kind share: initial values, sizes, and the inputs that they take."""

import math

import numpy as np
import pytest

import nn
from autograd_np import Tensor
from tests.nn.layers.networks import plain


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
        (lambda: nn.Conv2d(1, 2, 3, padding="full"), TypeError, r"Conv2d: padding='full' is a str; .*same"),
        (lambda: nn.Conv2d(1, 2, 3, 2, "same"), ValueError, r"Conv2d: padding='same' with stride=2"),
        (lambda: nn.Conv2d(1, 2, 3, dilation=0), ValueError, r"Conv2d: dilation=0"),
        (lambda: nn.Conv2d(2, 3, 3, groups=2), ValueError, r"Conv2d: out_channels=3 cannot be cut into groups=2"),
        (lambda: nn.Conv2d(3, 2, 3, groups=2), ValueError, r"Conv2d: in_channels=3 cannot be cut into groups=2"),
        (lambda: nn.Conv2d(2, 2, 3, groups=0), ValueError, r"Conv2d: groups=0"),
        (lambda: nn.Conv2d(2, 2, 3, groups=1.0), TypeError, r"Conv2d: groups=1\.0 is a float"),
        (lambda: nn.Conv2d(2, 2, 3, padding_mode="wrap"), ValueError, r"Conv2d: unknown padding_mode 'wrap'"),
        (lambda: nn.Conv1d(1, 2, (3, 3)), ValueError, r"Conv1d: kernel_size=\(3, 3\)"),
        (lambda: nn.Conv1d(1, 2, 3, 1.5), TypeError, r"Conv1d: stride=1\.5 is a float"),
        (lambda: nn.ConvTranspose2d(3, 2, 3, groups=2), ValueError, r"ConvTranspose2d: in_channels=3 cannot be cut"),
        (lambda: nn.ConvTranspose2d(1, 2, 3, output_padding=-1), ValueError, r"ConvTranspose2d: output_padding=-1"),
        (lambda: nn.ConvTranspose1d(1, 2, 3, padding="same"), TypeError, r"ConvTranspose1d: padding='same' is a str"),
        (lambda: nn.MaxPool2d(2, stride=(1, 0)), ValueError, r"MaxPool2d: stride=\(1, 0\)"),
        (lambda: nn.MaxPool2d(2, dilation=0), ValueError, r"MaxPool2d: dilation=0"),
        (lambda: nn.MaxPool1d((2, 2)), ValueError, r"MaxPool1d: kernel_size=\(2, 2\)"),
        (lambda: nn.AvgPool2d(2.0), TypeError, r"AvgPool2d: kernel_size=2\.0 is a float"),
        (lambda: nn.AvgPool2d(2, divisor_override=0), ValueError, r"AvgPool2d: divisor_override=0"),
        (lambda: nn.AvgPool1d(0), ValueError, r"AvgPool1d: kernel_size=0"),
        (lambda: nn.AdaptiveAvgPool2d((1, 0)), ValueError, r"AdaptiveAvgPool2d: output_size=\(1, 0\)"),
        (lambda: nn.AdaptiveMaxPool2d((1, 2, 3)), ValueError, r"AdaptiveMaxPool2d: output_size=\(1, 2, 3\)"),
        (lambda: nn.AdaptiveAvgPool1d(None), TypeError, r"AdaptiveAvgPool1d: output_size=None"),
        (lambda: nn.PixelShuffle(0), ValueError, r"PixelShuffle: upscale_factor=0"),
        (lambda: nn.ZeroPad2d((1, 2)), ValueError, r"ZeroPad2d: padding=\(1, 2\); give an integer, or four"),
        (lambda: nn.ReflectionPad2d(1.5), TypeError, r"ReflectionPad2d: padding=1\.5; give an integer, or four"),
        (lambda: nn.BatchNorm1d(-1), ValueError, r"BatchNorm1d: num_features=-1"),
        (lambda: nn.BatchNorm2d(1, eps=-1), ValueError, r"BatchNorm2d: eps=-1"),
        (lambda: nn.BatchNorm2d(1, momentum=2), ValueError, r"BatchNorm2d: momentum=2"),
        (lambda: nn.BatchNorm3d(1.5), TypeError, r"BatchNorm3d: num_features=1\.5 is a float"),
        (lambda: nn.InstanceNorm1d(0), ValueError, r"InstanceNorm1d: num_features=0"),
        (lambda: nn.InstanceNorm2d(1, momentum=None), ValueError, r"InstanceNorm2d: momentum=None .*give 0\.1"),
        (lambda: nn.InstanceNorm2d(1, momentum=math.nan), ValueError, r"InstanceNorm2d: momentum=nan"),
        (lambda: nn.LayerNorm(0), ValueError, r"LayerNorm: normalized_shape=0"),
        (lambda: nn.LayerNorm([]), ValueError, r"LayerNorm: normalized_shape=\[\]"),
        (lambda: nn.LayerNorm((2, 1.0)), TypeError, r"LayerNorm: normalized_shape=\(2, 1\.0\) is a tuple"),
        (lambda: nn.LayerNorm(2, math.nan), ValueError, r"LayerNorm: eps=nan"),
        (lambda: nn.LayerNorm(2, dtype=int), TypeError, "int64"),
        (lambda: nn.RMSNorm(2, -1), ValueError, r"RMSNorm: eps=-1"),
        (lambda: nn.RMSNorm("2"), TypeError, r"RMSNorm: normalized_shape='2' is a str"),
        (lambda: nn.GroupNorm(2, 3), ValueError, r"GroupNorm: num_groups=2 does not divide num_channels=3"),
        (lambda: nn.GroupNorm(0, 3), ValueError, r"GroupNorm: num_groups=0"),
        (lambda: nn.GroupNorm(3, 3, -1e-5), ValueError, r"GroupNorm: eps=-1e-05"),
    ],
)
def test_wrong_sizes_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


LAYERS = [
    (nn.Linear(3, 2, rng=0), (4, 3)),
    (nn.Conv2d(1, 2, 2, rng=0), (2, 1, 3, 3)),
    (nn.Conv1d(1, 2, 2, rng=0), (2, 1, 3)),
    (nn.ConvTranspose2d(1, 2, 2, rng=0), (2, 1, 3, 3)),
    (nn.BatchNorm1d(3), (4, 3)),
    (nn.BatchNorm1d(3, affine=False), (4, 3)),
    (nn.LayerNorm(3), (4, 3)),
    (nn.RMSNorm(3), (4, 3)),
    (nn.GroupNorm(1, 3), (4, 3)),
    (nn.InstanceNorm1d(3, affine=True), (4, 3, 2)),
    (nn.InstanceNorm1d(3, track_running_stats=True), (3, 2)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_plain_numbers_are_taken_into_the_layers_dtype(layer, shape):
    numbers = np.arange(math.prod(shape)).reshape(shape)
    expected = plain(layer(numbers.astype(np.float32)))
    for same in (numbers, numbers.astype(np.float64), numbers.astype(np.uint8), numbers.tolist()):
        out = plain(layer(same))
        assert out.dtype == np.float32
        np.testing.assert_array_equal(out, expected)
    with pytest.raises(TypeError, match=rf"{type(layer).__name__}: the input is of dtype <U1; give real numbers"):
        layer(np.full(shape, "a"))


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
@pytest.mark.parametrize("dtype", ["int64", "bool", "complex128"])
def test_a_tensor_of_other_than_real_numbers_is_refused(layer, shape, dtype):
    message = (
        rf"{type(layer).__name__}: the input is a Tensor of dtype {dtype} and the parameters are float32; .*astype"
    )
    with pytest.raises(TypeError, match=message):
        layer(Tensor(np.ones(shape), dtype=dtype))


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
@pytest.mark.parametrize("dtype", ["float64", "float16"])
@pytest.mark.parametrize("call", ["__call__", "forward"])
def test_a_floating_tensor_is_taken_into_the_layers_dtype_and_gets_a_gradient_in_its_own(layer, shape, dtype, call):
    x = Tensor(np.arange(math.prod(shape)).reshape(shape) % 7, True, dtype)
    same = Tensor(x.data.astype(np.float32), True)
    for given in (x, same):
        out = getattr(layer, call)(given)
        assert out.dtype == np.float32
        out.sum().backward()
    assert x.grad.dtype == dtype
    np.testing.assert_array_equal(x.grad, same.grad.astype(dtype))


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.Linear(3, 2), (4, 2), r"linear: .*\(4, 2\).*\(2, 3\)"),
        (nn.Conv2d(1, 2, 3), (1, 2, 5, 5), r"conv2d: .*\(1, 2, 5, 5\).*\(2, 1, 3, 3\)"),
        (nn.Conv2d(1, 2, 3), (1, 1, 2, 2), r"conv2d: .*\(3, 3\).*\(2, 2\)"),
        (nn.Conv2d(1, 2, 3), (5, 5), r"conv2d: .*\(5, 5\)"),
        (nn.LayerNorm(3), (3, 4), r"layer_norm: .*\(3, 4\).*\(3,\)"),
        (nn.RMSNorm((2, 3)), (3,), r"rms_norm: .*\(3,\).*\(2, 3\)"),
        (nn.GroupNorm(1, 3), (2, 4), r"GroupNorm: .*\(2, 4\).*C = 3"),
        (nn.GroupNorm(1, 3, affine=False), (3,), r"GroupNorm: .*\(3,\)"),
        (nn.InstanceNorm1d(3), (2, 4, 5), r"InstanceNorm1d: .*\(2, 4, 5\).*\(C, L\) or \(N, C, L\) with C = 3"),
        (nn.InstanceNorm2d(3), (3, 4), r"InstanceNorm2d: .*\(3, 4\)"),
        (nn.InstanceNorm1d(3), (2, 3, 1), r"instance_norm: .*less than two values"),
        (nn.BatchNorm3d(3), (2, 3, 4, 4), r"BatchNorm3d: .*\(N, C, D, H, W\)"),
        (nn.Conv1d(1, 2, 3), (1, 1, 5, 5), r"conv1d: .*\(1, 1, 5, 5\)"),
        (nn.ConvTranspose2d(1, 2, 3), (1, 2, 5, 5), r"conv_transpose2d: .*\(1, 2, 5, 5\).*\(1, 2, 3, 3\)"),
        (nn.MaxPool2d(3), (1, 1, 2, 2), r"max_pool2d: .*\(3, 3\).*\(2, 2\)"),
    ],
)
def test_inputs_of_the_wrong_shape_are_refused(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer(np.ones(shape))
