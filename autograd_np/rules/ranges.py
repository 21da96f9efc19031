"""The range of numbers: results that are in range, though a step on the way to them overflows or underflows."""

from typing import Any

import numpy as np

from autograd_np.tensor import plain


def widened(x: Any) -> Any:
    """Return float16 numbers as float32, as NumPy's own means do: counts and sums may be too large for float16."""
    return x.astype(np.float32) if x.dtype.type is np.float16 else x


def times_power_of_2(x: Any, powers: Any) -> Any:
    """Return x 2^n, in two steps: the power alone may be larger than any number, or smaller."""
    limits = np.finfo(x.dtype)

    def in_range(n: Any) -> Any:
        return np.minimum(np.maximum(n, limits.minexp), limits.maxexp - 1)

    first = in_range(powers)
    one = limits.dtype.type(1)
    return x * np.ldexp(one, first) * np.ldexp(one, in_range(powers - first))


def logarithms(x: Any) -> Any:
    """Return the binary logarithms of absolute values; 0 for numbers that are 0 or infinite."""
    sizes = np.abs(plain(x))
    usual = np.isfinite(sizes) & (sizes != 0)
    return np.log2(np.where(usual, sizes, 1).astype(np.result_type(sizes, np.float64)))


def too_small(sizes: Any, order: float = 2) -> Any:
    """Tell which norms are so small that the sums of powers, of which they are roots, have lost digits."""
    return logarithms(sizes) < np.finfo(sizes.dtype).minexp / order


def scaled_along(x: Any, axis: Any) -> Any:
    """Return the vectors along an axis, each divided by a power of 2 so that its largest element is close to 1."""
    sizes = np.max(np.abs(plain(x)), axis=axis, keepdims=True, initial=0)
    return times_power_of_2(x, -np.rint(logarithms(sizes)).astype(int))
