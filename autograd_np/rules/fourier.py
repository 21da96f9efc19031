"""Fourier transforms: the matrix of each is symmetric, so that it is its own transpose.

A real transform keeps half of the spectrum, since the other half is its mirror image. Once each frequency is counted as
often as it occurs in the whole spectrum, `rfft` and `hfft` are each other's transposes, and so are `irfft` and `ihfft`.
"""

from typing import Any

import numpy as np

from autograd_np.primitives import defvjp
from autograd_np.rules.shaping import pad

defvjp(np.fft.fft, lambda g, _y, _a, n=None, axis=-1, norm=None: _fit(np.fft.fft(g, None, axis, norm), _a))
defvjp(np.fft.ifft, lambda g, _y, _a, n=None, axis=-1, norm=None: _fit(np.fft.ifft(g, None, axis, norm), _a))
defvjp(
    np.fft.rfft,
    lambda g, _y, _a, n=None, axis=-1, norm=None: _fit(
        np.fft.hfft(g / _occurrences(g, n or _a.shape[axis], axis), n or _a.shape[axis], axis, norm), _a
    ),
)
defvjp(
    np.fft.ihfft,
    lambda g, _y, _a, n=None, axis=-1, norm=None: _fit(
        np.fft.irfft(g / _occurrences(g, n or _a.shape[axis], axis), n or _a.shape[axis], axis, norm), _a
    ),
)
defvjp(
    np.fft.irfft,
    lambda g, _y, _a, n=None, axis=-1, norm=None: _fit(
        np.fft.ihfft(g, None, axis, norm) * _occurrences(g, g.shape[axis], axis), _a
    ),
)
defvjp(
    np.fft.hfft,
    lambda g, _y, _a, n=None, axis=-1, norm=None: _fit(
        np.fft.rfft(g, None, axis, norm) * _occurrences(g, g.shape[axis], axis), _a
    ),
)
defvjp(np.fft.fftshift, lambda g, _y, _x, axes=None: np.fft.ifftshift(g, axes))
defvjp(np.fft.ifftshift, lambda g, _y, _x, axes=None: np.fft.fftshift(g, axes))


def _fit(g: Any, a: Any) -> Any:
    """Crop the gradient to the shape of the argument where that was padded with zeros, and the reverse."""
    cropped = g[tuple(map(slice, a.shape))]
    missing = tuple((0, n - m) for n, m in zip(a.shape, cropped.shape, strict=True))
    return pad(cropped, width=missing) if any(after for _, after in missing) else cropped


def _occurrences(g: Any, n: int, axis: int) -> Any:
    """Return how often each frequency of half a spectrum occurs in the whole one, of length n."""
    counts = np.full(n // 2 + 1, 2, g.real.dtype)
    counts[0] = 1
    if n % 2 == 0:
        counts[-1] = 1
    return counts.reshape([-1 if i == axis % g.ndim else 1 for i in range(g.ndim)])
