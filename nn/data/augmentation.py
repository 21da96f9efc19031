"""Augmentation: images that are turned, shifted, mirrored and made noisy at random, each in its own way.

A transform is called with a batch of images, a plain array of shape (N, H, W) or (N, C, H, W), floating or uint8, and
returns a new one of the same shape and dtype. The number of axes alone tells what they are, so that a single image is a
batch of one, ``image[np.newaxis]``. Labels stay what they are, for what is done to images in a training is to leave
their classes alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Compose", "GaussianNoise", "RandomAffine", "RandomHorizontalFlip", "RandomRotation", "RandomVerticalFlip"]

Array = NDArray[Any]
RNG = np.random.Generator | int | None


class Compose:
    """Several transforms, one after the other.

    Parameters
    ----------
    transforms : sequence of callable
        Each is called with what the one before returns.

    Attributes
    ----------
    transforms : list of callable
        What was given.

    Raises
    ------
    TypeError
        If there are none, or one of them cannot be called.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import data
    >>> rng = np.random.default_rng(0)
    >>> augment = data.Compose([data.RandomRotation(15, rng=rng), data.GaussianNoise(sigma=0.05, rng=rng)])
    >>> augment(np.zeros((32, 8, 8), np.float32)).shape
    (32, 8, 8)
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = list(transforms) if isinstance(transforms, list | tuple) else []
        if not self.transforms or not all(map(callable, self.transforms)):
            raise TypeError(
                f"Compose: transforms is {transforms!r}; give a list of transforms, one at least, such as "
                f"[RandomRotation(10), GaussianNoise(sigma=0.1)]"
            )

    def __call__(self, x: Any) -> Any:
        """Return what the last transform makes of it."""
        for transform in self.transforms:
            x = transform(x)
        return x


class RandomRotation:
    """Turn each image about its centre, by an angle of its own.

    Parameters
    ----------
    degrees : float or pair of float
        The angles are drawn evenly between these two, or from -degrees to degrees; the positive ones turn
        counter-clockwise.
    fill : float
        What the pixels are that come from outside the image.
    rng : numpy.random.Generator or int, optional
        The source of the angles, or its seed.

    Attributes
    ----------
    degrees : pair of float
        The smallest and the largest angle.
    rng : numpy.random.Generator
        The same state of it gives the same images, to the last bit.

    Raises
    ------
    ValueError
        If `degrees` or `fill` makes no sense; when called, if `fill` is no value of a pixel.
    TypeError
        When called, if the images are no array of floating or uint8 pixels.

    Notes
    -----
    A pixel is interpolated linearly between its four neighbours: torchvision's bilinear interpolation, which is not the
    default there.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import data
    >>> quarter = data.RandomRotation((90, 90))
    >>> quarter(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    array([[[2., 4.],
            [1., 3.]]])
    """

    def __init__(self, degrees: float | tuple[float, float], *, fill: float = 0.0, rng: RNG = None) -> None:
        self.degrees = _angles("RandomRotation", degrees)
        self.fill = _number("RandomRotation", "fill", fill)
        self.rng = np.random.default_rng(rng)

    def __call__(self, x: Array) -> Array:
        """Return the images, turned."""
        images = _images("RandomRotation", x, self.fill)
        angles = self.rng.uniform(*self.degrees, len(x))
        still, same = np.zeros((2, len(x))), np.ones(len(x))
        return _moved(images, -angles, still, same, self.fill).reshape(x.shape)


class RandomAffine:
    """Turn, scale and shift each image, by an angle, a factor and a distance of its own.

    Parameters
    ----------
    degrees : float or pair of float
        The angles, as in `RandomRotation`, but the positive ones turn **clockwise**, as they do in torchvision. 0 turns
        nothing.
    translate : pair of float, optional
        The farthest shifts to both sides and up and down, as parts of the width and the height: (0.1, 0.1) shifts
        images of 28 x 28 by at most 2.8 pixels, which is 3. Shifts are whole pixels.
    scale : pair of float, optional
        The smallest and the largest factor: 2 makes things twice as large.
    fill, rng
        As in `RandomRotation`.

    Attributes
    ----------
    degrees, translate, scale
        What was given, `degrees` as a pair.
    rng : numpy.random.Generator
        The same state of it gives the same images, to the last bit.

    Raises
    ------
    ValueError
        If an argument makes no sense; when called, if `fill` is no value of a pixel.
    TypeError
        When called, if the images are no array of floating or uint8 pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import data
    >>> shift = data.RandomAffine(0, translate=(0.5, 0), fill=9, rng=3)
    >>> shift(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    array([[[2., 9.],
            [4., 9.]]])
    """

    def __init__(
        self,
        degrees: float | tuple[float, float],
        translate: tuple[float, float] | None = None,
        scale: tuple[float, float] | None = None,
        *,
        fill: float = 0.0,
        rng: RNG = None,
    ) -> None:
        self.degrees = _angles("RandomAffine", degrees)
        self.translate = None if translate is None else _pair("RandomAffine", "translate", translate)
        self.scale = None if scale is None else _pair("RandomAffine", "scale", scale)
        self.fill = _number("RandomAffine", "fill", fill)
        self.rng = np.random.default_rng(rng)
        if self.translate and not all(0 <= part <= 1 for part in self.translate):
            raise ValueError(f"RandomAffine: translate={translate}; give parts of the width and height, from 0 to 1")
        if self.scale and not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"RandomAffine: scale={scale}; give the smallest factor, above 0, and then the largest")

    def __call__(self, x: Array) -> Array:
        """Return the images, turned, scaled and shifted."""
        images = _images("RandomAffine", x, self.fill)
        angles = self.rng.uniform(*self.degrees, len(x))
        farthest = np.multiply(self.translate or (0, 0), x.shape[:-3:-1])[:, np.newaxis]
        shifts = np.rint(self.rng.uniform(-farthest, farthest, (2, len(x))))
        factors = self.rng.uniform(*(self.scale or (1, 1)), len(x))
        return _moved(images, angles, shifts, factors, self.fill).reshape(x.shape)


