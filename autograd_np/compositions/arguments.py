"""What subjects share: what they do with their arguments first."""

from typing import Any

import numpy as np

from autograd_np.tensor import as_array


def inexact(x: Any) -> Any:
    """Return an array of numbers that have a precision, whatever it was before."""
    x = as_array(x)
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


def atleast(x: Any, ndim: int) -> Any:
    """Give an array axes of length 1, where `numpy.atleast_3d` and its kin put them."""
    x = as_array(x)
    shape = x.shape
    if ndim == 3 and len(shape) in (1, 2):
        return np.reshape(x, (*(1, *shape)[-2:], 1))
    return np.reshape(x, (*(1,) * (ndim - len(shape)), *shape)) if len(shape) < ndim else x
