"""Augmentation: what happens to images, exactly where it can be said exactly, and as often as it should otherwise.

Every transform is held to the same: all pixels that it takes, float16 to float64 and uint8; grey images and those with
channels; any order in memory, read-only arrays, no images at all. Pixels of other kinds and arrays of other shapes are
refused before anything is drawn.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor
from nn import data

MAKERS: dict[str, Callable[[Any], Any]] = {
    "rotation": lambda rng: data.RandomRotation(30, rng=rng),
    "affine": lambda rng: data.RandomAffine(30, (0.2, 0.2), (0.8, 1.2), rng=rng),
    "horizontal": lambda rng: data.RandomHorizontalFlip(rng=rng),
    "vertical": lambda rng: data.RandomVerticalFlip(rng=rng),
    "noise": lambda rng: data.GaussianNoise(sigma=0.2, rng=rng),
    "compose": lambda rng: flip_and_turn(np.random.default_rng(rng)),
}


def flip_and_turn(rng: np.random.Generator) -> Any:
    return data.Compose([data.RandomVerticalFlip(rng=rng), data.RandomRotation((5, 10), rng=rng)])


each = pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
GEOMETRIC = [name for name in MAKERS if name != "noise"]

LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "reversed": lambda array: np.flip(np.flip(array).copy()),
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
}


def pixels(shape: tuple[int, ...], dtype: Any = np.float32, seed: int = 0) -> Any:
    """Return images of noise, from 0 to 1, or to 255."""
    values = np.random.default_rng(seed).random(shape)
    return np.rint(255 * values).astype(dtype) if dtype == np.uint8 else values.astype(dtype)


@each
@given(
    shape=st.sampled_from([(0, 4, 5), (1, 1, 1), (6, 4, 5), (5, 3, 6, 4), (3, 1, 5, 5), (2, 0, 3, 3)]),
    dtype=st.sampled_from([np.float16, np.float32, np.float64, np.uint8]),
    layout=st.sampled_from(sorted(LAYOUTS)),
    seed=st.integers(0, 2**32),
)
def test_a_new_array_of_the_same_kind_whatever_the_order_in_memory(make, shape, dtype, layout, seed):
    plain = pixels(shape, dtype)
    x = LAYOUTS[layout](plain)
    x.flags.writeable = False
    rng, twin = np.random.default_rng(seed), np.random.default_rng(seed)
    y = make(rng)(x)
    assert not np.shares_memory(x, y)
    assert y.flags.writeable
    assert (type(y), y.shape, y.dtype) == (np.ndarray, x.shape, x.dtype)
    np.testing.assert_array_equal(x, plain)
    np.testing.assert_array_equal(y, make(twin)(plain))
    assert rng.bit_generator.state == twin.bit_generator.state


@each
def test_each_image_and_each_call_is_drawn_anew_and_a_state_gives_the_same(make):
    x = np.tile(pixels((1, 6, 6), seed=3), (40, 1, 1))
    transform = make(7)
    first, second = transform(x), transform(x)
    assert len(np.unique(first, axis=0)) > 1
    assert not np.array_equal(first, second)
    again = make(np.random.default_rng(7))
    np.testing.assert_array_equal([first, second], [again(x), again(x)])
    assert not np.array_equal(make(8)(x), first)
    if hasattr(transform, "rng"):
        state = transform.rng.bit_generator.state
        third = transform(x)
        transform.rng.bit_generator.state = state
        np.testing.assert_array_equal(transform(x), third)


@pytest.mark.parametrize("name", GEOMETRIC)
def test_channels_of_an_image_move_together(name):
    x = pixels((9, 3, 5, 6))
    moved = MAKERS[name](1)(x)
    for channel in range(3):
        np.testing.assert_array_equal(moved[:, channel], MAKERS[name](1)(x[:, channel]))


@pytest.mark.parametrize("name", GEOMETRIC)
def test_what_is_no_number_stays_in_its_image(name):
    x = pixels((7, 5, 5))
    x[3] = np.nan
    assert np.isnan(MAKERS[name](0)(x)).any(axis=(1, 2)).tolist() == [i == 3 for i in range(7)]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("size", [4, 5])
def test_right_angles_turn_as_rot90_does_counter_clockwise(size, dtype):
    x = pixels((3, 2, size, size), dtype)
    for quarters in range(-4, 5):
        turned = np.rot90(x, quarters, (2, 3))
        angle = 90 * quarters
        np.testing.assert_array_equal(data.RandomRotation((angle, angle))(x), turned, strict=True)
        np.testing.assert_array_equal(data.RandomAffine((-angle, -angle))(x), turned, strict=True)
    wide = pixels((3, 4, 7), dtype)
    np.testing.assert_array_equal(data.RandomRotation((180, 180))(wide), wide[:, ::-1, ::-1], strict=True)


def rolled(image: Any, right: int, down: int, fill: float) -> Any:
    """Return an image that was shifted, by `np.roll`."""
    result = np.roll(image, (down, right), (0, 1))
    rows, columns = np.indices(image.shape) - np.array([down, right]).reshape(2, 1, 1)
    inside = (rows >= 0) & (rows < image.shape[0]) & (columns >= 0) & (columns < image.shape[1])
    return np.where(inside, result, np.asarray(fill, image.dtype))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("fill", [0, 7])
def test_shifts_are_whole_pixels_as_roll_has_them_with_fill_for_what_comes_in(dtype, fill):
    image = pixels((6, 10), dtype)
    moved = data.RandomAffine(0, (0.2, 0.5), fill=fill, rng=0)(np.tile(image, (400, 1, 1)))
    # By 2 columns at most, and by 3 rows; the farthest are half as frequent, for their halves are rounded to them.
    counts = {(right, down): 0 for right in range(-2, 3) for down in range(-3, 4)}
    for shift in counts:
        counts[shift] = int((moved == rolled(image, *shift, fill)).all(axis=(1, 2)).sum())
    assert sum(counts.values()) == 400
    for farthest, axis in ((2, 0), (3, 1)):
        for k in range(-farthest, farthest + 1):
            share = sum(count for shift, count in counts.items() if shift[axis] == k) / 400
            assert share == pytest.approx((1 if abs(k) < farthest else 0.5) / (2 * farthest), abs=0.06)


# What torchvision 0.29 makes of np.arange(12).reshape(3, 4), with bilinear interpolation: turned by 25 degrees; by
# affine(angle=25, translate=(1, -1), scale=1.25).
TURNED = [[0.2589, 1.2966, 3.5958, 4.2433], [1.6048, 4.2016, 6.7984, 9.3952], [3.6539, 7.4042, 8.4096, 4.7985]]
MOVED = [[5.0735, 6.4410, 5.8137, 5.1863], [3.4487, 6.7188, 9.0519, 8.4246], [0.0000, 0.3887, 3.7376, 7.5769]]


def test_other_angles_and_factors_are_those_of_torchvision():
    x = np.tile(np.arange(12.0).reshape(3, 4), (50, 1, 1))
    np.testing.assert_allclose(data.RandomRotation((25, 25))(x)[0], TURNED, atol=1e-4)
    moved = data.RandomAffine((25, 25), (0.25, 1 / 3), (1.25, 1.25), rng=0)(x)
    assert len(np.unique(moved.round(6), axis=0)) == 9  # by one pixel or none to each side
    assert np.isclose(moved, MOVED, atol=1e-4).all(axis=(1, 2)).any()


@pytest.mark.parametrize("make", [data.RandomRotation, data.RandomAffine])
def test_fill_takes_the_part_that_the_image_has_not(make):
    x, fill = pixels((20, 5, 7), np.float64), 3.5
    part = 1 - make(60, rng=0)(np.ones_like(x))
    np.testing.assert_allclose(make(60, fill=fill, rng=0)(x), make(60, rng=0)(x) + fill * part, atol=1e-12)


def test_a_number_of_degrees_is_the_farthest_to_both_sides():
    assert data.RandomRotation(10).degrees == data.RandomAffine(10).degrees == (-10, 10)
    assert data.RandomRotation([20, 30.5]).degrees == (20, 30.5)


def uniform(values: Any, low: float, high: float) -> bool:
    """Tell whether values are spread evenly, by the largest distance of their distribution from the even one."""
    steps = (np.sort(values) - low) / (high - low)
    return bool(np.abs(steps - (np.arange(len(steps)) + 0.5) / len(steps)).max() < 1.6 / np.sqrt(len(steps)))


@pytest.mark.parametrize(
    ("make", "sign"),
    [(data.RandomRotation, -1), (data.RandomAffine, 1)],
)
def test_angles_are_spread_evenly(make, sign):
    rows, columns = np.indices((31, 31)) - 15.0
    spot = np.exp(-((columns - 10) ** 2 + rows**2) / 8)
    turned = make((-20, 70), rng=0)(np.tile(spot, (500, 1, 1)))
    angles = sign * np.degrees(np.arctan2((turned * rows).sum(axis=(1, 2)), (turned * columns).sum(axis=(1, 2))))
    assert uniform(angles, -20, 70)
    assert not uniform(angles, -30, 70)


def test_factors_are_spread_evenly():
    rows, columns = np.indices((41, 41)) - 20.0
    spot = np.exp(-(columns**2 + rows**2) / 32)
    scaled = data.RandomAffine(0, scale=(0.5, 1.5), rng=0)(np.tile(spot, (500, 1, 1)))
    assert uniform(np.sqrt(scaled.sum(axis=(1, 2)) / spot.sum()), 0.5, 1.5)


@pytest.mark.parametrize(("make", "axis"), [(data.RandomHorizontalFlip, -1), (data.RandomVerticalFlip, -2)])
def test_flips_mirror_so_many(make, axis):
    x = pixels((400, 2, 4, 5))
    np.testing.assert_array_equal(make(p=0)(x), x)
    np.testing.assert_array_equal(make(p=1)(x), np.flip(x, axis))
    for transform, share in ((make(rng=0), 0.5), (make(0.2, rng=0), 0.2)):
        y = transform(x)
        mirrored = (y == np.flip(x, axis)).all(axis=(1, 2, 3))
        assert (mirrored | (y == x).all(axis=(1, 2, 3))).all()
        assert mirrored.mean() == pytest.approx(share, abs=0.06)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_noise_is_normal_and_of_its_own_in_each_pixel(dtype):
    unit = 255 if dtype == np.uint8 else 1
    x = np.full((20, 30, 40), 0.4 * unit).astype(dtype)
    noise = (data.GaussianNoise(sigma=0.1, rng=0)(x).astype(np.float64) - x) / unit
    assert noise.mean() == pytest.approx(0, abs=0.003)
    assert noise.std() == pytest.approx(0.1, rel=0.03)
    assert (np.abs(noise) < 0.1).mean() == pytest.approx(0.683, abs=0.03)
    for shift in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
        assert np.mean(noise * np.roll(noise, shift, (0, 1, 2))) == pytest.approx(0, abs=0.0005)
    np.testing.assert_array_equal(data.GaussianNoise(sigma=0)(x), x)


def test_noise_is_clipped_unless_it_should_not_be():
    x = np.tile(np.float32([0, 1]), (5, 8, 8))
    low, high = (data.GaussianNoise(sigma=0.3, clip=clip, rng=0)(x) for clip in (True, False))
    np.testing.assert_array_equal(low, high.clip(0, 1))
    assert high.min() < 0
    assert high.max() > 1
    white = np.full((2, 20, 20), 255, np.uint8)
    for clip in (True, False):
        assert data.GaussianNoise(sigma=0.1, clip=clip, rng=0)(white).min() > 100  # nothing goes round from 255 to 0


def test_whole_pixels_are_rounded():
    x = pixels((2, 5, 5), np.uint8)
    exact = data.RandomRotation((30, 30))(x.astype(np.float64))
    np.testing.assert_array_equal(data.RandomRotation((30, 30))(x), np.rint(exact))
    assert (exact % 1 > 0.5).any()


def test_compose_goes_through_its_transforms_in_order():
    half, one = (lambda x: x / 2), (lambda x: x + 1)
    assert data.Compose([half, one])(4.0) == 3
    assert data.Compose((one, half)).transforms == [one, half]
    rng, twin = np.random.default_rng(0), np.random.default_rng(0)
    x = pixels((5, 4, 4))
    both = data.Compose([data.RandomHorizontalFlip(rng=rng), data.GaussianNoise(rng=rng)])
    np.testing.assert_array_equal(
        both(x), data.GaussianNoise(rng=twin)(data.RandomHorizontalFlip(rng=twin)(x)), strict=True
    )


def test_labels_stay_beside_their_images():
    x, y = pixels((30, 4, 4)), np.arange(30)
    augment = data.RandomHorizontalFlip(p=1)
    for images, labels in data.Batches(x, y, batch_size=7, rng=0):
        np.testing.assert_array_equal(augment(images), x[labels, :, ::-1])


@each
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.zeros((8, 8)), ValueError, r"not \(8, 8\); of a single image make a batch of one, x\[np.newaxis\]"),
        (np.zeros(8), ValueError, r"is \(N, H, W\) or \(N, C, H, W\), not \(8,\)"),
        (np.zeros((2, 1, 3, 4, 4)), ValueError, r"not \(2, 1, 3, 4, 4\)"),
        (np.zeros((2, 4, 4), np.int64), TypeError, r"of dtype int64; give float32.*x.astype\(np.float32\)"),
        (np.zeros((2, 4, 4), bool), TypeError, "of dtype bool"),
        (np.zeros((2, 4, 4), complex), TypeError, "of dtype complex128"),
        (np.zeros((2, 4, 4), np.longdouble), TypeError, "of dtype longdouble|of dtype float128"),
        (np.zeros((2, 4, 4), object), TypeError, "of dtype object"),
        ([[[0.0]]], TypeError, "the images are a list; give a plain array"),
        (Tensor(np.zeros((2, 4, 4))), TypeError, "the images are a Tensor; give a plain array"),
        (np.ma.zeros((2, 4, 4)), TypeError, "the images are a MaskedArray; give a plain array"),
    ],
)
def test_other_images_are_refused_before_anything_is_drawn(make, x, error, message):
    rng = np.random.default_rng(0)
    with pytest.raises(error, match=message):
        make(rng)(x)
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: data.RandomRotation(-5),
            "RandomRotation: degrees from 5.0 to -5.0; give the largest angle",
        ),
        (lambda: data.RandomRotation((5, -5)), r"degrees from 5.0 to -5.0; .*, or both in order"),
        (lambda: data.RandomRotation(np.nan), "degrees holds nan; give a finite number"),
        (lambda: data.RandomRotation((0, np.inf)), "degrees holds inf"),
        (lambda: data.RandomRotation((1, 2, 3)), r"degrees=\(1, 2, 3\); give two numbers"),
        (lambda: data.RandomRotation("10"), "degrees='10'; give two numbers"),
        (lambda: data.RandomRotation(10, fill=np.nan), "RandomRotation: fill holds nan"),
        (lambda: data.RandomAffine(10, fill=None), "RandomAffine: fill holds None"),
        (lambda: data.RandomAffine(-1), "RandomAffine: degrees from 1.0 to -1.0"),
        (lambda: data.RandomAffine(0, 0.1), "RandomAffine: translate=0.1; give two numbers"),
        (lambda: data.RandomAffine(0, (2, 0)), r"translate=\(2, 0\); give parts of the width and height, from 0 to 1"),
        (lambda: data.RandomAffine(0, (0, -0.1)), "translate="),
        (lambda: data.RandomAffine(0, scale=(0, 1)), r"scale=\(0, 1\); give the smallest factor, above 0"),
        (lambda: data.RandomAffine(0, scale=(1.2, 0.8)), "scale="),
        (lambda: data.RandomHorizontalFlip(1.5), "RandomHorizontalFlip: p=1.5; give a probability, from 0 to 1"),
        (lambda: data.RandomVerticalFlip(-0.1), "RandomVerticalFlip: p=-0.1"),
        (lambda: data.RandomVerticalFlip(np.nan), "RandomVerticalFlip: p holds nan"),
        (lambda: data.GaussianNoise(sigma=-1), "GaussianNoise: sigma=-1; give a standard deviation of at least 0"),
        (lambda: data.GaussianNoise(sigma=(0.1, 0.2)), r"GaussianNoise: sigma holds \(0.1, 0.2\)"),
        (lambda: data.GaussianNoise()(np.float32([[[-0.5, 2]]])), "the pixels go from -0.5 to 2, and clip=True"),
        (lambda: data.GaussianNoise()(np.float32([[[np.nan]]])), "the pixels go from nan to nan"),
        (lambda: data.RandomRotation(9, fill=0.5)(pixels((1, 2, 2), np.uint8)), "fill=0.5, and the pixels are uint8"),
        (lambda: data.RandomAffine(9, fill=256)(pixels((1, 2, 2), np.uint8)), "RandomAffine: fill=256.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("transforms", [[], [data.GaussianNoise(), 3], data.GaussianNoise(), None])
def test_compose_refuses_what_are_no_transforms(transforms):
    with pytest.raises(TypeError, match=r"Compose: transforms is .*; give a list of transforms, one at least"):
        data.Compose(transforms)