class RandomHorizontalFlip:
    """Mirror each image with probability p: left becomes right.

    Parameters
    ----------
    p : float
        The probability, in [0, 1].
    rng : numpy.random.Generator or int, optional
        The source of the choices, or its seed.

    Attributes
    ----------
    p : float
        What was given.
    rng : numpy.random.Generator
        The same state of it gives the same images.

    Raises
    ------
    ValueError
        If p is not in [0, 1].
    TypeError
        When called, if the images are no array of floating or uint8 pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import data
    >>> data.RandomHorizontalFlip(p=1)(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    array([[[2., 1.],
            [4., 3.]]])
    """

    _axis = -1

    def __init__(self, p: float = 0.5, *, rng: RNG = None) -> None:
        self.p = _number(type(self).__name__, "p", p)
        if not 0 <= self.p <= 1:
            raise ValueError(f"{type(self).__name__}: p={p}; give a probability, from 0 to 1")
        self.rng = np.random.default_rng(rng)

    def __call__(self, x: Array) -> Array:
        """Return the images, some of them mirrored."""
        _images(type(self).__name__, x)
        result = np.array(x, order="C")
        chosen = self.rng.random(len(x)) < self.p
        result[chosen] = np.flip(x[chosen], self._axis)
        return result


class RandomVerticalFlip(RandomHorizontalFlip):
    """Turn each image upside down, as in a mirror, with probability p.

    Parameters, attributes and errors are those of `RandomHorizontalFlip`.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import data
    >>> data.RandomVerticalFlip(p=1)(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    array([[[3., 4.],
            [1., 2.]]])
    """

    _axis = -2


class GaussianNoise:
    """Add normal noise to each pixel.

    Parameters
    ----------
    sigma : float
        Its standard deviation, where pixels go from 0 to 1; those of uint8 go to 255, and so much more is added.
    clip : bool
        Clip floating pixels to [0, 1]. Images that were standardised need False; uint8 is always clipped.
    rng : numpy.random.Generator or int, optional
        The source of the noise, or its seed.

    Attributes
    ----------
    sigma, clip
        What was given.
    rng : numpy.random.Generator
        The same state of it gives the same images, to the last bit.

    Raises
    ------
    ValueError
        If `sigma` makes no sense; when called, if pixels to be clipped to [0, 1] are outside already.
    TypeError
        When called, if the images are no array of floating or uint8 pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import data
    >>> data.GaussianNoise(sigma=0.1, rng=0)(np.full((1, 1, 3), 0.5)).round(3)
    array([[[0.513, 0.487, 0.564]]])
    """

    def __init__(self, *, sigma: float = 0.1, clip: bool = True, rng: RNG = None) -> None:
        self.sigma = _number("GaussianNoise", "sigma", sigma)
        if self.sigma < 0:
            raise ValueError(f"GaussianNoise: sigma={sigma}; give a standard deviation of at least 0")
        self.clip = clip
        self.rng = np.random.default_rng(rng)

    def __call__(self, x: Array) -> Array:
        """Return the images with noise."""
        _images("GaussianNoise", x)
        whole = x.dtype == np.uint8
        if self.clip and not whole and x.size and not (x.min() >= 0 and x.max() <= 1):
            raise ValueError(
                f"GaussianNoise: the pixels go from {x.min():.4g} to {x.max():.4g}, and clip=True is for those from 0 "
                f"to 1; pass clip=False, with a sigma that suits them"
            )
        draw: Any = self.rng.standard_normal  # its stubs know of no dtype that is not written out
        result: Array = draw(x.shape, _precision(x))
        result *= self.sigma * 255 if whole else self.sigma
        result += x
        if self.clip and not whole:
            np.clip(result, 0, 1, out=result)
        return _like(x, result)


