"""Fourier transforms: the matrix of each is symmetric, so that it is its own transpose.

A real transform keeps half of the spectrum, since the other half is its mirror image. `rfft` and `hfft` are each
other's transposes, and so are `irfft` and `ihfft`, once a frequency counts as often as it occurs in the whole spectrum.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_np.primitives import defvjp, implements
from autograd_np.rules.arguments import no_out
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


def _several(function: Callable[..., Any], default: Any, last: Callable[..., Any], others: Callable[..., Any]) -> None:
    """Let a transform of several axes be one along each, the last one first unless it makes half a spectrum whole."""

    def call(a: Any, s: Any = None, axes: Any = default, norm: str | None = None, out: None = None) -> Any:
        no_out(f"np.fft.{function.__name__}", out)
        if axes is None and s is not None:
            raise TypeError(f"np.fft.{function.__name__}: s={s} without axes= is not supported on tensors; give both")
        axes = range(a.ndim) if axes is None else axes
        if not axes and last is not others:
            raise ValueError(f"np.fft.{function.__name__}: needs an axis at least, got shape {a.shape} and axes={axes}")
        if s is not None and len(s) != len(axes):
            raise ValueError(f"np.fft.{function.__name__}: s={s} and axes={axes} differ in length")
        whole = [-1] * len(axes) if s is None else s
        lengths = [a.shape[i] if n == -1 else n for n, i in zip(whole, axes, strict=True)]
        if s is None and last is np.fft.irfft:
            lengths[-1:] = [None]  # for twice as many, less the two that have no mirror image
        steps = list(zip([others] * (len(axes) - 1) + [last], lengths, axes, strict=False))
        for transform, n, axis in steps if last is np.fft.irfft else reversed(steps):
            a = transform(a, n, axis, norm)
        return a

    implements(function)(call)


_several(np.fft.fftn, None, np.fft.fft, np.fft.fft)
_several(np.fft.fft2, (-2, -1), np.fft.fft, np.fft.fft)
_several(np.fft.ifftn, None, np.fft.ifft, np.fft.ifft)
_several(np.fft.ifft2, (-2, -1), np.fft.ifft, np.fft.ifft)
_several(np.fft.rfftn, None, np.fft.rfft, np.fft.fft)
_several(np.fft.rfft2, (-2, -1), np.fft.rfft, np.fft.fft)
_several(np.fft.irfftn, None, np.fft.irfft, np.fft.ifft)
_several(np.fft.irfft2, (-2, -1), np.fft.irfft, np.fft.ifft)
