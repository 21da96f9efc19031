"""Fourier transforms along several axes: one after the other along each."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_np.primitives import implements
from autograd_np.rules.arguments import no_out


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