def _images(call: str, images: Array, fill: float = 0.0) -> Array:
    """Return a batch of images as (N, C, H, W), checked before anything is drawn."""
    if not isinstance(images, np.ndarray) or isinstance(images, np.ma.MaskedArray):  # pyright: ignore
        kind = type(images).__name__
        raise TypeError(f"{call}: the images are a {kind}; give a plain array, (N, H, W) or (N, C, H, W)")
    if images.dtype != np.uint8 and images.dtype.name not in ("float16", "float32", "float64"):
        raise TypeError(
            f"{call}: the pixels are of dtype {images.dtype}; give float32, float64, float16 or uint8: "
            f"x.astype(np.float32)"
        )
    if images.dtype == np.uint8 and fill not in range(256):
        raise ValueError(f"{call}: fill={fill}, and the pixels are uint8; give a whole number from 0 to 255")
    if images.ndim not in (3, 4):
        raise ValueError(
            f"{call}: a batch of images is (N, H, W) or (N, C, H, W), not {images.shape}; of a single image make a "
            f"batch of one, x[np.newaxis], and of rows of pixels images, x.reshape(len(x), height, width)"
        )
    return images[:, np.newaxis] if images.ndim == 3 else images


def _moved(images: Array, angles: Array, shifts: Array, factors: Array, fill: float) -> Array:
    """Return images (N, C, H, W), turned clockwise, scaled, and then shifted to the right and down.

    All are interpolated at once. They lie above one another in one picture, each in a frame of `fill`, so that a place
    outside an image is one in its frame, and no image has a part in its neighbours.
    """
    from scipy.ndimage import map_coordinates  # pyright: ignore[reportUnknownVariableType]
    from scipy.special import cosdg, sindg  # pyright: ignore  (exact at right angles)

    count, channels, height, width = images.shape
    # Where each pixel of the result is, seen from the centre, before all of it is shifted.
    down, right = np.ogrid[: float(height), : float(width)]
    right, down = (
        place - (length - 1) / 2 - shift[:, np.newaxis, np.newaxis]
        for place, length, shift in zip((right, down), (width, height), shifts, strict=True)
    )
    cos, sin = ((f(angles) / factors)[:, np.newaxis, np.newaxis] for f in (cosdg, sindg))
    # Where it comes from, counted in the frame: within it, and from the top of the whole picture.
    places = np.empty((2, count, height, width))
    np.subtract(cos * down + (height + 1) / 2, sin * right, out=places[0])
    np.add(cos * right + (width + 1) / 2, sin * down, out=places[1])
    for place, length in zip(places, (height, width), strict=True):
        np.clip(place, 0, length + 1, out=place)
    places[0] += (height + 2) * np.arange(count)[:, np.newaxis, np.newaxis]
    framed = np.full((channels, count, height + 2, width + 2), fill, _precision(images))
    framed[:, :, 1:-1, 1:-1] = images.swapaxes(0, 1)
    result = np.empty(images.shape, framed.dtype)
    for channel, picture in enumerate(framed.reshape(channels, count * (height + 2), width + 2)):
        result[:, channel] = map_coordinates(picture, places, framed.dtype, order=1, mode="nearest")
    return _like(images, result)


def _precision(images: Array) -> Any:
    """Return the dtype that is computed in."""
    return np.float64 if images.dtype.itemsize == 8 else np.float32


def _like(x: Array, result: Array) -> Array:
    """Return what was computed as an array of the shape and dtype of what was given."""
    if x.dtype == np.uint8:
        np.clip(np.rint(result, out=result), 0, 255, out=result)
    return result.astype(x.dtype, copy=False)


def _angles(call: str, degrees: Any) -> tuple[float, float]:
    """Return the smallest and the largest angle."""
    if isinstance(degrees, Real):
        degrees = (-degrees, degrees)  # pyright: ignore[reportOperatorIssue]
    low, high = _pair(call, "degrees", degrees)
    if not low <= high:
        raise ValueError(f"{call}: degrees from {low} to {high}; give the largest angle, from 0 on, or both in order")
    return low, high


def _pair(call: str, name: str, value: Any) -> tuple[float, float]:
    """Return two numbers, checked."""
    if not isinstance(value, tuple | list) or len(value) != 2:  # pyright: ignore[reportUnknownArgumentType]
        raise ValueError(f"{call}: {name}={value!r}; give two numbers")
    first, second = value  # pyright: ignore[reportUnknownVariableType]
    return _number(call, name, first), _number(call, name, second)


def _number(call: str, name: str, value: Any) -> float:
    """Return a number, checked."""
    if not isinstance(value, Real) or not math.isfinite(value):
        raise ValueError(f"{call}: {name} holds {value!r}; give a finite number")
    return float(value)
