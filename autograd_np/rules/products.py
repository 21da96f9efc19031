"""Products of vectors, matrices and stacks of matrices."""

from typing import Any

import numpy as np

from autograd_np.primitives import defvjp, implements

defvjp(np.matmul, lambda g, _y, _a, b: _matmul_left(g, _a, b), lambda g, _y, a, _b: _matmul_right(g, a, _b))


def _matmul_left(g: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return g[..., None] * b
    if a.ndim == 1:
        return (b @ g[..., None])[..., 0]
    return g @ np.swapaxes(b, -1, -2)


def _matmul_right(g: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1:
        return g * a if b.ndim == 1 else a[:, None] * g[..., None, :]
    if b.ndim == 1:
        return (np.swapaxes(a, -1, -2) @ g[..., None])[..., 0]
    if b.ndim == 2 and a.ndim > 2:  # one matrix for the whole stack: one product instead of a stack and its sum
        return a.reshape(-1, a.shape[-1]).T @ g.reshape(-1, g.shape[-1])
    return np.swapaxes(a, -1, -2) @ g


@implements(np.dot)
def dot(a: Any, b: Any) -> Any:
    """Multiply vectors, matrices, or the last axis of `a` with the last but one of `b`; see `numpy.dot`."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    if np.ndim(b) <= 2:
        return a @ b
    rows, length = np.reshape(a, (-1, a.shape[-1])), b.shape[-2]
    columns = np.reshape(np.moveaxis(b, -2, 0), (length, -1))
    return (rows @ columns).reshape(a.shape[:-1] + b.shape[:-2] + b.shape[-1:])
