"""Kinks: points where a rule picks one slope of several, which therefore has no slope of its own.

At 0 any slope from -1 to 1 is a subgradient of |x|, and the rules choose 0. Differentiated again, that choice would
give the second derivative 0 for |x|, and also for |x| ** 2, where 2 is right; so second derivatives are NaN there.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_np.primitives import defvjp, primitive_of
from autograd_np.tensor import Tensor, primitive


def kinked(part: Any, at: Callable[[], Any], *xs: Any, axis: Any = ()) -> Any:
    """Return a gradient as it is, but one whose derivatives with respect to `xs` are NaN at kinks.

    Parameters
    ----------
    part : array
        What a rule returns.
    at : callable
        Tells where the kinks are, for each element of `part`. It is called only if the sweep is recorded.
    *xs : array
        Arguments of the rule's function.
    axis : int or tuple of int
        Along which axes, counted from the back, the elements share a kink.
    """
    tensors = [x for x in xs if isinstance(x, Tensor)]
    if tensors and np.any(kinks := at()):
        for x in tensors:
            part = without_slope(part, x, at=kinks, axis=axis)
    return part


@primitive
def without_slope(part: Any, x: Any, at: Any = False, axis: Any = ()) -> Any:
    """Return `part`, which is no function of `x` at kinks."""
    return part


@primitive
def unknown(h: Any, at: Any = False, axis: Any = ()) -> Any:
    """Return h times NaN at kinks, but 0 for an h of 0: a kink that a result does not depend on does not spoil it."""
    asked = np.any(at & (h != 0), axis=axis, keepdims=True)
    return np.where(asked, np.nan, np.zeros_like(h))


defvjp(
    without_slope,
    lambda h, _y, _part, _x, at=False, axis=(): h,
    lambda h, _y, _part, x, at=False, axis=(): without_slope(unknown(h, at=at, axis=axis), x, at=at, axis=axis),
    broadcasts=True,
)
defvjp(unknown, lambda h, _y, _h, at=False, axis=(): unknown(h, at=at, axis=axis))
for _function in (without_slope, unknown):
    primitive_of(_function).batched = True  # they take each element by itself, or axes that are counted from the back
