"""Functions of each element by itself: the parts of numbers, and choices among several."""

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from autograd_np.primitives import implements
from autograd_np.rules.elementwise import where
from autograd_np.tensor import Tensor, plain


@implements(np.frexp)
def frexp(x: Any) -> tuple[Any, Any]:
    """Split numbers into mantissas and powers of two, which are piecewise constant: a plain array."""
    exponent = np.frexp(plain(x))[1]
    return np.ldexp(x, -exponent), exponent


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """Return the angle of complex numbers; at 0 its gradient is 0."""
    imaginary: Any = np.imag(z) if z.dtype.kind == "c" else 0
    radians: Any = np.arctan2(imaginary, z.real)
    return radians * (180 / math.pi) if deg else radians


@implements(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """Return the real part if all imaginary parts are close to 0, else the complex numbers."""
    return a if np.iscomplexobj(cast(Any, np.real_if_close(plain(a), tol))) else np.real(a)


@implements(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """Choose elements by the first of several conditions that holds."""
    if len(condlist) != len(choicelist) or not condlist:
        raise ValueError(
            f"np.select: {len(condlist)} conditions and {len(choicelist)} choices; give one choice for each condition, "
            f"and at least one"
        )
    for i, condition in enumerate(condlist):
        if np.asarray(plain(condition)).dtype != bool:
            raise TypeError(f"np.select: condition {i} is not an array of booleans; compare it with something")
    values = (x if isinstance(x, int | float | complex | Tensor) else np.asarray(x) for x in (*choicelist, default))
    chosen = default if isinstance(default, Tensor) else np.asarray(default, np.result_type(*values))
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        chosen = where(condition, choice, chosen)
    return chosen
